/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dataset_pass.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"

#define ROWS 256    /* rows read at once */
#define BLOCK 16384 /* rows of one piece of parallel work */

static int64_t blocks_of(const sbi_dataset *data, int32_t side)
{
    return (data->events[side] + BLOCK - 1) / BLOCK;
}

/* The file and row of a value that has no image. */
static sbi_status refuse(const sbi_dataset_pass *pass, int32_t side, int64_t row, int64_t feature, double value)
{
    const sbi_dataset *data = pass->data;
    char own[SBI_PART_NAME];
    const char *name = "features";
    for (size_t p = 0; p < data->n_parts; p++) {
        const sbi_dataset_part *part = &data->parts[p];
        if (part->side != side || row < part->first || row >= part->first + part->n) continue;
        name = sbi_dataset_part_name(data, part, own);
        row -= part->first;
        break;
    }
    return sbi_transforms_refuse(pass->transforms, name, row, feature, value);
}

static sbi_status run_rows(const sbi_dataset_pass *pass, sbi_dataset_rows *r, int64_t first, double *x, double *y, double *w, double *sums)
{
    const sbi_dataset *data = pass->data;
    const sbi_transforms *t = pass->transforms;
    sbi_dataset_read_inputs(data, r->side, first, r->n, x);
    sbi_dataset_read_weights(data, r->side, first, r->n, w);
    if (t) {
        const int64_t bad = sbi_transforms_find_bad(t, x, r->n);
        if (bad >= 0) return refuse(pass, r->side, first + bad / t->features, bad % t->features, x[bad]);
        sbi_transforms_apply(t, x, r->n, y);
    }
    r->y = t ? y : x;
    r->w = w;
    return pass->rows(pass->user, r, sums);
}

static sbi_status run_block(void *arg, size_t index)
{
    const sbi_dataset_pass *pass = arg;
    sbi_dataset *data = pass->data;
    sbi_dataset_rows r = {0};
    int64_t block = (int64_t)index, before = 0;
    while (block >= blocks_of(data, r.side)) {
        block -= blocks_of(data, r.side);
        before += data->events[r.side++];
    }
    const int64_t first = block * BLOCK;
    const int64_t last = first + BLOCK < data->events[r.side] ? first + BLOCK : data->events[r.side];
    const int64_t inputs = pass->transforms ? pass->transforms->inputs : 0;
    SBI_TRY(sbi_check_cancel(data->ctx, "reading the dataset"));
    double *x = sbi_alloc_array(data->ctx, (size_t)(data->inputs + inputs + 1), ROWS * sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    double *y = x + ROWS * data->inputs, *w = y + ROWS * inputs, *sums = pass->sums + index * pass->n_sums;
    for (size_t k = 0; k < pass->n_sums; k++) sums[k] = k < pass->n_sums - pass->n_least ? 0 : INFINITY;
    sbi_status status = SBI_OK;
    for (int64_t start = first; start < last && status == SBI_OK; start += ROWS) {
        r.number = before + start;
        r.n = last - start < ROWS ? last - start : ROWS;
        status = run_rows(pass, &r, start, x, y, w, sums);
    }
    sbi_free(data->ctx, x);
    return status;
}

static size_t all_blocks(const sbi_dataset *data)
{
    size_t n = 0;
    for (int32_t side = 0; side < data->classes; side++) n += (size_t)blocks_of(data, side);
    return n;
}

sbi_status sbi_dataset_pass_run(sbi_dataset_pass *pass)
{
    const size_t n = all_blocks(pass->data);
    if (!pass->sums && !(pass->sums = sbi_alloc_array(pass->data->ctx, n * pass->n_sums, sizeof *pass->sums))) return SBI_ERR_NO_MEMORY;
    return sbi_parallel_for(pass->data->ctx, n, run_block, pass);
}

double sbi_dataset_pass_mean(const sbi_dataset_pass *pass, size_t k)
{
    const sbi_dataset *data = pass->data;
    const double *block = pass->sums + k;
    int32_t classes = 0;
    double mean = 0;
    for (int32_t side = 0; side < data->classes; side++) classes += data->events[side] > 0;
    for (int32_t side = 0; side < data->classes; side++) {
        double sum = 0;
        for (int64_t i = 0; i < blocks_of(data, side); i++, block += pass->n_sums) sum += *block;
        if (data->events[side]) mean += 1.0 / classes * sum / data->weight_abs[side];
    }
    return mean;
}

double sbi_dataset_pass_least(const sbi_dataset_pass *pass, size_t k)
{
    double least = INFINITY;
    for (size_t i = 0; i < all_blocks(pass->data); i++) least = fmin(least, pass->sums[i * pass->n_sums + k]);
    return least;
}

void sbi_dataset_pass_clear(sbi_dataset_pass *pass)
{
    sbi_free(pass->data->ctx, pass->sums);
    pass->sums = NULL;
}
