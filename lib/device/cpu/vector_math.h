/* SPDX-License-Identifier: Apache-2.0 */
/* Elementary functions of one float, without branches, so that loops over them become vector code.
 * Only for *.isa.c files. The conformance suite of devices checks what is made of them. */
#ifndef SBI_DEVICE_CPU_VECTOR_MATH_H
#define SBI_DEVICE_CPU_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

#define SBI_ISA_JOIN_(a, b) a##_##b
#define SBI_ISA_JOIN(a, b) SBI_ISA_JOIN_(a, b)
#define SBI_ISA_NAME(a) SBI_ISA_JOIN(a, SBI_ISA_SUFFIX)

/* One rounding where the processor has it; the same expression with two elsewhere. */
#ifdef __FMA__
#define FMA(a, b, c) __builtin_fmaf((a), (b), (c))
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE float bits_to_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

INLINE uint32_t float_to_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; returns exp(r) - 1 (Taylor: the first term left out is below 6e-9) and 2^n.
 * x is cut at +-87, where exp is still a normal number; a NaN stays one. */
INLINE float exp_parts(float x, float *power)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    const float t = FMA(x, 1.44269504088896341f, shift);
    const float n = t - shift;
    float r = FMA(n, -0.693145751953125f, x); /* the first 15 bits of ln 2: the product is exact */
    r = FMA(n, -1.42860682030941723e-6f, r);
    float p = FMA(r, 1.0f / 5040, 1.0f / 720);
    p = FMA(r, p, 1.0f / 120);
    p = FMA(r, p, 1.0f / 24);
    p = FMA(r, p, 1.0f / 6);
    p = FMA(r, p, 0.5f);
    *power = bits_to_float((float_to_bits(t) + 127u) << 23); /* the low bits of t are n */
    return FMA(r * r, p, r);
}

INLINE float vexp(float x)
{
    float power;
    const float q = exp_parts(x, &power);
    return FMA(power, q, power);
}

INLINE float vexpm1(float x)
{
    float power;
    const float q = exp_parts(x, &power);
    return FMA(power, q, power - 1.0f);
}

INLINE float vlogistic(float z)
{
    return 1.0f / (1.0f + vexp(-z));
}

INLINE float vtanh(float z)
{
    const float a = z < 0 ? z : -z;
    const float e = vexpm1(2.0f * a); /* in (-1, 0] */
    const float t = -e / (2.0f + e);
    return z < 0 ? -t : t;
}

/* ln(1 + u) for u in [0, 1], as 2 artanh(u / (2 + u)). */
INLINE float vlog1p_unit(float u)
{
    const float s = u / (2.0f + u), s2 = s * s;
    float p = FMA(s2, 1.0f / 13, 1.0f / 11);
    p = FMA(s2, p, 1.0f / 9);
    p = FMA(s2, p, 1.0f / 7);
    p = FMA(s2, p, 1.0f / 5);
    p = FMA(s2, p, 1.0f / 3);
    return 2.0f * FMA(s * s2, p, s);
}

INLINE float vsoftplus(float z)
{
    const float a = z < 0 ? z : -z;
    const float positive = z > 0 ? z : 0.0f;
    return (z != z ? z : positive) + vlog1p_unit(vexp(a));
}

/* The normal density and distribution function. Source of the latter: Abramowitz and Stegun 7.1.26. */
INLINE float vnormal(float z, float *density)
{
    const float a = z < 0 ? -z : z;
    const float e = vexp(-0.5f * z * z);
    const float t = 1.0f / FMA(0.3275911f * 0.70710678118654752f, a, 1.0f);
    float p = FMA(t, 1.061405429f, -1.453152027f);
    p = FMA(t, p, 1.421413741f);
    p = FMA(t, p, -0.284496736f);
    p = FMA(t, p, 0.254829592f);
    const float tail = 0.5f * (t * p) * e;
    *density = 0.39894228040143268f * e;
    return z < 0 ? tail : 1.0f - tail;
}

#endif
