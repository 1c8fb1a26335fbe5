/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the executor "panda" share: the stand-in of tests/servers/panda, and how its behaviour is set. */
#ifndef SBI_TESTS_GRID_PANDA_STANDIN_H
#define SBI_TESTS_GRID_PANDA_STANDIN_H

#include <check.h>
#include <string.h>

#include "grid/http.h"
#include "grid/servers.h"
#include "io/json.h"
#include "sbi/sbi.h"

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

/* Sends an order (NULL: none) and gives what happened so far; json_decref(). */
static inline json_t *panda_control(const char *order)
{
    sbi_context *ctx;
    sbi_http *http;
    sbi_http_options o = {0};
    sbi_http_answer answer;
    char url[200];
    json_t *out;
    snprintf(url, sizeof url, "%s/control", server("SBI_TEST_PANDA"));
    const sbi_http_request request = {.method = order ? "POST" : "GET", .url = url, .body = order, .body_size = order ? strlen(order) : 0};
    OK(sbi_context_create(&ctx, NULL));
    OK(sbi_http_open(&http, ctx, &o));
    OK(sbi_http_send(http, &request, &answer));
    ck_assert_int_eq(answer.code, 200);
    OK(sbi_json_parse(&out, answer.body.data, answer.body.size, "control"));
    sbi_http_answer_clear(&answer);
    sbi_http_close(http);
    sbi_context_destroy(ctx);
    return out;
}

static inline void panda_order(const char *order)
{
    json_decref(panda_control(order));
}

static inline int64_t panda_count(const char *a, const char *b)
{
    json_t *all = panda_control(NULL);
    const json_t *value = json_object_get(all, a);
    if (b) value = json_object_get(value, b);
    const int64_t n = json_is_array(value) ? (int64_t)json_array_size(value) : json_integer_value(value);
    json_decref(all);
    return n;
}

/* The environment of a user with a token that is good. */
static inline void panda_environment(void)
{
    static const char *const names[] = {"PANDA_URL_SSL", "PANDACACHE_URL", "PANDA_AUTH", "OIDC_AUTH_TOKEN_FILE", "OIDC_AUTH_ID_TOKEN", "PANDA_CONFIG_ROOT"};
    json_t *all = panda_control(NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
    setenv("PANDA_URL", server("SBI_TEST_PANDA"), 1);
    setenv("PANDA_AUTH_VO", "testvo", 1);
    setenv("PANDA_AUTH_ID_TOKEN", json_string_value(json_object_get(all, "token")), 1);
    json_decref(all);
}

#endif
