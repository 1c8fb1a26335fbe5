/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a campaign, which three files share: the loop (campaign_run.c), what executors report (campaign_reports.c), results
 * (campaign_results.c). */
#ifndef SBI_EXEC_CAMPAIGN_RUN_H
#define SBI_EXEC_CAMPAIGN_RUN_H

#include "exec/campaign_internal.h"
#include "exec/campaign_queue.h"
#include "exec/executor.h"

#define SBI_RUN_POLL_MS 100 /* how long a poll may wait: half of the promised cancel latency */
#define SBI_RUN_REPORTS 64  /* a poll's room, and most results that are synced together */

typedef struct sbi_run {
    sbi_campaign *c;
    sbi_executor *exec;
    sbi_executor_caps caps;
    size_t slots;    /* most tasks with the executor */
    sbi_campaign_queue queue; /* tasks that are not with it */
    size_t live; /* LIVE tasks */
    sbi_deadlines silent, overdue; /* of LIVE tasks, where such limits are set */
    int heard_all;    /* the last poll brought all that the executor had to say */
    double partial;   /* what LIVE tasks have done, in tasks */
    size_t speaker;   /* the one that said last what it does */
    size_t done, given_up;
    size_t first_given_up;
    double unreachable; /* seconds of outages that are over */
    double outage; /* since when the executor has been out of reach; 0: it is not */
    int32_t outages;
    sbi_task *batch;
    size_t *batch_index;
    size_t batch_size, batch_limit;
    sbi_task_report *reports;
    const char **fetched; /* keys of results that came, until they are safe */
    double shown; /* when progress was last reported */
    double began; /* monotonic */
    int stopped;  /* everything is to be cancelled, whatever survives */
} sbi_run;

/* ---- campaign_run.c ---- */

/* Of a call to the executor. One that failed in passing is made again later, until the executor has been silent for too long. */
sbi_status sbi_run_after_call(sbi_run *r, sbi_status status);

/* ---- campaign_reports.c ---- */

/* The executor has the task now. */
void sbi_run_enter_live(sbi_run *r, size_t index, double now);
/* From here on it has nothing to do with the task, whatever goes wrong here: it counts as submitted and not heard of, until a record says more. */
void sbi_run_leave_live(sbi_run *r, size_t index);
/* Whose news this is, or SBI_TABLE_NONE if it is nobody's or old. */
size_t sbi_run_addressee(const sbi_run *r, const sbi_task_report *report);
/* Takes what the executor has to say, all of it if it can be brought to an end. */
sbi_status sbi_run_poll(sbi_run *r, int timeout_ms);
/* Tasks that nobody has spoken of for too long, and attempts that take too long. */
sbi_status sbi_run_find_silent(sbi_run *r);
sbi_status sbi_run_find_overdue(sbi_run *r);
/* What an executor would say of the attempt, where it says nothing. */
sbi_task_report sbi_run_report_of(const sbi_campaign_task *t, int32_t state, sbi_status status);
/* An attempt ended without a result; its task is not LIVE any more. */
sbi_status sbi_run_attempt_failed(sbi_run *r, size_t index, const sbi_task_report *report);

/* ---- campaign_results.c ---- */

/* Brings results for a while, made safe some at a time. */
sbi_status sbi_run_fetch(sbi_run *r);

#endif
