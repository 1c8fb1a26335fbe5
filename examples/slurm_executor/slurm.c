/* SPDX-License-Identifier: Apache-2.0 */
/* The executor. What has to outlive the client is in Slurm and in the store: jobs/KEY/slurm says which job of Slurm a task is. */
#include "slurm.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct task {
    char key[SBI_TASK_KEY_MAX + 1];
    char name[40];  /* of the array job; empty: it has none */
    char job[64];   /* ID_INDEX */
    double missing; /* since when Slurm has not known it; 0: it does */
    int64_t heard;
    int live, changed, seen;
    sbi_task_report report;
} task;

typedef struct slurm {
    sbi_context *ctx;
    sbi_store *store;
    json_t *config;
    const char *worker;
    double interval, patience, asked;
    task *tasks;
    size_t n;
} slurm;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static task *find(slurm *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->tasks[i].key, key) == 0) return &s->tasks[i];
    return NULL;
}

static void set_end(task *t, int32_t state, sbi_status status, const char *message)
{
    t->live = 0;
    t->changed = 1;
    t->report.state = state;
    t->report.status = status;
    if (message) snprintf(t->report.message, sizeof t->report.message, "%.255s", message);
}

/* ---- which job of Slurm a task is --------------------------------------------------------------------------------- */

typedef struct line {
    char text[160];
    size_t n;
} line;

static sbi_status take_line(void *user, const void *data, size_t size)
{
    line *l = user;
    if (size > sizeof l->text - 1 - l->n) return SBI_ERR_FORMAT;
    memcpy(l->text + l->n, data, size);
    l->n += size;
    return SBI_OK;
}

static sbi_status remember(slurm *s, const task *t)
{
    char object[128], text[160];
    snprintf(object, sizeof object, "jobs/%s/slurm", t->key);
    snprintf(text, sizeof text, "%s %s %d\n", t->job, t->name, (int)t->report.attempt);
    return sbi_store_put_bytes(s->store, object, text, strlen(text), 0);
}

/* What an earlier client noted; false if there is nothing of this attempt or a later one. */
static int recall(slurm *s, task *t)
{
    char object[128];
    int attempt = 0;
    line l = {.n = 0};
    sbi_sink sink = {sizeof sink, 0, take_line, &l};
    snprintf(object, sizeof object, "jobs/%s/slurm", t->key);
    if (sbi_store_get(s->store, object, 0, 0, &sink) != SBI_OK) return 0;
    return sscanf(l.text, "%63s %39s %d", t->job, t->name, &attempt) == 3 && attempt >= t->report.attempt;
}

/* ---- submit --------------------------------------------------------------------------------------------------------- */

