/* SPDX-License-Identifier: Apache-2.0 */
/* Randomised fits of what minimisers fail on. None may be called converged away from a stationary point, and each failure must name
 * a reason that is true. SBI_ROBUST_FITS sets how many (`make check-robust`: 1000); SBI_ROBUST_TABLE=1 prints the figures, 2 every failure as well. */
#include <stdio.h>

#include "fit_problems.h"
#include "robust_judge.h"
#include "support/run_suite.h"

/* EDM < 1e-4 allows slopes of 0.014 a standard deviation and drops of 1e-4, where F is a parabola. */
#define LARGEST_SLOPE 0.05
#define LARGEST_DROP 1e-3

enum { MODE_NEWTON, MODE_GRADIENTS, MODE_QUASI, MODE_PRODUCTS, MODE_TRUNCATED, MODES };

typedef struct tally {
    int fits, converged, at_limit, reasons[SBI_FIT_REASON_LAST_ + 1], falsely, untrue;
    long evaluations;
} tally;

static sbi_status run_one(sbi_context *ctx, robust_problem *p, int mode, sbi_fit **fit)
{
    sbi_objective o = fit_objective(p->n, p->start, robust_gradient, mode == MODE_NEWTON || mode == MODE_QUASI ? robust_hessian : NULL, p);
    sbi_fit_options opt = SBI_FIT_OPTIONS_INIT;
    o.lower = p->lower;
    o.upper = p->upper;
    if (mode == MODE_QUASI) opt.method = SBI_FIT_QUASI_NEWTON;
    if (mode == MODE_TRUNCATED) opt.method = SBI_FIT_TRUNCATED_NEWTON;
    if (mode == MODE_PRODUCTS || mode == MODE_TRUNCATED) o.hvp = robust_hvp;
    return sbi_fit_run_objective(fit, ctx, &o, &opt);
}

/* The smallest eigenvalue over the largest one, in units of the generator's own, over parameters that are not at a bound. */
static double relative_curvature(const robust_problem *p, const double *x)
{
    double f, g[ROBUST_MAX], H[ROBUST_MAX * ROBUST_MAX], V[ROBUST_MAX * ROBUST_MAX];
    size_t n = p->n, m = 0, list[ROBUST_MAX];
    if (robust_hessian((void *)(uintptr_t)p, x, &f, g, H) != SBI_OK) return NAN;
    for (size_t k = 0; k < n; k++)
        if (x[k] > p->lower[k] && x[k] < p->upper[k]) list[m++] = k;
    double smallest = INFINITY, largest = 0, A[ROBUST_MAX * ROBUST_MAX];
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < m; j++) {
            double size = sqrt(fabs(H[list[i] * n + list[i]] * H[list[j] * n + list[j]]));
            A[i * m + j] = size > 0 ? H[list[i] * n + list[j]] / size : 0;
        }
    }
    robust_jacobi(m, A, V);
    for (size_t i = 0; i < m; i++) {
        smallest = fmin(smallest, A[i * m + i]);
        largest = fmax(largest, fabs(A[i * m + i]));
    }
    return largest > 0 ? smallest / largest : 0;
}

/* Whether a failure's reason is true of the point; NULL if so. */
static const char *untrue(const robust_problem *p, const sbi_fit *fit, const double *x, double f_start)
{
    sbi_fit_info info = fit_info(fit);
    switch (info.reason) {
    case SBI_FIT_UNBOUNDED: {
        int far = info.nll < f_start - 1e11;
        for (size_t k = 0; k < p->n; k++) far |= fabs(x[k]) > 1e14 * (1 + fabs(p->start[k]));
        return far ? NULL : "neither deep nor far away";
    }
    case SBI_FIT_INDEFINITE_HESSIAN: {
        double c = relative_curvature(p, x);
        if (!(robust_judge(p, x).slope < 0.3)) return "not stationary";
        return c < 1e-5 || isnan(c) ? NULL : "the Hessian is positive definite";
    }
    case SBI_FIT_MAX_EVALUATIONS: {
        int64_t spent = info.value_evaluations + info.gradient_evaluations + info.hessian_evaluations + info.hvp_evaluations;
        int64_t n = (int64_t)p->n;
        return spent >= (200 + 100 * n) * (info.hvp_evaluations ? 10 : 1) + 5 * n * n ? NULL : "there were evaluations left";
    }
    case SBI_FIT_NO_PROGRESS:
        return NULL; /* counted; the table shows how many */
    default:
        return "no such reason";
    }
}

