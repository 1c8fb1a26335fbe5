/* SPDX-License-Identifier: Apache-2.0 */
/* Campaigns: the retry policy, resuming, dependencies, damage, two clients, full disk, cancellation, allocation failures. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/sha256.h"
#include "base/text.h"
#include "contract/executor_conformance.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "exec/campaign_internal.h"
#include "exec/local.h"
#include "support/failing_allocator.h"

static sbi_context *ctx;
static char folder[64];

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    make_temporary_folder(folder, sizeof folder);
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

static sbi_status add(sbi_campaign *c, const char *key, const char *spec, const char *after)
{
    sbi_task t = SBI_TASK_INIT;
    t.key = key;
    t.spec = spec;
    t.spec_size = strlen(spec);
    return sbi_campaign_add(c, &t, after ? &after : NULL, after ? 1 : 0, NULL);
}

static void add_many(sbi_campaign *c, int n)
{
    char key[32], spec[48];
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "task-%d", i);
        snprintf(spec, sizeof spec, "echo result %d", i);
        OK(add(c, key, spec, NULL));
    }
}

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static void assert_result(sbi_campaign *c, const char *key, const char *expected)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    OK(sbi_campaign_result(c, key, &sink));
    ck_assert_str_eq(text.data ? text.data : "", expected);
    sbi_text_clear(&text);
}

static void assert_many(sbi_campaign *c, int n)
{
    char key[32], expected[32];
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "task-%d", i);
        snprintf(expected, sizeof expected, "result %d", i);
        assert_result(c, key, expected);
    }
}

static sbi_campaign_report report_of(sbi_campaign *c, const char *key)
{
    size_t index;
    sbi_campaign_report r = {.struct_size = sizeof r};
    OK(sbi_campaign_index(c, key, &index));
    OK(sbi_campaign_report_get(c, index, &r));
    return r;
}

static sbi_executor *local(int32_t threads)
{
    sbi_executor *exec;
    OK(sbi_local_open(&exec, ctx, threads, conformance_run, NULL));
    return exec;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static void run_everything(const char *where)
{
    sbi_campaign *c;
    sbi_executor *exec = local(3);
    OK(sbi_campaign_open(&c, ctx, where, NULL));
    add_many(c, 50);
    OK(sbi_campaign_run(c, exec));
    assert_many(c, 50);
    OK(sbi_campaign_run(c, exec)); /* nothing left to do */
    ck_assert_int_eq(conformance_most_runs_of_an_attempt(), 1);
    sbi_campaign_report r = report_of(c, "task-7");
    ck_assert_int_eq(r.state, SBI_TASK_DONE);
    ck_assert_int_eq(r.attempts, 1);
    ck_assert_uint_eq(r.result_size, 8);
    ck_assert_double_eq(r.progress, 1.0);
    char host[64] = "";
    ck_assert_int_eq(gethostname(host, sizeof host - 1), 0);
    ck_assert_str_eq(r.host, host);
    ck_assert(r.added > 1600000000000 && r.began >= r.added && r.ended >= r.began);
    char hex[65];
    sbi_sha256_text("result 7", 8, hex);
    ck_assert_str_eq(r.sha256, hex);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}

START_TEST(runs_in_memory) { run_everything(NULL); }
END_TEST
START_TEST(runs_in_a_folder) { run_everything(folder); }
END_TEST

START_TEST(resumes_without_repeating)
{
    sbi_campaign *c;
    sbi_executor *exec = local(2);
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    add_many(c, 10);
    OK(sbi_campaign_run(c, exec));
    size_t events = sbi_campaign_event_count(c);
    ck_assert_uint_ge(events, 20); /* submitted and done, at least */
    sbi_campaign_close(c);
    for (int again = 0; again < 3; again++) {
        OK(sbi_campaign_open(&c, ctx, folder, NULL));
        ck_assert_uint_eq(sbi_campaign_count(c), 10);
        ck_assert_uint_eq(sbi_campaign_event_count(c), events);
        add_many(c, 10);
        OK(sbi_campaign_run(c, exec));
        assert_many(c, 10);
        sbi_campaign_close(c);
    }
    for (int i = 0; i < 10; i++) {
        char key[32];
        snprintf(key, sizeof key, "task-%d", i);
        ck_assert_int_eq(conformance_runs(key), 1);
    }
    sbi_executor_close(exec);
}
END_TEST

