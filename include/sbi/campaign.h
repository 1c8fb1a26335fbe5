/* SPDX-License-Identifier: Apache-2.0 */
/** @file campaign.h
 * A campaign: a set of tasks run to the end through an executor, with the one retry policy of the library, and a journal
 * on disk so that a client which is killed at any instant resumes without losing or repeating finished work.
 *
 * In the folder: `journal` (append-only, a checksummed line an event, synced before each submission), `lock` (two clients
 * exclude each other), `results/<key>` (written atomically, SHA-256 in the journal). The layout: docs/campaigns.md.
 */
#ifndef SBI_CAMPAIGN_H
#define SBI_CAMPAIGN_H

#include <stdint.h>

#include "executor.h"

SBI_BEGIN_DECLS

typedef struct sbi_campaign sbi_campaign;

/** What happens to a task. The numbers are part of the ABI. */
#define SBI_EVENT_SUBMITTED 1 /**< its first attempt was handed to the executor */
#define SBI_EVENT_RETRIED 2   /**< a further attempt was handed to the executor */
#define SBI_EVENT_STARTED 3   /**< an attempt runs */
#define SBI_EVENT_PROGRESS 4  /**< an attempt has come further; only told as it happens, at most once a second and task, not kept */
#define SBI_EVENT_ENDED 5     /**< an attempt has a result, not yet here */
#define SBI_EVENT_FAILED 6    /**< an attempt ended without a result: `state` says how */
#define SBI_EVENT_FINISHED 7  /**< its result is here and safe */
#define SBI_EVENT_GIVEN_UP 8  /**< no attempt is left, or trying again makes no sense */

/** "submitted", "retried", ..., "given up"; "unknown" for other numbers. Since: 0.1 */
SBI_API const char *sbi_campaign_event_name(int32_t kind);

/** Something that happened to a task, in the order of the journal. Texts are the campaign's, never NULL, and valid until it is closed (in a
 *  callback: for its duration). */
typedef struct sbi_campaign_event {
    uint32_t struct_size; /**< set by the caller */
    int32_t state;        /**< SBI_TASK_PENDING: submitted; otherwise the state that was reported */
    int64_t time;         /**< milliseconds since 1970-01-01 UTC */
    uint64_t task;        /**< index of the task */
    int32_t attempt;
    int32_t kind;         /**< SBI_EVENT_... */
    double seconds;       /**< wall time of the attempt, where it has ended */
    uint64_t peak_memory; /**< bytes, of the attempt */
    double cpu_seconds;   /**< processor time of the attempt, where it has ended; 0: unknown */
    double progress;      /**< 0 to 1 */
    double cpus, gpus;    /**< asked for; 0: unknown, none */
    uint64_t memory;      /**< bytes asked for by this attempt; 0: unknown */
    const char *key;
    const char *stage; /**< "" if it has none */
    const char *host;  /**< where the attempt runs or ran; "" if unknown */
    const char *message; /**< why it failed; of progress: what it is doing */
} sbi_campaign_event;

typedef struct sbi_campaign_options {
    uint32_t struct_size; /**< sizeof(sbi_campaign_options) */
    int32_t read_only;    /**< 1: only look (no lock is taken, nothing is written); for status while another client runs */
    int32_t max_attempts; /**< attempts of a task, preemptions not counted; default 4 */
    int32_t max_preemptions; /**< default 100 */
    int32_t max_failures;    /**< tasks given up before no more are submitted; default 0: the first one */
    int32_t keep_given_up;   /**< 1: tasks given up in an earlier run stay so, see sbi_campaign_retry(); default 0 */
    double backoff_seconds;     /**< wait before the second attempt, doubled for each further one; default 1 */
    double backoff_max_seconds; /**< default 300. Each wait is multiplied by a number in [1/2, 1] that depends on key and
                                     attempt alone */
    double silence_seconds; /**< a submitted task without any report for so long counts as lost; default 0: never */
    double outage_seconds;  /**< an executor that answers only SBI_ERR_TRANSIENT for so long ends the run; default 600 */
    uint64_t batch;         /**< most tasks in one submission; default 256 */
    uint64_t live;          /**< most tasks submitted and unfinished; default 0: what the executor says */
    uint64_t memory_cap;    /**< a task out of memory is tried with twice as much, up to this; default 0: no cap */
    /** Called by sbi_campaign_run(), in its thread, for every task whose result has just come and is safe; NULL: not. It may ask the
     *  campaign and read results; a status other than SBI_OK ends the run with it, after those that came together with this one have been
     *  told of too. Tasks that were done before are not told. */
    sbi_status (*done)(void *user, const char *key);
    void *done_user;
    /** Called by sbi_campaign_run(), in its thread, for every event, once it is in the journal; NULL: not. It may ask the campaign; a status
     *  other than SBI_OK ends the run with it. */
    sbi_status (*event)(void *user, const sbi_campaign_event *event);
    void *event_user;
    /** File to which sbi_campaign_run() appends a JSON object a line for every event; NULL: none. After a kill the next run completes it: each
     *  event of the journal is there once, in order. Relative paths start at the working directory. docs/campaigns.md lists the members. */
    const char *event_file;
    double deadline_seconds; /**< a run that takes longer ends with SBI_ERR_CANCELLED and may be resumed; default 0: none */
    double task_seconds; /**< an attempt that runs longer is cancelled and counts as lost; default 0: any time */
    /** Prices: of an hour of a core asked for (one where a task asks for none), of a GPU, of a GiB of memory asked for (used, where none
     *  was asked for). All 0: those that the journal has, of an earlier run. */
    double core_hour, gpu_hour, gib_hour;
    const char *currency; /**< for people, at most 15 bytes; NULL: none */
} sbi_campaign_options;

