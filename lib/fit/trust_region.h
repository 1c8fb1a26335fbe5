/* SPDX-License-Identifier: Apache-2.0 */
/* The trust-region subproblem in scaled variables: minimise g.p + p.A.p / 2 over |p| <= radius, for any symmetric A.
 * A is decomposed once; every radius and every question about curvature is cheap afterwards. */
#ifndef SBI_FIT_TRUST_REGION_H
#define SBI_FIT_TRUST_REGION_H

#include "sbi/context.h"

/* Eigenvalues below this part of the largest one are rounding, neither positive nor negative: of exact Hessians, and of
 * differences of gradients. */
#define SBI_FIT_FLAT 1e-11
#define SBI_FIT_FLAT_DIFFERENCES 1e-6

typedef struct sbi_spectrum {
    size_t capacity; /* largest order */
    size_t m;        /* order now */
    double flat;     /* SBI_FIT_FLAT... */
    double *matrix;  /* [m, m]: A on entry; afterwards row i is the eigenvector of eigenvalue i, ascending */
    double *eigenvalue;
    double *work;
    int32_t *iwork;
    int32_t lwork, liwork;
} sbi_spectrum;

sbi_status sbi_spectrum_create(sbi_spectrum *s, sbi_context *ctx, size_t capacity, double flat);
void sbi_spectrum_destroy(sbi_spectrum *s, sbi_context *ctx);

/* Decomposes the m x m matrix in s->matrix. Eigenvectors get a definite sign: their largest component is positive. */
sbi_status sbi_spectrum_compute(sbi_spectrum *s, size_t m);

/* All eigenvalues are above s->flat times the largest; true for m = 0. */
int sbi_spectrum_positive(const sbi_spectrum *s);

/* g.A^-1.g / 2; only for a positive spectrum. */
double sbi_spectrum_edm(const sbi_spectrum *s, const double *g);

/* The step. A flat direction along which even the whole radius would gain less than `negligible` is left alone. `scratch`
 * has 2 m entries. */
void sbi_spectrum_step(const sbi_spectrum *s, const double *g, double radius, double negligible, double *scratch,
                       double *p);

#endif
