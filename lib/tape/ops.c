/* SPDX-License-Identifier: Apache-2.0 */
/* Recording of elementary operations, interpolations and reductions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tape/record.h"

const char *sbi_node_name(int32_t op)
{
    static const char *const elementary[] = {"add", "sub",   "mul",  "div",  "neg",      "square",   "exp",  "expm1",
                                             "log", "log1p", "sqrt", "tanh", "logistic", "softplus", "power",
                                             "map", "lgamma", "digamma", "trigamma", "poisson"};
    static const char *const others[] = {"param", "constant", "column", "morph", "sum", "interp", "apply"};
    return op < SBI_NODE_PARAM ? elementary[op] : others[op - SBI_NODE_PARAM];
}

/* Whether "a, b, c" has `name` among its entries. */
static int listed(const char *text, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || at[-1] == ' ') && (at[length] == ',' || !at[length])) return 1;
    return 0;
}

/* Names of the parameters below a node, depth first, each once, as many as fit. */
static void add_params(const sbi_tape *tape, int32_t node, char *text, size_t size, int *budget)
{
    if (node < 0 || (*budget)-- <= 0) return;
    const sbi_node *v = &tape->nodes[node];
    if (v->op == SBI_NODE_PARAM) {
        const char *name = tape->param_names[v->payload];
        const size_t used = strlen(text);
        if (listed(text, name)) return;
        snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
        return;
    }
    if (v->op == SBI_NODE_MORPH) {
        const sbi_morph *m = &tape->morphs[v->payload];
        for (size_t k = 0; k < m->n; k++)
            add_params(tape, m->alphas[k], text, size, budget);
        return;
    }
    if (v->op == SBI_NODE_APPLY) {
        const sbi_application *f = &tape->applications[v->payload];
        for (size_t k = 0; k < f->n; k++)
            add_params(tape, f->inputs[k], text, size, budget);
        return;
    }
    add_params(tape, v->a, text, size, budget);
    add_params(tape, v->b, text, size, budget);
}

void sbi_node_params(const sbi_tape *tape, int32_t node, char *text, size_t size)
{
    int budget = 200;
    text[0] = '\0';
    add_params(tape, node, text, size, &budget);
    if (!text[0]) snprintf(text, size, "no parameter");
}

void sbi_node_describe(const sbi_tape *tape, int32_t node, char *text, size_t size)
{
    const sbi_node *v = &tape->nodes[node];
    const char *name = v->op == SBI_NODE_APPLY   ? tape->applications[v->payload].function.name
                       : v->op == SBI_NARROW_MAP ? tape->maps[v->payload].name
                                                 : NULL;
    char params[200];
    sbi_node_params(tape, node, params, sizeof params);
    snprintf(text, size, "node %d (%s%s%.60s of %s)", node, sbi_node_name(v->op), name ? " " : "", name ? name : "", params);
}

/* ---- elementary operations ------------------------------------------------------------------------------------- */

sbi_var sbi_tape_elementary(sbi_tape *tape, int32_t op, sbi_var a, sbi_var b, int32_t payload)
{
    char function[40];
    snprintf(function, sizeof function, "sbi_tape_%s", op == SBI_NARROW_POWER ? "pow" : sbi_node_name(op));
    if (!sbi_tape_recording(tape, function) || !sbi_tape_operand(tape, a, function)) return SBI_VAR_INVALID;
    const int binary = sbi_narrow_is_binary(op);
    if (binary && !sbi_tape_operand(tape, b, function)) return SBI_VAR_INVALID;
    sbi_node node = {.op = op, .a = a, .b = binary ? b : -1, .payload = payload};
    const sbi_node *x = &tape->nodes[a], *y = binary ? &tape->nodes[b] : x;
    if (x->events >= 0 && y->events >= 0 && x->events != y->events)
        return sbi_tape_failed(
            tape, sbi_fail(SBI_ERR_SHAPE, "%s: operands of different event sets, \"%s\" and \"%s\"", function,
                           tape->event_sets[x->events].name, tape->event_sets[y->events].name));
    node.events = x->events >= 0 ? x->events : y->events;
    node.stage = x->stage > y->stage ? x->stage : y->stage;
    node.active = x->active | y->active;
    return sbi_tape_append(tape, &node);
}

sbi_var sbi_tape_add(sbi_tape *tape, sbi_var a, sbi_var b) { return sbi_tape_elementary(tape, SBI_NARROW_ADD, a, b, 0); }
sbi_var sbi_tape_sub(sbi_tape *tape, sbi_var a, sbi_var b) { return sbi_tape_elementary(tape, SBI_NARROW_SUB, a, b, 0); }
sbi_var sbi_tape_mul(sbi_tape *tape, sbi_var a, sbi_var b) { return sbi_tape_elementary(tape, SBI_NARROW_MUL, a, b, 0); }
sbi_var sbi_tape_div(sbi_tape *tape, sbi_var a, sbi_var b) { return sbi_tape_elementary(tape, SBI_NARROW_DIV, a, b, 0); }
sbi_var sbi_tape_neg(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_NEG, a, -1, 0); }
sbi_var sbi_tape_square(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_SQUARE, a, -1, 0); }
sbi_var sbi_tape_exp(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_EXP, a, -1, 0); }
sbi_var sbi_tape_expm1(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_EXPM1, a, -1, 0); }
sbi_var sbi_tape_log(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_LOG, a, -1, 0); }
sbi_var sbi_tape_log1p(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_LOG1P, a, -1, 0); }
sbi_var sbi_tape_sqrt(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_SQRT, a, -1, 0); }
sbi_var sbi_tape_tanh(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_TANH, a, -1, 0); }
sbi_var sbi_tape_logistic(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_LOGISTIC, a, -1, 0); }
sbi_var sbi_tape_softplus(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_SOFTPLUS, a, -1, 0); }

