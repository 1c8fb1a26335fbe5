/* SPDX-License-Identifier: Apache-2.0 */
/* Network files: .npz with one member an array and meta.json. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "base/text.h"
#include "io/json.h"
#include "io/npz.h"
#include "net/json_values.h"
#include "net/network.h"

#define FORMAT "sbi network"
/* 1: a plain chain with one output. 2: has `layer_norm`, `residual` and `linear`, a number a layer each, `leaky_slope` and `epsilon`, all of
 * which may be missing. A network is written in the oldest version that can say what it is. */
#define VERSION 2

static int is_plain(const sbi_mlp *mlp)
{
    for (int32_t l = 0; l < mlp->layers; l++)
        if (mlp->norm[l] || mlp->residual[l] || mlp->linear[l]) return 0;
    return sbi_mlp_outputs(mlp) == 1 && mlp->slope == 0.01f;
}

/* Digest of everything that counts when evaluating: a file that was changed by hand is noticed. */
static void content_digest(const sbi_network *net, char hex[SBI_SHA256_HEX_SIZE])
{
    const sbi_mlp *mlp = &net->mlp;
    unsigned char digest[32];
    sbi_sha256 h;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, &mlp->layers, sizeof mlp->layers);
    sbi_sha256_update(&h, &mlp->activation, sizeof mlp->activation);
    sbi_sha256_update(&h, mlp->size, sizeof mlp->size[0] * (size_t)(mlp->layers + 1));
    if (!is_plain(mlp)) {
        sbi_sha256_update(&h, mlp->norm, sizeof mlp->norm[0] * (size_t)mlp->layers);
        sbi_sha256_update(&h, mlp->residual, sizeof mlp->residual[0] * (size_t)mlp->layers);
        sbi_sha256_update(&h, mlp->linear, sizeof mlp->linear[0] * (size_t)mlp->layers);
        sbi_sha256_update(&h, &mlp->slope, sizeof mlp->slope);
        sbi_sha256_update(&h, &mlp->epsilon, sizeof mlp->epsilon);
    }
    sbi_sha256_update(&h, net->params, sizeof *net->params * (size_t)mlp->n);
    sbi_sha256_update(&h, net->shift, sizeof *net->shift * (size_t)mlp->size[0]);
    sbi_sha256_update(&h, net->scale, sizeof *net->scale * (size_t)mlp->size[0]);
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
}

static json_t *make_list(const int32_t *value, int32_t n)
{
    json_t *list = json_array();
    for (int32_t l = 0; l < n; l++) json_array_append_new(list, json_integer(value[l]));
    return list;
}

/* What version 2 says beyond version 1. */
static int add_form(json_t *meta, const sbi_mlp *mlp)
{
    return json_object_set_new(meta, "layer_norm", make_list(mlp->norm, mlp->layers)) ||
           json_object_set_new(meta, "residual", make_list(mlp->residual, mlp->layers)) ||
           json_object_set_new(meta, "linear", make_list(mlp->linear, mlp->layers)) ||
           json_object_set_new(meta, "leaky_slope", sbi_json_from_double((double)mlp->slope)) ||
           json_object_set_new(meta, "epsilon", sbi_json_from_double((double)mlp->epsilon));
}

static json_t *make_meta(const sbi_network *net)
{
    char hex[SBI_SHA256_HEX_SIZE];
    content_digest(net, hex);
    json_t *sizes = json_array(), *names = json_array();
    for (int32_t l = 0; l <= net->mlp.layers; l++) json_array_append_new(sizes, json_integer(net->mlp.size[l]));
    for (int64_t j = 0; j < net->mlp.size[0]; j++) json_array_append_new(names, json_string(net->names[j]));
    json_t *training = net->training ? json_loads(net->training, 0, NULL) : json_null();
    const int plain = is_plain(&net->mlp);
    json_t *meta =
           json_pack("{s:s, s:i, s:s, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:s, s:o}", "format", FORMAT, "version", plain ? 1 : VERSION,
                     "activation", sbi_activation_name(net->mlp.activation), "sizes", sizes, "features", names, "member",
                     (int)net->member, "best_epoch", (int)net->best_epoch, "seed", sbi_json_from_u64(net->seed), "loss",
                     sbi_json_from_double(net->loss), "validation_loss", sbi_json_from_double(net->validation_loss), "sha256",
                     hex, "training", training);
    if (meta && !plain && add_form(meta, &net->mlp)) {
        json_decref(meta);
        meta = NULL;
    }
    return meta;
}

