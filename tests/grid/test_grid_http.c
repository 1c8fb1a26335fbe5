/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against a server that misbehaves in every way that tests/servers/faulty knows. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "grid/http.h"
#include "grid/servers.h"
#include "support/run_suite.h"

#define CONTENT_SIZE 200000

static const char *base;
static sbi_context *ctx;
static sbi_http *http;
static unsigned runs;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    const sbi_http_options o = {.token = "the-secret-token", .retries = 3, .backoff_ms = 5, .idle_ms = 3000, .slow_bytes = 100, .slow_s = 2, .retry_after_most_ms = 5000};
    ck_assert_int_eq(sbi_http_open(&http, ctx, &o), SBI_OK);
}

static void tear_down(void)
{
    sbi_http_close(http);
    sbi_context_destroy(ctx);
}

static char url_text[400], key[64];

/* A URL of the trouble, with a key of its own. */
static const char *trouble(const char *what, int times)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(key, sizeof key, "%llx-%u", (unsigned long long)t.tv_nsec, runs++);
    snprintf(url_text, sizeof url_text, "%s/%s/%d/%s", base, what, times, key);
    return url_text;
}

static int asked(void)
{
    char url[400];
    sbi_http_answer a;
    snprintf(url, sizeof url, "%s/count/%s", base, key);
    const sbi_http_request r = {.method = "GET", .url = url};
    ck_assert_int_eq(sbi_http_send(http, &r, &a), SBI_OK);
    const int n = atoi(a.body.data);
    sbi_http_answer_clear(&a);
    return n;
}

typedef struct taken {
    size_t size;
    int wrong;
    sbi_status failure;
} taken;

static sbi_status take(void *user, const void *data, size_t size)
{
    taken *t = user;
    const unsigned char *p = data;
    if (t->failure != SBI_OK) return sbi_error_set(t->failure, "no more");
    for (size_t i = 0; i < size; i++, t->size++) t->wrong += p[i] != (unsigned char)(t->size * 7 + t->size / 251);
    return SBI_OK;
}

static sbi_status fetch(const char *url, taken *t, sbi_http_answer *a)
{
    sbi_sink sink = {sizeof sink, 0, take, t};
    const sbi_http_request r = {.method = "GET", .url = url, .sink = &sink};
    return sbi_http_send(http, &r, a);
}

#define EXPECT(call, expected)                                                                                         \
    do {                                                                                                               \
        const sbi_status got_ = (call);                                                                                \
        ck_assert_msg(got_ == (expected), "%s: %s: %s", #call, sbi_status_name(got_), sbi_last_error());               \
    } while (0)

START_TEST(passing_troubles_pass)
{
    static const char *const troubles[] = {"429", "500", "502", "503", "504", "408", "reset", "truncate", "garbage"};
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        taken t = {0};
        sbi_http_answer a;
        EXPECT(fetch(trouble(troubles[i], i ? 2 : 1), &t, &a), SBI_OK);
        ck_assert_int_eq(sbi_http_status(&a, "x"), SBI_OK);
        ck_assert_msg(t.size == CONTENT_SIZE && !t.wrong, "%s: %zu bytes, %d wrong", troubles[i], t.size, t.wrong);
        ck_assert_int_ge(a.tries, 2); /* libcurl itself tries once more where it had kept the connection */
        ck_assert_int_eq(asked(), i ? 3 : 2);
        sbi_http_answer_clear(&a);
    }
}
END_TEST

