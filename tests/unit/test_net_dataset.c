/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets: parts, views of every kind, weights, bad values, standardisation, checksums. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/dataset.h"
#include "sbi/train.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static sbi_dataset *data;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_dataset_create(&data, ctx), SBI_OK);
}

static void tear_down(void)
{
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s", sbi_status_name(status), sbi_status_name(expected));
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

START_TEST(parts_of_every_kind_are_one_dataset)
{
    /* The same six events: at once, and as a transposed, a reversed, a 16-bit and an integer part. */
    static const double all[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const double weights[6] = {1, 2, 3, 4, 5, 6};
    static const float columns[4] = {1, 3, 2, 4}; /* rows 0 and 1, Fortran order */
    static const int32_t reversed[4] = {7, 8, 5, 6};
    static const uint16_t half[4] = {0x4880, 0x4900, 0x4980, 0x4a00}; /* 9, 10, 11, 12 */
    static const double one[2] = {1, 0};
    sbi_dataset *whole;
    ok(sbi_dataset_create(&whole, ctx));
    sbi_array x = sbi_array_2d(all, SBI_F64, 6, 2), w = sbi_array_1d(weights, SBI_F64, 6);
    const sbi_array other = sbi_array_2d(one, SBI_F64, 1, 2);
    ok(sbi_dataset_add_array(whole, SBI_NUMERATOR, &x, &w));
    ok(sbi_dataset_add_array(whole, SBI_DENOMINATOR, &other, NULL));

    x = sbi_array_2d(columns, SBI_F32, 2, 2);
    x.strides[0] = 4;
    x.strides[1] = 8;
    w = sbi_array_1d(weights, SBI_F64, 2);
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &x, &w));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &other, NULL));
    x = sbi_array_2d(reversed + 2, SBI_I32, 2, 2);
    x.strides[0] = -8;
    w = sbi_array_1d(weights + 2, SBI_F64, 2);
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &x, &w));
    x = sbi_array_2d(half, SBI_F16, 2, 2);
    w = sbi_array_2d(weights + 4, SBI_F64, 2, 1);
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &x, &w));

    ck_assert_int_eq(sbi_dataset_events(data, SBI_NUMERATOR), 6);
    ck_assert_double_eq(sbi_dataset_weight(data, SBI_NUMERATOR), 21);
    double out[12];
    for (int64_t first = 0; first < 6; first++) { /* any range, across parts */
        for (int64_t n = 0; first + n <= 6; n++) {
            memset(out, 0, sizeof out);
            sbi_dataset_read_features(data, SBI_NUMERATOR, first, n, out);
            ck_assert_mem_eq(out, all + 2 * first, (size_t)n * 2 * sizeof(double));
            sbi_dataset_read_weights(data, SBI_NUMERATOR, first, n, out);
            ck_assert_mem_eq(out, weights + first, (size_t)n * sizeof(double));
        }
    }
    char a[65], b[65];
    ok(sbi_dataset_checksum(whole, a));
    ok(sbi_dataset_checksum(data, b));
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(strlen(a), 64);
    sbi_dataset_destroy(whole);
}
END_TEST

