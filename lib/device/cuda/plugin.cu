/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a CUDA device, and the struct that libsbi looks for. */
#include "device/cuda/cuda.h"
#include "device/cuda/likelihood/likelihood.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Workspace of cuBLAS, given once: with it, products of one shape take the same way each time. NVIDIA's advice for Hopper is 32 MiB. */
#define WORKSPACE ((size_t)32 << 20)

static const char *const precisions[] = {"f32", "tf32", "bf16", "f16"};

static sbi_status read_option(sbi_cuda *cuda, const char *key, size_t key_length, const char *value, size_t length)
{
#define IS(text, n, name) ((n) == sizeof(name) - 1 && strncmp(text, name, n) == 0)
    if (IS(key, key_length, "precision")) {
        for (int p = SBI_CUDA_F32; p <= SBI_CUDA_F16; p++) {
            if (length != strlen(precisions[p]) || strncmp(value, precisions[p], length) != 0) continue;
            cuda->precision = p;
            return SBI_OK;
        }
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_ARGUMENT, "device cuda: precision is \"%.*s\", expected f32, tf32, bf16 or f16",
                                  (int)length, value);
    }
    if (IS(key, key_length, "graph")) {
        if (length == 1 && (value[0] == '0' || value[0] == '1')) {
            cuda->use_graphs = value[0] == '1';
            return SBI_OK;
        }
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_ARGUMENT, "device cuda: graph is \"%.*s\", expected 0 or 1", (int)length, value);
    }
    return sbi_cuda_fail_text(cuda->host, SBI_ERR_ARGUMENT, "device cuda: option \"%.*s\" is unknown, expected precision or graph",
                              (int)key_length, key);
#undef IS
}

/* [:index][?key=value[&key=value...]] */
static sbi_status read_options(sbi_cuda *cuda, const char *text)
{
    cuda->index = 0;
    cuda->precision = SBI_CUDA_F32;
    cuda->use_graphs = 1;
    if (*text == ':') {
        char *end;
        const long index = strtol(text + 1, &end, 10);
        if (end == text + 1 || text[1] < '0' || text[1] > '9' || (*end && *end != '?') || index > 1023)
            return sbi_cuda_fail_text(cuda->host, SBI_ERR_ARGUMENT, "device cuda%.40s: expected a number after the colon", text);
        cuda->index = (int)index;
        text = end;
    }
    while (*text) { /* at '?' or '&' */
        const char *key = text + 1;
        const size_t length = strcspn(key, "&");
        const size_t key_length = strcspn(key, "=&");
        if (key_length >= length)
            return sbi_cuda_fail_text(cuda->host, SBI_ERR_ARGUMENT, "device cuda: option \"%.*s\" has no value", (int)length, key);
        SBI_CUDA_DO(read_option(cuda, key, key_length, key + key_length + 1, length - key_length - 1));
        text = key + length;
    }
    return SBI_OK;
}

/* Driver and devices: each with its own message. */
static sbi_status count_devices(const sbi_device_host *host, int *count)
{
    int driver = 0, runtime = 0;
    *count = 0;
    (void)cudaDriverGetVersion(&driver);
    (void)cudaRuntimeGetVersion(&runtime);
    const cudaError_t error = cudaGetDeviceCount(count);
    (void)cudaGetLastError();
    if (driver == 0) return host->fail(SBI_ERR_NOT_FOUND, "device cuda: there is no NVIDIA driver");
    if (error == cudaErrorInsufficientDriver)
        return sbi_cuda_fail_text(host, SBI_ERR_NOT_FOUND, "device cuda: the NVIDIA driver is for CUDA %d.%d, and %d.%d is needed",
                                  driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    if (error == cudaErrorNoDevice || (error == cudaSuccess && *count == 0))
        return host->fail(SBI_ERR_NOT_FOUND, "device cuda: the NVIDIA driver has no device");
    if (error != cudaSuccess)
        return sbi_cuda_fail_text(host, SBI_ERR_TRANSIENT, "device cuda: counting devices: %s", cudaGetErrorString(error));
    return SBI_OK;
}

static sbi_status find_device(const sbi_cuda *cuda)
{
    int count = 0, major = 0, minor = 0;
    SBI_CUDA_DO(count_devices(cuda->host, &count));
    if (cuda->index >= count)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_NOT_FOUND, "device cuda:%d: there are %d, counted from 0", cuda->index, count);
    SBI_CUDA_TRY(cuda, cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, cuda->index), "asking for its capability");
    SBI_CUDA_TRY(cuda, cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, cuda->index), "asking for its capability");
    if (major < 8 && cuda->precision != SBI_CUDA_F32 && cuda->precision != SBI_CUDA_F16)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_UNSUPPORTED, "device cuda:%d has capability %d.%d, and %s needs 8.0", cuda->index,
                                  major, minor, precisions[cuda->precision]);
    return SBI_OK;
}

