/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "grid/config.h"
#include "grid/secret.h"
#include "grid/yaml.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define FILE_LARGEST ((size_t)16 << 20)

static sbi_status take(grid_kubeconfig *c, char **place, char *text)
{
    sbi_secret_free(c->ctx, *place);
    *place = text;
    return text ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* The entry `name` of a list of {"name": ..., KIND: {...}}. */
static sbi_status find_entry(const json_t *json, const sbi_json_place *at, const char *list, const char *kind, const char *name, const json_t **out)
{
    json_t *entries;
    SBI_TRY(sbi_json_get_array(json, at, list, &entries));
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *is = json_string_value(json_object_get(entry, "name"));
        *out = json_object_get(entry, kind);
        if (is && strcmp(is, name) == 0 && json_is_object(*out)) return SBI_OK;
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "%s has no %s \"%s\"", list, kind, name);
}

static sbi_status text_of(const json_t *object, const sbi_json_place *at, const char *key, const char **out)
{
    *out = NULL;
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) return SBI_OK;
    SBI_TRY(sbi_json_get_string(object, at, key, out));
    if (!**out) *out = NULL;
    return SBI_OK;
}

/* KEY names a file, KEY-data has its bytes, which win. */
static sbi_status file_or_data(grid_kubeconfig *c, const json_t *object, const sbi_json_place *at, const char *key, char **file, char **data,
                               size_t *size)
{
    char data_key[64];
    const char *text;
    memcpy(data_key, key, strlen(key) + 1);
    strcat(data_key, "-data");
    SBI_TRY(text_of(object, at, data_key, &text));
    if (text) {
        void *bytes;
        sbi_status status = sbi_base64_decode(c->ctx, text, &bytes, size);
        if (status == SBI_ERR_FORMAT) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is not base64", data_key); /* not the text: it may be a key */
        SBI_TRY(status);
        char *copy = sbi_strndup(c->ctx, bytes, *size);
        explicit_bzero(bytes, *size);
        sbi_free(c->ctx, bytes);
        return take(c, data, copy);
    }
    SBI_TRY(text_of(object, at, key, &text));
    return text ? take(c, file, sbi_path_join(c->ctx, c->folder, text)) : SBI_OK;
}

static sbi_status read_cluster(grid_kubeconfig *c, const json_t *cluster, const sbi_json_place *at)
{
    const char *server;
    int skip;
    SBI_TRY(sbi_json_get_string(cluster, at, "server", &server));
    SBI_TRY(sbi_json_get_bool_or(cluster, at, "insecure-skip-tls-verify", 0, &skip));
    if (skip)
        return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "insecure-skip-tls-verify: certificates are always verified; name the cluster's CA instead");
    if (json_object_get(cluster, "tls-server-name") || json_object_get(cluster, "proxy-url"))
        return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "tls-server-name and proxy-url");
    size_t length = strlen(server);
    while (length && server[length - 1] == '/') length--;
    SBI_TRY(take(c, &c->server, sbi_strndup(c->ctx, server, length)));
    return file_or_data(c, cluster, at, "certificate-authority", &c->ca_file, &c->ca, &c->ca_size);
}

static sbi_status read_user(grid_kubeconfig *c, const json_t *user, const sbi_json_place *at)
{
    static const char *const refused[] = {"username", "password", "auth-provider", "as"};
    const char *text;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (json_object_get(user, refused[i])) return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "%s", refused[i]);
    }
    SBI_TRY(file_or_data(c, user, at, "client-certificate", &c->cert_file, &c->cert, &c->cert_size));
    SBI_TRY(file_or_data(c, user, at, "client-key", &c->key_file, &c->key, &c->key_size));
    SBI_TRY(text_of(user, at, "tokenFile", &text)); /* it wins over token, since it can rotate */
    if (text) return take(c, &c->token_file, sbi_path_join(c->ctx, c->folder, text));
    SBI_TRY(text_of(user, at, "token", &text));
    if (text) return take(c, &c->token, sbi_strdup(c->ctx, text));
    json_t *exec = json_object_get(user, "exec");
    if (!exec || json_is_null(exec)) return SBI_OK;
    SBI_TRY(sbi_json_expect(exec, at, JSON_OBJECT));
    SBI_TRY(sbi_json_get_string(exec, at, "command", &text));
    c->exec = json_incref(exec);
    return SBI_OK;
}

static sbi_status read_config(grid_kubeconfig *c, const json_t *json, const sbi_json_place *at, const char *wanted)
{
    const json_t *context, *cluster, *user;
    const char *name, *cluster_name, *user_name, *space;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    if (wanted)
        name = wanted;
    else
        SBI_TRY(sbi_json_get_string(json, at, "current-context", &name));
    SBI_TRY(find_entry(json, at, "contexts", "context", name, &context));
    sbi_json_place inside = sbi_json_member(at, "contexts");
    SBI_TRY(sbi_json_get_string(context, &inside, "cluster", &cluster_name));
    SBI_TRY(sbi_json_get_string(context, &inside, "user", &user_name));
    SBI_TRY(text_of(context, &inside, "namespace", &space));
    SBI_TRY(take(c, &c->namespace_, sbi_strdup(c->ctx, space ? space : "default")));
    SBI_TRY(find_entry(json, at, "clusters", "cluster", cluster_name, &cluster));
    inside = sbi_json_member(at, "clusters");
    SBI_TRY(read_cluster(c, cluster, &inside));
    SBI_TRY(find_entry(json, at, "users", "user", user_name, &user));
    inside = sbi_json_member(at, "users");
    return read_user(c, user, &inside);
}

