/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of a loaded model: the same bits in memory, streamed and packed; what is no column is refused. */
#include <check.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/processors.h"
#include "column_workspace.h"
#include "jobs/job.h"
#include "support/run_suite.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())

static column_workspace w;
static sbi_context *ctx;

static void make(int64_t events, int64_t integration, int32_t dtype, int32_t storage, int mixed)
{
    w = cw_make(ctx, events, integration, dtype, storage, mixed);
}

static void set_up(void)
{
    ctx = cw_context(2);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    if (w.folder.path[0]) folder_remove(&w.folder);
    w.folder.path[0] = '\0';
}

/* ---- bits ----------------------------------------------------------------------------------------------------------- */

static void expect_same(const cw_answers *want, const char *path, const char *what)
{
    static const uint64_t memory[] = {SBI_COLUMN_MEMORY_DEFAULT, 0, 150000, 60000};
    for (int32_t threads = 1; threads <= 3; threads++) {
        for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
            cw_answers got;
            cw_load_and_ask(path, threads, memory[i], &got);
            ck_assert_msg(memcmp(want, &got, sizeof got) == 0, "%s, %d threads, %llu bytes: value %.17g, not %.17g", what, threads,
                          (unsigned long long)memory[i], got.value, want->value);
        }
    }
}

START_TEST(the_same_bits_everywhere)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    const int32_t dtype = dtypes[_i % 3], storage = _i / 3 % 2;
    const int64_t integration = _i / 6 ? 2 * 2048 + 100 : 0;
    make(3 * 2048 + 77, integration, dtype, storage, 0);
    cw_answers want;
    cw_load_and_ask(w.path.text, 1, SBI_COLUMN_MEMORY_DEFAULT, &want);
    ck_assert(isfinite(want.value));
    ck_assert_int_eq(want.asimov_value != 0, integration != 0);
    expect_same(&want, w.path.text, "files");
    sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
    options.dtype = dtype;
    options.storage = storage;
    const test_path packed = folder_path(&w.folder, "packed.json");
    ck_assert_msg(sbi_workspace_pack(ctx, w.path.text, packed.text, &options) == SBI_OK, "%s", sbi_last_error());
    expect_same(&want, packed.text, "packed");
}
END_TEST

/* Element types that differ within one wide operation. */
START_TEST(mixed_types)
{
    make(2 * 2048 + 5, _i ? 2048 : 0, 0, SBI_MORPH_RATIO, 1);
    cw_answers want;
    cw_load_and_ask(w.path.text, 1, SBI_COLUMN_MEMORY_DEFAULT, &want);
    expect_same(&want, w.path.text, "mixed types");
}
END_TEST

