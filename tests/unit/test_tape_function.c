/* SPDX-License-Identifier: Apache-2.0 */
/* Registered functions: of several scalars against the same expression recorded from elementary operations, of one number event by
 * event for every instruction set; their failures, domains, ownership, and every allocation failing in turn. */
#include <math.h>

#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "the message is: %s", sbi_last_error())

static sbi_context *ctx;
static sbi_tape *tape;
static int destroyed;

static void setup(void)
{
    destroyed = 0;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
}
static void teardown(void)
{
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}
static void count_destroyed(void *user) { ++*(int *)user; }

/* f = sum_k (x_k - n_k ln x_k) + x_0 x_{n-1}, n_k = k + 1, ln of what is not positive: outside. */
static sbi_status bins(const double *x, size_t n, double *value, double *gradient, double *hessian, void *user)
{
    (void)user;
    double sum = 0.0;
    for (size_t k = 0; k < n; k++)
        sum += x[k] > 0.0 ? x[k] - (double)(k + 1) * log(x[k]) : INFINITY;
    *value = sum + x[0] * x[n - 1];
    if (gradient) {
        for (size_t k = 0; k < n; k++)
            gradient[k] = 1.0 - (double)(k + 1) / x[k];
        gradient[0] += x[n - 1];
        gradient[n - 1] += x[0];
    }
    if (!hessian) return SBI_OK;
    ck_assert_ptr_nonnull(gradient);
    for (size_t i = 0; i < n * n; i++)
        hessian[i] = i / n > i % n ? 1e9 : 0.0; /* the lower triangle does not count */
    for (size_t k = 0; k < n; k++)
        hessian[k * n + k] = (double)(k + 1) / (x[k] * x[k]);
    hessian[n - 1] += n == 1 ? 2.0 : 1.0;
    return SBI_OK;
}

static sbi_var recorded_bins(sbi_tape *t, const sbi_var *x, size_t n)
{
    sbi_var sum = sbi_tape_mul(t, x[0], x[n - 1]);
    for (size_t k = 0; k < n; k++)
        sum = sbi_tape_add(t, sum, sbi_tape_sub(t, x[k], sbi_tape_mul(t, sbi_tape_constant(t, (double)(k + 1)), sbi_tape_log(t, x[k]))));
    return sum;
}

enum { EVENTS = 3000, BINS = 7 };
static double column[EVENTS], weight[EVENTS];

static sbi_var apply_bins(sbi_tape *t, const sbi_var *x, size_t n, int registered)
{
    if (!registered) return recorded_bins(t, x, n);
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    f.name = "bins";
    f.evaluate = bins;
    f.destroy = count_destroyed;
    f.user = &destroyed;
    return sbi_tape_apply(t, &f, x, n);
}

/* Four parameters. The function's operands: parameters, a repeated one, a constant, functions of several, and a reduction (so it is of
 * stage 1); its value enters an event-wise expression of stage 2 and another application. */
static sbi_var record_stages(sbi_tape *t, int registered)
{
    const char *const names[4] = {"mu", "a", "b", "c"};
    sbi_var p[4];
    for (int i = 0; i < 4; i++)
        p[i] = sbi_tape_param(t, names[i]);
    for (int i = 0; i < EVENTS; i++) {
        column[i] = 0.5 + 0.0003 * i;
        weight[i] = i % 5 ? 1e-3 : 0.0;
    }
    const sbi_array cv = sbi_array_1d(column, SBI_F64, EVENTS), wv = sbi_array_1d(weight, SBI_F64, EVENTS);
    sbi_events events = sbi_tape_events(t, "data", EVENTS);
    sbi_var c = sbi_tape_column(t, events, &cv, "c"), w = sbi_tape_column(t, events, &wv, "w");
    sbi_var reduction = sbi_tape_weighted_sum(t, w, sbi_tape_exp(t, sbi_tape_mul(t, c, p[1])));
    const sbi_var x[BINS] = {p[0], sbi_tape_mul(t, p[0], p[1]), reduction, sbi_tape_constant(t, 2.5), p[3], p[3],
                             sbi_tape_exp(t, sbi_tape_sub(t, p[2], p[3]))};
    sbi_var f = apply_bins(t, x, BINS, registered);
    sbi_var again = sbi_tape_weighted_sum(t, w, sbi_tape_log(t, sbi_tape_add(t, sbi_tape_mul(t, c, sbi_tape_square(t, f)), p[2])));
    const sbi_var y[2] = {sbi_tape_square(t, f), again};
    return sbi_tape_add(t, apply_bins(t, y, 2, registered), sbi_tape_mul(t, again, p[0]));
}

