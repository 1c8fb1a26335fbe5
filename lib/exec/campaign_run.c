/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that brings a campaign to its end. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/campaign_internal.h"
#include "exec/campaign_queue.h"
#include "exec/executor.h"

#define POLL_MS 100      /* how long a poll may wait: half of the promised cancel latency */
#define REPORTS 64       /* a poll's room, and most results that are synced together */
#define FETCH_SECONDS (1e-3 * POLL_MS) /* for results, before the executor is asked again */
#define DRAIN_SECONDS 10 /* for tasks elsewhere to end after a cancel; tasks in this process are always waited for */

typedef struct run {
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
} run;

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- the executor out of reach --------------------------------------------------------------------------------- */

/* A call that failed in passing is made again later, until the executor has been silent for too long. */
static sbi_status after_call(run *r, sbi_status status)
{
    if (status == SBI_OK) {
        if (r->outage != 0) r->unreachable += sbi_campaign_now() - r->outage;
        r->outage = 0;
        r->outages = 0;
        return SBI_OK;
    }
    if (status != SBI_ERR_TRANSIENT) return status;
    double now = sbi_campaign_now();
    if (r->outage == 0) r->outage = now;
    if (now - r->outage > r->c->options.outage_seconds)
        return sbi_fail_within(status, "executor \"%s\" out of reach for %.0f s", r->caps.name, now - r->outage);
    sbi_log(r->c->ctx, SBI_LOG_WARNING, "executor \"%s\": %s", r->caps.name, sbi_last_error());
    double wait = sbi_retry_wait(&r->c->options, r->caps.name, ++r->outages);
    for (double end = now + wait; sbi_campaign_now() < end && !sbi_cancelled(r->c->ctx);) {
        double left = end - sbi_campaign_now();
        sleep_ms(left > 0.05 ? 50 : 1 + (int)(1000 * left));
    }
    return SBI_OK;
}

/* ---- submitting ------------------------------------------------------------------------------------------------ */

static int stopping(const run *r)
{
    return r->given_up > (size_t)r->c->options.max_failures;
}

static void put_in_batch(run *r, size_t index)
{
    const sbi_campaign_task *t = r->c->tasks[index];
    sbi_task task = SBI_TASK_INIT;
    task.attempt = t->attempt;
    task.key = t->key;
    task.spec = t->spec;
    task.spec_size = t->spec_size;
    task.attachment = t->attachment;
    task.cpus = t->cpus;
    task.memory = t->memory;
    task.gpus = t->gpus;
    task.stage = r->c->stages.words[t->stage];
    r->batch_index[r->batch_size] = index;
    r->batch[r->batch_size++] = task;
}

/* Takes what may be submitted now, journalled. What is submitted already, says the journal, goes first and without being counted again. */
static sbi_status gather(run *r)
{
    sbi_campaign *c = r->c;
    r->batch_size = 0;
    while (r->live + r->batch_size < r->slots && r->batch_size < r->batch_limit) {
        const size_t index = sbi_campaign_queue_take(&r->queue, stopping(r));
        if (index == SIZE_MAX) return SBI_OK;
        if (c->tasks[index]->phase != SBI_PHASE_SUBMITTED) SBI_TRY(sbi_campaign_record_submit(c, index));
        put_in_batch(r, index);
    }
    return SBI_OK;
}

/* By a clock that stands still while the executor is out of reach, when nothing can be heard. */
static void listen_until(run *r, size_t index, double now)
{
    if (r->silent.ctx) sbi_deadlines_set(&r->silent, index, now - r->unreachable + r->c->options.silence_seconds);
}

static void enter_live(run *r, size_t index, double now)
{
    sbi_campaign_task *t = r->c->tasks[index];
    t->phase = SBI_PHASE_LIVE;
    t->heard = now;
    r->live++;
    r->partial += t->progress;
    listen_until(r, index, now);
    if (r->overdue.ctx && t->started > 0) sbi_deadlines_set(&r->overdue, index, t->started + r->c->options.task_seconds);
}

/* From here on the executor has nothing to do with the task, whatever goes wrong here: it counts as submitted and not
 * heard of, until a record says more. */
