/* SPDX-License-Identifier: Apache-2.0 */
/* The minimiser on functions whose minima, or whose lack of one, are known. */
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

static sbi_fit *run(const sbi_objective *objective, const sbi_fit_options *options)
{
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, objective, options));
    return fit;
}

START_TEST(parabola_in_two_evaluations)
{
    parabola p;
    parabola_two(&p, 0.5, 3, -0.9);
    p.center[0] = 1.25;
    p.center[1] = -7;
    p.offset = 42;
    double start[2] = {0, 0}, V[4], x[2], rho[2];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_CONVERGED);
    ck_ok(sbi_fit_values(fit, x));
    ck_assert_double_eq_tol(x[0], 1.25, 1e-12);
    ck_assert_double_eq_tol(x[1], -7, 1e-12);
    ck_ok(sbi_fit_covariance(fit, V));
    ck_assert_double_eq_tol(V[0], 0.25, 1e-12);
    ck_assert_double_eq_tol(V[1], -0.9 * 0.5 * 3, 1e-12);
    ck_assert_double_eq_tol(V[3], 9, 1e-11);
    ck_ok(sbi_fit_global_correlations(fit, rho));
    ck_assert_double_eq_tol(rho[0], 0.9, 1e-12);
    ck_assert_double_eq_tol(rho[1], 0.9, 1e-12);
    ck_ok(sbi_fit_correlation(fit, V));
    ck_assert_double_eq_tol(V[2], -0.9, 1e-12);
    ck_assert_double_eq(V[3], 1);
    sbi_fit_info info = fit_info(fit);
    ck_assert_double_eq_tol(info.nll, 42, 1e-12);
    ck_assert_double_eq_tol(info.t, 84, 1e-12);
    ck_assert_int_eq(info.iterations, 1);
    ck_assert_int_le(info.hessian_evaluations, 2);
    ck_assert_double_lt(info.edm, 1e-20);
    sbi_fit_destroy(fit);
}
END_TEST

