/* SPDX-License-Identifier: Apache-2.0 */
/* sum_i sum_p phi_pk T_pl with T_pl = sum_q K_pq phi_ql, for pairs k <= l (event_hessian.c).
 *
 * The pairs are cut in tiles of four by four, one a thread, of which only those on or above the diagonal that a wanted row meets are
 * computed. A block works on one piece of a leaf: CHUNK events at a time it puts the rows phi (or their differences from a reference
 * morph's) into shared memory, forms T there, one term p after the other, and multiplies. */
#ifndef SBI_CUDA_LIKELIHOOD_HESSIAN_CUH
#define SBI_CUDA_LIKELIHOOD_HESSIAN_CUH

#include "device/cuda/likelihood/hessian_size.cuh"
#include "device/cuda/likelihood/numbers.cuh"

struct hessian_job {
    const double *phi;      /* rows [factors of the pass] */
    const double *coupling; /* rows [all morphs (all morphs + 1) / 2] */
    const int *phi_row;     /* [terms, alphas] row of phi or -1 */
    const int *subtract;    /* [alphas] row of the reference, -1: none; NULL: no differences */
    const int *coupling_row; /* [terms, terms] */
    const int2 *tiles;      /* [n_tiles] */
    int terms, alphas, padded, n_tiles; /* padded: alphas, up to a multiple of TILE */
    int chunk, shift;                   /* events, 2^shift */
    double *sums;           /* [leaves, n_sums], at `at` [pieces, n_tiles, TILE * TILE] */
    size_t n_sums, at;
};

/* Grid (leaves * PIECES, blocks of tiles). */
static __global__ void __launch_bounds__(TILES_PER_BLOCK, 1) hessian_tiles(batch b, hessian_job job)
{
    DYNAMIC_SHARED(shared);
    const int row = job.padded + 2, chunk = job.chunk, threads = blockDim.x;
    double *x = shared;                            /* [terms, chunk, row] */
    double *t = x + (size_t)job.terms * chunk * row; /* [chunk, row] */
    double *k = t + (size_t)chunk * row;           /* [terms, terms, chunk] */
    const int number = blockIdx.y * TILES_PER_BLOCK + threadIdx.x;
    const bool working = number < job.n_tiles;
    int2 tile = {0, 0};
    if (working) tile = job.tiles[number];
    const size_t first = (size_t)blockIdx.x * PIECE;
    double sum[TILE][TILE];
    UNROLL
    for (int i = 0; i < TILE; i++)
    UNROLL
        for (int j = 0; j < TILE; j++)
            sum[i][j] = 0.0;
    for (int at = 0; at < PIECE; at += chunk) {
        const size_t event = first + at;
        __syncthreads();
        for (int i = threadIdx.x; i < job.padded * chunk; i += threads) {
            const int e = i & (chunk - 1), alpha = i >> job.shift;
            const int less = job.subtract && alpha < job.alphas ? job.subtract[alpha] : -1;
            const double reference = less >= 0 ? job.phi[less * b.stride + event + e] : 0.0;
            for (int p = 0; p < job.terms; p++) {
                const int from = alpha < job.alphas ? job.phi_row[p * job.alphas + alpha] : -1;
                x[(p * chunk + e) * row + alpha] = (from >= 0 ? job.phi[from * b.stride + event + e] : 0.0) - reference;
            }
        }
        for (int i = threadIdx.x; i < job.terms * job.terms * chunk; i += threads)
            k[i] = job.coupling[job.coupling_row[i >> job.shift] * b.stride + event + (i & (chunk - 1))];
        for (int p = 0; p < job.terms; p++) {
            __syncthreads();
            for (int i = threadIdx.x; i < job.padded * chunk; i += threads) {
                const int e = i & (chunk - 1), alpha = i >> job.shift;
                double v = 0.0;
                for (int q = 0; q < job.terms; q++)
                    v = fma(k[(p * job.terms + q) * chunk + e], x[(q * chunk + e) * row + alpha], v);
                t[e * row + alpha] = v;
            }
            __syncthreads();
            if (!working) continue;
            for (int e = 0; e < chunk; e++) {
                const double2 *left = reinterpret_cast<const double2 *>(x + (p * chunk + e) * row + TILE * tile.x);
                const double2 *right = reinterpret_cast<const double2 *>(t + e * row + TILE * tile.y);
                const double2 l0 = left[0], l1 = left[1], r0 = right[0], r1 = right[1];
                const double l[TILE] = {l0.x, l0.y, l1.x, l1.y}, r[TILE] = {r0.x, r0.y, r1.x, r1.y};
    UNROLL
                for (int i = 0; i < TILE; i++)
    UNROLL
                    for (int j = 0; j < TILE; j++)
                        sum[i][j] = fma(l[i], r[j], sum[i][j]);
            }
        }
    }
    if (!working) return;
    double *out = job.sums + blockIdx.x / PIECES * job.n_sums + job.at +
                  ((size_t)(blockIdx.x % PIECES) * job.n_tiles + number) * TILE * TILE;
    UNROLL
    for (int i = 0; i < TILE; i++)
    UNROLL
        for (int j = 0; j < TILE; j++)
            out[i * TILE + j] = sum[i][j];
}

#endif
