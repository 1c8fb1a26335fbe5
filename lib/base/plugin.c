/* SPDX-License-Identifier: Apache-2.0 */
#include "base/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

/* Drivers do not bear being unloaded, and thread-local data of a library may outlive its handle. */
#define MODE (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)

static const char here;

static void *load_from(sbi_context *ctx, const char *folder, const char *file)
{
    char *path = sbi_path_join(ctx, folder, file);
    void *library = path ? dlopen(path, MODE) : NULL;
    sbi_free(ctx, path);
    return library;
}

/* The folder of the library or program that this function is in; NULL if it has none. */
static char *own_folder(sbi_context *ctx)
{
    Dl_info info;
    if (!dladdr(&here, &info) || !info.dli_fname) return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? sbi_strndup(ctx, info.dli_fname, (size_t)(slash - info.dli_fname)) : NULL;
}

/* A file that is there but cannot be loaded is what the user wants to hear of, not that another folder has none. */
void *sbi_plugin_find(sbi_context *ctx, const char *file, char *why, size_t size)
{
    const char *chosen = getenv("SBI_PLUGIN_PATH");
    char *own = chosen ? NULL : own_folder(ctx);
    const char *folders[2] = {chosen, own};
    void *library = NULL;
    why[0] = 0;
    for (int i = 0; i < 2 && !library; i++) {
        if (!folders[i]) continue;
        char *path = sbi_path_join(ctx, folders[i], file);
        const int there = path && sbi_path_exists(path);
        sbi_free(ctx, path);
        if (!there) continue;
        library = load_from(ctx, folders[i], file);
        if (!library) snprintf(why, size, "%s", dlerror());
    }
    if (!library && !chosen && !why[0]) library = dlopen(file, MODE);
    if (!library && !why[0]) snprintf(why, size, "%s is neither in %s nor where the loader looks", file, chosen ? chosen : own ? own : ".");
    sbi_free(ctx, own);
    return library;
}
