/* SPDX-License-Identifier: Apache-2.0 */
/* .npz archives: those of numpy read, ours written byte for byte, damaged ones refused.
 *
 * SBI_TEST_WRITE=FOLDER makes the first test leave what it writes there (it is what tests/data/written holds, and what
 * tests/reference/check_written.py shows to numpy). */
#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <zlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/column.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/zip_format.h"
#include "support/data.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static test_folder folder;
static sbi_context *ctx;

static void set_up(void)
{
    folder = folder_make();
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void tear_down(void)
{
    ck_assert_uint_eq(sbi_memory_now(ctx), 0);
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

static const float table[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static sbi_status add_members(sbi_npz_writer *w)
{
    static const int64_t scalar = -7;
    static const uint16_t halves[2] = {0x3800, 0xb800};
    int32_t longer[1000];
    for (int i = 0; i < 1000; i++) longer[i] = i / 7;
    sbi_array a = sbi_array_2d(table, SBI_F32, 3, 4);
    SBI_TRY(sbi_npz_writer_add(w, "table", &a));
    SBI_TRY(sbi_npz_writer_add_bytes(w, "meta.json", "{\"version\":1}", 13));
    a = sbi_array_1d(&scalar, SBI_I64, 1);
    a.ndim = 0;
    SBI_TRY(sbi_npz_writer_add(w, "scalar", &a));
    a = sbi_array_2d(NULL, SBI_U16, 0, 3);
    SBI_TRY(sbi_npz_writer_add(w, "empty", &a));
    a = sbi_array_1d(longer, SBI_I32, 1000);
    SBI_TRY(sbi_npz_writer_add(w, "long", &a));
    a = sbi_array_1d(halves, SBI_F16, 2);
    return sbi_npz_writer_add(w, "\xc3\xa9t\xc3\xa9", &a);
}

static sbi_status write_archive(sbi_context *c, const char *path, int32_t level)
{
    sbi_npz_writer *w;
    SBI_TRY(sbi_npz_writer_open(&w, c, path, level));
    sbi_status status = add_members(w);
    if (status == SBI_OK) return sbi_npz_writer_commit(w);
    sbi_npz_writer_abandon(w);
    return status;
}

static sbi_status read_archive(sbi_context *c, const char *path)
{
    sbi_npz *z;
    SBI_TRY(sbi_npz_open(&z, c, path));
    sbi_status status = SBI_OK;
    for (size_t i = 0; i < sbi_npz_count(z) && status == SBI_OK; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", sbi_npz_name(z, i));
        char *suffix = strstr(name, ".npy");
        void *memory = NULL;
        if (suffix) {
            sbi_array a;
            *suffix = '\0';
            status = sbi_npz_read(z, name, &a, &memory);
        } else {
            size_t size;
            status = sbi_npz_read_bytes(z, name, &memory, &size);
        }
        sbi_free(c, memory);
    }
    sbi_npz_close(z);
    return status;
}

static void expect_same_bytes(const char *a, const char *b)
{
    void *x, *y;
    size_t m, n;
    ck_assert_int_eq(sbi_file_read(ctx, a, 0, &x, &m), SBI_OK);
    ck_assert_msg(sbi_file_read(ctx, b, 0, &y, &n) == SBI_OK, "%s", sbi_last_error());
    ck_assert_uint_eq(m, n);
    ck_assert_mem_eq(x, y, n);
    sbi_free(ctx, x);
    sbi_free(ctx, y);
}

START_TEST(writing)
{
    test_path stored = folder_path(&folder, "stored.npz"), deflated = folder_path(&folder, "deflated.npz");
    const char *keep = getenv("SBI_TEST_WRITE");
    if (keep) {
        test_path p;
        snprintf(p.text, sizeof p.text, "%s/table.npy", keep);
        sbi_array a = sbi_array_2d(table, SBI_F32, 3, 4);
        ck_assert_int_eq(sbi_npy_write(ctx, p.text, &a), SBI_OK);
        snprintf(stored.text, sizeof stored.text, "%s/stored.npz", keep);
        snprintf(deflated.text, sizeof deflated.text, "%s/deflated.npz", keep);
    }
    ck_assert_int_eq(write_archive(ctx, stored.text, 0), SBI_OK);
    ck_assert_int_eq(write_archive(ctx, deflated.text, 6), SBI_OK);
    expect_same_bytes(stored.text, data_path("written/stored.npz").text);
    /* Compressed bytes depend on zlib; that they are the same every time does not. */
    test_path again = folder_path(&folder, "again.npz");
    ck_assert_int_eq(write_archive(ctx, again.text, 6), SBI_OK);
    expect_same_bytes(deflated.text, again.text);
}
END_TEST

/* What add_members() wrote, from any archive. */
static void expect_members(const char *path)
{
    const char *const names[] = {"table.npy", "meta.json", "scalar.npy",
                                 "empty.npy", "long.npy",  "\xc3\xa9t\xc3\xa9.npy"};
    sbi_npz *z;
    ck_assert_int_eq(sbi_npz_open(&z, ctx, path), SBI_OK);
    ck_assert_uint_eq(sbi_npz_count(z), 6);
    for (size_t i = 0; i < 6; i++) ck_assert_str_eq(sbi_npz_name(z, i), names[i]);
    ck_assert_ptr_null(sbi_npz_name(z, 6));
    sbi_array a;
    void *memory;
    size_t size;
    ck_assert_int_eq(sbi_npz_read(z, "table", &a, &memory), SBI_OK);
    ck_assert_int_eq(a.dtype, SBI_F32);
    ck_assert_int_eq(a.ndim, 2);
    ck_assert_mem_eq(a.data, table, sizeof table);
    ck_assert_uint_eq((uintptr_t)a.data % SBI_ALIGNMENT, 0);
    sbi_free(ctx, memory);
    ck_assert_int_eq(sbi_npz_read_bytes(z, "meta.json", &memory, &size), SBI_OK);
    ck_assert_uint_eq(size, 13);
    ck_assert_str_eq(memory, "{\"version\":1}");
    sbi_free(ctx, memory);
    ck_assert_int_eq(sbi_npz_read(z, "empty", &a, &memory), SBI_OK);
    ck_assert_int_eq(a.shape[0], 0);
    ck_assert_int_eq(a.shape[1], 3);
    sbi_free(ctx, memory);
    ck_assert_int_eq(sbi_npz_read(z, "scalar", &a, &memory), SBI_OK);
    ck_assert_int_eq(a.ndim, 0);
    ck_assert_double_eq(sbi_element_f64(a.data, a.dtype), -7);
    sbi_free(ctx, memory);
    int32_t longer[1000];
    const int64_t n = 1000;
    ck_assert_int_eq(sbi_npz_read_into(z, "long", SBI_I32, 1, &n, longer), SBI_OK);
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(longer[i], i / 7);
    /* Not what was expected: named, with both. */
    const int64_t wrong = 999, two[2] = {10, 100};
    ck_assert_int_eq(sbi_npz_read_into(z, "long", SBI_I32, 1, &wrong, longer), SBI_ERR_SHAPE);
    ck_assert_msg(strstr(sbi_last_error(), "long.npy: i4 [999] expected, i4 [1000] found") != NULL, "%s",
                  sbi_last_error());
    ck_assert_int_eq(sbi_npz_read_into(z, "long", SBI_F32, 1, &n, longer), SBI_ERR_SHAPE);
    ck_assert_int_eq(sbi_npz_read_into(z, "long", SBI_I32, 2, two, longer), SBI_ERR_SHAPE);
    ck_assert_int_eq(sbi_npz_read_into(z, "absent", SBI_I32, 1, &n, longer), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_npz_read(z, "tabl", &a, &memory), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_null(memory);
    ck_assert_int_eq(sbi_npz_read(z, "meta.json", &a, &memory), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_npz_read_bytes(z, "meta", &memory, &size), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), path));
    sbi_npz_close(z);
    sbi_npz_close(NULL);
}

START_TEST(reading_what_we_wrote)
{
    expect_members(data_path("written/stored.npz").text);
    expect_members(data_path("written/deflated.npz").text);
}
END_TEST

START_TEST(archives_of_numpy)
{
    const char *files[] = {"npy/stored.npz", "npy/deflated.npz"};
    for (int k = 0; k < 2; k++) {
        sbi_npz *z;
        ck_assert_int_eq(sbi_npz_open(&z, ctx, data_path(files[k]).text), SBI_OK);
        float t[12];
        const int64_t shape[2] = {3, 4};
        ck_assert_int_eq(sbi_npz_read_into(z, "table", SBI_F32, 2, shape, t), SBI_OK);
        ck_assert_mem_eq(t, table, sizeof t);
        sbi_array a;
        void *memory;
        ck_assert_int_eq(sbi_npz_read(z, "table_fortran", &a, &memory), SBI_OK);
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 4; j++)
                ck_assert_double_eq(((const double *)a.data)[i * a.strides[0] / 8 + j * a.strides[1] / 8], 4 * i + j);
        }
        sbi_free(ctx, memory);
        double d[12];
        ck_assert_int_eq(sbi_npz_read_into(z, "table_fortran", SBI_F64, 2, shape, d), SBI_ERR_SHAPE);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "Fortran"));
        int64_t scalar;
        ck_assert_int_eq(sbi_npz_read_into(z, "scalar", SBI_I64, 0, NULL, &scalar), SBI_OK);
        ck_assert_int_eq(scalar, -7);
        if (k == 1) {
            int32_t longer[3000];
            const int64_t n = 3000;
            ck_assert_int_eq(sbi_npz_read_into(z, "long", SBI_I32, 1, &n, longer), SBI_OK);
            for (int i = 0; i < 3000; i++) ck_assert_int_eq(longer[i], i / 7);
        }
        sbi_npz_close(z);
    }
}
END_TEST

