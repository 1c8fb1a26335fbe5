/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and the single output; compiled for each instruction set. */
#include "device/cpu/kernels_isa.h"

#include <string.h>

#include "device/cpu/vector_math.h"

static void multiply_row(float *restrict x, const float *restrict d, int64_t n)
{
    for (int64_t j = 0; j < n; j++) x[j] *= d[j];
}

static void multiply(float *x, const float *d, int64_t rows, int64_t columns, int64_t ld)
{
    if (ld == columns) {
        multiply_row(x, d, rows * columns);
        return;
    }
    for (int64_t i = 0; i < rows; i++) multiply_row(x + i * ld, d + i * ld, columns);
}

static void add_row(float *restrict out, const float *restrict x, int64_t n)
{
    for (int64_t j = 0; j < n; j++) out[j] += x[j];
}

static void add(float *x, const float *a, int64_t rows, int64_t columns, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++) add_row(x + i * ld, a + i * ld, columns);
}

/* Columns go in strips that fit in registers, rows in order: sums do not depend on how columns are cut. */
#define STRIP 64

static void strip_sums(float *restrict out, const float *restrict x, int64_t rows, int64_t ld)
{
    float s[STRIP] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < STRIP; j++) s[j] += x[i * ld + j];
    for (int j = 0; j < STRIP; j++) out[j] += s[j];
}

static void column_sums(float *out, const float *x, int64_t rows, int64_t columns, int64_t ld, int32_t accumulate)
{
    if (!accumulate)
        for (int64_t j = 0; j < columns; j++) out[j] = 0;
    int64_t j = 0;
    for (; j + STRIP <= columns; j += STRIP) strip_sums(out + j, x + j, rows, ld);
    for (; j < columns; j++) {
        float s = 0;
        for (int64_t i = 0; i < rows; i++) s += x[i * ld + j];
        out[j] += s;
    }
}

#define LANES 64

static void head_forward(float *z, const float *x, const float *w, float b, int64_t rows, int64_t in)
{
    for (int64_t i = 0; i < rows; i++, x += in) {
        float s[LANES] = {0};
        int64_t j = 0;
        for (; j + LANES <= in; j += LANES)
            for (int l = 0; l < LANES; l++) s[l] = FMA(x[j + l], w[j + l], s[l]);
        for (int l = 0; j < in; j++, l++) s[l] = FMA(x[j], w[j], s[l]);
        for (int half = LANES / 2; half; half /= 2)
            for (int l = 0; l < half; l++) s[l] += s[l + half];
        z[i] = s[0] + b;
    }
}

static void outer_row(float *restrict dx, float dz, const float *restrict w, const float *restrict d, int64_t n)
{
    for (int64_t j = 0; j < n; j++) dx[j] = dz * w[j] * d[j];
}

static void outer_row_plain(float *restrict dx, float dz, const float *restrict w, int64_t n)
{
    for (int64_t j = 0; j < n; j++) dx[j] = dz * w[j];
}

static void head_backward(float *dx, const float *dz, const float *w, const float *d, int64_t rows, int64_t in)
{
    if (!d) {
        for (int64_t i = 0; i < rows; i++) outer_row_plain(dx + i * in, dz[i], w, in);
        return;
    }
    for (int64_t i = 0; i < rows; i++) outer_row(dx + i * in, dz[i], w, d + i * in, in);
}

static void strip_weights(float *restrict dw, const float *restrict dz, const float *restrict x, int64_t rows, int64_t ld)
{
    float s[STRIP] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < STRIP; j++) s[j] = FMA(dz[i], x[i * ld + j], s[j]);
    for (int j = 0; j < STRIP; j++) dw[j] += s[j];
}

static void head_weights(float *dw, const float *dz, const float *x, int64_t rows, int64_t columns, int64_t ld,
                         int32_t accumulate)
{
    if (!accumulate)
        for (int64_t j = 0; j < columns; j++) dw[j] = 0;
    int64_t j = 0;
    for (; j + STRIP <= columns; j += STRIP) strip_weights(dw + j, dz, x + j, rows, ld);
    for (; j < columns; j++) {
        float s = 0;
        for (int64_t i = 0; i < rows; i++) s = FMA(dz[i], x[i * ld + j], s);
        dw[j] += s;
    }
}

static void sum_parts(float *out, const float *parts, int64_t count, int64_t stride, int64_t n)
{
    if (out != parts) memcpy(out, parts, (size_t)n * sizeof *out);
    for (int64_t i = 1; i < count; i++) add_row(out, parts + i * stride, n);
}

static double sum_squares(const float *x, int64_t n)
{
    double s[16] = {0};
    int64_t j = 0;
    for (; j + 16 <= n; j += 16)
        for (int l = 0; l < 16; l++) s[l] += (double)x[j + l] * (double)x[j + l];
    for (int l = 0; j < n; j++, l++) s[l] += (double)x[j] * (double)x[j];
    for (int half = 8; half; half /= 2)
        for (int l = 0; l < half; l++) s[l] += s[l + half];
    return s[0];
}

static void round_bf16(uint16_t *restrict out, const float *restrict x, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        const uint32_t bits = float_to_bits(x[j]), even = (bits >> 16) & 1u;
        const uint32_t rounded = (bits + 0x7fffu + even) >> 16, quiet = (bits >> 16) | 0x40u;
        out[j] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
    }
}

const sbi_cpu_kernels SBI_ISA_NAME(sbi_cpu_kernels) = {
    .gemm_tile = SBI_ISA_NAME(sbi_cpu_gemm_tile),
    .pack = SBI_ISA_NAME(sbi_cpu_pack),
    .activate = SBI_ISA_NAME(sbi_cpu_activate),
    .multiply = multiply,
    .add = add,
    .drop = SBI_ISA_NAME(sbi_cpu_drop),
    .normalise = SBI_ISA_NAME(sbi_cpu_normalise),
    .norm_sums = SBI_ISA_NAME(sbi_cpu_norm_sums),
    .norm_rows = SBI_ISA_NAME(sbi_cpu_norm_rows),
    .column_sums = column_sums,
    .head_forward = head_forward,
    .head_backward = head_backward,
    .head_weights = head_weights,
    .loss = SBI_ISA_NAME(sbi_cpu_loss),
    .update = SBI_ISA_NAME(sbi_cpu_update),
    .sum_parts = sum_parts,
    .sum_squares = sum_squares,
    .round_bf16 = round_bf16,
};
