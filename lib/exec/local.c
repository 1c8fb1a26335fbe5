/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/local.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/text.h"
#include "exec/executor.h"
#include "base/table.h"

typedef struct local local;

/* A task, known by its key until it is released. Everything but `cancel` is under the executor's lock, except that the
 * thread which runs it owns `result`. */
typedef struct record {
    local *owner;
    char key[SBI_TASK_KEY_MAX + 1];
    void *spec;
    size_t spec_size;
    const void *attachment;
    int32_t attempt;
    int32_t state; /* 0: released */
    sbi_status status;
    double progress;
    double seconds, cpu_seconds; /* the second: 0 if unknown */
    uint64_t peak;
    char message[256];
    sbi_text result;
    atomic_int cancel;
    struct record *next;         /* in the queue of those to run */
    int queued;                  /* in that queue; a cancelled record stays there until its turn */
    struct record *next_changed; /* in the queue of those to report */
    int changed;
} record;

typedef struct queue {
    record *first, *last;
} queue;

struct local {
    sbi_context *ctx;
    sbi_local_runner run;
    void *user;
    pthread_mutex_t lock;
    pthread_cond_t work;   /* something to run, or closing */
    pthread_cond_t change; /* something to report */
    sbi_table table;
    record **records;
    size_t n_records, capacity;
    char host[64];
    queue waiting, changed;
    size_t live; /* pending and running */
    atomic_int closing;
    size_t n_threads, wanted;
    pthread_t threads[];
};

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Processor time of the calling thread. */
static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the task's own context ------------------------------------------------------------------------------------ */

static void *allocate_from_parent(void *user, size_t size, size_t alignment)
{
    (void)alignment; /* never more than what sbi_alloc gives anyhow */
    return sbi_alloc(((record *)user)->owner->ctx, size);
}

static void release_to_parent(void *user, void *memory, size_t size)
{
    (void)size;
    sbi_free(((record *)user)->owner->ctx, memory);
}

static void log_to_parent(void *user, int32_t level, const char *message)
{
    record *r = user;
    sbi_log(r->owner->ctx, level, "task %.12s: %s", r->key, message);
}

static int32_t task_cancelled(void *user)
{
    record *r = user;
    return atomic_load(&r->cancel) || atomic_load(&r->owner->closing) || sbi_cancelled(r->owner->ctx);
}

static void mark_changed(local *l, record *r)
{
    if (r->changed) return;
    r->changed = 1;
    r->next_changed = NULL;
    if (l->changed.last)
        l->changed.last->next_changed = r;
    else
        l->changed.first = r;
    l->changed.last = r;
    pthread_cond_signal(&l->change);
}

static void progress_of_task(void *user, const char *stage, double done, double total, const char *detail)
{
    record *r = user;
    local *l = r->owner;
    pthread_mutex_lock(&l->lock);
    if (total > 0) r->progress = done / total;
    snprintf(r->message, sizeof r->message, "%s: %s", stage, detail);
    mark_changed(l, r);
    pthread_mutex_unlock(&l->lock);
}

typedef struct adaptor {
    void (*body)(void *arg, size_t i);
    void *arg;
} adaptor;

static sbi_status call_body(void *arg, size_t i)
{
    adaptor *a = arg;
    a->body(a->arg, i);
    return SBI_OK;
}

static void loop_of_parent(void *user, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
    adaptor a = {body, arg};
    /* Cannot fail: the bodies do not, and without memory for threads the loop runs here. */
    (void)sbi_parallel_for(((record *)user)->owner->ctx, n, call_body, &a);
}

