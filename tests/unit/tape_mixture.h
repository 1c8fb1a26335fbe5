/* SPDX-License-Identifier: Apache-2.0 */
/* An unbinned mixture for the tape's tests: signal, interference with a negative coefficient, background, with every nuisance
 * parameter in every process (or a part of them), yields with normsys, Gaussian constraints. Beside the recorded tape stands the
 * same likelihood written plainly in long double.
 */
#ifndef SBI_TESTS_TAPE_MIXTURE_H
#define SBI_TESTS_TAPE_MIXTURE_H

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sbi/tape.h"

#define MIX_PROCESSES 4

typedef struct mixture {
    int64_t n;
    size_t nuisances, params; /* params = 1 + nuisances: mu first */
    int32_t dtype, storage, code;
    int code0;     /* that code 0 is meant, and not the default, code 4 */
    int sparse;    /* process p leaves out nuisances k with (k + p) % 3 == 0 */
    int normalise; /* divide each process by its mean over an integration sample: a second stage */
    int64_t zero_weights;   /* every so many events; 0: none */
    double *ratio, *weight; /* [processes, n], [n] */
    double *up, *down;      /* [processes, nuisances, n] as the tape sees them, converted to double */
    void *up_raw, *down_raw;
    double nu0[MIX_PROCESSES];
    double *norm_up, *norm_down; /* [processes, nuisances] */
} mixture;

static inline uint64_t mix_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline double mix_uniform(uint64_t *state) { return (double)(mix_random(state) >> 11) * 0x1p-53; }

static inline uint16_t mix_to_half(double x) /* truncates; normal range only */
{
    float f = (float)x;
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    int32_t e = (int32_t)(b >> 23 & 0xff) - 127;
    uint16_t sign = (uint16_t)(b >> 16 & 0x8000u);
    if (e < -14) return sign;
    return (uint16_t)(sign | (uint16_t)((e + 15) << 10) | (uint16_t)(b >> 13 & 0x3ff));
}
static inline double mix_from_half(uint16_t h)
{
    double m = (h & 0x7c00) ? ldexp(1024 + (h & 0x3ff), (h >> 10 & 31) - 25) : ldexp(h & 0x3ff, -24);
    return h & 0x8000 ? -m : m;
}

static inline int mix_has(const mixture *m, size_t p, size_t k) { return !m->sparse || (k + p) % 3 != 0; }

/* Sets dtype, storage etc. before; n and nuisances too. `spread` is the size of ln(up), ln(down). */
static inline void mix_fill(mixture *m, double spread)
{
    uint64_t s = 12345;
    const size_t n = (size_t)m->n, cells = MIX_PROCESSES * m->nuisances * n;
    const size_t size = m->dtype == SBI_F64 ? 8 : m->dtype == SBI_F32 ? 4 : 2;
    m->params = 1 + m->nuisances;
    if (m->code == SBI_INTERP_CODE0 && !m->code0) m->code = SBI_INTERP_CODE4;
    m->ratio = malloc(MIX_PROCESSES * n * 8 + 8);
    m->weight = malloc(n * 8 + 8);
    m->up = malloc(cells * 8 + 8);
    m->down = malloc(cells * 8 + 8);
    m->up_raw = malloc(cells * size + 8);
    m->down_raw = malloc(cells * size + 8);
    m->norm_up = malloc(MIX_PROCESSES * m->nuisances * 8 + 8);
    m->norm_down = malloc(MIX_PROCESSES * m->nuisances * 8 + 8);
    for (size_t i = 0; i < n; i++) {
        const double x = mix_uniform(&s);
        m->weight[i] = 0.5 + mix_uniform(&s);
        if (m->zero_weights && i % (size_t)m->zero_weights == 0) m->weight[i] = 0.0;
        m->ratio[0 * n + i] = 0.2 + 1.6 * x;
        m->ratio[1 * n + i] = 0.4 - 0.5 * x; /* negative for some events */
        m->ratio[2 * n + i] = 1.3 - 0.6 * x;
        m->ratio[3 * n + i] = 0.7 + 0.3 * mix_uniform(&s);
    }
    for (size_t c = 0; c < 2 * cells; c++) {
        double l = spread * (2.0 * mix_uniform(&s) - 1.0);
        double v = m->storage == SBI_MORPH_LOG ? l : exp(l);
        double *out = c < cells ? m->up : m->down;
        char *raw = c < cells ? m->up_raw : m->down_raw;
        const size_t i = c % cells;
        if (m->dtype == SBI_F64) {
            ((double *)(void *)raw)[i] = v;
        } else if (m->dtype == SBI_F32) {
            ((float *)(void *)raw)[i] = (float)v;
            v = (float)v;
        } else {
            ((uint16_t *)(void *)raw)[i] = mix_to_half(v);
            v = mix_from_half(mix_to_half(v));
        }
        out[i] = v;
    }
    for (size_t i = 0; i < MIX_PROCESSES * m->nuisances; i++) {
        m->norm_up[i] = exp(0.1 * (2.0 * mix_uniform(&s) - 1.0));
        m->norm_down[i] = exp(0.1 * (2.0 * mix_uniform(&s) - 1.0));
    }
    const double nu0[MIX_PROCESSES] = {30.0, 12.0, 60.0, 200.0};
    memcpy(m->nu0, nu0, sizeof nu0);
}

