/* SPDX-License-Identifier: Apache-2.0 */
#include "model/expression.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Bounds the recursion of the parser, the size of a program, and the length of a number. */
#define DEEPEST 100
#define MOST_STEPS 10000
#define MOST_DIGITS 120
/* Each level of nesting leaves at most three operands waiting: of a sum, a product and a power. */
#define LARGEST_STACK (4 * DEEPEST)

typedef sbi_var (*unary_op)(sbi_tape *, sbi_var);
typedef sbi_var (*binary_op)(sbi_tape *, sbi_var, sbi_var);

typedef enum step_kind { STEP_NUMBER, STEP_PARAMETER, STEP_UNARY, STEP_BINARY } step_kind;

/* The parsed expression is a program for a stack machine. */
typedef struct step {
    step_kind kind;
    double number;
    size_t parameter;
    unary_op unary;
    binary_op binary;
} step;

struct sbi_expression {
    sbi_context *ctx;
    step *steps;
    size_t count, capacity;
};

typedef struct parser {
    const char *text, *p;
    sbi_expression *e;
    sbi_expression_lookup lookup;
    void *user;
    int depth;
    size_t stack;
} parser;

static const struct {
    const char *name;
    unary_op unary;
    binary_op binary;
} functions[] = {{"sqrt", sbi_tape_sqrt, NULL},   {"exp", sbi_tape_exp, NULL},     {"log", sbi_tape_log, NULL},
                 {"log1p", sbi_tape_log1p, NULL}, {"expm1", sbi_tape_expm1, NULL}, {"tanh", sbi_tape_tanh, NULL},
                 {"square", sbi_tape_square, NULL}, {"pow", NULL, sbi_tape_pow}};

static sbi_status parse_sum(parser *s);

static sbi_status wrong(const parser *s, const char *at, const char *what, const char *word, size_t length)
{
    if (length > 64) length = 64;
    return sbi_fail(SBI_ERR_FORMAT, "factor \"%.200s\": column %zu: %s%s%.*s%s", s->text, (size_t)(at - s->text) + 1, what,
                    length ? " \"" : "", (int)length, word, length ? "\"" : "");
}

