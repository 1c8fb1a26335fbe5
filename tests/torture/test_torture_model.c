/* SPDX-License-Identifier: Apache-2.0 */
/* Loading and evaluating a model with every allocation failing in turn. jansson's own memory is not the context's. */
#include "sbi/model.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

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

START_TEST(workspaces)
{
    static char plain[] = "tests/data/model/plain.json", normalised[] = "tests/data/model/normalised.json";
    ck_assert_int_gt(torture_allocations(load_and_evaluate, plain, 1, 0).requests, 100);
    ck_assert_int_gt(torture_allocations(load_and_evaluate, normalised, 2, 1).requests, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, workspaces);
    suite_add_tcase(s, t);
    return run_suite(s);
}
