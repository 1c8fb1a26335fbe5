/* SPDX-License-Identifier: Apache-2.0 */
/* Layers forward and backward: products by cuBLAS, with an epilogue of cuBLASLt where it has one that is what the contract asks for.
 * Activations are ours: its GELU is the tanh form, its ReLU promises nothing of NaN, and the gradients of both want other things stored
 * than the derivative. */
#include "device/cuda/cuda.h"

#define THREADS 256

static sbi_status check_sizes(const sbi_cuda *cuda, const char *what, int64_t a, int64_t b, int64_t c)
{
    if (a < 0 || b < 0 || c < 0 || a > INT32_MAX || b > INT32_MAX || c > INT32_MAX)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_SHAPE, "device cuda:%d: %s: a product of %lld x %lld x %lld", cuda->index, what,
                                  (long long)a, (long long)b, (long long)c);
    return SBI_OK;
}

static size_t floats(int64_t n)
{
    return sizeof(float) * (size_t)n;
}

sbi_status sbi_cuda_gemm(void *self, const sbi_device_gemm *op)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    SBI_CUDA_DO(check_sizes(cuda, "gemm", op->m, op->n, op->k));
    SBI_CUDA_DO(check_sizes(cuda, "gemm", op->lda, op->ldb, op->ldc));
    if (op->m == 0 || op->n == 0 || op->count <= 0) return SBI_OK;
    sbi_cuda_written(cuda, op->c, floats((op->count - 1) * op->stride_c + (op->m - 1) * op->ldc + op->n));
    return sbi_cuda_product(cuda, op);
}

sbi_status sbi_cuda_forward(void *self, const sbi_device_forward *op)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    SBI_CUDA_DO(check_sizes(cuda, "forward", op->rows, op->in, op->out));
    if (op->rows == 0) return SBI_OK;
    const int active = op->activation != SBI_DEVICE_IDENTITY;
    float *d = active ? op->d : NULL, *dd = active ? op->dd : NULL;
    const float *bias = op->gain ? op->offset : op->b;
    float *outputs[] = {op->y, d, dd, op->gain ? op->n : NULL};
    for (float *output : outputs)
        if (output) sbi_cuda_written(cuda, output, floats(op->rows * op->out));
    if (!active && !op->gain && !op->add) {
        int done;
        SBI_CUDA_DO(sbi_cuda_fused_forward(cuda, op, &done));
        if (done) return SBI_OK;
    }
    const sbi_device_gemm product = {0, 1, op->rows, op->out, op->in, 1, 0, op->x, op->w, op->y, op->in, op->in, op->out, 1, 0, 0, 0};
    SBI_CUDA_DO(sbi_cuda_layer_product(cuda, &product, 0));
    if (op->gain) SBI_CUDA_DO(sbi_cuda_normalise(cuda, op));
    if (dd) SBI_CUDA_DO(sbi_cuda_curvature(cuda, op, bias));
    SBI_CUDA_DO(sbi_cuda_activate(cuda, op, d, bias));
    return sbi_cuda_drop_and_add(cuda, op, d, dd);
}

/* From a single output: dx[i, j] = dz[i] w[j] d[i, j], a block a row; without d: 1. */
static __global__ void __launch_bounds__(THREADS) outer_kernel(float *__restrict__ dx, const float *__restrict__ dz,
                                                               const float *__restrict__ w, const float *__restrict__ d, int in, int vectors)
{
    const int64_t row = (int64_t)blockIdx.x * in;
    const float z = dz[blockIdx.x];
    for (int j = (int)threadIdx.x; j < vectors; j += THREADS) {
        const float4 a = reinterpret_cast<const float4 *>(w)[j];
        const float4 b = d ? reinterpret_cast<const float4 *>(d + row)[j] : make_float4(1, 1, 1, 1);
        reinterpret_cast<float4 *>(dx + row)[j] = make_float4(z * a.x * b.x, z * a.y * b.y, z * a.z * b.z, z * a.w * b.w);
    }
    for (int j = 4 * vectors + (int)threadIdx.x; j < in; j += THREADS) dx[row + j] = d ? z * w[j] * d[row + j] : z * w[j];
}

static sbi_status backward_data(sbi_cuda *cuda, const sbi_device_backward *op)
{
    sbi_cuda_written(cuda, op->dx, floats(op->rows * op->in));
    const int plain = !op->add && !op->dh;
    if (op->dh) sbi_cuda_written(cuda, op->dh, floats(op->rows * op->in));
    if (op->out == 1) {
        const float *d = plain ? op->d : NULL;
        const int aligned = op->in % 4 == 0 && sbi_cuda_aligned(op->dx) && sbi_cuda_aligned(op->w) && sbi_cuda_aligned(d);
        SBI_CUDA_DO(sbi_cuda_launch(cuda, "layer backward", outer_kernel, dim3((unsigned)op->rows), dim3(THREADS), op->dx, op->dz, op->w, d,
                                    (int)op->in, aligned ? (int)(op->in / 4) : 0));
        return plain ? SBI_OK : sbi_cuda_finish_data(cuda, op);
    }
    const sbi_device_gemm product = {0, 0, op->rows, op->in, op->out, 1, 0, op->dz, op->w, op->dx, op->out, op->in, op->in, 1, 0, 0, 0};
    SBI_CUDA_DO(sbi_cuda_layer_product(cuda, &product, 1));
    if (!plain) return sbi_cuda_finish_data(cuda, op);
    return op->d ? sbi_cuda_multiply(cuda, op->dx, op->d, op->rows * op->in) : SBI_OK;
}

sbi_status sbi_cuda_backward(void *self, const sbi_device_backward *op)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    SBI_CUDA_DO(check_sizes(cuda, "backward", op->rows, op->in, op->out));
    if (op->rows == 0) {
        if (op->accumulate) return SBI_OK;
        SBI_CUDA_DO(sbi_cuda_zero(cuda, op->dw, floats(op->in * op->out)));
        return sbi_cuda_zero(cuda, op->db, floats(op->out));
    }
    if (cuda->precision == SBI_CUDA_F16) SBI_CUDA_DO(sbi_cuda_choose_scale(cuda, op->dz, op->rows * op->out));
    if (op->dx) SBI_CUDA_DO(backward_data(cuda, op));
    sbi_cuda_written(cuda, op->dw, floats(op->in * op->out));
    sbi_cuda_written(cuda, op->db, floats(op->out));
    int done = 0;
    if (!op->accumulate) SBI_CUDA_DO(sbi_cuda_fused_weights(cuda, op, &done));
    if (done) return SBI_OK;
    const sbi_device_gemm product = {1,        0,       op->out, op->in, op->rows, 1, op->accumulate ? 1.0f : 0.0f, op->dz, op->x, op->dw,
                                     op->out, op->in, op->in,  1,      0,        0, 0};
    SBI_CUDA_DO(sbi_cuda_layer_product(cuda, &product, 1));
    return sbi_cuda_column_sums(cuda, op->db, op->dz, NULL, op->rows, op->out, op->accumulate);
}
