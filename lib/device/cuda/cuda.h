/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the CUDA device share. They are compiled by nvcc, and by a plain C++ compiler against tests/cuda_standin. */
#ifndef SBI_DEVICE_CUDA_CUDA_H
#define SBI_DEVICE_CUDA_CUDA_H

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "device/plugin.h"

enum sbi_cuda_precision { SBI_CUDA_F32, SBI_CUDA_TF32, SBI_CUDA_BF16, SBI_CUDA_F16 };

#define SBI_CUDA_STAGING ((size_t)4 << 20) /* bytes of each pinned buffer */
#define SBI_CUDA_PLANS 64
#define SBI_CUDA_PARTS 128 /* most partial sums of a reduction */

/* Operands of a product in half precision: made when they are first needed, good until their source is written. */
#define SBI_CUDA_HALVES 256
struct sbi_cuda_half {
    const float *source;
    int64_t n;
    void *half;     /* [n], 16 bits each */
    size_t capacity; /* bytes */
    int valid;
    int reserved;
};

/* What cuBLASLt was asked to do, and how it will. */
struct sbi_cuda_plan {
    int64_t m, n, k;
    int32_t kind, alignment;
    int32_t usable; /* 0: it has nothing to offer for this */
    int32_t reserved;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
};

struct sbi_cuda {
    const sbi_device_host *host;
    sbi_context *ctx;
    int index, precision, use_graphs, recording;
    cudaStream_t stream;
    cublasHandle_t blas;
    cublasLtHandle_t lt;
    void *workspace;
    size_t workspace_bytes;
    double *partials;   /* [SBI_CUDA_PARTS] */
    float *columns;     /* partial column sums */
    size_t columns_bytes;
    float *scales;      /* [4] alpha and beta of a scaled product: 1 / scale, 0, 1; scale */
    char *staging[2];   /* pinned */
    cudaEvent_t staged[2];
    int stage;
    int plans;
    sbi_cuda_plan plan[SBI_CUDA_PLANS];
    int halves, next_half;
    sbi_cuda_half half[SBI_CUDA_HALVES];
};

/* ---- failures: error.cu ---- */

sbi_status sbi_cuda_fail(const sbi_cuda *cuda, cudaError_t error, const char *what);
sbi_status sbi_cuda_fail_blas(const sbi_cuda *cuda, cublasStatus_t status, const char *what);
sbi_status sbi_cuda_fail_text(const sbi_device_host *host, sbi_status status, const char *format, ...) SBI_PRINTF(3, 4);

#define SBI_CUDA_TRY(cuda, call, what)                                                                                 \
    do {                                                                                                               \
        cudaError_t sbi_cuda_error_ = (call);                                                                          \
        if (sbi_cuda_error_ != cudaSuccess) return sbi_cuda_fail(cuda, sbi_cuda_error_, what);                         \
    } while (0)
#define SBI_CUDA_BLAS(cuda, call, what)                                                                                \
    do {                                                                                                               \
        cublasStatus_t sbi_cuda_status_ = (call);                                                                      \
        if (sbi_cuda_status_ != CUBLAS_STATUS_SUCCESS) return sbi_cuda_fail_blas(cuda, sbi_cuda_status_, what);        \
    } while (0)
#define SBI_CUDA_DO(call)                                                                                              \
    do {                                                                                                               \
        sbi_status sbi_cuda_done_ = (call);                                                                            \
        if (sbi_cuda_done_ != SBI_OK) return sbi_cuda_done_;                                                           \
    } while (0)

/* The device of this handle is the thread's while it lives, and the thread's own again afterwards. */
struct sbi_cuda_scope {
    int before, changed;
    explicit sbi_cuda_scope(const sbi_cuda *cuda) : before(-1), changed(0)
    {
        if (cudaGetDevice(&before) == cudaSuccess && before != cuda->index) changed = cudaSetDevice(cuda->index) == cudaSuccess;
    }
    ~sbi_cuda_scope()
    {
        if (changed) (void)cudaSetDevice(before);
    }
    sbi_cuda_scope(const sbi_cuda_scope &) = delete;
    sbi_cuda_scope &operator=(const sbi_cuda_scope &) = delete;
};

/* ---- launching ---- */

static inline int64_t sbi_cuda_ceil(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit;
}

template <typename... Parameters, typename... Arguments>
static inline sbi_status sbi_cuda_launch(const sbi_cuda *cuda, const char *what, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                         Arguments... arguments)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    config.stream = cuda->stream;
    SBI_CUDA_TRY(cuda, cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), what);
    return SBI_OK;
}

