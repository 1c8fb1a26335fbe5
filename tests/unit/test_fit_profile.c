/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals, profiles, minima, impacts and test statistics. */
#include "fit_problems.h"
#include "support/run_suite.h"

static sbi_context *ctx;

static void setup(void)
{
    ctx = fit_context();
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

static sbi_fit *run(const sbi_objective *objective)
{
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, objective, NULL));
    return fit;
}

static sbi_fit *run_counts(counts *c, double start_mu, double low)
{
    double start[3] = {start_mu, 0, 0}, lower[3] = {low, -5, -5}, upper[3] = {4, 5, 5};
    double center[3] = {0, 0, 0}, sigma[3] = {0, 1, 1};
    sbi_objective o = fit_objective(3, start, counts_gradient, counts_hessian, c);
    o.names = counts_names;
    o.lower = lower;
    o.upper = upper;
    o.constraint_center = center;
    o.constraint_sigma = sigma;
    return run(&o);
}

static sbi_fit_interval interval_at(sbi_fit *fit, const char *name, double rise)
{
    sbi_fit_interval i;
    memset(&i, 0, sizeof i);
    i.struct_size = sizeof i;
    ck_ok(sbi_fit_interval_at(fit, name, rise, &i));
    return i;
}

/* For a parabola MINOS is the covariance's error times sqrt(2 rise), whatever the correlation. */
START_TEST(minos_of_a_parabola)
{
    parabola p;
    parabola_two(&p, 2, 30, 0.97);
    double start[2] = {0.5, 8}, error[2];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o);
    ck_ok(sbi_fit_minos(fit, "p1", error));
    ck_assert_double_eq_tol(error[0], -30, 30 * 2e-5);
    ck_assert_double_eq_tol(error[1], 30, 30 * 2e-5);
    sbi_fit_interval i = interval_at(fit, "p0", 2);
    ck_assert_int_eq(i.side[0], SBI_FIT_SIDE_FOUND);
    ck_assert_double_eq_tol(i.error[1], 4, 1e-4);
    ck_assert_double_eq_tol(i.rise[1], 2, 1e-4);
    ck_assert_int_le(i.evaluations[0], 4);
    sbi_fit_destroy(fit);
}
END_TEST

/* n - n ln: for one Poisson count F(mu) = mu - n ln mu; the crossings solve F - F_min = 1/2. */
static sbi_status poisson_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    double n = *(const double *)user;
    if (x[0] <= 0) {
        *f = INFINITY;
        return SBI_OK;
    }
    *f = x[0] - n * log(x[0]);
    g[0] = 1 - n / x[0];
    if (H) H[0] = n / (x[0] * x[0]);
    return SBI_OK;
}

static sbi_status poisson_gradient(void *user, const double *x, double *f, double *g)
{
    return poisson_hessian(user, x, f, g, NULL);
}

/* Bisection between `inner`, below the crossing, and `outer`, above it. */
static double poisson_crossing(double n, double rise, double inner, double outer)
{
    double f0 = n - n * log(n);
    for (int i = 0; i < 200; i++) {
        double m = 0.5 * (inner + outer);
        if (m - n * log(m) - f0 > rise) outer = m;
        else inner = m;
    }
    return inner;
}

