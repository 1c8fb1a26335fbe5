/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "panda": the contract, how jobs end, other clients, cancelling, names that are taken. Against the stand-in of tests/servers/panda, or, where
 * PANDA_URL is set, against that server: then SBI_TEST_PANDA_STORE is a store that its workers reach, SBI_TEST_PANDA_BUILD the build folder as its workers
 * see it (default: this one), SBI_TEST_PANDA_KEYS more members of the configuration (`"nickname":"jdoe"`), and credentials come from the environment. */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "contract/executor_conformance.h"
#include "contract/temporary_folder.h"
#include "grid/panda_calls.h"
#include "grid/panda_standin.h"
#include "support/run_suite.h"
#include "support/staging_executor.h"

static char folder[64], build[500];
static int real;

static sbi_status open_panda(sbi_executor **out, sbi_context *ctx, const char *store, const char *worker, const char *more)
{
    char config[2400];
    if (!real) panda_environment();
    if (real)
        snprintf(config, sizeof config, "{\"store\":\"%s\",\"worker\":\"%s/%s\",\"heartbeat_s\":1,%s%s}", store, build, worker, server("SBI_TEST_PANDA_KEYS"), more);
    else
        snprintf(config, sizeof config,
                 "{\"store\":\"%s\",\"nickname\":\"tester\",\"worker\":\"%s/%s\",\"interval_s\":0.1,\"heartbeat_s\":1,\"backoff_ms\":10,\"memory\":0%s}", store, build,
                 worker, more);
    return sbi_executor_open(out, ctx, "panda", config);
}

static sbi_status open_store(sbi_executor **out, sbi_context *ctx, const char *url, const char *more)
{
    sbi_executor *inner;
    sbi_store *store;
    if (url[0] == '/') mkdir(url, 0777);
    SBI_TRY(open_panda(&inner, ctx, url, "tests/workers/conformance_worker", more));
    SBI_TRY(sbi_store_open(&store, ctx, url, NULL));
    return staging_executor_wrap(out, ctx, inner, store);
}

static void name_store(char *out, size_t size)
{
    static int n;
    if (real) snprintf(out, size, "%s/%s-%d-%d", server("SBI_TEST_PANDA_STORE"), strrchr(folder, '/') + 1, (int)getpid(), n++);
    else snprintf(out, size, "%s/store-%d-%d", folder, (int)getpid(), n++);
}

/* A store for each: the suite uses its keys again. */
static sbi_status open_conforming(void *user, sbi_context *ctx, sbi_executor **out)
{
    char url[300];
    (void)user;
    name_store(url, sizeof url);
    return open_store(out, ctx, url, "");
}

/* ---- beyond the contract ---------------------------------------------------------------------------------------- */

static sbi_context *ctx;
static sbi_executor *exec;
static char store[300];

static void setup(void)
{
    name_store(store, sizeof store);
    OK(sbi_context_create(&ctx, NULL));
    OK(open_store(&exec, ctx, store, ""));
}

static void teardown(void)
{
    sbi_executor_close(exec);
    sbi_context_destroy(ctx);
}

static sbi_task task_of(const char *key, const char *spec, int attempt)
{
    sbi_task t = SBI_TASK_INIT;
    t.key = key;
    t.spec = spec;
    t.spec_size = strlen(spec);
    t.attempt = attempt;
    return t;
}