static void leave_live(run *r, size_t index)
{
    sbi_campaign_task *t = r->c->tasks[index];
    t->phase = SBI_PHASE_SUBMITTED;
    r->partial = --r->live ? r->partial - t->progress : 0;
    sbi_deadlines_remove(&r->silent, index);
    sbi_deadlines_remove(&r->overdue, index);
}

/* Nothing is submitted that the disk does not know of. */
static sbi_status submit(run *r)
{
    sbi_status status = gather(r);
    if (status == SBI_OK) status = sbi_journal_flush(&r->c->journal, r->batch_size > 0);
    if (status == SBI_OK) status = sbi_campaign_tell(r->c);
    if (r->batch_size == 0) return status;
    int there = 0;
    if (status == SBI_OK) {
        status = sbi_executor_submit(r->exec, r->batch, r->batch_size);
        there = status == SBI_OK;
        status = after_call(r, status);
    }
    const double now = sbi_campaign_now();
    for (size_t i = 0; i < r->batch_size; i++) {
        if (there)
            enter_live(r, r->batch_index[i], now);
        else
            sbi_campaign_queue_add(&r->queue, r->batch_index[i], now);
    }
    return status;
}

/* ---- reports --------------------------------------------------------------------------------------------------- */

static sbi_status give_up(run *r, size_t index)
{
    sbi_campaign_task *t = r->c->tasks[index];
    SBI_TRY(sbi_campaign_record_giveup(r->c, index));
    if (r->given_up++ == 0) r->first_given_up = index;
    sbi_log(r->c->ctx, SBI_LOG_ERROR, "task %s: given up after %d attempts: %s: %s", t->key, (int)t->attempt,
            sbi_task_state_name(t->state), t->message);
    return SBI_OK;
}

/* An attempt ended without a result; its task is not LIVE any more. */
static sbi_status attempt_failed(run *r, size_t index, const sbi_task_report *report)
{
    sbi_campaign_task *t = r->c->tasks[index];
    sbi_retry_verdict v = sbi_retry_decide(&r->c->options, report, t->failures, t->preemptions, t->memory);
    SBI_TRY(sbi_campaign_record_state(r->c, index, report));
    if (report->state == SBI_TASK_CANCELLED && sbi_cancelled(r->c->ctx)) {
        /* By our own caller: the loop is about to see it too. */
        t->state = SBI_TASK_PENDING;
        sbi_campaign_queue_add(&r->queue, index, t->due);
        return SBI_OK;
    }
    if (!v.again) return give_up(r, index);
    if (!v.preempted) t->failures++;
    t->memory = v.memory;
    const double now = sbi_campaign_now();
    t->due = now + v.wait;
    sbi_campaign_queue_add(&r->queue, index, now);
    sbi_log(r->c->ctx, SBI_LOG_WARNING, "task %s: attempt %d: %s%s%s; again in %.1f s", t->key, (int)report->attempt,
            sbi_task_state_name(report->state), report->message[0] ? ": " : "", report->message, v.wait);
    return SBI_OK;
}

/* Whose news this is, or SBI_TABLE_NONE if it is nobody's or old. A result is welcome from any attempt, since it is the
 * same; failures of earlier attempts were dealt with. */
static size_t addressee(const run *r, const sbi_task_report *report)
{
    size_t index = sbi_table_find(&r->c->table, report->key);
    if (index == SBI_TABLE_NONE) return index;
    const sbi_campaign_task *t = r->c->tasks[index];
    if (t->phase != SBI_PHASE_LIVE) return SBI_TABLE_NONE;
    int old = report->attempt < t->attempt;
    if (report->state == SBI_TASK_DONE) old = report->attempt <= t->spoilt;
    if (!sbi_task_state_final(report->state)) old = 0;
    return old ? SBI_TABLE_NONE : index;
}

/* An attempt that was cancelled for taking too long: as if lost. */
static sbi_status attempt_overdue(run *r, size_t index, const sbi_task_report *report)
{
    sbi_task_report lost = *report;
    lost.state = SBI_TASK_LOST;
    lost.status = SBI_ERR_TASK_LOST;
    snprintf(lost.message, sizeof lost.message, "it ran for longer than %.0f s", r->c->options.task_seconds);
    return attempt_failed(r, index, &lost);
}

