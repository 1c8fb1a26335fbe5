/* SPDX-License-Identifier: Apache-2.0 */
/* Overtraining: the distribution of ln r of held-out events against that of events that training used, side by side.
 *
 * Kolmogorov and Smirnov's test for weighted events: D = max |F - G|; each sample counts as n = (sum w)^2 / sum w^2 events; the probability is that of
 * unweighted samples, with Stephens' correction for small ones (J. R. Stat. Soc. B 32, 115 (1970)). */
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "ratio/diagnostics.h"

/* Q(x) = 2 sum_k (-1)^(k - 1) exp(-2 k^2 x^2); the other series, by Jacobi's transform, where this one converges slowly. */
static double kolmogorov(double x)
{
    if (!(x > 0)) return 1;
    double sum = 0;
    if (x < 1) {
        for (int k = 1; k < 20; k += 2) sum += exp(-(double)(k * k) * M_PI * M_PI / (8 * x * x));
        return 1 - sqrt(2 * M_PI) / x * sum;
    }
    for (int k = 1; k < 20; k++) sum += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * x * x);
    return fmin(1, fmax(0, sum));
}

static double effective(const sbi_sample *s)
{
    double square = 0;
    for (int64_t i = 0; i < s->n; i++) square += s->weight[i] * s->weight[i];
    return 1 / square;
}

static sbi_status compare(sbi_context *ctx, const sbi_sample *a, const sbi_sample *b, double *distance, double *p)
{
    const int64_t n = a->n + b->n;
    sbi_keyed *sorted = sbi_alloc_array(ctx, (size_t)n, 2 * sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    for (int64_t i = 0; i < a->n; i++) sorted[i] = (sbi_keyed){a->log_ratio[i], (uint32_t)i, 0};
    for (int64_t i = 0; i < b->n; i++) sorted[a->n + i] = (sbi_keyed){b->log_ratio[i], (uint32_t)i, 1};
    sbi_keyed_sort(sorted, sorted + n, (size_t)n);
    double difference = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += sorted[i].side ? -b->weight[sorted[i].index] : a->weight[sorted[i].index];
        if (i + 1 == n || sorted[i + 1].key > sorted[i].key) largest = fmax(largest, fabs(difference));
    }
    sbi_free(ctx, sorted);
    const double na = effective(a), nb = effective(b), root = sqrt(na * nb / (na + nb));
    *distance = largest;
    *p = kolmogorov((root + 0.12 + 0.11 / root) * largest);
    return SBI_OK;
}

#define BINS 40

/* Distribution of s and its errors, in two columns. */
static void fill_scores(sbi_table *t, const sbi_sample *s, int column)
{
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t k = (int64_t)(BINS / (1 + exp(-s->log_ratio[i])));
        double *row = t->values + (k < BINS ? k : BINS - 1) * SBI_SCORES_COLUMNS + column;
        row[0] += s->weight[i];
        row[1] += s->weight[i] * s->weight[i];
    }
    for (int64_t k = 0; k < BINS; k++) {
        double *row = t->values + k * SBI_SCORES_COLUMNS;
        row[0] = (double)k / BINS;
        row[1] = (double)(k + 1) / BINS;
        row[column + 1] = sqrt(row[column + 1]);
    }
}

sbi_status sbi_diagnose_overtraining(sbi_diagnostics *diag, const sbi_sample held_out[2], const sbi_sample trained[2])
{
    sbi_diagnostics_summary *m = &diag->summary;
    SBI_TRY(compare(diag->ctx, &held_out[SBI_NUMERATOR], &trained[SBI_NUMERATOR], &m->ks_numerator, &m->ks_numerator_p));
    SBI_TRY(compare(diag->ctx, &held_out[SBI_DENOMINATOR], &trained[SBI_DENOMINATOR], &m->ks_denominator, &m->ks_denominator_p));
    SBI_TRY(sbi_table_make(diag->ctx, &diag->scores, BINS, SBI_SCORES_COLUMNS));
    fill_scores(&diag->scores, &trained[SBI_NUMERATOR], 2);
    fill_scores(&diag->scores, &held_out[SBI_NUMERATOR], 4);
    fill_scores(&diag->scores, &trained[SBI_DENOMINATOR], 6);
    fill_scores(&diag->scores, &held_out[SBI_DENOMINATOR], 8);
    return SBI_OK;
}
