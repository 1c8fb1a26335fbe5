/* SPDX-License-Identifier: Apache-2.0 */
/* Products by cuBLAS. Its matrices are column-major: C = A B in rows is C^T = B^T A^T in columns, so operands change places. */
#include "device/cuda/cuda.h"

static cublasOperation_t operation(int32_t transpose)
{
    return transpose ? CUBLAS_OP_T : CUBLAS_OP_N;
}

static sbi_status product_f32(sbi_cuda *cuda, const sbi_device_gemm *op)
{
    const cublasComputeType_t compute = cuda->precision == SBI_CUDA_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    if (op->count == 1) {
        SBI_CUDA_BLAS(cuda, cublasGemmEx(cuda->blas, operation(op->transpose_b), operation(op->transpose_a), (int)op->n, (int)op->m,
                                         (int)op->k, &op->alpha, op->b, CUDA_R_32F, (int)op->ldb, op->a, CUDA_R_32F, (int)op->lda,
                                         &op->beta, op->c, CUDA_R_32F, (int)op->ldc, compute, CUBLAS_GEMM_DEFAULT),
                      "matrix product");
        return SBI_OK;
    }
    SBI_CUDA_BLAS(cuda, cublasGemmStridedBatchedEx(cuda->blas, operation(op->transpose_b), operation(op->transpose_a), (int)op->n,
                                                   (int)op->m, (int)op->k, &op->alpha, op->b, CUDA_R_32F, (int)op->ldb, op->stride_b,
                                                   op->a, CUDA_R_32F, (int)op->lda, op->stride_a, &op->beta, op->c, CUDA_R_32F,
                                                   (int)op->ldc, op->stride_c, (int)op->count, compute, CUBLAS_GEMM_DEFAULT),
                  "batched matrix product");
    return SBI_OK;
}

/* scaled: the left operand is multiplied by scales[3] when it is rounded, and alpha is the inverse, read by the device. */
static sbi_status product_half(sbi_cuda *cuda, const sbi_device_gemm *op, int scaled)
{
    const cudaDataType type = cuda->precision == SBI_CUDA_BF16 ? CUDA_R_16BF : CUDA_R_16F;
    const void *a, *b;
    SBI_CUDA_DO(sbi_cuda_half_of(cuda, op->a, (op->transpose_a ? op->k : op->m) * op->lda, scaled ? cuda->scales + 3 : NULL, &a));
    SBI_CUDA_DO(sbi_cuda_half_of(cuda, op->b, (op->transpose_b ? op->n : op->k) * op->ldb, NULL, &b));
    const float *alpha = &op->alpha, *beta = &op->beta;
    if (scaled) {
        SBI_CUDA_BLAS(cuda, cublasSetPointerMode(cuda->blas, CUBLAS_POINTER_MODE_DEVICE), "matrix product");
        alpha = cuda->scales;
        beta = cuda->scales + (op->beta != 0 ? 2 : 1);
    }
    const cublasStatus_t status =
        cublasGemmEx(cuda->blas, operation(op->transpose_b), operation(op->transpose_a), (int)op->n, (int)op->m, (int)op->k, alpha, b, type,
                     (int)op->ldb, a, type, (int)op->lda, beta, op->c, CUDA_R_32F, (int)op->ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    if (scaled) SBI_CUDA_BLAS(cuda, cublasSetPointerMode(cuda->blas, CUBLAS_POINTER_MODE_HOST), "matrix product");
    SBI_CUDA_BLAS(cuda, status, "matrix product");
    return SBI_OK;
}

/* Plain gemm() stays in f32 whatever the precision of layers is, TF32 apart: its caller gave no leave to round operands. */
sbi_status sbi_cuda_product(sbi_cuda *cuda, const sbi_device_gemm *op)
{
    return product_f32(cuda, op);
}

sbi_status sbi_cuda_layer_product(sbi_cuda *cuda, const sbi_device_gemm *op, int gradient)
{
    if (cuda->precision == SBI_CUDA_BF16) return product_half(cuda, op, 0);
    if (cuda->precision == SBI_CUDA_F16) return product_half(cuda, op, gradient);
    return product_f32(cuda, op);
}
