/* SPDX-License-Identifier: Apache-2.0 */
/* What campaigns tell: stages, use of resources and costs, events by callback and as JSON lines (also after kills); deadlines; tasks tried
 * afresh; cancelling from outside; how the executor was opened, without secrets; journals of the first version; many tasks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "contract/executor_conformance.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "exec/campaign_internal.h"
#include "exec/local.h"
#include "support/failing_allocator.h"

static sbi_context *ctx;
static char folder[64], lines[96], where[96];

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    make_temporary_folder(folder, sizeof folder);
    snprintf(lines, sizeof lines, "%s/events.jsonl", folder);
    snprintf(where, sizeof where, "%s/campaign", folder);
    conformance_reset();
}

static void teardown(void)
{
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static sbi_campaign_options quick(void)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.backoff_seconds = 0.001;
    o.backoff_max_seconds = 0.01;
    return o;
}

static sbi_status add(sbi_campaign *c, const char *key, const char *spec, const char *stage, double cpus, double gpus, const char *after)
{
    sbi_task t = SBI_TASK_INIT;
    t.key = key;
    t.spec = spec;
    t.spec_size = strlen(spec);
    t.stage = stage;
    t.cpus = cpus;
    t.gpus = gpus;
    return sbi_campaign_add(c, &t, after ? &after : NULL, after ? 1 : 0, NULL);
}

static sbi_executor *local(int32_t threads)
{
    sbi_executor *exec;
    OK(sbi_local_open(&exec, ctx, threads, conformance_run, NULL));
    return exec;
}

static sbi_campaign_report report_of(sbi_campaign *c, const char *key)
{
    size_t index;
    sbi_campaign_report r = {.struct_size = sizeof r};
    OK(sbi_campaign_index(c, key, &index));
    OK(sbi_campaign_report_get(c, index, &r));
    return r;
}

static sbi_campaign_usage usage_of(const sbi_campaign *c, size_t stage)
{
    sbi_campaign_usage u = {.struct_size = sizeof u};
    OK(sbi_campaign_usage_get(c, stage, &u));
    return u;
}

/* ---- an executor whose reports are made up --------------------------------------------------------------------- */

/* Each task first says RUNNING, half way, then what `ends` has for its attempt (the last one again and again). */
typedef struct script {
    const sbi_task_report *ends;
    int n_ends;
    sbi_task_report now[8];
    int phase[8]; /* 0: unknown, 1: to run, 2: to end, 3: ended */
    int n;
    int forever; /* attempts that never end unless they are cancelled */
    int survives, no_cancel;
    int submitted, cancelled;
    uint64_t memory;
    double gpus;
    char stage[64];
} script;

static sbi_status script_submit(void *self, const sbi_task *tasks, size_t n)
{
    script *s = self;
    for (size_t i = 0; i < n; i++) {
        int k = 0;
        while (k < s->n && strcmp(s->now[k].key, tasks[i].key) != 0) k++;
        if (k == s->n) s->n++;
        if (s->phase[k] && s->phase[k] < 3 && tasks[i].attempt <= s->now[k].attempt) continue;
        snprintf(s->now[k].key, sizeof s->now[k].key, "%s", tasks[i].key);
        s->now[k].attempt = tasks[i].attempt;
        s->phase[k] = 1;
        s->submitted++;
        s->memory = tasks[i].memory;
        s->gpus = tasks[i].gpus;
        snprintf(s->stage, sizeof s->stage, "%s", tasks[i].stage);
    }
    return SBI_OK;
}

static sbi_status script_poll(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t timeout_ms)
{
    script *s = self;
    (void)timeout_ms;
    *n = 0;
    for (int k = 0; k < s->n && *n < capacity; k++) {
        sbi_task_report r = {.struct_size = sizeof r, .state = SBI_TASK_RUNNING, .progress = 0.5};
        if (s->phase[k] == 3 || (s->phase[k] == 2 && s->forever)) continue;
        snprintf(r.host, sizeof r.host, "node%d", k);
        if (s->phase[k] == 2) {
            const int a = s->now[k].attempt <= s->n_ends ? s->now[k].attempt - 1 : s->n_ends - 1;
            r = s->ends[a];
            r.struct_size = sizeof r;
            snprintf(r.host, sizeof r.host, "node%d", k);
        }
        r.attempt = s->now[k].attempt;
        snprintf(r.key, sizeof r.key, "%s", s->now[k].key);
        s->phase[k]++;
        reports[(*n)++] = r;
    }
    if (*n == 0) nanosleep(&(struct timespec){0, 1000000}, NULL);
    return SBI_OK;
}

static sbi_status script_fetch(void *self, const char *key, sbi_sink *sink)
{
    (void)self;
    return sbi_sink_write(sink, key, strlen(key));
}

static sbi_status script_cancel(void *self, const char *const *keys, size_t n)
{
    static const sbi_task_report cancelled = {.state = SBI_TASK_CANCELLED, .status = SBI_ERR_CANCELLED, .seconds = 9};
    script *s = self;
    s->cancelled += (int)n;
    (void)keys;
    s->forever = 0;
    s->ends = &cancelled;
    s->n_ends = 1;
    return SBI_OK;
}