START_TEST(lasting_troubles_end)
{
    taken t = {0};
    sbi_http_answer a;
    EXPECT(fetch(trouble("503", 100), &t, &a), SBI_OK);
    EXPECT(sbi_http_status(&a, "x"), SBI_ERR_TRANSIENT);
    ck_assert_int_eq(a.tries, 4);
    ck_assert_uint_eq(t.size, 0);
    sbi_http_answer_clear(&a);
    EXPECT(fetch(trouble("reset", 100), &t, &a), SBI_ERR_TRANSIENT);
    sbi_http_answer_clear(&a);
    /* Every try brings some more, and what came is kept. */
    EXPECT(fetch(trouble("truncate", 100), &t, &a), SBI_OK);
    ck_assert_uint_eq(t.size, CONTENT_SIZE);
    ck_assert_int_eq(t.wrong, 0);
    ck_assert_int_eq(a.tries, 3);
    sbi_http_answer_clear(&a);
    /* Longer than anybody waits. */
    EXPECT(fetch(trouble("later", 100), &t, &a), SBI_OK);
    ck_assert_int_eq(a.code, 503);
    ck_assert_int_eq(a.tries, 1);
    sbi_http_answer_clear(&a);
    EXPECT(fetch(trouble("404", 100), &t, &a), SBI_OK);
    EXPECT(sbi_http_status(&a, "x"), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(a.tries, 1);
    sbi_http_answer_clear(&a);
}
END_TEST

START_TEST(codes)
{
    static const struct {
        int32_t code;
        sbi_status status;
    } expected[] = {{200, SBI_OK}, {207, SBI_OK}, {401, SBI_ERR_PERMISSION}, {403, SBI_ERR_PERMISSION}, {404, SBI_ERR_NOT_FOUND}, {410, SBI_ERR_NOT_FOUND},
                    {405, SBI_ERR_UNSUPPORTED}, {501, SBI_ERR_UNSUPPORTED}, {409, SBI_ERR_EXISTS}, {412, SBI_ERR_EXISTS}, {413, SBI_ERR_NO_SPACE},
                    {507, SBI_ERR_NO_SPACE}, {416, SBI_ERR_ARGUMENT}, {429, SBI_ERR_TRANSIENT}, {500, SBI_ERR_TRANSIENT}, {418, SBI_ERR_IO}, {302, SBI_ERR_IO}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const sbi_http_answer a = {.code = expected[i].code};
        ck_assert_int_eq(sbi_http_status(&a, "x"), expected[i].status);
    }
}
END_TEST

START_TEST(posts_are_not_repeated)
{
    sbi_http_answer a;
    sbi_http_request r = {.method = "POST", .url = trouble("lost", 1), .body = "once", .body_size = 4};
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_TRANSIENT);
    ck_assert_int_eq(asked(), 1);
    sbi_http_answer_clear(&a);
    r.url = trouble("lost", 1); /* now that there is a connection that was kept */
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_TRANSIENT);
    ck_assert_int_eq(asked(), 1);
    sbi_http_answer_clear(&a);
    r.url = trouble("503", 1);
    EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
    ck_assert_int_eq(a.code, 503);
    sbi_http_answer_clear(&a);
    r.flags = SBI_HTTP_REPEATABLE;
    r.url = trouble("lost", 1);
    EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
    ck_assert_int_eq(asked(), 2);
    ck_assert_str_eq(a.body.data, "once");
    sbi_http_answer_clear(&a);
    r.flags = SBI_HTTP_500_IS_FINAL | SBI_HTTP_REPEATABLE;
    r.url = trouble("500", 1);
    EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
    ck_assert_int_eq(a.code, 500);
    sbi_http_answer_clear(&a);
}
END_TEST

START_TEST(lies)
{
    taken t = {0};
    sbi_http_answer a;
    EXPECT(fetch(trouble("changed", 1), &t, &a), SBI_OK); /* the version of the first bytes is gone: 412 */
    EXPECT(sbi_http_status(&a, "x"), SBI_ERR_EXISTS);
    sbi_http_answer_clear(&a);
    memset(&t, 0, sizeof t);
    EXPECT(fetch(trouble("wrong-range", 9), &t, &a), SBI_ERR_FORMAT);
    ck_assert_uint_eq(t.size, 0);
    sbi_http_answer_clear(&a);
    EXPECT(fetch(trouble("longer", 9), &t, &a), SBI_OK);
    ck_assert_uint_eq(t.size, 10); /* nobody can know; checksums are above this */
    sbi_http_answer_clear(&a);
    EXPECT(fetch(trouble("headers", 9), &t, &a), SBI_ERR_FORMAT);
    sbi_http_answer_clear(&a);
    sbi_http_request r = {.method = "GET", .url = trouble("huge", 9), .limit = 100000};
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_FORMAT);
    sbi_http_answer_clear(&a);
    EXPECT(fetch(trouble("garbage", 99), &t, &a), SBI_ERR_TRANSIENT);
    sbi_http_answer_clear(&a);
}
END_TEST

START_TEST(slow_ones_are_left)
{
    static const char *const slow[] = {"slow", "slow-headers", "hang"};
    const sbi_http_options o = {.retries = -1, .idle_ms = 1500, .slow_bytes = 100, .slow_s = 2};
    sbi_http *impatient;
    ck_assert_int_eq(sbi_http_open(&impatient, ctx, &o), SBI_OK);
    for (int i = 0; i < 3; i++) {
        sbi_http_answer a;
        const sbi_http_request r = {.method = "GET", .url = trouble(slow[i], 9)};
        EXPECT(sbi_http_send(impatient, &r, &a), SBI_ERR_TRANSIENT);
        ck_assert_int_eq(a.tries, 1);
        sbi_http_answer_clear(&a);
    }
    sbi_http_close(impatient);
}
END_TEST

