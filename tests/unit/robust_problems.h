/* SPDX-License-Identifier: Apache-2.0 */
/* Random likelihoods that minimisers fail on, each with exact derivatives. A family is a function of z; what the fit sees are x with
 * z = M (x / s): scales s from 1e-6 to 1e6, M the identity or a nearly singular mixing. */
#ifndef TESTS_UNIT_ROBUST_PROBLEMS_H
#define TESTS_UNIT_ROBUST_PROBLEMS_H

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "sbi/fit.h"

#define ROBUST_MAX 10
#define ROBUST_ROWS 40

enum {
    ROBUST_COUNTS,     /* Poisson counts with bends of either sign */
    ROBUST_FAR,        /* log-linear Poisson counts, started up to thirty units away */
    ROBUST_CORRELATED, /* correlations up to 1 - 1e-10 */
    ROBUST_FLAT,       /* curvatures down to 1e-14 of the largest, some of them zero */
    ROBUST_LIMITS,     /* minima beyond the bounds */
    ROBUST_TINY,       /* unbinned, one to twenty events */
    ROBUST_UNBOUNDED,  /* morphs that are not normalised: curvature 1 - N Var(ln g) */
    ROBUST_SQRT,       /* mu S + sqrt(mu) I + B at mu = 0 */
    ROBUST_INFINITE,   /* walls beyond which F is infinite */
    ROBUST_PLATEAU,    /* wells in a plain without slope */
    ROBUST_OFFSET,     /* F of 1e8 to 1e11 */
    ROBUST_FAMILIES
};

static const char *const robust_names[ROBUST_FAMILIES] = {
    "counts with bends", "far starts", "strong correlations", "near-flat directions", "minima beyond limits", "tiny samples",
    "morphs not normalised", "sqrt edges", "infinite regions", "wells in a plain", "large offsets"};

typedef struct robust_problem {
    int family;
    size_t n, rows;
    double scale[ROBUST_MAX], start[ROBUST_MAX], lower[ROBUST_MAX], upper[ROBUST_MAX];
    double M[ROBUST_MAX * ROBUST_MAX];
    double a[ROBUST_ROWS][ROBUST_MAX], b[ROBUST_ROWS], c[ROBUST_ROWS], q[ROBUST_ROWS]; /* what the families use as they like */
    double offset;
} robust_problem;

typedef struct robust_random {
    uint64_t problem, index;
} robust_random;

static inline double robust_uniform(robust_random *r, double low, double high)
{
    return low + (high - low) * sbi_random_uniform(20250911, r->problem, r->index++);
}

static inline double robust_normal(robust_random *r)
{
    return sbi_random_normal(20250912, r->problem, r->index++);
}

/* h(u) of a sum of h(row.z + ...): adds value, slope and curvature of one term that depends on z by the row `a` only. */
static inline void robust_add(const robust_problem *p, const double *a, double value, double slope, double curvature, double *f,
                              double *g, double *H)
{
    *f += value;
    for (size_t k = 0; k < p->n; k++) {
        g[k] += slope * a[k];
        for (size_t j = 0; H && j < p->n; j++) H[k * p->n + j] += curvature * a[k] * a[j];
    }
}

static inline double robust_dot(const robust_problem *p, const double *a, const double *z)
{
    double sum = 0;
    for (size_t k = 0; k < p->n; k++) sum += a[k] * z[k];
    return sum;
}

static inline double robust_axis(size_t k, size_t i)
{
    return k == i ? 1 : 0;
}

/* sum_k z_k^2 / (2 c^2) from parameter `first` on */
static inline void robust_constrain(const robust_problem *p, size_t first, double c, const double *z, double *f, double *g,
                                    double *H)
{
    for (size_t k = first; k < p->n; k++) {
        *f += 0.5 * z[k] * z[k] / (c * c);
        g[k] += z[k] / (c * c);
        if (H) H[k * p->n + k] += 1 / (c * c);
    }
}