static void skip_space(parser *s)
{
    while (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r') s->p++;
}

static int accept(parser *s, char c)
{
    skip_space(s);
    if (*s->p != c) return 0;
    s->p++;
    return 1;
}

static sbi_status emit(parser *s, step st)
{
    sbi_expression *e = s->e;
    if (e->count == MOST_STEPS) return wrong(s, s->p, "the expression is too long", "", 0);
    if (e->count == e->capacity) {
        size_t capacity = e->capacity ? 2 * e->capacity : 16;
        step *grown = sbi_realloc_array(e->ctx, e->steps, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        e->steps = grown;
        e->capacity = capacity;
    }
    if (st.kind == STEP_NUMBER || st.kind == STEP_PARAMETER) s->stack++;
    if (st.kind == STEP_BINARY) s->stack--;
    if (s->stack > LARGEST_STACK) return wrong(s, s->p, "nested too deeply", "", 0);
    e->steps[e->count++] = st;
    return SBI_OK;
}

/* The last steps are `n` numbers: the operands of the operation that follows. */
static step *numbers(const parser *s, size_t n)
{
    sbi_expression *e = s->e;
    if (e->count < n) return NULL;
    for (size_t i = e->count - n; i < e->count; i++) {
        if (e->steps[i].kind != STEP_NUMBER) return NULL;
    }
    return &e->steps[e->count - n];
}

/* Signs and quotients of numbers are worked out here, so that -2 and 1/2 are constants to the power operation. */
static sbi_status emit_neg(parser *s)
{
    step *x = numbers(s, 1);
    if (!x) return emit(s, (step){.kind = STEP_UNARY, .unary = sbi_tape_neg});
    x->number = -x->number;
    return SBI_OK;
}

static sbi_status emit_arithmetic(parser *s, char op)
{
    step *x = numbers(s, 2);
    if (x) {
        double a = x[0].number, b = x[1].number;
        double value = op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
        if (isfinite(value)) { /* otherwise the tape says what is wrong when it is evaluated */
            x->number = value;
            s->e->count--;
            s->stack--;
            return SBI_OK;
        }
    }
    binary_op record = op == '+' ? sbi_tape_add : op == '-' ? sbi_tape_sub : op == '*' ? sbi_tape_mul : sbi_tape_div;
    return emit(s, (step){.kind = STEP_BINARY, .binary = record});
}

/* a^0.5 is sqrt(a), which has a value at zero. */
static sbi_status emit_power(parser *s)
{
    step *exponent = numbers(s, 1);
    if (!exponent || exponent->number != 0.5) return emit(s, (step){.kind = STEP_BINARY, .binary = sbi_tape_pow});
    s->e->count--;
    s->stack--;
    return emit(s, (step){.kind = STEP_UNARY, .unary = sbi_tape_sqrt});
}

/* Digits, a point, an exponent; no sign, no "nan", no "0x1". The C locale, since the host's may have a decimal comma. */
static sbi_status parse_number(parser *s)
{
    const char *start = s->p;
    int digits = 0;
    for (; isdigit((unsigned char)*s->p); s->p++) digits++;
    if (*s->p == '.') {
        for (s->p++; isdigit((unsigned char)*s->p); s->p++) digits++;
    }
    if (!digits) return wrong(s, start, "a number was expected", "", 0);
    if (*s->p == 'e' || *s->p == 'E') {
        s->p++;
        if (*s->p == '+' || *s->p == '-') s->p++;
        if (!isdigit((unsigned char)*s->p)) return wrong(s, s->p, "an exponent was expected", "", 0);
        while (isdigit((unsigned char)*s->p)) s->p++;
    }
    size_t length = (size_t)(s->p - start);
    char word[MOST_DIGITS + 1];
    if (length > MOST_DIGITS) return wrong(s, start, "the number is too long:", start, length);
    memcpy(word, start, length);
    word[length] = '\0';
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c) return sbi_fail(SBI_ERR_NO_MEMORY, "factor \"%.200s\": no memory for the C locale", s->text);
    double value = strtod_l(word, NULL, c);
    freelocale(c);
    if (!isfinite(value)) return wrong(s, start, "the number is too large:", start, length);
    return emit(s, (step){.kind = STEP_NUMBER, .number = value});
}

static sbi_status parse_call(parser *s, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strlen(functions[i].name) != length || memcmp(functions[i].name, name, length) != 0) continue;
        SBI_TRY(parse_sum(s));
        if (functions[i].binary) {
            if (!accept(s, ',')) return wrong(s, s->p, "a second argument was expected for", name, length);
            SBI_TRY(parse_sum(s));
        }
        if (!accept(s, ')')) return wrong(s, s->p, "\")\" was expected", "", 0);
        if (functions[i].binary) return emit_power(s); /* pow, the only one of two arguments */
        return emit(s, (step){.kind = STEP_UNARY, .unary = functions[i].unary});
    }
    return wrong(s, name, "unknown function", name, length);
}

static sbi_status parse_atom(parser *s)
{
    skip_space(s);
    if (accept(s, '(')) {
        SBI_TRY(parse_sum(s));
        return accept(s, ')') ? SBI_OK : wrong(s, s->p, "\")\" was expected", "", 0);
    }
    if (isdigit((unsigned char)*s->p) || *s->p == '.') return parse_number(s);
    const char *name = s->p;
    if (!isalpha((unsigned char)*s->p) && *s->p != '_')
        return *s->p ? wrong(s, s->p, "unexpected", s->p, 1) : wrong(s, s->p, "the expression ends early", "", 0);
    while (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '.') s->p++;
    size_t length = (size_t)(s->p - name);
    if (accept(s, '(')) return parse_call(s, name, length);
    int64_t index = s->lookup(s->user, name, length);
    if (index < 0) return wrong(s, name, "unknown parameter", name, length);
    return emit(s, (step){.kind = STEP_PARAMETER, .parameter = (size_t)index});
}

