/* SPDX-License-Identifier: Apache-2.0 */
/* Running a search: rung after rung, each the tasks of all brackets that are in it, in one campaign. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "exec/local.h"
#include "io/npz.h"
#include "jobs/collect.h"
#include "jobs/columns.h"
#include "jobs/search.h"
#include "net/network.h"
#include "net/train.h"

/* ---- places ---- */

/* Folders of a trial for checkpoints and epoch logs. */
static sbi_status make_folder(sbi_search *s, sbi_search_one *one, sbi_dataset *data, const sbi_executor_caps *caps)
{
    const char *base = s->campaign_folder ? s->campaign_folder : s->epoch_log;
    char name[40];
    one->attachment.data = data;
    if (!base || !caps->in_process) return SBI_OK;
    snprintf(name, sizeof name, "trials/%04zu", (size_t)(one - s->trials));
    if (!one->folder && !(one->folder = sbi_path_join(s->ctx, base, name))) return SBI_ERR_NO_MEMORY;
    if (s->campaign_folder) {
        SBI_TRY(sbi_path_make_folder(s->ctx, one->folder));
        one->attachment.folder = one->folder;
    }
    one->attachment.epoch_log = one->folder;
    return SBI_OK;
}

static sbi_status make_scratch(sbi_search *s)
{
    char *unused;
    if (s->campaign_folder || s->scratch || s->n_rungs == 1) return SBI_OK;
    SBI_TRY(sbi_job_scratch(s->ctx, &s->scratch, &unused, "unused"));
    sbi_free(s->ctx, unused);
    return SBI_OK;
}

