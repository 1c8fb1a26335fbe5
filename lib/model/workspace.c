/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a workspace: pyhf's JSON (schema 1.0.0) with unbinned channels; docs/workspace.md is its reference. */
#include "model/workspace.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/options.h"

/* ---- columns ---- */

/* What a column has to be. */
typedef struct column_want {
    int64_t n;      /* rows, or -1 */
    const char *of; /* the file that has as many */
    model_column_rule rule;
    int variation;
} column_want;

/* Opens the column that member `key` names, and checks it. */
static sbi_status open_column(model_reader *r, const json_t *object, const sbi_json_place *at, const char *key,
                              const column_want *want, model_column *column)
{
    const char *name;
    SBI_TRY(sbi_json_get_string(object, at, key, &name));
    sbi_json_place in = sbi_json_member(at, key);
    model_file file;
    sbi_status status = sbi_model_open_named(r, name, &file);
    if (status == SBI_OK) status = sbi_model_file_column(&file, name, column);
    if (status == SBI_OK) {
        /* The tape looks at the variations when it records them: reading them twice is for those in memory. */
        const model_column_rule rule = column->file && want->variation ? COLUMN_UNSEEN : want->rule;
        status = sbi_model_check_column(r->ctx, column, name, want->n, want->of, rule);
    }
    return sbi_model_placed(status, &in);
}

/* ---- one channel ---- */

typedef struct channel_reader {
    model_reader *r;
    size_t index;
    column_want events, integration; /* n -1: the channel has no integration sample */
    model_column first_ratio;        /* opened already where it gave the number of events */
    int has_first_ratio;
    model_packed packed;
} channel_reader;

/* Integration columns come exactly where the channel has an integration sample. */
static sbi_status check_presence(const channel_reader *c, const json_t *object, const sbi_json_place *at, const char *key)
{
    int wanted = c->integration.n >= 0;
    if (wanted == (json_object_get(object, key) != NULL)) return SBI_OK;
    return sbi_json_fail(SBI_ERR_FORMAT, at, wanted ? "\"%s\" is missing, but the channel has an integration sample"
                                                    : "\"%s\" is given, but the channel has no integration sample",
                         key);
}

static sbi_status read_eventsys(const channel_reader *c, const json_t *data, const sbi_json_place *at, size_t sample,
                                const char *name)
{
    static const char *const known[] = {"hi", "lo", "hi_integration", "lo_integration", "storage", NULL};
    model_column views[4];
    const model_column *columns[4] = {NULL, NULL, NULL, NULL};
    if (!data || json_is_null(data)) {
        int32_t packed_storage;
        SBI_TRY(sbi_model_packed_columns(c->r, &c->packed, c->index, sample, name, at, views, &packed_storage));
        for (int i = 0; i < 4; i++) columns[i] = views[i].given ? &views[i] : NULL;
        return sbi_model_placed(sbi_model_build_eventsys(c->r->model, c->index, sample, name, columns, packed_storage), at);
    }
    SBI_TRY(sbi_json_expect(data, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(data, at, known));
    const char *storage;
    SBI_TRY(sbi_json_get_string_or(data, at, "storage", "ratio", &storage));
    int is_log = strcmp(storage, "log") == 0;
    if (!is_log && strcmp(storage, "ratio") != 0)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "storage \"%s\" is neither \"ratio\" nor \"log\"", storage);
    for (int i = 0; i < 4; i++) {
        column_want want = i < 2 ? c->events : c->integration;
        want.variation = 1;
        want.rule = is_log ? COLUMN_ANY : COLUMN_POSITIVE;
        if (i >= 2) SBI_TRY(check_presence(c, data, at, known[i]));
        if (i >= 2 && c->integration.n < 0) continue;
        SBI_TRY(open_column(c->r, data, at, known[i], &want, &views[i]));
        columns[i] = &views[i];
    }
    return sbi_model_placed(sbi_model_build_eventsys(c->r->model, c->index, sample, name, columns,
                                                     is_log ? SBI_MORPH_LOG : SBI_MORPH_RATIO),
                            at);
}

