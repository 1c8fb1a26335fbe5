/* SPDX-License-Identifier: Apache-2.0 */
/* Terms of negative log-likelihoods, recorded from elementary operations. */
#include "tape/record.h"

#define HALF_LN_2PI 0.91893853320467274178

static sbi_var times(sbi_tape *tape, double factor, sbi_var x) { return sbi_tape_mul(tape, sbi_tape_constant(tape, factor), x); }

/* `normalised` is 0 or 1. */
static int check(sbi_tape *tape, int32_t normalised, const char *function)
{
    if (!sbi_tape_recording(tape, function)) return 0;
    if (normalised == 0 || normalised == 1) return 1;
    sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "%s: normalised is %d, must be 0 or 1", function, normalised));
    return 0;
}

sbi_var sbi_tape_poisson(sbi_tape *tape, sbi_var lambda, sbi_var n, int32_t normalised)
{
    if (!check(tape, normalised, "sbi_tape_poisson") || !sbi_tape_operand(tape, n, "sbi_tape_poisson")) return SBI_VAR_INVALID;
    if (tape->nodes[n].active) {
        char params[200];
        sbi_node_params(tape, n, params, sizeof params);
        return sbi_tape_failed(tape, sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_poisson: the count n depends on a parameter (%s)", params));
    }
    sbi_var term = sbi_tape_elementary(tape, SBI_NARROW_POISSON, lambda, n, 0);
    if (!normalised) return term;
    return sbi_tape_add(tape, term, sbi_tape_lgamma(tape, sbi_tape_add(tape, n, sbi_tape_constant(tape, 1.0))));
}

sbi_var sbi_tape_gaussian(sbi_tape *tape, sbi_var x, sbi_var mean, sbi_var sigma, int32_t normalised)
{
    if (!check(tape, normalised, "sbi_tape_gaussian")) return SBI_VAR_INVALID;
    sbi_var pull = sbi_tape_div(tape, sbi_tape_sub(tape, x, mean), sigma);
    sbi_var term = times(tape, 0.5, sbi_tape_square(tape, pull));
    if (!normalised) return term;
    sbi_var constant = sbi_tape_add(tape, sbi_tape_log(tape, sigma), sbi_tape_constant(tape, HALF_LN_2PI));
    return sbi_tape_add(tape, term, constant);
}

sbi_var sbi_tape_lognormal(sbi_tape *tape, sbi_var x, sbi_var median, sbi_var kappa, int32_t normalised)
{
    if (!check(tape, normalised, "sbi_tape_lognormal")) return SBI_VAR_INVALID;
    sbi_var width = sbi_tape_log(tape, kappa);
    sbi_var pull = sbi_tape_div(tape, sbi_tape_log(tape, sbi_tape_div(tape, x, median)), width);
    sbi_var term = times(tape, 0.5, sbi_tape_square(tape, pull));
    if (!normalised) return term;
    sbi_var constant = sbi_tape_add(tape, sbi_tape_log(tape, sbi_tape_mul(tape, x, width)), sbi_tape_constant(tape, HALF_LN_2PI));
    return sbi_tape_add(tape, term, constant);
}
