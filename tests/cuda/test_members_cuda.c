/* SPDX-License-Identifier: Apache-2.0 */
/* Members of an ensemble on CUDA devices: side by side on one, spread over several, on from a device that is lost; always with the bits of a
 * member that is trained alone. */
#include <glob.h>
#include <string.h>

#include "cuda/standin_device.h"
#include "device/list.h"
#include "jobs/job.h"
#include "net/member_devices.h"
#include "sbi/campaign.h"
#include "sbi/search.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

enum { MEMBERS = 5 };

static sbi_context *ctx;
static gaussians events;

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    sbi_context *c;
    o.threads = threads;
    ok(sbi_context_create(&c, &o));
    return c;
}

static void set_up(void)
{
    cuda_standin_reset(STANDIN_MEMORY, 2);
    cuda_standin_set_order(CUDA_STANDIN_FORWARD, 1);
    ctx = context_of(4);
    events = gaussians_make(300, 3, 1.0, 3);
}

static void tear_down(void)
{
    gaussians_free(&events);
    sbi_context_destroy(ctx);
    standin_check_clean();
}

static sbi_train_options small(const char *device)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 12;
    o.epochs = 3;
    o.batch = 60;
    o.dropout = 0.1;
    o.bootstrap = 1;
    o.members = MEMBERS;
    o.checkpoint_seconds = 0;
    o.device = device;
    return o;
}

typedef struct alone {
    sbi_network *net[MEMBERS];
    sbi_status status[MEMBERS];
} alone;

/* Each by itself, on the device of the options. */
static alone train_each(sbi_train_options o)
{
    alone a = {0};
    sbi_train_options known;
    sbi_dataset *data;
    ok(sbi_train_options_read(&known, &o));
    ok(gaussians_dataset(&events, ctx, &data));
    for (int32_t m = 0; m < MEMBERS; m++) a.status[m] = sbi_member_train(&a.net[m], ctx, data, &known, m, NULL, NULL);
    sbi_dataset_destroy(data);
    return a;
}

static alone train_alone(sbi_train_options o)
{
    o.device = "cuda";
    return train_each(o);
}

static void drop(alone *a)
{
    for (int m = 0; m < MEMBERS; m++) sbi_network_destroy(a->net[m]);
}

static void assert_same(const sbi_network *a, const sbi_network *b, int member)
{
    ck_assert_int_eq(a->epochs, b->epochs);
    ck_assert_msg(memcmp(a->params, b->params, (size_t)a->mlp.n * sizeof(float)) == 0, "member %d has other bits than alone", member);
    ck_assert_msg(memcmp(a->history, b->history, (size_t)a->epochs * SBI_HISTORY_COLUMNS * sizeof(double)) == 0,
                  "member %d has another history than alone", member);
}

static sbi_status try_ensemble(sbi_context *c, const sbi_train_options *o, sbi_ensemble **ens)
{
    sbi_dataset *data;
    ok(gaussians_dataset(&events, c, &data));
    sbi_status status = sbi_ensemble_train(ens, data, o, NULL);
    sbi_dataset_destroy(data);
    return status;
}

static void assert_ensemble(sbi_context *c, const sbi_train_options *o, const alone *a)
{
    sbi_ensemble *ens;
    ok(try_ensemble(c, o, &ens));
    ck_assert_uint_eq(sbi_ensemble_members(ens), MEMBERS);
    for (int m = 0; m < MEMBERS; m++) assert_same(sbi_ensemble_network(ens, (size_t)m), a->net[m], m);
    sbi_ensemble_destroy(ens);
}

START_TEST(side_by_side_on_one_device)
{
    static const char *const devices[] = {"cuda", "cuda:0?precision=f16", "cuda:0?graph=0"};
    sbi_train_options o = small(devices[_i]);
    alone a = train_each(o);
    for (int m = 0; m < MEMBERS; m++) ok(a.status[m]);
    const int64_t graphs = cuda_standin_count(CUDA_STANDIN_GRAPHS);
    ck_assert_int_eq(graphs > 10 * MEMBERS, _i != 2);
    cuda_standin_reset(STANDIN_MEMORY, 1);
    cuda_standin_set_order(CUDA_STANDIN_RANDOM, 7);
    assert_ensemble(ctx, &o, &a);
    ck_assert_int_ge(cuda_standin_count(CUDA_STANDIN_STREAMS), 2);
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_GRAPHS), graphs);
    /* One thread, one member at a time. */
    cuda_standin_reset(STANDIN_MEMORY, 1);
    sbi_context *one = context_of(1);
    assert_ensemble(one, &o, &a);
    ck_assert_int_eq(cuda_standin_count(CUDA_STANDIN_STREAMS), 1);
    sbi_context_destroy(one);
    drop(&a);
}
END_TEST

