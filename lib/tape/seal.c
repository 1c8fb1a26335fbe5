/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: which nodes the output needs, in what order scalars are computed, which passes over events are made. */
#include <stdlib.h>
#include <string.h>

#include "tape/program.h"
#include "tape/source.h"

static void pass_clear(sbi_context *ctx, sbi_pass *pass)
{
    for (size_t j = 0; j < pass->n_reductions; j++)
        sbi_reduction_clear(ctx, &pass->reductions[j]);
    sbi_free(ctx, pass->reductions);
    sbi_free(ctx, pass->morphs);
    sbi_free(ctx, pass->first_factor);
    sbi_free(ctx, pass->sources);
    sbi_free(ctx, pass->source_offset);
}

void sbi_program_destroy(sbi_context *ctx, sbi_program *program)
{
    if (!program) return;
    for (size_t i = 0; i < program->n_passes; i++)
        pass_clear(ctx, &program->passes[i]);
    sbi_free(ctx, program->passes);
    sbi_free(ctx, program->scalars);
    sbi_free(ctx, program->stage_first);
    sbi_free(ctx, program->reduction_of);
    sbi_free(ctx, program->reductions);
    sbi_free(ctx, program->support_first);
    sbi_free(ctx, program->support);
    sbi_free(ctx, program);
}

/* live[v] = 1 for the nodes that the output depends on; operands precede users, so one descending scan does it. */
static void mark_live(const sbi_tape *tape, int32_t output, uint8_t *live)
{
    live[output] = 1;
    for (int32_t v = output; v >= 0; v--) {
        if (!live[v]) continue;
        const sbi_node *node = &tape->nodes[v];
        if (node->a >= 0) live[node->a] = 1;
        if (node->b >= 0) live[node->b] = 1;
        if (node->op == SBI_NODE_MORPH) {
            const sbi_morph *m = &tape->morphs[node->payload];
            for (size_t k = 0; k < m->n; k++)
                live[m->alphas[k]] = 1;
        } else if (node->op == SBI_NODE_APPLY) {
            const sbi_application *f = &tape->applications[node->payload];
            for (size_t k = 0; k < f->n; k++)
                live[f->inputs[k]] = 1;
        }
    }
}

static sbi_status order_scalars(const sbi_tape *tape, sbi_program *program, const uint8_t *live)
{
    program->n_stages = tape->nodes[program->output].stage + 1;
    program->stage_first = sbi_alloc_zero(tape->ctx, (size_t)program->n_stages + 1, sizeof *program->stage_first);
    if (!program->stage_first) return SBI_ERR_NO_MEMORY;
    for (size_t v = 0; v < tape->n_nodes; v++)
        if (live[v] && tape->nodes[v].events < 0) program->stage_first[tape->nodes[v].stage + 1]++;
    for (int32_t s = 0; s < program->n_stages; s++)
        program->stage_first[s + 1] += program->stage_first[s];
    program->n_scalars = program->stage_first[program->n_stages];
    program->scalars = sbi_alloc_array(tape->ctx, program->n_scalars, sizeof *program->scalars);
    if (!program->scalars) return SBI_ERR_NO_MEMORY;
    for (size_t v = 0; v < tape->n_nodes; v++) {
        const sbi_node *node = &tape->nodes[v];
        if (!live[v] || node->events >= 0) continue;
        sbi_scalar_op op = {(int32_t)v, node->op, node->a, node->b, node->payload, node->active};
        program->scalars[program->stage_first[node->stage]++] = op;
    }
    memmove(program->stage_first + 1, program->stage_first, (size_t)program->n_stages * sizeof *program->stage_first);
    program->stage_first[0] = 0;
    return SBI_OK;
}

/* ---- passes ---------------------------------------------------------------------------------------------------- */

typedef struct pass_key {
    int32_t stage, events, node;
} pass_key;

