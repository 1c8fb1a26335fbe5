/* SPDX-License-Identifier: Apache-2.0 */
/* What sbi-worker is made of; the work itself is injected, so that tests can have a worker with work of their own. */
#ifndef SBI_PROGRAMS_WORKER_H
#define SBI_PROGRAMS_WORKER_H

#include <stddef.h>

#include "sbi/sbi.h"

/* As sbi_job_run_store(). */
typedef sbi_status (*worker_run)(sbi_context *ctx, sbi_store *store, const char *key, const sbi_worker_options *options,
                                 int32_t *exit_code);

/* The whole program; the exit code. */
int worker_main(int argc, char **argv, worker_run run);

/* ---- memory.c ---- */

/* An allocator that refuses memory beyond a limit, so that a job ends with a message instead of being killed. */
void worker_limit_memory(sbi_context_options *options, size_t limit);
/* What the cgroup (version 2 with its parents, or 1) allows, less a tenth for what is not the library's; 0: no limit. */
size_t worker_cgroup_memory(void);

/* ---- supervise.c ---- */

#define WORKER_BUSY 3 /* exit code: another process has the record */

/* Goes into the background. Returns -1 in the worker, which goes on; in every other process the exit code with which it is to end.
 *
 * The process that was called ends at once. Two live on in a session of their own: the worker, and a supervisor that waits for it and writes into the
 * file `record` how it ended, whatever killed it: {"attempt", "pid" (of the group), "exit_code", "signal", "oom"}. Both hold a lock (flock) on the
 * file as long as they live, which is how others see that they do. */
int worker_supervise(const char *record, int attempt);

#endif
