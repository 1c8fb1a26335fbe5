/* SPDX-License-Identifier: Apache-2.0 */
#include "net/yeo_johnson.h"

#include <math.h>

#include "net/transform.h"

/* Below this an exponent is 0: g and L then agree to rounding. */
#define ZERO 1e-12
#define TRIES 200
#define TOLERANCE 1e-11

/* (exp(p L) - 1) / p */
static double power(double p, double l)
{
    return fabs(p) < ZERO ? l : expm1(p * l) / p;
}

/* d/dp of that: L^2 h(p L) with h(t) = (t exp(t) - exp(t) + 1) / t^2 = sum_k t^k / ((k + 2) k!). */
static double power_slope(double p, double l)
{
    const double t = p * l;
    if (fabs(t) < 0.1) {
        double term = 1, sum = 0;
        for (int k = 0; k < 10; k++) {
            sum += term / (k + 2);
            term *= t / (k + 1);
        }
        return l * l * sum;
    }
    const double e = expm1(t);
    return l * l * (t * (e + 1) - e) / (t * t);
}

double sbi_yeo_johnson(double x, double exponent)
{
    const double l = log1p(fabs(x));
    return x < 0 ? -power(2 - exponent, l) : power(exponent, l);
}

void sbi_yeo_johnson_relative(double x, double pivot, double exponent, double *value, double *derivative)
{
    const double l = log1p(fabs(x)), lq = log1p(fabs(pivot));
    const double p = x < 0 ? 2 - exponent : exponent, q = pivot < 0 ? 2 - exponent : exponent;
    if ((x < 0) != (pivot < 0)) {
        const double g = power(p, l), gq = power(q, lq);
        *value = x < 0 ? -g - gq : g + gq;
        *derivative = power_slope(p, l) - power_slope(q, lq);
        return;
    }
    /* exp(p l) = exp(p lq) exp(p (l - lq)) */
    const double scale = exp(p * lq), g = power(p, l - lq);
    *value = x < 0 ? -scale * g : scale * g;
    *derivative = scale * (lq * g + power_slope(p, l - lq));
}

/* ---- the search ---- */

/* Exponentials stay finite, squared too, for all values; and the image of a typical value keeps nine digits beyond the asymptote that it
 * tends to for exponents far below 0 (above 2 on the negative side). */
#define LARGEST_LOG 300.0
#define SMALLEST_LOG (-16.0)

void sbi_exponent_search_begin(sbi_exponent_search *s, double smallest, double largest, double typical)
{
    *s = (sbi_exponent_search){.low = -SBI_TRANSFORM_LARGEST_EXPONENT, .high = SBI_TRANSFORM_LARGEST_EXPONENT, .exponent = 1, .step = 0.5};
    if (largest > 0) s->high = fmin(s->high, LARGEST_LOG / log1p(largest));
    if (smallest < 0) s->low = fmax(s->low, 2 - LARGEST_LOG / log1p(-smallest));
    if (typical > 0) s->low = fmax(s->low, SMALLEST_LOG / log1p(typical));
    if (typical < 0) s->high = fmin(s->high, 2 - SMALLEST_LOG / log1p(-typical));
    s->exponent = fmin(fmax(s->exponent, s->low), s->high);
    /* Values near the largest double on both sides leave nothing to choose from. */
    if (s->low <= s->high) return;
    s->exponent = 1;
    s->done = s->at_bound = 1;
}

static void finish(sbi_exponent_search *s, double exponent)
{
    s->exponent = exponent;
    s->done = 1;
}

/* No sign change yet: further in the direction of ascent. */
static void expand(sbi_exponent_search *s, int up)
{
    const double end = up ? s->high : s->low;
    if (s->exponent == end) {
        s->at_bound = 1;
        finish(s, end);
        return;
    }
    const double next = s->exponent + (up ? s->step : -s->step);
    s->exponent = up ? fmin(next, end) : fmax(next, end);
    s->step *= 2;
}

static void interpolate(sbi_exponent_search *s)
{
    const double width = s->right - s->left;
    double next = s->left + width * s->left_slope / (s->left_slope - s->right_slope);
    /* Every fourth try halves the bracket: false position alone may creep. */
    if (s->tries % 4 == 3 || !(next > s->left && next < s->right)) next = s->left + 0.5 * width;
    const int settled = s->tries % 4 != 3 && fabs(next - s->exponent) <= TOLERANCE * (1 + fabs(next));
    if (settled || width <= TOLERANCE * (1 + fabs(next)) || next <= s->left || next >= s->right || s->tries >= TRIES) {
        finish(s, next);
        return;
    }
    s->exponent = next;
}

void sbi_exponent_search_next(sbi_exponent_search *s, double slope)
{
    s->tries++;
    if (slope == 0 || !isfinite(slope)) {
        finish(s, s->exponent);
        return;
    }
    const int side = slope > 0 ? -1 : 1; /* which end of the bracket this is */
    if (side < 0) {
        s->left = s->exponent;
        s->left_slope = slope;
        s->has_left = 1;
        if (s->last_side == side) s->right_slope *= 0.5;
    } else {
        s->right = s->exponent;
        s->right_slope = slope;
        s->has_right = 1;
        if (s->last_side == side) s->left_slope *= 0.5;
    }
    if (s->has_left && s->has_right) {
        s->last_side = side;
        interpolate(s);
    } else {
        expand(s, side < 0);
    }
}
