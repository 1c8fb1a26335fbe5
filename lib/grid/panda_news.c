/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells of batches and their jobs: one request for each batch, and one for 5500 jobs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "grid/panda.h"

/* ---- ends ------------------------------------------------------------------------------------------------------ */

/* What the store says goes before what the system says: DONE always, and the worker's own end where the system knows none. */
static sbi_status conclude(panda *p, panda_task *t, int32_t state, sbi_status status, const char *message)
{
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
    char text[256], host[64];
    SBI_TRY(sbi_job_look(p->ctx, p->store, t->key, &report, NULL));
    snprintf(text, sizeof text, "%s", message);
    snprintf(host, sizeof host, "%s", t->report.host);
    if (report.state == SBI_TASK_DONE) {
        state = SBI_TASK_DONE;
    } else if (state == SBI_TASK_DONE) {
        state = SBI_TASK_LOST;
        status = SBI_ERR_TASK_LOST;
        snprintf(text, sizeof text, "the job finished, but there is no result");
    } else if (state == SBI_TASK_LOST && report.state > SBI_TASK_DONE && report.attempt == t->report.attempt) {
        state = report.state;
        status = report.status;
    }
    if (report.state == state && report.message[0] && report.attempt == t->report.attempt) snprintf(text, sizeof text, "%s", report.message);
    report.attempt = t->report.attempt;
    t->report = report;
    if (!t->report.host[0]) snprintf(t->report.host, sizeof t->report.host, "%s", host);
    panda_end(p, t, state, status, text);
    return SBI_OK;
}

static sbi_status end_rest(panda *p, panda_batch *b, int32_t state, sbi_status status, const char *message)
{
    for (size_t i = 0; i < b->n; i++) {
        panda_task *t = panda_live(p, b, i);
        if (t) SBI_TRY(conclude(p, t, state, status, message));
    }
    b->over = 1;
    return SBI_OK;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    const panda_job *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static panda_job *find_job(const panda_batch *b, int64_t id)
{
    const panda_job wanted = {.id = id};
    return b->n_jobs ? bsearch(&wanted, b->jobs, b->n_jobs, sizeof wanted, by_id) : NULL;
}

/* Jobs that are new. */
static sbi_status take_ids(panda *p, panda_batch *b, const json_t *ids)
{
    const size_t n = json_array_size(ids);
    if (!n) return SBI_OK;
    panda_job *jobs = sbi_realloc_array(p->ctx, b->jobs, b->n_jobs + n, sizeof *jobs);
    if (!jobs) return SBI_ERR_NO_MEMORY;
    b->jobs = jobs;
    size_t more = b->n_jobs;
    for (size_t i = 0; i < n; i++) {
        int64_t id;
        if (!panda_number(json_array_get(ids, i), &id) || id <= 0 || find_job(b, id)) continue;
        jobs[more++] = (panda_job){.id = id};
    }
    if (more == b->n_jobs) return SBI_OK;
    qsort(jobs, more, sizeof *jobs, by_id);
    size_t kept = 0; /* the server may name one twice */
    for (size_t i = 0; i < more; i++) {
        if (!kept || jobs[kept - 1].id != jobs[i].id) jobs[kept++] = jobs[i];
    }
    b->n_jobs = kept;
    return SBI_OK;
}

static sbi_status apply_state(panda *p, panda_batch *b, panda_task *t, const json_t *description)
{
    sbi_task_report seen = {.struct_size = (uint32_t)sizeof seen};
    int closed;
    panda_job_state(description, &seen, &closed);
    if (seen.host[0]) snprintf(t->report.host, sizeof t->report.host, "%s", seen.host);
    if (seen.state >= SBI_TASK_DONE) {
        panda_job *job = find_job(b, t->job);
        if (job) job->ended = 1;
        /* A closed job has a successor while its task lives. */
        return closed && b->phase != PANDA_TASK_ENDED && b->phase != PANDA_TASK_ABORTED ? SBI_OK : conclude(p, t, seen.state, seen.status, seen.message);
    }
    if (t->report.state != seen.state || (seen.state == SBI_TASK_PENDING && strcmp(t->report.message, seen.message) != 0)) {
        t->report.state = seen.state;
        snprintf(t->report.message, sizeof t->report.message, "%s", seen.message);
        t->changed = 1;
    }
    return SBI_OK;
}

static panda_batch *batch_of(panda *p, int64_t task, int64_t job)
{
    for (size_t i = 0; i < p->n_batches; i++) {
        if (p->batches[i]->id == task || (!task && find_job(p->batches[i], job))) return p->batches[i];
    }
    return NULL;
}

static sbi_status apply_job(panda *p, const json_t *description)
{
    int64_t id, task = 0, number;
    const char *parameters = json_string_value(json_object_get(description, "jobParameters"));
    if (!panda_number(json_object_get(description, "PandaID"), &id)) return SBI_OK; /* null: it is not known */
    panda_number(json_object_get(description, "jediTaskID"), &task);
    panda_batch *b = batch_of(p, task, id);
    if (!b || !parameters || !panda_sequence_number(parameters, b->name, &number)) return SBI_OK;
    panda_task *t = panda_live(p, b, (size_t)number - 1);
    if (!t) {
        panda_job *job = find_job(b, id);
        if (job) job->ended = 1; /* nobody asks any more */
        return SBI_OK;
    }
    if (id < t->job) return SBI_OK; /* it has a successor */
    t->job = id;
    return apply_state(p, b, t, description);
}

static sbi_status ask_jobs(panda *p, const int64_t *ids, size_t n)
{
    panda_answer answer = {.message = ""};
    sbi_status status = panda_describe_jobs(&p->api, ids, n, &answer);
    for (size_t i = 0; i < json_array_size(answer.data) && status == SBI_OK; i++) status = apply_job(p, json_array_get(answer.data, i));
    panda_answer_clear(&answer);
    return status;
}

static sbi_status ask_all_jobs(panda *p)
{
    int64_t *ids = sbi_alloc_array(p->ctx, PANDA_JOBS_PER_CALL, sizeof *ids);
    size_t n = 0;
    sbi_status status = ids ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < p->n_batches && status == SBI_OK; i++) {
        const panda_batch *b = p->batches[i];
        for (size_t j = 0; j < b->n_jobs && !b->over && status == SBI_OK; j++) {
            if (b->jobs[j].ended) continue;
            ids[n++] = b->jobs[j].id;
            if (n < PANDA_JOBS_PER_CALL) continue;
            status = ask_jobs(p, ids, n);
            n = 0;
        }
    }
    if (n && status == SBI_OK) status = ask_jobs(p, ids, n);
    sbi_free(p->ctx, ids);
    return status;
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

static int has_live(const panda *p, const panda_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (panda_live(p, b, i)) return 1;
    }
    return 0;
}

