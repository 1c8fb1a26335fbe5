/* SPDX-License-Identifier: Apache-2.0 */
/* Vector lgamma, digamma and further derivatives for x > 0: within 6, 4 and 4 ulp of the true value over the whole range, the
 * neighbourhoods of their zeros included (tests/unit/test_tape_special.c holds them to it). NaN elsewhere. No branch.
 *
 * The polynomials and series come from tests/reference/special_functions.py --coefficients; their relative errors are below one
 * ulp (2^-53).
 */
#ifndef SBI_TAPE_KERNELS_SPECIAL_H
#define SBI_TAPE_KERNELS_SPECIAL_H

#include "tape/kernels/exp_log.h"

/* c[0] x^(n-1) + ... + c[n-1] */
SBI_INLINE vd horner(const double *c, int n, vd x)
{
    vd y = splat(c[0]);
    for (int i = 1; i < n; i++)
        y = madd(y, x, splat(c[i]));
    return y;
}

SBI_INLINE vd positive_only(vd x, vd y) { return pick(x > splat(0.0), y, splat(__builtin_nan(""))); }

/* From 8 on Stirling's series. Below, ln Gamma(2 + t) = t P(t) for |t| <= 1/2, which keeps the relative accuracy at the zeros 1 and 2,
 * and the recurrence: ln Gamma(x) = ln Gamma(x - k) + ln((x - 1) ... (x - k)), or downwards for x < 3/2. Differences are exact. */
SBI_INLINE vd vlgamma(vd x)
{
    static const double near_two[18] = {
        0x1.2703c6effc4ebp-22,  -0x1.37fd97eeee99dp-21, 0x1.f038cb2f6a913p-21,  -0x1.08fccc794a9c7p-19, 0x1.2620de1c78d97p-18,
        -0x1.3d4ce65b1d70bp-17, 0x1.5808af19fa483p-16,  -0x1.78d8f868f383fp-15, 0x1.a127cd91ac95bp-14,  -0x1.d3fd6a9087d23p-13,
        0x1.0b36af5972ed1p-11,  -0x1.38ac5bfce42c1p-10, 0x1.7add6eadfcc7bp-9,   -0x1.e404fc21d8fe7p-8,  0x1.51322ac7d8333p-6,
        -0x1.13e001a557555p-4,  0x1.4a34cc4a60fa6p-2,   0x1.b0ee6072093cep-2};
    static const double stirling[8] = {/* B_2k / (2k (2k - 1)), k = 8 ... 1 */
        -0x1.e4286cb0f5398p-6,  0x1.a41a41a41a41ap-8,  -0x1.f6ab0d9993c7dp-10, 0x1.b951e2b18ff23p-11,
        -0x1.3813813813814p-11, 0x1.a01a01a01a01ap-11, -0x1.6c16c16c16c17p-9,  0x1.5555555555555p-4};
    const vi large = x >= splat(8.0), small = x < splat(1.5), smaller = x < splat(0.5);
    vd z = pick(large, splat(2.0), x), product = splat(1.0);
    for (int k = 0; k < 6; k++) {
        const vi above = z > splat(2.5);
        z = pick(above, z - 1.0, z);
        product = pick(above, product * z, product);
    }
    const vd t = pick(smaller, x, pick(small, x - 1.0, z - 2.0));
    const vd steps = pick(smaller, x * (x + 1.0), pick(small, x, product));
    const vd l = vlog(pick(large, x, steps));
    const vd below = madd(t, horner(near_two, 18, t), pick(small, -l, l));
    const vd inverse = 1.0 / pick(large, x, splat(8.0));
    const vd tail = inverse * horner(stirling, 8, inverse * inverse);
    /* (x - 1/2) ln x - x + ln(2 pi) / 2 */
    vd above = madd(x - 0.5, l - 1.0, tail + splat(0x1.acfe390c97d6ap-2));
    above = pick(x > splat(0x1.fffffffffffffp1023), x, above);
    return positive_only(x, pick(large, above, below));
}

