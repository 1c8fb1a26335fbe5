/* SPDX-License-Identifier: Apache-2.0 */
/* Tails: quantiles of ln r, what the largest weights carry, and where the members disagree. */
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "ratio/diagnostics.h"

static const double probabilities[] = {0, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
#define PROBABILITIES (int64_t)(sizeof probabilities / sizeof *probabilities)

/* The quantiles of one side: the first value at which the summed weight reaches the probability. */
static void fill_side(sbi_table *t, const sbi_sample *s, const sbi_keyed *sorted, int64_t n, uint32_t side)
{
    double *out = t->values + (side == SBI_NUMERATOR ? 1 : 2), below = 0, last = NAN;
    int64_t row = 0;
    for (int64_t i = 0; i < n; i++) {
        if (sorted[i].side != side) continue;
        below += s->weight[sorted[i].index];
        last = sorted[i].key;
        for (; row < PROBABILITIES - 1 && below >= probabilities[row]; row++) out[row * SBI_TAILS_COLUMNS] = last;
    }
    for (; row < PROBABILITIES; row++) out[row * SBI_TAILS_COLUMNS] = last;
}

sbi_status sbi_diagnose_tails(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n)
{
    SBI_TRY(sbi_table_make(diag->ctx, &diag->tails, PROBABILITIES, SBI_TAILS_COLUMNS));
    for (int64_t row = 0; row < PROBABILITIES; row++) diag->tails.values[row * SBI_TAILS_COLUMNS] = probabilities[row];
    for (uint32_t side = 0; side < 2; side++) fill_side(&diag->tails, &sample[side], sorted, n, side);
    diag->summary.log_ratio_low = sorted[0].key;
    diag->summary.log_ratio_high = sorted[n - 1].key;
    return SBI_OK;
}

sbi_status sbi_diagnose_shares(sbi_diagnostics *diag, const sbi_sample *s)
{
    const int64_t n = s->n, thousandth = n / 1000 > 1 ? n / 1000 : 1;
    const int64_t counts[] = {1, n < 10 ? n : 10, thousandth, n / 100 > 1 ? n / 100 : 1, n / 10 > 1 ? n / 10 : 1};
    enum { ROWS = sizeof counts / sizeof *counts };
    SBI_TRY(sbi_table_make(diag->ctx, &diag->shares, ROWS, SBI_SHARES_COLUMNS));
    sbi_keyed *sorted = sbi_alloc_array(diag->ctx, (size_t)n, 2 * sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    double whole = 0;
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = (sbi_keyed){fabs(s->weight[i]) * exp(s->log_ratio[i]), (uint32_t)i, 0};
        whole += sorted[i].key;
    }
    sbi_keyed_sort(sorted, sorted + n, (size_t)n);
    for (int row = 0; row < ROWS; row++) {
        double *out = diag->shares.values + row * SBI_SHARES_COLUMNS, share = 0;
        for (int64_t i = 0; i < counts[row]; i++) share += sorted[n - 1 - i].key;
        out[0] = (double)counts[row];
        out[1] = (double)counts[row] / (double)n;
        out[2] = whole > 0 ? share / whole : 0;
    }
    diag->summary.largest_share = diag->shares.values[2];
    diag->summary.top_share = diag->shares.values[2 * SBI_SHARES_COLUMNS + 2];
    sbi_free(diag->ctx, sorted);
    return SBI_OK;
}

sbi_status sbi_diagnose_spread(sbi_diagnostics *diag, const sbi_sample *s)
{
    const int64_t n = s->n, bins = n < 20 ? n : 20;
    SBI_TRY(sbi_table_make(diag->ctx, &diag->spread, bins, SBI_SPREAD_COLUMNS));
    sbi_keyed *sorted = sbi_alloc_array(diag->ctx, (size_t)n, 2 * sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    sbi_diagnostics_summary *m = &diag->summary;
    for (int64_t i = 0; i < n; i++) {
        sorted[i] = (sbi_keyed){s->log_ratio[i], (uint32_t)i, 0};
        m->spread_mean += s->weight[i] * s->spread[i];
        m->spread_max = fmax(m->spread_max, s->spread[i]);
    }
    sbi_keyed_sort(sorted, sorted + n, (size_t)n);
    for (int64_t k = 0; k < bins; k++) {
        const int64_t first = n * k / bins, end = n * (k + 1) / bins;
        double *row = diag->spread.values + k * SBI_SPREAD_COLUMNS;
        row[0] = sorted[first].key;
        row[1] = sorted[end < n ? end : n - 1].key;
        for (int64_t i = first; i < end; i++) {
            const double spread = s->spread[sorted[i].index];
            row[2] += spread / (double)(end - first);
            row[3] = fmax(row[3], spread);
        }
    }
    sbi_free(diag->ctx, sorted);
    return SBI_OK;
}
