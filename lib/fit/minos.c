/* SPDX-License-Identifier: Apache-2.0 */
/* Profile-likelihood intervals. The profile's slope is F's own partial derivative at the conditional minimum (the others'
 * derivatives vanish there), so the crossing is found by Newton on the square root of the rise, which is linear for a
 * parabola, within a bracket. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/fit.h"

#define CROSSING_TOLERANCE 2e-5 /* of the rise: 1e-5 standard deviations */
#define LONGEST_SEARCH 1e6      /* standard deviations */

typedef struct search {
    size_t k;
    double direction, sigma, target, limit; /* limit: distance to the bound */
    double low, high;                       /* distances known to lie below and above the crossing */
    double last;                            /* where fit->inner stands */
} search;

#define PROBE_FOUND 0   /* a finite value */
#define PROBE_OUTSIDE 1 /* F does not exist there */
#define PROBE_FAILED 2  /* the conditional fit did not converge */

/* The conditional fit at distance t, from the last good one moved along the covariance. */
static sbi_status probe(sbi_fit *fit, search *s, double t, double *rise, double *slope, int *outcome)
{
    sbi_fit_point *inner = fit->inner, *keep = fit->other;
    const sbi_fit_point *best = fit->best;
    const sbi_fit_objective *o = fit->objective;
    size_t n = best->n, k = s->k;
    sbi_fit_point_copy(keep, inner);
    double variance = fit->covariance_status == SBI_OK ? fit->covariance[k * n + k] : 0;
    for (size_t j = 0; j < n && variance > 0; j++) {
        double to = inner->x[j] + fit->covariance[j * n + k] / variance * s->direction * (t - s->last);
        if (!o->fixed[j]) inner->x[j] = fmin(fmax(to, o->lower[j]), o->upper[j]);
    }
    inner->x[k] = t == s->limit ? (s->direction > 0 ? o->upper[k] : o->lower[k]) : best->x[k] + s->direction * t;
    SBI_TRY(sbi_fit_conditional(fit, k, inner));
    if (!(inner->f < INFINITY)) *outcome = PROBE_OUTSIDE;
    else if (inner->reason >= 10 && inner->reason != SBI_FIT_INDEFINITE_HESSIAN) *outcome = PROBE_FAILED;
    else *outcome = PROBE_FOUND;
    if (*outcome != PROBE_FOUND) {
        sbi_fit_point_copy(inner, keep);
        return SBI_OK;
    }
    s->last = t;
    *rise = inner->f - best->f;
    *slope = s->direction * inner->g[k];
    return SBI_OK;
}

static double next_distance(const search *s, double t, double rise, double slope)
{
    double next = 2 * t;
    if (rise > 0 && slope > 0) next = t + (sqrt(s->target) - sqrt(rise)) * 2 * sqrt(rise) / slope;
    if (s->high == INFINITY) return fmin(fmin(fmax(next, 1.01 * t), 3 * t), s->limit);
    return next > s->low && next < s->high ? next : 0.5 * (s->low + s->high);
}

static sbi_status record_minimum(sbi_fit *fit, const search *s, int i, sbi_fit_interval *out)
{
    SBI_TRY(sbi_fit_local(fit, fit->inner));
    out->side[i] = SBI_FIT_SIDE_NEW_MINIMUM;
    out->new_value[i] = fit->inner->x[s->k];
    out->new_nll[i] = fit->inner->f;
    return SBI_OK;
}

static void finish(sbi_fit_interval *out, int i, int32_t side, double direction, double t, double rise)
{
    out->side[i] = side;
    out->error[i] = direction * t;
    out->rise[i] = rise;
}

