/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client: opening, redirects, trying again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/http_internal.h"
#include "grid/secret.h"

#define SLOTS_KEPT 8
#define REDIRECTS_MAX 5
#define BODY_LIMIT ((size_t)16 << 20)

/* ---- opening --------------------------------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_status;

/* Safe beside other users of libcurl, which counts the calls. */
static void global_init(void)
{
    global_status = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static sbi_status copy_bytes(sbi_context *ctx, sbi_http_bytes *bytes)
{
    if (!bytes->size) return SBI_OK;
    void *copy = sbi_alloc(ctx, bytes->size);
    if (copy) memcpy(copy, bytes->data, bytes->size);
    bytes->data = copy;
    return copy ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void wipe_bytes(sbi_context *ctx, sbi_http_bytes *bytes)
{
    if (!bytes->size || !bytes->data) return;
    void *data = (void *)(uintptr_t)bytes->data;
    explicit_bzero(data, bytes->size);
    sbi_free(ctx, data);
}

#define TEXTS(X) X(ca_file) X(ca_folder) X(cert_file) X(key_file) X(token_file) X(token) X(user) X(password) X(sign) X(session_token) X(user_agent)
#define BLOBS(X) X(ca) X(cert) X(key)

/* After the first failure the rest become NULL, so that closing frees copies only. */
static sbi_status copy_options(sbi_http *http)
{
    sbi_http_options *o = &http->options;
    sbi_status status = SBI_OK;
#define COPY_TEXT(name)                                                                                                \
    {                                                                                                                  \
        char *copy = NULL;                                                                                             \
        if (status == SBI_OK) status = sbi_secret_copy(&copy, http->ctx, o->name);                                     \
        o->name = copy;                                                                                                \
    }
#define COPY_BLOB(name)                                                                                                \
    if (status == SBI_OK)                                                                                              \
        status = copy_bytes(http->ctx, &o->name);                                                                      \
    else                                                                                                               \
        o->name.data = NULL;
    TEXTS(COPY_TEXT)
    BLOBS(COPY_BLOB)
    return status;
}

static int32_t or_default(int32_t value, int32_t other)
{
    return value > 0 ? value : other;
}

sbi_status sbi_http_open(sbi_http **out, sbi_context *ctx, const sbi_http_options *options)
{
    *out = NULL;
    pthread_once(&once, global_init);
    if (global_status != CURLE_OK) return sbi_fail(SBI_ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(global_status));
    sbi_http *http = sbi_alloc_zero(ctx, 1, sizeof *http);
    if (!http) return SBI_ERR_NO_MEMORY;
    http->ctx = ctx;
    pthread_mutex_init(&http->lock, NULL);
    if (options) http->options = *options;
    sbi_status status = copy_options(http);
    sbi_http_options *o = &http->options;
    o->connect_ms = or_default(o->connect_ms, 20000);
    o->idle_ms = or_default(o->idle_ms, 60000);
    o->slow_bytes = or_default(o->slow_bytes, 64);
    o->slow_s = or_default(o->slow_s, 60);
    o->retries = o->retries < 0 ? 0 : or_default(o->retries, 5);
    o->backoff_ms = or_default(o->backoff_ms, 200);
    o->backoff_most_ms = or_default(o->backoff_most_ms, 10000);
    o->retry_after_most_ms = or_default(o->retry_after_most_ms, 60000);
    if (status == SBI_OK)
        *out = http;
    else
        sbi_http_close(http);
    return status;
}

static void slot_free(sbi_http *http, http_slot *s)
{
    if (s->easy) curl_easy_cleanup(s->easy);
    if (s->multi) curl_multi_cleanup(s->multi);
    sbi_free(http->ctx, s);
}

void sbi_http_close(sbi_http *http)
{
    if (!http) return;
    while (http->idle) {
        http_slot *s = http->idle;
        http->idle = s->next;
        slot_free(http, s);
    }
    sbi_http_options *o = &http->options;
#define WIPE_TEXT(name) sbi_secret_free(http->ctx, (char *)(uintptr_t)o->name);
#define WIPE_BLOB(name) wipe_bytes(http->ctx, &o->name);
    TEXTS(WIPE_TEXT)
    BLOBS(WIPE_BLOB)
    pthread_mutex_destroy(&http->lock);
    sbi_free(http->ctx, http);
}

static sbi_status slot_take(sbi_http *http, http_slot **out)
{
    pthread_mutex_lock(&http->lock);
    http_slot *s = http->idle;
    if (s) {
        http->idle = s->next;
        http->idle_count--;
    }
    pthread_mutex_unlock(&http->lock);
    if (!s) {
        s = sbi_alloc_zero(http->ctx, 1, sizeof *s);
        if (!s) return SBI_ERR_NO_MEMORY;
        s->easy = curl_easy_init();
        s->multi = curl_multi_init();
        if (!s->easy || !s->multi) {
            slot_free(http, s);
            return sbi_fail(SBI_ERR_NO_MEMORY, "libcurl: no memory for a connection");
        }
    }
    *out = s;
    return SBI_OK;
}

static void slot_give_back(sbi_http *http, http_slot *s)
{
    curl_easy_reset(s->easy); /* nothing of a request, a token least of all, is to be kept in it */
    pthread_mutex_lock(&http->lock);
    const int keep = http->idle_count < SLOTS_KEPT;
    if (keep) {
        s->next = http->idle;
        http->idle = s;
        http->idle_count++;
    }
    pthread_mutex_unlock(&http->lock);
    if (!keep) slot_free(http, s);
}

/* ---- waiting and trying again ---------------------------------------------------------------------------------- */

static sbi_status wait_ms(sbi_http *http, int64_t ms)
{
    const int64_t end = sbi_now_ms() + ms;
    for (;;) {
        SBI_TRY(sbi_check_cancel(http->ctx, "waiting before another try"));
        const int64_t left = end - sbi_now_ms();
        if (left <= 0) return SBI_OK;
        nanosleep(&(struct timespec){0, (left < 100 ? left : 100) * 1000000}, NULL);
    }
}

/* Half of a doubling time, and half at random, so that thousands of workers do not come back together. */
static int64_t backoff(const sbi_http_options *o, int32_t tries)
{
    int64_t full = o->backoff_ms;
    for (int32_t i = 1; i < tries && full < o->backoff_most_ms; i++) full *= 2;
    if (full > o->backoff_most_ms) full = o->backoff_most_ms;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) random = (uint32_t)sbi_now_ms() * 2654435761u;
    return full / 2 + (int64_t)random * (full / 2 + 1) / ((int64_t)1 << 32);
}

static int passing_code(const sbi_http_request *r, int32_t code)
{
    if (code == 500) return !(r->flags & SBI_HTTP_500_IS_FINAL);
    return code == 408 || code == 425 || code == 429 || code == 502 || code == 503 || code == 504;
}

static int passing_failure(CURLcode code)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer that is not HTTP, since the URL's scheme was checked */
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_AGAIN: return 1;
    default: return 0;
    }
}

