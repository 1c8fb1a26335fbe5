/* SPDX-License-Identifier: Apache-2.0 */
/* "hessian_rows", "hessian_shard" and "scan_point": a model at a point. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "jobs/job.h"
#include "model/workspace.h"
#include "sbi/fit.h"
#include "sbi/shard.h"

sbi_status sbi_job_columns_digest(const sbi_model *model, char hex[65])
{
    sbi_sha256 h;
    unsigned char digest[32];
    char piece[65536];
    sbi_sha256_init(&h);
    for (size_t i = 0; i < model->n_files; i++) {
        const model_file *f = &model->files[i];
        const sbi_npy_header *header = sbi_column_file_header(f->file);
        const int64_t head[2] = {header->dtype, (int64_t)(header->data_size / sbi_dtype_size(header->dtype))};
        sbi_sha256_update(&h, head, sizeof head);
        for (size_t at = 0, n; at < header->data_size; at += n) {
            n = header->data_size - at < sizeof piece ? header->data_size - at : sizeof piece;
            if (!f->memory) SBI_TRY(sbi_column_file_read(f->file, at, n, piece));
            sbi_sha256_update(&h, f->memory ? f->memory + at : piece, n);
        }
    }
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    return SBI_OK;
}

static sbi_status check_columns(const sbi_model *model, const sbi_job *job)
{
    char hex[65];
    SBI_TRY(sbi_job_columns_digest(model, hex));
    if (strcmp(hex, job->columns_sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: its columns have sha256 %s, the job says %s", job->workspace.path, hex,
                    job->columns_sha256);
}

typedef struct elsewhere {
    const sbi_job *job;
    const sbi_job_place *place;
} elsewhere;

static sbi_status open_file(void *user, sbi_context *ctx, const char *name, sbi_column_file **out)
{
    const elsewhere *e = user;
    const char *there = json_string_value(json_object_get(e->place->files, name));
    if (!there) return sbi_fail(SBI_ERR_NOT_FOUND, "%s: its file %s was not staged", e->job->workspace.path, name);
    return sbi_job_open_columns(out, ctx, e->place, there);
}

sbi_status sbi_job_load_model(sbi_model **out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    *out = NULL;
    if (!job->workspace.path)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "job: its model was in memory elsewhere, and there is no workspace file of it");
    char *path = sbi_job_path(ctx, place, job->workspace.path);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_model *model = NULL;
    sbi_status status = sbi_job_verify_file(path, job->workspace.sha256);
    elsewhere e = {job, place};
    const sbi_model_files files = {open_file, &e};
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    if (place->column_memory) {
        options.column_memory = sbi_model_column_memory(SBI_COLUMN_MEMORY_DEFAULT);
        if (place->column_memory < options.column_memory) options.column_memory = place->column_memory;
    }
    if (status == SBI_OK) status = sbi_model_load_files(&model, ctx, path, &options, place->files ? &files : NULL);
    if (status == SBI_OK) status = check_columns(model, job);
    sbi_free(ctx, path);
    if (status != SBI_OK) {
        sbi_model_destroy(model);
        return status;
    }
    *out = model;
    return SBI_OK;
}

sbi_status sbi_job_find_model(const sbi_model **out, sbi_model **loaded, sbi_context *ctx, const sbi_job *job,
                              const sbi_job_attachment *attachment, const sbi_job_place *place)
{
    *loaded = NULL;
    *out = attachment ? attachment->model : NULL;
    if (!*out) {
        SBI_TRY(sbi_job_load_model(loaded, ctx, job, place));
        *out = *loaded;
    }
    size_t n = sbi_model_n_parameters(*out);
    if (n == job->n_theta) return SBI_OK;
    sbi_model_destroy(*loaded);
    *loaded = NULL;
    return sbi_fail(SBI_ERR_SHAPE, "job: theta has %zu values, the model has %zu parameters", job->n_theta, n);
}

static sbi_status send_rows(sbi_context *ctx, const sbi_model *model, const sbi_job *job, sbi_sink *sink)
{
    size_t n = job->count * job->n_theta;
    double *rows = sbi_alloc_array(ctx, n, sizeof *rows);
    if (!rows) return SBI_ERR_NO_MEMORY;
    sbi_model_work *work = NULL;
    sbi_status status = sbi_model_work_create(&work, model);
    if (status == SBI_OK) status = sbi_model_hessian_rows(work, job->theta, job->first, job->count, rows);
    if (status == SBI_OK) status = sink->write(sink->user, rows, n * sizeof *rows);
    sbi_model_work_destroy(work);
    sbi_free(ctx, rows);
    return status;
}

sbi_status sbi_job_hessian_rows(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                const sbi_job_place *place, sbi_sink *sink)
{
    const sbi_model *model;
    sbi_model *loaded;
    SBI_TRY(sbi_job_find_model(&model, &loaded, ctx, job, attachment, place));
    sbi_status status = send_rows(ctx, model, job, sink);
    sbi_model_destroy(loaded);
    return status;
}

/* ---- hessian_shard --------------------------------------------------------------------------------------------- */

