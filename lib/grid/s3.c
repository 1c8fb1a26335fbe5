/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of S3 and of what speaks like it as stores. Requests are signed (version 4) with the hash of what they carry. */
#include "grid/s3.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "grid/config.h"
#include "grid/listing.h"
#include "grid/secret.h"
#include "grid/xml.h"

#define CHUNK ((size_t)1 << 16)
#define CLOCK_MOST_MS 300000
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SINGLE_PUT_MOST ((uint64_t)5 << 30)

/* ---- requests -------------------------------------------------------------------------------------------------- */

sbi_status grid_s3_send(grid_s3 *s, const char *name, const char *query, sbi_http_request *request, const char *sha256, sbi_http_answer *answer)
{
    char hash[96], hex[SBI_SHA256_HEX_SIZE];
    memset(answer, 0, sizeof *answer);
    char *url = sbi_strf(s->ctx, "%s%s%s%s", name ? s->base : s->bucket, name ? name : "", query ? "?" : "", query ? query : "");
    if (!url) return SBI_ERR_NO_MEMORY;
    if (!sha256 && request->body) {
        sbi_sha256_text(request->body, request->body_size, hex);
        sha256 = hex;
    }
    snprintf(hash, sizeof hash, "x-amz-content-sha256: %s", sha256 ? sha256 : EMPTY_SHA256);
    for (int i = 0; i < SBI_HTTP_HEADERS_MAX; i++) {
        if (request->headers[i]) continue;
        request->headers[i] = hash;
        break;
    }
    request->url = url;
    const sbi_status status = sbi_http_send(s->http, request, answer);
    request->url = NULL;
    sbi_free(s->ctx, url);
    return status;
}

static sbi_status read_error(void *user, const char *path, const char *text)
{
    char *code = user;
    if (strcmp(path, "Error/Code") == 0) snprintf(code, 64, "%s", text);
    return SBI_OK;
}

/* Signatures hold for minutes of the server's clock. One that is set right in between makes them good again, so that this is no refusal for good. */
static int clock_is_wrong(const sbi_http_answer *answer)
{
    char text[64];
    const int64_t there = sbi_http_header(answer, "date", text, sizeof text) ? grid_date_ms(text) : 0, here = sbi_date_ms();
    return there && (there - here > CLOCK_MOST_MS || here - there > CLOCK_MOST_MS);
}

sbi_status grid_s3_status(grid_s3 *s, const sbi_http_answer *answer, const char *name)
{
    char code[64] = "";
    if (answer->code >= 200 && answer->code < 300) return SBI_OK;
    if (answer->body.size && grid_xml_read(s->ctx, answer->body.data, answer->body.size, name, read_error, code) != SBI_OK) code[0] = '\0';
    for (char *c = code; *c; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) *c = '?';
    }
    sbi_status status = sbi_http_status(answer, name);
    if (strcmp(code, "NoSuchBucket") == 0 || strcmp(code, "NoSuchUpload") == 0) status = SBI_ERR_NOT_FOUND;
    if (strcmp(code, "QuotaExceeded") == 0 || strcmp(code, "XMinioStorageFull") == 0 || strcmp(code, "EntityTooLarge") == 0) status = SBI_ERR_NO_SPACE;
    if (strcmp(code, "BadDigest") == 0 || strcmp(code, "XAmzContentSHA256Mismatch") == 0) status = SBI_ERR_CHECKSUM;
    if (answer->code == 403 && clock_is_wrong(answer)) {
        status = SBI_ERR_TRANSIENT;
        snprintf(code, sizeof code, "since the clocks of this machine and of the server differ");
    }
    if (strcmp(code, "RequestTimeout") == 0 || strcmp(code, "SlowDown") == 0 || strcmp(code, "ConditionalRequestConflict") == 0) status = SBI_ERR_TRANSIENT;
    return sbi_fail(status, "%s%s: HTTP %d %s", s->base, name, (int)answer->code, code);
}

/* ---- get and stat ---------------------------------------------------------------------------------------------- */

static sbi_status head(grid_s3 *s, const char *name, sbi_http_answer *answer)
{
    sbi_http_request r = {.method = "HEAD"};
    SBI_TRY(grid_s3_send(s, name, NULL, &r, NULL, answer));
    return grid_s3_status(s, answer, name);
}

