/* SPDX-License-Identifier: Apache-2.0 */
/* Transforms of features: against scipy and scikit-learn (tests/reference/yeo_johnson.py), as properties, in network files and jobs. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "jobs/job.h"
#include "net/dataset_pass.h"
#include "net/network.h"
#include "net/train.h"
#include "net/yeo_johnson.h"
#include "reference/onnx_transform_values.h"
#include "reference/yeo_johnson_values.h"
#include "sbi/onnx.h"
#include "sbi/ratio.h"
#include "support/data.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

enum { N = YEO_JOHNSON_EVENTS, HALF = N / 2, COLUMNS = sizeof yeo_johnson_columns / sizeof yeo_johnson_columns[0] };

static sbi_context *ctx;
static sbi_dataset *data;
static test_folder folder;
static char said[2048];

static void listen(void *user, int32_t level, const char *message)
{
    (void)user;
    if (level == SBI_LOG_WARNING) snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

static void set_up(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    o.log = listen;
    o.log_level = SBI_LOG_WARNING;
    said[0] = '\0';
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
    ck_assert_int_eq(sbi_dataset_create(&data, ctx), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s: %s", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

/* ---- the function ---- */

START_TEST(images_are_scipys)
{
    for (int e = 0; e < YEO_JOHNSON_EXPONENTS; e++) {
        for (int p = 0; p < YEO_JOHNSON_POINTS; p++) {
            const double image = sbi_yeo_johnson(yeo_johnson_points[p], yeo_johnson_exponents[e]), wanted = yeo_johnson_images[e][p];
            ck_assert_msg(fabs(image - wanted) <= 4e-14 * fabs(wanted), "psi(%g; %g) is %.17g, scipy has %.17g", yeo_johnson_points[p],
                          yeo_johnson_exponents[e], image, wanted);
        }
    }
}
END_TEST

/* Differences of values and of derivatives, the derivative against differences in the exponent. */
START_TEST(differences_keep_their_digits)
{
    for (uint64_t i = 0; i < 4000; i++) {
        const double x = 5 * sbi_random_normal(1, 1, i), q = 5 * sbi_random_normal(1, 2, i), lambda = 1 + 2 * sbi_random_normal(1, 3, i);
        double value, slope, up, down, unused;
        sbi_yeo_johnson_relative(x, q, lambda, &value, &slope);
        const double plain = sbi_yeo_johnson(x, lambda) - sbi_yeo_johnson(q, lambda);
        const double scale = fabs(sbi_yeo_johnson(x, lambda)) + fabs(sbi_yeo_johnson(q, lambda));
        ck_assert_double_eq_tol(value, plain, 1e-13 * (scale + 1));
        const double h = 1e-4;
        sbi_yeo_johnson_relative(x, q, lambda + h, &up, &unused);
        sbi_yeo_johnson_relative(x, q, lambda - h, &down, &unused);
        ck_assert_double_eq_tol(slope, (up - down) / (2 * h), 1e-6 * (1 + fabs(slope) + scale));
    }
    /* Where taking them apart leaves nothing: far out on the side that is cut off. */
    double value, slope;
    sbi_yeo_johnson_relative(1e5 + 1, 1e5, -3, &value, &slope);
    ck_assert_double_eq_tol(value * pow(100001.0, 4), 1, 1e-4); /* the derivative by x times 1 */
}
END_TEST

/* ---- exponents ---- */

static void add_columns(sbi_dataset *to, const sbi_array *weights)
{
    static double x[2][HALF * COLUMNS];
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < HALF; i++)
            for (int k = 0; k < COLUMNS; k++) x[side][i * COLUMNS + k] = yeo_johnson_columns[k].x[side * HALF + i];
        const sbi_array view = sbi_array_2d(x[side], SBI_F64, HALF, COLUMNS);
        ok(sbi_dataset_add_array(to, side, &view, weights));
    }
}

static double exponent_of(const sbi_dataset_pack *pack, int64_t feature)
{
    const sbi_transforms *t = pack->transforms;
    ck_assert_ptr_nonnull(t);
    const sbi_transform_step *last = &t->steps[t->first_step[feature + 1] - 1];
    ck_assert_int_eq(last->kind, SBI_TRANSFORM_YEO_JOHNSON);
    return t->values[last->first];
}

