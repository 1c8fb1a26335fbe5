/* SPDX-License-Identifier: Apache-2.0 */
/* HistFactory's interpolation codes; the equations are in docs/interpolation.md. */
#ifndef SBI_TAPE_INTERPOLATION_H
#define SBI_TAPE_INTERPOLATION_H

#include <stdint.h>

#include "tape/kernels/kernels.h"

/* f, f' and f'' of one scalar variation at alpha. At a kink (codes 0 and 1 at 0) the derivatives are those from the right. */
void sbi_interpolate(int32_t code, double up, double down, double alpha, double f[3]);

/* Whether a code adds to the nominal (0, 2, 4p), so that its f may be zero or negative. */
int sbi_interp_is_additive(int32_t code);

/* How a code is computed for every event at this alpha. */
void sbi_morph_factor_set(sbi_morph_factor *factor, int32_t code, double alpha);
/* Adds what the mixed precision needs, where a factor can be computed in single precision. */
void sbi_morph_factor_set_series(sbi_morph_factor *factor, int32_t code);

#endif
