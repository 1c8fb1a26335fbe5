/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011, doi:10.1145/2063384.2063405).
 * A number is a pure function of (seed, stream, index), so any thread can make any part of a sequence. */
#ifndef SBI_BASE_RANDOM_H
#define SBI_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* The block function itself: 128 random bits from a 128-bit counter and a 64-bit key. Known-answer tested. */
void sbi_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The index-th 64 random bits of stream `stream` of seed `seed`. */
uint64_t sbi_random_u64(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in (0, 1), 52 bits, never 0 or 1. */
double sbi_random_uniform(uint64_t seed, uint64_t stream, uint64_t index);
/* Standard normal, one a counter (Box-Muller, cosine branch). Log and cosine are the C library's: the same bits on
 * machines with the same C library and processor kind, equal to some units in the last place elsewhere. */
double sbi_random_normal(uint64_t seed, uint64_t stream, uint64_t index);
/* Poisson with the given mean, by inversion below mean 30, else by PTRS (Hoermann 1993) on a substream.
 * -1 for a mean that is negative, NaN or above 2^50. */
int64_t sbi_random_poisson(uint64_t seed, uint64_t stream, uint64_t index, double mean);
/* A random permutation of [0, n) (Fisher-Yates), the same on every machine. */
void sbi_random_permutation(uint64_t seed, uint64_t stream, uint32_t *out, uint32_t n);

/* Derives an independent seed from a seed and a label. */
uint64_t sbi_random_derive(uint64_t seed, const char *label, uint64_t number);

#endif
