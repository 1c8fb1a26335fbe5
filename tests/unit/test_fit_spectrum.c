/* SPDX-License-Identifier: Apache-2.0 */
/* Eigenvalues and eigenvectors of a fit's Hessian: against LAPACK's own solver and against their definition, also for matrices that are
 * diagonal, singular, graded over many orders of magnitude, or huge. */
#include <lapacke.h>
#include <math.h>

#include "fit/trust_region.h"
#include "support/run_suite.h"
#include "tape_mixture.h"

enum { MOST = 131 };

static void fill(int kind, size_t n, double *A)
{
    uint64_t s = (uint64_t)kind * 1000 + n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            double x = 2.0 * mix_uniform(&s) - 1.0;
            if (kind == 1) x = i == j ? x : 0.0;                             /* diagonal */
            if (kind == 2) x = (double)((i + 1) * (j + 1));                  /* of rank one */
            if (kind == 3) x *= pow(10.0, -8.0 * (double)(i + j) / (double)n); /* graded */
            if (kind == 4) x *= 1e200;
            if (kind == 5) x = 0.0;
            if (kind == 6) x = i == j ? 2.0 : j == i + 1 ? -1.0 : 0.0; /* tridiagonal already */
            A[i * n + j] = A[j * n + i] = x;
        }
}

START_TEST(definition_and_lapack)
{
    static const size_t orders[] = {1, 2, 3, 4, 5, 17, 26, 64, MOST};
    sbi_context *ctx;
    sbi_spectrum s;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_spectrum_create(&s, ctx, MOST, SBI_FIT_FLAT), SBI_OK);
    double *A = malloc(MOST * MOST * sizeof *A), *B = malloc(MOST * MOST * sizeof *B), w[MOST];
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        const size_t n = orders[o];
        fill(_i, n, A);
        memcpy(s.matrix, A, n * n * sizeof *A);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++) s.matrix[i * n + j] = NAN; /* is not looked at */
        ck_assert_int_eq(sbi_spectrum_compute(&s, n), SBI_OK);
        memcpy(B, A, n * n * sizeof *B);
        ck_assert_int_eq(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', (lapack_int)n, B, (lapack_int)n, w), 0);
        const double norm = fmax(fabs(w[0]), fabs(w[n - 1])), near = 1e-13 * norm * sqrt((double)n);
        for (size_t i = 0; i < n; i++) {
            const double *v = s.matrix + i * n;
            ck_assert_msg(fabs(s.eigenvalue[i] - w[i]) <= near, "order %zu: eigenvalue %zu is %.17g, not %.17g", n, i, s.eigenvalue[i], w[i]);
            for (size_t j = 0; j < n; j++) {
                double Av = 0, vv = 0;
                for (size_t k = 0; k < n; k++) {
                    Av += A[j * n + k] * v[k];
                    vv += v[k] * s.matrix[j * n + k];
                }
                ck_assert_msg(fabs(Av - s.eigenvalue[i] * v[j]) <= near, "order %zu: (A v - l v)[%zu] of vector %zu is %g", n, j, i, Av - s.eigenvalue[i] * v[j]);
                ck_assert_msg(fabs(vv - (i == j)) <= 1e-13 * (double)n, "order %zu: v%zu . v%zu is %.17g", n, i, j, vv);
            }
        }
    }
    free(A);
    free(B);
    sbi_spectrum_destroy(&s, ctx);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit: spectrum of a Hessian");
    TCase *cases = tcase_create("spectrum");
    tcase_add_loop_test(cases, definition_and_lapack, 0, 7);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
