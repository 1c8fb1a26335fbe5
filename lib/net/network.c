/* SPDX-License-Identifier: Apache-2.0 */
#include "net/network.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/column.h"

static const char *const activation_names[] = {NULL, "silu", "relu", "leaky_relu", "tanh", "gelu", "softplus"};
#define N_ACTIVATIONS ((int32_t)(sizeof activation_names / sizeof activation_names[0]))

const char *sbi_activation_name(int32_t activation)
{
    return activation > 0 && activation < N_ACTIVATIONS ? activation_names[activation] : NULL;
}

int32_t sbi_activation_find(const char *name)
{
    for (int32_t a = 1; a < N_ACTIVATIONS; a++)
        if (strcmp(name, activation_names[a]) == 0) return a;
    return 0;
}

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

sbi_status sbi_mlp_finish(sbi_mlp *mlp)
{
    SBI_REQUIRE(mlp->layers >= 1 && mlp->layers <= SBI_MLP_MAX_LAYERS, "network: %d layers, expected 1 to %d",
                (int)mlp->layers, SBI_MLP_MAX_LAYERS);
    SBI_REQUIRE(sbi_activation_name(mlp->activation), "network: activation is %d, expected one of SBI_ACTIVATION_...",
                (int)mlp->activation);
    if (mlp->size[mlp->layers] != 1)
        return sbi_fail(SBI_ERR_SHAPE, "network: the last layer has %" PRId64 " outputs, expected 1", mlp->size[mlp->layers]);
    mlp->n_weights = mlp->n = mlp->parameters = mlp->widest = 0;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t in = mlp->size[l], out = mlp->size[l + 1];
        SBI_REQUIRE(in >= 1 && in <= 1 << 20 && out >= 1 && out <= 1 << 20,
                    "network: layer %d is %" PRId64 " x %" PRId64 ", expected 1 to %d", (int)l, out, in, 1 << 20);
        mlp->w[l] = mlp->n_weights;
        mlp->n_weights += padded(in * out);
        mlp->parameters += in * out + out;
        if (in > mlp->widest) mlp->widest = in;
    }
    mlp->n = mlp->n_weights;
    for (int32_t l = 0; l < mlp->layers; l++) {
        mlp->b[l] = mlp->n;
        mlp->n += padded(mlp->size[l + 1]);
    }
    return SBI_OK;
}

sbi_status sbi_network_new(sbi_network **out, sbi_context *ctx, const sbi_mlp *mlp)
{
    *out = NULL;
    const int64_t d = mlp->size[0];
    sbi_network *net = sbi_alloc_zero(ctx, 1, sizeof *net);
    if (!net) return SBI_ERR_NO_MEMORY;
    net->ctx = ctx;
    net->mlp = *mlp;
    net->loss = net->validation_loss = NAN;
    atomic_init(&net->references, 1);
    net->params = sbi_alloc_zero(ctx, (size_t)mlp->n, sizeof *net->params);
    net->shift = sbi_alloc_zero(ctx, (size_t)d, sizeof *net->shift);
    net->scale = sbi_alloc_zero(ctx, (size_t)d, sizeof *net->scale);
    net->names = sbi_alloc_zero(ctx, (size_t)d, sizeof *net->names);
    int complete = net->params && net->shift && net->scale && net->names;
    for (int64_t j = 0; complete && j < d; j++) {
        net->scale[j] = 1;
        if (!(net->names[j] = sbi_strf(ctx, "x%" PRId64, j))) complete = 0;
    }
    if (!complete) {
        sbi_network_destroy(net);
        return SBI_ERR_NO_MEMORY;
    }
    *out = net;
    return SBI_OK;
}

sbi_network *sbi_network_retain(sbi_network *net)
{
    atomic_fetch_add(&net->references, 1);
    return net;
}

