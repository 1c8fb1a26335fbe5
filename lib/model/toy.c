/* SPDX-License-Identifier: Apache-2.0 */
/* Toy data sets of a model: counts of bins, events of unbinned channels, auxiliary observations; each by its number. */
#include "sbi/toy.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "model/binned.h"
#include "model/derive.h"

/* A toy that has fewer different events than this part of the sample gets columns of its own: docs/toys.md has what it brings. */
#define GATHERED_PART 2

/* Largest mean that sbi_random_poisson() takes. */
#define LARGEST_MEAN 0x1p50

typedef struct toy_channel {
    double *expected;   /* binned: [n_bins] */
    double *cumulative; /* unbinned: [n] w_0 + ... + w_j over the Asimov sample */
    int64_t n;
} toy_channel;

struct sbi_toy_generator {
    sbi_context *ctx;
    sbi_model *model; /* held */
    double *theta;
    toy_channel *channels;
    uint64_t seed;
    int32_t auxiliary;
    int32_t reserved_;
};

void sbi_toy_options_init(sbi_toy_options *options)
{
    if (!options) return;
    const sbi_toy_options defaults = SBI_TOY_OPTIONS_INIT;
    *options = defaults;
}

/* ---- what is expected ---- */

static sbi_status expect_bins(sbi_toy_generator *g, size_t channel, double *total)
{
    const model_channel *c = &g->model->channels[channel];
    toy_channel *t = &g->channels[channel];
    t->expected = sbi_alloc_array(g->ctx, c->n_bins, sizeof *t->expected);
    if (!t->expected) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_binned_expected(g->model->binned, channel, g->theta, t->expected, NULL));
    for (size_t b = 0; b < c->n_bins; b++) {
        if (!(t->expected[b] >= 0 && t->expected[b] <= LARGEST_MEAN))
            return sbi_fail(SBI_ERR_DOMAIN, "channel %s: bin %zu: %g events expected: no toy can be thrown", c->name, b, t->expected[b]);
        *total += t->expected[b];
    }
    return SBI_OK;
}

static sbi_status expect_events(sbi_toy_generator *g, size_t channel, double *total)
{
    const model_channel *c = &g->model->channels[channel];
    toy_channel *t = &g->channels[channel];
    t->n = sbi_model_n_asimov_events(g->model, channel);
    if (t->n < 0)
        return sbi_fail(SBI_ERR_STATE, "channel %s has no integration sample, and its events are not a reference sample: there is "
                        "nothing to take the events of toys from", c->name);
    t->cumulative = sbi_alloc_array(g->ctx, (size_t)t->n, sizeof *t->cumulative);
    if (!t->cumulative) return SBI_ERR_NO_MEMORY;
    SBI_TRY(sbi_model_fill_asimov(g->model, channel, g->theta, t->cumulative));
    double sum = 0;
    for (int64_t j = 0; j < t->n; j++) {
        if (t->cumulative[j] < 0)
            return sbi_fail(SBI_ERR_DOMAIN, "channel %s: row %lld of the sample for toys: %g events expected, since its weight is "
                            "negative", c->name, (long long)j, t->cumulative[j]);
        sum += t->cumulative[j];
        t->cumulative[j] = sum;
    }
    if (!(sum <= LARGEST_MEAN)) return sbi_fail(SBI_ERR_DOMAIN, "channel %s: %g events expected", c->name, sum);
    *total += sum;
    return SBI_OK;
}

static sbi_status check_parameters(const sbi_toy_generator *g)
{
    size_t constrained = 0;
    for (size_t k = 0; k < g->model->n_parameters; k++) {
        const model_parameter *p = &g->model->parameters[k];
        const double theta = g->theta[k];
        if (!isfinite(theta)) return sbi_fail(SBI_ERR_VALUE, "toys: theta of parameter %s is %g", p->name, theta);
        if (p->spec.constraint == SBI_CONSTRAINT_NONE) continue;
        constrained++;
        if (g->auxiliary == SBI_TOY_AUXILIARY_KEPT) continue;
        const double mean = theta / (p->spec.sigma * p->spec.sigma);
        if ((p->spec.constraint == SBI_CONSTRAINT_POISSON && !(mean >= 0 && mean <= LARGEST_MEAN)) ||
            (p->spec.constraint == SBI_CONSTRAINT_LOGNORMAL && !(theta > 0)))
            return sbi_fail(SBI_ERR_DOMAIN, "toys: theta of parameter %s is %g: its auxiliary observation cannot be thrown around that",
                            p->name, theta);
    }
    if (g->auxiliary == SBI_TOY_AUXILIARY_REQUIRED && constrained == 0)
        return sbi_fail(SBI_ERR_STATE, "toys: the model has no auxiliary data to throw: none of its %zu parameters has a constraint",
                        g->model->n_parameters);
    return SBI_OK;
}

