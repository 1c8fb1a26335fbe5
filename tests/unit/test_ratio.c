/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios and diagnostics: on ratios that are known exactly, and on ratios learnt from two normal distributions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/column.h"
#include "io/json.h"
#include "net/train.h"
#include "ratio/ratio.h"
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

/* A network without hidden layer: ln r = slope x + offset. */
static sbi_network *line(sbi_context *own, double slope, double offset)
{
    const sbi_array w = sbi_array_2d(&slope, SBI_F64, 1, 1), b = sbi_array_1d(&offset, SBI_F64, 1);
    sbi_network *net = NULL;
    if (sbi_network_create(&net, own, 1, &w, &b, SBI_ACTIVATION_SILU, NULL, NULL) != SBI_OK) return NULL;
    return net;
}

static sbi_ensemble *lines(const double *slopes, size_t n)
{
    sbi_network *net[8] = {NULL};
    sbi_ensemble *ens;
    for (size_t m = 0; m < n; m++) net[m] = line(ctx, slopes[m], 0.25);
    ok(sbi_ensemble_create(&ens, ctx, net, n));
    for (size_t m = 0; m < n; m++) sbi_network_destroy(net[m]);
    return ens;
}

START_TEST(combinations_and_spread)
{
    static const double slopes[4] = {0.5, -1, 2, 1.25}, x[3] = {0, 1, -2};
    sbi_ensemble *ens = lines(slopes, 4);
    const sbi_array view = sbi_array_1d(x, SBI_F64, 3);
    double r[3], spread[3];
    for (int32_t how = SBI_COMBINE_MEAN_RATIO; how <= SBI_COMBINE_MEDIAN; how++) {
        ok(sbi_ensemble_set_combination(ens, how));
        for (int32_t output = SBI_RATIO_VALUE; output <= SBI_RATIO_LOG; output++) {
            sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
            o.output = output;
            o.correction = 2;
            ok(sbi_ratio_evaluate(ens, &view, r, spread, &o));
            for (int i = 0; i < 3; i++) {
                double l[4], v[4], mean = 0, mean_r = 0, mean_l = 0, square = 0;
                for (int m = 0; m < 4; m++) l[m] = slopes[m] * x[i] + 0.25 - log(2);
                for (int m = 0; m < 4; m++) v[m] = output == SBI_RATIO_LOG ? l[m] : exp(l[m]);
                for (int m = 0; m < 4; m++) mean += v[m] / 4, mean_r += exp(l[m]) / 4, mean_l += l[m] / 4;
                for (int m = 0; m < 4; m++) square += (v[m] - mean) * (v[m] - mean) / 3;
                /* the middle two of slopes -1, 0.5, 1.25, 2 are 0.5 and 1.25 for any sign of x */
                double expected = how == SBI_COMBINE_MEAN_RATIO ? log(mean_r)
                                  : how == SBI_COMBINE_MEAN_LOG ? mean_l
                                                                : 0.875 * x[i] + 0.25 - log(2);
                if (output == SBI_RATIO_VALUE) expected = exp(expected);
                ck_assert_double_eq_tol(r[i], expected, 1e-6 * (1 + fabs(expected)));
                ck_assert_double_eq_tol(spread[i], sqrt(square), 1e-6 * (1 + sqrt(square)));
            }
        }
    }
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.dtype = SBI_F16;
    fails(sbi_ratio_evaluate(ens, &view, r, NULL, &o), SBI_ERR_ARGUMENT, "dtype");
    o = (sbi_ratio_options)SBI_RATIO_OPTIONS_INIT;
    o.correction = 0;
    fails(sbi_ratio_evaluate(ens, &view, r, NULL, &o), SBI_ERR_ARGUMENT, "correction");
    static const double far[2] = {1, 1e6};
    const sbi_array far_view = sbi_array_1d(far, SBI_F64, 2);
    fails(sbi_ratio_evaluate(ens, &far_view, r, NULL, NULL), SBI_ERR_VALUE, "row 1");
    sbi_ensemble_destroy(ens);
}
END_TEST

