/* SPDX-License-Identifier: Apache-2.0 */
/* What the server tells of Jobs, applied to the tasks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/kubernetes.h"

/* ---- ends ------------------------------------------------------------------------------------------------------ */

/* A task whose pod succeeded, or whose Job is gone: the store decides. */
static sbi_status conclude(kubernetes *k, kube_task *t, int32_t other, const char *why)
{
    sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
    SBI_TRY(sbi_job_look(k->ctx, k->store, t->key, &report, NULL));
    if (report.state == SBI_TASK_DONE) {
        report.attempt = t->report.attempt;
        t->report = report;
        kube_end(t, SBI_TASK_DONE, SBI_OK, NULL);
    } else {
        kube_end(t, other, other == SBI_TASK_REJECTED ? SBI_ERR_UNSUPPORTED : SBI_ERR_TASK_LOST, why);
    }
    return SBI_OK;
}

typedef struct marks {
    kubernetes *k;
    kube_batch_job *job;
    unsigned char *marked;
    size_t n;
} marks;

static void mark_live(void *user, size_t index)
{
    marks *m = user;
    if (!kube_live(m->k, m->job, index)) return;
    m->marked[index] = 1;
    m->n++;
}

static sbi_status read_indexes(marks *m, const json_t *status, const char *key)
{
    const char *text = json_string_value(json_object_get(status, key));
    memset(m->marked, 0, m->job->n);
    m->n = 0;
    return text ? kube_indexes_read(text, m->job->n, mark_live, m) : SBI_OK;
}

/* Everything that still lives in a Job that will do nothing more. */
static sbi_status end_rest(kubernetes *k, kube_batch_job *job, int32_t state, const char *why)
{
    for (size_t i = 0; i < job->n; i++) {
        kube_task *t = kube_live(k, job, i);
        if (t) SBI_TRY(conclude(k, t, state, why));
    }
    return SBI_OK;
}

/* ---- one Job --------------------------------------------------------------------------------------------------- */

static const json_t *condition(const json_t *status, const char *type)
{
    const json_t *list = json_object_get(status, "conditions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);
        const char *is = json_string_value(json_object_get(c, "type")), *value = json_string_value(json_object_get(c, "status"));
        if (is && value && strcmp(is, type) == 0 && strcmp(value, "True") == 0) return c;
    }
    return NULL;
}

static sbi_status see_failure(kubernetes *k, kube_batch_job *job, const json_t *failed)
{
    const char *reason = json_string_value(json_object_get(failed, "reason")), *text = json_string_value(json_object_get(failed, "message"));
    char why[200];
    snprintf(why, sizeof why, "Job %s: %s: %.120s", job->name, reason ? reason : "failed", text ? text : "");
    /* FailedIndexes says that each index ended by itself. PodFailurePolicy: exit code 78, a configuration that fits no task. */
    return end_rest(k, job, reason && strcmp(reason, "PodFailurePolicy") == 0 ? SBI_TASK_REJECTED : SBI_TASK_LOST, why);
}

/* What ran has been told to stop, and resumes when its queue lets it. */
static void see_suspension(kubernetes *k, kube_batch_job *job, int suspended)
{
    const int before = job->suspended;
    char message[KUBE_NAME_SIZE + 40] = "";
    job->suspended = suspended;
    if (!suspended && !before) return;
    if (suspended) snprintf(message, sizeof message, "waiting: Job %s is suspended", job->name);
    for (size_t i = 0; i < job->n; i++) {
        kube_task *t = kube_live(k, job, i);
        if (!t || (t->report.state == SBI_TASK_PENDING && strcmp(t->report.message, message) == 0)) continue;
        t->report.state = SBI_TASK_PENDING;
        snprintf(t->report.message, sizeof t->report.message, "%s", message);
        t->changed = 1;
    }
}

