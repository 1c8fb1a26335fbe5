/* SPDX-License-Identifier: Apache-2.0 */
/* .npy files: those of numpy read, ours written, and bad ones refused. */
#include <check.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "io/column.h"
#include "io/npy.h"
#include "support/data.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static test_folder folder;
static sbi_context *ctx;

static void set_up(void)
{
    folder = folder_make();
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 3;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static sbi_npy *map(const char *path, sbi_array *a)
{
    sbi_npy *npy;
    sbi_status status = sbi_npy_map(&npy, ctx, path);
    ck_assert_msg(status == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_npy_array(npy, a), SBI_OK);
    return npy;
}

static void expect_table(const sbi_array *a, int32_t dtype)
{
    ck_assert_int_eq(a->dtype, dtype);
    ck_assert_int_eq(a->ndim, 2);
    ck_assert_int_eq(a->shape[0], 3);
    ck_assert_int_eq(a->shape[1], 4);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++) {
            const unsigned char *p = (const unsigned char *)a->data + i * a->strides[0] + j * a->strides[1];
            ck_assert_double_eq(sbi_element_f64(p, a->dtype), 4 * i + j);
        }
    }
}

START_TEST(files_of_numpy)
{
    const struct {
        const char *name;
        int32_t dtype;
        int64_t n;
        double value[5];
    } cases[] = {
        {"f2", SBI_F16, 5, {0.5, -1.25, 3, 0, 1000}},
        {"f4", SBI_F32, 5, {0.5, -1.25, 3, 0, 1000}},
        {"f8", SBI_F64, 5, {0.5, -1.25, 3, 0, 1000}},
        {"i1", SBI_I8, 5, {INT8_MIN, -1, 0, 1, INT8_MAX}},
        {"i2", SBI_I16, 5, {INT16_MIN, -1, 0, 1, INT16_MAX}},
        {"i4", SBI_I32, 5, {INT32_MIN, -1, 0, 1, INT32_MAX}},
        {"i8", SBI_I64, 5, {-0x1p63, -1, 0, 1, 0x1p63}},
        {"u1", SBI_U8, 5, {0, 1, 2, UINT8_MAX - 1, UINT8_MAX}},
        {"u2", SBI_U16, 5, {0, 1, 2, UINT16_MAX - 1, UINT16_MAX}},
        {"u4", SBI_U32, 5, {0, 1, 2, UINT32_MAX - 1., UINT32_MAX}},
        {"u8", SBI_U64, 5, {0, 1, 2, 0x1p64, 0x1p64}},
        {"bool", SBI_U8, 3, {1, 0, 1}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char name[32];
        snprintf(name, sizeof name, "npy/%s.npy", cases[k].name);
        sbi_array a;
        sbi_npy *npy = map(data_path(name).text, &a);
        ck_assert_int_eq(a.dtype, cases[k].dtype);
        ck_assert_int_eq(a.ndim, 1);
        ck_assert_int_eq(a.shape[0], cases[k].n);
        double v[5];
        float f[5];
        sbi_column_read_f64(&a, 0, a.shape[0], v);
        sbi_column_read_f32(&a, 0, a.shape[0], f);
        for (int64_t i = 0; i < a.shape[0]; i++) {
            ck_assert_double_eq(v[i], cases[k].value[i]);
            ck_assert_float_eq(f[i], (float)cases[k].value[i]);
        }
        sbi_npy_unmap(npy);
    }
}
END_TEST

START_TEST(shapes_orders_and_versions)
{
    sbi_array a;
    sbi_npy *npy;
    const char *tables[] = {"npy/table.npy", "npy/version2.npy", "npy/version3.npy"};
    for (int i = 0; i < 3; i++) {
        npy = map(data_path(tables[i]).text, &a);
        expect_table(&a, SBI_F32);
        ck_assert_int_eq(a.strides[1], 4);
        sbi_npy_unmap(npy);
    }
    npy = map(data_path("npy/table_fortran.npy").text, &a);
    expect_table(&a, SBI_F64);
    ck_assert_int_eq(a.strides[0], 8);
    float rows[8];
    sbi_rows_read_f32(&a, 1, 2, rows);
    for (int i = 0; i < 8; i++) ck_assert_float_eq(rows[i], (float)(4 + i));
    sbi_npy_unmap(npy);
    npy = map(data_path("npy/scalar.npy").text, &a);
    ck_assert_int_eq(a.ndim, 0);
    ck_assert_double_eq(sbi_element_f64(a.data, a.dtype), 2.5);
    sbi_npy_unmap(npy);
    npy = map(data_path("npy/empty.npy").text, &a);
    ck_assert_int_eq(a.ndim, 2);
    ck_assert_int_eq(a.shape[0], 0);
    ck_assert_int_eq(a.shape[1], 3);
    ck_assert_int_eq(sbi_column_check_finite(ctx, &a, "empty"), SBI_OK);
    sbi_npy_unmap(npy);
}
END_TEST

START_TEST(types_that_are_refused_by_name)
{
    const char *cases[][2] = {{"npy/big_endian.npy", "big-endian type '>f8'"},
                              {"npy/structured.npy", "structured types"},
                              {"npy/object.npy", "'|O'"},
                              {"npy/complex.npy", "'<c16'"},
                              {"npy/text.npy", "'<U3'"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sbi_npy *npy = (sbi_npy *)&folder;
        test_path p = data_path(cases[i][0]);
        ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_ERR_UNSUPPORTED);
        ck_assert_ptr_null(npy);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), p.text));
        ck_assert_msg(strstr(sbi_last_error(), cases[i][1]) != NULL, "%s", sbi_last_error());
    }
    sbi_array a;
    ck_assert_int_eq(sbi_npy_map(NULL, ctx, "x"), SBI_ERR_ARGUMENT);
    sbi_npy *npy;
    ck_assert_int_eq(sbi_npy_map(&npy, NULL, "x"), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, "no/such.npy"), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_npy_array(NULL, &a), SBI_ERR_ARGUMENT);
    sbi_npy_unmap(NULL);
}
END_TEST

