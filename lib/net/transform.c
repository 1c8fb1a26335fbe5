/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of steps: making, checking, comparing. */
#include "net/transform.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const char *const names[] = {"none", "log", "signed_log", "yeo_johnson", "one_hot", "one_hot_or_zero"};
#define N_KINDS ((int64_t)(sizeof names / sizeof names[0]))

const char *sbi_transform_name(int64_t kind)
{
    return kind >= 0 && kind < N_KINDS ? names[kind] : NULL;
}

static int is_log(int64_t kind)
{
    return kind == SBI_TRANSFORM_LOG || kind == SBI_TRANSFORM_SIGNED_LOG;
}

static int is_one_hot(int64_t kind)
{
    return kind == SBI_TRANSFORM_ONE_HOT || kind == SBI_TRANSFORM_ONE_HOT_OR_ZERO;
}

sbi_status sbi_transforms_new(sbi_transforms **out, sbi_context *ctx, int64_t features)
{
    *out = sbi_alloc_zero(ctx, 1, sizeof **out);
    if (!*out) return SBI_ERR_NO_MEMORY;
    (*out)->ctx = ctx;
    (*out)->features = (*out)->inputs = features;
    return SBI_OK;
}

void sbi_transforms_free(sbi_transforms *t)
{
    if (!t) return;
    sbi_free(t->ctx, t->steps);
    sbi_free(t->ctx, t->values);
    sbi_free(t->ctx, t->first_step);
    sbi_free(t->ctx, t->first_input);
    sbi_free(t->ctx, t->low);
    sbi_free(t->ctx, t->high);
    sbi_free(t->ctx, t);
}

/* ---- what a step may be ---- */

static sbi_status check_categories(int64_t feature, const double *values, size_t n)
{
    SBI_REQUIRE(n <= SBI_TRANSFORM_MAX_CATEGORIES, "transform of feature %" PRId64 ": %zu categories, expected at most %d", feature, n,
                SBI_TRANSFORM_MAX_CATEGORIES);
    for (size_t i = 0; i < n; i++) {
        SBI_REQUIRE(fabs(values[i]) <= 9007199254740992.0 && values[i] == floor(values[i]),
                    "transform of feature %" PRId64 ": category %zu is %g, expected an integer", feature, i, values[i]);
        SBI_REQUIRE(i == 0 || values[i] > values[i - 1],
                    "transform of feature %" PRId64 ": category %zu is %.17g behind %.17g, expected ascending order", feature, i, values[i],
                    values[i - 1]);
    }
    return SBI_OK;
}

static sbi_status check_values(int64_t feature, int64_t kind, const double *values, size_t n)
{
    SBI_REQUIRE(values || n == 0, "transform of feature %" PRId64 ": values is NULL", feature);
    if (is_one_hot(kind)) return check_categories(feature, values, n);
    SBI_REQUIRE(n <= (kind == SBI_TRANSFORM_NONE ? 0 : 1), "transform of feature %" PRId64 ": %zu values for %s", feature, n, names[kind]);
    if (n == 0) return SBI_OK;
    SBI_REQUIRE(fabs(values[0]) <= DBL_MAX, "transform of feature %" PRId64 ": the value of %s is %g", feature, names[kind], values[0]);
    SBI_REQUIRE(kind != SBI_TRANSFORM_SIGNED_LOG || values[0] >= DBL_MIN,
                "transform of feature %" PRId64 ": the scale of signed_log is %g, expected a positive number", feature, values[0]);
    SBI_REQUIRE(kind != SBI_TRANSFORM_YEO_JOHNSON || fabs(values[0]) <= SBI_TRANSFORM_LARGEST_EXPONENT,
                "transform of feature %" PRId64 ": the exponent is %g, expected -%g to %g", feature, values[0],
                SBI_TRANSFORM_LARGEST_EXPONENT, SBI_TRANSFORM_LARGEST_EXPONENT);
    return SBI_OK;
}

size_t sbi_transforms_chain(const sbi_transforms *t, int64_t feature, size_t *first)
{
    size_t begin = 0, n = 0;
    while (begin < t->n_steps && t->steps[begin].feature < feature) begin++;
    while (begin + n < t->n_steps && t->steps[begin + n].feature == feature) n++;
    if (first) *first = begin;
    return n;
}

sbi_status sbi_transforms_add(sbi_transforms *t, int64_t feature, int64_t kind, const double *values, size_t n)
{
    const double one = 1, zero = 0;
    size_t first;
    SBI_REQUIRE(feature >= 0 && feature < t->features, "transform: feature is %" PRId64 ", there are %" PRId64, feature, t->features);
    SBI_REQUIRE(kind >= 0 && kind < N_KINDS, "transform of feature %" PRId64 ": kind is %" PRId64 ", expected one of SBI_TRANSFORM_...",
                feature, kind);
    SBI_TRY(check_values(feature, kind, values, n));
    const size_t chain = sbi_transforms_chain(t, feature, &first);
    if (chain > 0) {
        const int64_t before = t->steps[first + chain - 1].kind;
        SBI_REQUIRE(chain == 1 && is_log(before) && kind == SBI_TRANSFORM_YEO_JOHNSON,
                    "transform of feature %" PRId64 ": %s cannot follow %s; a logarithm and then yeo_johnson is the longest chain", feature,
                    names[kind], names[before]);
    }
    if (is_log(kind) && n == 0) {
        values = kind == SBI_TRANSFORM_LOG ? &zero : &one;
        n = 1;
    }
    sbi_transform_step *steps = sbi_realloc_array(t->ctx, t->steps, t->n_steps + 1, sizeof *steps);
    if (!steps) return SBI_ERR_NO_MEMORY;
    t->steps = steps;
    double *all = sbi_realloc_array(t->ctx, t->values, t->n_values + n + 1, sizeof *all);
    if (!all) return SBI_ERR_NO_MEMORY;
    t->values = all;
    const size_t at = first + chain;
    memmove(steps + at + 1, steps + at, (t->n_steps - at) * sizeof *steps);
    steps[at] = (sbi_transform_step){feature, kind, (int64_t)t->n_values, (int64_t)n};
    for (size_t i = 0; i < n; i++) all[t->n_values + i] = values[i];
    t->n_values += n;
    t->n_steps++;
    return SBI_OK;
}

