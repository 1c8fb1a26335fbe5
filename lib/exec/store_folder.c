/* SPDX-License-Identifier: Apache-2.0 */
/* A folder as a store: each object a file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/store.h"

#define CHUNK ((size_t)1 << 18)

typedef struct folder {
    sbi_context *ctx;
    char *path;
} folder;

static sbi_status fill_in(const struct stat *s, const char *path, sbi_store_info *info)
{
    if (!S_ISREG(s->st_mode)) return sbi_fail(SBI_ERR_NOT_FOUND, "%s: not a regular file", path);
    info->struct_size = (uint32_t)sizeof *info;
    info->size = (uint64_t)s->st_size;
    info->modified_ms = (int64_t)s->st_mtim.tv_sec * 1000 + s->st_mtim.tv_nsec / 1000000;
    return SBI_OK;
}

static sbi_status copy_out(folder *f, int fd, const char *path, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    char *buffer = sbi_alloc(f->ctx, CHUNK);
    if (!buffer) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    while (length && status == SBI_OK) {
        status = sbi_check_cancel(f->ctx, path);
        if (status != SBI_OK) break;
        ssize_t n = pread(fd, buffer, length < CHUNK ? (size_t)length : CHUNK, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = sbi_fail_errno(errno, "%s", path);
        } else if (n == 0) {
            status = sbi_fail(SBI_ERR_IO, "%s: became shorter while it was read", path);
        } else {
            status = sink->write(sink->user, buffer, (size_t)n);
            offset += (uint64_t)n;
            length -= (uint64_t)n;
        }
    }
    sbi_free(f->ctx, buffer);
    return status;
}

static sbi_status folder_get(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    folder *f = self;
    char *path = sbi_path_join(f->ctx, f->path, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_store_info info = {.struct_size = sizeof info};
    struct stat s;
    sbi_status status = SBI_OK;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        status = errno == ENOTDIR ? sbi_fail(SBI_ERR_NOT_FOUND, "%s: there is no such object", path) : sbi_fail_errno(errno, "%s", path);
    else if (fstat(fd, &s))
        status = sbi_fail_errno(errno, "%s", path);
    else
        status = fill_in(&s, path, &info);
    if (status == SBI_OK && (offset > info.size || length > info.size - offset))
        status = sbi_fail(SBI_ERR_ARGUMENT, "%s: bytes [%llu, %llu) of %llu were asked for", path, (unsigned long long)offset,
                          (unsigned long long)(offset + length), (unsigned long long)info.size);
    if (status == SBI_OK) status = copy_out(f, fd, path, offset, length ? length : info.size - offset, sink);
    if (fd >= 0) close(fd);
    sbi_free(f->ctx, path);
    return status;
}

static sbi_status stat_path(const char *path, sbi_store_info *info)
{
    struct stat s;
    if (stat(path, &s))
        return errno == ENOTDIR ? sbi_fail(SBI_ERR_NOT_FOUND, "%s: there is no such object", path) : sbi_fail_errno(errno, "%s", path);
    return fill_in(&s, path, info);
}

static sbi_status folder_stat(void *self, const char *name, sbi_store_info *info)
{
    folder *f = self;
    char *path = sbi_path_join(f->ctx, f->path, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = stat_path(path, info);
    sbi_free(f->ctx, path);
    return status;
}

static sbi_status copy_in(folder *f, sbi_file_writer *w, const char *name, sbi_source *source, uint64_t size)
{
    char *buffer = sbi_alloc(f->ctx, CHUNK);
    if (!buffer) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (uint64_t left = size; left && status == SBI_OK;) {
        size_t got = 0;
        status = sbi_check_cancel(f->ctx, name);
        if (status == SBI_OK) status = source->read(source->user, buffer, left < CHUNK ? (size_t)left : CHUNK, &got);
        if (status == SBI_OK && (got == 0 || got > left))
            status = sbi_fail(SBI_ERR_ARGUMENT, "%s: the source ended after %llu of %llu bytes", name, (unsigned long long)(size - left),
                              (unsigned long long)size);
        if (status == SBI_OK) status = sbi_file_writer_write(w, buffer, got);
        left -= got;
    }
    sbi_free(f->ctx, buffer);
    return status;
}

static sbi_status make_parent(folder *f, const char *path)
{
    char *parent = sbi_path_folder(f->ctx, path);
    if (!parent) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_path_make_folder(f->ctx, parent);
    sbi_free(f->ctx, parent);
    return status;
}

static sbi_status put_at(folder *f, const char *path, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    /* Said before the bytes are written, and decided by link(2) after. */
    if (flags & SBI_STORE_CREATE && sbi_path_exists(path)) return sbi_fail(SBI_ERR_EXISTS, "%s: exists", path);
    SBI_TRY(make_parent(f, path));
    sbi_file_writer *w;
    SBI_TRY(sbi_file_writer_open(&w, f->ctx, path));
    sbi_status status = copy_in(f, w, name, source, size);
    if (status != SBI_OK) {
        sbi_file_writer_abandon(w);
        return status;
    }
    return flags & SBI_STORE_CREATE ? sbi_file_writer_commit_new(w) : sbi_file_writer_commit(w);
}

