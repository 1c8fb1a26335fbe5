/* SPDX-License-Identifier: Apache-2.0 */
/* What the executor "kubernetes" knows of tasks and Jobs. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "grid/kubernetes.h"

kube_task *kube_lookup(const kubernetes *k, const char *key)
{
    const size_t index = sbi_table_find(&k->table, key);
    return index == SBI_TABLE_NONE ? NULL : k->tasks[index];
}

sbi_status kube_find_task(kubernetes *k, const char *key, kube_task **out)
{
    *out = kube_lookup(k, key);
    if (*out) return SBI_OK;
    kube_task **grown = sbi_alloc_next(k->ctx, k->tasks, k->n_tasks, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    k->tasks = grown;
    kube_task *t = sbi_alloc_zero(k->ctx, 1, sizeof *t);
    if (!t) return SBI_ERR_NO_MEMORY;
    snprintf(t->key, sizeof t->key, "%s", key);
    t->job = KUBE_NONE;
    t->report.struct_size = (uint32_t)sizeof t->report;
    snprintf(t->report.key, sizeof t->report.key, "%s", key);
    sbi_status status = sbi_table_insert(&k->table, t->key, k->n_tasks);
    if (status != SBI_OK) {
        sbi_free(k->ctx, t);
        return status;
    }
    k->tasks[k->n_tasks++] = t;
    *out = t;
    return SBI_OK;
}

kube_batch_job *kube_find_job(const kubernetes *k, const char *name)
{
    const size_t number = sbi_table_find(&k->job_names, name);
    return number == SBI_TABLE_NONE ? NULL : k->jobs[number];
}

/* The task of a key, by its number. */
static sbi_status number_of(kubernetes *k, const char *key, size_t *out)
{
    kube_task *t;
    SBI_TRY(kube_find_task(k, key, &t));
    *out = sbi_table_find(&k->table, key);
    return SBI_OK;
}

void kube_leave_job(kubernetes *k, kube_task *t)
{
    if (t->job != KUBE_NONE) k->jobs[t->job]->superseded++;
    t->job = KUBE_NONE;
}

void kube_attach(kubernetes *k, kube_batch_job *job)
{
    const size_t j = job->number;
    for (size_t i = 0; i < job->n; i++) {
        kube_task *t = k->tasks[job->tasks[i]];
        if (t->job == j) continue;
        /* Done, or this attempt of it, or a newer one, has ended or is elsewhere. */
        if (t->report.state == SBI_TASK_DONE || ((t->job != KUBE_NONE || t->phase == KUBE_ENDED) && t->report.attempt >= job->attempt)) {
            job->superseded++;
            continue;
        }
        kube_leave_job(k, t);
        t->job = j;
        t->index = i;
        t->phase = KUBE_LIVE;
        t->report.attempt = job->attempt;
        t->report.state = SBI_TASK_PENDING;
        t->report.status = SBI_OK;
        t->report.progress = t->report.seconds = 0;
        t->report.message[0] = t->report.host[0] = '\0';
    }
}

sbi_status kube_add_job(kubernetes *k, const char *name, int32_t attempt, const char *const *keys, size_t n, kube_batch_job **out)
{
    *out = NULL;
    kube_batch_job **grown = sbi_alloc_next(k->ctx, k->jobs, k->n_jobs, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    k->jobs = grown;
    kube_batch_job *job = sbi_alloc_zero(k->ctx, 1, sizeof *job);
    if (!job) return SBI_ERR_NO_MEMORY;
    snprintf(job->name, sizeof job->name, "%s", name);
    job->attempt = attempt;
    job->number = k->n_jobs;
    job->n = n;
    job->tasks = sbi_alloc_array(k->ctx, n ? n : 1, sizeof *job->tasks);
    sbi_status status = job->tasks ? SBI_OK : SBI_ERR_NO_MEMORY;
    /* All tasks first: no task points at a Job that could not be added. */
    for (size_t i = 0; i < n && status == SBI_OK; i++) status = number_of(k, keys[i], &job->tasks[i]);
    if (status == SBI_OK) status = sbi_table_insert(&k->job_names, job->name, job->number);
    if (status != SBI_OK) {
        sbi_free(k->ctx, job->tasks);
        sbi_free(k->ctx, job);
        return status;
    }
    k->jobs[k->n_jobs++] = job;
    kube_attach(k, job);
    *out = job;
    return SBI_OK;
}

kube_task *kube_live(const kubernetes *k, const kube_batch_job *job, size_t index)
{
    if (index >= job->n) return NULL;
    kube_task *t = k->tasks[job->tasks[index]];
    return t->phase == KUBE_LIVE && t->job < k->n_jobs && k->jobs[t->job] == job ? t : NULL;
}

void kube_end(kube_task *t, int32_t state, sbi_status status, const char *message)
{
    if (t->phase == KUBE_ENDED) return;
    t->phase = KUBE_ENDED;
    t->changed = 1;
    if (t->cancelled && state != SBI_TASK_DONE) {
        state = SBI_TASK_CANCELLED;
        status = SBI_ERR_CANCELLED;
    }
    t->report.state = state;
    t->report.status = state == SBI_TASK_DONE ? SBI_OK : status;
    if (state == SBI_TASK_DONE) t->report.progress = 1;
    if (message && message != t->report.message)
        snprintf(t->report.message, sizeof t->report.message, "%.*s", (int)sizeof t->report.message - 1, message);
}

void kube_free_state(kubernetes *k)
{
    for (size_t i = 0; i < k->n_jobs; i++) {
        sbi_free(k->ctx, k->jobs[i]->tasks);
        sbi_free(k->ctx, k->jobs[i]);
    }
    for (size_t i = 0; i < k->n_tasks; i++) sbi_free(k->ctx, k->tasks[i]);
    sbi_free(k->ctx, k->jobs);
    sbi_free(k->ctx, k->tasks);
    sbi_table_free(&k->table);
    sbi_table_free(&k->job_names);
}