static inline void mix_free(mixture *m)
{
    free(m->ratio);
    free(m->weight);
    free(m->up);
    free(m->down);
    free(m->up_raw);
    free(m->down_raw);
    free(m->norm_up);
    free(m->norm_down);
}

/* Records and seals; failures come back from the seal. */
static inline sbi_status mix_record(const mixture *m, sbi_tape *t)
{
    const size_t n = (size_t)m->n, size = sbi_dtype_size(m->dtype);
    sbi_var mu = sbi_tape_param(t, "mu"), one = sbi_tape_constant(t, 1.0);
    sbi_var root = sbi_tape_sqrt(t, mu);
    sbi_var coefficient[MIX_PROCESSES] = {sbi_tape_sub(t, mu, root), root, sbi_tape_sub(t, one, root), one};
    sbi_var *alpha = calloc(m->nuisances + 1, sizeof *alpha), *used = calloc(m->nuisances + 1, sizeof *used);
    sbi_array *up = calloc(m->nuisances + 1, sizeof *up), *down = calloc(m->nuisances + 1, sizeof *down);
    char name[32];
    for (size_t k = 0; k < m->nuisances; k++) {
        snprintf(name, sizeof name, "alpha_%zu", k);
        alpha[k] = sbi_tape_param(t, name);
    }
    sbi_events events = sbi_tape_events(t, "data", m->n);
    sbi_array view = sbi_array_1d(m->weight, SBI_F64, m->n);
    sbi_var weights = sbi_tape_column(t, events, &view, "weights");
    sbi_var lambda = SBI_VAR_INVALID, total = SBI_VAR_INVALID;
    for (size_t p = 0; p < MIX_PROCESSES; p++) {
        sbi_var nu = sbi_tape_mul(t, coefficient[p], sbi_tape_constant(t, m->nu0[p]));
        size_t used_n = 0;
        for (size_t k = 0; k < m->nuisances; k++) {
            const size_t i = p * m->nuisances + k;
            nu = sbi_tape_mul(t, nu, sbi_tape_interp(t, alpha[k], m->norm_up[i], m->norm_down[i], SBI_INTERP_CODE4));
            if (!mix_has(m, p, k)) continue;
            used[used_n] = alpha[k];
            up[used_n] = sbi_array_1d((char *)m->up_raw + i * n * size, m->dtype, m->n);
            down[used_n++] = sbi_array_1d((char *)m->down_raw + i * n * size, m->dtype, m->n);
        }
        view = sbi_array_1d(m->ratio + p * n, SBI_F64, m->n);
        sbi_var term = sbi_tape_column(t, events, &view, "ratio");
        if (used_n) term = sbi_tape_mul(t, term, sbi_tape_morph(t, events, used, used_n, up, down, m->code, m->storage));
        if (m->normalise) {
            sbi_var z = sbi_tape_div(t, sbi_tape_sum(t, term), sbi_tape_constant(t, (double)m->n));
            term = sbi_tape_div(t, term, z);
        }
        term = sbi_tape_mul(t, nu, term);
        lambda = p ? sbi_tape_add(t, lambda, term) : term;
        total = p ? sbi_tape_add(t, total, nu) : nu;
    }
    sbi_var nll = sbi_tape_sub(t, total, sbi_tape_weighted_sum(t, weights, sbi_tape_log(t, lambda)));
    for (size_t k = 0; k < m->nuisances; k++)
        nll = sbi_tape_add(t, nll, sbi_tape_mul(t, sbi_tape_constant(t, 0.5), sbi_tape_square(t, alpha[k])));
    free(alpha);
    free(used);
    free(up);
    free(down);
    return sbi_tape_seal(t, nll);
}

/* ---- the same in long double, written as the textbooks do -------------------------------------------------------- */

