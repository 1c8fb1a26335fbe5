/* SPDX-License-Identifier: Apache-2.0 */
/* GraphProto and ModelProto as bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "net/onnx_write.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian, and arrays are written as they are");

/* Protocol buffers count in signed 32 bits. */
#define LARGEST_FILE INT32_MAX

void sbi_onnx_writer_init(sbi_onnx_writer *w, sbi_context *ctx)
{
    memset(w, 0, sizeof *w);
    w->ctx = ctx;
    sbi_text_init(&w->text, ctx);
    sbi_text_init(&w->node, ctx);
    sbi_text_init(&w->scratch, ctx);
}

void sbi_onnx_writer_clear(sbi_onnx_writer *w)
{
    sbi_text_clear(&w->text);
    sbi_text_clear(&w->node);
    sbi_text_clear(&w->scratch);
    sbi_free(w->ctx, w->raws);
    w->raws = NULL;
}

/* Empties a text, keeping its memory and a failure. */
static sbi_text *anew(sbi_text *t)
{
    t->size = 0;
    return t;
}

static void flush_node(sbi_onnx_writer *w, const char *output)
{
    if (w->node.size == 0) return;
    sbi_pb_add_string(&w->node, SBI_ONNX_NODE_OUTPUT, output);
    if (w->second[0]) sbi_pb_add_string(&w->node, SBI_ONNX_NODE_OUTPUT, w->second);
    sbi_pb_add_bytes(&w->text, SBI_ONNX_GRAPH_NODE, w->node.data, w->node.size);
    anew(&w->node);
}

void sbi_onnx_add_node(sbi_onnx_writer *w, const char *op, const char *output, const char *const *inputs)
{
    flush_node(w, w->output);
    for (; *inputs; inputs++) sbi_pb_add_string(&w->node, SBI_ONNX_NODE_INPUT, *inputs);
    sbi_pb_add_string(&w->node, SBI_ONNX_NODE_NAME, output);
    sbi_pb_add_string(&w->node, SBI_ONNX_NODE_OP, op);
    snprintf(w->output, sizeof w->output, "%s", output);
    w->second[0] = '\0';
}

void sbi_onnx_add_second(sbi_onnx_writer *w, const char *output)
{
    snprintf(w->second, sizeof w->second, "%s", output);
}

static sbi_text *attribute(sbi_onnx_writer *w, const char *name, int64_t type)
{
    sbi_text *t = anew(&w->scratch);
    sbi_pb_add_string(t, SBI_ONNX_ATTRIBUTE_NAME, name);
    sbi_pb_add_int(t, SBI_ONNX_ATTRIBUTE_TYPE, type);
    return t;
}

static void add_attribute(sbi_onnx_writer *w)
{
    sbi_pb_add_bytes(&w->node, SBI_ONNX_NODE_ATTRIBUTE, w->scratch.data, w->scratch.size);
}

void sbi_onnx_add_int(sbi_onnx_writer *w, const char *name, int64_t value)
{
    sbi_pb_add_int(attribute(w, name, SBI_ONNX_IS_INT), SBI_ONNX_ATTRIBUTE_INT, value);
    add_attribute(w);
}

void sbi_onnx_add_axis(sbi_onnx_writer *w, int64_t axis)
{
    sbi_pb_add_int(attribute(w, "axes", SBI_ONNX_IS_INTS), SBI_ONNX_ATTRIBUTE_INTS, axis);
    add_attribute(w);
}

void sbi_onnx_add_float(sbi_onnx_writer *w, const char *name, float value)
{
    sbi_pb_add_float(attribute(w, name, SBI_ONNX_IS_FLOAT), SBI_ONNX_ATTRIBUTE_FLOAT, value);
    add_attribute(w);
}

/* ---- initializers ---- */

static sbi_text *tensor_head(sbi_onnx_writer *w, const char *name, int32_t type)
{
    sbi_text *t = anew(&w->scratch);
    sbi_pb_add_string(t, SBI_ONNX_TENSOR_NAME, name);
    sbi_pb_add_int(t, SBI_ONNX_TENSOR_TYPE, type);
    return t;
}

