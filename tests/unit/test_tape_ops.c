/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation, scalar and event-wise: value against libm, first and second derivatives three ways (differences of values,
 * HVP against differenced gradients, Hessian against HVP and rows), at interior points and at large arguments. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_operations.h"

enum { EVENTS = 37 };

static long double f_logistic(long double x) { return 1 / (1 + expl(-x)); }
static long double f_softplus(long double x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
static long double f_code4(long double a)
{
    const long double u = 1.3, d = 0.8;
    if (a > 1) return powl(u, a);
    if (a < -1) return powl(d, -a);
    const long double lu = logl(u), ld = logl(d), S0 = (u + d) / 2, A0 = (u - d) / 2, S1 = (u * lu - d * ld) / 2;
    const long double A1 = (u * lu + d * ld) / 2, S2 = (u * lu * lu + d * ld * ld) / 2, A2 = (u * lu * lu - d * ld * ld) / 2;
    return 1 + a * (15 * A0 - 7 * S1 + A2) / 8 + a * a * (-24 + 24 * S0 - 9 * A1 + S2) / 8 +
           powl(a, 3) * (-5 * A0 + 5 * S1 - A2) / 4 + powl(a, 4) * (12 - 12 * S0 + 7 * A1 - S2) / 4 +
           powl(a, 5) * (3 * A0 - 3 * S1 + A2) / 8 + powl(a, 6) * (-8 + 8 * S0 - 5 * A1 + S2) / 8;
}
static long double f_code0(long double a) { return a > 0 ? 1 + a * (long double)(1.3 - 1) : 1 + a * (long double)(1 - 0.8); }
static long double f_code1(long double a) { return a > 0 ? powl(1.3, a) : powl(0.8, -a); }
static long double f_code2(long double a)
{
    const long double u = 1.3, d = 0.8, s = (u + d) / 2 - 1, b = (u - d) / 2;
    return a > 1 ? u + (b + 2 * s) * (a - 1) : a < -1 ? d + (b - 2 * s) * (a + 1) : 1 + s * a * a + b * a;
}
static long double f_code4p(long double a)
{
    const long double u = 1.3, d = 0.8, s = (u - d) / 2, q = (u + d - 2) / 16;
    if (a > 1) return 1 + a * (u - 1);
    if (a < -1) return 1 + a * (1 - d);
    return 1 + a * s + q * (15 * a * a - 10 * powl(a, 4) + 3 * powl(a, 6));
}
static long double f_neg(long double x) { return -x; }
static long double f_square(long double x) { return x * x; }
static long double f_cube(long double x) { return x * x * x; }
static long double f_m2(long double x) { return 1 / (x * x); }
static long double f_one(long double x) { return x - x + 1; }
static long double f_same(long double x) { return x; }

/* The asymptotic series at x + 40, and the recurrence back. */
static long double f_digamma(long double x)
{
    long double sum = 0;
    for (; x < 40; x++)
        sum -= 1 / x;
    const long double t = 1 / (x * x);
    return sum + logl(x) - 0.5L / x - t * (1 / 12.0L - t * (1 / 120.0L - t * (1 / 252.0L - t * (1 / 240.0L - t * (1 / 132.0L - t * (691 / 32760.0L))))));
}
static long double f_trigamma(long double x)
{
    long double sum = 0;
    for (; x < 40; x++)
        sum += 1 / (x * x);
    const long double t = 1 / (x * x);
    return sum + 1 / x + t / 2 + t / x * (1 / 6.0L - t * (1 / 30.0L - t * (1 / 42.0L - t * (1 / 30.0L - t * (5 / 66.0L - t * (691 / 2730.0L))))));
}
static long double f_poisson3(long double x) { return x - 2.5L * logl(x) + lgammal(3.5L); }
static const long double half_ln_2pi = 0.918938533204672741780329736405617640L;
static long double f_gaussian(long double a, long double b) { return powl((a - b) / expl(b), 2) / 2 + b + half_ln_2pi; }
static long double f_gaussian1(long double a, long double b) { return powl((a - b) / 1.5L, 2) / 2; }
static long double f_lognormal(long double a, long double b)
{
    const long double width = logl(1 + b);
    return powl(logl(a / b) / width, 2) / 2 + logl(a * width) + half_ln_2pi;
}
static long double f_lognormal1(long double a, long double b) { return powl(logl(a / b) / logl(1.25L), 2) / 2; }

static long double f_applied(long double a, long double b) { return a * a * b + sinl(a - b); }

static const struct reference {
    const char *name;
    long double (*f)(long double);               /* of operations that multiply by b: f(a) b */
    long double (*f2)(long double, long double); /* of others; both NULL: see apply() */
} references[] = {
    {"add", NULL, NULL},
    {"sub", NULL, NULL},
    {"mul", NULL, NULL},
    {"div", NULL, NULL},
    {"pow", NULL, NULL},
    {"pow 3", f_cube, NULL},
    {"pow -2", f_m2, NULL},
    {"pow 0", f_one, NULL},
    {"pow 1", f_same, NULL},
    {"neg", f_neg, NULL},
    {"square", f_square, NULL},
    {"exp", expl, NULL},
    {"expm1", expm1l, NULL},
    {"log", logl, NULL},
    {"log1p", log1pl, NULL},
    {"sqrt", sqrtl, NULL},
    {"tanh", tanhl, NULL},
    {"logistic", f_logistic, NULL},
    {"softplus", f_softplus, NULL},
    {"lgamma", lgammal, NULL},
    {"digamma", f_digamma, NULL},
    {"trigamma", f_trigamma, NULL},
    {"poisson 2.5", f_poisson3, NULL},
    {"poisson 0", f_same, NULL},
    {"gaussian", NULL, f_gaussian},
    {"gaussian, short", NULL, f_gaussian1},
    {"lognormal", NULL, f_lognormal},
    {"lognormal, short", NULL, f_lognormal1},
    {"interp 0", f_code0, NULL},
    {"interp 1", f_code1, NULL},
    {"interp 2", f_code2, NULL},
    {"interp 4", f_code4, NULL},
    {"interp 4p", f_code4p, NULL},
    {"map cube", f_cube, NULL},
    {"apply", NULL, f_applied},
};

static long double apply(const struct operation *o, long double a, long double b)
{
    size_t i = 0;
    while (strcmp(references[i].name, o->name) != 0)
        ck_assert_uint_lt(++i, sizeof references / sizeof *references);
    if (references[i].f) return references[i].f(a) * b;
    if (references[i].f2) return references[i].f2(a, b);
    if (o->record == sbi_tape_add) return a + b;
    if (o->record == sbi_tape_sub) return a - b;
    if (o->record == sbi_tape_mul) return a * b;
    if (o->record == sbi_tape_div) return a / b;
    return powl(a, b);
}

static double column_a[EVENTS], column_b[EVENTS];

/* What is tested: f(p, q) as a scalar, or the sum over events of w f(p c_i, q + d_i). */
static long double whole(const struct operation *o, int eventwise, const long double *x)
{
    if (!eventwise) return apply(o, x[0], x[1]);
    long double sum = 0;
    for (int i = 0; i < EVENTS; i++)
        sum += (1 + 0.1L * i) * apply(o, x[0] * column_a[i], x[1] + column_b[i]);
    return sum;
}

START_TEST(three_ways)
{
    const struct operation *o = &operations[_i / (1 + SBI_ISA_COUNT)];
    const int eventwise = _i % (1 + SBI_ISA_COUNT); /* 1 + instruction set */
    const sbi_tape_kernels *kernels = eventwise ? sbi_tape_kernels_for((sbi_isa)(eventwise - 1)) : NULL;
    if (eventwise && (o->scalar_only || !kernels)) return;
    sbi_context *ctx;
    sbi_tape *t;
    sbi_tape_work *work;
    double weights[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        column_a[i] = 1.0 + 0.004 * i;
        column_b[i] = 0.01 * i;
        weights[i] = (double)(1 + 0.1L * i);
    }
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    sbi_var p = sbi_tape_param(t, "p"), q = sbi_tape_param(t, "q"), output;
    if (eventwise) {
        sbi_events events = sbi_tape_events(t, "events", EVENTS);
        sbi_array a = sbi_array_1d(column_a, SBI_F64, EVENTS), b = sbi_array_1d(column_b, SBI_F64, EVENTS);
        sbi_array w = sbi_array_1d(weights, SBI_F64, EVENTS);
        sbi_var x = o->record(t, sbi_tape_mul(t, p, sbi_tape_column(t, events, &a, "a")),
                              sbi_tape_add(t, sbi_tape_column(t, events, &b, "b"), q));
        output = sbi_tape_weighted_sum(t, sbi_tape_column(t, events, &w, "w"), x);
    } else {
        output = o->record(t, p, q);
    }
    ck_assert_msg(sbi_tape_seal(t, output) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
    if (kernels) sbi_tape_work_set_kernels(work, kernels);
    for (int at = 0; at < 4; at++) {
        const double theta[2] = {o->points[at], 0.7};
        long double x[2] = {theta[0], theta[1]};
        double value, g[2], H[4], HV[4];
        ck_assert_msg(sbi_tape_eval(work, theta, &value, g) == SBI_OK, "%s: %s", o->name, sbi_last_error());
        const long double want = whole(o, eventwise, x);
        const double scale = fabs((double)want) + 1e-300;
        ck_assert_double_eq_tol(value, (double)want, 4e-15 * scale + (o->record == sbi_tape_pow ? 1e-13 * scale : 0.0));
        ck_assert_int_eq(sbi_tape_hessian(work, theta, NULL, NULL, H), SBI_OK);
        const double V[4] = {1, 0, 0, 1};
        ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, HV), SBI_OK);
        ck_assert(memcmp(&H[1], &H[2], sizeof *H) == 0);
        for (int j = 0; j < 2; j++) {
            const double step = 1e-3 * (j == 0 ? fmax(0.02, fmin(1.0, fabs(theta[0]))) : 1.0), s[4] = {-2, -1, 1, 2};
            long double f[4];
            double moved[4][2], second[2];
            for (int k = 0; k < 4; k++) {
                x[0] = theta[0];
                x[1] = theta[1];
                x[j] += s[k] * step;
                f[k] = whole(o, eventwise, x);
                const double there[2] = {j == 0 ? theta[0] + s[k] * step : theta[0], j == 1 ? theta[1] + s[k] * step : theta[1]};
                ck_assert_int_eq(sbi_tape_eval(work, there, &value, moved[k]), SBI_OK);
            }
            const double slope = (double)((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step));
            const double size = fabs(g[0]) + fabs(g[1]) + 1e-300;
            ck_assert_msg(fabs(g[j] - slope) <= 2e-8 * size, "%s at %g: gradient %d is %.15g, differences give %.15g", o->name,
                          theta[0], j, g[j], slope);
            const double large = fabs(H[0]) + fabs(H[1]) + fabs(H[3]) + size;
            for (int k = 0; k < 2; k++) {
                second[k] = (moved[0][k] - 8 * moved[1][k] + 8 * moved[2][k] - moved[3][k]) / (12 * step);
                ck_assert_msg(fabs(H[j * 2 + k] - second[k]) <= 5e-8 * large, "%s at %g: H[%d,%d] is %.15g, differences give %.15g",
                              o->name, theta[0], j, k, H[j * 2 + k], second[k]);
                ck_assert_msg(fabs(H[j * 2 + k] - HV[j * 2 + k]) <= 1e-13 * large, "%s: HVP %.17g, Hessian %.17g", o->name,
                              HV[j * 2 + k], H[j * 2 + k]);
            }
            double row[2];
            ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, (size_t)j, 1, row), SBI_OK);
            ck_assert_mem_eq(row, H + 2 * j, sizeof row);
        }
    }
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

