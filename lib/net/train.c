/* SPDX-License-Identifier: Apache-2.0 */
/* The loop over epochs and batches. */
#include "net/train.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/text.h"
#include "net/epoch_log.h"
#include "net/trainer.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What runs beside the arithmetic: time, checkpoints, whoever watches. */
typedef struct company {
    const char *checkpoint;
    const sbi_train_watch *watch;
    double began, saved, told;
    int64_t events; /* since this run began */
    double first;   /* batches that were done before */
    sbi_epoch_log *log;
    double epoch_began;
    int64_t epoch_events; /* events when the epoch began */
} company;

/* ---- making and freeing ---- */

static void free_trainer(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    if (dev->ops) {
        sbi_trainer_free_lanes(t);
        dev->ops->release(dev->self, t->params);
        dev->ops->release(dev->self, t->best);
        dev->ops->release(dev->self, t->m);
        dev->ops->release(dev->self, t->v);
        dev->ops->release(dev->self, t->average);
        dev->ops->release(dev->self, t->y);
        dev->ops->release(dev->self, t->w);
        if (t->order_there != t->order) dev->ops->release(dev->self, t->order_there);
        if (t->valid_there != t->valid) dev->ops->release(dev->self, t->valid_there);
        if (t->pack && t->x_there) dev->ops->release(dev->self, t->x_there);
    }
    sbi_device_close(&t->device);
    sbi_free(t->ctx, t->train);
    sbi_free(t->ctx, t->valid);
    sbi_free(t->ctx, t->order);
    sbi_free(t->ctx, t->scores);
    sbi_free(t->ctx, t->score_rate);
    sbi_free(t->ctx, t->history);
    sbi_free(t->ctx, t->diverged);
    sbi_free(t->ctx, t);
}

static sbi_status make_array(sbi_trainer *t, float **array)
{
    const sbi_device *dev = &t->device;
    void *memory = NULL;
    SBI_TRY(dev->ops->allocate(dev->self, &memory, sizeof(float) * (size_t)t->mlp.n));
    *array = memory;
    return dev->ops->zero(dev->self, memory, sizeof(float) * (size_t)t->mlp.n);
}

/* Uniform with variance gain / inputs, and a hundredth for the output, so that the first logits are near 0. Small gains leave the first function smooth, which is
 * what ratios are. Biases and offsets start at 0, gains of normalised layers at 1. */
static sbi_status initialise(sbi_trainer *t)
{
    const sbi_mlp *mlp = &t->mlp;
    float *host = sbi_alloc_zero(t->ctx, (size_t)mlp->n, sizeof *host);
    if (!host) return SBI_ERR_NO_MEMORY;
    for (int32_t l = 0; l < mlp->layers; l++) {
        const uint64_t seed = sbi_random_derive(t->seed, "initial weights", (uint64_t)l);
        const double gain = l == mlp->layers - 1 ? 0.01 : t->options->initial_gain;
        const double bound = sqrt(3 * gain / (double)mlp->size[l]);
        const int64_t n = mlp->size[l] * mlp->size[l + 1];
        for (int64_t k = 0; k < n; k++)
            host[mlp->w[l] + k] = (float)(bound * (2 * sbi_random_uniform(seed, 0, (uint64_t)k) - 1));
        for (int64_t k = 0; mlp->norm[l] && k < mlp->size[l + 1]; k++) host[mlp->gain[l] + k] = 1;
    }
    sbi_status status = t->device.ops->upload(t->device.self, t->params, host, sizeof *host * (size_t)mlp->n);
    sbi_free(t->ctx, host);
    return status;
}

static sbi_status set_shape(sbi_mlp *mlp, const sbi_train_options *o, int64_t d, int64_t outputs)
{
    mlp->layers = o->depth + 1;
    mlp->activation = o->activation;
    mlp->size[0] = d;
    mlp->slope = (float)o->leaky_slope;
    for (int32_t l = 1; l < mlp->layers; l++) {
        mlp->size[l] = o->width;
        mlp->norm[l - 1] = o->layer_norm;
        if (o->residual && l > 1 && (l - 1) % o->residual == 0) mlp->residual[l - 1] = o->residual;
    }
    mlp->size[mlp->layers] = outputs;
    return sbi_mlp_finish(mlp);
}

