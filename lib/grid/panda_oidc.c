/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_oidc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/panda_answers.h"
#include "grid/secret.h"

#define TOKENS_LARGEST ((size_t)1 << 20)
#define SLICE_MS 200

/* ---- requests -------------------------------------------------------------------------------------------------- */

/* The object of an answer of any code; a code that may pass is a status. */
static sbi_status ask(panda_oidc *o, const char *method, const char *url, sbi_text *form, int32_t *code, json_t **out)
{
    sbi_http_answer answer;
    sbi_http_request request = {.method = method, .url = url, .flags = SBI_HTTP_NO_CREDENTIAL, .limit = TOKENS_LARGEST,
                                .headers = {"Accept: application/json", form ? "Content-Type: application/x-www-form-urlencoded" : NULL}};
    *out = NULL;
    if (form && form->status != SBI_OK) return form->status;
    if (form) {
        request.body = form->data;
        request.body_size = form->size;
    }
    sbi_status status = sbi_http_send(o->http, &request, &answer);
    *code = answer.code;
    /* The provider's refusals are objects, too; they are told by their codes' words, and never shown whole: tokens may be in them. */
    if (status == SBI_OK && (answer.code == 429 || answer.code >= 500)) status = sbi_fail(SBI_ERR_TRANSIENT, "OIDC: the provider answers %d", (int)answer.code);
    if (status == SBI_OK) status = sbi_json_parse(out, answer.body.data ? answer.body.data : "", answer.body.size, "OIDC: answer");
    if (status == SBI_OK && !json_is_object(*out)) status = sbi_fail(SBI_ERR_FORMAT, "OIDC: the answer is no object");
    if (answer.body.data) explicit_bzero(answer.body.data, answer.body.size);
    sbi_http_answer_clear(&answer);
    if (status != SBI_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

static sbi_status get(panda_oidc *o, const char *url, json_t **out)
{
    int32_t code;
    SBI_TRY(ask(o, "GET", url, NULL, &code, out));
    if (code == 200) return SBI_OK;
    json_decref(*out);
    *out = NULL;
    return sbi_fail(code == 404 ? SBI_ERR_NOT_FOUND : SBI_ERR_IO, "OIDC: %.200s: %d", url, (int)code);
}

static sbi_status copy(sbi_context *ctx, char **out, const json_t *object, const char *key, int needed)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text && needed) return sbi_fail(SBI_ERR_FORMAT, "OIDC: \"%s\" is missing", key);
    return sbi_secret_copy(out, ctx, text);
}

sbi_status panda_oidc_open(panda_oidc *o, sbi_context *ctx, const grid_config *config, const char *base, const char *vo)
{
    sbi_http_options http = {0};
    json_t *about = NULL, *found = NULL;
    *o = (panda_oidc){.ctx = ctx};
    SBI_TRY(grid_config_http(config, &http));
    http.cert_file = http.key_file = http.token_file = NULL;
    http.user_agent = "libsbi/" SBI_VERSION_STRING;
    SBI_TRY(sbi_http_open(&o->http, ctx, &http));
    char *url = sbi_strf(ctx, "%s/auth/%s_auth_config.json", base, vo);
    sbi_status status = url ? get(o, url, &about) : SBI_ERR_NO_MEMORY;
    const char *where = json_string_value(json_object_get(about, "oidc_config_url"));
    if (status == SBI_OK && !where) status = sbi_fail(SBI_ERR_FORMAT, "OIDC: %s: \"oidc_config_url\" is missing", url);
    if (status == SBI_OK) status = copy(ctx, &o->client, about, "client_id", 1);
    if (status == SBI_OK) status = copy(ctx, &o->secret, about, "client_secret", 0);
    if (status == SBI_OK) status = copy(ctx, &o->audience, about, "audience", 0);
    const char *profile = json_string_value(json_object_get(about, "jwt_profile"));
    o->wlcg = profile && strcmp(profile, "wlcg") == 0;
    if (status == SBI_OK) status = get(o, where, &found);
    if (status == SBI_OK) status = copy(ctx, &o->token_url, found, "token_endpoint", 1);
    if (status == SBI_OK) status = copy(ctx, &o->device_url, found, "device_authorization_endpoint", 1);
    json_decref(about);
    json_decref(found);
    sbi_free(ctx, url);
    return status;
}