static sbi_status see_status(kubernetes *k, kube_batch_job *job, const json_t *status)
{
    marks m = {k, job, sbi_alloc(k->ctx, job->n), 0};
    if (!m.marked) return SBI_ERR_NO_MEMORY;
    job->active = (size_t)json_integer_value(json_object_get(status, "active"));
    sbi_status result = read_indexes(&m, status, "completedIndexes");
    for (size_t i = 0; i < job->n && m.n && result == SBI_OK; i++) {
        if (m.marked[i]) result = conclude(k, k->tasks[job->tasks[i]], SBI_TASK_LOST, "the pod succeeded, but there is no result");
    }
    if (result == SBI_OK) result = read_indexes(&m, status, "failedIndexes");
    if (result == SBI_OK && m.n) result = kube_end_failed(k, job, m.marked);
    sbi_free(k->ctx, m.marked);
    SBI_TRY(result);
    const json_t *failed = condition(status, "Failed");
    job->finished = failed || condition(status, "Complete");
    if (failed) SBI_TRY(see_failure(k, job, failed));
    if (job->finished) SBI_TRY(end_rest(k, job, SBI_TASK_LOST, "its Job has ended without it"));
    see_suspension(k, job, condition(status, "Suspended") != NULL);
    return SBI_OK;
}

/* ---- Jobs of earlier clients ----------------------------------------------------------------------------------- */

static sbi_status add_line(void *user, const void *data, size_t size)
{
    sbi_text *t = user;
    sbi_text_add(t, data, size);
    return t->status;
}

/* The keys of a Job are in the store, under its name. */
static sbi_status take_over(kubernetes *k, const char *name, const json_t *object, kube_batch_job **out)
{
    const json_t *labels = json_object_get(json_object_get(object, "metadata"), "labels");
    const char *attempt = json_string_value(json_object_get(labels, KUBE_LABEL_ATTEMPT));
    char *place = sbi_strf(k->ctx, "arrays/%s", name);
    sbi_text text;
    sbi_text_init(&text, k->ctx);
    sbi_sink sink = {(uint32_t)sizeof sink, 0, add_line, &text};
    *out = NULL;
    sbi_status status = place ? sbi_store_get(k->store, place, 0, 0, &sink) : SBI_ERR_NO_MEMORY;
    size_t n = 0, capacity = 1;
    for (size_t i = 0; i < text.size; i++) capacity += text.data[i] == '\n';
    const char **keys = status == SBI_OK ? sbi_alloc_array(k->ctx, capacity, sizeof *keys) : NULL;
    if (status == SBI_OK && !keys) status = SBI_ERR_NO_MEMORY;
    for (char *at = text.data, *end; status == SBI_OK && at && *at; at = end + 1) {
        end = strchr(at, '\n');
        if (end) *end = '\0';
        if (strlen(at) > SBI_TASK_KEY_MAX) {
            status = sbi_fail(SBI_ERR_FORMAT, "%s/%s: line %zu is no key", sbi_store_url(k->store), place, n + 1);
            break;
        }
        keys[n++] = at;
        if (!end) break;
    }
    if (status == SBI_ERR_CHECKSUM) status = SBI_ERR_TRANSIENT; /* damaged on its way: asked for again */
    if (status == SBI_OK) status = kube_add_job(k, name, attempt ? (int32_t)strtol(attempt, NULL, 10) : 1, keys, n, out);
    sbi_free(k->ctx, keys);
    sbi_text_clear(&text);
    sbi_free(k->ctx, place);
    return status;
}

static sbi_status see_job(kubernetes *k, const json_t *object)
{
    const json_t *meta = json_object_get(object, "metadata");
    const char *name = json_string_value(json_object_get(meta, "name")), *uid = json_string_value(json_object_get(meta, "uid"));
    if (!name || !uid) return sbi_fail(SBI_ERR_FORMAT, "kubernetes: a Job without name or uid");
    kube_batch_job *job = kube_find_job(k, name);
    if (!job) {
        sbi_status status = take_over(k, name, object, &job);
        if (status == SBI_ERR_NOT_FOUND || status == SBI_ERR_FORMAT) {
            sbi_log(k->ctx, SBI_LOG_WARNING, "kubernetes: Job %s has no list of keys in the store: left alone: %s", name, sbi_last_error());
            status = kube_add_job(k, name, 1, NULL, 0, &job); /* so that the store is asked once, not at each of its news */
        }
        SBI_TRY(status);
    }
    job->listing = k->listing;
    if (job->n == 0) return SBI_OK;
    job->gone = 0;
    snprintf(job->uid, sizeof job->uid, "%s", uid);
    return see_status(k, job, json_object_get(object, "status"));
}

