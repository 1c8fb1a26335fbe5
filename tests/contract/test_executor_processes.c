/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "processes": the contract, and what becomes of tasks whose workers die, of a client that is killed, and of a full disk. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/text.h"
#include "contract/executor_conformance.h"
#include "contract/temporary_folder.h"
#include "jobs/processes.h"
#include "support/run_suite.h"

static char worker[600];

/* Specs go into the store as they are. The suite gives one key another spec later, which no job does: so they are replaced. */
static sbi_status stage(sbi_context *ctx, sbi_store *store, const sbi_task *task)
{
    char name[128];
    (void)ctx;
    snprintf(name, sizeof name, "jobs/%s/spec.json", task->key);
    return sbi_store_put_bytes(store, name, task->spec, task->spec_size, 0);
}

static sbi_status open_with(sbi_executor **out, sbi_context *ctx, const char *store, const char *more)
{
    char config[1024];
    if (store)
        snprintf(config, sizeof config, "{\"worker\":\"%s\",\"store\":\"%s\",\"heartbeat\":1%s}", worker, store, more);
    else
        snprintf(config, sizeof config, "{\"worker\":\"%s\",\"processes\":4%s}", worker, more);
    return sbi_processes_open(out, ctx, config, stage);
}

static sbi_status open_processes(void *user, sbi_context *ctx, sbi_executor **out)
{
    (void)user;
    return open_with(out, ctx, NULL, "");
}

/* ---- faults ----------------------------------------------------------------------------------------------------- */

static sbi_context *ctx;
static sbi_executor *exec;
static char folder[64];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static void setup(void)
{
    OK(sbi_context_create(&ctx, NULL));
    make_temporary_folder(folder, sizeof folder);
    exec = NULL;
}

static void teardown(void)
{
    sbi_executor_close(exec);
    sbi_context_destroy(ctx);
    remove_tree(folder);
}

static void submit(const char *key, const char *spec, int attempt)
{
    sbi_task t = SBI_TASK_INIT;
    t.key = key;
    t.spec = spec;
    t.spec_size = strlen(spec);
    t.attempt = attempt;
    OK(sbi_executor_submit(exec, &t, 1));
}

/* Polls until the task is in this state or final. */
static sbi_task_report wait_for(const char *key, int32_t state)
{
    sbi_task_report r[8], last = {.state = 0};
    for (int i = 0; i < 600; i++) {
        size_t n = 0;
        OK(sbi_executor_poll(exec, r, 8, &n, 100));
        for (size_t k = 0; k < n; k++)
            if (strcmp(r[k].key, key) == 0) last = r[k];
        if (last.state == state || last.state >= SBI_TASK_DONE) return last;
    }
    ck_abort_msg("task %s: still in state %d", key, last.state);
}

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static void assert_result(const char *key, const char *expected)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    OK(sbi_executor_fetch(exec, key, &sink));
    ck_assert_uint_eq(text.size, strlen(expected));
    ck_assert_mem_eq(text.data, expected, text.size);
    sbi_text_clear(&text);
}

/* A task that crashes takes no other one along, and the state says what happened. */
START_TEST(dead_workers_are_told_apart)
{
    static const struct {
        const char *key, *spec;
        int32_t state;
        const char *message;
    } cases[] = {{"segv", "die 11", SBI_TASK_LOST, "signal 11"},     {"killed", "die 9", SBI_TASK_LOST, "signal 9"},
                 {"term", "die 15", SBI_TASK_PREEMPTED, ""},         {"e69", "exit 69", SBI_TASK_TRANSIENT, "69"},
                 {"e75", "exit 75", SBI_TASK_PREEMPTED, "75"},       {"e78", "exit 78", SBI_TASK_REJECTED, "78"},
                 {"e137", "exit 137", SBI_TASK_OUT_OF_MEMORY, "137"}, {"e1", "exit 1", SBI_TASK_LOST, "exit code 1"},
                 {"e0", "exit 0", SBI_TASK_LOST, "exit code 0"},     {"e64", "exit 64", SBI_TASK_FAILED, "64"}};
    OK(open_with(&exec, ctx, folder, ",\"processes\":3"));
    submit("good", "echo still here", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) submit(cases[i].key, cases[i].spec, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Reports of others are read on the way: ask again for what was told already. */
        submit(cases[i].key, cases[i].spec, 1);
        const sbi_task_report r = wait_for(cases[i].key, -1);
        ck_assert_msg(r.state == cases[i].state, "%s: state %d, status %d: %s", cases[i].spec, r.state, r.status, r.message);
        ck_assert_msg(strstr(r.message, cases[i].message) != NULL, "%s: %s", cases[i].spec, r.message);
    }
    submit("good", "echo still here", 1);
    ck_assert_int_eq(wait_for("good", -1).state, SBI_TASK_DONE);
    assert_result("good", "still here");
    submit("again", "once 11", 1);
    ck_assert_int_eq(wait_for("again", -1).state, SBI_TASK_LOST);
    submit("again", "once 11", 2);
    ck_assert_int_eq(wait_for("again", -1).state, SBI_TASK_DONE);
    assert_result("again", "again");
}
END_TEST