START_TEST(columns_hold_what_evaluation_gives)
{
    enum { N = 5000 };
    static const double slopes[3] = {0.5, 0.75, 0.625};
    const test_path in = folder_path(&folder, "x.npy"), out = folder_path(&folder, "r.npy");
    const test_path spread_path = folder_path(&folder, "s.npy"), members = folder_path(&folder, "m.npy");
    sbi_ensemble *ens = lines(slopes, 3);
    float *x = malloc(N * sizeof *x);
    double *r = malloc(N * sizeof *r), *spread = malloc(N * sizeof *spread);
    for (size_t i = 0; i < N; i++) x[i] = (float)sbi_random_normal(3, 0, i);
    const sbi_array view = sbi_array_1d(x, SBI_F32, N);
    ok(sbi_npy_write(ctx, in.text, &view));
    static const int32_t types[3] = {SBI_F64, SBI_F32, SBI_F16};
    static const double precision[3] = {0, 6e-8, 5e-4};
    for (int k = 0; k < 3; k++) {
        sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
        o.dtype = types[k];
        o.output = SBI_RATIO_LOG;
        o.spread = spread_path.text;
        o.members = members.text;
        ok(sbi_ratio_evaluate(ens, &view, r, spread, &o));
        ok(sbi_ratio_write(ens, in.text, out.text, &o));
        sbi_npy *npy[3];
        sbi_array a[3];
        const char *paths[3] = {out.text, spread_path.text, members.text};
        for (int f = 0; f < 3; f++) {
            ok(sbi_npy_map(&npy[f], ctx, paths[f]));
            ok(sbi_npy_array(npy[f], &a[f]));
            ck_assert_int_eq(a[f].dtype, types[k]);
            ck_assert_int_eq(a[f].shape[0], N);
        }
        ck_assert_int_eq(a[2].shape[1], 3);
        for (int64_t i = 0; i < N; i++) {
            const double got[2] = {sbi_element_f64((const char *)a[0].data + i * a[0].strides[0], types[k]),
                                   sbi_element_f64((const char *)a[1].data + i * a[1].strides[0], types[k])};
            ck_assert_double_le(fabs(got[0] - r[i]), precision[k] * fabs(r[i]) + 1e-7 * (k > 0));
            ck_assert_double_le(fabs(got[1] - spread[i]), precision[k] * spread[i] + 1e-7 * (k > 0));
            const double second = sbi_element_f64((const char *)a[2].data + i * a[2].strides[0] + a[2].strides[1], types[k]);
            ck_assert_double_eq_tol(second, 0.75 * (double)x[i] + 0.25, 1e-6 + 1e-3 * (k == 2) * (1 + fabs(second)));
        }
        for (int f = 0; f < 3; f++) sbi_npy_unmap(npy[f]);
    }
    /* A bad row: a message, and no new file. */
    x[4321] = NAN;
    ok(sbi_npy_write(ctx, in.text, &view));
    const int before = folder_count(&folder);
    const test_path other = folder_path(&folder, "other.npy");
    fails(sbi_ratio_write(ens, in.text, other.text, NULL), SBI_ERR_VALUE, "x.npy: row 4321, column 0");
    ck_assert_int_eq(folder_count(&folder), before);
    fails(sbi_ratio_write(ens, "/no/such.npy", other.text, NULL), SBI_ERR_NOT_FOUND, "/no/such.npy");
    free(x);
    free(r);
    free(spread);
    sbi_ensemble_destroy(ens);
}
END_TEST

START_TEST(half_precision_rounds_to_nearest_even)
{
    ck_assert_uint_eq(sbi_half_from_double(1), 0x3c00);
    ck_assert_uint_eq(sbi_half_from_double(-2), 0xc000);
    ck_assert_uint_eq(sbi_half_from_double(65504), 0x7bff);
    ck_assert_uint_eq(sbi_half_from_double(65519), 0x7bff);
    ck_assert_uint_eq(sbi_half_from_double(65520), 0x7c00);
    ck_assert_uint_eq(sbi_half_from_double(1 + 1.0 / 2048), 0x3c00);  /* a tie */
    ck_assert_uint_eq(sbi_half_from_double(1 + 3.0 / 2048), 0x3c02);  /* a tie */
    ck_assert_uint_eq(sbi_half_from_double(2047.9), 0x6800);          /* carries */
    ck_assert_uint_eq(sbi_half_from_double(ldexp(1, -24)), 0x0001);
    ck_assert_uint_eq(sbi_half_from_double(ldexp(1023.9, -24)), 0x0400); /* into the normal numbers */
    ck_assert_uint_eq(sbi_half_from_double(1e-12), 0);
    for (uint32_t h = 0; h < 0x7c00; h++) /* every finite number comes back */
        ck_assert_uint_eq(sbi_half_from_double((double)sbi_half_to_float((uint16_t)h)), h);
}
END_TEST

