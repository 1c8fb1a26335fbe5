/* SPDX-License-Identifier: Apache-2.0 */
/* Running a set of jobs to its end and having the results as bytes. */
#ifndef SBI_JOBS_COLLECT_H
#define SBI_JOBS_COLLECT_H

#include "base/text.h"
#include "io/json.h"
#include "sbi/campaign.h"

/* The executor to use: `given`, or a private local one that runs one task at a time with all threads, to be closed by the
 * caller (*owned). */
sbi_status sbi_jobs_executor(sbi_executor **exec, sbi_executor **owned, sbi_context *ctx, sbi_executor *given);

/* Adds the job that `json` describes (taken over, NULL for one that could not be made). @param[out] key its name;
 * @param attachment borrowed until the campaign has run. */
sbi_status sbi_jobs_add(sbi_campaign *campaign, sbi_context *ctx, json_t *json, const void *attachment,
                        char key[SBI_TASK_KEY_MAX + 1]);

/* sbi_campaign_run(), where one failed task's own status is returned instead of SBI_ERR_TASK_FAILED. */
sbi_status sbi_jobs_run(sbi_campaign *campaign, sbi_executor *exec);

/* Appends the result of a task to `text` (initialised by the caller). */
sbi_status sbi_jobs_result(sbi_campaign *campaign, const char *key, sbi_text *text);

#endif
