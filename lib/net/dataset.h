/* SPDX-License-Identifier: Apache-2.0 */
/* What a dataset holds. Events of a side are numbered in the order of adding; training numbers all events, those of the
 * denominator first. Nothing depends on how the events came in parts. */
#ifndef SBI_NET_DATASET_H
#define SBI_NET_DATASET_H

#include <pthread.h>
#include <stdatomic.h>

#include "sbi/dataset.h"

typedef struct sbi_dataset_part {
    int32_t side;
    int32_t reserved;
    int64_t first, n;       /* events [first, first + n) of the side */
    sbi_array features;     /* two-dimensional */
    sbi_array weights;      /* one-dimensional; ndim 0: every weight is 1 */
    sbi_npy *feature_map;   /* NULL for the caller's memory */
    sbi_npy *weight_map;
    char *feature_path;     /* NULL for the caller's memory */
    char *weight_path;
} sbi_dataset_part;

/* All events as training reads them: standardised f32, rows in the order said above. */
typedef struct sbi_dataset_pack {
    float *x;             /* [n, d] */
    double *shift, *scale; /* [d] */
} sbi_dataset_pack;

#define SBI_DATASET_PACKS 3 /* one a kind of standardisation */

struct sbi_dataset {
    sbi_context *ctx;
    sbi_dataset_part *parts;
    size_t n_parts;
    int64_t d;
    int64_t events[2];
    double weight[2], weight_rest[2], weight_abs[2]; /* compensated sums */
    int32_t policy;
    char **names; /* NULL: x0, x1, ... */
    char **default_names;
    pthread_mutex_t lock; /* for what follows */
    atomic_int in_use;    /* immutable from now on */
    sbi_dataset_pack packs[SBI_DATASET_PACKS];
    char checksum[72]; /* empty until asked for */
};

/* Makes the dataset immutable. */
void sbi_dataset_freeze(sbi_dataset *data);
/* SBI_ERR_VALUE unless each side has events and a positive sum of weights. */
sbi_status sbi_dataset_check_sides(const sbi_dataset *data);
/* Rows [first, first + n) of a side, row-major f64 [n, d]. */
void sbi_dataset_read_features(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out);
void sbi_dataset_read_weights(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out);
/* Column `feature` of all events of a side. */
void sbi_dataset_read_column(const sbi_dataset *data, int32_t side, int64_t feature, double *out);
/* The packed events for a kind of standardisation, made at first use and kept; owned by the dataset. */
sbi_status sbi_dataset_pack_get(sbi_dataset *data, int32_t standardise, const sbi_dataset_pack **pack);
/* Is event `index` of `side` kept apart? */
int sbi_dataset_is_held_out(int32_t side, int64_t index, uint64_t seed, double fraction);
/* Its fold of `folds`. */
int32_t sbi_dataset_fold_of(int32_t side, int64_t index, uint64_t seed, int32_t folds);

void sbi_dataset_pack_free(sbi_dataset *data, sbi_dataset_pack *pack);

/* Rows [first, first + n) of a two-dimensional view as row-major f64; SBI_ERR_VALUE with NAME, row and column at a NaN or
 * infinity. */
sbi_status sbi_rows_read_checked(const sbi_array *a, int64_t first, int64_t n, double *out, const char *name);
/* One-dimensional views become [n, 1]; checks dtype, dimensions and data. */
sbi_status sbi_features_view(const sbi_array *in, sbi_array *out, const char *name);

#endif