static sbi_status write_members(const sbi_network *net, sbi_npz_writer *w)
{
    const sbi_mlp *mlp = &net->mlp;
    char name[24];
    for (int32_t l = 0; l < mlp->layers; l++) {
        sbi_array weight, bias;
        SBI_TRY(sbi_network_layer(net, (size_t)l, &weight, &bias));
        snprintf(name, sizeof name, "W%d", (int)l);
        SBI_TRY(sbi_npz_writer_add(w, name, &weight));
        snprintf(name, sizeof name, "b%d", (int)l);
        SBI_TRY(sbi_npz_writer_add(w, name, &bias));
        if (!mlp->norm[l]) continue;
        SBI_TRY(sbi_network_norm(net, (size_t)l, &weight, &bias));
        snprintf(name, sizeof name, "gain%d", (int)l);
        SBI_TRY(sbi_npz_writer_add(w, name, &weight));
        snprintf(name, sizeof name, "offset%d", (int)l);
        SBI_TRY(sbi_npz_writer_add(w, name, &bias));
    }
    const sbi_array shift = sbi_array_1d(net->shift, SBI_F64, mlp->size[0]);
    const sbi_array scale = sbi_array_1d(net->scale, SBI_F64, mlp->size[0]);
    SBI_TRY(sbi_npz_writer_add(w, "shift", &shift));
    SBI_TRY(sbi_npz_writer_add(w, "scale", &scale));
    const double none = 0;
    const sbi_array history = sbi_array_2d(net->history ? net->history : &none, SBI_F64, net->epochs, SBI_HISTORY_COLUMNS);
    SBI_TRY(sbi_npz_writer_add(w, "history", &history));

    json_t *meta = make_meta(net);
    if (!meta) return sbi_fail(SBI_ERR_NO_MEMORY, "network: out of memory for meta.json");
    sbi_text text;
    sbi_text_init(&text, net->ctx);
    sbi_status status = sbi_json_pretty(&text, meta);
    json_decref(meta);
    if (status == SBI_OK) status = sbi_npz_writer_add_bytes(w, "meta.json", text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

sbi_status sbi_network_save(const sbi_network *net, const char *path)
{
    SBI_REQUIRE(net && path, "sbi_network_save: net or path is NULL");
    sbi_npz_writer *w;
    SBI_TRY(sbi_npz_writer_open(&w, net->ctx, path, 0));
    sbi_status status = write_members(net, w);
    if (status == SBI_OK) return sbi_npz_writer_commit(w);
    sbi_npz_writer_abandon(w);
    return status;
}

/* ---- loading ---- */

/* A list with a number a layer; what is missing stays 0. */
static sbi_status read_list(int32_t *out, const json_t *meta, const sbi_json_place *at, const char *key, int32_t layers, int32_t most)
{
    json_t *list;
    if (!json_object_get(meta, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_array(meta, at, key, &list));
    if (json_array_size(list) != (size_t)layers)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s has %zu entries, expected %d", key, json_array_size(list), (int)layers);
    for (int32_t l = 0; l < layers; l++) {
        const json_t *value = json_array_get(list, (size_t)l);
        if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > most)
            return sbi_json_fail(SBI_ERR_FORMAT, at, "%s[%d] is not an integer from 0 to %d", key, (int)l, (int)most);
        out[l] = (int32_t)json_integer_value(value);
    }
    return SBI_OK;
}

static sbi_status read_positive(float *out, const json_t *meta, const sbi_json_place *at, const char *key)
{
    double value;
    if (!json_object_get(meta, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_double(meta, at, key, &value));
    *out = (float)value;
    if (!(*out > 0 && *out <= 1)) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is %g, expected more than 0, at most 1", key, value);
    return SBI_OK;
}

static sbi_status read_form(sbi_mlp *mlp, const json_t *meta, const sbi_json_place *at)
{
    SBI_TRY(read_list(mlp->norm, meta, at, "layer_norm", mlp->layers, 1));
    SBI_TRY(read_list(mlp->residual, meta, at, "residual", mlp->layers, SBI_MLP_MAX_LAYERS));
    SBI_TRY(read_list(mlp->linear, meta, at, "linear", mlp->layers, 1));
    SBI_TRY(read_positive(&mlp->slope, meta, at, "leaky_slope"));
    return read_positive(&mlp->epsilon, meta, at, "epsilon");
}

static sbi_status read_shape(sbi_mlp *mlp, const json_t *meta, const sbi_json_place *at)
{
    const char *format, *activation;
    int64_t version;
    SBI_TRY(sbi_json_get_string(meta, at, "format", &format));
    if (strcmp(format, FORMAT) != 0)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "format is \"%s\", expected \"%s\"", format, FORMAT);
    SBI_TRY(sbi_json_get_integer(meta, at, "version", &version));
    if (version < 1 || version > VERSION)
        return sbi_json_fail(SBI_ERR_VERSION, at, "version is %" PRId64 ", this library reads 1 to %d", version, VERSION);
    SBI_TRY(sbi_json_get_string(meta, at, "activation", &activation));
    memset(mlp, 0, sizeof *mlp);
    if (!(mlp->activation = sbi_activation_find(activation)))
        return sbi_json_fail(SBI_ERR_FORMAT, at, "activation is \"%s\", which is unknown", activation);
    json_t *sizes;
    SBI_TRY(sbi_json_get_array(meta, at, "sizes", &sizes));
    const size_t n = json_array_size(sizes);
    if (n < 2 || n > SBI_MLP_MAX_LAYERS + 1)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "sizes has %zu entries, expected 2 to %d", n, SBI_MLP_MAX_LAYERS + 1);
    mlp->layers = (int32_t)n - 1;
    for (size_t l = 0; l < n; l++) {
        const json_t *size = json_array_get(sizes, l);
        if (!json_is_integer(size)) return sbi_json_fail(SBI_ERR_FORMAT, at, "sizes[%zu] is not an integer", l);
        mlp->size[l] = json_integer_value(size);
    }
    if (version > 1) {
        SBI_TRY(read_form(mlp, meta, at));
    } else if (mlp->size[mlp->layers] != 1) {
        return sbi_fail(SBI_ERR_SHAPE, "network: the last layer has %" PRId64 " outputs, expected 1 in version 1", mlp->size[mlp->layers]);
    }
    return sbi_mlp_finish(mlp);
}

static sbi_status check_finite_f32(const float *x, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return sbi_fail(SBI_ERR_VALUE, "%s: entry %" PRId64 " is %g", name, i, (double)x[i]);
    return SBI_OK;
}

static sbi_status read_arrays(sbi_network *net, const sbi_npz *npz)
{
    const sbi_mlp *mlp = &net->mlp;
    char name[24];
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t shape[2] = {mlp->size[l + 1], mlp->size[l]};
        snprintf(name, sizeof name, "W%d", (int)l);
        SBI_TRY(sbi_npz_read_into(npz, name, SBI_F32, 2, shape, net->params + mlp->w[l]));
        SBI_TRY(check_finite_f32(net->params + mlp->w[l], shape[0] * shape[1], name));
        snprintf(name, sizeof name, "b%d", (int)l);
        SBI_TRY(sbi_npz_read_into(npz, name, SBI_F32, 1, shape, net->params + mlp->b[l]));
        SBI_TRY(check_finite_f32(net->params + mlp->b[l], shape[0], name));
        if (!mlp->norm[l]) continue;
        snprintf(name, sizeof name, "gain%d", (int)l);
        SBI_TRY(sbi_npz_read_into(npz, name, SBI_F32, 1, shape, net->params + mlp->gain[l]));
        SBI_TRY(check_finite_f32(net->params + mlp->gain[l], shape[0], name));
        snprintf(name, sizeof name, "offset%d", (int)l);
        SBI_TRY(sbi_npz_read_into(npz, name, SBI_F32, 1, shape, net->params + mlp->offset[l]));
        SBI_TRY(check_finite_f32(net->params + mlp->offset[l], shape[0], name));
    }
    SBI_TRY(sbi_npz_read_into(npz, "shift", SBI_F64, 1, mlp->size, net->shift));
    SBI_TRY(sbi_npz_read_into(npz, "scale", SBI_F64, 1, mlp->size, net->scale));
    for (int64_t j = 0; j < mlp->size[0]; j++)
        if (!isfinite(net->shift[j]) || !isfinite(net->scale[j]) || net->scale[j] == 0)
            return sbi_fail(SBI_ERR_VALUE, "shift or scale: entry %" PRId64 " is %g, %g", j, net->shift[j], net->scale[j]);
    sbi_array view;
    void *history = NULL;
    SBI_TRY(sbi_npz_read(npz, "history", &view, &history));
    if (view.dtype != SBI_F64 || view.ndim != 2 || view.shape[1] != SBI_HISTORY_COLUMNS || view.shape[0] > INT32_MAX ||
        (view.shape[0] > 0 && view.strides[1] != (int64_t)sizeof(double))) {
        sbi_free(net->ctx, history);
        return sbi_fail(SBI_ERR_SHAPE, "history: expected f64 [epochs, %d]", SBI_HISTORY_COLUMNS);
    }
    net->epochs = (int32_t)view.shape[0];
    net->history = sbi_alloc_array(net->ctx, (size_t)(view.shape[0] * SBI_HISTORY_COLUMNS), sizeof(double));
    if (net->history) memcpy(net->history, view.data, sizeof(double) * (size_t)(view.shape[0] * SBI_HISTORY_COLUMNS));
    sbi_free(net->ctx, history);
    return net->history ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status read_meta(sbi_network *net, const json_t *meta, const sbi_json_place *at)
{
    json_t *names;
    int64_t member, best_epoch;
    const char *sha256;
    char hex[SBI_SHA256_HEX_SIZE];
    SBI_TRY(sbi_json_get_array(meta, at, "features", &names));
    if ((int64_t)json_array_size(names) != net->mlp.size[0])
        return sbi_json_fail(SBI_ERR_FORMAT, at, "features has %zu names for %" PRId64 " inputs", json_array_size(names),
                             net->mlp.size[0]);
    for (int64_t j = 0; j < net->mlp.size[0]; j++) {
        const char *name = json_string_value(json_array_get(names, (size_t)j));
        if (!name) return sbi_json_fail(SBI_ERR_FORMAT, at, "features[%" PRId64 "] is not a string", j);
        SBI_TRY(sbi_network_set_name(net, j, name));
    }
    SBI_TRY(sbi_json_get_integer(meta, at, "member", &member));
    SBI_TRY(sbi_json_get_integer(meta, at, "best_epoch", &best_epoch));
    if (member < 0 || member > INT32_MAX || best_epoch < 0 || best_epoch > net->epochs)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "member is %" PRId64 ", best_epoch %" PRId64 " of %d", member, best_epoch,
                             (int)net->epochs);
    net->member = (int32_t)member;
    net->best_epoch = (int32_t)best_epoch;
    SBI_TRY(sbi_json_get_u64(meta, at, "seed", &net->seed));
    SBI_TRY(sbi_json_get_double(meta, at, "loss", &net->loss));
    SBI_TRY(sbi_json_get_double(meta, at, "validation_loss", &net->validation_loss));
    const json_t *training = json_object_get(meta, "training");
    if (json_is_object(training)) {
        sbi_text text;
        sbi_text_init(&text, net->ctx);
        sbi_status status = sbi_json_canonical(&text, training);
        if (status == SBI_OK && !(net->training = sbi_strndup(net->ctx, text.data, text.size))) status = SBI_ERR_NO_MEMORY;
        sbi_text_clear(&text);
        SBI_TRY(status);
    }
    SBI_TRY(sbi_json_get_string(meta, at, "sha256", &sha256));
    content_digest(net, hex);
    if (strcmp(hex, sha256) != 0)
        return sbi_json_fail(SBI_ERR_CHECKSUM, at, "the content has SHA-256 %.16s..., the file says %.16s...", hex, sha256);
    return SBI_OK;
}

