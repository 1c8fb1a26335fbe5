/* SPDX-License-Identifier: Apache-2.0 */
#include "base/distributions.h"

#include <math.h>

double sbi_normal_tail(double z)
{
    return 0.5 * erfc(z * M_SQRT1_2);
}

/* For p <= 1/2: a rational guess (Abramowitz and Stegun 26.2.23), then Newton on ln(1 - Phi(z)), which is nearly a parabola. */
static double upper_quantile(double p)
{
    const double t = sqrt(-2 * log(p));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 4; i++) {
        const double tail = sbi_normal_tail(z), density = 0.39894228040143267794 * exp(-0.5 * z * z);
        if (!(tail > 0 && density > 0)) break; /* beyond 38 standard deviations the guess is left */
        z += log(tail / p) * tail / density;
    }
    return z;
}

double sbi_normal_upper_quantile(double p)
{
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0 || p == 1) return p == 0 ? INFINITY : -INFINITY;
    return p <= 0.5 ? upper_quantile(p) : -upper_quantile(1 - p);
}

double sbi_normal_quantile(double p)
{
    return -sbi_normal_upper_quantile(p);
}

/* The regularised incomplete gamma function: its series below a + 1, Lentz's continued fraction above. */
double sbi_chi2_tail(double x, double dof)
{
    const double a = 0.5 * dof, half = 0.5 * x;
    if (!(dof > 0) || isnan(x)) return NAN;
    if (half <= 0) return 1;
    if (isinf(half)) return 0;
    int sign;
    const double front = exp(a * log(half) - half - lgamma_r(a, &sign));
    if (half < a + 1) {
        double term = 1 / a, sum = term;
        for (int n = 1; n < 100000 && term > sum * 1e-17; n++) {
            term *= half / (a + n);
            sum += term;
        }
        return 1 - front * sum;
    }
    double b = half + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int n = 1; n < 100000; n++) {
        const double an = -n * (n - a);
        b += 2;
        d = an * d + b;
        c = b + an / c;
        if (fabs(d) < 1e-300) d = 1e-300;
        if (fabs(c) < 1e-300) c = 1e-300;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16) break;
    }
    return front * h;
}
