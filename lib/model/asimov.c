/* SPDX-License-Identifier: Apache-2.0 */
/* Asimov data: the integration sample, or events that are a sample of p_ref themselves, weighted to what is expected at theta. */
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "model/binned.h"
#include "model/derive.h"
#include "tape/interpolation.h"

#define BLOCK_EVENTS 8192

/* The sample that a channel's Asimov data live on. */
static int uses_events(const model_channel *c)
{
    return c->n_integration < 0;
}

static const model_column *ratio_of(const model_channel *c, const model_sample *s)
{
    return uses_events(c) ? &s->ratio : &s->integration_ratio;
}

/* v_j, or the events' own weights. */
static sbi_status read_weights(const model_channel *c, int64_t n, double *v)
{
    if (!uses_events(c)) return sbi_model_column_read(&c->integration_weights, 0, n, v);
    if (c->has_weights) return sbi_model_column_read(&c->weights, 0, n, v);
    for (int64_t i = 0; i < n; i++) v[i] = 1.0;
    return SBI_OK;
}

int64_t sbi_model_n_asimov_events(const sbi_model *m, size_t channel)
{
    if (!m || channel >= m->n_channels) return -1;
    const model_channel *c = &m->channels[channel];
    if (!uses_events(c)) return c->n_integration;
    return c->flags & SBI_CHANNEL_REFERENCE ? c->n_events : -1;
}

typedef struct density_job {
    const model_channel *channel;
    const model_sample *sample;
    const double *theta;
    double *density; /* [n] r_p prod_k g_k */
    int64_t n;
} density_job;

static sbi_status fill_block(void *arg, size_t block)
{
    const density_job *job = arg;
    int64_t first = (int64_t)block * BLOCK_EVENTS, last = first + BLOCK_EVENTS;
    if (last > job->n) last = job->n;
    const model_sample *s = job->sample;
    int own = uses_events(job->channel);
    double highs[SBI_TAPE_BLOCK], lows[SBI_TAPE_BLOCK];
    SBI_TRY(sbi_model_column_read(ratio_of(job->channel, s), first, last - first, job->density + first));
    for (size_t k = 0; k < s->n_eventsys; k++) {
        const model_eventsys *e = &s->eventsys[k];
        const model_column *high = own ? &e->high : &e->integration_high, *low = own ? &e->low : &e->integration_low;
        for (int64_t at = first; at < last; at += SBI_TAPE_BLOCK) {
            const int64_t count = last - at < SBI_TAPE_BLOCK ? last - at : SBI_TAPE_BLOCK;
            SBI_TRY(sbi_model_column_read(high, at, count, highs));
            SBI_TRY(sbi_model_column_read(low, at, count, lows));
            for (int64_t i = 0; i < count; i++) {
                double up = highs[i], down = lows[i], g[3];
                if (e->storage == SBI_MORPH_LOG) {
                    up = exp(up);
                    down = exp(down);
                }
                sbi_interpolate(SBI_INTERP_CODE4, up, down, job->theta[e->parameter], g);
                job->density[at + i] *= g[0];
            }
        }
    }
    return SBI_OK;
}

/* Adds nu_p s_pj of one process to lambda. */
static sbi_status add_process(const sbi_model *m, const model_channel *c, const model_sample *s, double yield,
                              const double *theta, const double *v, double *density, double *lambda, int64_t n)
{
    density_job job = {c, s, theta, density, n};
    SBI_TRY(sbi_parallel_for(m->ctx, (size_t)((n + BLOCK_EVENTS - 1) / BLOCK_EVENTS), fill_block, &job));
    double scale = yield;
    if (!uses_events(c) && s->n_eventsys) { /* Z_p, exactly where the likelihood has it */
        double integral = 0;
        for (int64_t i = 0; i < n; i++) integral += v[i] * density[i];
        if (!(fabs(integral) > 0))
            return sbi_fail(SBI_ERR_DOMAIN, "channel %s, sample %s: its integral at this point is %g", c->name, s->name,
                            integral);
        scale *= s->integration_sum / integral;
    }
    for (int64_t i = 0; i < n; i++) lambda[i] += scale * density[i];
    return SBI_OK;
}

