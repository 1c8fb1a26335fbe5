/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter of event-wise operations, one loop over the chunk for each operation: forward, reverse, forward tangent
 * and reverse of the tangent (forward over reverse). */
#include "tape/kernels/exp_log.h"
#include "tape/kernels/table.h"

SBI_INLINE vd vsqrt(vd x)
{
    double v[VLEN];
    memcpy(v, &x, sizeof v);
    for (int i = 0; i < VLEN; i++)
        v[i] = __builtin_sqrt(v[i]);
    memcpy(&x, v, sizeof x);
    return x;
}

SBI_INLINE vd vpower(vd x, int32_t power)
{
    vd base = power < 0 ? 1.0 / x : x, y = splat(1.0);
    for (uint32_t k = power < 0 ? 0u - (uint32_t)power : (uint32_t)power; k; k >>= 1) {
        if (k & 1u) y = y * base;
        base = base * base;
    }
    return y;
}

/* f, f' and f'' at x. */
SBI_INLINE void unary(int32_t op, int32_t power, vd x, vd *f, vd *f1, vd *f2)
{
    const vd zero = splat(0.0), one = splat(1.0);
    switch (op) {
    case SBI_NARROW_SQUARE:
        *f = x * x;
        *f1 = x + x;
        *f2 = splat(2.0);
        break;
    case SBI_NARROW_EXP: *f = *f1 = *f2 = vexp(x); break;
    case SBI_NARROW_EXPM1:
        *f = vexpm1(x);
        *f1 = *f2 = vexp(x);
        break;
    case SBI_NARROW_LOG:
        *f = vlog(x);
        *f1 = 1.0 / x;
        *f2 = zero - *f1 * *f1;
        break;
    case SBI_NARROW_LOG1P:
        *f = vlog1p(x);
        *f1 = 1.0 / (1.0 + x);
        *f2 = zero - *f1 * *f1;
        break;
    case SBI_NARROW_SQRT:
        *f = vsqrt(x);
        *f1 = 0.5 / *f;
        *f2 = -0.5 * *f1 / x;
        break;
    case SBI_NARROW_TANH: {
        vd c = pick(x > splat(20.0), splat(20.0), x);
        c = pick(c < splat(-20.0), splat(-20.0), c);
        vd m = vexpm1(c + c);
        *f = m / (m + 2.0);
        /* 1 - tanh^2 = 4 e^(2x) / (e^(2x) + 1)^2, without cancellation; beyond 20 it is below 1e-17 */
        vd t = vexp(zero - vabs(x + x)), s = 1.0 + t;
        *f1 = 4.0 * t / (s * s);
        *f2 = -2.0 * *f * *f1;
        break;
    }
    case SBI_NARROW_LOGISTIC: {
        vd t = vexp(zero - vabs(x)), s = 1.0 / (1.0 + t);
        *f = pick(x < zero, t * s, s);
        *f1 = t * s * s;
        *f2 = *f1 * ((pick(x < zero, one, t) - pick(x < zero, t, one)) * s);
        break;
    }
    case SBI_NARROW_SOFTPLUS: {
        vd t = vexp(zero - vabs(x)), s = 1.0 / (1.0 + t);
        *f = pick(x > zero, x, zero) + vlog1p(t);
        *f = pick((vi)(x != x), x, *f);
        *f1 = pick(x < zero, t * s, s);
        *f2 = t * s * s;
        break;
    }
    default: /* SBI_NARROW_POWER, exponent other than 0 */
        *f = vpower(x, power);
        *f1 = (double)power * vpower(x, power - 1);
        *f2 = (double)power * ((double)power - 1.0) * vpower(x, power - 2);
        if (power == 1) *f2 = zero;
        break;
    }
}

#define UNARY_LOOP(name)                                                                                               \
    case name:                                                                                                         \
        for (size_t e = 0; e < n; e += VLEN) {                                                                         \
            vd f, f1, f2;                                                                                              \
            unary(name, power, load(x + e), &f, &f1, &f2);                                                             \
            store(y + e, f);                                                                                           \
            if (order > 0) store(d1 + e, f1);                                                                          \
            if (order > 1) store(d2 + e, f2);                                                                          \
        }                                                                                                              \
        break;

