/* SPDX-License-Identifier: Apache-2.0 */
/* Files: atomic writes and what is left when they fail, whole reads, mappings, paths. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
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

static void expect_content(const char *path, const char *wanted)
{
    void *data;
    size_t size;
    ck_assert_int_eq(sbi_file_read(ctx, path, 0, &data, &size), SBI_OK);
    ck_assert_uint_eq(size, strlen(wanted));
    ck_assert_str_eq(data, wanted);
    sbi_free(ctx, data);
}

START_TEST(an_atomic_write)
{
    test_path p = folder_path(&folder, "a.txt");
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "old", 3), SBI_OK);
    sbi_file_writer *w;
    ck_assert_int_eq(sbi_file_writer_open(&w, ctx, p.text), SBI_OK);
    ck_assert_int_eq(sbi_file_writer_write(w, "0123", 4), SBI_OK);
    ck_assert_int_eq(sbi_file_writer_write(w, "4567", 4), SBI_OK);
    ck_assert_int_eq(sbi_file_writer_patch(w, 1, "xy", 2), SBI_OK);
    ck_assert_int_eq(sbi_file_writer_patch(w, 7, "xy", 2), SBI_ERR_INTERNAL);
    ck_assert_int_eq(sbi_file_writer_patch(w, UINT64_MAX, "x", 1), SBI_ERR_INTERNAL);
    ck_assert_uint_eq(sbi_file_writer_size(w), 8);
    expect_content(p.text, "old");
    ck_assert_int_eq(sbi_file_writer_commit(w), SBI_OK);
    expect_content(p.text, "0xy34567");
    ck_assert_int_eq(folder_count(&folder), 1);
    ck_assert_int_eq(sbi_file_write(ctx, p.text, NULL, 0), SBI_OK);
    expect_content(p.text, "");
}
END_TEST

START_TEST(an_abandoned_write)
{
    test_path p = folder_path(&folder, "a.txt");
    sbi_file_writer *w;
    ck_assert_int_eq(sbi_file_writer_open(&w, ctx, p.text), SBI_OK);
    ck_assert_int_eq(sbi_file_writer_write(w, "0123", 4), SBI_OK);
    sbi_file_writer_abandon(w);
    sbi_file_writer_abandon(NULL);
    ck_assert_int_eq(folder_count(&folder), 0);
}
END_TEST

START_TEST(names_left_by_a_killed_process)
{
    /* In a container the next process may well have the same number. */
    test_path p = folder_path(&folder, "a.txt");
    for (unsigned i = 0; i < 3; i++) {
        char stale[600];
        snprintf(stale, sizeof stale, "%s.%ld.%u.tmp", p.text, (long)getpid(), i);
        int fd = open(stale, O_CREAT | O_WRONLY, 0600);
        ck_assert_int_ge(fd, 0);
        close(fd);
    }
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "new", 3), SBI_OK);
    expect_content(p.text, "new");
    ck_assert_int_eq(folder_count(&folder), 4);
}
END_TEST

START_TEST(create_never_replaces)
{
    test_path p = folder_path(&folder, "claim");
    ck_assert_int_eq(sbi_file_create(ctx, p.text, "one", 3), SBI_OK);
    ck_assert_int_eq(sbi_file_create(ctx, p.text, "two", 3), SBI_ERR_EXISTS);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), p.text));
    expect_content(p.text, "one");
    ck_assert_int_eq(folder_count(&folder), 1);
}
END_TEST

typedef struct race {
    char path[600];
    pthread_barrier_t barrier;
    atomic_int winners, losers;
} race;

static void *run_race(void *arg)
{
    race *r = arg;
    pthread_barrier_wait(&r->barrier);
    sbi_status status = sbi_file_create(ctx, r->path, "x", 1);
    atomic_fetch_add(status == SBI_OK ? &r->winners : &r->losers, status == SBI_OK || status == SBI_ERR_EXISTS);
    return NULL;
}

START_TEST(one_creator_wins)
{
    race r;
    memset(&r, 0, sizeof r);
    pthread_barrier_init(&r.barrier, NULL, 4);
    for (int again = 0; again < 20; again++) {
        snprintf(r.path, sizeof r.path, "%s/claim-%d", folder.path, again);
        pthread_t t[4];
        for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, run_race, &r);
        for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    }
    pthread_barrier_destroy(&r.barrier);
    ck_assert_int_eq(r.winners, 20);
    ck_assert_int_eq(r.losers, 60);
    ck_assert_int_eq(folder_count(&folder), 20);
}
END_TEST

/* ---- what fails ---- */