START_TEST(randomised_fits)
{
    const char *wanted = getenv("SBI_ROBUST_FITS"), *print = getenv("SBI_ROBUST_TABLE");
    long fits = wanted ? strtol(wanted, NULL, 10) : 110;
    ck_assert_int_gt(fits, 0);
    sbi_context *ctx = fit_context();
    static tally tallies[ROBUST_FAMILIES];
    memset(tallies, 0, sizeof tallies);
    int bad = 0;
    for (long i = 0; i < fits; i++) {
        robust_problem p;
        robust_make(&p, (uint64_t)i);
        tally *t = &tallies[p.family];
        int mode = (int)(i / ROBUST_FAMILIES) % MODES;
        double f_start = robust_value(&p, p.start), x[ROBUST_MAX];
        ck_assert_msg(f_start < INFINITY, "problem %ld: F does not exist at the start", i);
        sbi_fit *fit;
        ck_ok(run_one(ctx, &p, mode, &fit));
        ck_ok(sbi_fit_values(fit, x));
        sbi_fit_info info = fit_info(fit);
        t->fits++;
        t->reasons[info.reason]++;
        t->evaluations += info.value_evaluations + info.gradient_evaluations + info.hessian_evaluations;
        for (size_t k = 0; k < p.n; k++) ck_assert_msg(x[k] >= p.lower[k] && x[k] <= p.upper[k], "problem %ld: outside bounds", i);
        if (info.reason < 10) {
            robust_verdict v = robust_judge(&p, x);
            if (!(v.slope < LARGEST_SLOPE && v.drop < LARGEST_DROP)) {
                t->falsely++;
                bad++;
                printf("problem %ld (%s, mode %d, n %zu): slope %.3g, drop %.3g: %s\n", i, robust_names[p.family], mode, p.n, v.slope,
                       v.drop, sbi_fit_message(fit));
            }
        } else {
            const char *why = untrue(&p, fit, x, f_start);
            ck_assert_str_ne(sbi_fit_reason_text(info.reason), "unknown");
            ck_assert_ptr_nonnull(strstr(sbi_fit_message(fit), sbi_fit_reason_text(info.reason)));
            if (why) {
                t->untrue++;
                bad++;
                printf("problem %ld (%s, mode %d, n %zu): %s: %s\n", i, robust_names[p.family], mode, p.n, why, sbi_fit_message(fit));
            } else if (print && print[0] == '2') {
                printf("problem %ld (%s, mode %d, n %zu): %s\n", i, robust_names[p.family], mode, p.n, sbi_fit_message(fit));
            }
        }
        sbi_fit_destroy(fit);
    }
    sbi_context_destroy(ctx);
    if (print) {
        printf("| likelihoods | fits | converged | at limits | indefinite | unbounded | no progress | evaluations | false |\n");
        printf("|---|---|---|---|---|---|---|---|---|\n");
        for (int k = 0; k < ROBUST_FAMILIES; k++) {
            const tally *t = &tallies[k];
            printf("| %s | %d | %d | %d | %d | %d | %d | %d | %d |\n", robust_names[k], t->fits, t->reasons[SBI_FIT_CONVERGED],
                   t->reasons[SBI_FIT_AT_LIMIT], t->reasons[SBI_FIT_INDEFINITE_HESSIAN], t->reasons[SBI_FIT_UNBOUNDED],
                   t->reasons[SBI_FIT_NO_PROGRESS], t->reasons[SBI_FIT_MAX_EVALUATIONS], t->falsely + t->untrue);
        }
    }
    fflush(stdout); /* a failed check ends the process without it */
    ck_assert_msg(bad == 0, "%d of %ld fits say what is not true", bad, fits);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_robust");
    TCase *tc = tcase_create("robust");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, randomised_fits);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
