/* SPDX-License-Identifier: Apache-2.0 */
/* Bad input, failing callbacks, cancellation, and memory that runs out. */
#include "fit_problems.h"
#include "io/json.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static parabola two;
static double start[2], lower[2], upper[2];
static sbi_objective objective;
static sbi_fit_options options;
static sbi_fit *fit;

static void setup(void)
{
    ctx = fit_context();
    parabola_two(&two, 1, 2, 0.5);
    for (int i = 0; i < 2; i++) {
        start[i] = 0.5;
        lower[i] = -10;
        upper[i] = 10;
    }
    objective = fit_objective(2, start, parabola_gradient, parabola_hessian, &two);
    objective.lower = lower;
    objective.upper = upper;
    sbi_fit_options_init(&options);
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

#define run_fails(status, text)                                                                                        \
    do {                                                                                                               \
        fit = (sbi_fit *)&two;                                                                                         \
        ck_fails(sbi_fit_run_objective(&fit, ctx, &objective, &options), status, text);                                \
        ck_assert_ptr_null(fit);                                                                                       \
    } while (0)

START_TEST(initialisers_agree)
{
    sbi_fit_options a = SBI_FIT_OPTIONS_INIT, b;
    sbi_objective c = SBI_OBJECTIVE_INIT, d;
    memset(&b, 0xff, sizeof b);
    memset(&d, 0xff, sizeof d);
    sbi_fit_options_init(&b);
    sbi_objective_init(&d);
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_mem_eq(&c, &d, sizeof c);
    sbi_fit_options_init(NULL);
    sbi_objective_init(NULL);
}
END_TEST

START_TEST(option_structs_of_other_sizes)
{
    struct {
        sbi_fit_options known;
        unsigned char more[16];
    } longer;
    memset(&longer, 0, sizeof longer);
    sbi_fit_options_init(&longer.known);
    longer.known.struct_size = sizeof longer;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &longer.known));
    sbi_fit_destroy(fit);
    longer.more[7] = 1;
    ck_fails(sbi_fit_run_objective(&fit, ctx, &objective, &longer.known), SBI_ERR_ABI, "sbi_fit_options");
    ck_assert_ptr_null(fit);
    options.struct_size = 12;
    run_fails(SBI_ERR_ABI, "struct_size is 12");
    options.struct_size = 0xdeadbeef;
    run_fails(SBI_ERR_ABI, "sbi_fit_options");
    sbi_fit_options_init(&options);
    objective.struct_size = 0;
    run_fails(SBI_ERR_ABI, "sbi_objective");
}
END_TEST

START_TEST(options_out_of_range)
{
    options.method = 7;
    run_fails(SBI_ERR_ARGUMENT, "method is 7");
    sbi_fit_options_init(&options);
    options.flags = 0x80;
    run_fails(SBI_ERR_ARGUMENT, "flags are 0x80");
    sbi_fit_options_init(&options);
    options.tolerance = NAN;
    run_fails(SBI_ERR_ARGUMENT, "tolerance is nan");
    sbi_fit_options_init(&options);
    options.error_level = 0;
    run_fails(SBI_ERR_ARGUMENT, "error_level is 0");
    sbi_fit_options_init(&options);
    options.n_starts = 0;
    run_fails(SBI_ERR_ARGUMENT, "n_starts is 0");
    sbi_fit_options_init(&options);
    options.max_evaluations = -4;
    run_fails(SBI_ERR_ARGUMENT, "max_evaluations is -4");
}
END_TEST