static sbi_status send_shard(const sbi_model *model, const sbi_job *job, sbi_sink *sink)
{
    sbi_tape_work *work;
    void *bytes = NULL;
    size_t size = 0;
    sbi_shard_request request = SBI_SHARD_REQUEST_INIT;
    request.want = SBI_SHARD_HESSIAN;
    request.pass_index = job->pass;
    request.first_event = job->first_event;
    request.n_events = job->events;
    request.first_row = (int64_t)job->first;
    request.n_rows = (int64_t)job->count;
    SBI_TRY(sbi_tape_work_create(&work, sbi_model_tape(model)));
    sbi_status status = sbi_shard_compute(work, job->theta, &request, job->earlier, job->earlier_size, &bytes, &size);
    if (status == SBI_OK) status = sink->write(sink->user, bytes, size);
    sbi_shard_free(sbi_model_context(model), bytes);
    sbi_tape_work_destroy(work);
    return status;
}

sbi_status sbi_job_hessian_shard(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                 const sbi_job_place *place, sbi_sink *sink)
{
    const sbi_model *model;
    sbi_model *loaded;
    SBI_TRY(sbi_job_find_model(&model, &loaded, ctx, job, attachment, place));
    sbi_status status = send_shard(model, job, sink);
    sbi_model_destroy(loaded);
    return status;
}

/* ---- scan_point ------------------------------------------------------------------------------------------------ */

static sbi_status send_fit(sbi_context *ctx, const sbi_fit *fit, const sbi_job *job, sbi_sink *sink)
{
    double *values = sbi_alloc_array(ctx, job->n_theta, sizeof *values), nll = NAN;
    json_t *list = json_array(), *json = NULL;
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = values && list ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_fit_values(fit, values);
    if (status == SBI_OK) status = sbi_fit_nll(fit, &nll);
    for (size_t i = 0; i < job->n_theta && status == SBI_OK; i++) {
        if (json_array_append_new(list, json_real(values[i]))) status = sbi_fail(SBI_ERR_VALUE, "value %zu is %g", i, values[i]);
    }
    if (status == SBI_OK) {
        json = json_pack("{s:f, s:i, s:O}", "nll", nll, "reason", (int)sbi_fit_reason(fit), "values", list);
        status = json ? sbi_json_canonical(&text, json) : sbi_fail(SBI_ERR_VALUE, "scan_point: the NLL is %g", nll);
    }
    if (status == SBI_OK) status = sink->write(sink->user, text.data, text.size);
    sbi_text_clear(&text);
    json_decref(json);
    json_decref(list);
    sbi_free(ctx, values);
    return status;
}

static sbi_status scan(sbi_context *ctx, const sbi_model *model, const sbi_job *job, sbi_sink *sink)
{
    sbi_fit_options o = SBI_FIT_OPTIONS_INIT;
    const char **names = sbi_alloc_array(ctx, job->n_theta, sizeof *names);
    if (!names) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < job->n_theta; i++) names[i] = sbi_model_parameter_name(model, i);
    o.n_start = job->n_theta;
    o.start_names = names;
    o.start_values = job->theta;
    o.n_fixed = 1;
    o.fixed_names = &job->parameter;
    o.fixed_values = &job->value;
    sbi_fit *fit = NULL;
    sbi_status status = sbi_fit_run(&fit, model, &o);
    if (status == SBI_OK) status = send_fit(ctx, fit, job, sink);
    sbi_fit_destroy(fit);
    sbi_free(ctx, names);
    return status;
}

sbi_status sbi_job_scan_point(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                              const sbi_job_place *place, sbi_sink *sink)
{
    const sbi_model *model;
    sbi_model *loaded;
    SBI_TRY(sbi_job_find_model(&model, &loaded, ctx, job, attachment, place));
    sbi_status status = scan(ctx, model, job, sink);
    sbi_model_destroy(loaded);
    return status;
}
