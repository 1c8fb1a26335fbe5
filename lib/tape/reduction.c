/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling what lies under a reduction into a narrow program. */
#include <string.h>

#include "tape/program.h"

void sbi_reduction_clear(sbi_context *ctx, sbi_reduction *r)
{
    for (size_t p = 0; r->morph_inputs && p < r->n_morphs; p++)
        sbi_free(ctx, r->morph_inputs[p]);
    sbi_free(ctx, r->morphs);
    sbi_free(ctx, r->scalars);
    sbi_free(ctx, r->columns);
    sbi_free(ctx, r->ops);
    sbi_free(ctx, r->slot_active);
    sbi_free(ctx, r->inputs);
    sbi_free(ctx, r->morph_inputs);
    sbi_free(ctx, r->scalar_inputs);
}

/* What a node is for the program being compiled. */
enum { UNUSED, MORPH, SCALAR, FIXED, COLUMN, OPERATION };

typedef struct compiler {
    const sbi_tape *tape;
    uint8_t *role; /* [n_nodes] */
    int32_t *slot; /* [n_nodes] */
} compiler;

/* Marks the event-wise nodes under `root` and the scalars and columns that they use. Operands precede users, so one
 * descending scan is enough. */
static void mark(compiler *c, int32_t root)
{
    const sbi_node *nodes = c->tape->nodes;
    c->role[root] = OPERATION;
    for (int32_t v = root; v >= 0; v--) {
        if (c->role[v] == UNUSED) continue;
        const sbi_node *node = &nodes[v];
        if (node->events < 0) {
            c->role[v] = node->active ? SCALAR : FIXED;
        } else if (node->op == SBI_NODE_COLUMN) {
            c->role[v] = COLUMN;
        } else if (node->op == SBI_NODE_MORPH) {
            c->role[v] = MORPH;
        } else {
            c->role[v] = OPERATION;
            c->role[node->a] = OPERATION;
            if (node->b >= 0) c->role[node->b] = OPERATION;
        }
    }
}

/* The index of a tape morph in the pass, added if it is new. */
static sbi_status pass_morph(const sbi_tape *tape, sbi_pass *pass, int32_t morph, int32_t *index)
{
    for (size_t i = 0; i < pass->n_morphs; i++)
        if (pass->morphs[i] == morph) {
            *index = (int32_t)i;
            return SBI_OK;
        }
    int32_t *grown = sbi_realloc_array(tape->ctx, pass->morphs, pass->n_morphs + 1, sizeof *grown);
    if (!grown) return SBI_ERR_NO_MEMORY;
    pass->morphs = grown;
    pass->morphs[pass->n_morphs] = morph;
    *index = (int32_t)pass->n_morphs++;
    return SBI_OK;
}

static sbi_status number_slots(compiler *c, int32_t root, sbi_pass *pass, sbi_reduction *r)
{
    const sbi_tape *tape = c->tape;
    size_t count[OPERATION + 1] = {0};
    for (int32_t v = 0; v <= root; v++)
        count[c->role[v]]++;
    r->n_scalars = count[SCALAR];
    r->n_fixed = count[FIXED];
    r->n_columns = count[COLUMN];
    r->n_ops = count[OPERATION];
    r->n_slots = count[MORPH] + count[SCALAR] + count[FIXED] + count[COLUMN] + count[OPERATION];
    r->morphs = sbi_alloc_array(tape->ctx, count[MORPH], sizeof *r->morphs);
    r->morph_inputs = sbi_alloc_zero(tape->ctx, count[MORPH], sizeof *r->morph_inputs);
    r->scalars = sbi_alloc_array(tape->ctx, count[SCALAR] + count[FIXED], sizeof *r->scalars);
    r->scalar_inputs = sbi_alloc_array(tape->ctx, count[SCALAR], sizeof *r->scalar_inputs);
    r->columns = sbi_alloc_array(tape->ctx, count[COLUMN], sizeof *r->columns);
    r->ops = sbi_alloc_zero(tape->ctx, count[OPERATION], sizeof *r->ops);
    r->slot_active = sbi_alloc_array(tape->ctx, r->n_slots, 1);
    if (!r->morphs || !r->morph_inputs || !r->scalars || !r->scalar_inputs || !r->columns || !r->ops || !r->slot_active)
        return SBI_ERR_NO_MEMORY;
    r->n_morphs = count[MORPH];
    size_t next[OPERATION + 1] = {0}, base[OPERATION + 1] = {0};
    for (int role = MORPH + 1; role <= OPERATION; role++)
        base[role] = base[role - 1] + count[role - 1] * (role - 1 != UNUSED);
    for (int32_t v = 0; v <= root; v++) {
        const int role = c->role[v];
        if (role == UNUSED) continue;
        const size_t i = next[role]++;
        c->slot[v] = (int32_t)(base[role] + i);
        r->slot_active[c->slot[v]] = (uint8_t)tape->nodes[v].active;
        if (role == MORPH)
            SBI_TRY(pass_morph(tape, pass, tape->nodes[v].payload, &r->morphs[i]));
        else if (role == SCALAR)
            r->scalars[i] = v;
        else if (role == FIXED)
            r->scalars[r->n_scalars + i] = v;
        else if (role == COLUMN)
            r->columns[i] = tape->nodes[v].payload;
    }
    r->root = c->slot[root];
    return SBI_OK;
}

