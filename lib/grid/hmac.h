/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 (RFC 2104). */
#ifndef SBI_GRID_HMAC_H
#define SBI_GRID_HMAC_H

#include <stddef.h>

/* out may be the key. */
void grid_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, unsigned char out[32]);

#endif
