/* SPDX-License-Identifier: Apache-2.0 */
/* The store "rucio://scope/dataset": configuration, listing, removing, and the control store beside it. */
#include "grid/rucio.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/grid.h"
#include "grid/secret.h"

#define CONFIG_LARGEST ((size_t)1 << 20)
#define CONTENT "cas/" /* what is in Rucio where there is a control store */

/* ---- the store's functions ------------------------------------------------------------------------------------- */

static int in_control(const rucio *r, const char *object)
{
    return r->control && strncmp(object, CONTENT, strlen(CONTENT)) != 0;
}

static sbi_status store_get(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    rucio *r = self;
    return in_control(r, name) ? sbi_store_get(r->control, name, offset, length, sink) : rucio_get(r, name, offset, length, sink);
}

static sbi_status store_stat(void *self, const char *name, sbi_store_info *info)
{
    rucio *r = self;
    char file[GRID_RUCIO_NAME_MAX];
    grid_rucio_file f;
    if (in_control(r, name)) return sbi_store_stat(r->control, name, info);
    SBI_TRY(grid_rucio_name(file, r->before, name));
    SBI_TRY(rucio_lookup(r, name, file, &f));
    info->size = f.size;
    info->has_adler32 = f.has_adler32;
    info->adler32 = f.adler32;
    return SBI_OK;
}

static sbi_status store_put(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    rucio *r = self;
    return in_control(r, name) ? sbi_store_put(r->control, name, source, size, flags) : rucio_put(r, name, source, size, flags);
}

static sbi_status note(void *user, const char *name, const sbi_store_info *info)
{
    return grid_listing_add(user, name, info);
}

static sbi_status list_dataset(rucio *r, grid_listing *files)
{
    sbi_http_answer a;
    char *path = rucio_did_path(r, r->dataset, "/dids");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = rucio_send(r, "GET", path, NULL, &a);
    if (status == SBI_OK) status = grid_rucio_read_content(files, a.body.data, a.body.size, r->scope, r->before, path);
    sbi_http_answer_clear(&a);
    sbi_free(r->ctx, path);
    return status == SBI_ERR_NOT_FOUND ? SBI_OK : status; /* made by the first put */
}

/* Whether names with the prefix can be content, or something else. */
static int concerns_content(const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(prefix, CONTENT, n < strlen(CONTENT) ? n : strlen(CONTENT)) == 0;
}

/* What one has no business to hold is left out, so that no name is there twice. */
static void keep(const rucio *r, grid_listing *l, size_t from, int control)
{
    size_t n = from;
    for (size_t i = from; i < l->count; i++) {
        if (in_control(r, l->items[i].name) == control)
            l->items[n++] = l->items[i];
        else
            sbi_free(l->ctx, l->items[i].name);
    }
    l->count = n;
}

static sbi_status store_list(void *self, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user)
{
    rucio *r = self;
    grid_listing all = {.ctx = r->ctx};
    sbi_status status = SBI_OK;
    if (!r->control || concerns_content(prefix)) {
        status = list_dataset(r, &all);
        if (status == SBI_OK) keep(r, &all, 0, 0);
    }
    if (status == SBI_OK && r->control && strncmp(prefix, CONTENT, strlen(CONTENT)) != 0) {
        const size_t from = all.count;
        status = sbi_store_list(r->control, prefix, note, &all);
        if (status == SBI_OK) keep(r, &all, from, 1);
    }
    if (status == SBI_OK) status = grid_listing_visit(&all, prefix, each, user);
    grid_listing_clear(&all);
    return status;
}