START_TEST(parameter_names)
{
    const char *bad[1] = {"nu"}, *null[1] = {NULL};
    double value[1] = {0};
    options.n_start = 1;
    options.start_names = bad;
    options.start_values = value;
    run_fails(SBI_ERR_NOT_FOUND, "start_names: no parameter is named 'nu'");
    options.start_values = NULL;
    run_fails(SBI_ERR_ARGUMENT, "start_names or start_values is NULL");
    sbi_fit_options_init(&options);
    options.n_fixed = 1;
    run_fails(SBI_ERR_ARGUMENT, "fixed_names is NULL");
    options.fixed_names = null;
    run_fails(SBI_ERR_ARGUMENT, "name is NULL");
    options.fixed_names = bad;
    run_fails(SBI_ERR_NOT_FOUND, "fixed_names");
    sbi_fit_options_init(&options);
    options.n_free = 1;
    options.free_names = bad;
    run_fails(SBI_ERR_NOT_FOUND, "free_names");
    sbi_fit_options_init(&options);
    options.n_bounds = 1;
    options.bound_names = bad;
    options.bound_lower = options.bound_upper = value;
    run_fails(SBI_ERR_NOT_FOUND, "bound_names");
    sbi_fit_options_init(&options);
    const char *twice[2] = {"a", "a"}, *empty[2] = {"a", ""};
    objective.names = twice;
    run_fails(SBI_ERR_ARGUMENT, "parameters 0 and 1 are both named a");
    objective.names = empty;
    run_fails(SBI_ERR_ARGUMENT, "names[1]");
}
END_TEST

START_TEST(values_and_bounds)
{
    start[1] = 11;
    run_fails(SBI_ERR_ARGUMENT, "p1: start value 11 is outside of [-10, 10]");
    start[1] = NAN;
    run_fails(SBI_ERR_ARGUMENT, "p1: start value is nan");
    start[1] = 0;
    lower[0] = 20;
    run_fails(SBI_ERR_ARGUMENT, "p0: lower bound 20 is above upper bound 10");
    lower[0] = NAN;
    run_fails(SBI_ERR_ARGUMENT, "p0: bounds are nan and 10");
    lower[0] = -10;
    double sigma[2] = {1, -1};
    objective.constraint_sigma = sigma;
    run_fails(SBI_ERR_ARGUMENT, "p1: constraint_sigma is -1");
    objective.constraint_sigma = NULL;
    objective.n_params = 0;
    run_fails(SBI_ERR_ARGUMENT, "n_params is 0");
    objective.n_params = 2;
    objective.start = NULL;
    run_fails(SBI_ERR_ARGUMENT, "start is NULL");
    objective.start = start;
    objective.gradient = NULL;
    run_fails(SBI_ERR_ARGUMENT, "gradient is NULL");
}
END_TEST