static sbi_task_report wait_for(const char *key, int32_t state)
{
    sbi_task_report r[8], last = {.state = 0};
    for (int i = 0; i < (real ? 36000 : 300); i++) {
        size_t n = 0;
        sbi_status status = sbi_executor_poll(exec, r, 8, &n, 100);
        ck_assert_msg(status == SBI_OK || status == SBI_ERR_TRANSIENT, "%s", sbi_last_error());
        for (size_t k = 0; k < n; k++)
            if (strcmp(r[k].key, key) == 0) last = r[k];
        if (last.state == state || last.state >= SBI_TASK_DONE) return last;
    }
    ck_abort_msg("task %s: still in state %d: %s", key, last.state, last.message);
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

static int count_attempts(const char *key)
{
    char path[400];
    int n = 0;
    snprintf(path, sizeof path, "%s/jobs/%s/attempts", store, key);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

START_TEST(ends_are_told_apart)
{
    static const struct {
        const char *key, *spec;
        int32_t state;
        const char *message;
    } cases[] = {{"segv", "die 11", SBI_TASK_LOST, "exit code 139"}, {"e69", "exit 69", SBI_TASK_TRANSIENT, "69"},
                 {"e75", "exit 75", SBI_TASK_PREEMPTED, "75"},       {"e137", "exit 137", SBI_TASK_OUT_OF_MEMORY, "137"},
                 {"e0", "exit 0", SBI_TASK_LOST, "no result"},       {"e64", "exit 64", SBI_TASK_FAILED, "64"},
                 {"e78", "exit 78", SBI_TASK_REJECTED, "78"},        {"says", "fail the reason", SBI_TASK_FAILED, "the reason"},
                 {"good", "echo x", SBI_TASK_DONE, ""}};
    enum { N = sizeof cases / sizeof *cases };
    sbi_task t[N];
    for (int i = 0; i < N; i++) t[i] = task_of(cases[i].key, cases[i].spec, 1);
    OK(sbi_executor_submit(exec, t, N));
    for (int i = 0; i < N; i++) {
        OK(sbi_executor_submit(exec, &t[i], 1)); /* its report may have come while another one's was waited for */
        const sbi_task_report r = wait_for(cases[i].key, -1);
        ck_assert_msg(r.state == cases[i].state, "%s: state %d: %s", cases[i].spec, r.state, r.message);
        ck_assert_msg(strstr(r.message, cases[i].message) != NULL, "%s: %s", cases[i].spec, r.message);
    }
    /* The next attempt of one that failed in passing. */
    sbi_task once = task_of("again", "once 11", 1);
    OK(sbi_executor_submit(exec, &once, 1));
    ck_assert_int_eq(wait_for("again", -1).state, SBI_TASK_LOST);
    once.attempt = 2;
    OK(sbi_executor_submit(exec, &once, 1));
    ck_assert_int_eq(wait_for("again", -1).state, SBI_TASK_DONE);
    assert_result("again", "again");
}
END_TEST

START_TEST(killed_client_finds_its_tasks_again)
{
    int ready[2];
    const sbi_task t = task_of("long", "sleep 2500", 1);
    sbi_executor_close(exec);
    exec = NULL;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        OK(open_store(&exec, ctx, store, ""));
        OK(sbi_executor_submit(exec, &t, 1));
        wait_for("long", SBI_TASK_RUNNING);
        (void)!write(ready[1], "x", 1);
        for (;;) pause();
    }
    char x;
    int how;
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &x, 1), 1);
    close(ready[0]);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    OK(open_store(&exec, ctx, store, ""));
    /* In other company than before: known by its key, not by its batch. */
    sbi_task both[2] = {task_of("company", "echo x", 1), t};
    OK(sbi_executor_submit(exec, both, 2));
    const sbi_task_report r = wait_for("long", -1);
    ck_assert_msg(r.state == SBI_TASK_DONE, "%d: %s", r.state, r.message);
    assert_result("long", "slept");
    if (!real) ck_assert_int_eq(count_attempts("long"), 1);
}
END_TEST

START_TEST(ended_before_the_client_came_back)
{
    sbi_task t[2] = {task_of("bad", "exit 64", 1), task_of("fine", "echo y", 1)};
    OK(sbi_executor_submit(exec, t, 2));
    wait_for("fine", -1);
    OK(sbi_executor_submit(exec, t, 1));
    wait_for("bad", -1);
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, ""));
    OK(sbi_executor_submit(exec, t, 2));
    ck_assert_int_eq(wait_for("bad", -1).state, SBI_TASK_FAILED);
    if (!real) ck_assert_int_eq(count_attempts("bad"), 1);
    OK(sbi_executor_submit(exec, t, 2));
    ck_assert_int_eq(wait_for("fine", -1).state, SBI_TASK_DONE);
}
END_TEST

