/* SPDX-License-Identifier: Apache-2.0 */
/* Training as a whole: the same bits for any number of threads and after interruptions, options, schedules, failures. */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "net/train.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void message_has(const char *text)
{
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    sbi_context *ctx;
    ok(sbi_context_create(&ctx, &o));
    return ctx;
}

static sbi_train_options small(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 24;
    o.epochs = 3;
    o.batch = 300;
    return o;
}

static int same_network(const sbi_network *a, const sbi_network *b)
{
    return a->mlp.n == b->mlp.n && memcmp(a->params, b->params, (size_t)a->mlp.n * sizeof(float)) == 0 &&
           a->epochs == b->epochs && a->best_epoch == b->best_epoch &&
           memcmp(a->history, b->history, (size_t)a->epochs * SBI_HISTORY_COLUMNS * sizeof(double)) == 0;
}

/* ---- the same bits ---- */

static void check_threads(const sbi_train_options *o, int64_t n)
{
    gaussians g = gaussians_make(n, 4, 0.7, 5);
    sbi_network *net[3];
    sbi_context *ctx[3];
    for (int k = 0; k < 3; k++) {
        ctx[k] = context_of(k + 1);
        sbi_dataset *data;
        ok(gaussians_dataset(&g, ctx[k], &data));
        ok(sbi_network_train(&net[k], data, o));
        sbi_dataset_destroy(data);
    }
    for (int k = 1; k < 3; k++) ck_assert_msg(same_network(net[0], net[k]), "%d threads give other bits than one", k + 1);
    for (int k = 0; k < 3; k++) {
        sbi_network_destroy(net[k]);
        sbi_context_destroy(ctx[k]);
    }
    gaussians_free(&g);
}

START_TEST(threads_do_not_change_bits)
{
    sbi_train_options o = small();
    check_threads(&o, 1111);
    o.batch = 5000; /* lanes of several chunks */
    check_threads(&o, 2800);
    o.batch = 300;
    o.depth = 0;
    check_threads(&o, 400);
    o.optimiser = SBI_OPTIMISER_SGD;
    o.clip_norm = 0.1;
    o.depth = 1;
    o.bootstrap = 1;
    check_threads(&o, 1000);
    for (int32_t averaging = SBI_AVERAGING_EMA; averaging <= SBI_AVERAGING_SWA; averaging++) {
        o = small();
        o.averaging = averaging;
        o.averaging_decay = 0.9;
        o.averaging_start = 0.5;
        o.weight_decay = 0.1;
        check_threads(&o, 1000);
    }
    o = small(); /* large enough to go layer by layer */
    o.depth = 3;
    o.width = 400;
    o.epochs = 1;
    o.batch = 512;
    check_threads(&o, 900);
    o.layer_norm = 1;
    o.residual = 1;
    o.dropout = 0.2;
    check_threads(&o, 900);
    o = small();
    o.depth = 5;
    o.residual = 2;
    o.layer_norm = 1;
    o.dropout = 0.3;
    check_threads(&o, 1111);
    o.batch = 5000;
    check_threads(&o, 2800);
}
END_TEST

static sbi_network *train_once(sbi_context *ctx, const gaussians *g, const sbi_train_options *o, int32_t member)
{
    sbi_dataset *data;
    sbi_network *net;
    sbi_train_options known;
    ok(sbi_train_options_read(&known, o));
    ok(gaussians_dataset(g, ctx, &data));
    ok(sbi_member_train(&net, ctx, data, &known, member, NULL, NULL));
    sbi_dataset_destroy(data);
    return net;
}

START_TEST(seeds_members_and_bootstrap_matter)
{
    sbi_context *ctx = context_of(2);
    gaussians g = gaussians_make(500, 3, 0.5, 6);
    sbi_train_options o = small();
    o.epochs = 1;
    sbi_network *net[4];
    net[0] = train_once(ctx, &g, &o, 0);
    net[1] = train_once(ctx, &g, &o, 1);
    o.bootstrap = 1;
    net[2] = train_once(ctx, &g, &o, 0);
    o.bootstrap = 0;
    o.seed = 2;
    net[3] = train_once(ctx, &g, &o, 0);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < a; b++) ck_assert_msg(!same_network(net[a], net[b]), "networks %d and %d are the same", a, b);
    for (int a = 0; a < 4; a++) sbi_network_destroy(net[a]);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- interruptions ---- */

