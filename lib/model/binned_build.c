/* SPDX-License-Identifier: Apache-2.0 */
/* From the model's description to the flat arrays of its binned channels. Variations that vary nothing are left out. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/binned.h"

#define NOWHERE UINT32_MAX

typedef struct builder {
    const sbi_model *m;
    sbi_binned *b;
    uint32_t *place; /* [n_parameters] scratch: alphas of the model, or locals of a channel */
    size_t n_samples, n_scalars, n_normsys, n_histosys, n_gammas, n_locals, n_groups, n_data;
} builder;

static int varies(const model_sample *s, const model_histosys *h, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        if (h->high[j] != s->nominal[j] || h->low[j] != s->nominal[j]) return 1;
    }
    return 0;
}

/* ---- memory ---- */

/* Room for the most that there can be. */
static sbi_status allocate(builder *w)
{
    const sbi_model *m = w->m;
    sbi_binned *b = w->b;
    size_t n_samples = 0, n_scalars = 0, n_normsys = 0, n_histosys = 0, n_gammas = 0, n_groups = 0, n_data = 0, n_channels = 0;
    for (size_t i = 0; i < m->n_channels; i++) {
        const model_channel *c = &m->channels[i];
        if (!c->n_bins) continue;
        n_channels++;
        n_data += c->n_bins;
        n_samples += c->n_samples;
        for (size_t k = 0; k < c->n_samples; k++) {
            const model_sample *s = &c->samples[k];
            n_scalars += s->n_normfactors + s->n_normsys;
            n_normsys += s->n_normsys;
            n_histosys += s->n_histosys;
            n_gammas += s->n_bin_factors;
            n_groups += s->n_bin_factors * c->n_bins;
            n_data += c->n_bins * (1 + 2 * s->n_histosys);
        }
    }
    if (n_data > UINT32_MAX || n_scalars > UINT32_MAX || n_groups > UINT32_MAX || m->n_parameters >= UINT32_MAX)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "the binned channels are too large");
    sbi_context *ctx = b->ctx;
    int ok = (b->channels = sbi_alloc_zero(ctx, n_channels, sizeof *b->channels)) != NULL;
    ok = ok && (b->samples = sbi_alloc_zero(ctx, n_samples, sizeof *b->samples));
    ok = ok && (b->constraints = sbi_alloc_array(ctx, m->n_parameters, sizeof *b->constraints));
    ok = ok && (b->normsys = sbi_alloc_array(ctx, n_normsys, sizeof *b->normsys));
    ok = ok && (b->scalar_parameters = sbi_alloc_array(ctx, n_scalars, sizeof(uint32_t)));
    ok = ok && (b->scalar_locals = sbi_alloc_array(ctx, n_scalars, sizeof(uint32_t)));
    ok = ok && (b->histosys_alphas = sbi_alloc_array(ctx, n_histosys, sizeof(uint32_t)));
    ok = ok && (b->histosys_locals = sbi_alloc_array(ctx, n_histosys, sizeof(uint32_t)));
    ok = ok && (b->gammas = sbi_alloc_array(ctx, n_gammas, sizeof(uint32_t)));
    ok = ok && (b->alpha_parameters = sbi_alloc_array(ctx, m->n_parameters, sizeof(uint32_t)));
    ok = ok && (b->local_parameters = sbi_alloc_array(ctx, n_scalars + n_histosys, sizeof(uint32_t)));
    ok = ok && (b->group_parameters = sbi_alloc_array(ctx, n_groups, sizeof(uint32_t)));
    ok = ok && (b->data = sbi_alloc_array(ctx, n_data, sizeof *b->data));
    ok = ok && (w->place = sbi_alloc_array(ctx, m->n_parameters, sizeof *w->place));
    return ok ? SBI_OK : SBI_ERR_NO_MEMORY;
}

void sbi_binned_destroy(void *binned)
{
    sbi_binned *b = binned;
    if (!b) return;
    sbi_context *ctx = b->ctx;
    for (size_t i = 0; i < BINNED_POOL; i++) sbi_free(ctx, atomic_load(&b->pool[i]));
    void *const arrays[] = {b->channels, b->samples, b->constraints, b->normsys, b->scalar_parameters, b->scalar_locals, b->histosys_alphas,
                            b->histosys_locals, b->gammas, b->alpha_parameters, b->local_parameters, b->group_parameters, b->data};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) sbi_free(ctx, arrays[i]);
    sbi_free(ctx, b);
}

