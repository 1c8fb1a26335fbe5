/* SPDX-License-Identifier: Apache-2.0 */
/* Large objects in parts, several at once. An upload that was interrupted is gone on from: parts that are there with our size and MD5 are not sent again.
 *
 * Each part is signed with its sha256, which the server checks. An object put in parts has no checksum of the whole in its metadata, since an upload that is
 * continued may have begun with other content. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/listing.h"
#include "grid/md5.h"
#include "grid/s3.h"
#include "grid/s3_answers.h"

typedef struct upload {
    grid_s3 *s;
    const char *name;
    char *id;
    uint64_t size, part_size;
    int32_t parts;
    int32_t resumed;
    grid_s3_parts there;
    char (*etags)[80]; /* [parts] */
} upload;

/* ---- the steps ------------------------------------------------------------------------------------------------- */

/* "partNumber=N&uploadId=ID" and the like, with the id encoded. */
static sbi_status query_text(sbi_text *out, const upload *u, const char *before)
{
    sbi_text_init(out, u->s->ctx);
    sbi_text_addf(out, "%suploadId=", before);
    sbi_http_escape(out, u->id, 0);
    return out->status;
}

static sbi_status begin(upload *u)
{
    sbi_http_answer a;
    sbi_http_request r = {.method = "POST", .headers = {"Content-Type: application/octet-stream"}, .flags = SBI_HTTP_REPEATABLE};
    sbi_status status = grid_s3_send(u->s, u->name, "uploads=", &r, NULL, &a);
    if (status == SBI_OK) status = grid_s3_status(u->s, &a, u->name);
    if (status == SBI_OK) status = grid_s3_read_one(&u->id, u->s->ctx, a.body.data, a.body.size, "InitiateMultipartUploadResult/UploadId", u->name);
    sbi_http_answer_clear(&a);
    return status;
}

static sbi_status list_parts(upload *u)
{
    u->there.next = 0;
    do {
        char before[64];
        sbi_text query;
        sbi_http_answer a;
        sbi_http_request r = {.method = "GET"};
        snprintf(before, sizeof before, "part-number-marker=%d&", (int)u->there.next);
        SBI_TRY(query_text(&query, u, before));
        sbi_status status = grid_s3_send(u->s, u->name, query.data, &r, NULL, &a);
        sbi_text_clear(&query);
        if (status == SBI_OK) status = grid_s3_status(u->s, &a, u->name);
        if (status == SBI_OK) status = grid_s3_read_parts(&u->there, a.body.data, a.body.size, u->name);
        sbi_http_answer_clear(&a);
        SBI_TRY(status);
    } while (u->there.next);
    return SBI_OK;
}

/* Finds an upload to go on with. That there is none, or that a server will not tell, is no failure. */
static sbi_status resume(upload *u)
{
    sbi_text query;
    sbi_http_answer a;
    sbi_http_request r = {.method = "GET"};
    char *key = sbi_strf(u->s->ctx, "%s%s", u->s->prefix, u->name);
    if (!key) return SBI_ERR_NO_MEMORY;
    sbi_text_init(&query, u->s->ctx);
    sbi_text_addf(&query, "prefix=");
    sbi_http_escape(&query, key, 0);
    sbi_text_addf(&query, "&uploads=");
    sbi_status status = query.status;
    memset(&a, 0, sizeof a);
    if (status == SBI_OK) status = grid_s3_send(u->s, NULL, query.data, &r, NULL, &a);
    if (status == SBI_OK) status = grid_s3_status(u->s, &a, u->name);
    if (status == SBI_OK) status = grid_s3_read_uploads(&u->id, u->s->ctx, a.body.data, a.body.size, key, u->name);
    if (status == SBI_OK && u->id) status = list_parts(u);
    if (status != SBI_OK && status != SBI_ERR_CANCELLED && status != SBI_ERR_NO_MEMORY) {
        sbi_log(u->s->ctx, SBI_LOG_INFO, "%s: no upload to go on with: %s", u->name, sbi_last_error());
        sbi_free(u->s->ctx, u->id);
        u->id = NULL;
        grid_s3_parts_clear(&u->there);
        status = SBI_OK;
    }
    u->resumed = u->id != NULL;
    sbi_http_answer_clear(&a);
    sbi_text_clear(&query);
    sbi_free(u->s->ctx, key);
    return status;
}

static int is_there(const upload *u, int32_t number, const void *data, size_t size)
{
    char hex[33];
    for (size_t i = 0; i < u->there.count; i++) {
        const grid_s3_part *p = &u->there.items[i];
        if (p->number != number) continue;
        if (p->size != size || strlen(p->etag) != 34) return 0;
        grid_md5_text(data, size, hex);
        return strncmp(p->etag + 1, hex, 32) == 0;
    }
    return 0;
}

