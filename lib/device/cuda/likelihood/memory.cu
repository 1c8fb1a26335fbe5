/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.cuh"

#include <cstdio>
#include <cstring>

sbi_status cuda_failure(const sbi_accelerator_host *host, cudaError_t error, const char *what)
{
    char text[300];
    snprintf(text, sizeof text, "cuda: %s: %s (%s)", what, cudaGetErrorString(error), cudaGetErrorName(error));
    host->message(text);
    cudaGetLastError(); /* what can be forgotten is */
    switch (error) {
    case cudaErrorMemoryAllocation: return SBI_ERR_NO_MEMORY;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError: return SBI_ERR_NOT_FOUND;
    default: return SBI_ERR_IO;
    }
}

cudaError_t buffer::need(size_t bytes)
{
    if (bytes <= size) return cudaSuccess;
    release();
    void *p = nullptr;
    const cudaError_t error = pinned ? cudaHostAlloc(&p, bytes, cudaHostAllocDefault) : cudaMalloc(&p, bytes);
    if (error != cudaSuccess) return error;
    data = static_cast<char *>(p);
    size = bytes;
    return cudaSuccess;
}

void buffer::release()
{
    if (data && pinned) cudaFreeHost(data);
    if (data && !pinned) cudaFree(data);
    data = nullptr;
    size = 0;
}

size_t tables::add(const void *data, size_t size)
{
    const size_t at = (bytes.size() + 15) / 16 * 16;
    bytes.resize(at + (size ? size : 1));
    if (size) memcpy(bytes.data() + at, data, size);
    return at;
}
