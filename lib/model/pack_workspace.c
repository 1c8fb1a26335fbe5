/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace written anew with its event variations in packed stores. The document is changed in place as JSON, so that what this
 * file knows nothing of stays as it is. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/json.h"
#include "model/pack.h"
#include "model/workspace.h"

typedef struct packer {
    sbi_context *ctx;
    const char *folder;  /* of the columns */
    const char *stem;    /* of the new files: the new workspace's path without ".json" */
    sbi_pack_options options;
    int absolute;        /* the new workspace is in another folder */
    char **written;      /* files to take away again where something fails */
    size_t n_written;
} packer;

/* What the modifiers of a channel name. */
typedef struct channel_pack {
    packer *p;
    json_t *samples, *parameters; /* new lists of names */
    model_file *files;
    size_t n_files;
    model_pack_pair *pairs;
    int all_ratios;
} channel_pack;

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static int no_json_memory(int failed)
{
    if (failed) sbi_fail(SBI_ERR_NO_MEMORY, "out of memory for JSON");
    return failed;
}

static size_t index_of(const json_t *list, const char *name)
{
    size_t i = 0;
    while (i < json_array_size(list) && strcmp(json_string_value(json_array_get(list, i)), name) != 0) i++;
    return i;
}

static sbi_status add_name(json_t *list, const char *name)
{
    if (index_of(list, name) < json_array_size(list)) return SBI_OK;
    return no_json_memory(json_array_append_new(list, json_string(name))) ? SBI_ERR_NO_MEMORY : SBI_OK;
}

static void name_column(const model_pack *pack, size_t sample, size_t parameter, int side, char *text, size_t size)
{
    const channel_pack *c = pack->names;
    snprintf(text, size, "%s, %s of %s", json_string_value(json_array_get(c->samples, sample)), side ? "lo" : "hi",
             json_string_value(json_array_get(c->parameters, parameter)));
}