sbi_status sbi_model_read_normsys(const model_reader *r, size_t channel, const json_t *data, const sbi_json_place *at, size_t sample,
                                  const char *name)
{
    static const char *const known[] = {"hi", "lo", NULL};
    double high = 0, low = 0;
    SBI_TRY(sbi_json_expect(data, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(data, at, known));
    SBI_TRY(sbi_json_get_number(data, at, "hi", &high));
    SBI_TRY(sbi_json_get_number(data, at, "lo", &low));
    return sbi_model_placed(sbi_model_add_normsys(r->model, channel, sample, name, high, low), at);
}

static sbi_status read_modifier(const channel_reader *c, const json_t *modifier, const sbi_json_place *at, size_t sample)
{
    const char *name, *type;
    json_t *data = json_object_get(modifier, "data");
    SBI_TRY(sbi_json_get_string(modifier, at, "name", &name));
    SBI_TRY(sbi_json_get_string(modifier, at, "type", &type));
    sbi_json_place in = sbi_json_member(at, "data");
    if (strcmp(type, "normfactor") == 0 || strcmp(type, "lumi") == 0) {
        if (data) SBI_TRY(sbi_json_expect(data, &in, JSON_NULL));
        return sbi_model_placed(sbi_model_add_normfactor(c->r->model, c->index, sample, name), at);
    }
    if (strcmp(type, "eventsys") == 0) return read_eventsys(c, data, &in, sample, name);
    SBI_TRY(sbi_json_get_object(modifier, at, "data", &data));
    return sbi_model_read_normsys(c->r, c->index, data, &in, sample, name);
}

static sbi_status read_sample(channel_reader *c, const json_t *sample, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "yield", "factor", "ratio", "ratio_integration", "modifiers", NULL};
    const char *name, *factor;
    double yield = 0;
    SBI_TRY(sbi_json_only_keys(sample, at, known));
    SBI_TRY(sbi_json_get_string(sample, at, "name", &name));
    SBI_TRY(sbi_json_get_string_or(sample, at, "factor", NULL, &factor));
    SBI_TRY(sbi_json_get_number(sample, at, "yield", &yield));
    model_column ratio = c->first_ratio, integration;
    if (!c->has_first_ratio) SBI_TRY(open_column(c->r, sample, at, "ratio", &c->events, &ratio));
    c->has_first_ratio = 0;
    SBI_TRY(check_presence(c, sample, at, "ratio_integration"));
    int has_integration = c->integration.n >= 0;
    if (has_integration) SBI_TRY(open_column(c->r, sample, at, "ratio_integration", &c->integration, &integration));
    size_t index = 0;
    SBI_TRY(sbi_model_placed(sbi_model_build_sample(c->r->model, c->index, name, yield, factor, &ratio,
                                                    has_integration ? &integration : NULL, &index),
                             at));
    json_t *modifiers = json_object_get(sample, "modifiers");
    sbi_json_place in = sbi_json_member(at, "modifiers");
    for (size_t i = 0; i < json_array_size(modifiers); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(read_modifier(c, json_array_get(modifiers, i), &item, index));
    }
    return SBI_OK;
}

/* A column of weights with its keys; `weights` may be missing where `required` is 0. Sets want->n and want->of. */
static sbi_status read_weights(model_reader *r, const json_t *object, const sbi_json_place *at, int required,
                               model_column *view, int *negative, column_want *want)
{
    SBI_TRY(sbi_json_get_bool_or(object, at, "allow_negative_weights", 0, negative));
    if (!required && !json_object_get(object, "weights")) return SBI_OK;
    column_want weights = {-1, "", *negative ? COLUMN_SIGNED_WEIGHT : COLUMN_WEIGHT, 0};
    SBI_TRY(open_column(r, object, at, "weights", &weights, view));
    want->n = view->n;
    want->of = json_string_value(json_object_get(object, "weights"));
    return SBI_OK;
}