static sbi_status prepare(sbi_toy_generator *g, const double *theta)
{
    const sbi_model *m = g->model;
    double total = 0;
    g->theta = sbi_alloc_array(g->ctx, m->n_parameters, sizeof *g->theta);
    g->channels = sbi_alloc_zero(g->ctx, m->n_channels, sizeof *g->channels);
    if (!g->theta || !g->channels) return SBI_ERR_NO_MEMORY;
    memcpy(g->theta, theta, m->n_parameters * sizeof *theta);
    SBI_TRY(check_parameters(g));
    for (size_t i = 0; i < m->n_channels; i++)
        SBI_TRY(m->channels[i].n_bins ? expect_bins(g, i, &total) : expect_events(g, i, &total));
    return total > 0 ? SBI_OK : sbi_fail(SBI_ERR_DOMAIN, "toys: zero events are expected at this point");
}

sbi_status sbi_toy_generator_create(sbi_toy_generator **out, const sbi_model *model, const double *theta,
                                    const sbi_toy_options *options)
{
    SBI_REQUIRE(out, "sbi_toy_generator_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model && theta, "sbi_toy_generator_create: model or theta is NULL");
    if (!model->tape) return sbi_fail(SBI_ERR_STATE, "sbi_toy_generator_create: the model is not sealed");
    sbi_toy_options o = SBI_TOY_OPTIONS_INIT;
    SBI_TRY(sbi_options_read(&o, sizeof o, sizeof o, options, "sbi_toy_options"));
    SBI_REQUIRE(o.auxiliary >= SBI_TOY_AUXILIARY_THROWN && o.auxiliary <= SBI_TOY_AUXILIARY_REQUIRED,
                "sbi_toy_options: auxiliary is %d", (int)o.auxiliary);
    sbi_toy_generator *g = sbi_alloc_zero(model->ctx, 1, sizeof *g);
    if (!g) return SBI_ERR_NO_MEMORY;
    g->ctx = model->ctx;
    g->model = (sbi_model *)(uintptr_t)model;
    g->seed = o.seed;
    g->auxiliary = o.auxiliary;
    atomic_fetch_add(&g->model->references, 1);
    sbi_status status = prepare(g, theta);
    if (status != SBI_OK) {
        sbi_toy_generator_destroy(g);
        return status;
    }
    *out = g;
    return SBI_OK;
}

void sbi_toy_generator_destroy(sbi_toy_generator *g)
{
    if (!g) return;
    for (size_t i = 0; g->channels && i < g->model->n_channels; i++) {
        sbi_free(g->ctx, g->channels[i].expected);
        sbi_free(g->ctx, g->channels[i].cumulative);
    }
    sbi_free(g->ctx, g->channels);
    sbi_free(g->ctx, g->theta);
    sbi_context *ctx = g->ctx;
    sbi_model_destroy(g->model);
    sbi_free(ctx, g);
}

/* ---- a toy ---- */

/* Stream 0 of a toy's seed is for auxiliary data, stream 1 + c for channel c. */
typedef struct toy {
    const sbi_toy_generator *g;
    uint64_t seed;
    int64_t *rows; /* of the channel that is being filled */
    double *counts;
    int64_t n, capacity;
} toy;

static double throw_auxiliary(const toy *t, size_t k)
{
    const sbi_parameter *p = &t->g->model->parameters[k].spec;
    const double truth = t->g->theta[k], sigma = p->sigma;
    switch (t->g->auxiliary == SBI_TOY_AUXILIARY_KEPT ? SBI_CONSTRAINT_NONE : p->constraint) {
    case SBI_CONSTRAINT_GAUSSIAN: return truth + sigma * sbi_random_normal(t->seed, 0, k);
    case SBI_CONSTRAINT_POISSON: return sigma * sigma * (double)sbi_random_poisson(t->seed, 0, k, truth / (sigma * sigma));
    case SBI_CONSTRAINT_LOGNORMAL: return truth * exp(sigma * sbi_random_normal(t->seed, 0, k));
    default: return p->auxiliary;
    }
}

static sbi_status throw_bins(toy *t, size_t channel, derived_data *out)
{
    const size_t n = t->g->model->channels[channel].n_bins;
    const double *expected = t->g->channels[channel].expected;
    out->observed = sbi_alloc_array(t->g->ctx, n, sizeof *out->observed);
    if (!out->observed) return SBI_ERR_NO_MEMORY;
    for (size_t b = 0; b < n; b++) out->observed[b] = (double)sbi_random_poisson(t->seed, 1 + channel, b, expected[b]);
    return SBI_OK;
}

static sbi_status add_event(toy *t, int64_t row)
{
    if (t->n && t->rows[t->n - 1] == row) {
        t->counts[t->n - 1] += 1;
        return SBI_OK;
    }
    if (t->n == t->capacity) {
        const int64_t more = 2 * t->capacity + 64;
        int64_t *rows = sbi_realloc_array(t->g->ctx, t->rows, (size_t)more, sizeof *rows);
        if (!rows) return SBI_ERR_NO_MEMORY;
        t->rows = rows;
        double *counts = sbi_realloc_array(t->g->ctx, t->counts, (size_t)more, sizeof *counts);
        if (!counts) return SBI_ERR_NO_MEMORY;
        t->counts = counts;
        t->capacity = more;
    }
    t->rows[t->n] = row;
    t->counts[t->n++] = 1;
    return SBI_OK;
}

/* The first row at or after `row` whose cumulative weight exceeds x, which the last one's does: doubling steps, then halving. */
static int64_t find_row(const double *cumulative, int64_t n, int64_t row, double x)
{
    int64_t step = 1, high = row;
    while (high < n - 1 && cumulative[high] <= x) {
        row = high + 1;
        high += step;
        step *= 2;
    }
    if (high > n - 1) high = n - 1;
    while (row < high) {
        const int64_t middle = row + (high - row) / 2;
        if (cumulative[middle] <= x) row = middle + 1;
        else high = middle;
    }
    return row;
}

/* A Poisson process of unit rate along the cumulative weight: row j gets a number of events that is Poisson with mean w_j, all of
 * them independent, at a cost that follows the events of the toy and not the rows of the sample. */
static sbi_status throw_events(toy *t, size_t channel)
{
    const toy_channel *c = &t->g->channels[channel];
    const double total = c->n ? c->cumulative[c->n - 1] : 0;
    int64_t row = 0;
    double x = 0;
    t->n = 0;
    for (uint64_t i = 0;; i++) {
        x -= log(sbi_random_uniform(t->seed, 1 + channel, i));
        if (!(x < total)) return SBI_OK;
        row = find_row(c->cumulative, c->n, row, x);
        SBI_TRY(add_event(t, row));
    }
}

static sbi_status fill_channel(void *arg, size_t channel, derived_data *out)
{
    static const int64_t no_rows[1] = {0};
    toy *t = arg;
    const toy_channel *c = &t->g->channels[channel];
    if (c->expected) return throw_bins(t, channel, out);
    SBI_TRY(throw_events(t, channel));
    const int gathered = t->n < c->n / GATHERED_PART;
    out->n = gathered ? t->n : c->n;
    out->rows = !gathered ? NULL : t->n ? t->rows : no_rows;
    out->weights = sbi_alloc_zero(t->g->ctx, (size_t)out->n, sizeof *out->weights);
    if (!out->weights) return SBI_ERR_NO_MEMORY;
    if (gathered && t->n)
        memcpy(out->weights, t->counts, (size_t)t->n * sizeof *out->weights);
    for (int64_t i = 0; !gathered && i < t->n; i++) out->weights[t->rows[i]] = t->counts[i];
    return SBI_OK;
}

sbi_status sbi_toy_generate(sbi_model **out, const sbi_toy_generator *g, int64_t number)
{
    SBI_REQUIRE(out, "sbi_toy_generate: out is NULL");
    *out = NULL;
    SBI_REQUIRE(g, "sbi_toy_generate: generator is NULL");
    SBI_REQUIRE(number >= 0, "sbi_toy_generate: number is %lld", (long long)number);
    toy t = {.g = g, .seed = sbi_random_derive(g->seed, "toy", (uint64_t)number)};
    double *auxiliary = sbi_alloc_array(g->ctx, g->model->n_parameters, sizeof *auxiliary);
    if (!auxiliary) return SBI_ERR_NO_MEMORY;
    for (size_t k = 0; k < g->model->n_parameters; k++) auxiliary[k] = throw_auxiliary(&t, k);
    sbi_status status = sbi_model_derive(out, g->model, "sbi_toy_generate", auxiliary, DERIVE_QUIET, fill_channel, &t);
    sbi_free(g->ctx, t.rows);
    sbi_free(g->ctx, t.counts);
    sbi_free(g->ctx, auxiliary);
    return status;
}