static sbi_status take_report(run *r, const sbi_task_report *report)
{
    size_t index = addressee(r, report);
    if (index == SBI_TABLE_NONE) return SBI_OK;
    sbi_campaign_task *t = r->c->tasks[index];
    t->heard = sbi_campaign_now();
    listen_until(r, index, t->heard);
    if (!sbi_task_state_final(report->state)) {
        r->partial += report->progress - t->progress;
        t->progress = report->progress;
        t->running = report->seconds;
        snprintf(t->doing, sizeof t->doing, "%.*s", (int)sizeof t->doing - 1, report->message);
        if (t->doing[0]) r->speaker = index;
        int begins = report->state == SBI_TASK_RUNNING && t->state != SBI_TASK_RUNNING && report->attempt == t->attempt;
        if (begins) SBI_TRY(sbi_campaign_record_state(r->c, index, report));
        if (report->state != SBI_TASK_RUNNING || report->attempt != t->attempt) return SBI_OK;
        if (t->started == 0) {
            t->started = t->heard;
            if (r->overdue.ctx) sbi_deadlines_set(&r->overdue, index, t->started + r->c->options.task_seconds);
        }
        return sbi_campaign_tell_progress(r->c, index, report);
    }
    leave_live(r, index);
    if (report->state == SBI_TASK_CANCELLED && t->overdue == report->attempt) return attempt_overdue(r, index, report);
    if (report->state != SBI_TASK_DONE) return attempt_failed(r, index, report);
    SBI_TRY(sbi_campaign_record_state(r->c, index, report));
    t->phase = SBI_PHASE_FETCH;
    t->due = 0;
    sbi_campaign_queue_add(&r->queue, index, 0);
    return SBI_OK;
}

static sbi_status poll_once(run *r, int timeout_ms)
{
    size_t n = 0;
    r->heard_all = 0;
    SBI_TRY(after_call(r, sbi_executor_poll(r->exec, r->reports, REPORTS, &n, timeout_ms)));
    r->heard_all = r->outage == 0 && n < REPORTS;
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n; i++) {
        size_t index = addressee(r, &r->reports[i]);
        if (status == SBI_OK)
            status = take_report(r, &r->reports[i]);
        else if (index != SBI_TABLE_NONE && sbi_task_state_final(r->reports[i].state))
            leave_live(r, index); /* it will not be told twice, and stop_tasks() must not wait for it */
    }
    return status;
}

/* Takes what the executor has to say, all of it if it can be brought to an end. */
static sbi_status poll(run *r, int timeout_ms)
{
    SBI_TRY(poll_once(r, timeout_ms));
    for (size_t left = r->live / REPORTS; left > 0 && !r->heard_all && r->outage == 0; left--) SBI_TRY(poll_once(r, 0));
    return SBI_OK;
}

/* What an executor would say of the attempt, where it says nothing. */
static sbi_task_report report_of(const sbi_campaign_task *t, int32_t state, sbi_status status)
{
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report, .state = state, .status = status, .attempt = t->attempt};
    snprintf(report.key, sizeof report.key, "%s", t->key);
    return report;
}

/* Tasks that nobody has spoken of for too long have vanished; not while news of them may wait in the executor, or it is out of reach. */
static sbi_status find_silent(run *r)
{
    if (!r->silent.ctx || !r->heard_all) return SBI_OK;
    const double now = sbi_campaign_now();
    for (size_t index; (index = sbi_deadlines_take(&r->silent, now - r->unreachable)) != SIZE_MAX;) {
        const sbi_campaign_task *t = r->c->tasks[index];
        sbi_task_report report = report_of(t, SBI_TASK_LOST, SBI_ERR_TASK_LOST);
        snprintf(report.message, sizeof report.message, "not heard of for %.0f s", now - t->heard);
        leave_live(r, index);
        SBI_TRY(attempt_failed(r, index, &report));
    }
    return SBI_OK;
}

/* Attempts that take too long are cancelled; how they ended is reported as always. One whose executor cannot cancel, and which lies elsewhere,
 * is given up at once. */