/* SBI_OK with f = +inf where F does not exist. */
static inline sbi_status robust_family(const robust_problem *p, const double *z, double *f, double *g, double *H)
{
    size_t n = p->n;
    *f = p->offset;
    memset(g, 0, n * sizeof *g);
    if (H) memset(H, 0, n * n * sizeof *H);
    switch (p->family) {
    case ROBUST_COUNTS:
    case ROBUST_LIMITS:
        for (size_t i = 0; i < p->rows; i++) {
            /* nu = b + a.z + q (a.z)^2 */
            double u = robust_dot(p, p->a[i], z), nu = p->b[i] + u + p->q[i] * u * u, d = 1 + 2 * p->q[i] * u;
            if (!(nu > 0)) {
                *f = INFINITY;
                return SBI_OK;
            }
            double r = 1 - p->c[i] / nu;
            robust_add(p, p->a[i], nu - p->c[i] * log(nu), r * d, p->c[i] / (nu * nu) * d * d + r * 2 * p->q[i], f, g, H);
        }
        robust_constrain(p, 1, 1, z, f, g, H);
        break;
    case ROBUST_FAR:
        for (size_t i = 0; i < p->rows; i++) {
            double u = robust_dot(p, p->a[i], z), nu = p->b[i] * exp(u);
            robust_add(p, p->a[i], nu - p->c[i] * (u + log(p->b[i])), nu - p->c[i], nu, f, g, H);
        }
        robust_constrain(p, 0, 3, z, f, g, H);
        break;
    case ROBUST_CORRELATED:
    case ROBUST_FLAT:
    case ROBUST_OFFSET:
        for (size_t i = 0; i < p->rows; i++) {
            /* q / 2 (u - b)^2 + c (u - b)^4 */
            double u = robust_dot(p, p->a[i], z) - p->b[i];
            robust_add(p, p->a[i], 0.5 * p->q[i] * u * u + p->c[i] * u * u * u * u, p->q[i] * u + 4 * p->c[i] * u * u * u,
                       p->q[i] + 12 * p->c[i] * u * u, f, g, H);
        }
        break;
    case ROBUST_TINY: {
        /* nu = b_0 + b_1 z_0 + ...; lambda_i = b_0 B_i + b_1 z_0 S_i exp(sum_k a_ik z_k) */
        *f += p->b[0] + p->b[1] * z[0];
        g[0] += p->b[1];
        for (size_t i = 0; i < p->rows; i++) {
            double d[ROBUST_MAX], e = 0;
            for (size_t k = 1; k < n; k++) e += p->a[i][k] * z[k];
            double s = p->b[1] * p->c[i] * exp(e), lambda = p->b[0] * p->q[i] + z[0] * s;
            if (!(lambda > 0)) {
                *f = INFINITY;
                return SBI_OK;
            }
            *f -= log(lambda);
            d[0] = s;
            for (size_t k = 1; k < n; k++) d[k] = z[0] * s * p->a[i][k];
            for (size_t k = 0; k < n; k++) {
                g[k] -= d[k] / lambda;
                for (size_t j = 0; H && j < n; j++) {
                    double second = k && j ? z[0] * s * p->a[i][k] * p->a[i][j] : k ? s * p->a[i][k] : j ? s * p->a[i][j] : 0;
                    H[k * n + j] += d[k] * d[j] / (lambda * lambda) - second / lambda;
                }
            }
        }
        robust_constrain(p, 1, 1, z, f, g, H);
        break;
    }
    case ROBUST_UNBOUNDED:
        /* (1 - N Var) z^2 / 2 + b z, and where c is 1, 2, 3 something that falls more slowly: -ln(1 + z^2), -sqrt(1 + z^2), -exp(z) */
        for (size_t k = 0; k < n; k++) {
            double axis[ROBUST_MAX], u = z[k], w = 1 + u * u;
            for (size_t i = 0; i < n; i++) axis[i] = robust_axis(k, i);
            if (p->c[k] == 0) robust_add(p, axis, 0.5 * p->q[k] * u * u + p->b[k] * u, p->q[k] * u + p->b[k], p->q[k], f, g, H);
            else if (p->c[k] == 1) robust_add(p, axis, -log(w), -2 * u / w, -2 / w + 4 * u * u / (w * w), f, g, H);
            else if (p->c[k] == 2) robust_add(p, axis, -sqrt(w), -u / sqrt(w), -1 / (w * sqrt(w)), f, g, H);
            else robust_add(p, axis, -exp(u), -exp(u), -exp(u), f, g, H);
        }
        break;
    case ROBUST_SQRT: {
        if (z[0] < 0) {
            *f = INFINITY;
            return SBI_OK;
        }
        if (z[0] == 0) return SBI_ERR_DOMAIN;
        double root = sqrt(z[0]);
        for (size_t i = 0; i < p->rows; i++) {
            double d[ROBUST_MAX], e = 0;
            for (size_t k = 1; k < n; k++) e += p->a[i][k] * z[k];
            double B = p->b[i] * exp(e), nu = p->a[i][0] * z[0] + p->q[i] * root + B, r = 1 - p->c[i] / nu, w = p->c[i] / (nu * nu);
            if (!(nu > 0)) {
                *f = INFINITY;
                return SBI_OK;
            }
            *f += nu - p->c[i] * log(nu);
            d[0] = p->a[i][0] + 0.5 * p->q[i] / root;
            for (size_t k = 1; k < n; k++) d[k] = B * p->a[i][k];
            for (size_t k = 0; k < n; k++) {
                g[k] += r * d[k];
                for (size_t j = 0; H && j < n; j++) {
                    double second = k && j ? B * p->a[i][k] * p->a[i][j] : !k && !j ? -0.25 * p->q[i] / (root * z[0]) : 0;
                    H[k * n + j] += w * d[k] * d[j] + r * second;
                }
            }
        }
        robust_constrain(p, 1, 1, z, f, g, H);
        break;
    }
    case ROBUST_INFINITE:
        for (size_t i = 0; i < p->rows; i++) {
            double room = p->b[i] - robust_dot(p, p->a[i], z);
            if (!(room > 0)) {
                *f = INFINITY;
                return SBI_OK;
            }
            robust_add(p, p->a[i], -p->c[i] * log(room), p->c[i] / room, p->c[i] / (room * room), f, g, H);
        }
        robust_constrain(p, 0, 2, z, f, g, H);
        for (size_t k = 0; k < n; k++) {
            *f += p->q[k] * z[k];
            g[k] += p->q[k];
        }
        break;
    case ROBUST_PLATEAU:
        for (size_t i = 0; i < p->rows; i++) {
            double distance = 0, d[ROBUST_MAX];
            for (size_t k = 0; k < n; k++) {
                d[k] = z[k] - p->a[i][k];
                distance += d[k] * d[k];
            }
            double e = p->c[i] * exp(-0.5 * distance);
            *f -= e;
            for (size_t k = 0; k < n; k++) {
                g[k] += e * d[k];
                for (size_t j = 0; H && j < n; j++) H[k * n + j] += e * (robust_axis(k, j) - d[k] * d[j]);
            }
        }
        break;
    default:
        break;
    }
    return SBI_OK;
}

