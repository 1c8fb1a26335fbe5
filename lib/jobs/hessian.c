/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_fit_hessian() and sbi_fit_hessian_campaign(): blocks of rows of the Hessian as tasks. */
#include "jobs/hessian.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/sha256.h"
#include "model/model.h"

/* A pass over the events costs about as much for these many rows as for one. */
#define ROWS_A_TASK 16

void sbi_hessian_options_init(sbi_hessian_options *options)
{
    if (!options) return;
    const sbi_hessian_options defaults = SBI_HESSIAN_OPTIONS_INIT;
    *options = defaults;
}

/* Tells jobs on different models in memory apart: the gradient at this point is as good as a signature. */
static sbi_status add_fingerprint(sbi_hessian_campaign *r, const sbi_fit *fit)
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

static sbi_status add_workspace(sbi_hessian_campaign *r, const char *executor)
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

static sbi_status describe(sbi_hessian_campaign *r, const sbi_fit *fit, sbi_executor *exec)
{
    sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
    SBI_TRY(sbi_executor_capabilities(exec, &caps));
    json_t *theta = json_array();
    for (size_t i = 0; i < r->n; i++) json_array_append_new(theta, json_real(r->theta[i]));
    r->common = json_pack("{s:i, s:o}", "version", SBI_JOB_VERSION, "theta", theta);
    if (!r->common) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_fit_hessian: out of memory");
    /* What is kept in a folder is named by content where it can be, so that one executor can go on where another one stopped. */
    const int by_content = !caps.in_process || (r->options.campaign && r->model->workspace);
    return by_content ? add_workspace(r, caps.name) : add_fingerprint(r, fit);
}

size_t sbi_hessian_block(const sbi_hessian_campaign *h, size_t block, size_t *first)
{
    *first = block * h->rows_a_task;
    return h->n - *first < h->rows_a_task ? h->n - *first : h->rows_a_task;
}

json_t *sbi_hessian_task(const sbi_hessian_campaign *h, const char *job, size_t block)
{
    size_t first, count = sbi_hessian_block(h, block, &first);
    json_t *json = json_copy(h->common);
    if (!json) return NULL;
    json_object_set_new(json, "job", json_string(job));
    json_object_set_new(json, "first", json_integer((json_int_t)first));
    json_object_set_new(json, "count", json_integer((json_int_t)count));
    return json;
}

static sbi_status take_rows(sbi_hessian_campaign *r, size_t block, const char *key)
{
    size_t first, count = sbi_hessian_block(r, block, &first);
    size_t expected = count * r->n * sizeof(double);
    sbi_text bytes;
    sbi_text_init(&bytes, r->ctx);
    sbi_status status = sbi_jobs_result(r->campaign, key, &bytes);
    if (status == SBI_OK && bytes.size != expected)
        status = sbi_fail(SBI_ERR_SHAPE, "task %s: its result has %zu bytes, expected %zu", key, bytes.size, expected);
    if (status == SBI_OK) memcpy(r->hessian + first * r->n, bytes.data, expected);
    sbi_text_clear(&bytes);
    return status;
}

static sbi_status is_done(const sbi_campaign *campaign, size_t index, int *done)
{
    sbi_campaign_report report = {.struct_size = (uint32_t)sizeof report};
    SBI_TRY(sbi_campaign_report_get(campaign, index, &report));
    *done = report.state == SBI_TASK_DONE;
    return SBI_OK;
}

sbi_status sbi_hessian_run(const sbi_hessian_campaign *h, sbi_executor *exec, size_t undone)
{
    size_t all = 0;
    for (size_t i = 0; i < sbi_campaign_count(h->campaign); i++) {
        int done;
        SBI_TRY(is_done(h->campaign, i, &done));
        all += !done;
    }
    if (!undone) return SBI_OK;
    if (all > undone)
        return sbi_fail(SBI_ERR_STATE, "%s: the campaign has %zu unfinished tasks of another fit, or of other cuts", h->options.campaign,
                        all - undone);
    return sbi_jobs_run(h->campaign, exec);
}

