/* SPDX-License-Identifier: Apache-2.0 */
/* What truncated Newton asks of the Hessian, by products with vectors alone: a step, a diagonal, a look for negative curvature.
 * Vectors are in units of the point's scales unless stated otherwise, and zero where a parameter is not free. */
#ifndef SBI_FIT_TRUNCATED_STEP_H
#define SBI_FIT_TRUNCATED_STEP_H

#include "fit/minimiser.h"

/* Vectors of a Lanczos basis, and of a block of probes and its products together. */
#define SBI_PRODUCTS_BLOCK 40
/* Vectors of [n] in all. */
#define SBI_PRODUCTS_VECTORS (12 + SBI_PRODUCTS_BLOCK)

/* Views of sbi_minimiser.products, [n] each. */
typedef struct sbi_products {
    sbi_minimiser *w;
    const sbi_fit_point *p;
    double *slope; /* gradient, zero where not free */
    double *low, *high; /* how far the bounds are */
    double *z, *Hz;     /* the step so far and its product */
    double *step, *Hstep, *rest, *d, *Hd, *other, *natural;
    double *block; /* [SBI_PRODUCTS_BLOCK, n] */
} sbi_products;

sbi_status sbi_products_create(sbi_products *s, sbi_minimiser *w, const sbi_fit_point *p);
/* Slope and distances to the bounds, after x, g, scale or state changed. */
void sbi_products_prepare(sbi_products *s);
/* out = S H S v for the free parameters. */
sbi_status sbi_products_apply(sbi_products *s, const double *v, double *out);

typedef struct sbi_truncated_result {
    double predicted; /* the model's change of F, <= 0 */
    double residual;  /* length of what is left of the gradient over the parameters not put on bounds */
    int32_t at_radius; /* the step ended at the trust radius */
    int32_t negative;  /* and on the way a direction without positive curvature was met */
} sbi_truncated_result;

/* s->z: the conjugate-gradient step of Steihaug and Toint of length at most `radius` within the bounds, until the residual is
 * below `forcing` times the gradient, or `most` products were spent. */
sbi_status sbi_truncated_step(sbi_products *s, double radius, double forcing, size_t most, sbi_truncated_result *out);

/* curvature_probe.c: conditional standard deviations into `scale` [n], which holds guesses on entry, from the diagonal of H as
 * random signs show it (exact for a diagonal H). `first`: the guesses may be far off. */
sbi_status sbi_products_scales(sbi_products *s, double level, int first, double *scale);

/* curvature_probe.c: the smallest and largest Ritz value of a Lanczos basis of at most SBI_PRODUCTS_BLOCK products, and the
 * direction [n] of the smallest, unit length. The true smallest eigenvalue is at most that. `tries` varies the first vector. */
sbi_status sbi_products_least(sbi_products *s, uint64_t tries, double *smallest, double *largest, double *direction);

#endif
