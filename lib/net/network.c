/* SPDX-License-Identifier: Apache-2.0 */
#include "net/network.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/column.h"

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
    if (!complete || sbi_network_set_meaning(net, 0, -1, NULL) != SBI_OK) {
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
    sbi_network_free_classes(net);
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

/* Copies a vector of a layer as f32, finite. */
static sbi_status copy_vector(sbi_context *ctx, float *to, const sbi_array *from, int64_t n, const char *name)
{
    SBI_TRY(check_vector(ctx, from, n, name));
    sbi_column_read_f32(from, 0, n, to);
    for (int64_t k = 0; k < n; k++)
        if (!isfinite(to[k])) return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ": too large for f32", name, k);
    return SBI_OK;
}

static sbi_status fill_standardisation(sbi_network *net, const sbi_array *shift, const sbi_array *scale)
{
    const int64_t d = net->mlp.size[0];
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

static sbi_status fill(sbi_network *net, const sbi_array *weights, const sbi_array *biases, const sbi_network_form *form)
{
    const sbi_mlp *mlp = &net->mlp;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int64_t out = mlp->size[l + 1];
        SBI_TRY(copy_weights(net->ctx, net->params + mlp->w[l], &weights[l], out, mlp->size[l], "weights"));
        SBI_TRY(copy_vector(net->ctx, net->params + mlp->b[l], &biases[l], out, "biases"));
        if (!mlp->norm[l]) continue;
        SBI_TRY(copy_vector(net->ctx, net->params + mlp->gain[l], &form->gain[l], out, "gain"));
        SBI_TRY(copy_vector(net->ctx, net->params + mlp->offset[l], &form->offset[l], out, "offset"));
    }
    return SBI_OK;
}

static sbi_status read_shape(sbi_mlp *mlp, size_t layers, const sbi_array *weights, const sbi_network_form *form)
{
    memset(mlp, 0, sizeof *mlp);
    mlp->layers = (int32_t)layers;
    mlp->activation = form->activation;
    SBI_REQUIRE(form->leaky_slope > 0 && form->epsilon > 0, "sbi_network_form: leaky_slope is %g and epsilon %g, expected more than 0",
                form->leaky_slope, form->epsilon);
    mlp->slope = (float)form->leaky_slope;
    mlp->epsilon = (float)form->epsilon;
    SBI_REQUIRE(!form->gain == !form->offset, "sbi_network_form: only one of gain and offset is there");
    for (size_t l = 0; l < layers; l++) {
        SBI_TRY(sbi_column_check_shape(&weights[l], 2, "weights"));
        mlp->size[l] = weights[l].shape[1];
        mlp->size[l + 1] = weights[l].shape[0];
        if (form->residual) mlp->residual[l] = form->residual[l];
        if (form->linear && l + 1 < layers) mlp->linear[l] = form->linear[l] != 0;
        mlp->norm[l] = form->gain && form->gain[l].data;
        SBI_REQUIRE(!form->gain || !form->gain[l].data == !form->offset[l].data,
                    "sbi_network_form: layer %zu has only one of gain and offset", l);
    }
    return sbi_mlp_finish(mlp);
}

void sbi_network_form_init(sbi_network_form *form)
{
    if (!form) return;
    const sbi_network_form defaults = SBI_NETWORK_FORM_INIT;
    *form = defaults;
}

sbi_status sbi_network_create_with(sbi_network **out, sbi_context *ctx, size_t layers, const sbi_array *weights, const sbi_array *biases,
                                   const sbi_network_form *form, const sbi_array *shift, const sbi_array *scale)
{
    SBI_REQUIRE(out, "sbi_network_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && weights && biases, "sbi_network_create: ctx, weights or biases is NULL");
    SBI_REQUIRE(layers >= 1 && layers <= SBI_MLP_MAX_LAYERS, "sbi_network_create: %zu layers, expected 1 to %d", layers,
                SBI_MLP_MAX_LAYERS);
    sbi_network_form known;
    sbi_network_form_init(&known);
    SBI_TRY(sbi_options_read(&known, sizeof known, sizeof known, form, "sbi_network_form"));
    sbi_mlp mlp;
    SBI_TRY(read_shape(&mlp, layers, weights, &known));
    sbi_network *net;
    SBI_TRY(sbi_network_new(&net, ctx, &mlp));
    sbi_status status = fill(net, weights, biases, &known);
    if (status == SBI_OK) status = fill_standardisation(net, shift, scale);
    if (status == SBI_OK) status = sbi_network_set_meaning(net, known.theta, known.classes, NULL);
    if (status != SBI_OK) {
        sbi_network_destroy(net);
        return status;
    }
    *out = net;
    return SBI_OK;
}

sbi_status sbi_network_create(sbi_network **out, sbi_context *ctx, size_t layers, const sbi_array *weights,
                              const sbi_array *biases, int32_t activation, const sbi_array *shift, const sbi_array *scale)
{
    sbi_network_form form;
    sbi_network_form_init(&form);
    form.activation = activation;
    return sbi_network_create_with(out, ctx, layers, weights, biases, &form, shift, scale);
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
        .features = (int32_t)mlp->size[0],
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
        .outputs = (int32_t)sbi_mlp_outputs(mlp),
        .layer_norms = mlp->norms,
        .residual_blocks = mlp->blocks,
        .leaky_slope = (double)mlp->slope,
        .epsilon = (double)mlp->epsilon,
        .theta = net->theta,
        .classes = net->classes,
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

sbi_status sbi_network_norm(const sbi_network *net, size_t index, sbi_array *gain, sbi_array *offset)
{
    SBI_REQUIRE(net, "sbi_network_norm: net is NULL");
    SBI_REQUIRE(index < (size_t)net->mlp.layers, "sbi_network_norm: index is %zu, the network has %d layers", index, (int)net->mlp.layers);
    const sbi_mlp *mlp = &net->mlp;
    const int norm = mlp->norm[index];
    const int64_t n = norm ? mlp->size[index + 1] : 0;
    if (gain) *gain = sbi_array_1d(norm ? net->params + mlp->gain[index] : NULL, SBI_F32, n);
    if (offset) *offset = sbi_array_1d(norm ? net->params + mlp->offset[index] : NULL, SBI_F32, n);
    return SBI_OK;
}

int32_t sbi_network_residual(const sbi_network *net, size_t index)
{
    return net && index < (size_t)net->mlp.layers ? net->mlp.residual[index] : 0;
}

int32_t sbi_network_activation(const sbi_network *net, size_t index)
{
    return net && index < (size_t)net->mlp.layers ? sbi_mlp_activation(&net->mlp, (int32_t)index) : 0;
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
    return net && (int64_t)index < net->mlp.size[0] ? net->names[index] : NULL;
}

sbi_status sbi_network_history(const sbi_network *net, sbi_array *history)
{
    SBI_REQUIRE(net && history, "sbi_network_history: net or history is NULL");
    *history = sbi_array_2d(net->history, SBI_F64, net->epochs, SBI_HISTORY_COLUMNS);
    return SBI_OK;
}
