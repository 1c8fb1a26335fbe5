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
 *  `heartbeat.json`, `log` and `checkpoint/`, resumes from the newest whole checkpoint of an earlier attempt; puts the result at
 *  `STORE/cas/sha256/ab/cd/HASH` and commits it by creating `result.json`, which is never replaced: a job that has one, and the object
 *  that it names, is done, and is not run again. Relative paths in the spec start at STORE. docs/jobs.md has the layout.
 *  @param[out] exit_code one of SBI_EXIT_...; also on failure. When the context is cancelled the job is checkpointed and the
 *  status is SBI_ERR_CANCELLED, the exit code SBI_EXIT_PREEMPTED. SBI_ERR_EXISTS: another attempt was first, with another result: the
 *  job is not reproducible, an alarm. Since: 0.1 */
SBI_API sbi_status sbi_job_run_folder(sbi_context *ctx, const char *folder, int32_t *exit_code);

/* ---- jobs in a store: what executors on other machines are made of ------------------------------------------------
 *
 * An executor stages tasks (sbi_job_stage), has its system run `sbi-worker --store URL KEY` somewhere, and looks into the store for
 * what became of them (sbi_job_look); sbi_job_exit_state() tells what an exit code that the system saw means. docs/executors.md
 * has the whole recipe, docs/jobs.md the names of the objects. None of these functions keeps anything between calls. */

/** Puts what a task names (files of its spec; data that only its attachment holds) into the store under the names of their contents, unless
 *  it is there, and then the spec, with its places changed to those, as `jobs/KEY/spec.json`, never replaced. The key stays what it is,
 *  since it does not depend on places. Safe to repeat; a job that has been staged is not read again.
 *  @param task key, spec, spec_size and attachment (this library's own submitters' or NULL) are looked at. Relative paths of the spec start at
 *  the working directory, except those ("cas/sha256/...") that name objects of the store.
 *  Errors, all about this one task unless said otherwise: SBI_ERR_UNSUPPORTED for what cannot be put into a store (a model that was built
 *  in memory); SBI_ERR_CHECKSUM where an input is not what the spec says, also where it changed meanwhile; SBI_ERR_NOT_FOUND for an input;
 *  SBI_ERR_FORMAT, SBI_ERR_VERSION for the spec. SBI_ERR_TRANSIENT, SBI_ERR_NO_SPACE, SBI_ERR_PERMISSION: the store. Since: 0.1 */
SBI_API sbi_status sbi_job_stage(sbi_context *ctx, sbi_store *store, const sbi_task *task);

/** Writes the list of keys that an array of jobs goes by, `arrays/NAME`, a key a line: index i is line i, from 0. @param name
 *  [A-Za-z0-9._-]+. A list that is there already must be the same, else SBI_ERR_EXISTS. Since: 0.1 */
SBI_API sbi_status sbi_job_stage_array(sbi_context *ctx, sbi_store *store, const char *name, const char *const *keys, size_t n);
/** The key of index `index` of an array. SBI_ERR_NOT_FOUND: no such list; SBI_ERR_ARGUMENT: it is shorter. Since: 0.1 */
SBI_API sbi_status sbi_job_array_key(sbi_context *ctx, sbi_store *store, const char *name, uint64_t index,
                                     char key[SBI_TASK_KEY_MAX + 1]);

/** What the store tells of a job. SBI_TASK_DONE: there is a commit record and the object that it names. Otherwise what the heartbeat of
 *  the newest attempt says: SBI_TASK_RUNNING with progress, host, seconds, peak memory and what it is doing, or how it ended, with status and
 *  message. SBI_TASK_PENDING: no attempt has begun. A worker that was killed leaves a heartbeat that says "running": whether it still lives
 *  only the caller can know, from its system, or from `heard` standing still for several heartbeats.
 *  @param[out] report struct_size set by the caller; `attempt` is the number that the worker was given, 0 if none.
 *  @param[out] heard time of that heartbeat by the worker's clock, ms since 1970, 0 if there is none; may be NULL. Since: 0.1 */
SBI_API sbi_status sbi_job_look(sbi_context *ctx, sbi_store *store, const char *key, sbi_task_report *report, int64_t *heard);
/** The result of a job that is done, checked against its commit record. Nothing reaches the sink before the whole result was checked once. An
 *  object that is not what the record says is removed, so that another attempt makes it anew: SBI_ERR_CHECKSUM. SBI_ERR_NOT_FOUND: not
 *  done. Since: 0.1 */
SBI_API sbi_status sbi_job_fetch(sbi_context *ctx, sbi_store *store, const char *key, sbi_sink *sink);
/** The log of the newest attempt, as of its last heartbeat. SBI_ERR_NOT_FOUND: no attempt has begun. Since: 0.1 */
SBI_API sbi_status sbi_job_log(sbi_context *ctx, sbi_store *store, const char *key, sbi_sink *sink);

/** What an exit code of sbi-worker means for the task: SBI_TASK_... and, in *status (may be NULL), why. 0 DONE; 64, 65, 70 FAILED; 69
 *  TRANSIENT; 75 PREEMPTED, and so 143 (SIGTERM before the worker was ready for it); 78 REJECTED; 137 OUT_OF_MEMORY; every other code
 *  (128 + signal, 127 for a program that is not there) LOST. Since: 0.1 */
SBI_API int32_t sbi_job_exit_state(int32_t exit_code, sbi_status *status);

/** How a worker runs one job of a store. */
typedef struct sbi_worker_options {
    uint32_t struct_size;     /**< sizeof(sbi_worker_options) */
    int32_t attempt;          /**< the submitting side's number of the attempt, told in heartbeats; 0: unknown */
    double heartbeat_seconds; /**< 1 to 3600; checkpoints are put into the store as often */
    double outage_seconds;    /**< how long calls to a store that is out of reach are repeated */
    const char *scratch;      /**< folder for this worker's files, made if missing; NULL: TMPDIR. It may be shared by workers */
    uint64_t disk;            /**< bytes that this worker may take of that folder; 0: most of what is free there. Columns of models and features that do not
                                   fit are read from the store whenever they are needed, and never stored; of anything else that does not, SBI_ERR_NO_SPACE */
    uint64_t stream_memory;   /**< bytes of memory in which parts of these are held for a while; 0: a share of what the process may use */
    uint64_t column_memory;   /**< most memory for columns of models that are held whole; 0: as sbi_workspace_options.column_memory by default */
} sbi_worker_options;

#define SBI_WORKER_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_worker_options), 0, 30, 600, NULL, 0, 0, 0                                                \
    }

/** Fills in the defaults; the same values as SBI_WORKER_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_worker_options_init(sbi_worker_options *options);

/** Runs one job of a store, as sbi-worker does on any machine: like sbi_job_run_folder(), which is this with a folder as the store. Inputs
 *  that the spec names relative to the store are brought into the scratch folder and verified, as far as `disk` allows; those of a store that is a folder are read
 *  where they lie. Heartbeats, the log and checkpoints are put into the store. When the context is cancelled the job stops at its next look
 *  (200 ms of work), puts its checkpoint into the store and returns SBI_ERR_CANCELLED with SBI_EXIT_PREEMPTED.
 *  @param options NULL: defaults. @param[out] exit_code as there. Since: 0.1 */
SBI_API sbi_status sbi_job_run_store(sbi_context *ctx, sbi_store *store, const char *key, const sbi_worker_options *options,
                                     int32_t *exit_code);

SBI_END_DECLS
#endif
