/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/collect.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "exec/campaign.h"
#include "exec/local.h"
#include "jobs/job.h"

sbi_status sbi_jobs_executor(sbi_executor **exec, sbi_executor **owned, sbi_context *ctx, sbi_executor *given)
{
    *owned = NULL;
    *exec = given;
    if (given) return SBI_OK;
    SBI_TRY(sbi_local_open(owned, ctx, 1, sbi_job_run_local, NULL));
    *exec = *owned;
    return SBI_OK;
}

sbi_status sbi_jobs_add(sbi_campaign *campaign, sbi_context *ctx, json_t *json, const void *attachment,
                        char key[SBI_TASK_KEY_MAX + 1])
{
    sbi_job_spec spec;
    const char *kind = json_string_value(json_object_get(json, "job"));
    char stage[64];
    snprintf(stage, sizeof stage, "%s", kind ? kind : "");
    SBI_TRY(sbi_job_spec_make(&spec, ctx, json));
    memcpy(key, spec.key, sizeof spec.key);
    sbi_task task = SBI_TASK_INIT;
    task.key = spec.key;
    task.spec = spec.text.data;
    task.spec_size = spec.text.size;
    task.attachment = attachment;
    task.stage = stage;
    sbi_status status = sbi_campaign_add_moved(campaign, &task, NULL);
    sbi_text_clear(&spec.text);
    return status;
}

/* What the first task that was given up failed of, if it ran and failed by itself, for good or for now. */
static sbi_status own_failure(const sbi_campaign *campaign)
{
    for (size_t i = 0; i < sbi_campaign_count(campaign); i++) {
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        SBI_TRY(sbi_campaign_report_get(campaign, i, &r));
        if (!r.given_up) continue;
        if (r.status < 0 && (r.state == SBI_TASK_FAILED || r.state == SBI_TASK_OUT_OF_MEMORY || r.state == SBI_TASK_TRANSIENT))
            return sbi_fail(r.status, "%s", r.message);
        break;
    }
    return SBI_ERR_TASK_FAILED;
}

sbi_status sbi_jobs_run(sbi_campaign *campaign, sbi_executor *exec)
{
    sbi_status status = sbi_campaign_run(campaign, exec);
    return status == SBI_ERR_TASK_FAILED ? own_failure(campaign) : status;
}

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text *text = user;
    sbi_text_add(text, data, size);
    return text->status;
}

sbi_status sbi_jobs_result(sbi_campaign *campaign, const char *key, sbi_text *text)
{
    sbi_sink sink = {(uint32_t)sizeof sink, 0, append, text};
    return sbi_campaign_result(campaign, key, &sink);
}