/* What decides how many there are at once. */
START_TEST(as_many_as_fit)
{
    static const struct {
        size_t megabytes;
        int32_t width, each;
    } cases[] = {{2000, 12, SBI_MEMBERS_A_DEVICE}, {700, 12, 5}, {300, 12, 2}, {100, 12, 1}, {2000, 600, 1}};
    sbi_dataset *data;
    ok(gaussians_dataset(&events, ctx, &data));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbi_train_options o = small("cuda:*");
        sbi_member_devices *devices;
        int32_t each;
        cuda_standin_reset(cases[i].megabytes * 1000000, 3);
        o.width = cases[i].width;
        ok(sbi_member_devices_open(&devices, ctx, o.device, 1));
        ck_assert_int_eq(sbi_member_devices_count(devices), 3);
        ok(sbi_member_devices_together(&each, devices, &o, data));
        ck_assert_int_eq(each, cases[i].each);
        sbi_member_devices_close(devices);
    }
    sbi_dataset_destroy(data);
}
END_TEST

/* The estimate is no less than what a member takes. */
START_TEST(a_member_takes_no_more_than_was_thought)
{
    sbi_train_options o = small("cuda?precision=f16");
    o.width = 300;
    o.depth = 3;
    o.residual = 2;
    o.layer_norm = 1;
    o.averaging = SBI_AVERAGING_EMA;
    o.batch = 600;
    o.epochs = 1;
    o.members = 1;
    sbi_dataset *data;
    sbi_member_devices *devices;
    sbi_ensemble *ens;
    int32_t each;
    ok(gaussians_dataset(&events, ctx, &data));
    ok(sbi_member_devices_open(&devices, ctx, o.device, 1));
    size_t enough = 100000000; /* with which two are thought to fit: one must in half of it */
    do {
        enough += 1000000;
        cuda_standin_reset(enough, 1);
        ok(sbi_member_devices_together(&each, devices, &o, data));
    } while (each < 2 && enough < 800000000);
    ck_assert_int_eq(each, 2);
    cuda_standin_reset(enough / 4, 1);
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    ck_assert_int_gt(cuda_standin_count(CUDA_STANDIN_GRAPHS) + cuda_standin_count(CUDA_STANDIN_PRODUCTS), 0);
    sbi_ensemble_destroy(ens);
    sbi_member_devices_close(devices);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(spread_over_two_devices)
{
    static const char *const devices[] = {"cuda:*", "cuda:0,1", "cuda:1,0?graph=0"};
    alone a = train_alone(small(NULL));
    for (int32_t threads = 1; threads <= 4; threads += 3) {
        sbi_context *c = context_of(threads);
        sbi_train_options o = small(devices[_i]);
        cuda_standin_reset(STANDIN_MEMORY, 2);
        assert_ensemble(c, &o, &a);
        ck_assert_int_gt(cuda_standin_launched(0), 100);
        ck_assert_int_gt(cuda_standin_launched(1), 100);
        sbi_context_destroy(c);
    }
    drop(&a);
}
END_TEST

/* One device is lost in the middle: its members go on on the other, with and without checkpoints. */
START_TEST(one_of_two_devices_is_lost)
{
    alone a = train_alone(small(NULL));
    const int32_t threads = _i & 1 ? 4 : 1;
    const int with_folder = _i & 2;
    sbi_context *c = context_of(threads);
    test_folder folder = folder_make();
    sbi_train_options o = small("cuda:*");
    if (with_folder) o.campaign = folder.path;
    cuda_standin_reset(STANDIN_MEMORY, 2);
    cuda_standin_lose(1, 400);
    assert_ensemble(c, &o, &a);
    ck_assert_int_gt(cuda_standin_launched(1), 50);
    ck_assert_int_gt(cuda_standin_launched(0), cuda_standin_launched(1));
    sbi_context_destroy(c);
    folder_remove(&folder);
    drop(&a);
}
END_TEST

/* All are lost: one line, checkpoints stay, and another run goes on from them with what there is then. */
START_TEST(all_devices_are_lost)
{
    alone a = train_alone(small(NULL));
    test_folder folder = folder_make();
    sbi_train_options o = small("cuda:*");
    sbi_ensemble *ens;
    o.campaign = folder.path;
    cuda_standin_reset(STANDIN_MEMORY, 2);
    cuda_standin_lose(0, 700);
    cuda_standin_lose(1, 400);
    const sbi_status status = try_ensemble(ctx, &o, &ens);
    ck_assert_msg(status == SBI_ERR_TRANSIENT, "%s: %s", sbi_status_name(status), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), "lost") && !strchr(sbi_last_error(), '\n'), "%s", sbi_last_error());
    ck_assert_ptr_null(ens);
    test_path checkpoints = folder_path(&folder, "member-*.checkpoint.npz");
    glob_t found;
    ck_assert_int_eq(glob(checkpoints.text, 0, NULL, &found), 0); /* of those that had begun and were not done, which depends on the threads */
    globfree(&found);
    cuda_standin_reset(STANDIN_MEMORY, 1);
    o.device = "cuda:0"; /* the same tasks: those that are done stay so */
    assert_ensemble(ctx, &o, &a);
    ck_assert_int_gt(cuda_standin_launched(0), 0);
    cuda_standin_reset(STANDIN_MEMORY, 1);
    assert_ensemble(ctx, &o, &a);
    ck_assert_int_eq(cuda_standin_launched(0), 0);
    folder_remove(&folder);
    drop(&a);
}
END_TEST

