/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/hmac.h"

#include <string.h>

#include "base/sha256.h"

void grid_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, unsigned char out[32])
{
    unsigned char block[64] = {0}, inner[32];
    sbi_sha256 h;
    if (key_size > sizeof block) {
        sbi_sha256_init(&h);
        sbi_sha256_update(&h, key, key_size);
        sbi_sha256_final(&h, block);
    } else {
        memcpy(block, key, key_size);
    }
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, block, sizeof block);
    sbi_sha256_update(&h, data, size);
    sbi_sha256_final(&h, inner);
    for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36 ^ 0x5c;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, block, sizeof block);
    sbi_sha256_update(&h, inner, sizeof inner);
    sbi_sha256_final(&h, out);
    explicit_bzero(block, sizeof block);
    explicit_bzero(inner, sizeof inner);
    explicit_bzero(&h, sizeof h);
}
