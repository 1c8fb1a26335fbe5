/* SPDX-License-Identifier: Apache-2.0 */
/* Test statistics of arXiv:1007.1727. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "fit/fit.h"

/* min over the others of F(theta_k = value): from where the covariance expects them and from the best fit's, the deeper. */
static sbi_status conditional_nll(sbi_fit *fit, size_t k, double value, double *nll)
{
    double deepest = INFINITY;
    for (int start = 0; start < 2; start++) {
        sbi_fit_point *p = fit->inner;
        sbi_fit_point_copy(p, fit->best);
        if (start == 0) sbi_fit_predict(fit, k, value, p->x);
        p->x[k] = value;
        SBI_TRY(sbi_fit_conditional(fit, k, p));
        if (p->reason < 10 && p->f < deepest) deepest = p->f;
    }
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
    double best = fit->best->x[k], reference = fit->best->f, tested;
    *statistic = 0;
    if (kind == SBI_STATISTIC_Q0 && best < 0) return SBI_OK;
    if ((kind == SBI_STATISTIC_Q || kind == SBI_STATISTIC_QTILDE) && best > mu) return SBI_OK;
    int replaced = (kind == SBI_STATISTIC_TTILDE || kind == SBI_STATISTIC_QTILDE) && best < 0;
    if (replaced) {
        SBI_REQUIRE(o->upper[k] >= 0, "sbi_fit_test_statistic: %s cannot be 0", name);
        SBI_TRY(conditional_nll(fit, k, 0, &reference));
    }
    SBI_TRY(conditional_nll(fit, k, mu, &tested));
    double difference = tested - reference;
    if (!replaced && difference < -2 * sbi_fit_settings(fit).goal) {
        return sbi_fail(SBI_ERR_STATE,
                        "sbi_fit_test_statistic: F is %.9g at %s = %g, below the fit's %.9g at %g: the fit found a local "
                        "minimum only",
                        tested, name, mu, reference, best);
    }
    *statistic = fmax(0, 2 * difference);
    return SBI_OK;
}
