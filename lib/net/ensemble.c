/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/json.h"
#include "net/network.h"

#define FORMAT "sbi ensemble"
#define VERSION 1

static const char *const combination_names[] = {"mean_ratio", "mean_log", "median"};

static sbi_status check_networks(sbi_network *const *networks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        SBI_REQUIRE(networks[i], "sbi_ensemble_create: network %zu is NULL", i);
        const int64_t d = networks[i]->mlp.size[0];
        if (d != networks[0]->mlp.size[0])
            return sbi_fail(SBI_ERR_SHAPE, "ensemble: member %zu has %" PRId64 " features, member 0 has %" PRId64, i, d,
                            networks[0]->mlp.size[0]);
        if (sbi_mlp_outputs(&networks[i]->mlp) != sbi_mlp_outputs(&networks[0]->mlp))
            return sbi_fail(SBI_ERR_SHAPE, "ensemble: member %zu has %" PRId64 " outputs, member 0 has %" PRId64, i,
                            sbi_mlp_outputs(&networks[i]->mlp), sbi_mlp_outputs(&networks[0]->mlp));
        if (networks[i]->theta != networks[0]->theta || networks[i]->classes != networks[0]->classes)
            return sbi_fail(SBI_ERR_SHAPE, "ensemble: member %zu has %d classes and %d inputs of theta, member 0 has %d and %d", i,
                            (int)networks[i]->classes, (int)networks[i]->theta, (int)networks[0]->classes, (int)networks[0]->theta);
    }
    return SBI_OK;
}

sbi_status sbi_ensemble_create(sbi_ensemble **out, sbi_context *ctx, sbi_network *const *networks, size_t n)
{
    SBI_REQUIRE(out, "sbi_ensemble_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && networks, "sbi_ensemble_create: ctx or networks is NULL");
    SBI_REQUIRE(n >= 1, "sbi_ensemble_create: an ensemble needs at least one network");
    SBI_TRY(check_networks(networks, n));
    sbi_ensemble *ens = sbi_alloc_zero(ctx, 1, sizeof *ens);
    if (!ens) return SBI_ERR_NO_MEMORY;
    ens->ctx = ctx;
    ens->networks = sbi_alloc_array(ctx, n, sizeof *ens->networks);
    if (!ens->networks) {
        sbi_free(ctx, ens);
        return SBI_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) ens->networks[i] = sbi_network_retain(networks[i]);
    ens->n = n;
    *out = ens;
    return SBI_OK;
}

void sbi_ensemble_destroy(sbi_ensemble *ens)
{
    if (!ens) return;
    for (size_t i = 0; i < ens->n; i++) sbi_network_destroy(ens->networks[i]);
    sbi_free(ens->ctx, ens->networks);
    sbi_free(ens->ctx, ens);
}

size_t sbi_ensemble_members(const sbi_ensemble *ens)
{
    return ens ? ens->n : 0;
}

const sbi_network *sbi_ensemble_network(const sbi_ensemble *ens, size_t index)
{
    return ens && index < ens->n ? ens->networks[index] : NULL;
}

sbi_status sbi_ensemble_set_combination(sbi_ensemble *ens, int32_t combination)
{
    SBI_REQUIRE(ens, "sbi_ensemble_set_combination: ens is NULL");
    SBI_REQUIRE(combination >= SBI_COMBINE_MEAN_RATIO && combination <= SBI_COMBINE_MEDIAN,
                "sbi_ensemble_set_combination: combination is %d, expected one of SBI_COMBINE_...", (int)combination);
    ens->combination = combination;
    return SBI_OK;
}

int32_t sbi_ensemble_combination(const sbi_ensemble *ens)
{
    return ens ? ens->combination : SBI_COMBINE_MEAN_RATIO;
}

/* ---- files ---- */

static sbi_status save_member(const sbi_ensemble *ens, const char *folder, size_t i, json_t *list)
{
    char name[40];
    snprintf(name, sizeof name, "member-%04zu.npz", i);
    char *path = sbi_path_join(ens->ctx, folder, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_network_save(ens->networks[i], path);
    sbi_free(ens->ctx, path);
    SBI_TRY(status);
    return json_array_append_new(list, json_string(name)) ? sbi_fail(SBI_ERR_NO_MEMORY, "ensemble: out of memory") : SBI_OK;
}

static sbi_status save_index(const sbi_ensemble *ens, const char *folder, json_t *list)
{
    json_t *index = json_pack("{s:s, s:i, s:s, s:O}", "format", FORMAT, "version", VERSION, "combination",
                              combination_names[ens->combination], "members", list);
    if (!index) return sbi_fail(SBI_ERR_NO_MEMORY, "ensemble: out of memory");
    sbi_text text;
    sbi_text_init(&text, ens->ctx);
    sbi_status status = sbi_json_pretty(&text, index);
    json_decref(index);
    char *path = status == SBI_OK ? sbi_path_join(ens->ctx, folder, "ensemble.json") : NULL;
    if (status == SBI_OK) status = path ? sbi_file_write(ens->ctx, path, text.data, text.size) : SBI_ERR_NO_MEMORY;
    sbi_free(ens->ctx, path);
    sbi_text_clear(&text);
    return status;
}

sbi_status sbi_ensemble_save(const sbi_ensemble *ens, const char *folder)
{
    SBI_REQUIRE(ens && folder, "sbi_ensemble_save: ens or folder is NULL");
    SBI_TRY(sbi_path_make_folder(ens->ctx, folder));
    json_t *list = json_array();
    if (!list) return sbi_fail(SBI_ERR_NO_MEMORY, "ensemble: out of memory");
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < ens->n && status == SBI_OK; i++) status = save_member(ens, folder, i, list);
    if (status == SBI_OK) status = save_index(ens, folder, list);
    json_decref(list);
    return status;
}

/* Loads n files whose paths come from `path_of`, and gives the combination to the ensemble. */
static sbi_status load_paths(sbi_ensemble **out, sbi_context *ctx, const char *folder, const json_t *list,
                             const char *const *paths, size_t n, int32_t combination)
{
    sbi_network **networks = sbi_alloc_zero(ctx, n, sizeof *networks);
    if (!networks) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < n && status == SBI_OK; i++) {
        if (paths) {
            status = paths[i] ? sbi_network_load(&networks[i], ctx, paths[i])
                              : sbi_fail(SBI_ERR_ARGUMENT, "sbi_ensemble_load_files: path %zu is NULL", i);
            continue;
        }
        char *path = sbi_path_join(ctx, folder, json_string_value(json_array_get(list, i)));
        status = path ? sbi_network_load(&networks[i], ctx, path) : SBI_ERR_NO_MEMORY;
        sbi_free(ctx, path);
    }
    if (status == SBI_OK) status = sbi_ensemble_create(out, ctx, networks, n);
    if (status == SBI_OK) (*out)->combination = combination;
    for (size_t i = 0; i < n; i++) sbi_network_destroy(networks[i]);
    sbi_free(ctx, networks);
    return status;
}