int sbi_member_is_small(const sbi_train_options *options, int64_t inputs, int64_t outputs)
{
    sbi_mlp mlp = {0};
    if (options->device && strcmp(options->device, "cpu") != 0) return 0;
    return set_shape(&mlp, options, inputs, outputs) == SBI_OK && mlp.n <= SBI_LANE_PARAMETERS;
}

int sbi_members_are_small(const sbi_train_options *options, const sbi_dataset *data)
{
    sbi_loss loss;
    return sbi_loss_choose(&loss, data, options) == SBI_OK && sbi_member_is_small(options, data->inputs, loss.outputs);
}

sbi_status sbi_member_size(sbi_network_size *size, const sbi_train_options *options, const sbi_dataset *data)
{
    sbi_mlp mlp = {0};
    sbi_loss loss;
    SBI_TRY(sbi_loss_choose(&loss, data, options));
    const int64_t inputs = data->inputs + (data->transforms ? data->transforms->inputs - data->transforms->features : 0);
    SBI_TRY(set_shape(&mlp, options, inputs, loss.outputs));
    *size = (sbi_network_size){inputs, loss.outputs, (int64_t)options->depth * options->width, mlp.n};
    return SBI_OK;
}

/* Beside the checkpoint, if there is not to be enough memory for them. */
static sbi_status pack_events(sbi_trainer *t, const char *checkpoint)
{
    const sbi_train_options *o = t->options;
    char *folder = checkpoint ? sbi_path_folder(t->ctx, checkpoint) : NULL;
    if (checkpoint && !folder) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_dataset_pack_get_within(t->data, o->standardise, o->memory, folder, &t->pack);
    sbi_free(t->ctx, folder);
    return status;
}

/* The option `precision` is one of the device. */
static sbi_status open_device(sbi_trainer *t)
{
    const sbi_train_options *o = t->options;
    char name[256];
    if (o->precision == SBI_PRECISION_F32) return sbi_device_open(&t->device, t->ctx, o->device);
    const char *device = o->device ? o->device : "cpu";
    const int length = snprintf(name, sizeof name, "%s%cprecision=bf16", device, strchr(device, '?') ? '&' : '?');
    SBI_REQUIRE(length < (int)sizeof name, "sbi_train_options.device has %zu characters", strlen(device));
    return sbi_device_open(&t->device, t->ctx, name);
}

/* The first weights and everything else as before the first batch: also where a training that diverged begins anew. */
static sbi_status begin(sbi_trainer *t)
{
    const sbi_device *dev = &t->device;
    const size_t bytes = sizeof(float) * (size_t)t->mlp.n;
    memset(&t->state, 0, sizeof t->state);
    t->state.mu_product = t->state.plateau_factor = 1;
    t->state.best_loss = t->state.plateau_best = INFINITY;
    t->state.best_train_loss = NAN;
    t->pending = 0;
    SBI_TRY(dev->ops->zero(dev->self, t->best, bytes));
    SBI_TRY(dev->ops->zero(dev->self, t->m, bytes));
    if (t->v) SBI_TRY(dev->ops->zero(dev->self, t->v, bytes));
    if (t->average) SBI_TRY(dev->ops->zero(dev->self, t->average, bytes));
    return initialise(t);
}

static sbi_status prepare(sbi_trainer *t, const char *checkpoint)
{
    const sbi_train_options *o = t->options;
    t->seed = sbi_random_derive(o->seed, "member", (uint64_t)t->member);
    SBI_TRY(sbi_loss_choose(&t->loss, t->data, o));
    SBI_TRY(pack_events(t, checkpoint));
    SBI_TRY(sbi_dataset_checksum(t->data, t->checksum));
    SBI_TRY(set_shape(&t->mlp, o, t->pack->inputs, t->loss.outputs));
    SBI_TRY(open_device(t));
    if (t->loss.score && !(t->device.ops->flags & SBI_DEVICE_HOST))
        return sbi_fail(SBI_ERR_UNSUPPORTED, "training: losses with a score run on the cpu, not on \"%s\"", o->device);
    SBI_TRY(sbi_trainer_prepare_events(t));
    SBI_TRY(make_array(t, &t->params));
    SBI_TRY(make_array(t, &t->best));
    SBI_TRY(make_array(t, &t->m));
    if (o->optimiser != SBI_OPTIMISER_SGD) SBI_TRY(make_array(t, &t->v));
    if (o->averaging != SBI_AVERAGING_NONE) SBI_TRY(make_array(t, &t->average));
    SBI_TRY(sbi_trainer_make_lanes(t));
    t->history = sbi_alloc_array(t->ctx, (size_t)o->epochs, SBI_HISTORY_COLUMNS * sizeof *t->history);
    if (!t->history) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_attempts_make(t));
    return begin(t);
}

