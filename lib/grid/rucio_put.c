/* SPDX-License-Identifier: Apache-2.0 */
/* Putting an object: sums, registration as being copied, upload, registration as available, attachment to the dataset. Each step can be done again, so what an
 * upload that was cut off left behind is gone on from by whoever puts the same bytes. */
#include <stdio.h>
#include <string.h>

#include "base/adler32.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/md5.h"
#include "grid/rucio.h"

#define CHUNK ((size_t)1 << 16)

/* ---- sums ------------------------------------------------------------------------------------------------------ */

static sbi_status sum_source(rucio *r, const char *object, sbi_source *source, uint64_t size, grid_rucio_file *file)
{
    unsigned char digest[16];
    grid_md5 md5;
    char *buffer = sbi_alloc(r->ctx, CHUNK);
    if (!buffer) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    *file = (grid_rucio_file){.size = size, .adler32 = SBI_ADLER32_INIT, .has_adler32 = 1};
    grid_md5_init(&md5);
    for (uint64_t left = size; left && status == SBI_OK;) {
        size_t got = 0;
        status = sbi_check_cancel(r->ctx, object);
        if (status == SBI_OK) status = source->read(source->user, buffer, left < CHUNK ? (size_t)left : CHUNK, &got);
        if (status == SBI_OK && (got == 0 || got > left || got > CHUNK))
            status = sbi_fail(SBI_ERR_ARGUMENT, "%s: the source ended after %llu of %llu bytes", object, (unsigned long long)(size - left),
                              (unsigned long long)size);
        if (status != SBI_OK) break;
        file->adler32 = sbi_adler32(file->adler32, buffer, got);
        grid_md5_update(&md5, buffer, got);
        left -= got;
    }
    grid_md5_final(&md5, digest);
    for (int i = 0; i < 16; i++) snprintf(file->md5 + 2 * i, 3, "%02x", digest[i]);
    sbi_free(r->ctx, buffer);
    return status == SBI_OK ? source->rewind(source->user) : status;
}

static int same_bytes(const grid_rucio_file *a, const grid_rucio_file *b)
{
    if (a->size != b->size || (a->has_adler32 && b->has_adler32 && a->adler32 != b->adler32)) return 0;
    return !a->md5[0] || !b->md5[0] || strcmp(a->md5, b->md5) == 0;
}

/* ---- requests with a body -------------------------------------------------------------------------------------- */

/* Takes over `body`; NULL: no memory. */
static sbi_status send_json(rucio *r, const char *method, const char *path, json_t *body)
{
    sbi_http_answer a = {0};
    sbi_text text;
    sbi_text_init(&text, r->ctx);
    sbi_status status = body && path ? sbi_json_canonical(&text, body) : sbi_fail(SBI_ERR_NO_MEMORY, "rucio: out of memory");
    if (status == SBI_OK) {
        status = rucio_send(r, method, path, text.data, &a);
        sbi_http_answer_clear(&a);
    }
    sbi_text_clear(&text);
    json_decref(body);
    return status;
}

static sbi_status set_state(rucio *r, const char *rse, const char *name)
{
    return send_json(r, "PUT", "/replicas", json_pack("{s:s, s:[{s:s, s:s, s:s}]}", "rse", rse, "files", "scope", r->scope, "name", name, "state", "A"));
}

static sbi_status register_copying(rucio *r, const char *rse, const char *name, const grid_rucio_file *file)
{
    char adler[9];
    snprintf(adler, sizeof adler, "%08x", (unsigned)file->adler32);
    return send_json(r, "POST", "/replicas",
                     json_pack("{s:s, s:b, s:[{s:s, s:s, s:I, s:s, s:s, s:s}]}", "rse", rse, "ignore_availability", 0, "files", "scope", r->scope, "name",
                               name, "bytes", (json_int_t)file->size, "adler32", adler, "md5", file->md5, "state", "C"));
}

/* ---- the storage element --------------------------------------------------------------------------------------- */

