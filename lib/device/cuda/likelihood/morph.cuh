/* SPDX-License-Identifier: Apache-2.0 */
/* Products of variations, and their logarithmic derivatives factor by factor.
 *
 * A product needs all its factors before what depends on it is known, and gradients need that before they can sum over factors. So the
 * columns are read twice: once for the products, one thread for four events; once for phi = g'/g and chi, a block for a factor and a leaf. */
#ifndef SBI_CUDA_LIKELIHOOD_MORPH_CUH
#define SBI_CUDA_LIKELIHOOD_MORPH_CUH

#include "device/cuda/likelihood/numbers.cuh"

/* x = ln u and m = u - 1. */
SBI_INLINE void side(double raw, int kind, int range, double *x, double *m)
{
    *x = raw;
    if (kind == FACTOR_RATIO) {
        *m = raw - 1.0;
        *x = log(raw);
    } else if (range <= SBI_RANGE_SMALL) {
        *m = expm1_small(raw);
    } else if (range <= SBI_RANGE_MEDIUM) {
        *m = expm1_medium(raw);
    } else {
        *m = expm1(raw);
    }
}

template <int TERMS> SBI_INLINE float series(const float *t, float x)
{
    float v = t[TERMS - 1];
    UNROLL
    for (int n = TERMS - 2; n >= 0; n--)
        v = fmaf(v, x, t[n]);
    return v;
}

template <int TERMS> SBI_INLINE float two_series(const float (*t)[SBI_SERIES_TERMS], float x, float z)
{
    return fmaf(series<TERMS>(t[0], x), x, series<TERMS>(t[1], z) * z);
}

/* g - 1, g', g'' up to ORDER, of four events. */
template <int ORDER>
SBI_INLINE void polynomial(const factor &f, const char *leaf, int range, int first, double out[3][4])
{
    double up[4], down[4];
    load4(leaf + f.up, f.up_dtype, first, up);
    load4(leaf + f.down, f.down_dtype, first, down);
    UNROLL
    for (int i = 0; i < 4; i++) {
        double x, z, mu, md;
        side(up[i], f.kind, range, &x, &mu);
        side(down[i], f.kind, range, &z, &md);
        const double ux = fma(mu, x, x), dz = fma(md, z, z); /* u ln u = (u - 1) ln u + ln u */
    UNROLL
        for (int o = 0; o <= ORDER; o++) {
            const double *c = f.at.c[o];
            const double v = fma(ux, fma(c[2], x, c[1]), dz * fma(c[5], z, c[4]));
            out[o][i] = fma(c[0], mu, fma(c[3], md, v));
        }
    }
}

/* Whether a factor is computed in single precision in this leaf. */
SBI_INLINE int leaf_range(const factor &f, const unsigned char *ranges, int k)
{
    if (f.kind != FACTOR_LOG) return SBI_RANGE_FULL;
    const int up = ranges[2 * k], down = ranges[2 * k + 1];
    return up > down ? up : down;
}

template <int TERMS> SBI_INLINE void single_value(const factor &f, const char *leaf, int first, double y[4])
{
    float x[4], z[4];
    load4_single(leaf + f.up, f.up_dtype, first, x);
    load4_single(leaf + f.down, f.down_dtype, first, z);
    UNROLL
    for (int i = 0; i < 4; i++)
        y[i] = fma(y[i], (double)two_series<TERMS>(f.at.series[0], x[i], z[i]), y[i]);
}

/* Events of a block of products(). */
#define PRODUCT_EVENTS 512

