/* SPDX-License-Identifier: Apache-2.0 */
/* One request sent once, by libcurl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/http_internal.h"
#include "grid/secret.h"

#define POLL_MS 100
#define HEADERS_LIMIT ((size_t)64 << 10)
#define ERROR_BODY_LIMIT ((size_t)64 << 10)

/* ---- what comes ------------------------------------------------------------------------------------------------ */

static size_t on_header(char *data, size_t one, size_t size, void *user)
{
    http_transfer *t = user;
    sbi_text *h = &t->answer->headers;
    (void)one;
    t->last_ms = sbi_now_ms();
    if (size > 5 && memcmp(data, "HTTP/", 5) == 0) { /* a new answer: after 100, or the proxy's */
        h->size = 0;
        t->body_began = 0;
        return size;
    }
    if (t->body_began) return size; /* a trailer: what was decided by the headers stays so */
    size_t length = size, name = 0;
    while (length && (data[length - 1] == '\n' || data[length - 1] == '\r')) length--;
    while (name < length && data[name] != ':') name++;
    if (name == length) return size;
    if (h->size + length > HEADERS_LIMIT || memchr(data, '\n', length) || memchr(data, 0, length)) {
        t->status = sbi_fail(SBI_ERR_FORMAT, "%s: the headers of the answer are malformed or over %zu bytes", t->request->method, HEADERS_LIMIT);
        return 0;
    }
    for (size_t i = 0; i < name; i++) data[i] = (char)(data[i] >= 'A' && data[i] <= 'Z' ? data[i] + 32 : data[i]);
    sbi_text_add(h, data, length);
    sbi_text_add(h, "\n", 1);
    t->status = h->status;
    return t->status == SBI_OK ? size : 0;
}

/* "bytes FIRST-LAST/TOTAL", TOTAL may be "*" (UINT64_MAX). */
static int read_content_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *total)
{
    char *end;
    if (strncasecmp(text, "bytes ", 6) != 0 || text[6] < '0' || text[6] > '9') return 0;
    *first = strtoull(text + 6, &end, 10);
    if (*end != '-' || end[1] < '0' || end[1] > '9') return 0;
    *last = strtoull(end + 1, &end, 10);
    if (*end != '/') return 0;
    *total = UINT64_MAX;
    if (strcmp(end + 1, "*") == 0) return *last >= *first;
    if (end[1] < '0' || end[1] > '9') return 0;
    *total = strtoull(end + 1, &end, 10);
    return !*end && *last >= *first && *last < *total;
}

/* The first byte after the sink's last, and how many are wanted from there (UINT64_MAX: all). */
static uint64_t wanted(const http_transfer *t, uint64_t *count)
{
    const uint64_t done = t->answer->written;
    *count = t->request->length ? t->request->length - done : UINT64_MAX;
    return t->request->offset + done;
}

static int has_range(const http_transfer *t)
{
    return t->request->sink && (t->request->length || t->request->offset || t->answer->written);
}

/* Before the first byte goes into the sink: is it the byte that was asked for? */
static sbi_status begin_sink(http_transfer *t)
{
    char text[256];
    uint64_t first, last, total, count, at = wanted(t, &count);
    t->skip = 0;
    t->expected = count;
    t->received = 0;
    if (sbi_http_header(t->answer, "content-encoding", text, sizeof text) && strcasecmp(text, "identity") != 0)
        return sbi_fail(SBI_ERR_FORMAT, "the answer is encoded (%.40s), which was not asked for", text);
    if (sbi_http_header(t->answer, "etag", text, sizeof text)) {
        if (t->etag[0] && strcmp(t->etag, text) != 0) return sbi_fail(SBI_ERR_TRANSIENT, "the object changed while it was read");
        memcpy(t->etag, text, sizeof t->etag);
    }
    if (t->answer->code == 206) {
        if (!has_range(t) || !sbi_http_header(t->answer, "content-range", text, sizeof text) || !read_content_range(text, &first, &last, &total))
            return sbi_fail(SBI_ERR_FORMAT, "206 without a range, or one that was not asked for");
        if (first != at || last - first >= count || (count == UINT64_MAX && total != UINT64_MAX && last + 1 != total))
            return sbi_fail(SBI_ERR_FORMAT, "bytes %llu-%llu came where those from %llu were asked for", (unsigned long long)first,
                            (unsigned long long)last, (unsigned long long)at);
        t->expected = last - first + 1;
    } else if (has_range(t)) {
        t->skip = at;
    }
    return SBI_OK;
}