START_TEST(redirects)
{
    sbi_http_answer a;
    sbi_http_request r = {.method = "GET", .url = trouble("redirect-same", 9), .headers = {"X-Mine: a secret of mine"}};
    EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
    ck_assert_ptr_nonnull(strstr(a.body.data, "the-secret-token"));
    ck_assert_ptr_nonnull(strstr(a.body.data, "a secret of mine"));
    sbi_http_answer_clear(&a);
    static const char *const methods[] = {"GET", "PUT"};
    for (int i = 0; i < 2; i++) {
        r = (sbi_http_request){.method = methods[i], .url = trouble("redirect-other", 9), .headers = {"X-Mine: a secret of mine", "If-None-Match: *"}};
        if (i) r.body = "the body", r.body_size = 8;
        EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
        ck_assert_int_eq(a.code, 200);
        ck_assert_ptr_null(strstr(a.body.data, "the-secret-token"));
        ck_assert_ptr_null(strstr(a.body.data, "authorization"));
        ck_assert_ptr_null(strstr(a.body.data, "a secret of mine"));
        ck_assert_ptr_nonnull(strstr(a.body.data, "if-none-match"));
        if (i) ck_assert_ptr_nonnull(strstr(a.body.data, "the body"));
        sbi_http_answer_clear(&a);
    }
    r = (sbi_http_request){.method = "GET", .url = trouble("redirect-loop", 9)};
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_FORMAT);
    sbi_http_answer_clear(&a);
    r.url = trouble("redirect-file", 9);
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_PERMISSION);
    sbi_http_answer_clear(&a);
    r = (sbi_http_request){.method = "POST", .url = trouble("redirect-other", 9), .body = "x", .body_size = 1};
    EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
    ck_assert_int_eq(a.code, 307);
    sbi_http_answer_clear(&a);
}
END_TEST

START_TEST(credentials_stay_here)
{
    sbi_http_answer a;
    sbi_http_request r = {.method = "GET", .url = "http://192.0.2.1/x?signature=secret"};
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_PERMISSION);
    ck_assert_ptr_null(strstr(sbi_last_error(), "secret"));
    sbi_http_answer_clear(&a);
    r.url = "http://127.0.0.1.example.org/x";
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_PERMISSION);
    sbi_http_answer_clear(&a);
    r.url = "http://user:secret@127.0.0.1/x";
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(strstr(sbi_last_error(), "secret"));
    sbi_http_answer_clear(&a);
    r.url = "ftp://127.0.0.1/x";
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_ARGUMENT);
    sbi_http_answer_clear(&a);
    /* Nobody listens at port 1; the message leaves the query out. */
    r.url = "http://127.0.0.1:1/x?signature=secret";
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_TRANSIENT);
    ck_assert_int_eq(a.tries, 4);
    ck_assert_ptr_null(strstr(sbi_last_error(), "secret"));
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "http://127.0.0.1:1/x"));
    sbi_http_answer_clear(&a);
}
END_TEST

START_TEST(tokens_rotate)
{
    char path[64] = "/tmp/sbi-token-XXXXXX", url[300];
    const char *folder = getenv("TMPDIR");
    if (folder && folder[0] && strlen(folder) < 40) snprintf(path, sizeof path, "%s/sbi-token-XXXXXX", folder);
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    const sbi_http_options o = {.token_file = path};
    sbi_http *rotating;
    snprintf(url, sizeof url, "%s/echo", base);
    ck_assert_int_eq(sbi_http_open(&rotating, ctx, &o), SBI_OK);
    for (int i = 0; i < 3; i++) {
        char token[32];
        FILE *f = fopen(path, "w");
        fprintf(f, "token-%d\n", i);
        fclose(f);
        sbi_http_answer a;
        const sbi_http_request r = {.method = "GET", .url = url};
        EXPECT(sbi_http_send(rotating, &r, &a), SBI_OK);
        snprintf(token, sizeof token, "Bearer token-%d", i);
        ck_assert_ptr_nonnull(strstr(a.body.data, token));
        sbi_http_answer_clear(&a);
    }
    sbi_http_close(rotating);
    remove(path);
}
END_TEST

typedef struct lines {
    int count;
    char all[200];
} lines;

static sbi_status on_line(void *user, const char *line, size_t size)
{
    lines *l = user;
    l->count++;
    snprintf(l->all + strlen(l->all), sizeof l->all - strlen(l->all), "[%.*s]", (int)size, line);
    return SBI_OK;
}