/* ---- parts ---- */

static binned_normsys compile_normsys(const model_normsys *s)
{
    const double u = s->high, d = s->low, lu = log(u), ld = log(d);
    const double s0 = (u + d) / 2, a0 = (u - d) / 2, s1 = (u * lu - d * ld) / 2, a1 = (u * lu + d * ld) / 2;
    const double s2 = (u * lu * lu + d * ld * ld) / 2, a2 = (u * lu * lu - d * ld * ld) / 2;
    return (binned_normsys){{(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
                             (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8},
                            lu, ld};
}

/* Which parameters vary all bins of a channel, in ascending order; `place` says where each is. */
static void find_locals(builder *w, const model_channel *c, binned_channel *out)
{
    sbi_binned *b = w->b;
    for (size_t p = 0; p < b->n_parameters; p++) w->place[p] = NOWHERE;
    for (size_t i = 0; i < c->n_samples; i++) {
        const model_sample *s = &c->samples[i];
        for (size_t k = 0; k < s->n_normfactors; k++) w->place[s->normfactors[k]] = 0;
        for (size_t k = 0; k < s->n_normsys; k++) {
            if (s->normsys[k].high != 1 || s->normsys[k].low != 1) w->place[s->normsys[k].parameter] = 0;
        }
        for (size_t k = 0; k < s->n_histosys; k++) {
            if (varies(s, &s->histosys[k], c->n_bins)) w->place[s->histosys[k].parameter] = 0;
        }
    }
    out->local = (uint32_t)w->n_locals;
    for (size_t p = 0; p < b->n_parameters; p++) {
        if (w->place[p] == NOWHERE) continue;
        w->place[p] = out->n_locals++;
        b->local_parameters[w->n_locals++] = (uint32_t)p;
    }
}

static uint32_t find_alpha(sbi_binned *b, size_t parameter)
{
    uint32_t at = 0;
    while (at < b->n_alphas && b->alpha_parameters[at] != parameter) at++;
    if (at == b->n_alphas) b->alpha_parameters[b->n_alphas++] = (uint32_t)parameter;
    return at;
}

/* Samples whose bins have the same parameters share a row of them. */
static uint32_t find_group(builder *w, binned_channel *c, const model_bin_factors *f)
{
    uint32_t *rows = w->b->group_parameters + c->group;
    const size_t n = c->n_bins;
    for (uint32_t g = 0; g < c->n_groups; g++) {
        size_t j = 0;
        while (j < n && rows[g * n + j] == f->parameters[j]) j++;
        if (j == n) return g;
    }
    for (size_t j = 0; j < n; j++) rows[c->n_groups * n + j] = (uint32_t)f->parameters[j];
    w->n_groups += n;
    return c->n_groups++;
}

static void compile_sample(builder *w, binned_channel *c, const model_sample *s)
{
    sbi_binned *b = w->b;
    const size_t n = c->n_bins;
    binned_sample *out = &b->samples[w->n_samples++];
    *out = (binned_sample){.scalar = (uint32_t)w->n_scalars, .normsys = (uint32_t)w->n_normsys, .histosys = (uint32_t)w->n_histosys,
                           .gamma = (uint32_t)w->n_gammas, .data = w->n_data};
    for (size_t k = 0; k < s->n_normfactors; k++, out->n_linear++) {
        b->scalar_locals[w->n_scalars] = w->place[s->normfactors[k]];
        b->scalar_parameters[w->n_scalars++] = (uint32_t)s->normfactors[k];
    }
    for (size_t k = 0; k < s->n_normsys; k++) {
        const model_normsys *v = &s->normsys[k];
        if (v->high == 1 && v->low == 1) continue;
        b->scalar_locals[w->n_scalars] = w->place[v->parameter];
        b->scalar_parameters[w->n_scalars++] = (uint32_t)v->parameter;
        b->normsys[w->n_normsys++] = compile_normsys(v);
        out->n_normsys++;
    }
    double *data = b->data + w->n_data;
    memcpy(data, s->nominal, n * sizeof *data);
    data += n;
    for (size_t k = 0; k < s->n_histosys; k++) {
        const model_histosys *v = &s->histosys[k];
        if (!varies(s, v, n)) continue;
        b->histosys_locals[w->n_histosys] = w->place[v->parameter];
        b->histosys_alphas[w->n_histosys++] = find_alpha(b, v->parameter);
        for (size_t j = 0; j < n; j++) {
            data[j] = v->high[j] - s->nominal[j];
            data[n + j] = s->nominal[j] - v->low[j];
        }
        data += 2 * n;
        out->n_histosys++;
    }
    w->n_data = (size_t)(data - b->data);
    for (size_t k = 0; k < s->n_bin_factors; k++, out->n_gammas++)
        b->gammas[w->n_gammas++] = find_group(w, c, &s->bin_factors[k]);
}

static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* What n - n ln n + ln Gamma(n + 1) is for n > 0: the rest of a Poisson term whose form is n (d - ln(1 + d)). */
static double poisson_constant(double n)
{
    return n > 0 ? n - n * log(n) + log_gamma(n + 1) : 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void compile_channel(builder *w, size_t index)
{
    sbi_binned *b = w->b;
    const model_channel *c = &w->m->channels[index];
    binned_channel *out = &b->channels[b->n_channels++];
    out->index = index;
    out->n_bins = c->n_bins;
    out->observed = w->n_data;
    memcpy(b->data + w->n_data, c->observed, c->n_bins * sizeof *b->data);
    for (size_t j = 0; j < c->n_bins; j++) b->constant += poisson_constant(c->observed[j]);
    w->n_data += c->n_bins;
    out->sample = (uint32_t)w->n_samples;
    out->n_samples = (uint32_t)c->n_samples;
    out->scalar = (uint32_t)w->n_scalars;
    out->group = w->n_groups;
    find_locals(w, c, out);
    for (size_t i = 0; i < c->n_samples; i++) compile_sample(w, out, &c->samples[i]);
    out->n_scalars = (uint32_t)w->n_scalars - out->scalar;
    b->most_bins = larger(b->most_bins, out->n_bins);
    b->most_samples = larger(b->most_samples, out->n_samples);
    b->most_cells = larger(b->most_cells, out->n_samples * out->n_bins);
    b->most_scalars = larger(b->most_scalars, out->n_scalars);
    b->most_locals = larger(b->most_locals, out->n_locals);
    b->most_jacobian = larger(b->most_jacobian, out->n_bins * (out->n_locals + out->n_groups));
}

static void compile_constraints(sbi_binned *b, const sbi_model *m)
{
    static const double half_log_two_pi = 0.91893853320467274178;
    for (size_t i = 0; i < m->n_parameters; i++) {
        const sbi_parameter *p = &m->parameters[i].spec;
        if (p->constraint == SBI_CONSTRAINT_NONE) continue;
        b->constraints[b->n_constraints++] = (binned_constraint){(uint32_t)i, p->constraint, p->auxiliary, p->sigma};
        if (p->constraint == SBI_CONSTRAINT_POISSON) {
            b->constant += poisson_constant(p->auxiliary / (p->sigma * p->sigma));
        } else {
            b->constant += log(p->sigma) + half_log_two_pi;
            if (p->constraint == SBI_CONSTRAINT_LOGNORMAL) b->constant += log(p->auxiliary);
        }
    }
}

sbi_status sbi_binned_create(sbi_binned **out, const sbi_model *m, int constants)
{
    *out = NULL;
    sbi_binned *b = sbi_alloc_zero(m->ctx, 1, sizeof *b);
    if (!b) return SBI_ERR_NO_MEMORY;
    b->ctx = m->ctx;
    b->n_parameters = m->n_parameters;
    builder w = {.m = m, .b = b};
    sbi_status status = allocate(&w);
    for (size_t i = 0; i < m->n_channels && status == SBI_OK; i++) {
        if (m->channels[i].n_bins) compile_channel(&w, i);
    }
    sbi_free(m->ctx, w.place);
    if (status == SBI_OK) {
        compile_constraints(b, m);
        if (!constants) b->constant = 0;
        binned_work *first = sbi_binned_work_create(b);
        if (first) sbi_binned_give(b, first);
        else status = SBI_ERR_NO_MEMORY;
    }
    if (status != SBI_OK) {
        sbi_binned_destroy(b);
        return status;
    }
    *out = b;
    return SBI_OK;
}
