/* SPDX-License-Identifier: Apache-2.0 */
/* What diagnostics are computed from and what they leave. */
#ifndef SBI_RATIO_DIAGNOSTICS_H
#define SBI_RATIO_DIAGNOSTICS_H

#include "net/dataset.h"
#include "ratio/ratio.h"

/* The events of one side that take part. */
typedef struct sbi_sample {
    int64_t n;
    int64_t *event;    /* [n] index in the dataset's side */
    double *log_ratio; /* [n], corrected */
    double *weight;    /* [n], sum 1 */
} sbi_sample;

/* A table of doubles. */
typedef struct sbi_table {
    int64_t rows, columns;
    double *values;
} sbi_table;

#define SBI_CALIBRATION_COLUMNS 7
#define SBI_ROC_COLUMNS 3
#define SBI_CLOSURE_COLUMNS 8
#define SBI_CLOSURE_SUMMARY_COLUMNS 3

struct sbi_diagnostics {
    sbi_context *ctx;
    sbi_diagnostics_summary summary;
    int64_t d;
    char **names; /* [d] */
    sbi_table calibration, roc, closure_summary;
    sbi_table *closure; /* [d] */
};

/* A key and an index, sorted by key; equal keys keep their order. `spare` has room for n. */
typedef struct sbi_keyed {
    double key;
    uint32_t index;
    uint32_t side;
} sbi_keyed;
void sbi_keyed_sort(sbi_keyed *a, sbi_keyed *spare, size_t n);

sbi_status sbi_table_make(sbi_context *ctx, sbi_table *t, int64_t rows, int64_t columns);

/* `sorted` holds all events of both sides, sample[side] at index, by rising ln r. */
sbi_status sbi_diagnose_calibration(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n,
                                    int64_t bins);
sbi_status sbi_diagnose_roc(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n,
                            int64_t points);
sbi_status sbi_diagnose_closure(sbi_diagnostics *diag, const sbi_dataset *data, const sbi_sample sample[2], int64_t bins);

#endif
