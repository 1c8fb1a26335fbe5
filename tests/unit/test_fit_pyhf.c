/* SPDX-License-Identifier: Apache-2.0 */
/* Best fits, CLs and upper limits against pyhf's on the workspaces of tests/data/pyhf: tests/reference/pyhf_fit.py made the values. */
#include "fit_problems.h"
#include "io/json.h"
#include "sbi/model.h"
#include "support/data.h"
#include "support/run_suite.h"

#define STORED "tests/reference/pyhf_fit.json"
#define LEAST_FITS 50
#define LEAST_LIMITS 40
#define AGREE 1e-4 /* standard deviations; of CLs itself */

static json_t *stored;

static double number(const json_t *record, const char *key)
{
    return json_number_value(json_object_get(record, key));
}

static const char *text(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

static const char *name_of(const json_t *record)
{
    return text(record, "name");
}

static sbi_model *load(sbi_context *ctx, const json_t *record)
{
    char name[256];
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    sbi_model *m;
    snprintf(name, sizeof name, "pyhf/%s", text(record, "workspace"));
    const test_path path = data_path(name);
    options.measurement = text(record, "measurement");
    ck_ok(sbi_model_load_with(&m, ctx, path.text, &options));
    return m;
}

/* Zero is the lower bound of the parameter of interest, as q~_mu has it. */
static sbi_fit *fit_of(const sbi_model *m, const char *poi)
{
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    sbi_fit *fit;
    size_t k;
    sbi_parameter p;
    sbi_parameter_init(&p);
    ck_ok(sbi_model_parameter_index(m, poi, &k));
    ck_ok(sbi_model_parameter(m, k, &p));
    const double lower = fmax(p.lower, 0), start = fmin(fmax(p.start, lower), p.upper);
    options.n_bounds = 1;
    options.bound_names = &poi;
    options.bound_lower = &lower;
    options.bound_upper = &p.upper;
    options.n_start = 1;
    options.start_names = &poi;
    options.start_values = &start;
    ck_ok(sbi_fit_run(&fit, m, &options));
    return fit;
}

/* The best fit; parameters and errors only where no direction is flat: along one any point is as good, one at a bound as well. Returns the
 * error of the parameter of interest, or 1 at a bound. */
static double check_best(sbi_fit *fit, const json_t *record)
{
    const json_t *names = json_object_get(record, "parameters"), *values = json_object_get(record, "values"),
                 *errors = json_object_get(record, "errors");
    const double nll = number(record, "nll"), found = fit_info(fit).nll;
    const int flat = number(record, "flat") > 0;
    double scale = 1;
    ck_assert_msg(fabs(found - nll) < 1e-8 * fmax(1, fabs(nll)), "%s: NLL %.12g, pyhf %.12g: %s", name_of(record), found, nll,
                  sbi_fit_message(fit));
    ck_assert_msg(sbi_fit_reason(fit) < 10 || (flat && sbi_fit_reason(fit) == SBI_FIT_INDEFINITE_HESSIAN), "%s: %s", name_of(record),
                  sbi_fit_message(fit));
    if (flat) return scale;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const double value = json_number_value(json_array_get(values, i)), error = json_number_value(json_array_get(errors, i));
        double x, e;
        ck_ok(sbi_fit_value(fit, name, &x));
        ck_ok(sbi_fit_error(fit, name, &e));
        ck_assert_msg(fabs(x - value) <= AGREE * (error > 0 ? error : 1e-3), "%s: %s = %.9g, pyhf %.9g +- %.3g", name_of(record), name, x,
                      value, error);
        ck_assert_msg(fabs(e - error) <= AGREE * error, "%s: error of %s %.9g, pyhf %.9g", name_of(record), name, e, error);
        if (strcmp(name, text(record, "poi")) == 0 && error > 0) scale = error;
    }
    return scale;
}

static sbi_model *asimov_without_signal(const sbi_model *m, const char *poi)
{
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    const double zero = 0, upper = 1;
    sbi_fit *background;
    sbi_model *out;
    options.n_fixed = options.n_bounds = 1;
    options.fixed_names = options.bound_names = &poi;
    options.fixed_values = options.bound_lower = &zero;
    options.bound_upper = &upper;
    ck_ok(sbi_fit_run(&background, m, &options));
    ck_assert_msg(sbi_fit_reason(background) < 10, "%s", sbi_fit_message(background));
    double *theta = calloc(sbi_fit_n_params(background), sizeof *theta);
    ck_assert(theta != NULL);
    ck_ok(sbi_fit_values(background, theta));
    ck_ok(sbi_model_asimov(&out, m, theta));
    free(theta);
    sbi_fit_destroy(background);
    return out;
}