static void unary_rows(int32_t op, int32_t power, int order, const double *x, double *y, double *d1, double *d2, size_t n)
{
    switch (op) {
        UNARY_LOOP(SBI_NARROW_SQUARE)
        UNARY_LOOP(SBI_NARROW_EXP)
        UNARY_LOOP(SBI_NARROW_EXPM1)
        UNARY_LOOP(SBI_NARROW_LOG)
        UNARY_LOOP(SBI_NARROW_LOG1P)
        UNARY_LOOP(SBI_NARROW_SQRT)
        UNARY_LOOP(SBI_NARROW_TANH)
        UNARY_LOOP(SBI_NARROW_LOGISTIC)
        UNARY_LOOP(SBI_NARROW_SOFTPLUS)
        UNARY_LOOP(SBI_NARROW_POWER)
    case SBI_NARROW_LGAMMA:
    case SBI_NARROW_DIGAMMA:
    case SBI_NARROW_TRIGAMMA: SBI_ISA(sbi_tape_special)(op, order, x, y, d1, d2, n); break;
    default: break;
    }
}

/* lambda - n ln lambda, where 0 ln lambda is 0, for lambda = 0 too. */
static void poisson_rows(const sbi_narrow_rows *rows, const sbi_narrow_op *op)
{
    const double *a = rows->value[op->a], *b = rows->value[op->b];
    double *y = rows->value[op->out], *d1 = rows->aux[op->aux], *d2 = rows->aux[op->aux + 1];
    const vd zero = splat(0.0);
    for (size_t e = 0; e < rows->n; e += VLEN) {
        const vd lambda = load(a + e), n = load(b + e);
        const vi empty = n == zero;
        store(y + e, lambda - pick(empty, zero, n * vlog(lambda)));
        const vd ratio = pick(empty, zero, n / lambda);
        if (rows->order > 0) store(d1 + e, 1.0 - ratio);
        if (rows->order > 1) store(d2 + e, pick(empty, zero, ratio / lambda));
    }
}

/* What an event outside an operation's domain means. */
enum { INSIDE, BAD, WITHOUT_VALUE };

/* A logarithm's argument makes the event bad; others have no value or derivative. */
SBI_INLINE int judge(int32_t op, int differentiated, double x, double count)
{
    const double inf = __builtin_inf();
    switch (op) {
    case SBI_NARROW_LOG: return x > 0.0 && x < inf ? INSIDE : BAD;
    case SBI_NARROW_LOG1P: return x > -1.0 && x < inf ? INSIDE : BAD;
    case SBI_NARROW_SQRT: return (differentiated ? x > 0.0 : x >= 0.0) ? INSIDE : WITHOUT_VALUE;
    case SBI_NARROW_LGAMMA:
    case SBI_NARROW_DIGAMMA:
    case SBI_NARROW_TRIGAMMA: return x > 0.0 && x < inf ? INSIDE : WITHOUT_VALUE;
    case SBI_NARROW_POISSON:
        if (!(count >= 0.0 && count < inf)) return WITHOUT_VALUE;
        return (x > 0.0 || (x == 0.0 && count == 0.0)) && x < inf ? INSIDE : BAD;
    default: return x == 0.0 ? WITHOUT_VALUE : INSIDE; /* division, negative power */
    }
}

#define JUDGE_CASE(name)                                                                                               \
    case name:                                                                                                         \
        for (size_t e = 0; e < rows->n; e++)                                                                           \
            outside |= (judge(name, differentiated, x[e], 0.0) != INSIDE) & (w[e] != 0.0);                             \
        break;

/* Finds events that count and are outside the domain of operation `index`. */
static void check_domain(const sbi_narrow_rows *rows, size_t index, sbi_narrow_faults *faults)
{
    const sbi_narrow_op *op = rows->ops + index;
    const double *x = rows->value[op->op == SBI_NARROW_DIV ? op->b : op->a], *w = rows->weight;
    const double *counts = op->op == SBI_NARROW_POISSON ? rows->value[op->b] : x;
    const int differentiated = rows->order > 0 && op->active_a;
    int outside = 0;
    switch (op->op) {
        JUDGE_CASE(SBI_NARROW_LOG)
        JUDGE_CASE(SBI_NARROW_LOG1P)
        JUDGE_CASE(SBI_NARROW_SQRT)
        JUDGE_CASE(SBI_NARROW_LGAMMA)
        JUDGE_CASE(SBI_NARROW_DIV)
    default: outside = 1; break; /* rarer: event by event at once */
    }
    if (!outside) return;
    for (size_t e = 0; e < rows->n; e++) {
        const int verdict = judge(op->op, differentiated, x[e], counts[e]);
        if (verdict == INSIDE || w[e] == 0.0) continue;
        if (verdict == BAD) {
            faults->bad_events++;
            if (faults->first_bad < 0 || faults->first_bad > (int64_t)e) faults->first_bad = (int64_t)e;
        } else if (faults->domain_op < 0) {
            faults->domain_op = (int32_t)index;
            faults->domain_event = (int64_t)e;
        }
    }
}

