/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed tape: the scalar graph in evaluation order, and the event passes.
 *
 * All that happens event by event is hidden in reductions R(x) of scalar inputs x. Stage s of an evaluation computes the
 * scalars of stage s, then the passes whose reductions have stage s + 1. A pass streams over one event set once and evaluates all
 * its reductions; morphs are computed once for all of them.
 */
#ifndef SBI_TAPE_PROGRAM_H
#define SBI_TAPE_PROGRAM_H

#include "tape/record.h"

/* One reduction: a narrow program over slots (rows of a chunk). Slots are numbered: morphs, active scalars, fixed scalars,
 * columns, results of operations. Inputs (the x of R(x)): first the alphas of the morphs, each once, then the other scalars. */
typedef struct sbi_reduction {
    int32_t node;    /* the scalar it defines */
    int32_t weights; /* column or -1 */
    int32_t root;    /* slot that is summed */
    int32_t pass;
    size_t n_morphs, n_scalars, n_fixed, n_columns, n_slots, n_ops, n_aux;
    int32_t *morphs;           /* [n_morphs] index into the pass's morphs */
    int32_t *scalars;          /* [n_scalars + n_fixed] scalar nodes */
    int32_t *columns;          /* [n_columns] columns */
    sbi_narrow_op *ops;        /* [n_ops] */
    uint8_t *slot_active;      /* [n_slots] */
    size_t n_inputs, n_alphas; /* the first n_alphas inputs are alphas of morphs */
    int32_t *inputs;           /* [n_inputs] scalar nodes */
    int32_t **morph_inputs;    /* [n_morphs][factors] input of each alpha */
    int32_t *scalar_inputs;    /* [n_scalars] input of each active scalar */
    int32_t reference;         /* of a homogeneous reduction: the morph that the others are compared with; -1 */
    int32_t reserved_;
} sbi_reduction;

typedef struct sbi_pass {
    int32_t stage, events;
    int64_t n_events;
    size_t n_leaves;
    size_t chunk;        /* rows of a chunk: a property of the tape, so that sums do not depend on the machine */
    size_t n_morphs;
    int32_t *morphs;     /* tape morphs */
    size_t *first_factor; /* [n_morphs + 1] */
    size_t n_reductions;
    sbi_reduction *reductions;
    size_t n_sources; /* streamed columns: see source.h */
    int32_t *sources;
    size_t *source_offset; /* [n_sources] of a leaf in a worker's buffer */
    size_t stream_bytes;   /* of that buffer */
} sbi_pass;

typedef struct sbi_scalar_op {
    int32_t node, op, a, b, payload, active;
} sbi_scalar_op;

typedef struct sbi_program {
    int32_t output;
    int32_t n_stages;
    size_t n_scalars;      /* live scalar nodes, in order of (stage, node) */
    sbi_scalar_op *scalars;
    size_t *stage_first;   /* [n_stages + 1] into scalars */
    size_t n_passes;       /* in order of stage */
    sbi_pass *passes;
    int32_t *reduction_of; /* [n_nodes] index into `reductions` of a SUM node, -1 otherwise */
    size_t n_reductions;
    sbi_reduction **reductions;
    /* Which parameters a live scalar v depends on: support[support_first[2v] .. support_first[2v + 1]), ascending. */
    size_t *support_first; /* [2 n_nodes] */
    int32_t *support;
} sbi_program;

void sbi_program_destroy(sbi_context *ctx, sbi_program *program);

/* Builds the narrow program of reduction `r` (node and pass set); morphs are added to the pass as they are met. */
sbi_status sbi_reduction_compile(const sbi_tape *tape, sbi_pass *pass, sbi_reduction *r);
/* Finds out whether the reduction is homogeneous: see homogeneous.c. Part of compiling it. */
sbi_status sbi_reduction_find_reference(const sbi_tape *tape, const sbi_pass *pass, sbi_reduction *r);
void sbi_reduction_clear(sbi_context *ctx, sbi_reduction *r);

#endif
