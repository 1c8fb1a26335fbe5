/* SPDX-License-Identifier: Apache-2.0 */
#include "io/column.h"

#include <math.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "base/error.h"
#include "base/log.h"
#include "base/pool.h"

/* Values that a thread checks at once. */
#define BLOCK_VALUES 262144

float sbi_half_to_float(uint16_t half)
{
#ifdef __F16C__
    return _cvtsh_ss(half);
#else
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3ffu, bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else {
        /* Zero and subnormals: fraction times 2^-24, exact. */
        float value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
#endif
}

uint16_t sbi_half_from_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 48 & 0x8000u);
    bits &= INT64_MAX;
    const uint64_t infinity = 0x7ffull << 52;
    if (bits > infinity) return (uint16_t)(sign | 0x7e00u);
    if (bits >= 0x40effe0000000000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and more */
    const int exponent = (int)(bits >> 52) - 1023;
    uint64_t value; /* with the bits of the half above bit `shift` */
    int shift = 42;
    if (exponent >= -14) {
        value = bits - ((uint64_t)(1023 - 15) << 52);
    } else {
        shift += -14 - exponent;
        if (shift > 54) return sign;
        value = (bits & 0xfffffffffffffu) | (1ull << 52);
    }
    const uint64_t odd = value >> shift & 1, half = 1ull << (shift - 1);
    return (uint16_t)(sign | (uint16_t)((value + half - 1 + odd) >> shift));
}

/* X(dtype, C type, conversion of a value) */
#define FOR_EACH_TYPE(X)                                                                                               \
    X(SBI_F16, uint16_t, sbi_half_to_float)                                                                            \
    X(SBI_F32, float, )                                                                                                \
    X(SBI_F64, double, )                                                                                               \
    X(SBI_I8, int8_t, )                                                                                                \
    X(SBI_I16, int16_t, )                                                                                              \
    X(SBI_I32, int32_t, )                                                                                              \
    X(SBI_I64, int64_t, )                                                                                              \
    X(SBI_U8, uint8_t, )                                                                                               \
    X(SBI_U16, uint16_t, )                                                                                             \
    X(SBI_U32, uint32_t, )                                                                                             \
    X(SBI_U64, uint64_t, )

double sbi_element_f64(const void *p, int32_t dtype)
{
#define CASE(D, T, F)                                                                                                  \
    case D: {                                                                                                          \
        T v;                                                                                                           \
        memcpy(&v, p, sizeof v);                                                                                       \
        return (double)F(v);                                                                                           \
    }
    switch (dtype) {
        FOR_EACH_TYPE(CASE)
    default: return NAN;
    }
#undef CASE
}

/* memcpy of one element compiles to a plain load, and allows any alignment. */
#define READ_LOOP                                                                                                      \
    const unsigned char *p = (const unsigned char *)a->data + first * a->strides[0];                                   \
    const int64_t stride = a->strides[0];                                                                              \
    switch (a->dtype) {                                                                                                \
        FOR_EACH_TYPE(READ_CASE)                                                                                       \
    }
#define READ_CASE(D, T, F)                                                                                             \
    case D:                                                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            T v;                                                                                                       \
            memcpy(&v, p + i * stride, sizeof v);                                                                      \
            out[i] = (OUT_TYPE)F(v);                                                                                   \
        }                                                                                                              \
        break;

void sbi_column_read_f64(const sbi_array *a, int64_t first, int64_t n, double *out)
{
#define OUT_TYPE double
    READ_LOOP
#undef OUT_TYPE
}

void sbi_column_read_f32(const sbi_array *a, int64_t first, int64_t n, float *out)
{
#define OUT_TYPE float
    READ_LOOP
#undef OUT_TYPE
}

void sbi_rows_read_f32(const sbi_array *a, int64_t first, int64_t n, float *out)
{
    int64_t columns = a->shape[1];
    int64_t size = (int64_t)sbi_dtype_size(a->dtype);
    if (a->dtype == SBI_F32 && a->strides[1] == size && a->strides[0] == columns * size) {
        memcpy(out, (const unsigned char *)a->data + first * a->strides[0], (size_t)(n * columns * size));
        return;
    }
    sbi_array row = *a;
    row.ndim = 1;
    row.shape[0] = columns;
    row.strides[0] = a->strides[1];
    for (int64_t i = 0; i < n; i++) {
        row.data = (const unsigned char *)a->data + (first + i) * a->strides[0];
        sbi_column_read_f32(&row, 0, columns, out + i * columns);
    }
}

sbi_status sbi_column_check_shape(const sbi_array *a, int32_t ndim, const char *name)
{
    SBI_REQUIRE(a, "%s: the array is NULL", name);
    if (!sbi_dtype_size(a->dtype)) return sbi_fail(SBI_ERR_SHAPE, "%s: %d is not an element type", name, (int)a->dtype);
    if (a->ndim != ndim)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %d dimensions expected, %d found", name, (int)ndim, (int)a->ndim);
    int64_t size = 1;
    for (int32_t i = 0; i < ndim; i++) {
        if (a->shape[i] < 0 || __builtin_mul_overflow(size, a->shape[i], &size))
            return sbi_fail(SBI_ERR_SHAPE, "%s: dimension %d is %lld", name, (int)i, (long long)a->shape[i]);
    }
    SBI_REQUIRE(a->data || size == 0, "%s: the array's data is NULL", name);
    return SBI_OK;
}

