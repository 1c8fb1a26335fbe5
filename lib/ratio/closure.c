/* SPDX-License-Identifier: Apache-2.0 */
/* Reweighting closure: the denominator's distribution of each feature, times r, against the numerator's. */
#include <math.h>

#include "base/distributions.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "ratio/diagnostics.h"

typedef struct closure {
    sbi_diagnostics *diag;
    const sbi_dataset *data;
    const sbi_sample *sample;
    int64_t bins;
} closure;

typedef struct bin {
    double numerator, numerator2; /* sums of w and w^2 */
    double reweighted, reweighted2;
    double denominator, denominator2;
} bin;

static void add_event(bin *b, const sbi_sample *sample, const sbi_keyed *e)
{
    const double w = sample[e->side].weight[e->index];
    if (e->side == SBI_NUMERATOR) {
        b->numerator += w;
        b->numerator2 += w * w;
        return;
    }
    const double wr = w * exp(sample[SBI_DENOMINATOR].log_ratio[e->index]);
    b->denominator += w;
    b->denominator2 += w * w;
    b->reweighted += wr;
    b->reweighted2 += wr * wr;
}

/* Squared difference over its variance; 0, and not counted, where there is none. */
static double pull_of(double a, double a2, double b, double b2, int *counted)
{
    const double variance = a2 + b2;
    *counted = variance > 0;
    return variance > 0 ? (a - b) / sqrt(variance) : NAN;
}

static void fill_table(const closure *c, int64_t j, const sbi_keyed *sorted, int64_t n)
{
    double *row = c->diag->closure[j].values, *summary = c->diag->closure_summary.values + j * SBI_CLOSURE_SUMMARY_COLUMNS;
    double whole = 0, below = 0, low = sorted[0].key;
    for (int64_t i = 0; i < n; i++) whole += fabs(c->sample[sorted[i].side].weight[sorted[i].index]);
    int64_t i = 0;
    for (int64_t k = 0; k < c->bins; k++, row += SBI_CLOSURE_COLUMNS) {
        const double until = k + 1 == c->bins ? INFINITY : whole * (double)(k + 1) / (double)c->bins;
        bin b = {0, 0, 0, 0, 0, 0};
        const int64_t start = i;
        /* Equal values stay in one bin. */
        for (; i < n && (below < until || (i > start && sorted[i].key == sorted[i - 1].key)); i++) {
            add_event(&b, c->sample, &sorted[i]);
            below += fabs(c->sample[sorted[i].side].weight[sorted[i].index]);
        }
        const double high = sorted[i < n ? i : n - 1].key;
        int counted, counted_before;
        const double pull = pull_of(b.numerator, b.numerator2, b.reweighted, b.reweighted2, &counted);
        const double before = pull_of(b.numerator, b.numerator2, b.denominator, b.denominator2, &counted_before);
        const double values[SBI_CLOSURE_COLUMNS] = {low,          high, b.numerator, sqrt(b.numerator2),
                                                    b.reweighted, sqrt(b.reweighted2), b.denominator, pull};
        for (int v = 0; v < SBI_CLOSURE_COLUMNS; v++) row[v] = values[v];
        if (counted) {
            summary[0] += pull * pull;
            summary[1] += 1;
        }
        if (counted_before) summary[2] += before * before;
        low = high;
    }
}

/* Mean and standard deviation of the numerator, or what stands for the latter where it is 0. */
static double unit_of(const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n)
{
    double mean = 0, square = 0, both = 0;
    for (int64_t i = 0; i < n; i++)
        if (sorted[i].side == SBI_NUMERATOR) mean += sample[SBI_NUMERATOR].weight[sorted[i].index] * sorted[i].key;
    for (int64_t i = 0; i < n; i++) {
        const double c = (sorted[i].key - mean) * (sorted[i].key - mean), w = sample[sorted[i].side].weight[sorted[i].index];
        if (sorted[i].side == SBI_NUMERATOR) square += w * c;
        both += 0.5 * w * c;
    }
    if (sorted[0].key == sorted[n - 1].key) return 0; /* rounding of the mean must not count */
    return square > 0 ? sqrt(square) : both > 0 ? sqrt(both) : sorted[n - 1].key - sorted[0].key;
}