static sbi_status find_overdue(run *r)
{
    if (!r->overdue.ctx) return SBI_OK;
    const double now = sbi_campaign_now();
    for (size_t index; (index = sbi_deadlines_take(&r->overdue, now)) != SIZE_MAX;) {
        sbi_campaign_task *t = r->c->tasks[index];
        const char *key = t->key;
        if (r->caps.has_cancel) {
            SBI_TRY(after_call(r, sbi_executor_cancel(r->exec, &key, 1)));
            if (r->outage != 0) { /* once more */
                sbi_deadlines_set(&r->overdue, index, now);
                return SBI_OK;
            }
            t->overdue = t->attempt;
            continue;
        }
        if (r->caps.in_process) continue;
        sbi_task_report report = report_of(t, 0, SBI_OK);
        report.seconds = now - t->started;
        leave_live(r, index);
        SBI_TRY(attempt_overdue(r, index, &report));
    }
    return SBI_OK;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

/* The executor said DONE but the result does not come: a few more tries, then the task runs again. */
static sbi_status fetch_failed(run *r, size_t index, sbi_status why)
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
    sbi_task_report report = report_of(t, SBI_TASK_LOST, why);
    snprintf(report.message, sizeof report.message, "its result: %.200s", sbi_last_error());
    return attempt_failed(r, index, &report);
}