START_TEST(exponents_are_scipys_and_images_scikit_learns)
{
    const sbi_dataset_pack *pack;
    add_columns(data, NULL);
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_YEO_JOHNSON, &pack));
    for (int k = 0; k < COLUMNS; k++) {
        const yeo_johnson_column *c = &yeo_johnson_columns[k];
        const double own = exponent_of(pack, k);
        ck_assert_msg(fabs(own - c->exact) < 1e-9 * (1 + fabs(own)), "%s: %.12g, exactly %.12g", c->name, own, c->exact);
        ck_assert_msg(fabs(own - c->scipy) < 2e-6 * (1 + fabs(own)), "%s: %.12g, scipy has %.12g", c->name, own, c->scipy);
        ck_assert_double_eq_tol(own, c->sklearn, 2e-6 * (1 + fabs(own)));
        for (int i = 0; i < N; i++) ck_assert_double_eq_tol((double)pack->x[i * COLUMNS + k], c->standardised[i], 3e-6);
    }
    ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(weights_count_as_repeated_rows)
{
    const sbi_dataset_pack *pack;
    const sbi_array w = sbi_array_1d(yeo_johnson_weights, SBI_F64, HALF);
    add_columns(data, &w);
    for (size_t k = 0; k < COLUMNS; k++) ok(sbi_dataset_add_transform(data, k, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0));
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_MEAN_STD, &pack));
    for (int k = 0; k < COLUMNS; k++) {
        const yeo_johnson_column *c = &yeo_johnson_columns[k];
        const double own = exponent_of(pack, k);
        ck_assert_msg(fabs(own - c->exact_weighted) < 1e-9 * (1 + fabs(own)), "%s: %.12g, exactly %.12g", c->name, own, c->exact_weighted);
        ck_assert_msg(fabs(own - c->weighted) < 2e-6 * (1 + fabs(own)), "%s: %.12g, scipy has %.12g", c->name, own, c->weighted);
    }
}
END_TEST

/* One side with a thousand times the weight of the other counts as half: the same as with equal weights. */
START_TEST(each_side_counts_half)
{
    double heavy[HALF];
    for (int i = 0; i < HALF; i++) heavy[i] = 1000;
    const sbi_array w = sbi_array_1d(heavy, SBI_F64, HALF), x0 = sbi_array_1d(yeo_johnson_columns[1].x, SBI_F64, HALF),
                    x1 = sbi_array_1d(yeo_johnson_columns[1].x + HALF, SBI_F64, HALF);
    const sbi_dataset_pack *pack;
    ok(sbi_dataset_add_array(data, 0, &x0, &w));
    ok(sbi_dataset_add_array(data, 1, &x1, NULL));
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_YEO_JOHNSON, &pack));
    ck_assert_double_eq_tol(exponent_of(pack, 0), yeo_johnson_columns[1].scipy, 2e-7);
}
END_TEST

/* The maximum is one: any other exponent nearby is less likely. And hostile columns end at a bound that is said. */
START_TEST(hard_columns)
{
    enum { H = 6 };
    static double x[2][HALF * H];
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < HALF; i++) {
            const double u = sbi_random_normal(3, (uint64_t)side, (uint64_t)i);
            const double row[H] = {1e300 * exp(u), 0.1, i == 0 && side == 0 ? 1e9 : u, 1e-9 * exp(u), -1e15 * exp(3 * u), i < 40 ? 0 : 1};
            memcpy(x[side] + i * H, row, sizeof row);
        }
        const sbi_array view = sbi_array_2d(x[side], SBI_F64, HALF, H);
        ok(sbi_dataset_add_array(data, side, &view, NULL));
    }
    const sbi_dataset_pack *pack;
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_YEO_JOHNSON, &pack));
    for (int64_t k = 0; k < N * H; k++) ck_assert(isfinite(pack->x[k]));
    ck_assert_ptr_nonnull(strstr(said, "feature \"x1\" has the same value in all events"));
    ck_assert_ptr_nonnull(strstr(said, "feature \"x3\": the likelihood still grows at the exponent -1e+06"));
    for (int64_t j = 0; j < H; j++) {
        if (j == 1) continue;
        double low = INFINITY, high = -INFINITY; /* something of the feature is left */
        for (int64_t i = 0; i < N; i++) low = fmin(low, pack->x[i * H + j]), high = fmax(high, pack->x[i * H + j]);
        ck_assert_msg(high - low > 1, "feature %d is %g to %g", (int)j, low, high);
    }
}
END_TEST

/* ---- other steps ---- */

static const double rows[4][3] = {{3, 0.5, 2}, {-7, 1.5, 2}, {3, 2.5, 5}, {0, 4, 9}};

static void add_rows(void)
{
    const sbi_array a = sbi_array_2d(rows, SBI_F64, 2, 3), b = sbi_array_2d(rows[2], SBI_F64, 2, 3);
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &a, NULL));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &b, NULL));
}

START_TEST(categories_become_inputs_and_stay_0_and_1)
{
    const sbi_dataset_pack *pack;
    const double given[] = {2, 9};
    add_rows();
    ok(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_ONE_HOT, NULL, 0));
    ok(sbi_dataset_add_transform(data, 2, SBI_TRANSFORM_ONE_HOT_OR_ZERO, given, 2));
    ok(sbi_dataset_pack_get(data, SBI_STANDARDISE_MEAN_STD, &pack));
    ck_assert_int_eq(pack->inputs, 6); /* -7, 0, 3; x1; 2, 9 */
    static const float hot[4][5] = {{0, 0, 1, 1, 0}, {1, 0, 0, 1, 0}, {0, 0, 1, 0, 0}, {0, 1, 0, 0, 1}};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 3; k++) ck_assert_float_eq(pack->x[i * 6 + k], hot[i][k]);
        for (int k = 3; k < 5; k++) ck_assert_float_eq(pack->x[i * 6 + k + 1], hot[i][k]);
    }
    double sum = 0, squares = 0;
    for (int i = 0; i < 4; i++) sum += (double)pack->x[i * 6 + 3], squares += (double)pack->x[i * 6 + 3] * (double)pack->x[i * 6 + 3];
    ck_assert_double_eq_tol(sum, 0, 1e-6);
    ck_assert_double_eq_tol(squares, 4, 1e-6);
}
END_TEST

