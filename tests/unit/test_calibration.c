/* SPDX-License-Identifier: Apache-2.0 */
/* Calibrations of ratios: against scikit-learn, on distorted exact ratios, on learnt ones, and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/train.h"
#include "ratio/ratio.h"
#include "reference/calibration_sklearn.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static test_folder folder;

static void set_up(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
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
    ck_assert_msg(status == expected, "%s, expected %s", sbi_status_name(status), sbi_status_name(expected));
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

/* The reference's events; the arrays are borrowed. */
static sbi_dataset *reference_data(sbi_context *own)
{
    sbi_dataset *data = NULL;
    if (sbi_dataset_create(&data, own) != SBI_OK) return NULL;
    for (int32_t side = 0; side < 2; side++) {
        const sbi_array x = sbi_array_1d(reference_x + side * REFERENCE_N, SBI_F64, REFERENCE_N);
        const sbi_array w = sbi_array_1d(reference_weight + side * REFERENCE_N, SBI_F64, REFERENCE_N);
        if (sbi_dataset_add_array(data, side, &x, &w) == SBI_OK) continue;
        sbi_dataset_destroy(data);
        return NULL;
    }
    return data;
}

static sbi_array reference_ratios(int side)
{
    return sbi_array_1d(reference_log_ratio + side * REFERENCE_N, SBI_F64, REFERENCE_N);
}

static double expit(double l)
{
    return 1 / (1 + exp(-l));
}

