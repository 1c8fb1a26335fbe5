/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of a batch.
 *
 * A large network goes through layer by layer, the device sharing each layer out over its threads. For a small one that would be
 * more waiting than work: its batch is cut in lanes, each of which goes through the whole network in one thread, some rows at a time
 * so that all layers stay in the second-level cache, and adds to a gradient of its own; these are then summed in order. Which
 * of the two, and the cuts, depend on shapes alone. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "net/trainer.h"

/* Networks with fewer parameters use lanes, of at least so many rows, and chunks of at most as many. */
#define LANE_PARAMETERS 300000
#define LANE_ROWS 128

static int64_t lane_count(const sbi_trainer *t, int64_t rows)
{
    if (!(t->device.ops->flags & SBI_DEVICE_CONCURRENT) || t->mlp.n > LANE_PARAMETERS) return 1;
    const int64_t lanes = (rows + LANE_ROWS - 1) / LANE_ROWS;
    return lanes < 1 ? 1 : lanes > SBI_MAX_LANES ? SBI_MAX_LANES : lanes;
}

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

/* Sets the pointers of a lane from its block of memory, or with NULL gives the length of the block. */
static int64_t place_lane(const sbi_trainer *t, sbi_lane *lane, float *memory)
{
    const sbi_mlp *mlp = &t->mlp;
    const int64_t rows = t->chunk_rows;
    int64_t used = 0, hidden = 0;
#define PLACE(pointer, count)                                                                                          \
    do {                                                                                                               \
        if (memory) (pointer) = memory + used;                                                                         \
        used += padded(count);                                                                                         \
    } while (0)
    PLACE(lane->x, rows * mlp->size[0]);
    PLACE(lane->y, rows);
    PLACE(lane->w, rows);
    for (int32_t l = 0; l < mlp->layers; l++) {
        PLACE(lane->h[l], rows * mlp->size[l + 1]);
        if (l < mlp->layers - 1) PLACE(lane->d[l], rows * mlp->size[l + 1]);
        if (mlp->size[l + 1] > hidden) hidden = mlp->size[l + 1];
    }
    PLACE(lane->dz[0], rows * hidden);
    PLACE(lane->dz[1], rows * hidden);
#undef PLACE
    return used;
}

sbi_status sbi_trainer_make_lanes(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    const int64_t batch = t->options->batch < t->n_train ? t->options->batch : t->n_train;
    t->n_lanes = lane_count(t, batch);
    t->lane_rows = (batch + t->n_lanes - 1) / t->n_lanes;
    t->chunk_rows = t->n_lanes > 1 && t->lane_rows > LANE_ROWS ? LANE_ROWS : t->lane_rows;
    t->n_chunks = (t->lane_rows + t->chunk_rows - 1) / t->chunk_rows;
    void *memory = NULL;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)(t->n_lanes * t->mlp.n)));
    t->grads = memory;
    SBI_TRY(dev->ops->zero(dev->self, memory, sizeof(float) * (size_t)(t->n_lanes * t->mlp.n)));
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(double) * (size_t)(t->n_lanes * t->n_chunks)));
    t->losses = memory;
    const int64_t length = place_lane(t, NULL, NULL);
    for (int64_t i = 0; i < t->n_lanes; i++) {
        SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)length));
        t->lanes[i].memory = memory;
        place_lane(t, &t->lanes[i], memory);
        t->lanes[i].grads = t->grads + i * t->mlp.n;
    }
    return SBI_OK;
}

void sbi_trainer_free_lanes(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    for (int64_t i = 0; i < t->n_lanes; i++) dev->ops->release(dev->self, t->lanes[i].memory);
    dev->ops->release(dev->self, t->losses);
    dev->ops->release(dev->self, t->grads);
}

/* ---- one lane ---- */

static sbi_status gather(const sbi_trainer *t, const sbi_lane *lane, const uint32_t *events, int64_t rows)
{
    const sbi_device *dev = &t->device;
    SBI_TRY(dev->ops->gather(dev->self, lane->x, t->x, events, rows, t->mlp.size[0]));
    SBI_TRY(dev->ops->gather(dev->self, lane->y, t->y, events, rows, 1));
    return dev->ops->gather(dev->self, lane->w, t->w, events, rows, 1);
}

static sbi_status forward(const sbi_trainer *t, const sbi_lane *lane, int64_t rows, int keep)
{
    const sbi_mlp *mlp = &t->mlp;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const int last = l == mlp->layers - 1;
        const sbi_device_forward op = {
            .rows = rows,
            .in = mlp->size[l],
            .out = mlp->size[l + 1],
            .x = l ? lane->h[l - 1] : lane->x,
            .w = t->params + mlp->w[l],
            .b = t->params + mlp->b[l],
            .y = lane->h[l],
            .d = last || !keep ? NULL : lane->d[l],
            .activation = last ? SBI_DEVICE_IDENTITY : mlp->activation,
        };
        SBI_TRY(sbi_check_cancel(t->ctx, "training"));
        SBI_TRY(t->device.ops->forward(t->device.self, &op));
    }
    return SBI_OK;
}

