/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a set of variations, and a workspace that has them. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/json.h"
#include "io/npy.h"
#include "jobs/variations.h"

void sbi_variations_output_init(sbi_variations_output *output)
{
    if (!output) return;
    const sbi_variations_output defaults = SBI_VARIATIONS_OUTPUT_INIT;
    *output = defaults;
}

typedef struct writing {
    const sbi_variations *set;
    sbi_context *ctx;
    sbi_variations_output o;
    sbi_columns_options columns;
    json_t *workspace, *channel; /* the second is part of the first */
    json_t *processes, *nuisances; /* lists of names, in the order of the set */
    sbi_column *table;             /* [processes, nuisances, 2] */
    char *stores[2];               /* of events and integration sample */
} writing;

static sbi_status no_memory(void)
{
    return sbi_fail(SBI_ERR_NO_MEMORY, "sbi_variations_write: out of memory");
}

/* ---- the document ---- */

static json_t *find_named(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(json_object_get(item, "name"));
        if (text && strcmp(text, name) == 0) return item;
    }
    return NULL;
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
    return json_array_append_new(list, json_string(name)) ? no_memory() : SBI_OK;
}

static int has_modifier(const json_t *modifiers, const char *name, const char *type)
{
    size_t i;
    json_t *item;
    json_array_foreach(modifiers, i, item) {
        const char *n = json_string_value(json_object_get(item, "name")), *t = json_string_value(json_object_get(item, "type"));
        if (n && t && strcmp(n, name) == 0 && strcmp(t, type) == 0) return 1;
    }
    return 0;
}

static sbi_status add_modifier(const writing *w, json_t *modifiers, const char *process, const char *name, const char *type, json_t *data)
{
    if (has_modifier(modifiers, name, type)) {
        json_decref(data);
        return sbi_fail(SBI_ERR_EXISTS, "%s: channel %s: sample %s has the %s %s already", w->o.workspace, w->o.channel, process, type, name);
    }
    return json_array_append_new(modifiers, json_pack("{s:s, s:s, s:o}", "name", name, "type", type, "data", data)) ? no_memory() : SBI_OK;
}

static sbi_status add_pair(const writing *w, const sbi_variation_pair *p)
{
    json_t *sample = find_named(json_object_get(w->channel, "samples"), p->process);
    if (!sample)
        return sbi_fail(SBI_ERR_NOT_FOUND, "%s: channel %s: there is no sample %s", w->o.workspace, w->o.channel, p->process);
    json_t *modifiers = json_object_get(sample, "modifiers");
    if (!modifiers) {
        modifiers = json_array();
        if (json_object_set_new(sample, "modifiers", modifiers)) return no_memory();
    }
    const double hi = p->factors[SBI_VARIATION_HI], lo = p->factors[SBI_VARIATION_LO];
    if (w->o.normsys && (hi != 1 || lo != 1))
        SBI_TRY(add_modifier(w, modifiers, p->process, p->nuisance, "normsys", json_pack("{s:f, s:f}", "hi", hi, "lo", lo)));
    SBI_TRY(add_modifier(w, modifiers, p->process, p->nuisance, "eventsys", json_null()));
    SBI_TRY(add_name(w->processes, p->process));
    return add_name(w->nuisances, p->nuisance);
}

static sbi_status count_rows(const writing *w, const char *path, int64_t *rows)
{
    sbi_npy *npy;
    sbi_array view;
    SBI_TRY(sbi_npy_map(&npy, w->ctx, path));
    sbi_status status = sbi_npy_array(npy, &view);
    if (status == SBI_OK) *rows = view.ndim ? view.shape[0] : 0;
    sbi_npy_unmap(npy);
    return status;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static sbi_status describe_store(const writing *w)
{
    int64_t rows[2] = {0, 0};
    SBI_TRY(count_rows(w, w->o.features, &rows[0]));
    if (w->o.integration) SBI_TRY(count_rows(w, w->o.integration, &rows[1]));
    json_t *store = json_pack("{s:s, s:I, s:s, s:O, s:O}", "file", file_name(w->stores[0]), "events", (json_int_t)rows[0], "storage", "log",
                              "samples", w->processes, "parameters", w->nuisances);
    int failed = !store;
    if (w->o.integration) {
        failed |= json_object_set_new(store, "file_integration", json_string(file_name(w->stores[1])));
        failed |= json_object_set_new(store, "events_integration", json_integer(rows[1]));
    }
    failed |= json_object_set_new(w->channel, "eventsys", store);
    return failed ? no_memory() : SBI_OK;
}

static sbi_status extend_workspace(writing *w)
{
    SBI_TRY(sbi_json_load(&w->workspace, w->ctx, w->o.workspace));
    w->channel = find_named(json_object_get(w->workspace, "channels"), w->o.channel);
    if (!w->channel) return sbi_fail(SBI_ERR_NOT_FOUND, "%s: there is no channel %s", w->o.workspace, w->o.channel);
    if (json_object_get(w->channel, "eventsys"))
        return sbi_fail(SBI_ERR_EXISTS, "%s: channel %s: has a packed store already", w->o.workspace, w->o.channel);
    const int given = w->o.integration != NULL, there = json_object_get(w->channel, "integration") != NULL;
    SBI_REQUIRE(given == there, "%s: channel %s: %s integration sample, but features of one are %s", w->o.workspace, w->o.channel,
                there ? "has an" : "has no", given ? "given" : "not given");
    w->processes = json_array();
    w->nuisances = json_array();
    if (!w->processes || !w->nuisances) return no_memory();
    for (size_t i = 0; i < w->set->n; i++) SBI_TRY(add_pair(w, &w->set->pairs[i]));
    return describe_store(w);
}

/* ---- the columns ---- */

static sbi_status make_table(writing *w)
{
    const size_t parameters = json_array_size(w->nuisances);
    w->table = sbi_alloc_zero(w->ctx, json_array_size(w->processes) * parameters * 2, sizeof *w->table);
    if (!w->table) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(w->processes) * parameters * 2; i++) sbi_column_init(&w->table[i]);
    for (size_t i = 0; i < w->set->n; i++) {
        const sbi_variation_pair *p = &w->set->pairs[i];
        for (int side = 0; side < 2; side++) {
            sbi_column *c = &w->table[2 * (index_of(w->processes, p->process) * parameters + index_of(w->nuisances, p->nuisance)) + (size_t)side];
            c->ensemble = p->ensembles[side];
            c->theta = p->theta[side];
            c->n_theta = p->n_theta;
        }
    }
    return SBI_OK;
}

