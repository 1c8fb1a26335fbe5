/* SPDX-License-Identifier: Apache-2.0 */
#include "io/column_file.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"

#define HEADER_AT_FIRST 4096u
#define HEADER_LARGEST ((1u << 20) + 12u)
#define PIECE ((size_t)8 << 20) /* what a thread reads at once */

struct sbi_column_file {
    sbi_context *ctx;
    sbi_random_file file;
    sbi_npy_header header;
};

static sbi_status read_from(const sbi_column_file *f, uint64_t at, size_t size, void *out)
{
    return f->file.ops->read(f->file.self, at, size, out);
}

static sbi_status read_start(const sbi_column_file *f, char **text, size_t length)
{
    sbi_free(f->ctx, *text);
    *text = sbi_alloc(f->ctx, length);
    return *text ? read_from(f, 0, length, *text) : SBI_ERR_NO_MEMORY;
}

static sbi_status read_header(sbi_column_file *f)
{
    const uint64_t size = f->file.size;
    size_t length = size < HEADER_AT_FIRST ? (size_t)size : HEADER_AT_FIRST;
    char *text = NULL;
    sbi_status status = read_start(f, &text, length);
    if (status == SBI_OK && length == HEADER_AT_FIRST && length < size) {
        /* Formats 2 and 3 have four bytes of length; a header that ends within what was read needs no more. */
        const size_t wanted = (unsigned char)text[6] > 1 ? HEADER_LARGEST : 10u + ((size_t)(unsigned char)text[8] | (size_t)(unsigned char)text[9] << 8);
        if (wanted > length) {
            length = wanted < size ? wanted : (size_t)size;
            status = read_start(f, &text, length);
        }
    }
    if (status == SBI_OK) status = sbi_npy_header_parse(&f->header, text, length, f->file.name);
    sbi_free(f->ctx, text);
    if (status == SBI_OK && size - f->header.data_offset < f->header.data_size)
        status = sbi_fail(SBI_ERR_FORMAT, "%s: %zu bytes of data expected, %llu found", f->file.name, f->header.data_size,
                          (unsigned long long)(size - f->header.data_offset));
    /* What cannot be a header may be one that was damaged: that is the reason to give. */
    if (status == SBI_ERR_FORMAT || status == SBI_ERR_UNSUPPORTED) {
        const sbi_status why = sbi_column_file_check(f);
        if (why != SBI_OK) status = why;
    }
    return status;
}

sbi_status sbi_column_file_open_on(sbi_column_file **out, sbi_context *ctx, const sbi_random_file *file)
{
    *out = NULL;
    sbi_column_file *f = sbi_alloc_zero(ctx, 1, sizeof *f);
    if (!f) {
        file->ops->close(file->self);
        return SBI_ERR_NO_MEMORY;
    }
    f->ctx = ctx;
    f->file = *file;
    sbi_status status = read_header(f);
    if (status != SBI_OK) {
        sbi_column_file_close(f);
        return status;
    }
    *out = f;
    return SBI_OK;
}

sbi_status sbi_column_file_open(sbi_column_file **out, sbi_context *ctx, const char *path)
{
    sbi_random_file file;
    *out = NULL;
    SBI_TRY(sbi_local_file_open(&file, ctx, path));
    return sbi_column_file_open_on(out, ctx, &file);
}

void sbi_column_file_close(sbi_column_file *f)
{
    if (!f) return;
    f->file.ops->close(f->file.self);
    sbi_free(f->ctx, f);
}

void sbi_column_file_release(sbi_column_file *f)
{
    if (f->file.ops->release) f->file.ops->release(f->file.self);
}

const sbi_npy_header *sbi_column_file_header(const sbi_column_file *f)
{
    return &f->header;
}

const char *sbi_column_file_path(const sbi_column_file *f)
{
    return f->file.name;
}

sbi_status sbi_column_file_check(const sbi_column_file *f)
{
    return f->file.ops->check ? f->file.ops->check(f->file.self) : SBI_OK;
}

sbi_status sbi_column_file_read(const sbi_column_file *f, uint64_t offset, size_t size, void *out)
{
    if (offset > f->header.data_size || size > f->header.data_size - offset)
        return sbi_fail(SBI_ERR_INTERNAL, "%s: %zu bytes at %llu of %zu", f->file.name, size, (unsigned long long)offset,
                        f->header.data_size);
    return read_from(f, f->header.data_offset + offset, size, out);
}

typedef struct read_job {
    const sbi_column_file *file;
    char *out;
} read_job;

static sbi_status read_piece(void *arg, size_t i)
{
    const read_job *job = arg;
    const size_t size = job->file->header.data_size, first = i * PIECE;
    SBI_TRY(sbi_check_cancel(job->file->ctx, job->file->file.name));
    return sbi_column_file_read(job->file, first, size - first < PIECE ? size - first : PIECE, job->out + first);
}

sbi_status sbi_column_file_read_all(const sbi_column_file *f, void *out)
{
    read_job job = {f, out};
    if (f->file.ops->load) return f->file.ops->load(f->file.self, f->header.data_offset, f->header.data_size, out);
    return sbi_parallel_for(f->ctx, (f->header.data_size + PIECE - 1) / PIECE, read_piece, &job);
}

void sbi_column_file_will_need(const sbi_column_file *f, uint64_t offset, size_t size)
{
    if (f->file.ops->will_need) f->file.ops->will_need(f->file.self, f->header.data_offset + offset, size);
}
