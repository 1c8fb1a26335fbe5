/* SPDX-License-Identifier: Apache-2.0 */
/* Additive interpolation codes of morphs where factors are negative, zero and nearly zero: derivatives are right or refused with the name
 * of the factor. (Their values between are held by test_tape_mixture and test_tape_jax.) */
#include <math.h>

#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

enum { EVENTS = 2300, FACTORS = 6 };

static sbi_context *ctx;
static sbi_tape *tape;
static double up[FACTORS][EVENTS], down[FACTORS][EVENTS], weight[EVENTS];

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "the message is: %s", sbi_last_error())

static void setup(void)
{
    uint64_t s = 3;
    for (int i = 0; i < EVENTS; i++) {
        weight[i] = 1.0;
        for (int k = 0; k < FACTORS; k++) {
            up[k][i] = 0.3 + 1.4 * mix_uniform(&s);
            down[k][i] = 0.6 + 0.8 * mix_uniform(&s);
        }
    }
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
}
static void teardown(void)
{
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}

static sbi_var column(sbi_tape *t, sbi_events events, double *data, const char *name)
{
    const sbi_array view = sbi_array_1d(data, SBI_F64, EVENTS);
    return sbi_tape_column(t, events, &view, name);
}

/* sum w softplus(prod g + p0), the morph, or its branch for the signs of `theta` from elementary operations (code 0, or outside of 4p). */
static sbi_var record(sbi_tape *t, int32_t code, const double *theta, int plain)
{
    sbi_var p[FACTORS], y = sbi_tape_constant(t, 1.0), one = y;
    char name[16];
    sbi_events events = sbi_tape_events(t, "data", EVENTS);
    sbi_array ups[FACTORS], downs[FACTORS];
    for (int k = 0; k < FACTORS; k++) {
        snprintf(name, sizeof name, "p%d", k);
        p[k] = sbi_tape_param(t, name);
        ups[k] = sbi_array_1d(up[k], SBI_F64, EVENTS);
        downs[k] = sbi_array_1d(down[k], SBI_F64, EVENTS);
        sbi_var slope = theta[k] >= 0.0 ? sbi_tape_sub(t, column(t, events, up[k], "u"), one)
                                        : sbi_tape_sub(t, one, column(t, events, down[k], "d"));
        y = sbi_tape_mul(t, y, sbi_tape_add(t, one, sbi_tape_mul(t, p[k], slope)));
    }
    if (!plain) y = sbi_tape_morph(t, events, p, FACTORS, ups, downs, code, SBI_MORPH_RATIO);
    return sbi_tape_weighted_sum(t, column(t, events, weight, "w"), sbi_tape_softplus(t, sbi_tape_add(t, y, p[0])));
}

/* Far outside, where many factors are negative. */
START_TEST(negative_factors)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i / 2));
    const int32_t code = _i % 2 ? SBI_INTERP_CODE4P : SBI_INTERP_CODE0;
    if (!kernels) return;
    const double theta[FACTORS] = {2.5, -3.5, 1.75, -1.25, 3.0, -4.5}, V[2 * FACTORS] = {1, 2, -1, 0.5, 1, 1, 0, 0, 0, 1, 0, 0};
    double value[2], g[2][FACTORS], H[2][FACTORS * FACTORS], HV[2][2 * FACTORS], row[FACTORS], scale = 0.0;
    for (int plain = 0; plain < 2; plain++) {
        sbi_tape *t;
        sbi_tape_work *work;
        ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
        ck_assert_int_eq(sbi_tape_seal(t, record(t, code, theta, plain)), SBI_OK);
        ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
        sbi_tape_work_set_kernels(work, kernels);
        ck_assert_msg(sbi_tape_hessian(work, theta, &value[plain], g[plain], H[plain]) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, HV[plain]), SBI_OK);
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, 3, 1, row), SBI_OK);
        ck_assert_mem_eq(row, H[plain] + 3 * FACTORS, sizeof row);
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(t);
    }
    for (int i = 0; i < FACTORS * FACTORS; i++)
        scale = fmax(scale, fabs(H[1][i]));
    ck_assert_double_eq_tol(value[0], value[1], 1e-12 * fabs(value[1]));
    for (int i = 0; i < FACTORS; i++)
        ck_assert_double_eq_tol(g[0][i], g[1][i], 1e-12 * scale);
    for (int i = 0; i < FACTORS * FACTORS; i++)
        ck_assert_double_eq_tol(H[0][i], H[1][i], 1e-11 * scale);
    for (int i = 0; i < 2 * FACTORS; i++)
        ck_assert_double_eq_tol(HV[0][i], HV[1][i], 1e-11 * scale);
}
END_TEST

