/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "exec/executor.h"
#include "exec/local.h"
#include "jobs/job.h"
#include "jobs/processes.h"

sbi_status sbi_job_run_decoded(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                               const sbi_job_place *place, sbi_sink *sink)
{
    switch (job->kind) {
    case SBI_JOB_TRAIN_MEMBER: return sbi_job_train_member(ctx, job, attachment, place, sink);
    case SBI_JOB_TRAIN_TRIAL: return sbi_job_train_trial(ctx, job, attachment, place, sink);
    case SBI_JOB_EVALUATE_COLUMNS: return sbi_job_evaluate_columns(ctx, job, attachment, place, sink);
    case SBI_JOB_HESSIAN_ROWS: return sbi_job_hessian_rows(ctx, job, attachment, place, sink);
    case SBI_JOB_HESSIAN_SHARD: return sbi_job_hessian_shard(ctx, job, attachment, place, sink);
    case SBI_JOB_SCAN_POINT: return sbi_job_scan_point(ctx, job, attachment, place, sink);
    case SBI_JOB_TOYS: return sbi_job_toys(ctx, job, attachment, place, sink);
    default: return sbi_fail(SBI_ERR_INTERNAL, "job of kind %d", (int)job->kind);
    }
}

sbi_status sbi_job_run(sbi_context *ctx, const sbi_task *task, const char *root, const char *checkpoint, sbi_sink *sink)
{
    SBI_REQUIRE(ctx && task, "sbi_job_run: ctx or task is NULL");
    SBI_REQUIRE(sink && sink->write, "sbi_job_run: there is no sink");
    SBI_REQUIRE(task->spec || !task->spec_size, "sbi_job_run: spec is NULL");
    sbi_job *job;
    const sbi_job_place place = {root, checkpoint, NULL, NULL, 0};
    SBI_TRY(sbi_job_parse(&job, ctx, task->spec, task->spec_size));
    sbi_status status = sbi_job_run_decoded(ctx, job, NULL, &place, sink);
    sbi_job_free(job);
    return status;
}

sbi_status sbi_job_run_local(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    (void)user;
    sbi_job *job;
    const sbi_job_attachment *attachment = task->attachment;
    const sbi_job_place place = {NULL, attachment ? attachment->folder : NULL, NULL, NULL, 0};
    SBI_TRY(sbi_job_parse(&job, ctx, task->spec, task->spec_size));
    sbi_status status = sbi_job_run_decoded(ctx, job, attachment, &place, sink);
    sbi_job_free(job);
    return status;
}

/* ---- opening executors ----------------------------------------------------------------------------------------- */

static sbi_status read_local_config(const char *config, int32_t *threads)
{
    static const char *const known[] = {"threads", NULL};
    json_t *json;
    int64_t n = 0;
    *threads = 0;
    if (!config) return SBI_OK;
    SBI_TRY(sbi_json_parse(&json, config, strlen(config), "executor \"local\""));
    sbi_json_place at = sbi_json_root("executor \"local\"");
    sbi_status status = sbi_json_expect(json, &at, JSON_OBJECT);
    if (status == SBI_OK) status = sbi_json_only_keys(json, &at, known);
    if (status == SBI_OK) status = sbi_json_get_integer_or(json, &at, "threads", 0, &n);
    json_decref(json);
    SBI_TRY(status);
    SBI_REQUIRE(n >= 0 && n <= 4096, "executor \"local\": threads is %lld, expected 0 to 4096", (long long)n);
    *threads = (int32_t)n;
    return SBI_OK;
}

static sbi_status open_by_name(sbi_executor **out, sbi_context *ctx, const char *name, const char *config)
{
    if (strcmp(name, "processes") == 0) return sbi_processes_open(out, ctx, config, sbi_job_stage);
    if (strcmp(name, "local") != 0) return sbi_executor_open_registered(out, ctx, name, config, "\"local\", \"processes\"");
    int32_t threads;
    SBI_TRY(read_local_config(config, &threads));
    return sbi_local_open(out, ctx, threads, sbi_job_run_local, NULL);
}

sbi_status sbi_executor_open(sbi_executor **out, sbi_context *ctx, const char *name, const char *config)
{
    SBI_REQUIRE(out, "sbi_executor_open: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_executor_open: ctx is NULL");
    SBI_REQUIRE(name && *name, "sbi_executor_open: the name is NULL or empty");
    SBI_TRY(open_by_name(out, ctx, name, config));
    sbi_status status = sbi_executor_remember(*out, name, config);
    if (status == SBI_OK) return SBI_OK;
    sbi_executor_close(*out);
    *out = NULL;
    return status;
}
