/* SPDX-License-Identifier: Apache-2.0 */
/* CLs and upper limits where the answer is known: a Gaussian measurement, for which
 * limit = muhat + sigma Phi^-1(1 - alpha Phi(muhat / sigma)). */
#include "fit_problems.h"
#include "support/run_suite.h"

static double phi(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

static double phi_inverse(double p)
{
    double low = -40, high = 40;
    for (int i = 0; i < 200; i++) {
        double z = 0.5 * (low + high);
        if (phi(z) < p) low = z;
        else high = z;
    }
    return low;
}

static sbi_fit *gaussian(sbi_context *ctx, parabola *p, double muhat, double sigma, double upper)
{
    static const char *const names[2] = {"mu", "alpha"};
    parabola_two(p, sigma, 1, 0.4);
    p->center[0] = muhat;
    double start[2] = {0.1, 0}, low[2] = {-50, -5}, high[2] = {upper, 5};
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, p);
    o.names = names;
    o.lower = low;
    o.upper = high;
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, NULL));
    return fit;
}

START_TEST(cls_of_a_gaussian)
{
    double cl[3], mu = 1.7, sigma = 0.8;
    for (int i = -3; i <= 4; i++) {
        double muhat = 0.4 * i, z = (mu - muhat) / sigma, q = z * z, q_asimov = mu * mu / (sigma * sigma);
        double tilde = muhat < 0 ? (mu * mu - 2 * mu * muhat) / (sigma * sigma) : q;
        ck_ok(sbi_asymptotic_cls(SBI_STATISTIC_Q, q, q_asimov, cl));
        ck_assert_double_eq_tol(cl[0], phi(-z), 1e-12);
        ck_assert_double_eq_tol(cl[1], phi(muhat / sigma), 1e-12);
        ck_assert_double_eq_tol(cl[2], cl[0] / cl[1], 1e-12);
        ck_ok(sbi_asymptotic_cls(SBI_STATISTIC_QTILDE, tilde, q_asimov, cl));
        ck_assert_double_eq_tol(cl[0], phi(-z), 1e-12);
        ck_assert_double_eq_tol(cl[1], phi(muhat / sigma), 1e-12);
    }
    ck_fails(sbi_asymptotic_cls(SBI_STATISTIC_T, 1, 1, cl), SBI_ERR_ARGUMENT, "kind");
    ck_fails(sbi_asymptotic_cls(SBI_STATISTIC_Q, -1, 1, cl), SBI_ERR_ARGUMENT, "q is -1");
    ck_fails(sbi_asymptotic_cls(SBI_STATISTIC_Q, 1, 0, cl), SBI_ERR_ARGUMENT, "q_asimov is 0");
    ck_fails(sbi_asymptotic_cls(SBI_STATISTIC_Q, 1, 1, NULL), SBI_ERR_ARGUMENT, "NULL");
}
END_TEST

START_TEST(limits_of_a_gaussian)
{
    sbi_context *ctx = fit_context();
    double observed[5] = {-1.1, -0.2, 0, 0.6, 2.5}, levels[2] = {0.95, 0.9}, sigma = 0.7, limit;
    parabola p, a;
    sbi_fit *asimov = gaussian(ctx, &a, 0, sigma, 50);
    for (int i = 0; i < 5; i++) {
        sbi_fit *fit = gaussian(ctx, &p, observed[i], sigma, 50);
        for (int l = 0; l < 2; l++) {
            double alpha = 1 - levels[l];
            double expected = observed[i] + sigma * phi_inverse(1 - alpha * phi(observed[i] / sigma));
            ck_ok(sbi_fit_upper_limit(fit, asimov, "mu", levels[l], &limit));
            ck_assert_double_eq_tol(limit, expected, 2e-4 * sigma);
        }
        sbi_fit_destroy(fit);
    }
    ck_ok(sbi_fit_upper_limit(asimov, asimov, "mu", 0.95, &limit));
    ck_assert_double_eq_tol(limit, 1.959964 * sigma, 2e-4 * sigma);
    sbi_fit *narrow = gaussian(ctx, &p, 0.5, sigma, 1);
    ck_fails(sbi_fit_upper_limit(narrow, asimov, "mu", 0.95, &limit), SBI_ERR_DOMAIN, "upper bound 1");
    ck_fails(sbi_fit_upper_limit(narrow, asimov, "nu", 0.95, &limit), SBI_ERR_NOT_FOUND, "'nu'");
    ck_fails(sbi_fit_upper_limit(narrow, asimov, "mu", 1, &limit), SBI_ERR_ARGUMENT, "confidence is 1");
    ck_fails(sbi_fit_upper_limit(narrow, NULL, "mu", 0.9, &limit), SBI_ERR_ARGUMENT, "NULL");
    sbi_fit_destroy(narrow);
    sbi_fit_destroy(asimov);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_limit");
    TCase *tc = tcase_create("limit");
    tcase_add_test(tc, cls_of_a_gaussian);
    tcase_add_test(tc, limits_of_a_gaussian);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
