/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of a batch.
 *
 * A large network goes through layer by layer, the device sharing each layer out over its threads. For a small one that would be
 * more waiting than work: its batch is cut in lanes, each of which goes through the whole network in one thread, some rows at a time
 * so that all layers stay in the second-level cache, and adds to a gradient of its own; these are then summed in order. Which
 * of the two, and the cuts, depend on shapes alone. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/random.h"
#include "net/trainer.h"

/* Lanes have at least so many rows, and chunks at most as many. */
#define LANE_ROWS 128

static int64_t lane_count(const sbi_trainer *t, int64_t rows)
{
    if (!(t->device.ops->flags & SBI_DEVICE_CONCURRENT) || t->mlp.n > SBI_LANE_PARAMETERS) return 1;
    const int64_t lanes = (rows + LANE_ROWS - 1) / LANE_ROWS;
    return lanes < 1 ? 1 : lanes > SBI_MAX_LANES ? SBI_MAX_LANES : lanes;
}

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

static sbi_score score_of(const sbi_trainer *t)
{
    const sbi_score s = {.mlp = &t->mlp,
                         .device = &t->device,
                         .params = t->params,
                         .rate = t->score_rate,
                         .q = t->data->extra_columns[SBI_EXTRA_THETA]};
    return s;
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
    PLACE(lane->y, rows * t->loss.columns);
    PLACE(lane->w, rows);
    if (t->loss.score) PLACE(lane->t, rows * (t->data->extra_columns[SBI_EXTRA_THETA] + 1));
    for (int32_t l = 0; l < mlp->layers; l++) {
        PLACE(lane->h[l], rows * mlp->size[l + 1]);
        if (l < mlp->layers - 1) PLACE(lane->d[l], rows * mlp->size[l + 1]);
        if (mlp->norm[l]) {
            PLACE(lane->n[l], rows * mlp->size[l + 1]);
            PLACE(lane->r[l], rows);
        }
        if (mlp->size[l + 1] > hidden) hidden = mlp->size[l + 1];
    }
    PLACE(lane->dz[0], rows * hidden);
    PLACE(lane->dz[1], rows * hidden);
    if (mlp->blocks) PLACE(lane->dh, rows * hidden);
    if (t->loss.score) {
        sbi_score score = score_of(t);
        PLACE(lane->score, sbi_score_place(&score, rows, NULL));
    }
#undef PLACE
    return used;
}

/* What the lanes take, with room for copies of operands in half precision, which a device may make of them and of the parameters. */
static double bytes_of_lanes(const sbi_trainer *t)
{
    return 1.5 * sizeof(float) * (double)(t->n_lanes * place_lane(t, NULL, NULL) + (t->n_lanes + 1) * t->mlp.n);
}

/* Fewer rows at once where the device has no room for a batch. (The sums are then cut otherwise, so the last bits differ.) */
static sbi_status fit(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    size_t bytes;
    SBI_TRY(dev->ops->available(dev->self, &bytes));
    const int64_t wanted = t->chunk_rows;
    while (bytes_of_lanes(t) > 0.9 * (double)bytes) {
        if (t->chunk_rows <= LANE_ROWS)
            return sbi_fail(SBI_ERR_NO_MEMORY, "training member %d: %.0f MB are needed for %lld events at once, the device has %.0f",
                            (int)t->member, 1e-6 * bytes_of_lanes(t), (long long)t->chunk_rows, 1e-6 * (double)bytes);
        t->chunk_rows = (t->chunk_rows + 1) / 2;
    }
    if (t->chunk_rows < wanted)
        sbi_log(t->ctx, SBI_LOG_INFO, "training member %d: batches go through the device in parts of %lld events", (int)t->member,
                (long long)t->chunk_rows);
    return SBI_OK;
}

