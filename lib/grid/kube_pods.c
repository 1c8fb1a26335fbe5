/* SPDX-License-Identifier: Apache-2.0 */
/* What only pods know: why one failed, which run, why others do not start. No request is about one pod, but for its log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/kubernetes.h"

#define INDEX_LABEL "batch.kubernetes.io/job-completion-index"
#define NAME_LABEL "batch.kubernetes.io/job-name"
#define RUNNING_MS 5000
#define WAITING_MS 20000
#define PART 20 /* of thousands of pods: no more than one part in 20 of the time */

static const char *text_at(const json_t *object, const char *a, const char *b)
{
    const json_t *inner = json_object_get(object, a);
    return json_string_value(b ? json_object_get(inner, b) : inner);
}

static int index_of(const json_t *pod, size_t *index)
{
    const char *text = text_at(json_object_get(pod, "metadata"), "labels", INDEX_LABEL);
    if (!text) return 0;
    *index = (size_t)strtoull(text, NULL, 10);
    return 1;
}

static const json_t *worker_status(const json_t *pod)
{
    const json_t *list = json_object_get(json_object_get(pod, "status"), "containerStatuses");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(c, "name"));
        if (name && strcmp(name, "worker") == 0) return c;
    }
    return NULL;
}

/* ---- failed ones ----------------------------------------------------------------------------------------------- */

typedef struct failures {
    kubernetes *k;
    kube_batch_job *job;
    const unsigned char *failed;
    json_t **pods; /* of each index, the newest */
} failures;

static sbi_status keep_newest(void *user, const json_t *pod)
{
    failures *f = user;
    size_t index;
    if (!index_of(pod, &index) || index >= f->job->n || !f->failed[index]) return SBI_OK;
    const char *old = f->pods[index] ? text_at(f->pods[index], "metadata", "creationTimestamp") : NULL;
    const char *new = text_at(pod, "metadata", "creationTimestamp");
    if (old && new && strcmp(new, old) < 0) return SBI_OK;
    json_decref(f->pods[index]);
    f->pods[index] = json_incref((json_t *)(uintptr_t)pod);
    return SBI_OK;
}

/* The last line of what a container left, which is where a program says why it ended. */
static void last_line(const char *text, char *out, size_t size)
{
    size_t end = text ? strlen(text) : 0;
    while (end && (text[end - 1] == '\n' || text[end - 1] == ' ')) end--;
    size_t begin = end;
    while (begin && text[begin - 1] != '\n') begin--;
    snprintf(out, size, "%.*s", (int)(end - begin < size - 1 ? end - begin : size - 1), text ? text + begin : "");
}

static sbi_status end_by_pod(kubernetes *k, kube_task *t, const json_t *pod)
{
    const json_t *terminated = json_object_get(json_object_get(worker_status(pod), "state"), "terminated");
    const char *reason = json_string_value(json_object_get(terminated, "reason")), *node = text_at(pod, "spec", "nodeName");
    const char *pod_reason = text_at(pod, "status", "reason"), *pod_message = text_at(pod, "status", "message");
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
    char line[160], message[256];
    sbi_status status = SBI_ERR_TASK_LOST;
    SBI_TRY(sbi_job_look(k->ctx, k->store, t->key, &report, NULL));
    const int64_t code = json_integer_value(json_object_get(terminated, "exitCode"));
    int32_t state = terminated ? sbi_job_exit_state((int32_t)code, &status) : SBI_TASK_LOST;
    if (reason && strcmp(reason, "OOMKilled") == 0) {
        state = SBI_TASK_OUT_OF_MEMORY;
        status = SBI_ERR_NO_MEMORY;
    } else if (terminated && code == 137) { /* killed, and not for its memory */
        state = SBI_TASK_LOST;
        status = SBI_ERR_TASK_LOST;
    }
    if (pod_reason && strcmp(pod_reason, "Evicted") == 0) state = SBI_TASK_PREEMPTED, status = SBI_ERR_PREEMPTED;
    if (report.state == SBI_TASK_DONE) state = SBI_TASK_DONE; /* it was killed after its commit */
    if (state == SBI_TASK_DONE && report.state != SBI_TASK_DONE) state = SBI_TASK_LOST;
    last_line(json_string_value(json_object_get(terminated, "message")), line, sizeof line);
    if (report.state == state && report.message[0] && report.attempt == t->report.attempt)
        snprintf(message, sizeof message, "%s", report.message); /* the worker said it itself */
    else if (terminated)
        snprintf(message, sizeof message, "%s, exit code %d%s%s", reason ? reason : "ended", (int)code, line[0] ? ": " : "", line);
    else
        snprintf(message, sizeof message, "%s: %.180s", pod_reason ? pod_reason : "the pod failed before it began", pod_message ? pod_message : "");
    report.attempt = t->report.attempt;
    t->report = report;
    if (node) snprintf(t->report.host, sizeof t->report.host, "%.*s", (int)sizeof t->report.host - 1, node);
    kube_end(t, state, status, message);
    return SBI_OK;
}

