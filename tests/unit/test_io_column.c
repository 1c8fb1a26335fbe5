/* SPDX-License-Identifier: Apache-2.0 */
/* Element access of any type and stride, half floats, and the search for NaN and infinity. */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/column.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static sbi_context *ctx;

static void set_up(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 3;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
}

START_TEST(every_half_float)
{
    for (uint32_t h = 0; h < 65536; h++) {
        int sign = h >> 15 ? -1 : 1, exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
        float found = sbi_half_to_float((uint16_t)h);
        if (exponent == 31 && fraction) {
            ck_assert(isnan(found));
            continue;
        }
        /* IEEE 754-2008, binary16: the definition itself. */
        double wanted = exponent == 31 ? INFINITY
                        : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                       : ldexp(fraction, -24);
        ck_assert_double_eq((double)found, sign * wanted);
        ck_assert_int_eq(signbit(found) != 0, sign < 0);
    }
}
END_TEST

START_TEST(strided_columns)
{
    /* Odd strides, backwards, and not aligned, from a packed record {int8, float, int16}. */
    unsigned char records[7 * 100];
    for (int i = 0; i < 100; i++) {
        int8_t a = (int8_t)(i - 50);
        float b = (float)i / 4;
        int16_t c = (int16_t)(300 * (i - 50));
        memcpy(records + 7 * i, &a, 1);
        memcpy(records + 7 * i + 1, &b, 4);
        memcpy(records + 7 * i + 5, &c, 2);
    }
    sbi_array a = sbi_array_1d(records, SBI_I8, 100), b = sbi_array_1d(records + 1, SBI_F32, 100),
              c = sbi_array_1d(records + 7 * 99 + 5, SBI_I16, 100);
    a.strides[0] = b.strides[0] = 7;
    c.strides[0] = -7;
    double d[100];
    float f[100];
    sbi_column_read_f64(&a, 10, 50, d);
    for (int i = 0; i < 50; i++) ck_assert_double_eq(d[i], i + 10 - 50);
    sbi_column_read_f32(&b, 0, 100, f);
    for (int i = 0; i < 100; i++) ck_assert_float_eq(f[i], (float)i / 4);
    sbi_column_read_f64(&c, 0, 100, d);
    for (int i = 0; i < 100; i++) ck_assert_double_eq(d[i], 300 * (49 - i));
    ck_assert_int_eq(sbi_column_check_finite(ctx, &b, "b"), SBI_OK);
    /* One value for all rows. */
    b.strides[0] = 0;
    sbi_column_read_f64(&b, 5, 20, d);
    for (int i = 0; i < 20; i++) ck_assert_double_eq(d[i], 0);
    sbi_column_read_f64(&b, 100, 0, NULL);
}
END_TEST

START_TEST(rows_of_tables)
{
    float x[5][3], out[9];
    int32_t t[3][5];
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 3; j++) {
            x[i][j] = (float)(10 * i + j);
            t[j][i] = 10 * i + j;
        }
    }
    sbi_array a = sbi_array_2d(x, SBI_F32, 5, 3), b = sbi_array_2d(t, SBI_I32, 5, 3);
    b.strides[0] = 4;
    b.strides[1] = 20;
    for (int k = 0; k < 2; k++) {
        memset(out, 0, sizeof out);
        sbi_rows_read_f32(k ? &b : &a, 2, 3, out);
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) ck_assert_float_eq(out[3 * i + j], (float)(10 * (i + 2) + j));
        }
    }
}
END_TEST

START_TEST(shapes)
{
    float x[6] = {0};
    sbi_array a = sbi_array_1d(x, SBI_F32, 6);
    ck_assert_int_eq(sbi_column_check_shape(&a, 1, "w"), SBI_OK);
    ck_assert_int_eq(sbi_column_check_shape(&a, 2, "w"), SBI_ERR_SHAPE);
    ck_assert_str_eq(sbi_last_error(), "w: 2 dimensions expected, 1 found");
    ck_assert_int_eq(sbi_column_check_shape(NULL, 1, "w"), SBI_ERR_ARGUMENT);
    a.shape[0] = -1;
    ck_assert_int_eq(sbi_column_check_shape(&a, 1, "w"), SBI_ERR_SHAPE);
    a = sbi_array_1d(NULL, SBI_F32, 6);
    ck_assert_int_eq(sbi_column_check_shape(&a, 1, "w"), SBI_ERR_ARGUMENT);
    a = sbi_array_1d(NULL, SBI_F32, 0);
    ck_assert_int_eq(sbi_column_check_shape(&a, 1, "w"), SBI_OK);
    a = sbi_array_1d(x, 12, 6);
    ck_assert_int_eq(sbi_column_check_shape(&a, 1, "w"), SBI_ERR_SHAPE);
    ck_assert_uint_eq(sbi_dtype_size(0), 0);
    ck_assert_uint_eq(sbi_dtype_size(12), 0);
    a = sbi_array_2d(x, SBI_F32, INT64_MAX / 2, INT64_MAX / 2);
    ck_assert_int_eq(sbi_column_check_shape(&a, 2, "w"), SBI_ERR_SHAPE);
}
END_TEST

