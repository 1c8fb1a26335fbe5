/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_auth.h"

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "grid/panda_answers.h"
#include "grid/panda_oidc.h"
#include "grid/secret.h"

#define EARLY_S 300 /* tokens are renewed so long before they end */

const char *const panda_auth_keys[] = {"vo", "auth", "interactive", "config_root", NULL};

static sbi_status find_cache(panda_auth *a)
{
    const char *root, *home = grid_environment("HOME");
    SBI_TRY(sbi_json_get_string_or(a->config->json, &a->config->at, "config_root", grid_environment("PANDA_CONFIG_ROOT"), &root));
    if (!root && !home) return sbi_json_fail(SBI_ERR_ARGUMENT, &a->config->at, "config_root: neither it nor PANDA_CONFIG_ROOT nor HOME is set");
    char *own = root ? sbi_strdup(a->ctx, root) : sbi_path_join(a->ctx, home, ".pathena");
    if (!own) return SBI_ERR_NO_MEMORY;
    a->cache = sbi_path_join(a->ctx, own, ".token");
    sbi_free(a->ctx, own);
    return a->cache ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status need_vo(const panda_auth *a)
{
    if (a->vo) return SBI_OK;
    return sbi_json_fail(SBI_ERR_ARGUMENT, &a->config->at, "vo is missing, and PANDA_AUTH_VO is not set: tokens and tasks need it");
}

sbi_status panda_auth_find(panda_auth *a, sbi_context *ctx, const grid_config *c, const char *base)
{
    const char *kind, *said, *file, *proxy;
    *a = (panda_auth){.ctx = ctx, .config = c, .base = base};
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "vo", grid_environment("PANDA_AUTH_VO"), &a->vo));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "auth", grid_environment("PANDA_AUTH"), &kind));
    SBI_TRY(sbi_json_get_bool_or(c->json, &c->at, "interactive", 1, &a->interactive));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "token_file", NULL, &file));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "cert_file", NULL, &proxy));
    const int oidc = kind && strcmp(kind, "oidc") == 0;
    if (kind && !oidc && strcmp(kind, "x509") != 0) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "auth is \"%.40s\": expected oidc or x509", kind);
    if (proxy || (kind && !oidc)) { /* the client's own keys, or the environment's proxy */
        if (!proxy) a->proxy = grid_environment("X509_USER_PROXY");
        if (!proxy && !a->proxy) return sbi_json_fail(SBI_ERR_PERMISSION, &c->at, "auth is x509, and neither cert_file nor X509_USER_PROXY is set");
        return need_vo(a);
    }
    if (file) {
        a->token_file = file;
    } else if ((said = grid_environment("PANDA_AUTH_ID_TOKEN"))) {
        SBI_TRY(sbi_secret_copy(&a->token, ctx, said));
    } else if ((said = grid_environment("OIDC_AUTH_TOKEN_FILE"))) {
        a->token_file = said;
    } else if ((said = grid_environment("OIDC_AUTH_ID_TOKEN"))) {
        SBI_TRY(sbi_secret_copy(&a->token, ctx, said));
    } else if (oidc) {
        a->oidc = 1;
    } else if ((a->proxy = grid_environment("X509_USER_PROXY"))) {
        return need_vo(a);
    } else {
        return sbi_json_fail(SBI_ERR_PERMISSION, &c->at, "no credentials: none of token_file, cert_file, PANDA_AUTH_ID_TOKEN, OIDC_AUTH_TOKEN_FILE, "
                                                         "OIDC_AUTH_ID_TOKEN, PANDA_AUTH=oidc, X509_USER_PROXY is set");
    }
    SBI_TRY(need_vo(a));
    return a->oidc ? find_cache(a) : SBI_OK;
}

/* Whether the token that is held lasts long enough. One that does not say when it ends is the server's to refuse. */
static int lasts(const panda_auth *a)
{
    return a->token && (!a->expires || a->expires - EARLY_S > (int64_t)time(NULL));
}

static sbi_status take(panda_auth *a, char **token)
{
    sbi_secret_free(a->ctx, a->token);
    a->token = *token;
    *token = NULL;
    return a->token ? panda_token_expiry(a->ctx, a->token, &a->expires) : SBI_OK;
}

sbi_status panda_auth_renew(panda_auth *a, int may_ask, int *changed)
{
    char *token = NULL, *refresh = NULL;
    panda_oidc provider = {0};
    *changed = 0;
    if (!a->oidc || lasts(a)) return SBI_OK;
    *changed = 1;
    sbi_status status = panda_token_read(a->ctx, a->cache, &token, &refresh);
    if (status == SBI_OK && token) status = take(a, &token);
    if (status == SBI_ERR_FORMAT || status == SBI_ERR_NOT_FOUND) status = SBI_OK; /* no cache, or one that is of no use */
    if (status == SBI_OK && !lasts(a)) {
        status = panda_oidc_open(&provider, a->ctx, a->config, a->base, a->vo);
        if (status == SBI_OK && refresh) {
            status = panda_oidc_refresh(&provider, &token, &refresh);
            if (status == SBI_ERR_PERMISSION) status = SBI_OK; /* the refresh token has ended, too */
        }
        if (status == SBI_OK && !token) {
            status = may_ask && a->interactive
                         ? panda_oidc_login(&provider, &token, &refresh)
                         : sbi_fail(SBI_ERR_PERMISSION, "PanDA: the login has ended: open the executor anew to log in%s", a->interactive ? "" : ", with interactive");
        }
        if (status == SBI_OK) status = panda_token_write(a->ctx, a->cache, token, refresh);
        if (status == SBI_OK) status = take(a, &token);
        panda_oidc_close(&provider);
    }
    sbi_secret_free(a->ctx, token);
    sbi_secret_free(a->ctx, refresh);
    return status;
}

void panda_auth_http(const panda_auth *a, sbi_http_options *out)
{
    if (a->token_file) out->token_file = a->token_file;
    if (a->token) out->token = a->token;
    if (a->proxy) out->cert_file = out->key_file = a->proxy;
    if (out->cert_file && !out->key_file) out->key_file = out->cert_file; /* a proxy is both */
}

void panda_auth_clear(panda_auth *a)
{
    sbi_secret_free(a->ctx, a->token);
    sbi_free(a->ctx, a->cache);
    *a = (panda_auth){0};
}