START_TEST(null_handles)
{
    double x, e[4];
    size_t i;
    int32_t s[2];
    sbi_fit_interval interval = {0};
    sbi_fit_info info = {0};
    ck_fails(sbi_fit_run_objective(NULL, ctx, &objective, NULL), SBI_ERR_ARGUMENT, "out is NULL");
    ck_fails(sbi_fit_run_objective(&fit, NULL, &objective, NULL), SBI_ERR_ARGUMENT, "ctx is NULL");
    ck_fails(sbi_fit_run_objective(&fit, ctx, NULL, NULL), SBI_ERR_ARGUMENT, "objective is NULL");
    sbi_fit_destroy(NULL);
    ck_assert_int_eq(sbi_fit_reason(NULL), 0);
    ck_assert_str_eq(sbi_fit_message(NULL), "");
    ck_assert_uint_eq(sbi_fit_n_params(NULL), 0);
    ck_assert_ptr_null(sbi_fit_param_name(NULL, 0));
    ck_assert_ptr_null(sbi_fit_model(NULL));
    ck_fails(sbi_fit_get_info(NULL, &info), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_nll(NULL, &x), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_value(NULL, "p0", &x), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_error(NULL, "p0", &x), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_values(NULL, e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_errors(NULL, e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_param_states(NULL, s), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_covariance(NULL, e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_set_hessian(NULL, e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_minos(NULL, "p0", e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_profile(NULL, "p0", e, 1, e, NULL), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_minima(NULL, "p0", 0, 1, 9, 1, &i, e, e, NULL), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_impacts(NULL, "p0", e, e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_pulls(NULL, e, e), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_test_statistic(NULL, "p0", 0, SBI_STATISTIC_T, &x), SBI_ERR_ARGUMENT, "NULL");

    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
    ck_fails(sbi_fit_value(fit, "p0", NULL), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_value(fit, NULL, &x), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_value(fit, "p2", &x), SBI_ERR_NOT_FOUND, "'p2'");
    ck_fails(sbi_fit_minos(fit, "p0", NULL), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_fit_minos(fit, "mu", e), SBI_ERR_NOT_FOUND, "'mu'");
    ck_fails(sbi_fit_interval_at(fit, "p0", 1, &interval), SBI_ERR_ABI, "struct_size is 0");
    ck_fails(sbi_fit_get_info(fit, &info), SBI_ERR_ABI, "struct_size is 0");
    interval.struct_size = sizeof interval;
    ck_fails(sbi_fit_interval_at(fit, "p0", -1, &interval), SBI_ERR_ARGUMENT, "rise is -1");
    double out[1] = {10.5}, inside[1] = {1};
    ck_fails(sbi_fit_profile(fit, "p0", out, 1, e, NULL), SBI_ERR_ARGUMENT, "value 0 is 10.5, outside");
    ck_fails(sbi_fit_profile(fit, "p0", inside, 0, e, NULL), SBI_ERR_ARGUMENT, "n is 0");
    ck_fails(sbi_fit_minima(fit, "p0", 0, 11, 9, 1, &i, e, e, NULL), SBI_ERR_ARGUMENT, "[0, 11]");
    ck_fails(sbi_fit_minima(fit, "p0", 1, 0, 9, 1, &i, e, e, NULL), SBI_ERR_ARGUMENT, "[1, 0]");
    ck_fails(sbi_fit_minima(fit, "p0", 0, 1, 2, 1, &i, e, e, NULL), SBI_ERR_ARGUMENT, "n_grid is 2");
    ck_fails(sbi_fit_minima(fit, "p0", 0, 1, 9, 1, &i, NULL, e, NULL), SBI_ERR_ARGUMENT, "positions");
    ck_assert_ptr_null(sbi_fit_param_name(fit, 2));
    ck_assert_str_eq(sbi_fit_param_name(fit, 1), "p1");
    ck_ok(sbi_fit_param_index(fit, "p1", &i));
    ck_assert_uint_eq(i, 1);
    sbi_fit_destroy(fit);
    const char *name[1] = {"p0"};
    options.n_fixed = 1;
    options.fixed_names = name;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
    ck_fails(sbi_fit_minos(fit, "p0", e), SBI_ERR_STATE, "p0 is fixed at 0.5");
    sbi_fit_destroy(fit);
}
END_TEST

typedef struct interrupted {
    parabola *p;
    int calls, fail_at, cancel_at;
    double bad; /* returned as value from fail_at on, unless 0 */
} interrupted;

static sbi_status interrupted_gradient(void *user, const double *x, double *f, double *g)
{
    interrupted *s = user;
    s->calls++;
    sbi_status status = parabola_gradient(s->p, x, f, g);
    if (s->calls == s->cancel_at) sbi_context_cancel(ctx, 1);
    if (s->fail_at && s->calls >= s->fail_at) {
        if (s->bad == 0) return SBI_ERR_CALLBACK;
        *f = s->bad;
    }
    return status;
}

START_TEST(a_failing_callback_ends_the_fit)
{
    for (int at = 1; at < 5; at++) {
        interrupted s = {&two, 0, at, 0, 0};
        objective = fit_objective(2, start, interrupted_gradient, NULL, &s);
        fit = (sbi_fit *)&two;
        ck_assert_int_eq(sbi_fit_run_objective(&fit, ctx, &objective, NULL), SBI_ERR_CALLBACK);
        ck_assert_ptr_null(fit);
        ck_assert_int_eq(s.calls, at);
    }
}
END_TEST

START_TEST(cancelled_within_one_evaluation)
{
    for (int at = 1; at < 5; at++) {
        interrupted s = {&two, 0, 0, at, 0};
        objective = fit_objective(2, start, interrupted_gradient, NULL, &s);
        ck_assert_int_eq(sbi_fit_run_objective(&fit, ctx, &objective, NULL), SBI_ERR_CANCELLED);
        ck_assert_ptr_null(fit);
        ck_assert_int_eq(s.calls, at);
        sbi_context_cancel(ctx, 0);
    }
    /* A profile that is cancelled leaves the fit as it was. */
    interrupted s = {&two, 0, 0, 0, 0};
    objective = fit_objective(2, start, interrupted_gradient, NULL, &s);
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, NULL));
    double before[2], after[2], x[3] = {-1, 0, 1}, nll[3];
    ck_ok(sbi_fit_values(fit, before));
    s.cancel_at = s.calls + 2;
    ck_assert_int_eq(sbi_fit_profile(fit, "p0", x, 3, nll, NULL), SBI_ERR_CANCELLED);
    sbi_context_cancel(ctx, 0);
    ck_ok(sbi_fit_values(fit, after));
    ck_assert_mem_eq(before, after, sizeof before);
    ck_ok(sbi_fit_profile(fit, "p0", x, 3, nll, NULL));
    ck_assert_double_eq_tol(nll[0], 0.5, 1e-6);
    sbi_fit_destroy(fit);
}
END_TEST

/* An objective that becomes NaN, inf or -inf for good: the fit stops, and does not call the last good point converged. */
START_TEST(values_that_are_not_numbers)
{
    double bad[3] = {NAN, INFINITY, -INFINITY};
    interrupted s = {&two, 0, 4, 0, bad[_i]};
    objective = fit_objective(2, start, interrupted_gradient, NULL, &s);
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, NULL));
    ck_assert_msg(sbi_fit_reason(fit) >= 10, "%s", sbi_fit_message(fit));
    ck_assert_int_gt(fit_info(fit).infinite_evaluations, 0);
    ck_assert(isfinite(fit_info(fit).nll));
    sbi_fit_destroy(fit);
    s.calls = 0;
    s.fail_at = 1;
    ck_fails(sbi_fit_run_objective(&fit, ctx, &objective, NULL), SBI_ERR_VALUE, "not finite at the start");
}
END_TEST

/* What is written is what the fit says, for one with a covariance, and for one without. */
START_TEST(written_as_json)
{
    test_folder folder = folder_make();
    test_path path = folder_path(&folder, "fit.json");
    lower[0] = 0.2;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_AT_LIMIT);
    ck_ok(sbi_fit_write_json(fit, path.text));
    ck_ok(sbi_fit_write_json(fit, path.text)); /* over itself */
    ck_assert_int_eq(folder_count(&folder), 1);
    json_t *root;
    ck_ok(sbi_json_load(&root, ctx, path.text));
    sbi_fit_info info = fit_info(fit);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "reason")), SBI_FIT_AT_LIMIT);
    ck_assert_str_eq(json_string_value(json_object_get(root, "message")), sbi_fit_message(fit));
    ck_assert_double_eq(json_real_value(json_object_get(root, "nll")), info.nll);
    ck_assert_double_eq(json_real_value(json_object_get(root, "edm")), info.edm);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(root, "evaluations"), "hessian")), info.hessian_evaluations);
    json_t *parameters = json_object_get(root, "parameters"), *second = json_array_get(parameters, 1);
    double x[2], e[2];
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_assert_uint_eq(json_array_size(parameters), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(parameters, 0), "state")), "at lower limit");
    ck_assert_str_eq(json_string_value(json_object_get(second, "name")), "p1");
    ck_assert_double_eq(json_real_value(json_object_get(second, "value")), x[1]);
    ck_assert_double_eq(json_real_value(json_object_get(second, "error")), e[1]);
    ck_assert(json_is_null(json_object_get(second, "pull")));
    ck_assert_double_eq_tol(json_real_value(json_array_get(json_array_get(json_object_get(root, "covariance"), 1), 1)), e[1] * e[1], 1e-12);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "minima")), 1);
    ck_assert_uint_eq(json_object_size(json_object_get(json_object_get(root, "curvature"), "direction")), 1);
    json_decref(root);
    sbi_fit_destroy(fit);

    options.flags = SBI_FIT_NO_HESSIAN;
    options.method = SBI_FIT_QUASI_NEWTON;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
    ck_ok(sbi_fit_write_json(fit, path.text));
    ck_ok(sbi_json_load(&root, ctx, path.text));
    ck_assert(json_is_null(json_object_get(root, "covariance")));
    ck_assert(json_is_null(json_object_get(json_array_get(json_object_get(root, "parameters"), 1), "error")));
    json_decref(root);
    ck_fails(sbi_fit_write_json(fit, NULL), SBI_ERR_ARGUMENT, "path is NULL");
    ck_fails(sbi_fit_write_json(NULL, path.text), SBI_ERR_ARGUMENT, "fit");
    test_path nowhere = folder_path(&folder, "no/such/folder/fit.json");
    ck_fails(sbi_fit_write_json(fit, nowhere.text), SBI_ERR_NOT_FOUND, "no/such/folder");
    sbi_fit_destroy(fit);
    folder_remove(&folder);
}
END_TEST