static sbi_status take_details(panda *p, panda_batch *b, const json_t *data)
{
    const json_t *task = json_object_get(data, "task"), *ids = json_object_get(data, "PandaID");
    const char *status = json_string_value(json_object_get(data, "status"));
    panda_answer answer = {.message = ""};
    if (!status) status = json_string_value(json_object_get(task, "status"));
    if (!status) return sbi_fail(SBI_ERR_FORMAT, "PanDA: task/get_details: task %lld: no \"status\"", (long long)b->id);
    b->refined = 1;
    b->phase = panda_task_phase(status);
    snprintf(b->message, sizeof b->message, "task %lld is %.20s", (long long)b->id, status);
    if (json_is_array(ids) && json_array_size(ids)) return take_ids(p, b, ids);
    sbi_status result = panda_task_jobs(&p->api, b->id, &answer);
    if (result == SBI_OK) result = take_ids(p, b, answer.data);
    panda_answer_clear(&answer);
    return result == SBI_ERR_NOT_FOUND ? SBI_OK : result;
}

static sbi_status ask_batch(panda *p, panda_batch *b)
{
    panda_answer answer = {.message = ""};
    sbi_status status = panda_task_details(&p->api, b->id, &answer);
    if (status == SBI_OK) status = take_details(p, b, answer.data);
    panda_answer_clear(&answer);
    if (status != SBI_ERR_NOT_FOUND) return status;
    /* Not refined yet; or it was removed, or never will be. */
    if (sbi_now_ms() - b->since < 1000 * p->o.patience_s) return SBI_OK;
    return end_rest(p, b, SBI_TASK_LOST, SBI_ERR_TASK_LOST, "PanDA does not know its task");
}

static sbi_status end_with_batch(panda *p, panda_batch *b)
{
    char message[160], dialog[100] = "";
    if (b->phase == PANDA_TASK_BROKEN && has_live(p, b)) {
        const sbi_status status = panda_task_dialog(&p->api, b->id, dialog, sizeof dialog);
        if (status == SBI_ERR_NO_MEMORY || status == SBI_ERR_CANCELLED) return status; /* otherwise it ends without the reason */
    }
    snprintf(message, sizeof message, "%.50s%s%s", b->message, dialog[0] ? ": " : "", dialog);
    switch (b->phase) {
    case PANDA_TASK_ENDED: return end_rest(p, b, SBI_TASK_LOST, SBI_ERR_TASK_LOST, message);
    case PANDA_TASK_ABORTED: return end_rest(p, b, SBI_TASK_CANCELLED, SBI_ERR_CANCELLED, message);
    case PANDA_TASK_BROKEN: return end_rest(p, b, SBI_TASK_REJECTED, SBI_ERR_ARGUMENT, message);
    default: return SBI_OK;
    }
}

sbi_status panda_ask(panda *p)
{
    p->asked = sbi_now_ms();
    SBI_TRY(panda_kill_rest(p));
    for (size_t i = 0; i < p->n_batches; i++) {
        panda_batch *b = p->batches[i];
        if (!b->over && !b->kill && !has_live(p, b)) b->over = 1;
        if (!b->over) SBI_TRY(ask_batch(p, b));
    }
    SBI_TRY(ask_all_jobs(p));
    for (size_t i = 0; i < p->n_batches; i++) {
        if (!p->batches[i]->over) SBI_TRY(end_with_batch(p, p->batches[i]));
    }
    return SBI_OK;
}
