/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/tridiagonal.h"

#include <math.h>

/* In four sums, so that they need not wait for each other. */
static double dot(const double *a, const double *b, size_t n)
{
    double s[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t l = 0; l < 4; l++) s[l] += a[i + l] * b[i + l];
    for (; i < n; i++) s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* I - tau v v^T with v_0 = 1 that takes x [n] to (beta, 0, ...); v replaces x. tau = 0 where there is nothing to do. */
static double reflection(size_t n, double *x, double *beta)
{
    double largest = 0, sum = 0;
    for (size_t i = 1; i < n; i++) largest = fmax(largest, fabs(x[i]));
    *beta = x[0];
    if (largest == 0) {
        x[0] = 1;
        return 0;
    }
    largest = fmax(largest, fabs(x[0]));
    for (size_t i = 0; i < n; i++) sum += (x[i] / largest) * (x[i] / largest);
    const double alpha = x[0];
    *beta = -copysign(largest * sqrt(sum), alpha);
    for (size_t i = 1; i < n; i++) x[i] /= alpha - *beta;
    x[0] = 1;
    return (*beta - alpha) / *beta;
}

/* B <- (I - tau v v^T) B (I - tau v v^T) over rows and columns [first, n) of A, both triangles. */
static void reflect(size_t n, size_t first, double *A, const double *v, double tau, double *p)
{
    const size_t m = n - first;
    double *B = A + first * n + first;
    for (size_t i = 0; i < m; i++) p[i] = tau * dot(B + i * n, v, m);
    const double half = 0.5 * tau * dot(p, v, m);
    for (size_t i = 0; i < m; i++) p[i] -= half * v[i];
    for (size_t i = 0; i < m; i++) {
        double *row = B + i * n;
        const double vi = v[i], pi = p[i];
        for (size_t j = 0; j < m; j++) row[j] -= vi * p[j] + pi * v[j];
    }
}

void sbi_tridiagonalise(size_t n, double *A, double *d, double *e, double *tau, double *p)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) A[i * n + j] = A[j * n + i];
    for (size_t k = 0; k < n; k++) {
        d[k] = A[k * n + k];
        tau[k] = 0;
        if (k + 1 >= n) break;
        double *v = A + k * n + k + 1; /* row k right of the diagonal is column k below it */
        if (k + 2 == n) {
            e[k] = *v;
            break;
        }
        tau[k] = reflection(n - k - 1, v, &e[k]);
        if (tau[k] != 0) reflect(n, k + 1, A, v, tau[k], p);
    }
    if (n > 1) d[n - 1] = A[n * n - 1];
}

void sbi_tridiagonal_back(size_t n, const double *A, const double *tau, double *Z)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = n; k-- > 0;) {
            if (tau[k] == 0) continue;
            const double *v = A + k * n + k + 1;
            double *z = Z + i * n + k + 1;
            const double s = tau[k] * dot(v, z, n - k - 1);
            for (size_t j = 0; j < n - k - 1; j++) z[j] -= s * v[j];
        }
}