static sbi_status to_sink(http_transfer *t, const char *data, size_t size)
{
    if (t->skip) {
        const size_t n = t->skip < size ? (size_t)t->skip : size;
        t->skip -= n;
        data += n;
        size -= n;
    }
    const uint64_t left = t->expected == UINT64_MAX ? UINT64_MAX : t->expected - t->received;
    if (size > left) size = (size_t)left;
    if (size) {
        SBI_TRY(t->request->sink->write(t->request->sink->user, data, size));
        t->received += size;
        t->answer->written += size;
    }
    if (t->received == t->expected) t->finished = 1;
    return SBI_OK;
}

static sbi_status to_lines(http_transfer *t, const char *data, size_t size)
{
    while (size) {
        const char *end = memchr(data, '\n', size);
        const size_t n = end ? (size_t)(end - data) : size;
        if (t->line.size + n > t->request->limit) return sbi_fail(SBI_ERR_FORMAT, "a line of the answer is over %zu bytes", t->request->limit);
        sbi_text_add(&t->line, data, n);
        SBI_TRY(t->line.status);
        if (!end) return SBI_OK;
        data += n + 1;
        size -= n + 1;
        t->line_given = 1;
        size_t length = t->line.size;
        if (length && t->line.data[length - 1] == '\r') length--;
        SBI_TRY(t->request->line(t->request->line_user, t->line.data ? t->line.data : "", length));
        t->line.size = 0;
    }
    return SBI_OK;
}

static sbi_status to_memory(http_transfer *t, const char *data, size_t size)
{
    sbi_text *b = &t->answer->body;
    const int good = t->answer->code >= 200 && t->answer->code < 300;
    const size_t limit = good ? t->request->limit : ERROR_BODY_LIMIT;
    if (b->size + size > limit) {
        if (good) return sbi_fail(SBI_ERR_FORMAT, "the answer is over %zu bytes", limit);
        size = limit - b->size; /* the beginning of an error will do */
    }
    sbi_text_add(b, data, size);
    return b->status;
}

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    http_transfer *t = user;
    long code = 0;
    (void)one;
    t->last_ms = sbi_now_ms();
    if (!size) return 0;
    curl_easy_getinfo(t->slot->easy, CURLINFO_RESPONSE_CODE, &code);
    const int good = code >= 200 && code < 300;
    if (!t->body_began) {
        t->body_began = 1;
        t->answer->code = (int32_t)code;
        if (good && t->request->sink) t->status = begin_sink(t);
    }
    if (t->status == SBI_OK) {
        if (good && t->request->sink)
            t->status = to_sink(t, data, size);
        else if (good && t->request->line)
            t->status = to_lines(t, data, size);
        else
            t->status = to_memory(t, data, size);
    }
    if (t->status != SBI_OK) return 0;
    /* More than was asked for is not waited for. */
    return t->finished && t->answer->code != 206 ? 0 : size;
}

/* ---- what goes ------------------------------------------------------------------------------------------------- */

static size_t on_read(char *data, size_t one, size_t capacity, void *user)
{
    http_transfer *t = user;
    const sbi_http_request *r = t->request;
    const uint64_t left = r->body_size - t->body_at;
    size_t got = 0;
    (void)one;
    t->last_ms = sbi_now_ms();
    t->body_touched = 1;
    if (capacity > left) capacity = (size_t)left;
    if (!capacity) return 0;
    if (r->source) {
        t->status = r->source->read(r->source->user, data, capacity, &got);
        if (t->status == SBI_OK && (!got || got > capacity))
            t->status = sbi_fail(SBI_ERR_ARGUMENT, "the source ended after %llu of %llu bytes", (unsigned long long)t->body_at,
                                 (unsigned long long)r->body_size);
        if (t->status != SBI_OK) return CURL_READFUNC_ABORT;
    } else {
        got = capacity;
        memcpy(data, (const char *)r->body + t->body_at, got);
    }
    t->body_at += got;
    return got;
}

/* libcurl goes back where a connection that it kept turns out to be dead. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    http_transfer *t = user;
    if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
    if (t->request->source && t->body_touched) {
        t->status = t->request->source->rewind(t->request->source->user);
        if (t->status != SBI_OK) return CURL_SEEKFUNC_FAIL;
    }
    t->body_at = 0;
    return CURL_SEEKFUNC_OK;
}

/* ---- settings -------------------------------------------------------------------------------------------------- */