START_TEST(minos_of_a_count)
{
    double n = 3, start[1] = {3.3};
    sbi_objective o = fit_objective(1, start, poisson_gradient, poisson_hessian, &n);
    sbi_fit *fit = run(&o);
    double rises[4] = {0.5, 1.92, 4.5, 0.01};
    for (int r = 0; r < 4; r++) {
        sbi_fit_interval i = interval_at(fit, "p0", rises[r]);
        double low = poisson_crossing(n, rises[r], n, 1e-9), high = poisson_crossing(n, rises[r], n, 100);
        ck_assert_double_eq_tol(n + i.error[0], low, 1e-4);
        ck_assert_double_eq_tol(n + i.error[1], high, 1e-4);
    }
    sbi_fit_destroy(fit);
    /* A limit closer than the crossing. */
    double lower[1] = {2}, upper[1] = {3};
    start[0] = 2.5;
    o.lower = lower;
    o.upper = upper;
    n = 2.9;
    fit = run(&o);
    sbi_fit_interval i = interval_at(fit, "p0", NAN);
    ck_assert_int_eq(i.side[0], SBI_FIT_SIDE_LIMIT);
    ck_assert_int_eq(i.side[1], SBI_FIT_SIDE_LIMIT);
    ck_assert_double_eq_tol(i.error[0], -0.9, 1e-4);
    ck_assert_double_eq_tol(i.error[1], 0.1, 1e-4);
    sbi_fit_destroy(fit);
    /* At the limit itself: nothing on that side, a crossing on the other. */
    n = 1.2;
    upper[0] = 50;
    fit = run(&o);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_AT_LIMIT);
    i = interval_at(fit, "p0", NAN);
    ck_assert_int_eq(i.side[0], SBI_FIT_SIDE_LIMIT);
    ck_assert_double_eq(i.error[0], 0);
    ck_assert_int_eq(i.side[1], SBI_FIT_SIDE_FOUND);
    double f2 = 2 - n * log(2), at = 2 + i.error[1];
    ck_assert_double_eq_tol(at - n * log(at) - f2, 0.5, 1e-4);
    sbi_fit_destroy(fit);
}
END_TEST

/* F rises to 0.3 only and stays there. */
static sbi_status plateau_gradient(void *user, const double *x, double *f, double *g)
{
    (void)user;
    *f = 0.3 * x[0] * x[0] / (1 + x[0] * x[0]);
    g[0] = 0.6 * x[0] / ((1 + x[0] * x[0]) * (1 + x[0] * x[0]));
    return SBI_OK;
}

START_TEST(minos_without_crossing)
{
    double start[1] = {0.1};
    sbi_objective o = fit_objective(1, start, plateau_gradient, NULL, NULL);
    sbi_fit *fit = run(&o);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_CONVERGED);
    sbi_fit_interval i = interval_at(fit, "p0", NAN);
    for (int s = 0; s < 2; s++) {
        ck_assert_int_eq(i.side[s], SBI_FIT_SIDE_NO_CROSSING);
        ck_assert(isnan(i.error[s]));
    }
    i = interval_at(fit, "p0", 0.15);
    ck_assert_double_eq_tol(i.error[1], 1, 1e-3);
    sbi_fit_destroy(fit);
}
END_TEST

/* Interference: two minima in mu, 0.10 (secondary) and 1.34. */
START_TEST(double_minimum)
{
    counts c;
    counts_make(&c, 8, 2, -1.5, 1.4);
    sbi_fit *deep = run_counts(&c, 2, 1e-3), *shallow = run_counts(&c, 0.1, 1e-3);
    double deep_mu, shallow_mu;
    ck_ok(sbi_fit_value(deep, "mu", &deep_mu));
    ck_ok(sbi_fit_value(shallow, "mu", &shallow_mu));
    ck_assert_double_eq_tol(deep_mu, 1.3370, 1e-3);
    ck_assert_double_eq_tol(shallow_mu, 0.1015, 1e-3);
    double difference = fit_info(shallow).nll - fit_info(deep).nll;

    size_t found;
    double at[4], nll[4], params[12];
    for (int i = 0; i < 2; i++) { /* the same from whichever minimum the fit is in */
        ck_ok(sbi_fit_minima(i ? shallow : deep, "mu", 0.01, 3.5, 36, 4, &found, at, nll, params));
        ck_assert_uint_eq(found, 2);
        ck_assert_double_eq_tol(at[0], shallow_mu, 1e-4);
        ck_assert_double_eq_tol(at[1], deep_mu, 1e-4);
        ck_assert_double_eq_tol(nll[0] - nll[1], difference, 1e-6);
        ck_assert_double_eq(params[0], at[0]);
        ck_assert_double_eq(params[3], at[1]);
    }
    ck_ok(sbi_fit_minima(deep, "mu", 0.01, 3.5, 36, 1, &found, at, nll, NULL));
    ck_assert_uint_eq(found, 2); /* more than there was room for */
    ck_assert_double_eq_tol(at[0], shallow_mu, 1e-4);
    /* Half of the range holds one; its ends are none. */
    ck_ok(sbi_fit_minima(deep, "mu", 0.5, 3.5, 36, 4, &found, at, nll, NULL));
    ck_assert_uint_eq(found, 1);

    /* Both fits see the same profile. */
    double mu[40], a[40], b[40], reversed[40], turned[40];
    for (int i = 0; i < 40; i++) {
        mu[i] = 0.02 + 0.05 * i;
        reversed[39 - i] = mu[i];
    }
    ck_ok(sbi_fit_profile(deep, "mu", mu, 40, a, NULL));
    ck_ok(sbi_fit_profile(shallow, "mu", mu, 40, b, NULL));
    ck_ok(sbi_fit_profile(deep, "mu", reversed, 40, turned, NULL));
    for (int i = 0; i < 40; i++) {
        ck_assert_double_eq_tol(a[i], b[i], 1e-6);
        ck_assert_double_eq(a[i], turned[39 - i]);
        ck_assert_double_ge(a[i], fit_info(deep).nll - 1e-9);
    }
    /* MINOS of the shallow one at a high level runs into the deep one. */
    sbi_fit_interval i = interval_at(shallow, "mu", 6);
    ck_assert_int_eq(i.side[1], SBI_FIT_SIDE_NEW_MINIMUM);
    ck_assert(isnan(i.error[1]));
    ck_assert_double_eq_tol(i.new_value[1], deep_mu, 1e-2);
    ck_assert_double_eq_tol(i.new_nll[1], fit_info(deep).nll, 1e-3);
    ck_assert_int_eq(i.side[0], SBI_FIT_SIDE_FOUND);
    double t;
    ck_fails(sbi_fit_test_statistic(shallow, "mu", 1.3, SBI_STATISTIC_T, &t), SBI_ERR_STATE, "local");
    sbi_fit_destroy(deep);
    sbi_fit_destroy(shallow);
}
END_TEST

