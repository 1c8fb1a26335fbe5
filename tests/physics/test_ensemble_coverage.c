/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage with a finite ensemble of networks. The truth is known: signal 6x^5 over background 1 on [0, 1], and a "network" is the true ratio of
 * the signal times noise that is smooth in x, each member's own, and keeps E_reference[r] = 1. With the mean of M
 * members in the likelihood, 68% intervals for mu cover far less than that, and 68% again once the ensemble's uncertainty is in: by its covariance,
 * and by a nuisance parameter for each of its modes. Seeds are fixed, so each test passes or fails the same way each time. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "sbi/systematics.h"
#include "support/run_suite.h"

enum { M = 12, HARMONICS = 3, GRID = 400, MOST = 13000, EXPERIMENTS = 300 };
static const double SIGNAL = 6000, BACKGROUND = 6000;

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

static sbi_context *ctx;

static void setup(void)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    OK(sbi_context_create(&ctx, &options));
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

/* One training and one set of data. */
typedef struct experiment {
    size_t n;
    double x[MOST], grid[GRID];
    double noise[M][HARMONICS];
    double members[MOST * M], on_grid[GRID * M];     /* ln r_m */
    double ratio[MOST], grid_ratio[GRID];            /* of the ensemble */
    double ones[MOST], grid_ones[GRID];
    double columns[M][MOST], minus[M][MOST], grid_columns[M][GRID], grid_minus[M][GRID];
} experiment;

/* The noise of a member is 1 + sum_j c_j cos(pi j u) with u = x^6, the signal's distribution function: it keeps E_reference[r] = 1. */
static void evaluate(const experiment *e, const double *x, size_t n, double *members, double *ratio)
{
    for (size_t i = 0; i < n; i++) {
        const double truth = 6 * pow(x[i], 5), u = truth * x[i] / 6;
        double sum = 0, wave[HARMONICS];
        for (size_t j = 0; j < HARMONICS; j++) wave[j] = cos(M_PI * (double)(j + 1) * u);
        for (size_t m = 0; m < M; m++) {
            double noise = 1;
            for (size_t j = 0; j < HARMONICS; j++) noise += e->noise[m][j] * wave[j];
            sum += truth * noise;
            members[i * M + m] = log(truth * noise);
        }
        ratio[i] = sum / M;
    }
}

static void run_experiment(experiment *e, uint64_t number, double noise)
{
    const uint64_t seed = sbi_random_derive(20260101, "coverage", number);
    for (size_t m = 0; m < M; m++)
        for (size_t j = 0; j < HARMONICS; j++)
            e->noise[m][j] = noise / (double)((j + 1) * (j + 1)) * sqrt(3) * (2 * sbi_random_uniform(seed, 1, m * HARMONICS + j) - 1);
    for (size_t i = 0; i < GRID; i++) e->grid[i] = ((double)i + 0.5) / GRID;
    e->n = (size_t)sbi_random_poisson(seed, 2, 0, SIGNAL + BACKGROUND);
    ck_assert(e->n < MOST);
    for (size_t i = 0; i < e->n; i++) {
        const double u = sbi_random_uniform(seed, 3, i);
        e->x[i] = sbi_random_uniform(seed, 4, i) < SIGNAL / (SIGNAL + BACKGROUND) ? pow(u, 1.0 / 6) : u;
        e->ones[i] = 1;
    }
    for (size_t i = 0; i < GRID; i++) e->grid_ones[i] = 1;
    evaluate(e, e->x, e->n, e->members, e->ratio);
    evaluate(e, e->grid, GRID, e->on_grid, e->grid_ratio);
}

static sbi_array column(const double *data, size_t n)
{
    return sbi_array_1d(data, SBI_F64, (int64_t)n);
}

/* mu SIGNAL r + BACKGROUND; with a nuisance parameter for each of `modes` modes whose columns are in place. */
static sbi_model *make_model(const experiment *e, size_t modes)
{
    sbi_model *model;
    sbi_parameter p;
    size_t channel, s, b;
    OK(sbi_model_create(&model, ctx));
    sbi_parameter_init(&p);
    p.constraint = SBI_CONSTRAINT_NONE;
    p.start = 1;
    p.lower = 0;
    p.upper = 10;
    OK(sbi_model_add_parameter(model, "mu", &p));
    sbi_array v = column(e->grid_ones, GRID), one = column(e->ones, e->n), r = column(e->ratio, e->n), q = column(e->grid_ratio, GRID);
    OK(sbi_model_add_channel(model, "SR", (int64_t)e->n, NULL, &v, 0, &channel));
    OK(sbi_model_add_sample(model, channel, "S", SIGNAL, "mu", &r, &q, &s));
    OK(sbi_model_add_sample(model, channel, "B", BACKGROUND, NULL, &one, &v, &b));
    for (size_t k = 0; k < modes; k++) {
        char name[32];
        snprintf(name, sizeof name, "nn_%zu", k);
        OK(sbi_model_add_parameter(model, name, NULL));
        sbi_array hi = column(e->columns[k], e->n), lo = column(e->minus[k], e->n);
        sbi_array grid_hi = column(e->grid_columns[k], GRID), grid_lo = column(e->grid_minus[k], GRID);
        OK(sbi_model_add_eventsys(model, channel, s, name, &hi, &lo, &grid_hi, &grid_lo, SBI_MORPH_LOG));
    }
    OK(sbi_model_seal(model));
    return model;
}