/* _i: 0 Newton with Hessian, 1 Newton asked but only HVP, 2 gradients only, 3 quasi-Newton with a Hessian at the end */
START_TEST(scales_from_1e_minus_6_to_1e6)
{
    parabola p;
    memset(&p, 0, sizeof p);
    p.n = 5;
    double sigma[5] = {1e-6, 1e-3, 1, 1e3, 1e6}, start[5], x[5], e[5];
    for (size_t i = 0; i < 5; i++) {
        p.center[i] = 2.5 * sigma[i];
        start[i] = 0.1 * sigma[i];
        for (size_t j = 0; j < 5; j++) p.A[i * 5 + j] = (i == j ? 1.5 : 0.3) / (sigma[i] * sigma[j]);
    }
    sbi_objective o = fit_objective(5, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    if (_i == 1 || _i == 2) o.hessian = NULL;
    if (_i == 1) o.hvp = parabola_hvp;
    if (_i == 3) opt.method = SBI_FIT_QUASI_NEWTON;
    sbi_fit *fit = run(&o, &opt);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    /* Inverse of a I + b J by Sherman and Morrison: diagonal 1/a - b / (a (a + 5 b)), a = 1.2, b = 0.3. */
    double expected = sqrt(1 / 1.2 - 0.3 / (1.2 * 2.7));
    for (size_t i = 0; i < 5; i++) {
        ck_assert_double_eq_tol(x[i] / sigma[i], 2.5, 1e-4);
        ck_assert_double_eq_tol(e[i] / sigma[i], expected, _i == 2 ? 1e-5 : 1e-10);
    }
    sbi_fit_info info = fit_info(fit);
    if (_i == 3) ck_assert_int_eq(info.hessian_evaluations, 2);
    if (_i == 2) ck_assert_int_eq(info.hessian_evaluations, 0);
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(rosenbrock)
{
    double starts[4][2] = {{-1.2, 1}, {5, -10}, {-30, 40}, {0, 0}}, x[2];
    for (int s = 0; s < 4; s++) {
        sbi_objective o = fit_objective(2, starts[s], rosenbrock_gradient, _i ? NULL : rosenbrock_hessian, NULL);
        sbi_fit *fit = run(&o, NULL);
        ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "start %d: %s", s, sbi_fit_message(fit));
        ck_ok(sbi_fit_values(fit, x));
        double error[2];
        ck_ok(sbi_fit_errors(fit, error));
        ck_assert_double_eq_tol(x[0], 1, 1e-3 * error[0]);
        ck_assert_double_eq_tol(x[1], 1, 1e-3 * error[1]);
        ck_assert_int_lt(fit_info(fit).iterations, 300);
        sbi_fit_destroy(fit);
    }
}
END_TEST

START_TEST(nearly_degenerate_correlation)
{
    parabola p;
    parabola_two(&p, 1, 1, 0.9999999);
    p.center[0] = 100;
    p.center[1] = -100;
    double start[2] = {0, 0}, e[2], x[2];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_assert_double_eq_tol(x[0], 100, 1e-4);
    ck_assert_double_eq_tol(e[0], 1, 1e-6);
    sbi_fit_destroy(fit);
}
END_TEST

/* The parabola with centre (-1, 2) and rho = 0.8 on x >= 0: the minimum is at (0, 2 + 0.8). */
START_TEST(minimum_at_a_limit)
{
    parabola p;
    parabola_two(&p, 1, 1, 0.8);
    p.center[0] = -1;
    p.center[1] = 2;
    double start[2] = {3, -4}, lower[2] = {0, -INFINITY}, x[2], V[4];
    int32_t state[2];
    sbi_objective o = fit_objective(2, start, parabola_gradient, _i ? NULL : parabola_hessian, &p);
    o.lower = lower;
    sbi_fit *fit = run(&o, NULL);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_AT_LIMIT);
    ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), "p0 at its lower limit 0"));
    ck_ok(sbi_fit_values(fit, x));
    ck_assert_double_eq(x[0], 0);
    ck_assert_double_eq_tol(x[1], 2.8, _i ? 1e-3 : 1e-12);
    ck_ok(sbi_fit_param_states(fit, state));
    ck_assert_int_eq(state[0], 2);
    ck_assert_int_eq(state[1], 0);
    ck_ok(sbi_fit_covariance(fit, V));
    ck_assert_double_eq(V[0], 0);
    ck_assert_double_eq(V[1], 0);
    ck_assert_double_eq_tol(V[3], 1 - 0.64, 1e-6); /* of x_1 given x_0 */
    ck_assert_int_eq(fit_info(fit).n_at_limit, 1);
    sbi_fit_destroy(fit);
}
END_TEST

/* Started on a limit that must be left, with another one that must be found. */
START_TEST(leaves_a_limit)
{
    parabola p;
    parabola_two(&p, 1, 2, -0.5);
    p.center[0] = 2;
    p.center[1] = 9;
    double start[2] = {0, 0}, lower[2] = {0, 0}, upper[2] = {10, 5}, x[2];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    o.lower = lower;
    o.upper = upper;
    sbi_fit *fit = run(&o, NULL);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_AT_LIMIT);
    ck_ok(sbi_fit_values(fit, x));
    ck_assert_double_eq(x[1], 5);
    /* dF/dx0 = 0 at x1 - 9 = -4: x0 - 2 = rho sigma0 / sigma1 (-4) = 1 */
    ck_assert_double_eq_tol(x[0], 3, 1e-12);
    sbi_fit_destroy(fit);
}
END_TEST

static sbi_status falling_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    int kind = *(const int *)user;
    if (kind == 0) { /* linear */
        *f = -x[0];
        g[0] = -1;
        if (H) H[0] = 0;
    } else if (kind == 1) { /* ever steeper */
        *f = -x[0] * x[0];
        g[0] = -2 * x[0];
        if (H) H[0] = -2;
    } else { /* alpha^2 / 2 - N Var alpha^2 / 2: what a missing normalisation does to a likelihood */
        *f = 0.5 * x[0] * x[0] - 1.5 * x[0] * x[0] + 1e-3 * x[0];
        g[0] = -2 * x[0] + 1e-3;
        if (H) H[0] = -2;
    }
    return SBI_OK;
}

