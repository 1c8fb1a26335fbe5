/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_ensemble_train(): one task a member. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/error.h"
#include "base/memory.h"
#include "exec/local.h"
#include "jobs/collect.h"
#include "jobs/columns.h"
#include "jobs/job.h"
#include "net/json_values.h"
#include "net/loss.h"
#include "net/train.h"

/* A path that means the same in another working directory. */
json_t *sbi_jobs_absolute(const char *path)
{
    char *real = realpath(path, NULL);
    json_t *json = json_string(real ? real : path);
    free(real);
    return json;
}

/* 1 if all of a part came from files. */
static int is_in_files(const sbi_dataset_part *p)
{
    for (int e = 0; e < SBI_EXTRAS; e++)
        if (p->extra[e].view.ndim && !p->extra[e].path) return 0;
    return p->feature_path && (!p->weights.ndim || p->weight_path);
}

static json_t *describe_part(const sbi_dataset_part *p)
{
    static const char *const keys[SBI_EXTRAS] = {"theta", "joint_ratio", "score", "target"};
    json_t *part = json_pack("{s:s, s:o}", "side", sbi_class_name(p->side), "features", sbi_jobs_absolute(p->feature_path));
    if (part && p->weight_path) json_object_set_new(part, "weights", sbi_jobs_absolute(p->weight_path));
    for (int e = 0; e < SBI_EXTRAS && part; e++)
        if (p->extra[e].path) json_object_set_new(part, keys[e], sbi_jobs_absolute(p->extra[e].path));
    return part;
}

/* The files that a dataset was made of; NULL where some of it was in memory. */
static json_t *describe_parts(const sbi_dataset *data)
{
    for (size_t i = 0; i < data->n_parts; i++)
        if (!is_in_files(&data->parts[i])) return NULL;
    json_t *parts = json_array();
    for (size_t i = 0; i < data->n_parts; i++) json_array_append_new(parts, describe_part(&data->parts[i]));
    return parts;
}

static json_t *describe_names(char **names, int64_t n)
{
    if (!names) return NULL;
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++) json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *describe_classes(const sbi_dataset *data)
{
    int named = 0;
    for (int32_t c = 0; c < data->classes; c++) named |= data->class_names[c] != NULL;
    if (!named) return NULL;
    json_t *list = json_array();
    for (int32_t c = 0; c < data->classes; c++) json_array_append_new(list, json_string(sbi_dataset_class_name(data, c)));
    return list;
}

/* Takes `value`; NULL is left out. */
static void add_if_there(json_t *json, const char *key, json_t *value)
{
    if (value) json_object_set_new(json, key, value);
}

json_t *sbi_jobs_describe_data(const sbi_dataset *data, const char *sha256)
{
    json_t *json = json_pack("{s:s, s:s}", "sha256", sha256, "negative_weights",
                             data->policy == SBI_WEIGHTS_ALLOW_NEGATIVE ? "allow_negative" : "refuse_negative");
    if (!json) return NULL;
    json_t *transforms = data->transforms ? sbi_transforms_to_json(data->transforms) : NULL;
    if (data->transforms && (!transforms || json_object_set_new(json, "transforms", transforms))) {
        json_decref(json);
        return NULL;
    }
    add_if_there(json, "parts", describe_parts(data));
    add_if_there(json, "names", describe_names(data->names, data->d));
    add_if_there(json, "parameters", describe_names(data->parameter_names, data->extra_columns[SBI_EXTRA_THETA]));
    add_if_there(json, "classes", describe_classes(data));
    return json;
}

typedef struct training {
    sbi_context *ctx;
    sbi_dataset *data;
    sbi_train_options options;
    sbi_campaign *campaign;
    json_t *described;
    sbi_job_attachment attachment;
    char (*keys)[SBI_TASK_KEY_MAX + 1];
    sbi_network **networks;
    sbi_member_devices *devices; /* devices that are not the cpu */
} training;

