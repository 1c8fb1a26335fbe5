/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks into batches, and out of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "grid/panda.h"
#include "grid/panda_gzip.h"

/* ---- one batch ------------------------------------------------------------------------------------------------- */

/* The same for all batches, so it is uploaded once. */
static sbi_status need_sandbox(panda *p)
{
    sbi_text script, gzip;
    char hex[SBI_SHA256_HEX_SIZE];
    if (p->sandbox_url) return SBI_OK;
    sbi_text_init(&script, p->ctx);
    sbi_text_init(&gzip, p->ctx);
    sbi_status status = panda_script(&script, &p->o);
    if (status == SBI_OK) status = panda_sandbox(&gzip, PANDA_SCRIPT, script.data, script.size);
    if (status == SBI_OK) {
        sbi_sha256_text(gzip.data, gzip.size, hex);
        snprintf(p->sandbox, sizeof p->sandbox, "sources.sbi-%.32s.tar.gz", hex);
        status = panda_api_upload(&p->api, p->sandbox, gzip.data, gzip.size, &p->sandbox_url);
    }
    sbi_text_clear(&script);
    sbi_text_clear(&gzip);
    return status;
}

/* PanDA's task of this batch: the one that is there, since the server may run an ended one anew if it is submitted again, or a new one. */
static sbi_status get_task(panda *p, const panda_batch_spec *batch, const char *name, int64_t *id)
{
    json_t *parameters = NULL;
    char *full = panda_task_name(p->ctx, &p->o, name);
    sbi_status status = full ? panda_find_task(&p->api, full, id) : SBI_ERR_NO_MEMORY;
    sbi_free(p->ctx, full);
    SBI_TRY(status);
    if (*id) return SBI_OK;
    SBI_TRY(need_sandbox(p));
    status = panda_task_parameters(&parameters, p->ctx, &p->o, batch, name, p->sandbox, p->sandbox_url, p->api.auth.vo);
    if (status == SBI_OK) status = panda_submit_task(&p->api, parameters, id);
    json_decref(parameters);
    return status;
}

static sbi_status create(panda *p, const panda_batch_spec *batch)
{
    char name[PANDA_NAME_SIZE];
    int64_t id = 0;
    panda_batch *b;
    panda_batch_name(&p->o, batch, name);
    SBI_TRY(sbi_job_stage_array(p->ctx, p->store, name, batch->keys, batch->n));
    SBI_TRY(get_task(p, batch, name, &id));
    SBI_TRY(panda_remember(p, name, id));
    return panda_find_batch(p, name) ? SBI_OK : panda_add_batch(p, name, id, batch->attempt, batch->keys, batch->n, &b);
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

/* A task that is new here, or whose last attempt ended: into the store, unless it is done there, and to be put into a batch. */
static sbi_status take(panda *p, const sbi_task *task)
{
    panda_task *t;
    SBI_TRY(panda_add_task(p, task->key, &t));
    if (t->phase == PANDA_LIVE && task->attempt > t->report.attempt) t->report.attempt = task->attempt; /* it is what that attempt waits for */
    if (t->phase == PANDA_LIVE || (t->phase == PANDA_ENDED && task->attempt <= t->report.attempt)) {
        t->changed = t->wanted = 1;
        return SBI_OK;
    }
    sbi_status status = sbi_job_stage(p->ctx, p->store, task);
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
    if (status == SBI_OK) status = sbi_job_look(p->ctx, p->store, task->key, &report, NULL);
    if (status != SBI_OK && sbi_status_is_of_call(status)) return status;
    const double cpus = task->cpus > 0 ? task->cpus : p->o.cpus;
    t->phase = PANDA_WAITING;
    t->changed = t->wanted = 1;
    t->cancelled = 0;
    t->batch = PANDA_NONE;
    t->memory = task->memory ? task->memory : (uint64_t)p->o.memory;
    t->cores = cpus >= 4096 ? 4096 : (int32_t)cpus + (cpus > (int32_t)cpus);
    t->report = (sbi_task_report){.struct_size = (uint32_t)sizeof t->report, .state = SBI_TASK_PENDING, .attempt = task->attempt};
    snprintf(t->report.key, sizeof t->report.key, "%s", t->key);
    if (status != SBI_OK) {
        panda_end(p, t, status == SBI_ERR_UNSUPPORTED ? SBI_TASK_REJECTED : SBI_TASK_FAILED, status, sbi_last_error());
    } else if (report.state == SBI_TASK_DONE) {
        report.attempt = task->attempt;
        t->report = report;
        panda_end(p, t, SBI_TASK_DONE, SBI_OK, NULL);
    }
    return SBI_OK;
}

static int same_batch(const panda_task *a, const panda_task *b)
{
    return a->report.attempt == b->report.attempt && a->memory == b->memory && a->cores == b->cores;
}

/* A task that the server refuses for what it says: the same would be said of it again. */
static void reject(panda *p, const panda_batch_spec *batch, sbi_status status)
{
    char message[256];
    snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, sbi_last_error());
    for (size_t i = 0; i < batch->n; i++) panda_end(p, panda_lookup(p, batch->keys[i]), SBI_TASK_REJECTED, status, message);
}

