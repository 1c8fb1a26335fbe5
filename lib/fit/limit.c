/* SPDX-License-Identifier: Apache-2.0 */
/* Upper limits by the asymptotic formulae of arXiv:1007.1727, observed and expected. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "base/distributions.h"
#include "fit/statistic.h"
#include "sbi/limit.h"

#define OBSERVED 9.0 /* in place of a number of standard deviations */

void sbi_limit_options_init(sbi_limit_options *options)
{
    if (!options) return;
    const sbi_limit_options defaults = SBI_LIMIT_OPTIONS_INIT;
    *options = defaults;
}

typedef struct limit_search {
    sbi_fit *fit, *asimov;
    const char *name;
    const sbi_limit_options *o;
    double floor, start, top; /* nothing below, where to begin, nothing above */
    double sigma;
    double band;   /* OBSERVED, or the number of standard deviations */
    double target; /* ln(1 - confidence) */
} limit_search;

/* ln of the criterion - target: falls with mu. */
static sbi_status excess(const limit_search *s, double mu, double *out)
{
    double q = 0, q_asimov, cl[3] = {1, 1, 1};
    SBI_TRY(sbi_fit_test_statistic(s->asimov, s->name, mu, s->o->statistic, &q_asimov));
    if (s->band == OBSERVED) {
        SBI_TRY(sbi_fit_test_statistic(s->fit, s->name, mu, s->o->statistic, &q));
        /* Where the Asimov data cannot tell mu from nothing CLs is 1, and q_mu and q~_mu are the same. */
        if (q_asimov > 0) SBI_TRY(sbi_asymptotic_cls(s->o->statistic, q, q_asimov, cl));
        else cl[0] = s->o->criterion == SBI_LIMIT_CLSB ? sbi_normal_tail(sqrt(q)) : 1;
    } else {
        cl[0] = sbi_normal_tail(sqrt(q_asimov) - s->band);
        cl[1] = sbi_normal_tail(-s->band);
        cl[2] = cl[0] / cl[1];
    }
    *out = log(fmax(s->o->criterion == SBI_LIMIT_CLSB ? cl[0] : cl[2], 1e-300)) - s->target;
    return SBI_OK;
}

/* Between low (excess > 0) and high (excess <= 0): the secant, or the middle where it does not shrink the bracket well. */
static sbi_status bisect(const limit_search *s, double low, double at_low, double high, double at_high, double *limit)
{
    const double tolerance = s->o->tolerance * s->sigma;
    for (int i = 0; i < 100 && high - low > tolerance; i++) {
        double width = high - low, value;
        double middle = i % 3 == 2 ? 0.5 * (low + high) : low + width * at_low / (at_low - at_high);
        /* Never so near an end that the other one stays for ever. */
        middle = fmin(fmax(middle, low + 0.3 * tolerance), high - 0.3 * tolerance);
        SBI_TRY(excess(s, middle, &value));
        if (value > 0) {
            low = middle;
            at_low = value;
        } else {
            high = middle;
            at_high = value;
        }
    }
    *limit = 0.5 * (low + high);
    return SBI_OK;
}

static sbi_status find(const limit_search *s, double *limit)
{
    double low = s->start, step = s->sigma, at_low;
    SBI_TRY(excess(s, low, &at_low));
    if (at_low <= 0) { /* a low confidence, or CLsb with a deficit */
        const double high = low, at_high = at_low;
        low = s->floor;
        SBI_TRY(excess(s, low, &at_low));
        if (at_low <= 0)
            return sbi_fail(SBI_ERR_DOMAIN, "sbi_fit_limits: every %s from %g on is excluded", s->name, low);
        return bisect(s, low, at_low, high, at_high, limit);
    }
    for (int i = 0; i < 60; i++, step *= 1.6) {
        double mu = fmin(low + step, s->top), value;
        SBI_TRY(excess(s, mu, &value));
        if (value <= 0) return bisect(s, low, at_low, mu, value, limit);
        if (mu >= s->top) break;
        low = mu;
        at_low = value;
    }
    return sbi_fail(SBI_ERR_DOMAIN, "sbi_fit_limits: %s of %s does not fall to %g within its bounds (upper bound %g)",
                    s->o->criterion == SBI_LIMIT_CLSB ? "CLsb" : "CLs", s->name, 1 - s->o->confidence, s->top);
}

