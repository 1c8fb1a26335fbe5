/* SPDX-License-Identifier: Apache-2.0 */
/* Confidence sets and contours on likelihoods whose sets are known. */
#include "fit_problems.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#include "sbi/interval.h"

static sbi_context *ctx;

static void setup(void)
{
    ctx = fit_context();
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

static sbi_fit *run(const sbi_objective *objective, int32_t n_starts)
{
    sbi_fit *fit;
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.n_starts = n_starts;
    opt.seed = 3;
    ck_ok(sbi_fit_run_objective(&fit, ctx, objective, &opt));
    return fit;
}

/* (u(x)^2 - 1)^2 h + (y - x)^2 / 2: two valleys at x = +-1 of depths 0 and tilt, F rises to h between them. */
typedef struct valleys {
    double height, tilt;
} valleys;

static sbi_status valleys_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    const valleys *v = user;
    double w = x[0] * x[0] - 1, d = x[1] - x[0];
    *f = v->height * w * w + v->tilt * x[0] + 0.5 * d * d;
    g[0] = 4 * v->height * w * x[0] + v->tilt - d;
    g[1] = d;
    if (H) {
        H[0] = v->height * (12 * x[0] * x[0] - 4) + 1;
        H[1] = H[2] = -1;
        H[3] = 1;
    }
    return SBI_OK;
}

static sbi_status valleys_gradient(void *user, const double *x, double *f, double *g)
{
    return valleys_hessian(user, x, f, g, NULL);
}

START_TEST(two_intervals)
{
    valleys v = {10, 0};
    double start[2] = {0.8, 0.5};
    sbi_objective o = fit_objective(2, start, valleys_gradient, valleys_hessian, &v);
    sbi_fit *fit = run(&o, 1);
    sbi_confidence_set_options opt = SBI_CONFIDENCE_SET_OPTIONS_INIT;
    opt.cl = NAN;
    opt.delta_t = 1;
    opt.low = -3;
    opt.high = 3;
    sbi_confidence_set *set;
    ck_ok(sbi_confidence_set_find(&set, fit, "p0", &opt));
    ck_assert_uint_eq(sbi_confidence_set_n_intervals(set), 2);
    /* 2 h (x^2 - 1)^2 = 1 */
    double inner = sqrt(1 - sqrt(0.05)), outer = sqrt(1 + sqrt(0.05)), expected[2][2] = {{-outer, -inner}, {inner, outer}};
    for (size_t i = 0; i < 2; i++) {
        sbi_confidence_interval interval = {.struct_size = sizeof interval};
        ck_ok(sbi_confidence_set_interval(set, i, &interval));
        for (int side = 0; side < 2; side++) {
            ck_assert_int_eq(interval.kind[side], SBI_END_CROSSING);
            ck_assert_double_eq_tol(interval.end[side], expected[i][side], 1e-5);
            ck_assert_double_eq_tol(interval.t[side], 1, 3e-5);
        }
        ck_assert_double_eq_tol(fabs(interval.deepest), 1, 0.06);
    }
    sbi_confidence_set_info info = {.struct_size = sizeof info};
    ck_ok(sbi_confidence_set_get_info(set, &info));
    ck_assert_double_eq_tol(info.spacing, 0.15, 1e-9);
    ck_assert_int_eq(info.n_failed, 0);
    ck_assert_ptr_nonnull(strstr(sbi_confidence_set_message(set), "narrower than the grid's 0.15"));
    sbi_confidence_set_destroy(set);
    /* A coarse grid sees both dips by the slopes beside them. */
    opt.n_grid = 9;
    ck_ok(sbi_confidence_set_find(&set, fit, "p0", &opt));
    ck_assert_uint_eq(sbi_confidence_set_n_intervals(set), 2);
    sbi_confidence_set_destroy(set);
    /* At t = 25 there is one interval; a range that ends inside and a limit are told apart. */
    opt.n_grid = 41;
    opt.delta_t = 25;
    opt.high = 1;
    ck_ok(sbi_confidence_set_find(&set, fit, "p0", &opt));
    ck_assert_uint_eq(sbi_confidence_set_n_intervals(set), 1);
    sbi_confidence_interval interval = {.struct_size = sizeof interval};
    ck_ok(sbi_confidence_set_interval(set, 0, &interval));
    ck_assert_int_eq(interval.kind[0], SBI_END_CROSSING);
    ck_assert_int_eq(interval.kind[1], SBI_END_OF_RANGE);
    ck_assert_double_eq(interval.end[1], 1);
    ck_assert_ptr_nonnull(strstr(sbi_confidence_set_message(set), "(end of the range)"));
    sbi_confidence_set_destroy(set);
    sbi_fit_destroy(fit);
}
END_TEST

