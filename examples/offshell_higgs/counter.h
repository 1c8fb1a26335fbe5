/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers for the example: number j of an event is a hash of (key, j), so any event
 * can be made alone and in any order. The hash is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
#ifndef OFFSHELL_COUNTER_H
#define OFFSHELL_COUNTER_H

#include <math.h>
#include <stdint.h>

typedef struct offshell_stream {
    uint64_t key;
    uint64_t counter;
} offshell_stream;

static inline uint64_t offshell_hash(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Hashing between the two additions keeps (a, b) and (b, a) apart. */
static inline uint64_t offshell_combine(uint64_t a, uint64_t b)
{
    return offshell_hash(offshell_hash(a + UINT64_C(0x9e3779b97f4a7c15)) + b * UINT64_C(0xd1342543de82ef95) + 1);
}

static inline offshell_stream offshell_stream_open(uint64_t key, uint64_t index)
{
    return (offshell_stream){offshell_combine(key, index), 0};
}

/* Uniform in (0, 1): 52 bits, centred, so that neither end can occur. */
static inline double offshell_uniform(offshell_stream *s)
{
    const uint64_t bits = offshell_hash(s->key + (++s->counter) * UINT64_C(0x9e3779b97f4a7c15));

    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

/* Two independent standard normals (Box-Muller). */
static inline void offshell_normal_pair(offshell_stream *s, double out[2])
{
    const double radius = sqrt(-2.0 * log(offshell_uniform(s)));
    const double angle = 6.283185307179586476925 * offshell_uniform(s);

    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

#endif
