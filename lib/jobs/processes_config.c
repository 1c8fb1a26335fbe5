/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of the executor "processes", and where sbi-worker is. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/processors.h"
#include "io/json.h"
#include "jobs/processes.h"

#define NAME "executor \"processes\""

static sbi_status get_number(const json_t *json, const sbi_json_place *at, const char *key, int64_t low, int64_t high, int64_t other,
                             int64_t *out)
{
    SBI_TRY(sbi_json_get_integer_or(json, at, key, other, out));
    SBI_REQUIRE(*out >= low && *out <= high, NAME ": %s is %lld, expected %lld to %lld", key, (long long)*out, (long long)low, (long long)high);
    return SBI_OK;
}

static sbi_status copy_text(sbi_context *ctx, const json_t *json, const sbi_json_place *at, const char *key, char **out)
{
    const char *text;
    SBI_TRY(sbi_json_get_string_or(json, at, key, "", &text));
    if (!*text) return SBI_OK;
    *out = sbi_strdup(ctx, text);
    return *out ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status read_config(sbi_processes_options *o, sbi_context *ctx, const json_t *json)
{
    static const char *const known[] = {"heartbeat", "memory", "processes", "store", "survives", "threads", "worker", NULL};
    const sbi_json_place at = sbi_json_root(NAME);
    const int64_t processors = sbi_processors();
    if (json) {
        SBI_TRY(sbi_json_expect(json, &at, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(json, &at, known));
    }
    SBI_TRY(get_number(json, &at, "processes", 1, 4096, sbi_context_threads(ctx), &o->processes));
    const int64_t share = processors / o->processes;
    SBI_TRY(get_number(json, &at, "threads", 1, 4096, share > 1 ? share : 1, &o->threads));
    SBI_TRY(get_number(json, &at, "memory", 0, INT64_MAX, 0, &o->memory));
    SBI_TRY(get_number(json, &at, "heartbeat", 1, 3600, 30, &o->heartbeat));
    SBI_TRY(copy_text(ctx, json, &at, "store", &o->store));
    SBI_TRY(copy_text(ctx, json, &at, "worker", &o->worker));
    o->temporary = !o->store;
    SBI_TRY(sbi_json_get_bool_or(json, &at, "survives", !o->temporary, &o->survives));
    SBI_REQUIRE(!(o->survives && o->temporary), NAME ": tasks cannot survive without \"store\", a folder to find them in again");
    return SBI_OK;
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

/* An absolute path of a folder that is there. */
static sbi_status find_store(sbi_processes_options *o, sbi_context *ctx)
{
    if (o->temporary) {
        const char *base = getenv("TMPDIR");
        o->store = sbi_path_join(ctx, base && *base ? base : "/tmp", "sbi-store-XXXXXX");
        if (!o->store) return SBI_ERR_NO_MEMORY;
        if (mkdtemp(o->store)) return SBI_OK;
        sbi_status status = sbi_fail_errno(errno, "%s", o->store);
        sbi_free(ctx, o->store);
        o->store = NULL;
        return status;
    }
    SBI_TRY(sbi_path_make_folder(ctx, o->store));
    char *real = realpath(o->store, NULL);
    if (!real) return sbi_fail_errno(errno, "%s", o->store);
    sbi_free(ctx, o->store);
    o->store = sbi_strdup(ctx, real);
    free(real);
    return o->store ? SBI_OK : SBI_ERR_NO_MEMORY;
}

/* ---- the worker ------------------------------------------------------------------------------------------------- */

/* Takes `path` if it is a program. */
static int take_program(sbi_processes_options *o, sbi_context *ctx, char *path)
{
    if (path && access(path, X_OK) == 0) {
        o->worker = path;
        return 1;
    }
    sbi_free(ctx, path);
    return 0;
}

/* Beside the library: where `make` and `make install` put both. */
static int find_beside(sbi_processes_options *o, sbi_context *ctx)
{
    static const char *const places[] = {"bin", "../bin", "../../bin"};
    Dl_info info;
    if (!dladdr((const void *)(uintptr_t)sbi_version_string, &info) || !info.dli_fname) return 0;
    char *folder = sbi_path_folder(ctx, info.dli_fname);
    int found = 0;
    for (size_t i = 0; folder && i < sizeof places / sizeof *places && !found; i++)
        found = take_program(o, ctx, sbi_strf(ctx, "%s/%s/sbi-worker", folder, places[i]));
    sbi_free(ctx, folder);
    return found;
}

static int find_in_path(sbi_processes_options *o, sbi_context *ctx)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        const size_t n = strcspn(path, ":");
        if (n && take_program(o, ctx, sbi_strf(ctx, "%.*s/sbi-worker", (int)n, path))) return 1;
        path += n + (path[n] == ':');
    }
    return 0;
}

static sbi_status find_worker(sbi_processes_options *o, sbi_context *ctx)
{
    if (o->worker) {
        if (access(o->worker, X_OK) == 0) return SBI_OK;
        return sbi_fail_errno(errno, NAME ": worker %s", o->worker);
    }
    if (find_beside(o, ctx) || find_in_path(o, ctx)) return SBI_OK;
    return sbi_fail(SBI_ERR_NOT_FOUND, NAME ": sbi-worker is neither beside the library nor in PATH; say \"worker\"");
}

sbi_status sbi_processes_configure(sbi_processes_options *out, sbi_context *ctx, const char *config)
{
    json_t *json = NULL;
    *out = (sbi_processes_options){0};
    if (config) SBI_TRY(sbi_json_parse(&json, config, strlen(config), NAME));
    sbi_status status = read_config(out, ctx, json);
    json_decref(json);
    if (status == SBI_OK) status = find_worker(out, ctx);
    if (status == SBI_OK) status = find_store(out, ctx);
    return status;
}

void sbi_processes_options_clear(sbi_context *ctx, sbi_processes_options *o)
{
    sbi_free(ctx, o->store);
    sbi_free(ctx, o->worker);
    *o = (sbi_processes_options){0};
}
