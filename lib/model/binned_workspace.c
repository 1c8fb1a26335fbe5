/* SPDX-License-Identifier: Apache-2.0 */
/* Binned channels of a workspace: pyhf's JSON (schema 1.0.0). */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/workspace.h"

typedef struct binned_reader {
    model_reader *r;
    size_t document, index; /* of the channel: in the document, in the model */
    size_t n_bins;
    double *scratch;  /* [2, n_bins] */
    size_t *numbers;  /* [n_bins] */
} binned_reader;

/* ---- data ---- */

sbi_status sbi_model_count_bins(model_reader *r, const json_t *channel, const sbi_json_place *at, size_t index)
{
    const json_t *samples = json_object_get(channel, "samples");
    sbi_json_place list = sbi_json_member(at, "samples");
    const int binned = json_object_get(json_array_get(samples, 0), "data") != NULL;
    for (size_t i = 0; i < json_array_size(samples); i++) {
        sbi_json_place item = sbi_json_item(&list, i), in = sbi_json_member(&item, "data");
        const json_t *data = json_object_get(json_array_get(samples, i), "data");
        if ((data != NULL) != binned)
            return sbi_json_fail(SBI_ERR_FORMAT, &item, "some samples of the channel have \"data\", this one has %s", data ? "it too" : "not");
        if (!binned) continue;
        SBI_TRY(sbi_json_expect(data, &in, JSON_ARRAY));
        if (!json_array_size(data)) return sbi_json_fail(SBI_ERR_FORMAT, &in, "there are no bins");
        if (i && json_array_size(data) != r->channel_bins[index])
            return sbi_json_fail(SBI_ERR_SHAPE, &in, "%zu bins, but the channel's first sample has %zu", json_array_size(data),
                                 r->channel_bins[index]);
        r->channel_bins[index] = json_array_size(data);
    }
    return SBI_OK;
}

static int channel_is(const json_t *channels, size_t c, const char *name)
{
    return strcmp(json_string_value(json_object_get(json_array_get(channels, c), "name")), name) == 0;
}

sbi_status sbi_model_check_observations(model_reader *r, const json_t *workspace, const json_t *channels, const sbi_json_place *root)
{
    static const char *const known[] = {"name", "data", NULL};
    json_t *list;
    if (!json_object_get(workspace, "observations")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(workspace, root, "observations", &list));
    sbi_json_place in = sbi_json_member(root, "observations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *observation = json_array_get(list, i), *data = json_object_get(observation, "data");
        sbi_json_place at = sbi_json_item(&in, i), data_place = sbi_json_member(&at, "data");
        const char *name;
        size_t c = 0;
        SBI_TRY(sbi_json_expect(observation, &at, JSON_OBJECT));
        SBI_TRY(sbi_json_only_keys(observation, &at, known));
        SBI_TRY(sbi_json_get_string(observation, &at, "name", &name));
        while (c < r->n_channels && !channel_is(channels, c, name)) c++;
        if (c == r->n_channels) {
            sbi_log(r->ctx, SBI_LOG_WARNING, "%s: %s: observations of \"%s\", which is not a channel, are left out", at.document, at.pointer,
                    name);
            continue;
        }
        if (!r->channel_bins[c])
            return sbi_json_fail(SBI_ERR_FORMAT, &at, "\"%s\" is not a binned channel; unbinned ones have their data in \"events\"", name);
        SBI_TRY(sbi_json_expect(data, &data_place, JSON_ARRAY));
        if (json_array_size(data) != r->channel_bins[c])
            return sbi_json_fail(SBI_ERR_SHAPE, &data_place, "%zu bins, but channel %s has %zu", json_array_size(data), name,
                                 r->channel_bins[c]);
        for (size_t k = 0; k < i; k++) {
            const char *other = json_string_value(json_object_get(json_array_get(list, k), "name"));
            if (strcmp(other, name) == 0) return sbi_json_fail(SBI_ERR_EXISTS, &at, "channel %s is observed twice", name);
        }
    }
    return SBI_OK;
}

static sbi_status read_observed(const binned_reader *c, const json_t *workspace, const char *name, const sbi_json_place *at)
{
    const json_t *list = json_object_get(workspace, "observations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *observation = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(observation, "name")), name) != 0) continue;
        sbi_json_place root = sbi_json_root(at->document), in = sbi_json_member(&root, "observations"), item = sbi_json_item(&in, i);
        sbi_json_place data = sbi_json_member(&item, "data");
        return sbi_model_read_bins(json_object_get(observation, "data"), &data, c->n_bins, c->scratch);
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "channel %s has no entry in \"observations\"", name);
}

/* ---- modifiers ---- */

