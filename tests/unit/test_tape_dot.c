/* SPDX-License-Identifier: Apache-2.0 */
/* Dot products of scalars with columns against the same sums recorded term by term: beside morphs that share their parameters, beside
 * the parameters themselves, in several stages, with masked events, for every instruction set; their errors; memory. */
#include <math.h>

#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

enum { EVENTS = 2500, TERMS = 21, PARAMS = TERMS + 1 };

static double columns[TERMS][EVENTS], weight[EVENTS];
static float narrow[EVENTS];

static void fill(void)
{
    uint64_t s = 7;
    for (int i = 0; i < EVENTS; i++) {
        for (int k = 0; k < TERMS; k++)
            columns[k][i] = (k % 3 ? 0.2 : 0.05) * (mix_uniform(&s) - 0.4);
        if (i == 17)
            for (int k = 0; k < TERMS; k++)
                columns[k][i] = 0.0; /* a dot product that is zero */
        narrow[i] = (float)mix_uniform(&s);
        weight[i] = i % 11 == 4 ? 0.0 : 0.5 + mix_uniform(&s);
    }
}

static sbi_var dot(sbi_tape *t, const sbi_var *x, const sbi_var *c, size_t n, int wide)
{
    if (wide) return sbi_tape_dot(t, x, c, n);
    sbi_var sum = sbi_tape_mul(t, x[0], c[0]);
    for (size_t k = 1; k < n; k++)
        sum = sbi_tape_add(t, sum, sbi_tape_mul(t, x[k], c[k]));
    return sum;
}

/* kind 0: sum of squares; 1: -sum w ln(f g + dot + dot'), with a morph over some of the same parameters, one of them used alone too;
 * 2: normalised by an exponential of a dot over its own sum: two stages, operands that are functions of parameters; 3: one term. */
static sbi_var record(sbi_tape *t, int kind, int wide)
{
    sbi_var p[PARAMS], c[TERMS];
    char name[16];
    sbi_events events = sbi_tape_events(t, "data", EVENTS);
    for (int k = 0; k < PARAMS; k++) {
        snprintf(name, sizeof name, "p%d", k);
        p[k] = sbi_tape_param(t, name);
    }
    for (int k = 0; k < TERMS; k++) {
        const sbi_array view = k == 2 ? sbi_array_1d(narrow, SBI_F32, EVENTS) : sbi_array_1d(columns[k], SBI_F64, EVENTS);
        snprintf(name, sizeof name, "c%d", k);
        c[k] = sbi_tape_column(t, events, &view, name);
    }
    const sbi_array wv = sbi_array_1d(weight, SBI_F64, EVENTS);
    sbi_var w = sbi_tape_column(t, events, &wv, "w");
    if (kind == 0) return sbi_tape_sum(t, sbi_tape_square(t, dot(t, p, c, TERMS, wide)));
    if (kind == 3) return sbi_tape_weighted_sum(t, w, sbi_tape_exp(t, dot(t, p + 3, c + 3, 1, wide)));
    if (kind == 1) {
        sbi_array up[3], down[3];
        for (int k = 0; k < 3; k++) {
            up[k] = sbi_array_1d(columns[3 + k], SBI_F64, EVENTS);
            down[k] = sbi_array_1d(columns[6 + k], SBI_F64, EVENTS);
        }
        sbi_var g = sbi_tape_morph(t, events, p + 1, 3, up, down, SBI_INTERP_CODE4, SBI_MORPH_LOG);
        sbi_var few = dot(t, p + 2, c, 4, wide), all = dot(t, p, c, TERMS, wide);
        sbi_var lambda = sbi_tape_add(t, sbi_tape_mul(t, sbi_tape_exp(t, p[TERMS]), g), sbi_tape_mul(t, p[2], few));
        lambda = sbi_tape_add(t, lambda, sbi_tape_softplus(t, all));
        return sbi_tape_neg(t, sbi_tape_weighted_sum(t, w, sbi_tape_log(t, lambda)));
    }
    sbi_var x[6], constants[2] = {sbi_tape_constant(t, 0.5), sbi_tape_constant(t, -1.5)};
    for (int k = 0; k < 6; k++)
        x[k] = sbi_tape_mul(t, p[k], p[k + 1]);
    sbi_var s = sbi_tape_exp(t, dot(t, x, c, 6, wide));
    sbi_var z = sbi_tape_sum(t, s);
    sbi_var y[2] = {sbi_tape_div(t, sbi_tape_constant(t, 1000), z), p[9]};
    sbi_var shifted = sbi_tape_add(t, dot(t, y, c + 1, 2, wide), dot(t, constants, c + 4, 2, wide));
    return sbi_tape_weighted_sum(t, w, sbi_tape_mul(t, s, sbi_tape_tanh(t, shifted)));
}

