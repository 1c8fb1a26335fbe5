/* SPDX-License-Identifier: Apache-2.0 */
/* Two estimates of p(ln r), the fraction of the numerator: pooled adjacent violators, and bins of equal weight. */
#include <math.h>

#include "ratio/calibration.h"
#include "sbi/dataset.h"

/* ---- isotonic ---- */

typedef struct block {
    double numerator, weight;
} block;

static double level(const block *b)
{
    return b->numerator / b->weight;
}

/* Blocks are kept in the knots, two each: ends in `before`, numerator and weight in `level` and `after` of the first. */
static block block_get(const sbi_knot *k)
{
    return (block){k->level, k->after};
}

/* The end of events with the same ln r, and their sums. */
static int64_t take_group(const sbi_calibration_event *e, int64_t i, int64_t n, block *b)
{
    const double at = e[i].log_ratio;
    *b = (block){0, 0};
    for (; i < n && e[i].log_ratio == at; i++) {
        b->weight += e[i].weight;
        if (e[i].side == SBI_NUMERATOR) b->numerator += e[i].weight;
    }
    return i;
}

void sbi_isotonic_knots(const sbi_calibration_event *e, int64_t n, sbi_knot *knots, int64_t *count)
{
    int64_t blocks = 0, k = 0;
    for (int64_t i = 0; i < n;) {
        block b;
        double first = e[i].log_ratio;
        const double last = first;
        i = take_group(e, i, n, &b);
        if (!(b.weight > 0)) continue; /* events that weigh nothing say nothing */
        while (blocks > 0) {
            const block before = block_get(&knots[2 * (blocks - 1)]);
            if (level(&before) < level(&b)) break;
            b.numerator += before.numerator;
            b.weight += before.weight;
            first = knots[2 * (blocks - 1)].before;
            blocks--;
        }
        knots[2 * blocks] = (sbi_knot){first, b.numerator, b.weight};
        knots[2 * blocks + 1] = (sbi_knot){last, 0, 0};
        blocks++;
    }
    for (int64_t j = 0; j < blocks; j++) {
        const block b = block_get(&knots[2 * j]);
        const double first = knots[2 * j].before, last = knots[2 * j + 1].before;
        knots[k++] = (sbi_knot){first, level(&b), 0};
        if (last > first) knots[k++] = (sbi_knot){last, level(&b), 0};
    }
    *count = k;
}

/* ---- bins ---- */

void sbi_histogram_knots(const sbi_calibration_event *e, int64_t n, int64_t bins, sbi_knot *knots, int64_t *count)
{
    double whole = 0, below = 0, side[2] = {0, 0}, sum = 0, weight = 0;
    int64_t k = 0, bin = 0;
    for (int64_t i = 0; i < n; i++) whole += fabs(e[i].weight);
    for (int64_t i = 0; i < n; i++) {
        const double size = fabs(e[i].weight);
        below += size;
        weight += size;
        sum += size * e[i].log_ratio;
        side[e[i].side] += e[i].weight;
        const int full = below >= whole * (double)(bin + 1) / (double)bins || i + 1 == n;
        if (!full || (i + 1 < n && e[i + 1].log_ratio == e[i].log_ratio)) continue;
        while (bin < bins && below >= whole * (double)(bin + 1) / (double)bins) bin++;
        /* A bin without one of the sides goes on into the next, the last one into the one before it. */
        if (!(side[0] > 0 && side[1] > 0)) continue;
        const double at = sum / weight;
        if (k > 0 && !(at > knots[k - 1].before)) continue;
        const double l = log(side[SBI_NUMERATOR] / side[SBI_DENOMINATOR]);
        knots[k++] = (sbi_knot){at, l, l};
        side[0] = side[1] = sum = weight = 0;
    }
    *count = k;
}
