/* SPDX-License-Identifier: Apache-2.0 */
/* Overtraining, tails and verdicts: exact numbers by hand, good and bad ratios, edge cases by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "net/dataset.h"
#include "ratio/ratio.h"
#include "sbi/train.h"
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

/* Diagnostics of ln r = factor x exact + change of training events. */
static sbi_diagnostics *diagnose(const gaussians *g, double factor, double change, const sbi_diagnostics_options *o, sbi_diagnostics_summary *s)
{
    sbi_dataset *data;
    sbi_diagnostics *diag;
    double *l[2];
    sbi_array a[2];
    ok(gaussians_dataset(g, ctx, &data));
    for (int side = 0; side < 2; side++) {
        l[side] = malloc((size_t)g->n * sizeof(double));
        for (int64_t i = 0; i < g->n; i++) {
            const int kept = o && sbi_dataset_is_held_out(side, i, o->seed, o->validation_fraction);
            l[side][i] = factor * gaussians_log_ratio(g, side, i) + (kept ? 0 : side ? change : -change);
        }
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

static sbi_verdict_check check_of(const sbi_verdict *v, const char *name, int32_t subject)
{
    for (size_t i = 0; i < sbi_verdict_count(v); i++) {
        sbi_verdict_check c = {.struct_size = sizeof c};
        ok(sbi_verdict_check_get(v, i, &c));
        if (c.subject == subject && strcmp(c.name, name) == 0) return c;
    }
    ck_abort_msg("there is no check %s", name);
    return (sbi_verdict_check){0};
}

START_TEST(overtraining_shows)
{
    gaussians g = gaussians_make(20000, 1, 1.0, 41);
    sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
    sbi_diagnostics_summary s;
    o.held_out = 1;
    o.validation_fraction = 0.4;
    sbi_diagnostics *diag = diagnose(&g, 1, 0, &o, &s);
    ck_assert_double_gt(s.ks_numerator_p, 1e-3);
    ck_assert_double_gt(s.ks_denominator_p, 1e-3);
    ck_assert_double_lt(s.ks_numerator, 0.03);
    sbi_array t;
    ok(sbi_diagnostics_table(diag, SBI_TABLE_SCORES, 0, &t));
    const double *row = t.data;
    double sums[4] = {0};
    ck_assert_int_eq(t.shape[0], 40);
    for (int k = 0; k < 40; k++, row += 10)
        for (int c = 0; c < 4; c++) sums[c] += row[2 + 2 * c];
    for (int c = 0; c < 4; c++) ck_assert_double_eq_tol(sums[c], 1, 1e-12);
    sbi_diagnostics_destroy(diag);
    /* 0.3 between the distributions of ln r with unit width: D = 2 Phi(0.15) - 1 = 0.119 */
    diag = diagnose(&g, 1, 0.3, &o, &s);
    ck_assert_double_eq_tol(s.ks_numerator, erf(0.15 / sqrt(2)), 0.02);
    ck_assert_double_eq_tol(s.ks_denominator, erf(0.15 / sqrt(2)), 0.02);
    ck_assert_double_lt(s.ks_numerator_p, 1e-20);
    sbi_verdict *v;
    ok(sbi_verdict_make(&v, diag, NULL));
    ck_assert_int_eq(check_of(v, "overtraining", -1).result, SBI_VERDICT_FAIL);
    ck_assert_int_eq(sbi_verdict_result(v, -1), SBI_VERDICT_FAIL);
    sbi_verdict_destroy(v);
    sbi_diagnostics_destroy(diag);
    o.training_events = 0;
    diag = diagnose(&g, 1, 0.3, &o, &s);
    ck_assert(isnan(s.ks_numerator) && isnan(s.ks_denominator_p));
    ok(sbi_verdict_make(&v, diag, NULL));
    ck_assert_int_eq(check_of(v, "overtraining", -1).result, SBI_VERDICT_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(check_of(v, "overtraining", -1).line, "not computed"));
    sbi_verdict_destroy(v);
    sbi_diagnostics_destroy(diag);
    gaussians_free(&g);
}
END_TEST

/* Kolmogorov's probability is uniform where nothing differs: 200 comparisons of small samples. */
START_TEST(probabilities_are_uniform)
{
    enum { TRIES = 200, BINS = 5 };
    int count[BINS] = {0};
    for (int k = 0; k < TRIES; k++) {
        gaussians g = gaussians_make(400, 1, 1.0, 1000 + (uint64_t)k);
        sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
        sbi_diagnostics_summary s;
        o.held_out = 1;
        o.validation_fraction = 0.5;
        sbi_diagnostics_destroy(diagnose(&g, 1, 0, &o, &s));
        const int bin = (int)(BINS * s.ks_numerator_p);
        count[bin < BINS ? bin : BINS - 1]++;
        gaussians_free(&g);
    }
    double chi2 = 0;
    for (int b = 0; b < BINS; b++) chi2 += pow(count[b] - TRIES / BINS, 2) / (TRIES / BINS);
    ck_assert_msg(chi2 < 20, "chi2 %.1f of 4: %d %d %d %d %d", chi2, count[0], count[1], count[2], count[3], count[4]);
}
END_TEST

START_TEST(tails_by_hand)
{
    static const double x[4] = {0, 1, 2, 3}, w[4] = {1, 1, 1, 1}, den[4] = {0, 0, 0, 2}, num[4] = {-1, 0, 1, 3};
    sbi_dataset *data;
    sbi_diagnostics *diag;
    const sbi_array xa = sbi_array_1d(x, SBI_F64, 4), wa = sbi_array_1d(w, SBI_F64, 4), d = sbi_array_1d(den, SBI_F64, 4),
                    n = sbi_array_1d(num, SBI_F64, 4);
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &xa, &wa));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, &wa));
    ok(sbi_diagnostics_compute(&diag, data, &n, &d, NULL));
    sbi_diagnostics_summary s = {.struct_size = sizeof s};
    ok(sbi_diagnostics_summary_get(diag, &s));
    ck_assert_double_eq_tol(s.largest_share, exp(2) / (3 + exp(2)), 1e-14);
    ck_assert_double_eq(s.log_ratio_low, -1);
    ck_assert_double_eq(s.log_ratio_high, 3);
    sbi_array t;
    ok(sbi_diagnostics_table(diag, SBI_TABLE_TAILS, 0, &t));
    const double *row = t.data;
    ck_assert_double_eq(row[1], -1); /* p = 0 */
    ck_assert_double_eq(row[5 * 3 + 1], 0); /* the median: half of the weight is reached at the second */
    ck_assert_double_eq(row[10 * 3 + 1], 3);
    ck_assert_double_eq(row[10 * 3 + 2], 2);
    /* Features alike on both sides: distance before is 0, after that of moving weight to the last event. */
    ok(sbi_diagnostics_table(diag, SBI_TABLE_CLOSURE_SUMMARY, 0, &t));
    row = t.data;
    const double q = 1 / (3 + exp(2)), unit = sqrt(1.25);
    ck_assert_double_eq_tol(row[5], 0, 1e-14);
    ck_assert_double_eq_tol(row[6], unit, 1e-14);
    ck_assert_double_eq_tol(row[4], (0.25 - q + 0.5 - 2 * q + 0.75 - 3 * q) / unit, 1e-13);
    ok(sbi_diagnostics_table(diag, SBI_TABLE_SPREAD, 0, &t));
    ck_assert_int_eq(t.shape[0], 0);
    sbi_diagnostics_destroy(diag);
    sbi_dataset_destroy(data);
}
END_TEST

