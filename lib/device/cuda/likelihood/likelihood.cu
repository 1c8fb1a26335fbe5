/* SPDX-License-Identifier: Apache-2.0 */
/* The accelerator contract over the engine. No exception leaves it. */
#include "device/cuda/likelihood/likelihood.h"

#include <cstdio>
#include <new>

#include "device/cuda/likelihood/engine.cuh"

struct opened_device {
    int index;
};

static sbi_status open_device(void **out, int32_t index, const sbi_accelerator_host *host)
{
    int devices = 0;
    CUDA_TRY(host, cudaGetDeviceCount(&devices), "looking for devices");
    if (index < 0 || index >= devices) {
        char text[100];
        snprintf(text, sizeof text, "device cuda:%d: there are %d, counted from 0", (int)index, devices);
        host->message(text);
        return SBI_ERR_NOT_FOUND;
    }
    opened_device *d = new (std::nothrow) opened_device{index};
    if (!d) {
        host->message("device cuda: the host is out of memory");
        return SBI_ERR_NO_MEMORY;
    }
    *out = d;
    return SBI_OK;
}

static void close_device(void *self) { delete static_cast<opened_device *>(self); }

static void release(void *prepared)
{
    engine *e = static_cast<engine *>(prepared);
    const device_scope scope(e->device);
    e->release();
    delete e;
}

/* Runs what may throw for want of memory. */
template <typename Body> static sbi_status guarded(const sbi_accelerator_host *host, int device, Body body)
{
    const device_scope scope(device);
    CUDA_TRY(host, scope.error, "choosing the device");
    try {
        return body();
    } catch (...) {
        host->message("device cuda: the host is out of memory");
        return SBI_ERR_NO_MEMORY;
    }
}

static sbi_status prepare(void *self, void **out, const sbi_accelerator_layout *layout, const sbi_accelerator_host *host)
{
    const int device = static_cast<opened_device *>(self)->index;
    engine *e = new (std::nothrow) engine{};
    if (!e) {
        host->message("device cuda: the host is out of memory");
        return SBI_ERR_NO_MEMORY;
    }
    e->device = device;
    e->host = host;
    const sbi_status status = guarded(host, device, [&] { return e->prepare(layout, device); });
    if (status != SBI_OK) {
        release(e);
        return status;
    }
    *out = e;
    return SBI_OK;
}

static sbi_status run(void *prepared, const sbi_pass_task *task, size_t first, size_t count, const sbi_accelerator_host *host)
{
    engine *e = static_cast<engine *>(prepared);
    e->host = host;
    return guarded(host, e->device, [&] {
        const sbi_status status = e->run(task, first, count);
        if (status != SBI_OK) e->settle();
        return status;
    });
}

static const sbi_accelerator_ops ops = {sizeof(sbi_accelerator_ops), SBI_ACCELERATOR_ABI, "cuda", open_device, prepare, run, release,
                                        close_device};

static_assert(sizeof SBI_CUDA_LIKELIHOOD_CONTRACT == sizeof SBI_ACCELERATOR_CONTRACT, "two names of one contract");

extern "C" const void *sbi_cuda_likelihood(void) { return &ops; }