sbi_status grid_kubeconfig_parse(grid_kubeconfig *out, sbi_context *ctx, const char *text, size_t size, const char *context, const char *folder,
                                 const char *name)
{
    json_t *json;
    *out = (grid_kubeconfig){.ctx = ctx};
    if (!(out->folder = sbi_strdup(ctx, folder))) return SBI_ERR_NO_MEMORY;
    SBI_TRY(grid_yaml_parse(&json, text, size, name));
    const sbi_json_place at = sbi_json_root(name);
    sbi_status status = read_config(out, json, &at, context);
    json_decref(json);
    return status;
}

/* ---- where it lies --------------------------------------------------------------------------------------------- */

static sbi_status read_file(grid_kubeconfig *out, sbi_context *ctx, const char *path, const char *context)
{
    void *data;
    size_t size;
    SBI_TRY(sbi_file_read(ctx, path, FILE_LARGEST, &data, &size));
    char *folder = sbi_path_folder(ctx, path);
    sbi_status status = folder ? grid_kubeconfig_parse(out, ctx, data, size, context, folder, path) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, folder);
    explicit_bzero(data, size);
    sbi_free(ctx, data);
    return status;
}

/* What every pod finds: the server in its environment, its account in files. The token is read anew for each request, since it rotates. */
sbi_status grid_kubeconfig_of_pod(grid_kubeconfig *c, sbi_context *ctx, const char *account)
{
    const char *host = grid_environment("KUBERNETES_SERVICE_HOST");
    *c = (grid_kubeconfig){.ctx = ctx};
    if (!host) return sbi_fail(SBI_ERR_NOT_FOUND, "kubernetes: KUBERNETES_SERVICE_HOST is not set: this is no pod");
    const char *port = grid_environment("KUBERNETES_SERVICE_PORT");
    const int v6 = strchr(host, ':') != NULL;
    SBI_TRY(take(c, &c->server, sbi_strf(c->ctx, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port ? port : "443")));
    SBI_TRY(take(c, &c->token_file, sbi_path_join(ctx, account, "token")));
    SBI_TRY(take(c, &c->ca_file, sbi_path_join(ctx, account, "ca.crt")));
    char *file = sbi_path_join(ctx, account, "namespace");
    sbi_status status = file ? sbi_secret_read_line(&c->namespace_, ctx, file) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, file);
    return status;
}

sbi_status grid_kubeconfig_find(grid_kubeconfig *out, sbi_context *ctx, const char *path, const char *context)
{
    *out = (grid_kubeconfig){.ctx = ctx};
    if (path && *path) return read_file(out, ctx, path, context);
    const char *listed = grid_environment("KUBECONFIG");
    if (listed) {
        char *first = sbi_strndup(ctx, listed, strcspn(listed, ":"));
        sbi_status status = first ? read_file(out, ctx, first, context) : SBI_ERR_NO_MEMORY;
        sbi_free(ctx, first);
        return status;
    }
    if (grid_environment("KUBERNETES_SERVICE_HOST") && sbi_path_exists(ACCOUNT "/token")) return grid_kubeconfig_of_pod(out, ctx, ACCOUNT);
    const char *home = grid_environment("HOME");
    if (!home) return sbi_fail(SBI_ERR_NOT_FOUND, "kubernetes: no kubeconfig: neither \"kubeconfig\" nor KUBECONFIG nor a pod's account");
    char *usual = sbi_path_join(ctx, home, ".kube/config");
    sbi_status status = usual ? read_file(out, ctx, usual, context) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, usual);
    return status;
}

void grid_kubeconfig_http(const grid_kubeconfig *c, sbi_http_options *out)
{
    out->ca_file = c->ca_file;
    out->cert_file = c->cert_file;
    out->key_file = c->key_file;
    out->token_file = c->token_file;
    out->token = c->token;
    out->ca = (sbi_http_bytes){c->ca, c->ca_size};
    out->cert = (sbi_http_bytes){c->cert, c->cert_size};
    out->key = (sbi_http_bytes){c->key, c->key_size};
}

void grid_kubeconfig_clear(grid_kubeconfig *c)
{
    char *const texts[] = {c->server, c->namespace_, c->ca_file, c->cert_file, c->key_file, c->token_file, c->ca, c->cert, c->key, c->token, c->folder};
    if (!c->ctx) return;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sbi_secret_free(c->ctx, texts[i]);
    json_decref(c->exec);
    *c = (grid_kubeconfig){0};
}
