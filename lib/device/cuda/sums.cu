/* SPDX-License-Identifier: Apache-2.0 */
/* Sums in an order that depends on the shapes alone: each block adds what is its own, then one block adds the blocks' sums. */
#include "device/cuda/cuda.h"

#define THREADS 256

/* The sum over the block's threads, for thread 0; `sums` is shared memory. */
static __device__ __forceinline__ double block_sum(double *sums, double own)
{
    sums[threadIdx.x] = own;
    for (int half = THREADS / 2; half; half /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    return sums[0];
}

static unsigned parts_of(int64_t n, int64_t each)
{
    const int64_t parts = sbi_cuda_ceil(n, each);
    return (unsigned)(parts < 1 ? 1 : parts < SBI_CUDA_PARTS ? parts : SBI_CUDA_PARTS);
}

static __global__ void __launch_bounds__(THREADS) add_parts(double *__restrict__ out, const double *__restrict__ parts, int count)
{
    __shared__ double sums[THREADS];
    const double total = block_sum(sums, (int)threadIdx.x < count ? parts[threadIdx.x] : 0.0);
    if (threadIdx.x == 0) *out = total;
}

/* ---- squares ---- */

static __device__ __forceinline__ double square(float x)
{
    return (double)x * (double)x;
}

static __global__ void __launch_bounds__(THREADS) squares_kernel(double *__restrict__ parts, const float *__restrict__ x, int64_t vectors,
                                                                 int64_t n)
{
    __shared__ double sums[THREADS];
    double s = 0;
    const int64_t stride = (int64_t)gridDim.x * THREADS;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < vectors; i += stride) {
        const float4 v = reinterpret_cast<const float4 *>(x)[i];
        s += (square(v.x) + square(v.y)) + (square(v.z) + square(v.w));
    }
    for (int64_t i = 4 * vectors + (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += stride) s += square(x[i]);
    s = block_sum(sums, s);
    if (threadIdx.x == 0) parts[blockIdx.x] = s;
}

sbi_status sbi_cuda_sum_squares(void *self, double *out, const float *x, int64_t n)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    const unsigned parts = parts_of(n, 8 * THREADS);
    SBI_CUDA_DO(sbi_cuda_launch(cuda, "sum of squares", squares_kernel, dim3(parts), dim3(THREADS), cuda->partials, x,
                                sbi_cuda_aligned(x) ? n / 4 : 0, n));
    return sbi_cuda_launch(cuda, "sum of squares", add_parts, dim3(1), dim3(THREADS), out, cuda->partials, (int)parts);
}

/* ---- loss ---- */

/* ln(1 + exp(z)) - y z, and its derivative. */
static __device__ __forceinline__ float cross_entropy(float z, float y, float *derivative)
{
    const float e = expf(-fabsf(z));
    *derivative = (z > 0 ? 1.0f / (1.0f + e) : e / (1.0f + e)) - y;
    return fmaxf(z, 0.0f) + (z != z ? z : log1pf(e)) - y * z;
}

static __device__ __forceinline__ float softmax(float *dz, const float *z, int64_t label, float w, float smoothing, int64_t outputs)
{
    float top = z[0], sum = 0, mean = 0;
    for (int64_t k = 1; k < outputs; k++) top = z[k] > top || z[k] != z[k] ? z[k] : top;
    for (int64_t k = 0; k < outputs; k++) {
        sum += expf(z[k] - top);
        mean += z[k] - top;
    }
    const float each = smoothing / (float)outputs;
    for (int64_t k = 0; dz && k < outputs; k++) dz[k] = w * (expf(z[k] - top) / sum - (k == label ? 1.0f - smoothing : 0.0f) - each);
    return logf(sum) - (1.0f - smoothing) * (z[label] - top) - each * mean;
}

static __device__ __forceinline__ float heads(float *dz, const float *z, int64_t label, float w, float smoothing, int64_t outputs)
{
    const float y = label ? 1.0f - 0.5f * smoothing : 0.5f * smoothing;
    float sum = 0;
    for (int64_t k = 0; k < outputs; k++) {
        const bool seen = label == 0 || label == k + 1;
        float derivative;
        const float own = cross_entropy(z[k], y, &derivative);
        if (seen) sum += own;
        if (dz) dz[k] = seen ? w * derivative : 0.0f;
    }
    return sum;
}

