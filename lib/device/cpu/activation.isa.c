/* SPDX-License-Identifier: Apache-2.0 */
/* Activations with their first and second derivatives, and dropout; compiled for each instruction set. */
#include "device/cpu/kernels_isa.h"

#include "sbi/network.h"

/* One loop for values alone and one with the derivative, for a function given as value(z) and both(z, &d). */
#define ACTIVATION(name, VALUE, BOTH)                                                                                  \
    static void name(float *restrict z, float *restrict d, const float *restrict b, int64_t n)                         \
    {                                                                                                                  \
        if (!d) {                                                                                                      \
            for (int64_t j = 0; j < n; j++) {                                                                          \
                const float x = z[j] + b[j];                                                                           \
                VALUE;                                                                                                 \
            }                                                                                                          \
        } else {                                                                                                       \
            for (int64_t j = 0; j < n; j++) {                                                                          \
                const float x = z[j] + b[j];                                                                           \
                BOTH;                                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }

ACTIVATION(identity, z[j] = x, z[j] = x)
ACTIVATION(relu, z[j] = x < 0 ? 0.0f : x, (z[j] = x < 0 ? 0.0f : x, d[j] = x > 0 ? 1.0f : 0.0f))
ACTIVATION(silu, z[j] = x * vlogistic(x), {
    const float s = vlogistic(x);
    const float y = x * s;
    z[j] = y;
    d[j] = FMA(y, 1.0f - s, s);
})
ACTIVATION(hyperbolic, z[j] = vtanh(x), {
    const float t = vtanh(x);
    z[j] = t;
    d[j] = FMA(-t, t, 1.0f);
})
ACTIVATION(gelu, { float density; z[j] = x * vnormal(x, &density); }, {
    float density;
    const float phi = vnormal(x, &density);
    z[j] = x * phi;
    d[j] = FMA(x, density, phi);
})
ACTIVATION(softplus, z[j] = vsoftplus(x), (z[j] = vsoftplus(x), d[j] = vlogistic(x)))

static void leaky_relu(float *restrict z, float *restrict d, const float *restrict b, float slope, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        const float x = z[j] + b[j];
        z[j] = x > 0 ? x : slope * x;
        if (d) d[j] = x > 0 ? 1.0f : slope;
    }
}

/* Second derivatives, before z is overwritten. Those of ReLU and LeakyReLU are 0. */
#define CURVATURE(name, EXPRESSION)                                                                                    \
    static void name##_curvature(float *restrict dd, const float *restrict z, const float *restrict b, int64_t n)      \
    {                                                                                                                  \
        for (int64_t j = 0; j < n; j++) {                                                                              \
            const float x = z[j] + b[j];                                                                               \
            EXPRESSION;                                                                                                \
        }                                                                                                              \
    }

CURVATURE(zero, dd[j] = x != x ? x : 0.0f)
CURVATURE(silu, {
    const float a = x > 80 ? 80.0f : x < -80 ? -80.0f : x;
    const float s = vlogistic(a);
    const float t = vlogistic(-a); /* 1 - s, without cancellation */
    dd[j] = s * t * FMA(a, t - s, 2.0f);
})
CURVATURE(hyperbolic, {
    const float t = vtanh(x);
    dd[j] = -2.0f * t * FMA(-t, t, 1.0f);
})
CURVATURE(gelu, {
    float density;
    const float square = x * x;
    (void)vnormal(x, &density);
    dd[j] = square > 170.0f ? 0.0f : density * (2.0f - square);
})
CURVATURE(softplus, dd[j] = vlogistic(x) * vlogistic(-x))

static void curvature(int32_t f, float *dd, const float *z, const float *b, int64_t n)
{
    switch (f) {
    case SBI_ACTIVATION_SILU: silu_curvature(dd, z, b, n); break;
    case SBI_ACTIVATION_TANH: hyperbolic_curvature(dd, z, b, n); break;
    case SBI_ACTIVATION_GELU: gelu_curvature(dd, z, b, n); break;
    case SBI_ACTIVATION_SOFTPLUS: softplus_curvature(dd, z, b, n); break;
    default: zero_curvature(dd, z, b, n); break;
    }
}

void SBI_ISA_NAME(sbi_cpu_activate)(const sbi_cpu_activation *f, float *z, float *d, float *dd, const float *b, int64_t rows, int64_t columns,
                                    int64_t ld)
{
    for (int64_t i = 0; i < rows; i++, z += ld, d = d ? d + ld : NULL, dd = dd ? dd + ld : NULL) {
        if (dd && f->f != SBI_DEVICE_IDENTITY) curvature(f->f, dd, z, b, columns);
        switch (f->f) {
        case SBI_ACTIVATION_SILU: silu(z, d, b, columns); break;
        case SBI_ACTIVATION_RELU: relu(z, d, b, columns); break;
        case SBI_ACTIVATION_LEAKY_RELU: leaky_relu(z, d, b, f->slope, columns); break;
        case SBI_ACTIVATION_TANH: hyperbolic(z, d, b, columns); break;
        case SBI_ACTIVATION_GELU: gelu(z, d, b, columns); break;
        case SBI_ACTIVATION_SOFTPLUS: softplus(z, d, b, columns); break;
        default: identity(z, NULL, b, columns); break;
        }
    }
}

/* ---- dropout: sbi_philox() of base/random.h, many counters at a time ---- */

#define BLOCKS 16 /* of four words */

static void philox_words(uint32_t *restrict out, uint32_t first, uint32_t row, uint32_t layer, const uint32_t *restrict key)
{
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS], k0 = key[0], k1 = key[1];
    for (uint32_t i = 0; i < BLOCKS; i++) {
        c0[i] = first + i;
        c1[i] = row;
        c2[i] = layer;
        c3[i] = 0;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[i], p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < BLOCKS; i++) {
        out[4 * i] = c0[i];
        out[4 * i + 1] = c1[i];
        out[4 * i + 2] = c2[i];
        out[4 * i + 3] = c3[i];
    }
}

static void mask_row(float *restrict y, const uint32_t *restrict word, uint32_t below, float scale, int64_t n)
{
    for (int64_t j = 0; j < n; j++) y[j] = word[j] < below ? 0.0f : scale * y[j];
}

void SBI_ISA_NAME(sbi_cpu_drop)(const sbi_device_forward *o, float *y, float *d, float *dd, int64_t row, int64_t rows, int64_t first,
                                int64_t columns)
{
    uint32_t word[4 * BLOCKS];
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j += 4 * BLOCKS) {
            const int64_t n = columns - j < 4 * BLOCKS ? columns - j : 4 * BLOCKS, at = i * o->out + j;
            philox_words(word, (uint32_t)((first + j) / 4), (uint32_t)(o->mask_row + row + i), o->mask_layer, o->mask_key);
            mask_row(y + at, word, o->mask_below, o->mask_scale, n);
            if (d) mask_row(d + at, word, o->mask_below, o->mask_scale, n);
            if (dd) mask_row(dd + at, word, o->mask_below, o->mask_scale, n);
        }
    }
}
