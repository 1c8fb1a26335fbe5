/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "kubernetes": tasks as indexes of Indexed Jobs, inputs and results through a store. docs/kubernetes.md.
 *
 * Everything happens in the calling thread but for one watch, which tells of Jobs. All that has to outlive the client is in the cluster and the store: Jobs are
 * found again by a label, their keys by their names. */
#include "grid/kubernetes.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "grid/grid.h"

#define SLICE_MS 200     /* between looks at whether the caller cancelled */
#define LOOK_MS 250      /* between looks at the heartbeat of one task that runs */
#define OUT_OF_REACH_MS 5000

static sbi_status kubernetes_submit(void *self, const sbi_task *tasks, size_t n)
{
    return kube_submit(self, tasks, n);
}

/* ---- poll ------------------------------------------------------------------------------------------------------ */

static size_t collect(kubernetes *k, sbi_task_report *reports, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n_tasks && n < capacity; i++) {
        kube_task *t = k->tasks[i];
        if (!t->changed || t->phase == KUBE_KNOWN) continue;
        t->changed = 0;
        reports[n++] = t->report;
    }
    return n;
}

/* One heartbeat of one task that runs, in turn. */
static void look_at_one(kubernetes *k)
{
    const int64_t now = sbi_now_ms();
    for (size_t i = 0; i < k->n_tasks; i++) {
        kube_task *t = k->tasks[(k->next_look + i) % k->n_tasks];
        if (t->phase != KUBE_LIVE || t->report.state != SBI_TASK_RUNNING || now - t->looked < 1000 * k->o.heartbeat_s) continue;
        sbi_task_report report = {.struct_size = (uint32_t)sizeof report};
        k->next_look = (k->next_look + i + 1) % k->n_tasks;
        t->looked = now;
        if (sbi_job_look(k->ctx, k->store, t->key, &report, NULL) != SBI_OK || report.state != SBI_TASK_RUNNING) return;
        report.attempt = t->report.attempt;
        t->report = report;
        t->changed = 1;
        return;
    }
}

/* News that could not be applied, for want of the store or the server, is not lost: everything is listed anew. */
static sbi_status take_news(kubernetes *k, int32_t wait_ms)
{
    kube_news news;
    while (kube_watch_next(k->watch, &news, wait_ms)) {
        sbi_status status = kube_apply(k, &news);
        json_decref(news.object);
        wait_ms = 0;
        if (status == SBI_OK) continue;
        k->listed = 0;
        return status;
    }
    return SBI_OK;
}

static sbi_status kubernetes_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    kubernetes *k = self;
    const int64_t end = sbi_now_ms() + timeout_ms;
    int64_t since;
    SBI_TRY(kube_adopt(k));
    SBI_TRY(take_news(k, 0));
    for (;;) {
        SBI_TRY(kube_look_at_pods(k));
        *n = collect(k, reports, capacity);
        const int64_t now = sbi_now_ms();
        if (*n || now >= end) break;
        SBI_TRY(sbi_check_cancel(k->ctx, "kubernetes"));
        SBI_TRY(take_news(k, (int32_t)(end - now < SLICE_MS ? end - now : SLICE_MS)));
        if (now - k->looked > LOOK_MS) {
            k->looked = now;
            look_at_one(k);
        }
    }
    if (*n == 0) {
        sbi_status status = kube_watch_status(k->watch, &since);
        if (status != SBI_OK && sbi_now_ms() - since > OUT_OF_REACH_MS) return status;
    }
    return SBI_OK;
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static sbi_status kubernetes_fetch(void *self, const char *key, sbi_sink *sink)
{
    kubernetes *k = self;
    const kube_task *t = kube_lookup(k, key);
    if (!t || t->report.state != SBI_TASK_DONE) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s: there is no result", key);
    return sbi_job_fetch(k->ctx, k->store, key, sink);
}

/* The attempt's own log; of one that did not come so far, what its pod printed. */
static sbi_status kubernetes_log(void *self, const char *key, sbi_sink *sink)
{
    kubernetes *k = self;
    const kube_task *t = kube_lookup(k, key);
    if (!t) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s is not known", key);
    sbi_status status = sbi_job_log(k->ctx, k->store, key, sink);
    return status == SBI_ERR_NOT_FOUND ? kube_pod_log(k, t, sink) : status;
}

