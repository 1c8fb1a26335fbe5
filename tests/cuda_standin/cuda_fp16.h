/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CUDA_STANDIN_CUDA_FP16_H
#define TESTS_CUDA_STANDIN_CUDA_FP16_H

#include <math.h>
#include <cstdint>
#include <cstring>

#include "cuda_runtime.h"

struct alignas(2) __half { uint16_t bits; };
struct alignas(4) __half2 { __half x, y; };

static inline float __half2float(__half h)
{
    const int exponent = h.bits >> 10 & 31, fraction = h.bits & 1023;
    float f;
    if (exponent == 31) {
        f = fraction ? NAN : INFINITY;
    } else if (exponent == 0) {
        f = std::ldexp((float)fraction, -24);
    } else {
        f = std::ldexp((float)(1024 + fraction), exponent - 25);
    }
    return h.bits & 0x8000 ? -f : f;
}

/* To the nearest, ties to even; too large becomes infinity. */
static inline __half __float2half_rn(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    const uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    u &= 0x7fffffff;
    if (u > 0x7f800000) return {(uint16_t)(sign | 0x7e00)};
    if (u >= 0x477ff000) return {(uint16_t)(sign | 0x7c00)};
    if (u < 0x38800000) { /* below 2^-14: in steps of 2^-24 */
        float a;
        memcpy(&a, &u, sizeof a);
        return {(uint16_t)(sign | (uint16_t)std::nearbyint(std::ldexp(a, 24)))};
    }
    u += 0xfff + (u >> 13 & 1);
    return {(uint16_t)(sign | (uint16_t)((u - 0x38000000) >> 13))};
}
static inline __half2 __floats2half2_rn(float x, float y) { return {__float2half_rn(x), __float2half_rn(y)}; }
static inline float2 __half22float2(__half2 h) { return {__half2float(h.x), __half2float(h.y)}; }
static inline __half __float2half(float f) { return __float2half_rn(f); }

#endif
