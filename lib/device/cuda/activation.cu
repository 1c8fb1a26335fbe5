/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise kernels of layers: bias, activation and its derivative in one pass; the second derivative; the product with a stored
 * derivative. Four values a thread where columns and addresses allow. */
#include "device/cuda/cuda.h"

#include "sbi/network.h"

#define THREADS 256

/* Value and derivative at x; a NaN stays one. leak: the slope of LeakyReLU. */
template <int F> static __device__ __forceinline__ float value_at(float x, float leak, float *slope)
{
    switch (F) {
    case SBI_ACTIVATION_SILU: {
        const float s = 1.0f / (1.0f + expf(-x)), y = x * s;
        *slope = fmaf(y, 1.0f - s, s);
        return y;
    }
    case SBI_ACTIVATION_RELU: *slope = x > 0 ? 1.0f : 0.0f; return x < 0 ? 0.0f : x;
    case SBI_ACTIVATION_LEAKY_RELU: *slope = x > 0 ? 1.0f : leak; return x > 0 ? x : leak * x;
    case SBI_ACTIVATION_TANH: {
        const float t = tanhf(x);
        *slope = fmaf(-t, t, 1.0f);
        return t;
    }
    case SBI_ACTIVATION_GELU: {
        const float phi = 0.5f * erfcf(-0.70710678118654752f * x);
        *slope = fmaf(x, 0.39894228040143268f * expf(-0.5f * x * x), phi);
        return x * phi;
    }
    case SBI_ACTIVATION_SOFTPLUS: {
        const float e = expf(-fabsf(x));
        *slope = x > 0 ? 1.0f / (1.0f + e) : e / (1.0f + e);
        return fmaxf(x, 0.0f) + log1pf(e);
    }
    default: *slope = 1.0f; return x;
    }
}

template <int F> static __device__ __forceinline__ float4 values_at(float4 x, float4 b, float leak, float4 *slope)
{
    float4 y;
    y.x = value_at<F>(x.x + b.x, leak, &slope->x);
    y.y = value_at<F>(x.y + b.y, leak, &slope->y);
    y.z = value_at<F>(x.z + b.z, leak, &slope->z);
    y.w = value_at<F>(x.w + b.w, leak, &slope->w);
    return y;
}

/* Threads (x: columns, y: rows); each goes down its column of vectors. */
template <int F>
static __global__ void __launch_bounds__(THREADS)
    activate_vectors(float4 *__restrict__ z, float4 *__restrict__ d, const float4 *__restrict__ bias, float leak, int64_t rows,
                     int columns)
{
    const int j = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (j >= columns) return;
    const float4 b = bias ? bias[j] : make_float4(0, 0, 0, 0);
    for (int64_t i = (int64_t)blockIdx.y * blockDim.y + threadIdx.y; i < rows; i += (int64_t)gridDim.y * blockDim.y) {
        const int64_t at = i * columns + j;
        float4 slope;
        z[at] = values_at<F>(z[at], b, leak, &slope);
        if (d) d[at] = slope;
    }
}

template <int F>
static __global__ void __launch_bounds__(THREADS)
    activate_scalars(float *__restrict__ z, float *__restrict__ d, const float *__restrict__ bias, float leak, int64_t rows, int columns)
{
    const int j = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (j >= columns) return;
    const float b = bias ? bias[j] : 0.0f;
    for (int64_t i = (int64_t)blockIdx.y * blockDim.y + threadIdx.y; i < rows; i += (int64_t)gridDim.y * blockDim.y) {
        const int64_t at = i * columns + j;
        float slope;
        z[at] = value_at<F>(z[at] + b, leak, &slope);
        if (d) d[at] = slope;
    }
}

/* Blocks of THREADS threads, as wide as the rows are, and enough of them to fill a large device a few times. */
static void shape(int64_t rows, int columns, dim3 *grid, dim3 *block)
{
    unsigned wide = 1;
    while (wide < THREADS && (int)wide < columns) wide *= 2;
    *block = dim3(wide, THREADS / wide);
    const int64_t down = sbi_cuda_ceil(rows, block->y);
    *grid = dim3((unsigned)sbi_cuda_ceil(columns, wide), (unsigned)(down < 4096 ? down : 4096));
}

