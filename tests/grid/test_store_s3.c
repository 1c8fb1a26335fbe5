/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 store on a real server. */
#include <curl/curl.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "contract/store_conformance.h"
#include "grid/http.h"
#include "grid/s3.h"
#include "grid/secret.h"
#include "grid/servers.h"
#include "support/run_suite.h"

static const char *url, *credentials;

static sbi_status open_with(sbi_store **out, sbi_context *ctx, const char *more)
{
    char config[600];
    snprintf(config, sizeof config, "{\"credentials_file\": \"%s\"%s}", credentials, more);
    return sbi_store_open(out, ctx, url, config);
}

static sbi_status open_s3(void *user, sbi_context *ctx, sbi_store **out)
{
    return open_with(out, ctx, user);
}

typedef struct big {
    uint64_t size, at, breaks_at;
} big;

static unsigned char byte_at(uint64_t i)
{
    return (unsigned char)((i * 2654435761u) >> 13);
}

static sbi_status big_read(void *user, void *data, size_t capacity, size_t *got)
{
    big *b = user;
    if (b->breaks_at && b->at >= b->breaks_at) return sbi_error_set(SBI_ERR_IO, "broke");
    *got = b->size - b->at < capacity ? (size_t)(b->size - b->at) : capacity;
    for (size_t i = 0; i < *got; i++) ((unsigned char *)data)[i] = byte_at(b->at + i);
    b->at += *got;
    return SBI_OK;
}

static sbi_status big_rewind(void *user)
{
    ((big *)user)->at = 0;
    return SBI_OK;
}

static sbi_status big_check(void *user, const void *data, size_t size)
{
    big *b = user;
    size_t wrong = 0;
    for (size_t i = 0; i < size; i++) wrong += ((const unsigned char *)data)[i] != byte_at(b->at + i);
    ck_assert_uint_eq(wrong, 0);
    b->at += size;
    return SBI_OK;
}

static sbi_context *ctx;
static sbi_store *store;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_msg(open_with(&store, ctx, ", \"part_size\": 5242880, \"parallel\": 3") == SBI_OK, "%s", sbi_last_error());
}

static void tear_down(void)
{
    sbi_store_close(store);
    sbi_context_destroy(ctx);
}

static void expect_big(const char *name, uint64_t size)
{
    big b = {size, 0, 0};
    sbi_sink sink = {sizeof sink, 0, big_check, &b};
    ck_assert_msg(sbi_store_get(store, name, 0, 0, &sink) == SBI_OK, "%s", sbi_last_error());
    ck_assert_uint_eq(b.at, size);
}

START_TEST(in_parts)
{
    static const uint64_t sizes[] = {5242881, 4 * 5242880ull, 23000001};
    for (int i = 0; i < 3; i++) {
        big b = {sizes[i], 0, 0};
        sbi_source source = {sizeof source, 0, big_read, big_rewind, &b};
        ck_assert_int_eq(sbi_store_remove(store, "big/one"), SBI_OK);
        ck_assert_msg(sbi_store_put(store, "big/one", &source, sizes[i], SBI_STORE_CREATE) == SBI_OK, "%s", sbi_last_error());
        expect_big("big/one", sizes[i]);
        big_rewind(&b);
        ck_assert_int_eq(sbi_store_put(store, "big/one", &source, sizes[i], SBI_STORE_CREATE), SBI_ERR_EXISTS);
    }
    ck_assert_int_eq(sbi_store_remove(store, "big/one"), SBI_OK);
}
END_TEST

/* An upload that stopped is gone on from: the parts that are there are not sent again. */
START_TEST(in_parts_resumed)
{
    big b = {23000001, 0, 16000000};
    sbi_source source = {sizeof source, 0, big_read, big_rewind, &b};
    sbi_store_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sbi_store_remove(store, "big/resumed"), SBI_OK);
    ck_assert_int_eq(sbi_store_put(store, "big/resumed", &source, b.size, 0), SBI_ERR_IO);
    ck_assert_int_eq(sbi_store_stat(store, "big/resumed", &info), SBI_ERR_NOT_FOUND);
    b = (big){23000001, 0, 0};
    ck_assert_msg(sbi_store_put(store, "big/resumed", &source, b.size, 0) == SBI_OK, "%s", sbi_last_error());
    expect_big("big/resumed", b.size);
    ck_assert_int_eq(sbi_store_remove(store, "big/resumed"), SBI_OK);
}
END_TEST

