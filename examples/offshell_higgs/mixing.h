/* SPDX-License-Identifier: Apache-2.0 */
/* The observables: an invertible non-linear mixing of the six truth variables and six noise variables.
 *
 *   w = standardised z, n ~ N(0, 1):  (a, b) = R (w, n);  b += c tanh(P a + p);  a += c tanh(Q b + q);
 *   x_j = sinh(k_j y_j) / k_j
 *
 * R is orthogonal and the two couplings keep volume. The Jacobian does not depend on the process and the noise has one
 * density, so both cancel in every ratio: p_p(x) / p_ref(x) = p_p(z(x)) / p_ref(z(x)) exactly. */
#ifndef OFFSHELL_MIXING_H
#define OFFSHELL_MIXING_H

#include "truth.h"

enum { OFFSHELL_NOISE_DIM = 6, OFFSHELL_FEATURES = OFFSHELL_TRUTH_DIM + OFFSHELL_NOISE_DIM };

typedef struct offshell_mixing {
    double rotation[OFFSHELL_FEATURES][OFFSHELL_FEATURES];
    double matrix[2][OFFSHELL_FEATURES / 2][OFFSHELL_FEATURES / 2];
    double shift[2][OFFSHELL_FEATURES / 2];
    double curve[OFFSHELL_FEATURES];
} offshell_mixing;

void offshell_mixing_init(offshell_mixing *mixing, uint64_t seed);
void offshell_mixing_forward(const offshell_mixing *mixing, const double z[OFFSHELL_TRUTH_DIM],
                             const double noise[OFFSHELL_NOISE_DIM], double x[OFFSHELL_FEATURES]);
void offshell_mixing_inverse(const offshell_mixing *mixing, const double x[OFFSHELL_FEATURES],
                             double z[OFFSHELL_TRUTH_DIM], double noise[OFFSHELL_NOISE_DIM]);

#endif