typedef struct finite_check {
    sbi_context *ctx;
    const sbi_array *a;
    const char *name;
    int64_t rows; /* a block */
} finite_check;

static int is_float(int32_t dtype)
{
    return dtype == SBI_F16 || dtype == SBI_F32 || dtype == SBI_F64;
}

/* Whether any of n neighbouring values has an exponent of all ones, which is NaN or infinity. Adding the exponent's
 * last bit to the exponent then carries into the sign bit. Sixteen at a time, a number that compilers make vectors of.
 */
#define ANY_NOT_FINITE(NAME, T, EXPONENT, CARRY)                                                                       \
    static int NAME(const unsigned char *p, int64_t n)                                                                 \
    {                                                                                                                  \
        T lane[16] = {0}, x[16];                                                                                       \
        int64_t i = 0;                                                                                                 \
        for (; i + 16 <= n; i += 16) {                                                                                 \
            memcpy(x, p + (size_t)i * sizeof(T), sizeof x);                                                            \
            for (int k = 0; k < 16; k++) lane[k] = (T)(lane[k] | (T)((x[k] & EXPONENT) + CARRY));                      \
        }                                                                                                              \
        memset(x, 0, sizeof x);                                                                                        \
        memcpy(x, p + (size_t)i * sizeof(T), (size_t)(n - i) * sizeof(T));                                             \
        T any = 0;                                                                                                     \
        for (int k = 0; k < 16; k++) any = (T)(any | lane[k] | (T)((x[k] & EXPONENT) + CARRY));                        \
        return any >> (8 * sizeof(T) - 1) != 0;                                                                        \
    }
ANY_NOT_FINITE(any_not_finite_16, uint16_t, 0x7c00u, 0x0400u)
ANY_NOT_FINITE(any_not_finite_32, uint32_t, 0x7f800000u, 0x00800000u)
ANY_NOT_FINITE(any_not_finite_64, uint64_t, 0x7ff0000000000000u, 0x0010000000000000u)

static int any_not_finite(const unsigned char *p, int32_t dtype, int64_t n)
{
    switch (dtype) {
    case SBI_F16: return any_not_finite_16(p, n);
    case SBI_F32: return any_not_finite_32(p, n);
    default: return any_not_finite_64(p, n);
    }
}

static sbi_status fail_value(const finite_check *c, int64_t row, int64_t column, double v)
{
    const char *what = isnan(v) ? "NaN" : v > 0 ? "infinity" : "-infinity";
    if (c->a->ndim == 2)
        return sbi_fail(SBI_ERR_VALUE, "%s: row %lld, column %lld: value is %s", c->name, (long long)row,
                        (long long)column, what);
    return sbi_fail(SBI_ERR_VALUE, "%s: row %lld: value is %s", c->name, (long long)row, what);
}

static sbi_status check_block(void *arg, size_t block)
{
    const finite_check *c = arg;
    const sbi_array *a = c->a;
    SBI_TRY(sbi_check_cancel(c->ctx, c->name));
    int64_t columns = a->ndim == 2 ? a->shape[1] : 1, across = a->ndim == 2 ? a->strides[1] : 0;
    int64_t size = (int64_t)sbi_dtype_size(a->dtype), first = (int64_t)block * c->rows, n = c->rows;
    if (n > a->shape[0] - first) n = a->shape[0] - first;
    int row_together = columns == 1 || across == size;
    /* Where the values lie side by side, a quick look tells whether one has to be searched for. */
    if (row_together && a->strides[0] == columns * size &&
        !any_not_finite((const unsigned char *)a->data + first * a->strides[0], a->dtype, n * columns))
        return SBI_OK;
    for (int64_t i = first; i < first + n; i++) {
        const unsigned char *row = (const unsigned char *)a->data + i * a->strides[0];
        if (row_together && columns > 1 && !any_not_finite(row, a->dtype, columns)) continue;
        for (int64_t j = 0; j < columns; j++) {
            double v = sbi_element_f64(row + j * across, a->dtype);
            if (!isfinite(v)) return fail_value(c, i, j, v);
        }
    }
    return SBI_OK;
}

sbi_status sbi_column_check_finite(sbi_context *ctx, const sbi_array *a, const char *name)
{
    int64_t columns = a->ndim == 2 ? a->shape[1] : 1;
    if (!is_float(a->dtype) || a->shape[0] == 0 || columns == 0) return SBI_OK;
    int64_t rows = BLOCK_VALUES / columns;
    finite_check c = {ctx, a, name, rows < 1 ? 1 : rows};
    return sbi_parallel_for(ctx, (size_t)((a->shape[0] - 1) / c.rows + 1), check_block, &c);
}