START_TEST(normalisation_by_hand)
{
    static const double r[3] = {1, 2, 4}, w[3] = {1, 2, 1};
    const sbi_array ra = sbi_array_1d(r, SBI_F64, 3), wa = sbi_array_1d(w, SBI_F64, 3), few = sbi_array_1d(w, SBI_F64, 2);
    sbi_normalisation n = {.struct_size = sizeof n};
    ok(sbi_ratio_normalisation(ctx, &ra, &wa, &n));
    ck_assert_double_eq_tol(n.mean, 2.25, 1e-14);
    ck_assert_double_eq_tol(n.error, sqrt(1.25 * 1.25 + 4 * 0.25 * 0.25 + 1.75 * 1.75) / 4, 1e-14);
    ck_assert_double_eq_tol(n.ess, 81.0 / 33.0, 1e-13);
    ck_assert_int_eq(n.events, 3);
    fails(sbi_ratio_normalisation(ctx, &ra, &few, &n), SBI_ERR_SHAPE, "2 weights for 3 ratios");
}
END_TEST

/* ---- diagnostics of exact ratios ---- */

static sbi_diagnostics *diagnose(const gaussians *g, double factor, const sbi_diagnostics_options *o, sbi_diagnostics_summary *s)
{
    sbi_dataset *data;
    sbi_diagnostics *diag;
    double *l[2];
    sbi_array a[2];
    ok(gaussians_dataset(g, ctx, &data));
    for (int side = 0; side < 2; side++) {
        l[side] = malloc((size_t)g->n * sizeof(double));
        for (int64_t i = 0; i < g->n; i++) l[side][i] = factor * gaussians_log_ratio(g, side, i);
        a[side] = sbi_array_1d(l[side], SBI_F64, g->n);
    }
    ok(sbi_diagnostics_compute(&diag, data, &a[SBI_NUMERATOR], &a[SBI_DENOMINATOR], o));
    s->struct_size = sizeof *s;
    ok(sbi_diagnostics_summary_get(diag, s));
    sbi_dataset_destroy(data);
    free(l[0]);
    free(l[1]);
    return diag;
}

/* Probability of a chi2 above five standard deviations of it is small enough never to be seen with fixed seeds. */
static double chi2_limit(int dof)
{
    return dof + 5 * sqrt(2.0 * dof);
}

