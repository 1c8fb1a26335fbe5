/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite of devices on the CUDA device, in three orders of threads and streams. */
#include "contract/device_conformance.h"
#include "cuda/standin_device.h"
#include "support/run_suite.h"

static int order;

static sbi_status open_f32(sbi_device *out, sbi_context *ctx)
{
    cuda_standin_reset(STANDIN_MEMORY, 1);
    cuda_standin_set_order(order, 7);
    return sbi_device_open(out, ctx, "cuda");
}

static void closed(void)
{
    standin_check_clean();
}

int main(void)
{
    static const device_under_test device = {"cuda on the host", open_f32, closed, 2e-6};
    standin_use_plugin();
    int failed = 0;
#ifdef __SANITIZE_ADDRESS__
    const int first = CUDA_STANDIN_RANDOM; /* slow enough */
#else
    const int first = CUDA_STANDIN_FORWARD;
#endif
    for (order = first; order <= CUDA_STANDIN_RANDOM; order++) {
        Suite *suite = suite_create(device.name);
        device_conformance(suite, &device);
        failed |= run_suite(suite);
    }
    return failed;
}
