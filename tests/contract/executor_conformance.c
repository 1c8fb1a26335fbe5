/* SPDX-License-Identifier: Apache-2.0 */
#include "contract/executor_conformance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "sbi/executor.h"

/* By public names alone: an own backend's test is linked with libsbi.so. */
static int is_final(int32_t state)
{
    return state >= SBI_TASK_DONE;
}

/* ---- the work -------------------------------------------------------------------------------------------------- */

#define MAX_RUNS 4096
static struct {
    pthread_mutex_t lock;
    size_t n;
    struct {
        char key[SBI_TASK_KEY_MAX + 1];
        int32_t attempt;
    } runs[MAX_RUNS];
} counted = {.lock = PTHREAD_MUTEX_INITIALIZER};

void conformance_reset(void)
{
    pthread_mutex_lock(&counted.lock);
    counted.n = 0;
    pthread_mutex_unlock(&counted.lock);
}

int conformance_runs(const char *key)
{
    int n = 0;
    pthread_mutex_lock(&counted.lock);
    for (size_t i = 0; i < counted.n; i++) n += strcmp(counted.runs[i].key, key) == 0;
    pthread_mutex_unlock(&counted.lock);
    return n;
}

int conformance_most_runs_of_an_attempt(void)
{
    int most = 0;
    pthread_mutex_lock(&counted.lock);
    for (size_t i = 0; i < counted.n; i++) {
        int n = 0;
        for (size_t k = 0; k < counted.n; k++)
            n += counted.runs[i].attempt == counted.runs[k].attempt && strcmp(counted.runs[i].key, counted.runs[k].key) == 0;
        if (n > most) most = n;
    }
    pthread_mutex_unlock(&counted.lock);
    return most;
}

