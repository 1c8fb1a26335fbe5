/* SPDX-License-Identifier: Apache-2.0 */
/* Members trained side by side: the same bits as alone, in any grouping, interrupted or not; one that diverges is alone with it. */
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "exec/local.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "net/train.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

#define MEMBERS 7

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    sbi_context *ctx;
    ok(sbi_context_create(&ctx, &o));
    return ctx;
}

/* Several lanes and a short last batch; widths that fill no register, one, and several. */
static sbi_train_options small(int32_t width)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = width;
    o.epochs = 2;
    o.batch = 600;
    o.bootstrap = 1;
    o.clip_norm = 0.05;
    o.members = MEMBERS;
    return o;
}

/* ---- members alone ---- */

typedef struct file_bytes {
    void *data;
    size_t size;
} file_bytes;

/* The bytes of a network's file, through a file in `folder`. */
static file_bytes bytes_of(const sbi_network *net, const test_folder *folder)
{
    file_bytes b;
    const test_path path = folder_path(folder, "network.npz");
    ok(sbi_network_save(net, path.text));
    sbi_context *ctx = context_of(1);
    void *read;
    ok(sbi_file_read(ctx, path.text, 0, &read, &b.size));
    b.data = malloc(b.size);
    ck_assert_ptr_nonnull(b.data);
    memcpy(b.data, read, b.size);
    sbi_free(ctx, read);
    sbi_context_destroy(ctx);
    unlink(path.text);
    return b;
}

typedef struct members {
    file_bytes file[MEMBERS];
    sbi_status status[MEMBERS];
} members;

static members train_alone(const gaussians *g, const sbi_train_options *o, int32_t threads)
{
    members m = {0};
    sbi_context *ctx = context_of(threads);
    const test_folder folder = folder_make();
    for (int32_t i = 0; i < MEMBERS; i++) {
        sbi_dataset *data;
        sbi_network *net;
        sbi_train_options known;
        ok(sbi_train_options_read(&known, o));
        ok(gaussians_dataset(g, ctx, &data));
        m.status[i] = sbi_member_train(&net, ctx, data, &known, i, NULL, NULL);
        if (m.status[i] == SBI_OK) m.file[i] = bytes_of(net, &folder);
        sbi_network_destroy(net);
        sbi_dataset_destroy(data);
    }
    folder_remove(&folder);
    sbi_context_destroy(ctx);
    return m;
}

static void drop(members *m)
{
    for (int i = 0; i < MEMBERS; i++) free(m->file[i].data);
}

static void assert_member(const members *alone, int32_t i, const sbi_network *net, const char *how)
{
    const test_folder folder = folder_make();
    const file_bytes b = bytes_of(net, &folder);
    ck_assert_msg(b.size == alone->file[i].size && memcmp(b.data, alone->file[i].data, b.size) == 0,
                  "member %d has other bytes %s than alone", (int)i, how);
    free(b.data);
    folder_remove(&folder);
}

static void assert_ensemble(const members *alone, const sbi_ensemble *e, int32_t n, const char *how)
{
    ck_assert_uint_eq(sbi_ensemble_members(e), (size_t)n);
    for (int32_t i = 0; i < n; i++) assert_member(alone, i, sbi_ensemble_network(e, (size_t)i), how);
}

/* ---- the same bits ---- */

/* Through an executor with `places`; 0: what sbi_ensemble_train() does by itself. */
static void check_grouping(const gaussians *g, sbi_train_options o, const members *alone, int32_t threads, int32_t places, int32_t n)
{
    sbi_context *ctx = context_of(threads);
    sbi_executor *exec = NULL;
    sbi_dataset *data;
    sbi_ensemble *e;
    char how[80];
    snprintf(how, sizeof how, "as one of %d in a context of %d threads and %d places", (int)n, (int)threads, (int)places);
    if (places) ok(sbi_local_open(&exec, ctx, places, sbi_job_run_local, NULL));
    o.members = n;
    ok(gaussians_dataset(g, ctx, &data));
    ok(sbi_ensemble_train(&e, data, &o, exec));
    assert_ensemble(alone, e, n, how);
    sbi_ensemble_destroy(e);
    sbi_dataset_destroy(data);
    sbi_executor_close(exec);
    sbi_context_destroy(ctx);
}

START_TEST(alone_and_together_are_the_same)
{
    static const int32_t widths[] = {5, 48, 100};
    gaussians g = gaussians_make(800, 3, 0.6, 5);
    const sbi_train_options o = small(widths[_i]);
    members alone = train_alone(&g, &o, 2);
    for (int32_t threads = 1; threads <= 3; threads++)
        for (int32_t places = 0; places <= 3; places++) check_grouping(&g, o, &alone, threads, places, MEMBERS);
    for (int32_t n = 1; n < MEMBERS; n++) check_grouping(&g, o, &alone, 3, 0, n); /* fewer members than threads, and more */
    drop(&alone);
    gaussians_free(&g);
}
END_TEST

