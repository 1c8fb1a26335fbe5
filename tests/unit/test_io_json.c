/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: where an error stands, typed members, and text that is the same everywhere. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "io/json.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;

static void set_up(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
}

static json_t *parse(const char *text)
{
    json_t *value;
    sbi_status status = sbi_json_parse(&value, text, strlen(text), "w.json");
    ck_assert_msg(status == SBI_OK, "%s", sbi_last_error());
    return value;
}

START_TEST(malformed_text)
{
    const char *cases[][2] = {{"", "w.json: line 1"},
                              {"{", "w.json: line 1"},
                              {"{\"a\": 1,\n \"b\": }", "w.json: line 2, column"},
                              {"{\"a\": 1, \"a\": 2}", "duplicate"},
                              {"{\"a\": 1} x", "w.json: line 1"},
                              {"{\"a\": nan}", "w.json: line 1"},
                              {"{\"a\": 1e999}", "w.json: line 1"},
                              {"{\"a\": 99999999999999999999}", "w.json: line 1"},
                              {"{\"a\": \"\xff\"}", "w.json: line 1"},
                              {"{'a': 1}", "w.json: line 1"},
                              {"[1,]", "w.json: line 1"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *value = (json_t *)&cases;
        ck_assert_int_eq(sbi_json_parse(&value, cases[i][0], strlen(cases[i][0]), "w.json"), SBI_ERR_FORMAT);
        ck_assert_ptr_null(value);
        ck_assert_msg(strstr(sbi_last_error(), cases[i][1]) != NULL, "%s: %s", cases[i][0], sbi_last_error());
    }
    char *deep = malloc(100001);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    json_t *value;
    ck_assert_int_eq(sbi_json_parse(&value, deep, 100000, "w.json"), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "depth"));
    free(deep);
}
END_TEST

START_TEST(files)
{
    test_folder folder = folder_make();
    test_path p = folder_path(&folder, "w.json"), missing = folder_path(&folder, "missing.json");
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "{\"a\":\n[1,2}", 11), SBI_OK);
    json_t *value;
    ck_assert_int_eq(sbi_json_load(&value, ctx, p.text), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "w.json: line 2"));
    ck_assert_int_eq(sbi_json_load(&value, ctx, missing.text), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(sbi_file_write(ctx, p.text, "{\"a\":[1,2]}", 11), SBI_OK);
    ck_assert_int_eq(sbi_json_load(&value, ctx, p.text), SBI_OK);
    ck_assert_uint_eq(json_array_size(json_object_get(value, "a")), 2);
    json_decref(value);
    folder_remove(&folder);
}
END_TEST

START_TEST(places)
{
    sbi_json_place root = sbi_json_root("w.json"), channels = sbi_json_member(&root, "channels"),
                   first = sbi_json_item(&channels, 12), name = sbi_json_member(&first, "a/b~c");
    ck_assert_str_eq(name.pointer, "/channels/12/a~1b~0c");
    ck_assert_int_eq(sbi_json_fail(SBI_ERR_VALUE, &name, "value is %d", 3), SBI_ERR_VALUE);
    ck_assert_str_eq(sbi_last_error(), "w.json: /channels/12/a~1b~0c: value is 3");
    sbi_json_fail(SBI_ERR_VALUE, &root, "x");
    ck_assert_str_eq(sbi_last_error(), "w.json: /: x");
    sbi_json_place deep = root;
    for (int i = 0; i < 200; i++) deep = sbi_json_member(&deep, i % 2 ? "~~~~~~~" : "abc");
    ck_assert_uint_lt(strlen(deep.pointer), sizeof deep.pointer);
}
END_TEST

