/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations, as LayerNormalization and written out, and the sums at the end of residual blocks. */
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/network.h"
#include "net/onnx_reader.h"

/* ---- normalisation ---- */

static sbi_status check_epsilon(const sbi_onnx_reader *r, double epsilon)
{
    if (epsilon > 0 && epsilon <= 1 && (float)epsilon > 0) return SBI_OK;
    return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "epsilon is %g; networks here have more than 0, at most 1", epsilon);
}

/* The layer's output is normalised from now on, with gain 1 and offset 0. */
static sbi_status normalise(sbi_onnx_reader *r, const sbi_onnx_value *a, double epsilon, sbi_onnx_value *out)
{
    sbi_onnx_stage *s = &r->stages[a->stage];
    SBI_TRY(check_epsilon(r, epsilon));
    if (s->gain) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "the layer is normalised twice");
    s->gain = sbi_alloc_zero(r->ctx, (size_t)s->out, sizeof *s->gain);
    s->offset = sbi_alloc_zero(r->ctx, (size_t)s->out, sizeof *s->offset);
    if (!s->gain || !s->offset) return SBI_ERR_NO_MEMORY;
    for (int64_t j = 0; j < s->out; j++) s->gain[j] = 1;
    s->epsilon = epsilon;
    *out = (sbi_onnx_value){.form = SBI_ONNX_LINEAR, .stage = a->stage, .factor = 1, .version = ++s->version};
    return SBI_OK;
}

/* Input `index` of a node replaces a vector of the layer. */
static sbi_status replace(sbi_onnx_reader *r, const sbi_onnx_node *node, size_t index, int64_t width, double **vector)
{
    const sbi_onnx_value *c = sbi_onnx_find(r, node->input[index]);
    sbi_status status;
    if (!c || c->form != SBI_ONNX_CONSTANT)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "its input %zu has to be constant", index + 1);
    double *values = sbi_onnx_columns(r, c, width, &status);
    if (!values) return status;
    sbi_free(r->ctx, *vector);
    *vector = values;
    return SBI_OK;
}

static sbi_status layer_normalization(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    int64_t axis = -1;
    double epsilon = (double)1e-5f;
    int found;
    sbi_onnx_value v;
    SBI_TRY(sbi_onnx_expect_linear(r, a));
    SBI_TRY(sbi_onnx_get_int(node, "axis", &axis, &found));
    SBI_TRY(sbi_onnx_get_float(node, "epsilon", &epsilon, &found));
    if ((axis != -1 && axis != 1) || a->flat)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "axis is %" PRId64 "; only over the columns of [batch, width]", axis);
    const int32_t stage = a->stage;
    SBI_TRY(normalise(r, a, epsilon, &v));
    sbi_onnx_stage *s = &r->stages[stage];
    if (node->n_inputs > 1 && node->input[1].size) SBI_TRY(replace(r, node, 1, s->out, &s->gain));
    if (node->n_inputs > 2 && node->input[2].size) {
        SBI_TRY(replace(r, node, 2, s->out, &s->offset));
        s->shifted = 1;
    }
    return sbi_onnx_add(r, &v);
}

/* One of `forms` becomes the other: a step of a normalisation that is written out. */
static sbi_status step(sbi_onnx_reader *r, const sbi_onnx_value *a, sbi_onnx_form form)
{
    sbi_onnx_value v = *a;
    v.form = form;
    return sbi_onnx_add(r, &v);
}

static sbi_status reduce_mean(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    int64_t axis[SBI_ONNX_SMALL] = {0}, keep = 1;
    double axes[SBI_ONNX_SMALL] = {0};
    size_t n = 0;
    int found;
    SBI_TRY(sbi_onnx_get_ints(node, "axes", axis, SBI_ONNX_SMALL, &n, &found));
    if (found) axes[0] = (double)axis[0];
    if (!found && node->n_inputs > 1 && node->input[1].size) {
        const sbi_onnx_value *list = sbi_onnx_find(r, node->input[1]);
        if (!list) return sbi_onnx_refuse(r, SBI_ERR_FORMAT, "axes come from nowhere");
        SBI_TRY(sbi_onnx_constant_small(r, list, axes, &n));
    }
    SBI_TRY(sbi_onnx_get_int(node, "keepdims", &keep, &found));
    const int plain = a->form == SBI_ONNX_LINEAR && a->factor == 1;
    if ((!plain && a->form != SBI_ONNX_SQUARE) || n != 1 || (axes[0] != 1 && axes[0] != -1) || keep != 1 || a->flat)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only as part of a normalisation over the columns, with keepdims");
    return step(r, a, plain ? SBI_ONNX_MEAN : SBI_ONNX_VARIANCE);
}

