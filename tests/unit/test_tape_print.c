/* SPDX-License-Identifier: Apache-2.0 */
/* The tape as text and as a Graphviz graph: every kind of node, stages, wide nodes, names that need escapes; the graph is read back by
 * a parser of the part of the language that is used. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "sbi/tape.h"

enum { EVENTS = 5, MANY = 30 };

static double data[EVENTS] = {1, 2, 3, 4, 5};

static sbi_status product(const double *x, size_t n, double *value, double *gradient, double *hessian, void *user)
{
    (void)x, (void)n, (void)gradient, (void)hessian, (void)user;
    *value = 1.0;
    return SBI_OK;
}
static sbi_status same(const double *x, size_t n, double *f, double *f1, double *f2, void *user)
{
    (void)x, (void)n, (void)f, (void)f1, (void)f2, (void)user;
    return SBI_OK;
}

/* Two stages, two event sets, every kind of node; returns the output. */
static sbi_var record(sbi_tape *t)
{
    const sbi_array view = sbi_array_1d(data, SBI_F64, EVENTS);
    sbi_events events = sbi_tape_events(t, "the \"data\"\\", EVENTS), other = sbi_tape_events(t, "control\nregion", EVENTS);
    sbi_var mu = sbi_tape_param(t, "mu \"tilde\" \\ \x01"), many[MANY];
    sbi_array columns[MANY];
    for (int k = 0; k < MANY; k++) {
        char name[24];
        snprintf(name, sizeof name, "alpha_%d", k);
        many[k] = sbi_tape_param(t, name);
        columns[k] = view;
    }
    sbi_var ratio = sbi_tape_column(t, events, &view, "r[S]"), weight = sbi_tape_column(t, events, &view, "w");
    sbi_var wide = sbi_tape_morph(t, events, many, MANY, columns, columns, SBI_INTERP_CODE4, SBI_MORPH_LOG);
    sbi_var few = sbi_tape_morph(t, events, many, 2, columns, columns, SBI_INTERP_CODE4P, SBI_MORPH_RATIO);
    const sbi_var pair[2] = {ratio, weight};
    sbi_var dot = sbi_tape_dot(t, many, pair, 2);
    sbi_var s = sbi_tape_mul(t, ratio, sbi_tape_mul(t, wide, sbi_tape_add(t, few, dot)));
    sbi_var z = sbi_tape_sum(t, sbi_tape_mul(t, few, sbi_tape_constant(t, 0.25)));
    sbi_tape_map_function map = SBI_TAPE_MAP_FUNCTION_INIT;
    map.name = "my \"map\"";
    map.evaluate = same;
    sbi_var nll = sbi_tape_weighted_sum(t, weight, sbi_tape_log(t, sbi_tape_map(t, &map, sbi_tape_div(t, s, z))));
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    f.name = "binned";
    f.evaluate = product;
    const sbi_var x[3] = {mu, sbi_tape_interp(t, mu, 1.1, 0.9, SBI_INTERP_CODE1), nll};
    nll = sbi_tape_add(t, sbi_tape_apply(t, &f, x, 3), sbi_tape_pow(t, mu, sbi_tape_constant(t, 3)));
    sbi_var control = sbi_tape_sum(t, sbi_tape_poisson(t, sbi_tape_mul(t, mu, sbi_tape_column(t, other, &view, "rate")), sbi_tape_constant(t, 3), 1));
    return sbi_tape_sub(t, nll, control);
}

/* ---- a reader of graphs ---------------------------------------------------------------------------------------- */

typedef struct reader {
    const char *at;
    char word[4096]; /* the last token: an identifier, a number, the content of a string, or one of { } [ ] = ; or "->" */
    int quoted;
} reader;

static void next(reader *r)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
    size_t n = 0;
    r->quoted = *r->at == '"';
    if (r->quoted) {
        for (r->at++; *r->at != '"'; r->at++) {
            ck_assert_msg((unsigned char)*r->at >= ' ', "a string with a control character or without an end");
            if (*r->at == '\\') r->word[n++] = *r->at++;
            r->word[n++] = *r->at;
            ck_assert_uint_lt(n, sizeof r->word - 2);
        }
        r->at++;
    } else if (strncmp(r->at, "->", 2) == 0) {
        r->word[n++] = *r->at++;
        r->word[n++] = *r->at++;
    } else if (isalnum((unsigned char)*r->at) || *r->at == '_') {
        while (isalnum((unsigned char)*r->at) || *r->at == '_')
            r->word[n++] = *r->at++;
    } else if (*r->at) {
        ck_assert_msg(strchr("{}[]=;", *r->at) != NULL, "unexpected: %.20s", r->at);
        r->word[n++] = *r->at++;
    }
    r->word[n] = '\0';
}

static int is(const reader *r, const char *word) { return !r->quoted && strcmp(r->word, word) == 0; }
static void expect(reader *r, const char *word)
{
    ck_assert_msg(is(r, word), "%s expected, found %s", word, r->word);
    next(r);
}

static void attributes(reader *r)
{
    if (!is(r, "[")) return;
    for (next(r); !is(r, "]"); ) {
        ck_assert(isalpha((unsigned char)r->word[0]));
        next(r);
        expect(r, "=");
        next(r);
    }
    next(r);
}

typedef struct counts {
    int nodes, edges, frames;
    char declared[200], used[200]; /* nodes nI */
} counts;