sbi_status kube_end_failed(kubernetes *k, kube_batch_job *job, const unsigned char *failed)
{
    failures f = {k, job, failed, sbi_alloc_zero(k->ctx, job->n, sizeof(json_t *))};
    char *path = sbi_strf(k->ctx, "/api/v1/namespaces/%s/pods?labelSelector=batch.kubernetes.io%%2Fjob-name%%3D%s&fieldSelector=status.phase%%3DFailed",
                          k->o.namespace_, job->name);
    sbi_status status = f.pods && path ? kube_api_list(&k->api, path, 0, keep_newest, &f, NULL) : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < job->n && status == SBI_OK; i++) {
        kube_task *t = failed[i] ? kube_live(k, job, i) : NULL;
        if (!t) continue;
        if (f.pods[i])
            status = end_by_pod(k, t, f.pods[i]);
        else
            kube_end(t, SBI_TASK_LOST, SBI_ERR_TASK_LOST, "it failed, and its pod is gone");
    }
    for (size_t i = 0; f.pods && i < job->n; i++) json_decref(f.pods[i]);
    sbi_free(k->ctx, f.pods);
    sbi_free(k->ctx, path);
    return status;
}

/* ---- those that run, and those that wait ----------------------------------------------------------------------- */

static kube_task *task_of(kubernetes *k, const json_t *pod)
{
    const char *name = text_at(json_object_get(pod, "metadata"), "labels", NAME_LABEL);
    size_t index;
    kube_batch_job *job = name && index_of(pod, &index) ? kube_find_job(k, name) : NULL;
    return job && !job->suspended ? kube_live(k, job, index) : NULL; /* pods of a suspended one are ending */
}

static sbi_status see_running(void *user, const json_t *pod)
{
    kubernetes *k = user;
    kube_task *t = task_of(k, pod);
    if (!t || t->report.state == SBI_TASK_RUNNING) return SBI_OK;
    t->report.state = SBI_TASK_RUNNING;
    t->report.message[0] = '\0';
    t->changed = 1;
    return SBI_OK;
}

static sbi_status see_waiting(void *user, const json_t *pod)
{
    kubernetes *k = user;
    kube_task *t = task_of(k, pod);
    const json_t *waiting = json_object_get(json_object_get(worker_status(pod), "state"), "waiting");
    const char *reason = json_string_value(json_object_get(waiting, "reason")), *text = json_string_value(json_object_get(waiting, "message"));
    const json_t *conditions = json_object_get(json_object_get(pod, "status"), "conditions");
    char message[256];
    if (!t) return SBI_OK;
    for (size_t i = 0; i < json_array_size(conditions) && !reason; i++) {
        const json_t *c = json_array_get(conditions, i);
        const char *value = json_string_value(json_object_get(c, "status"));
        if (!value || strcmp(value, "False") != 0) continue;
        reason = json_string_value(json_object_get(c, "reason"));
        text = json_string_value(json_object_get(c, "message"));
    }
    if (!reason || strcmp(reason, "ContainerCreating") == 0) return SBI_OK;
    snprintf(message, sizeof message, "waiting: %s%s%.180s", reason, text ? ": " : "", text ? text : "");
    if (strcmp(message, t->report.message) == 0) return SBI_OK;
    snprintf(t->report.message, sizeof t->report.message, "%s", message);
    t->changed = 1;
    return SBI_OK;
}

