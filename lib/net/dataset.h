/* SPDX-License-Identifier: Apache-2.0 */
/* What a dataset holds. Events of a side (a class) are numbered in the order of adding; training numbers all events, those of the
 * denominator first, then class by class. Nothing depends on how the events came in parts. The inputs of a network are the features, then
 * theta. */
#ifndef SBI_NET_DATASET_H
#define SBI_NET_DATASET_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/scratch.h"
#include "net/transform.h"
#include "sbi/dataset.h"

/* What events may have beside features and weights. */
enum { SBI_EXTRA_THETA, SBI_EXTRA_RATIO, SBI_EXTRA_SCORE, SBI_EXTRA_TARGET, SBI_EXTRAS };

typedef struct sbi_dataset_extra {
    sbi_array view; /* two-dimensional; ndim 0: there is none */
    sbi_npy *map;   /* NULL for the caller's memory */
    char *path;     /* NULL for the caller's memory */
} sbi_dataset_extra;

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
    sbi_dataset_extra extra[SBI_EXTRAS];
} sbi_dataset_part;

/* All events as training reads them: transformed, standardised f32, rows in the order said above. */
typedef struct sbi_dataset_pack {
    const float *x; /* [n, inputs]; NULL: not made yet */
    int64_t inputs;
    sbi_transforms *transforms; /* NULL: the inputs are the features */
    double *shift, *scale;      /* [inputs] */
    float *memory;              /* what x is, or NULL: */
    sbi_scratch file;           /* mapped */
} sbi_dataset_pack;

#define SBI_DATASET_PACKS 4 /* one a kind of standardisation */

struct sbi_dataset {
    sbi_context *ctx;
    sbi_dataset_part *parts;
    size_t n_parts;
    int64_t d;
    int64_t extra_columns[SBI_EXTRAS]; /* q, 1, q, t; 0: no class has any */
    int64_t inputs;                    /* d + q */
    int64_t events[SBI_CLASSES_MAX];
    double weight[SBI_CLASSES_MAX], weight_rest[SBI_CLASSES_MAX], weight_abs[SBI_CLASSES_MAX]; /* compensated sums */
    unsigned char has[SBI_CLASSES_MAX][SBI_EXTRAS]; /* of a class with events: 1 if they have it */
    int32_t classes;                   /* at least 2 */
    int32_t policy;
    char *class_names[SBI_CLASSES_MAX]; /* NULL: the default */
    char **parameter_names;             /* NULL: theta0, theta1, ... */
    char **default_parameter_names;
    double *drawn[SBI_CLASSES_MAX]; /* [events, q], theta of classes without their own; made with the first pack or checksum */
    int32_t theta_drawn;            /* 1: that was done; under the lock */
    int32_t reserved;
    sbi_transforms *transforms; /* as they were given, values may be missing; NULL: none */
    char **names; /* NULL: x0, x1, ... */
    char **default_names;
    pthread_mutex_t lock; /* for what follows */
    atomic_int in_use;    /* immutable from now on */
    sbi_dataset_pack packs[SBI_DATASET_PACKS];
    char checksum[72]; /* empty until asked for */
};

