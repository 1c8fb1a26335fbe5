/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "processes". The client keeps no thread: workers are started, and looked after, in submit and poll. What has to outlive
 * the client is in the store: jobs/KEY/process, kept locked by the worker and its supervisor (lib/programs/worker). */
#include "jobs/processes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "exec/executor.h"
#include "base/table.h"
#include "jobs/attempt.h"

#define LOOK_SECONDS 0.5  /* between looks at the heartbeat of a task that runs */
#define POLL_MS 10        /* between looks at whether it lives */
#define GRACE_SECONDS 10  /* between SIGTERM and SIGKILL */

enum { KNOWN, WAITING, STARTING, LIVE, ENDED };

typedef struct record {
    char key[SBI_TASK_KEY_MAX + 1];
    char *file; /* jobs/KEY/process */
    uint64_t memory;
    int phase;
    int32_t starter;    /* pid of the process that starts the worker */
    int32_t cancelled;  /* 1: asked, 2: told */
    double told;        /* when SIGTERM was sent */
    double looked;
    int64_t heard;
    int changed;
    sbi_task_report report;
} record;

typedef struct processes {
    sbi_context *ctx;
    sbi_processes_options o;
    sbi_stage_fn stage;
    sbi_store *store;
    sbi_table table;
    record **records;
    size_t n_records;
    size_t running; /* STARTING and LIVE */
} processes;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

static void set_phase(processes *p, record *r, int phase)
{
    const int before = r->phase == STARTING || r->phase == LIVE, now = phase == STARTING || phase == LIVE;
    p->running = p->running + (size_t)now - (size_t)before;
    r->phase = phase;
}

static void end(processes *p, record *r, int32_t state, sbi_status status, const char *message)
{
    set_phase(p, r, ENDED);
    r->report.state = state;
    r->report.status = state == SBI_TASK_DONE ? SBI_OK : status;
    if (message) snprintf(r->report.message, sizeof r->report.message, "%.*s", (int)sizeof r->report.message - 1, message);
    if (state == SBI_TASK_DONE) r->report.progress = 1;
    r->changed = 1;
}

/* What the store says, under the number that the client gave this attempt. */
static sbi_status look(processes *p, record *r, sbi_task_report *report)
{
    report->struct_size = (uint32_t)sizeof *report;
    int64_t heard;
    SBI_TRY(sbi_job_look(p->ctx, p->store, r->key, report, &heard));
    const int news = heard != r->heard;
    r->heard = heard;
    report->attempt = r->report.attempt;
    if (news || report->state == SBI_TASK_DONE) r->changed = 1;
    return SBI_OK;
}

/* A worker is gone. What its supervisor saw is believed before what it said of itself last. */
static void conclude(processes *p, record *r, const sbi_process_record *process)
{
    sbi_task_report report;
    sbi_status status = look(p, r, &report);
    if (status != SBI_OK) {
        end(p, r, SBI_TASK_TRANSIENT, status, sbi_last_error());
        return;
    }
    r->report = report;
    if (report.state == SBI_TASK_DONE) {
        end(p, r, SBI_TASK_DONE, SBI_OK, NULL);
        return;
    }
    int32_t state = SBI_TASK_LOST;
    status = SBI_ERR_TASK_LOST;
    if (process->exit_code >= 0) state = sbi_job_exit_state(process->exit_code, &status);
    if (process->signal_ == SIGKILL && !process->oom) {
        state = SBI_TASK_LOST;
        status = SBI_ERR_TASK_LOST;
    }
    if (state == SBI_TASK_DONE) { /* but there is no result */
        state = SBI_TASK_LOST;
        status = SBI_ERR_TASK_LOST;
    }
    const int said = report.state == state; /* the worker told the reason itself */
    if (r->cancelled) state = SBI_TASK_CANCELLED, status = SBI_ERR_CANCELLED;
    if (said && !r->cancelled) {
        end(p, r, state, report.status, NULL);
        return;
    }
    char message[128];
    if (process->exit_code < 0)
        snprintf(message, sizeof message, "the worker vanished");
    else if (process->signal_)
        snprintf(message, sizeof message, "the worker was killed by signal %d%s", (int)process->signal_, process->oom ? ": out of memory" : "");
    else
        snprintf(message, sizeof message, "the worker ended with exit code %d", (int)process->exit_code);
    end(p, r, state, status, message);
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

static sbi_status start(processes *p, record *r)
{
    char threads[16], memory[24], attempt[16], heartbeat[16];
    const uint64_t most = r->memory > (uint64_t)p->o.memory ? r->memory : (uint64_t)p->o.memory;
    snprintf(threads, sizeof threads, "%lld", (long long)p->o.threads);
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)most);
    snprintf(attempt, sizeof attempt, "%d", (int)r->report.attempt);
    snprintf(heartbeat, sizeof heartbeat, "%lld", (long long)p->o.heartbeat);
    char *output = sbi_strf(p->ctx, "%s/jobs/%s/output", p->o.store, r->key);
    if (!output) return SBI_ERR_NO_MEMORY;
    const char *const argv[] = {p->o.worker, "--store",     p->o.store, "--supervise",          r->file,
                                "--attempt", attempt,       "--threads", threads, "--heartbeat", heartbeat,
                                most ? "--memory" : r->key, most ? memory : NULL, r->key,       NULL};
    sbi_status status = sbi_process_start((char *const *)(uintptr_t)argv, output, &r->starter);
    sbi_free(p->ctx, output);
    SBI_TRY(status);
    set_phase(p, r, STARTING);
    return SBI_OK;
}

