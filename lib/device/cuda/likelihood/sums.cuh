/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the events of a leaf, and along the tree of leaves. Every sum has one order. */
#ifndef SBI_CUDA_LIKELIHOOD_SUMS_CUH
#define SBI_CUDA_LIKELIHOOD_SUMS_CUH

#include "device/cuda/likelihood/numbers.cuh"

/* sums[leaf, at + blockIdx.y] = sum_e rows[blockIdx.y][e]; 256 threads. */
static __global__ void __launch_bounds__(256) row_sums(batch b, const double *rows, double *sums, size_t n_sums, size_t at)
{
    DYNAMIC_SHARED(shared);
    const double *row = rows + blockIdx.y * b.stride + (size_t)blockIdx.x * SBI_TAPE_LEAF;
    double sum = 0.0;
    for (int e = threadIdx.x; e < SBI_TAPE_LEAF; e += blockDim.x)
        sum += row[e];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) sums[blockIdx.x * n_sums + at + blockIdx.y] = sum;
}

/* The events of each leaf that count as bad, and the first of them: added to bad[2 leaf], the least in bad[2 leaf + 1] (-1: none).
 * One warp. */
static __global__ void __launch_bounds__(32) count_bad(batch b, const int *events, long long *bad)
{
    const size_t first = (size_t)blockIdx.x * SBI_TAPE_LEAF;
    long long count = 0, least = SBI_TAPE_LEAF;
    for (int e = threadIdx.x; e < SBI_TAPE_LEAF; e += 32) {
        const int here = events[first + e];
        count += here;
        if (here && e < least) least = e;
    }
    for (int delta = 16; delta > 0; delta >>= 1) {
        count += __shfl_down_sync(0xffffffffu, count, delta);
        const long long other = __shfl_down_sync(0xffffffffu, least, delta);
        least = other < least ? other : least;
    }
    if (threadIdx.x != 0 || count == 0) return;
    const long long event = b.first + (long long)first + least;
    long long *out = bad + 2 * blockIdx.x;
    out[0] += count;
    if (out[1] < 0 || out[1] > event) out[1] = event;
}

static __global__ void clear_leaves(int leaves, int *fault, long long *bad)
{
    const int leaf = blockIdx.x * blockDim.x + threadIdx.x;
    if (leaf >= leaves) return;
    fault[leaf] = 0;
    bad[2 * leaf] = 0;
    bad[2 * leaf + 1] = -1;
}

/* rows [count, n_morphs] times the rows phi of the factors: sums[leaf, at + i * step + blockIdx.y] for i < count. 256 threads. */
struct dot_job {
    const int *index, *of_morph; /* [grid.y] */
    const double *rows, *phi;
    int count, n_morphs;
    double *sums;
    size_t n_sums, at, step;
};

static __global__ void __launch_bounds__(256) factor_dots(batch b, dot_job job)
{
    DYNAMIC_SHARED(shared);
    const size_t first = (size_t)blockIdx.x * SBI_TAPE_LEAF;
    const double *phi = job.phi + job.index[blockIdx.y] * b.stride + first;
    const double *rows = job.rows + job.of_morph[blockIdx.y] * b.stride + first;
    const size_t step = job.n_morphs * b.stride;
    double sum[DOTS];
    UNROLL
    for (int i = 0; i < DOTS; i++)
        sum[i] = 0.0;
    for (int e = threadIdx.x; e < SBI_TAPE_LEAF; e += blockDim.x) {
        const double x = phi[e];
    UNROLL
        for (int i = 0; i < DOTS; i++)
            if (i < job.count) sum[i] = fma(rows[i * step + e], x, sum[i]);
    }
    double *out = job.sums + blockIdx.x * job.n_sums + job.at + blockIdx.y;
    UNROLL
    for (int i = 0; i < DOTS; i++) {
        if (i >= job.count) break;
        const double total = block_sum(sum[i], shared);
        if (threadIdx.x == 0) out[i * job.step] = total;
    }
}

/* sum_k D_ik phi_k of morph blockIdx.y of a reduction, for `count` tangents; rows [count, n_morphs]. */
struct combine_job {
    const int *first, *index; /* factors index[first[p]] .. index[first[p + 1]) */
    const int *inputs;        /* of each of them */
    const double *phi, *dx;   /* dx [count, n_inputs] */
    int count, n_inputs, n_morphs;
    double *rows;
};

static __global__ void __launch_bounds__(128) combine(batch b, combine_job job)
{
    const size_t event = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int p = blockIdx.y;
    double sum[DOTS];
    UNROLL
    for (int i = 0; i < DOTS; i++)
        sum[i] = 0.0;
    for (int k = job.first[p]; k < job.first[p + 1]; k++) {
        const double x = job.phi[job.index[k] * b.stride + event];
    UNROLL
        for (int i = 0; i < DOTS; i++)
            if (i < job.count) sum[i] = fma(job.dx[(size_t)i * job.n_inputs + job.inputs[k]], x, sum[i]);
    }
    UNROLL
    for (int i = 0; i < DOTS; i++)
        if (i < job.count) job.rows[(size_t)(i * job.n_morphs + p) * b.stride + event] = sum[i];
}

/* partial[leaf, o] = sum of sums[leaf, source[s]] for s in [first[o], first[o + 1]). */
static __global__ void __launch_bounds__(128)
gather(const int *first, const int *source, const double *sums, size_t n_sums, double *partial, int n_partial)
{
    const int o = blockIdx.x * blockDim.x + threadIdx.x;
    if (o >= n_partial) return;
    const double *from = sums + blockIdx.y * n_sums;
    double sum = 0.0;
    for (int s = first[o]; s < first[o + 1]; s++)
        sum += from[source[s]];
    partial[(size_t)blockIdx.y * n_partial + o] = sum;
}

/* One level of the tree: partial[2 i step] += partial[(2 i + 1) step]; grid (numbers, pairs). */
static __global__ void __launch_bounds__(128) merge_level(double *partial, int n_partial, int step)
{
    const int o = blockIdx.x * blockDim.x + threadIdx.x;
    if (o >= n_partial) return;
    double *left = partial + (size_t)blockIdx.y * 2 * step * n_partial;
    left[o] += left[(size_t)step * n_partial + o];
}

#endif