static sbi_status send_part(const upload *u, int32_t number, const void *data, size_t size)
{
    char before[64];
    char *etag = u->etags[number - 1];
    sbi_text query;
    sbi_http_answer a;
    sbi_http_request r = {.method = "PUT", .body = data, .body_size = size};
    if (is_there(u, number, data, size)) {
        char hex[33];
        grid_md5_text(data, size, hex);
        snprintf(etag, sizeof *u->etags, "\"%s\"", hex);
        return SBI_OK;
    }
    snprintf(before, sizeof before, "partNumber=%d&", (int)number);
    SBI_TRY(query_text(&query, u, before));
    sbi_status status = grid_s3_send(u->s, u->name, query.data, &r, NULL, &a);
    sbi_text_clear(&query);
    if (status == SBI_OK) status = grid_s3_status(u->s, &a, u->name);
    if (status == SBI_OK && !sbi_http_header(&a, "etag", etag, sizeof *u->etags))
        status = sbi_fail(SBI_ERR_FORMAT, "%s: part %d was taken without an ETag", u->name, (int)number);
    sbi_http_answer_clear(&a);
    return status;
}

static sbi_status complete(upload *u, uint32_t flags)
{
    sbi_text body, query;
    sbi_http_answer a;
    memset(&a, 0, sizeof a);
    sbi_text_init(&body, u->s->ctx);
    sbi_text_addf(&body, "<CompleteMultipartUpload>");
    for (int32_t i = 0; i < u->parts; i++) {
        const char *etag = u->etags[i];
        sbi_text_addf(&body, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", (int)i + 1, strpbrk(etag, "<&>") ? "" : etag);
    }
    sbi_text_addf(&body, "</CompleteMultipartUpload>");
    sbi_status status = body.status;
    if (status == SBI_OK) status = query_text(&query, u, "");
    if (status == SBI_OK) {
        sbi_http_request r = {.method = "POST", .body = body.data, .body_size = body.size, .headers = {"Content-Type: application/xml"},
                              .flags = SBI_HTTP_REPEATABLE};
        if (flags & SBI_STORE_CREATE) r.headers[1] = "If-None-Match: *";
        status = grid_s3_send(u->s, u->name, query.data, &r, NULL, &a);
        sbi_text_clear(&query);
    }
    if (status == SBI_OK) status = grid_s3_status(u->s, &a, u->name);
    if (status == SBI_OK) { /* 200 may come before the work is done, and end in an Error */
        char *etag = NULL;
        status = grid_s3_read_one(&etag, u->s->ctx, a.body.data, a.body.size, "CompleteMultipartUploadResult/ETag", u->name);
        sbi_free(u->s->ctx, etag);
    } else if (a.tries > 1 && status == SBI_ERR_NOT_FOUND) {
        /* The upload is gone: an earlier try, whose answer was lost, completed it. */
        sbi_http_answer h;
        char size[32], expected[32];
        sbi_http_request r = {.method = "HEAD"};
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)u->size);
        if (grid_s3_send(u->s, u->name, NULL, &r, NULL, &h) == SBI_OK && h.code == 200 && sbi_http_header(&h, "content-length", size, sizeof size) &&
            strcmp(size, expected) == 0)
            status = SBI_OK;
        sbi_http_answer_clear(&h);
    }
    sbi_http_answer_clear(&a);
    sbi_text_clear(&body);
    return status;
}

static void forget_upload(upload *u)
{
    sbi_text query;
    sbi_http_answer a;
    sbi_http_request r = {.method = "DELETE"};
    char message[SBI_ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, sbi_last_error());
    if (u->id && query_text(&query, u, "") == SBI_OK) {
        if (grid_s3_send(u->s, u->name, query.data, &r, NULL, &a) != SBI_OK)
            sbi_log(u->s->ctx, SBI_LOG_WARNING, "%s: parts of an upload may stay behind: %s", u->name, sbi_last_error());
        sbi_http_answer_clear(&a);
        sbi_text_clear(&query);
    }
    sbi_free(u->s->ctx, u->id);
    u->id = NULL;
    grid_s3_parts_clear(&u->there);
    sbi_error_set(SBI_OK, message);
}

/* ---- parts, several at once ------------------------------------------------------------------------------------ */

typedef struct job {
    const upload *u;
    unsigned char *data;
    size_t size;
    int32_t number;
    sbi_status status;
    pthread_t thread;
    int started;
    int reserved;
    char message[SBI_ERROR_MESSAGE_SIZE];
} job;

static void *run_job(void *user)
{
    job *j = user;
    j->status = send_part(j->u, j->number, j->data, j->size);
    if (j->status != SBI_OK) snprintf(j->message, sizeof j->message, "%.*s", (int)sizeof j->message - 1, sbi_last_error());
    return NULL;
}

