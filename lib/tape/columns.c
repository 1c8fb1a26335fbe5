/* SPDX-License-Identifier: Apache-2.0 */
/* Binding and validating columns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "tape/interpolation.h"
#include "tape/record.h"

sbi_status sbi_column_bind(sbi_tape *tape, sbi_events events, const sbi_array *column, const char *name,
                           sbi_tape_column_data *out)
{
    if (events < 0 || (size_t)events >= tape->n_event_sets)
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: %d is not an event set of this tape", name, events);
    const sbi_event_set *set = &tape->event_sets[events];
    if (!column) return sbi_fail(SBI_ERR_ARGUMENT, "%s: column is NULL", name);
    const size_t size = sbi_dtype_size(column->dtype);
    if (size == 0) return sbi_fail(SBI_ERR_SHAPE, "%s: unknown element type %d", name, column->dtype);
    const int64_t blocks = (set->n + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF;
    const int packed = column->ndim == 2 && column->shape[0] == blocks && column->shape[1] == SBI_TAPE_LEAF;
    if (column->ndim != 1 && !packed)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %d dimensions, must be 1, or 2 with %lld blocks of %d events", name, column->ndim,
                        (long long)blocks, SBI_TAPE_LEAF);
    if (!packed && column->shape[0] != set->n)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %lld rows, but event set \"%s\" has %lld events", name,
                        (long long)column->shape[0], set->name, (long long)set->n);
    if (!column->data && set->n > 0) return sbi_fail(SBI_ERR_ARGUMENT, "%s: data is NULL", name);
    *out = (sbi_tape_column_data){0};
    out->data = column->data;
    out->stride = column->strides[packed];
    /* What overflows here has a single leaf. */
    if (packed)
        out->leaf_stride = column->strides[0];
    else if (__builtin_mul_overflow(SBI_TAPE_LEAF, out->stride, &out->leaf_stride))
        out->leaf_stride = 0;
    out->dtype = column->dtype;
    out->contiguous = out->stride == (int64_t)size;
    return SBI_OK;
}

typedef struct validation {
    sbi_context *ctx;
    const sbi_tape_column_data *column;
    const char *name;
    uint8_t *range;
    int64_t n;
    int positive;
} validation;

#define VALIDATE_ROWS 256
#define VALIDATE_LEAVES 32 /* leaves of one task */

/* Infinities and NaN have no image in the kernels' conversion of f16. */
static sbi_status check_halves(const sbi_tape_column_data *column, int64_t first, size_t n, uint16_t *top)
{
    const char *p = sbi_column_at(column, first);
    uint16_t h, most = 0;
    if (column->contiguous) {
        for (size_t i = 0; i < n; i++) {
            memcpy(&h, p + 2 * i, sizeof h);
            h &= 0x7fffu;
            most = h > most ? h : most;
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            memcpy(&h, p + (int64_t)i * column->stride, sizeof h);
            h &= 0x7fffu;
            most = h > most ? h : most;
        }
    }
    *top = most;
    for (size_t i = 0; most >= 0x7c00u && i < n; i++) {
        memcpy(&h, p + (int64_t)i * column->stride, sizeof h);
        if ((h & 0x7c00u) != 0x7c00u) continue;
        return sbi_fail(SBI_ERR_VALUE, "row %lld: value is %s", (long long)first + (long long)i,
                        h & 0x3ffu ? "nan" : h & 0x8000u ? "-inf" : "inf");
    }
    return SBI_OK;
}

