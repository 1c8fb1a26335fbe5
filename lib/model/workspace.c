/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a workspace: pyhf's JSON (schema 1.0.0) with unbinned channels; docs/workspace.md is its reference. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/json.h"
#include "model/model.h"

typedef struct reader {
    sbi_model *model;
    sbi_context *ctx;
    const char *folder;
    json_t *config; /* of the chosen measurement; borrowed, may be NULL */
    sbi_json_place config_place;
} reader;

/* ---- parameters ---- */

/* A single number inside a one-element list, as pyhf writes inits, auxdata and sigmas. */
static sbi_status single(const json_t *object, const sbi_json_place *at, const char *key, double *value)
{
    json_t *list;
    if (!json_object_get(object, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_array(object, at, key, &list));
    sbi_json_place in = sbi_json_member(at, key), first = sbi_json_item(&in, 0);
    if (json_array_size(list) != 1)
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "one number expected, %zu found", json_array_size(list));
    return sbi_json_number(json_array_get(list, 0), &first, value);
}

static sbi_status read_bounds(const json_t *object, const sbi_json_place *at, sbi_parameter *p)
{
    json_t *list;
    if (!json_object_get(object, "bounds")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(object, at, "bounds", &list));
    sbi_json_place in = sbi_json_member(at, "bounds"), first = sbi_json_item(&in, 0);
    const json_t *pair = json_array_get(list, 0);
    if (json_array_size(list) != 1 || !json_is_array(pair) || json_array_size(pair) != 2)
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "one pair [lower, upper] expected");
    SBI_TRY(sbi_json_number(json_array_get(pair, 0), &first, &p->lower));
    return sbi_json_number(json_array_get(pair, 1), &first, &p->upper);
}

/* The entry of measurements[].config.parameters for `name`, or NULL. */
static const json_t *configured(const reader *r, const char *name, sbi_json_place *at)
{
    json_t *list = r->config ? json_object_get(r->config, "parameters") : NULL;
    sbi_json_place in = sbi_json_member(&r->config_place, "parameters");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *own = json_string_value(json_object_get(entry, "name"));
        if (own && strcmp(own, name) == 0) {
            *at = sbi_json_item(&in, i);
            return entry;
        }
    }
    return NULL;
}

static sbi_status add_parameter(reader *r, const char *name, int constrained, const sbi_json_place *where)
{
    if (sbi_model_find_parameter(r->model, name, strlen(name)) >= 0) return SBI_OK;
    sbi_parameter p;
    sbi_parameter_init(&p);
    if (!constrained) {
        p.constraint = SBI_CONSTRAINT_NONE;
        p.start = 1;
        p.lower = 0;
        p.upper = 10;
    }
    sbi_json_place at = *where;
    const json_t *entry = configured(r, name, &at);
    if (entry) {
        static const char *const known[] = {"name", "inits", "bounds", "auxdata", "sigmas", "fixed", NULL};
        SBI_TRY(sbi_json_only_keys(entry, &at, known));
        SBI_TRY(single(entry, &at, "inits", &p.start));
        SBI_TRY(single(entry, &at, "auxdata", &p.auxiliary));
        SBI_TRY(single(entry, &at, "sigmas", &p.sigma));
        SBI_TRY(read_bounds(entry, &at, &p));
        int fixed;
        SBI_TRY(sbi_json_get_bool_or(entry, &at, "fixed", 0, &fixed));
        p.fixed = fixed;
    }
    sbi_status status = sbi_model_add_parameter(r->model, name, &p);
    return status == SBI_OK ? SBI_OK : sbi_fail_within(status, "%s: %s", at.document, at.pointer);
}

/* What a modifier's parameter is: constrained, free, or an error. */
static sbi_status modifier_kind(const char *type, const sbi_json_place *at, int *constrained)
{
    *constrained = strcmp(type, "normsys") == 0 || strcmp(type, "eventsys") == 0;
    if (*constrained || strcmp(type, "normfactor") == 0) return SBI_OK;
    static const char *const binned[] = {"histosys", "shapesys", "shapefactor", "staterror", "lumi"};
    for (size_t i = 0; i < sizeof binned / sizeof binned[0]; i++) {
        if (strcmp(type, binned[i]) == 0)
            return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "modifier type \"%s\" needs a binned channel", type);
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "unknown modifier type \"%s\"", type);
}

/* Calls visit for each modifier of the workspace, in order. */
typedef sbi_status (*modifier_visitor)(reader *r, const json_t *modifier, const sbi_json_place *at);

static sbi_status each_modifier(reader *r, const json_t *sample, const sbi_json_place *at, modifier_visitor visit)
{
    json_t *list;
    if (!json_object_get(sample, "modifiers")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(sample, at, "modifiers", &list));
    sbi_json_place in = sbi_json_member(at, "modifiers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(sbi_json_expect(json_array_get(list, i), &item, JSON_OBJECT));
        SBI_TRY(visit(r, json_array_get(list, i), &item));
    }
    return SBI_OK;
}

