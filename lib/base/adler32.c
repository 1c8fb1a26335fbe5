/* SPDX-License-Identifier: Apache-2.0 */
#include "base/adler32.h"

#define MODULUS 65521u
/* The longest run after which b still fits in 32 bits: 255 n (n + 1) / 2 + (n + 1) (MODULUS - 1) < 2^32. */
#define RUN 5552

uint32_t sbi_adler32(uint32_t sum, const void *data, size_t size)
{
    const unsigned char *p = data;
    uint32_t a = sum & 0xffff, b = sum >> 16;
    while (size) {
        size_t n = size < RUN ? size : RUN;
        size -= n;
        while (n--) {
            a += *p++;
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    return b << 16 | a;
}
