/* SPDX-License-Identifier: Apache-2.0 */
/* Upper limits by toys. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "base/distributions.h"
#include "jobs/toys.h"
#include "sbi/limit.h"

enum { BANDS = 6 }; /* observed, then -2 ... 2 standard deviations */

void sbi_toy_limit_options_init(sbi_toy_limit_options *options)
{
    if (!options) return;
    const sbi_toy_limit_options defaults = SBI_TOY_LIMIT_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_toys_check_grid(const sbi_fit *fit, const char *name, const double *values, size_t n, const char *function)
{
    size_t k;
    SBI_REQUIRE(fit && values, "%s: fit or values is NULL", function);
    if (!fit->model) return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: the fit is one of an objective, of which there are no toys", function);
    SBI_TRY(sbi_fit_find(fit, name, function, &k));
    SBI_TRY(sbi_fit_require_converged(fit, function));
    SBI_REQUIRE(n >= 2, "%s: %zu values, at least 2 are needed", function, n);
    for (size_t i = 0; i < n; i++) {
        SBI_REQUIRE(isfinite(values[i]) && values[i] >= fit->objective->lower[k] && values[i] <= fit->objective->upper[k],
                    "%s: %s = %g is outside of the bounds [%g, %g]", function, name, values[i], fit->objective->lower[k],
                    fit->objective->upper[k]);
        SBI_REQUIRE(i == 0 || values[i] > values[i - 1], "%s: values are not ascending at %zu: %g", function, i, values[i]);
    }
    return SBI_OK;
}

typedef struct search {
    sbi_context *ctx;
    sbi_fit *fit;
    const char *name;
    const double *values;
    size_t n;
    sbi_toy_limit_options o;
    sbi_toys_options toys;
    double *theta;       /* [n + 1, P], the last without signal */
    double *cls, *error; /* [n, BANDS] */
    toys_set *sets;      /* [n + 1] */
    sbi_toys **out;      /* [n + 1] */
} search;

static sbi_status prepare(search *s)
{
    const size_t p = s->fit->objective->n;
    s->theta = sbi_alloc_array(s->ctx, (s->n + 1) * p, sizeof *s->theta);
    s->cls = sbi_alloc_zero(s->ctx, 2 * s->n * BANDS, sizeof *s->cls);
    s->sets = sbi_alloc_zero(s->ctx, s->n + 1, sizeof *s->sets);
    s->out = sbi_alloc_zero(s->ctx, s->n + 1, sizeof *s->out);
    if (!s->theta || !s->cls || !s->sets || !s->out) return SBI_ERR_NO_MEMORY;
    s->error = s->cls + s->n * BANDS;
    s->toys.parameter = s->name;
    s->toys.first = 0;
    s->toys.compute = s->o.statistic == SBI_STATISTIC_Q ? SBI_TOYS_Q : SBI_TOYS_QTILDE;
    for (size_t i = 0; i <= s->n; i++) {
        toys_set *set = &s->sets[i];
        const int signal = i < s->n;
        SBI_TRY(sbi_fit_profiled(s->fit, s->name, signal ? s->values[i] : 0, s->theta + i * p, NULL));
        set->theta = s->theta + i * p;
        set->options = s->toys;
        set->options.seed = sbi_random_derive(s->toys.seed, "limit", i);
        set->options.tested = signal ? &s->values[i] : s->values;
        set->options.n_tested = signal ? 1 : s->n;
        if (!signal && s->o.background_count) set->options.count = s->o.background_count;
    }
    return SBI_OK;
}

/* The criterion at one value for the data and the expected quantiles. */
static sbi_status fill_value(search *s, size_t i)
{
    const char *statistic = s->o.statistic == SBI_STATISTIC_Q ? "q" : "qtilde";
    char signal[32], background[32];
    snprintf(signal, sizeof signal, "%s_0", statistic);
    snprintf(background, sizeof background, "%s_%zu", statistic, i);
    for (int band = 0; band < BANDS; band++) {
        double q, cl[3], error[3];
        const int which = s->o.criterion == SBI_LIMIT_CLSB ? 0 : 2;
        if (band == 0) SBI_TRY(sbi_fit_test_statistic(s->fit, s->name, s->values[i], s->o.statistic, &q));
        else SBI_TRY(sbi_toys_quantile(s->out[s->n], background, sbi_normal_tail(band - 3), &q, NULL));
        SBI_TRY(sbi_toys_cls(s->out[i], signal, s->out[s->n], background, q, cl, error));
        s->cls[i * BANDS + band] = cl[which];
        s->error[i * BANDS + band] = error[which];
    }
    return SBI_OK;
}

/* Where the criterion crosses the target for the last time, in its logarithm; a criterion of no toy at all counts as its error. */
static int cross(const search *s, int band, double *limit, double *error)
{
    const double target = log(1 - s->o.confidence);
    *limit = *error = NAN;
    for (size_t i = s->n - 1; i-- > 0;) {
        const size_t low = i * BANDS + (size_t)band, high = low + BANDS;
        const double c0 = s->cls[low], c1 = s->cls[high];
        if (!(c0 > 1 - s->o.confidence)) continue;
        if (c1 > 1 - s->o.confidence) return 0; /* no crossing below the last value */
        const double l0 = log(c0), l1 = log(fmax(c1, fmin(s->error[high], 0.99 * (1 - s->o.confidence))));
        const double part = (l0 - target) / (l0 - l1), width = s->values[i + 1] - s->values[i];
        const double relative = (1 - part) * s->error[low] / c0 + part * s->error[high] / exp(l1);
        *limit = s->values[i] + part * width;
        *error = relative * width / (l0 - l1);
        return 1;
    }
    return 0;
}

static sbi_status read_options(search *s, const sbi_toy_limit_options *options)
{
    sbi_toy_limit_options_init(&s->o);
    SBI_TRY(sbi_options_read(&s->o, sizeof s->o, sizeof s->o, options, "sbi_toy_limit_options"));
    SBI_REQUIRE(s->o.statistic == SBI_STATISTIC_Q || s->o.statistic == SBI_STATISTIC_QTILDE, "sbi_toy_limit_options: statistic is %d",
                (int)s->o.statistic);
    SBI_REQUIRE(s->o.criterion == SBI_LIMIT_CLS || s->o.criterion == SBI_LIMIT_CLSB, "sbi_toy_limit_options: criterion is %d",
                (int)s->o.criterion);
    SBI_REQUIRE(s->o.confidence > 0 && s->o.confidence < 1, "sbi_toy_limit_options: confidence is %g", s->o.confidence);
    SBI_REQUIRE(s->o.background_count >= 0, "sbi_toy_limit_options: background_count is %lld", (long long)s->o.background_count);
    sbi_toys_options_init(&s->toys);
    return sbi_options_read(&s->toys, sizeof s->toys, sizeof s->toys, s->o.toys, "sbi_toys_options");
}

static sbi_status find_limits(search *s, sbi_executor *executor, sbi_limit *limit)
{
    SBI_TRY(prepare(s));
    SBI_TRY(sbi_toys_run_sets(s->out, s->fit->model, s->sets, s->n + 1, executor));
    for (size_t i = 0; i < s->n; i++) SBI_TRY(fill_value(s, i));
    for (int band = 1; band < BANDS; band++) cross(s, band, &limit->expected[band - 1], &limit->expected_error[band - 1]);
    if (cross(s, 0, &limit->observed, &limit->observed_error)) return SBI_OK;
    return sbi_fail(SBI_ERR_DOMAIN, "sbi_fit_limits_by_toys: the criterion of %s does not cross %g between %g and %g: it goes from %g to %g",
                    s->name, 1 - s->o.confidence, s->values[0], s->values[s->n - 1], s->cls[0], s->cls[(s->n - 1) * BANDS]);
}

sbi_status sbi_fit_limits_by_toys(sbi_fit *fit, const char *name, const double *values, size_t n,
                                  const sbi_toy_limit_options *options, sbi_executor *executor, sbi_limit *limit, double *cls,
                                  double *cls_error)
{
    SBI_REQUIRE(limit, "sbi_fit_limits_by_toys: limit is NULL");
    if (limit->struct_size < sizeof *limit)
        return sbi_fail(SBI_ERR_ABI, "sbi_limit: struct_size is %u, expected at least %zu", (unsigned)limit->struct_size,
                        sizeof *limit);
    SBI_TRY(sbi_toys_check_grid(fit, name, values, n, "sbi_fit_limits_by_toys"));
    search s = {.ctx = fit->ctx, .fit = fit, .name = name, .values = values, .n = n};
    SBI_TRY(read_options(&s, options));
    const sbi_status status = find_limits(&s, executor, limit);
    if (status == SBI_OK || status == SBI_ERR_DOMAIN) {
        if (cls && s.cls) memcpy(cls, s.cls, n * BANDS * sizeof *cls);
        if (cls_error && s.error) memcpy(cls_error, s.error, n * BANDS * sizeof *cls_error);
    }
    for (size_t i = 0; s.out && i <= n; i++) sbi_toys_destroy(s.out[i]);
    sbi_free(s.ctx, s.out);
    sbi_free(s.ctx, s.sets);
    sbi_free(s.ctx, s.cls);
    sbi_free(s.ctx, s.theta);
    return status;
}
