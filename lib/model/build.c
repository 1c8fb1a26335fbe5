/* SPDX-License-Identifier: Apache-2.0 */
/* Building a model call by call. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "model/model.h"

void *sbi_model_grow(sbi_context *ctx, void **array, size_t *count, size_t size)
{
    /* Capacity doubles at powers of two. */
    if ((*count & (*count - 1)) == 0) {
        void *grown = sbi_realloc_array(ctx, *array, *count ? 2 * *count : 1, size);
        if (!grown) return NULL;
        *array = grown;
    }
    void *element = (char *)*array + *count * size;
    memset(element, 0, size);
    (*count)++;
    return element;
}

void sbi_parameter_init(sbi_parameter *parameter)
{
    if (!parameter) return;
    memset(parameter, 0, sizeof *parameter);
    parameter->struct_size = (uint32_t)sizeof *parameter;
    parameter->constraint = SBI_CONSTRAINT_GAUSSIAN;
    parameter->lower = -5;
    parameter->upper = 5;
    parameter->sigma = 1;
}

sbi_status sbi_model_create(sbi_model **out, sbi_context *ctx)
{
    SBI_REQUIRE(out, "sbi_model_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_model_create: ctx is NULL");
    sbi_model *m = sbi_alloc_zero(ctx, 1, sizeof *m);
    if (!m) return SBI_ERR_NO_MEMORY;
    m->ctx = ctx;
    m->poi = SIZE_MAX;
    atomic_init(&m->references, 1);
    *out = m;
    return SBI_OK;
}

/* `shared`: names, expressions and lists belong to the parent. */
static void free_channel(sbi_context *ctx, model_channel *c, int shared)
{
    for (size_t i = 0; i < c->n_samples; i++) {
        model_sample *s = &c->samples[i];
        sbi_free(ctx, s->eventsys);
        if (shared) continue;
        sbi_expression_destroy(s->factor);
        sbi_free(ctx, s->name);
        sbi_free(ctx, s->normfactors);
        sbi_free(ctx, s->normsys);
        sbi_free(ctx, s->nominal);
        for (size_t k = 0; k < s->n_histosys; k++) sbi_free(ctx, s->histosys[k].high);
        for (size_t k = 0; k < s->n_bin_factors; k++) sbi_free(ctx, s->bin_factors[k].parameters);
        sbi_free(ctx, s->histosys);
        sbi_free(ctx, s->bin_factors);
    }
    sbi_free(ctx, c->samples);
    sbi_free(ctx, c->own_weights);
    sbi_free(ctx, c->own_columns);
    sbi_free(ctx, c->observed);
    if (!shared) sbi_free(ctx, c->name);
}

void sbi_model_destroy(sbi_model *m)
{
    if (!m || atomic_fetch_sub(&m->references, 1) > 1) return;
    sbi_context *ctx = m->ctx;
    sbi_model *parent = m->parent;
    sbi_tape_destroy(m->tape);
    for (size_t i = 0; i < m->n_channels; i++) free_channel(ctx, &m->channels[i], parent != NULL);
    for (size_t i = 0; i < m->n_parameters && !parent; i++) sbi_free(ctx, m->parameters[i].name);
    sbi_model_close_files(m);
    sbi_free(ctx, m->channels);
    sbi_free(ctx, m->parameters);
    sbi_free(ctx, m->names);
    sbi_free(ctx, m->workspace);
    sbi_free(ctx, m);
    sbi_model_destroy(parent);
}

sbi_status sbi_model_check_open(const sbi_model *m, const char *function)
{
    SBI_REQUIRE(m, "%s: model is NULL", function);
    return m->tape ? sbi_fail(SBI_ERR_STATE, "%s: the model is sealed", function) : SBI_OK;
}

