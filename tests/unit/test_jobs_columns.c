/* SPDX-License-Identifier: Apache-2.0 */
/* Columns as tasks: the bits of one pass whatever the cuts, executors and threads; resuming; packed stores; what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "io/column.h"
#include "io/npy.h"
#include "jobs/job.h"
#include "net/network.h"
#include "sbi/campaign.h"
#include "sbi/columns.h"
#include "sbi/model.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static test_folder folder;
static test_path features;

enum { N = 9000, D = 3 };

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s", sbi_status_name(status), sbi_status_name(expected));
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

static float x[N * D];

static void set_up(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    ok(sbi_context_create(&ctx, &o));
    folder = folder_make();
    features = folder_path(&folder, "x.npy");
    for (int i = 0; i < N * D; i++) x[i] = (float)sbi_random_normal(61, 0, (uint64_t)i);
    const sbi_array view = sbi_array_2d(x, SBI_F32, N, D);
    ok(sbi_npy_write(ctx, features.text, &view));
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

/* Random networks of one hidden layer with `inputs` inputs, of which those after the first D are theta. */
static sbi_ensemble *ensemble(sbi_context *own, int inputs, int members, uint64_t seed)
{
    enum { WIDTH = 19 };
    sbi_network *nets[4] = {NULL};
    sbi_ensemble *ens = NULL;
    double w0[WIDTH * 8], b0[WIDTH], w1[WIDTH], b1[1];
    for (int m = 0; m < members; m++) {
        for (int i = 0; i < WIDTH * inputs; i++) w0[i] = 0.5 * sbi_random_normal(seed, (uint64_t)m, (uint64_t)i);
        for (int i = 0; i < WIDTH; i++) {
            b0[i] = 0.1 * i;
            w1[i] = 0.2 * sbi_random_normal(seed + 1, (uint64_t)m, (uint64_t)i);
        }
        b1[0] = 0.05 * m;
        const sbi_array w[2] = {sbi_array_2d(w0, SBI_F64, WIDTH, inputs), sbi_array_2d(w1, SBI_F64, 1, WIDTH)};
        const sbi_array b[2] = {sbi_array_1d(b0, SBI_F64, WIDTH), sbi_array_1d(b1, SBI_F64, 1)};
        sbi_network_form form = SBI_NETWORK_FORM_INIT;
        form.theta = inputs - D;
        if (sbi_network_create_with(&nets[m], own, 2, w, b, &form, NULL, NULL) != SBI_OK) break;
    }
    if (nets[members - 1] && sbi_ensemble_create(&ens, own, nets, (size_t)members) != SBI_OK) ens = NULL;
    for (int m = 0; m < members; m++) sbi_network_destroy(nets[m]);
    return ens;
}

static void *read_all(const char *path, sbi_array *view)
{
    sbi_npy *npy;
    ok(sbi_npy_map(&npy, ctx, path));
    ok(sbi_npy_array(npy, view));
    size_t bytes = sbi_dtype_size(view->dtype);
    for (int k = 0; k < view->ndim; k++) bytes *= (size_t)view->shape[k];
    void *copy = malloc(bytes);
    memcpy(copy, view->data, bytes);
    sbi_npy_unmap(npy);
    view->data = copy;
    return copy;
}

START_TEST(any_cut_gives_the_same_bits)
{
    sbi_ensemble *ens = ensemble(ctx, D, 3, 1);
    const test_path r = folder_path(&folder, "r.npy"), s = folder_path(&folder, "s.npy"), whole = folder_path(&folder, "whole.npy"),
                    whole_s = folder_path(&folder, "whole_s.npy");
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.output = SBI_RATIO_LOG;
    o.dtype = SBI_F32;
    o.spread = whole_s.text;
    ok(sbi_ratio_write(ens, features.text, whole.text, &o));
    sbi_array a, b;
    void *expected = read_all(whole.text, &a), *expected_s = read_all(whole_s.text, &a);
    static const int64_t cuts[] = {1, 2049, 4096, 100000};
    for (size_t k = 0; k < 5; k++) {
        char name[32];
        snprintf(name, sizeof name, "campaign-%zu", k);
        const test_path campaign = folder_path(&folder, name);
        sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
        sbi_column column = SBI_COLUMN_INIT;
        sbi_executor *exec = NULL;
        c.output = SBI_RATIO_LOG;
        c.dtype = SBI_F32;
        if (k < 4) {
            c.events_a_task = cuts[k];
            c.campaign = campaign.text;
        } /* the last: here, without tasks */
        column.ensemble = ens;
        column.path = r.text;
        column.spread = s.text;
        if (k == 1) ok(sbi_executor_open(&exec, ctx, "local", "{\"threads\":2}"));
        ok(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, exec));
        sbi_executor_close(exec);
        void *got = read_all(r.text, &b), *got_s = read_all(s.text, &b);
        ck_assert_int_eq(b.shape[0], N);
        ck_assert_mem_eq(got, expected, N * 4);
        ck_assert_mem_eq(got_s, expected_s, N * 4);
        free(got);
        free(got_s);
    }
    free(expected);
    free(expected_s);
    sbi_ensemble_destroy(ens);
}
END_TEST