/* What has no answer says so: a constant feature, one class, no weight, r that is no number. */
START_TEST(edge_cases_are_named)
{
    static const double x[6] = {0, 5, 1, 5, 2, 5}, zero[3] = {0, 0, 0}, l[3] = {0.1, -0.1, 0}, far[3] = {0, 800, 0};
    const sbi_array xa = sbi_array_2d(x, SBI_F64, 3, 2), za = sbi_array_1d(zero, SBI_F64, 3), la = sbi_array_1d(l, SBI_F64, 3),
                    fa = sbi_array_1d(far, SBI_F64, 3);
    sbi_dataset *data, *one, *empty;
    sbi_diagnostics *diag;
    ok(sbi_dataset_create(&one, ctx));
    ok(sbi_dataset_add_array(one, SBI_DENOMINATOR, &xa, NULL));
    fails(sbi_diagnostics_compute(&diag, one, &la, &la, NULL), SBI_ERR_SHAPE, "log_numerator: 3 ratios for 0 events");
    sbi_ensemble *ens;
    sbi_network *net;
    const double w[2] = {0.5, 0};
    const sbi_array wa = sbi_array_2d(w, SBI_F64, 1, 2), b = sbi_array_1d(w + 1, SBI_F64, 1);
    ok(sbi_network_create(&net, ctx, 1, &wa, &b, SBI_ACTIVATION_SILU, NULL, NULL));
    ok(sbi_ensemble_create(&ens, ctx, &net, 1));
    sbi_network_destroy(net);
    fails(sbi_diagnostics_run(&diag, ens, one, NULL), SBI_ERR_VALUE, "numerator");
    sbi_calibration *cal;
    fails(sbi_calibration_fit(&cal, ens, one, NULL), SBI_ERR_VALUE, "numerator");
    sbi_dataset_destroy(one);

    ok(sbi_dataset_create(&empty, ctx));
    ok(sbi_dataset_add_array(empty, SBI_DENOMINATOR, &xa, NULL));
    ok(sbi_dataset_add_array(empty, SBI_NUMERATOR, &xa, &za));
    fails(sbi_diagnostics_run(&diag, ens, empty, NULL), SBI_ERR_VALUE, "weight");
    sbi_dataset_destroy(empty);

    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &xa, NULL));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &xa, NULL));
    fails(sbi_diagnostics_compute(&diag, data, &la, &fa, NULL), SBI_ERR_VALUE, "denominator, row 1: ln r is 800");
    ok(sbi_diagnostics_compute(&diag, data, &la, &la, NULL));
    sbi_diagnostics_summary s = {.struct_size = sizeof s};
    ok(sbi_diagnostics_summary_get(diag, &s));
    ck_assert_int_eq(s.constant_features, 1);
    ck_assert_int_eq(s.closure_feature, 0);
    ck_assert_int_eq(s.wasserstein_feature, 0);
    sbi_array t;
    ok(sbi_diagnostics_table(diag, SBI_TABLE_CLOSURE_SUMMARY, 0, &t));
    const double *row = (const double *)t.data + 7;
    ck_assert(row[4] == 0 && row[5] == 0 && row[6] == 0);
    for (int64_t i = 0; i < 14; i++) ck_assert(isfinite(((const double *)t.data)[i]));
    const test_path path = folder_path(&folder, "d.json");
    ok(sbi_diagnostics_write(diag, path.text));
    sbi_diagnostics_destroy(diag);
    sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
    o.member = 1;
    fails(sbi_diagnostics_run(&diag, ens, data, &o), SBI_ERR_ARGUMENT, "member is 1 of 1");
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    /* All features constant. */
    static const double same[3] = {7, 7, 7};
    const sbi_array sa = sbi_array_1d(same, SBI_F64, 3);
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &sa, NULL));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &sa, NULL));
    ok(sbi_diagnostics_compute(&diag, data, &la, &la, NULL));
    sbi_verdict *v;
    ok(sbi_verdict_make(&v, diag, NULL));
    ck_assert_int_eq(check_of(v, "closure", -1).result, SBI_VERDICT_UNKNOWN);
    ck_assert_int_eq(check_of(v, "wasserstein", -1).result, SBI_VERDICT_UNKNOWN);
    ck_assert_int_eq(check_of(v, "events", -1).result, SBI_VERDICT_FAIL);
    sbi_verdict_destroy(v);
    sbi_diagnostics_destroy(diag);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(good_ratios_pass_bad_ones_fail_by_name)
{
    gaussians g = gaussians_make(20000, 2, 0.6, 42);
    sbi_diagnostics_summary s;
    sbi_diagnostics *diag = diagnose(&g, 1, 0, NULL, &s);
    sbi_verdict *v;
    ok(sbi_verdict_make(&v, diag, NULL));
    for (size_t i = 0; i < sbi_verdict_count(v); i++) {
        sbi_verdict_check c = {.struct_size = sizeof c};
        ok(sbi_verdict_check_get(v, i, &c));
        ck_assert_msg(c.result <= SBI_VERDICT_PASS, "%s", c.line);
    }
    ck_assert_int_eq(sbi_verdict_result(v, -1), SBI_VERDICT_PASS);
    ck_assert_int_eq(sbi_verdict_result(v, 0), SBI_VERDICT_UNKNOWN); /* no such subject */
    sbi_verdict_destroy(v);
    /* The user's thresholds. */
    sbi_verdict_options o = SBI_VERDICT_OPTIONS_INIT;
    o.ess_warn = 0.99;
    o.events_fail = 1e6;
    o.range_warn = o.range_fail = (double)NAN;
    ok(sbi_verdict_make(&v, diag, &o));
    ck_assert_int_eq(check_of(v, "ess", -1).result, SBI_VERDICT_WARN);
    ck_assert_int_eq(check_of(v, "events", -1).result, SBI_VERDICT_FAIL);
    ck_assert_int_eq(check_of(v, "range", -1).result, SBI_VERDICT_UNKNOWN);
    ck_assert_str_eq(check_of(v, "events", -1).line, "events: fail: the number of events of the smaller side is 2e+04, below 1e+06");
    const test_path path = folder_path(&folder, "v.json");
    ok(sbi_verdict_write(v, path.text));
    json_t *json;
    ok(sbi_json_load(&json, ctx, path.text));
    ck_assert_str_eq(json_string_value(json_object_get(json, "result")), "fail");
    json_t *subject = json_array_get(json_object_get(json, "subjects"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(subject, "subject")), "ensemble");
    ck_assert_uint_eq(json_array_size(json_object_get(subject, "checks")), 11);
    json_decref(json);
    sbi_verdict_destroy(v);
    o.reserved_ = 1;
    fails(sbi_verdict_make(&v, diag, &o), SBI_ERR_ARGUMENT, "reserved_");
    sbi_diagnostics_destroy(diag);

    diag = diagnose(&g, 0.6, 0, NULL, &s); /* too flat */
    ok(sbi_verdict_make(&v, diag, NULL));
    ck_assert_int_eq(check_of(v, "calibration", -1).result, SBI_VERDICT_FAIL);
    ck_assert_int_eq(check_of(v, "closure", -1).result, SBI_VERDICT_FAIL);
    ck_assert_ptr_nonnull(strstr(check_of(v, "closure", -1).line, "x0"));
    ck_assert_int_ge(check_of(v, "wasserstein", -1).result, SBI_VERDICT_WARN);
    sbi_verdict_destroy(v);
    sbi_diagnostics_destroy(diag);
    gaussians_free(&g);
}
END_TEST

