/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of models: what the adapter hands over, and fits whose answer is known. */
#include "fit_problems.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#include "sbi/interval.h"
#include "sbi/model.h"

#define N_EVENTS 400

static double ones[N_EVENTS], shape[N_EVENTS], up[N_EVENTS], down[N_EVENTS];

static sbi_array column(const double *data)
{
    return sbi_array_1d(data, SBI_F64, N_EVENTS);
}

static void fill(void)
{
    for (int i = 0; i < N_EVENTS; i++) {
        double x = (i + 0.5) / N_EVENTS;
        ones[i] = 1;
        shape[i] = 2 * x;
        up[i] = 1 + 0.1 * sin(6 * x);
        down[i] = 1 / up[i];
    }
}

/* mu S + B of equal shape: a counting experiment. */
static sbi_status counting(sbi_model **out, sbi_context *ctx, double signal, double background, const char *factor)
{
    *out = NULL;
    sbi_model *m;
    sbi_status status = sbi_model_create(&m, ctx);
    if (status != SBI_OK) return status;
    sbi_parameter mu, alpha;
    sbi_parameter_init(&mu);
    sbi_parameter_init(&alpha);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    mu.lower = 0;
    mu.upper = 20;
    alpha.auxiliary = 0.5;
    alpha.start = 0.5;
    alpha.sigma = 2;
    size_t channel = 0, s = 0, b = 0;
    sbi_array r = column(ones);
    status = sbi_model_add_parameter(m, "mu", &mu);
    if (status == SBI_OK) status = sbi_model_add_parameter(m, "JES", &alpha);
    if (status == SBI_OK) status = sbi_model_set_poi(m, "mu");
    if (status == SBI_OK) status = sbi_model_add_channel(m, "SR", N_EVENTS, NULL, NULL, 0, &channel);
    if (status == SBI_OK) status = sbi_model_add_sample(m, channel, "S", signal, factor, &r, NULL, &s);
    if (status == SBI_OK) status = sbi_model_add_sample(m, channel, "B", background, NULL, &r, NULL, &b);
    if (status == SBI_OK) status = sbi_model_add_normsys(m, channel, b, "JES", 1.1, 1 / 1.1);
    if (status == SBI_OK) status = sbi_model_seal(m);
    if (status != SBI_OK) {
        sbi_model_destroy(m);
        return status;
    }
    *out = m;
    return SBI_OK;
}

/* N = 400 events, 10 mu + 300: the data and the constraint are both met, so mu = 10, JES at its auxiliary value; the
 * covariance follows from H = [[S^2/N, S B'/N], [S B'/N, B'^2/N + 1/sigma^2]] with B' = dB/dJES. */
START_TEST(counting_experiment)
{
    sbi_context *ctx = fit_context();
    sbi_model *model;
    double B0 = 300, aux = 0.5, sigma = 2, S = 10;
    ck_ok(counting(&model, ctx, S, B0, "mu"));
    const sbi_model *same = model;
    sbi_fit *fit;
    ck_ok(sbi_fit_run(&fit, same, NULL));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_assert_ptr_eq(sbi_fit_model(fit), same);
    ck_assert_str_eq(sbi_fit_param_name(fit, 1), "JES");
    double x[2], V[4], pull[2], constraint[2], H[4], lower[2], upper[2];
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_get_hessian(fit, H));
    ck_assert_double_eq_tol(x[1], aux, 1e-4);
    /* Exactly ln-linear variations make code 4 an exponential. */
    double B = B0 * pow(1.1, aux), slope = B * log(1.1);
    ck_assert_double_eq_tol(x[0], (N_EVENTS - B) / S, 1e-4);
    double a = S * S / N_EVENTS, b = S * slope / N_EVENTS, d = slope * slope / N_EVENTS + 1 / (sigma * sigma);
    ck_assert_double_eq_tol(H[0], a, 1e-6);
    ck_assert_double_eq_tol(H[1], b, 1e-6);
    ck_assert_double_eq_tol(H[3], d, 1e-5);
    ck_ok(sbi_fit_covariance(fit, V));
    ck_assert_double_eq_tol(V[0], d / (a * d - b * b), 1e-3);
    ck_ok(sbi_fit_pulls(fit, pull, constraint));
    ck_assert_double_eq_tol(pull[1], 0, 1e-4);
    ck_assert_double_eq_tol(constraint[1], sqrt(V[3]) / sigma, 1e-12);
    ck_assert(isnan(pull[0]));
    ck_ok(sbi_fit_bounds(fit, lower, upper));
    ck_assert_double_eq(lower[0], 0);
    ck_assert_double_eq(upper[0], 20);
    ck_assert_double_eq(lower[1], -5);
    sbi_fit_destroy(fit);

    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    const char *fixed[1] = {"JES"};
    opt.n_fixed = 1;
    opt.fixed_names = fixed;
    ck_ok(sbi_fit_run(&fit, model, &opt));
    double e;
    ck_ok(sbi_fit_error(fit, "mu", &e));
    ck_assert_double_eq_tol(e, sqrt((double)N_EVENTS) / S, 1e-6);
    sbi_fit_destroy(fit);
    fixed[0] = "JER";
    ck_fails(sbi_fit_run(&fit, model, &opt), SBI_ERR_NOT_FOUND, "'JER'");
    ck_assert_ptr_null(fit);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}