/* ---- the loop ---- */

/* Batches done since the first weights, and seconds to the end of this run, if it goes on as it went. */
static double batches_done(const sbi_trainer *t)
{
    return (double)t->state.epoch * (double)t->n_batches + (double)t->state.batch;
}

static double remaining(const sbi_trainer *t, const company *c, double time)
{
    const double done = batches_done(t), total = (double)t->until * (double)t->n_batches;
    return done > c->first ? (time - c->began) * (total - done) / (done - c->first) : NAN;
}

/* Tells whoever watches; SBI_ERR_CANCELLED if they want to stop. */
static sbi_status tell(sbi_trainer *t, company *c, int last)
{
    const sbi_train_state *s = &t->state;
    const double time = now();
    if (!last && time - c->told < 0.1) return SBI_OK;
    c->told = time;
    const double total = (double)t->until * (double)t->n_batches;
    const double done = last ? total : batches_done(t);
    const double rate = time > c->began ? (double)c->events / (time - c->began) : 0;
    const double *row = s->epoch ? t->history + (int64_t)(s->epoch - 1) * SBI_HISTORY_COLUMNS : NULL;
    char detail[200];
    int n = snprintf(detail, sizeof detail, "member %d, epoch %d of %d, loss %.5f, validation %.5f, %.0f events/s", (int)t->member,
                     (int)s->epoch + (s->epoch < t->until && !last), (int)t->until, row ? row[1] : NAN, row ? row[2] : NAN, rate);
    const double left = last ? 0 : remaining(t, c, time);
    if (n > 0 && (size_t)n < sizeof detail && isfinite(left))
        n += snprintf(detail + n, sizeof detail - (size_t)n, ", %.0f s left", left);
    if (n > 0 && (size_t)n < sizeof detail && t->attempt)
        snprintf(detail + n, sizeof detail - (size_t)n, ", attempt %d", (int)t->attempt + 1);
    if (!c->watch) {
        sbi_progress(t->ctx, "train", done, total, "%s", detail);
        return SBI_OK;
    }
    if (c->watch->tell(c->watch->user, done / total, detail) && !last)
        return sbi_fail(SBI_ERR_CANCELLED, "training member %d was cancelled", (int)t->member);
    return SBI_OK;
}

static sbi_status run_batch(sbi_trainer *t, company *c)
{
    sbi_train_state *s = &t->state;
    const int64_t first = s->batch * t->options->batch;
    const int64_t rows = t->n_train - first < t->options->batch ? t->n_train - first : t->options->batch;
    sbi_trainer_read_ahead(t, t->order, first + rows, t->n_train);
    SBI_TRY(sbi_trainer_gradient(t, first, rows));
    if (!t->kept) SBI_TRY(sbi_trainer_settle(t));
    SBI_TRY(sbi_trainer_update(t, sbi_trainer_rate(t, s)));
    s->batch++;
    c->events += rows;
    return t->pending == SBI_MAX_PENDING ? sbi_trainer_settle(t) : SBI_OK;
}

/* A checkpoint when it is time for one. */
static sbi_status keep(sbi_trainer *t, company *c)
{
    if (!c->checkpoint || now() - c->saved < t->options->checkpoint_seconds) return SBI_OK;
    SBI_TRY(sbi_trainer_settle(t));
    sbi_epoch_log_sync(c->log); /* never behind the checkpoint */
    SBI_TRY(sbi_checkpoint_try(t, c->checkpoint));
    c->saved = now();
    return SBI_OK;
}

