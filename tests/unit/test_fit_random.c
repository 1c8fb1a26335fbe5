/* SPDX-License-Identifier: Apache-2.0 */
/* Random likelihoods, starts and bounds: whatever a fit says about convergence must be true. */
#include "fit_problems.h"
#include "support/run_suite.h"

#include "base/random.h"

static double uniform(uint64_t problem, uint64_t *index, double low, double high)
{
    return low + (high - low) * sbi_random_uniform(20240607, problem, (*index)++);
}

/* F = sum_i [nu_i - n_i ln nu_i] with nu_i = b_i + s_i.x + q_i (t_i.x)^2, and (x_k / c_k)^2 / 2 for some k, in units of scale_k.
 * q_i of either sign makes it non-convex; nu_i <= 0 makes it infinite. */
typedef struct random_problem {
    size_t n, bins;
    double scale[FIT_MAX], c[FIT_MAX], b[40], q[40], count[40], s[40][FIT_MAX], t[40][FIT_MAX];
} random_problem;

static sbi_status random_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    const random_problem *p = user;
    size_t n = p->n;
    *f = 0;
    memset(g, 0, n * sizeof *g);
    if (H) memset(H, 0, n * n * sizeof *H);
    for (size_t i = 0; i < p->bins; i++) {
        double line = 0, bend = 0, d[FIT_MAX];
        for (size_t k = 0; k < n; k++) {
            line += p->s[i][k] * x[k] / p->scale[k];
            bend += p->t[i][k] * x[k] / p->scale[k];
        }
        double nu = p->b[i] + line + p->q[i] * bend * bend;
        if (!(nu > 0)) {
            *f = INFINITY;
            return SBI_OK;
        }
        *f += nu - p->count[i] * log(nu);
        for (size_t k = 0; k < n; k++) d[k] = (p->s[i][k] + 2 * p->q[i] * bend * p->t[i][k]) / p->scale[k];
        double r = 1 - p->count[i] / nu, w = p->count[i] / (nu * nu);
        for (size_t k = 0; k < n; k++) {
            g[k] += r * d[k];
            for (size_t j = 0; H && j < n; j++) {
                H[k * n + j] += w * d[k] * d[j] + r * 2 * p->q[i] * p->t[i][k] * p->t[i][j] / (p->scale[k] * p->scale[j]);
            }
        }
    }
    for (size_t k = 0; k < n; k++) {
        if (!(p->c[k] > 0)) continue;
        double z = x[k] / p->scale[k] / p->c[k];
        *f += 0.5 * z * z;
        g[k] += z / (p->scale[k] * p->c[k]);
        if (H) H[k * n + k] += 1 / (p->scale[k] * p->scale[k] * p->c[k] * p->c[k]);
    }
    return SBI_OK;
}

static sbi_status random_gradient(void *user, const double *x, double *f, double *g)
{
    return random_hessian(user, x, f, g, NULL);
}

typedef struct random_setup {
    random_problem p;
    double start[FIT_MAX], lower[FIT_MAX], upper[FIT_MAX];
} random_setup;

static void make(random_setup *r, uint64_t seed)
{
    uint64_t at = 0;
    random_problem *p = &r->p;
    memset(r, 0, sizeof *r);
    p->n = 1 + (size_t)uniform(seed, &at, 0, 10);
    p->bins = 3 + (size_t)uniform(seed, &at, 0, 30);
    for (size_t k = 0; k < p->n; k++) {
        p->scale[k] = pow(10, uniform(seed, &at, -6, 6));
        p->c[k] = uniform(seed, &at, 0, 1) < 0.7 ? uniform(seed, &at, 0.3, 3) : 0;
        r->lower[k] = uniform(seed, &at, 0, 1) < 0.3 ? -uniform(seed, &at, 0, 1) * p->scale[k] : -INFINITY;
        r->upper[k] = uniform(seed, &at, 0, 1) < 0.3 ? uniform(seed, &at, 0, 1) * p->scale[k] : INFINITY;
        r->start[k] = fmin(fmax(uniform(seed, &at, -0.2, 0.2) * p->scale[k], r->lower[k]), r->upper[k]);
    }
    for (size_t i = 0; i < p->bins; i++) {
        p->b[i] = uniform(seed, &at, 5, 100);
        p->q[i] = uniform(seed, &at, -2, 6);
        p->count[i] = floor(uniform(seed, &at, 0.3, 1.8) * p->b[i]);
        for (size_t k = 0; k < p->n; k++) {
            p->s[i][k] = uniform(seed, &at, -5, 5);
            p->t[i][k] = uniform(seed, &at, -1, 1);
        }
    }
}

