/* SPDX-License-Identifier: Apache-2.0 */
/* Datasets with theta: what a reference sample gets, checksums, names; networks that know theta and classes, in files too. */
#include <math.h>
#include <string.h>

#include "io/npz.h"
#include "net/dataset.h"
#include "net/network.h"
#include "sbi/ratio.h"
#include "sbi/train.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static test_folder folder;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s (%s)", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

static void add(sbi_dataset *data, int32_t side, const double *x, const double *w, const double *theta, int64_t n)
{
    const sbi_array xa = sbi_array_1d(x, SBI_F64, n), wa = sbi_array_1d(w, SBI_F64, n), ta = sbi_array_2d(theta, SBI_F64, n, 2);
    sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
    a.features = &xa;
    a.weights = w ? &wa : NULL;
    a.theta = theta ? &ta : NULL;
    ok(sbi_dataset_add_arrays(data, side, &a));
}

enum { SOURCES = 5, EVENTS = 1000 };
static const double source_weights[SOURCES] = {1, 0, 2, -3, 4};
static const double source_theta[SOURCES * 2] = {0, 10, 1, 11, 2, 12, 3, 13, 4, 14};

static sbi_dataset *make_drawn(int64_t cut, int32_t side)
{
    static double x[EVENTS];
    sbi_dataset *data;
    for (int i = 0; i < EVENTS; i++) x[i] = i;
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_set_weight_policy(data, SBI_WEIGHTS_ALLOW_NEGATIVE));
    add(data, side, x, NULL, NULL, cut);
    add(data, side, x + cut, NULL, NULL, EVENTS - cut);
    add(data, !side, x, source_weights, source_theta, 2); /* in parts as well */
    add(data, !side, x + 2, source_weights + 2, source_theta + 4, SOURCES - 2);
    ok(sbi_dataset_prepare(data));
    return data;
}

/* Each theta as often as |weight| says, in an order that has nothing to do with the events, the same whatever the parts. */
START_TEST(a_reference_sample_gets_the_distribution_of_theta)
{
    static double first[EVENTS * 3], again[EVENTS * 3];
    for (int32_t side = 0; side < 2; side++) {
        for (int run = 0; run < 2; run++) {
            sbi_dataset *data = make_drawn(run ? 300 : 999, side);
            sbi_dataset_read_inputs(data, side, 0, EVENTS, run ? again : first);
            sbi_dataset_destroy(data);
        }
        ck_assert_mem_eq(first, again, sizeof first);
        int count[SOURCES] = {0}, early[SOURCES] = {0};
        for (int i = 0; i < EVENTS; i++) {
            const int k = (int)first[3 * i + 1];
            ck_assert(first[3 * i] == i && first[3 * i + 1] == k && first[3 * i + 2] == k + 10);
            count[k]++;
            early[k] += i < EVENTS / 2;
        }
        for (int k = 0; k < SOURCES; k++) {
            ck_assert_int_eq(count[k], (int)(fabs(source_weights[k]) * EVENTS / 10));
            ck_assert_int_le(abs(2 * early[k] - count[k]), 60); /* 4 standard deviations of 400 tosses are 80 */
        }
    }
}
END_TEST

/* What was drawn is not content, so it is not in the checksum; everything given is. */
START_TEST(checksums_know_theta_and_classes)
{
    static const double x[4] = {1, 2, 3, 4}, theta[8] = {1, 2, 3, 4, 5, 6, 7, 8}, other[8] = {1, 2, 3, 4, 5, 6, 7, 9};
    char hex[6][65];
    for (int k = 0; k < 6; k++) {
        sbi_dataset *data;
        ok(sbi_dataset_create(&data, ctx));
        add(data, 0, x, NULL, k == 4 ? theta : NULL, 4);
        if (k == 1) {
            add(data, 1, x, NULL, theta, 1); /* as 2, in parts */
            add(data, 1, x + 1, NULL, theta + 2, 3);
        } else {
            add(data, k == 5 ? 2 : 1, x, NULL, k == 0 ? NULL : k == 3 ? other : theta, 4);
        }
        ok(sbi_dataset_checksum(data, hex[k]));
        sbi_dataset_destroy(data);
    }
    ck_assert_str_eq(hex[1], hex[2]);
    for (int a = 0; a < 6; a++)
        for (int b = 0; b < a; b++)
            if (!(a == 2 && b == 1)) ck_assert_msg(strcmp(hex[a], hex[b]) != 0, "%d and %d", a, b);
}
END_TEST

