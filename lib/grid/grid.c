/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin exports. A new kind is a line in one of the two tables. */
#include "grid/grid.h"

#include <string.h>

#include "exec/grid_plugin.h"

static const struct {
    const char *scheme;
    sbi_store_open_fn open;
} stores[] = {{"s3", grid_s3_open}, {"http", grid_webdav_open}, {"https", grid_webdav_open}, {"dav", grid_webdav_open}, {"davs", grid_webdav_open},
            {"rucio", grid_rucio_open}};

static sbi_store_open_fn store(const char *scheme)
{
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        if (strcmp(stores[i].scheme, scheme) == 0) return stores[i].open;
    }
    return NULL;
}

static const struct {
    const char *name;
    sbi_executor_open_fn open;
} executors[] = {{"kubernetes", grid_kubernetes_open}, {"panda", grid_panda_open}};

static sbi_executor_open_fn executor(const char *name)
{
    for (size_t i = 0; i < sizeof executors / sizeof *executors; i++) {
        if (strcmp(executors[i].name, name) == 0) return executors[i].open;
    }
    return NULL;
}

SBI_API extern const sbi_grid_plugin sbi_grid_plugin_exported;
const sbi_grid_plugin sbi_grid_plugin_exported = {
    .struct_size = sizeof sbi_grid_plugin_exported,
    .abi = SBI_GRID_PLUGIN_ABI,
    .version = SBI_VERSION_STRING,
    .error_set = sbi_error_set,
    .store = store,
    .executor = executor,
};
