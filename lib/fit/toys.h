/* SPDX-License-Identifier: Apache-2.0 */
/* Many toys: what is to be computed, computing a range of them, and the table of results. */
#ifndef SBI_FIT_TOYS_H
#define SBI_FIT_TOYS_H

#include "fit/statistic.h"
#include "sbi/toy.h"

struct sbi_toys {
    sbi_context *ctx;
    size_t n, n_columns;
    char **names;     /* [n_columns] */
    double *values;   /* [n, n_columns] */
    int64_t *numbers; /* [n] */
    int32_t *status;  /* [n] */
    char **messages;  /* [n], NULL: none */
};

/* Checked options; pointers in them are borrowed from the caller. */
typedef struct toys_plan {
    const sbi_model *model;
    const double *theta; /* [n_parameters] */
    sbi_toys_options o;
    const char *parameter;
    size_t k; /* its index */
    double interval_rise;
    sbi_fit_options fit;
    const char **names; /* [n_parameters] */
} toys_plan;

/* The plan is to be cleared, also on failure. */
sbi_status sbi_toys_plan_make(toys_plan *plan, const sbi_model *model, const double *theta, const sbi_toys_options *options);
void sbi_toys_plan_clear(toys_plan *plan);

/* A table with the plan's columns, all NaN, numbers from `first` on. */
sbi_status sbi_toys_table(sbi_toys **out, sbi_context *ctx, const toys_plan *plan, int64_t first, size_t n);
/* A table without names. */
sbi_status sbi_toys_allocate(sbi_toys **out, sbi_context *ctx, size_t n, size_t n_columns);
/* Marks a row as failed. */
sbi_status sbi_toys_fail_row(sbi_toys *toys, size_t row, int32_t status, const char *message);
/* Index of a column, or SBI_ERR_NOT_FOUND. */
sbi_status sbi_toys_find(const sbi_toys *toys, const char *name, size_t *column);

/* Computes toys [first, first + n) in parallel on the threads of `ctx`, whose cancel flag and progress it uses: the model's context, or
 * that of a task. */
sbi_status sbi_toys_compute(sbi_toys **out, sbi_context *ctx, const toys_plan *plan, int64_t first, size_t n);

#endif