static sbi_status add_modifier_parameter(reader *r, const json_t *modifier, const sbi_json_place *at)
{
    const char *name, *type;
    int constrained;
    SBI_TRY(sbi_json_get_string(modifier, at, "name", &name));
    SBI_TRY(sbi_json_get_string(modifier, at, "type", &type));
    SBI_TRY(modifier_kind(type, at, &constrained));
    return add_parameter(r, name, constrained, at);
}

/* Whether some normsys or eventsys uses the parameter, which decides its defaults. */
static int is_constrained(const json_t *channels, const char *name)
{
    for (size_t c = 0; c < json_array_size(channels); c++) {
        const json_t *samples = json_object_get(json_array_get(channels, c), "samples");
        for (size_t s = 0; s < json_array_size(samples); s++) {
            const json_t *modifiers = json_object_get(json_array_get(samples, s), "modifiers");
            for (size_t m = 0; m < json_array_size(modifiers); m++) {
                const json_t *modifier = json_array_get(modifiers, m);
                const char *own = json_string_value(json_object_get(modifier, "name"));
                const char *type = json_string_value(json_object_get(modifier, "type"));
                if (own && type && strcmp(own, name) == 0 && strcmp(type, "normfactor") != 0) return 1;
            }
        }
    }
    return 0;
}

/* The order: the parameter of interest, those of the measurement, those of modifiers as they come. */
static sbi_status add_parameters(reader *r, const json_t *channels, const sbi_json_place *root)
{
    if (r->config) {
        const char *poi;
        json_t *list = json_object_get(r->config, "parameters");
        SBI_TRY(sbi_json_get_string_or(r->config, &r->config_place, "poi", "", &poi));
        if (*poi) {
            SBI_TRY(add_parameter(r, poi, is_constrained(channels, poi), &r->config_place));
            SBI_TRY(sbi_model_set_poi(r->model, poi));
        }
        sbi_json_place in = sbi_json_member(&r->config_place, "parameters");
        if (list) SBI_TRY(sbi_json_expect(list, &in, JSON_ARRAY));
        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *name;
            sbi_json_place at = sbi_json_item(&in, i);
            SBI_TRY(sbi_json_get_string(json_array_get(list, i), &at, "name", &name));
            SBI_TRY(add_parameter(r, name, is_constrained(channels, name), &at));
        }
    }
    sbi_json_place in = sbi_json_member(root, "channels");
    for (size_t c = 0; c < json_array_size(channels); c++) {
        sbi_json_place at = sbi_json_item(&in, c);
        json_t *samples;
        SBI_TRY(sbi_json_get_array(json_array_get(channels, c), &at, "samples", &samples));
        sbi_json_place samples_place = sbi_json_member(&at, "samples");
        for (size_t s = 0; s < json_array_size(samples); s++) {
            sbi_json_place item = sbi_json_item(&samples_place, s);
            SBI_TRY(sbi_json_expect(json_array_get(samples, s), &item, JSON_OBJECT));
            SBI_TRY(each_modifier(r, json_array_get(samples, s), &item, add_modifier_parameter));
        }
    }
    return SBI_OK;
}

/* ---- columns ---- */

/* Maps the column that member `key` names; a missing member leaves *found 0. */
static sbi_status map_column(reader *r, const json_t *object, const sbi_json_place *at, const char *key, int required,
                             sbi_array *view, int *found)
{
    const char *name;
    *found = json_object_get(object, key) != NULL;
    if (!*found && !required) return SBI_OK;
    SBI_TRY(sbi_json_get_string(object, at, key, &name));
    sbi_json_place in = sbi_json_member(at, key);
    char *path = sbi_path_join(r->ctx, r->folder, name);
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_npy *npy;
    sbi_status status = sbi_npy_map(&npy, r->ctx, path);
    sbi_free(r->ctx, path);
    if (status != SBI_OK) return sbi_fail_within(status, "%s: %s", in.document, in.pointer);
    sbi_model *m = r->model;
    sbi_npy **slot = sbi_model_grow(r->ctx, (void **)&m->files, &m->n_files, sizeof(sbi_npy *));
    if (!slot) {
        sbi_npy_unmap(npy);
        return SBI_ERR_NO_MEMORY;
    }
    *slot = npy;
    SBI_TRY(sbi_npy_array(npy, view));
    if (view->ndim != 1)
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "%s: a column of one dimension expected, %d found", name, view->ndim);
    return SBI_OK;
}

