/* SPDX-License-Identifier: Apache-2.0 */
/* "evaluate_columns": network files and a range of a file of features -> a .npy column, [rows] or, with the spread, [2, rows]. */
#include <inttypes.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/npy.h"
#include "jobs/job.h"
#include "net/dataset.h"
#include "ratio/ratio.h"

static void free_paths(sbi_context *ctx, char **paths, size_t n)
{
    for (size_t i = 0; paths && i < n; i++) sbi_free(ctx, paths[i]);
    sbi_free(ctx, paths);
}

/* The members' files, found and verified. */
static sbi_status find_members(char ***out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    char **paths = sbi_alloc_zero(ctx, job->n_members, sizeof *paths);
    if (!paths) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < job->n_members && status == SBI_OK; i++) {
        paths[i] = sbi_job_path(ctx, place, job->members[i].path);
        status = paths[i] ? sbi_job_verify_file(paths[i], job->members[i].sha256) : SBI_ERR_NO_MEMORY;
    }
    if (status != SBI_OK) {
        free_paths(ctx, paths, job->n_members);
        return status;
    }
    *out = paths;
    return SBI_OK;
}

static sbi_status load_members(sbi_ensemble **out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    char **paths;
    *out = NULL;
    SBI_TRY(find_members(&paths, ctx, job, place));
    sbi_status status = sbi_ensemble_load_files(out, ctx, (const char *const *)paths, job->n_members);
    free_paths(ctx, paths, job->n_members);
    return status == SBI_OK ? sbi_ensemble_set_combination(*out, job->combination) : status;
}

/* What a task works on, from memory or from its files. */
typedef struct inputs {
    const sbi_ensemble *ens;
    const sbi_calibration *calibration;
    sbi_array features; /* two-dimensional, the rows of the task */
    sbi_ensemble *loaded;
    sbi_calibration *loaded_calibration;
    sbi_npy *npy;
    sbi_column_file *file; /* the features are read from the store */
    uint64_t file_offset;  /* of the first row of the task */
    char *path;
} inputs;

static void close_inputs(sbi_context *ctx, inputs *in)
{
    sbi_ensemble_destroy(in->loaded);
    sbi_calibration_destroy(in->loaded_calibration);
    sbi_npy_unmap(in->npy);
    sbi_column_file_close(in->file);
    sbi_free(ctx, in->path);
}

static sbi_status load_calibration(inputs *in, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    if (!job->calibration.path) return SBI_OK;
    char *path = sbi_job_path(ctx, place, job->calibration.path);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_job_verify_file(path, job->calibration.sha256);
    if (status == SBI_OK) status = sbi_calibration_load(&in->loaded_calibration, ctx, path);
    sbi_free(ctx, path);
    in->calibration = in->loaded_calibration;
    return status == SBI_OK ? sbi_calibration_check(in->calibration, in->ens) : status;
}

/* Shape and strides of the features; where they are streamed, the data pointer stands for the file. */
static sbi_status open_features(inputs *in, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place, sbi_array *view)
{
    if (!sbi_streams_have(place->streams, job->features.path)) {
        SBI_TRY(sbi_job_verify_file(in->path, job->features.sha256));
        SBI_TRY(sbi_npy_map(&in->npy, ctx, in->path));
        return sbi_npy_array(in->npy, view);
    }
    SBI_TRY(sbi_job_open_columns(&in->file, ctx, place, job->features.path));
    SBI_TRY(sbi_column_file_check(in->file));
    *view = sbi_npy_header_view(sbi_column_file_header(in->file), in->file);
    return SBI_OK;
}

static sbi_status load_inputs(inputs *in, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    sbi_array view;
    in->path = sbi_job_path(ctx, place, job->features.path);
    if (!in->path) return SBI_ERR_NO_MEMORY;
    SBI_TRY(open_features(in, ctx, job, place, &view));
    SBI_TRY(sbi_features_view(&view, &in->features, in->path));
    SBI_TRY(load_members(&in->loaded, ctx, job, place));
    in->ens = in->loaded;
    return load_calibration(in, ctx, job, place);
}

/* The rows of the task alone. */
static sbi_status cut_rows(inputs *in, const sbi_job *job)
{
    sbi_array *features = &in->features;
    if (!job->rows) return SBI_OK;
    if (job->first_row + job->rows > features->shape[0])
        return sbi_fail(SBI_ERR_SHAPE, "job evaluate_columns: rows %" PRId64 " to %" PRId64 " of %" PRId64, job->first_row,
                        job->first_row + job->rows, features->shape[0]);
    if (in->file)
        in->file_offset = (uint64_t)(job->first_row * features->strides[0]);
    else
        features->data = (const char *)features->data + job->first_row * features->strides[0];
    features->shape[0] = job->rows;
    return SBI_OK;
}

static sbi_status evaluate(sbi_npy_output *out, const inputs *in, const sbi_job *job)
{
    char *data = sbi_npy_output_data(out);
    const sbi_ratio_job ratio = {
        .ens = in->ens,
        .features = in->features,
        .file = in->file,
        .file_offset = in->file_offset,
        .name = in->path ? in->path : "features",
        .log = job->output == SBI_RATIO_LOG,
        .dtype = job->dtype,
        .correction = job->correction,
        .calibration = in->calibration,
        .numerator = job->numerator,
        .denominator = job->denominator,
        .theta = job->n_theta ? job->theta : NULL,
        .n_theta = job->n_theta,
        .device = job->device,
        .ratio = data,
        .spread = job->spread ? data + in->features.shape[0] * (int64_t)sbi_dtype_size(job->dtype) : NULL,
        .report = 1,
    };
    return sbi_ratio_run(&ratio);
}

static sbi_status write_column(sbi_context *ctx, const inputs *in, const sbi_job *job, sbi_sink *sink)
{
    char *folder, *path;
    const int64_t shape[2] = {2, in->features.shape[0]};
    sbi_npy_output *out;
    SBI_TRY(sbi_job_scratch(ctx, &folder, &path, "column.npy"));
    sbi_status status = sbi_npy_output_open(&out, ctx, path, job->dtype, job->spread ? 2 : 1, job->spread ? shape : shape + 1);
    if (status == SBI_OK) {
        status = evaluate(out, in, job);
        if (status == SBI_OK) status = sbi_npy_output_commit(out);
        else sbi_npy_output_abandon(out);
    }
    if (status == SBI_OK) status = sbi_job_send_file(path, sink);
    sbi_job_scratch_remove(ctx, folder, path);
    return status;
}

sbi_status sbi_job_evaluate_columns(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                    const sbi_job_place *place, sbi_sink *sink)
{
    inputs in = {0};
    sbi_status status = SBI_OK;
    if (attachment && attachment->ensemble) {
        in.ens = attachment->ensemble;
        in.calibration = attachment->calibration;
        in.features = *attachment->features;
    } else {
        status = load_inputs(&in, ctx, job, place);
    }
    if (status == SBI_OK) status = cut_rows(&in, job);
    if (status == SBI_OK) status = write_column(ctx, &in, job, sink);
    close_inputs(ctx, &in);
    return status;
}