static sbi_status falling_gradient(void *user, const double *x, double *f, double *g)
{
    return falling_hessian(user, x, f, g, NULL);
}

START_TEST(unbounded_below)
{
    int kind = _i / 2;
    double start[1] = {kind == 1 ? 0.3 : 0}, out;
    sbi_objective o = fit_objective(1, start, falling_gradient, _i % 2 ? NULL : falling_hessian, &kind);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_UNBOUNDED, "%s", sbi_fit_message(fit));
    ck_assert_int_ne(sbi_fit_error(fit, "p0", &out), SBI_OK);
    ck_fails(sbi_fit_minos(fit, "p0", (double[2]){0}), SBI_ERR_STATE, "has not converged");
    sbi_fit_destroy(fit);
    /* The same within bounds ends at one. */
    double lower[1] = {-5}, upper[1] = {5}, x;
    o.lower = lower;
    o.upper = upper;
    fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_AT_LIMIT, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_value(fit, "p0", &x));
    ck_assert_double_eq(fabs(x), 5);
    sbi_fit_destroy(fit);
}
END_TEST

static sbi_status second_falls_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    (void)user;
    *f = 0.5 * x[0] * x[0] - 0.2 * x[1] * x[1];
    g[0] = x[0];
    g[1] = -0.4 * x[1];
    if (H) {
        H[0] = 1;
        H[1] = H[2] = 0;
        H[3] = -0.4;
    }
    return SBI_OK;
}

static sbi_status second_falls_gradient(void *user, const double *x, double *f, double *g)
{
    return second_falls_hessian(user, x, f, g, NULL);
}

START_TEST(unbounded_names_the_parameter)
{
    double start[2] = {4, 1};
    sbi_objective o = fit_objective(2, start, second_falls_gradient, second_falls_hessian, NULL);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_UNBOUNDED);
    ck_assert_msg(strstr(sbi_fit_message(fit), " at p1 = "), "%s", sbi_fit_message(fit));
    sbi_fit_destroy(fit);
}
END_TEST

/* 10 x - 7 ln x - 3 ln(2 - x - y) + y^2 / 2: +inf outside of a wedge that the first Newton steps leave. */
static sbi_status wedge_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    (void)user;
    double s = 2 - x[0] - x[1];
    if (x[0] <= 0 || s <= 0) {
        *f = INFINITY;
        g[0] = g[1] = NAN;
        return SBI_OK;
    }
    *f = 10 * x[0] - 7 * log(x[0]) - 3 * log(s) + 0.5 * x[1] * x[1];
    g[0] = 10 - 7 / x[0] + 3 / s;
    g[1] = 3 / s + x[1];
    if (H) {
        H[0] = 7 / (x[0] * x[0]) + 3 / (s * s);
        H[1] = H[2] = 3 / (s * s);
        H[3] = 3 / (s * s) + 1;
    }
    return SBI_OK;
}

static sbi_status wedge_gradient(void *user, const double *x, double *f, double *g)
{
    return wedge_hessian(user, x, f, g, NULL);
}

START_TEST(infinite_regions)
{
    double starts[3][2] = {{1e-9, 0}, {1.999, 0.0005}, {0.5, -100}}, x[2], g[2], f;
    for (int s = 0; s < 3; s++) {
        sbi_objective o = fit_objective(2, starts[s], wedge_gradient, _i ? NULL : wedge_hessian, NULL);
        sbi_fit *fit = run(&o, NULL);
        ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "start %d: %s", s, sbi_fit_message(fit));
        ck_ok(sbi_fit_values(fit, x));
        ck_ok(wedge_gradient(NULL, x, &f, g));
        ck_assert_double_lt(hypot(g[0], g[1]), 0.03);
        sbi_fit_destroy(fit);
    }
    double outside[2] = {3, 0};
    sbi_fit *fit;
    sbi_objective o = fit_objective(2, outside, wedge_gradient, wedge_hessian, NULL);
    ck_fails(sbi_fit_run_objective(&fit, ctx, &o, NULL), SBI_ERR_VALUE, "p0 = 3");
    ck_assert_ptr_null(fit);
}
END_TEST

