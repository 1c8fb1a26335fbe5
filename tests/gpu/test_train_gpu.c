/* SPDX-License-Identifier: Apache-2.0 */
/* Training on a real device beside the cpu device: the cases of tests/cuda/test_train_cuda.c that need no stand-in, on a larger network.
 * Run by make check-gpu. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/option_cases.h"
#include "net/train.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static gaussians events;

/* SBI_BENCH_SMALL=1: tiny sizes, for the stand-in. */
static int small(void)
{
    return getenv("SBI_BENCH_SMALL") != NULL;
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void set_up(void)
{
    ok(sbi_context_create(&ctx, NULL));
    events = gaussians_make(small() ? 400 : 4000, 20, 1.0, 3);
}

static void tear_down(void)
{
    gaussians_free(&events);
    sbi_context_destroy(ctx);
}

static sbi_train_options hundred_steps(int32_t optimiser, const char *device)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 3;
    o.width = small() ? 24 : 128;
    o.epochs = 10;
    o.batch = small() ? 72 : 720;
    o.optimiser = optimiser;
    o.weight_decay = 1e-3;
    o.clip_norm = 0.5;
    o.device = device;
    if (optimiser == SBI_OPTIMISER_SGD) o.learning_rate = 0.01;
    return o;
}

static sbi_network *train(const sbi_train_options *o)
{
    sbi_dataset *data;
    sbi_network *net;
    ok(gaussians_dataset(&events, ctx, &data));
    ok(sbi_network_train(&net, data, o));
    sbi_dataset_destroy(data);
    return net;
}

static int same_bits(const sbi_network *a, const sbi_network *b)
{
    return memcmp(a->params, b->params, (size_t)a->mlp.n * sizeof(float)) == 0 &&
           memcmp(a->history, b->history, (size_t)a->epochs * SBI_HISTORY_COLUMNS * sizeof(double)) == 0;
}

static double distance(const sbi_network *a, const sbi_network *b)
{
    static double left[4000], right[4000];
    double most = 0;
    const sbi_array x = sbi_array_2d(events.x[1], SBI_F32, events.n, events.d);
    ok(sbi_network_evaluate(a, &x, left));
    ok(sbi_network_evaluate(b, &x, right));
    for (int64_t i = 0; i < events.n; i++) most = fmax(most, fabs(left[i] - right[i]));
    return most;
}

/* Of ln r, whose own range here is about -5 to 5. */
static const struct {
    const char *device;
    double bound;
} precisions[] = {{"cuda", 1e-3}, {"cuda?precision=tf32", 5e-2}, {"cuda?precision=bf16", 3e-1}, {"cuda?precision=f16", 5e-2}};

START_TEST(cpu_and_cuda_agree_after_100_steps)
{
    static const char *const names[] = {"", "NAdam", "Adam", "AdamW", "SGD"};
    const sbi_train_options o = hundred_steps(_i, NULL);
    sbi_network *cpu = train(&o);
    int far_out = 0;
    for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
        const sbi_train_options there = hundred_steps(_i, precisions[p].device);
        sbi_network *net = train(&there);
        const double far = distance(cpu, net);
        printf("%s, %s: ln r differs by at most %.1e (allowed %.0e)\n", names[_i], precisions[p].device, far, precisions[p].bound);
        far_out += !(far <= precisions[p].bound && far > 0);
        sbi_network_destroy(net);
    }
    ck_assert_int_eq(far_out, 0);
    sbi_network_destroy(cpu);
}
END_TEST

START_TEST(a_seed_gives_the_same_bits)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_NADAM, precisions[_i].device);
    sbi_network *first = train(&o);
    for (int round = 0; round < 3; round++) {
        sbi_network *again = train(&o);
        ck_assert_msg(same_bits(first, again), "%s: other bits in run %d", o.device, round + 2);
        sbi_network_destroy(again);
    }
    char plain[64];
    snprintf(plain, sizeof plain, "%s%cgraph=0", o.device, strchr(o.device, '?') ? '&' : '?');
    o.device = plain;
    sbi_network *other = train(&o);
    ck_assert_msg(same_bits(first, other), "%s: other bits without graphs", o.device);
    sbi_network_destroy(first);
    sbi_network_destroy(other);
}
END_TEST

