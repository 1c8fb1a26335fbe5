/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: what is written comes back, what was damaged is found. */
#include "contract/temporary_folder.h"

#include "exec/journal.h"

static sbi_context *ctx;
static char folder[64], path[128];

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    make_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/journal", folder);
}

static void teardown(void)
{
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

static const char strange[] = "a b%\n\t\0\xff\xc3\xa9 \"end\" ";

static sbi_status compare(void *user, sbi_journal_fields *f)
{
    int *count = user;
    int64_t n;
    uint64_t u;
    char *bytes, *empty;
    size_t size, none;
    ck_assert_str_eq(sbi_journal_next_word(f), "kind");
    ck_assert(sbi_journal_next_i64(f, -1000, 1000, &n));
    ck_assert_int_eq(n, -*count);
    ck_assert(sbi_journal_next_u64(f, &u));
    ck_assert_uint_eq(u, UINT64_MAX);
    ck_assert(sbi_journal_next_bytes(f, &bytes, &size));
    ck_assert_uint_eq(size, sizeof strange - 1);
    ck_assert_mem_eq(bytes, strange, size);
    ck_assert(sbi_journal_next_bytes(f, &empty, &none));
    ck_assert_uint_eq(none, 0);
    ck_assert_ptr_null(sbi_journal_next_word(f));
    ck_assert(!sbi_journal_next_i64(f, 0, 9, &n));
    ++*count;
    return SBI_OK;
}

static void write_records(int first, int n)
{
    sbi_journal j;
    int count = 0;
    ck_assert_msg(sbi_journal_open(&j, ctx, path, 0, compare, &count) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(count, first);
    for (int i = 0; i < n; i++) {
        sbi_journal_begin(&j, "kind");
        sbi_journal_add_i64(&j, -(first + i));
        sbi_journal_add_u64(&j, UINT64_MAX);
        sbi_journal_add_bytes(&j, strange, sizeof strange - 1);
        sbi_journal_add_text(&j, "");
        ck_assert_int_eq(sbi_journal_end(&j), SBI_OK);
        if (i % 2) ck_assert_int_eq(sbi_journal_flush(&j, i % 3 == 0), SBI_OK);
    }
    ck_assert_int_eq(sbi_journal_flush(&j, 1), SBI_OK);
    sbi_journal_close(&j);
}

START_TEST(comes_back)
{
    write_records(0, 5);
    write_records(5, 4);
    write_records(9, 0);
}
END_TEST

/* Cut anywhere: the whole lines are there, and writing goes on. */
START_TEST(torn_last_line_is_dropped)
{
    write_records(0, 3);
    size_t size;
    char *whole = read_whole(path, &size);
    for (size_t cut = 0; cut <= size; cut++) {
        write_whole(path, whole, cut);
        int lines = 0;
        for (size_t i = 0; i < cut; i++) lines += whole[i] == '\n';
        write_records(lines, 3 - lines);
        size_t again;
        char *text = read_whole(path, &again);
        ck_assert_uint_eq(again, size);
        ck_assert_mem_eq(text, whole, size);
        free(text);
    }
    free(whole);
}
END_TEST

static sbi_status ignore(void *user, sbi_journal_fields *f)
{
    (void)user, (void)f;
    return SBI_OK;
}

START_TEST(any_other_damage_names_the_line)
{
    write_records(0, 4);
    size_t size;
    char *whole = read_whole(path, &size);
    int line = 1;
    for (size_t i = 0; i + 1 < size; i++) {
        char old = whole[i];
        whole[i] ^= old == '\n' ? 1 : 2;
        write_whole(path, whole, size);
        sbi_journal j;
        sbi_status status = sbi_journal_open(&j, ctx, path, 1, ignore, NULL);
        ck_assert_msg(status == SBI_ERR_FORMAT, "byte %zu changed from %d: %s", i, old, sbi_status_name(status));
        char expected[160];
        snprintf(expected, sizeof expected, "%s: line %d: damaged", path, line);
        ck_assert_msg(strncmp(sbi_last_error(), expected, strlen(expected)) == 0, "%s", sbi_last_error());
        whole[i] = old;
        line += old == '\n';
    }
    /* A line that is missing or moved is as bad as one that was changed. */
    char *second = strchr(whole, '\n') + 1, *third = strchr(second, '\n') + 1;
    char *text = malloc(size);
    memcpy(text, whole, (size_t)(second - whole));
    memcpy(text + (second - whole), third, size - (size_t)(third - whole));
    write_whole(path, text, size - (size_t)(third - second));
    sbi_journal j;
    ck_assert_int_eq(sbi_journal_open(&j, ctx, path, 0, ignore, NULL), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "line 2"));
    free(text);
    free(whole);
}
END_TEST

START_TEST(malformed_fields_are_refused)
{
    int64_t n;
    uint64_t u;
    char *bytes;
    size_t size;
    const char *bad[] = {"", "x", "-", "1x", "99999999999999999999999", "-99999999999999999999999", "+1", "0x1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s", bad[i]);
        sbi_journal_fields f = {ctx, text};
        ck_assert(!sbi_journal_next_i64(&f, INT64_MIN, INT64_MAX, &n));
        snprintf(text, sizeof text, "%s", bad[i]);
        f.at = text;
        ck_assert(!sbi_journal_next_u64(&f, &u));
    }
    const char *escapes[] = {"%4", "ab%", "%4g", "%G0", "%%"};
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s", escapes[i]);
        sbi_journal_fields f = {ctx, text};
        ck_assert(!sbi_journal_next_bytes(&f, &bytes, &size));
    }
    char text[] = "11";
    sbi_journal_fields f = {ctx, text};
    ck_assert(!sbi_journal_next_i64(&f, 0, 10, &n));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec: journal");
    TCase *tc = tcase_create("journal");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, comes_back);
    tcase_add_test(tc, torn_last_line_is_dropped);
    tcase_add_test(tc, any_other_damage_names_the_line);
    tcase_add_test(tc, malformed_fields_are_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
