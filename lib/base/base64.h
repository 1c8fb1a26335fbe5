/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in specs: RFC 4648, with padding and without line breaks. */
#ifndef SBI_BASE_BASE64_H
#define SBI_BASE_BASE64_H

#include "sbi/context.h"

/* NUL-terminated, freed by sbi_free(); NULL: out of memory. */
char *sbi_base64_encode(sbi_context *ctx, const void *bytes, size_t size);
/* SBI_ERR_FORMAT for anything that sbi_base64_encode() does not write. *bytes is freed by sbi_free(). */
sbi_status sbi_base64_decode(sbi_context *ctx, const char *text, void **bytes, size_t *size);

#endif
