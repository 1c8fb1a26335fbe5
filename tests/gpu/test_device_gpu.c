/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite of devices on a real one. Run by make check-gpu. */
#include "contract/device_conformance.h"
#include "support/run_suite.h"

static sbi_status open_f32(sbi_device *out, sbi_context *ctx)
{
    return sbi_device_open(out, ctx, "cuda");
}

static sbi_status open_without_graphs(sbi_device *out, sbi_context *ctx)
{
    return sbi_device_open(out, ctx, "cuda:0?graph=0");
}

int main(void)
{
    static const device_under_test devices[] = {{"cuda", open_f32, NULL, 4e-6}, {"cuda, no graphs", open_without_graphs, NULL, 4e-6}};
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        Suite *suite = suite_create(devices[i].name);
        device_conformance(suite, &devices[i]);
        failed |= run_suite(suite);
    }
    return failed;
}
