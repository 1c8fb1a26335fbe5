/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace: what one evaluation at a time needs beside the tape. */
#ifndef SBI_TAPE_WORK_H
#define SBI_TAPE_WORK_H

#include "tape/accelerator.h"
#include "tape/scalar.h"

/* What an evaluation learnt about a reduction. */
typedef struct sbi_reduction_result {
    double *gradient; /* [n_inputs] */
    double *hvp;      /* [m, n_inputs] */
    double *hessian;  /* [n_rows, n_inputs], laid out as in sbi_reduction_task */
    int32_t *row_of;  /* [n_inputs] */
    size_t n_rows;
} sbi_reduction_result;

/* What an evaluation learnt about an application of a registered function. */
typedef struct sbi_application_result {
    double *x;        /* [n] */
    double *gradient; /* [n] */
    double *hessian;  /* [n, n], symmetric; once a second derivative is asked for */
    double *hvp;      /* [m, n] */
    size_t hvp_m;
} sbi_application_result;

/* A scalar with many operands: a reduction or an applied function, its operands and what an evaluation learnt about it. */
typedef struct sbi_link {
    size_t n;
    const int32_t *inputs;  /* [n] scalar nodes */
    const double *gradient; /* [n] */
    const double *hvp;      /* [m, n] */
    const double *hessian;  /* [rows, n]: see sbi_reduction_task */
    const int32_t *row_of;  /* [n]; NULL: `hessian` is [n, n] */
} sbi_link;

struct sbi_tape_work {
    const sbi_tape *tape;
    const sbi_program *program;
    sbi_context *ctx;
    const sbi_tape_kernels *kernels;
    int32_t precision;
    sbi_accelerator *accelerator; /* NULL: the processor */
    size_t workers;
    void **scratch; /* [workers] */
    size_t scratch_size;
    double *values, *adjoints;       /* [n_nodes], scalars only */
    sbi_partials_scalar *partials;   /* [n_scalars] of the program */
    double *tangents, *adjoint_tangents; /* HVP: [n_nodes, m] */
    double *dx;                      /* HVP: inputs' tangents of the reductions of one pass */
    size_t tangents_m;
    double *jacobian;                /* Hessian: by support */
    sbi_morph_factor *factors;       /* of the largest pass */
    sbi_reduction_task *tasks;       /* of the largest pass */
    sbi_reduction_result *results;   /* [n_reductions] */
    sbi_application_result *applications; /* [n_applications] of the tape */
    int outside;                     /* a registered function's value was +inf */
    sbi_tape_info info;
    int64_t bad_in_stage;
    unsigned char tape_hash[32]; /* of shards, once `hashed` */
    int32_t hashed;
    int32_t reserved_;
};

/* Chooses other kernels than the processor's best; for tests. */
void sbi_tape_work_set_kernels(sbi_tape_work *work, const sbi_tape_kernels *kernels);

/* Events of a workspace are evaluated by this accelerator from now on; `index` says which of its devices. For tests. */
sbi_status sbi_tape_work_set_accelerator(sbi_tape_work *work, const sbi_accelerator_ops *ops, int32_t index, int64_t memory);

/* Leaves [first, first + count) of a pass by the processor, into `partials`. */
sbi_status sbi_work_stream(sbi_pass_task *task, sbi_tape_work *work, size_t first, size_t count, sbi_partials *partials);

/* An evaluation that does not stream over all events: sums over them are at hand. Or it computes such sums, and ends with them. */
typedef struct sbi_sharding {
    size_t pass;         /* whose leaves [first, first + count) are summed, and its stage; stage 0: none */
    int32_t stage;
    size_t first, count;
    void *arg;
    /* Puts the sums of all leaves of a pass into `partials`, whose size says how many numbers there must be. */
    sbi_status (*fill)(void *arg, size_t pass, sbi_partials *partials);
    /* Takes the roots of the pass that was summed. */
    sbi_status (*leave)(void *arg, const sbi_partials *partials);
} sbi_sharding;

/* What an evaluation wants: for HVP V and m, for Hessian rows the range. */
typedef struct sbi_request {
    int want;
    const double *V;
    size_t m;
    size_t first, count;
    const sbi_sharding *sharding; /* NULL: all events */
} sbi_request;

/* First lines of an evaluation: nothing is NULL, theta is finite. */
sbi_status sbi_work_begin(sbi_tape_work *work, const double *theta, const char *function);
/* Which rows of each reduction's Hessian the rows [first, first + count) of the whole one need; before sbi_work_forward(). */
void sbi_work_choose_rows(sbi_tape_work *work, size_t first, size_t count);

static inline int sbi_is_link(int32_t op) { return op == SBI_NODE_SUM || op == SBI_NODE_APPLY; }
sbi_link sbi_work_link(const sbi_tape_work *work, const sbi_scalar_op *op);

/* All stages: scalars forward and event passes. *bad tells that a logarithm's argument was not positive somewhere, or that a
 * registered function's value was +inf; then nothing after that has been computed. */
sbi_status sbi_work_forward(sbi_tape_work *work, const double *theta, const sbi_request *request, int *bad);
/* Adjoints of all scalars, and the gradient. */
void sbi_work_reverse(sbi_tape_work *work, double *gradient);
/* HVP: adjoint tangents after sbi_work_reverse(). */
void sbi_work_reverse_tangents(sbi_tape_work *work, size_t m, double *HV);
/* Rows of the Hessian after sbi_work_reverse(). */
sbi_status sbi_work_hessian_rows(sbi_tape_work *work, size_t first, size_t count, double *rows);

#endif