/* Puts what waits into batches of equal attempt and resources. */
static sbi_status place(panda *p, panda_task *const *waiting, size_t n)
{
    const char **keys = sbi_alloc_array(p->ctx, n ? n : 1, sizeof *keys);
    sbi_status status = keys ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        if (waiting[i]->phase != PANDA_WAITING) continue;
        panda_batch_spec batch = {keys, 0, waiting[i]->report.attempt, waiting[i]->cores, waiting[i]->memory};
        for (size_t j = i; j < n && batch.n < (size_t)p->o.batch; j++) {
            if (waiting[j]->phase == PANDA_WAITING && same_batch(waiting[i], waiting[j])) keys[batch.n++] = waiting[j]->key;
        }
        status = create(p, &batch);
        if (status == SBI_ERR_ARGUMENT || status == SBI_ERR_EXISTS || status == SBI_ERR_UNSUPPORTED) {
            reject(p, &batch, status);
            status = SBI_OK;
        }
    }
    sbi_free(p->ctx, keys);
    return status;
}

sbi_status panda_submit(panda *p, const sbi_task *tasks, size_t n)
{
    panda_task **waiting = sbi_alloc_array(p->ctx, n ? n : 1, sizeof *waiting);
    size_t n_waiting = 0;
    sbi_status status = waiting ? panda_adopt(p, tasks, n) : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        status = take(p, &tasks[i]);
        panda_task *t = panda_lookup(p, tasks[i].key);
        if (status == SBI_OK && t->phase == PANDA_WAITING) waiting[n_waiting++] = t;
    }
    if (status == SBI_OK) status = place(p, waiting, n_waiting);
    /* What did not get into a batch is as if it had never been submitted. */
    for (size_t i = 0; i < n_waiting; i++) {
        if (waiting[i]->phase != PANDA_WAITING) continue;
        waiting[i]->phase = PANDA_KNOWN;
        waiting[i]->changed = 0;
    }
    sbi_free(p->ctx, waiting);
    return status;
}

/* ---- ending ---------------------------------------------------------------------------------------------------- */

/* All of a batch, if nothing in it is to go on; else job by job, as far as they have numbers. */
static sbi_status kill_in(panda *p, panda_batch *b)
{
    int64_t *ids = NULL;
    size_t n = 0, others = 0;
    for (size_t i = 0; i < b->n; i++) others += panda_live(p, b, i) != NULL;
    if (!others) {
        sbi_status status = panda_kill_task(&p->api, b->id);
        if (status == SBI_ERR_NOT_FOUND) return sbi_now_ms() - b->since < 1000 * p->o.patience_s ? SBI_OK : (b->killed = 1, SBI_OK);
        b->killed = status == SBI_OK;
        return status;
    }
    ids = sbi_alloc_array(p->ctx, b->n, sizeof *ids);
    if (!ids) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < b->n; i++) {
        const panda_task *t = p->tasks[b->tasks[i]];
        if (t->cancelled && t->index == i && t->batch < p->n_batches && p->batches[t->batch] == b && t->job && t->killed != t->job) ids[n++] = t->job;
    }
    sbi_status status = n ? panda_kill_jobs(&p->api, ids, n) : SBI_OK;
    for (size_t i = 0; i < b->n && status == SBI_OK; i++) {
        panda_task *t = p->tasks[b->tasks[i]];
        if (t->cancelled) t->killed = t->job;
    }
    sbi_free(p->ctx, ids);
    return status;
}

sbi_status panda_kill_rest(panda *p)
{
    for (size_t i = 0; i < p->n_batches; i++) {
        if (p->batches[i]->kill && !p->batches[i]->killed && !p->batches[i]->over) SBI_TRY(kill_in(p, p->batches[i]));
    }
    return SBI_OK;
}

/* The server acts minutes later, and a task that it has not refined it does not even know. So what was cancelled is reported so at once, and the server is
 * asked until it has heard. A result that comes nevertheless stays in the store. */
sbi_status panda_cancel(panda *p, const char *const *keys, size_t n)
{
    int any = 0;
    for (size_t i = 0; i < n; i++) {
        panda_task *t = panda_lookup(p, keys[i]);
        if (!t || t->phase != PANDA_LIVE) continue;
        t->cancelled = 1;
        p->batches[t->batch]->kill = any = 1;
    }
    if (!any) return SBI_OK;
    /* Done ones first; and jobs get their numbers. */
    SBI_TRY(panda_ask(p));
    for (size_t i = 0; i < p->n_tasks; i++) {
        panda_task *t = p->tasks[i];
        if (t->cancelled && t->phase == PANDA_LIVE) panda_end(p, t, SBI_TASK_CANCELLED, SBI_ERR_CANCELLED, "cancelled");
    }
    return panda_kill_rest(p);
}
