/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/constraint.h"

#include <math.h>

/* The curvature of the term at x = a, to the power of -1/2. */
double sbi_constraint_width(const sbi_constraint *c, double x)
{
    switch (c->kind) {
    case SBI_CONSTRAINT_GAUSSIAN: return c->sigma;
    case SBI_CONSTRAINT_POISSON: return c->sigma * sqrt(c->auxiliary);
    case SBI_CONSTRAINT_LOGNORMAL: return c->sigma * x;
    default: return 0;
    }
}

double sbi_constraint_pull(const sbi_constraint *c, double x)
{
    if (c->kind == SBI_CONSTRAINT_LOGNORMAL) return log(x / c->auxiliary) / c->sigma;
    const double width = sbi_constraint_width(c, x);
    return width > 0 ? (x - c->auxiliary) / width : NAN;
}

double sbi_constraint_ratio(const sbi_constraint *c, double x, double error)
{
    const double width = sbi_constraint_width(c, x);
    return width > 0 ? error / width : NAN;
}

double sbi_constraint_step(const sbi_constraint *c, double x, int sign)
{
    if (c->kind == SBI_CONSTRAINT_LOGNORMAL) return x * exp(sign * c->sigma);
    return x + sign * sbi_constraint_width(c, x);
}

double sbi_constraint_auxiliary(const sbi_constraint *c, int sign)
{
    return sbi_constraint_step(c, c->auxiliary, sign);
}

double sbi_constraint_information(const sbi_constraint *c, double x)
{
    switch (c->kind) {
    case SBI_CONSTRAINT_GAUSSIAN: return 1 / (c->sigma * c->sigma);
    case SBI_CONSTRAINT_POISSON: return c->auxiliary / (c->sigma * c->sigma * x * x);
    case SBI_CONSTRAINT_LOGNORMAL: return 1 / (c->sigma * c->sigma * x * x);
    default: return 0;
    }
}

double sbi_constraint_response(const sbi_constraint *c, double x)
{
    switch (c->kind) {
    case SBI_CONSTRAINT_GAUSSIAN: return -1 / c->sigma;
    case SBI_CONSTRAINT_POISSON: return -sqrt(c->auxiliary) / (c->sigma * x);
    case SBI_CONSTRAINT_LOGNORMAL: return -1 / (c->sigma * x);
    default: return 0;
    }
}

void sbi_constraint_change(const sbi_constraint *c, double to, double x, double change[3])
{
    const double information = 1 / (c->sigma * c->sigma), moved = to - c->auxiliary;
    change[0] = change[1] = change[2] = 0;
    if (c->kind == SBI_CONSTRAINT_GAUSSIAN) {
        change[0] = -information * moved * (x - 0.5 * (to + c->auxiliary));
        change[1] = -information * moved;
    } else if (c->kind != SBI_CONSTRAINT_NONE) {
        /* Both are linear in ln x. */
        const double by = c->kind == SBI_CONSTRAINT_POISSON ? moved : log(to / c->auxiliary);
        change[0] = x > 0 ? -information * by * log(x) : INFINITY;
        change[1] = -information * by / x;
        change[2] = information * by / (x * x);
    }
}
