/* SPDX-License-Identifier: Apache-2.0 */
/* The exact second derivative of a reduction over one chunk, all of it or chosen rows.
 *
 * The narrow part has as inputs z the outputs y_p of the morphs and some scalars; M = d2f/dz2, an event at a time, comes from a
 * tangent for each morph and scalar. With a_p = y_p df/dy_p and K_pq = y_p M_pq y_q + delta_pq a_p,
 *     H_kl = sum_i sum_p phi_pk T_pl + delta_kl sum_i sum_p a_p chi_pk,   T_pl = sum_q K_pq phi_ql
 * for alphas k, l, and sum_i sum_p (M_sp y_p) phi_pl for a scalar s and an alpha l. For a dot product y_p = sum_k theta_k c_pk the
 * rows phi are the columns c, with 1 for the factor y_p, and its own second derivative, a_p in K_pp and chi, is zero.
 *
 * Where all morphs may be multiplied by one number (homogeneous.c), which is the case of a mixture's logarithm, sum_q K_pq = 0 and the
 * sums over p and q run over the differences from the phi of one morph instead: one term less.
 *
 * An element is always computed as phi_p,min(k,l) T_p,max(k,l), whichever rows are asked for, so rows have the bits of the
 * full Hessian.
 */
#include <string.h>

#include "tape/event_pass.h"

typedef struct hessian_chunk {
    const sbi_pass_task *task;
    sbi_chunk_space *space;
    const sbi_reduction *r;
    const sbi_reduction_task *rt;
    sbi_reduction_space *s;
    size_t j, n;
    const sbi_chunk *chunk;
    double *out; /* the Hessian's rows */
} hessian_chunk;

/* Adds to the element of inputs a and b, if a row that holds it is wanted. */
static void add_element(const hessian_chunk *h, int32_t a, int32_t b, double value)
{
    const int32_t low = a < b ? a : b, high = a < b ? b : a;
    if (h->rt->row_of[low] >= 0)
        h->out[(size_t)h->rt->row_of[low] * h->r->n_inputs + (size_t)high] += value;
    else if (h->rt->row_of[high] >= 0)
        h->out[(size_t)h->rt->row_of[high] * h->r->n_inputs + (size_t)low] += value;
}

/* Row sums through the dot kernel, so that they are summed like everything else. */
static double row_sum(const hessian_chunk *h, const double *row)
{
    double sum = 0.0;
    const double *ones = h->space->ones;
    const size_t zero = 0;
    sbi_dot_job job = {.x = &row, .y = &ones, .nx = 1, .ny = 1, .terms = 1, .n = h->n, .ox = &zero, .oy = &zero, .out = &sum};
    h->task->kernels->dots(&job);
    return sum;
}

/* M for one narrow input, in the adjoint tangents of the inputs. */
static void narrow_tangent(const hessian_chunk *h, size_t input)
{
    const sbi_reduction *r = h->r;
    sbi_reduction_space *s = h->s;
    for (size_t v = 0; v < r->n_morphs + r->n_scalars; v++)
        s->tangent[v] = v == input ? h->space->ones : h->space->zeros;
    for (size_t v = 0; v < r->n_slots; v++)
        if (r->slot_active[v]) memset(s->adjoint_tangent[v], 0, h->n * sizeof(double));
    const sbi_narrow_rows rows = sbi_chunk_narrow(h->task, h->space, h->j, h->chunk);
    h->task->kernels->tangent(&rows);
    h->task->kernels->reverse_tangent(&rows);
}

