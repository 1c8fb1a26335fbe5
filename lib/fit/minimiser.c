/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: judge the point, stop or step, accept or shrink. See docs/fit.md for the rules of stopping. */
#include "fit/minimiser.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define ROUNDING 2.220446049250313e-16
/* A difference of F below this many roundings of F is noise; the gradients then tell more. */
#define NOISE 1e4
/* Over shorter steps, in standard deviations, a difference of gradients teaches rounding. */
#define SHORTEST_LESSON 1e-7
/* And where F rose by this many times what it was to fall by, they tell of another place. */
#define WORST_LESSON (-100)
#define SMALLEST_RADIUS 1e-11
#define LARGEST_RADIUS 1e18
#define MOST_CREEPING 100
#define MOST_ATTEMPTS 30 /* with Hessians by updates */
/* Falling this far, or going this far, is running away. */
#define FAR_DOWN 1e12
#define FAR_OUT 1e15

sbi_status sbi_minimiser_create_light(sbi_minimiser **out, sbi_fit_objective *objective)
{
    *out = NULL;
    sbi_context *ctx = objective->ctx;
    size_t n = objective->n;
    sbi_minimiser *w = sbi_alloc_zero(ctx, 1, sizeof *w);
    if (!w) return SBI_ERR_NO_MEMORY;
    w->ctx = ctx;
    w->objective = objective;
    w->lower = sbi_alloc_zero(ctx, n, 11 * sizeof *w->lower);
    w->list = sbi_alloc_zero(ctx, n, sizeof *w->list);
    w->fixed = sbi_alloc_zero(ctx, n, 2 * sizeof *w->fixed);
    sbi_status status = w->lower && w->list && w->fixed ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_fit_point_create_light(&w->trial, ctx, n);
    if (status != SBI_OK) {
        sbi_minimiser_destroy(w);
        return status;
    }
    w->upper = w->lower + n;
    w->step = w->lower + 2 * n;
    w->real = w->lower + 3 * n;
    w->set = w->fixed + n;
    *out = w;
    return SBI_OK;
}

sbi_status sbi_minimiser_add_matrices(sbi_minimiser *w)
{
    if (w->spectrum.matrix) return SBI_OK;
    SBI_TRY(sbi_fit_point_add_matrix(w->trial, w->ctx));
    double flat = sbi_fit_objective_has_hessian(w->objective) ? SBI_FIT_FLAT : SBI_FIT_FLAT_DIFFERENCES;
    sbi_status status = sbi_spectrum_create(&w->spectrum, w->ctx, w->objective->n, flat);
    if (status != SBI_OK) {
        sbi_spectrum_destroy(&w->spectrum, w->ctx);
        memset(&w->spectrum, 0, sizeof w->spectrum);
    }
    return status;
}

sbi_status sbi_minimiser_create(sbi_minimiser **out, sbi_fit_objective *objective)
{
    SBI_TRY(sbi_minimiser_create_light(out, objective));
    sbi_status status = sbi_minimiser_add_matrices(*out);
    if (status != SBI_OK) {
        sbi_minimiser_destroy(*out);
        *out = NULL;
    }
    return status;
}

void sbi_minimiser_destroy(sbi_minimiser *w)
{
    if (!w) return;
    sbi_spectrum_destroy(&w->spectrum, w->ctx);
    sbi_fit_point_destroy(w->trial, w->ctx);
    sbi_free(w->ctx, w->products);
    sbi_free(w->ctx, w->lower);
    sbi_free(w->ctx, w->list);
    sbi_free(w->ctx, w->fixed);
    sbi_free(w->ctx, w);
}

static void find_scales(sbi_minimiser *w, double level, sbi_fit_point *p)
{
    for (size_t k = 0; k < p->n; k++) {
        double guess = sbi_fit_guess_scale(w->objective, k, p->x[k]);
        double curvature = fabs(p->H[k * p->n + k]);
        /* A curvature that does not show over a million guesses is none. */
        int usable = isfinite(curvature) && curvature * guess * guess * 1e12 > level;
        p->scale[k] = usable ? sqrt(2 * level / curvature) : guess;
    }
}