START_TEST(writers_that_are_misused)
{
    test_path p = folder_path(&folder, "a.npz");
    sbi_npz_writer *w;
    ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, 10), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(w);
    ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, -1), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, 0), SBI_OK);
    sbi_array a = sbi_array_2d(table, SBI_F32, 3, 2);
    a.strides[0] = 16;
    ck_assert_int_eq(sbi_npz_writer_add(w, "t", &a), SBI_ERR_SHAPE);
    a = sbi_array_1d(NULL, SBI_F32, 3);
    ck_assert_int_eq(sbi_npz_writer_add(w, "t", &a), SBI_ERR_ARGUMENT);
    a = sbi_array_1d(table, SBI_F32, -3);
    ck_assert_int_eq(sbi_npz_writer_add(w, "t", &a), SBI_ERR_ARGUMENT);
    a = sbi_array_1d(table, 0, 3);
    ck_assert_int_eq(sbi_npz_writer_add(w, "t", &a), SBI_ERR_ARGUMENT);
    /* Nothing of those was written: the writer is still good. */
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "x", "1", 1), SBI_OK);
    /* A name that comes twice spoils it, and then it must not appear. */
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "x", "2", 1), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "x comes twice"));
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "y", "2", 1), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_npz_writer_commit(w), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(folder_count(&folder), 0);
    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, 0), SBI_OK);
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, name, "2", 1), SBI_ERR_ARGUMENT);
    sbi_npz_writer_abandon(w);
    sbi_npz_writer_abandon(NULL);
    ck_assert_int_eq(folder_count(&folder), 0);
    ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, 0), SBI_OK);
    ck_assert_int_eq(sbi_npz_writer_commit(w), SBI_OK);
    sbi_npz *z;
    ck_assert_int_eq(sbi_npz_open(&z, ctx, p.text), SBI_OK);
    ck_assert_uint_eq(sbi_npz_count(z), 0);
    sbi_npz_close(z);
}
END_TEST

