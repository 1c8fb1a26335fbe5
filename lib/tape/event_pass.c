/* SPDX-License-Identifier: Apache-2.0 */
/* Values and gradients of the reductions of a pass, chunk by chunk: morphs first, then each reduction's narrow program forward
 * and in reverse, then the gradient's dot products over the rows that the morphs left in cache. */
#include "tape/event_pass.h"

#include <string.h>

#include "base/log.h"
#include "tape/function.h"
#include "tape/interpolation.h"

sbi_narrow_rows sbi_chunk_narrow(const sbi_pass_task *task, const sbi_chunk_space *space, size_t reduction,
                                 const sbi_chunk *chunk)
{
    const sbi_reduction *r = &task->pass->reductions[reduction];
    const sbi_reduction_space *s = &space->reductions[reduction];
    return (sbi_narrow_rows){
        .ops = r->ops,
        .n_ops = r->n_ops,
        .n = chunk->n,
        .order = task->want > SBI_WANT_GRADIENT ? 2 : task->want,
        .value = s->value,
        .aux = s->aux,
        .adjoint = s->adjoint,
        .tangent = s->tangent,
        .adjoint_tangent = s->adjoint_tangent,
        .weight = space->weight,
    };
}

const sbi_tape_column_data *sbi_chunk_column(const sbi_pass_task *task, const sbi_chunk_space *space, int32_t index)
{
    const sbi_column *column = &task->tape->columns[index];
    return column->source >= 0 ? &space->stream.columns[index] : &column->data;
}

/* Where this worker finds the columns of morph p of the pass. */
static void find_columns(const sbi_pass_task *task, const sbi_chunk_space *space, size_t p, const sbi_tape_column_data **up,
                         const sbi_tape_column_data **down)
{
    const sbi_morph *m = &task->tape->morphs[task->pass->morphs[p]];
    const size_t first = task->pass->first_factor[p];
    *up = m->source >= 0 ? space->stream.up + first : m->up;
    *down = m->source >= 0 ? space->stream.down + first : m->down;
}

static void plan_morphs(const sbi_pass_task *task, sbi_chunk_space *space, size_t leaf)
{
    for (size_t p = 0; p < task->pass->n_morphs; p++) {
        const sbi_morph *m = &task->tape->morphs[task->pass->morphs[p]];
        const size_t first = task->pass->first_factor[p];
        const sbi_tape_column_data *up, *down;
        if (m->code == SBI_CODE_LINEAR) continue;
        find_columns(task, space, p, &up, &down);
        sbi_morph_plan(task->factors + first, up, down, m->n, m->storage == SBI_MORPH_LOG, leaf, space->steps + first);
    }
}

static void run_morphs(const sbi_pass_task *task, sbi_chunk_space *space, const sbi_chunk *chunk)
{
    const sbi_pass *pass = task->pass;
    for (size_t p = 0; p < pass->n_morphs; p++) {
        const sbi_morph *m = &task->tape->morphs[pass->morphs[p]];
        const size_t first = pass->first_factor[p];
        if (m->code == SBI_CODE_LINEAR) {
            sbi_chunk_dot(task, space, p, chunk);
            continue;
        }
        sbi_morph_job job = {.factors = task->factors + first, .steps = space->steps + first, .n_factors = m->n};
        find_columns(task, space, p, &job.up, &job.down);
        job.log_stored = m->storage == SBI_MORPH_LOG;
        job.order = task->want > SBI_WANT_GRADIENT ? 2 : task->want;
        job.first = chunk->first;
        job.valid = chunk->valid;
        job.n = chunk->n;
        job.offset = (size_t)(chunk->first % SBI_TAPE_LEAF);
        const size_t end = job.offset + chunk->valid;
        job.next = end < SBI_TAPE_LEAF && chunk->first + (int64_t)chunk->valid < pass->n_events ? end : job.offset;
        job.row = pass->chunk;
        job.y = space->y[p];
        if (space->phi) job.phi = space->phi + first * pass->chunk;
        if (space->chi) job.chi = space->chi + first * pass->chunk;
        job.scratch = space->scratch;
        task->kernels->morph(&job);
        if (job.order > 0 && sbi_interp_is_additive(m->code)) sbi_chunk_find_poles(task, space, p, chunk);
    }
}