static sbi_status run_rows(sbi_hessian_campaign *r, sbi_executor *exec, char (*keys)[SBI_TASK_KEY_MAX + 1])
{
    SBI_TRY(sbi_campaign_open(&r->campaign, r->ctx, r->options.campaign, &r->settings));
    for (size_t i = 0; i < r->n_blocks; i++)
        SBI_TRY(sbi_jobs_add(r->campaign, r->ctx, sbi_hessian_task(r, "hessian_rows", i), &r->attachment, keys[i]));
    size_t undone = 0, index;
    for (size_t i = 0; i < r->n_blocks; i++) {
        int done;
        SBI_TRY(sbi_campaign_index(r->campaign, keys[i], &index));
        SBI_TRY(is_done(r->campaign, index, &done));
        undone += !done;
    }
    SBI_TRY(sbi_hessian_run(r, exec, undone));
    for (size_t i = 0; i < r->n_blocks; i++) SBI_TRY(take_rows(r, i, keys[i]));
    return SBI_OK;
}

static sbi_status compute(sbi_hessian_campaign *r, const sbi_fit *fit, sbi_executor *exec)
{
    r->rows_a_task = r->options.rows_a_task ? (size_t)r->options.rows_a_task : ROWS_A_TASK;
    r->n_blocks = (r->n + r->rows_a_task - 1) / r->rows_a_task;
    r->theta = sbi_alloc_array(r->ctx, r->n, sizeof *r->theta);
    r->hessian = sbi_alloc_array(r->ctx, r->n * r->n, sizeof *r->hessian);
    if (!r->theta || !r->hessian) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_fit_values(fit, r->theta));
    SBI_TRY(describe(r, fit, exec));
    if (r->options.events_a_task) return sbi_hessian_shards(r, exec);
    char(*keys)[SBI_TASK_KEY_MAX + 1] = sbi_alloc_zero(r->ctx, r->n_blocks, sizeof *keys);
    sbi_status status = keys ? run_rows(r, exec, keys) : SBI_ERR_NO_MEMORY;
    sbi_free(r->ctx, keys);
    return status;
}

static sbi_status compute_here(sbi_hessian_campaign *r, const sbi_fit *fit)
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

static sbi_status take(sbi_hessian_campaign *r, sbi_fit *fit, sbi_status status, double *hessian)
{
    if (status == SBI_OK) status = sbi_fit_set_hessian(fit, r->hessian);
    if (status == SBI_OK && hessian) memcpy(hessian, r->hessian, r->n * r->n * sizeof *hessian);
    sbi_campaign_close(r->campaign);
    json_decref(r->common);
    sbi_free(r->ctx, r->hessian);
    sbi_free(r->ctx, r->theta);
    return status;
}

static sbi_hessian_campaign begin(const sbi_fit *fit)
{
    sbi_hessian_campaign r = {.ctx = fit->ctx, .model = sbi_fit_model(fit), .n = sbi_fit_n_params(fit)};
    sbi_hessian_options_init(&r.options);
    sbi_campaign_options_init(&r.settings);
    r.attachment.model = r.model;
    return r;
}

static sbi_status no_model(void)
{
    return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit_hessian: the fit is one of an objective, of which only the caller can make rows");
}

sbi_status sbi_fit_hessian(sbi_fit *fit, sbi_executor *executor, double *hessian)
{
    SBI_REQUIRE(fit, "sbi_fit_hessian: fit is NULL");
    sbi_hessian_campaign r = begin(fit);
    if (!r.model && executor) return no_model();
    return take(&r, fit, executor ? compute(&r, fit, executor) : compute_here(&r, fit), hessian);
}

sbi_status sbi_fit_hessian_campaign(sbi_fit *fit, sbi_executor *executor, const sbi_hessian_options *options, double *hessian)
{
    SBI_REQUIRE(fit, "sbi_fit_hessian_campaign: fit is NULL");
    sbi_hessian_campaign r = begin(fit);
    sbi_hessian_options *o = &r.options;
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, options, "sbi_hessian_options"));
    SBI_REQUIRE(o->rows_a_task >= 0, "sbi_hessian_options: rows_a_task is %d", (int)o->rows_a_task);
    SBI_REQUIRE(o->events_a_task >= 0 && o->events_a_task <= INT64_MAX / 4, "sbi_hessian_options: events_a_task is %lld",
                (long long)o->events_a_task);
    if (!r.model) return no_model();
    o->events_a_task = (o->events_a_task + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK * SBI_TAPE_BLOCK;
    sbi_executor *used, *owned;
    SBI_TRY(sbi_jobs_executor(&used, &owned, r.ctx, executor));
    if (!executor) r.settings.max_attempts = 1; /* what failed here a moment ago would fail again, memory included */
    sbi_status status = take(&r, fit, compute(&r, fit, used), hessian);
    sbi_executor_close(owned);
    return status;
}
