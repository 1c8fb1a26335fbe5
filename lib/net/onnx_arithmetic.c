/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm and MatMul, and Add, Sub, Mul and Div of two tensors: standardisation, biases, and the parts of SiLU and GELU. */
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/network.h"
#include "net/onnx_reader.h"

/* ---- layers ---- */

/* `from` is what the layer works on. */
static sbi_status begin_layer(sbi_onnx_reader *r, const sbi_onnx_value *from, const sbi_onnx_value *weight, int transposed, double alpha,
                              sbi_onnx_stage **out)
{
    const int known = from->form == SBI_ONNX_FEATURES || from->form == SBI_ONNX_ACTIVATED || from->form == SBI_ONNX_SUM ||
                      (from->form == SBI_ONNX_LINEAR && from->factor == 1);
    if (!known)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its input is neither the features, nor a layer's, nor an activation that networks "
                                                       "here have (SiLU, Relu, LeakyRelu, Tanh, Gelu, Softplus)");
    if (from->flat) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its input has one dimension, expected [batch, width]");
    if (weight->form != SBI_ONNX_CONSTANT || !weight->tensor || weight->tensor->ndim != 2)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its second input has to be a constant matrix");
    const sbi_onnx_tensor *t = weight->tensor;
    if (t->type != SBI_ONNX_FLOAT && t->type != SBI_ONNX_DOUBLE)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its weights have data type %d, expected FLOAT (1) or DOUBLE (11)", (int)t->type);
    sbi_onnx_stage *s = &r->stages[r->n_stages];
    *s = (sbi_onnx_stage){.previous = from->stage, .weight = t, .node = r->node, .alpha = alpha};
    s->from = from->form;
    s->activation = from->form == SBI_ONNX_ACTIVATED || from->form == SBI_ONNX_SUM ? from->activation : 0;
    s->slope = from->slope;
    s->transposed = transposed == weight->transposed;
    s->in = t->dims[s->transposed ? 0 : 1];
    s->out = t->dims[s->transposed ? 1 : 0];
    if (s->in != r->stages[from->stage].out)
        return sbi_onnx_refuse(r, SBI_ERR_SHAPE, "its weights take %" PRId64 " columns, its input has %" PRId64, s->in,
                               r->stages[from->stage].out);
    if (s->out < 1 || s->out > 1 << 20) return sbi_onnx_refuse(r, SBI_ERR_SHAPE, "its weights give %" PRId64 " columns", s->out);
    s->bias = sbi_alloc_zero(r->ctx, (size_t)s->out, sizeof *s->bias);
    if (!s->bias) return SBI_ERR_NO_MEMORY;
    r->n_stages++;
    *out = s;
    return SBI_OK;
}

/* Does a constant go over [batch, width] column by column? */
static int fits(const sbi_onnx_value *c, int64_t width)
{
    const size_t n = sbi_onnx_constant_count(c);
    if (c->transposed) return 0;
    if (!c->tensor) return n == 1 || (n == (size_t)width && width > 0);
    if (c->tensor->ndim > 2) return 0;
    if (n == 1) return 1;
    return c->tensor->ndim > 0 && c->tensor->dims[c->tensor->ndim - 1] == width && n == (size_t)width;
}

double *sbi_onnx_columns(sbi_onnx_reader *r, const sbi_onnx_value *c, int64_t width, sbi_status *status)
{
    if (!fits(c, width)) {
        *status = sbi_onnx_refuse(r, SBI_ERR_SHAPE, "a constant of %zu elements does not go with [batch, %" PRId64 "]",
                                  sbi_onnx_constant_count(c), width);
        return NULL;
    }
    double *out = sbi_alloc_zero(r->ctx, (size_t)width, sizeof *out);
    *status = out ? sbi_onnx_constant_read(c, out) : SBI_ERR_NO_MEMORY;
    if (*status == SBI_OK && sbi_onnx_constant_count(c) == 1)
        for (int64_t j = 1; j < width; j++) out[j] = out[0];
    if (*status == SBI_OK) return out;
    sbi_free(r->ctx, out);
    return NULL;
}

static sbi_status add_bias(sbi_onnx_reader *r, int32_t stage, const sbi_onnx_value *c, double factor)
{
    sbi_onnx_stage *s = &r->stages[stage];
    sbi_status status;
    double *b = sbi_onnx_columns(r, c, s->out, &status);
    if (!b) return status;
    /* Behind a normalisation it is the offset. The first is kept with every bit, also that of -0. */
    double *to = s->gain ? s->offset : s->bias;
    int32_t *given = s->gain ? &s->shifted : &s->biased;
    for (int64_t j = 0; j < s->out; j++) to[j] = *given ? to[j] + factor * b[j] : factor * b[j];
    *given = 1;
    sbi_free(r->ctx, b);
    return SBI_OK;
}

