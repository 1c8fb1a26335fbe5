/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of variations holds. */
#ifndef SBI_JOBS_VARIATIONS_H
#define SBI_JOBS_VARIATIONS_H

#include "sbi/variation.h"

typedef struct sbi_variation_pair {
    char *process, *nuisance;
    sbi_ensemble *ensembles[2]; /* hi, lo; one may stand for both */
    double *theta[2];          /* [n_theta], or NULL */
    size_t n_theta;
    double factors[2];
} sbi_variation_pair;

struct sbi_variations {
    sbi_context *ctx;
    sbi_variation_pair *pairs;
    size_t n;
};

#endif
