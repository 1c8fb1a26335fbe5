/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and evaluating a model with every allocation failing in turn. jansson's own memory is not the context's. */
#include "base/error.h"
#include "sbi/model.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

/* Call by call, with an expression, and its Asimov data, which outlive it. */
static sbi_status build_and_make_asimov(sbi_context *ctx, void *arg)
{
    (void)arg;
    static const double v[3] = {0.2, 0.5, 0.3}, s[3] = {1.2, 0.7, 1.1}, h[3] = {1.02, 0.99, 1.01}, l[3] = {0.98, 1, 1.01};
    sbi_array weights = sbi_array_1d(v, SBI_F64, 3), ratio = sbi_array_1d(s, SBI_F64, 3);
    sbi_array high = sbi_array_1d(h, SBI_F64, 3), low = sbi_array_1d(l, SBI_F64, 3);
    const double theta[2] = {1.2, 0.4};
    double value, gradient[2];
    size_t channel = 0, sample = 0;
    sbi_parameter mu;
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    sbi_model *m, *asimov = NULL;
    sbi_model_work *work = NULL;
    sbi_status status = sbi_model_create(&m, ctx);
    if (status == SBI_OK) status = sbi_model_add_parameter(m, "mu", &mu);
    if (status == SBI_OK) status = sbi_model_add_parameter(m, "JES", NULL);
    if (status == SBI_OK) status = sbi_model_add_channel(m, "SR", 3, &weights, &weights, 0, &channel);
    for (int i = 0; i < 2 && status == SBI_OK; i++) {
        status = sbi_model_add_sample(m, channel, i ? "B" : "S", 10, i ? NULL : "mu + 2*sqrt(mu)", &ratio, &ratio, &sample);
        if (status == SBI_OK) status = sbi_model_add_normsys(m, channel, sample, "JES", 1.1, 0.9);
        if (status == SBI_OK) status = sbi_model_add_eventsys(m, channel, sample, "JES", &high, &low, &high, &low, SBI_MORPH_RATIO);
    }
    if (status == SBI_OK) status = sbi_model_add_normfactor(m, channel, sample, "mu");
    if (status == SBI_OK) status = sbi_model_seal(m);
    if (status == SBI_OK) status = sbi_model_asimov(&asimov, m, theta);
    sbi_model_destroy(m);
    if (status == SBI_OK) status = sbi_model_work_create(&work, asimov);
    if (status == SBI_OK) status = sbi_model_nll(work, theta, &value, gradient);
    sbi_model_work_destroy(work);
    sbi_model_destroy(asimov);
    return status;
}

static sbi_status load_and_evaluate(sbi_context *ctx, void *path)
{
    sbi_model *m;
    sbi_status status = sbi_model_load(&m, ctx, path);
    if (status != SBI_OK) return status;
    sbi_model_work *work = NULL;
    double theta[4] = {1.2, 0.3, -0.4, 0.5}, value, gradient[4], hessian[16], yields[4];
    status = sbi_model_work_create(&work, m);
    if (status == SBI_OK) status = sbi_model_hessian(work, theta, &value, gradient, hessian);
    if (status == SBI_OK) status = sbi_model_yields(m, 0, theta, yields);
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
    return status;
}

START_TEST(asimov)
{
    ck_assert_int_gt(torture_allocations(build_and_make_asimov, NULL, 1, 0).requests, 50);
    ck_assert_int_gt(torture_allocations(build_and_make_asimov, NULL, 2, 1).requests, 50);
}
END_TEST

/* Without an integration sample the seal looks at the variations, too. */
START_TEST(workspaces)
{
    static char plain[] = "tests/data/model/plain.json", normalised[] = "tests/data/model/normalised.json";
    ck_assert_int_gt(torture_allocations(load_and_evaluate, plain, 1, 0).requests, 100);
    ck_assert_int_gt(torture_allocations(load_and_evaluate, normalised, 2, 1).requests, 100);
}
END_TEST

static sbi_status load_binned(sbi_context *ctx, void *path)
{
    sbi_model *m, *copy = NULL;
    SBI_TRY(sbi_model_load(&m, ctx, path));
    sbi_model_work *work = NULL;
    double theta[32], value, gradient[32], hessian[32 * 32], yields[4];
    sbi_status status = sbi_model_start(m, theta);
    if (status == SBI_OK) status = sbi_model_yields(m, 0, theta, yields);
    if (status == SBI_OK) status = sbi_model_asimov(&copy, m, theta);
    sbi_model_destroy(m);
    if (status == SBI_OK) status = sbi_model_work_create(&work, copy);
    if (status == SBI_OK) status = sbi_model_hessian(work, theta, &value, gradient, hessian);
    sbi_model_work_destroy(work);
    sbi_model_destroy(copy);
    return status;
}

START_TEST(binned_workspace)
{
    static char binned[] = "tests/data/model/binned.json";
    ck_assert_int_gt(torture_allocations(load_binned, binned, 1, 0).requests, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, asimov);
    tcase_add_test(t, workspaces);
    tcase_add_test(t, binned_workspace);
    suite_add_tcase(s, t);
    return run_suite(s);
}
