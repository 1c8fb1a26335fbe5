/* SPDX-License-Identifier: Apache-2.0 */
/* The .npz format: a zip archive of .npy members, stored or deflated; other members hold raw bytes (meta.json).
 * Equal content gives equal bytes: times are fixed and members keep the order in which they were added.
 * Source: PKWARE APPNOTE 6.3.10 (zip, with zip64 where sizes need it); numpy.savez. */
#ifndef SBI_IO_NPZ_H
#define SBI_IO_NPZ_H

#include "sbi/array.h"

/* ---- writing ---- */
typedef struct sbi_npz_writer sbi_npz_writer;
/* level 0: stored; 1 to 9: deflate. */
sbi_status sbi_npz_writer_open(sbi_npz_writer **out, sbi_context *ctx, const char *path, int32_t level);
/* Adds member `name` (without ".npy"). The array must be C-contiguous. */
sbi_status sbi_npz_writer_add(sbi_npz_writer *w, const char *name, const sbi_array *array);
/* Adds raw bytes under exactly this name. */
sbi_status sbi_npz_writer_add_bytes(sbi_npz_writer *w, const char *name, const void *data, size_t size);
/* Writes the directory, and makes the file appear. The writer is gone afterwards. */
sbi_status sbi_npz_writer_commit(sbi_npz_writer *w);
void sbi_npz_writer_abandon(sbi_npz_writer *w);

/* ---- reading ---- */
typedef struct sbi_npz sbi_npz;
sbi_status sbi_npz_open(sbi_npz **out, sbi_context *ctx, const char *path);
/* The same over bytes in memory, borrowed until closed; `name` is used in messages. */
sbi_status sbi_npz_open_memory(sbi_npz **out, sbi_context *ctx, const void *data, size_t size, const char *name);
void sbi_npz_close(sbi_npz *npz);
size_t sbi_npz_count(const sbi_npz *npz);
/* More bytes than all members can have, by what deflate can do. */
uint64_t sbi_npz_most_bytes(const sbi_npz *npz);
/* Member names as stored ("w0.npy", "meta.json"). */
const char *sbi_npz_name(const sbi_npz *npz, size_t index);
/* Array `name` (without ".npy"), decompressed and checked against its CRC; *memory owns the data (sbi_free). */
sbi_status sbi_npz_read(const sbi_npz *npz, const char *name, sbi_array *view, void **memory);
/* The same for a member that must have this dtype and shape, straight into `out`. */
sbi_status sbi_npz_read_into(const sbi_npz *npz, const char *name, int32_t dtype, int32_t ndim, const int64_t *shape,
                             void *out);
/* Raw bytes, with a NUL behind them; *memory owns them. */
sbi_status sbi_npz_read_bytes(const sbi_npz *npz, const char *name, void **memory, size_t *size);

#endif