/* Adds the place in the document to a builder's message. */
static sbi_status placed(sbi_status status, const sbi_json_place *at)
{
    return status == SBI_OK ? SBI_OK
                            : sbi_fail_within(status, "%s%s%s", at->document, at->pointer[0] ? ": " : "", at->pointer);
}

/* ---- channels ---- */

static sbi_status read_eventsys(reader *r, const json_t *data, const sbi_json_place *at, size_t channel, size_t sample,
                                const char *name)
{
    static const char *const known[] = {"hi", "lo", "hi_integration", "lo_integration", "storage", NULL};
    SBI_TRY(sbi_json_only_keys(data, at, known));
    const char *storage;
    SBI_TRY(sbi_json_get_string_or(data, at, "storage", "ratio", &storage));
    int is_log = strcmp(storage, "log") == 0;
    if (!is_log && strcmp(storage, "ratio") != 0)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "storage \"%s\" is neither \"ratio\" nor \"log\"", storage);
    sbi_array columns[4];
    int found[4];
    for (int i = 0; i < 4; i++) SBI_TRY(map_column(r, data, at, known[i], i < 2, &columns[i], &found[i]));
    return placed(sbi_model_add_eventsys(r->model, channel, sample, name, &columns[0], &columns[1],
                                         found[2] ? &columns[2] : NULL, found[3] ? &columns[3] : NULL,
                                         is_log ? SBI_MORPH_LOG : SBI_MORPH_RATIO),
                  at);
}

static sbi_status read_modifier(reader *r, const json_t *modifier, const sbi_json_place *at, size_t channel,
                                size_t sample)
{
    const char *name, *type;
    json_t *data;
    SBI_TRY(sbi_json_get_string(modifier, at, "name", &name));
    SBI_TRY(sbi_json_get_string(modifier, at, "type", &type));
    if (strcmp(type, "normfactor") == 0)
        return placed(sbi_model_add_normfactor(r->model, channel, sample, name), at);
    SBI_TRY(sbi_json_get_object(modifier, at, "data", &data));
    sbi_json_place in = sbi_json_member(at, "data");
    if (strcmp(type, "eventsys") == 0) return read_eventsys(r, data, &in, channel, sample, name);
    double high = 0, low = 0;
    SBI_TRY(sbi_json_get_number(data, &in, "hi", &high));
    SBI_TRY(sbi_json_get_number(data, &in, "lo", &low));
    return placed(sbi_model_add_normsys(r->model, channel, sample, name, high, low), &in);
}

static sbi_status read_sample(reader *r, const json_t *sample, const sbi_json_place *at, size_t channel,
                              const char *channel_name)
{
    static const char *const known[] = {"name", "yield", "factor", "ratio", "ratio_integration", "modifiers", NULL};
    const char *name, *factor;
    if (json_object_get(sample, "data"))
        return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "channel %s is binned; only unbinned channels are read",
                             channel_name);
    SBI_TRY(sbi_json_only_keys(sample, at, known));
    SBI_TRY(sbi_json_get_string(sample, at, "name", &name));
    SBI_TRY(sbi_json_get_string_or(sample, at, "factor", NULL, &factor));
    double yield = 0;
    SBI_TRY(sbi_json_get_number(sample, at, "yield", &yield));
    sbi_array ratio, integration;
    int found, has_integration;
    SBI_TRY(map_column(r, sample, at, "ratio", 1, &ratio, &found));
    SBI_TRY(map_column(r, sample, at, "ratio_integration", 0, &integration, &has_integration));
    size_t index = 0;
    SBI_TRY(placed(sbi_model_add_sample(r->model, channel, name, yield, factor, &ratio,
                                        has_integration ? &integration : NULL, &index),
                   at));
    json_t *modifiers = json_object_get(sample, "modifiers");
    sbi_json_place in = sbi_json_member(at, "modifiers");
    for (size_t i = 0; i < json_array_size(modifiers); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(read_modifier(r, json_array_get(modifiers, i), &item, channel, index));
    }
    return SBI_OK;
}

/* The number of events: of the weights, or of the first sample's ratio. */
static sbi_status count_events(reader *r, const json_t *samples, const sbi_json_place *at, int64_t *n)
{
    sbi_array ratio;
    int found;
    sbi_json_place in = sbi_json_member(at, "samples"), first = sbi_json_item(&in, 0);
    const json_t *sample = json_array_get(samples, 0);
    SBI_TRY(sbi_json_expect(sample, &first, JSON_OBJECT));
    if (json_object_get(sample, "data"))
        return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "the channel is binned; only unbinned channels are read");
    SBI_TRY(map_column(r, sample, &first, "ratio", 1, &ratio, &found));
    *n = ratio.shape[0];
    return SBI_OK;
}