static sbi_status load_open(sbi_network **out, sbi_context *ctx, const sbi_npz *npz)
{
    void *memory = NULL;
    size_t size;
    json_t *meta = NULL;
    sbi_network *net = NULL;
    sbi_mlp mlp;
    const sbi_json_place at = sbi_json_root("meta.json");
    SBI_TRY(sbi_npz_read_bytes(npz, "meta.json", &memory, &size));
    sbi_status status = sbi_json_parse(&meta, memory, size, "meta.json");
    sbi_free(ctx, memory);
    SBI_TRY(status);
    SBI_GOTO(read_shape(&mlp, meta, &at), done);
    if ((uint64_t)mlp.parameters > sbi_npz_most_bytes(npz) / sizeof(float)) {
        status = sbi_json_fail(SBI_ERR_FORMAT, &at, "sizes make %" PRId64 " parameters, more than the file has", mlp.parameters);
        goto done;
    }
    SBI_GOTO(sbi_network_new(&net, ctx, &mlp), done);
    SBI_GOTO(read_arrays(net, npz), done);
    SBI_GOTO(read_meta(net, meta, &at), done);
    *out = net;
    net = NULL;
done:
    sbi_network_destroy(net);
    json_decref(meta);
    return status;
}

sbi_status sbi_network_load(sbi_network **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_network_load: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_network_load: ctx or path is NULL");
    sbi_npz *npz;
    SBI_TRY(sbi_npz_open(&npz, ctx, path));
    sbi_status status = load_open(out, ctx, npz);
    sbi_npz_close(npz);
    if (status != SBI_OK && !strstr(sbi_last_error(), path)) return sbi_fail_within(status, "%s", path);
    return status;
}

sbi_status sbi_network_load_memory(sbi_network **out, sbi_context *ctx, const void *data, size_t size, const char *name)
{
    *out = NULL;
    sbi_npz *npz;
    SBI_TRY(sbi_npz_open_memory(&npz, ctx, data, size, name));
    sbi_status status = load_open(out, ctx, npz);
    sbi_npz_close(npz);
    if (status != SBI_OK && !strstr(sbi_last_error(), name)) return sbi_fail_within(status, "%s", name);
    return status;
}
