/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints of an attempt in the store: jobs/KEY/attempts/UUID/checkpoint/NUMBER-SHA256-FILE. Names of attempts begin with the time, so
 * the last name is the newest; the hash in it tells whether it is whole. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "jobs/attempt.h"

#define NUMBER_DIGITS 6

void sbi_folder_remove(sbi_context *ctx, const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *child = sbi_path_join(ctx, path, e->d_name);
        if (!child) continue;
        if (unlink(child) && (errno == EISDIR || errno == EPERM)) sbi_folder_remove(ctx, child);
        sbi_free(ctx, child);
    }
    if (d) closedir(d);
    (void)rmdir(path);
}

/* ---- putting ---------------------------------------------------------------------------------------------------- */

/* Halves end in .tmp. */
static int is_checkpoint(const char *name)
{
    const size_t n = strlen(name);
    return n >= 5 && n < sizeof((sbi_attempt_upload *)0)->name && strcmp(name + n - 4, ".npz") == 0;
}

static sbi_attempt_upload *upload_of(sbi_attempt *a, const char *name)
{
    for (size_t i = 0; i < a->n_uploads; i++)
        if (strcmp(a->uploads[i].name, name) == 0) return &a->uploads[i];
    if (a->n_uploads == SBI_ATTEMPT_UPLOADS) return NULL;
    sbi_attempt_upload *u = &a->uploads[a->n_uploads++];
    *u = (sbi_attempt_upload){.changed_ns = -1};
    memcpy(u->name, name, strlen(name) + 1); /* is_checkpoint() saw that it fits */
    return u;
}

static sbi_status put_one(sbi_attempt *a, const char *path, sbi_attempt_upload *u)
{
    struct stat s;
    char hex[SBI_SHA256_HEX_SIZE], object[SBI_STORE_NAME_MAX];
    if (stat(path, &s)) return SBI_OK; /* removed meanwhile: the work came to its end */
    const int64_t changed = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
    if (changed == u->changed_ns && s.st_size == u->size) return SBI_OK;
    sbi_status status = sbi_sha256_file(path, hex);
    if (status == SBI_ERR_NOT_FOUND) return SBI_OK;
    SBI_TRY(status);
    snprintf(object, sizeof object, "%scheckpoint/%0*u-%s-%s", a->prefix, NUMBER_DIGITS, u->number + 1, hex, u->name);
    status = sbi_store_put_file(a->store, object, path, 0);
    if (status == SBI_ERR_NOT_FOUND) return SBI_OK;
    SBI_TRY(status);
    if (u->number) (void)sbi_store_remove(a->store, u->object);
    u->number++;
    u->changed_ns = changed;
    u->size = s.st_size;
    memcpy(u->object, object, sizeof object);
    return SBI_OK;
}

sbi_status sbi_checkpoints_put(sbi_attempt *a)
{
    sbi_status status = SBI_OK;
    DIR *d = opendir(a->checkpoint);
    for (struct dirent *e = d ? readdir(d) : NULL; e && status == SBI_OK; e = readdir(d)) {
        sbi_attempt_upload *u = is_checkpoint(e->d_name) ? upload_of(a, e->d_name) : NULL;
        char *path = u ? sbi_path_join(a->ctx, a->checkpoint, e->d_name) : NULL;
        if (u) status = path ? put_one(a, path, u) : SBI_ERR_NO_MEMORY;
        sbi_free(a->ctx, path);
    }
    if (d) closedir(d);
    return status;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

typedef struct found {
    sbi_attempt *a;
    char **names;
    size_t n;
} found;

static sbi_status collect(void *user, const char *name, const sbi_store_info *info)
{
    found *f = user;
    (void)info;
    if (!strstr(name, "/checkpoint/")) return SBI_OK;
    char **grown = sbi_realloc_array(f->a->ctx, f->names, f->n + 1, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    f->names = grown;
    grown[f->n] = sbi_strdup(f->a->ctx, name);
    return grown[f->n] ? (f->n++, SBI_OK) : SBI_ERR_NO_MEMORY;
}

static sbi_status find(found *f)
{
    char prefix[SBI_TASK_KEY_MAX + 32];
    snprintf(prefix, sizeof prefix, "jobs/%s/attempts/", f->a->key);
    return sbi_store_list(f->a->store, prefix, collect, f);
}

static void forget(found *f)
{
    for (size_t i = 0; i < f->n; i++) sbi_free(f->a->ctx, f->names[i]);
    sbi_free(f->a->ctx, f->names);
}

/* The hash and the file's name in an object's name; false for a foreign one. */
static int parse_name(const char *object, char hash[65], const char **file)
{
    const char *last = strrchr(object, '/') + 1;
    if (strspn(last, "0123456789") != NUMBER_DIGITS || last[NUMBER_DIGITS] != '-') return 0;
    last += NUMBER_DIGITS + 1;
    if (strspn(last, "0123456789abcdef") != 64 || last[64] != '-') return 0;
    memcpy(hash, last, 64);
    hash[64] = '\0';
    *file = last + 65;
    return is_checkpoint(*file);
}

static sbi_status fetch(sbi_attempt *a, const char *object, char **path)
{
    char hash[65];
    const char *file;
    *path = NULL;
    if (!parse_name(object, hash, &file)) return SBI_OK;
    char *to = sbi_path_join(a->ctx, a->checkpoint, file);
    if (!to) return SBI_ERR_NO_MEMORY;
    sbi_outage outage = {0, 0};
    sbi_status status;
    do status = sbi_store_get_file(a->store, object, to, hash);
    while (sbi_outage_again(a->ctx, &outage, a->options.outage_seconds, status));
    if (status == SBI_OK) {
        sbi_attempt_log(a, "resumes from", object);
        *path = to;
        return SBI_OK;
    }
    sbi_free(a->ctx, to);
    if (status != SBI_ERR_CHECKSUM && status != SBI_ERR_NOT_FOUND) return status;
    sbi_attempt_log(a, "checkpoint is not whole", sbi_last_error());
    return SBI_OK;
}

sbi_status sbi_checkpoints_adopt(sbi_attempt *a, char **path)
{
    found f = {.a = a};
    sbi_outage outage = {0, 0};
    sbi_status status;
    *path = NULL;
    do {
        forget(&f);
        f = (found){.a = a};
        status = find(&f);
    } while (sbi_outage_again(a->ctx, &outage, a->options.outage_seconds, status));
    for (size_t i = f.n; i-- > 0 && status == SBI_OK && !*path;) status = fetch(a, f.names[i], path);
    forget(&f);
    return status;
}

void sbi_checkpoints_remove(sbi_attempt *a)
{
    found f = {.a = a};
    sbi_status status = find(&f);
    for (size_t i = 0; i < f.n && status == SBI_OK; i++) status = sbi_store_remove(a->store, f.names[i]);
    forget(&f);
    if (status != SBI_OK) sbi_log(a->ctx, SBI_LOG_WARNING, "checkpoints of job %s stay: %s", a->key, sbi_last_error());
}
