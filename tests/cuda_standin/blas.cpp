/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of cuBLAS and cuBLASLt: late like everything else, in plain loops, with operands rounded as the compute type says. */
#include "cublasLt.h"

#include <algorithm>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "state.h"

using namespace standin;

struct cublasContext {
    cudaStream_t stream = nullptr;
    cublasPointerMode_t mode = CUBLAS_POINTER_MODE_HOST;
};
struct cublasLtContext {
    int unused = 0;
};
struct cublasLtMatmulDescOpaque {
    cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
    int32_t ta = 0, tb = 0, pointer_mode = 0;
    uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    void *bias = nullptr;
};
struct cublasLtMatrixLayoutOpaque {
    cudaDataType_t type;
    int64_t rows, columns, ld;
};
struct cublasLtMatmulPreferenceOpaque {
    size_t workspace = 0;
};

namespace {

struct product {
    int ta, tb;
    int64_t m, n, k;
    const void *a, *b;
    void *c;
    const void *c_in;
    cudaDataType type_a, type_b, type_c;
    int64_t lda, ldb, ldc, stride_a, stride_b, stride_c, count;
    double alpha, beta;
    const void *alpha_there, *beta_there; /* on the device, or NULL */
    cublasComputeType_t compute;
    uint32_t epilogue;
    void *bias;
};

size_t size_of(cudaDataType type)
{
    return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2;
}

/* 10 bits of fraction, to the nearest with ties away from zero. */
float to_tf32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7f800000) != 0x7f800000) u = (u + 0x1000) & ~(uint32_t)0x1fff;
    memcpy(&f, &u, sizeof f);
    return f;
}

template <typename T> T element(const void *p, cudaDataType type, int64_t i, bool tf32)
{
    switch (type) {
    case CUDA_R_64F: return (T)((const double *)p)[i];
    case CUDA_R_16F: return (T)__half2float(((const __half *)p)[i]);
    case CUDA_R_16BF: return (T)__bfloat162float(((const __nv_bfloat16 *)p)[i]);
    default: return (T)(tf32 ? to_tf32(((const float *)p)[i]) : ((const float *)p)[i]);
    }
}

template <typename T> void put(void *p, cudaDataType type, int64_t i, T value)
{
    switch (type) {
    case CUDA_R_64F: ((double *)p)[i] = (double)value; break;
    case CUDA_R_16F: ((__half *)p)[i] = __float2half_rn((float)value); break;
    case CUDA_R_16BF: ((__nv_bfloat16 *)p)[i] = __float2bfloat16_rn((float)value); break;
    default: ((float *)p)[i] = (float)value;
    }
}

const void *at(const void *p, cudaDataType type, int64_t offset)
{
    return (const char *)p + offset * (int64_t)size_of(type);
}

template <typename T> void multiply(const product &p, int64_t item)
{
    const bool tf32 = p.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    const void *a = at(p.a, p.type_a, item * p.stride_a), *b = at(p.b, p.type_b, item * p.stride_b);
    void *c = (void *)at(p.c, p.type_c, item * p.stride_c);
    const void *c_in = at(p.c_in, p.type_c, item * p.stride_c);
    const T alpha = (T)(p.alpha_there ? *(const float *)p.alpha_there : p.alpha);
    const T beta = (T)(p.beta_there ? *(const float *)p.beta_there : p.beta);
    std::vector<T> left((size_t)(p.m * p.k)), right((size_t)p.k), sum((size_t)p.m);
    for (int64_t l = 0; l < p.k; l++)
        for (int64_t i = 0; i < p.m; i++)
            left[(size_t)(l * p.m + i)] = element<T>(a, p.type_a, p.ta ? i * p.lda + l : l * p.lda + i, tf32);
    for (int64_t j = 0; j < p.n; j++) {
        std::fill(sum.begin(), sum.end(), (T)0);
        T gradient = 0;
        for (int64_t l = 0; l < p.k; l++) {
            right[(size_t)l] = element<T>(b, p.type_b, p.tb ? l * p.ldb + j : j * p.ldb + l, tf32);
            const T x = right[(size_t)l];
            gradient += x;
            const T *row = &left[(size_t)(l * p.m)];
            for (int64_t i = 0; i < p.m; i++) sum[(size_t)i] += row[i] * x;
        }
        for (int64_t i = 0; i < p.m; i++) {
            T value = alpha * sum[(size_t)i];
            if (beta != 0) value += beta * element<T>(c_in, p.type_c, j * p.ldc + i, false);
            if (p.epilogue & CUBLASLT_EPILOGUE_BIAS) value += (T)((const float *)p.bias)[i];
            if (p.epilogue & CUBLASLT_EPILOGUE_RELU) value = value < 0 ? (T)0 : value;
            put<T>(c, p.type_c, j * p.ldc + i, value);
        }
        if (p.epilogue & CUBLASLT_EPILOGUE_BGRADB) ((float *)p.bias)[j] = (float)gradient;
    }
}

