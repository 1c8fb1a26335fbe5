/* SPDX-License-Identifier: Apache-2.0 */
/* Streams, events and graphs: operations wait in queues until somebody waits for them. A stream that is waited for runs alone, as far as
 * it must; another runs only as far as an event asks. What a program forgot to order is therefore not done yet when it is needed. */
#include "state.h"

#include <algorithm>
#include <chrono>
#include <memory>

using namespace standin;

struct CUgraph_st {
    std::vector<operation> nodes;
};
struct CUgraphExec_st {
    std::vector<operation> nodes;
};
struct CUstream_st {
    std::deque<operation> queue;
    bool blocking = true, running = false, global = false;
    int device = 0;
    CUgraph_st *capture = nullptr;
};

/* What an event stood for when it was recorded; a later record does not change what earlier waits meant. */
struct mark {
    cudaStream_t stream = nullptr;
    bool done = false;
    std::chrono::steady_clock::time_point time;
};
struct CUevent_st {
    std::shared_ptr<mark> last;
};

namespace standin {

static std::vector<cudaStream_t> streams;
static CUstream_st null_stream;

static thread_local int capturing_here;

bool capturing()
{
    return capturing_here || get().capturing;
}

static void step(cudaStream_t s)
{
    operation what = std::move(s->queue.front());
    s->queue.pop_front();
    /* It runs on the stream's device, whatever that of the thread is that waits: what was queued on a broken device does not happen. */
    const int before = set_current_device(s == &null_stream ? current_device() : s->device);
    if (trouble() == cudaSuccess) what();
    set_current_device(before);
}

static void drain(cudaStream_t s)
{
    if (s->queue.empty()) return;
    memory_open();
    while (!s->queue.empty()) step(s);
    memory_close();
}

static void reach(const std::shared_ptr<mark> &m)
{
    if (m->done || m->stream->queue.empty()) return;
    memory_open();
    while (!m->done && !m->stream->queue.empty()) step(m->stream);
    memory_close();
}

void drain_all()
{
    drain(&null_stream);
    for (unsigned i : arrange(streams.size())) drain(streams[i]);
}

void streams_reset()
{
    null_stream.queue.clear();
    capturing_here = 0;
    for (cudaStream_t s : streams) {
        s->queue.clear();
        delete s->capture;
        s->capture = nullptr;
    }
}

static cudaStream_t find(cudaStream_t s)
{
    if (!s) return &null_stream;
    for (cudaStream_t known : streams)
        if (known == s) return s;
    violate("a stream that does not exist: %p", (void *)s);
    return nullptr;
}

cudaError_t enqueue(cudaStream_t stream, operation what)
{
    cudaStream_t s = find(stream);
    if (!s) return set_last(cudaErrorInvalidResourceHandle);
    if (s != &null_stream && s->device != current_device()) {
        violate("work for device %d in a stream of device %d", current_device(), s->device);
        return set_last(cudaErrorInvalidResourceHandle);
    }
    if (s->capture) {
        s->capture->nodes.push_back(std::move(what));
        return cudaSuccess;
    }
    if (s == &null_stream) { /* waits for every blocking stream, and they for it */
        for (cudaStream_t other : streams)
            if (other->blocking) drain(other);
        s->queue.push_back(std::move(what));
        drain(s);
        return set_last(trouble());
    }
    s->queue.push_back(std::move(what));
    return cudaSuccess;
}

static cudaError_t refuse_capture(const char *call, cudaStream_t s)
{
    if (!s->capture) return cudaSuccess;
    violate("%s while the stream is capturing", call);
    return set_last(cudaErrorStreamCaptureUnsupported);
}

/* A failure that was asked for, at a launch or a copy. */
static cudaError_t loss()
{
    return struck_by_loss() ? set_last(cudaErrorECCUncorrectable) : cudaSuccess;
}

static bool right_way(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    const bool to_device = on_device(to, bytes), from_device = on_device(from, bytes);
    switch (kind) {
    case cudaMemcpyHostToDevice: return to_device && !from_device;
    case cudaMemcpyDeviceToHost: return !to_device && from_device;
    case cudaMemcpyDeviceToDevice: return to_device && from_device;
    case cudaMemcpyHostToHost: return !to_device && !from_device;
    default: return true;
    }
}

static void count_copy(bool to_device, bool from_device, size_t bytes)
{
    if (to_device && !from_device) get().counts[CUDA_STANDIN_UPLOADED] += (int64_t)bytes;
    if (!to_device && from_device) get().counts[CUDA_STANDIN_DOWNLOADED] += (int64_t)bytes;
}

}