static sbi_status check_parameter(const char *name, const sbi_parameter *p)
{
    if (p->constraint < SBI_CONSTRAINT_NONE || p->constraint > SBI_CONSTRAINT_LOGNORMAL)
        return sbi_fail(SBI_ERR_ARGUMENT, "parameter %s: constraint %d is unknown", name, (int)p->constraint);
    if (!isfinite(p->start) || isnan(p->lower) || isnan(p->upper) || !(p->lower <= p->upper))
        return sbi_fail(SBI_ERR_VALUE, "parameter %s: start %g, lower bound %g, upper bound %g", name, p->start, p->lower,
                        p->upper);
    if (p->start < p->lower || p->start > p->upper)
        return sbi_fail(SBI_ERR_VALUE, "parameter %s: start %g is outside its bounds [%g, %g]", name, p->start, p->lower,
                        p->upper);
    if (p->constraint != SBI_CONSTRAINT_NONE && (!isfinite(p->auxiliary) || !(p->sigma > 0) || !isfinite(p->sigma)))
        return sbi_fail(SBI_ERR_VALUE, "parameter %s: auxiliary %g, sigma %g", name, p->auxiliary, p->sigma);
    if (p->constraint == SBI_CONSTRAINT_POISSON && p->auxiliary < 0)
        return sbi_fail(SBI_ERR_VALUE, "parameter %s: auxiliary %g of a Poisson constraint is below zero", name, p->auxiliary);
    if (p->constraint == SBI_CONSTRAINT_LOGNORMAL && !(p->auxiliary > 0))
        return sbi_fail(SBI_ERR_VALUE, "parameter %s: auxiliary %g of a log-normal constraint must be positive", name, p->auxiliary);
    SBI_REQUIRE(p->reserved_ == 0, "parameter %s: sbi_parameter.reserved_ is not zero", name);
    return SBI_OK;
}

sbi_status sbi_model_get_parameter(const sbi_model *m, const char *name, size_t *out)
{
    SBI_REQUIRE(name, "the parameter's name is NULL");
    int64_t index = sbi_model_find_parameter((sbi_model *)(uintptr_t)m, name, strlen(name));
    if (index < 0) return sbi_fail(SBI_ERR_NOT_FOUND, "there is no parameter \"%s\"", name);
    *out = (size_t)index;
    return SBI_OK;
}

sbi_status sbi_model_add_parameter(sbi_model *m, const char *name, const sbi_parameter *parameter)
{
    SBI_TRY(sbi_model_check_open(m, "sbi_model_add_parameter"));
    SBI_REQUIRE(name && *name, "sbi_model_add_parameter: the name is missing");
    sbi_parameter known;
    sbi_parameter_init(&known);
    SBI_TRY(sbi_options_read(&known, sizeof known, sizeof known, parameter, "sbi_parameter"));
    SBI_TRY(check_parameter(name, &known));
    if (sbi_model_find_parameter(m, name, strlen(name)) >= 0)
        return sbi_fail(SBI_ERR_EXISTS, "parameter %s was added already", name);
    SBI_TRY(sbi_model_reserve_name(m));
    char *copy = sbi_strdup(m->ctx, name);
    model_parameter *p = copy ? sbi_model_grow(m->ctx, (void **)&m->parameters, &m->n_parameters, sizeof *p) : NULL;
    if (!p) {
        sbi_free(m->ctx, copy);
        return SBI_ERR_NO_MEMORY;
    }
    p->name = copy;
    p->spec = known;
    sbi_model_enter_name(m);
    return SBI_OK;
}

sbi_status sbi_model_set_poi(sbi_model *m, const char *name)
{
    SBI_TRY(sbi_model_check_open(m, "sbi_model_set_poi"));
    return sbi_model_get_parameter(m, name, &m->poi);
}

/* "SR: weights" and the like, for messages; truncation is harmless. */
#define PLACE(buffer, ...)                                                                                             \
    char buffer[256];                                                                                                  \
    snprintf(buffer, sizeof buffer, __VA_ARGS__)