START_TEST(like_separate_terms)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    const int kind = _i / SBI_ISA_COUNT;
    if (!kernels) return;
    fill();
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    static double H[2][PARAMS * PARAMS], HV[2][3 * PARAMS], V[3 * PARAMS];
    double theta[PARAMS], value[2], alone[2], g[2][PARAMS], scale[2] = {0, 0};
    uint64_t s = 5;
    for (int i = 0; i < PARAMS; i++)
        theta[i] = 2.4 * (mix_uniform(&s) - 0.5);
    for (int i = 0; i < 3 * PARAMS; i++)
        V[i] = mix_uniform(&s) - 0.5;
    for (int wide = 0; wide < 2; wide++) {
        sbi_tape *t;
        sbi_tape_work *work;
        ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
        ck_assert_msg(sbi_tape_seal(t, record(t, kind, wide)) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
        sbi_tape_work_set_kernels(work, kernels);
        ck_assert_msg(sbi_tape_hessian(work, theta, &value[wide], g[wide], H[wide]) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 3, HV[wide]), SBI_OK);
        ck_assert_int_eq(sbi_tape_eval(work, theta, &alone[wide], NULL), SBI_OK);
        ck_assert_mem_eq(&alone[wide], &value[wide], sizeof(double));
        double rows[3 * PARAMS];
        for (size_t i = 0; i < PARAMS; i++) {
            const size_t n = i + 3 <= PARAMS ? 3 : PARAMS - i;
            ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, i, 1, rows), SBI_OK);
            ck_assert_mem_eq(rows, H[wide] + PARAMS * i, PARAMS * sizeof *rows);
            ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, i, n, rows), SBI_OK);
            ck_assert_mem_eq(rows, H[wide] + PARAMS * i, n * PARAMS * sizeof *rows);
        }
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(t);
    }
    for (int i = 0; i < PARAMS; i++)
        scale[0] = fmax(scale[0], fabs(g[0][i]));
    for (int i = 0; i < PARAMS * PARAMS; i++)
        scale[1] = fmax(scale[1], fabs(H[0][i]));
    ck_assert_double_gt(scale[1], 0.1);
    ck_assert_double_eq_tol(value[1], value[0], 1e-12 * fabs(value[0]));
    for (int i = 0; i < PARAMS; i++)
        ck_assert_double_eq_tol(g[1][i], g[0][i], 1e-12 * scale[0]);
    for (int i = 0; i < PARAMS * PARAMS; i++)
        ck_assert_double_eq_tol(H[1][i], H[0][i], 1e-12 * scale[1]);
    for (int i = 0; i < 3 * PARAMS; i++)
        ck_assert_double_eq_tol(HV[1][i], HV[0][i], 1e-11 * scale[1]);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status read_column(void *self, int64_t first, int64_t count, void *out)
{
    memcpy(out, (const double *)self + first, (size_t)count * sizeof(double));
    return SBI_OK;
}