static sbi_status task_context(sbi_context **out, record *r, int alone)
{
    sbi_context *parent = r->owner->ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.log_level = SBI_LOG_DEBUG; /* the parent drops what it does not want */
    o.log = log_to_parent;
    o.progress = progress_of_task;
    o.cancel = task_cancelled;
    o.allocate = allocate_from_parent;
    o.release = release_to_parent;
    o.log_user = o.progress_user = o.cancel_user = o.parallel_for_user = o.allocator_user = r;
    o.threads = alone ? sbi_context_threads(parent) : 1;
    if (alone) o.parallel_for = loop_of_parent;
    return sbi_context_create(out, &o);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static sbi_status write_result(void *user, const void *data, size_t size)
{
    sbi_text *result = user;
    sbi_text_add(result, data, size);
    return result->status;
}

static int32_t state_of_status(sbi_status status)
{
    switch (status) {
    case SBI_OK: return SBI_TASK_DONE;
    case SBI_ERR_NO_MEMORY: return SBI_TASK_OUT_OF_MEMORY;
    case SBI_ERR_CANCELLED: return SBI_TASK_CANCELLED;
    case SBI_ERR_TRANSIENT: return SBI_TASK_TRANSIENT;
    case SBI_ERR_PREEMPTED: return SBI_TASK_PREEMPTED;
    case SBI_ERR_TASK_LOST: return SBI_TASK_LOST;
    default: return SBI_TASK_FAILED;
    }
}

/* Runs a record without the lock. */
static sbi_status run_task(record *r, int alone, uint64_t *peak)
{
    local *l = r->owner;
    sbi_context *ctx;
    SBI_TRY(task_context(&ctx, r, alone));
    sbi_sink sink = {(uint32_t)sizeof sink, 0, write_result, &r->result};
    sbi_task task = SBI_TASK_INIT;
    task.attempt = r->attempt;
    task.key = r->key;
    task.spec = r->spec;
    task.spec_size = r->spec_size;
    task.attachment = r->attachment;
    int outer = alone ? 0 : sbi_parallel_enter();
    sbi_status status = sbi_check_cancel(ctx, "task");
    if (status == SBI_OK) status = l->run(l->user, ctx, &task, &sink);
    if (!alone) sbi_parallel_leave(outer);
    if (status == SBI_OK) status = r->result.status;
    *peak = sbi_memory_peak(ctx);
    sbi_context_destroy(ctx);
    return status;
}

static void run_record(local *l, record *r)
{
    int alone = l->wanted == 1 || l->live == 1;
    r->state = SBI_TASK_RUNNING;
    mark_changed(l, r);
    pthread_mutex_unlock(&l->lock);
    double begin = now_seconds(), cpu_begin = thread_seconds();
    uint64_t peak = 0;
    sbi_status status = run_task(r, alone, &peak);
    double seconds = now_seconds() - begin, cpu_seconds = thread_seconds() - cpu_begin;
    /* Loops of a task that is alone run in threads that also do other work. */
    if (alone && sbi_context_threads(l->ctx) > 1) cpu_seconds = 0;
    if (status != SBI_OK) sbi_text_clear(&r->result);
    pthread_mutex_lock(&l->lock);
    r->status = status;
    r->seconds = seconds;
    r->cpu_seconds = cpu_seconds;
    r->peak = peak;
    r->state = state_of_status(status);
    if (status == SBI_OK) r->progress = 1;
    snprintf(r->message, sizeof r->message, "%s", status == SBI_OK ? "" : sbi_last_error());
    l->live--;
    mark_changed(l, r);
}

static void *thread_main(void *arg)
{
    local *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!atomic_load(&l->closing)) {
        record *r = l->waiting.first;
        if (!r) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        l->waiting.first = r->next;
        if (!r->next) l->waiting.last = NULL;
        r->queued = 0;
        if (r->state == SBI_TASK_PENDING) run_record(l, r);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- the contract ---------------------------------------------------------------------------------------------- */

static void record_free(record *r)
{
    if (!r) return;
    sbi_context *ctx = r->owner->ctx;
    sbi_text_clear(&r->result);
    sbi_free(ctx, r->spec);
    sbi_free(ctx, r);
}

/* A record for a key that is not known yet. */
static sbi_status new_record(local *l, const char *key, record **out)
{
    if (l->n_records == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 16;
        record **grown = sbi_realloc_array(l->ctx, l->records, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        l->records = grown;
        l->capacity = capacity;
    }
    record *r = sbi_alloc_zero(l->ctx, 1, sizeof *r);
    if (!r) return SBI_ERR_NO_MEMORY;
    r->owner = l;
    snprintf(r->key, sizeof r->key, "%s", key);
    sbi_text_init(&r->result, l->ctx);
    sbi_status status = sbi_table_insert(&l->table, r->key, l->n_records);
    if (status != SBI_OK) {
        record_free(r);
        return status;
    }
    l->records[l->n_records++] = r;
    *out = r;
    return SBI_OK;
}

static void enqueue(local *l, record *r)
{
    if (r->queued) return;
    r->queued = 1;
    r->next = NULL;
    if (l->waiting.last)
        l->waiting.last->next = r;
    else
        l->waiting.first = r;
    l->waiting.last = r;
}

/* Whether a task starts a new attempt. */
static int is_news(const record *r, const sbi_task *task)
{
    return !r->state || (sbi_task_state_final(r->state) && task->attempt > r->attempt);
}

/* Everything that can fail, changing nothing that can be seen. */
static sbi_status prepare(local *l, const sbi_task *task)
{
    size_t index = sbi_table_find(&l->table, task->key);
    record *r = index == SBI_TABLE_NONE ? NULL : l->records[index];
    if (!r) SBI_TRY(new_record(l, task->key, &r));
    if (!is_news(r, task)) return SBI_OK;
    void *spec = sbi_alloc(l->ctx, task->spec_size);
    if (!spec) return SBI_ERR_NO_MEMORY;
    if (task->spec_size) memcpy(spec, task->spec, task->spec_size);
    sbi_free(l->ctx, r->spec);
    r->spec = spec;
    r->spec_size = task->spec_size;
    return SBI_OK;
}

static void take(local *l, const sbi_task *task)
{
    record *r = l->records[sbi_table_find(&l->table, task->key)];
    mark_changed(l, r);
    if (!is_news(r, task)) return;
    r->attachment = task->attachment;
    r->attempt = task->attempt;
    r->state = SBI_TASK_PENDING;
    r->status = SBI_OK;
    r->progress = r->seconds = r->cpu_seconds = 0;
    r->peak = 0;
    r->message[0] = '\0';
    sbi_text_clear(&r->result);
    atomic_store(&r->cancel, 0);
    enqueue(l, r);
    l->live++;
}

/* Threads start when there is something to do, no more than there are tasks. */
static sbi_status start_threads(local *l)
{
    int error = 0;
    while (l->n_threads < l->wanted && l->n_threads < l->live) {
        error = pthread_create(&l->threads[l->n_threads], NULL, thread_main, l);
        if (error) break;
        l->n_threads++;
    }
    if (l->n_threads || !error) return SBI_OK;
    return sbi_fail(SBI_ERR_TRANSIENT, "executor \"local\": no thread can be started: error %d", error);
}

static sbi_status local_submit(void *self, const sbi_task *tasks, size_t n)
{
    local *l = self;
    sbi_status status = SBI_OK;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < n && status == SBI_OK; i++) status = prepare(l, &tasks[i]);
    if (status == SBI_OK) {
        for (size_t i = 0; i < n; i++) take(l, &tasks[i]);
        status = start_threads(l);
    }
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return status;
}

static void fill_report(const local *l, const record *r, sbi_task_report *report)
{
    report->state = r->state;
    report->attempt = r->attempt;
    report->status = r->status;
    report->progress = r->progress;
    report->seconds = r->seconds;
    report->peak_memory = r->peak;
    report->cpu_seconds = r->cpu_seconds;
    snprintf(report->key, sizeof report->key, "%s", r->key);
    memcpy(report->host, l->host, sizeof report->host);
    memcpy(report->message, r->message, sizeof report->message);
}

static sbi_status local_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    local *l = self;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + (int64_t)(timeout_ms % 1000) * 1000000;
    until.tv_sec += timeout_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&l->lock);
    while (!l->changed.first && timeout_ms > 0) {
        if (pthread_cond_timedwait(&l->change, &l->lock, &until) == ETIMEDOUT) break;
    }
    size_t count = 0;
    while (l->changed.first && count < capacity) {
        record *r = l->changed.first;
        l->changed.first = r->next_changed;
        if (!l->changed.first) l->changed.last = NULL;
        r->changed = 0;
        if (r->state) fill_report(l, r, &reports[count++]);
    }
    pthread_mutex_unlock(&l->lock);
    *n = count;
    return SBI_OK;
}