/* A scalar that is at once an alpha of a morph and used directly: both sides of its diagonal element. */
START_TEST(alpha_used_twice)
{
    sbi_context *ctx;
    sbi_tape *t;
    sbi_tape_work *work;
    double up[EVENTS], down[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        up[i] = 1.1 + 0.01 * i;
        down[i] = 0.9 - 0.005 * i;
    }
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    sbi_var a = sbi_tape_param(t, "a"), b = sbi_tape_param(t, "b"), alphas[2] = {b, a};
    sbi_events events = sbi_tape_events(t, "events", EVENTS);
    const sbi_array ups[2] = {sbi_array_1d(up, SBI_F64, EVENTS), sbi_array_1d(down, SBI_F64, EVENTS)};
    const sbi_array downs[2] = {sbi_array_1d(down, SBI_F64, EVENTS), sbi_array_1d(up, SBI_F64, EVENTS)};
    sbi_var y = sbi_tape_morph(t, events, alphas, 2, ups, downs, SBI_INTERP_CODE4, SBI_MORPH_RATIO);
    /* event-wise, so that a and b themselves enter the narrow part and not a scalar function of them */
    sbi_var u = sbi_tape_column(t, events, &ups[0], "u");
    sbi_var x = sbi_tape_add(t, y, sbi_tape_mul(t, sbi_tape_mul(t, u, a), b));
    x = sbi_tape_mul(t, sbi_tape_exp(t, sbi_tape_mul(t, u, a)), sbi_tape_square(t, x));
    ck_assert_int_eq(sbi_tape_seal(t, sbi_tape_sum(t, x)), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
    const double theta[2] = {0.4, -0.3}, V[4] = {1, 0, 0, 1}, h = 1e-3, s[4] = {-2, -1, 1, 2};
    double H[4], HV[4], value;
    ck_assert_int_eq(sbi_tape_hessian(work, theta, NULL, NULL, H), SBI_OK);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, HV), SBI_OK);
    for (int j = 0; j < 2; j++) {
        double g[4][2], row[2];
        for (int k = 0; k < 4; k++) {
            double there[2] = {theta[0], theta[1]};
            there[j] += s[k] * h;
            ck_assert_int_eq(sbi_tape_eval(work, there, &value, g[k]), SBI_OK);
        }
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, (size_t)j, 1, row), SBI_OK);
        ck_assert_mem_eq(row, H + 2 * j, sizeof row);
        for (int k = 0; k < 2; k++) {
            ck_assert_double_eq_tol(H[2 * j + k], (g[0][k] - 8 * g[1][k] + 8 * g[2][k] - g[3][k]) / (12 * h), 1e-8 * fabs(H[0]));
            ck_assert_double_eq_tol(H[2 * j + k], HV[2 * j + k], 1e-12 * fabs(H[0]));
        }
    }
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_ops");
    TCase *cases = tcase_create("ops");
    tcase_add_loop_test(cases, three_ways, 0, (1 + SBI_ISA_COUNT) * N_OPERATIONS);
    tcase_add_test(cases, alpha_used_twice);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
