/* SPDX-License-Identifier: Apache-2.0 */
#include "contract/executor_toy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "exec/executor.h"
#include "base/table.h"

typedef struct item {
    char key[SBI_TASK_KEY_MAX + 1];
    sbi_text spec;
    sbi_text result;
    int32_t attempt;
    int32_t state;
    sbi_status status;
    int delay;     /* polls until it ends */
    int news;      /* to be reported */
    int silent;    /* vanished: nothing more is said of this attempt */
    int cancelled; /* asked to stop */
    char message[256];
} item;

typedef struct toy {
    sbi_context *ctx;
    toy_options options;
    uint64_t draws;
    sbi_table table;
    item **items;
    size_t n, capacity;
} toy;

static double draw(toy *t)
{
    return sbi_random_uniform(t->options.seed, 17, t->draws++);
}

static sbi_status trouble(toy *t, const char *call)
{
    if (t->options.out_for_ever || draw(t) < t->options.trouble) return sbi_fail(SBI_ERR_TRANSIENT, "toy: %s: try again", call);
    return SBI_OK;
}

static item *find(const toy *t, const char *key)
{
    size_t i = sbi_table_find(&t->table, key);
    return i == SBI_TABLE_NONE ? NULL : t->items[i];
}

static sbi_status add_item(toy *t, const char *key, item **out)
{
    if (t->n == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 16;
        item **grown = sbi_realloc_array(t->ctx, t->items, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        t->items = grown;
        t->capacity = capacity;
    }
    item *i = sbi_alloc_zero(t->ctx, 1, sizeof *i);
    if (!i) return SBI_ERR_NO_MEMORY;
    snprintf(i->key, sizeof i->key, "%s", key);
    sbi_text_init(&i->spec, t->ctx);
    sbi_text_init(&i->result, t->ctx);
    sbi_status status = sbi_table_insert(&t->table, i->key, t->n);
    if (status != SBI_OK) {
        sbi_free(t->ctx, i);
        return status;
    }
    t->items[t->n++] = i;
    *out = i;
    return SBI_OK;
}

static sbi_status take(toy *t, const sbi_task *task)
{
    item *i = find(t, task->key);
    if (!i) SBI_TRY(add_item(t, task->key, &i));
    int ended = sbi_task_state_final(i->state) || i->silent;
    if (i->state && (!ended || task->attempt <= i->attempt)) {
        i->news = !i->silent;
        return SBI_OK;
    }
    sbi_text_clear(&i->spec);
    sbi_text_add(&i->spec, task->spec, task->spec_size);
    if (i->spec.status != SBI_OK) return i->spec.status;
    i->attempt = task->attempt;
    i->state = SBI_TASK_PENDING;
    i->status = SBI_OK;
    i->delay = 1 + (int)(4 * draw(t));
    i->news = 1;
    i->silent = i->cancelled = 0;
    i->message[0] = '\0';
    return SBI_OK;
}

static sbi_status toy_submit(void *self, const sbi_task *tasks, size_t n)
{
    toy *t = self;
    for (size_t i = 0; i < n; i++) {
        if (draw(t) < 0.5) SBI_TRY(trouble(t, "submit")); /* somewhere in the middle */
        SBI_TRY(take(t, &tasks[i]));
    }
    return trouble(t, "submit");
}

static sbi_status collect(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static int32_t is_cancelled(void *user)
{
    return ((item *)user)->cancelled;
}

static void run_item(toy *t, item *i)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    sbi_context *ctx;
    o.cancel = is_cancelled;
    o.cancel_user = i;
    if (sbi_context_create(&ctx, &o) != SBI_OK) {
        i->state = SBI_TASK_OUT_OF_MEMORY;
        return;
    }
    sbi_text_clear(&i->result);
    sbi_sink sink = {sizeof sink, 0, collect, &i->result};
    sbi_task task = SBI_TASK_INIT;
    task.key = i->key;
    task.attempt = i->attempt;
    task.spec = i->spec.data;
    task.spec_size = i->spec.size;
    sbi_status status = t->options.run(t->options.user, ctx, &task, &sink);
    i->state = status == SBI_OK ? SBI_TASK_DONE : status == SBI_ERR_CANCELLED ? SBI_TASK_CANCELLED : SBI_TASK_FAILED;
    i->status = status;
    if (status != SBI_OK) snprintf(i->message, sizeof i->message, "%s", sbi_last_error());
    sbi_context_destroy(ctx);
}

/* A task that sleeps must not hold up the only thread: it "runs" as long as nobody cancels it, for a great many polls. */
static int is_long(const item *i)
{
    return i->spec.size > 9 && memcmp(i->spec.data, "sleep ", 6) == 0;
}

static void end_item(toy *t, item *i)
{
    static const int32_t mishaps[] = {SBI_TASK_LOST, SBI_TASK_TRANSIENT, SBI_TASK_PREEMPTED, SBI_TASK_OUT_OF_MEMORY};
    if (draw(t) < t->options.silence) {
        i->silent = 1;
        return;
    }
    i->news = 1;
    if (draw(t) < t->options.loss)
        i->state = mishaps[(int)(4 * draw(t))];
    else
        run_item(t, i);
}

static void advance(toy *t)
{
    for (size_t k = 0; k < t->n; k++) {
        item *i = t->items[k];
        if (i->silent || sbi_task_state_final(i->state)) continue;
        if (i->cancelled) {
            i->state = SBI_TASK_CANCELLED;
            i->news = 1;
        } else if (is_long(i) || --i->delay > 0) {
            i->news = i->news || draw(t) < 0.3;
            i->state = SBI_TASK_RUNNING;
        } else {
            end_item(t, i);
        }
    }
}

static sbi_status toy_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    toy *t = self;
    SBI_TRY(trouble(t, "poll"));
    advance(t);
    size_t count = 0, first = t->n ? (size_t)(draw(t) * (double)t->n) : 0;
    for (size_t k = 0; k < t->n && count < capacity; k++) {
        item *i = t->items[(first + k) % t->n]; /* in no particular order */
        if (!i->news || i->silent) continue;
        sbi_task_report *r = &reports[count++];
        r->state = i->state;
        r->attempt = i->attempt;
        r->status = i->status;
        snprintf(r->key, sizeof r->key, "%s", i->key);
        snprintf(r->message, sizeof r->message, "%s", i->message);
        if (draw(t) < 0.8) i->news = 0; /* else it says so again */
    }
    if (!count) nanosleep(&(struct timespec){0, timeout_ms > 0 ? 1000000 : 0}, NULL);
    *n = count;
    return SBI_OK;
}