sbi_status sbi_transforms_copy(sbi_transforms **out, sbi_context *ctx, const sbi_transforms *t)
{
    SBI_TRY(sbi_transforms_new(out, ctx, t->features));
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < t->n_steps && status == SBI_OK; i++) {
        const sbi_transform_step *s = &t->steps[i];
        status = sbi_transforms_add(*out, s->feature, s->kind, t->values + s->first, (size_t)s->n);
    }
    if (status == SBI_OK && t->first_step) status = sbi_transforms_finish(*out);
    if (status == SBI_OK) return SBI_OK;
    sbi_transforms_free(*out);
    *out = NULL;
    return status;
}

/* ---- finishing ---- */

/* Yeo-Johnson's exponential stays finite below this. */
static double largest_for(double exponent)
{
    return exponent > 0 ? expm1(fmin(700 / exponent, 709)) : DBL_MAX;
}

/* Backwards through the chain: low and high hold what may come out of this step, and then what may go in. */
static void set_domain(sbi_transforms *t, int64_t feature, const sbi_transform_step *s)
{
    double *low = &t->low[feature], *high = &t->high[feature];
    const double value = is_one_hot(s->kind) ? 0 : t->values[s->first];
    if (s->kind == SBI_TRANSFORM_LOG) {
        *low = exp(*low) - value;
        *high = exp(*high) - value;
    } else if (s->kind == SBI_TRANSFORM_SIGNED_LOG) {
        *low = -value * expm1(-*low);
        *high = value * expm1(*high);
        if (value < 1) *low = fmax(*low, -DBL_MAX * value), *high = fmin(*high, DBL_MAX * value);
    } else if (s->kind == SBI_TRANSFORM_YEO_JOHNSON) {
        *high = largest_for(value);
        *low = -largest_for(2 - value);
    }
}

sbi_status sbi_transforms_finish(sbi_transforms *t)
{
    size_t n = 0, n_values = 0;
    double *values = sbi_alloc_array(t->ctx, t->n_values, sizeof *values);
    t->first_step = sbi_alloc_zero(t->ctx, (size_t)t->features + 1, sizeof *t->first_step);
    t->first_input = sbi_alloc_zero(t->ctx, (size_t)t->features + 1, sizeof *t->first_input);
    t->low = sbi_alloc_array(t->ctx, (size_t)t->features, sizeof *t->low);
    t->high = sbi_alloc_array(t->ctx, (size_t)t->features, sizeof *t->high);
    if (!values || !t->first_step || !t->first_input || !t->low || !t->high) {
        sbi_free(t->ctx, values);
        return SBI_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < t->n_steps; i++) {
        sbi_transform_step s = t->steps[i];
        if (s.kind == SBI_TRANSFORM_NONE) continue;
        if (s.n == 0) {
            sbi_free(t->ctx, values);
            return sbi_fail(SBI_ERR_INTERNAL, "transform of feature %" PRId64 ": %s has no value", s.feature, names[s.kind]);
        }
        memcpy(values + n_values, t->values + s.first, (size_t)s.n * sizeof *values);
        s.first = (int64_t)n_values;
        n_values += (size_t)s.n;
        t->steps[n++] = s;
    }
    sbi_free(t->ctx, t->values);
    t->values = values;
    t->n_values = n_values;
    t->n_steps = n;
    size_t step = 0;
    for (int64_t j = 0; j < t->features; j++) {
        int64_t width = 1;
        t->first_step[j] = (int64_t)step;
        t->low[j] = -INFINITY;
        t->high[j] = INFINITY;
        for (; step < n && t->steps[step].feature == j; step++)
            if (is_one_hot(t->steps[step].kind)) width = t->steps[step].n;
        for (int64_t k = (int64_t)step; k-- > t->first_step[j];) set_domain(t, j, &t->steps[k]);
        t->first_input[j + 1] = t->first_input[j] + width;
    }
    t->first_step[t->features] = (int64_t)n;
    t->inputs = t->first_input[t->features];
    return SBI_OK;
}

int sbi_transforms_same(const sbi_transforms *a, const sbi_transforms *b)
{
    const size_t n = a ? a->n_steps : 0;
    if (n != (b ? b->n_steps : 0)) return 0;
    if (n == 0) return 1;
    return a->features == b->features && a->n_values == b->n_values && memcmp(a->steps, b->steps, n * sizeof *a->steps) == 0 &&
           memcmp(a->values, b->values, a->n_values * sizeof *a->values) == 0;
}
