/* SPDX-License-Identifier: Apache-2.0 */
/* p-values and quantiles from toys. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/toys.h"

/* Two fits of the same data end this near to each other. */
#define SAME_VALUE 1e-6

static double binomial_error(double k, double n)
{
    const double r = (k + 0.5) / (n + 1);
    return sqrt(r * (1 - r) / n);
}

static sbi_status count_above(const sbi_toys *t, const char *column, double observed, double *above, double *n)
{
    size_t c;
    SBI_TRY(sbi_toys_find(t, column, &c));
    *above = *n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const double value = t->values[i * t->n_columns + c];
        if (t->status[i] != 0 || isnan(value)) continue;
        *n += 1;
        *above += value >= observed - SAME_VALUE;
    }
    if (*n == 0) return sbi_fail(SBI_ERR_STATE, "toys: none of %zu has a value of %s", t->n, column);
    return SBI_OK;
}

sbi_status sbi_toys_p_value(const sbi_toys *t, const char *column, double observed, double *p, double *error)
{
    SBI_REQUIRE(t && column && p, "sbi_toys_p_value: an argument is NULL");
    SBI_REQUIRE(!isnan(observed), "sbi_toys_p_value: the observed value is NaN");
    double above, n;
    SBI_TRY(count_above(t, column, observed, &above, &n));
    *p = above / n;
    if (error) *error = binomial_error(above, n);
    return SBI_OK;
}

sbi_status sbi_toys_cls(const sbi_toys *signal, const char *column, const sbi_toys *background, const char *background_column,
                        double observed, double *cl, double *error)
{
    SBI_REQUIRE(signal && column && background && background_column && cl, "sbi_toys_cls: an argument is NULL");
    SBI_REQUIRE(!isnan(observed), "sbi_toys_cls: the observed value is NaN");
    double above, n, above_b, n_b;
    SBI_TRY(count_above(signal, column, observed, &above, &n));
    SBI_TRY(count_above(background, background_column, observed, &above_b, &n_b));
    cl[0] = above / n;
    cl[1] = above_b / n_b;
    cl[2] = cl[1] > 0 ? cl[0] / cl[1] : 0;
    if (!error) return SBI_OK;
    error[0] = binomial_error(above, n);
    error[1] = binomial_error(above_b, n_b);
    const double floor = cl[1] > 0 ? cl[1] : 0.5 / (n_b + 1);
    error[2] = hypot(error[0] / floor, cl[2] * error[1] / floor);
    return SBI_OK;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between order statistics; rank 0 is the least. */
static double at_rank(const double *sorted, size_t n, double rank)
{
    rank = fmin(fmax(rank, 0), (double)(n - 1));
    const size_t below = (size_t)rank, above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (rank - (double)below) * (sorted[above] - sorted[below]);
}

sbi_status sbi_toys_quantile(const sbi_toys *t, const char *column, double p, double *value, double *error)
{
    SBI_REQUIRE(t && column && value, "sbi_toys_quantile: an argument is NULL");
    SBI_REQUIRE(p >= 0 && p <= 1, "sbi_toys_quantile: p is %g", p);
    size_t c, n = 0;
    SBI_TRY(sbi_toys_find(t, column, &c));
    double *sorted = sbi_alloc_array(t->ctx, t->n, sizeof *sorted);
    if (!sorted) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < t->n; i++) {
        const double x = t->values[i * t->n_columns + c];
        if (t->status[i] == 0 && !isnan(x)) sorted[n++] = x;
    }
    if (n > 0) {
        qsort(sorted, n, sizeof *sorted, compare);
        const double rank = p * (double)(n - 1), spread = sqrt((double)n * p * (1 - p));
        *value = at_rank(sorted, n, rank);
        if (error) {
            error[0] = at_rank(sorted, n, rank - spread) - *value;
            error[1] = at_rank(sorted, n, rank + spread) - *value;
        }
    }
    sbi_free(t->ctx, sorted);
    return n ? SBI_OK : sbi_fail(SBI_ERR_STATE, "toys: none of %zu has a value of %s", t->n, column);
}
