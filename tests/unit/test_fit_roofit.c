/* SPDX-License-Identifier: Apache-2.0 */
/* Fits against RooFit's of the models that RooStats HistFactory makes of the same workspaces: values and MINOS to a thousandth of a
 * standard deviation, errors to a thousandth. tests/reference/roofit_fit.py made the numbers. */
#include "fit_problems.h"
#include "io/json.h"
#include "sbi/model.h"
#include "support/data.h"
#include "support/run_suite.h"

#define STORED "tests/reference/roofit_fit.json"
#define AGREE 1e-3

static json_t *stored;

static const char *text(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

static double element(const json_t *record, const char *key, size_t i)
{
    return json_number_value(json_array_get(json_object_get(record, key), i));
}

static sbi_parameter parameter(const sbi_model *m, const char *name)
{
    size_t k;
    sbi_parameter p;
    sbi_parameter_init(&p);
    ck_ok(sbi_model_parameter_index(m, name, &k));
    ck_ok(sbi_model_parameter(m, k, &p));
    return p;
}

/* The fit with the parameters that RooFit held at their bounds held there too: what its MINOS ends are of. */
static sbi_fit *fit_held(const sbi_model *m, const json_t *record)
{
    const json_t *held = json_object_get(record, "held");
    const char *names[32];
    double values[32];
    const size_t n = json_array_size(held);
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    sbi_fit *fit;
    ck_assert_uint_le(n, 32);
    for (size_t i = 0; i < n; i++) {
        names[i] = json_string_value(json_array_get(held, i));
        for (size_t k = 0; k < json_array_size(json_object_get(record, "parameters")); k++)
            if (strcmp(json_string_value(json_array_get(json_object_get(record, "parameters"), k)), names[i]) == 0) values[i] = element(record, "values", k);
    }
    options.n_fixed = n;
    options.fixed_names = names;
    options.fixed_values = values;
    ck_ok(sbi_fit_run(&fit, m, &options));
    ck_assert_msg(sbi_fit_reason(fit) == SBI_FIT_CONVERGED, "%s", sbi_fit_message(fit));
    return fit;
}

START_TEST(equals_roofit)
{
    const json_t *record = json_array_get(stored, (size_t)_i), *names = json_object_get(record, "parameters"),
                 *minos = json_object_get(record, "minos");
    char path[256];
    sbi_model *m;
    sbi_fit *fit, *held;
    sbi_context *ctx = fit_context();
    snprintf(path, sizeof path, "pyhf/%s", text(record, "workspace"));
    ck_ok(sbi_model_load(&m, ctx, data_path(path).text));
    ck_ok(sbi_fit_run(&fit, m, NULL));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s: %s", path, sbi_fit_message(fit));
    held = fit_held(m, record);
    for (size_t k = 0; k < json_array_size(names); k++) {
        const char *name = json_string_value(json_array_get(names, k));
        const double value = element(record, "values", k), error = element(record, "errors", k);
        double x, e, ends[2];
        ck_ok(sbi_fit_value(fit, name, &x));
        ck_ok(sbi_fit_error(fit, name, &e));
        const double sigma = error > 0 ? error : 1;
        ck_assert_msg(fabs(x - value) <= AGREE * sigma, "%s: %s = %.9g, RooFit %.9g +- %.3g", path, name, x, value, error);
        ck_assert_msg(fabs(e - error) <= AGREE * error, "%s: error of %s %.9g, RooFit %.9g", path, name, e, error);
        const json_t *expected = json_object_get(minos, name);
        if (!expected) continue;
        ck_ok(sbi_fit_minos(held, name, ends));
        const sbi_parameter p = parameter(m, name);
        for (size_t side = 0; side < 2; side++) {
            /* RooFit's ends know no bounds; where one lies beyond, ours is the way to the bound. */
            if (x + element(minos, name, side) < p.lower || x + element(minos, name, side) > p.upper) {
                ck_assert_double_eq_tol(x + ends[side], side ? p.upper : p.lower, 1e-5 * sigma);
                continue;
            }
            ck_assert_msg(fabs(ends[side] - json_number_value(json_array_get(expected, side))) <= AGREE * sigma,
                          "%s: %s end of %s %.9g, RooFit %.9g, in units of %.3g", path, side ? "upper" : "lower", name, ends[side],
                          json_number_value(json_array_get(expected, side)), sigma);
        }
    }
    sbi_fit_destroy(held);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* Five workspaces, one of them with more than a hundred nuisance parameters. */
START_TEST(five_and_a_large_one)
{
    size_t largest = 0;
    for (size_t i = 0; i < json_array_size(stored); i++) {
        const size_t n = json_array_size(json_object_get(json_array_get(stored, i), "parameters"));
        if (n > largest) largest = n;
        ck_assert_uint_ge(json_object_size(json_object_get(json_array_get(stored, i), "minos")), 2);
    }
    ck_assert_uint_ge(json_array_size(stored), 5);
    ck_assert_uint_gt(largest, 101);
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
    Suite *suite = suite_create("fit_roofit");
    TCase *tc = tcase_create("roofit");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, five_and_a_large_one);
    tcase_add_loop_test(tc, equals_roofit, 0, (int)json_array_size(stored));
    suite_add_tcase(suite, tc);
    int failed = run_suite(suite);
    json_decref(stored);
    return failed;
}
