/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels of one batch, in their order. */
#include <algorithm>

#include "device/cuda/likelihood/engine.cuh"
#include "device/cuda/likelihood/hessian.cuh"
#include "device/cuda/likelihood/morph.cuh"
#include "device/cuda/likelihood/narrow.cuh"
#include "device/cuda/likelihood/sums.cuh"

#define WARPS_SHARED (8 * sizeof(double)) /* of block_sum() with 256 threads */
#define LARGEST_PHI 0x1p26                /* for second derivatives: poles.c */

template <typename... Parameters, typename... Arguments>
static cudaError_t launch(cudaStream_t stream, void (*kernel)(Parameters...), dim3 grid, unsigned threads, size_t shared,
                          Arguments... arguments)
{
    if (shared > 48 * 1024) {
        const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
        if (error != cudaSuccess) return error;
    }
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

#define LAUNCH(...) CUDA_TRY(host, launch(stream, __VA_ARGS__), "starting a kernel")

/* ---- working memory -------------------------------------------------------------------------------------------- */

static size_t narrow_rows(const reduction &r, const evaluation &e)
{
    return (size_t)r.n_values + (e.order > 0 ? r.n_aux + r.n_active : 0) + (e.order > 1 ? 2 * r.n_active : 0);
}

work_layout engine::lay_out(const evaluation &e, size_t leaves) const
{
    const sbi_pass *pass = layout.pass;
    work_layout w = {};
    size_t morphs = 0, scalars = 0, rows = 1;
    for (const reduction_plan &r : reductions) {
        morphs = std::max(morphs, (size_t)r.sizes.n_morphs);
        scalars = std::max(scalars, (size_t)r.sizes.n_scalars);
        rows = std::max(rows, narrow_rows(r.sizes, e));
    }
    w.stride = leaves * SBI_TAPE_LEAF;
    const auto take = [&](size_t bytes) {
        const size_t at = w.total;
        w.total += (bytes + 255) / 256 * 256;
        return at;
    };
    const auto take_rows = [&](size_t n) { return take(n * w.stride * sizeof(double)); };
    w.y = take_rows(pass->n_morphs);
    w.weight = take_rows(1);
    w.value = take_rows(1);
    w.bad_events = take(w.stride * sizeof(int));
    if (e.order > 0) {
        w.a = take_rows(morphs);
        w.scalars = take_rows(scalars);
    }
    if (e.order > 1) w.phi = take_rows(pass->first_factor[pass->n_morphs]);
    if (e.want == SBI_WANT_HESSIAN) {
        w.coupling = take_rows(morphs * (morphs + 1) / 2);
        w.mixed = take_rows(scalars * morphs);
        w.pairs = take_rows(scalars * (scalars + 1) / 2);
    }
    if (e.want == SBI_WANT_HVP) {
        w.tangents = take_rows(DOTS * morphs);
        w.scalar_tangents = take_rows(DOTS * scalars);
    }
    for (w.threads = 128; w.threads > 32 && rows * w.threads * sizeof(double) > 48 * 1024;)
        w.threads /= 2;
    w.narrow_shared = rows * w.threads * sizeof(double);
    if (w.narrow_shared > std::min(shared, (size_t)96 * 1024)) {
        w.narrow_shared = 0;
        w.threads = 128;
        w.spill = take_rows(rows);
    }
    w.sums = take(leaves * e.n_sums * sizeof(double));
    w.partial = take(leaves * e.n_partial * sizeof(double));
    w.fault = take(leaves * sizeof(int));
    w.bad = take(2 * leaves * sizeof(long long));
    return w;
}

/* ---- kernels --------------------------------------------------------------------------------------------------- */

reduction engine::on_device(const evaluation &e, size_t j) const
{
    const reduction_plan &plan = reductions[j];
    reduction r = plan.sizes;
    r.morphs = fixed.at<int>(plan.morphs);
    r.linear = fixed.at<int>(plan.linear);
    r.input_adjoint = fixed.at<int>(plan.input_adjoint);
    r.columns = fixed.at<input_column>(plan.columns);
    r.ops = fixed.at<operation>(plan.ops);
    r.uniform = changing.at<double>(e.reductions[j].uniform);
    return r;
}

#define ROWS(offset) reinterpret_cast<double *>(work.data + (offset))

sbi_status engine::narrow_part(const evaluation &e, const work_layout &w, const batch &b, size_t j, int m_first, int m)
{
    const reduction_plan &plan = reductions[j];
    const reduction_sums &s = e.reductions[j];
    narrow_job job = {};
    job.r = on_device(e, j);
    job.order = e.order;
    job.y = ROWS(w.y);
    job.spill = w.narrow_shared ? nullptr : ROWS(w.spill);
    job.weight = ROWS(w.weight);
    job.value = ROWS(w.value);
    job.bad = reinterpret_cast<int *>(work.data + w.bad_events);
    job.a = ROWS(w.a);
    job.scalars = ROWS(w.scalars);
    if (e.want == SBI_WANT_HESSIAN && s.second) {
        job.coupling = ROWS(w.coupling);
        job.mixed = ROWS(w.mixed);
        job.pairs = ROWS(w.pairs);
    }
    if (m > 0) {
        job.m = m;
        job.n_inputs = (int)layout.pass->reductions[j].n_inputs;
        job.morph_tangents = ROWS(w.tangents);
        job.scalar_tangents = ROWS(w.scalar_tangents);
        job.dx = changing.at<double>(s.dx) + (size_t)m_first * layout.pass->reductions[j].n_inputs;
        job.scalar_inputs = fixed.at<int>(plan.scalar_inputs);
    }
    LAUNCH(narrow, dim3((unsigned)(b.stride / (size_t)w.threads)), (unsigned)w.threads, w.narrow_shared, b, job);
    return SBI_OK;
}

/* What a Hessian or products with tangents need beyond the gradient. */
sbi_status engine::second_order(const evaluation &e, const work_layout &w, const batch &b, size_t j, size_t count)
{
    const reduction_plan &plan = reductions[j];
    const reduction_sums &s = e.reductions[j];
    const sbi_reduction *r = &layout.pass->reductions[j];
    const unsigned leaves = (unsigned)count, factors = (unsigned)plan.n_factors, scalars = (unsigned)r->n_scalars;
    double *sums = ROWS(w.sums);
    dot_job dots = {fixed.at<int>(plan.index), fixed.at<int>(plan.of_morph), nullptr, ROWS(w.phi), 0, (int)r->n_morphs, sums,
                    e.n_sums, 0, factors};
    for (int first = 0; first < e.m; first += DOTS) {
        const int m = std::min(DOTS, e.m - first);
        combine_job combined = {fixed.at<int>(plan.first), fixed.at<int>(plan.index), fixed.at<int>(plan.inputs), ROWS(w.phi),
                                changing.at<double>(s.dx) + (size_t)first * r->n_inputs, m, (int)r->n_inputs, (int)r->n_morphs,
                                ROWS(w.tangents)};
        if (r->n_morphs) LAUNCH(combine, dim3((unsigned)(b.stride / 128), (unsigned)r->n_morphs), 128, 0, b, combined);
        STATUS_TRY(narrow_part(e, w, b, j, first, m));
        dots.rows = ROWS(w.tangents);
        dots.count = m;
        dots.at = s.hvp + (size_t)first * factors;
        if (factors) LAUNCH(factor_dots, dim3(leaves, factors), 256, WARPS_SHARED, b, dots);
        if (scalars)
            LAUNCH(row_sums, dim3(leaves, (unsigned)m * scalars), 256, WARPS_SHARED, b, ROWS(w.scalar_tangents), sums, e.n_sums,
                   s.hvp_scalars + (size_t)first * scalars);
    }
    if (e.want != SBI_WANT_HESSIAN) return SBI_OK;
    if (scalars)
        LAUNCH(row_sums, dim3(leaves, scalars * (scalars + 1) / 2), 256, WARPS_SHARED, b, ROWS(w.pairs), sums, e.n_sums, s.pairs);
    for (unsigned q = 0; q < scalars && factors; q += DOTS) {
        dots.rows = ROWS(w.mixed) + q * r->n_morphs * b.stride;
        dots.count = (int)std::min<unsigned>(DOTS, scalars - q);
        dots.at = s.mixed + (size_t)q * factors;
        LAUNCH(factor_dots, dim3(leaves, factors), 256, WARPS_SHARED, b, dots);
    }
    if (s.n_tiles == 0) return SBI_OK;
    hessian_job job = {};
    job.phi = ROWS(w.phi);
    job.coupling = ROWS(w.coupling);
    job.phi_row = changing.at<int>(s.tile_rows);
    job.subtract = s.subtract == (size_t)-1 ? nullptr : changing.at<int>(s.subtract);
    job.coupling_row = changing.at<int>(s.coupling_row);
    job.tiles = changing.at<int2>(s.tile_list);
    job.terms = s.terms;
    job.alphas = (int)r->n_alphas;
    job.padded = s.padded;
    job.n_tiles = s.n_tiles;
    job.chunk = s.chunk;
    job.shift = s.shift;
    job.sums = sums;
    job.n_sums = e.n_sums;
    job.at = s.tiles;
    const unsigned blocks = (unsigned)((s.n_tiles + TILES_PER_BLOCK - 1) / TILES_PER_BLOCK);
    const unsigned threads = blocks > 1 ? TILES_PER_BLOCK : (unsigned)std::max(64, (s.n_tiles + 31) / 32 * 32);
    LAUNCH(hessian_tiles, dim3(leaves * PIECES, blocks), threads, hessian_shared(s.terms, s.padded, s.chunk) * sizeof(double), b, job);
    return SBI_OK;
}

sbi_status engine::compute(const evaluation &e, const work_layout &w, const char *data, size_t first, size_t count)
{
    const sbi_pass *pass = layout.pass;
    const unsigned leaves = (unsigned)count;
    batch b = {};
    b.data = data;
    b.leaf_bytes = layout.leaf_bytes;
    b.ranges = layout.ranges;
    b.stride = count * SBI_TAPE_LEAF;
    b.first = (long long)(first * SBI_TAPE_LEAF);
    b.n_events = pass->n_events;
    b.fault = reinterpret_cast<int *>(work.data + w.fault);
    long long *bad = reinterpret_cast<long long *>(work.data + w.bad);
    double *sums = ROWS(w.sums);
    const factor *factors = changing.at<factor>(e.factors);
    LAUNCH(clear_leaves, dim3((leaves + 127) / 128), 128, 0, (int)count, b.fault, bad);
    if (pass->n_morphs)
        LAUNCH(products, dim3((unsigned)(b.stride / PRODUCT_EVENTS), (unsigned)pass->n_morphs), PRODUCT_EVENTS / 4, 0, b, factors,
               fixed.at<int>(first_factor), ROWS(w.y));
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const reduction_plan &plan = reductions[j];
        const reduction_sums &s = e.reductions[j];
        STATUS_TRY(narrow_part(e, w, b, j, 0, 0));
        LAUNCH(count_bad, dim3(leaves), 32, 0, b, reinterpret_cast<int *>(work.data + w.bad_events), bad);
        LAUNCH(row_sums, dim3(leaves, 1), 256, WARPS_SHARED, b, ROWS(w.value), sums, e.n_sums, s.value);
        if (e.order == 0) continue;
        if (plan.sizes.n_scalars)
            LAUNCH(row_sums, dim3(leaves, (unsigned)plan.sizes.n_scalars), 256, WARPS_SHARED, b, ROWS(w.scalars), sums, e.n_sums,
                   s.scalars);
        derivative_job job = {};
        job.factors = factors;
        job.index = fixed.at<int>(plan.index);
        job.of_morph = fixed.at<int>(plan.of_morph);
        job.a = ROWS(w.a);
        job.weight = ROWS(w.weight);
        job.phi = ROWS(w.phi);
        job.sums = sums;
        job.n_sums = e.n_sums;
        job.gradient = s.gradient;
        job.diagonal = s.diagonal;
        job.limit = e.order > 1 ? LARGEST_PHI : 1e300;
        if (plan.n_factors && e.order > 1)
            LAUNCH(factor_sums<2>, dim3(leaves, (unsigned)plan.n_factors), 256, WARPS_SHARED, b, job);
        else if (plan.n_factors)
            LAUNCH(factor_sums<1>, dim3(leaves, (unsigned)plan.n_factors), 256, WARPS_SHARED, b, job);
        if (s.second) STATUS_TRY(second_order(e, w, b, j, count));
    }
    LAUNCH(gather, dim3((unsigned)((e.n_partial + 127) / 128), leaves), 128, 0, changing.at<int>(e.gather_first),
           changing.at<int>(e.gather_source), sums, e.n_sums, ROWS(w.partial), (int)e.n_partial);
    return SBI_OK;
}

/* Adds up the complete subtrees of the batch's first `count` leaves. */
sbi_status engine::merge(const evaluation &e, const work_layout &w, size_t count)
{
    for (size_t step = 1; 2 * step <= count; step *= 2)
        LAUNCH(merge_level, dim3((unsigned)((e.n_partial + 127) / 128), (unsigned)(count / (2 * step))), 128, 0, ROWS(w.partial),
               (int)e.n_partial, (int)step);
    return SBI_OK;
}
