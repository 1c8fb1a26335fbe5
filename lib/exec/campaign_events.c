/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened, in the order of the journal; and telling it to who wants to know. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "exec/campaign_internal.h"

#define PROGRESS_SECONDS 1.0 /* between two tellings of one task's progress */

const char *sbi_campaign_event_name(int32_t kind)
{
    switch (kind) {
    case SBI_EVENT_SUBMITTED: return "submitted";
    case SBI_EVENT_RETRIED: return "retried";
    case SBI_EVENT_STARTED: return "started";
    case SBI_EVENT_PROGRESS: return "progress";
    case SBI_EVENT_ENDED: return "ended";
    case SBI_EVENT_FAILED: return "failed";
    case SBI_EVENT_FINISHED: return "finished";
    case SBI_EVENT_GIVEN_UP: return "given up";
    default: return "unknown";
    }
}

/* ---- texts ----------------------------------------------------------------------------------------------------- */

sbi_status sbi_campaign_word(sbi_context *ctx, sbi_campaign_words *w, const char *text, size_t *index)
{
    *index = sbi_table_find(&w->table, text);
    if (*index != SBI_TABLE_NONE) return SBI_OK;
    if (w->n == UINT32_MAX) return SBI_ERR_NO_MEMORY;
    if (w->n == w->capacity) {
        const size_t capacity = w->capacity ? 2 * w->capacity : 8;
        char **grown = sbi_realloc_array(ctx, w->words, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        w->words = grown;
        w->capacity = capacity;
    }
    char *copy = sbi_strdup(ctx, text);
    if (!copy) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_table_insert(&w->table, copy, w->n);
    if (status != SBI_OK) {
        sbi_free(ctx, copy);
        return status;
    }
    *index = w->n;
    w->words[w->n++] = copy;
    return SBI_OK;
}

void sbi_campaign_words_free(sbi_context *ctx, sbi_campaign_words *w)
{
    for (size_t i = 0; i < w->n; i++) sbi_free(ctx, w->words[i]);
    sbi_free(ctx, w->words);
    sbi_table_free(&w->table);
}

/* ---- keeping --------------------------------------------------------------------------------------------------- */

sbi_status sbi_campaign_event_reserve(sbi_campaign *c, const char *host, const char *message)
{
    size_t index;
    SBI_TRY(sbi_campaign_word(c->ctx, &c->words, "", &index));
    SBI_TRY(sbi_campaign_word(c->ctx, &c->words, host, &index));
    SBI_TRY(sbi_campaign_word(c->ctx, &c->words, message, &index));
    if (c->n_events < c->event_capacity) return SBI_OK;
    size_t capacity = c->event_capacity ? 2 * c->event_capacity : 256;
    sbi_campaign_moment *grown = sbi_realloc_array(c->ctx, c->events, capacity, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    c->events = grown;
    c->event_capacity = capacity;
    return SBI_OK;
}

static uint32_t word_of(const sbi_campaign *c, const char *text)
{
    return (uint32_t)sbi_table_find(&c->words.table, text);
}

void sbi_campaign_event_add(sbi_campaign *c, size_t index, int64_t time, int kind, const sbi_task_report *r)
{
    const sbi_campaign_task *t = c->tasks[index];
    const int late = kind == SBI_EVENT_FINISHED || kind == SBI_EVENT_GIVEN_UP; /* after the attempt, of which the task has all */
    sbi_campaign_moment *m = &c->events[c->n_events++];
    memset(m, 0, sizeof *m);
    m->time = time;
    m->task = index;
    m->seconds = r->seconds;
    m->cpu_seconds = r->cpu_seconds;
    m->peak = r->peak_memory;
    m->memory = t->memory;
    m->host = word_of(c, late ? t->host : r->host);
    m->message = word_of(c, kind == SBI_EVENT_GIVEN_UP ? t->message : r->message);
    m->attempt = r->attempt;
    m->state = (int8_t)r->state;
    m->kind = (int8_t)kind;
}

/* ---- looking --------------------------------------------------------------------------------------------------- */

static void fill_task(const sbi_campaign *c, size_t index, sbi_campaign_event *e)
{
    const sbi_campaign_task *t = c->tasks[index];
    e->struct_size = (uint32_t)sizeof *e;
    e->task = index;
    e->cpus = t->cpus;
    e->gpus = t->gpus;
    e->key = t->key;
    e->stage = c->stages.words[t->stage];
}

static sbi_campaign_event event_at(const sbi_campaign *c, size_t index)
{
    const sbi_campaign_moment *m = &c->events[index];
    sbi_campaign_event e = {.state = m->state, .time = m->time, .attempt = m->attempt, .kind = m->kind};
    fill_task(c, m->task, &e);
    e.seconds = m->seconds;
    e.cpu_seconds = m->cpu_seconds;
    e.peak_memory = m->peak;
    e.memory = m->memory;
    e.progress = m->kind == SBI_EVENT_ENDED || m->kind == SBI_EVENT_FINISHED;
    e.host = c->words.words[m->host];
    e.message = c->words.words[m->message];
    return e;
}

size_t sbi_campaign_event_count(const sbi_campaign *c)
{
    return c ? c->n_events : 0;
}

sbi_status sbi_campaign_event_get(const sbi_campaign *c, size_t index, sbi_campaign_event *event)
{
    SBI_REQUIRE(c && event, "sbi_campaign_event_get: an argument is NULL");
    SBI_REQUIRE(index < c->n_events, "sbi_campaign_event_get: index is %zu, there are %zu events", index, c->n_events);
    const sbi_campaign_event e = event_at(c, index);
    return sbi_campaign_hand_over(event, &e, sizeof e, offsetof(sbi_campaign_event, cpu_seconds), "sbi_campaign_event");
}

/* ---- telling --------------------------------------------------------------------------------------------------- */

sbi_status sbi_campaign_tell(sbi_campaign *c)
{
    SBI_TRY(sbi_campaign_lines_write(c));
    while (c->options.event && c->told < c->n_events) {
        const sbi_campaign_event e = event_at(c, c->told++);
        SBI_TRY(c->options.event(c->options.event_user, &e));
    }
    return SBI_OK;
}

sbi_status sbi_campaign_tell_progress(sbi_campaign *c, size_t index, const sbi_task_report *r)
{
    sbi_campaign_task *t = c->tasks[index];
    const double now = sbi_campaign_now();
    if ((!c->options.event && !c->lines.path) || !(r->progress > 0) || (t->told > 0 && now - t->told < PROGRESS_SECONDS)) return SBI_OK;
    t->told = now;
    /* Nothing is told that the journal does not know yet. */
    SBI_TRY(sbi_journal_flush(&c->journal, 0));
    SBI_TRY(sbi_campaign_tell(c));
    sbi_campaign_event e = {.state = r->state, .time = sbi_campaign_now_ms(), .attempt = r->attempt, .kind = SBI_EVENT_PROGRESS};
    fill_task(c, index, &e);
    e.seconds = r->seconds;
    e.cpu_seconds = r->cpu_seconds;
    e.peak_memory = r->peak_memory;
    e.memory = t->memory;
    e.progress = r->progress;
    e.host = r->host;
    e.message = r->message;
    SBI_TRY(sbi_campaign_lines_progress(c, &e));
    return c->options.event ? c->options.event(c->options.event_user, &e) : SBI_OK;
}