bool fits(const void *p, cudaDataType type, int64_t rows, int64_t columns, int64_t ld, int64_t stride, int64_t count)
{
    if (ld < rows) return false;
    const int64_t length = (count - 1) * stride + (columns - 1) * ld + rows;
    return length <= 0 || on_device(p, (size_t)length * size_of(type));
}

cublasStatus_t submit(cudaStream_t stream, product p)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    if (cudaError_t error = trouble()) {
        set_last(error);
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (struck_by_loss()) {
        set_last(cudaErrorECCUncorrectable);
        return CUBLAS_STATUS_EXECUTION_FAILED;
    }
    if (strike(CUDA_STANDIN_LAUNCH)) return CUBLAS_STATUS_EXECUTION_FAILED;
    get().launched[current_device()]++;
    if (p.m < 0 || p.n < 0 || p.k < 0 || p.count < 0) return CUBLAS_STATUS_INVALID_VALUE;
    if (p.m == 0 || p.n == 0 || p.count == 0) return CUBLAS_STATUS_SUCCESS;
    if (!fits(p.c, p.type_c, p.m, p.n, p.ldc, p.stride_c, p.count) ||
        (p.k && (!fits(p.a, p.type_a, p.ta ? p.k : p.m, p.ta ? p.m : p.k, p.lda, p.stride_a, p.count) ||
                 !fits(p.b, p.type_b, p.tb ? p.n : p.k, p.tb ? p.k : p.n, p.ldb, p.stride_b, p.count)))) {
        violate("a product of %lld x %lld x %lld leaves its allocations, or a leading dimension is too small", (long long)p.m,
                (long long)p.n, (long long)p.k);
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    const cudaError_t error = enqueue(stream, [p] {
        for (int64_t i = 0; i < p.count; i++) {
            if (p.compute == CUBLAS_COMPUTE_64F || p.compute == CUBLAS_COMPUTE_64F_PEDANTIC) {
                multiply<double>(p, i);
            } else {
                multiply<float>(p, i);
            }
        }
        int64_t *counts = get().counts;
        counts[CUDA_STANDIN_PRODUCTS] += p.count;
        counts[CUDA_STANDIN_OPERATIONS] += 2 * p.m * p.n * p.k * p.count;
        counts[CUDA_STANDIN_PRODUCT_BYTES] += p.count * (p.m * p.k * (int64_t)size_of(p.type_a) + p.k * p.n * (int64_t)size_of(p.type_b) +
                                                         p.m * p.n * (int64_t)size_of(p.type_c));
    });
    return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

/* alpha and beta, now or when the product runs. */
void scale(product *p, int device, const void *alpha, const void *beta)
{
    const bool f64 = p->compute == CUBLAS_COMPUTE_64F || p->compute == CUBLAS_COMPUTE_64F_PEDANTIC;
    p->alpha_there = device ? alpha : nullptr;
    p->beta_there = device ? beta : nullptr;
    if (device) return;
    p->alpha = f64 ? *(const double *)alpha : (double)*(const float *)alpha;
    p->beta = f64 ? *(const double *)beta : (double)*(const float *)beta;
}

}

extern "C" {

cublasStatus_t cublasCreate(cublasHandle_t *out)
{
    *out = nullptr;
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    if (trouble() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (strike(CUDA_STANDIN_ALLOCATION)) return CUBLAS_STATUS_ALLOC_FAILED;
    *out = new cublasContext;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) { delete handle; return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t s) { handle->stream = s; return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode)
{
    handle->mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *memory, size_t bytes)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    return on_device(memory, bytes) && (uintptr_t)memory % 256 == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasGetVersion(cublasHandle_t, int *version) { *version = 130000; return CUBLAS_STATUS_SUCCESS; }
const char *cublasGetStatusString(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_SUCCESS ? "success" : status == CUBLAS_STATUS_ALLOC_FAILED ? "allocation failed" : "failed";
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType type_a, int lda,
                                          long long stride_a, const void *b, cudaDataType type_b, int ldb,
                                          long long stride_b, const void *beta, void *c, cudaDataType type_c, int ldc,
                                          long long stride_c, int count, cublasComputeType_t compute, cublasGemmAlgo_t)
{
    product p = {ta, tb, m, n, k, a, b, c, c, type_a, type_b, type_c, lda, ldb, ldc, stride_a, stride_b, stride_c, count,
                 0, 0, nullptr, nullptr, compute, CUBLASLT_EPILOGUE_DEFAULT, nullptr};
    scale(&p, handle->mode == CUBLAS_POINTER_MODE_DEVICE, alpha, beta);
    return submit(handle->stream, p);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                            const void *alpha, const void *a, cudaDataType type_a, int lda, const void *b,
                            cudaDataType type_b, int ldb, const void *beta, void *c, cudaDataType type_c, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algorithm)
{
    return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c,
                                      ldc, 0, 1, compute, algorithm);
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                           const float *alpha, const float *a, int lda, const float *b, int ldb, const float *beta, float *c,
                           int ldc)
{
    return cublasGemmEx(handle, ta, tb, m, n, k, alpha, a, CUDA_R_32F, lda, b, CUDA_R_32F, ldb, beta, c, CUDA_R_32F, ldc,
                        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasDgemmStridedBatched(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                         const double *alpha, const double *a, int lda, long long stride_a,
                                         const double *b, int ldb, long long stride_b, const double *beta, double *c, int ldc,
                                         long long stride_c, int count)
{
    return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, CUDA_R_64F, lda, stride_a, b, CUDA_R_64F, ldb, stride_b,
                                      beta, c, CUDA_R_64F, ldc, stride_c, count, CUBLAS_COMPUTE_64F, CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasDgemm(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                           const double *alpha, const double *a, int lda, const double *b, int ldb, const double *beta,
                           double *c, int ldc)
{
    return cublasDgemmStridedBatched(handle, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);
}

/* (Both triangles are written here: a caller must not look at the other one, nor keep anything there.) */
cublasStatus_t cublasDsyrk(cublasHandle_t handle, cublasFillMode_t, cublasOperation_t transpose, int n, int k,
                           const double *alpha, const double *a, int lda, const double *beta, double *c, int ldc)
{
    return cublasDgemm(handle, transpose, transpose == CUBLAS_OP_N ? CUBLAS_OP_T : CUBLAS_OP_N, n, n, k, alpha, a, lda, a, lda,
                       beta, c, ldc);
}

/* ---- cuBLASLt ---- */

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out)
{
    *out = nullptr;
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    if (trouble() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
    *out = new cublasLtContext;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { delete handle; return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t compute, cudaDataType_t)
{
    *out = new cublasLtMatmulDescOpaque;
    (*out)->compute = compute;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) { delete desc; return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t size)
{
    void *field = nullptr;
    size_t expected = 4;
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: field = &desc->ta; break;
    case CUBLASLT_MATMUL_DESC_TRANSB: field = &desc->tb; break;
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: field = &desc->pointer_mode; break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE: field = &desc->epilogue; break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: field = &desc->bias; expected = sizeof(void *); break;
    default: break;
    }
    if (!field || size != expected) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(field, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType_t type, uint64_t rows, uint64_t columns,
                                          int64_t ld)
{
    *out = new cublasLtMatrixLayoutOpaque{type, (int64_t)rows, (int64_t)columns, ld};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { delete layout; return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out)
{
    *out = new cublasLtMatmulPreferenceOpaque;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) { delete p; return CUBLAS_STATUS_SUCCESS; }

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void *value,
                                                    size_t size)
{
    if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && size == sizeof(size_t)) memcpy(&preference->workspace, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

/* As on older devices, nothing is offered where a leading dimension is not a multiple of four: callers must have another way. */
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int most, cublasLtMatmulHeuristicResult_t *results,
                                              int *found)
{
    *found = 0;
    if (most < 1 || a->ld % 4 || b->ld % 4 || d->ld % 4) return CUBLAS_STATUS_NOT_SUPPORTED;
    results[0] = cublasLtMatmulHeuristicResult_t();
    results[0].state = CUBLAS_STATUS_SUCCESS;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
                              cublasLtMatrixLayout_t layout_a, const void *b, cublasLtMatrixLayout_t layout_b,
                              const void *beta, const void *c, cublasLtMatrixLayout_t layout_c, void *d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t *, void *, size_t,
                              cudaStream_t stream)
{
    if (layout_c->type != layout_d->type || layout_c->ld != layout_d->ld) return CUBLAS_STATUS_NOT_SUPPORTED;
    const int64_t k = desc->ta ? layout_a->rows : layout_a->columns;
    product p = {desc->ta, desc->tb, layout_d->rows, layout_d->columns, k, a, b, d, c, layout_a->type, layout_b->type,
                 layout_d->type, layout_a->ld, layout_b->ld, layout_d->ld, 0, 0, 0, 1, 0, 0, nullptr, nullptr, desc->compute,
                 desc->epilogue, desc->bias};
    scale(&p, desc->pointer_mode, alpha, beta);
    const bool uses_bias = desc->epilogue & (CUBLASLT_EPILOGUE_BIAS | CUBLASLT_EPILOGUE_BGRADB);
    const int64_t length = desc->epilogue & CUBLASLT_EPILOGUE_BGRADB ? p.n : p.m;
    if (uses_bias && !on_device(desc->bias, (size_t)length * sizeof(float))) return CUBLAS_STATUS_INVALID_VALUE;
    return submit(stream, p);
}

}