static void emit_ops(compiler *c, int32_t root, sbi_reduction *r)
{
    size_t k = 0;
    for (int32_t v = 0; v <= root; v++) {
        if (c->role[v] != OPERATION) continue;
        const sbi_node *node = &c->tape->nodes[v];
        sbi_narrow_op *op = &r->ops[k++];
        op->op = node->op;
        op->out = c->slot[v];
        op->a = c->slot[node->a];
        op->b = node->b >= 0 ? c->slot[node->b] : -1;
        op->active_a = c->tape->nodes[node->a].active;
        op->active_b = node->b >= 0 && c->tape->nodes[node->b].active;
        op->power = node->payload;
        op->node = v;
        op->aux = -1;
        if (node->op >= SBI_NARROW_SQUARE || node->op == SBI_NARROW_DIV) {
            op->aux = (int32_t)r->n_aux;
            r->n_aux += node->op == SBI_NARROW_MAP ? 3 : 2;
        }
        if (node->op == SBI_NARROW_MAP) {
            const sbi_tape_map_function *f = &c->tape->maps[node->payload];
            op->map = (sbi_narrow_map){f->evaluate, f->user};
        }
    }
}

/* Inputs: alphas in the order in which the morphs name them, then scalars that are no alpha. */
static sbi_status number_inputs(compiler *c, const sbi_pass *pass, sbi_reduction *r)
{
    const sbi_tape *tape = c->tape;
    int32_t *input = c->slot; /* reused: input + 1 by node */
    memset(input, 0, tape->n_nodes * sizeof *input);
    size_t most = r->n_scalars;
    for (size_t p = 0; p < r->n_morphs; p++)
        most += tape->morphs[pass->morphs[r->morphs[p]]].n;
    r->inputs = sbi_alloc_array(tape->ctx, most, sizeof *r->inputs);
    if (!r->inputs) return SBI_ERR_NO_MEMORY;
    for (size_t p = 0; p < r->n_morphs; p++) {
        const sbi_morph *m = &tape->morphs[pass->morphs[r->morphs[p]]];
        r->morph_inputs[p] = sbi_alloc_array(tape->ctx, m->n, sizeof **r->morph_inputs);
        if (!r->morph_inputs[p]) return SBI_ERR_NO_MEMORY;
        for (size_t k = 0; k < m->n; k++) {
            if (!input[m->alphas[k]]) {
                r->inputs[r->n_inputs] = m->alphas[k];
                input[m->alphas[k]] = (int32_t)++r->n_inputs;
            }
            r->morph_inputs[p][k] = input[m->alphas[k]] - 1;
        }
    }
    r->n_alphas = r->n_inputs;
    for (size_t q = 0; q < r->n_scalars; q++) {
        if (!input[r->scalars[q]]) {
            r->inputs[r->n_inputs] = r->scalars[q];
            input[r->scalars[q]] = (int32_t)++r->n_inputs;
        }
        r->scalar_inputs[q] = input[r->scalars[q]] - 1;
    }
    return SBI_OK;
}

sbi_status sbi_reduction_compile(const sbi_tape *tape, sbi_pass *pass, sbi_reduction *r)
{
    const sbi_node *sum = &tape->nodes[r->node];
    compiler c = {.tape = tape};
    r->weights = sum->b >= 0 ? tape->nodes[sum->b].payload : -1;
    c.role = sbi_alloc_zero(tape->ctx, tape->n_nodes, 1);
    c.slot = sbi_alloc_zero(tape->ctx, tape->n_nodes, sizeof *c.slot);
    sbi_status status = c.role && c.slot ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        mark(&c, sum->a);
        status = number_slots(&c, sum->a, pass, r);
    }
    if (status == SBI_OK) {
        emit_ops(&c, sum->a, r);
        status = number_inputs(&c, pass, r);
    }
    if (status == SBI_OK) status = sbi_reduction_find_reference(tape, pass, r);
    sbi_free(tape->ctx, c.role);
    sbi_free(tape->ctx, c.slot);
    return status;
}
