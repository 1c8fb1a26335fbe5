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
#define SBI_CPU_TILE_ROWS 256
#define SBI_CPU_TILE_DEPTH 192 /* of k, at a time */
#define SBI_CPU_PANEL 48       /* columns; a multiple of every register block */
#define SBI_CPU_SCRATCH ((SBI_CPU_PANEL + SBI_CPU_TILE_ROWS + 8) * SBI_CPU_TILE_DEPTH) /* floats; 8: the last rows fill a block */

/* C = alpha op(A) op(B) + beta C with m <= SBI_CPU_TILE_ROWS. */
typedef struct sbi_cpu_tile {
    int32_t transpose_a, transpose_b;
    int64_t m, n, k;
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc;
    float alpha, beta;
    /* op(B) as `pack` stores it, or NULL: rows from k on at panels + k * ld_panels, for k in steps of SBI_CPU_TILE_DEPTH. */
    const float *panels;
    int64_t ld_panels;
    /* Unless NULL, called for columns [first, first + n) of C, about finish_columns of them, once they are there. */
    void (*finish)(void *argument, int64_t first, int64_t n);
    void *finish_argument;
    int64_t finish_columns;
} sbi_cpu_tile;

typedef struct sbi_cpu_activation {
    int32_t f;
    float slope;
} sbi_cpu_activation;

typedef struct sbi_cpu_kernels {
    void (*gemm_tile)(const sbi_cpu_tile *t, float *scratch);
    /* Packs the n columns of op(B) of a tile, its rows from k on: n, to a multiple of SBI_CPU_PANEL, times SBI_CPU_TILE_DEPTH values. */
    void (*pack)(const sbi_cpu_tile *t, int64_t k, float *to);
    /* In place on rows of z with leading dimension ld: z = f(z + b), and unless they are NULL d = f'(z + b), dd = f''(z + b) (same ld).
     * slope: of LeakyReLU. */
    void (*activate)(const sbi_cpu_activation *f, float *z, float *d, float *dd, const float *b, int64_t rows, int64_t columns, int64_t ld);
    /* x = x * d and x = x + a, rows with leading dimension ld. */
    void (*multiply)(float *x, const float *d, int64_t rows, int64_t columns, int64_t ld);
    void (*add)(float *x, const float *a, int64_t rows, int64_t columns, int64_t ld);
    /* Dropout of columns [first, first + columns), first a multiple of 4, of rows whose first is o->mask_row + row: y, and unless they are
     * NULL d and dd, times M of sbi_device_forward. Pointers are to column `first`. */
    void (*drop)(const sbi_device_forward *o, float *y, float *d, float *dd, int64_t row, int64_t rows, int64_t first, int64_t columns);
    /* Rows z [rows, o->out] without bias become gain N; N and r are stored from row `row` on where the operation wants them. */
    void (*normalise)(const sbi_device_forward *o, float *z, int64_t row, int64_t rows);
    /* sbi_device_norm_backward: the sums of columns [first, first + columns), and dL/dZ of some rows. */
    void (*norm_sums)(const sbi_device_norm_backward *o, int64_t first, int64_t columns);
    void (*norm_rows)(const sbi_device_norm_backward *o, int64_t row, int64_t rows);
    /* out[j] = (accumulate ? out[j] : 0) + sum_i x[i, j]. */
    void (*column_sums)(float *out, const float *x, int64_t rows, int64_t columns, int64_t ld, int32_t accumulate);

    /* One output: z[i] = b + sum_j x[i, j] w[j]. */
    void (*head_forward)(float *z, const float *x, const float *w, float b, int64_t rows, int64_t in);
    /* dx[i, j] = dz[i] w[j] d[i, j]; d may be NULL: 1. */
    void (*head_backward)(float *dx, const float *dz, const float *w, const float *d, int64_t rows, int64_t in);
    /* dw[j] = (accumulate ? dw[j] : 0) + sum_i dz[i] x[i, j] for j in [0, columns), x with leading dimension ld. */
    void (*head_weights)(float *dw, const float *dz, const float *x, int64_t rows, int64_t columns, int64_t ld,
                         int32_t accumulate);

    /* Rows [first, first + n) of a loss: their w l into values, their dz. */
    void (*loss)(const sbi_device_loss *op, float *values, int64_t first, int64_t n);
    void (*update)(const sbi_device_update *op, int64_t first, int64_t n);
    void (*sum_parts)(float *out, const float *parts, int64_t count, int64_t stride, int64_t n);
    double (*sum_squares)(const float *x, int64_t n);
    /* To the nearest bf16, ties to even; a NaN stays one. */
    void (*round_bf16)(uint16_t *out, const float *x, int64_t n);
} sbi_cpu_kernels;

const sbi_cpu_kernels *sbi_cpu_kernels_get(sbi_isa isa);

extern const sbi_cpu_kernels sbi_cpu_kernels_base;
extern const sbi_cpu_kernels sbi_cpu_kernels_avx2;
extern const sbi_cpu_kernels sbi_cpu_kernels_avx512;

#endif
