/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a campaign share: tasks as they stand, the store of results, the records of the journal. */
#ifndef SBI_EXEC_CAMPAIGN_INTERNAL_H
#define SBI_EXEC_CAMPAIGN_INTERNAL_H

#include "base/sha256.h"
#include "base/text.h"
#include "exec/journal.h"
#include "base/table.h"
#include "sbi/campaign.h"

/* Where a task is in a run. */
enum {
    SBI_PHASE_WAITING,   /* to be submitted as a new attempt, once its time has come and what it needs is done */
    SBI_PHASE_SUBMITTED, /* journalled as submitted, the executor may not know it yet: submit again, the same attempt */
    SBI_PHASE_LIVE,      /* the executor has it */
    SBI_PHASE_FETCH,     /* done there, its result has still to come */
    SBI_PHASE_DONE,
    SBI_PHASE_GIVEN_UP
};

typedef struct sbi_campaign_task {
    char key[SBI_TASK_KEY_MAX + 1];
    char sha256[SBI_SHA256_HEX_SIZE]; /* of the result */
    void *spec;
    size_t spec_size;
    const void *attachment;
    size_t *after;
    size_t n_after;
    double cpus;
    uint64_t memory; /* the hint, raised after running out of memory */
    int journalled;  /* its `add` record is in the journal */
    int phase;
    int32_t state;
    int32_t attempt;  /* of the last submission */
    int32_t counted;  /* the last attempt whose seconds are in `seconds` */
    int32_t spoilt;   /* the last attempt whose result could not be had */
    int32_t failures; /* in this run, against max_attempts */
    int32_t preemptions;
    int32_t fetches; /* that failed, of this attempt */
    sbi_status status;
    double progress;
    double seconds; /* of the attempts that ended */
    double running; /* of the present attempt */
    double due;     /* monotonic; not before */
    double heard;   /* monotonic; last report or submission */
    uint64_t peak;
    uint64_t size; /* of the result */
    int64_t added, began, ended;
    sbi_text result; /* in memory */
    char host[64];
    char message[256];
    char doing[64]; /* what its executor says that it does */
} sbi_campaign_task;

struct sbi_campaign {
    sbi_context *ctx;
    sbi_campaign_options options;
    char *folder;  /* NULL: in memory */
    char *results; /* the folder of results */
    int lock;      /* file descriptor, or -1 */
    int headed;    /* the journal has its first record */
    sbi_journal journal;
    sbi_table table;
    sbi_campaign_task **tasks;
    size_t n_tasks, task_capacity;
    sbi_campaign_event *events;
    size_t n_events, event_capacity;
};

int64_t sbi_campaign_now_ms(void); /* wall clock, for people */
double sbi_campaign_now(void);     /* monotonic seconds, for waiting */

/* ---- tasks (campaign.c) ---- */
sbi_status sbi_campaign_insert(sbi_campaign *c, const char *key, const void *spec, size_t spec_size, double cpus,
                               uint64_t memory, const size_t *after, size_t n_after, sbi_campaign_task **out);

/* ---- records (campaign_record.c): each changes the task and writes what lets a later client do the same ---- */
sbi_status sbi_campaign_replay(void *user, sbi_journal_fields *fields);
sbi_status sbi_campaign_record_begin(sbi_campaign *c, const char *executor); /* of a run; `add` records included */
sbi_status sbi_campaign_record_submit(sbi_campaign *c, size_t index);
sbi_status sbi_campaign_record_state(sbi_campaign *c, size_t index, const sbi_task_report *report);
sbi_status sbi_campaign_record_done(sbi_campaign *c, size_t index, uint64_t size, const char *sha256);
sbi_status sbi_campaign_record_undone(sbi_campaign *c, size_t index);
sbi_status sbi_campaign_record_giveup(sbi_campaign *c, size_t index);

/* ---- results (campaign_store.c) ---- */
/* Fetches a result into the store. *local tells whether a failure was here and not the executor's. */
sbi_status sbi_campaign_store_fetch(sbi_campaign *c, size_t index, sbi_executor *exec, uint64_t *size,
                                    char sha256[SBI_SHA256_HEX_SIZE], int *local);
/* Looks at what the folder has: results without a record are taken in (a client died between the two), records without a
 * whole result are taken back. */
sbi_status sbi_campaign_store_reconcile(sbi_campaign *c);

/* ---- the retry policy (retry.c) ---- */
typedef struct sbi_retry_verdict {
    int again;       /* 0: give up */
    int preempted;   /* counts as a preemption, not as a failure */
    double wait;     /* seconds before the next attempt */
    uint64_t memory; /* hint for it */
} sbi_retry_verdict;
/* failures, preemptions: before this one. */
sbi_retry_verdict sbi_retry_decide(const sbi_campaign_options *options, const sbi_task_report *report, int32_t failures,
                                   int32_t preemptions, uint64_t memory);
/* Exponential back-off with jitter: the n-th wait (from 1) of a task. */
double sbi_retry_wait(const sbi_campaign_options *options, const char *key, int32_t n);

#endif
