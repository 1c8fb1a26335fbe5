/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters that modifiers bring: one for each name, or one for each bin. What a modifier makes of its parameters (defaults,
 * constraint, width) is pyhf's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/workspace.h"

static const struct kind {
    const char *type;
    int32_t kind;
    int binned; /* 1: on binned samples only, -1: on unbinned ones only */
} kinds[] = {
    {"normfactor", SET_FREE, 0},     {"normsys", SET_ALPHA, 0},    {"eventsys", SET_ALPHA, -1},        {"histosys", SET_ALPHA, 1},
    {"lumi", SET_LUMI, 0},           {"staterror", SET_STATERROR, 1}, {"shapesys", SET_SHAPESYS, 1}, {"shapefactor", SET_SHAPEFACTOR, 1},
};

static const char *const kind_names[] = {"normfactor", "normsys or histosys", "lumi", "staterror", "shapesys", "shapefactor"};

static sbi_status find_kind(const char *type, int binned, const sbi_json_place *at, int32_t *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].type, type) != 0) continue;
        if (kinds[i].binned == (binned ? -1 : 1))
            return sbi_json_fail(SBI_ERR_UNSUPPORTED, at, "modifier type \"%s\" needs a%s channel", type, binned ? "n unbinned" : " binned");
        *kind = kinds[i].kind;
        return SBI_OK;
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "unknown modifier type \"%s\"", type);
}

model_set *sbi_model_find_set(const model_reader *r, const char *name)
{
    const json_t *index = json_object_get(r->set_index, name);
    return index ? &r->sets[json_integer_value(index)] : NULL;
}

static sbi_status add_set(model_reader *r, const char *name, int32_t kind, const sbi_json_place *at, model_set **out)
{
    *out = sbi_model_find_set(r, name);
    if (*out) {
        if ((*out)->kind == kind) return SBI_OK;
        return sbi_json_fail(SBI_ERR_FORMAT, at, "\"%s\" is used as %s and as %s: the parameter cannot be both", name,
                             kind_names[(*out)->kind], kind_names[kind]);
    }
    *out = sbi_model_grow(r->ctx, (void **)&r->sets, &r->n_sets, sizeof **out);
    if (!*out || json_object_set_new(r->set_index, name, json_integer((json_int_t)r->n_sets - 1)) != 0)
        return sbi_fail(SBI_ERR_NO_MEMORY, "no memory for parameters");
    **out = (model_set){.name = name, .at = *at, .kind = kind};
    if (kind <= SET_LUMI) (*out)->n = 1;
    return SBI_OK;
}

/* Makes room for n parameters in place of what there was. */
static sbi_status resize(model_reader *r, model_set *s, size_t n)
{
    double *sigma = sbi_realloc_array(r->ctx, s->sigma, 2 * n, sizeof *sigma);
    if (!sigma) return SBI_ERR_NO_MEMORY;
    /* The second half moves behind the longer first one. */
    if (s->n) memmove(sigma + n, sigma + s->n, s->n * sizeof *sigma);
    for (size_t j = s->n; j < n; j++) sigma[j] = sigma[n + j] = 0;
    s->sigma = sigma;
    s->n = n;
    return SBI_OK;
}

/* [n] numbers: the "data" of a modifier, or a list of it. */
sbi_status sbi_model_read_bins(const json_t *list, const sbi_json_place *at, size_t n, double *out)
{
    SBI_TRY(sbi_json_expect(list, at, JSON_ARRAY));
    if (json_array_size(list) != n)
        return sbi_json_fail(SBI_ERR_SHAPE, at, "%zu numbers, but the sample has %zu bins", json_array_size(list), n);
    for (size_t j = 0; j < n; j++) {
        const json_t *number = json_array_get(list, j);
        if (!json_is_number(number) || !isfinite(out[j] = json_number_value(number))) {
            sbi_json_place item = sbi_json_item(at, j);
            return sbi_json_number(number, &item, &out[j]);
        }
    }
    return SBI_OK;
}

/* ---- the sets of many parameters ---- */

