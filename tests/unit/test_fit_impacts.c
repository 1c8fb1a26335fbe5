/* SPDX-License-Identifier: Apache-2.0 */
/* Impacts: exact on parabolas, to first order on counts, against fits of data that were really shifted. */
#include "fit/selection.h"
#include "impact_problems.h"
#include "support/run_suite.h"

/* ---- parabolas -------------------------------------------------------------------------------------------------- */

START_TEST(every_way_on_a_parabola)
{
    sbi_context *ctx = fit_context();
    quadratic q;
    make_quadratic(&q);
    for (int l = 0; l < 2; l++) {
        const double level = l ? 2.0 : 0.5;
        sbi_fit *fit = fit_quadratic(ctx, &q, level);
        double V[N * N], best[N], again[N], post[N], pre[N];
        ck_ok(sbi_fit_covariance(fit, V));
        ck_ok(sbi_fit_values(fit, best));
        ck_ok(sbi_fit_impacts(fit, "mu", post, pre));
        for (int32_t method = SBI_IMPACT_POSTFIT_HESSIAN; method <= SBI_IMPACT_AUXILIARY; method++) {
            sbi_impacts *impacts = run_impacts(fit, method);
            ck_assert_uint_eq(sbi_impacts_count(impacts), 3);
            ck_assert_uint_eq(sbi_impacts_failures(impacts), 0);
            for (size_t i = 0; i < 3; i++) {
                sbi_impact m = get(impacts, i);
                const size_t k = m.parameter;
                ck_assert_str_eq(m.name, names[k]);
                if (i) ck_assert(m.size <= get(impacts, i - 1).size);
                double expected = V[k] / (2 * level) / q.sigma[k];
                if (method == SBI_IMPACT_POSTFIT || method == SBI_IMPACT_POSTFIT_HESSIAN) expected = post[k];
                if (method == SBI_IMPACT_PREFIT || method == SBI_IMPACT_PREFIT_HESSIAN) expected = pre[k];
                ck_assert_double_eq_tol(m.impact[1], expected, 1e-5 * sqrt(V[0]));
                ck_assert_double_eq_tol(m.impact[0], -expected, 1e-5 * sqrt(V[0]));
                ck_assert_double_eq_tol(m.size, fabs(expected), 1e-5 * sqrt(V[0]));
                ck_assert_double_eq_tol(m.pull, (best[k] - q.a[k]) / q.sigma[k], 1e-9);
                ck_assert_double_eq_tol(m.constrained, sqrt(V[k * N + k]) / q.sigma[k], 1e-9);
                ck_assert_str_eq(m.message[0], "");
            }
            sbi_impacts_destroy(impacts);
        }
        ck_ok(sbi_fit_values(fit, again)); /* the best fit stayed */
        ck_assert_mem_eq(best, again, sizeof best);
        sbi_fit_destroy(fit);
    }
    sbi_context_destroy(ctx);
}
END_TEST

