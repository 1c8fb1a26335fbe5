/* SPDX-License-Identifier: Apache-2.0 */
/* An ensemble trained by workers whose inputs and results are files of Rucio, and whose records are in a control store beside it: the bits of a local run. */
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/error.h"
#include "base/text.h"
#include "grid/servers.h"
#include "sbi/job.h"
#include "sbi/sbi.h"
#include "support/folder.h"
#include "support/run_suite.h"

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

static sbi_context *ctx;
static char url[200], config_path[500];

/* ---- an executor that stages each task and runs sbi-worker at once --------------------------------------------------- */

typedef struct workers {
    sbi_store *store;
    char keys[64][SBI_TASK_KEY_MAX + 1];
    int32_t attempts[64];
    size_t n, told;
} workers;

static sbi_status run_worker(const char *key)
{
    char command[1500];
    snprintf(command, sizeof command, "SBI_RUCIO_CONFIG='%s' %s/bin/sbi-worker --store '%s' --threads 1 %s", config_path, server("SBI_BUILD"), url, key);
    const int status = system(command);
    return status == 0 ? SBI_OK : sbi_fail(SBI_ERR_TASK_FAILED, "%s: %d", key, status);
}

static sbi_status submit(void *self, const sbi_task *tasks, size_t n)
{
    workers *w = self;
    for (size_t i = 0; i < n; i++) {
        SBI_TRY(sbi_job_stage(ctx, w->store, &tasks[i]));
        SBI_TRY(run_worker(tasks[i].key));
        snprintf(w->keys[w->n], sizeof w->keys[0], "%s", tasks[i].key);
        w->attempts[w->n++] = tasks[i].attempt;
    }
    return SBI_OK;
}

static sbi_status poll_workers(void *self, sbi_task_report *reports, size_t capacity, size_t *n, int32_t wait_ms)
{
    workers *w = self;
    (void)wait_ms;
    for (*n = 0; *n < capacity && w->told < w->n; ++*n, w->told++) {
        int64_t heard;
        sbi_task_report r = {.struct_size = sizeof r};
        SBI_TRY(sbi_job_look(ctx, w->store, w->keys[w->told], &r, &heard));
        r.attempt = w->attempts[w->told];
        reports[*n] = r;
    }
    return SBI_OK;
}

static sbi_status fetch(void *self, const char *key, sbi_sink *sink)
{
    return sbi_job_fetch(ctx, ((workers *)self)->store, key, sink);
}

static sbi_status log_of(void *self, const char *key, sbi_sink *sink)
{
    return sbi_job_log(ctx, ((workers *)self)->store, key, sink);
}

static sbi_status capabilities(void *self, sbi_executor_caps *caps)
{
    (void)self;
    caps->has_log = caps->stages = 1;
    return SBI_OK;
}

static void close_workers(void *self)
{
    sbi_store_close(((workers *)self)->store);
}

static workers the_workers;

static sbi_store *open_store(void)
{
    sbi_store *s;
    setenv("SBI_RUCIO_CONFIG", config_path, 1);
    OK(sbi_store_open(&s, ctx, url, NULL));
    unsetenv("SBI_RUCIO_CONFIG");
    return s;
}

static sbi_status count(void *user, const char *name, const sbi_store_info *info)
{
    (void)info;
    int *n = user;
    n[strncmp(name, "cas/", 4) == 0 ? 0 : strncmp(name, "jobs/", 5) == 0 ? 1 : 2]++;
    return SBI_OK;
}

START_TEST(an_ensemble)
{
    static double x[2000];
    static const sbi_executor_ops ops = {.struct_size = sizeof ops, .abi = SBI_EXECUTOR_ABI, .submit = submit, .poll = poll_workers, .fetch = fetch,
                                         .log = log_of, .capabilities = capabilities, .close = close_workers};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    OK(sbi_context_create(&ctx, NULL));
    test_folder f = folder_make();
    const test_path control = folder_path(&f, "control"), config = folder_path(&f, "rucio.json");
    mkdir(control.text, 0777);
    snprintf(config_path, sizeof config_path, "%.400s", config.text);
    snprintf(url, sizeof url, "rucio://test/jobs.%llx.%ld", (unsigned long long)now.tv_sec, now.tv_nsec);
    FILE *out = fopen(config.text, "w");
    ck_assert_ptr_nonnull(out);
    fprintf(out, "{\"host\": \"%s\", \"account\": \"root\", \"schemes\": \"http\", \"rse\": \"DAV1\", \"user_file\": \"%s/user\", \"control\": \"%s\"}", server("SBI_TEST_RUCIO"),
            server("SBI_TEST_RUCIO_STORAGE"), control.text);
    fclose(out);

    for (int i = 0; i < 2000; i++) x[i] = (double)((i * 7919) % 1000) / 1000 + (i < 1000 ? 0.2 : 0) + (double)now.tv_nsec * 1e-15;
    sbi_array s = sbi_array_2d(x, SBI_F64, 500, 2), b = sbi_array_2d(x + 1000, SBI_F64, 500, 2);
    sbi_dataset *data;
    sbi_ensemble *here, *there;
    sbi_executor *executor;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 4;
    o.epochs = 2;
    o.members = 2;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &s, NULL));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    the_workers = (workers){.store = open_store()};
    OK(sbi_executor_create(&executor, ctx, &ops, &the_workers));
    OK(sbi_ensemble_train(&there, data, &o, executor));
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    for (size_t m = 0; m < 2; m++) {
        sbi_array v, w;
        OK(sbi_network_layer(sbi_ensemble_network(here, m), 0, &v, NULL));
        OK(sbi_network_layer(sbi_ensemble_network(there, m), 0, &w, NULL));
        ck_assert_mem_eq(v.data, w.data, (size_t)(v.shape[0] * v.shape[1]) * sizeof(float));
    }
    ck_assert_uint_eq(the_workers.n, 2);
    /* Content in Rucio, records beside it. */
    int n[3] = {0}, beside[3] = {0};
    sbi_store *folder;
    OK(sbi_store_list(the_workers.store, "", count, n));
    ck_assert_msg(n[0] >= 4 && n[1] >= 8 && n[2] >= 1, "%d %d %d", n[0], n[1], n[2]);
    OK(sbi_store_open(&folder, ctx, control.text, NULL));
    OK(sbi_store_list(folder, "", count, beside));
    ck_assert_int_eq(beside[0], 0);
    ck_assert_int_eq(beside[1], n[1]);
    n[0] = 0;
    OK(sbi_store_list(the_workers.store, "cas/sha", count, n));
    ck_assert_int_ge(n[0], 4);
    sbi_store_close(folder);
    sbi_executor_close(executor);
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(there);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    folder_remove(&f);
}
END_TEST

int main(void)
{
    server("SBI_TEST_RUCIO");
    Suite *suite = suite_create("rucio jobs");
    TCase *t = tcase_create("jobs");
    tcase_add_test(t, an_ensemble);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
