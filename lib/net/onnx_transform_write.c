/* SPDX-License-Identifier: Apache-2.0 */
/* Features with the same kinds of steps go through them together: they are gathered, and the results are put in order at the end. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/onnx_transform.h"

#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Where exp(p L) - 1 would have no digits left, p is this: (exp(p L) - 1) / p is then L to 1e-7. */
#define SMALLEST_EXPONENT 1e-9

typedef struct group {
    sbi_onnx_writer *w;
    const sbi_transforms *t;
    const char *x;
    size_t member;
    int number;    /* of this group */
    int32_t nodes; /* so far, of this group */
    int64_t *features; /* [n] */
    int64_t n;
    double *values; /* [n], room for constants */
    sbi_onnx_name now; /* name of the present result */
} group;

static int kind_of(const sbi_transforms *t, int64_t feature, int64_t step)
{
    const int64_t at = t->first_step[feature] + step;
    return at < t->first_step[feature + 1] ? (int)t->steps[at].kind : SBI_TRANSFORM_NONE;
}

static double value_of(const sbi_transforms *t, int64_t feature, int64_t step)
{
    return t->values[t->steps[t->first_step[feature] + step].first];
}

static int is_one_hot(int kind)
{
    return kind == SBI_TRANSFORM_ONE_HOT || kind == SBI_TRANSFORM_ONE_HOT_OR_ZERO;
}

static int same_chain(const sbi_transforms *t, int64_t a, int64_t b)
{
    return a == b || (!is_one_hot(kind_of(t, a, 0)) && kind_of(t, a, 0) == kind_of(t, b, 0) && kind_of(t, a, 1) == kind_of(t, b, 1));
}

/* Names of one group: "sbi/0/t2/3", and of its constants "sbi/0/t2/3/c". */
static void name(const group *g, const char *ending, sbi_onnx_name out)
{
    snprintf(out, sizeof(sbi_onnx_name), "sbi/%zu/t%d/%d%s", g->member, g->number, (int)g->nodes, ending);
}

static void shared(const group *g, const char *what, sbi_onnx_name out)
{
    snprintf(out, sizeof(sbi_onnx_name), "sbi/%zu/%s", g->member, what);
}

/* A node of one computed input, or of that and another. */
static void add(group *g, const char *op, const char *input, const char *other, sbi_onnx_name output)
{
    sbi_onnx_name made;
    g->nodes++;
    name(g, "", made);
    if (other) {
        sbi_onnx_add_node(g->w, op, made, INPUTS(input, other));
    } else {
        sbi_onnx_add_node(g->w, op, made, INPUTS(input));
    }
    memcpy(output, made, sizeof made);
}

/* A constant number for each feature of the group, from g->values. */
static void constants(group *g, const char *ending, sbi_onnx_name out)
{
    name(g, ending, out);
    sbi_onnx_add_values(g->w, out, SBI_ONNX_DOUBLE, g->values, g->n);
}

static void take_log(group *g, int64_t step)
{
    sbi_onnx_name c;
    for (int64_t i = 0; i < g->n; i++) g->values[i] = value_of(g->t, g->features[i], step);
    constants(g, "/c", c);
    add(g, "Add", g->now, c, g->now);
    add(g, "Log", g->now, NULL, g->now);
}

static void take_signed_log(group *g, int64_t step)
{
    sbi_onnx_name c, one, sign, size;
    shared(g, "one", one);
    for (int64_t i = 0; i < g->n; i++) g->values[i] = value_of(g->t, g->features[i], step);
    constants(g, "/c", c);
    add(g, "Sign", g->now, NULL, sign);
    add(g, "Abs", g->now, NULL, size);
    add(g, "Div", size, c, size);
    add(g, "Add", size, one, size);
    add(g, "Log", size, NULL, size);
    add(g, "Mul", sign, size, g->now);
}

static double exponent(double p)
{
    return fabs(p) < SMALLEST_EXPONENT ? SMALLEST_EXPONENT : p;
}

static void take_power(group *g, int64_t step)
{
    sbi_onnx_name above, below, one, zero, negative, p, size, minus;
    shared(g, "one", one);
    shared(g, "zero", zero);
    for (int64_t i = 0; i < g->n; i++) g->values[i] = exponent(value_of(g->t, g->features[i], step));
    constants(g, "/above", above);
    for (int64_t i = 0; i < g->n; i++) g->values[i] = exponent(2 - value_of(g->t, g->features[i], step));
    constants(g, "/below", below);
    add(g, "Less", g->now, zero, negative);
    g->nodes++;
    name(g, "", p);
    sbi_onnx_add_node(g->w, "Where", p, INPUTS(negative, below, above));
    add(g, "Abs", g->now, NULL, size);
    add(g, "Add", size, one, size);
    add(g, "Log", size, NULL, size);
    add(g, "Mul", size, p, size);
    add(g, "Exp", size, NULL, size);
    add(g, "Sub", size, one, size);
    add(g, "Div", size, p, size);
    add(g, "Neg", size, NULL, minus);
    g->nodes++;
    name(g, "", g->now);
    sbi_onnx_add_node(g->w, "Where", g->now, INPUTS(negative, minus, size));
}