static size_t find_modes(experiment *e)
{
    sbi_array members = sbi_array_2d(e->members, SBI_F64, (int64_t)e->n, M), grid = sbi_array_2d(e->on_grid, SBI_F64, GRID, M);
    sbi_member_modes *modes;
    OK(sbi_member_modes_create(&modes, ctx, &grid, 1, NULL, NULL));
    const size_t n = sbi_member_modes_count(modes);
    for (size_t k = 0; k < n; k++) {
        OK(sbi_member_modes_column(modes, k, &members, 1, e->columns[k]));
        OK(sbi_member_modes_column(modes, k, &grid, 1, e->grid_columns[k]));
        for (size_t i = 0; i < e->n; i++) e->minus[k][i] = -e->columns[k][i];
        for (size_t i = 0; i < GRID; i++) e->grid_minus[k][i] = -e->grid_columns[k][i];
    }
    sbi_member_modes_destroy(modes);
    return n;
}

static double ensemble_variance(const experiment *e, const sbi_fit *fit)
{
    sbi_array members = sbi_array_2d(e->members, SBI_F64, (int64_t)e->n, M), grid = sbi_array_2d(e->on_grid, SBI_F64, GRID, M);
    sbi_member_columns columns = {.struct_size = (uint32_t)sizeof columns, .logarithms = 1, .members = &members, .integration = &grid};
    double V;
    OK(sbi_ensemble_covariance(fit, &columns, 1, NULL, &V, NULL));
    return V;
}

static sbi_fit *run_fit(const sbi_model *model, double *mu, double *error)
{
    sbi_fit *fit;
    OK(sbi_fit_run(&fit, model, NULL));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    OK(sbi_fit_value(fit, "mu", mu));
    OK(sbi_fit_error(fit, "mu", error));
    return fit;
}

START_TEST(intervals_cover)
{
    static experiment e;
    int without = 0, covariance = 0, nuisances = 0, exact = 0;
    double average[4] = {0, 0, 0, 0};
    for (uint64_t number = 0; number < EXPERIMENTS; number++) {
        double mu, error, V;
        run_experiment(&e, number, 0.36);
        sbi_model *model = make_model(&e, 0);
        sbi_fit *fit = run_fit(model, &mu, &error);
        V = ensemble_variance(&e, fit);
        without += fabs(mu - 1) < error;
        covariance += fabs(mu - 1) < sqrt(error * error + V);
        average[0] += error / EXPERIMENTS;
        average[1] += sqrt(error * error + V) / EXPERIMENTS;
        sbi_fit_destroy(fit);
        sbi_model_destroy(model);

        const size_t modes = find_modes(&e);
        ck_assert_uint_ge(modes, HARMONICS);
        model = make_model(&e, modes);
        fit = run_fit(model, &mu, &error);
        nuisances += fabs(mu - 1) < error;
        average[2] += error / EXPERIMENTS;
        sbi_fit_destroy(fit);
        sbi_model_destroy(model);

        run_experiment(&e, number, 0); /* the same data and no noise: the toy itself is sound */
        model = make_model(&e, 0);
        fit = run_fit(model, &mu, &error);
        exact += fabs(mu - 1) < error;
        average[3] += error / EXPERIMENTS;
        sbi_fit_destroy(fit);
        sbi_model_destroy(model);
    }
    const double n = EXPERIMENTS, nominal = 0.6827, sigma = sqrt(nominal * (1 - nominal) / n);
    printf("coverage of 68%% intervals for mu over %d experiments, binomial error %.3f: %.3f with the true ratio, %.3f with %d members, "
           "%.3f with their covariance, %.3f with nuisance parameters; mean errors %.3f, %.3f, %.3f, %.3f\n",
           EXPERIMENTS, sigma, exact / n, without / n, M, covariance / n, nuisances / n, average[3], average[0], average[1], average[2]);
    fflush(stdout);
    ck_assert_double_lt(fabs(exact / n - nominal), 3 * sigma);
    ck_assert_double_lt(without / n, nominal - 5 * sigma);
    ck_assert_double_lt(fabs(covariance / n - nominal), 3 * sigma);
    ck_assert_double_lt(fabs(nuisances / n - nominal), 3 * sigma);
}
END_TEST