START_TEST(journal_tells_the_same_story)
{
    sbi_campaign *c;
    sbi_executor *exec;
    toy_options nasty = {.seed = 5, .trouble = 0.1, .loss = 0.4, .run = conformance_run};
    sbi_campaign_options o = quick();
    o.max_attempts = 30;
    OK(toy_open(&exec, ctx, &nasty));
    OK(sbi_campaign_open(&c, ctx, folder, &o));
    add_many(c, 30);
    OK(sbi_campaign_run(c, exec));
    size_t n = sbi_campaign_count(c), events = sbi_campaign_event_count(c);
    sbi_campaign_report before[30];
    for (size_t i = 0; i < n; i++) {
        before[i].struct_size = sizeof before[i];
        OK(sbi_campaign_report_get(c, i, &before[i]));
    }
    /* Another looks on while this one still holds the lock. */
    o.read_only = 1;
    sbi_campaign *other;
    OK(sbi_campaign_open(&other, ctx, folder, &o));
    ck_assert_uint_eq(sbi_campaign_count(other), n);
    ck_assert_uint_eq(sbi_campaign_event_count(other), events);
    for (size_t i = 0; i < n; i++) {
        sbi_campaign_report after = {.struct_size = sizeof after};
        OK(sbi_campaign_report_get(other, i, &after));
        ck_assert_mem_eq(&after, &before[i], sizeof after);
    }
    for (size_t i = 0; i < events; i++) {
        sbi_campaign_event a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        OK(sbi_campaign_event_get(c, i, &a));
        OK(sbi_campaign_event_get(other, i, &b));
        ck_assert_int_eq(a.state, b.state);
        ck_assert_int_eq(a.time, b.time);
        ck_assert_int_eq(a.attempt, b.attempt);
        ck_assert_uint_eq(a.task, b.task);
    }
    assert_many(other, 30);
    ck_assert_int_eq(add(other, "more", "echo x", NULL), SBI_ERR_STATE);
    ck_assert_int_eq(sbi_campaign_run(other, exec), SBI_ERR_STATE);
    sbi_campaign_close(other);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(survives_a_bad_executor)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        toy_options nasty = {.seed = seed, .trouble = 0.2, .loss = 0.3, .silence = 0.1, .corrupt = 0.2, .run = conformance_run};
        sbi_campaign_options o = quick();
        sbi_campaign *c;
        sbi_executor *exec;
        o.max_attempts = 40;
        o.silence_seconds = 0.05;
        conformance_reset();
        OK(toy_open(&exec, ctx, &nasty));
        OK(sbi_campaign_open(&c, ctx, seed % 2 ? NULL : folder, &o));
        add_many(c, 40);
        OK(sbi_campaign_run(c, exec));
        assert_many(c, 40);
        int32_t attempts = 0;
        for (size_t i = 0; i < 40; i++) {
            sbi_campaign_report r = {.struct_size = sizeof r};
            OK(sbi_campaign_report_get(c, i, &r));
            attempts += r.attempts;
            ck_assert_int_eq(r.status, SBI_OK);
        }
        ck_assert_int_gt(attempts, 40);
        ck_assert_int_le(conformance_most_runs_of_an_attempt(), 1);
        sbi_campaign_close(c);
        sbi_executor_close(exec);
        remove_tree(folder);
    }
}
END_TEST

START_TEST(gives_up_an_executor_out_of_reach)
{
    toy_options gone = {.seed = 1, .out_for_ever = 1, .run = conformance_run};
    sbi_campaign_options o = quick();
    o.outage_seconds = 0.1;
    sbi_campaign *c;
    sbi_executor *exec;
    OK(toy_open(&exec, ctx, &gone));
    OK(sbi_campaign_open(&c, ctx, folder, &o));
    add_many(c, 3);
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TRANSIENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "out of reach"));
    sbi_executor_close(exec);
    exec = local(1);
    OK(sbi_campaign_run(c, exec));
    assert_many(c, 3);
    ck_assert_int_eq(report_of(c, "task-0").attempts, 1); /* the same attempt, adopted */
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

/* ---- failures -------------------------------------------------------------------------------------------------- */

