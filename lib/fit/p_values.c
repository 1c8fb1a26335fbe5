/* SPDX-License-Identifier: Apache-2.0 */
/* p-values and significances by the asymptotic formulae of arXiv:1007.1727. */
#include <math.h>

#include "base/error.h"
#include "base/distributions.h"
#include "fit/statistic.h"
#include "sbi/limit.h"

double sbi_significance(double p)
{
    return sbi_normal_upper_quantile(p);
}

sbi_status sbi_asymptotic_p_value(int32_t kind, double statistic, double asimov, double *p)
{
    SBI_REQUIRE(p, "sbi_asymptotic_p_value: p is NULL");
    SBI_REQUIRE(kind >= SBI_STATISTIC_T && kind <= SBI_STATISTIC_QTILDE, "sbi_asymptotic_p_value: kind is %d", (int)kind);
    SBI_REQUIRE(statistic >= 0 && isfinite(statistic), "sbi_asymptotic_p_value: the statistic is %g", statistic);
    const int tilde = kind == SBI_STATISTIC_TTILDE || kind == SBI_STATISTIC_QTILDE;
    SBI_REQUIRE(!tilde || (asimov > 0 && isfinite(asimov)), "sbi_asymptotic_p_value: its value for Asimov data is %g", asimov);
    const double plain = sbi_normal_tail(sqrt(statistic));
    const double other = tilde && statistic > asimov ? sbi_normal_tail((statistic + asimov) / (2 * sqrt(asimov))) : plain;
    if (kind == SBI_STATISTIC_T || kind == SBI_STATISTIC_TTILDE) *p = plain + other;
    else *p = other;
    return SBI_OK;
}

sbi_status sbi_asymptotic_cls(int32_t kind, double q, double q_asimov, double *cl)
{
    SBI_REQUIRE(cl, "sbi_asymptotic_cls: cl is NULL");
    SBI_REQUIRE(kind == SBI_STATISTIC_Q || kind == SBI_STATISTIC_QTILDE, "sbi_asymptotic_cls: kind is %d", (int)kind);
    SBI_REQUIRE(q >= 0 && isfinite(q), "sbi_asymptotic_cls: q is %g", q);
    SBI_REQUIRE(q_asimov > 0 && isfinite(q_asimov), "sbi_asymptotic_cls: q_asimov is %g", q_asimov);
    double a = sqrt(q_asimov), r = sqrt(q);
    int beyond = kind == SBI_STATISTIC_QTILDE && q > q_asimov;
    cl[0] = sbi_normal_tail(beyond ? (q + q_asimov) / (2 * a) : r);
    cl[1] = sbi_normal_tail(beyond ? (q - q_asimov) / (2 * a) : r - a);
    cl[2] = cl[1] > 0 ? cl[0] / cl[1] : 0;
    return SBI_OK;
}

sbi_status sbi_fit_discovery(sbi_fit *fit, const char *name, sbi_discovery *discovery)
{
    SBI_REQUIRE(fit && discovery, "sbi_fit_discovery: fit or discovery is NULL");
    if (discovery->struct_size < sizeof *discovery)
        return sbi_fail(SBI_ERR_ABI, "sbi_discovery: struct_size is %u, expected at least %zu", (unsigned)discovery->struct_size,
                        sizeof *discovery);
    double q0;
    SBI_TRY(sbi_fit_test_statistic(fit, name, 0, SBI_STATISTIC_Q0, &q0));
    discovery->q0 = q0;
    discovery->significance = sqrt(q0);
    discovery->p0 = sbi_normal_tail(sqrt(q0));
    return SBI_OK;
}