int sbi_http_repeatable(const sbi_http_request *r)
{
    return (strcmp(r->method, "POST") != 0 && strcmp(r->method, "PATCH") != 0) || r->flags & SBI_HTTP_REPEATABLE;
}

static int may_repeat(const http_transfer *t, CURLcode code)
{
    if (t->line_given) return 0;
    if (sbi_http_repeatable(t->request)) return 1;
    if (code == CURLE_OK) return t->answer->code == 429;
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY;
}

static sbi_status status_of_failure(CURLcode code)
{
    if (passing_failure(code)) return SBI_ERR_TRANSIENT;
    switch (code) {
    case CURLE_OUT_OF_MEMORY: return SBI_ERR_NO_MEMORY;
    case CURLE_URL_MALFORMAT: return SBI_ERR_ARGUMENT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR: return SBI_ERR_PERMISSION;
    case CURLE_SSL_CACERT_BADFILE: return SBI_ERR_NOT_FOUND;
    default: return SBI_ERR_IO;
    }
}

static sbi_status failure(const http_transfer *t, CURLcode code)
{
    char *shown = sbi_http_shown_url(t->http->ctx, t->url);
    if (!shown) return SBI_ERR_NO_MEMORY;
    const sbi_status status =
        sbi_fail(status_of_failure(code), "%s %s: %s", t->request->method, shown, curl_easy_strerror(code));
    sbi_free(t->http->ctx, shown);
    return status;
}

/* ---- redirects ------------------------------------------------------------------------------------------------- */

static int follows(const http_transfer *t)
{
    const int32_t code = t->answer->code;
    const char *m = t->request->method;
    const int reads = strcmp(m, "GET") == 0 || strcmp(m, "HEAD") == 0;
    if (code == 303) return reads;
    return (code == 301 || code == 302 || code == 307 || code == 308) && (reads || strcmp(m, "PUT") == 0);
}

/* The URL that an answer sends on to. *next is freed by curl_free(). */
static sbi_status target(http_transfer *t, char **next)
{
    char location[4096], *scheme = NULL;
    *next = NULL;
    if (!sbi_http_header(t->answer, "location", location, sizeof location))
        return sbi_fail(SBI_ERR_FORMAT, "HTTP %d without a Location, or with one too long", (int)t->answer->code);
    CURLU *u = curl_url();
    if (!u) return sbi_fail(SBI_ERR_NO_MEMORY, "libcurl: no memory for a URL");
    sbi_status status = SBI_OK;
    if (curl_url_set(u, CURLUPART_URL, t->url, 0) || curl_url_set(u, CURLUPART_URL, location, 0) ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) || curl_url_get(u, CURLUPART_URL, next, 0))
        status = sbi_fail(SBI_ERR_FORMAT, "HTTP %d: its Location is not a URL", (int)t->answer->code);
    else if (strcmp(scheme, "https") != 0 && (strcmp(scheme, "http") != 0 || strncasecmp(t->url, "https:", 6) == 0))
        status = sbi_fail(SBI_ERR_PERMISSION, "HTTP %d: would lead from %.5s to %.10s", (int)t->answer->code, t->url, scheme);
    curl_free(scheme);
    curl_url_cleanup(u);
    if (status != SBI_OK) {
        curl_free(*next);
        *next = NULL;
    }
    return status;
}