static int compare_keys(const void *x, const void *y)
{
    const pass_key *a = x, *b = y;
    if (a->stage != b->stage) return a->stage < b->stage ? -1 : 1;
    if (a->events != b->events) return a->events < b->events ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

#define CHUNK_BYTES (768u << 10) /* what a chunk's rows may take of a core's second-level cache, with a full Hessian */
#define CHUNK_SMALLEST 32u
#define CHUNK_LARGEST 512u

/* Rows of a chunk: as many as keep its intermediates in cache, in equal shares of a part. */
static size_t choose_chunk(const sbi_pass *pass)
{
    size_t narrow = 0;
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        const size_t rows = 4 * r->n_slots + r->n_aux + (r->n_morphs + r->n_scalars) * r->n_morphs;
        narrow = rows > narrow ? rows : narrow;
    }
    size_t rows = 2 * pass->first_factor[pass->n_morphs] + narrow + 16;
    size_t chunk = CHUNK_BYTES / sizeof(double) / rows;
    if (chunk < CHUNK_SMALLEST) chunk = CHUNK_SMALLEST;
    if (chunk > CHUNK_LARGEST) chunk = CHUNK_LARGEST;
    const size_t chunks = (SBI_TAPE_PART + chunk - 1) / chunk;
    chunk = (SBI_TAPE_PART + chunks - 1) / chunks;
    return (chunk + SBI_ROW_QUANTUM - 1) / SBI_ROW_QUANTUM * SBI_ROW_QUANTUM;
}

static sbi_status fill_pass(const sbi_tape *tape, sbi_pass *pass, const pass_key *keys, size_t n, int32_t index)
{
    sbi_context *ctx = tape->ctx;
    pass->stage = keys[0].stage;
    pass->events = keys[0].events;
    pass->n_events = tape->event_sets[pass->events].n;
    pass->n_leaves = (size_t)((pass->n_events + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF);
    pass->reductions = sbi_alloc_zero(ctx, n, sizeof *pass->reductions);
    if (!pass->reductions) return SBI_ERR_NO_MEMORY;
    pass->n_reductions = n;
    for (size_t j = 0; j < n; j++) {
        pass->reductions[j].node = keys[j].node;
        pass->reductions[j].pass = index;
        SBI_TRY(sbi_reduction_compile(tape, pass, &pass->reductions[j]));
    }
    pass->first_factor = sbi_alloc_zero(ctx, pass->n_morphs + 1, sizeof *pass->first_factor);
    if (!pass->first_factor) return SBI_ERR_NO_MEMORY;
    for (size_t p = 0; p < pass->n_morphs; p++)
        pass->first_factor[p + 1] = pass->first_factor[p] + tape->morphs[pass->morphs[p]].n;
    pass->chunk = choose_chunk(pass);
    return sbi_pass_find_sources(tape, pass);
}

static sbi_status make_passes(const sbi_tape *tape, sbi_program *program, const uint8_t *live)
{
    sbi_context *ctx = tape->ctx;
    size_t n = 0;
    for (size_t v = 0; v < tape->n_nodes; v++)
        n += live[v] && tape->nodes[v].op == SBI_NODE_SUM;
    pass_key *keys = sbi_alloc_array(ctx, n, sizeof *keys);
    program->passes = sbi_alloc_zero(ctx, n, sizeof *program->passes);
    program->reductions = sbi_alloc_zero(ctx, n, sizeof(sbi_reduction *));
    program->reduction_of = sbi_alloc_array(ctx, tape->n_nodes, sizeof *program->reduction_of);
    sbi_status status = keys && program->passes && program->reductions && program->reduction_of ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) goto done;
    n = 0;
    for (size_t v = 0; v < tape->n_nodes; v++) {
        program->reduction_of[v] = -1;
        const sbi_node *node = &tape->nodes[v];
        if (live[v] && node->op == SBI_NODE_SUM)
            keys[n++] = (pass_key){node->stage, tape->nodes[node->a].events, (int32_t)v};
    }
    if (n) qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && keys[end].stage == keys[i].stage && keys[end].events == keys[i].events;)
            end++;
        sbi_pass *pass = &program->passes[program->n_passes];
        program->n_passes++;
        SBI_GOTO(fill_pass(tape, pass, keys + i, end - i, (int32_t)program->n_passes - 1), done);
        for (size_t j = 0; j < pass->n_reductions; j++) {
            program->reduction_of[pass->reductions[j].node] = (int32_t)program->n_reductions;
            program->reductions[program->n_reductions++] = &pass->reductions[j];
        }
    }
done:
    sbi_free(ctx, keys);
    return status;
}

/* ---- supports -------------------------------------------------------------------------------------------------- */

