/* SPDX-License-Identifier: Apache-2.0 */
/* What a host does first: a context, a tape, its value and derivatives. Compiled as C11 here and as C++11 by embed.cpp. */
#include <math.h>
#include <stdio.h>

#include "sbi/sbi.h"

int main(void)
{
    sbi_context *ctx;
    sbi_tape *tape;
    sbi_tape_work *work;
    double x = 0.5, value = 0, gradient = 0, hessian = 0;
    if (sbi_abi_version() != SBI_ABI_VERSION || sbi_context_create(&ctx, NULL) != SBI_OK) return 1;
    if (sbi_tape_create(&tape, ctx) != SBI_OK) return 1;
    sbi_var v = sbi_tape_param(tape, "x");
    if (sbi_tape_seal(tape, sbi_tape_exp(tape, sbi_tape_square(tape, v))) != SBI_OK) return 1;
    if (sbi_tape_work_create(&work, tape) != SBI_OK) return 1;
    if (sbi_tape_hessian(work, &x, &value, &gradient, &hessian) != SBI_OK) return 1;
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    const double e = exp(0.25);
    if (fabs(value - e) > 1e-14 || fabs(gradient - e) > 1e-14 || fabs(hessian - 3 * e) > 1e-14) return 1;
    printf("embed: libsbi %s, exp(x^2) with two derivatives\n", sbi_version_string());
    return 0;
}