/* What a class is called without a name of its own. */
const char *sbi_class_name(int32_t side);
/* Makes the dataset immutable. */
void sbi_dataset_freeze(sbi_dataset *data);
/* SBI_ERR_VALUE unless numerator and denominator have events and a positive sum of weights. */
sbi_status sbi_dataset_check_sides(const sbi_dataset *data);
/* The same for every class below data->classes. */
sbi_status sbi_dataset_check_classes(const sbi_dataset *data);
/* The same for the classes that have events, of which there must be one. */
sbi_status sbi_dataset_check_events(const sbi_dataset *data);
/* Rows [first, first + n) of a side, row-major f64 [n, d]. */
void sbi_dataset_read_features(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out);
void sbi_dataset_read_weights(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out);
/* Inputs of rows [first, first + n) of a side, features and theta: row-major f64 [n, d + q]. After sbi_dataset_draw_theta(). */
void sbi_dataset_read_inputs(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out);
/* One of SBI_EXTRA_..., row-major f64 with leading dimension ld; 0 if the class has none. After sbi_dataset_draw_theta(). */
void sbi_dataset_read_extra(const sbi_dataset *data, int32_t side, int extra, int64_t first, int64_t n, double *out, int64_t ld);
/* Rows of a view, row-major f64 with leading dimension ld. */
void sbi_rows_read_f64(const sbi_array *a, int64_t first, int64_t n, double *out, int64_t ld);
/* Makes the dataset immutable and complete, whoever asks first. */
sbi_status sbi_dataset_prepare(sbi_dataset *data);
/* Gives theta to the events of classes that have none, once. Under the lock; the dataset is in use. */
sbi_status sbi_dataset_draw_theta(sbi_dataset *data);
/* Adds to a checksum whatever a dataset of two classes with features and weights alone does not have. */
sbi_status sbi_dataset_digest_extras(sbi_dataset *data, unsigned char digest[32]);
int sbi_dataset_is_plain(const sbi_dataset *data); /* 1: there is nothing of the kind */
/* Name of an input: a feature's or a parameter's. */
const char *sbi_dataset_input_name(const sbi_dataset *data, int64_t index);
int64_t sbi_dataset_all_events(const sbi_dataset *data);
/* Column `feature` of all events of a side. */
void sbi_dataset_read_column(const sbi_dataset *data, int32_t side, int64_t feature, double *out);
/* The packed events for a kind of standardisation, made at first use and kept; owned by the dataset. */
sbi_status sbi_dataset_pack_get(sbi_dataset *data, int32_t standardise, const sbi_dataset_pack **pack);
/* The same; where they are made now and are more than `most` bytes (0: no limit), they lie in a file in this folder, which has no name
 * any more. folder NULL: $TMPDIR, or /tmp. */
sbi_status sbi_dataset_pack_get_within(sbi_dataset *data, int32_t standardise, uint64_t most, const char *folder,
                                       const sbi_dataset_pack **pack);
/* What a part is called in messages: its file, or "numerator features" in `own`. */
#define SBI_PART_NAME 128
const char *sbi_dataset_part_name(const sbi_dataset *data, const sbi_dataset_part *part, char own[SBI_PART_NAME]);
/* Feature of events [first, first + n) of a part. */
void sbi_dataset_part_column(const sbi_dataset_part *part, int64_t feature, int64_t first, int64_t n, double *out);
/* Is event `index` of `side` kept apart? */
int sbi_dataset_is_held_out(int32_t side, int64_t index, uint64_t seed, double fraction);
/* Its fold of `folds`. */
int32_t sbi_dataset_fold_of(int32_t side, int64_t index, uint64_t seed, int32_t folds);

/* The pieces of adding. */
sbi_status sbi_dataset_check_open(const sbi_dataset *data, const char *function);
sbi_status sbi_dataset_check_side(int32_t side, const char *function);
sbi_status sbi_dataset_make_names(sbi_dataset *data, char ***out, const char *stem, int64_t n);
void sbi_dataset_part_free(sbi_context *ctx, sbi_dataset_part *part);

void sbi_dataset_pack_free(sbi_dataset *data, sbi_dataset_pack *pack);

/* Rows [first, first + n) of a two-dimensional view as row-major f64; SBI_ERR_VALUE with NAME, row and column at a NaN or
 * infinity. */
sbi_status sbi_rows_read_checked(const sbi_array *a, int64_t first, int64_t n, double *out, const char *name);
/* What that looks for, in rows that were read: [n, d], of which messages call the first one `first`. */
sbi_status sbi_rows_check(const double *rows, int64_t first, int64_t n, int64_t d, const char *name);
/* One-dimensional views become [n, 1]; checks dtype, dimensions and data. */
sbi_status sbi_features_view(const sbi_array *in, sbi_array *out, const char *name);

#endif