/* Opens bytes and reads everything in them, from a block of exactly their size. */
static sbi_status read_bytes(const unsigned char *data, size_t size)
{
    unsigned char *exact = malloc(size + 1);
    memcpy(exact, data, size);
    sbi_npz *z;
    sbi_status status = sbi_npz_open_memory(&z, ctx, exact, size, "m.npz");
    ck_assert(status == SBI_OK || !z);
    for (size_t i = 0; z && i < sbi_npz_count(z) && status == SBI_OK; i++) {
        void *memory;
        size_t n;
        status = sbi_npz_read_bytes(z, sbi_npz_name(z, i), &memory, &n);
        ck_assert(status == SBI_OK || !memory);
        sbi_free(ctx, memory);
    }
    sbi_npz_close(z);
    free(exact);
    return status;
}

START_TEST(damaged_archives)
{
    const char *files[] = {"written/stored.npz", "written/deflated.npz", "npy/stored.npz", "npy/deflated.npz"};
    for (int k = 0; k < 4; k++) {
        void *memory;
        size_t size;
        ck_assert_int_eq(sbi_file_read(ctx, data_path(files[k]).text, 0, &memory, &size), SBI_OK);
        unsigned char *data = memory;
        ck_assert_int_eq(read_bytes(data, size), SBI_OK);
        /* Cut anywhere: never read. */
        for (size_t cut = 0; cut < size; cut += 1 + cut / 200) ck_assert_int_ne(read_bytes(data, cut), SBI_OK);
        /* Any bit flipped: an error or, in a field that means nothing, the same content. Never a crash, a leak or,
         * which the CRC sees to, other content. */
        int refused = 0;
        for (size_t bit = 0; bit < 8 * size; bit += 1 + bit % 5) {
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
            refused += read_bytes(data, size) != SBI_OK;
            data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        ck_assert_int_gt(refused, 100);
        sbi_free(ctx, memory);
    }
}
END_TEST

/* A small archive of plain zip records, with every number for the test to choose. */
typedef struct crafted {
    unsigned char data[4096];
    size_t size, directory, members;
} crafted;

static size_t put_local(crafted *c, const char *name, const void *content, size_t stored)
{
    size_t at = c->size, length = strlen(name);
    unsigned char *p = c->data + at;
    memset(p, 0, 30);
    zip_put(p, 4, ZIP_LOCAL);
    zip_put(p + 26, 2, length);
    memcpy(p + 30, name, length);
    if (stored) memcpy(p + 30 + length, content, stored);
    c->size += 30 + length + stored;
    return at;
}

static void put_central(crafted *c, const char *name, int method, uint64_t flags, uint32_t crc, uint64_t stored,
                        uint64_t size, uint64_t offset)
{
    size_t length = strlen(name);
    unsigned char *p = c->data + c->size;
    if (!c->members++) c->directory = c->size;
    memset(p, 0, 46);
    zip_put(p, 4, ZIP_CENTRAL);
    zip_put(p + 8, 2, flags);
    zip_put(p + 10, 2, (uint64_t)method);
    zip_put(p + 16, 4, crc);
    zip_put(p + 20, 4, stored);
    zip_put(p + 24, 4, size);
    zip_put(p + 28, 2, length);
    zip_put(p + 42, 4, offset);
    memcpy(p + 46, name, length);
    c->size += 46 + length;
}

static void put_end(crafted *c, uint64_t count)
{
    unsigned char *p = c->data + c->size;
    memset(p, 0, 22);
    zip_put(p, 4, ZIP_END);
    zip_put(p + 8, 2, count);
    zip_put(p + 10, 2, count);
    zip_put(p + 12, 4, c->size - c->directory);
    zip_put(p + 16, 4, c->directory);
    c->size += 22;
}

START_TEST(archives_that_lie)
{
    const uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)"hello", 5);
    const struct {
        int method;
        uint64_t flags;
        uint32_t crc;
        uint64_t stored, size, offset, count;
        sbi_status status;
    } cases[] = {
        {ZIP_STORE, 0, crc, 5, 5, 0, 1, SBI_OK},
        {ZIP_STORE, 0, crc ^ 1, 5, 5, 0, 1, SBI_ERR_CHECKSUM},
        {ZIP_STORE, 1, crc, 5, 5, 0, 1, SBI_ERR_UNSUPPORTED},
        {12, 0, crc, 5, 5, 0, 1, SBI_ERR_UNSUPPORTED},
        {ZIP_STORE, 0, crc, 5, 6, 0, 1, SBI_ERR_FORMAT},
        {ZIP_STORE, 0, crc, 5000, 5000, 0, 1, SBI_ERR_FORMAT},
        {ZIP_STORE, 0, crc, 0xffffffffu, 0xffffffffu, 0, 1, SBI_ERR_FORMAT},
        {ZIP_STORE, 0, crc, 5, 5, 1, 1, SBI_ERR_FORMAT},
        {ZIP_STORE, 0, crc, 5, 5, 0xfffffff0u, 1, SBI_ERR_FORMAT},
        {ZIP_STORE, 0, crc, 5, 5, 0, 2, SBI_ERR_FORMAT},
        {ZIP_STORE, 0, crc, 5, 5, 0, 0xffff, SBI_ERR_FORMAT},
        {ZIP_DEFLATE, 0, crc, 5, 5, 0, 1, SBI_ERR_FORMAT},           /* "hello" is no deflate stream */
        {ZIP_DEFLATE, 0, crc, 5, 0xfffffff0u, 0, 1, SBI_ERR_FORMAT}, /* a promise of 4 GB from 5 bytes */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        crafted c = {.size = 0};
        put_local(&c, "a", "hello", 5);
        put_central(&c, "a", cases[i].method, cases[i].flags, cases[i].crc, cases[i].stored, cases[i].size,
                    cases[i].offset);
        put_end(&c, cases[i].count);
        sbi_status status = read_bytes(c.data, c.size);
        ck_assert_msg(status == cases[i].status, "case %zu: %s: %s", i, sbi_status_name(status), sbi_last_error());
    }
    ck_assert_uint_lt(sbi_memory_peak(ctx), 1 << 20); /* no lie made us allocate much */

    crafted twice = {.size = 0};
    put_local(&twice, "a", "hello", 5);
    size_t second = put_local(&twice, "a", "hello", 5);
    put_central(&twice, "a", ZIP_STORE, 0, crc, 5, 5, 0);
    put_central(&twice, "a", ZIP_STORE, 0, crc, 5, 5, second);
    put_end(&twice, 2);
    ck_assert_int_eq(read_bytes(twice.data, twice.size), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "a comes twice"));

    crafted overlap = {.size = 0};
    put_local(&overlap, "a", "hello", 5);
    put_central(&overlap, "a", ZIP_STORE, 0, crc, 5, 5, 0);
    put_central(&overlap, "b", ZIP_STORE, 0, crc, 5, 5, 0);
    put_end(&overlap, 2);
    ck_assert_int_eq(read_bytes(overlap.data, overlap.size), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "overlap"));
}
END_TEST

