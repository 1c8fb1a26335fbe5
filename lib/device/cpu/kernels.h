/* SPDX-License-Identifier: Apache-2.0 */
/* The vector loops of the cpu device. Each file *.isa.c is compiled once for every instruction set, under names that end
 * in it; sbi_cpu_kernels_get() picks the table. */
#ifndef SBI_DEVICE_CPU_KERNELS_H
#define SBI_DEVICE_CPU_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"
#include "device/device.h"

/* Tiles of products: limits that the scratch memory below is made for. */
#define SBI_CPU_TILE_ROWS 512
#define SBI_CPU_TILE_DEPTH 256 /* of k, at a time */
#define SBI_CPU_PANEL 48       /* columns; a multiple of every register block */
#define SBI_CPU_SCRATCH ((SBI_CPU_PANEL + SBI_CPU_TILE_ROWS) * SBI_CPU_TILE_DEPTH) /* floats */

/* C = alpha op(A) op(B) + beta C with m <= SBI_CPU_TILE_ROWS. */
typedef struct sbi_cpu_tile {
    int32_t transpose_a, transpose_b;
    int64_t m, n, k;
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    float alpha, beta;
} sbi_cpu_tile;

typedef struct sbi_cpu_kernels {
    void (*gemm_tile)(const sbi_cpu_tile *t, float *scratch);
    /* In place on rows of z with leading dimension ld: z = f(z + b), d = f'(z + b) unless d is NULL (same ld). */
    void (*activate)(int32_t activation, float *z, float *d, const float *b, int64_t rows, int64_t columns, int64_t ld);
    /* x = x * d, rows with leading dimension ld. */
    void (*multiply)(float *x, const float *d, int64_t rows, int64_t columns, int64_t ld);
    /* out[j] = (accumulate ? out[j] : 0) + sum_i x[i, j]. */
    void (*column_sums)(float *out, const float *x, int64_t rows, int64_t columns, int64_t ld, int32_t accumulate);

    /* One output: z[i] = b + sum_j x[i, j] w[j]. */
    void (*head_forward)(float *z, const float *x, const float *w, float b, int64_t rows, int64_t in);
    /* dx[i, j] = dz[i] w[j] d[i, j]. */
    void (*head_backward)(float *dx, const float *dz, const float *w, const float *d, int64_t rows, int64_t in);
    /* dw[j] = (accumulate ? dw[j] : 0) + sum_i dz[i] x[i, j] for j in [0, columns), x with leading dimension ld. */
    void (*head_weights)(float *dw, const float *dz, const float *x, int64_t rows, int64_t columns, int64_t ld,
                         int32_t accumulate);

    /* loss[i] = w (softplus(z) - y z) and dz as sbi_device_bce says; dz may be NULL. */
    void (*bce)(float *loss, float *dz, const float *z, const float *y, const float *w, float scale, int64_t rows);
    void (*update)(const sbi_device_update *op, int64_t first, int64_t n);
    void (*sum_parts)(float *out, const float *parts, int64_t count, int64_t stride, int64_t n);
    double (*sum_squares)(const float *x, int64_t n);
} sbi_cpu_kernels;

const sbi_cpu_kernels *sbi_cpu_kernels_get(sbi_isa isa);

extern const sbi_cpu_kernels sbi_cpu_kernels_base;
extern const sbi_cpu_kernels sbi_cpu_kernels_avx2;
extern const sbi_cpu_kernels sbi_cpu_kernels_avx512;

#endif
