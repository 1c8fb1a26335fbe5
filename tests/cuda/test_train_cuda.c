/* SPDX-License-Identifier: Apache-2.0 */
/* Training on the CUDA device beside the cpu device: close after 100 steps of every optimiser in every precision, the same bits each time,
 * whatever fits in memory, and to the end after the device was lost. */
#include <math.h>
#include <string.h>

#include "cuda/standin_device.h"
#include "net/train.h"
#include "sbi/ratio.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static gaussians events;

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void set_up(void)
{
    cuda_standin_reset(STANDIN_MEMORY, 2);
    cuda_standin_set_order(CUDA_STANDIN_FORWARD, 1);
    ok(sbi_context_create(&ctx, NULL));
    events = gaussians_make(400, 4, 1.0, 3);
}

static void tear_down(void)
{
    gaussians_free(&events);
    sbi_context_destroy(ctx);
    standin_check_clean();
}

/* 720 events for training in batches of 72, ten epochs. */
static sbi_train_options hundred_steps(int32_t optimiser, const char *device)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 24;
    o.epochs = 10;
    o.batch = 72;
    o.optimiser = optimiser;
    o.weight_decay = 1e-3;
    o.clip_norm = 0.5;
    o.device = device;
    if (optimiser == SBI_OPTIMISER_SGD) o.learning_rate = 0.01;
    return o;
}

static sbi_status try_train(const sbi_train_options *o, sbi_network **net)
{
    sbi_dataset *data;
    ok(gaussians_dataset(&events, ctx, &data));
    sbi_status status = sbi_network_train(net, data, o);
    sbi_dataset_destroy(data);
    return status;
}

static sbi_network *train(const sbi_train_options *o)
{
    sbi_network *net;
    ok(try_train(o, &net));
    return net;
}

static int same_bits(const sbi_network *a, const sbi_network *b)
{
    return memcmp(a->params, b->params, (size_t)a->mlp.n * sizeof(float)) == 0 &&
           memcmp(a->history, b->history, (size_t)a->epochs * SBI_HISTORY_COLUMNS * sizeof(double)) == 0;
}

/* The largest difference of ln r over the events. */
static double distance(const sbi_network *a, const sbi_network *b)
{
    double most = 0, left[400], right[400];
    for (int side = 0; side < 2; side++) {
        const sbi_array x = sbi_array_2d(events.x[side], SBI_F32, events.n, events.d);
        ok(sbi_network_evaluate(a, &x, left));
        ok(sbi_network_evaluate(b, &x, right));
        for (int64_t i = 0; i < events.n; i++) most = fmax(most, fabs(left[i] - right[i]));
    }
    return most;
}

/* docs/devices.md states these. */
static const struct {
    const char *device;
    double bound;
} precisions[] = {{"cuda", 1e-5}, {"cuda?precision=tf32", 2e-3}, {"cuda?precision=bf16", 2e-2}, {"cuda?precision=f16", 2e-3}};

START_TEST(cpu_and_cuda_agree_after_100_steps)
{
    static const char *const names[] = {"", "NAdam", "Adam", "AdamW", "SGD"};
    const sbi_train_options o = hundred_steps(_i, NULL);
    sbi_network *cpu = train(&o);
    for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
        const sbi_train_options there = hundred_steps(_i, precisions[p].device);
        sbi_network *net = train(&there);
        const double far = distance(cpu, net);
        printf("%s, %s: ln r differs by at most %.1e (allowed %.0e)\n", names[_i], precisions[p].device, far, precisions[p].bound);
        ck_assert_msg(far <= precisions[p].bound, "optimiser %d on %s: ln r differs by %g, allowed %g", _i, precisions[p].device, far,
                      precisions[p].bound);
        ck_assert_msg(far > 0, "optimiser %d on %s: not one bit differs: was it the cpu?", _i, precisions[p].device);
        sbi_network_destroy(net);
    }
    sbi_network_destroy(cpu);
}
END_TEST

