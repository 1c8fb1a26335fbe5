/* SPDX-License-Identifier: Apache-2.0 */
/* Which events a member is trained on, with which weights, in which order. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "net/trainer.h"

#define READ 4096

/* Weights of one side: w[i] in f64, 0 where the bootstrap left an event out; marks events kept apart. Adds up both kinds. */
static void read_side(const sbi_trainer *t, int32_t side, double *w, unsigned char *apart, double sum[2])
{
    const sbi_train_options *o = t->options;
    const int64_t n = t->data->events[side];
    const uint64_t bootstrap = sbi_random_derive(t->seed, "bootstrap", (uint64_t)side);
    sum[0] = sum[1] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i % READ == 0) sbi_dataset_read_weights(t->data, side, i, n - i < READ ? n - i : READ, w + i);
        apart[i] = (unsigned char)sbi_dataset_is_held_out(side, i, o->seed, o->validation_fraction);
        if (o->bootstrap && !apart[i]) w[i] *= (double)sbi_random_poisson(bootstrap, 0, (uint64_t)i, 1.0);
        sum[apart[i]] += w[i];
    }
}

static sbi_status check_sums(const sbi_trainer *t, int32_t side, const double sum[2])
{
    const char *name = sbi_dataset_class_name(t->data, side);
    if (!(sum[0] > 0))
        return sbi_fail(SBI_ERR_VALUE, "training: the weights of the %s's training events sum to %g", name, sum[0]);
    if (t->options->validation_fraction > 0 && !(sum[1] > 0))
        return sbi_fail(SBI_ERR_VALUE, "training: the weights of the %s's validation events sum to %g", name, sum[1]);
    return SBI_OK;
}

/* Weights are scaled so that all classes have the same sum, if they are to be balanced, and the mean over events is 1, apart for
 * training and validation. Events of weight zero take no part. */
static sbi_status fill(sbi_trainer *t, double *w, unsigned char *apart, float *y, float *scaled)
{
    const sbi_dataset *data = t->data;
    double sum[SBI_CLASSES_MAX][2] = {{0}}, total[2] = {0, 0};
    int32_t used = 0;
    for (int64_t c = 0, first = 0; c < data->classes; first += data->events[c], c++) {
        if (data->events[c] == 0) continue;
        used++;
        read_side(t, (int32_t)c, w + first, apart + first, sum[c]);
        SBI_TRY(check_sums(t, (int32_t)c, sum[c]));
        for (int kind = 0; kind < 2; kind++) total[kind] += sum[c][kind];
    }
    const int64_t n = sbi_dataset_all_events(data);
    t->n_train = t->n_valid = 0;
    for (int64_t i = 0; i < n; i++) {
        if (w[i] == 0) continue;
        if (apart[i]) {
            t->valid[t->n_valid++] = (uint32_t)i;
        } else {
            t->train[t->n_train++] = (uint32_t)i;
        }
    }
    const int balance = t->options->class_balance;
    const double count[2] = {(double)t->n_train, (double)t->n_valid};
    for (int64_t c = 0, i = 0; c < data->classes; c++) {
        for (int64_t last = i + data->events[c]; i < last; i++) {
            const double whole = balance ? (double)used * sum[c][apart[i]] : total[apart[i]];
            scaled[i] = (float)(w[i] * count[apart[i]] / whole);
        }
    }
    const double odds = balance ? 1 : sum[SBI_NUMERATOR][0] / sum[SBI_DENOMINATOR][0];
    return sbi_loss_labels(&t->loss, data, t->options, odds, y);
}

static sbi_status upload(sbi_trainer *t, float **table, const float *values, int64_t n)
{
    const sbi_device *dev = &t->device;
    void *memory = NULL;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)n));
    *table = memory;
    return dev->ops->upload(dev->self, memory, values, sizeof(float) * (size_t)n);
}

static sbi_status upload_index(sbi_trainer *t, uint32_t **table, const uint32_t *values, int64_t n)
{
    const sbi_device *dev = &t->device;
    void *memory = NULL;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(uint32_t) * (size_t)n));
    *table = memory;
    return values ? dev->ops->upload(dev->self, memory, values, sizeof(uint32_t) * (size_t)n) : SBI_OK;
}

