/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts and what hangs off them: option structs, messages, log, progress, cancellation, attachments, versions. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attach.h"
#include "base/error.h"
#include "base/isa.h"
#include "base/log.h"
#include "base/options.h"
#include "base/processors.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

/* ---- option structs ---- */

typedef struct newer_options {
    sbi_context_options known;
    int64_t added[2];
} newer_options;

START_TEST(an_options_struct_that_is_longer)
{
    newer_options o = {SBI_CONTEXT_OPTIONS_INIT, {0, 0}};
    o.known.struct_size = sizeof o;
    o.known.threads = 2;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &o.known), SBI_OK);
    ck_assert_int_eq(sbi_context_threads(ctx), 2);
    sbi_context_destroy(ctx);
    /* A newer caller that sets something we do not know must not be misunderstood. */
    for (size_t byte = sizeof(sbi_context_options); byte < sizeof o; byte++) {
        newer_options set = o;
        ((unsigned char *)&set)[byte] = 1;
        ctx = (sbi_context *)&o;
        ck_assert_int_eq(sbi_context_create(&ctx, &set.known), SBI_ERR_ABI);
        ck_assert_ptr_null(ctx);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "sbi_context_options"));
    }
}
END_TEST

START_TEST(an_options_struct_that_is_shorter)
{
    sbi_context_options o;
    memset(&o, 0xee, sizeof o); /* what lies behind an older caller's struct */
    const sbi_context_options defaults = SBI_CONTEXT_OPTIONS_INIT;
    memcpy(&o, &defaults, 16);
    o.struct_size = 16;
    o.threads = 3;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
    ck_assert_int_eq(sbi_context_threads(ctx), 3);
    sbi_log(ctx, SBI_LOG_ERROR, "goes nowhere"); /* not to a pointer made of garbage */
    ck_assert(!sbi_cancelled(ctx));
    sbi_context_destroy(ctx);

    const uint32_t bad[] = {0, 1, 4, 15, 17, 18, 19, 0xeeeeeeee, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o.struct_size = bad[i];
        ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_ERR_ABI);
        ck_assert_ptr_null(ctx);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "struct_size"));
    }
}
END_TEST

START_TEST(options_with_garbage)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT, filled;
    memset(&filled, 0xee, sizeof filled);
    sbi_context_options_init(&filled);
    ck_assert_mem_eq(&o, &filled, sizeof o);
    sbi_context_options_init(NULL);
    sbi_context *ctx;
    o.reserved_ = 7;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "reserved_ is 7"));
    sbi_context_options_init(&o);
    o.threads = -1;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "threads is -1"));
    o.threads = 1 << 20;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_ERR_ARGUMENT);
    sbi_context_options_init(&o);
    o.allocate = failing_allocate;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(ctx);
    ck_assert_int_eq(sbi_context_create(NULL, NULL), SBI_ERR_ARGUMENT);
    sbi_context_destroy(NULL);
    sbi_context_cancel(NULL, 1);
    ck_assert_int_eq(sbi_context_threads(NULL), 0);
}
END_TEST

START_TEST(defaults_survive_what_is_not_given)
{
    struct {
        uint32_t struct_size;
        int32_t a, b, c;
    } known = {16, 1, 2, 3}, user = {8, 10, 20, 30};
    ck_assert_int_eq(sbi_options_read(&known, sizeof known, 8, NULL, "x"), SBI_OK);
    ck_assert_int_eq(known.a, 1);
    ck_assert_int_eq(sbi_options_read(&known, sizeof known, 8, &user, "x"), SBI_OK);
    ck_assert_int_eq(known.a, 10);
    ck_assert_int_eq(known.b, 2);
    ck_assert_int_eq(known.c, 3);
    ck_assert_uint_eq(known.struct_size, 16);
}
END_TEST

/* ---- messages ---- */

