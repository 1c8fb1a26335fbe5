/* SPDX-License-Identifier: Apache-2.0 */
/* Toys, their fits and limits with every allocation failing in turn. jansson's own memory is not the context's. */
#include "base/error.h"
#include "sbi/neyman.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static sbi_status throw_and_fit(sbi_context *ctx, void *path)
{
    sbi_model *m;
    SBI_TRY(sbi_model_load(&m, ctx, path));
    double theta[32];
    const double tested[1] = {1.2};
    sbi_toys_options o = SBI_TOYS_OPTIONS_INIT;
    sbi_toys *toys = NULL, *both = NULL;
    o.count = 2;
    o.compute = SBI_TOYS_T | SBI_TOYS_PARAMETERS;
    o.n_tested = 1;
    o.tested = tested;
    sbi_status status = sbi_model_start(m, theta);
    if (status == SBI_OK) status = sbi_toys_run(&toys, m, theta, &o, NULL);
    if (status == SBI_OK) status = sbi_toys_concatenate(&both, toys, toys);
    sbi_toys_destroy(both);
    sbi_toys_destroy(toys);
    sbi_model_destroy(m);
    return status;
}

START_TEST(toys_and_fits)
{
    static char normalised[] = "tests/data/model/normalised.json", binned[] = "tests/data/pyhf/33_uncorrelated_background.json";
    ck_assert_int_gt(torture_allocations(throw_and_fit, normalised, 1, 0).requests, 100);
    ck_assert_int_gt(torture_allocations(throw_and_fit, binned, 1, 1).requests, 100);
}
END_TEST

static sbi_status construct(sbi_context *ctx, void *path)
{
    sbi_model *m, *data = NULL;
    SBI_TRY(sbi_model_load(&m, ctx, path));
    const double values[2] = {0.5, 3.0};
    double cls[12];
    sbi_fit *fit = NULL, *asimov = NULL;
    sbi_neyman *belt = NULL;
    sbi_toys_options toys = SBI_TOYS_OPTIONS_INIT;
    sbi_neyman_options o = SBI_NEYMAN_OPTIONS_INIT;
    sbi_toy_limit_options l = SBI_TOY_LIMIT_OPTIONS_INIT;
    sbi_limit limit = {.struct_size = (uint32_t)sizeof limit};
    sbi_goodness goodness = {.struct_size = (uint32_t)sizeof goodness};
    toys.count = 3;
    o.toys = l.toys = &toys;
    sbi_status status = sbi_fit_run(&fit, m, NULL);
    if (status == SBI_OK) status = sbi_fit_run_asimov(&asimov, &data, fit, "mu", 0);
    if (status == SBI_OK) status = sbi_fit_goodness(fit, &goodness);
    if (status == SBI_OK) status = sbi_neyman_run(&belt, fit, "mu", values, 2, &o, NULL);
    if (status == SBI_OK) status = sbi_fit_limits_by_toys(fit, "mu", values, 2, &l, NULL, &limit, cls, NULL);
    if (status == SBI_ERR_DOMAIN) status = SBI_OK; /* three toys need not cross */
    sbi_neyman_destroy(belt);
    sbi_fit_destroy(asimov);
    sbi_model_destroy(data);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    return status;
}

START_TEST(constructions)
{
    static char binned[] = "tests/data/pyhf/02_normfactor_bins.json";
    ck_assert_int_gt(torture_allocations(construct, binned, 1, 0).requests, 200);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("toys: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, toys_and_fits);
    tcase_add_test(t, constructions);
    suite_add_tcase(s, t);
    return run_suite(s);
}