sbi_status sbi_fit_assess(sbi_minimiser *w, double level, sbi_fit_point *p)
{
    size_t n = p->n;
    find_scales(w, level, p);
    sbi_fit_find_limits(n, p->x, p->g, w->lower, w->upper, w->fixed, p->state);
    size_t m = sbi_fit_free_list(n, p->state, w->list);
    SBI_TRY(sbi_fit_decompose(&w->spectrum, p->H, p->scale, n, w->list, m));
    double *g = w->real;
    p->gradient_norm = 0;
    for (size_t i = 0; i < m; i++) {
        g[i] = p->g[w->list[i]] * p->scale[w->list[i]];
        p->gradient_norm = fmax(p->gradient_norm, fabs(g[i]));
    }
    p->edm = sbi_spectrum_positive(&w->spectrum) ? sbi_spectrum_edm(&w->spectrum, g) : NAN;
    p->smallest = m ? w->spectrum.eigenvalue[0] : NAN;
    p->largest = m ? w->spectrum.eigenvalue[m - 1] : NAN;
    memset(p->least, 0, n * sizeof *p->least);
    for (size_t i = 0; i < m; i++) p->least[w->list[i]] = w->spectrum.matrix[i] * p->scale[w->list[i]];
    return SBI_OK;
}

static sbi_status exact_hessian(sbi_minimiser *w, const sbi_minimiser_settings *set, sbi_fit_point *p)
{
    if (!sbi_fit_objective_has_hessian(w->objective)) return sbi_fit_difference_hessian(w, set->level, 1, p);
    double f;
    SBI_TRY(sbi_fit_evaluate(w, p->x, &f, p->g, p->H));
    p->curvature = f < INFINITY ? SBI_CURVATURE_EXACT : SBI_CURVATURE_NONE;
    return SBI_OK;
}

static int newton(const sbi_minimiser *w, const sbi_minimiser_settings *set)
{
    return set->method == SBI_FIT_NEWTON && sbi_fit_objective_has_hessian(w->objective);
}

static sbi_status first_point(sbi_minimiser *w, const sbi_minimiser_settings *set, sbi_fit_point *p)
{
    int exact_first = newton(w, set) ||
                      (p->curvature == SBI_CURVATURE_NONE && sbi_fit_objective_has_hessian(w->objective));
    SBI_TRY(sbi_fit_evaluate(w, p->x, &p->f, p->g, exact_first ? p->H : NULL));
    if (p->f < INFINITY && sbi_fit_on_falling_edge(w, p)) SBI_TRY(sbi_fit_step_inside(w, p, exact_first ? p->H : NULL));
    if (!(p->f < INFINITY)) return SBI_OK;
    if (exact_first) p->curvature = SBI_CURVATURE_EXACT;
    else if (p->curvature == SBI_CURVATURE_NONE) SBI_TRY(sbi_fit_difference_hessian(w, set->level, 0, p));
    else p->curvature = SBI_CURVATURE_GUESS;
    return SBI_OK;
}

typedef struct progress {
    double radius, start_value, ratio; /* ratio: actual over predicted decrease of the last step */
    int64_t evaluations_before;
    int polished, verified; /* steps beyond the goal; exact Hessians after updated ones */
    double distance;        /* EDM before the last step, while polishing */
    int crept;              /* polishing steps that did not shorten it */
} progress;

double sbi_fit_actual_change(const sbi_fit_point *p, const sbi_fit_point *t, const double *step, int has_gradient)
{
    double change = t->f - p->f;
    if (!has_gradient || fabs(change) > NOISE * ROUNDING * (fabs(p->f) + 1)) return change;
    double sum = 0;
    for (size_t k = 0; k < p->n; k++) sum += 0.5 * step[k] * (p->g[k] + t->g[k]);
    /* But never uphill by more than the noise itself. */
    return change > 16 * ROUNDING * (fabs(p->f) + 1) * sqrt((double)p->n) ? fmax(sum, change) : sum;
}

/* Evaluates the trial point as far as needed to judge it. */
static sbi_status evaluate_trial(sbi_minimiser *w, const sbi_minimiser_settings *set, const progress *run,
                                 const sbi_fit_point *p, double predicted, int *has_gradient)
{
    sbi_fit_point *t = w->trial;
    *has_gradient = 1;
    if (!newton(w, set)) return sbi_fit_evaluate(w, t->x, &t->f, t->g, NULL);
    /* A rejected Hessian is expensive: ask for the value first, unless the model has just been shown to be good. */
    int trusted = run->ratio > 0.7 && run->ratio < 1.3;
    if (!trusted && -predicted > NOISE * ROUNDING * (fabs(p->f) + 1)) {
        SBI_TRY(sbi_fit_evaluate(w, t->x, &t->f, NULL, NULL));
        if (!(t->f < p->f)) {
            *has_gradient = 0;
            return SBI_OK;
        }
    }
    return sbi_fit_evaluate(w, t->x, &t->f, t->g, t->H);
}