/* A version 1.0 file with this text as its header. */
static size_t make(unsigned char *out, const char *text, size_t data)
{
    size_t length = strlen(text);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)length;
    out[9] = (unsigned char)(length >> 8);
    memcpy(out + 10, text, length);
    memset(out + 10 + length, 0, data);
    return 10 + length + data;
}

START_TEST(headers)
{
    const struct {
        const char *text;
        sbi_status status;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", SBI_OK},
        {"{\"shape\":(3,2),\"descr\":\"<f4\",\"fortran_order\":True}\n", SBI_OK},
        {"{'descr': '|i1', 'fortran_order': False, 'shape': (), }", SBI_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }", SBI_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", SBI_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1), }", SBI_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", SBI_ERR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 4), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 3, }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'shape': (3,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}", SBI_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } x", SBI_ERR_FORMAT},
        {"{'descr': '<f4, 'fortran_order': False, 'shape': (3,), }", SBI_ERR_UNSUPPORTED},
        {"{'descr': 'f", SBI_ERR_FORMAT},
        {"{'descr': '<f3', 'fortran_order': False, 'shape': (3,), }", SBI_ERR_UNSUPPORTED},
        {"{'descr': '', 'fortran_order': False, 'shape': (3,), }", SBI_ERR_UNSUPPORTED},
        {"", SBI_ERR_FORMAT},
        {"()", SBI_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char file[256];
        size_t size = make(file, cases[i].text, 0);
        sbi_npy_header h;
        sbi_status status = sbi_npy_header_parse(&h, file, size, "f.npy");
        ck_assert_msg(status == cases[i].status, "%s: %s: %s", cases[i].text, sbi_status_name(status),
                      status ? sbi_last_error() : "");
        if (status != SBI_OK) ck_assert_int_eq(strncmp(sbi_last_error(), "f.npy: ", 7), 0);
        /* Cut anywhere, it never parses. */
        for (size_t cut = 0; cut < size; cut++) {
            unsigned char *exact = malloc(cut + 1);
            memcpy(exact, file, cut);
            ck_assert_int_ne(sbi_npy_header_parse(&h, exact, cut, "f.npy"), SBI_OK);
            free(exact);
        }
    }
    unsigned char version4[64] = "\x93NUMPY\x04\x00";
    sbi_npy_header h;
    ck_assert_int_eq(sbi_npy_header_parse(&h, version4, sizeof version4, "f.npy"), SBI_ERR_UNSUPPORTED);
    unsigned char large[64] = "\x93NUMPY\x02\x00\xff\xff\xff\xff";
    ck_assert_int_eq(sbi_npy_header_parse(&h, large, sizeof large, "f.npy"), SBI_ERR_FORMAT);
}
END_TEST

