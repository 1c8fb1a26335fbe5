/* SPDX-License-Identifier: Apache-2.0 */
/* Building binned channels call by call, and questions to them. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/binned.h"

static double *copy_bins(sbi_context *ctx, const double *values, size_t n)
{
    double *copy = sbi_alloc_array(ctx, n, sizeof *copy);
    if (copy) memcpy(copy, values, n * sizeof *copy);
    return copy;
}

sbi_status sbi_model_add_binned_channel(sbi_model *m, const char *name, size_t n_bins, const double *observed, size_t *channel)
{
    SBI_TRY(sbi_model_check_open(m, "sbi_model_add_binned_channel"));
    SBI_REQUIRE(name && *name && observed && channel, "sbi_model_add_binned_channel: an argument is NULL");
    SBI_REQUIRE(n_bins, "channel %s: no bins", name);
    for (size_t j = 0; j < n_bins; j++) {
        if (!(observed[j] >= 0) || !isfinite(observed[j]))
            return sbi_fail(SBI_ERR_VALUE, "channel %s: bin %zu: %g observed", name, j, observed[j]);
    }
    double *copy = copy_bins(m->ctx, observed, n_bins);
    if (!copy) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_model_build_channel(m, name, 0, NULL, NULL, 0, channel);
    if (status != SBI_OK) {
        sbi_free(m->ctx, copy);
        return status;
    }
    m->channels[*channel].n_bins = n_bins;
    m->channels[*channel].observed = copy;
    return SBI_OK;
}

sbi_status sbi_model_add_binned_sample(sbi_model *m, size_t channel, const char *name, const double *nominal, size_t *sample)
{
    SBI_TRY(sbi_model_check_open(m, "sbi_model_add_binned_sample"));
    SBI_REQUIRE(name && *name && nominal && sample, "sbi_model_add_binned_sample: an argument is NULL");
    SBI_REQUIRE(channel < m->n_channels, "sbi_model_add_binned_sample: there is no channel %zu", channel);
    const model_channel *c = &m->channels[channel];
    SBI_REQUIRE(c->n_bins, "sbi_model_add_binned_sample: channel %s is not binned", c->name);
    for (size_t j = 0; j < c->n_bins; j++) {
        if (!isfinite(nominal[j]))
            return sbi_fail(SBI_ERR_VALUE, "channel %s, sample %s: bin %zu: %g expected", c->name, name, j, nominal[j]);
    }
    double *copy = copy_bins(m->ctx, nominal, c->n_bins);
    if (!copy) return SBI_ERR_NO_MEMORY;
    const model_column none = {0};
    sbi_status status = sbi_model_build_sample(m, channel, name, 1, NULL, &none, NULL, sample);
    if (status != SBI_OK) {
        sbi_free(m->ctx, copy);
        return status;
    }
    c->samples[*sample].nominal = copy;
    return SBI_OK;
}

static sbi_status get_binned(sbi_model *m, const char *function, size_t channel, size_t sample, model_channel **c, model_sample **s)
{
    SBI_TRY(sbi_model_get_sample(m, function, channel, sample, c, s));
    SBI_REQUIRE((*c)->n_bins, "%s: channel %s is not binned", function, (*c)->name);
    return SBI_OK;
}

sbi_status sbi_model_add_histosys(sbi_model *m, size_t channel, size_t sample, const char *parameter, const double *high, const double *low)
{
    model_channel *c = NULL;
    model_sample *s = NULL;
    size_t index = 0;
    SBI_TRY(get_binned(m, "sbi_model_add_histosys", channel, sample, &c, &s));
    SBI_TRY(sbi_model_get_parameter(m, parameter, &index));
    SBI_REQUIRE(high && low, "sbi_model_add_histosys: high or low is NULL");
    for (size_t j = 0; j < c->n_bins; j++) {
        if (!isfinite(high[j]) || !isfinite(low[j]))
            return sbi_fail(SBI_ERR_VALUE, "channel %s, sample %s: histosys %s: bin %zu: hi %g, lo %g", c->name, s->name, parameter, j,
                            high[j], low[j]);
    }
    for (size_t i = 0; i < s->n_histosys; i++) {
        if (s->histosys[i].parameter == index)
            return sbi_fail(SBI_ERR_EXISTS, "channel %s, sample %s: histosys %s was added already", c->name, s->name, parameter);
    }
    double *copy = sbi_alloc_array(m->ctx, 2 * c->n_bins, sizeof *copy);
    model_histosys *h = copy ? sbi_model_grow(m->ctx, (void **)&s->histosys, &s->n_histosys, sizeof *h) : NULL;
    if (!h) {
        sbi_free(m->ctx, copy);
        return SBI_ERR_NO_MEMORY;
    }
    memcpy(copy, high, c->n_bins * sizeof *copy);
    memcpy(copy + c->n_bins, low, c->n_bins * sizeof *copy);
    *h = (model_histosys){index, copy, copy + c->n_bins};
    return SBI_OK;
}

sbi_status sbi_model_add_bin_factors(sbi_model *m, size_t channel, size_t sample, const char *const *parameters)
{
    model_channel *c = NULL;
    model_sample *s = NULL;
    SBI_TRY(get_binned(m, "sbi_model_add_bin_factors", channel, sample, &c, &s));
    SBI_REQUIRE(parameters, "sbi_model_add_bin_factors: parameters is NULL");
    size_t *indexes = sbi_alloc_array(m->ctx, c->n_bins, sizeof *indexes);
    if (!indexes) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t j = 0; j < c->n_bins && status == SBI_OK; j++) status = sbi_model_get_parameter(m, parameters[j], &indexes[j]);
    if (status == SBI_OK) status = sbi_model_build_bin_factors(m, channel, sample, indexes);
    sbi_free(m->ctx, indexes);
    return status;
}

sbi_status sbi_model_build_bin_factors(sbi_model *m, size_t channel, size_t sample, const size_t *parameters)
{
    const model_channel *c = &m->channels[channel];
    model_sample *s = &c->samples[sample];
    size_t *copy = sbi_alloc_array(m->ctx, c->n_bins, sizeof *copy);
    model_bin_factors *f = copy ? sbi_model_grow(m->ctx, (void **)&s->bin_factors, &s->n_bin_factors, sizeof *f) : NULL;
    if (!f) {
        sbi_free(m->ctx, copy);
        return SBI_ERR_NO_MEMORY;
    }
    memcpy(copy, parameters, c->n_bins * sizeof *copy);
    f->parameters = copy;
    return SBI_OK;
}

/* ---- questions ---- */