static void accept(sbi_minimiser *w, const sbi_minimiser_settings *set, sbi_fit_point *p)
{
    sbi_fit_point *t = w->trial;
    p->f = t->f;
    memcpy(p->x, t->x, p->n * sizeof *p->x);
    memcpy(p->g, t->g, p->n * sizeof *p->g);
    if (newton(w, set)) memcpy(p->H, t->H, p->n * p->n * sizeof *p->H);
}

/* One step: the trial point is accepted or the radius shrinks. *predicted is the model's change (0: no step left). */
static sbi_status advance(sbi_minimiser *w, const sbi_minimiser_settings *set, progress *run, sbi_fit_point *p,
                          int keep_curvature, double *predicted, int *accepted)
{
    size_t n = p->n;
    sbi_fit_point *t = w->trial;
    sbi_fit_quadratic q = {n, p->x, p->g, p->H, p->scale, w->lower, w->upper, p->state};
    *accepted = 0;
    SBI_TRY(sbi_fit_box_step(&q, &w->spectrum, run->radius, 1e-3 * set->goal, w->list, w->set, w->real, w->step));
    for (size_t k = 0; k < n; k++) {
        double to = p->x[k] + w->step[k];
        t->x[k] = to < w->lower[k] ? w->lower[k] : to > w->upper[k] ? w->upper[k] : to;
        w->step[k] = t->x[k] - p->x[k];
    }
    double length = 0;
    for (size_t k = 0; k < n; k++) length += w->step[k] / p->scale[k] * w->step[k] / p->scale[k];
    length = sqrt(length);
    *predicted = length > 0 ? sbi_fit_model_change(&q, w->step, w->real) : 0;
    if (!(*predicted < 0)) {
        *predicted = 0;
        return SBI_OK;
    }
    int has_gradient;
    SBI_TRY(evaluate_trial(w, set, run, p, *predicted, &has_gradient));
    if (t->f < INFINITY && has_gradient && sbi_fit_on_falling_edge(w, t))
        SBI_TRY(sbi_fit_step_inside(w, t, newton(w, set) ? t->H : NULL));
    for (size_t k = 0; k < n; k++) w->step[k] = t->x[k] - p->x[k]; /* bounds may have moved */
    if (!(t->f < INFINITY)) {
        run->ratio = -1;
        run->radius = 0.25 * fmin(length, run->radius);
        return SBI_OK;
    }
    run->ratio = sbi_fit_actual_change(p, t, w->step, has_gradient) / *predicted;
    *accepted = has_gradient && run->ratio > 1e-4;
    if (!newton(w, set) && !keep_curvature && length > SHORTEST_LESSON && run->ratio > WORST_LESSON) {
        double *y = w->real, *r = w->real + n;
        for (size_t k = 0; k < n; k++) y[k] = t->g[k] - p->g[k];
        sbi_fit_rank_one_update(n, p->H, w->step, y, p->scale, r);
        p->curvature = SBI_CURVATURE_GUESS;
    }
    if (run->ratio < 0.25) run->radius = 0.25 * fmin(length, run->radius);
    else if (run->ratio > 0.75 && length > 0.9 * run->radius) run->radius = fmin(2.5 * run->radius, LARGEST_RADIUS);
    if (*accepted) {
        p->iterations++;
        accept(w, set, p);
        if (!newton(w, set) && !keep_curvature) p->curvature = SBI_CURVATURE_GUESS;
    }
    return SBI_OK;
}

int sbi_fit_ran_away(const sbi_minimiser *w, double start_value, const sbi_fit_point *p)
{
    if (p->f < start_value - FAR_DOWN * (1 + fabs(start_value))) return 1;
    for (size_t k = 0; k < p->n; k++)
        if (fabs(p->x[k]) > FAR_OUT * (1 + fabs(w->objective->start[k]))) return 1;
    return 0;
}

static int count_states(const sbi_fit_point *p, int lowest)
{
    int count = 0;
    for (size_t k = 0; k < p->n; k++) count += p->state[k] >= lowest;
    return count;
}

int32_t sbi_fit_settled(const sbi_fit_point *p)
{
    if (count_states(p, SBI_FIT_AT_LOWER)) return SBI_FIT_AT_LIMIT;
    for (size_t k = 0; k < p->n; k++)
        if (p->state[k] != SBI_FIT_FIXED) return SBI_FIT_CONVERGED;
    return SBI_FIT_ALL_FIXED;
}

