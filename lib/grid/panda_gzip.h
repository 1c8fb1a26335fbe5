/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox: what a job unpacks into its working directory, as a .tar.gz with the same bytes for the same files. */
#ifndef SBI_GRID_PANDA_GZIP_H
#define SBI_GRID_PANDA_GZIP_H

#include "base/text.h"

/* Compresses to a gzip member without a name or time. */
sbi_status panda_gzip(sbi_text *out, const void *data, size_t size);
/* A .tar.gz of one executable file. `name` has at most 99 characters. */
sbi_status panda_sandbox(sbi_text *out, const char *name, const void *data, size_t size);
/* The CRC that stands in the footer of a gzip file. 0 if it is too short. */
uint32_t panda_gzip_crc(const void *gzip, size_t size);

#endif