static void count_run(const sbi_task *task)
{
    pthread_mutex_lock(&counted.lock);
    if (counted.n == MAX_RUNS) abort(); /* Check's assertions are for its own thread */
    snprintf(counted.runs[counted.n].key, sizeof counted.runs[0].key, "%s", task->key);
    counted.runs[counted.n++].attempt = task->attempt;
    pthread_mutex_unlock(&counted.lock);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sbi_status run_big(size_t n, sbi_sink *sink)
{
    unsigned char part[1000];
    for (size_t at = 0; at < n; at += sizeof part) {
        size_t size = n - at < sizeof part ? n - at : sizeof part;
        for (size_t i = 0; i < size; i++) part[i] = (unsigned char)((at + i) % 251);
        SBI_TRY(sink->write(sink->user, part, size));
    }
    return SBI_OK;
}

static sbi_status run_sleep(sbi_context *ctx, double ms, sbi_sink *sink)
{
    for (double end = seconds() + 1e-3 * ms; seconds() < end;) {
        SBI_TRY(sbi_check_cancel(ctx, "sleep"));
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
    return sink->write(sink->user, "slept", 5);
}

sbi_status conformance_run(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    (void)user;
    char text[256];
    if (task->spec_size >= sizeof text) return sbi_fail(SBI_ERR_ARGUMENT, "spec too long");
    memcpy(text, task->spec, task->spec_size);
    text[task->spec_size] = '\0';
    count_run(task);
    char *payload = strchr(text, ' ');
    if (!payload) return sbi_fail(SBI_ERR_ARGUMENT, "no payload");
    *payload++ = '\0';
    if (strcmp(text, "echo") == 0) return sink->write(sink->user, payload, strlen(payload));
    if (strcmp(text, "big") == 0) return run_big((size_t)atol(payload), sink);
    if (strcmp(text, "sleep") == 0) return run_sleep(ctx, atof(payload), sink);
    if (strcmp(text, "fail") == 0) return sbi_fail(SBI_ERR_VALUE, "%s", payload);
    if (strcmp(text, "attachment") == 0) {
        const char *said = task->attachment ? task->attachment : payload;
        return sink->write(sink->user, said, strlen(said));
    }
    return sbi_fail(SBI_ERR_ARGUMENT, "unknown kind %s", text);
}

/* ---- driving --------------------------------------------------------------------------------------------------- */

static const executor_factory *factory; /* of the suite that runs in this process */
static sbi_context *ctx;
static sbi_executor *exec;

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_msg(factory->open(factory->user, ctx, &exec) == SBI_OK, "%s", sbi_last_error());
    conformance_reset();
}

static void teardown(void)
{
    sbi_executor_close(exec);
    sbi_context_destroy(ctx);
}

typedef struct piece {
    char key[SBI_TASK_KEY_MAX + 1];
    char spec[256];
    const void *attachment;
    int32_t attempt;
    int32_t state; /* the last one reported */
    int reports;
    char message[256];
} piece;

static piece make_piece(const char *key, const char *kind, const char *payload)
{
    piece p = {.attempt = 1};
    snprintf(p.key, sizeof p.key, "%s", key);
    if (factory->spec)
        factory->spec(factory->user, kind, payload, p.spec, sizeof p.spec);
    else
        snprintf(p.spec, sizeof p.spec, "%s %s", kind, payload);
    return p;
}

/* Calls that fail in passing are repeated, as the contract says. */
#define AGAIN(call)                                                                                                    \
    do {                                                                                                               \
        sbi_status status_;                                                                                            \
        int tries_ = 0;                                                                                                \
        while ((status_ = (call)) == SBI_ERR_TRANSIENT && ++tries_ < 1000) {}                                          \
        ck_assert_msg(status_ == SBI_OK, "%s: %s", sbi_status_name(status_), sbi_last_error());                        \
    } while (0)

static void submit(piece *pieces, size_t n)
{
    sbi_task tasks[64];
    ck_assert_uint_le(n, 64);
    for (size_t i = 0; i < n; i++) {
        tasks[i] = (sbi_task)SBI_TASK_INIT;
        tasks[i].key = pieces[i].key;
        tasks[i].spec = pieces[i].spec;
        tasks[i].spec_size = strlen(pieces[i].spec);
        tasks[i].attachment = pieces[i].attachment;
        tasks[i].attempt = pieces[i].attempt;
    }
    AGAIN(sbi_executor_submit(exec, tasks, n));
}

/* One poll; what it says is noted, with the order of states checked. */
static size_t poll_once(piece *pieces, size_t n, size_t capacity, int timeout_ms)
{
    sbi_task_report reports[16];
    size_t got = 0;
    ck_assert_uint_le(capacity, 16);
    AGAIN(sbi_executor_poll(exec, reports, capacity, &got, timeout_ms));
    ck_assert_uint_le(got, capacity);
    for (size_t k = 0; k < got; k++) {
        size_t i = 0;
        while (i < n && strcmp(pieces[i].key, reports[k].key) != 0) i++;
        if (i == n || reports[k].attempt < pieces[i].attempt) continue;
        ck_assert_int_eq(reports[k].attempt, pieces[i].attempt);
        if (is_final(pieces[i].state)) ck_assert_int_eq(reports[k].state, pieces[i].state);
        pieces[i].state = reports[k].state;
        pieces[i].reports++;
        memcpy(pieces[i].message, reports[k].message, sizeof pieces[i].message);
    }
    return got;
}

static int worth_retrying(int32_t state)
{
    return state == SBI_TASK_LOST || state == SBI_TASK_TRANSIENT || state == SBI_TASK_PREEMPTED ||
           state == SBI_TASK_OUT_OF_MEMORY;
}

/* Polls until all are final, trying again what is worth it. */
static void finish(piece *pieces, size_t n, size_t capacity)
{
    const double patience = factory->patience ? factory->patience : 20;
    for (double end = seconds() + patience; seconds() < end;) {
        size_t left = 0;
        for (size_t i = 0; i < n; i++) {
            if (worth_retrying(pieces[i].state)) {
                pieces[i].attempt++;
                pieces[i].state = 0;
                submit(&pieces[i], 1);
            }
            left += !is_final(pieces[i].state);
        }
        if (!left) return;
        poll_once(pieces, n, capacity, 20);
    }
    ck_abort_msg("tasks did not end within %g s", patience);
}

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static sbi_status fetch_into(const char *key, sbi_text *text)
{
    sbi_sink sink = {sizeof sink, 0, append, text};
    sbi_status status;
    int tries = 0;
    do {
        sbi_text_clear(text);
        status = sbi_executor_fetch(exec, key, &sink);
    } while (status == SBI_ERR_TRANSIENT && ++tries < 1000);
    return status;
}

static void assert_result(const char *key, const char *expected)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    ck_assert_int_eq(fetch_into(key, &text), SBI_OK);
    ck_assert_uint_eq(text.size, strlen(expected));
    if (text.size) ck_assert_mem_eq(text.data, expected, text.size);
    sbi_text_clear(&text);
}