extern "C" {

/* ---- copies and kernels ---- */

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
    STANDIN_BEGIN;
    if (cudaError_t error = loss()) return error;
    if (bytes == 0) return cudaSuccess;
    if (!right_way(to, from, bytes, kind)) {
        violate("a copy of %zu bytes from %p to %p: kind %d does not fit, or it leaves the allocation", bytes, from, to, (int)kind);
        return set_last(cudaErrorInvalidValue);
    }
    const bool to_device = on_device(to, bytes), from_device = on_device(from, bytes);
    cudaStream_t s = find(stream);
    if (!s) return set_last(cudaErrorInvalidResourceHandle);
    const bool host_source = !from_device && !is_pinned(from, bytes);
    if (host_source && s->capture) {
        violate("a copy from memory that is not pinned while the stream is capturing");
        return set_last(cudaErrorStreamCaptureUnsupported);
    }
    if (!to_device && !s->capture) memset(to, 0xff, bytes); /* not there before somebody has waited */
    std::shared_ptr<std::vector<char>> staged; /* pageable memory is read before the call returns, pinned memory later */
    if (host_source) staged = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + bytes);
    return enqueue(stream, [=] {
        count_copy(to_device, from_device, bytes);
        memcpy(to, staged ? staged->data() : from, bytes);
    });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    STANDIN_BEGIN;
    if (cudaError_t error = loss()) return error;
    if (bytes == 0) return cudaSuccess;
    if (!on_device(to, bytes)) {
        violate("cudaMemsetAsync of %zu bytes at %p leaves the allocation", bytes, to);
        return set_last(cudaErrorInvalidValue);
    }
    return enqueue(stream, [=] { memset(to, value, bytes); });
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    return cudaMemsetAsync(to, value, bytes, nullptr);
}