/* Chi-square levels; a set that a limit cuts; a fit that found the shallower minimum. */
START_TEST(levels_limits_and_deeper_minima)
{
    parabola p;
    parabola_two(&p, 2, 3, 0.4);
    double start[2] = {1, 1}, lower[2] = {-1, -INFINITY};
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    o.lower = lower;
    sbi_fit *fit = run(&o, 1);
    sbi_confidence_set_options opt = SBI_CONFIDENCE_SET_OPTIONS_INIT;
    opt.cl = 0.95;
    sbi_confidence_set *set;
    ck_ok(sbi_confidence_set_find(&set, fit, "p0", &opt));
    sbi_confidence_interval interval = {.struct_size = sizeof interval};
    ck_ok(sbi_confidence_set_interval(set, 0, &interval));
    ck_assert_double_eq(interval.end[0], -1);
    ck_assert_int_eq(interval.kind[0], SBI_END_LIMIT);
    ck_assert_double_eq_tol(interval.end[1], 2 * 1.959963985, 1e-4);
    sbi_confidence_set_destroy(set);
    sbi_fit_destroy(fit);

    valleys v = {10, 1};
    start[0] = start[1] = 0.9;
    o = fit_objective(2, start, valleys_gradient, valleys_hessian, &v);
    fit = run(&o, 1);
    opt.low = -2;
    opt.high = 2;
    ck_ok(sbi_confidence_set_find(&set, fit, "p0", &opt));
    sbi_confidence_set_info info = {.struct_size = sizeof info};
    ck_ok(sbi_confidence_set_get_info(set, &info));
    ck_assert_int_eq(info.deeper, 1);
    ck_assert_double_lt(info.nll_min, fit_info(fit).nll - 1.9);
    ck_ok(sbi_confidence_set_interval(set, 0, &interval));
    ck_assert_double_lt(interval.end[1], 0);
    ck_assert_ptr_nonnull(strstr(sbi_confidence_set_message(set), "deeper than the fit's"));
    sbi_confidence_set_destroy(set);
    sbi_fit_destroy(fit);
}
END_TEST

static double t_at(const sbi_objective *o, size_t n, const double *held, double f_min)
{
    /* All parameters are held here (n = 2). */
    double f, g[2];
    (void)n;
    ck_ok(o->gradient(o->user, held, &f, g));
    return 2 * (f - f_min);
}

static double area(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[(i + 1) % n] - x[(i + 1) % n] * y[i];
    return 0.5 * sum;
}

#define MOST_POINTS 2000

