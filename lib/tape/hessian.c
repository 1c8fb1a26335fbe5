/* SPDX-License-Identifier: Apache-2.0 */
/* The Hessian of the whole tape from those of its operations.
 *
 * With J_v = dv/dtheta and the adjoint w_v of each scalar,
 *     H_jk = sum_v w_v sum_{operands a, b of v} (d2v / da db) J_aj J_bk,
 * because a chain of functions has second derivatives only through the second derivatives of its links. J is kept on each
 * scalar's support (the parameters it depends on), so large binned models stay sparse. A pair j <= k is computed by the same
 * operations whichever rows are asked for, and mirrored.
 */
#include <string.h>

#include "tape/work.h"

typedef struct rows_job {
    sbi_tape_work *work;
    size_t first, last; /* wanted rows */
    double *rows;
    double *ja, *jb; /* [n_params] operands' Jacobians, dense */
    size_t *by_param_first; /* [n_params + 1] reduction inputs that depend on a parameter */
    int32_t *by_param_input;
    double *by_param_value;
    double *t; /* [n_inputs of the largest reduction] */
} rows_job;

static void add(const rows_job *job, size_t j, size_t k, double value) /* j <= k */
{
    const size_t n = job->work->tape->n_params;
    if (j >= job->first && j < job->last)
        job->rows[(j - job->first) * n + k] += value;
    else
        job->rows[(k - job->first) * n + j] += value;
}

static const int32_t *support(const sbi_program *program, int32_t node, size_t *n, size_t *at)
{
    *at = program->support_first[2 * (size_t)node];
    *n = program->support_first[2 * (size_t)node + 1] - *at;
    return program->support + *at;
}

static void scatter(const rows_job *job, int32_t node, double *dense)
{
    size_t n, at;
    const int32_t *params = support(job->work->program, node, &n, &at);
    for (size_t i = 0; i < n; i++)
        dense[params[i]] = job->work->jacobian[at + i];
}

static void unscatter(const rows_job *job, int32_t node, double *dense)
{
    size_t n, at;
    const int32_t *params = support(job->work->program, node, &n, &at);
    for (size_t i = 0; i < n; i++)
        dense[params[i]] = 0.0;
}

/* J of every scalar, in evaluation order. */
static void jacobians(const rows_job *job)
{
    sbi_tape_work *work = job->work;
    const sbi_program *program = work->program;
    for (size_t i = 0; i < program->n_scalars; i++) {
        const sbi_scalar_op *op = &program->scalars[i];
        size_t n, at;
        const int32_t *params = support(program, op->node, &n, &at);
        double *out = work->jacobian + at;
        if (n == 0) continue;
        if (op->op == SBI_NODE_PARAM) {
            out[0] = 1.0;
        } else if (sbi_is_link(op->op)) {
            const sbi_link link = sbi_work_link(work, op);
            for (size_t a = 0; a < link.n; a++) {
                size_t count, from;
                const int32_t *of = support(program, link.inputs[a], &count, &from);
                for (size_t s = 0; s < count; s++)
                    job->ja[of[s]] += link.gradient[a] * work->jacobian[from + s];
            }
            for (size_t s = 0; s < n; s++) {
                out[s] = job->ja[params[s]];
                job->ja[params[s]] = 0.0;
            }
        } else {
            const sbi_partials_scalar *d = &work->partials[i];
            scatter(job, op->a, job->ja);
            if (op->b >= 0) scatter(job, op->b, job->jb);
            for (size_t s = 0; s < n; s++)
                out[s] = d->a * job->ja[params[s]] + d->b * job->jb[params[s]];
            unscatter(job, op->a, job->ja);
            if (op->b >= 0) unscatter(job, op->b, job->jb);
        }
    }
}

static int wanted(const rows_job *job, size_t p) { return p >= job->first && p < job->last; }

/* Second derivatives of an elementary operation. */
static void add_elementary(const rows_job *job, const sbi_scalar_op *op, const sbi_partials_scalar *d, double w)
{
    size_t n, at;
    const int32_t *params = support(job->work->program, op->node, &n, &at);
    scatter(job, op->a, job->ja);
    if (op->b >= 0) scatter(job, op->b, job->jb);
    for (size_t s = 0; s < n; s++) {
        const size_t j = (size_t)params[s];
        const double aj = job->ja[j], bj = job->jb[j];
        const int row = wanted(job, j);
        for (size_t u = s; u < n; u++) {
            const size_t k = (size_t)params[u];
            if (!row && !wanted(job, k)) continue;
            const double ak = job->ja[k], bk = job->jb[k];
            add(job, j, k, w * (d->aa * (aj * ak) + d->ab * (aj * bk + bj * ak) + d->bb * (bj * bk)));
        }
    }
    unscatter(job, op->a, job->ja);
    if (op->b >= 0) unscatter(job, op->b, job->jb);
}

/* Element (a, b) of a link's Hessian. */
static double element(const sbi_link *link, size_t a, size_t b)
{
    const size_t low = a < b ? a : b, high = a < b ? b : a;
    if (!link->row_of) return link->hessian[low * link->n + high];
    if (link->row_of[low] >= 0) return link->hessian[(size_t)link->row_of[low] * link->n + high];
    return link->hessian[(size_t)link->row_of[high] * link->n + low];
}