/* Where the result of a task is as a file: in the campaign, or a copy of ours. */
static sbi_status result_path(const sbi_search *s, const char *key, char **out)
{
    char name[SBI_TASK_KEY_MAX + 16];
    *out = NULL;
    if (!s->campaign_folder) return (*out = sbi_path_join(s->ctx, s->scratch, key)) ? SBI_OK : SBI_ERR_NO_MEMORY;
    snprintf(name, sizeof name, "results/%s", key);
    char *real = realpath(s->campaign_folder, NULL);
    *out = sbi_path_join(s->ctx, real ? real : s->campaign_folder, name);
    free(real);
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void remove_copy(const sbi_search *s, const char *key)
{
    char *path = s->scratch && key[0] ? sbi_path_join(s->ctx, s->scratch, key) : NULL;
    if (path) unlink(path);
    sbi_free(s->ctx, path);
}

/* ---- tasks ---- */

static sbi_status add_from(const sbi_search *s, json_t *json, const char *key)
{
    size_t index;
    char *path;
    sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
    SBI_TRY(sbi_campaign_index(s->campaign, key, &index));
    SBI_TRY(sbi_campaign_report_get(s->campaign, index, &r));
    SBI_TRY(result_path(s, key, &path));
    json_t *from = json_pack("{s:s, s:s}", "path", path, "sha256", r.sha256);
    sbi_free(s->ctx, path);
    return !from || json_object_set_new(json, "from", from) ? sbi_fail(SBI_ERR_NO_MEMORY, "search: out of memory") : SBI_OK;
}

static sbi_status add_member(sbi_search *s, sbi_search_one *one, size_t member, int32_t rung)
{
    sbi_search_member *m = &one->members[member];
    json_t *options = sbi_train_options_to_json(&one->options);
    if (!options) return sbi_fail(SBI_ERR_NO_MEMORY, "search: out of memory");
    /* Without rungs the epochs may be those of the trial. */
    const int until = s->n_rungs == 1 ? one->options.epochs : s->rungs[rung];
    json_t *json = json_pack("{s:s, s:i, s:i, s:i, s:o, s:O}", "job", "train_trial", "version", SBI_JOB_VERSION, "member", (int)member, "until",
                             until, "options", options, "data", s->described);
    sbi_status status = json ? SBI_OK : sbi_fail(SBI_ERR_NO_MEMORY, "search: out of memory");
    if (status == SBI_OK && !sbi_jobs_say_how(json, &one->options, s->device))
        status = sbi_fail(SBI_ERR_NO_MEMORY, "search: out of memory");
    if (status == SBI_OK && one->rungs > 0) status = add_from(s, json, m->key);
    if (status == SBI_OK) return sbi_jobs_add(s->campaign, s->ctx, json, &one->attachment, m->key);
    json_decref(json);
    return status;
}

/* ---- results ---- */

static sbi_status keep_copy(const sbi_search *s, const char *key, const sbi_text *bytes)
{
    if (!s->scratch) return SBI_OK;
    char *path = sbi_path_join(s->ctx, s->scratch, key);
    sbi_status status = path ? sbi_file_write(s->ctx, path, bytes->data, bytes->size) : SBI_ERR_NO_MEMORY;
    sbi_free(s->ctx, path);
    return status;
}

static sbi_status collect_member(sbi_search *s, sbi_search_one *one, size_t member)
{
    sbi_search_member *m = &one->members[member];
    size_t index;
    sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
    SBI_TRY(sbi_campaign_index(s->campaign, m->key, &index));
    SBI_TRY(sbi_campaign_report_get(s->campaign, index, &r));
    one->seconds += r.seconds;
    if (r.state != SBI_TASK_DONE) {
        one->state = SBI_TRIAL_FAILED;
        one->status = r.status < 0 ? r.status : SBI_ERR_TASK_FAILED;
        snprintf(one->message, sizeof one->message, "%.255s", r.message[0] ? r.message : sbi_task_state_name(r.state));
        return SBI_OK;
    }
    sbi_text bytes;
    sbi_text_init(&bytes, s->ctx);
    sbi_status status = sbi_jobs_result(s->campaign, m->key, &bytes);
    if (status == SBI_OK) status = sbi_search_read_result(s->ctx, bytes.data, bytes.size, m->key, m, one->message);
    if (status == SBI_OK) status = keep_copy(s, m->key, &bytes);
    sbi_text_clear(&bytes);
    return status;
}

static sbi_status collect_trial(sbi_search *s, sbi_search_one *one, int32_t rung)
{
    for (size_t m = 0; m < s->members; m++) SBI_TRY(collect_member(s, one, m));
    if (one->state == SBI_TRIAL_FAILED) return SBI_OK;
    one->rungs++;
    one->epochs = s->n_rungs == 1 ? one->options.epochs : s->rungs[rung];
    sbi_search_judge(s, one);
    return SBI_OK;
}

sbi_status sbi_search_read_network(const sbi_search *s, size_t trial, size_t member, sbi_network **out)
{
    const sbi_search_member *m = &s->trials[trial].members[member];
    sbi_text bytes;
    sbi_npz *npz = NULL;
    void *network = NULL;
    size_t size = 0;
    sbi_text_init(&bytes, s->ctx);
    sbi_status status = sbi_jobs_result(s->campaign, m->key, &bytes);
    if (status == SBI_OK) status = sbi_npz_open_memory(&npz, s->ctx, bytes.data, bytes.size, m->key);
    if (status == SBI_OK) status = sbi_npz_read_bytes(npz, "network.npz", &network, &size);
    if (status == SBI_OK) status = sbi_network_load_memory(out, s->ctx, network, size, m->key);
    sbi_free(s->ctx, network);
    sbi_npz_close(npz);
    sbi_text_clear(&bytes);
    return status;
}

/* ---- waves ---- */

typedef enum part { PART_ADD, PART_COLLECT } part;

/* The trials of a bracket that are in its k-th rung. Copies of states that were used up are removed. */
static sbi_status each_trial(sbi_search *s, const sbi_search_bracket *b, int32_t k, part what)
{
    for (size_t i = b->first; i < b->first + b->n; i++) {
        sbi_search_one *one = &s->trials[i];
        if (one->state != SBI_TRIAL_PLANNED) continue;
        if (what == PART_COLLECT) {
            SBI_TRY(collect_trial(s, one, b->rung + k));
            continue;
        }
        for (size_t m = 0; m < s->members; m++) SBI_TRY(add_member(s, one, m, b->rung + k));
    }
    return SBI_OK;
}

static sbi_status write_leaderboard(const sbi_search *s)
{
    if (!s->campaign_folder) return SBI_OK;
    char *path = sbi_path_join(s->ctx, s->campaign_folder, "leaderboard.json");
    sbi_status status = path ? sbi_search_write(s, path) : SBI_ERR_NO_MEMORY;
    sbi_free(s->ctx, path);
    return status;
}

static sbi_status run_wave(sbi_search *s, int32_t k, sbi_executor *exec)
{
    for (int32_t b = 0; b < s->n_brackets; b++)
        if (s->brackets[b].rung + k < s->n_rungs) SBI_TRY(each_trial(s, &s->brackets[b], k, PART_ADD));
    sbi_status status = sbi_campaign_run(s->campaign, exec);
    if (status != SBI_OK && status != SBI_ERR_TASK_FAILED) return status;
    for (int32_t b = 0; b < s->n_brackets; b++) {
        if (s->brackets[b].rung + k >= s->n_rungs) continue;
        SBI_TRY(each_trial(s, &s->brackets[b], k, PART_COLLECT));
        SBI_TRY(sbi_search_promote(s, &s->brackets[b], k));
    }
    sbi_search_rank(s);
    return write_leaderboard(s);
}

/* As if nothing had been run: the campaign knows what was, and gives it again. */
static void forget(sbi_search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        sbi_search_one *one = &s->trials[i];
        if (one->state == SBI_TRIAL_INVALID) continue;
        one->state = SBI_TRIAL_PLANNED;
        one->rungs = one->epochs = 0;
        one->seconds = 0;
        one->status = SBI_OK;
        one->message[0] = '\0';
        memset(one->members, 0, s->members * sizeof *one->members);
    }
}

