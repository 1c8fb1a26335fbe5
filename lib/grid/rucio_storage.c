/* SPDX-License-Identifier: Apache-2.0 */
/* Files in the storage elements, by WebDAV. */
#include <stdio.h>
#include <string.h>

#include "base/adler32.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/md5.h"
#include "grid/rucio.h"
#include "grid/webdav_answers.h"

#define UPLOAD ".rucio.upload" /* as Rucio's own client names it */

char *rucio_storage_url(sbi_context *ctx, const char *pfn)
{
    const int dav = strncmp(pfn, "dav", 3) == 0;
    return sbi_strf(ctx, "%s%s", dav ? "http" : "", dav ? pfn + 3 : pfn);
}

static sbi_status storage_status(const sbi_http_answer *a, const char *method, const char *url)
{
    if (a->code >= 200 && a->code < 300) return SBI_OK;
    char what[400];
    snprintf(what, sizeof what, "%s %.*s", method, (int)strcspn(url, "?"), url);
    const sbi_status status = sbi_http_status(a, what);
    return sbi_fail(status == SBI_ERR_EXISTS && a->code == 409 ? SBI_ERR_IO : status, "%s: HTTP %d", what, (int)a->code);
}

static sbi_status send_plain(rucio *r, const char *method, const char *url, const char *destination, sbi_http_answer *a)
{
    sbi_http_request q = {.method = method, .url = url, .headers = {"Want-Digest: adler32", destination, destination ? "Overwrite: T" : NULL}};
    return sbi_http_send(r->storage, &q, a);
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

typedef struct sums {
    uint64_t size;
    uint32_t adler;
} sums;

static sbi_status add_up(void *user, const void *data, size_t size)
{
    sums *s = user;
    s->adler = sbi_adler32(s->adler, data, size);
    s->size += size;
    return SBI_OK;
}

static sbi_status read_sums(rucio *r, const char *url, sums *s)
{
    sbi_http_answer a;
    sbi_sink sink = {sizeof sink, 0, add_up, s};
    *s = (sums){0, SBI_ADLER32_INIT};
    sbi_http_request q = {.method = "GET", .url = url, .sink = &sink};
    sbi_status status = sbi_http_send(r->storage, &q, &a);
    if (status == SBI_OK) status = storage_status(&a, "GET", url);
    sbi_http_answer_clear(&a);
    return status;
}

sbi_status rucio_storage_look(rucio *r, const char *url, uint64_t *size, uint32_t *adler, int *has_adler)
{
    char digest[256], length[32];
    int has_size = 0;
    sbi_http_answer a;
    *has_adler = 0;
    sbi_status status = send_plain(r, "HEAD", url, NULL, &a);
    if (status == SBI_OK) status = storage_status(&a, "HEAD", url);
    if (status == SBI_OK) {
        has_size = sbi_http_header(&a, "content-length", length, sizeof length) && grid_read_size(length, size);
        *has_adler = adler && sbi_http_header(&a, "digest", digest, sizeof digest) && grid_webdav_digest(digest, adler);
    }
    sbi_http_answer_clear(&a);
    SBI_TRY(status);
    if (has_size && (*has_adler || !adler || !r->read_back)) return SBI_OK;
    sums s;
    SBI_TRY(read_sums(r, url, &s));
    *size = s.size;
    if (adler) *adler = s.adler;
    *has_adler = adler != NULL;
    return SBI_OK;
}

static sbi_status check(rucio *r, const char *url, const grid_rucio_file *file)
{
    uint64_t size = 0;
    uint32_t adler = 0;
    int has_adler;
    SBI_TRY(rucio_storage_look(r, url, &size, &adler, &has_adler));
    if (size != file->size)
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: has %llu bytes, expected %llu", url, (unsigned long long)size, (unsigned long long)file->size);
    if (has_adler && adler != file->adler32)
        return sbi_fail(SBI_ERR_CHECKSUM, "%s: has adler32 %08x, expected %08x", url, (unsigned)adler, (unsigned)file->adler32);
    return SBI_OK;
}

/* ---- putting --------------------------------------------------------------------------------------------------- */

/* The sums of what goes out, to be held against what was registered: the source may have changed meanwhile. */
typedef struct outgoing {
    sbi_source *from;
    uint32_t adler;
    grid_md5 md5;
} outgoing;

static sbi_status read_out(void *user, void *data, size_t capacity, size_t *got)
{
    outgoing *o = user;
    SBI_TRY(o->from->read(o->from->user, data, capacity, got));
    if (*got > capacity) return SBI_OK; /* the HTTP client says so */
    o->adler = sbi_adler32(o->adler, data, *got);
    grid_md5_update(&o->md5, data, *got);
    return SBI_OK;
}

static sbi_status rewind_out(void *user)
{
    outgoing *o = user;
    o->adler = SBI_ADLER32_INIT;
    grid_md5_init(&o->md5);
    return o->from->rewind(o->from->user);
}

static sbi_status check_sent(const outgoing *o, const grid_rucio_file *file, const char *url)
{
    unsigned char digest[16];
    char hex[33];
    grid_md5 copy = o->md5;
    grid_md5_final(&copy, digest);
    for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (o->adler == file->adler32 && (!file->md5[0] || strcmp(hex, file->md5) == 0)) return SBI_OK;
    return sbi_fail(SBI_ERR_STATE, "%s: the source changed while it was put", url);
}

/* All folders above the file that are missing, from the one that is there on. */
static sbi_status make_folders(rucio *r, const char *url)
{
    const char *path = strstr(url, "://") + 3;
    path += strcspn(path, "/");
    char *folder = sbi_strdup(r->ctx, url);
    if (!folder) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (const char *slash = *path ? strchr(path + 1, '/') : NULL; slash && status == SBI_OK; slash = strchr(slash + 1, '/')) {
        sbi_http_answer a;
        const size_t n = (size_t)(slash - url) + 1;
        memcpy(folder, url, n);
        folder[n] = '\0';
        status = send_plain(r, "MKCOL", folder, NULL, &a);
        /* What is there, maybe since a moment ago, is refused in many ways; what lies above the prefix is often forbidden. The PUT will tell. */
        if (status == SBI_OK && a.code >= 500) status = storage_status(&a, "MKCOL", folder);
        sbi_http_answer_clear(&a);
    }
    sbi_free(r->ctx, folder);
    return status;
}

static sbi_status send_bytes(rucio *r, const char *url, sbi_source *source, uint64_t size)
{
    for (int made = 0;; made = 1) {
        sbi_http_answer a;
        sbi_http_request q = {.method = "PUT", .url = url, .source = source, .body_size = size, .headers = {"Content-Type: application/octet-stream"},
                              .flags = made ? 0 : SBI_HTTP_500_IS_FINAL};
        sbi_status status = sbi_http_send(r->storage, &q, &a);
        /* A folder that is missing: 409 by the book, 404, 403 or 500 elsewhere. */
        const int again = status == SBI_OK && !made && (a.code == 403 || a.code == 404 || a.code == 409 || a.code == 500);
        if (status == SBI_OK && !again) status = storage_status(&a, "PUT", url);
        sbi_http_answer_clear(&a);
        if (!again) return status;
        SBI_TRY(make_folders(r, url));
        SBI_TRY(source->rewind(source->user));
    }
}

/* Somebody who uploads the same bytes may have moved the upload away: then his is as good. */
static sbi_status move(rucio *r, const char *from, const char *to, const grid_rucio_file *file)
{
    sbi_http_answer a;
    char *destination = sbi_strf(r->ctx, "Destination: %s", to);
    if (!destination) return SBI_ERR_NO_MEMORY;
    sbi_status status = send_plain(r, "MOVE", from, destination, &a);
    if (status == SBI_OK) status = storage_status(&a, "MOVE", from);
    sbi_http_answer_clear(&a);
    sbi_free(r->ctx, destination);
    if (status == SBI_ERR_NOT_FOUND) {
        status = check(r, to, file);
        if (status == SBI_ERR_NOT_FOUND) status = sbi_fail(SBI_ERR_TRANSIENT, "%s: somebody took it away", from);
    }
    return status;
}

static void drop(rucio *r, const char *url)
{
    sbi_http_answer a;
    sbi_status status = send_plain(r, "DELETE", url, NULL, &a);
    if (status == SBI_OK && a.code != 404 && a.code != 410) status = storage_status(&a, "DELETE", url);
    if (status != SBI_OK) sbi_log(r->ctx, SBI_LOG_WARNING, "%s: stays behind: %s", url, sbi_last_error());
    sbi_http_answer_clear(&a);
}

sbi_status rucio_storage_put(rucio *r, const char *url, sbi_source *source, const grid_rucio_file *file)
{
    char message[SBI_ERROR_MESSAGE_SIZE];
    char *upload = sbi_strf(r->ctx, "%s" UPLOAD, url);
    if (!upload) return SBI_ERR_NO_MEMORY;
    outgoing o = {source, SBI_ADLER32_INIT, {{0}, 0, {0}, 0}};
    sbi_source through = {sizeof through, 0, read_out, rewind_out, &o};
    sbi_status status = rewind_out(&o);
    if (status == SBI_OK) status = send_bytes(r, upload, &through, file->size);
    if (status == SBI_OK) status = check_sent(&o, file, url);
    if (status == SBI_OK) {
        status = check(r, upload, file);
        /* Gone, or another's that is not whole yet. */
        if (status == SBI_ERR_NOT_FOUND) status = check(r, url, file);
        else if (status == SBI_OK) status = move(r, upload, url, file);
    }
    if (status != SBI_OK) {
        snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, sbi_last_error());
        drop(r, upload);
        sbi_error_set(status, message);
    }
    sbi_free(r->ctx, upload);
    return status;
}
