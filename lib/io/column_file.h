/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a .npy file, read piece by piece and never mapped: a file that is truncated, rewritten or cannot be read gives a
 * status where a mapping would raise SIGBUS. */
#ifndef SBI_IO_COLUMN_FILE_H
#define SBI_IO_COLUMN_FILE_H

#include "io/npy.h"

typedef struct sbi_column_file sbi_column_file;

/* Opens the file and reads its header; errors as those of sbi_npy_map(). */
sbi_status sbi_column_file_open(sbi_column_file **out, sbi_context *ctx, const char *path);
void sbi_column_file_close(sbi_column_file *file);

const sbi_npy_header *sbi_column_file_header(const sbi_column_file *file);
/* As it was opened. */
const char *sbi_column_file_path(const sbi_column_file *file);

/* Gives the descriptor back: each read then opens the file anew, and finds out whether it is still the same. */
void sbi_column_file_release(sbi_column_file *file);

/* Bytes [offset, offset + size) of the data, which must lie inside. Threads may read at the same time. Finds out, after reading,
 * whether size or time of modification are no longer what they were when the file was opened; what is written within one tick of the file
 * system's clock after that goes unnoticed. SBI_ERR_IO with path and byte where the file has become shorter, has changed or cannot be
 * read. */
sbi_status sbi_column_file_read(const sbi_column_file *file, uint64_t offset, size_t size, void *out);
/* All of the data, on the context's threads. */
sbi_status sbi_column_file_read_all(const sbi_column_file *file, void *out);
/* Tells the kernel that these bytes will be read soon; returns at once. */
void sbi_column_file_will_need(const sbi_column_file *file, uint64_t offset, size_t size);

#endif
