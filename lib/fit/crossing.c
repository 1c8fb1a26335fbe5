/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/crossing.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

sbi_status sbi_profile_probe(sbi_profile_line *line, const double *at, const double *start, sbi_profile_node *out)
{
    sbi_fit *fit = line->fit;
    sbi_fit_point *p = fit->inner;
    if (start) memcpy(p->x, start, p->n * sizeof *p->x);
    for (size_t i = 0; i < line->n_held; i++) out->at[i] = p->x[line->held[i]] = at[i];
    SBI_TRY(sbi_fit_conditional_on(fit, line->held, line->n_held, p));
    int good = p->reason < 10 || p->reason == SBI_FIT_INDEFINITE_HESSIAN;
    out->slope[0] = out->slope[1] = NAN;
    out->height = !(p->f < INFINITY) ? INFINITY : good ? p->f - line->level : NAN;
    if (isfinite(out->height)) {
        for (size_t i = 0; i < line->n_held; i++) out->slope[i] = p->g[line->held[i]];
    } else {
        sbi_fit_point_copy(p, fit->best); /* nothing to start from again */
    }
    return SBI_OK;
}

/* Newton from the node, in terms of the square root of the rise, which is linear for a parabola; else NaN. */
static double newton_guess(const sbi_profile_line *line, size_t axis, const sbi_profile_node *node)
{
    double rise = node->height + line->rise, slope = node->slope[axis];
    if (!isfinite(rise) || !isfinite(slope) || !(rise > 0) || slope == 0) return NAN;
    return node->at[axis] + (sqrt(line->rise) - sqrt(rise)) * 2 * sqrt(rise) / slope;
}

sbi_status sbi_profile_crossing(sbi_profile_line *line, size_t axis, const sbi_profile_node *inside,
                                const sbi_profile_node *outside, const double *start, sbi_profile_node *out, int32_t *kind)
{
    sbi_profile_node in = *inside, far = *outside, last;
    double width = fabs(far.at[axis] - in.at[axis]), tolerance = SBI_CROSSING_TOLERANCE * line->rise;
    double low_rise = fabs(in.height);
    *kind = SBI_END_CROSSING;
    *out = in;
    if (fabs(in.height) <= tolerance) return SBI_OK;
    if (isfinite(far.height) && fabs(far.height) <= tolerance) {
        *out = far;
        return SBI_OK;
    }
    last = isfinite(far.height) && fabs(far.height) < low_rise ? far : in;
    for (int i = 0; i < 80; i++) {
        double a = fmin(in.at[axis], far.at[axis]), b = fmax(in.at[axis], far.at[axis]), at[2] = {in.at[0], in.at[1]};
        if (b - a <= 1e-10 * width) break;
        double next = newton_guess(line, axis, &last);
        if (!(next > a && next < b)) next = newton_guess(line, axis, &in);
        if (!(next > a && next < b) || i % 6 == 5) next = 0.5 * (a + b);
        if (!(next > a && next < b)) break; /* neighbours in floating point */
        at[axis] = next;
        SBI_TRY(sbi_profile_probe(line, at, i == 0 ? start : NULL, &last));
        if (isfinite(last.height) && fabs(last.height) <= tolerance) {
            *out = last;
            return SBI_OK;
        }
        if (isfinite(last.height) && last.height < 0) in = last;
        else far = last;
    }
    /* A jump of the profile from one branch to another, or the edge of where F exists. */
    *out = in;
    if (!isfinite(far.height)) *kind = SBI_END_LIMIT;
    return SBI_OK;
}

/* z with P(|normal| < z) = cl. */
static double two_sided_quantile(double cl)
{
    double low = 0, high = 40;
    for (int i = 0; i < 200; i++) {
        double z = 0.5 * (low + high);
        if (erfc(z * M_SQRT1_2) > 1 - cl) low = z;
        else high = z;
    }
    return 0.5 * (low + high);
}

sbi_status sbi_delta_t(double cl, double delta_t, int dof, const char *where, double *out)
{
    if (isnan(cl)) {
        SBI_REQUIRE(delta_t > 0 && isfinite(delta_t), "%s: delta_t is %g", where, delta_t);
        *out = delta_t;
        return SBI_OK;
    }
    SBI_REQUIRE(cl > 0 && cl < 1, "%s: cl is %g", where, cl);
    *out = dof == 2 ? -2 * log1p(-cl) : pow(two_sided_quantile(cl), 2);
    return SBI_OK;
}

sbi_status sbi_profile_range(sbi_fit *fit, size_t k, double rise, const char *where, double *from, double *to)
{
    const sbi_fit_objective *o = fit->objective;
    const char *name = o->names[k];
    SBI_TRY(sbi_fit_require_converged(fit, where));
    if (fit->best->state[k] == SBI_FIT_FIXED) return sbi_fail(SBI_ERR_STATE, "%s: %s is fixed at %g", where, name, fit->best->x[k]);
    double low = fit->best->x[k], high = low, longest = 0;
    for (size_t i = 0; i < fit->minima.count; i++) {
        if (fit->minima.list[i].f - fit->minima.list[0].f > rise) continue;
        low = fmin(low, fit->minima.list[i].x[k]);
        high = fmax(high, fit->minima.list[i].x[k]);
    }
    if (isnan(*from) || isnan(*to)) {
        sbi_fit_interval interval = {0};
        interval.struct_size = sizeof interval;
        SBI_TRY(sbi_fit_interval_at(fit, name, rise, &interval));
        for (int i = 0; i < 2; i++) {
            if (isfinite(interval.error[i])) longest = fmax(longest, fabs(interval.error[i]));
            if (interval.side[i] != SBI_FIT_SIDE_NEW_MINIMUM) continue;
            low = fmin(low, interval.new_value[i]);
            high = fmax(high, interval.new_value[i]);
        }
        if (!(longest > 0)) longest = 3 * fit->best->scale[k];
    }
    if (isnan(*from)) *from = fmax(o->lower[k], low - 2 * longest);
    if (isnan(*to)) *to = fmin(o->upper[k], high + 2 * longest);
    SBI_REQUIRE(isfinite(*from) && isfinite(*to) && *from < *to && *from >= o->lower[k] && *to <= o->upper[k],
                "%s: the range [%g, %g] is empty or outside of the bounds [%g, %g] of %s", where, *from, *to, o->lower[k],
                o->upper[k], name);
    return SBI_OK;
}
