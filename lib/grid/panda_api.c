/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_api.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "grid/panda_gzip.h"

#define WORTH_GZIP 16384
#define UPLOAD_LARGEST ((size_t)10 << 20)

const char *const panda_api_keys[] = {"url", "cache_url", NULL};

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* "https://host:port/server/panda" and "https://host:port/" name the server "https://host:port". */
static sbi_status trim_url(sbi_context *ctx, const grid_config *config, const char *url, char **out)
{
    static const char old[] = "/server/panda";
    size_t n = strlen(url);
    while (n && url[n - 1] == '/') n--;
    if (n > sizeof old - 1 && strncmp(url + n - (sizeof old - 1), old, sizeof old - 1) == 0) n -= sizeof old - 1;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return sbi_json_fail(SBI_ERR_ARGUMENT, &config->at, "url is \"%.100s\": expected http:// or https://", url);
    *out = sbi_strndup(ctx, url, n);
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status find_server(panda_api *api)
{
    const grid_config *c = api->config;
    const char *url, *cache, *other = grid_environment("PANDA_URL_SSL");
    if (!other) other = grid_environment("PANDA_URL");
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "url", other, &url));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "cache_url", grid_environment("PANDACACHE_URL"), &cache));
    if (!url) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "url is missing, and neither PANDA_URL_SSL nor PANDA_URL is set");
    SBI_TRY(trim_url(api->ctx, c, url, &api->base));
    return trim_url(api->ctx, c, cache ? cache : url, &api->cache);
}

static sbi_status connect_anew(panda_api *api)
{
    sbi_http_options http = {0};
    int changed;
    SBI_TRY(panda_auth_renew(&api->auth, !api->opened, &changed));
    if (api->http && !changed) return SBI_OK;
    sbi_http_close(api->http);
    api->http = NULL;
    SBI_TRY(grid_config_http(api->config, &http));
    panda_auth_http(&api->auth, &http);
    http.user_agent = "libsbi/" SBI_VERSION_STRING;
    return sbi_http_open(&api->http, api->ctx, &http);
}

sbi_status panda_api_open(panda_api *api, sbi_context *ctx, const grid_config *config)
{
    *api = (panda_api){.ctx = ctx, .config = config};
    SBI_TRY(find_server(api));
    SBI_TRY(panda_auth_find(&api->auth, ctx, config, api->base));
    if (api->auth.vo) {
        api->origin = sbi_strf(ctx, "Origin: %s", api->auth.vo);
        if (!api->origin) return SBI_ERR_NO_MEMORY;
    }
    SBI_TRY(connect_anew(api));
    api->opened = 1;
    return SBI_OK;
}

void panda_api_close(panda_api *api)
{
    sbi_http_close(api->http);
    if (api->ctx) panda_auth_clear(&api->auth);
    sbi_free(api->ctx, api->base);
    sbi_free(api->ctx, api->cache);
    sbi_free(api->ctx, api->origin);
    *api = (panda_api){0};
}

/* ---- one request ----------------------------------------------------------------------------------------------- */

static sbi_status send(panda_api *api, sbi_http_request *request, const char *what, panda_answer *out)
{
    sbi_http_answer answer;
    size_t n = 0;
    SBI_TRY(connect_anew(api));
    while (request->headers[n]) n++;
    request->headers[n++] = "Accept: application/json";
    if (api->origin) request->headers[n++] = api->origin;
    /* Names are ours and unique on the server, so nothing happens twice. */
    request->flags = SBI_HTTP_REPEATABLE;
    sbi_status status = sbi_http_send(api->http, request, &answer);
    if (status == SBI_OK) status = sbi_http_status(&answer, what);
    if (status == SBI_OK) status = panda_answer_read(out, answer.body.data, answer.body.size, what);
    sbi_http_answer_clear(&answer);
    return status;
}

sbi_status panda_api_call(panda_api *api, const char *method, const char *path, const char *query, const json_t *body, panda_answer *out)
{
    char what[128];
    sbi_text text, small;
    sbi_http_request request = {.method = method, .headers = {"Content-Type: application/json"}};
    *out = (panda_answer){.message = ""};
    snprintf(what, sizeof what, "PanDA: %.100s", path);
    sbi_text_init(&text, api->ctx);
    sbi_text_init(&small, api->ctx);
    char *url = sbi_strf(api->ctx, "%s/api/v1/%s%s", api->base, path, query ? query : "");
    sbi_status status = !url ? SBI_ERR_NO_MEMORY : body ? sbi_json_canonical(&text, body) : SBI_OK;
    request.url = url;
    request.body = text.data;
    request.body_size = text.size;
    if (status == SBI_OK && text.size > WORTH_GZIP) {
        status = panda_gzip(&small, text.data, text.size);
        request.headers[1] = "Content-Encoding: gzip";
        request.body = small.data;
        request.body_size = small.size;
    }
    if (status == SBI_OK) status = send(api, &request, what, out);
    sbi_text_clear(&text);
    sbi_text_clear(&small);
    sbi_free(api->ctx, url);
    return status;
}