static sbi_status sum_validation(sbi_trainer *t, double *sum)
{
    const int64_t most = t->n_lanes * t->lane_rows;
    *sum = 0;
    for (int64_t first = 0; first < t->n_valid; first += most) {
        const int64_t rows = t->n_valid - first < most ? t->n_valid - first : most;
        double part;
        sbi_trainer_read_ahead(t, t->valid, first + rows, t->n_valid);
        SBI_TRY(sbi_trainer_loss(t, first, rows, &part));
        *sum += part;
    }
    return SBI_OK;
}

static sbi_status validate(sbi_trainer *t, double *loss)
{
    *loss = NAN;
    if (t->n_valid == 0) return SBI_OK;
    double sum;
    float *trained = t->params;
    t->params = sbi_trainer_judged(t);
    const sbi_status status = sum_validation(t, &sum);
    t->params = trained;
    *loss = sum / (double)t->n_valid;
    return status;
}

static sbi_status keep_best(sbi_trainer *t, double train_loss)
{
    const sbi_device *dev = &t->device;
    t->state.best_epoch = t->state.epoch;
    t->state.best_train_loss = train_loss;
    return dev->ops->copy(dev->self, t->best, sbi_trainer_judged(t), sizeof(float) * (size_t)t->mlp.n);
}

/* The rate falls when `loss` has not become better for some epochs. */
static void watch_plateau(sbi_trainer *t, double loss)
{
    sbi_train_state *s = &t->state;
    if (loss < s->plateau_best - t->options->min_improvement) {
        s->plateau_best = loss;
        s->flat_epochs = 0;
    } else if (++s->flat_epochs >= t->options->schedule_epochs) {
        s->plateau_factor *= t->options->schedule_factor;
        s->flat_epochs = 0;
    }
}

/* After the last batch: validation, history, best weights. The state is left untouched if this is cancelled. */
static sbi_status end_epoch(sbi_trainer *t)
{
    sbi_train_state *s = &t->state;
    const sbi_train_options *o = t->options;
    SBI_TRY(sbi_trainer_settle(t));
    SBI_TRY(sbi_trainer_prepare_average(t));
    const double loss = s->loss_sum / (double)t->n_train;
    double validation;
    SBI_TRY(validate(t, &validation));
    const int validated = t->n_valid > 0;
    if (validated && !isfinite(validation)) return sbi_trainer_diverged(t, s->batch + 1, "the validation loss", validation);
    double *row = t->history + (int64_t)s->epoch * SBI_HISTORY_COLUMNS;
    sbi_train_state last = *s;
    last.batch = t->n_batches - 1;
    last.step--;
    row[0] = s->epoch + 1;
    row[1] = loss;
    row[2] = validation;
    row[3] = sbi_trainer_rate(t, &last);
    row[4] = s->norm_max;
    s->epoch++;
    s->batch = 0;
    s->loss_sum = s->norm_max = 0;
    if (o->schedule == SBI_SCHEDULE_PLATEAU) watch_plateau(t, validated ? validation : loss);
    if (t->average && s->averaged == 0) return SBI_OK; /* `patience` and the best epoch are among those with an average */
    s->bad_epochs++;
    if (validated && validation < s->best_loss - o->min_improvement) s->bad_epochs = 0;
    if (validated && !(validation < s->best_loss)) return SBI_OK;
    s->best_loss = validated ? validation : loss;
    return keep_best(t, loss);
}

static void log_epoch(const sbi_trainer *t, company *c)
{
    const double time = now();
    const sbi_epoch_times times = {time - c->epoch_began, (double)(c->events - c->epoch_events), remaining(t, c, time)};
    sbi_epoch_log_add(c->log, t, &times);
    c->epoch_began = time;
    c->epoch_events = c->events;
}

static sbi_status run_epochs(sbi_trainer *t, company *c)
{
    sbi_train_state *s = &t->state;
    while (s->epoch < t->until && !(t->options->patience && s->bad_epochs >= t->options->patience)) {
        SBI_TRY(sbi_trainer_shuffle(t));
        while (s->batch < t->n_batches) {
            SBI_TRY(run_batch(t, c));
            if (s->batch == t->n_batches) break;
            SBI_TRY(keep(t, c));
            SBI_TRY(tell(t, c, 0));
        }
        SBI_TRY(end_epoch(t));
        log_epoch(t, c);
        SBI_TRY(keep(t, c));
        SBI_TRY(tell(t, c, 0));
    }
    return tell(t, c, 1);
}

