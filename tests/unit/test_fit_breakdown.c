/* SPDX-License-Identifier: Apache-2.0 */
/* Breakdowns of an uncertainty add up, and agree with fits of data that were really shifted. */
#include "impact_problems.h"
#include "support/run_suite.h"

START_TEST(breakdown_of_a_parabola)
{
    static const char *const jes[] = {"JES_*"}, *const free_one[] = {"free"};
    sbi_context *ctx = fit_context();
    quadratic q;
    make_quadratic(&q);
    sbi_parameter_group groups[2] = {{(uint32_t)sizeof groups[0], 0, "jets", 1, jes}, {(uint32_t)sizeof groups[0], 0, "background", 1, free_one}};
    for (int l = 0; l < 2; l++) {
        sbi_fit *fit = fit_quadratic(ctx, &q, l ? 2.0 : 0.5);
        sbi_breakdown *b;
        double V[N * N], sum = 0;
        ck_ok(sbi_fit_covariance(fit, V));
        ck_ok(sbi_breakdown_run(&b, fit, "mu", groups, 2));
        ck_assert_uint_eq(sbi_breakdown_count(b), 5);
        static const char *const expected[5] = {"jets", "background", "other", "statistical", "total"};
        static const int32_t members[5] = {2, 1, 1, 2, 5};
        for (size_t i = 0; i < 5; i++) {
            ck_assert_str_eq(line(b, i).name, expected[i]);
            ck_assert_int_eq(line(b, i).n_parameters, members[i]);
            if (i < 4) sum += line(b, i).variance;
        }
        ck_assert_double_eq_tol(sum / line(b, 4).variance, 1, 1e-12);
        ck_assert_double_eq_tol(line(b, 4).variance, V[0], 1e-14);
        ck_assert_double_eq(line(b, 1).variance, 0); /* without a constraint: part of the statistical uncertainty */
        ck_assert_double_gt(line(b, 1).conventional, 0);
        sbi_impacts *impacts = run_impacts(fit, SBI_IMPACT_AUXILIARY);
        const double scale = l ? 4 : 1, a = find(impacts, "JES_1").impact[1], c = find(impacts, "JES_2").impact[1];
        ck_assert_double_eq_tol(line(b, 0).variance, scale * (a * a + c * c), 1e-5 * V[0]);
        ck_assert_double_eq_tol(line(b, 2).variance, scale * pow(find(impacts, "lumi").impact[1], 2), 1e-5 * V[0]);
        sbi_impacts_destroy(impacts);
        /* Held at its best value: a fit with it fixed has that error. */
        sbi_objective o = fit_objective(N, q.c, quadratic_gradient, quadratic_hessian, &q);
        sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
        double error;
        static const char *const fixed[2] = {"JES_1", "JES_2"};
        o.names = names;
        options.error_level = l ? 2.0 : 0.5;
        options.n_fixed = 2;
        options.fixed_names = fixed;
        sbi_fit *without;
        ck_ok(sbi_fit_run_objective(&without, ctx, &o, &options));
        ck_ok(sbi_fit_error(without, "mu", &error));
        ck_assert_double_eq_tol(line(b, 0).without, error, 1e-12);
        ck_assert_double_eq_tol(line(b, 0).conventional, sqrt(V[0] - error * error), 1e-11);
        sbi_fit_destroy(without);
        sbi_breakdown_destroy(b);
        sbi_fit_destroy(fit);
    }
    sbi_context_destroy(ctx);
}
END_TEST