static void load_weights(const sbi_pass_task *task, sbi_chunk_space *space, const sbi_reduction *r, sbi_chunk *chunk)
{
    if (r->weights >= 0) {
        task->kernels->load(space->weight, sbi_chunk_column(task, space, r->weights), chunk->first, chunk->valid, chunk->n);
    } else {
        for (size_t e = 0; e < chunk->n; e++)
            space->weight[e] = e < chunk->valid ? 1.0 : 0.0;
    }
    chunk->masked = 0;
    for (size_t e = 0; e < chunk->n; e++)
        chunk->masked |= space->weight[e] == 0.0;
}

void sbi_chunk_factor_dots(const sbi_pass_task *task, size_t reduction, size_t p, const double *const *x, const size_t *ox,
                           size_t nx, const double *rows, size_t n, double *out)
{
    enum { BLOCK = 96 };
    const sbi_pass *pass = task->pass;
    const sbi_reduction *r = &pass->reductions[reduction];
    const size_t first = pass->first_factor[r->morphs[p]], factors = pass->first_factor[r->morphs[p] + 1] - first;
    const double *y[BLOCK];
    size_t oy[BLOCK];
    for (size_t k = 0; k < factors; k += BLOCK) {
        const size_t block = factors - k < BLOCK ? factors - k : BLOCK;
        for (size_t i = 0; i < block; i++) {
            y[i] = rows + (first + k + i) * pass->chunk;
            oy[i] = (size_t)r->morph_inputs[p][k + i];
        }
        sbi_dot_job job = {.x = x, .y = y, .nx = nx, .ny = block, .terms = 1, .n = n, .ox = ox, .oy = oy, .out = out};
        task->kernels->dots(&job);
    }
}

/* d(sum)/d(inputs): scalars by row sums, alphas by dot products of a = c dR/dy with phi. */
static void add_gradient(const sbi_pass_task *task, sbi_chunk_space *space, size_t j, const sbi_chunk *chunk, double *out)
{
    const sbi_tape_kernels *kernels = task->kernels;
    const sbi_reduction *r = &task->pass->reductions[j];
    sbi_reduction_space *s = &space->reductions[j];
    const size_t n = chunk->n, zero = 0;
    const sbi_narrow_rows rows = sbi_chunk_narrow(task, space, j, chunk);
    for (size_t v = 0; v < r->n_slots; v++)
        if (r->slot_active[v]) memset(s->adjoint[v], 0, n * sizeof(double));
    if (r->slot_active[r->root]) memcpy(s->adjoint[r->root], space->weight, n * sizeof(double));
    kernels->reverse(&rows);
    for (size_t p = 0; p < r->n_morphs; p++) {
        if (!r->slot_active[p]) { /* all alphas constant */
            memset(s->scaled[p], 0, n * sizeof(double));
            continue;
        }
        if (chunk->masked) kernels->mask(s->adjoint[p], space->weight, n);
        kernels->product(s->scaled[p], s->adjoint[p], s->scale[p], n);
        if (chunk->masked) kernels->mask(s->scaled[p], space->weight, n);
        const double *x = s->scaled[p];
        sbi_chunk_factor_dots(task, j, p, &x, &zero, 1, space->phi, n, out + task->reductions[j].gradient);
    }
    for (size_t q = 0; q < r->n_scalars; q++) {
        double *adjoint = s->adjoint[r->n_morphs + q];
        if (chunk->masked) kernels->mask(adjoint, space->weight, n);
        const double *x = adjoint, *ones = space->ones;
        const size_t offset = task->reductions[j].gradient + (size_t)r->scalar_inputs[q];
        sbi_dot_job job = {.x = &x, .y = &ones, .nx = 1, .ny = 1, .terms = 1, .n = n, .ox = &offset, .oy = &zero, .out = out};
        kernels->dots(&job);
    }
}