/* What has room starts. A machine that has no more processes to give is a passing failure of one task. */
static void start_waiting(processes *p)
{
    for (size_t i = 0; i < p->n_records && p->running < (size_t)p->o.processes; i++) {
        record *r = p->records[i];
        if (r->phase != WAITING) continue;
        sbi_status status = start(p, r);
        if (status != SBI_OK) end(p, r, SBI_TASK_TRANSIENT, status, sbi_last_error());
    }
}

/* The process that starts a worker ends at once, the lock taken, or the reason in its exit code. */
static void look_at_starter(processes *p, record *r, int wait)
{
    int how = 0;
    const pid_t got = waitpid(r->starter, &how, wait ? 0 : WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return;
    const int code = got < 0 ? SBI_EXIT_DONE /* the host program reaps all children: the lock tells the rest */
                     : WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    r->starter = 0;
    if (code == SBI_EXIT_DONE || code == 3 /* somebody else's worker has it: it is as good */) {
        set_phase(p, r, LIVE);
        r->report.state = SBI_TASK_RUNNING;
        r->changed = 1;
        return;
    }
    sbi_status status = SBI_ERR_TASK_LOST;
    char message[96];
    snprintf(message, sizeof message, "the worker did not start: exit code %d", code);
    const int32_t state = r->cancelled ? SBI_TASK_CANCELLED : sbi_job_exit_state(code, &status);
    end(p, r, state, status, message);
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static void tell_group(record *r, const sbi_process_record *process, double now)
{
    if (!process->pid) return; /* the record is being written */
    if (r->cancelled == 1) {
        (void)kill(-process->pid, SIGTERM);
        r->cancelled = 2;
        r->told = now;
    } else if (now - r->told > GRACE_SECONDS) {
        (void)kill(-process->pid, SIGKILL); /* the supervisor as well: the worker then counts as vanished */
    }
}

static void look_at_live(processes *p, record *r, double now)
{
    sbi_process_record process;
    if (!sbi_process_look(r->file, &process)) {
        conclude(p, r, &process);
        return;
    }
    if (r->cancelled) tell_group(r, &process, now);
    if (now - r->looked < LOOK_SECONDS) return;
    r->looked = now;
    sbi_task_report report;
    if (look(p, r, &report) != SBI_OK) {
        sbi_log(p->ctx, SBI_LOG_WARNING, "task %s: %s", r->key, sbi_last_error());
        return;
    }
    if (report.state == SBI_TASK_RUNNING) r->report = report; /* an end counts once the process is gone */
}

static void pump(processes *p)
{
    const double now = seconds();
    for (size_t i = 0; i < p->n_records; i++) {
        record *r = p->records[i];
        if (r->phase == STARTING) look_at_starter(p, r, 0);
        if (r->phase == LIVE) look_at_live(p, r, now);
    }
    start_waiting(p);
}

/* ---- submit ----------------------------------------------------------------------------------------------------- */

static void free_record(processes *p, record *r)
{
    if (!r) return;
    sbi_free(p->ctx, r->file);
    sbi_free(p->ctx, r);
}

static sbi_status find_record(processes *p, const char *key, record **out)
{
    const size_t index = sbi_table_find(&p->table, key);
    if (index != SBI_TABLE_NONE) {
        *out = p->records[index];
        return SBI_OK;
    }
    record **grown = sbi_alloc_next(p->ctx, p->records, p->n_records, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    p->records = grown;
    record *r = sbi_alloc_zero(p->ctx, 1, sizeof *r);
    if (!r) return SBI_ERR_NO_MEMORY;
    snprintf(r->key, sizeof r->key, "%s", key);
    r->file = sbi_strf(p->ctx, "%s/jobs/%s/process", p->o.store, key);
    sbi_status status = r->file ? sbi_table_insert(&p->table, r->key, p->n_records) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) {
        free_record(p, r);
        return status;
    }
    grown[p->n_records++] = r;
    *out = r;
    return SBI_OK;
}

/* What an earlier client left: a result, a worker that runs, or the end of this very attempt. */
static sbi_status adopt(processes *p, record *r, int32_t attempt)
{
    sbi_process_record process;
    sbi_task_report report;
    if (sbi_process_look(r->file, &process)) {
        set_phase(p, r, LIVE);
        r->report.state = SBI_TASK_RUNNING;
        return SBI_OK;
    }
    SBI_TRY(look(p, r, &report));
    if (report.state == SBI_TASK_DONE) {
        r->report = report;
        end(p, r, SBI_TASK_DONE, SBI_OK, NULL);
    } else if (process.pid && process.attempt == attempt) {
        conclude(p, r, &process);
    } else {
        set_phase(p, r, WAITING);
    }
    return SBI_OK;
}

static sbi_status take(processes *p, const sbi_task *task)
{
    record *r;
    SBI_TRY(find_record(p, task->key, &r));
    r->changed = 1;
    if (r->phase != KNOWN && !(r->phase == ENDED && task->attempt > r->report.attempt)) return SBI_OK;
    sbi_status status = p->stage(p->ctx, p->store, task);
    if (status != SBI_OK && sbi_status_is_of_call(status)) {
        r->changed = r->phase == ENDED;
        return status;
    }
    r->report = (sbi_task_report){.struct_size = (uint32_t)sizeof r->report, .state = SBI_TASK_PENDING, .attempt = task->attempt};
    snprintf(r->report.key, sizeof r->report.key, "%s", r->key);
    r->memory = task->memory;
    r->cancelled = 0;
    r->looked = r->told = 0;
    r->heard = 0;
    if (status != SBI_OK) {
        end(p, r, status == SBI_ERR_UNSUPPORTED ? SBI_TASK_REJECTED : SBI_TASK_FAILED, status, sbi_last_error());
        return SBI_OK;
    }
    return adopt(p, r, task->attempt);
}

static sbi_status processes_submit(void *self, const sbi_task *tasks, size_t n)
{
    processes *p = self;
    for (size_t i = 0; i < n; i++) SBI_TRY(take(p, &tasks[i]));
    pump(p);
    return SBI_OK;
}

/* ---- the rest of the contract ----------------------------------------------------------------------------------- */

static size_t collect(processes *p, sbi_task_report *reports, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_records && n < capacity; i++) {
        record *r = p->records[i];
        if (!r->changed || r->phase == KNOWN) continue;
        r->changed = 0;
        reports[n++] = r->report;
    }
    return n;
}

static sbi_status processes_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    processes *p = self;
    const double end_of_wait = seconds() + 1e-3 * timeout_ms;
    for (;;) {
        pump(p);
        *n = collect(p, reports, capacity);
        if (*n || seconds() >= end_of_wait) return SBI_OK;
        nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
    }
}

