/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes with one computed input: activations, and those that change nothing. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "net/onnx_reader.h"
#include "sbi/network.h"

sbi_status sbi_onnx_refuse(const sbi_onnx_reader *r, sbi_status status, const char *format, ...)
{
    char text[320], name[SBI_ONNX_SHOWN], op[SBI_ONNX_SHOWN];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const sbi_onnx_node *n = &r->graph.nodes[r->node];
    return sbi_fail(status, "node %zu \"%s\" (%s): %s", r->node, sbi_onnx_show(n->name, name), sbi_onnx_show(n->op, op), text);
}

const sbi_onnx_value *sbi_onnx_find(const sbi_onnx_reader *r, sbi_pb_span name)
{
    for (size_t i = r->n_values; i-- > 0;)
        if (sbi_onnx_same(r->values[i].name, name)) return &r->values[i];
    return NULL;
}

sbi_status sbi_onnx_add(sbi_onnx_reader *r, const sbi_onnx_value *value)
{
    const sbi_onnx_node *node = &r->graph.nodes[r->node];
    if (node->output.size == 0) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "it has no output");
    if (sbi_onnx_find(r, node->output)) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "its output was given before");
    r->values[r->n_values] = *value;
    r->values[r->n_values++].name = node->output;
    return SBI_OK;
}

/* ---- constants ---- */

size_t sbi_onnx_constant_count(const sbi_onnx_value *v)
{
    return v->tensor ? v->tensor->count : v->n_small;
}

sbi_status sbi_onnx_constant_read(const sbi_onnx_value *v, double *out)
{
    if (v->tensor) return sbi_onnx_tensor_read(v->tensor, out);
    for (size_t i = 0; i < v->n_small; i++) out[i] = v->small[i];
    return SBI_OK;
}

sbi_status sbi_onnx_constant_small(const sbi_onnx_reader *r, const sbi_onnx_value *v, double out[SBI_ONNX_SMALL], size_t *n)
{
    *n = sbi_onnx_constant_count(v);
    if (v->form != SBI_ONNX_CONSTANT) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "an input that has to be constant is computed");
    if (*n > SBI_ONNX_SMALL) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "a constant has %zu elements", *n);
    return sbi_onnx_constant_read(v, out);
}

static sbi_status do_constant(sbi_onnx_reader *r, const sbi_onnx_node *node)
{
    sbi_onnx_value v = {.form = SBI_ONNX_CONSTANT};
    int64_t ints[SBI_ONNX_SMALL];
    int found;
    sbi_onnx_tensor *t = &r->own[r->n_own];
    SBI_TRY(sbi_onnx_get_tensor(node, "value", t, &found));
    if (found) {
        v.tensor = t;
        r->n_own++;
        return sbi_onnx_add(r, &v);
    }
    SBI_TRY(sbi_onnx_get_float(node, "value_float", &v.small[0], &found));
    v.n_small = 1;
    if (found) return sbi_onnx_add(r, &v);
    SBI_TRY(sbi_onnx_get_int(node, "value_int", &ints[0], &found));
    if (!found) SBI_TRY(sbi_onnx_get_ints(node, "value_ints", ints, SBI_ONNX_SMALL, &v.n_small, &found));
    if (!found || v.n_small > SBI_ONNX_SMALL)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "a constant that is no tensor of numbers, or too long a list");
    for (size_t i = 0; i < v.n_small; i++) v.small[i] = (double)ints[i];
    return sbi_onnx_add(r, &v);
}

/* ---- what the input may be ---- */

sbi_status sbi_onnx_expect_current(const sbi_onnx_reader *r, const sbi_onnx_value *v)
{
    if (v->form == SBI_ONNX_CONSTANT || v->version == r->stages[v->stage].version) return SBI_OK;
    return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its input is used both with and without a constant that was added or multiplied");
}

