/* SPDX-License-Identifier: Apache-2.0 */
/* CLs and upper limits by the asymptotic formulae of arXiv:1007.1727. */
#include <math.h>

#include "base/error.h"
#include "fit/fit.h"

#define LIMIT_TOLERANCE 1e-4 /* standard deviations */

/* 1 - Phi(z) without cancellation. */
static double upper_tail(double z)
{
    return 0.5 * erfc(z * M_SQRT1_2);
}

sbi_status sbi_asymptotic_cls(int32_t kind, double q, double q_asimov, double *cl)
{
    SBI_REQUIRE(cl, "sbi_asymptotic_cls: cl is NULL");
    SBI_REQUIRE(kind == SBI_STATISTIC_Q || kind == SBI_STATISTIC_QTILDE, "sbi_asymptotic_cls: kind is %d", (int)kind);
    SBI_REQUIRE(q >= 0 && isfinite(q), "sbi_asymptotic_cls: q is %g", q);
    SBI_REQUIRE(q_asimov > 0 && isfinite(q_asimov), "sbi_asymptotic_cls: q_asimov is %g", q_asimov);
    double a = sqrt(q_asimov), r = sqrt(q);
    int beyond = kind == SBI_STATISTIC_QTILDE && q > q_asimov;
    cl[0] = upper_tail(beyond ? (q + q_asimov) / (2 * a) : r);
    cl[1] = upper_tail(beyond ? (q - q_asimov) / (2 * a) : r - a);
    cl[2] = cl[1] > 0 ? cl[0] / cl[1] : 0;
    return SBI_OK;
}

typedef struct limit_search {
    sbi_fit *fit, *asimov;
    const char *name;
    double target; /* ln(1 - confidence) */
} limit_search;

/* ln CLs - target: falls with mu. */
static sbi_status excess(const limit_search *s, double mu, double *out)
{
    double q, q_asimov, cl[3];
    SBI_TRY(sbi_fit_test_statistic(s->fit, s->name, mu, SBI_STATISTIC_QTILDE, &q));
    SBI_TRY(sbi_fit_test_statistic(s->asimov, s->name, mu, SBI_STATISTIC_QTILDE, &q_asimov));
    *out = -s->target; /* CLs is 1 where the Asimov data cannot tell mu from nothing */
    if (q_asimov > 0) {
        SBI_TRY(sbi_asymptotic_cls(SBI_STATISTIC_QTILDE, q, q_asimov, cl));
        *out = log(fmax(cl[2], 1e-300)) - s->target;
    }
    return SBI_OK;
}

/* Between low (excess > 0) and high (excess <= 0): the secant, or the middle where it does not shrink the bracket well. */
static sbi_status bisect(const limit_search *s, double low, double at_low, double high, double at_high, double tolerance,
                         double *limit)
{
    double middle = 0.5 * (low + high);
    for (int i = 0; i < 100 && high - low > tolerance; i++) {
        double width = high - low, value;
        middle = i % 3 == 2 ? 0.5 * (low + high) : low + width * at_low / (at_low - at_high);
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

sbi_status sbi_fit_upper_limit(sbi_fit *fit, sbi_fit *asimov, const char *name, double confidence, double *limit)
{
    SBI_REQUIRE(fit && asimov && limit, "sbi_fit_upper_limit: fit, asimov or limit is NULL");
    SBI_REQUIRE(confidence > 0 && confidence < 1, "sbi_fit_upper_limit: confidence is %g", confidence);
    size_t k, other;
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_upper_limit", &k));
    SBI_TRY(sbi_fit_find(asimov, name, "sbi_fit_upper_limit", &other));
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_upper_limit"));
    if (fit->best->state[k] == SBI_FIT_FIXED) {
        return sbi_fail(SBI_ERR_STATE, "sbi_fit_upper_limit: %s is fixed at %g", name, fit->best->x[k]);
    }
    double sigma = fit->covariance_status == SBI_OK ? sqrt(fit->covariance[k * fit->best->n + k]) : 0;
    if (!(sigma > 0)) sigma = fit->best->scale[k];
    double top = fmin(fit->objective->upper[k], asimov->objective->upper[other]);
    limit_search s = {fit, asimov, name, log(1 - confidence)};
    double low = fmin(fmax(fit->best->x[k], 0), top), step = sigma, at_low = 1;
    for (int i = 0; i < 60; i++, step *= 1.6) {
        double mu = fmin(low + step, top), value;
        SBI_TRY(excess(&s, mu, &value));
        if (value <= 0) return bisect(&s, low, at_low, mu, value, LIMIT_TOLERANCE * sigma, limit);
        if (mu >= top) break;
        low = mu;
        at_low = value;
    }
    return sbi_fail(SBI_ERR_DOMAIN, "sbi_fit_upper_limit: CLs of %s does not fall to %g within its bounds (upper bound %g)", name,
                    1 - confidence, top);
}
