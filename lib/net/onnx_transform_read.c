/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of transforms are not followed one by one: what the metadata say is written anew, and has to be in the file byte for byte. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/network.h"
#include "net/onnx_transform.h"

#define KEY SBI_ONNX_TRANSFORMS_KEY

static sbi_status read_metadata(sbi_onnx_reader *r)
{
    const sbi_pb_span text = r->graph.transforms;
    const sbi_json_place at = sbi_json_root(KEY);
    json_t *json = NULL;
    SBI_TRY(sbi_json_parse(&json, (const char *)text.data, text.size, KEY));
    sbi_status status = sbi_transforms_from_json(&r->transforms, r->ctx, r->graph.features, json, &at);
    json_decref(json);
    for (size_t i = 0; status == SBI_OK && i < r->transforms->n_steps; i++)
        if (r->transforms->steps[i].n == 0)
            status = sbi_fail(SBI_ERR_FORMAT, KEY ": step %zu has no value", i);
    if (status == SBI_OK) status = sbi_transforms_finish(r->transforms);
    if (status == SBI_OK && (r->transforms->n_steps == 0 || r->transforms->inputs > 1 << 20))
        status = sbi_fail(SBI_ERR_FORMAT, KEY ": %zu steps for %lld inputs", r->transforms->n_steps, (long long)r->transforms->inputs);
    return status;
}

static int has_tensor(const sbi_onnx_graph *g, sbi_pb_span message)
{
    sbi_onnx_tensor t;
    if (sbi_onnx_tensor_parse(&t, message) != SBI_OK) return 0;
    for (size_t i = 0; i < g->n_tensors; i++)
        if (sbi_onnx_same(g->tensors[i].name, t.name)) return sbi_onnx_same(g->tensors[i].message, message);
    return 0;
}

/* Are the fields of `text` in the graph, its nodes from `first` on? *n: how many nodes. */
static int matches(const sbi_onnx_graph *g, const sbi_text *text, size_t first, size_t *n)
{
    sbi_pb_reader reader = sbi_pb_open((sbi_pb_span){(const unsigned char *)text->data, text->size}, "graph");
    sbi_pb_field f;
    *n = 0;
    for (int more;;) {
        if (sbi_pb_next(&reader, &f, &more) != SBI_OK) return 0;
        if (!more) return 1;
        if (f.number == SBI_ONNX_GRAPH_INITIALIZER && !has_tensor(g, f.bytes)) return 0;
        if (f.number != SBI_ONNX_GRAPH_NODE) continue;
        if (first + *n >= g->n_nodes || !sbi_onnx_same(g->nodes[first + *n].message, f.bytes)) return 0;
        ++*n;
    }
}

/* With the features named `x`; SBI_OK and no nodes if they are not there. */
static sbi_status find_with(sbi_onnx_reader *r, const char *x)
{
    sbi_onnx_writer w;
    sbi_onnx_name output;
    sbi_onnx_writer_init(&w, r->ctx);
    sbi_status status = sbi_onnx_add_transforms(&w, r->transforms, 0, x, output);
    sbi_onnx_writer_flush(&w);
    if (status == SBI_OK) status = w.text.status != SBI_OK ? w.text.status : w.node.status != SBI_OK ? w.node.status : w.scratch.status;
    /* A conversion of the features may come first. */
    for (size_t first = 0; status == SBI_OK && r->n_transform_nodes == 0 && first < 2; first++) {
        size_t n;
        if (!matches(&r->graph, &w.text, first, &n)) continue;
        r->first_transform_node = first;
        r->n_transform_nodes = n;
    }
    sbi_onnx_writer_clear(&w);
    return status;
}

sbi_status sbi_onnx_find_transforms(sbi_onnx_reader *r)
{
    if (r->graph.transforms.size == 0) return SBI_OK;
    SBI_TRY(read_metadata(r));
    SBI_TRY(find_with(r, "sbi/wide"));
    if (r->n_transform_nodes) return SBI_OK;
    char *input = sbi_strndup(r->ctx, (const char *)r->graph.input.data, r->graph.input.size);
    sbi_status status = input ? find_with(r, input) : SBI_ERR_NO_MEMORY;
    sbi_free(r->ctx, input);
    if (status == SBI_OK && r->n_transform_nodes == 0)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "its nodes are not those of the transforms in " KEY ": another program has changed the file");
    return status;
}

sbi_status sbi_onnx_do_transforms(sbi_onnx_reader *r)
{
    sbi_onnx_stage *s = &r->stages[0];
    const sbi_onnx_value *x = sbi_onnx_find(r, r->graph.nodes[r->node].input[0]);
    const size_t inputs = (size_t)r->transforms->inputs;
    if (!x || x->form != SBI_ONNX_FEATURES || s->version != 0 || s->transformed)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "transforms of something else than the features");
    double *shift = sbi_alloc_zero(r->ctx, inputs, sizeof *shift), *scale = sbi_alloc_array(r->ctx, inputs, sizeof *scale);
    if (!shift || !scale) {
        sbi_free(r->ctx, shift);
        sbi_free(r->ctx, scale);
        return SBI_ERR_NO_MEMORY;
    }
    for (size_t j = 0; j < inputs; j++) scale[j] = 1;
    sbi_free(r->ctx, s->shift);
    sbi_free(r->ctx, s->scale);
    s->shift = shift;
    s->scale = scale;
    s->out = r->transforms->inputs;
    s->transformed = 1;
    r->node += r->n_transform_nodes - 1;
    sbi_onnx_value v = *x;
    v.version = ++s->version;
    return sbi_onnx_add(r, &v);
}
