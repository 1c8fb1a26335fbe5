/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SBI_FIT_PROFILE_H
#define SBI_FIT_PROFILE_H

#include "fit/fit.h"

/* sbi_fit_profile() after its checks. */
sbi_status sbi_fit_profile_index(sbi_fit *fit, size_t k, const double *values, size_t n, double *nll, double *params);

/* Follows the branch of the profile that `start` [P] lies on from there over the ascending values, and keeps what is deeper. */
sbi_status sbi_fit_profile_branch(sbi_fit *fit, size_t k, const double *values, size_t n, const double *start, double *nll,
                                  double *params);

#endif