static inline long double mix_code4(long double u, long double d, long double a)
{
    if (a > 1) return powl(u, a);
    if (a < -1) return powl(d, -a);
    const long double lu = logl(u), ld = logl(d);
    const long double S0 = (u + d) / 2, A0 = (u - d) / 2, S1 = (u * lu - d * ld) / 2, A1 = (u * lu + d * ld) / 2;
    const long double S2 = (u * lu * lu + d * ld * ld) / 2, A2 = (u * lu * lu - d * ld * ld) / 2;
    const long double c[7] = {1,
                              (15 * A0 - 7 * S1 + A2) / 8,
                              (-24 + 24 * S0 - 9 * A1 + S2) / 8,
                              (-5 * A0 + 5 * S1 - A2) / 4,
                              (12 - 12 * S0 + 7 * A1 - S2) / 4,
                              (3 * A0 - 3 * S1 + A2) / 8,
                              (-8 + 8 * S0 - 5 * A1 + S2) / 8};
    long double f = 0;
    for (int i = 6; i >= 0; i--)
        f = f * a + c[i];
    return f;
}

static inline long double mix_variation(const mixture *m, long double u, long double d, long double a)
{
    const long double s = (u + d) / 2 - 1, b = (u - d) / 2, a2 = a * a;
    switch (m->code) {
    case SBI_INTERP_CODE0: return a >= 0 ? 1 + a * (u - 1) : 1 + a * (1 - d);
    case SBI_INTERP_CODE1: return a >= 0 ? powl(u, a) : powl(d, -a);
    case SBI_INTERP_CODE2: return a > 1 ? u + (b + 2 * s) * (a - 1) : a < -1 ? d + (b - 2 * s) * (a + 1) : 1 + s * a2 + b * a;
    case SBI_INTERP_CODE4P:
        if (a > 1) return 1 + a * (u - 1);
        if (a < -1) return 1 + a * (1 - d);
        return 1 + a * b + s / 8 * a2 * (15 - 10 * a2 + 3 * a2 * a2);
    default: break;
    }
    return mix_code4(u, d, a);
}

static inline long double mix_nll(const mixture *m, const long double *theta)
{
    const size_t n = (size_t)m->n;
    const long double mu = theta[0], root = sqrtl(mu);
    const long double coefficient[MIX_PROCESSES] = {mu - root, root, 1 - root, 1};
    long double nll = 0, nu[MIX_PROCESSES], z[MIX_PROCESSES];
    long double *s = malloc(MIX_PROCESSES * n * sizeof *s + 16);
    for (size_t p = 0; p < MIX_PROCESSES; p++) {
        nu[p] = coefficient[p] * m->nu0[p];
        for (size_t k = 0; k < m->nuisances; k++) {
            const size_t i = p * m->nuisances + k;
            nu[p] *= mix_code4(m->norm_up[i], m->norm_down[i], theta[1 + k]);
        }
        nll += nu[p];
        z[p] = 0;
        for (size_t e = 0; e < n; e++) {
            s[p * n + e] = m->ratio[p * n + e];
            for (size_t k = 0; k < m->nuisances; k++) {
                if (!mix_has(m, p, k)) continue;
                const size_t i = (p * m->nuisances + k) * n + e;
                const int log = m->storage == SBI_MORPH_LOG;
                s[p * n + e] *= mix_variation(m, log ? expl(m->up[i]) : m->up[i], log ? expl(m->down[i]) : m->down[i],
                                              theta[1 + k]);
            }
            z[p] += s[p * n + e] / (long double)n;
        }
    }
    for (size_t e = 0; e < n; e++) {
        if (m->weight[e] == 0.0) continue;
        long double lambda = 0;
        for (size_t p = 0; p < MIX_PROCESSES; p++)
            lambda += nu[p] * s[p * n + e] / (m->normalise ? z[p] : 1);
        nll -= m->weight[e] * logl(lambda);
    }
    for (size_t k = 0; k < m->nuisances; k++)
        nll += theta[1 + k] * theta[1 + k] / 2;
    free(s);
    return nll;
}

/* Fourth-order central differences. */
static inline long double mix_slope(const mixture *m, const double *theta, size_t j)
{
    long double x[64], h = 1e-3L;
    ck_assert(m->params <= 64);
    for (size_t i = 0; i < m->params; i++)
        x[i] = theta[i];
    long double f[4];
    const int step[4] = {-2, -1, 1, 2};
    for (int i = 0; i < 4; i++) {
        x[j] = theta[j] + step[i] * h;
        f[i] = mix_nll(m, x);
    }
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

/* A point with |alpha| below and above 1, never at a kink of the differences. */
static inline void mix_point(const mixture *m, int which, double *theta)
{
    uint64_t s = 99 + (uint64_t)which;
    theta[0] = 0.7 + 0.3 * which;
    for (size_t k = 0; k < m->nuisances; k++)
    {
        double a = (which == 0 ? 0.3 : 3.4) * (mix_uniform(&s) - 0.5);
        if (fabs(a) < 0.01) a += 0.02; /* code 1 has its kink at 0, code 4 jumps in its third derivative at 1 */
        if (fabs(fabs(a) - 1.0) < 0.01) a *= 1.03;
        theta[1 + k] = a;
    }
}

#endif
