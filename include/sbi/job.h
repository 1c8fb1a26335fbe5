/* SPDX-License-Identifier: Apache-2.0 */
/** @file job.h
 * Jobs: what the tasks that this library submits mean, and how to run one, here or on the machine that an executor chose.
 *
 * The spec of a job is canonical JSON (sorted keys, no white space); docs/jobs.md lists the kinds: "train_member", "train_trial",
 * "evaluate_columns", "hessian_rows", "hessian_shard", "scan_point", "toys". Checksums of all inputs are verified before they are used. The result depends on
 * the spec and the contents of its inputs alone.
 */
#ifndef SBI_JOB_H
#define SBI_JOB_H

#include "store.h"

SBI_BEGIN_DECLS

/** Runs a job in the calling thread, with the context's threads. @param task only spec and spec_size are looked at.
 *  Paths in the spec are relative to `root` (NULL: the working directory). @param checkpoint folder for checkpoints, from which an
 *  interrupted job resumes, and which must be this job's own; NULL: none. @param sink takes the result once it is complete.
 *  Errors: SBI_ERR_FORMAT naming the member of the spec (unknown, missing, wrong type or range); SBI_ERR_VERSION for a kind that
 *  this library does not know; SBI_ERR_CHECKSUM naming the input; what the work itself reports. Since: 0.1 */
SBI_API sbi_status sbi_job_run(sbi_context *ctx, const sbi_task *task, const char *root, const char *checkpoint,
                               sbi_sink *sink);

/** The key of a job: SHA-256 of its canonical spec without where its inputs lie (the members "path" and "parts"), as 64 hex digits
 *  and NUL. Also checks the spec. Since: 0.1 */
SBI_API sbi_status sbi_job_key(sbi_context *ctx, const void *spec, size_t size, char key[SBI_TASK_KEY_MAX + 1]);

/** Exit codes of a worker, those of sysexits.h where it has them. */
#define SBI_EXIT_DONE 0
#define SBI_EXIT_SPEC 64           /**< the spec is malformed, or asks for what cannot be done */
#define SBI_EXIT_INPUT 65          /**< an input is malformed or fails its checksum */
#define SBI_EXIT_STORAGE 69        /**< an input cannot be read, or the result cannot be written: may pass */
#define SBI_EXIT_INTERNAL 70       /**< everything else */
#define SBI_EXIT_PREEMPTED 75      /**< stopped before the end: another attempt resumes */
#define SBI_EXIT_CONFIGURATION 78  /**< folder or library do not fit: retry nothing */
#define SBI_EXIT_OUT_OF_MEMORY 137 /**< as when the kernel had killed it */

/** Runs the job of a folder `STORE/jobs/KEY`, as sbi-worker does: reads `spec.json`; makes `attempts/UUID/` with
 *  `heartbeat.json`, `log` and `checkpoint/`, resumes from the newest checkpoint of an earlier attempt; puts the result at
 *  `STORE/cas/sha256/ab/cd/HASH` and commits it by creating `result.json`, which is never replaced: a job that has one is done, and
 *  is not run again. Relative paths in the spec start at STORE. docs/jobs.md has the layout.
 *  @param[out] exit_code one of SBI_EXIT_...; also on failure. When the context is cancelled the job is checkpointed and the
 *  status is SBI_ERR_CANCELLED, the exit code SBI_EXIT_PREEMPTED. SBI_ERR_EXISTS: another attempt was first, with another result: the
 *  job is not reproducible, an alarm. Since: 0.1 */
SBI_API sbi_status sbi_job_run_folder(sbi_context *ctx, const char *folder, int32_t *exit_code);

/* ---- jobs in a store: what executors on other machines are made of ------------------------------------------------ */

/** Puts what a task names (files of its spec; data that only its attachment holds) into the store under the names of their contents, unless
 *  it is there, and then the spec, with its places changed to those, as `jobs/KEY/spec.json`, never replaced. Safe to repeat. Tasks that need what cannot be
 *  put into a store (a model that was built in memory) give SBI_ERR_UNSUPPORTED. Since: 0.1 */
SBI_API sbi_status sbi_job_stage(sbi_context *ctx, sbi_store *store, const sbi_task *task);
/** Writes the list of keys that an array of jobs goes by, `arrays/NAME`, a key a line: index i is line i. Since: 0.1 */
SBI_API sbi_status sbi_job_stage_array(sbi_store *store, const char *name, const char *const *keys, size_t n);
/** What the store tells of a job: SBI_TASK_DONE with a commit record; otherwise what the newest attempt's heartbeat says (running, progress,
 *  host, memory, or how it ended); SBI_TASK_PENDING without any. @param report struct_size set by the caller. Since: 0.1 */
SBI_API sbi_status sbi_job_look(sbi_context *ctx, sbi_store *store, const char *key, sbi_task_report *report);
/** The result of a job that is done, checked against its commit record. SBI_ERR_NOT_FOUND: not done. Since: 0.1 */
SBI_API sbi_status sbi_job_fetch(sbi_context *ctx, sbi_store *store, const char *key, sbi_sink *sink);
/** The log of the newest attempt. Since: 0.1 */
SBI_API sbi_status sbi_job_log(sbi_context *ctx, sbi_store *store, const char *key, sbi_sink *sink);
/** What an exit code of sbi-worker means for the task: SBI_TASK_... and, in *status (may be NULL), why. Codes that are not the worker's own
 *  (128 + signal) are lost or out of memory. Since: 0.1 */
SBI_API int32_t sbi_job_exit_state(int32_t exit_code, sbi_status *status);

/** Runs one job of a store, as sbi-worker does on any machine: like sbi_job_run_folder(), with inputs brought into the folder `scratch` and verified (streamed
 *  where the job allows it), checkpoints and heartbeats put into the store. @param scratch a folder for this worker's files, made if
 *  missing. @param[out] exit_code as there. Since: 0.1 */
SBI_API sbi_status sbi_job_run_store(sbi_context *ctx, sbi_store *store, const char *key, const char *scratch, int32_t *exit_code);

SBI_END_DECLS
#endif
