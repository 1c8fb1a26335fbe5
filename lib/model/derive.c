/* SPDX-License-Identifier: Apache-2.0 */
#include "model/derive.h"

#include <math.h>

#include "base/error.h"
#include "base/memory.h"

/* Rows are picked out of blocks read whole where at least one in so many is wanted, else one by one. */
#define DENSE 24
#define BLOCK_ROWS 512

/* A binned channel; its samples share the parent's lists. */
static sbi_status copy_bins(sbi_model *out, const model_channel *from, model_channel *c)
{
    c->n_integration = -1;
    for (size_t i = 0; i < from->n_samples; i++) {
        model_sample *s = sbi_model_grow(out->ctx, (void **)&c->samples, &c->n_samples, sizeof *s);
        if (!s) return SBI_ERR_NO_MEMORY;
        *s = from->samples[i];
    }
    c->n_bins = from->n_bins;
    return SBI_OK;
}

/* ---- events ---- */

/* The column over the events that the derived model's are taken from. */
static const model_column *asimov_column(const model_channel *from, const model_column *own, const model_column *integration)
{
    return from->n_integration < 0 ? own : integration;
}

/* Values of a column at ascending rows. */
static sbi_status gather(const model_column *column, const int64_t *rows, int64_t n, double *out)
{
    double block[BLOCK_ROWS];
    for (int64_t i = 0, run; i < n; i += run) {
        const int64_t first = rows[i], last = first + BLOCK_ROWS < column->n ? first + BLOCK_ROWS : column->n;
        for (run = 1; i + run < n && rows[i + run] < last; run++) {
        }
        const int64_t wide = rows[i + run - 1] - first + 1;
        if (wide <= DENSE * run) {
            SBI_TRY(sbi_model_column_read(column, first, wide, block));
            for (int64_t j = 0; j < run; j++) out[i + j] = block[rows[i + j] - first];
        } else {
            for (int64_t j = 0; j < run; j++) SBI_TRY(sbi_model_column_read(column, rows[i + j], 1, &out[i + j]));
        }
    }
    return SBI_OK;
}

/* Columns of a derived channel: the parent's, or their rows gathered into a block of the channel's own. */
typedef struct columns {
    const derived_data *data;
    double *next;
} columns;

static sbi_status take_column(columns *w, const model_column *from, model_column *to)
{
    const int64_t n = w->data->n;
    if (!w->data->rows) {
        *to = *from;
        return SBI_OK;
    }
    SBI_TRY(gather(from, w->data->rows, n, w->next));
    const sbi_array own = sbi_array_1d(w->next, SBI_F64, n);
    *to = sbi_model_lent_column(&own);
    w->next += n;
    return SBI_OK;
}

/* Lists without columns stay the parent's. */
static sbi_status copy_sample(sbi_context *ctx, const model_channel *from, const model_sample *s, columns *w, model_sample *out)
{
    *out = *s;
    out->eventsys = NULL;
    if (s->n_eventsys) {
        out->eventsys = sbi_alloc_array(ctx, s->n_eventsys, sizeof *out->eventsys);
        if (!out->eventsys) return SBI_ERR_NO_MEMORY;
    }
    SBI_TRY(take_column(w, asimov_column(from, &s->ratio, &s->integration_ratio), &out->ratio));
    for (size_t k = 0; k < s->n_eventsys; k++) {
        model_eventsys *e = &out->eventsys[k];
        const model_eventsys *of = &s->eventsys[k];
        *e = *of;
        SBI_TRY(take_column(w, asimov_column(from, &of->high, &of->integration_high), &e->high));
        SBI_TRY(take_column(w, asimov_column(from, &of->low, &of->integration_low), &e->low));
    }
    return SBI_OK;
}