START_TEST(an_ellipse)
{
    parabola p;
    parabola_two(&p, 1e-4, 300, -0.95);
    p.center[0] = 0.2;
    double start[2] = {0.2, 10}, x[MOST_POINTS], y[MOST_POINTS], at[2];
    int32_t kind[MOST_POINTS];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o, 1);
    sbi_contour *contour;
    ck_ok(sbi_contour_find(&contour, fit, "p0", "p1", NULL));
    ck_assert_uint_eq(sbi_contour_n_curves(contour), 1);
    size_t n = sbi_contour_n_points(contour, 0);
    ck_assert(n > 30 && n < MOST_POINTS);
    ck_ok(sbi_contour_points(contour, 0, x, y, kind));
    double delta_t = -2 * log(1 - 0.68268949213708585), largest = 0;
    for (size_t i = 0; i < n; i++) {
        at[0] = x[i];
        at[1] = y[i];
        ck_assert_int_eq(kind[i], SBI_END_CROSSING);
        ck_assert_double_eq_tol(t_at(&o, 2, at, 0) / delta_t, 1, 3e-5);
        largest = fmax(largest, x[i] - 0.2);
    }
    ck_assert_double_le(largest, 1e-4 * sqrt(delta_t) * 1.00002);
    ck_assert_double_gt(largest, 1e-4 * sqrt(delta_t) * 0.98);
    /* pi a b sqrt(1 - rho^2) delta_t, counter-clockwise; a polygon inside it is a little smaller. */
    double whole = M_PI * 1e-4 * 300 * sqrt(1 - 0.95 * 0.95) * delta_t, found = area(x, y, n);
    ck_assert_msg(found < whole && found > 0.93 * whole, "%g of %g", found, whole);
    sbi_contour_destroy(contour);
    sbi_fit_destroy(fit);
}
END_TEST

/* Cut by bounds: the curve runs along them, corner included. */
START_TEST(an_ellipse_at_bounds)
{
    parabola p;
    parabola_two(&p, 1, 1, 0.3);
    double start[2] = {0.5, 0.5}, lower[2] = {0, -0.5}, x[MOST_POINTS], y[MOST_POINTS];
    int32_t kind[MOST_POINTS];
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    o.lower = lower;
    sbi_fit *fit = run(&o, 1);
    sbi_contour *contour;
    ck_ok(sbi_contour_find(&contour, fit, "p0", "p1", NULL));
    ck_assert_uint_eq(sbi_contour_n_curves(contour), 1);
    size_t n = sbi_contour_n_points(contour, 0), limits = 0, corners = 0;
    ck_assert(n < MOST_POINTS);
    ck_ok(sbi_contour_points(contour, 0, x, y, kind));
    for (size_t i = 0; i < n; i++) {
        ck_assert(x[i] >= 0 && y[i] >= -0.5);
        limits += kind[i] == SBI_END_LIMIT;
        corners += x[i] == 0 && y[i] == -0.5;
        if (kind[i] == SBI_END_LIMIT) ck_assert(x[i] == 0 || y[i] == -0.5);
    }
    ck_assert_uint_gt(limits, 10);
    ck_assert_uint_eq(corners, 1);
    ck_assert_double_gt(area(x, y, n), 0);
    sbi_contour_destroy(contour);
    sbi_fit_destroy(fit);
}
END_TEST

/* Two minima give two curves, which join at a higher level. */
START_TEST(two_curves)
{
    valleys v = {10, 0.1};
    double start[2] = {-0.8, -0.5}, x[MOST_POINTS], y[MOST_POINTS], at[2];
    int32_t kind[MOST_POINTS];
    sbi_objective o = fit_objective(2, start, valleys_gradient, valleys_hessian, &v);
    sbi_fit *fit = run(&o, 1);
    sbi_contour_options opt = SBI_CONTOUR_OPTIONS_INIT;
    opt.flags = _i ? SBI_CONTOUR_SCAN : 0;
    opt.low[0] = opt.low[1] = -8;
    opt.high[0] = opt.high[1] = 8;
    sbi_contour *contour;
    ck_ok(sbi_contour_find(&contour, fit, "p0", "p1", &opt));
    ck_assert_uint_eq(sbi_contour_n_curves(contour), 2);
    double delta_t = -2 * log(1 - 0.68268949213708585), f_min = fit_info(fit).nll;
    for (size_t c = 0; c < 2; c++) {
        size_t n = sbi_contour_n_points(contour, c);
        ck_assert(n > 20 && n < MOST_POINTS);
        ck_ok(sbi_contour_points(contour, c, x, y, kind));
        ck_assert_double_gt(area(x, y, n), 0);
        for (size_t i = 0; i < n; i++) {
            at[0] = x[i];
            at[1] = y[i];
            ck_assert_msg(fabs(t_at(&o, 2, at, f_min) / delta_t - 1) < 3e-5, "point %zu of curve %zu: (%.9g, %.9g), kind %d: t = %g", i, c,
                          x[i], y[i], (int)kind[i], t_at(&o, 2, at, f_min));
        }
    }
    sbi_contour_destroy(contour);
    opt.cl = NAN;
    opt.delta_t = 30;
    ck_ok(sbi_contour_find(&contour, fit, "p0", "p1", &opt));
    ck_assert_uint_eq(sbi_contour_n_curves(contour), 1);
    sbi_contour_destroy(contour);
    sbi_fit_destroy(fit);
}
END_TEST

