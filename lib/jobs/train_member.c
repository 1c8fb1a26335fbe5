/* SPDX-License-Identifier: Apache-2.0 */
/* "train_member": data, options, member -> a network file. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "jobs/job.h"
#include "net/train.h"

static sbi_status send_network(sbi_context *ctx, const sbi_network *net, sbi_sink *sink)
{
    char *folder, *path;
    SBI_TRY(sbi_job_scratch(ctx, &folder, &path, "network.npz"));
    sbi_status status = sbi_network_save(net, path);
    if (status == SBI_OK) status = sbi_job_send_file(path, sink);
    sbi_job_scratch_remove(ctx, folder, path);
    return status;
}

sbi_status sbi_job_checkpoint_path(char **out, sbi_context *ctx, const sbi_job *job, const sbi_job_place *place)
{
    *out = NULL;
    if (!place->checkpoint) return SBI_OK;
    char name[64];
    snprintf(name, sizeof name, "member-%04d.checkpoint.npz", (int)job->member);
    *out = sbi_path_join(ctx, place->checkpoint, name);
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status train(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment, sbi_dataset *data,
                        const sbi_job_place *place, sbi_sink *sink)
{
    char *checkpoint;
    SBI_TRY(sbi_job_checkpoint_path(&checkpoint, ctx, job, place));
    const char *own = attachment ? attachment->epoch_log : NULL;
    const sbi_member_run run = {.checkpoint = checkpoint, .epoch_log = own ? own : place->checkpoint};
    sbi_network *net = NULL;
    sbi_status status = sbi_member_train_on(&net, ctx, data, &job->options, job->member, &run, attachment ? attachment->devices : NULL);
    if (status == SBI_OK) status = send_network(ctx, net, sink);
    sbi_network_destroy(net);
    sbi_free(ctx, checkpoint);
    return status;
}

sbi_status sbi_job_train_member(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment,
                                const sbi_job_place *place, sbi_sink *sink)
{
    sbi_dataset *loaded, *data;
    sbi_status status = sbi_job_find_data(&data, &loaded, ctx, job, attachment, place);
    if (status == SBI_OK) status = train(ctx, job, attachment, data, place, sink);
    sbi_dataset_destroy(loaded);
    return status;
}
