/* SPDX-License-Identifier: Apache-2.0 */
/* Files of columns that change, end or fail under a model, and memory that runs out: a status each. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "column_workspace.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())

/* ---- reads that go wrong ------------------------------------------------------------------------------------------ */

/* This definition takes the place of the C library's in this program. */
enum { READ_WELL, READ_ERROR, READ_END, READ_SHORT, READ_INTERRUPTED };
static atomic_long reads;
static atomic_long fail_at; /* counted from 1 */
static atomic_int how;

ssize_t pread(int fd, void *out, size_t size, off_t at)
{
    const long read = atomic_fetch_add(&reads, 1) + 1;
    if (read == atomic_load(&fail_at)) {
        switch (atomic_load(&how)) {
        case READ_ERROR: errno = EIO; return -1;
        case READ_END: return 0;
        case READ_SHORT: size = (size + 1) / 2; break;
        case READ_INTERRUPTED: errno = EINTR; return -1;
        default: break;
        }
    }
    return (ssize_t)syscall(SYS_pread64, fd, out, size, at);
}

static column_workspace w;
static sbi_context *ctx;

static void make(int64_t events, int64_t integration, int32_t dtype, int32_t storage, int mixed)
{
    w = cw_make(ctx, events, integration, dtype, storage, mixed);
}

static void set_up(void)
{
    atomic_store(&fail_at, 0);
    ctx = cw_context(2);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    if (w.folder.path[0]) folder_remove(&w.folder);
    w.folder.path[0] = '\0';
}

/* ---- files that change ------------------------------------------------------------------------------------------------ */

static void copy_file(const char *from, const char *to)
{
    static char buffer[1 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    ck_assert(in && out);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;) ck_assert_uint_eq(fwrite(buffer, 1, n, out), n);
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
    /* Not within one tick of what happens to it next. */
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    ck_assert_int_eq(utimensat(AT_FDCWD, to, old, 0), 0);
}

typedef struct vandal {
    const char *path, *copy;
    int kind;
    atomic_int done;
    useconds_t delay;
} vandal;

/* Truncates the file, to nothing or somewhere, or writes into it, or takes it away. */
static void *spoil(void *arg)
{
    vandal *v = arg;
    usleep(v->delay);
    struct stat s;
    int ok = stat(v->path, &s) == 0;
    switch (v->kind) {
    case 0: ok &= truncate(v->path, 0) == 0; break;
    case 1: ok &= truncate(v->path, s.st_size - 4096) == 0; break;
    case 2: {
        const int fd = open(v->path, O_WRONLY);
        ok &= fd >= 0 && pwrite(fd, "\0\0\0\0\0\0\0\0", 8, 4096) == 8;
        close(fd);
        break;
    }
    default: ok &= rename(v->copy, v->path) == 0; break; /* harmless: the model keeps the old file */
    }
    atomic_store(&v->done, ok ? 1 : -1);
    return NULL;
}

START_TEST(files_that_change)
{
    make(6 * 2048, 0, SBI_F16, SBI_MORPH_LOG, 0);
    const test_path packed = folder_path(&w.folder, "packed.json"), good = folder_path(&w.folder, "good.npy");
    const test_path spare = folder_path(&w.folder, "spare.npy");
    ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, packed.text, NULL), SBI_OK);
    /* A packed store, and single columns. */
    const test_path path = folder_path(&w.folder, _i ? "B_PDF_lo.npy" : "packed.channel0.npy");
    const char *name = _i ? "B_PDF_lo.npy" : "packed.channel0.npy";
    copy_file(path.text, good.text);
    for (int round = 0; round < 220; round++) {
        copy_file(good.text, path.text); /* in place: the last round's file may be short */
        copy_file(good.text, spare.text);
        sbi_model *m;
        sbi_model_work *work;
        double value, gradient[CW_PARAMETERS], first;
        ck_assert_msg(cw_load(&m, ctx, _i ? w.path.text : packed.text, 0) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
        ck_assert_int_eq(sbi_model_nll(work, cw_theta, &first, gradient), SBI_OK);
        vandal v = {.path = path.text, .copy = spare.text, .kind = round % 4, .delay = (useconds_t)(round % 23 * 40)};
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, spoil, &v), 0);
        int after = 0;
        while (!after) {
            after = atomic_load(&v.done);
            const sbi_status status = sbi_model_nll(work, cw_theta, &value, gradient);
            ck_assert_msg(status == SBI_OK || status == SBI_ERR_IO, "%s: %s", sbi_status_name(status), sbi_last_error());
            if (status == SBI_OK) ck_assert_double_eq(value, first);
            if (status == SBI_ERR_IO) SAYS(name);
            if (after && round % 4 != 3) ck_assert_int_eq(status, SBI_ERR_IO);
            if (after && round % 4 == 3) ck_assert_int_eq(status, SBI_OK);
        }
        pthread_join(thread, NULL);
        ck_assert_int_eq(after, 1);
        if (round % 4 != 3) { /* every entry says so */
            double H[CW_PARAMETERS * CW_PARAMETERS];
            ck_assert_int_eq(sbi_model_hessian(work, cw_theta, &value, gradient, H), SBI_ERR_IO);
            ck_assert_int_eq(sbi_model_hvp(work, cw_theta, cw_theta, 1, gradient), SBI_ERR_IO);
            SAYS(round % 4 == 2 ? "was written to after it was opened" : "bytes");
        }
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
}
END_TEST

