/* SPDX-License-Identifier: Apache-2.0 */
/* Running a set of jobs to its end and having the results as bytes. */
#ifndef SBI_JOBS_COLLECT_H
#define SBI_JOBS_COLLECT_H

#include "base/text.h"
#include "sbi/campaign.h"

/* The executor to use: `given`, or a private local one that runs one task at a time with all threads, to be closed by the
 * caller (*owned). */
sbi_status sbi_jobs_executor(sbi_executor **exec, sbi_executor **owned, sbi_context *ctx, sbi_executor *given);

/* sbi_campaign_run(), where one failed task's own status is returned instead of SBI_ERR_TASK_FAILED. */
sbi_status sbi_jobs_run(sbi_campaign *campaign, sbi_executor *exec);

/* Appends the result of a task to `text` (initialised by the caller). */
sbi_status sbi_jobs_result(sbi_campaign *campaign, const char *key, sbi_text *text);

#endif