START_TEST(stops_at_the_failure_budget)
{
    sbi_campaign_options o = quick();
    sbi_campaign *c;
    sbi_executor *exec = local(1);
    OK(sbi_campaign_open(&c, ctx, folder, &o));
    OK(add(c, "first", "echo 1", NULL));
    OK(add(c, "bad", "fail the shape of things", NULL));
    add_many(c, 40);
    OK(add(c, "dependent", "echo 3", "bad"));
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "bad: failed: the shape of things"));
    assert_result(c, "first", "1");
    sbi_campaign_report r = report_of(c, "bad");
    ck_assert_int_eq(r.given_up, 1);
    ck_assert_int_eq(r.attempts, 1); /* FAILED is not tried again */
    ck_assert_int_eq(r.status, SBI_ERR_VALUE);
    ck_assert_int_eq(report_of(c, "dependent").state, SBI_TASK_PENDING);
    ck_assert_int_eq(report_of(c, "task-39").attempts, 0);
    sbi_campaign_close(c);
    /* With a budget everything else is done; the failure is still one. */
    o.max_failures = 1;
    OK(sbi_campaign_open(&c, ctx, folder, &o));
    ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_TASK_FAILED);
    assert_many(c, 40);
    ck_assert_int_eq(report_of(c, "dependent").attempts, 0);
    ck_assert_int_eq(report_of(c, "bad").attempts, 2);
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    ck_assert_int_eq(sbi_campaign_result(c, "bad", &sink), SBI_ERR_STATE);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(decides_on_retries)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_task_report r = {.struct_size = sizeof r, .attempt = 1, .key = "k"};
    const struct {
        int32_t state;
        int again;
    } cases[] = {{SBI_TASK_FAILED, 0},    {SBI_TASK_REJECTED, 0},  {SBI_TASK_CANCELLED, 0},    {SBI_TASK_LOST, 1},
                 {SBI_TASK_TRANSIENT, 1}, {SBI_TASK_PREEMPTED, 1}, {SBI_TASK_OUT_OF_MEMORY, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r.state = cases[i].state;
        ck_assert_int_eq(sbi_retry_decide(&o, &r, 0, 0, 0).again, cases[i].again);
        if (r.state != SBI_TASK_PREEMPTED) ck_assert_int_eq(sbi_retry_decide(&o, &r, 3, 0, 0).again, 0);
    }
    r.state = SBI_TASK_PREEMPTED;
    ck_assert_int_eq(sbi_retry_decide(&o, &r, 3, 99, 0).again, 1);
    ck_assert_int_eq(sbi_retry_decide(&o, &r, 3, 100, 0).again, 0);
    ck_assert_int_eq(sbi_retry_decide(&o, &r, 3, 0, 0).preempted, 1);
    ck_assert_double_eq(sbi_retry_decide(&o, &r, 3, 0, 0).wait, 0.0);
    r.state = SBI_TASK_OUT_OF_MEMORY;
    ck_assert_uint_eq(sbi_retry_decide(&o, &r, 0, 0, 100).memory, 200);
    r.peak_memory = 150;
    ck_assert_uint_eq(sbi_retry_decide(&o, &r, 0, 0, 100).memory, 300);
    o.memory_cap = 250;
    ck_assert_uint_eq(sbi_retry_decide(&o, &r, 0, 0, 100).memory, 250);
    ck_assert_int_eq(sbi_retry_decide(&o, &r, 0, 0, 250).again, 0);
    /* Waits double, up to the limit, within a factor of two; they differ between tasks and are the same again. */
    for (int n = 1; n < 20; n++) {
        double full = n <= 9 ? (double)(1 << (n - 1)) : 300, wait = sbi_retry_wait(&o, "key", n);
        if (full > 300) full = 300;
        ck_assert(wait >= 0.5 * full && wait <= full);
        ck_assert_double_eq(wait, sbi_retry_wait(&o, "key", n));
        ck_assert_double_ne(wait, sbi_retry_wait(&o, "other", n));
    }
}
END_TEST

