/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage of intervals in mu on the off-shell model: data sets thrown by the simulator, whose truth is analytic, against intervals by
 * asymptotics and by the Neyman construction, whose toys the library resamples from an integration sample. A data set is covered where
 * t at the true mu is not above the critical value. SBI_COVERAGE=full (make check-coverage) throws more of them, nuisance parameters free
 * as well; docs/toys.md has its figures. Seeds are fixed: each test passes or fails the same way each time. */
#include "offshell_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sbi/limit.h"
#include "support/run_suite.h"

static const double levels[2] = {0.682689492137086, 0.95}, quantile[2] = {1.0, 3.841458820694124};
static const double starts[3] = {0.01, 0.5, 2.0}; /* both sides of the barrier that interference makes */

typedef struct experiment {
    const char *name;
    double luminosity, mu;
    int plain;           /* mu alone, no nuisance parameters */
    int asymptotic;      /* 1: expected to hold; 0: to fail at 68% or 95% */
    size_t integration;  /* rows */
    int quick, full;     /* data sets; 0: not thrown */
    int quick_toys, full_toys;
    double shift; /* of coverage, from the statistics of the integration sample that all fits share */
} experiment;

static int is_full(void)
{
    const char *value = getenv("SBI_COVERAGE");
    return value && strcmp(value, "full") == 0;
}

/* The deepest of fits from all starts. */
static sbi_fit *fit_data(const sbi_model *model, double also)
{
    static const char *const name[1] = {"mu"};
    sbi_fit *best = NULL;
    double deepest = INFINITY;
    for (int i = 0; i < 4; i++) {
        sbi_fit_options o = SBI_FIT_OPTIONS_INIT;
        sbi_fit *fit;
        double nll;
        o.n_start = 1;
        o.start_names = name;
        o.start_values = i < 3 ? &starts[i] : &also;
        OK(sbi_fit_run(&fit, model, &o));
        OK(sbi_fit_nll(fit, &nll));
        const int better = sbi_fit_reason(fit) < 10 && nll < deepest;
        sbi_fit_destroy(better ? best : fit);
        if (!better) continue;
        best = fit;
        deepest = nll;
    }
    ck_assert_ptr_nonnull(best);
    return best;
}

static double statistic_of(sbi_context *ctx, const offshell_simulator *simulator, const offshell_point *point, const columns *integration,
                           const experiment *e, uint64_t number)
{
    double auxiliary[K] = {0}, t;
    columns toy = make_toy(simulator, point, number);
    if (!e->plain) draw_auxiliary(number, auxiliary);
    sbi_model *model = make_model(ctx, simulator, &toy, integration, auxiliary, e->plain);
    sbi_fit *fit = fit_data(model, e->mu);
    OK(sbi_fit_test_statistic(fit, "mu", e->mu, SBI_STATISTIC_T, &t));
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    free_columns(&toy);
    return t;
}

/* Critical values of the Neyman construction at the true mu, from the library's toys. */
static void find_critical(sbi_context *ctx, const offshell_simulator *simulator, const offshell_point *point, const columns *integration,
                          const experiment *e, int count, double *critical)
{
    const double theta[1 + K] = {e->mu};
    sbi_toys_options o = SBI_TOYS_OPTIONS_INIT;
    sbi_toys *toys;
    columns any = make_toy(simulator, point, 0);
    sbi_model *model = make_model(ctx, simulator, &any, integration, NULL, e->plain);
    o.seed = 99;
    o.count = count;
    o.compute = SBI_TOYS_T;
    o.n_tested = 1;
    o.tested = &e->mu;
    o.n_starts = 3;
    o.starts = starts;
    OK(sbi_toys_run(&toys, model, theta, &o, NULL));
    for (size_t i = 0; i < sbi_toys_count(toys); i++)
        ck_assert_msg(sbi_toys_status(toys, i) == 0, "toy %zu: %s", i, sbi_toys_message(toys, i));
    for (int l = 0; l < 2; l++) OK(sbi_toys_quantile(toys, "t_0", levels[l], &critical[l], NULL));
    sbi_toys_destroy(toys);
    sbi_model_destroy(model);
    free_columns(&any);
}

static void check_coverage(const experiment *e)
{
    const int full = is_full(), count = full ? e->full : e->quick, n_toys = full ? e->full_toys : e->quick_toys;
    if (count == 0) {
        printf("%s: SKIP: only with SBI_COVERAGE=full\n", e->name);
        return;
    }
    sbi_context *ctx;
    offshell_point *point;
    OK(sbi_context_create(&ctx, NULL));
    offshell_simulator *simulator = make_simulator(e->luminosity);
    columns integration = make_integration(simulator, e->integration);
    ck_assert_int_eq(offshell_point_create(&point, simulator, e->mu, NULL), SBI_OK);
    double critical[2];
    int asymptotic[2] = {0}, neyman[2] = {0}, fails = 0;
    find_critical(ctx, simulator, point, &integration, e, n_toys, critical);
    for (int i = 0; i < count; i++) {
        const double t = statistic_of(ctx, simulator, point, &integration, e, (uint64_t)i);
        for (int l = 0; l < 2; l++) {
            asymptotic[l] += t <= quantile[l];
            neyman[l] += t <= critical[l];
        }
    }
    for (int l = 0; l < 2; l++) {
        const double variance = levels[l] * (1 - levels[l]), one = sqrt(variance / count), both = hypot(one, sqrt(variance / n_toys));
        const double a = (double)asymptotic[l] / count, y = (double)neyman[l] / count;
        printf("%s, %d data sets, %.2f%%: asymptotic %.2f%% +- %.2f%%, Neyman (t < %.3f, %d toys) %.2f%% +- %.2f%%\n", e->name, count,
               100 * levels[l], 100 * a, 100 * one, critical[l], n_toys, 100 * y, 100 * both);
        ck_assert_msg(fabs(y - levels[l]) < 3 * both + e->shift, "%s: Neyman covers %.4f of %.4f", e->name, y, levels[l]);
        if (e->asymptotic)
            ck_assert_msg(fabs(a - levels[l]) < 3 * one + e->shift, "%s: asymptotics cover %.4f of %.4f", e->name, a, levels[l]);
        fails |= fabs(a - levels[l]) > 4 * one;
    }
    ck_assert_msg(e->asymptotic || fails, "%s: asymptotics hold, this test has lost its point", e->name);
    offshell_point_destroy(point);
    free_columns(&integration);
    offshell_destroy(simulator);
    sbi_context_destroy(ctx);
}

static const experiment experiments[] = {
    {"mu = 2, luminosity 10", 10.0, 2.0, 1, 1, 200000, 400, 2000, 400, 2000, 0},
    {"mu = 0.1, luminosity 1", 1.0, 0.1, 1, 0, 200000, 0, 4000, 0, 4000, 0},
    {"mu = 0.02, luminosity 1", 1.0, 0.02, 1, 0, 200000, 1000, 4000, 2000, 4000, 0},
    {"mu = 2, luminosity 3, nuisance parameters free", 3.0, 2.0, 0, 1, 20000, 0, 1000, 0, 1000, 0.03},
};

START_TEST(coverage)
{
    check_coverage(&experiments[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offshell_coverage");
    for (int i = 0; i < (int)(sizeof experiments / sizeof *experiments); i++) { /* a case each, so that CK_RUN_CASE chooses one */
        TCase *tcase = tcase_create(experiments[i].name);
        tcase_set_timeout(tcase, is_full() ? 7200 : 300);
        tcase_add_loop_test(tcase, coverage, i, i + 1);
        suite_add_tcase(suite, tcase);
    }
    return run_suite(suite);
}