START_TEST(members_that_are_no_arrays)
{
    /* An array that is shorter than its header says, one that is none, and one whose data is not aligned. */
    test_path p = folder_path(&folder, "a.npz");
    const int64_t n = 1000;
    unsigned char header[SBI_NPY_HEADER_SIZE];
    ck_assert_int_eq(sbi_npy_header_make(header, SBI_F64, 1, &n), SBI_OK);
    unsigned char odd[10 + 59 + 24] = "\x93NUMPY\x01\x00";
    odd[8] = 59;
    memset(odd + 10, ' ', 59);
    memcpy(odd + 10, "{'descr':'<f8','fortran_order':False,'shape':(3,)}", 50);
    const double x[3] = {1, 2, 3};
    memcpy(odd + 69, x, sizeof x);
    sbi_npz_writer *w;
    ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, 0), SBI_OK);
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "short.npy", header, sizeof header), SBI_OK);
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "none.npy", "hello", 5), SBI_OK);
    ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "odd.npy", odd, sizeof odd), SBI_OK);
    ck_assert_int_eq(sbi_npz_writer_commit(w), SBI_OK);
    sbi_npz *z;
    ck_assert_int_eq(sbi_npz_open(&z, ctx, p.text), SBI_OK);
    sbi_array a;
    void *memory;
    ck_assert_int_eq(sbi_npz_read(z, "short", &a, &memory), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "short.npy: 8000 bytes of data expected, 0 found"));
    ck_assert_ptr_null(memory);
    ck_assert_int_eq(sbi_npz_read(z, "none", &a, &memory), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "none.npy"));
    ck_assert_int_eq(sbi_npz_read(z, "odd", &a, &memory), SBI_OK);
    ck_assert_uint_eq((uintptr_t)a.data % SBI_ALIGNMENT, 0);
    ck_assert_mem_eq(a.data, x, sizeof x);
    sbi_free(ctx, memory);
    sbi_npz_close(z);
}
END_TEST

