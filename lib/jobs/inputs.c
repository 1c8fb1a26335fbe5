/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "jobs/staged.h"

#define FREE_SHARE 8              /* of the free space of a disk, one part is left to others */
#define DISK_BLOCK ((uint64_t)4096) /* file systems count in these */
#define FOLDERS (2 * DISK_BLOCK)  /* of a file: cas/sha256/ab and cd */

const char *sbi_store_folder(const sbi_store *store)
{
    static const char scheme[] = "file://";
    const char *url = sbi_store_url(store);
    if (strncmp(url, scheme, sizeof scheme - 1) == 0) url += sizeof scheme - 1;
    return url[0] == '/' ? url : NULL;
}

/* An object that a job names. */
typedef struct input {
    const char *name;
    const char *sha256; /* NULL: not known */
    uint64_t size;
    int32_t streams; /* 1: it may be read from the store instead */
    int32_t there;   /* 1: it is on disk already */
} input;

typedef struct bringing {
    sbi_context *ctx;
    sbi_store *store;
    const sbi_worker_options *options;
    sbi_job_place *place;
    input *inputs;
    size_t n, brought;
} bringing;

/* ---- which there are --------------------------------------------------------------------------------------------- */

/* NULL: the job has no such input. Absolute paths mean files of a file system that the machines share. */
static sbi_status add(bringing *b, const char *name, const char *sha256, int32_t streams)
{
    if (!name || name[0] == '/') return SBI_OK;
    input *inputs = sbi_alloc_next(b->ctx, b->inputs, b->n, sizeof *inputs);
    if (!inputs) return SBI_ERR_NO_MEMORY;
    b->inputs = inputs;
    inputs[b->n++] = (input){.name = name, .sha256 = sha256 ? sha256 : sbi_content_hash(name), .streams = streams && sha256};
    return SBI_OK;
}

static sbi_status add_all(bringing *b, const sbi_job *job)
{
    for (size_t i = 0; i < job->n_parts; i++) {
        const sbi_job_part *p = &job->parts[i];
        const char *const paths[] = {p->features, p->weights, p->theta, p->joint_ratio, p->score, p->target};
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) SBI_TRY(add(b, paths[k], NULL, 0));
    }
    for (size_t i = 0; i < job->n_members; i++) SBI_TRY(add(b, job->members[i].path, NULL, 0));
    SBI_TRY(add(b, job->features.path, job->features.sha256, 1));
    SBI_TRY(add(b, job->calibration.path, NULL, 0));
    SBI_TRY(add(b, job->from.path, NULL, 0));
    SBI_TRY(add(b, job->workspace.path, NULL, 0));
    json_t *files = (json_t *)(uintptr_t)b->place->files; /* jansson iterates without const */
    for (void *i = files ? json_object_iter(files) : NULL; i; i = json_object_iter_next(files, i)) {
        const char *name = json_string_value(json_object_iter_value(i));
        SBI_TRY(add(b, name, sbi_content_hash(name), 1));
    }
    return SBI_OK;
}

static int by_name(const void *a, const void *b)
{
    const input *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : x->streams - y->streams; /* what somebody must have on disk comes first, and stays */
}

