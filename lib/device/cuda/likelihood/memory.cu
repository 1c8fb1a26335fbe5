/* SPDX-License-Identifier: Apache-2.0 */
#include "device/cuda/likelihood/memory.cuh"

#include <cstdio>
#include <cstring>

/* As error.cu has it: after these nothing works on the device again in this process. */
static bool is_loss(cudaError_t error)
{
    const int e = (int)error;
    return e == 46 || e == 214 || e == 220 || e == 226 || e == 700 || e == 702 || (e >= 715 && e <= 719) || e == 999;
}

sbi_status cuda_failure(const sbi_accelerator_host *host, cudaError_t error, const char *what)
{
    char text[300];
    const bool missing = error == cudaErrorNoDevice || error == cudaErrorInvalidDevice || error == cudaErrorInsufficientDriver;
    const char *loss = is_loss(error) ? " was lost" : error == cudaErrorMemoryAllocation ? ": out of memory" : "";
    cudaGetLastError(); /* not to be found again by an innocent call of the host program */
    snprintf(text, sizeof text, "device cuda%s: %s: %s (%d)", loss, what, cudaGetErrorString(error), (int)error);
    host->message(text);
    if (error == cudaErrorMemoryAllocation) return SBI_ERR_NO_MEMORY;
    return missing ? SBI_ERR_NOT_FOUND : is_loss(error) ? SBI_ERR_TRANSIENT : SBI_ERR_INTERNAL;
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