typedef struct support_builder {
    const sbi_tape *tape;
    sbi_program *program;
    uint8_t *seen; /* [n_params] */
    size_t used, capacity;
} support_builder;

static void add_support(support_builder *b, int32_t node, int32_t *lowest, int32_t *highest)
{
    const sbi_program *program = b->program;
    for (size_t i = program->support_first[2 * (size_t)node]; i < program->support_first[2 * (size_t)node + 1]; i++) {
        int32_t p = program->support[i];
        b->seen[p] = 1;
        if (p < *lowest) *lowest = p;
        if (p > *highest) *highest = p;
    }
}

static sbi_status node_support(support_builder *b, const sbi_scalar_op *op)
{
    sbi_program *program = b->program;
    int32_t lowest = INT32_MAX, highest = -1;
    if (op->op == SBI_NODE_PARAM) {
        lowest = highest = op->payload;
        b->seen[op->payload] = 1;
    } else if (op->op == SBI_NODE_SUM) {
        const sbi_reduction *r = program->reductions[program->reduction_of[op->node]];
        for (size_t i = 0; i < r->n_inputs; i++)
            add_support(b, r->inputs[i], &lowest, &highest);
    } else if (op->op == SBI_NODE_APPLY) {
        const sbi_application *f = &b->tape->applications[op->payload];
        for (size_t i = 0; i < f->n; i++)
            add_support(b, f->inputs[i], &lowest, &highest);
    } else {
        if (op->a >= 0) add_support(b, op->a, &lowest, &highest);
        if (op->b >= 0) add_support(b, op->b, &lowest, &highest);
    }
    size_t *range = program->support_first + 2 * (size_t)op->node;
    range[0] = b->used;
    for (int32_t p = lowest; p <= highest; p++) {
        if (!b->seen[p]) continue;
        b->seen[p] = 0;
        if (b->used == b->capacity) {
            size_t capacity = b->capacity ? 2 * b->capacity : 256;
            int32_t *grown = sbi_realloc_array(b->tape->ctx, program->support, capacity, sizeof *grown);
            if (!grown) return SBI_ERR_NO_MEMORY;
            program->support = grown;
            b->capacity = capacity;
        }
        program->support[b->used++] = p;
    }
    range[1] = b->used;
    return SBI_OK;
}

static sbi_status find_supports(const sbi_tape *tape, sbi_program *program)
{
    support_builder b = {.tape = tape, .program = program};
    program->support_first = sbi_alloc_zero(tape->ctx, 2 * tape->n_nodes, sizeof *program->support_first);
    b.seen = sbi_alloc_zero(tape->ctx, tape->n_params, 1);
    sbi_status status = program->support_first && b.seen ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < program->n_scalars && status == SBI_OK; i++)
        status = node_support(&b, &program->scalars[i]);
    sbi_free(tape->ctx, b.seen);
    return status;
}

sbi_status sbi_tape_seal(sbi_tape *tape, sbi_var output)
{
    SBI_REQUIRE(tape, "sbi_tape_seal: tape is NULL");
    if (tape->status != SBI_OK) return sbi_tape_status(tape);
    if (tape->program) return sbi_fail(SBI_ERR_STATE, "sbi_tape_seal: the tape is sealed already");
    SBI_REQUIRE(output >= 0 && (size_t)output < tape->n_nodes, "sbi_tape_seal: output %d is not a node of this tape", output);
    if (tape->nodes[output].events >= 0)
        return sbi_fail(SBI_ERR_SHAPE, "sbi_tape_seal: the output is event-wise, must be a scalar");
    uint8_t *live = sbi_alloc_zero(tape->ctx, tape->n_nodes, 1);
    sbi_program *program = live ? sbi_alloc_zero(tape->ctx, 1, sizeof *program) : NULL;
    sbi_status status = program ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        program->output = output;
        mark_live(tape, output, live);
        status = order_scalars(tape, program, live);
    }
    if (status == SBI_OK) status = make_passes(tape, program, live);
    if (status == SBI_OK) status = find_supports(tape, program);
    sbi_free(tape->ctx, live);
    if (status != SBI_OK) {
        sbi_program_destroy(tape->ctx, program);
        return status;
    }
    tape->program = program;
    return SBI_OK;
}
