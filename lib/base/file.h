/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads, atomic writes, mappings, paths. Every message names the path. */
#ifndef SBI_BASE_FILE_H
#define SBI_BASE_FILE_H

#include "sbi/context.h"

/* Reads a whole file; *data is NUL-terminated past `size` (so text can be parsed in place) and freed by sbi_free().
 * A file over `limit` bytes gives SBI_ERR_FORMAT; limit 0: none. */
sbi_status sbi_file_read(sbi_context *ctx, const char *path, size_t limit, void **data, size_t *size);

/* An atomic write: bytes go to a temporary file beside `path`; commit fsyncs it, renames it over `path` and fsyncs the
 * folder; after a write that failed, commit gives that status and nothing appears. abandon (NULL is fine) removes it.
 * After commit or abandon the writer is gone, whatever the status. */
typedef struct sbi_file_writer sbi_file_writer;
sbi_status sbi_file_writer_open(sbi_file_writer **out, sbi_context *ctx, const char *path);
sbi_status sbi_file_writer_write(sbi_file_writer *w, const void *data, size_t size);
/* Overwrites bytes already written (headers, sizes). */
sbi_status sbi_file_writer_patch(sbi_file_writer *w, uint64_t offset, const void *data, size_t size);
uint64_t sbi_file_writer_size(const sbi_file_writer *w);
/* The open temporary file, for mapping it. */
int sbi_file_writer_descriptor(const sbi_file_writer *w);
sbi_status sbi_file_writer_commit(sbi_file_writer *w);
/* The same but for the folder, which is left to the caller: of many files at once. */
sbi_status sbi_file_writer_commit_unsynced(sbi_file_writer *w);
/* Makes names in a folder durable. */
sbi_status sbi_file_sync_folder(const char *folder);
/* The same, but an existing file is never replaced: SBI_ERR_EXISTS (link(2), so two processes cannot both win). */
sbi_status sbi_file_writer_commit_new(sbi_file_writer *w);
void sbi_file_writer_abandon(sbi_file_writer *w);

/* The three steps above for bytes in memory. */
sbi_status sbi_file_write(sbi_context *ctx, const char *path, const void *data, size_t size);
/* The same, but an existing file is never replaced: SBI_ERR_EXISTS (link(2), so two processes cannot both win). */
sbi_status sbi_file_create(sbi_context *ctx, const char *path, const void *data, size_t size);

/* A read-only mapping of a whole file. Where someone truncates the file under it, touching the lost part raises SIGBUS,
 * which a library cannot turn into a status; our own writers replace files by renaming and so never do that. */
typedef struct sbi_mapping {
    const unsigned char *data;
    size_t size;
} sbi_mapping;
sbi_status sbi_file_map(sbi_mapping *out, const char *path);
void sbi_file_unmap(sbi_mapping *mapping);

int sbi_path_exists(const char *path);
/* mkdir -p. */
sbi_status sbi_path_make_folder(sbi_context *ctx, const char *path);
/* Joins folder and name; an absolute name stays as it is. Freed by sbi_free(). */
char *sbi_path_join(sbi_context *ctx, const char *folder, const char *name);
/* The folder part of a path ("." if there is none). Freed by sbi_free(). */
char *sbi_path_folder(sbi_context *ctx, const char *path);

#endif
