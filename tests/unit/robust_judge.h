/* SPDX-License-Identifier: Apache-2.0 */
/* Judges a result with values of F alone: projected slopes by differences, and a local search. */
#ifndef TESTS_UNIT_ROBUST_JUDGE_H
#define TESTS_UNIT_ROBUST_JUDGE_H

#include "robust_problems.h"

static inline double robust_value(const robust_problem *p, const double *x)
{
    double f = INFINITY, g[ROBUST_MAX], inside[ROBUST_MAX];
    memcpy(inside, x, p->n * sizeof *inside);
    if (robust_gradient((void *)(uintptr_t)p, inside, &f, g) == SBI_ERR_DOMAIN) {
        /* On the edge of a square root the value is that a hair further in. */
        inside[0] = 1e-14 * p->scale[0];
        if (robust_gradient((void *)(uintptr_t)p, inside, &f, g) != SBI_OK) return INFINITY;
    }
    return isfinite(f) ? f : INFINITY;
}

typedef struct robust_verdict {
    double slope; /* largest projected slope over one conditional standard deviation */
    double drop;  /* how much lower the local search came */
} robust_verdict;

static inline double robust_clip(const robust_problem *p, size_t k, double x)
{
    return fmin(fmax(x, p->lower[k]), p->upper[k]);
}

/* Differences along parameter k over a length at which F changes by about `wanted`: slope and the length of one standard deviation.
 * False where F is infinite on a side that is allowed. */
static inline int robust_slope(const robust_problem *p, const double *x, size_t k, double *slope, double *sigma)
{
    double y[ROBUST_MAX], f = robust_value(p, x), h = p->scale[k], noise = 1e-15 * (fabs(f) + 1);
    memcpy(y, x, p->n * sizeof *y);
    double up = NAN, down = NAN, second = 0;
    /* Shrink until F is smooth and finite on both sides. */
    for (int i = 0; i < 40; i++, h *= 0.25) {
        y[k] = x[k] + h;
        up = robust_value(p, y);
        y[k] = x[k] - h;
        down = robust_value(p, y);
        second = (up - 2 * f + down) / (h * h);
        if (up < INFINITY && down < INFINITY && fabs(second) * h * h < fmax(1e-3, 1e3 * noise)) break;
    }
    y[k] = x[k];
    if (!(up < INFINITY && down < INFINITY)) return 0;
    *slope = (up - down) / (2 * h);
    *sigma = second > 0 && second * h * h > 10 * noise ? 1 / sqrt(second) : p->scale[k];
    if (fabs(up - down) < 20 * noise) *slope = 0;
    return 1;
}

/* Eigenvectors of the symmetric m x m matrix A by Jacobi rotations, as rows of V; the diagonal of A becomes the eigenvalues. */
static inline void robust_jacobi(size_t m, double *A, double *V)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) V[i * m + j] = i == j;
    for (int sweep = 0; sweep < 60; sweep++) {
        for (size_t i = 0; i < m; i++) {
            for (size_t j = i + 1; j < m; j++) {
                if (fabs(A[i * m + j]) < 1e-300) continue;
                double theta = 0.5 * atan2(2 * A[i * m + j], A[i * m + i] - A[j * m + j]), c = cos(theta), s = sin(theta);
                for (size_t k = 0; k < m; k++) {
                    double a = A[i * m + k], b = A[j * m + k];
                    A[i * m + k] = c * a + s * b;
                    A[j * m + k] = -s * a + c * b;
                    a = V[i * m + k], b = V[j * m + k];
                    V[i * m + k] = c * a + s * b;
                    V[j * m + k] = -s * a + c * b;
                }
                for (size_t k = 0; k < m; k++) {
                    double a = A[k * m + i], b = A[k * m + j];
                    A[k * m + i] = c * a + s * b;
                    A[k * m + j] = -s * a + c * b;
                }
            }
        }
    }
}

/* Whether F falls all the way from `from` to `to`: a step over a wall tells nothing of the point before it. */
static inline int robust_descends(const robust_problem *p, const double *from, const double *to, double f, double noise)
{
    static const double part[9] = {1e-12, 1e-9, 1e-6, 1e-4, 1e-2, 0.1, 0.25, 0.5, 0.75};
    double y[ROBUST_MAX];
    for (int i = 0; i < 9; i++) {
        for (size_t k = 0; k < p->n; k++) y[k] = from[k] + part[i] * (to[k] - from[k]);
        if (!(robust_value(p, y) <= f + noise)) return 0;
    }
    return 1;
}

