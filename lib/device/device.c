/* SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <string.h>

#include "base/error.h"
#include "device/cpu/cpu.h"
#include "device/list.h"
#include "device/plugin.h"

sbi_status sbi_device_check(const sbi_device_ops *ops)
{
    SBI_REQUIRE(ops, "device: the table of operations is NULL");
    if (ops->abi != SBI_DEVICE_ABI || ops->struct_size < sizeof(sbi_device_ops)) {
        return sbi_fail(SBI_ERR_ABI, "device: contract %u with a table of %u bytes, expected %u with %zu", (unsigned)ops->abi,
                        (unsigned)ops->struct_size, (unsigned)SBI_DEVICE_ABI, sizeof(sbi_device_ops));
    }
    SBI_REQUIRE(ops->name && ops->allocate && ops->release && ops->upload && ops->download && ops->copy &&
                    ops->zero && ops->synchronise && ops->available && ops->gemm && ops->forward && ops->backward && ops->norm_backward && ops->loss && ops->update &&
                    ops->gather && ops->sum_parts && ops->sum_squares && ops->close,
                "device %s: an operation is missing", ops->name ? ops->name : "without name");
    const int noted = !!ops->record + !!ops->recorded + !!ops->replay + !!ops->forget;
    SBI_REQUIRE(noted == 0 || noted == 4, "device %s: it can record, but not all that belongs to it", ops->name);
    return SBI_OK;
}

int sbi_device_is_cpu(const char *name)
{
    return !name || strcmp(name, "cpu") == 0 || strncmp(name, "cpu?", 4) == 0;
}

sbi_status sbi_device_open(sbi_device *out, sbi_context *ctx, const char *name)
{
    memset(out, 0, sizeof *out);
    sbi_device device = {NULL, NULL, ctx};
    if (sbi_device_is_list(name))
        return sbi_fail(SBI_ERR_ARGUMENT, "device \"%.60s\": several devices are for the members of an ensemble, expected one", name);
    if (sbi_device_is_cpu(name)) {
        SBI_TRY(sbi_device_cpu_open_with(&device.ops, &device.self, ctx, name ? name + strlen("cpu") : ""));
    } else {
        SBI_TRY(sbi_device_plugin_open(&device.ops, &device.self, ctx, name));
    }
    *out = device;
    return SBI_OK;
}

void sbi_device_close(sbi_device *device)
{
    if (!device || !device->ops) return;
    device->ops->close(device->self);
    memset(device, 0, sizeof *device);
}