START_TEST(like_elementary_operations)
{
    sbi_tape *plain;
    sbi_tape_work *work, *want;
    ck_assert_int_eq(sbi_tape_create(&plain, ctx), SBI_OK);
    ck_assert_msg(sbi_tape_seal(tape, record_stages(tape, 1)) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_seal(plain, record_stages(plain, 0)), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&want, plain), SBI_OK);
    for (int at = 0; at < 3; at++) {
        const double theta[4] = {1.3 + at, 0.4 + 0.2 * at, -0.3 + at, 0.8 - 0.2 * at};
        const double V[12] = {1, 0, 0, 0, 0.3, -2, 1, 0.5, 0, 0, 0, 1};
        double value[2], g[2][4], H[2][16], HV[2][12], row[4], alone, first[4];
        ck_assert_msg(sbi_tape_hessian(work, theta, &value[0], g[0], H[0]) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_hessian(want, theta, &value[1], g[1], H[1]), SBI_OK);
        ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 3, HV[0]), SBI_OK);
        ck_assert_int_eq(sbi_tape_hvp(want, theta, V, 3, HV[1]), SBI_OK);
        ck_assert_int_eq(sbi_tape_eval(work, theta, &alone, first), SBI_OK);
        ck_assert_mem_eq(&alone, &value[0], sizeof alone);
        ck_assert_mem_eq(first, g[0], sizeof first);
        ck_assert_double_eq_tol(value[0], value[1], 1e-13 * fabs(value[1]));
        double scale = 0.0;
        for (int i = 0; i < 16; i++)
            scale = fmax(scale, fabs(H[1][i]));
        for (int i = 0; i < 4; i++) {
            ck_assert_double_eq_tol(g[0][i], g[1][i], 1e-13 * scale);
            ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, (size_t)i, 1, row), SBI_OK);
            ck_assert_mem_eq(row, H[0] + 4 * i, sizeof row);
            for (int k = 0; k < 4; k++)
                ck_assert_mem_eq(&H[0][4 * i + k], &H[0][4 * k + i], sizeof(double));
        }
        for (int i = 0; i < 16; i++)
            ck_assert_double_eq_tol(H[0][i], H[1][i], 1e-13 * scale);
        for (int i = 0; i < 12; i++)
            ck_assert_double_eq_tol(HV[0][i], HV[1][i], 1e-12 * scale);
        double two[8];
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, 1, 2, two), SBI_OK);
        ck_assert_mem_eq(two, H[0] + 4, sizeof two);
    }
    char *text;
    ck_assert_int_eq(sbi_tape_print(tape, &text), SBI_OK);
    ck_assert_ptr_nonnull(strstr(text, "apply bins (%0 "));
    sbi_tape_print_free(tape, text);
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(want);
    sbi_tape_destroy(plain);
    ck_assert_int_eq(destroyed, 0);
    sbi_tape_destroy(tape);
    ck_assert_int_eq(destroyed, 2);
    tape = NULL;
}
END_TEST

/* ---- what may go wrong ----------------------------------------------------------------------------------------- */

typedef struct misbehaviour {
    double value, g, h;
    sbi_status status;
    const char *message;
} misbehaviour;

static sbi_status misbehave(const double *x, size_t n, double *value, double *gradient, double *hessian, void *user)
{
    const misbehaviour *m = user;
    (void)x;
    if (m->message) sbi_error_set_message(m->message);
    *value = m->value;
    for (size_t i = 0; gradient && i < n; i++)
        gradient[i] = i == 1 ? m->g : 1.0;
    for (size_t i = 0; hessian && i < n * n; i++)
        hessian[i] = i == 1 ? m->h : 1.0;
    return m->status;
}

