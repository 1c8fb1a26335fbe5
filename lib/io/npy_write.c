/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/npy.h"

struct sbi_npy_writer {
    sbi_context *ctx;
    sbi_file_writer *file;
    int32_t dtype;
    int32_t ndim;
    int64_t shape[SBI_ARRAY_MAX_DIMS];
    size_t row_size;
};

/* Bytes of a whole array (or row). */
static sbi_status array_size(size_t *out, int32_t dtype, int32_t ndim, const int64_t *shape)
{
    size_t size = sbi_dtype_size(dtype);
    SBI_REQUIRE(size, "npy: %d is not an element type", (int)dtype);
    SBI_REQUIRE(ndim >= 0 && ndim <= SBI_ARRAY_MAX_DIMS, "npy: %d dimensions", (int)ndim);
    int empty = 0;
    for (int i = 0; i < ndim; i++) {
        SBI_REQUIRE(shape[i] >= 0, "npy: dimension %d is %lld", i, (long long)shape[i]);
        /* As in reading: dimensions beside a zero count too. Room for the header stays. */
        if (shape[i] == 0)
            empty = 1;
        else if (__builtin_mul_overflow(size, (size_t)shape[i], &size) || size > INT64_MAX - SBI_NPY_HEADER_SIZE)
            return sbi_fail(SBI_ERR_ARGUMENT, "npy: the shape overflows");
    }
    *out = empty ? 0 : size;
    return SBI_OK;
}

sbi_status sbi_npy_writer_open(sbi_npy_writer **out, sbi_context *ctx, const char *path, int32_t dtype,
                               int32_t row_ndim, const int64_t *row_shape)
{
    *out = NULL;
    SBI_REQUIRE(row_ndim >= 0 && row_ndim < SBI_ARRAY_MAX_DIMS, "%s: %d row dimensions", path, (int)row_ndim);
    size_t row_size;
    SBI_TRY(array_size(&row_size, dtype, row_ndim, row_shape));
    sbi_npy_writer *w = sbi_alloc_zero(ctx, 1, sizeof *w);
    if (!w) return SBI_ERR_NO_MEMORY;
    w->ctx = ctx;
    w->dtype = dtype;
    w->ndim = row_ndim + 1;
    for (int i = 0; i < row_ndim; i++) w->shape[i + 1] = row_shape[i];
    w->row_size = row_size;
    unsigned char header[SBI_NPY_HEADER_SIZE];
    sbi_status status;
    SBI_GOTO(sbi_npy_header_make(header, dtype, w->ndim, w->shape), fail);
    SBI_GOTO(sbi_file_writer_open(&w->file, ctx, path), fail);
    SBI_GOTO(sbi_file_writer_write(w->file, header, sizeof header), fail);
    *out = w;
    return SBI_OK;
fail:
    sbi_npy_writer_abandon(w);
    return status;
}

sbi_status sbi_npy_writer_append(sbi_npy_writer *w, const void *rows, int64_t n_rows)
{
    size_t size;
    SBI_REQUIRE(n_rows >= 0, "npy: %lld rows to append", (long long)n_rows);
    SBI_REQUIRE(!__builtin_mul_overflow((size_t)n_rows, w->row_size, &size), "npy: %lld rows of %zu bytes overflow",
                (long long)n_rows, w->row_size);
    SBI_REQUIRE(rows || !size, "npy: the rows to append are NULL");
    SBI_TRY(sbi_file_writer_write(w->file, rows, size));
    w->shape[0] += n_rows;
    return SBI_OK;
}

void sbi_npy_writer_abandon(sbi_npy_writer *w)
{
    if (!w) return;
    sbi_file_writer_abandon(w->file);
    sbi_free(w->ctx, w);
}

sbi_status sbi_npy_writer_commit(sbi_npy_writer *w)
{
    unsigned char header[SBI_NPY_HEADER_SIZE];
    sbi_status status;
    SBI_GOTO(sbi_npy_header_make(header, w->dtype, w->ndim, w->shape), fail);
    SBI_GOTO(sbi_file_writer_patch(w->file, 0, header, sizeof header), fail);
    status = sbi_file_writer_commit(w->file);
    w->file = NULL;
fail:
    sbi_npy_writer_abandon(w);
    return status;
}