typedef struct setup {
    CURL *easy;
    CURLcode code; /* the first that failed */
    struct curl_slist *headers;
} setup;

#define SET(option, ...)                                                                                               \
    do {                                                                                                               \
        if (s->code == CURLE_OK) s->code = curl_easy_setopt(s->easy, option, __VA_ARGS__);                             \
    } while (0)

static void add_header(setup *s, const char *header)
{
    struct curl_slist *grown = curl_slist_append(s->headers, header);
    if (grown)
        s->headers = grown;
    else
        s->code = CURLE_OUT_OF_MEMORY;
}

static void set_blob(setup *s, CURLoption option, const sbi_http_bytes *bytes)
{
    struct curl_blob blob = {(void *)(uintptr_t)bytes->data, bytes->size, CURL_BLOB_COPY};
    SET(option, &blob);
}

static void set_trust(setup *s, const sbi_http_options *o)
{
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!o->ca_file && !o->ca_folder && !o->ca.size) return;
    SET(CURLOPT_CAINFO, o->ca_file);
    SET(CURLOPT_CAPATH, o->ca_folder);
    if (o->ca.size) set_blob(s, CURLOPT_CAINFO_BLOB, &o->ca);
}

static void set_certificate(setup *s, const sbi_http_options *o)
{
    if (o->cert_file) SET(CURLOPT_SSLCERT, o->cert_file);
    if (o->cert_file) SET(CURLOPT_SSLKEY, o->key_file ? o->key_file : o->cert_file);
    if (o->cert.size) set_blob(s, CURLOPT_SSLCERT_BLOB, &o->cert);
    if (o->cert.size) set_blob(s, CURLOPT_SSLKEY_BLOB, o->key.size ? &o->key : &o->cert);
}

static sbi_status set_credentials(setup *s, sbi_http *http)
{
    const sbi_http_options *o = &http->options;
    set_certificate(s, o);
    if (o->sign) {
        SET(CURLOPT_AWS_SIGV4, o->sign);
        SET(CURLOPT_USERNAME, o->user ? o->user : "");
        SET(CURLOPT_PASSWORD, o->password ? o->password : "");
        if (o->session_token) {
            char *header = sbi_strf(http->ctx, "x-amz-security-token: %s", o->session_token);
            if (!header) return SBI_ERR_NO_MEMORY;
            add_header(s, header);
            sbi_secret_free(http->ctx, header);
        }
        return SBI_OK;
    }
    if (o->token_file || o->token) {
        char *token;
        SBI_TRY(o->token_file ? sbi_secret_read_line(&token, http->ctx, o->token_file) : sbi_secret_copy(&token, http->ctx, o->token));
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(CURLOPT_XOAUTH2_BEARER, token);
        sbi_secret_free(http->ctx, token);
    } else if (o->user) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, o->user);
        SET(CURLOPT_PASSWORD, o->password ? o->password : "");
    }
    return SBI_OK;
}

static void set_method(setup *s, http_transfer *t)
{
    const sbi_http_request *r = t->request;
    const char *m = r->method;
    const int body = r->body || r->source || strcmp(m, "PUT") == 0 || strcmp(m, "POST") == 0 || strcmp(m, "PATCH") == 0;
    if (strcmp(m, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (body) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_size);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, t);
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, t);
        SET(CURLOPT_CUSTOMREQUEST, m);
    } else if (strcmp(m, "GET") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, m);
    }
}

static void set_headers(setup *s, const http_transfer *t)
{
    const sbi_http_request *r = t->request;
    char text[400];
    for (int i = 0; i < SBI_HTTP_HEADERS_MAX && r->headers[i]; i++) {
        if (!t->foreign || strncasecmp(r->headers[i], "if-", 3) == 0 || strncasecmp(r->headers[i], "content-type:", 13) == 0)
            add_header(s, r->headers[i]);
    }
    if (!has_range(t)) return;
    uint64_t count, at = wanted(t, &count);
    if (count == UINT64_MAX)
        snprintf(text, sizeof text, "Range: bytes=%llu-", (unsigned long long)at);
    else
        snprintf(text, sizeof text, "Range: bytes=%llu-%llu", (unsigned long long)at, (unsigned long long)(at + count - 1));
    add_header(s, text);
    if (t->etag[0] && strncmp(t->etag, "W/", 2) != 0) {
        snprintf(text, sizeof text, "If-Match: %s", t->etag);
        add_header(s, text);
    }
}

