/* SPDX-License-Identifier: Apache-2.0 */
/* The narrow part of a reduction, one thread an event: its value, and what the sums over factors are weighted with.
 *
 * The rows of a block's events lie in shared memory, or, for large programs, in the device's. An event of weight zero, or beyond the
 * last, leaves zeros. */
#ifndef SBI_CUDA_LIKELIHOOD_NARROW_CUH
#define SBI_CUDA_LIKELIHOOD_NARROW_CUH

#include "device/cuda/likelihood/interpreter.cuh"

struct narrow_job {
    reduction r;
    int order;       /* 0 value, 1 gradient, 2 second order */
    const double *y; /* rows [morphs of the pass] */
    double *spill;   /* rows, where shared memory is too small; NULL */
    double *weight;  /* row */
    double *value;   /* row of w f */
    int *bad;        /* [events] */
    double *a;       /* rows [n_morphs] */
    double *scalars; /* rows [n_scalars] of adjoints */
    /* Hessian: rows [n_morphs (n_morphs + 1) / 2], [n_scalars, n_morphs], [n_scalars (n_scalars + 1) / 2] */
    double *coupling, *mixed, *pairs;
    /* HVP: m tangents. rows [m, n_morphs] of what comes from the factors, replaced by what goes back to them; [m, n_scalars] */
    int m, n_inputs;
    double *morph_tangents, *scalar_tangents;
    const double *dx;         /* [m, n_inputs] */
    const int *scalar_inputs; /* [n_scalars] */
};

SBI_INLINE double read_column(const batch &b, size_t event, const input_column &column)
{
    const char *p = b.data + event / SBI_TAPE_LEAF * b.leaf_bytes + column.offset;
    const size_t at = event % SBI_TAPE_LEAF;
    if (column.dtype == SBI_F64) return ((const double *)p)[at];
    if (column.dtype == SBI_F32) return ((const float *)p)[at];
    return __half2float(((const __half *)p)[at]);
}

/* Leaves zeros for an event that does not count. */
static __device__ void skip_event(const batch &b, const narrow_job &job, size_t event)
{
    const reduction &r = job.r;
    job.value[event] = 0.0;
    job.bad[event] = 0;
    if (job.order == 0) return;
    for (int p = 0; p < r.n_morphs; p++)
        job.a[p * b.stride + event] = 0.0;
    for (int q = 0; q < r.n_scalars; q++)
        job.scalars[q * b.stride + event] = 0.0;
    for (int i = 0; job.coupling && i < r.n_morphs * (r.n_morphs + 1) / 2; i++)
        job.coupling[i * b.stride + event] = 0.0;
    for (int i = 0; job.coupling && i < r.n_scalars * r.n_morphs; i++)
        job.mixed[i * b.stride + event] = 0.0;
    for (int i = 0; job.coupling && i < r.n_scalars * (r.n_scalars + 1) / 2; i++)
        job.pairs[i * b.stride + event] = 0.0;
    for (int i = 0; i < job.m * r.n_morphs; i++)
        job.morph_tangents[i * b.stride + event] = 0.0;
    for (int i = 0; i < job.m * r.n_scalars; i++)
        job.scalar_tangents[i * b.stride + event] = 0.0;
}

/* c of dy = c phi dalpha. */
SBI_INLINE double scale(const narrow_job &job, const event_rows &rows, int p)
{
    return job.r.linear[p] ? 1.0 : rows.value[p * rows.stride];
}

static __device__ void clear(double *row, int n, size_t stride)
{
    for (int i = 0; i < n; i++)
        row[i * stride] = 0.0;
}

/* M for one input z. */
static __device__ void unit_tangent(const narrow_job &job, event_rows &rows, int input)
{
    const reduction &r = job.r;
    for (int z = 0; z < r.n_morphs + r.n_scalars; z++)
        if (r.input_adjoint[z] >= 0) rows.tangent[r.input_adjoint[z] * rows.stride] = z == input ? 1.0 : 0.0;
    clear(rows.adjoint_tangent, r.n_active, rows.stride);
    tangent(rows, r.ops, r.n_ops);
    reverse_tangent(rows, r.ops, r.n_ops);
}