/* F = (y^2 - 1)^2 + (x - y)^2 / 2: at |x| < 0.9 there are two minima in y, beyond only the one on x's side. */
static sbi_status branches_gradient(void *user, const double *x, double *f, double *g)
{
    (void)user;
    double u = x[1] * x[1] - 1, v = x[0] - x[1];
    *f = u * u + 0.5 * v * v;
    g[0] = v;
    g[1] = 4 * u * x[1] - v;
    return SBI_OK;
}

/* Of the two branches y near -1 and y near +1 the profile keeps the deeper everywhere, wherever the fit began. */
START_TEST(profile_keeps_the_deeper_branch)
{
    double starts[2][2] = {{1, 1}, {-1, -1}}, x[9], nll[9], params[18];
    for (int i = 0; i < 9; i++) x[i] = -2 + 0.5 * i;
    sbi_objective o = fit_objective(2, starts[_i], branches_gradient, NULL, NULL);
    sbi_fit *fit = run(&o);
    ck_ok(sbi_fit_profile(fit, "p0", x, 9, nll, params));
    for (int i = 0; i < 9; i++) {
        ck_assert_double_eq(params[2 * i], x[i]);
        /* The answer by a fine scan in y. */
        double best = INFINITY;
        for (int s = -20000; s <= 20000; s++) {
            double f, g[2], at[2] = {x[i], 1e-4 * s};
            ck_ok(branches_gradient(NULL, at, &f, g));
            best = fmin(best, f);
        }
        ck_assert_msg(fabs(nll[i] - best) < 1e-6, "x = %g: %g, expected %g", x[i], nll[i], best);
    }
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(scan_without_refits)
{
    parabola p;
    parabola_two(&p, 1, 1, 0.8);
    double start[2] = {1, 1}, x[3] = {-1, 0, 2}, scan[3], profile[3];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o);
    ck_ok(sbi_fit_scan(fit, "p0", x, 3, scan));
    ck_ok(sbi_fit_profile(fit, "p0", x, 3, profile, NULL));
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(scan[i], 0.5 * x[i] * x[i] / 0.36, 1e-9);
        ck_assert_double_eq_tol(profile[i], 0.5 * x[i] * x[i], 1e-7);
    }
    sbi_fit_destroy(fit);
}
END_TEST