static sbi_status outcome(const sbi_search *s)
{
    const sbi_search_one *best = s->order[0];
    if (best->state == SBI_TRIAL_DONE) return SBI_OK;
    return sbi_fail(best->state == SBI_TRIAL_DIVERGED ? SBI_ERR_DIVERGED : best->status < 0 ? best->status : SBI_ERR_INTERNAL,
                    "search: no trial came to its end: trial %d: %s", (int)(best - s->trials), best->message);
}

static sbi_status run(sbi_search *s, sbi_dataset *data, sbi_executor *exec)
{
    sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
    char sha256[65];
    SBI_TRY(sbi_executor_capabilities(exec, &caps));
    SBI_TRY(sbi_dataset_checksum(data, sha256));
    json_decref(s->described);
    s->described = sbi_jobs_describe_data(data, sha256);
    if (!s->described) return sbi_fail(SBI_ERR_NO_MEMORY, "search: out of memory");
    if (!caps.in_process && !json_object_get(s->described, "parts"))
        return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_search_run: the executor \"%s\" needs datasets in files, some of this one is in memory",
                        caps.name);
    SBI_TRY(make_scratch(s));
    for (size_t i = 0; i < s->n; i++) SBI_TRY(make_folder(s, &s->trials[i], data, &caps));
    forget(s);
    for (int32_t k = 0; k < s->n_rungs; k++) SBI_TRY(run_wave(s, k, exec));
    return outcome(s);
}

static sbi_status open_campaign(sbi_search *s, int here)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    if (here) o.max_attempts = 1;
    o.max_failures = SBI_SEARCH_MOST_TRAININGS; /* trials do not depend on each other */
    return s->campaign ? SBI_OK : sbi_campaign_open(&s->campaign, s->ctx, s->campaign_folder, &o);
}

/* Trials that are trained here: side by side if all are small, as members of an ensemble are. */
static sbi_status open_here(const sbi_search *s, const sbi_dataset *data, sbi_executor **used, sbi_executor **owned)
{
    int together = !s->ctx->options.parallel_for;
    for (size_t i = 0; i < s->n && together; i++)
        together = s->trials[i].state == SBI_TRIAL_INVALID || sbi_members_are_small(&s->trials[i].options, data);
    if (!together) return sbi_jobs_executor(used, owned, s->ctx, NULL);
    SBI_TRY(sbi_local_open(owned, s->ctx, 0, sbi_job_run_local, NULL));
    *used = *owned;
    return SBI_OK;
}

sbi_status sbi_search_run(sbi_search *s, sbi_dataset *data, sbi_executor *exec)
{
    SBI_REQUIRE(s && data, "sbi_search_run: search or data is NULL");
    SBI_TRY(sbi_dataset_check_sides(data));
    sbi_executor *used = NULL, *owned = NULL;
    sbi_member_devices *devices = NULL; /* of devices, over which trials go */
    sbi_status status = open_campaign(s, !exec);
    if (status == SBI_OK && sbi_member_devices_are_several(s->device)) status = sbi_member_devices_open(&devices, s->ctx, s->device, INT32_MAX);
    for (size_t i = 0; i < s->n; i++) s->trials[i].attachment.devices = devices;
    if (status == SBI_OK) status = exec ? sbi_jobs_executor(&used, &owned, s->ctx, exec) : open_here(s, data, &used, &owned);
    if (status == SBI_OK) status = run(s, data, used);
    sbi_executor_close(owned);
    for (size_t i = 0; i < s->n; i++) s->trials[i].attachment.devices = NULL;
    sbi_member_devices_close(devices);
    for (size_t i = 0; s->scratch && i < s->n; i++)
        for (size_t m = 0; m < s->members; m++) remove_copy(s, s->trials[i].members[m].key);
    return status;
}
