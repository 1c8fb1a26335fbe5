/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, in one line and as one of libsbi's statuses. */
#include "device/cuda/cuda.h"

#include <stdarg.h>
#include <stdio.h>

sbi_status sbi_cuda_fail_text(const sbi_device_host *host, sbi_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return host->fail(status, text);
}

/* Errors after which nothing on this device works again in this process: the work can go on elsewhere, from a checkpoint. */
static int is_loss(cudaError_t error)
{
    switch ((int)error) {
    case 46:  /* devices unavailable */
    case 214: /* uncorrectable ECC error */
    case 220: /* NVLink */
    case 226: /* contained or uncontained error */
    case 700: /* illegal address */
    case 702: /* launch timeout */
    case 715: case 716: case 717: case 718: case 719: /* faults of a kernel */
    case 999: return 1;
    default: return 0;
    }
}

sbi_status sbi_cuda_fail(const sbi_cuda *cuda, cudaError_t error, const char *what)
{
    (void)cudaGetLastError(); /* not to be found again by an innocent call of the host program */
    if (error == cudaErrorMemoryAllocation)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_NO_MEMORY, "device cuda:%d: out of memory: %s", cuda->index, what);
    if (is_loss(error))
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_TRANSIENT, "device cuda:%d was lost: %s: %s", cuda->index, what,
                                  cudaGetErrorString(error));
    return sbi_cuda_fail_text(cuda->host, SBI_ERR_INTERNAL, "device cuda:%d: %s: %s (%d)", cuda->index, what, cudaGetErrorString(error),
                              (int)error);
}

sbi_status sbi_cuda_fail_blas(const sbi_cuda *cuda, cublasStatus_t status, const char *what)
{
    const cudaError_t under = cudaPeekAtLastError();
    if (under != cudaSuccess) return sbi_cuda_fail(cuda, under, what);
    if (status == CUBLAS_STATUS_ALLOC_FAILED)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_NO_MEMORY, "device cuda:%d: out of memory: %s", cuda->index, what);
    if (status == CUBLAS_STATUS_EXECUTION_FAILED || status == CUBLAS_STATUS_INTERNAL_ERROR)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_TRANSIENT, "device cuda:%d was lost: %s: cuBLAS %s", cuda->index, what,
                                  cublasGetStatusString(status));
    return sbi_cuda_fail_text(cuda->host, SBI_ERR_INTERNAL, "device cuda:%d: %s: cuBLAS %s (%d)", cuda->index, what,
                              cublasGetStatusString(status), (int)status);
}