/* A result comes into the store, and its record into the journal's buffer. */
static sbi_status fetch_one(run *r, size_t index, size_t *n)
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
static sbi_status fetch_some(run *r, double end)
{
    sbi_campaign *c = r->c;
    sbi_status status = SBI_OK;
    size_t n = 0;
    while (n < REPORTS && status == SBI_OK && sbi_campaign_now() < end && !sbi_cancelled(c->ctx)) {
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

static sbi_status fetch(run *r)
{
    const double end = sbi_campaign_now() + FETCH_SECONDS;
    while (r->queue.fetching.n && sbi_campaign_now() < end && !sbi_cancelled(r->c->ctx)) SBI_TRY(fetch_some(r, end));
    return SBI_OK;
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

static void report_progress(run *r)
{
    sbi_campaign *c = r->c;
    const sbi_campaign_task *speaker = c->n_tasks ? c->tasks[r->speaker] : NULL;
    const char *doing = speaker && speaker->phase == SBI_PHASE_LIVE ? speaker->doing : "";
    double now = sbi_campaign_now();
    if (r->done < c->n_tasks && now - r->shown < 1e-3 * POLL_MS) return;
    r->shown = now;
    /* What runs is whole only with its result. */
    sbi_progress(c->ctx, "campaign", (double)r->done + 0.999 * r->partial, (double)c->n_tasks, "%zu of %zu done, %zu running%s%s", r->done, c->n_tasks,
                 r->live, doing[0] ? "; " : "", doing);
}

static sbi_status step(run *r, int *finished)
{
    const double next = sbi_campaign_queue_advance(&r->queue, sbi_campaign_now(), 1e-3 * POLL_MS);
    SBI_TRY(fetch(r)); /* first: what it brings, or fails to, decides what can be submitted */
    SBI_TRY(submit(r));
    report_progress(r);
    *finished = !r->live && !sbi_campaign_queue_fetches(&r->queue) && !sbi_campaign_queue_runnable(&r->queue, stopping(r));
    if (*finished) return SBI_OK;
    const int ms = r->queue.fetching.n ? 0 : 1 + (int)(1000 * next);
    if (r->live) {
        SBI_TRY(poll(r, ms));
        SBI_TRY(find_overdue(r));
        return find_silent(r);
    }
    /* Everybody waits for a later attempt or another fetch. */
    if (r->outage == 0) sleep_ms(ms);
    return SBI_OK;
}

/* Whether somebody wants the run to end: the host, another process, the clock. */
static sbi_status check_stop(run *r)
{
    const sbi_campaign *c = r->c;
    SBI_TRY(sbi_check_cancel(c->ctx, "campaign"));
    if (sbi_campaign_cancel_asked(c)) {
        r->stopped = 1;
        return sbi_fail(SBI_ERR_CANCELLED, "campaign: cancelled by another process");
    }
    const double limit = c->options.deadline_seconds;
    if (limit > 0 && sbi_campaign_now() - r->began > limit)
        return sbi_fail(SBI_ERR_CANCELLED, "campaign: the deadline of %.0f s has passed, %zu of %zu tasks are done", limit, r->done,
                        c->n_tasks);
    return SBI_OK;
}

static sbi_status loop(run *r)
{
    for (int finished = 0; !finished;) {
        SBI_TRY(check_stop(r));
        SBI_TRY(step(r, &finished));
    }
    return SBI_OK;
}

/* After a failure or a cancel: tasks that live only as long as the client are stopped, and those in this process waited
 * for, since they use the caller's memory. Best effort: the reason why we are here is what counts. */
static void stop_tasks(run *r)
{
    if ((r->caps.survives && !r->stopped) || !r->live) return;
    const char **keys = sbi_alloc_array(r->c->ctx, r->live, sizeof *keys);
    size_t n = 0;
    for (size_t i = 0; keys && i < r->c->n_tasks && n < r->live; i++) {
        if (r->c->tasks[i]->phase == SBI_PHASE_LIVE) keys[n++] = r->c->tasks[i]->key;
    }
    if (keys && r->caps.has_cancel) (void)sbi_executor_cancel(r->exec, keys, n);
    sbi_free(r->c->ctx, keys);
    double end = sbi_campaign_now() + DRAIN_SECONDS;
    while (r->live && (r->caps.in_process || sbi_campaign_now() < end)) {
        size_t got = 0;
        sbi_status status = sbi_executor_poll(r->exec, r->reports, REPORTS, &got, POLL_MS);
        if (status != SBI_OK && status != SBI_ERR_TRANSIENT) return;
        for (size_t i = 0; i < got; i++) {
            size_t index = addressee(r, &r->reports[i]);
            if (index == SBI_TABLE_NONE || !sbi_task_state_final(r->reports[i].state)) continue;
            leave_live(r, index); /* DONE stays so: the next run asks for it again */
            if (r->reports[i].state == SBI_TASK_DONE) continue;
            (void)sbi_campaign_record_state(r->c, index, &r->reports[i]);
            r->c->tasks[index]->state = SBI_TASK_PENDING;
        }
    }
}

static sbi_status verdict(const run *r)
{
    if (!r->given_up) return SBI_OK;
    const sbi_campaign_task *t = r->c->tasks[r->first_given_up];
    return sbi_fail(SBI_ERR_TASK_FAILED, "%zu of %zu tasks given up, the first %s: %s%s%s", r->given_up, r->c->n_tasks,
                    t->key, sbi_task_state_name(t->state), t->message[0] ? ": " : "", t->message);
}

/* ---- setting up ------------------------------------------------------------------------------------------------ */

static sbi_status prepare(run *r)
{
    sbi_campaign *c = r->c;
    size_t n = c->n_tasks ? c->n_tasks : 1;
    size_t batch = c->options.batch < n ? (size_t)c->options.batch : n;
    r->caps.struct_size = (uint32_t)sizeof r->caps;
    SBI_TRY(sbi_executor_capabilities(r->exec, &r->caps));
    uint64_t slots = c->options.live ? c->options.live : r->caps.live;
    r->slots = slots && slots < n ? (size_t)slots : n;
    if (r->caps.batch && r->caps.batch < batch) batch = (size_t)r->caps.batch;
    r->batch_limit = batch;
    r->batch = sbi_alloc_array(c->ctx, batch, sizeof *r->batch);
    r->batch_index = sbi_alloc_array(c->ctx, batch, sizeof *r->batch_index);
    r->reports = sbi_alloc_array(c->ctx, REPORTS, sizeof *r->reports);
    r->fetched = sbi_alloc_array(c->ctx, REPORTS, sizeof *r->fetched);
    if (!r->batch || !r->batch_index || !r->reports || !r->fetched) return SBI_ERR_NO_MEMORY;
    if (c->options.silence_seconds > 0 && !r->caps.in_process) SBI_TRY(sbi_deadlines_init(&r->silent, c->ctx, n));
    if (c->options.task_seconds > 0) SBI_TRY(sbi_deadlines_init(&r->overdue, c->ctx, n));
    return sbi_campaign_queue_init(&r->queue, c);
}

static void finish(run *r)
{
    sbi_context *ctx = r->c->ctx;
    sbi_campaign_queue_free(&r->queue);
    sbi_deadlines_free(&r->silent);
    sbi_deadlines_free(&r->overdue);
    sbi_free(ctx, r->fetched);
    sbi_free(ctx, r->batch);
    sbi_free(ctx, r->batch_index);
    sbi_free(ctx, r->reports);
}

static sbi_status start(run *r)
{
    sbi_campaign *c = r->c;
    sbi_campaign_forget_cancel(c); /* what was asked before is not about this run */
    SBI_TRY(sbi_campaign_lines_open(c));
    SBI_TRY(sbi_campaign_record_begin(c, r->exec, r->caps.name));
    SBI_TRY(sbi_campaign_store_reconcile(c));
    sbi_campaign_queue_fill(&r->queue, 1);
    for (size_t i = 0; i < c->n_tasks; i++) r->done += c->tasks[i]->phase == SBI_PHASE_DONE;
    SBI_TRY(sbi_journal_flush(&c->journal, 1));
    return sbi_campaign_tell(c);
}

/* Keeps the reason: what is written now, and told, cannot change it any more. */
static void end_badly(run *r)
{
    char message[SBI_ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s", sbi_last_error());
    stop_tasks(r);
    if (sbi_journal_flush(&r->c->journal, 1) == SBI_OK) (void)sbi_campaign_tell(r->c);
    if (r->stopped) sbi_campaign_forget_cancel(r->c);
    sbi_error_set_message(message);
}

sbi_status sbi_campaign_run(sbi_campaign *c, sbi_executor *exec)
{
    SBI_REQUIRE(c, "sbi_campaign_run: campaign is NULL");
    SBI_REQUIRE(exec, "sbi_campaign_run: exec is NULL");
    if (c->options.read_only) return sbi_fail(SBI_ERR_STATE, "%s: the campaign is open read-only", c->folder);
    run r = {.c = c, .exec = exec, .began = sbi_campaign_now()};
    sbi_status status = prepare(&r);
    if (status == SBI_OK) status = start(&r);
    if (status == SBI_OK) status = loop(&r);
    if (status != SBI_OK) {
        end_badly(&r);
    } else {
        status = sbi_journal_flush(&c->journal, 1);
        if (status == SBI_OK) status = sbi_campaign_tell(c);
        if (status == SBI_OK) status = verdict(&r);
    }
    finish(&r);
    return status;
}

/* What was submitted and is not known to have ended is submitted again, which adopts it, and cancelled. */
static sbi_status stop_adopted(run *r)
{
    sbi_campaign *c = r->c;
    sbi_campaign_queue_fill(&r->queue, 0);
    r->slots = c->n_tasks;
    while (r->queue.again.n) {
        SBI_TRY(sbi_check_cancel(c->ctx, "campaign"));
        SBI_TRY(submit(r));
    }
    r->stopped = 1;
    stop_tasks(r);
    SBI_TRY(sbi_journal_flush(&c->journal, 1));
    return r->live ? sbi_fail(SBI_ERR_TRANSIENT, "campaign: %zu tasks were asked to stop and had not ended after %d s", r->live, DRAIN_SECONDS)
                   : SBI_OK;
}

sbi_status sbi_campaign_stop(sbi_campaign *c, sbi_executor *exec)
{
    SBI_REQUIRE(c, "sbi_campaign_stop: campaign is NULL");
    SBI_REQUIRE(exec, "sbi_campaign_stop: exec is NULL");
    if (c->options.read_only) return sbi_fail(SBI_ERR_STATE, "%s: the campaign is open read-only", c->folder);
    run r = {.c = c, .exec = exec, .began = sbi_campaign_now()};
    sbi_status status = prepare(&r);
    if (status == SBI_OK) status = sbi_campaign_store_reconcile(c);
    if (status == SBI_OK && r.caps.survives) status = stop_adopted(&r);
    finish(&r);
    return status;
}