START_TEST(what_a_step_cannot_take_is_named)
{
    const sbi_dataset_pack *pack;
    const test_path path = folder_path(&folder, "signal.npy");
    const sbi_array a = sbi_array_2d(rows, SBI_F64, 4, 3), b = sbi_array_2d(rows[2], SBI_F64, 2, 3);
    const double c = 7, some[] = {2, 5};
    ok(sbi_npy_write(ctx, path.text, &a));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &b, NULL));
    ok(sbi_dataset_add_npy(data, SBI_NUMERATOR, path.text, NULL));
    ok(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_LOG, &c, 1));
    fails(sbi_dataset_pack_get(data, SBI_STANDARDISE_NONE, &pack), SBI_ERR_VALUE,
          "signal.npy: row 1, column 0: value is -7, and ln(x + c) with c = 7 needs more than -7");
    const struct {
        size_t feature;
        int32_t kind;
        size_t n;
        const char *text;
    } cases[] = {{1, SBI_TRANSFORM_ONE_HOT, 0, "row 0, column 1: value is 2.5, and a category is an integer"},
                 {2, SBI_TRANSFORM_ONE_HOT, 2, "row 1, column 2: 9 is none of the 2 categories"}};
    for (int i = 0; i < 2; i++) {
        sbi_dataset *other;
        ok(sbi_dataset_create(&other, ctx));
        ok(sbi_dataset_add_array(other, SBI_DENOMINATOR, &b, NULL));
        ok(sbi_dataset_add_array(other, SBI_NUMERATOR, &a, NULL));
        ok(sbi_dataset_add_transform(other, cases[i].feature, cases[i].kind, some, cases[i].n));
        fails(sbi_dataset_pack_get(other, SBI_STANDARDISE_NONE, &pack), SBI_ERR_VALUE, cases[i].text);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "denominator features"));
        sbi_dataset_destroy(other);
    }
}
END_TEST

START_TEST(chains_that_are_refused)
{
    const double one = 1, zero = 0, nan = NAN, huge = 1e7, fraction = 0.5, twice[] = {1, 1};
    static double many[4097];
    for (int i = 0; i < 4097; i++) many[i] = i;
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_LOG, NULL, 0), SBI_ERR_ARGUMENT, "feature is 0, the dataset has 0");
    add_rows();
    fails(sbi_dataset_add_transform(data, 3, SBI_TRANSFORM_LOG, NULL, 0), SBI_ERR_ARGUMENT, "feature is 3, the dataset has 3");
    fails(sbi_dataset_add_transform(data, 0, 6, NULL, 0), SBI_ERR_ARGUMENT, "kind is 6");
    fails(sbi_dataset_add_transform(data, 0, -1, NULL, 0), SBI_ERR_ARGUMENT, "kind is -1");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_LOG, twice, 2), SBI_ERR_ARGUMENT, "2 values for log");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_LOG, NULL, 1), SBI_ERR_ARGUMENT, "values is NULL");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_NONE, &one, 1), SBI_ERR_ARGUMENT, "1 values for none");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_LOG, &nan, 1), SBI_ERR_ARGUMENT, "the value of log is");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_SIGNED_LOG, &zero, 1), SBI_ERR_ARGUMENT, "scale of signed_log is 0");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_YEO_JOHNSON, &huge, 1), SBI_ERR_ARGUMENT, "exponent is 1e+07");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_ONE_HOT, &fraction, 1), SBI_ERR_ARGUMENT, "category 0 is 0.5");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_ONE_HOT, twice, 2), SBI_ERR_ARGUMENT, "category 1 is 1 behind 1");
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_ONE_HOT, many, 4097), SBI_ERR_ARGUMENT, "4097 categories");
    ck_assert_ptr_null(data->transforms); /* nothing was left behind */
    ok(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0));
    fails(sbi_dataset_add_transform(data, 0, SBI_TRANSFORM_LOG, NULL, 0), SBI_ERR_ARGUMENT, "log cannot follow yeo_johnson");
    ok(sbi_dataset_add_transform(data, 1, SBI_TRANSFORM_LOG, NULL, 0));
    ok(sbi_dataset_add_transform(data, 1, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0));
    fails(sbi_dataset_add_transform(data, 1, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0), SBI_ERR_ARGUMENT, "cannot follow");
    ok(sbi_dataset_add_transform(data, 2, SBI_TRANSFORM_ONE_HOT, NULL, 0));
    fails(sbi_dataset_add_transform(data, 2, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0), SBI_ERR_ARGUMENT, "cannot follow one_hot");
    char hex[65];
    ok(sbi_dataset_checksum(data, hex));
    fails(sbi_dataset_add_transform(data, 1, SBI_TRANSFORM_NONE, NULL, 0), SBI_ERR_STATE, "in use");
    fails(sbi_dataset_add_transform(NULL, 0, 0, NULL, 0), SBI_ERR_ARGUMENT, "data is NULL");
}
END_TEST

