/* SPDX-License-Identifier: Apache-2.0 */
/* The machine vector of the instruction set that a kernel file is compiled for.
 *
 * Kernels are C with the compilers' vector extension; the only intrinsics are the two that the extension cannot say:
 * fused multiply-add and half-precision loads. Rows are SBI_ALIGNMENT-aligned and a multiple of VLEN long (SBI_ROW_QUANTUM).
 */
#ifndef SBI_TAPE_KERNELS_VEC_H
#define SBI_TAPE_KERNELS_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tape/kernels/kernels.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define VLEN 8
#elif defined(__AVX2__)
#include <immintrin.h>
#define VLEN 4
#else
#define VLEN 2
#endif

typedef double vd __attribute__((vector_size(8 * VLEN)));
typedef uint64_t vu __attribute__((vector_size(8 * VLEN)));
typedef int64_t vi __attribute__((vector_size(8 * VLEN)));
typedef float vf __attribute__((vector_size(4 * VLEN)));
typedef uint32_t vw __attribute__((vector_size(4 * VLEN)));
typedef uint16_t vh __attribute__((vector_size(2 * VLEN)));

#define SBI_INLINE static inline __attribute__((always_inline, unused))

/* a * b + c, fused where the instruction set fuses. */
#if defined(__AVX512F__)
SBI_INLINE vd madd(vd a, vd b, vd c) { return (vd)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
#elif defined(__FMA__)
SBI_INLINE vd madd(vd a, vd b, vd c) { return (vd)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
#else
SBI_INLINE vd madd(vd a, vd b, vd c) { return a * b + c; }
#endif

SBI_INLINE vd splat(double x) { return x - (vd){0}; }
SBI_INLINE vu splat_u(uint64_t x) { return x + (vu){0}; }
SBI_INLINE vd load(const double *p)
{
    vd v;
    memcpy(&v, p, sizeof v);
    return v;
}
SBI_INLINE void store(double *p, vd v) { memcpy(p, &v, sizeof v); }

SBI_INLINE vd pick(vi mask, vd yes, vd no) { return (vd)(((vi)yes & mask) | ((vi)no & ~mask)); }
SBI_INLINE vd vabs(vd x) { return (vd)((vu)x & splat_u(0x7fffffffffffffffu)); }

/* The compilers' own conversion of such vectors takes detours. */
SBI_INLINE vd widen(vf v)
{
#if defined(__AVX512F__)
    return (vd)_mm512_cvtps_pd((__m256)v);
#elif defined(__AVX2__)
    return (vd)_mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, vd);
#endif
}

SBI_INLINE vd load_f32(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return widen(v);
}

/* Exact for every finite half. Where there is no conversion instruction the exponent is rebiased by a multiplication,
 * which handles subnormal halves too. */
SBI_INLINE vd load_f16(const uint16_t *p)
{
#if defined(__AVX512F__)
    __m128i h;
    memcpy(&h, p, sizeof h);
    return (vd)_mm512_cvtps_pd(_mm256_cvtph_ps(h));
#elif defined(__F16C__)
    return (vd)_mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)(const void *)p)));
#else
    vh h;
    memcpy(&h, p, sizeof h);
    vw w = __builtin_convertvector(h, vw);
    vw magnitude = (w & 0x7fffu) << 13, sign = (w & 0x8000u) << 16;
    vf scaled = (vf)magnitude * 0x1p112f;
    return __builtin_convertvector((vf)((vw)scaled | sign), vd);
#endif
}

/* VLEN elements from i on. */
SBI_INLINE vd read_d(const char *p, size_t i, int type)
{
    if (type == SBI_READ_F16) return load_f16((const uint16_t *)(const void *)p + i);
    if (type == SBI_READ_F32) return load_f32((const float *)(const void *)p + i);
    vd v;
    memcpy(&v, p + 8 * i, sizeof v);
    return v;
}

static const size_t read_size[] = {2, 4, 8};

/* Single precision: two machine words' worth of doubles. */
typedef float vs __attribute__((vector_size(8 * VLEN)));

SBI_INLINE vs splat_s(float x) { return x - (vs){0}; }

