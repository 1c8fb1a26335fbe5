/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, loading and checking the library of a device. */
#include "device/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/plugin.h"

#define NAME_SIZE 32

static sbi_status host_fail(sbi_status status, const char *message)
{
    return sbi_fail(status, "%s", message);
}

static void host_log(sbi_context *ctx, int32_t level, const char *message)
{
    sbi_log(ctx, level, "%s", message);
}

static const sbi_device_host host = {
    .struct_size = sizeof(sbi_device_host),
    .abi = SBI_DEVICE_PLUGIN_ABI,
    .fail = host_fail,
    .allocate = sbi_alloc,
    .release = sbi_free,
    .log = host_log,
};

const sbi_device_host *sbi_device_plugin_host(void)
{
    return &host;
}

/* "cuda:1?x=y" -> "cuda": small letters and digits up to the options, so that no name is a path. */
static sbi_status split_name(char name[NAME_SIZE], const char *device)
{
    const size_t length = strcspn(device, ":?");
    if (length == 0 || length >= NAME_SIZE || strspn(device, "abcdefghijklmnopqrstuvwxyz0123456789") < length)
        return sbi_fail(SBI_ERR_ARGUMENT, "device \"%.60s\": expected \"cpu\", \"cuda\" or \"cuda:0?option=value\"", device);
    memcpy(name, device, length);
    name[length] = 0;
    return SBI_OK;
}

static sbi_status check(const sbi_device_plugin *plugin, const char *name)
{
    if (plugin->abi != SBI_DEVICE_PLUGIN_ABI || plugin->struct_size != sizeof *plugin || plugin->device_abi != SBI_DEVICE_ABI)
        return sbi_fail(SBI_ERR_ABI, "device %s: its library has contract %u.%u with %u bytes, this libsbi needs %u.%u with %zu", name,
                        (unsigned)plugin->abi, (unsigned)plugin->device_abi, (unsigned)plugin->struct_size,
                        (unsigned)SBI_DEVICE_PLUGIN_ABI, (unsigned)SBI_DEVICE_ABI, sizeof *plugin);
    if (!plugin->version || strcmp(plugin->version, SBI_VERSION_STRING) != 0)
        return sbi_fail(SBI_ERR_ABI, "device %s: its library is of release %s, this libsbi is %s", name,
                        plugin->version ? plugin->version : "(none)", SBI_VERSION_STRING);
    if (!plugin->name || strcmp(plugin->name, name) != 0 || !plugin->open)
        return sbi_fail(SBI_ERR_ABI, "device %s: its library is for \"%s\"", name, plugin->name ? plugin->name : "(none)");
    return SBI_OK;
}

sbi_status sbi_device_plugin_load(const sbi_device_plugin **out, sbi_context *ctx, const char *device)
{
    *out = NULL;
    char name[NAME_SIZE], file[NAME_SIZE + 32], symbol[NAME_SIZE + 32], why[512];
    SBI_TRY(split_name(name, device));
    snprintf(file, sizeof file, "libsbi-%s.so.%d", name, SBI_ABI_VERSION);
    snprintf(symbol, sizeof symbol, "sbi_device_plugin_%s", name);
    void *library = sbi_plugin_find(ctx, file, why, sizeof why);
    if (!library) return sbi_fail(SBI_ERR_NOT_FOUND, "device %s: %s", name, why);
    const sbi_device_plugin *plugin = dlsym(library, symbol);
    if (!plugin) return sbi_fail(SBI_ERR_ABI, "device %s: %s has no %s", name, file, symbol);
    SBI_TRY(check(plugin, name));
    *out = plugin;
    return SBI_OK;
}

sbi_status sbi_device_plugin_open(const sbi_device_ops **ops, void **self, sbi_context *ctx, const char *device)
{
    const sbi_device_plugin *plugin;
    SBI_TRY(sbi_device_plugin_load(&plugin, ctx, device));
    SBI_TRY(plugin->open(ops, self, &host, ctx, device + strcspn(device, ":?")));
    sbi_status status = sbi_device_check(*ops);
    if (status != SBI_OK) (*ops)->close(*self);
    return status;
}
