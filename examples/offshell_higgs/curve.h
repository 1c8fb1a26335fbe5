/* SPDX-License-Identifier: Apache-2.0 */
/* The exact likelihood curve of a dataset at alpha = 0, from the truth ratios:
 *   NLL(mu) = nu(mu) - sum_i w_i ln(lambda_i(mu) / p_ref,i)        t_mu = 2 (NLL(mu) - min NLL)
 * In s = sqrt(mu) both nu and lambda are quadratics, so NLL and its derivative are short sums. */
#ifndef OFFSHELL_CURVE_H
#define OFFSHELL_CURVE_H

#include "simulate.h"

enum { OFFSHELL_MINIMA_MAX = 8 };
typedef struct offshell_minimum {
    double mu, nll;
} offshell_minimum;

/* NLL at mu [count]; ratio[p] and weight [events], weight NULL for ones. SBI_ERR_ARGUMENT for mu < 0 or a missing
 * column; +inf where lambda <= 0 for an event of non-zero weight. */
sbi_status offshell_nll(const offshell_simulator *simulator, const double *const ratio[OFFSHELL_PROCESSES],
                        const double *weight, size_t events, const double *mu, size_t count, double *nll);

/* Local minima of NLL on [0, mu_max], lowest first, to 1e-10 in sqrt(mu); the ends count where NLL rises from them. */
sbi_status offshell_minima(const offshell_simulator *simulator, const double *const ratio[OFFSHELL_PROCESSES],
                           const double *weight, size_t events, double mu_max,
                           offshell_minimum minimum[OFFSHELL_MINIMA_MAX], int *count);

/* t_mu at mu [count], against the lowest minimum on [0, mu_max]. */
sbi_status offshell_curve(const offshell_simulator *simulator, const double *const ratio[OFFSHELL_PROCESSES],
                          const double *weight, size_t events, double mu_max, const double *mu, size_t count,
                          double *t);

#endif
