/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of api/v1 that the executor is made of. All functions: SBI_ERR_TRANSIENT, SBI_ERR_PERMISSION, SBI_ERR_CANCELLED besides what is said. */
#ifndef SBI_GRID_PANDA_CALLS_H
#define SBI_GRID_PANDA_CALLS_H

#include "grid/panda_api.h"

#define PANDA_JOBS_PER_CALL 5500

/* The task of a name; *task is 0 if there is none. */
sbi_status panda_find_task(panda_api *api, const char *name, int64_t *task);
/* A task of its parameters. A name that is taken gives the task that has it. Too many active tasks: SBI_ERR_TRANSIENT. SBI_ERR_ARGUMENT: refused. */
sbi_status panda_submit_task(panda_api *api, const json_t *parameters, int64_t *task);
/* What is told of a task: `data` of the answer, an object with "status", "statistics", "PandaID". SBI_ERR_NOT_FOUND until the server has refined it.
 * panda_answer_clear() whatever the status. */
sbi_status panda_task_details(panda_api *api, int64_t task, panda_answer *out);
/* Why the server gave it up, in plain text; empty if it does not say. */
sbi_status panda_task_dialog(panda_api *api, int64_t task, char *dialog, size_t size);
/* The status alone, "running". */
sbi_status panda_task_status(panda_api *api, int64_t task, char *status, size_t size);
/* The identifiers of its jobs: `data`, an array. */
sbi_status panda_task_jobs(panda_api *api, int64_t task, panda_answer *out);
/* Descriptions of at most PANDA_JOBS_PER_CALL jobs: `data`, an array in no order, with null or nothing for those that are not known. */
sbi_status panda_describe_jobs(panda_api *api, const int64_t *jobs, size_t n, panda_answer *out);
/* Both only ask: the server acts later. A task that has ended is fine; SBI_ERR_NOT_FOUND until it is refined. */
sbi_status panda_kill_task(panda_api *api, int64_t task);
sbi_status panda_kill_jobs(panda_api *api, const int64_t *jobs, size_t n);
/* Lets what runs end, and starts no more. */
sbi_status panda_finish_task(panda_api *api, int64_t task);
/* Runs the failed jobs of an ended task again. SBI_ERR_EXISTS: the server says that there is nothing to do again. SBI_ERR_NOT_FOUND until it is refined. */
sbi_status panda_retry_task(panda_api *api, int64_t task);

#endif
