/* SPDX-License-Identifier: Apache-2.0 */
/* Adler-32 (RFC 1950, section 8.2): the checksum by which grids know files. */
#ifndef SBI_BASE_ADLER32_H
#define SBI_BASE_ADLER32_H

#include <stddef.h>
#include <stdint.h>

#define SBI_ADLER32_INIT 1u

/* The checksum of what `sum` stands for followed by these bytes. */
uint32_t sbi_adler32(uint32_t sum, const void *data, size_t size);

#endif