/* A name that follows from the tasks: an array that was submitted just before the client died is found by it. */
static void make_name(task *const *tasks, size_t n, char name[40])
{
    uint64_t h = 14695981039346656037u; /* FNV-1a; a clash is found by sbi_job_stage_array() */
    for (size_t i = 0; i < n; i++) {
        for (const char *c = tasks[i]->key; *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211u;
        h = (h ^ (uint64_t)tasks[i]->report.attempt) * 1099511628211u;
    }
    snprintf(name, 40, "sbi-%016llx", (unsigned long long)h);
}

/* A word for the shell that runs the script. */
static void quote(char *out, size_t size, const char *word)
{
    size_t n = 0;
    if (n < size - 1) out[n++] = '\'';
    for (; *word && n + 6 < size; word++) {
        if (*word == '\'') {
            memcpy(out + n, "'\\''", 4);
            n += 4;
        } else {
            out[n++] = *word;
        }
    }
    out[n++] = '\'';
    out[n] = '\0';
}

static sbi_status find_array(const char *name, char *id, size_t size)
{
    slurm_command c = {.n = 0};
    char *output;
    slurm_word(&c, "squeue");
    slurm_word(&c, "--noheader");
    slurm_word(&c, "--name=%s", name);
    slurm_word(&c, "--format=%%F");
    sbi_status status = slurm_run(&c, &output);
    id[0] = '\0';
    if (status == SBI_OK) snprintf(id, size, "%.*s", (int)strspn(output, "0123456789"), output);
    free(output);
    return status;
}

static sbi_status call_sbatch(slurm *s, const char *name, size_t n, const sbi_task *hints, int attempt, char *id, size_t size)
{
    slurm_command c = {.n = 0};
    char *output, worker[1100], url[1100];
    size_t i;
    json_t *option;
    quote(worker, sizeof worker, s->worker);
    quote(url, sizeof url, sbi_store_url(s->store));
    slurm_word(&c, "sbatch");
    slurm_word(&c, "--parsable");
    slurm_word(&c, "--no-requeue"); /* what is tried again is the campaign's business */
    slurm_word(&c, "--job-name=%s", name);
    slurm_word(&c, "--array=0-%zu", n - 1);
    slurm_word(&c, "--output=/dev/null"); /* logs are in the store */
    if (hints->memory) slurm_word(&c, "--mem=%lluM", (unsigned long long)((hints->memory >> 20) + 1));
    if (hints->cpus > 1) slurm_word(&c, "--cpus-per-task=%.0f", hints->cpus);
    json_array_foreach(json_object_get(s->config, "options"), i, option) slurm_word(&c, "%s", json_string_value(option));
    slurm_word(&c, "--wrap=exec %s --store %s --array %s --attempt %d", worker, url, name, attempt);
    sbi_status status = slurm_run(&c, &output);
    if (status == SBI_OK) snprintf(id, size, "%.*s", (int)strspn(output, "0123456789"), output);
    free(output);
    return status == SBI_OK && !id[0] ? SBI_ERR_TRANSIENT : status;
}

/* One array job for tasks that have the same attempt. */
static sbi_status start(slurm *s, task **tasks, size_t n, const sbi_task *hints)
{
    char name[40], id[32];
    const char **keys = malloc(n * sizeof *keys);
    if (!keys) return SBI_ERR_NO_MEMORY;
    make_name(tasks, n, name);
    for (size_t i = 0; i < n; i++) keys[i] = tasks[i]->key;
    sbi_status status = sbi_job_stage_array(s->ctx, s->store, name, keys, n);
    free(keys);
    if (status == SBI_OK) status = find_array(name, id, sizeof id);
    if (status == SBI_OK && !id[0]) status = call_sbatch(s, name, n, hints, tasks[0]->report.attempt, id, sizeof id);
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        snprintf(tasks[i]->name, sizeof tasks[i]->name, "%s", name);
        snprintf(tasks[i]->job, sizeof tasks[i]->job, "%s_%zu", id, i);
        tasks[i]->live = 1;
        status = remember(s, tasks[i]);
    }
    return status;
}

static int is_of_call(sbi_status status)
{
    return status == SBI_ERR_TRANSIENT || status == SBI_ERR_NO_SPACE || status == SBI_ERR_PERMISSION || status == SBI_ERR_NO_MEMORY;
}

static sbi_status look(slurm *s, task *t, sbi_task_report *report)
{
    int64_t heard;
    report->struct_size = sizeof *report;
    sbi_status status = sbi_job_look(s->ctx, s->store, t->key, report, &heard);
    if (status != SBI_OK) return status;
    report->attempt = t->report.attempt;
    if (heard != t->heard) t->changed = 1;
    t->heard = heard;
    return SBI_OK;
}