sbi_status sbi_onnx_expect_linear(const sbi_onnx_reader *r, const sbi_onnx_value *v)
{
    if (v->form != SBI_ONNX_LINEAR)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its input has to be the output of a layer (Gemm or MatMul)");
    if (v->factor != 1)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its input is a layer's output times %g, which is not supported", v->factor);
    return SBI_OK;
}

/* ---- activations ---- */

static sbi_status activated(sbi_onnx_reader *r, const sbi_onnx_value *a, sbi_onnx_form form, int32_t activation)
{
    SBI_TRY(sbi_onnx_expect_linear(r, a));
    sbi_onnx_value v = *a;
    v.form = form;
    v.activation = activation;
    return sbi_onnx_add(r, &v);
}

static sbi_status do_leaky_relu(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double alpha = (double)0.01f;
    int found;
    SBI_TRY(sbi_onnx_get_float(node, "alpha", &alpha, &found));
    if (!(alpha > 0 && alpha <= 1))
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "alpha is %g; networks here have more than 0, at most 1", alpha);
    sbi_onnx_value v = *a;
    v.slope = alpha;
    return activated(r, &v, SBI_ONNX_ACTIVATED, SBI_ACTIVATION_LEAKY_RELU);
}

static sbi_status do_gelu(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    char shown[SBI_ONNX_SHOWN];
    sbi_pb_span how;
    int found;
    SBI_TRY(sbi_onnx_get_bytes(node, "approximate", &how, &found));
    if (found && !sbi_onnx_is(how, "none"))
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "approximate is \"%s\"; networks here have the exact form",
                               sbi_onnx_show(how, shown));
    return activated(r, a, SBI_ONNX_ACTIVATED, SBI_ACTIVATION_GELU);
}

static sbi_status do_swish(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double alpha = 1;
    int found;
    SBI_TRY(sbi_onnx_get_float(node, "alpha", &alpha, &found));
    if (alpha != 1) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "alpha is %g; networks here have 1", alpha);
    return activated(r, a, SBI_ONNX_ACTIVATED, SBI_ACTIVATION_SILU);
}

/* Constants come as f32, and as z / sqrt 2 or z * sqrt 0.5. */
static sbi_status do_erf(sbi_onnx_reader *r, const sbi_onnx_value *a)
{
    if (a->form != SBI_ONNX_LINEAR || fabs(a->factor * sqrt(2.0) - 1) > 1e-6)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only as part of GELU, erf(z / sqrt 2) of a layer's output z");
    sbi_onnx_value v = *a;
    v.form = SBI_ONNX_ERF;
    v.factor = 1;
    return sbi_onnx_add(r, &v);
}

/* PyTorch writes softplus as: z where z > 20, else Softplus(z). Above LARGE the two are the same in f32. */
#define LARGE 18

static sbi_status do_greater(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double than[SBI_ONNX_SMALL] = {0};
    size_t n = 0;
    const sbi_onnx_value *b = node->n_inputs > 1 ? sbi_onnx_find(r, node->input[1]) : NULL;
    SBI_TRY(sbi_onnx_expect_linear(r, a));
    if (b) SBI_TRY(sbi_onnx_constant_small(r, b, than, &n));
    if (n != 1 || than[0] < LARGE)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only as part of softplus, with a threshold of %d or more", LARGE);
    sbi_onnx_value v = *a;
    v.form = SBI_ONNX_LARGE;
    return sbi_onnx_add(r, &v);
}

static sbi_status do_where(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *large)
{
    const sbi_onnx_value *z = node->n_inputs == 3 ? sbi_onnx_find(r, node->input[1]) : NULL;
    const sbi_onnx_value *h = node->n_inputs == 3 ? sbi_onnx_find(r, node->input[2]) : NULL;
    if (!z || !h || large->form != SBI_ONNX_LARGE || z->form != SBI_ONNX_LINEAR || z->factor != 1 || h->form != SBI_ONNX_ACTIVATED ||
        h->activation != SBI_ACTIVATION_SOFTPLUS || z->stage != large->stage || h->stage != large->stage)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only as part of softplus");
    SBI_TRY(sbi_onnx_expect_current(r, z));
    SBI_TRY(sbi_onnx_expect_current(r, h));
    const sbi_onnx_value v = *h;
    return sbi_onnx_add(r, &v);
}