static sbi_status domain_error(const sbi_pass_task *task, const sbi_reduction *r, const sbi_narrow_faults *faults,
                               int64_t first)
{
    char where[300];
    const sbi_narrow_op *op = &r->ops[faults->domain_op];
    sbi_node_describe(task->tape, op->node, where, sizeof where);
    if (faults->map_status != SBI_OK) return sbi_callback_failed(faults->map_status, where);
    const char *what = op->op == SBI_NARROW_DIV     ? "division by zero"
                       : op->op == SBI_NARROW_POWER ? "negative power of zero"
                       : op->op == SBI_NARROW_MAP   ? "the function's value or derivative is not finite"
                       : op->op == SBI_NARROW_SQRT  ? "square root without value or derivative"
                       : op->op == SBI_NARROW_POISSON ? "the count is negative or not finite"
                                                      : "argument not positive and finite";
    return sbi_fail(SBI_ERR_DOMAIN, "%s, event %lld of \"%s\": %s", where, (long long)(first + faults->domain_event),
                    task->tape->event_sets[task->pass->events].name, what);
}

static sbi_status run_reduction(const sbi_pass_task *task, sbi_chunk_space *space, size_t j, sbi_chunk *chunk,
                                sbi_partial *out)
{
    const sbi_reduction *r = &task->pass->reductions[j];
    sbi_reduction_space *s = &space->reductions[j];
    load_weights(task, space, r, chunk);
    SBI_TRY(sbi_chunk_check_poles(task, space, j, chunk));
    for (size_t c = 0; c < r->n_columns; c++)
        task->kernels->load(s->value[r->n_morphs + r->n_scalars + r->n_fixed + c],
                            sbi_chunk_column(task, space, r->columns[c]), chunk->first, chunk->valid, chunk->n);
    const sbi_narrow_rows rows = sbi_chunk_narrow(task, space, j, chunk);
    sbi_narrow_faults faults = {.first_bad = -1, .domain_op = -1};
    task->kernels->forward(&rows, &faults);
    if (faults.domain_op >= 0) return domain_error(task, r, &faults, chunk->first);
    if (faults.bad_events) {
        out->bad_events += faults.bad_events;
        if (out->first_bad < 0 || out->first_bad > chunk->first + faults.first_bad)
            out->first_bad = chunk->first + faults.first_bad;
    }
    out->data[task->reductions[j].value] += task->kernels->weighted_sum(space->weight, s->value[r->root], chunk->n);
    if (task->want == SBI_WANT_VALUE) return SBI_OK;
    add_gradient(task, space, j, chunk, out->data);
    if (task->want == SBI_WANT_HVP) sbi_chunk_hvp(task, space, j, chunk, out->data);
    if (task->want == SBI_WANT_HESSIAN) sbi_chunk_hessian(task, space, j, chunk, out->data);
    return SBI_OK;
}

sbi_status sbi_pass_part(const sbi_pass_task *task, sbi_chunk_space *space, size_t part, sbi_partial *out)
{
    const sbi_pass *pass = task->pass;
    const size_t leaf = part / SBI_LEAF_PARTS;
    if (space->leaf != leaf + 1) {
        space->leaf = 0;
        if (pass->n_sources) SBI_TRY(sbi_stream_read(task->tape, pass, &space->stream, leaf, task->workers));
        plan_morphs(task, space, leaf);
        space->leaf = leaf + 1;
    }
    const int64_t first = (int64_t)part * SBI_TAPE_PART;
    const int64_t last = pass->n_events - first < SBI_TAPE_PART ? pass->n_events : first + SBI_TAPE_PART;
    for (int64_t at = first; at < last; at += (int64_t)pass->chunk) {
        if (at > first) SBI_TRY(sbi_check_cancel(task->tape->ctx, "evaluating a tape")); /* the first one was asked for by the part */
        sbi_chunk chunk = {.first = at};
        const int64_t end = first + SBI_TAPE_PART - at;
        const size_t rows = end < (int64_t)pass->chunk ? (size_t)end : pass->chunk;
        chunk.valid = last - at < (int64_t)rows ? (size_t)(last - at) : rows;
        chunk.n = (chunk.valid + SBI_ROW_QUANTUM - 1) / SBI_ROW_QUANTUM * SBI_ROW_QUANTUM;
        run_morphs(task, space, &chunk);
        for (size_t j = 0; j < pass->n_reductions; j++)
            SBI_TRY(run_reduction(task, space, j, &chunk, out));
    }
    return SBI_OK;
}
