/* SPDX-License-Identifier: Apache-2.0 */
/* resume, retry, cancel, logs: what needs the executor of the campaign. */
#include <stdlib.h>

#include "programs/campaign/campaign.h"

/* Opens to work in it. A folder that is no campaign's is not made one. */
static sbi_status open_campaign(const campaign_command *command, const sbi_campaign_options *options, sbi_campaign **out)
{
    sbi_status status = campaign_look(command, out);
    if (status != SBI_OK) return status;
    sbi_campaign_close(*out);
    return sbi_campaign_open(out, command->ctx, command->folder, options);
}

/* The executor that was asked for, or that of the last run. */
static sbi_status open_executor(const campaign_command *command, const sbi_campaign *c, sbi_executor **out)
{
    const char *name, *config;
    int32_t complete;
    *out = NULL;
    if (command->executor) return sbi_executor_open(out, command->ctx, command->executor, command->config);
    sbi_status status = sbi_campaign_executor(c, &name, &config, &complete);
    if (status != SBI_OK) return status;
    if (!name[0]) return sbi_executor_open(out, command->ctx, "local", command->config);
    if (command->config) return sbi_executor_open(out, command->ctx, name, command->config);
    if (!complete)
        return sbi_error_set(SBI_ERR_STATE, "the executor's configuration held what may be a secret and is not kept: give --config");
    return sbi_executor_open(out, command->ctx, name, config);
}

static int run(const campaign_command *command, int afresh)
{
    sbi_campaign *c = NULL;
    sbi_executor *exec = NULL;
    sbi_campaign_options o = command->options;
    o.keep_given_up = afresh && command->n_keys > 0;
    size_t changed = 0;
    sbi_status status = open_campaign(command, &o, &c);
    if (status == SBI_OK) status = open_executor(command, c, &exec);
    for (int i = 0; i < command->n_keys && status == SBI_OK; i++) {
        size_t index;
        status = campaign_find(c, command->keys[i], &index);
        if (status != SBI_OK) break;
        const sbi_campaign_report r = campaign_report(c, index);
        const char *key = r.key;
        size_t n = 0;
        status = sbi_campaign_retry(c, &key, 1, &n);
        changed += n;
    }
    if (status == SBI_OK && afresh && !command->n_keys) status = sbi_campaign_retry(c, NULL, 0, &changed);
    if (status == SBI_OK && afresh) fprintf(stderr, "%zu tasks are tried afresh\n", changed);
    if (status == SBI_OK) status = sbi_campaign_run(c, exec);
    const int code = status == SBI_OK ? EXIT_SUCCESS : campaign_fail(status);
    sbi_executor_close(exec);
    sbi_campaign_close(c);
    return code;
}

int campaign_resume(const campaign_command *command)
{
    return run(command, 0);
}

int campaign_retry(const campaign_command *command)
{
    return run(command, 1);
}

/* ---- cancel ---------------------------------------------------------------------------------------------------- */

#define CLIENT_SECONDS 30 /* for the client at work to end its run */

/* Nobody is at work: what an earlier client left running is stopped. */
static int stop(const campaign_command *command, sbi_campaign *c)
{
    sbi_executor *exec;
    sbi_status status = open_executor(command, c, &exec);
    if (status == SBI_OK) status = sbi_campaign_stop(c, exec);
    const int code = status == SBI_OK ? EXIT_SUCCESS : campaign_fail(status);
    sbi_executor_close(exec);
    sbi_campaign_close(c);
    return code;
}

int campaign_cancel(const campaign_command *command)
{
    sbi_campaign *c;
    sbi_status status = open_campaign(command, &command->options, &c);
    if (status == SBI_OK) return stop(command, c);
    if (status != SBI_ERR_STATE) return campaign_fail(status);
    status = sbi_campaign_cancel(command->ctx, command->folder);
    if (status != SBI_OK) return campaign_fail(status);
    for (double waited = 0; waited < CLIENT_SECONDS; waited += 0.1) {
        if (!campaign_wait(0.1)) return CAMPAIGN_FAILURE;
        status = sbi_campaign_open(&c, command->ctx, command->folder, &command->options);
        if (status == SBI_OK) {
            sbi_campaign_close(c);
            return EXIT_SUCCESS;
        }
    }
    fprintf(stderr, "sbi-campaign: the client was asked to stop; it still has the campaign open\n");
    return CAMPAIGN_FAILURE;
}

/* ---- logs ------------------------------------------------------------------------------------------------------ */

static sbi_status to_output(void *user, const void *data, size_t size)
{
    (void)user;
    return fwrite(data, 1, size, stdout) == size ? SBI_OK : sbi_error_set(SBI_ERR_IO, "standard output");
}

int campaign_logs(const campaign_command *command)
{
    sbi_campaign *c;
    sbi_executor *exec = NULL;
    size_t index;
    sbi_status status = campaign_look(command, &c);
    if (status != SBI_OK) return campaign_fail(status);
    status = campaign_find(c, command->keys[0], &index);
    if (status == SBI_OK) status = open_executor(command, c, &exec);
    if (status == SBI_OK) {
        const sbi_campaign_report r = campaign_report(c, index);
        sbi_sink sink = {(uint32_t)sizeof sink, 0, to_output, NULL};
        status = sbi_executor_log(exec, r.key, &sink);
    }
    const int code = status == SBI_OK ? EXIT_SUCCESS : campaign_fail(status);
    sbi_executor_close(exec);
    sbi_campaign_close(c);
    return code;
}