START_TEST(exact_ratios_pass_and_wrong_ones_do_not)
{
    gaussians g = gaussians_make(20000, 2, 1.0, 21);
    sbi_diagnostics_summary s;
    sbi_diagnostics *diag = diagnose(&g, 1, NULL, &s);
    ck_assert_int_eq(s.numerator_events, 20000);
    ck_assert_double_le(fabs(s.normalisation - 1), 5 * s.normalisation_error);
    ck_assert_double_le(fabs(s.inverse - 1), 5 * s.inverse_error);
    /* r is log-normal: Var[r] = e - 1, ESS / N = 1 / e */
    ck_assert_double_eq_tol(s.normalisation_error, sqrt((exp(1) - 1) / 20000), 1.5e-3);
    ck_assert_double_eq_tol(s.ess_fraction, exp(-1), 0.05);
    ck_assert_double_eq_tol(s.auc, 0.5 * erfc(-1 / sqrt(2) / sqrt(2)), 0.01); /* P(difference of two normals > -1) */
    ck_assert_int_eq(s.calibration_dof, 20);
    ck_assert_double_le(s.calibration_chi2, chi2_limit(20));
    ck_assert_double_le(s.closure_chi2, chi2_limit(s.closure_dof));
    ck_assert_double_eq(s.spread_mean, 0);

    sbi_array t;
    ok(sbi_diagnostics_table(diag, SBI_TABLE_CALIBRATION, 0, &t));
    const double *row = t.data;
    double weight = 0;
    for (int k = 0; k < 20; k++, row += 7) {
        ck_assert_double_le(row[0], row[2]);
        ck_assert_double_le(row[2], row[1]);
        ck_assert_double_eq_tol(row[6], 0.05, 1e-3);
        weight += row[6];
    }
    ck_assert_double_eq_tol(weight, 1, 1e-12);
    ok(sbi_diagnostics_table(diag, SBI_TABLE_ROC, 0, &t));
    row = t.data;
    double area = 0;
    for (int64_t k = 0; k < t.shape[0]; k++, row += 3) {
        const double *last = row - 3;
        const double x = k ? last[2] : 0, y = k ? last[1] : 0;
        ck_assert(row[1] >= y && row[2] >= x);
        area += (row[2] - x) * 0.5 * (row[1] + y);
    }
    ck_assert_double_eq_tol(row[-2], 1, 1e-9);
    ck_assert_double_eq_tol(area, s.auc, 1e-3);
    ok(sbi_diagnostics_table(diag, SBI_TABLE_CLOSURE_SUMMARY, 0, &t));
    row = t.data;
    ck_assert_double_gt(row[2], 100 * row[0]); /* before reweighting the first feature does not close */
    ck_assert_double_lt(row[9], chi2_limit(20)); /* the second has nothing to do with the ratio */
    fails(sbi_diagnostics_table(diag, SBI_TABLE_CLOSURE, 2, &t), SBI_ERR_ARGUMENT, "feature is 2");
    fails(sbi_diagnostics_table(diag, 9, 0, &t), SBI_ERR_ARGUMENT, "table is 9");

    const test_path path = folder_path(&folder, "d.json");
    ok(sbi_diagnostics_write(diag, path.text));
    json_t *json;
    ok(sbi_json_load(&json, ctx, path.text));
    ck_assert_double_eq(json_number_value(json_object_get(json_object_get(json, "summary"), "auc")), s.auc);
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(json_object_get(json, "closure"), "x1"), "rows")), 20);
    json_decref(json);
    sbi_diagnostics_destroy(diag);

    sbi_diagnostics_destroy(diagnose(&g, 0.7, NULL, &s)); /* too flat */
    ck_assert_double_gt(s.calibration_chi2, 3 * chi2_limit(20));
    ck_assert_double_gt(s.closure_chi2, 3 * chi2_limit(20));
    sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
    o.correction = 1.2;
    sbi_diagnostics_destroy(diagnose(&g, 1, &o, &s));
    ck_assert_double_eq_tol(s.normalisation, 1 / 1.2, 5 * s.normalisation_error);
    ck_assert_double_gt(s.calibration_chi2, chi2_limit(20));
    o.correction = 1;
    o.held_out = 1;
    sbi_diagnostics_destroy(diagnose(&g, 1, &o, &s));
    ck_assert_int_lt(abs((int)s.numerator_events - 2000), 250);
    gaussians_free(&g);
}
END_TEST

/* ---- a ratio that is learnt ---- */