/* From 10 on the asymptotic series. On [1, 2] (x - x0) Q(x - 3/2) with the zero x0 in two parts; elsewhere by recurrence. */
SBI_INLINE vd vdigamma(vd x)
{
    static const double middle[22] = {
        -0x1.6b107f71aa124p-13, 0x1.104c9d0897b58p-12, -0x1.3db05b36d9a48p-13, 0x1.dc8ae08af0fc4p-13, -0x1.f99f529bd0771p-12,
        0x1.7b3b41b0b38cdp-11,  -0x1.1002aaf6255f5p-10, 0x1.980fc9c9f0be8p-10, -0x1.33661f9073563p-9, 0x1.cd3e42d157015p-9,
        -0x1.5a071c746535bp-8,  0x1.03c00801ba958p-7,  -0x1.86355f6f68797p-7,  0x1.256475e5ac975p-6,  -0x1.b9f8b1367959dp-6,
        0x1.4de9aa05d3418p-5,   -0x1.fb442029cdbf4p-5, 0x1.8512e5905d180p-4,   -0x1.2feeeb98a7cd8p-3, 0x1.eca189b8e6da1p-3,
        -0x1.b1cb63005ee97p-2,  0x1.e6f0cbb873617p-1};
    static const double series[8] = {/* B_2k / (2k), k = 8 ... 1 */
        -0x1.c5e5e5e5e5e5ep-2, 0x1.5555555555555p-4,  -0x1.5995995995996p-6, 0x1.f07c1f07c1f08p-8,
        -0x1.1111111111111p-8, 0x1.0410410410410p-8,  -0x1.1111111111111p-7, 0x1.5555555555555p-4};
    const double root = 0x1.762d86356be3fp+0, root_low = 0x1.b86a722197829p-54;
    const vi large = x >= splat(10.0), small = x < splat(1.0);
    /* sum of 1 / (z + i) as one fraction */
    vd z = pick(large, splat(1.5), x), num = splat(0.0), den = splat(1.0);
    for (int k = 0; k < 8; k++) {
        const vi above = z > splat(2.0);
        z = pick(above, z - 1.0, z);
        num = pick(above, madd(num, z, den), num);
        den = pick(above, den * z, den);
    }
    num = pick(small, splat(-1.0), num);
    den = pick(small, x, den);
    const vd distance = pick(small, x - (root - 1.0), z - root) - root_low;
    const vd t = pick(small, x - 0.5, z - 1.5);
    const vd below = madd(distance, horner(middle, 22, t), num / den);
    const vd inverse = 1.0 / pick(large, x, splat(10.0)), square = inverse * inverse;
    vd above = vlog(pick(large, x, splat(10.0))) - madd(square, horner(series, 8, square), 0.5 * inverse);
    above = pick(x > splat(0x1.fffffffffffffp1023), x, above);
    return positive_only(x, pick(large, above, below));
}

/* The derivative of digamma of order 1, 2 or 3. Asymptotic series at the first x + n >= 12, then the recurrence downwards, so that the
 * terms grow as they are added. */
SBI_INLINE vd vpolygamma(int order, vd x)
{
    static const double series[3][10] = {/* B_2k, B_2k (2k + 1), B_2k (2k + 1) (2k + 2), k = 10 ... 1 */
        {-0x1.088fe72cfe72dp+9, 0x1.b7c4f8f13e3c5p+5, -0x1.c5e5e5e5e5e5ep+2, 0x1.2aaaaaaaaaaabp+0, -0x1.0330330330330p-2,
         0x1.364d9364d9365p-4, -0x1.1111111111111p-5, 0x1.8618618618618p-6, -0x1.1111111111111p-5, 0x1.5555555555555p-3},
        {-0x1.5b3cdf6b0df6bp+13, 0x1.051cf3cf3cf3dp+10, -0x1.e244444444444p+6, 0x1.18p+4, -0x1.a52e52e52e52ep+1,
         0x1.aaaaaaaaaaaabp-1, -0x1.3333333333333p-2, 0x1.5555555555555p-3, -0x1.5555555555555p-3, 0x1p-1},
        {-0x1.dd73b33333333p+17, 0x1.466430c30c30cp+14, -0x1.0f46666666666p+11, 0x1.18p+8, -0x1.7088888888889p+5,
         0x1.4p+3, -0x1.8p+1, 0x1.5555555555555p+0, -0x1p+0, 0x1p+1}};
    vd n = splat(0.0);
    for (int k = 0; k < 12; k++)
        n = n + pick(x + n < splat(12.0), splat(1.0), splat(0.0));
    const vd t = 1.0 / (x + n), t2 = t * t;
    vd s = t * t2 * horner(series[order - 1], 10, t2); /* 1/x + 1/(2 x^2) + sum B_2k x^-(2k+1) and its derivatives, without sign */
    if (order == 1) s = madd(t2, splat(0.5), s) + t;
    if (order == 2) s = madd(s, t, t * t2) + t2;
    if (order == 3) s = madd(s, t2, 3.0 * t2 * t2) + 2.0 * t * t2;
    for (int k = 11; k >= 0; k--) {
        const vd u = 1.0 / (x + (double)k), u2 = u * u;
        const vd term = order == 1 ? u2 : order == 2 ? 2.0 * u2 * u : 6.0 * u2 * u2;
        s = pick(splat((double)k) < n, s + term, s);
    }
    s = pick(x > splat(0x1.fffffffffffffp1023), splat(0.0), s);
    return positive_only(x, order == 2 ? -s : s);
}

#endif
