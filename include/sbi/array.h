/* SPDX-License-Identifier: Apache-2.0 */
/** @file array.h
 * Views of arrays in the caller's memory, and numpy files mapped or written.
 *
 * A view borrows: the memory must live as long as the call, or as long as the object when the function's name says
 * `_retain` or its comment says "borrowed until". Strides are in bytes and may be zero or negative, as in numpy.
 */
#ifndef SBI_ARRAY_H
#define SBI_ARRAY_H

#include "context.h"

SBI_BEGIN_DECLS

/** Element types. The numbers are part of the ABI. */
#define SBI_F16 1
#define SBI_F32 2
#define SBI_F64 3
#define SBI_I8 4
#define SBI_I16 5
#define SBI_I32 6
#define SBI_I64 7
#define SBI_U8 8
#define SBI_U16 9
#define SBI_U32 10
#define SBI_U64 11

#define SBI_ARRAY_MAX_DIMS 8

/** A strided view. Dimensions beyond ndim are ignored. */
typedef struct sbi_array {
    const void *data;
    int32_t dtype; /**< SBI_F16 ... */
    int32_t ndim;  /**< 0 to SBI_ARRAY_MAX_DIMS */
    int64_t shape[SBI_ARRAY_MAX_DIMS];
    int64_t strides[SBI_ARRAY_MAX_DIMS]; /**< in bytes */
} sbi_array;

/** Size of an element in bytes; 0 for an unknown dtype. Since: 0.1 */
SBI_API size_t sbi_dtype_size(int32_t dtype);

/** A contiguous one-dimensional view of n elements. Since: 0.1 */
SBI_API sbi_array sbi_array_1d(const void *data, int32_t dtype, int64_t n);

/** A C-contiguous two-dimensional view [rows, columns]. Since: 0.1 */
SBI_API sbi_array sbi_array_2d(const void *data, int32_t dtype, int64_t rows, int64_t columns);

/** A .npy file (format 1.0, 2.0 or 3.0; little-endian; C or Fortran order), memory-mapped read-only. */
typedef struct sbi_npy sbi_npy;

/** Maps a .npy file. Structured, object and big-endian types give SBI_ERR_UNSUPPORTED; a header that does not parse
 *  SBI_ERR_FORMAT; a file shorter than its header says SBI_ERR_FORMAT naming both sizes. A mapped file must not be
 *  truncated or overwritten in place (SIGBUS); replacing it by a rename, as libsbi writes files, is safe. Since: 0.1 */
SBI_API sbi_status sbi_npy_map(sbi_npy **out, sbi_context *ctx, const char *path);

/** Unmaps; NULL is fine. Since: 0.1 */
SBI_API void sbi_npy_unmap(sbi_npy *npy);

/** The view of a mapped file; valid until sbi_npy_unmap(). Since: 0.1 */
SBI_API sbi_status sbi_npy_array(const sbi_npy *npy, sbi_array *out);

/** Writes a view as a .npy file (C order), atomically: the path has the old content or the whole new one. Since: 0.1 */
SBI_API sbi_status sbi_npy_write(sbi_context *ctx, const char *path, const sbi_array *array);

SBI_END_DECLS
#endif
