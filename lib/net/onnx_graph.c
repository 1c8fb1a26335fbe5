/* SPDX-License-Identifier: Apache-2.0 */
/* ModelProto and GraphProto: nodes, initializers, the input and the output; attributes of a node. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/onnx.h"

/* Older ones mean other things by Gemm and by broadcasting. */
#define OLDEST_OPSET 7

/* ---- nodes ---- */

static sbi_status parse_node(sbi_onnx_node *n, sbi_pb_span message)
{
    memset(n, 0, sizeof *n);
    n->message = message;
    sbi_pb_reader r = sbi_pb_open(message, "node");
    sbi_pb_field f;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) return SBI_OK;
        if (f.number > SBI_ONNX_NODE_DOMAIN) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "node"));
        switch (f.number) {
        case SBI_ONNX_NODE_INPUT:
            if (n->n_inputs < SBI_ONNX_MAX_INPUTS) n->input[n->n_inputs] = f.bytes;
            n->n_inputs++;
            break;
        case SBI_ONNX_NODE_OUTPUT:
            if (n->n_outputs == 0) n->output = f.bytes;
            n->n_outputs++;
            break;
        case SBI_ONNX_NODE_NAME: n->name = f.bytes; break;
        case SBI_ONNX_NODE_OP: n->op = f.bytes; break;
        case SBI_ONNX_NODE_DOMAIN: n->domain = f.bytes; break;
        default: break;
        }
    }
}

/* ---- attributes ---- */

/* The message of an attribute. */
static sbi_status find_attribute(const sbi_onnx_node *node, const char *name, sbi_pb_span *out, int *found)
{
    sbi_pb_reader r = sbi_pb_open(node->message, "node");
    sbi_pb_field f, g;
    *found = 0;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) return SBI_OK;
        if (f.number != SBI_ONNX_NODE_ATTRIBUTE) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "attribute"));
        sbi_pb_reader a = sbi_pb_open(f.bytes, "attribute");
        for (int inner;;) {
            SBI_TRY(sbi_pb_next(&a, &g, &inner));
            if (!inner) break;
            if (g.number != SBI_ONNX_ATTRIBUTE_NAME || g.type != SBI_PB_BYTES || !sbi_onnx_is(g.bytes, name)) continue;
            *out = f.bytes;
            *found = 1;
            return SBI_OK;
        }
    }
}

/* The last field of this number in an attribute; *found = 0 if the node has no such attribute. SBI_ERR_FORMAT if the attribute holds
 * something else. */
static sbi_status find_value(const sbi_onnx_node *node, const char *name, uint32_t number, uint32_t wire, sbi_pb_field *out, int *found)
{
    sbi_pb_span message = {NULL, 0};
    SBI_TRY(find_attribute(node, name, &message, found));
    if (!*found) return SBI_OK;
    sbi_pb_reader r = sbi_pb_open(message, name);
    sbi_pb_field f;
    int has = 0;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        if (f.number != number) continue;
        SBI_TRY(sbi_pb_expect(&f, wire, name));
        *out = f;
        has = 1;
    }
    if (has) return SBI_OK;
    /* Writers may leave out a zero. */
    if (wire == SBI_PB_BYTES) return sbi_fail(SBI_ERR_FORMAT, "attribute %s has another type", name);
    memset(out, 0, sizeof *out);
    return SBI_OK;
}

sbi_status sbi_onnx_get_int(const sbi_onnx_node *node, const char *name, int64_t *out, int *found)
{
    sbi_pb_field f;
    SBI_TRY(find_value(node, name, SBI_ONNX_ATTRIBUTE_INT, SBI_PB_VARINT, &f, found));
    if (*found) *out = (int64_t)f.value;
    return SBI_OK;
}

sbi_status sbi_onnx_get_float(const sbi_onnx_node *node, const char *name, double *out, int *found)
{
    sbi_pb_field f;
    SBI_TRY(find_value(node, name, SBI_ONNX_ATTRIBUTE_FLOAT, SBI_PB_FIXED32, &f, found));
    if (!*found) return SBI_OK;
    const uint32_t bits = (uint32_t)f.value;
    float value;
    memcpy(&value, &bits, sizeof value);
    *out = (double)value;
    return SBI_OK;
}

sbi_status sbi_onnx_get_bytes(const sbi_onnx_node *node, const char *name, sbi_pb_span *out, int *found)
{
    sbi_pb_field f;
    SBI_TRY(find_value(node, name, SBI_ONNX_ATTRIBUTE_STRING, SBI_PB_BYTES, &f, found));
    if (*found) *out = f.bytes;
    return SBI_OK;
}

