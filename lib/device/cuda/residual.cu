/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout, and the sums of residual blocks, forward and back. */
#include "device/cuda/cuda.h"

#define THREADS 256

/* Philox4x32-10, as sbi_philox(). */
static __device__ __forceinline__ uint4 philox(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t k0, uint32_t k1)
{
    uint32_t c3 = 0;
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return make_uint4(c0, c1, c2, c3);
}

struct mask {
    uint32_t row, layer, below;
    float scale;
};

/* A thread has four neighbouring columns, which share the words of one counter. */
static __global__ void __launch_bounds__(THREADS)
    drop_and_add_kernel(float *__restrict__ y, float *__restrict__ d, float *__restrict__ dd, const float *__restrict__ add,
                        const uint32_t *__restrict__ key, mask m, int64_t n, int quads, int columns)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    const int64_t row = i / quads;
    const int quad = (int)(i % quads);
    uint32_t word[4] = {0, 0, 0, 0};
    if (key) {
        const uint4 w = philox((uint32_t)quad, m.row + (uint32_t)row, m.layer, key[0], key[1]);
        word[0] = w.x;
        word[1] = w.y;
        word[2] = w.z;
        word[3] = w.w;
    }
    for (int k = 0; k < 4 && 4 * quad + k < columns; k++) {
        const int64_t at = row * columns + 4 * quad + k;
        float v = y[at];
        if (key) {
            const int gone = word[k] < m.below;
            v = gone ? 0.0f : m.scale * v;
            if (d) d[at] = gone ? 0.0f : m.scale * d[at];
            if (dd) dd[at] = gone ? 0.0f : m.scale * dd[at];
        }
        y[at] = add ? v + add[at] : v;
    }
}

sbi_status sbi_cuda_drop_and_add(sbi_cuda *cuda, const sbi_device_forward *op, float *d, float *dd)
{
    const uint32_t *key = op->activation == SBI_DEVICE_IDENTITY ? NULL : op->mask_key;
    if (!key && !op->add) return SBI_OK;
    const int64_t quads = sbi_cuda_ceil(op->out, 4), n = op->rows * quads;
    const mask m = {(uint32_t)op->mask_row, op->mask_layer, op->mask_below, op->mask_scale};
    return sbi_cuda_launch(cuda, "dropout", drop_and_add_kernel, dim3((unsigned)sbi_cuda_ceil(n, THREADS)), dim3(THREADS), op->y, d, dd,
                           op->add, key, m, n, (int)quads, (int)op->out);
}

/* (dh may be add: each thread reads what it then writes.) */
static __global__ void __launch_bounds__(THREADS)
    finish_kernel(float *__restrict__ dx, const float *add, float *dh, const float *__restrict__ d, int64_t n)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    const float v = add ? dx[i] + add[i] : dx[i];
    if (dh) dh[i] = v;
    dx[i] = d ? v * d[i] : v;
}

sbi_status sbi_cuda_finish_data(sbi_cuda *cuda, const sbi_device_backward *op)
{
    const int64_t n = op->rows * op->in;
    return sbi_cuda_launch(cuda, "residual gradient", finish_kernel, dim3((unsigned)sbi_cuda_ceil(n, THREADS)), dim3(THREADS), op->dx,
                           op->add, op->dh, op->d, n);
}
