/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"
#include "exec/campaign.h"
#include "exec/campaign_internal.h"
#include "exec/executor.h"

int64_t sbi_campaign_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double sbi_campaign_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

sbi_status sbi_campaign_hand_over(void *out, const void *ours, size_t size, size_t smallest, const char *name)
{
    uint32_t given;
    memcpy(&given, out, sizeof given);
    if (given < smallest) return sbi_fail(SBI_ERR_ABI, "%s: struct_size is %u, expected %zu or more", name, (unsigned)given, smallest);
    memcpy(out, ours, given < size ? given : size);
    memcpy(out, &given, sizeof given);
    return SBI_OK;
}

/* ---- opening and closing --------------------------------------------------------------------------------------- */

void sbi_campaign_options_init(sbi_campaign_options *options)
{
    if (!options) return;
    const sbi_campaign_options defaults = SBI_CAMPAIGN_OPTIONS_INIT;
    *options = defaults;
}

static sbi_status check_seconds(const char *name, double value)
{
    SBI_REQUIRE(value >= 0 && value <= 1e9, "sbi_campaign_options.%s is %g, expected 0 to 1e9", name, value);
    return SBI_OK;
}

static sbi_status check_options(const sbi_campaign_options *o)
{
    SBI_REQUIRE(o->read_only == 0 || o->read_only == 1, "sbi_campaign_options.read_only is %d, expected 0 or 1",
                (int)o->read_only);
    SBI_REQUIRE(o->max_attempts >= 1, "sbi_campaign_options.max_attempts is %d, expected 1 or more", (int)o->max_attempts);
    SBI_REQUIRE(o->max_preemptions >= 0, "sbi_campaign_options.max_preemptions is %d, expected 0 or more",
                (int)o->max_preemptions);
    SBI_REQUIRE(o->max_failures >= 0, "sbi_campaign_options.max_failures is %d, expected 0 or more", (int)o->max_failures);
    SBI_REQUIRE(o->keep_given_up == 0 || o->keep_given_up == 1, "sbi_campaign_options.keep_given_up is %d, expected 0 or 1",
                (int)o->keep_given_up);
    SBI_REQUIRE(o->batch >= 1 && o->batch <= 1000000, "sbi_campaign_options.batch is %llu, expected 1 to 1000000",
                (unsigned long long)o->batch);
    SBI_TRY(check_seconds("backoff_seconds", o->backoff_seconds));
    SBI_TRY(check_seconds("backoff_max_seconds", o->backoff_max_seconds));
    SBI_TRY(check_seconds("silence_seconds", o->silence_seconds));
    SBI_TRY(check_seconds("outage_seconds", o->outage_seconds));
    SBI_TRY(check_seconds("deadline_seconds", o->deadline_seconds));
    SBI_TRY(check_seconds("task_seconds", o->task_seconds));
    SBI_TRY(check_seconds("core_hour", o->core_hour));
    SBI_TRY(check_seconds("gpu_hour", o->gpu_hour));
    SBI_TRY(check_seconds("gib_hour", o->gib_hour));
    SBI_REQUIRE(!o->currency || strlen(o->currency) < sizeof ((sbi_campaign_prices *)0)->currency,
                "sbi_campaign_options.currency is \"%.40s\", expected at most 15 bytes", o->currency);
    SBI_REQUIRE(!o->event_file || *o->event_file, "sbi_campaign_options.event_file is empty");
    return SBI_OK;
}

static sbi_status take_lock(sbi_campaign *c)
{
    char *path = sbi_path_join(c->ctx, c->folder, "lock");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (c->lock < 0)
        status = sbi_fail_errno(errno, "%s", path);
    else if (flock(c->lock, LOCK_EX | LOCK_NB))
        status = errno == EWOULDBLOCK ? sbi_fail(SBI_ERR_STATE, "%s: another client is at work in this campaign", path)
                                      : sbi_fail_errno(errno, "%s", path);
    sbi_free(c->ctx, path);
    return status;
}