sbi_status sbi_model_build_channel(sbi_model *m, const char *name, int64_t n_events, const model_column *weights,
                                   const model_column *integration_weights, uint32_t flags, size_t *channel)
{
    if (!*name) return sbi_fail(SBI_ERR_VALUE, "the channel's name is empty");
    for (size_t i = 0; i < m->n_channels; i++) {
        if (strcmp(m->channels[i].name, name) == 0) return sbi_fail(SBI_ERR_EXISTS, "channel %s was added already", name);
    }
    char *copy = sbi_strdup(m->ctx, name);
    model_channel *c = copy ? sbi_model_grow(m->ctx, (void **)&m->channels, &m->n_channels, sizeof *c) : NULL;
    if (!c) {
        sbi_free(m->ctx, copy);
        return SBI_ERR_NO_MEMORY;
    }
    c->name = copy;
    c->n_events = n_events;
    c->n_integration = integration_weights ? integration_weights->n : -1;
    c->has_weights = weights != NULL;
    c->flags = flags;
    if (weights) c->weights = *weights;
    if (integration_weights) c->integration_weights = *integration_weights;
    *channel = m->n_channels - 1;
    return SBI_OK;
}

#define CHANNEL_FLAGS                                                                                                  \
    (SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS | SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS | SBI_CHANNEL_REFERENCE)

sbi_status sbi_model_add_channel(sbi_model *m, const char *name, int64_t n_events, const sbi_array *weights,
                                 const sbi_array *integration_weights, uint32_t flags, size_t *channel)
{
    SBI_TRY(sbi_model_check_open(m, "sbi_model_add_channel"));
    SBI_REQUIRE(name && *name && channel, "sbi_model_add_channel: name or channel is NULL");
    SBI_REQUIRE(n_events >= 0, "channel %s: %lld events", name, (long long)n_events);
    SBI_REQUIRE(!(flags & ~(uint32_t)CHANNEL_FLAGS), "channel %s: unknown flags 0x%x", name, (unsigned)flags);
    PLACE(of, "channel %s", name);
    const model_column lent = sbi_model_lent_column(weights), lent_integration = sbi_model_lent_column(integration_weights);
    if (weights) {
        PLACE(place, "channel %s: weights", name);
        SBI_TRY(sbi_model_check_column(
            m->ctx, &lent, place, n_events, of,
            flags & SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS ? COLUMN_SIGNED_WEIGHT : COLUMN_WEIGHT));
    }
    if (integration_weights) {
        PLACE(place, "channel %s: integration weights", name);
        SBI_TRY(sbi_model_check_column(
            m->ctx, &lent_integration, place, -1, of,
            flags & SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS ? COLUMN_SIGNED_WEIGHT : COLUMN_WEIGHT));
    }
    return sbi_model_build_channel(m, name, n_events, weights ? &lent : NULL, integration_weights ? &lent_integration : NULL,
                                   flags, channel);
}

static sbi_status get_channel(sbi_model *m, const char *function, size_t channel, model_channel **out)
{
    SBI_TRY(sbi_model_check_open(m, function));
    SBI_REQUIRE(channel < m->n_channels, "%s: there is no channel %zu", function, channel);
    *out = &m->channels[channel];
    return SBI_OK;
}

sbi_status sbi_model_get_sample(sbi_model *m, const char *function, size_t channel, size_t sample, model_channel **c,
                             model_sample **s)
{
    SBI_TRY(get_channel(m, function, channel, c));
    SBI_REQUIRE(sample < (*c)->n_samples, "%s: channel %s has no sample %zu", function, (*c)->name, sample);
    *s = &(*c)->samples[sample];
    return SBI_OK;
}

/* Integration columns come exactly where the channel has an integration sample. */
static sbi_status check_presence(const model_channel *c, const model_column *integration, const char *what)
{
    int wanted = c->n_integration >= 0;
    if (wanted == (integration != NULL)) return SBI_OK;
    return sbi_fail(SBI_ERR_ARGUMENT, wanted ? "%s: missing, but channel %s has an integration sample"
                                             : "%s: given, but channel %s has no integration sample",
                    what, c->name);
}

static sbi_status check_pair(sbi_context *ctx, const model_channel *c, const model_column *over_events,
                             const model_column *over_integration, model_column_rule rule, const char *place)
{
    PLACE(of, "channel %s", c->name);
    SBI_TRY(sbi_model_check_column(ctx, over_events, place, c->n_events, of, rule));
    if (!over_integration->given || c->n_integration < 0) return SBI_OK; /* the builder says what is wrong */
    PLACE(integration_place, "%s over the integration sample", place);
    PLACE(integration_of, "the integration sample of channel %s", c->name);
    return sbi_model_check_column(ctx, over_integration, integration_place, c->n_integration, integration_of, rule);
}