/* More files than a model keeps open. */
START_TEST(many_files)
{
    enum { PARAMETERS = 150, EVENTS = 2100 };
    w = (column_workspace){.folder = folder_make()};
    w.path = folder_path(&w.folder, "w.json");
    cw_write(&w, ctx, "r.npy", 1, EVENTS, SBI_F64, SBI_MORPH_RATIO);
    FILE *f = fopen(w.path.text, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 2000, \"ratio\": \"r.npy\", "
               "\"modifiers\": [");
    for (int k = 0; k < PARAMETERS; k++) {
        char hi[32], lo[32];
        snprintf(hi, sizeof hi, "hi%d.npy", k);
        snprintf(lo, sizeof lo, "lo%d.npy", k);
        cw_write(&w, ctx, hi, 10 + k, EVENTS, SBI_F32, SBI_MORPH_RATIO);
        cw_write(&w, ctx, lo, 1000 + k, EVENTS, SBI_F32, SBI_MORPH_RATIO);
        fprintf(f, "%s{\"name\": \"a%d\", \"type\": \"eventsys\", \"data\": {\"hi\": \"%s\", \"lo\": \"%s\"}}", k ? "," : "", k, hi, lo);
    }
    fprintf(f, "]}]}], \"version\": \"1.0.0\"}");
    fclose(f);
    struct rlimit limit, small;
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = 400;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    double theta[PARAMETERS], value[2], gradient[2][PARAMETERS];
    for (int k = 0; k < PARAMETERS; k++) theta[k] = 0.01 * k - 0.7;
    for (int streamed = 0; streamed < 2; streamed++) {
        sbi_model *m;
        sbi_model_work *work;
        ck_assert_msg(cw_load(&m, ctx, w.path.text, streamed ? 0 : SBI_COLUMN_MEMORY_DEFAULT) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
        ck_assert_int_eq(sbi_model_nll(work, theta, &value[streamed], gradient[streamed]), SBI_OK);
        if (streamed) { /* the last of them is opened for each read, and no longer the same */
            const test_path from = folder_path(&w.folder, "hi0.npy"), to = folder_path(&w.folder, "lo149.npy");
            ck_assert_int_eq(rename(from.text, to.text), 0);
            ck_assert_int_eq(sbi_model_nll(work, theta, &value[0], NULL), SBI_ERR_IO);
            SAYS("lo149.npy: is another file than the one that was opened");
            ck_assert_int_eq(unlink(to.text), 0);
            ck_assert_int_eq(sbi_model_nll(work, theta, &value[0], NULL), SBI_ERR_NOT_FOUND);
            SAYS("lo149.npy");
            value[0] = value[1];
        }
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_double_eq(value[0], value[1]);
    ck_assert_int_eq(memcmp(gradient[0], gradient[1], sizeof gradient[0]), 0);
}
END_TEST

/* What is in memory does not depend on its file any longer. */
START_TEST(held_in_memory)
{
    make(3000, 0, SBI_F32, SBI_MORPH_RATIO, 0);
    sbi_model *m;
    cw_answers before, after;
    ck_assert_int_eq(cw_load(&m, ctx, w.path.text, SBI_COLUMN_MEMORY_DEFAULT), SBI_OK);
    ck_assert_int_eq(cw_ask(m, &before), SBI_OK);
    const test_path p = folder_path(&w.folder, "S_JES_hi.npy");
    ck_assert_int_eq(truncate(p.text, 10), 0);
    ck_assert_int_eq(cw_ask(m, &after), SBI_OK);
    ck_assert_int_eq(memcmp(&before, &after, sizeof after), 0);
    sbi_model_destroy(m);
}
END_TEST

/* Who runs a job on these columns elsewhere compares their digest. */
START_TEST(digests)
{
    make(2500, 2100, SBI_F32, SBI_MORPH_RATIO, 0);
    const test_path packed = folder_path(&w.folder, "packed.json");
    ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, packed.text, NULL), SBI_OK);
    static const uint64_t memory[] = {SBI_COLUMN_MEMORY_DEFAULT, 0, 30000};
    char first[65], hex[65];
    for (int which = 0; which < 2; which++) {
        for (int i = 0; i < 3; i++) {
            sbi_model *m;
            ck_assert_int_eq(cw_load(&m, ctx, which ? packed.text : w.path.text, memory[i]), SBI_OK);
            ck_assert_int_eq(sbi_job_columns_digest(m, i ? hex : first), SBI_OK);
            if (i) ck_assert_str_eq(first, hex);
            sbi_model_destroy(m);
        }
    }
    const test_path p = folder_path(&w.folder, "packed.channel0.npy");
    sbi_model *m;
    ck_assert_int_eq(cw_load(&m, ctx, packed.text, 0), SBI_OK);
    ck_assert_int_eq(truncate(p.text, 5000), 0);
    ck_assert_int_eq(sbi_job_columns_digest(m, hex), SBI_ERR_IO);
    sbi_model_destroy(m);
}
END_TEST

/* What no file of columns is. */
START_TEST(not_a_file)
{
    make(100, 0, SBI_F32, SBI_MORPH_RATIO, 0);
    const test_path p = folder_path(&w.folder, "S_JES_hi.npy");
    ck_assert_int_eq(unlink(p.text), 0);
    sbi_model *m;
    switch (_i) {
    case 0: ck_assert_int_eq(mkfifo(p.text, 0600), 0); break;
    case 1: ck_assert_int_eq(mkdir(p.text, 0700), 0); break;
    case 2: ck_assert_int_eq(symlink("/dev/zero", p.text), 0); break;
    case 3: ck_assert_int_eq(symlink("/proc/self/mem", p.text), 0); break;
    default: break; /* nothing at all */
    }
    static const sbi_status want[] = {SBI_ERR_IO, SBI_ERR_IO, SBI_ERR_IO, SBI_ERR_FORMAT, SBI_ERR_NOT_FOUND};
    const sbi_status status = cw_load(&m, ctx, w.path.text, 0);
    ck_assert_msg(status == want[_i], "%d: %s", _i, sbi_last_error());
    ck_assert_ptr_null(m);
    SAYS("/channels/0/samples/0/modifiers/0/data/hi: ");
    SAYS("S_JES_hi.npy");
}
END_TEST

