/* SPDX-License-Identifier: Apache-2.0 */
/* Tails and quantiles of the normal and chi2 distributions. */
#ifndef SBI_BASE_DISTRIBUTIONS_H
#define SBI_BASE_DISTRIBUTIONS_H

/* 1 - Phi(z) without cancellation. */
double sbi_normal_tail(double z);
/* z with Phi(z) = p, and with 1 - Phi(z) = p; infinite at 0 and 1, NaN outside. */
double sbi_normal_quantile(double p);
double sbi_normal_upper_quantile(double p);
/* P(chi2 >= x) with dof > 0 degrees of freedom. */
double sbi_chi2_tail(double x, double dof);

#endif