/* Asks to stop once two results lie in the campaign's folder. */
static int32_t stop(void *user)
{
    DIR *d = opendir(user);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n >= 2;
}

static size_t count_done(const char *path, size_t *all)
{
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    o.read_only = 1;
    ok(sbi_campaign_open(&c, ctx, path, &o));
    size_t done = 0;
    *all = sbi_campaign_count(c);
    for (size_t i = 0; i < *all; i++) {
        sbi_campaign_report r = {.struct_size = sizeof r};
        ok(sbi_campaign_report_get(c, i, &r));
        done += r.state == SBI_TASK_DONE;
    }
    sbi_campaign_close(c);
    return done;
}

START_TEST(a_campaign_resumes)
{
    /* The last range has a bad row: the tasks before it are kept. */
    sbi_ensemble *ens = ensemble(ctx, D, 2, 5);
    const test_path r = folder_path(&folder, "r.npy"), campaign = folder_path(&folder, "c"), bad = folder_path(&folder, "bad.npy");
    sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
    sbi_column column = SBI_COLUMN_INIT;
    c.events_a_task = 2048;
    c.campaign = campaign.text;
    column.ensemble = ens;
    column.path = r.text;
    x[(N - 1) * D + 1] = NAN;
    const sbi_array view = sbi_array_2d(x, SBI_F32, N, D);
    ok(sbi_npy_write(ctx, bad.text, &view));
    x[(N - 1) * D + 1] = 0.5f;
    const int before = folder_count(&folder);
    fails(sbi_columns_evaluate(ctx, bad.text, &column, 1, &c, NULL), SBI_ERR_VALUE, "row");
    ck_assert_int_eq(folder_count(&folder), before + 1); /* the campaign, no column */
    size_t all;
    ck_assert_uint_eq(count_done(campaign.text, &all), 4);
    ck_assert_uint_eq(all, 5);
    /* Another file in this folder would leave the old task in the way. */
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_STATE, "unfinished tasks of other columns");
    const test_path fresh = folder_path(&folder, "c2");
    c.campaign = fresh.text;
    ok(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL));
    /* All done: asked again, nothing runs, and the column is there again. A result that was lost is computed again. */
    ck_assert_int_eq(remove(r.text), 0);
    ok(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL));
    ck_assert_uint_eq(count_done(fresh.text, &all), 5);
    sbi_array a;
    free(read_all(r.text, &a));
    ck_assert_int_eq(a.shape[0], N);
    sbi_ensemble_destroy(ens);
}
END_TEST

/* Stopped in the middle: no column, finished tasks are kept, and the next run does only the others. */
START_TEST(a_stopped_campaign_goes_on)
{
    sbi_context *own;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    const test_path r = folder_path(&folder, "r.npy"), campaign = folder_path(&folder, "c");
    test_path results = folder_path(&folder, "c/results");
    o.threads = 1;
    o.cancel = stop;
    o.cancel_user = results.text;
    ok(sbi_context_create(&own, &o));
    sbi_ensemble *ens = ensemble(own, D, 2, 5), *same = ensemble(ctx, D, 2, 5);
    sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
    sbi_column column = SBI_COLUMN_INIT;
    c.events_a_task = 2048;
    c.campaign = campaign.text;
    column.ensemble = ens;
    column.path = r.text;
    fails(sbi_columns_evaluate(own, features.text, &column, 1, &c, NULL), SBI_ERR_CANCELLED, "");
    ck_assert_int_eq(access(r.text, F_OK), -1);
    size_t all;
    const size_t before = count_done(campaign.text, &all);
    ck_assert(before >= 2 && before < all);
    column.ensemble = same;
    ok(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL));
    sbi_campaign *opened;
    ok(sbi_campaign_open(&opened, ctx, campaign.text, NULL));
    int attempts = 0;
    for (size_t i = 0; i < all; i++) {
        sbi_campaign_report report = {.struct_size = sizeof report};
        ok(sbi_campaign_report_get(opened, i, &report));
        ck_assert_int_eq(report.state, SBI_TASK_DONE);
        attempts += report.attempts;
    }
    ck_assert_int_le(attempts, (int)(2 * all - before)); /* what was done did not run again */
    sbi_campaign_close(opened);
    double *expected = malloc(N * sizeof *expected);
    const sbi_array view = sbi_array_2d(x, SBI_F32, N, D);
    ok(sbi_ratio_evaluate(same, &view, expected, NULL, NULL));
    sbi_array a;
    void *got = read_all(r.text, &a);
    ck_assert_mem_eq(got, expected, N * sizeof *expected);
    free(got);
    free(expected);
    sbi_ensemble_destroy(ens);
    sbi_ensemble_destroy(same);
    sbi_context_destroy(own);
}
END_TEST