/* K_pq = c_p M_pq c_q + delta_pq a_p, M_sp c_p, and M for pairs of scalars. */
static __device__ void couple(const batch &b, const narrow_job &job, event_rows &rows, size_t event)
{
    const reduction &r = job.r;
    const int w = r.n_morphs, s = r.n_scalars;
    int i = 0;
    for (int p = 0; p < w; p++) {
        const bool active = r.input_adjoint[p] >= 0;
        if (active) unit_tangent(job, rows, p);
        for (int q = p; q < w; q++, i++) {
            double k = 0.0;
            if (active && r.input_adjoint[q] >= 0)
                k = rows.adjoint_tangent[r.input_adjoint[q] * rows.stride] * scale(job, rows, p) * scale(job, rows, q);
            if (active && q == p && !r.linear[p]) k += job.a[p * b.stride + event];
            job.coupling[i * b.stride + event] = k;
        }
        for (int q = 0; q < s; q++)
            job.mixed[(q * w + p) * b.stride + event] =
                active ? rows.adjoint_tangent[r.input_adjoint[w + q] * rows.stride] * scale(job, rows, p) : 0.0;
    }
    i = 0;
    for (int q = 0; q < s; q++) {
        unit_tangent(job, rows, w + q);
        for (int o = q; o < s; o++, i++)
            job.pairs[i * b.stride + event] = rows.adjoint_tangent[r.input_adjoint[w + o] * rows.stride];
    }
}

/* One tangent of the reduction, forward over reverse. */
static __device__ void directional(const batch &b, const narrow_job &job, event_rows &rows, size_t event, int i)
{
    const reduction &r = job.r;
    double *morphs = job.morph_tangents + (size_t)i * r.n_morphs * b.stride + event;
    for (int p = 0; p < r.n_morphs; p++)
        if (r.input_adjoint[p] >= 0)
            rows.tangent[r.input_adjoint[p] * rows.stride] = morphs[p * b.stride] * scale(job, rows, p);
    for (int q = 0; q < r.n_scalars; q++)
        rows.tangent[r.input_adjoint[r.n_morphs + q] * rows.stride] = job.dx[(size_t)i * job.n_inputs + job.scalar_inputs[q]];
    clear(rows.adjoint_tangent, r.n_active, rows.stride);
    tangent(rows, r.ops, r.n_ops);
    reverse_tangent(rows, r.ops, r.n_ops);
    for (int p = 0; p < r.n_morphs; p++) {
        double back = 0.0;
        if (r.input_adjoint[p] >= 0) {
            const size_t at = r.input_adjoint[p] * rows.stride;
            back = rows.adjoint_tangent[at];
            if (!r.linear[p]) back = fma(back, rows.value[p * rows.stride], rows.adjoint[at] * rows.tangent[at]);
        }
        morphs[p * b.stride] = back;
    }
    for (int q = 0; q < r.n_scalars; q++)
        job.scalar_tangents[(size_t)(i * r.n_scalars + q) * b.stride + event] =
            rows.adjoint_tangent[r.input_adjoint[r.n_morphs + q] * rows.stride];
}

/* Grid: events of the batch / threads. */
static __global__ void narrow(batch b, narrow_job job)
{
    DYNAMIC_SHARED(shared);
    const size_t event = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    const reduction &r = job.r;
    const bool exists = b.first + (long long)event < b.n_events;
    const double weight = !exists ? 0.0 : r.weights ? read_column(b, event, r.weight) : 1.0;
    job.weight[event] = weight;
    if (weight == 0.0) {
        skip_event(b, job, event);
        return;
    }
    event_rows rows = {};
    rows.stride = job.spill ? b.stride : blockDim.x;
    rows.value = job.spill ? job.spill + event : shared + threadIdx.x;
    rows.aux = rows.value + r.n_values * rows.stride;
    rows.adjoint = rows.aux + (job.order > 0 ? r.n_aux : 0) * rows.stride;
    rows.tangent = rows.adjoint + r.n_active * rows.stride;
    rows.adjoint_tangent = rows.tangent + r.n_active * rows.stride;
    rows.uniform = r.uniform;
    for (int p = 0; p < r.n_morphs; p++)
        rows.value[p * rows.stride] = job.y[r.morphs[p] * b.stride + event];
    for (int c = 0; c < r.n_columns; c++)
        rows.value[(r.n_morphs + c) * rows.stride] = read_column(b, event, r.columns[c]);
    forward(rows, r.ops, r.n_ops, job.order);
    job.value[event] = weight * rows.operand(r.root);
    job.bad[event] = rows.bad;
    if (rows.fault) b.fault[event / SBI_TAPE_LEAF] = 1;
    if (job.order == 0) return;
    clear(rows.adjoint, r.n_active, rows.stride);
    if (r.root_active) rows.adjoint[r.root_adjoint * rows.stride] = weight;
    reverse(rows, r.ops, r.n_ops);
    for (int p = 0; p < r.n_morphs; p++) {
        const int at = r.input_adjoint[p];
        job.a[p * b.stride + event] = at < 0 ? 0.0 : rows.adjoint[at * rows.stride] * scale(job, rows, p);
    }
    for (int q = 0; q < r.n_scalars; q++)
        job.scalars[q * b.stride + event] = rows.adjoint[r.input_adjoint[r.n_morphs + q] * rows.stride];
    if (job.coupling) couple(b, job, rows, event);
    for (int i = 0; i < job.m; i++)
        directional(b, job, rows, event, i);
}

#endif