/* One status and one line for each. */
START_TEST(what_users_get_wrong)
{
    const char *name[2] = {"p0", "p1"};
    double low[1] = {3}, high[1] = {1}, nan[1] = {NAN}, outside[1] = {99}, x;
    options.n_bounds = 1;
    options.bound_names = name;
    options.bound_lower = low;
    options.bound_upper = high;
    run_fails(SBI_ERR_ARGUMENT, "p0: lower bound 3 is above upper bound 1");
    options.bound_upper = nan;
    run_fails(SBI_ERR_ARGUMENT, "p0: bounds are 3 and nan");
    sbi_fit_options_init(&options);
    options.n_start = 1;
    options.start_names = name;
    options.start_values = outside;
    run_fails(SBI_ERR_ARGUMENT, "p0: start value 99 is outside of [-10, 10]");
    options.start_values = nan;
    run_fails(SBI_ERR_ARGUMENT, "p0: start value is nan");
    sbi_fit_options_init(&options);
    options.n_fixed = 1;
    options.fixed_names = name;
    options.fixed_values = outside;
    run_fails(SBI_ERR_ARGUMENT, "p0: start value 99");
    sbi_fit_options_init(&options);
    options.error_level = NAN;
    run_fails(SBI_ERR_ARGUMENT, "error_level is nan");
    options.error_level = INFINITY;
    run_fails(SBI_ERR_ARGUMENT, "error_level is inf");
    sbi_fit_options_init(&options);
    options.tolerance = -1;
    run_fails(SBI_ERR_ARGUMENT, "tolerance is -1");
    sbi_fit_options_init(&options);
    options.method = SBI_FIT_FULL_NEWTON + 1;
    run_fails(SBI_ERR_ARGUMENT, "method is 4");
    /* Nothing free is no error, and says so. */
    sbi_fit_options_init(&options);
    options.n_fixed = 2;
    options.fixed_names = name;
    for (int method = 0; method < 4; method++) {
        options.method = method;
        objective.hvp = parabola_hvp;
        ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
        ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_ALL_FIXED);
        ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), "no free parameter"));
        ck_assert_uint_eq(sbi_fit_n_minima(fit), 0);
        ck_fails(sbi_fit_covariance_row(fit, "p0", &x), SBI_ERR_STATE, "p0 is fixed");
        sbi_fit_destroy(fit);
    }
    for (const char *line = sbi_last_error(); *line; line++) ck_assert_int_ne(*line, '\n');
}
END_TEST

