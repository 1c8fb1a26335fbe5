/* SPDX-License-Identifier: Apache-2.0 */
/* Passes over all events of a dataset in use: in fixed blocks, shared out over the context's threads. */
#ifndef SBI_NET_DATASET_PASS_H
#define SBI_NET_DATASET_PASS_H

#include "net/dataset.h"

/* Some rows of a side, while a pass goes by. */
typedef struct sbi_dataset_rows {
    int32_t side;
    int32_t reserved;
    int64_t number; /* of the first in training's order of all events */
    int64_t n;
    const double *y; /* [n, inputs], after the transforms */
    const double *w; /* [n] */
} sbi_dataset_rows;

typedef struct sbi_dataset_pass {
    sbi_dataset *data;
    const sbi_transforms *transforms; /* finished; NULL: inputs are the features */
    size_t n_sums;                    /* a block adds up */
    sbi_status (*rows)(void *user, const sbi_dataset_rows *rows, double *sums);
    void *user;
    double *sums;   /* [blocks, n_sums], zero at first; until sbi_dataset_pass_clear() */
    size_t n_least; /* the last so many of them are the least of something, infinity at first */
} sbi_dataset_pass;

/* SBI_ERR_VALUE names file, row and column of a value that the transforms refuse. May be run again. */
sbi_status sbi_dataset_pass_run(sbi_dataset_pass *pass);
/* The sum k of each side divided by its sum of absolute weights, averaged over the sides. */
double sbi_dataset_pass_mean(const sbi_dataset_pass *pass, size_t k);
/* The least number k of any block. */
double sbi_dataset_pass_least(const sbi_dataset_pass *pass, size_t k);
void sbi_dataset_pass_clear(sbi_dataset_pass *pass);

/* standardise.c: how features become inputs. *transforms: NULL if there are no steps. shift and scale [inputs]. Freed by the caller. */
sbi_status sbi_dataset_find_inputs(sbi_dataset *data, int32_t standardise, sbi_transforms **transforms, double **shift, double **scale);
/* find_transforms.c: the steps with all their values. */
sbi_status sbi_dataset_find_transforms(sbi_dataset *data, int32_t standardise, sbi_transforms **out);

#endif