static sbi_status script_capabilities(void *self, sbi_executor_caps *caps)
{
    const script *s = self;
    caps->survives = s->survives;
    caps->has_cancel = !s->no_cancel;
    snprintf(caps->name, sizeof caps->name, "script");
    return SBI_OK;
}

static void script_close(void *self)
{
    (void)self;
}

static sbi_executor *scripted(script *s)
{
    sbi_executor_ops ops = {.struct_size = sizeof ops,
                            .abi = SBI_EXECUTOR_ABI,
                            .submit = script_submit,
                            .poll = script_poll,
                            .fetch = script_fetch,
                            .cancel = s->no_cancel ? NULL : script_cancel,
                            .capabilities = script_capabilities,
                            .close = script_close};
    sbi_executor *exec;
    OK(sbi_executor_create(&exec, ctx, &ops, s));
    return exec;
}

/* An hour on 4 cores, 2 GPUs and 8 GiB that failed, and another that did not. */
static const sbi_task_report twice[] = {
    {.state = SBI_TASK_TRANSIENT, .status = SBI_ERR_TRANSIENT, .seconds = 3600, .cpu_seconds = 5400, .peak_memory = 3 << 20, .message = "a \"bad\" \xff\x1b line"},
    {.state = SBI_TASK_DONE, .seconds = 7200, .cpu_seconds = 10000, .peak_memory = 5 << 20},
};

/* ---- stages, resources, costs ---------------------------------------------------------------------------------- */

static void run_costly(script *s, const sbi_campaign_options *o)
{
    sbi_executor *exec = scripted(s);
    sbi_campaign *c;
    OK(sbi_campaign_open(&c, ctx, where, o));
    sbi_task t = SBI_TASK_INIT;
    t.key = "a";
    t.spec = "x";
    t.spec_size = 1;
    t.stage = "train";
    t.cpus = 4;
    t.gpus = 2;
    t.memory = (uint64_t)8 << 30;
    OK(sbi_campaign_add(c, &t, NULL, 0, NULL));
    OK(sbi_campaign_run(c, exec));
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}

START_TEST(resources_are_counted_and_priced)
{
    script s = {.ends = twice, .n_ends = 2};
    sbi_campaign_options o = quick();
    o.core_hour = 0.05;
    o.gpu_hour = 0.35;
    o.gib_hour = 0.004446;
    o.currency = "EUR";
    run_costly(&s, &o);
    ck_assert_uint_eq(s.memory, (uint64_t)8 << 30);
    ck_assert_double_eq(s.gpus, 2);
    ck_assert_str_eq(s.stage, "train");
    /* The prices are in the journal. */
    sbi_campaign_options look = SBI_CAMPAIGN_OPTIONS_INIT;
    look.read_only = 1;
    sbi_campaign *c;
    OK(sbi_campaign_open(&c, ctx, where, &look));
    ck_assert_uint_eq(sbi_campaign_stage_count(c), 2);
    const sbi_campaign_usage none = usage_of(c, 0), u = usage_of(c, 1), all = usage_of(c, SBI_CAMPAIGN_WHOLE);
    ck_assert_uint_eq(none.tasks, 0);
    ck_assert_str_eq(u.stage, "train");
    ck_assert_uint_eq(u.done, 1);
    ck_assert_uint_eq(u.attempts, 2);
    ck_assert_double_eq(u.seconds, 3 * 3600);
    ck_assert_double_eq(u.cpu_seconds, 15400);
    ck_assert_double_eq(u.core_seconds, 4 * 3 * 3600);
    ck_assert_double_eq(u.gpu_seconds, 2 * 3 * 3600);
    ck_assert_double_eq(u.gib_seconds, 8 * 3 * 3600);
    ck_assert_double_eq_tol(u.core_cost, 12 * 0.05, 1e-12);
    ck_assert_double_eq_tol(u.gpu_cost, 6 * 0.35, 1e-12);
    ck_assert_double_eq_tol(u.gib_cost, 24 * 0.004446, 1e-12);
    ck_assert_double_eq_tol(u.cost, 0.6 + 2.1 + 0.106704, 1e-12);
    ck_assert_str_eq(u.currency, "EUR");
    ck_assert_uint_eq(u.peak_memory, 5 << 20);
    ck_assert_double_eq(all.cost, u.cost);
    const sbi_campaign_report r = report_of(c, "a");
    ck_assert_double_eq(r.gpus, 2);
    ck_assert_double_eq(r.cpu_seconds, 15400);
    ck_assert_str_eq(r.stage, "train");
    ck_assert_str_eq(r.host, "node0");
    sbi_campaign_close(c);
    /* Other prices for a look. */
    look.core_hour = 1;
    OK(sbi_campaign_open(&c, ctx, where, &look));
    ck_assert_double_eq_tol(usage_of(c, SBI_CAMPAIGN_WHOLE).cost, 12, 1e-12);
    sbi_campaign_usage small = {.struct_size = 8};
    ck_assert_int_eq(sbi_campaign_usage_get(c, 0, &small), SBI_ERR_ABI);
    ck_assert_int_eq(sbi_campaign_usage_get(c, 2, &small), SBI_ERR_ARGUMENT);
    sbi_campaign_close(c);
}
END_TEST