/* Takes a task up to where Slurm is needed: *wanted is set then. */
static sbi_status take(slurm *s, const sbi_task *given, task **wanted)
{
    task *t = find(s, given->key);
    sbi_task_report report;
    *wanted = NULL;
    if (!t) {
        task *grown = realloc(s->tasks, (s->n + 1) * sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        s->tasks = grown;
        t = memset(&grown[s->n++], 0, sizeof *t);
        snprintf(t->key, sizeof t->key, "%s", given->key);
    } else if (t->live || (t->report.state && given->attempt <= t->report.attempt)) {
        t->changed = 1;
        return SBI_OK;
    }
    sbi_status status = sbi_job_stage(s->ctx, s->store, given);
    if (status != SBI_OK && is_of_call(status)) return status;
    memset(&t->report, 0, sizeof t->report);
    t->report.struct_size = sizeof t->report;
    t->report.attempt = given->attempt;
    t->report.state = SBI_TASK_PENDING;
    t->changed = 1;
    t->missing = 0;
    snprintf(t->report.key, sizeof t->report.key, "%s", t->key);
    if (status != SBI_OK) {
        set_end(t, status == SBI_ERR_UNSUPPORTED ? SBI_TASK_REJECTED : SBI_TASK_FAILED, status, sbi_last_error());
        return SBI_OK;
    }
    if ((status = look(s, t, &report)) != SBI_OK) return status;
    if (report.state == SBI_TASK_DONE) {
        t->report = report;
    } else if (recall(s, t)) {
        t->live = 1; /* it runs, or has ended: the next poll finds out */
    } else {
        *wanted = t;
    }
    return SBI_OK;
}

static sbi_status slurm_submit(void *self, const sbi_task *given, size_t n)
{
    slurm *s = self;
    sbi_task hints = SBI_TASK_INIT;
    size_t wanted = 0;
    char(*keys)[SBI_TASK_KEY_MAX + 1] = calloc(n, sizeof *keys);
    task **tasks = malloc(n * sizeof *tasks), *t;
    sbi_status status = keys && tasks ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        status = take(s, &given[i], &t);
        if (t) snprintf(keys[wanted++], sizeof *keys, "%s", t->key);
        if (given[i].memory > hints.memory) hints.memory = given[i].memory;
        if (given[i].cpus > hints.cpus) hints.cpus = given[i].cpus;
    }
    /* Runs of equal attempts: each is an array. Pointers are taken only now that the table does not grow any more. */
    for (size_t i = 0; i < wanted; i++) tasks[i] = find(s, keys[i]);
    for (size_t from = 0, to; from < wanted; from = to) {
        for (to = from + 1; to < wanted && tasks[to]->report.attempt == tasks[from]->report.attempt; to++) {}
        sbi_status one = status == SBI_OK ? start(s, tasks + from, to - from, &hints) : status;
        for (size_t i = from; i < to && one != SBI_OK; i++) tasks[i]->report.state = 0; /* not taken: submit may be called again */
        if (one != SBI_OK) status = one;
    }
    free(tasks);
    free(keys);
    return status;
}

/* ---- poll ------------------------------------------------------------------------------------------------------------ */

/* Calls each(t, state, exit code) for the lines "ID_INDEX STATE" or "ID_INDEX|STATE|CODE" of what a command printed. */
static void each_line(slurm *s, char *output, void (*each)(slurm *s, task *t, const char *state, const char *code))
{
    char *rest = output;
    for (char *at; (at = strsep(&rest, "\n"));) {
        char *job = strsep(&at, " |"), *state = at ? strsep(&at, "|") : NULL;
        for (size_t i = 0; state && i < s->n; i++)
            if (s->tasks[i].live && strcmp(s->tasks[i].job, job) == 0) each(s, &s->tasks[i], state, at);
    }
}

static void see_queue(slurm *s, task *t, const char *state, const char *code)
{
    int unused;
    sbi_task_report report;
    (void)code;
    const int32_t said = slurm_state(state, NULL, &unused);
    if (said != SBI_TASK_PENDING && said != SBI_TASK_RUNNING) return; /* accounting says more */
    t->seen = 1;
    t->missing = 0;
    if (said == SBI_TASK_RUNNING && look(s, t, &report) == SBI_OK && report.state == SBI_TASK_RUNNING) t->report = report;
    if (t->report.state == said) return;
    t->report.state = said;
    t->changed = 1;
}

