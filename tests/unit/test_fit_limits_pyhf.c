/* SPDX-License-Identifier: Apache-2.0 */
/* CLs, limits with bands, discovery and goodness of fit against pyhf and scipy: values of tests/reference/pyhf_limits.py. */
#include "../reference/pyhf_limits.h"

#include <math.h>
#include <stdio.h>

#include "base/distributions.h"
#include "fit_problems.h"
#include "sbi/limit.h"
#include "sbi/model.h"
#include "support/run_suite.h"

static void near(const char *name, const char *what, double found, double expected, double tolerance)
{
    ck_assert_msg(fabs(found - expected) <= tolerance * fmax(1, fabs(expected)), "%s: %s is %.10g, pyhf's %.10g", name, what, found,
                  expected);
}

static void compare(sbi_context *ctx, const struct pyhf_limit *r)
{
    char path[256];
    sbi_model *m, *data;
    sbi_fit *fit, *asimov;
    sbi_limit limit = {.struct_size = (uint32_t)sizeof limit};
    sbi_limit_options o = SBI_LIMIT_OPTIONS_INIT;
    sbi_discovery d = {.struct_size = (uint32_t)sizeof d};
    sbi_goodness g = {.struct_size = (uint32_t)sizeof g};
    double q, a, cl[3];
    snprintf(path, sizeof path, "tests/data/pyhf/%s.json", r->name);
    ck_ok(sbi_model_load(&m, ctx, path));
    ck_ok(sbi_fit_run(&fit, m, NULL));
    const char *poi = sbi_model_poi(m);
    ck_ok(sbi_fit_run_asimov(&asimov, &data, fit, poi, 0));
    ck_ok(sbi_fit_test_statistic(fit, poi, r->tested, SBI_STATISTIC_QTILDE, &q));
    ck_ok(sbi_fit_test_statistic(asimov, poi, r->tested, SBI_STATISTIC_QTILDE, &a));
    ck_ok(sbi_asymptotic_cls(SBI_STATISTIC_QTILDE, q, a, cl));
    near(r->name, "CLsb", cl[0], r->clsb, 2e-6);
    near(r->name, "CLb", cl[1], r->clb, 2e-6);
    near(r->name, "CLs", cl[2], r->cls, 2e-6);
    for (int i = 0; i < 5; i++) /* pyhf's order is that of the limits */
        near(r->name, "expected CLs", sbi_normal_tail(sqrt(a) - (i - 2)) / sbi_normal_tail(-(i - 2)), r->expected_cls[i], 2e-6);
    o.tolerance = 1e-7;
    ck_ok(sbi_fit_limits(fit, asimov, poi, &o, &limit));
    near(r->name, "limit", limit.observed, r->limit, 1e-5);
    for (int i = 0; i < 5; i++) near(r->name, "expected limit", limit.expected[i], r->expected[i], 1e-5);
    ck_ok(sbi_fit_discovery(fit, poi, &d));
    near(r->name, "p0", d.p0, r->p0, 2e-6);
    if (d.p0 < 0.5) near(r->name, "significance", d.significance, sbi_significance(d.p0), 1e-9);
    ck_ok(sbi_fit_goodness(fit, &g));
    near(r->name, "saturated", g.statistic, r->saturated, 1e-6);
    ck_assert_int_eq(g.dof, (int)r->dof);
    if (isnan(r->p_value)) ck_assert(isnan(g.p_value));
    else near(r->name, "goodness of fit", g.p_value, r->p_value, 1e-6);
    sbi_fit_destroy(asimov);
    sbi_model_destroy(data);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
}