/* Writes a strided view that is not empty element by element through a block buffer. */
static sbi_status write_strided(sbi_file_writer *file, const sbi_array *a)
{
    unsigned char block[8192];
    size_t size = sbi_dtype_size(a->dtype), used = 0;
    int64_t index[SBI_ARRAY_MAX_DIMS] = {0};
    for (;;) {
        const unsigned char *p = a->data;
        for (int i = 0; i < a->ndim; i++) p += index[i] * a->strides[i];
        memcpy(block + used, p, size);
        used += size;
        if (used == sizeof block) {
            SBI_TRY(sbi_file_writer_write(file, block, used));
            used = 0;
        }
        int d = a->ndim - 1;
        while (d >= 0 && ++index[d] == a->shape[d]) index[d--] = 0;
        if (d < 0) break;
    }
    return sbi_file_writer_write(file, block, used);
}

/* Of a view that is not empty. */
static int contiguous(const sbi_array *a)
{
    int64_t expected = (int64_t)sbi_dtype_size(a->dtype);
    for (int i = a->ndim - 1; i >= 0; i--) {
        if (a->shape[i] != 1 && a->strides[i] != expected) return 0;
        expected *= a->shape[i];
    }
    return 1;
}

sbi_status sbi_npy_write(sbi_context *ctx, const char *path, const sbi_array *array)
{
    SBI_REQUIRE(ctx && path && array, "sbi_npy_write: ctx, path or array is NULL");
    size_t size;
    SBI_TRY(array_size(&size, array->dtype, array->ndim, array->shape));
    SBI_REQUIRE(array->data || size == 0, "%s: the array's data is NULL", path);
    unsigned char header[SBI_NPY_HEADER_SIZE];
    SBI_TRY(sbi_npy_header_make(header, array->dtype, array->ndim, array->shape));
    sbi_file_writer *file;
    SBI_TRY(sbi_file_writer_open(&file, ctx, path));
    sbi_status status = sbi_file_writer_write(file, header, sizeof header);
    if (status == SBI_OK && size)
        status = contiguous(array) ? sbi_file_writer_write(file, array->data, size) : write_strided(file, array);
    if (status != SBI_OK) {
        sbi_file_writer_abandon(file);
        return status;
    }
    return sbi_file_writer_commit(file);
}

struct sbi_npy_output {
    sbi_context *ctx;
    sbi_file_writer *file;
    char *path;
    unsigned char *mapping;
    size_t size;
};

static sbi_status map_output(sbi_npy_output *o)
{
    int fd = sbi_file_writer_descriptor(o->file);
    int error;
    do {
        error = posix_fallocate(fd, 0, (off_t)o->size);
    } while (error == EINTR);
    if (error) return sbi_fail_errno(error, "%s: %zu bytes", o->path, o->size);
    void *mapping = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED) return sbi_fail_errno(errno, "%s: mmap", o->path);
    o->mapping = mapping;
    return SBI_OK;
}

sbi_status sbi_npy_output_open(sbi_npy_output **out, sbi_context *ctx, const char *path, int32_t dtype, int32_t ndim,
                               const int64_t *shape)
{
    *out = NULL;
    size_t size;
    SBI_TRY(array_size(&size, dtype, ndim, shape));
    unsigned char header[SBI_NPY_HEADER_SIZE];
    SBI_TRY(sbi_npy_header_make(header, dtype, ndim, shape));
    sbi_npy_output *o = sbi_alloc_zero(ctx, 1, sizeof *o);
    if (!o) return SBI_ERR_NO_MEMORY;
    o->ctx = ctx;
    o->size = size + sizeof header;
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (!(o->path = sbi_strdup(ctx, path))) goto fail;
    SBI_GOTO(sbi_file_writer_open(&o->file, ctx, path), fail);
    SBI_GOTO(sbi_file_writer_write(o->file, header, sizeof header), fail);
    SBI_GOTO(map_output(o), fail);
    *out = o;
    return SBI_OK;
fail:
    sbi_npy_output_abandon(o);
    return status;
}

void *sbi_npy_output_data(sbi_npy_output *o)
{
    return o->mapping + SBI_NPY_HEADER_SIZE;
}

void sbi_npy_output_abandon(sbi_npy_output *o)
{
    if (!o) return;
    if (o->mapping) munmap(o->mapping, o->size);
    sbi_file_writer_abandon(o->file);
    sbi_free(o->ctx, o->path);
    sbi_free(o->ctx, o);
}

sbi_status sbi_npy_output_commit(sbi_npy_output *o)
{
    sbi_status status = SBI_OK;
    if (msync(o->mapping, o->size, MS_SYNC)) status = sbi_fail_errno(errno, "%s: msync", o->path);
    munmap(o->mapping, o->size);
    o->mapping = NULL;
    if (status == SBI_OK) {
        status = sbi_file_writer_commit(o->file);
        o->file = NULL;
    }
    sbi_npy_output_abandon(o);
    return status;
}