/* ---- streams ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned int flags)
{
    *out = nullptr;
    STANDIN_BEGIN;
    cudaStream_t s = new CUstream_st;
    s->blocking = !(flags & cudaStreamNonBlocking);
    s->device = current_device();
    streams.push_back(s);
    get().counts[CUDA_STANDIN_STREAMS] = std::max(get().counts[CUDA_STANDIN_STREAMS], (int64_t)streams.size());
    *out = s;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *out)
{
    return cudaStreamCreateWithFlags(out, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    cudaStream_t s = find(stream);
    if (!s || s == &null_stream) return set_last(cudaErrorInvalidResourceHandle);
    drain(s);
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i] == s) streams.erase(streams.begin() + (long)i);
    delete s->capture;
    delete s;
    return set_last(trouble());
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    STANDIN_BEGIN;
    cudaStream_t s = find(stream);
    if (!s) return set_last(cudaErrorInvalidResourceHandle);
    if (cudaError_t error = refuse_capture("cudaStreamSynchronize", s)) return error;
    get().counts[CUDA_STANDIN_SYNCHRONISED]++;
    drain(s);
    return set_last(trouble());
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    STANDIN_BEGIN;
    cudaStream_t s = find(stream);
    if (!s) return set_last(cudaErrorInvalidResourceHandle);
    return s->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize(void)
{
    STANDIN_BEGIN;
    if (capturing()) {
        violate("cudaDeviceSynchronize while a stream is capturing");
        return set_last(cudaErrorStreamCaptureUnsupported);
    }
    get().counts[CUDA_STANDIN_SYNCHRONISED]++;
    drain_all();
    return set_last(trouble());
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned int)
{
    *out = nullptr;
    STANDIN_BEGIN;
    *out = new CUevent_st;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *out)
{
    return cudaEventCreateWithFlags(out, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    STANDIN_BEGIN;
    cudaStream_t s = find(stream);
    if (!s) return set_last(cudaErrorInvalidResourceHandle);
    auto m = std::make_shared<mark>();
    m->stream = s;
    event->last = m;
    return enqueue(stream, [m] {
        m->done = true;
        m->time = std::chrono::steady_clock::now();
    });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int)
{
    STANDIN_BEGIN;
    std::shared_ptr<mark> m = event->last;
    if (!m) return cudaSuccess;
    return enqueue(stream, [m] { reach(m); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    STANDIN_BEGIN;
    get().counts[CUDA_STANDIN_SYNCHRONISED]++;
    if (event->last) reach(event->last);
    return set_last(trouble());
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    STANDIN_BEGIN;
    return !event->last || event->last->done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t first, cudaEvent_t last)
{
    STANDIN_BEGIN;
    if (!first->last || !last->last || !first->last->done || !last->last->done) return set_last(cudaErrorNotReady);
    *milliseconds = std::chrono::duration<float, std::milli>(last->last->time - first->last->time).count();
    return cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    STANDIN_BEGIN;
    cudaStream_t s = find(stream);
    if (!s || s == &null_stream) return set_last(cudaErrorStreamCaptureUnsupported);
    if (s->capture) return set_last(cudaErrorInvalidValue);
    s->capture = new CUgraph_st;
    s->global = mode == cudaStreamCaptureModeGlobal;
    ++(s->global ? get().capturing : capturing_here);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = nullptr;
    std::lock_guard<std::recursive_mutex> guard(get().lock);
    cudaStream_t s = find(stream);
    if (!s || !s->capture) return set_last(cudaErrorInvalidValue);
    --(s->global ? get().capturing : capturing_here);
    const cudaError_t error = set_last(trouble());
    if (error == cudaSuccess) {
        *graph = s->capture;
    } else {
        delete s->capture; /* a capture that went wrong gives no graph */
    }
    s->capture = nullptr;
    return error;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long)
{
    *out = nullptr;
    STANDIN_BEGIN;
    *out = new CUgraphExec_st{graph->nodes};
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    STANDIN_BEGIN;
    if (cudaError_t error = loss()) return error;
    if (strike(CUDA_STANDIN_LAUNCH)) return set_last(cudaErrorLaunchFailure);
    get().launched[current_device()]++;
    get().counts[CUDA_STANDIN_GRAPHS]++;
    for (const operation &node : graph->nodes)
        if (cudaError_t error = enqueue(stream, node)) return error;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

}

cudaError_t cuda_standin_launch(const cudaLaunchConfig_t *config, operation thread, char *shared, size_t shared_bytes)
{
    STANDIN_BEGIN;
    if (cudaError_t error = loss()) return error;
    if (strike(CUDA_STANDIN_LAUNCH)) return set_last(cudaErrorLaunchFailure);
    get().launched[current_device()]++;
    const dim3 g = config->gridDim, b = config->blockDim;
    const size_t threads = (size_t)b.x * b.y * b.z;
    if (threads == 0 || threads > 1024 || b.z > 64 || g.x == 0 || g.y == 0 || g.z == 0 || g.y > 65535 || g.z > 65535 ||
        g.x > 0x7fffffffu || config->dynamicSmemBytes + shared_bytes > 100 * 1024)
        return set_last(cudaErrorInvalidConfiguration);
    const cudaLaunchConfig_t copy = *config;
    return enqueue(config->stream, [=] { run_grid(copy, thread, shared, shared_bytes); });
}