START_TEST(one_of_a_batch_is_cancelled)
{
    sbi_task t[3] = {task_of("stays", "sleep 2000", 1), task_of("goes", "sleep 600000", 1), task_of("stays-too", "sleep 2000", 1)};
    OK(sbi_executor_submit(exec, t, 3));
    wait_for("goes", SBI_TASK_RUNNING);
    const char *key = "goes";
    OK(sbi_executor_cancel(exec, &key, 1));
    ck_assert_int_eq(wait_for("goes", -1).state, SBI_TASK_CANCELLED);
    for (int i = 0; i < 3; i += 2) {
        OK(sbi_executor_submit(exec, &t[i], 1));
        ck_assert_int_eq(wait_for(t[i].key, -1).state, SBI_TASK_DONE);
        assert_result(t[i].key, "slept");
    }
}
END_TEST

/* The status of the only task that this test's store knows, by the client's own calls. */
static void ask_status(char *status, size_t size)
{
    static const char *const keys[] = {NULL};
    grid_config config;
    panda_api api;
    char line[64] = "", path[400];
    int64_t task;
    snprintf(path, sizeof path, "cat '%s'/panda/*.json", store);
    FILE *file = popen(path, "r");
    ck_assert(file && fgets(line, sizeof line, file) && strspn(line, "{\"jediTaskID:") == strlen("{\"jediTaskID\":"));
    pclose(file);
    task = strtoll(line + strlen("{\"jediTaskID\":"), NULL, 10);
    OK(grid_config_read(&config, NULL, "test", keys));
    OK(panda_api_open(&api, ctx, &config));
    sbi_status found = panda_task_status(&api, task, status, size);
    if (found == SBI_ERR_NOT_FOUND) snprintf(status, size, "not refined");
    else OK(found);
    panda_api_close(&api);
    grid_config_clear(&config);
}

/* The server does not know the task yet; it is killed when it does. */
START_TEST(cancelled_before_it_is_refined)
{
    const char *key = "early";
    char status[32] = "";
    sbi_task t = task_of(key, "sleep 600000", 1);
    if (store[0] != '/') return;
    if (!real) panda_order("{\"set\":{\"refine_s\":0.8}}");
    OK(sbi_executor_submit(exec, &t, 1));
    OK(sbi_executor_cancel(exec, &key, 1));
    ck_assert_int_eq(wait_for(key, -1).state, SBI_TASK_CANCELLED);
    for (int i = 0; i < (real ? 1200 : 60) && strcmp(status, "aborted") != 0; i++) {
        sbi_task_report r[2];
        size_t n;
        OK(sbi_executor_poll(exec, r, 2, &n, 100));
        ask_status(status, sizeof status);
    }
    if (!real) panda_order("{\"set\":{\"refine_s\":0.3}}");
    ck_assert_str_eq(status, "aborted");
}
END_TEST

/* Clients that did not come to note the number of their task: while the server has not refined it, so that looking the name up does not show it, and when it
 * has ended. It is not run again. */
START_TEST(a_name_finds_its_task)
{
    char path[400];
    sbi_task t = task_of("named", "echo x", 1);
    if (store[0] != '/') return;
    snprintf(path, sizeof path, "rm -r '%s/panda'", store);
    OK(sbi_executor_submit(exec, &t, 1));
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(system(path), 0);
        sbi_executor_close(exec);
        OK(open_store(&exec, ctx, store, ""));
        OK(sbi_executor_submit(exec, &t, 1));
        ck_assert_int_eq(wait_for("named", -1).state, SBI_TASK_DONE);
    }
    assert_result("named", "x");
    ck_assert_int_eq(count_attempts("named"), 1);
}
END_TEST