/* lambda_j -> v_j lambda_j / sum v. */
static sbi_status weigh(const sbi_model *m, const model_channel *c, const double *reference, double *weights, int64_t n,
                        double expected)
{
    double total = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) total += reference[i];
    if (!(total > 0))
        return sbi_fail(SBI_ERR_DOMAIN, "channel %s: the weights of the sample for Asimov data sum to %g", c->name, total);
    for (int64_t i = 0; i < n; i++) {
        double v = reference[i];
        if (v != 0 && !(weights[i] > 0))
            return sbi_fail(SBI_ERR_DOMAIN, "channel %s: row %lld of the sample for Asimov data: the expected density is %g",
                            c->name, (long long)i, weights[i]);
        weights[i] = v != 0 ? v * weights[i] / total : 0;
        sum += weights[i];
    }
    if (fabs(sum - expected) > 0.1 * sqrt(fabs(expected)))
        sbi_log(m->ctx, SBI_LOG_WARNING,
                "channel %s: the Asimov data sum to %.6g, the expected yield is %.6g: some ratio's mean over the sample is not one",
                c->name, sum, expected);
    return SBI_OK;
}

sbi_status sbi_model_fill_asimov(const sbi_model *m, size_t channel, const double *theta, double *weights)
{
    const model_channel *c = &m->channels[channel];
    int64_t n = sbi_model_n_asimov_events(m, channel);
    if (c->n_bins) return sbi_fail(SBI_ERR_STATE, "channel %s is binned: sbi_model_expected() has its Asimov data", c->name);
    if (n < 0)
        return sbi_fail(SBI_ERR_STATE, "channel %s has no integration sample, and its events are not a reference sample",
                        c->name);
    double *density = sbi_alloc_array(m->ctx, (size_t)n, sizeof *density), expected = 0;
    double *v = sbi_alloc_array(m->ctx, (size_t)n, sizeof *v);
    double *yields = sbi_alloc_array(m->ctx, c->n_samples, sizeof *yields);
    sbi_status status = density && v && yields ? read_weights(c, n, v) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_model_yields(m, channel, theta, yields);
    for (int64_t i = 0; i < n; i++) weights[i] = 0;
    for (size_t p = 0; p < c->n_samples && status == SBI_OK; p++) {
        status = add_process(m, c, &c->samples[p], yields[p], theta, v, density, weights, n);
        expected += yields[p];
    }
    if (status == SBI_OK) status = weigh(m, c, v, weights, n, expected);
    sbi_free(m->ctx, yields);
    sbi_free(m->ctx, v);
    sbi_free(m->ctx, density);
    return status;
}

sbi_status sbi_model_asimov_weights(const sbi_model *m, size_t channel, const double *theta, double *weights)
{
    SBI_REQUIRE(m && theta && weights, "sbi_model_asimov_weights: an argument is NULL");
    SBI_REQUIRE(channel < m->n_channels, "sbi_model_asimov_weights: there is no channel %zu", channel);
    if (!m->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_asimov_weights: the model is not sealed");
    return sbi_model_fill_asimov(m, channel, theta, weights);
}

/* ---- the model ---- */

typedef struct truth {
    const sbi_model *model;
    const double *theta;
} truth;

/* A binned channel that observed what is expected. */
static sbi_status fill_bins(const sbi_model *m, size_t channel, const double *theta, derived_data *out)
{
    const model_channel *c = &m->channels[channel];
    out->observed = sbi_alloc_array(m->ctx, c->n_bins, sizeof *out->observed);
    if (!out->observed) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_binned_expected(m->binned, channel, theta, out->observed, NULL));
    for (size_t j = 0; j < c->n_bins; j++) {
        if (!(out->observed[j] >= 0) || !isfinite(out->observed[j]))
            return sbi_fail(SBI_ERR_DOMAIN, "channel %s: bin %zu: %g expected at this point", c->name, j, out->observed[j]);
    }
    return SBI_OK;
}

static sbi_status fill_channel(void *arg, size_t channel, derived_data *out)
{
    const truth *t = arg;
    const sbi_model *m = t->model;
    if (m->channels[channel].n_bins) return fill_bins(m, channel, t->theta, out);
    const int64_t n = sbi_model_n_asimov_events(m, channel);
    out->n = n;
    out->weights = sbi_alloc_array(m->ctx, n > 0 ? (size_t)n : 0, sizeof *out->weights);
    if (!out->weights) return SBI_ERR_NO_MEMORY;
    return sbi_model_fill_asimov(m, channel, t->theta, out->weights);
}

sbi_status sbi_model_asimov(sbi_model **out, const sbi_model *model, const double *theta)
{
    SBI_REQUIRE(out, "sbi_model_asimov: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model && theta, "sbi_model_asimov: model or theta is NULL");
    if (!model->tape) return sbi_fail(SBI_ERR_STATE, "sbi_model_asimov: the model is not sealed");
    truth t = {model, theta};
    return sbi_model_derive(out, model, "sbi_model_asimov", theta, 0, fill_channel, &t);
}
