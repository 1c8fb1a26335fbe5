/* SPDX-License-Identifier: Apache-2.0 */
/* What the executor says of tasks, or does not say, and what follows from it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/campaign_run.h"

/* By a clock that stands still while the executor is out of reach, when nothing can be heard. */
static void listen_until(sbi_run *r, size_t index, double now)
{
    if (r->silent.ctx) sbi_deadlines_set(&r->silent, index, now - r->unreachable + r->c->options.silence_seconds);
}

void sbi_run_enter_live(sbi_run *r, size_t index, double now)
{
    sbi_campaign_task *t = r->c->tasks[index];
    t->phase = SBI_PHASE_LIVE;
    t->heard = now;
    r->live++;
    r->partial += t->progress;
    listen_until(r, index, now);
    if (r->overdue.ctx && t->started > 0) sbi_deadlines_set(&r->overdue, index, t->started + r->c->options.task_seconds);
}

void sbi_run_leave_live(sbi_run *r, size_t index)
{
    sbi_campaign_task *t = r->c->tasks[index];
    t->phase = SBI_PHASE_SUBMITTED;
    r->partial = --r->live ? r->partial - t->progress : 0;
    sbi_deadlines_remove(&r->silent, index);
    sbi_deadlines_remove(&r->overdue, index);
}

static sbi_status give_up(sbi_run *r, size_t index)
{
    sbi_campaign_task *t = r->c->tasks[index];
    SBI_TRY(sbi_campaign_record_giveup(r->c, index));
    if (r->given_up++ == 0) r->first_given_up = index;
    sbi_log(r->c->ctx, SBI_LOG_ERROR, "task %s: given up after %d attempts: %s: %s", t->key, (int)t->attempt,
            sbi_task_state_name(t->state), t->message);
    return SBI_OK;
}

sbi_status sbi_run_attempt_failed(sbi_run *r, size_t index, const sbi_task_report *report)
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

/* A result is welcome from any attempt, since it is the same; failures of earlier attempts were dealt with. */
size_t sbi_run_addressee(const sbi_run *r, const sbi_task_report *report)
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
static sbi_status attempt_overdue(sbi_run *r, size_t index, const sbi_task_report *report)
{
    sbi_task_report lost = *report;
    lost.state = SBI_TASK_LOST;
    lost.status = SBI_ERR_TASK_LOST;
    snprintf(lost.message, sizeof lost.message, "it ran for longer than %.0f s", r->c->options.task_seconds);
    return sbi_run_attempt_failed(r, index, &lost);
}

static sbi_status take_report(sbi_run *r, const sbi_task_report *report)
{
    size_t index = sbi_run_addressee(r, report);
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
    sbi_run_leave_live(r, index);
    if (report->state == SBI_TASK_CANCELLED && t->overdue == report->attempt) return attempt_overdue(r, index, report);
    if (report->state != SBI_TASK_DONE) return sbi_run_attempt_failed(r, index, report);
    SBI_TRY(sbi_campaign_record_state(r->c, index, report));
    t->phase = SBI_PHASE_FETCH;
    t->due = 0;
    sbi_campaign_queue_add(&r->queue, index, 0);
    return SBI_OK;
}

static sbi_status poll_once(sbi_run *r, int timeout_ms)
{
    size_t n = 0;
    r->heard_all = 0;
    SBI_TRY(sbi_run_after_call(r, sbi_executor_poll(r->exec, r->reports, SBI_RUN_REPORTS, &n, timeout_ms)));
    r->heard_all = r->outage == 0 && n < SBI_RUN_REPORTS;
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n; i++) {
        size_t index = sbi_run_addressee(r, &r->reports[i]);
        if (status == SBI_OK)
            status = take_report(r, &r->reports[i]);
        else if (index != SBI_TABLE_NONE && sbi_task_state_final(r->reports[i].state))
            sbi_run_leave_live(r, index); /* it will not be told twice, and stop_tasks() must not wait for it */
    }
    return status;
}

sbi_status sbi_run_poll(sbi_run *r, int timeout_ms)
{
    SBI_TRY(poll_once(r, timeout_ms));
    for (size_t left = r->live / SBI_RUN_REPORTS; left > 0 && !r->heard_all && r->outage == 0; left--) SBI_TRY(poll_once(r, 0));
    return SBI_OK;
}

sbi_task_report sbi_run_report_of(const sbi_campaign_task *t, int32_t state, sbi_status status)
{
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report, .state = state, .status = status, .attempt = t->attempt};
    snprintf(report.key, sizeof report.key, "%s", t->key);
    return report;
}

/* Tasks that nobody has spoken of for too long have vanished; not while news of them may wait in the executor, or it is out of reach. */
sbi_status sbi_run_find_silent(sbi_run *r)
{
    if (!r->silent.ctx || !r->heard_all) return SBI_OK;
    const double now = sbi_campaign_now();
    for (size_t index; (index = sbi_deadlines_take(&r->silent, now - r->unreachable)) != SIZE_MAX;) {
        const sbi_campaign_task *t = r->c->tasks[index];
        sbi_task_report report = sbi_run_report_of(t, SBI_TASK_LOST, SBI_ERR_TASK_LOST);
        snprintf(report.message, sizeof report.message, "not heard of for %.0f s", now - t->heard);
        sbi_run_leave_live(r, index);
        SBI_TRY(sbi_run_attempt_failed(r, index, &report));
    }
    return SBI_OK;
}

/* Attempts that take too long are cancelled; how they ended is reported as always. One whose executor cannot cancel, and which lies elsewhere,
 * is given up at once. */
sbi_status sbi_run_find_overdue(sbi_run *r)
{
    if (!r->overdue.ctx) return SBI_OK;
    const double now = sbi_campaign_now();
    for (size_t index; (index = sbi_deadlines_take(&r->overdue, now)) != SIZE_MAX;) {
        sbi_campaign_task *t = r->c->tasks[index];
        const char *key = t->key;
        if (r->caps.has_cancel) {
            SBI_TRY(sbi_run_after_call(r, sbi_executor_cancel(r->exec, &key, 1)));
            if (r->outage != 0) { /* once more */
                sbi_deadlines_set(&r->overdue, index, now);
                return SBI_OK;
            }
            t->overdue = t->attempt;
            continue;
        }
        if (r->caps.in_process) continue;
        sbi_task_report report = sbi_run_report_of(t, 0, SBI_OK);
        report.seconds = now - t->started;
        sbi_run_leave_live(r, index);
        SBI_TRY(attempt_overdue(r, index, &report));
    }
    return SBI_OK;
}