/* Width of each bin: uncertainties of the samples that have the modifier, in quadrature, over their sum. While samples come, the
 * halves of `sigma` hold the sums of u^2 and of the nominal counts. */
static sbi_status collect_staterror(model_reader *r, model_set *s, size_t channel, const double *nominal, const double *uncertainty, size_t n)
{
    if (!s->offset) {
        s->offset = sbi_alloc_array(r->ctx, r->n_channels, sizeof *s->offset);
        if (!s->offset) return SBI_ERR_NO_MEMORY;
        for (size_t c = 0; c < r->n_channels; c++) s->offset[c] = SIZE_MAX;
    }
    if (s->offset[channel] == SIZE_MAX) {
        s->offset[channel] = s->n;
        SBI_TRY(resize(r, s, s->n + n));
    }
    double *square = s->sigma + s->offset[channel], *sum = square + s->n;
    for (size_t j = 0; j < n; j++) {
        square[j] += uncertainty[j] * uncertainty[j];
        sum[j] += nominal[j];
    }
    return SBI_OK;
}

/* gamma ~ Poisson of (nominal / uncertainty)^2 counts; the first use of a name decides. */
static sbi_status collect_shapesys(model_reader *r, model_set *s, const double *nominal, const double *uncertainty, size_t n)
{
    if (s->n) return SBI_OK;
    SBI_TRY(resize(r, s, n));
    for (size_t j = 0; j < n; j++) s->sigma[j] = nominal[j] > 0 && uncertainty[j] > 0 ? uncertainty[j] / nominal[j] : 0;
    return SBI_OK;
}

static void finish(model_set *s)
{
    if (s->kind != SET_STATERROR) return;
    for (size_t j = 0; j < s->n; j++) {
        const double sum = s->sigma[s->n + j];
        s->sigma[j] = sum > 0 ? sqrt(s->sigma[j]) / sum : 0;
    }
}

static sbi_status collect_modifier(model_reader *r, const json_t *modifier, const sbi_json_place *at, size_t channel, const double *nominal,
                                   double *scratch, size_t n_bins)
{
    static const char *const known[] = {"name", "type", "data", NULL};
    const char *name, *type;
    int32_t kind = SET_FREE;
    model_set *s;
    SBI_TRY(sbi_json_expect(modifier, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(modifier, at, known));
    SBI_TRY(sbi_json_get_string(modifier, at, "name", &name));
    SBI_TRY(sbi_json_get_string(modifier, at, "type", &type));
    SBI_TRY(find_kind(type, n_bins > 0, at, &kind));
    SBI_TRY(add_set(r, name, kind, at, &s));
    if (kind == SET_SHAPEFACTOR) {
        if (s->n && s->n != n_bins)
            return sbi_json_fail(SBI_ERR_SHAPE, at, "shapefactor %s has %zu bins here and %zu elsewhere", name, n_bins, s->n);
        return s->n ? SBI_OK : resize(r, s, n_bins);
    }
    if (kind != SET_STATERROR && kind != SET_SHAPESYS) return SBI_OK;
    sbi_json_place in = sbi_json_member(at, "data");
    SBI_TRY(sbi_model_read_bins(json_object_get(modifier, "data"), &in, n_bins, scratch));
    if (kind == SET_STATERROR) return collect_staterror(r, s, channel, nominal, scratch, n_bins);
    if (s->n && s->n != n_bins)
        return sbi_json_fail(SBI_ERR_SHAPE, at, "shapesys %s has %zu bins here and %zu elsewhere", name, n_bins, s->n);
    return collect_shapesys(r, s, nominal, scratch, n_bins);
}

static sbi_status collect_sample(model_reader *r, const json_t *sample, const sbi_json_place *at, size_t channel, double *scratch)
{
    const size_t n_bins = r->channel_bins[channel];
    json_t *list;
    if (n_bins) {
        sbi_json_place in = sbi_json_member(at, "data");
        SBI_TRY(sbi_model_read_bins(json_object_get(sample, "data"), &in, n_bins, scratch));
    }
    if (!json_object_get(sample, "modifiers")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(sample, at, "modifiers", &list));
    sbi_json_place in = sbi_json_member(at, "modifiers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(collect_modifier(r, json_array_get(list, i), &item, channel, scratch, scratch + n_bins, n_bins));
    }
    return SBI_OK;
}

/* Sets that run over the bins of several channels take these in the order of their names, as pyhf does. */
typedef struct named_channel {
    const char *name;
    size_t index;
} named_channel;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named_channel *)a)->name, ((const named_channel *)b)->name);
}

