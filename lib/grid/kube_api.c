/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/kube_api.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

#define JSON "application/json"
#define LIST_METADATA JSON ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define PAGE 500
#define EARLY_MS 60000 /* credentials are renewed so long before they end */
#define REFUSED_MS 10000 /* a server that has just started knows no roles for a moment, and answers 403 until it does */
#define REFUSED_PAUSE_MS 500
#define WATCH_IDLE_MS 75000 /* the server ends a watch after 60 s, where nothing between here and there swallowed it */
#define LINE_LARGEST ((size_t)4 << 20)

/* ---- credentials ----------------------------------------------------------------------------------------------- */

static sbi_status connect_anew(kube_api *api)
{
    sbi_http_options http = {0};
    sbi_http_close(api->http);
    api->http = NULL;
    SBI_TRY(grid_kubeconfig_credentials(&api->config, &api->expires));
    SBI_TRY(grid_config_http(api->options, &http));
    grid_kubeconfig_http(&api->config, &http);
    http.user_agent = "libsbi/" SBI_VERSION_STRING;
    return sbi_http_open(&api->http, api->ctx, &http);
}

sbi_status kube_api_open(kube_api *out, sbi_context *ctx, const grid_config *options, const char *kubeconfig, const char *context)
{
    *out = (kube_api){.ctx = ctx, .options = options};
    SBI_TRY(grid_kubeconfig_find(&out->config, ctx, kubeconfig, context));
    return connect_anew(out);
}

void kube_api_close(kube_api *api)
{
    sbi_http_close(api->http);
    grid_kubeconfig_clear(&api->config);
    *api = (kube_api){0};
}

/* ---- one request ----------------------------------------------------------------------------------------------- */

/* Whether a 403 may be one of a server that has just started; if so, after a pause. */
static sbi_status refused_for_a_moment(kube_api *api, const sbi_http_answer *answer, int *again)
{
    const int64_t now = sbi_now_ms();
    *again = 0;
    if (answer->code != 403) {
        api->refused = 0;
        return SBI_OK;
    }
    if (!api->refused) api->refused = now;
    if (now - api->refused > REFUSED_MS) return SBI_OK;
    while (sbi_now_ms() - now < REFUSED_PAUSE_MS) {
        SBI_TRY(sbi_check_cancel(api->ctx, "kubernetes"));
        nanosleep(&(struct timespec){0, 50000000L}, NULL);
    }
    *again = 1;
    return SBI_OK;
}

static sbi_status send_once(kube_api *api, sbi_http_request *request, const char *path, sbi_http_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    if (!api->http || (api->expires && sbi_date_ms() > api->expires - EARLY_MS)) SBI_TRY(connect_anew(api));
    char *url = sbi_strf(api->ctx, "%s%s", api->config.server, path);
    if (!url) return SBI_ERR_NO_MEMORY;
    request->url = url;
    sbi_status status = sbi_http_send(api->http, request, answer);
    /* A token may be revoked before its time: the program is asked once more. */
    if (status == SBI_OK && answer->code == 401 && api->config.exec) {
        sbi_http_answer_clear(answer);
        status = connect_anew(api);
        if (status == SBI_OK) status = sbi_http_send(api->http, request, answer);
    }
    sbi_free(api->ctx, url);
    return status;
}

static sbi_status send(kube_api *api, sbi_http_request *request, const char *path, sbi_http_answer *answer)
{
    for (int again = 0;;) {
        sbi_status status = send_once(api, request, path, answer);
        if (status == SBI_OK) status = refused_for_a_moment(api, answer, &again);
        if (status != SBI_OK || !again) return status;
        sbi_http_answer_clear(answer);
    }
}

/* The server says what is wrong in an object of kind Status. */
static sbi_status judge(const sbi_http_answer *answer, const char *method, const char *path)
{
    if (answer->code >= 200 && answer->code < 300) return SBI_OK;
    char what[256];
    snprintf(what, sizeof what, "kubernetes: %s %.*s", method, (int)strcspn(path, "?") < 160 ? (int)strcspn(path, "?") : 160, path);
    sbi_status status = sbi_http_status(answer, what);
    if (answer->code == 422 || answer->code == 400) status = SBI_ERR_ARGUMENT;
    json_t *json = answer->body.size ? json_loadb(answer->body.data, answer->body.size, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(json, "message"));
    if (message) status = sbi_fail(status, "%s: %d: %s", what, (int)answer->code, message);
    json_decref(json);
    return status;
}

