/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/random_file.h"

typedef struct local_file {
    sbi_context *ctx;
    char *path;
    char *absolute; /* the working folder may change between reads */
    int fd;         /* -1: opened for each read */
    int reserved_;
    struct stat opened;
} local_file;

/* O_NONBLOCK means nothing for regular files and keeps a pipe from blocking us. */
static int open_read(const char *path)
{
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static sbi_status read_at(const local_file *f, int fd, uint64_t at, char *out, size_t size)
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

static sbi_status check_same(const local_file *f, int fd)
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

static sbi_status local_read(void *self, uint64_t offset, size_t size, void *out)
{
    const local_file *f = self;
    const int fd = f->fd >= 0 ? f->fd : open_read(f->absolute);
    if (fd < 0) return sbi_fail_errno(errno, "%s", f->path);
    sbi_status status = read_at(f, fd, offset, out, size);
    if (status == SBI_OK) status = check_same(f, fd);
    if (f->fd < 0) close(fd);
    return status;
}

static void local_will_need(void *self, uint64_t offset, size_t size)
{
    const local_file *f = self;
    if (f->fd >= 0) posix_fadvise(f->fd, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

static void local_release(void *self)
{
    local_file *f = self;
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

static void local_close(void *self)
{
    local_file *f = self;
    local_release(f);
    sbi_free(f->ctx, f->path);
    sbi_free(f->ctx, f->absolute);
    sbi_free(f->ctx, f);
}

static sbi_status keep_names(local_file *f, const char *path)
{
    char buffer[PATH_MAX];
    f->path = sbi_strdup(f->ctx, path);
    if (!f->path) return SBI_ERR_NO_MEMORY;
    if (!realpath(path, buffer)) return sbi_fail_errno(errno, "%s", path);
    f->absolute = sbi_strdup(f->ctx, buffer);
    return f->absolute ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status open_here(local_file *f, const char *path)
{
    SBI_TRY(keep_names(f, path));
    f->fd = open_read(path);
    if (f->fd < 0 || fstat(f->fd, &f->opened)) return sbi_fail_errno(errno, "%s", path);
    return S_ISREG(f->opened.st_mode) ? SBI_OK : sbi_fail(SBI_ERR_IO, "%s: not a regular file", path);
}

sbi_status sbi_local_file_open(sbi_random_file *out, sbi_context *ctx, const char *path)
{
    static const sbi_random_file_ops ops = {local_read, NULL, NULL, local_will_need, local_release, local_close};
    local_file *f = sbi_alloc_zero(ctx, 1, sizeof *f);
    if (!f) return SBI_ERR_NO_MEMORY;
    f->ctx = ctx;
    f->fd = -1;
    sbi_status status = open_here(f, path);
    if (status != SBI_OK) {
        local_close(f);
        return status;
    }
    *out = (sbi_random_file){&ops, f, f->path, (uint64_t)f->opened.st_size};
    return SBI_OK;
}