/* On Asimov data every term is at its own minimum: the shifted observations, bin by bin, are the statistical part. */
START_TEST(breakdown_agrees_with_shifted_data)
{
    sbi_context *ctx = fit_context();
    static const char *const gammas[] = {"gamma[?]"}, *const both[] = {"alpha", "k"};
    sbi_parameter_group groups[2] = {{(uint32_t)sizeof groups[0], 0, "MC statistics", 1, gammas}, {(uint32_t)sizeof groups[0], 0, "theory", 2, both}};
    const double theta[3 + BINS] = {1.4, 0.2, 1.05, 1.1, 0.95, 1, 0.9};
    bins d = off_centre;
    for (size_t i = 0; i < BINS; i++) d.auxiliary[2 + i] = theta[3 + i];
    d.auxiliary[0] = theta[1];
    d.auxiliary[1] = theta[2];
    sbi_model *m = make_bins(ctx, &d);
    ck_ok(sbi_model_expected(m, 0, theta, d.observed, NULL));
    sbi_model_destroy(m);
    sbi_fit *fit = fit_bins(ctx, &m, &d);
    sbi_breakdown *b;
    double sum = 0, parts[3] = {0, 0, 0};
    ck_ok(sbi_breakdown_run(&b, fit, "mu", groups, 2));
    ck_assert_uint_eq(sbi_breakdown_count(b), 4);
    for (size_t i = 0; i < 3; i++) sum += line(b, i).variance;
    ck_assert_double_eq_tol(sum / line(b, 3).variance, 1, 1e-10);
    ck_assert_str_eq(line(b, 2).name, "statistical");
    /* Shifts of a tenth of each width: the first order is what adds up. */
    const double h = 0.05;
    static const double tau[BINS] = {60, 50, 30, 20};
    for (size_t i = 0; i < 2 + 2 * BINS; i++) {
        bins up = d, down = d;
        const size_t bin = (i - 2) % BINS, part = i < 2 ? 1 : i < 2 + BINS ? 0 : 2;
        double *u = i < 2 + BINS ? &up.auxiliary[i] : &up.observed[bin], *v = i < 2 + BINS ? &down.auxiliary[i] : &down.observed[bin];
        const double width = i == 0 ? 1 : i == 1 ? 0.1 * *u : i < 2 + BINS ? sqrt(*u / tau[bin]) : sqrt(*u);
        *u += h * width;
        *v -= h * width;
        parts[part] += pow((mu_of(ctx, &up) - mu_of(ctx, &down)) / (2 * h), 2);
    }
    for (size_t i = 0; i < 3; i++)
        ck_assert_msg(fabs(parts[i] / line(b, i).variance - 1) < 2e-3, "%s: %g from shifted data, %g", line(b, i).name, parts[i],
                      line(b, i).variance);
    sbi_breakdown_destroy(b);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* With constraints off their centres too it adds up. */
START_TEST(breakdown_adds_up_anywhere)
{
    sbi_context *ctx = fit_context();
    sbi_model *m;
    bins d = off_centre;
    sbi_fit *fit = fit_bins(ctx, &m, &d);
    sbi_breakdown *b;
    ck_ok(sbi_breakdown_run(&b, fit, "mu", NULL, 0));
    ck_assert_uint_eq(sbi_breakdown_count(b), 3);
    ck_assert_str_eq(line(b, 0).name, "other");
    ck_assert_double_eq_tol((line(b, 0).variance + line(b, 1).variance) / line(b, 2).variance, 1, 1e-10);
    /* The conventional statistical part ignores what the nuisance parameters take from the data: it is the smaller one. */
    ck_assert_double_lt(line(b, 1).conventional, line(b, 1).uncertainty);
    /* The systematic part of the whole covariance, by the shifts. */
    sbi_impacts *impacts = run_impacts(fit, SBI_IMPACT_AUXILIARY_HESSIAN);
    double shift[3 + BINS], sum = 0;
    for (size_t i = 0; i < sbi_impacts_count(impacts); i++) {
        ck_ok(sbi_impacts_shift(impacts, i, 1, shift));
        sum += shift[0] * shift[0];
    }
    ck_assert_double_eq_tol(sum / line(b, 0).variance, 1, 1e-12);
    sbi_impacts_destroy(impacts);
    sbi_breakdown_destroy(b);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_breakdown");
    TCase *tc = tcase_create("breakdown");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, breakdown_of_a_parabola);
    tcase_add_test(tc, breakdown_agrees_with_shifted_data);
    tcase_add_test(tc, breakdown_adds_up_anywhere);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