/* What a device needs that is not the host: the events of a batch, and losses to be read later. */
static sbi_status make_remote(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    void *memory = NULL;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof *t->index * (size_t)t->lane_rows));
    t->index = memory;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof *t->kept * (size_t)(SBI_MAX_PENDING * t->n_losses)));
    t->kept = memory;
    t->kept_host = sbi_alloc_array(t->ctx, (size_t)(SBI_MAX_PENDING * t->n_losses), sizeof *t->kept_host);
    return t->kept_host ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* Lanes that run one after another, as in a member that is trained beside others, share the memory of the first: it stays in the
 * second-level cache. Their gradients stay apart, or the order of sums would be another. */
static sbi_status make_lane_memory(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    const int64_t length = place_lane(t, NULL, NULL);
    t->in_turn = (dev->ops->flags & SBI_DEVICE_HOST) && sbi_parallel_inline(t->ctx);
    for (int64_t i = 0; i < t->n_lanes; i++) {
        void *memory = t->lanes[0].memory;
        if (i == 0 || !t->in_turn) SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)length));
        t->lanes[i].memory = memory;
        place_lane(t, &t->lanes[i], memory);
        t->lanes[i].grads = t->grads + i * t->mlp.n;
    }
    return SBI_OK;
}

sbi_status sbi_trainer_make_lanes(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    const int64_t batch = t->options->batch < t->n_train ? t->options->batch : t->n_train;
    t->n_lanes = lane_count(t, batch);
    t->lane_rows = (batch + t->n_lanes - 1) / t->n_lanes;
    t->chunk_rows = t->n_lanes > 1 && t->lane_rows > LANE_ROWS ? LANE_ROWS : t->lane_rows;
    SBI_TRY(fit(t));
    t->n_chunks = (t->lane_rows + t->chunk_rows - 1) / t->chunk_rows;
    t->n_losses = t->n_lanes * t->n_chunks + 1;
    void *memory = NULL;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)(t->n_lanes * t->mlp.n)));
    t->grads = memory;
    SBI_TRY(dev->ops->zero(dev->self, memory, sizeof(float) * (size_t)(t->n_lanes * t->mlp.n)));
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(double) * (size_t)t->n_losses));
    t->losses = memory;
    if (t->options->dropout > 0) {
        SBI_TRY(dev->ops->allocate(dev->self, &memory, 2 * sizeof *t->mask_key));
        t->mask_key = memory;
    }
    if (!(dev->ops->flags & SBI_DEVICE_HOST)) SBI_TRY(make_remote(t));
    return make_lane_memory(t);
}

void sbi_trainer_free_lanes(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    for (int back = 0; back < 2; back++)
        if (t->program[back]) dev->ops->forget(dev->self, t->program[back]);
    for (int64_t i = 0; i < (t->in_turn ? 1 : t->n_lanes); i++) dev->ops->release(dev->self, t->lanes[i].memory);
    dev->ops->release(dev->self, t->count_up);
    dev->ops->release(dev->self, t->index);
    dev->ops->release(dev->self, t->kept);
    dev->ops->release(dev->self, t->mask_key);
    dev->ops->release(dev->self, t->losses);
    sbi_free(t->ctx, t->staged);
    sbi_free(t->ctx, t->kept_host);
    dev->ops->release(dev->self, t->grads);
}

/* ---- one lane ---- */

typedef struct pass {
    sbi_trainer *t;
    const uint32_t *events; /* memory of the device */
    int64_t rows;
    int32_t back;
    float scale;
} pass;

/* first: of the batch, where its events were brought to the device by themselves. */
static sbi_status gather(const sbi_trainer *t, const sbi_lane *lane, const uint32_t *events, int64_t first, int64_t rows)
{
    const sbi_device *dev = &t->device;
    const uint32_t *of_x = t->count_up ? t->count_up + first : events;
    SBI_TRY(dev->ops->gather(dev->self, lane->x, t->x, of_x, rows, t->mlp.size[0]));
    SBI_TRY(dev->ops->gather(dev->self, lane->y, t->y, events, rows, t->loss.columns));
    if (t->loss.score) SBI_TRY(dev->ops->gather(dev->self, lane->t, t->scores, events, rows, t->data->extra_columns[SBI_EXTRA_THETA] + 1));
    return dev->ops->gather(dev->self, lane->w, t->w, events, rows, 1);
}

