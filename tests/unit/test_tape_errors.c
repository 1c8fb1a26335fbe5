/* SPDX-License-Identifier: Apache-2.0 */
/* What the tape says to bad input, at the borders of its domain, when memory runs out and when it is cancelled. */
#include <limits.h>
#include <pthread.h>

#include "base/memory.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "tape_mixture.h"

static sbi_context *ctx;
static sbi_tape *tape;

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
}
static void teardown(void)
{
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "the message is: %s", sbi_last_error())

/* The recording failed, stays failed, and the seal says so. */
static void sticky(sbi_var v, sbi_status status, const char *text)
{
    ck_assert_int_eq(v, SBI_VAR_INVALID);
    SAYS(text);
    ck_assert_int_eq(sbi_tape_param(tape, "later"), SBI_VAR_INVALID);
    SAYS(text);
    ck_assert_int_eq(sbi_tape_seal(tape, 0), status);
    SAYS(text);
    ck_assert_int_eq(sbi_tape_status(tape), status);
}

static sbi_var column_of(double *data, int64_t n, sbi_events events)
{
    sbi_array view = sbi_array_1d(data, SBI_F64, n);
    return sbi_tape_column(tape, events, &view, "x.npy");
}

START_TEST(bad_columns)
{
    double x[5000];
    for (int i = 0; i < 5000; i++)
        x[i] = 1.0;
    sbi_events events = sbi_tape_events(tape, "data", 5000), few = sbi_tape_events(tape, "few", 3);
    sbi_array view = sbi_array_1d(x, SBI_F64, 5000);
    switch (_i) {
    case 0:
        x[4711] = NAN;
        x[4900] = NAN;
        sticky(column_of(x, 5000, events), SBI_ERR_VALUE, "x.npy: row 4711: value is nan");
        break;
    case 1:
        x[17] = -INFINITY;
        sticky(column_of(x, 5000, events), SBI_ERR_VALUE, "x.npy: row 17: value is -inf");
        break;
    case 2: sticky(column_of(x, 4999, events), SBI_ERR_SHAPE, "x.npy: 4999 rows, but event set \"data\" has 5000 events"); break;
    case 3: sticky(column_of(x, 5000, 7), SBI_ERR_ARGUMENT, "7 is not an event set"); break;
    case 4: sticky(column_of(NULL, 5000, events), SBI_ERR_ARGUMENT, "data is NULL"); break;
    case 5: sticky(sbi_tape_column(tape, events, NULL, "x.npy"), SBI_ERR_ARGUMENT, "column is NULL"); break;
    case 6: sticky(sbi_tape_column(tape, events, &view, NULL), SBI_ERR_ARGUMENT, "name is NULL"); break;
    case 7:
        view = sbi_array_2d(x, SBI_F64, 50, 100);
        sticky(sbi_tape_column(tape, events, &view, "x.npy"), SBI_ERR_SHAPE, "2 dimensions");
        break;
    case 8:
        view.dtype = 99;
        sticky(sbi_tape_column(tape, events, &view, "x.npy"), SBI_ERR_SHAPE, "unknown element type 99");
        break;
    case 9: {
        sbi_var a = column_of(x, 5000, events), b = column_of(x, 3, few);
        sticky(sbi_tape_add(tape, a, b), SBI_ERR_SHAPE, "different event sets, \"data\" and \"few\"");
        break;
    }
    case 10: {
        sbi_var a = column_of(x, 5000, events), b = column_of(x, 3, few);
        sticky(sbi_tape_weighted_sum(tape, b, a), SBI_ERR_SHAPE, "event set \"few\", x over \"data\"");
        break;
    }
    case 11: {
        sbi_var a = column_of(x, 5000, events);
        sticky(sbi_tape_weighted_sum(tape, sbi_tape_square(tape, a), a), SBI_ERR_ARGUMENT, "weights must be a column");
        break;
    }
    case 12: sticky(sbi_tape_sum(tape, sbi_tape_param(tape, "mu")), SBI_ERR_SHAPE, "must be event-wise"); break;
    default: {
        uint16_t h[4] = {0x3c00, 0x3c00, 0xfc00, 0x3c00};
        sbi_array half = sbi_array_1d(h, SBI_F16, 3);
        sticky(sbi_tape_column(tape, few, &half, "h.npy"), SBI_ERR_VALUE, "h.npy: row 2: value is -inf");
        break;
    }
    }
}
END_TEST