START_TEST(every_status_has_a_name)
{
    for (sbi_status s = 0; s >= SBI_STATUS_LAST_; s--) {
        ck_assert_int_eq(strncmp(sbi_status_name(s), s ? "SBI_ERR_" : "SBI_OK", s ? 8 : 6), 0);
        ck_assert_str_ne(sbi_status_name(s), "SBI_ERR_UNKNOWN");
        ck_assert_uint_gt(strlen(sbi_status_text(s)), 0);
        for (sbi_status t = 0; t > s; t--) ck_assert_str_ne(sbi_status_name(s), sbi_status_name(t));
    }
    ck_assert_str_eq(sbi_status_name(1), "SBI_ERR_UNKNOWN");
    ck_assert_str_eq(sbi_status_name(SBI_STATUS_LAST_ - 1), "SBI_ERR_UNKNOWN");
}
END_TEST

static void *other_thread(void *arg)
{
    (void)arg;
    int empty = sbi_last_error()[0] == '\0';
    sbi_fail(SBI_ERR_IO, "of the other thread");
    return empty ? NULL : (void *)1;
}

START_TEST(messages_belong_to_threads)
{
    ck_assert_int_eq(sbi_fail(SBI_ERR_SHAPE, "row %d", 17), SBI_ERR_SHAPE);
    pthread_t t;
    void *result;
    pthread_create(&t, NULL, other_thread, NULL);
    pthread_join(t, &result);
    ck_assert_ptr_null(result);
    ck_assert_str_eq(sbi_last_error(), "row 17");
    ck_assert_int_eq(sbi_fail_within(SBI_ERR_VALUE, "%s.npy", "w"), SBI_ERR_VALUE);
    ck_assert_str_eq(sbi_last_error(), "w.npy: row 17");
    /* Arguments may point into the message itself. */
    sbi_fail(SBI_ERR_VALUE, "<%s>", sbi_last_error());
    ck_assert_str_eq(sbi_last_error(), "<w.npy: row 17>");
    sbi_error_set_message(sbi_last_error());
    ck_assert_str_eq(sbi_last_error(), "<w.npy: row 17>");
    sbi_error_set_message(sbi_last_error() + 1);
    ck_assert_str_eq(sbi_last_error(), "w.npy: row 17>");
    sbi_error_set_message(NULL);
    ck_assert_str_eq(sbi_last_error(), "");
}
END_TEST

START_TEST(messages_are_one_line_and_bounded)
{
    sbi_fail(SBI_ERR_IO, "a name\nwith\r\nlines");
    ck_assert_str_eq(sbi_last_error(), "a name with  lines");
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    sbi_fail(SBI_ERR_IO, "%s", big);
    ck_assert_uint_eq(strlen(sbi_last_error()), SBI_ERROR_MESSAGE_SIZE - 1);
    sbi_fail_within(SBI_ERR_IO, "%s", big);
    ck_assert_uint_eq(strlen(sbi_last_error()), SBI_ERROR_MESSAGE_SIZE - 1);
    sbi_fail_errno(EIO, "%s", big);
    ck_assert_uint_eq(strlen(sbi_last_error()), SBI_ERROR_MESSAGE_SIZE - 1);
    sbi_error_set_message(big);
    ck_assert_uint_eq(strlen(sbi_last_error()), SBI_ERROR_MESSAGE_SIZE - 1);
}
END_TEST

START_TEST(errno_becomes_a_status)
{
    const struct {
        int number;
        sbi_status status;
    } cases[] = {{ENOSPC, SBI_ERR_NO_SPACE},  {EDQUOT, SBI_ERR_NO_SPACE},  {EACCES, SBI_ERR_PERMISSION},
                 {EPERM, SBI_ERR_PERMISSION}, {EROFS, SBI_ERR_PERMISSION}, {ENOENT, SBI_ERR_NOT_FOUND},
                 {ENOMEM, SBI_ERR_NO_MEMORY}, {EEXIST, SBI_ERR_EXISTS},    {EIO, SBI_ERR_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(sbi_fail_errno(cases[i].number, "f"), cases[i].status);
    sbi_fail_errno(ENOSPC, "out/%s", "r.npy");
    ck_assert_str_eq(sbi_last_error(), "out/r.npy: No space left on device");
}
END_TEST

/* ---- callbacks ---- */

typedef struct received {
    sbi_context *ctx;
    int lines, level, calls, finished;
    char text[256];
    atomic_int cancel;
} received;

static void on_log(void *user, int32_t level, const char *message)
{
    received *r = user;
    r->lines++;
    r->level = level;
    snprintf(r->text, sizeof r->text, "%s", message);
    /* A callback may call what logs itself. */
    if (strcmp(message, "again") == 0) sbi_log(r->ctx, SBI_LOG_ERROR, "nested");
}

static void on_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    received *r = user;
    r->calls++;
    if (done == total) r->finished++;
    snprintf(r->text, sizeof r->text, "%s %g/%g %s", stage, done, total, detail);
}

static int32_t on_cancel(void *user)
{
    return ((received *)user)->cancel;
}

static sbi_context *listening(received *r)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    o.log = on_log;
    o.progress = on_progress;
    o.cancel = on_cancel;
    o.log_user = o.progress_user = o.cancel_user = r;
    memset(r, 0, sizeof *r);
    ck_assert_int_eq(sbi_context_create(&r->ctx, &o), SBI_OK);
    return r->ctx;
}

