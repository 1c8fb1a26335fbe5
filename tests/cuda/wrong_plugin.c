/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin in which one thing is wrong: compiled with -DWRONG_... for tests/cuda/test_plugin_cuda.c. */
#include "device/plugin.h"

static sbi_status never(const sbi_device_ops **ops, void **self, const sbi_device_host *host, sbi_context *ctx, const char *options)
{
    (void)ops;
    (void)self;
    (void)ctx;
    (void)options;
    return host->fail(SBI_ERR_INTERNAL, "a plugin of another release was opened");
}

extern SBI_API const sbi_device_plugin sbi_device_plugin_cuda;
const sbi_device_plugin sbi_device_plugin_cuda = {
#ifdef WRONG_size
    .struct_size = sizeof(sbi_device_plugin) + 8,
#else
    .struct_size = sizeof(sbi_device_plugin),
#endif
#ifdef WRONG_contract
    .abi = SBI_DEVICE_PLUGIN_ABI + 1,
#else
    .abi = SBI_DEVICE_PLUGIN_ABI,
#endif
#ifdef WRONG_device
    .device_abi = SBI_DEVICE_ABI + 1,
#else
    .device_abi = SBI_DEVICE_ABI,
#endif
#ifdef WRONG_name
    .name = "opencl",
#else
    .name = "cuda",
#endif
#ifdef WRONG_version
    .version = "0.0.9",
#else
    .version = SBI_VERSION_STRING,
#endif
    .open = never,
};