static sbi_status s3_stat(void *self, const char *name, sbi_store_info *info)
{
    grid_s3 *s = self;
    sbi_http_answer a;
    char text[64];
    sbi_status status = head(s, name, &a);
    if (status == SBI_OK && (!sbi_http_header(&a, "content-length", text, sizeof text) || !grid_read_size(text, &info->size)))
        status = sbi_fail(SBI_ERR_FORMAT, "%s%s: HEAD without a Content-Length", s->base, name);
    if (status == SBI_OK && sbi_http_header(&a, "last-modified", text, sizeof text)) info->modified_ms = grid_date_ms(text);
    sbi_http_answer_clear(&a);
    return status;
}

/* Passes bytes on and hashes them. */
typedef struct hashing {
    sbi_sink *to;
    sbi_sha256 sha;
} hashing;

static sbi_status hash_on(void *user, const void *data, size_t size)
{
    hashing *h = user;
    sbi_sha256_update(&h->sha, data, size);
    return h->to->write(h->to->user, data, size);
}

static sbi_status s3_get(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    grid_s3 *s = self;
    sbi_http_answer a;
    char expected[SBI_SHA256_HEX_SIZE + 8], hex[SBI_SHA256_HEX_SIZE];
    unsigned char digest[32];
    hashing h = {.to = sink};
    sbi_sink through = {sizeof through, 0, hash_on, &h};
    sbi_http_request r = {.method = "GET", .sink = &through, .offset = offset, .length = length};
    sbi_sha256_init(&h.sha);
    sbi_status status = grid_s3_send(s, name, NULL, &r, NULL, &a);
    if (status == SBI_OK && a.code == 416 && a.written == 0) {
        sbi_store_info info = {.struct_size = sizeof info};
        sbi_http_answer_clear(&a);
        SBI_TRY(s3_stat(s, name, &info));
        return grid_refused_range(&info, offset, length, s->base, name);
    }
    if (status == SBI_OK) status = grid_s3_status(s, &a, name);
    if (status == SBI_OK && length && a.written < length)
        status = sbi_fail(SBI_ERR_ARGUMENT, "%s%s: %llu bytes from %llu were asked for, and only %llu came", s->base, name, (unsigned long long)length,
                          (unsigned long long)offset, (unsigned long long)a.written);
    sbi_sha256_final(&h.sha, digest);
    sbi_sha256_hex(digest, hex);
    if (status == SBI_OK && !offset && !length && sbi_http_header(&a, "x-amz-meta-sbi-sha256", expected, sizeof expected) && strcmp(expected, hex) != 0)
        status = sbi_fail(SBI_ERR_CHECKSUM, "%s%s: has sha256 %s, expected %.64s", s->base, name, hex, expected);
    sbi_http_answer_clear(&a);
    return status;
}

/* ---- put ------------------------------------------------------------------------------------------------------- */

static sbi_status hash_source(grid_s3 *s, const char *name, sbi_source *source, uint64_t size, char hex[SBI_SHA256_HEX_SIZE])
{
    char *buffer = sbi_alloc(s->ctx, CHUNK);
    if (!buffer) return SBI_ERR_NO_MEMORY;
    sbi_sha256 h;
    unsigned char digest[32];
    sbi_sha256_init(&h);
    sbi_status status = SBI_OK;
    for (uint64_t left = size; left && status == SBI_OK;) {
        size_t got = 0;
        status = source->read(source->user, buffer, left < CHUNK ? (size_t)left : CHUNK, &got);
        if (status == SBI_OK && (!got || got > left))
            status = sbi_fail(SBI_ERR_ARGUMENT, "%s: the source ended after %llu of %llu bytes", name, (unsigned long long)(size - left),
                              (unsigned long long)size);
        if (status == SBI_OK) sbi_sha256_update(&h, buffer, got);
        left -= got;
    }
    sbi_free(s->ctx, buffer);
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    return status == SBI_OK ? source->rewind(source->user) : status;
}

