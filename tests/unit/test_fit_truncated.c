/* SPDX-License-Identifier: Apache-2.0 */
/* Truncated Newton: thousands of parameters by Hessian-vector products, and no matrix unless it is asked for. */
#include "fit_problems.h"
#include "support/run_suite.h"

#include "base/memory.h"
#include "base/random.h"

/* F = sum_i [nu_i - n_i ln nu_i] + sum_k x_k^2 / (2 c_k^2), nu_i = b_i exp(mu + sum over the w neighbours of bin i of t x_k / s_k):
 * one parameter that is common to all bins and n - 1 that act on a few, in units s_k from 1e-6 to 1e6. */
typedef struct chain {
    size_t n, bins;
    double *scale, *count, *strength; /* [n], [bins], [bins] */
    double constraint;
    long products;
} chain;

#define WIDTH 4

static double chain_log(const chain *c, const double *x, size_t i)
{
    double sum = x[0] / c->scale[0];
    for (size_t j = 0; j < WIDTH; j++) {
        size_t k = 1 + (i + j * j) % (c->n - 1);
        sum += c->strength[i] * (j % 2 ? -1 : 1) * x[k] / c->scale[k];
    }
    return sum;
}

static void chain_add(const chain *c, size_t i, double factor, double *out)
{
    out[0] += factor / c->scale[0];
    for (size_t j = 0; j < WIDTH; j++) {
        size_t k = 1 + (i + j * j) % (c->n - 1);
        out[k] += factor * c->strength[i] * (j % 2 ? -1 : 1) / c->scale[k];
    }
}

static sbi_status chain_gradient(void *user, const double *x, double *f, double *g)
{
    const chain *c = user;
    *f = 0;
    memset(g, 0, c->n * sizeof *g);
    for (size_t i = 0; i < c->bins; i++) {
        double log_nu = log(50) + chain_log(c, x, i), nu = exp(log_nu);
        *f += nu - c->count[i] * log_nu;
        chain_add(c, i, nu - c->count[i], g);
    }
    for (size_t k = 1; k < c->n; k++) {
        double z = x[k] / c->scale[k] / c->constraint;
        *f += 0.5 * z * z;
        g[k] += z / (c->scale[k] * c->constraint);
    }
    return SBI_OK;
}

static sbi_status chain_hvp(void *user, const double *x, const double *V, size_t m, double *HV)
{
    chain *c = user;
    c->products += (long)m;
    memset(HV, 0, m * c->n * sizeof *HV);
    for (size_t r = 0; r < m; r++) {
        const double *v = V + r * c->n;
        double *out = HV + r * c->n;
        for (size_t i = 0; i < c->bins; i++)
            chain_add(c, i, 50 * exp(chain_log(c, x, i)) * chain_log(c, v, i), out);
        for (size_t k = 1; k < c->n; k++)
            out[k] += v[k] / (c->scale[k] * c->scale[k] * c->constraint * c->constraint);
    }
    return SBI_OK;
}

static chain chain_make(size_t n, size_t bins, double **start)
{
    chain c = {.n = n, .bins = bins, .constraint = 1};
    c.scale = malloc(n * sizeof *c.scale);
    c.count = malloc(bins * sizeof *c.count);
    c.strength = malloc(bins * sizeof *c.strength);
    *start = malloc(n * sizeof **start);
    ck_assert(c.scale && c.count && c.strength && *start);
    for (size_t k = 0; k < n; k++) {
        c.scale[k] = pow(10, 12 * sbi_random_uniform(7, 0, k) - 6);
        (*start)[k] = (2 * sbi_random_uniform(7, 1, k) - 1) * c.scale[k];
    }
    for (size_t i = 0; i < bins; i++) {
        c.strength[i] = 0.05 + 0.3 * sbi_random_uniform(7, 2, i);
        c.count[i] = floor(50 * exp(0.3 * sbi_random_normal(7, 3, i)) + 0.5);
    }
    return c;
}

static void chain_free(chain *c, double *start)
{
    free(c->scale);
    free(c->count);
    free(c->strength);
    free(start);
}