/* A value that may not be, in a streamed column: named by file, sample, parameter and row. */
START_TEST(bad_values)
{
    make(5000, 0, SBI_F64, SBI_MORPH_RATIO, 0);
    test_path path = w.path;
    const test_path p = folder_path(&w.folder, "B_JER_lo.npy");
    static const double bad[] = {(double)NAN, -0.5, 0.0, (double)INFINITY};
    const int fd = open(p.text, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, &bad[_i], 8, 192 - 192 % 64 + 8 * 4099), 8);
    close(fd);
    sbi_model *m;
    for (int held = 0; held < 2; held++) {
        ck_assert_int_eq(cw_load(&m, ctx, path.text, held ? SBI_COLUMN_MEMORY_DEFAULT : 0), SBI_ERR_VALUE);
        SAYS("B_JER_lo.npy");
        SAYS("row 4099: value is ");
        if (!held) SAYS("B, lo of JER");
    }
    const test_path packed = folder_path(&w.folder, "packed.json");
    ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, packed.text, NULL), SBI_ERR_VALUE);
    SAYS("B_JER_lo.npy: B, lo of JER: row 4099: value is ");
    ck_assert_int_ne(access(packed.text, F_OK), 0);
}
END_TEST

/* A negative weight is refused wherever it lies. */
START_TEST(bad_weights)
{
    make(5000, 0, SBI_F64, SBI_MORPH_RATIO, 0);
    const test_path p = folder_path(&w.folder, "w.npy");
    const double bad = -1.0;
    const int fd = open(p.text, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, &bad, 8, 192 + 8 * 3000), 8);
    close(fd);
    sbi_model *m;
    ck_assert_int_eq(cw_load(&m, ctx, w.path.text, _i ? SBI_COLUMN_MEMORY_DEFAULT : 0), SBI_ERR_VALUE);
    SAYS("/channels/0/events/weights: w.npy: row 3000: weight is -1");
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

START_TEST(memory_does_not_grow_with_events)
{
    size_t used[2];
    for (int big = 0; big < 2; big++) {
        w = cw_make(ctx, big ? CW_LARGEST : 2 * 2048, 0, SBI_F64, SBI_MORPH_LOG, 0);
        sbi_context *own = cw_context(2);
        sbi_model *m;
        cw_answers a;
        ck_assert_int_eq(cw_load(&m, own, w.path.text, 0), SBI_OK);
        ck_assert_int_eq(cw_ask(m, &a), SBI_OK);
        sbi_model_destroy(m);
        used[big] = sbi_memory_peak(own);
        sbi_context_destroy(own);
        folder_remove(&w.folder);
    }
    w.folder.path[0] = '\0';
    ck_assert_msg(used[1] <= used[0] + used[0] / 5, "peak %zu at 4096 events, %zu at 16384", used[0], used[1]);
}
END_TEST

START_TEST(limits_of_memory)
{
    ck_assert_uint_eq(sbi_memory_of_limit("max\n"), 0);
    ck_assert_uint_eq(sbi_memory_of_limit("4294967296\n"), 4294967296u);
    ck_assert_uint_eq(sbi_memory_of_limit("9223372036854771712\n"), 0);
    ck_assert_uint_eq(sbi_memory_of_limit(""), 0);
    ck_assert_uint_eq(sbi_memory_of_limit("-1"), 0);
    ck_assert_uint_ge(sbi_memory_allowed(), 16u << 20);
    ck_assert_uint_gt(sbi_memory_available(), 0);
    ck_assert_uint_le(sbi_memory_available(), sbi_memory_allowed());
    ck_assert_uint_le(sbi_memory_allowed(), (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: columns in files");
    TCase *t = tcase_create("columns");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, the_same_bits_everywhere, 0, 12);
    tcase_add_loop_test(t, mixed_types, 0, 2);
    tcase_add_test(t, many_files);
    tcase_add_test(t, held_in_memory);
    tcase_add_test(t, digests);
    tcase_add_loop_test(t, not_a_file, 0, 5);
    tcase_add_loop_test(t, bad_values, 0, 4);
    tcase_add_loop_test(t, bad_weights, 0, 2);
    tcase_add_test(t, memory_does_not_grow_with_events);
    tcase_add_test(t, limits_of_memory);
    suite_add_tcase(s, t);
    return run_suite(s);
}
