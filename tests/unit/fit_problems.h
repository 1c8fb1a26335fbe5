/* SPDX-License-Identifier: Apache-2.0 */
/* Objectives with known answers for the tests of lib/fit. */
#ifndef TESTS_UNIT_FIT_PROBLEMS_H
#define TESTS_UNIT_FIT_PROBLEMS_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sbi/fit.h"

#define FIT_MAX 16

/* ---- a parabola: (x - c).A.(x - c) / 2, A = D C D with correlation matrix C ------------------------------------------- */

typedef struct parabola {
    size_t n;
    double center[FIT_MAX], A[FIT_MAX * FIT_MAX], offset;
} parabola;

static inline sbi_status parabola_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    const parabola *p = user;
    *f = p->offset;
    for (size_t i = 0; i < p->n; i++) {
        g[i] = 0;
        for (size_t j = 0; j < p->n; j++) g[i] += p->A[i * p->n + j] * (x[j] - p->center[j]);
        *f += 0.5 * g[i] * (x[i] - p->center[i]);
    }
    if (H) memcpy(H, p->A, p->n * p->n * sizeof *H);
    return SBI_OK;
}

static inline sbi_status parabola_gradient(void *user, const double *x, double *f, double *g)
{
    return parabola_hessian(user, x, f, g, NULL);
}

static inline sbi_status parabola_hvp(void *user, const double *x, const double *V, size_t m, double *HV)
{
    const parabola *p = user;
    (void)x;
    for (size_t r = 0; r < m; r++) {
        for (size_t i = 0; i < p->n; i++) {
            HV[r * p->n + i] = 0;
            for (size_t j = 0; j < p->n; j++) HV[r * p->n + i] += p->A[i * p->n + j] * V[r * p->n + j];
        }
    }
    return SBI_OK;
}

/* Inverse covariance of two parameters with standard deviations a, b and correlation rho. */
static inline void parabola_two(parabola *p, double a, double b, double rho)
{
    double r = 1 / (1 - rho * rho);
    memset(p, 0, sizeof *p);
    p->n = 2;
    p->A[0] = r / (a * a);
    p->A[3] = r / (b * b);
    p->A[1] = p->A[2] = -r * rho / (a * b);
}

/* ---- binned counts with interference and nuisance parameters: the same formulas as tests/reference/iminuit_fit.py ------ */

/* nu_i = S_i mu exp(sum_j k_ij a_j) + I_i sqrt(mu) + B_i exp(sum_j l_ij a_j);  F = sum_i nu_i - n_i ln nu_i + sum_j a_j^2 / 2 */
typedef struct counts {
    size_t bins, nuisances;
    double S[FIT_MAX], I[FIT_MAX], B[FIT_MAX], n[FIT_MAX];
    double k[FIT_MAX][FIT_MAX], l[FIT_MAX][FIT_MAX];
} counts;

static inline void counts_make(counts *c, size_t bins, size_t nuisances, double interference, double mu)
{
    memset(c, 0, sizeof *c);
    c->bins = bins;
    c->nuisances = nuisances;
    for (size_t i = 0; i < bins; i++) {
        double t = (double)i / (double)bins;
        c->S[i] = 40 * exp(-2 * (t - 0.6) * (t - 0.6));
        c->I[i] = interference * 40 * exp(-3 * (t - 0.4) * (t - 0.4));
        c->B[i] = 60 * exp(-1.5 * t);
        for (size_t j = 0; j < nuisances; j++) {
            c->k[i][j] = 0.08 * sin(1.0 + 0.7 * (double)i + 1.3 * (double)j);
            c->l[i][j] = 0.12 * cos(0.5 + 0.4 * (double)i * (double)(j + 1));
        }
        c->n[i] = fmax(1, c->S[i] * mu + c->I[i] * sqrt(mu) + c->B[i] + 3 * sin(5.0 * (double)i));
    }
}