/* Like a client that is killed: a child submits, says so, and is killed with SIGKILL. */
static void submit_and_be_killed(const char *key, const char *spec)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        OK(open_with(&exec, ctx, folder, ",\"processes\":2"));
        submit(key, spec, 1);
        wait_for(key, SBI_TASK_RUNNING);
        (void)!write(ready[1], "x", 1);
        for (;;) pause();
    }
    char x;
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &x, 1), 1);
    close(ready[0]);
    kill(pid, SIGKILL);
    int how;
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
}

static int count_attempts(const char *key)
{
    char path[200];
    int n = 0;
    snprintf(path, sizeof path, "%s/jobs/%s/attempts", folder, key);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

START_TEST(killed_client_finds_its_tasks_again)
{
    submit_and_be_killed("long", "sleep 1500");
    OK(open_with(&exec, ctx, folder, ",\"processes\":2"));
    submit("long", "sleep 1500", 1);
    ck_assert_int_eq(wait_for("long", SBI_TASK_RUNNING).state, SBI_TASK_RUNNING);
    ck_assert_int_eq(wait_for("long", -1).state, SBI_TASK_DONE);
    assert_result("long", "slept");
    ck_assert_int_eq(count_attempts("long"), 1); /* adopted, not run again */
    /* One that is done is adopted by a third client. */
    sbi_executor_close(exec);
    OK(open_with(&exec, ctx, folder, ""));
    submit("long", "sleep 1500", 5);
    ck_assert_int_eq(wait_for("long", -1).state, SBI_TASK_DONE);
    ck_assert_int_eq(count_attempts("long"), 1);
}
END_TEST

START_TEST(adopted_tasks_can_be_cancelled_and_their_end_is_known)
{
    submit_and_be_killed("endless", "sleep 60000");
    OK(open_with(&exec, ctx, folder, ""));
    submit("endless", "sleep 60000", 1);
    ck_assert_int_eq(wait_for("endless", SBI_TASK_RUNNING).state, SBI_TASK_RUNNING);
    const char *key = "endless";
    OK(sbi_executor_cancel(exec, &key, 1));
    ck_assert_int_eq(wait_for("endless", -1).state, SBI_TASK_CANCELLED);
    /* A worker that failed while nobody looked. */
    submit_and_be_killed("failing", "sleep 300");
    sbi_executor_close(exec);
    OK(open_with(&exec, ctx, folder, ""));
    submit("crashing", "die 11", 1);
    ck_assert_int_eq(wait_for("crashing", -1).state, SBI_TASK_LOST);
    sbi_executor_close(exec);
    OK(open_with(&exec, ctx, folder, ""));
    submit("crashing", "die 11", 1);
    const sbi_task_report r = wait_for("crashing", -1);
    ck_assert_int_eq(r.state, SBI_TASK_LOST);
    ck_assert_ptr_nonnull(strstr(r.message, "signal 11"));
    ck_assert_int_eq(count_attempts("crashing"), 1);
}
END_TEST

/* Whether no process of a group runs. Its orphans may be zombies for as long as the machine's first process likes. */
static int nobody_of_group(int group)
{
    DIR *d = opendir("/proc");
    int running = 0;
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[300], state = 'Z';
        int pid, parent, of = 0;
        snprintf(path, sizeof path, "/proc/%.200s/stat", e->d_name);
        FILE *f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        if (!f) continue;
        if (fscanf(f, "%d (%*[^)]) %c %d %d", &pid, &state, &parent, &of) == 4) running += of == group && state != 'Z';
        fclose(f);
    }
    if (d) closedir(d);
    return !running;
}

/* Closing an executor whose tasks do not survive leaves no process behind, of one whose tasks do it leaves them. */
START_TEST(close_leaves_what_was_asked_for)
{
    char path[200];
    sbi_process_record r;
    OK(open_with(&exec, ctx, folder, ",\"survives\":false,\"processes\":2"));
    submit("stopped", "sleep 60000", 1);
    submit("waiting", "sleep 60000", 1);
    submit("later", "sleep 60000", 1);
    wait_for("stopped", SBI_TASK_RUNNING);
    sbi_executor_close(exec);
    exec = NULL;
    snprintf(path, sizeof path, "%s/jobs/stopped/process", folder);
    ck_assert(!sbi_process_look(path, &r));
    ck_assert_int_gt(r.pid, 1);
    sbi_status why; /* 75, or 143 where the signal came before the worker was ready for it */
    ck_assert_int_eq(sbi_job_exit_state(r.exit_code, &why), SBI_TASK_PREEMPTED);
    ck_assert_msg(nobody_of_group(r.pid), "group %d", r.pid);
    OK(open_with(&exec, ctx, folder, ",\"survives\":true"));
    submit("kept", "sleep 1000", 1);
    wait_for("kept", SBI_TASK_RUNNING);
    sbi_executor_close(exec);
    snprintf(path, sizeof path, "%s/jobs/kept/process", folder);
    ck_assert(sbi_process_look(path, &r));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child, no zombie */
    OK(open_with(&exec, ctx, folder, ""));
    submit("kept", "sleep 1000", 1);
    ck_assert_int_eq(wait_for("kept", -1).state, SBI_TASK_DONE);
}
END_TEST