START_TEST(local_attempts_say_where_and_how_long)
{
    sbi_executor *exec = local(2);
    sbi_campaign *c;
    char host[64] = "", key[16];
    ck_assert_int_eq(gethostname(host, sizeof host - 1), 0);
    OK(sbi_campaign_open(&c, ctx, NULL, NULL));
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "t-%d", i);
        OK(add(c, key, "big 3000000", NULL, 0, 0, NULL));
    }
    OK(sbi_campaign_run(c, exec));
    for (size_t i = 0; i < sbi_campaign_event_count(c); i++) {
        sbi_campaign_event e = {.struct_size = sizeof e};
        OK(sbi_campaign_event_get(c, i, &e));
        if (e.kind == SBI_EVENT_STARTED || e.kind == SBI_EVENT_ENDED || e.kind == SBI_EVENT_FINISHED) ck_assert_str_eq(e.host, host);
    }
    const sbi_campaign_usage u = usage_of(c, SBI_CAMPAIGN_WHOLE);
    ck_assert_double_gt(u.cpu_seconds, 0);
    ck_assert_double_eq(u.core_seconds, u.seconds); /* one each, where none was asked for */
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

/* ---- events ---------------------------------------------------------------------------------------------------- */

typedef struct told {
    sbi_text text;
    sbi_status answer;
    sbi_campaign *c; /* asked from inside */
} told;

static sbi_status hear(void *user, const sbi_campaign_event *e)
{
    told *t = user;
    sbi_text_addf(&t->text, "%s %s %d %s %s;", sbi_campaign_event_name(e->kind), e->key, (int)e->attempt, sbi_task_state_name(e->state), e->host);
    if (t->c) ck_assert_uint_eq(sbi_campaign_count(t->c), 1);
    return t->answer;
}

START_TEST(every_event_is_told)
{
    script s = {.ends = twice, .n_ends = 2};
    told t = {.answer = SBI_OK};
    sbi_text_init(&t.text, ctx);
    sbi_campaign_options o = quick();
    o.event = hear;
    o.event_user = &t;
    o.event_file = lines;
    run_costly(&s, &o);
    ck_assert_str_eq(t.text.data, "submitted a 1 pending ;started a 1 running node0;progress a 1 running node0;failed a 1 transient failure node0;"
                                  "retried a 2 pending ;started a 2 running node0;progress a 2 running node0;ended a 2 done node0;"
                                  "finished a 2 done node0;");
    char *text = read_whole(lines, NULL), *at = text;
    static const char *const expected[] = {
        "{\"seq\":0,\"time_ms\":*,\"event\":\"submitted\",\"key\":\"a\",\"stage\":\"train\",\"attempt\":1,\"state\":\"pending\",\"cpus\":4.000000,"
        "\"gpus\":2.000000,\"memory\":8589934592}",
        "{\"seq\":1,\"time_ms\":*,\"event\":\"started\",\"key\":\"a\",\"stage\":\"train\",\"attempt\":1,\"state\":\"running\",\"host\":\"node0\","
        "\"cpus\":4.000000,\"gpus\":2.000000,\"memory\":8589934592}",
        "{\"seq\":null,\"time_ms\":*,\"event\":\"progress\",\"key\":\"a\",\"stage\":\"train\",\"attempt\":1,\"state\":\"running\",\"host\":\"node0\","
        "\"progress\":0.500000,\"cpus\":4.000000,\"gpus\":2.000000,\"memory\":8589934592}",
        "{\"seq\":2,\"time_ms\":*,\"event\":\"failed\",\"key\":\"a\",\"stage\":\"train\",\"attempt\":1,\"state\":\"transient failure\","
        "\"host\":\"node0\",\"seconds\":3600.000000,\"cpu_seconds\":5400.000000,\"peak_memory\":3145728,\"cpus\":4.000000,\"gpus\":2.000000,"
        "\"memory\":8589934592,\"message\":\"a \\\"bad\\\" ?\\u001b line\"}",
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *star = strchr(expected[i], '*');
        ck_assert_msg(strncmp(at, expected[i], (size_t)(star - expected[i])) == 0, "line %zu: %.200s", i, at);
        at += star - expected[i];
        at += strspn(at, "0123456789");
        ck_assert_msg(strncmp(at, star + 1, strlen(star + 1)) == 0, "line %zu: %.300s", i, at);
        at = strchr(at, '\n') + 1;
    }
    free(text);
    sbi_text_clear(&t.text);
}
END_TEST

START_TEST(a_listener_may_end_the_run)
{
    script s = {.ends = twice + 1, .n_ends = 1};
    sbi_executor *exec = scripted(&s);
    told t = {.answer = SBI_ERR_CALLBACK};
    sbi_campaign_options o = quick();
    sbi_campaign *c;
    sbi_text_init(&t.text, ctx);
    o.event = hear;
    o.event_user = &t;
    OK(sbi_campaign_open(&c, ctx, where, &o));
    OK(add(c, "a", "x", NULL, 0, 0, NULL));
    t.c = c;
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_CALLBACK);
    t.answer = SBI_OK;
    OK(sbi_campaign_run(c, exec));
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    sbi_text_clear(&t.text);
}
END_TEST

