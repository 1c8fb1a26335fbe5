/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: one range of addresses that nobody may touch but a kernel or a copy that runs. Allocations are filled with 0xff
 * (NaN in every floating format), with a gap after each; AddressSanitizer is told of gaps and of what was freed. */
#include "state.h"

#include <cstdlib>
#include <sys/mman.h>

namespace standin {

static const size_t RESERVED = (size_t)4 << 30, GRAIN = 256, PAGE = (size_t)2 << 20; /* large pages: few entries to protect */

static char *base = nullptr;
static size_t limit = (size_t)1 << 30, top = 0; /* bytes the device has; bytes ever used, in whole pages */
static int open_count = 0;
static std::map<char *, size_t> live;   /* by address: bytes asked for */
static std::map<char *, size_t> pinned; /* host memory */

static size_t rounded(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static size_t room(size_t bytes)
{
    return rounded(bytes ? bytes : 1, GRAIN) + GRAIN;
}

static void poison(void *p, size_t n)
{
#ifdef STANDIN_ASAN
    __asan_poison_memory_region(p, n);
#else
    (void)p, (void)n;
#endif
}

static void unpoison(void *p, size_t n)
{
#ifdef STANDIN_ASAN
    __asan_unpoison_memory_region(p, n);
#else
    (void)p, (void)n;
#endif
}

void memory_reset(size_t bytes)
{
    limit = bytes;
}

void memory_open()
{
    if (open_count++ == 0 && top) mprotect(base, top, PROT_READ | PROT_WRITE);
}

void memory_close()
{
    if (--open_count == 0 && top) mprotect(base, top, PROT_NONE);
}

static bool inside(const std::map<char *, size_t> &blocks, const void *p, size_t bytes)
{
    char *at = (char *)p;
    auto after = blocks.upper_bound(at);
    if (after == blocks.begin()) return false;
    --after;
    return at + bytes <= after->first + after->second;
}

bool on_device(const void *p, size_t bytes)
{
    return inside(live, p, bytes);
}

bool is_pinned(const void *p, size_t bytes)
{
    return inside(pinned, p, bytes);
}

/* The first gap that is long enough. */
static char *place(size_t bytes)
{
    char *at = base;
    for (const auto &block : live) {
        if ((size_t)(block.first - at) >= room(bytes)) break;
        at = block.first + room(block.second);
    }
    return (size_t)(at - base) + room(bytes) <= RESERVED ? at : nullptr;
}

}

using namespace standin;

extern "C" {

cudaError_t cudaMalloc(void **out, size_t bytes)
{
    *out = nullptr;
    STANDIN_BEGIN;
    state &s = get();
    if (capturing()) {
        violate("cudaMalloc while a stream is capturing");
        return set_last(cudaErrorStreamCaptureUnsupported);
    }
    if (!base) {
        void *range = mmap(nullptr, RESERVED + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (range == MAP_FAILED) return set_last(cudaErrorMemoryAllocation);
        base = (char *)rounded((size_t)range, PAGE);
        madvise(base, RESERVED, MADV_HUGEPAGE);
    }
    char *at = strike(CUDA_STANDIN_ALLOCATION) || (size_t)s.counts[CUDA_STANDIN_ALLOCATED] + bytes > limit ? nullptr : place(bytes);
    if (!at) return set_last(cudaErrorMemoryAllocation);
    const size_t end = rounded((size_t)(at - base) + room(bytes), PAGE);
    if (end > top) {
        if (open_count) mprotect(base + top, end - top, PROT_READ | PROT_WRITE);
        top = end;
    }
    memory_open();
    unpoison(at, room(bytes));
    memset(at, 0xff, bytes);
    poison(at + bytes, room(bytes) - bytes);
    memory_close();
    live[at] = bytes;
    s.counts[CUDA_STANDIN_ALLOCATED] += (int64_t)bytes;
    *out = at;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock); /* frees on a lost device too: a test counts what is left */
    if (!memory) return cudaSuccess;
    drain_all();
    auto found = live.find((char *)memory);
    if (found == live.end()) {
        violate("cudaFree of %p, which was not allocated", memory);
        return set_last(cudaErrorInvalidValue);
    }
    poison(found->first, room(found->second));
    get().counts[CUDA_STANDIN_ALLOCATED] -= (int64_t)found->second;
    live.erase(found);
    return set_last(trouble());
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    STANDIN_BEGIN;
    *total = limit;
    *free_bytes = limit - std::min(limit, (size_t)get().counts[CUDA_STANDIN_ALLOCATED]);
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned int)
{
    *out = nullptr;
    STANDIN_BEGIN;
    if (strike(CUDA_STANDIN_ALLOCATION) || !(*out = malloc(bytes ? bytes : 1))) return set_last(cudaErrorMemoryAllocation);
    memset(*out, 0xff, bytes);
    pinned[(char *)*out] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *memory)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    if (!memory) return cudaSuccess;
    drain_all();
    if (!pinned.erase((char *)memory)) {
        violate("cudaFreeHost of %p, which cudaHostAlloc did not give", memory);
        return set_last(cudaErrorInvalidValue);
    }
    free(memory);
    return set_last(trouble());
}

cudaError_t cudaHostRegister(void *memory, size_t bytes, unsigned int)
{
    STANDIN_BEGIN;
    pinned[(char *)memory] = bytes;
    return cudaSuccess;
}

cudaError_t cudaHostUnregister(void *memory)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    drain_all();
    pinned.erase((char *)memory);
    return set_last(trouble());
}

}
