/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of factors of a wide operation in single precision, for workspaces of mixed precision.
 *
 * For one alpha g - 1 = F(ln u) + G(ln d), two power series whose coefficients are the same for all events: no exponential is taken.
 * g - 1 is small, so its single-precision error is small beside 1. The product over the factors of a group is formed as product - 1,
 * with the same accuracy, and the product over groups in double precision: a factor adds less than |g - 1| 2^-22 to the relative
 * error of y. phi and chi have single precision.
 */
#include "tape/kernels/table.h"

/* g - 1, g' or g'' (`order`) of all factors: Horner's scheme for all series side by side, so that they hide each other's latency. */
SBI_INLINE void two_series(const sbi_factor_group *group, int order, int terms, const vs *x, const vs *z, vs *out)
{
    vs f[SBI_FACTOR_GROUP], h[SBI_FACTOR_GROUP];
#pragma GCC unroll 16
    for (int n = terms - 1; n >= 0; n--) {
#pragma GCC unroll 4
        for (int j = 0; j < SBI_FACTOR_GROUP; j++) {
            const float(*t)[SBI_SERIES_TERMS] = group->factor[j]->series[order];
            f[j] = n == terms - 1 ? splat_s(t[0][n]) : madd_s(f[j], x[j], splat_s(t[0][n]));
            h[j] = n == terms - 1 ? splat_s(t[1][n]) : madd_s(h[j], z[j], splat_s(t[1][n]));
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < SBI_FACTOR_GROUP; j++)
        out[j] = madd_s(f[j], x[j], h[j] * z[j]);
}

/* (1 + a)(1 + b) - 1 */
SBI_INLINE vs product_less_one(vs a, vs b) { return madd_s(a, b, a + b); }

/* 1 / x to the last bit or so. */
SBI_INLINE vs inverse_s(vs x)
{
#if defined(__AVX512F__)
    vs r = (vs)_mm512_rcp14_ps((__m512)x);
    return madd_s(r, madd_s(-x, r, splat_s(1.0f)), r);
#else
    return 1.0f / x;
#endif
}

SBI_INLINE void store_doubles(double *p, vs v)
{
    store(p, low_d(v));
    store(p + VLEN, high_d(v));
}

SBI_INLINE void factors(const sbi_factor_group *group, int type, int terms, int order, size_t n, double *y)
{
    for (size_t i = 0; i < n; i += 2 * VLEN) {
        __asm__ volatile("" ::: "memory"); /* coefficients as operands in memory: see morph_double.isa.c */
        prefetch_next(group, i, 2 * VLEN, type);
        vs x[SBI_FACTOR_GROUP], z[SBI_FACTOR_GROUP], s[SBI_FACTOR_GROUP], s1[SBI_FACTOR_GROUP], s2[SBI_FACTOR_GROUP];
#pragma GCC unroll 4
        for (int f = 0; f < SBI_FACTOR_GROUP; f++) {
            x[f] = read_s(group->up[f], i, type);
            z[f] = read_s(group->down[f], i, type);
        }
        two_series(group, 0, terms, x, z, s);
        if (order > 0) two_series(group, 1, terms, x, z, s1);
        if (order > 1) two_series(group, 2, terms, x, z, s2);
#pragma GCC unroll 4
        for (int f = 0; f < SBI_FACTOR_GROUP && order > 0; f++) {
            const vs inverse = inverse_s(1.0f + s[f]), p = s1[f] * inverse;
            store_doubles(group->phi[f] + i, p);
            if (order > 1) store_doubles(group->chi[f] + i, madd_s(s2[f], inverse, -(p * p)));
        }
        const vs all = product_less_one(product_less_one(s[0], s[1]), product_less_one(s[2], s[3]));
        const vd y0 = load(y + i), y1 = load(y + i + VLEN);
        store(y + i, madd(y0, low_d(all), y0));
        store(y + i + VLEN, madd(y1, high_d(all), y1));
    }
}

#define FACTORS_CASE(type, range, terms, order)                                                                        \
    case ((type)*4 + (range)) * 3 + (order): factors(group, type, terms, order, n, y); break;
#define FACTORS_ORDERS(type, range, terms)                                                                             \
    FACTORS_CASE(type, range, terms, 0) FACTORS_CASE(type, range, terms, 1) FACTORS_CASE(type, range, terms, 2)
#define FACTORS_TYPE(type)                                                                                             \
    FACTORS_ORDERS(type, SBI_RANGE_TINY, SBI_SERIES_TERMS_TINY)                                                        \
    FACTORS_ORDERS(type, SBI_RANGE_SMALL, SBI_SERIES_TERMS_SMALL)                                                      \
    FACTORS_ORDERS(type, SBI_RANGE_MIDDLE, SBI_SERIES_TERMS_MIDDLE) FACTORS_ORDERS(type, SBI_RANGE_MEDIUM, SBI_SERIES_TERMS)

void SBI_ISA(sbi_tape_factors_single)(const sbi_factor_group *group, int order, size_t n, double *y)
{
    switch ((group->type * 4 + group->range) * 3 + order) {
        FACTORS_TYPE(SBI_READ_F16)
        FACTORS_TYPE(SBI_READ_F32)
        FACTORS_TYPE(SBI_READ_F64)
    default: break;
    }
}
