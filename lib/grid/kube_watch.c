/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/kube_watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/context.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#define PAUSE_MS 500
#define PAUSE_MOST_MS 15000

typedef struct item {
    struct item *next;
    kube_news news;
} item;

struct kube_watch {
    sbi_context *owner; /* whose memory this is */
    sbi_context *ctx;   /* the thread's */
    const grid_config *config;
    const kube_options *options;
    kube_api api;
    pthread_t thread;
    atomic_int stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    item *first, *last;
    sbi_status status;
    int64_t since;
    char message[512];
    char *version; /* the watch goes on behind this */
};

static int32_t is_stopped(void *user)
{
    const kube_watch *w = user;
    return atomic_load(&w->stop);
}

/* ---- news ------------------------------------------------------------------------------------------------------ */

static const char *name_of(const json_t *job)
{
    const char *name = json_string_value(json_object_get(json_object_get(job, "metadata"), "name"));
    return name ? name : "";
}

/* News of a Job that nobody has read yet, and behind which none is of another kind: what comes now stands for it, so that a client that does not look
 * for hours finds no more than one of each Job. */
static item *find_unread(const kube_watch *w, const json_t *job)
{
    item *found = NULL;
    for (item *i = w->first; i; i = i->next) {
        if (i->news.kind != KUBE_NEWS_JOB)
            found = NULL;
        else if (strcmp(name_of(i->news.object), name_of(job)) == 0)
            found = i;
    }
    return found;
}

/* Takes `object`. */
static sbi_status tell(kube_watch *w, int32_t kind, json_t *object)
{
    item *new = sbi_alloc_zero(w->ctx, 1, sizeof *new);
    if (!new || !object) {
        sbi_free(w->ctx, new);
        json_decref(object);
        return sbi_fail(SBI_ERR_NO_MEMORY, "kubernetes: watch: out of memory");
    }
    new->news = (kube_news){kind, 0, object};
    pthread_mutex_lock(&w->lock);
    item *unread = kind == KUBE_NEWS_JOB ? find_unread(w, object) : NULL;
    if (unread) {
        new->news.object = unread->news.object;
        unread->news.object = object;
    } else {
        if (w->last)
            w->last->next = new;
        else
            w->first = new;
        w->last = new;
    }
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (unread) {
        json_decref(new->news.object);
        sbi_free(w->ctx, new);
    }
    return SBI_OK;
}

static void fare(kube_watch *w, sbi_status status)
{
    pthread_mutex_lock(&w->lock);
    if (status == SBI_OK || w->status == SBI_OK) w->since = sbi_now_ms();
    w->status = status;
    if (status != SBI_OK) snprintf(w->message, sizeof w->message, "%s", sbi_last_error());
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

int kube_watch_next(kube_watch *w, kube_news *news, int32_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&w->lock);
    while (!w->first && timeout_ms > 0) {
        if (pthread_cond_timedwait(&w->changed, &w->lock, &until)) break;
    }
    item *got = w->first;
    if (got && !(w->first = got->next)) w->last = NULL;
    pthread_mutex_unlock(&w->lock);
    if (!got) return 0;
    *news = got->news;
    sbi_free(w->ctx, got);
    return 1;
}

sbi_status kube_watch_status(kube_watch *w, int64_t *since)
{
    pthread_mutex_lock(&w->lock);
    const sbi_status status = w->status;
    *since = w->since;
    if (status != SBI_OK) sbi_error_set(status, w->message);
    pthread_mutex_unlock(&w->lock);
    return status;
}

/* ---- the thread ------------------------------------------------------------------------------------------------ */

typedef struct listing {
    kube_watch *w;
    json_t *names;
} listing;

static sbi_status see_item(void *user, const json_t *job)
{
    const listing *l = user;
    /* A name that were left out would make its Job look deleted. */
    if (json_array_append_new(l->names, json_string(name_of(job)))) return sbi_fail(SBI_ERR_NO_MEMORY, "kubernetes: watch: out of memory");
    return tell(l->w, KUBE_NEWS_JOB, json_deep_copy(job));
}

static sbi_status list_all(kube_watch *w)
{
    listing l = {w, json_array()};
    char *path = sbi_strf(w->ctx, "/apis/batch/v1/namespaces/%s/jobs?labelSelector=%s%%3D%s", w->options->namespace_, "libsbi.org%2Fstore",
                          w->options->store_label);
    sbi_free(w->ctx, w->version);
    w->version = NULL;
    sbi_status status = path && l.names ? kube_api_list(&w->api, path, 0, see_item, &l, &w->version) : SBI_ERR_NO_MEMORY;
    sbi_free(w->ctx, path);
    if (status == SBI_OK) return tell(w, KUBE_NEWS_ALL, l.names);
    json_decref(l.names);
    return status;
}

