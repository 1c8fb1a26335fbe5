/* SPDX-License-Identifier: Apache-2.0 */
/* The client of PanDA's api/v1: what servers answer, credentials, and every allocation failing in turn. Against the stand-in of tests/servers/panda. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "contract/temporary_folder.h"
#include "grid/panda_calls.h"
#include "grid/panda_gzip.h"
#include "grid/panda_standin.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static grid_config config;
static panda_api api;
static char told[4096]; /* everything that was logged */

static void hear(void *user, int32_t level, const char *message)
{
    (void)user, (void)level;
    strncat(told, message, sizeof told - strlen(told) - 1);
}

static sbi_status open_api(sbi_context *c, const char *text)
{
    static const char *const keys[] = {"url", "cache_url", "vo", "auth", "interactive", "config_root", NULL};
    api = (panda_api){.ctx = NULL};
    sbi_status status = grid_config_read(&config, text, "test", keys);
    return status == SBI_OK ? panda_api_open(&api, c, &config) : status;
}

static void close_api(void)
{
    panda_api_close(&api);
    grid_config_clear(&config);
}

static void setup(void)
{
    panda_environment();
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.log = hear;
    o.log_level = SBI_LOG_DEBUG;
    OK(sbi_context_create(&ctx, &o));
}

static void teardown(void)
{
    close_api();
    sbi_context_destroy(ctx);
}