static sbi_status open_folder(sbi_campaign *c, const char *folder)
{
    int read_only = c->options.read_only;
    c->folder = sbi_strdup(c->ctx, folder);
    c->results = sbi_path_join(c->ctx, folder, "results");
    c->cancel = sbi_path_join(c->ctx, folder, "cancel");
    if (!c->folder || !c->results || !c->cancel) return SBI_ERR_NO_MEMORY;
    if (!read_only) {
        SBI_TRY(sbi_path_make_folder(c->ctx, c->results));
        SBI_TRY(take_lock(c));
    }
    char *path = sbi_path_join(c->ctx, folder, "journal");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    if (read_only && !sbi_path_exists(path))
        status = sbi_fail(SBI_ERR_NOT_FOUND, "%s: no such file; is this the folder of a campaign?", path);
    if (status == SBI_OK) status = sbi_journal_open(&c->journal, c->ctx, path, read_only, sbi_campaign_replay, c);
    if (status == SBI_OK && !read_only) status = sbi_file_sync_folder(c->folder);
    sbi_free(c->ctx, path);
    return status;
}

/* As they are read again from the journal. */
static double rounded(double price)
{
    return 1e-9 * (double)(uint64_t)(price * 1e9 + 0.5);
}

/* The options' prices, or if there are none those of an earlier run. */
static void take_prices(sbi_campaign *c)
{
    const sbi_campaign_options *o = &c->options;
    sbi_campaign_prices *p = &c->prices;
    if (o->core_hour <= 0 && o->gpu_hour <= 0 && o->gib_hour <= 0) {
        *p = c->journalled_prices;
        return;
    }
    p->core_hour = rounded(o->core_hour);
    p->gpu_hour = rounded(o->gpu_hour);
    p->gib_hour = rounded(o->gib_hour);
    snprintf(p->currency, sizeof p->currency, "%s", o->currency ? o->currency : "");
}

/* Texts of the options are the caller's only for the call. */
static sbi_status take_options(sbi_campaign *c)
{
    if (c->options.event_file && !(c->lines.path = sbi_strdup(c->ctx, c->options.event_file))) return SBI_ERR_NO_MEMORY;
    c->options.event_file = NULL;
    take_prices(c);
    c->options.currency = NULL;
    c->told = c->n_events;
    return SBI_OK;
}

sbi_status sbi_campaign_open(sbi_campaign **out, sbi_context *ctx, const char *folder, const sbi_campaign_options *options)
{
    SBI_REQUIRE(out, "sbi_campaign_open: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_campaign_open: ctx is NULL");
    SBI_REQUIRE(!folder || *folder, "sbi_campaign_open: folder is empty");
    sbi_campaign_options known = SBI_CAMPAIGN_OPTIONS_INIT;
    SBI_TRY(sbi_options_read(&known, sizeof known, offsetof(sbi_campaign_options, event), options, "sbi_campaign_options"));
    SBI_TRY(check_options(&known));
    SBI_REQUIRE(folder || !known.read_only, "sbi_campaign_open: read_only needs a folder");
    sbi_campaign *c = sbi_alloc_zero(ctx, 1, sizeof *c);
    if (!c) return SBI_ERR_NO_MEMORY;
    c->ctx = ctx;
    c->options = known;
    c->lock = -1;
    c->journal.fd = -1;
    c->journal.ctx = ctx;
    sbi_text_init(&c->journal.buffer, ctx);
    sbi_text_init(&c->journal.line, ctx);
    sbi_table_init(&c->table, ctx);
    sbi_table_init(&c->words.table, ctx);
    sbi_table_init(&c->stages.table, ctx);
    sbi_text_init(&c->lines.buffer, ctx);
    c->lines.fd = -1;
    sbi_status status = folder ? open_folder(c, folder) : SBI_OK;
    if (status == SBI_OK) status = take_options(c);
    if (status != SBI_OK) {
        sbi_campaign_close(c);
        return status;
    }
    *out = c;
    return SBI_OK;
}

