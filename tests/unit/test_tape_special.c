/* SPDX-License-Identifier: Apache-2.0 */
/* lgamma and its derivatives against mpmath (tests/reference/special_functions.py) over the whole range and near their zeros, for every
 * instruction set; their domain; and the recorded likelihood terms that use them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "reference/special_functions.h"
#include "support/run_suite.h"
#include "tape/work.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "the message is: %s", sbi_last_error())

enum { N_VALUES = (int)(sizeof special_values / sizeof *special_values), PADDED = (N_VALUES + 7) / 8 * 8 };

static const struct promise {
    int32_t op;
    int derivative; /* of op */
    int column;     /* of special_values */
    double ulps;
} promises[] = {
    {SBI_NARROW_LGAMMA, 0, 0, 6.0},   {SBI_NARROW_LGAMMA, 1, 1, 4.0},   {SBI_NARROW_LGAMMA, 2, 2, 4.0},
    {SBI_NARROW_DIGAMMA, 0, 1, 4.0},  {SBI_NARROW_DIGAMMA, 1, 2, 4.0},  {SBI_NARROW_DIGAMMA, 2, 3, 4.0},
    {SBI_NARROW_TRIGAMMA, 0, 2, 4.0}, {SBI_NARROW_TRIGAMMA, 1, 3, 4.0}, {SBI_NARROW_TRIGAMMA, 2, 4, 4.0},
};
#define N_PROMISES ((int)(sizeof promises / sizeof *promises))

/* Distance to high + low in units of the last place; subnormal results count in the smallest subnormal. */
static double ulps(double got, double high, double low)
{
    if (isinf(high)) return got == high ? 0.0 : 1e9;
    int e;
    frexp(high, &e);
    const long double unit = ldexpl(1.0L, e - 53 < -1074 ? -1074 : e - 53);
    return (double)(fabsl(((long double)got - high) - low) / unit);
}

START_TEST(accuracy)
{
    const struct promise *p = &promises[_i / SBI_ISA_COUNT];
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    if (!kernels) return;
    static double x[PADDED] __attribute__((aligned(64))), f[3][PADDED] __attribute__((aligned(64)));
    for (int i = 0; i < PADDED; i++)
        x[i] = special_values[i < N_VALUES ? i : 0][0];
    kernels->function(p->op, p->derivative, x, f[0], f[1], f[2], PADDED);
    double worst = 0.0, at = 0.0;
    for (int i = 0; i < N_VALUES; i++) {
        const double *want = special_values[i] + 1 + 2 * p->column;
        const double error = ulps(f[p->derivative][i], want[0], want[1]);
        if (!(error <= worst)) {
            worst = error;
            at = x[i];
        }
    }
    ck_assert_msg(worst <= p->ulps, "operation %d, derivative %d: %g ulp at %.17g", p->op, p->derivative, worst, at);
}
END_TEST

/* Between the arguments of the table: the C library's lgammal, and the gamma function's recurrences. */
START_TEST(recurrences)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    double x[8] __attribute__((aligned(64))), y[8] __attribute__((aligned(64))), f[6][8] __attribute__((aligned(64)));
    for (int k = 0; k < 3000; k++) {
        for (int i = 0; i < 8; i++) {
            x[i] = (8 * k + i + 1) / 1024.0; /* up to 23.4, exact, as is x + 1 */
            y[i] = x[i] + 1.0;
        }
        kernels->function(SBI_NARROW_LGAMMA, 2, x, f[0], f[1], f[2], 8);
        kernels->function(SBI_NARROW_LGAMMA, 2, y, f[3], f[4], f[5], 8);
        for (int i = 0; i < 8; i++) {
            int sign;
            const long double want = lgammal_r(x[i], &sign);
            ck_assert_double_le(ulps(f[0][i], (double)want, (double)(want - (double)want)), 6.0);
            ck_assert_double_eq_tol(f[3][i], f[0][i] + log(x[i]), 4e-15 * (fabs(f[0][i]) + fabs(log(x[i]))) + 1e-300);
            ck_assert_double_eq_tol(f[4][i], f[1][i] + 1 / x[i], 2e-15 * (fabs(f[1][i]) + 1 / x[i]));
            ck_assert_double_eq_tol(f[5][i], f[2][i] - 1 / (x[i] * x[i]), 2e-15 * f[2][i]);
        }
    }
}
END_TEST

START_TEST(special_arguments)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    double x[8] __attribute__((aligned(64))) = {0.0, -1.5, NAN, INFINITY, 1.0, 2.0, DBL_MAX, 0x1p-1074};
    double f[3][8] __attribute__((aligned(64)));
    kernels->function(SBI_NARROW_LGAMMA, 2, x, f[0], f[1], f[2], 8);
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < 3; i++)
            ck_assert(isnan(f[o][i]));
    ck_assert(isinf(f[0][3]) && f[0][3] > 0 && isinf(f[1][3]) && f[1][3] > 0 && f[2][3] == 0.0);
    ck_assert(f[0][4] == 0.0 && f[0][5] == 0.0);
    ck_assert(isinf(f[0][6]) && fabs(f[1][6] - 709.78271289338397) < 1e-12);
    ck_assert_double_eq_tol(f[0][7], 744.44007192138121, 1e-12);
    ck_assert(isinf(f[1][7]) && f[1][7] < 0 && isinf(f[2][7]) && f[2][7] > 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_special");
    TCase *cases = tcase_create("special functions");
    tcase_add_loop_test(cases, accuracy, 0, N_PROMISES * SBI_ISA_COUNT);
    tcase_add_loop_test(cases, recurrences, 0, SBI_ISA_COUNT);
    tcase_add_loop_test(cases, special_arguments, 0, SBI_ISA_COUNT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
