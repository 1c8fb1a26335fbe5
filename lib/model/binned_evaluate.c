/* SPDX-License-Identifier: Apache-2.0 */
/* Value and gradient of binned channels and constraints. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/binned.h"

/* A factor smaller than this is left out of a product rather than divided by. */
#define SMALL_FACTOR 1e-100

/* ---- interpolation ---- */

/* Code 4p: linear outside [-1, 1], a polynomial of degree six inside. */
static void set_alpha(double a, binned_alpha *out)
{
    if (a >= 1 || a <= -1) {
        const binned_alpha up = {{a, 1, 0}, {0, 0, 0}}, down = {{0, 0, 0}, {a, 1, 0}};
        *out = a >= 1 ? up : down;
        return;
    }
    const double s = a * a;
    const double q = s * (15 + s * (-10 + 3 * s)) / 16;
    const double q1 = a * (30 + s * (-40 + 18 * s)) / 16;
    const double q2 = (30 + s * (-120 + 90 * s)) / 16;
    *out = (binned_alpha){{0.5 * a + q, 0.5 + q1, q2}, {0.5 * a - q, 0.5 - q1, -q2}};
}

/* Code 4. */
static void interpolate(const binned_normsys *s, double x, double *f, double *f1, double *f2)
{
    if (x >= 1 || x <= -1) {
        const double slope = x >= 1 ? s->ln_high : -s->ln_low;
        *f = exp(x * slope);
        *f1 = slope * *f;
        *f2 = slope * *f1;
        return;
    }
    const double *a = s->a;
    *f = 1 + x * (a[0] + x * (a[1] + x * (a[2] + x * (a[3] + x * (a[4] + x * a[5])))));
    *f1 = a[0] + x * (2 * a[1] + x * (3 * a[2] + x * (4 * a[3] + x * (5 * a[4] + x * (6 * a[5])))));
    *f2 = 2 * a[1] + x * (6 * a[2] + x * (12 * a[3] + x * (20 * a[4] + x * (30 * a[5]))));
}

/* ---- products ---- */

binned_product sbi_binned_split(const binned_sample *s, uint32_t first, binned_work *w)
{
    binned_product p = {1, 0};
    for (uint32_t k = first; k < first + s->n_linear + s->n_normsys; k++) {
        if (fabs(w->f[k]) < SMALL_FACTOR) {
            w->zeros[p.n_zeros++] = k;
        } else {
            p.nonzero *= w->f[k];
            w->ratio[k] = w->f1[k] / w->f[k];
        }
    }
    return p;
}

double sbi_binned_leave_one(const binned_product *p, const binned_work *w, uint32_t k)
{
    double value = p->nonzero;
    int found = 0;
    for (uint32_t i = 0; i < p->n_zeros; i++) {
        found |= w->zeros[i] == k;
        value *= w->zeros[i] == k ? w->f1[k] : w->f[w->zeros[i]];
    }
    return found ? value : value * w->ratio[k];
}

/* ---- one channel ---- */

/* Fills f, f1, f2, product, base, gamma and lambda. */
static void expect(const sbi_binned *b, const binned_channel *c, const double *x, binned_work *w)
{
    const size_t n = c->n_bins;
    memset(w->lambda, 0, n * sizeof *w->lambda);
    for (uint32_t i = 0; i < c->n_samples; i++) {
        const binned_sample *s = &b->samples[c->sample + i];
        const uint32_t first = s->scalar - c->scalar;
        double product = 1;
        for (uint32_t k = 0; k < s->n_linear; k++) {
            w->f[first + k] = x[b->scalar_parameters[s->scalar + k]];
            w->f1[first + k] = 1;
            w->f2[first + k] = 0;
            product *= w->f[first + k];
        }
        for (uint32_t k = 0; k < s->n_normsys; k++) {
            const uint32_t at = first + s->n_linear + k;
            interpolate(&b->normsys[s->normsys + k], x[b->scalar_parameters[c->scalar + at]], &w->f[at], &w->f1[at], &w->f2[at]);
            product *= w->f[at];
        }
        w->product[i] = product;

        double *base = w->base + i * n, *gamma = w->gamma + i * n;
        const double *data = b->data + s->data;
        memcpy(base, data, n * sizeof *base);
        data += n;
        for (uint32_t k = 0; k < s->n_histosys; k++, data += 2 * n) {
            const binned_alpha *a = &w->alphas[b->histosys_alphas[s->histosys + k]];
            const double up = a->up[0], down = a->down[0];
            for (size_t j = 0; j < n; j++) base[j] += up * data[j] + down * data[n + j];
        }
        for (size_t j = 0; j < n; j++) gamma[j] = 1;
        for (uint32_t k = 0; k < s->n_gammas; k++) {
            const uint32_t *parameters = b->group_parameters + c->group + b->gammas[s->gamma + k] * n;
            for (size_t j = 0; j < n; j++) gamma[j] *= x[parameters[j]];
        }
        for (size_t j = 0; j < n; j++) w->lambda[j] += product * base[j] * gamma[j];
    }
}