static __device__ __forceinline__ float squares(float *dz, const float *z, const float *y, float w, int64_t outputs)
{
    float sum = 0;
    for (int64_t k = 0; k < outputs; k++) {
        const float difference = z[k] - y[k];
        sum += difference * difference;
        if (dz) dz[k] = 2.0f * w * difference;
    }
    return sum;
}

/* Row i: l, and dz. Its numbers are those of the cpu to rounding. One kernel a kind: all in one would keep values on the stack. */
template <int KIND> static __device__ __forceinline__ float loss_of_row(const sbi_device_loss &op, int64_t i)
{
    const int64_t outputs = op.outputs;
    const float *z = op.z + i * outputs;
    float *dz = op.dz ? op.dz + i * outputs : NULL;
    const float w = op.scale * op.w[i];
    if (KIND == SBI_DEVICE_LOSS_SOFTMAX) return softmax(dz, z, (int64_t)op.y[i], w, op.smoothing, outputs);
    if (KIND == SBI_DEVICE_LOSS_HEADS) return heads(dz, z, (int64_t)op.y[i], w, op.smoothing, outputs);
    if (KIND == SBI_DEVICE_LOSS_SQUARE) return squares(dz, z, op.y + i * outputs, w, outputs);
    if (KIND == SBI_DEVICE_LOSS_RATIO_SQUARE) {
        const float sign = op.y[i] < 0 ? -1.0f : 1.0f, e = expf(sign * z[0]), difference = e - sign * op.y[i];
        if (dz) dz[0] = 2.0f * w * difference * e * sign;
        return difference * difference;
    }
    float derivative;
    const float l = cross_entropy(z[0], op.y[i], &derivative);
    if (dz) dz[0] = w * derivative;
    return l;
}

template <int KIND> static __global__ void __launch_bounds__(THREADS) loss_kernel(double *__restrict__ parts, sbi_device_loss op)
{
    __shared__ double sums[THREADS];
    double s = 0;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < op.rows; i += (int64_t)gridDim.x * THREADS)
        s += (double)(op.w[i] * loss_of_row<KIND>(op, i));
    s = block_sum(sums, s);
    if (threadIdx.x == 0) parts[blockIdx.x] = s;
}

template <int KIND> static sbi_status launch_loss(sbi_cuda *cuda, unsigned parts, const sbi_device_loss *op)
{
    return sbi_cuda_launch(cuda, "loss", loss_kernel<KIND>, dim3(parts), dim3(THREADS), cuda->partials, *op);
}

static sbi_status launch_loss_of_kind(sbi_cuda *cuda, unsigned parts, const sbi_device_loss *op)
{
    switch (op->kind) {
    case SBI_DEVICE_LOSS_SOFTMAX: return launch_loss<SBI_DEVICE_LOSS_SOFTMAX>(cuda, parts, op);
    case SBI_DEVICE_LOSS_HEADS: return launch_loss<SBI_DEVICE_LOSS_HEADS>(cuda, parts, op);
    case SBI_DEVICE_LOSS_SQUARE: return launch_loss<SBI_DEVICE_LOSS_SQUARE>(cuda, parts, op);
    case SBI_DEVICE_LOSS_RATIO_SQUARE: return launch_loss<SBI_DEVICE_LOSS_RATIO_SQUARE>(cuda, parts, op);
    default: return launch_loss<SBI_DEVICE_LOSS_BCE>(cuda, parts, op);
    }
}

sbi_status sbi_cuda_loss(void *self, const sbi_device_loss *op)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    if (op->dz) sbi_cuda_written(cuda, op->dz, sizeof(float) * (size_t)(op->rows * op->outputs));
    const unsigned parts = parts_of(op->rows, THREADS);
    SBI_CUDA_DO(launch_loss_of_kind(cuda, parts, op));
    return sbi_cuda_launch(cuda, "loss", add_parts, dim3(1), dim3(THREADS), op->loss, cuda->partials, (int)parts);
}

/* ---- parts ---- */