START_TEST(watching)
{
    lines l = {0};
    sbi_http_answer a;
    sbi_http_request r = {.method = "GET", .url = trouble("lines", 9), .line = on_line, .line_user = &l};
    EXPECT(sbi_http_send(http, &r, &a), SBI_OK);
    ck_assert_int_eq(a.code, 200);
    ck_assert_str_eq(l.all, "[{\"n\": 1}][{\"n\": 2}][][{\"n\": 3}]");
    sbi_http_answer_clear(&a);
    /* Silent for longer than allowed: what came is kept, and it is not begun anew. */
    memset(&l, 0, sizeof l);
    char silent[400];
    snprintf(silent, sizeof silent, "%ssilent", trouble("lines", 9));
    r.url = silent;
    r.idle_ms = 500;
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_TRANSIENT);
    ck_assert_int_eq(l.count, 4);
    ck_assert_int_eq(a.tries, 1);
    sbi_http_answer_clear(&a);
    r.url = trouble("lines", 9);
    r.limit = 4;
    EXPECT(sbi_http_send(http, &r, &a), SBI_ERR_FORMAT);
    sbi_http_answer_clear(&a);
}
END_TEST

static void *cancel_soon(void *user)
{
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    sbi_context_cancel(user, 1);
    return NULL;
}

START_TEST(cancelling)
{
    static const char *const silent[] = {"hang", "later-is-never"};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        sbi_http_answer a;
        /* The second waits to try again. */
        const sbi_http_options o = {.retries = 50, .backoff_ms = 20000, .backoff_most_ms = 20000};
        sbi_http *patient;
        ck_assert_int_eq(sbi_http_open(&patient, ctx, &o), SBI_OK);
        const sbi_http_request r = {.method = "GET", .url = trouble(i ? "503" : silent[i], 99)};
        ck_assert_int_eq(pthread_create(&thread, NULL, cancel_soon, ctx), 0);
        EXPECT(sbi_http_send(patient, &r, &a), SBI_ERR_CANCELLED);
        pthread_join(thread, NULL);
        sbi_http_answer_clear(&a);
        sbi_context_cancel(ctx, 0);
        sbi_http_close(patient);
    }
}
END_TEST

static void *many(void *user)
{
    int *bad = user;
    char url[300];
    snprintf(url, sizeof url, "%s/content", base);
    for (int i = 0; i < 10 && !*bad; i++) {
        taken t = {0};
        sbi_http_answer a;
        *bad = fetch(url, &t, &a) != SBI_OK || t.size != CONTENT_SIZE || t.wrong;
        sbi_http_answer_clear(&a);
    }
    return NULL;
}

START_TEST(several_threads)
{
    pthread_t threads[12];
    int bad[12] = {0};
    for (int i = 0; i < 12; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, many, &bad[i]), 0);
    for (int i = 0; i < 12; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(!bad[i], "thread %d", i);
    }
}
END_TEST

START_TEST(text)
{
    ck_assert_int_eq(sbi_http_same_origin("http://a/x", "http://A:80/y"), 1);
    ck_assert_int_eq(sbi_http_same_origin("https://a/x", "https://a:443"), 1);
    ck_assert_int_eq(sbi_http_same_origin("http://a/x", "https://a/x"), 0);
    ck_assert_int_eq(sbi_http_same_origin("http://a/x", "http://a:81/x"), 0);
    ck_assert_int_eq(sbi_http_same_origin("http://a/x", "http://a.b/x"), 0);
    ck_assert_int_eq(sbi_http_same_origin("http://[::1]:5/", "http://[::1]:5/z"), 1);
    ck_assert_int_eq(sbi_http_same_origin("http://[::1]:5/", "http://[::1]/"), 0);
    sbi_text t;
    sbi_text_init(&t, ctx);
    sbi_http_escape(&t, "a b/c+\xc3\xa9~", 1);
    ck_assert_str_eq(t.data, "a%20b/c%2B%C3%A9~");
    sbi_text_clear(&t);
}
END_TEST

int main(void)
{
    base = server("SBI_TEST_FAULTY");
    Suite *suite = suite_create("grid http");
    TCase *t = tcase_create("http");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, passing_troubles_pass);
    tcase_add_test(t, lasting_troubles_end);
    tcase_add_test(t, codes);
    tcase_add_test(t, posts_are_not_repeated);
    tcase_add_test(t, lies);
    tcase_add_test(t, slow_ones_are_left);
    tcase_add_test(t, redirects);
    tcase_add_test(t, credentials_stay_here);
    tcase_add_test(t, tokens_rotate);
    tcase_add_test(t, watching);
    tcase_add_test(t, cancelling);
    tcase_add_test(t, several_threads);
    tcase_add_test(t, text);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
