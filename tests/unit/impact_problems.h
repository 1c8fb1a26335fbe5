/* SPDX-License-Identifier: Apache-2.0 */
/* Likelihoods whose auxiliary observations can be anything: a parabola, and a binned model with every kind of constraint. */
#ifndef TESTS_UNIT_IMPACT_PROBLEMS_H
#define TESTS_UNIT_IMPACT_PROBLEMS_H

#include "fit_problems.h"
#include "sbi/systematics.h"

enum { N = 5 };

static const char *const names[N] = {"mu", "JES_1", "JES_2", "lumi", "free"};

/* (theta - c).A.(theta - c) / 2 + sum_k (theta_k - a_k)^2 / (2 sigma_k^2), with A of rank N: everything is known in closed form. */
typedef struct quadratic {
    double A[N][N], c[N], a[N], sigma[N];
} quadratic;

static inline sbi_status quadratic_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    const quadratic *q = user;
    *f = 0;
    for (size_t i = 0; i < N; i++) {
        g[i] = 0;
        for (size_t j = 0; j < N; j++) g[i] += q->A[i][j] * (x[j] - q->c[j]);
        *f += 0.5 * g[i] * (x[i] - q->c[i]);
        if (H) memcpy(H + i * N, q->A[i], sizeof q->A[i]);
    }
    for (size_t i = 0; i < N; i++) {
        if (!(q->sigma[i] > 0)) continue;
        const double t = (x[i] - q->a[i]) / q->sigma[i];
        *f += 0.5 * t * t;
        g[i] += t / q->sigma[i];
        if (H) H[i * N + i] += 1 / (q->sigma[i] * q->sigma[i]);
    }
    return SBI_OK;
}

static inline sbi_status quadratic_gradient(void *user, const double *x, double *f, double *g)
{
    return quadratic_hessian(user, x, f, g, NULL);
}

static inline void make_quadratic(quadratic *q)
{
    static const double sigma[N] = {0, 1, 0.7, 0.02, 0}, auxiliary[N] = {0, 0.3, -0.2, 1, 0};
    memset(q, 0, sizeof *q);
    for (size_t i = 0; i < N; i++) {
        q->sigma[i] = sigma[i];
        q->a[i] = auxiliary[i];
        q->c[i] = i == 3 ? 1.01 : 0.1 * (double)i;
        for (size_t j = 0; j < N; j++) q->A[i][j] = (i == j ? 6 : 0) + 2 * cos(1.7 * (double)(i + j)) / (double)(1 + (i > j ? i - j : j - i));
    }
    for (size_t i = 0; i < N; i++) q->A[3][i] = q->A[i][3] *= 10;
    q->A[3][3] = 1000;
}

static inline sbi_fit *fit_quadratic(sbi_context *ctx, quadratic *q, double level)
{
    static const double start[N] = {0, 0, 0, 1, 0};
    sbi_objective o = fit_objective(N, start, quadratic_gradient, quadratic_hessian, q);
    o.names = names;
    o.constraint_center = q->a;
    o.constraint_sigma = q->sigma;
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    options.error_level = level;
    sbi_fit *fit;
    ck_ok(sbi_fit_run_objective(&fit, ctx, &o, &options));
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_CONVERGED);
    return fit;
}

static inline sbi_impacts *run_impacts(sbi_fit *fit, int32_t method)
{
    sbi_impacts_options o = SBI_IMPACTS_OPTIONS_INIT;
    sbi_impacts *impacts;
    o.method = method;
    ck_ok(sbi_impacts_run(&impacts, fit, "mu", &o));
    return impacts;
}

static inline sbi_impact get(const sbi_impacts *impacts, size_t rank)
{
    sbi_impact i = {.struct_size = (uint32_t)sizeof i};
    ck_ok(sbi_impacts_get(impacts, rank, &i));
    return i;
}

static inline sbi_impact find(const sbi_impacts *impacts, const char *name)
{
    for (size_t i = 0; i < sbi_impacts_count(impacts); i++) {
        sbi_impact found = get(impacts, i);
        if (strcmp(found.name, name) == 0) return found;
    }
    ck_abort_msg("no impact of %s", name);
    return (sbi_impact){0};
}

static inline sbi_breakdown_entry line(const sbi_breakdown *b, size_t index)
{
    sbi_breakdown_entry e = {.struct_size = (uint32_t)sizeof e};
    ck_ok(sbi_breakdown_get(b, index, &e));
    return e;
}

/* ---- binned models: Poisson and log-normal auxiliary data -------------------------------------------------------- */

enum { BINS = 4 };

typedef struct bins {
    double observed[BINS];
    double auxiliary[2 + BINS]; /* of alpha, of the log-normal k, of gamma_b */
} bins;

/* mu S + k B gamma_b (1 + alpha 4%): a measurement with every kind of constraint. */
static inline sbi_model *make_bins(sbi_context *ctx, const bins *d)
{
    static const double S[BINS] = {5, 12, 20, 9}, B[BINS] = {60, 50, 40, 35}, tau[BINS] = {60, 50, 30, 20};
    static const char *const gammas[BINS] = {"gamma[0]", "gamma[1]", "gamma[2]", "gamma[3]"};
    sbi_model *m;
    sbi_parameter p;
    size_t channel, s, b;
    ck_ok(sbi_model_create(&m, ctx));
    sbi_parameter_init(&p);
    p.constraint = SBI_CONSTRAINT_NONE;
    p.start = 1;
    p.lower = 0;
    p.upper = 20;
    ck_ok(sbi_model_add_parameter(m, "mu", &p));
    sbi_parameter_init(&p);
    p.auxiliary = d->auxiliary[0];
    ck_ok(sbi_model_add_parameter(m, "alpha", &p));
    p.constraint = SBI_CONSTRAINT_LOGNORMAL;
    p.start = 1;
    p.lower = 0.01;
    p.upper = 10;
    p.sigma = 0.1;
    p.auxiliary = d->auxiliary[1];
    ck_ok(sbi_model_add_parameter(m, "k", &p));
    for (size_t i = 0; i < BINS; i++) {
        p.constraint = SBI_CONSTRAINT_POISSON;
        p.sigma = 1 / sqrt(tau[i]);
        p.auxiliary = d->auxiliary[2 + i];
        ck_ok(sbi_model_add_parameter(m, gammas[i], &p));
    }
    ck_ok(sbi_model_add_binned_channel(m, "SR", BINS, d->observed, &channel));
    ck_ok(sbi_model_add_binned_sample(m, channel, "S", S, &s));
    ck_ok(sbi_model_add_binned_sample(m, channel, "B", B, &b));
    ck_ok(sbi_model_add_normfactor(m, channel, s, "mu"));
    ck_ok(sbi_model_add_normfactor(m, channel, b, "k"));
    ck_ok(sbi_model_add_normsys(m, channel, b, "alpha", 1.04, 0.97));
    ck_ok(sbi_model_add_bin_factors(m, channel, b, gammas));
    ck_ok(sbi_model_seal(m));
    return m;
}

static inline sbi_fit *fit_bins(sbi_context *ctx, sbi_model **model, const bins *d)
{
    sbi_fit *fit;
    *model = make_bins(ctx, d);
    ck_ok(sbi_fit_run(&fit, *model, NULL));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    return fit;
}

static inline double mu_of(sbi_context *ctx, const bins *d)
{
    sbi_model *m;
    double mu;
    sbi_fit *fit = fit_bins(ctx, &m, d);
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    return mu;
}

static const bins off_centre = {{70, 61, 66, 52}, {0.3, 1.05, 1.1, 0.9, 1, 1.2}};

#endif