template <int F> static sbi_status launch(sbi_cuda *cuda, const sbi_device_forward *op, float *d, const float *bias)
{
    dim3 grid, block;
    if (op->out % 4 == 0 && sbi_cuda_aligned(op->y) && sbi_cuda_aligned(d) && sbi_cuda_aligned(bias)) {
        shape(op->rows, (int)(op->out / 4), &grid, &block);
        return sbi_cuda_launch(cuda, "activation", activate_vectors<F>, grid, block, reinterpret_cast<float4 *>(op->y),
                               reinterpret_cast<float4 *>(d), reinterpret_cast<const float4 *>(bias), op->slope, op->rows,
                               (int)(op->out / 4));
    }
    shape(op->rows, (int)op->out, &grid, &block);
    return sbi_cuda_launch(cuda, "activation", activate_scalars<F>, grid, block, op->y, d, bias, op->slope, op->rows, (int)op->out);
}

sbi_status sbi_cuda_activate(sbi_cuda *cuda, const sbi_device_forward *op, float *d, const float *bias)
{
    if (op->rows == 0 || op->out == 0) return SBI_OK;
    switch (op->activation) {
    case SBI_ACTIVATION_SILU: return launch<SBI_ACTIVATION_SILU>(cuda, op, d, bias);
    case SBI_ACTIVATION_RELU: return launch<SBI_ACTIVATION_RELU>(cuda, op, d, bias);
    case SBI_ACTIVATION_LEAKY_RELU: return launch<SBI_ACTIVATION_LEAKY_RELU>(cuda, op, d, bias);
    case SBI_ACTIVATION_TANH: return launch<SBI_ACTIVATION_TANH>(cuda, op, d, bias);
    case SBI_ACTIVATION_GELU: return launch<SBI_ACTIVATION_GELU>(cuda, op, d, bias);
    case SBI_ACTIVATION_SOFTPLUS: return launch<SBI_ACTIVATION_SOFTPLUS>(cuda, op, d, bias);
    default: return launch<SBI_DEVICE_IDENTITY>(cuda, op, NULL, bias);
    }
}

/* ---- second derivatives ---- */

static __device__ __forceinline__ float curvature_at(int f, float x)
{
    switch (f) {
    case SBI_ACTIVATION_SILU: {
        const float a = x > 80 ? 80.0f : x < -80 ? -80.0f : x;
        const float s = 1.0f / (1.0f + expf(-a)), t = 1.0f / (1.0f + expf(a));
        return s * t * fmaf(a, t - s, 2.0f);
    }
    case SBI_ACTIVATION_TANH: {
        const float t = tanhf(x);
        return -2.0f * t * fmaf(-t, t, 1.0f);
    }
    case SBI_ACTIVATION_GELU: {
        const float square = x * x;
        return square > 170.0f ? 0.0f : 0.39894228040143268f * expf(-0.5f * square) * (2.0f - square);
    }
    case SBI_ACTIVATION_SOFTPLUS: return 1.0f / (1.0f + expf(-x)) * (1.0f / (1.0f + expf(x)));
    default: return x != x ? x : 0.0f;
    }
}

static __global__ void __launch_bounds__(THREADS)
    curvature_kernel(float *__restrict__ dd, const float *__restrict__ z, const float *__restrict__ bias, int f, int64_t n, int columns)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < n) dd[i] = curvature_at(f, z[i] + bias[i % columns]);
}

sbi_status sbi_cuda_curvature(sbi_cuda *cuda, const sbi_device_forward *op, const float *bias)
{
    const int64_t n = op->rows * op->out;
    if (n == 0) return SBI_OK;
    return sbi_cuda_launch(cuda, "second derivative", curvature_kernel, dim3((unsigned)sbi_cuda_ceil(n, THREADS)), dim3(THREADS), op->dd,
                           op->y, bias, (int)op->activation, n, (int)op->out);
}

/* ---- x *= d ---- */

static __global__ void __launch_bounds__(THREADS) multiply_kernel(float *__restrict__ x, const float *__restrict__ d, int64_t vectors,
                                                                  int64_t n)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < vectors) {
        float4 a = reinterpret_cast<float4 *>(x)[i];
        const float4 b = reinterpret_cast<const float4 *>(d)[i];
        a.x *= b.x;
        a.y *= b.y;
        a.z *= b.z;
        a.w *= b.w;
        reinterpret_cast<float4 *>(x)[i] = a;
    } else {
        const int64_t k = 4 * vectors + (i - vectors);
        if (k < n) x[k] *= d[k];
    }
}

sbi_status sbi_cuda_multiply(sbi_cuda *cuda, float *x, const float *d, int64_t n)
{
    if (n == 0) return SBI_OK;
    const int64_t vectors = sbi_cuda_aligned(x) && sbi_cuda_aligned(d) ? n / 4 : 0;
    const int64_t threads = vectors + (n - 4 * vectors);
    return sbi_cuda_launch(cuda, "product with a derivative", multiply_kernel, dim3((unsigned)sbi_cuda_ceil(threads, THREADS)),
                           dim3(THREADS), x, d, vectors, n);
}