static sbi_status search_side(sbi_fit *fit, search *s, int i, sbi_fit_interval *out)
{
    double t = fmin(s->sigma * sqrt(s->target / fit->level), s->limit), rise = 0, slope = 0, low_rise = 0;
    int outcome;
    out->side[i] = SBI_FIT_SIDE_NO_CROSSING;
    if (s->limit <= 0) finish(out, i, SBI_FIT_SIDE_LIMIT, s->direction, 0, 0);
    for (int round = 0; round < 100 && s->limit > 0; round++) {
        SBI_TRY(probe(fit, s, t, &rise, &slope, &outcome));
        if (outcome == PROBE_FAILED) return SBI_OK;
        if (outcome == PROBE_OUTSIDE) {
            s->high = t;
            if (s->high - s->low < 1e-6 * s->sigma) {
                finish(out, i, SBI_FIT_SIDE_LIMIT, s->direction, s->low, low_rise);
                return SBI_OK;
            }
            t = 0.5 * (s->low + s->high);
            continue;
        }
        if (rise < -1e-3 * fit->level) return record_minimum(fit, s, i, out);
        if (fabs(rise - s->target) <= CROSSING_TOLERANCE * s->target || s->high - s->low < 1e-9 * s->sigma) {
            finish(out, i, SBI_FIT_SIDE_FOUND, s->direction, t, rise);
            return SBI_OK;
        }
        if (rise > s->target) {
            s->high = t;
        } else if (t >= s->limit) {
            finish(out, i, SBI_FIT_SIDE_LIMIT, s->direction, s->limit, rise);
            return SBI_OK;
        } else {
            s->low = t;
            low_rise = rise;
        }
        t = next_distance(s, t, rise, slope);
        if (t > LONGEST_SEARCH * s->sigma) return SBI_OK;
    }
    return SBI_OK;
}

sbi_status sbi_fit_interval_at(sbi_fit *fit, const char *name, double rise, sbi_fit_interval *interval)
{
    SBI_REQUIRE(fit && interval, "sbi_fit_interval_at: fit or interval is NULL");
    size_t k;
    if (interval->struct_size < sizeof *interval) {
        return sbi_fail(SBI_ERR_ABI, "sbi_fit_interval: struct_size is %u, expected at least %zu",
                        (unsigned)interval->struct_size, sizeof *interval);
    }
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_interval_at", &k));
    if (isnan(rise)) rise = fit->level;
    SBI_REQUIRE(rise > 0 && isfinite(rise), "sbi_fit_interval_at: rise is %g", rise);
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_interval_at"));
    const sbi_fit_point *best = fit->best;
    if (best->state[k] == SBI_FIT_FIXED) {
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_interval_at: %s is fixed at %g", name, best->x[k]);
    }
    double sigma = fit->covariance_status == SBI_OK ? sqrt(fit->covariance[k * best->n + k]) : 0;
    if (!(sigma > 0)) sigma = best->scale[k];
    interval->value = best->x[k];
    interval->reserved_ = 0;
    for (int i = 0; i < 2; i++) {
        search s = {0};
        s.k = k;
        s.direction = i ? 1 : -1;
        s.sigma = sigma;
        s.target = rise;
        s.limit = i ? fit->objective->upper[k] - best->x[k] : best->x[k] - fit->objective->lower[k];
        s.high = INFINITY;
        interval->error[i] = interval->rise[i] = interval->new_value[i] = interval->new_nll[i] = NAN;
        int64_t before = fit->objective->gradients + fit->objective->hessians;
        sbi_fit_point_copy(fit->inner, best);
        SBI_TRY(search_side(fit, &s, i, interval));
        interval->evaluations[i] = fit->objective->gradients + fit->objective->hessians - before;
    }
    return SBI_OK;
}

sbi_status sbi_fit_minos(sbi_fit *fit, const char *name, double *error)
{
    SBI_REQUIRE(error, "sbi_fit_minos: error is NULL");
    sbi_fit_interval interval = {0};
    interval.struct_size = sizeof interval;
    SBI_TRY(sbi_fit_interval_at(fit, name, NAN, &interval));
    error[0] = interval.error[0];
    error[1] = interval.error[1];
    return SBI_OK;
}
