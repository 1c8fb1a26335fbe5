/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at the columns of a model once, when they come in. */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"
#include "model/model.h"

#define BLOCK_ROWS 65536
#define ROWS_AT_ONCE 1024

typedef struct column_check {
    sbi_context *ctx;
    const model_column *a;
    const char *name;
    model_column_rule rule;
    double lowest;
} column_check;

static sbi_status bad_value(const column_check *c, int64_t row, double v)
{
    int weight = c->rule == COLUMN_WEIGHT || c->rule == COLUMN_SIGNED_WEIGHT;
    const char *what = weight ? "weight" : "value";
    if (!isfinite(v))
        return sbi_fail(SBI_ERR_VALUE, "%s: row %lld: %s is %s", c->name, (long long)row, what,
                        isnan(v) ? "NaN" : v > 0 ? "infinity" : "-infinity");
    return sbi_fail(SBI_ERR_VALUE, "%s: row %lld: %s is %g, %s", c->name, (long long)row, what, v,
                    weight ? "and negative weights are not allowed" : "must be positive");
}

static sbi_status check_block(void *arg, size_t block)
{
    const column_check *c = arg;
    SBI_TRY(sbi_check_cancel(c->ctx, c->name));
    int64_t first = (int64_t)block * BLOCK_ROWS, last = first + BLOCK_ROWS;
    if (last > c->a->n) last = c->a->n;
    double values[ROWS_AT_ONCE];
    for (; first < last; first += ROWS_AT_ONCE) {
        int64_t n = last - first < ROWS_AT_ONCE ? last - first : ROWS_AT_ONCE;
        SBI_TRY(sbi_model_column_read(c->a, first, n, values));
        int good = 1;
        for (int64_t i = 0; i < n; i++) good &= (values[i] >= c->lowest) & (values[i] <= DBL_MAX); /* NaN is neither */
        for (int64_t i = 0; !good && i < n; i++) {
            if (!(values[i] >= c->lowest && values[i] <= DBL_MAX)) return bad_value(c, first + i, values[i]);
        }
    }
    return SBI_OK;
}

sbi_status sbi_model_check_column(sbi_context *ctx, const model_column *a, const char *name, int64_t n, const char *of,
                                  model_column_rule rule)
{
    SBI_REQUIRE(a->given, "%s: the array is NULL", name);
    if (!a->file && a->block_stride == 0) SBI_TRY(sbi_column_check_shape(&a->array, 1, name));
    if (n >= 0 && a->n != n)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %lld rows, but %s has %lld", name, (long long)a->n, of, (long long)n);
    if (rule == COLUMN_UNSEEN) return SBI_OK;
    column_check c = {ctx, a, name, rule, -DBL_MAX};
    if (rule == COLUMN_WEIGHT) c.lowest = 0;
    if (rule == COLUMN_POSITIVE) c.lowest = DBL_TRUE_MIN;
    return sbi_parallel_for(ctx, (size_t)((a->n + BLOCK_ROWS - 1) / BLOCK_ROWS), check_block, &c);
}

sbi_status sbi_model_weighted_total(const model_column *v, const model_column *r, double *sum)
{
    double x[ROWS_AT_ONCE], y[ROWS_AT_ONCE];
    *sum = 0;
    for (int64_t first = 0; first < v->n; first += ROWS_AT_ONCE) {
        int64_t n = v->n - first < ROWS_AT_ONCE ? v->n - first : ROWS_AT_ONCE;
        SBI_TRY(sbi_model_column_read(v, first, n, x));
        SBI_TRY(sbi_model_column_read(r, first, n, y));
        for (int64_t j = 0; j < n; j++) *sum += x[j] * y[j];
    }
    return SBI_OK;
}