/* K and M_sp y_p for all pairs; scalar pairs are finished here. */
static void couple(const hessian_chunk *h)
{
    const sbi_tape_kernels *kernels = h->task->kernels;
    const sbi_reduction *r = h->r;
    sbi_reduction_space *s = h->s;
    const size_t w = r->n_morphs, n = h->n;
    for (size_t p = 0; p < w; p++) {
        if (!r->slot_active[p]) {
            for (size_t q = 0; q < w; q++)
                memset(s->coupling[p < q ? p * w + q : q * w + p], 0, n * sizeof(double));
            for (size_t q = 0; q < r->n_scalars; q++)
                memset(s->mixed[q * w + p], 0, n * sizeof(double));
            continue;
        }
        narrow_tangent(h, p);
        for (size_t q = p; q < w; q++) {
            double *k = s->coupling[p * w + q];
            s->coupling[q * w + p] = k;
            if (!r->slot_active[q]) {
                memset(k, 0, n * sizeof(double));
                continue;
            }
            kernels->product(k, s->adjoint_tangent[q], s->scale[p], n);
            kernels->product(k, k, s->scale[q], n);
            if (h->chunk->masked) kernels->mask(k, h->space->weight, n);
            if (q == p && !sbi_chunk_is_linear(h->task, h->j, p))
                kernels->product2(k, k, h->space->ones, s->scaled[p], h->space->ones, n);
        }
        for (size_t q = 0; q < r->n_scalars; q++) {
            double *m = s->mixed[q * w + p];
            kernels->product(m, s->adjoint_tangent[w + q], s->scale[p], n);
            if (h->chunk->masked) kernels->mask(m, h->space->weight, n);
        }
    }
    for (size_t q = 0; q < r->n_scalars; q++) {
        narrow_tangent(h, w + q);
        for (size_t o = q; o < r->n_scalars; o++) {
            double *m = s->adjoint_tangent[w + o];
            if (h->chunk->masked) kernels->mask(m, h->space->weight, n);
            add_element(h, r->scalar_inputs[q], r->scalar_inputs[o], row_sum(h, m));
        }
    }
}

static void add_diagonal(const hessian_chunk *h)
{
    const sbi_reduction *r = h->r;
    const size_t zero = 0;
    memset(h->s->sums, 0, r->n_alphas * sizeof(double));
    for (size_t p = 0; p < r->n_morphs; p++) {
        if (sbi_chunk_is_linear(h->task, h->j, p)) continue;
        const double *x = h->s->scaled[p];
        sbi_chunk_factor_dots(h->task, h->j, p, &x, &zero, 1, h->space->chi, h->n, h->s->sums);
    }
    for (size_t a = 0; a < r->n_alphas; a++)
        add_element(h, (int32_t)a, (int32_t)a, h->s->sums[a]);
}

/* T_pl, over chi's memory where they share it. */
static void mix(const hessian_chunk *h)
{
    const sbi_reduction *r = h->r;
    const size_t w = r->n_morphs, chunk = h->task->pass->chunk;
    for (size_t l = 0; l < r->n_alphas; l++) {
        for (size_t p = 0; p < w; p++) {
            h->s->outputs[p] = h->space->t + (p * r->n_alphas + l) * chunk;
            h->s->pair_x[p] = h->s->phi[p * r->n_alphas + l];
        }
        h->task->kernels->mix(h->s->outputs, (const double *const *)h->s->coupling, h->s->pair_x, w, h->n);
    }
}

/* The same with phi - phi_reference in phi's place, of the other morphs only (homogeneous.c). Every morph has the alphas that the
 * reference has. */
static void mix_differences(const hessian_chunk *h)
{
    const sbi_reduction *r = h->r;
    const size_t w = r->n_morphs, chunk = h->task->pass->chunk, alphas = r->n_alphas, reference = (size_t)r->reference;
    size_t i = 0;
    for (size_t p = 0; p < w; p++)
        for (size_t q = 0; q < w; q++)
            if (p != reference && q != reference) h->s->coupling_rest[i++] = h->s->coupling[p * w + q];
    const double *const *coupling = (const double *const *)h->s->coupling_rest;
    for (size_t l = 0; l < alphas; l++) {
        const double *subtract = h->s->phi[reference * alphas + l];
        i = 0;
        for (size_t p = 0; p < w; p++) {
            if (p == reference) continue;
            h->s->outputs[i] = h->space->t + (p * alphas + l) * chunk;
            h->s->pair_x[i] = h->s->differences[i] = h->s->phi[p * alphas + l];
            i++;
        }
        if (subtract)
            h->task->kernels->mix_differences(h->s->outputs, coupling, h->s->differences, subtract, w - 1, h->n);
        else
            h->task->kernels->mix(h->s->outputs, coupling, h->s->pair_x, w - 1, h->n);
    }
}