/* y of each morph of the pass; grid (events of the batch / PRODUCT_EVENTS, morphs), PRODUCT_EVENTS / 4 threads. */
static __global__ void __launch_bounds__(PRODUCT_EVENTS / 4, 4)
products(batch b, const factor *factors, const int *first_factor, double *y)
{
    const size_t event = (size_t)blockIdx.x * PRODUCT_EVENTS + 4 * threadIdx.x;
    const char *leaf = b.data + event / SBI_TAPE_LEAF * b.leaf_bytes;
    const unsigned char *ranges = (const unsigned char *)leaf + b.ranges;
    const int at = (int)(event % SBI_TAPE_LEAF), p = blockIdx.y;
    double product[4] = {1.0, 1.0, 1.0, 1.0}, exponent[4] = {0.0, 0.0, 0.0, 0.0}, sum[4] = {0.0, 0.0, 0.0, 0.0};
    int exponentials = 0, linear = 0;
    for (int k = first_factor[p]; k < first_factor[p + 1]; k++) {
        const factor &f = factors[k];
        if (f.kind == FACTOR_LINEAR) {
            double c[4];
            load4(leaf + f.up, f.up_dtype, at, c);
    UNROLL
            for (int i = 0; i < 4; i++)
                sum[i] = fma(f.at.alpha, c[i], sum[i]);
            linear = 1;
        } else if (f.at.mode != SBI_FACTOR_POLYNOMIAL) {
            const bool is_up = f.at.mode == SBI_FACTOR_UP;
            const double power = is_up ? f.at.alpha : -f.at.alpha;
            double x[4];
            load4(leaf + (is_up ? f.up : f.down), is_up ? f.up_dtype : f.down_dtype, at, x);
    UNROLL
            for (int i = 0; i < 4; i++)
                exponent[i] = fma(power, f.kind == FACTOR_RATIO ? log(x[i]) : x[i], exponent[i]);
            exponentials = 1;
        } else {
            const int range = leaf_range(f, ranges, k);
            if (f.at.in_single && range <= SBI_RANGE_SMALL) {
                single_value<SBI_SERIES_TERMS_SMALL>(f, leaf, at, product);
            } else if (f.at.in_single && range <= SBI_RANGE_MEDIUM) {
                single_value<SBI_SERIES_TERMS>(f, leaf, at, product);
            } else {
                double g[3][4];
                polynomial<0>(f, leaf, range, at, g);
    UNROLL
                for (int i = 0; i < 4; i++)
                    product[i] *= 1.0 + g[0][i];
            }
        }
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        if (exponentials) product[i] *= exp(exponent[i]);
        y[(size_t)p * b.stride + event + i] = linear ? sum[i] : product[i];
    }
}

/* phi and chi of four events. */
template <int ORDER>
SBI_INLINE void derivatives(const factor &f, const char *leaf, const unsigned char *ranges, int k, int at, double phi[4], double chi[4])
{
    if (f.kind == FACTOR_LINEAR || f.at.mode != SBI_FACTOR_POLYNOMIAL) {
        const bool is_down = f.kind != FACTOR_LINEAR && f.at.mode == SBI_FACTOR_DOWN;
        load4(leaf + (is_down ? f.down : f.up), is_down ? f.down_dtype : f.up_dtype, at, phi);
    UNROLL
        for (int i = 0; i < 4; i++) {
            if (f.kind == FACTOR_RATIO) phi[i] = log(phi[i]);
            if (is_down) phi[i] = -phi[i];
            chi[i] = 0.0;
        }
        return;
    }
    const int range = leaf_range(f, ranges, k);
    if (f.at.in_single && range <= SBI_RANGE_MEDIUM) {
        float x[4], z[4];
        load4_single(leaf + f.up, f.up_dtype, at, x);
        load4_single(leaf + f.down, f.down_dtype, at, z);
    UNROLL
        for (int i = 0; i < 4; i++) {
            /* Coefficients that a shorter series leaves out are below what single precision resolves. */
            const bool small = range <= SBI_RANGE_SMALL;
            const float s = small ? two_series<SBI_SERIES_TERMS_SMALL>(f.at.series[0], x[i], z[i])
                                  : two_series<SBI_SERIES_TERMS>(f.at.series[0], x[i], z[i]);
            const float s1 = small ? two_series<SBI_SERIES_TERMS_SMALL>(f.at.series[1], x[i], z[i])
                                   : two_series<SBI_SERIES_TERMS>(f.at.series[1], x[i], z[i]);
            const float inverse = 1.0f / (1.0f + s), p = s1 * inverse;
            phi[i] = p;
            if (ORDER > 1) {
                const float s2 = small ? two_series<SBI_SERIES_TERMS_SMALL>(f.at.series[2], x[i], z[i])
                                       : two_series<SBI_SERIES_TERMS>(f.at.series[2], x[i], z[i]);
                chi[i] = fmaf(s2, inverse, -(p * p));
            }
        }
        return;
    }
    double g[3][4], inverse[4];
    polynomial<ORDER>(f, leaf, range, at, g);
    if (f.additive) { /* one of them may be zero */
    UNROLL
        for (int i = 0; i < 4; i++)
            inverse[i] = 1.0 / (1.0 + g[0][i]);
    } else { /* one division for four events */
        const double a = 1.0 + g[0][0], b = 1.0 + g[0][1], c = 1.0 + g[0][2], d = 1.0 + g[0][3];
        const double ab = a * b, cd = c * d, all = 1.0 / (ab * cd), inverse_ab = all * cd, inverse_cd = all * ab;
        inverse[0] = inverse_ab * b;
        inverse[1] = inverse_ab * a;
        inverse[2] = inverse_cd * d;
        inverse[3] = inverse_cd * c;
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        phi[i] = g[1][i] * inverse[i];
        if (ORDER > 1) chi[i] = fma(g[2][i], inverse[i], -(phi[i] * phi[i]));
    }
}