/* Down from x along the axes, the principal axes of F there and random directions, with steps of 0.1 to 0.001 standard
 * deviations, no further than half of one from x. How much lower it came. */
static inline double robust_search(const robust_problem *p, const double *x, const double *sigma)
{
    size_t n = p->n, count = 2 * n;
    double at[ROBUST_MAX], y[ROBUST_MAX], direction[2 * ROBUST_MAX][ROBUST_MAX], f0 = robust_value(p, x), f = f0, g[ROBUST_MAX];
    double H[ROBUST_MAX * ROBUST_MAX], A[ROBUST_MAX * ROBUST_MAX], V[ROBUST_MAX * ROBUST_MAX], unused;
    robust_random r = {99, 0};
    memcpy(at, x, n * sizeof *at);
    int have = robust_hessian((void *)(uintptr_t)p, x, &unused, g, H) == SBI_OK;
    size_t list[ROBUST_MAX], m = 0; /* those that may move both ways: principal axes among them */
    for (size_t k = 0; k < n; k++)
        if (x[k] > p->lower[k] + 1e-13 && x[k] < p->upper[k]) list[m++] = k;
    for (size_t i = 0; have && i < m; i++)
        for (size_t j = 0; j < m; j++) A[i * m + j] = H[list[i] * n + list[j]] * sigma[list[i]] * sigma[list[j]];
    if (have) robust_jacobi(m, A, V);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) direction[i][k] = i == k ? sigma[k] : 0;
        for (size_t k = 0; k < n; k++) direction[n + i][k] = robust_normal(&r) * sigma[k] / sqrt((double)n);
        if (!have || i >= m) continue;
        double length = 1 / sqrt(fmax(fabs(A[i * m + i]), 1e-12));
        memset(direction[n + i], 0, n * sizeof *direction[n + i]);
        for (size_t k = 0; k < m; k++) direction[n + i][list[k]] = V[i * m + k] * length * sigma[list[k]];
    }
    double noise = 4e-16 * (fabs(f0) + 1) * (double)n;
    for (double t = 0.1; t > 5e-4; t *= 0.3) {
        for (int sweep = 0, moved = 1; sweep < 10 && moved; sweep++) {
            moved = 0;
            for (size_t i = 0; i < 2 * count; i++) {
                double sign = i % 2 ? -1 : 1;
                for (size_t k = 0; k < n; k++) y[k] = robust_clip(p, k, at[k] + sign * t * direction[i / 2][k]);
                double value = robust_value(p, y);
                if (!(value < f - noise) || !robust_descends(p, at, y, f, noise)) continue;
                f = value;
                memcpy(at, y, n * sizeof *at);
                moved = 1;
            }
        }
    }
    return f0 - f;
}

/* At a bound, or the hair inside that the fit keeps of one where F has no derivative. */
static inline int robust_at_bound(double x, double bound)
{
    return fabs(x - bound) <= 2e-14 * fmax(1, fabs(bound));
}

static inline robust_verdict robust_judge(const robust_problem *p, const double *x)
{
    robust_verdict out = {0, 0};
    double sigma[ROBUST_MAX];
    for (size_t k = 0; k < p->n; k++) {
        double slope = 0, length = p->scale[k];
        sigma[k] = length;
        if (!robust_slope(p, x, k, &slope, &length)) continue; /* at an edge: the search alone judges */
        sigma[k] = length;
        if ((robust_at_bound(x[k], p->lower[k]) && slope > 0) || (robust_at_bound(x[k], p->upper[k]) && slope < 0)) {
            /* A wall of sqrt(x) may be low: steps that fall short of where F is down again. */
            if (p->family == ROBUST_SQRT && k == 0) sigma[k] = 1e-6 * p->scale[k];
            continue;
        }
        out.slope = fmax(out.slope, fabs(slope) * length);
    }
    out.drop = robust_search(p, x, sigma);
    return out;
}

#endif
