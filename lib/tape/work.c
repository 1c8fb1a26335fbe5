/* SPDX-License-Identifier: Apache-2.0 */
/* Workspaces, and the run of one event pass. */
#include "tape/work.h"

#include <math.h>
#include <string.h>

#include "base/options.h"
#include "base/pool.h"
#include "tape/function.h"
#include "tape/interpolation.h"

void sbi_tape_work_options_init(sbi_tape_work_options *options)
{
    if (!options) return;
    const sbi_tape_work_options defaults = SBI_TAPE_WORK_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_tape_work_create(sbi_tape_work **out, const sbi_tape *tape)
{
    return sbi_tape_work_create_with(out, tape, NULL);
}

sbi_status sbi_tape_work_create_with(sbi_tape_work **out, const sbi_tape *tape, const sbi_tape_work_options *options)
{
    SBI_REQUIRE(out, "sbi_tape_work_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(tape, "sbi_tape_work_create: tape is NULL");
    if (!tape->program) return sbi_fail(SBI_ERR_STATE, "sbi_tape_work_create: the tape is not sealed");
    sbi_tape_work_options o = SBI_TAPE_WORK_OPTIONS_INIT;
    SBI_TRY(sbi_options_read(&o, sizeof o, sizeof o, options, "sbi_tape_work_options"));
    SBI_REQUIRE(o.precision == SBI_PRECISION_DOUBLE || o.precision == SBI_PRECISION_MIXED,
                "sbi_tape_work_options: precision is %d, must be SBI_PRECISION_DOUBLE or SBI_PRECISION_MIXED", o.precision);
    SBI_REQUIRE(o.device_memory >= 0, "sbi_tape_work_options: device_memory is %lld", (long long)o.device_memory);
    sbi_context *ctx = tape->ctx;
    const sbi_program *program = tape->program;
    sbi_tape_work *work = sbi_alloc_zero(ctx, 1, sizeof *work);
    if (!work) return SBI_ERR_NO_MEMORY;
    work->tape = tape;
    work->program = program;
    work->ctx = ctx;
    work->precision = o.precision;
    work->kernels = sbi_tape_kernels_for(sbi_isa_best());
    const int32_t threads = sbi_context_threads(ctx);
    work->workers = threads > 0 ? (size_t)threads : 1;
    work->info.first_bad_event = -1;
    size_t factors = 0, tasks = 0;
    for (size_t i = 0; i < program->n_passes; i++) {
        const sbi_pass *pass = &program->passes[i];
        if (pass->first_factor[pass->n_morphs] > factors) factors = pass->first_factor[pass->n_morphs];
        if (pass->n_reductions > tasks) tasks = pass->n_reductions;
    }
    work->scratch = sbi_alloc_zero(ctx, work->workers, sizeof *work->scratch);
    work->values = sbi_alloc_zero(ctx, tape->n_nodes, sizeof(double));
    work->adjoints = sbi_alloc_zero(ctx, tape->n_nodes, sizeof(double));
    work->partials = sbi_alloc_zero(ctx, program->n_scalars, sizeof *work->partials);
    work->factors = sbi_alloc_array(ctx, factors, sizeof *work->factors);
    work->tasks = sbi_alloc_zero(ctx, tasks, sizeof *work->tasks);
    work->results = sbi_alloc_zero(ctx, program->n_reductions, sizeof *work->results);
    int ok = work->scratch && work->values && work->adjoints && work->partials && work->factors && work->tasks &&
             work->results && sbi_work_applications_create(work) == SBI_OK;
    for (size_t i = 0; ok && i < program->n_reductions; i++) {
        const sbi_reduction *r = program->reductions[i];
        work->results[i].gradient = sbi_alloc_zero(ctx, r->n_inputs, sizeof(double));
        work->results[i].row_of = sbi_alloc_array(ctx, r->n_inputs, sizeof(int32_t));
        ok = work->results[i].gradient && work->results[i].row_of;
    }
    if (!ok) {
        sbi_tape_work_destroy(work);
        return SBI_ERR_NO_MEMORY;
    }
    const sbi_status status = sbi_accelerator_open(&work->accelerator, tape, o.device, o.device_memory);
    if (status != SBI_OK) {
        sbi_tape_work_destroy(work);
        return status;
    }
    *out = work;
    return SBI_OK;
}

void sbi_tape_work_destroy(sbi_tape_work *work)
{
    if (!work) return;
    sbi_context *ctx = work->ctx;
    sbi_accelerator_destroy(work->accelerator);
    for (size_t i = 0; work->results && i < work->program->n_reductions; i++) {
        sbi_free(ctx, work->results[i].gradient);
        sbi_free(ctx, work->results[i].row_of);
        sbi_free(ctx, work->results[i].hvp);
        sbi_free(ctx, work->results[i].hessian);
    }
    for (size_t i = 0; work->scratch && i < work->workers; i++)
        sbi_free(ctx, work->scratch[i]);
    sbi_work_applications_destroy(work);
    sbi_free(ctx, work->scratch);
    sbi_free(ctx, work->values);
    sbi_free(ctx, work->adjoints);
    sbi_free(ctx, work->partials);
    sbi_free(ctx, work->tangents);
    sbi_free(ctx, work->adjoint_tangents);
    sbi_free(ctx, work->dx);
    sbi_free(ctx, work->jacobian);
    sbi_free(ctx, work->factors);
    sbi_free(ctx, work->tasks);
    sbi_free(ctx, work->results);
    sbi_free(ctx, work);
}

sbi_status sbi_tape_work_set_accelerator(sbi_tape_work *work, const sbi_accelerator_ops *ops, int32_t index, int64_t memory)
{
    sbi_accelerator_destroy(work->accelerator);
    return sbi_accelerator_create(&work->accelerator, work->tape, ops, index, memory);
}

void sbi_tape_work_set_kernels(sbi_tape_work *work, const sbi_tape_kernels *kernels) { work->kernels = kernels; }

sbi_status sbi_tape_last_info(const sbi_tape_work *work, sbi_tape_info *info)
{
    SBI_REQUIRE(work && info, "sbi_tape_last_info: %s is NULL", work ? "info" : "work");
    if (info->struct_size != sizeof *info)
        return sbi_fail(SBI_ERR_ABI, "sbi_tape_last_info: struct_size is %u, this library's is %zu", info->struct_size,
                        sizeof *info);
    const uint32_t size = info->struct_size;
    *info = work->info;
    info->struct_size = size;
    return SBI_OK;
}

/* ---- one pass -------------------------------------------------------------------------------------------------- */

typedef struct pass_run {
    const sbi_pass_task *task;
    sbi_tape_work *work;
    sbi_chunk_space *spaces; /* [workers] */
    uint8_t *ready;          /* [workers] */
} pass_run;

static sbi_status run_part(void *arg, size_t worker, size_t part, sbi_partial *out)
{
    pass_run *run = arg;
    if (!run->ready[worker]) {
        sbi_chunk_space_layout(run->task, run->work->scratch[worker], &run->spaces[worker]);
        sbi_chunk_space_prepare(run->task, &run->spaces[worker]);
        run->ready[worker] = 1;
    }
    return sbi_pass_part(run->task, &run->spaces[worker], part, out);
}

static sbi_status need_scratch(sbi_tape_work *work, size_t size, size_t workers)
{
    if (size > work->scratch_size) { /* old contents are of no use */
        for (size_t i = 0; i < work->workers; i++) {
            sbi_free(work->ctx, work->scratch[i]);
            work->scratch[i] = NULL;
        }
        work->scratch_size = size;
    }
    for (size_t i = 0; i < workers; i++) {
        if (work->scratch[i]) continue;
        work->scratch[i] = sbi_alloc(work->ctx, work->scratch_size);
        if (!work->scratch[i]) return SBI_ERR_NO_MEMORY;
    }
    return SBI_OK;
}

/* Where each result lies in the partial sums; tangents and wanted rows of each reduction. */
static sbi_status plan(sbi_tape_work *work, const sbi_request *request, sbi_pass_task *task)
{
    const sbi_pass *pass = task->pass;
    size_t at = 0, dx = 0;
    for (size_t j = 0; j < pass->n_reductions; j++)
        dx += pass->reductions[j].n_inputs * request->m;
    if (request->want == SBI_WANT_HVP) {
        double *grown = sbi_realloc_array(work->ctx, work->dx, dx, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        work->dx = grown;
    }
    dx = 0;
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        sbi_reduction_task *rt = &work->tasks[j];
        sbi_reduction_result *result = &work->results[work->program->reduction_of[r->node]];
        memset(rt, 0, sizeof *rt);
        rt->value = at++;
        if (request->want == SBI_WANT_VALUE) continue;
        rt->gradient = at;
        at += r->n_inputs;
        if (request->want == SBI_WANT_HVP) {
            double *tangents = work->dx + dx;
            dx += request->m * r->n_inputs;
            for (size_t i = 0; i < request->m; i++)
                for (size_t a = 0; a < r->n_inputs; a++)
                    tangents[i * r->n_inputs + a] = work->tangents[(size_t)r->inputs[a] * request->m + i];
            rt->tangents = tangents;
            rt->diagonal = at;
            at += r->n_alphas;
            rt->hvp = at;
            at += request->m * r->n_inputs;
        } else if (request->want == SBI_WANT_HESSIAN) {
            rt->row_of = result->row_of;
            rt->n_rows = result->n_rows;
            rt->hessian = at;
            at += result->n_rows * r->n_inputs;
        }
    }
    task->reductions = work->tasks;
    task->partial = at;
    return SBI_OK;
}

static sbi_status keep(double **to, sbi_context *ctx, const double *from, size_t n)
{
    double *memory = sbi_realloc_array(ctx, *to, n, sizeof *memory);
    if (!memory) return SBI_ERR_NO_MEMORY;
    *to = memory;
    if (from)
        memcpy(memory, from, n * sizeof *memory);
    else
        memset(memory, 0, n * sizeof *memory);
    return SBI_OK;
}

/* Copies the totals (NULL: no events) to the reductions' results. */
static sbi_status collect(sbi_tape_work *work, const sbi_request *request, const sbi_pass_task *task,
                          const sbi_partial *total)
{
    const double *data = total ? total->data : NULL;
    for (size_t j = 0; j < task->pass->n_reductions; j++) {
        const sbi_reduction *r = &task->pass->reductions[j];
        const sbi_reduction_task *rt = &work->tasks[j];
        sbi_reduction_result *result = &work->results[work->program->reduction_of[r->node]];
        work->values[r->node] = data ? data[rt->value] : 0.0;
        if (request->want == SBI_WANT_VALUE) continue;
        if (data)
            memcpy(result->gradient, data + rt->gradient, r->n_inputs * sizeof(double));
        else
            memset(result->gradient, 0, r->n_inputs * sizeof(double));
        if (request->want == SBI_WANT_HVP) {
            SBI_TRY(keep(&result->hvp, work->ctx, data ? data + rt->hvp : NULL, request->m * r->n_inputs));
            for (size_t i = 0; data && i < request->m; i++)
                for (size_t a = 0; a < r->n_alphas; a++)
                    result->hvp[i * r->n_inputs + a] += rt->tangents[i * r->n_inputs + a] * data[rt->diagonal + a];
        } else if (request->want == SBI_WANT_HESSIAN) {
            SBI_TRY(keep(&result->hessian, work->ctx, data ? data + rt->hessian : NULL, result->n_rows * r->n_inputs));
        }
    }
    if (total && total->bad_events) {
        if (work->info.bad_events == 0) work->info.first_bad_event = total->first_bad;
        work->info.bad_events += total->bad_events;
    }
    return SBI_OK;
}

static size_t parts_of(const sbi_pass *pass)
{
    return (size_t)((pass->n_events + SBI_TAPE_PART - 1) / SBI_TAPE_PART);
}

sbi_status sbi_work_stream(sbi_pass_task *task, sbi_tape_work *work, size_t first, size_t count, sbi_partials *partials)
{
    sbi_chunk_space counted;
    size_t workers = sbi_parallel_workers(work->ctx);
    if (workers > work->workers) workers = work->workers;
    /* What is streamed is read a leaf at a time. */
    const size_t grain = task->pass->n_sources ? SBI_LEAF_PARTS : 1, n_parts = parts_of(task->pass);
    if (workers > count * SBI_LEAF_PARTS / grain) workers = count * SBI_LEAF_PARTS / grain;
    task->workers = workers;
    SBI_TRY(need_scratch(work, sbi_chunk_space_layout(task, NULL, &counted), workers));
    pass_run run = {.task = task, .work = work};
    run.spaces = sbi_alloc_array(work->ctx, workers, sizeof *run.spaces);
    run.ready = sbi_alloc_zero(work->ctx, workers, 1);
    sbi_status status = run.spaces && run.ready ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_partials_run(partials, workers, first, count, n_parts, grain, run_part, &run);
    sbi_free(work->ctx, run.spaces);
    sbi_free(work->ctx, run.ready);
    return status;
}

/* Leaves [first, first + count) of pass `index` into `partials`. */
static sbi_status stream_pass(sbi_pass_task *task, sbi_tape_work *work, size_t index, size_t first, size_t count,
                              sbi_partials *partials)
{
    int done = 0;
    if (work->accelerator)
        SBI_TRY(sbi_accelerator_run(work->accelerator, work, index, task, first, count, partials, &done));
    return done ? SBI_OK : sbi_work_stream(task, work, first, count, partials);
}

static sbi_status run_pass(sbi_tape_work *work, const sbi_request *request, size_t index)
{
    const sbi_pass *pass = &work->program->passes[index];
    const sbi_sharding *sharding = request->sharding;
    sbi_pass_task task = {.tape = work->tape, .pass = pass, .kernels = work->kernels, .want = request->want};
    task.m = request->m;
    task.scalars = work->values;
    task.factors = work->factors;
    for (size_t p = 0; p < pass->n_morphs; p++) {
        const sbi_morph *m = &work->tape->morphs[pass->morphs[p]];
        for (size_t k = 0; k < m->n; k++) {
            sbi_morph_factor *factor = &work->factors[pass->first_factor[p] + k];
            sbi_morph_factor_set(factor, m->code, work->values[m->alphas[k]]);
            if (work->precision == SBI_PRECISION_MIXED && m->storage == SBI_MORPH_LOG)
                sbi_morph_factor_set_series(factor, m->code);
        }
    }
    SBI_TRY(plan(work, request, &task));
    sbi_partials partials;
    SBI_TRY(sbi_partials_init(&partials, work->ctx, task.partial));
    sbi_status status;
    if (sharding && sharding->stage == pass->stage) {
        status = stream_pass(&task, work, index, sharding->first, sharding->count, &partials);
        if (status == SBI_OK) status = sharding->leave(sharding->arg, &partials);
    } else {
        status = sharding ? sharding->fill(sharding->arg, index, &partials)
                          : stream_pass(&task, work, index, 0, pass->n_leaves, &partials);
        if (status == SBI_OK) status = collect(work, request, &task, sbi_partials_total(&partials));
    }
    sbi_partials_clear(&partials);
    return status;
}

/* ---- stages ---------------------------------------------------------------------------------------------------- */

/* Tangents of a scalar that is not a reduction. */
static void scalar_tangent(sbi_tape_work *work, const sbi_request *request, const sbi_scalar_op *op,
                           const sbi_partials_scalar *d)
{
    const size_t m = request->m, n_params = work->tape->n_params;
    double *t = work->tangents + (size_t)op->node * m;
    const double *ta = op->a >= 0 ? work->tangents + (size_t)op->a * m : NULL;
    const double *tb = op->b >= 0 ? work->tangents + (size_t)op->b * m : NULL;
    for (size_t i = 0; i < m; i++) {
        if (op->op == SBI_NODE_PARAM)
            t[i] = request->V[i * n_params + (size_t)op->payload];
        else
            t[i] = (op->active && ta ? d->a * ta[i] : 0.0) + (op->active && tb ? d->b * tb[i] : 0.0);
    }
}

sbi_link sbi_work_link(const sbi_tape_work *work, const sbi_scalar_op *op)
{
    if (op->op == SBI_NODE_APPLY) {
        const sbi_application *f = &work->tape->applications[op->payload];
        const sbi_application_result *result = &work->applications[op->payload];
        return (sbi_link){f->n, f->inputs, result->gradient, result->hvp, result->hessian, NULL};
    }
    const int32_t index = work->program->reduction_of[op->node];
    const sbi_reduction *r = work->program->reductions[index];
    const sbi_reduction_result *result = &work->results[index];
    return (sbi_link){r->n_inputs, r->inputs, result->gradient, result->hvp, result->hessian, result->row_of};
}

static void link_tangent(sbi_tape_work *work, size_t m, const sbi_scalar_op *op)
{
    const sbi_link link = sbi_work_link(work, op);
    for (size_t i = 0; i < m; i++) {
        double t = 0.0;
        for (size_t a = 0; a < link.n; a++)
            t += link.gradient[a] * work->tangents[(size_t)link.inputs[a] * m + i];
        work->tangents[(size_t)op->node * m + i] = t;
    }
}

sbi_status sbi_work_forward(sbi_tape_work *work, const double *theta, const sbi_request *request, int *bad)
{
    const sbi_program *program = work->program;
    const int order = request->want > SBI_WANT_GRADIENT ? 2 : request->want;
    size_t next_pass = 0;
    work->outside = 0;
    for (int32_t stage = 0; stage < program->n_stages; stage++) {
        for (size_t i = program->stage_first[stage]; i < program->stage_first[stage + 1]; i++) {
            const sbi_scalar_op *op = &program->scalars[i];
            if (op->op == SBI_NODE_APPLY) {
                SBI_TRY(sbi_work_apply(work, op, request));
            } else if (op->op != SBI_NODE_SUM) {
                SBI_TRY(sbi_scalar_apply(work->tape, op, theta, work->values, order, &work->values[op->node],
                                         &work->partials[i]));
                if (op->op == SBI_NARROW_MAP || op->op == SBI_NARROW_POISSON)
                    work->outside = isinf(work->values[op->node]) != 0;
                if (request->want == SBI_WANT_HVP) scalar_tangent(work, request, op, &work->partials[i]);
            }
            *bad = work->outside;
            if (work->outside) return SBI_OK;
            if (request->want == SBI_WANT_HVP && sbi_is_link(op->op)) link_tangent(work, request->m, op);
        }
        const sbi_sharding *sharding = request->sharding;
        const int last = sharding && sharding->stage == stage + 1;
        for (; next_pass < program->n_passes && program->passes[next_pass].stage == stage + 1; next_pass++)
            if (!last || next_pass == sharding->pass) SBI_TRY(run_pass(work, request, next_pass));
        if (work->info.bad_events || last) break;
    }
    *bad = work->info.bad_events != 0;
    return SBI_OK;
}

void sbi_work_reverse(sbi_tape_work *work, double *gradient)
{
    const sbi_program *program = work->program;
    double *adjoint = work->adjoints;
    for (size_t i = 0; i < program->n_scalars; i++)
        adjoint[program->scalars[i].node] = 0.0;
    if (gradient) memset(gradient, 0, work->tape->n_params * sizeof *gradient);
    adjoint[program->output] = 1.0;
    for (size_t i = program->n_scalars; i-- > 0;) {
        const sbi_scalar_op *op = &program->scalars[i];
        const double w = adjoint[op->node];
        if (!op->active || w == 0.0) continue;
        if (sbi_is_link(op->op)) {
            const sbi_link link = sbi_work_link(work, op);
            for (size_t a = 0; a < link.n; a++)
                adjoint[link.inputs[a]] += w * link.gradient[a];
        } else if (op->op == SBI_NODE_PARAM) {
            if (gradient) gradient[op->payload] = w;
        } else {
            if (op->a >= 0) adjoint[op->a] += w * work->partials[i].a;
            if (op->b >= 0) adjoint[op->b] += w * work->partials[i].b;
        }
    }
}

void sbi_work_reverse_tangents(sbi_tape_work *work, size_t m, double *HV)
{
    const sbi_program *program = work->program;
    const size_t n_params = work->tape->n_params;
    double *dw = work->adjoint_tangents;
    const double *t = work->tangents;
    for (size_t i = 0; i < program->n_scalars; i++)
        memset(dw + (size_t)program->scalars[i].node * m, 0, m * sizeof *dw);
    memset(HV, 0, m * n_params * sizeof *HV);
    for (size_t i = program->n_scalars; i-- > 0;) {
        const sbi_scalar_op *op = &program->scalars[i];
        if (!op->active) continue;
        const size_t v = (size_t)op->node * m, a = (size_t)op->a * m, b = (size_t)op->b * m;
        const double w = work->adjoints[op->node];
        if (op->op == SBI_NODE_PARAM) {
            for (size_t j = 0; j < m; j++)
                HV[j * n_params + (size_t)op->payload] = dw[v + j];
        } else if (sbi_is_link(op->op)) {
            const sbi_link link = sbi_work_link(work, op);
            for (size_t k = 0; k < link.n; k++)
                for (size_t j = 0; j < m; j++)
                    dw[(size_t)link.inputs[k] * m + j] += dw[v + j] * link.gradient[k] + w * link.hvp[j * link.n + k];
        } else {
            const sbi_partials_scalar *d = &work->partials[i];
            for (size_t j = 0; j < m && op->a >= 0; j++) {
                double second = d->aa * t[a + j];
                if (op->b >= 0) second += d->ab * t[b + j];
                dw[a + j] += dw[v + j] * d->a + w * second;
            }
            for (size_t j = 0; j < m && op->b >= 0; j++)
                dw[b + j] += dw[v + j] * d->b + w * (d->ab * t[a + j] + d->bb * t[b + j]);
        }
    }
}