static sbi_status read_histosys(const binned_reader *c, const json_t *data, const sbi_json_place *at, size_t sample, const char *name)
{
    static const char *const known[] = {"hi_data", "lo_data", NULL};
    SBI_TRY(sbi_json_expect(data, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(data, at, known));
    for (int i = 0; i < 2; i++) {
        sbi_json_place in = sbi_json_member(at, known[i]);
        SBI_TRY(sbi_model_read_bins(json_object_get(data, known[i]), &in, c->n_bins, c->scratch + (size_t)i * c->n_bins));
    }
    return sbi_model_placed(sbi_model_add_histosys(c->r->model, c->index, sample, name, c->scratch, c->scratch + c->n_bins), at);
}

static sbi_status read_bin_factors(const binned_reader *c, const sbi_json_place *at, size_t sample, const char *name)
{
    const model_set *s = sbi_model_find_set(c->r, name);
    const size_t offset = s->offset ? s->offset[c->document] : 0;
    for (size_t j = 0; j < c->n_bins; j++) c->numbers[j] = s->first + offset + j;
    return sbi_model_placed(sbi_model_build_bin_factors(c->r->model, c->index, sample, c->numbers), at);
}

static sbi_status read_modifier(const binned_reader *c, const json_t *modifier, const sbi_json_place *at, size_t sample)
{
    const char *name = json_string_value(json_object_get(modifier, "name")), *type = json_string_value(json_object_get(modifier, "type"));
    const json_t *data = json_object_get(modifier, "data");
    const model_set *s = sbi_model_find_set(c->r, name);
    sbi_json_place in = sbi_json_member(at, "data");
    if (s->kind == SET_FREE || s->kind == SET_LUMI || s->kind == SET_SHAPEFACTOR) {
        if (data) SBI_TRY(sbi_json_expect(data, &in, JSON_NULL));
        if (s->kind == SET_SHAPEFACTOR) return read_bin_factors(c, at, sample, name);
        return sbi_model_placed(sbi_model_add_normfactor(c->r->model, c->index, sample, name), at);
    }
    if (s->kind != SET_ALPHA) return read_bin_factors(c, at, sample, name);
    if (strcmp(type, "histosys") == 0) return read_histosys(c, data, &in, sample, name);
    return sbi_model_read_normsys(c->r, c->index, data, &in, sample, name);
}

static sbi_status read_sample(const binned_reader *c, const json_t *sample, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "data", "modifiers", NULL};
    const char *name;
    size_t index = 0;
    SBI_TRY(sbi_json_only_keys(sample, at, known));
    SBI_TRY(sbi_json_get_string(sample, at, "name", &name));
    sbi_json_place data = sbi_json_member(at, "data"), in = sbi_json_member(at, "modifiers");
    SBI_TRY(sbi_model_read_bins(json_object_get(sample, "data"), &data, c->n_bins, c->scratch));
    SBI_TRY(sbi_model_placed(sbi_model_add_binned_sample(c->r->model, c->index, name, c->scratch, &index), at));
    const json_t *modifiers = json_object_get(sample, "modifiers");
    for (size_t i = 0; i < json_array_size(modifiers); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(read_modifier(c, json_array_get(modifiers, i), &item, index));
    }
    return SBI_OK;
}

static sbi_status read_channel(binned_reader *c, const json_t *workspace, const json_t *channel, const sbi_json_place *at)
{
    static const char *const known[] = {"name", "samples", NULL};
    const json_t *samples = json_object_get(channel, "samples");
    sbi_json_place in = sbi_json_member(at, "samples");
    const char *name;
    SBI_TRY(sbi_json_only_keys(channel, at, known));
    SBI_TRY(sbi_json_get_string(channel, at, "name", &name));
    SBI_TRY(read_observed(c, workspace, name, at));
    SBI_TRY(sbi_model_placed(sbi_model_add_binned_channel(c->r->model, name, c->n_bins, c->scratch, &c->index), at));
    for (size_t i = 0; i < json_array_size(samples); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(read_sample(c, json_array_get(samples, i), &item));
    }
    return SBI_OK;
}

sbi_status sbi_model_read_binned_channel(model_reader *r, const json_t *workspace, const json_t *channel, const sbi_json_place *at,
                                         size_t index)
{
    binned_reader c = {.r = r, .document = index, .n_bins = r->channel_bins[index]};
    c.scratch = sbi_alloc_array(r->ctx, 2 * c.n_bins, sizeof *c.scratch);
    c.numbers = sbi_alloc_array(r->ctx, c.n_bins, sizeof *c.numbers);
    sbi_status status = c.scratch && c.numbers ? read_channel(&c, workspace, channel, at) : SBI_ERR_NO_MEMORY;
    sbi_free(r->ctx, c.scratch);
    sbi_free(r->ctx, c.numbers);
    return status;
}