START_TEST(bad_values_are_found_by_file_row_and_column)
{
    const test_folder folder = folder_make();
    const test_path features = folder_path(&folder, "f.npy"), weights = folder_path(&folder, "w.npy");
    float x[30];
    double w[10];
    for (int i = 0; i < 30; i++) x[i] = (float)i;
    for (int i = 0; i < 10; i++) w[i] = 1;
    const sbi_array xa = sbi_array_2d(x, SBI_F32, 10, 3), wa = sbi_array_1d(w, SBI_F64, 10), few = sbi_array_1d(w, SBI_F64, 9);
    ok(sbi_npy_write(ctx, weights.text, &wa));
    x[3 * 7 + 2] = NAN;
    ok(sbi_npy_write(ctx, features.text, &xa));
    fails(sbi_dataset_add_npy(data, SBI_NUMERATOR, features.text, weights.text), SBI_ERR_VALUE, "f.npy: row 7, column 2");
    x[3 * 7 + 2] = INFINITY;
    fails(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, NULL), SBI_ERR_VALUE, "row 7, column 2");
    x[3 * 7 + 2] = 0;
    ok(sbi_npy_write(ctx, features.text, &xa));
    w[4] = -0.5;
    ok(sbi_npy_write(ctx, weights.text, &wa));
    fails(sbi_dataset_add_npy(data, SBI_NUMERATOR, features.text, weights.text), SBI_ERR_VALUE, "w.npy: row 4: weight is -0.5");
    w[4] = NAN;
    ok(sbi_npy_write(ctx, weights.text, &wa));
    fails(sbi_dataset_add_npy(data, SBI_NUMERATOR, features.text, weights.text), SBI_ERR_VALUE, "w.npy: row 4");
    ok(sbi_npy_write(ctx, weights.text, &few));
    fails(sbi_dataset_add_npy(data, SBI_NUMERATOR, features.text, weights.text), SBI_ERR_SHAPE, "w.npy: 9 weights for 10 events");
    fails(sbi_dataset_add_npy(data, SBI_NUMERATOR, "/no/such.npy", NULL), SBI_ERR_NOT_FOUND, "/no/such.npy");
    fails(sbi_dataset_add_npy(data, SBI_CLASSES_MAX, features.text, NULL), SBI_ERR_ARGUMENT, "side is 64");
    fails(sbi_dataset_add_npy(NULL, 1, features.text, NULL), SBI_ERR_ARGUMENT, "NULL");
    /* None of that left anything behind. */
    ck_assert_int_eq(sbi_dataset_events(data, SBI_NUMERATOR), 0);
    ck_assert_double_eq(sbi_dataset_weight(data, SBI_NUMERATOR), 0);
    ok(sbi_dataset_add_npy(data, SBI_NUMERATOR, features.text, NULL));
    const sbi_array narrow = sbi_array_2d(x, SBI_F32, 10, 2);
    fails(sbi_dataset_add_array(data, SBI_DENOMINATOR, &narrow, NULL), SBI_ERR_SHAPE, "2 features");
    folder_remove(&folder);
}
END_TEST

START_TEST(negative_weights_where_they_are_allowed)
{
    static const double x[3] = {1, 2, 3}, w[3] = {2, -0.5, 1};
    const sbi_array xa = sbi_array_1d(x, SBI_F64, 3), wa = sbi_array_1d(w, SBI_F64, 3);
    fails(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, &wa), SBI_ERR_VALUE, "row 1: weight is -0.5");
    ok(sbi_dataset_set_weight_policy(data, SBI_WEIGHTS_ALLOW_NEGATIVE));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, &wa));
    ck_assert_double_eq(sbi_dataset_weight(data, SBI_NUMERATOR), 2.5);
    fails(sbi_dataset_set_weight_policy(data, 2), SBI_ERR_ARGUMENT, "policy is 2");
}
END_TEST

START_TEST(both_sides_need_events_and_weight)
{
    static const double x[2] = {1, 2}, none[2] = {0, 0};
    const sbi_array xa = sbi_array_1d(x, SBI_F64, 2), wa = sbi_array_1d(none, SBI_F64, 2);
    sbi_network *net;
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, NULL));
    fails(sbi_network_train(&net, data, NULL), SBI_ERR_VALUE, "denominator has no events");
    fails(sbi_dataset_add_array(data, SBI_DENOMINATOR, &xa, NULL), SBI_ERR_STATE, "in use");
    sbi_dataset *other;
    ok(sbi_dataset_create(&other, ctx));
    ok(sbi_dataset_add_array(other, SBI_NUMERATOR, &xa, NULL));
    ok(sbi_dataset_add_array(other, SBI_DENOMINATOR, &xa, &wa));
    fails(sbi_network_train(&net, other, NULL), SBI_ERR_VALUE, "denominator sum to 0");
    sbi_dataset_destroy(other);
}
END_TEST

START_TEST(standardisation_is_weighted_and_each_side_counts_half)
{
    static const double x0[4] = {1e9 + 1, 5, 1e9 + 3, 5}, x1[4] = {1e9 + 6, 5, 1e9 + 8, 5};
    static const double w0[2] = {3, 1}, w1[2] = {1, 1};
    const sbi_array a = sbi_array_2d(x0, SBI_F64, 2, 2), wa = sbi_array_1d(w0, SBI_F64, 2);
    const sbi_array b = sbi_array_2d(x1, SBI_F64, 2, 2), wb = sbi_array_1d(w1, SBI_F64, 2);
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &a, &wa));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &b, &wb));
    const sbi_dataset_pack *pack;
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_MEAN_STD, &pack));
    /* means 1.5 and 7 above 1e9; their average 4.25; squares about it: (3 * 3.25^2 + 1.25^2) / 4 and (1.75^2 + 3.75^2) / 2 */
    const double variance = 0.5 * ((3 * 3.25 * 3.25 + 1.25 * 1.25) / 4 + (1.75 * 1.75 + 3.75 * 3.75) / 2);
    ck_assert_double_eq_tol(pack->shift[0], 1e9 + 4.25, 1e-6);
    ck_assert_double_eq_tol(pack->scale[0], 1 / sqrt(variance), 1e-9);
    ck_assert_double_eq_tol((double)pack->x[0], -3.25 / sqrt(variance), 1e-6);
    ck_assert_double_eq(pack->scale[1], 1); /* the same value everywhere */
    ck_assert_float_eq(pack->x[1], 0.0f);
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_MIN_MAX, &pack));
    ck_assert_float_eq(pack->x[0], -1.0f);
    ck_assert_float_eq(pack->x[6], 1.0f);
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_NONE, &pack));
    ck_assert_float_eq(pack->x[6], (float)(1e9 + 8));
}
END_TEST