/* An older caller's struct is filled as far as it goes. */
START_TEST(information_of_other_sizes)
{
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
    union {
        sbi_fit_info info;
        unsigned char bytes[sizeof(sbi_fit_info) + 16];
    } u;
    memset(&u, 0xee, sizeof u);
    u.info.struct_size = (uint32_t)offsetof(sbi_fit_info, hvp_evaluations);
    ck_ok(sbi_fit_get_info(fit, &u.info));
    ck_assert_int_eq(u.info.reason, SBI_FIT_CONVERGED);
    ck_assert_int_eq(u.info.struct_size, offsetof(sbi_fit_info, hvp_evaluations));
    for (size_t i = offsetof(sbi_fit_info, hvp_evaluations); i < sizeof u; i++) ck_assert_uint_eq(u.bytes[i], 0xee);
    memset(&u, 0xee, sizeof u);
    u.info.struct_size = sizeof u;
    ck_ok(sbi_fit_get_info(fit, &u.info));
    ck_assert_int_eq(u.info.n_minima, 1);
    for (size_t i = sizeof u.info; i < sizeof u; i++) ck_assert_uint_eq(u.bytes[i], 0xee);
    sbi_fit_destroy(fit);
}
END_TEST

static sbi_status everything(sbi_context *c, void *arg)
{
    double x[3] = {-1, 0, 1}, nll[3], error[2], at[3], params[6];
    size_t found;
    sbi_fit *f;
    objective.hessian = NULL;
    objective.hvp = parabola_hvp;
    options.n_starts = 3;
    options.method = *(const int32_t *)arg;
    sbi_status status = sbi_fit_run_objective(&f, c, &objective, &options);
    if (status != SBI_OK) {
        ck_assert_ptr_null(f);
        return status;
    }
    status = sbi_fit_minos(f, "p0", error);
    if (status == SBI_OK) status = sbi_fit_covariance_row(f, "p0", at);
    if (status == SBI_OK) status = sbi_fit_hessian(f, NULL, NULL);
    if (status == SBI_OK) status = sbi_fit_profile(f, "p0", x, 3, nll, NULL);
    if (status == SBI_OK) status = sbi_fit_minima(f, "p0", -2, 2, 5, 3, &found, at, nll, params);
    if (status == SBI_OK) status = sbi_fit_test_statistic(f, "p0", 1, SBI_STATISTIC_T, at);
    sbi_fit_destroy(f);
    return status;
}