/* Off the dataset. Rucio then drops the dataset's locks, and with the last one its reaper may take the bytes. */
static sbi_status detach(rucio *r, const char *file)
{
    sbi_http_answer a = {0};
    sbi_text body;
    sbi_text_init(&body, r->ctx);
    char *path = rucio_did_path(r, r->dataset, "/dids");
    json_t *json = json_pack("{s:[{s:s, s:s}]}", "dids", "scope", r->scope, "name", file);
    sbi_status status = path && json ? sbi_json_canonical(&body, json) : sbi_fail(SBI_ERR_NO_MEMORY, "rucio: out of memory");
    if (status == SBI_OK) {
        status = rucio_send(r, "DELETE", path, body.data, &a);
        sbi_http_answer_clear(&a);
    }
    json_decref(json);
    sbi_text_clear(&body);
    sbi_free(r->ctx, path);
    return status == SBI_ERR_NOT_FOUND ? SBI_OK : status;
}

static sbi_status store_remove(void *self, const char *name)
{
    rucio *r = self;
    char file[GRID_RUCIO_NAME_MAX];
    grid_rucio_file f;
    if (in_control(r, name)) return sbi_store_remove(r->control, name);
    SBI_TRY(grid_rucio_name(file, r->before, name));
    const sbi_status status = rucio_lookup(r, name, file, &f);
    if (status == SBI_ERR_NOT_FOUND) return SBI_OK;
    SBI_TRY(status);
    return detach(r, file);
}

static void store_close(void *self)
{
    rucio *r = self;
    sbi_store_close(r->control);
    sbi_http_close(r->http);
    sbi_http_close(r->storage);
    char *const texts[] = {r->scope, r->dataset, r->host, r->auth_host, r->account, r->before, r->rse, r->rse_expression, r->schemes, r->rule, r->token_file,
                           r->chosen};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sbi_free(r->ctx, texts[i]);
    for (int i = 0; i < RUCIO_SUSPECTS; i++) sbi_free(r->ctx, r->suspects[i]);
    sbi_secret_free(r->ctx, r->user);
    sbi_secret_free(r->ctx, r->password);
    sbi_secret_free(r->ctx, r->token);
    pthread_mutex_destroy(&r->lock);
    sbi_free(r->ctx, r);
}

/* ---- configuration --------------------------------------------------------------------------------------------- */

static int word(const char *text, size_t size)
{
    return size && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") >= size;
}

static sbi_status read_url(rucio *r, const char *url)
{
    const char *scope = strstr(url, "://") + 3, *slash = strchr(scope, '/');
    size_t n = slash ? strlen(slash + 1) : 0;
    while (n && slash[n] == '/') n--;
    if (!slash || !word(scope, (size_t)(slash - scope)) || !word(slash + 1, n) || n > GRID_RUCIO_NAME_MAX - 1)
        return sbi_fail(SBI_ERR_ARGUMENT, "%.200s: expected rucio://SCOPE/DATASET", url);
    r->scope = sbi_strndup(r->ctx, scope, (size_t)(slash - scope));
    r->dataset = sbi_strndup(r->ctx, slash + 1, n);
    return r->scope && r->dataset ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* A text of the configuration, else of the environment, else `other`; NULL if none. */
static sbi_status read_text(const rucio *r, const grid_config *c, const char *key, const char *variable, const char *other, char **out)
{
    const char *text;
    if (variable && grid_environment(variable)) other = grid_environment(variable);
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, key, other, &text));
    *out = text ? sbi_strdup(r->ctx, text) : NULL;
    return text && !*out ? SBI_ERR_NO_MEMORY : SBI_OK;
}

static sbi_status check_host(const rucio *r, const grid_config *c, char *url, int plain)
{
    size_t n = strlen(url);
    while (n && url[n - 1] == '/') url[--n] = '\0';
    if ((strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) || strpbrk(url, "?# @\r\n"))
        return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "%s: \"%.200s\" is no URL of a Rucio server", r->scope, url);
    return rucio_may_tell(url, plain);
}

