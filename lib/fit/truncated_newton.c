/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of truncated Newton: memory for some vectors, whatever the number of parameters. A stationary point is believed only
 * after a Lanczos run has looked for negative curvature; what that finds is followed downhill. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/truncated_step.h"

#define ROUNDING 2.220446049250313e-16
#define SMALLEST_RADIUS 1e-11
#define LARGEST_RADIUS 1e18
#define MOST_LOOKS 12 /* for negative curvature */

typedef struct run {
    sbi_minimiser *w;
    const sbi_minimiser_settings *set;
    sbi_fit_point *p;
    sbi_products s;
    sbi_truncated_result last;
    double radius, start_value, forcing, tightened;
    int64_t evaluations_before;
    int polished, looks, crept;
    double distance; /* EDM before the last step, while polishing */
} run;

static int64_t spent(const run *r)
{
    return sbi_fit_objective_evaluations(r->w->objective) - r->evaluations_before;
}

static size_t find_free(run *r)
{
    sbi_fit_point *p = r->p;
    sbi_fit_find_limits(p->n, p->x, p->g, r->w->lower, r->w->upper, r->w->fixed, p->state);
    return sbi_fit_free_list(p->n, p->state, r->w->list);
}

/* Evaluates at x + z and judges it; the point moves if it is better. */
static sbi_status try_step(run *r, int *accepted)
{
    sbi_minimiser *w = r->w;
    sbi_fit_point *p = r->p, *t = w->trial;
    size_t n = p->n;
    double length = 0;
    *accepted = 0;
    for (size_t k = 0; k < n; k++) {
        double to = p->x[k] + r->s.z[k] * p->scale[k];
        /* Rounding must not leave a parameter beside the bound that it was put on. */
        if (r->s.z[k] != 0 && r->s.z[k] <= r->s.low[k]) to = w->lower[k];
        if (r->s.z[k] != 0 && r->s.z[k] >= r->s.high[k]) to = w->upper[k];
        t->x[k] = fmin(fmax(to, w->lower[k]), w->upper[k]);
        if (w->fixed[k]) t->x[k] = p->x[k];
        length += r->s.z[k] * r->s.z[k];
    }
    length = sqrt(length);
    SBI_TRY(sbi_fit_evaluate(w, t->x, &t->f, t->g, NULL));
    if (t->f < INFINITY && sbi_fit_on_falling_edge(w, t)) SBI_TRY(sbi_fit_step_inside(w, t, NULL));
    for (size_t k = 0; k < n; k++) w->step[k] = t->x[k] - p->x[k];
    double ratio = -1;
    if (t->f < INFINITY)
        ratio = sbi_fit_actual_change(p, t, w->step, 1) / r->last.predicted;
    *accepted = ratio > 1e-4;
    if (ratio < 0.25) r->radius = 0.25 * fmin(length, r->radius);
    else if (ratio > 0.75 && length > 0.9 * r->radius) r->radius = fmin(2.5 * r->radius, LARGEST_RADIUS);
    if (!*accepted) return SBI_OK;
    p->iterations++;
    p->f = t->f;
    memcpy(p->x, t->x, n * sizeof *p->x);
    memcpy(p->g, t->g, n * sizeof *p->g);
    return SBI_OK;
}

/* Steps along the direction of least curvature, downhill, shorter and shorter. */
static sbi_status escape(run *r, int *accepted)
{
    sbi_fit_point *p = r->p;
    size_t n = p->n;
    double slope = 0, sign;
    for (size_t k = 0; k < n; k++) slope += r->s.slope[k] * p->least[k];
    sign = slope > 0 ? -1 : 1;
    *accepted = 0;
    for (double length = 0.5; length > 1e-6 && !*accepted; length *= 0.2) {
        for (int side = 0; side < 2 && !*accepted; side++, sign = -sign) {
            double change = 0;
            for (size_t k = 0; k < n; k++)
                r->s.z[k] = fmin(fmax(sign * length * p->least[k], r->s.low[k]), r->s.high[k]);
            SBI_TRY(sbi_products_apply(&r->s, r->s.z, r->s.Hz));
            for (size_t k = 0; k < n; k++) change += r->s.z[k] * (r->s.slope[k] + 0.5 * r->s.Hz[k]);
            if (!(change < 0)) continue;
            r->last.predicted = change;
            r->radius = length;
            SBI_TRY(try_step(r, accepted));
        }
    }
    r->radius = fmax(r->radius, 0.1);
    return SBI_OK;
}

/* Whether what conjugate gradients left over could hide more than the goal, given the least curvature that is known. */
static int leftover_matters(const run *r)
{
    double least = fmax(r->p->smallest, SBI_FIT_FLAT * r->p->largest);
    return r->last.residual * r->last.residual / (2 * least) > 0.5 * r->set->goal;
}