/* Each read of loading and evaluating in turn: an error and an early end are SBI_ERR_IO, short and interrupted reads nothing. */
START_TEST(each_read_fails)
{
    const int kind = READ_ERROR + _i % 4, packed = _i / 4;
    make(2 * 2048 + 9, 2048 + 3, SBI_F16, SBI_MORPH_LOG, 0);
    test_path path = w.path;
    cw_answers want, got;
    if (packed) {
        path = folder_path(&w.folder, "packed.json");
        ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, path.text, NULL), SBI_OK);
    }
    cw_load_and_ask(path.text, 1, 0, &want);
    int done = 0;
    sbi_context *own = cw_context(2);
    long k = 1;
    for (; !done; k += packed ? 1 : 3) {
        atomic_store(&how, kind);
        atomic_store(&reads, 0);
        atomic_store(&fail_at, k);
        sbi_model *m = NULL;
        sbi_status status = cw_load(&m, own, path.text, k % 2 ? 0 : 60000);
        if (status == SBI_OK) status = cw_ask(m, &got);
        done = atomic_load(&reads) < k;
        atomic_store(&fail_at, 0);
        if (done || kind == READ_SHORT || kind == READ_INTERRUPTED) {
            ck_assert_msg(status == SBI_OK, "read %ld: %s", k, sbi_last_error());
            ck_assert_int_eq(memcmp(&want, &got, sizeof got), 0);
        } else {
            ck_assert_int_eq(status, SBI_ERR_IO);
            SAYS(".npy");
            SAYS("byte ");
        }
        sbi_model_destroy(m);
    }
    ck_assert_int_gt(k, 100);
    sbi_context_destroy(own);
}
END_TEST

/* The same for packing, which leaves nothing behind where it fails. */
START_TEST(each_read_of_packing_fails)
{
    make(2 * 2048 + 9, 2048 + 3, SBI_F64, SBI_MORPH_RATIO, 0);
    const test_path packed = folder_path(&w.folder, "p.json"), store = folder_path(&w.folder, "p.channel0.npy");
    const test_path integration = folder_path(&w.folder, "p.channel0_integration.npy");
    const int files = folder_count(&w.folder);
    int done = 0;
    long k = 1;
    for (; !done; k++) {
        atomic_store(&how, _i ? READ_END : READ_ERROR);
        atomic_store(&reads, 0);
        atomic_store(&fail_at, k);
        const sbi_status status = sbi_workspace_pack(ctx, w.path.text, packed.text, NULL);
        done = atomic_load(&reads) < k;
        atomic_store(&fail_at, 0);
        ck_assert_msg(status == (done ? SBI_OK : SBI_ERR_IO), "read %ld: %s", k, sbi_last_error());
        ck_assert_int_eq(folder_count(&w.folder), files + (done ? 3 : 0));
    }
    ck_assert_int_gt(k, 40);
    ck_assert_int_eq(unlink(packed.text) | unlink(store.text) | unlink(integration.text), 0);
}
END_TEST

static sbi_status torture_streamed(sbi_context *c, void *path)
{
    sbi_model *m;
    cw_answers a;
    sbi_status status = cw_load(&m, c, path, 20000);
    if (status == SBI_OK) status = cw_ask(m, &a);
    sbi_model_destroy(m);
    return status;
}

START_TEST(memory_runs_out)
{
    make(2100, 2049, SBI_F16, SBI_MORPH_LOG, 0);
    const test_path packed = folder_path(&w.folder, "packed.json");
    ck_assert_int_eq(sbi_workspace_pack(ctx, w.path.text, packed.text, NULL), SBI_OK);
    test_path p = _i % 2 ? packed : w.path;
    ck_assert_int_gt(torture_allocations(torture_streamed, p.text, 1 + _i / 2, _i / 2).requests, 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: files of columns that fail");
    TCase *t = tcase_create("faults");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, files_that_change, 0, 2);
    tcase_add_loop_test(t, each_read_fails, 0, 8);
    tcase_add_loop_test(t, each_read_of_packing_fails, 0, 2);
    tcase_add_loop_test(t, memory_runs_out, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