size_t sbi_model_n_bins(const sbi_model *m, size_t channel)
{
    return m && channel < m->n_channels ? m->channels[channel].n_bins : 0;
}

static sbi_status check_question(const sbi_model *m, const char *function, size_t channel)
{
    SBI_REQUIRE(m, "%s: model is NULL", function);
    SBI_REQUIRE(channel < m->n_channels, "%s: there is no channel %zu", function, channel);
    SBI_REQUIRE(m->channels[channel].n_bins, "%s: channel %s is not binned", function, m->channels[channel].name);
    return SBI_OK;
}

sbi_status sbi_model_observed(const sbi_model *m, size_t channel, double *observed)
{
    SBI_TRY(check_question(m, "sbi_model_observed", channel));
    SBI_REQUIRE(observed, "sbi_model_observed: observed is NULL");
    memcpy(observed, m->channels[channel].observed, m->channels[channel].n_bins * sizeof *observed);
    return SBI_OK;
}

sbi_status sbi_model_expected(const sbi_model *m, size_t channel, const double *theta, double *expected, double *samples)
{
    SBI_TRY(check_question(m, "sbi_model_expected", channel));
    SBI_REQUIRE(theta, "sbi_model_expected: theta is NULL");
    if (!m->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_expected: the model is not sealed");
    return sbi_binned_expected(m->binned, channel, theta, expected, samples);
}
