/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/rucio_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grid/rucio_names.h"
#include "io/json.h"

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static sbi_status each_line(const char *text, size_t size, const char *where, sbi_status (*take)(void *user, const json_t *line, const sbi_json_place *at),
                            void *user)
{
    for (size_t i = 0; i < size;) {
        const char *end = memchr(text + i, '\n', size - i);
        const size_t n = end ? (size_t)(end - text) - i : size - i;
        if (n) {
            json_t *line;
            const sbi_json_place at = sbi_json_root(where);
            SBI_TRY(sbi_json_parse(&line, text + i, n, where));
            sbi_status status = sbi_json_expect(line, &at, JSON_OBJECT);
            if (status == SBI_OK) status = take(user, line, &at);
            json_decref(line);
            SBI_TRY(status);
        }
        i += n + 1;
    }
    return SBI_OK;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static int is_hex(const char *text, size_t length)
{
    return strlen(text) == length && strspn(text, "0123456789abcdefABCDEF") == length;
}

static sbi_status text_or_null(const json_t *object, const sbi_json_place *at, const char *key, const char **out)
{
    *out = NULL;
    if (json_is_null(json_object_get(object, key))) return SBI_OK;
    return sbi_json_get_string_or(object, at, key, NULL, out);
}

static sbi_status read_file(grid_rucio_file *out, const json_t *line, const sbi_json_place *at)
{
    int64_t size;
    const char *adler, *md5;
    *out = (grid_rucio_file){0};
    SBI_TRY(sbi_json_get_integer(line, at, "bytes", &size));
    SBI_TRY(text_or_null(line, at, "adler32", &adler));
    SBI_TRY(text_or_null(line, at, "md5", &md5));
    if (size < 0) return sbi_json_fail(SBI_ERR_FORMAT, at, "bytes is %lld", (long long)size);
    if (adler && (!adler[0] || strlen(adler) > 8 || !is_hex(adler, strlen(adler)))) return sbi_json_fail(SBI_ERR_FORMAT, at, "adler32 is \"%.40s\"", adler);
    if (md5 && !is_hex(md5, 32)) return sbi_json_fail(SBI_ERR_FORMAT, at, "md5 is \"%.40s\"", md5);
    out->size = (uint64_t)size;
    out->has_adler32 = adler != NULL;
    if (adler) out->adler32 = (uint32_t)strtoul(adler, NULL, 16);
    for (int i = 0; md5 && i < 32; i++) out->md5[i] = (char)(md5[i] >= 'A' && md5[i] <= 'F' ? md5[i] + 32 : md5[i]);
    return SBI_OK;
}

typedef struct meta_reader {
    grid_rucio_file *out;
    int found;
} meta_reader;

static sbi_status take_meta(void *user, const json_t *line, const sbi_json_place *at)
{
    meta_reader *reader = user;
    reader->found = 1;
    return read_file(reader->out, line, at);
}

sbi_status grid_rucio_read_meta(grid_rucio_file *out, const char *text, size_t size, const char *where)
{
    meta_reader reader = {.out = out};
    SBI_TRY(each_line(text, size, where, take_meta, &reader));
    return reader.found ? SBI_OK : sbi_fail(SBI_ERR_FORMAT, "%s: the answer is empty", where);
}

/* ---- replicas -------------------------------------------------------------------------------------------------- */

static int is_http(const char *pfn)
{
    return strncmp(pfn, "https://", 8) == 0 || strncmp(pfn, "davs://", 7) == 0 || strncmp(pfn, "http://", 7) == 0 || strncmp(pfn, "dav://", 6) == 0;
}

static int sound(const char *pfn)
{
    for (; *pfn; pfn++) {
        if ((unsigned char)*pfn <= 0x20 || (unsigned char)*pfn >= 0x7f) return 0;
    }
    return 1;
}

static sbi_status add_replica(grid_rucio_replicas *r, const char *pfn, int64_t priority)
{
    if (!is_http(pfn) || !sound(pfn)) return SBI_OK;
    grid_rucio_replica *grown = sbi_alloc_next(r->ctx, r->items, r->count, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    r->items = grown;
    char *copy = sbi_strdup(r->ctx, pfn);
    if (!copy) return SBI_ERR_NO_MEMORY;
    r->items[r->count++] = (grid_rucio_replica){copy, priority};
    return SBI_OK;
}

typedef struct reader {
    void *out;
    const char *scope, *name;
} reader;

static sbi_status is_of(const reader *r, const json_t *line, const sbi_json_place *at, int *is)
{
    const char *scope, *name;
    SBI_TRY(sbi_json_get_string(line, at, "scope", &scope));
    SBI_TRY(sbi_json_get_string(line, at, "name", &name));
    *is = strcmp(scope, r->scope) == 0 && strcmp(name, r->name) == 0;
    return SBI_OK;
}

static sbi_status take_replicas(void *user, const json_t *line, const sbi_json_place *at)
{
    const reader *r = user;
    grid_rucio_replicas *out = r->out;
    json_t *pfns;
    int is;
    SBI_TRY(is_of(r, line, at, &is));
    if (!is) return SBI_OK;
    SBI_TRY(read_file(&out->file, line, at));
    SBI_TRY(sbi_json_get_object(line, at, "pfns", &pfns));
    out->found = 1;
    const sbi_json_place inside = sbi_json_member(at, "pfns");
    const char *pfn;
    json_t *about;
    json_object_foreach(pfns, pfn, about)
    {
        int64_t priority = INT32_MAX;
        const sbi_json_place here = sbi_json_member(&inside, pfn);
        SBI_TRY(sbi_json_expect(about, &here, JSON_OBJECT));
        if (json_is_integer(json_object_get(about, "priority"))) priority = (int64_t)json_integer_value(json_object_get(about, "priority"));
        SBI_TRY(add_replica(out, pfn, priority));
    }
    return SBI_OK;
}

static int by_priority(const void *a, const void *b)
{
    const grid_rucio_replica *x = a, *y = b;
    return x->priority != y->priority ? (x->priority < y->priority ? -1 : 1) : strcmp(x->pfn, y->pfn);
}

sbi_status grid_rucio_read_replicas(grid_rucio_replicas *out, const char *text, size_t size, const char *scope, const char *file, const char *where)
{
    reader r = {out, scope, file};
    SBI_TRY(each_line(text, size, where, take_replicas, &r));
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_priority);
    return SBI_OK;
}

void grid_rucio_replicas_clear(grid_rucio_replicas *r)
{
    for (size_t i = 0; i < r->count; i++) sbi_free(r->ctx, r->items[i].pfn);
    sbi_free(r->ctx, r->items);
    r->items = NULL;
    r->count = 0;
}

/* ---- datasets and storage elements ----------------------------------------------------------------------------- */

static sbi_status take_parent(void *user, const json_t *line, const sbi_json_place *at)
{
    const reader *r = user;
    int is;
    SBI_TRY(is_of(r, line, at, &is));
    if (is) *(int *)r->out = 1;
    return SBI_OK;
}

sbi_status grid_rucio_read_parents(int *is_member, const char *text, size_t size, const char *scope, const char *dataset, const char *where)
{
    reader r = {is_member, scope, dataset};
    *is_member = 0;
    return each_line(text, size, where, take_parent, &r);
}

static sbi_status take_content(void *user, const json_t *line, const sbi_json_place *at)
{
    const reader *r = user;
    const char *scope, *name, *type;
    char object[SBI_STORE_NAME_MAX];
    grid_rucio_file file;
    SBI_TRY(sbi_json_get_string(line, at, "scope", &scope));
    SBI_TRY(sbi_json_get_string(line, at, "name", &name));
    SBI_TRY(sbi_json_get_string(line, at, "type", &type));
    if (strcmp(type, "FILE") != 0 || strcmp(scope, r->scope) != 0 || !grid_rucio_object(object, r->name, name)) return SBI_OK;
    SBI_TRY(read_file(&file, line, at));
    const sbi_store_info info = {.struct_size = sizeof info, .has_adler32 = file.has_adler32, .size = file.size, .adler32 = file.adler32};
    return grid_listing_add(r->out, object, &info);
}

sbi_status grid_rucio_read_content(grid_listing *out, const char *text, size_t size, const char *scope, const char *before, const char *where)
{
    reader r = {out, scope, before};
    return each_line(text, size, where, take_content, &r);
}

static sbi_status take_rse(void *user, const json_t *line, const sbi_json_place *at)
{
    const char *name;
    const sbi_store_info none = {.struct_size = sizeof none};
    SBI_TRY(sbi_json_get_string(line, at, "rse", &name));
    return grid_listing_add(user, name, &none);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const grid_listed *)a)->name, ((const grid_listed *)b)->name);
}

