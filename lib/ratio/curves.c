/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration curve and ROC curve: both run over events in the order of ln r. */
#include <math.h>

#include "base/distributions.h"
#include "base/error.h"
#include "ratio/diagnostics.h"

/* One half of each side's weight, so that the prior is even and s = r / (1 + r) is the probability of "numerator". */
static double even_weight(const sbi_sample sample[2], const sbi_keyed *e)
{
    return 0.5 * sample[e->side].weight[e->index];
}

static double score(double log_ratio)
{
    return 1 / (1 + exp(-log_ratio));
}

typedef struct bin {
    double weight[2], square[2]; /* of each side: sum of w and of w^2 */
    double score;                /* sum of w s */
} bin;

/* Error of N / (N + D) from the variances of N and D, which are independent. */
static double fraction_error(const bin *b)
{
    const double n = b->weight[SBI_NUMERATOR], d = b->weight[SBI_DENOMINATOR], total = n + d;
    return sqrt(d * d * b->square[SBI_NUMERATOR] + n * n * b->square[SBI_DENOMINATOR]) / (total * total);
}

static void fill_row(sbi_diagnostics *diag, double *row, const bin *b, double low, double high)
{
    const double total = b->weight[0] + b->weight[1];
    const double fraction = total > 0 ? b->weight[SBI_NUMERATOR] / total : NAN;
    const double mean = total > 0 ? b->score / total : NAN;
    const double error = total > 0 ? fraction_error(b) : NAN;
    const double pull = error > 0 ? (fraction - mean) / error : NAN;
    const double values[SBI_CALIBRATION_COLUMNS] = {low, high, mean, fraction, error, pull, total};
    for (int k = 0; k < SBI_CALIBRATION_COLUMNS; k++) row[k] = values[k];
    if (isfinite(pull)) {
        diag->summary.calibration_chi2 += pull * pull;
        diag->summary.calibration_dof++;
    }
}

sbi_status sbi_diagnose_calibration(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n,
                                    int64_t bins)
{
    SBI_TRY(sbi_table_make(diag->ctx, &diag->calibration, bins, SBI_CALIBRATION_COLUMNS));
    double whole = 0;
    for (int64_t i = 0; i < n; i++) whole += fabs(even_weight(sample, &sorted[i]));
    int64_t i = 0;
    double below = 0, low = score(sorted[0].key);
    for (int64_t k = 0; k < bins; k++) {
        const double until = k + 1 == bins ? INFINITY : whole * (double)(k + 1) / (double)bins;
        bin b = {{0}, {0}, 0};
        const int64_t start = i;
        /* Equal values stay in one bin: in their order those of the denominator come first. */
        for (; i < n && (below < until || (i > start && sorted[i].key == sorted[i - 1].key)); i++) {
            const double w = even_weight(sample, &sorted[i]);
            b.weight[sorted[i].side] += w;
            b.square[sorted[i].side] += w * w;
            b.score += w * score(sorted[i].key);
            below += fabs(w);
        }
        const double high = score(sorted[i < n ? i : n - 1].key);
        fill_row(diag, diag->calibration.values + k * SBI_CALIBRATION_COLUMNS, &b, low, high);
        low = high;
    }
    sbi_diagnostics_summary *m = &diag->summary;
    m->calibration_p = m->calibration_dof > 0 ? sbi_chi2_tail(m->calibration_chi2, m->calibration_dof) : NAN;
    return SBI_OK;
}

sbi_status sbi_diagnose_roc(sbi_diagnostics *diag, const sbi_sample sample[2], const sbi_keyed *sorted, int64_t n,
                            int64_t points)
{
    SBI_TRY(sbi_table_make(diag->ctx, &diag->roc, points, SBI_ROC_COLUMNS));
    double *table = diag->roc.values;
    double above[2] = {0, 0}, area = 0;
    int64_t row = 0;
    /* From the largest ratio down; events with equal ratios go together. Points at even steps of the event count. */
    for (int64_t i = n; i > 0;) {
        double group[2] = {0, 0};
        const double key = sorted[i - 1].key;
        for (; i > 0 && sorted[i - 1].key == key; i--) group[sorted[i - 1].side] += sample[sorted[i - 1].side].weight[sorted[i - 1].index];
        area += group[SBI_DENOMINATOR] * (above[SBI_NUMERATOR] + 0.5 * group[SBI_NUMERATOR]);
        above[0] += group[0];
        above[1] += group[1];
        for (; row < points && (double)(n - i) >= (double)n * (double)(row + 1) / (double)points; row++) {
            table[row * SBI_ROC_COLUMNS] = key;
            table[row * SBI_ROC_COLUMNS + 1] = above[SBI_NUMERATOR];
            table[row * SBI_ROC_COLUMNS + 2] = above[SBI_DENOMINATOR];
        }
    }
    diag->summary.auc = area;
    return SBI_OK;
}