START_TEST(bad_morphs)
{
    double x[3000], y[3000];
    for (int i = 0; i < 3000; i++)
        x[i] = y[i] = 1.0;
    sbi_events events = sbi_tape_events(tape, "data", 3000);
    sbi_var a = sbi_tape_param(tape, "JES"), b = sbi_tape_param(tape, "JER"), alphas[2] = {a, b};
    sbi_array up[2] = {sbi_array_1d(x, SBI_F64, 3000), sbi_array_1d(x, SBI_F64, 3000)};
    sbi_array down[2] = {sbi_array_1d(x, SBI_F64, 3000), sbi_array_1d(y, SBI_F64, 3000)};
    int32_t code = SBI_INTERP_CODE4, storage = SBI_MORPH_RATIO;
    const char *text = "";
    sbi_status status = SBI_ERR_VALUE;
    switch (_i) {
    case 0:
        y[2500] = -0.5;
        text = "morph down[1] (JER): row 2500: value is -0.5, must be positive";
        break;
    case 1:
        y[0] = 0.0;
        text = "morph down[1] (JER): row 0: value is 0, must be positive";
        break;
    case 2:
        y[3] = NAN;
        storage = SBI_MORPH_LOG;
        text = "morph down[1] (JER): row 3: value is nan";
        break;
    case 3:
        alphas[1] = a;
        status = SBI_ERR_ARGUMENT;
        text = "alphas[1] (JES) appears twice";
        break;
    case 4:
        code = 3;
        status = SBI_ERR_UNSUPPORTED;
        text = "unknown interpolation code 3";
        break;
    case 5:
        storage = 2;
        status = SBI_ERR_ARGUMENT;
        text = "storage is 2";
        break;
    case 6:
        alphas[0] = 999;
        status = SBI_ERR_ARGUMENT;
        text = "alphas[0] = 999 is not a node";
        break;
    case 7:
        alphas[0] = column_of(x, 3000, events);
        status = SBI_ERR_SHAPE;
        text = "alphas[0] is event-wise";
        break;
    default:
        up[1].shape[0] = 2999;
        status = SBI_ERR_SHAPE;
        text = "morph up[1] (JER): 2999 rows";
        break;
    }
    sticky(sbi_tape_morph(tape, events, alphas, 2, up, down, code, storage), status, text);
}
END_TEST

START_TEST(bad_recording)
{
    switch (_i) {
    case 0: sticky(sbi_tape_param(tape, NULL), SBI_ERR_ARGUMENT, "name is NULL"); break;
    case 1: sticky(sbi_tape_param(tape, ""), SBI_ERR_ARGUMENT, "name is empty"); break;
    case 2: sticky(sbi_tape_constant(tape, NAN), SBI_ERR_VALUE, "nan"); break;
    case 3: sticky(sbi_tape_events(tape, "e", -1), SBI_ERR_ARGUMENT, "-1 events"); break;
    case 4: sticky(sbi_tape_add(tape, sbi_tape_param(tape, "p"), 5), SBI_ERR_ARGUMENT, "sbi_tape_add: operand 5"); break;
    case 5: sticky(sbi_tape_exp(tape, SBI_VAR_INVALID), SBI_ERR_ARGUMENT, "operand -1"); break;
    case 6: sticky(sbi_tape_interp(tape, sbi_tape_param(tape, "p"), -1, 1, SBI_INTERP_CODE4), SBI_ERR_VALUE, "positive"); break;
    case 7: sticky(sbi_tape_interp(tape, sbi_tape_param(tape, "p"), 1, 1, 3), SBI_ERR_UNSUPPORTED, "code 3"); break;
    case 8: sticky(sbi_tape_interp(tape, sbi_tape_param(tape, "p"), INFINITY, 1, 0), SBI_ERR_VALUE, "finite"); break;
    default: sticky(sbi_tape_morph(tape, 0, NULL, 0, NULL, NULL, 4, 0), SBI_ERR_ARGUMENT, "not an event set"); break;
    }
}
END_TEST