static sbi_status toy_fetch(void *self, const char *key, sbi_sink *sink)
{
    toy *t = self;
    item *i = find(t, key);
    if (!i || i->state != SBI_TASK_DONE) return sbi_fail(SBI_ERR_NOT_FOUND, "toy: %s has no result", key);
    size_t half = i->result.size / 2;
    SBI_TRY(sbi_sink_write(sink, i->result.data, half));
    SBI_TRY(trouble(t, "fetch")); /* after half of it */
    if (draw(t) < t->options.corrupt) return sbi_fail(SBI_ERR_CHECKSUM, "toy: the result of %s is damaged", key);
    return sbi_sink_write(sink, i->result.data ? i->result.data + half : NULL, i->result.size - half);
}

static sbi_status toy_cancel(void *self, const char *const *keys, size_t n)
{
    toy *t = self;
    for (size_t k = 0; k < n; k++) {
        item *i = find(t, keys[k]);
        if (i && !sbi_task_state_final(i->state)) i->cancelled = 1;
    }
    return trouble(t, "cancel");
}

static sbi_status toy_capabilities(void *self, sbi_executor_caps *caps)
{
    (void)self;
    caps->has_cancel = 1;
    caps->batch = 7;
    caps->live = 23;
    snprintf(caps->name, sizeof caps->name, "toy");
    return SBI_OK;
}

static void toy_close(void *self)
{
    toy *t = self;
    for (size_t k = 0; k < t->n; k++) {
        sbi_text_clear(&t->items[k]->spec);
        sbi_text_clear(&t->items[k]->result);
        sbi_free(t->ctx, t->items[k]);
    }
    sbi_free(t->ctx, t->items);
    sbi_table_free(&t->table);
    sbi_free(t->ctx, t);
}

sbi_status toy_open(sbi_executor **out, sbi_context *ctx, const toy_options *options)
{
    static const sbi_executor_ops ops = {
        .struct_size = sizeof ops,
        .abi = SBI_EXECUTOR_ABI,
        .submit = toy_submit,
        .poll = toy_poll,
        .fetch = toy_fetch,
        .cancel = toy_cancel,
        .capabilities = toy_capabilities,
        .close = toy_close,
    };
    *out = NULL;
    toy *t = sbi_alloc_zero(ctx, 1, sizeof *t);
    if (!t) return SBI_ERR_NO_MEMORY;
    t->ctx = ctx;
    t->options = *options;
    sbi_table_init(&t->table, ctx);
    sbi_status status = sbi_executor_create(out, ctx, &ops, t);
    if (status != SBI_OK) toy_close(t);
    return status;
}
