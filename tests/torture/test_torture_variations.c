/* SPDX-License-Identifier: Apache-2.0 */
/* Variations trained, added and written into a workspace with every allocation failing in turn; and a full or missing folder. */
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "sbi/variation.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/run_suite.h"

enum { N = 24 };

static float x[2 * N];
static test_folder folder;
static sbi_context *plain;

static const char workspace[] =
    "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 20, \"factor\": \"mu\", \"ratio\": \"one.npy\"}]}],"
    "\"measurements\": [{\"name\": \"m\", \"config\": {\"poi\": \"mu\", \"parameters\": []}}], \"version\": \"1.0.0\"}";

static void set_up(void)
{
    float one[N];
    folder = folder_make();
    ck_assert_int_eq(sbi_context_create(&plain, NULL), SBI_OK);
    for (int i = 0; i < 2 * N; i++) x[i] = (float)(sbi_random_normal(7, 0, (uint64_t)i) + (i < N ? 0.5 : 0));
    for (int i = 0; i < N; i++) one[i] = 1;
    const sbi_array features = sbi_array_1d(x, SBI_F32, N), ones = sbi_array_1d(one, SBI_F32, N);
    ck_assert_int_eq(sbi_npy_write(plain, folder_path(&folder, "x.npy").text, &features), SBI_OK);
    ck_assert_int_eq(sbi_npy_write(plain, folder_path(&folder, "one.npy").text, &ones), SBI_OK);
    ck_assert_int_eq(sbi_file_write(plain, folder_path(&folder, "base.json").text, workspace, sizeof workspace - 1), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(plain);
    folder_remove(&folder);
}

static sbi_status make_data(sbi_dataset **out, sbi_context *ctx)
{
    SBI_TRY(sbi_dataset_create(out, ctx));
    for (int32_t side = 0; side < 2; side++) {
        const sbi_array a = sbi_array_1d(x + side * N, SBI_F32, N);
        sbi_status status = sbi_dataset_add_array(*out, side, &a, NULL);
        if (status == SBI_OK) continue;
        sbi_dataset_destroy(*out);
        *out = NULL;
        return status;
    }
    return SBI_OK;
}

static sbi_status train(sbi_context *ctx, void *arg)
{
    (void)arg;
    sbi_dataset *data;
    sbi_variations *set = NULL;
    sbi_variation v = SBI_VARIATION_INIT;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    SBI_TRY(make_data(&data, ctx));
    v.process = "S";
    v.nuisance = "a";
    v.up = v.down = data;
    o.depth = 1;
    o.width = 2;
    o.epochs = 1;
    o.batch = 16;
    sbi_status status = sbi_variations_train(&set, ctx, &v, 1, &o, NULL);
    sbi_variations_destroy(set);
    sbi_dataset_destroy(data);
    return status;
}

static sbi_status make_ensemble(sbi_ensemble **out, sbi_context *ctx, double slope)
{
    const double zero = 0;
    const sbi_array w = sbi_array_2d(&slope, SBI_F64, 1, 1), b = sbi_array_1d(&zero, SBI_F64, 1);
    sbi_network *net;
    *out = NULL;
    SBI_TRY(sbi_network_create(&net, ctx, 1, &w, &b, SBI_ACTIVATION_SILU, NULL, NULL));
    sbi_status status = sbi_ensemble_create(out, ctx, &net, 1);
    sbi_network_destroy(net);
    return status;
}

static sbi_variations_output output_of(const test_path paths[3])
{
    sbi_variations_output o = SBI_VARIATIONS_OUTPUT_INIT;
    o.workspace = paths[0].text;
    o.channel = "SR";
    o.features = paths[1].text;
    o.output = paths[2].text;
    return o;
}

static sbi_status write_set(sbi_context *ctx, void *arg)
{
    const test_path *paths = arg;
    const sbi_variations_output o = output_of(paths);
    sbi_ensemble *up = NULL, *down = NULL;
    sbi_variations *set = NULL;
    sbi_status status = make_ensemble(&up, ctx, 0.1);
    if (status == SBI_OK) status = make_ensemble(&down, ctx, -0.1);
    if (status == SBI_OK) status = sbi_variations_create(&set, ctx);
    if (status == SBI_OK) status = sbi_variations_add(set, "S", "a", up, down, 1.1, 0.9);
    if (status == SBI_OK) status = sbi_variations_write(set, &o, NULL);
    sbi_variations_destroy(set);
    sbi_ensemble_destroy(up);
    sbi_ensemble_destroy(down);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    test_path paths[3] = {folder_path(&folder, "base.json"), folder_path(&folder, "x.npy"), folder_path(&folder, "full.json")};
    if (_i < 2) ck_assert_int_gt(torture_allocations(write_set, paths, 1, _i).requests, 40);
    else ck_assert_int_gt(torture_allocations(train, NULL, 1, _i - 2).requests, 100);
}
END_TEST

static void expect(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s: %s", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

/* What is wrong is named, and no workspace appears. */
START_TEST(what_is_refused)
{
    test_path paths[3] = {folder_path(&folder, "base.json"), folder_path(&folder, "x.npy"), folder_path(&folder, "full.json")};
    sbi_ensemble *ens;
    sbi_variations *set;
    ck_assert_int_eq(make_ensemble(&ens, plain, 0.1), SBI_OK);
    ck_assert_int_eq(sbi_variations_create(&set, plain), SBI_OK);
    sbi_variations_output o = output_of(paths);
    expect(sbi_variations_write(set, &o, NULL), SBI_ERR_ARGUMENT, "empty");
    expect(sbi_variations_add(set, "S", "a", ens, ens, 0, 1), SBI_ERR_ARGUMENT, "0 and 1");
    ck_assert_int_eq(sbi_variations_add(set, "S", "a", ens, ens, 1, 1), SBI_OK);
    expect(sbi_variations_add(set, "S", "a", ens, ens, 1, 1), SBI_ERR_EXISTS, "S, a");
    const char *const names[1] = {"b"};
    const double one[1] = {1};
    expect(sbi_variations_add_parameterised(set, "S", names, 1, ens, one, one), SBI_ERR_SHAPE, "1 parameters");
    o.channel = "CR";
    expect(sbi_variations_write(set, &o, NULL), SBI_ERR_NOT_FOUND, "CR");
    o.channel = "SR";
    o.integration = paths[1].text;
    expect(sbi_variations_write(set, &o, NULL), SBI_ERR_ARGUMENT, "no integration sample");
    o.integration = NULL;
    o.output = "/no/such/folder/full.json";
    expect(sbi_variations_write(set, &o, NULL), SBI_ERR_ARGUMENT, "must be in the folder");
    o.output = paths[2].text;
    ck_assert_int_eq(sbi_variations_write(set, &o, NULL), SBI_OK);
    o.workspace = paths[2].text; /* has a store by now */
    const test_path again = folder_path(&folder, "again.json");
    o.output = again.text;
    expect(sbi_variations_write(set, &o, NULL), SBI_ERR_EXISTS, "packed store");
    o.workspace = paths[0].text;
    ck_assert_int_eq(sbi_variations_add(set, "T", "a", ens, ens, 1, 1), SBI_OK);
    expect(sbi_variations_write(set, &o, NULL), SBI_ERR_NOT_FOUND, "no sample T");
    ck_assert_int_eq(access(again.text, F_OK), -1);
    sbi_variations_destroy(set);
    sbi_ensemble_destroy(ens);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("variations: torture");
    TCase *t = tcase_create("torture");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 4);
    tcase_add_test(t, what_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