START_TEST(states_and_nulls)
{
    sbi_tape_work *work = NULL;
    double theta = 1.0, value;
    size_t index;
    ck_assert_int_eq(sbi_tape_create(NULL, ctx), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_param(NULL, "a"), SBI_VAR_INVALID);
    ck_assert_int_eq(sbi_tape_seal(NULL, 0), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_ERR_STATE);
    ck_assert_ptr_null(work);
    SAYS("not sealed");
    sbi_var p = sbi_tape_param(tape, "p");
    ck_assert_int_eq(sbi_tape_param(tape, "p"), p);
    ck_assert_int_eq(sbi_tape_seal(tape, 44), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_square(tape, p)), SBI_OK);
    ck_assert_int_eq(sbi_tape_seal(tape, p), SBI_ERR_STATE);
    ck_assert_int_eq(sbi_tape_param(tape, "q"), SBI_VAR_INVALID);
    SAYS("sealed");
    ck_assert_int_eq(sbi_tape_status(tape), SBI_OK); /* refusing does not spoil a sealed tape */
    ck_assert_int_eq(sbi_tape_work_create(NULL, tape), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(NULL, &theta, &value, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_eval(work, NULL, &value, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_eval(work, &theta, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_hvp(work, &theta, NULL, 1, &value), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_hessian(work, &theta, NULL, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_tape_hessian_rows(work, &theta, 0, 2, &value), SBI_ERR_ARGUMENT);
    SAYS("rows [0, 0 + 2) of 1");
    ck_assert_int_eq(sbi_tape_hessian_rows(work, &theta, SIZE_MAX, 2, &value), SBI_ERR_ARGUMENT);
    theta = NAN;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_VALUE);
    SAYS("parameter p is nan");
    ck_assert_int_eq(sbi_tape_param_index(tape, "p", &index), SBI_OK);
    ck_assert_uint_eq(index, 0);
    ck_assert_int_eq(sbi_tape_param_index(tape, "nope", &index), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_null(sbi_tape_param_name(tape, 1));
    ck_assert_str_eq(sbi_tape_param_name(tape, 0), "p");
    sbi_tape_info info = {0};
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_ERR_ABI);
    char *text;
    ck_assert_int_eq(sbi_tape_print(tape, &text), SBI_OK);
    ck_assert(strstr(text, "%0 = param p\n%1 = square %0\n") != NULL);
    sbi_tape_print_free(tape, text);
    sbi_tape_print_free(tape, NULL);
    sbi_tape_work_destroy(work);
    sbi_tape_work_destroy(NULL);
    sbi_tape_destroy(NULL);
}
END_TEST

/* sum_i w_i log(p - x_i) with x = 0, 1, ..., 4999 */
static void record_logs(double *x, double *w, int negate)
{
    for (int i = 0; i < 5000; i++)
        x[i] = i;
    sbi_events events = sbi_tape_events(tape, "data", 5000);
    sbi_array wv = sbi_array_1d(w, SBI_F64, 5000);
    sbi_var lambda = sbi_tape_sub(tape, sbi_tape_param(tape, "p"), column_of(x, 5000, events));
    sbi_var sum = sbi_tape_weighted_sum(tape, sbi_tape_column(tape, events, &wv, "w"), sbi_tape_log(tape, lambda));
    ck_assert_int_eq(sbi_tape_seal(tape, negate ? sbi_tape_neg(tape, sum) : sum), SBI_OK);
}

START_TEST(logarithms_of_negative_numbers)
{
    static double x[5000], w[5000];
    for (int i = 0; i < 5000; i++)
        w[i] = i == 4998 ? 0.0 : i % 2 ? 1.0 : -0.5;
    record_logs(x, w, 1);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    double theta = 4990.5, value, gradient, H, HV, V = 1.0;
    sbi_tape_info info = {.struct_size = sizeof info};
    for (int call = 0; call < 3; call++) {
        if (call == 0) ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &gradient), SBI_OK);
        if (call == 1) ck_assert_int_eq(sbi_tape_hessian(work, &theta, &value, &gradient, &H), SBI_OK);
        if (call == 2) ck_assert_int_eq(sbi_tape_hvp(work, &theta, &V, 1, &HV), SBI_OK);
        ck_assert(isinf(value) && value > 0 && isnan(gradient));
        ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
        ck_assert_int_eq(info.bad_events, 8); /* 4991 to 4999 without 4998 */
        ck_assert_int_eq(info.first_bad_event, 4991);
    }
    ck_assert(isnan(H) && isnan(HV));
    theta = 4999.0; /* log 0 */
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_OK);
    ck_assert(isinf(value) && value > 0);
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    ck_assert_int_eq(info.bad_events, 1);
    theta = 5001.0;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &gradient), SBI_OK);
    ck_assert(isfinite(value) && isfinite(gradient));
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    ck_assert_int_eq(info.bad_events, 0);
    ck_assert_int_eq(info.first_bad_event, -1);
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(weight_zero_never_contributes)
{
    static double x[5000], w[5000];
    for (int i = 0; i < 5000; i++)
        w[i] = i < 100 ? 1.0 : 0.0;
    record_logs(x, w, 1);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    double theta = 120.0, value, gradient, H, V = 2.0, HV; /* the logarithm of event 120 is that of 0, later ones' of less */
    ck_assert_int_eq(sbi_tape_hessian(work, &theta, &value, &gradient, &H), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, &theta, &V, 1, &HV), SBI_OK);
    double want[3] = {0, 0, 0};
    for (int i = 0; i < 100; i++) {
        want[0] -= log(120.0 - i);
        want[1] -= 1 / (120.0 - i);
        want[2] += 1 / (120.0 - i) / (120.0 - i);
    }
    ck_assert_double_eq_tol(value, want[0], 1e-12 * fabs(want[0]));
    ck_assert_double_eq_tol(gradient, want[1], 1e-13);
    ck_assert_double_eq_tol(H, want[2], 1e-13);
    ck_assert_double_eq_tol(HV, 2 * want[2], 1e-13);
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(domains)
{
    double x[20], theta = 0.0, value, gradient;
    for (int i = 0; i < 20; i++)
        x[i] = i == 13 ? 0.0 : 1.0;
    sbi_var p = sbi_tape_param(tape, "kappa"), output;
    sbi_events events = sbi_tape_events(tape, "data", 20);
    const char *text;
    int value_exists = 0;
    switch (_i) {
    case 0:
        output = sbi_tape_sqrt(tape, p);
        text = "(sqrt of kappa): the derivative does not exist at 0";
        value_exists = 1;
        break;
    case 1:
        output = sbi_tape_log(tape, p);
        text = "(log of kappa)";
        break;
    case 2:
        output = sbi_tape_div(tape, sbi_tape_constant(tape, 1), p);
        text = "(div of kappa): division by zero";
        break;
    case 3:
        output = sbi_tape_pow(tape, p, sbi_tape_constant(tape, -3));
        text = "(power of kappa): negative power of zero";
        break;
    case 4:
        output = sbi_tape_sum(tape, sbi_tape_sqrt(tape, sbi_tape_add(tape, p, column_of(x, 20, events))));
        text = "(sqrt of kappa), event 13 of \"data\"";
        value_exists = 1;
        break;
    default:
        output = sbi_tape_sum(tape, sbi_tape_div(tape, p, column_of(x, 20, events)));
        text = "(div of kappa), event 13 of \"data\": division by zero";
        break;
    }
    ck_assert_int_eq(sbi_tape_seal(tape, output), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), value_exists ? SBI_OK : SBI_ERR_DOMAIN);
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &gradient), SBI_ERR_DOMAIN);
    SAYS(text);
    theta = 0.5;
    if (_i != 5) ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &gradient), SBI_OK);
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(no_events)
{
    sbi_var p = sbi_tape_param(tape, "p"), q = sbi_tape_param(tape, "q");
    sbi_events events = sbi_tape_events(tape, "none", 0);
    double dummy = 1.0;
    sbi_array empty = sbi_array_1d(&dummy, SBI_F64, 0);
    sbi_var g = sbi_tape_morph(tape, events, &q, 1, &empty, &empty, SBI_INTERP_CODE4, SBI_MORPH_LOG);
    sbi_var sum = sbi_tape_sum(tape, sbi_tape_log(tape, sbi_tape_mul(tape, g, p)));
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_add(tape, sbi_tape_square(tape, p), sum)), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const double theta[2] = {3.0, 0.5}, V[2] = {1, 1};
    double value, gradient[2], H[4], HV[2];
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, gradient, H), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 1, HV), SBI_OK);
    ck_assert_double_eq(value, 9.0);
    ck_assert_double_eq(gradient[0], 6.0);
    ck_assert_double_eq(gradient[1], 0.0);
    ck_assert_double_eq(H[0], 2.0);
    ck_assert_double_eq(H[1], 0.0);
    ck_assert_double_eq(HV[0], 2.0);
    sbi_tape_work_destroy(work);
}
END_TEST