static void take_categories(group *g)
{
    const sbi_transform_step *s = &g->t->steps[g->t->first_step[g->features[0]]];
    sbi_onnx_name categories;
    name(g, "/categories", categories);
    sbi_onnx_add_values(g->w, categories, SBI_ONNX_DOUBLE, g->t->values + s->first, s->n);
    add(g, "Equal", g->now, categories, g->now);
    add(g, "Cast", g->now, NULL, g->now);
    sbi_onnx_add_int(g->w, "to", SBI_ONNX_DOUBLE);
}

static void add_group(group *g)
{
    sbi_onnx_name index;
    name(g, "/features", index);
    sbi_onnx_add_values(g->w, index, SBI_ONNX_INT64, g->features, g->n);
    add(g, "Gather", g->x, index, g->now);
    sbi_onnx_add_int(g->w, "axis", 1);
    for (int64_t step = 0; step < SBI_TRANSFORM_MAX_STEPS; step++) {
        const int kind = kind_of(g->t, g->features[0], step);
        if (kind == SBI_TRANSFORM_LOG) take_log(g, step);
        if (kind == SBI_TRANSFORM_SIGNED_LOG) take_signed_log(g, step);
        if (kind == SBI_TRANSFORM_YEO_JOHNSON) take_power(g, step);
        if (is_one_hot(kind)) take_categories(g);
    }
}

/* One after the other, every group of features; place [inputs] gets where each input stands in the row of all results. */
static sbi_status add_groups(group *g, unsigned char *done, sbi_onnx_name *outputs, int64_t *place)
{
    int64_t at = 0;
    for (int64_t j = 0; j < g->t->features; j++) {
        if (done[j]) continue;
        g->n = 0;
        g->nodes = 0;
        for (int64_t k = j; k < g->t->features; k++) {
            if (done[k] || !same_chain(g->t, j, k)) continue;
            done[k] = 1;
            g->features[g->n++] = k;
            for (int64_t i = g->t->first_input[k]; i < g->t->first_input[k + 1]; i++) place[i] = at++;
        }
        add_group(g);
        memcpy(outputs[g->number++], g->now, sizeof(sbi_onnx_name));
    }
    return g->w->text.status;
}

/* All results in the order of inputs. */
static void put_in_order(group *g, const char *const *outputs, const int64_t *place, sbi_onnx_name output)
{
    sbi_onnx_name index;
    int ordered = 1;
    for (int64_t i = 0; i < g->t->inputs; i++) ordered &= place[i] == i;
    snprintf(output, sizeof(sbi_onnx_name), "%s", outputs[0]);
    if (g->number > 1) {
        shared(g, "together", output);
        sbi_onnx_add_node(g->w, "Concat", output, outputs);
        sbi_onnx_add_int(g->w, "axis", 1);
    }
    if (ordered) return;
    sbi_onnx_name together;
    memcpy(together, output, sizeof together);
    shared(g, "order", index);
    sbi_onnx_add_values(g->w, index, SBI_ONNX_INT64, place, g->t->inputs);
    shared(g, "inputs", output);
    sbi_onnx_add_node(g->w, "Gather", output, INPUTS(together, index));
    sbi_onnx_add_int(g->w, "axis", 1);
}

sbi_status sbi_onnx_add_transforms(sbi_onnx_writer *w, const sbi_transforms *t, size_t m, const char *x, sbi_onnx_name output)
{
    const size_t d = (size_t)t->features;
    group g = {.w = w, .t = t, .x = x, .member = m};
    g.features = sbi_alloc_array(w->ctx, d, sizeof *g.features);
    g.values = sbi_alloc_array(w->ctx, d, sizeof *g.values);
    int64_t *place = sbi_alloc_array(w->ctx, (size_t)t->inputs, sizeof *place);
    unsigned char *done = sbi_alloc_zero(w->ctx, d, 1);
    /* At most six kinds of chains, and features with categories are groups of their own. */
    size_t groups = 6;
    for (size_t i = 0; i < t->n_steps; i++) groups += is_one_hot((int)t->steps[i].kind);
    sbi_onnx_name *outputs = sbi_alloc_array(w->ctx, groups, sizeof *outputs);
    const char **list = sbi_alloc_zero(w->ctx, groups + 1, sizeof *list);
    sbi_status status = g.features && g.values && place && done && outputs && list ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        sbi_onnx_name own;
        shared(&g, "one", own);
        sbi_onnx_add_scalar(w, own, SBI_ONNX_DOUBLE, 1);
        shared(&g, "zero", own);
        sbi_onnx_add_scalar(w, own, SBI_ONNX_DOUBLE, 0);
        status = add_groups(&g, done, outputs, place);
    }
    if (status == SBI_OK) {
        for (int k = 0; k < g.number; k++) list[k] = outputs[k];
        put_in_order(&g, list, place, output);
    }
    sbi_free(w->ctx, g.features);
    sbi_free(w->ctx, g.values);
    sbi_free(w->ctx, place);
    sbi_free(w->ctx, done);
    sbi_free(w->ctx, outputs);
    sbi_free(w->ctx, list);
    return status;
}
