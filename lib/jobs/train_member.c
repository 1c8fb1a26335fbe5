/* SPDX-License-Identifier: Apache-2.0 */
/* "train_member": data, options, member -> a network file. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "jobs/job.h"
#include "net/train.h"

enum { FEATURES, WEIGHTS, THETA, JOINT_RATIO, SCORE, TARGET, PATHS };

static sbi_status add_part(sbi_context *ctx, sbi_dataset *data, const sbi_job_part *part, const sbi_job_place *place)
{
    const char *const given[PATHS] = {part->features, part->weights, part->theta, part->joint_ratio, part->score, part->target};
    char *path[PATHS] = {NULL};
    sbi_status status = SBI_OK;
    for (int i = 0; i < PATHS && status == SBI_OK; i++)
        if (given[i] && !(path[i] = sbi_job_path(ctx, place, given[i]))) status = SBI_ERR_NO_MEMORY;
    sbi_event_files files = SBI_EVENT_FILES_INIT;
    files.features = path[FEATURES];
    files.weights = path[WEIGHTS];
    files.theta = path[THETA];
    files.joint_ratio = path[JOINT_RATIO];
    files.score = path[SCORE];
    files.target = path[TARGET];
    if (status == SBI_OK) status = sbi_dataset_add_files(data, part->side, &files);
    for (int i = 0; i < PATHS; i++) sbi_free(ctx, path[i]);
    return status;
}

/* Names of classes that differ from what they are called anyhow. */
static sbi_status name_classes(sbi_dataset *data, const sbi_job_names *names)
{
    for (size_t c = 0; c < names->n; c++)
        if (strcmp(names->list[c], sbi_dataset_class_name(data, (int32_t)c)) != 0)
            SBI_TRY(sbi_dataset_set_class_name(data, (int32_t)c, names->list[c]));
    return SBI_OK;
}

static sbi_status name_all(sbi_dataset *data, const sbi_job *job)
{
    if (job->names.n) SBI_TRY(sbi_dataset_set_feature_names(data, job->names.list, job->names.n));
    if (job->parameters.n) SBI_TRY(sbi_dataset_set_parameter_names(data, job->parameters.list, job->parameters.n));
    return name_classes(data, &job->classes);
}

static sbi_status load_data(sbi_dataset **out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    if (!job->n_parts)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "job train_member: its data were in memory elsewhere, and there are no files of it");
    sbi_dataset *data;
    SBI_TRY(sbi_dataset_create(&data, ctx));
    sbi_status status = sbi_dataset_set_weight_policy(data, job->weight_policy);
    for (size_t i = 0; i < job->n_parts && status == SBI_OK; i++) status = add_part(ctx, data, &job->parts[i], place);
    if (status == SBI_OK) status = name_all(data, job);
    if (status != SBI_OK) {
        sbi_dataset_destroy(data);
        return status;
    }
    *out = data;
    return SBI_OK;
}

static sbi_status check_data(sbi_dataset *data, const sbi_job *job)
{
    char hex[65];
    SBI_TRY(sbi_dataset_checksum(data, hex));
    if (strcmp(hex, job->data_sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "job train_member: the data have the checksum %s, the job says %s (first file: %s)", hex,
                    job->data_sha256, job->n_parts ? job->parts[0].features : "in memory");
}

static sbi_status send_network(sbi_context *ctx, const sbi_network *net, sbi_sink *sink)
{
    char *folder, *path;
    SBI_TRY(sbi_job_scratch(ctx, &folder, &path, "network.npz"));
    sbi_status status = sbi_network_save(net, path);
    if (status == SBI_OK) status = sbi_job_send_file(path, sink);
    sbi_job_scratch_remove(ctx, folder, path);
    return status;
}

static sbi_status train(sbi_context *ctx, const sbi_job *job, sbi_dataset *data, const sbi_job_place *place, sbi_sink *sink)
{
    char *checkpoint = NULL;
    if (place->checkpoint) {
        char name[64];
        snprintf(name, sizeof name, "member-%04d.checkpoint.npz", (int)job->member);
        checkpoint = sbi_path_join(ctx, place->checkpoint, name);
        if (!checkpoint) return SBI_ERR_NO_MEMORY;
    }
    sbi_network *net = NULL;
    sbi_status status = sbi_member_train(&net, ctx, data, &job->options, job->member, checkpoint, NULL);
    if (status == SBI_OK) status = send_network(ctx, net, sink);
    sbi_network_destroy(net);
    sbi_free(ctx, checkpoint);
    return status;
}

sbi_status sbi_job_train_member(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                const sbi_job_place *place, sbi_sink *sink)
{
    sbi_dataset *loaded = NULL, *data = attachment ? attachment->data : NULL;
    if (!data) SBI_TRY(load_data(&loaded, ctx, job, place));
    if (!data) data = loaded;
    sbi_status status = check_data(data, job);
    if (status == SBI_OK) status = train(ctx, job, data, place, sink);
    sbi_dataset_destroy(loaded);
    return status;
}
