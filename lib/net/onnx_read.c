/* SPDX-License-Identifier: Apache-2.0 */
/* From a graph that was followed to a network. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/json.h"
#include "net/network.h"
#include "net/onnx_reader.h"
#include "sbi/onnx.h"

/* ---- following the graph ---- */

static sbi_status begin(sbi_onnx_reader *r)
{
    const sbi_onnx_graph *g = &r->graph;
    const size_t d = (size_t)g->features;
    r->values = sbi_alloc_zero(r->ctx, g->n_tensors + g->n_nodes + 1, sizeof *r->values);
    r->stages = sbi_alloc_zero(r->ctx, g->n_nodes + 1, sizeof *r->stages);
    r->own = sbi_alloc_zero(r->ctx, g->n_nodes, sizeof *r->own);
    if (!r->values || !r->stages || !r->own) return SBI_ERR_NO_MEMORY;
    sbi_onnx_stage *features = &r->stages[r->n_stages++];
    features->out = g->features;
    features->shift = sbi_alloc_zero(r->ctx, d, sizeof(double));
    features->scale = sbi_alloc_zero(r->ctx, d, sizeof(double));
    if (!features->shift || !features->scale) return SBI_ERR_NO_MEMORY;
    for (size_t j = 0; j < d; j++) features->scale[j] = 1;
    for (size_t i = 0; i < g->n_tensors; i++)
        r->values[r->n_values++] = (sbi_onnx_value){.name = g->tensors[i].name, .form = SBI_ONNX_CONSTANT, .tensor = &g->tensors[i]};
    r->values[r->n_values++] = (sbi_onnx_value){.name = g->input, .form = SBI_ONNX_FEATURES, .factor = 1};
    return SBI_OK;
}

static sbi_status follow(sbi_onnx_reader *r)
{
    for (r->node = 0; r->node < r->graph.n_nodes; r->node++) {
        const sbi_status status = sbi_onnx_do_node(r);
        if (status == SBI_OK) continue;
        return strncmp(sbi_last_error(), "node ", 5) == 0 ? status : sbi_fail_within(status, "node %zu", r->node);
    }
    return SBI_OK;
}

static void end(sbi_onnx_reader *r)
{
    for (size_t i = 0; i < r->n_stages; i++) {
        sbi_free(r->ctx, r->stages[i].bias);
        sbi_free(r->ctx, r->stages[i].gain);
        sbi_free(r->ctx, r->stages[i].offset);
        sbi_free(r->ctx, r->stages[i].shift);
        sbi_free(r->ctx, r->stages[i].scale);
    }
    sbi_free(r->ctx, r->own);
    sbi_free(r->ctx, r->stages);
    sbi_free(r->ctx, r->values);
    sbi_onnx_graph_clear(&r->graph);
}

/* ---- the network's shape ---- */

/* The layers from the output back to the features, in forward order. */
typedef struct chain {
    int32_t stage[SBI_MLP_MAX_LAYERS];
    int32_t n;
    int32_t reserved;
} chain;

static sbi_status find_output(const sbi_onnx_reader *r, const char *file, const sbi_onnx_value **out)
{
    char shown[SBI_ONNX_SHOWN];
    const char *name = sbi_onnx_show(r->graph.output, shown);
    const sbi_onnx_value *v = sbi_onnx_find(r, r->graph.output);
    if (!v) return sbi_fail(SBI_ERR_FORMAT, "output \"%s\" comes from nowhere", name);
    if (v->form != SBI_ONNX_LINEAR && v->form != SBI_ONNX_SIGMOID && v->form != SBI_ONNX_EXP)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "output \"%s\" is not the output of a layer, or a Sigmoid or Exp of it", name);
    if (v->factor != 1 || v->version != r->stages[v->stage].version)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "output \"%s\" is a layer's output that was scaled, or that is used otherwise", name);
    if (v->form != SBI_ONNX_LINEAR)
        sbi_log(r->ctx, SBI_LOG_INFO, "%s: output \"%s\": the final %s is left out, the network gives ln r", file, name,
                v->form == SBI_ONNX_SIGMOID ? "Sigmoid" : "Exp");
    *out = v;
    return SBI_OK;
}