END_TEST

/* A model's products lead to the same place as its Hessians. */
START_TEST(products_of_a_model)
{
    sbi_context *ctx = fit_context();
    sbi_model *model;
    sbi_fit *full, *light;
    double x[2], y[2], V[4], row[2];
    ck_ok(counting(&model, ctx, 10, 300, "mu"));
    ck_ok(sbi_fit_run(&full, model, NULL));
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.method = SBI_FIT_TRUNCATED_NEWTON;
    ck_ok(sbi_fit_run(&light, model, &opt));
    ck_assert_msg(sbi_fit_reason(light) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(light));
    ck_assert_int_eq(fit_info(light).hessian_evaluations, 0);
    ck_ok(sbi_fit_values(full, x));
    ck_ok(sbi_fit_values(light, y));
    ck_ok(sbi_fit_covariance(full, V));
    ck_ok(sbi_fit_covariance_row(light, "mu", row));
    for (int k = 0; k < 2; k++) {
        ck_assert_double_eq_tol(x[k], y[k], 1e-4 * sqrt(V[3 * k]));
        ck_assert_double_eq_tol(row[k], V[k], 1e-5 * V[0]);
    }
    ck_fails(sbi_fit_covariance(light, V), SBI_ERR_STATE, "sbi_fit_hessian() does");
    ck_ok(sbi_fit_hessian(light, NULL, NULL));
    ck_ok(sbi_fit_covariance(light, V));
    ck_assert_double_eq_tol(row[0], V[0], 1e-5 * V[0]);
    sbi_fit_destroy(full);
    sbi_fit_destroy(light);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}
END_TEST

/* f = sqrt(mu) has no derivative at the limit mu = 0, where the minimum is (background above the data), and where
 * another fit starts. */
START_TEST(limit_of_a_square_root)
{
    sbi_context *ctx = fit_context();
    sbi_model *model;
    sbi_fit *fit;
    double mu;
    ck_ok(counting(&model, ctx, 20, 600, "sqrt(mu)"));
    ck_ok(sbi_fit_run(&fit, model, NULL));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_AT_LIMIT, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    ck_assert_double_le(mu, 1e-12);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    ck_ok(counting(&model, ctx, 50, 300, "sqrt(mu)"));
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    const char *name[1] = {"mu"};
    double zero[1] = {0};
    opt.n_start = 1;
    opt.start_names = name;
    opt.start_values = zero;
    ck_ok(sbi_fit_run(&fit, model, &opt));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    double root = (N_EVENTS - 300 * sqrt(1.1)) / 50;
    ck_assert_double_eq_tol(mu, root * root, 1e-3);
    /* The profile at the limit itself. */
    double at[2] = {0, 1}, nll[2];
    ck_ok(sbi_fit_profile(fit, "mu", at, 2, nll, NULL));
    ck_assert(isfinite(nll[0]) && nll[0] > nll[1]);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}
END_TEST

typedef struct shapes {
    double values[3], errors[3], H[9];
} shapes;

