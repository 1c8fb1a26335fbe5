/* SPDX-License-Identifier: Apache-2.0 */
/* Files and memory into and out of stores. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/adler32.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "exec/store.h"

#define CHUNK ((size_t)1 << 16)

/* ---- sources --------------------------------------------------------------------------------------------------- */

typedef struct bytes {
    const unsigned char *data;
    size_t size, at;
} bytes;

static sbi_status bytes_read(void *user, void *data, size_t capacity, size_t *got)
{
    bytes *b = user;
    *got = capacity < b->size - b->at ? capacity : b->size - b->at;
    if (*got) memcpy(data, b->data + b->at, *got);
    b->at += *got;
    return SBI_OK;
}

static sbi_status bytes_rewind(void *user)
{
    ((bytes *)user)->at = 0;
    return SBI_OK;
}

sbi_status sbi_store_put_bytes(sbi_store *store, const char *name, const void *data, size_t size, uint32_t flags)
{
    SBI_REQUIRE(data || !size, "sbi_store_put_bytes: data is NULL");
    bytes b = {data, size, 0};
    sbi_source source = {sizeof source, 0, bytes_read, bytes_rewind, &b};
    return sbi_store_put(store, name, &source, size, flags);
}

typedef struct file {
    const char *path;
    int fd;
    uint64_t at;
    struct stat first; /* what it was when it was opened */
} file;