/* The bins' terms without constants, their derivatives in w and z; 0: outside the domain. An empty bin's term is lambda
 * whatever its sign, as pyhf has it. The form n (d - ln(1 + d)), d = (lambda - n) / n, does not cancel where n is large. */
static int add_terms(const sbi_binned *b, const binned_channel *c, binned_work *w, double *value)
{
    const double *observed = b->data + c->observed;
    double sum = 0;
    for (size_t j = 0; j < c->n_bins; j++) {
        const double n = observed[j], lambda = w->lambda[j];
        if (!isfinite(lambda) || (n > 0 && !(lambda > 0))) return 0;
        if (n > 0) {
            const double d = (lambda - n) / n, share = n / lambda;
            sum += n * (d - log1p(d));
            w->w[j] = 1 - share;
            w->z[j] = share / lambda;
        } else {
            sum += lambda;
            w->w[j] = 1;
            w->z[j] = 0;
        }
    }
    *value += sum;
    return 1;
}

/* Product over a bin's own factors but `left`. */
static double leave_gamma(const sbi_binned *b, const binned_channel *c, const binned_sample *s, const double *x, size_t bin, uint32_t left)
{
    double product = 1;
    for (uint32_t k = 0; k < s->n_gammas; k++) {
        if (k != left) product *= x[b->group_parameters[c->group + b->gammas[s->gamma + k] * c->n_bins + bin]];
    }
    return product;
}

static void add_gradient(const sbi_binned *b, const binned_channel *c, const double *x, binned_work *w, double *gradient)
{
    const size_t n = c->n_bins;
    for (uint32_t i = 0; i < c->n_samples; i++) {
        const binned_sample *s = &b->samples[c->sample + i];
        const uint32_t first = s->scalar - c->scalar, n_scalars = s->n_linear + s->n_normsys;
        const double *base = w->base + i * n, *gamma = w->gamma + i * n, *data = b->data + s->data + n;
        const double product = w->product[i];
        double total = 0;
        for (size_t j = 0; j < n; j++) total += w->w[j] * gamma[j] * base[j];
        const binned_product split = sbi_binned_split(s, first, w);
        for (uint32_t k = 0; k < n_scalars; k++)
            gradient[b->scalar_parameters[s->scalar + k]] += total * sbi_binned_leave_one(&split, w, first + k);
        for (uint32_t k = 0; k < s->n_histosys; k++, data += 2 * n) {
            const uint32_t alpha = b->histosys_alphas[s->histosys + k];
            double up = 0, down = 0;
            for (size_t j = 0; j < n; j++) {
                const double weight = w->w[j] * gamma[j];
                up += weight * data[j];
                down += weight * data[n + j];
            }
            gradient[b->alpha_parameters[alpha]] += product * (up * w->alphas[alpha].up[1] + down * w->alphas[alpha].down[1]);
        }
        for (uint32_t k = 0; k < s->n_gammas; k++) {
            const uint32_t *parameters = b->group_parameters + c->group + b->gammas[s->gamma + k] * n;
            for (size_t j = 0; j < n; j++)
                gradient[parameters[j]] += w->w[j] * product * base[j] * leave_gamma(b, c, s, x, j, k);
        }
    }
}

/* ---- constraints ---- */

/* Value, first and second derivative without constants; 0: outside the domain. */
static int constrain(const binned_constraint *c, double x, double term[3])
{
    const double precision = 1 / (c->sigma * c->sigma);
    if (c->kind == SBI_CONSTRAINT_GAUSSIAN) {
        const double shift = x - c->center;
        term[0] = 0.5 * shift * shift * precision;
        term[1] = shift * precision;
        term[2] = precision;
        return 1;
    }
    if (c->kind == SBI_CONSTRAINT_POISSON) {
        if (c->center == 0) {
            term[0] = x * precision;
            term[1] = precision;
            term[2] = 0;
            return 1;
        }
        if (!(x > 0)) return 0;
        const double d = (x - c->center) / c->center;
        term[0] = c->center * precision * (d - log1p(d));
        term[1] = precision * (x - c->center) / x;
        term[2] = precision * c->center / (x * x);
        return 1;
    }
    if (!(x > 0)) return 0;
    const double t = log(x / c->center);
    term[0] = 0.5 * t * t * precision;
    term[1] = t * precision / x;
    term[2] = (1 - t) * precision / (x * x);
    return 1;
}

/* ---- all of it ---- */

