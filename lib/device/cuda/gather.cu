/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by index: neighbouring threads take neighbouring columns. */
#include "device/cuda/cuda.h"

#define THREADS 256

static __global__ void __launch_bounds__(THREADS) gather_vectors(float4 *__restrict__ out, const float4 *__restrict__ table,
                                                                 const uint32_t *__restrict__ index, int64_t rows, int columns)
{
    const int j = (int)(blockIdx.y * blockDim.x + threadIdx.x);
    const int64_t i = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    if (i >= rows || j >= columns) return;
    out[i * columns + j] = table[(int64_t)index[i] * columns + j];
}

static __global__ void __launch_bounds__(THREADS) gather_scalars(float *__restrict__ out, const float *__restrict__ table,
                                                                 const uint32_t *__restrict__ index, int64_t rows, int columns)
{
    const int j = (int)(blockIdx.y * blockDim.x + threadIdx.x);
    const int64_t i = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    if (i >= rows || j >= columns) return;
    out[i * columns + j] = table[(int64_t)index[i] * columns + j];
}

sbi_status sbi_cuda_gather(void *self, float *out, const float *table, const uint32_t *index, int64_t rows, int64_t columns)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    if (rows <= 0 || columns <= 0) return SBI_OK;
    sbi_cuda_written(cuda, out, sizeof(float) * (size_t)(rows * columns));
    const int vector = columns % 4 == 0 && sbi_cuda_aligned(out) && sbi_cuda_aligned(table);
    const int wide = (int)(vector ? columns / 4 : columns);
    unsigned across = 1;
    while (across < THREADS && (int)across < wide) across *= 2;
    const dim3 block(across, THREADS / across);
    const dim3 grid((unsigned)sbi_cuda_ceil(rows, block.y), (unsigned)sbi_cuda_ceil(wide, across));
    if (vector)
        return sbi_cuda_launch(cuda, "gather", gather_vectors, grid, block, reinterpret_cast<float4 *>(out),
                               reinterpret_cast<const float4 *>(table), index, rows, wide);
    return sbi_cuda_launch(cuda, "gather", gather_scalars, grid, block, out, table, index, rows, wide);
}