void sbi_network_destroy(sbi_network *net)
{
    if (!net || atomic_fetch_sub(&net->references, 1) != 1) return;
    sbi_context *ctx = net->ctx;
    for (int64_t j = 0; net->names && j < net->mlp.size[0]; j++) sbi_free(ctx, net->names[j]);
    sbi_transforms_free(net->transforms);
    sbi_free(ctx, net->names);
    sbi_free(ctx, net->params);
    sbi_free(ctx, net->shift);
    sbi_free(ctx, net->scale);
    sbi_free(ctx, net->history);
    sbi_free(ctx, net->training);
    sbi_free(ctx, net);
}

sbi_status sbi_network_set_name(sbi_network *net, int64_t index, const char *name)
{
    char *copy = sbi_strdup(net->ctx, name);
    if (!copy) return SBI_ERR_NO_MEMORY;
    sbi_free(net->ctx, net->names[index]);
    net->names[index] = copy;
    return SBI_OK;
}

/* Copies a two-dimensional view as f32, finite. */
static sbi_status copy_weights(sbi_context *ctx, float *to, const sbi_array *from, int64_t out, int64_t in, const char *name)
{
    SBI_TRY(sbi_column_check_shape(from, 2, name));
    if (from->shape[0] != out || from->shape[1] != in) {
        return sbi_fail(SBI_ERR_SHAPE, "%s: shape is %" PRId64 " x %" PRId64 ", expected %" PRId64 " x %" PRId64, name,
                        from->shape[0], from->shape[1], out, in);
    }
    SBI_TRY(sbi_column_check_finite(ctx, from, name));
    sbi_rows_read_f32(from, 0, out, to);
    for (int64_t k = 0; k < out * in; k++)
        if (!isfinite(to[k]))
            return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": too large for f32", name, k / in, k % in);
    return SBI_OK;
}

static sbi_status check_vector(sbi_context *ctx, const sbi_array *from, int64_t n, const char *name)
{
    SBI_TRY(sbi_column_check_shape(from, 1, name));
    if (from->shape[0] != n) {
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " values, expected %" PRId64, name, from->shape[0], n);
    }
    return sbi_column_check_finite(ctx, from, name);
}

static sbi_status fill(sbi_network *net, const sbi_array *weights, const sbi_array *biases, const sbi_array *shift,
                       const sbi_array *scale)
{
    const sbi_mlp *mlp = &net->mlp;
    for (int32_t l = 0; l < mlp->layers; l++) {
        float *b = net->params + mlp->b[l];
        SBI_TRY(copy_weights(net->ctx, net->params + mlp->w[l], &weights[l], mlp->size[l + 1], mlp->size[l], "weights"));
        SBI_TRY(check_vector(net->ctx, &biases[l], mlp->size[l + 1], "biases"));
        sbi_column_read_f32(&biases[l], 0, mlp->size[l + 1], b);
        for (int64_t k = 0; k < mlp->size[l + 1]; k++)
            if (!isfinite(b[k])) return sbi_fail(SBI_ERR_VALUE, "biases: row %" PRId64 ": too large for f32", k);
    }
    const int64_t d = mlp->size[0];
    if (shift) {
        SBI_TRY(check_vector(net->ctx, shift, d, "shift"));
        sbi_column_read_f64(shift, 0, d, net->shift);
    }
    if (scale) {
        SBI_TRY(check_vector(net->ctx, scale, d, "scale"));
        sbi_column_read_f64(scale, 0, d, net->scale);
        for (int64_t j = 0; j < d; j++)
            if (net->scale[j] == 0) return sbi_fail(SBI_ERR_VALUE, "scale: row %" PRId64 ": value is 0", j);
    }
    return SBI_OK;
}

