/* SPDX-License-Identifier: Apache-2.0 */
/* The .npy format: parsing headers, writing files row by row or in place.
 * Source: numpy.lib.format, versions 1.0, 2.0 and 3.0. */
#ifndef SBI_IO_NPY_H
#define SBI_IO_NPY_H

#include "sbi/array.h"

/* Room for a header whose numbers may still grow when it is patched at the end. */
#define SBI_NPY_HEADER_SIZE 192

typedef struct sbi_npy_header {
    int32_t dtype;
    int32_t fortran_order;
    int32_t ndim;
    int64_t shape[SBI_ARRAY_MAX_DIMS];
    size_t data_offset;
    size_t data_size; /* product of the shape times the element size; overflow was checked */
} sbi_npy_header;

/* Parses the header in the first `size` bytes of a file; `name` is used in messages. */
sbi_status sbi_npy_header_parse(sbi_npy_header *out, const void *data, size_t size, const char *name);
/* Makes a version 1.0 header of exactly SBI_NPY_HEADER_SIZE bytes, C order. */
sbi_status sbi_npy_header_make(unsigned char out[SBI_NPY_HEADER_SIZE], int32_t dtype, int32_t ndim,
                               const int64_t *shape);
/* The view of `data` that a header describes. */
sbi_array sbi_npy_header_view(const sbi_npy_header *h, const void *data);

/* Rows appended one block after another; the first dimension is known at the end. Committed or abandoned once. */
typedef struct sbi_npy_writer sbi_npy_writer;
/* `row_shape` is the shape without the first dimension, row_ndim may be 0. */
sbi_status sbi_npy_writer_open(sbi_npy_writer **out, sbi_context *ctx, const char *path, int32_t dtype,
                               int32_t row_ndim, const int64_t *row_shape);
/* `rows` must be C-contiguous, of the writer's dtype. */
sbi_status sbi_npy_writer_append(sbi_npy_writer *w, const void *rows, int64_t n_rows);
sbi_status sbi_npy_writer_commit(sbi_npy_writer *w);
void sbi_npy_writer_abandon(sbi_npy_writer *w);

/* A new file of known shape, mapped so that threads write its elements in place; it appears under its name at commit.
 * The blocks are reserved on disk at once, so that a full disk is a status here and not a signal later. */
typedef struct sbi_npy_output sbi_npy_output;
sbi_status sbi_npy_output_open(sbi_npy_output **out, sbi_context *ctx, const char *path, int32_t dtype, int32_t ndim,
                               const int64_t *shape);
void *sbi_npy_output_data(sbi_npy_output *o);
sbi_status sbi_npy_output_commit(sbi_npy_output *o);
void sbi_npy_output_abandon(sbi_npy_output *o);

#endif
