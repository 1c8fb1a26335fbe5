/* SPDX-License-Identifier: Apache-2.0 */
/* Several starts, and the distinct minima that they lead to. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "fit/fit.h"

#define SAME_MINIMUM 1e-2 /* of error_level: rise between two results of one minimum */

/* (x - y).H.(x - y) / 2 with what the fit knows of H at p: all of it, a product, or the scales. */
static sbi_status rise_between(sbi_fit *fit, const sbi_fit_point *p, const double *y, double *rise)
{
    size_t n = p->n;
    double *v = fit->minimiser->real, *Hv = fit->minimiser->real + n;
    for (size_t k = 0; k < n; k++) v[k] = y[k] - p->x[k];
    if (fit->objective->f.hvp && p->curvature != SBI_CURVATURE_EXACT) {
        SBI_TRY(sbi_fit_objective_products(fit->objective, p->x, v, 1, Hv));
    } else {
        for (size_t k = 0; k < n; k++) {
            Hv[k] = p->curvature == SBI_CURVATURE_EXACT ? 0 : v[k] * 2 * fit->level / (p->scale[k] * p->scale[k]);
            for (size_t j = 0; j < n && p->curvature == SBI_CURVATURE_EXACT; j++) Hv[k] += p->H[k * n + j] * v[j];
        }
    }
    *rise = 0;
    for (size_t k = 0; k < n; k++) *rise += 0.5 * v[k] * Hv[k];
    if (isnan(*rise)) *rise = INFINITY;
    return SBI_OK;
}

static sbi_status find_same(sbi_fit *fit, const sbi_fit_point *p, size_t *index)
{
    sbi_fit_minimum_list *m = &fit->minima;
    for (*index = 0; *index < m->count; ++*index) {
        double rise, apart = fabs(m->list[*index].f - p->f);
        /* Results of one minimum differ by less than what a fit may be off by. */
        if (apart > SAME_MINIMUM * fit->level + 1e-13 * fabs(p->f)) continue;
        SBI_TRY(rise_between(fit, p, m->list[*index].x, &rise));
        if (fabs(rise) < SAME_MINIMUM * fit->level) return SBI_OK;
    }
    return SBI_OK;
}

static sbi_status grow(sbi_fit *fit)
{
    sbi_fit_minimum_list *m = &fit->minima;
    if (m->count < m->capacity) return SBI_OK;
    size_t capacity = m->capacity ? 2 * m->capacity : 4;
    struct sbi_fit_kept_minimum *list = sbi_realloc_array(fit->ctx, m->list, capacity, sizeof *list);
    if (!list) return SBI_ERR_NO_MEMORY;
    m->list = list;
    m->capacity = capacity;
    return SBI_OK;
}

/* Notes where a start led. */
static sbi_status keep(sbi_fit *fit, const sbi_fit_point *p)
{
    sbi_fit_minimum_list *m = &fit->minima;
    fit->starts++;
    if (!(p->f < INFINITY) || (p->reason != SBI_FIT_CONVERGED && p->reason != SBI_FIT_AT_LIMIT)) {
        fit->failed_starts += p->reason != SBI_FIT_ALL_FIXED;
        return SBI_OK;
    }
    size_t i;
    SBI_TRY(find_same(fit, p, &i));
    struct sbi_fit_kept_minimum entry = {NULL, p->f, p->reason, 1};
    if (i < m->count) {
        m->list[i].starts++;
        if (m->list[i].f <= p->f) return SBI_OK;
        entry.x = m->list[i].x;
        entry.starts = m->list[i].starts;
        memmove(m->list + i, m->list + i + 1, (m->count - i - 1) * sizeof *m->list);
        m->count--;
    } else {
        SBI_TRY(grow(fit));
        entry.x = sbi_alloc_array(fit->ctx, p->n, sizeof *entry.x);
        if (!entry.x) return SBI_ERR_NO_MEMORY;
    }
    memcpy(entry.x, p->x, p->n * sizeof *entry.x);
    for (i = 0; i < m->count && m->list[i].f <= entry.f; i++) {}
    memmove(m->list + i + 1, m->list + i, (m->count - i) * sizeof *m->list);
    m->list[i] = entry;
    m->count++;
    return SBI_OK;
}

/* A success beats a failure, then the deeper one wins. */
static int better(const sbi_fit_point *a, const sbi_fit_point *b)
{
    int good_a = a->reason < 10, good_b = b->reason < 10;
    return good_a != good_b ? good_a : a->f < b->f;
}

sbi_status sbi_fit_run_starts(sbi_fit *fit, const sbi_fit_options *options)
{
    const sbi_fit_objective *o = fit->objective;
    sbi_minimiser_settings settings = sbi_fit_settings(fit);
    memcpy(fit->best->x, o->start, o->n * sizeof *o->start);
    SBI_TRY(sbi_minimise(fit->minimiser, &settings, o->fixed, fit->best));
    SBI_TRY(keep(fit, fit->best));
    /* More starts: up to three guesses away in every parameter, within the bounds. */
    for (int32_t i = 1; i < options->n_starts; i++) {
        sbi_fit_point *p = fit->inner;
        for (size_t k = 0; k < o->n; k++) {
            double u = 2 * sbi_random_uniform(options->seed, (uint64_t)i, k) - 1;
            double x = o->start[k] + (o->fixed[k] ? 0 : 3 * u * sbi_fit_guess_scale(o, k, o->start[k]));
            p->x[k] = fmin(fmax(x, o->lower[k]), o->upper[k]);
        }
        p->curvature = SBI_CURVATURE_NONE;
        SBI_TRY(sbi_minimise(fit->minimiser, &settings, o->fixed, p));
        SBI_TRY(keep(fit, p));
        if (p->f < INFINITY && (better(p, fit->best) || !(fit->best->f < INFINITY))) sbi_fit_point_copy(fit->best, p);
        sbi_progress(fit->ctx, "fit", i + 1, options->n_starts, "start %d of %d, F = %.6f", (int)i + 1,
                     (int)options->n_starts, fit->best->f);
    }
    return SBI_OK;
}

void sbi_fit_forget_minima(sbi_fit *fit)
{
    for (size_t i = 0; i < fit->minima.count; i++) sbi_free(fit->ctx, fit->minima.list[i].x);
    sbi_free(fit->ctx, fit->minima.list);
    memset(&fit->minima, 0, sizeof fit->minima);
}

size_t sbi_fit_n_minima(const sbi_fit *fit)
{
    return fit ? fit->minima.count : 0;
}

sbi_status sbi_fit_get_minimum(const sbi_fit *fit, size_t index, sbi_fit_minimum *minimum, double *values)
{
    SBI_REQUIRE(fit && minimum, "sbi_fit_get_minimum: fit or minimum is NULL");
    if (minimum->struct_size < sizeof *minimum) {
        return sbi_fail(SBI_ERR_ABI, "sbi_fit_minimum: struct_size is %u, expected at least %zu", (unsigned)minimum->struct_size,
                        sizeof *minimum);
    }
    SBI_REQUIRE(index < fit->minima.count, "sbi_fit_get_minimum: index is %zu, but the fit has %zu", index, fit->minima.count);
    const struct sbi_fit_kept_minimum *m = &fit->minima.list[index];
    minimum->reason = m->reason;
    minimum->is_global = index == 0;
    minimum->n_starts = m->starts;
    minimum->nll = m->f;
    minimum->above = m->f - fit->minima.list[0].f;
    if (values) memcpy(values, m->x, fit->best->n * sizeof *values);
    return SBI_OK;
}
