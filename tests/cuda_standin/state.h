/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the stand-in share. All of it is behind one lock: threads of the host take turns. */
#ifndef TESTS_CUDA_STANDIN_STATE_H
#define TESTS_CUDA_STANDIN_STATE_H

#include <cstdarg>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cuda_runtime.h"
#include "cuda_standin.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STANDIN_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define STANDIN_ASAN 1
#endif
#ifdef STANDIN_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace standin {

typedef std::function<void()> operation;

struct state {
    std::recursive_mutex lock;
    int devices = 1, driver = 13000, order = CUDA_STANDIN_FORWARD;
    uint64_t seed = 1, draws = 0;
    int64_t fail_after[CUDA_STANDIN_FAILURES] = {0}, counts[CUDA_STANDIN_COUNTS] = {0};
    bool lost = false;
    std::map<int, int64_t> lose_after;  /* by device: launches and copies until it is lost */
    std::map<int, bool> lost_devices;
    std::map<int, int64_t> launched;    /* by device: kernels */
    cudaError_t sticky = cudaSuccess; /* of a kernel that went wrong: every later call returns it, as CUDA does */
    std::string violation;
    int capturing = 0; /* streams, in the mode that forbids allocations to every thread */
};
state &get();

/* failure.cpp */
cudaError_t set_last(cudaError_t error);
/* Writes down wrong use and makes the device fail from here on. */
void violate(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Counts one operation that may be made to fail; true: now. */
bool strike(int what);
/* What every call begins with: no driver, a lost device, an earlier fault; and the same but for the thread's own device being lost alone. */
cudaError_t trouble();
cudaError_t trouble_of_all();
/* The thread's device; sets it and gives the one before; and its loss at a launch or a copy: true if it was just lost, or all are. */
int current_device();
int set_current_device(int device);
bool struck_by_loss();
/* 0 .. n-1 in the order of the test. */
std::vector<unsigned> arrange(size_t n);

/* memory.cpp */
void memory_reset(size_t bytes);
bool on_device(const void *p, size_t bytes);
bool is_pinned(const void *p, size_t bytes);
/* Device memory can be touched between the two; they nest. */
void memory_open();
void memory_close();

/* stream.cpp */
/* 1 while this thread may not allocate or wait for all: a capture of its own, or one in the global mode. */
bool capturing();
/* Queues, or adds to the graph that is being captured. */
cudaError_t enqueue(cudaStream_t stream, operation what);
void drain_all();
void streams_reset();

/* block.cpp */
void run_grid(const cudaLaunchConfig_t &config, const operation &thread, char *shared, size_t shared_bytes);

}

#define STANDIN_BEGIN_ANY                                                                                              \
    std::lock_guard<std::recursive_mutex> standin_guard(standin::get().lock);                                          \
    if (cudaError_t standin_trouble = standin::trouble_of_all()) return standin::set_last(standin_trouble)
#define STANDIN_BEGIN                                                                                                  \
    std::lock_guard<std::recursive_mutex> standin_guard(standin::get().lock);                                          \
    if (cudaError_t standin_trouble = standin::trouble()) return standin::set_last(standin_trouble)

#endif
