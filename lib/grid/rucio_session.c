/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: asked for by user and password or by a certificate, kept, renewed. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "grid/rucio.h"
#include "grid/secret.h"

#define EARLY_MS 300000 /* renewed so long before it expires, or after nine tenths of a shorter life */
#define UNKNOWN_LIFE_MS 600000

sbi_status rucio_may_tell(const char *url, int allowed)
{
    const char *host = strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (!host || allowed) return SBI_OK;
    const size_t n = strcspn(host, ":/");
    if ((n == 9 && strncasecmp(host, "localhost", 9) == 0) || (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n) ||
        strncmp(host, "[::1]", 5) == 0)
        return SBI_OK;
    return sbi_fail(SBI_ERR_PERMISSION, "%.200s: credentials do not go over http to another machine", url);
}

static sbi_status error_of(const sbi_http_answer *a, const char *where)
{
    grid_rucio_error e;
    grid_rucio_read_error(&e, a->body.data, a->body.size);
    return sbi_fail(grid_rucio_status(a->code, &e), "%s: HTTP %d %s %s", where, (int)a->code, e.kind, e.message);
}

/* 200 with an empty body; the token is in the headers. */
static sbi_status take_token(rucio *r, const sbi_http_answer *a, const char *where)
{
    char token[4096], expires[100];
    if (!sbi_http_header(a, "x-rucio-auth-token", token, sizeof token) || !token[0])
        return sbi_fail(SBI_ERR_FORMAT, "%s: the answer has no X-Rucio-Auth-Token", where);
    char *copy = NULL;
    sbi_status status = sbi_secret_copy(&copy, r->ctx, token);
    explicit_bzero(token, sizeof token);
    SBI_TRY(status);
    const int64_t now = sbi_date_ms();
    int64_t end = sbi_http_header(a, "x-rucio-auth-token-expires", expires, sizeof expires) ? grid_date_ms(expires) : 0;
    if (end <= now) end = now + UNKNOWN_LIFE_MS;
    const int64_t early = (end - now) / 10 < EARLY_MS ? (end - now) / 10 : EARLY_MS;
    sbi_secret_free(r->ctx, r->token);
    r->token = copy;
    r->expires_ms = end - early;
    if (!++r->serial) r->serial = 1;
    return SBI_OK;
}

static sbi_status ask_once(rucio *r)
{
    sbi_http_answer a;
    char *url = sbi_strf(r->ctx, "%s/auth/%s", r->auth_host, r->auth == RUCIO_X509 ? "x509_proxy" : "userpass");
    char *account = sbi_strf(r->ctx, "X-Rucio-Account: %s", r->account);
    char *user = r->user ? sbi_strf(r->ctx, "X-Rucio-Username: %s", r->user) : NULL;
    char *password = r->password ? sbi_strf(r->ctx, "X-Rucio-Password: %s", r->password) : NULL;
    sbi_http_request q = {.method = "GET", .url = url, .headers = {"X-Rucio-AppID: libsbi", account, user, password}, .flags = SBI_HTTP_500_IS_FINAL};
    sbi_status status = url && account && (!r->user || user) && (!r->password || password) ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        status = sbi_http_send(r->http, &q, &a);
        if (status == SBI_OK && a.code != 200) status = error_of(&a, url);
        if (status == SBI_OK) status = take_token(r, &a, url);
        /* Also among the headers, and not needed any more. */
        if (a.headers.data) explicit_bzero(a.headers.data, a.headers.size);
        sbi_http_answer_clear(&a);
    }
    sbi_free(r->ctx, url);
    sbi_free(r->ctx, account);
    sbi_free(r->ctx, user);
    sbi_secret_free(r->ctx, password);
    return status;
}

static sbi_status ask(rucio *r)
{
    for (int i = 0;; i++) {
        const sbi_status status = ask_once(r);
        if (status != SBI_ERR_TRANSIENT || i >= r->retries || !rucio_wait(r, i)) return status;
    }
}

sbi_status rucio_token(rucio *r, unsigned refused, char **token, unsigned *serial)
{
    *token = NULL;
    *serial = 0;
    if (r->auth == RUCIO_OIDC) return sbi_secret_read_line(token, r->ctx, r->token_file);
    pthread_mutex_lock(&r->lock);
    sbi_status status = SBI_OK;
    if (!r->token || sbi_date_ms() >= r->expires_ms || (refused && refused == r->serial)) status = ask(r);
    if (status == SBI_OK) status = sbi_secret_copy(token, r->ctx, r->token);
    *serial = r->serial;
    pthread_mutex_unlock(&r->lock);
    return status;
}
