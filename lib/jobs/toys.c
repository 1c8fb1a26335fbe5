/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_toys_run(): toys here, or ranges of their numbers as tasks of a campaign. */
#include "jobs/toys.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "jobs/collect.h"
#include "model/model.h"

#define TASKS_A_SET 64
#define FEWEST_TOYS_A_TASK 10

/* ---- the job ---- */

sbi_status sbi_job_toys(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment, const sbi_job_place *place,
                        sbi_sink *sink)
{
    const sbi_model *model;
    sbi_model *loaded;
    toys_plan plan;
    sbi_toys *toys = NULL;
    json_t *json = NULL;
    sbi_text text;
    sbi_text_init(&text, ctx);
    SBI_TRY(sbi_job_find_model(&model, &loaded, ctx, job, attachment, place));
    sbi_status status = sbi_toys_plan_make(&plan, model, job->theta, &job->toys);
    if (status == SBI_OK) status = sbi_toys_compute(&toys, ctx, &plan, job->toys.first, (size_t)job->toys.count);
    if (status == SBI_OK) {
        json = sbi_toys_to_json(toys);
        status = json ? sbi_json_canonical(&text, json) : sbi_fail(SBI_ERR_NO_MEMORY, "toys: out of memory");
    }
    if (status == SBI_OK) status = sink->write(sink->user, text.data, text.size);
    json_decref(json);
    sbi_text_clear(&text);
    sbi_toys_destroy(toys);
    sbi_toys_plan_clear(&plan);
    sbi_model_destroy(loaded);
    return status;
}

/* ---- a campaign of sets ---- */

/* A set, cut into tasks. */
typedef struct cut {
    toys_plan plan;
    json_t *common; /* what all its tasks have in their specs */
    size_t per_task, n_tasks;
    char (*keys)[SBI_TASK_KEY_MAX + 1];
} cut;

typedef struct runs {
    sbi_context *ctx;
    const sbi_model *model;
    sbi_campaign *campaign;
    sbi_job_attachment attachment;
    json_t *source; /* how specs name a model that was loaded from a file; NULL: by fingerprints */
    cut *cuts;
    sbi_toys **out;
    size_t n;
    int collect;
} runs;

/* A model file is named by its content, whatever executor runs its tasks, so that one executor can go on where another one stopped. */
static sbi_status describe_file(runs *r)
{
    char file[65], columns[65];
    if (!r->model->workspace) return SBI_OK;
    SBI_TRY(sbi_sha256_file(r->model->workspace, file));
    SBI_TRY(sbi_job_columns_digest(r->model, columns));
    char *real = realpath(r->model->workspace, NULL);
    r->source = json_pack("{s:{s:s, s:s}, s:s}", "workspace", "path", real ? real : r->model->workspace, "sha256", file,
                          "columns_sha256", columns);
    free(real);
    return r->source ? SBI_OK : sbi_fail(SBI_ERR_NO_MEMORY, "sbi_toys_run: out of memory");
}

/* Tells models in memory apart: value and gradient at theta, and what toys are drawn from. */
static sbi_status fingerprint(const runs *r, const double *theta, char hex[65])
{
    const size_t p = sbi_model_n_parameters(r->model);
    sbi_sha256 h;
    unsigned char digest[32];
    sbi_model_work *work = NULL;
    double *gradient = sbi_alloc_zero(r->ctx, p + 1, sizeof *gradient);
    sbi_status status = gradient ? sbi_model_work_create(&work, r->model) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_model_nll(work, theta, &gradient[p], gradient);
    sbi_model_work_destroy(work);
    sbi_sha256_init(&h);
    if (status == SBI_OK) sbi_sha256_update(&h, gradient, (p + 1) * sizeof *gradient);
    sbi_free(r->ctx, gradient);
    for (size_t c = 0; c < sbi_model_n_channels(r->model) && status == SBI_OK; c++) {
        const int64_t n = sbi_model_n_asimov_events(r->model, c);
        if (sbi_model_n_bins(r->model, c) || n < 0) continue;
        double *weights = sbi_alloc_array(r->ctx, (size_t)n, sizeof *weights);
        status = weights ? sbi_model_asimov_weights(r->model, c, theta, weights) : SBI_ERR_NO_MEMORY;
        if (status == SBI_OK) sbi_sha256_update(&h, weights, (size_t)n * sizeof *weights);
        sbi_free(r->ctx, weights);
    }
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    return status;
}

static json_t *list_numbers(const double *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) json_array_append_new(list, json_real(values[i]));
    return list;
}

static json_t *list_names(const char *const *names, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) json_array_append_new(list, json_string(names[i]));
    return list;
}

