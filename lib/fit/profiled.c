/* SPDX-License-Identifier: Apache-2.0 */
/* The conditional best fit, and Asimov data there. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/statistic.h"
#include "sbi/limit.h"

sbi_status sbi_fit_profiled(sbi_fit *fit, const char *name, double value, double *theta, double *nll)
{
    SBI_REQUIRE(fit, "sbi_fit_profiled: fit is NULL");
    size_t k;
    double deepest;
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_profiled", &k));
    const sbi_fit_objective *o = fit->objective;
    SBI_REQUIRE(isfinite(value) && value >= o->lower[k] && value <= o->upper[k],
                "sbi_fit_profiled: %s = %g is outside of the bounds [%g, %g]", name, value, o->lower[k], o->upper[k]);
    SBI_TRY(sbi_fit_require_converged(fit, "sbi_fit_profiled"));
    SBI_TRY(sbi_fit_conditional_nll(fit, k, value, &deepest));
    if (theta) memcpy(theta, fit->inner->x, o->n * sizeof *theta);
    if (nll) *nll = deepest;
    return SBI_OK;
}

sbi_status sbi_fit_run_asimov(sbi_fit **out, sbi_model **data, sbi_fit *fit, const char *name, double value)
{
    SBI_REQUIRE(out && data, "sbi_fit_run_asimov: out or data is NULL");
    *out = NULL;
    *data = NULL;
    SBI_REQUIRE(fit, "sbi_fit_run_asimov: fit is NULL");
    if (!fit->model) return sbi_fail(SBI_ERR_UNSUPPORTED, "sbi_fit_run_asimov: the fit is one of an objective");
    double *theta = sbi_alloc_array(fit->ctx, fit->objective->n, sizeof *theta);
    if (!theta) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_fit_profiled(fit, name, value, theta, NULL);
    if (status == SBI_OK) status = sbi_model_asimov(data, fit->model, theta);
    if (status == SBI_OK) status = sbi_fit_run_like(out, fit, *data, theta);
    sbi_free(fit->ctx, theta);
    if (status == SBI_OK) return SBI_OK;
    sbi_model_destroy(*data);
    *data = NULL;
    return status;
}
