/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a .npy file, read piece by piece and never mapped: a file that is truncated, rewritten or cannot be read gives a
 * status where a mapping would raise SIGBUS. */
#ifndef SBI_IO_COLUMN_FILE_H
#define SBI_IO_COLUMN_FILE_H

#include "io/npy.h"
#include "io/random_file.h"

typedef struct sbi_column_file sbi_column_file;

/* Opens the file and reads its header; errors as those of sbi_npy_map(). */
sbi_status sbi_column_file_open(sbi_column_file **out, sbi_context *ctx, const char *path);
/* The same of any file; takes it, also on failure. */
sbi_status sbi_column_file_open_on(sbi_column_file **out, sbi_context *ctx, const sbi_random_file *file);
void sbi_column_file_close(sbi_column_file *file);

/* Of a file that can be checked it counts only once sbi_column_file_check() or sbi_column_file_read_all() said SBI_OK. */
const sbi_npy_header *sbi_column_file_header(const sbi_column_file *file);
/* As it was opened. */
const char *sbi_column_file_path(const sbi_column_file *file);
/* SBI_OK where nothing is known of what the file should be. */
sbi_status sbi_column_file_check(const sbi_column_file *file);

/* Gives the descriptor back: each read then opens the file anew, and finds out whether it is still the same. */
void sbi_column_file_release(sbi_column_file *file);

/* Bytes [offset, offset + size) of the data, which must lie inside. Threads may read at the same time. Errors: random_file.h. */
sbi_status sbi_column_file_read(const sbi_column_file *file, uint64_t offset, size_t size, void *out);
/* All of the data, on the context's threads; checked, where the file can be. */
sbi_status sbi_column_file_read_all(const sbi_column_file *file, void *out);
/* These bytes will be read soon; returns at once. */
void sbi_column_file_will_need(const sbi_column_file *file, uint64_t offset, size_t size);

#endif