static record *lookup(const processes *p, const char *key)
{
    const size_t index = sbi_table_find(&p->table, key);
    return index == SBI_TABLE_NONE ? NULL : p->records[index];
}

static sbi_status processes_fetch(void *self, const char *key, sbi_sink *sink)
{
    processes *p = self;
    const record *r = lookup(p, key);
    if (!r || r->report.state != SBI_TASK_DONE) return sbi_fail(SBI_ERR_NOT_FOUND, "task %s: there is no result", key);
    return sbi_job_fetch(p->ctx, p->store, key, sink);
}

/* The attempt's own log, and what the program printed, which is all there is of one that crashed early. Of a task that another client submitted
 * too: all of it is in the store. */
static sbi_status processes_log(void *self, const char *key, sbi_sink *sink)
{
    processes *p = self;
    const int known = lookup(p, key) != NULL;
    if (!known && !sbi_task_key_valid(key)) return sbi_fail(SBI_ERR_NOT_FOUND, "task %.80s is not known", key);
    sbi_status status = sbi_job_log(p->ctx, p->store, key, sink);
    if (status != SBI_OK && status != SBI_ERR_NOT_FOUND) return status;
    const int logged = status == SBI_OK;
    char *path = sbi_strf(p->ctx, "%s/jobs/%s/output", p->o.store, key);
    void *data = NULL;
    size_t size = 0;
    if (!path) return SBI_ERR_NO_MEMORY;
    status = sbi_file_read(p->ctx, path, 0, &data, &size);
    if (status == SBI_OK) status = sbi_sink_write(sink, data, size);
    if (status == SBI_ERR_NOT_FOUND)
        status = known || logged ? SBI_OK /* it has not begun */ : sbi_fail(SBI_ERR_NOT_FOUND, "task %s is not known", key);
    sbi_free(p->ctx, data);
    sbi_free(p->ctx, path);
    return status;
}

