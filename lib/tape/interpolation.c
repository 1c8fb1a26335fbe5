/* SPDX-License-Identifier: Apache-2.0 */
#include "tape/interpolation.h"

#include <math.h>
#include <string.h>

#include "sbi/tape.h"
#include "tape/record.h"

/* Code 4 for |alpha| <= 1 is linear in S0 - 1, A0, S1, A1, S2, A2 (u and d and their logarithms); p[o][.] are the
 * polynomials in alpha that multiply them, o-th derivative. */
static void code4_polynomials(double a, double p[3][6])
{
    const double a2 = a * a, a3 = a2 * a, a4 = a2 * a2, a5 = a4 * a, a6 = a4 * a2;
    const double values[3][6] = {
        {
            3 * a2 - 3 * a4 + a6,               /* S0 - 1 */
            (15 * a - 10 * a3 + 3 * a5) / 8,    /* A0 */
            (-7 * a + 10 * a3 - 3 * a5) / 8,    /* S1 */
            (-9 * a2 + 14 * a4 - 5 * a6) / 8,   /* A1 */
            (a2 - 2 * a4 + a6) / 8,             /* S2 */
            (a - 2 * a3 + a5) / 8,              /* A2 */
        },
        {
            6 * a - 12 * a3 + 6 * a5,
            (15 - 30 * a2 + 15 * a4) / 8,
            (-7 + 30 * a2 - 15 * a4) / 8,
            (-18 * a + 56 * a3 - 30 * a5) / 8,
            (2 * a - 8 * a3 + 6 * a5) / 8,
            (1 - 6 * a2 + 5 * a4) / 8,
        },
        {
            6 - 36 * a2 + 30 * a4,
            (-60 * a + 60 * a3) / 8,
            (60 * a - 60 * a3) / 8,
            (-18 + 168 * a2 - 150 * a4) / 8,
            (2 - 24 * a2 + 30 * a4) / 8,
            (-12 * a + 20 * a3) / 8,
        },
    };
    memcpy(p, values, sizeof values);
}

/* The same as coefficients of u-1, u ln u, u ln^2 u, d-1, d ln d, d ln^2 d. */
static void code4_coefficients(double alpha, double c[3][6])
{
    double p[3][6];
    code4_polynomials(alpha, p);
    for (int o = 0; o < 3; o++) {
        c[o][0] = 0.5 * (p[o][0] + p[o][1]);
        c[o][1] = 0.5 * (p[o][3] + p[o][2]);
        c[o][2] = 0.5 * (p[o][4] + p[o][5]);
        c[o][3] = 0.5 * (p[o][0] - p[o][1]);
        c[o][4] = 0.5 * (p[o][3] - p[o][2]);
        c[o][5] = 0.5 * (p[o][4] - p[o][5]);
    }
}

/* The additive codes are linear in u - 1 and d - 1: their coefficients, in g - 1, g', g''. */
static void additive_coefficients(int32_t code, double a, double u[3], double d[3])
{
    const int outside = code == SBI_INTERP_CODE0 || a > 1.0 || a < -1.0;
    if (outside && code == SBI_INTERP_CODE2) {
        const double s = a > 0.0 ? a - 1.0 : -a - 1.0; /* beyond the border; `near` is the side that alpha is on */
        const double sign = a > 0.0 ? 1.0 : -1.0;
        double *near = a > 0.0 ? u : d, *far = a > 0.0 ? d : u;
        near[0] = 1.0 + 1.5 * s;
        near[1] = 1.5 * sign;
        far[0] = 0.5 * s;
        far[1] = 0.5 * sign;
    } else if (outside) {
        double *near = a >= 0.0 ? u : d;
        near[0] = fabs(a);
        near[1] = a >= 0.0 ? 1.0 : -1.0;
    } else if (code == SBI_INTERP_CODE2) {
        u[0] = 0.5 * (a + a * a);
        u[1] = 0.5 + a;
        d[0] = 0.5 * (a * a - a);
        d[1] = a - 0.5;
        u[2] = d[2] = 1.0;
    } else {
        const double a2 = a * a, even = a2 * (15.0 + a2 * (-10.0 + 3.0 * a2)) / 16.0;
        const double slope = a * (30.0 + a2 * (-40.0 + 18.0 * a2)) / 16.0;
        u[0] = 0.5 * a + even;
        u[1] = 0.5 + slope;
        d[0] = even - 0.5 * a;
        d[1] = slope - 0.5;
        u[2] = d[2] = (30.0 + a2 * (-120.0 + 90.0 * a2)) / 16.0;
    }
}

int sbi_interp_is_additive(int32_t code)
{
    return code == SBI_INTERP_CODE0 || code == SBI_INTERP_CODE2 || code == SBI_INTERP_CODE4P;
}