/* Lines with a number, which must count from 0 without a gap; the last may lack its newline if `cut`. */
static size_t count_events(const char *path, int cut)
{
    size_t n = 0;
    char *text = read_whole(path, NULL), *at = text;
    while (*at) {
        char *newline = strchr(at, '\n'), begin[40];
        if (!newline) {
            ck_assert_msg(cut, "half a line: %.60s", at);
            break;
        }
        ck_assert_int_eq(newline[-1], '}');
        snprintf(begin, sizeof begin, "{\"seq\":%zu,", n);
        if (strncmp(at, "{\"seq\":null,", 12) != 0) {
            ck_assert_msg(strncmp(at, begin, strlen(begin)) == 0, "expected event %zu: %.60s", n, at);
            n++;
        }
        at = newline + 1;
    }
    free(text);
    return n;
}

static sbi_status add_many(sbi_campaign *c, int n)
{
    sbi_status status = SBI_OK;
    for (int i = 0; i < n && status == SBI_OK; i++) {
        char key[32], spec[48];
        snprintf(key, sizeof key, "task-%d", i);
        snprintf(spec, sizeof spec, "echo result %d", i);
        status = add(c, key, spec, i % 2 ? "odd" : "even", 0, 0, NULL);
    }
    return status;
}

#define KILLED_TASKS 60

/* Nothing of Check in here, it runs in a child. */
static int client(void)
{
    sbi_context *own;
    sbi_executor *exec;
    sbi_campaign *c;
    sbi_campaign_options o = quick();
    toy_options nasty = {.seed = 8, .loss = 0.3, .run = conformance_run};
    o.max_attempts = 40;
    o.event_file = lines;
    if (sbi_context_create(&own, NULL) != SBI_OK || toy_open(&exec, own, &nasty) != SBI_OK) return 1;
    if (sbi_campaign_open(&c, own, where, &o) != SBI_OK || add_many(c, KILLED_TASKS) != SBI_OK) return 2;
    if (sbi_campaign_run(c, exec) != SBI_OK) return 3;
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    sbi_context_destroy(own);
    return 0;
}

START_TEST(lines_are_whole_after_kills)
{
    sbi_campaign_options look = SBI_CAMPAIGN_OPTIONS_INIT;
    look.read_only = 1;
    sbi_campaign *c;
    int how = 0, kills = 0;
    for (int round = 0; round < 400; round++) {
        const pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) _exit(client());
        const double us = 3000 + 20000 * sbi_random_uniform(4, 0, (uint64_t)round) + 500 * round;
        nanosleep(&(struct timespec){0, (long)(1e3 * us)}, NULL);
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, &how, 0), pid);
        if (WIFEXITED(how)) break;
        kills++;
        if (access(lines, F_OK) != 0) continue;
        /* What the file has the journal has; the lock of the dead is free. */
        const size_t there = count_events(lines, 1);
        if (!there) continue;
        OK(sbi_campaign_open(&c, ctx, where, &look));
        ck_assert_uint_le(there, sbi_campaign_event_count(c));
        sbi_campaign_close(c);
    }
    ck_assert_msg(WIFEXITED(how) && WEXITSTATUS(how) == 0, "client ended with %d", how);
    ck_assert_int_ge(kills, 2);
    OK(sbi_campaign_open(&c, ctx, where, &look));
    ck_assert_uint_eq(usage_of(c, SBI_CAMPAIGN_WHOLE).done, KILLED_TASKS);
    ck_assert_uint_eq(count_events(lines, 0), sbi_campaign_event_count(c));
    sbi_campaign_close(c);
}
END_TEST

static sbi_status run_with_lines(int n, sbi_status expected)
{
    sbi_executor *exec = local(1);
    sbi_campaign_options o = quick();
    sbi_campaign *c;
    o.event_file = lines;
    OK(sbi_campaign_open(&c, ctx, where, &o));
    OK(add_many(c, n));
    sbi_status status = sbi_campaign_run(c, exec);
    ck_assert_msg(status == expected, "%s", sbi_last_error());
    if (status == SBI_OK) ck_assert_uint_eq(count_events(lines, 0), sbi_campaign_event_count(c));
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    return status;
}

START_TEST(lines_are_mended)
{
    size_t size, again;
    run_with_lines(5, SBI_OK);
    char *whole = read_whole(lines, &size);
    /* Cut anywhere, and with something behind: the same bytes come again, at the latest with the next run. */
    for (size_t cut = 0; cut < size; cut += 37) {
        write_whole(lines, whole, cut);
        run_with_lines(5, SBI_OK);
        char *text = read_whole(lines, &again);
        ck_assert_uint_eq(again, size);
        ck_assert_mem_eq(text, whole, size);
        free(text);
    }
    /* Events that the journal lost: a line too many. */
    char *longer = malloc(size + 100);
    memcpy(longer, whole, size);
    memcpy(longer + size, "{\"seq\":20,\"time_ms\":5,\"event\":\"finished\"}\n", 43);
    write_whole(lines, longer, size + 43);
    run_with_lines(5, SBI_OK);
    char *mended = read_whole(lines, &again);
    ck_assert_uint_eq(again, size);
    ck_assert_mem_eq(whole, mended, size);
    free(mended);
    free(longer);
    /* Somebody else's file stays as it is. */
    write_whole(lines, "dear diary\n", 11);
    run_with_lines(5, SBI_ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), lines));
    char *text = read_whole(lines, &again);
    ck_assert_str_eq(text, "dear diary\n");
    free(text);
    free(whole);
}
END_TEST