/* Writes until the disk is full; the old content must stay and nothing must be left beside it. */
static void fill_up(const char *path)
{
    static char block[1 << 16];
    ck_assert_int_eq(sbi_file_write(ctx, path, "old", 3), SBI_OK);
    sbi_file_writer *w;
    ck_assert_int_eq(sbi_file_writer_open(&w, ctx, path), SBI_OK);
    sbi_status status = SBI_OK;
    for (int i = 0; i < 1000 && status == SBI_OK; i++) status = sbi_file_writer_write(w, block, sizeof block);
    ck_assert_int_eq(status, SBI_ERR_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), path));
    /* A caller that overlooks the failure must not get half a file either. */
    ck_assert_int_eq(sbi_file_writer_commit(w), SBI_ERR_NO_SPACE);
    expect_content(path, "old");
    static char large[8 << 20];
    ck_assert_int_eq(sbi_file_write(ctx, path, large, sizeof large), SBI_ERR_NO_SPACE);
    expect_content(path, "old");
}

START_TEST(a_file_size_limit)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGXFSZ, &ignore, &old);
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit;
    small.rlim_cur = 1 << 20;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    test_path p = folder_path(&folder, "a.bin");
    fill_up(p.text);
    setrlimit(RLIMIT_FSIZE, &limit);
    sigaction(SIGXFSZ, &old, NULL);
    ck_assert_int_eq(folder_count(&folder), 1);
}
END_TEST

START_TEST(a_full_disk)
{
    /* A small tmpfs in a mount namespace of our own, where the machine allows that. */
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", folder.path, "tmpfs", 0, "size=1m")) {
        printf("skipped: a_full_disk: no tmpfs can be mounted here (%s); a_file_size_limit covers the rest\n",
               strerror(errno));
        return;
    }
    test_path p = folder_path(&folder, "a.bin");
    fill_up(p.text);
    ck_assert_int_eq(folder_count(&folder), 1);
    umount(folder.path);
}
END_TEST

START_TEST(a_read_only_folder)
{
    test_path p = folder_path(&folder, "a.txt"), other = folder_path(&folder, "sub/b");
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "old", 3), SBI_OK);
    ck_assert_int_eq(chmod(folder.path, 0555), 0);
    /* Root may write anywhere: test as nobody, in a child. */
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && setuid(65534)) _exit(9);
        sbi_file_writer *w;
        int fine = sbi_file_writer_open(&w, ctx, p.text) == SBI_ERR_PERMISSION && !w;
        fine = fine && strstr(sbi_last_error(), "a.txt") && strstr(sbi_last_error(), "ermission denied");
        fine = fine && sbi_file_write(ctx, p.text, "new", 3) == SBI_ERR_PERMISSION;
        fine = fine && sbi_file_create(ctx, p.text, "new", 3) == SBI_ERR_PERMISSION;
        fine = fine && sbi_path_make_folder(ctx, other.text) == SBI_ERR_PERMISSION;
        _exit(fine ? 0 : 1);
    }
    int result;
    waitpid(child, &result, 0);
    chmod(folder.path, 0755);
    ck_assert(WIFEXITED(result));
    ck_assert_int_eq(WEXITSTATUS(result), 0);
    expect_content(p.text, "old");
    ck_assert_int_eq(folder_count(&folder), 1);
}
END_TEST

START_TEST(targets_that_cannot_be)
{
    test_path missing = folder_path(&folder, "missing/a.txt"), dir = folder_path(&folder, "dir");
    ck_assert_int_eq(sbi_file_write(ctx, missing.text, "x", 1), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), missing.text));
    ck_assert_int_eq(mkdir(dir.text, 0755), 0);
    ck_assert_int_eq(sbi_file_write(ctx, dir.text, "x", 1), SBI_ERR_IO);
    ck_assert_int_eq(folder_count(&folder), 1);
    void *data = &missing;
    size_t size = 7;
    ck_assert_int_eq(sbi_file_read(ctx, dir.text, 0, &data, &size), SBI_ERR_IO);
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(size, 0);
    ck_assert_int_eq(sbi_file_read(ctx, missing.text, 0, &data, &size), SBI_ERR_NOT_FOUND);
    sbi_mapping m;
    ck_assert_int_eq(sbi_file_map(&m, missing.text), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_file_map(&m, dir.text), SBI_ERR_IO);
    sbi_file_unmap(&m);
    /* A pipe must not make us wait for a writer. */
    test_path pipe_path = folder_path(&folder, "pipe");
    ck_assert_int_eq(mkfifo(pipe_path.text, 0600), 0);
    ck_assert_int_eq(sbi_file_read(ctx, pipe_path.text, 0, &data, &size), SBI_ERR_IO);
    ck_assert_int_eq(sbi_file_map(&m, pipe_path.text), SBI_ERR_IO);
}
END_TEST