sbi_var sbi_tape_lgamma(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_LGAMMA, a, -1, 0); }
sbi_var sbi_tape_digamma(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_DIGAMMA, a, -1, 0); }
sbi_var sbi_tape_trigamma(sbi_tape *tape, sbi_var a) { return sbi_tape_elementary(tape, SBI_NARROW_TRIGAMMA, a, -1, 0); }

/* An integer constant exponent is an operation of its own; otherwise exp(b ln a). */
sbi_var sbi_tape_pow(sbi_tape *tape, sbi_var a, sbi_var b)
{
    if (!sbi_tape_recording(tape, "sbi_tape_pow") || !sbi_tape_operand(tape, a, "sbi_tape_pow") ||
        !sbi_tape_operand(tape, b, "sbi_tape_pow"))
        return SBI_VAR_INVALID;
    const sbi_node *exponent = &tape->nodes[b];
    const double p = exponent->value;
    if (exponent->op != SBI_NODE_CONSTANT || p != floor(p) || fabs(p) > 1e6)
        return sbi_tape_exp(tape, sbi_tape_mul(tape, b, sbi_tape_log(tape, a)));
    if (p == 2.0) return sbi_tape_square(tape, a);
    if (p == 1.0) return a;
    if (p == 0.0) { /* 1 whatever a is; event-wise where a is */
        sbi_var one = sbi_tape_constant(tape, 1.0), zero = sbi_tape_constant(tape, 0.0);
        return tape->nodes[a].events < 0 ? one : sbi_tape_add(tape, one, sbi_tape_mul(tape, zero, a));
    }
    return sbi_tape_elementary(tape, SBI_NARROW_POWER, a, -1, (int32_t)p);
}

sbi_var sbi_tape_interp(sbi_tape *tape, sbi_var alpha, double up, double down, int32_t code)
{
    if (!sbi_tape_recording(tape, "sbi_tape_interp") || !sbi_tape_operand(tape, alpha, "sbi_tape_interp"))
        return SBI_VAR_INVALID;
    const int multiplicative = code == SBI_INTERP_CODE1 || code == SBI_INTERP_CODE4;
    sbi_status status = SBI_OK;
    if (!multiplicative && code != SBI_INTERP_CODE0 && code != SBI_INTERP_CODE2 && code != SBI_INTERP_CODE4P)
        status = sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_tape_interp: unknown interpolation code %d", code);
    else if (!isfinite(up) || !isfinite(down) || (multiplicative && (up <= 0.0 || down <= 0.0)))
        status = sbi_fail(SBI_ERR_VALUE, "sbi_tape_interp: up = %g, down = %g must be finite%s", up, down,
                          multiplicative ? " and positive" : "");
    else if (tape->nodes[alpha].events >= 0)
        status = sbi_fail(SBI_ERR_SHAPE, "sbi_tape_interp: alpha is event-wise, must be a scalar");
    if (status == SBI_OK)
        status = sbi_tape_reserve(tape, (void **)&tape->interpolations, &tape->cap_interpolations, tape->n_interpolations,
                                  sizeof *tape->interpolations);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    tape->interpolations[tape->n_interpolations++] = (sbi_interpolation){.up = up, .down = down, .code = code};
    sbi_node node = {.op = SBI_NODE_INTERP, .a = alpha, .b = -1, .events = -1};
    node.stage = tape->nodes[alpha].stage;
    node.active = tape->nodes[alpha].active;
    node.payload = (int32_t)tape->n_interpolations - 1;
    return sbi_tape_append(tape, &node);
}

/* ---- reductions ------------------------------------------------------------------------------------------------ */

static sbi_var reduce(sbi_tape *tape, sbi_var x, sbi_var weights, const char *function)
{
    if (!sbi_tape_recording(tape, function) || !sbi_tape_operand(tape, x, function)) return SBI_VAR_INVALID;
    const sbi_node *v = &tape->nodes[x];
    if (v->events < 0)
        return sbi_tape_failed(tape, sbi_fail(SBI_ERR_SHAPE, "%s: x is a scalar, must be event-wise", function));
    if (weights != -1 && tape->nodes[weights].events != v->events)
        return sbi_tape_failed(
            tape, sbi_fail(SBI_ERR_SHAPE, "%s: weights over event set \"%s\", x over \"%s\"", function,
                           tape->event_sets[tape->nodes[weights].events].name, tape->event_sets[v->events].name));
    sbi_node node = {.op = SBI_NODE_SUM, .a = x, .b = weights, .events = -1, .stage = v->stage + 1, .active = v->active};
    return sbi_tape_append(tape, &node);
}

sbi_var sbi_tape_sum(sbi_tape *tape, sbi_var x) { return reduce(tape, x, -1, "sbi_tape_sum"); }

sbi_var sbi_tape_weighted_sum(sbi_tape *tape, sbi_var weights, sbi_var x)
{
    if (!sbi_tape_recording(tape, "sbi_tape_weighted_sum") || !sbi_tape_operand(tape, weights, "sbi_tape_weighted_sum"))
        return SBI_VAR_INVALID;
    if (tape->nodes[weights].op != SBI_NODE_COLUMN)
        return sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_weighted_sum: weights must be a column"));
    return reduce(tape, x, weights, "sbi_tape_weighted_sum");
}