/* The point is stationary as far as the gradient tells. Sets the reason, or finds a way to go on. */
static sbi_status look_for_curvature(run *r)
{
    sbi_fit_point *p = r->p;
    SBI_TRY(sbi_products_least(&r->s, (uint64_t)r->looks, &p->smallest, &p->largest, p->least));
    if (isnan(p->smallest)) {
        p->reason = sbi_fit_settled(p);
        return SBI_OK;
    }
    if (p->smallest > SBI_FIT_FLAT * p->largest) {
        if (r->looks++ < MOST_LOOKS && leftover_matters(r)) {
            r->tightened *= 0.01; /* solve more exactly before believing the distance */
            return SBI_OK;
        }
        p->reason = leftover_matters(r) ? SBI_FIT_NO_PROGRESS : sbi_fit_settled(p);
        return SBI_OK;
    }
    p->edm = NAN;
    int accepted = 0;
    if (p->smallest < -SBI_FIT_FLAT * p->largest && r->looks++ < MOST_LOOKS) SBI_TRY(escape(r, &accepted));
    if (!accepted) p->reason = SBI_FIT_INDEFINITE_HESSIAN;
    return SBI_OK;
}

/* Where no step leads on: the reason, or 0. */
static int32_t stuck(const run *r, int accepted)
{
    double gain = -r->last.predicted;
    int small = gain < r->set->goal;
    if (r->last.negative && small && r->radius >= 1) return SBI_FIT_INDEFINITE_HESSIAN;
    int hopeless = gain == 0 || r->radius < SMALLEST_RADIUS || (!accepted && gain < 0.1 * ROUNDING * (fabs(r->p->f) + 1));
    if (!hopeless) return 0;
    int flat = r->p->gradient_norm * r->p->gradient_norm < r->set->goal;
    return r->last.negative && flat ? SBI_FIT_INDEFINITE_HESSIAN : SBI_FIT_NO_PROGRESS;
}

/* One round; ends the loop by setting the reason. */
static sbi_status iterate(run *r)
{
    sbi_fit_point *p = r->p;
    const sbi_minimiser_settings *set = r->set;
    size_t m = find_free(r);
    SBI_TRY(sbi_products_scales(&r->s, set->level, p->iterations == 0, p->scale));
    sbi_products_prepare(&r->s);
    double norm = 0, largest = 0;
    for (size_t k = 0; k < p->n; k++) {
        norm += r->s.slope[k] * r->s.slope[k];
        largest = fmax(largest, fabs(r->s.slope[k]));
    }
    p->gradient_norm = largest;
    if (m == 0) {
        p->edm = 0;
        p->reason = sbi_fit_settled(p);
        return SBI_OK;
    }
    double forcing = fmax(fmin(0.1, sqrt(norm)) * r->tightened, 1e-10);
    size_t most = 2 * m + 100;
    SBI_TRY(sbi_truncated_step(&r->s, r->radius, forcing, most, &r->last));
    p->edm = r->last.at_radius ? NAN : -r->last.predicted;
    int done = p->edm < set->goal, accepted;
    if (done && sbi_fit_creeps(set, p, r->distance, &r->crept)) r->polished = 0;
    r->distance = done ? p->edm : NAN;
    if (done && (p->edm < set->fine_goal || r->polished >= set->polish)) {
        if (set->need_hessian) return look_for_curvature(r);
        p->reason = sbi_fit_settled(p);
        return SBI_OK;
    }
    r->polished += done;
    if (spent(r) >= set->max_evaluations) {
        p->reason = SBI_FIT_MAX_EVALUATIONS;
        return SBI_OK;
    }
    accepted = 0;
    if (r->last.predicted < 0) SBI_TRY(try_step(r, &accepted));
    if (sbi_fit_ran_away(r->w, r->start_value, p)) p->reason = SBI_FIT_UNBOUNDED;
    else if (done && !accepted) r->polished = set->polish; /* rounding: judge it as it is */
    else if (!done) p->reason = stuck(r, accepted);
    if (p->reason == SBI_FIT_INDEFINITE_HESSIAN && r->looks++ < MOST_LOOKS && !accepted) {
        /* By its name, and once more with a direction that need not be the gradient's. */
        p->reason = 0;
        SBI_TRY(look_for_curvature(r));
        if (p->reason && p->reason != SBI_FIT_INDEFINITE_HESSIAN) p->reason = SBI_FIT_NO_PROGRESS;
    }
    return SBI_OK;
}

sbi_status sbi_minimise_by_products(sbi_minimiser *w, const sbi_minimiser_settings *set, sbi_fit_point *p)
{
    run r = {0};
    r.w = w;
    r.set = set;
    r.p = p;
    r.radius = set->radius;
    r.start_value = p->f;
    r.tightened = 1;
    r.distance = NAN;
    r.evaluations_before = sbi_fit_objective_evaluations(w->objective) - 1;
    p->iterations = 0;
    p->curvature = SBI_CURVATURE_NONE;
    p->smallest = p->largest = p->edm = NAN;
    p->reason = 0;
    memset(p->least, 0, p->n * sizeof *p->least);
    SBI_TRY(sbi_products_create(&r.s, w, p));
    for (size_t k = 0; k < p->n; k++) p->scale[k] = sbi_fit_guess_scale(w->objective, k, p->x[k]);
    while (!p->reason) SBI_TRY(iterate(&r));
    find_free(&r);
    /* The direction of least curvature is a step: back from units of scale. */
    for (size_t k = 0; k < p->n; k++) p->least[k] *= p->scale[k];
    return SBI_OK;
}
