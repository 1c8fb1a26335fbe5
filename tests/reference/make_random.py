#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the values that the_sequences_are_fixed in tests/unit/test_base_random.c expects, from an implementation of
its own: python3 tests/reference/make_random.py. A seed must give the same results in every release.
"""
import math

MASK = 2**32 - 1


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & MASK, (p >> 32) ^ c[3] ^ k[1], p & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def block(seed, stream, index):
    w = philox([index & MASK, index >> 32, stream & MASK, stream >> 32], [seed & MASK, seed >> 32])
    return w[1] << 32 | w[0], w[3] << 32 | w[2]


def u64(seed, stream, index):
    return block(seed, stream, index)[0]


def unit(bits):
    return ((bits >> 12) + 0.5) / 2.0**52


def normal(seed, stream, index):
    a, b = block(seed, stream, index)
    return math.sqrt(-2 * math.log(unit(a))) * math.cos(2 * math.pi * unit(b))


def derive(seed, label, number):
    h = 0xCBF29CE484222325
    for c in label.encode():
        h = (h ^ c) * 0x100000001B3 % 2**64
    return u64(seed, h, number)


def permutation(seed, stream, n):
    out = list(range(n))
    for i in range(n, 1, -1):
        j = u64(seed, stream, i) * i >> 64
        out[i - 1], out[j] = out[j], out[i - 1]
    return out


def poisson(seed, stream, index, mean):
    own = u64(seed, stream, index)
    if mean < 30:
        u, p, k = unit(u64(seed, own, 0)), math.exp(-mean), 0
        total = p
        while u > total:
            k += 1
            p *= mean / k
            total += p
        return k
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    attempt = 0
    while True:
        x, y = block(seed, own, attempt)
        attempt += 1
        u, v = unit(x) - 0.5, unit(y)
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = math.log(v) + math.log(1.1239 + 1.1328 / (b - 3.4)) - math.log(a / us**2 + b)
        if left <= k * math.log(mean) - mean - math.lgamma(k + 1):
            return k


if __name__ == "__main__":
    print("u64        ", [hex(u64(42, 7, i)) for i in (0, 1, 2**40)])
    print("normal     ", [repr(normal(42, 7, i)) for i in range(4)])
    print("derive     ", hex(derive(42, "member", 3)))
    print("permutation", permutation(42, 7, 12))
    for mean in (0.5, 29.5, 30.5, 1e4):
        print("poisson", mean, [poisson(42, 7, i, mean) for i in range(8)])