static sbi_status copy_events(sbi_model *out, const model_channel *from, const derived_data *data, model_channel *c)
{
    columns w = {data, NULL};
    size_t n_columns = from->n_samples;
    for (size_t i = 0; i < from->n_samples; i++) n_columns += 2 * from->samples[i].n_eventsys;
    c->n_events = data->n;
    c->n_integration = from->n_integration;
    c->integration_weights = from->integration_weights;
    c->has_weights = 1;
    /* The new events are data: what they were a sample of, they no longer are. */
    c->flags = from->flags & ~(uint32_t)SBI_CHANNEL_REFERENCE;
    if (data->rows) {
        c->own_columns = sbi_alloc_array(out->ctx, n_columns * (size_t)data->n, sizeof *c->own_columns);
        if (!c->own_columns) return SBI_ERR_NO_MEMORY;
        w.next = c->own_columns;
    }
    for (size_t i = 0; i < from->n_samples; i++) {
        model_sample *s = sbi_model_grow(out->ctx, (void **)&c->samples, &c->n_samples, sizeof *s);
        if (!s) return SBI_ERR_NO_MEMORY;
        SBI_TRY(copy_sample(out->ctx, from, &from->samples[i], &w, s));
    }
    const sbi_array own = sbi_array_1d(c->own_weights, SBI_F64, data->n);
    c->weights = sbi_model_lent_column(&own);
    return SBI_OK;
}

static sbi_status copy_channel(sbi_model *out, const sbi_model *m, size_t channel, derive_fill fill, void *arg)
{
    const model_channel *from = &m->channels[channel];
    model_channel *c = sbi_model_grow(out->ctx, (void **)&out->channels, &out->n_channels, sizeof *c);
    if (!c) return SBI_ERR_NO_MEMORY;
    c->name = from->name;
    derived_data data = {0};
    sbi_status status = fill(arg, channel, &data);
    c->observed = data.observed;
    c->own_weights = data.weights;
    SBI_TRY(status);
    return from->n_bins ? copy_bins(out, from, c) : copy_events(out, from, &data, c);
}

/* ---- the model ---- */

static sbi_status copy_parameters(sbi_model *out, const sbi_model *m, const char *function, const double *auxiliary)
{
    for (size_t i = 0; i < m->n_parameters; i++) {
        SBI_TRY(sbi_model_reserve_name(out));
        model_parameter *p = sbi_model_grow(out->ctx, (void **)&out->parameters, &out->n_parameters, sizeof *p);
        if (!p) return SBI_ERR_NO_MEMORY;
        *p = m->parameters[i];
        p->spec.auxiliary = auxiliary[i];
        sbi_model_enter_name(out);
        if (!isfinite(auxiliary[i]))
            return sbi_fail(SBI_ERR_VALUE, "%s: theta of parameter %s is %g", function, p->name, auxiliary[i]);
        if ((p->spec.constraint == SBI_CONSTRAINT_POISSON && auxiliary[i] < 0) ||
            (p->spec.constraint == SBI_CONSTRAINT_LOGNORMAL && !(auxiliary[i] > 0)))
            return sbi_fail(SBI_ERR_DOMAIN, "%s: theta of parameter %s is %g: its auxiliary observation cannot be that", function,
                            p->name, auxiliary[i]);
    }
    out->poi = m->poi;
    return SBI_OK;
}

sbi_status sbi_model_derive(sbi_model **out, const sbi_model *model, const char *function, const double *auxiliary, int flags,
                            derive_fill fill, void *arg)
{
    sbi_model *m, *parent = (sbi_model *)(uintptr_t)model;
    *out = NULL;
    SBI_TRY(sbi_model_create(&m, model->ctx));
    atomic_fetch_add(&parent->references, 1); /* all that a sealed model shared between threads changes */
    m->parent = parent;
    m->quiet = flags & DERIVE_QUIET;
    sbi_status status = copy_parameters(m, model, function, auxiliary);
    for (size_t i = 0; i < model->n_channels && status == SBI_OK; i++) status = copy_channel(m, model, i, fill, arg);
    if (status == SBI_OK) status = sbi_model_seal(m);
    if (status != SBI_OK) {
        sbi_model_destroy(m);
        return status;
    }
    *out = m;
    return SBI_OK;
}