static sbi_objective chain_objective(chain *c, const double *start)
{
    sbi_objective o = fit_objective(c->n, start, chain_gradient, NULL, c);
    o.hvp = chain_hvp;
    return o;
}

static double largest_slope(chain *c, const double *x, const int32_t *state)
{
    double f, largest = 0, *g = malloc(c->n * sizeof *g);
    ck_assert_ptr_nonnull(g);
    ck_ok(chain_gradient(c, x, &f, g));
    for (size_t k = 0; k < c->n; k++)
        if (!state[k]) largest = fmax(largest, fabs(g[k]) * c->scale[k]);
    free(g);
    return largest;
}

/* Five thousand parameters of any scale, a tenth of them against a limit. A matrix would take 200 MB. */
START_TEST(five_thousand_parameters)
{
    const size_t n = 5000;
    double *start;
    chain c = chain_make(n, 8000, &start);
    double *lower = malloc(n * sizeof *lower), *x = malloc(n * sizeof *x);
    int32_t *state = malloc(n * sizeof *state);
    ck_assert(lower && x && state);
    for (size_t k = 0; k < n; k++) lower[k] = k % 10 == 3 ? -0.3 * c.scale[k] : -INFINITY;
    for (size_t k = 0; k < n; k++) start[k] = fmax(start[k], lower[k]);
    sbi_objective o = chain_objective(&c, start);
    o.lower = lower;
    sbi_context *ctx = fit_context();
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, NULL));
    sbi_fit_info info = fit_info(fit);
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_AT_LIMIT, "%s", sbi_fit_message(fit));
    ck_assert_int_eq(info.method, SBI_FIT_TRUNCATED_NEWTON);
    ck_assert_int_gt(info.n_at_limit, 50);
    ck_assert_int_eq(info.hessian_evaluations, 0);
    ck_assert_int_eq(info.hvp_evaluations, c.products);
    ck_assert_int_lt(c.products, 2500);
    ck_assert_double_gt(info.smallest_eigenvalue, 0);
    ck_assert_double_lt(info.edm, 1e-4);
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_param_states(fit, state));
    ck_assert_double_lt(largest_slope(&c, x, state), 1e-2);
    /* Vectors, not matrices: 90 doubles, and a name with its block of memory, for each parameter. */
    ck_assert_uint_lt(sbi_memory_peak(ctx), n * (90 * sizeof(double) + 192));
    double e;
    ck_fails(sbi_fit_error(fit, "p0", &e), SBI_ERR_STATE, "sbi_fit_hessian() does");
    sbi_fit_destroy(fit);
    sbi_context_destroy(ctx);
    free(lower);
    free(x);
    free(state);
    chain_free(&c, start);
}
END_TEST

/* The same minimum as with matrices, and the same errors once they are asked for. */
START_TEST(agrees_with_full_newton)
{
    double *start, x[60], y[60], e[60], d[60], row[60], V[3600];
    chain c = chain_make(60, 100, &start);
    sbi_objective o = chain_objective(&c, start);
    sbi_context *ctx = fit_context();
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    sbi_fit *full, *truncated;
    opt.method = SBI_FIT_FULL_NEWTON;
    ck_ok(sbi_fit_run_objective(&full, ctx, &o, &opt));
    ck_assert_int_eq(sbi_fit_reason(full), SBI_FIT_CONVERGED);
    ck_assert_int_eq(fit_info(full).method, SBI_FIT_NEWTON);
    opt.method = SBI_FIT_TRUNCATED_NEWTON;
    ck_ok(sbi_fit_run_objective(&truncated, ctx, &o, &opt));
    ck_assert_msg(sbi_fit_reason(truncated) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(truncated));
    ck_ok(sbi_fit_values(full, x));
    ck_ok(sbi_fit_values(truncated, y));
    ck_ok(sbi_fit_errors(full, e));
    ck_ok(sbi_fit_covariance(full, V));
    for (size_t k = 0; k < 60; k++) ck_assert_double_eq_tol((y[k] - x[k]) / e[k], 0, 1e-3);
    /* A row of the covariance without the matrix. */
    ck_ok(sbi_fit_covariance_row(truncated, "p7", row));
    for (size_t k = 0; k < 60; k++) ck_assert_double_eq_tol((row[k] - V[7 * 60 + k]) / (e[7] * e[k]), 0, 1e-5);
    ck_ok(sbi_fit_hessian(truncated, NULL, NULL));
    ck_ok(sbi_fit_errors(truncated, d));
    for (size_t k = 0; k < 60; k++) ck_assert_double_eq_tol(d[k] / e[k], 1, 1e-5);
    double a[2], b[2];
    ck_ok(sbi_fit_minos(full, "p0", a));
    ck_ok(sbi_fit_minos(truncated, "p0", b));
    for (int i = 0; i < 2; i++) ck_assert_double_eq_tol(a[i] / b[i], 1, 1e-4);
    sbi_fit_destroy(full);
    sbi_fit_destroy(truncated);
    sbi_context_destroy(ctx);
    chain_free(&c, start);
}
END_TEST

