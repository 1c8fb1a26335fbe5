/* SPDX-License-Identifier: Apache-2.0 */
/* A trust-region step within bounds. */
#ifndef SBI_FIT_BOUNDS_H
#define SBI_FIT_BOUNDS_H

#include "fit/trust_region.h"

/* States of a parameter, as sbi_fit_param_states() returns them. */
#define SBI_FIT_FREE 0
#define SBI_FIT_FIXED 1
#define SBI_FIT_AT_LOWER 2
#define SBI_FIT_AT_UPPER 3

/* The quadratic model of F around x, and where steps may go. */
typedef struct sbi_fit_quadratic {
    size_t n;
    const double *x, *g, *H; /* [n], [n], [n, n] */
    const double *scale;     /* [n] natural length of each parameter */
    const double *lower, *upper;
    const int32_t *state; /* [n] SBI_FIT_FREE: may move */
} sbi_fit_quadratic;

/* Fills state: a free parameter at a bound whose gradient pushes outwards is at its limit. */
void sbi_fit_find_limits(size_t n, const double *x, const double *g, const double *lower, const double *upper,
                         const int32_t *fixed, int32_t *state);

/* Indices of the free parameters; the number is returned. */
size_t sbi_fit_free_list(size_t n, const int32_t *state, size_t *list);

/* scale H scale of the listed parameters into s->matrix, decomposed. */
sbi_status sbi_fit_decompose(sbi_spectrum *s, const double *H, const double *scale, size_t n, const size_t *list,
                             size_t m);

/* The decrease g.p + p.H.p / 2 that the model predicts (negative is downhill). */
double sbi_fit_model_change(const sbi_fit_quadratic *q, const double *p, double *scratch);

/* The step p [n] of scaled length at most about `radius`. `s` holds the decomposition over the free parameters on entry, and
 * another one afterwards. Scratch: indices [n], set [n], real [6 n]. */
sbi_status sbi_fit_box_step(const sbi_fit_quadratic *q, sbi_spectrum *s, double radius, double negligible, size_t *list,
                            int32_t *set, double *scratch, double *p);

#endif