/* Products phi_k T_l for k in one set of alphas and l in another, k <= l. Rows: k in the wanted ones, or not. */
static void add_products(const hessian_chunk *h, int k_wanted)
{
    const sbi_reduction *r = h->r;
    sbi_reduction_space *s = h->s;
    const size_t w = r->n_morphs, chunk = h->task->pass->chunk, alphas = r->n_alphas, inputs = r->n_inputs;
    size_t nx = 0, ny = 0;
    for (size_t a = 0; a < alphas; a++) {
        const int32_t row = h->rt->row_of[a];
        if ((row >= 0) == k_wanted) {
            s->offset_x[nx] = k_wanted ? (size_t)row * inputs : a;
            s->index_x[nx++] = (int32_t)a;
        }
        if (k_wanted || row >= 0) {
            s->offset_y[ny] = k_wanted ? a : (size_t)row * inputs;
            s->index_y[ny++] = (int32_t)a;
        }
    }
    if (nx == 0 || ny == 0) return;
    const size_t without = sbi_chunk_takes_differences(h->task, h->j) ? (size_t)r->reference : w;
    size_t terms = 0;
    for (size_t p = 0; p < w; p++) {
        if (p == without) continue;
        for (size_t i = 0; i < nx; i++) {
            const double *phi = s->phi[p * alphas + (size_t)s->index_x[i]];
            s->pair_x[terms * nx + i] = phi ? phi : h->space->zeros;
        }
        for (size_t i = 0; i < ny; i++)
            s->pair_y[terms * ny + i] = h->space->t + (p * alphas + (size_t)s->index_y[i]) * chunk;
        terms++;
    }
    sbi_dot_job job = {.x = s->pair_x, .y = s->pair_y, .nx = nx, .ny = ny, .terms = terms, .n = h->n};
    job.ox = s->offset_x;
    job.oy = s->offset_y;
    job.ix = s->index_x;
    job.iy = s->index_y;
    job.out = h->out;
    h->task->kernels->dots(&job);
}

/* Pairs of a scalar and an alpha. A scalar that is an alpha too stands on both sides of its own diagonal element. */
static void add_mixed(const hessian_chunk *h)
{
    const sbi_reduction *r = h->r;
    sbi_reduction_space *s = h->s;
    const size_t w = r->n_morphs, alphas = r->n_alphas;
    memset(s->sums, 0, r->n_scalars * alphas * sizeof(double));
    for (size_t q = 0; q < r->n_scalars; q++) {
        const int whole = h->rt->row_of[r->scalar_inputs[q]] >= 0;
        size_t ny = 0;
        for (size_t a = 0; a < alphas; a++)
            if (whole || h->rt->row_of[a] >= 0) s->index_y[ny++] = (int32_t)a;
        for (size_t p = 0; p < w; p++) {
            size_t present = 0;
            for (size_t i = 0; i < ny; i++) {
                const double *phi = s->phi[p * alphas + (size_t)s->index_y[i]];
                if (!phi) continue;
                s->pair_y[present] = phi;
                s->offset_y[present++] = (size_t)s->index_y[i];
            }
            const double *x = s->mixed[q * w + p];
            const size_t offset = q * alphas;
            sbi_dot_job job = {.x = &x, .y = s->pair_y, .nx = 1, .ny = present, .terms = 1, .n = h->n};
            job.ox = &offset;
            job.oy = s->offset_y;
            job.out = s->sums;
            h->task->kernels->dots(&job);
        }
        for (size_t i = 0; i < ny; i++) {
            const int32_t a = s->index_y[i], b = r->scalar_inputs[q];
            const double value = s->sums[q * alphas + (size_t)a];
            add_element(h, a, b, a == b ? 2.0 * value : value);
        }
    }
}

void sbi_chunk_hessian(const sbi_pass_task *task, sbi_chunk_space *space, size_t reduction, const sbi_chunk *chunk,
                       double *out)
{
    hessian_chunk h = {.task = task, .space = space, .r = &task->pass->reductions[reduction], .j = reduction};
    h.rt = &task->reductions[reduction];
    h.s = &space->reductions[reduction];
    h.n = chunk->n;
    h.chunk = chunk;
    h.out = out + h.rt->hessian;
    if (h.rt->n_rows == 0) return;
    couple(&h);
    if (h.r->n_alphas == 0) return;
    add_diagonal(&h);
    add_mixed(&h);
    if (sbi_chunk_takes_differences(task, reduction))
        mix_differences(&h);
    else
        mix(&h);
    add_products(&h, 1);
    add_products(&h, 0);
}
