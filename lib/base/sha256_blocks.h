/* SPDX-License-Identifier: Apache-2.0 */
/* The compression function of SHA-256, in portable C and by instructions of the processor. */
#ifndef SBI_BASE_SHA256_BLOCKS_H
#define SBI_BASE_SHA256_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* Takes n blocks of 64 bytes into the state. */
typedef void (*sbi_sha256_blocks_fn)(uint32_t state[8], const unsigned char *p, size_t n);

extern const uint32_t sbi_sha256_constants[64];

void sbi_sha256_blocks_portable(uint32_t state[8], const unsigned char *p, size_t n);
/* NULL where the processor has no such instructions. */
sbi_sha256_blocks_fn sbi_sha256_blocks_x86(void);

#endif
