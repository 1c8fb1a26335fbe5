/* SPDX-License-Identifier: Apache-2.0 */
/* The same model with other ratio columns for some samples: one member of an ensemble, or all but one. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"

/* A channel with lists of its own, whose names, expressions and columns are the parent's. */
static sbi_status copy_channel(sbi_model *out, const model_channel *from)
{
    model_channel *c = sbi_model_grow(out->ctx, (void **)&out->channels, &out->n_channels, sizeof *c);
    if (!c) return SBI_ERR_NO_MEMORY;
    *c = *from;
    c->own_weights = NULL; /* `weights` still views the parent's */
    c->observed = NULL;
    c->samples = NULL;
    c->n_samples = 0;
    for (size_t i = 0; i < from->n_samples; i++) {
        model_sample *s = sbi_model_grow(out->ctx, (void **)&c->samples, &c->n_samples, sizeof *s);
        if (!s) return SBI_ERR_NO_MEMORY;
        *s = from->samples[i];
        s->eventsys = NULL;
        if (!s->n_eventsys) continue;
        s->eventsys = sbi_alloc_array(out->ctx, s->n_eventsys, sizeof *s->eventsys);
        if (!s->eventsys) return SBI_ERR_NO_MEMORY;
        memcpy(s->eventsys, from->samples[i].eventsys, s->n_eventsys * sizeof *s->eventsys);
    }
    if (!c->n_bins) return SBI_OK;
    c->observed = sbi_alloc_array(out->ctx, c->n_bins, sizeof *c->observed);
    if (!c->observed) return SBI_ERR_NO_MEMORY;
    memcpy(c->observed, from->observed, c->n_bins * sizeof *c->observed);
    return SBI_OK;
}

static sbi_status copy_model(sbi_model *out, const sbi_model *m)
{
    for (size_t i = 0; i < m->n_parameters; i++) {
        SBI_TRY(sbi_model_reserve_name(out));
        model_parameter *p = sbi_model_grow(out->ctx, (void **)&out->parameters, &out->n_parameters, sizeof *p);
        if (!p) return SBI_ERR_NO_MEMORY;
        *p = m->parameters[i];
        sbi_model_enter_name(out);
    }
    out->poi = m->poi;
    for (size_t i = 0; i < m->n_channels; i++) SBI_TRY(copy_channel(out, &m->channels[i]));
    return SBI_OK;
}

static sbi_status replace(sbi_model *out, const sbi_ratio_replacement *r, size_t index)
{
    if (r->struct_size != sizeof *r)
        return sbi_fail(SBI_ERR_ABI, "sbi_ratio_replacement: struct_size is %u, expected %zu", (unsigned)r->struct_size, sizeof *r);
    SBI_REQUIRE(r->channel < out->n_channels, "replacement %zu: there is no channel %zu", index, r->channel);
    model_channel *c = &out->channels[r->channel];
    SBI_REQUIRE(!c->n_bins, "replacement %zu: channel %s is binned", index, c->name);
    SBI_REQUIRE(r->sample < c->n_samples, "replacement %zu: channel %s has no sample %zu", index, c->name, r->sample);
    model_sample *s = &c->samples[r->sample];
    const model_column ratio = sbi_model_lent_column(r->ratio), integration = sbi_model_lent_column(r->integration_ratio);
    if ((c->n_integration >= 0) != (r->integration_ratio != NULL))
        return sbi_fail(SBI_ERR_ARGUMENT, "channel %s, sample %s: a ratio over the integration sample is %s", c->name, s->name,
                        r->integration_ratio ? "given, but there is no such sample" : "missing");
    SBI_TRY(sbi_model_check_column(out->ctx, &ratio, s->name, c->n_events, "the channel", COLUMN_ANY));
    if (r->integration_ratio)
        SBI_TRY(sbi_model_check_column(out->ctx, &integration, s->name, c->n_integration, "the integration sample", COLUMN_ANY));
    s->ratio = ratio;
    if (r->integration_ratio) s->integration_ratio = integration;
    return SBI_OK;
}

sbi_status sbi_model_replace_ratios(sbi_model **out, const sbi_model *model, const sbi_ratio_replacement *replacements, size_t n)
{
    SBI_REQUIRE(out, "sbi_model_replace_ratios: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model && (replacements || !n), "sbi_model_replace_ratios: model or replacements is NULL");
    if (!model->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_replace_ratios: the model is not sealed");
    sbi_model *m, *parent = (sbi_model *)(uintptr_t)model;
    SBI_TRY(sbi_model_create(&m, model->ctx));
    atomic_fetch_add(&parent->references, 1); /* all that a sealed model shared between threads changes */
    m->parent = parent;
    m->quiet = 1;
    sbi_status status = copy_model(m, model);
    for (size_t i = 0; i < n && status == SBI_OK; i++) status = replace(m, &replacements[i], i);
    if (status == SBI_OK) status = sbi_model_seal(m);
    if (status != SBI_OK) {
        sbi_model_destroy(m);
        return status;
    }
    *out = m;
    return SBI_OK;
}
