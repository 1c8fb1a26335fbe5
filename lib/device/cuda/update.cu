/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps: one pass over parameters, gradient and moments, four values a thread. */
#include "device/cuda/cuda.h"

#define THREADS 256

/* sbi_device_update without its pointers. */
struct rates {
    float grad_scale, decay, keep, beta1, beta2, epsilon, step_m, step_g, v_scale;
    double clip;
};

/* What the gradient is multiplied by; *go is 0 where nothing is to change. */
static __device__ __forceinline__ float scale_of(const rates &r, const double *squares, int *go)
{
    *go = 1;
    if (!squares) return r.grad_scale;
    const double norm = sqrt(*squares);
    *go = isfinite(norm);
    return r.clip > 0 && norm > r.clip ? r.grad_scale * (float)(r.clip / norm) : r.grad_scale;
}

static __device__ __forceinline__ void step_sgd(const rates &r, float scale, float *p, float g, float *m)
{
    const float gj = fmaf(r.decay, *p, scale * g), mj = fmaf(r.beta1, *m, gj);
    *m = mj;
    *p = fmaf(-r.step_g, mj, r.keep * *p);
}

static __device__ __forceinline__ void step_adam(const rates &r, float scale, float *p, float g, float *m, float *v)
{
    const float gj = fmaf(r.decay, *p, scale * g);
    const float mj = fmaf(r.beta1, *m, (1.0f - r.beta1) * gj), vj = fmaf(r.beta2, *v, (1.0f - r.beta2) * gj * gj);
    *m = mj;
    *v = vj;
    const float top = fmaf(r.step_m, mj, r.step_g * gj);
    *p = fmaf(r.keep, *p, -top / (sqrtf(vj * r.v_scale) + r.epsilon));
}

static __global__ void __launch_bounds__(THREADS) sgd_kernel(float *__restrict__ p, const float *__restrict__ g, float *__restrict__ m,
                                                             const double *__restrict__ squares, rates r, int64_t vectors, int64_t n)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    int go;
    const float scale = scale_of(r, squares, &go);
    if (!go) return;
    if (i < vectors) {
        float4 pv = reinterpret_cast<float4 *>(p)[i], mv = reinterpret_cast<float4 *>(m)[i];
        const float4 gv = reinterpret_cast<const float4 *>(g)[i];
        step_sgd(r, scale, &pv.x, gv.x, &mv.x);
        step_sgd(r, scale, &pv.y, gv.y, &mv.y);
        step_sgd(r, scale, &pv.z, gv.z, &mv.z);
        step_sgd(r, scale, &pv.w, gv.w, &mv.w);
        reinterpret_cast<float4 *>(m)[i] = mv;
        reinterpret_cast<float4 *>(p)[i] = pv;
        return;
    }
    const int64_t k = 4 * vectors + (i - vectors);
    if (k < n) step_sgd(r, scale, p + k, g[k], m + k);
}

static __global__ void __launch_bounds__(THREADS) adam_kernel(float *__restrict__ p, const float *__restrict__ g, float *__restrict__ m,
                                                              float *__restrict__ v, const double *__restrict__ squares, rates r,
                                                              int64_t vectors, int64_t n)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    int go;
    const float scale = scale_of(r, squares, &go);
    if (!go) return;
    if (i < vectors) {
        float4 pv = reinterpret_cast<float4 *>(p)[i], mv = reinterpret_cast<float4 *>(m)[i], vv = reinterpret_cast<float4 *>(v)[i];
        const float4 gv = reinterpret_cast<const float4 *>(g)[i];
        step_adam(r, scale, &pv.x, gv.x, &mv.x, &vv.x);
        step_adam(r, scale, &pv.y, gv.y, &mv.y, &vv.y);
        step_adam(r, scale, &pv.z, gv.z, &mv.z, &vv.z);
        step_adam(r, scale, &pv.w, gv.w, &mv.w, &vv.w);
        reinterpret_cast<float4 *>(m)[i] = mv;
        reinterpret_cast<float4 *>(v)[i] = vv;
        reinterpret_cast<float4 *>(p)[i] = pv;
        return;
    }
    const int64_t k = 4 * vectors + (i - vectors);
    if (k < n) step_adam(r, scale, p + k, g[k], m + k, v + k);
}

static __device__ __forceinline__ void mix(float part, float *mean, float p)
{
    *mean = fmaf(part, p, (1.0f - part) * *mean);
}

static __global__ void __launch_bounds__(THREADS) average_kernel(float *__restrict__ mean, const float *__restrict__ p,
                                                                 const double *__restrict__ squares, float part, int64_t vectors,
                                                                 int64_t n)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (squares && !isfinite(*squares)) return;
    if (i < vectors) {
        float4 mv = reinterpret_cast<float4 *>(mean)[i];
        const float4 pv = reinterpret_cast<const float4 *>(p)[i];
        mix(part, &mv.x, pv.x);
        mix(part, &mv.y, pv.y);
        mix(part, &mv.z, pv.z);
        mix(part, &mv.w, pv.w);
        reinterpret_cast<float4 *>(mean)[i] = mv;
        return;
    }
    const int64_t k = 4 * vectors + (i - vectors);
    if (k < n) mix(part, mean + k, p[k]);
}

static sbi_status step(sbi_cuda *cuda, const sbi_device_update *op)
{
    const rates r = {op->grad_scale, op->decay, 1.0f - op->shrink, op->beta1, op->beta2, op->epsilon, op->step_m, op->step_g,
                     op->v_scale, op->clip};
    const int aligned = sbi_cuda_aligned(op->p) && sbi_cuda_aligned(op->g) && sbi_cuda_aligned(op->m) && sbi_cuda_aligned(op->v);
    const int64_t vectors = aligned ? op->n / 4 : 0, threads = vectors + (op->n - 4 * vectors);
    const dim3 grid((unsigned)sbi_cuda_ceil(threads, THREADS)), block(THREADS);
    if (op->v)
        return sbi_cuda_launch(cuda, "optimiser", adam_kernel, grid, block, op->p, op->g, op->m, op->v, op->squares, r, vectors, op->n);
    return sbi_cuda_launch(cuda, "optimiser", sgd_kernel, grid, block, op->p, op->g, op->m, op->squares, r, vectors, op->n);
}

static sbi_status average(sbi_cuda *cuda, const sbi_device_update *op)
{
    const int64_t vectors = sbi_cuda_aligned(op->p) && sbi_cuda_aligned(op->average) ? op->n / 4 : 0;
    const dim3 grid((unsigned)sbi_cuda_ceil(vectors + (op->n - 4 * vectors), THREADS)), block(THREADS);
    const float *p = op->p;
    return sbi_cuda_launch(cuda, "average", average_kernel, grid, block, op->average, p, op->squares, op->part, vectors, op->n);
}

sbi_status sbi_cuda_update(void *self, const sbi_device_update *op)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    if (op->n <= 0) return SBI_OK;
    sbi_cuda_written(cuda, op->p, sizeof(float) * (size_t)op->n);
    SBI_CUDA_DO(step(cuda, op));
    if (!op->average) return SBI_OK;
    sbi_cuda_written(cuda, op->average, sizeof(float) * (size_t)op->n);
    return average(cuda, op);
}
