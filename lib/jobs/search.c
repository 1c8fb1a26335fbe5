/* SPDX-License-Identifier: Apache-2.0 */
/* What a search tells. */
#include "jobs/search.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/train.h"

void sbi_search_destroy(sbi_search *s)
{
    if (!s) return;
    sbi_context *ctx = s->ctx;
    sbi_campaign_close(s->campaign);
    json_decref(s->described);
    for (size_t i = 0; s->trials && i < s->n; i++) sbi_free(ctx, s->trials[i].folder);
    sbi_job_scratch_remove(ctx, s->scratch, NULL);
    sbi_search_free_ranges(ctx, s->ranges, (size_t)s->options.n_ranges);
    sbi_free(ctx, s->trials);
    sbi_free(ctx, s->values);
    sbi_free(ctx, s->of_members);
    sbi_free(ctx, s->order);
    sbi_free(ctx, s->campaign_folder);
    sbi_free(ctx, s->device);
    sbi_free(ctx, s->epoch_log);
    sbi_free(ctx, s);
}

size_t sbi_search_trials(const sbi_search *s)
{
    return s ? s->n : 0;
}

static sbi_status check_index(const sbi_search *s, size_t index, const char *function)
{
    SBI_REQUIRE(s, "%s: search is NULL", function);
    if (index >= s->n) return sbi_fail(SBI_ERR_NOT_FOUND, "%s: trial %zu of %zu", function, index, s->n);
    return SBI_OK;
}

/* Copies what the caller's struct has room for; bytes that we do not know become zero. */
static sbi_status give(void *out, const void *full, size_t known, const char *function)
{
    uint32_t size;
    SBI_REQUIRE(out, "%s: the struct is NULL", function);
    memcpy(&size, out, sizeof size);
    if (size < sizeof size || size > 4096) return sbi_fail(SBI_ERR_ABI, "%s: struct_size is %u", function, (unsigned)size);
    if (size > known) memset((char *)out + known, 0, size - known);
    memcpy(out, full, size < known ? size : known);
    memcpy(out, &size, sizeof size);
    return SBI_OK;
}

sbi_status sbi_search_trial_get(const sbi_search *s, size_t index, sbi_search_trial *out)
{
    SBI_TRY(check_index(s, index, "sbi_search_trial_get"));
    const sbi_search_one *one = &s->trials[index];
    sbi_search_trial t = {
        .struct_size = (uint32_t)sizeof t,
        .state = one->state,
        .rank = one->rank,
        .bracket = one->bracket,
        .rungs = one->rungs,
        .epochs = one->epochs,
        .diverged_member = -1,
        .parameters = one->members[0].parameters,
        .loss = one->loss,
        .spread = one->spread,
        .score = one->score,
        .seconds = one->seconds,
    };
    memcpy(t.message, one->message, sizeof t.message);
    for (size_t m = 0; m < s->members; m++) {
        const sbi_search_member *member = &one->members[m];
        if (member->attempts > t.attempts) t.attempts = member->attempts;
        if (!member->diverged_epoch || t.diverged_member >= 0) continue;
        t.diverged_member = (int32_t)m;
        t.diverged_epoch = member->diverged_epoch;
        t.diverged_batch = member->diverged_batch;
    }
    return give(out, &t, sizeof t, "sbi_search_trial_get");
}

sbi_status sbi_search_ranked(const sbi_search *s, size_t rank, size_t *index)
{
    SBI_TRY(check_index(s, rank, "sbi_search_ranked"));
    SBI_REQUIRE(index, "sbi_search_ranked: index is NULL");
    *index = (size_t)(s->order[rank] - s->trials);
    return SBI_OK;
}

sbi_status sbi_search_trial_options(const sbi_search *s, size_t index, sbi_train_options *options)
{
    SBI_TRY(check_index(s, index, "sbi_search_trial_options"));
    return give(options, &s->trials[index].options, sizeof *options, "sbi_search_trial_options");
}

static sbi_status best_of(const sbi_search *s, size_t *index)
{
    SBI_REQUIRE(s, "sbi_search_best_options: search is NULL");
    *index = (size_t)(s->order[0] - s->trials);
    if (s->order[0]->state != SBI_TRIAL_DONE) return sbi_fail(SBI_ERR_STATE, "search: no trial was trained to the end");
    return SBI_OK;
}

sbi_status sbi_search_best_options(const sbi_search *s, sbi_train_options *options)
{
    size_t index = 0;
    SBI_TRY(best_of(s, &index));
    return sbi_search_trial_options(s, index, options);
}

sbi_status sbi_search_ensemble(sbi_ensemble **out, const sbi_search *s, size_t index)
{
    SBI_REQUIRE(out, "sbi_search_ensemble: out is NULL");
    *out = NULL;
    SBI_TRY(check_index(s, index, "sbi_search_ensemble"));
    if (s->trials[index].state != SBI_TRIAL_DONE)
        return sbi_fail(SBI_ERR_STATE, "sbi_search_ensemble: trial %zu was not trained to the end", index);
    sbi_network **networks = sbi_alloc_zero(s->ctx, s->members, sizeof *networks);
    sbi_status status = networks ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t m = 0; m < s->members && status == SBI_OK; m++) status = sbi_search_read_network(s, index, m, &networks[m]);
    if (status == SBI_OK) status = sbi_ensemble_create(out, s->ctx, networks, s->members);
    for (size_t m = 0; networks && m < s->members; m++) sbi_network_destroy(networks[m]);
    sbi_free(s->ctx, networks);
    return status;
}
