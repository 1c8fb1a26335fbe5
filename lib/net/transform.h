/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to features before the standardisation: a chain of steps for each. */
#ifndef SBI_NET_TRANSFORM_H
#define SBI_NET_TRANSFORM_H

#include "io/json.h"
#include "sbi/dataset.h"

/* A logarithm, then Yeo-Johnson: chains are no longer. */
#define SBI_TRANSFORM_MAX_STEPS 2
#define SBI_TRANSFORM_MAX_CATEGORIES 4096
/* Quantities of 1e-6 and more find theirs within. */
#define SBI_TRANSFORM_LARGEST_EXPONENT 1e6

/* Four 64-bit integers, as a network file has them. */
typedef struct sbi_transform_step {
    int64_t feature, kind; /* SBI_TRANSFORM_... */
    int64_t first, n;      /* of its values */
} sbi_transform_step;

/* Steps in the order of features; those of a feature in the order in which they are applied. */
typedef struct sbi_transforms {
    sbi_context *ctx;
    int64_t features;
    sbi_transform_step *steps;
    size_t n_steps;
    double *values;
    size_t n_values;
    /* After sbi_transforms_finish(): */
    int64_t inputs;
    int64_t *first_step, *first_input; /* [features + 1] */
    double *low, *high;                /* [features]: what has a finite image lies between, ends excluded */
} sbi_transforms;

const char *sbi_transform_name(int64_t kind);

/* No steps. */
sbi_status sbi_transforms_new(sbi_transforms **out, sbi_context *ctx, int64_t features);
void sbi_transforms_free(sbi_transforms *t);
sbi_status sbi_transforms_copy(sbi_transforms **out, sbi_context *ctx, const sbi_transforms *t);
/* Adds a step behind those of the feature. SBI_ERR_ARGUMENT for what dataset.h does not allow. An exponent or categories may be missing
 * (n = 0) until sbi_transforms_finish(). */
sbi_status sbi_transforms_add(sbi_transforms *t, int64_t feature, int64_t kind, const double *values, size_t n);
/* Number of steps of a feature, and where they begin. */
size_t sbi_transforms_chain(const sbi_transforms *t, int64_t feature, size_t *first);
/* Drops steps that do nothing, puts values in the order of steps, and makes the tables; SBI_ERR_INTERNAL if a value is missing. */
sbi_status sbi_transforms_finish(sbi_transforms *t);
/* 1 if both (either may be NULL: no steps) have the same steps with the same bits. */
int sbi_transforms_same(const sbi_transforms *a, const sbi_transforms *b);

/* The first value of rows x [n, features] that has no image, as row * features + feature; -1 if all have one. */
int64_t sbi_transforms_find_bad(const sbi_transforms *t, const double *x, int64_t n);
/* SBI_ERR_VALUE "NAME: row 17, column 3: ..." for that value. */
sbi_status sbi_transforms_refuse(const sbi_transforms *t, const char *name, int64_t row, int64_t feature, double value);
/* Inputs y [n, inputs] of rows that all have one. */
void sbi_transforms_apply(const sbi_transforms *t, const double *x, int64_t n, double *y);

/* A list of {"feature": 3, "kind": "log", "values": [0.5]}. NULL when out of memory. */
json_t *sbi_transforms_to_json(const sbi_transforms *t);
/* The other way; *out is not finished. */
sbi_status sbi_transforms_from_json(sbi_transforms **out, sbi_context *ctx, int64_t features, const json_t *json, const sbi_json_place *at);
/* From the two arrays of a network file. */
sbi_status sbi_transforms_from_arrays(sbi_transforms **out, sbi_context *ctx, int64_t features, const int64_t *steps, size_t n_steps,
                                      const double *values, size_t n_values);

#endif