/* The first by name of those that the expression gives. */
static sbi_status find_rse(rucio *r, char **out)
{
    sbi_http_answer a = {0};
    grid_listing rses = {.ctx = r->ctx};
    sbi_text path;
    sbi_text_init(&path, r->ctx);
    sbi_text_addf(&path, "/rses/?expression=");
    sbi_http_escape(&path, r->rse_expression, 0);
    sbi_status status = path.status;
    if (status == SBI_OK) {
        status = rucio_send(r, "GET", path.data, NULL, &a);
        if (status == SBI_OK) status = grid_rucio_read_rses(&rses, a.body.data, a.body.size, "/rses/");
        sbi_http_answer_clear(&a);
    }
    sbi_text_clear(&path);
    if (status == SBI_OK && !rses.count) status = sbi_fail(SBI_ERR_NOT_FOUND, "rucio: no storage element is \"%s\"", r->rse_expression);
    if (status == SBI_OK && !(*out = sbi_strdup(r->ctx, rses.items[0].name))) status = SBI_ERR_NO_MEMORY;
    grid_listing_clear(&rses);
    return status;
}

static sbi_status choose_rse(rucio *r, const char **out)
{
    *out = r->rse;
    if (r->rse) return SBI_OK;
    if (!r->rse_expression) return sbi_fail(SBI_ERR_ARGUMENT, "rucio://%s/%s: to put, say \"rse\" or \"rse_expression\"", r->scope, r->dataset);
    pthread_mutex_lock(&r->lock);
    char *chosen = r->chosen;
    pthread_mutex_unlock(&r->lock);
    if (!chosen) {
        SBI_TRY(find_rse(r, &chosen));
        pthread_mutex_lock(&r->lock);
        if (r->chosen) {
            sbi_free(r->ctx, chosen);
            chosen = r->chosen;
        }
        r->chosen = chosen;
        pthread_mutex_unlock(&r->lock);
    }
    *out = chosen;
    return SBI_OK;
}

/* Where the file is to be, by the storage element's own rule. */
static sbi_status find_url(rucio *r, const char *rse, const char *name, char **url)
{
    sbi_http_answer a = {0};
    char *pfn = NULL;
    sbi_text path;
    *url = NULL;
    sbi_text_init(&path, r->ctx);
    sbi_text_addf(&path, "/rses/");
    sbi_http_escape(&path, rse, 0);
    sbi_text_addf(&path, "/lfns2pfns?operation=write&scheme=");
    sbi_http_escape(&path, r->schemes, 0);
    sbi_text_addf(&path, "&lfn=");
    sbi_http_escape(&path, r->scope, 0);
    sbi_text_addf(&path, "%%3A");
    sbi_http_escape(&path, name, 0);
    sbi_status status = path.status;
    if (status == SBI_OK) {
        status = rucio_send(r, "GET", path.data, NULL, &a);
        if (status == SBI_OK) status = grid_rucio_read_pfn(&pfn, r->ctx, a.body.data, a.body.size, r->scope, name, "lfns2pfns");
        sbi_http_answer_clear(&a);
    }
    sbi_text_clear(&path);
    if (status == SBI_OK && !(*url = rucio_storage_url(r->ctx, pfn))) status = SBI_ERR_NO_MEMORY;
    sbi_free(r->ctx, pfn);
    return status;
}

/* ---- the dataset ----------------------------------------------------------------------------------------------- */

static sbi_status make_dataset(rucio *r, const char *rse)
{
    char *path = rucio_did_path(r, r->dataset, "");
    json_t *rule = json_pack("{s:s, s:I, s:s, s:s, s:n, s:o}", "account", r->account, "copies", (json_int_t)r->copies, "rse_expression",
                             r->rule ? r->rule : rse, "grouping", "DATASET", "weight", "lifetime",
                             r->lifetime ? json_integer((json_int_t)r->lifetime) : json_null());
    const sbi_status status = send_json(r, "POST", path, json_pack("{s:s, s:[o]}", "type", "DATASET", "rules", rule));
    sbi_free(r->ctx, path);
    return status == SBI_ERR_EXISTS ? SBI_OK : status; /* another was quicker */
}

