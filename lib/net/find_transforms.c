/* SPDX-License-Identifier: Apache-2.0 */
/* The values of transforms that the data tell: categories, and exponents of the greatest likelihood.
 *
 * With weights that are scaled to the same sum on each side, mean E and variance V, the log-likelihood of Yeo-Johnson's exponent is
 *     -1/2 ln V[psi(x)] + (lambda - 1) E[sign(x) ln(1 + |x|)],
 * with the slope E[sign(x) ln(1 + |x|)] - Cov[psi, dpsi/dlambda] / V[psi]. All exponents are looked for at once, one pass over the events
 * for each step. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/dataset_pass.h"
#include "net/yeo_johnson.h"
#include "sbi/train.h"

/* ---- categories ---- */

typedef struct categories {
    int64_t feature;
    double *values; /* ascending */
    size_t n;
} categories;

static sbi_status add_category(categories *c, double x)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (c->values[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < c->n && c->values[low] == x) return SBI_OK;
    if (c->n == SBI_TRANSFORM_MAX_CATEGORIES) return SBI_ERR_UNSUPPORTED;
    memmove(c->values + low + 1, c->values + low, (c->n - low) * sizeof *c->values);
    c->values[low] = x;
    c->n++;
    return SBI_OK;
}

#define ROWS 256

static sbi_status read_categories(const sbi_dataset *data, const sbi_dataset_part *part, categories *c)
{
    double x[ROWS];
    char own[SBI_PART_NAME];
    const char *name = sbi_dataset_part_name(data, part, own);
    for (int64_t first = 0; first < part->n; first += ROWS) {
        const int64_t n = part->n - first < ROWS ? part->n - first : ROWS;
        SBI_TRY(sbi_check_cancel(data->ctx, "finding categories"));
        sbi_dataset_part_column(part, c->feature, first, n, x);
        for (int64_t i = 0; i < n; i++) {
            if (!(x[i] == floor(x[i]) && fabs(x[i]) <= 9007199254740992.0))
                return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": value is %g, and a category is an integer", name,
                                first + i, c->feature, x[i]);
            if (add_category(c, x[i]) != SBI_OK)
                return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: row %" PRId64 ", column %" PRId64 ": more than %d categories", name, first + i,
                                c->feature, SBI_TRANSFORM_MAX_CATEGORIES);
        }
    }
    return SBI_OK;
}

static sbi_status find_categories(const sbi_dataset *data, sbi_transforms *t, int64_t feature, int64_t kind)
{
    categories c = {.feature = feature};
    c.values = sbi_alloc_array(data->ctx, SBI_TRANSFORM_MAX_CATEGORIES, sizeof *c.values);
    sbi_status status = c.values ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (size_t p = 0; p < data->n_parts && status == SBI_OK; p++) status = read_categories(data, &data->parts[p], &c);
    if (status == SBI_OK) status = sbi_transforms_add(t, feature, kind, c.values, c.n);
    sbi_free(data->ctx, c.values);
    return status;
}

/* ---- exponents ---- */

typedef struct exponent {
    int64_t feature;
    double pivot; /* a typical value */
    double slope; /* E[sign(x) ln(1 + |x|)] */
    sbi_exponent_search search;
} exponent;

typedef struct exponents {
    exponent *of;
    size_t n;
    int64_t inputs;
} exponents;

enum { SUM_X, SUM_LOG, SURVEYS, LEAST = 0, LEAST_NEGATIVE, LEASTS }; /* of a survey */
enum { SUM_U, SUM_UU, SUM_D, SUM_UD, SUMS };                         /* of a step of the search */

static sbi_status survey(void *user, const sbi_dataset_rows *r, double *sums)
{
    const exponents *e = user;
    double *least = sums + SURVEYS * e->n;
    for (int64_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < e->n; k++) {
            const double x = r->y[i * e->inputs + e->of[k].feature], w = fabs(r->w[i]);
            sums[SURVEYS * k + SUM_X] += w * x;
            sums[SURVEYS * k + SUM_LOG] += w * copysign(log1p(fabs(x)), x);
            least[LEASTS * k + LEAST] = fmin(least[LEASTS * k + LEAST], x);
            least[LEASTS * k + LEAST_NEGATIVE] = fmin(least[LEASTS * k + LEAST_NEGATIVE], -x);
        }
    }
    return SBI_OK;
}

