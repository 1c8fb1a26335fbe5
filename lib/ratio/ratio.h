/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the ratio room that its files share. */
#ifndef SBI_RATIO_RATIO_H
#define SBI_RATIO_RATIO_H

#include "io/column_file.h"
#include "net/network.h"
#include "ratio/calibration.h"
#include "sbi/ratio.h"

/* One evaluation of an ensemble: chunks of rows, shared out over threads. Outputs may be NULL. */
typedef struct sbi_ratio_job {
    const sbi_ensemble *ens;
    sbi_array features; /* two-dimensional */
    const sbi_column_file *file; /* where the features are read from, by their shape and strides; NULL: from their data */
    uint64_t file_offset;        /* of the first row */
    const char *name;   /* of the features, for messages */
    int32_t log;        /* 1: ln r and what follows from it */
    int32_t dtype;      /* of the outputs */
    double correction;
    void *ratio;   /* [n] */
    void *spread;  /* [n] */
    void *members; /* [n, members] */
    const sbi_calibration *calibration; /* of ln r, or NULL */
    int64_t block_stride; /* elements from a block of SBI_RATIO_BLOCK rows to the next in `ratio`; 0: rows follow each other */
    const char *device; /* NULL: "cpu" */
    int32_t report; /* 1: progress under the stage "ratio" */
    int32_t numerator, denominator; /* classes; SBI_NUMERATOR and SBI_DENOMINATOR unless somebody chose */
    int32_t reserved;
    const double *theta; /* [q] for all rows; NULL: the rows end in theta, or there is none */
    size_t n_theta;
} sbi_ratio_job;

/* Rows of a block of a packed store of variations, SBI_TAPE_BLOCK of tape.h. */
#define SBI_RATIO_BLOCK 2048

/* What the options say of an evaluation, without features and outputs. */
sbi_ratio_job sbi_ratio_job_of(const sbi_ensemble *ens, const sbi_ratio_options *o);
sbi_status sbi_ratio_run(const sbi_ratio_job *job);
sbi_status sbi_ratio_options_read(sbi_ratio_options *known, const sbi_ratio_options *user);

/* Combines member values l[m] = ln r_m (changed on return) into ln r or r, and their standard deviation. */
void sbi_ratio_combine(double *l, size_t members, int32_t combination, int32_t log, double *value, double *spread);

#endif