/* The file of events is on a full disk, the journal is not: written beyond a size by a child. */
static int child_with_full_lines(void)
{
    struct rlimit limit = {9000, 9000};
    sbi_executor *exec;
    sbi_campaign *c;
    sbi_campaign_options o = quick();
    signal(SIGXFSZ, SIG_IGN);
    o.event_file = lines;
    if (sbi_local_open(&exec, ctx, 1, conformance_run, NULL) != SBI_OK || sbi_campaign_open(&c, ctx, where, &o) != SBI_OK) return 2;
    if (add_many(c, 30) != SBI_OK || setrlimit(RLIMIT_FSIZE, &limit)) return 3;
    sbi_status status = sbi_campaign_run(c, exec);
    return status == SBI_ERR_NO_SPACE && strstr(sbi_last_error(), "events.jsonl") ? 0 : 4;
}

START_TEST(full_disk_under_lines_is_reported_and_mended)
{
    int how;
    const pid_t pid = fork();
    if (pid == 0) _exit(child_with_full_lines());
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert_msg(WIFEXITED(how) && WEXITSTATUS(how) == 0, "child ended with %d", how);
    count_events(lines, 0); /* whole lines only, even so */
    run_with_lines(30, SBI_OK);
}
END_TEST

/* ---- deadlines and cancelling ---------------------------------------------------------------------------------- */

START_TEST(a_run_has_a_deadline)
{
    sbi_executor *exec = local(1);
    sbi_campaign_options o = quick();
    sbi_campaign *c;
    o.deadline_seconds = 0.2;
    OK(sbi_campaign_open(&c, ctx, where, &o));
    OK(add(c, "quick", "echo 1", NULL, 0, 0, NULL));
    OK(add(c, "long", "sleep 20000", NULL, 0, 0, NULL));
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_CANCELLED);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "campaign: the deadline of 0 s has passed, "));
    ck_assert_int_eq(report_of(c, "long").given_up, 0);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(an_attempt_has_a_deadline)
{
    for (int no_cancel = 0; no_cancel < 2; no_cancel++) {
        static const sbi_task_report done = {.state = SBI_TASK_DONE};
        script s = {.ends = &done, .n_ends = 1, .forever = 1, .no_cancel = no_cancel};
        sbi_executor *exec = scripted(&s);
        sbi_campaign_options o = quick();
        sbi_campaign *c;
        o.task_seconds = 0.05;
        o.max_attempts = 2;
        OK(sbi_campaign_open(&c, ctx, NULL, &o));
        OK(add(c, "a", "x", NULL, 0, 0, NULL));
        ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
        const sbi_campaign_report r = report_of(c, "a");
        ck_assert_int_eq(r.attempts, 2);
        if (no_cancel) {
            ck_assert_int_eq(r.status, SBI_ERR_TASK_LOST);
            ck_assert_str_eq(r.message, "it ran for longer than 0 s");
        } else {
            ck_assert_int_ge(s.cancelled, 1);
        }
        sbi_campaign_close(c);
        sbi_executor_close(exec);
    }
    /* In threads, it is cancelled and tried again. */
    sbi_executor *exec = local(1);
    sbi_campaign_options o = quick();
    sbi_campaign *c;
    o.task_seconds = 0.05;
    o.max_attempts = 3;
    OK(sbi_campaign_open(&c, ctx, NULL, &o));
    OK(add(c, "a", "sleep 20000", NULL, 0, 0, NULL));
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
    ck_assert_int_eq(report_of(c, "a").attempts, 3);
    ck_assert_int_eq(report_of(c, "a").state, SBI_TASK_LOST);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

/* Once something runs, so that no clock matters. */
static sbi_status cancel_what_runs(void *user, const sbi_campaign_event *e)
{
    (void)user;
    return e->kind == SBI_EVENT_STARTED ? sbi_campaign_cancel(ctx, where) : SBI_OK;
}

static sbi_status leave_what_runs(void *user, const sbi_campaign_event *e)
{
    (void)user;
    return e->kind == SBI_EVENT_STARTED ? SBI_ERR_CALLBACK : SBI_OK;
}

START_TEST(another_process_may_cancel)
{
    static const sbi_task_report done = {.state = SBI_TASK_DONE};
    script s = {.ends = &done, .n_ends = 1, .forever = 1, .survives = 1};
    sbi_executor *exec = scripted(&s);
    sbi_campaign *c;
    sbi_campaign_options o = quick();
    o.event = cancel_what_runs;
    OK(sbi_campaign_open(&c, ctx, where, &o));
    OK(add(c, "a", "x", NULL, 0, 0, NULL));
    OK(sbi_campaign_cancel(ctx, where)); /* of nobody: forgotten when a run begins */
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_CANCELLED);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "another process"));
    ck_assert_int_eq(s.cancelled, 1); /* although it would have survived */
    ck_assert_int_eq(report_of(c, "a").given_up, 0);
    sbi_campaign_close(c);
    s = (script){.ends = &done, .n_ends = 1, .survives = 1};
    OK(sbi_campaign_open(&c, ctx, where, NULL));
    OK(sbi_campaign_run(c, exec));
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    ck_assert_int_eq(sbi_campaign_cancel(ctx, "/nowhere/at/all"), SBI_ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_a_dead_client_left_is_stopped)
{
    static const sbi_task_report done = {.state = SBI_TASK_DONE};
    script s = {.ends = &done, .n_ends = 1, .forever = 1, .survives = 1};
    sbi_executor *exec = scripted(&s);
    sbi_campaign *c;
    sbi_campaign_options o = quick();
    o.event = leave_what_runs;
    OK(sbi_campaign_open(&c, ctx, where, &o));
    OK(add(c, "a", "x", NULL, 0, 0, NULL));
    OK(add(c, "b", "x", NULL, 0, 0, "a"));
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_CALLBACK);
    ck_assert_int_eq(s.cancelled, 0); /* it lives on */
    sbi_campaign_close(c);
    OK(sbi_campaign_open(&c, ctx, where, NULL));
    OK(sbi_campaign_stop(c, exec));
    ck_assert_int_eq(s.cancelled, 1);
    ck_assert_int_eq(s.submitted, 1);
    ck_assert_int_eq(report_of(c, "a").attempts, 1);
    OK(sbi_campaign_stop(c, exec)); /* nothing left to stop */
    ck_assert_int_eq(s.cancelled, 1);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(tasks_are_tried_afresh)
{
    sbi_executor *exec = local(1);
    sbi_campaign_options o = quick();
    sbi_campaign *c;
    size_t n;
    const char *const one[] = {"bad-1"}, *const fine[] = {"fine", "nobody"};
    o.max_failures = 10;
    o.keep_given_up = 1;
    for (int memory = 0; memory < 2; memory++) {
        conformance_reset();
        OK(sbi_campaign_open(&c, ctx, memory ? NULL : where, &o));
        OK(add(c, "bad-1", "fail 1", NULL, 0, 0, NULL));
        OK(add(c, "bad-2", "fail 2", NULL, 0, 0, NULL));
        OK(add(c, "fine", "echo 3", NULL, 0, 0, NULL));
        ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
        OK(sbi_campaign_run(c, exec)); /* they stay given up */
        ck_assert_int_eq(conformance_runs("bad-2"), 1);
        OK(sbi_campaign_retry(c, one, 1, &n));
        ck_assert_uint_eq(n, 1);
        if (!memory) { /* also after the client has gone */
            sbi_campaign_close(c);
            OK(sbi_campaign_open(&c, ctx, where, &o));
        }
        ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
        ck_assert_int_eq(conformance_runs("bad-1"), 2);
        ck_assert_int_eq(conformance_runs("bad-2"), 1);
        ck_assert_int_eq(sbi_campaign_retry(c, fine, 2, &n), SBI_ERR_NOT_FOUND);
        ck_assert_int_eq(report_of(c, "fine").state, SBI_TASK_DONE);
        OK(sbi_campaign_retry(c, fine, 1, &n));
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(report_of(c, "fine").state, SBI_TASK_PENDING);
        OK(sbi_campaign_retry(c, NULL, 0, &n));
        ck_assert_uint_eq(n, 2);
        ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
        ck_assert_int_eq(conformance_runs("bad-2"), 2);
        ck_assert_int_eq(conformance_runs("fine"), 2);
        sbi_campaign_close(c);
        sbi_executor_close(exec);
        exec = local(1);
    }
    sbi_executor_close(exec);
}
END_TEST