/* F with derivatives in x. */
static inline sbi_status robust_hessian(void *user, const double *x, double *f, double *g, double *H)
{
    const robust_problem *p = user;
    size_t n = p->n;
    double z[ROBUST_MAX], gz[ROBUST_MAX], Hz[ROBUST_MAX * ROBUST_MAX], half[ROBUST_MAX * ROBUST_MAX];
    for (size_t i = 0; i < n; i++) {
        z[i] = 0;
        for (size_t k = 0; k < n; k++) z[i] += p->M[i * n + k] * (x[k] / p->scale[k]);
    }
    sbi_status status = robust_family(p, z, f, gz, H ? Hz : NULL);
    if (status != SBI_OK) return status;
    for (size_t k = 0; k < n; k++) {
        g[k] = 0;
        for (size_t i = 0; i < n; i++) g[k] += p->M[i * n + k] * gz[i];
        g[k] /= p->scale[k];
    }
    for (size_t i = 0; H && i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            half[i * n + k] = 0;
            for (size_t j = 0; j < n; j++) half[i * n + k] += Hz[i * n + j] * p->M[j * n + k];
        }
    }
    for (size_t k = 0; H && k < n; k++) {
        for (size_t l = 0; l < n; l++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++) sum += p->M[i * n + k] * half[i * n + l];
            H[k * n + l] = sum / (p->scale[k] * p->scale[l]);
        }
    }
    return SBI_OK;
}

static inline sbi_status robust_gradient(void *user, const double *x, double *f, double *g)
{
    return robust_hessian(user, x, f, g, NULL);
}

