/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"
#include "base/memory.h"

/* Reading opens with O_NONBLOCK, which means nothing for regular files and keeps a pipe from blocking us. */
static sbi_status read_all(int fd, const char *path, char *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, data + done, size - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0) {
            return sbi_fail(SBI_ERR_IO, "%s: became shorter while it was read: %zu of %zu bytes", path, done, size);
        } else if (errno != EINTR) {
            return sbi_fail_errno(errno, "%s", path);
        }
    }
    return SBI_OK;
}

sbi_status sbi_file_read(sbi_context *ctx, const char *path, size_t limit, void **data, size_t *size)
{
    *data = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sbi_fail_errno(errno, "%s", path);
    struct stat s;
    sbi_status status = SBI_OK;
    char *content = NULL;
    if (fstat(fd, &s)) {
        status = sbi_fail_errno(errno, "%s", path);
    } else if (!S_ISREG(s.st_mode)) {
        status = sbi_fail(SBI_ERR_IO, "%s: not a regular file", path);
    } else if (limit && (uint64_t)s.st_size > limit) {
        status =
            sbi_fail(SBI_ERR_FORMAT, "%s: %lld bytes are over the limit of %zu", path, (long long)s.st_size, limit);
    } else if (!(content = sbi_alloc(ctx, (size_t)s.st_size + 1))) {
        status = sbi_fail_within(SBI_ERR_NO_MEMORY, "%s", path);
    } else {
        status = read_all(fd, path, content, (size_t)s.st_size);
    }
    close(fd);
    if (status != SBI_OK) {
        sbi_free(ctx, content);
        return status;
    }
    content[s.st_size] = '\0';
    *data = content;
    *size = (size_t)s.st_size;
    return SBI_OK;
}

struct sbi_file_writer {
    sbi_context *ctx;
    char *path;
    char *temporary;
    char *folder; /* made at the start, so that a commit needs no memory */
    int fd;
    uint64_t size;
    sbi_status failed; /* the first failing write: such a file must not be committed */
};

static void writer_free(sbi_file_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    sbi_free(w->ctx, w->folder);
    sbi_free(w->ctx, w->temporary);
    sbi_free(w->ctx, w->path);
    sbi_free(w->ctx, w);
}

void sbi_file_writer_abandon(sbi_file_writer *w)
{
    if (!w) return;
    if (w->fd >= 0) unlink(w->temporary);
    writer_free(w);
}

/* Opens a name that nobody has. A process that was killed may have left its temporary file, and in containers the next
 * one has the same number: try some more. */
static sbi_status open_temporary(sbi_file_writer *w)
{
    int error = EEXIST;
    for (int attempt = 0; attempt < 1000 && error == EEXIST; attempt++) {
        unsigned number = atomic_fetch_add(&w->ctx->temporary_names, 1);
        sbi_free(w->ctx, w->temporary);
        w->temporary = sbi_strf(w->ctx, "%s.%ld.%u.tmp", w->path, (long)getpid(), number);
        if (!w->temporary) return SBI_ERR_NO_MEMORY;
        w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->fd >= 0) return SBI_OK;
        error = errno;
    }
    return sbi_fail_errno(error, "%s: cannot be written", w->path);
}

sbi_status sbi_file_writer_open(sbi_file_writer **out, sbi_context *ctx, const char *path)
{
    *out = NULL;
    sbi_file_writer *w = sbi_alloc_zero(ctx, 1, sizeof *w);
    if (!w) return SBI_ERR_NO_MEMORY;
    w->ctx = ctx;
    w->fd = -1;
    w->path = sbi_strdup(ctx, path);
    w->folder = sbi_path_folder(ctx, path);
    sbi_status status = w->path && w->folder ? open_temporary(w) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) {
        writer_free(w);
        return status;
    }
    *out = w;
    return SBI_OK;
}

