/* SPDX-License-Identifier: Apache-2.0 */
/* Columns on the device, batches of leaves through it, and their sums back in the order of the tree. */
#include "device/cuda/likelihood/engine.cuh"

#include <algorithm>
#include <cstring>

#define BUDGET ((size_t)1 << 30)
#define STAGING ((size_t)64 << 20)
#define BATCH 512 /* leaves: about a million events */

/* ---- making ready ---------------------------------------------------------------------------------------------- */

sbi_status engine::upload(tables *t)
{
    CUDA_TRY(host, t->device.need(t->bytes.size() + 16), "memory for tables");
    CUDA_TRY(host, cudaMemcpyAsync(t->device.data, t->bytes.data(), t->bytes.size(), cudaMemcpyHostToDevice, stream), "copying tables");
    return SBI_OK;
}

sbi_status engine::prepare(const sbi_accelerator_layout *given, int index)
{
    layout = *given;
    device = index;
    staging[0].pinned = staging[1].pinned = results.pinned = true;
    STATUS_TRY(plan_pass(&layout, host, &fixed, &reductions, &first_factor));
    int optional = 0;
    CUDA_TRY(host, cudaDeviceGetAttribute(&optional, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "asking for shared memory");
    shared = (size_t)optional;
    size_t available = 0, total = 0;
    CUDA_TRY(host, cudaMemGetInfo(&available, &total), "asking for free memory");
    budget = std::min(available / 4, BUDGET);
    column_limit = layout.memory > 0 ? (size_t)layout.memory : available / 16 * 15 - budget;
    CUDA_TRY(host, cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
    CUDA_TRY(host, cudaStreamCreateWithFlags(&copies, cudaStreamNonBlocking), "a stream");
    for (int i = 0; i < 2; i++) {
        CUDA_TRY(host, cudaEventCreateWithFlags(&copied[i], cudaEventDisableTiming), "an event");
        CUDA_TRY(host, cudaEventCreateWithFlags(&used[i], cudaEventDisableTiming), "an event");
    }
    STATUS_TRY(upload(&fixed));
    CUDA_TRY(host, cudaStreamSynchronize(stream), "copying tables");
    return SBI_OK;
}

void engine::settle()
{
    if (stream) cudaStreamSynchronize(stream);
    if (copies) cudaStreamSynchronize(copies);
    cudaGetLastError();
}

void engine::release()
{
    settle();
    fixed.device.release();
    changing.device.release();
    resident.release();
    for (int i = 0; i < 2; i++) {
        batches[i].release();
        staging[i].release();
        if (copied[i]) cudaEventDestroy(copied[i]);
        if (used[i]) cudaEventDestroy(used[i]);
    }
    work.release();
    results.release();
    if (stream) cudaStreamDestroy(stream);
    if (copies) cudaStreamDestroy(copies);
    cudaGetLastError();
}

/* ---- columns --------------------------------------------------------------------------------------------------- */

/* Starts the way of leaves [first, first + count) to the device's memory `to` through pinned buffer `slot`. */
sbi_status engine::stage(size_t first, size_t count, int slot, char *to)
{
    const size_t bytes = count * layout.leaf_bytes;
    CUDA_TRY(host, cudaEventSynchronize(copied[slot]), "copying columns"); /* what the buffer held is there */
    CUDA_TRY(host, staging[slot].need(bytes), "pinned memory for columns");
    STATUS_TRY(host->read(host->self, first, count, staging[slot].data));
    CUDA_TRY(host, cudaStreamWaitEvent(copies, used[slot], 0), "copying columns");
    CUDA_TRY(host, cudaMemcpyAsync(to, staging[slot].data, bytes, cudaMemcpyHostToDevice, copies), "copying columns");
    CUDA_TRY(host, cudaEventRecord(copied[slot], copies), "copying columns");
    return SBI_OK;
}

/* Afterwards resident_count is zero where the columns do not fit. */
sbi_status engine::make_resident(size_t first, size_t count)
{
    if (resident_count && resident_first <= first && first + count <= resident_first + resident_count) return SBI_OK;
    resident_count = 0;
    if (layout.leaf_bytes == 0 || count > column_limit / layout.leaf_bytes) {
        resident.release();
        return SBI_OK;
    }
    const cudaError_t error = resident.need(count * layout.leaf_bytes);
    if (error == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        return SBI_OK;
    }
    CUDA_TRY(host, error, "memory for columns");
    const size_t step = std::max<size_t>(1, STAGING / layout.leaf_bytes);
    int slot = 0;
    for (size_t at = 0; at < count; at += step, slot ^= 1) {
        STATUS_TRY(host->cancelled(host->self));
        STATUS_TRY(stage(first + at, std::min(step, count - at), slot, resident.data + at * layout.leaf_bytes));
    }
    CUDA_TRY(host, cudaStreamSynchronize(copies), "copying columns");
    for (int i = 0; i < 2; i++)
        staging[i].release();
    resident_first = first;
    resident_count = count;
    return SBI_OK;
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

/* Copies the sums of a batch back and hands them in: complete subtrees where all went well, else leaf by leaf. */
sbi_status engine::hand_in(const evaluation &e, const work_layout &w, size_t first, size_t count)
{
    const size_t bytes = e.n_partial * sizeof(double), head = count * (sizeof(int) + 2 * sizeof(long long));
    CUDA_TRY(host, results.need(std::max(head + 64, bytes)), "pinned memory for results");
    int *fault = reinterpret_cast<int *>(results.data);
    long long *bad = reinterpret_cast<long long *>(results.data + (count * sizeof(int) + 15) / 16 * 16);
    CUDA_TRY(host, cudaMemcpyAsync(fault, work.data + w.fault, count * sizeof(int), cudaMemcpyDeviceToHost, stream), "copying results");
    CUDA_TRY(host, cudaMemcpyAsync(bad, work.data + w.bad, 2 * count * sizeof(long long), cudaMemcpyDeviceToHost, stream),
             "copying results");
    CUDA_TRY(host, cudaStreamSynchronize(stream), "evaluating events");
    std::vector<int> faults(fault, fault + count);
    std::vector<long long> bads(bad, bad + 2 * count);
    const bool whole = std::count(faults.begin(), faults.end(), 0) == (long)count;
    STATUS_TRY(merge(e, w, whole ? count : 1));
    double *sums = reinterpret_cast<double *>(results.data);
    size_t at = 0;
    while (at < count) {
        size_t size = 1;
        int level = 0;
        while (whole && 2 * size <= count - at && (first + at) % (2 * size) == 0) {
            size *= 2;
            level++;
        }
        if (faults[at]) {
            STATUS_TRY(host->refuse(host->self, first + at));
        } else {
            CUDA_TRY(host, cudaMemcpyAsync(sums, work.data + w.partial + at * bytes, bytes, cudaMemcpyDeviceToHost, stream),
                     "copying results");
            CUDA_TRY(host, cudaStreamSynchronize(stream), "copying results");
            long long bad_events = 0, first_bad = -1;
            for (size_t i = at; i < at + size; i++) {
                if (first_bad < 0) first_bad = bads[2 * i + 1];
                bad_events += bads[2 * i];
            }
            STATUS_TRY(host->take(host->self, (first + at) >> level, level, bad_events, first_bad, sums));
        }
        at += size;
    }
    return SBI_OK;
}

sbi_status engine::run(const sbi_pass_task *task, size_t first, size_t count)
{
    evaluation e;
    STATUS_TRY(plan_evaluation(&layout, host, reductions, task, shared, &changing, &e));
    STATUS_TRY(upload(&changing));
    STATUS_TRY(make_resident(first, count));
    size_t leaves = BATCH;
    while (leaves > 1 && (lay_out(e, leaves).total > budget || leaves / 2 >= count))
        leaves /= 2;
    while (!resident_count && leaves > 1 && leaves * layout.leaf_bytes > STAGING)
        leaves /= 2;
    const work_layout w = lay_out(e, leaves);
    CUDA_TRY(host, work.need(w.total), "working memory");
    /* A batch begins at a multiple of its size, so that subtrees lie in one. */
    const auto length = [&](size_t at) {
        size_t n = at % leaves ? at & (0 - at) : leaves;
        while (at % leaves && n > first + count - at)
            n /= 2;
        return std::min(n, first + count - at);
    };
    int slot = 0;
    const auto bring = [&](size_t at, int into) -> sbi_status {
        if (resident_count) return SBI_OK;
        CUDA_TRY(host, batches[into].need(leaves * layout.leaf_bytes), "memory for columns");
        return stage(at, length(at), into, batches[into].data);
    };
    STATUS_TRY(bring(first, slot));
    for (size_t at = first; at < first + count; slot ^= 1) {
        const size_t n = length(at);
        STATUS_TRY(host->cancelled(host->self));
        if (!resident_count) CUDA_TRY(host, cudaStreamWaitEvent(stream, copied[slot], 0), "waiting for columns");
        const char *data = resident_count ? resident.data + (at - resident_first) * layout.leaf_bytes : batches[slot].data;
        STATUS_TRY(compute(e, w, data, at, n));
        CUDA_TRY(host, cudaEventRecord(used[slot], stream), "evaluating events");
        if (at + n < first + count) STATUS_TRY(bring(at + n, slot ^ 1)); /* while this one is computed */
        STATUS_TRY(hand_in(e, w, at, n));
        at += n;
    }
    return SBI_OK;
}
