/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SBI_CUDA_LIKELIHOOD_HESSIAN_SIZE_CUH
#define SBI_CUDA_LIKELIHOOD_HESSIAN_SIZE_CUH

#include <cstddef>

#define TILE 4
#define TILES_PER_BLOCK 352 /* 25 x 26 / 2 tiles are 100 parameters */

/* Numbers in shared memory of a block of hessian_tiles(). */
static inline size_t hessian_shared(int terms, int padded, int chunk)
{
    return (size_t)chunk * ((size_t)(terms + 1) * (size_t)(padded + 2) + (size_t)terms * (size_t)terms);
}

#endif
