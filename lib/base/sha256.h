/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): names of contents and of tasks. */
#ifndef SBI_BASE_SHA256_H
#define SBI_BASE_SHA256_H

#include "base/sha256_blocks.h"
#include "sbi/status.h"

#define SBI_SHA256_HEX_SIZE 65 /* 64 digits and NUL */

typedef struct sbi_sha256 {
    uint32_t state[8];
    uint64_t length;
    unsigned char block[64];
    size_t used;
    sbi_sha256_blocks_fn blocks; /* NULL: not chosen yet */
} sbi_sha256;

void sbi_sha256_init(sbi_sha256 *h);
void sbi_sha256_update(sbi_sha256 *h, const void *data, size_t size);
void sbi_sha256_final(sbi_sha256 *h, unsigned char digest[32]);
void sbi_sha256_hex(const unsigned char digest[32], char hex[SBI_SHA256_HEX_SIZE]);
/* One call for bytes in memory. */
void sbi_sha256_text(const void *data, size_t size, char hex[SBI_SHA256_HEX_SIZE]);
sbi_status sbi_sha256_file(const char *path, char hex[SBI_SHA256_HEX_SIZE]);

#endif
