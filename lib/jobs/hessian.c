/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_fit_hessian(): rows of the Hessian as tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "fit/fit.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "model/model.h"

/* A pass over the events costs about as much for these many rows as for one. */
#define ROWS_A_TASK 16

typedef struct rows {
    sbi_context *ctx;
    const sbi_model *model;
    sbi_campaign *campaign;
    sbi_job_attachment attachment;
    size_t n, n_tasks;
    double *theta;
    double *hessian;
    json_t *common; /* what all tasks have in their specs */
    char (*keys)[SBI_TASK_KEY_MAX + 1];
} rows;

/* Tells jobs on different models in memory apart: the gradient at this point is as good as a signature. */
static sbi_status add_fingerprint(rows *r, const sbi_fit *fit)
{
    char hex[65];
    double nll = 0;
    double *gradient = sbi_alloc_array(r->ctx, r->n, sizeof *gradient);
    if (!gradient) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_fit_gradient(fit, gradient);
    if (status == SBI_OK) status = sbi_fit_nll(fit, &nll);
    if (status == SBI_OK) {
        sbi_sha256 h;
        unsigned char digest[32];
        sbi_sha256_init(&h);
        sbi_sha256_update(&h, &nll, sizeof nll);
        sbi_sha256_update(&h, gradient, r->n * sizeof *gradient);
        sbi_sha256_final(&h, digest);
        sbi_sha256_hex(digest, hex);
        json_object_set_new(r->common, "fingerprint", json_string(hex));
    }
    sbi_free(r->ctx, gradient);
    return status;
}

static sbi_status add_workspace(rows *r, const char *executor)
{
    char file[65], columns[65];
    if (!r->model->workspace)
        return sbi_fail(SBI_ERR_UNSUPPORTED,
                        "sbi_fit_hessian: the executor \"%s\" needs a model from a workspace file, this one was made in memory",
                        executor);
    SBI_TRY(sbi_sha256_file(r->model->workspace, file));
    SBI_TRY(sbi_job_columns_digest(r->model, columns));
    char *real = realpath(r->model->workspace, NULL);
    json_object_set_new(r->common, "workspace",
                        json_pack("{s:s, s:s}", "path", real ? real : r->model->workspace, "sha256", file));
    json_object_set_new(r->common, "columns_sha256", json_string(columns));
    free(real);
    return SBI_OK;
}

static sbi_status describe(rows *r, const sbi_fit *fit, sbi_executor *exec)
{
    sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
    SBI_TRY(sbi_executor_capabilities(exec, &caps));
    json_t *theta = json_array();
    for (size_t i = 0; i < r->n; i++) json_array_append_new(theta, json_real(r->theta[i]));
    r->common = json_pack("{s:s, s:i, s:o}", "job", "hessian_rows", "version", SBI_JOB_VERSION, "theta", theta);
    if (!r->common) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_fit_hessian: out of memory");
    return caps.in_process ? add_fingerprint(r, fit) : add_workspace(r, caps.name);
}

static sbi_status add_task(rows *r, size_t index)
{
    size_t first = index * ROWS_A_TASK, count = r->n - first < ROWS_A_TASK ? r->n - first : ROWS_A_TASK;
    json_t *json = json_copy(r->common);
    if (json) {
        json_object_set_new(json, "first", json_integer((json_int_t)first));
        json_object_set_new(json, "count", json_integer((json_int_t)count));
    }
    return sbi_jobs_add(r->campaign, r->ctx, json, &r->attachment, r->keys[index]);
}

static sbi_status take_rows(rows *r, size_t index)
{
    size_t first = index * ROWS_A_TASK, count = r->n - first < ROWS_A_TASK ? r->n - first : ROWS_A_TASK;
    size_t expected = count * r->n * sizeof(double);
    sbi_text bytes;
    sbi_text_init(&bytes, r->ctx);
    sbi_status status = sbi_jobs_result(r->campaign, r->keys[index], &bytes);
    if (status == SBI_OK && bytes.size != expected)
        status = sbi_fail(SBI_ERR_SHAPE, "task %s: its result has %zu bytes, expected %zu", r->keys[index], bytes.size, expected);
    if (status == SBI_OK) memcpy(r->hessian + first * r->n, bytes.data, expected);
    sbi_text_clear(&bytes);
    return status;
}

static sbi_status compute(rows *r, const sbi_fit *fit, sbi_executor *exec)
{
    r->n_tasks = (r->n + ROWS_A_TASK - 1) / ROWS_A_TASK;
    r->theta = sbi_alloc_array(r->ctx, r->n, sizeof *r->theta);
    r->hessian = sbi_alloc_array(r->ctx, r->n * r->n, sizeof *r->hessian);
    r->keys = sbi_alloc_zero(r->ctx, r->n_tasks, sizeof *r->keys);
    if (!r->theta || !r->hessian || !r->keys) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_fit_values(fit, r->theta));
    SBI_TRY(describe(r, fit, exec));
    SBI_TRY(sbi_campaign_open(&r->campaign, r->ctx, NULL, NULL));
    for (size_t i = 0; i < r->n_tasks; i++) SBI_TRY(add_task(r, i));
    SBI_TRY(sbi_jobs_run(r->campaign, exec));
    for (size_t i = 0; i < r->n_tasks; i++) SBI_TRY(take_rows(r, i));
    return SBI_OK;
}

static sbi_status compute_here(rows *r, const sbi_fit *fit)
{
    double value = 0;
    if (!sbi_fit_objective_has_hessian(fit->objective))
        return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit_hessian: the objective has neither hessian nor hvp");
    r->theta = sbi_alloc_array(r->ctx, 2 * r->n, sizeof *r->theta); /* and the gradient behind it */
    r->hessian = sbi_alloc_array(r->ctx, r->n * r->n, sizeof *r->hessian);
    if (!r->theta || !r->hessian) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_fit_values(fit, r->theta));
    return sbi_fit_objective_eval(fit->objective, r->theta, &value, r->theta + r->n, r->hessian);
}

static void finish(rows *r)
{
    sbi_campaign_close(r->campaign);
    json_decref(r->common);
    sbi_free(r->ctx, r->keys);
    sbi_free(r->ctx, r->hessian);
    sbi_free(r->ctx, r->theta);
}

sbi_status sbi_fit_hessian(sbi_fit *fit, sbi_executor *executor, double *hessian)
{
    SBI_REQUIRE(fit, "sbi_fit_hessian: fit is NULL");
    const sbi_model *model = sbi_fit_model(fit);
    if (!model && executor)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit_hessian: the fit is one of an objective, of which only the caller can make rows");
    rows r = {.ctx = fit->ctx, .model = model, .n = sbi_fit_n_params(fit)};
    r.attachment.model = model;
    sbi_status status = executor ? compute(&r, fit, executor) : compute_here(&r, fit);
    if (status == SBI_OK) status = sbi_fit_set_hessian(fit, r.hessian);
    if (status == SBI_OK && hessian) memcpy(hessian, r.hessian, r.n * r.n * sizeof *hessian);
    finish(&r);
    return status;
}