/* The file that member `key` names, by its absolute path. */
static sbi_status make_absolute(const packer *p, json_t *object, const sbi_json_place *at, const char *key)
{
    const char *name;
    char buffer[PATH_MAX];
    if (!object || !json_object_get(object, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_string(object, at, key, &name));
    char *path = sbi_path_join(p->ctx, p->folder, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    if (!realpath(path, buffer))
        status = sbi_json_fail(SBI_ERR_NOT_FOUND, at, "%s cannot be found", path);
    else if (no_json_memory(json_object_set_new(object, key, json_string(buffer))))
        status = SBI_ERR_NO_MEMORY;
    sbi_free(p->ctx, path);
    return status;
}

/* ---- one channel ------------------------------------------------------------------------------------------------------ */

/* The modifier's object of columns, or NULL where it has none. */
static json_t *columns_of(const json_t *modifier)
{
    const char *type = json_string_value(json_object_get(modifier, "type"));
    json_t *data = json_object_get(modifier, "data");
    return type && strcmp(type, "eventsys") == 0 && json_is_object(data) ? data : NULL;
}

static sbi_status list_names(channel_pack *c, const json_t *samples, const sbi_json_place *in)
{
    c->all_ratios = 1;
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *sample = json_array_get(samples, i), *modifiers = json_object_get(sample, "modifiers");
        const sbi_json_place at = sbi_json_item(in, i), list = sbi_json_member(&at, "modifiers");
        for (size_t k = 0; k < json_array_size(modifiers); k++) {
            const json_t *modifier = json_array_get(modifiers, k), *data = columns_of(modifier);
            const sbi_json_place here = sbi_json_item(&list, k), data_place = sbi_json_member(&here, "data");
            const char *name, *parameter, *storage;
            if (!data) continue;
            SBI_TRY(sbi_json_get_string(sample, &at, "name", &name));
            SBI_TRY(sbi_json_get_string(modifier, &here, "name", &parameter));
            SBI_TRY(sbi_json_get_string_or(data, &data_place, "storage", "ratio", &storage));
            if (strcmp(storage, "ratio") != 0 && strcmp(storage, "log") != 0)
                return sbi_json_fail(SBI_ERR_FORMAT, &data_place, "storage \"%s\" is neither \"ratio\" nor \"log\"", storage);
            c->all_ratios &= strcmp(storage, "ratio") == 0;
            SBI_TRY(add_name(c->samples, name));
            SBI_TRY(add_name(c->parameters, parameter));
        }
    }
    return SBI_OK;
}

static sbi_status open_side(channel_pack *c, const json_t *data, const sbi_json_place *at, const char *key, int64_t *n_events,
                            model_column *out)
{
    const char *name;
    SBI_TRY(sbi_json_get_string(data, at, key, &name));
    const sbi_json_place in = sbi_json_member(at, key);
    char *path = sbi_path_join(c->p->ctx, c->p->folder, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    model_file *f = &c->files[c->n_files];
    sbi_status status = sbi_column_file_open(&f->file, c->p->ctx, path);
    sbi_free(c->p->ctx, path);
    if (status == SBI_OK) {
        c->n_files++;
        sbi_column_file_release(f->file); /* there may be a thousand */
        status = sbi_model_file_column(f, name, out);
    }
    if (status == SBI_OK && *n_events >= 0 && out->n != *n_events)
        status = sbi_fail(SBI_ERR_SHAPE, "%s: %lld rows, but other columns have %lld", name, (long long)out->n, (long long)*n_events);
    if (status == SBI_OK) *n_events = out->n;
    return sbi_model_placed(status, &in);
}

static sbi_status open_columns(channel_pack *c, const json_t *samples, const sbi_json_place *in, int integration, int64_t *n_events)
{
    static const char *const keys[2][2] = {{"hi", "lo"}, {"hi_integration", "lo_integration"}};
    *n_events = -1;
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *sample = json_array_get(samples, i), *modifiers = json_object_get(sample, "modifiers");
        const sbi_json_place at = sbi_json_item(in, i), list = sbi_json_member(&at, "modifiers");
        for (size_t k = 0; k < json_array_size(modifiers); k++) {
            const json_t *modifier = json_array_get(modifiers, k), *data = columns_of(modifier);
            const sbi_json_place item = sbi_json_item(&list, k), here = sbi_json_member(&item, "data");
            if (!data) continue;
            const size_t s = index_of(c->samples, json_string_value(json_object_get(sample, "name")));
            const size_t p = index_of(c->parameters, json_string_value(json_object_get(modifier, "name")));
            model_pack_pair *pair = &c->pairs[s * json_array_size(c->parameters) + p];
            if (pair->sides[0].given) return sbi_json_fail(SBI_ERR_EXISTS, &item, "the modifier stands in this sample already");
            const char *storage = json_string_value(json_object_get(data, "storage"));
            pair->storage = storage && strcmp(storage, "log") == 0 ? SBI_MORPH_LOG : SBI_MORPH_RATIO;
            for (int side = 0; side < 2; side++)
                SBI_TRY(open_side(c, data, &here, keys[integration][side], n_events, &pair->sides[side]));
        }
    }
    return SBI_OK;
}

static void close_columns(channel_pack *c)
{
    for (size_t i = 0; i < c->n_files; i++) sbi_column_file_close(c->files[i].file);
    sbi_free(c->p->ctx, c->files);
    sbi_free(c->p->ctx, c->pairs);
    c->files = NULL;
    c->pairs = NULL;
    c->n_files = 0;
}

/* Writes one store, and its name and number of events into the channel's new member. */
static sbi_status write_store(channel_pack *c, json_t *store, const json_t *samples, const sbi_json_place *in, size_t channel,
                              int integration)
{
    packer *p = c->p;
    const size_t pairs = json_array_size(c->samples) * json_array_size(c->parameters);
    c->files = sbi_alloc_zero(p->ctx, 2 * pairs, sizeof *c->files);
    c->pairs = sbi_alloc_zero(p->ctx, pairs, sizeof *c->pairs);
    if (!c->files || !c->pairs) return SBI_ERR_NO_MEMORY;
    model_pack pack = {.ctx = p->ctx, .pairs = c->pairs, .dtype = p->options.dtype, .name = name_column, .names = c};
    pack.n_samples = json_array_size(c->samples);
    pack.n_parameters = json_array_size(c->parameters);
    pack.storage = sbi_pack_storage(&p->options, c->all_ratios);
    SBI_TRY(open_columns(c, samples, in, integration, &pack.n_events));
    char **slot = sbi_model_grow(p->ctx, (void **)&p->written, &p->n_written, sizeof *slot);
    if (!slot) return SBI_ERR_NO_MEMORY;
    char *path = sbi_strf(p->ctx, "%s.channel%zu%s.npy", p->stem, channel, integration ? "_integration" : "");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_path_exists(path) ? sbi_fail(SBI_ERR_EXISTS, "%s: exists already", path) : sbi_pack_write(&pack, path);
    if (status != SBI_OK) {
        sbi_free(p->ctx, path);
        return status;
    }
    *slot = path;
    const char *slash = strrchr(path, '/');
    int failed = json_object_set_new(store, integration ? "file_integration" : "file", json_string(slash ? slash + 1 : path));
    failed |= json_object_set_new(store, integration ? "events_integration" : "events", json_integer(pack.n_events));
    failed |= json_object_set_new(store, "storage", json_string(pack.storage == SBI_MORPH_LOG ? "log" : "ratio"));
    return no_json_memory(failed) ? SBI_ERR_NO_MEMORY : SBI_OK;
}

static sbi_status forget_columns(const json_t *samples)
{
    int failed = 0;
    for (size_t i = 0; i < json_array_size(samples); i++) {
        const json_t *modifiers = json_object_get(json_array_get(samples, i), "modifiers");
        for (size_t k = 0; k < json_array_size(modifiers); k++) {
            json_t *modifier = json_array_get(modifiers, k);
            if (columns_of(modifier)) failed |= json_object_set_new(modifier, "data", json_null());
        }
    }
    return no_json_memory(failed) ? SBI_ERR_NO_MEMORY : SBI_OK;
}

static sbi_status pack_channel(packer *p, json_t *channel, const sbi_json_place *at, size_t index)
{
    const json_t *samples = json_object_get(channel, "samples");
    const sbi_json_place in = sbi_json_member(at, "samples");
    if (json_object_get(channel, "eventsys")) return SBI_OK; /* packed already */
    channel_pack c = {.p = p, .samples = json_array(), .parameters = json_array()};
    json_t *store = json_object();
    sbi_status status = no_json_memory(!c.samples || !c.parameters || !store) ? SBI_ERR_NO_MEMORY : list_names(&c, samples, &in);
    if (status == SBI_OK && json_array_size(c.samples)) {
        const int sides = json_object_get(channel, "integration") ? 2 : 1;
        for (int side = 0; side < sides && status == SBI_OK; side++) {
            status = write_store(&c, store, samples, &in, index, side);
            close_columns(&c);
        }
        if (status == SBI_OK && no_json_memory(json_object_set(store, "samples", c.samples) ||
                                               json_object_set(store, "parameters", c.parameters) ||
                                               json_object_set(channel, "eventsys", store)))
            status = SBI_ERR_NO_MEMORY;
        if (status == SBI_OK) status = forget_columns(samples);
    }
    json_decref(store);
    json_decref(c.samples);
    json_decref(c.parameters);
    return status;
}

/* Columns that stay where they are. */
static sbi_status rename_columns(const packer *p, json_t *channel, const sbi_json_place *at)
{
    static const char *const keys[] = {"hi", "lo", "hi_integration", "lo_integration"};
    const json_t *samples = json_object_get(channel, "samples");
    SBI_TRY(make_absolute(p, json_object_get(channel, "events"), at, "weights"));
    SBI_TRY(make_absolute(p, json_object_get(channel, "integration"), at, "weights"));
    SBI_TRY(make_absolute(p, json_object_get(channel, "eventsys"), at, "file"));
    SBI_TRY(make_absolute(p, json_object_get(channel, "eventsys"), at, "file_integration"));
    for (size_t i = 0; i < json_array_size(samples); i++) {
        json_t *sample = json_array_get(samples, i);
        const json_t *modifiers = json_object_get(sample, "modifiers");
        SBI_TRY(make_absolute(p, sample, at, "ratio"));
        SBI_TRY(make_absolute(p, sample, at, "ratio_integration"));
        for (size_t k = 0; json_object_get(channel, "eventsys") && k < json_array_size(modifiers); k++)
            for (size_t j = 0; j < 4; j++) SBI_TRY(make_absolute(p, columns_of(json_array_get(modifiers, k)), at, keys[j]));
    }
    return SBI_OK;
}

/* ---- the document --------------------------------------------------------------------------------------------------------- */

static sbi_status pack_document(packer *p, json_t *workspace, const char *name, const char *packed_path)
{
    const sbi_json_place root = sbi_json_root(name), in = sbi_json_member(&root, "channels");
    json_t *channels;
    SBI_TRY(sbi_json_expect(workspace, &root, JSON_OBJECT));
    SBI_TRY(sbi_json_get_array(workspace, &root, "channels", &channels));
    for (size_t i = 0; i < json_array_size(channels); i++) {
        json_t *channel = json_array_get(channels, i);
        const sbi_json_place at = sbi_json_item(&in, i);
        SBI_TRY(sbi_json_expect(channel, &at, JSON_OBJECT));
        if (p->absolute) SBI_TRY(rename_columns(p, channel, &at));
        SBI_TRY(pack_channel(p, channel, &at, i));
    }
    sbi_text text;
    sbi_text_init(&text, p->ctx);
    sbi_status status = sbi_json_pretty(&text, workspace);
    if (status == SBI_OK) status = text.status;
    if (status == SBI_OK) status = sbi_file_create(p->ctx, packed_path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

/* Whether two folders are one. */
static int same_folder(const char *a, const char *b)
{
    char x[PATH_MAX], y[PATH_MAX];
    return realpath(a, x) && realpath(b, y) && strcmp(x, y) == 0;
}

static sbi_status pack_loaded(packer *p, json_t *workspace, const char *path, const char *packed_path)
{
    char *folder = sbi_path_folder(p->ctx, path), *packed_folder = sbi_path_folder(p->ctx, packed_path);
    const size_t length = strlen(packed_path);
    const int suffix = length > 5 && strcmp(packed_path + length - 5, ".json") == 0;
    char *stem = sbi_strndup(p->ctx, packed_path, suffix ? length - 5 : length);
    sbi_status status = folder && packed_folder && stem ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        p->folder = folder;
        p->stem = stem;
        p->absolute = !same_folder(folder, packed_folder);
        status = pack_document(p, workspace, path, packed_path);
    }
    for (size_t i = 0; i < p->n_written; i++) {
        if (status != SBI_OK && p->written[i]) unlink(p->written[i]);
        sbi_free(p->ctx, p->written[i]);
    }
    sbi_free(p->ctx, p->written);
    sbi_free(p->ctx, stem);
    sbi_free(p->ctx, packed_folder);
    sbi_free(p->ctx, folder);
    return status;
}

sbi_status sbi_workspace_pack(sbi_context *ctx, const char *path, const char *packed_path, const sbi_pack_options *options)
{
    SBI_REQUIRE(ctx && path && packed_path, "sbi_workspace_pack: ctx, path or packed_path is NULL");
    packer p = {.ctx = ctx};
    SBI_TRY(sbi_pack_options_get(&p.options, options));
    if (sbi_path_exists(packed_path)) return sbi_fail(SBI_ERR_EXISTS, "%s: exists already", packed_path);
    json_t *workspace;
    SBI_TRY(sbi_json_load(&workspace, ctx, path));
    sbi_status status = pack_loaded(&p, workspace, path, packed_path);
    json_decref(workspace);
    return status;
}