/* After an answer was lost, "it exists" may mean our own object: it bears our mark then. */
static int is_ours(grid_s3 *s, const char *name, const char *mark)
{
    sbi_http_answer a;
    char found[64] = "";
    const sbi_status status = head(s, name, &a);
    const int ours = status == SBI_OK && sbi_http_header(&a, "x-amz-meta-sbi-mark", found, sizeof found) && strcmp(found, mark) == 0;
    sbi_http_answer_clear(&a);
    return ours;
}

static sbi_status put_whole(grid_s3 *s, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    char hex[SBI_SHA256_HEX_SIZE], mark[33], sha[128], marked[80];
    SBI_TRY(hash_source(s, name, source, size, hex));
    SBI_TRY(grid_unique(mark));
    snprintf(sha, sizeof sha, "x-amz-meta-sbi-sha256: %s", hex);
    snprintf(marked, sizeof marked, "x-amz-meta-sbi-mark: %s", mark);
    sbi_http_request r = {.method = "PUT", .source = source, .body_size = size, .headers = {sha, marked, "Content-Type: application/octet-stream"}};
    if (flags & SBI_STORE_CREATE) r.headers[3] = "If-None-Match: *";
    sbi_http_answer a;
    sbi_status status = grid_s3_send(s, name, NULL, &r, hex, &a);
    if (status == SBI_OK) status = grid_s3_status(s, &a, name);
    if (status == SBI_ERR_EXISTS && a.tries > 1 && is_ours(s, name, mark)) status = SBI_OK;
    sbi_http_answer_clear(&a);
    return status;
}

static sbi_status s3_put(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    grid_s3 *s = self;
    return size <= s->part_size && size <= SINGLE_PUT_MOST ? put_whole(s, name, source, size, flags) : grid_s3_put_parts(s, name, source, size, flags);
}