START_TEST(isotonic_is_sklearns)
{
    sbi_dataset *data = reference_data(ctx);
    const sbi_array num = reference_ratios(1), den = reference_ratios(0);
    sbi_calibration_options o = SBI_CALIBRATION_OPTIONS_INIT;
    sbi_calibration *cal, *loaded;
    double after[REFERENCE_AT], again[REFERENCE_AT];
    o.held_out = 0;
    o.normalise = 0;
    ok(sbi_calibration_fit_ratios(&cal, data, &num, &den, &o));
    ok(sbi_calibration_apply(cal, reference_at, REFERENCE_AT, after));
    for (int i = 0; i < REFERENCE_AT; i++) ck_assert_double_eq_tol(expit(after[i]), reference_isotonic[i], 1e-12);
    sbi_array knots;
    ok(sbi_calibration_knots(cal, &knots));
    const double *k = knots.data;
    for (int64_t i = 1; i < knots.shape[0]; i++) ck_assert(k[3 * i] > k[3 * i - 3] && k[3 * i + 1] >= k[3 * i - 2]);
    /* A file keeps every bit. */
    const test_path path = folder_path(&folder, "calibration.npz");
    ok(sbi_calibration_save(cal, path.text));
    ok(sbi_calibration_load(&loaded, ctx, path.text));
    ok(sbi_calibration_apply(loaded, reference_at, REFERENCE_AT, again));
    ck_assert_mem_eq(after, again, sizeof after);
    sbi_calibration_info info = {.struct_size = sizeof info};
    ok(sbi_calibration_info_get(loaded, &info));
    ck_assert_int_eq(info.method, SBI_CALIBRATION_ISOTONIC);
    ck_assert_int_eq(info.numerator_events, REFERENCE_N);
    ck_assert_int_eq(info.on_training, 0);
    sbi_calibration_destroy(loaded);
    sbi_calibration_destroy(cal);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(distances_and_auc_are_scipys)
{
    sbi_dataset *data = reference_data(ctx);
    const sbi_array num = reference_ratios(1), den = reference_ratios(0);
    sbi_diagnostics *diag;
    sbi_array t;
    sbi_diagnostics_summary s = {.struct_size = sizeof s};
    ok(sbi_diagnostics_compute(&diag, data, &num, &den, NULL));
    ok(sbi_diagnostics_summary_get(diag, &s));
    ok(sbi_diagnostics_table(diag, SBI_TABLE_CLOSURE_SUMMARY, 0, &t));
    const double *row = t.data;
    ck_assert_double_eq_tol(row[4], reference_numbers[0], 1e-12);
    ck_assert_double_eq_tol(row[5], reference_numbers[1], 1e-12);
    ck_assert_double_eq_tol(s.auc, reference_numbers[2], 1e-12);
    ck_assert_double_eq(s.wasserstein, row[4]);
    ck_assert(isnan(s.ks_numerator_p));
    sbi_diagnostics_destroy(diag);
    sbi_dataset_destroy(data);
}
END_TEST

/* ---- distorted exact ratios become right ---- */

typedef struct distorted {
    gaussians g;
    sbi_dataset *data;
    double *l[2];
    sbi_array view[2];
} distorted;

static double distort(double l)
{
    return 0.6 * l + 0.15 * l * l * (l > 0 ? 0.5 : -0.5) + 0.4;
}

static distorted make_distorted(int64_t n, uint64_t seed)
{
    distorted d = {.g = gaussians_make(n, 1, 1.2, seed)};
    ok(gaussians_dataset(&d.g, ctx, &d.data));
    for (int side = 0; side < 2; side++) {
        d.l[side] = malloc((size_t)n * sizeof(double));
        for (int64_t i = 0; i < n; i++) d.l[side][i] = distort(gaussians_log_ratio(&d.g, side, i));
        d.view[side] = sbi_array_1d(d.l[side], SBI_F64, n);
    }
    return d;
}

static void free_distorted(distorted *d)
{
    sbi_dataset_destroy(d->data);
    free(d->l[0]);
    free(d->l[1]);
    gaussians_free(&d->g);
}

START_TEST(distorted_ratios_become_right)
{
    distorted fit = make_distorted(40000, 31), test = make_distorted(40000, 32);
    for (int32_t method = SBI_CALIBRATION_ISOTONIC; method <= SBI_CALIBRATION_HISTOGRAM; method++) {
        sbi_calibration_options o = SBI_CALIBRATION_OPTIONS_INIT;
        sbi_calibration *cal;
        o.method = method;
        o.held_out = 0;
        ok(sbi_calibration_fit_ratios(&cal, fit.data, &fit.view[1], &fit.view[0], &o));
        /* E[r] = 1 on the events of the fit, exactly. */
        double sum = 0, before = 0, after = 0;
        for (int64_t i = 0; i < fit.g.n; i++) sum += exp(sbi_calibrate(cal, fit.l[0][i]));
        ck_assert_double_eq_tol(sum / (double)fit.g.n, 1, 1e-12);
        for (int64_t i = 0; i < test.g.n; i++) {
            const double truth = gaussians_log_ratio(&test.g, 0, i);
            before += pow(test.l[0][i] - truth, 2) / (double)test.g.n;
            test.l[0][i] = sbi_calibrate(cal, test.l[0][i]);
            after += pow(test.l[0][i] - truth, 2) / (double)test.g.n;
        }
        for (int64_t i = 0; i < test.g.n; i++) test.l[1][i] = sbi_calibrate(cal, test.l[1][i]);
        ck_assert_msg(sqrt(after) < 0.15 * sqrt(before) + 0.07, "method %d: rms of ln r %.3f, before %.3f", method, sqrt(after), sqrt(before));
        sbi_diagnostics *diag;
        sbi_diagnostics_summary s = {.struct_size = sizeof s};
        ok(sbi_diagnostics_compute(&diag, test.data, &test.view[1], &test.view[0], NULL));
        ok(sbi_diagnostics_summary_get(diag, &s));
        ck_assert_double_gt(s.calibration_p, 1e-5);
        ck_assert_double_le(fabs(s.normalisation - 1), 5 * s.normalisation_error + 0.02);
        sbi_diagnostics_destroy(diag);
        sbi_calibration_destroy(cal);
        free_distorted(&test);
        test = make_distorted(40000, 32);
    }
    free_distorted(&fit);
    free_distorted(&test);
}
END_TEST

START_TEST(outside_the_fit_nothing_is_infinite)
{
    /* The lowest three are of the denominator alone, the highest two of the numerator: p is 0 and 1 there. */
    static const double den[5] = {-3, -2, -1, 0.5, 1}, num[5] = {0, 0.75, 1.5, 2, 3}, at[4] = {-50, -2, 2.5, 400};
    sbi_dataset *data;
    sbi_calibration *cal;
    ok(sbi_dataset_create(&data, ctx));
    const sbi_array d = sbi_array_1d(den, SBI_F64, 5), n = sbi_array_1d(num, SBI_F64, 5);
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &d, NULL));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &n, NULL));
    sbi_calibration_options o = SBI_CALIBRATION_OPTIONS_INIT;
    double out[4];
    o.held_out = 0;
    o.normalise = 0;
    ok(sbi_calibration_fit_ratios(&cal, data, &n, &d, &o));
    ok(sbi_calibration_apply(cal, at, 4, out));
    /* The middle: 0 (n), 0.5 (d), 0.75 (n), 1 (d) pool to 1/2 from 0 to 1. */
    ck_assert_double_eq_tol(out[0], -50, 1e-12);
    ck_assert_double_eq_tol(out[1], -2, 1e-12);
    ck_assert_double_eq_tol(out[2], 1.5, 1e-12);
    ck_assert_double_eq_tol(out[3], 399, 1e-12);
    static const double bad[1] = {INFINITY};
    fails(sbi_calibration_apply(cal, bad, 1, out), SBI_ERR_VALUE, "row 0");
    sbi_calibration_destroy(cal);
    /* No overlap at all. */
    static const double low[5] = {-5, -4, -3, -2, -1};
    const sbi_array apart = sbi_array_1d(low, SBI_F64, 5);
    fails(sbi_calibration_fit_ratios(&cal, data, &n, &apart, &o), SBI_ERR_VALUE, "do not overlap");
    o.method = SBI_CALIBRATION_HISTOGRAM;
    o.bins = 2;
    ok(sbi_calibration_fit_ratios(&cal, data, &n, &apart, &o)); /* the bins join until both sides are there: one, at the mean */
    ok(sbi_calibration_apply(cal, at, 1, out));
    ck_assert_double_eq_tol(out[0], -50 - (7.25 - 15) / 10, 1e-12);
    sbi_calibration_destroy(cal);
    static const double infinite[5] = {1, -INFINITY, 0, 0, 0};
    const sbi_array inf = sbi_array_1d(infinite, SBI_F64, 5);
    fails(sbi_calibration_fit_ratios(&cal, data, &n, &inf, &o), SBI_ERR_VALUE, "log_denominator: row 1");
    o.bins = 0;
    fails(sbi_calibration_fit_ratios(&cal, data, &n, &d, &o), SBI_ERR_ARGUMENT, "bins");
    o.bins = 3;
    o.method = 7;
    fails(sbi_calibration_fit_ratios(&cal, data, &n, &d, &o), SBI_ERR_ARGUMENT, "method");
    sbi_dataset_destroy(data);
    /* Negative weights: bins take them, the isotonic fit says who does. */
    static const double w[5] = {1, 1, -0.5, 1, 1};
    const sbi_array weights = sbi_array_1d(w, SBI_F64, 5);
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_set_weight_policy(data, SBI_WEIGHTS_ALLOW_NEGATIVE));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &d, &weights));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &n, NULL));
    o.method = SBI_CALIBRATION_ISOTONIC;
    fails(sbi_calibration_fit_ratios(&cal, data, &n, &d, &o), SBI_ERR_VALUE, "SBI_CALIBRATION_HISTOGRAM");
    o.method = SBI_CALIBRATION_HISTOGRAM;
    ok(sbi_calibration_fit_ratios(&cal, data, &n, &d, &o));
    sbi_calibration_destroy(cal);
    sbi_dataset_destroy(data);
}
END_TEST