/* Cancelled after some batches, and on with the checkpoint. */
static int32_t stop_after(void *user, double fraction, const char *detail)
{
    (void)detail;
    (void)user;
    return fraction > 0.3;
}

START_TEST(a_checkpoint_goes_on_with_the_same_bits)
{
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_ADAM, "cuda");
    sbi_network *whole = train(&o), *net = NULL;
    sbi_train_options known;
    ok(sbi_train_options_read(&known, &o));
    test_folder folder = folder_make();
    test_path path = folder_path(&folder, "c.npz");
    sbi_dataset *data;
    ok(gaussians_dataset(&events, ctx, &data));
    const sbi_train_watch watch = {stop_after, NULL};
    sbi_status status = sbi_member_train(&net, ctx, data, &known, 0, path.text, &watch);
    if (status == SBI_OK) { /* it was over before anybody asked */
        puts("SKIP: the training was too quick to be cancelled");
    } else {
        ck_assert_int_eq(status, SBI_ERR_CANCELLED);
        ok(sbi_member_train(&net, ctx, data, &known, 0, path.text, NULL));
    }
    ck_assert(same_bits(whole, net));
    sbi_dataset_destroy(data);
    sbi_network_destroy(whole);
    sbi_network_destroy(net);
    folder_remove(&folder);
}
END_TEST

/* Every option of training, as on the stand-in. */
START_TEST(every_option)
{
    const option_case *c = &option_cases[_i];
    int far_out = 0;
    for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
        const double far = option_distance(ctx, c, SBI_OPTIMISER_NADAM, precisions[p].device);
        printf("%s, %s: outputs differ by at most %.1e (allowed %.0e)\n", c->name, precisions[p].device, far, precisions[p].bound);
        far_out += !(far <= precisions[p].bound);
    }
    ck_assert_int_eq(far_out, 0);
}
END_TEST

START_TEST(every_optimiser_with_all_layers)
{
    const option_case all = {"all layers", OPTION_PLAIN, 0, option_layers};
    const double far = option_distance(ctx, &all, _i, "cuda");
    printf("all layers, optimiser %d: outputs differ by at most %.1e\n", _i, far);
    ck_assert_double_le(far, precisions[0].bound);
}
END_TEST

/* Side by side on one device, and over all that there are: the bits of each alone. */
START_TEST(members_together_have_the_bits_of_each_alone)
{
    static const char *const devices[] = {"cuda", "cuda:*"};
    enum { MEMBERS = 6 };
    sbi_context_options co = SBI_CONTEXT_OPTIONS_INIT;
    sbi_context *many;
    co.threads = MEMBERS;
    ok(sbi_context_create(&many, &co));
    sbi_train_options o = hundred_steps(SBI_OPTIMISER_NADAM, "cuda"), known;
    o.width = small() ? 12 : 64;
    o.members = MEMBERS;
    sbi_dataset *data;
    sbi_ensemble *ens;
    ok(gaussians_dataset(&events, many, &data));
    ok(sbi_train_options_read(&known, &o));
    o.device = devices[_i];
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    for (int32_t m = 0; m < MEMBERS; m++) {
        sbi_network *alone;
        ok(sbi_member_train(&alone, many, data, &known, m, NULL, NULL));
        ck_assert_msg(same_bits(alone, sbi_ensemble_network(ens, (size_t)m)), "member %d on %s has other bits than alone", (int)m, o.device);
        sbi_network_destroy(alone);
    }
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    sbi_context_destroy(many);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpu: training");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 100);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, cpu_and_cuda_agree_after_100_steps, SBI_OPTIMISER_NADAM, SBI_OPTIMISER_SGD + 1);
    tcase_add_loop_test(c, a_seed_gives_the_same_bits, 0, 4);
    tcase_add_test(c, a_checkpoint_goes_on_with_the_same_bits);
    tcase_add_loop_test(c, every_option, 0, OPTION_CASES);
    tcase_add_loop_test(c, every_optimiser_with_all_layers, SBI_OPTIMISER_ADAM, SBI_OPTIMISER_SGD + 1);
    tcase_add_loop_test(c, members_together_have_the_bits_of_each_alone, 0, 2);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