void SBI_ISA(sbi_tape_forward)(const sbi_narrow_rows *rows, sbi_narrow_faults *faults)
{
    const size_t n = rows->n;
    for (size_t k = 0; k < rows->n_ops; k++) {
        const sbi_narrow_op *op = rows->ops + k;
        const double *a = rows->value[op->a], *b = op->b >= 0 ? rows->value[op->b] : NULL;
        double *y = rows->value[op->out];
        switch (op->op) {
        case SBI_NARROW_ADD:
            for (size_t e = 0; e < n; e += VLEN)
                store(y + e, load(a + e) + load(b + e));
            break;
        case SBI_NARROW_SUB:
            for (size_t e = 0; e < n; e += VLEN)
                store(y + e, load(a + e) - load(b + e));
            break;
        case SBI_NARROW_MUL:
            for (size_t e = 0; e < n; e += VLEN)
                store(y + e, load(a + e) * load(b + e));
            break;
        case SBI_NARROW_DIV:
            check_domain(rows, k, faults);
            for (size_t e = 0; e < n; e += VLEN)
                store(y + e, load(a + e) / load(b + e));
            if (rows->order > 0)
                for (size_t e = 0; e < n; e += VLEN)
                    store(rows->aux[op->aux] + e, 1.0 / load(b + e));
            break;
        case SBI_NARROW_NEG:
            for (size_t e = 0; e < n; e += VLEN)
                store(y + e, -load(a + e));
            break;
        case SBI_NARROW_POISSON:
            check_domain(rows, k, faults);
            poisson_rows(rows, op);
            break;
        case SBI_NARROW_MAP: sbi_narrow_map_rows(rows, k, faults); break;
        case SBI_NARROW_LOG:
        case SBI_NARROW_LOG1P:
        case SBI_NARROW_SQRT:
        case SBI_NARROW_LGAMMA:
        case SBI_NARROW_DIGAMMA:
        case SBI_NARROW_TRIGAMMA: check_domain(rows, k, faults); /* fall through */
        default:
            if (op->op == SBI_NARROW_POWER && op->power < 0) check_domain(rows, k, faults);
            unary_rows(op->op, op->power, rows->order, a, y, rows->aux[op->aux], rows->aux[op->aux + 1], n);
            break;
        }
    }
}

/* row += value */
#define ACCUMULATE(row, value)                                                                                         \
    for (size_t e = 0; e < n; e += VLEN)                                                                               \
    store((row) + e, load((row) + e) + (value))

void SBI_ISA(sbi_tape_reverse)(const sbi_narrow_rows *rows)
{
    const size_t n = rows->n;
    for (size_t k = rows->n_ops; k-- > 0;) {
        const sbi_narrow_op *op = rows->ops + k;
        if (!op->active_a && !op->active_b) continue;
        const double *w = rows->adjoint[op->out], *y = rows->value[op->out];
        const double *a = rows->value[op->a], *b = op->b >= 0 ? rows->value[op->b] : NULL;
        double *wa = rows->adjoint[op->a], *wb = op->b >= 0 ? rows->adjoint[op->b] : NULL;
        const double *d = op->aux >= 0 ? rows->aux[op->aux] : NULL;
        switch (op->op) {
        case SBI_NARROW_ADD:
            if (op->active_a) ACCUMULATE(wa, load(w + e));
            if (op->active_b) ACCUMULATE(wb, load(w + e));
            break;
        case SBI_NARROW_SUB:
            if (op->active_a) ACCUMULATE(wa, load(w + e));
            if (op->active_b) ACCUMULATE(wb, -load(w + e));
            break;
        case SBI_NARROW_MUL:
            if (op->active_a) ACCUMULATE(wa, load(w + e) * load(b + e));
            if (op->active_b) ACCUMULATE(wb, load(w + e) * load(a + e));
            break;
        case SBI_NARROW_DIV:
            if (op->active_a) ACCUMULATE(wa, load(w + e) * load(d + e));
            if (op->active_b) ACCUMULATE(wb, -(load(w + e) * load(y + e) * load(d + e)));
            break;
        case SBI_NARROW_NEG: ACCUMULATE(wa, -load(w + e)); break;
        default: ACCUMULATE(wa, load(w + e) * load(d + e)); break;
        }
    }
}