/* Members that diverge, by an event that their bootstrap draws; the others are kept. */
START_TEST(some_that_diverge)
{
    for (int64_t j = 0; j < events.d; j++) events.x[0][j] = 3e38f;
    sbi_train_options o = small(_i ? "cuda:*" : "cuda");
    o.activation = SBI_ACTIVATION_RELU;
    o.initial_gain = 10;
    o.standardise = SBI_STANDARDISE_NONE;
    o.validation_fraction = 0;
    o.dropout = 0;
    alone a = train_alone(o);
    int diverged = 0;
    for (int m = 0; m < MEMBERS; m++) {
        diverged += a.status[m] == SBI_ERR_DIVERGED;
        ck_assert(a.status[m] == SBI_OK || a.status[m] == SBI_ERR_DIVERGED);
    }
    ck_assert_msg(diverged >= 1 && diverged < MEMBERS, "%d diverge", diverged);
    test_folder folder = folder_make();
    sbi_ensemble *ens;
    o.campaign = folder.path;
    ck_assert_int_eq(try_ensemble(ctx, &o, &ens), SBI_ERR_DIVERGED);
    sbi_campaign_options co = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_campaign *campaign;
    co.read_only = 1;
    ok(sbi_campaign_open(&campaign, ctx, folder.path, &co));
    for (size_t m = 0; m < MEMBERS; m++) {
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        ok(sbi_campaign_report_get(campaign, m, &r));
        ck_assert_int_eq(r.state, a.status[m] == SBI_OK ? SBI_TASK_DONE : SBI_TASK_FAILED);
    }
    sbi_campaign_close(campaign);
    folder_remove(&folder);
    drop(&a);
}
END_TEST

START_TEST(lists_of_devices)
{
    static const char *const wrong[] = {"cuda:0,", "cuda:,1", "cuda:0,0", "cuda:0,x", "cuda:*,1", "cuda:1*", "cuda,1", "cuda:0,-1", "cuda:0,99999"};
    sbi_device_list list;
    char name[2 * SBI_DEVICE_NAME_SIZE];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(sbi_device_is_list(wrong[i]), "%s", wrong[i]);
        ck_assert_int_eq(sbi_device_list_read(&list, ctx, wrong[i]), SBI_ERR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), wrong[i]));
    }
    static const char *const single[] = {NULL, "cpu", "cuda", "cuda:1", "cuda:1?precision=f16", "cpu?emulated=1"};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++) {
        ck_assert(!sbi_device_is_list(single[i]));
        ok(sbi_device_list_read(&list, ctx, single[i]));
        sbi_device_list_name(&list, 0, name);
        ck_assert_int_eq(list.n, 1);
        ck_assert_str_eq(name, single[i] ? single[i] : "cpu");
    }
    ok(sbi_device_list_read(&list, ctx, "cuda:3,0?precision=bf16"));
    ck_assert_int_eq(list.n, 2);
    sbi_device_list_name(&list, 0, name);
    ck_assert_str_eq(name, "cuda:3?precision=bf16");
    ok(sbi_device_list_read(&list, ctx, "cuda:*?graph=0"));
    ck_assert_int_eq(list.n, 2);
    sbi_device_list_name(&list, 1, name);
    ck_assert_str_eq(name, "cuda:1?graph=0");
    /* One network wants one device; a device that there is not, no device, and no driver are said before anything is trained. */
    sbi_train_options o = small("cuda:*");
    sbi_dataset *data;
    sbi_network *net;
    sbi_ensemble *ens;
    ok(gaussians_dataset(&events, ctx, &data));
    ck_assert_int_eq(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "several devices are for the members of an ensemble"));
    o.device = "cuda:0,2";
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, NULL), SBI_ERR_NOT_FOUND);
    ck_assert_str_eq(sbi_last_error(), "device cuda:2: there are 2, counted from 0");
    cuda_standin_reset(STANDIN_MEMORY, 0);
    o.device = "cuda:*";
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, NULL), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "has no device"));
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    standin_use_plugin();
    Suite *suite = suite_create("cuda: members");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, side_by_side_on_one_device, 0, 3);
    tcase_add_test(c, as_many_as_fit);
    tcase_add_test(c, a_member_takes_no_more_than_was_thought);
    tcase_add_loop_test(c, spread_over_two_devices, 0, 3);
    tcase_add_loop_test(c, one_of_two_devices_is_lost, 0, 4);
    tcase_add_test(c, all_devices_are_lost);
    tcase_add_loop_test(c, some_that_diverge, 0, 2);
    tcase_add_test(c, lists_of_devices);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