/* Dropout of step s, layer l, element (i, j) is a pure function of the member's seed and these four: the same however the batch is cut,
 * and after a resume. `first`: the number of the first row in the batch. */
static void set_dropout(const sbi_trainer *t, int32_t l, int64_t first, sbi_device_forward *op)
{
    const double p = t->options->dropout;
    if (!t->mask_key || op->activation == SBI_DEVICE_IDENTITY) return;
    op->mask_key = t->mask_key;
    op->mask_row = first;
    op->mask_layer = (uint32_t)l;
    op->mask_below = (uint32_t)floor(p * 0x1p32);
    op->mask_scale = (float)(1 / (1 - p));
}

/* What layer l takes and gives; keep: what going back needs as well. */
static void set_forward(const sbi_trainer *t, const sbi_lane *lane, int32_t l, int64_t rows, int keep, sbi_device_forward *op)
{
    const sbi_mlp *mlp = &t->mlp;
    sbi_mlp_forward(mlp, l, t->params, op);
    op->rows = rows;
    op->x = l ? lane->h[l - 1] : lane->x;
    op->y = lane->h[l];
    if (mlp->residual[l]) {
        const int32_t begin = l + 1 - mlp->residual[l];
        op->add = begin ? lane->h[begin - 1] : lane->x;
    }
    if (keep && op->activation != SBI_DEVICE_IDENTITY) op->d = lane->d[l];
    if (keep && mlp->norm[l]) {
        op->n = lane->n[l];
        op->r = lane->r[l];
    }
}

/* keep: for going back, and with dropout. */
static sbi_status forward(const sbi_trainer *t, const sbi_lane *lane, int64_t first, int64_t rows, int keep)
{
    for (int32_t l = 0; l < t->mlp.layers; l++) {
        sbi_device_forward op;
        set_forward(t, lane, l, rows, keep, &op);
        if (keep) set_dropout(t, l, first, &op);
        SBI_TRY(sbi_check_cancel(t->ctx, "training"));
        SBI_TRY(t->device.ops->forward(t->device.self, &op));
    }
    return SBI_OK;
}

/* dL/dU of layer l, which becomes dL/dZ. */
static sbi_status backward_norm(const sbi_trainer *t, const sbi_lane *lane, int32_t l, float *dz, int64_t rows, int32_t accumulate)
{
    const sbi_mlp *mlp = &t->mlp;
    const sbi_device_norm_backward op = {
        .rows = rows,
        .columns = mlp->size[l + 1],
        .dz = dz,
        .n = lane->n[l],
        .r = lane->r[l],
        .gain = t->params + mlp->gain[l],
        .dgain = lane->grads + mlp->gain[l],
        .doffset = lane->grads + mlp->offset[l],
        .accumulate = accumulate,
    };
    return t->device.ops->norm_backward(t->device.self, &op);
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
            .d = l && sbi_mlp_activation(mlp, l - 1) != SBI_DEVICE_IDENTITY ? lane->d[l - 1] : NULL,
            .dx = l ? lane->dz[!side] : NULL,
            .dw = lane->grads + mlp->w[l],
            .db = lane->grads + mlp->b[l],
            .accumulate = accumulate,
            .add = sbi_mlp_block_begins(mlp, l) ? lane->dh : NULL,
            .dh = l && mlp->residual[l - 1] ? lane->dh : NULL,
        };
        SBI_TRY(sbi_check_cancel(t->ctx, "training"));
        if (mlp->norm[l]) SBI_TRY(backward_norm(t, lane, l, lane->dz[side], rows, accumulate));
        SBI_TRY(t->device.ops->backward(t->device.self, &op));
    }
    return SBI_OK;
}

