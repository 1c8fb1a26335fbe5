/* SPDX-License-Identifier: Apache-2.0 */
/* Failures, and memory that is freed with its owner. */
#ifndef SBI_CUDA_LIKELIHOOD_MEMORY_CUH
#define SBI_CUDA_LIKELIHOOD_MEMORY_CUH

#include <cuda_runtime.h>

#include <vector>

#include "device/cuda/likelihood/pass.cuh"

/* A failed call of the runtime as a status, with its message. */
sbi_status cuda_failure(const sbi_accelerator_host *host, cudaError_t error, const char *what);

#define CUDA_TRY(host, call, what)                                                                                     \
    do {                                                                                                               \
        const cudaError_t cuda_try_error_ = (call);                                                                    \
        if (cuda_try_error_ != cudaSuccess) return cuda_failure(host, cuda_try_error_, what);                          \
    } while (0)
#define STATUS_TRY(expression)                                                                                         \
    do {                                                                                                               \
        const sbi_status status_try_ = (expression);                                                                   \
        if (status_try_ != SBI_OK) return status_try_;                                                                 \
    } while (0)

/* The calling thread's device, put back at the end. */
struct device_scope {
    int before = -1;
    cudaError_t error;
    explicit device_scope(int device)
    {
        if (cudaGetDevice(&before) != cudaSuccess) before = -1;
        error = cudaSetDevice(device);
    }
    ~device_scope()
    {
        if (before >= 0) cudaSetDevice(before);
    }
};

/* Memory of the device, or pinned memory of the host, that only grows. What it held is lost when it does. */
struct buffer {
    char *data = nullptr;
    size_t size = 0;
    bool pinned = false;
    cudaError_t need(size_t bytes);
    void release();
};

/* Small tables, put together on the host and copied as one piece. Addresses are offsets until upload() has placed them. */
struct tables {
    std::vector<char> bytes;
    buffer device;
    size_t add(const void *data, size_t size);
    template <typename T> size_t add(const std::vector<T> &v) { return add(v.data(), v.size() * sizeof(T)); }
    template <typename T> const T *at(size_t offset) const { return reinterpret_cast<const T *>(device.data + offset); }
};

#endif