START_TEST(failures)
{
    static const struct {
        misbehaviour m;
        sbi_status status[3]; /* of value, gradient, Hessian */
        const char *text;
    } cases[] = {
        {{1, 1, 1, SBI_ERR_IO, "disk on fire"}, {SBI_ERR_IO, SBI_ERR_IO, SBI_ERR_IO}, "node 2 (apply odd of p, q): disk on fire"},
        {{1, 1, 1, SBI_ERR_STATE, NULL}, {SBI_ERR_STATE, SBI_ERR_STATE, SBI_ERR_STATE}, "(apply odd of p, q): the function returned -10"},
        {{1, 1, 1, 17, NULL}, {SBI_ERR_CALLBACK, SBI_ERR_CALLBACK, SBI_ERR_CALLBACK}, "the function returned 17"},
        {{NAN, 1, 1, SBI_OK, NULL}, {SBI_ERR_DOMAIN, SBI_ERR_DOMAIN, SBI_ERR_DOMAIN}, "(apply odd of p, q): the value is nan"},
        {{-INFINITY, 1, 1, SBI_OK, NULL}, {SBI_ERR_DOMAIN, SBI_ERR_DOMAIN, SBI_ERR_DOMAIN}, "the value is -inf"},
        {{1, NAN, 1, SBI_OK, NULL}, {SBI_OK, SBI_ERR_DOMAIN, SBI_ERR_DOMAIN}, "the derivative by x[1] (q) is nan"},
        {{1, 1, INFINITY, SBI_OK, NULL}, {SBI_OK, SBI_OK, SBI_ERR_DOMAIN}, "the second derivative by x[0] (p) and x[1] (q) is inf"},
    };
    const sbi_var x[2] = {sbi_tape_param(tape, "p"), sbi_tape_param(tape, "q")};
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    f.name = "odd";
    f.evaluate = misbehave;
    misbehaviour m = cases[_i].m;
    f.user = &m;
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_neg(tape, sbi_tape_apply(tape, &f, x, 2))), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const double theta[2] = {1, 2};
    double value, g[2], H[4];
    sbi_error_set_message("an older one");
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), cases[_i].status[0]);
    if (cases[_i].status[0] == SBI_OK) SAYS("an older one");
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, g), cases[_i].status[1]);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), cases[_i].status[2]);
    SAYS(cases[_i].text);
    if (cases[_i].m.status == SBI_ERR_STATE) ck_assert_ptr_null(strstr(sbi_last_error(), "older"));
    ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, g), cases[_i].status[2]);
    SAYS(cases[_i].text);
    m = (misbehaviour){1, 1, 1, SBI_OK, NULL};
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_OK);
    ck_assert_double_eq(value, -1.0);
    sbi_tape_work_destroy(work);
}
END_TEST