sbi_status sbi_network_create(sbi_network **out, sbi_context *ctx, size_t layers, const sbi_array *weights,
                              const sbi_array *biases, int32_t activation, const sbi_array *shift, const sbi_array *scale)
{
    SBI_REQUIRE(out, "sbi_network_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && weights && biases, "sbi_network_create: ctx, weights or biases is NULL");
    SBI_REQUIRE(layers >= 1 && layers <= SBI_MLP_MAX_LAYERS, "sbi_network_create: %zu layers, expected 1 to %d", layers,
                SBI_MLP_MAX_LAYERS);
    sbi_mlp mlp = {.layers = (int32_t)layers, .activation = activation};
    for (size_t l = 0; l < layers; l++) {
        SBI_TRY(sbi_column_check_shape(&weights[l], 2, "weights"));
        mlp.size[l] = weights[l].shape[1];
        mlp.size[l + 1] = weights[l].shape[0];
    }
    SBI_TRY(sbi_mlp_finish(&mlp));
    sbi_network *net;
    SBI_TRY(sbi_network_new(&net, ctx, &mlp));
    sbi_status status = fill(net, weights, biases, shift, scale);
    if (status != SBI_OK) {
        sbi_network_destroy(net);
        return status;
    }
    *out = net;
    return SBI_OK;
}

sbi_status sbi_network_info_get(const sbi_network *net, sbi_network_info *info)
{
    SBI_REQUIRE(net && info, "sbi_network_info_get: net or info is NULL");
    if (info->struct_size < sizeof(uint32_t) || info->struct_size > 4096)
        return sbi_fail(SBI_ERR_ABI, "sbi_network_info_get: struct_size is %u", (unsigned)info->struct_size);
    const sbi_mlp *mlp = &net->mlp;
    int64_t width = 0;
    for (int32_t l = 1; l < mlp->layers; l++) width = mlp->size[l] > width ? mlp->size[l] : width;
    const sbi_network_info full = {
        .struct_size = info->struct_size,
        .features = (int32_t)sbi_network_features(net),
        .layers = mlp->layers,
        .width = (int32_t)width,
        .activation = mlp->activation,
        .member = net->member,
        .epochs = net->epochs,
        .best_epoch = net->best_epoch,
        .parameters = mlp->parameters,
        .seed = net->seed,
        .loss = net->loss,
        .validation_loss = net->validation_loss,
        .seconds = net->seconds,
    };
    const size_t size = info->struct_size;
    if (size > sizeof full) memset((char *)info + sizeof full, 0, size - sizeof full);
    memcpy(info, &full, size < sizeof full ? size : sizeof full);
    return SBI_OK;
}

sbi_status sbi_network_layer(const sbi_network *net, size_t index, sbi_array *weight, sbi_array *bias)
{
    SBI_REQUIRE(net, "sbi_network_layer: net is NULL");
    SBI_REQUIRE(index < (size_t)net->mlp.layers, "sbi_network_layer: index is %zu, the network has %d layers", index,
                (int)net->mlp.layers);
    const sbi_mlp *mlp = &net->mlp;
    if (weight) *weight = sbi_array_2d(net->params + mlp->w[index], SBI_F32, mlp->size[index + 1], mlp->size[index]);
    if (bias) *bias = sbi_array_1d(net->params + mlp->b[index], SBI_F32, mlp->size[index + 1]);
    return SBI_OK;
}

sbi_status sbi_network_standardisation(const sbi_network *net, sbi_array *shift, sbi_array *scale)
{
    SBI_REQUIRE(net, "sbi_network_standardisation: net is NULL");
    if (shift) *shift = sbi_array_1d(net->shift, SBI_F64, net->mlp.size[0]);
    if (scale) *scale = sbi_array_1d(net->scale, SBI_F64, net->mlp.size[0]);
    return SBI_OK;
}

const char *sbi_network_feature_name(const sbi_network *net, size_t index)
{
    return net && (int64_t)index < sbi_network_features(net) ? net->names[index] : NULL;
}

sbi_status sbi_network_history(const sbi_network *net, sbi_array *history)
{
    SBI_REQUIRE(net && history, "sbi_network_history: net or history is NULL");
    *history = sbi_array_2d(net->history, SBI_F64, net->epochs, SBI_HISTORY_COLUMNS);
    return SBI_OK;
}