/* ---- an ensemble ---- */

static sbi_ensemble *train_small(sbi_dataset *data, uint64_t seed, double fraction, int members)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    sbi_ensemble *ens;
    o.depth = 1;
    o.width = 8;
    o.epochs = 3;
    o.batch = 256;
    o.members = members;
    o.seed = seed;
    o.validation_fraction = fraction;
    o.learning_rate = 5e-3;
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    return ens;
}

START_TEST(training_events_are_refused)
{
    gaussians g = gaussians_make(4000, 1, 1, 33), other = gaussians_make(4000, 1, 1, 34);
    sbi_dataset *data, *fresh;
    sbi_calibration *cal;
    ok(gaussians_dataset(&g, ctx, &data));
    ok(gaussians_dataset(&other, ctx, &fresh));
    sbi_ensemble *ens = train_small(data, 5, 0.3, 2), *whole = train_small(data, 5, 0, 1);
    sbi_calibration_options o = SBI_CALIBRATION_OPTIONS_INIT;
    fails(sbi_calibration_fit(&cal, ens, data, &o), SBI_ERR_STATE, "member 0 was trained on some of these events (seed 5)");
    ck_assert_ptr_null(cal);
    o.seed = 5;
    fails(sbi_calibration_fit(&cal, ens, data, &o), SBI_ERR_STATE, "trained on"); /* the fraction is 0.1, not 0.3 */
    o.validation_fraction = 0.3;
    fails(sbi_calibration_fit(&cal, whole, data, &o), SBI_ERR_STATE, "trained on");
    ok(sbi_calibration_fit(&cal, ens, data, &o)); /* held out: 1200 of each side */
    sbi_calibration_info info = {.struct_size = sizeof info};
    ok(sbi_calibration_info_get(cal, &info));
    ck_assert_int_eq(info.members, 2);
    ck_assert_int_eq(info.on_training, 0);
    ck_assert_int_lt(abs((int)info.numerator_events - 1200), 200);

    /* In evaluation: members, spread and combination; not together with a correction, not with another ensemble. */
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    const sbi_array x = sbi_array_2d(other.x[0], SBI_F32, 500, 1);
    double plain[500], calibrated[500], spread[500];
    r.output = SBI_RATIO_LOG;
    ok(sbi_ratio_evaluate(ens, &x, plain, NULL, &r));
    r.calibration = cal;
    ok(sbi_ratio_evaluate(ens, &x, calibrated, spread, &r));
    for (int i = 0; i < 500; i++) ck_assert_double_eq(calibrated[i], sbi_calibrate(cal, plain[i]));
    double l[2], one;
    ok(sbi_network_evaluate(sbi_ensemble_network(ens, 0), &(const sbi_array){.data = other.x[0], .dtype = SBI_F32, .ndim = 2, .shape = {1, 1}, .strides = {4, 4}}, &l[0]));
    ok(sbi_network_evaluate(sbi_ensemble_network(ens, 1), &(const sbi_array){.data = other.x[0], .dtype = SBI_F32, .ndim = 2, .shape = {1, 1}, .strides = {4, 4}}, &l[1]));
    one = fabs(sbi_calibrate(cal, l[0]) - sbi_calibrate(cal, l[1])) / sqrt(2);
    ck_assert_double_eq_tol(spread[0], one, 1e-12);
    r.output = SBI_RATIO_VALUE;
    ok(sbi_ratio_evaluate(ens, &x, plain, NULL, &r));
    ck_assert_double_eq_tol(plain[3], exp(calibrated[3]), 1e-14 * plain[3]);
    fails(sbi_ratio_evaluate(whole, &x, plain, NULL, &r), SBI_ERR_ARGUMENT, "fitted for 2 members");
    r.correction = 1.5;
    fails(sbi_ratio_evaluate(ens, &x, plain, NULL, &r), SBI_ERR_ARGUMENT, "exclude each other");
    sbi_calibration_destroy(cal);

    o.allow_training = 1;
    ok(sbi_calibration_fit(&cal, whole, data, &o));
    ok(sbi_calibration_info_get(cal, &info));
    ck_assert_int_eq(info.on_training, 1);
    sbi_calibration_destroy(cal);
    o.allow_training = 0;
    o.held_out = 0;
    ok(sbi_calibration_fit(&cal, whole, fresh, &o)); /* other events */
    ok(sbi_calibration_info_get(cal, &info));
    ck_assert_int_eq(info.numerator_events, 4000);

    /* Diagnostics of the calibrated ensemble, with the comparison of training events. */
    sbi_diagnostics_options d = SBI_DIAGNOSTICS_OPTIONS_INIT;
    sbi_diagnostics *diag;
    sbi_diagnostics_summary s = {.struct_size = sizeof s};
    d.calibration = cal;
    d.held_out = 1;
    d.seed = 5;
    ok(sbi_diagnostics_run(&diag, whole, fresh, &d));
    ok(sbi_diagnostics_summary_get(diag, &s));
    ck_assert_double_gt(s.calibration_p, 1e-6);
    ck_assert_double_gt(s.ks_numerator_p, 1e-4);
    sbi_diagnostics_destroy(diag);
    sbi_calibration_destroy(cal);
    sbi_ensemble_destroy(ens);
    sbi_ensemble_destroy(whole);
    sbi_dataset_destroy(data);
    sbi_dataset_destroy(fresh);
    gaussians_free(&g);
    gaussians_free(&other);
}
END_TEST

