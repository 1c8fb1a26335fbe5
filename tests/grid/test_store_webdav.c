/* SPDX-License-Identifier: Apache-2.0 */
/* The WebDAV store on nginx. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "contract/store_conformance.h"
#include "grid/servers.h"
#include "support/run_suite.h"

static const char *http, *https, *nginx;

static sbi_status open_plain(void *user, sbi_context *ctx, sbi_store **out)
{
    char url[300];
    (void)user;
    snprintf(url, sizeof url, "%s/store/", http);
    return sbi_store_open(out, ctx, url, NULL);
}

static sbi_context *ctx;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
}

/* What putting and getting ends with. Each %s of the configuration is nginx's folder. */
static sbi_status try_it(const char *folder, const char *format)
{
    char url[300], config[2000] = "{";
    sbi_store *s;
    snprintf(url, sizeof url, "davs%s/%s", https + strlen("https"), folder);
    for (const char *p = format; *p; p++) {
        const size_t used = strlen(config);
        if (*p == '@')
            snprintf(config + used, sizeof config - used, "%s", nginx);
        else
            snprintf(config + used, sizeof config - used, "%c", *p);
    }
    strcat(config, "}");
    sbi_status status = sbi_store_open(&s, ctx, url, config);
    if (status != SBI_OK) return status;
    status = sbi_store_put_bytes(s, "a/b/c", "secure", 6, 0);
    if (status == SBI_OK) status = sbi_store_remove(s, "a/b/c");
    sbi_store_close(s);
    return status;
}

#define CA "\"ca_file\": \"@/ca.pem\""

START_TEST(credentials)
{
    unsetenv("BEARER_TOKEN_FILE");
    unsetenv("X509_USER_PROXY");
    ck_assert_msg(try_it("store", CA) == SBI_OK, "%s", sbi_last_error());
    /* A certificate that nobody vouches for is refused, and there is no switch. */
    ck_assert_int_eq(try_it("store", "\"retries\": 0"), SBI_ERR_PERMISSION);
    ck_assert_int_eq(try_it("store", "\"insecure\": true"), SBI_ERR_FORMAT);
    ck_assert_int_eq(try_it("token", CA), SBI_ERR_PERMISSION);
    ck_assert_msg(try_it("token", CA ", \"token_file\": \"@/token\"") == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(try_it("token", CA ", \"token_file\": \"@/user\""), SBI_ERR_PERMISSION);
    ck_assert_int_eq(try_it("token", CA ", \"token_file\": \"@/none\""), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(try_it("certificate", CA), SBI_ERR_PERMISSION);
    ck_assert_msg(try_it("certificate", CA ", \"cert_file\": \"@/client.pem\", \"key_file\": \"@/client.key\"") == SBI_OK, "%s", sbi_last_error());
    ck_assert_msg(try_it("certificate", CA ", \"cert_file\": \"@/proxy.pem\"") == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(try_it("basic", CA), SBI_ERR_PERMISSION);
    ck_assert_msg(try_it("basic", CA ", \"user_file\": \"@/user\"") == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(try_it("basic", CA ", \"user_file\": \"@/token\""), SBI_ERR_FORMAT);
}
END_TEST

START_TEST(credentials_of_the_environment)
{
    char path[400];
    snprintf(path, sizeof path, "%s/token", nginx);
    setenv("BEARER_TOKEN_FILE", path, 1);
    ck_assert_msg(try_it("token", CA) == SBI_OK, "%s", sbi_last_error());
    unsetenv("BEARER_TOKEN_FILE");
    snprintf(path, sizeof path, "%s/proxy.pem", nginx);
    setenv("X509_USER_PROXY", path, 1);
    ck_assert_msg(try_it("certificate", CA) == SBI_OK, "%s", sbi_last_error());
    unsetenv("X509_USER_PROXY");
}
END_TEST

START_TEST(urls)
{
    sbi_store *s;
    ck_assert_int_eq(sbi_store_open(&s, ctx, "https://host/a?b=c", NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "https:///a", NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_store_open(&s, ctx, "https://host/a%zz", NULL), SBI_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
    http = server("SBI_TEST_DAV");
    https = server("SBI_TEST_DAVS");
    nginx = server("SBI_TEST_NGINX");
    static const store_factory factory = {"store webdav", open_plain, NULL, 0, 0};
    Suite *suite = store_conformance_suite(&factory);
    TCase *t = tcase_create("webdav");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, credentials);
    tcase_add_test(t, credentials_of_the_environment);
    tcase_add_test(t, urls);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
