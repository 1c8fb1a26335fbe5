/* SPDX-License-Identifier: Apache-2.0 */
/* Without Z_p, a per-event variation whose mean is not one between alpha = -1, 0 and 1 adds about -N Var(ln g) alpha^2 / 2 to
 * the NLL, against the constraint's alpha^2 / 2: unbounded below once N Var(ln g) > 1. */
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/model.h"

/* A sample of events is enough to tell 1 from 10. */
#define MOST_EVENTS 20000

/* In runs of neighbours, spread evenly, so that few blocks of a file are read. */
#define RUN 256

/* A part of the events of a channel. */
typedef struct thinned {
    const model_channel *c;
    int64_t runs, run, step; /* run i is events [i step, i step + run) */
    int64_t n;               /* events in all of them */
    double *yields;  /* [n_samples] at the start values */
    double *weights; /* [n] */
    double *ratios;  /* [n_samples, n] */
    double *share;   /* [n] events of the process that stands to be looked at: w p_p */
    double *column;  /* [n] */
} thinned;

static sbi_status read_thinned(const thinned *t, const model_column *column, double *out)
{
    for (int64_t i = 0; i < t->runs; i++) SBI_TRY(sbi_model_column_read(column, i * t->step, t->run, out + i * t->run));
    return SBI_OK;
}

/* nu_p at the start values. Interference may make it zero there and not where the fit goes: then nu_p0. */
static double yield_of(const thinned *t, size_t process)
{
    double nu = t->yields[process];
    return isfinite(nu) && nu != 0 ? nu : t->c->samples[process].yield;
}

static void fill_share(const thinned *t, size_t process)
{
    const model_channel *c = t->c;
    for (int64_t j = 0; j < t->n; j++) {
        double lambda = 0;
        for (size_t p = 0; p < c->n_samples; p++) {
            double nu = p == process ? yield_of(t, p) : t->yields[p];
            if (isfinite(nu)) lambda += nu * t->ratios[(int64_t)p * t->n + j];
        }
        double own = yield_of(t, process) * t->ratios[(int64_t)process * t->n + j];
        t->share[j] = lambda > 0 ? t->weights[j] * own / lambda : 0;
    }
}

/* N_p Var(ln g) over the process's share of the events. */
static sbi_status variance_times_yield(const thinned *t, const model_column *column, int32_t storage, double *most)
{
    double sum = 0, first = 0, second = 0;
    SBI_TRY(read_thinned(t, column, t->column));
    for (int64_t j = 0; j < t->n; j++) {
        double x = t->column[j], w = t->share[j];
        if (storage == SBI_MORPH_RATIO) x = log(x);
        sum += w;
        first += w * x;
        second += w * x * x;
    }
    if (sum != 0) *most = fmax(*most, (double)t->c->n_events / (double)t->n * (second - first * first / sum));
    return SBI_OK;
}

static sbi_status check_channel(const sbi_model *m, const thinned *t)
{
    const model_channel *c = t->c;
    if (c->has_weights)
        SBI_TRY(read_thinned(t, &c->weights, t->weights));
    else
        for (int64_t j = 0; j < t->n; j++) t->weights[j] = 1;
    for (size_t p = 0; p < c->n_samples; p++)
        SBI_TRY(read_thinned(t, &c->samples[p].ratio, t->ratios + (int64_t)p * t->n));
    for (size_t p = 0; p < c->n_samples; p++) {
        const model_sample *s = &c->samples[p];
        if (!s->n_eventsys) continue;
        fill_share(t, p);
        for (size_t k = 0; k < s->n_eventsys; k++) {
            const model_eventsys *e = &s->eventsys[k];
            SBI_TRY(sbi_check_cancel(m->ctx, "sbi_model_seal"));
            double moved = 0;
            SBI_TRY(variance_times_yield(t, &e->high, e->storage, &moved));
            SBI_TRY(variance_times_yield(t, &e->low, e->storage, &moved));
            if (!(moved > 1)) continue;
            sbi_log(m->ctx, SBI_LOG_WARNING,
                    "channel %s, sample %s, parameter %s: N Var(ln g) = %.3g > 1 and no integration sample: the likelihood "
                    "may be unbounded below",
                    c->name, s->name, m->parameters[e->parameter].name, moved);
        }
    }
    return SBI_OK;
}

static int has_variations(const model_channel *c)
{
    for (size_t p = 0; p < c->n_samples; p++) {
        if (c->samples[p].n_eventsys) return 1;
    }
    return 0;
}

sbi_status sbi_model_check_normalisation(const sbi_model *m)
{
    double *theta = sbi_alloc_array(m->ctx, m->n_parameters, sizeof *theta);
    sbi_status status = theta ? sbi_model_start(m, theta) : SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < m->n_channels && status == SBI_OK; i++) {
        const model_channel *c = &m->channels[i];
        if (c->n_integration >= 0 || !has_variations(c)) continue;
        thinned t = {.c = c, .runs = 1, .run = c->n_events};
        if (c->n_events > MOST_EVENTS) {
            t.runs = MOST_EVENTS / RUN;
            t.run = RUN;
            t.step = c->n_events / t.runs;
        }
        t.n = t.runs * t.run;
        t.yields = sbi_alloc_array(m->ctx, c->n_samples, sizeof *t.yields);
        t.weights = sbi_alloc_array(m->ctx, (3 + c->n_samples) * (size_t)t.n, sizeof *t.weights);
        if (t.weights) {
            t.share = t.weights + t.n;
            t.column = t.share + t.n;
            t.ratios = t.column + t.n;
        }
        status = t.yields && t.weights ? sbi_model_yields(m, i, theta, t.yields) : SBI_ERR_NO_MEMORY;
        /* A factor without a value at the start is for the fit to report. */
        for (size_t p = 0; status == SBI_ERR_DOMAIN && p < c->n_samples; p++) t.yields[p] = c->samples[p].yield;
        if (status == SBI_OK || status == SBI_ERR_DOMAIN) status = check_channel(m, &t);
        sbi_free(m->ctx, t.weights);
        sbi_free(m->ctx, t.yields);
    }
    sbi_free(m->ctx, theta);
    return status;
}