START_TEST(pyhf)
{
    sbi_context *ctx = fit_context();
    for (size_t i = 0; i < sizeof pyhf_limits / sizeof *pyhf_limits; i++) compare(ctx, &pyhf_limits[i]);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(tails_and_quantiles)
{
    for (size_t i = 0; i < sizeof chi2_tails / sizeof *chi2_tails; i++)
        ck_assert_double_eq_tol(sbi_chi2_tail(chi2_tails[i][0], chi2_tails[i][1]), chi2_tails[i][2], 1e-12 * chi2_tails[i][2] + 1e-300);
    ck_assert(sbi_chi2_tail(0, 3) == 1 && sbi_chi2_tail(INFINITY, 3) == 0 && isnan(sbi_chi2_tail(1, 0)) && isnan(sbi_chi2_tail(NAN, 1)));
    for (double z = -8; z <= 37; z += 0.37) {
        ck_assert_double_eq_tol(sbi_significance(sbi_normal_tail(z)), z, z < -5 ? 1e-2 : 1e-9);
        ck_assert_double_eq_tol(sbi_normal_quantile(sbi_normal_tail(z)), -z, z < -5 ? 1e-2 : 1e-9);
    }
    ck_assert(sbi_significance(0) == INFINITY && sbi_significance(1) == -INFINITY && isnan(sbi_significance(-1)));
    ck_assert_double_eq_tol(sbi_significance(2.866515718791939e-7), 5, 1e-12);
}
END_TEST

/* A Gaussian measurement knows its p-values: t = (mu - muhat)^2 / sigma^2 and, with muhat < 0 replaced, (mu^2 - 2 mu muhat) / sigma^2. */
START_TEST(p_values_of_a_gaussian)
{
    const double mu = 1.7, sigma = 0.8, a = mu * mu / (sigma * sigma);
    double p;
    for (int i = -5; i <= 8; i++) {
        const double muhat = 0.4 * i, z = (mu - muhat) / sigma, t = z * z;
        const double tilde = muhat < 0 ? (mu * mu - 2 * mu * muhat) / (sigma * sigma) : t;
        ck_ok(sbi_asymptotic_p_value(SBI_STATISTIC_T, t, 0, &p));
        ck_assert_double_eq_tol(p, 2 * sbi_normal_tail(fabs(z)), 1e-13);
        if (muhat <= mu) {
            ck_ok(sbi_asymptotic_p_value(SBI_STATISTIC_Q, t, 0, &p));
            ck_assert_double_eq_tol(p, sbi_normal_tail(z), 1e-13);
            ck_ok(sbi_asymptotic_p_value(SBI_STATISTIC_QTILDE, tilde, a, &p));
            ck_assert_double_eq_tol(p, sbi_normal_tail(z), 1e-13);
        }
        /* t~ of at least this: muhat as low, or as far above. */
        ck_ok(sbi_asymptotic_p_value(SBI_STATISTIC_TTILDE, tilde, a, &p));
        const double below = muhat <= mu ? z : tilde <= a ? fabs(z) : (tilde + a) / (2 * sqrt(a));
        ck_assert_double_eq_tol(p, sbi_normal_tail(sqrt(tilde)) + sbi_normal_tail(below), 1e-13);
    }
    ck_ok(sbi_asymptotic_p_value(SBI_STATISTIC_Q0, 25, 0, &p));
    ck_assert_double_eq_tol(p, 2.866515718791939e-7, 1e-18);
    ck_fails(sbi_asymptotic_p_value(9, 1, 1, &p), SBI_ERR_ARGUMENT, "kind is 9");
    ck_fails(sbi_asymptotic_p_value(SBI_STATISTIC_T, -1, 1, &p), SBI_ERR_ARGUMENT, "statistic is -1");
    ck_fails(sbi_asymptotic_p_value(SBI_STATISTIC_QTILDE, 1, 0, &p), SBI_ERR_ARGUMENT, "Asimov data is 0");
    ck_fails(sbi_asymptotic_p_value(SBI_STATISTIC_T, 1, 1, NULL), SBI_ERR_ARGUMENT, "NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit: limits of pyhf");
    TCase *tc = tcase_create("limits");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, pyhf);
    tcase_add_test(tc, tails_and_quantiles);
    tcase_add_test(tc, p_values_of_a_gaussian);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
