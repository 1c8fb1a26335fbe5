/* SPDX-License-Identifier: Apache-2.0 */
/* Staging a job and running it from a store, with every allocation failing in turn. jansson's own memory is not the context's. */
#include "base/sha256.h"
#include "contract/temporary_folder.h"
#include "io/json.h"
#include "jobs/job.h"
#include "jobs/processes.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static char folder[64];

/* In memory where there is such a folder: hundreds of runs with a dozen fsyncs each. */
static void set_up(void)
{
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
    make_temporary_folder(folder, sizeof folder);
}

static void tear_down(void)
{
    remove_tree(folder);
}

typedef struct rows {
    sbi_job_spec spec;
    int run;
} rows;

static sbi_status drop(void *user, const void *data, size_t size)
{
    (void)user, (void)data, (void)size;
    return SBI_OK;
}

/* Heartbeats may get lost: the log that could not grow is said in words, not in the result. */
static sbi_status stage_and_run(sbi_context *ctx, void *arg)
{
    const rows *r = arg;
    char path[100];
    sbi_store *store;
    sbi_worker_options o = SBI_WORKER_OPTIONS_INIT;
    sbi_task task = SBI_TASK_INIT;
    sbi_task_report report = {.struct_size = sizeof report};
    sbi_sink sink = {sizeof sink, 0, drop, NULL};
    int32_t code = -1;
    snprintf(path, sizeof path, "%s/store", folder);
    remove_tree(path);
    mkdir(path, 0777);
    o.scratch = folder;
    task.key = r->spec.key;
    task.spec = r->spec.text.data;
    task.spec_size = r->spec.text.size;
    sbi_status status = sbi_store_open(&store, ctx, path, NULL);
    if (status != SBI_OK) return status;
    status = sbi_job_stage(ctx, store, &task);
    if (status == SBI_OK && r->run) {
        status = sbi_job_run_store(ctx, store, r->spec.key, &o, &code);
        if (status == SBI_ERR_NO_MEMORY) ck_assert_int_eq(code, SBI_EXIT_OUT_OF_MEMORY);
        if (status == SBI_OK) ck_assert_int_eq(code, SBI_EXIT_DONE);
        if (status == SBI_OK) status = sbi_job_look(ctx, store, r->spec.key, &report, NULL);
        if (status == SBI_OK) status = sbi_job_fetch(ctx, store, r->spec.key, &sink);
    }
    sbi_store_close(store);
    return status;
}

static rows make_rows(sbi_context *ctx)
{
    static const char path[] = "tests/data/pyhf/02_normfactor_bins.json";
    rows r = {.run = 0};
    sbi_model *model;
    double start[64];
    char sha256[65], columns[65];
    ck_assert_int_eq(sbi_model_load(&model, ctx, path), SBI_OK);
    ck_assert_int_eq(sbi_job_columns_digest(model, columns), SBI_OK);
    ck_assert_int_eq(sbi_model_start(model, start), SBI_OK);
    ck_assert_int_eq(sbi_sha256_file(path, sha256), SBI_OK);
    json_t *theta = json_array();
    for (size_t i = 0; i < sbi_model_n_parameters(model); i++) json_array_append_new(theta, json_real(start[i]));
    sbi_model_destroy(model);
    json_t *json = json_pack("{s:s, s:i, s:{s:s, s:s}, s:s, s:o, s:i, s:i}", "job", "hessian_rows", "version", 1, "workspace", "path", path,
                             "sha256", sha256, "columns_sha256", columns, "theta", theta, "first", 0, "count", 1);
    ck_assert_int_eq(sbi_job_spec_make(&r.spec, ctx, json), SBI_OK);
    return r;
}

START_TEST(staging_and_worker)
{
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    rows r = make_rows(ctx);
    ck_assert_int_gt(torture_allocations(stage_and_run, &r, 1, 0).requests, 50);
    r.run = 1;
    ck_assert_int_gt(torture_allocations(stage_and_run, &r, 1, 1).requests, 100);
    sbi_text_clear(&r.spec.text);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status open_and_submit(sbi_context *ctx, void *arg)
{
    sbi_executor *exec;
    sbi_task task = SBI_TASK_INIT;
    (void)arg;
    task.key = "fingerprint";
    task.spec = "{}"; /* is no job: reported, not run */
    task.spec_size = 2;
    sbi_status status = sbi_processes_open(&exec, ctx, "{\"worker\":\"/bin/true\"}", sbi_job_stage);
    if (status != SBI_OK) return status;
    status = sbi_executor_submit(exec, &task, 1);
    sbi_executor_close(exec);
    return status;
}

START_TEST(executor)
{
    ck_assert_int_gt(torture_allocations(open_and_submit, NULL, 1, 0).requests, 8);
    ck_assert_int_gt(torture_allocations(open_and_submit, NULL, 1, 1).requests, 8);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobs: torture");
    TCase *t = tcase_create("torture");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, staging_and_worker);
    tcase_add_test(t, executor);
    suite_add_tcase(s, t);
    return run_suite(s);
}