sbi_status sbi_column_validate_leaf(const sbi_tape_column_data *column, int positive, uint8_t *range, int64_t first,
                                    int64_t last)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for(SBI_ISA_BASE);
    double row[VALIDATE_ROWS] __attribute__((aligned(64)));
    double largest = 0.0;
    int64_t at = first;
    if (column->dtype == SBI_F16) {
        uint16_t top;
        SBI_TRY(check_halves(column, first, (size_t)(last - first), &top));
        if (!positive) { /* halves are ordered as their bits are */
            const sbi_tape_column_data one = {.data = (const char *)&top, .dtype = SBI_F16};
            kernels->load(row, &one, 0, 1, 1);
            largest = row[0];
            at = last;
        }
    }
    for (; at < last; at += VALIDATE_ROWS) {
        size_t n = (size_t)(last - at < VALIDATE_ROWS ? last - at : VALIDATE_ROWS);
        kernels->load(row, column, at, n, n);
        int bad = 0;
        for (size_t i = 0; i < n; i++) {
            double size = fabs(row[i]);
            bad |= (size < (double)INFINITY) == 0 || (positive && (row[i] > 0.0) == 0);
            largest = size > largest ? size : largest;
        }
        for (size_t i = 0; bad && i < n; i++) {
            if (isfinite(row[i]) && !(positive && !(row[i] > 0.0))) continue;
            return sbi_fail(SBI_ERR_VALUE, "row %lld: value is %g%s", (long long)at + (long long)i, row[i],
                            isfinite(row[i]) ? ", must be positive" : "");
        }
    }
    if (range)
        range[first / SBI_TAPE_LEAF] = largest <= SBI_RANGE_TINY_END     ? SBI_RANGE_TINY
                                       : largest <= SBI_RANGE_SMALL_END  ? SBI_RANGE_SMALL
                                       : largest <= SBI_RANGE_MIDDLE_END ? SBI_RANGE_MIDDLE
                                       : largest <= SBI_RANGE_MEDIUM_END ? SBI_RANGE_MEDIUM
                                                                         : SBI_RANGE_FULL;
    return SBI_OK;
}

static sbi_status validate_task(void *arg, size_t task)
{
    validation *v = arg;
    for (int64_t leaf = 0; leaf < VALIDATE_LEAVES; leaf++) {
        int64_t first = ((int64_t)task * VALIDATE_LEAVES + leaf) * SBI_TAPE_LEAF;
        if (first >= v->n) break;
        int64_t last = v->n - first < SBI_TAPE_LEAF ? v->n : first + SBI_TAPE_LEAF;
        sbi_status status = sbi_column_validate_leaf(v->column, v->positive, v->range, first, last);
        if (status != SBI_OK) return sbi_fail_within(status, "%s", v->name);
    }
    return SBI_OK;
}

sbi_status sbi_column_validate(sbi_tape *tape, int64_t n, const sbi_tape_column_data *column, int positive,
                               uint8_t *range, const char *name)
{
    if (n == 0) return SBI_OK;
    validation v = {.ctx = tape->ctx, .column = column, .name = name};
    v.range = range;
    v.n = n;
    v.positive = positive;
    const int64_t per_task = (int64_t)VALIDATE_LEAVES * SBI_TAPE_LEAF;
    return sbi_parallel_for(tape->ctx, (size_t)((n + per_task - 1) / per_task), validate_task, &v);
}

sbi_var sbi_tape_column(sbi_tape *tape, sbi_events events, const sbi_array *column, const char *name)
{
    if (!sbi_tape_recording(tape, "sbi_tape_column")) return SBI_VAR_INVALID;
    if (!name) return sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_column: name is NULL"));
    sbi_tape_column_data data;
    sbi_status status = sbi_column_bind(tape, events, column, name, &data);
    if (status == SBI_OK) status = sbi_column_validate(tape, tape->event_sets[events].n, &data, 0, NULL, name);
    if (status == SBI_OK)
        status = sbi_tape_reserve(tape, (void **)&tape->columns, &tape->cap_columns, tape->n_columns,
                                  sizeof *tape->columns);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    char *copy = sbi_strdup(tape->ctx, name);
    if (!copy) return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    tape->columns[tape->n_columns++] = (sbi_column){.data = data, .name = copy, .source = -1};
    sbi_node node = {.op = SBI_NODE_COLUMN, .a = -1, .b = -1, .events = events};
    node.payload = (int32_t)tape->n_columns - 1;
    return sbi_tape_append(tape, &node);
}

/* ---- morphs ---------------------------------------------------------------------------------------------------- */

sbi_status sbi_alphas_check(sbi_tape *tape, const char *function, const char *name, const sbi_var *alphas, size_t n)
{
    uint8_t *seen = sbi_alloc_zero(tape->ctx, tape->n_nodes, 1);
    if (!seen) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t k = 0; k < n && status == SBI_OK; k++) {
        if (alphas[k] < 0 || (size_t)alphas[k] >= tape->n_nodes)
            status = sbi_fail(SBI_ERR_ARGUMENT, "%s: %s[%zu] = %d is not a node of this tape", function, name, k, alphas[k]);
        else if (tape->nodes[alphas[k]].events >= 0)
            status = sbi_fail(SBI_ERR_SHAPE, "%s: %s[%zu] is event-wise, must be a scalar", function, name, k);
        else if (seen[alphas[k]]++) {
            char text[200];
            sbi_node_params(tape, alphas[k], text, sizeof text);
            status = sbi_fail(SBI_ERR_ARGUMENT, "%s: %s[%zu] (%s) appears twice", function, name, k, text);
        }
    }
    sbi_free(tape->ctx, seen);
    return status;
}