START_TEST(members)
{
    json_t *o =
        parse("{\"s\":\"text\",\"n\":1.5,\"i\":7,\"b\":true,\"z\":null,\"a\":[1],\"o\":{},\"nul\":\"a\\u0000b\"}");
    sbi_json_place at = sbi_json_root("w.json");
    const char *s;
    double d;
    int64_t i;
    int b;
    json_t *v;
    ck_assert_int_eq(sbi_json_get_string(o, &at, "s", &s), SBI_OK);
    ck_assert_str_eq(s, "text");
    ck_assert_int_eq(sbi_json_get_string(o, &at, "n", &s), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /n: expected a string, found a number");
    ck_assert_int_eq(sbi_json_get_string(o, &at, "nul", &s), SBI_ERR_FORMAT);
    ck_assert_int_eq(sbi_json_get_string(o, &at, "missing", &s), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /: \"missing\" is missing");
    ck_assert_int_eq(sbi_json_get_string_or(o, &at, "missing", "other", &s), SBI_OK);
    ck_assert_str_eq(s, "other");
    ck_assert_int_eq(sbi_json_get_string_or(o, &at, "i", "other", &s), SBI_ERR_FORMAT);
    ck_assert_int_eq(sbi_json_get_number(o, &at, "n", &d), SBI_OK);
    ck_assert_double_eq(d, 1.5);
    ck_assert_int_eq(sbi_json_get_number(o, &at, "i", &d), SBI_OK);
    ck_assert_double_eq(d, 7);
    ck_assert_int_eq(sbi_json_get_number(o, &at, "z", &d), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /z: expected a number, found null");
    ck_assert_int_eq(sbi_json_get_number_or(o, &at, "missing", 3, &d), SBI_OK);
    ck_assert_double_eq(d, 3);
    ck_assert_int_eq(sbi_json_get_number_or(o, &at, "s", 3, &d), SBI_ERR_FORMAT);
    ck_assert_int_eq(sbi_json_get_integer(o, &at, "i", &i), SBI_OK);
    ck_assert_int_eq(i, 7);
    ck_assert_int_eq(sbi_json_get_integer(o, &at, "n", &i), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /n: expected an integer, found 1.5");
    ck_assert_int_eq(sbi_json_get_integer(o, &at, "s", &i), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /s: expected an integer, found a string");
    ck_assert_int_eq(sbi_json_get_integer_or(o, &at, "missing", -1, &i), SBI_OK);
    ck_assert_int_eq(i, -1);
    ck_assert_int_eq(sbi_json_get_bool_or(o, &at, "b", 0, &b), SBI_OK);
    ck_assert_int_eq(b, 1);
    ck_assert_int_eq(sbi_json_get_bool_or(o, &at, "missing", 1, &b), SBI_OK);
    ck_assert_int_eq(b, 1);
    ck_assert_int_eq(sbi_json_get_bool_or(o, &at, "i", 1, &b), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /i: expected a boolean, found a number");
    ck_assert_int_eq(sbi_json_get_array(o, &at, "a", &v), SBI_OK);
    ck_assert_int_eq(sbi_json_get_array(o, &at, "o", &v), SBI_ERR_FORMAT);
    ck_assert_str_eq(sbi_last_error(), "w.json: /o: expected an array, found an object");
    ck_assert_int_eq(sbi_json_get_object(o, &at, "o", &v), SBI_OK);
    ck_assert_int_eq(sbi_json_get_object(o, &at, "a", &v), SBI_ERR_FORMAT);
    /* An array where an object should be is an error even if all its members are optional. */
    ck_assert_int_eq(sbi_json_get_object(o, &at, "o", &v), SBI_OK);
    ck_assert_int_eq(sbi_json_get_number_or(json_object_get(o, "a"), &at, "x", 3, &d), SBI_ERR_FORMAT);
    ck_assert_int_eq(sbi_json_get_number_or(NULL, &at, "x", 3, &d), SBI_OK);
    ck_assert_int_eq(sbi_json_get_number(NULL, &at, "x", &d), SBI_ERR_FORMAT);
    json_t *infinite = json_object();
    const char *const all[] = {"s", "n", "i", "b", "z", "a", "o", "nul", NULL}, *const some[] = {"s", "n", NULL};
    ck_assert_int_eq(sbi_json_only_keys(o, &at, all), SBI_OK);
    ck_assert_int_eq(sbi_json_only_keys(o, &at, some), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "unknown key \""));
    json_decref(infinite);
    json_decref(o);
}
END_TEST

static void expect_text(const json_t *value, int pretty, const char *wanted)
{
    sbi_text t;
    sbi_text_init(&t, ctx);
    ck_assert_int_eq(pretty ? sbi_json_pretty(&t, value) : sbi_json_canonical(&t, value), SBI_OK);
    ck_assert_str_eq(t.data, wanted);
    sbi_text_clear(&t);
}

START_TEST(canonical_text)
{
    json_t *o = parse("{ \"z\" : [ ], \"b\": [1, -2.50, 1e300, 0.1, -0.0, 3.0], \"a\": {\"y\": null, \"x\": true},"
                      " \"\xc3\xa9\": \"q\\\"\\\\\\u0001\\n\xc3\xa9\", \"e\": {} }");
    expect_text(o, 0,
                "{\"a\":{\"x\":true,\"y\":null},\"b\":[1,-2.5,1e+300,0.1,-0.0,3.0],\"e\":{},\"z\":[],"
                "\"\xc3\xa9\":\"q\\\"\\\\\\u0001\\u000a\xc3\xa9\"}");
    expect_text(o, 1,
                "{\n  \"a\": {\n    \"x\": true,\n    \"y\": null\n  },\n  \"b\": [1, -2.5, 1e+300, 0.1, -0.0, 3.0],\n"
                "  \"e\": {},\n  \"z\": [],\n  \"\xc3\xa9\": \"q\\\"\\\\\\u0001\\u000a\xc3\xa9\"\n}\n");
    json_decref(o);
    o = parse("[[1,2],[3,{}]]");
    expect_text(o, 1, "[\n  [1, 2],\n  [\n    3,\n    {}\n  ]\n]\n");
    json_decref(o);
    sbi_text t;
    sbi_text_init(&t, ctx);
    ck_assert_int_eq(sbi_json_canonical(&t, NULL), SBI_ERR_ARGUMENT);
    sbi_text_clear(&t);
}
END_TEST

/* Writes and reads many doubles of every size: each must come back as itself, and in no more than 17 digits. */
static void round_trips(void)
{
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = sbi_random_u64(1, 0, i);
        double x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        if (i % 3 == 0) x = (double)(int64_t)(bits >> 40) / 1000;
        json_t *a = json_array();
        json_array_append_new(a, json_real(x));
        sbi_text t;
        sbi_text_init(&t, ctx);
        ck_assert_int_eq(sbi_json_canonical(&t, a), SBI_OK);
        ck_assert_uint_le(t.size, 2 + 24 + 2);
        json_t *back;
        ck_assert_msg(sbi_json_parse(&back, t.data, t.size, "w") == SBI_OK, "%s: %s", t.data, sbi_last_error());
        ck_assert(json_is_real(json_array_get(back, 0)));
        double y = json_real_value(json_array_get(back, 0));
        ck_assert_mem_eq(&x, &y, sizeof x);
        sbi_text_clear(&t);
        json_decref(back);
        json_decref(a);
    }
}

START_TEST(doubles_come_back)
{
    round_trips();
    /* A host with a decimal comma, or with a decimal point of two bytes, must get the same text. Locales that are not
     * installed are made where their sources are. */
    test_folder folder = folder_make();
    setenv("LOCPATH", folder.path, 1);
    const char *const names[] = {"de_DE", "ps_AF"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char command[600];
        snprintf(command, sizeof command, "localedef -c -i %s -f UTF-8 '%s/%s' >'%s/log' 2>&1", names[i], folder.path,
                 names[i], folder.path);
        if (system(command) < 0 || !setlocale(LC_NUMERIC, names[i])) {
            printf("skipped: doubles_come_back for the locale %s: localedef cannot make it here\n", names[i]);
            continue;
        }
        ck_assert_str_ne(localeconv()->decimal_point, ".");
        json_t *a = parse("[0.5,-12.25,1e-300,3.0]");
        expect_text(a, 0, "[0.5,-12.25,1e-300,3.0]");
        json_decref(a);
        round_trips();
        setlocale(LC_NUMERIC, "C");
    }
    unsetenv("LOCPATH");
    folder_remove(&folder);
}
END_TEST

static sbi_status dump(sbi_context *c, void *arg)
{
    sbi_text t;
    sbi_text_init(&t, c);
    sbi_status status = sbi_json_pretty(&t, arg);
    sbi_text_clear(&t);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    json_t *o = parse("{\"b\":{\"c\":[1,2,{\"d\":{}}]},\"a\":\"0123456789012345678901234567890123456789\"}");
    json_t *many = json_array();
    for (int i = 0; i < 50; i++) json_array_append(many, o);
    for (int all_later = 0; all_later < 2; all_later++) {
        torture_report r = torture_allocations(dump, many, 1, all_later);
        ck_assert_int_gt(r.requests, 150);
        ck_assert_int_eq(r.tolerated, 0);
    }
    json_decref(many);
    json_decref(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io: JSON");
    TCase *tc = tcase_create("JSON");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, malformed_text);
    tcase_add_test(tc, files);
    tcase_add_test(tc, places);
    tcase_add_test(tc, members);
    tcase_add_test(tc, canonical_text);
    tcase_add_test(tc, doubles_come_back);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