/* A ring around the origin: an outer curve, and a hole that runs the other way. */
static sbi_status ring_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    (void)user;
    double r = x[0] * x[0] + x[1] * x[1], w = r - 4;
    *f = 0.5 * w * w + 0.01 * x[0];
    for (int k = 0; k < 2; k++) g[k] = 2 * w * x[k] + (k == 0 ? 0.01 : 0);
    for (int k = 0; H && k < 4; k++) H[k] = 4 * x[k / 2] * x[k % 2] + (k % 3 ? 0 : 2 * w);
    return SBI_OK;
}

static sbi_status ring_gradient(void *user, const double *x, double *f, double *g)
{
    return ring_hessian(user, x, f, g, NULL);
}

START_TEST(a_ring)
{
    double start[2] = {-1, 0.5}, x[MOST_POINTS], y[MOST_POINTS];
    sbi_objective o = fit_objective(2, start, ring_gradient, ring_hessian, NULL);
    sbi_fit *fit = run(&o, 1);
    sbi_contour_options opt = SBI_CONTOUR_OPTIONS_INIT;
    opt.n_grid = 30;
    opt.low[0] = opt.low[1] = -4;
    opt.high[0] = opt.high[1] = 4;
    sbi_contour *contour;
    ck_ok(sbi_contour_find(&contour, fit, "p0", "p1", &opt));
    ck_assert_uint_eq(sbi_contour_n_curves(contour), 2);
    double turned = 1, total = 0;
    for (size_t c = 0; c < 2; c++) {
        size_t n = sbi_contour_n_points(contour, c);
        ck_assert(n < MOST_POINTS);
        ck_ok(sbi_contour_points(contour, c, x, y, NULL));
        turned *= area(x, y, n);
        total += area(x, y, n);
    }
    ck_assert_double_lt(turned, 0);
    ck_assert_double_gt(total, 0);
    sbi_contour_destroy(contour);
    sbi_fit_destroy(fit);
}
END_TEST

