/* SPDX-License-Identifier: Apache-2.0 */
/* The step solves the trust-region problem over the free parameters; those that would leave the box are put on their
 * bound, and the problem is solved again for the rest, with the displacement known. A parameter on its bound that the
 * model wants to leave again is released, once. If the result gains much less than the best point on the projected
 * gradient path, that point is taken instead, which is what guarantees convergence (Conn, Gould, Toint, theorem 12.2). */
#include "fit/bounds.h"

#include <math.h>
#include <string.h>

void sbi_fit_find_limits(size_t n, const double *x, const double *g, const double *lower, const double *upper,
                         const int32_t *fixed, int32_t *state)
{
    for (size_t k = 0; k < n; k++) {
        if (fixed[k] || lower[k] >= upper[k]) state[k] = SBI_FIT_FIXED;
        else if (x[k] <= lower[k] && g[k] > 0) state[k] = SBI_FIT_AT_LOWER;
        else if (x[k] >= upper[k] && g[k] < 0) state[k] = SBI_FIT_AT_UPPER;
        else state[k] = SBI_FIT_FREE;
    }
}

size_t sbi_fit_free_list(size_t n, const int32_t *state, size_t *list)
{
    size_t m = 0;
    for (size_t k = 0; k < n; k++)
        if (state[k] == SBI_FIT_FREE) list[m++] = k;
    return m;
}

sbi_status sbi_fit_decompose(sbi_spectrum *s, const double *H, const double *scale, size_t n, const size_t *list,
                             size_t m)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++)
            s->matrix[i * m + j] = H[list[i] * n + list[j]] * scale[list[i]] * scale[list[j]];
    return sbi_spectrum_compute(s, m);
}

/* scratch = g + H p */
static void model_gradient(const sbi_fit_quadratic *q, const double *p, double *out)
{
    for (size_t i = 0; i < q->n; i++) {
        double sum = q->g[i];
        const double *row = q->H + i * q->n;
        for (size_t j = 0; j < q->n; j++) sum += row[j] * p[j];
        out[i] = sum;
    }
}

double sbi_fit_model_change(const sbi_fit_quadratic *q, const double *p, double *scratch)
{
    model_gradient(q, p, scratch);
    double change = 0;
    for (size_t i = 0; i < q->n; i++) change += 0.5 * p[i] * (q->g[i] + scratch[i]);
    return change;
}

static double clip(double x, double lower, double upper)
{
    return x < lower ? lower : x > upper ? upper : x;
}

/* The projected gradient path, halved until the model's decrease is a fair part of what the slope promises. */
static double cauchy_step(const sbi_fit_quadratic *q, double radius, double *scratch, double *p)
{
    double norm = 0;
    for (size_t k = 0; k < q->n; k++)
        if (q->state[k] == SBI_FIT_FREE) norm += q->g[k] * q->scale[k] * q->g[k] * q->scale[k];
    norm = sqrt(norm);
    double t = norm > 0 ? radius / norm : 0;
    for (int i = 0; i < 50; i++, t *= 0.5) {
        double slope = 0;
        for (size_t k = 0; k < q->n; k++) {
            p[k] = 0;
            if (q->state[k] != SBI_FIT_FREE) continue;
            double to = q->x[k] - t * q->scale[k] * q->scale[k] * q->g[k];
            p[k] = clip(to, q->lower[k], q->upper[k]) - q->x[k];
            slope += p[k] * q->g[k];
        }
        double change = sbi_fit_model_change(q, p, scratch);
        if (change <= 0.1 * slope) return change;
    }
    memset(p, 0, q->n * sizeof *p);
    return 0;
}

