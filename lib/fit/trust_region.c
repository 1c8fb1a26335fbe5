/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/trust_region.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/blas.h"
#include "base/error.h"
#include "base/memory.h"
#include "fit/tridiagonal.h"

sbi_status sbi_spectrum_create(sbi_spectrum *s, sbi_context *ctx, size_t capacity, double flat)
{
    memset(s, 0, sizeof *s);
    size_t n = capacity;
    s->capacity = n;
    s->flat = flat;
    /* The eigenvectors, two vectors, and what dstedc documents. */
    size_t lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
    if (lwork > INT32_MAX) return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit: %zu parameters are too many", n);
    s->lwork = (int32_t)lwork;
    s->liwork = (int32_t)liwork;
    s->matrix = sbi_alloc_array(ctx, n * n, sizeof *s->matrix);
    s->eigenvalue = sbi_alloc_array(ctx, n, sizeof *s->eigenvalue);
    s->work = sbi_alloc_array(ctx, lwork, sizeof *s->work);
    s->iwork = sbi_alloc_array(ctx, liwork, sizeof *s->iwork);
    return s->matrix && s->eigenvalue && s->work && s->iwork ? SBI_OK : SBI_ERR_NO_MEMORY;
}

void sbi_spectrum_destroy(sbi_spectrum *s, sbi_context *ctx)
{
    sbi_free(ctx, s->matrix);
    sbi_free(ctx, s->eigenvalue);
    sbi_free(ctx, s->work);
    sbi_free(ctx, s->iwork);
}

sbi_status sbi_spectrum_compute(sbi_spectrum *s, size_t m)
{
    s->m = m;
    if (m == 0) return SBI_OK;
    double *Z = s->work, *beside = Z + m * m, *tau = beside + m, *work = tau + m;
    sbi_tridiagonalise(m, s->matrix, s->eigenvalue, beside, tau, work);
    /* Column-major eigenvectors are rows to us. */
    sbi_blas_enter();
    lapack_int info = LAPACKE_dstedc_work(LAPACK_COL_MAJOR, 'I', (lapack_int)m, s->eigenvalue, beside, Z, (lapack_int)m, work,
                                          s->lwork - (int32_t)(m * m + 2 * m), s->iwork, s->liwork);
    sbi_blas_leave();
    sbi_tridiagonal_back(m, s->matrix, tau, Z);
    memcpy(s->matrix, Z, m * m * sizeof *Z);
    if (info != 0) return sbi_fail(SBI_ERR_INTERNAL, "sbi_fit: dstedc of order %zu failed with %d", m, (int)info);
    for (size_t i = 0; i < m; i++) {
        double *v = s->matrix + i * m;
        size_t largest = 0;
        for (size_t j = 1; j < m; j++)
            if (fabs(v[j]) > fabs(v[largest]) * (1 + 1e-8)) largest = j;
        if (v[largest] < 0)
            for (size_t j = 0; j < m; j++) v[j] = -v[j];
    }
    return SBI_OK;
}

static double largest_magnitude(const sbi_spectrum *s)
{
    return fmax(fabs(s->eigenvalue[0]), fabs(s->eigenvalue[s->m - 1]));
}

int sbi_spectrum_positive(const sbi_spectrum *s)
{
    return s->m == 0 || (s->eigenvalue[0] > 0 && s->eigenvalue[0] > s->flat * s->eigenvalue[s->m - 1]);
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

double sbi_spectrum_edm(const sbi_spectrum *s, const double *g)
{
    double edm = 0;
    for (size_t i = 0; i < s->m; i++) {
        double gamma = dot(s->matrix + i * s->m, g, s->m);
        edm += 0.5 * gamma * gamma / s->eigenvalue[i];
    }
    return edm;
}

/* |p(lambda)| for p_i = -gamma_i / (eigenvalue_i + lambda), components with gamma_i = 0 left out. */
static double length_at(const sbi_spectrum *s, const double *gamma, double lambda, double *slope)
{
    double sum = 0, derivative = 0;
    for (size_t i = 0; i < s->m; i++) {
        if (gamma[i] == 0) continue;
        double d = s->eigenvalue[i] + lambda, q = gamma[i] / d;
        sum += q * q;
        derivative -= q * q / d;
    }
    double length = sqrt(sum);
    *slope = length > 0 ? derivative / length : 0;
    return length;
}

/* The lambda > floor with |p(lambda)| = radius: Newton on 1/|p|, which is nearly linear, kept within a bracket. */
static double secular_root(const sbi_spectrum *s, const double *gamma, double floor, double radius)
{
    double norm = 0, slope;
    for (size_t i = 0; i < s->m; i++) norm += gamma[i] * gamma[i];
    norm = sqrt(norm);
    /* |p| <= |gamma| / (eigenvalue_0 + lambda) bounds the root from above. */
    double low = floor, high = fmax(floor, norm / radius - s->eigenvalue[0]);
    double lambda = low + 0.5 * (high - low);
    for (int i = 0; i < 100; i++) {
        double length = length_at(s, gamma, lambda, &slope);
        if (fabs(length - radius) <= 1e-10 * radius) break;
        if (length > radius) low = lambda;
        else high = lambda;
        double next = slope < 0 ? lambda - (1 - length / radius) * length / slope : lambda;
        if (!(next > low && next < high)) next = low + 0.5 * (high - low);
        if (next == lambda) break;
        lambda = next;
    }
    return lambda;
}

void sbi_spectrum_step(const sbi_spectrum *s, const double *g, double radius, double negligible, double *scratch,
                       double *p)
{
    size_t m = s->m;
    double *gamma = scratch, *q = scratch + m;
    memset(p, 0, m * sizeof *p);
    if (m == 0) return;
    double flat = s->flat * largest_magnitude(s), lowest = INFINITY;
    for (size_t i = 0; i < m; i++) {
        gamma[i] = dot(s->matrix + i * m, g, m);
        if (fabs(s->eigenvalue[i]) <= flat && fabs(gamma[i]) * radius < negligible) gamma[i] = 0;
        else if (s->eigenvalue[i] < lowest) lowest = s->eigenvalue[i];
    }
    if (lowest == INFINITY) return; /* nothing but flat directions */

    double lambda = 0, slope, length = INFINITY;
    double floor = fmax(0, -lowest);
    if (lowest > 0) length = length_at(s, gamma, 0, &slope);
    int hard = 0;
    if (length > radius) {
        /* Just above -lowest the length tells the hard case: the gradient has no part along the lowest direction. */
        double above = floor + 1e-13 * fmax(largest_magnitude(s), 1e-300);
        if (lowest <= 0 && length_at(s, gamma, above, &slope) <= radius) {
            hard = 1;
            lambda = above;
        } else {
            lambda = secular_root(s, gamma, lowest > 0 ? 0 : above, radius);
        }
    }
    double sum = 0;
    for (size_t i = 0; i < m; i++) {
        q[i] = gamma[i] == 0 ? 0 : -gamma[i] / (s->eigenvalue[i] + lambda);
        sum += q[i] * q[i];
    }
    if (hard && lowest < -flat) {
        /* Go on to the boundary along the direction of most negative curvature, downhill if there is a slope at all. */
        double rest = sqrt(fmax(0, radius * radius - sum));
        q[0] += q[0] < 0 ? -rest : rest;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) p[j] += q[i] * s->matrix[i * m + j];
}
