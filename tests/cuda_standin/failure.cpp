/* SPDX-License-Identifier: Apache-2.0 */
/* Failures that a test asks for, wrong use that is written down, and the order of things. */
#include "state.h"

#include <cstdio>

namespace standin {

static thread_local cudaError_t last_error = cudaSuccess;
static thread_local int device_now = 0;

state &get()
{
    static state *s = new state; /* never destroyed: streams may be closed after statics are */
    return *s;
}

cudaError_t set_last(cudaError_t error)
{
    if (error != cudaSuccess) last_error = error;
    return error;
}

void violate(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    state &s = get();
    if (s.violation.empty()) s.violation = text;
    if (s.sticky == cudaSuccess) s.sticky = cudaErrorLaunchFailure;
}

bool strike(int what)
{
    int64_t &left = get().fail_after[what];
    return left > 0 && --left == 0;
}

int current_device()
{
    return device_now;
}

int set_current_device(int device)
{
    const int before = device_now;
    device_now = device;
    return before;
}

cudaError_t trouble()
{
    return get().lost_devices.count(device_now) ? cudaErrorECCUncorrectable : trouble_of_all();
}

bool struck_by_loss()
{
    state &s = get();
    auto own = s.lose_after.find(device_now);
    if (own != s.lose_after.end() && own->second > 0 && --own->second == 0) return s.lost_devices[device_now] = true;
    return strike(CUDA_STANDIN_LOSS) && (s.lost = true);
}

cudaError_t trouble_of_all()
{
    const state &s = get();
    if (s.driver < 0) return cudaErrorInsufficientDriver;
    if (s.lost) return cudaErrorECCUncorrectable;
    return s.sticky;
}

std::vector<unsigned> arrange(size_t n)
{
    state &s = get();
    std::vector<unsigned> order(n);
    for (size_t i = 0; i < n; i++) order[i] = (unsigned)(s.order == CUDA_STANDIN_REVERSE ? n - 1 - i : i);
    if (s.order != CUDA_STANDIN_RANDOM) return order;
    for (size_t i = n; i > 1; i--) {
        uint64_t x = s.seed + 0x9e3779b97f4a7c15u * ++s.draws; /* splitmix64 */
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        std::swap(order[i - 1], order[(x ^ (x >> 31)) % i]);
    }
    return order;
}

}

using namespace standin;

extern "C" {

void cuda_standin_reset(size_t bytes, int devices)
{
    state &s = get();
    std::lock_guard<std::recursive_mutex> guard(s.lock);
    s.lost = false;
    s.lose_after.clear();
    s.lost_devices.clear();
    s.launched.clear();
    s.sticky = cudaSuccess;
    s.violation.clear();
    for (int64_t &n : s.fail_after) n = 0;
    const int64_t held = s.counts[CUDA_STANDIN_ALLOCATED];
    for (int64_t &n : s.counts) n = 0;
    s.counts[CUDA_STANDIN_ALLOCATED] = held;
    s.devices = devices;
    s.driver = 13000;
    s.capturing = 0;
    streams_reset();
    memory_reset(bytes);
    last_error = cudaSuccess;
}

void cuda_standin_set_order(int order, uint64_t seed)
{
    state &s = get();
    std::lock_guard<std::recursive_mutex> guard(s.lock);
    s.order = order;
    s.seed = seed;
    s.draws = 0;
}

void cuda_standin_fail(int what, int64_t after)
{
    state &s = get();
    std::lock_guard<std::recursive_mutex> guard(s.lock);
    s.fail_after[what] = after;
}

void cuda_standin_lose(int device, int64_t after)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    get().lose_after[device] = after;
}

int64_t cuda_standin_launched(int device)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    return get().launched[device];
}

void cuda_standin_set_driver(int version)
{
    state &s = get();
    std::lock_guard<std::recursive_mutex> guard(s.lock);
    s.driver = version;
}

const char *cuda_standin_violation(void)
{
    return get().violation.empty() ? NULL : get().violation.c_str();
}

int64_t cuda_standin_count(int what)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    return get().counts[what];
}

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorECCUncorrectable: return "cudaErrorECCUncorrectable";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    default: return "cudaErrorOther";
    }
}

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorECCUncorrectable: return "uncorrectable ECC error encountered";
    case cudaErrorNotReady: return "device not ready";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    default: return "unknown error";
    }
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError(void)
{
    return last_error;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = get().driver < 0 ? 0 : get().driver;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 0;
    STANDIN_BEGIN_ANY;
    if (get().devices == 0) return set_last(cudaErrorNoDevice);
    *count = get().devices;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    STANDIN_BEGIN_ANY;
    if (device < 0 || device >= get().devices) return set_last(cudaErrorInvalidDevice);
    device_now = device;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
    STANDIN_BEGIN_ANY;
    *device = device_now;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    STANDIN_BEGIN;
    if (device < 0 || device >= get().devices) return set_last(cudaErrorInvalidDevice);
    switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = 4; break;
    case cudaDevAttrL2CacheSize: *value = 1 << 20; break;
    case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
    case cudaDevAttrComputeCapabilityMinor: *value = 0; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 100 * 1024; break;
    }
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device)
{
    STANDIN_BEGIN;
    if (device < 0 || device >= get().devices) return set_last(cudaErrorInvalidDevice);
    *p = cudaDeviceProp();
    snprintf(p->name, sizeof p->name, "stand-in on the host");
    size_t left;
    cudaMemGetInfo(&left, &p->totalGlobalMem);
    p->sharedMemPerBlock = 48 * 1024;
    p->major = 9;
    p->multiProcessorCount = 4;
    p->l2CacheSize = 1 << 20;
    p->warpSize = 32;
    return cudaSuccess;
}

}