START_TEST(features_of_one_value)
{
    /* 0.1 and 1/3 have means and squares that round; the spread of x1 is real, if small. */
    static double x[3000], w[1000];
    for (int i = 0; i < 1000; i++) {
        w[i] = 0.1 + sbi_random_uniform(5, 0, (uint64_t)i);
        x[3 * i] = 0.1;
        x[3 * i + 1] = 1e6 + 1e-3 * sbi_random_normal(5, 1, (uint64_t)i);
        x[3 * i + 2] = 1e6 / 3;
    }
    const sbi_array a = sbi_array_2d(x, SBI_F64, 1000, 3), wa = sbi_array_1d(w, SBI_F64, 1000);
    ok(sbi_dataset_add_array(data, 0, &a, &wa));
    ok(sbi_dataset_add_array(data, 1, &a, NULL));
    for (int32_t kind = SBI_STANDARDISE_MEAN_STD; kind <= SBI_STANDARDISE_YEO_JOHNSON; kind++) {
        const sbi_dataset_pack *pack;
        said[0] = '\0';
        ok(sbi_dataset_pack_get(data, kind, &pack));
        ck_assert_double_eq(pack->scale[0], 1);
        ck_assert_double_eq(pack->scale[2], 1);
        if (kind != SBI_STANDARDISE_YEO_JOHNSON) ck_assert_double_gt(pack->scale[1], 100);
        for (int i = 0; i < 1000; i++) ck_assert_float_eq_tol(pack->x[3 * i], 0, 1e-12f);
        ck_assert_ptr_nonnull(strstr(said, "feature \"x0\" has the same value in all events"));
        ck_assert_ptr_nonnull(strstr(said, "feature \"x2\" has the same value in all events"));
        ck_assert_ptr_null(strstr(said, "\"x1\" has the same value"));
    }
}
END_TEST

START_TEST(too_large_for_f32_is_named)
{
    const double big[4] = {1e300, 1, 2, 3};
    const sbi_array a = sbi_array_1d(big, SBI_F64, 4);
    const sbi_dataset_pack *pack;
    ok(sbi_dataset_add_array(data, 0, &a, NULL));
    ok(sbi_dataset_add_array(data, 1, &a, NULL));
    fails(sbi_dataset_pack_get(data, SBI_STANDARDISE_NONE, &pack), SBI_ERR_VALUE, "feature \"x0\": a standardised value is 1e+300");
}
END_TEST

/* ---- networks ---- */

enum { EVENTS = 400, D = 5 };

/* Features of every kind: momentum, signed, category, plain, skewed. */
static void make_features(double *x, uint64_t stream)
{
    for (uint64_t i = 0; i < EVENTS; i++) {
        double *row = x + i * D;
        row[0] = exp(10 + sbi_random_normal(9, stream, 4 * i));
        row[1] = 1e3 * pow(sbi_random_normal(9, stream, 4 * i + 1), 3);
        row[2] = floor(4 * sbi_random_uniform(9, stream, i)) - 1;
        row[3] = sbi_random_normal(9, stream, 4 * i + 2) + (double)stream;
        row[4] = exp(2 * sbi_random_normal(9, stream, 4 * i + 3)) - 0.5;
    }
}

static double features[2][EVENTS * D];

static sbi_status add_features(sbi_dataset *to, int transforms)
{
    const double c = 0.75, width = 30;
    for (int side = 0; side < 2; side++) {
        make_features(features[side], (uint64_t)side);
        const sbi_array view = sbi_array_2d(features[side], SBI_F64, EVENTS, D);
        SBI_TRY(sbi_dataset_add_array(to, side, &view, NULL));
    }
    if (!transforms) return SBI_OK;
    SBI_TRY(sbi_dataset_add_transform(to, 4, SBI_TRANSFORM_LOG, &c, 1));
    SBI_TRY(sbi_dataset_add_transform(to, 0, SBI_TRANSFORM_LOG, NULL, 0));
    SBI_TRY(sbi_dataset_add_transform(to, 0, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0));
    SBI_TRY(sbi_dataset_add_transform(to, 2, SBI_TRANSFORM_ONE_HOT, NULL, 0));
    return sbi_dataset_add_transform(to, 1, SBI_TRANSFORM_SIGNED_LOG, &width, 1);
}

static sbi_train_options small(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 8;
    o.epochs = 2;
    o.batch = 128;
    return o;
}

static sbi_network *trained(void)
{
    sbi_network *net;
    const sbi_train_options o = small();
    ok(add_features(data, 1));
    ok(sbi_network_train(&net, data, &o));
    return net;
}

static void same_logits(const sbi_network *a, const sbi_network *b)
{
    static double za[EVENTS], zb[EVENTS];
    const sbi_array x = sbi_array_2d(features[1], SBI_F64, EVENTS, D);
    ok(sbi_network_evaluate(a, &x, za));
    ok(sbi_network_evaluate(b, &x, zb));
    ck_assert_mem_eq(za, zb, sizeof za);
}