START_TEST(a_packed_store_is_that_of_columns)
{
    enum { P = 2, K = 2 };
    sbi_ensemble *plain = ensemble(ctx, D, 2, 7), *wide = ensemble(ctx, D + 2, 2, 9);
    static const double alpha[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    sbi_column columns[P * K * 2];
    for (int i = 0; i < P * K * 2; i++) sbi_column_init(&columns[i]);
    for (int i = 0; i < 2; i++) columns[i].ensemble = plain; /* sample 0, parameter 0; parameter 1 does not vary it */
    for (int i = 4; i < 8; i++) {
        columns[i].ensemble = wide;
        columns[i].theta = alpha[i - 4];
        columns[i].n_theta = 2;
    }
    /* The columns one by one. */
    double *l[8] = {NULL};
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.output = SBI_RATIO_LOG;
    for (int i = 0; i < 8; i++) {
        if (!columns[i].ensemble) continue;
        const int d = D + (int)columns[i].n_theta;
        float *rows = malloc((size_t)(N * d) * sizeof *rows);
        for (int e = 0; e < N; e++)
            for (int j = 0; j < d; j++) rows[e * d + j] = j < D ? x[e * D + j] : (float)columns[i].theta[j - D];
        l[i] = malloc(N * sizeof(double));
        const sbi_array view = sbi_array_2d(rows, SBI_F32, N, d);
        ok(sbi_ratio_evaluate(columns[i].ensemble, &view, l[i], NULL, &o));
        free(rows);
    }
    const test_path store = folder_path(&folder, "store.npy");
    for (int tasks = 0; tasks < 2; tasks++) {
        for (int32_t dtype = SBI_F16; dtype <= SBI_F64; dtype++) {
            char name[16];
            snprintf(name, sizeof name, "c%d", (int)dtype);
            const test_path own = folder_path(&folder, name);
            sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
            c.dtype = dtype;
            c.events_a_task = 5000; /* becomes 6144 */
            if (tasks) c.campaign = own.text;
            ok(sbi_columns_pack(ctx, features.text, store.text, P, K, columns, &c, NULL));
            sbi_array a;
            char *data = read_all(store.text, &a);
            ck_assert_int_eq(a.ndim, 5);
            ck_assert_int_eq(a.shape[0], 5);
            ck_assert_int_eq(a.dtype, dtype);
            static const double precision[3] = {5e-4, 6e-8, 0};
            for (int64_t k = 0; k < 5 * 8 * 2048; k++) {
                const int64_t event = k / (8 * 2048) * 2048 + k % 2048, column = k / 2048 % 8;
                const double got = sbi_element_f64(data + k * (int64_t)sbi_dtype_size(dtype), dtype);
                const double want = event < N && l[column] ? l[column][event] : 0;
                ck_assert_msg(fabs(got - want) <= precision[dtype - SBI_F16] * (fabs(want) + 1e-3), "event %lld, column %lld: %g, expected %g",
                              (long long)event, (long long)column, got, want);
            }
            free(data);
        }
    }
    for (int i = 0; i < 8; i++) free(l[i]);
    sbi_ensemble_destroy(plain);
    sbi_ensemble_destroy(wide);
}
END_TEST

/* A task of its own, from files alone, as a worker elsewhere runs it: the result is that of the attachment. */
typedef struct bytes {
    char data[200000];
    size_t size;
} bytes;

static sbi_status take(void *user, const void *data, size_t size)
{
    bytes *b = user;
    ck_assert_uint_le(b->size + size, sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return SBI_OK;
}

START_TEST(tasks_run_from_files)
{
    sbi_ensemble *ens = ensemble(ctx, D, 2, 11);
    const test_path r = folder_path(&folder, "r.npy"), campaign = folder_path(&folder, "c");
    sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
    sbi_column column = SBI_COLUMN_INIT;
    c.events_a_task = 4096;
    c.campaign = campaign.text;
    column.ensemble = ens;
    column.path = r.text;
    ok(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL));
    sbi_campaign *opened;
    ok(sbi_campaign_open(&opened, ctx, campaign.text, NULL));
    for (size_t i = 0; i < sbi_campaign_count(opened); i++) {
        static bytes here, there;
        here.size = there.size = 0;
        sbi_task task = SBI_TASK_INIT;
        sbi_campaign_report report = {.struct_size = sizeof report};
        ok(sbi_campaign_spec(opened, i, &task.spec, &task.spec_size));
        ok(sbi_campaign_report_get(opened, i, &report));
        sbi_sink sink = {sizeof sink, 0, take, &here}, other = {sizeof other, 0, take, &there};
        ok(sbi_job_run(ctx, &task, NULL, NULL, &sink));
        ok(sbi_campaign_result(opened, report.key, &other));
        ck_assert_uint_eq(here.size, there.size);
        ck_assert_mem_eq(here.data, there.data, here.size);
    }
    sbi_campaign_close(opened);
    sbi_ensemble_destroy(ens);
}
END_TEST

START_TEST(what_is_refused)
{
    sbi_ensemble *ens = ensemble(ctx, D, 1, 13);
    const test_path r = folder_path(&folder, "r.npy");
    sbi_column column = SBI_COLUMN_INIT;
    sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
    sbi_executor *exec;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_ARGUMENT, "column 0: ensemble or path is NULL");
    column.ensemble = ens;
    column.path = r.text;
    ok(sbi_executor_open(&exec, ctx, "local", NULL));
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, exec), SBI_ERR_ARGUMENT, "campaign folder");
    sbi_executor_close(exec);
    c.dtype = SBI_F16;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_ARGUMENT, "SBI_F16");
    c.dtype = SBI_F64;
    c.events_a_task = 0;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_ARGUMENT, "events_a_task");
    c.events_a_task = 1;
    column.n_theta = 1;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_ARGUMENT, "theta is NULL");
    static const double one[1] = {1};
    column.theta = one;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_SHAPE, "theta");
    column.theta = NULL;
    column.n_theta = 0;
    column.numerator = 2;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_ARGUMENT, "numerator is 2");
    column.numerator = 1;
    column.correction = 0;
    fails(sbi_columns_evaluate(ctx, features.text, &column, 1, &c, NULL), SBI_ERR_ARGUMENT, "correction");
    column.correction = 1;
    fails(sbi_columns_evaluate(ctx, "/no/such.npy", &column, 1, &c, NULL), SBI_ERR_NOT_FOUND, "/no/such.npy");
    fails(sbi_columns_pack(ctx, features.text, r.text, 0, 1, &column, &c, NULL), SBI_ERR_ARGUMENT, "0 samples");
    sbi_ensemble_destroy(ens);
}
END_TEST

