/* SPDX-License-Identifier: Apache-2.0 */
/* Likelihood terms at the borders of their domain, and points where a value or derivative does not exist: scalar and event-wise, for
 * every instruction set; each message names node and parameters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/run_suite.h"
#include "tape/work.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "the message is: %s", sbi_last_error())

enum { EVENTS = 40 };

static sbi_context *ctx;
static sbi_tape *tape;
static sbi_tape_work *work;

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    work = NULL;
}
static void teardown(void)
{
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}
static void seal(sbi_var output)
{
    ck_assert_msg(sbi_tape_seal(tape, output) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
}
static sbi_var column(sbi_events events, double *data, const char *name)
{
    const sbi_array view = sbi_array_1d(data, SBI_F64, EVENTS);
    return sbi_tape_column(tape, events, &view, name);
}

/* ---- Poisson ---------------------------------------------------------------------------------------------------- */

START_TEST(poisson_bins)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i / 2));
    const int normalised = _i % 2;
    if (!kernels) return;
    double rate[EVENTS], counts[EVENTS], weights[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        rate[i] = i % 4 == 0 ? 0.0 : 0.3 * i; /* mu rate, and nothing is expected in some bins */
        counts[i] = i % 4 == 0 ? 0.0 : i % 3 ? 0.7 * i : 0.0;
        weights[i] = i == 7 ? 0.0 : 1.0;
    }
    counts[7] = -5.0; /* without weight */
    sbi_events events = sbi_tape_events(tape, "bins", EVENTS);
    sbi_var mu = sbi_tape_param(tape, "mu"), shift = sbi_tape_param(tape, "shift");
    sbi_var lambda = sbi_tape_add(tape, sbi_tape_mul(tape, mu, column(events, rate, "rate")), shift);
    sbi_var term = sbi_tape_poisson(tape, lambda, column(events, counts, "n"), normalised);
    seal(sbi_tape_weighted_sum(tape, column(events, weights, "w"), term));
    sbi_tape_work_set_kernels(work, kernels);
    double theta[2] = {1.5, 0.0}, value, g[2], H[4], HV[4], want = 0.0, slope[2] = {0, 0}, second[3] = {0, 0, 0};
    for (int i = 0; i < EVENTS; i++) {
        if (i == 7) continue;
        const double l = 1.5 * rate[i], n = counts[i];
        want += l - (n > 0 ? n * log(l) : 0.0) + (normalised ? lgamma(n + 1) : 0.0);
        slope[0] += rate[i] * (1 - (n > 0 ? n / l : 0));
        slope[1] += 1 - (n > 0 ? n / l : 0);
        if (n == 0) continue;
        second[0] += rate[i] * rate[i] * n / (l * l);
        second[1] += rate[i] * n / (l * l);
        second[2] += n / (l * l);
    }
    ck_assert_msg(sbi_tape_hessian(work, theta, &value, g, H) == SBI_OK, "%s", sbi_last_error());
    const double V[4] = {1, 0, 0, 1};
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, HV), SBI_OK);
    ck_assert_double_eq_tol(value, want, 1e-12 * fabs(want));
    for (int i = 0; i < 2; i++)
        ck_assert_double_eq_tol(g[i], slope[i], 1e-12 * (fabs(slope[0]) + fabs(slope[1])));
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq_tol(H[i], second[(i + 1) / 2], 1e-12 * second[0]);
        ck_assert_double_eq_tol(HV[i], H[i], 1e-12 * second[0]);
    }
    /* Below zero no bin has a probability, however few are in it; at zero those with counts have none. */
    sbi_tape_info info = {.struct_size = sizeof info};
    theta[1] = -0.1;
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, g), SBI_OK);
    ck_assert(isinf(value) && value > 0 && isnan(g[0]));
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    ck_assert_int_eq(info.bad_events, 10);
    theta[0] = theta[1] = 0.0;
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_OK);
    ck_assert(isinf(value) && value > 0 && isnan(H[0]));
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    int expected = 0, first = -1;
    for (int i = 0; i < EVENTS; i++)
        if (counts[i] > 0) {
            expected++;
            if (first < 0) first = i;
        }
    ck_assert_int_eq(info.bad_events, expected);
    ck_assert_int_eq(info.first_bad_event, first);
}
END_TEST