static sbi_status flat_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    (void)user;
    double s = x[0] + x[1] - 3;
    *f = 0.5 * s * s;
    g[0] = g[1] = s;
    if (H) H[0] = H[1] = H[2] = H[3] = 1;
    return SBI_OK;
}

static sbi_status flat_gradient(void *user, const double *x, double *f, double *g)
{
    return flat_hessian(user, x, f, g, NULL);
}

START_TEST(flat_direction_is_reported)
{
    double start[2] = {0.25, 10}, e, direction[2], eigenvalue;
    sbi_objective o = fit_objective(2, start, flat_gradient, _i ? NULL : flat_hessian, NULL);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_INDEFINITE_HESSIAN, "%s", sbi_fit_message(fit));
    ck_fails(sbi_fit_error(fit, "p0", &e), SBI_ERR_SINGULAR, "not positive definite");
    ck_ok(sbi_fit_least_curvature(fit, &eigenvalue, direction));
    ck_assert_double_eq_tol(eigenvalue, 0, 1e-9);
    ck_assert_double_eq_tol(direction[0] / direction[1], -1, 1e-6);
    double nll;
    ck_ok(sbi_fit_nll(fit, &nll));
    ck_assert_double_lt(nll, 1e-4);
    sbi_fit_destroy(fit);
}
END_TEST

/* x^4/4 - x^2/2 + y^2/2: started exactly on the saddle at 0, where the gradient vanishes; minima at x = +-1. */
static sbi_status saddle_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    (void)user;
    *f = 0.25 * x[0] * x[0] * x[0] * x[0] - 0.5 * x[0] * x[0] + 0.5 * x[1] * x[1];
    g[0] = x[0] * x[0] * x[0] - x[0];
    g[1] = x[1];
    if (H) {
        H[0] = 3 * x[0] * x[0] - 1;
        H[1] = H[2] = 0;
        H[3] = 1;
    }
    return SBI_OK;
}

static sbi_status saddle_gradient(void *user, const double *x, double *f, double *g)
{
    return saddle_hessian(user, x, f, g, NULL);
}

START_TEST(escapes_a_saddle)
{
    double start[2] = {0, 2}, x[2];
    sbi_objective o = fit_objective(2, start, saddle_gradient, _i ? NULL : saddle_hessian, NULL);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_values(fit, x));
    ck_assert_double_eq_tol(fabs(x[0]), 1, 1e-2);
    ck_assert_double_eq_tol(x[1], 0, 2e-2);
    sbi_fit_destroy(fit);
}
END_TEST

