/* SPDX-License-Identifier: Apache-2.0 */
/* Test statistics of arXiv:1007.1727. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/statistic.h"

sbi_status sbi_fit_conditional_nll(sbi_fit *fit, size_t k, double value, double *nll)
{
    double deepest = INFINITY;
    for (int start = 0; start < 2; start++) {
        sbi_fit_point *p = start == 0 ? fit->other : fit->inner;
        sbi_fit_point_copy(p, fit->best);
        if (start == 0) sbi_fit_predict(fit, k, value, p->x);
        p->x[k] = value;
        SBI_TRY(sbi_fit_conditional(fit, k, p));
    }
    if (fit->other->reason < 10 && (fit->inner->reason >= 10 || fit->other->f < fit->inner->f))
        sbi_fit_point_copy(fit->inner, fit->other);
    if (fit->inner->reason < 10) deepest = fit->inner->f;
    if (!(deepest < INFINITY)) {
        return sbi_fail(SBI_ERR_DIVERGED, "sbi_fit_test_statistic: the fit at %s = %g does not converge",
                        fit->objective->names[k], value);
    }
    *nll = deepest;
    return SBI_OK;
}

static sbi_status check_kind(int32_t kind, double mu)
{
    SBI_REQUIRE(kind >= SBI_STATISTIC_T && kind <= SBI_STATISTIC_QTILDE, "sbi_fit_test_statistic: kind is %d", (int)kind);
    SBI_REQUIRE(kind != SBI_STATISTIC_Q0 || mu == 0, "sbi_fit_test_statistic: q_0 at mu = %g, expected 0", mu);
    return SBI_OK;
}

#define KIND(kind) (1u << (kind))

sbi_status sbi_fit_statistics(sbi_fit *fit, size_t k, double mu, uint32_t kinds, double *statistics)
{
    const double best = fit->best->x[k], minimum = fit->best->f;
    double tested = 0, at_zero = minimum;
    const int plain = (kinds & KIND(SBI_STATISTIC_T)) || ((kinds & KIND(SBI_STATISTIC_Q)) && best <= mu) ||
                      ((kinds & KIND(SBI_STATISTIC_Q0)) && best >= 0);
    const int tilde = (kinds & KIND(SBI_STATISTIC_TTILDE)) || ((kinds & KIND(SBI_STATISTIC_QTILDE)) && best <= mu);
    if (plain || tilde) {
        SBI_TRY(sbi_fit_conditional_nll(fit, k, mu, &tested));
        if (tested - minimum < -2 * sbi_fit_settings(fit).goal)
            return sbi_fail(SBI_ERR_STATE,
                            "sbi_fit_test_statistic: F is %.9g at %s = %g, below the fit's %.9g at %g: the fit found a local "
                            "minimum only",
                            tested, fit->objective->names[k], mu, minimum, best);
    }
    if (tilde && best < 0) SBI_TRY(sbi_fit_conditional_nll(fit, k, 0, &at_zero));
    const double t = fmax(0, 2 * (tested - minimum)), from_zero = fmax(0, 2 * (tested - at_zero));
    statistics[SBI_STATISTIC_T] = t;
    statistics[SBI_STATISTIC_TTILDE] = from_zero;
    statistics[SBI_STATISTIC_Q0] = best < 0 ? 0 : t;
    statistics[SBI_STATISTIC_Q] = best > mu ? 0 : t;
    statistics[SBI_STATISTIC_QTILDE] = best > mu ? 0 : from_zero;
    return SBI_OK;
}

sbi_status sbi_fit_test_statistic(sbi_fit *fit, const char *name, double mu, int32_t kind, double *statistic)
{
    SBI_REQUIRE(fit && statistic, "sbi_fit_test_statistic: fit or statistic is NULL");
    size_t k;
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_test_statistic", &k));
    SBI_TRY(check_kind(kind, mu));
    const sbi_fit_objective *o = fit->objective;
    SBI_REQUIRE(isfinite(mu) && mu >= o->lower[k] && mu <= o->upper[k],
                "sbi_fit_test_statistic: %s = %g is outside of the bounds [%g, %g]", name, mu, o->lower[k], o->upper[k]);
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_test_statistic"));
    const int replaced = (kind == SBI_STATISTIC_TTILDE || kind == SBI_STATISTIC_QTILDE) && fit->best->x[k] < 0;
    SBI_REQUIRE(!replaced || o->upper[k] >= 0, "sbi_fit_test_statistic: %s cannot be 0", name);
    double all[SBI_STATISTIC_KINDS];
    *statistic = 0;
    SBI_TRY(sbi_fit_statistics(fit, k, mu, KIND(kind), all));
    *statistic = all[kind];
    return SBI_OK;
}