static sbi_status power(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a)
{
    double exponent[SBI_ONNX_SMALL] = {0};
    size_t n = 0;
    const sbi_onnx_value *c = node->n_inputs > 1 ? sbi_onnx_find(r, node->input[1]) : NULL;
    if (c) SBI_TRY(sbi_onnx_constant_small(r, c, exponent, &n));
    if (a->form != SBI_ONNX_CENTRED || n != 1 || exponent[0] != 2)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "only as the square in a normalisation");
    return step(r, a, SBI_ONNX_SQUARE);
}

sbi_status sbi_onnx_do_normalisation(sbi_onnx_reader *r, const sbi_onnx_node *node, const sbi_onnx_value *a, int *done)
{
    *done = 1;
    if (sbi_onnx_is(node->op, "LayerNormalization")) return layer_normalization(r, node, a);
    if (sbi_onnx_is(node->op, "ReduceMean")) return reduce_mean(r, node, a);
    if (sbi_onnx_is(node->op, "Pow")) return power(r, node, a);
    if (sbi_onnx_is(node->op, "Sqrt") && a->form == SBI_ONNX_RAISED) return step(r, a, SBI_ONNX_DEVIATION);
    if (sbi_onnx_is(node->op, "Reciprocal") && a->form == SBI_ONNX_DEVIATION) return step(r, a, SBI_ONNX_INVERSE);
    *done = 0;
    return SBI_OK;
}

sbi_status sbi_onnx_do_parts(sbi_onnx_reader *r, char op, const sbi_onnx_value *a, const sbi_onnx_value *b, int *done)
{
    *done = 1;
    if (a->stage == b->stage) {
        const int swapped = op == '*' && a->form == SBI_ONNX_INVERSE;
        const sbi_onnx_value *centred = swapped ? b : a, *other = swapped ? a : b;
        if (op == '-' && a->form == SBI_ONNX_LINEAR && a->factor == 1 && b->form == SBI_ONNX_MEAN) return step(r, a, SBI_ONNX_CENTRED);
        if (op == '*' && a->form == SBI_ONNX_CENTRED && b->form == SBI_ONNX_CENTRED) return step(r, a, SBI_ONNX_SQUARE);
        if (centred->form == SBI_ONNX_CENTRED && ((op == '/' && other->form == SBI_ONNX_DEVIATION) ||
                                                  (op == '*' && other->form == SBI_ONNX_INVERSE))) {
            sbi_onnx_value v;
            SBI_TRY(normalise(r, centred, other->factor, &v));
            return sbi_onnx_add(r, &v);
        }
    }
    *done = 0;
    return SBI_OK;
}

/* ---- residual blocks ---- */

/* How many layers lie between `begin`, which is the input of the first of them, and the result of layer `end`; 0: it is not. */
static int32_t layers_between(const sbi_onnx_reader *r, const sbi_onnx_value *begin, const sbi_onnx_value *end)
{
    if (end->form != SBI_ONNX_LINEAR && end->form != SBI_ONNX_ACTIVATED) return 0;
    int32_t n = 0;
    for (int32_t s = end->stage; s > 0; s = r->stages[s].previous) {
        const sbi_onnx_stage *stage = &r->stages[s];
        n++;
        if (stage->previous == begin->stage && stage->from == begin->form &&
            (begin->form != SBI_ONNX_ACTIVATED || stage->activation == begin->activation))
            return n;
    }
    return 0;
}

sbi_status sbi_onnx_do_sum(sbi_onnx_reader *r, const sbi_onnx_value *a, const sbi_onnx_value *b)
{
    const sbi_onnx_value *end = a;
    int32_t n = layers_between(r, b, a);
    if (n == 0) {
        n = layers_between(r, a, b);
        end = b;
    }
    if (n == 0 || a->factor != 1 || b->factor != 1 || a->flat || b->flat)
        return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "of two computed tensors, only of a layer's result and the input of a layer before it");
    sbi_onnx_stage *s = &r->stages[end->stage];
    if (s->residual) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "the layer ends two residual blocks");
    if (n > SBI_MLP_MAX_LAYERS) return sbi_onnx_refuse(r, SBI_ERR_UNSUPPORTED, "a residual block of %d layers", (int)n);
    s->residual = n;
    sbi_onnx_value v = *end;
    v.form = SBI_ONNX_SUM;
    v.version = ++s->version;
    return sbi_onnx_add(r, &v);
}