sbi_status kube_api_call(kube_api *api, const char *method, const char *path, const json_t *body, int metadata, json_t **out)
{
    sbi_http_answer answer;
    sbi_text text;
    sbi_http_request request = {.method = method, .headers = {"Accept: " JSON, "Content-Type: " JSON}};
    if (out) *out = NULL;
    if (metadata) request.headers[0] = "Accept: " LIST_METADATA;
    if (strcmp(method, "PATCH") == 0) request.headers[1] = "Content-Type: application/merge-patch+json";
    /* Names are ours and deterministic: a second POST is answered with 409, a second DELETE (with its uid) with 404. */
    request.flags = SBI_HTTP_REPEATABLE;
    sbi_text_init(&text, api->ctx);
    sbi_status status = body ? sbi_json_canonical(&text, body) : SBI_OK;
    request.body = text.data;
    request.body_size = text.size;
    if (status == SBI_OK) {
        status = send(api, &request, path, &answer);
        if (status == SBI_OK) status = judge(&answer, method, path);
        if (status == SBI_OK && out && answer.body.size) status = sbi_json_parse(out, answer.body.data, answer.body.size, "kubernetes");
        sbi_http_answer_clear(&answer);
    }
    sbi_text_clear(&text);
    return status;
}

sbi_status kube_api_text(kube_api *api, const char *path, sbi_sink *sink)
{
    sbi_http_answer answer;
    sbi_http_request request = {.method = "GET", .sink = sink, .headers = {"Accept: */*"}};
    sbi_status status = send(api, &request, path, &answer);
    if (status == SBI_OK) status = judge(&answer, "GET", path);
    sbi_http_answer_clear(&answer);
    return status;
}

/* ---- watches --------------------------------------------------------------------------------------------------- */

typedef struct watcher {
    sbi_status (*each)(void *user, json_t *event);
    void *user;
} watcher;

static sbi_status read_line(void *user, const char *line, size_t size)
{
    const watcher *w = user;
    json_t *event;
    if (!size) return SBI_OK;
    SBI_TRY(sbi_json_parse(&event, line, size, "kubernetes: watch"));
    return w->each(w->user, event);
}

sbi_status kube_api_watch(kube_api *api, const char *path, sbi_status (*each)(void *user, json_t *event), void *user)
{
    sbi_http_answer answer;
    watcher w = {each, user};
    sbi_http_request request = {.method = "GET", .line = read_line, .line_user = &w, .limit = LINE_LARGEST, .idle_ms = WATCH_IDLE_MS,
                                .headers = {"Accept: " JSON}};
    sbi_status status = send(api, &request, path, &answer);
    if (status == SBI_OK) status = judge(&answer, "GET", path);
    sbi_http_answer_clear(&answer);
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static sbi_status list_page(kube_api *api, const char *path, int metadata, sbi_status (*each)(void *user, const json_t *item), void *user, char **next,
                            char **version)
{
    sbi_text query;
    json_t *page = NULL;
    sbi_text_init(&query, api->ctx);
    sbi_text_addf(&query, "%s%climit=%d", path, strchr(path, '?') ? '&' : '?', PAGE);
    if (*next) {
        sbi_text_addf(&query, "&continue=");
        sbi_http_escape(&query, *next, 0);
    }
    sbi_free(api->ctx, *next);
    *next = NULL;
    sbi_status status = query.status;
    if (status == SBI_OK) status = kube_api_call(api, "GET", query.data, NULL, metadata, &page);
    sbi_text_clear(&query);
    const json_t *items = json_object_get(page, "items"), *meta = json_object_get(page, "metadata");
    for (size_t i = 0; i < json_array_size(items) && status == SBI_OK; i++) status = each(user, json_array_get(items, i));
    const char *more = json_string_value(json_object_get(meta, "continue")), *at = json_string_value(json_object_get(meta, "resourceVersion"));
    if (status == SBI_OK && more && *more && !(*next = sbi_strdup(api->ctx, more))) status = SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && version) {
        sbi_free(api->ctx, *version);
        if (!(*version = sbi_strdup(api->ctx, at ? at : ""))) status = SBI_ERR_NO_MEMORY;
    }
    json_decref(page);
    return status;
}

sbi_status kube_api_list(kube_api *api, const char *path, int metadata, sbi_status (*each)(void *user, const json_t *item), void *user, char **version)
{
    char *next = NULL;
    sbi_status status;
    if (version) *version = NULL;
    do {
        status = list_page(api, path, metadata, each, user, &next, version);
    } while (status == SBI_OK && next);
    sbi_free(api->ctx, next);
    if (status != SBI_OK && version) {
        sbi_free(api->ctx, *version);
        *version = NULL;
    }
    return status;
}
