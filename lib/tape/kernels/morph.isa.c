/* SPDX-License-Identifier: Apache-2.0 */
/* Wide operations: the product of many per-event variations, with its logarithmic derivatives. */
#include "sbi/array.h"
#include "tape/kernels/exp_log.h"
#include "tape/kernels/table.h"

/* ---- loading --------------------------------------------------------------------------------------------------- */

SBI_INLINE float half_value(uint16_t h)
{
    uint32_t magnitude = (uint32_t)(h & 0x7fffu) << 13, sign = (uint32_t)(h & 0x8000u) << 16, bits;
    float f;
    memcpy(&f, &magnitude, sizeof f);
    f *= 0x1p112f;
    memcpy(&bits, &f, sizeof bits);
    bits |= sign;
    memcpy(&f, &bits, sizeof f);
    return f;
}

#define GATHER(type, convert)                                                                                          \
    for (size_t i = 0; i < valid; i++, p += column->stride) {                                                          \
        type element;                                                                                                  \
        memcpy(&element, p, sizeof element);                                                                           \
        out[i] = (double)convert(element);                                                                             \
    }                                                                                                                  \
    break

void SBI_ISA(sbi_tape_load)(double *out, const sbi_tape_column_data *column, int64_t first, size_t valid, size_t n)
{
    const char *p = sbi_column_at(column, first);
    for (size_t i = valid; i < n; i++)
        out[i] = 0.0;
    if (column->contiguous && column->dtype == SBI_F64) {
        memcpy(out, p, valid * sizeof *out);
        return;
    }
    if (column->contiguous && column->dtype == SBI_F32) {
        const float *f = (const float *)(const void *)p;
        for (size_t i = 0; i < valid; i++)
            out[i] = (double)f[i];
        return;
    }
    switch (column->dtype) {
    case SBI_F16: GATHER(uint16_t, half_value);
    case SBI_F32: GATHER(float, );
    case SBI_F64: GATHER(double, );
    case SBI_I8: GATHER(int8_t, );
    case SBI_I16: GATHER(int16_t, );
    case SBI_I32: GATHER(int32_t, );
    case SBI_I64: GATHER(int64_t, );
    case SBI_U8: GATHER(uint8_t, );
    case SBI_U16: GATHER(uint16_t, );
    case SBI_U32: GATHER(uint32_t, );
    case SBI_U64: GATHER(uint64_t, );
    default: break;
    }
}

/* ---- one factor ------------------------------------------------------------------------------------------------ */

/* How the two columns of a factor are read: logarithms of what range, or ratios. */
enum { AS_SMALL = SBI_RANGE_SMALL, AS_MEDIUM = SBI_RANGE_MEDIUM, AS_FULL = SBI_RANGE_FULL, AS_RATIO };

SBI_INLINE vd read_entry(const char *p, size_t i, int type)
{
    if (type == READ_F16) return load_f16((const uint16_t *)(const void *)p + i);
    if (type == READ_F32) return load_f32((const float *)(const void *)p + i);
    vd v;
    memcpy(&v, p + 8 * i, sizeof v);
    return v;
}

/* x = ln u and m = u - 1. */
SBI_INLINE void side(vd raw, int as, vd *x, vd *m)
{
    *x = raw;
    if (as == AS_SMALL) {
        *m = expm1_small(raw);
    } else if (as == AS_MEDIUM) {
        *m = expm1_medium(raw);
    } else if (as == AS_FULL) {
        *m = vexp(raw) - 1.0;
    } else {
        *m = raw - 1.0;
        *x = vlog(raw);
    }
}

/* g = 1 + c0 (u-1) + u ln u (c1 + c2 ln u) + the same for d; g1 and g2 likewise with their coefficients. */
SBI_INLINE void polynomial(const char *up, const char *down, const double (*c)[6], int type, int as, int order, size_t n,
                           double *g, double *g1, double *g2)
{
    double *out[3] = {g, g1, g2};
    vd k[3][6];
    for (int o = 0; o <= order; o++)
        for (int j = 0; j < 6; j++)
            k[o][j] = splat(c[o][j]);
    for (size_t i = 0; i < n; i += VLEN) {
        vd x, z, mu, md;
        side(read_entry(up, i, type), as, &x, &mu);
        side(read_entry(down, i, type), as, &z, &md);
        vd ux = madd(mu, x, x), dz = madd(md, z, z); /* u ln u = (u-1) ln u + ln u */
        for (int o = 0; o <= order; o++) {
            vd v = madd(ux, madd(k[o][2], x, k[o][1]), dz * madd(k[o][5], z, k[o][4]));
            v = madd(k[o][0], mu, madd(k[o][3], md, v));
            store(out[o] + i, o == 0 ? 1.0 + v : v);
        }
    }
}