/* Whether the minimisation ends where no step leads on: the reason, or 0 to go on. */
static int32_t stuck(const sbi_minimiser_settings *set, const progress *run, const sbi_fit_point *p, double predicted,
                     int accepted)
{
    int positive = !isnan(p->edm);
    /* At a stationary point without positive curvature not even a long step promises anything. */
    if (!positive && run->radius >= 1 && -predicted < set->goal) return SBI_FIT_INDEFINITE_HESSIAN;
    int hopeless = predicted == 0 || run->radius < SMALLEST_RADIUS ||
                   (!accepted && -predicted < 0.1 * ROUNDING * (fabs(p->f) + 1));
    if (!hopeless) return 0;
    return !positive && p->gradient_norm * p->gradient_norm < set->goal ? SBI_FIT_INDEFINITE_HESSIAN
                                                                         : SBI_FIT_NO_PROGRESS;
}

int sbi_fit_creeps(const sbi_minimiser_settings *set, const sbi_fit_point *p, double before, int *crept)
{
    if (isnan(before) || set->polish == 0 || *crept >= MOST_CREEPING) return 0;
    if (p->edm < set->fine_goal || p->edm < 100 * ROUNDING * (fabs(p->f) + 1) || p->edm < 0.5 * before) return 0;
    ++*crept;
    return 1;
}

/* The loop proper; ends with point->reason set and the point assessed. */
static sbi_status iterate(sbi_minimiser *w, const sbi_minimiser_settings *set, progress *run, sbi_fit_point *p)
{
    p->reason = 0;
    for (;;) {
        SBI_TRY(sbi_fit_assess(w, set->level, p));
        int done = p->edm < set->goal;
        if (done && sbi_fit_creeps(set, p, run->distance, &run->crept)) run->polished = 0;
        run->distance = done ? p->edm : NAN;
        if (done) {
            if (p->edm < set->fine_goal || run->polished >= set->polish) {
                /* With updated curvature the verdict is only final once the real Hessian agrees. */
                if (p->curvature == SBI_CURVATURE_EXACT || !set->need_hessian) {
                    p->reason = sbi_fit_settled(p);
                    return SBI_OK;
                }
                SBI_TRY(exact_hessian(w, set, p));
                if (run->verified++ < 2 && set->polish) run->polished = set->polish - 1; /* one step with it */
                if (p->curvature == SBI_CURVATURE_EXACT) continue;
                p->reason = SBI_FIT_NO_PROGRESS; /* F does not exist beside the point: its distance is not known */
                return SBI_OK;
            }
            run->polished++;
        }
        if (sbi_fit_objective_evaluations(w->objective) - run->evaluations_before >= set->max_evaluations) {
            p->reason = done ? sbi_fit_settled(p) : SBI_FIT_MAX_EVALUATIONS;
            return SBI_OK;
        }
        double predicted;
        int accepted, exact = p->curvature == SBI_CURVATURE_EXACT;
        /* A step of a thousandth of a standard deviation does not make another Hessian necessary, unless it is so close
         * to singular that a little may tip it over. */
        int same_curvature = done && exact && p->edm < 1e-2 * set->goal && p->smallest > 1e-4 * p->largest;
        SBI_TRY(advance(w, set, run, p, same_curvature, &predicted, &accepted));
        if (sbi_fit_ran_away(w, run->start_value, p)) p->reason = SBI_FIT_UNBOUNDED;
        else if (done && !accepted && exact) p->reason = sbi_fit_settled(p);
        else if (done && !accepted) run->polished = set->polish; /* on to the real Hessian, if it is wanted */
        else if (!done) p->reason = stuck(set, run, p, predicted, accepted);
        if (!p->reason) continue;
        if (accepted) SBI_TRY(sbi_fit_assess(w, set->level, p));
        /* The last step may have led to where all is well. */
        if (p->reason == SBI_FIT_INDEFINITE_HESSIAN && !isnan(p->edm)) p->reason = 0;
        else return SBI_OK;
    }
}

static int nothing_free(const sbi_minimiser *w)
{
    for (size_t k = 0; k < w->objective->n; k++)
        if (!w->fixed[k] && w->lower[k] < w->upper[k]) return 0;
    return 1;
}