static int evaluate(const sbi_binned *b, const double *x, double *value, double *gradient, double *hessian, binned_work *w)
{
    const size_t n = b->n_parameters;
    if (gradient) memset(gradient, 0, n * sizeof *gradient);
    if (hessian) memset(hessian, 0, n * n * sizeof *hessian);
    for (size_t k = 0; k < b->n_alphas; k++) set_alpha(x[b->alpha_parameters[k]], &w->alphas[k]);
    *value = 0;
    for (size_t i = 0; i < b->n_channels; i++) {
        const binned_channel *c = &b->channels[i];
        expect(b, c, x, w);
        if (!add_terms(b, c, w, value)) return 0;
        if (gradient) add_gradient(b, c, x, w, gradient);
        if (hessian) sbi_binned_add_hessian(b, c, x, w, hessian);
    }
    for (size_t i = 0; i < b->n_constraints; i++) {
        const binned_constraint *c = &b->constraints[i];
        double term[3];
        if (!constrain(c, x[c->parameter], term)) return 0;
        *value += term[0];
        if (gradient) gradient[c->parameter] += term[1];
        if (hessian) hessian[c->parameter * (n + 1)] += term[2];
    }
    *value += b->constant;
    return 1;
}

sbi_status sbi_binned_evaluate(const double *x, size_t n, double *value, double *gradient, double *hessian, void *binned)
{
    const sbi_binned *b = binned;
    SBI_REQUIRE(n == b->n_parameters, "binned channels: %zu parameters, %zu expected", n, b->n_parameters);
    binned_work *w;
    SBI_TRY(sbi_binned_take(b, &w));
    if (!evaluate(b, x, value, gradient, hessian, w)) *value = INFINITY;
    sbi_binned_give(b, w);
    return SBI_OK;
}

sbi_status sbi_binned_expected(const sbi_binned *b, size_t channel, const double *x, double *total, double *samples)
{
    binned_work *w;
    SBI_TRY(sbi_binned_take(b, &w));
    for (size_t k = 0; k < b->n_alphas; k++) set_alpha(x[b->alpha_parameters[k]], &w->alphas[k]);
    for (size_t i = 0; i < b->n_channels; i++) {
        const binned_channel *c = &b->channels[i];
        if (c->index != channel) continue;
        expect(b, c, x, w);
        if (total) memcpy(total, w->lambda, c->n_bins * sizeof *total);
        for (size_t k = 0; samples && k < c->n_samples * c->n_bins; k++)
            samples[k] = w->product[k / c->n_bins] * w->base[k] * w->gamma[k];
    }
    sbi_binned_give(b, w);
    return SBI_OK;
}

/* ---- scratch memory ---- */

binned_work *sbi_binned_work_create(const sbi_binned *b)
{
    const size_t doubles = 6 * b->n_alphas + 5 * b->most_scalars + 2 * b->most_cells + b->most_samples + 3 * b->most_bins +
                           b->most_jacobian + b->most_locals * b->most_locals;
    binned_work *w = sbi_alloc(b->ctx, sizeof *w + doubles * sizeof(double) + b->most_scalars * sizeof(uint32_t));
    if (!w) return NULL;
    double *p = (double *)(w + 1);
    w->alphas = (binned_alpha *)p;
    p += 6 * b->n_alphas;
    double **const scalars[] = {&w->f, &w->f1, &w->f2, &w->first, &w->ratio};
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++, p += b->most_scalars) *scalars[i] = p;
    w->base = p;
    w->gamma = p + b->most_cells;
    p += 2 * b->most_cells;
    w->product = p;
    p += b->most_samples;
    double **const bins[] = {&w->lambda, &w->w, &w->z};
    for (size_t i = 0; i < sizeof bins / sizeof bins[0]; i++, p += b->most_bins) *bins[i] = p;
    w->jacobian = p;
    p += b->most_jacobian;
    w->matrix = p;
    p += b->most_locals * b->most_locals;
    w->zeros = (uint32_t *)p;
    return w;
}

/* What is in the pool belongs to nobody: taking and giving exchange pointers, so no thread waits for another. */
sbi_status sbi_binned_take(const sbi_binned *b, binned_work **out)
{
    sbi_binned *shared = (sbi_binned *)(uintptr_t)b;
    for (size_t i = 0; i < BINNED_POOL; i++) {
        *out = atomic_exchange_explicit(&shared->pool[i], NULL, memory_order_acquire);
        if (*out) return SBI_OK;
    }
    *out = sbi_binned_work_create(b);
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

void sbi_binned_give(const sbi_binned *b, binned_work *w)
{
    sbi_binned *shared = (sbi_binned *)(uintptr_t)b;
    for (size_t i = 0; i < BINNED_POOL; i++) {
        binned_work *empty = NULL;
        if (atomic_compare_exchange_strong_explicit(&shared->pool[i], &empty, w, memory_order_release, memory_order_relaxed)) return;
    }
    sbi_free(b->ctx, w);
}
