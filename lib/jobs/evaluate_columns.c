/* SPDX-License-Identifier: Apache-2.0 */
/* "evaluate_columns": network files and a file of features -> a .npy column. */
#include "base/error.h"
#include "base/memory.h"
#include "jobs/job.h"
#include "sbi/ratio.h"

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

static sbi_status write_column(sbi_context *ctx, const sbi_ensemble *ens, const sbi_job *job, const char *features,
                               sbi_sink *sink)
{
    char *folder, *path;
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.output = job->output;
    o.dtype = job->dtype;
    o.correction = job->correction;
    o.device = job->device;
    o.numerator = job->numerator;
    o.denominator = job->denominator;
    o.theta = job->n_theta ? job->theta : NULL;
    o.n_theta = job->n_theta;
    SBI_TRY(sbi_job_scratch(ctx, &folder, &path, "column.npy"));
    sbi_status status = sbi_ratio_write(ens, features, path, &o);
    if (status == SBI_OK) status = sbi_job_send_file(path, sink);
    sbi_job_scratch_remove(ctx, folder, path);
    return status;
}

sbi_status sbi_job_evaluate_columns(sbi_context *ctx, const sbi_job *job, const sbi_job_place *place, sbi_sink *sink)
{
    char *features = sbi_job_path(ctx, place, job->features.path);
    if (!features) return SBI_ERR_NO_MEMORY;
    sbi_ensemble *ens = NULL;
    sbi_status status = sbi_job_verify_file(features, job->features.sha256);
    if (status == SBI_OK) status = load_members(&ens, ctx, job, place);
    if (status == SBI_OK) status = write_column(ctx, ens, job, features, sink);
    sbi_ensemble_destroy(ens);
    sbi_free(ctx, features);
    return status;
}