START_TEST(damaged_files_are_refused)
{
    const test_path path = folder_path(&folder, "c.npz");
    sbi_dataset *data = reference_data(ctx);
    const sbi_array num = reference_ratios(1), den = reference_ratios(0);
    sbi_calibration *cal;
    sbi_calibration_options o = SBI_CALIBRATION_OPTIONS_INIT;
    o.held_out = 0;
    ok(sbi_calibration_fit_ratios(&cal, data, &num, &den, &o));
    cal->knots[2].level = 1.5;
    ok(sbi_calibration_save(cal, path.text));
    sbi_calibration *loaded;
    fails(sbi_calibration_load(&loaded, ctx, path.text), SBI_ERR_VALUE, "c.npz: knots: row 2");
    cal->knots[2].level = cal->knots[1].level;
    cal->knots[2].before = cal->knots[1].before;
    ok(sbi_calibration_save(cal, path.text));
    fails(sbi_calibration_load(&loaded, ctx, path.text), SBI_ERR_VALUE, "row 2");
    cal->info.normalisation = -1;
    ok(sbi_calibration_save(cal, path.text));
    fails(sbi_calibration_load(&loaded, ctx, path.text), SBI_ERR_FORMAT, "normalisation is -1");
    fails(sbi_calibration_load(&loaded, ctx, "/no/such.npz"), SBI_ERR_NOT_FOUND, "/no/such.npz");
    fails(sbi_calibration_save(cal, "/no/such/folder/c.npz"), SBI_ERR_NOT_FOUND, "/no/such");
    sbi_calibration_destroy(cal);
    sbi_dataset_destroy(data);
}
END_TEST