sbi_status sbi_model_build_sample(sbi_model *m, size_t channel, const char *name, double yield, const char *factor,
                                  const model_column *ratio, const model_column *integration_ratio, size_t *sample)
{
    model_channel *c = &m->channels[channel];
    if (!*name) return sbi_fail(SBI_ERR_VALUE, "channel %s: the sample's name is empty", c->name);
    if (!isfinite(yield)) return sbi_fail(SBI_ERR_VALUE, "sample %s: yield is %g", name, yield);
    for (size_t i = 0; i < c->n_samples; i++) {
        if (strcmp(c->samples[i].name, name) == 0)
            return sbi_fail(SBI_ERR_EXISTS, "channel %s: sample %s was added already", c->name, name);
    }
    PLACE(place, "channel %s, sample %s: ratio over the integration sample", c->name, name);
    SBI_TRY(check_presence(c, integration_ratio, place));

    sbi_expression *expression = NULL;
    if (factor) {
        sbi_status status = sbi_expression_parse(&expression, m->ctx, factor, sbi_model_find_parameter, m);
        if (status != SBI_OK) return sbi_fail_within(status, "channel %s, sample %s", c->name, name);
    }
    char *copy = sbi_strdup(m->ctx, name);
    model_sample *s = copy ? sbi_model_grow(m->ctx, (void **)&c->samples, &c->n_samples, sizeof *s) : NULL;
    if (!s) {
        sbi_expression_destroy(expression);
        sbi_free(m->ctx, copy);
        return SBI_ERR_NO_MEMORY;
    }
    s->name = copy;
    s->yield = yield;
    s->factor = expression;
    s->ratio = *ratio;
    if (integration_ratio) s->integration_ratio = *integration_ratio;
    *sample = c->n_samples - 1;
    return SBI_OK;
}

sbi_status sbi_model_add_sample(sbi_model *m, size_t channel, const char *name, double yield, const char *factor,
                                const sbi_array *ratio, const sbi_array *integration_ratio, size_t *sample)
{
    model_channel *c = NULL;
    SBI_TRY(get_channel(m, "sbi_model_add_sample", channel, &c));
    SBI_REQUIRE(!c->n_bins, "sbi_model_add_sample: channel %s is binned; use sbi_model_add_binned_sample()", c->name);
    SBI_REQUIRE(name && *name && sample, "sbi_model_add_sample: name or sample is NULL");
    PLACE(place, "channel %s, sample %s: ratio", c->name, name);
    const model_column lent = sbi_model_lent_column(ratio), lent_integration = sbi_model_lent_column(integration_ratio);
    SBI_TRY(check_pair(m->ctx, c, &lent, &lent_integration, COLUMN_ANY, place));
    return sbi_model_build_sample(m, channel, name, yield, factor, &lent, integration_ratio ? &lent_integration : NULL, sample);
}

static sbi_status twice(const model_channel *c, const model_sample *s, const char *type, const char *parameter)
{
    return sbi_fail(SBI_ERR_EXISTS, "channel %s, sample %s: %s %s was added already", c->name, s->name, type, parameter);
}

sbi_status sbi_model_add_normfactor(sbi_model *m, size_t channel, size_t sample, const char *parameter)
{
    model_channel *c = NULL;
    model_sample *s = NULL;
    size_t index = 0;
    SBI_TRY(sbi_model_get_sample(m, "sbi_model_add_normfactor", channel, sample, &c, &s));
    SBI_TRY(sbi_model_get_parameter(m, parameter, &index));
    for (size_t i = 0; i < s->n_normfactors; i++) {
        if (s->normfactors[i] == index) return twice(c, s, "normfactor", parameter);
    }
    size_t *n = sbi_model_grow(m->ctx, (void **)&s->normfactors, &s->n_normfactors, sizeof *n);
    if (!n) return SBI_ERR_NO_MEMORY;
    *n = index;
    return SBI_OK;
}