static sbi_status add_slopes(void *user, const sbi_dataset_rows *r, double *sums)
{
    const exponents *e = user;
    for (size_t k = 0; k < e->n; k++) {
        const exponent *own = &e->of[k];
        double *s = sums + SUMS * k, u, d;
        if (own->search.done) continue;
        for (int64_t i = 0; i < r->n; i++) {
            const double w = fabs(r->w[i]);
            if (w == 0) continue;
            sbi_yeo_johnson_relative(r->y[i * e->inputs + own->feature], own->pivot, own->search.exponent, &u, &d);
            s[SUM_U] += w * u;
            s[SUM_UU] += w * u * u;
            s[SUM_D] += w * d;
            s[SUM_UD] += w * u * d;
        }
    }
    return SBI_OK;
}

static void begin_searches(exponents *e, const sbi_dataset_pass *pass)
{
    for (size_t k = 0; k < e->n; k++) {
        exponent *own = &e->of[k];
        const size_t least = SURVEYS * e->n + LEASTS * k;
        const double low = sbi_dataset_pass_least(pass, least + LEAST), high = -sbi_dataset_pass_least(pass, least + LEAST_NEGATIVE);
        own->pivot = fmin(fmax(sbi_dataset_pass_mean(pass, SURVEYS * k + SUM_X), low), high);
        own->slope = sbi_dataset_pass_mean(pass, SURVEYS * k + SUM_LOG);
        sbi_exponent_search_begin(&own->search, low, high, own->pivot);
        own->search.done = low == high; /* one value: any exponent would do */
    }
}

/* One step of all searches; returns how many go on. */
static size_t step_searches(exponents *e, const sbi_dataset_pass *pass)
{
    size_t left = 0;
    for (size_t k = 0; k < e->n; k++) {
        exponent *own = &e->of[k];
        if (own->search.done) continue;
        const double u = sbi_dataset_pass_mean(pass, SUMS * k + SUM_U), d = sbi_dataset_pass_mean(pass, SUMS * k + SUM_D);
        const double variance = sbi_dataset_pass_mean(pass, SUMS * k + SUM_UU) - u * u;
        const double covariance = sbi_dataset_pass_mean(pass, SUMS * k + SUM_UD) - u * d;
        sbi_exponent_search_next(&own->search, variance > 0 ? own->slope - covariance / variance : 0);
        left += !own->search.done;
    }
    return left;
}

static sbi_status search(sbi_dataset *data, const sbi_transforms *before, exponents *e)
{
    sbi_dataset_pass first = {.data = data, .transforms = before, .rows = survey, .user = e};
    sbi_dataset_pass steps = {.data = data, .transforms = before, .rows = add_slopes, .user = e, .n_sums = SUMS * e->n};
    first.n_sums = (SURVEYS + LEASTS) * e->n;
    first.n_least = LEASTS * e->n;
    sbi_status status = sbi_dataset_pass_run(&first);
    if (status == SBI_OK) begin_searches(e, &first);
    sbi_dataset_pass_clear(&first);
    size_t left = 0;
    for (size_t k = 0; k < e->n; k++) left += !e->of[k].search.done;
    while (left > 0 && status == SBI_OK) {
        status = sbi_dataset_pass_run(&steps);
        if (status == SBI_OK) left = step_searches(e, &steps);
    }
    sbi_dataset_pass_clear(&steps);
    return status;
}

