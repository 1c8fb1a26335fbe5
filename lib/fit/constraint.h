/* SPDX-License-Identifier: Apache-2.0 */
/* Constraint terms c(x; a) of one parameter x with auxiliary observation a and width sigma, as functions of both. */
#ifndef SBI_FIT_CONSTRAINT_H
#define SBI_FIT_CONSTRAINT_H

#include "sbi/model.h"

typedef struct sbi_constraint {
    int32_t kind; /* SBI_CONSTRAINT_... */
    int32_t reserved_;
    double auxiliary, sigma;
} sbi_constraint;

/* Standard deviation of x before the fit; of a log-normal at x. 0: none. */
double sbi_constraint_width(const sbi_constraint *c, double x);
/* Distance of x from the auxiliary observation in units of the width; ln x for a log-normal. NaN: no width. */
double sbi_constraint_pull(const sbi_constraint *c, double x);
/* An error of x in units of the width. NaN: no width. */
double sbi_constraint_ratio(const sbi_constraint *c, double x, double error);

/* x moved by `sign` (-1, 1) widths. */
double sbi_constraint_step(const sbi_constraint *c, double x, int sign);
/* The auxiliary observation moved by `sign` of its standard deviations. */
double sbi_constraint_auxiliary(const sbi_constraint *c, int sign);
/* w(x): what the term adds to the information on x, at a stationary point of F the same in any parametrisation. */
double sbi_constraint_information(const sbi_constraint *c, double x);
/* d2c / dx da times the standard deviation of a. */
double sbi_constraint_response(const sbi_constraint *c, double x);

/* change[3]: c(x; to) - c(x; c->auxiliary) without what does not depend on x, and its first two derivatives by x. +inf where x is out of the domain. */
void sbi_constraint_change(const sbi_constraint *c, double to, double x, double change[3]);

#endif