static sbi_status evaluate_only(sbi_minimiser *w, sbi_fit_point *p)
{
    size_t n = p->n;
    SBI_TRY(sbi_fit_evaluate(w, p->x, &p->f, p->g, NULL));
    if (p->H) memset(p->H, 0, n * n * sizeof *p->H);
    for (size_t k = 0; k < n; k++) {
        p->scale[k] = sbi_fit_guess_scale(w->objective, k, p->x[k]);
        p->least[k] = 0;
        p->state[k] = SBI_FIT_FIXED;
    }
    p->edm = p->gradient_norm = 0;
    p->smallest = p->largest = NAN;
    p->curvature = SBI_CURVATURE_NONE;
    p->reason = SBI_FIT_ALL_FIXED;
    return SBI_OK;
}

static sbi_status minimise_by_products(sbi_minimiser *w, const sbi_minimiser_settings *set, sbi_fit_point *p)
{
    SBI_TRY(sbi_fit_evaluate(w, p->x, &p->f, p->g, NULL));
    if (p->f < INFINITY && sbi_fit_on_falling_edge(w, p)) SBI_TRY(sbi_fit_step_inside(w, p, NULL));
    return p->f < INFINITY ? sbi_minimise_by_products(w, set, p) : SBI_OK;
}

static sbi_status minimise_by_matrices(sbi_minimiser *w, const sbi_minimiser_settings *set, progress *run, sbi_fit_point *p)
{
    SBI_TRY(first_point(w, set, p));
    if (!(p->f < INFINITY)) return SBI_OK;
    run->start_value = p->f;
    for (int attempt = 0;; attempt++) {
        double before = p->f;
        SBI_TRY(iterate(w, set, run, p));
        if (p->curvature == SBI_CURVATURE_EXACT) return SBI_OK;
        int failed = p->reason == SBI_FIT_NO_PROGRESS || p->reason == SBI_FIT_INDEFINITE_HESSIAN;
        int again = failed && attempt < MOST_ATTEMPTS && (attempt < 3 || p->f < before - set->goal);
        if (!again && !set->need_hessian) return SBI_OK;
        /* Updated curvature may be wrong where it says that nothing is left to gain: look at the real one. */
        SBI_TRY(exact_hessian(w, set, p));
        if (p->curvature != SBI_CURVATURE_EXACT) {
            if (p->reason == SBI_FIT_INDEFINITE_HESSIAN) p->reason = SBI_FIT_NO_PROGRESS; /* which nobody knows */
            return SBI_OK;
        }
        if (!again) {
            SBI_TRY(sbi_fit_assess(w, set->level, p));
            /* What the updated one called indefinite need not be. */
            if (p->reason == SBI_FIT_INDEFINITE_HESSIAN && !isnan(p->edm))
                p->reason = p->edm < set->goal ? sbi_fit_settled(p) : SBI_FIT_NO_PROGRESS;
            return SBI_OK;
        }
        run->radius = fmax(run->radius, 1e-2);
    }
}

sbi_status sbi_minimise(sbi_minimiser *w, const sbi_minimiser_settings *set, const int32_t *fixed,
                        sbi_fit_point *p)
{
    sbi_fit_objective *o = w->objective;
    memcpy(w->lower, o->lower, o->n * sizeof *w->lower);
    memcpy(w->upper, o->upper, o->n * sizeof *w->upper);
    memcpy(w->fixed, fixed, o->n * sizeof *w->fixed);
    progress run = {set->radius, 0, 0, sbi_fit_objective_evaluations(o), 0, 0, NAN, 0};
    p->iterations = 0;
    p->reason = SBI_FIT_NO_PROGRESS;
    if (nothing_free(w)) return evaluate_only(w, p);
    if (set->method == SBI_FIT_TRUNCATED_NEWTON) return minimise_by_products(w, set, p);
    if (!newton(w, set) || !sbi_fit_objective_products_only(o)) return minimise_by_matrices(w, set, &run, p);
    /* A Hessian costs n products, so they lead the way, and it is made once at the end, where it has the last word. */
    sbi_minimiser_settings products = *set;
    products.need_hessian = 0;
    products.max_evaluations /= 2; /* where conjugate gradients crawl, the Hessian need not */
    SBI_TRY(minimise_by_products(w, &products, p));
    int64_t iterations = p->iterations;
    if (!(p->f < INFINITY) || p->reason == SBI_FIT_UNBOUNDED) return SBI_OK;
    p->curvature = SBI_CURVATURE_NONE;
    SBI_TRY(minimise_by_matrices(w, set, &run, p));
    p->iterations += iterations;
    return SBI_OK;
}
