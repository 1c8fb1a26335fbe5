/* SPDX-License-Identifier: Apache-2.0 */
/* What sbi-campaign prints of a campaign whose clock stands still, against files in tests/data/campaign; SBI_CAMPAIGN_RECORD=1 writes them anew. */
#include <sys/wait.h>

#include "base/file.h"
#include "base/text.h"
#include "contract/temporary_folder.h"
#include "exec/journal.h"

static sbi_context *ctx;
static char folder[64];

static sbi_status ignore(void *user, sbi_journal_fields *fields)
{
    (void)user;
    (void)fields;
    return SBI_OK;
}

static void setup(void)
{
    static const char *const records[] = {
        "campaign 1", "add 1700000000000 member-0 4000000 8589934592 0 x", "hints 1700000000000 0 1000000 train",
        "add 1700000000000 member-1 4000000 8589934592 0 y", "hints 1700000000000 1 1000000 train", "add 1700000000000 fit 1000000 0 2 0 1 z",
        "hints 1700000000000 2 0 fit", "add 1700000000000 merge 0 0 1 2 m", "prices 1700000000000 50000000 350000000 4446000 EUR",
        "executor 1700000000000 local {%22threads%22:2} 1", "run 1700000000000 local", "submit 1700000000000 0 1 8589934592",
        "submit 1700000000000 1 1 8589934592", "state 1700000010000 0 1 2 0 0 0 node-a %", "state 1700000020000 1 1 2 0 0 0 node-b %",
        "state 1700001810000 1 1 14 -22 1790000000 1073741824 node-b the%20host%20wants%20its%20%22place%22%20back 7000000000",
        "submit 1700001811000 1 2 8589934592", "state 1700001900000 1 2 2 0 0 0 node-a %",
        "state 1700003610000 0 1 10 0 3600000000 2147483648 node-a % 14000000000",
        "done 1700003611000 0 100 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "state 1700005500000 1 2 10 0 3600000000 2147483648 node-a % 14000000000",
        "done 1700005501000 1 100 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "submit 1700005502000 2 1 0",
        "state 1700005503000 2 1 2 0 0 0 node-c %", "state 1700007200000 2 1 11 -18 1697000000 536870912 node-c NaN%1b[31m 1600000000",
        "giveup 1700007200000 2"};
    char path[128];
    sbi_journal j;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    make_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/journal", folder);
    ck_assert_int_eq(sbi_journal_open(&j, ctx, path, 0, ignore, NULL), SBI_OK);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        sbi_journal_begin(&j, records[i]);
        ck_assert_int_eq(sbi_journal_end(&j), SBI_OK);
    }
    ck_assert_int_eq(sbi_journal_flush(&j, 0), SBI_OK);
    sbi_journal_close(&j);
}

static void teardown(void)
{
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

/* Output and exit code of a command; the folder stands between command and options. */
static char *run(const char *command, const char *options, int *code)
{
    const char *build = getenv("SBI_BUILD");
    char line[512], output[128];
    snprintf(output, sizeof output, "%s/output", folder);
    snprintf(line, sizeof line, "COLUMNS=70 %s/bin/sbi-campaign %s %s %s > %s 2> /dev/null", build ? build : "build", command, folder, options,
             output);
    const int how = system(line);
    ck_assert_msg(WIFEXITED(how), "%s", line);
    *code = WEXITSTATUS(how);
    return read_whole(output, NULL);
}

static const struct {
    const char *command, *options, *file;
} looks[] = {{"status", "", "status.txt"},       {"status", "--json", "status.json"},     {"tasks", "", "tasks.txt"},
             {"tasks", "--json", "tasks.json"},  {"events", "", "events.txt"},            {"events", "--json", "events.json"},
             {"timeline", "", "timeline.txt"},   {"timeline", "--json", "timeline.json"}, {"cost", "", "cost.txt"},
             {"cost", "--json", "cost.json"},    {"cost", "--core-hour 1 --currency USD", "cost_other.txt"}};

START_TEST(output_is_as_recorded)
{
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        char path[128];
        int code;
        char *text = run(looks[i].command, looks[i].options, &code);
        ck_assert_int_eq(code, 0);
        snprintf(path, sizeof path, "tests/data/campaign/%s", looks[i].file);
        if (getenv("SBI_CAMPAIGN_RECORD")) write_whole(path, text, strlen(text));
        char *expected = read_whole(path, NULL);
        ck_assert_msg(strcmp(text, expected) == 0, "%s %s: expected\n%s\nnot\n%s", looks[i].command, looks[i].options, expected, text);
        free(expected);
        free(text);
    }
}
END_TEST

START_TEST(wrong_usage_is_refused)
{
    static const char *const wrong[][2] = {{"statuses", ""},        {"status", "--follow"},     {"status", "task"},       {"logs", ""},
                                           {"events", "--interval"}, {"events", "--interval x"}, {"resume", "--json"},     {"cost", "--core-hour -1"},
                                           {"timeline", "--width 3"}, {"resume", "--threads 0"},  {"cancel", "--events f"}};
    int code;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        free(run(wrong[i][0], wrong[i][1], &code));
        ck_assert_msg(code == 2, "%s %s: %d", wrong[i][0], wrong[i][1], code);
    }
    free(run("logs", "nobody", &code));
    ck_assert_int_eq(code, 1);
    free(run("retry", "m", &code)); /* several begin so */
    ck_assert_int_eq(code, 1);
    free(run("resume", "--config /nowhere", &code));
    ck_assert_int_eq(code, 1);
}
END_TEST

/* The specs are no jobs, so that each task that is tried fails: 3, and what was named was tried. */
START_TEST(commands_that_change_things_do)
{
    int code;
    free(run("cancel", "", &code));
    ck_assert_int_eq(code, 0);
    free(run("retry", "member-1 --max-failures 5", &code));
    ck_assert_int_eq(code, 3);
    char *text = run("tasks", "--json", &code);
    ck_assert_ptr_nonnull(strstr(text, "{\"key\":\"member-1\",\"stage\":\"train\",\"state\":\"given up\",\"attempts\":3,"));
    ck_assert_ptr_nonnull(strstr(text, "{\"key\":\"fit\",\"stage\":\"fit\",\"state\":\"given up\",\"attempts\":1,"));
    free(text);
    free(run("resume", "--events /nowhere/events", &code));
    ck_assert_int_eq(code, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("programs: sbi-campaign");
    TCase *tc = tcase_create("commands");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, output_is_as_recorded);
    tcase_add_test(tc, wrong_usage_is_refused);
    tcase_add_test(tc, commands_that_change_things_do);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