int sbi_jobs_say_how(json_t *json, const sbi_train_options *options, const char *device)
{
    const sbi_train_options usual = SBI_TRAIN_OPTIONS_INIT;
    int failed = 0;
    if (device && strcmp(device, "cpu") != 0) failed |= json_object_set_new(json, "device", json_string(device));
    if (options->memory) failed |= json_object_set_new(json, "memory", sbi_json_from_u64(options->memory));
    if (options->checkpoint_seconds != usual.checkpoint_seconds)
        failed |= json_object_set_new(json, "checkpoint_seconds", json_real(options->checkpoint_seconds));
    return !failed;
}

sbi_status sbi_jobs_add_member(sbi_campaign *campaign, sbi_context *ctx, const sbi_train_options *known, json_t *described, int32_t member,
                               const sbi_job_attachment *attachment, char key[SBI_TASK_KEY_MAX + 1])
{
    json_t *options = sbi_train_options_to_json(known);
    if (!options) return sbi_fail(SBI_ERR_NO_MEMORY, "training: out of memory");
    json_t *json = json_pack("{s:s, s:i, s:i, s:o, s:O}", "job", "train_member", "version", SBI_JOB_VERSION, "member",
                             (int)member, "options", options, "data", described);
    if (json && !sbi_jobs_say_how(json, known, known->device)) {
        json_decref(json);
        json = NULL;
    }
    return sbi_jobs_add(campaign, ctx, json, attachment, key);
}

static sbi_status add_member(training *t, int32_t member)
{
    return sbi_jobs_add_member(t->campaign, t->ctx, &t->options, t->described, member, &t->attachment, t->keys[member]);
}

sbi_status sbi_jobs_load_member(sbi_network **out, sbi_campaign *campaign, sbi_context *ctx, const char *key)
{
    sbi_text bytes;
    sbi_text_init(&bytes, ctx);
    sbi_status status = sbi_jobs_result(campaign, key, &bytes);
    if (status == SBI_OK) status = sbi_network_load_memory(out, ctx, bytes.data, bytes.size, key);
    sbi_text_clear(&bytes);
    return status;
}

static sbi_status train_members(training *t, sbi_executor *exec)
{
    sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
    char sha256[65];
    SBI_TRY(sbi_executor_capabilities(exec, &caps));
    SBI_TRY(sbi_dataset_checksum(t->data, sha256));
    t->described = sbi_jobs_describe_data(t->data, sha256);
    if (!t->described) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_ensemble_train: out of memory");
    if (!caps.in_process && !caps.stages && !json_object_get(t->described, "parts"))
        return sbi_fail(SBI_ERR_UNSUPPORTED,
                        "sbi_ensemble_train: the executor \"%s\" needs datasets in files, some of this one is in memory", caps.name);
    for (int32_t m = 0; m < t->options.members; m++) SBI_TRY(add_member(t, m));
    SBI_TRY(sbi_jobs_run(t->campaign, exec));
    for (int32_t m = 0; m < t->options.members; m++) SBI_TRY(sbi_jobs_load_member(&t->networks[m], t->campaign, t->ctx, t->keys[m]));
    return SBI_OK;
}

static sbi_status prepare(training *t, int here)
{
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    if (here) o.max_attempts = 1; /* what failed here a moment ago would fail again, memory included */
    /* Members do not depend on each other: where they are kept, one that diverges does not stop those that wait. */
    if (t->options.campaign) o.max_failures = t->options.members;
    size_t n = (size_t)t->options.members;
    t->keys = sbi_alloc_zero(t->ctx, n, sizeof *t->keys);
    t->networks = sbi_alloc_zero(t->ctx, n, sizeof *t->networks);
    if (!t->keys || !t->networks) return SBI_ERR_NO_MEMORY;
    return sbi_campaign_open(&t->campaign, t->ctx, t->options.campaign, &o);
}