/* Lists, for each parameter, the inputs of a link that depend on it. */
static void index_inputs(const rows_job *job, const sbi_link *link)
{
    const sbi_program *program = job->work->program;
    const size_t n_params = job->work->tape->n_params;
    size_t *first = job->by_param_first;
    memset(first, 0, (n_params + 1) * sizeof *first);
    for (int fill = 0; fill < 2; fill++) {
        for (size_t a = 0; a < link->n; a++) {
            size_t n, at;
            const int32_t *params = support(program, link->inputs[a], &n, &at);
            for (size_t s = 0; s < n; s++) {
                if (!fill) {
                    first[params[s] + 1]++;
                    continue;
                }
                const size_t i = first[params[s]]++;
                job->by_param_input[i] = (int32_t)a;
                job->by_param_value[i] = job->work->jacobian[at + s];
            }
        }
        if (!fill)
            for (size_t p = 0; p < n_params; p++)
                first[p + 1] += first[p];
    }
    memmove(first + 1, first, n_params * sizeof *first);
    first[0] = 0;
}

/* w J^T H J of a link, by columns k: t = H J_.k, then J_.j . t for j <= k. */
static void add_link(const rows_job *job, const sbi_scalar_op *op, double w)
{
    const sbi_link link = sbi_work_link(job->work, op);
    const size_t *first = job->by_param_first;
    size_t n, at;
    const int32_t *params = support(job->work->program, op->node, &n, &at);
    index_inputs(job, &link);
    for (size_t u = 0; u < n; u++) {
        const size_t k = (size_t)params[u];
        const int column = wanted(job, k);
        for (size_t a = 0; a < link.n; a++) {
            if (!column && link.row_of && link.row_of[a] < 0) continue;
            double t = 0.0;
            for (size_t i = first[k]; i < first[k + 1]; i++)
                t += element(&link, a, (size_t)job->by_param_input[i]) * job->by_param_value[i];
            job->t[a] = t;
        }
        for (size_t s = 0; s <= u; s++) {
            const size_t j = (size_t)params[s];
            if (!column && !wanted(job, j)) continue;
            double h = 0.0;
            for (size_t i = first[j]; i < first[j + 1]; i++)
                h += job->by_param_value[i] * job->t[job->by_param_input[i]];
            add(job, j, k, w * h);
        }
    }
}

sbi_status sbi_work_hessian_rows(sbi_tape_work *work, size_t first, size_t count, double *rows)
{
    const sbi_program *program = work->program;
    const size_t n = work->tape->n_params;
    rows_job job = {.work = work, .first = first, .last = first + count, .rows = rows};
    size_t inputs = 0, pairs = 0, support_size = 0;
    for (size_t i = 0; i < program->n_scalars; i++) {
        if (sbi_is_link(program->scalars[i].op)) {
            const sbi_link link = sbi_work_link(work, &program->scalars[i]);
            size_t here = 0;
            for (size_t a = 0; a < link.n; a++)
                here += program->support_first[2 * (size_t)link.inputs[a] + 1] - program->support_first[2 * (size_t)link.inputs[a]];
            pairs = here > pairs ? here : pairs;
            inputs = link.n > inputs ? link.n : inputs;
        }
        const size_t end = program->support_first[2 * (size_t)program->scalars[i].node + 1];
        support_size = end > support_size ? end : support_size;
    }
    if (!work->jacobian) work->jacobian = sbi_alloc_array(work->ctx, support_size, sizeof(double));
    job.ja = sbi_alloc_zero(work->ctx, 2 * n, sizeof(double));
    job.by_param_first = sbi_alloc_array(work->ctx, n + 1, sizeof(size_t));
    job.by_param_input = sbi_alloc_array(work->ctx, pairs, sizeof(int32_t));
    job.by_param_value = sbi_alloc_array(work->ctx, pairs, sizeof(double));
    job.t = sbi_alloc_array(work->ctx, inputs, sizeof(double));
    sbi_status status = SBI_ERR_NO_MEMORY;
    if (work->jacobian && job.ja && job.by_param_first && job.by_param_input && job.by_param_value && job.t) {
        status = SBI_OK;
        job.jb = job.ja + n;
        memset(rows, 0, count * n * sizeof *rows);
        jacobians(&job);
        for (size_t i = 0; i < program->n_scalars; i++) {
            const sbi_scalar_op *op = &program->scalars[i];
            const double w = work->adjoints[op->node];
            if (!op->active || w == 0.0) continue;
            if (sbi_is_link(op->op))
                add_link(&job, op, w);
            else if (work->partials[i].aa != 0.0 || work->partials[i].ab != 0.0 || work->partials[i].bb != 0.0)
                add_elementary(&job, op, &work->partials[i], w);
        }
        for (size_t j = first; j < first + count; j++) /* pairs with both rows wanted stand in the upper one */
            for (size_t k = j + 1; k < first + count; k++)
                rows[(k - first) * n + j] = rows[(j - first) * n + k];
    }
    sbi_free(work->ctx, job.ja);
    sbi_free(work->ctx, job.by_param_first);
    sbi_free(work->ctx, job.by_param_input);
    sbi_free(work->ctx, job.by_param_value);
    sbi_free(work->ctx, job.t);
    return status;
}
