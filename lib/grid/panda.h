/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "panda": what its files share. A "task" is one of the library's; a "batch" is a task of PanDA, whose jobs are the tasks. */
#ifndef SBI_GRID_PANDA_H
#define SBI_GRID_PANDA_H

#include "base/table.h"
#include "grid/panda_api.h"
#include "grid/panda_calls.h"
#include "grid/panda_task.h"
#include "sbi/job.h"

#define PANDA_NONE SIZE_MAX

enum { PANDA_KNOWN, PANDA_WAITING, PANDA_LIVE, PANDA_ENDED }; /* WAITING: to be put into a batch by this submit */

typedef struct panda_task {
    char key[SBI_TASK_KEY_MAX + 1];
    int32_t phase;
    int32_t changed, cancelled, wanted; /* wanted: submitted to this client, so that it is told of it */
    size_t batch, index;                /* of the newest attempt */
    int64_t job, killed;                /* PandaID, 0: unknown; and the one that was asked to be killed */
    int32_t cores, reserved;
    uint64_t memory;
    int64_t looked, heard; /* when its heartbeat was looked at, ms; and what time that had */
    sbi_task_report report;
} panda_task;

typedef struct panda_job {
    int64_t id;
    int32_t ended, reserved;
} panda_job;

typedef struct panda_batch {
    char name[PANDA_NAME_SIZE];
    int64_t id; /* jediTaskID */
    int32_t attempt;
    int32_t phase; /* PANDA_TASK_... */
    int32_t refined, over, kill, killed; /* over: nothing more is to be learnt of it; kill: asked for, killed: the server has taken it */
    int64_t since; /* when this client first knew of it, ms */
    size_t n;
    size_t *tasks; /* of each index */
    panda_job *jobs; /* ascending */
    size_t n_jobs;
    char message[56]; /* its status, in words */
} panda_batch;

/* A list of keys in the store that an earlier client may have left. */
typedef struct panda_array {
    char name[PANDA_NAME_SIZE];
    char *text; /* keys, NUL-terminated each */
    size_t size;
    int32_t loaded, reserved;
} panda_array;

typedef struct panda {
    sbi_context *ctx;
    grid_config config;
    panda_options o;
    panda_api api;
    sbi_store *store;
    sbi_table table; /* keys of tasks */
    panda_task **tasks;
    size_t n_tasks;
    panda_batch **batches;
    size_t n_batches;
    panda_array *arrays;
    size_t n_arrays;
    int listed; /* the arrays of earlier clients are known */
    char *sandbox_url;
    char sandbox[PANDA_FILE_SIZE];
    int64_t asked; /* when the server was asked, ms */
    size_t next_look;
} panda;

/* panda_state.c */
panda_task *panda_lookup(const panda *p, const char *key);
sbi_status panda_add_task(panda *p, const char *key, panda_task **out);
/* A batch for these keys; tasks of the keys then belong to it if it is their newest attempt. */
sbi_status panda_add_batch(panda *p, const char *name, int64_t id, int32_t attempt, const char *const *keys, size_t n, panda_batch **out);
panda_batch *panda_find_batch(const panda *p, const char *name);
/* The task of an index if this batch is its newest attempt and it has not ended; else NULL. */
panda_task *panda_live(const panda *p, const panda_batch *batch, size_t index);
void panda_end(panda *p, panda_task *t, int32_t state, sbi_status status, const char *message);
void panda_free_state(panda *p);

/* panda_adopt.c: batches of earlier clients that have any of these tasks. */
sbi_status panda_adopt(panda *p, const sbi_task *tasks, size_t n);
/* Remembers in the store which task of PanDA a batch is, so that later clients need not search. */
sbi_status panda_remember(panda *p, const char *name, int64_t id);

/* panda_news.c: asks the server what became of all that has not ended. */
sbi_status panda_ask(panda *p);

/* panda_submit.c */
sbi_status panda_submit(panda *p, const sbi_task *tasks, size_t n);
sbi_status panda_cancel(panda *p, const char *const *keys, size_t n);
/* Kills what was to be killed and could not yet be: unrefined batches, jobs without a number. */
sbi_status panda_kill_rest(panda *p);

#endif
