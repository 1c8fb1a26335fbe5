/* SPDX-License-Identifier: Apache-2.0 */
#include "tape/scalar.h"

#include <math.h>

#include "tape/function.h"
#include "tape/interpolation.h"

static sbi_status domain(const sbi_tape *tape, const sbi_scalar_op *op, double x, const char *what)
{
    char where[300];
    sbi_node_describe(tape, op->node, where, sizeof where);
    return sbi_fail(SBI_ERR_DOMAIN, "%s: %s at %.17g", where, what, x);
}

/* The kernels' functions for one number: those of the base instruction set, so that scalars do not depend on the processor. */
static void special(int32_t op, double x, int order, double f[3])
{
    enum { N = 8 };
    double rows[4][N] __attribute__((aligned(SBI_ALIGNMENT)));
    for (int i = 0; i < N; i++)
        rows[3][i] = x;
    sbi_tape_kernels_for(SBI_ISA_BASE)->function(op, order, rows[3], rows[0], rows[1], rows[2], N);
    for (int o = 0; o <= order; o++)
        f[o] = rows[o][0];
}

/* lambda - n ln lambda; +inf, outside the domain, for lambda < 0, and for lambda = 0 unless n is 0. */
static sbi_status poisson(const sbi_tape *tape, const sbi_scalar_op *op, double lambda, double n, double f[3])
{
    if (!(n >= 0.0 && n < (double)INFINITY)) return domain(tape, op, n, "the count is negative or not finite");
    f[1] = f[2] = 0.0;
    if (!(lambda > 0.0 && lambda < (double)INFINITY) && !(lambda == 0.0 && n == 0.0)) {
        f[0] = (double)INFINITY;
        return SBI_OK;
    }
    f[0] = n == 0.0 ? lambda : lambda - n * log(lambda);
    f[1] = n == 0.0 ? 1.0 : 1.0 - n / lambda;
    f[2] = n == 0.0 ? 0.0 : n / lambda / lambda;
    return SBI_OK;
}

/* f, f', f'' of the unary operations. */
static sbi_status unary(const sbi_tape *tape, const sbi_scalar_op *op, double x, int order, double f[3])
{
    f[1] = f[2] = 0.0;
    switch (op->op) {
    case SBI_NARROW_NEG:
        f[0] = -x;
        f[1] = -1.0;
        break;
    case SBI_NARROW_SQUARE:
        f[0] = x * x;
        f[1] = 2.0 * x;
        f[2] = 2.0;
        break;
    case SBI_NARROW_EXP: f[0] = f[1] = f[2] = exp(x); break;
    case SBI_NARROW_EXPM1:
        f[0] = expm1(x);
        f[1] = f[2] = exp(x);
        break;
    case SBI_NARROW_LOG:
        if (!(x > 0.0)) return domain(tape, op, x, "logarithm of a number that is not positive");
        f[0] = log(x);
        f[1] = 1.0 / x;
        f[2] = -f[1] * f[1];
        break;
    case SBI_NARROW_LOG1P:
        if (!(x > -1.0)) return domain(tape, op, x, "argument not above -1");
        f[0] = log1p(x);
        f[1] = 1.0 / (1.0 + x);
        f[2] = -f[1] * f[1];
        break;
    case SBI_NARROW_SQRT:
        if (!(x >= 0.0)) return domain(tape, op, x, "square root of a negative number");
        if (x == 0.0 && order > 0 && op->active) return domain(tape, op, x, "the derivative does not exist");
        f[0] = sqrt(x);
        f[1] = 0.5 / f[0];
        f[2] = -0.5 * f[1] / x;
        break;
    case SBI_NARROW_TANH: {
        const double t = exp(-2.0 * fabs(x)), s = 1.0 + t;
        f[0] = tanh(x);
        f[1] = 4.0 * t / (s * s);
        f[2] = -2.0 * f[0] * f[1];
        break;
    }
    case SBI_NARROW_LOGISTIC: {
        const double t = exp(-fabs(x)), s = 1.0 / (1.0 + t);
        f[0] = x < 0.0 ? t * s : s;
        f[1] = t * s * s;
        f[2] = f[1] * (x < 0.0 ? (1.0 - t) * s : (t - 1.0) * s);
        break;
    }
    case SBI_NARROW_SOFTPLUS: {
        const double t = exp(-fabs(x)), s = 1.0 / (1.0 + t);
        f[0] = (x > 0.0 ? x : 0.0) + log1p(t);
        if (isnan(x)) f[0] = x;
        f[1] = x < 0.0 ? t * s : s;
        f[2] = t * s * s;
        break;
    }
    case SBI_NARROW_LGAMMA:
    case SBI_NARROW_DIGAMMA:
    case SBI_NARROW_TRIGAMMA:
        if (!(x > 0.0 && x < (double)INFINITY)) return domain(tape, op, x, "argument not positive and finite");
        special(op->op, x, op->active ? order : 0, f);
        break;
    default: { /* SBI_NARROW_POWER */
        const double p = op->payload;
        if (x == 0.0 && p < 0.0) return domain(tape, op, x, "negative power of zero");
        f[0] = pow(x, p);
        f[1] = p * pow(x, p - 1.0);
        f[2] = p * (p - 1.0) * pow(x, p - 2.0);
        break;
    }
    }
    return SBI_OK;
}

sbi_status sbi_scalar_apply(const sbi_tape *tape, const sbi_scalar_op *op, const double *theta, const double *values,
                            int order, double *value, sbi_partials_scalar *d)
{
    const double a = op->a >= 0 ? values[op->a] : 0.0, b = op->b >= 0 ? values[op->b] : 0.0;
    sbi_partials_scalar none;
    if (!d) d = &none;
    *d = (sbi_partials_scalar){0};
    switch (op->op) {
    case SBI_NODE_PARAM: *value = theta[op->payload]; return SBI_OK;
    case SBI_NODE_CONSTANT: *value = tape->nodes[op->node].value; return SBI_OK;
    case SBI_NARROW_ADD:
        *value = a + b;
        d->a = d->b = 1.0;
        return SBI_OK;
    case SBI_NARROW_SUB:
        *value = a - b;
        d->a = 1.0;
        d->b = -1.0;
        return SBI_OK;
    case SBI_NARROW_MUL:
        *value = a * b;
        d->a = b;
        d->b = a;
        d->ab = 1.0;
        return SBI_OK;
    case SBI_NARROW_DIV:
        if (b == 0.0) return domain(tape, op, a, "division by zero");
        *value = a / b;
        d->a = 1.0 / b;
        d->b = -*value / b;
        d->ab = -d->a / b;
        d->bb = -2.0 * d->b / b;
        return SBI_OK;
    case SBI_NODE_INTERP: {
        const sbi_interpolation *i = &tape->interpolations[op->payload];
        double f[3] = {0};
        sbi_interpolate(i->code, i->up, i->down, a, f);
        *value = f[0];
        d->a = f[1];
        d->aa = f[2];
        return SBI_OK;
    }
    case SBI_NARROW_MAP:
    case SBI_NARROW_POISSON: {
        double f[3] = {0};
        SBI_TRY(op->op == SBI_NARROW_MAP ? sbi_map_scalar(tape, op, a, order, f) : poisson(tape, op, a, b, f));
        *value = f[0];
        d->a = f[1];
        d->aa = f[2];
        return SBI_OK;
    }
    default: {
        double f[3] = {0};
        SBI_TRY(unary(tape, op, a, order, f));
        *value = f[0];
        d->a = f[1];
        d->aa = f[2];
        return SBI_OK;
    }
    }
}