static sbi_status find_expected(limit_search *s, double *expected)
{
    for (int i = 0; i < 5; i++) {
        s->band = i - 2;
        if (i) s->start = fmax(s->start, isnan(expected[i - 1]) ? s->floor : expected[i - 1]); /* they ascend */
        const sbi_status status = find(s, &expected[i]);
        if (status == SBI_ERR_DOMAIN) expected[i] = NAN;
        else SBI_TRY(status);
    }
    return SBI_OK;
}

static sbi_status check(const sbi_fit *fit, const sbi_fit *asimov, const char *name, const sbi_limit_options *o, size_t *k,
                        size_t *other)
{
    SBI_REQUIRE(o->statistic == SBI_STATISTIC_Q || o->statistic == SBI_STATISTIC_QTILDE, "sbi_limit_options: statistic is %d",
                (int)o->statistic);
    SBI_REQUIRE(o->criterion == SBI_LIMIT_CLS || o->criterion == SBI_LIMIT_CLSB, "sbi_limit_options: criterion is %d",
                (int)o->criterion);
    SBI_REQUIRE(o->confidence > 0 && o->confidence < 1, "sbi_limit_options: confidence is %g", o->confidence);
    SBI_REQUIRE(o->tolerance > 0 && isfinite(o->tolerance), "sbi_limit_options: tolerance is %g", o->tolerance);
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_limits", k));
    SBI_TRY(sbi_fit_find(asimov, name, "sbi_fit_limits", other));
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_limits"));
    if (fit->best->state[*k] == SBI_FIT_FIXED)
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_limits: %s is fixed at %g", name, fit->best->x[*k]);
    return SBI_OK;
}

sbi_status sbi_fit_limits(sbi_fit *fit, sbi_fit *asimov, const char *name, const sbi_limit_options *options, sbi_limit *limit)
{
    SBI_REQUIRE(fit && asimov && limit, "sbi_fit_limits: fit, asimov or limit is NULL");
    if (limit->struct_size < sizeof *limit)
        return sbi_fail(SBI_ERR_ABI, "sbi_limit: struct_size is %u, expected at least %zu", (unsigned)limit->struct_size,
                        sizeof *limit);
    sbi_limit_options o = SBI_LIMIT_OPTIONS_INIT;
    size_t k, other;
    SBI_TRY(sbi_options_read(&o, sizeof o, sizeof o, options, "sbi_limit_options"));
    SBI_TRY(check(fit, asimov, name, &o, &k, &other));
    limit_search s = {.fit = fit, .asimov = asimov, .name = name, .o = &o, .band = OBSERVED, .target = log(1 - o.confidence)};
    s.sigma = fit->covariance_status == SBI_OK ? sqrt(fit->covariance[k * fit->best->n + k]) : 0;
    if (!(s.sigma > 0)) s.sigma = fit->best->scale[k];
    s.top = fmin(fit->objective->upper[k], asimov->objective->upper[other]);
    s.floor = fmin(fmax(fmax(fit->objective->lower[k], asimov->objective->lower[other]), 0), s.top);
    s.start = fmin(fmax(fit->best->x[k], s.floor), s.top);
    double observed, expected[5] = {NAN, NAN, NAN, NAN, NAN};
    SBI_TRY(find(&s, &observed));
    s.start = s.floor;
    if (!o.observed_only) SBI_TRY(find_expected(&s, expected));
    limit->observed = observed;
    limit->observed_error = 0;
    memcpy(limit->expected, expected, sizeof expected);
    memset(limit->expected_error, 0, sizeof limit->expected_error);
    return SBI_OK;
}

sbi_status sbi_fit_upper_limit(sbi_fit *fit, sbi_fit *asimov, const char *name, double confidence, double *limit)
{
    SBI_REQUIRE(fit && asimov && limit, "sbi_fit_upper_limit: fit, asimov or limit is NULL");
    sbi_limit_options o = SBI_LIMIT_OPTIONS_INIT;
    sbi_limit result = {.struct_size = (uint32_t)sizeof result};
    o.confidence = confidence;
    o.observed_only = 1;
    SBI_TRY(sbi_fit_limits(fit, asimov, name, &o, &result));
    *limit = result.observed;
    return SBI_OK;
}