START_TEST(files_that_lie_about_their_size)
{
    unsigned char file[256];
    size_t size = make(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }                     ", 11);
    test_path p = folder_path(&folder, "short.npy");
    ck_assert_int_eq(sbi_file_write(ctx, p.text, file, size), SBI_OK);
    sbi_npy *npy;
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "short.npy: 12 bytes of data expected, 11 found"));
    ck_assert_int_eq(sbi_file_write(ctx, p.text, file, size + 1), SBI_OK);
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_OK);
    sbi_npy_unmap(npy);
    /* A header of odd length would make every element misaligned. */
    size = make(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12);
    ck_assert_int_eq(sbi_file_write(ctx, p.text, file, size), SBI_OK);
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_ERR_UNSUPPORTED);
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "", 0), SBI_OK);
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, p.text), SBI_ERR_FORMAT);
}
END_TEST

static void expect_same_bytes(const char *a, const char *b)
{
    void *x, *y;
    size_t m, n;
    ck_assert_int_eq(sbi_file_read(ctx, a, 0, &x, &m), SBI_OK);
    ck_assert_int_eq(sbi_file_read(ctx, b, 0, &y, &n), SBI_OK);
    ck_assert_uint_eq(m, n);
    ck_assert_mem_eq(x, y, n);
    sbi_free(ctx, x);
    sbi_free(ctx, y);
}

START_TEST(writing)
{
    /* The committed file was read by numpy (tests/reference/check_written.py). */
    float table[12];
    for (int i = 0; i < 12; i++) table[i] = (float)i;
    test_path p = folder_path(&folder, "table.npy");
    sbi_array a = sbi_array_2d(table, SBI_F32, 3, 4);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &a), SBI_OK);
    expect_same_bytes(p.text, data_path("written/table.npy").text);

    /* Strides of every kind give the same file: transposed, reversed, repeated rows. */
    float transposed[12], reversed[12];
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++) {
            transposed[j * 3 + i] = (float)(4 * i + j);
            reversed[11 - (4 * i + j)] = (float)(4 * i + j);
        }
    }
    sbi_array t = a;
    t.data = transposed;
    t.strides[0] = 4;
    t.strides[1] = 12;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_OK);
    expect_same_bytes(p.text, data_path("written/table.npy").text);
    t.data = reversed + 11;
    t.strides[0] = -16;
    t.strides[1] = -4;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_OK);
    expect_same_bytes(p.text, data_path("written/table.npy").text);

    /* More than one block of strided elements. */
    int64_t n = 5000;
    double *x = malloc(2 * (size_t)n * sizeof *x);
    for (int64_t i = 0; i < 2 * n; i++) x[i] = (double)i;
    t = sbi_array_1d(x, SBI_F64, n);
    t.strides[0] = 16;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_OK);
    sbi_npy *npy = map(p.text, &t);
    ck_assert_int_eq(t.shape[0], n);
    for (int64_t i = 0; i < n; i++) ck_assert_double_eq(((const double *)t.data)[i], (double)(2 * i));
    sbi_npy_unmap(npy);
    free(x);

    t = sbi_array_2d(NULL, SBI_F32, 0, 3);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_OK);
    npy = map(p.text, &t);
    ck_assert_int_eq(t.shape[0], 0);
    ck_assert_int_eq(t.shape[1], 3);
    sbi_npy_unmap(npy);

    t = sbi_array_1d(NULL, SBI_F32, 3);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_ERR_ARGUMENT);
    t = sbi_array_1d(table, 77, 3);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_ERR_ARGUMENT);
    t = sbi_array_1d(table, SBI_F32, -1);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_ERR_ARGUMENT);
    t = sbi_array_2d(table, SBI_F32, 3, 4);
    t.ndim = 9;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_ERR_ARGUMENT);
    t.ndim = 2;
    t.shape[0] = t.shape[1] = INT64_MAX / 2;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_ERR_ARGUMENT);
    t.shape[0] = 0;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &t), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_write(ctx, NULL, &t), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_write(NULL, p.text, &t), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(folder_count(&folder), 1);
}
END_TEST