static sbi_status read_user(rucio *r, const grid_config *c)
{
    const char *path;
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "user_file", NULL, &path));
    if (!path) {
        const char *user = grid_environment("RUCIO_CFG_CLIENT_USERNAME"), *password = grid_environment("RUCIO_CFG_CLIENT_PASSWORD");
        if (!user || !password)
            return sbi_json_fail(SBI_ERR_PERMISSION, &c->at, "userpass: neither user_file nor RUCIO_CFG_CLIENT_USERNAME and RUCIO_CFG_CLIENT_PASSWORD");
        SBI_TRY(sbi_secret_copy(&r->user, r->ctx, user));
        return sbi_secret_copy(&r->password, r->ctx, password);
    }
    return sbi_secret_read_user(&r->user, &r->password, r->ctx, path);
}

static sbi_status read_session(rucio *r, const grid_config *c, sbi_http_options *o)
{
    const char *names[] = {"userpass", "x509", "oidc"};
    char *auth = NULL;
    if (!o->cert_file) o->cert_file = grid_environment("X509_USER_PROXY");
    if (!o->ca_file && !o->ca_folder) o->ca_folder = grid_environment("X509_CERT_DIR");
    SBI_TRY(read_text(r, c, "auth", "RUCIO_AUTH_TYPE", o->cert_file ? "x509" : "userpass", &auth));
    r->auth = -1;
    for (int i = 0; i < 3; i++)
        if (strcmp(auth, names[i]) == 0) r->auth = i;
    if (strcmp(auth, "x509_proxy") == 0) r->auth = RUCIO_X509;
    sbi_status status = r->auth < 0 ? sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "auth: \"%.40s\" is none of userpass, x509, oidc", auth) : SBI_OK;
    sbi_free(r->ctx, auth);
    SBI_TRY(status);
    if (r->auth == RUCIO_USERPASS) return read_user(r, c);
    if (r->auth == RUCIO_X509)
        return o->cert_file ? SBI_OK : sbi_json_fail(SBI_ERR_PERMISSION, &c->at, "x509: neither cert_file nor X509_USER_PROXY");
    SBI_TRY(read_text(r, c, "token_file", "BEARER_TOKEN_FILE", NULL, &r->token_file));
    return r->token_file ? SBI_OK : sbi_json_fail(SBI_ERR_PERMISSION, &c->at, "oidc: neither token_file nor BEARER_TOKEN_FILE");
}

static sbi_status open_control(rucio *r, const grid_config *c)
{
    const char *url;
    json_t *config = json_object_get(c->json, "control_config");
    sbi_text text;
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "control", NULL, &url));
    if (!url) return SBI_OK;
    if (strncmp(url, "rucio:", 6) == 0) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "control: \"%.100s\" cannot replace objects either", url);
    sbi_text_init(&text, r->ctx);
    sbi_status status = config ? sbi_json_canonical(&text, config) : SBI_OK;
    if (status == SBI_OK) status = sbi_store_open(&r->control, r->ctx, url, config ? text.data : NULL);
    sbi_text_clear(&text);
    return status;
}

static sbi_status read_texts(rucio *r, const grid_config *c)
{
    SBI_TRY(read_text(r, c, "host", "RUCIO_CFG_CLIENT_RUCIO_HOST", NULL, &r->host));
    if (!r->host) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "neither \"host\" nor RUCIO_CFG_CLIENT_RUCIO_HOST says where the server is");
    SBI_TRY(read_text(r, c, "auth_host", "RUCIO_CFG_CLIENT_AUTH_HOST", r->host, &r->auth_host));
    SBI_TRY(read_text(r, c, "account", "RUCIO_ACCOUNT", NULL, &r->account));
    if (!r->account) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "neither \"account\" nor RUCIO_ACCOUNT says who you are");
    SBI_TRY(read_text(r, c, "name_prefix", NULL, "", &r->before));
    SBI_TRY(read_text(r, c, "rse", NULL, NULL, &r->rse));
    SBI_TRY(read_text(r, c, "rse_expression", NULL, NULL, &r->rse_expression));
    SBI_TRY(read_text(r, c, "schemes", NULL, "davs,https", &r->schemes));
    SBI_TRY(read_text(r, c, "rule", NULL, NULL, &r->rule));
    if (r->before[0] && !word(r->before, strlen(r->before))) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "name_prefix: \"%.80s\" is not of [A-Za-z0-9._-]", r->before);
    if (strspn(r->schemes, "abcdefghijklmnopqrstuvwxyz,") != strlen(r->schemes) || !r->schemes[0])
        return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "schemes: \"%.80s\" is no list like \"davs,https\"", r->schemes);
    SBI_TRY(grid_config_integer(c, "lifetime_s", 0, 0, INT64_MAX / 2000, &r->lifetime));
    SBI_TRY(grid_config_integer(c, "copies", 1, 1, 1000, &r->copies));
    r->read_back = 1;
    return sbi_json_get_bool_or(c->json, &c->at, "read_back", 1, &r->read_back);
}