static sbi_status s3_remove(void *self, const char *name)
{
    grid_s3 *s = self;
    sbi_http_answer a;
    sbi_http_request r = {.method = "DELETE"};
    sbi_status status = grid_s3_send(s, name, NULL, &r, NULL, &a);
    if (status == SBI_OK && a.code != 404) status = grid_s3_status(s, &a, name);
    sbi_http_answer_clear(&a);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

void grid_s3_free(grid_s3 *s)
{
    if (!s) return;
    sbi_http_close(s->http);
    grid_credentials_wipe(&s->credentials, s->ctx);
    sbi_free(s->ctx, s->base);
    sbi_free(s->ctx, s->bucket);
    sbi_free(s->ctx, s->prefix);
    sbi_free(s->ctx, s->region);
    sbi_free(s->ctx, s);
}

static void s3_close(void *self)
{
    grid_s3_free(self);
}

/* Bucket and prefix of "s3://bucket/prefix". */
static sbi_status read_url(grid_s3 *s, const char *url, char bucket[64])
{
    const char *rest = url + strlen("s3://");
    const size_t n = strcspn(rest, "/");
    if (n < 3 || n > 63 || strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-") < n)
        return sbi_fail(SBI_ERR_ARGUMENT, "%.200s: the bucket is not 3 to 63 of [a-z0-9.-]", url);
    memcpy(bucket, rest, n);
    bucket[n] = '\0';
    rest += n;
    while (*rest == '/') rest++;
    size_t length = strlen(rest);
    while (length && rest[length - 1] == '/') length--;
    s->prefix = length ? sbi_strf(s->ctx, "%.*s/", (int)length, rest) : sbi_strdup(s->ctx, "");
    if (!s->prefix) return SBI_ERR_NO_MEMORY;
    if (length) {
        s->prefix[length] = '\0';
        const int valid = grid_name_valid(s->prefix);
        s->prefix[length] = '/';
        if (!valid) return sbi_fail(SBI_ERR_ARGUMENT, "%.200s: the prefix is not made of [A-Za-z0-9._-] parts", url);
    }
    return SBI_OK;
}

static sbi_status build_urls(grid_s3 *s, const grid_config *c, const char *bucket)
{
    const char *endpoint = grid_environment("AWS_ENDPOINT_URL_S3");
    if (!endpoint) endpoint = grid_environment("AWS_ENDPOINT_URL");
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "endpoint", endpoint, &endpoint));
    int path_style = endpoint != NULL;
    SBI_TRY(sbi_json_get_bool_or(c->json, &c->at, "path_style", path_style, &path_style));
    char *owned = endpoint ? sbi_strdup(s->ctx, endpoint) : sbi_strf(s->ctx, "https://s3.%s.amazonaws.com", s->region);
    if (!owned) return SBI_ERR_NO_MEMORY;
    for (size_t n = strlen(owned); n && owned[n - 1] == '/'; n--) owned[n - 1] = '\0';
    const char *host = strstr(owned, "://");
    sbi_status status = SBI_OK;
    if (!host || (strncmp(owned, "https://", 8) != 0 && strncmp(owned, "http://", 7) != 0) || strpbrk(host, "?#@ "))
        status = sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "endpoint: is not a URL of http or https without a user");
    else if (path_style)
        s->bucket = sbi_strf(s->ctx, "%s/%s", owned, bucket);
    else
        s->bucket = sbi_strf(s->ctx, "%.*s://%s.%s", (int)(host - owned), owned, bucket, host + 3);
    if (status == SBI_OK && s->bucket) s->base = sbi_strf(s->ctx, "%s/%s", s->bucket, s->prefix);
    if (status == SBI_OK && !path_style && s->bucket) { /* the bucket itself is asked by its root */
        char *root = sbi_strf(s->ctx, "%s/", s->bucket);
        sbi_free(s->ctx, s->bucket);
        s->bucket = root;
    }
    sbi_free(s->ctx, owned);
    return status != SBI_OK ? status : s->bucket && s->base ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status configure(grid_s3 *s, const grid_config *c, const char *url)
{
    char bucket[64], sign[96];
    const char *region = grid_environment("AWS_REGION"), *file, *profile;
    int64_t number;
    SBI_TRY(read_url(s, url, bucket));
    if (!region) region = grid_environment("AWS_DEFAULT_REGION");
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "region", region ? region : "us-east-1", &region));
    if (strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region) || strlen(region) > 40 || !*region)
        return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "region: \"%.40s\"", region);
    s->region = sbi_strdup(s->ctx, region);
    if (!s->region) return SBI_ERR_NO_MEMORY;
    SBI_TRY(build_urls(s, c, bucket));
    SBI_TRY(grid_config_integer(c, "part_size", (int64_t)16 << 20, GRID_S3_PART_LEAST, (int64_t)1 << 30, &number));
    s->part_size = (uint64_t)number;
    SBI_TRY(grid_config_integer(c, "parallel", 4, 1, 16, &number));
    s->parallel = (int32_t)number;
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "credentials_file", NULL, &file));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "profile", NULL, &profile));
    SBI_TRY(grid_credentials_find(&s->credentials, s->ctx, file, profile));
    sbi_http_options o = {0};
    SBI_TRY(grid_config_http(c, &o));
    snprintf(sign, sizeof sign, "aws:amz:%s:s3", region);
    o.sign = sign;
    o.user = s->credentials.key;
    o.password = s->credentials.secret;
    o.session_token = s->credentials.session_token;
    return sbi_http_open(&s->http, s->ctx, &o);
}

sbi_status grid_s3_create(grid_s3 **out, sbi_context *ctx, const char *url, const char *config)
{
    static const char *const own[] = {"endpoint", "region", "path_style", "part_size", "parallel", "credentials_file", "profile", NULL};
    grid_config c;
    *out = NULL;
    SBI_TRY(grid_config_read(&c, config, "store \"s3\"", own));
    grid_s3 *s = sbi_alloc_zero(ctx, 1, sizeof *s);
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (s) {
        s->ctx = ctx;
        status = configure(s, &c, url);
    }
    grid_config_clear(&c);
    if (status == SBI_OK)
        *out = s;
    else
        grid_s3_free(s);
    return status;
}

static const sbi_store_ops s3_ops = {
    .struct_size = sizeof s3_ops,
    .abi = SBI_STORE_ABI,
    .get = s3_get,
    .stat = s3_stat,
    .put = s3_put,
    .list = grid_s3_list,
    .remove = s3_remove,
    .close = s3_close,
};

sbi_status grid_s3_open(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self)
{
    (void)user;
    grid_s3 *s;
    SBI_TRY(grid_s3_create(&s, ctx, url, config));
    *ops = &s3_ops;
    *self = s;
    return SBI_OK;
}
