/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of a job from a store onto this machine. */
#ifndef SBI_JOBS_INPUTS_H
#define SBI_JOBS_INPUTS_H

#include "jobs/attempt.h"
#include "jobs/job.h"

/* The folder that a store is, or NULL: its objects are files, to be read where they lie. */
const char *sbi_store_folder(const sbi_store *store);

/* Brings what a job names relative to the store under place->root, verified where its name tells its content, unless the store is that folder;
 * and the list of a workspace's files (place->files, to be released). Files that are there already stay. What must be there comes first, then
 * columns and features, the smallest first, as far as the options' `disk` goes; the others become place->streams. SBI_ERR_NO_SPACE, before anything
 * is brought, where what must be there does not fit. */
sbi_status sbi_inputs_bring(sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_worker_options *options, sbi_job_place *place);
/* Ends the streams; also after a failure. */
void sbi_inputs_end(sbi_context *ctx, sbi_job_place *place);

#endif