sbi_status sbi_onnx_get_ints(const sbi_onnx_node *node, const char *name, int64_t *out, size_t limit, size_t *n, int *found)
{
    sbi_pb_span message = {NULL, 0};
    *n = 0;
    SBI_TRY(find_attribute(node, name, &message, found));
    if (!*found) return SBI_OK;
    sbi_pb_reader r = sbi_pb_open(message, name);
    sbi_pb_field f;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) return SBI_OK;
        if (f.number != SBI_ONNX_ATTRIBUTE_INTS) continue;
        if (f.type == SBI_PB_VARINT) {
            if (*n < limit) out[*n] = (int64_t)f.value;
            ++*n;
            continue;
        }
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, name));
        sbi_pb_reader packed = sbi_pb_open(f.bytes, name);
        while (packed.at < packed.end) {
            uint64_t value;
            SBI_TRY(sbi_pb_varint(&packed, &value));
            if (*n < limit) out[*n] = (int64_t)value;
            ++*n;
        }
    }
}

sbi_status sbi_onnx_get_tensor(const sbi_onnx_node *node, const char *name, sbi_onnx_tensor *out, int *found)
{
    sbi_pb_field f;
    SBI_TRY(find_value(node, name, SBI_ONNX_ATTRIBUTE_TENSOR, SBI_PB_BYTES, &f, found));
    return *found ? sbi_onnx_tensor_parse(out, f.bytes) : SBI_OK;
}

/* ---- inputs and outputs ---- */

/* Bytes of the last field of this number, or an empty span. */
static sbi_status inner(sbi_pb_span message, uint32_t number, const char *what, sbi_pb_span *out)
{
    sbi_pb_reader r = sbi_pb_open(message, what);
    sbi_pb_field f;
    *out = (sbi_pb_span){NULL, 0};
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) return SBI_OK;
        if (f.number != number) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, what));
        *out = f.bytes;
    }
}

/* The last dimension of [batch, d]; anything else is refused. */
static sbi_status read_features(sbi_onnx_graph *g, sbi_pb_span value)
{
    char shown[SBI_ONNX_SHOWN];
    const char *name = sbi_onnx_show(g->input, shown);
    sbi_pb_span type, tensor, shape;
    SBI_TRY(inner(value, SBI_ONNX_VALUE_TYPE, "input", &type));
    SBI_TRY(inner(type, SBI_ONNX_TYPE_TENSOR, "input", &tensor));
    SBI_TRY(inner(tensor, SBI_ONNX_TYPE_SHAPE, "input", &shape));
    sbi_pb_reader r = sbi_pb_open(shape, "shape of the input");
    sbi_pb_field f, d;
    int dims = 0;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        if (f.number != SBI_ONNX_SHAPE_DIM) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "shape of the input"));
        dims++;
        g->features = -1;
        sbi_pb_reader one = sbi_pb_open(f.bytes, "shape of the input");
        for (int parts;;) {
            SBI_TRY(sbi_pb_next(&one, &d, &parts));
            if (!parts) break;
            if (d.number == SBI_ONNX_DIM_VALUE && d.type == SBI_PB_VARINT) g->features = (int64_t)d.value;
        }
    }
    if (dims != 2) return sbi_fail(SBI_ERR_UNSUPPORTED, "input \"%s\" has %d dimensions, expected [batch, features]", name, dims);
    if (g->features < 1 || g->features > 1 << 20)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "input \"%s\": the number of features is %s", name,
                        g->features < 0 ? "not fixed" : "out of range");
    return SBI_OK;
}

static int is_initializer(const sbi_onnx_graph *g, sbi_pb_span name)
{
    for (size_t i = 0; i < g->n_tensors; i++)
        if (sbi_onnx_same(g->tensors[i].name, name)) return 1;
    return 0;
}

/* The one input that is not an initializer (old files list those as well), and the one output. */
static sbi_status read_ends(sbi_onnx_graph *g, sbi_pb_span graph)
{
    sbi_pb_reader r = sbi_pb_open(graph, "graph");
    sbi_pb_field f;
    sbi_pb_span value = {NULL, 0}, name;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        if (f.number != SBI_ONNX_GRAPH_INPUT && f.number != SBI_ONNX_GRAPH_OUTPUT) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "graph"));
        SBI_TRY(inner(f.bytes, SBI_ONNX_VALUE_NAME, "input or output", &name));
        if (f.number == SBI_ONNX_GRAPH_OUTPUT) {
            g->output = name;
            g->n_outputs++;
        } else if (!is_initializer(g, name)) {
            g->input = name;
            value = f.bytes;
            g->n_inputs++;
        }
    }
    if (g->n_inputs != 1 || g->n_outputs != 1)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "the graph has %zu inputs and %zu outputs, expected one of each", g->n_inputs, g->n_outputs);
    return read_features(g, value);
}

/* ---- the graph ---- */

