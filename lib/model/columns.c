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
    const sbi_array *a;
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
    if (last > c->a->shape[0]) last = c->a->shape[0];
    double values[ROWS_AT_ONCE];
    for (; first < last; first += ROWS_AT_ONCE) {
        int64_t n = last - first < ROWS_AT_ONCE ? last - first : ROWS_AT_ONCE;
        sbi_column_read_f64(c->a, first, n, values);
        int good = 1;
        for (int64_t i = 0; i < n; i++) good &= (values[i] >= c->lowest) & (values[i] <= DBL_MAX); /* NaN is neither */
        for (int64_t i = 0; !good && i < n; i++) {
            if (!(values[i] >= c->lowest && values[i] <= DBL_MAX)) return bad_value(c, first + i, values[i]);
        }
    }
    return SBI_OK;
}

sbi_status sbi_model_check_column(sbi_context *ctx, const sbi_array *a, const char *name, int64_t n, const char *of,
                                  model_column_rule rule)
{
    SBI_TRY(sbi_column_check_shape(a, 1, name));
    if (n >= 0 && a->shape[0] != n)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %lld rows, but %s has %lld", name, (long long)a->shape[0], of, (long long)n);
    column_check c = {ctx, a, name, rule, -DBL_MAX};
    if (rule == COLUMN_WEIGHT) c.lowest = 0;
    if (rule == COLUMN_POSITIVE) c.lowest = DBL_TRUE_MIN;
    return sbi_parallel_for(ctx, (size_t)((a->shape[0] + BLOCK_ROWS - 1) / BLOCK_ROWS), check_block, &c);
}

double sbi_model_weighted_total(const sbi_array *v, const sbi_array *r)
{
    double sum = 0;
    for (int64_t j = 0; j < v->shape[0]; j++) sum += sbi_model_element(v, j) * sbi_model_element(r, j);
    return sum;
}
