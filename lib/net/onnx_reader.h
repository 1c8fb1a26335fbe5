/* SPDX-License-Identifier: Apache-2.0 */
/* Following a graph from its input: what each tensor is, in terms of a multilayer perceptron. */
#ifndef SBI_NET_ONNX_READER_H
#define SBI_NET_ONNX_READER_H

#include "net/onnx.h"

/* What a tensor is. z is the output of a layer before its activation. */
typedef enum sbi_onnx_form {
    SBI_ONNX_CONSTANT,
    SBI_ONNX_FEATURES,  /* (x - shift) * scale */
    SBI_ONNX_LINEAR,    /* factor * z */
    SBI_ONNX_SIGMOID,   /* sigmoid(z) */
    SBI_ONNX_ERF,       /* erf(z / sqrt 2) */
    SBI_ONNX_ERF_PLUS,  /* factor * (1 + erf(z / sqrt 2)) */
    SBI_ONNX_PRODUCT,   /* factor * z * (1 + erf(z / sqrt 2)) */
    SBI_ONNX_ACTIVATED, /* activation(z) */
    SBI_ONNX_EXP,       /* exp(z) */
    SBI_ONNX_LARGE,     /* is z large? */
    SBI_ONNX_SUM,       /* a layer's result plus what its residual block began with */
    /* Parts of a normalisation that is written out. */
    SBI_ONNX_MEAN,     /* of z over the columns */
    SBI_ONNX_CENTRED,  /* z - mean */
    SBI_ONNX_SQUARE,   /* (z - mean)^2 */
    SBI_ONNX_VARIANCE, /* its mean */
    SBI_ONNX_RAISED,   /* variance + factor */
    SBI_ONNX_DEVIATION, /* its square root */
    SBI_ONNX_INVERSE,  /* 1 / deviation */
} sbi_onnx_form;

#define SBI_ONNX_SMALL 8

typedef struct sbi_onnx_value {
    sbi_pb_span name;
    sbi_onnx_form form;
    int32_t stage, version; /* of what it is made */
    int32_t activation;     /* of ACTIVATED */
    int32_t flat;           /* [batch], and not [batch, 1] */
    int32_t transposed;     /* of a constant matrix */
    double factor;
    double slope; /* of ACTIVATED by LeakyReLU */
    /* Constants: a tensor, or (without one) a few numbers. */
    const sbi_onnx_tensor *tensor;
    double small[SBI_ONNX_SMALL];
    size_t n_small;
} sbi_onnx_value;

/* The features, or a layer. Nodes that shift, scale or normalise it, or add to it, change it in place: tensors that came before have an older version, and
 * may not be used any more. */
typedef struct sbi_onnx_stage {
    int32_t version;
    int32_t previous;   /* stage of the layer's input */
    int32_t activation; /* of the layer's input; 0: none */
    sbi_onnx_form from; /* of the layer's input: FEATURES, LINEAR, ACTIVATED or SUM */
    int32_t residual;   /* layers of the residual block that ends with this one; 0: none */
    int32_t shifted;    /* offset was given */
    int32_t transposed; /* the weight is stored as [in, out] */
    int32_t biased;     /* bias was given */
    size_t node;
    int64_t in, out;
    double alpha;       /* of the weight */
    double slope;       /* of the input's LeakyReLU */
    double epsilon;     /* of the normalisation */
    const sbi_onnx_tensor *weight;
    double *bias;          /* [out] */
    double *gain, *offset; /* [out]; NULL without normalisation */
    double *shift, *scale; /* [out], of the features */
} sbi_onnx_stage;

typedef struct sbi_onnx_reader {
    sbi_context *ctx;
    sbi_onnx_graph graph;
    sbi_onnx_value *values;
    sbi_onnx_stage *stages;        /* the first is the features */
    sbi_onnx_tensor *own;          /* of Constant nodes */
    size_t n_values, n_stages, n_own, node;
} sbi_onnx_reader;

/* A failure at the node in work. */
sbi_status sbi_onnx_refuse(const sbi_onnx_reader *r, sbi_status status, const char *format, ...) SBI_PRINTF(3, 4);
/* The tensor of this name; NULL if there is none yet. */
const sbi_onnx_value *sbi_onnx_find(const sbi_onnx_reader *r, sbi_pb_span name);
/* Adds what the node in work gives. */
sbi_status sbi_onnx_add(sbi_onnx_reader *r, const sbi_onnx_value *value);
/* Does what the node in work says. */
sbi_status sbi_onnx_do_node(sbi_onnx_reader *r);
/* The nodes that have weights, and those that do arithmetic with two tensors. */
sbi_status sbi_onnx_do_linear(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a);
sbi_status sbi_onnx_do_arithmetic(sbi_onnx_reader *r, const sbi_onnx_node *node);

/* onnx_layers.c: normalisations, as one node and written out, and residual sums. *done = 0: the nodes are something else. */
sbi_status sbi_onnx_do_normalisation(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a, int *done);
sbi_status sbi_onnx_do_parts(sbi_onnx_reader *r, char op, const sbi_onnx_value *a, const sbi_onnx_value *b, int *done);
sbi_status sbi_onnx_do_sum(sbi_onnx_reader *r, const sbi_onnx_value *a, const sbi_onnx_value *b);
/* A constant as one number a column, to be freed; NULL with the failure in *status. */
double *sbi_onnx_columns(sbi_onnx_reader *r, const sbi_onnx_value *c, int64_t width, sbi_status *status);

/* Number of elements of a constant, and the elements. */
size_t sbi_onnx_constant_count(const sbi_onnx_value *v);
sbi_status sbi_onnx_constant_read(const sbi_onnx_value *v, double *out);
/* The elements of a constant of at most SBI_ONNX_SMALL; refuses longer ones. */
sbi_status sbi_onnx_constant_small(const sbi_onnx_reader *r, const sbi_onnx_value *v, double out[SBI_ONNX_SMALL], size_t *n);
/* Refuses unless v is z itself, of the present version. */
sbi_status sbi_onnx_expect_linear(const sbi_onnx_reader *r, const sbi_onnx_value *v);
sbi_status sbi_onnx_expect_current(const sbi_onnx_reader *r, const sbi_onnx_value *v);

#endif