/* ---- cases ----------------------------------------------------------------------------------------------------- */

START_TEST(says_what_it_can)
{
    sbi_executor_caps caps = {.struct_size = sizeof caps};
    ck_assert_int_eq(sbi_executor_capabilities(exec, &caps), SBI_OK);
    ck_assert_str_ne(caps.name, "");
    caps.struct_size = 4;
    ck_assert_int_eq(sbi_executor_capabilities(exec, &caps), SBI_ERR_ABI);
}
END_TEST

START_TEST(runs_many)
{
    piece p[40];
    char key[32], text[32];
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "many-%d", i);
        snprintf(text, sizeof text, "text %d", i);
        if (i == 7) text[0] = '\0';
        p[i] = make_piece(key, "echo", text);
    }
    submit(p, 40);
    finish(p, 40, 16);
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "text %d", i);
        if (i == 7) text[0] = '\0';
        ck_assert_int_eq(p[i].state, SBI_TASK_DONE);
        assert_result(p[i].key, text);
    }
    ck_assert_int_le(conformance_most_runs_of_an_attempt(), 1);
}
END_TEST

START_TEST(brings_big_results)
{
    piece p = make_piece("big", "big", "3000001");
    submit(&p, 1);
    finish(&p, 1, 16);
    sbi_text text;
    sbi_text_init(&text, ctx);
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(fetch_into("big", &text), SBI_OK);
        ck_assert_uint_eq(text.size, 3000001);
        size_t wrong = 0; /* an assertion a byte would take most of the suite's time */
        for (size_t i = 0; i < text.size; i++) wrong += (unsigned char)text.data[i] != i % 251;
        ck_assert_uint_eq(wrong, 0);
    }
    sbi_text_clear(&text);
}
END_TEST

/* Submitting twice runs once, and says the state again. */
START_TEST(submission_is_idempotent)
{
    piece p = make_piece("once", "echo", "x");
    submit(&p, 1);
    submit(&p, 1);
    finish(&p, 1, 16);
    int32_t last = p.attempt;
    int runs = conformance_runs("once");
    ck_assert_int_le(runs, last);
    submit(&p, 1);
    p.state = 0;
    finish(&p, 1, 16);
    ck_assert_int_eq(p.state, SBI_TASK_DONE);
    ck_assert_int_eq(conformance_runs("once"), runs);
    ck_assert_int_le(conformance_most_runs_of_an_attempt(), 1);
    assert_result("once", "x");
}
END_TEST

