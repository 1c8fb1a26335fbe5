/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of the off-shell model with exact ratios, no network involved: the model at alpha = 0 is the exact curve; both minima of
 * interference are found; mu-hat has pulls of unit width. Seeds are fixed, so each test passes or fails the same way each time. */
#include "offshell_model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sbi/fit.h"
#include "sbi/model.h"
#include "support/run_suite.h"

enum { INTEGRATION = 20000, ASIMOV = 20000, POINTS = 25, MINIMA = 8 };
static const double MU_MAX = 2.5;

static sbi_context *ctx;

static void setup(void)
{
    OK(sbi_context_create(&ctx, NULL));
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

static columns make_asimov(const offshell_simulator *simulator, double mu)
{
    offshell_point *point;
    ck_assert_int_eq(offshell_point_create(&point, simulator, mu, NULL), SBI_OK);
    columns c = make_columns(simulator, &(offshell_sample){.kind = OFFSHELL_ASIMOV, .point = point, .total = ASIMOV}, ASIMOV);
    offshell_point_destroy(point);
    return c;
}

/* A fit from one mu; with alphas held at 0 or free. */
static sbi_fit *run_fit(const sbi_model *model, const offshell_simulator *simulator, double start, int hold_alphas)
{
    static const char *const name[1] = {"mu"};
    const double zeros[K] = {0};
    const char *alphas[K];
    sbi_fit_options o = SBI_FIT_OPTIONS_INIT;
    sbi_fit *fit;
    for (int k = 0; k < K; k++) alphas[k] = offshell_nuisance_of(simulator, k)->name;
    o.n_start = 1;
    o.start_names = name;
    o.start_values = &start;
    o.n_fixed = hold_alphas ? K : 0;
    o.fixed_names = alphas;
    o.fixed_values = zeros;
    OK(sbi_fit_run(&fit, model, &o));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s", sbi_fit_message(fit));
    return fit;
}

/* The deeper of fits from both sides of the barrier. */
static sbi_fit *deepest_fit(const sbi_model *model, const offshell_simulator *simulator, int hold_alphas)
{
    sbi_fit *low = run_fit(model, simulator, 0.05, hold_alphas), *high = run_fit(model, simulator, 2.0, hold_alphas);
    double a, b;
    OK(sbi_fit_nll(low, &a));
    OK(sbi_fit_nll(high, &b));
    sbi_fit_destroy(a < b ? high : low);
    return a < b ? low : high;
}

/* t_mu of the model, alphas at 0, against offshell_curve(): two programs with nothing in common but the columns. */
static void compare_curves(const offshell_simulator *simulator, const columns *data, const columns *integration)
{
    const double *ratio[P];
    double mu[POINTS], exact[POINTS], nll[POINTS], best;
    sbi_model *model = make_model(ctx, simulator, data, integration, NULL, 0);
    sbi_fit *fit = deepest_fit(model, simulator, 1);
    for (int p = 0; p < P; p++) ratio[p] = data->ratio[p];
    for (int i = 0; i < POINTS; i++) mu[i] = 0.002 + (MU_MAX - 0.002) * i / (POINTS - 1);
    ck_assert_int_eq(offshell_curve(simulator, ratio, data->weight, data->n, MU_MAX, mu, POINTS, exact), SBI_OK);
    OK(sbi_fit_nll(fit, &best));
    OK(sbi_fit_profile(fit, "mu", mu, POINTS, nll, NULL));
    for (int i = 0; i < POINTS; i++)
        ck_assert_msg(fabs(2.0 * (nll[i] - best) - exact[i]) < 1e-8, "t(%.3f) = %.12f, exact %.12f", mu[i],
                      2.0 * (nll[i] - best), exact[i]);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
}

START_TEST(model_at_alpha_zero_is_the_exact_curve)
{
    offshell_simulator *simulator = make_simulator(1.0);
    offshell_point *point;
    columns integration = make_integration(simulator, INTEGRATION), asimov = make_asimov(simulator, 1.0);
    ck_assert_int_eq(offshell_point_create(&point, simulator, 1.0, NULL), SBI_OK);
    columns toy = make_toy(simulator, point, 3);
    compare_curves(simulator, &asimov, &integration);
    compare_curves(simulator, &toy, &integration);
    offshell_point_destroy(point);
    free_columns(&integration);
    free_columns(&asimov);
    free_columns(&toy);
    offshell_destroy(simulator);
}
END_TEST

START_TEST(both_minima_are_found)
{
    offshell_simulator *simulator = make_simulator(1.0);
    columns integration = make_integration(simulator, INTEGRATION), data = make_asimov(simulator, 1.0);
    sbi_model *model = make_model(ctx, simulator, &data, &integration, NULL, 0);
    sbi_fit *fit = deepest_fit(model, simulator, 1);
    const double *ratio[P];
    offshell_minimum exact[OFFSHELL_MINIMA_MAX];
    double position[MINIMA], nll[MINIMA], best;
    size_t found = 0;
    int count = 0;
    for (int p = 0; p < P; p++) ratio[p] = data.ratio[p];
    ck_assert_int_eq(offshell_minima(simulator, ratio, data.weight, data.n, MU_MAX, exact, &count), SBI_OK);
    OK(sbi_fit_minima(fit, "mu", MU_LOW, MU_MAX, 101, MINIMA, &found, position, nll, NULL));
    OK(sbi_fit_nll(fit, &best));
    ck_assert_int_eq(count, 2);
    ck_assert_uint_eq(found, 2);
    /* The library's ascend in mu, the exact ones in depth: the deeper is at the true mu. */
    ck_assert_double_gt(exact[0].mu, exact[1].mu);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(fabs(position[1 - i] - exact[i].mu) < 1e-5, "minimum at %.9f, exact %.9f", position[1 - i], exact[i].mu);
        ck_assert_msg(fabs(2.0 * (nll[1 - i] - best) - 2.0 * (exact[i].nll - exact[0].nll)) < 1e-8, "t of the minimum at %.6f",
                      position[1 - i]);
    }
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    free_columns(&integration);
    free_columns(&data);
    offshell_destroy(simulator);
}
END_TEST