START_TEST(strides_and_integers)
{
    enum { N = 2100 };
    static struct { float f; int16_t i; } cells[N];
    static double up[N], reversed[N];
    double plain = 0.0, slope = 0.0;
    for (int i = 0; i < N; i++) {
        cells[i].f = 1.0f + 0.001f * (float)(i % 97);
        cells[i].i = (int16_t)(i % 13 - 6);
        up[i] = 1.0 + 1e-4 * i;
        reversed[N - 1 - i] = up[i];
    }
    sbi_array f = sbi_array_1d(&cells[0].f, SBI_F32, N), k = sbi_array_1d(&cells[0].i, SBI_I16, N);
    f.strides[0] = k.strides[0] = sizeof cells[0];
    sbi_array backwards = sbi_array_1d(reversed + N - 1, SBI_F64, N), forwards = sbi_array_1d(up, SBI_F64, N);
    backwards.strides[0] = -8;
    sbi_events events = sbi_tape_events(tape, "data", N);
    sbi_var a = sbi_tape_param(tape, "a"), b = sbi_tape_param(tape, "b"), alphas[2] = {a, b};
    const sbi_array ups[2] = {backwards, forwards}, downs[2] = {forwards, f};
    sbi_var y = sbi_tape_morph(tape, events, alphas, 2, ups, downs, SBI_INTERP_CODE4, SBI_MORPH_RATIO);
    sbi_var x = sbi_tape_mul(tape, y, sbi_tape_column(tape, events, &k, "k"));
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_sum(tape, x)), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const double theta[2] = {1.5, -1.25};
    double value, gradient[2];
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, gradient), SBI_OK);
    for (int i = 0; i < N; i++) {
        const double v = cells[i].i * pow(up[i], 1.5) * pow((double)cells[i].f, 1.25);
        plain += v;
        slope += v * log(up[i]);
    }
    ck_assert_double_eq_tol(value, plain, 1e-11 * N);
    ck_assert_double_eq_tol(gradient[0], slope, 1e-11 * N);
    sbi_tape_work_destroy(work);
}
END_TEST