/* Columns read block by block, some of which nothing but the dot product uses: the bits of columns in memory. */
START_TEST(streamed_columns)
{
    fill();
    sbi_context *ctx;
    double value[2], g[2][8], H[2][64];
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    for (int streamed = 0; streamed < 2; streamed++) {
        sbi_tape *t;
        sbi_tape_work *work;
        ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
        sbi_events events = sbi_tape_events(t, "data", EVENTS);
        sbi_var p[8], c[8];
        double theta[8];
        for (int k = 0; k < 8; k++) {
            char name[16];
            snprintf(name, sizeof name, "p%d", k);
            p[k] = sbi_tape_param(t, name);
            theta[k] = 0.2 * k - 0.5;
            const sbi_array view = sbi_array_1d(columns[k], SBI_F64, EVENTS);
            sbi_column_source source = SBI_COLUMN_SOURCE_INIT;
            source.dtype = SBI_F64;
            source.n_columns = 1;
            source.self = columns[k];
            source.read = read_column;
            c[k] = streamed && k % 2 ? sbi_tape_column_source(t, events, &source, name) : sbi_tape_column(t, events, &view, name);
        }
        sbi_var x = sbi_tape_mul(t, sbi_tape_exp(t, sbi_tape_dot(t, p, c, 8)), c[3]);
        ck_assert_msg(sbi_tape_seal(t, sbi_tape_sum(t, x)) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value[streamed], g[streamed], H[streamed]), SBI_OK);
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(t);
    }
    ck_assert_mem_eq(&value[0], &value[1], sizeof *value);
    ck_assert_mem_eq(g[0], g[1], sizeof *g);
    ck_assert_mem_eq(H[0], H[1], sizeof *H);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(bad_recording)
{
    fill();
    sbi_context *ctx;
    sbi_tape *t;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    sbi_events events = sbi_tape_events(t, "data", EVENTS), few = sbi_tape_events(t, "few", 10);
    const sbi_array view = sbi_array_1d(columns[0], SBI_F64, EVENTS), ten = sbi_array_1d(columns[0], SBI_F64, 10);
    sbi_var p = sbi_tape_param(t, "p"), q = sbi_tape_param(t, "q"), c = sbi_tape_column(t, events, &view, "c");
    sbi_var d = sbi_tape_column(t, few, &ten, "d"), x[2] = {p, q}, columns_of[2] = {c, c};
    const char *text = "";
    size_t n = 2;
    sbi_status status = SBI_ERR_ARGUMENT;
    switch (_i) {
    case 0: x[1] = p; text = "x[1] (p) appears twice"; break;
    case 1: x[1] = c; text = "x[1] is event-wise"; status = SBI_ERR_SHAPE; break;
    case 2: x[0] = -5; text = "x[0] = -5 is not a node"; break;
    case 3: columns_of[1] = p; text = "columns[1] = 0 is not a column"; break;
    case 4: columns_of[1] = d; text = "columns[1] over event set \"few\", columns[0] over \"data\""; status = SBI_ERR_SHAPE; break;
    case 5: n = 0; text = "n is 0"; break;
    default: columns_of[1] = 99; text = "columns[1] = 99"; break;
    }
    ck_assert_int_eq(sbi_tape_dot(t, x, columns_of, n), SBI_VAR_INVALID);
    ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_status(t), status);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(printed)
{
    fill();
    sbi_context *ctx;
    sbi_tape *t;
    char *text;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    record(t, 2, 1);
    ck_assert_int_eq(sbi_tape_print(t, &text), SBI_OK);
    ck_assert_msg(strstr(text, " * c1 + %9 * c2  [data]") != NULL, "%s", text);
    sbi_tape_print_free(t, text);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status everything(sbi_context *c, void *arg)
{
    (void)arg;
    sbi_tape *t = NULL;
    sbi_tape_work *w = NULL;
    static double theta[PARAMS], g[PARAMS], H[PARAMS * PARAMS], value;
    sbi_status status = sbi_tape_create(&t, c);
    if (status == SBI_OK) status = sbi_tape_seal(t, record(t, 1, 1));
    if (status == SBI_OK) status = sbi_tape_work_create(&w, t);
    if (status == SBI_OK) status = sbi_tape_hvp(w, theta, theta, 1, H);
    if (status == SBI_OK) status = sbi_tape_hessian(w, theta, &value, g, H);
    sbi_tape_work_destroy(w);
    sbi_tape_destroy(t);
    return status;
}

START_TEST(memory_runs_out)
{
    fill();
    ck_assert_int_gt(torture_allocations(everything, NULL, 1, _i).requests, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_dot");
    TCase *cases = tcase_create("dot");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, like_separate_terms, 0, 4 * SBI_ISA_COUNT);
    tcase_add_test(cases, streamed_columns);
    tcase_add_loop_test(cases, bad_recording, 0, 7);
    tcase_add_test(cases, printed);
    tcase_add_loop_test(cases, memory_runs_out, 0, 2);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
