/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <math.h>

/* Multipliers and Weyl increments of Philox4x32 (Salmon et al., table 2). */
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u
#define ROUNDS 10
/* Where doubles no longer tell neighbouring counts apart. */
#define LARGEST_MEAN 0x1p50

void sbi_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)MULTIPLIER_0 * c0;
        uint64_t p1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Both 64-bit halves of block `index` of a stream. */
static void block(uint64_t seed, uint64_t stream, uint64_t index, uint64_t half[2])
{
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t word[4];
    sbi_philox(counter, key, word);
    half[0] = (uint64_t)word[1] << 32 | word[0];
    half[1] = (uint64_t)word[3] << 32 | word[2];
}

/* The 2^52 midpoints of equal intervals: never 0 or 1. */
static double open_unit(uint64_t bits)
{
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

uint64_t sbi_random_u64(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t half[2];
    block(seed, stream, index, half);
    return half[0];
}

double sbi_random_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return open_unit(sbi_random_u64(seed, stream, index));
}

double sbi_random_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t half[2];
    block(seed, stream, index, half);
    return sqrt(-2.0 * log(open_unit(half[0]))) * cos(6.283185307179586477 * open_unit(half[1]));
}

uint64_t sbi_random_derive(uint64_t seed, const char *label, uint64_t number)
{
    /* FNV-1a of the label picks the stream; Philox does the mixing. */
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = label; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    return sbi_random_u64(seed, hash, number);
}

/* Inversion of the cumulative sum. */
static int64_t poisson_small(uint64_t seed, uint64_t stream, double mean)
{
    double u = sbi_random_uniform(seed, stream, 0), p = exp(-mean), sum = p;
    int64_t k = 0;
    while (u > sum) {
        k++;
        p *= mean / (double)k;
        if (sum + p == sum && (double)k > mean) break; /* rounding keeps the sum just below u */
        sum += p;
    }
    return k;
}

/* Transformed rejection with squeeze: W. Hoermann, Insurance: Mathematics and Economics 12 (1993) 39, algorithm PTRS.
 */
static int64_t poisson_large(uint64_t seed, uint64_t stream, double mean)
{
    double root = sqrt(mean), log_mean = log(mean);
    double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
    for (uint64_t attempt = 0;; attempt++) {
        uint64_t half[2];
        block(seed, stream, attempt, half);
        double u = open_unit(half[0]) - 0.5, v = open_unit(half[1]);
        double us = 0.5 - fabs(u), k = floor((2.0 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r) return (int64_t)k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        int sign;
        if (log(v) + log(inverse_alpha) - log(a / (us * us) + b) <= -mean + k * log_mean - lgamma_r(k + 1.0, &sign))
            return (int64_t)k;
    }
}

int64_t sbi_random_poisson(uint64_t seed, uint64_t stream, uint64_t index, double mean)
{
    if (mean == 0) return 0;
    if (!(mean > 0 && mean <= LARGEST_MEAN)) return -1;
    uint64_t own_stream = sbi_random_u64(seed, stream, index);
    return mean < 30 ? poisson_small(seed, own_stream, mean) : poisson_large(seed, own_stream, mean);
}

/* A number in [0, bound) from 64 bits, by multiplication; the bias is below bound / 2^64. */
static uint32_t below(uint64_t bits, uint32_t bound)
{
    return (uint32_t)(((bits >> 32) * bound + (((bits & 0xffffffffu) * bound) >> 32)) >> 32);
}

void sbi_random_permutation(uint64_t seed, uint64_t stream, uint32_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) out[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = below(sbi_random_u64(seed, stream, i), i);
        uint32_t kept = out[i - 1];
        out[i - 1] = out[j];
        out[j] = kept;
    }
}
