/* SPDX-License-Identifier: Apache-2.0 */
/* What a PanDA server and the OIDC provider beside it say, read. Nothing here sends anything. */
#ifndef SBI_GRID_PANDA_ANSWERS_H
#define SBI_GRID_PANDA_ANSWERS_H

#include "io/json.h"
#include "sbi/executor.h"

/* {"success": ..., "message": ..., "data": ...}; data and message are borrowed from it. */
typedef struct panda_answer {
    json_t *whole;
    int success;
    const char *message; /* "" where there is none */
    const json_t *data;  /* NULL where there is none, or null */
} panda_answer;

/* SBI_ERR_FORMAT: no such object. panda_answer_clear() whatever the status. */
sbi_status panda_answer_read(panda_answer *out, const char *text, size_t size, const char *what);
void panda_answer_clear(panda_answer *answer);
/* SBI_OK for success; else what the message means: "not found" NOT_FOUND; login, owner, role PERMISSION; database, timeout, lock TRANSIENT; else ARGUMENT. */
sbi_status panda_answer_status(const panda_answer *answer, const char *what);

/* An integer, or a text of digits; 0 if it is neither. */
int panda_number(const json_t *value, int64_t *out);
/* "jediTaskID=NNN" somewhere in a text. */
int panda_task_in_message(const char *message, int64_t *task);
/* "FOUND:HOST:NAME". 0: not that, or longer than the room for it. */
int panda_cache_place(const char *message, char *host, size_t host_size, char *name, size_t name_size);
/* SEQNUMBER of a job: the number behind `NAME ATTEMPT `, in whatever way the parameters are quoted. */
int panda_sequence_number(const char *job_parameters, const char *name, int64_t *number);

/* What a task's status says of those of its jobs that have not ended. */
enum { PANDA_TASK_WAITS, PANDA_TASK_RUNS, PANDA_TASK_ENDED, PANDA_TASK_ABORTED, PANDA_TASK_BROKEN };
int panda_task_phase(const char *status);

/* What became of a job, from its description. state: SBI_TASK_...; SBI_TASK_PENDING and RUNNING for those that have not ended. A job that was closed
 * is followed by another one as long as its task lives: *closed. */
void panda_job_state(const json_t *job, sbi_task_report *report, int *closed);

/* When a JSON web token ends, seconds since 1970; 0: it does not say. SBI_ERR_FORMAT: no such token. Its signature is the server's business. */
sbi_status panda_token_expiry(sbi_context *ctx, const char *token, int64_t *expires);

#endif