/* Fits of an objective whose auxiliary observation is another one from the start. */
START_TEST(auxiliary_data_really_shifted)
{
    sbi_context *ctx = fit_context();
    quadratic q;
    make_quadratic(&q);
    sbi_fit *fit = fit_quadratic(ctx, &q, 0.5);
    sbi_impacts *impacts = run_impacts(fit, SBI_IMPACT_AUXILIARY);
    double best[N], shifted[N], shift[N];
    ck_ok(sbi_fit_values(fit, best));
    for (size_t i = 0; i < 3; i++) {
        sbi_impact m = get(impacts, i);
        for (int side = 0; side < 2; side++) {
            quadratic other = q;
            other.a[m.parameter] = m.moved[side];
            ck_assert_double_eq_tol(m.moved[side], q.a[m.parameter] + (side ? 1 : -1) * q.sigma[m.parameter], 1e-14);
            sbi_fit *refit = fit_quadratic(ctx, &other, 0.5);
            ck_ok(sbi_fit_values(refit, shifted));
            ck_ok(sbi_impacts_shift(impacts, i, side, shift));
            for (size_t j = 0; j < N; j++) ck_assert_double_eq_tol(shift[j], shifted[j] - best[j], 2e-6);
            sbi_fit_destroy(refit);
        }
    }
    sbi_impacts_destroy(impacts);
    sbi_fit_destroy(fit);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- binned models ------------------------------------------------------------------------------------------------ */

START_TEST(auxiliary_data_of_models)
{
    sbi_context *ctx = fit_context();
    sbi_model *m;
    bins d = off_centre;
    sbi_fit *fit = fit_bins(ctx, &m, &d);
    sbi_impacts *exact = run_impacts(fit, SBI_IMPACT_AUXILIARY), *linear = run_impacts(fit, SBI_IMPACT_AUXILIARY_HESSIAN);
    double mu, error;
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    ck_ok(sbi_fit_error(fit, "mu", &error));
    ck_assert_uint_eq(sbi_impacts_count(exact), 2 + BINS);
    for (size_t i = 0; i < 2 + BINS; i++) {
        sbi_impact e = get(exact, i), f = find(linear, e.name);
        for (int side = 0; side < 2; side++) {
            bins other = d;
            other.auxiliary[e.parameter - 1] = e.moved[side];
            ck_assert_msg(fabs(e.impact[side] - (mu_of(ctx, &other) - mu)) < 1e-5 * error, "%s", e.name);
            ck_assert_msg(fabs(e.impact[side] - f.impact[side]) < 0.15 * e.size, "%s: %g, to first order %g", e.name, e.impact[side],
                          f.impact[side]);
            ck_assert_double_eq(e.moved[side], f.moved[side]);
        }
        /* Up and down differ, their mean hardly from first order: what is left is of third order. */
        const double mean = 0.5 * (e.impact[1] - e.impact[0]);
        ck_assert_msg(fabs(mean - f.impact[1]) < 0.05 * e.size, "%s: mean %g, to first order %g", e.name, mean, f.impact[1]);
    }
    sbi_impacts_destroy(exact);
    sbi_impacts_destroy(linear);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(pulls_of_gammas)
{
    sbi_context *ctx = fit_context();
    sbi_model *m;
    bins d = off_centre;
    sbi_fit *fit = fit_bins(ctx, &m, &d);
    double x[3 + BINS], e[3 + BINS], pull[3 + BINS], constraint[3 + BINS];
    static const double tau[BINS] = {60, 50, 30, 20};
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_ok(sbi_fit_pulls(fit, pull, constraint));
    ck_assert(isnan(pull[0]) && isnan(constraint[0]));
    ck_assert_double_eq_tol(pull[2], log(x[2] / 1.05) / 0.1, 1e-12);
    ck_assert_double_eq_tol(constraint[2], e[2] / x[2] / 0.1, 1e-12);
    for (size_t i = 0; i < BINS; i++) {
        const double a = d.auxiliary[2 + i], s = sqrt(a / tau[i]);
        ck_assert_double_eq_tol(pull[3 + i], (x[3 + i] - a) / s, 1e-12);
        ck_assert_double_eq_tol(constraint[3 + i], e[3 + i] / s, 1e-12);
        ck_assert(constraint[3 + i] > 0.3 && constraint[3 + i] < 1.05);
    }
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- what cannot be ---------------------------------------------------------------------------------------------- */

START_TEST(failures_have_reasons)
{
    sbi_context *ctx = fit_context();
    sbi_model *m;
    bins d = off_centre;
    d.auxiliary[2] = 0; /* a control bin in which nothing was seen */
    d.auxiliary[3] = 0.01;
    sbi_fit *fit;
    m = make_bins(ctx, &d);
    static const char *const bound[] = {"alpha"};
    const double low[] = {-0.5}, high[] = {1.0};
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    options.n_bounds = 1;
    options.bound_names = bound;
    options.bound_lower = low;
    options.bound_upper = high;
    ck_ok(sbi_fit_run(&fit, m, &options));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s", sbi_fit_message(fit));
    sbi_impacts *impacts = run_impacts(fit, SBI_IMPACT_AUXILIARY);
    sbi_impact i = find(impacts, "gamma[0]");
    ck_assert_int_eq(i.reason[0], SBI_IMPACT_NO_WIDTH);
    ck_assert_int_eq(i.reason[1], SBI_IMPACT_NO_WIDTH);
    ck_assert(isnan(i.impact[0]) && isnan(i.size) && isnan(i.pull));
    ck_assert_str_eq(i.message[0], "the constraint has no width");
    i = find(impacts, "gamma[1]"); /* half a count, of which its standard deviation is taken away */
    ck_assert_int_eq(i.reason[0], SBI_IMPACT_NO_DATUM);
    ck_assert_ptr_nonnull(strstr(i.message[0], "auxiliary count of -"));
    ck_assert_int_lt(i.reason[1], 10);
    ck_assert_double_eq(i.size, fabs(i.impact[1]));
    ck_assert_uint_eq(sbi_impacts_failures(impacts), 3);
    ck_assert_str_eq(get(impacts, sbi_impacts_count(impacts) - 1).name, "gamma[0]");
    sbi_impacts_destroy(impacts);
    impacts = run_impacts(fit, SBI_IMPACT_PREFIT);
    i = find(impacts, "alpha");
    ck_assert_int_eq(i.reason[0], SBI_IMPACT_OUTSIDE_BOUNDS);
    ck_assert_ptr_nonnull(strstr(i.message[0], "[-0.5, 1]"));
    sbi_impacts_destroy(impacts);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* A likelihood that falls without limit once the auxiliary observation moves: the refit says so. */
static sbi_status cliff_gradient(void *user, const double *x, double *f, double *g)
{
    (void)user;
    const double t = x[1] - 0.2 * x[0];
    *f = 0.5 * x[0] * x[0] + 0.5 * t * t;
    g[0] = x[0] - 0.2 * t;
    g[1] = t;
    if (x[1] > 0.5) *f = INFINITY;
    return SBI_OK;
}

START_TEST(refits_that_fail_are_told)
{
    sbi_context *ctx = fit_context();
    static const char *const two[2] = {"mu", "alpha"};
    const double start[2] = {0.1, 0.1}, center[2] = {0, 0}, sigma[2] = {0, 1};
    sbi_objective o = fit_objective(2, start, cliff_gradient, NULL, NULL);
    o.names = two;
    o.constraint_center = center;
    o.constraint_sigma = sigma;
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, NULL));
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_CONVERGED);
    for (int32_t method = SBI_IMPACT_POSTFIT; method <= SBI_IMPACT_AUXILIARY; method += SBI_IMPACT_AUXILIARY - SBI_IMPACT_POSTFIT) {
        sbi_impacts *impacts = run_impacts(fit, method);
        sbi_impact i = get(impacts, 0);
        ck_assert_int_lt(i.reason[0], 10);
        ck_assert_int_ge(i.reason[1], 10);
        ck_assert(isnan(i.impact[1]));
        ck_assert_str_ne(i.message[1], "");
        ck_assert_uint_eq(sbi_impacts_failures(impacts), 1);
        sbi_impacts_destroy(impacts);
    }
    sbi_fit_destroy(fit);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(patterns)
{
    ck_assert(sbi_pattern_matches("JES_*", "JES_1"));
    ck_assert(sbi_pattern_matches("*", ""));
    ck_assert(sbi_pattern_matches("*", "anything"));
    ck_assert(sbi_pattern_matches("a*b*c", "a_bb_b_c"));
    ck_assert(!sbi_pattern_matches("a*b*c", "a_bb_b_cd"));
    ck_assert(sbi_pattern_matches("gamma[?]", "gamma[3]"));
    ck_assert(!sbi_pattern_matches("gamma[?]", "gamma[12]"));
    ck_assert(!sbi_pattern_matches("JES_*", "JER_1"));
    ck_assert(!sbi_pattern_matches("", "x"));
    ck_assert(!sbi_pattern_matches("JES", "JES_1"));
    ck_assert(sbi_pattern_matches("**1", "JES_11"));
}
END_TEST

START_TEST(bad_input)
{
    sbi_context *ctx = fit_context();
    quadratic q;
    make_quadratic(&q);
    sbi_fit *fit = fit_quadratic(ctx, &q, 0.5);
    sbi_impacts *i;
    sbi_breakdown *b;
    sbi_impacts_options o = SBI_IMPACTS_OPTIONS_INIT, same;
    memset(&same, 0xff, sizeof same);
    sbi_impacts_options_init(&same);
    ck_assert_mem_eq(&o, &same, sizeof o);
    ck_fails(sbi_impacts_run(NULL, fit, "mu", NULL), SBI_ERR_ARGUMENT, "out is NULL");
    ck_fails(sbi_impacts_run(&i, NULL, "mu", NULL), SBI_ERR_ARGUMENT, "fit is NULL");
    ck_assert_ptr_null(i);
    ck_fails(sbi_impacts_run(&i, fit, "nu", NULL), SBI_ERR_NOT_FOUND, "'nu'");
    o.method = 7;
    ck_fails(sbi_impacts_run(&i, fit, "mu", &o), SBI_ERR_ARGUMENT, "method is 7");
    o.method = SBI_IMPACT_POSTFIT;
    o.n_patterns = 1;
    ck_fails(sbi_impacts_run(&i, fit, "mu", &o), SBI_ERR_ARGUMENT, "patterns is NULL");
    static const char *const nothing[] = {"JER_*"}, *const poi[] = {"mu"}, *const all[] = {"*"};
    o.patterns = nothing;
    ck_fails(sbi_impacts_run(&i, fit, "mu", &o), SBI_ERR_NOT_FOUND, "'JER_*'");
    o.patterns = poi;
    ck_fails(sbi_impacts_run(&i, fit, "mu", &o), SBI_ERR_ARGUMENT, "mu is the parameter of interest");
    o.patterns = all; /* parameters without constraint have errors, too */
    ck_ok(sbi_impacts_run(&i, fit, "mu", &o));
    ck_assert_uint_eq(sbi_impacts_count(i), N - 1);
    sbi_impact impact = {.struct_size = 8};
    ck_fails(sbi_impacts_get(i, 0, &impact), SBI_ERR_ABI, "struct_size is 8");
    impact.struct_size = (uint32_t)sizeof impact;
    ck_fails(sbi_impacts_get(i, 4, &impact), SBI_ERR_ARGUMENT, "rank is 4");
    double shift[N];
    ck_fails(sbi_impacts_shift(i, 0, 2, shift), SBI_ERR_ARGUMENT, "side is 2");
    sbi_impacts_destroy(i);
    sbi_impacts_destroy(NULL);
    ck_assert_uint_eq(sbi_impacts_count(NULL), 0);

    static const char *const jes[] = {"JES_*"}, *const one[] = {"JES_1"};
    sbi_parameter_group g[2] = {{(uint32_t)sizeof g[0], 0, "a", 1, jes}, {(uint32_t)sizeof g[0], 0, "b", 1, one}};
    ck_fails(sbi_breakdown_run(&b, fit, "mu", g, 2), SBI_ERR_EXISTS, "group b: sbi_breakdown_run: 'JES_1' matches JES_1");
    ck_assert_ptr_null(b);
    g[1].name = "a";
    ck_fails(sbi_breakdown_run(&b, fit, "mu", g, 2), SBI_ERR_EXISTS, "named a");
    g[0].name = "total";
    ck_fails(sbi_breakdown_run(&b, fit, "mu", g, 1), SBI_ERR_EXISTS, "named total");
    g[0].name = "";
    ck_fails(sbi_breakdown_run(&b, fit, "mu", g, 1), SBI_ERR_ARGUMENT, "group 0");
    g[0].name = "a";
    g[0].patterns = nothing;
    ck_fails(sbi_breakdown_run(&b, fit, "mu", g, 1), SBI_ERR_NOT_FOUND, "group a");
    g[0].struct_size = 0;
    ck_fails(sbi_breakdown_run(&b, fit, "mu", g, 1), SBI_ERR_ABI, "struct_size is 0");
    ck_fails(sbi_breakdown_run(&b, fit, "mu", NULL, 1), SBI_ERR_ARGUMENT, "groups is NULL");
    ck_ok(sbi_breakdown_run(&b, fit, "mu", NULL, 0));
    sbi_breakdown_entry e = {.struct_size = (uint32_t)sizeof e};
    ck_fails(sbi_breakdown_get(b, 3, &e), SBI_ERR_ARGUMENT, "index is 3");
    sbi_breakdown_destroy(b);
    sbi_breakdown_destroy(NULL);
    sbi_fit_destroy(fit);

    /* A fixed parameter of interest, and a fixed nuisance parameter by name and by pattern. */
    sbi_objective objective = fit_objective(N, q.c, quadratic_gradient, quadratic_hessian, &q);
    objective.names = names;
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    static const char *const fixed[2] = {"mu", "JES_1"};
    options.n_fixed = 2;
    options.fixed_names = fixed;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, &options));
    ck_fails(sbi_impacts_run(&i, fit, "mu", NULL), SBI_ERR_STATE, "mu is fixed");
    ck_fails(sbi_breakdown_run(&b, fit, "mu", NULL, 0), SBI_ERR_STATE, "mu is fixed");
    o.patterns = one;
    ck_fails(sbi_impacts_run(&i, fit, "free", &o), SBI_ERR_STATE, "JES_1 is fixed");
    o.patterns = jes;
    ck_ok(sbi_impacts_run(&i, fit, "free", &o));
    ck_assert_uint_eq(sbi_impacts_count(i), 1);
    sbi_impacts_destroy(i);
    sbi_fit_destroy(fit);
    int32_t kinds[N] = {9, 9, 9, 9, 9};
    objective.constraint_kind = kinds;
    objective.constraint_sigma = q.sigma;
    ck_fails(sbi_fit_run_objective(&fit, ctx, &objective, NULL), SBI_ERR_ARGUMENT, "constraint_kind is 9");
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_impacts");
    TCase *tc = tcase_create("impacts");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, every_way_on_a_parabola);
    tcase_add_test(tc, auxiliary_data_really_shifted);
    tcase_add_test(tc, auxiliary_data_of_models);
    tcase_add_test(tc, pulls_of_gammas);
    tcase_add_test(tc, failures_have_reasons);
    tcase_add_test(tc, refits_that_fail_are_told);
    tcase_add_test(tc, patterns);
    tcase_add_test(tc, bad_input);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