static sbi_status describe_set(const runs *r, cut *c)
{
    const toys_plan *p = &c->plan;
    const sbi_toys_options *o = &p->o;
    char hex[65];
    c->common = json_pack("{s:s, s:i, s:I, s:I, s:i, s:s, s:o, s:o, s:o, s:o, s:f, s:f}", "job", "toys", "version", SBI_JOB_VERSION,
                          "seed", (json_int_t)o->seed, "compute", (json_int_t)o->compute, "auxiliary", (int)o->auxiliary, "parameter",
                          p->parameter, "theta", list_numbers(p->theta, sbi_model_n_parameters(p->model)), "tested",
                          list_numbers(o->tested, o->n_tested), "starts", list_numbers(o->starts, o->n_starts), "fixed",
                          list_names(o->fixed_names, o->n_fixed), "interval_confidence", o->interval_confidence, "limit_confidence",
                          o->limit_confidence);
    if (!c->common) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_toys_run: out of memory");
    if (r->source) return json_object_update(c->common, r->source) ? sbi_fail(SBI_ERR_NO_MEMORY, "sbi_toys_run: out of memory") : SBI_OK;
    SBI_TRY(fingerprint(r, p->theta, hex));
    json_object_set_new(c->common, "fingerprint", json_string(hex));
    return SBI_OK;
}

static size_t toys_of(const cut *c, size_t task)
{
    const size_t left = (size_t)c->plan.o.count - task * c->per_task;
    return left < c->per_task ? left : c->per_task;
}

static sbi_status add_task(runs *r, cut *c, size_t task)
{
    json_t *json = json_copy(c->common);
    if (json) {
        json_object_set_new(json, "first", json_integer((json_int_t)(c->plan.o.first + (int64_t)(task * c->per_task))));
        json_object_set_new(json, "count", json_integer((json_int_t)toys_of(c, task)));
    }
    if (!r->collect) return sbi_jobs_add(r->campaign, r->ctx, json, &r->attachment, c->keys[task]);
    sbi_job_spec spec;
    SBI_TRY(sbi_job_spec_make(&spec, r->ctx, json));
    memcpy(c->keys[task], spec.key, sizeof spec.key);
    sbi_text_clear(&spec.text);
    return SBI_OK;
}

/* Cuts a set into tasks and adds them. */
static sbi_status add_set(runs *r, cut *c)
{
    const size_t count = (size_t)c->plan.o.count;
    c->per_task = (size_t)c->plan.o.toys_a_task;
    if (c->per_task == 0) c->per_task = (count + TASKS_A_SET - 1) / TASKS_A_SET;
    if (c->plan.o.toys_a_task == 0 && c->per_task < FEWEST_TOYS_A_TASK) c->per_task = FEWEST_TOYS_A_TASK;
    c->n_tasks = (count + c->per_task - 1) / c->per_task;
    c->keys = sbi_alloc_zero(r->ctx, c->n_tasks, sizeof *c->keys);
    if (!c->keys) return SBI_ERR_NO_MEMORY;
    SBI_TRY(describe_set(r, c));
    for (size_t i = 0; i < c->n_tasks; i++) SBI_TRY(add_task(r, c, i));
    return SBI_OK;
}

/* ---- results ---- */

static sbi_status copy_rows(sbi_toys *to, size_t at, const sbi_toys *from, size_t n, const char *key)
{
    int same = from->n == n && from->n_columns == to->n_columns;
    for (size_t j = 0; same && j < to->n_columns; j++) same = strcmp(from->names[j], to->names[j]) == 0;
    for (size_t i = 0; same && i < n; i++) same = from->numbers[i] == to->numbers[at + i];
    if (!same) return sbi_fail(SBI_ERR_SHAPE, "task %s: its result is not of the toys that it was to compute", key);
    memcpy(to->values + at * to->n_columns, from->values, n * to->n_columns * sizeof *to->values);
    for (size_t i = 0; i < n; i++) {
        if (from->status[i]) SBI_TRY(sbi_toys_fail_row(to, at + i, from->status[i], sbi_toys_message(from, i)));
    }
    return SBI_OK;
}

static sbi_status take_result(runs *r, const cut *c, size_t task, sbi_toys *to)
{
    const char *key = c->keys[task];
    json_t *json = NULL;
    sbi_toys *part = NULL;
    sbi_text bytes;
    sbi_text_init(&bytes, r->ctx);
    const sbi_json_place at = sbi_json_root(key);
    sbi_status status = sbi_jobs_result(r->campaign, key, &bytes);
    if (status == SBI_OK) status = sbi_json_parse(&json, bytes.data, bytes.size, key);
    if (status == SBI_OK) status = sbi_toys_from_json(&part, r->ctx, json, &at);
    if (status == SBI_OK) status = copy_rows(to, task * c->per_task, part, toys_of(c, task), key);
    sbi_toys_destroy(part);
    json_decref(json);
    sbi_text_clear(&bytes);
    return status;
}