/* Puts parameters that leave the box on its edge; returns how many. */
static size_t hit_bounds(const sbi_fit_quadratic *q, int32_t *set, double *p)
{
    size_t hits = 0;
    for (size_t k = 0; k < q->n; k++) {
        if (set[k] != SBI_FIT_FREE) continue;
        if (q->x[k] + p[k] < q->lower[k]) {
            set[k] = SBI_FIT_AT_LOWER;
            p[k] = q->lower[k] - q->x[k];
            hits++;
        } else if (q->x[k] + p[k] > q->upper[k]) {
            set[k] = SBI_FIT_AT_UPPER;
            p[k] = q->upper[k] - q->x[k];
            hits++;
        }
    }
    return hits;
}

/* `released` counts by parameter, so that the loop ends. */
static size_t release_bounds(const sbi_fit_quadratic *q, int32_t *set, double *released, double *slope, double *p)
{
    size_t count = 0;
    model_gradient(q, p, slope);
    for (size_t k = 0; k < q->n; k++) {
        if (q->state[k] != SBI_FIT_FREE || set[k] == SBI_FIT_FREE || released[k] > 0) continue;
        if ((set[k] == SBI_FIT_AT_LOWER && slope[k] < 0) || (set[k] == SBI_FIT_AT_UPPER && slope[k] > 0)) {
            set[k] = SBI_FIT_FREE;
            released[k] = 1;
            count++;
        }
    }
    return count;
}

/* The trust-region step of the parameters in `set`, given the displacement p of those on their bounds. */
static sbi_status solve_rest(const sbi_fit_quadratic *q, sbi_spectrum *s, double radius, double negligible,
                             const int32_t *set, size_t *list, double *scratch, double *p)
{
    size_t n = q->n, m = sbi_fit_free_list(n, set, list);
    double *slope = scratch, *step = scratch + n, *work = scratch + 2 * n;
    for (size_t i = 0; i < m; i++) p[list[i]] = 0;
    model_gradient(q, p, slope);
    sbi_status status = sbi_fit_decompose(s, q->H, q->scale, n, list, m);
    if (status != SBI_OK) return status;
    for (size_t i = 0; i < m; i++) slope[i] = slope[list[i]] * q->scale[list[i]]; /* list[i] >= i */
    sbi_spectrum_step(s, slope, radius, negligible, work, step);
    for (size_t i = 0; i < m; i++) p[list[i]] = step[i] * q->scale[list[i]];
    return SBI_OK;
}

sbi_status sbi_fit_box_step(const sbi_fit_quadratic *q, sbi_spectrum *s, double radius, double negligible, size_t *list,
                            int32_t *set, double *scratch, double *p)
{
    size_t n = q->n, m = sbi_fit_free_list(n, q->state, list);
    double *released = scratch, *rest = scratch + n;
    memset(released, 0, n * sizeof *released);
    memset(p, 0, n * sizeof *p);
    memcpy(set, q->state, n * sizeof *set);

    double *slope = rest, *step = rest + n, *work = rest + 2 * n;
    for (size_t i = 0; i < m; i++) slope[i] = q->g[list[i]] * q->scale[list[i]];
    sbi_spectrum_step(s, slope, radius, negligible, work, step);
    for (size_t i = 0; i < m; i++) p[list[i]] = step[i] * q->scale[list[i]];

    int bounded = 0;
    for (size_t round = 0; round < 2 * n + 4; round++) {
        size_t changes = hit_bounds(q, set, p);
        if (!changes && bounded) changes = release_bounds(q, set, released, rest, p);
        if (!changes) break;
        bounded = 1;
        sbi_status status = solve_rest(q, s, radius, negligible, set, list, rest, p);
        if (status != SBI_OK) return status;
    }
    if (!bounded) return SBI_OK;
    for (size_t k = 0; k < n; k++)
        if (q->state[k] == SBI_FIT_FREE) p[k] = clip(q->x[k] + p[k], q->lower[k], q->upper[k]) - q->x[k];
    double gain = sbi_fit_model_change(q, p, rest);
    double *cauchy = rest + n;
    if (gain > 0.1 * cauchy_step(q, radius, rest, cauchy)) memcpy(p, cauchy, n * sizeof *p);
    return SBI_OK;
}
