/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of factors of a wide operation in double precision.
 *
 * The loop is bound by arithmetic: about forty multiply-adds an entry for a gradient. What surrounds them is kept down by taking the
 * factors of a group through an event vector together: their polynomials hide each other's latency, g never leaves the registers,
 * and one division serves all.
 */
#include "tape/kernels/exp_log.h"
#include "tape/kernels/table.h"

/* Factors whose exponentials are computed side by side: as many as there are registers for. */
#if VLEN == 8
#define TOGETHER 4
#else
#define TOGETHER 2
#endif

/* x = ln u and m = u - 1 of `count` elements; x comes in as what is stored. */
SBI_INLINE void sides(int count, vd *x, vd *m, int range)
{
    switch (range) {
    case SBI_RANGE_TINY: expm1_polynomials(EXPM1_TERMS(tiny), count, x, m); break;
    case SBI_RANGE_SMALL: expm1_polynomials(EXPM1_TERMS(small), count, x, m); break;
    case SBI_RANGE_MIDDLE: expm1_polynomials(EXPM1_TERMS(middle), count, x, m); break;
    case SBI_RANGE_MEDIUM: expm1_polynomials(EXPM1_TERMS(medium), count, x, m); break;
    default:
#pragma GCC unroll 8
        for (int j = 0; j < count; j++) {
            m[j] = (range == SBI_RANGE_FULL ? vexp(x[j]) : x[j]) - 1.0;
            if (range == SBI_RANGE_RATIO) x[j] = vlog(x[j]);
        }
    }
}

/* g - 1 = c0 (u-1) + u ln u (c1 + c2 ln u) + the same for d; g' and g'' likewise with their coefficients. */
SBI_INLINE vd combination(const double *c, vd x, vd z, vd mu, vd md, vd ux, vd dz)
{
    const vd v = madd(ux, madd(splat(c[2]), x, splat(c[1])), dz * madd(splat(c[5]), z, splat(c[4])));
    return madd(splat(c[0]), mu, madd(splat(c[3]), md, v));
}

SBI_INLINE void factors(const sbi_factor_group *group, int type, int range, int order, size_t n, double *y)
{
    for (size_t i = 0; i < n; i += VLEN) {
        /* What follows is read anew for each event vector: the coefficients of four factors are more than there are registers, and
         * an operand in memory costs nothing where a spilled vector would cost eight times the cache. */
        __asm__ volatile("" ::: "memory");
        prefetch_next(group, i, VLEN, type);
        vd g[3][SBI_FACTOR_GROUP];
#pragma GCC unroll 4
        for (int f = 0; f < SBI_FACTOR_GROUP; f += TOGETHER) {
            vd x[2 * TOGETHER], m[2 * TOGETHER];
#pragma GCC unroll 4
            for (int j = 0; j < TOGETHER; j++) {
                x[2 * j] = read_d(group->up[f + j], i, type);
                x[2 * j + 1] = read_d(group->down[f + j], i, type);
            }
            sides(2 * TOGETHER, x, m, range);
#pragma GCC unroll 4
            for (int j = 0; j < TOGETHER; j++) {
                const vd *xj = x + 2 * j, *mj = m + 2 * j;
                /* u ln u = (u-1) ln u + ln u */
                const vd ux = madd(mj[0], xj[0], xj[0]), dz = madd(mj[1], xj[1], xj[1]);
#pragma GCC unroll 3
                for (int o = 0; o <= order; o++)
                    g[o][f + j] = combination(group->factor[f + j]->c[o], xj[0], xj[1], mj[0], mj[1], ux, dz);
                g[0][f + j] = 1.0 + g[0][f + j];
            }
        }
        const vd ab = g[0][0] * g[0][1], cd = g[0][2] * g[0][3], all = ab * cd;
        store(y + i, load(y + i) * all);
        if (order == 0) continue;
        const vd inverse = 1.0 / all, inverse_ab = inverse * cd, inverse_cd = inverse * ab;
        const vd inv[SBI_FACTOR_GROUP] = {inverse_ab * g[0][1], inverse_ab * g[0][0], inverse_cd * g[0][3], inverse_cd * g[0][2]};
#pragma GCC unroll 4
        for (int f = 0; f < SBI_FACTOR_GROUP; f++) {
            const vd p = g[1][f] * inv[f];
            store(group->phi[f] + i, p);
            if (order > 1) store(group->chi[f] + i, g[2][f] * inv[f] - p * p);
        }
    }
}

#define FACTORS_CASE(type, range, order)                                                                               \
    case ((type)*6 + (range)) * 3 + (order): factors(group, type, range, order, n, y); break;
#define FACTORS_ORDERS(type, range)                                                                                    \
    FACTORS_CASE(type, range, 0) FACTORS_CASE(type, range, 1) FACTORS_CASE(type, range, 2)
#define FACTORS_TYPE(type)                                                                                             \
    FACTORS_ORDERS(type, SBI_RANGE_TINY) FACTORS_ORDERS(type, SBI_RANGE_SMALL) FACTORS_ORDERS(type, SBI_RANGE_MIDDLE)  \
    FACTORS_ORDERS(type, SBI_RANGE_MEDIUM) FACTORS_ORDERS(type, SBI_RANGE_FULL) FACTORS_ORDERS(type, SBI_RANGE_RATIO)

void SBI_ISA(sbi_tape_factors)(const sbi_factor_group *group, int order, size_t n, double *y)
{
    switch ((group->type * 6 + group->range) * 3 + order) {
        FACTORS_TYPE(SBI_READ_F16)
        FACTORS_TYPE(SBI_READ_F32)
        FACTORS_TYPE(SBI_READ_F64)
    default: break;
    }
}