START_TEST(appending_rows)
{
    test_path p = folder_path(&folder, "table.npy");
    sbi_npy_writer *w;
    int64_t four = 4;
    float table[12];
    for (int i = 0; i < 12; i++) table[i] = (float)i;
    ck_assert_int_eq(sbi_npy_writer_open(&w, ctx, p.text, SBI_F32, 1, &four), SBI_OK);
    ck_assert_int_eq(sbi_npy_writer_append(w, table, 1), SBI_OK);
    ck_assert_int_eq(sbi_npy_writer_append(w, NULL, 0), SBI_OK);
    ck_assert_int_eq(sbi_npy_writer_append(w, table, -1), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_writer_append(w, table, INT64_MAX), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_writer_append(w, NULL, 1), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npy_writer_append(w, table + 4, 2), SBI_OK);
    ck_assert_int_eq(sbi_npy_writer_commit(w), SBI_OK);
    expect_same_bytes(p.text, data_path("written/table.npy").text);
    ck_assert_int_eq(sbi_npy_writer_open(&w, ctx, p.text, SBI_F32, 1, &four), SBI_OK);
    sbi_npy_writer_abandon(w);
    sbi_npy_writer_abandon(NULL);
    expect_same_bytes(p.text, data_path("written/table.npy").text);
    ck_assert_int_eq(sbi_npy_writer_open(&w, ctx, p.text, SBI_F32, 0, NULL), SBI_OK);
    ck_assert_int_eq(sbi_npy_writer_commit(w), SBI_OK);
    sbi_array a;
    sbi_npy *npy = map(p.text, &a);
    ck_assert_int_eq(a.ndim, 1);
    ck_assert_int_eq(a.shape[0], 0);
    sbi_npy_unmap(npy);
    ck_assert_int_eq(sbi_npy_writer_open(&w, ctx, p.text, SBI_F32, 8, &four), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(w);
    ck_assert_int_eq(folder_count(&folder), 1);
}
END_TEST

static sbi_status fill_rows(void *arg, size_t i)
{
    float *data = sbi_npy_output_data(arg);
    for (size_t j = 0; j < 4; j++) data[4 * i + j] = (float)(4 * i + j);
    return SBI_OK;
}

START_TEST(writing_in_place_from_threads)
{
    test_path p = folder_path(&folder, "table.npy");
    const int64_t shape[2] = {3, 4};
    sbi_npy_output *o;
    ck_assert_int_eq(sbi_npy_output_open(&o, ctx, p.text, SBI_F32, 2, shape), SBI_OK);
    ck_assert_uint_eq((uintptr_t)sbi_npy_output_data(o) % SBI_ALIGNMENT, 0);
    ck_assert_int_eq(sbi_parallel_for(ctx, 3, fill_rows, o), SBI_OK);
    ck_assert(!sbi_path_exists(p.text));
    ck_assert_int_eq(sbi_npy_output_commit(o), SBI_OK);
    expect_same_bytes(p.text, data_path("written/table.npy").text);
    ck_assert_int_eq(sbi_npy_output_open(&o, ctx, p.text, SBI_F32, 2, shape), SBI_OK);
    sbi_npy_output_abandon(o);
    sbi_npy_output_abandon(NULL);
    ck_assert_int_eq(folder_count(&folder), 1);
    expect_same_bytes(p.text, data_path("written/table.npy").text);
    const int64_t absurd = INT64_MAX / 4 - 100, overflows = INT64_MAX / 4;
    ck_assert_int_ne(sbi_npy_output_open(&o, ctx, p.text, SBI_F32, 1, &absurd), SBI_OK);
    ck_assert_int_eq(sbi_npy_output_open(&o, ctx, p.text, SBI_F32, 1, &overflows), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(o);
    ck_assert_int_eq(folder_count(&folder), 1);
}
END_TEST

START_TEST(a_full_disk)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGXFSZ, &ignore, &old);
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 1 << 18;
    setrlimit(RLIMIT_FSIZE, &small);
    test_path p = folder_path(&folder, "r.npy");
    static double column[1 << 16];
    const int64_t n = 1 << 16;
    sbi_array a = sbi_array_1d(column, SBI_F64, n);
    sbi_npy_output *o;
    sbi_npy_writer *w;
    ck_assert_int_eq(sbi_npy_write(ctx, p.text, &a), SBI_ERR_NO_SPACE);
    ck_assert_int_eq(sbi_npy_output_open(&o, ctx, p.text, SBI_F64, 1, &n), SBI_ERR_NO_SPACE);
    ck_assert_int_eq(sbi_npy_writer_open(&w, ctx, p.text, SBI_F64, 0, NULL), SBI_OK);
    ck_assert_int_eq(sbi_npy_writer_append(w, column, n), SBI_ERR_NO_SPACE);
    ck_assert_int_eq(sbi_npy_writer_commit(w), SBI_ERR_NO_SPACE);
    setrlimit(RLIMIT_FSIZE, &limit);
    sigaction(SIGXFSZ, &old, NULL);
    ck_assert_int_eq(folder_count(&folder), 0);
}
END_TEST