static sbi_status fill_morph(sbi_tape *tape, sbi_events events, const sbi_var *alphas, const sbi_array *up,
                             const sbi_array *down, sbi_morph *m)
{
    const int logs = m->storage == SBI_MORPH_LOG;
    const int64_t n_events = tape->event_sets[events].n;
    const size_t leaves = (size_t)((n_events + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF);
    m->alphas = sbi_alloc_array(tape->ctx, m->n, sizeof *m->alphas);
    m->up = sbi_alloc_array(tape->ctx, 2 * m->n, sizeof *m->up);
    if (!m->alphas || !m->up) return SBI_ERR_NO_MEMORY;
    m->down = m->up + m->n;
    if (logs) {
        m->ranges = sbi_alloc_zero(tape->ctx, 2 * m->n, leaves ? leaves : 1);
        if (!m->ranges) return SBI_ERR_NO_MEMORY;
    }
    for (size_t k = 0; k < m->n; k++) {
        m->alphas[k] = alphas[k];
        for (int side = 0; side < 2; side++) {
            char params[100], name[200];
            sbi_node_params(tape, alphas[k], params, sizeof params);
            snprintf(name, sizeof name, "morph %s[%zu] (%s)", side ? "down" : "up", k, params);
            sbi_tape_column_data *column = (side ? m->down : m->up) + k;
            uint8_t *range = logs ? m->ranges + (2 * k + (size_t)side) * leaves : NULL;
            SBI_TRY(sbi_column_bind(tape, events, (side ? down : up) + k, name, column));
            SBI_TRY(sbi_column_validate(tape, n_events, column, !logs, range, name));
            column->range = range;
        }
    }
    return SBI_OK;
}

sbi_status sbi_morph_check(sbi_tape *tape, const char *function, const sbi_var *alphas, size_t n_alpha, int32_t code,
                           int32_t storage)
{
    if (n_alpha == 0 || !alphas)
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: %s", function, n_alpha ? "alphas, up or down is NULL" : "n_alpha is 0");
    if (code != SBI_INTERP_CODE4 && code != SBI_INTERP_CODE1 && !sbi_interp_is_additive(code))
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: unknown interpolation code %d", function, code);
    if (storage != SBI_MORPH_RATIO && storage != SBI_MORPH_LOG)
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: storage is %d, must be SBI_MORPH_RATIO or SBI_MORPH_LOG", function, storage);
    return sbi_alphas_check(tape, function, "alphas", alphas, n_alpha);
}

sbi_var sbi_morph_append(sbi_tape *tape, sbi_events events, const sbi_morph *m)
{
    sbi_node node = {.op = SBI_NODE_MORPH, .a = -1, .b = -1, .events = events};
    node.payload = (int32_t)(m - tape->morphs);
    for (size_t k = 0; k < m->n; k++) {
        const sbi_node *alpha = &tape->nodes[m->alphas[k]];
        if (alpha->stage > node.stage) node.stage = alpha->stage;
        node.active |= alpha->active;
    }
    return sbi_tape_append(tape, &node);
}

sbi_var sbi_tape_morph(sbi_tape *tape, sbi_events events, const sbi_var *alphas, size_t n_alpha, const sbi_array *up,
                       const sbi_array *down, int32_t code, int32_t storage)
{
    if (!sbi_tape_recording(tape, "sbi_tape_morph")) return SBI_VAR_INVALID;
    sbi_status status = SBI_OK;
    if (events < 0 || (size_t)events >= tape->n_event_sets)
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_morph: %d is not an event set of this tape", events);
    else if (!up || !down)
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_morph: %s", n_alpha ? "alphas, up or down is NULL" : "n_alpha is 0");
    if (status == SBI_OK) status = sbi_morph_check(tape, "sbi_tape_morph", alphas, n_alpha, code, storage);
    if (status == SBI_OK)
        status = sbi_tape_reserve(tape, (void **)&tape->morphs, &tape->cap_morphs, tape->n_morphs, sizeof *tape->morphs);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    sbi_morph *m = &tape->morphs[tape->n_morphs++]; /* counted at once, so that destroy finds what it owns */
    *m = (sbi_morph){.n = n_alpha, .code = code, .storage = storage, .source = -1};
    status = fill_morph(tape, events, alphas, up, down, m);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    return sbi_morph_append(tape, events, m);
}