START_TEST(poisson_scalar)
{
    sbi_var lambda = sbi_tape_param(tape, "lambda");
    seal(sbi_tape_neg(tape, sbi_tape_poisson(tape, lambda, sbi_tape_constant(tape, _i ? 3 : 0), 0)));
    double theta = 2.0, value, g, H, HV, V = 1.0;
    ck_assert_int_eq(sbi_tape_hessian(work, &theta, &value, &g, &H), SBI_OK);
    ck_assert_double_eq_tol(value, _i ? -2 + 3 * log(2) : -2, 1e-15);
    ck_assert_double_eq(g, _i ? 0.5 : -1);
    ck_assert_double_eq(H, _i ? -0.75 : 0);
    theta = 0.0;
    ck_assert_int_eq(sbi_tape_hessian(work, &theta, &value, &g, &H), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, &theta, &V, 1, &HV), SBI_OK);
    if (_i)
        ck_assert(isinf(value) && value > 0 && isnan(g) && isnan(H) && isnan(HV));
    else
        ck_assert(value == 0 && g == -1 && H == 0 && HV == 0);
    theta = -1.0;
    ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, &g), SBI_OK);
    ck_assert(isinf(value) && value > 0 && isnan(g));
}
END_TEST

START_TEST(bad_terms)
{
    sbi_var p = sbi_tape_param(tape, "p"), one = sbi_tape_constant(tape, 1), v = 0;
    sbi_events events = sbi_tape_events(tape, "bins", EVENTS);
    double counts[EVENTS], theta = 1.0, value;
    switch (_i) {
    case 0: v = sbi_tape_poisson(tape, p, sbi_tape_mul(tape, p, p), 0); SAYS("sbi_tape_poisson: the count n depends on a parameter (p)"); break;
    case 1: v = sbi_tape_poisson(tape, p, one, 2); SAYS("sbi_tape_poisson: normalised is 2"); break;
    case 2: v = sbi_tape_gaussian(tape, p, one, one, -1); SAYS("sbi_tape_gaussian: normalised is -1"); break;
    case 3: v = sbi_tape_lognormal(tape, p, one, one, 7); SAYS("sbi_tape_lognormal: normalised is 7"); break;
    case 4: v = sbi_tape_poisson(tape, p, 99, 0); SAYS("sbi_tape_poisson: operand 99"); break;
    case 5: v = sbi_tape_poisson(tape, 99, one, 0); SAYS("operand 99"); break;
    case 6: v = sbi_tape_gaussian(tape, p, one, 99, 1); SAYS("operand 99"); break;
    case 7:
        seal(sbi_tape_poisson(tape, p, sbi_tape_constant(tape, -1), 0));
        ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_DOMAIN);
        SAYS("(poisson of p): the count is negative or not finite at -1");
        return;
    case 8:
        for (int i = 0; i < EVENTS; i++)
            counts[i] = i == 33 ? -1 : i;
        seal(sbi_tape_sum(tape, sbi_tape_poisson(tape, p, column(events, counts, "n"), 0)));
        ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_DOMAIN);
        SAYS("(poisson of p), event 33 of \"bins\": the count is negative or not finite");
        return;
    default: /* a width that is not one */
        seal(sbi_tape_lognormal(tape, p, one, sbi_tape_constant(tape, 1), 0));
        ck_assert_int_eq(sbi_tape_eval(work, &theta, &value, NULL), SBI_ERR_DOMAIN);
        SAYS("(div of p): division by zero");
        return;
    }
    ck_assert_int_eq(v, SBI_VAR_INVALID);
    ck_assert_int_eq(sbi_tape_status(tape), SBI_ERR_ARGUMENT);
}
END_TEST

/* ---- points without value or derivative -------------------------------------------------------------------------- */

typedef sbi_var operation(sbi_tape *t, sbi_var a);
static sbi_var root(sbi_tape *t, sbi_var a) { return sbi_tape_sqrt(t, a); }
static sbi_var inverse(sbi_tape *t, sbi_var a) { return sbi_tape_div(t, sbi_tape_constant(t, 1), a); }
static sbi_var cube_inverse(sbi_tape *t, sbi_var a) { return sbi_tape_pow(t, a, sbi_tape_constant(t, -3)); }
static sbi_var fractional(sbi_tape *t, sbi_var a) { return sbi_tape_pow(t, a, sbi_tape_constant(t, 0.5)); }
static sbi_var log1p_below(sbi_tape *t, sbi_var a) { return sbi_tape_log1p(t, sbi_tape_sub(t, a, sbi_tape_constant(t, 1))); }