START_TEST(answers)
{
    static const struct {
        const char *order;
        sbi_status status;
    } faults[] = {{"{\"fault\":\"500\",\"count\":2}", SBI_ERR_TRANSIENT}, {"{\"fault\":\"403\"}", SBI_ERR_PERMISSION}, {"{\"fault\":\"garbage\"}", SBI_ERR_FORMAT},
                  {"{\"fault\":\"html\"}", SBI_ERR_FORMAT},               {"{\"fault\":\"empty\"}", SBI_ERR_FORMAT}};
    char status[32];
    panda_answer answer = {.message = ""};
    OK(open_api(ctx, "{\"retries\":1,\"backoff_ms\":1}"));
    ck_assert_int_eq(panda_task_status(&api, 99, status, sizeof status), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(panda_kill_task(&api, 99), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(panda_finish_task(&api, 99), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(panda_retry_task(&api, 99), SBI_ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        panda_order(faults[i].order);
        ck_assert_int_eq(panda_task_status(&api, 99, status, sizeof status), faults[i].status);
    }
    /* A wrong verb, a wrong argument, an unknown method, refused parameters. */
    ck_assert_int_eq(panda_api_expect(&api, "GET", "task/submit", NULL, NULL, &answer), SBI_ERR_ARGUMENT);
    panda_answer_clear(&answer);
    ck_assert_int_eq(panda_api_expect(&api, "GET", "task/get_status", "?task_id=x", NULL, &answer), SBI_ERR_ARGUMENT);
    panda_answer_clear(&answer);
    ck_assert_int_eq(panda_api_expect(&api, "GET", "task/no_such", NULL, NULL, &answer), SBI_ERR_PERMISSION);
    panda_answer_clear(&answer);
    json_t *empty = json_object();
    int64_t task;
    ck_assert_int_eq(panda_submit_task(&api, empty, &task), SBI_ERR_TRANSIENT); /* "failed to register task": it says the same when its database fails */
    json_decref(empty);
    OK(panda_find_task(&api, "user.nobody.nothing/", &task));
    ck_assert_int_eq(task, 0);
    const int64_t none[2] = {1, 2};
    OK(panda_describe_jobs(&api, none, 2, &answer));
    ck_assert_uint_eq(json_array_size(answer.data), 2);
    panda_answer_clear(&answer);
}
END_TEST

/* Descriptions of jobs as servers give them: what runGen and the pilot make of the worker's exit code, and what others do to jobs. */
START_TEST(ends_of_jobs)
{
    static const struct {
        const char *job;
        int32_t state;
        const char *message;
        int closed;
    } cases[] = {
        /* runGen exits with 18 and tells the worker's code in words; in a container the pilot sees it itself */
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"18\",\"pilotErrorCode\":1305,\"pilotErrorDiag\":\"payload execution failed with 75\",\"exeErrorCode\":5318,"
         "\"exeErrorDiag\":\"payload execution failed with 75\"}", SBI_TASK_PREEMPTED, "75", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"18\",\"pilotErrorCode\":1305,\"pilotErrorDiag\":\"payload execution failed with 137\",\"exeErrorCode\":5318}",
         SBI_TASK_OUT_OF_MEMORY, "137", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"78\",\"pilotErrorCode\":1305,\"pilotErrorDiag\":\"Failed to execute payload\"}", SBI_TASK_REJECTED, "78", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":69,\"pilotErrorCode\":1305}", SBI_TASK_TRANSIENT, "69", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"2\",\"pilotErrorCode\":1378}", SBI_TASK_LOST, "1378", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"0\",\"pilotErrorCode\":1305}", SBI_TASK_LOST, "1305", 0}, /* 255 */
        /* runGen itself: no sandbox, a bad one, no output, which are not exit codes of a worker */
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"3\",\"pilotErrorCode\":1305,\"exeErrorCode\":5303,\"exeErrorDiag\":\"Failed to download tarball from x\"}",
         SBI_TASK_TRANSIENT, "1305", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"9\",\"pilotErrorCode\":1305,\"exeErrorCode\":5309}", SBI_TASK_TRANSIENT, "", 0},
        {"{\"jobStatus\":\"failed\",\"transExitCode\":\"16\",\"pilotErrorCode\":1305,\"exeErrorCode\":5316}", SBI_TASK_LOST, "", 0},
        /* the pilot's own errors */
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1212}", SBI_TASK_OUT_OF_MEMORY, "1212", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":\"1235\"}", SBI_TASK_OUT_OF_MEMORY, "1235", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1223}", SBI_TASK_OUT_OF_MEMORY, "", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1379}", SBI_TASK_PREEMPTED, "", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1213,\"transExitCode\":\"143\"}", SBI_TASK_PREEMPTED, "", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1137,\"transExitCode\":\"0\"}", SBI_TASK_TRANSIENT, "", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1335}", SBI_TASK_TRANSIENT, "", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1150}", SBI_TASK_LOST, "", 0},
        {"{\"jobStatus\":\"failed\",\"pilotErrorCode\":1144}", SBI_TASK_CANCELLED, "", 0},
        {"{\"jobStatus\":\"failed\",\"jobDispatcherErrorCode\":100,\"jobDispatcherErrorDiag\":\"lost heartbeat\"}", SBI_TASK_LOST, "lost heartbeat", 0},
        {"{\"jobStatus\":\"cancelled\",\"taskBufferErrorCode\":100,\"taskBufferErrorDiag\":\"killed by x\"}", SBI_TASK_CANCELLED, "killed by x", 0},
        {"{\"jobStatus\":\"closed\",\"jobSubStatus\":\"toreassign\",\"taskBufferErrorCode\":102}", SBI_TASK_LOST, "102", 1},
        {"{\"jobStatus\":\"finished\"}", SBI_TASK_DONE, "", 0},
        {"{\"jobStatus\":\"transferring\"}", SBI_TASK_RUNNING, "", 0},
        {"{\"jobStatus\":\"sent\"}", SBI_TASK_PENDING, "sent", 0},
        {"{\"jobStatus\":\"starting\"}", SBI_TASK_PENDING, "starting", 0},
    };
    OK(open_api(ctx, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbi_task_report r = {.struct_size = sizeof r};
        json_t *job;
        int closed;
        OK(sbi_json_parse(&job, cases[i].job, strlen(cases[i].job), "job"));
        panda_job_state(job, &r, &closed);
        json_decref(job);
        ck_assert_msg(r.state == cases[i].state && closed == cases[i].closed && strstr(r.message, cases[i].message), "%s: state %d, closed %d: %s", cases[i].job,
                      r.state, closed, r.message);
    }
}
END_TEST