START_TEST(order_follows_dependencies)
{
    sbi_campaign *c;
    sbi_executor *exec = local(4);
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    ck_assert_int_eq(add(c, "b", "echo b", "a"), SBI_ERR_NOT_FOUND);
    OK(add(c, "a", "sleep 50", NULL));
    OK(add(c, "b", "echo b", "a"));
    OK(add(c, "c", "echo c", "b"));
    OK(sbi_campaign_run(c, exec));
    int64_t last = 0;
    const char *keys[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        sbi_campaign_report r = report_of(c, keys[i]);
        ck_assert_int_ge(r.began, last);
        last = r.ended;
    }
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(adding_is_checked)
{
    sbi_campaign *c;
    OK(sbi_campaign_open(&c, ctx, NULL, NULL));
    OK(add(c, NULL, "echo x", NULL)); /* key: the hash of the spec */
    char hex[65];
    size_t index;
    sbi_sha256_text("echo x", 6, hex);
    OK(sbi_campaign_index(c, hex, &index));
    ck_assert_uint_eq(index, 0);
    OK(add(c, hex, "echo x", NULL));
    ck_assert_uint_eq(sbi_campaign_count(c), 1);
    ck_assert_int_eq(add(c, hex, "echo y", NULL), SBI_ERR_EXISTS);
    ck_assert_int_eq(add(c, "Not Good", "echo y", NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_campaign_add(NULL, NULL, NULL, 0, NULL), SBI_ERR_ARGUMENT);
    sbi_campaign_close(c);
    sbi_campaign_options o = quick();
    o.max_attempts = 0;
    ck_assert_int_eq(sbi_campaign_open(&c, ctx, NULL, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(c);
    o = quick();
    o.struct_size = 8;
    ck_assert_int_eq(sbi_campaign_open(&c, ctx, NULL, &o), SBI_ERR_ABI);
    o = quick();
    o.backoff_seconds = -1;
    ck_assert_int_eq(sbi_campaign_open(&c, ctx, NULL, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "backoff_seconds"));
    sbi_campaign_close(NULL);
}
END_TEST

/* ---- the disk -------------------------------------------------------------------------------------------------- */

START_TEST(corrupted_results_are_found)
{
    sbi_campaign *c;
    sbi_executor *exec = local(1);
    char path[128];
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    add_many(c, 3);
    OK(sbi_campaign_run(c, exec));
    snprintf(path, sizeof path, "%s/results/task-1", folder);
    write_whole(path, "Result 1", 8);
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    ck_assert_int_eq(sbi_campaign_result(c, "task-1", &sink), SBI_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "results/task-1"));
    ck_assert_uint_eq(text.size, 0);
    sbi_campaign_close(c);
    /* One that has gone, or has another size, is found when the campaign runs again. */
    snprintf(path, sizeof path, "%s/results/task-2", folder);
    write_whole(path, "result", 6);
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    OK(sbi_campaign_run(c, exec));
    assert_many(c, 3);
    ck_assert_int_eq(report_of(c, "task-0").attempts, 1);
    ck_assert_int_eq(report_of(c, "task-1").attempts, 2);
    ck_assert_int_eq(report_of(c, "task-2").attempts, 2);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(damaged_journal_is_refused)
{
    sbi_campaign *c;
    sbi_executor *exec = local(1);
    char path[128];
    size_t size;
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    add_many(c, 3);
    OK(sbi_campaign_run(c, exec));
    sbi_campaign_close(c);
    snprintf(path, sizeof path, "%s/journal", folder);
    char *journal = read_whole(path, &size);
    journal[size / 2] ^= 1;
    write_whole(path, journal, size);
    ck_assert_int_eq(sbi_campaign_open(&c, ctx, folder, NULL), SBI_ERR_FORMAT);
    ck_assert_ptr_null(c);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "journal: line "));
    journal[size / 2] ^= 1;
    /* Cut at any place it opens again, and ends with the same results. */
    for (size_t cut = 0; cut <= size; cut += 1 + size / 17) {
        write_whole(path, journal, cut);
        OK(sbi_campaign_open(&c, ctx, folder, NULL));
        add_many(c, 3);
        OK(sbi_campaign_run(c, exec));
        assert_many(c, 3);
        sbi_campaign_close(c);
    }
    write_whole(path, "0123456789abcdef hello\n", 23);
    ck_assert_int_eq(sbi_campaign_open(&c, ctx, folder, NULL), SBI_ERR_FORMAT);
    free(journal);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(two_clients_exclude_each_other)
{
    sbi_campaign *c, *other;
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    ck_assert_int_eq(sbi_campaign_open(&other, ctx, folder, NULL), SBI_ERR_STATE);
    ck_assert_ptr_null(other);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "another client"));
    sbi_campaign_close(c);
    OK(sbi_campaign_open(&other, ctx, folder, NULL));
    sbi_campaign_close(other);
}
END_TEST

/* As on a full disk: writing fails beyond a size. Run by a child, since the limit is the process's; without Check's
 * assertions, which write to a file that the child shares with its parent. */
static int child_on_a_full_disk(void)
{
    struct rlimit limit = {3000, 3000};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit)) return 2;
    sbi_executor *exec;
    sbi_campaign *c;
    if (sbi_local_open(&exec, ctx, 1, conformance_run, NULL) != SBI_OK) return 3;
    if (sbi_campaign_open(&c, ctx, folder, NULL) != SBI_OK) return 3;
    char key[32], spec[48];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "task-%d", i);
        snprintf(spec, sizeof spec, "echo result %d", i);
        if (add(c, key, spec, NULL) != SBI_OK) return 3;
    }
    sbi_status status = sbi_campaign_run(c, exec);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    return status == SBI_ERR_NO_SPACE && strstr(sbi_last_error(), "journal") ? 0 : 4;
}