/* What decides how an ensemble is run here. */
START_TEST(small_members_are_told_from_large_ones)
{
    sbi_train_options o = small(64);
    ck_assert_int_eq(sbi_member_is_small(&o, 20, 1), 1);
    o.device = "cpu";
    ck_assert_int_eq(sbi_member_is_small(&o, 20, 1), 1);
    o.width = 1000;
    ck_assert_int_eq(sbi_member_is_small(&o, 20, 1), 0);
    o.width = 64;
    o.device = "cuda";
    ck_assert_int_eq(sbi_member_is_small(&o, 20, 1), 0);
    o.device = NULL;
    ck_assert_int_eq(sbi_member_is_small(&o, 100000, 1), 0);
    ck_assert_int_eq(sbi_member_is_small(&o, 0, 1), 0);
}
END_TEST

/* ---- interruptions ---- */

/* Once it is asked so often it says stop, to everybody. */
static int32_t cancel_at_zero(void *user)
{
    atomic_long *polls = user;
    return atomic_fetch_sub(polls, 1) <= 0;
}

static int count_checkpoints(const test_folder *folder)
{
    int n = 0;
    for (int i = 0; i < MEMBERS; i++) {
        char name[64];
        snprintf(name, sizeof name, "member-%04d.checkpoint.npz", i);
        const test_path path = folder_path(folder, name);
        n += sbi_path_exists(path.text);
    }
    return n;
}

/* One more run over what is left, in another grouping each time; 1 when it is through. */
static int run_once(const gaussians *g, const sbi_train_options *o, int turn, long questions, const members *alone)
{
    atomic_long polls;
    atomic_init(&polls, questions);
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 1 + turn % 3;
    options.cancel = cancel_at_zero;
    options.cancel_user = &polls;
    sbi_context *ctx;
    sbi_executor *exec = NULL;
    sbi_dataset *data;
    sbi_ensemble *e = NULL;
    ok(sbi_context_create(&ctx, &options));
    sbi_status status = gaussians_dataset(g, ctx, &data);
    if (turn % 4) ok(sbi_local_open(&exec, ctx, turn % 4, sbi_job_run_local, NULL));
    if (status == SBI_OK) {
        status = sbi_ensemble_train(&e, data, o, exec);
        sbi_dataset_destroy(data);
    }
    sbi_executor_close(exec);
    if (status == SBI_OK) {
        atomic_store(&polls, LONG_MAX);
        assert_ensemble(alone, e, MEMBERS, "interrupted and resumed");
    } else {
        ck_assert_msg(status == SBI_ERR_CANCELLED, "%s: %s", sbi_status_name(status), sbi_last_error());
        ck_assert_ptr_null(e);
    }
    sbi_ensemble_destroy(e);
    sbi_context_destroy(ctx);
    return status == SBI_OK;
}