/* Three parameters with a known covariance: impacts are its columns; by refits at k +- sigma_k the same. */
START_TEST(impacts_equal_refits)
{
    counts c;
    counts_make(&c, 8, 2, -0.4, 1.5);
    sbi_fit *fit = run_counts(&c, 1, 1e-3);
    double postfit[3], prefit[3], pull[3], constraint[3], V[9], x[3], e[3];
    ck_ok(sbi_fit_impacts(fit, "mu", postfit, prefit));
    ck_ok(sbi_fit_pulls(fit, pull, constraint));
    ck_ok(sbi_fit_covariance(fit, V));
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_assert(isnan(postfit[0]) && isnan(prefit[0]) && isnan(pull[0]) && isnan(constraint[0]));
    for (size_t k = 1; k < 3; k++) {
        ck_assert_double_eq_tol(postfit[k], V[k] / e[k], 1e-12);
        ck_assert_double_eq_tol(prefit[k], V[k] / (e[k] * e[k]), 1e-12);
        ck_assert_double_eq_tol(pull[k], x[k], 1e-12);
        ck_assert_double_eq_tol(constraint[k], e[k], 1e-12);
        /* By refits, with a step small enough for the likelihood to be a parabola. */
        double step = 0.05, values[2] = {x[k] - step * e[k], x[k] + step * e[k]}, nll[2], params[6];
        ck_ok(sbi_fit_profile(fit, counts_names[k], values, 2, nll, params));
        ck_assert_double_eq_tol((params[3] - params[0]) / (2 * step), postfit[k], 0.01 * e[0]);
    }
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(test_statistics)
{
    /* One Gaussian measurement of mu: every statistic is known. */
    for (int c = 0; c < 2; c++) {
        parabola p;
        parabola_two(&p, 0.5, 1, 0.3);
        p.center[0] = c ? -0.4 : 0.8;
        double start[2] = {0.1, 0}, mu = 1.5, muhat = p.center[0], t;
        sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
        sbi_fit *fit = run(&o);
        double plain = (mu - muhat) * (mu - muhat) / 0.25;
        ck_ok(sbi_fit_test_statistic(fit, "p0", mu, SBI_STATISTIC_T, &t));
        ck_assert_double_eq_tol(t, plain, 1e-6);
        ck_ok(sbi_fit_test_statistic(fit, "p0", mu, SBI_STATISTIC_Q, &t));
        ck_assert_double_eq_tol(t, plain, 1e-6);
        double tilde = c ? (mu * mu - 2 * mu * muhat) / 0.25 : plain; /* eq. 65 of the paper: mu^2 - 2 mu muhat */
        ck_ok(sbi_fit_test_statistic(fit, "p0", mu, SBI_STATISTIC_TTILDE, &t));
        ck_assert_double_eq_tol(t, tilde, 1e-6);
        ck_ok(sbi_fit_test_statistic(fit, "p0", mu, SBI_STATISTIC_QTILDE, &t));
        ck_assert_double_eq_tol(t, tilde, 1e-6);
        ck_ok(sbi_fit_test_statistic(fit, "p0", 0, SBI_STATISTIC_Q0, &t));
        ck_assert_double_eq_tol(t, c ? 0 : muhat * muhat / 0.25, 1e-6);
        ck_ok(sbi_fit_test_statistic(fit, "p0", muhat - 0.2, SBI_STATISTIC_Q, &t));
        ck_assert_double_eq(t, 0);
        ck_ok(sbi_fit_test_statistic(fit, "p0", muhat, SBI_STATISTIC_T, &t));
        ck_assert_double_eq_tol(t, 0, 1e-9);
        ck_fails(sbi_fit_test_statistic(fit, "p0", 1, SBI_STATISTIC_Q0, &t), SBI_ERR_ARGUMENT, "q_0 at mu = 1");
        ck_fails(sbi_fit_test_statistic(fit, "p0", 1, 99, &t), SBI_ERR_ARGUMENT, "kind is 99");
        ck_fails(sbi_fit_test_statistic(fit, "p0", NAN, SBI_STATISTIC_T, &t), SBI_ERR_ARGUMENT, "outside");
        sbi_fit_destroy(fit);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_profile");
    TCase *tc = tcase_create("profile");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, minos_of_a_parabola);
    tcase_add_test(tc, minos_of_a_count);
    tcase_add_test(tc, minos_without_crossing);
    tcase_add_test(tc, double_minimum);
    tcase_add_loop_test(tc, profile_keeps_the_deeper_branch, 0, 2);
    tcase_add_test(tc, scan_without_refits);
    tcase_add_test(tc, impacts_equal_refits);
    tcase_add_test(tc, test_statistics);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
