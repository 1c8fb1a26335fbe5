/* SPDX-License-Identifier: Apache-2.0 */
/* Goodness of fit of binned models against the saturated one. */
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/distributions.h"
#include "fit/fit.h"
#include "sbi/limit.h"

/* m - n + n ln(n / m) >= 0. */
static double poisson_deviance(double n, double m)
{
    return n > 0 ? m - n + n * log(n / m) : m;
}

/* c_k - min c_k. */
static double constraint_deviance(const sbi_parameter *p, double value)
{
    const double tau = 1 / (p->sigma * p->sigma);
    double shift;
    switch (p->constraint) {
    case SBI_CONSTRAINT_GAUSSIAN: shift = (value - p->auxiliary) / p->sigma; return 0.5 * shift * shift;
    case SBI_CONSTRAINT_LOGNORMAL: shift = log(value / p->auxiliary) / p->sigma; return 0.5 * shift * shift;
    case SBI_CONSTRAINT_POISSON: return poisson_deviance(p->auxiliary * tau, value * tau);
    default: return 0;
    }
}

static sbi_status add_channel(const sbi_fit *fit, size_t channel, double *sum)
{
    const size_t n = sbi_model_n_bins(fit->model, channel);
    double *observed = sbi_alloc_array(fit->ctx, 2 * n, sizeof *observed), *expected = observed ? observed + n : NULL;
    if (!observed) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_model_observed(fit->model, channel, observed);
    if (status == SBI_OK) status = sbi_model_expected(fit->model, channel, fit->best->x, expected, NULL);
    for (size_t b = 0; b < n && status == SBI_OK; b++) *sum += poisson_deviance(observed[b], expected[b]);
    sbi_free(fit->ctx, observed);
    return status;
}

sbi_status sbi_fit_goodness(const sbi_fit *fit, sbi_goodness *goodness)
{
    SBI_REQUIRE(fit && goodness, "sbi_fit_goodness: fit or goodness is NULL");
    if (goodness->struct_size < sizeof *goodness)
        return sbi_fail(SBI_ERR_ABI, "sbi_goodness: struct_size is %u, expected at least %zu", (unsigned)goodness->struct_size,
                        sizeof *goodness);
    const sbi_model *m = fit->model;
    if (!m) return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit_goodness: the fit is one of an objective");
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_goodness"));
    int64_t dof = 0;
    double sum = 0;
    for (size_t c = 0; c < sbi_model_n_channels(m); c++) {
        if (!sbi_model_n_bins(m, c))
            return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit_goodness: channel %s is unbinned and has no saturated model; use toys",
                            sbi_model_channel_name(m, c));
        dof += (int64_t)sbi_model_n_bins(m, c);
        SBI_TRY(add_channel(fit, c, &sum));
    }
    for (size_t k = 0; k < fit->best->n; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        SBI_TRY(sbi_model_parameter(m, k, &p));
        sum += constraint_deviance(&p, fit->best->x[k]);
        dof -= p.constraint == SBI_CONSTRAINT_NONE && fit->best->state[k] != SBI_FIT_FIXED;
    }
    goodness->statistic = 2 * sum;
    goodness->dof = (int32_t)dof;
    goodness->p_value = dof > 0 ? sbi_chi2_tail(2 * sum, (double)dof) : NAN;
    return SBI_OK;
}
