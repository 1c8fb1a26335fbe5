/* SPDX-License-Identifier: Apache-2.0 */
/* Fits against iminuit's: values, errors and MINOS to a thousandth of a standard deviation. */
#include "fit_problems.h"
#include "reference/iminuit_fit.h"
#include "support/run_suite.h"

#define N_REFERENCES (sizeof reference_fits / sizeof *reference_fits)

/* _i counts through the references with the exact Hessian, then with gradients alone. */
START_TEST(iminuit)
{
    sbi_context *ctx = fit_context();
    const struct reference_fit *r = &reference_fits[(size_t)_i % N_REFERENCES];
    int gradients_only = (size_t)_i >= N_REFERENCES;
    size_t n = r->nuisances + 1;
    counts c;
    counts_make(&c, r->bins, r->nuisances, r->interference, r->mu);
    double start[16] = {0}, lower[16], upper[16], x[16], e[16], minos[2], correlation[16 * 16];
    start[0] = r->start;
    for (size_t k = 0; k < n; k++) {
        lower[k] = k ? -INFINITY : r->lower_bound;
        upper[k] = k ? INFINITY : r->upper_bound;
    }
    sbi_objective o = fit_objective(n, start, counts_gradient, gradients_only ? NULL : counts_hessian, &c);
    o.names = counts_names;
    o.lower = lower;
    o.upper = upper;
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, NULL));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_assert_msg(fabs(fit_info(fit).nll - r->nll) < 1e-6, "%.9f, iminuit %.9f: %s", fit_info(fit).nll, r->nll, sbi_fit_message(fit));
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_ok(sbi_fit_correlation(fit, correlation));
    for (size_t k = 0; k < n; k++) {
        double sigma = r->errors[k];
        ck_assert_double_eq_tol(x[k], r->values[k], 1e-3 * sigma);
        ck_assert_double_eq_tol(e[k], sigma, 1e-3 * sigma);
        ck_assert_double_eq_tol(correlation[k], r->correlation[k], 1e-3);
        ck_ok(sbi_fit_minos(fit, counts_names[k], minos));
        ck_assert_double_eq_tol(minos[0], r->lower[k], 1e-3 * sigma);
        ck_assert_double_eq_tol(minos[1], r->upper[k], 1e-3 * sigma);
    }
    double nll[4];
    size_t points = sizeof reference_scan / sizeof *reference_scan;
    ck_ok(sbi_fit_profile(fit, "mu", reference_scan, points, nll, NULL));
    for (size_t i = 0; i < points; i++) {
        double rise = nll[i] - fit_info(fit).nll;
        ck_assert_msg(fabs(rise - r->scan[i]) < 1e-4, "mu = %g: %.9g, iminuit %.9g", reference_scan[i], rise, r->scan[i]);
    }
    /* The fit itself is as it was. */
    double again[16];
    ck_ok(sbi_fit_values(fit, again));
    ck_assert_mem_eq(again, x, n * sizeof *x);
    sbi_fit_destroy(fit);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_reference");
    TCase *tc = tcase_create("iminuit");
    tcase_add_loop_test(tc, iminuit, 0, (int)(2 * N_REFERENCES));
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