typedef struct tortured {
    test_path in, out, campaign;
    int tasks;
    int counter;
} tortured;

static sbi_status body(sbi_context *own, void *arg)
{
    tortured *t = arg;
    sbi_ensemble *ens = ensemble(own, D, 1, 15);
    if (!ens) return SBI_ERR_NO_MEMORY;
    sbi_column columns[2] = {SBI_COLUMN_INIT, SBI_COLUMN_INIT};
    sbi_columns_options c = SBI_COLUMNS_OPTIONS_INIT;
    char own_campaign[600];
    snprintf(own_campaign, sizeof own_campaign, "%s-%d", t->campaign.text, t->counter++);
    if (t->tasks) c.campaign = own_campaign;
    columns[0].ensemble = columns[1].ensemble = ens;
    sbi_status status = sbi_columns_pack(own, t->in.text, t->out.text, 1, 1, columns, &c, NULL);
    sbi_ensemble_destroy(ens);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    tortured t = {folder_path(&folder, "few.npy"), folder_path(&folder, "p.npy"), folder_path(&folder, "t"), _i, 0};
    const sbi_array view = sbi_array_2d(x, SBI_F32, 30, D);
    ok(sbi_npy_write(ctx, t.in.text, &view));
    ck_assert_int_gt(torture_allocations(body, &t, 1, _i).requests, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: columns");
    TCase *c = tcase_create("columns");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, any_cut_gives_the_same_bits);
    tcase_add_test(c, a_campaign_resumes);
    tcase_add_test(c, a_stopped_campaign_goes_on);
    tcase_add_test(c, a_packed_store_is_that_of_columns);
    tcase_add_test(c, tasks_run_from_files);
    tcase_add_test(c, what_is_refused);
    tcase_add_loop_test(c, every_allocation_may_fail, 0, 2);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