/* Transforms in the dataset are what the user would have done before: the same weights and the same answers, bit for bit. */
START_TEST(training_is_that_on_transformed_features)
{
    enum { IN = 8 };
    sbi_network *net = trained(), *plain;
    static double by_hand[2][EVENTS * IN], z[EVENTS], wanted[EVENTS];
    const sbi_transforms *t = net->transforms;
    ck_assert_int_eq(t->inputs, IN);
    for (int side = 0; side < 2; side++) {
        for (int i = 0; i < EVENTS; i++) {
            const double *x = features[side] + i * D;
            double *y = by_hand[side] + i * IN;
            y[0] = sbi_yeo_johnson(log(x[0]), t->values[t->steps[1].first]);
            y[1] = copysign(log1p(fabs(x[1]) / 30), x[1]);
            for (int c = 0; c < 4; c++) y[2 + c] = x[2] == c - 1;
            y[6] = x[3];
            y[7] = log(x[4] + 0.75);
        }
    }
    for (int j = 0; j < IN; j++) { /* the standardisation is that of the transformed features */
        double sum = 0, squares = 0;
        if (j > 1 && j < 6) continue;
        for (int k = 0; k < 2 * EVENTS; k++) sum += by_hand[k / EVENTS][k % EVENTS * IN + j];
        ck_assert_double_eq_tol(net->shift[j], sum / (2 * EVENTS), 1e-12 * (1 + fabs(net->shift[j])));
        for (int k = 0; k < 2 * EVENTS; k++) squares += pow(by_hand[k / EVENTS][k % EVENTS * IN + j] - net->shift[j], 2);
        ck_assert_double_eq_tol(net->scale[j], sqrt(2 * EVENTS / squares), 1e-12 * net->scale[j]);
    }
    /* The same on inputs that are made by hand: standardised, and then not again. */
    sbi_dataset *other;
    ok(sbi_dataset_create(&other, ctx));
    for (int side = 0; side < 2; side++) {
        for (int k = 0; k < EVENTS * IN; k++)
            by_hand[side][k] = (by_hand[side][k] - net->shift[k % IN]) * net->scale[k % IN];
        const sbi_array view = sbi_array_2d(by_hand[side], SBI_F64, EVENTS, IN);
        ok(sbi_dataset_add_array(other, side, &view, NULL));
    }
    sbi_train_options o = small();
    o.standardise = SBI_STANDARDISE_NONE;
    ok(sbi_network_train(&plain, other, &o));
    ck_assert_int_eq(plain->mlp.n, net->mlp.n);
    ck_assert_mem_eq(plain->params, net->params, sizeof(float) * (size_t)net->mlp.n);
    const sbi_array x = sbi_array_2d(features[1], SBI_F64, EVENTS, D), y = sbi_array_2d(by_hand[1], SBI_F64, EVENTS, IN);
    ok(sbi_network_evaluate(net, &x, z));
    ok(sbi_network_evaluate(plain, &y, wanted));
    ck_assert_mem_eq(z, wanted, sizeof z);
    sbi_network_destroy(plain);
    sbi_network_destroy(net);
    sbi_dataset_destroy(other);
}
END_TEST

START_TEST(accessors)
{
    sbi_network *net = trained();
    int32_t kind;
    sbi_array values;
    sbi_network_info info = {.struct_size = sizeof info};
    ok(sbi_network_info_get(net, &info));
    ck_assert_int_eq(info.features, D);
    static const size_t counts[] = {2, 1, 1, 0, 1, 0};
    for (size_t j = 0; j < 6; j++) ck_assert_uint_eq(sbi_network_transform_count(net, j), counts[j]);
    ok(sbi_network_transform(net, 0, 1, &kind, &values));
    ck_assert_int_eq(kind, SBI_TRANSFORM_YEO_JOHNSON);
    ck_assert_int_eq(values.shape[0], 1);
    ok(sbi_network_transform(net, 2, 0, &kind, &values));
    ck_assert_int_eq(kind, SBI_TRANSFORM_ONE_HOT);
    ck_assert_int_eq(values.shape[0], 4);
    ck_assert_double_eq(((const double *)values.data)[0], -1);
    ok(sbi_network_transform(net, 4, 0, NULL, &values));
    ck_assert_double_eq(((const double *)values.data)[0], 0.75);
    fails(sbi_network_transform(net, 3, 0, &kind, &values), SBI_ERR_ARGUMENT, "step is 0, feature 3 has 0");
    ck_assert_str_eq(sbi_network_feature_name(net, 4), "x4");
    ck_assert_ptr_null(sbi_network_feature_name(net, 5));
    sbi_network_destroy(net);
}
END_TEST

