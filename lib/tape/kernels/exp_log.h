/* SPDX-License-Identifier: Apache-2.0 */
/* Vector exp and log for kernels: within 1.5 ulp of the true value over the whole range, subnormal results and arguments
 * included (tests/unit/test_tape_kernels.c holds them to it). NaN gives NaN. No branch, so a lane's result does not depend on
 * its neighbours.
 *
 * The polynomials interpolate (e^r - 1 - r) / r^2 and (ln((1+s)/(1-s)) - 2s) / s^3 at Chebyshev points, computed with
 * mpmath at 60 digits; their relative errors are stated in ulp (2^-53).
 */
#ifndef SBI_TAPE_KERNELS_EXP_LOG_H
#define SBI_TAPE_KERNELS_EXP_LOG_H

#include "tape/kernels/vec.h"

#define LN2_HIGH 0x1.62e42fef00000p-1 /* 33 bits: k * LN2_HIGH is exact for |k| < 2^20 */
#define LN2_LOW 0x1.473de6af278edp-34

/* e^r - 1 = r + r^2 q(r) for |r| up to the end of a range (SBI_RANGE_...). Errors in ulp of e^r, degrees of the whole: 0.006 and 7, 0.02 and
 * 9, 0.10 and 10, 0.15 and 11. */
static const double expm1_tiny_terms[] = {0x1.a01c2c6edca70p-13, 0x1.6c1931950c84fp-10, 0x1.1111111041036p-7,
                                          0x1.5555555381363p-5,  0x1.5555555555558p-3,  0x1.0000000000007p-1};
static const double expm1_small_terms[] = {0x1.71f9218da2e29p-19, 0x1.a03effca19d70p-16, 0x1.a01a00930ee10p-13, 0x1.6c16bffa2459dp-10,
                                           0x1.11111111146e0p-7,  0x1.555555555e951p-5,  0x1.5555555555555p-3,  0x1.ffffffffffffep-2};
static const double expm1_middle_terms[] = {0x1.282950b654e19p-22, 0x1.7244bc1bca7dcp-19, 0x1.a019f6c78ae2ep-16,
                                            0x1.a019f15add74cp-13, 0x1.6c16c16cb9f71p-10, 0x1.1111111205e82p-7,
                                            0x1.5555555555502p-5,  0x1.555555555545dp-3,  0x1.0000000000000p-1};
static const double expm1_medium_terms[] = {0x1.af38a0d2d9620p-26, 0x1.28917e2c43a66p-22, 0x1.71de0db21e27fp-19, 0x1.a019b9133a48ap-16,
                                            0x1.a01a01a7c327ap-13, 0x1.6c16c1788a49bp-10, 0x1.11111111109b4p-7,  0x1.5555555553d67p-5,
                                            0x1.5555555555556p-3,  0x1.0000000000001p-1};

#define EXPM1_TERMS(range) (int)(sizeof expm1_##range##_terms / sizeof(double)), expm1_##range##_terms

/* Horner's scheme for `count` arguments side by side, whose chains hide each other's latency. */
SBI_INLINE void expm1_polynomials(int terms, const double *t, int count, const vd *r, vd *out)
{
    vd q[8];
#pragma GCC unroll 8
    for (int j = 0; j < count; j++)
        q[j] = splat(t[0]);
#pragma GCC unroll 16
    for (int k = 1; k < terms; k++) {
#pragma GCC unroll 8
        for (int j = 0; j < count; j++)
            q[j] = madd(q[j], r[j], splat(t[k]));
    }
#pragma GCC unroll 8
    for (int j = 0; j < count; j++)
        out[j] = madd(q[j], r[j] * r[j], r[j]);
}

SBI_INLINE vd expm1_medium(vd r)
{
    vd y;
    expm1_polynomials(EXPM1_TERMS(medium), 1, &r, &y);
    return y;
}

/* x = k ln 2 + r, |r| <= ln 2 / 2; returns r and k + 2048 as an integer. */
SBI_INLINE vd exp_reduce(vd x, vu *k_biased)
{
    const vd magic = splat(0x1.8p52);
    vd t = madd(x, splat(0x1.71547652b82fep+0), magic);
    vd k = t - magic;
    *k_biased = (vu)t - (vu)magic + 2048u;
    return madd(k, splat(-LN2_LOW), madd(k, splat(-LN2_HIGH), x));
}

