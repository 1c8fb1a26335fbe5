/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps: one pass over parameters, gradient and moments, and one over the average of parameters that are in the cache. */
#include "device/cpu/kernels_isa.h"

#include <math.h>

static void step_sgd(float *restrict p, const float *restrict g, float *restrict m, const sbi_device_update *o, int64_t n)
{
    const float grad_scale = o->grad_scale, decay = o->decay, keep = 1.0f - o->shrink, beta1 = o->beta1, step = o->step_g;
    for (int64_t j = 0; j < n; j++) {
        const float gj = FMA(decay, p[j], grad_scale * g[j]);
        const float mj = FMA(beta1, m[j], gj);
        m[j] = mj;
        p[j] = FMA(-step, mj, keep * p[j]);
    }
}

static void step_adam(float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
                      const sbi_device_update *o, int64_t n)
{
    const float grad_scale = o->grad_scale, decay = o->decay, keep = 1.0f - o->shrink;
    const float beta1 = o->beta1, rest1 = 1.0f - o->beta1, beta2 = o->beta2, rest2 = 1.0f - o->beta2;
    const float step_m = o->step_m, step_g = o->step_g, v_scale = o->v_scale, epsilon = o->epsilon;
    for (int64_t j = 0; j < n; j++) {
        const float gj = FMA(decay, p[j], grad_scale * g[j]);
        const float mj = FMA(beta1, m[j], rest1 * gj);
        const float vj = FMA(beta2, v[j], rest2 * gj * gj);
        m[j] = mj;
        v[j] = vj;
        const float top = FMA(step_m, mj, step_g * gj);
        p[j] = FMA(keep, p[j], -top / (sqrtf(vj * v_scale) + epsilon));
    }
}

static void average(float *restrict mean, const float *restrict p, float part, int64_t n)
{
    const float rest = 1.0f - part;
    for (int64_t j = 0; j < n; j++) mean[j] = FMA(part, p[j], rest * mean[j]);
}

void SBI_ISA_NAME(sbi_cpu_update)(const sbi_device_update *o, int64_t first, int64_t n)
{
    if (o->v) {
        step_adam(o->p + first, o->g + first, o->m + first, o->v + first, o, n);
    } else {
        step_sgd(o->p + first, o->g + first, o->m + first, o, n);
    }
    if (o->average) average(o->average + first, o->p + first, o->part, n);
}