/* Derivatives by a constant operand are not looked at. */
START_TEST(constant_operands)
{
    const sbi_var x[2] = {sbi_tape_param(tape, "p"), sbi_tape_constant(tape, 3)};
    misbehaviour m = {5, NAN, NAN, SBI_OK, NULL};
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    f.name = "odd";
    f.evaluate = misbehave;
    f.user = &m;
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_apply(tape, &f, x, 2)), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const double theta = 1, V = 2;
    double value, g, H, HV;
    ck_assert_msg(sbi_tape_hessian(work, &theta, &value, &g, &H) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_hvp(work, &theta, &V, 1, &HV), SBI_OK);
    ck_assert(value == 5 && g == 1 && H == 1 && HV == 2);
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(outside)
{
    /* -bins(p, q), and an event-wise part that must not be reached with the infinite value */
    const sbi_var x[2] = {sbi_tape_param(tape, "p"), sbi_tape_param(tape, "q")};
    sbi_var f = apply_bins(tape, x, 2, 1);
    double data[3] = {1, 2, 3};
    const sbi_array view = sbi_array_1d(data, SBI_F64, 3);
    sbi_events events = sbi_tape_events(tape, "data", 3);
    sbi_var sum = sbi_tape_sum(tape, sbi_tape_div(tape, sbi_tape_column(tape, events, &view, "x"), f));
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_sub(tape, sum, f)), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const double theta[2] = {1, -2}, inside[2] = {1, 2};
    double value, g[2], H[4], HV[2];
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, HV), SBI_OK);
    ck_assert(isinf(value) && value > 0 && isnan(g[0]) && isnan(g[1]) && isnan(H[0]) && isnan(H[3]) && isnan(HV[0]));
    ck_assert_int_eq(sbi_tape_eval(work, inside, &value, g), SBI_OK);
    ck_assert(isfinite(value) && isfinite(g[0]));
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(bad_recording)
{
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    f.name = "f";
    f.evaluate = bins;
    f.destroy = count_destroyed;
    f.user = &destroyed;
    double data[3] = {1, 2, 3};
    const sbi_array view = sbi_array_1d(data, SBI_F64, 3);
    sbi_events events = sbi_tape_events(tape, "data", 3);
    const sbi_var p = sbi_tape_param(tape, "p"), wise = sbi_tape_column(tape, events, &view, "x"), far = 77;
    sbi_tape_map_function map = SBI_TAPE_MAP_FUNCTION_INIT;
    map.name = "m";
    map.destroy = count_destroyed;
    map.user = &destroyed;
    sbi_tape_work *work;
    int wanted = 1;
    switch (_i) {
    case 0: ck_assert_int_eq(sbi_tape_apply(tape, &f, &wise, 1), -1); SAYS("x[0] of f is event-wise"); break;
    case 1: ck_assert_int_eq(sbi_tape_apply(tape, &f, &far, 1), -1); SAYS("x[0] = 77 of f is not a node"); break;
    case 2: ck_assert_int_eq(sbi_tape_apply(tape, &f, &p, 0), -1); SAYS("no operand of f"); break;
    case 3: ck_assert_int_eq(sbi_tape_apply(tape, &f, NULL, 1), -1); SAYS("x is NULL"); break;
    case 4: f.name = NULL; ck_assert_int_eq(sbi_tape_apply(tape, &f, &p, 1), -1); SAYS("name is NULL"); break;
    case 5: f.evaluate = NULL; ck_assert_int_eq(sbi_tape_apply(tape, &f, &p, 1), -1); SAYS("evaluate of f is NULL"); break;
    case 6: ck_assert_int_eq(sbi_tape_apply(NULL, &f, &p, 1), -1); SAYS("tape is NULL"); break;
    case 7:
        ck_assert_int_eq(sbi_tape_seal(tape, p), SBI_OK);
        ck_assert_int_eq(sbi_tape_apply(tape, &f, &p, 1), -1);
        SAYS("sealed");
        ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
        sbi_tape_work_destroy(work);
        break;
    case 8: f.struct_size = 4; wanted = 0; ck_assert_int_eq(sbi_tape_apply(tape, &f, &p, 1), -1); SAYS("struct_size"); break;
    case 9: wanted = 0; ck_assert_int_eq(sbi_tape_apply(tape, NULL, &p, 1), -1); SAYS("function is NULL"); break;
    case 10: ck_assert_int_eq(sbi_tape_map(tape, &map, p), -1); SAYS("evaluate of m is NULL"); break;
    case 11: map.name = ""; ck_assert_int_eq(sbi_tape_map(tape, &map, p), -1); SAYS("name is empty"); break;
    case 12: map.struct_size = 4; wanted = 0; ck_assert_int_eq(sbi_tape_map(tape, &map, p), -1); SAYS("struct_size"); break;
    default: wanted = 0; ck_assert_int_eq(sbi_tape_map(tape, NULL, p), -1); SAYS("function is NULL"); break;
    }
    ck_assert_int_eq(destroyed, wanted);
    if (_i != 6 && _i != 7) ck_assert_int_ne(sbi_tape_status(tape), SBI_OK);
    sbi_tape_destroy(tape);
    tape = NULL;
    ck_assert_int_eq(destroyed, wanted);
}
END_TEST

