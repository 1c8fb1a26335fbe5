/* SPDX-License-Identifier: Apache-2.0 */
/* The Job object, its options and lists of indexes: without a cluster. The object is held against tests/reference/kubernetes/job.json, which was written by
 * hand from the API's reference. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "grid/kube_job.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static const char *const everything =
    "{\"store\":\"s3://bucket/prefix\",\"image\":\"registry/sbi-worker:0.1\",\"queue\":\"gpus\",\"pod_store_config\":{\"part_size\":8388608},\"secret\":\"s3-credentials\",\"pull_policy\":\"IfNotPresent\","
    "\"command\":[\"/usr/bin/sbi-worker\"],\"service_account\":\"worker\",\"environment\":{\"AWS_REGION\":\"eu\"},\"cpus\":1.5,\"gpus\":1,\"scratch\":4096,"
    "\"parallelism\":2,\"grace_s\":30,\"deadline_s\":3600,\"ttl_s\":60,\"heartbeat_s\":15,\"pod_patch\":{\"nodeSelector\":{\"gpu\":\"h100\",\"not\":null}},"
    "\"container_patch\":{\"securityContext\":{\"runAsNonRoot\":true}},\"job_patch\":{\"metadata\":{\"annotations\":{\"note\":\"kept\"}}}}";

static sbi_context *ctx;
static grid_config config;
static kube_options o;
static const char *const keys[] = {"a", "b", "c"};

static void set_up(void)
{
    OK(sbi_context_create(&ctx, NULL));
    OK(grid_config_read(&config, everything, "executor", kube_option_keys));
    OK(kube_options_read(&o, &config));
}

static void tear_down(void)
{
    grid_config_clear(&config);
    sbi_context_destroy(ctx);
}

static kube_batch batch(void)
{
    return (kube_batch){keys, 3, 2, o.cpus_milli, 1048576};
}

START_TEST(object)
{
    json_error_t where;
    json_t *job, *expected = json_load_file("tests/reference/kubernetes/job.json", 0, &where);
    sbi_text text;
    const kube_batch b = batch();
    ck_assert_msg(expected != NULL, "line %d: %s", where.line, where.text);
    OK(kube_job_make(&job, ctx, &o, &b, "sbi-x"));
    json_t *annotations = json_object_get(json_object_get(job, "metadata"), "annotations");
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(annotations, KUBE_ANNOTATION_HASH))), 64);
    json_object_del(annotations, KUBE_ANNOTATION_HASH);
    sbi_text_init(&text, ctx);
    OK(sbi_json_pretty(&text, job));
    ck_assert_msg(json_equal(job, expected), "%s", text.data);
    sbi_text_clear(&text);
    json_decref(expected);
    json_decref(job);
}
END_TEST

static void hash(const char *text, char out[65])
{
    grid_config c;
    kube_options options;
    json_t *job;
    const kube_batch b = batch();
    OK(grid_config_read(&c, text, "executor", kube_option_keys));
    OK(kube_options_read(&options, &c));
    OK(kube_job_make(&job, ctx, &options, &b, "sbi-x"));
    snprintf(out, 65, "%s", json_string_value(json_object_get(json_object_get(json_object_get(job, "metadata"), "annotations"), KUBE_ANNOTATION_HASH)));
    json_decref(job);
    grid_config_clear(&c);
}

/* The same batch has one name; another configuration of it another hash. */
START_TEST(names_and_hashes)
{
    char a[KUBE_NAME_SIZE], other[KUBE_NAME_SIZE], x[65], y[65];
    kube_batch b = batch();
    kube_job_name(&o, &b, a);
    kube_job_name(&o, &b, other);
    ck_assert_str_eq(a, other);
    ck_assert_uint_le(strlen(a), 52); /* a pod's name and its index are added */
    b.attempt = 3;
    kube_job_name(&o, &b, other);
    ck_assert_str_ne(a, other);
    b.attempt = 2;
    b.n = 2;
    kube_job_name(&o, &b, other);
    ck_assert_str_ne(a, other);
    b = batch();
    b.memory *= 2;
    kube_job_name(&o, &b, other);
    ck_assert_str_ne(a, other);
    hash("{\"store\":\"s\",\"image\":\"one\"}", x);
    hash("{\"image\":\"one\",\"store\":\"s\"}", y);
    ck_assert_str_eq(x, y);
    hash("{\"store\":\"s\",\"image\":\"two\"}", y);
    ck_assert_str_ne(x, y);
}
END_TEST

