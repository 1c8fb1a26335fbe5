/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a campaign's journal. What a record does to a task is written once, in apply_*: the client that makes a
 * record and the one that replays it end in the same state. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "exec/campaign_internal.h"
#include "exec/executor.h"

#define FORMAT_VERSION 1

/* ---- what records do ------------------------------------------------------------------------------------------- */

static void apply_submit(sbi_campaign *c, size_t index, int64_t time, int32_t attempt, uint64_t memory)
{
    sbi_campaign_task *t = c->tasks[index];
    t->phase = SBI_PHASE_SUBMITTED;
    t->state = SBI_TASK_PENDING;
    t->attempt = attempt;
    t->memory = memory;
    t->fetches = 0;
    t->progress = t->running = 0;
    t->ended = 0;
    t->started = t->told = 0;
    if (!t->began) t->began = time;
    const sbi_task_report r = {.state = SBI_TASK_PENDING, .attempt = attempt};
    sbi_campaign_event_add(c, index, time, attempt > 1 ? SBI_EVENT_RETRIED : SBI_EVENT_SUBMITTED, &r);
}

static void apply_state(sbi_campaign *c, size_t index, int64_t time, const sbi_task_report *r)
{
    sbi_campaign_task *t = c->tasks[index];
    int final = sbi_task_state_final(r->state);
    t->attempt = r->attempt;
    t->state = r->state == SBI_TASK_DONE ? SBI_TASK_RUNNING : r->state; /* DONE only with its result here */
    t->running = 0;
    if (final && r->attempt != t->counted) {
        t->seconds += r->seconds;
        t->cpu_seconds += r->cpu_seconds;
        t->gib_seconds += r->seconds * (double)(t->memory ? t->memory : r->peak_memory) / 1073741824.0;
        t->counted = r->attempt;
    }
    if (r->peak_memory > t->peak) t->peak = r->peak_memory;
    if (r->host[0]) memcpy(t->host, r->host, sizeof t->host);
    if (final && r->state != SBI_TASK_DONE) {
        t->phase = SBI_PHASE_WAITING;
        t->status = r->status;
        memcpy(t->message, r->message, sizeof t->message);
        t->progress = 0;
        t->ended = time;
        if (r->state == SBI_TASK_PREEMPTED) t->preemptions++;
    }
    sbi_campaign_event_add(c, index, time,
                           !final                         ? SBI_EVENT_STARTED
                           : r->state == SBI_TASK_DONE ? SBI_EVENT_ENDED
                                                         : SBI_EVENT_FAILED,
                           r);
}

static void apply_done(sbi_campaign *c, size_t index, int64_t time, uint64_t size, const char *sha256)
{
    sbi_campaign_task *t = c->tasks[index];
    t->phase = SBI_PHASE_DONE;
    t->state = SBI_TASK_DONE;
    t->status = SBI_OK;
    t->size = size;
    t->ended = time;
    t->progress = 1;
    memcpy(t->sha256, sha256, SBI_SHA256_HEX_SIZE);
    t->message[0] = t->doing[0] = '\0';
    const sbi_task_report r = {.state = SBI_TASK_DONE, .attempt = t->attempt};
    sbi_campaign_event_add(c, index, time, SBI_EVENT_FINISHED, &r);
}

static void apply_undone(sbi_campaign *c, size_t index)
{
    sbi_campaign_task *t = c->tasks[index];
    t->phase = SBI_PHASE_WAITING;
    t->state = SBI_TASK_PENDING;
    t->size = 0;
    t->ended = 0;
    t->progress = 0;
    t->sha256[0] = '\0';
}

static void apply_giveup(sbi_campaign *c, size_t index, int64_t time)
{
    sbi_campaign_task *t = c->tasks[index];
    t->phase = SBI_PHASE_GIVEN_UP;
    const sbi_task_report r = {.state = t->state, .attempt = t->attempt};
    sbi_campaign_event_add(c, index, time, SBI_EVENT_GIVEN_UP, &r);
}

static void apply_again(sbi_campaign *c, size_t index)
{
    c->tasks[index]->phase = SBI_PHASE_WAITING;
    c->tasks[index]->state = SBI_TASK_PENDING;
}