sbi_status panda_api_expect(panda_api *api, const char *method, const char *path, const char *query, const json_t *body, panda_answer *out)
{
    char what[128];
    SBI_TRY(panda_api_call(api, method, path, query, body, out));
    snprintf(what, sizeof what, "PanDA: %.100s", path);
    return panda_answer_status(out, what);
}

/* ---- the server's cache of files ------------------------------------------------------------------------------- */

/* The cache's URL with another host in it. */
static sbi_status place_of(panda_api *api, const char *host, char **url)
{
    const char *name = strstr(api->cache, "://") + 3, *rest = name + strcspn(name, ":/");
    *url = host ? sbi_strf(api->ctx, "%.*s%s%s", (int)(name - api->cache), api->cache, host, rest) : sbi_strdup(api->ctx, api->cache);
    return *url ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* *there: 1 where the server has these bytes, on `host` under `name`. */
static sbi_status ask_cache(panda_api *api, const void *gzip, size_t size, int *there, char *host, size_t host_size, char *name)
{
    panda_answer answer = {.message = ""};
    json_t *body = json_pack("{s:I, s:I}", "file_size", (json_int_t)size, "checksum", (json_int_t)panda_gzip_crc(gzip, size));
    sbi_status status = body ? panda_api_call(api, "POST", "file_server/validate_cache_file", NULL, body, &answer)
                             : sbi_fail(SBI_ERR_NO_MEMORY, "PanDA: out of memory");
    const char *data = json_string_value(answer.data);
    *there = status == SBI_OK && (panda_cache_place(answer.message, host, host_size, name, PANDA_FILE_SIZE) ||
                                  (data && panda_cache_place(data, host, host_size, name, PANDA_FILE_SIZE)));
    json_decref(body);
    panda_answer_clear(&answer);
    return status;
}

static sbi_status put(panda_api *api, const char *name, const void *gzip, size_t size)
{
    panda_answer answer = {.message = ""};
    char hex[SBI_SHA256_HEX_SIZE], type[128];
    sbi_text body;
    sbi_http_request request = {.method = "POST", .headers = {type}};
    sbi_sha256_text(gzip, size, hex);
    snprintf(type, sizeof type, "Content-Type: multipart/form-data; boundary=sbi-%.32s", hex);
    sbi_text_init(&body, api->ctx);
    sbi_text_addf(&body, "--sbi-%.32s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\nContent-Type: application/octet-stream\r\n\r\n", hex, name);
    sbi_text_add(&body, gzip, size);
    sbi_text_addf(&body, "\r\n--sbi-%.32s--\r\n", hex);
    char *url = sbi_strf(api->ctx, "%s/api/v1/file_server/upload_cache_file", api->cache);
    request.url = url;
    request.body = body.data;
    request.body_size = body.size;
    sbi_status status = !url ? SBI_ERR_NO_MEMORY : body.status;
    if (status == SBI_OK) status = send(api, &request, "PanDA: file_server/upload_cache_file", &answer);
    /* The name has the content's hash in it, so what is there under it is what we have. */
    if (status == SBI_OK && !strstr(answer.message, "cannot overwrite")) status = panda_answer_status(&answer, "PanDA: file_server/upload_cache_file");
    panda_answer_clear(&answer);
    sbi_text_clear(&body);
    sbi_free(api->ctx, url);
    return status;
}

sbi_status panda_api_upload(panda_api *api, char name[PANDA_FILE_SIZE], const void *gzip, size_t size, char **url)
{
    char host[256], found[PANDA_FILE_SIZE];
    int there;
    *url = NULL;
    if (size > UPLOAD_LARGEST) return sbi_fail(SBI_ERR_ARGUMENT, "PanDA: the sandbox has %zu bytes: at most %zu are taken", size, UPLOAD_LARGEST);
    SBI_TRY(ask_cache(api, gzip, size, &there, host, sizeof host, found));
    if (there) memcpy(name, found, sizeof found);
    else SBI_TRY(put(api, name, gzip, size));
    return place_of(api, there ? host : NULL, url);
}
