/* SPDX-License-Identifier: Apache-2.0 */
/* Layer normalisation, forward and back; compiled for each instruction set. Sums over a row run in LANES partial sums, then pairwise. */
#include "device/cpu/kernels_isa.h"

#include <math.h>

#define LANES 32

INLINE float fold(float s[LANES])
{
    for (int half = LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) s[l] += s[l + half];
    return s[0];
}

/* z += b, and the sum. */
static float add_bias(float *restrict z, const float *restrict b, int64_t n)
{
    float s[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int l = 0; l < LANES; l++) {
            z[j + l] += b[j + l];
            s[l] += z[j + l];
        }
    for (int l = 0; j < n; j++, l++) {
        z[j] += b[j];
        s[l] += z[j];
    }
    return fold(s);
}

static float sum_of_squares(const float *restrict z, float mean, int64_t n)
{
    float s[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int l = 0; l < LANES; l++) {
            const float c = z[j + l] - mean;
            s[l] = FMA(c, c, s[l]);
        }
    for (int l = 0; j < n; j++, l++) {
        const float c = z[j] - mean;
        s[l] = FMA(c, c, s[l]);
    }
    return fold(s);
}

static void scale_row(float *restrict z, float *restrict kept, const float *restrict gain, float mean, float r, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        const float v = (z[j] - mean) * r;
        if (kept) kept[j] = v;
        z[j] = gain[j] * v;
    }
}

void SBI_ISA_NAME(sbi_cpu_normalise)(const sbi_device_forward *o, float *z, int64_t row, int64_t rows)
{
    const int64_t n = o->out;
    for (int64_t i = row; i < row + rows; i++, z += n) {
        const float mean = add_bias(z, o->b, n) / (float)n;
        const float r = 1.0f / sqrtf(sum_of_squares(z, mean, n) / (float)n + o->epsilon);
        scale_row(z, o->n ? o->n + i * n : NULL, o->gain, mean, r, n);
        if (o->n) o->r[i] = r;
    }
}

/* ---- back ---- */

/* Columns in strips that fit in registers, rows in order, as column_sums(). */
#define STRIP 32

static void strip_sums(float *restrict dgain, float *restrict doffset, const float *restrict g, const float *restrict kept, int64_t rows,
                       int64_t ld)
{
    float s[STRIP] = {0}, t[STRIP] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < STRIP; j++) {
            s[j] = FMA(g[i * ld + j], kept[i * ld + j], s[j]);
            t[j] += g[i * ld + j];
        }
    for (int j = 0; j < STRIP; j++) {
        dgain[j] += s[j];
        doffset[j] += t[j];
    }
}

void SBI_ISA_NAME(sbi_cpu_norm_sums)(const sbi_device_norm_backward *o, int64_t first, int64_t columns)
{
    int64_t j = first;
    const int64_t last = first + columns;
    for (int64_t k = first; k < last && !o->accumulate; k++) o->dgain[k] = o->doffset[k] = 0;
    for (; j + STRIP <= last; j += STRIP) strip_sums(o->dgain + j, o->doffset + j, o->dz + j, o->n + j, o->rows, o->columns);
    for (; j < last; j++) {
        float s = 0, t = 0;
        for (int64_t i = 0; i < o->rows; i++) {
            s = FMA(o->dz[i * o->columns + j], o->n[i * o->columns + j], s);
            t += o->dz[i * o->columns + j];
        }
        o->dgain[j] += s;
        o->doffset[j] += t;
    }
}

/* g becomes V = gain g; the sums of V and of V N. */
static float gain_row(float *restrict g, const float *restrict kept, const float *restrict gain, int64_t n, float *with_n)
{
    float s[LANES] = {0}, t[LANES] = {0};
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int l = 0; l < LANES; l++) {
            const float v = gain[j + l] * g[j + l];
            g[j + l] = v;
            s[l] += v;
            t[l] = FMA(v, kept[j + l], t[l]);
        }
    for (int l = 0; j < n; j++, l++) {
        const float v = gain[j] * g[j];
        g[j] = v;
        s[l] += v;
        t[l] = FMA(v, kept[j], t[l]);
    }
    *with_n = fold(t);
    return fold(s);
}

static void centre_row(float *restrict g, const float *restrict kept, float mean, float slope, float r, int64_t n)
{
    for (int64_t j = 0; j < n; j++) g[j] = r * (g[j] - FMA(kept[j], slope, mean));
}

void SBI_ISA_NAME(sbi_cpu_norm_rows)(const sbi_device_norm_backward *o, int64_t row, int64_t rows)
{
    const int64_t n = o->columns;
    for (int64_t i = row; i < row + rows; i++) {
        float with_n;
        const float sum = gain_row(o->dz + i * n, o->n + i * n, o->gain, n, &with_n);
        centre_row(o->dz + i * n, o->n + i * n, sum / (float)n, with_n / (float)n, o->r[i], n);
    }
}