static void set_patience(setup *s, const http_transfer *t)
{
    const sbi_http_options *o = &t->http->options;
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_ms);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    /* libcurl sends again by itself where a connection that it kept turns out to be dead. */
    if (!sbi_http_repeatable(t->request)) SET(CURLOPT_FRESH_CONNECT, 1L);
    if (t->request->line) return; /* a watch may be silent */
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)o->slow_bytes);
    SET(CURLOPT_LOW_SPEED_TIME, (long)o->slow_s);
}

static sbi_status prepare(setup *s, http_transfer *t)
{
    const sbi_http_options *o = &t->http->options;
    curl_easy_reset(s->easy);
    SET(CURLOPT_URL, t->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "libsbi/" SBI_VERSION_STRING);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    set_trust(s, o);
    set_patience(s, t);
    set_method(s, t);
    set_headers(s, t);
    if (!t->foreign && !(t->request->flags & SBI_HTTP_NO_CREDENTIAL)) SBI_TRY(set_credentials(s, t->http));
    if (s->headers) SET(CURLOPT_HTTPHEADER, s->headers);
    return SBI_OK;
}

/* ---- the transfer ---------------------------------------------------------------------------------------------- */

static sbi_status perform(http_transfer *t, CURLcode *code)
{
    CURLM *multi = t->slot->multi;
    const int64_t idle = t->request->idle_ms > 0 ? t->request->idle_ms : t->http->options.idle_ms;
    int running = 1;
    t->last_ms = sbi_now_ms();
    while (running) {
        SBI_TRY(sbi_check_cancel(t->http->ctx, t->request->method));
        CURLMcode m = curl_multi_perform(multi, &running);
        if (m == CURLM_OK && running) m = curl_multi_poll(multi, NULL, 0, POLL_MS, NULL);
        if (m == CURLM_OUT_OF_MEMORY) return sbi_fail(SBI_ERR_NO_MEMORY, "libcurl: out of memory");
        if (m != CURLM_OK) return sbi_fail(SBI_ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(m));
        if (running && sbi_now_ms() - t->last_ms > idle) {
            *code = CURLE_OPERATION_TIMEDOUT;
            return SBI_OK;
        }
    }
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
        if (message->msg == CURLMSG_DONE) *code = message->data.result;
    }
    return SBI_OK;
}

/* A whole answer by libcurl's reckoning may lack bytes by ours. */
static CURLcode check_complete(const http_transfer *t, CURLcode code)
{
    if (code == CURLE_WRITE_ERROR && t->finished) return CURLE_OK;
    if (code != CURLE_OK || !t->request->sink || t->answer->code < 200 || t->answer->code > 299) return code;
    if (t->body_began && (t->skip || (t->expected != UINT64_MAX && t->received != t->expected))) return CURLE_PARTIAL_FILE;
    return !t->body_began && t->request->length > t->answer->written ? CURLE_PARTIAL_FILE : CURLE_OK;
}

sbi_status sbi_http_transfer_once(http_transfer *t, CURLcode *code)
{
    setup s = {t->slot->easy, CURLE_OK, NULL};
    long number = 0;
    t->status = SBI_OK;
    t->finished = t->body_began = 0;
    t->answer->code = 0;
    t->answer->body.size = t->answer->headers.size = t->line.size = 0;
    *code = CURLE_OK;
    sbi_status status = prepare(&s, t);
    if (status == SBI_OK && s.code != CURLE_OK)
        status = sbi_fail(s.code == CURLE_OUT_OF_MEMORY ? SBI_ERR_NO_MEMORY : SBI_ERR_UNSUPPORTED, "libcurl: %s", curl_easy_strerror(s.code));
    if (status == SBI_OK && curl_multi_add_handle(t->slot->multi, t->slot->easy) != CURLM_OK)
        status = sbi_fail(SBI_ERR_NO_MEMORY, "libcurl: the request could not be added");
    if (status == SBI_OK) {
        status = perform(t, code);
        curl_easy_getinfo(t->slot->easy, CURLINFO_RESPONSE_CODE, &number);
        t->answer->code = (int32_t)number;
        curl_multi_remove_handle(t->slot->multi, t->slot->easy);
    }
    curl_slist_free_all(s.headers);
    if (status != SBI_OK) return t->status = status;
    if (t->status != SBI_OK) {
        char *shown = sbi_http_shown_url(t->http->ctx, t->url);
        if (shown) sbi_fail_within(t->status, "%s %s", t->request->method, shown);
        sbi_free(t->http->ctx, shown);
        return t->status;
    }
    *code = check_complete(t, *code);
    return SBI_OK;
}