static sbi_status count_parts(sbi_onnx_graph *g, sbi_pb_span graph)
{
    sbi_pb_reader r = sbi_pb_open(graph, "graph");
    sbi_pb_field f;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        g->n_nodes += f.number == SBI_ONNX_GRAPH_NODE;
        g->n_tensors += f.number == SBI_ONNX_GRAPH_INITIALIZER;
    }
    if (g->n_nodes > SBI_ONNX_MAX_NODES || g->n_tensors > SBI_ONNX_MAX_NODES)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "the graph has %zu nodes and %zu initializers, expected at most %d of each", g->n_nodes,
                        g->n_tensors, SBI_ONNX_MAX_NODES);
    return SBI_OK;
}

static sbi_status parse_graph(sbi_onnx_graph *g, sbi_pb_span graph)
{
    SBI_TRY(count_parts(g, graph));
    g->nodes = sbi_alloc_zero(g->ctx, g->n_nodes, sizeof *g->nodes);
    g->tensors = sbi_alloc_zero(g->ctx, g->n_tensors, sizeof *g->tensors);
    if (!g->nodes || !g->tensors) return SBI_ERR_NO_MEMORY;
    sbi_pb_reader r = sbi_pb_open(graph, "graph");
    sbi_pb_field f;
    size_t node = 0, tensor = 0;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        if (f.number != SBI_ONNX_GRAPH_NODE && f.number != SBI_ONNX_GRAPH_INITIALIZER) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "graph"));
        if (f.number == SBI_ONNX_GRAPH_NODE)
            SBI_TRY(parse_node(&g->nodes[node++], f.bytes));
        else
            SBI_TRY(sbi_onnx_tensor_parse(&g->tensors[tensor++], f.bytes));
    }
    return read_ends(g, graph);
}

/* ---- the model ---- */

static sbi_status read_opset(sbi_onnx_graph *g, sbi_pb_span message)
{
    sbi_pb_reader r = sbi_pb_open(message, "opset_import");
    sbi_pb_field f;
    sbi_pb_span domain = {NULL, 0};
    int64_t version = 0;
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        if (f.number == SBI_ONNX_OPSET_DOMAIN && f.type == SBI_PB_BYTES) domain = f.bytes;
        if (f.number == SBI_ONNX_OPSET_VERSION && f.type == SBI_PB_VARINT) version = (int64_t)f.value;
    }
    if (domain.size == 0 || sbi_onnx_is(domain, "ai.onnx")) g->opset = version;
    return SBI_OK;
}

static sbi_status read_metadata(sbi_onnx_graph *g, sbi_pb_span message)
{
    sbi_pb_span key;
    SBI_TRY(inner(message, SBI_ONNX_ENTRY_KEY, "metadata", &key));
    if (sbi_onnx_is(key, SBI_ONNX_TRANSFORMS_KEY)) return inner(message, SBI_ONNX_ENTRY_VALUE, "metadata", &g->transforms);
    return sbi_onnx_is(key, SBI_ONNX_FEATURES_KEY) ? inner(message, SBI_ONNX_ENTRY_VALUE, "metadata", &g->feature_names) : SBI_OK;
}

sbi_status sbi_onnx_graph_parse(sbi_onnx_graph *g, sbi_context *ctx, sbi_pb_span file)
{
    memset(g, 0, sizeof *g);
    g->ctx = ctx;
    g->features = -1;
    sbi_pb_reader r = sbi_pb_open(file, "model");
    sbi_pb_field f;
    sbi_pb_span graph = {NULL, 0};
    for (int more;;) {
        SBI_TRY(sbi_pb_next(&r, &f, &more));
        if (!more) break;
        if (f.number != SBI_ONNX_MODEL_GRAPH && f.number != SBI_ONNX_MODEL_OPSET && f.number != SBI_ONNX_MODEL_METADATA) continue;
        SBI_TRY(sbi_pb_expect(&f, SBI_PB_BYTES, "model"));
        if (f.number == SBI_ONNX_MODEL_GRAPH) graph = f.bytes;
        if (f.number == SBI_ONNX_MODEL_OPSET) SBI_TRY(read_opset(g, f.bytes));
        if (f.number == SBI_ONNX_MODEL_METADATA) SBI_TRY(read_metadata(g, f.bytes));
    }
    if (!graph.data) return sbi_fail(SBI_ERR_FORMAT, "there is no graph in it; is it an ONNX file?");
    if (g->opset < OLDEST_OPSET)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "opset %" PRId64 ", expected %d or later", g->opset, OLDEST_OPSET);
    return parse_graph(g, graph);
}

void sbi_onnx_graph_clear(sbi_onnx_graph *g)
{
    sbi_free(g->ctx, g->nodes);
    sbi_free(g->ctx, g->tensors);
    g->nodes = NULL;
    g->tensors = NULL;
}