/* Steps of a job with an image: what the transformation prepared runs the worker, and the pilot sees its exit code itself. */
START_TEST(ends_in_a_container)
{
    sbi_task t[3] = {task_of("boxed", "echo x", 1), task_of("boxed-75", "exit 75", 1), task_of("boxed-bad", "exit 64", 1)};
    static const int32_t states[] = {SBI_TASK_DONE, SBI_TASK_PREEMPTED, SBI_TASK_FAILED};
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, ",\"image\":\"example.org/worker:1\""));
    OK(sbi_executor_submit(exec, t, 3));
    for (int i = 0; i < 3; i++) {
        OK(sbi_executor_submit(exec, &t[i], 1));
        const sbi_task_report r = wait_for(t[i].key, -1);
        ck_assert_msg(r.state == states[i], "%s: state %d: %s", t[i].key, r.state, r.message);
    }
    assert_result("boxed", "x");
}
END_TEST

/* The name is taken, and looking it up did not show it; then an answer that is lost. */
START_TEST(duplicates)
{
    const int64_t before = panda_count("tasks", NULL);
    sbi_task t = task_of("twice", "echo x", 1), u = task_of("unheard", "echo z", 1);
    OK(sbi_executor_submit(exec, &t, 1));
    char path[400];
    snprintf(path, sizeof path, "rm -r '%s/panda'", store);
    ck_assert_int_eq(system(path), 0); /* a client that died before it noted the number */
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, ""));
    panda_order("{\"fault\":\"duplicate-blind\",\"count\":2}");
    OK(sbi_executor_submit(exec, &t, 1));
    ck_assert_int_eq(wait_for("twice", -1).state, SBI_TASK_DONE);
    ck_assert_int_eq(panda_count("tasks", NULL), before + 1);
    panda_order("{\"fault\":\"lost\"}");
    OK(sbi_executor_submit(exec, &u, 1));
    ck_assert_int_eq(wait_for("unheard", -1).state, SBI_TASK_DONE);
    ck_assert_int_eq(panda_count("tasks", NULL), before + 2);
    if (!real) ck_assert_int_eq(count_attempts("twice"), 1);
}
END_TEST

START_TEST(too_many_tasks)
{
    sbi_task t = task_of("throttled", "echo x", 1);
    panda_order("{\"fault\":\"too many\"}");
    ck_assert_int_eq(sbi_executor_submit(exec, &t, 1), SBI_ERR_TRANSIENT);
    OK(sbi_executor_submit(exec, &t, 1));
    ck_assert_int_eq(wait_for("throttled", -1).state, SBI_TASK_DONE);
}
END_TEST

/* The server gives a task up; somebody kills another one. */
START_TEST(the_server_ends_the_task)
{
    static const struct {
        const char *key, *order;
        int32_t state;
    } cases[] = {{"broken", "{\"end\":\"broken\"}", SBI_TASK_REJECTED}, {"aborted", "{\"end\":\"aborted\"}", SBI_TASK_CANCELLED}, {"failed", "{\"end\":\"failed\"}", SBI_TASK_LOST}};
    for (size_t i = 0; i < 3; i++) {
        panda_order("{\"set\":{\"pilots\":0}}");
        sbi_task t = task_of(cases[i].key, "echo x", 1);
        OK(sbi_executor_submit(exec, &t, 1));
        panda_order(cases[i].order);
        const sbi_task_report r = wait_for(cases[i].key, -1);
        ck_assert(i || strstr(r.message, "why it is so"));
        panda_order("{\"set\":{\"pilots\":4}}");
        ck_assert_msg(r.state == cases[i].state, "%s: %d: %s", cases[i].key, r.state, r.message);
        ck_assert_msg(strstr(r.message, cases[i].key) != NULL, "%s", r.message);
    }
}
END_TEST

