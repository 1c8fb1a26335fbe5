/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the device and copies. What goes up passes through two pinned buffers in turn: the host fills one while the other is on its
 * way, and goes on before the last has arrived. */
#include "device/cuda/cuda.h"

#include <string.h>

sbi_status sbi_cuda_allocate(void *self, void **out, size_t bytes)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    *out = NULL;
    const cudaError_t error = cudaMalloc(out, bytes ? bytes : 1);
    if (error != cudaErrorMemoryAllocation) {
        SBI_CUDA_TRY(cuda, error, "allocating");
        return SBI_OK;
    }
    (void)cudaGetLastError();
    size_t left = 0, total = 0;
    (void)cudaMemGetInfo(&left, &total);
    return sbi_cuda_fail_text(cuda->host, SBI_ERR_NO_MEMORY, "device cuda:%d: out of memory: %zu bytes wanted, %zu of %zu are free",
                              cuda->index, bytes, left, total);
}

void sbi_cuda_release(void *self, void *memory)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    if (!memory) return;
    sbi_cuda_scope scope(cuda);
    sbi_cuda_written(cuda, NULL, 0);
    (void)cudaFree(memory);
    (void)cudaGetLastError();
}

sbi_status sbi_cuda_reserve(sbi_cuda *cuda, void **memory, size_t *capacity, size_t bytes)
{
    if (bytes <= *capacity) return SBI_OK;
    if (cuda->recording)
        return sbi_cuda_fail_text(cuda->host, SBI_ERR_INTERNAL, "device cuda:%d: %zu bytes of scratch memory wanted while recording",
                                  cuda->index, bytes);
    sbi_cuda_release(cuda, *memory);
    *memory = NULL;
    *capacity = 0;
    SBI_CUDA_DO(sbi_cuda_allocate(cuda, memory, bytes));
    *capacity = bytes;
    return SBI_OK;
}

sbi_status sbi_cuda_upload(void *self, void *device, const void *host, size_t bytes)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    sbi_cuda_written(cuda, device, bytes);
    for (size_t at = 0; at < bytes; at += SBI_CUDA_STAGING) {
        const size_t part = bytes - at < SBI_CUDA_STAGING ? bytes - at : SBI_CUDA_STAGING;
        const int s = cuda->stage;
        cuda->stage = !s;
        SBI_CUDA_TRY(cuda, cudaEventSynchronize(cuda->staged[s]), "waiting for an upload");
        memcpy(cuda->staging[s], static_cast<const char *>(host) + at, part);
        SBI_CUDA_TRY(cuda, cudaMemcpyAsync(static_cast<char *>(device) + at, cuda->staging[s], part, cudaMemcpyHostToDevice, cuda->stream),
                     "upload");
        SBI_CUDA_TRY(cuda, cudaEventRecord(cuda->staged[s], cuda->stream), "upload");
    }
    return SBI_OK;
}

sbi_status sbi_cuda_download(void *self, void *host, const void *device, size_t bytes)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    SBI_CUDA_TRY(cuda, cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, cuda->stream), "download");
    SBI_CUDA_TRY(cuda, cudaStreamSynchronize(cuda->stream), "download");
    return SBI_OK;
}

sbi_status sbi_cuda_copy(void *self, void *to, const void *from, size_t bytes)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    sbi_cuda_written(cuda, to, bytes);
    SBI_CUDA_TRY(cuda, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda->stream), "copy");
    return SBI_OK;
}

sbi_status sbi_cuda_zero(void *self, void *device, size_t bytes)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    sbi_cuda_written(cuda, device, bytes);
    SBI_CUDA_TRY(cuda, cudaMemsetAsync(device, 0, bytes, cuda->stream), "zeroing");
    return SBI_OK;
}

sbi_status sbi_cuda_synchronise(void *self)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    SBI_CUDA_TRY(cuda, cudaStreamSynchronize(cuda->stream), "waiting");
    return SBI_OK;
}

sbi_status sbi_cuda_available(void *self, size_t *bytes)
{
    sbi_cuda *cuda = static_cast<sbi_cuda *>(self);
    sbi_cuda_scope scope(cuda);
    size_t total = 0;
    SBI_CUDA_TRY(cuda, cudaMemGetInfo(bytes, &total), "asking for free memory");
    return SBI_OK;
}
