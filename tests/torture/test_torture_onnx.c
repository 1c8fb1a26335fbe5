/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX files read and written with every allocation failing in turn. */
#include "base/error.h"
#include "sbi/onnx.h"
#include "support/data.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static test_folder folder;

static sbi_status read_and_write(sbi_context *ctx, void *arg)
{
    static const char *const names[] = {"onnx/keras_gelu.onnx", "onnx/gemm_options.onnx", "onnx/double.onnx"};
    const int32_t combination = *(const int *)arg;
    sbi_network *networks[3] = {NULL, NULL, NULL};
    sbi_ensemble *ens = NULL;
    sbi_status status = SBI_OK;
    for (int m = 0; m < 3 && status == SBI_OK; m++) status = sbi_network_read_onnx(&networks[m], ctx, data_path(names[m]).text);
    if (status == SBI_OK) status = sbi_ensemble_create(&ens, ctx, networks, 3);
    if (status == SBI_OK) status = sbi_ensemble_set_combination(ens, combination);
    sbi_onnx_options o = SBI_ONNX_OPTIONS_INIT;
    o.output = combination % 2;
    o.correction = 1.25;
    if (status == SBI_OK) status = sbi_ensemble_write_onnx(ens, folder_path(&folder, "all.onnx").text, &o);
    if (status == SBI_OK) status = sbi_network_write_onnx(networks[0], folder_path(&folder, "one.onnx").text, NULL);
    sbi_ensemble_destroy(ens);
    for (int m = 0; m < 3; m++) sbi_network_destroy(networks[m]);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    int combination = _i % 3;
    folder = folder_make();
    ck_assert_int_gt(torture_allocations(read_and_write, &combination, 1, _i % 2).requests, 60);
    ck_assert_int_eq(folder_count(&folder), 2); /* no temporary file stays */
    folder_remove(&folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ONNX: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 6);
    suite_add_tcase(s, t);
    return run_suite(s);
}
