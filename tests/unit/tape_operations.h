/* SPDX-License-Identifier: Apache-2.0 */
/* How each operation of the tape is recorded in its tests, and where: of a parameter a (or p c_i event by event) and b = 0.7
 * (or q + d_i). Unary ones are multiplied by b. */
#ifndef SBI_TESTS_TAPE_OPERATIONS_H
#define SBI_TESTS_TAPE_OPERATIONS_H

#include <math.h>
#include <string.h>

#include "sbi/tape.h"

typedef sbi_var binary_fn(sbi_tape *tape, sbi_var a, sbi_var b);

static inline sbi_var power3(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_pow(t, a, sbi_tape_constant(t, 3))); }
static inline sbi_var power_m2(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_pow(t, a, sbi_tape_constant(t, -2))); }
static inline sbi_var power0(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_pow(t, a, sbi_tape_constant(t, 0))); }
static inline sbi_var power1(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_pow(t, a, sbi_tape_constant(t, 1))); }
#define UNARY(name)                                                                                                    \
    static inline sbi_var do_##name(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_##name(t, a)); }
UNARY(lgamma) UNARY(digamma) UNARY(trigamma) UNARY(neg) UNARY(square)
UNARY(exp) UNARY(expm1) UNARY(log) UNARY(log1p) UNARY(sqrt) UNARY(tanh) UNARY(logistic) UNARY(softplus)
#define INTERP(code)                                                                                                   \
    static inline sbi_var interp_##code(sbi_tape *t, sbi_var a, sbi_var b)                                                     \
    {                                                                                                                  \
        return sbi_tape_mul(t, b, sbi_tape_interp(t, a, 1.3, 0.8, code));                                               \
    }
INTERP(0) INTERP(1) INTERP(2) INTERP(4) INTERP(40)
static inline sbi_var poisson3(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_poisson(t, a, sbi_tape_constant(t, 2.5), 1)); }
static inline sbi_var poisson0(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_mul(t, b, sbi_tape_poisson(t, a, sbi_tape_constant(t, 0), 0)); }
static inline sbi_var gaussian(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_gaussian(t, a, b, sbi_tape_exp(t, b), 1); }
static inline sbi_var gaussian1(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_gaussian(t, a, b, sbi_tape_constant(t, 1.5), 0); }
static inline sbi_var lognormal(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_lognormal(t, a, b, sbi_tape_add(t, sbi_tape_constant(t, 1), b), 1); }
static inline sbi_var lognormal1(sbi_tape *t, sbi_var a, sbi_var b) { return sbi_tape_lognormal(t, a, b, sbi_tape_constant(t, 1.25), 0); }

static inline sbi_status cube_rows(const double *x, size_t n, double *f, double *f1, double *f2, void *user)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        f[i] = x[i] * x[i] * x[i];
        if (f1) f1[i] = 3 * x[i] * x[i];
        if (f2) f2[i] = 6 * x[i];
    }
    return SBI_OK;
}
static inline sbi_var map_cube(sbi_tape *t, sbi_var a, sbi_var b)
{
    sbi_tape_map_function f = SBI_TAPE_MAP_FUNCTION_INIT;
    f.name = "cube";
    f.evaluate = cube_rows;
    return sbi_tape_mul(t, b, sbi_tape_map(t, &f, a));
}

/* a^2 b + sin(a - b) */
static inline sbi_status applied(const double *x, size_t n, double *value, double *gradient, double *hessian, void *user)
{
    (void)n, (void)user;
    const double s = sin(x[0] - x[1]), c = cos(x[0] - x[1]);
    *value = x[0] * x[0] * x[1] + s;
    if (gradient) {
        gradient[0] = 2 * x[0] * x[1] + c;
        gradient[1] = x[0] * x[0] - c;
    }
    const double second[4] = {2 * x[1] - s, 2 * x[0] + s, 2 * x[0] + s, -s};
    if (hessian) memcpy(hessian, second, sizeof second);
    return SBI_OK;
}
static inline sbi_var apply_two(sbi_tape *t, sbi_var a, sbi_var b)
{
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    const sbi_var x[2] = {a, b};
    f.name = "two";
    f.evaluate = applied;
    return sbi_tape_apply(t, &f, x, 2);
}