START_TEST(failures_are_per_task)
{
    piece p[3] = {make_piece("bad", "fail", "the disk of node 7"), make_piece("good", "echo", "yes"),
                  make_piece("worse", "fail", "again")};
    submit(p, 3);
    finish(p, 3, 16);
    ck_assert_int_eq(p[0].state, SBI_TASK_FAILED);
    ck_assert_ptr_nonnull(strstr(p[0].message, "the disk of node 7"));
    ck_assert_int_eq(p[1].state, SBI_TASK_DONE);
    ck_assert_int_eq(p[2].state, SBI_TASK_FAILED);
    sbi_text text;
    sbi_text_init(&text, ctx);
    ck_assert_int_eq(fetch_into("bad", &text), SBI_ERR_NOT_FOUND);
    sbi_text_clear(&text);
    /* The same attempt does not run again, a later one does. */
    int runs = conformance_runs("bad");
    submit(p, 1);
    p[0].state = 0;
    finish(p, 1, 16);
    ck_assert_int_eq(conformance_runs("bad"), runs);
    p[0].attempt++;
    p[0].state = 0;
    submit(p, 1);
    finish(p, 1, 16);
    ck_assert_int_eq(p[0].state, SBI_TASK_FAILED);
    if (runs) ck_assert_int_gt(conformance_runs("bad"), runs); /* runs is 0 where tasks run in another process */
}
END_TEST

static sbi_status refuse(void *user, const void *data, size_t size)
{
    (void)user, (void)data, (void)size;
    return sbi_fail(SBI_ERR_NO_SPACE, "sink is full");
}

START_TEST(fetch_reports_its_failures)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    ck_assert_int_eq(fetch_into("never-heard-of", &text), SBI_ERR_NOT_FOUND);
    piece p = make_piece("full", "echo", "something");
    submit(&p, 1);
    finish(&p, 1, 16);
    sbi_sink sink = {sizeof sink, 0, refuse, NULL};
    sbi_status status;
    while ((status = sbi_executor_fetch(exec, "full", &sink)) == SBI_ERR_TRANSIENT) {}
    ck_assert_int_eq(status, SBI_ERR_NO_SPACE);
    assert_result("full", "something");
    sbi_text_clear(&text);
}
END_TEST

START_TEST(poll_waits_and_ends)
{
    double begin = seconds();
    ck_assert_uint_eq(poll_once(NULL, 0, 16, 50), 0);
    ck_assert_double_lt(seconds() - begin, 2.0);
    piece p[10];
    char key[32];
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "one-by-one-%d", i);
        p[i] = make_piece(key, "echo", key);
    }
    submit(p, 10);
    finish(p, 10, 1);
    for (int i = 0; i < 10; i++) assert_result(p[i].key, p[i].key);
}
END_TEST

/* In this process a second; elsewhere somebody else's programs take part. */
static double soon(void)
{
    sbi_executor_caps caps = {.struct_size = sizeof caps};
    ck_assert_int_eq(sbi_executor_capabilities(exec, &caps), SBI_OK);
    return caps.in_process ? 1 : 10;
}

START_TEST(cancels_soon)
{
    sbi_executor_caps caps = {.struct_size = sizeof caps};
    ck_assert_int_eq(sbi_executor_capabilities(exec, &caps), SBI_OK);
    if (!caps.has_cancel) return;
    piece p[12];
    const char *keys[13] = {"unknown-key"};
    char key[32];
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof key, "long-%d", i);
        p[i] = make_piece(key, "sleep", "30000");
        keys[i + 1] = p[i].key;
    }
    submit(p, 12);
    for (int i = 0; i < 5; i++) poll_once(p, 12, 16, 10);
    double begin = seconds();
    AGAIN(sbi_executor_cancel(exec, keys, 13));
    for (size_t left = 12; left && seconds() - begin < 2 * soon();) {
        poll_once(p, 12, 16, 20);
        left = 0;
        for (int i = 0; i < 12; i++) left += !is_final(p[i].state);
    }
    ck_assert_double_lt(seconds() - begin, soon());
    for (int i = 0; i < 12; i++) ck_assert(p[i].state == SBI_TASK_CANCELLED || worth_retrying(p[i].state));
    /* A cancelled task may be tried again. */
    piece q = make_piece("long-3", "sleep", "1");
    q.attempt = p[3].attempt + 1;
    submit(&q, 1);
    finish(&q, 1, 16);
    assert_result("long-3", "slept");
}
END_TEST