static void check_limit(sbi_fit *fit, sbi_fit *asimov, const json_t *record, const json_t *expected, double scale)
{
    double limit = 0;
    sbi_status status = sbi_fit_upper_limit(fit, asimov, text(record, "poi"), 0.95, &limit);
    if (json_is_null(expected)) {
        ck_assert_msg(status == SBI_ERR_DOMAIN, "%s: limit %g, pyhf finds none within the bounds: %s", name_of(record), limit, sbi_last_error());
        return;
    }
    ck_assert_msg(status == SBI_OK, "%s: %s", name_of(record), sbi_last_error());
    ck_assert_msg(fabs(limit - json_number_value(expected)) <= AGREE * scale, "%s: limit %.9g, pyhf %.9g, in units of %.3g", name_of(record),
                  limit, json_number_value(expected), scale);
}

static void check_cls(sbi_fit *fit, sbi_fit *asimov, const json_t *record)
{
    const double mu = number(record, "mu");
    double q, q_asimov, cl[3];
    ck_ok(sbi_fit_test_statistic(fit, text(record, "poi"), mu, SBI_STATISTIC_QTILDE, &q));
    ck_ok(sbi_fit_test_statistic(asimov, text(record, "poi"), mu, SBI_STATISTIC_QTILDE, &q_asimov));
    ck_ok(sbi_asymptotic_cls(SBI_STATISTIC_QTILDE, q, q_asimov, cl));
    ck_assert_msg(fabs(cl[2] - number(record, "cls")) <= AGREE, "%s: CLs at %g is %.9g, pyhf %.9g", name_of(record), mu, cl[2],
                  number(record, "cls"));
    ck_ok(sbi_asymptotic_cls(SBI_STATISTIC_QTILDE, q_asimov, q_asimov, cl));
    const double median = json_number_value(json_array_get(json_object_get(record, "cls_expected"), 2));
    ck_assert_msg(fabs(cl[2] - median) <= AGREE, "%s: median of CLs at %g is %.9g, pyhf %.9g", name_of(record), mu, cl[2], median);
}

START_TEST(equals_pyhf)
{
    const json_t *record = json_array_get(stored, (size_t)_i);
    if (json_object_get(record, "skipped")) {
        printf("SKIP: %s: %s\n", name_of(record), text(record, "skipped"));
        return;
    }
    sbi_context *ctx = fit_context();
    sbi_model *m = load(ctx, record);
    sbi_fit *fit = fit_of(m, text(record, "poi"));
    const double scale = check_best(fit, record);
    if (json_object_get(record, "no_cls")) {
        printf("SKIP: %s: no CLs: %s\n", name_of(record), text(record, "no_cls"));
    } else if (sbi_fit_reason(fit) >= 10) {
        printf("SKIP: %s: no CLs, which a fit with a flat direction does not give\n", name_of(record));
    } else {
        sbi_model *without = asimov_without_signal(m, text(record, "poi"));
        sbi_fit *asimov = fit_of(without, text(record, "poi"));
        check_cls(fit, asimov, record);
        check_limit(fit, asimov, record, json_object_get(record, "limit"), scale);
        check_limit(asimov, asimov, record, json_array_get(json_object_get(record, "limit_expected"), 2), scale);
        sbi_fit_destroy(asimov);
        sbi_model_destroy(without);
    }
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* So many are compared, whatever was skipped. */
START_TEST(enough_are_compared)
{
    int fits = 0, limits = 0;
    for (size_t i = 0; i < json_array_size(stored); i++) {
        const json_t *record = json_array_get(stored, i);
        fits += json_object_get(record, "skipped") == NULL;
        limits += json_object_get(record, "cls") != NULL && number(record, "flat") == 0;
    }
    ck_assert_int_ge(fits, LEAST_FITS);
    ck_assert_int_ge(limits, LEAST_LIMITS);
}
END_TEST

int main(void)
{
    json_error_t error;
    stored = json_load_file(STORED, 0, &error);
    if (!stored) {
        fprintf(stderr, "%s: %s\n", STORED, error.text);
        return 1;
    }
    Suite *suite = suite_create("fit_pyhf");
    TCase *tc = tcase_create("pyhf");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, enough_are_compared);
    tcase_add_loop_test(tc, equals_pyhf, 0, (int)json_array_size(stored));
    suite_add_tcase(suite, tc);
    int failed = run_suite(suite);
    json_decref(stored);
    return failed;
}
