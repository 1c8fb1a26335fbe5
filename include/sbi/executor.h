/* SPDX-License-Identifier: Apache-2.0 */
/** @file executor.h
 * Executors: run opaque tasks somewhere (threads of this process, a cluster, a grid) and bring their results back.
 *
 * An executor knows nothing about what a task means: a task is a key and some bytes, a result is some bytes. What is
 * tried again, when, and how often is not an executor's business either; that is one policy, in campaign.h, above all of
 * them. So an executor only has to say honestly what became of each task.
 *
 * Provided: "local", threads of this process; "processes", worker processes of this machine that live on when the client dies. Everybody can add one: fill in sbi_executor_ops and either wrap it with
 * sbi_executor_create() or give it a name with sbi_executor_register(). tests/contract/executor_conformance.c checks any
 * implementation; docs/executors.md explains how to write one.
 */
#ifndef SBI_EXECUTOR_H
#define SBI_EXECUTOR_H

#include "context.h"

SBI_BEGIN_DECLS

/** The version of the contract below: layouts and meanings are fixed for a number. */
#define SBI_EXECUTOR_ABI 1

/** Keys are 1 to 64 characters of [a-z0-9-], so that they can be names of files and of cluster objects. */
#define SBI_TASK_KEY_MAX 64

/** States of a task. The numbers are part of the ABI; from SBI_TASK_DONE on a state is final for that attempt. */
#define SBI_TASK_PENDING 1        /**< accepted, not yet started */
#define SBI_TASK_RUNNING 2        /**< started */
#define SBI_TASK_DONE 10          /**< its result can be fetched */
#define SBI_TASK_FAILED 11        /**< it ran and failed; running it again would fail again */
#define SBI_TASK_LOST 12          /**< it vanished: neither a result nor a failure will ever come */
#define SBI_TASK_TRANSIENT 13     /**< a passing failure of network, storage or host: try again */
#define SBI_TASK_PREEMPTED 14     /**< stopped by its host; another attempt resumes from its checkpoint */
#define SBI_TASK_OUT_OF_MEMORY 15 /**< another attempt needs a larger `memory` */
#define SBI_TASK_REJECTED 16      /**< this executor will never run it: malformed, or more than it has */
#define SBI_TASK_CANCELLED 17     /**< by sbi_executor_ops.cancel, or by somebody outside */

/** The name of a state in lower case, for instance "out of memory"; "unknown" for other numbers. Since: 0.1 */
SBI_API const char *sbi_task_state_name(int32_t state);

/** A task to run. All pointers are borrowed for the call of submit, except `attachment`. */
typedef struct sbi_task {
    uint32_t struct_size; /**< sizeof(sbi_task) */
    int32_t attempt;      /**< 1 for the first, counted up by whoever tries again */
    const char *key;      /**< the task's name: the same key is the same work with the same result */
    const void *spec;     /**< what to do: opaque bytes */
    size_t spec_size;
    /** Memory of the caller that spares an executor in this process from reading files named in the spec; one that stages may look at
     *  it in submit, others ignore it. Borrowed until the task has ended. The result must be the same with and without it. NULL: none. */
    const void *attachment;
    double cpus;           /**< hint: processors of use; 0: unknown */
    uint64_t memory;       /**< hint: bytes needed; 0: unknown */
    double gpus;           /**< hint: GPUs of use; 0: none */
    const char *stage;     /**< what it is a part of ("train", "fit"), for totals and pictures; at most 63 bytes; NULL: nothing named */
} sbi_task;

#define SBI_TASK_INIT                                                                                                  \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_task), 1, NULL, NULL, 0, NULL, 0, 0, 0, NULL                                               \
    }

/** What became of a task. Everything beyond key, attempt and state is zero or empty where unknown. */
typedef struct sbi_task_report {
    uint32_t struct_size; /**< sizeof(sbi_task_report), set by the caller of poll in every element */
    int32_t state;        /**< SBI_TASK_... */
    int32_t attempt;      /**< the attempt that is in this state */
    sbi_status status;    /**< why it failed; SBI_OK otherwise */
    double progress;      /**< 0 to 1 */
    double seconds;       /**< wall time that this attempt has run */
    uint64_t peak_memory; /**< bytes */
    double cpu_seconds;   /**< processor time of this attempt, over all its threads; 0: unknown */
    uint64_t reserved_;
    char key[SBI_TASK_KEY_MAX + 8]; /**< NUL-terminated */
    char host[64];                  /**< where it runs or ran */
    char message[256];              /**< one line: why it failed, or what it is doing */
} sbi_task_report;

/** Takes bytes. write is called any number of times, in order; a status other than SBI_OK must stop the transfer and be
 *  returned by the function that was given the sink. */
typedef struct sbi_sink {
    uint32_t struct_size; /**< sizeof(sbi_sink) */
    int32_t reserved_;    /**< zero */
    sbi_status (*write)(void *user, const void *data, size_t size);
    void *user;
} sbi_sink;

/** What an executor is able to do. */
typedef struct sbi_executor_caps {
    uint32_t struct_size; /**< sizeof(sbi_executor_caps), set by the caller */
    int32_t in_process;   /**< 1: attachments reach the task */
    int32_t survives;     /**< 1: tasks live on when the client dies, and submitting them again adopts them */
    int32_t has_log;      /**< 1: logs can be read */
    int32_t has_cancel;   /**< 1: tasks can be cancelled */
    int32_t stages;       /**< 1: submit puts into a store what a task needs, also data that only its attachment holds (sbi_job_stage) */
    uint64_t batch;  /**< most tasks in one submit; 0: any number */
    uint64_t live;   /**< most tasks worth having submitted and unfinished; 0: any number */
    char name[32];   /**< for people: "local", "kubernetes" */
} sbi_executor_caps;