/* Executors elsewhere have devices of their own, which this machine need not have. */
static int is_in_process(sbi_executor *exec)
{
    sbi_executor_caps caps = {.struct_size = (uint32_t)sizeof caps};
    return !exec || (sbi_executor_capabilities(exec, &caps) == SBI_OK && caps.in_process);
}

/* The devices that members share, where they are not the cpu; *side_by_side: how many members at once, if they are trained here. */
static sbi_status open_devices(training *t, int here, int32_t *side_by_side)
{
    int32_t each;
    *side_by_side = 1;
    if (sbi_device_is_cpu(t->options.device)) return SBI_OK;
    SBI_TRY(sbi_member_devices_open(&t->devices, t->ctx, t->options.device, INT32_MAX));
    t->attachment.devices = t->devices;
    if (!here || t->options.members == 1 || t->ctx->options.parallel_for || sbi_context_threads(t->ctx) == 1) return SBI_OK;
    SBI_TRY(sbi_member_devices_together(&each, t->devices, &t->options, t->data));
    const int32_t places = each * sbi_member_devices_count(t->devices), threads = sbi_context_threads(t->ctx);
    sbi_member_devices_limit(t->devices, each);
    *side_by_side = places < threads ? places : threads;
    return SBI_OK;
}

/* The executor for members that are trained here. Small ones run side by side if that leaves no thread without work; the
 * host's own scheduler is given one member after another, to share out as it likes. On devices a member's thread mostly waits. */
static sbi_status open_here(training *t, int32_t side_by_side, sbi_executor **used, sbi_executor **owned)
{
    const int together = side_by_side > 1 || (t->options.members >= sbi_context_threads(t->ctx) && !t->ctx->options.parallel_for &&
                                              sbi_members_are_small(&t->options, t->data));
    if (!together) return sbi_jobs_executor(used, owned, t->ctx, NULL);
    SBI_TRY(sbi_local_open(owned, t->ctx, side_by_side > 1 ? side_by_side : 0, sbi_job_run_local, NULL));
    *used = *owned;
    return SBI_OK;
}

static void finish(training *t)
{
    for (int32_t m = 0; t->networks && m < t->options.members; m++) sbi_network_destroy(t->networks[m]);
    sbi_campaign_close(t->campaign);
    sbi_member_devices_close(t->devices);
    json_decref(t->described);
    sbi_free(t->ctx, t->networks);
    sbi_free(t->ctx, t->keys);
}

sbi_status sbi_ensemble_train(sbi_ensemble **out, sbi_dataset *data, const sbi_train_options *options, sbi_executor *exec)
{
    SBI_REQUIRE(out, "sbi_ensemble_train: out is NULL");
    *out = NULL;
    SBI_REQUIRE(data, "sbi_ensemble_train: data is NULL");
    training t = {.ctx = data->ctx, .data = data};
    SBI_TRY(sbi_train_options_read(&t.options, options));
    sbi_loss loss; /* before anything is submitted: data that do not fit it */
    SBI_TRY(sbi_loss_choose(&loss, data, &t.options));
    t.attachment.data = data;
    t.attachment.folder = t.options.campaign;
    t.attachment.epoch_log = t.options.epoch_log;
    sbi_executor *used, *owned = NULL;
    int32_t side_by_side = 1;
    sbi_status status = prepare(&t, !exec);
    if (status == SBI_OK && is_in_process(exec)) status = open_devices(&t, !exec, &side_by_side);
    if (status == SBI_OK) status = exec ? sbi_jobs_executor(&used, &owned, t.ctx, exec) : open_here(&t, side_by_side, &used, &owned);
    if (status == SBI_OK) status = train_members(&t, used);
    if (status == SBI_OK) status = sbi_ensemble_create(out, t.ctx, t.networks, (size_t)t.options.members);
    sbi_executor_close(owned);
    finish(&t);
    return status;
}
