/* SPDX-License-Identifier: Apache-2.0 */
/* Dot products of scalars with columns: recording, and their rows over a chunk.
 *
 * To a pass a dot product is a wide operation like a morph, with y = sum_k x_k c_k, phi_k = c_k and 1 where a morph has y.
 */
#include <string.h>

#include "tape/event_pass.h"

static sbi_status check(sbi_tape *tape, const sbi_var *x, const sbi_var *columns, size_t n)
{
    SBI_REQUIRE(n > 0 && x && columns, "sbi_tape_dot: %s", n ? "x or columns is NULL" : "n is 0");
    SBI_TRY(sbi_alphas_check(tape, "sbi_tape_dot", "x", x, n));
    for (size_t k = 0; k < n; k++) {
        SBI_REQUIRE(columns[k] >= 0 && (size_t)columns[k] < tape->n_nodes && tape->nodes[columns[k]].op == SBI_NODE_COLUMN,
                    "sbi_tape_dot: columns[%zu] = %d is not a column of this tape", k, columns[k]);
        const int32_t first = tape->nodes[columns[0]].events, here = tape->nodes[columns[k]].events;
        if (here != first)
            return sbi_fail(SBI_ERR_SHAPE, "sbi_tape_dot: columns[%zu] over event set \"%s\", columns[0] over \"%s\"", k,
                            tape->event_sets[here].name, tape->event_sets[first].name);
    }
    return SBI_OK;
}

sbi_var sbi_tape_dot(sbi_tape *tape, const sbi_var *x, const sbi_var *columns, size_t n)
{
    if (!sbi_tape_recording(tape, "sbi_tape_dot")) return SBI_VAR_INVALID;
    sbi_status status = check(tape, x, columns, n);
    if (status == SBI_OK)
        status = sbi_tape_reserve(tape, (void **)&tape->morphs, &tape->cap_morphs, tape->n_morphs, sizeof *tape->morphs);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    sbi_morph *m = &tape->morphs[tape->n_morphs++]; /* counted at once, so that destroy finds what it owns */
    *m = (sbi_morph){.n = n, .code = SBI_CODE_LINEAR, .source = -1};
    m->alphas = sbi_alloc_array(tape->ctx, n, sizeof *m->alphas);
    m->columns = sbi_alloc_array(tape->ctx, n, sizeof *m->columns);
    if (!m->alphas || !m->columns) return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    for (size_t k = 0; k < n; k++) {
        m->alphas[k] = x[k];
        m->columns[k] = tape->nodes[columns[k]].payload;
    }
    return sbi_morph_append(tape, tape->nodes[columns[0]].events, m);
}

/* The sum runs over k in one chain of multiply-adds, in blocks: the first row of a block is the sum so far, times one. So its bits
 * do not depend on whether the rows are kept. */
void sbi_chunk_dot(const sbi_pass_task *task, sbi_chunk_space *space, size_t p, const sbi_chunk *chunk)
{
    enum { BLOCK = SBI_MORPH_SCRATCH_ROWS };
    const sbi_pass *pass = task->pass;
    const sbi_morph *m = &task->tape->morphs[pass->morphs[p]];
    const size_t first = pass->first_factor[p];
    double *y = space->y[p];
    memset(y, 0, chunk->n * sizeof *y);
    for (size_t k = 0; k < m->n; k += BLOCK) {
        const size_t block = m->n - k < BLOCK ? m->n - k : BLOCK;
        const double *rows[BLOCK + 1] = {y};
        double factors[BLOCK + 1] = {1.0};
        for (size_t i = 0; i < block; i++) {
            double *row = space->phi ? space->phi + (first + k + i) * pass->chunk : space->scratch + i * pass->chunk;
            task->kernels->load(row, sbi_chunk_column(task, space, m->columns[k + i]), chunk->first, chunk->valid, chunk->n);
            rows[i + 1] = row;
            factors[i + 1] = task->factors[first + k + i].alpha;
        }
        task->kernels->combine(&y, factors, rows, block + 1, 1, chunk->n);
    }
}