static sbi_status folder_put(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    folder *f = self;
    char *path = sbi_path_join(f->ctx, f->path, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = put_at(f, path, name, source, size, flags);
    sbi_free(f->ctx, path);
    return status;
}

/* Another may remove it at the same time. Folders stay: an empty one hurts nobody, and removing it could lose a race with a put. */
static sbi_status folder_remove(void *self, const char *name)
{
    folder *f = self;
    char *path = sbi_path_join(f->ctx, f->path, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    if (unlink(path) && errno != ENOENT && errno != ENOTDIR && errno != EISDIR) status = sbi_fail_errno(errno, "%s", path);
    sbi_free(f->ctx, path);
    return status;
}

/* ---- listing --------------------------------------------------------------------------------------------------- */

typedef struct names {
    sbi_context *ctx;
    char **items;
    size_t count, capacity;
} names;

static sbi_status add_name(names *n, const char *name)
{
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? 2 * n->capacity : 64;
        char **grown = sbi_realloc_array(n->ctx, n->items, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        n->items = grown;
        n->capacity = capacity;
    }
    char *copy = sbi_strdup(n->ctx, name);
    if (!copy) return SBI_ERR_NO_MEMORY;
    n->items[n->count++] = copy;
    return SBI_OK;
}

static int is_folder(int parent, const struct dirent *e)
{
    struct stat s;
    if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK) return e->d_type == DT_DIR;
    return fstatat(parent, e->d_name, &s, 0) == 0 && S_ISDIR(s.st_mode);
}

static sbi_status collect(folder *f, const char *prefix, char *name, names *out);

static sbi_status collect_entry(folder *f, const char *prefix, char *name, size_t used, int parent, const struct dirent *e, names *out)
{
    const size_t length = strlen(e->d_name), all = strlen(prefix);
    if (used + length + 2 > SBI_STORE_NAME_MAX) return SBI_OK;
    memcpy(name + used, e->d_name, length + 1);
    if (!sbi_store_name_valid(name)) return SBI_OK; /* what is being written, and what is not ours */
    const size_t now = used + length;
    if (!is_folder(parent, e)) return strncmp(name, prefix, all) == 0 ? add_name(out, name) : SBI_OK;
    memcpy(name + now, "/", 2);
    return strncmp(name, prefix, now + 1 < all ? now + 1 : all) == 0 ? collect(f, prefix, name, out) : SBI_OK;
}

/* Adds what is under the folder `name` ("" or ending in a slash), a buffer of SBI_STORE_NAME_MAX characters. */
static sbi_status collect(folder *f, const char *prefix, char *name, names *out)
{
    SBI_TRY(sbi_check_cancel(f->ctx, f->path));
    char *path = sbi_path_join(f->ctx, f->path, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    DIR *d = opendir(path);
    sbi_status status = d || errno == ENOENT || errno == ENOTDIR ? SBI_OK : sbi_fail_errno(errno, "%s", path);
    const size_t used = strlen(name);
    while (d && status == SBI_OK) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (!e) {
            if (errno) status = sbi_fail_errno(errno, "%s", path);
            break;
        }
        status = collect_entry(f, prefix, name, used, dirfd(d), e, out);
        name[used] = '\0';
    }
    if (d) closedir(d);
    sbi_free(f->ctx, path);
    return status;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static sbi_status folder_list(void *self, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info),
                              void *user)
{
    folder *f = self;
    names n = {f->ctx, NULL, 0, 0};
    char name[SBI_STORE_NAME_MAX] = "";
    const char *slash = strrchr(prefix, '/');
    if (slash) memcpy(name, prefix, (size_t)(slash - prefix) + 1);
    sbi_status status = collect(f, prefix, name, &n);
    if (n.count) qsort(n.items, n.count, sizeof *n.items, compare);
    for (size_t i = 0; i < n.count && status == SBI_OK; i++) {
        sbi_store_info info = {.struct_size = sizeof info};
        status = folder_stat(f, n.items[i], &info);
        if (status == SBI_OK)
            status = each(user, n.items[i], &info);
        else if (status == SBI_ERR_NOT_FOUND) /* removed meanwhile */
            status = SBI_OK;
    }
    for (size_t i = 0; i < n.count; i++) sbi_free(f->ctx, n.items[i]);
    sbi_free(f->ctx, n.items);
    return status;
}

static void folder_close(void *self)
{
    folder *f = self;
    sbi_free(f->ctx, f->path);
    sbi_free(f->ctx, f);
}

static const sbi_store_ops ops = {
    .struct_size = sizeof ops,
    .abi = SBI_STORE_ABI,
    .get = folder_get,
    .stat = folder_stat,
    .put = folder_put,
    .list = folder_list,
    .remove = folder_remove,
    .close = folder_close,
};

sbi_status sbi_store_folder_open(sbi_store **out, sbi_context *ctx, const char *url, const char *config)
{
    const char *path = url[0] == '/' ? url : url + strlen("file://");
    if (strncmp(path, "localhost/", 10) == 0) path += 9;
    SBI_REQUIRE(path[0] == '/', "store: %.200s: expected an absolute path", url);
    if (config) {
        const size_t space = strspn(config, " \t\r\n"), inner = strspn(config + space + (config[space] == '{'), " \t\r\n");
        const char *rest = config + space + 1 + inner;
        SBI_REQUIRE(!config[space] || (config[space] == '{' && rest[0] == '}' && !rest[1 + strspn(rest + 1, " \t\r\n")]),
                    "store %.200s: a folder takes no configuration", url);
    }
    folder *f = sbi_alloc_zero(ctx, 1, sizeof *f);
    if (!f) return SBI_ERR_NO_MEMORY;
    f->ctx = ctx;
    f->path = sbi_strdup(ctx, path);
    sbi_status status = f->path ? sbi_store_create(out, ctx, &ops, f, url) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) folder_close(f);
    return status;
}