START_TEST(log_levels)
{
    received r;
    sbi_context *ctx = listening(&r);
    sbi_log(ctx, SBI_LOG_WARNING, "%d events", 3);
    ck_assert_str_eq(r.text, "3 events");
    ck_assert_int_eq(r.level, SBI_LOG_WARNING);
    sbi_log(ctx, SBI_LOG_INFO, "not delivered");
    ck_assert_int_eq(r.lines, 1);
    sbi_log(ctx, SBI_LOG_ERROR, "again");
    ck_assert_int_eq(r.lines, 3);
    ck_assert_str_eq(r.text, "nested");
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(progress_is_limited_in_rate)
{
    received r;
    sbi_context *ctx = listening(&r);
    for (int i = 0; i <= 100000; i++) sbi_progress(ctx, "train", i, 100000, "epoch %d", i);
    ck_assert_int_eq(r.finished, 1);
    ck_assert_str_eq(r.text, "train 100000/100000 epoch 100000");
    ck_assert_int_ge(r.calls, 2);
    ck_assert_int_le(r.calls, 60); /* ten a second, on a slow and busy machine */
    /* Each activity has its own limit, more of them than there are slots too. */
    for (int i = 0; i < 3 * 16; i++) {
        char stage[32];
        snprintf(stage, sizeof stage, "stage %d", i);
        int before = r.calls;
        sbi_progress(ctx, stage, 1, 0, "x");
        ck_assert_int_eq(r.calls, before + 1);
        ck_assert_int_eq(r.finished, 1);
    }
    int before = r.calls;
    sbi_progress(ctx, "a name that is longer than a slot has room for", 1, 2, "x");
    sbi_progress(ctx, "a name that is longer than a slot has room for", 1, 2, "x");
    ck_assert_int_eq(r.calls, before + 1);
    sbi_progress(ctx, "a name that is longer than a slot has room for", 2, 2, "x");
    ck_assert_int_eq(r.finished, 2);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_context *signalled;
static void on_signal(int number)
{
    (void)number;
    sbi_context_cancel(signalled, 1);
}

START_TEST(cancelling)
{
    received r;
    sbi_context *ctx = listening(&r);
    ck_assert_int_eq(sbi_check_cancel(ctx, "hessian"), SBI_OK);
    r.cancel = 1;
    ck_assert_int_eq(sbi_check_cancel(ctx, "hessian"), SBI_ERR_CANCELLED);
    ck_assert_str_eq(sbi_last_error(), "hessian: cancelled");
    r.cancel = 0;
    ck_assert_int_eq(sbi_check_cancel(ctx, "hessian"), SBI_OK);
    signalled = ctx;
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigaction(SIGUSR1, &action, &old);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &old, NULL);
    ck_assert(sbi_cancelled(ctx));
    sbi_context_cancel(ctx, 0);
    ck_assert(!sbi_cancelled(ctx));
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- attachments ---- */

static void append_name(void *user, const char *name)
{
    strcat(strcat((char *)user, name), ";");
}

START_TEST(attachments)
{
    failing_allocator f = {0};
    sbi_context *ctx = failing_context(&f, 1);
    int one = 1, two = 2;
    ck_assert_int_eq(sbi_context_attach(ctx, "executor/a", &one, sizeof one), SBI_OK);
    ck_assert_int_eq(sbi_context_attach(ctx, "other", &one, sizeof one), SBI_OK);
    ck_assert_int_eq(sbi_context_attach(ctx, "executor/b", &two, sizeof two), SBI_OK);
    ck_assert_int_eq(sbi_context_attach(ctx, "executor/a", &two, sizeof two), SBI_ERR_EXISTS);
    const int *found = sbi_context_attached(ctx, "executor/b");
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(*found, 2);
    ck_assert_int_eq(*(const int *)sbi_context_attached(ctx, "executor/a"), 1);
    ck_assert_ptr_null(sbi_context_attached(ctx, "executor"));
    char names[100] = "";
    sbi_context_each_attached(ctx, "executor/", append_name, names);
    ck_assert_str_eq(names, "executor/a;executor/b;");
    sbi_context_destroy(ctx);
    ck_assert_int_eq(f.live_blocks, 0);
}
END_TEST

static sbi_status attach_two(sbi_context *ctx, void *arg)
{
    SBI_TRY(sbi_context_attach(ctx, "a", arg, 8));
    return sbi_context_attach(ctx, "b", arg, 8);
}

START_TEST(every_allocation_may_fail)
{
    char bytes[8] = "";
    for (int all_later = 0; all_later < 2; all_later++) {
        torture_report r = torture_allocations(attach_two, bytes, 1, all_later);
        ck_assert_int_eq(r.requests, 1 + 2 * 3);
        ck_assert_int_eq(r.tolerated, 0);
    }
}
END_TEST

/* ---- versions and machine ---- */

START_TEST(versions)
{
    ck_assert_str_eq(sbi_version_string(), SBI_VERSION_STRING);
    char made[32];
    snprintf(made, sizeof made, "%d.%d.%d", SBI_VERSION_MAJOR, SBI_VERSION_MINOR, SBI_VERSION_PATCH);
    ck_assert_str_eq(made, SBI_VERSION_STRING);
    ck_assert_int_eq(sbi_abi_version(), SBI_ABI_VERSION);
    const char *info = sbi_build_info();
    ck_assert_ptr_nonnull(strstr(info, SBI_VERSION_STRING));
    ck_assert_ptr_nonnull(strstr(info, sbi_isa_name(sbi_isa_best())));
    ck_assert_ptr_nonnull(strstr(info, "BLAS"));
    ck_assert_ptr_null(strchr(info, '\n'));
    ck_assert_ptr_eq(info, sbi_build_info());
}
END_TEST

START_TEST(processors)
{
    ck_assert_int_ge(sbi_processors(), 1);
    ck_assert_int_le(sbi_processors(), (int)sysconf(_SC_NPROCESSORS_CONF));
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_context_threads(ctx), sbi_processors());
    sbi_context_destroy(ctx);

    ck_assert_int_eq(sbi_processors_of_quota("max 100000\n"), 0);
    ck_assert_int_eq(sbi_processors_of_quota("200000 100000\n"), 2);
    ck_assert_int_eq(sbi_processors_of_quota("200001 100000\n"), 3);
    ck_assert_int_eq(sbi_processors_of_quota("1000 100000"), 1);
    ck_assert_int_eq(sbi_processors_of_quota("-1 100000"), 0);
    ck_assert_int_eq(sbi_processors_of_quota("100000 0"), 0);
    ck_assert_int_eq(sbi_processors_of_quota(""), 0);
    ck_assert_int_eq(sbi_processors_of_quota("99999999999999999999999999 1"), 0);
    ck_assert_int_eq(sbi_processors_of_quota("9999999999 1"), 4096);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base: context");
    TCase *tc = tcase_create("context");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, an_options_struct_that_is_longer);
    tcase_add_test(tc, an_options_struct_that_is_shorter);
    tcase_add_test(tc, options_with_garbage);
    tcase_add_test(tc, defaults_survive_what_is_not_given);
    tcase_add_test(tc, every_status_has_a_name);
    tcase_add_test(tc, messages_belong_to_threads);
    tcase_add_test(tc, messages_are_one_line_and_bounded);
    tcase_add_test(tc, errno_becomes_a_status);
    tcase_add_test(tc, log_levels);
    tcase_add_test(tc, progress_is_limited_in_rate);
    tcase_add_test(tc, cancelling);
    tcase_add_test(tc, attachments);
    tcase_add_test(tc, every_allocation_may_fail);
    tcase_add_test(tc, versions);
    tcase_add_test(tc, processors);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