/* ---- nodes that change nothing ---- */

static sbi_status same(sbi_onnx_reader *r, const sbi_onnx_value *a)
{
    const sbi_onnx_value v = *a;
    return sbi_onnx_add(r, &v);
}

static sbi_status do_cast(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    int64_t to = 0;
    int found;
    SBI_TRY(sbi_onnx_get_int(node, "to", &to, &found));
    if (to != SBI_ONNX_FLOAT && to != SBI_ONNX_DOUBLE)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "to data type %" PRId64 ", expected FLOAT (1) or DOUBLE (11)", to);
    return same(r, a);
}

static sbi_status do_dropout(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double training[SBI_ONNX_SMALL] = {0};
    size_t n;
    if (node->n_inputs > 2 && node->input[2].size) {
        const sbi_onnx_value *mode = sbi_onnx_find(r, node->input[2]);
        if (!mode) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "training_mode comes from nowhere");
        SBI_TRY(sbi_onnx_constant_small(r, mode, training, &n));
    }
    if (training[0] != 0) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "it is in training mode; export for evaluation");
    return same(r, a);
}

static int64_t width_of(const sbi_onnx_reader *r, const sbi_onnx_value *v)
{
    return v->flat ? 1 : r->stages[v->stage].out;
}

static sbi_status do_flatten(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    int64_t axis = 1;
    int found;
    SBI_TRY(sbi_onnx_get_int(node, "axis", &axis, &found));
    if (a->form == SBI_ONNX_CONSTANT || a->flat || (axis != 1 && axis != -1))
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "axis is %" PRId64 "; only where it changes nothing", axis);
    return same(r, a);
}

static sbi_status do_reshape(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double to[SBI_ONNX_SMALL];
    size_t n;
    const sbi_onnx_value *shape = node->n_inputs > 1 ? sbi_onnx_find(r, node->input[1]) : NULL;
    if (!shape || a->form == SBI_ONNX_CONSTANT)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only of computed tensors, to a constant shape");
    SBI_TRY(sbi_onnx_constant_small(r, shape, to, &n));
    const int64_t width = width_of(r, a);
    sbi_onnx_value v = *a;
    v.flat = n == 1;
    const int column = n == 1 && width == 1;
    const int table = n == 2 && (to[1] == (double)width || (to[1] == -1 && to[0] != -1 && !a->flat));
    if (!column && !table)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "to %zu dimensions from [batch, %" PRId64 "]; only where it changes nothing", n,
                               width);
    return sbi_onnx_add(r, &v);
}

static sbi_status do_squeeze(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double axes[SBI_ONNX_SMALL] = {1};
    int64_t ints[SBI_ONNX_SMALL];
    size_t n;
    int found;
    SBI_TRY(sbi_onnx_get_ints(node, "axes", ints, SBI_ONNX_SMALL, &n, &found));
    if (!found) n = 1;
    if (found && n == 1) axes[0] = (double)ints[0];
    if (!found && node->n_inputs > 1 && node->input[1].size) {
        const sbi_onnx_value *list = sbi_onnx_find(r, node->input[1]);
        if (!list) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "axes come from nowhere");
        SBI_TRY(sbi_onnx_constant_small(r, list, axes, &n));
    }
    if (a->form == SBI_ONNX_CONSTANT || a->flat || width_of(r, a) != 1 || n != 1 || (axes[0] != 1 && axes[0] != -1))
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only from [batch, 1] to [batch]");
    sbi_onnx_value v = *a;
    v.flat = 1;
    return sbi_onnx_add(r, &v);
}