START_TEST(names_of_parameters_and_classes)
{
    static const double x[2] = {1, 2}, theta[4] = {1, 2, 3, 4};
    static const char *const one[1] = {"mu"}, *const same[2] = {"mu", "mu"}, *const clash[2] = {"x0", "mu"}, *const good[2] = {"mu", "phi"};
    sbi_dataset *data;
    ok(sbi_dataset_create(&data, ctx));
    fails(sbi_dataset_set_parameter_names(data, one, 1), SBI_ERR_SHAPE, "1 names for 0 parameters");
    add(data, 1, x, NULL, theta, 2);
    ck_assert_uint_eq(sbi_dataset_parameters(data), 2);
    ck_assert_str_eq(sbi_dataset_parameter_name(data, 1), "theta1");
    ck_assert_ptr_null(sbi_dataset_parameter_name(data, 2));
    fails(sbi_dataset_set_parameter_names(data, one, 1), SBI_ERR_SHAPE, "1 names for 2 parameters");
    fails(sbi_dataset_set_parameter_names(data, same, 2), SBI_ERR_ARGUMENT, "\"mu\" is there twice");
    fails(sbi_dataset_set_parameter_names(data, clash, 2), SBI_ERR_ARGUMENT, "\"x0\" is also a feature");
    ok(sbi_dataset_set_parameter_names(data, good, 2));
    fails(sbi_dataset_set_feature_names(data, one, 1), SBI_ERR_ARGUMENT, "\"mu\" is also a parameter");
    ck_assert_str_eq(sbi_dataset_input_name(data, 2), "phi");
    ck_assert_uint_eq(sbi_dataset_classes(data), 2);
    ck_assert_str_eq(sbi_dataset_class_name(data, 0), "denominator");
    ck_assert_str_eq(sbi_dataset_class_name(data, 63), "class63");
    ck_assert_ptr_null(sbi_dataset_class_name(data, 64));
    ok(sbi_dataset_set_class_name(data, 0, "background"));
    fails(sbi_dataset_set_class_name(data, 1, "background"), SBI_ERR_ARGUMENT, "is also class 0");
    fails(sbi_dataset_set_class_name(data, 1, ""), SBI_ERR_ARGUMENT, "empty");
    fails(sbi_dataset_set_class_name(data, 64, "a"), SBI_ERR_ARGUMENT, "side is 64");
    add(data, 7, x, NULL, NULL, 2);
    ck_assert_uint_eq(sbi_dataset_classes(data), 8);
    sbi_network *net;
    fails(sbi_network_train(&net, data, NULL), SBI_ERR_VALUE, "the background has no events");
    sbi_dataset_destroy(data);
}
END_TEST

static sbi_network *make_network(int32_t outputs, int32_t theta, int32_t classes, sbi_status expected, const char *text)
{
    static const float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const sbi_array wa = sbi_array_2d(w, SBI_F32, outputs, 3), ba = sbi_array_1d(w, SBI_F32, outputs);
    sbi_network_form form = SBI_NETWORK_FORM_INIT;
    sbi_network *net;
    form.theta = theta;
    form.classes = classes;
    const sbi_status status = sbi_network_create_with(&net, ctx, 1, &wa, &ba, &form, NULL, NULL);
    if (expected == SBI_OK) ok(status);
    else fails(status, expected, text);
    return net;
}

START_TEST(networks_know_theta_and_classes)
{
    sbi_network_info info = {.struct_size = sizeof info};
    static const int32_t cases[][4] = {{1, 0, -1, 2}, {3, 0, -1, 3}, {3, 2, 4, 4}, {3, 1, 3, 3}, {2, 0, 0, 0}, {1, 1, 2, 2}};
    const test_path path = folder_path(&folder, "n.npz");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sbi_network *net = make_network(cases[k][0], cases[k][1], cases[k][2], SBI_OK, ""), *loaded;
        ok(sbi_network_save(net, path.text));
        ok(sbi_network_load(&loaded, ctx, path.text));
        ok(sbi_network_info_get(loaded, &info));
        ck_assert_int_eq(info.outputs, cases[k][0]);
        ck_assert_int_eq(info.theta, cases[k][1]);
        ck_assert_int_eq(info.classes, cases[k][3]);
        ck_assert_int_eq(sbi_network_class_name(loaded, 2) != NULL, cases[k][3] > 2);
        sbi_network_destroy(net);
        sbi_network_destroy(loaded);
    }
    ck_assert_ptr_null(make_network(3, 3, -1, SBI_ERR_SHAPE, "3 of 3 inputs are theta"));
    ck_assert_ptr_null(make_network(3, -1, -1, SBI_ERR_SHAPE, "inputs are theta"));
    ck_assert_ptr_null(make_network(3, 0, 2, SBI_ERR_SHAPE, "2 classes for 3 outputs"));
    ck_assert_ptr_null(make_network(1, 0, 1, SBI_ERR_SHAPE, "1 classes for 1 outputs"));
    sbi_network *a = make_network(3, 1, 3, SBI_OK, ""), *b = make_network(3, 1, 4, SBI_OK, "");
    sbi_network *const both[2] = {a, b};
    sbi_ensemble *ens;
    fails(sbi_ensemble_create(&ens, ctx, both, 2), SBI_ERR_SHAPE, "member 1 has 4 classes and 1 inputs of theta, member 0 has 3 and 1");
    sbi_network_destroy(a);
    sbi_network_destroy(b);
}
END_TEST

