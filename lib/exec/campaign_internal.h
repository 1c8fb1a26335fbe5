/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a campaign share: tasks as they stand, the store of results, the records of the journal. */
#ifndef SBI_EXEC_CAMPAIGN_INTERNAL_H
#define SBI_EXEC_CAMPAIGN_INTERNAL_H

#include "base/sha256.h"
#include "base/text.h"
#include "base/table.h"
#include "exec/executor.h"
#include "exec/journal.h"
#include "sbi/campaign.h"

#define SBI_STAGE_SIZE 64

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
    double cpus, gpus;
    size_t stage;    /* index into the campaign's names of stages */
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
    double cpu_seconds, gib_seconds; /* of the attempts that ended */
    double due;     /* monotonic; not before */
    double heard;   /* monotonic; last report or submission */
    double started; /* monotonic; when the present attempt was first seen running, 0: not yet */
    double told;    /* monotonic; when its progress was last told */
    int32_t overdue; /* the attempt that was cancelled for taking too long */
    uint64_t peak;
    uint64_t size; /* of the result */
    int64_t added, began, ended;
    sbi_text result; /* in memory */
    char host[64];
    char message[256];
    char doing[64]; /* what its executor says that it does */
} sbi_campaign_task;

/* An event as it is kept. */
typedef struct sbi_campaign_moment {
    int64_t time;
    size_t task;
    double seconds, cpu_seconds;
    uint64_t peak, memory;
    uint32_t host, message; /* words */
    int32_t attempt;
    int8_t state, kind;
} sbi_campaign_moment;

/* Different texts, each kept once: names of stages and hosts, messages. */
typedef struct sbi_campaign_words {
    sbi_table table;
    char **words;
    size_t n, capacity;
} sbi_campaign_words;

/* The file of events as JSON lines. */
typedef struct sbi_campaign_lines {
    char *path; /* NULL: none */
    int fd;
    uint64_t size;
    size_t written; /* events of the journal that are in it */
    sbi_text buffer;
} sbi_campaign_lines;

typedef struct sbi_campaign_prices {
    double core_hour, gpu_hour, gib_hour;
    char currency[16];
} sbi_campaign_prices;

struct sbi_campaign {
    sbi_context *ctx;
    sbi_campaign_options options;
    char *folder;  /* NULL: in memory */
    char *results; /* the folder of results */
    char *cancel;  /* the file that asks to stop */
    int lock;      /* file descriptor, or -1 */
    int headed;    /* the journal has its first record */
    sbi_journal journal;
    sbi_table table;
    sbi_campaign_task **tasks;
    size_t n_tasks, task_capacity;
    sbi_campaign_moment *events;
    size_t n_events, event_capacity;
    size_t told; /* events that the callback has had */
    sbi_campaign_words words, stages;
    sbi_campaign_lines lines;
    sbi_campaign_prices prices, journalled_prices;
    char *executor, *config; /* of the last run; NULL: none */
    int complete;            /* config is all of it */
};

/* Fills in a struct of the caller, who may be older (shorter, down to `smallest`) than we; its struct_size stays. */
sbi_status sbi_campaign_hand_over(void *out, const void *ours, size_t size, size_t smallest, const char *name);

int64_t sbi_campaign_now_ms(void); /* wall clock, for people */
double sbi_campaign_now(void);     /* monotonic seconds, for waiting */

/* ---- tasks (campaign.c) ---- */
sbi_status sbi_campaign_insert(sbi_campaign *c, const char *key, const void *spec, size_t spec_size, double cpus,
                               uint64_t memory, const size_t *after, size_t n_after, sbi_campaign_task **out);
sbi_status sbi_campaign_set_stage(sbi_campaign *c, sbi_campaign_task *t, const char *stage);

/* ---- events (campaign_events.c) ---- */
sbi_status sbi_campaign_word(sbi_context *ctx, sbi_campaign_words *w, const char *text, size_t *index);
void sbi_campaign_words_free(sbi_context *ctx, sbi_campaign_words *w);
/* Room for one more event with these texts, so that adding it after its record was written cannot fail. */
sbi_status sbi_campaign_event_reserve(sbi_campaign *c, const char *host, const char *message);
/* Adds the event reserved last; its texts must be the same. */
void sbi_campaign_event_add(sbi_campaign *c, size_t index, int64_t time, int kind, const sbi_task_report *report);
/* Tells whoever wants to know what has happened since, after the journal was flushed. */
sbi_status sbi_campaign_tell(sbi_campaign *c);
sbi_status sbi_campaign_tell_progress(sbi_campaign *c, size_t index, const sbi_task_report *report);

/* ---- events as JSON lines (campaign_lines.c) ---- */
sbi_status sbi_campaign_lines_open(sbi_campaign *c); /* completes what a client that was killed left */
sbi_status sbi_campaign_lines_write(sbi_campaign *c);
sbi_status sbi_campaign_lines_progress(sbi_campaign *c, const sbi_campaign_event *event);
void sbi_campaign_lines_close(sbi_campaign *c);

/* ---- asking a client to stop (campaign_control.c) ---- */
void sbi_campaign_forget_cancel(sbi_campaign *c);
int sbi_campaign_cancel_asked(const sbi_campaign *c);

/* ---- records (campaign_record.c): each changes the task and writes what lets a later client do the same ---- */
sbi_status sbi_campaign_replay(void *user, sbi_journal_fields *fields);
sbi_status sbi_campaign_record_begin(sbi_campaign *c, sbi_executor *exec, const char *name); /* of a run; `add` records included */
sbi_status sbi_campaign_record_again(sbi_campaign *c, size_t index); /* one that was given up waits again */
sbi_status sbi_campaign_record_submit(sbi_campaign *c, size_t index);
sbi_status sbi_campaign_record_state(sbi_campaign *c, size_t index, const sbi_task_report *report);
sbi_status sbi_campaign_record_done(sbi_campaign *c, size_t index, uint64_t size, const char *sha256);
sbi_status sbi_campaign_record_undone(sbi_campaign *c, size_t index);
sbi_status sbi_campaign_record_giveup(sbi_campaign *c, size_t index);

/* ---- results (campaign_store.c) ---- */
/* Fetches a result into the store, its name not yet durable. *local tells whether a failure was here and not the executor's. */
sbi_status sbi_campaign_store_fetch(sbi_campaign *c, size_t index, sbi_executor *exec, uint64_t *size,
                                    char sha256[SBI_SHA256_HEX_SIZE], int *local);
/* Makes the names of results that were fetched durable. */
sbi_status sbi_campaign_store_sync(const sbi_campaign *c);
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