static sbi_status backward(const sbi_trainer *t, const sbi_lane *lane, int64_t rows, int32_t accumulate)
{
    const sbi_mlp *mlp = &t->mlp;
    for (int32_t l = mlp->layers - 1, side = 0; l >= 0; l--, side = !side) {
        const sbi_device_backward op = {
            .rows = rows,
            .in = mlp->size[l],
            .out = mlp->size[l + 1],
            .dz = lane->dz[side],
            .x = l ? lane->h[l - 1] : lane->x,
            .w = t->params + mlp->w[l],
            .d = l ? lane->d[l - 1] : NULL,
            .dx = l ? lane->dz[!side] : NULL,
            .dw = lane->grads + mlp->w[l],
            .db = lane->grads + mlp->b[l],
            .accumulate = accumulate,
        };
        SBI_TRY(sbi_check_cancel(t->ctx, "training"));
        SBI_TRY(t->device.ops->backward(t->device.self, &op));
    }
    return SBI_OK;
}

static sbi_status loss(const sbi_trainer *t, const sbi_lane *lane, int64_t rows, float scale, double *sum, int derivative)
{
    const sbi_device_bce op = {
        .rows = rows,
        .z = lane->h[t->mlp.layers - 1],
        .y = lane->y,
        .w = lane->w,
        .dz = derivative ? lane->dz[0] : NULL,
        .loss = sum,
        .scale = scale,
    };
    return t->device.ops->bce(t->device.self, &op);
}

/* ---- all lanes ---- */

typedef struct pass {
    sbi_trainer *t;
    const uint32_t *events;
    int64_t rows, lane_rows;
    int32_t back;
    float scale;
} pass;

static sbi_status run_lane(void *arg, size_t index)
{
    const pass *p = arg;
    const sbi_trainer *t = p->t;
    const sbi_lane *lane = &t->lanes[index];
    const int64_t first = (int64_t)index * p->lane_rows;
    const int64_t rows = p->rows - first < p->lane_rows ? p->rows - first : p->lane_rows;
    for (int64_t start = 0, chunk = 0; start < rows; start += t->chunk_rows, chunk++) {
        const int64_t part = rows - start < t->chunk_rows ? rows - start : t->chunk_rows;
        SBI_TRY(gather(t, lane, p->events + first + start, part));
        SBI_TRY(forward(t, lane, part, p->back));
        SBI_TRY(loss(t, lane, part, p->scale, &t->losses[(int64_t)index * t->n_chunks + chunk], p->back));
        if (p->back) SBI_TRY(backward(t, lane, part, chunk > 0));
    }
    return SBI_OK;
}

static sbi_status run_pass(sbi_trainer *t, const uint32_t *events, int64_t rows, int32_t back, double *sum, int64_t *used)
{
    const sbi_device *dev = &t->device;
    pass p = {t, events, rows, t->lane_rows, back, 1.0f / (float)rows};
    *used = (rows + p.lane_rows - 1) / p.lane_rows;
    if (*used == 1) {
        SBI_TRY(run_lane(&p, 0));
    } else {
        SBI_TRY(sbi_parallel_for(t->ctx, (size_t)*used, run_lane, &p));
    }
    *sum = 0;
    for (int64_t i = 0; i < *used; i++) {
        const int64_t own = rows - i * p.lane_rows < p.lane_rows ? rows - i * p.lane_rows : p.lane_rows;
        for (int64_t chunk = 0; chunk * t->chunk_rows < own; chunk++) {
            double part;
            SBI_TRY(dev->ops->download(dev->self, &part, &t->losses[i * t->n_chunks + chunk], sizeof part));
            *sum += part;
        }
    }
    return SBI_OK;
}

sbi_status sbi_trainer_gradient(sbi_trainer *t, const uint32_t *events, int64_t rows, double *sum)
{
    int64_t used;
    SBI_TRY(run_pass(t, events, rows, 1, sum, &used));
    if (used == 1) return SBI_OK;
    return t->device.ops->sum_parts(t->device.self, t->grads, t->grads, used, t->mlp.n);
}

sbi_status sbi_trainer_loss(sbi_trainer *t, const uint32_t *events, int64_t rows, double *sum)
{
    int64_t used;
    return run_pass(t, events, rows, 0, sum, &used);
}