/* What is not there when only collecting. */
static sbi_status leave_out(const cut *c, size_t task, sbi_toys *to)
{
    for (size_t i = 0; i < toys_of(c, task); i++)
        SBI_TRY(sbi_toys_fail_row(to, task * c->per_task + i, SBI_ERR_TASK_LOST, "its task is not done"));
    return SBI_OK;
}

static sbi_status take_set(runs *r, size_t set)
{
    const cut *c = &r->cuts[set];
    SBI_TRY(sbi_toys_table(&r->out[set], r->ctx, &c->plan, c->plan.o.first, (size_t)c->plan.o.count));
    for (size_t i = 0; i < c->n_tasks; i++) {
        const sbi_status status = take_result(r, c, i, r->out[set]);
        if (r->collect && (status == SBI_ERR_STATE || status == SBI_ERR_NOT_FOUND)) SBI_TRY(leave_out(c, i, r->out[set]));
        else SBI_TRY(status);
    }
    return SBI_OK;
}

/* ---- running ---- */

static sbi_status run_here(runs *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const toys_plan *p = &r->cuts[i].plan;
        SBI_TRY(sbi_toys_compute(&r->out[i], r->ctx, p, p->o.first, (size_t)p->o.count));
    }
    return SBI_OK;
}

static sbi_status run_campaign(runs *r, const char *folder, sbi_executor *executor)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_executor *exec, *owned = NULL;
    o.read_only = r->collect;
    if (!executor) o.max_attempts = 1; /* what failed here a moment ago would fail again */
    SBI_TRY(describe_file(r));
    SBI_TRY(sbi_campaign_open(&r->campaign, r->ctx, folder, &o));
    for (size_t i = 0; i < r->n; i++) SBI_TRY(add_set(r, &r->cuts[i]));
    if (!r->collect) {
        sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
        SBI_TRY(sbi_jobs_executor(&exec, &owned, r->ctx, executor));
        sbi_status status = sbi_executor_capabilities(exec, &caps);
        if (status == SBI_OK && !caps.in_process && !r->source)
            status = sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_toys_run: the executor \"%s\" needs a model from a workspace file, this one was "
                              "made in memory", caps.name);
        if (status == SBI_OK) status = sbi_jobs_run(r->campaign, exec);
        sbi_executor_close(owned);
        SBI_TRY(status);
    }
    for (size_t i = 0; i < r->n; i++) SBI_TRY(take_set(r, i));
    return SBI_OK;
}

sbi_status sbi_toys_run_sets(sbi_toys **out, const sbi_model *model, const toys_set *sets, size_t n, sbi_executor *executor)
{
    for (size_t i = 0; i < n; i++) out[i] = NULL;
    SBI_REQUIRE(model, "sbi_toys_run: model is NULL");
    runs r = {.ctx = sbi_model_context(model), .model = model, .attachment = {.model = model}, .out = out, .n = n};
    r.cuts = sbi_alloc_zero(r.ctx, n, sizeof *r.cuts);
    if (!r.cuts) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++)
        status = sbi_toys_plan_make(&r.cuts[i].plan, model, sets[i].theta, &sets[i].options);
    if (status == SBI_OK) {
        const sbi_toys_options *first = &r.cuts[0].plan.o;
        r.collect = first->collect != 0;
        if (r.collect && !first->campaign) status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_toys_options: collect without a campaign");
        else status = executor || first->campaign ? run_campaign(&r, first->campaign, executor) : run_here(&r);
    }
    sbi_campaign_close(r.campaign);
    json_decref(r.source);
    for (size_t i = 0; i < n; i++) {
        sbi_toys_plan_clear(&r.cuts[i].plan);
        json_decref(r.cuts[i].common);
        sbi_free(r.ctx, r.cuts[i].keys);
        if (status == SBI_OK) continue;
        sbi_toys_destroy(out[i]);
        out[i] = NULL;
    }
    sbi_free(r.ctx, r.cuts);
    return status;
}

sbi_status sbi_toys_run(sbi_toys **out, const sbi_model *model, const double *theta, const sbi_toys_options *options,
                        sbi_executor *executor)
{
    SBI_REQUIRE(out, "sbi_toys_run: out is NULL");
    *out = NULL;
    toys_set set = {.theta = theta};
    toys_plan checked; /* the caller's struct may be shorter than ours */
    sbi_status status = sbi_toys_plan_make(&checked, model, theta, options);
    if (status == SBI_OK) {
        set.options = checked.o;
        status = sbi_toys_run_sets(out, model, &set, 1, executor);
    }
    sbi_toys_plan_clear(&checked);
    return status;
}