/* The record of a key, or NULL. */
static record *lookup(local *l, const char *key)
{
    size_t index = sbi_table_find(&l->table, key);
    return index == SBI_TABLE_NONE || !l->records[index]->state ? NULL : l->records[index];
}

static sbi_status local_fetch(void *self, const char *key, sbi_sink *sink)
{
    local *l = self;
    pthread_mutex_lock(&l->lock);
    record *r = lookup(l, key);
    int done = r && r->state == SBI_TASK_DONE;
    pthread_mutex_unlock(&l->lock);
    if (!done) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s: there is no result", key);
    /* A DONE record changes only in submit and release, which the caller does not call meanwhile. */
    return sbi_sink_write(sink, r->result.data, r->result.size);
}

static sbi_status local_cancel(void *self, const char *const *keys, size_t n)
{
    local *l = self;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        record *r = lookup(l, keys[i]);
        if (!r || sbi_task_state_final(r->state)) continue;
        atomic_store(&r->cancel, 1);
        if (r->state != SBI_TASK_PENDING) continue; /* a running one notices by itself */
        r->state = SBI_TASK_CANCELLED;
        r->status = SBI_ERR_CANCELLED;
        l->live--;
        mark_changed(l, r);
    }
    pthread_mutex_unlock(&l->lock);
    return SBI_OK;
}