static void task_free(sbi_context *ctx, sbi_campaign_task *t)
{
    if (!t) return;
    sbi_text_clear(&t->result);
    sbi_free(ctx, t->spec);
    sbi_free(ctx, t->after);
    sbi_free(ctx, t);
}

void sbi_campaign_close(sbi_campaign *c)
{
    if (!c) return;
    sbi_journal_close(&c->journal);
    if (c->lock >= 0) close(c->lock);
    for (size_t i = 0; i < c->n_tasks; i++) task_free(c->ctx, c->tasks[i]);
    sbi_free(c->ctx, c->tasks);
    sbi_free(c->ctx, c->events);
    sbi_table_free(&c->table);
    sbi_campaign_lines_close(c);
    sbi_campaign_words_free(c->ctx, &c->words);
    sbi_campaign_words_free(c->ctx, &c->stages);
    sbi_free(c->ctx, c->executor);
    sbi_free(c->ctx, c->config);
    sbi_free(c->ctx, c->cancel);
    sbi_free(c->ctx, c->results);
    sbi_free(c->ctx, c->folder);
    sbi_free(c->ctx, c);
}

/* ---- adding ---------------------------------------------------------------------------------------------------- */

static sbi_campaign_task *task_new(sbi_campaign *c, const char *key, const void *spec, size_t spec_size, const size_t *after,
                                   size_t n_after)
{
    sbi_campaign_task *t = sbi_alloc_zero(c->ctx, 1, sizeof *t);
    if (!t) return NULL;
    sbi_text_init(&t->result, c->ctx);
    snprintf(t->key, sizeof t->key, "%s", key);
    t->spec = sbi_alloc(c->ctx, spec_size + 1);
    if (n_after) t->after = sbi_alloc_array(c->ctx, n_after, sizeof *t->after);
    if (!t->spec || (n_after && !t->after)) {
        task_free(c->ctx, t);
        return NULL;
    }
    if (spec_size) memcpy(t->spec, spec, spec_size);
    ((char *)t->spec)[spec_size] = '\0';
    if (n_after) memcpy(t->after, after, n_after * sizeof *after);
    t->spec_size = spec_size;
    t->n_after = n_after;
    return t;
}