static inline sbi_status robust_hvp(void *user, const double *x, const double *V, size_t m, double *HV)
{
    const robust_problem *p = user;
    size_t n = p->n;
    double f, g[ROBUST_MAX], H[ROBUST_MAX * ROBUST_MAX];
    sbi_status status = robust_hessian(user, x, &f, g, H);
    for (size_t r = 0; status == SBI_OK && r < m; r++) {
        for (size_t k = 0; k < n; k++) {
            HV[r * n + k] = 0;
            for (size_t j = 0; j < n; j++) HV[r * n + k] += H[k * n + j] * V[r * n + j];
        }
    }
    return status;
}

/* ---- the generator ---------------------------------------------------------------------------------------------------- */

static inline void robust_mix(robust_problem *p, robust_random *r)
{
    /* Each row is nearly the one before: 1 - correlation from 0.1 to 1e-10. */
    for (size_t i = 1; i < p->n; i++) {
        double t = pow(10, robust_uniform(r, -5, -0.5));
        for (size_t k = 0; k < p->n; k++) p->M[i * p->n + k] = p->M[(i - 1) * p->n + k] + (k == i ? t : 0);
    }
}

static inline void robust_rotate_rows(robust_problem *p, robust_random *r)
{
    /* Gram-Schmidt on random rows: orthonormal directions a_i. */
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->n; k++) p->a[i][k] = robust_normal(r);
        for (size_t j = 0; j < i; j++) {
            double part = robust_dot(p, p->a[i], p->a[j]);
            for (size_t k = 0; k < p->n; k++) p->a[i][k] -= part * p->a[j][k];
        }
        double length = sqrt(robust_dot(p, p->a[i], p->a[i]));
        for (size_t k = 0; k < p->n; k++) p->a[i][k] /= length;
    }
}