static sbi_status rewind_body(http_transfer *t)
{
    if (!t->body_touched) return SBI_OK;
    t->body_touched = 0;
    t->body_at = 0;
    return t->request->source ? t->request->source->rewind(t->request->source->user) : SBI_OK;
}

/* Sends, and follows where the answer sends on to. */
static sbi_status send_following(http_transfer *t, CURLcode *code)
{
    char *owned = NULL;
    sbi_status status = SBI_OK;
    t->url = t->request->url;
    t->foreign = 0;
    for (int redirects = 0;; redirects++) {
        SBI_GOTO(rewind_body(t), done);
        SBI_GOTO(sbi_http_transfer_once(t, code), done);
        if (*code != CURLE_OK || !follows(t)) break;
        if (redirects == REDIRECTS_MAX) {
            status = sbi_fail(SBI_ERR_FORMAT, "sent on more than %d times", REDIRECTS_MAX);
            goto done;
        }
        char *next;
        SBI_GOTO(target(t, &next), done);
        if (!sbi_http_same_origin(t->request->url, next)) t->foreign = 1;
        curl_free(owned);
        t->url = owned = next;
    }
    /* While its URL is still there. */
    if (*code != CURLE_OK) status = failure(t, *code);
done:
    t->url = t->request->url;
    curl_free(owned);
    return status;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

/* Whether to try again, and if so after which time. */
static int again(http_transfer *t, CURLcode code, sbi_status status, int64_t *wait)
{
    const sbi_http_options *o = &t->http->options;
    curl_off_t after = 0;
    if (t->answer->tries > o->retries || !may_repeat(t, code)) return 0;
    if (status != SBI_OK ? !passing_failure(code) : !passing_code(t->request, t->answer->code)) return 0;
    *wait = backoff(o, t->answer->tries);
    if (code == CURLE_OK && curl_easy_getinfo(t->slot->easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0) {
        if (after > o->retry_after_most_ms / 1000) return 0;
        if ((int64_t)after * 1000 > *wait) *wait = (int64_t)after * 1000;
    }
    return 1;
}

static sbi_status send_all(http_transfer *t)
{
    for (;;) {
        CURLcode code = CURLE_OK;
        int64_t wait;
        t->answer->tries++;
        sbi_status status = send_following(t, &code);
        if (t->status != SBI_OK) return status; /* of a callback */
        if (status != SBI_OK && code == CURLE_OK) return status;
        if (!again(t, code, status, &wait)) return status;
        SBI_TRY(wait_ms(t->http, wait));
    }
}

static sbi_status check_request(const sbi_http *http, const sbi_http_request *r)
{
    const char *host = strstr(r->url, "://");
    const sbi_http_options *o = &http->options;
    const int tls = strncasecmp(r->url, "https://", 8) == 0;
    if (!host || (!tls && strncasecmp(r->url, "http://", 7) != 0)) return sbi_fail(SBI_ERR_ARGUMENT, "HTTP: the URL is not one of http or https");
    host += 3;
    if (memchr(host, '@', strcspn(host, "/?#"))) return sbi_fail(SBI_ERR_ARGUMENT, "HTTP: the URL holds a user's name");
    const size_t name = strcspn(host, ":/?#");
    const int here = (name == 9 && strncasecmp(host, "localhost", 9) == 0) || (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == name) ||
                     strncmp(host, "[::1]", 5) == 0;
    if (!tls && !here && !o->plain_credentials && !(r->flags & SBI_HTTP_NO_CREDENTIAL) && (o->token || o->token_file || o->user))
        return sbi_fail(SBI_ERR_PERMISSION, "HTTP: credentials go over https only, not to http://%.*s", (int)name, host);
    return SBI_OK;
}

sbi_status sbi_http_send(sbi_http *http, const sbi_http_request *request, sbi_http_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    sbi_text_init(&answer->body, http->ctx);
    sbi_text_init(&answer->headers, http->ctx);
    SBI_TRY(check_request(http, request));
    http_transfer t = {.http = http, .request = request, .answer = answer};
    sbi_http_request copy = *request;
    if (!copy.limit) copy.limit = BODY_LIMIT;
    t.request = &copy;
    if (copy.version) snprintf(t.etag, sizeof t.etag, "%s", copy.version);
    sbi_text_init(&t.line, http->ctx);
    SBI_TRY(slot_take(http, &t.slot));
    sbi_status status = send_all(&t);
    slot_give_back(http, t.slot);
    sbi_text_clear(&t.line);
    return status;
}

void sbi_http_answer_clear(sbi_http_answer *answer)
{
    sbi_text_clear(&answer->body);
    sbi_text_clear(&answer->headers);
}