/** The contract. Any of the functions may be called by one thread at a time; different executors by different threads.
 *  A status other than SBI_OK is about the call, not about a task: SBI_ERR_TRANSIENT means that the same call may succeed
 *  later, and every call may be repeated without harm. What became of a task comes out of poll, task by task. */
typedef struct sbi_executor_ops {
    uint32_t struct_size; /**< sizeof(sbi_executor_ops) of the implementation */
    uint32_t abi;         /**< SBI_EXECUTOR_ABI it was compiled against */

    /** Takes n tasks. Idempotent: a task whose key is known is started again only if its last attempt ended and
     *  task.attempt is higher than that one's; otherwise nothing runs twice. Either way its state is (again) reported
     *  by a later poll, which is how a client that was restarted adopts what runs. A task that can never run is accepted
     *  and reported as REJECTED. On failure any subset may have been taken, but
     *  none by an executor that is in_process. */
    sbi_status (*submit)(void *self, const sbi_task *tasks, size_t n);

    /** Reports changes: writes up to `capacity` reports, their number to *n. Waits up to timeout_ms for the first; after
     *  that *n = 0 and SBI_OK. Every final state is reported; states in between may be skipped, repeated, and tasks may
     *  come in any order. A state of a task that has been reported final is not followed by an earlier state of the same
     *  attempt. */
    sbi_status (*poll)(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms);

    /** Writes the result of a DONE task into the sink: complete and checked against corruption on the way, or a status.
     *  May be repeated, with the same bytes, until `release`. SBI_ERR_NOT_FOUND: no such key, or not DONE. */
    sbi_status (*fetch)(void *self, const char *key, sbi_sink *sink);

    /** Writes what the last attempt of a task printed. May be NULL. */
    sbi_status (*log)(void *self, const char *key, sbi_sink *sink);

    /** Asks tasks to stop soon; those that had not ended are reported CANCELLED, or DONE if they were quicker. Unknown keys
     *  are ignored. May be NULL. */
    sbi_status (*cancel)(void *self, const char *const *keys, size_t n);

    sbi_status (*capabilities)(void *self, sbi_executor_caps *caps);

    /** Frees self. An executor whose tasks do not survive stops them first. */
    void (*close)(void *self);

    /** Tells that the results of these keys are safe with the client: the executor may forget them. May be NULL. */
    sbi_status (*release)(void *self, const char *const *keys, size_t n);
} sbi_executor_ops;

typedef struct sbi_executor sbi_executor;

/** Opens an executor by name. @param[out] out NULL on failure. @param name "local", "processes", or one registered on the context.
 *  @param config JSON object text, its keys depending on the executor; NULL: all defaults. "local": {"threads": n}, how
 *  many tasks run at once (default: the context's threads). "processes": {"processes", "store", "worker", "threads", "memory", "survives"}, see
 *  docs/executors.md. Errors: SBI_ERR_NOT_FOUND names the executors there are;
 *  SBI_ERR_FORMAT, SBI_ERR_ARGUMENT for the configuration. Close with sbi_executor_close(). Since: 0.1 */
SBI_API sbi_status sbi_executor_open(sbi_executor **out, sbi_context *ctx, const char *name, const char *config);

/** Wraps an implementation of one's own. @param ops copied. @param self handed to every function; ops->close(self) is
 *  called by sbi_executor_close(), and not if this call fails. Errors: SBI_ERR_ABI (abi or struct_size), SBI_ERR_ARGUMENT
 *  (a required function is NULL). Since: 0.1 */
SBI_API sbi_status sbi_executor_create(sbi_executor **out, sbi_context *ctx, const sbi_executor_ops *ops, void *self);

/** Makes an executor for sbi_executor_open(). config may be NULL. On success *ops points to memory that stays valid for
 *  the call and *self is owned by the executor; on failure nothing is left behind. */
typedef sbi_status (*sbi_executor_open_fn)(void *user, sbi_context *ctx, const char *config, const sbi_executor_ops **ops,
                                           void **self);

/** Gives an executor a name in this context. SBI_ERR_EXISTS if the name is taken. Since: 0.1 */
SBI_API sbi_status sbi_executor_register(sbi_context *ctx, const char *name, sbi_executor_open_fn open, void *user);

/** Closes an executor; NULL is fine. Since: 0.1 */
SBI_API void sbi_executor_close(sbi_executor *exec);

/* The functions of the contract, called with arguments and answers checked; sbi_executor_log() and _cancel() give
 * SBI_ERR_UNSUPPORTED where the executor has none, _release() does nothing then. Most people want campaign.h instead.
 * All since 0.1. */
SBI_API sbi_status sbi_executor_submit(sbi_executor *exec, const sbi_task *tasks, size_t n);
SBI_API sbi_status sbi_executor_poll(sbi_executor *exec, sbi_task_report *reports, size_t capacity, size_t *n,
                                     int32_t timeout_ms);
SBI_API sbi_status sbi_executor_fetch(sbi_executor *exec, const char *key, sbi_sink *sink);
SBI_API sbi_status sbi_executor_log(sbi_executor *exec, const char *key, sbi_sink *sink);
SBI_API sbi_status sbi_executor_cancel(sbi_executor *exec, const char *const *keys, size_t n);
SBI_API sbi_status sbi_executor_release(sbi_executor *exec, const char *const *keys, size_t n);
SBI_API sbi_status sbi_executor_capabilities(sbi_executor *exec, sbi_executor_caps *caps);

SBI_END_DECLS
#endif