/* All have the argument kappa + nu (+ a column), zero at the point. */
static const struct corner {
    operation *record;
    const char *scalar, *events; /* what the messages say; events NULL: the event is bad, value +inf */
    int value_exists;
} corners[] = {
    {root, "(sqrt of kappa, nu): the derivative does not exist at 0", "square root without value or derivative", 1},
    {inverse, "(div of kappa, nu): division by zero at 1", "division by zero", 0},
    {cube_inverse, "(power of kappa, nu): negative power of zero at 0", "negative power of zero", 0},
    {fractional, "(log of kappa, nu): logarithm of a number that is not positive at 0", NULL, 0},
    {sbi_tape_log, "(log of kappa, nu): logarithm of a number that is not positive at 0", NULL, 0},
    {log1p_below, "(log1p of kappa, nu): argument not above -1 at -1", NULL, 0},
    {sbi_tape_lgamma, "(lgamma of kappa, nu): argument not positive and finite at 0", "argument not positive and finite", 0},
    {sbi_tape_digamma, "(digamma of kappa, nu): argument not positive and finite at 0", "argument not positive and finite", 0},
    {sbi_tape_trigamma, "(trigamma of kappa, nu): argument not positive and finite at 0", "argument not positive and finite", 0},
};
#define N_CORNERS ((int)(sizeof corners / sizeof *corners))

START_TEST(scalar_corners)
{
    const struct corner *c = &corners[_i];
    seal(sbi_tape_neg(tape, c->record(tape, sbi_tape_add(tape, sbi_tape_param(tape, "kappa"), sbi_tape_param(tape, "nu")))));
    double theta[2] = {0.5, -0.5}, value, g[2], H[4];
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), c->value_exists ? SBI_OK : SBI_ERR_DOMAIN);
    if (c->value_exists) ck_assert(value == 0.0);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, g), SBI_ERR_DOMAIN);
    SAYS(c->scalar);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_ERR_DOMAIN);
    SAYS(c->scalar);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, g), SBI_ERR_DOMAIN);
    SAYS(c->scalar);
    theta[0] = 1.0;
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_OK);
    ck_assert(isfinite(value) && isfinite(g[0]) && isfinite(H[3]));
}
END_TEST

/* Each parameter once, also where one's name begins like another's. */
START_TEST(names_in_messages)
{
    sbi_var a = sbi_tape_param(tape, "mu2"), b = sbi_tape_param(tape, "mu"), c = sbi_tape_param(tape, "u2");
    sbi_var sum = sbi_tape_add(tape, sbi_tape_add(tape, a, b), sbi_tape_add(tape, c, sbi_tape_mul(tape, a, b)));
    seal(sbi_tape_log(tape, sbi_tape_sub(tape, sbi_tape_mul(tape, sum, b), c)));
    const double theta[3] = {0.0, 0.0, 1.0};
    double value;
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), SBI_ERR_DOMAIN);
    SAYS("(log of mu2, mu, u2): logarithm of a number that is not positive at -1");
}
END_TEST

START_TEST(event_corners)
{
    const struct corner *c = &corners[_i / SBI_ISA_COUNT];
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    if (!kernels) return;
    double x[EVENTS], w[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        x[i] = i == 21 || i == 30 ? 0.0 : 1.0 + i;
        w[i] = i == 21 ? 0.0 : 1.0; /* the first of the two does not count */
    }
    sbi_events events = sbi_tape_events(tape, "data", EVENTS);
    sbi_var sum = sbi_tape_add(tape, sbi_tape_param(tape, "kappa"), sbi_tape_param(tape, "nu"));
    sbi_var y = c->record(tape, sbi_tape_add(tape, sum, column(events, x, "x")));
    seal(sbi_tape_weighted_sum(tape, column(events, w, "w"), y));
    sbi_tape_work_set_kernels(work, kernels);
    double theta[2] = {0.5, -0.5}, value, g[2], H[4];
    if (!c->events) {
        sbi_tape_info info = {.struct_size = sizeof info};
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_OK);
        ck_assert(isinf(value) && value > 0 && isnan(g[0]) && isnan(H[0]));
        ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
        ck_assert_int_eq(info.bad_events, 1);
        ck_assert_int_eq(info.first_bad_event, 30);
    } else {
        char text[200];
        snprintf(text, sizeof text, " of kappa, nu), event 30 of \"data\": %s", c->events);
        ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), c->value_exists ? SBI_OK : SBI_ERR_DOMAIN);
        ck_assert_int_eq(sbi_tape_eval(work, theta, &value, g), SBI_ERR_DOMAIN);
        SAYS(text);
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_ERR_DOMAIN);
        SAYS(text);
        ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, g), SBI_ERR_DOMAIN);
        SAYS(text);
    }
    theta[0] = 1.0;
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_OK);
    ck_assert(isfinite(value) && isfinite(g[0]) && isfinite(H[3]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_terms");
    TCase *cases = tcase_create("terms");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, poisson_bins, 0, 2 * SBI_ISA_COUNT);
    tcase_add_loop_test(cases, poisson_scalar, 0, 2);
    tcase_add_loop_test(cases, bad_terms, 0, 10);
    tcase_add_loop_test(cases, scalar_corners, 0, N_CORNERS);
    tcase_add_test(cases, names_in_messages);
    tcase_add_loop_test(cases, event_corners, 0, N_CORNERS * SBI_ISA_COUNT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