/* Largest slope that a step within the bounds could use, in units of the scales. */
static double projected_slope(const random_setup *r, const double *x)
{
    double f, g[FIT_MAX], largest = 0;
    ck_ok(random_gradient((void *)(uintptr_t)&r->p, x, &f, g));
    ck_assert(isfinite(f));
    for (size_t k = 0; k < r->p.n; k++) {
        ck_assert(x[k] >= r->lower[k] && x[k] <= r->upper[k]);
        if (x[k] <= r->lower[k] && g[k] > 0) continue;
        if (x[k] >= r->upper[k] && g[k] < 0) continue;
        largest = fmax(largest, fabs(g[k] * r->p.scale[k]));
    }
    return largest;
}

/* Gauss-Jordan without pivoting: fine for what is positive definite, and says so otherwise. */
static int positive_definite(size_t n, double *A)
{
    for (size_t k = 0; k < n; k++) {
        if (!(A[k * n + k] > 0)) return 0;
        for (size_t i = k + 1; i < n; i++) {
            double ratio = A[i * n + k] / A[k * n + k];
            for (size_t j = k; j < n; j++) A[i * n + j] -= ratio * A[k * n + j];
        }
    }
    return 1;
}

START_TEST(no_false_convergence)
{
    sbi_context *ctx = fit_context();
    int converged = 0, starts = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        random_setup r;
        make(&r, seed);
        double f, g[FIT_MAX], x[FIT_MAX], H[FIT_MAX * FIT_MAX], A[FIT_MAX * FIT_MAX];
        int32_t state[FIT_MAX];
        ck_ok(random_gradient(&r.p, r.start, &f, g));
        if (!isfinite(f)) continue;
        starts++;
        sbi_objective o = fit_objective(r.p.n, r.start, random_gradient, _i == 1 ? NULL : random_hessian, &r.p);
        o.lower = r.lower;
        o.upper = r.upper;
        sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
        if (_i == 2) opt.method = SBI_FIT_QUASI_NEWTON;
        sbi_fit *fit;
        ck_ok(sbi_fit_run_objective(&fit, ctx, &o, &opt));
        ck_ok(sbi_fit_values(fit, x));
        ck_assert_double_le(fit_info(fit).nll, f);
        int32_t reason = sbi_fit_reason(fit);
        if (reason < 10) {
            converged++;
            /* EDM < 1e-4 bounds the slope by that times the curvature. */
            ck_assert_msg(projected_slope(&r, x) < 0.3, "problem %d: slope %g: %s", (int)seed, projected_slope(&r, x),
                          sbi_fit_message(fit));
            ck_ok(random_hessian(&r.p, x, &f, g, H));
            ck_ok(sbi_fit_param_states(fit, state));
            size_t m = 0;
            for (size_t i = 0; i < r.p.n; i++) {
                if (state[i]) continue;
                size_t column = 0;
                for (size_t j = 0; j < r.p.n; j++)
                    if (!state[j]) A[m * FIT_MAX + column++] = H[i * r.p.n + j] * r.p.scale[i] * r.p.scale[j];
                m++;
            }
            for (size_t i = 0; i < m; i++) memmove(A + i * m, A + i * FIT_MAX, m * sizeof *A);
            ck_assert_msg(positive_definite(m, A), "problem %d: %s", (int)seed, sbi_fit_message(fit));
        } else {
            ck_assert_msg(reason == SBI_FIT_UNBOUNDED || reason == SBI_FIT_INDEFINITE_HESSIAN ||
                              reason == SBI_FIT_NO_PROGRESS || reason == SBI_FIT_MAX_EVALUATIONS,
                          "problem %d: reason %d", (int)seed, (int)reason);
        }
        sbi_fit_destroy(fit);
    }
    /* The problems are meant to be solvable: all but a few of those without a minimum. */
    ck_assert_msg(starts > 150 && converged > starts - 10, "%d of %d converged", converged, starts);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_random");
    TCase *tc = tcase_create("random");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, no_false_convergence, 0, 3);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