/* ---- maps ------------------------------------------------------------------------------------------------------ */

typedef struct cubic {
    double lowest; /* arguments below are outside: +inf; below -1e3 the function fails; at `hole` the derivative is NaN */
    double hole;
} cubic;

static sbi_status cube(const double *x, size_t n, double *f, double *f1, double *f2, void *user)
{
    const cubic *c = user;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) return SBI_ERR_INTERNAL;
        if (x[i] < -1e3) return SBI_ERR_VALUE;
        f[i] = x[i] < c->lowest ? INFINITY : x[i] * x[i] * x[i];
        if (f1) f1[i] = x[i] == c->hole ? NAN : 3 * x[i] * x[i];
        if (f2) f2[i] = 6 * x[i];
    }
    return SBI_OK;
}

static sbi_var mapped(sbi_tape *t, sbi_var x, cubic *c, int registered)
{
    if (!registered) return sbi_tape_pow(t, x, sbi_tape_constant(t, 3));
    sbi_tape_map_function f = SBI_TAPE_MAP_FUNCTION_INIT;
    f.name = "cube";
    f.evaluate = cube;
    f.user = c;
    return sbi_tape_map(t, &f, x);
}

/* sum_i w_i map(p + q x_i)^2 over morphed events, plus map(p) of a scalar. */
static sbi_var record_map(sbi_tape *t, cubic *c, int registered)
{
    for (int i = 0; i < EVENTS; i++) {
        column[i] = 0.9 + 0.0001 * i;
        weight[i] = i % 7 ? 1.0 + 1e-4 * i : 0.0;
    }
    const sbi_array cv = sbi_array_1d(column, SBI_F64, EVENTS), wv = sbi_array_1d(weight, SBI_F64, EVENTS);
    sbi_events events = sbi_tape_events(t, "data", EVENTS);
    sbi_var w = sbi_tape_column(t, events, &wv, "w"), p = sbi_tape_param(t, "p"), q = sbi_tape_param(t, "q");
    sbi_var x = sbi_tape_add(t, p, sbi_tape_mul(t, q, sbi_tape_column(t, events, &cv, "c")));
    sbi_var alpha = sbi_tape_param(t, "alpha");
    sbi_var y = sbi_tape_morph(t, events, &alpha, 1, &cv, &cv, SBI_INTERP_CODE4, SBI_MORPH_RATIO);
    sbi_var sum = sbi_tape_weighted_sum(t, w, sbi_tape_mul(t, y, sbi_tape_square(t, mapped(t, sbi_tape_mul(t, x, y), c, registered))));
    return sbi_tape_add(t, sum, mapped(t, p, c, registered));
}

START_TEST(maps_like_pow)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    sbi_tape *plain;
    sbi_tape_work *work, *want;
    cubic c = {-INFINITY, NAN};
    ck_assert_int_eq(sbi_tape_create(&plain, ctx), SBI_OK);
    ck_assert_msg(sbi_tape_seal(tape, record_map(tape, &c, 1)) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_seal(plain, record_map(plain, &c, 0)), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&want, plain), SBI_OK);
    sbi_tape_work_set_kernels(work, kernels);
    sbi_tape_work_set_kernels(want, kernels);
    const double theta[3] = {0.7, -0.2, 0.3}, V[6] = {1, 2, 3, 0, 1, 0};
    double value[2], g[2][3], H[2][9], HV[2][6], row[3], scale = 0.0;
    ck_assert_msg(sbi_tape_hessian(work, theta, &value[0], g[0], H[0]) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_hessian(want, theta, &value[1], g[1], H[1]), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, HV[0]), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(want, theta, V, 2, HV[1]), SBI_OK);
    for (int i = 0; i < 9; i++)
        scale = fmax(scale, fabs(H[1][i]));
    ck_assert_double_eq_tol(value[0], value[1], 1e-13 * fabs(value[1]));
    for (int i = 0; i < 9; i++)
        ck_assert_double_eq_tol(H[0][i], H[1][i], 1e-13 * scale);
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq_tol(HV[0][i], HV[1][i], 1e-13 * scale);
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(g[0][i], g[1][i], 1e-13 * scale);
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, (size_t)i, 1, row), SBI_OK);
        ck_assert_mem_eq(row, H[0] + 3 * i, sizeof row);
    }
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(want);
    sbi_tape_destroy(plain);
}
END_TEST

