/* SPDX-License-Identifier: Apache-2.0 */
/* Working memory of a thread in an event pass. */
#include <string.h>

#include "tape/event_pass.h"

/* Takes pieces of a block one after the other; with base NULL it only counts. */
typedef struct arena {
    char *base;
    size_t used;
} arena;

static void *take(arena *a, size_t count, size_t size)
{
    void *p = a->base ? a->base + a->used : NULL;
    a->used += (count * size + SBI_ALIGNMENT - 1) / SBI_ALIGNMENT * SBI_ALIGNMENT;
    return p;
}

/* `n` rows with a table of pointers to them; skips where keep is given and zero. */
static double **take_rows(arena *a, size_t n, size_t chunk, const uint8_t *keep, size_t from)
{
    double **table = take(a, n, sizeof *table);
    for (size_t i = 0; i < n; i++) {
        double *row = i < from || (keep && !keep[i]) ? NULL : take(a, chunk, sizeof *row);
        if (table) table[i] = row;
    }
    return table;
}

static void layout_reduction(const sbi_pass_task *task, size_t j, arena *a, sbi_reduction_space *s)
{
    const sbi_pass *pass = task->pass;
    const sbi_reduction *r = &pass->reductions[j];
    const size_t chunk = pass->chunk, inner = r->n_morphs + r->n_scalars;
    s->value = take_rows(a, r->n_slots, chunk, NULL, r->n_morphs);
    s->aux = take_rows(a, r->n_aux, chunk, NULL, 0);
    if (task->want == SBI_WANT_VALUE) return;
    s->adjoint = take_rows(a, r->n_slots, chunk, r->slot_active, 0);
    s->scale = take(a, r->n_morphs, sizeof(double *));
    s->scaled = take_rows(a, r->n_morphs, chunk, NULL, 0);
    s->sums = take(a, (r->n_scalars ? r->n_scalars : 1) * r->n_alphas, sizeof(double));
    s->offset_x = take(a, r->n_alphas, sizeof(size_t));
    s->offset_y = take(a, r->n_alphas, sizeof(size_t));
    s->phi = take(a, r->n_morphs * r->n_alphas, sizeof(double *));
    if (task->want == SBI_WANT_GRADIENT) return;
    s->tangent = take_rows(a, r->n_slots, chunk, r->slot_active, task->want == SBI_WANT_HESSIAN ? inner : r->n_morphs);
    s->adjoint_tangent = take_rows(a, r->n_slots, chunk, r->slot_active, 0);
    if (task->want == SBI_WANT_HVP) {
        size_t most = 0;
        for (size_t p = 0; p < pass->n_morphs; p++)
            most = task->tape->morphs[pass->morphs[p]].n > most ? task->tape->morphs[pass->morphs[p]].n : most;
        s->outputs = take(a, SBI_TANGENT_BLOCK, sizeof(double *));
        s->factors = take(a, SBI_TANGENT_BLOCK * most, sizeof(double));
        s->pair_x = take(a, most, sizeof(double *));
        s->pair_y = take(a, SBI_TANGENT_BLOCK, sizeof(double *));
        return;
    }
    s->coupling = take_rows(a, r->n_morphs * r->n_morphs, chunk, NULL, 0);
    s->coupling_rest = take(a, r->n_morphs * r->n_morphs, sizeof(double *));
    s->mixed = take_rows(a, r->n_scalars * r->n_morphs, chunk, NULL, 0);
    s->pair_x = take(a, r->n_morphs * r->n_alphas, sizeof(double *));
    s->pair_y = take(a, r->n_morphs * r->n_alphas, sizeof(double *));
    s->index_x = take(a, r->n_alphas, sizeof(int32_t));
    s->index_y = take(a, r->n_alphas, sizeof(int32_t));
    s->outputs = take(a, r->n_morphs, sizeof(double *));
    s->differences = take(a, r->n_morphs, sizeof(double *));
}