/* Normalised layers, residual blocks and dropout: a mask is that of the cpu, and a recorded step draws a new one each time. */
START_TEST(layers_agree_after_100_steps)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_NADAM, NULL);
    o.depth = 5;
    o.residual = 2;
    o.layer_norm = _i & 1;
    o.dropout = _i & 2 ? 0.2 : 0;
    o.activation = SBI_ACTIVATION_LEAKY_RELU;
    o.leaky_slope = 0.3;
    sbi_network *cpu = train(&o);
    o.device = "cuda";
    sbi_network *net = train(&o);
    ck_assert_int_gt(cuda_standin_count(CUDA_STANDIN_GRAPHS), 15);
    const double far = distance(cpu, net);
    printf("normalised %d, dropout %d: ln r differs by at most %.1e\n", _i & 1, _i >> 1, far);
    ck_assert_double_le(far, 1e-4);
    ck_assert_double_gt(far, 0);
    cuda_standin_set_order(CUDA_STANDIN_REVERSE, 1);
    o.device = "cuda?graph=0";
    sbi_network *again = train(&o);
    ck_assert(same_bits(net, again));
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    r.output = SBI_RATIO_LOG;
    r.device = "cuda";
    double there[400], here[400];
    sbi_ensemble *ens;
    ok(sbi_ensemble_create(&ens, ctx, &net, 1));
    const sbi_array x = sbi_array_2d(events.x[1], SBI_F32, events.n, events.d);
    ok(sbi_ratio_evaluate(ens, &x, there, NULL, &r));
    ok(sbi_network_evaluate(net, &x, here));
    for (int64_t i = 0; i < events.n; i++) ck_assert_double_le(fabs(there[i] - here[i]), 1e-5);
    sbi_ensemble_destroy(ens);
    sbi_network_destroy(cpu);
    sbi_network_destroy(net);
    sbi_network_destroy(again);
}
END_TEST

/* Threads, blocks and streams in any order; with graphs and without. */
START_TEST(averages_and_the_option_precision)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, NULL);
    o.averaging = _i;
    o.averaging_start = 1;
    o.averaging_decay = 0.9;
    o.validation_fraction = 0.2;
    sbi_network *cpu = train(&o);
    o.device = "cuda";
    sbi_network *net = train(&o);
    const double far = distance(cpu, net);
    ck_assert_double_le(far, 1e-5);
    ck_assert_double_gt(far, 0);
    ck_assert_double_eq_tol(cpu->validation_loss, net->validation_loss, 1e-6);
    o.device = "cuda?precision=bf16";
    sbi_network *half = train(&o);
    o.device = "cuda";
    o.precision = SBI_PRECISION_BF16;
    sbi_network *again = train(&o);
    ck_assert(same_bits(half, again));
    ck_assert(!same_bits(half, net));
    sbi_network_destroy(cpu);
    sbi_network_destroy(net);
    sbi_network_destroy(half);
    sbi_network_destroy(again);
}
END_TEST

START_TEST(a_seed_gives_the_same_bits)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_NADAM, precisions[_i].device);
    o.epochs = 3;
    sbi_network *first = train(&o);
    ck_assert_int_gt(cuda_standin_count(CUDA_STANDIN_GRAPHS), 15);
    cuda_standin_set_order(CUDA_STANDIN_REVERSE, 1);
    sbi_network *reverse = train(&o);
    ck_assert(same_bits(first, reverse));
    cuda_standin_set_order(CUDA_STANDIN_RANDOM, 5);
    char plain[64];
    snprintf(plain, sizeof plain, "cuda:1?%s%sgraph=0", strchr(o.device, '?') ? strchr(o.device, '?') + 1 : "",
             strchr(o.device, '?') ? "&" : "");
    o.device = plain;
    const int64_t graphs = cuda_standin_count(CUDA_STANDIN_GRAPHS);
    sbi_network *other = train(&o);
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_GRAPHS), graphs);
    ck_assert(same_bits(first, other));
    sbi_network_destroy(first);
    sbi_network_destroy(reverse);
    sbi_network_destroy(other);
}
END_TEST

/* A batch costs the host no wait but the one for the losses of the last 64. */
START_TEST(batches_are_not_waited_for)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, "cuda");
    o.epochs = 1;
    o.batch = 6; /* 120 batches */
    o.validation_fraction = 0;
    sbi_network_destroy(train(&o));
    ck_assert_int_ge(cuda_standin_count(CUDA_STANDIN_GRAPHS), 100);
    ck_assert_int_le(cuda_standin_count(CUDA_STANDIN_SYNCHRONISED), 20);
}
END_TEST

