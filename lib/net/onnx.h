/* SPDX-License-Identifier: Apache-2.0 */
/* What writing and reading ONNX share: numbers of onnx.proto, and a graph as it is read. */
#ifndef SBI_NET_ONNX_H
#define SBI_NET_ONNX_H

#include "io/protobuf.h"
#include "sbi/context.h"

#define SBI_ONNX_OPSET 17
#define SBI_ONNX_IR_VERSION 8
/* Where feature names travel: a JSON array of strings. */
#define SBI_ONNX_FEATURES_KEY "sbi.features"
/* And transforms: a JSON list, as sbi_transforms_to_json() makes it. */
#define SBI_ONNX_TRANSFORMS_KEY "sbi.transforms"

/* Numbers of fields. */
enum {
    SBI_ONNX_MODEL_IR_VERSION = 1,
    SBI_ONNX_MODEL_PRODUCER_NAME = 2,
    SBI_ONNX_MODEL_GRAPH = 7,
    SBI_ONNX_MODEL_OPSET = 8,
    SBI_ONNX_MODEL_METADATA = 14,
    SBI_ONNX_OPSET_DOMAIN = 1,
    SBI_ONNX_OPSET_VERSION = 2,
    SBI_ONNX_ENTRY_KEY = 1,
    SBI_ONNX_ENTRY_VALUE = 2,
    SBI_ONNX_GRAPH_NODE = 1,
    SBI_ONNX_GRAPH_NAME = 2,
    SBI_ONNX_GRAPH_INITIALIZER = 5,
    SBI_ONNX_GRAPH_INPUT = 11,
    SBI_ONNX_GRAPH_OUTPUT = 12,
    SBI_ONNX_NODE_INPUT = 1,
    SBI_ONNX_NODE_OUTPUT = 2,
    SBI_ONNX_NODE_NAME = 3,
    SBI_ONNX_NODE_OP = 4,
    SBI_ONNX_NODE_ATTRIBUTE = 5,
    SBI_ONNX_NODE_DOMAIN = 7,
    SBI_ONNX_ATTRIBUTE_NAME = 1,
    SBI_ONNX_ATTRIBUTE_FLOAT = 2,
    SBI_ONNX_ATTRIBUTE_INT = 3,
    SBI_ONNX_ATTRIBUTE_STRING = 4,
    SBI_ONNX_ATTRIBUTE_TENSOR = 5,
    SBI_ONNX_ATTRIBUTE_FLOATS = 7,
    SBI_ONNX_ATTRIBUTE_INTS = 8,
    SBI_ONNX_ATTRIBUTE_TYPE = 20,
    SBI_ONNX_TENSOR_DIMS = 1,
    SBI_ONNX_TENSOR_TYPE = 2,
    SBI_ONNX_TENSOR_FLOATS = 4,
    SBI_ONNX_TENSOR_INT32S = 5,
    SBI_ONNX_TENSOR_INT64S = 7,
    SBI_ONNX_TENSOR_NAME = 8,
    SBI_ONNX_TENSOR_RAW = 9,
    SBI_ONNX_TENSOR_DOUBLES = 10,
    SBI_ONNX_TENSOR_EXTERNAL = 13,
    SBI_ONNX_TENSOR_LOCATION = 14,
    SBI_ONNX_VALUE_NAME = 1,
    SBI_ONNX_VALUE_TYPE = 2,
    SBI_ONNX_TYPE_TENSOR = 1,
    SBI_ONNX_TYPE_ELEMENT = 1,
    SBI_ONNX_TYPE_SHAPE = 2,
    SBI_ONNX_SHAPE_DIM = 1,
    SBI_ONNX_DIM_VALUE = 1,
    SBI_ONNX_DIM_NAME = 2,
};