/* Interference with nuisance parameters: both minima, both intervals, both curves. */
START_TEST(interference)
{
    counts c;
    counts_make(&c, 8, 2, -1.5, 1.4);
    double start[3] = {1.5, 0, 0}, lower[3] = {0, -5, -5}, upper[3] = {8, 5, 5}, x[MOST_POINTS], y[MOST_POINTS], values[3];
    sbi_objective o = fit_objective(3, start, counts_gradient, counts_hessian, &c);
    o.names = counts_names;
    o.lower = lower;
    o.upper = upper;
    sbi_fit *fit = run(&o, 30);
    ck_assert_msg(sbi_fit_n_minima(fit) == 2, "%zu: %s", sbi_fit_n_minima(fit), sbi_fit_message(fit));
    sbi_fit_minimum first = {.struct_size = sizeof first}, second = {.struct_size = sizeof second};
    ck_ok(sbi_fit_get_minimum(fit, 0, &first, values));
    double mu = values[0];
    ck_ok(sbi_fit_get_minimum(fit, 1, &second, values));
    ck_assert(first.is_global && !second.is_global);
    ck_assert_double_eq_tol(first.nll, fit_info(fit).nll, 1e-12);
    ck_assert_double_gt(second.above, 0);
    ck_assert_double_gt(fabs(values[0] - mu), 0.2);
    ck_assert_int_eq(first.n_starts + second.n_starts + fit_info(fit).n_failed_starts, 30);
    ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), "30 starts led to 2 minima"));
    ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), "global at mu ="));
    ck_fails(sbi_fit_get_minimum(fit, 2, &first, NULL), SBI_ERR_ARGUMENT, "index is 2");
    /* A level above the second minimum and below what lies between the two. */
    sbi_confidence_set_options opt = SBI_CONFIDENCE_SET_OPTIONS_INIT;
    opt.cl = NAN;
    opt.delta_t = 2 * second.above + 1;
    sbi_confidence_set *set;
    ck_ok(sbi_confidence_set_find(&set, fit, "mu", &opt));
    ck_assert_msg(sbi_confidence_set_n_intervals(set) == 2, "%s", sbi_confidence_set_message(set));
    sbi_confidence_set_destroy(set);
    sbi_contour_options shape = SBI_CONTOUR_OPTIONS_INIT;
    shape.cl = NAN;
    shape.delta_t = opt.delta_t;
    sbi_contour *contour;
    ck_ok(sbi_contour_find(&contour, fit, "mu", "a1", &shape));
    ck_assert_uint_eq(sbi_contour_n_curves(contour), 2);
    for (size_t i = 0; i < 2; i++) {
        size_t n = sbi_contour_n_points(contour, i);
        ck_assert(n < MOST_POINTS);
        ck_ok(sbi_contour_points(contour, i, x, y, NULL));
        ck_assert_double_gt(area(x, y, n), 0);
    }
    sbi_contour_info info = {.struct_size = sizeof info};
    ck_ok(sbi_contour_get_info(contour, &info));
    ck_assert_int_eq(info.n_failed, 0);
    ck_assert_int_gt(info.evaluations, 100);
    sbi_contour_destroy(contour);
    sbi_fit_destroy(fit);
}
END_TEST