/* Events brought batch by batch give the same bits as events that are there. */
START_TEST(events_that_do_not_fit)
{
    gaussians_free(&events);
    events = gaussians_make(400, 4000, 1.0, 3); /* 12.8 MB */
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, "cuda");
    o.epochs = 2;
    o.depth = 1;
    o.width = 8;
    sbi_network *resident = train(&o);
    const int64_t before = cuda_standin_count(CUDA_STANDIN_UPLOADED);
    cuda_standin_reset(((size_t)32 << 20) + 20000000, 1); /* cuBLAS's workspace, and less than twice the events */
    sbi_network *brought = train(&o);
    ck_assert_int_gt(cuda_standin_count(CUDA_STANDIN_UPLOADED), before * 3 / 2);
    ck_assert(same_bits(resident, brought));
    sbi_network_destroy(resident);
    sbi_network_destroy(brought);
}
END_TEST

/* A batch that does not fit goes in parts: the same network but for rounding. */
START_TEST(a_batch_that_does_not_fit)
{
    gaussians_free(&events);
    events = gaussians_make(2000, 4, 1.0, 3);
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, "cuda");
    o.batch = 3600;
    o.epochs = 2;
    o.width = 40;
    sbi_network *whole = train(&o);
    cuda_standin_reset(((size_t)32 << 20) + 3000000, 1);
    sbi_network *parts = train(&o);
    events.n = 400; /* for distance() */
    ck_assert(!same_bits(whole, parts));
    const double far = distance(whole, parts);
    ck_assert_msg(far < 1e-4, "ln r differs by %g", far);
    sbi_network_destroy(whole);
    sbi_network_destroy(parts);
    cuda_standin_reset(((size_t)32 << 20) + 150000, 1);
    sbi_network *none;
    ck_assert_int_eq(try_train(&o, &none), SBI_ERR_NO_MEMORY);
    ck_assert_ptr_null(none);
    ck_assert_msg(strstr(sbi_last_error(), "MB are needed"), "%s", sbi_last_error());
}
END_TEST

/* Evaluation there: of several members, more rows than a chunk. */
START_TEST(ratios_on_the_device)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, "cuda");
    o.epochs = 2;
    o.members = 2;
    sbi_dataset *data;
    sbi_ensemble *ens;
    ok(gaussians_dataset(&events, ctx, &data));
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    gaussians many = gaussians_make(1500, 4, 1.0, 8);
    const sbi_array x = sbi_array_2d(many.x[1], SBI_F32, many.n, many.d);
    static double here[1500], there[1500], spread[2][1500];
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    ok(sbi_ratio_evaluate(ens, &x, here, spread[0], &r));
    r.device = "cuda";
    ok(sbi_ratio_evaluate(ens, &x, there, spread[1], &r));
    for (int i = 0; i < 1500; i++) {
        ck_assert_double_le(fabs(there[i] - here[i]), 1e-5 * here[i]);
        ck_assert_double_le(fabs(spread[1][i] - spread[0][i]), 1e-5 * here[i]);
    }
    int failed = 0;
    for (int64_t k = 1;; k++, failed++) {
        cuda_standin_fail(_i, k);
        sbi_status status = sbi_ratio_evaluate(ens, &x, there, NULL, &r);
        if (status == SBI_OK) break;
        ck_assert_int_eq(status, _i == CUDA_STANDIN_ALLOCATION ? SBI_ERR_NO_MEMORY : SBI_ERR_TRANSIENT);
        standin_check_clean();
        cuda_standin_reset(STANDIN_MEMORY, 1);
    }
    ck_assert_int_gt(failed, 8);
    gaussians_free(&many);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
}
END_TEST

/* ---- a device that is lost ---- */

static int says_lost(sbi_status status)
{
    return status == SBI_ERR_TRANSIENT && strstr(sbi_last_error(), "was lost") && !strchr(sbi_last_error(), '\n');
}

