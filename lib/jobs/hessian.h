/* SPDX-License-Identifier: Apache-2.0 */
/* The Hessian of a fit as tasks: what the two ways of cutting it share. */
#ifndef SBI_JOBS_HESSIAN_H
#define SBI_JOBS_HESSIAN_H

#include "fit/fit.h"
#include "jobs/collect.h"
#include "jobs/job.h"

typedef struct sbi_hessian_campaign {
    sbi_context *ctx;
    const sbi_model *model;
    sbi_hessian_options options;
    sbi_campaign *campaign;
    sbi_campaign_options settings; /* of the campaign */
    sbi_job_attachment attachment;
    size_t n, rows_a_task, n_blocks;
    double *theta;   /* [n] */
    double *hessian; /* [n, n] */
    json_t *common;  /* what all tasks have in their specs, but for "job" */
} sbi_hessian_campaign;

/* The rows of a block. */
size_t sbi_hessian_block(const sbi_hessian_campaign *h, size_t block, size_t *first);
/* A copy of the common part with the rows of a block; NULL: out of memory. */
json_t *sbi_hessian_task(const sbi_hessian_campaign *h, const char *job, size_t block);

/* Runs the campaign if any of the tasks that were added, `undone` of them, is not done. A folder with unfinished tasks of another fit or of
 * other cuts is refused: in this process they would get the wrong model. */
sbi_status sbi_hessian_run(const sbi_hessian_campaign *h, sbi_executor *exec, size_t undone);

/* hessian_shards.c: opens the campaign, runs blocks of rows x ranges of events, and fills h->hessian. */
sbi_status sbi_hessian_shards(sbi_hessian_campaign *h, sbi_executor *exec);

#endif