START_TEST(a_full_disk)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGXFSZ, &ignore, &old);
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 1 << 16;
    setrlimit(RLIMIT_FSIZE, &small);
    test_path p = folder_path(&folder, "a.npz");
    static unsigned char noise[1 << 17];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((state = state * 1664525u + 1013904223u) >> 24);
    for (int32_t level = 0; level < 2; level++) {
        sbi_npz_writer *w;
        ck_assert_int_eq(sbi_npz_writer_open(&w, ctx, p.text, level), SBI_OK);
        ck_assert_int_eq(sbi_npz_writer_add_bytes(w, "noise", noise, sizeof noise), SBI_ERR_NO_SPACE);
        ck_assert_int_eq(sbi_npz_writer_commit(w), SBI_ERR_NO_SPACE);
    }
    setrlimit(RLIMIT_FSIZE, &limit);
    sigaction(SIGXFSZ, &old, NULL);
    ck_assert_int_eq(folder_count(&folder), 0);
}
END_TEST

static sbi_status write_and_read(sbi_context *c, void *arg)
{
    const char *path = arg;
    for (int32_t level = 0; level < 2; level++) {
        SBI_TRY(write_archive(c, path, level));
        SBI_TRY(read_archive(c, path));
    }
    return SBI_OK;
}

START_TEST(every_allocation_may_fail)
{
    test_path p = folder_path(&folder, "a.npz");
    for (int all_later = 0; all_later < 2; all_later++) {
        torture_report r = torture_allocations(write_and_read, p.text, 1, all_later);
        ck_assert_int_gt(r.requests, 40); /* zlib's are among them */
        ck_assert_int_eq(r.tolerated, 0);
        ck_assert_int_eq(folder_count(&folder), 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io: npz");
    TCase *tc = tcase_create("npz");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, writing);
    tcase_add_test(tc, reading_what_we_wrote);
    tcase_add_test(tc, archives_of_numpy);
    tcase_add_test(tc, writers_that_are_misused);
    tcase_add_test(tc, damaged_archives);
    tcase_add_test(tc, archives_that_lie);
    tcase_add_test(tc, members_that_are_no_arrays);
    tcase_add_test(tc, a_full_disk);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