START_TEST(resumed_in_other_groupings)
{
    const test_folder folder = folder_make();
    gaussians g = gaussians_make(800, 3, 0.6, 6);
    sbi_train_options o = small(24);
    o.epochs = 20;
    members alone = train_alone(&g, &o, 1);
    o.campaign = folder.path;
    int interruptions = 0, most = 0;
    while (!run_once(&g, &o, interruptions, 1500 + 200 * _i + 20 * interruptions, &alone)) {
        const int n = count_checkpoints(&folder);
        most = n > most ? n : most;
        ck_assert_int_lt(++interruptions, 300);
    }
    ck_assert_int_ge(interruptions, 3);
    ck_assert_int_ge(most, 2); /* several were stopped on their way at once, each with a checkpoint of its own */
    ck_assert_int_eq(count_checkpoints(&folder), 0);
    drop(&alone);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* ---- one that diverges ---- */

/* An event so far out that whoever's bootstrap draws it diverges. */
static gaussians with_an_outlier(void)
{
    gaussians g = gaussians_make(500, 3, 0.6, 7);
    for (int64_t j = 0; j < g.d; j++) g.x[0][j] = 3e38f;
    return g;
}

static void assert_kept(const char *folder, const members *alone)
{
    sbi_context *ctx = context_of(1);
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_campaign *campaign;
    o.read_only = 1;
    ok(sbi_campaign_open(&campaign, ctx, folder, &o));
    ck_assert_uint_eq(sbi_campaign_count(campaign), MEMBERS);
    for (int32_t i = 0; i < MEMBERS; i++) {
        sbi_campaign_report r = {.struct_size = (uint32_t)sizeof r};
        ok(sbi_campaign_report_get(campaign, (size_t)i, &r));
        ck_assert_int_eq(r.state, alone->status[i] == SBI_OK ? SBI_TASK_DONE : SBI_TASK_FAILED);
        if (r.state != SBI_TASK_DONE) continue;
        sbi_text bytes;
        sbi_network *net;
        sbi_text_init(&bytes, ctx);
        ok(sbi_jobs_result(campaign, r.key, &bytes));
        ok(sbi_network_load_memory(&net, ctx, bytes.data, bytes.size, r.key));
        assert_member(alone, i, net, "beside some that diverge");
        sbi_network_destroy(net);
        sbi_text_clear(&bytes);
    }
    sbi_campaign_close(campaign);
    sbi_context_destroy(ctx);
}

START_TEST(one_that_diverges_does_not_stop_the_others)
{
    gaussians g = with_an_outlier();
    sbi_train_options o = small(8);
    o.activation = SBI_ACTIVATION_RELU;
    o.standardise = SBI_STANDARDISE_NONE;
    o.validation_fraction = 0;
    o.initial_gain = 2;
    members alone = train_alone(&g, &o, 1);
    int first = -1, diverged = 0;
    for (int i = MEMBERS - 1; i >= 0; i--) {
        if (alone.status[i] == SBI_OK) continue;
        ck_assert_int_eq(alone.status[i], SBI_ERR_DIVERGED);
        first = i;
        diverged++;
    }
    ck_assert_msg(diverged >= 1 && diverged < MEMBERS && first < MEMBERS - 1, "%d diverge, the first %d", diverged, first);
    const test_folder folder = folder_make();
    sbi_context *ctx = context_of(1 + _i);
    sbi_dataset *data;
    sbi_ensemble *e;
    char expected[64];
    snprintf(expected, sizeof expected, "training member %d: epoch 1, batch ", first);
    o.campaign = folder.path;
    ok(gaussians_dataset(&g, ctx, &data));
    ck_assert_int_eq(sbi_ensemble_train(&e, data, &o, NULL), SBI_ERR_DIVERGED);
    ck_assert_ptr_null(e);
    ck_assert_msg(strstr(sbi_last_error(), expected), "%s, expected %s", sbi_last_error(), expected);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    assert_kept(folder.path, &alone);
    folder_remove(&folder);
    drop(&alone);
    gaussians_free(&g);
}
END_TEST

/* ---- progress and memory ---- */

typedef struct seen {
    double last;
    int complete;
} seen;

/* Members of a group add up: what is told never goes back, and ends at the total once. */
static void on_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    seen *s = user;
    (void)detail;
    ck_assert_str_eq(stage, "campaign");
    ck_assert_double_eq(total, MEMBERS);
    ck_assert_double_ge(done, s->last);
    ck_assert_double_le(done, total);
    s->last = done;
    s->complete += done == total;
}

START_TEST(progress_ends_at_the_total)
{
    seen s = {0, 0};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    options.progress = on_progress;
    options.progress_user = &s;
    sbi_context *ctx;
    sbi_dataset *data;
    sbi_ensemble *e;
    gaussians g = gaussians_make(3000, 3, 0.6, 8);
    const sbi_train_options o = small(24);
    ok(sbi_context_create(&ctx, &options));
    ok(gaussians_dataset(&g, ctx, &data));
    ok(sbi_ensemble_train(&e, data, &o, NULL));
    ck_assert_int_eq(s.complete, 1);
    sbi_ensemble_destroy(e);
    sbi_dataset_destroy(data);
    gaussians_free(&g);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status train_body(sbi_context *ctx, void *arg)
{
    sbi_train_options o = small(4);
    sbi_dataset *data = NULL;
    sbi_ensemble *e = NULL;
    o.epochs = 1;
    o.depth = 1;
    o.members = 2;
    o.validation_fraction = 0;
    sbi_status status = gaussians_dataset(arg, ctx, &data);
    if (status == SBI_OK) status = sbi_ensemble_train(&e, data, &o, NULL);
    ck_assert((status == SBI_OK) == (e != NULL));
    sbi_ensemble_destroy(e);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    gaussians g = gaussians_make(20, 2, 0.6, 9);
    for (int all = 0; all < 2; all++) {
        const torture_report report = torture_allocations(train_body, &g, 2, all);
        ck_assert_int_gt(report.requests, 100);
    }
    gaussians_free(&g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: members together");
    TCase *c = tcase_create("together");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, alone_and_together_are_the_same, 0, 3);
    tcase_add_test(c, small_members_are_told_from_large_ones);
    tcase_add_loop_test(c, resumed_in_other_groupings, 0, 2);
    tcase_add_loop_test(c, one_that_diverges_does_not_stop_the_others, 0, 3);
    tcase_add_test(c, progress_ends_at_the_total);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