/* ---- memory, threads, cancellation ------------------------------------------------------------------------------- */

static sbi_status everything(sbi_context *c, void *arg)
{
    const mixture *m = arg;
    sbi_tape *t = NULL;
    sbi_tape_work *w = NULL;
    char *text = NULL;
    double theta[16], value, gradient[16], H[256];
    mix_point(m, 1, theta);
    sbi_status status = sbi_tape_create(&t, c);
    if (status == SBI_OK) status = mix_record(m, t);
    if (status == SBI_OK) status = sbi_tape_work_create(&w, t);
    if (status == SBI_OK) status = sbi_tape_eval(w, theta, &value, gradient);
    if (status == SBI_OK) status = sbi_tape_hvp(w, theta, theta, 1, H);
    if (status == SBI_OK) status = sbi_tape_hessian(w, theta, &value, gradient, H);
    if (status == SBI_OK) status = sbi_tape_hessian_rows(w, theta, 1, 2, H);
    if (status == SBI_OK) status = sbi_tape_print(t, &text);
    sbi_tape_print_free(t, text);
    sbi_tape_work_destroy(w);
    sbi_tape_destroy(t);
    return status;
}

START_TEST(memory_runs_out)
{
    mixture m = {.n = 2300, .nuisances = 3, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = 1};
    mix_fill(&m, 0.1);
    torture_report report = torture_allocations(everything, &m, 1 + _i / 2, _i % 2);
    ck_assert_int_gt(report.requests, 100);
    mix_free(&m);
}
END_TEST