/* ln r = slope x + offset. */
static sbi_network *line(sbi_context *own, double slope, double offset)
{
    const sbi_array w = sbi_array_2d(&slope, SBI_F64, 1, 1), b = sbi_array_1d(&offset, SBI_F64, 1);
    sbi_network *net = NULL;
    return sbi_network_create(&net, own, 1, &w, &b, SBI_ACTIVATION_SILU, NULL, NULL) == SBI_OK ? net : NULL;
}

static sbi_status ensemble_of(sbi_ensemble **out, sbi_context *own)
{
    sbi_network *net[3] = {line(own, 0.8, -0.32), line(own, 0.78, -0.31), line(own, 0.3, -0.3)};
    *out = NULL;
    sbi_status status = net[0] && net[1] && net[2] ? sbi_ensemble_create(out, own, net, 3) : SBI_ERR_NO_MEMORY;
    for (int m = 0; m < 3; m++) sbi_network_destroy(net[m]);
    return status;
}

START_TEST(every_member_is_judged)
{
    gaussians g = gaussians_make(15000, 1, 0.8, 43);
    sbi_dataset *data;
    sbi_ensemble *ens;
    sbi_verdict *v;
    ok(gaussians_dataset(&g, ctx, &data));
    ok(ensemble_of(&ens, ctx));
    ok(sbi_verdict_ensemble(&v, ens, data, NULL, NULL));
    ck_assert_uint_eq(sbi_verdict_count(v), 4 * 11);
    ck_assert_int_eq(sbi_verdict_result(v, 0), SBI_VERDICT_PASS);
    ck_assert_int_eq(sbi_verdict_result(v, 2), SBI_VERDICT_FAIL);
    ck_assert_int_ne(check_of(v, "spread", -1).result, SBI_VERDICT_UNKNOWN);
    ck_assert_int_eq(check_of(v, "spread", 0).result, SBI_VERDICT_UNKNOWN);
    sbi_verdict_check c = {.struct_size = sizeof c};
    fails(sbi_verdict_check_get(v, 44, &c), SBI_ERR_ARGUMENT, "44 of 44");
    sbi_verdict_destroy(v);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    gaussians_free(&g);
}
END_TEST