/* What layer l works on tells how the one before it ended. */
static sbi_status set_activation(const sbi_onnx_stage *s, int32_t l, sbi_mlp *mlp)
{
    if (s->activation == 0) {
        mlp->linear[l - 1] = 1;
        return SBI_OK;
    }
    if (mlp->activation && s->activation != mlp->activation)
        return sbi_fail(SBI_ERR_UNSUPPORTED,
                        "node %zu: its input is %s of a layer, but layers before have %s; networks here have one activation", s->node,
                        sbi_activation_name(s->activation), sbi_activation_name(mlp->activation));
    mlp->activation = s->activation;
    if (s->activation != SBI_ACTIVATION_LEAKY_RELU) return SBI_OK;
    if (mlp->slope > 0 && (float)s->slope != mlp->slope)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "node %zu: its input is LeakyRelu with alpha %g, but layers before have %g", s->node, s->slope,
                        (double)mlp->slope);
    mlp->slope = (float)s->slope;
    return SBI_OK;
}

static sbi_status set_norm(const sbi_onnx_stage *s, int32_t l, sbi_mlp *mlp)
{
    if (mlp->epsilon > 0 && (float)s->epsilon != mlp->epsilon)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "node %zu: its output is normalised with epsilon %g, but layers before with %g", s->node,
                        s->epsilon, (double)mlp->epsilon);
    mlp->epsilon = (float)s->epsilon;
    mlp->norm[l] = 1;
    return SBI_OK;
}

static sbi_status find_layers(const sbi_onnx_reader *r, int32_t last, chain *c, sbi_mlp *mlp)
{
    memset(mlp, 0, sizeof *mlp);
    memset(c, 0, sizeof *c);
    for (int32_t s = last; s > 0; s = r->stages[s].previous) {
        if (c->n == SBI_MLP_MAX_LAYERS) return sbi_fail(SBI_ERR_UNSUPPORTED, "more than %d layers", SBI_MLP_MAX_LAYERS);
        c->stage[c->n++] = s;
    }
    for (int32_t l = 0; l < c->n / 2; l++) {
        const int32_t s = c->stage[l];
        c->stage[l] = c->stage[c->n - 1 - l];
        c->stage[c->n - 1 - l] = s;
    }
    mlp->layers = c->n;
    mlp->size[0] = r->graph.features;
    for (int32_t l = 0; l < c->n; l++) {
        const sbi_onnx_stage *s = &r->stages[c->stage[l]];
        mlp->size[l + 1] = s->out;
        mlp->residual[l] = s->residual;
        if (l > 0) SBI_TRY(set_activation(s, l, mlp));
        if (s->gain) SBI_TRY(set_norm(s, l, mlp));
    }
    if (!mlp->activation) mlp->activation = SBI_ACTIVATION_SILU;
    return sbi_mlp_finish(mlp);
}

/* ---- its numbers ---- */

static sbi_status store(float *to, double value, const char *what, size_t node, int64_t index)
{
    *to = (float)value;
    return isfinite(*to) ? SBI_OK : sbi_fail(SBI_ERR_VALUE, "node %zu: %s %" PRId64 " is %g as f32", node, what, index, (double)*to);
}

static sbi_status fill_weights(const sbi_onnx_reader *r, const sbi_onnx_stage *s, float *w, float *b)
{
    double *weight = sbi_alloc_array(r->ctx, s->weight->count, sizeof *weight);
    if (!weight) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_onnx_tensor_read(s->weight, weight);
    for (int64_t o = 0; o < s->out && status == SBI_OK; o++)
        for (int64_t i = 0; i < s->in && status == SBI_OK; i++)
            status = store(&w[o * s->in + i], s->alpha * weight[s->transposed ? i * s->out + o : o * s->in + i], "weight", s->node,
                           o * s->in + i);
    for (int64_t o = 0; o < s->out && status == SBI_OK; o++) status = store(&b[o], s->bias[o], "bias", s->node, o);
    sbi_free(r->ctx, weight);
    return status;
}

