/* SPDX-License-Identifier: Apache-2.0 */
/* The tape's side of an accelerator: leaves in its layout, partial sums from it, leaves that it refuses. */
#include "tape/accelerator.h"

#include <string.h>

#include "base/log.h"
#include "base/pool.h"
#include "device/plugin.h"
#include "tape/work.h"

/* What an accelerator has of one pass; `unsupported` once it has said that it cannot do the pass at all. */
typedef struct prepared_pass {
    sbi_accelerator_layout layout;
    sbi_accelerator_column *places; /* what the layout points to */
    void *handle;
    int unsupported;
} prepared_pass;

struct sbi_accelerator {
    sbi_context *ctx;
    const sbi_tape *tape;
    const sbi_accelerator_ops *ops;
    void *self;
    int64_t memory;
    prepared_pass *passes; /* [n_passes] of the program */
};

typedef struct pass_host {
    sbi_accelerator_host host; /* host.self is this struct */
    sbi_accelerator *accelerator;
    sbi_tape_work *work;
    const sbi_pass_task *task;
    const sbi_accelerator_layout *layout;
    sbi_partials *partials;
} pass_host;

/* ---- layout ---------------------------------------------------------------------------------------------------- */

static size_t dtype_bytes(int32_t dtype) { return dtype == SBI_F16 ? 2 : dtype == SBI_F32 ? 4 : 8; }

static void place(sbi_accelerator_column *out, const sbi_tape_column_data *column, size_t *at)
{
    out->dtype = column->dtype == SBI_F16 || column->dtype == SBI_F32 ? column->dtype : SBI_F64;
    out->offset = *at;
    *at += SBI_TAPE_LEAF * dtype_bytes(out->dtype);
}

static void place_column(sbi_accelerator_column *places, const sbi_tape *tape, int32_t index, size_t *at)
{
    if (index >= 0 && !places[index].dtype) place(&places[index], &tape->columns[index].data, at);
}

static sbi_status lay_out(sbi_accelerator *a, const sbi_pass *pass, prepared_pass *out)
{
    const size_t factors = pass->first_factor[pass->n_morphs], n_columns = a->tape->n_columns;
    size_t at = 0;
    out->places = sbi_alloc_zero(a->ctx, 2 * factors + n_columns, sizeof *out->places);
    if (!out->places) return SBI_ERR_NO_MEMORY;
    sbi_accelerator_column *up = out->places, *down = up + factors, *columns = down + factors;
    for (size_t p = 0; p < pass->n_morphs; p++) {
        const sbi_morph *m = &a->tape->morphs[pass->morphs[p]];
        for (size_t k = 0; k < m->n; k++) {
            const size_t f = pass->first_factor[p] + k;
            if (m->code == SBI_CODE_LINEAR) {
                place_column(columns, a->tape, m->columns[k], &at);
                up[f] = columns[m->columns[k]];
                continue;
            }
            place(&up[f], &m->up[k], &at);
            place(&down[f], &m->down[k], &at);
        }
    }
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        place_column(columns, a->tape, r->weights, &at);
        for (size_t c = 0; c < r->n_columns; c++)
            place_column(columns, a->tape, r->columns[c], &at);
    }
    out->layout = (sbi_accelerator_layout){.tape = a->tape, .pass = pass, .ranges = at, .up = up, .down = down, .columns = columns};
    out->layout.memory = a->memory;
    out->layout.leaf_bytes = (at + 2 * factors + SBI_ALIGNMENT - 1) / SBI_ALIGNMENT * SBI_ALIGNMENT;
    return SBI_OK;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct read_job {
    const pass_host *host;
    size_t first, count, workers;
    char *out;
} read_job;

/* One column of a leaf, padded; padding is the logarithm of one, or one. */
static void copy_column(const read_job *job, char *leaf_out, const sbi_accelerator_column *to, const sbi_tape_column_data *from,
                        int64_t first, size_t valid, double padding)
{
    char *out = leaf_out + to->offset;
    const size_t size = dtype_bytes(to->dtype);
    const char *p = sbi_column_at(from, first);
    if (from->dtype != to->dtype) { /* integers */
        job->host->task->kernels->load((double *)(void *)out, from, first, valid, valid);
    } else if (from->contiguous) {
        memcpy(out, p, valid * size);
    } else {
        for (size_t e = 0; e < valid; e++, p += from->stride)
            memcpy(out + e * size, p, size);
    }
    for (size_t e = valid; e < SBI_TAPE_LEAF; e++) {
        const uint16_t half = padding == 1.0 ? 0x3c00 : 0;
        const float single = (float)padding;
        memcpy(out + e * size, size == 2 ? (const void *)&half : size == 4 ? (const void *)&single : (const void *)&padding, size);
    }
}