#if defined(__AVX512F__)
SBI_INLINE vs madd_s(vs a, vs b, vs c) { return (vs)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
#elif defined(__FMA__)
SBI_INLINE vs madd_s(vs a, vs b, vs c) { return (vs)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
#else
SBI_INLINE vs madd_s(vs a, vs b, vs c) { return a * b + c; }
#endif

/* Both halves of a vector of 2 VLEN, by their numbers. */
#if VLEN == 8
#define LANES_LOW 0, 1, 2, 3, 4, 5, 6, 7
#define LANES_HIGH 8, 9, 10, 11, 12, 13, 14, 15
#elif VLEN == 4
#define LANES_LOW 0, 1, 2, 3
#define LANES_HIGH 4, 5, 6, 7
#else
#define LANES_LOW 0, 1
#define LANES_HIGH 2, 3
#endif

SBI_INLINE vs join_s(vf low, vf high) { return __builtin_shufflevector(low, high, LANES_LOW, LANES_HIGH); }

/* 2 VLEN elements from i on. */
SBI_INLINE vs read_s(const char *p, size_t i, int type)
{
    vs v;
    if (type == SBI_READ_F16) {
#if defined(__AVX512F__)
        __m256i h;
        memcpy(&h, p + 2 * i, sizeof h);
        return (vs)_mm512_cvtph_ps(h);
#elif defined(__F16C__)
        __m128i h;
        memcpy(&h, p + 2 * i, sizeof h);
        return (vs)_mm256_cvtph_ps(h);
#else
        const uint16_t *h = (const uint16_t *)(const void *)p + i;
        return join_s(__builtin_convertvector(load_f16(h), vf), __builtin_convertvector(load_f16(h + VLEN), vf));
#endif
    }
    if (type == SBI_READ_F32) {
        memcpy(&v, p + 4 * i, sizeof v);
        return v;
    }
    vd low, high;
    memcpy(&low, p + 8 * i, sizeof low);
    memcpy(&high, p + 8 * (i + VLEN), sizeof high);
    return join_s(__builtin_convertvector(low, vf), __builtin_convertvector(high, vf));
}

/* The lower and the upper half as doubles. */
SBI_INLINE vd low_d(vs v) { return widen(__builtin_shufflevector(v, v, LANES_LOW)); }
SBI_INLINE vd high_d(vs v) { return widen(__builtin_shufflevector(v, v, LANES_HIGH)); }

/* The sum of the lanes, always as ((0+1)+(2+3))+((4+5)+(6+7)). */
SBI_INLINE double lane_sum(vd v)
{
#if VLEN == 8
    return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
#elif VLEN == 4
    return (v[0] + v[1]) + (v[2] + v[3]);
#else
    return v[0] + v[1];
#endif
}

/* Lane sums of VLEN vectors at once, each in the order of lane_sum(). */
SBI_INLINE vd lane_sums(const vd *v)
{
#if VLEN == 8
    vd s[4], t[2];
    for (int i = 0; i < 4; i++)
        s[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
               __builtin_shufflevector(v[2 * i], v[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    /* s[i] = (a01, b01, a23, b23, a45, b45, a67, b67) */
    for (int i = 0; i < 2; i++)
        t[i] = __builtin_shufflevector(s[2 * i], s[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(s[2 * i], s[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(t[0], t[1], 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(t[0], t[1], 4, 5, 6, 7, 12, 13, 14, 15);
#elif VLEN == 4
    vd s[2];
    for (int i = 0; i < 2; i++)
        s[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 4, 2, 6) +
               __builtin_shufflevector(v[2 * i], v[2 * i + 1], 1, 5, 3, 7);
    return __builtin_shufflevector(s[0], s[1], 0, 1, 4, 5) + __builtin_shufflevector(s[0], s[1], 2, 3, 6, 7);
#else
    return __builtin_shufflevector(v[0], v[1], 0, 2) + __builtin_shufflevector(v[0], v[1], 1, 3);
#endif
}

#define SBI_JOIN_(a, b) a##_##b
#define SBI_JOIN(a, b) SBI_JOIN_(a, b)
/* The name of a function in this instruction set's copy. */
#define SBI_ISA(name) SBI_JOIN(name, SBI_ISA_SUFFIX)

#endif