/* mu = 0 is the minimum of a counting likelihood with a deficit; the derivative of sqrt(mu) does not exist there. */
START_TEST(limit_without_derivative)
{
    counts c;
    counts_make(&c, 6, 2, 0.5, 1);
    for (size_t i = 0; i < c.bins; i++) c.n[i] = 0.7 * c.B[i];
    double start[3] = {1, 0, 0}, lower[3] = {0, -5, -5}, upper[3] = {10, 5, 5}, mu;
    sbi_objective o = fit_objective(3, start, counts_gradient, _i ? NULL : counts_hessian, &c);
    o.names = counts_names;
    o.lower = lower;
    o.upper = upper;
    sbi_fit *fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_AT_LIMIT, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    ck_assert_double_lt(mu, 1e-12);
    ck_assert_double_ge(mu, 0);
    sbi_fit_destroy(fit);
    start[0] = 0; /* and from there away, where the interference adds */
    counts_make(&c, 6, 2, 0.5, 1);
    fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(fixed_parameters)
{
    parabola p;
    parabola_two(&p, 1, 1, 0.6);
    double start[2] = {0, 0}, x, e;
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    const char *fixed[2] = {"p0", "p1"};
    double values[2] = {2, NAN};
    opt.n_fixed = 1;
    opt.fixed_names = fixed;
    opt.fixed_values = values;
    sbi_fit *fit = run(&o, &opt);
    ck_ok(sbi_fit_value(fit, "p1", &x));
    ck_assert_double_eq_tol(x, 1.2, 1e-12);
    ck_ok(sbi_fit_error(fit, "p1", &e));
    ck_assert_double_eq_tol(e, 0.8, 1e-12);
    ck_ok(sbi_fit_error(fit, "p0", &e));
    ck_assert_double_eq(e, 0);
    ck_assert_int_eq(fit_info(fit).n_free, 1);
    sbi_fit_destroy(fit);
    opt.n_fixed = 2;
    fit = run(&o, &opt);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_ALL_FIXED);
    ck_assert_double_eq_tol(fit_info(fit).nll, 0.5 * 4 / 0.64, 1e-12);
    ck_assert_int_eq(fit_info(fit).gradient_evaluations, 1);
    ck_assert_int_eq(fit_info(fit).hessian_evaluations, 0);
    sbi_fit_destroy(fit);
    /* What the objective fixes can be freed. */
    int32_t held[2] = {1, 1};
    o.fixed = held;
    opt.n_fixed = 0;
    opt.n_free = 1;
    opt.free_names = fixed + 1;
    p.center[1] = 3;
    fit = run(&o, &opt);
    ck_assert_int_eq(fit_info(fit).n_free, 1);
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(stops_at_the_maximum_of_evaluations)
{
    double start[2] = {-1.2, 1};
    sbi_objective o = fit_objective(2, start, rosenbrock_gradient, rosenbrock_hessian, NULL);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.max_evaluations = 6;
    sbi_fit *fit = run(&o, &opt);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_MAX_EVALUATIONS);
    sbi_fit_info info = fit_info(fit);
    ck_assert_int_le(info.value_evaluations + info.gradient_evaluations + info.hessian_evaluations, 9);
    ck_assert_double_gt(info.nll, 0.1);
    sbi_fit_destroy(fit);
}
END_TEST

/* A likelihood of ten million events is 1e8 in size: differences of F carry no digits where the gradient still does. */
START_TEST(large_offset)
{
    parabola p;
    parabola_two(&p, 1e-3, 2e-3, 0.7);
    p.offset = 1e10;
    p.center[0] = 0.1;
    double start[2] = {0, 0}, x[2], e[2];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o, NULL);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_assert_double_eq_tol(x[0], 0.1, 1e-3 * e[0]);
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(many_starts_find_the_deeper_minimum)
{
    /* nu = S mu + I sqrt(mu) + B is the same at sqrt(mu) and at -I/S - sqrt(mu), nearly. */
    counts c;
    counts_make(&c, 8, 2, -1.5, 1.4);
    double start[3] = {0.1, 0, 0}, lower[3] = {1e-4, -5, -5}, upper[3] = {12, 5, 5};
    sbi_objective o = fit_objective(3, start, counts_gradient, counts_hessian, &c);
    o.lower = lower;
    o.upper = upper;
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    sbi_fit *one = run(&o, &opt);
    opt.n_starts = 12;
    opt.seed = 5;
    sbi_fit *many = run(&o, &opt), *again = run(&o, &opt);
    ck_assert_msg(sbi_fit_reason(many) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(many));
    ck_assert_double_lt(fit_info(many).nll, fit_info(one).nll - 5);
    double a[3], b[3];
    ck_ok(sbi_fit_values(many, a));
    ck_ok(sbi_fit_values(again, b));
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_double_eq_tol(a[0], 1.337, 0.01);
    sbi_fit_destroy(one);
    sbi_fit_destroy(many);
    sbi_fit_destroy(again);
}
END_TEST

