/* SPDX-License-Identifier: Apache-2.0 */
/* A symmetric matrix as Q T Q^T with T tridiagonal, by Householder reflections (Golub and Van Loan, Matrix Computations, section 8.3).
 *
 * Why not dsytrd: a BLAS with threads shares out its many small products, however small, and a fit of twenty parameters then waits
 * for the scheduler of a busy machine longer than for its likelihood. It also gives bits that depend on the number of threads. */
#ifndef SBI_FIT_TRIDIAGONAL_H
#define SBI_FIT_TRIDIAGONAL_H

#include <stddef.h>

/* A [n, n], of which the upper triangle is read: T's diagonal d [n] and the elements beside it, e [n - 1]; the reflections are left
 * in A and tau [n]. p [n] is scratch. */
void sbi_tridiagonalise(size_t n, double *A, double *d, double *e, double *tau, double *p);

/* Rows of Z [n, n] from eigenvectors of T to eigenvectors of the matrix: z = Q z. */
void sbi_tridiagonal_back(size_t n, const double *A, const double *tau, double *Z);

#endif
