/* SPDX-License-Identifier: Apache-2.0 */
/* One streaming pass over an event set: values, gradients and second-order sums of its reductions. */
#ifndef SBI_TAPE_EVENT_PASS_H
#define SBI_TAPE_EVENT_PASS_H

#include "tape/partial.h"
#include "tape/program.h"
#include "tape/source.h"

enum { SBI_WANT_VALUE, SBI_WANT_GRADIENT, SBI_WANT_HVP, SBI_WANT_HESSIAN };

/* What a pass computes for one reduction in this evaluation; offsets are into the partial sums. */
typedef struct sbi_reduction_task {
    const double *tangents; /* HVP: [m, n_inputs] */
    const int32_t *row_of;  /* Hessian: [n_inputs] which row of the result, -1: not wanted */
    size_t n_rows;
    size_t value;
    size_t gradient; /* [n_inputs] */
    size_t diagonal; /* HVP: [n_alphas], sum_i a_i chi_i */
    size_t hvp;      /* [m, n_inputs], without the diagonal's part */
    /* [n_rows, n_inputs]: the pair (a, b), a <= b, is at row_of[a], b, or, where row a is not wanted, at row_of[b], a */
    size_t hessian;
} sbi_reduction_task;

typedef struct sbi_pass_task {
    const sbi_tape *tape;
    const sbi_pass *pass;
    const sbi_tape_kernels *kernels;
    int want;
    size_t m;                        /* HVP: tangents */
    const double *scalars;           /* values, by node */
    const sbi_morph_factor *factors; /* of all morphs of the pass */
    const sbi_reduction_task *reductions;
    size_t partial; /* doubles in a partial sum */
    size_t workers; /* that share the leaves */
} sbi_pass_task;

/* Working memory of one thread for one reduction: rows by slot. */
typedef struct sbi_reduction_space {
    double **value, **adjoint, **tangent, **adjoint_tangent; /* [n_slots] */
    double **aux;                                            /* [n_aux] */
    const double **scale; /* [n_morphs] c: dy = c phi dalpha; y, or of a dot product ones */
    double **scaled;      /* [n_morphs] a = c dR/dy */
    double **coupling;    /* [n_morphs, n_morphs] c_p M_pq c_q + delta_pq a_p, the last of products only */
    double **coupling_rest; /* [n_morphs, n_morphs] of the morphs beside the reference */
    double **mixed;       /* [n_scalars, n_morphs] M_qp c_p */
    double *sums;       /* [max(n_scalars, 1), n_alphas] */
    double **phi; /* [n_morphs, n_alphas] rows, NULL where a morph has not that alpha */
    const double **pair_x, **pair_y; /* tables for dots(), [n_morphs, n_alphas] each */
    size_t *offset_x, *offset_y;     /* [n_alphas] */
    int32_t *index_x, *index_y;      /* [n_alphas] */
    double **outputs, **differences;  /* [m or n_morphs] row pointers */
    double *factors;                 /* HVP: [m, largest number of factors] */
} sbi_reduction_space;

typedef struct sbi_chunk_space {
    double **y;      /* [morphs of the pass] */
    double *phi;     /* [factors, chunk] */
    double *chi;     /* [factors, chunk] */
    double *t;       /* Hessian: [morphs, alphas, chunk] of one reduction */
    double *tangents; /* HVP: [m block, morphs, chunk] */
    double *scratch; /* of the morph kernel */
    size_t leaf;           /* one more than the leaf at hand; 0: none */
    sbi_morph_step *steps; /* [factors] of that leaf */
    double *weight, *ones, *zeros;
    uint8_t *poles;     /* additive codes: [morphs of the pass, chunk] derivatives g'/g that cannot be used */
    uint8_t *has_poles; /* [morphs of the pass] in this chunk */
    sbi_reduction_space *reductions;
    sbi_stream_space stream;
} sbi_chunk_space;