START_TEST(names)
{
    static const double x[2] = {1, 2};
    const sbi_array xa = sbi_array_2d(x, SBI_F64, 1, 2);
    const char *const good[] = {"mass", "angle"}, *const twice[] = {"a", "a"}, *const empty[] = {"a", ""};
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, NULL));
    ck_assert_str_eq(sbi_dataset_feature_name(data, 1), "x1");
    ck_assert_ptr_null(sbi_dataset_feature_name(data, 2));
    fails(sbi_dataset_set_feature_names(data, twice, 2), SBI_ERR_ARGUMENT, "\"a\" is there twice");
    fails(sbi_dataset_set_feature_names(data, empty, 2), SBI_ERR_ARGUMENT, "name 1 is empty");
    fails(sbi_dataset_set_feature_names(data, good, 1), SBI_ERR_SHAPE, "1 names for 2 features");
    ok(sbi_dataset_set_feature_names(data, good, 2));
    ck_assert_str_eq(sbi_dataset_feature_name(data, 1), "angle");
}
END_TEST

START_TEST(split_is_about_the_fraction_and_follows_the_seed)
{
    enum { N = 20000 };
    double *x = calloc(N, sizeof *x);
    uint8_t *a = malloc(N), *b = malloc(N);
    const sbi_array xa = sbi_array_1d(x, SBI_F64, N);
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, NULL));
    ok(sbi_dataset_split(data, SBI_NUMERATOR, 1, 0.2, a));
    int count = 0;
    for (int i = 0; i < N; i++) count += a[i];
    ck_assert_int_lt(abs(count - N / 5), 300); /* five standard deviations */
    ok(sbi_dataset_split(data, SBI_NUMERATOR, 1, 0.2, b));
    ck_assert_mem_eq(a, b, N);
    ok(sbi_dataset_split(data, SBI_NUMERATOR, 2, 0.2, b));
    ck_assert(memcmp(a, b, N) != 0);
    ok(sbi_dataset_split(data, SBI_NUMERATOR, 1, 0, b));
    for (int i = 0; i < N; i++) ck_assert_int_eq(b[i], 0);
    fails(sbi_dataset_split(data, SBI_NUMERATOR, 1, 1, b), SBI_ERR_ARGUMENT, "validation_fraction is 1");
    free(x);
    free(a);
    free(b);
}
END_TEST

static sbi_status dataset_body(sbi_context *own, void *arg)
{
    const gaussians *g = arg;
    sbi_dataset *d = NULL;
    char hex[65];
    const char *const two[] = {"a", "b"};
    const sbi_dataset_pack *pack;
    sbi_status status = gaussians_dataset(g, own, &d);
    if (status == SBI_OK) status = sbi_dataset_set_feature_names(d, two, 2);
    if (status == SBI_OK) status = sbi_dataset_checksum(d, hex);
    if (status == SBI_OK) status = sbi_dataset_pack_get(d, SBI_STANDARDISE_MEAN_STD, &pack);
    sbi_dataset_destroy(d);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    gaussians g = gaussians_make(50, 2, 0.5, 1);
    ck_assert_int_gt(torture_allocations(dataset_body, &g, 2, 0).requests, 10);
    torture_allocations(dataset_body, &g, 1, 1);
    gaussians_free(&g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: datasets");
    TCase *c = tcase_create("datasets");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, parts_of_every_kind_are_one_dataset);
    tcase_add_test(c, bad_values_are_found_by_file_row_and_column);
    tcase_add_test(c, negative_weights_where_they_are_allowed);
    tcase_add_test(c, both_sides_need_events_and_weight);
    tcase_add_test(c, standardisation_is_weighted_and_each_side_counts_half);
    tcase_add_test(c, names);
    tcase_add_test(c, split_is_about_the_fraction_and_follows_the_seed);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