static sbi_status local_release(void *self, const char *const *keys, size_t n)
{
    local *l = self;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        record *r = lookup(l, keys[i]);
        if (!r || !sbi_task_state_final(r->state)) continue;
        r->state = 0;
        sbi_text_clear(&r->result);
        sbi_free(l->ctx, r->spec);
        r->spec = NULL;
    }
    pthread_mutex_unlock(&l->lock);
    return SBI_OK;
}

static sbi_status local_capabilities(void *self, sbi_executor_caps *caps)
{
    local *l = self;
    caps->in_process = 1;
    caps->has_cancel = 1;
    /* Enough that no thread waits for the client; more would only make its queue harder to reorder. */
    caps->live = 4 * l->wanted;
    snprintf(caps->name, sizeof caps->name, "local");
    return SBI_OK;
}

static void local_close(void *self)
{
    local *l = self;
    pthread_mutex_lock(&l->lock);
    atomic_store(&l->closing, 1);
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->n_threads; i++) pthread_join(l->threads[i], NULL);
    for (size_t i = 0; i < l->n_records; i++) record_free(l->records[i]);
    sbi_free(l->ctx, l->records);
    sbi_table_free(&l->table);
    pthread_cond_destroy(&l->change);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
    sbi_free(l->ctx, l);
}

static const sbi_executor_ops local_ops = {
    .struct_size = (uint32_t)sizeof(sbi_executor_ops),
    .abi = SBI_EXECUTOR_ABI,
    .submit = local_submit,
    .poll = local_poll,
    .fetch = local_fetch,
    .cancel = local_cancel,
    .capabilities = local_capabilities,
    .close = local_close,
    .release = local_release,
};

/* Time-outs must not jump with the wall clock. */
static int init_conditions(local *l)
{
    pthread_condattr_t monotonic;
    int error = pthread_mutex_init(&l->lock, NULL);
    if (error) return error;
    error = pthread_condattr_init(&monotonic);
    if (!error) {
        error = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        if (!error) error = pthread_cond_init(&l->change, &monotonic);
        if (!error && (error = pthread_cond_init(&l->work, NULL))) pthread_cond_destroy(&l->change);
        pthread_condattr_destroy(&monotonic);
    }
    if (error) pthread_mutex_destroy(&l->lock);
    return error;
}

sbi_status sbi_local_open(sbi_executor **out, sbi_context *ctx, int32_t threads, sbi_local_runner run, void *user)
{
    *out = NULL;
    size_t wanted = threads > 0 ? (size_t)threads : (size_t)sbi_context_threads(ctx);
    local *l = sbi_alloc_zero(ctx, 1, sizeof *l + wanted * sizeof l->threads[0]);
    if (!l) return SBI_ERR_NO_MEMORY;
    l->ctx = ctx;
    l->run = run;
    l->user = user;
    l->wanted = wanted;
    if (gethostname(l->host, sizeof l->host - 1)) snprintf(l->host, sizeof l->host, "localhost");
    sbi_table_init(&l->table, ctx);
    int error = init_conditions(l);
    if (error) {
        sbi_free(ctx, l);
        return sbi_fail_errno(error, "executor \"local\"");
    }
    sbi_status status = sbi_executor_create(out, ctx, &local_ops, l);
    if (status != SBI_OK) local_close(l);
    return status;
}