static void see_accounting(slurm *s, task *t, const char *state, const char *exit_code)
{
    int code;
    sbi_status status = SBI_ERR_TASK_LOST;
    sbi_task_report report;
    char message[160];
    if (t->seen || look(s, t, &report) != SBI_OK || report.state == SBI_TASK_DONE) return;
    int32_t said = slurm_state(state, exit_code, &code);
    if (said < SBI_TASK_DONE) return;
    if (code >= 0) (void)sbi_job_exit_state(code, &status);
    if (said == SBI_TASK_DONE) said = SBI_TASK_LOST, status = SBI_ERR_TASK_LOST; /* but there is no result */
    snprintf(message, sizeof message, "Slurm job %s: %.60s, exit code %.20s", t->job, state, exit_code ? exit_code : "");
    const int told = report.state == said; /* the worker gave the reason itself */
    t->report = report;
    set_end(t, said, told ? report.status : said == SBI_TASK_CANCELLED ? SBI_ERR_CANCELLED : status, told ? NULL : message);
}

/* Slurm knows nothing of it: the store may, or it is gone. */
static void see_nothing(slurm *s, task *t)
{
    sbi_task_report report;
    if (look(s, t, &report) != SBI_OK) return;
    if (report.state >= SBI_TASK_DONE) {
        t->report = report;
        set_end(t, report.state, report.status, NULL);
        return;
    }
    if (t->missing == 0) t->missing = now();
    if (now() - t->missing < s->patience) return;
    set_end(t, SBI_TASK_LOST, SBI_ERR_TASK_LOST, "Slurm does not know the job any more");
}

/* The names, or the numbers, of arrays with tasks that live, each once, as one word: "--name=A,B". False if there are none. */
static int add_arrays(const slurm *s, slurm_command *c, const char *option, int names)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    size_t count = 0;
    for (size_t i = 0; f && i < s->n; i++) {
        const task *t = &s->tasks[i];
        size_t k = 0;
        if (!t->live || (!names && t->seen)) continue;
        while (k < i && !(s->tasks[k].live && (names || !s->tasks[k].seen) && strcmp(s->tasks[k].name, t->name) == 0)) k++;
        if (k < i) continue;
        fprintf(f, "%s%.*s", count++ ? "," : "", names ? (int)sizeof t->name : (int)strcspn(t->job, "_"), names ? t->name : t->job);
    }
    if (f) fclose(f);
    if (count) slurm_word(c, "%s%s", option, text);
    free(text);
    return count > 0;
}

static sbi_status ask(slurm *s)
{
    slurm_command c = {.n = 0};
    char *output;
    for (size_t i = 0; i < s->n; i++) s->tasks[i].seen = 0;
    slurm_word(&c, "squeue");
    slurm_word(&c, "--noheader");
    slurm_word(&c, "--array");
    slurm_word(&c, "--format=%%i %%T");
    if (!add_arrays(s, &c, "--name=", 1)) {
        slurm_command unused = c;
        for (int i = 0; i < unused.n; i++) free(unused.words[i]);
        return SBI_OK;
    }
    sbi_status status = slurm_run(&c, &output);
    if (status != SBI_OK) return status;
    each_line(s, output, see_queue);
    free(output);
    slurm_word(&c, "sacct");
    slurm_word(&c, "--noheader");
    slurm_word(&c, "--parsable2");
    slurm_word(&c, "--allocations"); /* the jobs, not their steps */
    slurm_word(&c, "--array");
    slurm_word(&c, "--format=JobID,State,ExitCode");
    const int some = add_arrays(s, &c, "--jobs=", 0);
    if (some && slurm_run(&c, &output) == SBI_OK) { /* there are clusters without accounting: the store then has to do */
        each_line(s, output, see_accounting);
        free(output);
    } else if (!some) {
        for (int i = 0; i < c.n; i++) free(c.words[i]);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->tasks[i].live && !s->tasks[i].seen) see_nothing(s, &s->tasks[i]);
    return SBI_OK;
}

static size_t collect(slurm *s, sbi_task_report *reports, size_t capacity)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n && n < capacity; i++) {
        if (!s->tasks[i].changed || !s->tasks[i].report.state) continue;
        s->tasks[i].changed = 0;
        reports[n++] = s->tasks[i].report;
    }
    return n;
}