static void copy_leaf(const read_job *job, const sbi_stream_space *stream, size_t leaf, char *out)
{
    const sbi_accelerator_layout *layout = job->host->layout;
    const sbi_pass *pass = layout->pass;
    const sbi_tape *tape = layout->tape;
    const int64_t first = (int64_t)leaf * SBI_TAPE_LEAF;
    const size_t valid = pass->n_events - first < SBI_TAPE_LEAF ? (size_t)(pass->n_events - first) : SBI_TAPE_LEAF;
    uint8_t *ranges = (uint8_t *)out + layout->ranges;
    for (size_t p = 0; p < pass->n_morphs; p++) {
        const sbi_morph *m = &tape->morphs[pass->morphs[p]];
        const size_t from = pass->first_factor[p];
        const int logs = m->storage == SBI_MORPH_LOG;
        for (size_t k = 0; k < m->n && m->code != SBI_CODE_LINEAR; k++) {
            const size_t f = from + k;
            const sbi_tape_column_data *up = m->source >= 0 ? &stream->up[f] : &m->up[k];
            const sbi_tape_column_data *down = m->source >= 0 ? &stream->down[f] : &m->down[k];
            copy_column(job, out, &layout->up[f], up, first, valid, logs ? 0.0 : 1.0);
            copy_column(job, out, &layout->down[f], down, first, valid, logs ? 0.0 : 1.0);
            ranges[2 * f] = logs ? up->range[leaf] : SBI_RANGE_FULL;
            ranges[2 * f + 1] = logs ? down->range[leaf] : SBI_RANGE_FULL;
        }
    }
    for (size_t c = 0; c < tape->n_columns; c++) {
        if (!layout->columns[c].dtype) continue;
        const sbi_tape_column_data *column = tape->columns[c].source >= 0 ? &stream->columns[c] : &tape->columns[c].data;
        copy_column(job, out, &layout->columns[c], column, first, valid, 0.0);
    }
}

static sbi_status read_worker(void *arg, size_t worker)
{
    const read_job *job = arg;
    const sbi_accelerator_layout *layout = job->host->layout;
    const sbi_pass *pass = layout->pass;
    sbi_context *ctx = layout->tape->ctx;
    const size_t factors = pass->first_factor[pass->n_morphs];
    sbi_stream_space stream = {0};
    sbi_status status = SBI_OK;
    if (pass->n_sources) {
        stream.buffer = sbi_alloc(ctx, pass->stream_bytes);
        stream.up = sbi_alloc_array(ctx, factors, sizeof *stream.up);
        stream.down = sbi_alloc_array(ctx, factors, sizeof *stream.down);
        stream.columns = sbi_alloc_array(ctx, layout->tape->n_columns, sizeof *stream.columns);
        if (stream.buffer && stream.up && stream.down && stream.columns)
            sbi_stream_prepare(layout->tape, pass, &stream);
        else
            status = SBI_ERR_NO_MEMORY;
    }
    for (size_t i = worker; i < job->count && status == SBI_OK; i += job->workers) {
        status = sbi_check_cancel(ctx, "reading columns for a device");
        if (status == SBI_OK && pass->n_sources)
            status = sbi_stream_read(layout->tape, pass, &stream, job->first + i, job->workers);
        if (status == SBI_OK) copy_leaf(job, &stream, job->first + i, job->out + i * layout->leaf_bytes);
    }
    sbi_free(ctx, stream.buffer);
    sbi_free(ctx, stream.up);
    sbi_free(ctx, stream.down);
    sbi_free(ctx, stream.columns);
    return status;
}

static sbi_status host_read(void *self, size_t first, size_t count, void *out)
{
    const pass_host *host = self;
    read_job job = {.host = host, .first = first, .count = count, .out = out};
    job.workers = sbi_parallel_workers(host->accelerator->ctx);
    if (job.workers > count) job.workers = count;
    return sbi_parallel_for(host->accelerator->ctx, job.workers, read_worker, &job);
}

/* ---- results --------------------------------------------------------------------------------------------------- */

static sbi_status host_take(void *self, size_t index, int32_t level, int64_t bad_events, int64_t first_bad, const double *data)
{
    pass_host *host = self;
    sbi_partial *node;
    SBI_TRY(sbi_partials_take(host->partials, index, level, &node));
    node->bad_events = bad_events;
    node->first_bad = bad_events ? first_bad : -1;
    memcpy(node->data, data, host->partials->size * sizeof *data);
    sbi_partials_add(host->partials, node);
    return SBI_OK;
}

static sbi_status host_refuse(void *self, size_t leaf)
{
    pass_host *host = self;
    sbi_pass_task task = *host->task;
    return sbi_work_stream(&task, host->work, leaf, 1, host->partials);
}

static sbi_status host_cancelled(void *self)
{
    const pass_host *host = self;
    return sbi_check_cancel(host->accelerator->ctx, "evaluating a tape on a device");
}

/* ---- opening and running --------------------------------------------------------------------------------------- */