static sbi_status fill(job *j, const upload *u, sbi_source *source)
{
    const uint64_t begin_at = (uint64_t)(j->number - 1) * u->part_size, left = u->size - begin_at;
    const size_t want = left < u->part_size ? (size_t)left : (size_t)u->part_size;
    for (j->size = 0; j->size < want;) {
        size_t got = 0;
        SBI_TRY(source->read(source->user, j->data + j->size, want - j->size, &got));
        if (!got || got > want - j->size)
            return sbi_fail(SBI_ERR_ARGUMENT, "%s: the source ended after %llu of %llu bytes", u->name, (unsigned long long)(begin_at + j->size),
                            (unsigned long long)u->size);
        j->size += got;
    }
    return SBI_OK;
}

/* Sends n parts from `first` on; the lowest that failed gives status and message. */
static sbi_status send_batch(const upload *u, sbi_source *source, job *jobs, int32_t first, int32_t n)
{
    sbi_status status = SBI_OK;
    int32_t filled = 0;
    for (; filled < n && status == SBI_OK; filled++) {
        job *j = &jobs[filled];
        j->u = u;
        j->number = first + filled;
        j->status = SBI_OK;
        j->started = 0;
        status = fill(j, u, source);
        if (status != SBI_OK) break;
        j->started = filled + 1 < n && pthread_create(&j->thread, NULL, run_job, j) == 0;
        if (!j->started) run_job(j); /* the last one in this thread, and all where there are no threads to be had */
    }
    char message[SBI_ERROR_MESSAGE_SIZE];
    if (status != SBI_OK) snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, sbi_last_error());
    for (int32_t i = 0; i < filled; i++) {
        if (jobs[i].started) pthread_join(jobs[i].thread, NULL);
    }
    for (int32_t i = 0; i < filled; i++) {
        if (jobs[i].status != SBI_OK) return sbi_error_set(jobs[i].status, jobs[i].message);
    }
    return status == SBI_OK ? SBI_OK : sbi_error_set(status, message);
}

static sbi_status send_parts(const upload *u, sbi_source *source)
{
    const int32_t n = u->s->parallel < u->parts ? u->s->parallel : u->parts;
    job *jobs = sbi_alloc_zero(u->s->ctx, (size_t)n, sizeof *jobs);
    if (!jobs) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (int32_t i = 0; i < n && status == SBI_OK; i++) {
        jobs[i].data = sbi_alloc(u->s->ctx, u->part_size);
        if (!jobs[i].data) status = SBI_ERR_NO_MEMORY;
    }
    for (int32_t at = 1; at <= u->parts && status == SBI_OK; at += n) {
        status = sbi_check_cancel(u->s->ctx, u->name);
        if (status == SBI_OK) status = send_batch(u, source, jobs, at, u->parts - at + 1 < n ? u->parts - at + 1 : n);
    }
    for (int32_t i = 0; i < n; i++) sbi_free(u->s->ctx, jobs[i].data);
    sbi_free(u->s->ctx, jobs);
    return status;
}

static sbi_status try_upload(upload *u, sbi_source *source, uint32_t flags)
{
    if (!u->id) SBI_TRY(begin(u));
    SBI_TRY(source->rewind(source->user));
    SBI_TRY(send_parts(u, source));
    return complete(u, flags);
}

/* Whether an upload is kept so that a later call may go on with it. */
static int worth_keeping(sbi_status status)
{
    return status == SBI_ERR_TRANSIENT || status == SBI_ERR_CANCELLED || status == SBI_ERR_IO;
}

sbi_status grid_s3_put_parts(grid_s3 *s, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    upload u = {.s = s, .name = name, .size = size, .part_size = s->part_size, .there = {.ctx = s->ctx}};
    if (size / GRID_S3_PARTS_MAX >= u.part_size) u.part_size = (size / GRID_S3_PARTS_MAX + (1 << 20)) & ~(uint64_t)((1 << 20) - 1);
    u.parts = (int32_t)((size + u.part_size - 1) / u.part_size);
    if (flags & SBI_STORE_CREATE) { /* said before the bytes are sent, and decided at the end */
        sbi_http_answer a;
        sbi_http_request r = {.method = "HEAD"};
        sbi_status status = grid_s3_send(s, name, NULL, &r, NULL, &a);
        if (status == SBI_OK && a.code == 200) status = sbi_fail(SBI_ERR_EXISTS, "%s%s: exists", s->base, name);
        sbi_http_answer_clear(&a);
        SBI_TRY(status);
    }
    u.etags = sbi_alloc_zero(s->ctx, (size_t)u.parts, sizeof *u.etags);
    if (!u.etags) return SBI_ERR_NO_MEMORY;
    sbi_status status = resume(&u);
    if (status == SBI_OK) status = try_upload(&u, source, flags);
    /* What was gone on with may have been somebody else's, who completed or ended it. */
    if (u.resumed && status != SBI_OK && !worth_keeping(status) && status != SBI_ERR_EXISTS) {
        forget_upload(&u);
        u.resumed = 0;
        status = try_upload(&u, source, flags);
    }
    if (status != SBI_OK && !worth_keeping(status)) forget_upload(&u);
    sbi_free(s->ctx, u.id);
    grid_s3_parts_clear(&u.there);
    sbi_free(s->ctx, u.etags);
    return status;
}