START_TEST(zero_factors)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    down[4][2200] = 0.5; /* 1 + alpha (1 - d) = 0 at alpha = -2, exactly */
    const double theta[FACTORS] = {0.5, 0.5, 0.5, 0.5, -2.0, 0.5};
    double value, want = 0.0, g[FACTORS], H[FACTORS * FACTORS], HV[FACTORS], row[FACTORS];
    ck_assert_int_eq(sbi_tape_seal(tape, record(tape, SBI_INTERP_CODE0, theta, 0)), SBI_OK);
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    sbi_tape_work_set_kernels(work, kernels);
    for (int i = 0; i < EVENTS; i++) {
        double y = 1.0;
        for (int k = 0; k < FACTORS; k++)
            y *= theta[k] > 0 ? 1 + theta[k] * (up[k][i] - 1) : 1 + theta[k] * (1 - down[k][i]);
        want += log1p(exp(y + theta[0]));
    }
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, NULL), SBI_OK);
    ck_assert_double_eq_tol(value, want, 1e-12 * want);
    const char *text = "(morph), event 2200 of \"data\": the factor of p4 is 0 at alpha = -2, too near to zero for derivatives";
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, g), SBI_ERR_DOMAIN);
    SAYS(text);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H), SBI_ERR_DOMAIN);
    SAYS(text);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, HV), SBI_ERR_DOMAIN);
    SAYS(text);
    ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, 0, 1, row), SBI_ERR_DOMAIN);
    SAYS(text);
    /* Nearly zero: the gradient is there, and right; second derivatives are refused. */
    double near[FACTORS], moved[FACTORS], slope;
    memcpy(near, theta, sizeof near);
    near[4] = -2.0 + 1e-9;
    ck_assert_msg(sbi_tape_eval(work, near, &value, g) == SBI_OK, "%s", sbi_last_error());
    memcpy(moved, near, sizeof moved);
    moved[4] += 1e-4;
    ck_assert_int_eq(sbi_tape_eval(work, moved, &slope, NULL), SBI_OK);
    moved[4] -= 2e-4;
    ck_assert_int_eq(sbi_tape_eval(work, moved, &value, NULL), SBI_OK);
    ck_assert_double_eq_tol(g[4], (slope - value) / 2e-4, 1e-5 * fabs(g[4]));
    ck_assert_int_eq(sbi_tape_hessian(work, near, &value, g, H), SBI_ERR_DOMAIN);
    SAYS("the factor of p4 is 5e-10");
    near[4] = -2.0 + 1e-5;
    ck_assert_int_eq(sbi_tape_hessian(work, near, &value, g, H), SBI_OK);
    sbi_tape_work_destroy(work);
    /* Without weight such an event does not matter. */
    weight[2200] = 0.0;
    sbi_tape *t;
    double H2[FACTORS * FACTORS];
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    ck_assert_int_eq(sbi_tape_seal(t, record(t, SBI_INTERP_CODE0, theta, 0)), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
    sbi_tape_work_set_kernels(work, kernels);
    ck_assert_msg(sbi_tape_hessian(work, theta, &value, g, H) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, HV), SBI_OK);
    down[4][2200] = 0.9; /* the borrowed column: another value at that event changes nothing */
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, g, H2), SBI_OK);
    ck_assert_mem_eq(H, H2, sizeof H);
    for (int i = 0; i < FACTORS; i++)
        ck_assert(isfinite(HV[i]) && isfinite(g[i]));
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_codes");
    TCase *cases = tcase_create("codes");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(cases, negative_factors, 0, 2 * SBI_ISA_COUNT);
    tcase_add_loop_test(cases, zero_factors, 0, SBI_ISA_COUNT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