void panda_oidc_close(panda_oidc *o)
{
    sbi_http_close(o->http);
    sbi_secret_free(o->ctx, o->client);
    sbi_secret_free(o->ctx, o->secret);
    sbi_secret_free(o->ctx, o->audience);
    sbi_secret_free(o->ctx, o->token_url);
    sbi_secret_free(o->ctx, o->device_url);
    *o = (panda_oidc){0};
}

static void add(sbi_text *form, const char *key, const char *value)
{
    if (!value) return;
    sbi_text_addf(form, "%s%s=", form->size ? "&" : "", key);
    sbi_http_escape(form, value, 0);
}

/* Asks for tokens: 1 in *came, or the provider's word for why not in `error`. */
static sbi_status ask_tokens(panda_oidc *o, const char *grant, const char *key, const char *value, char **token, char **refresh, char *error, size_t size)
{
    sbi_text form;
    json_t *answer;
    int32_t code;
    error[0] = '\0';
    sbi_text_init(&form, o->ctx);
    add(&form, "grant_type", grant);
    add(&form, key, value);
    add(&form, "client_id", o->client);
    add(&form, "client_secret", o->secret);
    sbi_status status = ask(o, "POST", o->token_url, &form, &code, &answer);
    if (form.data) explicit_bzero(form.data, form.size);
    sbi_text_clear(&form);
    SBI_TRY(status);
    if (code == 200) {
        char *next = NULL;
        status = copy(o->ctx, token, answer, "id_token", 1);
        if (status == SBI_OK) status = copy(o->ctx, &next, answer, "refresh_token", 0);
        if (next) {
            sbi_secret_free(o->ctx, *refresh);
            *refresh = next;
        }
    } else {
        const char *word = json_string_value(json_object_get(answer, "error"));
        size_t n = 0;
        for (; word && word[n] && n < size - 1 && word[n] > ' ' && word[n] < 0x7f; n++) error[n] = word[n];
        error[n] = '\0';
        if (!n) status = sbi_fail(SBI_ERR_FORMAT, "OIDC: the provider answers %d without saying why", (int)code);
    }
    json_decref(answer);
    return status;
}

sbi_status panda_oidc_refresh(panda_oidc *o, char **token, char **refresh)
{
    char error[64];
    SBI_TRY(ask_tokens(o, "refresh_token", "refresh_token", *refresh, token, refresh, error, sizeof error));
    return error[0] ? sbi_fail(SBI_ERR_PERMISSION, "OIDC: the login is not renewed: %s", error) : SBI_OK;
}

/* ---- the login of a user --------------------------------------------------------------------------------------- */

static sbi_status wait_ms(panda_oidc *o, int64_t ms)
{
    for (; ms > 0; ms -= SLICE_MS) {
        const struct timespec slice = {0, (ms < SLICE_MS ? ms : SLICE_MS) * 1000000};
        SBI_TRY(sbi_check_cancel(o->ctx, "OIDC: login"));
        nanosleep(&slice, NULL);
    }
    return SBI_OK;
}

/* RFC 8628, 3.4 and 3.5. */
static sbi_status wait_for_user(panda_oidc *o, const char *device_code, int64_t interval_s, int64_t lasts_s, char **token, char **refresh)
{
    for (int64_t waited = 0; waited <= lasts_s;) {
        char error[64];
        SBI_TRY(wait_ms(o, 1000 * interval_s));
        waited += interval_s ? interval_s : 1;
        sbi_status status = ask_tokens(o, "urn:ietf:params:oauth:grant-type:device_code", "device_code", device_code, token, refresh, error, sizeof error);
        if (status == SBI_ERR_TRANSIENT) continue;
        SBI_TRY(status);
        if (!error[0]) return SBI_OK;
        if (strcmp(error, "slow_down") == 0) interval_s += 5;
        else if (strcmp(error, "authorization_pending") != 0) return sbi_fail(SBI_ERR_PERMISSION, "OIDC: login: %s", error);
    }
    return sbi_fail(SBI_ERR_PERMISSION, "OIDC: login: nobody came within %lld s", (long long)lasts_s);
}

