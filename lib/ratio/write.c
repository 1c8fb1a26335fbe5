/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios from file to file, written in place to mapped outputs. */
#include "base/error.h"
#include "io/npy.h"
#include "net/dataset.h"
#include "ratio/ratio.h"

typedef struct outputs {
    sbi_npy_output *ratio, *spread, *members;
} outputs;

static sbi_status open_one(sbi_npy_output **out, void **data, sbi_context *ctx, const char *path, int32_t dtype, int32_t ndim,
                           const int64_t *shape)
{
    if (!path) return SBI_OK;
    SBI_TRY(sbi_npy_output_open(out, ctx, path, dtype, ndim, shape));
    *data = sbi_npy_output_data(*out);
    return SBI_OK;
}

static sbi_status commit_one(sbi_npy_output **out)
{
    sbi_npy_output *one = *out;
    *out = NULL;
    return one ? sbi_npy_output_commit(one) : SBI_OK;
}

/* The ratio last: who sees it may rely on the others. */
static sbi_status commit_all(outputs *o)
{
    SBI_TRY(commit_one(&o->members));
    SBI_TRY(commit_one(&o->spread));
    return commit_one(&o->ratio);
}

static sbi_status write_outputs(sbi_ratio_job *job, outputs *o, const char *ratio, const sbi_ratio_options *known)
{
    sbi_context *ctx = job->ens->ctx;
    const int64_t shape[2] = {job->features.shape[0], (int64_t)job->ens->n};
    SBI_TRY(open_one(&o->ratio, &job->ratio, ctx, ratio, known->dtype, 1, shape));
    SBI_TRY(open_one(&o->spread, &job->spread, ctx, known->spread, known->dtype, 1, shape));
    SBI_TRY(open_one(&o->members, &job->members, ctx, known->members, known->dtype, 2, shape));
    SBI_TRY(sbi_ratio_run(job));
    return commit_all(o);
}

sbi_status sbi_ratio_write(const sbi_ensemble *ens, const char *features, const char *ratio, const sbi_ratio_options *options)
{
    SBI_REQUIRE(ens && features && ratio, "sbi_ratio_write: ens, features or ratio is NULL");
    sbi_ratio_options known;
    SBI_TRY(sbi_ratio_options_read(&known, options));
    sbi_npy *npy;
    if (known.calibration) SBI_TRY(sbi_calibration_check(known.calibration, ens));
    SBI_TRY(sbi_npy_map(&npy, ens->ctx, features));
    sbi_ratio_job job = sbi_ratio_job_of(ens, &known);
    job.name = features;
    job.report = 1;
    outputs o = {0};
    sbi_array view;
    sbi_status status = sbi_npy_array(npy, &view);
    if (status == SBI_OK) status = sbi_features_view(&view, &job.features, features);
    if (status == SBI_OK) status = write_outputs(&job, &o, ratio, &known);
    sbi_npy_output_abandon(o.ratio);
    sbi_npy_output_abandon(o.spread);
    sbi_npy_output_abandon(o.members);
    sbi_npy_unmap(npy);
    return status;
}