/* With the modes' parameters held at zero, mu follows each of them by -H_mu,k / H_mu,mu: the same covariance from another side. */
START_TEST(modes_and_jackknife_agree)
{
    static experiment e;
    double theta[M], value, gradient[M], H[M * M], mu, error, sum = 0;
    run_experiment(&e, 0, 0.002);
    sbi_model *plain = make_model(&e, 0);
    sbi_fit *fit = run_fit(plain, &mu, &error);
    const double V = ensemble_variance(&e, fit);
    const size_t modes = find_modes(&e), P = modes + 1;
    sbi_model *model = make_model(&e, modes);
    sbi_model_work *work;
    ck_assert_uint_le(P, M);
    memset(theta, 0, sizeof theta);
    theta[0] = mu;
    OK(sbi_model_work_create(&work, model));
    OK(sbi_model_hessian(work, theta, &value, gradient, H));
    for (size_t k = 1; k < P; k++) sum += pow(H[k] / H[0], 2);
    ck_assert_msg(fabs(sum / V - 1) < 0.02, "%g from the modes, %g by the jackknife", sum, V);
    sbi_model_work_destroy(work);
    sbi_model_destroy(model);
    sbi_fit_destroy(fit);
    sbi_model_destroy(plain);
}
END_TEST

/* Leaving a member out, for real: fits of models without it. */
START_TEST(jackknife_by_refits)
{
    static experiment e;
    static double left[MOST], grid_left[GRID];
    double shifts[M], V, mu, error, moved, ignored;
    run_experiment(&e, 1, 0.05);
    sbi_model *model = make_model(&e, 0);
    sbi_fit *fit = run_fit(model, &mu, &error);
    sbi_array members = sbi_array_2d(e.members, SBI_F64, (int64_t)e.n, M), grid = sbi_array_2d(e.on_grid, SBI_F64, GRID, M);
    sbi_member_columns columns = {.struct_size = (uint32_t)sizeof columns, .logarithms = 1, .members = &members, .integration = &grid};
    for (int32_t combination = SBI_MEMBERS_MEAN_RATIO; combination <= SBI_MEMBERS_MEAN_LOG; combination++) {
        sbi_ensemble_options options = SBI_ENSEMBLE_OPTIONS_INIT;
        double bootstrap, sum = 0, mean = 0;
        options.combination = combination;
        OK(sbi_ensemble_covariance(fit, &columns, 1, &options, &V, shifts));
        options.dependence = SBI_MEMBERS_BOOTSTRAP;
        OK(sbi_ensemble_covariance(fit, &columns, 1, &options, &bootstrap, NULL));
        ck_assert_double_eq_tol(bootstrap / V, M, 1e-12);
        for (size_t m = 0; m < M; m++) mean += shifts[m] / M;
        for (size_t m = 0; m < M; m++) sum += pow(shifts[m] - mean, 2) * (M - 1) / M;
        ck_assert_double_eq_tol(sum / V, 1, 1e-12);
        for (size_t m = 0; m < M; m++) {
            for (size_t i = 0; i < e.n + GRID; i++) {
                const double *l = i < e.n ? e.members + i * M : e.on_grid + (i - e.n) * M;
                double r = 0;
                for (size_t k = 0; k < M; k++)
                    if (k != m) r += (combination == SBI_MEMBERS_MEAN_LOG ? l[k] : exp(l[k])) / (M - 1);
                *(i < e.n ? left + i : grid_left + (i - e.n)) = combination == SBI_MEMBERS_MEAN_LOG ? exp(r) : r;
            }
            sbi_array r = column(left, e.n), q = column(grid_left, GRID);
            sbi_ratio_replacement replacement = {.struct_size = (uint32_t)sizeof replacement, .ratio = &r, .integration_ratio = &q};
            sbi_model *other;
            OK(sbi_model_replace_ratios(&other, model, &replacement, 1));
            sbi_fit *refit = run_fit(other, &moved, &ignored);
            ck_assert_msg(fabs(moved - mu - shifts[m]) < 0.01 * error, "member %zu: %g by a fit, %g by the gradient", m, moved - mu, shifts[m]);
            sbi_fit_destroy(refit);
            sbi_model_destroy(other);
        }
    }
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ensemble coverage");
    TCase *tc = tcase_create("coverage");
    tcase_set_timeout(tc, 600);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, intervals_cover);
    tcase_add_test(tc, modes_and_jackknife_agree);
    tcase_add_test(tc, jackknife_by_refits);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
