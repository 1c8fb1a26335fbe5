/* SPDX-License-Identifier: Apache-2.0 */
/* Uncertainties of expected counts: derivatives written out by hand, covariances against thrown parameters, what is refused. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "sbi/distribution.h"
#include "sbi/fit.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define ck_ok(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

enum { P = 6, BINS = 2, MU = 0, F, G0, G1, SHIFT, HELD };

static const double signal[BINS] = {30, 10}, background[BINS] = {80, 60}, high[BINS] = {88, 63}, low[BINS] = {75, 58};

static sbi_context *ctx;
static void setup(void) { ck_ok(sbi_context_create(&ctx, NULL)); }
static void teardown(void) { sbi_context_destroy(ctx); }

static sbi_status add(sbi_model *m, const char *name, int32_t constraint, double start, double auxiliary, double sigma, int32_t fixed)
{
    sbi_parameter p;
    sbi_parameter_init(&p);
    p.constraint = constraint;
    p.start = start;
    p.lower = constraint == SBI_CONSTRAINT_GAUSSIAN ? -5 : 0;
    p.upper = 10;
    p.auxiliary = auxiliary;
    p.sigma = sigma;
    p.fixed = fixed;
    return sbi_model_add_parameter(m, name, &p);
}

/* lambda_b = mu s_b + f gamma_b held (b_b + delta_b(shift)) */
static sbi_status fill(sbi_model *m)
{
    static const double data[BINS] = {121, 66};
    static const char *const gammas[BINS] = {"g0", "g1"};
    size_t c, s, b;
    SBI_TRY(add(m, "mu", SBI_CONSTRAINT_NONE, 1, 0, 1, 0));
    SBI_TRY(add(m, "f", SBI_CONSTRAINT_LOGNORMAL, 1, 1.1, 0.2, 0));
    SBI_TRY(add(m, "g0", SBI_CONSTRAINT_POISSON, 1, 1.21, 0.1, 0));
    SBI_TRY(add(m, "g1", SBI_CONSTRAINT_POISSON, 1, 0.9, 0.3, 0));
    SBI_TRY(add(m, "shift", SBI_CONSTRAINT_GAUSSIAN, 0, 0.1, 1.2, 0));
    SBI_TRY(add(m, "held", SBI_CONSTRAINT_GAUSSIAN, 1.5, 1, 0.1, 1));
    SBI_TRY(sbi_model_add_binned_channel(m, "SR", BINS, data, &c));
    SBI_TRY(sbi_model_add_binned_sample(m, c, "S", signal, &s));
    SBI_TRY(sbi_model_add_binned_sample(m, c, "B", background, &b));
    SBI_TRY(sbi_model_add_normfactor(m, c, s, "mu"));
    SBI_TRY(sbi_model_add_normfactor(m, c, b, "f"));
    SBI_TRY(sbi_model_add_normfactor(m, c, b, "held"));
    SBI_TRY(sbi_model_add_histosys(m, c, b, "shift", high, low));
    SBI_TRY(sbi_model_add_bin_factors(m, c, b, gammas));
    return sbi_model_seal(m);
}

static sbi_model *small_model(void)
{
    sbi_model *m;
    ck_ok(sbi_model_create(&m, ctx));
    ck_ok(fill(m));
    return m;
}

/* Interpolation code 4p inside [-1, 1]: delta = a (U + D) / 2 + q(a) (U - D), U = high - nominal, D = nominal - low. */
static void by_hand(const double *t, double J[BINS][P])
{
    const double a = t[SHIFT], q = a * a * (15 + a * a * (-10 + 3 * a * a)) / 16, q1 = a * (30 + a * a * (-40 + 18 * a * a)) / 16;
    for (size_t b = 0; b < BINS; b++) {
        const double up = high[b] - background[b], down = background[b] - low[b], g = t[b ? G1 : G0];
        const double base = background[b] + a * (up + down) / 2 + q * (up - down);
        memset(J[b], 0, sizeof J[b]);
        J[b][MU] = signal[b];
        J[b][F] = g * t[HELD] * base;
        J[b][HELD] = g * t[F] * base;
        J[b][b ? G1 : G0] = t[F] * t[HELD] * base;
        J[b][SHIFT] = t[F] * g * t[HELD] * ((up + down) / 2 + q1 * (up - down));
    }
}