START_TEST(evaluation_names_what_it_cannot_take)
{
    sbi_network *net = trained();
    static double x[3000 * D], z[3000], spread[3000];
    for (int i = 0; i < 3000; i++) memcpy(x + i * D, features[0] + i % EVENTS * D, sizeof(double) * D);
    const sbi_array view = sbi_array_2d(x, SBI_F64, 3000, D), narrow = sbi_array_2d(x, SBI_F64, 100, D + 3);
    ok(sbi_network_evaluate(net, &view, z));
    fails(sbi_network_evaluate(net, &narrow, z), SBI_ERR_SHAPE, "8 columns, but the network has 5 inputs");
    sbi_ensemble *ens;
    ok(sbi_ensemble_create(&ens, ctx, &net, 1));
    x[2500 * D + 2] = 3;
    fails(sbi_network_evaluate(net, &view, z), SBI_ERR_VALUE, "features: row 2500, column 2: 3 is none of the 4 categories");
    fails(sbi_ratio_evaluate(ens, &view, z, spread, NULL), SBI_ERR_VALUE, "features: row 2500, column 2: 3 is none");
    x[2500 * D + 2] = 0;
    x[2700 * D + 4] = -0.75;
    fails(sbi_network_evaluate(net, &view, z), SBI_ERR_VALUE, "row 2700, column 4: value is -0.75, and ln(x + c) with c = 0.75");
    x[2700 * D + 4] = nextafter(-0.75, 0);
    ok(sbi_network_evaluate(net, &view, z));
    for (int i = 0; i < 3000; i++) ck_assert(isfinite(z[i]));
    sbi_ensemble_destroy(ens);
    sbi_network_destroy(net);
}
END_TEST

START_TEST(files_keep_every_bit_and_notice_damage)
{
    sbi_network *net = trained(), *back;
    const test_path a = folder_path(&folder, "a.npz"), b = folder_path(&folder, "b.npz");
    ok(sbi_network_save(net, a.text));
    ok(sbi_network_load(&back, ctx, a.text));
    ck_assert(sbi_transforms_same(net->transforms, back->transforms));
    same_logits(net, back);
    ok(sbi_network_save(back, b.text));
    sbi_network_destroy(back);
    void *bytes, *again;
    size_t size, n;
    ok(sbi_file_read(ctx, a.text, 0, &bytes, &size));
    ok(sbi_file_read(ctx, b.text, 0, &again, &n));
    ck_assert(n == size && memcmp(bytes, again, size) == 0);
    unsigned char *copy = malloc(size);
    for (size_t k = 0; k < size; k += 3) {
        memcpy(copy, bytes, size);
        copy[k] ^= (unsigned char)(1u << k % 8);
        if (sbi_network_load_memory(&back, ctx, copy, size, "damaged") == SBI_OK) {
            ck_assert(sbi_transforms_same(net->transforms, back->transforms)); /* a bit that means nothing */
            ck_assert_mem_eq(back->params, net->params, sizeof(float) * (size_t)net->mlp.n);
            sbi_network_destroy(back);
        } else {
            ck_assert_ptr_null(back);
        }
    }
    free(copy);
    sbi_free(ctx, bytes);
    sbi_free(ctx, again);
    sbi_network_destroy(net);
}
END_TEST

START_TEST(onnx_keeps_them)
{
    sbi_network *net = trained(), *back;
    const test_path path = folder_path(&folder, "net.onnx"), second = folder_path(&folder, "second.onnx");
    for (int32_t dtype = SBI_F32; dtype <= SBI_F64; dtype++) {
        sbi_onnx_options o = SBI_ONNX_OPTIONS_INIT;
        void *bytes, *again;
        size_t size, n;
        o.dtype = dtype;
        o.input_name = "x";
        ok(sbi_network_write_onnx(net, path.text, &o));
        ok(sbi_network_read_onnx(&back, ctx, path.text));
        ck_assert(sbi_transforms_same(net->transforms, back->transforms));
        same_logits(net, back);
        ok(sbi_network_write_onnx(back, second.text, &o));
        sbi_network_destroy(back);
        ok(sbi_file_read(ctx, path.text, 0, &bytes, &size));
        ok(sbi_file_read(ctx, second.text, 0, &again, &n));
        ck_assert(n == size && memcmp(bytes, again, size) == 0);
        /* Another program that gives a node of the transforms another name. */
        for (size_t k = 0; k + 9 < size; k++)
            if (memcmp((char *)bytes + k, "sbi/0/t1/2", 10) == 0) ((char *)bytes)[k + 9] = 'y';
        ok(sbi_file_write(ctx, path.text, bytes, size));
        fails(sbi_network_read_onnx(&back, ctx, path.text), SBI_ERR_UNSUPPORTED, "another program has changed the file");
        ck_assert_ptr_null(back);
        sbi_free(ctx, bytes);
        sbi_free(ctx, again);
    }
    sbi_network_destroy(net);
}
END_TEST