/* ---- the executor of the last run ------------------------------------------------------------------------------ */

static void assert_redacted(const char *config, const char *expected, int complete)
{
    sbi_text text;
    int whole;
    sbi_text_init(&text, ctx);
    OK(sbi_executor_redact(&text, config, &whole));
    ck_assert_str_eq(text.data, expected);
    ck_assert_int_eq(whole, complete);
    sbi_text_clear(&text);
}

START_TEST(secrets_are_left_out)
{
    assert_redacted("{\"threads\": 4}", "{\"threads\":4}", 1);
    assert_redacted("{\"token_file\":\"/run/token\",\"token\":\"t0p\"}", "{\"token_file\":\"/run/token\"}", 0);
    assert_redacted("{\"s3\":{\"Secret_Access_Key\":\"x\",\"region\":\"y\"},\"l\":[\"https://me:pw@h/\",\"a\"]}", "{\"l\":[\"a\"],\"s3\":{\"region\":\"y\"}}", 0);
    assert_redacted("{\"store\":\"https://h/p?X-Amz-Signature=1\"}", "{}", 0);
    assert_redacted("{\"store\":\"https://h/p@q\"}", "{\"store\":\"https://h/p@q\"}", 1);
    assert_redacted("{\"environment\":{\"A\":\"b\"},\"passWord\":1}", "{}", 0);
    assert_redacted("{\"key\":\"-----BEGIN PRIVATE KEY-----\"}", "{}", 0);
    assert_redacted("user=me password=pw", "{}", 0);
}
END_TEST

START_TEST(the_executor_is_remembered)
{
    sbi_campaign *c;
    sbi_executor *exec;
    const char *name, *config;
    int32_t complete;
    OK(sbi_executor_open(&exec, ctx, "local", "{ \"threads\" : 3 }"));
    OK(sbi_campaign_open(&c, ctx, where, NULL));
    OK(sbi_campaign_executor(c, &name, &config, &complete));
    ck_assert_str_eq(name, "");
    OK(sbi_campaign_run(c, exec));
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    for (int again = 0; again < 2; again++) {
        OK(sbi_campaign_open(&c, ctx, where, NULL));
        OK(sbi_campaign_executor(c, &name, &config, &complete));
        ck_assert_str_eq(name, "local");
        ck_assert_str_eq(config, "{\"threads\":3}");
        ck_assert_int_eq(complete, 1);
        exec = local(1); /* without a name: what was remembered stays */
        OK(sbi_campaign_run(c, exec));
        sbi_executor_close(exec);
        sbi_campaign_close(c);
    }
}
END_TEST