/* What the server says when its database fails may pass; what it says of parameters does not. */
START_TEST(words_of_refusals)
{
    static const struct {
        const char *message;
        sbi_status status;
    } cases[] = {{"jediTaskID=7 not found", SBI_ERR_NOT_FOUND}, {"Task not found or error retrieving the details", SBI_ERR_NOT_FOUND},
                 {"failed to register task", SBI_ERR_TRANSIENT}, {"failed to register command", SBI_ERR_TRANSIENT},
                 {"Failed to retrieve task IDs", SBI_ERR_TRANSIENT}, {"database error in the PanDA server", SBI_ERR_TRANSIENT},
                 {"SSL secure connection is required", SBI_ERR_PERMISSION}, {"not the task owner or no production role", SBI_ERR_PERMISSION},
                 {"production or pilot role required", SBI_ERR_PERMISSION}, {"expecting POST, received GET", SBI_ERR_ARGUMENT},
                 {"Argument error: missing a required argument: 'task_id'", SBI_ERR_ARGUMENT},
                 {"Command rejected: the kill command is not accepted if the task is in done status ", SBI_ERR_ARGUMENT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const panda_answer answer = {.message = cases[i].message};
        ck_assert_msg(panda_answer_status(&answer, "test") == cases[i].status, "%s: %s", cases[i].message, sbi_last_error());
    }
    OK(open_api(ctx, NULL));
}
END_TEST

START_TEST(sandboxes)
{
    sbi_text gzip, other;
    char name[PANDA_FILE_SIZE] = "sources.sbi-test.tar.gz", same[PANDA_FILE_SIZE] = "sources.sbi-other.tar.gz", taken[PANDA_FILE_SIZE] = "sources.sbi-test.tar.gz", *url;
    OK(open_api(ctx, NULL));
    sbi_text_init(&gzip, ctx);
    sbi_text_init(&other, ctx);
    OK(panda_sandbox(&gzip, "run.sh", "echo a\n", 7));
    OK(panda_sandbox(&other, "run.sh", "echo b\n", 7));
    const int64_t before = panda_count("files", NULL);
    OK(panda_api_upload(&api, name, gzip.data, gzip.size, &url));
    ck_assert_str_eq(url, server("SBI_TEST_PANDA"));
    sbi_free(ctx, url);
    /* The content is there under another name; then the name with another content, which the server does not overwrite. */
    OK(panda_api_upload(&api, same, gzip.data, gzip.size, &url));
    ck_assert_str_eq(same, name);
    sbi_free(ctx, url);
    OK(panda_api_upload(&api, taken, other.data, other.size, &url));
    sbi_free(ctx, url);
    ck_assert_int_eq(panda_count("files", NULL), before + 1);
    sbi_text_clear(&gzip);
    sbi_text_clear(&other);
}
END_TEST

START_TEST(credentials)
{
    unsetenv("PANDA_AUTH_VO");
    ck_assert_int_eq(open_api(ctx, NULL), SBI_ERR_ARGUMENT);
    close_api();
    setenv("PANDA_AUTH_VO", "othervo", 1);
    int64_t task;
    OK(open_api(ctx, "{\"retries\":0}"));
    ck_assert_int_eq(panda_find_task(&api, "x", &task), SBI_ERR_PERMISSION);
    close_api();
    OK(open_api(ctx, "{\"vo\":\"testvo\"}")); /* the configuration goes first */
    OK(panda_find_task(&api, "x", &task));
    close_api();
    setenv("OIDC_AUTH_ID_TOKEN", "wrong", 1); /* after PANDA_AUTH_ID_TOKEN */
    OK(open_api(ctx, "{\"vo\":\"testvo\"}"));
    OK(panda_find_task(&api, "x", &task));
    close_api();
    unsetenv("PANDA_AUTH_ID_TOKEN");
    OK(open_api(ctx, "{\"vo\":\"testvo\"}"));
    ck_assert_int_eq(panda_find_task(&api, "x", &task), SBI_ERR_PERMISSION);
    close_api();
    unsetenv("OIDC_AUTH_ID_TOKEN");
    unsetenv("X509_USER_PROXY");
    ck_assert_int_eq(open_api(ctx, NULL), SBI_ERR_PERMISSION);
}
END_TEST

/* A proxy is certificate, key and chain in one file. The name that the server is told is that of the certificate; without one the connection is refused. */
START_TEST(proxies)
{
    char text[400], proxy[200];
    int64_t task;
    const char *folder = server("SBI_TEST_PANDA_CERTIFICATES"), *url = server("SBI_TEST_PANDA_TLS");
    unsetenv("PANDA_AUTH_ID_TOKEN");
    snprintf(proxy, sizeof proxy, "%s/proxy.pem", folder);
    snprintf(text, sizeof text, "{\"url\":\"%s\",\"ca_file\":\"%s/ca.pem\",\"cert_file\":\"%s\",\"vo\":\"testvo\"}", url, folder, proxy);
    OK(open_api(ctx, text));
    OK(panda_find_task(&api, "x", &task));
    close_api();
    json_t *all = panda_control(NULL);
    const json_t *subjects = json_object_get(all, "subjects");
    ck_assert_str_eq(json_string_value(json_array_get(subjects, json_array_size(subjects) - 1)), "/DC=test/CN=Jane Doe/CN=1234567");
    json_decref(all);
    snprintf(text, sizeof text, "{\"url\":\"%s\",\"ca_file\":\"%s/ca.pem\",\"auth\":\"x509\"}", url, folder);
    ck_assert_int_eq(open_api(ctx, text), SBI_ERR_PERMISSION);
    close_api();
    setenv("X509_USER_PROXY", proxy, 1);
    OK(open_api(ctx, text));
    OK(panda_find_task(&api, "x", &task));
    close_api();
    unsetenv("PANDA_AUTH_VO");
    ck_assert_int_eq(open_api(ctx, text), SBI_ERR_ARGUMENT);
    close_api();
    setenv("PANDA_AUTH_ID_TOKEN", "eyJ.e30.x", 1); /* no certificate */
    setenv("PANDA_AUTH_VO", "testvo", 1);
    snprintf(text, sizeof text, "{\"url\":\"%s\",\"ca_file\":\"%s/ca.pem\",\"retries\":0}", url, folder);
    OK(open_api(ctx, text));
    ck_assert_int_ne(panda_find_task(&api, "x", &task), SBI_OK);
    close_api();
    /* Neither: what the server itself says of it. */
    snprintf(text, sizeof text, "{\"cert_file\":\"%s\"}", proxy);
    OK(open_api(ctx, text));
    ck_assert_int_eq(panda_find_task(&api, "x", &task), SBI_ERR_PERMISSION);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "SSL secure connection"));
    unsetenv("X509_USER_PROXY");
}
END_TEST

