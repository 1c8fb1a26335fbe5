/* SPDX-License-Identifier: Apache-2.0 */
/* The step of truncated Newton: conjugate gradients that stop at the trust radius or where curvature is not positive, in units
 * that make the diagonal of the Hessian about one. Within bounds the step is projected; parameters that meet a bound stay
 * there, and the rest goes on from where it is (Lin and More, SIAM J. Optim. 9 (1999) 1100). A parameter that the model
 * wants to leave its bound again is released, once. If all that gains much less than the best point on the projected gradient
 * path, that one is taken. Source: Steihaug, SIAM J. Numer. Anal. 20 (1983) 626; Toint (1981). */
#include "fit/truncated_step.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define ROUNDS 30

sbi_status sbi_products_create(sbi_products *s, sbi_minimiser *w, const sbi_fit_point *p)
{
    size_t n = p->n;
    if (!w->products) w->products = sbi_alloc_zero(w->ctx, n, SBI_PRODUCTS_VECTORS * sizeof *w->products);
    if (!w->products) return SBI_ERR_NO_MEMORY;
    double **views[12] = {&s->slope, &s->low, &s->high, &s->z,  &s->Hz,    &s->step,
                          &s->Hstep, &s->rest, &s->d,   &s->Hd, &s->other, &s->natural};
    for (size_t i = 0; i < 12; i++) *views[i] = w->products + i * n;
    s->block = w->products + 12 * n;
    s->w = w;
    s->p = p;
    return SBI_OK;
}

void sbi_products_prepare(sbi_products *s)
{
    const sbi_fit_point *p = s->p;
    for (size_t k = 0; k < p->n; k++) {
        int is_free = p->state[k] == SBI_FIT_FREE;
        s->slope[k] = is_free ? p->g[k] * p->scale[k] : 0;
        s->low[k] = is_free ? (s->w->lower[k] - p->x[k]) / p->scale[k] : 0;
        s->high[k] = is_free ? (s->w->upper[k] - p->x[k]) / p->scale[k] : 0;
    }
}