START_TEST(refused_options)
{
    static const struct {
        const char *text, *says;
    } cases[] = {{"{\"image\":\"i\"}", "store"},
                 {"{\"store\":\"s\"}", "image"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"imgae\":1}", "imgae"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"cpus\":0}", "cpus"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"batch\":0}", "batch"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"memory\":-1}", "memory"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"pod_patch\":[]}", "pod_patch"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"environment\":{\"A\":1}}", "environment/A"},
                 {"{\"store\":\"https://me:geheim@host/x\",\"image\":\"i\"}", "pod_store"},
                 {"{\"store\":\"s\",\"image\":\"i\",\"pod_store\":\"davs://geheim@host/x\"}", "pod_store"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grid_config c;
        kube_options options;
        sbi_status status = grid_config_read(&c, cases[i].text, "executor", kube_option_keys);
        if (status == SBI_OK) {
            status = kube_options_read(&options, &c);
            grid_config_clear(&c);
        }
        ck_assert_msg(status != SBI_OK, "%s", cases[i].text);
        ck_assert_msg(strstr(sbi_last_error(), cases[i].says) && !strstr(sbi_last_error(), "geheim"), "%s", sbi_last_error());
    }
}
END_TEST

static void collect(void *user, size_t index)
{
    sbi_text_addf(user, "%zu ", index);
}

START_TEST(indexes)
{
    static const struct {
        const char *text, *all; /* NULL: no such list */
    } cases[] = {{"", ""}, {"3", "3 "}, {"0-2,5", "0 1 2 5 "}, {"4-4", "4 "}, {"8-18446744073709551615", "8 9 "}, {"12", ""},
                 {"99999999999999999999999", ""}, {"2-1", NULL}, {"-1", NULL}, {"1-", NULL}, {"a", NULL}, {"1 2", NULL}, {"1;2", NULL}, {",1", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbi_text text;
        sbi_text_init(&text, ctx);
        sbi_status status = kube_indexes_read(cases[i].text, 10, collect, &text);
        ck_assert_msg(status == (cases[i].all ? SBI_OK : SBI_ERR_FORMAT), "\"%s\": %d", cases[i].text, (int)status);
        if (cases[i].all) ck_assert_str_eq(text.data ? text.data : "", cases[i].all);
        sbi_text_clear(&text);
    }
}
END_TEST

static sbi_status body(sbi_context *own, void *unused)
{
    json_t *job;
    const kube_batch b = batch();
    (void)unused;
    SBI_TRY(kube_job_make(&job, own, &o, &b, "sbi-x"));
    json_decref(job);
    return SBI_OK;
}

/* jansson has one allocator for all of a process: it fails here by itself. */
static long until_failure;

static void *failing_malloc(size_t size)
{
    return until_failure > 0 && --until_failure == 0 ? NULL : malloc(size);
}

/* Whatever allocation fails: the whole object or none, never one without its limits. */
START_TEST(memory)
{
    torture_allocations(body, NULL, 1, 0);
    const kube_batch b = batch();
    json_t *job, *whole;
    OK(kube_job_make(&whole, ctx, &o, &b, "sbi-x"));
    json_set_alloc_funcs(failing_malloc, free);
    int failed = 1;
    for (long k = 1; failed; k++) {
        ck_assert_int_lt(k, 5000);
        until_failure = k;
        sbi_status status = kube_job_make(&job, ctx, &o, &b, "sbi-x");
        failed = until_failure == 0;
        until_failure = 0;
        ck_assert_msg(status == SBI_OK || status == SBI_ERR_NO_MEMORY, "%ld: %d: %s", k, (int)status, sbi_last_error());
        if (status == SBI_OK) ck_assert_msg(json_equal(job, whole), "allocation %ld failed, and something is missing", k);
        json_decref(job);
    }
    json_set_alloc_funcs(malloc, free);
    json_decref(whole);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kubernetes Job");
    TCase *tc = tcase_create("job");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, object);
    tcase_add_test(tc, names_and_hashes);
    tcase_add_test(tc, refused_options);
    tcase_add_test(tc, indexes);
    tcase_add_test(tc, memory);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
