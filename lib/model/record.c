/* SPDX-License-Identifier: Apache-2.0 */
/* From the model's description to its tape. */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/binned.h"

sbi_var *sbi_model_record_parameters(const sbi_model *m, sbi_tape *tape)
{
    sbi_var *params = sbi_alloc_array(m->ctx, m->n_parameters, sizeof *params);
    if (!params) return NULL;
    for (size_t i = 0; i < m->n_parameters; i++) params[i] = sbi_tape_param(tape, m->parameters[i].name);
    return params;
}

sbi_var sbi_model_record_yield(const model_sample *s, sbi_tape *tape, const sbi_var *params)
{
    sbi_var nu = sbi_tape_constant(tape, s->yield);
    if (s->factor) nu = sbi_tape_mul(tape, nu, sbi_expression_record(s->factor, tape, params));
    for (size_t k = 0; k < s->n_normfactors; k++) nu = sbi_tape_mul(tape, nu, params[s->normfactors[k]]);
    for (size_t k = 0; k < s->n_normsys; k++) {
        const model_normsys *n = &s->normsys[k];
        sbi_var g = sbi_tape_interp(tape, params[n->parameter], n->high, n->low, SBI_INTERP_CODE4);
        nu = sbi_tape_mul(tape, nu, g);
    }
    return nu;
}

/* r prod_k g_k over the events or the integration sample. Columns as ratios and columns as logarithms become one wide
 * operation each. */
static sbi_var record_density(const sbi_model *m, const model_sample *s, sbi_tape *tape, sbi_events events,
                              const sbi_var *params, int integration)
{
    sbi_var density = sbi_model_record_column(m->ctx, tape, events, integration ? &s->integration_ratio : &s->ratio, s->name);
    for (int32_t storage = SBI_MORPH_RATIO; storage <= SBI_MORPH_LOG; storage++) {
        size_t used = 0;
        for (size_t k = 0; k < s->n_eventsys; k++) used += s->eventsys[k].storage == storage;
        if (used)
            density = sbi_tape_mul(tape, density, sbi_model_record_morph(m, s, tape, events, params, integration, storage));
    }
    return density;
}

/* nu_p / Z_p: dividing the yield inside the logarithm is cheaper than dividing every event's ratio. */
static sbi_status normalise(const sbi_model *m, const model_sample *s, sbi_tape *tape, sbi_events integration,
                            sbi_var integration_weights, const sbi_var *params, sbi_var *nu)
{
    if (!s->n_eventsys) return SBI_OK;
    sbi_var density = record_density(m, s, tape, integration, params, 1);
    sbi_var z = sbi_tape_weighted_sum(tape, integration_weights, density);
    *nu = sbi_tape_div(tape, sbi_tape_mul(tape, *nu, sbi_tape_constant(tape, s->integration_sum)), z);
    return SBI_OK;
}

/* sum_j v_j r_pj of every sample, which must not vanish. */
static sbi_status integrate(model_channel *c)
{
    for (size_t i = 0; c->n_integration >= 0 && i < c->n_samples; i++) {
        model_sample *s = &c->samples[i];
        SBI_TRY(sbi_model_weighted_total(&c->integration_weights, &s->integration_ratio, &s->integration_sum));
        if (s->integration_sum == 0)
            return sbi_fail(SBI_ERR_VALUE, "channel %s, sample %s: its integral over the integration sample is zero",
                            c->name, s->name);
    }
    return SBI_OK;
}

sbi_status sbi_model_record_channel(sbi_model *m, model_channel *c, sbi_tape *tape, const sbi_var *params, sbi_var *out)
{
    if (!c->n_samples) return sbi_fail(SBI_ERR_STATE, "channel %s has no samples", c->name);
    if (!m->parent) SBI_TRY(integrate(c)); /* a derived model has the same integration sample */
    sbi_events events = sbi_tape_events(tape, c->name, c->n_events);
    sbi_events integration = 0;
    sbi_var integration_weights = SBI_VAR_INVALID;
    if (c->n_integration >= 0) {
        char name[256];
        snprintf(name, sizeof name, "%s: integration sample", c->name);
        integration = sbi_tape_events(tape, name, c->n_integration);
        integration_weights = sbi_model_record_column(m->ctx, tape, integration, &c->integration_weights, "integration weights");
    }
    sbi_var total = sbi_tape_constant(tape, 0), lambda = SBI_VAR_INVALID;
    for (size_t i = 0; i < c->n_samples; i++) {
        model_sample *s = &c->samples[i];
        sbi_var nu = sbi_model_record_yield(s, tape, params);
        total = sbi_tape_add(tape, total, nu);
        if (c->n_integration >= 0) SBI_TRY(normalise(m, s, tape, integration, integration_weights, params, &nu));
        sbi_var density = record_density(m, s, tape, events, params, 0);
        sbi_var term = sbi_tape_mul(tape, nu, density);
        lambda = i ? sbi_tape_add(tape, lambda, term) : term;
    }
    sbi_var logs = sbi_tape_log(tape, lambda);
    sbi_var sum = c->has_weights
                      ? sbi_tape_weighted_sum(tape, sbi_model_record_column(m->ctx, tape, events, &c->weights, "weights"), logs)
                      : sbi_tape_sum(tape, logs);
    *out = sbi_tape_sub(tape, total, sum);
    return SBI_OK;
}