/* 2^(k/2) and 2^(k - k/2): two factors, so that neither overflows where the product does not. */
SBI_INLINE vd scale_half(vu k_biased, vd *second)
{
    vu half = k_biased >> 1;
    vu rest = k_biased - half;
    *second = (vd)((rest - 1u) << 52);
    return (vd)((half - 1u) << 52);
}

SBI_INLINE vd vexp(vd x)
{
    x = pick(x < splat(-746.0), splat(-746.0), x);
    x = pick(x > splat(710.0), splat(710.0), x);
    vu k;
    vd r = exp_reduce(x, &k), second;
    vd first = scale_half(k, &second);
    return ((1.0 + expm1_medium(r)) * first) * second;
}

SBI_INLINE vd vexpm1(vd x)
{
    vd small = expm1_medium(x);
    vd c = pick(x < splat(-60.0), splat(-60.0), x);
    c = pick(c > splat(710.0), splat(710.0), c);
    vu k;
    vd r = exp_reduce(c, &k), second;
    vd first = scale_half(k, &second);
    vd p = expm1_medium(r);
    /* 2^k (1 + p) - 1 = 2^k p + (2^k - 1); beyond 2^60 the 1 is below rounding and 2^k may overflow on its own. */
    vd power = first * second;
    vd near = madd(power, p, power - 1.0);
    vd far = ((1.0 + p) * first) * second;
    vd y = pick(c > splat(42.0), far, near);
    return pick(vabs(x) <= splat(SBI_RANGE_MEDIUM_END), small, y);
}

/* ln x for x > 0 as k ln 2 + ln m, m in [sqrt(1/2), sqrt(2)); -inf at 0, NaN below. */
SBI_INLINE vd vlog(vd x)
{
    const vi subnormal = x < splat(0x1p-1022);
    vd y = pick(subnormal, x * 0x1p54, x);
    vu bits = (vu)y + (splat_u(0x3ff0000000000000u) - splat_u(0x3fe6a09e667f3bcdu));
    vu exponent = bits >> 52;
    vd m = (vd)((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
    /* exponent is below 2^12: an integer as the low bits of 2^52 + integer. */
    vd k = (vd)(exponent | 0x4330000000000000u) - splat(0x1p52 + 1023.0);
    k = k - pick(subnormal, splat(54.0), splat(0.0));
    vd f = m - 1.0;
    vd s = f / (2.0 + f);
    vd z = s * s;
    vd q = splat(0x1.2b5900de53b32p-3);
    q = madd(q, z, splat(0x1.39fe51a7c18f9p-3));
    q = madd(q, z, splat(0x1.7462b51cb66b1p-3));
    q = madd(q, z, splat(0x1.c71c62e3f11e6p-3));
    q = madd(q, z, splat(0x1.2492492df281ap-2));
    q = madd(q, z, splat(0x1.99999999952d7p-2));
    q = madd(q, z, splat(0x1.5555555555558p-1));
    /* ln(1+f) = 2s + z s q with 2s = f - s f, and s f = f^2/2 - s f^2/2: the large part f is added last. */
    vd half = 0.5 * f * f;
    vd tail = madd(s, madd(z, q, half), k * LN2_LOW);
    vd result = madd(k, splat(LN2_HIGH), f - (half - tail));
    /* k LN2_HIGH is exact; for k = 0 the result is f - (half - tail) itself. */
    result = pick(x == splat(0.0), splat(-__builtin_inf()), result);
    result = pick(x > splat(0x1.fffffffffffffp1023), x, result);
    return pick((vi)((x < splat(0.0)) | (x != x)), splat(__builtin_nan("")), result);
}

SBI_INLINE vd vlog1p(vd x)
{
    vd u = 1.0 + x;
    /* What was rounded away in 1 + x, relative to u. */
    vd lost = (x - (u - 1.0)) / u;
    vd y = vlog(u) + lost;
    y = pick(u == splat(1.0), x, y);
    y = pick(x == splat(-1.0), splat(-__builtin_inf()), y);
    return pick(x > splat(0x1.fffffffffffffp1023), x, y);
}

#endif