static sbi_status all_file_functions(sbi_context *c, void *arg)
{
    const char *path = arg;
    void *data;
    size_t size;
    SBI_TRY(sbi_file_write(c, path, "content", 7));
    SBI_TRY(sbi_file_read(c, path, 0, &data, &size));
    sbi_free(c, data);
    SBI_TRY(sbi_path_make_folder(c, folder.path));
    char *name = sbi_path_join(c, "a", "b");
    if (!name) return SBI_ERR_NO_MEMORY;
    sbi_free(c, name);
    sbi_status status = sbi_file_create(c, path, "other", 5);
    return status == SBI_ERR_EXISTS ? SBI_OK : status;
}

START_TEST(every_allocation_may_fail)
{
    test_path p = folder_path(&folder, "a.txt");
    for (int all_later = 0; all_later < 2; all_later++) {
        torture_report r = torture_allocations(all_file_functions, p.text, 1, all_later);
        ck_assert_int_gt(r.requests, 8);
        ck_assert_int_eq(r.tolerated, 0);
        ck_assert_int_eq(folder_count(&folder), 1);
        expect_content(p.text, "content");
    }
}
END_TEST

START_TEST(reads_and_mappings)
{
    test_path p = folder_path(&folder, "a.bin"), empty = folder_path(&folder, "empty");
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "a\0b", 3), SBI_OK);
    ck_assert_int_eq(sbi_file_write(ctx, empty.text, "", 0), SBI_OK);
    void *data;
    size_t size;
    ck_assert_int_eq(sbi_file_read(ctx, p.text, 3, &data, &size), SBI_OK);
    ck_assert_uint_eq(size, 3);
    ck_assert_mem_eq(data, "a\0b\0", 4);
    sbi_free(ctx, data);
    ck_assert_int_eq(sbi_file_read(ctx, p.text, 2, &data, &size), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "3 bytes are over the limit of 2"));
    sbi_mapping m;
    ck_assert_int_eq(sbi_file_map(&m, p.text), SBI_OK);
    ck_assert_uint_eq(m.size, 3);
    ck_assert_mem_eq(m.data, "a\0b", 3);
    sbi_file_unmap(&m);
    ck_assert_ptr_null(m.data);
    ck_assert_int_eq(sbi_file_map(&m, empty.text), SBI_OK);
    ck_assert_uint_eq(m.size, 0);
    sbi_file_unmap(&m);
}
END_TEST

START_TEST(paths)
{
    const char *joins[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        char *joined = sbi_path_join(ctx, joins[i][0], joins[i][1]);
        ck_assert_str_eq(joined, joins[i][2]);
        sbi_free(ctx, joined);
    }
    const char *folders[][2] = {{"a", "."}, {"a/b", "a"}, {"/a", "/"}, {"/a/b/c", "/a/b"}};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char *f = sbi_path_folder(ctx, folders[i][0]);
        ck_assert_str_eq(f, folders[i][1]);
        sbi_free(ctx, f);
    }
    test_path deep = folder_path(&folder, "x/y//z/"), file = folder_path(&folder, "file");
    ck_assert_int_eq(sbi_path_make_folder(ctx, deep.text), SBI_OK);
    ck_assert_int_eq(sbi_path_make_folder(ctx, deep.text), SBI_OK);
    ck_assert(sbi_path_exists(deep.text));
    ck_assert(!sbi_path_exists(file.text));
    ck_assert_int_eq(sbi_file_write(ctx, file.text, "", 0), SBI_OK);
    ck_assert_int_eq(sbi_path_make_folder(ctx, file.text), SBI_ERR_IO);
    test_path below = folder_path(&folder, "file/sub");
    ck_assert_int_eq(sbi_path_make_folder(ctx, below.text), SBI_ERR_IO);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "Not a directory"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base: files");
    TCase *tc = tcase_create("files");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, an_atomic_write);
    tcase_add_test(tc, an_abandoned_write);
    tcase_add_test(tc, names_left_by_a_killed_process);
    tcase_add_test(tc, create_never_replaces);
    tcase_add_test(tc, one_creator_wins);
    tcase_add_test(tc, a_file_size_limit);
    tcase_add_test(tc, a_full_disk);
    tcase_add_test(tc, a_read_only_folder);
    tcase_add_test(tc, targets_that_cannot_be);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, reads_and_mappings);
    tcase_add_test(tc, paths);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