size_t sbi_chunk_space_layout(const sbi_pass_task *task, void *memory, sbi_chunk_space *space)
{
    const sbi_pass *pass = task->pass;
    const size_t factors = pass->first_factor[pass->n_morphs], chunk = pass->chunk;
    arena a = {.base = memory};
    memset(space, 0, sizeof *space);
    space->reductions = take(&a, pass->n_reductions, sizeof *space->reductions);
    if (pass->n_sources) {
        space->stream.buffer = take(&a, pass->stream_bytes, 1);
        space->stream.up = take(&a, factors, sizeof *space->stream.up);
        space->stream.down = take(&a, factors, sizeof *space->stream.down);
        space->stream.columns = take(&a, task->tape->n_columns, sizeof *space->stream.columns);
    }
    space->y = take_rows(&a, pass->n_morphs, chunk, NULL, 0);
    space->poles = take(&a, pass->n_morphs * chunk, 1);
    space->has_poles = take(&a, pass->n_morphs, 1);
    space->steps = take(&a, factors, sizeof *space->steps);
    space->scratch = take(&a, SBI_MORPH_SCRATCH_ROWS * chunk, sizeof(double));
    space->weight = take(&a, chunk, sizeof(double));
    space->ones = take(&a, chunk, sizeof(double));
    space->zeros = take(&a, chunk, sizeof(double));
    if (task->want >= SBI_WANT_GRADIENT) space->phi = take(&a, factors * chunk, sizeof(double));
    if (task->want >= SBI_WANT_HVP) space->chi = take(&a, factors * chunk, sizeof(double));
    size_t t_rows = 0, most_morphs = 0;
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        t_rows = r->n_morphs * r->n_alphas > t_rows ? r->n_morphs * r->n_alphas : t_rows;
        most_morphs = r->n_morphs > most_morphs ? r->n_morphs : most_morphs;
    }
    if (task->want == SBI_WANT_HVP)
        space->tangents = take(&a, SBI_TANGENT_BLOCK * 2 * most_morphs * chunk, sizeof(double));
    if (task->want == SBI_WANT_HESSIAN) {
        /* A single reduction is done with chi before it writes t: one block serves both, and stays in cache. */
        if (pass->n_reductions == 1 && t_rows <= factors)
            space->t = space->chi;
        else
            space->t = take(&a, t_rows * chunk, sizeof(double));
    }
    for (size_t j = 0; j < pass->n_reductions; j++) {
        sbi_reduction_space counted = {0};
        layout_reduction(task, j, &a, space->reductions ? &space->reductions[j] : &counted);
    }
    return a.used;
}

void sbi_chunk_space_prepare(const sbi_pass_task *task, sbi_chunk_space *space)
{
    const sbi_pass *pass = task->pass;
    const size_t chunk = pass->chunk;
    space->leaf = 0;
    memset(space->has_poles, 0, pass->n_morphs);
    sbi_stream_prepare(task->tape, pass, &space->stream);
    for (size_t e = 0; e < chunk; e++) {
        space->ones[e] = 1.0;
        space->zeros[e] = 0.0;
    }
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        sbi_reduction_space *s = &space->reductions[j];
        for (size_t p = 0; p < r->n_morphs; p++)
            s->value[p] = space->y[r->morphs[p]];
        for (size_t q = 0; q < r->n_scalars + r->n_fixed; q++)
            for (size_t e = 0; e < chunk; e++)
                s->value[r->n_morphs + q][e] = task->scalars[r->scalars[q]];
        if (task->want == SBI_WANT_VALUE) continue;
        for (size_t i = 0; i < r->n_morphs * r->n_alphas; i++)
            s->phi[i] = NULL;
        for (size_t p = 0; p < r->n_morphs; p++) {
            s->scale[p] = sbi_chunk_is_linear(task, j, p) ? space->ones : s->value[p];
            const size_t first = pass->first_factor[r->morphs[p]];
            const size_t n = pass->first_factor[r->morphs[p] + 1] - first;
            for (size_t k = 0; k < n; k++)
                s->phi[p * r->n_alphas + (size_t)r->morph_inputs[p][k]] = space->phi + (first + k) * chunk;
        }
    }
}
