/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/md5.h"

#include <stdio.h>
#include <string.h>

/* floor(2^32 |sin(i + 1)|). */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1,
    0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453,
    0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942,
    0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05,
    0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d,
    0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
static const unsigned char turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t word(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void transform(uint32_t state[4], const unsigned char block[64])
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned k;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d), k = i; break;
        case 1: f = (d & b) | (~d & c), k = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d, k = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d), k = 7 * i % 16; break;
        }
        const uint32_t x = a + f + sines[i] + word(block + 4 * k);
        const unsigned turn = turns[i / 16][i % 4];
        a = d;
        d = c;
        c = b;
        b += x << turn | x >> (32 - turn);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void grid_md5_init(grid_md5 *h)
{
    *h = (grid_md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void grid_md5_update(grid_md5 *h, const void *data, size_t size)
{
    const unsigned char *p = data;
    h->length += size;
    while (size) {
        const size_t room = 64 - h->used, n = size < room ? size : room;
        memcpy(h->block + h->used, p, n);
        h->used += n;
        p += n;
        size -= n;
        if (h->used == 64) {
            transform(h->state, h->block);
            h->used = 0;
        }
    }
}

void grid_md5_final(grid_md5 *h, unsigned char digest[16])
{
    const uint64_t bits = h->length * 8;
    unsigned char tail[72] = {0x80};
    const size_t n = (h->used < 56 ? 56 : 120) - h->used;
    for (unsigned i = 0; i < 8; i++) tail[n + i] = (unsigned char)(bits >> 8 * i);
    grid_md5_update(h, tail, n + 8);
    for (unsigned i = 0; i < 16; i++) digest[i] = (unsigned char)(h->state[i / 4] >> 8 * (i % 4));
}

void grid_md5_text(const void *data, size_t size, char hex[33])
{
    unsigned char digest[16];
    grid_md5 h;
    grid_md5_init(&h);
    grid_md5_update(&h, data, size);
    grid_md5_final(&h, digest);
    for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