START_TEST(error_level_scales_errors)
{
    parabola p;
    parabola_two(&p, 2, 3, 0.1);
    double start[2] = {5, 5}, e;
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.error_level = 2; /* two standard deviations */
    sbi_fit *fit = run(&o, &opt);
    ck_ok(sbi_fit_error(fit, "p0", &e));
    ck_assert_double_eq_tol(e, 4, 1e-10);
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(polishing_can_be_left_out)
{
    counts c;
    counts_make(&c, 8, 3, -0.4, 1.5);
    double start[4] = {0.6, 0.5, -0.5, 0.2}, g[4];
    sbi_objective o = fit_objective(4, start, counts_gradient, counts_hessian, &c);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    sbi_fit *polished = run(&o, &opt);
    opt.flags = SBI_FIT_NO_POLISH;
    opt.tolerance = 100;
    sbi_fit *plain = run(&o, &opt);
    ck_assert_int_eq(sbi_fit_reason(plain), SBI_FIT_CONVERGED);
    ck_assert_double_lt(fit_info(plain).edm, 0.1);
    ck_assert_int_lt(fit_info(plain).hessian_evaluations, fit_info(polished).hessian_evaluations);
    ck_assert_double_lt(fit_info(polished).edm, 1e-9);
    ck_ok(sbi_fit_gradient(polished, g));
    for (int k = 0; k < 4; k++) ck_assert_double_lt(fabs(g[k]), 1e-3);
    sbi_fit_destroy(plain);
    sbi_fit_destroy(polished);
}
END_TEST

START_TEST(hessian_from_elsewhere)
{
    parabola p;
    parabola_two(&p, 2, 3, 0.4);
    double start[2] = {5, 5}, e, H[4];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.method = SBI_FIT_QUASI_NEWTON;
    opt.flags = SBI_FIT_NO_HESSIAN;
    o.hessian = NULL;
    sbi_fit *fit = run(&o, &opt);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_CONVERGED);
    ck_fails(sbi_fit_error(fit, "p0", &e), SBI_ERR_STATE, "no Hessian");
    ck_fails(sbi_fit_get_hessian(fit, H), SBI_ERR_STATE, "no Hessian");
    ck_ok(sbi_fit_set_hessian(fit, p.A));
    ck_ok(sbi_fit_error(fit, "p0", &e));
    ck_assert_double_eq_tol(e, 2, 1e-10);
    ck_ok(sbi_fit_get_hessian(fit, H));
    ck_assert_mem_eq(H, p.A, sizeof H);
    double skew[4] = {1, 0.5, 0.4, 1}, nan[4] = {1, NAN, NAN, 1}, indefinite[4] = {1, 2, 2, 1};
    ck_fails(sbi_fit_set_hessian(fit, skew), SBI_ERR_SHAPE, "[0, 1]");
    ck_fails(sbi_fit_set_hessian(fit, nan), SBI_ERR_VALUE, "row 0, column 1");
    ck_ok(sbi_fit_error(fit, "p0", &e)); /* nothing was taken */
    ck_ok(sbi_fit_set_hessian(fit, indefinite));
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_INDEFINITE_HESSIAN);
    ck_fails(sbi_fit_error(fit, "p0", &e), SBI_ERR_SINGULAR, "smallest eigenvalue -1");
    ck_ok(sbi_fit_set_hessian(fit, p.A));
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_CONVERGED);
    sbi_fit_destroy(fit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_minimise");
    TCase *tc = tcase_create("minimise");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, parabola_in_two_evaluations);
    tcase_add_loop_test(tc, scales_from_1e_minus_6_to_1e6, 0, 4);
    tcase_add_loop_test(tc, rosenbrock, 0, 2);
    tcase_add_test(tc, nearly_degenerate_correlation);
    tcase_add_loop_test(tc, minimum_at_a_limit, 0, 2);
    tcase_add_test(tc, leaves_a_limit);
    tcase_add_loop_test(tc, unbounded_below, 0, 6);
    tcase_add_test(tc, unbounded_names_the_parameter);
    tcase_add_loop_test(tc, infinite_regions, 0, 2);
    tcase_add_loop_test(tc, flat_direction_is_reported, 0, 2);
    tcase_add_loop_test(tc, escapes_a_saddle, 0, 2);
    tcase_add_loop_test(tc, limit_without_derivative, 0, 2);
    tcase_add_test(tc, fixed_parameters);
    tcase_add_test(tc, stops_at_the_maximum_of_evaluations);
    tcase_add_test(tc, large_offset);
    tcase_add_test(tc, many_starts_find_the_deeper_minimum);
    tcase_add_test(tc, error_level_scales_errors);
    tcase_add_test(tc, polishing_can_be_left_out);
    tcase_add_test(tc, hessian_from_elsewhere);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
