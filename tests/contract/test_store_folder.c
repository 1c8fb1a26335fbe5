/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "contract/store_conformance.h"
#include "support/folder.h"
#include "support/run_suite.h"

static test_folder folder;

static sbi_status open_folder(void *user, sbi_context *ctx, sbi_store **out)
{
    (void)user;
    return sbi_store_open(out, ctx, folder_path(&folder, "store").text, NULL);
}

START_TEST(opening)
{
    sbi_context *ctx;
    sbi_store *s;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "file:///folder/x", " { } "), SBI_OK);
    ck_assert_str_eq(sbi_store_url(s), "file:///folder/x");
    sbi_store_close(s);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "/folder/x", "{\"a\": 1}"), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "file://elsewhere/x", NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "relative", NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "s3://me:secret@bucket/x", NULL), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(strstr(sbi_last_error(), "secret"));
    ck_assert_int_eq(sbi_store_open(&s, ctx, "nosuch://x", NULL) == SBI_OK, 0);
    ck_assert_ptr_null(s);
    sbi_store_close(NULL);
    sbi_context_destroy(ctx);
}
END_TEST

/* A process that dies while it writes leaves no object. */
START_TEST(killed_while_writing)
{
    sbi_context *ctx;
    sbi_store *s;
    sbi_store_info info = {.struct_size = sizeof info};
    test_folder f = folder_make();
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_store_open(&s, ctx, f.path, NULL), SBI_OK);
    int fd = open(folder_path(&f, "left.1.0.tmp").text, O_CREAT | O_WRONLY, 0666);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(sbi_store_stat(s, "left", &info), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_store_put_bytes(s, "left", "x", 1, SBI_STORE_CREATE), SBI_OK);
    ck_assert_int_eq(folder_count(&f), 2);
    sbi_store_close(s);
    sbi_context_destroy(ctx);
    folder_remove(&f);
}
END_TEST

static sbi_status open_mine(void *user, sbi_context *ctx, const char *url, const char *config, const sbi_store_ops **ops, void **self)
{
    (void)user, (void)ctx, (void)url, (void)config, (void)ops, (void)self;
    return sbi_error_set(SBI_ERR_VALUE, "mine was asked");
}

START_TEST(kinds_of_ones_own)
{
    sbi_context *ctx;
    sbi_store *s;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_store_register(ctx, "mine", open_mine, NULL), SBI_OK);
    ck_assert_int_eq(sbi_store_register(ctx, "mine", open_mine, NULL), SBI_ERR_EXISTS);
    ck_assert_int_eq(sbi_store_register(ctx, "file", open_mine, NULL), SBI_ERR_EXISTS);
    ck_assert_int_eq(sbi_store_register(ctx, "Mine", open_mine, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "mine://x", NULL), SBI_ERR_VALUE);
    ck_assert_str_eq(sbi_last_error(), "mine was asked");
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    static const store_factory factory = {"store folder", open_folder, NULL, 0, 0};
    const char *base = getenv("TMPDIR"); /* folder_make() works inside tests only */
    snprintf(folder.path, sizeof folder.path, "%s/sbi-test-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(folder.path)) return EXIT_FAILURE;
    Suite *suite = store_conformance_suite(&factory);
    TCase *t = tcase_create("folder");
    tcase_add_test(t, opening);
    tcase_add_test(t, killed_while_writing);
    tcase_add_test(t, kinds_of_ones_own);
    suite_add_tcase(suite, t);
    const int result = run_suite(suite);
    folder_remove(&folder);
    return result;
}