START_TEST(a_learnt_ratio_is_right_within_its_spread)
{
    enum { MEMBERS = 6, N = 15000 };
    gaussians g = gaussians_make(N, 2, 0.8, 22), fresh = gaussians_make(4000, 2, 0.8, 23);
    sbi_dataset *data;
    ok(gaussians_dataset(&g, ctx, &data));
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 24;
    o.epochs = 12;
    o.batch = 500;
    o.bootstrap = 1;
    o.learning_rate = 3e-3;
    sbi_network *net[MEMBERS];
    for (int32_t m = 0; m < MEMBERS; m++) {
        sbi_train_options known;
        ok(sbi_train_options_read(&known, &o));
        ok(sbi_member_train(&net[m], ctx, data, &known, m, NULL, NULL));
    }
    sbi_ensemble *ens;
    ok(sbi_ensemble_create(&ens, ctx, net, MEMBERS));
    ok(sbi_ensemble_set_combination(ens, SBI_COMBINE_MEAN_LOG));
    for (int m = 0; m < MEMBERS; m++) sbi_network_destroy(net[m]);

    /* ln r of fresh events against the truth. The bootstrap spread estimates what the finite training sample does to one member,
     * and the mean over members shares that sample: so the error of the mean is about one spread, not a sqrt(M)-th of it. */
    double *l = malloc(4000 * sizeof *l), *spread = malloc(4000 * sizeof *spread);
    double square = 0, expected = 0;
    sbi_ratio_options options = SBI_RATIO_OPTIONS_INIT;
    options.output = SBI_RATIO_LOG;
    for (int side = 0; side < 2; side++) {
        const sbi_array x = sbi_array_2d(fresh.x[side], SBI_F32, fresh.n, fresh.d);
        ok(sbi_ratio_evaluate(ens, &x, l, spread, &options));
        for (int64_t i = 0; i < fresh.n; i++) {
            const double miss = l[i] - gaussians_log_ratio(&fresh, side, i);
            square += miss * miss / (2.0 * 4000);
            expected += spread[i] * spread[i] / (2.0 * 4000);
        }
    }
    ck_assert_msg(sqrt(square) < 2 * sqrt(expected), "rms error of ln r is %.4f, spread %.4f", sqrt(square), sqrt(expected));
    ck_assert_double_lt(sqrt(square), 0.1);

    sbi_dataset *test;
    ok(gaussians_dataset(&fresh, ctx, &test));
    sbi_diagnostics *diag;
    sbi_diagnostics_summary s = {.struct_size = sizeof s};
    ok(sbi_diagnostics_run(&diag, ens, test, NULL));
    ok(sbi_diagnostics_summary_get(diag, &s));
    ck_assert_double_le(s.calibration_chi2, 2 * chi2_limit(s.calibration_dof));
    ck_assert_double_le(s.closure_chi2, 2 * chi2_limit(s.closure_dof));
    ck_assert_double_eq_tol(s.normalisation, 1, 5 * s.normalisation_error + 0.03);
    ck_assert_double_gt(s.spread_mean, 0.005);
    ck_assert_double_ge(s.spread_max, s.spread_mean);
    sbi_diagnostics_destroy(diag);
    sbi_dataset_destroy(test);
    sbi_dataset_destroy(data);
    sbi_ensemble_destroy(ens);
    gaussians_free(&g);
    gaussians_free(&fresh);
    free(l);
    free(spread);
}
END_TEST

typedef struct tortured {
    gaussians g;
    test_path in, out, json;
} tortured;

static sbi_status ratio_body(sbi_context *own, void *arg)
{
    tortured *t = arg;
    sbi_dataset *data = NULL;
    sbi_diagnostics *diag = NULL;
    sbi_ensemble *ens = NULL;
    sbi_network *net = line(own, 0.5, -0.125);
    sbi_status status = net ? sbi_ensemble_create(&ens, own, &net, 1) : SBI_ERR_NO_MEMORY;
    sbi_network_destroy(net);
    if (status == SBI_OK) status = sbi_ratio_write(ens, t->in.text, t->out.text, NULL);
    if (status == SBI_OK) status = gaussians_dataset(&t->g, own, &data);
    if (status == SBI_OK) status = sbi_diagnostics_run(&diag, ens, data, NULL);
    if (status == SBI_OK) status = sbi_diagnostics_write(diag, t->json.text);
    sbi_diagnostics_destroy(diag);
    sbi_dataset_destroy(data);
    sbi_ensemble_destroy(ens);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    tortured t = {gaussians_make(60, 1, 0.5, 24), folder_path(&folder, "x.npy"), folder_path(&folder, "r.npy"),
                  folder_path(&folder, "d.json")};
    const sbi_array x = sbi_array_1d(t.g.x[0], SBI_F32, 60);
    ok(sbi_npy_write(ctx, t.in.text, &x));
    ck_assert_int_gt(torture_allocations(ratio_body, &t, 1, 0).requests, 30);
    torture_allocations(ratio_body, &t, 2, 1);
    gaussians_free(&t.g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ratio");
    TCase *c = tcase_create("ratio");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, combinations_and_spread);
    tcase_add_test(c, columns_hold_what_evaluation_gives);
    tcase_add_test(c, half_precision_rounds_to_nearest_even);
    tcase_add_test(c, normalisation_by_hand);
    tcase_add_test(c, exact_ratios_pass_and_wrong_ones_do_not);
    tcase_add_test(c, a_learnt_ratio_is_right_within_its_spread);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