sbi_status panda_oidc_login(panda_oidc *o, char **token, char **refresh)
{
    sbi_text form;
    json_t *answer;
    int32_t code;
    int64_t interval = 5, lasts = 600;
    sbi_text_init(&form, o->ctx);
    add(&form, "client_id", o->client);
    add(&form, "client_secret", o->secret);
    add(&form, "scope", o->wlcg ? "openid profile email offline_access wlcg wlcg.groups" : "openid profile email offline_access");
    add(&form, "audience", o->audience);
    sbi_status status = ask(o, "POST", o->device_url, &form, &code, &answer);
    if (form.data) explicit_bzero(form.data, form.size);
    sbi_text_clear(&form);
    SBI_TRY(status);
    const char *device = json_string_value(json_object_get(answer, "device_code")), *user = json_string_value(json_object_get(answer, "user_code"));
    const char *where = json_string_value(json_object_get(answer, "verification_uri_complete"));
    if (!where) where = json_string_value(json_object_get(answer, "verification_uri"));
    panda_number(json_object_get(answer, "interval"), &interval);
    panda_number(json_object_get(answer, "expires_in"), &lasts);
    if (interval > 3600) interval = 3600;
    if (code != 200 || !device || !user || !where) {
        status = sbi_fail(SBI_ERR_PERMISSION, "OIDC: the provider offers no login with a device code (%d)", (int)code);
    } else {
        sbi_log(o->ctx, SBI_LOG_WARNING, "PanDA: to log in open %.400s and confirm the code %.60s", where, user);
        status = wait_for_user(o, device, interval, lasts, token, refresh);
    }
    json_decref(answer);
    return status;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

sbi_status panda_token_read(sbi_context *ctx, const char *path, char **token, char **refresh)
{
    void *data;
    size_t size;
    json_t *json = NULL;
    SBI_TRY(sbi_file_read(ctx, path, TOKENS_LARGEST, &data, &size));
    sbi_status status = sbi_json_parse(&json, data, size, path);
    if (status == SBI_ERR_FORMAT) status = sbi_fail(SBI_ERR_FORMAT, "%s: is no JSON", path); /* nothing of it is shown */
    explicit_bzero(data, size);
    sbi_free(ctx, data);
    if (status == SBI_OK) status = copy(ctx, token, json, "id_token", 0);
    if (status == SBI_OK) status = copy(ctx, refresh, json, "refresh_token", 0);
    json_decref(json);
    return status;
}

/* Nobody else may read it at any moment, so it is not written by sbi_file_write(). */
sbi_status panda_token_write(sbi_context *ctx, const char *path, const char *token, const char *refresh)
{
    json_t *json = json_pack("{s:s, s:s?}", "id_token", token, "refresh_token", refresh);
    char *folder = sbi_path_folder(ctx, path), *beside = sbi_strf(ctx, "%s.%ld", path, (long)getpid());
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = json && folder && beside ? sbi_json_canonical(&text, json) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_path_make_folder(ctx, folder);
    if (status == SBI_OK) {
        unlink(beside);
        const int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int good = fd >= 0;
        size_t at = 0;
        while (good && at < text.size) {
            const ssize_t n = write(fd, text.data + at, text.size - at);
            good = n > 0;
            if (good) at += (size_t)n;
        }
        if (fd >= 0) good = fsync(fd) == 0 && good, good = close(fd) == 0 && good;
        if (!good || rename(beside, path) != 0) {
            status = sbi_fail(SBI_ERR_IO, "%s: cannot be written", path);
            unlink(beside);
        }
    }
    if (text.data) explicit_bzero(text.data, text.size);
    sbi_text_clear(&text);
    json_decref(json);
    sbi_free(ctx, folder);
    sbi_free(ctx, beside);
    return status;
}
