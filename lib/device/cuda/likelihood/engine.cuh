/* SPDX-License-Identifier: Apache-2.0 */
/* A pass that is ready to be evaluated on a device: its columns there (or on their way, batch by batch), and working memory. */
#ifndef SBI_CUDA_LIKELIHOOD_ENGINE_CUH
#define SBI_CUDA_LIKELIHOOD_ENGINE_CUH

#include "device/cuda/likelihood/plan.cuh"

/* Where the parts of the working memory of a batch lie: bytes from its begin. */
struct work_layout {
    size_t y, weight, value, bad_events, a, scalars, coupling, mixed, pairs, tangents, scalar_tangents, phi, spill;
    size_t sums, partial, fault, bad;
    size_t stride, total;
    int threads; /* of narrow() */
    size_t narrow_shared;
};

struct engine {
    sbi_accelerator_layout layout;
    const sbi_accelerator_host *host; /* of the call that runs */
    int device;
    size_t shared;       /* bytes that a block may have */
    size_t budget;       /* bytes for working memory */
    size_t column_limit; /* bytes that resident columns may take */
    std::vector<reduction_plan> reductions;
    tables fixed, changing;
    size_t first_factor;
    cudaStream_t stream, copies;
    cudaEvent_t copied[2], used[2];
    buffer resident, batches[2], staging[2], work, results;
    size_t resident_first, resident_count; /* leaves */

    sbi_status prepare(const sbi_accelerator_layout *given, int index);
    sbi_status run(const sbi_pass_task *task, size_t first, size_t count);
    void release();
    void settle(); /* after a failure: nothing is under way any more */

private:
    sbi_status upload(tables *t);
    sbi_status make_resident(size_t first, size_t count);
    sbi_status stage(size_t first, size_t count, int slot, char *to);
    sbi_status compute(const evaluation &e, const work_layout &w, const char *data, size_t first, size_t count);
    sbi_status second_order(const evaluation &e, const work_layout &w, const batch &b, size_t j, size_t count);
    sbi_status merge(const evaluation &e, const work_layout &w, size_t count);
    sbi_status hand_in(const evaluation &e, const work_layout &w, size_t first, size_t count);
    sbi_status narrow_part(const evaluation &e, const work_layout &w, const batch &b, size_t j, int m_first, int m);
    reduction on_device(const evaluation &e, size_t j) const;
    work_layout lay_out(const evaluation &e, size_t leaves) const;
};

#endif