/* No room for all events: those of a batch at a time, through `staged`. */
static sbi_status place_batches(sbi_trainer *t, int64_t d)
{
    const sbi_device *dev = &t->device;
    const int64_t rows = t->options->batch < t->n_train ? t->options->batch : t->n_train;
    void *memory = NULL;
    uint32_t *count = sbi_alloc_array(t->ctx, (size_t)rows, sizeof *count);
    t->staged = sbi_alloc_array(t->ctx, (size_t)(rows * d), sizeof *t->staged);
    sbi_status status = count && t->staged ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (int64_t i = 0; status == SBI_OK && i < rows; i++) count[i] = (uint32_t)i;
    if (status == SBI_OK) status = upload_index(t, &t->count_up, count, rows);
    if (status == SBI_OK) status = dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)(rows * d));
    t->x = memory;
    sbi_free(t->ctx, count);
    if (status == SBI_OK)
        sbi_log(t->ctx, SBI_LOG_INFO, "training member %d: the events do not fit in the device's memory and are brought batch by batch",
                (int)t->member);
    return status;
}

/* Where the device shares our memory the packed events are used where they are. On another they have their place if that takes less
 * than half of its memory: the rest is for the network. */
static sbi_status place_events(sbi_trainer *t, int64_t n, int64_t d)
{
    const sbi_device *dev = &t->device;
    size_t bytes;
    if (dev->ops->flags & SBI_DEVICE_HOST) {
        t->x = t->pack->x;
        t->order_there = t->order;
        t->valid_there = t->valid;
        return SBI_OK;
    }
    SBI_TRY(upload_index(t, &t->order_there, NULL, t->n_train));
    SBI_TRY(upload_index(t, &t->valid_there, t->valid, t->n_valid));
    SBI_TRY(dev->ops->available(dev->self, &bytes));
    if ((double)bytes / 2 < (double)sizeof(float) * (double)(n * d)) return place_batches(t, d);
    return upload(t, &t->x, t->pack->x, n * d);
}

/* Scores of all events, and how the inputs follow theta. Only for the host. */
static sbi_status place_scores(sbi_trainer *t, int64_t n)
{
    const int64_t q = t->data->extra_columns[SBI_EXTRA_THETA];
    t->scores = sbi_alloc_array(t->ctx, (size_t)(q + 1), (size_t)n * sizeof *t->scores);
    t->score_rate = sbi_alloc_array(t->ctx, (size_t)q, sizeof *t->score_rate);
    if (!t->scores || !t->score_rate) return SBI_ERR_NO_MEMORY;
    for (int64_t j = 0; j < q; j++) t->score_rate[j] = (float)t->pack->scale[t->mlp.size[0] - q + j];
    return sbi_loss_scores(t->data, t->scores);
}

sbi_status sbi_trainer_prepare_events(sbi_trainer *t)
{
    sbi_context *ctx = t->ctx;
    const int64_t n = sbi_dataset_all_events(t->data), d = t->data->inputs;
    double *w = sbi_alloc_array(ctx, (size_t)n, sizeof *w);
    float *scaled = sbi_alloc_array(ctx, (size_t)n, sizeof *scaled);
    float *y = sbi_alloc_array(ctx, (size_t)(n * t->loss.columns), sizeof *y);
    unsigned char *apart = sbi_alloc_array(ctx, (size_t)n, 1);
    t->train = sbi_alloc_array(ctx, (size_t)n, sizeof *t->train);
    t->valid = sbi_alloc_array(ctx, (size_t)n, sizeof *t->valid);
    t->order = sbi_alloc_array(ctx, (size_t)n, sizeof *t->order);
    sbi_status status = w && scaled && y && apart && t->train && t->valid && t->order ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = fill(t, w, apart, y, scaled);
    if (status == SBI_OK) status = upload(t, &t->y, y, n * t->loss.columns);
    if (status == SBI_OK) status = upload(t, &t->w, scaled, n);
    if (status == SBI_OK && t->loss.score) status = place_scores(t, n);
    t->n_batches = (t->n_train + t->options->batch - 1) / t->options->batch;
    if (status == SBI_OK) status = place_events(t, n, d);
    sbi_free(ctx, w);
    sbi_free(ctx, scaled);
    sbi_free(ctx, y);
    sbi_free(ctx, apart);
    return status;
}

sbi_status sbi_trainer_shuffle(sbi_trainer *t)
{
    const uint64_t seed = sbi_random_derive(t->seed, "order", 0);
    sbi_random_permutation(seed, (uint64_t)t->state.epoch, t->order, (uint32_t)t->n_train);
    for (int64_t i = 0; i < t->n_train; i++) t->order[i] = t->train[t->order[i]];
    if (t->order_there == t->order) return SBI_OK;
    return t->device.ops->upload(t->device.self, t->order_there, t->order, sizeof *t->order * (size_t)t->n_train);
}
