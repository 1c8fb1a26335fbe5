/* SPDX-License-Identifier: Apache-2.0 */
/* Without Z_p, a per-event variation whose mean is not one between alpha = -1, 0 and 1 adds about -N Var(ln g) alpha^2 / 2 to
 * the NLL, against the constraint's alpha^2 / 2: unbounded below once N Var(ln g) > 1. */
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "io/column.h"
#include "model/model.h"

/* A sample of events is enough to tell 1 from 10. */
#define MOST_EVENTS 20000

static double at(const sbi_array *a, int64_t i)
{
    return sbi_element_f64((const unsigned char *)a->data + i * a->strides[0], a->dtype);
}

/* N_p Var(ln g) under the process's share of the events, at alpha = +1 and -1, the larger of the two. */
static double variance_times_yield(const model_channel *c, size_t process, const model_eventsys *e)
{
    int64_t step = c->n_events / MOST_EVENTS + 1;
    double sum_w = 0, sum_h = 0, sum_hh = 0, sum_l = 0, sum_ll = 0;
    for (int64_t i = 0; i < c->n_events; i += step) {
        double lambda = 0, own = 0;
        for (size_t p = 0; p < c->n_samples; p++) {
            double term = c->samples[p].yield * at(&c->samples[p].ratio, i);
            lambda += term;
            if (p == process) own = term;
        }
        if (!(lambda > 0)) continue;
        double w = (c->has_weights ? at(&c->weights, i) : 1.0) * own / lambda;
        double h = at(&e->high, i), l = at(&e->low, i);
        if (e->storage == SBI_MORPH_RATIO) {
            h = log(h);
            l = log(l);
        }
        sum_w += w;
        sum_h += w * h;
        sum_hh += w * h * h;
        sum_l += w * l;
        sum_ll += w * l * l;
    }
    if (!(fabs(sum_w) > 0)) return 0;
    double high = sum_hh - sum_h * sum_h / sum_w, low = sum_ll - sum_l * sum_l / sum_w;
    return (double)step * fmax(high, low);
}

sbi_status sbi_model_check_normalisation(const sbi_model *m)
{
    for (size_t i = 0; i < m->n_channels; i++) {
        const model_channel *c = &m->channels[i];
        for (size_t p = 0; c->n_integration < 0 && p < c->n_samples; p++) {
            const model_sample *s = &c->samples[p];
            for (size_t k = 0; k < s->n_eventsys; k++) {
                SBI_TRY(sbi_check_cancel(m->ctx, "sbi_model_seal"));
                double limit = variance_times_yield(c, p, &s->eventsys[k]);
                if (!(limit > 1)) continue;
                sbi_log(m->ctx, SBI_LOG_WARNING,
                        "channel %s, sample %s, parameter %s: N Var(ln g) = %.3g > 1 and no integration sample: the "
                        "likelihood may be unbounded below",
                        c->name, s->name, m->parameters[s->eventsys[k].parameter].name, limit);
            }
        }
    }
    return SBI_OK;
}