#define POLYNOMIAL_CASE(type, as, order)                                                                               \
    case ((type)*4 + (as)) * 3 + (order): polynomial(up, down, c, type, as, order, n, g, g1, g2); break;
#define POLYNOMIAL_ORDERS(type, as)                                                                                    \
    POLYNOMIAL_CASE(type, as, 0) POLYNOMIAL_CASE(type, as, 1) POLYNOMIAL_CASE(type, as, 2)
#define POLYNOMIAL_TYPE(type)                                                                                          \
    POLYNOMIAL_ORDERS(type, AS_SMALL)                                                                                  \
    POLYNOMIAL_ORDERS(type, AS_MEDIUM) POLYNOMIAL_ORDERS(type, AS_FULL) POLYNOMIAL_ORDERS(type, AS_RATIO)

static void polynomial_any(const char *up, const char *down, const double (*c)[6], int type, int as, int order, size_t n,
                           double *g, double *g1, double *g2)
{
    switch ((type * 4 + as) * 3 + order) {
        POLYNOMIAL_TYPE(READ_F16)
        POLYNOMIAL_TYPE(READ_F32)
        POLYNOMIAL_TYPE(READ_F64)
    default: break;
    }
}

/* u^alpha (or d^-alpha): exponent += a ln u, phi = +- ln u. */
SBI_INLINE void exponential(const char *p, double a, double sign, int type, int as, size_t n, double *exponent, double *phi)
{
    const vd va = splat(a), vsign = splat(sign);
    for (size_t i = 0; i < n; i += VLEN) {
        vd x = read_entry(p, i, type);
        if (as == AS_RATIO) x = vlog(x);
        store(exponent + i, madd(va, x, load(exponent + i)));
        if (phi) store(phi + i, vsign * x);
    }
}

static void exponential_any(const char *p, double a, double sign, int type, int as, size_t n, double *exponent,
                            double *phi)
{
    switch (type * 2 + (as == AS_RATIO)) {
    case READ_F16 * 2: exponential(p, a, sign, READ_F16, AS_FULL, n, exponent, phi); break;
    case READ_F16 * 2 + 1: exponential(p, a, sign, READ_F16, AS_RATIO, n, exponent, phi); break;
    case READ_F32 * 2: exponential(p, a, sign, READ_F32, AS_FULL, n, exponent, phi); break;
    case READ_F32 * 2 + 1: exponential(p, a, sign, READ_F32, AS_RATIO, n, exponent, phi); break;
    case READ_F64 * 2: exponential(p, a, sign, READ_F64, AS_FULL, n, exponent, phi); break;
    case READ_F64 * 2 + 1: exponential(p, a, sign, READ_F64, AS_RATIO, n, exponent, phi); break;
    default: break;
    }
}

/* Multiplies four factors into y and divides their derivatives by them with a single division. */
SBI_INLINE void finish(double *const *g, double *const *phi, double *const *chi, int order, size_t n, double *y)
{
    for (size_t i = 0; i < n; i += VLEN) {
        vd a = load(g[0] + i), b = load(g[1] + i), c = load(g[2] + i), d = load(g[3] + i);
        vd ab = a * b, cd = c * d, all = ab * cd;
        store(y + i, load(y + i) * all);
        if (order == 0) continue;
        vd inverse = 1.0 / all, inverse_ab = inverse * cd, inverse_cd = inverse * ab;
        vd inv[4] = {inverse_ab * b, inverse_ab * a, inverse_cd * d, inverse_cd * c};
        for (int k = 0; k < 4; k++) {
            vd f = load(phi[k] + i) * inv[k];
            store(phi[k] + i, f);
            if (order > 1) store(chi[k] + i, load(chi[k] + i) * inv[k] - f * f);
        }
    }
}

/* ---- the product ----------------------------------------------------------------------------------------------- */

static int direct_type(const sbi_tape_column_data *column)
{
    if (!column->contiguous) return -1;
    switch (column->dtype) {
    case SBI_F16: return READ_F16;
    case SBI_F32: return READ_F32;
    case SBI_F64: return READ_F64;
    default: return -1;
    }
}

/* The chunk of a column as something polynomial() can read: in place where possible, else converted into `row`. */
static const char *view(const sbi_morph_job *job, const sbi_tape_column_data *column, int wanted, double *row, int *type)
{
    *type = job->valid == job->n ? direct_type(column) : -1;
    if (*type >= 0 && (wanted < 0 || wanted == *type)) return sbi_column_at(column, job->first);
    SBI_ISA(sbi_tape_load)(row, column, job->first, job->valid, job->n);
    if (!job->log_stored)
        for (size_t i = job->valid; i < job->n; i++)
            row[i] = 1.0;
    *type = READ_F64;
    return (const char *)row;
}

