/* SPDX-License-Identifier: Apache-2.0 */
#include "io/column.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"

#define BLOCK_ROWS 65536

float sbi_half_to_float(uint16_t half)
{
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
#define READ(OUT)                                                                                                      \
    const unsigned char *p = (const unsigned char *)a->data + first * a->strides[0];                                   \
    const int64_t stride = a->strides[0];                                                                              \
    switch (a->dtype) { FOR_EACH_TYPE(READ_CASE) }
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
    READ(out)
#undef OUT_TYPE
}

void sbi_column_read_f32(const sbi_array *a, int64_t first, int64_t n, float *out)
{
#define OUT_TYPE float
    READ(out)
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
    const sbi_array *a;
    const char *name;
} finite_check;

static int is_float(int32_t dtype)
{
    return dtype == SBI_F16 || dtype == SBI_F32 || dtype == SBI_F64;
}

static sbi_status check_block(void *arg, size_t block)
{
    const finite_check *c = arg;
    const sbi_array *a = c->a;
    int64_t columns = a->ndim == 2 ? a->shape[1] : 1;
    int64_t first = (int64_t)block * BLOCK_ROWS, last = first + BLOCK_ROWS;
    if (last > a->shape[0]) last = a->shape[0];
    for (int64_t i = first; i < last; i++) {
        const unsigned char *row = (const unsigned char *)a->data + i * a->strides[0];
        for (int64_t j = 0; j < columns; j++) {
            double v = sbi_element_f64(row + (a->ndim == 2 ? j * a->strides[1] : 0), a->dtype);
            if (isfinite(v)) continue;
            if (a->ndim == 2)
                return sbi_fail(SBI_ERR_VALUE, "%s: row %lld, column %lld: value is %g", c->name, (long long)i,
                                (long long)j, v);
            return sbi_fail(SBI_ERR_VALUE, "%s: row %lld: value is %g", c->name, (long long)i, v);
        }
    }
    return SBI_OK;
}

sbi_status sbi_column_check_finite(sbi_context *ctx, const sbi_array *a, const char *name)
{
    if (!is_float(a->dtype) || a->shape[0] == 0) return SBI_OK;
    finite_check c = {a, name};
    return sbi_parallel_for(ctx, (size_t)((a->shape[0] + BLOCK_ROWS - 1) / BLOCK_ROWS), check_block, &c);
}