static sbi_status write_at(sbi_file_writer *w, uint64_t offset, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        ssize_t n = pwrite(w->fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return w->failed = sbi_fail_errno(n < 0 ? errno : EIO, "%s", w->path);
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return SBI_OK;
}

sbi_status sbi_file_writer_write(sbi_file_writer *w, const void *data, size_t size)
{
    SBI_TRY(write_at(w, w->size, data, size));
    w->size += size;
    return SBI_OK;
}

sbi_status sbi_file_writer_patch(sbi_file_writer *w, uint64_t offset, const void *data, size_t size)
{
    if (offset > w->size || size > w->size - offset)
        return sbi_fail(SBI_ERR_INTERNAL, "%s: patch past the end", w->path);
    return write_at(w, offset, data, size);
}

uint64_t sbi_file_writer_size(const sbi_file_writer *w)
{
    return w->size;
}

int sbi_file_writer_descriptor(const sbi_file_writer *w)
{
    return w->fd;
}

sbi_status sbi_file_sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* One may be allowed to write into a folder but not to read it: then there is no way to sync it. */
    if (fd < 0) return errno == EACCES ? SBI_OK : sbi_fail_errno(errno, "%s", folder);
    /* Some file systems refuse fsync on folders with EINVAL; they then need none. */
    sbi_status status = fsync(fd) && errno != EINVAL ? sbi_fail_errno(errno, "%s", folder) : SBI_OK;
    close(fd);
    return status;
}

static sbi_status close_synced(sbi_file_writer *w)
{
    sbi_status status = SBI_OK;
    if (fsync(w->fd)) status = sbi_fail_errno(errno, "%s", w->path);
    /* Network file systems report a full disk only here. After EINTR the descriptor is closed all the same. */
    if (close(w->fd) && errno != EINTR && status == SBI_OK) status = sbi_fail_errno(errno, "%s", w->path);
    w->fd = -1;
    return status;
}

/* Gives the temporary file its name unless that exists. */
static int link_new(const sbi_file_writer *w)
{
    struct stat s;
    if (link(w->temporary, w->path) == 0) return 0;
    int error = errno;
    /* NFS may lose the answer of a link that was made: two names then tell. */
    if (stat(w->temporary, &s) == 0 && s.st_nlink == 2) return 0;
    if (error == EPERM || error == EOPNOTSUPP || error == ENOSYS) {
        /* A file system without links. */
        return renameat2(AT_FDCWD, w->temporary, AT_FDCWD, w->path, RENAME_NOREPLACE) ? errno : 0;
    }
    return error;
}

static sbi_status commit(sbi_file_writer *w, int replace, int sync)
{
    sbi_status status = w->failed;
    if (status != SBI_OK)
        sbi_fail(status, "%s: not committed, since writing it failed", w->path);
    else
        status = close_synced(w);
    if (status == SBI_OK) {
        int error = replace ? (rename(w->temporary, w->path) ? errno : 0) : link_new(w);
        if (error) status = sbi_fail_errno(error, "%s", w->path);
    }
    if (status != SBI_OK || !replace) unlink(w->temporary);
    if (status == SBI_OK && sync) status = sbi_file_sync_folder(w->folder);
    writer_free(w);
    return status;
}

sbi_status sbi_file_writer_commit(sbi_file_writer *w)
{
    return commit(w, 1, 1);
}

sbi_status sbi_file_writer_commit_unsynced(sbi_file_writer *w)
{
    return commit(w, 1, 0);
}

sbi_status sbi_file_writer_commit_new(sbi_file_writer *w)
{
    return commit(w, 0, 1);
}

static sbi_status write_whole(sbi_context *ctx, const char *path, const void *data, size_t size, int replace)
{
    sbi_file_writer *w;
    SBI_TRY(sbi_file_writer_open(&w, ctx, path));
    sbi_status status = sbi_file_writer_write(w, data, size);
    if (status != SBI_OK) {
        sbi_file_writer_abandon(w);
        return status;
    }
    return commit(w, replace, 1);
}

sbi_status sbi_file_write(sbi_context *ctx, const char *path, const void *data, size_t size)
{
    return write_whole(ctx, path, data, size, 1);
}

sbi_status sbi_file_create(sbi_context *ctx, const char *path, const void *data, size_t size)
{
    return write_whole(ctx, path, data, size, 0);
}

sbi_status sbi_file_map(sbi_mapping *out, const char *path)
{
    memset(out, 0, sizeof *out);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sbi_fail_errno(errno, "%s", path);
    struct stat s;
    sbi_status status = SBI_OK;
    if (fstat(fd, &s)) {
        status = sbi_fail_errno(errno, "%s", path);
    } else if (!S_ISREG(s.st_mode)) {
        status = sbi_fail(SBI_ERR_IO, "%s: not a regular file", path);
    } else if (s.st_size > 0) {
        void *data = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
            status = sbi_fail_errno(errno, "%s: mmap", path);
        } else {
            out->data = data;
            out->size = (size_t)s.st_size;
        }
    }
    close(fd);
    return status;
}

void sbi_file_unmap(sbi_mapping *mapping)
{
    if (mapping->data) munmap((void *)(uintptr_t)mapping->data, mapping->size);
    memset(mapping, 0, sizeof *mapping);
}