START_TEST(map_domains)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    static double x[EVENTS], w[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        x[i] = i + 1;
        w[i] = i == 5 ? 0.0 : 1.0;
    }
    const sbi_array xv = sbi_array_1d(x, SBI_F64, EVENTS), wv = sbi_array_1d(w, SBI_F64, EVENTS);
    cubic c = {2.5, NAN};
    sbi_events events = sbi_tape_events(tape, "data", EVENTS);
    sbi_var p = sbi_tape_param(tape, "p"), weights = sbi_tape_column(tape, events, &wv, "w");
    sbi_var moved = sbi_tape_sub(tape, sbi_tape_column(tape, events, &xv, "x"), p);
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_weighted_sum(tape, weights, mapped(tape, moved, &c, 1))), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    sbi_tape_work_set_kernels(work, kernels);
    double theta = 0.0, value, g, H, HV, V = 1.0;
    sbi_tape_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sbi_tape_hessian(work, &theta, &value, &g, &H), SBI_OK); /* 1 and 2 are outside */
    ck_assert(isinf(value) && value > 0 && isnan(g) && isnan(H));
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    ck_assert_int_eq(info.bad_events, 2);
    ck_assert_int_eq(info.first_bad_event, 0);
    c.lowest = -INFINITY;
    c.hole = 2050.0; /* event 2049, in the second leaf */
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &g), SBI_ERR_DOMAIN);
    SAYS("(map cube of p), event 2049 of \"data\": the function's value or derivative is not finite");
    c.hole = 6.0; /* an event of weight zero is never shown */
    ck_assert_int_eq(sbi_tape_hvp(work, &theta, &V, 1, &HV), SBI_OK);
    theta = 2000.0;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_VALUE);
    SAYS("(map cube of p): the function returned -7");
    sbi_tape_work_destroy(work);
}
END_TEST

/* A logarithm's bad events come to the map as NaN: they are counted once, and the map does not see them. */
START_TEST(map_of_logarithm)
{
    static double x[EVENTS];
    for (int i = 0; i < EVENTS; i++)
        x[i] = i % 1000 == 3 ? -1.0 : 1.0 + i;
    const sbi_array xv = sbi_array_1d(x, SBI_F64, EVENTS);
    cubic c = {-INFINITY, NAN};
    sbi_events events = sbi_tape_events(tape, "data", EVENTS);
    sbi_var y = sbi_tape_log(tape, sbi_tape_mul(tape, sbi_tape_param(tape, "p"), sbi_tape_column(tape, events, &xv, "x")));
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_sum(tape, mapped(tape, y, &c, 1))), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    double theta = 1.0, value, g;
    sbi_tape_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &g), SBI_OK);
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    ck_assert_int_eq(info.bad_events, 3);
    ck_assert_int_eq(info.first_bad_event, 3);
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(map_of_scalar)
{
    cubic c = {0.5, 3.0};
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_neg(tape, mapped(tape, sbi_tape_param(tape, "p"), &c, 1))), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    double theta = 2.0, value, g, H;
    ck_assert_int_eq(sbi_tape_hessian(work, &theta, &value, &g, &H), SBI_OK);
    ck_assert(value == -8 && g == -12 && H == -12);
    theta = 3.0;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &g), SBI_ERR_DOMAIN);
    SAYS("node 1 (map cube of p): the derivative is nan at 3");
    theta = 0.25;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &g), SBI_OK);
    ck_assert(isinf(value) && value > 0 && isnan(g));
    theta = -2e3;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_VALUE);
    sbi_tape_work_destroy(work);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static sbi_status everything(sbi_context *c, void *arg)
{
    (void)arg;
    sbi_tape *t = NULL;
    sbi_tape_work *w = NULL;
    double theta[7] = {0.7, -0.2, 0.3, 1.3, 0.4, -0.3, 0.8}, value, g[7], H[49];
    cubic three = {-INFINITY, NAN};
    destroyed = 0;
    sbi_status status = sbi_tape_create(&t, c);
    if (status == SBI_OK) status = sbi_tape_seal(t, sbi_tape_add(t, record_map(t, &three, 1), record_stages(t, 1)));
    if (status == SBI_OK) status = sbi_tape_work_create(&w, t);
    if (status == SBI_OK) status = sbi_tape_eval(w, theta, &value, g);
    if (status == SBI_OK) status = sbi_tape_hvp(w, theta, theta, 1, H);
    if (status == SBI_OK) status = sbi_tape_hessian(w, theta, &value, g, H);
    sbi_tape_work_destroy(w);
    const int tapes = t != NULL;
    sbi_tape_destroy(t);
    ck_assert_int_eq(destroyed, tapes ? 2 : 0); /* each application's once, whether it was recorded or not */
    return status;
}