/* Begins anew where a training diverges, as often as it may. */
static sbi_status run_attempts(sbi_trainer *t, company *c)
{
    for (;;) {
        c->began = c->saved = c->epoch_began = now();
        c->events = c->epoch_events = 0;
        c->first = batches_done(t);
        sbi_status status = run_epochs(t, c);
        if (status != SBI_ERR_DIVERGED) return status;
        sbi_epoch_log_diverged(c->log, t, sbi_last_error());
        if (t->attempt == t->options->retries) return status;
        sbi_log(t->ctx, SBI_LOG_WARNING, "%s; begins anew with the rate times %g", sbi_last_error(), t->options->retry_factor);
        t->attempt++;
        SBI_TRY(begin(t));
    }
}

/* ---- the result ---- */

static sbi_status describe_training(const sbi_trainer *t, sbi_network *net)
{
    json_t *training = sbi_train_options_to_json(t->options);
    if (!training || json_object_set_new(training, "dataset", json_string(t->checksum)) ||
        (t->n_fold && json_object_set_new(training, "held_out_loss", json_real(t->fold_loss)))) {
        json_decref(training);
        return sbi_fail(SBI_ERR_NO_MEMORY, "training: out of memory");
    }
    sbi_text text;
    sbi_text_init(&text, t->ctx);
    sbi_status status = sbi_attempts_to_json(t, training);
    if (status == SBI_OK) status = sbi_json_canonical(&text, training);
    json_decref(training);
    if (status == SBI_OK && !(net->training = sbi_strndup(t->ctx, text.data, text.size))) status = SBI_ERR_NO_MEMORY;
    sbi_text_clear(&text);
    return status;
}

static sbi_status fill_network(sbi_trainer *t, sbi_network *net)
{
    const sbi_device *dev = &t->device;
    const sbi_train_state *s = &t->state;
    const size_t d = (size_t)t->data->inputs, inputs = (size_t)t->pack->inputs, n_history = (size_t)s->epoch * SBI_HISTORY_COLUMNS;
    SBI_TRY(dev->ops->download(dev->self, net->params, t->best, sizeof(float) * (size_t)t->mlp.n));
    memcpy(net->shift, t->pack->shift, inputs * sizeof *net->shift);
    memcpy(net->scale, t->pack->scale, inputs * sizeof *net->scale);
    SBI_TRY(sbi_network_set_transforms(net, t->pack->transforms));
    for (size_t j = 0; j < d; j++) SBI_TRY(sbi_network_set_name(net, (int64_t)j, sbi_dataset_input_name(t->data, (int64_t)j)));
    const char *classes[SBI_CLASSES_MAX];
    for (int32_t c = 0; c < t->loss.classes; c++) classes[c] = sbi_dataset_class_name(t->data, c);
    SBI_TRY(sbi_network_set_meaning(net, (int32_t)t->data->extra_columns[SBI_EXTRA_THETA], t->loss.classes, classes));
    if (!(net->history = sbi_alloc_array(t->ctx, n_history, sizeof *net->history))) return SBI_ERR_NO_MEMORY;
    memcpy(net->history, t->history, n_history * sizeof *net->history);
    net->epochs = s->epoch;
    net->best_epoch = s->best_epoch;
    net->member = t->member;
    net->seed = t->options->seed;
    net->loss = s->best_train_loss;
    net->validation_loss = t->n_valid ? s->best_loss : NAN;
    return describe_training(t, net);
}

/* From a checkpoint, or else from the state that is given. */
static sbi_status resume(sbi_trainer *t, const sbi_member_run *run)
{
    sbi_status status = run->checkpoint ? sbi_checkpoint_load(t, run->checkpoint) : SBI_ERR_NOT_FOUND;
    if (status == SBI_ERR_NOT_FOUND && run->state_in) {
        status = sbi_checkpoint_load(t, run->state_in);
        return status == SBI_ERR_NOT_FOUND ? sbi_fail(status, "%s: there is no such file", run->state_in) : status;
    }
    if (status == SBI_ERR_NOT_FOUND) return SBI_OK;
    SBI_TRY(status);
    sbi_log(t->ctx, SBI_LOG_INFO, "training member %d resumes at epoch %d, batch %" PRId64, (int)t->member, (int)t->state.epoch + 1,
            t->state.batch + 1);
    return SBI_OK;
}

