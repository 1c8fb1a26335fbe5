/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of rows, one kind a loop; compiled for each instruction set. */
#include <math.h>

#include "device/cpu/kernels_isa.h"
#include "device/cpu/vector_math.h"

static void bce(float *restrict loss, float *restrict dz, const float *z, const float *y, const float *w, float scale, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) loss[i] = w[i] * (vsoftplus(z[i]) - y[i] * z[i]);
    if (dz)
        for (int64_t i = 0; i < rows; i++) dz[i] = scale * w[i] * (vlogistic(z[i]) - y[i]);
}

/* y < 0 is a target -y of exp(-z). */
static void ratio_square(float *restrict loss, float *restrict dz, const float *z, const float *y, const float *w, float scale, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) {
        const float sign = y[i] < 0 ? -1.0f : 1.0f;
        const float e = vexp(sign * z[i]), difference = e - sign * y[i];
        loss[i] = w[i] * difference * difference;
        if (dz) dz[i] = 2.0f * scale * w[i] * difference * e * sign;
    }
}

static float square_row(float *dz, const float *z, const float *y, float w, int64_t outputs)
{
    float sum = 0;
    for (int64_t k = 0; k < outputs; k++) {
        const float difference = z[k] - y[k];
        sum = FMA(difference, difference, sum);
        if (dz) dz[k] = 2.0f * w * difference;
    }
    return sum;
}

/* The largest logit is taken out before the exponentials, so that none overflows. */
static float softmax_row(float *dz, const float *z, int64_t label, float w, float smoothing, int64_t outputs)
{
    float top = z[0], sum = 0, mean = 0;
    for (int64_t k = 1; k < outputs; k++) top = z[k] > top || z[k] != z[k] ? z[k] : top;
    for (int64_t k = 0; k < outputs; k++) {
        sum += vexp(z[k] - top);
        mean += z[k] - top;
    }
    const float each = smoothing / (float)outputs;
    for (int64_t k = 0; dz && k < outputs; k++)
        dz[k] = w * (vexp(z[k] - top) / sum - (k == label ? 1.0f - smoothing : 0.0f) - each);
    return logf(sum) - (1.0f - smoothing) * (z[label] - top) - each * mean;
}

/* Head k - 1 sees class k as 1 and class 0 as 0, and no other. */
static float heads_row(float *dz, const float *z, int64_t label, float w, float smoothing, int64_t outputs)
{
    const float y = label ? 1.0f - 0.5f * smoothing : 0.5f * smoothing;
    float sum = 0;
    for (int64_t k = 0; k < outputs; k++) {
        const int seen = label == 0 || label == k + 1;
        if (seen) sum += vsoftplus(z[k]) - y * z[k];
        if (dz) dz[k] = seen ? w * (vlogistic(z[k]) - y) : 0.0f;
    }
    return sum;
}

void SBI_ISA_NAME(sbi_cpu_loss)(const sbi_device_loss *op, float *values, int64_t first, int64_t rows)
{
    const int64_t outputs = op->outputs;
    const float *z = op->z + first * outputs, *w = op->w + first;
    const float *y = op->y + first * (op->kind == SBI_DEVICE_LOSS_SQUARE ? outputs : 1);
    float *dz = op->dz ? op->dz + first * outputs : NULL;
    if (op->kind == SBI_DEVICE_LOSS_BCE) {
        bce(values, dz, z, y, w, op->scale, rows);
        return;
    }
    if (op->kind == SBI_DEVICE_LOSS_RATIO_SQUARE) {
        ratio_square(values, dz, z, y, w, op->scale, rows);
        return;
    }
    for (int64_t i = 0; i < rows; i++, z += outputs, dz = dz ? dz + outputs : NULL) {
        const float scaled = op->scale * w[i];
        float value;
        if (op->kind == SBI_DEVICE_LOSS_SQUARE) {
            value = square_row(dz, z, y + i * outputs, scaled, outputs);
        } else if (op->kind == SBI_DEVICE_LOSS_SOFTMAX) {
            value = softmax_row(dz, z, (int64_t)y[i], scaled, op->smoothing, outputs);
        } else {
            value = heads_row(dz, z, (int64_t)y[i], scaled, op->smoothing, outputs);
        }
        values[i] = w[i] * value;
    }
}
