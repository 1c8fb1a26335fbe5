/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to Rucio's server: the token, what errors mean, trying again. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/rucio.h"
#include "grid/secret.h"

#define LONGEST_MS 10000
#define LIST_LIMIT ((size_t)1 << 30)

int rucio_wait(rucio *r, int number)
{
    int ms = r->backoff_ms;
    for (int i = 0; i < number && ms < LONGEST_MS; i++) ms *= 2;
    if (ms > LONGEST_MS) ms = LONGEST_MS;
    for (; ms > 0; ms -= 50) {
        if (sbi_check_cancel(r->ctx, r->host) != SBI_OK) return 0;
        nanosleep(&(struct timespec){0, (ms < 50 ? ms : 50) * 1000000L}, NULL);
    }
    return 1;
}

static sbi_status send_once(rucio *r, sbi_http_request *q, unsigned *refused, sbi_http_answer *a)
{
    char *token, *header = NULL;
    unsigned serial;
    SBI_TRY(rucio_token(r, *refused, &token, &serial));
    sbi_status status = SBI_ERR_NO_MEMORY;
    header = sbi_strf(r->ctx, "X-Rucio-Auth-Token: %s", token);
    q->headers[0] = header;
    if (header) status = sbi_http_send(r->http, q, a);
    *refused = a->code == 401 && *refused == 0 ? serial : 0;
    sbi_secret_free(r->ctx, header);
    sbi_secret_free(r->ctx, token);
    return status;
}

static sbi_status meaning(const sbi_http_answer *a, const char *method, const char *url)
{
    grid_rucio_error e;
    char shown[400];
    if (a->code >= 200 && a->code < 300) return SBI_OK;
    grid_rucio_read_error(&e, a->body.data, a->body.size);
    snprintf(shown, sizeof shown, "%.*s", (int)strcspn(url, "?"), url);
    return sbi_fail(grid_rucio_status(a->code, &e), "%s %s: HTTP %d %s: %s", method, shown, (int)a->code, e.kind, e.message);
}

/* All that is sent may be sent twice: a registration that is there already, an attachment too, is told from a new one by what is there. */
sbi_status rucio_send(rucio *r, const char *method, const char *path, const char *body, sbi_http_answer *a)
{
    unsigned refused = 0;
    memset(a, 0, sizeof *a);
    char *url = sbi_strf(r->ctx, "%s%s", r->host, path);
    if (!url) return SBI_ERR_NO_MEMORY;
    sbi_status status;
    for (int i = 0;; i++) {
        sbi_http_request q = {.method = method, .url = url, .headers = {NULL, "Accept: application/x-json-stream, application/json", body ? "Content-Type: application/json" : NULL},
                              .body = body, .body_size = body ? strlen(body) : 0, .limit = LIST_LIMIT,
                              .flags = SBI_HTTP_REPEATABLE | SBI_HTTP_500_IS_FINAL};
        status = send_once(r, &q, &refused, a);
        if (status == SBI_OK && refused) { /* once with a new token */
            sbi_http_answer_clear(a);
            memset(a, 0, sizeof *a);
            status = send_once(r, &q, &refused, a);
            refused = 0;
        }
        const int had_answer = status == SBI_OK;
        if (status == SBI_OK) status = meaning(a, method, url);
        if (!had_answer || status != SBI_ERR_TRANSIENT || i >= r->retries || !rucio_wait(r, i)) break;
        sbi_http_answer_clear(a);
        memset(a, 0, sizeof *a);
    }
    if (status == SBI_ERR_TRANSIENT && sbi_cancelled(r->ctx)) status = sbi_check_cancel(r->ctx, url);
    sbi_free(r->ctx, url);
    return status;
}

char *rucio_did_path(rucio *r, const char *name, const char *rest)
{
    sbi_text t;
    sbi_text_init(&t, r->ctx);
    sbi_text_addf(&t, "/dids/");
    sbi_http_escape(&t, r->scope, 0);
    sbi_text_addf(&t, "/");
    sbi_http_escape(&t, name, 0);
    sbi_text_addf(&t, "%s", rest);
    char *path = t.status == SBI_OK ? sbi_strdup(r->ctx, t.data) : NULL;
    sbi_text_clear(&t);
    return path;
}
