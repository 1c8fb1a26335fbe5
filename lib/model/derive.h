/* SPDX-License-Identifier: Apache-2.0 */
/* Models made of another one's description with other data: names, expressions, lists and columns stay the parent's. */
#ifndef SBI_MODEL_DERIVE_H
#define SBI_MODEL_DERIVE_H

#include "model/model.h"

/* The data of one channel. Both arrays are the derived model's from then on, also where making it fails. */
typedef struct derived_data {
    double *observed;    /* binned: [n_bins] */
    double *weights;     /* unbinned: [n] */
    int64_t n;           /* events */
    const int64_t *rows; /* [n] which of the channel's Asimov sample they are, ascending; NULL: all of them */
} derived_data;

typedef sbi_status (*derive_fill)(void *arg, size_t channel, derived_data *out);

/* Flags. */
#define DERIVE_QUIET 1 /* without the warnings about what the parent has, too */

/* A sealed model whose auxiliary observations are auxiliary [n_parameters] and whose channels have the data that `fill` gives.
 * `function` begins messages. */
sbi_status sbi_model_derive(sbi_model **out, const sbi_model *model, const char *function, const double *auxiliary, int flags,
                            derive_fill fill, void *arg);

/* asimov.c: the weights of sbi_model_asimov_weights(), arguments checked. */
sbi_status sbi_model_fill_asimov(const sbi_model *m, size_t channel, const double *theta, double *weights);

#endif