static void report(const sbi_trainer *t, sbi_member_report *r, int diverged)
{
    const sbi_train_state *s = &t->state;
    if (!r) return;
    *r = (sbi_member_report){.attempts = t->attempt + 1, .epoch = s->epoch, .parameters = t->mlp.parameters, .best_epoch = s->best_epoch};
    r->loss = s->best_train_loss;
    r->validation_loss = t->n_valid && s->best_epoch ? s->best_loss : NAN;
    r->held_out_loss = diverged ? NAN : t->fold_loss;
    if (!diverged) return;
    r->epoch = t->diverged[t->attempt].epoch;
    r->batch = t->diverged[t->attempt].batch;
}

static sbi_status train(sbi_trainer *t, company *c, const sbi_member_run *run, sbi_network **net)
{
    SBI_TRY(prepare(t, run->checkpoint));
    SBI_TRY(resume(t, run));
    SBI_TRY(sbi_epoch_log_open(&c->log, t, run->epoch_log));
    sbi_status status = run_attempts(t, c);
    if (status == SBI_ERR_CANCELLED && c->checkpoint) {
        SBI_TRY(sbi_trainer_settle(t));
        sbi_epoch_log_sync(c->log);
        SBI_TRY(sbi_checkpoint_save(t, c->checkpoint));
    }
    if (status == SBI_ERR_DIVERGED) report(t, run->report, 1);
    SBI_TRY(status);
    if (run->state_out) SBI_TRY(sbi_checkpoint_save(t, run->state_out));
    SBI_TRY(sbi_trainer_fold_loss(t, &t->fold_loss));
    SBI_TRY(sbi_network_new(net, t->ctx, &t->mlp));
    SBI_TRY(fill_network(t, *net));
    (*net)->seconds = now() - c->began;
    report(t, run->report, 0);
    return SBI_OK;
}

sbi_status sbi_member_train_run(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options,
                                int32_t member, const sbi_member_run *run)
{
    *out = NULL;
    sbi_dataset_freeze(data);
    sbi_trainer *t = sbi_alloc_zero(ctx, 1, sizeof *t);
    if (!t) return SBI_ERR_NO_MEMORY;
    t->ctx = ctx;
    t->data = data;
    t->options = options;
    t->member = member;
    t->until = run->until && run->until < options->epochs ? run->until : options->epochs;
    company c = {.checkpoint = run->checkpoint, .watch = run->watch};
    sbi_network *net = NULL;
    sbi_status status = train(t, &c, run, &net);
    sbi_epoch_log_close(c.log);
    free_trainer(t);
    if (status == SBI_OK && c.checkpoint && unlink(c.checkpoint) && errno != ENOENT)
        status = sbi_fail_errno(errno, "%s", c.checkpoint);
    if (status == SBI_OK) {
        *out = net;
    } else {
        sbi_network_destroy(net);
    }
    return status;
}

sbi_status sbi_member_train(sbi_network **out, sbi_context *ctx, sbi_dataset *data, const sbi_train_options *options,
                            int32_t member, const char *checkpoint, const sbi_train_watch *watch)
{
    const sbi_member_run run = {.checkpoint = checkpoint, .watch = watch};
    return sbi_member_train_run(out, ctx, data, options, member, &run);
}

sbi_status sbi_network_train(sbi_network **out, sbi_dataset *data, const sbi_train_options *options)
{
    SBI_REQUIRE(out, "sbi_network_train: out is NULL");
    *out = NULL;
    SBI_REQUIRE(data, "sbi_network_train: data is NULL");
    sbi_train_options known;
    SBI_TRY(sbi_train_options_read(&known, options));
    char *checkpoint = NULL;
    if (known.campaign) {
        SBI_TRY(sbi_path_make_folder(data->ctx, known.campaign));
        if (!(checkpoint = sbi_path_join(data->ctx, known.campaign, "member-0000.checkpoint.npz"))) return SBI_ERR_NO_MEMORY;
    }
    const sbi_member_run run = {.checkpoint = checkpoint, .epoch_log = known.epoch_log ? known.epoch_log : known.campaign};
    sbi_status status = sbi_member_train_run(out, data->ctx, data, &known, 0, &run);
    sbi_free(data->ctx, checkpoint);
    return status;
}