static inline void robust_make(robust_problem *p, uint64_t number)
{
    robust_random r = {number, 0};
    memset(p, 0, sizeof *p);
    p->family = (int)(number % ROBUST_FAMILIES);
    p->n = 1 + (size_t)robust_uniform(&r, 0, ROBUST_MAX);
    p->rows = 3 + (size_t)robust_uniform(&r, 0, 30);
    double wide = robust_uniform(&r, 0, 1) < 0.7 ? 6 : 0, reach = 0.3;
    for (size_t k = 0; k < p->n; k++) {
        p->scale[k] = pow(10, robust_uniform(&r, -wide, wide));
        p->lower[k] = -INFINITY;
        p->upper[k] = INFINITY;
        p->M[k * p->n + k] = 1;
    }
    for (size_t i = 0; i < p->rows; i++) {
        p->b[i] = robust_uniform(&r, 5, 100);
        p->c[i] = floor(robust_uniform(&r, 0.3, 1.8) * p->b[i]);
        p->q[i] = robust_uniform(&r, -0.02, 0.05);
        for (size_t k = 0; k < p->n; k++) p->a[i][k] = robust_uniform(&r, -4, 4);
    }
    switch (p->family) {
    case ROBUST_LIMITS:
        reach = 3;
        for (size_t k = 0; k < p->n; k++) {
            double u = robust_uniform(&r, 0, 1), v = robust_uniform(&r, 0, 0.3);
            if (u < 0.6) p->lower[k] = (v - 0.1) * p->scale[k];
            if (u > 0.4) p->upper[k] = (v + 0.02) * p->scale[k];
        }
        break;
    case ROBUST_FAR:
        reach = robust_uniform(&r, 1, 30);
        for (size_t i = 0; i < p->rows; i++)
            for (size_t k = 0; k < p->n; k++) p->a[i][k] = robust_uniform(&r, -1, 1) / sqrt((double)p->n);
        break;
    case ROBUST_CORRELATED:
    case ROBUST_FLAT:
    case ROBUST_OFFSET:
        p->rows = p->n;
        reach = robust_uniform(&r, 0.1, 10);
        robust_rotate_rows(p, &r);
        for (size_t i = 0; i < p->rows; i++) {
            p->b[i] = robust_uniform(&r, -3, 3);
            p->c[i] = robust_uniform(&r, 0, 1) < 0.5 ? 0 : robust_uniform(&r, 0, 0.1);
            p->q[i] = 1;
            if (p->family == ROBUST_FLAT && i) {
                double u = robust_uniform(&r, 0, 1);
                p->q[i] = u < 0.1 ? 0 : pow(10, robust_uniform(&r, -14, 0));
                p->c[i] = u < 0.2 ? p->c[i] : 0;
            }
        }
        if (p->family == ROBUST_CORRELATED) robust_mix(p, &r);
        if (p->family == ROBUST_OFFSET) p->offset = pow(10, robust_uniform(&r, 8, 11)) * (robust_uniform(&r, 0, 1) < 0.5 ? 1 : -1);
        break;
    case ROBUST_TINY:
        p->rows = 1 + (size_t)robust_uniform(&r, 0, 20);
        p->b[0] = robust_uniform(&r, 0.5, 10);
        p->b[1] = robust_uniform(&r, 0.5, 10);
        for (size_t i = 0; i < p->rows; i++) {
            p->c[i] = exp(robust_normal(&r)); /* signal and background ratio of the event */
            p->q[i] = exp(robust_normal(&r));
            for (size_t k = 0; k < p->n; k++) p->a[i][k] = 0.3 * robust_normal(&r);
        }
        if (robust_uniform(&r, 0, 1) < 0.7) p->lower[0] = 0;
        break;
    case ROBUST_UNBOUNDED:
        reach = 2;
        for (size_t k = 0; k < p->n; k++) {
            double u = robust_uniform(&r, 0, 1);
            p->q[k] = robust_uniform(&r, u < 0.5 ? -1 : 0.05, 1); /* 1 - N Var(ln g) */
            p->b[k] = 0.1 * robust_normal(&r);
            p->c[k] = u < 0.85 ? 0 : u < 0.9 ? 1 : u < 0.95 ? 2 : 3;
            if (robust_uniform(&r, 0, 1) < 0.3) {
                p->lower[k] = -5 * p->scale[k];
                p->upper[k] = 5 * p->scale[k];
            }
        }
        break;
    case ROBUST_SQRT: {
        double truth = robust_uniform(&r, 0, 1) < 0.5 ? 0 : robust_uniform(&r, 0, 2), deficit = robust_uniform(&r, 0.6, 1.1);
        p->lower[0] = 0;
        p->upper[0] = robust_uniform(&r, 0, 1) < 0.5 ? INFINITY : 5 * p->scale[0];
        for (size_t i = 0; i < p->rows; i++) {
            p->a[i][0] = robust_uniform(&r, 1, 30);
            p->q[i] = robust_uniform(&r, -1, 1) * sqrt(p->a[i][0] * p->b[i]);
            for (size_t k = 1; k < p->n; k++) p->a[i][k] = robust_uniform(&r, -0.1, 0.1);
            p->c[i] = floor(deficit * fmax(1, p->a[i][0] * truth + p->q[i] * sqrt(truth) + p->b[i]));
        }
        break;
    }
    case ROBUST_INFINITE:
        reach = 0.5;
        for (size_t i = 0; i < p->rows; i++) {
            p->b[i] = pow(10, robust_uniform(&r, -3, 1));
            p->c[i] = robust_uniform(&r, 0.1, 5);
            p->q[i] = 20 * robust_normal(&r);
        }
        break;
    case ROBUST_PLATEAU:
        reach = robust_uniform(&r, 0.5, 40);
        p->rows = 1 + p->rows % 3;
        for (size_t i = 0; i < p->rows; i++) {
            p->c[i] = robust_uniform(&r, 1, 100);
            for (size_t k = 0; k < p->n; k++) p->a[i][k] = robust_uniform(&r, -2, 2);
        }
        break;
    default:
        break;
    }
    for (size_t k = 0; k < p->n; k++) {
        double x = robust_uniform(&r, -reach, reach);
        if (p->family == ROBUST_TINY || p->family == ROBUST_SQRT) x = k ? x : robust_uniform(&r, 0, 1) < 0.3 ? 0 : fabs(x) * 4;
        p->start[k] = fmin(fmax(x * p->scale[k], p->lower[k]), p->upper[k]);
    }
    /* F must exist where the fit starts. */
    double f = INFINITY, g[ROBUST_MAX];
    for (int i = 0; i < 60; i++) {
        if (robust_gradient(p, p->start, &f, g) == SBI_ERR_DOMAIN || f < INFINITY) break;
        for (size_t k = 0; k < p->n; k++) p->start[k] = fmin(fmax(0.5 * p->start[k], p->lower[k]), p->upper[k]);
    }
}

#endif