/* The steps of t in front of an exponent that is to be found; features with categories stay as they are. */
static sbi_status steps_before(const sbi_transforms *t, sbi_transforms **out, exponents *e)
{
    SBI_TRY(sbi_transforms_new(out, t->ctx, t->features));
    e->inputs = t->features;
    for (size_t i = 0; i < t->n_steps; i++) {
        const sbi_transform_step *s = &t->steps[i];
        if (s->kind == SBI_TRANSFORM_YEO_JOHNSON && s->n == 0) e->of[e->n++].feature = s->feature;
        if (s->kind == SBI_TRANSFORM_LOG || s->kind == SBI_TRANSFORM_SIGNED_LOG)
            SBI_TRY(sbi_transforms_add(*out, s->feature, s->kind, t->values + s->first, 1));
    }
    return sbi_transforms_finish(*out);
}

static sbi_status set_exponent(sbi_dataset *data, sbi_transforms *t, const exponent *own)
{
    size_t first;
    const size_t n = sbi_transforms_chain(t, own->feature, &first);
    sbi_transform_step *s = &t->steps[first + n - 1];
    double *values = sbi_realloc_array(t->ctx, t->values, t->n_values + 1, sizeof *values);
    if (!values) return SBI_ERR_NO_MEMORY;
    t->values = values;
    s->first = (int64_t)t->n_values;
    s->n = 1;
    values[t->n_values++] = own->search.exponent;
    if (own->search.at_bound)
        sbi_log(data->ctx, SBI_LOG_WARNING,
                "dataset: feature \"%s\": the likelihood still grows at the exponent %g, beyond which digits are lost",
                sbi_dataset_feature_name(data, (size_t)own->feature), own->search.exponent);
    return SBI_OK;
}

static sbi_status find_exponents(sbi_dataset *data, sbi_transforms *t)
{
    sbi_transforms *before = NULL;
    exponents e = {.of = sbi_alloc_zero(data->ctx, t->n_steps, sizeof(exponent))};
    sbi_status status = e.of ? steps_before(t, &before, &e) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && e.n > 0) status = search(data, before->n_steps ? before : NULL, &e);
    for (size_t k = 0; k < e.n && status == SBI_OK; k++) status = set_exponent(data, t, &e.of[k]);
    sbi_transforms_free(before);
    sbi_free(data->ctx, e.of);
    return status;
}

/* ---- all ---- */

static sbi_status add_chain(sbi_dataset *data, int32_t standardise, sbi_transforms *t, int64_t feature)
{
    const sbi_transforms *own = data->transforms;
    size_t first = 0;
    const size_t n = own ? sbi_transforms_chain(own, feature, &first) : 0;
    if (n == 0)
        return standardise == SBI_STANDARDISE_YEO_JOHNSON ? sbi_transforms_add(t, feature, SBI_TRANSFORM_YEO_JOHNSON, NULL, 0) : SBI_OK;
    for (size_t i = 0; i < n; i++) {
        const sbi_transform_step *s = &own->steps[first + i];
        const int one_hot = s->kind == SBI_TRANSFORM_ONE_HOT || s->kind == SBI_TRANSFORM_ONE_HOT_OR_ZERO;
        SBI_TRY(one_hot && s->n == 0 ? find_categories(data, t, feature, s->kind)
                                     : sbi_transforms_add(t, feature, s->kind, own->values + s->first, (size_t)s->n));
    }
    return SBI_OK;
}

sbi_status sbi_dataset_find_transforms(sbi_dataset *data, int32_t standardise, sbi_transforms **out)
{
    *out = NULL;
    if (!data->transforms && standardise != SBI_STANDARDISE_YEO_JOHNSON) return SBI_OK;
    sbi_transforms *t;
    SBI_TRY(sbi_transforms_new(&t, data->ctx, data->inputs));
    sbi_status status = SBI_OK;
    for (int64_t j = 0; j < data->d && status == SBI_OK; j++) status = add_chain(data, standardise, t, j);
    if (status == SBI_OK) status = find_exponents(data, t);
    if (status == SBI_OK) status = sbi_transforms_finish(t);
    if (status == SBI_OK && t->n_steps > 0) {
        *out = t;
        return SBI_OK;
    }
    sbi_transforms_free(t);
    return status;
}
