/* SPDX-License-Identifier: Apache-2.0 */
/* Fits that start from the best one: with a parameter held, or free but near. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/fit.h"

sbi_minimiser_settings sbi_fit_inner_settings(const sbi_fit *fit)
{
    sbi_minimiser_settings s = sbi_fit_settings(fit);
    s.method = sbi_fit_is_light(fit) ? SBI_FIT_TRUNCATED_NEWTON : SBI_FIT_QUASI_NEWTON;
    s.need_hessian = 0;
    s.polish = 0;
    s.goal = fmin(s.goal, 1e-8 * fit->level);
    s.radius = 3;
    return s;
}

void sbi_fit_predict(const sbi_fit *fit, size_t k, double value, double *x)
{
    const sbi_fit_point *best = fit->best;
    const sbi_fit_objective *o = fit->objective;
    size_t n = best->n;
    double variance = fit->covariance_status == SBI_OK ? fit->covariance[k * n + k] : 0;
    for (size_t j = 0; j < n; j++) {
        double shift = variance > 0 ? fit->covariance[j * n + k] / variance * (value - best->x[k]) : 0;
        x[j] = fmin(fmax(best->x[j] + shift, o->lower[j]), o->upper[j]);
    }
    x[k] = value;
}

/* Conditional fits use F's Hessian only where the gradients do not suffice; this is the second attempt. */
static sbi_status with_hessians(sbi_fit *fit, const sbi_minimiser_settings *inner, const int32_t *fixed,
                                sbi_fit_point *point)
{
    sbi_minimiser_settings exact = *inner;
    if (exact.method == SBI_FIT_QUASI_NEWTON) exact.method = SBI_FIT_NEWTON;
    exact.goal = sbi_fit_settings(fit).goal;
    exact.fine_goal = inner->goal;
    exact.polish = 2;
    point->curvature = SBI_CURVATURE_NONE;
    return sbi_minimise(fit->minimiser, &exact, fixed, point);
}

sbi_status sbi_fit_again(sbi_fit *fit, double goal, const int32_t *fixed, sbi_fit_point *point)
{
    sbi_minimiser_settings inner = sbi_fit_inner_settings(fit);
    inner.goal = goal;
    SBI_TRY(sbi_minimise(fit->minimiser, &inner, fixed, point));
    return point->reason < 10 ? SBI_OK : with_hessians(fit, &inner, fixed, point);
}

sbi_status sbi_fit_conditional(sbi_fit *fit, size_t k, sbi_fit_point *point)
{
    return sbi_fit_conditional_on(fit, &k, 1, point);
}

sbi_status sbi_fit_conditional_on(sbi_fit *fit, const size_t *held, size_t n_held, sbi_fit_point *point)
{
    const sbi_fit_objective *o = fit->objective;
    int32_t *fixed = fit->fixed;
    memcpy(fixed, o->fixed, o->n * sizeof *fixed);
    for (size_t i = 0; i < n_held; i++) fixed[held[i]] = 1;
    sbi_minimiser_settings inner = sbi_fit_inner_settings(fit);
    SBI_TRY(sbi_minimise(fit->minimiser, &inner, fixed, point));
    if (point->reason < 10) return SBI_OK;
    if (!(point->f < INFINITY)) {
        /* The prediction went where F does not exist: start from the best fit's other parameters. */
        for (size_t j = 0; j < o->n; j++) {
            int is_held = 0;
            for (size_t i = 0; i < n_held; i++) is_held |= held[i] == j;
            if (!is_held) point->x[j] = fit->best->x[j];
        }
    }
    return with_hessians(fit, &inner, fixed, point);
}

sbi_status sbi_fit_local(sbi_fit *fit, sbi_fit_point *point)
{
    sbi_minimiser_settings settings = sbi_fit_settings(fit);
    settings.need_hessian = 0;
    settings.radius = 0.3;
    point->curvature = SBI_CURVATURE_NONE;
    return sbi_minimise(fit->minimiser, &settings, fit->objective->fixed, point);
}
