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

/* ---- exponents ------------------------------------------------------------------------------------------------- */

/* u^alpha (or d^-alpha): exponent += a ln u, phi = +- ln u. */
SBI_INLINE void exponential(const char *p, double a, double sign, int type, int ratio, size_t n, double *exponent, double *phi)
{
    const vd va = splat(a), vsign = splat(sign);
    for (size_t i = 0; i < n; i += VLEN) {
        vd x = read_d(p, i, type);
        if (ratio) x = vlog(x);
        store(exponent + i, madd(va, x, load(exponent + i)));
        if (phi) store(phi + i, vsign * x);
    }
}

static void exponential_any(const char *p, double a, double sign, int type, int ratio, size_t n, double *exponent,
                            double *phi)
{
    switch (type * 2 + ratio) {
    case SBI_READ_F16 * 2: exponential(p, a, sign, SBI_READ_F16, 0, n, exponent, phi); break;
    case SBI_READ_F16 * 2 + 1: exponential(p, a, sign, SBI_READ_F16, 1, n, exponent, phi); break;
    case SBI_READ_F32 * 2: exponential(p, a, sign, SBI_READ_F32, 0, n, exponent, phi); break;
    case SBI_READ_F32 * 2 + 1: exponential(p, a, sign, SBI_READ_F32, 1, n, exponent, phi); break;
    case SBI_READ_F64 * 2: exponential(p, a, sign, SBI_READ_F64, 0, n, exponent, phi); break;
    case SBI_READ_F64 * 2 + 1: exponential(p, a, sign, SBI_READ_F64, 1, n, exponent, phi); break;
    default: break;
    }
}

/* ---- the product ----------------------------------------------------------------------------------------------- */

static int type_of(const sbi_morph_job *job, int8_t direct)
{
    return job->valid == job->n && direct >= 0 ? direct : SBI_READ_F64;
}

/* The chunk of a column as `type`: in place where it is that, else converted into `row`, as doubles. */
static const char *view(const sbi_morph_job *job, const sbi_tape_column_data *column, const char *leaf, int8_t direct, int type,
                        double *row)
{
    if (job->valid == job->n && direct == type) return leaf + (size_t)job->offset * read_size[type];
    SBI_ISA(sbi_tape_load)(row, column, job->first, job->valid, job->n);
    if (!job->log_stored)
        for (size_t i = job->valid; i < job->n; i++)
            row[i] = 1.0;
    return (const char *)row;
}

/* Columns come from hundreds of streams, too many for the processor's prefetchers to follow. So each group asks for what the next one
 * will read; the last, for what the first will read of the next chunk. */
static void find_next(const sbi_morph_job *job, sbi_factor_group *group, size_t step)
{
    const size_t offset = step < job->n_factors ? job->offset : job->next;
    if (step >= job->n_factors) step = 0;
    for (size_t f = 0; f < SBI_FACTOR_GROUP; f++) {
        const sbi_morph_step *s = job->steps + (step + f < job->n_factors ? step + f : step);
        group->next[2 * f] = s->up + offset * read_size[type_of(job, s->up_type)];
        group->next[2 * f + 1] = s->down + offset * read_size[type_of(job, s->down_type)];
    }
}

/* A factor that is 1, to fill up a group. */
static const sbi_morph_factor unity = {.mode = SBI_FACTOR_POLYNOMIAL, .in_single = 1};

/* Steps of one kind, SBI_FACTOR_GROUP at most, the last with the largest range. */
static void run_group(const sbi_morph_job *job, size_t first, size_t count)
{
    const sbi_morph_step *steps = job->steps + first;
    double *const unused = job->scratch + 2 * SBI_FACTOR_GROUP * job->row;
    sbi_factor_group group = {.range = steps[count - 1].range};
    group.type = type_of(job, steps[0].up_type);
    for (size_t f = 0; f < count; f++)
        if (type_of(job, steps[f].up_type) != group.type || type_of(job, steps[f].down_type) != group.type) group.type = SBI_READ_F64;
    find_next(job, &group, first + count);
    for (size_t f = 0; f < SBI_FACTOR_GROUP; f++) {
        if (f >= count) { /* any numbers will do */
            group.factor[f] = &unity;
            group.up[f] = group.up[0];
            group.down[f] = group.down[0];
            group.phi[f] = unused;
            group.chi[f] = unused + job->row;
            continue;
        }
        const sbi_morph_step *s = steps + f;
        const size_t k = s->factor;
        double *const rows = job->scratch + 2 * f * job->row;
        group.factor[f] = job->factors + k;
        group.up[f] = view(job, job->up + k, s->up, s->up_type, group.type, rows);
        group.down[f] = view(job, job->down + k, s->down, s->down_type, group.type, rows + job->row);
        if (job->order > 0) group.phi[f] = job->phi + k * job->row;
        if (job->order > 1) group.chi[f] = job->chi + k * job->row;
    }
    if (steps[0].kind == SBI_STEP_SINGLE)
        SBI_ISA(sbi_tape_factors_single)(&group, job->order, job->n, job->y);
    else
        SBI_ISA(sbi_tape_factors)(&group, job->order, job->n, job->y);
}

/* The factors whose logarithms are added: they stand last. */
static void run_exponents(const sbi_morph_job *job, size_t first)
{
    double *exponent = job->scratch, *converted = exponent + job->row;
    memset(exponent, 0, job->n * sizeof *exponent);
    for (const sbi_morph_step *s = job->steps + first; s < job->steps + job->n_factors; s++) {
        const size_t k = s->factor;
        const int is_up = job->factors[k].mode == SBI_FACTOR_UP;
        const sbi_tape_column_data *column = (is_up ? job->up : job->down) + k;
        const int8_t direct = is_up ? s->up_type : s->down_type;
        const int type = type_of(job, direct);
        const char *p = view(job, column, is_up ? s->up : s->down, direct, type, converted);
        exponential_any(p, is_up ? job->factors[k].alpha : -job->factors[k].alpha, is_up ? 1.0 : -1.0, type, !job->log_stored,
                        job->n, exponent, job->order > 0 ? job->phi + k * job->row : NULL);
        if (job->order > 1) memset(job->chi + k * job->row, 0, job->n * sizeof *job->chi);
    }
    for (size_t i = 0; i < job->n; i += VLEN)
        store(job->y + i, load(job->y + i) * vexp(load(exponent + i)));
}

void SBI_ISA(sbi_tape_morph)(const sbi_morph_job *job)
{
    for (size_t i = 0; i < job->n; i++)
        job->y[i] = 1.0;
    size_t s = 0;
    while (s < job->n_factors && job->steps[s].kind != SBI_STEP_EXPONENT) {
        size_t count = 1;
        while (count < SBI_FACTOR_GROUP && s + count < job->n_factors && job->steps[s + count].kind == job->steps[s].kind)
            count++;
        run_group(job, s, count);
        s += count;
    }
    if (s < job->n_factors) run_exponents(job, s);
}
