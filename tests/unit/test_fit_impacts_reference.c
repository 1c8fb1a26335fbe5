/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls, widths and impacts of binned workspaces against pyhf and cabinetry: tests/reference/cabinetry_impacts.py. */
#include <stdio.h>

#include "fit_problems.h"
#include "reference/cabinetry_impacts.h"
#include "sbi/systematics.h"
#include "support/run_suite.h"

enum { N = sizeof reference_impacts / sizeof *reference_impacts };

static sbi_impact find(const sbi_impacts *impacts, const char *name)
{
    for (size_t i = 0; i < sbi_impacts_count(impacts); i++) {
        sbi_impact m = {.struct_size = (uint32_t)sizeof m};
        ck_ok(sbi_impacts_get(impacts, i, &m));
        if (strcmp(m.name, name) == 0) return m;
    }
    return (sbi_impact){.name = NULL};
}

/* To 2e-3 of the error of the parameter of interest, what Minuit's tolerance leaves of differences between fits, and to `relative`. */
static int compare(const sbi_impacts *impacts, const struct reference_impact *r, int first, double error, double relative)
{
    const sbi_impact m = find(impacts, r->parameter);
    if (isnan(r->numbers[first]) || !m.name) return 0;
    for (int side = 0; side < 2; side++)
        ck_assert_msg(fabs(m.impact[side] - r->numbers[first + side]) < 2e-3 * error + relative * fabs(r->numbers[first + side]),
                      "%s: %s: %s: %g, reference %g, error %g", r->workspace, r->parameter, side ? "up" : "down",
                      m.impact[side], r->numbers[first + side], error);
    return 1;
}

static int compare_workspace(sbi_context *ctx, const struct reference_impact *r, size_t n)
{
    static const char *const all[] = {"*"};
    char path[200];
    sbi_model *model;
    sbi_fit *fit;
    sbi_impacts *impacts[3];
    double x[64], e[64], pull[64], constraint[64], error;
    int compared = 0;
    snprintf(path, sizeof path, "tests/data/pyhf/%s.json", r->workspace);
    ck_ok(sbi_model_load(&model, ctx, path));
    ck_assert_uint_le(n, 64);
    ck_assert_uint_eq(sbi_model_n_parameters(model), n);
    ck_ok(sbi_fit_run(&fit, model, NULL));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s: %s", path, sbi_fit_message(fit));
    const char *poi = sbi_model_poi(model);
    ck_ok(sbi_fit_error(fit, poi, &error));
    ck_ok(sbi_fit_values(fit, x));
    ck_ok(sbi_fit_errors(fit, e));
    ck_ok(sbi_fit_pulls(fit, pull, constraint));
    static const int32_t methods[3] = {SBI_IMPACT_PREFIT, SBI_IMPACT_POSTFIT, SBI_IMPACT_AUXILIARY};
    for (int i = 0; i < 3; i++) {
        sbi_impacts_options o = SBI_IMPACTS_OPTIONS_INIT;
        o.method = methods[i];
        o.n_patterns = methods[i] == SBI_IMPACT_POSTFIT;
        o.patterns = all;
        ck_ok(sbi_impacts_run(&impacts[i], fit, poi, &o));
        ck_assert_msg(sbi_impacts_failures(impacts[i]) == 0, "%s: method %d", path, (int)methods[i]);
    }
    for (size_t i = 0; i < n; i++, r++) {
        size_t k;
        const double *v = r->numbers, width = v[2];
        ck_ok(sbi_fit_param_index(fit, r->parameter, &k));
        ck_assert_msg(fabs(x[k] - v[0]) < 2e-3 * v[1], "%s: %s is %g, reference %g", path, r->parameter, x[k], v[0]);
        /* Minuit's errors are those of its internal variables, of which bounds are a sine: for mu a standard deviation above its bound
         * that is up to two per cent. */
        ck_assert_msg(fabs(e[k] - v[1]) < 3e-2 * v[1], "%s: error of %s is %g, reference %g", path, r->parameter, e[k], v[1]);
        if (width > 0) {
            sbi_parameter p = {.struct_size = (uint32_t)sizeof p};
            ck_ok(sbi_model_parameter(model, k, &p));
            ck_assert_msg(fabs(pull[k] - (x[k] - p.auxiliary) / width) < 1e-6, "%s: pull of %s is %g", path, r->parameter, pull[k]);
            ck_assert_msg(fabs(constraint[k] - e[k] / width) < 1e-6, "%s: constraint of %s is %g", path, r->parameter, constraint[k]);
            compared += compare(impacts[0], r, 3, error, 0);
        }
        compared += compare(impacts[1], r, 5, error, 1e-2);
        compared += compare(impacts[2], r, 7, error, 0);
    }
    for (int i = 0; i < 3; i++) sbi_impacts_destroy(impacts[i]);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    return compared;
}

START_TEST(agrees_with_cabinetry)
{
    sbi_context *ctx = fit_context();
    int compared = 0;
    for (size_t first = 0, n; first < N; first += n) {
        for (n = 1; first + n < N && strcmp(reference_impacts[first + n].workspace, reference_impacts[first].workspace) == 0; n++) continue;
        compared += compare_workspace(ctx, &reference_impacts[first], n);
    }
    ck_assert_msg(compared > 20, "%d impacts compared", compared);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_impacts_reference");
    TCase *tc = tcase_create("reference");
    tcase_add_test(tc, agrees_with_cabinetry);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
