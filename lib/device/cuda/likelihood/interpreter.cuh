/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter of a narrow program for one event: forward, reverse, forward tangent, reverse of the tangent. The same operations as
 * tape/kernels/narrow.isa.c; a row is one double of this event, `stride` from the next. */
#ifndef SBI_CUDA_LIKELIHOOD_INTERPRETER_CUH
#define SBI_CUDA_LIKELIHOOD_INTERPRETER_CUH

#include "device/cuda/likelihood/numbers.cuh"

struct event_rows {
    double *value, *aux, *adjoint, *tangent, *adjoint_tangent; /* this event's in row 0 */
    size_t stride;
    const double *uniform;
    int bad, fault;

    __device__ double operand(int row) const { return row < 0 ? uniform[-1 - row] : value[row * stride]; }
};

SBI_INLINE double power_of(double x, int power)
{
    double base = power < 0 ? 1.0 / x : x, y = 1.0;
    for (unsigned k = power < 0 ? 0u - (unsigned)power : (unsigned)power; k; k >>= 1) {
        if (k & 1u) y *= base;
        base *= base;
    }
    return y;
}

/* f, f' and f'' of a unary operation. */
static __device__ void unary(int op, int power, int order, double x, double f[3])
{
    switch (op) {
    case SBI_NARROW_SQUARE:
        f[0] = x * x;
        f[1] = x + x;
        f[2] = 2.0;
        break;
    case SBI_NARROW_EXP: f[0] = f[1] = f[2] = exp(x); break;
    case SBI_NARROW_EXPM1:
        f[0] = expm1(x);
        f[1] = f[2] = exp(x);
        break;
    case SBI_NARROW_LOG:
        f[0] = log(x);
        f[1] = 1.0 / x;
        f[2] = -f[1] * f[1];
        break;
    case SBI_NARROW_LOG1P:
        f[0] = log1p(x);
        f[1] = 1.0 / (1.0 + x);
        f[2] = -f[1] * f[1];
        break;
    case SBI_NARROW_SQRT:
        f[0] = sqrt(x);
        f[1] = 0.5 / f[0];
        f[2] = -0.5 * f[1] / x;
        break;
    case SBI_NARROW_TANH: {
        const double t = exp(-fabs(x + x)), s = 1.0 + t; /* 1 - tanh^2 without cancellation */
        f[0] = tanh(x);
        f[1] = 4.0 * t / (s * s);
        f[2] = -2.0 * f[0] * f[1];
        break;
    }
    case SBI_NARROW_LOGISTIC: {
        const double t = exp(-fabs(x)), s = 1.0 / (1.0 + t);
        f[0] = x < 0.0 ? t * s : s;
        f[1] = t * s * s;
        f[2] = f[1] * (((x < 0.0 ? 1.0 : t) - (x < 0.0 ? t : 1.0)) * s);
        break;
    }
    case SBI_NARROW_SOFTPLUS: {
        const double t = exp(-fabs(x)), s = 1.0 / (1.0 + t);
        f[0] = x != x ? x : (x > 0.0 ? x : 0.0) + log1p(t);
        f[1] = x < 0.0 ? t * s : s;
        f[2] = t * s * s;
        break;
    }
    case SBI_NARROW_LGAMMA:
        f[0] = vlgamma(x);
        if (order > 0) f[1] = vdigamma(x);
        if (order > 1) f[2] = vpolygamma(1, x);
        break;
    case SBI_NARROW_DIGAMMA:
        f[0] = vdigamma(x);
        if (order > 0) f[1] = vpolygamma(1, x);
        if (order > 1) f[2] = vpolygamma(2, x);
        break;
    case SBI_NARROW_TRIGAMMA:
        f[0] = vpolygamma(1, x);
        if (order > 0) f[1] = vpolygamma(2, x);
        if (order > 1) f[2] = vpolygamma(3, x);
        break;
    default: /* SBI_NARROW_POWER, exponent other than 0 */
        f[0] = power_of(x, power);
        f[1] = (double)power * power_of(x, power - 1);
        f[2] = power == 1 ? 0.0 : (double)power * ((double)power - 1.0) * power_of(x, power - 2);
        break;
    }
}

/* Counts the event as bad, or notes that the leaf is the processor's. */
SBI_INLINE void judge(event_rows &r, const operation &op, int order, double a, double b)
{
    const bool differentiated = order > 0 && op.active_a;
    switch (op.op) {
    case SBI_NARROW_LOG: r.bad += !(a > 0.0 && a < INFINITY); break;
    case SBI_NARROW_LOG1P: r.bad += !(a > -1.0 && a < INFINITY); break;
    case SBI_NARROW_SQRT: r.fault |= !(differentiated ? a > 0.0 : a >= 0.0); break;
    case SBI_NARROW_LGAMMA:
    case SBI_NARROW_DIGAMMA:
    case SBI_NARROW_TRIGAMMA: r.fault |= !(a > 0.0 && a < INFINITY); break;
    case SBI_NARROW_POISSON:
        if (!(b >= 0.0 && b < INFINITY))
            r.fault = 1;
        else
            r.bad += !((a > 0.0 || (a == 0.0 && b == 0.0)) && a < INFINITY);
        break;
    case SBI_NARROW_DIV: r.fault |= b == 0.0; break;
    case SBI_NARROW_POWER: r.fault |= op.power < 0 && a == 0.0; break;
    default: break;
    }
}