START_TEST(attachments_arrive_untouched)
{
    sbi_executor_caps caps = {.struct_size = sizeof caps};
    ck_assert_int_eq(sbi_executor_capabilities(exec, &caps), SBI_OK);
    piece p = make_piece("attached", "attachment", "nothing came");
    p.attachment = "the dataset";
    submit(&p, 1);
    finish(&p, 1, 16);
    assert_result("attached", caps.in_process ? "the dataset" : "nothing came");
}
END_TEST

START_TEST(release_forgets_or_not)
{
    piece p = make_piece("released", "echo", "x");
    submit(&p, 1);
    finish(&p, 1, 16);
    const char *keys[2] = {"released", "unknown-key"};
    AGAIN(sbi_executor_release(exec, keys, 2));
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = fetch_into("released", &text);
    ck_assert(status == SBI_OK || status == SBI_ERR_NOT_FOUND);
    sbi_text_clear(&text);
}
END_TEST

/* teardown() closes it; what runs must not hold that up, nor be touched afterwards. */
START_TEST(closes_while_tasks_run)
{
    piece p[6];
    char key[32];
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof key, "close-%d", i);
        p[i] = make_piece(key, "sleep", "20000");
    }
    submit(p, 6);
    poll_once(p, 6, 16, 20);
    const double limit = soon(), begin = seconds();
    sbi_executor_close(exec);
    exec = NULL;
    ck_assert_double_lt(seconds() - begin, limit);
}
END_TEST

START_TEST(refuses_bad_tasks)
{
    sbi_task t = SBI_TASK_INIT;
    t.spec = "echo x";
    t.spec_size = 6;
    const char *bad[] = {NULL, "", "UPPER", "with space", "slash/", "..",
                         "12345678901234567890123456789012345678901234567890123456789012345"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t.key = bad[i];
        ck_assert_int_eq(sbi_executor_submit(exec, &t, 1), SBI_ERR_ARGUMENT);
    }
    t.key = "ok";
    t.attempt = 0;
    ck_assert_int_eq(sbi_executor_submit(exec, &t, 1), SBI_ERR_ARGUMENT);
    t.attempt = 1;
    t.spec = NULL;
    ck_assert_int_eq(sbi_executor_submit(exec, &t, 1), SBI_ERR_ARGUMENT);
    t.struct_size = 8;
    ck_assert_int_eq(sbi_executor_submit(exec, &t, 1), SBI_ERR_ABI);
    ck_assert_int_eq(sbi_executor_submit(NULL, NULL, 0), SBI_ERR_ARGUMENT);
    size_t n = 7;
    sbi_task_report report;
    ck_assert_int_eq(sbi_executor_poll(NULL, &report, 1, &n, 0), SBI_ERR_ARGUMENT);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(sbi_executor_poll(exec, &report, 1, &n, -1), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_executor_fetch(exec, "ok", NULL), SBI_ERR_ARGUMENT);
}
END_TEST

Suite *executor_conformance_suite(const executor_factory *f)
{
    factory = f;
    Suite *suite = suite_create(f->name);
    TCase *tc = tcase_create("contract");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, f->patience ? 3.0 * f->patience : 60);
    tcase_add_test(tc, says_what_it_can);
    tcase_add_test(tc, runs_many);
    tcase_add_test(tc, brings_big_results);
    tcase_add_test(tc, submission_is_idempotent);
    tcase_add_test(tc, failures_are_per_task);
    tcase_add_test(tc, fetch_reports_its_failures);
    tcase_add_test(tc, poll_waits_and_ends);
    tcase_add_test(tc, cancels_soon);
    tcase_add_test(tc, attachments_arrive_untouched);
    tcase_add_test(tc, release_forgets_or_not);
    tcase_add_test(tc, closes_while_tasks_run);
    tcase_add_test(tc, refuses_bad_tasks);
    suite_add_tcase(suite, tc);
    return suite;
}
