/* SPDX-License-Identifier: Apache-2.0 */
/* Profile scans. The first pass goes outwards from the best fit; then one upwards and one downwards start each fit from the
 * neighbour's result, so that a branch which is deeper further on is followed back. */
#include "fit/profile.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

typedef struct profile {
    sbi_fit *fit;
    size_t k, n, n_params;
    const double *values;
    size_t *order;  /* [n] ascending */
    size_t *source; /* [n] by place in the order: the neighbour whose result a fit began with */
    double *nll, *params;
    size_t done, total;
} profile;

#define NO_SOURCE ((size_t)-1)

static sbi_status check_values(const sbi_fit *fit, size_t k, const double *values, size_t n, const char *where)
{
    const sbi_fit_objective *o = fit->objective;
    for (size_t i = 0; i < n; i++) {
        SBI_REQUIRE(isfinite(values[i]) && values[i] >= o->lower[k] && values[i] <= o->upper[k],
                    "%s: value %zu is %g, outside of the bounds [%g, %g] of %s", where, i, values[i], o->lower[k],
                    o->upper[k], o->names[k]);
    }
    return SBI_OK;
}

static void sort_order(const double *values, size_t n, size_t *order)
{
    /* Insertion: scans are mostly given in order. */
    for (size_t i = 0; i < n; i++) {
        size_t j = i;
        for (; j > 0 && values[order[j - 1]] > values[i]; j--) order[j] = order[j - 1];
        order[j] = i;
    }
}

/* The fit at place i of the order, from the result at place `from` (NO_SOURCE: from the best fit). Kept if it is deeper.
 * *improved tells. */
static sbi_status fit_at(profile *s, size_t i, size_t from, int *improved)
{
    sbi_fit *fit = s->fit;
    sbi_fit_point *p = fit->inner;
    size_t at = s->order[i];
    double value = s->values[at];
    *improved = 0;
    if (from == NO_SOURCE || !(s->nll[s->order[from]] < INFINITY)) sbi_fit_predict(fit, s->k, value, p->x);
    else memcpy(p->x, s->params + s->order[from] * s->n_params, s->n_params * sizeof *p->x);
    p->x[s->k] = value;
    SBI_TRY(sbi_fit_conditional(fit, s->k, p));
    sbi_progress(fit->ctx, "profile", (double)++s->done, (double)s->total, "%s = %g", fit->objective->names[s->k], value);
    int good = p->reason < 10 || p->reason == SBI_FIT_INDEFINITE_HESSIAN || p->f == INFINITY;
    double nll = good ? p->f : NAN;
    double old = s->nll[at];
    /* Differences within the tolerance of conditional fits are not another branch. */
    if (isnan(old) ? !isnan(nll) : nll < old - 1e-7 * fit->level - 1e-13 * fabs(old)) {
        *improved = 1;
        s->nll[at] = nll;
        memcpy(s->params + at * s->n_params, p->x, s->n_params * sizeof *p->x);
        s->source[i] = from;
    }
    if (!good || p->f == INFINITY) p->curvature = SBI_CURVATURE_NONE;
    return SBI_OK;
}

static void start_pass(profile *s)
{
    sbi_fit_point *best = s->fit->best, *p = s->fit->inner;
    sbi_fit_point_copy(p, best);
}

static sbi_status outwards(profile *s)
{
    int improved;
    size_t first = 0;
    double center = s->fit->best->x[s->k];
    while (first < s->n && s->values[s->order[first]] < center) first++;
    start_pass(s);
    for (size_t i = first; i < s->n; i++) SBI_TRY(fit_at(s, i, i == first ? NO_SOURCE : i - 1, &improved));
    start_pass(s);
    for (size_t i = first; i-- > 0;) SBI_TRY(fit_at(s, i, i + 1 == first ? NO_SOURCE : i + 1, &improved));
    return SBI_OK;
}

/* One pass from neighbour to neighbour; a fit whose neighbour has not changed since it served is not repeated. */
static sbi_status sweep(profile *s, int upwards)
{
    int improved = 0;
    start_pass(s);
    for (size_t step = 1; step < s->n; step++) {
        size_t i = upwards ? step : s->n - 1 - step, from = upwards ? i - 1 : i + 1;
        if (s->source[i] == from && !improved) {
            s->done++;
            continue;
        }
        SBI_TRY(fit_at(s, i, from, &improved));
    }
    return SBI_OK;
}

