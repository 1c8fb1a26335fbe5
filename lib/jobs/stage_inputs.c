/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of jobs into a store: single files, data sets, workspaces with their columns. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "jobs/staged.h"
#include "model/model.h"
#include "net/dataset.h"

/* ---- one file --------------------------------------------------------------------------------------------------- */

sbi_status sbi_stage_file(sbi_store *store, const sbi_job_file *file, char name[SBI_CONTENT_NAME_SIZE])
{
    sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
    char put[SBI_STORE_NAME_MAX];
    sbi_content_name(name, file->sha256);
    sbi_status status = sbi_store_stat(store, name, &info);
    if (status != SBI_ERR_NOT_FOUND) return status;
    if (strcmp(file->path, name) == 0) return status; /* the spec means the object, which is not there */
    SBI_TRY(sbi_job_verify_file(file->path, file->sha256));
    SBI_TRY(sbi_store_put_content(store, file->path, put));
    if (strcmp(put, name) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: changed while it was read", file->path);
}

static sbi_status put_list(sbi_context *ctx, sbi_store *store, const char *name, const json_t *list)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_json_canonical(&text, list);
    if (status == SBI_OK) status = sbi_store_put_bytes(store, name, text.data, text.size, SBI_STORE_CREATE);
    sbi_text_clear(&text);
    return status == SBI_ERR_EXISTS ? SBI_OK : status; /* somebody else staged the same */
}

/* ---- data sets -------------------------------------------------------------------------------------------------- */

typedef struct staging {
    sbi_context *ctx;
    sbi_store *store;
    json_t *parts;
    sbi_dataset *copy; /* of what goes into the store, to see that it is what the spec says */
    char *folder;      /* for arrays that become files */
    size_t n_files;
} staging;

static sbi_status put_file(staging *s, const char *path, json_t *part, const char *member)
{
    char name[SBI_STORE_NAME_MAX];
    SBI_TRY(sbi_store_put_content(s->store, path, name));
    return json_object_set_new(part, member, json_string(name)) ? sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory") : SBI_OK;
}

/* A part whose files are these, on this machine. */
static sbi_status put_part(staging *s, const sbi_job_part *part)
{
    const struct {
        const char *member, *path;
    } files[] = {{"features", part->features},       {"weights", part->weights}, {"theta", part->theta},
                 {"joint_ratio", part->joint_ratio}, {"score", part->score},     {"target", part->target}};
    const sbi_job_place here = {0};
    json_t *json = json_pack("{s:s}", "side", sbi_class_name(part->side));
    if (!json || json_array_append_new(s->parts, json)) return sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    SBI_TRY(sbi_job_add_part(s->ctx, s->copy, part, &here));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].path) SBI_TRY(put_file(s, files[i].path, json, files[i].member));
    return SBI_OK;
}

/* An array of the caller's as a file, which lives until the staging ends. */
static sbi_status make_file(staging *s, const sbi_array *array, char **path)
{
    char name[32];
    if (!array->ndim) return SBI_OK;
    snprintf(name, sizeof name, "%zu.npy", s->n_files++);
    *path = sbi_path_join(s->ctx, s->folder, name);
    if (!*path) return SBI_ERR_NO_MEMORY;
    return sbi_npy_write(s->ctx, *path, array);
}

static sbi_status put_memory(staging *s, const sbi_dataset *data)
{
    for (size_t i = 0; i < data->n_parts; i++) {
        const sbi_dataset_part *p = &data->parts[i];
        char *path[2 + SBI_EXTRAS] = {NULL};
        sbi_status status = make_file(s, &p->features, &path[0]);
        if (status == SBI_OK) status = make_file(s, &p->weights, &path[1]);
        for (int e = 0; e < SBI_EXTRAS && status == SBI_OK; e++) status = make_file(s, &p->extra[e].view, &path[2 + e]);
        const sbi_job_part part = {.side = p->side,
                                   .features = path[0],
                                   .weights = path[1],
                                   .theta = path[2 + SBI_EXTRA_THETA],
                                   .joint_ratio = path[2 + SBI_EXTRA_RATIO],
                                   .score = path[2 + SBI_EXTRA_SCORE],
                                   .target = path[2 + SBI_EXTRA_TARGET]};
        if (status == SBI_OK) status = put_part(s, &part);
        for (size_t k = 0; k < sizeof path / sizeof *path; k++) sbi_free(s->ctx, path[k]);
        SBI_TRY(status);
    }
    return SBI_OK;
}

static sbi_status put_data(staging *s, const sbi_job *job, const sbi_job_attachment *attachment)
{
    SBI_TRY(sbi_dataset_create(&s->copy, s->ctx));
    SBI_TRY(sbi_dataset_set_weight_policy(s->copy, job->weight_policy));
    for (size_t i = 0; i < job->n_parts; i++) SBI_TRY(put_part(s, &job->parts[i]));
    if (!job->n_parts) {
        if (!attachment || !attachment->data)
            return sbi_fail(SBI_ERR_UNSUPPORTED, "job: its data are in memory elsewhere, and there are no files of it");
        SBI_TRY(put_memory(s, attachment->data));
    }
    SBI_TRY(sbi_job_complete_data(s->copy, job));
    return sbi_job_check_data(s->copy, job);
}

