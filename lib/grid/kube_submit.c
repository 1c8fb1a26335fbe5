/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks into Jobs, and out of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/kubernetes.h"

/* ---- one Job --------------------------------------------------------------------------------------------------- */

static sbi_status jobs_path(kubernetes *k, const char *name, char **out)
{
    *out = sbi_strf(k->ctx, "/apis/batch/v1/namespaces/%s/jobs%s%s", k->o.namespace_, name ? "/" : "", name ? name : "");
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static const char *hash_of(const json_t *job)
{
    return json_string_value(json_object_get(json_object_get(json_object_get(job, "metadata"), "annotations"), KUBE_ANNOTATION_HASH));
}

/* A Job of this name is there: an earlier call made it, whose answer was lost, or an earlier client. */
static sbi_status compare(kubernetes *k, const char *name, const json_t *ours)
{
    char *path;
    json_t *theirs;
    SBI_TRY(jobs_path(k, name, &path));
    sbi_status status = kube_api_call(&k->api, "GET", path, NULL, 0, &theirs);
    sbi_free(k->ctx, path);
    if (status == SBI_ERR_NOT_FOUND) status = sbi_fail(SBI_ERR_TRANSIENT, "kubernetes: Job %s was there, and is not", name);
    SBI_TRY(status);
    const char *a = hash_of(ours), *b = hash_of(theirs);
    if (!a || !b || strcmp(a, b) != 0)
        status = sbi_fail(SBI_ERR_EXISTS, "kubernetes: Job %s is there, for the same tasks and with another configuration (image, resources, patches): delete "
                                          "it, or go on with its configuration", name);
    json_decref(theirs);
    return status;
}

static sbi_status create(kubernetes *k, const kube_batch *batch)
{
    char name[KUBE_NAME_SIZE], *path;
    json_t *object = NULL;
    kube_batch_job *job;
    kube_job_name(&k->o, batch, name);
    SBI_TRY(sbi_job_stage_array(k->ctx, k->store, name, batch->keys, batch->n));
    SBI_TRY(jobs_path(k, NULL, &path));
    sbi_status status = kube_job_make(&object, k->ctx, &k->o, batch, name);
    if (status == SBI_OK) status = kube_api_call(&k->api, "POST", path, object, 0, NULL);
    if (status == SBI_ERR_EXISTS) {
        status = compare(k, name, object);
        k->listed = 0; /* its news may have come and gone */
    }
    job = status == SBI_OK ? kube_find_job(k, name) : NULL;
    if (job && job->n)
        kube_attach(k, job);
    else if (status == SBI_OK)
        status = kube_add_job(k, name, batch->attempt, batch->keys, batch->n, &job);
    json_decref(object);
    sbi_free(k->ctx, path);
    return status;
}

/* ---- tasks ----------------------------------------------------------------------------------------------------- */

/* A task that is new here, or whose last attempt ended: into the store, unless it is done there, and to be put into a Job. */
static sbi_status take(kubernetes *k, const sbi_task *task)
{
    kube_task *t;
    SBI_TRY(kube_find_task(k, task->key, &t));
    t->changed = 1;
    if (t->phase == KUBE_LIVE || (t->phase == KUBE_ENDED && task->attempt <= t->report.attempt)) return SBI_OK;
    sbi_status status = sbi_job_stage(k->ctx, k->store, task);
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
    if (status == SBI_OK) status = sbi_job_look(k->ctx, k->store, task->key, &report, NULL);
    if (status != SBI_OK && sbi_status_is_of_call(status)) {
        t->changed = t->phase != KUBE_KNOWN;
        return status;
    }
    t->phase = KUBE_WAITING;
    t->cancelled = t->released = 0;
    kube_leave_job(k, t);
    t->memory = task->memory ? task->memory : (uint64_t)k->o.memory;
    t->cpus_milli = task->cpus > 0 ? (int64_t)(1000 * task->cpus + 0.5) : k->o.cpus_milli;
    t->report = (sbi_task_report){.struct_size = (uint32_t)sizeof t->report, .state = SBI_TASK_PENDING, .attempt = task->attempt};
    snprintf(t->report.key, sizeof t->report.key, "%s", t->key);
    if (status != SBI_OK) {
        kube_end(t, status == SBI_ERR_UNSUPPORTED ? SBI_TASK_REJECTED : SBI_TASK_FAILED, status, sbi_last_error());
    } else if (report.state == SBI_TASK_DONE) {
        report.attempt = task->attempt;
        t->report = report;
        kube_end(t, SBI_TASK_DONE, SBI_OK, NULL);
    }
    return SBI_OK;
}

static int same_batch(const kube_task *a, const kube_task *b)
{
    return a->report.attempt == b->report.attempt && a->memory == b->memory && a->cpus_milli == b->cpus_milli;
}

/* A Job that the server refuses for what it says: an image name, a patch. The same would be said of it again. */
static void reject(kubernetes *k, const kube_batch *batch, sbi_status status)
{
    char message[256];
    snprintf(message, sizeof message, "%.*s", (int)sizeof message - 1, sbi_last_error());
    for (size_t i = 0; i < batch->n; i++) kube_end(kube_lookup(k, batch->keys[i]), SBI_TASK_REJECTED, status, message);
}

/* Puts what waits into Jobs of equal attempt and resources. */
static sbi_status place(kubernetes *k, kube_task *const *waiting, size_t n)
{
    const char **keys = sbi_alloc_array(k->ctx, n ? n : 1, sizeof *keys);
    sbi_status status = keys ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        if (waiting[i]->phase != KUBE_WAITING) continue;
        kube_batch batch = {keys, 0, waiting[i]->report.attempt, waiting[i]->cpus_milli, waiting[i]->memory};
        for (size_t j = i; j < n && batch.n < (size_t)k->o.batch; j++) {
            if (waiting[j]->phase == KUBE_WAITING && same_batch(waiting[i], waiting[j])) keys[batch.n++] = waiting[j]->key;
        }
        status = create(k, &batch);
        if (status == SBI_ERR_ARGUMENT || status == SBI_ERR_EXISTS || status == SBI_ERR_UNSUPPORTED) {
            reject(k, &batch, status);
            status = SBI_OK;
        }
    }
    sbi_free(k->ctx, keys);
    return status;
}

