/* SPDX-License-Identifier: Apache-2.0 */
/** @file distribution.h
 * Distributions before and after a fit: expected counts of binned channels with the uncertainty that parameters give them.
 *
 * With J_bk = d lambda_b / d theta_k and V a covariance of the parameters, the counts have the covariance J V J^T. V is the fit's
 * (sbi_fit_covariance()) after it, and that of sbi_model_prefit() before. Counts themselves: sbi_model_expected(); weights of unbinned
 * channels: sbi_model_asimov_weights().
 */
#ifndef SBI_DISTRIBUTION_H
#define SBI_DISTRIBUTION_H

#include "model.h"

SBI_BEGIN_DECLS

/** The parameters as they are known without the data: auxiliary observations and widths of the constraints.
 *  @param[out] theta [P] the auxiliary observation, or the start value where there is no constraint or the parameter is fixed; or NULL.
 *  @param[out] covariance [P, P] the square of each constraint's width, as s_k of systematics.h, on the diagonal; zero elsewhere, and
 *  for parameters that are fixed or have no constraint; or NULL. Errors: SBI_ERR_ARGUMENT, SBI_ERR_NO_MEMORY. Since: 0.1 */
SBI_API sbi_status sbi_model_prefit(const sbi_model *model, double *theta, double *covariance);

/** Derivatives of a binned channel's expected counts, by differences of fourth order: exact to rounding where the counts are linear in
 *  a parameter, to about 1e-9 of their change over one unit elsewhere.
 *  @param model sealed. @param theta [P].
 *  @param scale [P] step sizes are a thousandth of these, 0: the derivative is not needed and is 0; a standard deviation is a
 *  good choice. NULL: the larger of 1 and |theta_k|.
 *  @param[out] jacobian [n_bins, P]. Errors: SBI_ERR_ARGUMENT (an unbinned channel, a negative scale), SBI_ERR_STATE, SBI_ERR_NO_MEMORY.
 *  Since: 0.1 */
SBI_API sbi_status sbi_model_expected_jacobian(const sbi_model *model, size_t channel, const double *theta, const double *scale,
                                               double *jacobian);

/** Uncertainties of a binned channel's expected counts to first order: J V J^T.
 *  @param theta [P]. @param covariance [P, P] V, symmetric with a diagonal that is not negative.
 *  @param[out] error [n_bins] sqrt of the diagonal, the band of a plot; or NULL.
 *  @param[out] counts_covariance [n_bins, n_bins], or NULL.
 *  @param[out] total_error of the sum over bins, correlations included; or NULL.
 *  Errors: as sbi_model_expected_jacobian(); SBI_ERR_VALUE naming the parameter whose variance is negative or not finite. Since: 0.1 */
SBI_API sbi_status sbi_model_expected_errors(const sbi_model *model, size_t channel, const double *theta, const double *covariance,
                                             double *error, double *counts_covariance, double *total_error);

SBI_END_DECLS
#endif
