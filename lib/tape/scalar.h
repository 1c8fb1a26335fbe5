/* SPDX-License-Identifier: Apache-2.0 */
/* The scalar graph: values with local derivatives, adjoints, tangents. */
#ifndef SBI_TAPE_SCALAR_H
#define SBI_TAPE_SCALAR_H

#include "tape/program.h"

/* First and second derivatives of a scalar operation by its operands. */
typedef struct sbi_partials_scalar {
    double a, b, aa, ab, bb;
} sbi_partials_scalar;

/* Value of a scalar operation (not a reduction), and its derivatives up to `order` unless d is NULL. SBI_ERR_DOMAIN names the
 * node and its parameters. */
sbi_status sbi_scalar_apply(const sbi_tape *tape, const sbi_scalar_op *op, const double *theta, const double *values,
                            int order, double *value, sbi_partials_scalar *d);

#endif