typedef struct countdown {
    atomic_long polls; /* until the cancel callback says stop; negative: never */
} countdown;

static int32_t cancel_at_zero(void *user)
{
    countdown *c = user;
    return atomic_load(&c->polls) >= 0 && atomic_fetch_sub(&c->polls, 1) <= 0;
}

/* Trains with an interruption after every `polls` questions, growing, until it is through; returns how often. */
static int train_interrupted(const gaussians *g, const sbi_train_options *o, long polls, const char *checkpoint,
                             sbi_network **net, sbi_context **ctx_out)
{
    int interruptions = 0;
    for (;; interruptions++) {
        ck_assert_int_lt(interruptions, 1000);
        countdown c;
        atomic_init(&c.polls, polls);
        sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
        options.threads = 1 + interruptions % 3;
        options.cancel = cancel_at_zero;
        options.cancel_user = &c;
        sbi_context *ctx;
        sbi_dataset *data;
        ok(sbi_context_create(&ctx, &options));
        sbi_train_options known;
        ok(sbi_train_options_read(&known, o));
        sbi_status status = gaussians_dataset(g, ctx, &data);
        if (status == SBI_OK) {
            status = sbi_member_train(net, ctx, data, &known, 3, checkpoint, NULL);
            sbi_dataset_destroy(data);
        }
        if (status == SBI_OK) {
            options.cancel = NULL;
            *ctx_out = ctx;
            return interruptions;
        }
        ck_assert_int_eq(status, SBI_ERR_CANCELLED);
        ck_assert_ptr_null(*net);
        sbi_context_destroy(ctx);
    }
}

static void check_resume(const sbi_train_options *o, int64_t n, long polls)
{
    const test_folder folder = folder_make();
    const test_path checkpoint = folder_path(&folder, "member.npz");
    gaussians g = gaussians_make(n, 3, 0.5, 7);
    sbi_context *whole_ctx = context_of(2), *ctx = NULL;
    sbi_network *whole = train_once(whole_ctx, &g, o, 3), *net = NULL;
    const int interruptions = train_interrupted(&g, o, polls, checkpoint.text, &net, &ctx);
    ck_assert_int_ge(interruptions, 2);
    ck_assert_msg(same_network(whole, net), "%d interruptions gave other bits", interruptions);
    ck_assert_int_eq(folder_count(&folder), 0); /* the checkpoint is gone */
    const test_path a = folder_path(&folder, "a.npz"), b = folder_path(&folder, "b.npz");
    ok(sbi_network_save(whole, a.text));
    ok(sbi_network_save(net, b.text));
    void *bytes[2];
    size_t size[2];
    ok(sbi_file_read(whole_ctx, a.text, 0, &bytes[0], &size[0]));
    ok(sbi_file_read(whole_ctx, b.text, 0, &bytes[1], &size[1]));
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], size[0]);
    sbi_free(whole_ctx, bytes[0]);
    sbi_free(whole_ctx, bytes[1]);
    sbi_network_destroy(net);
    sbi_network_destroy(whole);
    sbi_context_destroy(ctx);
    sbi_context_destroy(whole_ctx);
    gaussians_free(&g);
    folder_remove(&folder);
}

START_TEST(interruptions_do_not_change_bits)
{
    sbi_train_options o = small();
    o.epochs = 4;
    check_resume(&o, 800, 61);
    check_resume(&o, 800, 97);
    o.bootstrap = 1;
    o.schedule = SBI_SCHEDULE_PLATEAU;
    o.schedule_epochs = 1;
    o.schedule_factor = 0.5;
    o.patience = 3;
    check_resume(&o, 800, 80);
    o.optimiser = SBI_OPTIMISER_SGD;
    o.validation_fraction = 0;
    o.patience = 0;
    o.clip_norm = 0.2;
    check_resume(&o, 700, 73);
    for (int32_t averaging = SBI_AVERAGING_EMA; averaging <= SBI_AVERAGING_SWA; averaging++) {
        o = small();
        o.epochs = 4;
        o.averaging = averaging;
        o.averaging_start = 1.3;
        o.patience = 1;
        o.schedule = SBI_SCHEDULE_EXPONENTIAL;
        o.schedule_factor = 0.9;
        check_resume(&o, 800, 67);
    }
    o = small();
    o.epochs = 4;
    o.depth = 3;
    o.residual = 1;
    o.layer_norm = 1;
    o.dropout = 0.25;
    check_resume(&o, 800, 91);
}
END_TEST