/* Every kind of step, with numbers that no training made: they are the same on every machine. */
static sbi_network *with_every_step(void)
{
    enum { F = ONNX_TRANSFORM_FEATURES, IN = 11, WIDTH = 6 };
    static const struct {
        int64_t feature, kind;
        double value;
    } steps[] = {{0, SBI_TRANSFORM_LOG, 0},           {0, SBI_TRANSFORM_YEO_JOHNSON, 1.5}, {1, SBI_TRANSFORM_SIGNED_LOG, 30},
                 {4, SBI_TRANSFORM_LOG, 0.75},        {5, SBI_TRANSFORM_YEO_JOHNSON, 0},   {6, SBI_TRANSFORM_YEO_JOHNSON, 2},
                 {7, SBI_TRANSFORM_YEO_JOHNSON, -0.7}};
    const double categories[] = {-1, 0, 1, 2};
    sbi_transforms *t;
    sbi_network *net;
    sbi_mlp mlp = {.layers = 2, .activation = SBI_ACTIVATION_SILU, .size = {IN, WIDTH, 1}};
    ok(sbi_transforms_new(&t, ctx, F));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        ok(sbi_transforms_add(t, steps[i].feature, steps[i].kind, &steps[i].value, 1));
    ok(sbi_transforms_add(t, 2, SBI_TRANSFORM_ONE_HOT_OR_ZERO, categories, 4));
    ok(sbi_transforms_finish(t));
    ok(sbi_mlp_finish(&mlp));
    ok(sbi_network_new(&net, ctx, &mlp));
    ok(sbi_network_set_transforms(net, t));
    sbi_transforms_free(t);
    for (int32_t l = 0; l < 2; l++) {
        for (int64_t k = 0; k < mlp.size[l] * mlp.size[l + 1]; k++)
            net->params[mlp.w[l] + k] = (l ? 0.5f : 0.0625f) * (float)(7 * k % 11 - 5);
        for (int64_t k = 0; k < mlp.size[l + 1]; k++) net->params[mlp.b[l] + k] = 0.125f * (float)(k - 2);
    }
    for (int j = 0; j < IN; j++) net->shift[j] = 0.25 * j - 1, net->scale[j] = 1 / (1 + 0.5 * j);
    return net;
}

START_TEST(onnxruntime_agrees)
{
    sbi_network *net = with_every_step();
    const test_path path = folder_path(&folder, "transforms.onnx"), stored = data_path("onnx/written/transforms.onnx");
    const char *update = getenv("SBI_UPDATE_REFERENCE");
    sbi_onnx_options o = SBI_ONNX_OPTIONS_INIT;
    void *a, *b;
    size_t n, m;
    o.dtype = SBI_F64;
    ok(sbi_network_write_onnx(net, update && *update ? stored.text : path.text, &o));
    if (update && *update) ok(sbi_network_write_onnx(net, path.text, &o));
    ok(sbi_file_read(ctx, path.text, 0, &a, &n));
    ok(sbi_file_read(ctx, stored.text, 0, &b, &m));
    ck_assert_msg(n == m && memcmp(a, b, n) == 0, "%s is not what is written now", stored.text);
    sbi_free(ctx, a);
    sbi_free(ctx, b);
    double z[ONNX_TRANSFORM_EVENTS];
    const sbi_array x = sbi_array_2d(onnx_transform_x, SBI_F64, ONNX_TRANSFORM_EVENTS, ONNX_TRANSFORM_FEATURES);
    ok(sbi_network_evaluate(net, &x, z));
    for (int i = 0; i < ONNX_TRANSFORM_EVENTS; i++)
        ck_assert_msg(fabs(z[i] - onnx_transform_values[i]) < 1e-5 * (1 + fabs(z[i])), "event %d: %.9g, onnxruntime has %.9g", i, z[i],
                      onnx_transform_values[i]);
    sbi_network_destroy(net);
}
END_TEST

static sbi_status take(void *user, const void *bytes, size_t size)
{
    sbi_text_add(user, bytes, size);
    return ((sbi_text *)user)->status;
}

