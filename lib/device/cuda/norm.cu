/* SPDX-License-Identifier: Apache-2.0 */
/* Layer normalisation forward and back: WIDE threads a row, each of which goes over every WIDE-th column; their sums are added pairwise. */
#include "device/cuda/cuda.h"

#define WIDE 32
#define HIGH 8

/* The sum over the threads of a row, for all of them. Every thread of the block calls it. */
static __device__ __forceinline__ float row_sum(float (*sums)[WIDE], float own)
{
    __syncthreads();
    sums[threadIdx.y][threadIdx.x] = own;
    for (int half = WIDE / 2; half; half /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < half) sums[threadIdx.y][threadIdx.x] += sums[threadIdx.y][threadIdx.x + half];
    }
    __syncthreads();
    return sums[threadIdx.y][0];
}

static __global__ void __launch_bounds__(WIDE *HIGH)
    normalise_kernel(float *__restrict__ z, float *__restrict__ kept, float *__restrict__ kept_r, const float *__restrict__ bias,
                     const float *__restrict__ gain, float epsilon, int64_t rows, int columns)
{
    __shared__ float sums[HIGH][WIDE];
    const int64_t row = (int64_t)blockIdx.x * HIGH + threadIdx.y, at = row * columns;
    const int here = row < rows;
    float s = 0;
    for (int j = (int)threadIdx.x; here && j < columns; j += WIDE) {
        const float v = z[at + j] + bias[j];
        z[at + j] = v;
        s += v;
    }
    const float mean = row_sum(sums, s) / (float)columns;
    s = 0;
    for (int j = (int)threadIdx.x; here && j < columns; j += WIDE) {
        const float c = z[at + j] - mean;
        s = fmaf(c, c, s);
    }
    const float r = 1.0f / sqrtf(row_sum(sums, s) / (float)columns + epsilon);
    for (int j = (int)threadIdx.x; here && j < columns; j += WIDE) {
        const float v = (z[at + j] - mean) * r;
        if (kept) kept[at + j] = v;
        z[at + j] = gain[j] * v;
    }
    if (here && kept && threadIdx.x == 0) kept_r[row] = r;
}

sbi_status sbi_cuda_normalise(sbi_cuda *cuda, const sbi_device_forward *op)
{
    return sbi_cuda_launch(cuda, "normalisation", normalise_kernel, dim3((unsigned)sbi_cuda_ceil(op->rows, HIGH)), dim3(WIDE, HIGH), op->y,
                           op->n, op->r, op->b, op->gain, op->epsilon, op->rows, (int)op->out);
}

static __global__ void __launch_bounds__(WIDE *HIGH)
    norm_backward_kernel(float *__restrict__ dz, const float *__restrict__ kept, const float *__restrict__ kept_r,
                         const float *__restrict__ gain, int64_t rows, int columns)
{
    __shared__ float sums[HIGH][WIDE];
    const int64_t row = (int64_t)blockIdx.x * HIGH + threadIdx.y, at = row * columns;
    const int here = row < rows;
    float s = 0, t = 0;
    for (int j = (int)threadIdx.x; here && j < columns; j += WIDE) {
        const float v = gain[j] * dz[at + j];
        s += v;
        t = fmaf(v, kept[at + j], t);
    }
    const float mean = row_sum(sums, s) / (float)columns;
    const float slope = row_sum(sums, t) / (float)columns;
    const float r = here ? kept_r[row] : 0.0f;
    for (int j = (int)threadIdx.x; here && j < columns; j += WIDE)
        dz[at + j] = r * (gain[j] * dz[at + j] - fmaf(kept[at + j], slope, mean));
}

sbi_status sbi_cuda_norm_backward(void *self, const sbi_device_norm_backward *op)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    if (op->rows < 0 || op->columns < 0 || op->rows > INT32_MAX || op->columns > INT32_MAX)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_SHAPE, "device cuda:%d: norm_backward: %lld x %lld", cuda->index, (long long)op->rows,
                                  (long long)op->columns);
    const size_t bytes = sizeof(float) * (size_t)op->columns;
    if (op->rows == 0 || op->columns == 0) {
        if (op->accumulate) return SBI_OK;
        SBI_CUDA_DO(sbi_cuda_zero(cuda, op->dgain, bytes));
        return sbi_cuda_zero(cuda, op->doffset, bytes);
    }
    sbi_cuda_written(cuda, op->dgain, bytes);
    sbi_cuda_written(cuda, op->doffset, bytes);
    sbi_cuda_written(cuda, op->dz, bytes * (size_t)op->rows);
    SBI_CUDA_DO(sbi_cuda_column_sums(cuda, op->dgain, op->dz, op->n, op->rows, op->columns, op->accumulate));
    SBI_CUDA_DO(sbi_cuda_column_sums(cuda, op->doffset, op->dz, NULL, op->rows, op->columns, op->accumulate));
    return sbi_cuda_launch(cuda, "normalisation backward", norm_backward_kernel, dim3((unsigned)sbi_cuda_ceil(op->rows, HIGH)),
                           dim3(WIDE, HIGH), op->dz, op->n, op->r, op->gain, op->rows, (int)op->columns);
}