static sbi_status run_profile(profile *s)
{
    for (size_t i = 0; i < s->n; i++) {
        s->nll[i] = NAN;
        s->source[i] = NO_SOURCE;
    }
    s->total = 3 * s->n - 2;
    sort_order(s->values, s->n, s->order);
    SBI_TRY(outwards(s));
    SBI_TRY(sweep(s, 1));
    return sweep(s, 0);
}

sbi_status sbi_fit_profile_index(sbi_fit *fit, size_t k, const double *values, size_t n, double *nll, double *params)
{
    sbi_context *ctx = fit->ctx;
    profile s = {0};
    s.fit = fit;
    s.k = k;
    s.n = n;
    s.n_params = fit->best->n;
    s.values = values;
    s.nll = nll;
    s.order = sbi_alloc_array(ctx, n, sizeof *s.order);
    s.source = sbi_alloc_array(ctx, n, sizeof *s.source);
    s.params = params ? params : sbi_alloc_array(ctx, n, s.n_params * sizeof *s.params);
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (s.order && s.source && s.params) {
        for (size_t i = 0; i < n * s.n_params; i++) s.params[i] = NAN;
        status = run_profile(&s);
    }
    sbi_free(ctx, s.order);
    sbi_free(ctx, s.source);
    if (!params) sbi_free(ctx, s.params);
    return status;
}

sbi_status sbi_fit_profile_branch(sbi_fit *fit, size_t k, const double *values, size_t n, const double *start, double *nll,
                                  double *params)
{
    size_t n_params = fit->best->n, first = 0;
    sbi_fit_point *p = fit->inner;
    while (first + 1 < n && fabs(values[first + 1] - start[k]) < fabs(values[first] - start[k])) first++;
    for (int upwards = 0; upwards < 2; upwards++) {
        sbi_fit_point_copy(p, fit->best);
        memcpy(p->x, start, n_params * sizeof *p->x);
        for (size_t i = first + (size_t)upwards; i < n; i += upwards ? 1 : (size_t)-1) { /* wraps below zero, which ends it */
            p->x[k] = values[i];
            SBI_TRY(sbi_fit_conditional(fit, k, p));
            if (p->reason >= 10 || !(p->f < INFINITY)) break;
            if (!(p->f < nll[i] - 1e-7 * fit->level - 1e-13 * fabs(nll[i])) && !isnan(nll[i])) continue;
            nll[i] = p->f;
            memcpy(params + i * n_params, p->x, n_params * sizeof *p->x);
        }
    }
    return SBI_OK;
}

sbi_status sbi_fit_profile(sbi_fit *fit, const char *name, const double *values, size_t n, double *nll, double *params)
{
    SBI_REQUIRE(fit && values && nll, "sbi_fit_profile: fit, values or nll is NULL");
    SBI_REQUIRE(n > 0 && n < 1u << 24, "sbi_fit_profile: n is %zu", n);
    size_t k;
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_profile", &k));
    SBI_TRY(check_values(fit, k, values, n, "sbi_fit_profile"));
    return sbi_fit_profile_index(fit, k, values, n, nll, params);
}

sbi_status sbi_fit_scan(sbi_fit *fit, const char *name, const double *values, size_t n, double *nll)
{
    SBI_REQUIRE(fit && values && nll, "sbi_fit_scan: fit, values or nll is NULL");
    SBI_REQUIRE(n > 0, "sbi_fit_scan: n is 0");
    size_t k;
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_scan", &k));
    SBI_TRY(check_values(fit, k, values, n, "sbi_fit_scan"));
    double *x = fit->inner->x;
    memcpy(x, fit->best->x, fit->best->n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        x[k] = values[i];
        sbi_status status = sbi_fit_objective_eval(fit->objective, x, &nll[i], NULL, NULL);
        if (status == SBI_ERR_DOMAIN) nll[i] = INFINITY;
        else if (status != SBI_OK) return status;
    }
    return SBI_OK;
}