static __device__ void forward(event_rows &r, const operation *ops, int n_ops, int order)
{
    const size_t stride = r.stride;
    for (int k = 0; k < n_ops; k++) {
        const operation op = ops[k];
        const double a = r.operand(op.a), b = op.binary ? r.operand(op.b) : 0.0;
        double y;
        judge(r, op, order, a, b);
        switch (op.op) {
        case SBI_NARROW_ADD: y = a + b; break;
        case SBI_NARROW_SUB: y = a - b; break;
        case SBI_NARROW_MUL: y = a * b; break;
        case SBI_NARROW_DIV:
            y = a / b;
            if (order > 0) r.aux[op.aux * stride] = 1.0 / b;
            break;
        case SBI_NARROW_NEG: y = -a; break;
        case SBI_NARROW_POISSON: {
            const double ratio = b == 0.0 ? 0.0 : b / a;
            y = a - (b == 0.0 ? 0.0 : b * log(a));
            if (order > 0) r.aux[op.aux * stride] = 1.0 - ratio;
            if (order > 1) r.aux[(op.aux + 1) * stride] = b == 0.0 ? 0.0 : ratio / a;
            break;
        }
        default: {
            double f[3];
            unary(op.op, op.power, order, a, f);
            y = f[0];
            if (order > 0) r.aux[op.aux * stride] = f[1];
            if (order > 1) r.aux[(op.aux + 1) * stride] = f[2];
            break;
        }
        }
        r.value[op.out * stride] = y;
    }
}

static __device__ void reverse(event_rows &r, const operation *ops, int n_ops)
{
    const size_t stride = r.stride;
    for (int k = n_ops - 1; k >= 0; k--) {
        const operation op = ops[k];
        if (!op.active_a && !op.active_b) continue;
        const double w = r.adjoint[op.adjoint_out * stride];
        double wa = w, wb = w;
        switch (op.op) {
        case SBI_NARROW_ADD: break;
        case SBI_NARROW_SUB: wb = -w; break;
        case SBI_NARROW_MUL:
            wa = w * r.operand(op.b);
            wb = w * r.operand(op.a);
            break;
        case SBI_NARROW_DIV: {
            const double d = r.aux[op.aux * stride];
            wa = w * d;
            wb = -(w * r.value[op.out * stride] * d);
            break;
        }
        case SBI_NARROW_NEG: wa = -w; break;
        default: wa = w * r.aux[op.aux * stride]; break;
        }
        if (op.active_a) r.adjoint[op.adjoint_a * stride] += wa;
        if (op.active_b) r.adjoint[op.adjoint_b * stride] += wb;
    }
}

static __device__ void tangent(event_rows &r, const operation *ops, int n_ops)
{
    const size_t stride = r.stride;
    for (int k = 0; k < n_ops; k++) {
        const operation op = ops[k];
        if (!op.active_a && !op.active_b) continue;
        const double da = op.active_a ? r.tangent[op.adjoint_a * stride] : 0.0;
        const double db = op.active_b ? r.tangent[op.adjoint_b * stride] : 0.0;
        double v;
        switch (op.op) {
        case SBI_NARROW_ADD: v = da + db; break;
        case SBI_NARROW_SUB: v = da - db; break;
        case SBI_NARROW_MUL: v = fma(da, r.operand(op.b), r.operand(op.a) * db); break;
        case SBI_NARROW_DIV: v = (da - r.value[op.out * stride] * db) * r.aux[op.aux * stride]; break;
        case SBI_NARROW_NEG: v = -da; break;
        default: v = r.aux[op.aux * stride] * da; break;
        }
        r.tangent[op.adjoint_out * stride] = v;
    }
}

static __device__ void reverse_tangent(event_rows &r, const operation *ops, int n_ops)
{
    const size_t stride = r.stride;
    for (int k = n_ops - 1; k >= 0; k--) {
        const operation op = ops[k];
        if (!op.active_a && !op.active_b) continue;
        const double w = r.adjoint[op.adjoint_out * stride], dw = r.adjoint_tangent[op.adjoint_out * stride];
        const double ta = op.active_a ? r.tangent[op.adjoint_a * stride] : 0.0;
        const double tb = op.active_b ? r.tangent[op.adjoint_b * stride] : 0.0;
        double va = dw, vb = dw;
        switch (op.op) {
        case SBI_NARROW_ADD: break;
        case SBI_NARROW_SUB: vb = -dw; break;
        case SBI_NARROW_MUL:
            va = fma(dw, r.operand(op.b), w * tb);
            vb = fma(dw, r.operand(op.a), w * ta);
            break;
        case SBI_NARROW_DIV: {
            const double inverse = r.aux[op.aux * stride];
            va = inverse * (dw - w * inverse * tb); /* tangent of adj / b */
            vb = -fma(va, r.value[op.out * stride], w * inverse * r.tangent[op.adjoint_out * stride]);
            break;
        }
        case SBI_NARROW_NEG: va = -dw; break;
        default: va = fma(dw, r.aux[op.aux * stride], w * r.aux[(op.aux + 1) * stride] * ta); break;
        }
        if (op.active_a) r.adjoint_tangent[op.adjoint_a * stride] += va;
        if (op.active_b) r.adjoint_tangent[op.adjoint_b * stride] += vb;
    }
}

#endif
