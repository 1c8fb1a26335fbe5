/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/inputs.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "jobs/staged.h"

const char *sbi_store_folder(const sbi_store *store)
{
    static const char scheme[] = "file://";
    const char *url = sbi_store_url(store);
    if (strncmp(url, scheme, sizeof scheme - 1) == 0) url += sizeof scheme - 1;
    return url[0] == '/' ? url : NULL;
}

typedef struct bringing {
    sbi_context *ctx;
    sbi_store *store;
    double outage_seconds;
    const sbi_job_place *place;
    int here; /* the store is the folder */
    size_t n;
} bringing;

/* NULL: the job has no such input. */
static sbi_status bring(bringing *b, const char *name)
{
    if (!name || b->here || name[0] == '/') return SBI_OK; /* absolute paths mean files of a file system that the machines share */
    char *path = sbi_path_join(b->ctx, b->place->root, name), *folder = path ? sbi_path_folder(b->ctx, path) : NULL;
    sbi_status status = folder ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && !sbi_path_exists(path)) {
        sbi_outage outage = {0, 0};
        status = sbi_path_make_folder(b->ctx, folder);
        if (status == SBI_OK) {
            do status = sbi_store_get_file(b->store, name, path, sbi_content_hash(name));
            while (sbi_outage_again(b->ctx, &outage, b->outage_seconds, status));
        }
        sbi_progress(b->ctx, "inputs", (double)++b->n, 0, "%s", name);
    }
    sbi_free(b->ctx, folder);
    sbi_free(b->ctx, path);
    if (status == SBI_OK) status = sbi_check_cancel(b->ctx, "inputs");
    return status;
}

static sbi_status bring_all(bringing *b, const sbi_job *job)
{
    for (size_t i = 0; i < job->n_parts; i++) {
        const sbi_job_part *p = &job->parts[i];
        const char *const paths[] = {p->features, p->weights, p->theta, p->joint_ratio, p->score, p->target};
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) SBI_TRY(bring(b, paths[k]));
    }
    for (size_t i = 0; i < job->n_members; i++) SBI_TRY(bring(b, job->members[i].path));
    SBI_TRY(bring(b, job->features.path));
    SBI_TRY(bring(b, job->calibration.path));
    SBI_TRY(bring(b, job->from.path));
    SBI_TRY(bring(b, job->workspace.path));
    json_t *files = (json_t *)(uintptr_t)b->place->files; /* jansson iterates without const */
    for (void *i = files ? json_object_iter(files) : NULL; i; i = json_object_iter_next(files, i))
        SBI_TRY(bring(b, json_string_value(json_object_iter_value(i))));
    return SBI_OK;
}

/* A workspace that was staged has a list of its files; one that somebody put into the folder has them beside it. */
static sbi_status find_files(bringing *b, const sbi_job *job, json_t **files)
{
    char name[SBI_STAGED_NAME_SIZE];
    json_t *list;
    sbi_outage outage = {0, 0};
    sbi_status status;
    *files = NULL;
    if (!job->workspace.path || !sbi_content_hash(job->workspace.path)) return SBI_OK;
    sbi_staged_workspace_name(name, job->workspace.sha256, job->columns_sha256);
    do status = sbi_staged_get(&list, b->ctx, b->store, name);
    while (sbi_outage_again(b->ctx, &outage, b->outage_seconds, status));
    SBI_TRY(status);
    *files = json_incref(json_object_get(list, "files"));
    json_decref(list);
    return *files ? SBI_OK : sbi_fail(SBI_ERR_FORMAT, "%s: has no files", name);
}

sbi_status sbi_inputs_bring(sbi_context *ctx, sbi_store *store, const sbi_job *job, double outage_seconds, sbi_job_place *place)
{
    const char *folder = sbi_store_folder(store);
    bringing b = {ctx, store, outage_seconds, place, folder && strcmp(folder, place->root) == 0, 0};
    json_t *files;
    SBI_TRY(find_files(&b, job, &files));
    place->files = files;
    return bring_all(&b, job);
}
