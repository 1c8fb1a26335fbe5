/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt at a job of a store: heartbeats, log, checkpoints, commit. What the job means is injected. */
#ifndef SBI_JOBS_ATTEMPT_H
#define SBI_JOBS_ATTEMPT_H

#include "exec/local.h"
#include "jobs/records.h"

#define SBI_ATTEMPT_SPEC_LARGEST ((size_t)64 << 20)

typedef struct sbi_attempt sbi_attempt;

/* What is injected. */
typedef struct sbi_attempt_work {
    /* Reads the spec and takes what it needs of it; may set *exit_code where the status alone says too little. */
    sbi_status (*read)(void *user, const sbi_attempt *attempt, const void *spec, size_t size, int32_t *exit_code);
    /* As a runner of the executor "local", in a thread of its own. task->spec is not set. May be called again, after a checkpoint turned out to be
     * unusable. */
    sbi_local_runner run;
    void *user;
} sbi_attempt_work;

typedef struct sbi_attempt_upload {
    char name[64]; /* of the file in the folder of checkpoints */
    int64_t changed_ns;
    int64_t size;
    uint32_t number;   /* of the newest object, from 1 */
    char object[SBI_STORE_NAME_MAX];
} sbi_attempt_upload;

#define SBI_ATTEMPT_UPLOADS 8

struct sbi_attempt {
    sbi_context *ctx;
    sbi_store *store;
    const char *key;
    sbi_worker_options options;
    const sbi_attempt_work *work;
    char uuid[SBI_UUID_SIZE];
    char *scratch;    /* a folder of this attempt's own, removed at its end */
    char *checkpoint; /* a folder in it */
    char prefix[SBI_TASK_KEY_MAX + 64]; /* jobs/KEY/attempts/UUID/ */
    char host[64];
    sbi_text log;
    sbi_task_report last;
    double cpu_begin; /* processor time of the process before it */
    double beaten; /* when the last heartbeat was written; 0: never */
    int32_t exit_code; /* said by `read`, or -1 */
    sbi_attempt_upload uploads[SBI_ATTEMPT_UPLOADS];
    size_t n_uploads;
};

sbi_status sbi_attempt_run(sbi_context *ctx, sbi_store *store, const char *key, const sbi_worker_options *options,
                           const sbi_attempt_work *work, int32_t *exit_code);

/* A line of the attempt's log. */
void sbi_attempt_log(sbi_attempt *a, const char *what, const char *detail);

/* Repeats calls to a store that is out of reach: do status = call; while (sbi_outage_again(ctx, &outage, seconds, status)). */
typedef struct sbi_outage {
    double since;
    double wait;
} sbi_outage;
int sbi_outage_again(sbi_context *ctx, sbi_outage *outage, double seconds, sbi_status status);

double sbi_attempt_now(void); /* seconds of the monotonic clock: time of day may jump */

/* ---- checkpoints.c ---- */

/* Puts the files of the folder of checkpoints that are new into the store. */
sbi_status sbi_checkpoints_put(sbi_attempt *a);
/* The newest whole checkpoint of earlier attempts, into the folder. *path NULL: there is none. */
sbi_status sbi_checkpoints_adopt(sbi_attempt *a, char **path);
/* Removes those of all attempts from the store; the job is done. */
void sbi_checkpoints_remove(sbi_attempt *a);

/* Removes a folder and all that is in it. Best effort. */
void sbi_folder_remove(sbi_context *ctx, const char *path);

#endif