/* A login, the cache, a refresh, a login that is refused. Nothing secret is told. */
START_TEST(device_flow)
{
    char folder[64], path[100], order[200];
    struct stat info;
    int64_t task;
    make_temporary_folder(folder, sizeof folder);
    unsetenv("PANDA_AUTH_ID_TOKEN");
    setenv("PANDA_AUTH", "oidc", 1);
    setenv("PANDA_CONFIG_ROOT", folder, 1);
    const int64_t logins = panda_count("logins", NULL), refreshes = panda_count("refreshes", NULL);
    ck_assert_int_eq(open_api(ctx, "{\"interactive\":false}"), SBI_ERR_PERMISSION);
    close_api();
    /* Pending, slow_down, and then a token that ends in 100 s, which is too soon for the next client. */
    panda_order("{\"set\":{\"token_s\":100,\"profile\":\"wlcg\"}}");
    OK(open_api(ctx, NULL));
    json_t *all = panda_control(NULL);
    ck_assert_str_eq(json_string_value(json_object_get(all, "scope")), "openid profile email offline_access wlcg wlcg.groups");
    json_decref(all);
    ck_assert_int_eq(panda_count("logins", NULL), logins + 1);
    ck_assert_ptr_nonnull(strstr(told, "ABCD-EFGH"));
    close_api();
    snprintf(path, sizeof path, "%s/.token", folder);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 0777, 0600);
    panda_order("{\"set\":{\"token_s\":3600}}");
    OK(open_api(ctx, NULL));
    OK(panda_find_task(&api, "x", &task));
    ck_assert_int_eq(panda_count("logins", NULL), logins + 1);
    ck_assert_int_eq(panda_count("refreshes", NULL), refreshes + 1);
    close_api();
    OK(open_api(ctx, NULL)); /* from the cache alone */
    ck_assert_int_eq(panda_count("refreshes", NULL), refreshes + 1);
    close_api();
    unlink(path);
    panda_order("{\"set\":{\"login\":\"denied\"}}");
    ck_assert_int_eq(open_api(ctx, NULL), SBI_ERR_PERMISSION);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "access_denied"));
    snprintf(order, sizeof order, "{\"set\":{\"login\":\"slow\",\"profile\":\"\"}}");
    panda_order(order);
    static const char *const secrets[] = {"eyJ", "refresh-", "its secret", "the device"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_ptr_null(strstr(told, secrets[i]));
        ck_assert_ptr_null(strstr(sbi_last_error(), secrets[i]));
    }
    remove_tree(folder);
}
END_TEST

static sbi_status some_calls(sbi_context *c, void *arg)
{
    sbi_text gzip;
    char name[PANDA_FILE_SIZE] = "sources.sbi-torture.tar.gz", *url = NULL;
    int64_t task;
    (void)arg;
    sbi_status status = open_api(c, "{\"retries\":0}");
    sbi_text_init(&gzip, c);
    if (status == SBI_OK) status = panda_sandbox(&gzip, "run.sh", "echo t\n", 7);
    if (status == SBI_OK) status = panda_api_upload(&api, name, gzip.data, gzip.size, &url);
    if (status == SBI_OK) status = panda_find_task(&api, "x", &task);
    sbi_free(c, url);
    sbi_text_clear(&gzip);
    close_api();
    return status;
}

START_TEST(every_allocation_fails)
{
    torture_allocations(some_calls, NULL, 1, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("PanDA: the client of api/v1");
    TCase *tc = tcase_create("client");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, answers);
    tcase_add_test(tc, ends_of_jobs);
    tcase_add_test(tc, words_of_refusals);
    tcase_add_test(tc, sandboxes);
    tcase_add_test(tc, credentials);
    tcase_add_test(tc, proxies);
    tcase_add_test(tc, device_flow);
    tcase_add_test(tc, every_allocation_fails);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