sbi_status sbi_campaign_insert(sbi_campaign *c, const char *key, const void *spec, size_t spec_size, double cpus,
                               uint64_t memory, const size_t *after, size_t n_after, sbi_campaign_task **out)
{
    if (c->n_tasks == c->task_capacity) {
        size_t capacity = c->task_capacity ? 2 * c->task_capacity : 64;
        sbi_campaign_task **grown = sbi_realloc_array(c->ctx, c->tasks, capacity, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        c->tasks = grown;
        c->task_capacity = capacity;
    }
    sbi_campaign_task *t = task_new(c, key, spec, spec_size, after, n_after);
    if (!t) return SBI_ERR_NO_MEMORY;
    t->cpus = cpus;
    t->memory = memory;
    t->phase = SBI_PHASE_WAITING;
    t->state = SBI_TASK_PENDING;
    sbi_status status = sbi_campaign_set_stage(c, t, "");
    if (status == SBI_OK) status = sbi_table_insert(&c->table, t->key, c->n_tasks);
    if (status != SBI_OK) {
        task_free(c->ctx, t);
        return status;
    }
    c->tasks[c->n_tasks++] = t;
    *out = t;
    return SBI_OK;
}

sbi_status sbi_campaign_set_stage(sbi_campaign *c, sbi_campaign_task *t, const char *stage)
{
    return sbi_campaign_word(c->ctx, &c->stages, stage, &t->stage);
}

static sbi_status find_all(const sbi_campaign *c, const char *key, const char *const *after, size_t n_after, size_t *indexes)
{
    for (size_t i = 0; i < n_after; i++) {
        SBI_REQUIRE(after[i], "task %s: after[%zu] is NULL", key, i);
        indexes[i] = sbi_table_find(&c->table, after[i]);
        if (indexes[i] == SBI_TABLE_NONE)
            return sbi_fail(SBI_ERR_NOT_FOUND, "task %s: after[%zu] = %.80s is not a task of this campaign", key, i, after[i]);
    }
    return SBI_OK;
}

static sbi_status check_task(const sbi_campaign *c, const sbi_task *task, const char *const *after, size_t n_after)
{
    SBI_REQUIRE(c, "sbi_campaign_add: campaign is NULL");
    SBI_REQUIRE(task, "sbi_campaign_add: task is NULL");
    if (c->options.read_only) return sbi_fail(SBI_ERR_STATE, "%s: the campaign is open read-only", c->folder);
    if (task->struct_size != sizeof *task)
        return sbi_fail(SBI_ERR_ABI, "sbi_task: struct_size is %u, expected %zu", (unsigned)task->struct_size, sizeof *task);
    SBI_REQUIRE(task->spec || !task->spec_size, "sbi_campaign_add: spec is NULL but spec_size is %zu", task->spec_size);
    SBI_REQUIRE(!task->key || sbi_task_key_valid(task->key),
                "sbi_campaign_add: the key \"%.80s\" is not 1 to 64 characters of [a-z0-9-]", task->key);
    SBI_REQUIRE(task->cpus >= 0 && task->cpus <= 1e6, "sbi_campaign_add: cpus is %g", task->cpus);
    SBI_REQUIRE(task->gpus >= 0 && task->gpus <= 1e6, "sbi_campaign_add: gpus is %g", task->gpus);
    SBI_REQUIRE(!task->stage || strlen(task->stage) < SBI_STAGE_SIZE, "sbi_campaign_add: stage is \"%.80s\", expected at most 63 bytes",
                task->stage);
    SBI_REQUIRE(after || !n_after, "sbi_campaign_add: after is NULL");
    return SBI_OK;
}

/* A task of the campaign, told again. */
static sbi_status add_again(sbi_campaign *c, sbi_campaign_task *old, const sbi_task *task, int moved)
{
    if (old->spec_size != task->spec_size || (old->spec_size && memcmp(old->spec, task->spec, old->spec_size) != 0)) {
        if (!moved) return sbi_fail(SBI_ERR_EXISTS, "task %s is in the campaign already, with another spec", old->key);
        void *spec = sbi_alloc(c->ctx, task->spec_size);
        if (!spec) return SBI_ERR_NO_MEMORY;
        memcpy(spec, task->spec, task->spec_size);
        sbi_free(c->ctx, old->spec);
        old->spec = spec;
        old->spec_size = task->spec_size;
    }
    old->attachment = task->attachment;
    return SBI_OK;
}

static sbi_status add(sbi_campaign *c, const sbi_task *task, const char *const *after, size_t n_after, int moved, size_t *index)
{
    SBI_TRY(check_task(c, task, after, n_after));
    char name[SBI_SHA256_HEX_SIZE];
    sbi_sha256_text(task->spec, task->spec_size, name);
    const char *key = task->key ? task->key : name;
    size_t found = sbi_table_find(&c->table, key);
    if (found != SBI_TABLE_NONE) {
        SBI_TRY(add_again(c, c->tasks[found], task, moved));
        if (index) *index = found;
        return SBI_OK;
    }
    size_t *indexes = sbi_alloc_array(c->ctx, n_after, sizeof *indexes);
    if (!indexes) return SBI_ERR_NO_MEMORY;
    sbi_campaign_task *t = NULL;
    size_t stage = 0;
    sbi_status status = find_all(c, key, after, n_after, indexes);
    if (status == SBI_OK) status = sbi_campaign_word(c->ctx, &c->stages, "", &stage);
    if (status == SBI_OK && task->stage) status = sbi_campaign_word(c->ctx, &c->stages, task->stage, &stage);
    if (status == SBI_OK)
        status = sbi_campaign_insert(c, key, task->spec, task->spec_size, task->cpus, task->memory, indexes, n_after, &t);
    sbi_free(c->ctx, indexes);
    if (status != SBI_OK) return status;
    t->stage = stage;
    t->gpus = task->gpus;
    t->attachment = task->attachment;
    t->added = sbi_campaign_now_ms();
    if (index) *index = c->n_tasks - 1;
    return SBI_OK;
}

sbi_status sbi_campaign_add(sbi_campaign *c, const sbi_task *task, const char *const *after, size_t n_after, size_t *index)
{
    return add(c, task, after, n_after, 0, index);
}

sbi_status sbi_campaign_add_moved(sbi_campaign *c, const sbi_task *task, size_t *index)
{
    return add(c, task, NULL, 0, 1, index);
}

/* ---- questions ------------------------------------------------------------------------------------------------- */

size_t sbi_campaign_count(const sbi_campaign *c)
{
    return c ? c->n_tasks : 0;
}

sbi_status sbi_campaign_index(const sbi_campaign *c, const char *key, size_t *index)
{
    SBI_REQUIRE(c && key && index, "sbi_campaign_index: an argument is NULL");
    size_t found = sbi_table_find(&c->table, key);
    if (found == SBI_TABLE_NONE) return sbi_fail(SBI_ERR_NOT_FOUND, "task %.80s is not in the campaign", key);
    *index = found;
    return SBI_OK;
}

sbi_status sbi_campaign_spec(const sbi_campaign *c, size_t index, const void **spec, size_t *size)
{
    SBI_REQUIRE(c && spec && size, "sbi_campaign_spec: an argument is NULL");
    SBI_REQUIRE(index < c->n_tasks, "sbi_campaign_spec: index is %zu, there are %zu tasks", index, c->n_tasks);
    *spec = c->tasks[index]->spec;
    *size = c->tasks[index]->spec_size;
    return SBI_OK;
}

static void fill_report(const sbi_campaign *c, const sbi_campaign_task *t, sbi_campaign_report *r)
{
    r->cpus = t->cpus;
    r->gpus = t->gpus;
    r->memory = t->memory;
    r->cpu_seconds = t->cpu_seconds;
    snprintf(r->stage, sizeof r->stage, "%s", c->stages.words[t->stage]);
    r->state = t->state;
    r->attempts = t->attempt;
    r->preemptions = t->preemptions;
    r->given_up = t->phase == SBI_PHASE_GIVEN_UP;
    r->status = t->status;
    r->progress = t->phase == SBI_PHASE_DONE ? 1 : t->progress;
    r->seconds = t->seconds + t->running;
    r->peak_memory = t->peak;
    r->result_size = t->phase == SBI_PHASE_DONE ? t->size : 0;
    r->added = t->added;
    r->began = t->began;
    r->ended = t->ended;
    snprintf(r->key, sizeof r->key, "%s", t->key);
    if (t->phase == SBI_PHASE_DONE) snprintf(r->sha256, sizeof r->sha256, "%s", t->sha256);
    snprintf(r->host, sizeof r->host, "%s", t->host);
    snprintf(r->message, sizeof r->message, "%s", t->message);
}

sbi_status sbi_campaign_report_get(const sbi_campaign *c, size_t index, sbi_campaign_report *report)
{
    SBI_REQUIRE(c && report, "sbi_campaign_report_get: an argument is NULL");
    SBI_REQUIRE(index < c->n_tasks, "sbi_campaign_report_get: index is %zu, there are %zu tasks", index, c->n_tasks);
    sbi_campaign_report r;
    memset(&r, 0, sizeof r);
    fill_report(c, c->tasks[index], &r);
    return sbi_campaign_hand_over(report, &r, sizeof r, offsetof(sbi_campaign_report, cpus), "sbi_campaign_report");
}