/* ---- journals and many tasks ----------------------------------------------------------------------------------- */

static sbi_status ignore(void *user, sbi_journal_fields *fields)
{
    (void)user;
    (void)fields;
    return SBI_OK;
}

/* Lines without their checksums, as the first version wrote them. */
static void write_journal(const char *const *records, size_t n)
{
    char path[128];
    sbi_journal j;
    OK(sbi_path_make_folder(ctx, where));
    snprintf(path, sizeof path, "%s/journal", where);
    OK(sbi_journal_open(&j, ctx, path, 0, ignore, NULL));
    for (size_t i = 0; i < n; i++) {
        sbi_journal_begin(&j, records[i]);
        OK(sbi_journal_end(&j));
    }
    OK(sbi_journal_flush(&j, 1));
    sbi_journal_close(&j);
}

START_TEST(journals_of_the_first_version_open)
{
    static const char *const old[] = {
        "campaign 1", "add 1700000000000 a 2000000 1024 0 echo%20a", "add 1700000000000 b 0 0 1 0 echo%20b", "run 1700000000001 local",
        "submit 1700000000002 0 1 1024", "state 1700000000003 0 1 2 0 0 0 local %",
        "state 1700000003603 0 1 10 0 3600000 4096 local %", "done 1700000003604 0 1 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "submit 1700000003605 1 1 0", "state 1700000003606 1 1 11 -8 1000 0 local no%20good", "giveup 1700000003607 1"};
    write_journal(old, sizeof old / sizeof *old);
    sbi_campaign *c;
    OK(sbi_campaign_open(&c, ctx, where, NULL));
    const sbi_campaign_report a = report_of(c, "a"), b = report_of(c, "b");
    ck_assert_int_eq(a.state, SBI_TASK_DONE);
    ck_assert_double_eq_tol(a.seconds, 3.6, 1e-9);
    ck_assert_double_eq(a.cpus, 2);
    ck_assert_double_eq(a.cpu_seconds, 0);
    ck_assert_str_eq(a.stage, "");
    ck_assert_int_eq(b.given_up, 1);
    ck_assert_str_eq(b.message, "no good");
    const sbi_campaign_usage u = usage_of(c, SBI_CAMPAIGN_WHOLE);
    ck_assert_double_eq_tol(u.core_seconds, 7.201, 1e-9);
    ck_assert_uint_eq(sbi_campaign_event_count(c), 7);
    /* Old callers: their structs end earlier. */
    struct {
        sbi_campaign_event e;
    } event = {{.struct_size = offsetof(sbi_campaign_event, cpu_seconds)}};
    memset((char *)&event + event.e.struct_size, 7, 8);
    OK(sbi_campaign_event_get(c, 0, &event.e));
    ck_assert_int_eq(*((char *)&event + event.e.struct_size), 7);
    sbi_campaign_report r = {.struct_size = offsetof(sbi_campaign_report, cpus)};
    OK(sbi_campaign_report_get(c, 0, &r));
    ck_assert_str_eq(r.key, "a");
    ck_assert_double_eq(r.cpus, 0);
    sbi_campaign_close(c);
}
END_TEST

START_TEST(odd_records_are_refused)
{
    static const char *const bad[] = {
        "hints 1 0 x train", "hints 1 7 0 train", "hints 1 0 0", "hints 1 0 0 train more", "prices 1 2 3", "prices 1 2 3 4 a-long-name-of-a-currency",
        "prices -1 2 3 4 EUR", "executor 1 local", "executor 1 local {} 2", "executor 1 local %2 1", "again 1 5", "again 1 0 0", "future 1 0",
        "state 1 0 1 11 0 0 0 h m x", "state 1 0 1 11 0 0 0 h m 1 2", "hints 1 0 0 0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const records[] = {"campaign 1", "add 1 a 0 0 0 x", bad[i]};
        sbi_campaign *c;
        remove_tree(where);
        write_journal(records, 3);
        const sbi_status status = sbi_campaign_open(&c, ctx, where, NULL);
        ck_assert_msg(status == SBI_ERR_FORMAT || status == SBI_ERR_VERSION, "%s: %d", bad[i], (int)status);
        ck_assert_ptr_null(c);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "journal: line 3: "));
    }
}
END_TEST

/* Everything in one campaign, for each allocation to fail once. */
static sbi_status tell_nobody(void *user, const sbi_campaign_event *e)
{
    (void)user;
    return e->key[0] ? SBI_OK : SBI_ERR_INTERNAL;
}