static const struct operation {
    const char *name;
    binary_fn *record;
    double points[4]; /* of a */
    int scalar_only;
} operations[] = {
    {"add", sbi_tape_add, {0.3, -1.2, 5.0, 40.0}, 0},
    {"sub", sbi_tape_sub, {0.3, -1.2, 5.0, 40.0}, 0},
    {"mul", sbi_tape_mul, {0.3, -1.2, 5.0, 40.0}, 0},
    {"div", sbi_tape_div, {0.3, -1.2, 5.0, 40.0}, 0},
    {"pow", sbi_tape_pow, {0.3, 1.2, 5.0, 40.0}, 0},
    {"pow 3", power3, {0.3, -1.2, 5.0, -7.0}, 0},
    {"pow -2", power_m2, {0.3, -1.2, 5.0, -7.0}, 0},
    {"pow 0", power0, {0.3, -1.2, 5.0, -7.0}, 0},
    {"pow 1", power1, {0.3, -1.2, 5.0, -7.0}, 0},
    {"neg", do_neg, {0.3, -1.2, 5.0, 40.0}, 0},
    {"square", do_square, {0.3, -1.2, 5.0, 40.0}, 0},
    {"exp", do_exp, {0.3, -1.2, 5.0, 20.0}, 0},
    {"expm1", do_expm1, {0.3, -1.2, 1e-2, -30.0}, 0},
    {"log", do_log, {0.3, 1.2, 5.0, 400.0}, 0},
    {"log1p", do_log1p, {0.3, -0.7, 0.02, 400.0}, 0},
    {"sqrt", do_sqrt, {0.3, 1.2, 5.0, 400.0}, 0},
    {"tanh", do_tanh, {0.3, -1.2, 5.0, -0.02}, 0},
    {"logistic", do_logistic, {0.3, -1.2, 5.0, -30.0}, 0},
    {"softplus", do_softplus, {0.3, -1.2, 5.0, -30.0}, 0},
    {"lgamma", do_lgamma, {0.3, 1.7, 5.0, 400.0}, 0},
    {"digamma", do_digamma, {0.3, 1.2, 5.0, 400.0}, 0},
    {"trigamma", do_trigamma, {0.3, 1.2, 5.0, 400.0}, 0},
    {"poisson 2.5", poisson3, {0.3, 2.4, 5.0, 400.0}, 0},
    {"poisson 0", poisson0, {0.3, 2.4, 5.0, 400.0}, 0},
    {"gaussian", gaussian, {0.3, -1.2, 5.0, 40.0}, 0},
    {"gaussian, short", gaussian1, {0.3, -1.2, 5.0, 40.0}, 0},
    {"lognormal", lognormal, {0.3, 1.2, 5.0, 40.0}, 0},
    {"lognormal, short", lognormal1, {0.3, 1.2, 5.0, 40.0}, 0},
    {"interp 0", interp_0, {0.3, -0.2, 1.7, -2.4}, 1},
    {"interp 1", interp_1, {0.3, -0.2, 1.7, -2.4}, 1},
    {"interp 2", interp_2, {0.3, -0.2, 1.7, -2.4}, 1},
    {"interp 4", interp_4, {0.3, -0.2, 1.7, -2.4}, 1},
    {"interp 4p", interp_40, {0.3, -0.2, 1.7, -2.4}, 1},
    {"map cube", map_cube, {0.3, -1.2, 5.0, -7.0}, 0},
    {"apply", apply_two, {0.3, -1.2, 5.0, -7.0}, 1},
};
#define N_OPERATIONS ((int)(sizeof operations / sizeof *operations))

#endif