static sbi_status read_channel(model_reader *r, const json_t *channel, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "events", "integration", "samples", "eventsys", NULL};
    static const char *const known_events[] = {"weights", "allow_negative_weights", "reference", NULL};
    static const char *const known_integration[] = {"weights", "allow_negative_weights", NULL};
    channel_reader c = {.r = r, .events = {-1, "", COLUMN_ANY, 0}, .integration = {-1, "", COLUMN_ANY, 0}};
    const json_t *events = json_object_get(channel, "events"), *integration = json_object_get(channel, "integration");
    const json_t *samples = json_object_get(channel, "samples");
    sbi_json_place events_place = sbi_json_member(at, "events"), integration_place = sbi_json_member(at, "integration");
    sbi_json_place in = sbi_json_member(at, "samples"), first = sbi_json_item(&in, 0);
    sbi_json_place eventsys_place = sbi_json_member(at, "eventsys");
    const char *name;
    model_column weights, integration_weights;
    int negative = 0, negative_integration = 0, reference = 0;
    SBI_TRY(sbi_json_only_keys(channel, at, known));
    SBI_TRY(sbi_json_get_string(channel, at, "name", &name));
    if (events) {
        SBI_TRY(sbi_json_expect(events, &events_place, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(events, &events_place, known_events));
        SBI_TRY(sbi_json_get_bool_or(events, &events_place, "reference", 0, &reference));
        SBI_TRY(read_weights(r, events, &events_place, 0, &weights, &negative, &c.events));
    }
    if (integration) {
        SBI_TRY(sbi_json_expect(integration, &integration_place, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(integration, &integration_place, known_integration));
        SBI_TRY(read_weights(r, integration, &integration_place, 1, &integration_weights, &negative_integration,
                             &c.integration));
    }
    int has_weights = c.events.n >= 0;
    if (!has_weights) { /* every weight is one, and the first ratio says how many there are */
        SBI_TRY(open_column(r, json_array_get(samples, 0), &first, "ratio", &c.events, &c.first_ratio));
        c.has_first_ratio = 1;
        c.events.n = c.first_ratio.n;
        c.events.of = json_string_value(json_object_get(json_array_get(samples, 0), "ratio"));
    }
    uint32_t flags = (negative ? SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS : 0u) |
                     (negative_integration ? SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS : 0u) |
                     (reference ? SBI_CHANNEL_REFERENCE : 0u);
    SBI_TRY(sbi_model_placed(sbi_model_build_channel(r->model, name, c.events.n, has_weights ? &weights : NULL,
                                                     integration ? &integration_weights : NULL, flags, &c.index),
                             at));
    if (json_object_get(channel, "eventsys"))
        SBI_TRY(sbi_model_read_packed(r, json_object_get(channel, "eventsys"), &eventsys_place, c.events.n, c.integration.n,
                                      &c.packed));
    for (size_t i = 0; i < json_array_size(samples); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(read_sample(&c, json_array_get(samples, i), &item));
    }
    return SBI_OK;
}

/* ---- the document ---- */

/* Channels and samples are objects in arrays, and each channel is binned or not: later steps rely on it. */
static sbi_status check_channels(model_reader *r, const json_t *channels, const sbi_json_place *in)
{
    r->n_channels = json_array_size(channels);
    if (!r->n_channels) return sbi_json_fail(SBI_ERR_FORMAT, in, "there are no channels");
    r->channel_bins = sbi_alloc_zero(r->ctx, r->n_channels, sizeof *r->channel_bins);
    if (!r->channel_bins) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < r->n_channels; i++) {
        const json_t *channel = json_array_get(channels, i);
        sbi_json_place at = sbi_json_item(in, i), list = sbi_json_member(&at, "samples");
        json_t *samples;
        const char *name;
        SBI_TRY(sbi_json_expect(channel, &at, JSON_OBJECT));
        SBI_TRY(sbi_json_get_string(channel, &at, "name", &name));
        SBI_TRY(sbi_json_get_array(channel, &at, "samples", &samples));
        if (!json_array_size(samples)) return sbi_json_fail(SBI_ERR_FORMAT, &list, "channel %s has no samples", name);
        for (size_t k = 0; k < json_array_size(samples); k++) {
            sbi_json_place item = sbi_json_item(&list, k);
            SBI_TRY(sbi_json_expect(json_array_get(samples, k), &item, JSON_OBJECT));
        }
        SBI_TRY(sbi_model_count_bins(r, channel, &at, i));
    }
    return SBI_OK;
}