/* ln r of every pair by hand: softmax logits, heads over class 0, no ratio from a regression. */
START_TEST(ratios_of_classes)
{
    static const double x[3] = {0.5, -1, 2};
    const sbi_array xa = sbi_array_2d(x, SBI_F64, 1, 3);
    for (int32_t heads = 0; heads < 2; heads++) {
        sbi_network *net = make_network(3, 0, 3 + heads, SBI_OK, "");
        sbi_ensemble *ens;
        double outputs[3], logit[4] = {0};
        ok(sbi_ensemble_create(&ens, ctx, &net, 1));
        ok(sbi_network_evaluate_all(net, &xa, outputs));
        memcpy(logit + heads, outputs, sizeof outputs);
        for (int32_t n = 0; n < 3 + heads; n++) {
            for (int32_t d = 0; d < 3 + heads; d++) {
                sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
                double got;
                o.output = SBI_RATIO_LOG;
                o.numerator = n;
                o.denominator = d;
                const sbi_status status = sbi_ratio_evaluate(ens, &xa, &got, NULL, &o);
                if (n == d) {
                    fails(status, SBI_ERR_ARGUMENT, "sbi_ratio_options.denominator");
                    continue;
                }
                ok(status);
                ck_assert_double_eq(got, logit[n] - logit[d]);
            }
        }
        sbi_ensemble_destroy(ens);
        sbi_network_destroy(net);
    }
    sbi_network *net = make_network(3, 0, 0, SBI_OK, "");
    sbi_ensemble *ens;
    double got;
    ok(sbi_ensemble_create(&ens, ctx, &net, 1));
    fails(sbi_ratio_evaluate(ens, &xa, &got, NULL, NULL), SBI_ERR_ARGUMENT, "regression");
    sbi_ensemble_destroy(ens);
    sbi_network_destroy(net);
}
END_TEST

/* Diagnostics of a parameterised ensemble judge each event at its own theta. */
START_TEST(diagnostics_at_each_theta)
{
    static const double x[4] = {1, 2, 3, 4}, theta[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    sbi_network *net = make_network(1, 2, 2, SBI_OK, "");
    sbi_ensemble *ens;
    sbi_dataset *data;
    sbi_diagnostics *diagnostics;
    ok(sbi_ensemble_create(&ens, ctx, &net, 1));
    ok(sbi_dataset_create(&data, ctx));
    add(data, 0, x, NULL, NULL, 4);
    add(data, 1, x, NULL, theta, 4);
    sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
    o.calibration_bins = o.closure_bins = 2;
    o.correction = 1e20;
    ok(sbi_diagnostics_run(&diagnostics, ens, data, &o));
    sbi_diagnostics_summary summary = {.struct_size = sizeof summary};
    ok(sbi_diagnostics_summary_get(diagnostics, &summary));
    double expected = 0; /* E_numerator[1 / r], with ln r = x + 2 theta_0 + 3 theta_1 + 1 - ln 1e20 */
    for (int i = 0; i < 4; i++) expected += 0.25 * exp(log(1e20) - (x[i] + 2 * theta[2 * i] + 3 * theta[2 * i + 1] + 1));
    ck_assert_double_lt(fabs(summary.inverse / expected - 1), 1e-5);
    sbi_diagnostics_destroy(diagnostics);
    sbi_dataset_destroy(data);
    sbi_ensemble_destroy(ens);
    sbi_network_destroy(net);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: theta and classes");
    TCase *c = tcase_create("theta");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_reference_sample_gets_the_distribution_of_theta);
    tcase_add_test(c, checksums_know_theta_and_classes);
    tcase_add_test(c, names_of_parameters_and_classes);
    tcase_add_test(c, networks_know_theta_and_classes);
    tcase_add_test(c, ratios_of_classes);
    tcase_add_test(c, diagnostics_at_each_theta);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
