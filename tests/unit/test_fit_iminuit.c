/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of whole models against iminuit's: values, errors and MINOS to a thousandth of a standard deviation. The models, unbinned and
 * binned, and the numbers are in tests/reference/iminuit_models.json, which iminuit_models.py made. Hesse's errors are differences that stop at
 * a per cent or so; where they are off from the Hessian that JAX's exact gradients give by nearly as much as is allowed, that alone is compared. */
#include "fit_problems.h"
#include "reference_model.h"
#include "support/data.h"
#include "support/run_suite.h"

#define STORED "tests/reference/iminuit_models.json"
#define LEAST 12
#define AGREE 1e-3

static json_t *stored;

static reference_model load(sbi_context *ctx, const json_t *record)
{
    const json_t *unbinned = json_object_get(record, "unbinned");
    if (unbinned) return reference_model_build(ctx, unbinned);
    reference_model r;
    char name[256];
    memset(&r, 0, sizeof r);
    snprintf(name, sizeof name, "pyhf/%s", reference_text(record, "workspace"));
    const test_path path = data_path(name);
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    options.measurement = reference_text(record, "measurement");
    ck_ok(sbi_model_load_with(&r.model, ctx, path.text, &options));
    return r;
}

/* An end that iminuit has. Where it does not, a bound of this or another parameter comes first. */
static void check_end(sbi_fit *fit, const json_t *record, const char *name, const char *key, size_t k, double sigma, const double *minos)
{
    const json_t *expected = json_array_get(json_object_get(record, key), k);
    if (json_is_null(expected)) return;
    const int up = strcmp(key, "upper") == 0;
    ck_assert_msg(fabs(minos[up] - json_number_value(expected)) <= AGREE * sigma, "%s: %s %s end %.9g, iminuit %.9g, in units of %.3g: %s",
                  reference_text(record, "name"), name, key, minos[up], json_number_value(expected), sigma, sbi_fit_message(fit));
}

static void check_parameters(sbi_fit *fit, const json_t *record)
{
    const json_t *names = json_object_get(record, "parameters");
    const int hesse_is_good = reference_number(record, "hesse_off") < 0.9 * AGREE;
    for (size_t k = 0; k < json_array_size(names); k++) {
        const char *name = json_string_value(json_array_get(names, k));
        const double hesse = reference_element(json_object_get(record, "hesse"), k);
        const double value = reference_element(json_object_get(record, "values"), k), error = reference_element(json_object_get(record, "errors"), k);
        double x, e, minos[2];
        ck_ok(sbi_fit_value(fit, name, &x));
        ck_ok(sbi_fit_error(fit, name, &e));
        const double sigma = error > 0 ? error : 1;
        ck_assert_msg(fabs(x - value) <= AGREE * sigma, "%s: %s = %.9g, iminuit %.9g +- %.3g", reference_text(record, "name"), name, x, value,
                      error);
        ck_assert_msg(fabs(e - error) <= AGREE / 10 * error, "%s: error of %s %.9g, JAX %.9g", reference_text(record, "name"), name, e, error);
        if (hesse_is_good)
            ck_assert_msg(fabs(e - hesse) <= AGREE * error, "%s: error of %s %.9g, iminuit %.9g", reference_text(record, "name"), name, e, hesse);
        if (json_is_null(json_array_get(json_object_get(record, "lower"), k)) && json_is_null(json_array_get(json_object_get(record, "upper"), k)))
            continue;
        ck_ok(sbi_fit_minos(fit, name, minos));
        check_end(fit, record, name, "lower", k, sigma, minos);
        check_end(fit, record, name, "upper", k, sigma, minos);
    }
}

START_TEST(equals_iminuit)
{
    const json_t *record = json_array_get(stored, (size_t)_i);
    const double nll = reference_number(record, "nll");
    sbi_context *ctx = fit_context();
    reference_model r = load(ctx, record);
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    sbi_fit *fit;
    options.n_starts = json_object_get(record, "shallow") ? 8 : 1;
    ck_ok(sbi_fit_run(&fit, r.model, &options));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s: %s", reference_text(record, "name"), sbi_fit_message(fit));
    ck_assert_msg(fabs(fit_info(fit).nll - nll) <= 1e-6, "%s: NLL %.12g, iminuit %.12g: %s", reference_text(record, "name"), fit_info(fit).nll,
                  nll, sbi_fit_message(fit));
    check_parameters(fit, record);
    sbi_fit_destroy(fit);
    reference_model_release(&r);
    sbi_context_destroy(ctx);
}
END_TEST

/* Two minima: from the same start iminuit calls the shallow one a success. From there with several starts the fit is the deep one,
 * and with one start sbi_fit_minima() names both. */
START_TEST(deeper_of_two)
{
    int n_tested = 0;
    for (size_t i = 0; i < json_array_size(stored); i++) {
        const json_t *record = json_array_get(stored, i);
        if (!json_object_get(record, "shallow")) continue;
        const double shallow = reference_number(record, "shallow"), deep = reference_number(record, "nll");
        sbi_context *ctx = fit_context();
        reference_model r = load(ctx, record);
        sbi_fit *fit;
        size_t n;
        double position[4], nll[4];
        ck_assert(deep < shallow - 0.1);
        ck_ok(sbi_fit_run(&fit, r.model, NULL));
        ck_assert_msg(fabs(fit_info(fit).nll - shallow) < 1e-6, "from the shallow side: %.12g, iminuit %.12g", fit_info(fit).nll, shallow);
        ck_ok(sbi_fit_minima(fit, "mu", 0.1, 6, 60, 4, &n, position, nll, NULL));
        ck_assert_uint_eq(n, 2);
        ck_assert_double_eq_tol(fmin(nll[0], nll[1]), deep, 1e-6);
        ck_assert_double_eq_tol(fmax(nll[0], nll[1]), shallow, 1e-6);
        sbi_fit_destroy(fit);
        reference_model_release(&r);
        sbi_context_destroy(ctx);
        n_tested++;
    }
    ck_assert_int_ge(n_tested, 1);
}
END_TEST

START_TEST(enough_models)
{
    int good = 0;
    for (size_t i = 0; i < json_array_size(stored); i++) good += reference_number(json_array_get(stored, i), "hesse_off") < 0.9 * AGREE;
    ck_assert_int_ge(good, LEAST);
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
    Suite *suite = suite_create("fit_iminuit");
    TCase *tc = tcase_create("iminuit");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, enough_models);
    tcase_add_test(tc, deeper_of_two);
    tcase_add_loop_test(tc, equals_iminuit, 0, (int)json_array_size(stored));
    suite_add_tcase(suite, tc);
    int failed = run_suite(suite);
    json_decref(stored);
    return failed;
}