static sbi_status whole_story(sbi_context *context, void *arg)
{
    sbi_executor *exec = NULL;
    sbi_campaign *c = NULL;
    sbi_campaign_options o = quick();
    char own[160], own_lines[160];
    const char *const key[] = {"one"};
    snprintf(own, sizeof own, "%s/%s", folder, (const char *)arg);
    snprintf(own_lines, sizeof own_lines, "%s/%s.jsonl", folder, (const char *)arg);
    remove_tree(own); /* or the journal grows, and with it what each run asks for */
    unlink(own_lines);
    o.event = tell_nobody;
    o.event_file = own_lines;
    o.core_hour = 1;
    o.currency = "EUR";
    sbi_status status = sbi_local_open(&exec, context, 1, conformance_run, NULL);
    if (status == SBI_OK) status = sbi_executor_remember(exec, "mine", "{\"token\":\"x\",\"a\":[1]}");
    if (status == SBI_OK) status = sbi_campaign_open(&c, context, own, &o);
    if (status == SBI_OK) status = add(c, "one", "echo 1", "first", 1, 1, NULL);
    if (status == SBI_OK) status = add(c, "two", "echo 2", "second", 0, 0, "one");
    if (status == SBI_OK) status = sbi_campaign_run(c, exec);
    if (status == SBI_OK) status = sbi_campaign_retry(c, key, 1, NULL);
    if (status == SBI_OK) status = sbi_campaign_stop(c, exec);
    if (status == SBI_OK) status = sbi_campaign_cancel(context, own);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    conformance_reset();
    return status;
}

START_TEST(every_allocation_may_fail)
{
    const torture_report r = torture_allocations(whole_story, (void *)"a", 1, 0);
    ck_assert_int_gt(r.requests, 20);
    torture_allocations(whole_story, (void *)"b", 1, 1);
}
END_TEST

/* Ten thousand tasks of some hundred bytes, all done, with their events: what is held is counted, the time only told. */
START_TEST(many_tasks_open_in_bounded_memory)
{
    enum { N = 10000 };
    sbi_text text;
    char path[128];
    sbi_journal j;
    OK(sbi_path_make_folder(ctx, where));
    snprintf(path, sizeof path, "%s/journal", where);
    OK(sbi_journal_open(&j, ctx, path, 0, ignore, NULL));
    sbi_text_init(&text, ctx);
    sbi_journal_begin(&j, "campaign 1");
    OK(sbi_journal_end(&j));
    for (int i = 0; i < 5 * N; i++) {
        const int t = i % N;
        text.size = 0;
        if (i < N)
            sbi_text_addf(&text, "add 1700000000000 t-%d 0 0 0 %0200d", t, t);
        else if (i < 2 * N)
            sbi_text_addf(&text, "submit 17000000%05d %d 1 0", t, t);
        else if (i < 3 * N)
            sbi_text_addf(&text, "state 17000001%05d %d 1 2 0 0 0 node-%d %%", t, t, t % 50);
        else if (i < 4 * N)
            sbi_text_addf(&text, "state 17000002%05d %d 1 10 0 1000000 4096 node-%d %% 900000", t, t, t % 50);
        else
            sbi_text_addf(&text, "done 17000003%05d %d 1 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", t, t);
        sbi_journal_begin(&j, text.data);
        OK(sbi_journal_end(&j));
    }
    OK(sbi_journal_flush(&j, 0));
    const uint64_t size = j.size;
    sbi_journal_close(&j);
    sbi_text_clear(&text);

    sbi_context *own;
    sbi_campaign *c;
    sbi_campaign_options look = SBI_CAMPAIGN_OPTIONS_INIT;
    look.read_only = 1;
    OK(sbi_context_create(&own, NULL));
    struct timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    OK(sbi_campaign_open(&c, own, where, &look));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    ck_assert_uint_eq(usage_of(c, SBI_CAMPAIGN_WHOLE).done, N);
    ck_assert_uint_eq(sbi_campaign_event_count(c), 4 * N);
    const uint64_t peak = sbi_memory_peak(own);
    printf("%d tasks, journal of %.1f MB: open in %.3f s of processor time, at most %.1f MB\n", N, 1e-6 * (double)size,
           (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec), 1e-6 * (double)peak);
    /* The journal while it is read, 2 kB a task, four events of 80 bytes, and what growing arrays take twice. */
    ck_assert_uint_le(peak, size + N * (uint64_t)(2000 + 3 * 4 * 80));
    sbi_campaign_close(c);
    sbi_context_destroy(own);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec: events");
    TCase *tc = tcase_create("events");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, resources_are_counted_and_priced);
    tcase_add_test(tc, local_attempts_say_where_and_how_long);
    tcase_add_test(tc, every_event_is_told);
    tcase_add_test(tc, a_listener_may_end_the_run);
    tcase_add_test(tc, lines_are_whole_after_kills);
    tcase_add_test(tc, lines_are_mended);
    tcase_add_test(tc, full_disk_under_lines_is_reported_and_mended);
    tcase_add_test(tc, a_run_has_a_deadline);
    tcase_add_test(tc, an_attempt_has_a_deadline);
    tcase_add_test(tc, another_process_may_cancel);
    tcase_add_test(tc, what_a_dead_client_left_is_stopped);
    tcase_add_test(tc, tasks_are_tried_afresh);
    tcase_add_test(tc, secrets_are_left_out);
    tcase_add_test(tc, the_executor_is_remembered);
    tcase_add_test(tc, journals_of_the_first_version_open);
    tcase_add_test(tc, odd_records_are_refused);
    suite_add_tcase(suite, tc);
    tc = tcase_create("memory");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, many_tasks_open_in_bounded_memory);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
