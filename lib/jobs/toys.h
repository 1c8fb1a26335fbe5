/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of toys as tasks of one campaign, and their results as JSON. */
#ifndef SBI_JOBS_TOYS_H
#define SBI_JOBS_TOYS_H

#include "fit/toys.h"
#include "jobs/job.h"

/* The document of sbi_toys_write_json(); NULL: out of memory. */
json_t *sbi_toys_to_json(const sbi_toys *toys);
/* The other way round; `at` is the place of `json`. */
sbi_status sbi_toys_from_json(sbi_toys **out, sbi_context *ctx, const json_t *json, const sbi_json_place *at);

/* One set: where to generate and what to compute. */
typedef struct toys_set {
    const double *theta;
    sbi_toys_options options; /* campaign and collect of the first set are those of all */
} toys_set;

/* Runs all sets, as sbi_toys_run() does one, in one campaign: out [n], NULL where it failed. */
sbi_status sbi_toys_run_sets(sbi_toys **out, const sbi_model *model, const toys_set *sets, size_t n, sbi_executor *executor);

/* Arguments that limits by toys and the Neyman construction have in common: a fit of a model, and ascending values within bounds. */
sbi_status sbi_toys_check_grid(const sbi_fit *fit, const char *name, const double *values, size_t n, const char *function);

#endif