static sbi_status stage_data(json_t **parts, sbi_context *ctx, sbi_store *store, const char *name, const sbi_job *job,
                             const sbi_job_attachment *attachment)
{
    staging s = {.ctx = ctx, .store = store, .parts = json_array()};
    char *unused = NULL;
    sbi_status status = s.parts ? sbi_job_scratch(ctx, &s.folder, &unused, "data") : sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    if (status == SBI_OK) status = put_data(&s, job, attachment);
    json_t *list = status == SBI_OK ? json_pack("{s:O}", "parts", s.parts) : NULL;
    if (status == SBI_OK) status = list ? put_list(ctx, store, name, list) : sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    json_decref(list);
    sbi_dataset_destroy(s.copy);
    for (size_t i = 0; i < s.n_files; i++) {
        char file[32];
        snprintf(file, sizeof file, "%zu.npy", i);
        char *path = sbi_path_join(ctx, s.folder, file);
        if (path) (void)remove(path);
        sbi_free(ctx, path);
    }
    if (s.folder) sbi_job_scratch_remove(ctx, s.folder, unused);
    if (status == SBI_OK)
        *parts = s.parts;
    else
        json_decref(s.parts);
    return status;
}

sbi_status sbi_stage_data(json_t **parts, sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_job_attachment *attachment)
{
    char name[SBI_STAGED_NAME_SIZE];
    json_t *list;
    *parts = NULL;
    sbi_staged_data_name(name, job->data_sha256);
    sbi_status status = sbi_staged_get(&list, ctx, store, name);
    if (status == SBI_ERR_NOT_FOUND) return stage_data(parts, ctx, store, name, job, attachment);
    SBI_TRY(status);
    *parts = json_incref(json_object_get(list, "parts"));
    json_decref(list);
    return *parts ? SBI_OK : sbi_fail(SBI_ERR_FORMAT, "%s: has no parts", name);
}

/* ---- workspaces ------------------------------------------------------------------------------------------------- */

typedef struct naming {
    char *folder;
    json_t *paths; /* by name */
} naming;

/* Notes what the workspace names while it is loaded. */
static sbi_status note_file(void *user, sbi_context *ctx, const char *name, sbi_column_file **out)
{
    naming *n = user;
    char *path = sbi_path_join(ctx, n->folder, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = json_object_set_new(n->paths, name, json_string(path)) == 0 ? SBI_OK : sbi_fail(SBI_ERR_UNSUPPORTED, "%s: the name is not UTF-8", path);
    if (status == SBI_OK) status = sbi_column_file_open(out, ctx, path);
    sbi_free(ctx, path);
    return status;
}

/* Loads the model without holding columns, sees that it is what the spec says, and collects the names of its files. */
static sbi_status list_files(naming *n, sbi_context *ctx, const sbi_job *job)
{
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_model *model;
    const sbi_model_files files = {note_file, n};
    sbi_workspace_options o = SBI_WORKSPACE_OPTIONS_INIT;
    o.column_memory = 0;
    SBI_TRY(sbi_job_verify_file(job->workspace.path, job->workspace.sha256));
    SBI_TRY(sbi_model_load_files(&model, ctx, job->workspace.path, &o, &files));
    sbi_status status = sbi_job_columns_digest(model, hex);
    sbi_model_destroy(model);
    SBI_TRY(status);
    if (strcmp(hex, job->columns_sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: its columns have sha256 %s, the job says %s", job->workspace.path, hex, job->columns_sha256);
}

static sbi_status put_files(sbi_context *ctx, sbi_store *store, const json_t *paths, json_t *files)
{
    const char *name;
    json_t *path;
    char object[SBI_STORE_NAME_MAX];
    (void)ctx;
    /* jansson's iteration wants a pointer without const, and changes nothing. */
    for (void *i = json_object_iter((json_t *)(uintptr_t)paths); i; i = json_object_iter_next((json_t *)(uintptr_t)paths, i)) {
        name = json_object_iter_key(i);
        path = json_object_iter_value(i);
        SBI_TRY(sbi_store_put_content(store, json_string_value(path), object));
        if (json_object_set_new(files, name, json_string(object))) return sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    }
    return SBI_OK;
}

static sbi_status stage_workspace(sbi_context *ctx, sbi_store *store, const char *list_name, const sbi_job *job)
{
    char name[SBI_CONTENT_NAME_SIZE];
    naming n = {sbi_path_folder(ctx, job->workspace.path), json_object()};
    json_t *list = json_pack("{s:{}}", "files");
    sbi_status status = !n.folder ? SBI_ERR_NO_MEMORY : n.paths && list ? SBI_OK : sbi_fail(SBI_ERR_NO_MEMORY, "job: out of memory");
    if (status == SBI_OK) status = list_files(&n, ctx, job);
    if (status == SBI_OK) status = put_files(ctx, store, n.paths, json_object_get(list, "files"));
    if (status == SBI_OK) status = sbi_stage_file(store, &job->workspace, name);
    if (status == SBI_OK) status = put_list(ctx, store, list_name, list);
    json_decref(list);
    json_decref(n.paths);
    sbi_free(ctx, n.folder);
    return status;
}

sbi_status sbi_stage_workspace(sbi_context *ctx, sbi_store *store, const sbi_job *job)
{
    char name[SBI_STAGED_NAME_SIZE];
    sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
    sbi_staged_workspace_name(name, job->workspace.sha256, job->columns_sha256);
    sbi_status status = sbi_store_stat(store, name, &info);
    return status == SBI_ERR_NOT_FOUND ? stage_workspace(ctx, store, name, job) : status;
}