/* Lost in the middle; the training goes on from its checkpoint on a new device, with the bits of one that was never interrupted. */
START_TEST(a_lost_device)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_NADAM, "cuda");
    o.epochs = 3;
    sbi_network *whole = train(&o), *net;
    test_folder folder = folder_make();
    o.campaign = folder.path;
    o.checkpoint_seconds = 0;
    cuda_standin_fail(CUDA_STANDIN_LOSS, 300);
    ck_assert(says_lost(try_train(&o, &net)));
    ck_assert_ptr_null(net);
    ck_assert(says_lost(try_train(&o, &net)) || strstr(sbi_last_error(), "device cuda")); /* still lost */
    cuda_standin_reset(STANDIN_MEMORY, 2);
    ck_assert_int_eq(folder_count(&folder), 2); /* the checkpoint and the log of epochs */
    o.device = "cuda:1";
    sbi_network *resumed = train(&o);
    ck_assert(same_bits(whole, resumed));
    ck_assert_int_eq(folder_count(&folder), 1);
    sbi_network_destroy(whole);
    sbi_network_destroy(resumed);
    folder_remove(&folder);
}
END_TEST

/* ... and on the cpu, with all but the last bits. */
START_TEST(a_lost_device_and_then_the_cpu)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAMW, "cuda");
    sbi_network *whole = train(&o), *net;
    test_folder folder = folder_make();
    o.campaign = folder.path;
    o.checkpoint_seconds = 0;
    cuda_standin_fail(CUDA_STANDIN_LOSS, 500);
    ck_assert(says_lost(try_train(&o, &net)));
    cuda_standin_reset(STANDIN_MEMORY, 1);
    o.device = "cpu";
    sbi_network *resumed = train(&o);
    const double far = distance(whole, resumed);
    ck_assert_msg(far > 0 && far < 1e-4, "ln r differs by %g", far);
    sbi_network_destroy(whole);
    sbi_network_destroy(resumed);
    folder_remove(&folder);
}
END_TEST

/* Every k-th allocation and launch: the right status, one line, nothing left on the device. */
START_TEST(failures_one_by_one)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, _i ? "cuda?precision=f16" : "cuda");
    o.epochs = 1;
    o.batch = 300;
    for (int what = CUDA_STANDIN_ALLOCATION; what <= CUDA_STANDIN_LOSS; what++) {
        int failed = 0;
        for (int64_t k = 1;; k += what == CUDA_STANDIN_ALLOCATION ? 1 : 7) {
            sbi_network *net;
            cuda_standin_reset(STANDIN_MEMORY, 1);
            cuda_standin_fail(what, k);
            sbi_status status = try_train(&o, &net);
            if (status == SBI_OK) {
                sbi_network_destroy(net);
                break;
            }
            failed++;
            ck_assert_msg(status == (what == CUDA_STANDIN_ALLOCATION ? SBI_ERR_NO_MEMORY : SBI_ERR_TRANSIENT), "%d, %lld: %s: %s", what,
                          (long long)k, sbi_status_name(status), sbi_last_error());
            ck_assert_ptr_null(net);
            ck_assert_ptr_nonnull(strstr(sbi_last_error(), "cuda:0"));
            standin_check_clean();
        }
        ck_assert_int_gt(failed, 10);
    }
}
END_TEST

int main(void)
{
    standin_use_plugin();
    Suite *suite = suite_create("cuda: training");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 200);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, cpu_and_cuda_agree_after_100_steps, SBI_OPTIMISER_NADAM, SBI_OPTIMISER_SGD + 1);
    tcase_add_loop_test(c, layers_agree_after_100_steps, 0, 4);
    tcase_add_loop_test(c, averages_and_the_option_precision, SBI_AVERAGING_EMA, SBI_AVERAGING_SWA + 1);
    tcase_add_loop_test(c, a_seed_gives_the_same_bits, 0, 4);
    tcase_add_test(c, batches_are_not_waited_for);
    tcase_add_test(c, events_that_do_not_fit);
    tcase_add_test(c, a_batch_that_does_not_fit);
    tcase_add_loop_test(c, ratios_on_the_device, CUDA_STANDIN_ALLOCATION, CUDA_STANDIN_LOSS + 1);
    tcase_add_test(c, a_lost_device);
    tcase_add_test(c, a_lost_device_and_then_the_cpu);
    tcase_add_loop_test(c, failures_one_by_one, 0, 2);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
