/* SPDX-License-Identifier: Apache-2.0 */
/* examples/slurm_executor over stand-ins of Slurm's commands (tests/slurm_standin), which really run the worker: the contract, a real job, faults. */
#include <stdlib.h>

#include "base/text.h"
#include "contract/executor_conformance.h"
#include "contract/temporary_folder.h"
#include "slurm_executor/slurm.h"
#include "support/run_suite.h"
#include "support/staging_executor.h"

static char folder[64], build[500];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static sbi_status open_slurm(sbi_executor **out, sbi_context *ctx, const char *program)
{
    char config[1200];
    snprintf(config, sizeof config, "{\"store\":\"%s/store\",\"worker\":\"%s/%s\",\"interval\":0.2,\"patience\":0.5,\"options\":[\"--partition=x\"]}",
             folder, build, program);
    sbi_status status = slurm_register(ctx);
    if (status != SBI_OK && status != SBI_ERR_EXISTS) return status;
    return sbi_executor_open(out, ctx, "slurm", config);
}

static sbi_status open_conforming(void *user, sbi_context *ctx, sbi_executor **out)
{
    char store_path[100];
    sbi_executor *inner;
    sbi_store *store;
    (void)user;
    snprintf(store_path, sizeof store_path, "%s/store", folder);
    SBI_TRY(open_slurm(&inner, ctx, "tests/workers/conformance_worker"));
    SBI_TRY(sbi_store_open(&store, ctx, store_path, NULL));
    return staging_executor_wrap(out, ctx, inner, store);
}

/* ---- beyond the contract ---------------------------------------------------------------------------------------- */

static sbi_context *ctx;
static sbi_executor *exec;

static void setup(void)
{
    OK(sbi_context_create(&ctx, NULL));
    OK(open_conforming(NULL, ctx, &exec));
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
    for (int i = 0; i < 600; i++) {
        size_t n = 0;
        OK(sbi_executor_poll(exec, r, 8, &n, 100));
        for (size_t k = 0; k < n; k++)
            if (strcmp(r[k].key, key) == 0) last = r[k];
        if (last.state == state || last.state >= SBI_TASK_DONE) return last;
    }
    ck_abort_msg("task %s: still in state %d", key, last.state);
}

static void mark(const char *name, int there)
{
    char path[120];
    snprintf(path, sizeof path, "%s/slurm/%s", folder, name);
    if (there)
        write_whole(path, "yes", 3);
    else
        unlink(path);
}

START_TEST(another_client_adopts)
{
    sbi_task t = task_of("adopted", "sleep 1500", 1);
    OK(sbi_executor_submit(exec, &t, 1));
    ck_assert_int_eq(wait_for("adopted", SBI_TASK_RUNNING).state, SBI_TASK_RUNNING);
    sbi_executor_close(exec);
    OK(open_conforming(NULL, ctx, &exec));
    /* In other company than before: it is known by its key, not by its array. */
    sbi_task both[2] = {task_of("company", "echo x", 1), t};
    OK(sbi_executor_submit(exec, both, 2));
    const sbi_task_report r = wait_for("adopted", -1);
    ck_assert_msg(r.state == SBI_TASK_DONE, "%d: %s", r.state, r.message);
    char path[200];
    int n = 0;
    snprintf(path, sizeof path, "%s/store/jobs/adopted/attempts", folder);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) n += e->d_name[0] != '.';
    if (d) closedir(d);
    ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(ends_are_told_apart)
{
    static const struct {
        const char *key, *spec;
        int32_t state;
    } cases[] = {{"segv", "die 11", SBI_TASK_LOST},           {"e69", "exit 69", SBI_TASK_TRANSIENT}, {"e75", "exit 75", SBI_TASK_PREEMPTED},
                 {"e137", "exit 137", SBI_TASK_OUT_OF_MEMORY}, {"e78", "exit 78", SBI_TASK_REJECTED},  {"e0", "exit 0", SBI_TASK_LOST}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbi_task t = task_of(cases[i].key, cases[i].spec, 1);
        OK(sbi_executor_submit(exec, &t, 1));
        const sbi_task_report r = wait_for(cases[i].key, -1);
        ck_assert_msg(r.state == cases[i].state, "%s: state %d: %s", cases[i].spec, r.state, r.message);
    }
    int code;
    ck_assert_int_eq(slurm_state("TIMEOUT", "0:0", &code), SBI_TASK_PREEMPTED);
    ck_assert_int_eq(slurm_state("OUT_OF_MEMORY", "0:125", &code), SBI_TASK_OUT_OF_MEMORY);
    ck_assert_int_eq(slurm_state("NODE_FAIL", "0:0", &code), SBI_TASK_LOST);
    ck_assert_int_eq(slurm_state("CANCELLED by 1000", "0:0", &code), SBI_TASK_CANCELLED);
    ck_assert_int_eq(slurm_state("FAILED", "0:9", &code), SBI_TASK_OUT_OF_MEMORY);
    ck_assert_int_eq(code, 137);
    ck_assert_int_eq(slurm_state("something new", "garbage", &code), SBI_TASK_LOST);
}
END_TEST