static sbi_status load_index(sbi_ensemble **out, sbi_context *ctx, const char *folder, const json_t *index,
                             const sbi_json_place *at)
{
    const char *format, *combination;
    int64_t version;
    json_t *list;
    SBI_TRY(sbi_json_get_string(index, at, "format", &format));
    if (strcmp(format, FORMAT) != 0)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "format is \"%s\", expected \"%s\"", format, FORMAT);
    SBI_TRY(sbi_json_get_integer(index, at, "version", &version));
    if (version != VERSION)
        return sbi_json_fail(SBI_ERR_VERSION, at, "version is %" PRId64 ", this library reads %d", version, VERSION);
    SBI_TRY(sbi_json_get_string(index, at, "combination", &combination));
    int32_t which = -1;
    for (int32_t c = SBI_COMBINE_MEAN_RATIO; c <= SBI_COMBINE_MEDIAN; c++)
        if (strcmp(combination, combination_names[c]) == 0) which = c;
    if (which < 0) return sbi_json_fail(SBI_ERR_FORMAT, at, "combination is \"%s\", which is unknown", combination);
    SBI_TRY(sbi_json_get_array(index, at, "members", &list));
    const size_t n = json_array_size(list);
    if (n == 0) return sbi_json_fail(SBI_ERR_FORMAT, at, "members is empty");
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !name[0] || strchr(name, '/'))
            return sbi_json_fail(SBI_ERR_FORMAT, at, "members[%zu] is not a file name", i);
    }
    return load_paths(out, ctx, folder, list, NULL, n, which);
}

sbi_status sbi_ensemble_load_files(sbi_ensemble **out, sbi_context *ctx, const char *const *paths, size_t n)
{
    SBI_REQUIRE(out, "sbi_ensemble_load_files: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && paths, "sbi_ensemble_load_files: ctx or paths is NULL");
    SBI_REQUIRE(n >= 1, "sbi_ensemble_load_files: an ensemble needs at least one network");
    return load_paths(out, ctx, NULL, NULL, paths, n, SBI_COMBINE_MEAN_RATIO);
}

sbi_status sbi_ensemble_load(sbi_ensemble **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_ensemble_load: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_ensemble_load: ctx or path is NULL");
    struct stat st;
    if (stat(path, &st)) return sbi_fail_errno(errno, "%s", path);
    if (!S_ISDIR(st.st_mode)) return sbi_ensemble_load_files(out, ctx, &path, 1);
    char *file = sbi_path_join(ctx, path, "ensemble.json");
    if (!file) return SBI_ERR_NO_MEMORY;
    json_t *index = NULL;
    sbi_status status = sbi_json_load(&index, ctx, file);
    const sbi_json_place at = sbi_json_root(file);
    if (status == SBI_OK) status = load_index(out, ctx, path, index, &at);
    json_decref(index);
    sbi_free(ctx, file);
    return status;
}
