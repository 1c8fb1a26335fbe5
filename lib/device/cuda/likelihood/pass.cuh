/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of an event pass work on.
 *
 * A launch works on a batch of whole leaves. A row is a double for each event of the batch, `stride` of them; row r of an array lies at
 * rows + r * stride. Sums over a leaf's events go to `sums`, one set of numbers a leaf, from which gather() makes partial sums. */
#ifndef SBI_CUDA_LIKELIHOOD_PASS_CUH
#define SBI_CUDA_LIKELIHOOD_PASS_CUH

#ifndef _Static_assert
#define _Static_assert static_assert
#endif
extern "C" {
#include "tape/accelerator.h"
}

/* Events of a leaf whose part of a Hessian one block computes. */
#define PIECE 512
#define PIECES (SBI_TAPE_LEAF / PIECE)
/* Rows of factors are multiplied by up to so many rows at once. */
#define DOTS 8

/* One factor of the pass, at this evaluation's alpha. */
struct factor {
    size_t up, down; /* offsets in a leaf */
    int up_dtype, down_dtype;
    int kind; /* FACTOR_LOG, ... */
    int additive;
    sbi_morph_factor at;
};
enum { FACTOR_LOG, FACTOR_RATIO, FACTOR_LINEAR };

/* An operation, with its operands' rows: values above, adjoints (and tangents, in the same order) below. */
struct operation {
    int op, aux, power, active_a, active_b;
    int out, a, b;
    int adjoint_out, adjoint_a, adjoint_b;
    int binary;
};

struct input_column {
    size_t offset;
    int dtype;
};

/* The batch. */
struct batch {
    const char *data; /* of its first leaf */
    size_t leaf_bytes, ranges;
    size_t stride;      /* events of the batch, whole leaves */
    long long first;    /* event of the pass */
    long long n_events; /* of the pass */
    int *fault;         /* [leaves] */
};

/* A reduction; arrays are the device's. */
struct reduction {
    int n_morphs, n_scalars, n_uniform, n_columns, n_ops, n_aux, n_values, n_active, root, root_active, root_adjoint;
    int weights; /* whether there are any */
    input_column weight;
    const int *morphs;            /* [n_morphs] of the pass */
    const int *linear;            /* [n_morphs] */
    const int *input_adjoint;     /* [n_morphs + n_scalars] adjoint row, -1: inactive */
    const input_column *columns;  /* [n_columns] */
    const operation *ops;         /* [n_ops] */
    const double *uniform;        /* [n_uniform] values of scalars; operand -1 - i */
};

#endif