static sbi_status fill_layer(const sbi_onnx_reader *r, const sbi_onnx_stage *s, int32_t l, sbi_network *net)
{
    const sbi_mlp *mlp = &net->mlp;
    sbi_status status = fill_weights(r, s, net->params + mlp->w[l], net->params + mlp->b[l]);
    for (int64_t o = 0; mlp->norm[l] && o < s->out && status == SBI_OK; o++) {
        status = store(net->params + mlp->gain[l] + o, s->gain[o], "gain", s->node, o);
        if (status == SBI_OK) status = store(net->params + mlp->offset[l] + o, s->offset[o], "offset", s->node, o);
    }
    return status;
}

static sbi_status set_names(const sbi_onnx_reader *r, sbi_network *net)
{
    const sbi_pb_span text = r->graph.feature_names;
    if (!text.data) return SBI_OK;
    json_t *names = NULL;
    sbi_status status = sbi_json_parse(&names, (const char *)text.data, text.size, SBI_ONNX_FEATURES_KEY);
    if (status == SBI_OK && (int64_t)json_array_size(names) != r->graph.features)
        status = sbi_fail(SBI_ERR_FORMAT, SBI_ONNX_FEATURES_KEY " has %zu names for %" PRId64 " features", json_array_size(names),
                          r->graph.features);
    for (int64_t j = 0; j < r->graph.features && status == SBI_OK; j++) {
        const char *name = json_string_value(json_array_get(names, (size_t)j));
        status = name ? sbi_network_set_name(net, j, name)
                      : sbi_fail(SBI_ERR_FORMAT, SBI_ONNX_FEATURES_KEY "[%" PRId64 "] is not a string", j);
    }
    json_decref(names);
    return status;
}

static sbi_status make_network(const sbi_onnx_reader *r, const char *file, sbi_network **out)
{
    const sbi_onnx_value *output = NULL;
    chain layers;
    sbi_mlp mlp;
    SBI_TRY(find_output(r, file, &output));
    SBI_TRY(find_layers(r, output->stage, &layers, &mlp));
    sbi_network *net;
    SBI_TRY(sbi_network_new(&net, r->ctx, &mlp));
    memcpy(net->shift, r->stages[0].shift, sizeof(double) * (size_t)mlp.size[0]);
    memcpy(net->scale, r->stages[0].scale, sizeof(double) * (size_t)mlp.size[0]);
    sbi_status status = set_names(r, net);
    for (int32_t l = 0; l < mlp.layers && status == SBI_OK; l++)
        status = fill_layer(r, &r->stages[layers.stage[l]], l, net);
    if (status == SBI_OK)
        *out = net;
    else
        sbi_network_destroy(net);
    return status;
}

sbi_status sbi_network_read_onnx_memory(sbi_network **out, sbi_context *ctx, const void *data, size_t size, const char *name)
{
    *out = NULL;
    sbi_onnx_reader r;
    memset(&r, 0, sizeof r);
    r.ctx = ctx;
    sbi_status status = sbi_onnx_graph_parse(&r.graph, ctx, (sbi_pb_span){data, size});
    if (status == SBI_OK) status = begin(&r);
    if (status == SBI_OK) status = follow(&r);
    if (status == SBI_OK) status = make_network(&r, name, out);
    end(&r);
    return status == SBI_OK ? SBI_OK : sbi_fail_within(status, "%s", name);
}

sbi_status sbi_network_read_onnx(sbi_network **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_network_read_onnx: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_network_read_onnx: ctx or path is NULL");
    sbi_mapping file;
    SBI_TRY(sbi_file_map(&file, path));
    sbi_status status = sbi_network_read_onnx_memory(out, ctx, file.data, file.size, path);
    sbi_file_unmap(&file);
    return status;
}