static sbi_status parse_unary(parser *s)
{
    if (++s->depth > DEEPEST) return wrong(s, s->p, "nested too deeply", "", 0);
    int negative = 0;
    for (;;) {
        if (accept(s, '-'))
            negative = !negative;
        else if (!accept(s, '+'))
            break;
    }
    SBI_TRY(parse_atom(s));
    skip_space(s);
    if (*s->p == '^' || (s->p[0] == '*' && s->p[1] == '*')) {
        s->p += *s->p == '^' ? 1 : 2;
        SBI_TRY(parse_unary(s));
        SBI_TRY(emit_power(s));
    }
    if (negative) SBI_TRY(emit_neg(s));
    s->depth--;
    return SBI_OK;
}

static sbi_status parse_product(parser *s)
{
    SBI_TRY(parse_unary(s));
    for (;;) {
        skip_space(s);
        char op = *s->p;
        if ((op != '*' || s->p[1] == '*') && op != '/') return SBI_OK;
        s->p++;
        SBI_TRY(parse_unary(s));
        SBI_TRY(emit_arithmetic(s, op));
    }
}

static sbi_status parse_sum(parser *s)
{
    if (++s->depth > DEEPEST) return wrong(s, s->p, "nested too deeply", "", 0);
    SBI_TRY(parse_product(s));
    for (;;) {
        char op = accept(s, '+') ? '+' : accept(s, '-') ? '-' : '\0';
        if (!op) break;
        SBI_TRY(parse_product(s));
        SBI_TRY(emit_arithmetic(s, op));
    }
    s->depth--;
    return SBI_OK;
}

sbi_status sbi_expression_parse(sbi_expression **out, sbi_context *ctx, const char *text, sbi_expression_lookup lookup,
                                void *user)
{
    *out = NULL;
    sbi_expression *e = sbi_alloc_zero(ctx, 1, sizeof *e);
    if (!e) return SBI_ERR_NO_MEMORY;
    e->ctx = ctx;
    parser s = {.text = text, .p = text, .e = e, .lookup = lookup, .user = user};
    sbi_status status = parse_sum(&s);
    skip_space(&s);
    if (status == SBI_OK && *s.p) status = wrong(&s, s.p, "unexpected", s.p, 1);
    if (status != SBI_OK) {
        sbi_expression_destroy(e);
        return status;
    }
    *out = e;
    return SBI_OK;
}

void sbi_expression_destroy(sbi_expression *e)
{
    if (!e) return;
    sbi_free(e->ctx, e->steps);
    sbi_free(e->ctx, e);
}

sbi_var sbi_expression_record(const sbi_expression *e, sbi_tape *tape, const sbi_var *params)
{
    sbi_var stack[LARGEST_STACK];
    size_t n = 0;
    for (size_t i = 0; i < e->count; i++) {
        const step *s = &e->steps[i];
        switch (s->kind) {
        case STEP_NUMBER: stack[n++] = sbi_tape_constant(tape, s->number); break;
        case STEP_PARAMETER: stack[n++] = params[s->parameter]; break;
        case STEP_UNARY: stack[n - 1] = s->unary(tape, stack[n - 1]); break;
        case STEP_BINARY:
            n--;
            stack[n - 1] = s->binary(tape, stack[n - 1], stack[n]);
            break;
        }
    }
    return stack[0];
}

int sbi_expression_uses(const sbi_expression *e, size_t parameter)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->steps[i].kind == STEP_PARAMETER && e->steps[i].parameter == parameter) return 1;
    }
    return 0;
}
