/* SPDX-License-Identifier: Apache-2.0 */
/* The XML of multipart uploads. */
#include "grid/s3_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grid/s3.h"
#include "grid/xml.h"

void grid_s3_parts_clear(grid_s3_parts *parts)
{
    sbi_free(parts->ctx, parts->items);
    parts->items = NULL;
    parts->count = parts->capacity = 0;
}

typedef struct parts_reader {
    grid_s3_parts *parts;
    const char *name;
    grid_s3_part now;
    int truncated;
    int32_t marker;
} parts_reader;

static int read_number(const char *text, int32_t *out)
{
    uint64_t n;
    if (!grid_read_size(text, &n) || n > GRID_S3_PARTS_MAX) return 0;
    *out = (int32_t)n;
    return 1;
}

static sbi_status add_part(parts_reader *r)
{
    grid_s3_parts *p = r->parts;
    if (r->now.number < 1 || !r->now.etag[0]) return sbi_fail(SBI_ERR_FORMAT, "%s: a Part without number or ETag", r->name);
    if (p->count && p->items[p->count - 1].number >= r->now.number) return sbi_fail(SBI_ERR_FORMAT, "%s: parts are not in order", r->name);
    if (p->count == p->capacity) {
        const size_t capacity = p->capacity ? 2 * p->capacity : 64;
        grid_s3_part *grown = sbi_realloc_array(p->ctx, p->items, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        p->items = grown;
        p->capacity = capacity;
    }
    p->items[p->count++] = r->now;
    memset(&r->now, 0, sizeof r->now);
    return SBI_OK;
}

static sbi_status read_part(void *user, const char *path, const char *text)
{
    parts_reader *r = user;
    static const char root[] = "ListPartsResult/";
    if (strncmp(path, root, sizeof root - 1) != 0) return SBI_OK;
    path += sizeof root - 1;
    int good = 1;
    if (strcmp(path, "IsTruncated") == 0)
        r->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "NextPartNumberMarker") == 0)
        good = read_number(text, &r->marker);
    else if (strcmp(path, "Part/PartNumber") == 0)
        good = read_number(text, &r->now.number);
    else if (strcmp(path, "Part/Size") == 0)
        good = grid_read_size(text, &r->now.size);
    else if (strcmp(path, "Part/ETag") == 0)
        good = (size_t)snprintf(r->now.etag, sizeof r->now.etag, "%s", text) < sizeof r->now.etag;
    else if (strcmp(path, "Part") == 0)
        return add_part(r);
    return good ? SBI_OK : sbi_fail(SBI_ERR_FORMAT, "%s: %s is \"%.40s\"", r->name, path, text);
}

sbi_status grid_s3_read_parts(grid_s3_parts *parts, const char *data, size_t size, const char *name)
{
    parts_reader r = {.parts = parts, .name = name};
    const int32_t before = parts->next;
    SBI_TRY(grid_xml_read(parts->ctx, data, size, name, read_part, &r));
    if (r.truncated && r.marker <= before) return sbi_fail(SBI_ERR_FORMAT, "%s: the list of parts does not go on", name);
    parts->next = r.truncated ? r.marker : 0;
    return SBI_OK;
}

typedef struct uploads_reader {
    sbi_context *ctx;
    const char *key;
    char *id, *now_key, *now_id;
    int64_t begun, now_begun;
} uploads_reader;

static sbi_status keep(sbi_context *ctx, char **to, const char *text)
{
    sbi_free(ctx, *to);
    *to = sbi_strdup(ctx, text);
    return *to ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status read_upload(void *user, const char *path, const char *text)
{
    uploads_reader *r = user;
    if (strcmp(path, "ListMultipartUploadsResult/Upload/Key") == 0) return keep(r->ctx, &r->now_key, text);
    if (strcmp(path, "ListMultipartUploadsResult/Upload/UploadId") == 0) return keep(r->ctx, &r->now_id, text);
    if (strcmp(path, "ListMultipartUploadsResult/Upload/Initiated") == 0) r->now_begun = grid_date_ms(text);
    if (strcmp(path, "ListMultipartUploadsResult/Upload") != 0) return SBI_OK;
    if (r->now_key && r->now_id && r->now_id[0] && strcmp(r->now_key, r->key) == 0 && (!r->id || r->now_begun >= r->begun)) {
        sbi_free(r->ctx, r->id);
        r->id = r->now_id;
        r->now_id = NULL;
        r->begun = r->now_begun;
    }
    sbi_free(r->ctx, r->now_key);
    sbi_free(r->ctx, r->now_id);
    r->now_key = r->now_id = NULL;
    r->now_begun = 0;
    return SBI_OK;
}

sbi_status grid_s3_read_uploads(char **id, sbi_context *ctx, const char *data, size_t size, const char *key, const char *name)
{
    uploads_reader r = {.ctx = ctx, .key = key};
    sbi_status status = grid_xml_read(ctx, data, size, name, read_upload, &r);
    sbi_free(ctx, r.now_key);
    sbi_free(ctx, r.now_id);
    if (status != SBI_OK) {
        sbi_free(ctx, r.id);
        r.id = NULL;
    }
    *id = r.id;
    return status;
}

typedef struct one_reader {
    sbi_context *ctx;
    const char *path;
    char *text;
} one_reader;

static sbi_status read_one(void *user, const char *path, const char *text)
{
    one_reader *r = user;
    return strcmp(path, r->path) == 0 && text[0] ? keep(r->ctx, &r->text, text) : SBI_OK;
}

sbi_status grid_s3_read_one(char **out, sbi_context *ctx, const char *data, size_t size, const char *path, const char *name)
{
    one_reader r = {ctx, path, NULL};
    sbi_status status = grid_xml_read(ctx, data, size, name, read_one, &r);
    if (status == SBI_OK && !r.text) status = sbi_fail(SBI_ERR_FORMAT, "%s: the answer has no %s", name, path);
    if (status != SBI_OK) {
        sbi_free(ctx, r.text);
        r.text = NULL;
    }
    *out = r.text;
    return status;
}