/* Integrals of |F - G| over the feature, each distribution normalised to one. */
static void wasserstein(const closure *c, int64_t j, const sbi_keyed *sorted, int64_t n)
{
    double *summary = c->diag->closure_summary.values + j * SBI_CLOSURE_SUMMARY_COLUMNS;
    const double unit = unit_of(c->sample, sorted, n), whole = c->diag->summary.normalisation;
    double numerator = 0, reweighted = 0, denominator = 0, after = 0, before = 0;
    for (int64_t i = 0; i + 1 < n; i++) {
        const sbi_sample *s = &c->sample[sorted[i].side];
        const double w = s->weight[sorted[i].index], step = sorted[i + 1].key - sorted[i].key;
        if (sorted[i].side == SBI_NUMERATOR) {
            numerator += w;
        } else {
            denominator += w;
            reweighted += w * exp(s->log_ratio[sorted[i].index]) / whole;
        }
        after += fabs(numerator - reweighted) * step;
        before += fabs(numerator - denominator) * step;
    }
    summary[4] = unit > 0 ? after / unit : 0;
    summary[5] = unit > 0 ? before / unit : 0;
    summary[6] = unit;
}

static sbi_status close_feature(void *arg, size_t index)
{
    const closure *c = arg;
    const int64_t j = (int64_t)index, n = c->sample[0].n + c->sample[1].n;
    sbi_context *ctx = c->diag->ctx;
    const int64_t longest = c->data->events[0] > c->data->events[1] ? c->data->events[0] : c->data->events[1];
    sbi_keyed *sorted = sbi_alloc_array(ctx, (size_t)n, 2 * sizeof *sorted);
    double *column = sbi_alloc_array(ctx, (size_t)longest, sizeof *column);
    sbi_status status = sorted && column ? sbi_table_make(ctx, &c->diag->closure[j], c->bins, SBI_CLOSURE_COLUMNS) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        int64_t k = 0;
        for (uint32_t side = 0; side < 2; side++) {
            sbi_dataset_read_column(c->data, (int32_t)side, j, column);
            for (int64_t i = 0; i < c->sample[side].n; i++, k++)
                sorted[k] = (sbi_keyed){column[c->sample[side].event[i]], (uint32_t)i, side};
        }
        sbi_keyed_sort(sorted, sorted + n, (size_t)n);
        fill_table(c, j, sorted, n);
        wasserstein(c, j, sorted, n);
    }
    sbi_free(ctx, sorted);
    sbi_free(ctx, column);
    return status;
}

sbi_status sbi_diagnose_closure(sbi_diagnostics *diag, const sbi_dataset *data, const sbi_sample sample[2], int64_t bins)
{
    closure c = {diag, data, sample, bins};
    SBI_TRY(sbi_table_make(diag->ctx, &diag->closure_summary, diag->d, SBI_CLOSURE_SUMMARY_COLUMNS));
    SBI_TRY(sbi_parallel_for(diag->ctx, (size_t)diag->d, close_feature, &c));
    sbi_diagnostics_summary *m = &diag->summary;
    m->closure_feature = m->wasserstein_feature = -1;
    m->closure_p = 1;
    int64_t tested = 0;
    for (int64_t j = 0; j < diag->d; j++) {
        double *row = diag->closure_summary.values + j * SBI_CLOSURE_SUMMARY_COLUMNS;
        row[3] = row[1] > 0 ? sbi_chi2_tail(row[0], row[1]) : 1;
        if (j == 0 || row[0] > m->closure_chi2) {
            m->closure_chi2 = row[0];
            m->closure_dof = (int32_t)row[1];
        }
        if (!(row[6] > 0)) continue;
        tested++;
        if (m->closure_feature < 0 || row[3] < m->closure_p) {
            m->closure_p = row[3];
            m->closure_feature = (int32_t)j;
        }
        if (m->wasserstein_feature < 0 || row[4] > m->wasserstein) {
            m->wasserstein = row[4];
            m->wasserstein_feature = (int32_t)j;
        }
    }
    m->constant_features = (int32_t)(diag->d - tested);
    if (tested) m->closure_p = fmin(1, m->closure_p * (double)tested);
    return SBI_OK;
}