START_TEST(out_of_memory)
{
    int32_t method = _i / 2 ? SBI_FIT_TRUNCATED_NEWTON : SBI_FIT_NEWTON;
    torture_report report = torture_allocations(everything, &method, 1, _i % 2);
    ck_assert_int_gt(report.requests, 20);
    ck_assert_int_eq(report.tolerated, 0);
}
END_TEST

static sbi_status write_file(sbi_context *c, void *path)
{
    sbi_fit *f;
    sbi_status status = sbi_fit_run_objective(&f, c, &objective, &options);
    if (status != SBI_OK) return status;
    status = sbi_fit_write_json(f, path);
    sbi_fit_destroy(f);
    return status;
}

START_TEST(out_of_memory_while_writing)
{
    test_folder folder = folder_make();
    test_path path = folder_path(&folder, "fit.json");
    ck_assert_int_gt(torture_allocations(write_file, path.text, 1, _i).requests, 15);
    ck_assert_int_eq(folder_count(&folder), 1); /* the last run's, and nothing that was begun */
    folder_remove(&folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_input");
    TCase *tc = tcase_create("input");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, initialisers_agree);
    tcase_add_test(tc, option_structs_of_other_sizes);
    tcase_add_test(tc, options_out_of_range);
    tcase_add_test(tc, parameter_names);
    tcase_add_test(tc, values_and_bounds);
    tcase_add_test(tc, null_handles);
    tcase_add_test(tc, a_failing_callback_ends_the_fit);
    tcase_add_test(tc, cancelled_within_one_evaluation);
    tcase_add_loop_test(tc, values_that_are_not_numbers, 0, 3);
    tcase_add_loop_test(tc, out_of_memory, 0, 4);
    tcase_add_loop_test(tc, out_of_memory_while_writing, 0, 2);
    tcase_add_test(tc, written_as_json);
    tcase_add_test(tc, what_users_get_wrong);
    tcase_add_test(tc, information_of_other_sizes);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