START_TEST(damaged_results_are_made_again)
{
    OK(open_with(&exec, ctx, folder, ""));
    submit("one", "echo the text", 1);
    ck_assert_int_eq(wait_for("one", -1).state, SBI_TASK_DONE);
    char path[300], *record;
    snprintf(path, sizeof path, "%s/jobs/one/result.json", folder);
    record = read_whole(path, NULL);
    char *hash = strstr(record, "\"sha256\": \"") + 11;
    snprintf(path, sizeof path, "%s/cas/sha256/%.2s/%.2s/%.64s", folder, hash, hash + 2, hash);
    free(record);
    write_whole(path, "the tixt", 8);
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    ck_assert_int_eq(sbi_executor_fetch(exec, "one", &sink), SBI_ERR_CHECKSUM);
    ck_assert_uint_eq(text.size, 0);
    submit("one", "echo the text", 2);
    ck_assert_int_eq(wait_for("one", -1).state, SBI_TASK_DONE);
    assert_result("one", "the text");
    ck_assert_int_eq(count_attempts("one"), 2);
    sbi_text_clear(&text);
}
END_TEST

START_TEST(logs_are_kept)
{
    OK(open_with(&exec, ctx, folder, ""));
    submit("bad", "fail the disk of node 7", 1);
    ck_assert_int_eq(wait_for("bad", -1).state, SBI_TASK_FAILED);
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    OK(sbi_executor_log(exec, "bad", &sink));
    ck_assert_ptr_nonnull(strstr(text.data, "the disk of node 7"));
    ck_assert_ptr_nonnull(strstr(text.data, "sbi-worker: ")); /* what it printed */
    ck_assert_int_eq(sbi_executor_log(exec, "unknown", &sink), SBI_ERR_NOT_FOUND);
    sbi_text_clear(&text);
}
END_TEST

START_TEST(configuration_is_checked)
{
    static const struct {
        const char *config;
        sbi_status status;
    } bad[] = {{"{\"process\":1}", SBI_ERR_FORMAT},
               {"{\"processes\":0}", SBI_ERR_ARGUMENT},
               {"{\"memory\":-1}", SBI_ERR_ARGUMENT},
               {"{\"survives\":true,\"worker\":\"/bin/true\"}", SBI_ERR_ARGUMENT},
               {"{\"worker\":\"/nonexistent/sbi-worker\"}", SBI_ERR_NOT_FOUND},
               {"{\"worker\":\"/bin/true\",\"store\":\"/proc/none\"}", SBI_ERR_NOT_FOUND},
               {"[]", SBI_ERR_FORMAT},
               {"", SBI_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const sbi_status status = sbi_processes_open(&exec, ctx, bad[i].config, stage);
        ck_assert_msg(status == bad[i].status, "%s: %s: %s", bad[i].config, sbi_status_name(status), sbi_last_error());
        ck_assert_ptr_null(exec);
    }
    /* A program that is no worker. */
    OK(sbi_processes_open(&exec, ctx, "{\"worker\":\"/bin/false\"}", stage));
    submit("never", "echo x", 1);
    ck_assert_int_eq(wait_for("never", -1).state, SBI_TASK_LOST);
}
END_TEST

int main(void)
{
    const char *build = getenv("SBI_BUILD");
    snprintf(worker, sizeof worker, "%s/tests/workers/conformance_worker", build ? build : "build");
    if (worker[0] != '/') {
        char *real = realpath(worker, NULL);
        snprintf(worker, sizeof worker, "%s", real ? real : "");
        free(real);
    }
    const executor_factory factory = {"executor processes", open_processes, NULL, NULL, 0};
    SRunner *runner = srunner_create(executor_conformance_suite(&factory));
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    Suite *suite = suite_create("executor processes: faults");
    TCase *tc = tcase_create("faults");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, dead_workers_are_told_apart);
    tcase_add_test(tc, killed_client_finds_its_tasks_again);
    tcase_add_test(tc, adopted_tasks_can_be_cancelled_and_their_end_is_known);
    tcase_add_test(tc, close_leaves_what_was_asked_for);
    tcase_add_test(tc, damaged_results_are_made_again);
    tcase_add_test(tc, logs_are_kept);
    tcase_add_test(tc, configuration_is_checked);
    suite_add_tcase(suite, tc);
    return run_suite(suite) || failed;
}
