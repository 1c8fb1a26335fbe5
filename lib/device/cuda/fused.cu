/* SPDX-License-Identifier: Apache-2.0 */
/* Products whose epilogue cuBLASLt does: the bias of a layer without activation, the bias gradient. What it chose for a shape is kept, so that a shape takes
 * the same way each time. Reductions in place are left out: they would not be in a fixed order. */
#include "device/cuda/cuda.h"

#include <string.h>

enum { FORWARD, WEIGHTS };

static sbi_status choose(sbi_cuda *cuda, sbi_cuda_plan *plan, int32_t transpose_a, int32_t transpose_b, uint32_t epilogue, int64_t lda,
                         int64_t ldb, int64_t ldd)
{
    const cublasComputeType_t compute = cuda->precision == SBI_CUDA_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    SBI_CUDA_BLAS(cuda, cublasLtMatmulDescCreate(&plan->desc, compute, CUDA_R_32F), "planning a product");
    SBI_CUDA_BLAS(cuda, cublasLtMatmulDescSetAttribute(plan->desc, CUBLASLT_MATMUL_DESC_TRANSA, &transpose_a, sizeof transpose_a),
                  "planning a product");
    SBI_CUDA_BLAS(cuda, cublasLtMatmulDescSetAttribute(plan->desc, CUBLASLT_MATMUL_DESC_TRANSB, &transpose_b, sizeof transpose_b),
                  "planning a product");
    SBI_CUDA_BLAS(cuda, cublasLtMatmulDescSetAttribute(plan->desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue),
                  "planning a product");
    const uint64_t rows_a = (uint64_t)(transpose_a ? plan->k : plan->m), columns_a = (uint64_t)(transpose_a ? plan->m : plan->k);
    const uint64_t rows_b = (uint64_t)(transpose_b ? plan->n : plan->k), columns_b = (uint64_t)(transpose_b ? plan->k : plan->n);
    SBI_CUDA_BLAS(cuda, cublasLtMatrixLayoutCreate(&plan->a, CUDA_R_32F, rows_a, columns_a, lda), "planning a product");
    SBI_CUDA_BLAS(cuda, cublasLtMatrixLayoutCreate(&plan->b, CUDA_R_32F, rows_b, columns_b, ldb), "planning a product");
    SBI_CUDA_BLAS(cuda, cublasLtMatrixLayoutCreate(&plan->d, CUDA_R_32F, (uint64_t)plan->m, (uint64_t)plan->n, ldd),
                  "planning a product");
    cublasLtMatmulPreference_t preference;
    SBI_CUDA_BLAS(cuda, cublasLtMatmulPreferenceCreate(&preference), "planning a product");
    const uint32_t alignment = (uint32_t)plan->alignment;
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
#define PREFER(name, value) (void)cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_##name, &value, sizeof value)
    PREFER(MAX_WORKSPACE_BYTES, cuda->workspace_bytes);
    PREFER(REDUCTION_SCHEME_MASK, reductions);
    PREFER(MIN_ALIGNMENT_A_BYTES, alignment);
    PREFER(MIN_ALIGNMENT_B_BYTES, alignment);
    PREFER(MIN_ALIGNMENT_C_BYTES, alignment);
    PREFER(MIN_ALIGNMENT_D_BYTES, alignment);
#undef PREFER
    cublasLtMatmulHeuristicResult_t result;
    int found = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(cuda->lt, plan->desc, plan->a, plan->b, plan->d, plan->d, preference, 1, &result, &found);
    (void)cublasLtMatmulPreferenceDestroy(preference);
    plan->usable = status == CUBLAS_STATUS_SUCCESS && found == 1 && result.state == CUBLAS_STATUS_SUCCESS;
    if (plan->usable) plan->algorithm = result.algo;
    return SBI_OK;
}

static int alignment_of(const void *p)
{
    const uintptr_t bits = (uintptr_t)p | 256;
    return (int)(bits & (~bits + 1));
}

static int alignment_of_three(const void *a, const void *b, const void *d)
{
    const int x = alignment_of(a), y = alignment_of(b), z = alignment_of(d), least = x < y ? x : y;
    return least < z ? least : z;
}