START_TEST(slurm_out_of_reach)
{
    sbi_task t = task_of("refused", "echo x", 1), u = task_of("uncounted", "die 11", 1);
    mark("refuse", 1);
    ck_assert_int_eq(sbi_executor_submit(exec, &t, 1), SBI_ERR_TRANSIENT);
    mark("refuse", 0);
    OK(sbi_executor_submit(exec, &t, 1));
    ck_assert_int_eq(wait_for("refused", -1).state, SBI_TASK_DONE);
    /* A cluster without accounting, and a job that died without a word. */
    mark("no-accounting", 1);
    OK(sbi_executor_submit(exec, &u, 1));
    ck_assert_int_eq(wait_for("uncounted", -1).state, SBI_TASK_LOST);
    mark("no-accounting", 0);
}
END_TEST

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

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
    o.members = 2;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &s, NULL));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    sbi_executor *slurm;
    OK(open_slurm(&slurm, ctx, "bin/sbi-worker"));
    OK(sbi_ensemble_train(&there, data, &o, slurm));
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    for (size_t m = 0; m < 2; m++) {
        sbi_array v, w;
        OK(sbi_network_layer(sbi_ensemble_network(here, m), 0, &v, NULL));
        OK(sbi_network_layer(sbi_ensemble_network(there, m), 0, &w, NULL));
        ck_assert_mem_eq(v.data, w.data, (size_t)(v.shape[0] * v.shape[1]) * sizeof(float));
    }
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    ck_assert_int_eq(sbi_executor_log(slurm, "never-heard-of", &sink), SBI_ERR_NOT_FOUND);
    sbi_text_clear(&text);
    sbi_executor_close(slurm);
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(there);
    sbi_dataset_destroy(data);
    ck_assert_int_eq(sbi_executor_open(&slurm, ctx, "slurm", "{\"stores\":\"/tmp\"}"), SBI_ERR_FORMAT);
}
END_TEST

/* What tests left running. */
static void stop_all(void)
{
    char path[120], command[200];
    snprintf(path, sizeof path, "%s/slurm", folder);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (e->d_name[0] < '1' || e->d_name[0] > '9') continue;
        snprintf(command, sizeof command, "scancel %.20s", e->d_name);
        if (system(command)) fprintf(stderr, "%s failed\n", command);
    }
    if (d) closedir(d);
}

int main(void)
{
    char path[4096], state[100], here[2048];
    const char *said = getenv("SBI_BUILD");
    const char *base = getenv("TMPDIR"); /* Check's assertions are for tests alone */
    snprintf(folder, sizeof folder, "%s/sbi-slurm-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    char *real = realpath(said ? said : "build", NULL);
    snprintf(build, sizeof build, "%s", real ? real : "");
    free(real);
    snprintf(path, sizeof path, "%s/tests/slurm_standin:%s", getcwd(here, sizeof here) ? here : ".", getenv("PATH"));
    snprintf(state, sizeof state, "%s/slurm", folder);
    mkdir(state, 0777);
    setenv("PATH", path, 1);
    setenv("SLURM_STANDIN", state, 1);
    const executor_factory factory = {"executor slurm (stand-in commands)", open_conforming, NULL, NULL, 0};
    SRunner *runner = srunner_create(executor_conformance_suite(&factory));
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    Suite *suite = suite_create("executor slurm: faults");
    TCase *tc = tcase_create("faults");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, another_client_adopts);
    tcase_add_test(tc, ends_are_told_apart);
    tcase_add_test(tc, slurm_out_of_reach);
    tcase_add_test(tc, an_ensemble);
    suite_add_tcase(suite, tc);
    failed |= run_suite(suite);
    stop_all();
    remove_tree(folder);
    return failed != 0;
}