static sbi_var record_constraint(sbi_tape *tape, sbi_var parameter, const sbi_parameter *p)
{
    sbi_var shift = sbi_tape_sub(tape, parameter, sbi_tape_constant(tape, p->auxiliary));
    return sbi_tape_mul(tape, sbi_tape_constant(tape, 0.5 / (p->sigma * p->sigma)), sbi_tape_square(tape, shift));
}

/* Binned channels and constraints as one function; a model that has no more than Gaussian constraints goes without. */
static int needs_function(const sbi_model *m, int *binned)
{
    int constraints = 0;
    *binned = 0;
    for (size_t i = 0; i < m->n_channels; i++) *binned |= m->channels[i].n_bins > 0;
    for (size_t i = 0; i < m->n_parameters; i++) constraints |= m->parameters[i].spec.constraint > SBI_CONSTRAINT_GAUSSIAN;
    return *binned || constraints;
}

static sbi_status record_binned(sbi_model *m, sbi_tape *tape, const sbi_var *params, int constants, sbi_var *nll)
{
    for (size_t i = 0; i < m->n_channels; i++) {
        const model_channel *c = &m->channels[i];
        if (c->n_bins && !c->n_samples) return sbi_fail(SBI_ERR_STATE, "channel %s has no samples", c->name);
    }
    sbi_tape_function function = SBI_TAPE_FUNCTION_INIT;
    sbi_binned *b;
    SBI_TRY(sbi_binned_create(&b, m, constants));
    function.name = "binned";
    function.evaluate = sbi_binned_evaluate;
    function.destroy = sbi_binned_destroy;
    function.user = b;
    *nll = sbi_tape_add(tape, *nll, sbi_tape_apply(tape, &function, params, m->n_parameters));
    SBI_TRY(sbi_tape_status(tape));
    m->binned = b;
    return SBI_OK;
}

static sbi_status record_model(sbi_model *m, sbi_tape *tape, const sbi_var *params)
{
    sbi_var nll = sbi_tape_constant(tape, 0);
    int binned;
    const int function = needs_function(m, &binned);
    for (size_t i = 0; i < m->n_channels; i++) {
        sbi_var term;
        if (m->channels[i].n_bins) continue;
        SBI_TRY(sbi_model_record_channel(m, &m->channels[i], tape, params, &term));
        nll = sbi_tape_add(tape, nll, term);
        SBI_TRY(sbi_tape_status(tape));
    }
    if (function) SBI_TRY(record_binned(m, tape, params, binned, &nll));
    for (size_t i = 0; i < m->n_parameters && !function; i++) {
        if (m->parameters[i].spec.constraint == SBI_CONSTRAINT_GAUSSIAN)
            nll = sbi_tape_add(tape, nll, record_constraint(tape, params[i], &m->parameters[i].spec));
    }
    return sbi_tape_seal(tape, nll);
}

static int is_used(const model_sample *s, size_t n_bins, size_t parameter)
{
    for (size_t k = 0; k < s->n_histosys; k++) {
        if (s->histosys[k].parameter == parameter) return 1;
    }
    for (size_t k = 0; k < s->n_bin_factors * n_bins; k++) {
        if (s->bin_factors[k / n_bins].parameters[k % n_bins] == parameter) return 1;
    }
    if (s->factor && sbi_expression_uses(s->factor, parameter)) return 1;
    for (size_t k = 0; k < s->n_normfactors; k++) {
        if (s->normfactors[k] == parameter) return 1;
    }
    for (size_t k = 0; k < s->n_normsys; k++) {
        if (s->normsys[k].parameter == parameter) return 1;
    }
    for (size_t k = 0; k < s->n_eventsys; k++) {
        if (s->eventsys[k].parameter == parameter) return 1;
    }
    return 0;
}

/* A free parameter on which nothing depends makes the Hessian singular: better said here than by a fit. */
static void warn_of_unused(const sbi_model *m)
{
    for (size_t k = 0; k < m->n_parameters; k++) {
        const sbi_parameter *p = &m->parameters[k].spec;
        int used = p->fixed || p->constraint != SBI_CONSTRAINT_NONE;
        for (size_t i = 0; i < m->n_channels; i++) {
            const model_channel *c = &m->channels[i];
            for (size_t j = 0; !used && j < c->n_samples; j++) used = is_used(&c->samples[j], c->n_bins, k);
        }
        if (!used)
            sbi_log(m->ctx, SBI_LOG_WARNING, "parameter %s is free, but the likelihood does not depend on it",
                    m->parameters[k].name);
    }
}

sbi_status sbi_model_seal(sbi_model *m)
{
    SBI_REQUIRE(m, "sbi_model_seal: model is NULL");
    if (m->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_seal: the model is sealed already");
    SBI_REQUIRE(m->n_parameters, "sbi_model_seal: the model has no parameters");
    sbi_tape *tape;
    SBI_TRY(sbi_tape_create(&tape, m->ctx));
    sbi_var *params = sbi_model_record_parameters(m, tape);
    sbi_status status = params ? record_model(m, tape, params) : SBI_ERR_NO_MEMORY;
    sbi_free(m->ctx, params);
    if (status == SBI_OK) status = sbi_model_check_weights(m);
    if (status == SBI_OK && !m->quiet) status = sbi_model_check_normalisation(m);
    if (status != SBI_OK) {
        m->binned = NULL;
        sbi_tape_destroy(tape);
        return status;
    }
    m->tape = tape;
    if (!m->quiet) warn_of_unused(m);
    return SBI_OK;
}
