/* SPDX-License-Identifier: Apache-2.0 */
/* What the event weights of a channel amount to, and which of them make no likelihood. */
#include "base/error.h"
#include "base/log.h"
#include "model/model.h"

#define ROWS_AT_ONCE 1024

typedef struct weight_sums {
    double sum, squares;
    int64_t negative;
} weight_sums;

/* In the order of the rows, so that the bits are always the same. */
static sbi_status sum_weights(const model_channel *c, weight_sums *out)
{
    *out = (weight_sums){0, 0, 0};
    if (c->n_bins) {
        for (size_t b = 0; b < c->n_bins; b++) out->sum += c->observed[b];
        out->squares = out->sum; /* counts */
        return SBI_OK;
    }
    if (!c->has_weights) {
        out->sum = out->squares = (double)c->n_events;
        return SBI_OK;
    }
    double w[ROWS_AT_ONCE];
    for (int64_t first = 0; first < c->n_events; first += ROWS_AT_ONCE) {
        const int64_t n = c->n_events - first < ROWS_AT_ONCE ? c->n_events - first : ROWS_AT_ONCE;
        SBI_TRY(sbi_model_column_read(&c->weights, first, n, w));
        for (int64_t i = 0; i < n; i++) {
            out->sum += w[i];
            out->squares += w[i] * w[i];
            out->negative += w[i] < 0;
        }
    }
    return SBI_OK;
}

static double effective_number(const weight_sums *s)
{
    return s->squares > 0 ? s->sum * s->sum / s->squares : 0;
}

sbi_status sbi_model_effective_events(const sbi_model *m, size_t channel, double *sum, double *effective)
{
    SBI_REQUIRE(m && sum && effective, "sbi_model_effective_events: an argument is NULL");
    SBI_REQUIRE(channel < m->n_channels, "sbi_model_effective_events: there is no channel %zu", channel);
    weight_sums s;
    SBI_TRY(sum_weights(&m->channels[channel], &s));
    *sum = s.sum;
    *effective = effective_number(&s);
    return SBI_OK;
}

sbi_status sbi_model_check_weights(const sbi_model *m)
{
    for (size_t i = 0; i < m->n_channels; i++) {
        const model_channel *c = &m->channels[i];
        /* Asimov data of an integration sample with signed weights have them, too. */
        if (!(c->flags & (SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS | SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS))) continue;
        if (!c->has_weights) continue;
        weight_sums s;
        SBI_TRY(sum_weights(c, &s));
        if (s.negative == 0) continue;
        if (s.sum < 0)
            return sbi_fail(SBI_ERR_VALUE, "channel %s: the weights of its events sum to %g: the likelihood has no minimum",
                            c->name, s.sum);
        sbi_log(m->ctx, SBI_LOG_WARNING,
                "channel %s: %lld of %lld weights are negative; the effective number of events is %.6g, their sum %.6g", c->name,
                (long long)s.negative, (long long)c->n_events, effective_number(&s), s.sum);
    }
    return SBI_OK;
}
