/* SPDX-License-Identifier: Apache-2.0 */
/* What libsbi-grid.so.ABI, the library of stores and executors that speak with servers, exports: one struct, sbi_grid_plugin_exported.
 *
 * It is linked against libsbi.so and has copies of its own of a few internal functions, which look inside a context. So it belongs to one
 * release, and its version is compared exactly before anything in it is called. */
#ifndef SBI_EXEC_GRID_PLUGIN_H
#define SBI_EXEC_GRID_PLUGIN_H

#include "sbi/store.h"

#define SBI_GRID_PLUGIN_ABI 1

typedef struct sbi_grid_plugin {
    uint32_t struct_size, abi;
    const char *version; /* of the release that it belongs to */
    /* The sbi_error_set() that it is bound to. In a program with libsbi linked statically that would be another one than the
     * program's own, and messages would be lost. */
    sbi_status (*error_set)(sbi_status status, const char *message);
    /* How a kind is opened (with user NULL); NULL for a scheme or name that it does not know. */
    sbi_store_open_fn (*store)(const char *scheme);
    sbi_executor_open_fn (*executor)(const char *name);
} sbi_grid_plugin;

/* Loads and checks the library. SBI_ERR_NOT_FOUND: there is none, or one that it needs is missing; SBI_ERR_ABI: of another release, or
 * bound to another libsbi. */
sbi_status sbi_grid_plugin_load(const sbi_grid_plugin **out, sbi_context *ctx);

#endif