/* SBI_ERR_EXISTS: it is attached already. */
static sbi_status attach(rucio *r, const char *name, const char *rse)
{
    char *path = rucio_did_path(r, r->dataset, "/dids");
    sbi_status status = SBI_ERR_NO_MEMORY;
    for (int made = 0; path; made = 1) {
        status = send_json(r, "POST", path, json_pack("{s:[{s:s, s:s}]}", "dids", "scope", r->scope, "name", name));
        if (status != SBI_ERR_NOT_FOUND || made) break;
        status = make_dataset(r, rse);
        if (status != SBI_OK) break;
    }
    sbi_free(r->ctx, path);
    return status;
}

/* ---- put ------------------------------------------------------------------------------------------------------- */

/* A file that was registered before, whose bytes may all be there. */
static int is_stored(rucio *r, const char *url, const grid_rucio_file *file)
{
    uint64_t size = 0;
    uint32_t adler = 0;
    int has_adler = 0;
    return rucio_storage_look(r, url, &size, &adler, &has_adler) == SBI_OK && size == file->size && has_adler && adler == file->adler32;
}

static sbi_status taken(rucio *r, const char *name)
{
    return sbi_fail(SBI_ERR_EXISTS, "%s:%s: the name stands for other bytes, which Rucio never changes", r->scope, name);
}

static sbi_status store_file(rucio *r, const char *name, sbi_source *source, const grid_rucio_file *file, int known)
{
    grid_rucio_file registered = {0};
    const char *rse;
    char *url = NULL;
    SBI_TRY(choose_rse(r, &rse));
    SBI_TRY(find_url(r, rse, name, &url));
    sbi_status status = register_copying(r, rse, name, file);
    /* 201 says nothing: somebody may have registered other bytes. */
    if (status == SBI_OK || status == SBI_ERR_EXISTS) status = rucio_lookup(r, NULL, name, &registered);
    if (status == SBI_OK && !same_bytes(&registered, file)) status = taken(r, name);
    if (status == SBI_OK && !(known && is_stored(r, url, file))) status = rucio_storage_put(r, url, source, file);
    if (status == SBI_OK) status = set_state(r, rse, name);
    if (status == SBI_OK) status = attach(r, name, rse);
    sbi_free(r->ctx, url);
    return status;
}

sbi_status rucio_put(rucio *r, const char *object, sbi_source *source, uint64_t size, uint32_t flags)
{
    char name[GRID_RUCIO_NAME_MAX];
    grid_rucio_file there, file;
    SBI_TRY(grid_rucio_name(name, r->before, object));
    sbi_status status = rucio_lookup(r, object, name, &there);
    const int attached = status == SBI_OK;
    if (attached && flags & SBI_STORE_CREATE) return sbi_fail(SBI_ERR_EXISTS, "rucio://%s/%s: %s: exists", r->scope, r->dataset, object);
    if (status != SBI_OK && status != SBI_ERR_NOT_FOUND) return status;
    SBI_TRY(sum_source(r, object, source, size, &file));
    if (attached)
        return same_bytes(&there, &file) ? SBI_OK : sbi_fail(SBI_ERR_UNSUPPORTED, "rucio://%s/%s: %s: files of Rucio never change", r->scope, r->dataset, object);
    status = rucio_lookup(r, NULL, name, &there);
    const int known = status == SBI_OK;
    if (status != SBI_OK && status != SBI_ERR_NOT_FOUND) return status;
    if (known && !same_bytes(&there, &file)) return taken(r, name);
    status = store_file(r, name, source, &file, known);
    /* Attached meanwhile with the same bytes: nobody can tell who it was. */
    return status == SBI_ERR_EXISTS && !(flags & SBI_STORE_CREATE) && rucio_lookup(r, object, name, &there) == SBI_OK && same_bytes(&there, &file) ? SBI_OK
                                                                                                                                            : status;
}