static sbi_status everything(sbi_context *c, void *arg)
{
    const char *path = arg;
    float table[12] = {0};
    const int64_t shape[2] = {3, 4};
    sbi_array a = sbi_array_2d(table, SBI_F32, 3, 4);
    SBI_TRY(sbi_npy_write(c, path, &a));
    sbi_npy *npy;
    SBI_TRY(sbi_npy_map(&npy, c, path));
    sbi_npy_unmap(npy);
    sbi_npy_writer *w;
    SBI_TRY(sbi_npy_writer_open(&w, c, path, SBI_F32, 1, &shape[1]));
    sbi_status status = sbi_npy_writer_append(w, table, 3);
    if (status != SBI_OK) {
        sbi_npy_writer_abandon(w);
        return status;
    }
    SBI_TRY(sbi_npy_writer_commit(w));
    sbi_npy_output *o;
    SBI_TRY(sbi_npy_output_open(&o, c, path, SBI_F32, 2, shape));
    return sbi_npy_output_commit(o);
}

START_TEST(every_allocation_may_fail)
{
    test_path p = folder_path(&folder, "a.npy");
    for (int all_later = 0; all_later < 2; all_later++) {
        torture_report r = torture_allocations(everything, p.text, 1, all_later);
        ck_assert_int_gt(r.requests, 10);
        ck_assert_int_eq(r.tolerated, 0);
        ck_assert_int_eq(folder_count(&folder), 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io: npy");
    TCase *tc = tcase_create("npy");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, files_of_numpy);
    tcase_add_test(tc, shapes_orders_and_versions);
    tcase_add_test(tc, types_that_are_refused_by_name);
    tcase_add_test(tc, headers);
    tcase_add_test(tc, files_that_lie_about_their_size);
    tcase_add_test(tc, writing);
    tcase_add_test(tc, appending_rows);
    tcase_add_test(tc, writing_in_place_from_threads);
    tcase_add_test(tc, a_full_disk);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
