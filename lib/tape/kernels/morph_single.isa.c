/* SPDX-License-Identifier: Apache-2.0 */
/* One factor of a wide operation in single precision, for workspaces of mixed precision.
 *
 * For one alpha g - 1 = F(ln u) + G(ln d), two power series whose coefficients are the same for all events: no exponential is taken.
 * g - 1 is small, so its single-precision error is small beside 1, and the product over factors is carried in double precision:
 * a factor adds less than |g - 1| 2^-23 to the relative error of y. phi and chi have single precision.
 */
#include "tape/kernels/table.h"

/* Horner's scheme; unrolled, since `terms` is a constant where it is used. */
SBI_INLINE vs series(const float *t, int terms, vs x)
{
    vs v = splat_s(t[terms - 1]);
#pragma GCC unroll 16
    for (int n = terms - 2; n >= 0; n--)
        v = madd_s(v, x, splat_s(t[n]));
    return v;
}

SBI_INLINE vs two_series(const float (*t)[SBI_SERIES_TERMS], int terms, vs x, vs z)
{
    return madd_s(series(t[0], terms, x), x, series(t[1], terms, z) * z);
}

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

SBI_INLINE void factor(const sbi_morph_factor *f, const char *up, const char *down, int type, int terms, int order, size_t n,
                       double *y, double *phi, double *chi)
{
    for (size_t i = 0; i < n; i += 2 * VLEN) {
        const vs x = read_s(up, i, type), z = read_s(down, i, type);
        const vs s = two_series(f->series[0], terms, x, z);
        const vd y0 = load(y + i), y1 = load(y + i + VLEN);
        store(y + i, madd(y0, low_d(s), y0));
        store(y + i + VLEN, madd(y1, high_d(s), y1));
        if (order == 0) continue;
        const vs inverse = inverse_s(1.0f + s), p = two_series(f->series[1], terms, x, z) * inverse;
        store(phi + i, low_d(p));
        store(phi + i + VLEN, high_d(p));
        if (order == 1) continue;
        const vs c = madd_s(two_series(f->series[2], terms, x, z), inverse, -(p * p));
        store(chi + i, low_d(c));
        store(chi + i + VLEN, high_d(c));
    }
}

#define FACTOR_CASE(type, small, order)                                                                                \
    case ((type)*2 + (small)) * 3 + (order):                                                                           \
        factor(f, up, down, type, (small) ? SBI_SERIES_TERMS_SMALL : SBI_SERIES_TERMS, order, n, y, phi, chi);         \
        break;
#define FACTOR_ORDERS(type, small) FACTOR_CASE(type, small, 0) FACTOR_CASE(type, small, 1) FACTOR_CASE(type, small, 2)
#define FACTOR_TYPE(type) FACTOR_ORDERS(type, 0) FACTOR_ORDERS(type, 1)

void SBI_ISA(sbi_tape_factor_single)(const sbi_morph_factor *f, const char *up, const char *down, int32_t type, int range,
                                     int order, size_t n, double *y, double *phi, double *chi)
{
    switch ((type * 2 + (range == SBI_RANGE_SMALL)) * 3 + order) {
        FACTOR_TYPE(READ_F16)
        FACTOR_TYPE(READ_F32)
        FACTOR_TYPE(READ_F64)
    default: break;
    }
}