/* Types of elements, and of attributes. */
enum {
    SBI_ONNX_FLOAT = 1,
    SBI_ONNX_INT32 = 6,
    SBI_ONNX_INT64 = 7,
    SBI_ONNX_BOOL = 9,
    SBI_ONNX_DOUBLE = 11,
    SBI_ONNX_IS_FLOAT = 1,
    SBI_ONNX_IS_INT = 2,
    SBI_ONNX_IS_INTS = 7,
};

/* ---- a graph as it is read: spans point into the file's bytes ---- */

/* More than any multilayer perceptron of SBI_MLP_MAX_LAYERS layers has; names are looked up one after the other. */
#define SBI_ONNX_MAX_NODES 4096
#define SBI_ONNX_MAX_INPUTS 4
#define SBI_ONNX_MAX_DIMS 8

typedef struct sbi_onnx_tensor {
    sbi_pb_span name, message;
    int32_t type, ndim;
    int64_t dims[SBI_ONNX_MAX_DIMS];
    size_t count;
} sbi_onnx_tensor;

typedef struct sbi_onnx_node {
    sbi_pb_span name, op, domain, message;
    sbi_pb_span input[SBI_ONNX_MAX_INPUTS]; /* an empty name: left out */
    sbi_pb_span output;                     /* the first */
    size_t n_inputs, n_outputs;             /* may be over SBI_ONNX_MAX_INPUTS */
} sbi_onnx_node;

typedef struct sbi_onnx_graph {
    sbi_context *ctx;
    sbi_onnx_node *nodes;
    sbi_onnx_tensor *tensors; /* initializers */
    size_t n_nodes, n_tensors, n_inputs, n_outputs;
    sbi_pb_span input, output; /* names; of the input that is not an initializer */
    int64_t features;          /* last dimension of the input */
    int64_t opset;
    sbi_pb_span feature_names; /* JSON; empty if there are none */
    sbi_pb_span transforms;    /* the same */
} sbi_onnx_graph;

/* Parses a file's bytes, which must outlive the graph. Clear it also after a failure. */
sbi_status sbi_onnx_graph_parse(sbi_onnx_graph *g, sbi_context *ctx, sbi_pb_span file);
void sbi_onnx_graph_clear(sbi_onnx_graph *g);

/* The head of a TensorProto: name, type, shape; refuses external data, other types than FLOAT, DOUBLE, INT32, INT64 and BOOL,
 * and a shape that the data does not fill. */
sbi_status sbi_onnx_tensor_parse(sbi_onnx_tensor *tensor, sbi_pb_span message);
/* Its `count` elements. */
sbi_status sbi_onnx_tensor_read(const sbi_onnx_tensor *tensor, double *out);

/* An attribute of a node; *found = 0 leaves the result alone. */
sbi_status sbi_onnx_get_int(const sbi_onnx_node *node, const char *name, int64_t *out, int *found);
sbi_status sbi_onnx_get_float(const sbi_onnx_node *node, const char *name, double *out, int *found);
sbi_status sbi_onnx_get_bytes(const sbi_onnx_node *node, const char *name, sbi_pb_span *out, int *found);
/* Up to `limit` of a list; *n the true number. */
sbi_status sbi_onnx_get_ints(const sbi_onnx_node *node, const char *name, int64_t *out, size_t limit, size_t *n, int *found);
sbi_status sbi_onnx_get_tensor(const sbi_onnx_node *node, const char *name, sbi_onnx_tensor *out, int *found);

int sbi_onnx_is(sbi_pb_span name, const char *text);
int sbi_onnx_same(sbi_pb_span a, sbi_pb_span b);
/* A name for messages: printable, and cut to the buffer. Returns buffer. */
#define SBI_ONNX_SHOWN 64
const char *sbi_onnx_show(sbi_pb_span name, char buffer[SBI_ONNX_SHOWN]);

struct sbi_network;
/* sbi_network_read_onnx() from the bytes of a file; `name` is used in messages. */
sbi_status sbi_network_read_onnx_memory(struct sbi_network **out, sbi_context *ctx, const void *data, size_t size,
                                        const char *name);

#endif