static sbi_status read_channel(reader *r, const json_t *channel, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "events", "integration", "samples", NULL};
    static const char *const known_events[] = {"weights", "allow_negative_weights", NULL};
    const char *name;
    json_t *samples, *events = json_object_get(channel, "events"), *integration = json_object_get(channel, "integration");
    SBI_TRY(sbi_json_only_keys(channel, at, known));
    SBI_TRY(sbi_json_get_string(channel, at, "name", &name));
    SBI_TRY(sbi_json_get_array(channel, at, "samples", &samples));
    sbi_json_place events_place = sbi_json_member(at, "events"), integration_place = sbi_json_member(at, "integration");
    sbi_array weights, integration_weights;
    int has_weights = 0, has_integration = 0, negative = 0;
    if (events) {
        SBI_TRY(sbi_json_expect(events, &events_place, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(events, &events_place, known_events));
        SBI_TRY(map_column(r, events, &events_place, "weights", 0, &weights, &has_weights));
        SBI_TRY(sbi_json_get_bool_or(events, &events_place, "allow_negative_weights", 0, &negative));
    }
    if (integration) {
        SBI_TRY(sbi_json_expect(integration, &integration_place, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(integration, &integration_place, known_events));
        SBI_TRY(map_column(r, integration, &integration_place, "weights", 1, &integration_weights, &has_integration));
    }
    if (!json_array_size(samples)) return sbi_json_fail(SBI_ERR_FORMAT, at, "the channel has no samples");
    int64_t n = 0;
    if (has_weights)
        n = weights.shape[0];
    else
        SBI_TRY(count_events(r, samples, at, &n));
    size_t index = 0;
    SBI_TRY(placed(sbi_model_add_channel(r->model, name, n, has_weights ? &weights : NULL,
                                         has_integration ? &integration_weights : NULL,
                                         negative ? SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS : 0, &index),
                   at));
    sbi_json_place in = sbi_json_member(at, "samples");
    for (size_t i = 0; i < json_array_size(samples); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(read_sample(r, json_array_get(samples, i), &item, index, name));
    }
    return SBI_OK;
}

static sbi_status read_workspace(reader *r, const json_t *workspace, const sbi_json_place *root)
{
    json_t *channels, *measurements;
    SBI_TRY(sbi_json_get_array(workspace, root, "channels", &channels));
    if (json_object_get(workspace, "measurements")) {
        SBI_TRY(sbi_json_get_array(workspace, root, "measurements", &measurements));
        sbi_json_place list = sbi_json_member(root, "measurements"), first = sbi_json_item(&list, 0);
        if (json_array_size(measurements)) {
            SBI_TRY(sbi_json_get_object(json_array_get(measurements, 0), &first, "config", &r->config));
            r->config_place = sbi_json_member(&first, "config");
        }
    }
    sbi_json_place in = sbi_json_member(root, "channels");
    if (!json_array_size(channels)) return sbi_json_fail(SBI_ERR_FORMAT, &in, "there are no channels");
    SBI_TRY(add_parameters(r, channels, root));
    for (size_t i = 0; i < json_array_size(channels); i++) {
        sbi_json_place at = sbi_json_item(&in, i);
        SBI_TRY(read_channel(r, json_array_get(channels, i), &at));
    }
    return placed(sbi_model_seal(r->model), root);
}

static sbi_status build(sbi_model **out, sbi_context *ctx, const json_t *workspace, const char *document,
                        const char *folder)
{
    sbi_model *m;
    SBI_TRY(sbi_model_create(&m, ctx));
    sbi_json_place root = sbi_json_root(document);
    reader r = {.model = m, .ctx = ctx, .folder = folder, .config_place = root};
    sbi_status status = read_workspace(&r, workspace, &root);
    if (status != SBI_OK) {
        sbi_model_destroy(m);
        return status;
    }
    *out = m;
    return SBI_OK;
}

sbi_status sbi_model_load_text(sbi_model **out, sbi_context *ctx, const char *text, size_t size, const char *folder)
{
    SBI_REQUIRE(out, "sbi_model_load_text: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && text && folder, "sbi_model_load_text: an argument is NULL");
    json_t *workspace;
    SBI_TRY(sbi_json_parse(&workspace, text, size, "workspace"));
    sbi_status status = build(out, ctx, workspace, "workspace", folder);
    json_decref(workspace);
    return status;
}

sbi_status sbi_model_load(sbi_model **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_model_load: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_model_load: ctx or path is NULL");
    json_t *workspace;
    SBI_TRY(sbi_json_load(&workspace, ctx, path));
    char *folder = sbi_path_folder(ctx, path);
    sbi_status status = folder ? build(out, ctx, workspace, path, folder) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, folder);
    json_decref(workspace);
    if (status == SBI_OK && !((*out)->workspace = sbi_strdup(ctx, path))) {
        sbi_model_destroy(*out);
        *out = NULL;
        status = SBI_ERR_NO_MEMORY;
    }
    return status;
}
