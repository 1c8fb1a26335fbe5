/* SPDX-License-Identifier: Apache-2.0 */
/* Operands of layers in bf16 or f16. Parameters, gradients and everything else stay f32; what a product reads is rounded first, once
 * for all products that read it.
 *
 * f16 has no room below 6e-8 and gradients are often that small, so they are scaled. The scale is chosen anew for each gradient from its
 * largest magnitude, a power of two: nothing overflows, nothing is tuned, no state outlives the step, and a training that resumes from a
 * checkpoint has the same bits. */
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "device/cuda/cuda.h"

#include <string.h>

#define THREADS 256

struct to_bf16 {
    typedef __nv_bfloat162 pair;
    static __device__ __forceinline__ pair make(float x, float y) { return __floats2bfloat162_rn(x, y); }
};
struct to_f16 {
    typedef __half2 pair;
    static __device__ __forceinline__ pair make(float x, float y) { return __floats2half2_rn(x, y); }
};

template <typename To> struct alignas(8) four {
    typename To::pair low, high;
};

/* Eight values would be one store; four keep loads and stores of neighbours together all the same. n is padded to vectors by the caller's
 * buffer: the tail is written as one vector with zeros. */
template <typename To>
static __global__ void __launch_bounds__(THREADS)
    round_kernel(four<To> *__restrict__ out, const float *__restrict__ x, const float *__restrict__ scale, int64_t n, int aligned)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x, k = 4 * i;
    if (k >= n) return;
    const float s = scale ? *scale : 1.0f;
    float4 v;
    if (aligned && k + 4 <= n) {
        v = reinterpret_cast<const float4 *>(x)[i];
    } else {
        v.x = x[k];
        v.y = k + 1 < n ? x[k + 1] : 0.0f;
        v.z = k + 2 < n ? x[k + 2] : 0.0f;
        v.w = k + 3 < n ? x[k + 3] : 0.0f;
    }
    four<To> r;
    r.low = To::make(s * v.x, s * v.y);
    r.high = To::make(s * v.z, s * v.w);
    out[i] = r;
}

/* ---- the largest magnitude, and the scale ---- */

/* (A maximum of integers has no order: magnitudes compare like their bits.) */
static __global__ void __launch_bounds__(THREADS) largest_kernel(double *__restrict__ parts, const float *__restrict__ x, int64_t n)
{
    __shared__ float best[THREADS];
    float most = 0;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += (int64_t)gridDim.x * THREADS) {
        const float a = fabsf(x[i]);
        most = a > most || a != a ? a : most;
    }
    best[threadIdx.x] = most;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < half) {
            const float other = best[threadIdx.x + half];
            if (other > best[threadIdx.x] || other != other) best[threadIdx.x] = other;
        }
    }
    if (threadIdx.x == 0) parts[blockIdx.x] = (double)best[0];
}

/* scales: 1 / s, 0, 1, s with s = 2^(13 - exponent of the largest). Zero, NaN and infinity are left as they are. */
static __global__ void __launch_bounds__(32) scale_kernel(float *__restrict__ scales, const double *__restrict__ parts, int count)
{
    if (threadIdx.x) return;
    double most = 0;
    for (int i = 0; i < count; i++)
        if (parts[i] > most || parts[i] != parts[i]) most = parts[i];
    int exponent = 0;
    float s = 1;
    if (most > 0 && isfinite(most)) {
        (void)frexp(most, &exponent);
        const int shift = 13 - exponent;
        s = ldexpf(1.0f, shift < -100 ? -100 : shift > 100 ? 100 : shift);
    }
    scales[0] = 1 / s;
    scales[1] = 0;
    scales[2] = 1;
    scales[3] = s;
}

sbi_status sbi_cuda_choose_scale(sbi_cuda *cuda, const float *x, int64_t n)
{
    const int64_t blocks = sbi_cuda_ceil(n, 8 * THREADS);
    const unsigned count = (unsigned)(blocks < SBI_CUDA_PARTS ? blocks : SBI_CUDA_PARTS);
    SBI_CUDA_DO(sbi_cuda_launch(cuda, "largest gradient", largest_kernel, dim3(count), dim3(THREADS), cuda->partials, x, n));
    /* Copies made with the last scale are not what the next product is to read. */
    sbi_cuda_written(cuda, x, sizeof(float) * (size_t)n);
    return sbi_cuda_launch(cuda, "gradient scale", scale_kernel, dim3(1), dim3(32), cuda->scales, cuda->partials, (int)count);
}

/* ---- copies that are kept ---- */

static sbi_cuda_half *find(sbi_cuda *cuda, const float *source)
{
    for (int i = 0; i < cuda->halves; i++)
        if (cuda->half[i].source == source) return &cuda->half[i];
    if (cuda->halves < SBI_CUDA_HALVES) return &cuda->half[cuda->halves++];
    sbi_cuda_half *oldest = &cuda->half[cuda->next_half];
    cuda->next_half = (cuda->next_half + 1) % SBI_CUDA_HALVES;
    oldest->valid = 0;
    return oldest;
}

sbi_status sbi_cuda_half_of(sbi_cuda *cuda, const float *source, int64_t n, const float *scale, const void **half)
{
    sbi_cuda_half *h = find(cuda, source);
    if (h->source == source && h->valid && h->n >= n) {
        *half = h->half;
        return SBI_OK;
    }
    const int64_t vectors = sbi_cuda_ceil(n, 4);
    h->source = source;
    h->valid = 0;
    SBI_CUDA_DO(sbi_cuda_reserve(cuda, &h->half, &h->capacity, (size_t)vectors * 8));
    const dim3 grid((unsigned)sbi_cuda_ceil(vectors, THREADS)), block(THREADS);
    if (cuda->precision == SBI_CUDA_BF16) {
        SBI_CUDA_DO(sbi_cuda_launch(cuda, "rounding", round_kernel<to_bf16>, grid, block, static_cast<four<to_bf16> *>(h->half), source,
                                    scale, n, sbi_cuda_aligned(source)));
    } else {
        SBI_CUDA_DO(sbi_cuda_launch(cuda, "rounding", round_kernel<to_f16>, grid, block, static_cast<four<to_f16> *>(h->half), source, scale,
                                    n, sbi_cuda_aligned(source)));
    }
    h->n = n;
    h->valid = 1;
    *half = h->half;
    return SBI_OK;
}

void sbi_cuda_written(sbi_cuda *cuda, const void *first, size_t bytes)
{
    const uintptr_t from = (uintptr_t)first, to = from + bytes;
    for (int i = 0; i < cuda->halves; i++) {
        sbi_cuda_half *h = &cuda->half[i];
        const uintptr_t a = (uintptr_t)h->source, b = a + sizeof(float) * (size_t)h->n;
        if (!first || (a < to && from < b)) h->valid = 0;
    }
}

void sbi_cuda_free_halves(sbi_cuda *cuda)
{
    for (int i = 0; i < cuda->halves; i++) sbi_cuda_release(cuda, cuda->half[i].half);
    cuda->halves = 0;
}