START_TEST(derivatives)
{
    static const double theta[P] = {0.7, 1.2, 1.1, 0.8, 0.4, 1.5}, scale[P] = {0.3, 0.1, 0, 0.2, 0.9, 0};
    sbi_model *m = small_model();
    double J[BINS][P], expected[BINS][P];
    by_hand(theta, expected);
    ck_ok(sbi_model_expected_jacobian(m, 0, theta, NULL, J[0]));
    for (size_t b = 0; b < BINS; b++)
        for (size_t k = 0; k < P; k++) ck_assert_double_eq_tol(J[b][k], expected[b][k], 1e-8);
    ck_ok(sbi_model_expected_jacobian(m, 0, theta, scale, J[0]));
    for (size_t b = 0; b < BINS; b++)
        for (size_t k = 0; k < P; k++) ck_assert_double_eq_tol(J[b][k], scale[k] > 0 ? expected[b][k] : 0, 1e-8);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(before_the_fit)
{
    sbi_model *m = small_model();
    double theta[P], V[P * P];
    ck_ok(sbi_model_prefit(m, theta, V));
    static const double center[P] = {1, 1.1, 1.21, 0.9, 0.1, 1.5};
    const double width[P] = {0, 0.2 * 1.1, 0.1 * 1.1, 0.3 * sqrt(0.9), 1.2, 0};
    for (size_t k = 0; k < P; k++) {
        ck_assert_double_eq(theta[k], center[k]);
        for (size_t l = 0; l < P; l++) ck_assert_double_eq_tol(V[k * P + l], k == l ? width[k] * width[k] : 0, 1e-15);
    }
    double error[BINS], J[BINS][P], total, sum = 0;
    by_hand(theta, J);
    ck_ok(sbi_model_expected_errors(m, 0, theta, V, error, NULL, &total));
    for (size_t b = 0; b < BINS; b++) {
        double variance = 0;
        for (size_t k = 0; k < P; k++) variance += J[b][k] * J[b][k] * V[k * P + k];
        ck_assert_double_eq_tol(error[b], sqrt(variance), 1e-9 * error[b]);
    }
    for (size_t k = 0; k < P; k++) sum += pow(J[0][k] + J[1][k], 2) * V[k * P + k];
    ck_assert_double_eq_tol(total, sqrt(sum), 1e-9 * total);
    sbi_model_destroy(m);
}
END_TEST

/* x = L z for standard normal z: counts thrown with the fit's covariance, shrunk so that the first order is all there is. */
static void cholesky(const double *V, double *L)
{
    memset(L, 0, P * P * sizeof *L);
    for (size_t i = 0; i < P; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = V[i * P + j];
            for (size_t k = 0; k < j; k++) sum -= L[i * P + k] * L[j * P + k];
            L[i * P + j] = i == j ? sqrt(fmax(sum, 0)) : L[j * P + j] > 0 ? sum / L[j * P + j] : 0;
        }
    }
}