static sbi_status file_read(void *user, void *data, size_t capacity, size_t *got)
{
    file *f = user;
    ssize_t n;
    do {
        n = pread(f->fd, data, capacity, (off_t)f->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return sbi_fail_errno(errno, "%s", f->path);
    f->at += (uint64_t)n;
    *got = (size_t)n;
    return SBI_OK;
}

static sbi_status file_rewind(void *user)
{
    ((file *)user)->at = 0;
    return SBI_OK;
}

static sbi_status open_file(file *f, const char *path)
{
    f->path = path;
    f->at = 0;
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0) return sbi_fail_errno(errno, "%s", path);
    sbi_status status = SBI_OK;
    if (fstat(f->fd, &f->first))
        status = sbi_fail_errno(errno, "%s", path);
    else if (!S_ISREG(f->first.st_mode))
        status = sbi_fail(SBI_ERR_ARGUMENT, "%s: not a regular file", path);
    if (status != SBI_OK) close(f->fd);
    return status;
}

/* Whether somebody wrote to the file meanwhile. */
static int changed(const file *f)
{
    struct stat now;
    return fstat(f->fd, &now) || now.st_size != f->first.st_size || now.st_mtim.tv_sec != f->first.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != f->first.st_mtim.tv_nsec;
}

static sbi_status put_open_file(sbi_store *store, const char *name, file *f, uint32_t flags)
{
    sbi_source source = {sizeof source, 0, file_read, file_rewind, f};
    f->at = 0;
    SBI_TRY(sbi_store_put(store, name, &source, (uint64_t)f->first.st_size, flags));
    return changed(f) ? sbi_fail(SBI_ERR_STATE, "%s: changed while it was put", f->path) : SBI_OK;
}

sbi_status sbi_store_put_file(sbi_store *store, const char *name, const char *path, uint32_t flags)
{
    SBI_REQUIRE(store, "sbi_store_put_file: store is NULL");
    SBI_REQUIRE(path, "sbi_store_put_file: path is NULL");
    file f;
    SBI_TRY(open_file(&f, path));
    sbi_status status = put_open_file(store, name, &f, flags);
    close(f.fd);
    return status;
}

static sbi_status hash_fd(sbi_context *ctx, int fd, const char *path, uint64_t size, sbi_sha256 *sha, uint32_t *adler)
{
    char *buffer = sbi_alloc(ctx, CHUNK);
    if (!buffer) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (uint64_t at = 0; at < size && status == SBI_OK;) {
        status = sbi_check_cancel(ctx, path);
        if (status != SBI_OK) break;
        ssize_t n = pread(fd, buffer, size - at < CHUNK ? (size_t)(size - at) : CHUNK, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            status = sbi_fail_errno(n < 0 ? errno : EIO, "%s", path);
            break;
        }
        sbi_sha256_update(sha, buffer, (size_t)n);
        *adler = sbi_adler32(*adler, buffer, (size_t)n);
        at += (uint64_t)n;
    }
    sbi_free(ctx, buffer);
    return status;
}

static void hex_of(const sbi_sha256 *sha, char hex[SBI_SHA256_HEX_SIZE])
{
    sbi_sha256 copy = *sha;
    unsigned char digest[32];
    sbi_sha256_final(&copy, digest);
    sbi_sha256_hex(digest, hex);
}

static sbi_status put_content(sbi_store *store, file *f, char name[SBI_STORE_NAME_MAX])
{
    sbi_sha256 sha;
    uint32_t adler = SBI_ADLER32_INIT;
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_sha256_init(&sha);
    SBI_TRY(hash_fd(sbi_store_context(store), f->fd, f->path, (uint64_t)f->first.st_size, &sha, &adler));
    hex_of(&sha, hex);
    snprintf(name, SBI_STORE_NAME_MAX, "cas/sha256/%.2s/%.2s/%s", hex, hex + 2, hex);
    sbi_store_info info = {.struct_size = sizeof info};
    sbi_status status = sbi_store_stat(store, name, &info);
    if (status == SBI_OK && info.size == (uint64_t)f->first.st_size) return SBI_OK;
    if (status != SBI_OK && status != SBI_ERR_NOT_FOUND) return status;
    /* One of another size is damaged, and is replaced. */
    const uint32_t flags = status == SBI_ERR_NOT_FOUND ? SBI_STORE_CREATE : 0;
    status = put_open_file(store, name, f, flags);
    return status == SBI_ERR_EXISTS ? SBI_OK : status; /* another was quicker with the same bytes */
}

sbi_status sbi_store_put_content(sbi_store *store, const char *path, char name[SBI_STORE_NAME_MAX])
{
    SBI_REQUIRE(name, "sbi_store_put_content: name is NULL");
    name[0] = '\0';
    SBI_REQUIRE(store, "sbi_store_put_content: store is NULL");
    SBI_REQUIRE(path, "sbi_store_put_content: path is NULL");
    file f;
    SBI_TRY(open_file(&f, path));
    sbi_status status = put_content(store, &f, name);
    close(f.fd);
    if (status != SBI_OK) name[0] = '\0';
    return status;
}

/* ---- into a file ----------------------------------------------------------------------------------------------- */

typedef struct part {
    sbi_context *ctx;
    const char *path; /* of the whole file */
    char *name;       /* of the part: PATH.part */
    int fd;
    uint64_t size;
    sbi_sha256 sha;
    uint32_t adler;
} part;

static sbi_status part_write(void *user, const void *data, size_t size)
{
    part *p = user;
    sbi_sha256_update(&p->sha, data, size);
    p->adler = sbi_adler32(p->adler, data, size);
    for (const char *at = data; size;) {
        ssize_t n = pwrite(p->fd, at, size, (off_t)p->size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return sbi_fail_errno(n < 0 ? errno : EIO, "%s", p->name);
        at += n;
        p->size += (uint64_t)n;
        size -= (size_t)n;
    }
    return SBI_OK;
}

static sbi_status part_restart(part *p)
{
    p->size = 0;
    p->adler = SBI_ADLER32_INIT;
    sbi_sha256_init(&p->sha);
    return ftruncate(p->fd, 0) ? sbi_fail_errno(errno, "%s", p->name) : SBI_OK;
}

/* Opens the part for this process alone. Where another holds it, waits: it may bring the same file, or die and leave us its part. */
static sbi_status part_open(part *p)
{
    for (;;) {
        struct stat ours, now;
        p->fd = open(p->name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (p->fd < 0) return sbi_fail_errno(errno, "%s", p->name);
        /* A file system without locks: then there is no telling, and no harm but for two transfers at once. */
        const int locked = flock(p->fd, LOCK_EX | LOCK_NB) == 0 || errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP;
        if (locked && fstat(p->fd, &ours) == 0 && stat(p->name, &now) == 0 && ours.st_ino == now.st_ino && ours.st_dev == now.st_dev)
            return SBI_OK;
        close(p->fd);
        p->fd = -1;
        SBI_TRY(sbi_check_cancel(p->ctx, p->path));
        if (!locked) nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
}

/* What an earlier call left behind is hashed, since what comes is checked as a whole. */
static sbi_status part_resume(part *p, uint64_t size)
{
    struct stat s;
    SBI_TRY(fstat(p->fd, &s) ? sbi_fail_errno(errno, "%s", p->name) : SBI_OK);
    p->adler = SBI_ADLER32_INIT;
    sbi_sha256_init(&p->sha);
    if ((uint64_t)s.st_size > size) return part_restart(p);
    p->size = (uint64_t)s.st_size;
    return hash_fd(p->ctx, p->fd, p->name, p->size, &p->sha, &p->adler);
}

static sbi_status check_whole(const part *p, const char *name, const sbi_store_info *info, const char *sha256)
{
    char hex[SBI_SHA256_HEX_SIZE];
    hex_of(&p->sha, hex);
    if (p->size != info->size)
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: %llu bytes came, the store tells of %llu", name, (unsigned long long)p->size,
                        (unsigned long long)info->size);
    if (sha256 && strcmp(hex, sha256) != 0) return sbi_fail(SBI_ERR_CHECKSUM, "%s: has sha256 %s, expected %s", name, hex, sha256);
    if (info->has_adler32 && info->adler32 != p->adler)
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: has adler32 %08x, the store tells of %08x", name, (unsigned)p->adler, (unsigned)info->adler32);
    return SBI_OK;
}

static sbi_status fetch(sbi_store *store, const char *name, part *p, const sbi_store_info *info, const char *sha256)
{
    sbi_sink sink = {sizeof sink, 0, part_write, p};
    if (p->size < info->size) SBI_TRY(sbi_store_get(store, name, p->size, 0, &sink));
    return check_whole(p, name, info, sha256);
}

static sbi_status part_commit(part *p)
{
    if (fsync(p->fd)) return sbi_fail_errno(errno, "%s", p->name);
    if (rename(p->name, p->path)) return sbi_fail_errno(errno, "%s", p->path);
    char *folder = sbi_path_folder(p->ctx, p->path);
    if (!folder) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_file_sync_folder(folder);
    sbi_free(p->ctx, folder);
    return status;
}

static sbi_status bring(sbi_store *store, const char *name, part *p, const char *sha256)
{
    sbi_store_info info = {.struct_size = sizeof info};
    SBI_TRY(sbi_store_stat(store, name, &info));
    SBI_TRY(part_open(p));
    SBI_TRY(part_resume(p, info.size));
    sbi_status status = fetch(store, name, p, &info, sha256);
    /* The part may have been of another object, or the damage a passing one. */
    if (status == SBI_ERR_CHECKSUM) {
        SBI_TRY(part_restart(p));
        status = fetch(store, name, p, &info, sha256);
    }
    if (status == SBI_ERR_CHECKSUM) unlink(p->name);
    return status == SBI_OK ? part_commit(p) : status;
}

/* Whether the file is there already with this content. */
static int there(sbi_context *ctx, const char *path, const char *sha256)
{
    file f;
    sbi_sha256 sha;
    uint32_t adler = SBI_ADLER32_INIT;
    char hex[SBI_SHA256_HEX_SIZE];
    if (!sbi_path_exists(path) || open_file(&f, path) != SBI_OK) return 0;
    sbi_sha256_init(&sha);
    const sbi_status status = hash_fd(ctx, f.fd, path, (uint64_t)f.first.st_size, &sha, &adler);
    close(f.fd);
    hex_of(&sha, hex);
    return status == SBI_OK && strcmp(hex, sha256) == 0;
}

sbi_status sbi_store_get_file(sbi_store *store, const char *name, const char *path, const char *sha256)
{
    SBI_REQUIRE(store, "sbi_store_get_file: store is NULL");
    SBI_REQUIRE(path, "sbi_store_get_file: path is NULL");
    SBI_REQUIRE(!sha256 || (strlen(sha256) == 64 && strspn(sha256, "0123456789abcdef") == 64),
                "sbi_store_get_file: sha256 \"%.70s\" is not 64 of [0-9a-f]", sha256);
    part p = {.ctx = sbi_store_context(store), .path = path, .fd = -1};
    if (sha256 && there(p.ctx, path, sha256)) return SBI_OK;
    p.name = sbi_strf(p.ctx, "%s.part", path);
    if (!p.name) return SBI_ERR_NO_MEMORY;
    sbi_status status = bring(store, name, &p, sha256);
    if (p.fd >= 0) close(p.fd);
    sbi_free(p.ctx, p.name);
    return status;
}