START_TEST(memory_runs_out)
{
    torture_report report = torture_allocations(everything, NULL, 1, _i);
    ck_assert_int_gt(report.requests, 100);
}
END_TEST

START_TEST(no_memory_asked_for_later)
{
    failing_allocator f;
    memset(&f, 0, sizeof f);
    sbi_context *counted = failing_context(&f, 1);
    sbi_tape *t;
    sbi_tape_work *w;
    ck_assert_int_eq(sbi_tape_create(&t, counted), SBI_OK);
    const sbi_var x[2] = {sbi_tape_param(t, "p"), sbi_tape_param(t, "q")};
    ck_assert_int_eq(sbi_tape_seal(t, apply_bins(t, x, 2, 1)), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&w, t), SBI_OK);
    const double theta[2] = {1, 2};
    double value, g[2];
    const long before = atomic_load(&f.requests);
    ck_assert_int_eq(sbi_tape_eval(w, theta, &value, g), SBI_OK);
    ck_assert_int_eq(atomic_load(&f.requests), before);
    ck_assert_int_eq(sbi_tape_hvp(w, theta, theta, 1, g), SBI_OK);
    const long after = atomic_load(&f.requests);
    ck_assert_int_eq(sbi_tape_hvp(w, theta, theta, 1, g), SBI_OK);
    ck_assert_int_eq(atomic_load(&f.requests), after);
    sbi_tape_work_destroy(w);
    sbi_tape_destroy(t);
    sbi_context_destroy(counted);
}
END_TEST

START_TEST(initialisers)
{
    sbi_tape_function f, want = SBI_TAPE_FUNCTION_INIT;
    sbi_tape_map_function m, also = SBI_TAPE_MAP_FUNCTION_INIT;
    memset(&f, 0xff, sizeof f);
    memset(&m, 0xff, sizeof m);
    sbi_tape_function_init(&f);
    sbi_tape_map_function_init(&m);
    ck_assert_mem_eq(&f, &want, sizeof f);
    ck_assert_mem_eq(&m, &also, sizeof m);
    sbi_tape_function_init(NULL);
    sbi_tape_map_function_init(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_function");
    TCase *cases = tcase_create("functions");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, like_elementary_operations);
    tcase_add_loop_test(cases, failures, 0, 7);
    tcase_add_test(cases, constant_operands);
    tcase_add_test(cases, outside);
    tcase_add_loop_test(cases, bad_recording, 0, 14);
    tcase_add_loop_test(cases, maps_like_pow, 0, SBI_ISA_COUNT);
    tcase_add_loop_test(cases, map_domains, 0, SBI_ISA_COUNT);
    tcase_add_test(cases, map_of_logarithm);
    tcase_add_test(cases, map_of_scalar);
    tcase_add_loop_test(cases, memory_runs_out, 0, 2);
    tcase_add_test(cases, no_memory_asked_for_later);
    tcase_add_test(cases, initialisers);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