static sbi_status see_event(void *user, json_t *event)
{
    kube_watch *w = user;
    const char *type = json_string_value(json_object_get(event, "type"));
    json_t *object = json_object_get(event, "object");
    const char *version = json_string_value(json_object_get(json_object_get(object, "metadata"), "resourceVersion"));
    sbi_status status = SBI_OK;
    if (atomic_load(&w->stop)) {
        status = sbi_fail(SBI_ERR_CANCELLED, "kubernetes: watch: stopped");
    } else if (!type || strcmp(type, "ERROR") == 0) {
        /* Most often 410: what the watch was to go on from is history. */
        const char *why = json_string_value(json_object_get(object, "message"));
        status = sbi_fail(SBI_ERR_STATE, "kubernetes: watch: %s", why ? why : "an error without a message");
    } else {
        if (version) {
            char *copy = sbi_strdup(w->ctx, version);
            if (copy) {
                sbi_free(w->ctx, w->version);
                w->version = copy;
            }
        }
        if (strcmp(type, "DELETED") == 0) status = tell(w, KUBE_NEWS_GONE, json_incref(object));
        if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) status = tell(w, KUBE_NEWS_JOB, json_incref(object));
    }
    json_decref(event);
    return status;
}

static sbi_status follow(kube_watch *w)
{
    char *path = sbi_strf(w->ctx, "/apis/batch/v1/namespaces/%s/jobs?labelSelector=%s%%3D%s&watch=true&allowWatchBookmarks=true&timeoutSeconds=60&"
                                  "resourceVersion=%s", w->options->namespace_, "libsbi.org%2Fstore", w->options->store_label, w->version);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = kube_api_watch(&w->api, path, see_event, w);
    sbi_free(w->ctx, path);
    return status;
}

static void *run(void *user)
{
    kube_watch *w = user;
    int64_t pause = PAUSE_MS;
    while (!atomic_load(&w->stop)) {
        const int64_t began = sbi_now_ms();
        sbi_status status = w->version ? SBI_OK : list_all(w);
        if (status == SBI_OK) {
            fare(w, SBI_OK);
            status = follow(w);
        }
        /* A watch that ended, or broke off, goes on behind its last event; after any other failure everything is listed anew. */
        if (status == SBI_OK) pause = PAUSE_MS;
        if (status != SBI_OK && status != SBI_ERR_TRANSIENT) {
            sbi_free(w->ctx, w->version);
            w->version = NULL;
        }
        /* A proxy may cut every watch at once. */
        if (status == SBI_OK && sbi_now_ms() - began > PAUSE_MS) continue;
        if (status != SBI_OK && status != SBI_ERR_STATE && status != SBI_ERR_CANCELLED) fare(w, status);
        for (int64_t waited = 0; waited < pause && !atomic_load(&w->stop); waited += 50) nanosleep(&(struct timespec){0, 50000000L}, NULL);
        if (status != SBI_OK) pause = 2 * pause < PAUSE_MOST_MS ? 2 * pause : PAUSE_MOST_MS;
    }
    return NULL;
}

/* ---- start and end --------------------------------------------------------------------------------------------- */

static void free_watch(kube_watch *w)
{
    kube_news news;
    while (w->ctx && kube_watch_next(w, &news, 0)) json_decref(news.object);
    if (w->ctx) {
        kube_api_close(&w->api);
        sbi_free(w->ctx, w->version);
        sbi_context_destroy(w->ctx);
    }
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    sbi_free(w->owner, w);
}

static sbi_status make_context(kube_watch *w)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 1;
    o.cancel = is_stopped;
    o.cancel_user = w;
    o.allocate = w->owner->options.allocate;
    o.release = w->owner->options.release;
    o.allocator_user = w->owner->options.allocator_user;
    return sbi_context_create(&w->ctx, &o);
}

sbi_status kube_watch_start(kube_watch **out, sbi_context *ctx, const grid_config *config, const kube_options *options)
{
    pthread_condattr_t attribute;
    kube_watch *w = sbi_alloc_zero(ctx, 1, sizeof *w);
    *out = NULL;
    if (!w) return SBI_ERR_NO_MEMORY;
    w->owner = ctx;
    w->config = config;
    w->options = options;
    w->since = sbi_now_ms();
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attribute);
    pthread_condattr_setclock(&attribute, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attribute);
    pthread_condattr_destroy(&attribute);
    sbi_status status = make_context(w);
    if (status == SBI_OK) status = kube_api_open(&w->api, w->ctx, config, options->kubeconfig, options->context);
    if (status == SBI_OK) {
        const int failed = pthread_create(&w->thread, NULL, run, w);
        if (failed) status = sbi_fail_errno(failed, "kubernetes: a thread for the watch");
    }
    if (status != SBI_OK) {
        free_watch(w);
        return status;
    }
    *out = w;
    return SBI_OK;
}

void kube_watch_stop(kube_watch *w)
{
    if (!w) return;
    atomic_store(&w->stop, 1);
    pthread_join(w->thread, NULL);
    free_watch(w);
}