static sbi_status loss(const sbi_trainer *t, const sbi_lane *lane, int64_t rows, float scale, double *sum, int derivative)
{
    const sbi_device_loss op = {
        .kind = t->loss.kind,
        .rows = rows,
        .outputs = t->loss.outputs,
        .z = lane->h[t->mlp.layers - 1],
        .y = lane->y,
        .w = lane->w,
        .dz = derivative ? lane->dz[0] : NULL,
        .loss = sum,
        .scale = scale,
        .smoothing = (float)t->options->label_smoothing,
    };
    return t->device.ops->loss(t->device.self, &op);
}

/* Values and tangents forward, the loss with the score's error, and both back. */
static sbi_status score_chunk(const sbi_trainer *t, const sbi_lane *lane, const pass *p, int64_t first, int64_t rows, double *sum,
                              int32_t accumulate)
{
    const size_t layers = sizeof(float *) * (size_t)t->mlp.layers;
    sbi_score s = score_of(t);
    s.x = lane->x;
    memcpy(s.h, lane->h, layers);
    memcpy(s.d, lane->d, layers);
    memcpy(s.n, lane->n, layers);
    memcpy(s.r, lane->r, layers);
    memcpy(s.g, lane->dz, sizeof s.g);
    s.block = lane->dh;
    sbi_score_place(&s, t->chunk_rows, lane->score);
    sbi_score_begin(&s, rows);
    for (int32_t l = 0; l < t->mlp.layers; l++) {
        sbi_device_forward op;
        set_forward(t, lane, l, rows, 1, &op);
        if (p->back) set_dropout(t, l, first, &op);
        if (p->back && op.d) op.dd = s.dd[l];
        SBI_TRY(sbi_check_cancel(t->ctx, "training"));
        SBI_TRY(t->device.ops->forward(t->device.self, &op));
        SBI_TRY(sbi_score_forward(&s, l, rows));
    }
    SBI_TRY(loss(t, lane, rows, p->scale, sum, p->back));
    *sum += sbi_score_loss(&s, rows, lane->t, lane->w, t->options->score_weight, p->scale, p->back);
    return p->back ? sbi_score_backward(&s, rows, lane->grads, accumulate) : SBI_OK;
}

/* ---- all lanes ---- */

static sbi_status run_lane(void *arg, size_t index)
{
    const pass *p = arg;
    const sbi_trainer *t = p->t;
    const sbi_lane *lane = &t->lanes[index];
    const int64_t first = (int64_t)index * t->lane_rows;
    const int64_t rows = p->rows - first < t->lane_rows ? p->rows - first : t->lane_rows;
    for (int64_t start = 0, chunk = 0; start < rows; start += t->chunk_rows, chunk++) {
        const int64_t part = rows - start < t->chunk_rows ? rows - start : t->chunk_rows;
        SBI_TRY(gather(t, lane, p->events + first + start, first + start, part));
        double *sum = &t->losses[(int64_t)index * t->n_chunks + chunk];
        if (t->loss.score) {
            SBI_TRY(score_chunk(t, lane, p, first + start, part, sum, chunk > 0));
            continue;
        }
        SBI_TRY(forward(t, lane, first + start, part, p->back));
        SBI_TRY(loss(t, lane, part, p->scale, sum, p->back));
        if (p->back) SBI_TRY(backward(t, lane, part, chunk > 0));
    }
    return SBI_OK;
}