static sbi_status collect_channels(model_reader *r, const json_t *channels, const sbi_json_place *in, const named_channel *order,
                                   double *scratch)
{
    for (size_t c = 0; c < r->n_channels; c++) {
        const size_t channel = order[c].index;
        sbi_json_place at = sbi_json_item(in, channel), list = sbi_json_member(&at, "samples");
        const json_t *samples = json_object_get(json_array_get(channels, channel), "samples");
        for (size_t i = 0; i < json_array_size(samples); i++) {
            sbi_json_place item = sbi_json_item(&list, i);
            SBI_TRY(collect_sample(r, json_array_get(samples, i), &item, channel, scratch));
        }
    }
    for (size_t i = 0; i < r->n_sets; i++) finish(&r->sets[i]);
    return SBI_OK;
}

sbi_status sbi_model_collect_sets(model_reader *r, const json_t *channels, const sbi_json_place *root)
{
    sbi_json_place in = sbi_json_member(root, "channels");
    size_t most = 0;
    r->set_index = json_object();
    named_channel *order = sbi_alloc_array(r->ctx, r->n_channels, sizeof *order);
    for (size_t c = 0; c < r->n_channels; c++) {
        if (order) order[c] = (named_channel){json_string_value(json_object_get(json_array_get(channels, c), "name")), c};
        most = r->channel_bins[c] > most ? r->channel_bins[c] : most;
    }
    double *scratch = sbi_alloc_array(r->ctx, 2 * most, sizeof *scratch);
    sbi_status status = order && scratch ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && !r->set_index) status = sbi_fail(SBI_ERR_NO_MEMORY, "no memory for parameters");
    if (status == SBI_OK) {
        qsort(order, r->n_channels, sizeof *order, by_name);
        status = collect_channels(r, channels, &in, order, scratch);
    }
    sbi_free(r->ctx, order);
    sbi_free(r->ctx, scratch);
    return status;
}

void sbi_model_release_sets(model_reader *r)
{
    for (size_t i = 0; i < r->n_sets; i++) {
        sbi_free(r->ctx, r->sets[i].sigma);
        sbi_free(r->ctx, r->sets[i].offset);
    }
    sbi_free(r->ctx, r->sets);
    sbi_free(r->ctx, r->channel_bins);
    json_decref(r->set_index);
}

/* ---- defaults ---- */

void sbi_model_set_default(const model_set *s, size_t j, sbi_parameter *p)
{
    sbi_parameter_init(p);
    if (!s || s->kind == SET_FREE || s->kind == SET_SHAPEFACTOR) p->constraint = SBI_CONSTRAINT_NONE;
    if (s && s->kind == SET_ALPHA) return;
    p->start = 1;
    p->lower = 0;
    p->upper = 10;
    if (!s || s->kind == SET_FREE || s->kind == SET_SHAPEFACTOR) return;
    p->auxiliary = 1;
    if (s->kind == SET_LUMI) {
        p->sigma = NAN; /* the measurement has to give it */
        return;
    }
    p->lower = 1e-10;
    p->constraint = s->kind == SET_STATERROR ? SBI_CONSTRAINT_GAUSSIAN : SBI_CONSTRAINT_POISSON;
    /* Without an uncertainty the bin stays what it is. */
    p->fixed = s->sigma[j] == 0;
    p->sigma = s->sigma[j] == 0 ? 1 : s->sigma[j];
}

int sbi_model_set_is_list(const model_set *s)
{
    return s && s->kind >= SET_STATERROR;
}