/* Without hessian() a small fit also goes by products, and makes one Hessian at the end. */
START_TEST(products_lead_to_one_hessian)
{
    double *start, e;
    chain c = chain_make(20, 40, &start);
    sbi_objective o = chain_objective(&c, start);
    sbi_context *ctx = fit_context();
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, NULL));
    sbi_fit_info info = fit_info(fit);
    ck_assert_msg(info.reason == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    ck_assert_int_eq(info.hessian_evaluations, 1);
    ck_assert_int_gt(info.hvp_evaluations, 10);
    ck_ok(sbi_fit_error(fit, "p3", &e));
    sbi_fit_destroy(fit);
    o.hvp = NULL;
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    opt.method = SBI_FIT_TRUNCATED_NEWTON;
    ck_fails(sbi_fit_run_objective(&fit, ctx, &o, &opt), SBI_ERR_ARGUMENT, "no hvp()");
    ck_assert_ptr_null(fit);
    sbi_context_destroy(ctx);
    chain_free(&c, start);
}
END_TEST

/* (x0^2 - 1)^2 / 4 + sum x_k^2 / 2, started where x0 = 0: the gradient never leaves the ridge, only curvature shows it. */
static sbi_status ridge_gradient(void *user, const double *x, double *f, double *g)
{
    (void)user;
    *f = 0.25 * (x[0] * x[0] - 1) * (x[0] * x[0] - 1);
    g[0] = x[0] * (x[0] * x[0] - 1);
    for (size_t k = 1; k < 30; k++) {
        *f += 0.5 * x[k] * x[k];
        g[k] = x[k];
    }
    return SBI_OK;
}

static sbi_status ridge_hvp(void *user, const double *x, const double *V, size_t m, double *HV)
{
    (void)user;
    for (size_t r = 0; r < m; r++) {
        HV[r * 30] = (3 * x[0] * x[0] - 1) * V[r * 30];
        for (size_t k = 1; k < 30; k++) HV[r * 30 + k] = V[r * 30 + k];
    }
    return SBI_OK;
}

START_TEST(a_saddle_is_seen_and_left)
{
    double start[30] = {0}, x[30];
    for (int with_slope = 0; with_slope < 2; with_slope++) {
        if (with_slope)
            for (size_t k = 1; k < 30; k++) start[k] = 3;
        sbi_objective o = fit_objective(30, start, ridge_gradient, NULL, NULL);
        o.hvp = ridge_hvp;
        sbi_context *ctx = fit_context();
        sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
        opt.method = SBI_FIT_TRUNCATED_NEWTON;
        sbi_fit *fit;
        ck_ok(sbi_fit_run_objective(&fit, ctx, &o, &opt));
        ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
        ck_ok(sbi_fit_values(fit, x));
        ck_assert_double_eq_tol(fabs(x[0]), 1, 1e-3);
        sbi_fit_destroy(fit);
        sbi_context_destroy(ctx);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_truncated");
    TCase *tc = tcase_create("truncated");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, five_thousand_parameters);
    tcase_add_test(tc, agrees_with_full_newton);
    tcase_add_test(tc, products_lead_to_one_hessian);
    tcase_add_test(tc, a_saddle_is_seen_and_left);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
