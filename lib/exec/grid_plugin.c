/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/grid_plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/plugin.h"

static sbi_status check(const sbi_grid_plugin *plugin, const char *file)
{
    if (plugin->abi != SBI_GRID_PLUGIN_ABI || plugin->struct_size != sizeof *plugin)
        return sbi_fail(SBI_ERR_ABI, "%s: has contract %u with %u bytes, this libsbi needs %u with %zu", file, (unsigned)plugin->abi,
                        (unsigned)plugin->struct_size, (unsigned)SBI_GRID_PLUGIN_ABI, sizeof *plugin);
    if (!plugin->version || strcmp(plugin->version, SBI_VERSION_STRING) != 0)
        return sbi_fail(SBI_ERR_ABI, "%s: is of release %s, this libsbi is %s", file, plugin->version ? plugin->version : "(none)",
                        SBI_VERSION_STRING);
    if (plugin->error_set != sbi_error_set)
        return sbi_fail(SBI_ERR_ABI, "%s: works with libsbi.so only, and this program has libsbi linked in statically", file);
    if (!plugin->store || !plugin->executor) return sbi_fail(SBI_ERR_ABI, "%s: a function is missing", file);
    return SBI_OK;
}

sbi_status sbi_grid_plugin_load(const sbi_grid_plugin **out, sbi_context *ctx)
{
    *out = NULL;
    char file[64], why[512];
    snprintf(file, sizeof file, "libsbi-grid.so.%d", SBI_ABI_VERSION);
    void *library = sbi_plugin_find(ctx, file, why, sizeof why);
    if (!library) return sbi_fail(SBI_ERR_NOT_FOUND, "%s", why);
    const sbi_grid_plugin *plugin = dlsym(library, "sbi_grid_plugin_exported");
    if (!plugin) return sbi_fail(SBI_ERR_ABI, "%s: has no sbi_grid_plugin_exported", file);
    SBI_TRY(check(plugin, file));
    *out = plugin;
    return SBI_OK;
}
