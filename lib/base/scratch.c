/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"
#include "base/memory.h"

#define STEM "sbi-scratch-"
#define ENDING ".tmp"

/* Only a living process holds the lock of its file. */
static void sweep(int folder)
{
    const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0) close(copy);
        return;
    }
    for (const struct dirent *e; (e = readdir(d));) {
        const size_t n = strlen(e->d_name), end = strlen(ENDING);
        if (strncmp(e->d_name, STEM, strlen(STEM)) != 0 || n < end || strcmp(e->d_name + n - end, ENDING) != 0) continue;
        const int fd = openat(folder, e->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0) continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) unlinkat(folder, e->d_name, 0);
        close(fd);
    }
    closedir(d);
}

static int open_unnamed(sbi_context *ctx, int folder)
{
    char name[64];
    for (int attempt = 0; attempt < 1000; attempt++) {
        snprintf(name, sizeof name, STEM "%ld-%u" ENDING, (long)getpid(), atomic_fetch_add(&ctx->temporary_names, 1));
        const int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST) continue;
        if (fd < 0) return -1;
        flock(fd, LOCK_EX | LOCK_NB);
        unlinkat(folder, name, 0);
        return fd;
    }
    errno = EEXIST;
    return -1;
}

/* 0, or an errno. */
static int reserve(sbi_scratch *s)
{
    int error;
    do {
        error = fallocate(s->fd, 0, 0, (off_t)s->size) ? errno : 0;
    } while (error == EINTR);
    s->reserved = error == 0;
    if (error == EOPNOTSUPP || error == ENOSYS) error = ftruncate(s->fd, (off_t)s->size) ? errno : 0;
    return error;
}

sbi_status sbi_scratch_open(sbi_scratch *s, sbi_context *ctx, const char *folder, size_t size)
{
    const char *base = getenv("TMPDIR");
    if (!folder) folder = base && *base ? base : "/tmp";
    memset(s, 0, sizeof *s);
    const int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) return sbi_fail_errno(errno, "%s", folder);
    sweep(at);
    s->size = size;
    s->fd = open_unnamed(ctx, at);
    int error = s->fd < 0 ? errno : 0;
    s->open = s->fd >= 0;
    if (!error && size > 0) error = reserve(s);
    close(at);
    if (!error) return SBI_OK;
    sbi_scratch_close(s);
    return sbi_fail_errno(error, "%s: a temporary file of %zu bytes", folder, size);
}

sbi_status sbi_scratch_write(const sbi_scratch *s, uint64_t offset, const void *data, size_t size)
{
    const char *p = data;
    while (size) {
        const ssize_t n = pwrite(s->fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return sbi_fail_errno(n < 0 ? errno : EIO, "a temporary file of %zu bytes", s->size);
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return SBI_OK;
}

sbi_status sbi_scratch_map(sbi_scratch *s)
{
    /* Where space was not promised, a full disk may show only now, and must not show as a fault in the mapping. */
    if (!s->reserved && fsync(s->fd)) return sbi_fail_errno(errno, "a temporary file of %zu bytes", s->size);
    void *data = mmap(NULL, s->size, PROT_READ, MAP_SHARED, s->fd, 0);
    if (data == MAP_FAILED) return sbi_fail_errno(errno, "a temporary file of %zu bytes: mmap", s->size);
    s->data = data;
    (void)madvise(data, s->size, MADV_RANDOM);
    return SBI_OK;
}

void sbi_scratch_close(sbi_scratch *s)
{
    if (s->data) munmap(s->data, s->size);
    if (s->open) close(s->fd);
    memset(s, 0, sizeof *s);
}

void sbi_scratch_will_need(const sbi_scratch *s, size_t offset, size_t size)
{
    const size_t page = 4096, from = offset / page * page, to = offset + size < s->size ? offset + size : s->size;
    if (s->data && from < to) (void)madvise((char *)s->data + from, to - from, MADV_WILLNEED);
}