void SBI_ISA(sbi_tape_tangent)(const sbi_narrow_rows *rows)
{
    const size_t n = rows->n;
    for (size_t k = 0; k < rows->n_ops; k++) {
        const sbi_narrow_op *op = rows->ops + k;
        if (!op->active_a && !op->active_b) continue;
        const double *a = rows->value[op->a], *b = op->b >= 0 ? rows->value[op->b] : NULL, *y = rows->value[op->out];
        const double *ta = rows->tangent[op->a], *tb = op->b >= 0 ? rows->tangent[op->b] : NULL;
        const double *d = op->aux >= 0 ? rows->aux[op->aux] : NULL;
        double *t = rows->tangent[op->out];
        for (size_t e = 0; e < n; e += VLEN) {
            const vd zero = splat(0.0);
            vd da = op->active_a ? load(ta + e) : zero, db = op->active_b ? load(tb + e) : zero, v;
            switch (op->op) {
            case SBI_NARROW_ADD: v = da + db; break;
            case SBI_NARROW_SUB: v = da - db; break;
            case SBI_NARROW_MUL: v = madd(da, load(b + e), load(a + e) * db); break;
            case SBI_NARROW_DIV: v = (da - load(y + e) * db) * load(d + e); break;
            case SBI_NARROW_NEG: v = -da; break;
            default: v = load(d + e) * da; break;
            }
            store(t + e, v);
        }
    }
}

void SBI_ISA(sbi_tape_reverse_tangent)(const sbi_narrow_rows *rows)
{
    const size_t n = rows->n;
    for (size_t k = rows->n_ops; k-- > 0;) {
        const sbi_narrow_op *op = rows->ops + k;
        if (!op->active_a && !op->active_b) continue;
        const double *w = rows->adjoint[op->out], *dw = rows->adjoint_tangent[op->out], *y = rows->value[op->out];
        const double *a = rows->value[op->a], *b = op->b >= 0 ? rows->value[op->b] : NULL;
        const double *ta = rows->tangent[op->a], *tb = op->b >= 0 ? rows->tangent[op->b] : NULL;
        const double *t = rows->tangent[op->out];
        double *va = rows->adjoint_tangent[op->a], *vb = op->b >= 0 ? rows->adjoint_tangent[op->b] : NULL;
        const double *d = op->aux >= 0 ? rows->aux[op->aux] : NULL, *d2 = op->aux >= 0 ? rows->aux[op->aux + 1] : NULL;
        switch (op->op) {
        case SBI_NARROW_ADD:
            if (op->active_a) ACCUMULATE(va, load(dw + e));
            if (op->active_b) ACCUMULATE(vb, load(dw + e));
            break;
        case SBI_NARROW_SUB:
            if (op->active_a) ACCUMULATE(va, load(dw + e));
            if (op->active_b) ACCUMULATE(vb, -load(dw + e));
            break;
        case SBI_NARROW_MUL:
            if (op->active_a && op->active_b) {
                ACCUMULATE(va, madd(load(dw + e), load(b + e), load(w + e) * load(tb + e)));
                ACCUMULATE(vb, madd(load(dw + e), load(a + e), load(w + e) * load(ta + e)));
            } else if (op->active_a) {
                ACCUMULATE(va, load(dw + e) * load(b + e));
            } else {
                ACCUMULATE(vb, load(dw + e) * load(a + e));
            }
            break;
        case SBI_NARROW_DIV:
            for (size_t e = 0; e < n; e += VLEN) {
                vd inverse = load(d + e), adj = load(w + e), tadj = load(dw + e);
                vd db = op->active_b ? load(tb + e) : splat(0.0);
                vd da = inverse * (tadj - adj * inverse * db); /* tangent of adj / b */
                if (op->active_a) store(va + e, load(va + e) + da);
                if (op->active_b) store(vb + e, load(vb + e) - madd(da, load(y + e), adj * inverse * load(t + e)));
            }
            break;
        case SBI_NARROW_NEG: ACCUMULATE(va, -load(dw + e)); break;
        default:
            ACCUMULATE(va, madd(load(dw + e), load(d + e), load(w + e) * load(d2 + e) * load(ta + e)));
            break;
        }
    }
}

void SBI_ISA(sbi_tape_function)(int32_t op, int order, const double *x, double *y, double *d1, double *d2, size_t n)
{
    unary_rows(op, 0, order, x, y, d1, d2, n);
}