START_TEST(checksums_and_jobs_know_them)
{
    char with[65], without[65], zero[65];
    sbi_dataset *plain, *other;
    ok(sbi_dataset_create(&plain, ctx));
    ok(sbi_dataset_create(&other, ctx));
    ok(add_features(plain, 0));
    ok(add_features(other, 0));
    ok(sbi_dataset_add_transform(other, 4, SBI_TRANSFORM_LOG, &(double){0.5}, 1));
    sbi_network *net = trained();
    ok(sbi_dataset_checksum(data, with));
    ok(sbi_dataset_checksum(plain, without));
    ok(sbi_dataset_checksum(other, zero));
    ck_assert_str_ne(with, without);
    ck_assert_str_ne(with, zero);
    ck_assert_str_ne(without, zero);
    /* A spec of what a worker elsewhere reads. */
    sbi_train_options o = small();
    const test_path x[2] = {folder_path(&folder, "b.npy"), folder_path(&folder, "s.npy")};
    for (int side = 0; side < 2; side++) {
        const sbi_array view = sbi_array_2d(features[side], SBI_F64, EVENTS, D);
        ok(sbi_npy_write(ctx, x[side].text, &view));
    }
    json_t *spec = json_pack("{s:s, s:i, s:i, s:s, s:o, s:{s:s, s:s, s:o, s:[{s:s, s:s}, {s:s, s:s}]}}", "job", "train_member", "version", 1,
                             "member", 0, "memory", "1000", "options", sbi_train_options_to_json(&o), "data", "sha256", with,
                             "negative_weights", "refuse_negative", "transforms", sbi_transforms_to_json(data->transforms), "parts", "side",
                             "denominator", "features", x[0].text, "side", "numerator", "features", x[1].text);
    char *text = json_dumps(spec, 0);
    sbi_job *job;
    ok(sbi_job_parse(&job, ctx, text, strlen(text)));
    ck_assert_uint_eq(job->options.memory, 1000);
    sbi_job_free(job);
    const sbi_task task = {.struct_size = sizeof task, .key = "k", .spec = text, .spec_size = strlen(text)};
    sbi_text bytes;
    sbi_text_init(&bytes, ctx);
    sbi_sink sink = {.write = take, .user = &bytes};
    ok(sbi_job_run(ctx, &task, NULL, NULL, &sink));
    sbi_network *there;
    ok(sbi_network_load_memory(&there, ctx, bytes.data, bytes.size, "result"));
    ck_assert(sbi_transforms_same(net->transforms, there->transforms));
    same_logits(net, there);
    sbi_network_destroy(there);
    sbi_text_clear(&bytes);
    /* The memory is not part of what the job is. */
    char key[SBI_TASK_KEY_MAX + 1], same[SBI_TASK_KEY_MAX + 1];
    ok(sbi_job_key(ctx, text, strlen(text), key));
    free(text);
    json_object_del(spec, "memory");
    text = json_dumps(spec, 0);
    ok(sbi_job_key(ctx, text, strlen(text), same));
    ck_assert_str_eq(key, same);
    free(text);
    json_object_set_new(json_array_get(json_object_get(json_object_get(spec, "data"), "transforms"), 0), "kind", json_string("logarithm"));
    text = json_dumps(spec, 0);
    fails(sbi_job_parse(&job, ctx, text, strlen(text)), SBI_ERR_FORMAT, "/data/transforms/0: kind is \"logarithm\"");
    free(text);
    json_decref(spec);
    sbi_network_destroy(net);
    sbi_dataset_destroy(plain);
    sbi_dataset_destroy(other);
}
END_TEST

/* ---- allocations ---- */

static sbi_status all_of_it(sbi_context *own, void *arg)
{
    sbi_dataset *d = NULL;
    sbi_network *net = NULL, *back = NULL, *read = NULL;
    sbi_train_options o = small();
    const test_path *paths = arg;
    double z[EVENTS];
    const sbi_array x = sbi_array_2d(features[0], SBI_F64, EVENTS, D);
    o.depth = 0;
    o.epochs = 1;
    o.standardise = SBI_STANDARDISE_YEO_JOHNSON;
    o.memory = 1000;
    sbi_status status = sbi_dataset_create(&d, own);
    if (status == SBI_OK) status = add_features(d, 1);
    if (status == SBI_OK) status = sbi_network_train(&net, d, &o);
    if (status == SBI_OK) status = sbi_network_save(net, paths[0].text);
    if (status == SBI_OK) status = sbi_network_load(&back, own, paths[0].text);
    if (status == SBI_OK) status = sbi_network_write_onnx(back, paths[1].text, NULL);
    if (status == SBI_OK) status = sbi_network_read_onnx(&read, own, paths[1].text);
    if (status == SBI_OK) status = sbi_network_evaluate(read, &x, z);
    sbi_network_destroy(net);
    sbi_network_destroy(back);
    sbi_network_destroy(read);
    sbi_dataset_destroy(d);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    test_path paths[2] = {folder_path(&folder, "n.npz"), folder_path(&folder, "n.onnx")};
    ck_assert_int_gt(torture_allocations(all_of_it, paths, 1, _i).requests, 150);
    ck_assert_int_eq(folder_count(&folder), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net: transforms");
    TCase *c = tcase_create("transforms");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, images_are_scipys);
    tcase_add_test(c, differences_keep_their_digits);
    tcase_add_test(c, exponents_are_scipys_and_images_scikit_learns);
    tcase_add_test(c, weights_count_as_repeated_rows);
    tcase_add_test(c, each_side_counts_half);
    tcase_add_test(c, hard_columns);
    tcase_add_test(c, categories_become_inputs_and_stay_0_and_1);
    tcase_add_test(c, what_a_step_cannot_take_is_named);
    tcase_add_test(c, chains_that_are_refused);
    tcase_add_test(c, features_of_one_value);
    tcase_add_test(c, too_large_for_f32_is_named);
    tcase_add_test(c, training_is_that_on_transformed_features);
    tcase_add_test(c, accessors);
    tcase_add_test(c, evaluation_names_what_it_cannot_take);
    tcase_add_test(c, files_keep_every_bit_and_notice_damage);
    tcase_add_test(c, onnx_keeps_them);
    tcase_add_test(c, onnxruntime_agrees);
    tcase_add_test(c, checksums_and_jobs_know_them);
    tcase_add_loop_test(c, every_allocation_may_fail, 0, 2);
    suite_add_tcase(s, c);
    return run_suite(s);
}