static inline sbi_status counts_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    const counts *c = user;
    size_t n = c->nuisances + 1;
    double mu = x[0], d[FIT_MAX + 1];
    *f = 0;
    memset(g, 0, n * sizeof *g);
    if (H) memset(H, 0, n * n * sizeof *H);
    if (mu < 0) {
        *f = INFINITY;
        return SBI_OK;
    }
    if (mu == 0) return SBI_ERR_DOMAIN; /* the derivative of sqrt */
    for (size_t j = 1; j < n; j++) {
        *f += 0.5 * x[j] * x[j];
        g[j] += x[j];
        if (H) H[j * n + j] += 1;
    }
    for (size_t i = 0; i < c->bins; i++) {
        double s = 0, b = 0;
        for (size_t j = 0; j + 1 < n; j++) {
            s += c->k[i][j] * x[j + 1];
            b += c->l[i][j] * x[j + 1];
        }
        s = c->S[i] * exp(s);
        b = c->B[i] * exp(b);
        double nu = s * mu + c->I[i] * sqrt(mu) + b;
        if (!(nu > 0)) {
            *f = INFINITY;
            return SBI_OK;
        }
        *f += nu - c->n[i] * log(nu);
        d[0] = s + 0.5 * c->I[i] / sqrt(mu);
        for (size_t j = 1; j < n; j++) d[j] = s * mu * c->k[i][j - 1] + b * c->l[i][j - 1];
        double r = 1 - c->n[i] / nu, q = c->n[i] / (nu * nu);
        for (size_t a = 0; a < n; a++) {
            g[a] += r * d[a];
            for (size_t e = 0; H && e < n; e++) {
                double second;
                if (a == 0 && e == 0) second = -0.25 * c->I[i] / (mu * sqrt(mu));
                else if (a == 0) second = s * c->k[i][e - 1];
                else if (e == 0) second = s * c->k[i][a - 1];
                else second = s * mu * c->k[i][a - 1] * c->k[i][e - 1] + b * c->l[i][a - 1] * c->l[i][e - 1];
                H[a * n + e] += q * d[a] * d[e] + r * second;
            }
        }
    }
    return SBI_OK;
}

static inline sbi_status counts_gradient(void *user, const double *x, double *f, double *g)
{
    return counts_hessian(user, x, f, g, NULL);
}

static const char *const counts_names[FIT_MAX + 1] = {"mu", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"};

/* ---- functions of one or two parameters --------------------------------------------------------------------------------- */

/* Rosenbrock's valley, minimum 0 at (1, 1). */
static inline sbi_status rosenbrock_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    (void)user;
    double u = 1 - x[0], v = x[1] - x[0] * x[0];
    *f = u * u + 100 * v * v;
    g[0] = -2 * u - 400 * x[0] * v;
    g[1] = 200 * v;
    if (H) {
        H[0] = 2 - 400 * v + 800 * x[0] * x[0];
        H[1] = H[2] = -400 * x[0];
        H[3] = 200;
    }
    return SBI_OK;
}

static inline sbi_status rosenbrock_gradient(void *user, const double *x, double *f, double *g)
{
    return rosenbrock_hessian(user, x, f, g, NULL);
}

/* ---- running ------------------------------------------------------------------------------------------------------------ */

static inline sbi_context *fit_context(void)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    return ctx;
}

#define ck_ok(call)                                                                                                    \
    do {                                                                                                               \
        sbi_status ck_ok_ = (call);                                                                                    \
        ck_assert_msg(ck_ok_ == SBI_OK, "%s: %s: %s", #call, sbi_status_name(ck_ok_), sbi_last_error());               \
    } while (0)

/* `call` fails with `status`, and the message contains `text`. */
#define ck_fails(call, expected, text)                                                                                 \
    do {                                                                                                               \
        sbi_status ck_fails_ = (call);                                                                                 \
        ck_assert_msg(ck_fails_ == (expected), "%s: %s, expected %s", #call, sbi_status_name(ck_fails_),               \
                      sbi_status_name(expected));                                                                      \
        ck_assert_msg(strstr(sbi_last_error(), (text)), "%s: message '%s' lacks '%s'", #call, sbi_last_error(), text); \
    } while (0)

static inline sbi_objective fit_objective(size_t n, const double *start,
                                          sbi_status (*gradient)(void *, const double *, double *, double *),
                                          sbi_status (*hessian)(void *, const double *, double *, double *, double *),
                                          void *user)
{
    sbi_objective o = SBI_OBJECTIVE_INIT;
    o.n_params = n;
    o.start = start;
    o.gradient = gradient;
    o.hessian = hessian;
    o.user = user;
    return o;
}

static inline sbi_fit_info fit_info(const sbi_fit *fit)
{
    sbi_fit_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    ck_ok(sbi_fit_get_info(fit, &info));
    return info;
}

#endif