static int range_of(const sbi_morph_job *job, const sbi_tape_column_data *column)
{
    return job->log_stored ? column->range[job->first / SBI_TAPE_LEAF] : AS_RATIO;
}

/* Columns come from hundreds of streams, too many for the processor's prefetchers to follow. Where a chunk reads short pieces, what
 * the next chunk will read of the column is asked for, which lies in the same page; where pieces are long enough to fill the
 * second-level cache with those of the next chunk, the columns of the factors that come next in this one. Both were measured. */
#define PREFETCH_PIECE 512
#define PREFETCH_FACTORS 4

SBI_INLINE void prefetch_column(const sbi_morph_job *job, const sbi_tape_column_data *column, const sbi_tape_column_data *later)
{
    const size_t size = (size_t)column->stride;
    if (!column->contiguous) return;
    if (job->n * size <= PREFETCH_PIECE) {
        const char *p = sbi_column_at(column, job->first + (int64_t)job->n);
        for (size_t i = 0; i < job->ahead * size; i += 64)
            __builtin_prefetch(p + i, 0, 2);
    } else if (later && later->contiguous) {
        const char *p = sbi_column_at(later, job->first);
        for (size_t i = 0; i < job->valid * (size_t)later->stride; i += 64)
            __builtin_prefetch(p + i);
    }
}

SBI_INLINE void prefetch(const sbi_morph_job *job, size_t k)
{
    const size_t next = k + PREFETCH_FACTORS;
    const int more = next < job->n_factors;
    if (job->factors[k].mode != SBI_FACTOR_DOWN) prefetch_column(job, job->up + k, more ? job->up + next : NULL);
    if (job->factors[k].mode != SBI_FACTOR_UP) prefetch_column(job, job->down + k, more ? job->down + next : NULL);
}

void SBI_ISA(sbi_tape_morph)(const sbi_morph_job *job)
{
    const size_t n = job->n, row = job->row;
    double *up_row = job->scratch, *down_row = up_row + row, *exponent = down_row + row, *ones = exponent + row;
    double *g_rows = ones + row, *dummy = g_rows + 4 * row;
    double *g[4], *phi[4], *chi[4];
    int pending = 0, exponentials = 0;
    for (size_t i = 0; i < n; i++) {
        job->y[i] = 1.0;
        exponent[i] = 0.0;
        ones[i] = 1.0;
        dummy[i] = 0.0;
    }
    for (size_t k = 0; k <= job->n_factors; k++) {
        if (pending == 4 || (k == job->n_factors && pending)) {
            for (; pending < 4; pending++) {
                g[pending] = ones;
                phi[pending] = chi[pending] = dummy;
            }
            if (job->order == 0)
                finish(g, phi, chi, 0, n, job->y);
            else if (job->order == 1)
                finish(g, phi, chi, 1, n, job->y);
            else
                finish(g, phi, chi, 2, n, job->y);
            pending = 0;
        }
        if (k == job->n_factors) break;
        const sbi_morph_factor *f = job->factors + k;
        prefetch(job, k);
        double *phi_row = job->order > 0 ? job->phi + k * row : NULL;
        double *chi_row = job->order > 1 ? job->chi + k * row : NULL;
        if (f->mode == SBI_FACTOR_POLYNOMIAL) {
            int type_up, type_down;
            const char *up = view(job, job->up + k, -1, up_row, &type_up);
            const char *down = view(job, job->down + k, type_up, down_row, &type_down);
            if (type_up != type_down) up = view(job, job->up + k, READ_F64, up_row, &type_up);
            int as = range_of(job, job->up + k), as_down = range_of(job, job->down + k);
            if (as_down > as) as = as_down;
            if (f->in_single && as <= AS_MEDIUM) {
                SBI_ISA(sbi_tape_factor_single)(f, up, down, type_up, as, job->order, n, job->y, phi_row, chi_row);
                continue;
            }
            g[pending] = g_rows + (size_t)pending * row;
            phi[pending] = phi_row;
            chi[pending] = chi_row;
            polynomial_any(up, down, f->c, type_up, as, job->order, n, g[pending], phi_row, chi_row);
            pending++;
        } else {
            const int is_up = f->mode == SBI_FACTOR_UP;
            const sbi_tape_column_data *column = (is_up ? job->up : job->down) + k;
            int type;
            const char *p = view(job, column, -1, up_row, &type);
            exponential_any(p, is_up ? f->alpha : -f->alpha, is_up ? 1.0 : -1.0, type,
                            job->log_stored ? AS_FULL : AS_RATIO, n, exponent, phi_row);
            if (chi_row) memset(chi_row, 0, n * sizeof *chi_row);
            exponentials = 1;
        }
    }
    if (exponentials)
        for (size_t i = 0; i < n; i += VLEN)
            store(job->y + i, load(job->y + i) * vexp(load(exponent + i)));
}