static shapes fit_shapes(int32_t threads)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    sbi_context *ctx;
    sbi_model *m;
    ck_ok(sbi_context_create(&ctx, &options));
    ck_ok(sbi_model_create(&m, ctx));
    sbi_parameter mu, alpha;
    sbi_parameter_init(&mu);
    sbi_parameter_init(&alpha);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 0.8;
    mu.lower = 0;
    mu.upper = 10;
    size_t channel, s, b;
    sbi_array one = column(ones), tilted = column(shape), high = column(up), low = column(down);
    ck_ok(sbi_model_add_parameter(m, "mu", &mu));
    ck_ok(sbi_model_add_parameter(m, "a", &alpha));
    ck_ok(sbi_model_add_parameter(m, "b", &alpha));
    ck_ok(sbi_model_add_channel(m, "SR", N_EVENTS, NULL, &one, 0, &channel));
    ck_ok(sbi_model_add_sample(m, channel, "S", 150, "mu - 0.3 * sqrt(mu)", &tilted, &tilted, &s));
    ck_ok(sbi_model_add_sample(m, channel, "B", 280, NULL, &one, &one, &b));
    ck_ok(sbi_model_add_normsys(m, channel, s, "a", 1.05, 0.96));
    ck_ok(sbi_model_add_eventsys(m, channel, b, "b", &high, &low, &high, &low, SBI_MORPH_RATIO));
    ck_ok(sbi_model_seal(m));
    sbi_fit *fit;
    ck_ok(sbi_fit_run(&fit, m, NULL));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    shapes r;
    ck_ok(sbi_fit_values(fit, r.values));
    ck_ok(sbi_fit_errors(fit, r.errors));
    ck_ok(sbi_fit_get_hessian(fit, r.H));
    sbi_fit_interval i;
    memset(&i, 0, sizeof i);
    i.struct_size = sizeof i;
    ck_ok(sbi_fit_interval_at(fit, "mu", NAN, &i));
    ck_assert_int_eq(i.side[0], SBI_FIT_SIDE_FOUND);
    ck_assert_double_eq_tol(i.error[1] / r.errors[0], 1, 0.2);
    /* Converged where no step of half a standard deviation leads down. */
    sbi_model_work *work;
    ck_ok(sbi_model_work_create(&work, m));
    double best, f;
    ck_ok(sbi_model_nll(work, r.values, &best, NULL));
    for (size_t k = 0; k < 3; k++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            double x[3] = {r.values[0], r.values[1], r.values[2]};
            x[k] += 0.5 * sign * r.errors[k];
            ck_ok(sbi_model_nll(work, x, &f, NULL));
            ck_assert_double_gt(f, best + 0.05);
        }
    }
    sbi_model_work_destroy(work);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
    return r;
}

START_TEST(same_bits_for_any_number_of_threads)
{
    shapes one = fit_shapes(1), two = fit_shapes(2), three = fit_shapes(3);
    ck_assert_mem_eq(&one, &two, sizeof one);
    ck_assert_mem_eq(&one, &three, sizeof one);
}
END_TEST