/* A new run: what was given up is tried afresh, unless it is to stay so. What was submitted stays so, to be adopted. */
static void apply_begin(sbi_campaign *c, int keep_given_up)
{
    for (size_t i = 0; i < c->n_tasks; i++) {
        sbi_campaign_task *t = c->tasks[i];
        t->failures = 0;
        t->due = 0;
        if (t->phase == SBI_PHASE_LIVE || t->phase == SBI_PHASE_FETCH) t->phase = SBI_PHASE_SUBMITTED;
        if (t->phase == SBI_PHASE_GIVEN_UP && !keep_given_up) apply_again(c, i);
    }
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static uint64_t micro(double seconds)
{
    return seconds > 0 ? (uint64_t)(seconds * 1e6 + 0.5) : 0;
}

static double from_micro(uint64_t us)
{
    return 1e-6 * (double)us;
}

/* Prices have more digits. */
static uint64_t nano(double price)
{
    return price > 0 ? (uint64_t)(price * 1e9 + 0.5) : 0;
}

static void begin_task_record(sbi_campaign *c, const char *kind, size_t index, int64_t time)
{
    sbi_journal_begin(&c->journal, kind);
    sbi_journal_add_i64(&c->journal, time);
    sbi_journal_add_u64(&c->journal, index);
}

/* What `add` of the first version had no room for. */
static sbi_status write_hints(sbi_campaign *c, size_t index)
{
    const sbi_campaign_task *t = c->tasks[index];
    const char *stage = c->stages.words[t->stage];
    if (t->gpus <= 0 && !stage[0]) return SBI_OK;
    begin_task_record(c, "hints", index, t->added);
    sbi_journal_add_u64(&c->journal, micro(t->gpus));
    sbi_journal_add_text(&c->journal, stage);
    return sbi_journal_end(&c->journal);
}

static sbi_status write_add(sbi_campaign *c, sbi_campaign_task *t)
{
    sbi_journal *j = &c->journal;
    sbi_journal_begin(j, "add");
    sbi_journal_add_i64(j, t->added);
    sbi_journal_add_text(j, t->key);
    sbi_journal_add_u64(j, micro(t->cpus));
    sbi_journal_add_u64(j, t->memory);
    sbi_journal_add_u64(j, t->n_after);
    for (size_t i = 0; i < t->n_after; i++) sbi_journal_add_u64(j, t->after[i]);
    sbi_journal_add_bytes(j, t->spec, t->spec_size);
    SBI_TRY(sbi_journal_end(j));
    t->journalled = 1;
    return SBI_OK;
}

static sbi_status write_prices(sbi_campaign *c)
{
    sbi_journal *j = &c->journal;
    if (memcmp(&c->prices, &c->journalled_prices, sizeof c->prices) == 0) return SBI_OK;
    sbi_journal_begin(j, "prices");
    sbi_journal_add_i64(j, sbi_campaign_now_ms());
    sbi_journal_add_u64(j, nano(c->prices.core_hour));
    sbi_journal_add_u64(j, nano(c->prices.gpu_hour));
    sbi_journal_add_u64(j, nano(c->prices.gib_hour));
    sbi_journal_add_text(j, c->prices.currency);
    SBI_TRY(sbi_journal_end(j));
    c->journalled_prices = c->prices;
    return SBI_OK;
}

static sbi_status set_executor(sbi_campaign *c, const char *name, const char *config, int complete)
{
    char *name_copy = sbi_strdup(c->ctx, name), *config_copy = sbi_strdup(c->ctx, config);
    if (!name_copy || !config_copy) {
        sbi_free(c->ctx, name_copy);
        sbi_free(c->ctx, config_copy);
        return SBI_ERR_NO_MEMORY;
    }
    sbi_free(c->ctx, c->executor);
    sbi_free(c->ctx, c->config);
    c->executor = name_copy;
    c->config = config_copy;
    c->complete = complete;
    return SBI_OK;
}

/* How the executor was opened, for who resumes; nothing where it had no name. */
static sbi_status write_executor(sbi_campaign *c, sbi_executor *exec)
{
    sbi_journal *j = &c->journal;
    int complete;
    const char *config, *name = sbi_executor_recipe(exec, &config, &complete);
    if (!name) return SBI_OK;
    if (c->executor && strcmp(c->executor, name) == 0 && strcmp(c->config, config) == 0 && c->complete == complete) return SBI_OK;
    sbi_journal_begin(j, "executor");
    sbi_journal_add_i64(j, sbi_campaign_now_ms());
    sbi_journal_add_text(j, name);
    sbi_journal_add_text(j, config);
    sbi_journal_add_i64(j, complete);
    SBI_TRY(sbi_journal_end(j));
    return set_executor(c, name, config, complete);
}

static sbi_status write_head(sbi_campaign *c)
{
    sbi_journal *j = &c->journal;
    if (!c->headed) {
        sbi_journal_begin(j, "campaign");
        sbi_journal_add_u64(j, FORMAT_VERSION);
        SBI_TRY(sbi_journal_end(j));
        c->headed = 1;
    }
    return SBI_OK;
}

sbi_status sbi_campaign_record_begin(sbi_campaign *c, sbi_executor *exec, const char *name)
{
    sbi_journal *j = &c->journal;
    SBI_TRY(write_head(c));
    for (size_t i = 0; i < c->n_tasks; i++) {
        if (c->tasks[i]->journalled) continue;
        SBI_TRY(write_add(c, c->tasks[i]));
        SBI_TRY(write_hints(c, i));
    }
    SBI_TRY(write_prices(c));
    SBI_TRY(write_executor(c, exec));
    sbi_journal_begin(j, c->options.keep_given_up ? "rerun" : "run");
    sbi_journal_add_i64(j, sbi_campaign_now_ms());
    sbi_journal_add_text(j, name);
    SBI_TRY(sbi_journal_end(j));
    apply_begin(c, c->options.keep_given_up);
    return SBI_OK;
}

sbi_status sbi_campaign_record_submit(sbi_campaign *c, size_t index)
{
    const sbi_campaign_task *t = c->tasks[index];
    int64_t time = sbi_campaign_now_ms();
    SBI_TRY(sbi_campaign_event_reserve(c, "", ""));
    begin_task_record(c, "submit", index, time);
    sbi_journal_add_i64(&c->journal, t->attempt + 1);
    sbi_journal_add_u64(&c->journal, t->memory);
    SBI_TRY(sbi_journal_end(&c->journal));
    apply_submit(c, index, time, t->attempt + 1, t->memory);
    return SBI_OK;
}

/* Of a report what is kept; times as they will be read again. */
static sbi_task_report kept(const sbi_task_report *report)
{
    sbi_task_report r = *report;
    r.seconds = from_micro(micro(r.seconds));
    r.cpu_seconds = from_micro(micro(r.cpu_seconds));
    if (r.state == SBI_TASK_RUNNING || r.state == SBI_TASK_DONE) r.message[0] = '\0'; /* what it was doing */
    return r;
}

sbi_status sbi_campaign_record_state(sbi_campaign *c, size_t index, const sbi_task_report *report)
{
    int64_t time = sbi_campaign_now_ms();
    const sbi_task_report copy = kept(report), *r = &copy;
    SBI_TRY(sbi_campaign_event_reserve(c, r->host, r->message));
    begin_task_record(c, "state", index, time);
    sbi_journal_add_i64(&c->journal, r->attempt);
    sbi_journal_add_i64(&c->journal, r->state);
    sbi_journal_add_i64(&c->journal, r->status);
    sbi_journal_add_u64(&c->journal, micro(r->seconds));
    sbi_journal_add_u64(&c->journal, r->peak_memory);
    sbi_journal_add_text(&c->journal, r->host);
    sbi_journal_add_text(&c->journal, r->message);
    if (r->cpu_seconds > 0) sbi_journal_add_u64(&c->journal, micro(r->cpu_seconds));
    SBI_TRY(sbi_journal_end(&c->journal));
    apply_state(c, index, time, r);
    return SBI_OK;
}

sbi_status sbi_campaign_record_done(sbi_campaign *c, size_t index, uint64_t size, const char *sha256)
{
    int64_t time = sbi_campaign_now_ms();
    SBI_TRY(sbi_campaign_event_reserve(c, c->tasks[index]->host, ""));
    begin_task_record(c, "done", index, time);
    sbi_journal_add_u64(&c->journal, size);
    sbi_journal_add_text(&c->journal, sha256);
    SBI_TRY(sbi_journal_end(&c->journal));
    apply_done(c, index, time, size, sha256);
    return SBI_OK;
}

sbi_status sbi_campaign_record_undone(sbi_campaign *c, size_t index)
{
    begin_task_record(c, "undone", index, sbi_campaign_now_ms());
    SBI_TRY(sbi_journal_end(&c->journal));
    apply_undone(c, index);
    return SBI_OK;
}

sbi_status sbi_campaign_record_giveup(sbi_campaign *c, size_t index)
{
    int64_t time = sbi_campaign_now_ms();
    const sbi_campaign_task *t = c->tasks[index];
    SBI_TRY(sbi_campaign_event_reserve(c, t->host, t->message));
    begin_task_record(c, "giveup", index, time);
    SBI_TRY(sbi_journal_end(&c->journal));
    apply_giveup(c, index, time);
    return SBI_OK;
}

sbi_status sbi_campaign_record_again(sbi_campaign *c, size_t index)
{
    begin_task_record(c, "again", index, sbi_campaign_now_ms());
    SBI_TRY(sbi_journal_end(&c->journal));
    apply_again(c, index);
    return SBI_OK;
}

/* ---- replaying ------------------------------------------------------------------------------------------------- */

static sbi_status malformed(const char *kind)
{
    return sbi_fail(SBI_ERR_FORMAT, "malformed \"%s\" record", kind);
}

static sbi_status replay_add(sbi_campaign *c, sbi_journal_fields *f)
{
    int64_t time;
    char *key, *spec;
    size_t key_size, spec_size;
    uint64_t cpus, memory, n_after;
    if (!sbi_journal_next_i64(f, 0, INT64_MAX, &time) || !sbi_journal_next_bytes(f, &key, &key_size) ||
        !sbi_journal_next_u64(f, &cpus) || !sbi_journal_next_u64(f, &memory) || !sbi_journal_next_u64(f, &n_after) ||
        n_after > c->n_tasks || !sbi_task_key_valid(key) || sbi_table_find(&c->table, key) != SBI_TABLE_NONE)
        return malformed("add");
    size_t *after = sbi_alloc_array(c->ctx, (size_t)n_after, sizeof *after);
    if (!after) return SBI_ERR_NO_MEMORY;
    int good = 1;
    for (uint64_t i = 0; i < n_after && good; i++) {
        uint64_t index = 0;
        good = sbi_journal_next_u64(f, &index) && index < c->n_tasks;
        after[i] = (size_t)index;
    }
    sbi_status status = SBI_OK;
    sbi_campaign_task *t = NULL;
    if (!good || !sbi_journal_next_bytes(f, &spec, &spec_size) || sbi_journal_next_word(f))
        status = malformed("add");
    else
        status = sbi_campaign_insert(c, key, spec, spec_size, 1e-6 * (double)cpus, memory, after, (size_t)n_after, &t);
    sbi_free(c->ctx, after);
    if (status != SBI_OK) return status;
    t->added = time;
    t->journalled = 1;
    return SBI_OK;
}

static sbi_status replay_submit(sbi_campaign *c, sbi_journal_fields *f, size_t index, int64_t time)
{
    int64_t attempt;
    uint64_t memory;
    if (!sbi_journal_next_i64(f, 1, INT32_MAX, &attempt) || !sbi_journal_next_u64(f, &memory) || sbi_journal_next_word(f))
        return malformed("submit");
    SBI_TRY(sbi_campaign_event_reserve(c, "", ""));
    apply_submit(c, index, time, (int32_t)attempt, memory);
    return SBI_OK;
}

static sbi_status replay_state(sbi_campaign *c, sbi_journal_fields *f, size_t index, int64_t time)
{
    int64_t attempt, state, why;
    uint64_t us, peak, cpu_us = 0;
    char *host, *message;
    size_t host_size, message_size;
    if (!sbi_journal_next_i64(f, 1, INT32_MAX, &attempt) || !sbi_journal_next_i64(f, 1, SBI_TASK_CANCELLED, &state) ||
        !sbi_journal_next_i64(f, INT32_MIN, 0, &why) || !sbi_journal_next_u64(f, &us) || !sbi_journal_next_u64(f, &peak) ||
        !sbi_journal_next_bytes(f, &host, &host_size) || !sbi_journal_next_bytes(f, &message, &message_size) ||
        (*f->at && !sbi_journal_next_u64(f, &cpu_us)) || sbi_journal_next_word(f) ||
        (state != SBI_TASK_RUNNING && !sbi_task_state_final((int32_t)state)))
        return malformed("state");
    sbi_task_report r = {.state = (int32_t)state, .attempt = (int32_t)attempt, .status = (sbi_status)why};
    r.seconds = from_micro(us);
    r.cpu_seconds = from_micro(cpu_us);
    r.peak_memory = peak;
    snprintf(r.host, sizeof r.host, "%s", host);
    snprintf(r.message, sizeof r.message, "%s", message);
    SBI_TRY(sbi_campaign_event_reserve(c, r.host, r.message));
    apply_state(c, index, time, &r);
    return SBI_OK;
}

static sbi_status replay_done(sbi_campaign *c, sbi_journal_fields *f, size_t index, int64_t time)
{
    uint64_t size;
    char *sha256;
    size_t digits;
    if (!sbi_journal_next_u64(f, &size) || !sbi_journal_next_bytes(f, &sha256, &digits) ||
        digits != SBI_SHA256_HEX_SIZE - 1 || sbi_journal_next_word(f))
        return malformed("done");
    SBI_TRY(sbi_campaign_event_reserve(c, c->tasks[index]->host, ""));
    apply_done(c, index, time, size, sha256);
    return SBI_OK;
}

static sbi_status replay_hints(sbi_campaign *c, sbi_journal_fields *f, size_t index)
{
    uint64_t gpus;
    char *stage;
    size_t size;
    if (!sbi_journal_next_u64(f, &gpus) || !sbi_journal_next_bytes(f, &stage, &size) || size >= SBI_STAGE_SIZE ||
        sbi_journal_next_word(f))
        return malformed("hints");
    c->tasks[index]->gpus = from_micro(gpus);
    return sbi_campaign_set_stage(c, c->tasks[index], stage);
}

static sbi_status replay_prices(sbi_campaign *c, sbi_journal_fields *f)
{
    int64_t time;
    uint64_t core, gpu, gib;
    char *currency;
    size_t size;
    if (!sbi_journal_next_i64(f, 0, INT64_MAX, &time) || !sbi_journal_next_u64(f, &core) || !sbi_journal_next_u64(f, &gpu) ||
        !sbi_journal_next_u64(f, &gib) || !sbi_journal_next_bytes(f, &currency, &size) || size >= sizeof c->prices.currency ||
        sbi_journal_next_word(f))
        return malformed("prices");
    sbi_campaign_prices *p = &c->journalled_prices;
    memset(p, 0, sizeof *p);
    p->core_hour = 1e-9 * (double)core;
    p->gpu_hour = 1e-9 * (double)gpu;
    p->gib_hour = 1e-9 * (double)gib;
    snprintf(p->currency, sizeof p->currency, "%s", currency);
    return SBI_OK;
}

static sbi_status replay_executor(sbi_campaign *c, sbi_journal_fields *f)
{
    int64_t time, complete;
    char *name, *config;
    size_t name_size, config_size;
    if (!sbi_journal_next_i64(f, 0, INT64_MAX, &time) || !sbi_journal_next_bytes(f, &name, &name_size) ||
        !sbi_journal_next_bytes(f, &config, &config_size) || !sbi_journal_next_i64(f, 0, 1, &complete) || sbi_journal_next_word(f))
        return malformed("executor");
    return set_executor(c, name, config, (int)complete);
}

static sbi_status replay_of_task(sbi_campaign *c, const char *kind, sbi_journal_fields *f)
{
    int64_t time;
    uint64_t index;
    if (!sbi_journal_next_i64(f, 0, INT64_MAX, &time) || !sbi_journal_next_u64(f, &index) || index >= c->n_tasks)
        return malformed(kind);
    size_t i = (size_t)index;
    if (strcmp(kind, "hints") == 0) return replay_hints(c, f, i);
    if (strcmp(kind, "submit") == 0) return replay_submit(c, f, i, time);
    if (strcmp(kind, "state") == 0) return replay_state(c, f, i, time);
    if (strcmp(kind, "done") == 0) return replay_done(c, f, i, time);
    if (strcmp(kind, "giveup") == 0) SBI_TRY(sbi_campaign_event_reserve(c, c->tasks[i]->host, c->tasks[i]->message));
    if (strcmp(kind, "undone") == 0)
        apply_undone(c, i);
    else if (strcmp(kind, "giveup") == 0)
        apply_giveup(c, i, time);
    else if (strcmp(kind, "again") == 0)
        apply_again(c, i);
    else
        return sbi_fail(SBI_ERR_VERSION, "unknown record \"%.32s\"; was it written by a newer version?", kind);
    return sbi_journal_next_word(f) ? malformed(kind) : SBI_OK;
}

sbi_status sbi_campaign_replay(void *user, sbi_journal_fields *f)
{
    sbi_campaign *c = user;
    const char *kind = sbi_journal_next_word(f);
    if (!kind) return malformed("");
    if (!c->headed) {
        uint64_t version;
        if (strcmp(kind, "campaign") != 0 || !sbi_journal_next_u64(f, &version))
            return sbi_fail(SBI_ERR_FORMAT, "this is not the journal of a campaign");
        if (version != FORMAT_VERSION)
            return sbi_fail(SBI_ERR_VERSION, "journal of format %llu, this library reads %d", (unsigned long long)version,
                            FORMAT_VERSION);
        c->headed = 1;
        return SBI_OK;
    }
    if (strcmp(kind, "add") == 0) return replay_add(c, f);
    if (strcmp(kind, "run") == 0 || strcmp(kind, "rerun") == 0) {
        apply_begin(c, kind[1] == 'e');
        return SBI_OK;
    }
    if (strcmp(kind, "prices") == 0) return replay_prices(c, f);
    if (strcmp(kind, "executor") == 0) return replay_executor(c, f);
    return replay_of_task(c, kind, f);
}