START_TEST(full_disk_is_reported_and_resumed)
{
    pid_t pid = fork();
    if (pid == 0) _exit(child_on_a_full_disk());
    int how;
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert_msg(WIFEXITED(how) && WEXITSTATUS(how) == 0, "child ended with %d", how);
    sbi_executor *exec = local(1);
    sbi_campaign *c;
    OK(sbi_campaign_open(&c, ctx, folder, NULL));
    add_many(c, 100);
    OK(sbi_campaign_run(c, exec));
    assert_many(c, 100);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

START_TEST(read_only_folder_is_refused)
{
    ck_assert_int_eq(chmod(folder, 0555), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && setuid(65534)) _exit(3); /* root may write anywhere */
        sbi_campaign *c;
        sbi_status status = sbi_campaign_open(&c, ctx, folder, NULL);
        _exit(status == SBI_ERR_PERMISSION && !c && strstr(sbi_last_error(), folder) ? 0 : 1);
    }
    int how;
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    chmod(folder, 0755);
}
END_TEST

/* ---- cancellation and memory ----------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *cancel_soon(void *arg)
{
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    *(double *)arg = seconds();
    sbi_context_cancel(ctx, 1);
    return NULL;
}

START_TEST(cancels_within_a_second)
{
    toy_options kind = {.seed = 3, .run = conformance_run};
    for (int which = 0; which < 2; which++) {
        sbi_executor *exec;
        sbi_campaign *c;
        pthread_t thread;
        double begin;
        if (which)
            exec = local(2);
        else
            OK(toy_open(&exec, ctx, &kind));
        OK(sbi_campaign_open(&c, ctx, NULL, NULL));
        char key[32];
        for (int i = 0; i < 10; i++) {
            snprintf(key, sizeof key, "long-%d", i);
            OK(add(c, key, "sleep 30000", NULL));
        }
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, &begin), 0);
        ck_assert_int_eq(sbi_campaign_run(c, exec), SBI_ERR_CANCELLED);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_double_lt(seconds() - begin, 1.0);
        for (int i = 0; i < 10; i++) {
            snprintf(key, sizeof key, "long-%d", i);
            ck_assert_int_eq(report_of(c, key).given_up, 0);
        }
        sbi_context_cancel(ctx, 0);
        sbi_campaign_close(c);
        sbi_executor_close(exec);
    }
}
END_TEST

static sbi_status whole_campaign(sbi_context *context, void *arg)
{
    char where[128];
    snprintf(where, sizeof where, "%s/%s", folder, (const char *)arg);
    sbi_executor *exec = NULL;
    sbi_campaign *c = NULL;
    sbi_campaign_options o = quick();
    sbi_status status = sbi_local_open(&exec, context, 1, conformance_run, NULL);
    if (status == SBI_OK) status = sbi_campaign_open(&c, context, where, &o);
    if (status == SBI_OK) status = add(c, "one", "echo 1", NULL);
    if (status == SBI_OK) status = add(c, "two", "echo 2", "one");
    if (status == SBI_OK) status = sbi_campaign_run(c, exec);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    conformance_reset();
    return status;
}

START_TEST(every_allocation_may_fail)
{
    torture_report r = torture_allocations(whole_campaign, (void *)"a", 1, 0);
    ck_assert_int_gt(r.requests, 10);
    torture_allocations(whole_campaign, (void *)"b", 1, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec: campaign");
    TCase *tc = tcase_create("campaign");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, runs_in_memory);
    tcase_add_test(tc, runs_in_a_folder);
    tcase_add_test(tc, resumes_without_repeating);
    tcase_add_test(tc, journal_tells_the_same_story);
    tcase_add_test(tc, survives_a_bad_executor);
    tcase_add_test(tc, gives_up_an_executor_out_of_reach);
    tcase_add_test(tc, stops_at_the_failure_budget);
    tcase_add_test(tc, decides_on_retries);
    tcase_add_test(tc, order_follows_dependencies);
    tcase_add_test(tc, adding_is_checked);
    tcase_add_test(tc, corrupted_results_are_found);
    tcase_add_test(tc, damaged_journal_is_refused);
    tcase_add_test(tc, two_clients_exclude_each_other);
    tcase_add_test(tc, full_disk_is_reported_and_resumed);
    tcase_add_test(tc, read_only_folder_is_refused);
    tcase_add_test(tc, cancels_within_a_second);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