/* For factor first + blockIdx.y of a reduction and leaf blockIdx.x: sum_e a phi, for second order sum_e a chi too, and phi kept in its
 * row. Where a derivative of an additive code cannot be used, the leaf is refused if the event counts (poles.c). 256 threads. */
struct derivative_job {
    const factor *factors;
    const int *index;     /* [grid.y] factor of the pass */
    const int *of_morph;  /* [grid.y] morph of the reduction */
    const double *a;      /* rows [morphs of the reduction] */
    const double *weight; /* row */
    double *phi;          /* rows [factors of the pass] */
    double *sums;         /* [leaves, n_sums] */
    size_t n_sums, gradient, diagonal;
    double limit;
};

template <int ORDER> static __global__ void __launch_bounds__(256) factor_sums(batch b, derivative_job job)
{
    DYNAMIC_SHARED(shared);
    const int k = job.index[blockIdx.y];
    const factor &f = job.factors[k];
    const char *leaf = b.data + blockIdx.x * b.leaf_bytes;
    const unsigned char *ranges = (const unsigned char *)leaf + b.ranges;
    const size_t first = (size_t)blockIdx.x * SBI_TAPE_LEAF;
    const double *a = job.a + job.of_morph[blockIdx.y] * b.stride + first;
    double first_order = 0.0, second_order = 0.0;
    for (int at = 4 * (int)threadIdx.x; at < SBI_TAPE_LEAF; at += 4 * (int)blockDim.x) {
        double phi[4], chi[4], factor_a[4];
        derivatives<ORDER>(f, leaf, ranges, k, at, phi, chi);
        if (f.additive) {
    UNROLL
            for (int i = 0; i < 4; i++) {
                if (fabs(phi[i]) <= job.limit) continue;
                if (job.weight[first + at + i] != 0.0) b.fault[blockIdx.x] = 1;
                phi[i] = chi[i] = 0.0;
            }
        }
        load4((const char *)a, SBI_F64, at, factor_a);
    UNROLL
        for (int i = 0; i < 4; i++) {
            first_order = fma(factor_a[i], phi[i], first_order);
            if (ORDER > 1) second_order = fma(factor_a[i], chi[i], second_order);
        }
        if (ORDER > 1) {
            double2 *row = reinterpret_cast<double2 *>(job.phi + k * b.stride + first + at);
            row[0] = make_double2(phi[0], phi[1]);
            row[1] = make_double2(phi[2], phi[3]);
        }
    }
    double *sums = job.sums + blockIdx.x * job.n_sums;
    first_order = block_sum(first_order, shared);
    if (threadIdx.x == 0) sums[job.gradient + blockIdx.y] = first_order;
    if (ORDER > 1) {
        second_order = block_sum(second_order, shared);
        if (threadIdx.x == 0) sums[job.diagonal + blockIdx.y] = f.kind == FACTOR_LINEAR ? 0.0 : second_order;
    }
}

#endif