static void statements(reader *r, counts *c, int depth)
{
    while (!is(r, "}")) {
        char first[64];
        ck_assert_msg(!r->quoted && isalpha((unsigned char)r->word[0]), "a statement begins with %s", r->word);
        snprintf(first, sizeof first, "%.63s", r->word);
        next(r);
        if (strcmp(first, "subgraph") == 0) {
            ck_assert_int_eq(depth, 0);
            c->frames++;
            next(r);
            expect(r, "{");
            statements(r, c, 1);
            expect(r, "}");
            continue;
        }
        if (is(r, "=")) {
            next(r);
            next(r);
        } else if (is(r, "->")) {
            next(r);
            c->edges++;
            if (first[0] == 'n') c->used[atoi(first + 1)] = 1;
            c->used[atoi(r->word + 1)] = 1;
            next(r);
            attributes(r);
        } else {
            if (strcmp(first, "node") != 0) c->nodes++;
            if (first[0] == 'n' && isdigit((unsigned char)first[1])) c->declared[atoi(first + 1)]++;
            attributes(r);
        }
        expect(r, ";");
    }
}

START_TEST(graph)
{
    sbi_context *ctx;
    sbi_tape *t;
    char *text;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    sbi_var output = record(t);
    ck_assert_int_eq(sbi_tape_print_graph(t, &text), SBI_OK); /* before the seal as well */
    ck_assert_ptr_null(strstr(text, "peripheries"));
    sbi_tape_print_free(t, text);
    ck_assert_msg(sbi_tape_seal(t, output) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_print_graph(t, &text), SBI_OK);
    reader r = {.at = text};
    counts c = {0};
    next(&r);
    expect(&r, "digraph");
    expect(&r, "tape");
    expect(&r, "{");
    statements(&r, &c, 0);
    expect(&r, "}");
    ck_assert_str_eq(r.word, "");
    int alone = 0;
    for (int v = 0; v <= output; v++) {
        ck_assert_int_eq(c.declared[v], c.used[v]);
        alone += !c.used[v];
    }
    ck_assert_int_eq(alone, MANY - 2 + 1); /* parameters that only the note names, and the exponent, which is part of its power */
    ck_assert_int_eq(c.nodes, output + 1 - alone + 1); /* and the note */
    ck_assert_int_eq(c.frames, 6); /* scalars of stages 0, 1, 2; data in stage 0 and 1; control in stage 0 */
    static const char *const parts[] = {
        "label=\"mu \\\"tilde\\\" \\\\  \"", "label=\"morph, code 4\\n30 scalars, 60 columns (logarithms)\"",
        "label=\"morph, code 4p\\n2 scalars, 4 columns (ratios)\"", "label=\"dot product\\n2 scalars, 2 columns\"",
        "label=\"pass to stage 1: the \\\"data\\\"\\\\, 5 events\"", "label=\"pass to stage 1: control region, 5 events\"",
        "label=\"pass to stage 2: the \\\"data\\\"\\\\, 5 events\"", "label=\"stage 2\"", "and 18 more\\l", "label=\"my \\\"map\\\"\"",
        "label=\"binned\\nof 3 scalars\"", "label=\"power 3\"", "label=\"interp, code 1\\nup 1.1, down 0.9\"", "label=\"poisson\"",
        "[style=dashed label=weight]", "label=\"-\" peripheries=2"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "%s is not in\n%s", parts[i], text);
    sbi_tape_print_free(t, text);
    ck_assert_int_eq(sbi_tape_print_graph(t, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_print_graph(NULL, &text), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(text);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(lines)
{
    sbi_context *ctx;
    sbi_tape *t;
    char *text;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    sbi_var output = record(t);
    ck_assert_int_eq(sbi_tape_print(t, &text), SBI_OK);
    int n = 0;
    for (const char *c = text; *c; c++)
        n += *c == '\n';
    ck_assert_int_eq(n, output + 1 + 2 + 1); /* nodes, event sets, totals: a name does not break a line */
    static const char *const parts[] = {"events control region: 5\n", "= param mu \"tilde\" \\  \n", "= morph code 4 log (%1 %2 ",
                                        "= morph code 4p ratio (%1 %2)", "= dot %1 * r[S] + %2 * w  [", "= map my \"map\" %",
                                        "= apply binned (%0 %", "= power %0 exponent 3\n", "= interp code 1 up 1.1", " weighted by %"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "%s is not in\n%s", parts[i], text);
    sbi_tape_print_free(t, text);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status everything(sbi_context *c, void *arg)
{
    (void)arg;
    sbi_tape *t = NULL;
    char *text = NULL, *picture = NULL;
    sbi_status status = sbi_tape_create(&t, c);
    if (status == SBI_OK) status = sbi_tape_seal(t, record(t));
    if (status == SBI_OK) status = sbi_tape_print(t, &text);
    if (status == SBI_OK) status = sbi_tape_print_graph(t, &picture);
    sbi_tape_print_free(t, text);
    sbi_tape_print_free(t, picture);
    sbi_tape_destroy(t);
    return status;
}

START_TEST(memory_runs_out) { ck_assert_int_gt(torture_allocations(everything, NULL, 1, _i).requests, 50); }
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_print");
    TCase *cases = tcase_create("print");
    tcase_add_test(cases, graph);
    tcase_add_test(cases, lines);
    tcase_add_loop_test(cases, memory_runs_out, 0, 2);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
