/* SPDX-License-Identifier: Apache-2.0 */
/* The power transform of Yeo and Johnson, Biometrika 87 (2000) 954, and the search for its exponent. With L = ln(1 + |x|) and
 * g(p) = (exp(p L) - 1) / p (g(0) = L) it is
 *     psi(x) = g(lambda) for x >= 0,   -g(2 - lambda) for x < 0. */
#ifndef SBI_NET_YEO_JOHNSON_H
#define SBI_NET_YEO_JOHNSON_H

#include <stdint.h>

double sbi_yeo_johnson(double x, double exponent);

/* psi(x) - psi(pivot), and the same difference of the derivatives by the exponent, without the cancellation of taking them apart. */
void sbi_yeo_johnson_relative(double x, double pivot, double exponent, double *value, double *derivative);

/* The log-likelihood of the exponent is concave, so that its slope has at most one zero. Between `low` and `high` it is bracketed and then
 * found by false position (Illinois). Ask for the slope at `exponent` until `done`. */
typedef struct sbi_exponent_search {
    double low, high;             /* where to look */
    double exponent;              /* to be tried, or the result */
    double left, right;           /* of the bracket */
    double left_slope, right_slope;
    double step;
    int32_t has_left, has_right;
    int32_t last_side; /* that was replaced: -1 left, 1 right */
    int32_t tries;
    int32_t done;
    int32_t at_bound; /* the slope has no zero between them: the result is the better end */
} sbi_exponent_search;

/* smallest, largest: of the values; typical: one among them. */
void sbi_exponent_search_begin(sbi_exponent_search *s, double smallest, double largest, double typical);
void sbi_exponent_search_next(sbi_exponent_search *s, double slope);

#endif