START_TEST(after_the_fit)
{
    enum { THROWS = 40000 };
    sbi_model *m = small_model();
    sbi_fit *fit;
    ck_ok(sbi_fit_run(&fit, m, NULL));
    ck_assert_int_lt(sbi_fit_reason(fit), 10);
    double theta[P], V[P * P], L[P * P], error[BINS], C[BINS * BINS], total;
    ck_ok(sbi_fit_values(fit, theta));
    ck_ok(sbi_fit_covariance(fit, V));
    for (size_t i = 0; i < P * P; i++) V[i] *= 1e-4;
    ck_ok(sbi_model_expected_errors(m, 0, theta, V, error, C, &total));
    ck_assert_double_eq_tol(error[0] * error[0], C[0], 1e-12 * C[0]);
    ck_assert_double_eq_tol(error[1] * error[1], C[3], 1e-12 * C[3]);
    ck_assert_double_eq_tol(total * total, C[0] + C[1] + C[2] + C[3], 1e-9 * C[0]);
    cholesky(V, L);
    double center[BINS], S[BINS * BINS] = {0};
    ck_ok(sbi_model_expected(m, 0, theta, center, NULL));
    for (uint64_t i = 0; i < THROWS; i++) {
        double x[P], counts[BINS], z[P];
        for (size_t k = 0; k < P; k++) z[k] = sbi_random_normal(11, 1, i * P + k);
        for (size_t k = 0; k < P; k++) {
            x[k] = theta[k];
            for (size_t l = 0; l <= k; l++) x[k] += L[k * P + l] * z[l];
        }
        ck_ok(sbi_model_expected(m, 0, x, counts, NULL));
        for (size_t a = 0; a < BINS * BINS; a++) S[a] += (counts[a / BINS] - center[a / BINS]) * (counts[a % BINS] - center[a % BINS]) / THROWS;
    }
    /* A variance of THROWS has a relative error of sqrt(2 / THROWS) = 0.7 %. */
    for (size_t a = 0; a < BINS * BINS; a++) ck_assert_double_eq_tol(S[a], C[a], 0.03 * sqrt(C[0] * C[3]) + (a % 3 ? 0 : 0.03 * C[a]));
    /* What the data determine: the band is far below that of uncorrelated parameters. */
    double alone = 0, J[BINS][P];
    by_hand(theta, J);
    for (size_t k = 0; k < P; k++) alone += J[0][k] * J[0][k] * V[k * P + k];
    ck_assert_double_lt(error[0], 0.8 * sqrt(alone));
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(what_is_refused)
{
    sbi_model *m = small_model(), *open;
    double theta[P], V[P * P], error[BINS], J[BINS * P];
    ck_ok(sbi_model_prefit(m, theta, V));
    ck_assert_int_eq(sbi_model_prefit(NULL, theta, V), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_expected_errors(m, 1, theta, V, error, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_expected_errors(m, 0, theta, NULL, error, NULL, NULL), SBI_ERR_ARGUMENT);
    V[F * (P + 1)] = -0.5;
    ck_assert_int_eq(sbi_model_expected_errors(m, 0, theta, V, error, NULL, NULL), SBI_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "variance -0.5 of f"));
    const double scale[P] = {1, 1, -2, 1, 1, 1};
    ck_assert_int_eq(sbi_model_expected_jacobian(m, 0, theta, scale, J), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "scale -2 of g0"));
    ck_ok(sbi_model_create(&open, ctx));
    size_t c;
    ck_ok(sbi_model_add_binned_channel(open, "SR", BINS, background, &c));
    ck_assert_int_eq(sbi_model_expected_jacobian(open, 0, theta, NULL, J), SBI_ERR_STATE);
    sbi_model_destroy(open);
    sbi_model_destroy(m);
}
END_TEST

static sbi_status whole(sbi_context *failing, void *unused)
{
    (void)unused;
    sbi_model *m;
    SBI_TRY(sbi_model_create(&m, failing));
    double theta[P], V[P * P], error[BINS];
    sbi_status status = fill(m);
    if (status == SBI_OK) status = sbi_model_prefit(m, theta, V);
    if (status == SBI_OK) status = sbi_model_expected_errors(m, 0, theta, V, error, NULL, NULL);
    sbi_model_destroy(m);
    return status;
}

START_TEST(memory)
{
    ck_assert_int_gt(torture_allocations(whole, NULL, 1, 0).requests, 20);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fit: distributions");
    TCase *t = tcase_create("distributions");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, derivatives);
    tcase_add_test(t, before_the_fit);
    tcase_add_test(t, after_the_fit);
    tcase_add_test(t, what_is_refused);
    tcase_add_test(t, memory);
    suite_add_tcase(s, t);
    return run_suite(s);
}
