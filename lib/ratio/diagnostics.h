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
    double *log_ratio; /* [n], corrected or calibrated */
    double *weight;    /* [n], sum 1 */
    double *spread;    /* [n] of ln r over members; NULL without an ensemble */
} sbi_sample;

/* Which events a sample has. */
enum { SBI_SAMPLE_ALL, SBI_SAMPLE_HELD_OUT, SBI_SAMPLE_TRAINING };

typedef struct sbi_sample_choice {
    int32_t which;
    int32_t reserved;
    uint64_t seed;
    double fraction; /* the validation fraction of the training */
    int64_t most;    /* events, the first ones; 0: no limit */
} sbi_sample_choice;

/* Where ln r comes from: an ensemble (one member of it for member >= 0), or arrays by side. */
typedef struct sbi_sample_source {
    const sbi_ensemble *ens;
    const sbi_array *given[2];
    const sbi_calibration *calibration;
    const char *device;
    double correction;
    int32_t member;
    int32_t spread; /* 1: spread of the members too */
    int32_t folds;  /* 1: each event by the members that did not see it */
    int32_t reserved;
} sbi_sample_source;

/* Events and weights of a side, normalised; `name` is used in messages. With an empty selection n is 0 and `optional` makes that SBI_OK. */
sbi_status sbi_sample_choose(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_choice *choice, const char *name,
                             int optional);
/* Fills in log_ratio and spread; r must be a finite number. */
sbi_status sbi_sample_fill(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_source *source, const char *name);
void sbi_sample_free(sbi_context *ctx, sbi_sample *s);
/* SBI_ERR_SHAPE or SBI_ERR_VALUE unless the arrays have a finite number for every event. */
sbi_status sbi_sample_check_given(const sbi_dataset *data, const sbi_array *const given[2]);

/* A table of doubles. */
typedef struct sbi_table {
    int64_t rows, columns;
    double *values;
} sbi_table;

#define SBI_CALIBRATION_COLUMNS 7
#define SBI_ROC_COLUMNS 3
#define SBI_CLOSURE_COLUMNS 8
#define SBI_CLOSURE_SUMMARY_COLUMNS 7
#define SBI_TAILS_COLUMNS 3
#define SBI_SHARES_COLUMNS 3
#define SBI_SCORES_COLUMNS 10
#define SBI_SPREAD_COLUMNS 4

struct sbi_diagnostics {
    sbi_context *ctx;
    sbi_diagnostics_summary summary;
    int64_t d;
    char **names; /* [d] */
    sbi_table calibration, roc, closure_summary, tails, shares, scores, spread;
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
/* Quantiles of ln r, shares of the largest weights, and the spread in bins of ln r. */
sbi_status sbi_diagnose_tails(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n);
sbi_status sbi_diagnose_shares(sbi_diagnostics *diag, const sbi_sample *denominator);
sbi_status sbi_diagnose_spread(sbi_diagnostics *diag, const sbi_sample *denominator);
/* Held-out against trained-on events. */
sbi_status sbi_diagnose_overtraining(sbi_diagnostics *diag, const sbi_sample held_out[2], const sbi_sample trained[2]);
sbi_status sbi_diagnose_closure(sbi_diagnostics *diag, const sbi_dataset *data, const sbi_sample sample[2], int64_t bins);

#endif