sbi_status sbi_accelerator_check(const sbi_accelerator_ops *ops)
{
    SBI_REQUIRE(ops, "accelerator: the table of operations is NULL");
    if (ops->abi != SBI_ACCELERATOR_ABI || ops->struct_size < sizeof *ops)
        return sbi_fail(SBI_ERR_ABI, "accelerator: contract %u with a table of %u bytes, expected %u with %zu", (unsigned)ops->abi,
                        (unsigned)ops->struct_size, (unsigned)SBI_ACCELERATOR_ABI, sizeof *ops);
    SBI_REQUIRE(ops->name && ops->open && ops->prepare && ops->run && ops->release && ops->close,
                "accelerator %s: an operation is missing", ops->name ? ops->name : "without name");
    return SBI_OK;
}

sbi_status sbi_accelerator_create(sbi_accelerator **out, const sbi_tape *tape, const sbi_accelerator_ops *ops, int32_t index,
                                  int64_t memory)
{
    *out = NULL;
    SBI_TRY(sbi_accelerator_check(ops));
    sbi_accelerator *a = sbi_alloc_zero(tape->ctx, 1, sizeof *a);
    if (!a) return SBI_ERR_NO_MEMORY;
    a->ctx = tape->ctx;
    a->tape = tape;
    a->ops = ops;
    a->memory = memory;
    a->passes = sbi_alloc_zero(tape->ctx, tape->program->n_passes, sizeof *a->passes);
    pass_host host = {.accelerator = a};
    host.host = (sbi_accelerator_host){&host, host_read, host_take, host_refuse, host_cancelled, sbi_error_set_message};
    const sbi_status status = a->passes ? ops->open(&a->self, index, &host.host) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) {
        sbi_free(a->ctx, a->passes);
        sbi_free(a->ctx, a);
        return status;
    }
    *out = a;
    return SBI_OK;
}

void sbi_accelerator_destroy(sbi_accelerator *a)
{
    if (!a) return;
    for (size_t i = 0; i < a->tape->program->n_passes; i++) {
        if (a->passes[i].handle) a->ops->release(a->passes[i].handle);
        sbi_free(a->ctx, a->passes[i].places);
    }
    a->ops->close(a->self);
    sbi_free(a->ctx, a->passes);
    sbi_free(a->ctx, a);
}

sbi_status sbi_accelerator_open(sbi_accelerator **out, const sbi_tape *tape, const char *device, int64_t memory)
{
    *out = NULL;
    if (!device || strcmp(device, "cpu") == 0) return SBI_OK;
    const sbi_device_plugin *plugin;
    SBI_TRY(sbi_device_plugin_load(&plugin, tape->ctx, device));
    const char *options = device + strcspn(device, ":?");
    int32_t index = 0;
    if (*options == ':')
        for (options++; *options >= '0' && *options <= '9' && index < 10000; options++)
            index = 10 * index + (*options - '0');
    if (*options || options[-1] == ':')
        return sbi_fail(SBI_ERR_ARGUMENT, "device %s: expected a name and a number, as in \"cuda:1\"", device);
    const sbi_accelerator_ops *ops = plugin->find ? plugin->find(SBI_ACCELERATOR_CONTRACT) : NULL;
    if (!ops) return sbi_fail(SBI_ERR_UNSUPPORTED, "device %s: it trains networks only", device);
    return sbi_accelerator_create(out, tape, ops, index, memory);
}

const char *sbi_accelerator_name(const sbi_accelerator *a) { return a->ops->name; }

static sbi_status prepare(sbi_accelerator *a, size_t index, const pass_host *host)
{
    prepared_pass *p = &a->passes[index];
    const sbi_pass *pass = &a->tape->program->passes[index];
    if (p->handle || p->unsupported) return SBI_OK;
    if (!p->places) SBI_TRY(lay_out(a, pass, p));
    const sbi_status status = a->ops->prepare(a->self, &p->handle, &p->layout, &host->host);
    if (status != SBI_ERR_UNSUPPORTED) return status;
    p->unsupported = 1;
    sbi_log(a->ctx, SBI_LOG_WARNING, "%s: the processor evaluates \"%s\": %s", a->ops->name,
            a->tape->event_sets[pass->events].name, sbi_last_error());
    return SBI_OK;
}

sbi_status sbi_accelerator_run(sbi_accelerator *a, sbi_tape_work *work, size_t index, const sbi_pass_task *task, size_t first,
                               size_t count, sbi_partials *partials, int *done)
{
    pass_host host = {.accelerator = a, .work = work, .task = task, .layout = &a->passes[index].layout, .partials = partials};
    host.host = (sbi_accelerator_host){&host, host_read, host_take, host_refuse, host_cancelled, sbi_error_set_message};
    *done = 0;
    if (count == 0) return SBI_OK;
    SBI_TRY(sbi_check_cancel(a->ctx, "evaluating a tape on a device"));
    SBI_TRY(prepare(a, index, &host));
    if (a->passes[index].unsupported) return SBI_OK;
    const sbi_status status = a->ops->run(a->passes[index].handle, task, first, count, &host.host);
    if (status == SBI_ERR_UNSUPPORTED) return SBI_OK;
    *done = status == SBI_OK;
    return status;
}