sbi_status grid_rucio_read_rses(grid_listing *out, const char *text, size_t size, const char *where)
{
    SBI_TRY(each_line(text, size, where, take_rse, out));
    if (out->count) qsort(out->items, out->count, sizeof *out->items, by_name);
    return SBI_OK;
}

sbi_status grid_rucio_read_pfn(char **out, sbi_context *ctx, const char *text, size_t size, const char *scope, const char *file, const char *where)
{
    json_t *json;
    const char *pfn = NULL;
    const sbi_json_place at = sbi_json_root(where);
    *out = NULL;
    char *key = sbi_strf(ctx, "%s:%s", scope, file);
    if (!key) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_json_parse(&json, text ? text : "", size, where);
    if (status == SBI_OK) {
        status = sbi_json_expect(json, &at, JSON_OBJECT);
        if (status == SBI_OK) status = sbi_json_get_string(json, &at, key, &pfn);
        if (status == SBI_OK && (!is_http(pfn) || !sound(pfn)))
            status = sbi_json_fail(SBI_ERR_UNSUPPORTED, &at, "\"%.200s\" is no place that HTTP reaches", pfn);
        if (status == SBI_OK && !(*out = sbi_strdup(ctx, pfn))) status = SBI_ERR_NO_MEMORY;
        json_decref(json);
    }
    sbi_free(ctx, key);
    return status;
}

