/* SPDX-License-Identifier: Apache-2.0 */
/* The Hessian cut in blocks of rows and ranges of events: shards as tasks, stage by stage, merged as they arrive. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/base64.h"
#include "jobs/hessian.h"
#include "sbi/shard.h"

typedef struct shard_task {
    size_t block, index; /* index in the campaign */
    int32_t merged, stage;
} shard_task;

/* What is merged so far of a block of rows. */
typedef struct merged_block {
    void *bytes;
    size_t size;
} merged_block;

typedef struct merging {
    sbi_hessian_campaign *h;
    const sbi_tape *tape;
    merged_block *blocks; /* [n_blocks] */
    shard_task *tasks;
    size_t n_tasks;
} merging;

/* ---- merging ----------------------------------------------------------------------------------------------------- */

static sbi_status merge(merging *m, shard_task *task, const char *key)
{
    merged_block *block = &m->blocks[task->block];
    sbi_text bytes;
    sbi_text_init(&bytes, m->h->ctx);
    sbi_status status = sbi_jobs_result(m->h->campaign, key, &bytes);
    if (status == SBI_OK) {
        const void *parts[2] = {bytes.data, block->bytes};
        const size_t sizes[2] = {bytes.size, block->size};
        void *merged;
        size_t size;
        status = sbi_shard_merge(m->h->ctx, parts, sizes, block->bytes ? 2 : 1, &merged, &size);
        if (status == SBI_OK) {
            sbi_shard_free(m->h->ctx, block->bytes);
            block->bytes = merged;
            block->size = size;
            task->merged = 1;
        }
    }
    sbi_text_clear(&bytes);
    return status == SBI_OK ? SBI_OK : sbi_fail_within(status, "task %s", key);
}

/* The campaign may hold tasks of other cuts. */
static shard_task *task_of(const merging *m, size_t index)
{
    for (size_t i = m->n_tasks; i-- > 0;)
        if (m->tasks[i].index == index) return &m->tasks[i];
    return NULL;
}

static sbi_status on_done(void *user, const char *key)
{
    merging *m = user;
    size_t index;
    SBI_TRY(sbi_campaign_index(m->h->campaign, key, &index));
    shard_task *task = task_of(m, index);
    return task && !task->merged ? merge(m, task, key) : SBI_OK;
}

/* What an earlier run of the campaign had done already. */
static sbi_status merge_done(merging *m)
{
    for (size_t i = 0; i < m->n_tasks; i++) {
        sbi_campaign_report report = {.struct_size = (uint32_t)sizeof report};
        if (m->tasks[i].merged) continue;
        SBI_TRY(sbi_campaign_report_get(m->h->campaign, m->tasks[i].index, &report));
        if (report.state == SBI_TASK_DONE) SBI_TRY(merge(m, &m->tasks[i], report.key));
    }
    return SBI_OK;
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

static sbi_status add_task(merging *m, size_t block, size_t pass, int32_t stage, int64_t first, int64_t count, const char *earlier)
{
    sbi_hessian_campaign *h = m->h;
    char key[SBI_TASK_KEY_MAX + 1];
    json_t *json = sbi_hessian_task(h, "hessian_shard", block);
    if (json) {
        json_object_set_new(json, "pass", json_integer((json_int_t)pass));
        json_object_set_new(json, "first_event", json_integer((json_int_t)first));
        json_object_set_new(json, "events", json_integer((json_int_t)count));
        if (earlier) json_object_set_new(json, "earlier", json_string(earlier));
    }
    SBI_TRY(sbi_jobs_add(h->campaign, h->ctx, json, &h->attachment, key));
    shard_task *grown = sbi_realloc_array(h->ctx, m->tasks, m->n_tasks + 1, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    m->tasks = grown;
    grown[m->n_tasks] = (shard_task){.block = block, .stage = stage};
    SBI_TRY(sbi_campaign_index(h->campaign, key, &grown[m->n_tasks].index));
    m->n_tasks++;
    return SBI_OK;
}

static sbi_status add_block(merging *m, size_t block, int32_t stage)
{
    const sbi_hessian_campaign *h = m->h;
    char *earlier = NULL;
    if (stage > 1 && m->blocks[block].bytes) {
        earlier = sbi_base64_encode(h->ctx, m->blocks[block].bytes, m->blocks[block].size);
        if (!earlier) return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_fit_hessian: out of memory");
    }
    sbi_status status = SBI_OK;
    for (size_t pass = 0; pass < sbi_tape_n_passes(m->tape) && status == SBI_OK; pass++) {
        sbi_tape_pass_info info = {.struct_size = (uint32_t)sizeof info};
        status = sbi_tape_pass_get(m->tape, pass, &info);
        if (status != SBI_OK || info.stage != stage) continue;
        const int64_t events = h->options.events_a_task;
        for (int64_t first = 0; first < info.n_events && status == SBI_OK; first += events) {
            const int64_t left = info.n_events - first;
            status = add_task(m, block, pass, stage, first, left < events ? left : events, earlier);
        }
    }
    sbi_free(h->ctx, earlier);
    return status;
}

static int32_t last_stage(const merging *m)
{
    sbi_tape_pass_info info = {.struct_size = (uint32_t)sizeof info};
    const size_t n = sbi_tape_n_passes(m->tape);
    return n && sbi_tape_pass_get(m->tape, n - 1, &info) == SBI_OK ? info.stage : 0;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static sbi_status finish(const merging *m)
{
    const sbi_hessian_campaign *h = m->h;
    sbi_tape_work *work;
    double value;
    SBI_TRY(sbi_tape_work_create(&work, m->tape));
    sbi_status status = SBI_OK;
    for (size_t b = 0; b < h->n_blocks && status == SBI_OK; b++) {
        size_t first, count = sbi_hessian_block(h, b, &first);
        status = sbi_shard_finish(work, h->theta, m->blocks[b].bytes, m->blocks[b].size, &value, NULL, first, count,
                                  h->hessian + first * h->n);
    }
    sbi_tape_work_destroy(work);
    return status;
}

static sbi_status run(merging *m, sbi_executor *exec)
{
    sbi_hessian_campaign *h = m->h;
    h->settings.done = on_done;
    h->settings.done_user = m;
    m->blocks = sbi_alloc_zero(h->ctx, h->n_blocks, sizeof *m->blocks);
    if (!m->blocks) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_campaign_open(&h->campaign, h->ctx, h->options.campaign, &h->settings));
    const int32_t stages = last_stage(m);
    for (int32_t stage = 1; stage <= stages; stage++) {
        for (size_t b = 0; b < h->n_blocks; b++) SBI_TRY(add_block(m, b, stage));
        SBI_TRY(merge_done(m));
        size_t undone = 0;
        for (size_t i = 0; i < m->n_tasks; i++) undone += !m->tasks[i].merged;
        SBI_TRY(sbi_hessian_run(h, exec, undone));
        SBI_TRY(merge_done(m)); /* results that the run took in from the folder */
    }
    return finish(m);
}

sbi_status sbi_hessian_shards(sbi_hessian_campaign *h, sbi_executor *exec)
{
    merging m = {.h = h, .tape = sbi_model_tape(h->model)};
    sbi_status status = run(&m, exec);
    for (size_t b = 0; m.blocks && b < h->n_blocks; b++) sbi_shard_free(h->ctx, m.blocks[b].bytes);
    sbi_free(h->ctx, m.blocks);
    sbi_free(h->ctx, m.tasks);
    return status;
}
