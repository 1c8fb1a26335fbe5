/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces that makers of evaluation and training tasks share. */
#ifndef SBI_JOBS_COLUMNS_H
#define SBI_JOBS_COLUMNS_H

#include "io/json.h"
#include "jobs/job.h"
#include "net/dataset.h"
#include "sbi/campaign.h"
#include "sbi/columns.h"

/* The options, checked; events_a_task is rounded. */
sbi_status sbi_columns_options_read(sbi_columns_options *known, const sbi_columns_options *user);

/* A path that means the same in another working directory; ensemble.c. NULL: out of memory. */
json_t *sbi_jobs_absolute(const char *path);
/* The "data" of a train_member spec; ensemble.c. NULL: out of memory. */
json_t *sbi_jobs_describe_data(const sbi_dataset *data, const char *sha256);
/* Adds the training of a member, and reads its network once it is done; ensemble.c. */
/* Adds to the spec of a training what its result does not depend on, where it is not as usual: the device, memory for events, how often there is a
 * checkpoint. 0: out of memory. */
int sbi_jobs_say_how(json_t *json, const sbi_train_options *options, const char *device);
sbi_status sbi_jobs_add_member(sbi_campaign *campaign, sbi_context *ctx, const sbi_train_options *known, json_t *described, int32_t member,
                               const sbi_job_attachment *attachment, char key[SBI_TASK_KEY_MAX + 1]);
sbi_status sbi_jobs_load_member(sbi_network **out, sbi_campaign *campaign, sbi_context *ctx, const char *key);

#endif