/* A batch over the size for which bodies are compressed; one request describes all of its jobs. */
START_TEST(many_tasks)
{
    enum { N = 40 };
    static char keys[N][24];
    sbi_task t[N];
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "many-%d", i);
        t[i] = task_of(keys[i], "echo m", 1);
        t[i].cpus = i % 2 ? 1 : 2.5;
        t[i].memory = (uint64_t)1000 << 20;
    }
    const int64_t before = panda_count("tasks", NULL);
    OK(sbi_executor_submit(exec, t, N));
    ck_assert_int_eq(panda_count("tasks", NULL), before + 2);
    int done = 0;
    for (int i = 0; i < 400 && done < N; i++) {
        sbi_task_report r[N];
        size_t n;
        OK(sbi_executor_poll(exec, r, N, &n, 100));
        for (size_t k = 0; k < n; k++) done += r[k].state == SBI_TASK_DONE;
    }
    ck_assert_int_eq(done, N);
    json_t *all = panda_control(NULL);
    const json_t *tasks = json_object_get(all, "tasks"), *p = json_array_get(json_array_get(tasks, (size_t)before), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(p, "coreCount")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(p, "ramCount")), 334);
    ck_assert_str_eq(json_string_value(json_object_get(p, "ramCountUnit")), "MBPerCore");
    ck_assert_int_eq(json_integer_value(json_object_get(p, "nEvents")), N / 2);
    json_decref(all);
}
END_TEST

/* The real worker, through a campaign: an ensemble with data in memory. */
START_TEST(an_ensemble)
{
    static double x[2000];
    for (int i = 0; i < 2000; i++) x[i] = (double)((i * 7919) % 1000) / 1000 + (i < 1000 ? 0.2 : 0);
    sbi_array s = sbi_array_2d(x, SBI_F64, 500, 2), b = sbi_array_2d(x + 1000, SBI_F64, 500, 2);
    sbi_dataset *data;
    sbi_ensemble *here, *there;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 4;
    o.epochs = 2;
    o.members = 3;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &s, NULL));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    sbi_executor_close(exec);
    OK(open_panda(&exec, ctx, store, "bin/sbi-worker", ",\"image\":\"example.org/sbi-worker:1\",\"environment\":{\"A\":\"it's $HOME\"}"));
    OK(sbi_ensemble_train(&there, data, &o, exec));
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    for (size_t m = 0; m < 3; m++) {
        sbi_array v, w;
        for (size_t layer = 0; layer < 2; layer++) {
            OK(sbi_network_layer(sbi_ensemble_network(here, m), layer, &v, NULL));
            OK(sbi_network_layer(sbi_ensemble_network(there, m), layer, &w, NULL));
            ck_assert_mem_eq(v.data, w.data, (size_t)(v.shape[0] * v.shape[1]) * sizeof(float));
        }
    }
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(there);
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    const char *said = getenv("SBI_BUILD"), *base = getenv("TMPDIR"), *url = getenv("PANDA_URL");
    real = url && url[0];
    snprintf(folder, sizeof folder, "%s/sbi-panda-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    char *path = realpath(said ? said : "build", NULL);
    const char *there = getenv("SBI_TEST_PANDA_BUILD");
    snprintf(build, sizeof build, "%s", real && there ? there : path ? path : "");
    free(path);
    const executor_factory factory = {real ? "executor panda" : "executor panda (stand-in server)", open_conforming, NULL, NULL, real ? 3600 : 60};
    SRunner *runner = srunner_create(executor_conformance_suite(&factory));
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    Suite *suite = suite_create("executor panda: ends, clients, faults");
    TCase *tc = tcase_create("executor");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, real ? 3600 : 90);
    tcase_add_test(tc, ends_are_told_apart);
    tcase_add_test(tc, killed_client_finds_its_tasks_again);
    tcase_add_test(tc, ended_before_the_client_came_back);
    tcase_add_test(tc, one_of_a_batch_is_cancelled);
    tcase_add_test(tc, cancelled_before_it_is_refined);
    tcase_add_test(tc, a_name_finds_its_task);
    tcase_add_test(tc, ends_in_a_container);
    tcase_add_test(tc, an_ensemble);
    if (real) {
        printf("SKIP: faults that only the stand-in makes\n");
    } else {
        tcase_add_test(tc, duplicates);
        tcase_add_test(tc, too_many_tasks);
        tcase_add_test(tc, the_server_ends_the_task);
        tcase_add_test(tc, many_tasks);
    }
    suite_add_tcase(suite, tc);
    failed |= run_suite(suite);
    remove_tree(folder);
    return failed != 0;
}
