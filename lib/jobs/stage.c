/* SPDX-License-Identifier: Apache-2.0 */
/* sbi_job_stage(): a job and its inputs into a store; and lists of jobs. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "exec/executor.h"
#include "jobs/staged.h"

#define ARRAY_LARGEST ((size_t)256 << 20)

static sbi_status set_path(json_t *object, const char *path)
{
    return json_object_set_new(object, "path", json_string(path)) ? sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory") : SBI_OK;
}

static sbi_status stage_train(json_t *spec, sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_job_attachment *attachment)
{
    json_t *parts;
    SBI_TRY(sbi_stage_data(&parts, ctx, store, job, attachment));
    if (json_object_set_new(json_object_get(spec, "data"), "parts", parts)) return sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    return SBI_OK;
}

/* A later rung of a trial begins with the result of the one before. */
static sbi_status stage_trial(json_t *spec, sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_job_attachment *attachment)
{
    char name[SBI_CONTENT_NAME_SIZE];
    SBI_TRY(stage_train(spec, ctx, store, job, attachment));
    if (!job->from.path) return SBI_OK;
    SBI_TRY(sbi_stage_file(store, &job->from, name));
    return set_path(json_object_get(spec, "from"), name);
}

static sbi_status stage_columns(json_t *spec, sbi_store *store, const sbi_job *job)
{
    char name[SBI_CONTENT_NAME_SIZE];
    json_t *members = json_object_get(spec, "members");
    SBI_TRY(sbi_stage_file(store, &job->features, name));
    SBI_TRY(set_path(json_object_get(spec, "features"), name));
    if (job->calibration.path) {
        SBI_TRY(sbi_stage_file(store, &job->calibration, name));
        SBI_TRY(set_path(json_object_get(spec, "calibration"), name));
    }
    for (size_t i = 0; i < job->n_members; i++) {
        SBI_TRY(sbi_stage_file(store, &job->members[i], name));
        SBI_TRY(set_path(json_array_get(members, i), name));
    }
    return SBI_OK;
}

static sbi_status stage_model(json_t *spec, sbi_context *ctx, sbi_store *store, const sbi_job *job)
{
    char name[SBI_CONTENT_NAME_SIZE];
    if (!job->workspace.path)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "job: its model was made in memory, and there is no workspace file of it");
    SBI_TRY(sbi_stage_workspace(ctx, store, job));
    sbi_content_name(name, job->workspace.sha256);
    return set_path(json_object_get(spec, "workspace"), name);
}

static sbi_status stage_inputs(json_t *spec, sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_job_attachment *attachment)
{
    switch (job->kind) {
    case SBI_JOB_TRAIN_MEMBER: return stage_train(spec, ctx, store, job, attachment);
    case SBI_JOB_TRAIN_TRIAL: return stage_trial(spec, ctx, store, job, attachment);
    case SBI_JOB_EVALUATE_COLUMNS: return stage_columns(spec, store, job);
    default: return stage_model(spec, ctx, store, job);
    }
}

static sbi_status put_spec(sbi_context *ctx, sbi_store *store, const char *name, const json_t *spec)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_json_canonical(&text, spec);
    if (status == SBI_OK) status = sbi_store_put_bytes(store, name, text.data, text.size, SBI_STORE_CREATE);
    sbi_text_clear(&text);
    return status == SBI_ERR_EXISTS ? SBI_OK : status;
}

static sbi_status stage(sbi_context *ctx, sbi_store *store, const sbi_task *task, const char *name)
{
    sbi_job *job;
    SBI_TRY(sbi_job_parse(&job, ctx, task->spec, task->spec_size));
    json_t *spec = json_deep_copy(job->json);
    sbi_status status = spec ? stage_inputs(spec, ctx, store, job, task->attachment) : sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    if (status == SBI_OK) status = put_spec(ctx, store, name, spec);
    json_decref(spec);
    sbi_job_free(job);
    return status;
}