START_TEST(wrong_credentials)
{
    sbi_store *s;
    sbi_store_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(open_with(&s, ctx, ", \"profile\": \"other\""), SBI_OK);
    ck_assert_int_eq(sbi_store_stat(s, "x", &info), SBI_ERR_PERMISSION);
    ck_assert_int_eq(sbi_store_put_bytes(s, "x", "x", 1, 0), SBI_ERR_PERMISSION);
    ck_assert_ptr_null(strstr(sbi_last_error(), "not-the-secret"));
    sbi_store_close(s);
    ck_assert_int_eq(open_with(&s, ctx, ", \"profile\": \"none\""), SBI_ERR_PERMISSION);
    ck_assert_int_eq(open_with(&s, ctx, ", \"part_size\": 1"), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(open_with(&s, ctx, ", \"surprise\": 1"), SBI_ERR_FORMAT);
}
END_TEST

/* Until one of the clocks is set right nothing can be signed; that is no refusal for good. */
START_TEST(clocks_differ)
{
    char config[600];
    sbi_store *other;
    sbi_store_info info = {.struct_size = sizeof info};
    snprintf(config, sizeof config, "{\"credentials_file\": \"%s\", \"endpoint\": \"%s\"}", credentials, server("SBI_TEST_FAULTY"));
    ck_assert_int_eq(sbi_store_open(&other, ctx, "s3://clock/1", config), SBI_OK);
    ck_assert_int_eq(sbi_store_stat(other, "some-object", &info), SBI_ERR_TRANSIENT);
    ck_assert_msg(strstr(sbi_last_error(), "clocks") != NULL, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_store_stat(other, "some-object", &info), SBI_OK); /* it is served the second time */
    sbi_store_close(other);
}
END_TEST

START_TEST(no_bucket)
{
    sbi_store *s;
    sbi_store_info info = {.struct_size = sizeof info};
    char config[600];
    snprintf(config, sizeof config, "{\"credentials_file\": \"%s\"}", credentials);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "s3://no-such-bucket/x", config), SBI_OK);
    ck_assert_int_eq(sbi_store_stat(s, "x", &info), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_store_put_bytes(s, "x", "x", 1, 0), SBI_ERR_NOT_FOUND);
    sbi_store_close(s);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "s3://A/x", config), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "s3://bucket/a//b", config), SBI_ERR_ARGUMENT);
}
END_TEST

static int32_t code_of(sbi_http *http, sbi_http_request *r, sbi_http_answer *a)
{
    r->flags = SBI_HTTP_NO_CREDENTIAL;
    ck_assert_msg(sbi_http_send(http, r, a) == SBI_OK, "%s", sbi_last_error());
    return a->code;
}

START_TEST(pre_signed)
{
    grid_s3 *s;
    sbi_http *http;
    sbi_http_answer a;
    char config[600], *put, *get, *old;
    snprintf(config, sizeof config, "{\"credentials_file\": \"%s\"}", credentials);
    ck_assert_msg(grid_s3_create(&s, ctx, url, config) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_http_open(&http, ctx, NULL), SBI_OK);
    const int64_t now = (int64_t)time(NULL);
    ck_assert_int_eq(grid_s3_presign(&put, s, "PUT", "signed/a", 60, now), SBI_OK);
    ck_assert_int_eq(grid_s3_presign(&get, s, "GET", "signed/a", 60, now), SBI_OK);
    ck_assert_int_eq(grid_s3_presign(&old, s, "GET", "signed/a", 60, now - 120), SBI_OK);
    sbi_http_request r = {.method = "PUT", .url = put, .body = "by anybody", .body_size = 10};
    ck_assert_int_eq(code_of(http, &r, &a), 200);
    sbi_http_answer_clear(&a);
    r = (sbi_http_request){.method = "GET", .url = get};
    ck_assert_int_eq(code_of(http, &r, &a), 200);
    ck_assert_str_eq(a.body.data, "by anybody");
    sbi_http_answer_clear(&a);
    r = (sbi_http_request){.method = "GET", .url = old};
    ck_assert_int_eq(code_of(http, &r, &a), 403);
    sbi_http_answer_clear(&a);
    r = (sbi_http_request){.method = "PUT", .url = get, .body = "x", .body_size = 1};
    ck_assert_int_eq(code_of(http, &r, &a), 403);
    sbi_http_answer_clear(&a);
    ck_assert_int_eq(grid_s3_presign(&old, s, "GET", "signed/a", 700000, now), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_remove(store, "signed/a"), SBI_OK);
    sbi_secret_free(ctx, put);
    sbi_secret_free(ctx, get);
    sbi_http_close(http);
    grid_s3_free(s);
}
END_TEST

/* More objects than a page has. */
static sbi_status count_one(void *user, const char *name, const sbi_store_info *info)
{
    (void)name;
    (void)info;
    ++*(int *)user;
    return SBI_OK;
}

static sbi_status remove_one(void *user, const char *name, const sbi_store_info *info)
{
    (void)info;
    return sbi_store_remove(user, name);
}

START_TEST(pages)
{
    int n = 0;
    char name[64];
    for (int i = 0; i < 1050; i++) {
        snprintf(name, sizeof name, "pages/%d/%d", i % 3, i);
        ck_assert_msg(sbi_store_put_bytes(store, name, "x", 1, 0) == SBI_OK, "%s", sbi_last_error());
    }
    ck_assert_msg(sbi_store_list(store, "pages/", count_one, &n) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(n, 1050);
    ck_assert_int_eq(sbi_store_list(store, "pages/", remove_one, store), SBI_OK);
}
END_TEST

int main(void)
{
    url = server("SBI_TEST_S3");
    credentials = server("SBI_TEST_S3_CREDENTIALS");
    static const store_factory factory = {"store s3", open_s3, "", 0, 0};
    Suite *suite = store_conformance_suite(&factory);
    TCase *t = tcase_create("s3");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, in_parts);
    tcase_add_test(t, in_parts_resumed);
    tcase_add_test(t, wrong_credentials);
    tcase_add_test(t, clocks_differ);
    tcase_add_test(t, no_bucket);
    tcase_add_test(t, pre_signed);
    tcase_add_test(t, pages);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