sbi_status kube_submit(kubernetes *k, const sbi_task *tasks, size_t n)
{
    kube_task **waiting = sbi_alloc_array(k->ctx, n ? n : 1, sizeof *waiting);
    size_t n_waiting = 0;
    sbi_status status = waiting ? kube_adopt(k) : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        kube_task *t = kube_lookup(k, tasks[i].key);
        if (t && t->phase == KUBE_WAITING) continue; /* twice in one call */
        status = take(k, &tasks[i]);
        t = kube_lookup(k, tasks[i].key);
        if (status == SBI_OK && t->phase == KUBE_WAITING) waiting[n_waiting++] = t;
    }
    if (status == SBI_OK) status = place(k, waiting, n_waiting);
    /* What did not get into a Job is as if it had never been submitted. */
    for (size_t i = 0; i < n_waiting; i++) {
        if (waiting[i]->phase != KUBE_WAITING) continue;
        waiting[i]->phase = KUBE_KNOWN;
        waiting[i]->changed = 0;
    }
    sbi_free(k->ctx, waiting);
    return status;
}

/* ---- ending ---------------------------------------------------------------------------------------------------- */

sbi_status kube_delete_job(kubernetes *k, kube_batch_job *job)
{
    char *path;
    if (job->deleted || job->gone || !job->uid[0]) return SBI_OK;
    json_t *options = json_pack("{s:s, s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", "DeleteOptions", "propagationPolicy", "Foreground",
                                "preconditions", "uid", job->uid);
    SBI_TRY(jobs_path(k, job->name, &path));
    sbi_status status = options ? kube_api_call(&k->api, "DELETE", path, options, 0, NULL) : SBI_ERR_NO_MEMORY;
    json_decref(options);
    sbi_free(k->ctx, path);
    if (status == SBI_ERR_NOT_FOUND || status == SBI_ERR_EXISTS) status = SBI_OK; /* it is gone, or another one has its name now */
    job->deleted = status == SBI_OK;
    return status;
}

/* An index of a Job cannot be cancelled by itself: the Job is deleted, and those of its tasks that go on get a new one, in which they resume from their
 * checkpoints. */
static sbi_status cancel_in(kubernetes *k, kube_batch_job *job)
{
    size_t n = 0;
    kube_task **rest = sbi_alloc_array(k->ctx, job->n ? job->n : 1, sizeof *rest);
    if (!rest) return SBI_ERR_NO_MEMORY;
    sbi_status status = kube_delete_job(k, job);
    for (size_t i = 0; i < job->n && status == SBI_OK; i++) {
        kube_task *t = kube_live(k, job, i);
        if (!t) continue;
        if (t->cancelled) {
            kube_end(t, SBI_TASK_CANCELLED, SBI_ERR_CANCELLED, "cancelled");
            continue;
        }
        t->phase = KUBE_WAITING;
        kube_leave_job(k, t);
        rest[n++] = t;
    }
    if (status == SBI_OK && n) status = place(k, rest, n);
    /* Those that found no new Job ended by nobody's fault: another attempt is the caller's to make. */
    for (size_t i = 0; i < n; i++) {
        if (rest[i]->phase == KUBE_WAITING) kube_end(rest[i], SBI_TASK_PREEMPTED, SBI_ERR_PREEMPTED, "its Job was deleted with a cancelled task in it");
    }
    sbi_free(k->ctx, rest);
    return status;
}

sbi_status kube_cancel(kubernetes *k, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kube_task *t = kube_lookup(k, keys[i]);
        if (t && t->phase == KUBE_LIVE) t->cancelled = 1;
    }
    for (size_t j = 0; j < k->n_jobs; j++) {
        int asked = 0;
        for (size_t i = 0; i < k->jobs[j]->n && !asked; i++) {
            const kube_task *t = kube_live(k, k->jobs[j], i);
            asked = t && t->cancelled;
        }
        if (asked) SBI_TRY(cancel_in(k, k->jobs[j]));
    }
    return SBI_OK;
}