static sbi_status look_at(kubernetes *k, const char *phase, int metadata, sbi_status (*see)(void *user, const json_t *pod))
{
    char *path = sbi_strf(k->ctx, "/api/v1/namespaces/%s/pods?labelSelector=libsbi.org%%2Fstore%%3D%s&fieldSelector=status.phase%%3D%s", k->o.namespace_,
                          k->o.store_label, phase);
    sbi_status status = path ? kube_api_list(&k->api, path, metadata, see, k, NULL) : SBI_ERR_NO_MEMORY;
    sbi_free(k->ctx, path);
    return status;
}

sbi_status kube_look_at_pods(kubernetes *k)
{
    const int64_t now = sbi_now_ms();
    size_t active = 0;
    int pending = 0;
    for (size_t i = 0; i < k->n_jobs; i++) active += k->jobs[i]->finished || k->jobs[i]->gone ? 0 : k->jobs[i]->active;
    if (!active) return SBI_OK;
    for (size_t i = 0; i < k->n_tasks && !pending; i++)
        pending = k->tasks[i]->phase == KUBE_LIVE && k->tasks[i]->report.state == SBI_TASK_PENDING;
    if (!pending) return SBI_OK;
    if (!k->waiting_next) k->waiting_next = now + WAITING_MS; /* the first look comes later: most need only a moment */
    if (now >= k->running_next) {
        k->running_next = now + RUNNING_MS;
        SBI_TRY(look_at(k, "Running", 1, see_running));
        k->running_next += PART * (sbi_now_ms() - now);
    }
    if (now >= k->waiting_next) {
        const int64_t began = sbi_now_ms();
        k->waiting_next = began + WAITING_MS;
        SBI_TRY(look_at(k, "Pending", 0, see_waiting));
        k->waiting_next += PART * (sbi_now_ms() - began);
    }
    return SBI_OK;
}

/* ---- a log ----------------------------------------------------------------------------------------------------- */

static sbi_status name_newest(void *user, const json_t *pod)
{
    json_t **newest = user;
    const char *old = *newest ? text_at(*newest, "metadata", "creationTimestamp") : NULL, *new = text_at(pod, "metadata", "creationTimestamp");
    if (old && new && strcmp(new, old) < 0) return SBI_OK;
    json_decref(*newest);
    *newest = json_incref((json_t *)(uintptr_t)pod);
    return SBI_OK;
}

sbi_status kube_pod_log(kubernetes *k, const kube_task *t, sbi_sink *sink)
{
    json_t *newest = NULL;
    if (t->job == KUBE_NONE) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s has no pod", t->key);
    char *path = sbi_strf(k->ctx, "/api/v1/namespaces/%s/pods?labelSelector=batch.kubernetes.io%%2Fjob-name%%3D%s,batch.kubernetes.io%%2Fjob-completion-index%%3D%zu",
                          k->o.namespace_, k->jobs[t->job]->name, t->index);
    sbi_status status = path ? kube_api_list(&k->api, path, 1, name_newest, &newest, NULL) : SBI_ERR_NO_MEMORY;
    sbi_free(k->ctx, path);
    const char *name = newest ? text_at(newest, "metadata", "name") : NULL;
    if (status == SBI_OK && !name) status = sbi_fail(SBI_ERR_NOT_FOUND, "task %s has no pod any more", t->key);
    if (status == SBI_OK) {
        path = sbi_strf(k->ctx, "/api/v1/namespaces/%s/pods/%s/log?container=worker", k->o.namespace_, name);
        status = path ? kube_api_text(&k->api, path, sink) : SBI_ERR_NO_MEMORY;
        sbi_free(k->ctx, path);
    }
    json_decref(newest);
    return status;
}
