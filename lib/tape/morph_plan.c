/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which the factors of a wide operation are multiplied in one leaf. */
#include "tape/event_pass.h"

enum { RANGES = SBI_RANGE_RATIO + 1, BINS = SBI_STEP_EXPONENT * RANGES + 1 };

static int range_of(const sbi_tape_column_data *column, int log_stored, size_t leaf)
{
    return log_stored ? column->range[leaf] : SBI_RANGE_RATIO;
}

static sbi_morph_step step_of(const sbi_morph_factor *factor, const sbi_tape_column_data *up, const sbi_tape_column_data *down,
                              int log_stored, size_t leaf)
{
    sbi_morph_step step = {.kind = SBI_STEP_EXPONENT};
    if (factor->mode != SBI_FACTOR_POLYNOMIAL) return step;
    const int a = range_of(up, log_stored, leaf), b = range_of(down, log_stored, leaf);
    step.range = (uint8_t)(a > b ? a : b);
    step.kind = factor->in_single && step.range <= SBI_RANGE_MEDIUM ? SBI_STEP_SINGLE : SBI_STEP_DOUBLE;
    return step;
}

/* The element type that kernels can read in place, or -1. */
static int8_t type_of(const sbi_tape_column_data *column)
{
    if (!column->contiguous) return -1;
    switch (column->dtype) {
    case SBI_F16: return SBI_READ_F16;
    case SBI_F32: return SBI_READ_F32;
    case SBI_F64: return SBI_READ_F64;
    default: return -1;
    }
}

static size_t bin_of(const sbi_morph_step *step) { return step->kind * (size_t)RANGES + step->range; }

void sbi_morph_plan(const sbi_morph_factor *factors, const sbi_tape_column_data *up, const sbi_tape_column_data *down, size_t n,
                    int log_stored, size_t leaf, sbi_morph_step *steps)
{
    const int64_t first = (int64_t)leaf * SBI_TAPE_LEAF;
    size_t start[BINS + 1] = {0};
    for (size_t k = 0; k < n; k++) {
        const sbi_morph_step step = step_of(factors + k, up + k, down + k, log_stored, leaf);
        start[bin_of(&step) + 1]++;
    }
    for (size_t b = 1; b < BINS; b++)
        start[b] += start[b - 1];
    for (size_t k = 0; k < n; k++) {
        sbi_morph_step step = step_of(factors + k, up + k, down + k, log_stored, leaf);
        step.factor = (uint32_t)k;
        step.up = sbi_column_at(up + k, first);
        step.down = sbi_column_at(down + k, first);
        step.up_type = type_of(up + k);
        step.down_type = type_of(down + k);
        steps[start[bin_of(&step)]++] = step;
    }
}