/* The plan of a kind and shape, chosen when it is first asked for; NULL in *out where there is no room for more. */
static sbi_status plan_of(sbi_cuda *cuda, sbi_cuda_plan **out, int kind, int64_t m, int64_t n, int64_t k, int alignment)
{
    *out = NULL;
    for (int i = 0; i < cuda->plans; i++) {
        sbi_cuda_plan *p = &cuda->plan[i];
        if (p->kind != kind || p->m != m || p->n != n || p->k != k || p->alignment != alignment) continue;
        *out = p;
        return SBI_OK;
    }
    if (cuda->plans == SBI_CUDA_PLANS) return SBI_OK;
    sbi_cuda_plan *p = &cuda->plan[cuda->plans];
    memset(p, 0, sizeof *p);
    p->m = m;
    p->n = n;
    p->k = k;
    p->kind = kind;
    p->alignment = alignment;
    cuda->plans++; /* what is made of it is destroyed with it, whatever happens next */
    if (kind == WEIGHTS) {
        SBI_CUDA_DO(choose(cuda, p, CUBLAS_OP_N, CUBLAS_OP_T, CUBLASLT_EPILOGUE_BGRADB, m, n, m));
    } else {
        SBI_CUDA_DO(choose(cuda, p, CUBLAS_OP_T, CUBLAS_OP_N, CUBLASLT_EPILOGUE_BIAS, k, k, m));
    }
    *out = p;
    return SBI_OK;
}

static sbi_status run(sbi_cuda *cuda, sbi_cuda_plan *p, const float *a, const float *b, float *d, const float *vector, int *done)
{
    const float one = 1, zero = 0;
    SBI_CUDA_BLAS(cuda, cublasLtMatmulDescSetAttribute(p->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &vector, sizeof vector),
                  "matrix product");
    const cublasStatus_t status = cublasLtMatmul(cuda->lt, p->desc, &one, a, p->a, b, p->b, &zero, d, p->d, d, p->d, &p->algorithm,
                                                 cuda->workspace, cuda->workspace_bytes, cuda->stream);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) {
        p->usable = 0; /* the other way it is, from now on */
        (void)cudaGetLastError();
        return SBI_OK;
    }
    SBI_CUDA_BLAS(cuda, status, "matrix product");
    *done = 1;
    return SBI_OK;
}

sbi_status sbi_cuda_fused_forward(sbi_cuda *cuda, const sbi_device_forward *op, int *done)
{
    *done = 0;
    if (cuda->precision >= SBI_CUDA_BF16 || op->out == 1) return SBI_OK;
    sbi_cuda_plan *p;
    SBI_CUDA_DO(plan_of(cuda, &p, FORWARD, op->out, op->rows, op->in, alignment_of_three(op->w, op->x, op->y)));
    if (!p || !p->usable) return SBI_OK;
    return run(cuda, p, op->w, op->x, op->y, op->b, done);
}

sbi_status sbi_cuda_fused_weights(sbi_cuda *cuda, const sbi_device_backward *op, int *done)
{
    *done = 0;
    if (cuda->precision >= SBI_CUDA_BF16 || op->out == 1) return SBI_OK;
    sbi_cuda_plan *p;
    SBI_CUDA_DO(plan_of(cuda, &p, WEIGHTS, op->in, op->out, op->rows, alignment_of_three(op->x, op->dz, op->dw)));
    if (!p || !p->usable) return SBI_OK;
    return run(cuda, p, op->x, op->dz, op->dw, op->db, done);
}

void sbi_cuda_forget_plans(sbi_cuda *cuda)
{
    for (int i = 0; i < cuda->plans; i++) {
        sbi_cuda_plan *p = &cuda->plan[i];
        if (p->a) (void)cublasLtMatrixLayoutDestroy(p->a);
        if (p->b) (void)cublasLtMatrixLayoutDestroy(p->b);
        if (p->d) (void)cublasLtMatrixLayoutDestroy(p->d);
        if (p->desc) (void)cublasLtMatmulDescDestroy(p->desc);
    }
    cuda->plans = 0;
}