sbi_status sbi_onnx_add_tensor(sbi_onnx_writer *w, const char *name, int32_t type, const int64_t shape[2], const void *data)
{
    sbi_text *t = tensor_head(w, name, type);
    uint64_t bytes = type == SBI_ONNX_DOUBLE ? sizeof(double) : sizeof(float);
    for (int i = 0; i < 2 && shape[i] > 0; i++) {
        sbi_pb_add_int(t, SBI_ONNX_TENSOR_DIMS, shape[i]);
        bytes *= (uint64_t)shape[i];
    }
    sbi_pb_add_head(t, SBI_ONNX_TENSOR_RAW, bytes);
    sbi_pb_add_head(&w->text, SBI_ONNX_GRAPH_INITIALIZER, t->size + bytes);
    sbi_text_add(&w->text, t->data, t->size);
    if (w->n_raws == w->raw_capacity) {
        const size_t capacity = w->raw_capacity ? 2 * w->raw_capacity : 32;
        sbi_onnx_raw *grown = sbi_realloc_array(w->ctx, w->raws, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        w->raws = grown;
        w->raw_capacity = capacity;
    }
    w->raws[w->n_raws++] = (sbi_onnx_raw){w->text.size, data, (size_t)bytes};
    w->raw_bytes += bytes;
    return SBI_OK;
}

static void add_small(sbi_onnx_writer *w, const void *value, size_t size)
{
    sbi_pb_add_bytes(&w->scratch, SBI_ONNX_TENSOR_RAW, value, size);
    sbi_pb_add_bytes(&w->text, SBI_ONNX_GRAPH_INITIALIZER, w->scratch.data, w->scratch.size);
}

void sbi_onnx_add_scalar(sbi_onnx_writer *w, const char *name, int32_t type, double value)
{
    const float single = (float)value;
    tensor_head(w, name, type);
    if (type == SBI_ONNX_DOUBLE)
        add_small(w, &value, sizeof value);
    else
        add_small(w, &single, sizeof single);
}

void sbi_onnx_add_index(sbi_onnx_writer *w, const char *name, int64_t value)
{
    sbi_pb_add_int(tensor_head(w, name, SBI_ONNX_INT64), SBI_ONNX_TENSOR_DIMS, 1);
    add_small(w, &value, sizeof value);
}

void sbi_onnx_add_values(sbi_onnx_writer *w, const char *name, int32_t type, const void *values, int64_t n)
{
    sbi_pb_add_int(tensor_head(w, name, type), SBI_ONNX_TENSOR_DIMS, n);
    add_small(w, values, 8 * (size_t)n);
}

void sbi_onnx_writer_flush(sbi_onnx_writer *w)
{
    flush_node(w, w->output);
}

/* ---- the whole ---- */

static sbi_status transforms_json(sbi_onnx_writer *w, sbi_text *out)
{
    sbi_text_init(out, w->ctx);
    if (!w->transforms) return SBI_OK;
    json_t *json = sbi_transforms_to_json(w->transforms);
    sbi_status status = json ? sbi_json_canonical(out, json) : sbi_fail(SBI_ERR_NO_MEMORY, "ONNX: out of memory for transforms");
    json_decref(json);
    return status;
}

/* Makes what is in `inner` a field of a message around it. */
static void wrap(sbi_onnx_writer *w, sbi_text *inner, uint32_t number)
{
    sbi_text *t = anew(&w->scratch);
    sbi_pb_add_bytes(t, number, inner->data, inner->size);
    anew(inner);
    sbi_text_add(inner, t->data, t->size);
}

void sbi_onnx_add_value(sbi_onnx_writer *w, uint32_t field, const char *name, int32_t type, int64_t columns)
{
    sbi_text shape, value;
    sbi_text_init(&shape, w->ctx);
    sbi_text_init(&value, w->ctx);
    sbi_text *dim = anew(&w->scratch);
    sbi_pb_add_string(dim, SBI_ONNX_DIM_NAME, "batch");
    sbi_pb_add_bytes(&shape, SBI_ONNX_SHAPE_DIM, dim->data, dim->size);
    sbi_pb_add_int(anew(dim), SBI_ONNX_DIM_VALUE, columns);
    sbi_pb_add_bytes(&shape, SBI_ONNX_SHAPE_DIM, dim->data, dim->size);
    wrap(w, &shape, SBI_ONNX_TYPE_SHAPE);
    sbi_pb_add_int(&shape, SBI_ONNX_TYPE_ELEMENT, type);
    wrap(w, &shape, SBI_ONNX_TYPE_TENSOR);
    sbi_pb_add_string(&value, SBI_ONNX_VALUE_NAME, name);
    sbi_pb_add_bytes(&value, SBI_ONNX_VALUE_TYPE, shape.data, shape.size);
    sbi_pb_add_bytes(&w->text, field, value.data, value.size);
    if (w->text.status == SBI_OK) w->text.status = shape.status != SBI_OK ? shape.status : value.status;
    sbi_text_clear(&shape);
    sbi_text_clear(&value);
}

/* All of the ModelProto that is in front of the graph's fields. */
static void model_head(sbi_onnx_writer *w, sbi_text *head, const char *features, size_t features_size, const sbi_text *transforms)
{
    sbi_pb_add_int(head, SBI_ONNX_MODEL_IR_VERSION, SBI_ONNX_IR_VERSION);
    sbi_pb_add_string(head, SBI_ONNX_MODEL_PRODUCER_NAME, "libsbi");
    sbi_text *t = anew(&w->scratch);
    sbi_pb_add_string(t, SBI_ONNX_OPSET_DOMAIN, "");
    sbi_pb_add_int(t, SBI_ONNX_OPSET_VERSION, SBI_ONNX_OPSET);
    sbi_pb_add_bytes(head, SBI_ONNX_MODEL_OPSET, t->data, t->size);
    sbi_pb_add_string(anew(t), SBI_ONNX_ENTRY_KEY, SBI_ONNX_FEATURES_KEY);
    sbi_pb_add_bytes(t, SBI_ONNX_ENTRY_VALUE, features, features_size);
    sbi_pb_add_bytes(head, SBI_ONNX_MODEL_METADATA, t->data, t->size);
    if (transforms->size) {
        sbi_pb_add_string(anew(t), SBI_ONNX_ENTRY_KEY, SBI_ONNX_TRANSFORMS_KEY);
        sbi_pb_add_bytes(t, SBI_ONNX_ENTRY_VALUE, transforms->data, transforms->size);
        sbi_pb_add_bytes(head, SBI_ONNX_MODEL_METADATA, t->data, t->size);
    }
    sbi_pb_add_head(head, SBI_ONNX_MODEL_GRAPH, w->text.size + w->raw_bytes);
}

static sbi_status write_parts(sbi_onnx_writer *w, sbi_file_writer *file, const sbi_text *head)
{
    size_t done = 0;
    SBI_TRY(sbi_file_writer_write(file, head->data, head->size));
    for (size_t i = 0; i < w->n_raws; i++) {
        const sbi_onnx_raw *raw = &w->raws[i];
        SBI_TRY(sbi_file_writer_write(file, w->text.data + done, raw->at - done));
        SBI_TRY(sbi_file_writer_write(file, raw->data, raw->size));
        done = raw->at;
    }
    return sbi_file_writer_write(file, w->text.data + done, w->text.size - done);
}

sbi_status sbi_onnx_writer_finish(sbi_onnx_writer *w, const char *path, const char *output, const char *features, size_t features_size)
{
    flush_node(w, output);
    sbi_pb_add_string(&w->text, SBI_ONNX_GRAPH_NAME, "density ratio");
    sbi_text head, transforms;
    sbi_text_init(&head, w->ctx);
    sbi_status status = transforms_json(w, &transforms);
    model_head(w, &head, features, features_size, &transforms);
    sbi_text_clear(&transforms);
    if (status == SBI_OK) status = w->text.status;
    if (status == SBI_OK) status = w->node.status;
    if (status == SBI_OK) status = w->scratch.status;
    if (status == SBI_OK) status = head.status;
    const uint64_t total = head.size + w->text.size + w->raw_bytes;
    if (status == SBI_OK && total > LARGEST_FILE)
        status = sbi_fail(SBI_ERR_UNSUPPORTED, "%s: the graph has %" PRIu64 " bytes, an ONNX file holds %d", path, total, LARGEST_FILE);
    sbi_file_writer *file = NULL;
    if (status == SBI_OK) status = sbi_file_writer_open(&file, w->ctx, path);
    if (status == SBI_OK) {
        status = write_parts(w, file, &head);
        if (status == SBI_OK)
            status = sbi_file_writer_commit(file);
        else
            sbi_file_writer_abandon(file);
    }
    sbi_text_clear(&head);
    return status;
}