static sbi_status processes_cancel(void *self, const char *const *keys, size_t n)
{
    processes *p = self;
    for (size_t i = 0; i < n; i++) {
        record *r = lookup(p, keys[i]);
        if (!r) continue;
        if (r->phase == WAITING) end(p, r, SBI_TASK_CANCELLED, SBI_ERR_CANCELLED, "before it began");
        if ((r->phase == STARTING || r->phase == LIVE) && !r->cancelled) r->cancelled = 1;
    }
    pump(p);
    return SBI_OK;
}

static sbi_status processes_capabilities(void *self, sbi_executor_caps *caps)
{
    const processes *p = self;
    caps->survives = p->o.survives;
    caps->has_log = 1;
    caps->has_cancel = 1;
    caps->stages = 1;
    caps->live = 4 * (uint64_t)p->o.processes;
    snprintf(caps->name, sizeof caps->name, "processes");
    return SBI_OK;
}

static void stop_all(processes *p)
{
    for (size_t i = 0; i < p->n_records; i++) {
        record *r = p->records[i];
        if (r->phase == WAITING) set_phase(p, r, ENDED);
        if ((r->phase == STARTING || r->phase == LIVE) && !r->cancelled) r->cancelled = 1;
    }
    while (p->running) {
        pump(p);
        if (p->running) nanosleep(&(struct timespec){0, POLL_MS * 1000000L}, NULL);
    }
}

static void processes_close(void *self)
{
    processes *p = self;
    for (size_t i = 0; i < p->n_records; i++) {
        while (p->records[i]->phase == STARTING) look_at_starter(p, p->records[i], 1); /* a moment; or it stayed a zombie */
    }
    if (!p->o.survives) stop_all(p);
    if (p->o.temporary && p->o.store) sbi_folder_remove(p->ctx, p->o.store);
    for (size_t i = 0; i < p->n_records; i++) free_record(p, p->records[i]);
    sbi_free(p->ctx, p->records);
    sbi_table_free(&p->table);
    sbi_store_close(p->store);
    sbi_processes_options_clear(p->ctx, &p->o);
    sbi_free(p->ctx, p);
}

static const sbi_executor_ops processes_ops = {
    .struct_size = sizeof(sbi_executor_ops),
    .abi = SBI_EXECUTOR_ABI,
    .submit = processes_submit,
    .poll = processes_poll,
    .fetch = processes_fetch,
    .log = processes_log,
    .cancel = processes_cancel,
    .capabilities = processes_capabilities,
    .close = processes_close,
};

sbi_status sbi_processes_open(sbi_executor **out, sbi_context *ctx, const char *config, sbi_stage_fn stage)
{
    *out = NULL;
    processes *p = sbi_alloc_zero(ctx, 1, sizeof *p);
    if (!p) return SBI_ERR_NO_MEMORY;
    p->ctx = ctx;
    p->stage = stage;
    sbi_table_init(&p->table, ctx);
    sbi_status status = sbi_processes_configure(&p->o, ctx, config);
    if (status == SBI_OK) status = sbi_store_open(&p->store, ctx, p->o.store, NULL);
    if (status == SBI_OK) status = sbi_executor_create(out, ctx, &processes_ops, p);
    if (status != SBI_OK) processes_close(p);
    return status;
}