sbi_status sbi_model_add_normsys(sbi_model *m, size_t channel, size_t sample, const char *parameter, double high,
                                 double low)
{
    model_channel *c = NULL;
    model_sample *s = NULL;
    size_t index = 0;
    SBI_TRY(sbi_model_get_sample(m, "sbi_model_add_normsys", channel, sample, &c, &s));
    SBI_TRY(sbi_model_get_parameter(m, parameter, &index));
    if (!(high > 0) || !(low > 0) || !isfinite(high) || !isfinite(low))
        return sbi_fail(SBI_ERR_VALUE, "channel %s, sample %s: normsys %s: hi %g and lo %g must be positive", c->name,
                        s->name, parameter, high, low);
    for (size_t i = 0; i < s->n_normsys; i++) {
        if (s->normsys[i].parameter == index) return twice(c, s, "normsys", parameter);
    }
    model_normsys *n = sbi_model_grow(m->ctx, (void **)&s->normsys, &s->n_normsys, sizeof *n);
    if (!n) return SBI_ERR_NO_MEMORY;
    *n = (model_normsys){index, high, low};
    return SBI_OK;
}

sbi_status sbi_model_build_eventsys(sbi_model *m, size_t channel, size_t sample, const char *parameter,
                                    const model_column *const columns[4], int32_t storage)
{
    const model_channel *c = &m->channels[channel];
    model_sample *s = &c->samples[sample];
    size_t index = 0;
    SBI_TRY(sbi_model_get_parameter(m, parameter, &index));
    for (size_t i = 0; i < s->n_eventsys; i++) {
        if (s->eventsys[i].parameter == index) return twice(c, s, "eventsys", parameter);
    }
    for (int i = 2; i < 4; i++) {
        PLACE(place, "channel %s, sample %s: eventsys %s: %s_integration", c->name, s->name, parameter, i == 2 ? "hi" : "lo");
        SBI_TRY(check_presence(c, columns[i], place));
    }
    model_eventsys *e = sbi_model_grow(m->ctx, (void **)&s->eventsys, &s->n_eventsys, sizeof *e);
    if (!e) return SBI_ERR_NO_MEMORY;
    e->parameter = index;
    e->storage = storage;
    e->high = *columns[0];
    e->low = *columns[1];
    if (columns[2]) e->integration_high = *columns[2];
    if (columns[3]) e->integration_low = *columns[3];
    return SBI_OK;
}

sbi_status sbi_model_add_eventsys(sbi_model *m, size_t channel, size_t sample, const char *parameter,
                                  const sbi_array *high, const sbi_array *low, const sbi_array *integration_high,
                                  const sbi_array *integration_low, int32_t storage)
{
    model_channel *c = NULL;
    model_sample *s = NULL;
    size_t index = 0;
    SBI_TRY(sbi_model_get_sample(m, "sbi_model_add_eventsys", channel, sample, &c, &s));
    SBI_REQUIRE(!c->n_bins, "sbi_model_add_eventsys: channel %s is binned; use sbi_model_add_histosys()", c->name);
    SBI_TRY(sbi_model_get_parameter(m, parameter, &index));
    SBI_REQUIRE(storage == SBI_MORPH_RATIO || storage == SBI_MORPH_LOG, "eventsys %s: storage %d", parameter, (int)storage);
    const sbi_array *const arrays[4] = {high, low, integration_high, integration_low};
    model_column lent[4];
    const model_column *columns[4];
    for (int i = 0; i < 4; i++) {
        lent[i] = sbi_model_lent_column(arrays[i]);
        columns[i] = arrays[i] ? &lent[i] : NULL;
    }
    for (int i = 0; i < 2; i++) {
        PLACE(place, "channel %s, sample %s: eventsys %s: %s", c->name, s->name, parameter, i == 0 ? "hi" : "lo");
        SBI_TRY(check_pair(m->ctx, c, &lent[i], &lent[i + 2],
                           storage == SBI_MORPH_RATIO ? COLUMN_POSITIVE : COLUMN_ANY, place));
    }
    return sbi_model_build_eventsys(m, channel, sample, parameter, columns, storage);
}