static sbi_status prepare(sbi_cuda *cuda)
{
    SBI_CUDA_TRY(cuda, cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking), "making a stream");
    for (int i = 0; i < 2; i++) {
        SBI_CUDA_TRY(cuda, cudaHostAlloc(reinterpret_cast<void **>(&cuda->staging[i]), SBI_CUDA_STAGING, cudaHostAllocDefault),
                     "pinned memory of the host");
        SBI_CUDA_TRY(cuda, cudaEventCreateWithFlags(&cuda->staged[i], cudaEventDisableTiming), "making an event");
    }
    SBI_CUDA_BLAS(cuda, cublasCreate(&cuda->blas), "starting cuBLAS");
    SBI_CUDA_BLAS(cuda, cublasLtCreate(&cuda->lt), "starting cuBLASLt");
    cuda->workspace_bytes = WORKSPACE;
    SBI_CUDA_DO(sbi_cuda_allocate(cuda, &cuda->workspace, WORKSPACE));
    SBI_CUDA_BLAS(cuda, cublasSetStream(cuda->blas, cuda->stream), "setting cuBLAS up");
    SBI_CUDA_BLAS(cuda, cublasSetWorkspace(cuda->blas, cuda->workspace, WORKSPACE), "setting cuBLAS up");
    SBI_CUDA_BLAS(cuda, cublasSetAtomicsMode(cuda->blas, CUBLAS_ATOMICS_NOT_ALLOWED), "setting cuBLAS up");
    void *memory;
    SBI_CUDA_DO(sbi_cuda_allocate(cuda, &memory, sizeof(double) * SBI_CUDA_PARTS));
    cuda->partials = static_cast<double *>(memory);
    SBI_CUDA_DO(sbi_cuda_allocate(cuda, &memory, 4 * sizeof(float)));
    cuda->scales = static_cast<float *>(memory);
    return SBI_OK;
}

static void close_device(void *self)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    {
        sbi_cuda_scope scope(cuda);
        if (cuda->stream) (void)cudaStreamSynchronize(cuda->stream);
        sbi_cuda_forget_plans(cuda);
        sbi_cuda_free_halves(cuda);
        sbi_cuda_release(cuda, cuda->columns);
        sbi_cuda_release(cuda, cuda->scales);
        sbi_cuda_release(cuda, cuda->partials);
        if (cuda->lt) (void)cublasLtDestroy(cuda->lt);
        if (cuda->blas) (void)cublasDestroy(cuda->blas);
        sbi_cuda_release(cuda, cuda->workspace);
        for (int i = 0; i < 2; i++) {
            if (cuda->staged[i]) (void)cudaEventDestroy(cuda->staged[i]);
            if (cuda->staging[i]) (void)cudaFreeHost(cuda->staging[i]);
        }
        if (cuda->stream) (void)cudaStreamDestroy(cuda->stream);
        (void)cudaGetLastError();
    }
    cuda->host->release(cuda->ctx, cuda);
}

/* With graphs and without. */
#define OPS(...)                                                                                                       \
    {                                                                                                                  \
        sizeof(sbi_device_ops), SBI_DEVICE_ABI, 0, 0, "cuda", sbi_cuda_allocate, sbi_cuda_release, sbi_cuda_upload,    \
            sbi_cuda_download, sbi_cuda_copy, sbi_cuda_zero, sbi_cuda_synchronise, sbi_cuda_available, sbi_cuda_gemm,  \
            sbi_cuda_forward, sbi_cuda_backward, sbi_cuda_norm_backward, sbi_cuda_loss, sbi_cuda_update,                \
            sbi_cuda_gather, sbi_cuda_sum_parts, sbi_cuda_sum_squares, __VA_ARGS__, close_device                                                            \
    }
static const sbi_device_ops recording_ops = OPS(sbi_cuda_record, sbi_cuda_recorded, sbi_cuda_replay, sbi_cuda_forget);
static const sbi_device_ops plain_ops = OPS(NULL, NULL, NULL, NULL);

static sbi_status open_device(const sbi_device_ops **ops, void **self, const sbi_device_host *host, sbi_context *ctx, const char *options)
{
    *ops = NULL;
    *self = NULL;
    sbi_cuda *cuda = static_cast<sbi_cuda *>(host->allocate(ctx, sizeof *cuda));
    if (!cuda) return SBI_ERR_NO_MEMORY;
    memset(cuda, 0, sizeof *cuda);
    cuda->host = host;
    cuda->ctx = ctx;
    sbi_status status = read_options(cuda, options);
    if (status == SBI_OK) status = find_device(cuda);
    if (status != SBI_OK) {
        host->release(ctx, cuda);
        return status;
    }
    {
        sbi_cuda_scope scope(cuda);
        status = prepare(cuda);
    }
    if (status != SBI_OK) {
        close_device(cuda);
        return status;
    }
    *ops = cuda->use_graphs ? &recording_ops : &plain_ops;
    *self = cuda;
    return SBI_OK;
}

static sbi_status count_for_list(const sbi_device_host *host, int32_t *n)
{
    return count_devices(host, n);
}

static const void *find_contract(const char *contract)
{
    static const sbi_device_counter counter = {sizeof(sbi_device_counter), SBI_DEVICE_COUNTER_ABI, count_for_list};
    if (strcmp(contract, SBI_DEVICE_COUNTER_CONTRACT) == 0) return &counter;
    return strcmp(contract, SBI_CUDA_LIKELIHOOD_CONTRACT) == 0 ? sbi_cuda_likelihood() : NULL;
}

extern "C" {
/* (const alone would make it a local name in C++.) */
extern SBI_API const sbi_device_plugin sbi_device_plugin_cuda;
const sbi_device_plugin sbi_device_plugin_cuda = {
    sizeof(sbi_device_plugin), SBI_DEVICE_PLUGIN_ABI, SBI_DEVICE_ABI, 0, "cuda", SBI_VERSION_STRING, open_device, find_contract,
};
}
