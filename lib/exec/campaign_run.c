/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that brings a campaign to its end. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/campaign_run.h"

#define DRAIN_SECONDS 10 /* for tasks elsewhere to end after a cancel; tasks in this process are always waited for */

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- the executor out of reach --------------------------------------------------------------------------------- */

sbi_status sbi_run_after_call(sbi_run *r, sbi_status status)
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

static int stopping(const sbi_run *r)
{
    return r->given_up > (size_t)r->c->options.max_failures;
}

static void put_in_batch(sbi_run *r, size_t index)
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
static sbi_status gather(sbi_run *r)
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

/* Nothing is submitted that the disk does not know of. */
static sbi_status submit(sbi_run *r)
{
    sbi_status status = gather(r);
    if (status == SBI_OK) status = sbi_journal_flush(&r->c->journal, r->batch_size > 0);
    if (status == SBI_OK) status = sbi_campaign_tell(r->c);
    if (r->batch_size == 0) return status;
    int there = 0;
    if (status == SBI_OK) {
        status = sbi_executor_submit(r->exec, r->batch, r->batch_size);
        there = status == SBI_OK;
        status = sbi_run_after_call(r, status);
    }
    const double now = sbi_campaign_now();
    for (size_t i = 0; i < r->batch_size; i++) {
        if (there)
            sbi_run_enter_live(r, r->batch_index[i], now);
        else
            sbi_campaign_queue_add(&r->queue, r->batch_index[i], now);
    }
    return status;
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

static void report_progress(sbi_run *r)
{
    sbi_campaign *c = r->c;
    const sbi_campaign_task *speaker = c->n_tasks ? c->tasks[r->speaker] : NULL;
    const char *doing = speaker && speaker->phase == SBI_PHASE_LIVE ? speaker->doing : "";
    double now = sbi_campaign_now();
    if (r->done < c->n_tasks && now - r->shown < 1e-3 * SBI_RUN_POLL_MS) return;
    r->shown = now;
    /* What runs is whole only with its result. */
    sbi_progress(c->ctx, "campaign", (double)r->done + 0.999 * r->partial, (double)c->n_tasks, "%zu of %zu done, %zu running%s%s", r->done, c->n_tasks,
                 r->live, doing[0] ? "; " : "", doing);
}

static sbi_status step(sbi_run *r, int *finished)
{
    const double next = sbi_campaign_queue_advance(&r->queue, sbi_campaign_now(), 1e-3 * SBI_RUN_POLL_MS);
    SBI_TRY(sbi_run_fetch(r)); /* first: what it brings, or fails to, decides what can be submitted */
    SBI_TRY(submit(r));
    report_progress(r);
    *finished = !r->live && !sbi_campaign_queue_fetches(&r->queue) && !sbi_campaign_queue_runnable(&r->queue, stopping(r));
    if (*finished) return SBI_OK;
    const int ms = r->queue.fetching.n ? 0 : 1 + (int)(1000 * next);
    if (r->live) {
        SBI_TRY(sbi_run_poll(r, ms));
        SBI_TRY(sbi_run_find_overdue(r));
        return sbi_run_find_silent(r);
    }
    /* Everybody waits for a later attempt or another fetch. */
    if (r->outage == 0) sleep_ms(ms);
    return SBI_OK;
}

/* Whether somebody wants the run to end: the host, another process, the clock. */
static sbi_status check_stop(sbi_run *r)
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

static sbi_status loop(sbi_run *r)
{
    for (int finished = 0; !finished;) {
        SBI_TRY(check_stop(r));
        SBI_TRY(step(r, &finished));
    }
    return SBI_OK;
}

/* After a failure or a cancel: tasks that live only as long as the client are stopped, and those in this process waited
 * for, since they use the caller's memory. Best effort: the reason why we are here is what counts. */
static void stop_tasks(sbi_run *r)
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
        sbi_status status = sbi_executor_poll(r->exec, r->reports, SBI_RUN_REPORTS, &got, SBI_RUN_POLL_MS);
        if (status != SBI_OK && status != SBI_ERR_TRANSIENT) return;
        for (size_t i = 0; i < got; i++) {
            size_t index = sbi_run_addressee(r, &r->reports[i]);
            if (index == SBI_TABLE_NONE || !sbi_task_state_final(r->reports[i].state)) continue;
            sbi_run_leave_live(r, index); /* DONE stays so: the next run asks for it again */
            if (r->reports[i].state == SBI_TASK_DONE) continue;
            (void)sbi_campaign_record_state(r->c, index, &r->reports[i]);
            r->c->tasks[index]->state = SBI_TASK_PENDING;
        }
    }
}

static sbi_status verdict(const sbi_run *r)
{
    if (!r->given_up) return SBI_OK;
    const sbi_campaign_task *t = r->c->tasks[r->first_given_up];
    return sbi_fail(SBI_ERR_TASK_FAILED, "%zu of %zu tasks given up, the first %s: %s%s%s", r->given_up, r->c->n_tasks,
                    t->key, sbi_task_state_name(t->state), t->message[0] ? ": " : "", t->message);
}

/* ---- setting up ------------------------------------------------------------------------------------------------ */

static sbi_status prepare(sbi_run *r)
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
    r->reports = sbi_alloc_array(c->ctx, SBI_RUN_REPORTS, sizeof *r->reports);
    r->fetched = sbi_alloc_array(c->ctx, SBI_RUN_REPORTS, sizeof *r->fetched);
    if (!r->batch || !r->batch_index || !r->reports || !r->fetched) return SBI_ERR_NO_MEMORY;
    if (c->options.silence_seconds > 0 && !r->caps.in_process) SBI_TRY(sbi_deadlines_init(&r->silent, c->ctx, n));
    if (c->options.task_seconds > 0) SBI_TRY(sbi_deadlines_init(&r->overdue, c->ctx, n));
    return sbi_campaign_queue_init(&r->queue, c);
}

static void finish(sbi_run *r)
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

static sbi_status start(sbi_run *r)
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
static void end_badly(sbi_run *r)
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
    sbi_run r = {.c = c, .exec = exec, .began = sbi_campaign_now()};
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
static sbi_status stop_adopted(sbi_run *r)
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
    sbi_run r = {.c = c, .exec = exec, .began = sbi_campaign_now()};
    sbi_status status = prepare(&r);
    if (status == SBI_OK) status = sbi_campaign_store_reconcile(c);
    if (status == SBI_OK && r.caps.survives) status = stop_adopted(&r);
    finish(&r);
    return status;
}
