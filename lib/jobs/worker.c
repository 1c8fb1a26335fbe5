/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_job_run_store(), sbi_job_run_folder(): attempts at jobs of this library. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "jobs/attempt.h"
#include "jobs/inputs.h"
#include "jobs/job.h"

typedef struct worker {
    const sbi_attempt *attempt;
    sbi_job *job;
} worker;

/* A folder that is named by a key must hold that job. */
static sbi_status check_name(const char *name, const char *key)
{
    if (strlen(name) != 64 || strspn(name, "0123456789abcdef") != 64 || strcmp(name, key) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "its key is %s, not the name of its folder", key);
}

static sbi_status read_spec(void *user, const sbi_attempt *attempt, const void *spec, size_t size, int32_t *exit_code)
{
    worker *w = user;
    char key[SBI_TASK_KEY_MAX + 1];
    w->attempt = attempt;
    sbi_status status = sbi_job_parse(&w->job, attempt->ctx, spec, size);
    if (status == SBI_OK) status = sbi_job_key(attempt->ctx, spec, size, key);
    if (status == SBI_OK) status = check_name(attempt->key, key);
    if (status != SBI_OK && status != SBI_ERR_NO_MEMORY && status != SBI_ERR_VERSION) *exit_code = SBI_EXIT_SPEC;
    return status;
}

static sbi_status run_job(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    const worker *w = user;
    const sbi_attempt *a = w->attempt;
    const char *folder = sbi_store_folder(a->store);
    sbi_job_place place = {folder ? folder : a->scratch, a->checkpoint, NULL, NULL, a->options.column_memory};
    (void)task;
    sbi_status status = sbi_inputs_bring(ctx, a->store, w->job, &a->options, &place);
    if (status == SBI_OK) status = sbi_job_run_decoded(ctx, w->job, NULL, &place, sink);
    sbi_inputs_end(ctx, &place);
    json_decref((json_t *)(uintptr_t)place.files);
    return status;
}

sbi_status sbi_job_run_store(sbi_context *ctx, sbi_store *store, const char *key, const sbi_worker_options *options, int32_t *exit_code)
{
    SBI_REQUIRE(exit_code, "sbi_job_run_store: exit_code is NULL");
    *exit_code = SBI_EXIT_CONFIGURATION;
    SBI_REQUIRE(ctx && store && key, "sbi_job_run_store: an argument is NULL");
    worker w = {NULL, NULL};
    const sbi_attempt_work work = {read_spec, run_job, &w};
    sbi_status status = sbi_attempt_run(ctx, store, key, options, &work, exit_code);
    sbi_job_free(w.job);
    return status;
}

/* ---- a folder --------------------------------------------------------------------------------------------------- */

static sbi_status run_folder(sbi_context *ctx, char *job_folder, int32_t *exit_code)
{
    char *jobs = sbi_path_folder(ctx, job_folder), *root = jobs ? sbi_path_folder(ctx, jobs) : NULL;
    const char *last = jobs ? strrchr(jobs, '/') + 1 : "";
    sbi_store *store = NULL;
    sbi_status status = root ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_ERR_NO_MEMORY) *exit_code = SBI_EXIT_OUT_OF_MEMORY;
    if (status == SBI_OK && strcmp(last, "jobs") != 0)
        status = sbi_fail(SBI_ERR_NOT_FOUND, "%s: is not a folder STORE/jobs/KEY", job_folder);
    if (status == SBI_OK) status = sbi_store_open(&store, ctx, root, NULL);
    if (status == SBI_OK) status = sbi_job_run_store(ctx, store, strrchr(job_folder, '/') + 1, NULL, exit_code);
    sbi_store_close(store);
    sbi_free(ctx, root);
    sbi_free(ctx, jobs);
    return status;
}

sbi_status sbi_job_run_folder(sbi_context *ctx, const char *folder, int32_t *exit_code)
{
    SBI_REQUIRE(exit_code, "sbi_job_run_folder: exit_code is NULL");
    *exit_code = SBI_EXIT_CONFIGURATION;
    SBI_REQUIRE(ctx && folder, "sbi_job_run_folder: ctx or folder is NULL");
    char *real = realpath(folder, NULL);
    if (!real) return sbi_fail_errno(errno, "%s", folder);
    sbi_status status = run_folder(ctx, real, exit_code);
    free(real);
    return status;
}