static inline int sbi_cuda_aligned(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}

/* Dynamic shared memory as an array of T. */
#ifdef __CUDACC__
#define SBI_CUDA_DYNAMIC_SHARED(T, name)                                                                               \
    extern __shared__ double2 sbi_cuda_shared_[];                                                                      \
    T *name = reinterpret_cast<T *>(sbi_cuda_shared_)
#else
#define SBI_CUDA_DYNAMIC_SHARED(T, name) T *name = static_cast<T *>(cuda_standin_dynamic_shared())
#endif

/* ---- the operations, by file ---- */

/* memory.cu */
sbi_status sbi_cuda_allocate(void *self, void **out, size_t bytes);
void sbi_cuda_release(void *self, void *memory);
sbi_status sbi_cuda_upload(void *self, void *device, const void *host, size_t bytes);
sbi_status sbi_cuda_download(void *self, void *host, const void *device, size_t bytes);
sbi_status sbi_cuda_copy(void *self, void *to, const void *from, size_t bytes);
sbi_status sbi_cuda_zero(void *self, void *device, size_t bytes);
sbi_status sbi_cuda_synchronise(void *self);
sbi_status sbi_cuda_available(void *self, size_t *bytes);
/* Scratch memory that only grows: *memory has `bytes` at least. Not while recording: everything has its size by then. */
sbi_status sbi_cuda_reserve(sbi_cuda *cuda, void **memory, size_t *capacity, size_t bytes);
/* graph.cu */
sbi_status sbi_cuda_record(void *self);
sbi_status sbi_cuda_recorded(void *self, void **program);
sbi_status sbi_cuda_replay(void *self, void *program);
void sbi_cuda_forget(void *self, void *program);
/* gemm.cu */
sbi_status sbi_cuda_gemm(void *self, const sbi_device_gemm *op);
sbi_status sbi_cuda_product(sbi_cuda *cuda, const sbi_device_gemm *op);
/* The product of a layer in the device's precision; gradient: the left operand is a gradient whose scale sbi_cuda_choose_scale() set. */
sbi_status sbi_cuda_layer_product(sbi_cuda *cuda, const sbi_device_gemm *op, int gradient);
/* fused.cu: products with an epilogue of cuBLASLt. *done = 0: it has none for this, nothing was done. */
sbi_status sbi_cuda_fused_forward(sbi_cuda *cuda, const sbi_device_forward *op, int *done);
sbi_status sbi_cuda_fused_weights(sbi_cuda *cuda, const sbi_device_backward *op, int *done);
void sbi_cuda_forget_plans(sbi_cuda *cuda);
/* half.cu */
/* The operand in the device's half precision, from the cache if it is good. */
sbi_status sbi_cuda_half_of(sbi_cuda *cuda, const float *source, int64_t n, const float *scale, const void **half);
/* Sets scales[] for a gradient: scale is a power of two that brings the largest magnitude of x near 2^13. */
sbi_status sbi_cuda_choose_scale(sbi_cuda *cuda, const float *x, int64_t n);
/* Memory from `first` on was written: copies in half precision of it are no longer good. NULL: of anything. */
void sbi_cuda_written(sbi_cuda *cuda, const void *first, size_t bytes);
void sbi_cuda_free_halves(sbi_cuda *cuda);
/* linear.cu, activation.cu */
sbi_status sbi_cuda_forward(void *self, const sbi_device_forward *op);
sbi_status sbi_cuda_backward(void *self, const sbi_device_backward *op);
/* z = f(z + bias), d = f'(z + bias); bias and d may be NULL. */
sbi_status sbi_cuda_activate(sbi_cuda *cuda, int32_t activation, float *z, float *d, const float *bias, int64_t rows, int64_t columns);
sbi_status sbi_cuda_multiply(sbi_cuda *cuda, float *x, const float *d, int64_t n);
/* sums.cu */
sbi_status sbi_cuda_column_sums(sbi_cuda *cuda, float *out, const float *x, int64_t rows, int64_t columns, int accumulate);
sbi_status sbi_cuda_sum_parts(void *self, float *out, const float *parts, int64_t count, int64_t n);
sbi_status sbi_cuda_sum_squares(void *self, double *out, const float *x, int64_t n);
sbi_status sbi_cuda_loss(void *self, const sbi_device_loss *op);
/* update.cu, gather.cu */
sbi_status sbi_cuda_update(void *self, const sbi_device_update *op);
sbi_status sbi_cuda_gather(void *self, float *out, const float *table, const uint32_t *index, int64_t rows, int64_t columns);

#endif