static sbi_status write_store(const writing *w, int integration, sbi_executor *exec)
{
    const char *features = integration ? w->o.integration : w->o.features;
    if (!features) return SBI_OK;
    sbi_columns_options o = w->columns;
    char *folder = NULL;
    if (o.campaign) {
        folder = sbi_path_join(w->ctx, o.campaign, integration ? "integration" : "events");
        if (!folder) return SBI_ERR_NO_MEMORY;
        o.campaign = folder;
    }
    sbi_status status = sbi_columns_pack(w->ctx, features, w->stores[integration], json_array_size(w->processes), json_array_size(w->nuisances),
                                         w->table, &o, exec);
    sbi_free(w->ctx, folder);
    return status;
}

/* "folder/name.json" -> "folder/name.CHANNEL.eventsys.npy"; a slash in the channel's name would lead elsewhere. */
static sbi_status name_stores(writing *w)
{
    const size_t length = strlen(w->o.output);
    const int stem = (int)(length > 5 && strcmp(w->o.output + length - 5, ".json") == 0 ? length - 5 : length);
    for (int k = 0; k < 2; k++) {
        char *path = sbi_strf(w->ctx, "%.*s.%s.eventsys%s.npy", stem, w->o.output, w->o.channel, k ? "_int" : "");
        if (!path) return SBI_ERR_NO_MEMORY;
        w->stores[k] = path;
        for (char *c = path + stem; *c; c++)
            if (*c == '/') *c = '_';
    }
    return SBI_OK;
}

static sbi_status same_folder(const writing *w)
{
    char *a = sbi_path_folder(w->ctx, w->o.workspace), *b = sbi_path_folder(w->ctx, w->o.output);
    sbi_status status = a && b ? SBI_OK : SBI_ERR_NO_MEMORY;
    char *ra = status == SBI_OK ? realpath(a, NULL) : NULL, *rb = status == SBI_OK ? realpath(b, NULL) : NULL;
    if (status == SBI_OK && !(ra && rb && strcmp(ra, rb) == 0))
        status = sbi_fail(SBI_ERR_ARGUMENT, "%s: must be in the folder of %s, whose files it names", w->o.output, w->o.workspace);
    free(ra);
    free(rb);
    sbi_free(w->ctx, a);
    sbi_free(w->ctx, b);
    return status;
}

static sbi_status write_workspace(const writing *w)
{
    sbi_text text;
    sbi_text_init(&text, w->ctx);
    sbi_status status = sbi_json_pretty(&text, w->workspace);
    if (status == SBI_OK) status = sbi_file_write(w->ctx, w->o.output, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

static sbi_status write_all(writing *w, sbi_executor *exec)
{
    SBI_TRY(same_folder(w));
    SBI_TRY(name_stores(w));
    SBI_TRY(extend_workspace(w));
    SBI_TRY(make_table(w));
    SBI_TRY(write_store(w, 0, exec));
    SBI_TRY(write_store(w, 1, exec));
    return write_workspace(w);
}

sbi_status sbi_variations_write(const sbi_variations *set, const sbi_variations_output *output, sbi_executor *exec)
{
    SBI_REQUIRE(set && output, "sbi_variations_write: set or output is NULL");
    SBI_REQUIRE(set->n, "sbi_variations_write: the set is empty");
    writing w = {.set = set, .ctx = set->ctx};
    sbi_variations_output_init(&w.o);
    SBI_TRY(sbi_options_read(&w.o, sizeof w.o, sizeof w.o, output, "sbi_variations_output"));
    SBI_REQUIRE((w.o.normsys | 1) == 1, "sbi_variations_output.normsys is %d, expected 0 or 1", (int)w.o.normsys);
    SBI_REQUIRE(w.o.workspace && w.o.channel && w.o.features && w.o.output,
                "sbi_variations_output: workspace, channel, features or output is NULL");
    sbi_columns_options_init(&w.columns);
    w.columns.dtype = SBI_F32;
    SBI_TRY(sbi_options_read(&w.columns, sizeof w.columns, sizeof w.columns, w.o.columns, "sbi_columns_options"));
    sbi_status status = write_all(&w, exec);
    for (int k = 0; k < 2; k++) sbi_free(w.ctx, w.stores[k]);
    sbi_free(w.ctx, w.table);
    json_decref(w.processes);
    json_decref(w.nuisances);
    json_decref(w.workspace);
    return status;
}