/* Gone only once all its tasks have ended: where the store is out of reach, the news comes again. */
static sbi_status see_gone(kubernetes *k, kube_batch_job *job)
{
    if (job->gone) return SBI_OK;
    SBI_TRY(end_rest(k, job, SBI_TASK_LOST, "its Job was deleted"));
    job->gone = 1;
    return SBI_OK;
}

/* A list may be older than what it is held against: a Job is gone when the server says so of itself. */
static sbi_status ask_whether_gone(kubernetes *k, kube_batch_job *job)
{
    json_t *object;
    char *path = sbi_strf(k->ctx, "/apis/batch/v1/namespaces/%s/jobs/%s", k->o.namespace_, job->name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = kube_api_call(&k->api, "GET", path, NULL, 0, &object);
    sbi_free(k->ctx, path);
    if (status == SBI_ERR_NOT_FOUND) return see_gone(k, job);
    if (status == SBI_OK) status = see_job(k, object);
    json_decref(object);
    return status;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static sbi_status see_all(kubernetes *k, const json_t *names)
{
    const size_t n = json_array_size(names);
    const char **sorted = sbi_alloc_array(k->ctx, n ? n : 1, sizeof *sorted);
    sbi_status status = sorted ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && sorted; i++) sorted[i] = json_string_value(json_array_get(names, i));
    if (sorted) qsort(sorted, n, sizeof *sorted, compare_texts);
    for (size_t j = 0; j < k->n_jobs && status == SBI_OK; j++) {
        const char *name = k->jobs[j]->name;
        if (!k->jobs[j]->gone && !bsearch(&name, sorted, n, sizeof *sorted, compare_texts)) status = ask_whether_gone(k, k->jobs[j]);
    }
    sbi_free(k->ctx, sorted);
    return status;
}

sbi_status kube_apply(kubernetes *k, const kube_news *news)
{
    if (news->kind == KUBE_NEWS_ALL) return see_all(k, news->object);
    if (news->kind == KUBE_NEWS_JOB) return see_job(k, news->object);
    const json_t *meta = json_object_get(news->object, "metadata");
    const char *name = json_string_value(json_object_get(meta, "name")), *uid = json_string_value(json_object_get(meta, "uid"));
    kube_batch_job *job = name ? kube_find_job(k, name) : NULL;
    if (!job || (job->uid[0] && uid && strcmp(job->uid, uid) != 0)) return SBI_OK; /* another one of that name */
    return see_gone(k, job);
}

static sbi_status adopt_one(void *user, const json_t *item)
{
    return see_job(user, item);
}

sbi_status kube_adopt(kubernetes *k)
{
    kube_news news;
    if (k->listed) return SBI_OK;
    /* What the watch told up to now is in the list; it may include news that could not be applied. */
    while (kube_watch_next(k->watch, &news, 0)) json_decref(news.object);
    k->listing++;
    char *path = sbi_strf(k->ctx, "/apis/batch/v1/namespaces/%s/jobs?labelSelector=libsbi.org%%2Fstore%%3D%s", k->o.namespace_, k->o.store_label);
    sbi_status status = path ? kube_api_list(&k->api, path, 0, adopt_one, k, NULL) : SBI_ERR_NO_MEMORY;
    sbi_free(k->ctx, path);
    for (size_t j = 0; j < k->n_jobs && status == SBI_OK; j++) {
        if (!k->jobs[j]->gone && k->jobs[j]->listing != k->listing) status = ask_whether_gone(k, k->jobs[j]);
    }
    k->listed = status == SBI_OK;
    return status;
}