/* ---- errors ---------------------------------------------------------------------------------------------------- */

static void copy_line(char *to, size_t capacity, const char *text)
{
    size_t n = 0;
    for (; text && *text && n + 1 < capacity; text++) to[n++] = (unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f ? ' ' : *text;
    to[n] = '\0';
}

void grid_rucio_read_error(grid_rucio_error *out, const char *text, size_t size)
{
    json_t *json = NULL;
    *out = (grid_rucio_error){"", ""};
    if (!size || sbi_json_parse(&json, text, size, "error") != SBI_OK) return;
    copy_line(out->kind, sizeof out->kind, json_string_value(json_object_get(json, "ExceptionClass")));
    copy_line(out->message, sizeof out->message, json_string_value(json_object_get(json, "ExceptionMessage")));
    json_decref(json);
}

sbi_status grid_rucio_status(int code, const grid_rucio_error *error)
{
    static const struct {
        const char *kind;
        sbi_status status;
    } kinds[] = {
        {"CannotAuthenticate", SBI_ERR_PERMISSION}, {"CannotAuthorize", SBI_ERR_PERMISSION}, {"MissingClientCertificate", SBI_ERR_PERMISSION},
        {"AccessDenied", SBI_ERR_PERMISSION}, {"AccountNotFound", SBI_ERR_NOT_FOUND}, {"Duplicate", SBI_ERR_EXISTS},
        {"DataIdentifierAlreadyExists", SBI_ERR_EXISTS}, {"FileAlreadyExists", SBI_ERR_EXISTS}, {"DuplicateContent", SBI_ERR_EXISTS},
        {"DuplicateRule", SBI_ERR_EXISTS}, {"FileConsistencyMismatch", SBI_ERR_EXISTS}, {"InvalidObject", SBI_ERR_ARGUMENT},
        {"InvalidPath", SBI_ERR_ARGUMENT}, {"InputValidationError", SBI_ERR_ARGUMENT}, {"InvalidRSEExpression", SBI_ERR_ARGUMENT},
        {"InvalidReplicationRule", SBI_ERR_ARGUMENT}, {"InsufficientAccountLimit", SBI_ERR_NO_SPACE}, {"InsufficientTargetRSEs", SBI_ERR_NO_SPACE},
        {"RSEOverQuota", SBI_ERR_NO_SPACE}, {"RSEWriteBlocked", SBI_ERR_TRANSIENT}, {"ResourceTemporaryUnavailable", SBI_ERR_TRANSIENT},
        {"DatabaseException", SBI_ERR_TRANSIENT}, {"UnsupportedOperation", SBI_ERR_UNSUPPORTED}, {"RSEProtocolNotSupported", SBI_ERR_UNSUPPORTED},
    };
    if (code >= 200 && code < 300) return SBI_OK;
    if (strcmp(error->kind, "InvalidRSEExpression") == 0 && strstr(error->message, "empty set")) return SBI_ERR_NOT_FOUND;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(error->kind, kinds[i].kind) == 0) return kinds[i].status;
    }
    /* DataIdentifierNotFound, ScopeNotFound, RSENotFound, ReplicaNotFound, RuleNotFound, ... */
    const size_t n = strlen(error->kind);
    if (n > 8 && strcmp(error->kind + n - 8, "NotFound") == 0) return SBI_ERR_NOT_FOUND;
    if (strstr(error->message, "database is locked")) return SBI_ERR_TRANSIENT;
    if (code == 401 || code == 403) return SBI_ERR_PERMISSION;
    if (code == 404 || code == 410) return SBI_ERR_NOT_FOUND;
    if (code == 409) return SBI_ERR_EXISTS;
    if (code == 408 || code == 425 || code == 429 || code >= 500) return SBI_ERR_TRANSIENT;
    return code == 400 || code == 406 ? SBI_ERR_ARGUMENT : SBI_ERR_IO;
}
