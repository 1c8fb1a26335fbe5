/* SPDX-License-Identifier: Apache-2.0 */
/* The copy of all events that training runs on: transformed and standardised, in memory or in a mapped file. */
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/dataset_pass.h"

typedef struct packing {
    const sbi_dataset *data;
    sbi_dataset_pack *pack;
} packing;

static sbi_status refuse_overflow(const packing *p, int64_t input, double value)
{
    const sbi_transforms *t = p->pack->transforms;
    int64_t feature = 0;
    while (t && t->first_input[feature + 1] <= input) feature++;
    return sbi_fail(SBI_ERR_VALUE, "dataset: feature \"%s\": a standardised value is %g, too large for f32",
                    sbi_dataset_input_name(p->data, t ? feature : input), value);
}

static sbi_status pack_rows(void *user, const sbi_dataset_rows *r, double *sums)
{
    (void)sums;
    const packing *p = user;
    const sbi_dataset_pack *pack = p->pack;
    const int64_t inputs = pack->inputs, n = r->n * inputs;
    float *own = pack->memory ? NULL : sbi_alloc_array(p->data->ctx, (size_t)n, sizeof *own);
    float *to = pack->memory ? pack->memory + r->number * inputs : own;
    if (!to) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (int64_t k = 0; k < n; k++) {
        const double value = (r->y[k] - pack->shift[k % inputs]) * pack->scale[k % inputs];
        to[k] = (float)value;
        if (status == SBI_OK && !isfinite(to[k])) status = refuse_overflow(p, k % inputs, value);
    }
    if (own && status == SBI_OK)
        status = sbi_scratch_write(&pack->file, sizeof *own * (uint64_t)(r->number * inputs), own, sizeof *own * (size_t)n);
    sbi_free(p->data->ctx, own);
    return status;
}

static sbi_status fill(sbi_dataset *data, uint64_t most, const char *folder, sbi_dataset_pack *pack)
{
    const uint64_t values = (uint64_t)sbi_dataset_all_events(data) * (uint64_t)pack->inputs;
    const int in_file = most && values > most / sizeof(float);
    if (in_file) {
        SBI_TRY(sbi_scratch_open(&pack->file, data->ctx, folder, sizeof(float) * values));
        sbi_log(data->ctx, SBI_LOG_INFO, "dataset: %.0f MB of events lie in a temporary file", 1e-6 * sizeof(float) * (double)values);
    } else if (!(pack->memory = sbi_alloc_array(data->ctx, values, sizeof *pack->memory))) {
        return SBI_ERR_NO_MEMORY;
    }
    packing p = {data, pack};
    sbi_dataset_pass pass = {.data = data, .transforms = pack->transforms, .rows = pack_rows, .user = &p, .n_sums = 1};
    sbi_status status = sbi_dataset_pass_run(&pass);
    sbi_dataset_pass_clear(&pass);
    if (status == SBI_OK && in_file) status = sbi_scratch_map(&pack->file);
    return status;
}

static sbi_status make_pack(sbi_dataset *data, int32_t standardise, uint64_t most, const char *folder, sbi_dataset_pack *pack)
{
    sbi_dataset_pack made = {0};
    SBI_TRY(sbi_dataset_find_inputs(data, standardise, &made.transforms, &made.shift, &made.scale));
    made.inputs = made.transforms ? made.transforms->inputs : data->inputs;
    sbi_status status = fill(data, most, folder, &made);
    if (status == SBI_OK) {
        made.x = made.memory ? made.memory : made.file.data;
        *pack = made;
    } else {
        sbi_dataset_pack_free(data, &made);
    }
    return status;
}

void sbi_dataset_pack_free(sbi_dataset *data, sbi_dataset_pack *pack)
{
    sbi_scratch_close(&pack->file);
    sbi_free(data->ctx, pack->memory);
    sbi_free(data->ctx, pack->shift);
    sbi_free(data->ctx, pack->scale);
    sbi_transforms_free(pack->transforms);
}

sbi_status sbi_dataset_pack_get_within(sbi_dataset *data, int32_t standardise, uint64_t most, const char *folder,
                                       const sbi_dataset_pack **pack)
{
    sbi_dataset_freeze(data);
    SBI_TRY(sbi_dataset_check_events(data));
    pthread_mutex_lock(&data->lock);
    sbi_dataset_pack *own = &data->packs[standardise];
    sbi_status status = sbi_dataset_draw_theta(data);
    if (status == SBI_OK && !own->x) status = make_pack(data, standardise, most, folder, own);
    pthread_mutex_unlock(&data->lock);
    *pack = own;
    return status;
}

sbi_status sbi_dataset_pack_get(sbi_dataset *data, int32_t standardise, const sbi_dataset_pack **pack)
{
    return sbi_dataset_pack_get_within(data, standardise, 0, NULL, pack);
}