static sbi_status do_transpose(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    int64_t perm[2] = {1, 0};
    size_t n;
    int found;
    SBI_TRY(sbi_onnx_get_ints(node, "perm", perm, 2, &n, &found));
    if (a->form != SBI_ONNX_CONSTANT || !a->tensor || a->tensor->ndim != 2 || (found && n != 2) || perm[0] != 1 || perm[1] != 0)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only of a constant matrix");
    sbi_onnx_value v = *a;
    v.transposed = !v.transposed;
    return sbi_onnx_add(r, &v);
}

/* ---- all ---- */

static sbi_status do_one_input(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    const sbi_pb_span op = node->op;
    if (sbi_onnx_is(op, "Relu")) return activated(r, a, SBI_ONNX_ACTIVATED, SBI_ACTIVATION_RELU);
    if (sbi_onnx_is(op, "Tanh")) return activated(r, a, SBI_ONNX_ACTIVATED, SBI_ACTIVATION_TANH);
    if (sbi_onnx_is(op, "Softplus")) return activated(r, a, SBI_ONNX_ACTIVATED, SBI_ACTIVATION_SOFTPLUS);
    if (sbi_onnx_is(op, "Sigmoid")) return activated(r, a, SBI_ONNX_SIGMOID, 0);
    if (sbi_onnx_is(op, "Exp")) return activated(r, a, SBI_ONNX_EXP, 0);
    int done;
    SBI_TRY(sbi_onnx_do_normalisation(r, node, a, &done));
    if (done) return SBI_OK;
    if (sbi_onnx_is(op, "LeakyRelu")) return do_leaky_relu(r, node, a);
    if (sbi_onnx_is(op, "Gelu")) return do_gelu(r, node, a);
    if (sbi_onnx_is(op, "Swish")) return do_swish(r, node, a);
    if (sbi_onnx_is(op, "Erf")) return do_erf(r, a);
    if (sbi_onnx_is(op, "Greater")) return do_greater(r, node, a);
    if (sbi_onnx_is(op, "Where")) return do_where(r, node, a);
    if (sbi_onnx_is(op, "Identity")) return same(r, a);
    if (sbi_onnx_is(op, "Cast")) return do_cast(r, node, a);
    if (sbi_onnx_is(op, "Dropout")) return do_dropout(r, node, a);
    if (sbi_onnx_is(op, "Flatten")) return do_flatten(r, node, a);
    if (sbi_onnx_is(op, "Reshape")) return do_reshape(r, node, a);
    if (sbi_onnx_is(op, "Squeeze")) return do_squeeze(r, node, a);
    if (sbi_onnx_is(op, "Transpose")) return do_transpose(r, node, a);
    if (sbi_onnx_is(op, "Gemm") || sbi_onnx_is(op, "MatMul")) return sbi_onnx_do_linear(r, node, a);
    return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "this operator is not supported");
}

sbi_status sbi_onnx_do_node(sbi_onnx_reader *r)
{
    char shown[SBI_ONNX_SHOWN];
    const sbi_onnx_node *node = &r->graph.nodes[r->node];
    if (node->domain.size && !sbi_onnx_is(node->domain, "ai.onnx"))
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "operators of domain \"%s\" are not supported", sbi_onnx_show(node->domain, shown));
    if (sbi_onnx_is(node->op, "Constant")) return do_constant(r, node);
    const sbi_pb_span op = node->op;
    if (sbi_onnx_is(op, "Add") || sbi_onnx_is(op, "Sub") || sbi_onnx_is(op, "Mul") || sbi_onnx_is(op, "Div"))
        return sbi_onnx_do_arithmetic(r, node);
    const sbi_onnx_value *a = node->n_inputs ? sbi_onnx_find(r, node->input[0]) : NULL;
    if (!a) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "input \"%s\" comes from nowhere", sbi_onnx_show(node->input[0], shown));
    SBI_TRY(sbi_onnx_expect_current(r, a));
    return do_one_input(r, node, a);
}
