/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* FIPS 180-4, section 4.2.2: fractional parts of the cube roots of the first 64 primes. */
const uint32_t sbi_sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate_right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* Round r of eight, with variable n at v[(n - r) mod 8]. */
static inline void one_round(uint32_t v[8], int r, uint32_t word)
{
    const uint32_t a = v[(8 - r) & 7], b = v[(9 - r) & 7], c = v[(10 - r) & 7], e = v[(12 - r) & 7], f = v[(13 - r) & 7], g = v[(14 - r) & 7];
    uint32_t *d = &v[(11 - r) & 7], *h = &v[(15 - r) & 7];
    const uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25), choose = (e & f) ^ (~e & g);
    const uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22), majority = (a & b) ^ (a & c) ^ (b & c);
    const uint32_t t = *h + s1 + choose + word;
    *d += t;
    *h = t + s0 + majority;
}

static void compress(uint32_t state[8], const unsigned char *p)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++) {
        const unsigned char *q = p + 4 * i;
        w[i] = (uint32_t)q[0] << 24 | (uint32_t)q[1] << 16 | (uint32_t)q[2] << 8 | q[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate_right(w[i - 15], 7) ^ rotate_right(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate_right(w[i - 2], 17) ^ rotate_right(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    memcpy(v, state, sizeof v);
    /* Eight rounds turn the eight variables once around. */
    for (int i = 0; i < 64; i += 8)
        for (int r = 0; r < 8; r++) one_round(v, r, sbi_sha256_constants[i + r] + w[i + r]);
    for (int i = 0; i < 8; i++) state[i] += v[i];
}

void sbi_sha256_blocks_portable(uint32_t state[8], const unsigned char *p, size_t n)
{
    for (; n; n--, p += 64) compress(state, p);
}

/* From so many blocks on it is worth to ask the processor what it can do, which takes microseconds in a virtual machine. */
#define MANY 32

static void take_blocks(sbi_sha256 *h, const unsigned char *p, size_t n)
{
    if (!h->blocks && n >= MANY) {
        h->blocks = sbi_sha256_blocks_x86();
        if (!h->blocks) h->blocks = sbi_sha256_blocks_portable;
    }
    (h->blocks ? h->blocks : sbi_sha256_blocks_portable)(h->state, p, n);
}

void sbi_sha256_init(sbi_sha256 *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(h, 0, sizeof *h);
    memcpy(h->state, start, sizeof start);
}

void sbi_sha256_update(sbi_sha256 *h, const void *data, size_t size)
{
    const unsigned char *p = data;
    h->length += size;
    while (size) {
        if (h->used == 0 && size >= sizeof h->block) {
            const size_t whole = size / sizeof h->block;
            take_blocks(h, p, whole);
            p += whole * sizeof h->block;
            size -= whole * sizeof h->block;
            continue;
        }
        size_t take = sizeof h->block - h->used;
        if (take > size) take = size;
        memcpy(h->block + h->used, p, take);
        h->used += take;
        p += take;
        size -= take;
        if (h->used == sizeof h->block) {
            take_blocks(h, h->block, 1);
            h->used = 0;
        }
    }
}

void sbi_sha256_final(sbi_sha256 *h, unsigned char digest[32])
{
    uint64_t bits = h->length * 8;
    unsigned char tail[72] = {0x80};
    size_t padding = (h->used < 56 ? 56 : 120) - h->used;
    for (int i = 0; i < 8; i++) tail[padding + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
    sbi_sha256_update(h, tail, padding + 8);
    for (int i = 0; i < 32; i++) digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sbi_sha256_hex(const unsigned char digest[32], char hex[SBI_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}

void sbi_sha256_text(const void *data, size_t size, char hex[SBI_SHA256_HEX_SIZE])
{
    sbi_sha256 h;
    unsigned char digest[32];
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, data, size);
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
}

sbi_status sbi_sha256_file(const char *path, char hex[SBI_SHA256_HEX_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sbi_fail_errno(errno, "%s", path);
    sbi_sha256 h;
    sbi_sha256_init(&h);
    unsigned char buffer[65536];
    sbi_status status = SBI_OK;
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n > 0) {
            sbi_sha256_update(&h, buffer, (size_t)n);
        } else if (n == 0) {
            break;
        } else if (errno != EINTR) {
            status = sbi_fail_errno(errno, "%s", path);
            break;
        }
    }
    close(fd);
    hex[0] = '\0';
    SBI_TRY(status);
    unsigned char digest[32];
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    return SBI_OK;
}