sbi_status sbi_onnx_do_linear(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    const int gemm = sbi_onnx_is(node->op, "Gemm");
    int64_t trans_a = 0, trans_b = 0;
    double alpha = 1, beta = 1;
    int found;
    const sbi_onnx_value *weight = node->n_inputs > 1 ? sbi_onnx_find(r, node->input[1]) : NULL;
    if (!weight) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "its second input comes from nowhere");
    if (gemm) {
        SBI_TRY(sbi_onnx_get_int(node, "transA", &trans_a, &found));
        SBI_TRY(sbi_onnx_get_int(node, "transB", &trans_b, &found));
        SBI_TRY(sbi_onnx_get_float(node, "alpha", &alpha, &found));
        SBI_TRY(sbi_onnx_get_float(node, "beta", &beta, &found));
    }
    if (trans_a) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "transA is %" PRId64, trans_a);
    sbi_onnx_stage *s;
    SBI_TRY(begin_layer(r, a, weight, trans_b != 0, alpha, &s));
    if (gemm && node->n_inputs > 2 && node->input[2].size) {
        const sbi_onnx_value *bias = sbi_onnx_find(r, node->input[2]);
        if (!bias || bias->form != SBI_ONNX_CONSTANT) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its third input has to be constant");
        SBI_TRY(add_bias(r, (int32_t)r->n_stages - 1, bias, beta));
    }
    const sbi_onnx_value v = {.form = SBI_ONNX_LINEAR, .stage = (int32_t)r->n_stages - 1, .factor = 1};
    return sbi_onnx_add(r, &v);
}

/* ---- a computed tensor and a constant ---- */

/* Changes (x - shift) * scale by one operation. A subtraction or a multiplication that comes first keeps its constant's bits. */
static sbi_status standardise(sbi_onnx_reader *r, char op, const sbi_onnx_value *a, const sbi_onnx_value *c)
{
    sbi_onnx_stage *s = &r->stages[a->stage];
    sbi_status status;
    double *k = sbi_onnx_columns(r, c, s->out, &status);
    if (!k) return status;
    for (int64_t j = 0; j < s->out; j++) {
        if (op == '-') s->shift[j] += k[j] / s->scale[j];
        if (op == '+') s->shift[j] -= k[j] / s->scale[j];
        if (op == '*') s->scale[j] *= k[j];
        if (op == '/') s->scale[j] /= k[j];
        if (status == SBI_OK && (!isfinite(s->shift[j]) || !isfinite(s->scale[j]) || s->scale[j] == 0))
            status = sbi_onnx_refuse(r, SBI_ERR_VALUE, "column %" PRId64 " of the constant is %g", j, k[j]);
    }
    sbi_free(r->ctx, k);
    SBI_TRY(status);
    sbi_onnx_value v = *a;
    v.version = ++s->version;
    return sbi_onnx_add(r, &v);
}

static sbi_status multiply(sbi_onnx_reader *r, char op, const sbi_onnx_value *a, double k)
{
    sbi_onnx_value v = *a;
    v.factor = op == '*' ? v.factor * k : v.factor / k;
    /* 0.5 z (1 + erf(z / sqrt 2)), in whichever order. */
    if (v.form == SBI_ONNX_PRODUCT && fabs(2 * v.factor - 1) < 1e-6) {
        v.form = SBI_ONNX_ACTIVATED;
        v.activation = SBI_ACTIVATION_GELU;
        v.factor = 1;
    }
    return sbi_onnx_add(r, &v);
}

/* A vector behind a normalisation. */
static sbi_status multiply_gain(sbi_onnx_reader *r, const sbi_onnx_value *a, const sbi_onnx_value *c)
{
    sbi_onnx_stage *s = &r->stages[a->stage];
    sbi_status status;
    double *k = sbi_onnx_columns(r, c, s->out, &status);
    if (!k) return status;
    for (int64_t j = 0; j < s->out; j++) {
        s->gain[j] *= k[j];
        s->offset[j] *= k[j];
    }
    sbi_free(r->ctx, k);
    sbi_onnx_value v = *a;
    v.version = ++s->version;
    return sbi_onnx_add(r, &v);
}