typedef struct tortured {
    gaussians g;
    test_path path;
} tortured;

static sbi_status body(sbi_context *own, void *arg)
{
    const tortured *t = arg;
    sbi_dataset *data = NULL;
    sbi_ensemble *ens = NULL;
    sbi_verdict *v = NULL;
    sbi_diagnostics_options o = SBI_DIAGNOSTICS_OPTIONS_INIT;
    o.held_out = 1;
    o.validation_fraction = 0.5;
    sbi_status status = gaussians_dataset(&t->g, own, &data);
    if (status == SBI_OK) status = ensemble_of(&ens, own);
    if (status == SBI_OK) status = sbi_verdict_ensemble(&v, ens, data, &o, NULL);
    if (status == SBI_OK) status = sbi_verdict_write(v, t->path.text);
    sbi_verdict_destroy(v);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    tortured t = {gaussians_make(40, 1, 0.5, 44), folder_path(&folder, "v.json")};
    ck_assert_int_gt(torture_allocations(body, &t, 1, 0).requests, 100);
    torture_allocations(body, &t, 1, 1);
    gaussians_free(&t.g);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *c = tcase_create("verdict");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, overtraining_shows);
    tcase_add_test(c, probabilities_are_uniform);
    tcase_add_test(c, tails_by_hand);
    tcase_add_test(c, edge_cases_are_named);
    tcase_add_test(c, good_ratios_pass_bad_ones_fail_by_name);
    tcase_add_test(c, every_member_is_judged);
    tcase_add_test(c, every_allocation_may_fail);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