sbi_status sbi_products_apply(sbi_products *s, const double *v, double *out)
{
    const sbi_fit_point *p = s->p;
    for (size_t k = 0; k < p->n; k++) s->natural[k] = v[k] * p->scale[k];
    SBI_TRY(sbi_fit_objective_products(s->w->objective, p->x, s->natural, 1, out));
    for (size_t k = 0; k < p->n; k++) out[k] = p->state[k] == SBI_FIT_FREE ? out[k] * p->scale[k] : 0;
    return SBI_OK;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* The t >= 0 with |a + t d| = radius, for |a| <= radius. */
static double to_radius(const double *a, const double *d, size_t n, double radius)
{
    double aa = dot(a, a, n), ad = dot(a, d, n), dd = dot(d, d, n), room = fmax(0, radius * radius - aa);
    double root = sqrt(ad * ad + dd * room);
    return ad > 0 ? room / (ad + root) : (root - ad) / dd; /* without cancellation */
}

/* Conjugate gradients from s->z over the parameters with set[k] FREE: s->step and its product. */
static sbi_status conjugate_gradients(sbi_products *s, double radius, double target, size_t most, const int32_t *set,
                                      sbi_truncated_result *out)
{
    size_t n = s->p->n;
    double *r = s->rest, *d = s->d, *Hd = s->Hd;
    memset(s->step, 0, n * sizeof *s->step);
    memset(s->Hstep, 0, n * sizeof *s->Hstep);
    for (size_t k = 0; k < n; k++) d[k] = r[k] = set[k] == SBI_FIT_FREE ? -(s->slope[k] + s->Hz[k]) : 0;
    double rr = dot(r, r, n);
    for (size_t i = 0; i < most && sqrt(rr) > target; i++) {
        SBI_TRY(sbi_products_apply(s, d, Hd));
        double curvature = dot(d, Hd, n), t = rr / curvature;
        int negative = !(curvature > 0) || !isfinite(t);
        for (size_t k = 0; k < n; k++) s->other[k] = s->z[k] + s->step[k];
        double edge = to_radius(s->other, d, n, radius);
        if (!isfinite(curvature)) break; /* products that are not numbers teach nothing */
        if (negative || t >= edge) {
            out->at_radius = 1;
            out->negative |= negative;
            t = edge;
        }
        for (size_t k = 0; k < n; k++) {
            s->step[k] += t * d[k];
            s->Hstep[k] += t * Hd[k];
            if (set[k] == SBI_FIT_FREE) r[k] -= t * Hd[k];
        }
        double next = dot(r, r, n);
        if (out->at_radius) {
            rr = next;
            break;
        }
        for (size_t k = 0; k < n; k++) d[k] = r[k] + next / rr * d[k];
        rr = next;
    }
    out->residual = sqrt(rr);
    return SBI_OK;
}

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* The change of the model from s->z over `move` with product Hmove. */
static double change_over(const sbi_products *s, const double *move, const double *Hmove)
{
    double change = 0;
    for (size_t k = 0; k < s->p->n; k++) change += move[k] * (s->slope[k] + s->Hz[k] + 0.5 * Hmove[k]);
    return change;
}

/* Takes s->step as far as the bounds and the model allow: projected if that gains, else up to the first bound. *clipped: some
 * parameter met one. The change of the model is returned in *change. */
static sbi_status move_within_bounds(sbi_products *s, double *change, int *clipped)
{
    size_t n = s->p->n;
    double *move = s->other, *Hmove = s->Hd, first = 1;
    *clipped = 0;
    for (size_t k = 0; k < n; k++) {
        double to = s->z[k] + s->step[k];
        if (to < s->low[k]) first = fmin(first, (s->low[k] - s->z[k]) / s->step[k]);
        else if (to > s->high[k]) first = fmin(first, (s->high[k] - s->z[k]) / s->step[k]);
        else continue;
        *clipped = 1;
    }
    double t = 1;
    for (int i = 0; i < 8 && *clipped && t > first; i++, t *= 0.5) {
        double slope = 0;
        for (size_t k = 0; k < n; k++) {
            move[k] = clip(s->z[k] + t * s->step[k], s->low[k], s->high[k]) - s->z[k];
            slope += move[k] * (s->slope[k] + s->Hz[k]);
        }
        SBI_TRY(sbi_products_apply(s, move, Hmove));
        *change = change_over(s, move, Hmove);
        if (*change <= fmin(0, 0.01 * slope)) {
            for (size_t k = 0; k < n; k++) {
                s->z[k] = clip(s->z[k] + move[k], s->low[k], s->high[k]);
                s->Hz[k] += Hmove[k];
            }
            return SBI_OK;
        }
    }
    if (*clipped) t = first;
    for (size_t k = 0; k < n; k++) {
        s->step[k] *= t;
        s->Hstep[k] *= t;
    }
    *change = change_over(s, s->step, s->Hstep);
    for (size_t k = 0; k < n; k++) {
        s->z[k] = clip(s->z[k] + s->step[k], s->low[k], s->high[k]);
        s->Hz[k] += s->Hstep[k];
    }
    return SBI_OK;
}

/* Parameters that stand on a bound leave the set, those that want to go back inside return to it once. How many changed. */
static size_t update_set(const sbi_products *s, int32_t *set)
{
    size_t changes = 0;
    for (size_t k = 0; k < s->p->n; k++) {
        if (s->p->state[k] != SBI_FIT_FREE) continue;
        double slope = s->slope[k] + s->Hz[k];
        int low = s->z[k] <= s->low[k], high = s->z[k] >= s->high[k];
        if (set[k] == SBI_FIT_FREE && ((low && slope > 0) || (high && slope < 0))) set[k] = SBI_FIT_AT_LOWER;
        else if (set[k] == SBI_FIT_AT_LOWER && ((low && slope < 0) || (high && slope > 0))) set[k] = -1; /* free for good */
        else continue;
        changes++;
    }
    for (size_t k = 0; k < s->p->n; k++)
        if (set[k] == -1) set[k] = SBI_FIT_FREE;
    return changes;
}

/* The point on the projected gradient path that the model likes, into s->step with its change. */
static sbi_status cauchy_step(sbi_products *s, double radius, double *change)
{
    size_t n = s->p->n;
    double norm = sqrt(dot(s->slope, s->slope, n));
    double t = norm > 0 ? radius / norm : 0;
    SBI_TRY(sbi_products_apply(s, s->slope, s->Hd));
    double curvature = dot(s->slope, s->Hd, n);
    if (curvature > 0) t = fmin(t, norm * norm / curvature);
    *change = 0;
    for (int i = 0; i < 20; i++, t *= 0.25) {
        double slope = 0, full;
        for (size_t k = 0; k < n; k++) {
            s->step[k] = clip(-t * s->slope[k], s->low[k], s->high[k]);
            slope += s->step[k] * s->slope[k];
        }
        SBI_TRY(sbi_products_apply(s, s->step, s->Hd));
        full = slope + 0.5 * dot(s->step, s->Hd, n);
        if (full > 0.1 * slope) continue;
        *change = full;
        return SBI_OK;
    }
    memset(s->step, 0, n * sizeof *s->step);
    return SBI_OK;
}

sbi_status sbi_truncated_step(sbi_products *s, double radius, double forcing, size_t most, sbi_truncated_result *out)
{
    size_t n = s->p->n;
    int32_t *set = s->w->set;
    memset(out, 0, sizeof *out);
    memset(s->z, 0, n * sizeof *s->z);
    memset(s->Hz, 0, n * sizeof *s->Hz);
    memcpy(set, s->p->state, n * sizeof *set);
    double target = forcing * sqrt(dot(s->slope, s->slope, n));
    int bounded = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int clipped;
        double change;
        SBI_TRY(conjugate_gradients(s, radius, target, most, set, out));
        SBI_TRY(move_within_bounds(s, &change, &clipped));
        out->predicted += change;
        bounded |= clipped;
        if (!clipped && !(bounded && !out->at_radius)) break;
        size_t changes = update_set(s, set);
        if (!changes || sqrt(dot(s->z, s->z, n)) >= 0.999 * radius) break;
        out->at_radius = out->negative = 0;
    }
    if (!bounded) return SBI_OK;
    double cauchy;
    SBI_TRY(cauchy_step(s, radius, &cauchy));
    if (out->predicted > 0.1 * cauchy) {
        memcpy(s->z, s->step, n * sizeof *s->z);
        out->predicted = cauchy;
        out->at_radius = 1; /* more may be gained than this step tells */
    }
    return SBI_OK;
}