static sbi_status kubernetes_cancel(void *self, const char *const *keys, size_t n)
{
    return kube_cancel(self, keys, n);
}

/* A Job all of whose tasks are safe with the client is no reason to keep its pods. What cannot be deleted now, the server deletes after ttl_s. */
static sbi_status kubernetes_release(void *self, const char *const *keys, size_t n)
{
    kubernetes *k = self;
    for (size_t i = 0; i < n; i++) {
        kube_task *t = kube_lookup(k, keys[i]);
        if (!t || t->released) continue;
        t->released = 1;
        if (t->job == KUBE_NONE) continue;
        kube_batch_job *job = k->jobs[t->job];
        /* Counted, so that tasks released one by one cost one pass in all. */
        if (++job->released + job->superseded < job->n) continue;
        size_t safe = 0;
        for (size_t j = 0; j < job->n; j++) {
            const kube_task *other = k->tasks[job->tasks[j]];
            safe += other->released || other->job == KUBE_NONE || k->jobs[other->job] != job;
        }
        if (safe == job->n) SBI_TRY(kube_delete_job(k, job));
    }
    return SBI_OK;
}

static sbi_status kubernetes_capabilities(void *self, sbi_executor_caps *caps)
{
    const kubernetes *k = self;
    caps->survives = 1;
    caps->has_log = 1;
    caps->has_cancel = 1;
    caps->stages = 1;
    caps->batch = (uint64_t)k->o.batch;
    snprintf(caps->name, sizeof caps->name, "kubernetes");
    return SBI_OK;
}

/* ---- opening and closing --------------------------------------------------------------------------------------- */

static void kubernetes_close(void *self)
{
    kubernetes *k = self;
    kube_watch_stop(k->watch);
    kube_free_state(k);
    kube_api_close(&k->api);
    sbi_store_close(k->store);
    sbi_free(k->ctx, k->namespace_);
    grid_config_clear(&k->config);
    sbi_free(k->ctx, k);
}

static const sbi_executor_ops kubernetes_ops = {
    .struct_size = sizeof(sbi_executor_ops),
    .abi = SBI_EXECUTOR_ABI,
    .submit = kubernetes_submit,
    .poll = kubernetes_poll,
    .fetch = kubernetes_fetch,
    .log = kubernetes_log,
    .cancel = kubernetes_cancel,
    .capabilities = kubernetes_capabilities,
    .close = kubernetes_close,
    .release = kubernetes_release,
};

static sbi_status open_store(kubernetes *k)
{
    sbi_text text;
    if (!k->o.store_config) return sbi_store_open(&k->store, k->ctx, k->o.store, NULL);
    sbi_text_init(&text, k->ctx);
    sbi_status status = sbi_json_canonical(&text, k->o.store_config);
    if (status == SBI_OK) status = sbi_store_open(&k->store, k->ctx, k->o.store, text.data);
    sbi_text_clear(&text);
    return status;
}

static sbi_status set_up(kubernetes *k, const char *config)
{
    SBI_TRY(grid_config_read(&k->config, config, "executor \"kubernetes\"", kube_option_keys));
    SBI_TRY(kube_options_read(&k->o, &k->config));
    SBI_TRY(open_store(k));
    SBI_TRY(kube_api_open(&k->api, k->ctx, &k->config, k->o.kubeconfig, k->o.context));
    if (!k->o.namespace_) {
        if (!(k->namespace_ = sbi_strdup(k->ctx, k->api.config.namespace_))) return SBI_ERR_NO_MEMORY;
        k->o.namespace_ = k->namespace_;
    }
    return kube_watch_start(&k->watch, k->ctx, &k->config, &k->o);
}

sbi_status grid_kubernetes_open(void *user, sbi_context *ctx, const char *config, const sbi_executor_ops **ops, void **self)
{
    (void)user;
    kubernetes *k = sbi_alloc_zero(ctx, 1, sizeof *k);
    if (!k) return SBI_ERR_NO_MEMORY;
    k->ctx = ctx;
    sbi_table_init(&k->table, ctx);
    sbi_table_init(&k->job_names, ctx);
    sbi_status status = set_up(k, config);
    if (status != SBI_OK) {
        kubernetes_close(k);
        return status;
    }
    *ops = &kubernetes_ops;
    *self = k;
    return SBI_OK;
}
