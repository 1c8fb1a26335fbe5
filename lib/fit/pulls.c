/* SPDX-License-Identifier: Apache-2.0 */
/* What nuisance parameters do to the parameter of interest, and what the data did to them; no refits. */
#include <math.h>

#include "base/error.h"
#include "fit/fit.h"

sbi_status sbi_fit_require_covariance(const sbi_fit *fit, const char *where)
{
    if (fit->covariance_status == SBI_OK) return SBI_OK;
    return sbi_fail(fit->covariance_status, "%s: the fit has no covariance: %s", where, fit->message);
}

sbi_status sbi_fit_impacts(const sbi_fit *fit, const char *poi, double *postfit, double *prefit)
{
    size_t k, n = sbi_fit_n_params(fit);
    SBI_TRY(sbi_fit_find(fit, poi, "sbi_fit_impacts", &k));
    SBI_TRY(sbi_fit_require_covariance(fit, "sbi_fit_impacts"));
    for (size_t j = 0; j < n; j++) {
        const sbi_constraint c = sbi_fit_objective_constraint(fit->objective, j);
        double V = fit->covariance[k * n + j], variance = fit->covariance[j * n + j];
        double sigma = sbi_constraint_width(&c, fit->best->x[j]);
        double post = variance > 0 ? V / sqrt(variance) : 0;
        double pre = !(sigma > 0) ? NAN : variance > 0 ? V / variance * sigma : 0;
        if (postfit) postfit[j] = j == k ? NAN : post;
        if (prefit) prefit[j] = j == k ? NAN : pre;
    }
    return SBI_OK;
}

sbi_status sbi_fit_pulls(const sbi_fit *fit, double *pull, double *constraint)
{
    SBI_REQUIRE(fit, "sbi_fit_pulls: fit is NULL");
    if (constraint) SBI_TRY(sbi_fit_require_covariance(fit, "sbi_fit_pulls"));
    const sbi_fit_objective *o = fit->objective;
    for (size_t j = 0; j < o->n; j++) {
        const sbi_constraint c = sbi_fit_objective_constraint(o, j);
        const double x = fit->best->x[j];
        if (pull) pull[j] = sbi_constraint_pull(&c, x);
        if (constraint) constraint[j] = sbi_constraint_ratio(&c, x, sqrt(fit->covariance[j * o->n + j]));
    }
    return SBI_OK;
}
