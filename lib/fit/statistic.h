/* SPDX-License-Identifier: Apache-2.0 */
/* Several test statistics of one tested value from the same conditional fits. */
#ifndef SBI_FIT_STATISTIC_H
#define SBI_FIT_STATISTIC_H

#include "fit/fit.h"

#define SBI_STATISTIC_KINDS 6 /* numbered from 1 */

/* min over the others of F(theta_k = value): from where the covariance expects them and from the best fit's, the deeper, which is then
 * fit->inner. SBI_ERR_DIVERGED where neither converges. */
sbi_status sbi_fit_conditional_nll(sbi_fit *fit, size_t k, double value, double *nll);

/* statistics [SBI_STATISTIC_KINDS]: those whose bit 1 << kind is in `kinds`; arguments checked, q_0 for mu = 0 alone. Where a conditional
 * fit is deeper than the fit, SBI_ERR_STATE: then fit->inner is there. */
sbi_status sbi_fit_statistics(sbi_fit *fit, size_t k, double mu, uint32_t kinds, double *statistics);

/* Fits another data set of the same parameters the way `fit` was: bounds, fixed parameters, tolerance; from `start` [P]. */
sbi_status sbi_fit_run_like(sbi_fit **out, const sbi_fit *fit, const sbi_model *model, const double *start);

#endif
