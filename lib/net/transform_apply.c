/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of steps on rows of events. */
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "net/transform.h"
#include "net/yeo_johnson.h"

/* Index of a category; -1 if there is none. */
static int64_t find_category(const double *values, int64_t n, double x)
{
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (values[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && values[low] == x ? low : -1;
}

static int has_image(const sbi_transforms *t, int64_t feature, double x)
{
    const sbi_transform_step *s = &t->steps[t->first_step[feature]];
    if (s->kind == SBI_TRANSFORM_ONE_HOT) return find_category(t->values + s->first, s->n, x) >= 0;
    return x > t->low[feature] && x < t->high[feature];
}

int64_t sbi_transforms_find_bad(const sbi_transforms *t, const double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        /* Step by step, so that features without one cost nothing. */
        for (size_t k = 0; k < t->n_steps; k++) {
            const int64_t j = t->steps[k].feature;
            if (!has_image(t, j, x[i * t->features + j])) return i * t->features + j;
        }
    }
    return -1;
}

sbi_status sbi_transforms_refuse(const sbi_transforms *t, const char *name, int64_t row, int64_t feature, double value)
{
    const sbi_transform_step *s = &t->steps[t->first_step[feature]];
    if (s->kind == SBI_TRANSFORM_ONE_HOT)
        return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": %.17g is none of the %" PRId64 " categories", name, row,
                        feature, value, s->n);
    if (s->kind == SBI_TRANSFORM_LOG)
        return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": value is %g, and ln(x + c) with c = %g needs more than %g",
                        name, row, feature, value, t->values[s->first], t->low[feature]);
    return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": value is %g, which %s makes infinite", name, row, feature,
                    value, sbi_transform_name(s->kind));
}

static void one_hot(const double *values, int64_t categories, const double *x, int64_t features, int64_t n, double *y, int64_t inputs)
{
    for (int64_t i = 0; i < n; i++) {
        for (int64_t c = 0; c < categories; c++) y[i * inputs + c] = 0;
        const int64_t own = find_category(values, categories, x[i * features]);
        if (own >= 0) y[i * inputs + own] = 1;
    }
}

/* y goes through one step in place. */
static void take_step(int64_t kind, double value, int64_t n, double *y, int64_t inputs)
{
    for (int64_t i = 0; i < n; i++) {
        double *v = &y[i * inputs];
        if (kind == SBI_TRANSFORM_LOG) {
            *v = log(*v + value);
        } else if (kind == SBI_TRANSFORM_SIGNED_LOG) {
            *v = copysign(log1p(fabs(*v) / value), *v);
        } else {
            *v = sbi_yeo_johnson(*v, value);
        }
    }
}

void sbi_transforms_apply(const sbi_transforms *t, const double *x, int64_t n, double *y)
{
    for (int64_t j = 0; j < t->features; j++) {
        double *out = y + t->first_input[j];
        const sbi_transform_step *s = t->steps + t->first_step[j], *end = t->steps + t->first_step[j + 1];
        if (s < end && (s->kind == SBI_TRANSFORM_ONE_HOT || s->kind == SBI_TRANSFORM_ONE_HOT_OR_ZERO)) {
            one_hot(t->values + s->first, s->n, x + j, t->features, n, out, t->inputs);
            continue;
        }
        for (int64_t i = 0; i < n; i++) out[i * t->inputs] = x[i * t->features + j];
        for (; s < end; s++) take_step(s->kind, t->values[s->first], n, out, t->inputs);
    }
}
