/* SPDX-License-Identifier: Apache-2.0 */
/* Products of a reduction's Hessian with m tangents, forward over reverse, over one chunk.
 *
 * With D = dx restricted to the alphas of morph p, phi = g'/g, chi = g''/g - phi^2:
 *     t_p      = y_p sum_k D_k phi_pk                                   tangent of the morph: a small matrix product
 *     HV_k    += sum_i (d(adj_p) y_p + adj_p t_p) phi_pk + D_k sum_i adj_p y_p chi_pk
 * The last sum does not depend on the tangent and is kept apart as the diagonal. A dot product has its columns for phi, one for y
 * as the factor before phi, and neither chi nor the term with t_p.
 */
#include <string.h>

#include "tape/event_pass.h"

typedef struct hvp_chunk {
    const sbi_pass_task *task;
    sbi_chunk_space *space;
    const sbi_reduction *r;
    sbi_reduction_space *s;
    size_t j, n, first, m; /* reduction, row length, tangents [first, first + m) */
    const sbi_chunk *chunk;
} hvp_chunk;

static double *tangent_row(const hvp_chunk *h, size_t i, size_t p, size_t which)
{
    return h->space->tangents + ((which * SBI_TANGENT_BLOCK + i) * h->r->n_morphs + p) * h->task->pass->chunk;
}

static void morph_tangents(const hvp_chunk *h)
{
    const sbi_pass *pass = h->task->pass;
    for (size_t p = 0; p < h->r->n_morphs; p++) {
        const size_t first = pass->first_factor[h->r->morphs[p]], n = pass->first_factor[h->r->morphs[p] + 1] - first;
        for (size_t k = 0; k < n; k++)
            h->s->pair_x[k] = h->space->phi + (first + k) * pass->chunk;
        for (size_t i = 0; i < h->m; i++) {
            const double *dx = h->task->reductions[h->j].tangents + (h->first + i) * h->r->n_inputs;
            for (size_t k = 0; k < n; k++)
                h->s->factors[i * n + k] = dx[h->r->morph_inputs[p][k]];
            h->s->outputs[i] = tangent_row(h, i, p, 0);
        }
        h->task->kernels->combine(h->s->outputs, h->s->factors, h->s->pair_x, n, h->m, h->n);
        for (size_t i = 0; i < h->m; i++)
            h->task->kernels->product(h->s->outputs[i], h->s->outputs[i], h->s->scale[p], h->n);
    }
}

/* One tangent through the narrow part. */
static void narrow_tangent(const hvp_chunk *h, size_t i, double *out)
{
    const sbi_tape_kernels *kernels = h->task->kernels;
    const sbi_reduction *r = h->r;
    sbi_reduction_space *s = h->s;
    const double *dx = h->task->reductions[h->j].tangents + (h->first + i) * r->n_inputs;
    for (size_t p = 0; p < r->n_morphs; p++)
        s->tangent[p] = tangent_row(h, i, p, 0);
    for (size_t q = 0; q < r->n_scalars; q++)
        for (size_t e = 0; e < h->n; e++)
            s->tangent[r->n_morphs + q][e] = dx[r->scalar_inputs[q]];
    for (size_t v = 0; v < r->n_slots; v++)
        if (r->slot_active[v]) memset(s->adjoint_tangent[v], 0, h->n * sizeof(double));
    const sbi_narrow_rows rows = sbi_chunk_narrow(h->task, h->space, h->j, h->chunk);
    kernels->tangent(&rows);
    kernels->reverse_tangent(&rows);
    for (size_t p = 0; p < r->n_morphs; p++) {
        double *w = tangent_row(h, i, p, 1);
        if (!r->slot_active[p]) {
            memset(w, 0, h->n * sizeof(double));
            continue;
        }
        if (sbi_chunk_is_linear(h->task, h->j, p))
            memcpy(w, s->adjoint_tangent[p], h->n * sizeof(double));
        else
            kernels->product2(w, s->adjoint_tangent[p], s->value[p], s->adjoint[p], s->tangent[p], h->n);
        if (h->chunk->masked) kernels->mask(w, h->space->weight, h->n);
    }
    const size_t zero = 0;
    for (size_t q = 0; q < r->n_scalars; q++) {
        double *row = s->adjoint_tangent[r->n_morphs + q];
        if (h->chunk->masked) kernels->mask(row, h->space->weight, h->n);
        const double *x = row, *ones = h->space->ones;
        const size_t offset = h->task->reductions[h->j].hvp + (h->first + i) * r->n_inputs + (size_t)r->scalar_inputs[q];
        sbi_dot_job job = {.x = &x, .y = &ones, .nx = 1, .ny = 1, .terms = 1, .n = h->n};
        job.ox = &offset;
        job.oy = &zero;
        job.out = out;
        kernels->dots(&job);
    }
}

void sbi_chunk_hvp(const sbi_pass_task *task, sbi_chunk_space *space, size_t reduction, const sbi_chunk *chunk, double *out)
{
    const sbi_reduction *r = &task->pass->reductions[reduction];
    const sbi_reduction_task *rt = &task->reductions[reduction];
    hvp_chunk h = {.task = task, .space = space, .r = r, .s = &space->reductions[reduction], .j = reduction};
    h.n = chunk->n;
    h.chunk = chunk;
    const size_t zero = 0;
    for (size_t p = 0; p < r->n_morphs; p++) {
        if (sbi_chunk_is_linear(task, reduction, p)) continue;
        const double *x = h.s->scaled[p];
        sbi_chunk_factor_dots(task, reduction, p, &x, &zero, 1, space->chi, chunk->n, out + rt->diagonal);
    }
    for (h.first = 0; h.first < task->m; h.first += h.m) {
        h.m = task->m - h.first < SBI_TANGENT_BLOCK ? task->m - h.first : SBI_TANGENT_BLOCK;
        morph_tangents(&h);
        for (size_t i = 0; i < h.m; i++)
            narrow_tangent(&h, i, out);
        for (size_t p = 0; p < r->n_morphs; p++) {
            size_t offsets[SBI_TANGENT_BLOCK];
            for (size_t i = 0; i < h.m; i++) {
                h.s->pair_y[i] = tangent_row(&h, i, p, 1);
                offsets[i] = (h.first + i) * r->n_inputs;
            }
            sbi_chunk_factor_dots(task, reduction, p, h.s->pair_y, offsets, h.m, space->phi, chunk->n, out + rt->hvp);
        }
    }
}
