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

/* Every step-th event of a channel. */
typedef struct thinned {
    const model_channel *c;
    int64_t step, n;
    double *yields; /* [n_samples] at the start values */
    double *share;  /* [n] events of the process that stands to be looked at: w p_p */
} thinned;

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
            if (isfinite(nu)) lambda += nu * sbi_model_element(&c->samples[p].ratio, j * t->step);
        }
        double own = yield_of(t, process) * sbi_model_element(&c->samples[process].ratio, j * t->step);
        double weight = c->has_weights ? sbi_model_element(&c->weights, j * t->step) : 1.0;
        t->share[j] = lambda > 0 ? weight * own / lambda : 0;
    }
}

/* N_p Var(ln g) over the process's share of the events. */
static double variance_times_yield(const thinned *t, const sbi_array *column, int32_t storage)
{
    double sum = 0, first = 0, second = 0;
    for (int64_t j = 0; j < t->n; j++) {
        double x = sbi_model_element(column, j * t->step), w = t->share[j];
        if (storage == SBI_MORPH_RATIO) x = log(x);
        sum += w;
        first += w * x;
        second += w * x * x;
    }
    return sum != 0 ? (double)t->step * (second - first * first / sum) : 0;
}

static sbi_status check_channel(const sbi_model *m, const thinned *t)
{
    const model_channel *c = t->c;
    for (size_t p = 0; p < c->n_samples; p++) {
        const model_sample *s = &c->samples[p];
        if (!s->n_eventsys) continue;
        fill_share(t, p);
        for (size_t k = 0; k < s->n_eventsys; k++) {
            const model_eventsys *e = &s->eventsys[k];
            SBI_TRY(sbi_check_cancel(m->ctx, "sbi_model_seal"));
            double moved = fmax(variance_times_yield(t, &e->high, e->storage), variance_times_yield(t, &e->low, e->storage));
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
        thinned t = {.c = c, .step = c->n_events / MOST_EVENTS + 1};
        t.n = (c->n_events + t.step - 1) / t.step;
        t.yields = sbi_alloc_array(m->ctx, c->n_samples, sizeof *t.yields);
        t.share = sbi_alloc_array(m->ctx, (size_t)t.n, sizeof *t.share);
        status = t.yields && t.share ? sbi_model_yields(m, i, theta, t.yields) : SBI_ERR_NO_MEMORY;
        /* A factor without a value at the start is for the fit to report. */
        for (size_t p = 0; status == SBI_ERR_DOMAIN && p < c->n_samples; p++) t.yields[p] = c->samples[p].yield;
        if (status == SBI_OK || status == SBI_ERR_DOMAIN) status = check_channel(m, &t);
        sbi_free(m->ctx, t.share);
        sbi_free(m->ctx, t.yields);
    }
    sbi_free(m->ctx, theta);
    return status;
}