static sbi_status calibration_body(sbi_context *own, void *arg)
{
    const char *path = arg;
    sbi_dataset *data = reference_data(own);
    if (!data) return SBI_ERR_NO_MEMORY;
    const sbi_array num = reference_ratios(1), den = reference_ratios(0);
    sbi_calibration_options o = SBI_CALIBRATION_OPTIONS_INIT;
    sbi_calibration *cal = NULL, *loaded = NULL;
    o.held_out = 0;
    sbi_status status = sbi_calibration_fit_ratios(&cal, data, &num, &den, &o);
    if (status == SBI_OK) status = sbi_calibration_save(cal, path);
    if (status == SBI_OK) status = sbi_calibration_load(&loaded, own, path);
    sbi_calibration_destroy(cal);
    sbi_calibration_destroy(loaded);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    test_path path = folder_path(&folder, "t.npz");
    ck_assert_int_gt(torture_allocations(calibration_body, path.text, 1, 0).requests, 15);
    torture_allocations(calibration_body, path.text, 1, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calibration");
    TCase *c = tcase_create("calibration");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, isotonic_is_sklearns);
    tcase_add_test(c, distances_and_auc_are_scipys);
    tcase_add_test(c, distorted_ratios_become_right);
    tcase_add_test(c, outside_the_fit_nothing_is_infinite);
    tcase_add_test(c, training_events_are_refused);
    tcase_add_test(c, damaged_files_are_refused);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