static int by_need_and_size(const void *a, const void *b)
{
    const input *x = a, *y = b;
    if (x->streams != y->streams) return x->streams - y->streams;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Each once, with its size, in the order in which they come. */
static sbi_status look(bringing *b)
{
    size_t n = 0;
    if (b->n) qsort(b->inputs, b->n, sizeof *b->inputs, by_name);
    for (size_t i = 0; i < b->n; i++) {
        if (n && strcmp(b->inputs[i].name, b->inputs[n - 1].name) == 0) continue;
        b->inputs[n++] = b->inputs[i];
    }
    b->n = n;
    for (size_t i = 0; i < b->n; i++) {
        input *in = &b->inputs[i];
        sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
        sbi_outage outage = {0, 0};
        sbi_status status;
        do status = sbi_store_stat(b->store, in->name, &info);
        while (sbi_outage_again(b->ctx, &outage, b->options->outage_seconds, status));
        SBI_TRY(status);
        in->size = info.size;
        char *path = sbi_path_join(b->ctx, b->place->root, in->name);
        if (!path) return SBI_ERR_NO_MEMORY;
        in->there = sbi_path_exists(path);
        sbi_free(b->ctx, path);
        SBI_TRY(sbi_check_cancel(b->ctx, "inputs"));
    }
    if (b->n) qsort(b->inputs, b->n, sizeof *b->inputs, by_need_and_size);
    return SBI_OK;
}

/* ---- what fits --------------------------------------------------------------------------------------------------- */

/* The result is written there too: what is known of it. A column is made beside the result that is sent. */
static uint64_t result_size(const sbi_job *job)
{
    if (job->kind == SBI_JOB_EVALUATE_COLUMNS) return 2 * (uint64_t)job->rows * sbi_dtype_size(job->dtype) * (job->spread ? 2 : 1);
    if (job->kind == SBI_JOB_HESSIAN_ROWS) return (uint64_t)job->count * job->n_theta * sizeof(double);
    return 0;
}

static sbi_status find_room(const bringing *b, const sbi_job *job, uint64_t *room)
{
    struct statvfs disk;
    const uint64_t result = result_size(job);
    *room = b->options->disk;
    if (!*room) {
        if (statvfs(b->place->root, &disk)) return sbi_fail_errno(errno, "%s", b->place->root);
        const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
        *room = free_bytes - free_bytes / FREE_SHARE;
    }
    *room = *room > result ? *room - result : 0;
    return SBI_OK;
}

/* What it takes of the disk; nothing more where it is counted as taken. */
static uint64_t cost(const bringing *b, const input *in)
{
    if (in->there && !b->options->disk) return 0;
    return (in->size + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK + FOLDERS;
}

static const char *why_on_disk(const sbi_job *job)
{
    const int trains = job->kind == SBI_JOB_TRAIN_MEMBER || job->kind == SBI_JOB_TRAIN_TRIAL;
    return trains ? "a training, which reads all its events in every epoch, needs" : "networks, workspace and calibration need";
}

/* How many of the inputs go onto the disk. */
static sbi_status decide(const bringing *b, const sbi_job *job, size_t *n)
{
    uint64_t room, used = 0;
    SBI_TRY(find_room(b, job, &room));
    for (*n = 0; *n < b->n && !b->inputs[*n].streams; ++*n) used += cost(b, &b->inputs[*n]);
    if (used > room)
        return sbi_fail(SBI_ERR_NO_SPACE, "job: %s %llu bytes of disk for inputs, and %llu are allowed in %s", why_on_disk(job),
                        (unsigned long long)used, (unsigned long long)room, b->place->root);
    while (*n < b->n && cost(b, &b->inputs[*n]) <= room - used) used += cost(b, &b->inputs[(*n)++]);
    return SBI_OK;
}

/* ---- bringing ---------------------------------------------------------------------------------------------------- */

static sbi_status bring(bringing *b, const char *name)
{
    char *path = sbi_path_join(b->ctx, b->place->root, name), *folder = path ? sbi_path_folder(b->ctx, path) : NULL;
    sbi_status status = folder ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && !sbi_path_exists(path)) {
        sbi_outage outage = {0, 0};
        status = sbi_path_make_folder(b->ctx, folder);
        if (status == SBI_OK) {
            do status = sbi_store_get_file(b->store, name, path, sbi_content_hash(name));
            while (sbi_outage_again(b->ctx, &outage, b->options->outage_seconds, status));
        }
        sbi_progress(b->ctx, "inputs", (double)++b->brought, 0, "%s", name);
    }
    sbi_free(b->ctx, folder);
    sbi_free(b->ctx, path);
    if (status == SBI_OK) status = sbi_check_cancel(b->ctx, "inputs");
    return status;
}

static sbi_status stream(bringing *b, size_t first)
{
    uint64_t bytes = 0;
    SBI_TRY(sbi_streams_create(&b->place->streams, b->ctx, b->store, b->options->stream_memory, b->options->outage_seconds));
    for (size_t i = first; i < b->n; i++) {
        SBI_TRY(sbi_streams_add(b->place->streams, b->inputs[i].name, b->inputs[i].sha256, b->inputs[i].size));
        bytes += b->inputs[i].size;
    }
    sbi_log(b->ctx, SBI_LOG_INFO, "%zu inputs of %.3g GB are not brought onto the disk, but read from the store", b->n - first, (double)bytes * 1e-9);
    return SBI_OK;
}

static sbi_status bring_all(bringing *b, const sbi_job *job)
{
    size_t n;
    SBI_TRY(add_all(b, job));
    SBI_TRY(look(b));
    SBI_TRY(decide(b, job, &n));
    for (size_t i = 0; i < n; i++) SBI_TRY(bring(b, b->inputs[i].name));
    return n < b->n ? stream(b, n) : SBI_OK;
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
    while (sbi_outage_again(b->ctx, &outage, b->options->outage_seconds, status));
    SBI_TRY(status);
    *files = json_incref(json_object_get(list, "files"));
    json_decref(list);
    return *files ? SBI_OK : sbi_fail(SBI_ERR_FORMAT, "%s: has no files", name);
}

sbi_status sbi_inputs_bring(sbi_context *ctx, sbi_store *store, const sbi_job *job, const sbi_worker_options *options, sbi_job_place *place)
{
    const char *folder = sbi_store_folder(store);
    bringing b = {.ctx = ctx, .store = store, .options = options, .place = place};
    json_t *files;
    SBI_TRY(find_files(&b, job, &files));
    place->files = files;
    if (folder && strcmp(folder, place->root) == 0) return SBI_OK; /* read where they lie */
    sbi_status status = bring_all(&b, job);
    sbi_free(ctx, b.inputs);
    return status;
}

void sbi_inputs_end(sbi_context *ctx, sbi_job_place *place)
{
    if (!place->streams) return;
    const sbi_streams_use used = sbi_streams_used(place->streams);
    sbi_log(ctx, SBI_LOG_INFO, "%.3g GB were read from the store in %llu requests", (double)used.bytes * 1e-9, (unsigned long long)used.requests);
    sbi_streams_destroy(place->streams);
    place->streams = NULL;
}