static __global__ void __launch_bounds__(THREADS) sum_parts_kernel(float *out, const float *parts, int64_t count, int64_t vectors, int64_t n)
{
    const int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < vectors) {
        float4 s = reinterpret_cast<const float4 *>(parts)[i];
        for (int64_t p = 1; p < count; p++) {
            const float4 v = reinterpret_cast<const float4 *>(parts + p * n)[i];
            s.x += v.x;
            s.y += v.y;
            s.z += v.z;
            s.w += v.w;
        }
        reinterpret_cast<float4 *>(out)[i] = s;
        return;
    }
    const int64_t k = 4 * vectors + (i - vectors);
    if (k >= n) return;
    float s = parts[k];
    for (int64_t p = 1; p < count; p++) s += parts[p * n + k];
    out[k] = s;
}

sbi_status sbi_cuda_sum_parts(void *self, float *out, const float *parts, int64_t count, int64_t n)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    if (n == 0) return SBI_OK;
    if (count == 0) return sbi_cuda_zero(self, out, sizeof(float) * (size_t)n);
    sbi_cuda_written(cuda, out, sizeof(float) * (size_t)n);
    const int64_t vectors = n % 4 == 0 && sbi_cuda_aligned(out) && sbi_cuda_aligned(parts) ? n / 4 : 0;
    const int64_t threads = vectors + (n - 4 * vectors);
    return sbi_cuda_launch(cuda, "sum of parts", sum_parts_kernel, dim3((unsigned)sbi_cuda_ceil(threads, THREADS)), dim3(THREADS), out, parts,
                           count, vectors, n);
}

/* ---- columns ---- */

#define WIDE 32
#define HIGH 8

/* parts[p, j]: the sum of column j over the rows of part p. */
static __global__ void __launch_bounds__(WIDE *HIGH) columns_kernel(float *__restrict__ parts, const float *__restrict__ x,
                                                                    const float *__restrict__ times, int64_t rows, int64_t each, int columns)
{
    __shared__ float sums[HIGH][WIDE];
    const int j = (int)(blockIdx.x * WIDE + threadIdx.x);
    const int64_t first = (int64_t)blockIdx.y * each, last = first + each < rows ? first + each : rows;
    float s = 0;
    if (j < columns)
        for (int64_t i = first + threadIdx.y; i < last; i += HIGH) s += times ? x[i * columns + j] * times[i * columns + j] : x[i * columns + j];
    sums[threadIdx.y][threadIdx.x] = s;
    __syncthreads();
    if (threadIdx.y || j >= columns) return;
    for (int i = 1; i < HIGH; i++) s += sums[i][threadIdx.x];
    parts[(int64_t)blockIdx.y * columns + j] = s;
}

static __global__ void __launch_bounds__(THREADS) add_columns(float *__restrict__ out, const float *__restrict__ parts, int count, int columns,
                                                              int accumulate)
{
    const int j = (int)(blockIdx.x * THREADS + threadIdx.x);
    if (j >= columns) return;
    float s = parts[j];
    for (int p = 1; p < count; p++) s += parts[(int64_t)p * columns + j];
    out[j] = accumulate ? out[j] + s : s;
}

sbi_status sbi_cuda_column_sums(sbi_cuda *cuda, float *out, const float *x, const float *times, int64_t rows, int64_t columns, int accumulate)
{
    const int64_t each = sbi_cuda_ceil(sbi_cuda_ceil(rows, SBI_CUDA_PARTS), 64) * 64, count = sbi_cuda_ceil(rows, each);
    void *memory = cuda->columns;
    sbi_status status = sbi_cuda_reserve(cuda, &memory, &cuda->columns_bytes, sizeof(float) * (size_t)(count * columns));
    cuda->columns = static_cast<float *>(memory);
    SBI_CUDA_DO(status);
    SBI_CUDA_DO(sbi_cuda_launch(cuda, "bias gradient", columns_kernel, dim3((unsigned)sbi_cuda_ceil(columns, WIDE), (unsigned)count),
                                dim3(WIDE, HIGH), cuda->columns, x, times, rows, each, (int)columns));
    return sbi_cuda_launch(cuda, "bias gradient", add_columns, dim3((unsigned)sbi_cuda_ceil(columns, THREADS)), dim3(THREADS), out,
                           cuda->columns, (int)count, (int)columns, accumulate);
}