static sbi_status slurm_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    slurm *s = self;
    const double end = now() + 1e-3 * timeout_ms;
    for (;;) {
        if (now() - s->asked >= s->interval) {
            s->asked = now();
            const sbi_status status = ask(s);
            if (status != SBI_OK) return status;
        }
        *n = collect(s, reports, capacity);
        if (*n || now() >= end) return SBI_OK;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
}

/* ---- the rest of the contract ---------------------------------------------------------------------------------------- */

static sbi_status slurm_fetch(void *self, const char *key, sbi_sink *sink)
{
    slurm *s = self;
    return sbi_job_fetch(s->ctx, s->store, key, sink);
}

static sbi_status slurm_log(void *self, const char *key, sbi_sink *sink)
{
    slurm *s = self;
    return sbi_job_log(s->ctx, s->store, key, sink);
}

/* What Slurm took the order for does not come to an end of its own any more. */
static sbi_status slurm_cancel(void *self, const char *const *keys, size_t n)
{
    slurm *s = self;
    for (size_t from = 0; from < n; from += 500) {
        slurm_command c = {.n = 0};
        const size_t to = from + 500 < n ? from + 500 : n;
        char *output;
        slurm_word(&c, "scancel");
        for (size_t i = from; i < to; i++) {
            const task *t = find(s, keys[i]);
            if (t && t->live) slurm_word(&c, "%s", t->job);
        }
        if (c.n < 2) {
            free(c.words[0]);
            continue;
        }
        const sbi_status status = slurm_run(&c, &output);
        if (status != SBI_OK) return status;
        free(output);
        for (size_t i = from; i < to; i++) {
            task *t = find(s, keys[i]);
            if (t && t->live) set_end(t, SBI_TASK_CANCELLED, SBI_ERR_CANCELLED, "cancelled");
        }
    }
    return SBI_OK;
}

static sbi_status slurm_capabilities(void *self, sbi_executor_caps *caps)
{
    (void)self;
    caps->survives = caps->has_log = caps->has_cancel = caps->stages = 1;
    caps->batch = 1000; /* a usual MaxArraySize is 1001 */
    snprintf(caps->name, sizeof caps->name, "slurm");
    return SBI_OK;
}

static void slurm_close(void *self)
{
    slurm *s = self;
    sbi_store_close(s->store);
    json_decref(s->config);
    free(s->tasks);
    free(s);
}

static sbi_status slurm_open(void *user, sbi_context *ctx, const char *config, const sbi_executor_ops **ops, void **self)
{
    static const sbi_executor_ops table = {.struct_size = sizeof table,
                                           .abi = SBI_EXECUTOR_ABI,
                                           .submit = slurm_submit,
                                           .poll = slurm_poll,
                                           .fetch = slurm_fetch,
                                           .log = slurm_log,
                                           .cancel = slurm_cancel,
                                           .capabilities = slurm_capabilities,
                                           .close = slurm_close};
    const char *store = NULL;
    (void)user;
    slurm *s = calloc(1, sizeof *s);
    if (!s) return SBI_ERR_NO_MEMORY;
    s->ctx = ctx;
    s->worker = "sbi-worker";
    s->interval = 5;
    s->patience = 60;
    s->config = json_loads(config ? config : "{}", JSON_REJECT_DUPLICATES, NULL);
    sbi_status status = SBI_ERR_FORMAT;
    if (s->config && json_unpack(s->config, "{s:s, s?s, s?F, s?F, s?o!}", "store", &store, "worker", &s->worker, "interval", &s->interval,
                                 "patience", &s->patience, "options", &(json_t *){NULL}) == 0)
        status = sbi_store_open(&s->store, ctx, store, NULL);
    if (status != SBI_OK) {
        slurm_close(s);
        return status;
    }
    *ops = &table;
    *self = s;
    return SBI_OK;
}

sbi_status slurm_register(sbi_context *ctx)
{
    return sbi_executor_register(ctx, "slurm", slurm_open, NULL);
}
