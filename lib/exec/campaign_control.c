/* SPDX-License-Identifier: Apache-2.0 */
/* What one may want of a campaign besides running it: tasks tried afresh, the client at work asked to stop. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "exec/campaign_internal.h"

sbi_status sbi_campaign_executor(const sbi_campaign *c, const char **name, const char **config, int32_t *complete)
{
    SBI_REQUIRE(c && name && config && complete, "sbi_campaign_executor: an argument is NULL");
    *name = c->executor ? c->executor : "";
    *config = c->config ? c->config : "{}";
    *complete = c->executor ? c->complete : 1;
    return SBI_OK;
}

/* ---- trying afresh --------------------------------------------------------------------------------------------- */

static sbi_status retry_one(sbi_campaign *c, size_t index, int named, size_t *changed)
{
    sbi_campaign_task *t = c->tasks[index];
    if (t->phase == SBI_PHASE_GIVEN_UP) {
        SBI_TRY(sbi_campaign_record_again(c, index));
    } else if (named && t->phase == SBI_PHASE_DONE) {
        char *path = c->folder ? sbi_path_join(c->ctx, c->results, t->key) : NULL;
        if (c->folder && !path) return SBI_ERR_NO_MEMORY;
        sbi_status status = SBI_OK;
        /* The result first: one without its record would be taken in again. */
        if (path && unlink(path) && errno != ENOENT) status = sbi_fail_errno(errno, "%s", path);
        sbi_free(c->ctx, path);
        if (status == SBI_OK) status = sbi_campaign_record_undone(c, index);
        if (status != SBI_OK) return status;
        sbi_text_clear(&t->result);
    } else {
        return SBI_OK;
    }
    (*changed)++;
    return SBI_OK;
}

sbi_status sbi_campaign_retry(sbi_campaign *c, const char *const *keys, size_t n, size_t *changed)
{
    size_t count = 0, index;
    SBI_REQUIRE(c, "sbi_campaign_retry: campaign is NULL");
    SBI_REQUIRE(keys || !n, "sbi_campaign_retry: keys is NULL");
    if (changed) *changed = 0;
    if (c->options.read_only) return sbi_fail(SBI_ERR_STATE, "%s: the campaign is open read-only", c->folder);
    for (size_t i = 0; i < n; i++) SBI_TRY(sbi_campaign_index(c, keys[i], &index));
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        status = sbi_campaign_index(c, keys[i], &index);
        if (status == SBI_OK) status = retry_one(c, index, 1, &count);
    }
    for (size_t i = 0; !n && i < c->n_tasks && status == SBI_OK; i++) status = retry_one(c, i, 0, &count);
    if (status == SBI_OK) status = sbi_journal_flush(&c->journal, 1);
    if (changed) *changed = count;
    return status;
}

/* ---- asking to stop -------------------------------------------------------------------------------------------- */

#define CANCEL_FILE "cancel"

sbi_status sbi_campaign_cancel(sbi_context *ctx, const char *folder)
{
    SBI_REQUIRE(ctx, "sbi_campaign_cancel: ctx is NULL");
    SBI_REQUIRE(folder && *folder, "sbi_campaign_cancel: folder is NULL or empty");
    char *path = sbi_path_join(ctx, folder, CANCEL_FILE);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        status = sbi_fail_errno(errno, "%s", path);
    else
        close(fd);
    sbi_free(ctx, path);
    return status;
}

int sbi_campaign_cancel_asked(const sbi_campaign *c)
{
    return c->cancel && access(c->cancel, F_OK) == 0;
}

void sbi_campaign_forget_cancel(sbi_campaign *c)
{
    if (c->cancel) unlink(c->cancel);
}