START_TEST(memory_does_not_grow_with_events)
{
    size_t used[2];
    for (int big = 0; big < 2; big++) {
        mixture m = {.n = big ? 200000 : 20000, .nuisances = 3, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = 1};
        mix_fill(&m, 0.1);
        sbi_context *c;
        sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
        options.threads = 2;
        ck_assert_int_eq(sbi_context_create(&c, &options), SBI_OK);
        ck_assert_int_eq(everything(c, &m), SBI_OK);
        used[big] = sbi_memory_peak(c);
        sbi_context_destroy(c);
        mix_free(&m);
    }
    /* What grows: a few bytes for each 2048 events of a column, and log2(events) partial sums. */
    ck_assert_msg(used[1] <= used[0] + used[0] / 20 + 16384, "peak %zu at 20k events, %zu at 200k", used[0], used[1]);
}
END_TEST

typedef struct evaluator {
    const sbi_tape *tape;
    const double *theta;
    double value, gradient[16], H[256];
    sbi_status status;
} evaluator;

static void *evaluate(void *arg)
{
    evaluator *e = arg;
    sbi_tape_work *w;
    e->status = sbi_tape_work_create(&w, e->tape);
    for (int i = 0; i < 5 && e->status == SBI_OK; i++)
        e->status = sbi_tape_hessian(w, e->theta, &e->value, e->gradient, e->H);
    sbi_tape_work_destroy(w);
    return NULL;
}

START_TEST(two_threads_one_tape)
{
    mixture m = {.n = 9000, .nuisances = 5, .dtype = SBI_F64, .storage = SBI_MORPH_LOG};
    mix_fill(&m, 0.1);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    double theta[2][16];
    evaluator e[2], alone[2];
    pthread_t id[2];
    for (int t = 0; t < 2; t++) {
        mix_point(&m, t, theta[t]);
        e[t] = alone[t] = (evaluator){.tape = tape, .theta = theta[t]};
        evaluate(&alone[t]);
    }
    for (int t = 0; t < 2; t++)
        ck_assert_int_eq(pthread_create(&id[t], NULL, evaluate, &e[t]), 0);
    for (int t = 0; t < 2; t++) {
        pthread_join(id[t], NULL);
        ck_assert_int_eq(e[t].status, SBI_OK);
        ck_assert_mem_eq(&e[t].value, &alone[t].value, sizeof(double));
        ck_assert_mem_eq(e[t].gradient, alone[t].gradient, m.params * sizeof(double));
        ck_assert_mem_eq(e[t].H, alone[t].H, m.params * m.params * sizeof(double));
    }
    mix_free(&m);
}
END_TEST

START_TEST(cancelled)
{
    mixture m = {.n = 9000, .nuisances = 2, .dtype = SBI_F64, .storage = SBI_MORPH_LOG};
    mix_fill(&m, 0.1);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    double theta[16], value;
    mix_point(&m, 0, theta);
    sbi_context_cancel(ctx, 1);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), SBI_ERR_CANCELLED);
    sbi_context_cancel(ctx, 0);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), SBI_OK);
    sbi_tape_work_destroy(work);
    mix_free(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_errors");
    TCase *cases = tcase_create("errors");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, bad_columns, 0, 14);
    tcase_add_loop_test(cases, bad_morphs, 0, 9);
    tcase_add_loop_test(cases, bad_recording, 0, 10);
    tcase_add_test(cases, states_and_nulls);
    tcase_add_test(cases, logarithms_of_negative_numbers);
    tcase_add_test(cases, weight_zero_never_contributes);
    tcase_add_loop_test(cases, domains, 0, 6);
    tcase_add_test(cases, no_events);
    tcase_add_test(cases, strides_and_integers);
    tcase_add_loop_test(cases, memory_runs_out, 0, 4);
    tcase_add_test(cases, memory_does_not_grow_with_events);
    tcase_add_test(cases, two_threads_one_tape);
    tcase_add_test(cases, cancelled);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