/* Far above the second minimum, so one start is enough. */
static double pull_of(const offshell_simulator *simulator, const offshell_point *point, const columns *integration, double mu,
                      uint64_t number, int hold_alphas)
{
    double auxiliary[K], value, error;
    columns toy = make_toy(simulator, point, number);
    draw_auxiliary(number, auxiliary);
    sbi_model *model = make_model(ctx, simulator, &toy, integration, auxiliary, 0);
    sbi_fit *fit = run_fit(model, simulator, mu, hold_alphas);
    OK(sbi_fit_value(fit, "mu", &value));
    OK(sbi_fit_error(fit, "mu", &error));
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    free_columns(&toy);
    return (value - mu) / error;
}

/* Quantile of chi2 / n for n degrees of freedom at z standard deviations (Wilson and Hilferty). */
static double reduced_chi2(double n, double z)
{
    const double a = 2.0 / (9.0 * n);
    return pow(1.0 - a + z * sqrt(a), 3.0);
}

/* Four standard deviations each of the mean (normal), the variance (chi2) and the number within one (binomial); the mean may be
 * off by `shift` more, for what is known to move it. */
static void check_pulls(double luminosity, size_t n_integration, uint64_t toys, int hold_alphas, double shift)
{
    const double mu = 2.0, n = (double)toys;
    offshell_simulator *simulator = make_simulator(luminosity);
    columns integration = make_integration(simulator, n_integration);
    offshell_point *point;
    double sum = 0.0, square = 0.0;
    int inside = 0;
    ck_assert_int_eq(offshell_point_create(&point, simulator, mu, NULL), SBI_OK);
    for (uint64_t i = 0; i < toys; i++) {
        double pull = pull_of(simulator, point, &integration, mu, i, hold_alphas);
        sum += pull;
        square += pull * pull;
        inside += fabs(pull) < 1.0;
    }
    const double mean = sum / n, variance = (square - n * mean * mean) / (n - 1.0);
    const double low = reduced_chi2(n - 1.0, -4.0), high = reduced_chi2(n - 1.0, 4.0);
    printf("pulls of %.0f toys, nuisances %s: mean %.3f +- %.3f, width %.3f, %d within one\n", n, hold_alphas ? "fixed" : "free",
           mean, 1.0 / sqrt(n), sqrt(variance), inside);
    ck_assert_msg(fabs(mean) < 4.0 / sqrt(n) + shift, "mean pull %.3f", mean);
    ck_assert_msg(variance > low && variance < high, "variance %.3f of the pull, expected %.3f to %.3f", variance, low, high);
    ck_assert_msg(fabs(inside - 0.6827 * n) < 4.0 * sqrt(0.6827 * 0.3173 * n), "%d of %.0f pulls within one", inside, n);
    offshell_point_destroy(point);
    free_columns(&integration);
    offshell_destroy(simulator);
}

/* The skewness of the likelihood moves the mean by less than 0.05 at this luminosity. */
START_TEST(pulls_have_unit_width)
{
    check_pulls(10.0, 1000, 400, 1, 0.05);
}
END_TEST

/* Toys fluctuate the events, their number and the auxiliary measurements. Z_p comes from one integration sample that all toys
 * share, so its statistics move all pulls together, by an amount that grows roughly as the root of events in the data over events in that
 * sample: 0.36 at luminosity 10 and 20,000 events (1000 toys), hence at most 0.1 here. */
START_TEST(pulls_with_nuisances_have_unit_width)
{
    check_pulls(3.0, 100000, 60, 0, 0.1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offshell_fit");
    TCase *tcase = tcase_create("exact ratios");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, model_at_alpha_zero_is_the_exact_curve);
    tcase_add_test(tcase, both_minima_are_found);
    tcase_add_test(tcase, pulls_have_unit_width);
    tcase_add_test(tcase, pulls_with_nuisances_have_unit_width);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
