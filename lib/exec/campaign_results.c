/* SPDX-License-Identifier: Apache-2.0 */
/* Results of a run: into the store, made safe together, and told of. */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "exec/campaign_run.h"

#define FETCH_SECONDS (1e-3 * SBI_RUN_POLL_MS) /* before the executor is asked again */

/* The executor said DONE but the result does not come: a few more tries, then the task runs again. */
static sbi_status fetch_failed(sbi_run *r, size_t index, sbi_status why)
{
    sbi_campaign_task *t = r->c->tasks[index];
    int gone = why == SBI_ERR_NOT_FOUND || why == SBI_ERR_CHECKSUM || why == SBI_ERR_TASK_LOST;
    if (!gone && ++t->fetches < r->c->options.max_attempts) {
        const double now = sbi_campaign_now();
        t->due = now + sbi_retry_wait(&r->c->options, t->key, t->fetches);
        sbi_campaign_queue_add(&r->queue, index, now);
        return SBI_OK;
    }
    t->spoilt = t->attempt;
    sbi_task_report report = sbi_run_report_of(t, SBI_TASK_LOST, why);
    snprintf(report.message, sizeof report.message, "its result: %.200s", sbi_last_error());
    return sbi_run_attempt_failed(r, index, &report);
}

/* A result comes into the store, and its record into the journal's buffer. */
static sbi_status fetch_one(sbi_run *r, size_t index, size_t *n)
{
    sbi_campaign_task *t = r->c->tasks[index];
    char sha256[SBI_SHA256_HEX_SIZE];
    uint64_t size = 0;
    int local = 0;
    sbi_status status = sbi_campaign_store_fetch(r->c, index, r->exec, &size, sha256, &local);
    if (status == SBI_OK) {
        SBI_TRY(sbi_campaign_record_done(r->c, index, size, sha256));
        r->fetched[(*n)++] = t->key;
        r->done++;
        sbi_campaign_queue_done(&r->queue, index);
        return SBI_OK;
    }
    if (!local && status != SBI_ERR_NO_MEMORY) return fetch_failed(r, index, status);
    return sbi_fail_within(status, "task %s", t->key); /* for the next run: its result is still there */
}

/* Some results, made safe together. The executor may forget them, and others hear of them, only then. */
static sbi_status fetch_some(sbi_run *r, double end)
{
    sbi_campaign *c = r->c;
    sbi_status status = SBI_OK;
    size_t n = 0;
    while (n < SBI_RUN_REPORTS && status == SBI_OK && sbi_campaign_now() < end && !sbi_cancelled(c->ctx)) {
        const size_t index = sbi_campaign_queue_take_fetch(&r->queue);
        if (index == SIZE_MAX) break;
        status = fetch_one(r, index, &n);
    }
    if (!n) return status;
    char message[SBI_ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s", sbi_last_error());
    SBI_TRY(sbi_campaign_store_sync(c));
    SBI_TRY(sbi_journal_flush(&c->journal, 1));
    (void)sbi_executor_release(r->exec, r->fetched, n); /* a courtesy */
    /* Each is told of, whatever is answered of the one before: no later run tells of it. */
    for (size_t i = 0; i < n && c->options.done; i++) {
        const sbi_status answer = c->options.done(c->options.done_user, r->fetched[i]);
        if (answer == SBI_OK || status != SBI_OK) continue;
        status = answer;
        snprintf(message, sizeof message, "%s", sbi_last_error());
    }
    if (status != SBI_OK) sbi_error_set_message(message);
    return status;
}

sbi_status sbi_run_fetch(sbi_run *r)
{
    const double end = sbi_campaign_now() + FETCH_SECONDS;
    while (r->queue.fetching.n && sbi_campaign_now() < end && !sbi_cancelled(r->c->ctx)) SBI_TRY(fetch_some(r, end));
    return SBI_OK;
}
