/* SPDX-License-Identifier: Apache-2.0 */
/* What a pass looks like to the kernels, worked out on the host: what stays the same, and what one evaluation wants. */
#ifndef SBI_CUDA_LIKELIHOOD_PLAN_CUH
#define SBI_CUDA_LIKELIHOOD_PLAN_CUH

#include "device/cuda/likelihood/memory.cuh"

/* A reduction: sizes, and offsets into the pass's tables. */
struct reduction_plan {
    reduction sizes; /* without addresses */
    size_t morphs, linear, input_adjoint, columns, ops, index, of_morph, first, inputs, scalar_inputs;
    int n_factors;
    std::vector<int> factor_input, factor_morph; /* [n_factors] of this reduction, morph by morph */
    std::vector<int> phi_row;                    /* [n_morphs, n_alphas] factor of the pass or -1 */
};

/* Where the sums over a leaf of one reduction lie, and its tables of this evaluation. */
struct reduction_sums {
    size_t value, scalars, gradient, diagonal, pairs, mixed, tiles; /* in `sums` */
    size_t hvp_scalars, hvp;                                        /* [m, n_scalars], [m, n_factors] */
    size_t uniform, dx, tile_list, tile_rows, subtract, coupling_row; /* in the evaluation's tables */
    int n_tiles, terms, padded, chunk, shift;
    bool second;
};

struct evaluation {
    int want, order, m;
    size_t n_sums, n_partial;
    size_t factors, gather_first, gather_source; /* in the tables */
    std::vector<reduction_sums> reductions;
};

/* SBI_ERR_UNSUPPORTED with a message where the pass has operations that only the processor can do. */
sbi_status plan_pass(const sbi_accelerator_layout *layout, const sbi_accelerator_host *host, tables *fixed,
                     std::vector<reduction_plan> *out, size_t *first_factor);
/* `shared` is what a block may have at most. SBI_ERR_UNSUPPORTED with a message where a Hessian does not fit. */
sbi_status plan_evaluation(const sbi_accelerator_layout *layout, const sbi_accelerator_host *host,
                           const std::vector<reduction_plan> &reductions, const sbi_pass_task *task, size_t shared,
                           tables *changing, evaluation *out);

#endif