START_TEST(bad_input)
{
    parabola p;
    parabola_two(&p, 1, 1, 0.3);
    double start[2] = {0.5, 0.5};
    sbi_objective o = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    sbi_fit *fit = run(&o, 1);
    sbi_confidence_set *set = (sbi_confidence_set *)&p;
    sbi_contour *contour = (sbi_contour *)&p;
    sbi_confidence_set_options a = SBI_CONFIDENCE_SET_OPTIONS_INIT;
    sbi_contour_options b = SBI_CONTOUR_OPTIONS_INIT;
    ck_fails(sbi_confidence_set_find(&set, fit, "nu", &a), SBI_ERR_NOT_FOUND, "'nu'");
    ck_assert_ptr_null(set);
    ck_fails(sbi_confidence_set_find(&set, NULL, "p0", &a), SBI_ERR_ARGUMENT, "fit is NULL");
    ck_fails(sbi_confidence_set_find(NULL, fit, "p0", &a), SBI_ERR_ARGUMENT, "out is NULL");
    a.cl = 1.5;
    ck_fails(sbi_confidence_set_find(&set, fit, "p0", &a), SBI_ERR_ARGUMENT, "cl is 1.5");
    a.cl = NAN;
    a.delta_t = NAN;
    ck_fails(sbi_confidence_set_find(&set, fit, "p0", &a), SBI_ERR_ARGUMENT, "delta_t is nan");
    a.delta_t = 1;
    a.n_grid = 2;
    ck_fails(sbi_confidence_set_find(&set, fit, "p0", &a), SBI_ERR_ARGUMENT, "n_grid is 2");
    a.n_grid = 11;
    a.low = 3;
    a.high = 2;
    ck_fails(sbi_confidence_set_find(&set, fit, "p0", &a), SBI_ERR_ARGUMENT, "[3, 2]");
    ck_fails(sbi_contour_find(&contour, fit, "p0", "p0", &b), SBI_ERR_ARGUMENT, "both parameters are p0");
    ck_assert_ptr_null(contour);
    ck_fails(sbi_contour_find(&contour, fit, "p0", "p7", &b), SBI_ERR_NOT_FOUND, "'p7'");
    b.flags = 4;
    ck_fails(sbi_contour_find(&contour, fit, "p0", "p1", &b), SBI_ERR_ARGUMENT, "flags are 0x4");
    b.flags = 0;
    b.struct_size = 8;
    ck_fails(sbi_contour_find(&contour, fit, "p0", "p1", &b), SBI_ERR_ABI, "struct_size is 8");
    ck_assert_uint_eq(sbi_contour_n_curves(NULL), 0);
    ck_assert_uint_eq(sbi_confidence_set_n_intervals(NULL), 0);
    ck_assert_str_eq(sbi_confidence_set_message(NULL), "");
    sbi_contour_destroy(NULL);
    sbi_confidence_set_destroy(NULL);
    sbi_fit_destroy(fit);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    const char *fixed[1] = {"p1"};
    opt.n_fixed = 1;
    opt.fixed_names = fixed;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, &opt));
    ck_fails(sbi_contour_find(&contour, fit, "p0", "p1", NULL), SBI_ERR_STATE, "p1 is fixed at 0.5");
    sbi_fit_destroy(fit);
    sbi_confidence_set_options c;
    sbi_contour_options d;
    sbi_confidence_set_options_init(&c);
    sbi_contour_options_init(&d);
    ck_assert(c.struct_size == sizeof c && c.n_grid == 41 && isnan(c.low) && d.n_grid == 16 && isnan(d.high[1]));
}
END_TEST

static sbi_status both(sbi_context *c, void *arg)
{
    valleys v = {10, 0.1};
    double start[2] = {-0.8, -0.5};
    sbi_objective o = fit_objective(2, start, valleys_gradient, valleys_hessian, &v);
    sbi_contour_options opt = SBI_CONTOUR_OPTIONS_INIT;
    sbi_contour *contour;
    sbi_confidence_set *set;
    sbi_fit *fit;
    (void)arg;
    opt.n_grid = 4;
    sbi_status status = sbi_fit_run_objective(&fit, c, &o, NULL);
    if (status != SBI_OK) return status;
    status = sbi_confidence_set_find(&set, fit, "p0", NULL);
    if (status == SBI_OK) sbi_confidence_set_destroy(set);
    else ck_assert_ptr_null(set);
    if (status == SBI_OK) {
        status = sbi_contour_find(&contour, fit, "p0", "p1", &opt);
        if (status == SBI_OK) sbi_contour_destroy(contour);
        else ck_assert_ptr_null(contour);
    }
    sbi_fit_destroy(fit);
    return status;
}

START_TEST(out_of_memory)
{
    torture_report report = torture_allocations(both, NULL, 1, _i);
    ck_assert_int_gt(report.requests, 40);
    ck_assert_int_eq(report.tolerated, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_interval");
    TCase *tc = tcase_create("interval");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, two_intervals);
    tcase_add_test(tc, levels_limits_and_deeper_minima);
    tcase_add_test(tc, an_ellipse);
    tcase_add_test(tc, an_ellipse_at_bounds);
    tcase_add_loop_test(tc, two_curves, 0, 2);
    tcase_add_test(tc, a_ring);
    tcase_add_test(tc, interference);
    tcase_add_test(tc, bad_input);
    tcase_add_loop_test(tc, out_of_memory, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
