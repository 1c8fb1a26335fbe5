/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 (RFC 1321): parts of S3 uploads and paths of Rucio are named by it. Not for anything that must withstand an attacker. */
#ifndef SBI_GRID_MD5_H
#define SBI_GRID_MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct grid_md5 {
    uint32_t state[4];
    uint64_t length;
    unsigned char block[64];
    size_t used;
} grid_md5;

void grid_md5_init(grid_md5 *h);
void grid_md5_update(grid_md5 *h, const void *data, size_t size);
void grid_md5_final(grid_md5 *h, unsigned char digest[16]);
/* 32 digits and NUL. */
void grid_md5_text(const void *data, size_t size, char hex[33]);

#endif