sbi_status sbi_job_stage(sbi_context *ctx, sbi_store *store, const sbi_task *task)
{
    char name[SBI_TASK_KEY_MAX + 32];
    sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
    SBI_REQUIRE(ctx && store && task, "sbi_job_stage: an argument is NULL");
    SBI_REQUIRE(task->key && sbi_task_key_valid(task->key), "sbi_job_stage: the key is not 1 to 64 characters of [a-z0-9-]");
    SBI_REQUIRE(task->spec || !task->spec_size, "sbi_job_stage: spec is NULL");
    snprintf(name, sizeof name, "jobs/%s/spec.json", task->key);
    sbi_status status = sbi_store_stat(store, name, &info);
    return status == SBI_ERR_NOT_FOUND ? stage(ctx, store, task, name) : status;
}

/* ---- arrays ----------------------------------------------------------------------------------------------------- */

static sbi_status array_object(char *out, size_t size, const char *name)
{
    SBI_REQUIRE(name && *name && strlen(name) < 200 && name[0] != '.' &&
                    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name),
                "array: the name \"%.80s\" is not of [A-Za-z0-9._-]", name ? name : "");
    snprintf(out, size, "arrays/%s", name);
    return SBI_OK;
}

static sbi_status same_array(sbi_store *store, const char *object, const sbi_text *ours)
{
    sbi_text theirs;
    sbi_text_init(&theirs, ours->ctx);
    sbi_status status = sbi_object_read(store, object, ARRAY_LARGEST, &theirs);
    if (status == SBI_OK && (theirs.size != ours->size || (ours->size && memcmp(theirs.data, ours->data, ours->size) != 0)))
        status = sbi_fail(SBI_ERR_EXISTS, "%s: is there already, with other keys", object);
    sbi_text_clear(&theirs);
    return status;
}

sbi_status sbi_job_stage_array(sbi_context *ctx, sbi_store *store, const char *name, const char *const *keys, size_t n)
{
    char object[SBI_STORE_NAME_MAX];
    sbi_text text;
    SBI_REQUIRE(ctx && store && (keys || !n), "sbi_job_stage_array: an argument is NULL");
    SBI_TRY(array_object(object, sizeof object, name));
    sbi_text_init(&text, ctx);
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        if (!keys[i] || !sbi_task_key_valid(keys[i])) status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_job_stage_array: key %zu is not valid", i);
        if (status == SBI_OK) sbi_text_addf(&text, "%s\n", keys[i]);
    }
    if (status == SBI_OK) status = text.status;
    if (status == SBI_OK) status = sbi_store_put_bytes(store, object, text.data ? text.data : "", text.size, SBI_STORE_CREATE);
    if (status == SBI_ERR_EXISTS) status = same_array(store, object, &text);
    sbi_text_clear(&text);
    return status;
}

static sbi_status find_line(const sbi_text *text, const char *object, uint64_t index, char key[SBI_TASK_KEY_MAX + 1])
{
    const char *at = text->data ? text->data : "", *end = at + text->size;
    for (uint64_t i = 0; at < end; i++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const size_t n = (size_t)((newline ? newline : end) - at);
        if (i == index) {
            if (n > SBI_TASK_KEY_MAX) return sbi_fail(SBI_ERR_FORMAT, "%s: line %llu is too long", object, (unsigned long long)index + 1);
            memcpy(key, at, n);
            key[n] = '\0';
            if (sbi_task_key_valid(key)) return SBI_OK;
            return sbi_fail(SBI_ERR_FORMAT, "%s: line %llu is no key", object, (unsigned long long)index + 1);
        }
        if (!newline) break;
        at = newline + 1;
    }
    return sbi_fail(SBI_ERR_ARGUMENT, "%s: has no index %llu", object, (unsigned long long)index);
}

sbi_status sbi_job_array_key(sbi_context *ctx, sbi_store *store, const char *name, uint64_t index, char key[SBI_TASK_KEY_MAX + 1])
{
    char object[SBI_STORE_NAME_MAX];
    sbi_text text;
    SBI_REQUIRE(ctx && store && key, "sbi_job_array_key: an argument is NULL");
    SBI_TRY(array_object(object, sizeof object, name));
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_object_read(store, object, ARRAY_LARGEST, &text);
    if (status == SBI_OK) status = find_line(&text, object, index, key);
    sbi_text_clear(&text);
    return status;
}