static sbi_status configure(rucio *r, const grid_config *c, const char *url)
{
    sbi_http_options o = {0};
    const char *storage_token;
    SBI_TRY(read_url(r, url));
    SBI_TRY(grid_config_http(c, &o));
    o.token_file = NULL; /* Rucio takes it in a header of its own */
    SBI_TRY(read_texts(r, c));
    SBI_TRY(check_host(r, c, r->host, o.plain_credentials));
    SBI_TRY(check_host(r, c, r->auth_host, o.plain_credentials));
    SBI_TRY(read_session(r, c, &o));
    r->retries = o.retries ? (o.retries < 0 ? 0 : o.retries) : 5;
    r->backoff_ms = o.backoff_ms ? o.backoff_ms : 200;
    SBI_TRY(sbi_http_open(&r->http, r->ctx, &o));
    SBI_TRY(sbi_json_get_string_or(c->json, &c->at, "storage_token_file", NULL, &storage_token));
    o.token_file = storage_token;
    SBI_TRY(sbi_http_open(&r->storage, r->ctx, &o));
    return open_control(r, c);
}

/* Programs that are given a URL only, as the worker, find the configuration in a file. */
static sbi_status find_config(sbi_context *ctx, const char *config, char **owned)
{
    const char *path = config && config[0] ? NULL : grid_environment("SBI_RUCIO_CONFIG");
    void *data;
    size_t size;
    *owned = NULL;
    if (!path) return SBI_OK;
    SBI_TRY(sbi_file_read(ctx, path, CONFIG_LARGEST, &data, &size));
    *owned = sbi_strndup(ctx, data, size);
    sbi_free(ctx, data);
    return *owned ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static const sbi_store_ops rucio_ops = {
    .struct_size = sizeof rucio_ops,
    .abi = SBI_STORE_ABI,
    .get = store_get,
    .stat = store_stat,
    .put = store_put,
    .list = store_list,
    .remove = store_remove,
    .close = store_close,
};

sbi_status grid_rucio_open(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self)
{
    static const char *const own[] = {"host", "auth_host", "account", "auth", "user_file", "storage_token_file", "name_prefix", "rse", "rse_expression",
                                      "schemes", "rule", "lifetime_s", "copies", "read_back", "control", "control_config", NULL};
    grid_config c;
    char *text;
    (void)user;
    SBI_TRY(find_config(ctx, config, &text));
    sbi_status status = grid_config_read(&c, text ? text : config, "store \"rucio\"", own);
    sbi_free(ctx, text);
    SBI_TRY(status);
    rucio *r = sbi_alloc_zero(ctx, 1, sizeof *r);
    status = SBI_ERR_NO_MEMORY;
    if (r) {
        r->ctx = ctx;
        pthread_mutex_init(&r->lock, NULL);
        status = configure(r, &c, url);
        if (status != SBI_OK) store_close(r);
    }
    grid_config_clear(&c);
    if (status != SBI_OK) return status;
    *ops = &rucio_ops;
    *self = r;
    return SBI_OK;
}