/* HVP: tangents that go through the narrow part together. */
#define SBI_TANGENT_BLOCK 8

/* Lays the space out over `memory` and returns the bytes it takes; with memory NULL it only counts. Afterwards, once a pass,
 * sbi_chunk_space_prepare() fills in what does not change from chunk to chunk. */
size_t sbi_chunk_space_layout(const sbi_pass_task *task, void *memory, sbi_chunk_space *space);
void sbi_chunk_space_prepare(const sbi_pass_task *task, sbi_chunk_space *space);

/* Fills steps [n], the order in which the n factors of a morph are multiplied in a leaf. In morph_plan.c. */
void sbi_morph_plan(const sbi_morph_factor *factors, const sbi_tape_column_data *up, const sbi_tape_column_data *down, size_t n,
                    int log_stored, size_t leaf, sbi_morph_step *steps);

/* The events of one chunk. */
typedef struct sbi_chunk {
    int64_t first;
    size_t valid, n;
    int masked; /* some weights are zero, padding included */
} sbi_chunk;

/* Column `index` of the tape, where this worker finds it. */
const sbi_tape_column_data *sbi_chunk_column(const sbi_pass_task *task, const sbi_chunk_space *space, int32_t index);
/* Morph p of the reduction is a dot product: phi are its columns, of all events the same way, and chi is zero. */
static inline int sbi_chunk_is_linear(const sbi_pass_task *task, size_t reduction, size_t p)
{
    const sbi_pass *pass = task->pass;
    return task->tape->morphs[pass->morphs[pass->reductions[reduction].morphs[p]]].code == SBI_CODE_LINEAR;
}
/* The Hessian of this reduction is formed with differences of phi from those of its reference, which take phi's place. */
static inline int sbi_chunk_takes_differences(const sbi_pass_task *task, size_t reduction)
{
    return task->pass->n_reductions == 1 && task->pass->reductions[reduction].reference >= 0;
}
/* Values, and phi where there is room for it, of morph p of the pass, a dot product. */
void sbi_chunk_dot(const sbi_pass_task *task, sbi_chunk_space *space, size_t p, const sbi_chunk *chunk);

/* Finds the events of a chunk where a factor of an additive morph p is so near to zero that its derivatives are lost, and makes their
 * rows finite; and SBI_ERR_DOMAIN if a reduction's event of non-zero weight is one of them. */
void sbi_chunk_find_poles(const sbi_pass_task *task, sbi_chunk_space *space, size_t p, const sbi_chunk *chunk);
sbi_status sbi_chunk_check_poles(const sbi_pass_task *task, const sbi_chunk_space *space, size_t reduction, const sbi_chunk *chunk);

/* Computes part `part` of a pass into `out`; a worker that takes the parts of a leaf in turn reads its streamed columns once. */
sbi_status sbi_pass_part(const sbi_pass_task *task, sbi_chunk_space *space, size_t part, sbi_partial *out);

/* Second-order sums of a chunk whose values and adjoints are there. */
void sbi_chunk_hvp(const sbi_pass_task *task, sbi_chunk_space *space, size_t reduction, const sbi_chunk *chunk, double *out);
void sbi_chunk_hessian(const sbi_pass_task *task, sbi_chunk_space *space, size_t reduction, const sbi_chunk *chunk,
                       double *out);
/* out[ox[i] + input(k)] += sum_e x[i][e] rows[k][e] over the factors k of the reduction's morph p; rows is phi or chi. */
void sbi_chunk_factor_dots(const sbi_pass_task *task, size_t reduction, size_t p, const double *const *x, const size_t *ox,
                           size_t nx, const double *rows, size_t n, double *out);
/* The rows of a reduction in the kernels' form. */
sbi_narrow_rows sbi_chunk_narrow(const sbi_pass_task *task, const sbi_chunk_space *space, size_t reduction,
                                 const sbi_chunk *chunk);

#endif
