/* SPDX-License-Identifier: Apache-2.0 */
/* The small records of a job in a store, their names, and what exit codes mean: jobs/KEY/result.json, heartbeat.json of an attempt. */
#ifndef SBI_JOBS_RECORDS_H
#define SBI_JOBS_RECORDS_H

#include "base/text.h"
#include "sbi/job.h"

#define SBI_RECORD_LARGEST ((size_t)64 << 10)
#define SBI_UUID_SIZE 37

/* jobs/KEY/attempts/UUID/heartbeat.json */
typedef struct sbi_heartbeat {
    char state[16]; /* running, done, preempted, failed */
    char host[64];
    char message[256]; /* what it is doing, or why it failed */
    int64_t time_ms;   /* since 1970, the worker's clock */
    int32_t pid, attempt;
    int32_t exit_code; /* of one that ended; -1: it runs */
    sbi_status status;
    double progress, seconds, cpu_seconds;
    uint64_t peak_memory;
} sbi_heartbeat;

sbi_status sbi_heartbeat_write(sbi_text *out, const sbi_heartbeat *beat);
/* `name` begins messages. Any bytes are taken: SBI_ERR_FORMAT for what is not a heartbeat; unknown members are ignored, so that workers may be
 * newer than those who watch them. */
sbi_status sbi_heartbeat_read(sbi_heartbeat *out, const char *text, size_t size, const char *name);

/* jobs/KEY/result.json */
typedef struct sbi_commit {
    char key[SBI_TASK_KEY_MAX + 1];
    char sha256[65];
    char uuid[SBI_UUID_SIZE]; /* of the attempt */
    int32_t attempt;
    uint64_t size, peak_memory;
    double seconds, cpu_seconds;
    char host[64];
} sbi_commit;

sbi_status sbi_commit_write(sbi_text *out, const sbi_commit *commit);
sbi_status sbi_commit_read(sbi_commit *out, const char *text, size_t size, const char *name);

/* cas/sha256/ab/cd/HASH */
#define SBI_CONTENT_NAME_SIZE 88
void sbi_content_name(char out[SBI_CONTENT_NAME_SIZE], const char *sha256);
/* The hash in such a name, or NULL. */
const char *sbi_content_hash(const char *name);

/* Reads an object of at most `limit` bytes into memory. */
sbi_status sbi_object_read(sbi_store *store, const char *name, size_t limit, sbi_text *out);

/* The commit record of a job; SBI_ERR_NOT_FOUND: there is none. */
sbi_status sbi_commit_get(sbi_context *ctx, sbi_store *store, const char *key, sbi_commit *out);

/* The exit code of a worker whose work ended with this status. */
int32_t sbi_exit_code_of(sbi_status status);

#endif