#define SBI_CAMPAIGN_OPTIONS_INIT                                                                                      \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_campaign_options), 0, 4, 100, 0, 0, 1.0, 300.0, 0.0, 600.0, 256, 0, 0, NULL, NULL, NULL,  \
            NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, NULL                                                                  \
    }

/** Fills in the defaults; the same values as SBI_CAMPAIGN_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_campaign_options_init(sbi_campaign_options *options);

/** Opens a campaign, new or begun before. @param folder made if missing; NULL: everything stays in memory.
 *  @param options NULL for defaults.
 *  A last journal line that was cut off by a crash is dropped with a warning; any other damage gives SBI_ERR_FORMAT naming
 *  file and line. Another client at work gives SBI_ERR_STATE. Close with sbi_campaign_close(). Since: 0.1 */
SBI_API sbi_status sbi_campaign_open(sbi_campaign **out, sbi_context *ctx, const char *folder,
                                     const sbi_campaign_options *options);

/** Closes a campaign and releases its lock; NULL is fine. Since: 0.1 */
SBI_API void sbi_campaign_close(sbi_campaign *campaign);

/** Adds a task. @param task spec and hints are copied, `attempt` is ignored, `attachment` stays borrowed until the last
 *  sbi_campaign_run(). key NULL: the SHA-256 of the spec in hex.
 *  @param after keys of n_after tasks added before, which must be done before this one is submitted; may be NULL.
 *  @param[out] index of the task; may be NULL.
 *  A task that is there already stays as it is (with the new attachment), so a program that resumes simply adds all of its
 *  tasks again; the same key with another spec gives SBI_ERR_EXISTS, an unknown key in `after` SBI_ERR_NOT_FOUND. The task is
 *  on disk only once the next sbi_campaign_run() has started. Since: 0.1 */
SBI_API sbi_status sbi_campaign_add(sbi_campaign *campaign, const sbi_task *task, const char *const *after, size_t n_after,
                                    size_t *index);

/** Runs what is not done, and returns when nothing is left to do. Reports progress under the stage "campaign".
 *  Errors: SBI_ERR_TASK_FAILED if tasks were given up, naming the first, after those that were running have ended;
 *  SBI_ERR_CANCELLED, after asking the executor to cancel, unless its tasks survive the client; failures of the executor
 *  and of the disk. After any of them the campaign can be run again: tasks given up are then tried afresh. Since: 0.1 */
SBI_API sbi_status sbi_campaign_run(sbi_campaign *campaign, sbi_executor *exec);

/** Writes the result of a task into a sink, checked: content that does not fit its checksum gives SBI_ERR_CHECKSUM before
 *  anything is written, and the task counts as not done, so that the next run repeats it. SBI_ERR_STATE: not done. Since: 0.1 */
SBI_API sbi_status sbi_campaign_result(sbi_campaign *campaign, const char *key, sbi_sink *sink);

/** Size of a task's result in bytes. Since: 0.1 */
SBI_API sbi_status sbi_campaign_result_size(const sbi_campaign *campaign, const char *key, uint64_t *size);

/** A task as it stands. */
typedef struct sbi_campaign_report {
    uint32_t struct_size; /**< set by the caller */
    int32_t state;        /**< SBI_TASK_...; a task that waits for its next attempt is PENDING */
    int32_t attempts;     /**< attempts begun */
    int32_t preemptions;
    int32_t given_up; /**< 1: no attempt is left, or trying again makes no sense */
    sbi_status status; /**< of the last failure */
    double progress;   /**< 0 to 1, of the running attempt */
    double seconds;    /**< wall time over all attempts */
    uint64_t peak_memory;        /**< bytes, over all attempts */
    uint64_t result_size;        /**< bytes */
    int64_t added, began, ended; /**< milliseconds since 1970-01-01 UTC; 0: not yet */
    char key[SBI_TASK_KEY_MAX + 8];
    char sha256[72];   /**< of the result, in hex */
    char host[64];     /**< of the last attempt */
    char message[256]; /**< of the last failure */
    double cpus, gpus;  /**< asked for; 0: unknown, none */
    uint64_t memory;    /**< bytes asked for by the last attempt; 0: unknown */
    double cpu_seconds; /**< processor time over all attempts, where known */
    char stage[64];     /**< empty: none */
} sbi_campaign_report;