/* Puts one bad value into a table of ones and expects it to be found at its place. */
static void expect_found(int32_t dtype, int64_t rows, int64_t columns, int ndim, int layout, int64_t row,
                         int64_t column)
{
    static const uint16_t half_one = 0x3c00, half_bad[3] = {0x7e01, 0x7c00, 0xfc00};
    static const char *const words[3] = {"NaN", "infinity", "-infinity"};
    const double bad[3] = {NAN, INFINITY, -INFINITY};
    size_t size = sbi_dtype_size(dtype), gap = layout == 2 ? 2 : 1;
    unsigned char *data = malloc((size_t)(rows * columns) * size * gap);
    sbi_array a = sbi_array_2d(data, dtype, rows, columns);
    a.ndim = ndim;
    if (layout == 1) { /* Fortran order */
        a.strides[0] = (int64_t)size;
        a.strides[1] = rows * (int64_t)size;
    } else if (layout == 2) { /* every second row of something larger, backwards */
        a.strides[0] *= -2;
        a.data = data + (rows - 1) * columns * 2 * (int64_t)size;
    }
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < (size_t)(rows * columns) * gap; i++) {
            double one = 1;
            float one_f = 1;
            memcpy(data + i * size,
                   dtype == SBI_F16   ? (const void *)&half_one
                   : dtype == SBI_F32 ? (const void *)&one_f
                                      : &one,
                   size);
        }
        ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "t.npy"), SBI_OK);
        unsigned char *p =
            (unsigned char *)(uintptr_t)a.data + row * a.strides[0] + (ndim == 2 ? column * a.strides[1] : 0);
        float bad_f = (float)bad[kind];
        memcpy(p,
               dtype == SBI_F16   ? (const void *)&half_bad[kind]
               : dtype == SBI_F32 ? (const void *)&bad_f
                                  : &bad[kind],
               size);
        char wanted[100];
        if (ndim == 2)
            snprintf(wanted, sizeof wanted, "t.npy: row %d, column %d: value is %s", (int)row, (int)column,
                     words[kind]);
        else
            snprintf(wanted, sizeof wanted, "t.npy: row %d: value is %s", (int)row, words[kind]);
        ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "t.npy"), SBI_ERR_VALUE);
        ck_assert_str_eq(sbi_last_error(), wanted);
    }
    free(data);
}

START_TEST(bad_values_are_found)
{
    const int32_t types[] = {SBI_F16, SBI_F32, SBI_F64};
    for (int t = 0; t < 3; t++) {
        for (int layout = 0; layout < 3; layout++) {
            for (int64_t row = 0; row < 40; row++) {
                if (layout != 1) expect_found(types[t], 40, 1, 1, layout, row, 0);
                expect_found(types[t], 40, 3, 2, layout, row, row % 3);
                expect_found(types[t], 40, 17, 2, layout, row, row % 17);
            }
        }
    }
    expect_found(SBI_F32, 700000, 1, 1, 0, 699999, 0);
    expect_found(SBI_F16, 100000, 7, 2, 0, 81234, 6);
}
END_TEST

START_TEST(the_first_bad_value_is_named)
{
    int64_t n = 1 << 20;
    double *x = calloc((size_t)n, sizeof *x);
    for (int64_t i = 300000; i < n; i += 7) x[i] = i % 2 ? NAN : INFINITY;
    sbi_array a = sbi_array_1d(x, SBI_F64, n);
    for (int again = 0; again < 20; again++) {
        ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "w"), SBI_ERR_VALUE);
        ck_assert_str_eq(sbi_last_error(), "w: row 300000: value is infinity");
    }
    sbi_context_cancel(ctx, 1);
    ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "w"), SBI_ERR_CANCELLED);
    sbi_context_cancel(ctx, 0);
    free(x);
    int32_t integers[3] = {-1, 0x7f800000, 0x7fc00000}; /* bits of infinity and NaN, but integers */
    a = sbi_array_1d(integers, SBI_I32, 3);
    ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "i"), SBI_OK);
    a = sbi_array_2d(NULL, SBI_F32, 5, 0);
    ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "e"), SBI_OK);
    /* The largest and smallest values that are fine. */
    const double edges[] = {1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -0.0};
    a = sbi_array_1d(edges, SBI_F64, 4);
    ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "e"), SBI_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io: columns");
    TCase *tc = tcase_create("columns");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, every_half_float);
    tcase_add_test(tc, strided_columns);
    tcase_add_test(tc, rows_of_tables);
    tcase_add_test(tc, shapes);
    tcase_add_test(tc, bad_values_are_found);
    tcase_add_test(tc, the_first_bad_value_is_named);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
