/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "local": threads of this process. What a task means is injected. */
#ifndef SBI_EXEC_LOCAL_H
#define SBI_EXEC_LOCAL_H

#include "sbi/executor.h"

/* Runs one task and writes its result. `ctx` is the task's own context: its memory is counted apart, its cancel flag
 * is the task's, its progress becomes the task's report; it lives as long as the call. Called by several threads at once. */
typedef sbi_status (*sbi_local_runner)(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink);

/* threads: tasks at a time; 0: the context's threads. A task that is alone gets all threads of the context for its loops;
 * tasks side by side run their loops inline. */
sbi_status sbi_local_open(sbi_executor **out, sbi_context *ctx, int32_t threads, sbi_local_runner run, void *user);

#endif