/** Number of tasks. Since: 0.1 */
SBI_API size_t sbi_campaign_count(const sbi_campaign *campaign);
/** Fills in report of task `index` in the order of adding; set report->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_campaign_report_get(const sbi_campaign *campaign, size_t index, sbi_campaign_report *report);
/** Index of a task, or SBI_ERR_NOT_FOUND. Since: 0.1 */
SBI_API sbi_status sbi_campaign_index(const sbi_campaign *campaign, const char *key, size_t *index);
/** Spec of a task, owned by the campaign. Since: 0.1 */
SBI_API sbi_status sbi_campaign_spec(const sbi_campaign *campaign, size_t index, const void **spec, size_t *size);

/** Number of events of all tasks so far. Since: 0.1 */
SBI_API size_t sbi_campaign_event_count(const sbi_campaign *campaign);
/** Fills in one event; set event->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_campaign_event_get(const sbi_campaign *campaign, size_t index, sbi_campaign_event *event);

/** What a stage, or the campaign, has come to and used. Attempts that ended count with what they asked for. */
typedef struct sbi_campaign_usage {
    uint32_t struct_size; /**< set by the caller */
    int32_t reserved_;
    uint64_t tasks, waiting, running, done, given_up; /**< the first is the sum of the others */
    uint64_t attempts;     /**< begun */
    uint64_t preemptions;  /**< of them */
    uint64_t result_bytes; /**< of tasks that are done */
    uint64_t peak_memory;  /**< bytes, the largest of any attempt */
    double seconds;        /**< wall time of all attempts */
    double cpu_seconds;    /**< their processor time, where known */
    double core_seconds;   /**< cores x wall time */
    double gpu_seconds;    /**< GPUs x wall time */
    double gib_seconds;    /**< GiB x wall time */
    double core_cost, gpu_cost, gib_cost; /**< in `currency` */
    double cost;           /**< their sum */
    int64_t began, ended;  /**< milliseconds since 1970-01-01 UTC, of the first submission and the last end; 0: none */
    char stage[64];
    char currency[16];
} sbi_campaign_usage;

/** For sbi_campaign_usage_get(): the whole campaign. */
#define SBI_CAMPAIGN_WHOLE ((size_t)-1)

/** Number of stages: first "", of tasks without one, then the others in the order of their first tasks. 0 without tasks. Since: 0.1 */
SBI_API size_t sbi_campaign_stage_count(const sbi_campaign *campaign);
/** Totals of a stage, or with SBI_CAMPAIGN_WHOLE of all; set usage->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_campaign_usage_get(const sbi_campaign *campaign, size_t stage, sbi_campaign_usage *usage);

/** The executor of the last run, if it was opened by name. @param[out] name "" if there was none, or it had no name. @param[out] config JSON,
 *  without what looks like a secret. Both are the campaign's. @param[out] complete 0: something was left out. Since: 0.1 */
SBI_API sbi_status sbi_campaign_executor(const sbi_campaign *campaign, const char **name, const char **config, int32_t *complete);

/** Makes tasks ready to be tried afresh by the next run: those given up; of named ones also those that are done, whose results are dropped.
 *  @param keys n of them; n = 0: all tasks that were given up. SBI_ERR_NOT_FOUND for a key that is not there, before anything is changed.
 *  @param[out] changed how many; may be NULL. With `keep_given_up` the next run leaves the others as they are. Since: 0.1 */
SBI_API sbi_status sbi_campaign_retry(sbi_campaign *campaign, const char *const *keys, size_t n, size_t *changed);

/** Asks the client at work in a folder, whichever process it is, to end its run: it cancels its tasks, also those that would survive, and
 *  sbi_campaign_run() returns SBI_ERR_CANCELLED there. Without a client nothing happens; see sbi_campaign_stop(). Since: 0.1 */
SBI_API sbi_status sbi_campaign_cancel(sbi_context *ctx, const char *folder);

/** Cancels what an earlier client left running with an executor whose tasks survive, and waits up to 10 s for it. Since: 0.1 */
SBI_API sbi_status sbi_campaign_stop(sbi_campaign *campaign, sbi_executor *exec);

SBI_END_DECLS
#endif