/* Leaves losses, and with p->back the gradient and the sum of its squares. */
static sbi_status run_lanes(pass *p)
{
    sbi_trainer *t = p->t;
    const sbi_device *dev = &t->device;
    const int64_t used = (p->rows + t->lane_rows - 1) / t->lane_rows;
    if (used == 1 || t->in_turn) {
        for (int64_t i = 0; i < used; i++) SBI_TRY(run_lane(p, (size_t)i));
    } else {
        SBI_TRY(sbi_parallel_for(t->ctx, (size_t)used, run_lane, p));
    }
    if (!p->back) return SBI_OK;
    if (used > 1) SBI_TRY(dev->ops->sum_parts(dev->self, t->grads, t->grads, used, t->mlp.n));
    return dev->ops->sum_squares(dev->self, t->losses + t->n_losses - 1, t->grads, t->mlp.n);
}

/* ---- a device that is not the host ---- */

/* Brings the events of a batch to where the pass looks for them. */
static sbi_status bring(sbi_trainer *t, const uint32_t *here, const uint32_t *there, int64_t rows)
{
    const sbi_device *dev = &t->device;
    if (t->staged) {
        const size_t d = (size_t)t->mlp.size[0];
        for (int64_t i = 0; i < rows; i++) memcpy(t->staged + (size_t)i * d, t->pack->x + (size_t)here[i] * d, d * sizeof *t->staged);
        SBI_TRY(dev->ops->upload(dev->self, t->x, t->staged, (size_t)rows * d * sizeof *t->staged));
    }
    return dev->ops->copy(dev->self, t->index, there, (size_t)rows * sizeof *t->index);
}

/* The first full batch runs as it is, the second is recorded, the others replay that. */
static sbi_status run_recorded(pass *p)
{
    sbi_trainer *t = p->t;
    const sbi_device *dev = &t->device;
    void **program = &t->program[p->back];
    if (!dev->ops->record || p->rows != t->lane_rows || t->ran[p->back]++ == 0) return run_lanes(p);
    if (!*program) {
        SBI_TRY(dev->ops->record(dev->self));
        sbi_status status = run_lanes(p), closed = dev->ops->recorded(dev->self, program);
        SBI_TRY(status);
        SBI_TRY(closed);
    }
    return dev->ops->replay(dev->self, *program);
}

/* The key of this step's dropout, before a recorded pass reads it. */
static sbi_status choose_mask(sbi_trainer *t)
{
    const uint64_t seed = sbi_random_derive(t->seed, "dropout", (uint64_t)t->state.step);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    return t->device.ops->upload(t->device.self, t->mask_key, key, sizeof key);
}

static sbi_status run_pass(sbi_trainer *t, const uint32_t *here, const uint32_t *there, int64_t rows, int32_t back)
{
    pass p = {t, there, rows, back, 1.0f / (float)rows};
    if (t->mask_key && back) SBI_TRY(choose_mask(t));
    if (t->device.ops->flags & SBI_DEVICE_HOST) return run_lanes(&p);
    SBI_TRY(bring(t, here, there, rows));
    p.events = t->index;
    return run_recorded(&p);
}

sbi_status sbi_trainer_gradient(sbi_trainer *t, int64_t first, int64_t rows)
{
    const sbi_device *dev = &t->device;
    SBI_TRY(run_pass(t, t->order + first, t->order_there + first, rows, 1));
    if (t->kept)
        SBI_TRY(dev->ops->copy(dev->self, t->kept + t->pending * t->n_losses, t->losses, sizeof *t->losses * (size_t)t->n_losses));
    t->pending_rows[t->pending++] = rows;
    return SBI_OK;
}

sbi_status sbi_trainer_loss(sbi_trainer *t, int64_t first, int64_t rows, double *sum)
{
    const sbi_device *dev = &t->device;
    double *losses = t->losses;
    SBI_TRY(run_pass(t, t->valid + first, t->valid_there + first, rows, 0));
    if (t->kept) {
        losses = t->kept_host;
        SBI_TRY(dev->ops->download(dev->self, losses, t->losses, sizeof *losses * (size_t)t->n_losses));
    }
    *sum = sbi_trainer_sum_losses(t, losses, rows);
    return SBI_OK;
}