START_TEST(checkpoints_at_every_batch_change_nothing)
{
    const test_folder folder = folder_make();
    gaussians g = gaussians_make(600, 3, 0.5, 8);
    sbi_context *ctx = context_of(2);
    sbi_train_options o = small();
    sbi_network *plain = train_once(ctx, &g, &o, 0), *net;
    o.checkpoint_seconds = 0;
    o.campaign = folder.path;
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    ok(sbi_network_train(&net, data, &o));
    ck_assert(same_network(plain, net));
    ck_assert_int_eq(folder_count(&folder), 1); /* the epochs */
    sbi_network_destroy(net);
    sbi_network_destroy(plain);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* Leaves a checkpoint of some options in `path`. */
static void leave_checkpoint(const gaussians *g, const sbi_train_options *o, int32_t member, const char *path)
{
    sbi_context *ctx = context_of(1);
    sbi_dataset *data;
    sbi_network *net;
    sbi_train_options known;
    const sbi_dataset_pack *pack;
    char hex[65];
    ok(sbi_train_options_read(&known, o));
    ok(gaussians_dataset(g, ctx, &data));
    ok(sbi_dataset_pack_get(data, known.standardise, &pack));
    ok(sbi_dataset_checksum(data, hex));
    sbi_context_cancel(ctx, 1);
    ck_assert_int_eq(sbi_member_train(&net, ctx, data, &known, member, path, NULL), SBI_ERR_CANCELLED);
    ck_assert(sbi_path_exists(path));
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
}

static void refused(const gaussians *g, const sbi_train_options *o, int32_t member, const char *path, sbi_status expected,
                    const char *word)
{
    sbi_context *ctx = context_of(1);
    sbi_dataset *data;
    sbi_network *net = NULL;
    sbi_train_options known;
    ok(sbi_train_options_read(&known, o));
    ok(gaussians_dataset(g, ctx, &data));
    const sbi_status status = sbi_member_train(&net, ctx, data, &known, member, path, NULL);
    ck_assert_msg(status == expected, "%s: %s, expected %s", word, sbi_status_name(status), sbi_status_name(expected));
    ck_assert_ptr_null(net);
    message_has(word);
    message_has(path);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
}

START_TEST(other_checkpoints_are_refused_by_name)
{
    const test_folder folder = folder_make();
    const test_path path = folder_path(&folder, "c.npz");
    gaussians g = gaussians_make(400, 3, 0.5, 9), other = gaussians_make(400, 3, 0.5, 10);
    const sbi_train_options base = small();
    leave_checkpoint(&g, &base, 0, path.text);
    sbi_train_options o = base;
    o.width = 25;
    refused(&g, &o, 0, path.text, SBI_ERR_VERSION, "width is 24 there, and 25 here");
    o = base;
    o.learning_rate = 0.002;
    refused(&g, &o, 0, path.text, SBI_ERR_VERSION, "learning_rate");
    o = base;
    o.seed = 7;
    refused(&g, &o, 0, path.text, SBI_ERR_VERSION, "seed");
    refused(&g, &base, 1, path.text, SBI_ERR_VERSION, "member");
    refused(&other, &base, 0, path.text, SBI_ERR_VERSION, "dataset");
    /* Where checkpoints go and how often does not matter. */
    o = base;
    o.checkpoint_seconds = 5;
    o.members = 9;
    sbi_context *ctx = context_of(1);
    sbi_dataset *data;
    sbi_network *net;
    ok(gaussians_dataset(&g, ctx, &data));
    ok(sbi_member_train(&net, ctx, data, &o, 0, path.text, NULL));
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    gaussians_free(&other);
    folder_remove(&folder);
}
END_TEST

/* Any cut and many flipped bits of a checkpoint: refused with a message, or without effect. */
START_TEST(damaged_checkpoints_are_refused)
{
    const test_folder folder = folder_make();
    const test_path path = folder_path(&folder, "c.npz");
    gaussians g = gaussians_make(60, 2, 0.5, 11);
    sbi_train_options o = small();
    o.epochs = 1;
    o.width = 3;
    leave_checkpoint(&g, &o, 0, path.text);
    sbi_context *ctx = context_of(1);
    sbi_network *good = train_once(ctx, &g, &o, 0);
    void *bytes;
    size_t size;
    ok(sbi_file_read(ctx, path.text, 0, &bytes, &size));
    unsigned char *copy = malloc(size);
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    int refusals = 0;
    for (size_t k = 0; k < 400; k++) {
        memcpy(copy, bytes, size);
        size_t length = size;
        if (k < 100) {
            length = size * k / 100;
        } else {
            copy[size * (k - 100) / 300] ^= (unsigned char)(1u << k % 8);
        }
        ok(sbi_file_write(ctx, path.text, copy, length));
        sbi_network *net = NULL;
        const sbi_status status = sbi_member_train(&net, ctx, data, &o, 0, path.text, NULL);
        if (status == SBI_OK) {
            ck_assert_msg(same_network(good, net), "a flipped bit at byte %zu changed the result", size * (k - 100) / 300);
        } else {
            refusals++;
            ck_assert_ptr_null(net);
            message_has("c.npz");
        }
        sbi_network_destroy(net);
    }
    ck_assert_int_ge(refusals, 300);
    free(copy);
    sbi_free(ctx, bytes);
    sbi_network_destroy(good);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

START_TEST(a_folder_that_cannot_be_written)
{
    gaussians g = gaussians_make(100, 2, 0.5, 12);
    sbi_context *ctx = context_of(1);
    sbi_dataset *data;
    sbi_network *net;
    sbi_train_options o = small();
    ok(gaussians_dataset(&g, ctx, &data));
    o.campaign = "/proc/no-such-folder";
    ck_assert_int_ne(sbi_network_train(&net, data, &o), SBI_OK);
    ck_assert_ptr_null(net);
    message_has("/proc/no-such-folder");
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
}
END_TEST

/* ---- schedules, stopping ---- */

static const double *history_row(const sbi_network *net, int row)
{
    return net->history + row * SBI_HISTORY_COLUMNS;
}

START_TEST(learning_rates)
{
    sbi_context *ctx = context_of(1);
    gaussians g = gaussians_make(100, 2, 0.5, 13);
    sbi_train_options o = small();
    o.epochs = 8;
    o.batch = 1000; /* one batch an epoch: the rate of epoch e is that of e */
    o.learning_rate = 0.01;
    const int32_t schedules[] = {SBI_SCHEDULE_CONSTANT, SBI_SCHEDULE_STEP, SBI_SCHEDULE_COSINE, SBI_SCHEDULE_GEOMETRIC,
                                 SBI_SCHEDULE_EXPONENTIAL};
    for (size_t k = 0; k < 2 * sizeof schedules / sizeof schedules[0]; k++) {
        const int32_t schedule = schedules[k / 2];
        o.schedule = schedule;
        o.warmup_epochs = k % 2 ? 4 : 0;
        o.schedule_epochs = 3;
        sbi_network *net = train_once(ctx, &g, &o, 0);
        ck_assert_int_eq(net->epochs, 8);
        for (int e = 0; e < 8; e++) {
            double expected = 0.01;
            if (schedule == SBI_SCHEDULE_STEP) expected *= e < 3 ? 1 : e < 6 ? 0.1 : 0.01;
            if (schedule == SBI_SCHEDULE_COSINE) expected *= 0.01 + 0.99 * 0.5 * (1 + cos(acos(-1) * e / 8));
            if (schedule == SBI_SCHEDULE_GEOMETRIC) expected *= pow(0.01, e / 8.0);
            if (schedule == SBI_SCHEDULE_EXPONENTIAL) expected *= pow(0.1, e);
            if (k % 2 && e < 3) expected *= (e + 1) / 4.0;
            ck_assert_double_eq_tol(history_row(net, e)[3], expected, 1e-12);
            ck_assert_double_eq(history_row(net, e)[0], e + 1);
        }
        sbi_network_destroy(net);
    }
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

/* The loss of a network's parameters on the events kept apart is the validation loss that it reports: the average was judged. */
START_TEST(averaged_weights_are_judged_and_kept)
{
    sbi_context *ctx = context_of(1);
    gaussians g = gaussians_make(300, 2, 0.7, 15);
    sbi_train_options o = small();
    o.epochs = 6;
    o.batch = 50;
    o.learning_rate = 0.03;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    o.validation_fraction = 0.3;
    sbi_network *net[3];
    for (int32_t averaging = SBI_AVERAGING_NONE; averaging <= SBI_AVERAGING_SWA; averaging++) {
        o.averaging = averaging;
        o.averaging_start = 2;
        o.averaging_decay = 0.95;
        net[averaging] = train_once(ctx, &g, &o, 0);
        double sum = 0;
        int64_t n[2] = {0, 0};
        double loss[2] = {0, 0};
        for (int32_t side = 0; side < 2; side++) {
            double logit[300];
            const sbi_array x = sbi_array_2d(g.x[side], SBI_F32, 300, 2);
            ok(sbi_network_evaluate(net[averaging], &x, logit));
            for (int64_t i = 0; i < 300; i++) {
                if (!sbi_dataset_is_held_out(side, i, o.seed, o.validation_fraction)) continue;
                n[side]++;
                loss[side] += log1p(exp(logit[i])) - side * logit[i];
            }
        }
        for (int side = 0; side < 2; side++) sum += 0.5 * loss[side] / (double)n[side];
        ck_assert_double_eq_tol(sum, net[averaging]->validation_loss, 1e-5);
        ck_assert_int_ge(net[averaging]->best_epoch, averaging == SBI_AVERAGING_NONE ? 1 : 3);
    }
    ck_assert(!same_network(net[0], net[1]) && !same_network(net[0], net[2]) && !same_network(net[1], net[2]));
    /* Until averaging begins nothing differs. */
    ck_assert_mem_eq(net[0]->history, net[1]->history, 2 * SBI_HISTORY_COLUMNS * sizeof(double));
    for (int k = 0; k < 3; k++) sbi_network_destroy(net[k]);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(patience_stops_and_the_best_weights_are_kept)
{
    sbi_context *ctx = context_of(2);
    gaussians g = gaussians_make(150, 6, 0.3, 14); /* few events: it will overfit */
    sbi_train_options o = small();
    o.epochs = 300;
    o.batch = 64;
    o.width = 64;
    o.patience = 4;
    o.learning_rate = 0.005;
    o.validation_fraction = 0.3;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    sbi_network *net = train_once(ctx, &g, &o, 0);
    ck_assert_int_lt(net->epochs, 300);
    ck_assert_int_eq(net->epochs, net->best_epoch + 4);
    for (int e = 0; e < net->epochs; e++) ck_assert_double_ge(history_row(net, e)[2], net->validation_loss);
    ck_assert_double_eq(history_row(net, net->best_epoch - 1)[2], net->validation_loss);
    ck_assert_double_eq(history_row(net, net->best_epoch - 1)[1], net->loss);

    /* The weights are those of the best epoch: the loss of the events kept apart, computed from outside, is that one. */
    double sum = 0, weight = 0;
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    uint8_t held[150];
    double logit[150], side_sum[2] = {0, 0};
    for (int side = 0; side < 2; side++) {
        const sbi_array x = sbi_array_2d(g.x[side], SBI_F32, g.n, g.d);
        ok(sbi_dataset_split(data, side, o.seed, 0.3, held));
        ok(sbi_network_evaluate(net, &x, logit));
        double count = 0;
        for (int i = 0; i < 150; i++) {
            if (!held[i]) continue;
            count++;
            side_sum[side] += log1p(exp(side ? -logit[i] : logit[i]));
        }
        sum += side_sum[side] / count;
        weight += 1;
    }
    ck_assert_double_eq_tol(sum / weight, net->validation_loss, 1e-6);
    sbi_dataset_destroy(data);
    sbi_network_destroy(net);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(clipping_bounds_the_step)
{
    sbi_context *ctx = context_of(1);
    gaussians g = gaussians_make(200, 2, 2.0, 15);
    sbi_train_options o = small();
    o.optimiser = SBI_OPTIMISER_SGD;
    o.beta1 = 0;
    o.learning_rate = 1;
    o.schedule = SBI_SCHEDULE_CONSTANT;
    o.epochs = 1;
    o.batch = 1000;
    o.validation_fraction = 0;
    sbi_network *net[2];
    o.clip_norm = 1e-3;
    net[0] = train_once(ctx, &g, &o, 0);
    o.clip_norm = 2e-3;
    net[1] = train_once(ctx, &g, &o, 0);
    double distance = 0;
    for (int64_t k = 0; k < net[0]->mlp.n; k++) distance += pow((double)net[0]->params[k] - (double)net[1]->params[k], 2);
    ck_assert_double_eq_tol(sqrt(distance), 1e-3, 2e-5); /* both start from the same place, along the same gradient */
    ck_assert_double_gt(history_row(net[0], 0)[4], 2e-3); /* what is reported is the norm before */
    sbi_network_destroy(net[0]);
    sbi_network_destroy(net[1]);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(options_out_of_range_are_named)
{
    sbi_context *ctx = context_of(1);
    gaussians g = gaussians_make(50, 2, 0.5, 16);
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
#define REFUSED(field, value)                                                                                          \
    do {                                                                                                               \
        sbi_train_options o = small();                                                                                 \
        o.field = value;                                                                                               \
        sbi_network *net = (sbi_network *)&o;                                                                          \
        ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT);                                         \
        ck_assert_ptr_null(net);                                                                                       \
        message_has("sbi_train_options." #field);                                                                      \
    } while (0)
    REFUSED(depth, -1);
    REFUSED(depth, 64);
    REFUSED(width, 0);
    REFUSED(activation, 0);
    REFUSED(activation, 7);
    REFUSED(epochs, 0);
    REFUSED(members, 0);
    REFUSED(optimiser, 5);
    REFUSED(schedule, 7);
    REFUSED(averaging, 3);
    REFUSED(averaging_decay, 1);
    REFUSED(averaging_start, -1);
    REFUSED(schedule_epochs, 0);
    REFUSED(patience, -1);
    REFUSED(standardise, 4);
    REFUSED(loss, 0);
    REFUSED(loss, 9);
    REFUSED(class_balance, 2);
    REFUSED(label_smoothing, 1);
    REFUSED(score_weight, -1);
    REFUSED(bootstrap, 2);
    REFUSED(batch, 0);
    REFUSED(learning_rate, 0);
    REFUSED(learning_rate, NAN);
    REFUSED(warmup_epochs, -1);
    REFUSED(schedule_factor, 0);
    REFUSED(final_rate, 2);
    REFUSED(beta1, 1);
    REFUSED(beta2, -0.1);
    REFUSED(epsilon, 0);
    REFUSED(weight_decay, -1);
    REFUSED(clip_norm, -1);
    REFUSED(validation_fraction, 1);
    REFUSED(min_improvement, NAN);
    REFUSED(checkpoint_seconds, -1);
#undef REFUSED
    sbi_train_options o = small();
    sbi_network *net;
    o.struct_size = 12;
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_ABI);
    o = small();
    o.patience = 3;
    o.validation_fraction = 0;
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_network_train(&net, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_network_train(NULL, data, NULL), SBI_ERR_ARGUMENT);
    sbi_dataset_destroy(data);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(divergence_is_named)
{
    sbi_context *ctx = context_of(2);
    gaussians g = gaussians_make(400, 2, 0.5, 17);
    sbi_dataset *data;
    sbi_network *net;
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_train_options o = small();
    o.activation = SBI_ACTIVATION_RELU;
    o.optimiser = SBI_OPTIMISER_SGD;
    o.learning_rate = 1e6;
    o.epochs = 50;
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_DIVERGED);
    ck_assert_ptr_null(net);
    message_has("epoch 1, batch ");
    sbi_dataset_destroy(data);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(options_go_through_json)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT, back, defaults;
    o.seed = UINT64_MAX;
    o.learning_rate = 0.1 + 0.2;
    o.batch = 1 << 20;
    o.bootstrap = 1;
    o.width = 77;
    json_t *json = sbi_train_options_to_json(&o);
    const sbi_json_place at = sbi_json_root("test");
    ok(sbi_train_options_from_json(&back, json, &at));
    ck_assert_mem_eq(&o, &back, sizeof o);
    json_object_set_new(json, "colour", json_integer(1));
    ck_assert_int_eq(sbi_train_options_from_json(&back, json, &at), SBI_ERR_FORMAT);
    message_has("colour");
    json_object_del(json, "colour");
    json_object_set_new(json, "width", json_integer(0));
    ck_assert_int_eq(sbi_train_options_from_json(&back, json, &at), SBI_ERR_FORMAT);
    message_has("width");
    json_object_del(json, "width");
    ck_assert_int_ne(sbi_train_options_from_json(&back, json, &at), SBI_OK);
    message_has("width");
    json_decref(json);
    sbi_train_options_init(&defaults);
    const sbi_train_options macro = SBI_TRAIN_OPTIONS_INIT;
    ck_assert_mem_eq(&defaults, &macro, sizeof macro);
}
END_TEST

/* ---- progress and memory ---- */

typedef struct seen {
    int calls, complete;
} seen;

static void on_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    seen *s = user;
    ck_assert_str_eq(stage, "train");
    ck_assert_double_le(done, total);
    ck_assert_ptr_nonnull(strstr(detail, "member 0"));
    s->calls++;
    s->complete += done == total;
}

START_TEST(progress_ends_at_the_total)
{
    seen s = {0, 0};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.progress = on_progress;
    options.progress_user = &s;
    sbi_context *ctx;
    ok(sbi_context_create(&ctx, &options));
    gaussians g = gaussians_make(300, 2, 0.5, 18);
    sbi_train_options o = small();
    sbi_network_destroy(train_once(ctx, &g, &o, 0));
    ck_assert_int_eq(s.complete, 1);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

typedef struct tortured {
    gaussians g;
    const char *folder;
} tortured;

static sbi_status train_body(sbi_context *ctx, void *arg)
{
    const tortured *t = arg;
    sbi_dataset *data = NULL;
    sbi_network *net = NULL;
    sbi_train_options o = small();
    o.epochs = 1;
    o.width = 4;
    o.batch = 40;
    o.averaging = SBI_AVERAGING_EMA;
    o.checkpoint_seconds = 0;
    o.campaign = t->folder;
    sbi_status status = gaussians_dataset(&t->g, ctx, &data);
    if (status == SBI_OK) status = sbi_network_train(&net, data, &o);
    ck_assert((status == SBI_OK) == (net != NULL));
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    const test_folder folder = folder_make();
    tortured t = {gaussians_make(40, 2, 0.5, 19), folder.path};
    for (int32_t threads = 1; threads <= 2; threads++)
        for (int all = 0; all < 2; all++) {
            const torture_report report = torture_allocations(train_body, &t, threads, all);
            ck_assert_int_gt(report.requests, 50);
        }
    gaussians_free(&t.g);
    folder_remove(&folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: training");
    TCase *c = tcase_create("training");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, threads_do_not_change_bits);
    tcase_add_test(c, seeds_members_and_bootstrap_matter);
    tcase_add_test(c, interruptions_do_not_change_bits);
    tcase_add_test(c, checkpoints_at_every_batch_change_nothing);
    tcase_add_test(c, other_checkpoints_are_refused_by_name);
    tcase_add_test(c, damaged_checkpoints_are_refused);
    tcase_add_test(c, a_folder_that_cannot_be_written);
    tcase_add_test(c, learning_rates);
    tcase_add_test(c, averaged_weights_are_judged_and_kept);
    tcase_add_test(c, patience_stops_and_the_best_weights_are_kept);
    tcase_add_test(c, clipping_bounds_the_step);
    tcase_add_test(c, options_out_of_range_are_named);
    tcase_add_test(c, divergence_is_named);
    tcase_add_test(c, options_go_through_json);
    tcase_add_test(c, progress_ends_at_the_total);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
