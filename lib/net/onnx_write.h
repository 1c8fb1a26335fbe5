/* SPDX-License-Identifier: Apache-2.0 */
/* A graph while it is written. Large arrays stay where they are until the file is written. */
#ifndef SBI_NET_ONNX_WRITE_H
#define SBI_NET_ONNX_WRITE_H

#include "base/text.h"
#include "net/onnx.h"
#include "net/transform.h"

typedef struct sbi_onnx_raw {
    size_t at; /* in the text: it comes behind these bytes */
    const void *data;
    size_t size;
} sbi_onnx_raw;

typedef char sbi_onnx_name[80];

typedef struct sbi_onnx_writer {
    sbi_context *ctx;
    sbi_text text;    /* fields of the GraphProto, without what `raws` points to */
    sbi_text node;    /* the last node, without its output: it may turn out to be the graph's */
    sbi_text scratch;
    sbi_onnx_name output, second; /* of that node */
    sbi_onnx_raw *raws;
    size_t n_raws, raw_capacity;
    uint64_t raw_bytes;
    const sbi_transforms *transforms; /* for the metadata; NULL: none */
} sbi_onnx_writer;

void sbi_onnx_writer_init(sbi_onnx_writer *w, sbi_context *ctx);
void sbi_onnx_writer_clear(sbi_onnx_writer *w);

/* Begins a node; `inputs` ends with NULL. Attributes follow, and for TopK the name of its second output, which nothing reads. */
void sbi_onnx_add_node(sbi_onnx_writer *w, const char *op, const char *output, const char *const *inputs);
void sbi_onnx_add_second(sbi_onnx_writer *w, const char *output);
void sbi_onnx_add_int(sbi_onnx_writer *w, const char *name, int64_t value);
void sbi_onnx_add_axis(sbi_onnx_writer *w, int64_t axis); /* axes = [axis] */
void sbi_onnx_add_float(sbi_onnx_writer *w, const char *name, float value);

/* An initializer; `data` stays the caller's until the file is written. shape[0] is -1 for a scalar. */
sbi_status sbi_onnx_add_tensor(sbi_onnx_writer *w, const char *name, int32_t type, const int64_t shape[2], const void *data);
/* A scalar, copied, and an int64 [1]. */
void sbi_onnx_add_scalar(sbi_onnx_writer *w, const char *name, int32_t type, double value);
void sbi_onnx_add_index(sbi_onnx_writer *w, const char *name, int64_t value);
/* [n] of DOUBLE or INT64, copied. */
void sbi_onnx_add_values(sbi_onnx_writer *w, const char *name, int32_t type, const void *values, int64_t n);
/* Ends the last node, so that `text` has them all. */
void sbi_onnx_writer_flush(sbi_onnx_writer *w);

/* The input, or the output, of the graph: [batch, columns]. */
void sbi_onnx_add_value(sbi_onnx_writer *w, uint32_t field, const char *name, int32_t type, int64_t columns);

/* Writes the file; the last node's output gets this name. `features`: JSON. */
sbi_status sbi_onnx_writer_finish(sbi_onnx_writer *w, const char *path, const char *output, const char *features, size_t features_size);

#endif