static sbi_status read_workspace(model_reader *r, const json_t *workspace, const sbi_json_place *root)
{
    static const char *const known[] = {"channels", "observations", "measurements", "version", NULL};
    const char *version;
    json_t *channels;
    SBI_TRY(sbi_json_expect(workspace, root, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(workspace, root, known));
    SBI_TRY(sbi_json_get_string_or(workspace, root, "version", "1.0.0", &version));
    sbi_json_place version_place = sbi_json_member(root, "version"), in = sbi_json_member(root, "channels");
    if (strcmp(version, "1.0.0") != 0)
        return sbi_json_fail(SBI_ERR_VERSION, &version_place, "version \"%s\", this library reads \"1.0.0\"", version);
    SBI_TRY(sbi_json_get_array(workspace, root, "channels", &channels));
    SBI_TRY(check_channels(r, channels, &in));
    SBI_TRY(sbi_model_check_observations(r, workspace, channels, root));
    SBI_TRY(sbi_model_read_measurement(r, workspace, root));
    SBI_TRY(sbi_model_collect_sets(r, channels, root));
    SBI_TRY(sbi_model_read_parameters(r, root));
    for (size_t i = 0; i < json_array_size(channels); i++) {
        sbi_json_place at = sbi_json_item(&in, i);
        SBI_TRY(r->channel_bins[i] ? sbi_model_read_binned_channel(r, workspace, json_array_get(channels, i), &at, i)
                                   : read_channel(r, json_array_get(channels, i), &at));
    }
    return sbi_model_placed(sbi_model_seal(r->model), root);
}

static sbi_status build(sbi_model **out, sbi_context *ctx, const json_t *workspace, const char *document,
                        const char *folder, const sbi_workspace_options *options, const sbi_model_files *files)
{
    sbi_json_place root = sbi_json_root(document);
    model_reader r = {.ctx = ctx, .folder = folder, .files = files, .config_place = root};
    sbi_workspace_options_init(&r.options);
    SBI_TRY(sbi_options_read(&r.options, sizeof r.options, offsetof(sbi_workspace_options, column_memory), options, "sbi_workspace_options"));
    SBI_REQUIRE(r.options.reserved_ == 0, "sbi_workspace_options: reserved_ is not zero");
    r.memory_left = sbi_model_column_memory(r.options.column_memory);
    SBI_TRY(sbi_model_create(&r.model, ctx));
    sbi_status status = read_workspace(&r, workspace, &root);
    sbi_model_release_sets(&r);
    if (status != SBI_OK) {
        sbi_model_destroy(r.model);
        return status;
    }
    sbi_model_log_files(&r);
    *out = r.model;
    return SBI_OK;
}

void sbi_workspace_options_init(sbi_workspace_options *options)
{
    if (!options) return;
    sbi_workspace_options defaults = SBI_WORKSPACE_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_model_load_text_with(sbi_model **out, sbi_context *ctx, const char *text, size_t size, const char *folder,
                                    const sbi_workspace_options *options)
{
    SBI_REQUIRE(out, "sbi_model_load_text: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && text && folder, "sbi_model_load_text: an argument is NULL");
    json_t *workspace;
    SBI_TRY(sbi_json_parse(&workspace, text, size, "workspace"));
    sbi_status status = build(out, ctx, workspace, "workspace", folder, options, NULL);
    json_decref(workspace);
    return status;
}

sbi_status sbi_model_load_text(sbi_model **out, sbi_context *ctx, const char *text, size_t size, const char *folder)
{
    return sbi_model_load_text_with(out, ctx, text, size, folder, NULL);
}

/* Who loads the path elsewhere does so without options: the path is kept only where that gives the same model. */
static sbi_status keep_path(sbi_model *m, const char *path, const sbi_workspace_options *options)
{
    if (options && (options->measurement || options->poi)) return SBI_OK;
    m->workspace = sbi_strdup(m->ctx, path);
    return m->workspace ? SBI_OK : SBI_ERR_NO_MEMORY;
}

sbi_status sbi_model_load_files(sbi_model **out, sbi_context *ctx, const char *path, const sbi_workspace_options *options,
                                const sbi_model_files *files)
{
    SBI_REQUIRE(out, "sbi_model_load: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_model_load: ctx or path is NULL");
    json_t *workspace;
    SBI_TRY(sbi_json_load(&workspace, ctx, path));
    char *folder = sbi_path_folder(ctx, path);
    sbi_status status = folder ? build(out, ctx, workspace, path, folder, options, files) : SBI_ERR_NO_MEMORY;
    sbi_free(ctx, folder);
    json_decref(workspace);
    if (status == SBI_OK) status = keep_path(*out, path, options);
    if (status != SBI_OK) {
        sbi_model_destroy(*out);
        *out = NULL;
    }
    return status;
}

sbi_status sbi_model_load_with(sbi_model **out, sbi_context *ctx, const char *path, const sbi_workspace_options *options)
{
    return sbi_model_load_files(out, ctx, path, options, NULL);
}

sbi_status sbi_model_load(sbi_model **out, sbi_context *ctx, const char *path)
{
    return sbi_model_load_with(out, ctx, path, NULL);
}