START_TEST(bad_handles)
{
    sbi_context *ctx = fit_context();
    sbi_fit *fit = (sbi_fit *)ones;
    sbi_model *model;
    ck_fails(sbi_fit_run(NULL, NULL, NULL), SBI_ERR_ARGUMENT, "out is NULL");
    ck_fails(sbi_fit_run(&fit, NULL, NULL), SBI_ERR_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(fit);
    ck_ok(sbi_model_create(&model, ctx));
    ck_assert_int_ne(sbi_fit_run(&fit, model, NULL), SBI_OK); /* not sealed */
    ck_assert_ptr_null(fit);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}
END_TEST

/* One channel of n events, a parameter mu from 0 to 4, and samples with factors of it. */
static void factors(sbi_model **out, sbi_context *ctx, int64_t n, const char *const *factor, const double *yield, size_t count)
{
    sbi_parameter mu;
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    mu.lower = 0;
    mu.upper = 4;
    size_t channel = 0, sample = 0;
    ck_ok(sbi_model_create(out, ctx));
    ck_ok(sbi_model_add_parameter(*out, "mu", &mu));
    ck_ok(sbi_model_add_channel(*out, "SR", n, NULL, NULL, 0, &channel));
    for (size_t i = 0; i < count; i++) {
        sbi_array ratio = sbi_array_1d(i ? ones : shape, SBI_F64, n);
        ck_ok(sbi_model_add_sample(*out, channel, i ? i == 1 ? "SBI" : "B" : "S", yield[i], factor[i], &ratio, NULL, &sample));
    }
    ck_ok(sbi_model_seal(*out));
}

/* S (mu - sqrt(mu)) + SBI sqrt(mu) + B (1 - sqrt(mu)) = 200 mu - 260 sqrt(mu) + 450 is 400 twice, at mu = 0.055 and 1.135; the shape of
 * S tells the two apart. */
START_TEST(interference_has_two_minima)
{
    static const char *const factor[3] = {"mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)"};
    static const double yield[3] = {200, 390, 450};
    sbi_context *ctx = fit_context();
    sbi_model *model;
    sbi_fit *fit;
    factors(&model, ctx, N_EVENTS, factor, yield, 3);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.n_starts = 20;
    opt.seed = 1;
    ck_ok(sbi_fit_run(&fit, model, &opt));
    ck_assert_msg(sbi_fit_n_minima(fit) == 2, "%s", sbi_fit_message(fit));
    ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), "20 starts led to 2 minima: global at mu = "));
    double at[2], position[4], nll[4];
    size_t found;
    ck_ok(sbi_fit_minima(fit, "mu", 0, 4, 201, 4, &found, position, nll, NULL));
    ck_assert_uint_eq(found, 2);
    size_t deeper = nll[1] < nll[0];
    for (size_t i = 0; i < 2; i++) {
        sbi_fit_minimum m = {.struct_size = sizeof m};
        ck_ok(sbi_fit_get_minimum(fit, i, &m, &at[i]));
        ck_assert_int_eq(m.is_global, i == 0);
        ck_assert_double_eq_tol(at[i], position[i == 0 ? deeper : 1 - deeper], 1e-4);
        ck_assert_double_eq_tol(m.nll, nll[i == 0 ? deeper : 1 - deeper], 1e-6);
    }
    double mu;
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    ck_assert_double_eq(mu, at[0]);
    sbi_confidence_set_options set_options = SBI_CONFIDENCE_SET_OPTIONS_INIT;
    set_options.n_grid = 101;
    set_options.cl = NAN;
    set_options.delta_t = 2 * fabs(nll[1] - nll[0]) + 0.3;
    sbi_confidence_set *set;
    ck_ok(sbi_confidence_set_find(&set, fit, "mu", &set_options));
    ck_assert_msg(sbi_confidence_set_n_intervals(set) == 2, "%s", sbi_confidence_set_message(set));
    sbi_confidence_set_destroy(set);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}
END_TEST

/* Without events the likelihood falls with every yield: the answer is the limit, and named. */
START_TEST(no_events)
{
    static const char *const factor[3] = {"mu", NULL, NULL};
    static const double yield[3] = {10, 2, 0};
    sbi_context *ctx = fit_context();
    sbi_model *model;
    sbi_fit *fit;
    double error[2];
    factors(&model, ctx, 0, factor, yield, 2);
    ck_ok(sbi_fit_run(&fit, model, NULL));
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_AT_LIMIT);
    ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), "mu at its lower limit 0"));
    ck_ok(sbi_fit_minos(fit, "mu", error));
    ck_assert_double_eq(error[0], 0);
    ck_assert_double_eq_tol(error[1], 0.05, 1e-5); /* 10 mu = 1/2 */
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status fit_once(sbi_context *ctx, void *arg)
{
    (void)arg;
    sbi_model *model;
    sbi_fit *fit;
    sbi_status status = counting(&model, ctx, 10, 300, "mu");
    if (status != SBI_OK) return SBI_ERR_NO_MEMORY; /* which failures a model reports is tested in its own room */
    status = sbi_fit_run(&fit, model, NULL);
    if (status == SBI_OK) sbi_fit_destroy(fit);
    else ck_assert_ptr_null(fit);
    sbi_model_destroy(model);
    return status;
}

START_TEST(out_of_memory)
{
    torture_report report = torture_allocations(fit_once, NULL, 1, _i);
    ck_assert_int_gt(report.requests, 20);
}
END_TEST

int main(void)
{
    fill();
    Suite *suite = suite_create("fit_model");
    TCase *tc = tcase_create("model");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, counting_experiment);
    tcase_add_test(tc, products_of_a_model);
    tcase_add_test(tc, limit_of_a_square_root);
    tcase_add_test(tc, interference_has_two_minima);
    tcase_add_test(tc, no_events);
    tcase_add_test(tc, same_bits_for_any_number_of_threads);
    tcase_add_test(tc, bad_handles);
    tcase_add_loop_test(tc, out_of_memory, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
