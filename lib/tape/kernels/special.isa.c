/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of lgamma, digamma and trigamma with their derivatives. Each derivative costs as much as the value, so none is computed that
 * is not wanted. */
#include "tape/kernels/special.h"
#include "tape/kernels/table.h"

#define ROWS(row, expression)                                                                                          \
    for (size_t e = 0; e < n; e += VLEN)                                                                               \
    store((row) + e, expression)

static void lgamma_row(double *row, const double *x, size_t n) { ROWS(row, vlgamma(load(x + e))); }
static void digamma_row(double *row, const double *x, size_t n) { ROWS(row, vdigamma(load(x + e))); }
static void polygamma_row(int order, double *row, const double *x, size_t n)
{
    switch (order) {
    case 1: ROWS(row, vpolygamma(1, load(x + e))); break;
    case 2: ROWS(row, vpolygamma(2, load(x + e))); break;
    default: ROWS(row, vpolygamma(3, load(x + e))); break;
    }
}

void SBI_ISA(sbi_tape_special)(int32_t op, int order, const double *x, double *y, double *d1, double *d2, size_t n)
{
    double *rows[3] = {y, d1, d2};
    const int first = op - SBI_NARROW_LGAMMA; /* 0: lgamma, 1: digamma, 2 and more: its derivatives */
    for (int o = 0; o <= order; o++) {
        if (first + o == 0)
            lgamma_row(rows[o], x, n);
        else if (first + o == 1)
            digamma_row(rows[o], x, n);
        else
            polygamma_row(first + o - 1, rows[o], x, n);
    }
}