void sbi_morph_factor_set(sbi_morph_factor *factor, int32_t code, double alpha)
{
    memset(factor, 0, sizeof *factor);
    factor->alpha = alpha;
    if (code == SBI_CODE_LINEAR) return;
    if (sbi_interp_is_additive(code)) {
        double u[3] = {0}, d[3] = {0};
        additive_coefficients(code, alpha, u, d);
        factor->mode = SBI_FACTOR_POLYNOMIAL;
        for (int o = 0; o < 3; o++) {
            factor->c[o][0] = u[o];
            factor->c[o][3] = d[o];
        }
    } else if (code == SBI_INTERP_CODE1) {
        factor->mode = alpha >= 0.0 ? SBI_FACTOR_UP : SBI_FACTOR_DOWN;
    } else if (fabs(alpha) <= 1.0) {
        factor->mode = SBI_FACTOR_POLYNOMIAL;
        code4_coefficients(alpha, factor->c);
    } else { /* NaN ends here too and makes the result NaN */
        factor->mode = alpha > 0.0 ? SBI_FACTOR_UP : SBI_FACTOR_DOWN;
    }
}

/* With u = e^x, c0 (u - 1) + c1 u x + c2 u x^2 = sum_n x^n (c0/n! + c1/(n-1)! + c2/(n-2)!): for one alpha a function of x alone.
 * Within |x| <= 0.347 nine terms leave less than 1e-9 of g, within 0.125 six terms less than 5e-10. */
void sbi_morph_factor_set_series(sbi_morph_factor *factor, int32_t code)
{
    static const double inverse_factorial[SBI_SERIES_TERMS + 1] = {
        1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880};
    if (code != SBI_INTERP_CODE4 || factor->mode != SBI_FACTOR_POLYNOMIAL) return;
    factor->in_single = 1;
    for (int o = 0; o < 3; o++)
        for (int side = 0; side < 2; side++) {
            const double *c = factor->c[o] + 3 * side;
            for (int n = 1; n <= SBI_SERIES_TERMS; n++)
                factor->series[o][side][n - 1] = (float)(c[0] * inverse_factorial[n] + c[1] * inverse_factorial[n - 1] +
                                                         (n > 1 ? c[2] * inverse_factorial[n - 2] : 0.0));
        }
}

static void power_law(double base, double sign, double alpha, double f[3])
{
    const double l = sign * log(base);
    f[0] = pow(base, sign * alpha);
    f[1] = f[0] * l;
    f[2] = f[1] * l;
}

static void code2(double up, double down, double a, double f[3])
{
    const double b = 0.5 * (up - down), q = 0.5 * (up + down) - 1.0;
    if (a > 1.0) {
        f[0] = up + (b + 2 * q) * (a - 1.0);
        f[1] = b + 2 * q;
        f[2] = 0.0;
    } else if (a < -1.0) {
        f[0] = down + (b - 2 * q) * (a + 1.0);
        f[1] = b - 2 * q;
        f[2] = 0.0;
    } else {
        f[0] = 1.0 + a * (b + q * a);
        f[1] = b + 2 * q * a;
        f[2] = 2 * q;
    }
}

static void code4p(double up, double down, double a, double f[3])
{
    if (a > 1.0 || a < -1.0) {
        f[1] = a > 1.0 ? up - 1.0 : 1.0 - down;
        f[0] = 1.0 + a * f[1];
        f[2] = 0.0;
        return;
    }
    const double s = 0.5 * (up - down), q = (up + down - 2.0) / 16.0, a2 = a * a;
    f[0] = 1.0 + a * (s + a * q * (15.0 + a2 * (-10.0 + 3.0 * a2)));
    f[1] = s + a * q * (30.0 + a2 * (-40.0 + 18.0 * a2));
    f[2] = q * (30.0 + a2 * (-120.0 + 90.0 * a2));
}

void sbi_interpolate(int32_t code, double up, double down, double alpha, double f[3])
{
    switch (code) {
    case SBI_INTERP_CODE0:
        f[1] = alpha >= 0.0 ? up - 1.0 : 1.0 - down;
        f[0] = 1.0 + alpha * f[1];
        f[2] = 0.0;
        break;
    case SBI_INTERP_CODE2: code2(up, down, alpha, f); break;
    case SBI_INTERP_CODE4P: code4p(up, down, alpha, f); break;
    case SBI_INTERP_CODE1:
        power_law(alpha >= 0.0 ? up : down, alpha >= 0.0 ? 1.0 : -1.0, alpha, f);
        break;
    default: /* code 4 */
        if (!(fabs(alpha) <= 1.0)) {
            power_law(alpha > 0.0 ? up : down, alpha > 0.0 ? 1.0 : -1.0, alpha, f);
            break;
        }
        double c[3][6];
        code4_coefficients(alpha, c);
        const double lu = log(up), ld = log(down);
        for (int o = 0; o < 3; o++)
            f[o] = (o == 0) + c[o][0] * (up - 1.0) + up * lu * (c[o][1] + c[o][2] * lu) + c[o][3] * (down - 1.0) +
                   down * ld * (c[o][4] + c[o][5] * ld);
        break;
    }
}