static sbi_status with_constant(sbi_onnx_reader *r, char op, const sbi_onnx_value *a, const sbi_onnx_value *c)
{
    double k[SBI_ONNX_SMALL];
    size_t n;
    SBI_TRY(sbi_onnx_expect_current(r, a));
    if (a->form == SBI_ONNX_FEATURES) return standardise(r, op, a, c);
    if (a->form == SBI_ONNX_LINEAR && (op == '+' || op == '-')) {
        SBI_TRY(sbi_onnx_expect_linear(r, a));
        SBI_TRY(add_bias(r, a->stage, c, op == '+' ? 1 : -1));
        sbi_onnx_value v = *a;
        v.version = ++r->stages[a->stage].version;
        return sbi_onnx_add(r, &v);
    }
    if (a->form == SBI_ONNX_LINEAR && op == '*' && a->factor == 1 && r->stages[a->stage].gain && sbi_onnx_constant_count(c) > 1)
        return multiply_gain(r, a, c);
    const int scalable = a->form == SBI_ONNX_LINEAR || a->form == SBI_ONNX_ERF_PLUS || a->form == SBI_ONNX_PRODUCT;
    if (sbi_onnx_constant_count(c) == 1 && fits(c, 1)) {
        SBI_TRY(sbi_onnx_constant_small(r, c, k, &n));
        if (scalable && (op == '*' || op == '/')) return multiply(r, op, a, k[0]);
        if (a->form == SBI_ONNX_VARIANCE && op == '+') {
            sbi_onnx_value v = *a;
            v.form = SBI_ONNX_RAISED;
            v.factor = k[0];
            return sbi_onnx_add(r, &v);
        }
        if (a->form == SBI_ONNX_ERF && op == '+' && k[0] == 1) {
            sbi_onnx_value v = *a;
            v.form = SBI_ONNX_ERF_PLUS;
            return sbi_onnx_add(r, &v);
        }
    }
    return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "with a constant, only of the features, as a layer's bias, or as part of GELU");
}

/* ---- two computed tensors ---- */

static sbi_status product(sbi_onnx_reader *r, const sbi_onnx_value *z, const sbi_onnx_value *gate)
{
    sbi_onnx_value v = *z;
    if (gate->form == SBI_ONNX_SIGMOID && z->factor == 1) {
        v.form = SBI_ONNX_ACTIVATED;
        v.activation = SBI_ACTIVATION_SILU;
        return sbi_onnx_add(r, &v);
    }
    if (gate->form == SBI_ONNX_ERF_PLUS) {
        v.form = SBI_ONNX_PRODUCT;
        return multiply(r, '*', &v, gate->factor);
    }
    return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "of two computed tensors, only as SiLU, z sigmoid(z), or as part of GELU");
}

sbi_status sbi_onnx_do_arithmetic(sbi_onnx_reader *r, const sbi_onnx_node *node)
{
    char shown[SBI_ONNX_SHOWN];
    const sbi_onnx_value *in[2] = {NULL, NULL};
    const char op = sbi_onnx_is(node->op, "Add") ? '+' : sbi_onnx_is(node->op, "Sub") ? '-' : sbi_onnx_is(node->op, "Mul") ? '*' : '/';
    for (int i = 0; i < 2; i++) {
        in[i] = node->n_inputs == 2 ? sbi_onnx_find(r, node->input[i]) : NULL;
        if (!in[i]) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "input \"%s\" comes from nowhere", sbi_onnx_show(node->input[i], shown));
    }
    const int first = in[0]->form == SBI_ONNX_CONSTANT, second = in[1]->form == SBI_ONNX_CONSTANT;
    if (first && second) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "of two constants; export with constants folded");
    if (second) return with_constant(r, op, in[0], in[1]);
    if (first && (op == '+' || op == '*')) return with_constant(r, op, in[1], in[0]);
    if (first) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "of a constant by a computed tensor");
    SBI_TRY(sbi_onnx_expect_current(r, in[0]));
    SBI_TRY(sbi_onnx_expect_current(r, in[1]));
    int done;
    SBI_TRY(sbi_onnx_do_parts(r, op, in[0], in[1], &done));
    if (done) return SBI_OK;
    if (op == '+') return sbi_onnx_do_sum(r, in[0], in[1]);
    if (op != '*' || in[0]->stage != in[1]->stage || in[0]->flat != in[1]->flat)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "of two computed tensors; branches have to meet in a sum");
    if (in[0]->form == SBI_ONNX_LINEAR) return product(r, in[0], in[1]);
    if (in[1]->form == SBI_ONNX_LINEAR) return product(r, in[1], in[0]);
    return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "of two activations");
}
