/* SPDX-License-Identifier: Apache-2.0 */
#include "io/column_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"

#define HEADER_AT_FIRST 4096u
#define HEADER_LARGEST ((1u << 20) + 12u)
#define PIECE ((size_t)8 << 20) /* what a thread reads at once */

struct sbi_column_file {
    sbi_context *ctx;
    char *path;
    char *absolute; /* the working folder may change between reads */
    int fd;         /* -1: opened for each read */
    int reserved_;
    struct stat opened;
    sbi_npy_header header;
};

/* O_NONBLOCK means nothing for regular files and keeps a pipe from blocking us. */
static int open_read(const char *path)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static sbi_status read_at(const sbi_column_file *f, int fd, uint64_t at, char *out, size_t size)
{
    while (size) {
        ssize_t n = pread(fd, out, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sbi_fail_errno(errno, "%s: byte %llu", f->path, (unsigned long long)at);
        if (n == 0)
            return sbi_fail(SBI_ERR_IO, "%s: ends at byte %llu, it had %lld bytes when it was opened", f->path,
                            (unsigned long long)at, (long long)f->opened.st_size);
        out += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return SBI_OK;
}

static sbi_status check_same(const sbi_column_file *f, int fd)
{
    struct stat s;
    if (fstat(fd, &s)) return sbi_fail_errno(errno, "%s", f->path);
    if (s.st_dev != f->opened.st_dev || s.st_ino != f->opened.st_ino)
        return sbi_fail(SBI_ERR_IO, "%s: is another file than the one that was opened", f->path);
    if (s.st_size != f->opened.st_size)
        return sbi_fail(SBI_ERR_IO, "%s: has %lld bytes, it had %lld when it was opened", f->path, (long long)s.st_size,
                        (long long)f->opened.st_size);
    if (s.st_mtim.tv_sec != f->opened.st_mtim.tv_sec || s.st_mtim.tv_nsec != f->opened.st_mtim.tv_nsec)
        return sbi_fail(SBI_ERR_IO, "%s: was written to after it was opened", f->path);
    return SBI_OK;
}

static sbi_status read_header(sbi_column_file *f)
{
    const uint64_t size = (uint64_t)f->opened.st_size;
    size_t length = size < HEADER_AT_FIRST ? (size_t)size : HEADER_AT_FIRST;
    char *text = sbi_alloc(f->ctx, length);
    sbi_status status = text ? read_at(f, f->fd, 0, text, length) : SBI_ERR_NO_MEMORY;
    /* Formats 2 and 3 have four bytes of length; a header that ends within what was read needs no more. */
    if (status == SBI_OK && length == HEADER_AT_FIRST && length < size && (unsigned char)text[6] > 1) {
        const size_t longer = size < HEADER_LARGEST ? (size_t)size : HEADER_LARGEST;
        sbi_free(f->ctx, text);
        length = longer;
        text = sbi_alloc(f->ctx, length);
        status = text ? read_at(f, f->fd, 0, text, length) : SBI_ERR_NO_MEMORY;
    } else if (status == SBI_OK && length == HEADER_AT_FIRST && length < size) {
        const size_t wanted = 10u + ((size_t)(unsigned char)text[8] | (size_t)(unsigned char)text[9] << 8);
        if (wanted > length) {
            sbi_free(f->ctx, text);
            length = wanted < size ? wanted : (size_t)size;
            text = sbi_alloc(f->ctx, length);
            status = text ? read_at(f, f->fd, 0, text, length) : SBI_ERR_NO_MEMORY;
        }
    }
    if (status == SBI_OK) status = sbi_npy_header_parse(&f->header, text, length, f->path);
    sbi_free(f->ctx, text);
    if (status == SBI_OK && size - f->header.data_offset < f->header.data_size)
        status = sbi_fail(SBI_ERR_FORMAT, "%s: %zu bytes of data expected, %llu found", f->path, f->header.data_size,
                          (unsigned long long)(size - f->header.data_offset));
    return status;
}

static sbi_status keep_names(sbi_column_file *f, const char *path)
{
    char buffer[PATH_MAX];
    f->path = sbi_strdup(f->ctx, path);
    if (!f->path) return SBI_ERR_NO_MEMORY;
    if (!realpath(path, buffer)) return sbi_fail_errno(errno, "%s", path);
    f->absolute = sbi_strdup(f->ctx, buffer);
    return f->absolute ? SBI_OK : SBI_ERR_NO_MEMORY;
}

sbi_status sbi_column_file_open(sbi_column_file **out, sbi_context *ctx, const char *path)
{
    *out = NULL;
    sbi_column_file *f = sbi_alloc_zero(ctx, 1, sizeof *f);
    if (!f) return SBI_ERR_NO_MEMORY;
    f->ctx = ctx;
    f->fd = -1;
    sbi_status status;
    SBI_GOTO(keep_names(f, path), fail);
    f->fd = open_read(path);
    if (f->fd < 0 || fstat(f->fd, &f->opened))
        status = sbi_fail_errno(errno, "%s", path);
    else if (!S_ISREG(f->opened.st_mode))
        status = sbi_fail(SBI_ERR_IO, "%s: not a regular file", path);
    else
        status = read_header(f);
    if (status != SBI_OK) goto fail;
    *out = f;
    return SBI_OK;
fail:
    sbi_column_file_close(f);
    return status;
}

void sbi_column_file_close(sbi_column_file *f)
{
    if (!f) return;
    sbi_column_file_release(f);
    sbi_free(f->ctx, f->path);
    sbi_free(f->ctx, f->absolute);
    sbi_free(f->ctx, f);
}

void sbi_column_file_release(sbi_column_file *f)
{
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

const sbi_npy_header *sbi_column_file_header(const sbi_column_file *f)
{
    return &f->header;
}

const char *sbi_column_file_path(const sbi_column_file *f)
{
    return f->path;
}

sbi_status sbi_column_file_read(const sbi_column_file *f, uint64_t offset, size_t size, void *out)
{
    if (offset > f->header.data_size || size > f->header.data_size - offset)
        return sbi_fail(SBI_ERR_INTERNAL, "%s: %zu bytes at %llu of %zu", f->path, size, (unsigned long long)offset,
                        f->header.data_size);
    const int fd = f->fd >= 0 ? f->fd : open_read(f->absolute);
    if (fd < 0) return sbi_fail_errno(errno, "%s", f->path);
    sbi_status status = read_at(f, fd, f->header.data_offset + offset, out, size);
    if (status == SBI_OK) status = check_same(f, fd);
    if (f->fd < 0) close(fd);
    return status;
}

typedef struct read_job {
    const sbi_column_file *file;
    char *out;
} read_job;

static sbi_status read_piece(void *arg, size_t i)
{
    const read_job *job = arg;
    const size_t size = job->file->header.data_size, first = i * PIECE;
    SBI_TRY(sbi_check_cancel(job->file->ctx, job->file->path));
    return sbi_column_file_read(job->file, first, size - first < PIECE ? size - first : PIECE, job->out + first);
}

sbi_status sbi_column_file_read_all(const sbi_column_file *f, void *out)
{
    read_job job = {f, out};
    return sbi_parallel_for(f->ctx, (f->header.data_size + PIECE - 1) / PIECE, read_piece, &job);
}

void sbi_column_file_will_need(const sbi_column_file *f, uint64_t offset, size_t size)
{
    if (f->fd >= 0) posix_fadvise(f->fd, (off_t)(f->header.data_offset + offset), (off_t)size, POSIX_FADV_WILLNEED);
}
