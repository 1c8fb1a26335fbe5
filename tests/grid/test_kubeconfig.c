/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfig files, pods' accounts and programs that give credentials: without a cluster. */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "grid/kubeconfig.h"
#include "grid/yaml.h"
#include "support/failing_allocator.h"
#include "support/folder.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static test_folder folder;

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static void set_up(void)
{
    OK(sbi_context_create(&ctx, NULL));
    folder = folder_make();
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
}

static void tear_down(void)
{
    folder_remove(&folder);
    sbi_context_destroy(ctx);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    const test_path p = folder_path(&folder, name);
    FILE *f = fopen(p.text, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    chmod(p.text, mode);
}

/* ---- YAML ------------------------------------------------------------------------------------------------------- */

START_TEST(yaml)
{
    static const struct {
        const char *text, *json; /* NULL: refused */
    } cases[] = {{"", "null"},
                 {"a: 1\nb: [true, 'true', null, ~, \"x\\ty\"]\n", "{\"a\":\"1\",\"b\":[true,\"true\",null,null,\"x\\ty\"]}"},
                 {"- {a: {b: c}}\n- |\n  two\n  lines\n", "[{\"a\":{\"b\":\"c\"}},\"two\\nlines\\n\"]"},
                 {"a: &x 1\nb: *x\n", NULL},
                 {"a: 1\na: 2\n", NULL},
                 {"[a, b]: 1\n", NULL},
                 {"a: 1\n---\nb: 2\n", NULL},
                 {"a: [1\n", NULL},
                 {"\xff\xfe\xfd", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *got;
        sbi_status status = grid_yaml_parse(&got, cases[i].text, strlen(cases[i].text), "f.yaml");
        if (!cases[i].json) {
            ck_assert_msg(status == SBI_ERR_FORMAT && !got, "%s: %d", cases[i].text, (int)status);
            ck_assert_msg(strncmp(sbi_last_error(), "f.yaml: line ", 13) == 0, "%s", sbi_last_error());
            continue;
        }
        ck_assert_msg(status == SBI_OK, "%s: %s", cases[i].text, sbi_last_error());
        json_t *expected = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        ck_assert_msg(json_equal(got, expected), "%s", cases[i].text);
        json_decref(expected);
        json_decref(got);
    }
    char deep[401];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    json_t *got;
    ck_assert_int_eq(grid_yaml_parse(&got, deep, 400, "deep"), SBI_ERR_FORMAT);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------------------ */

#define FILE_OF(user)                                                                                                                              \
    "apiVersion: v1\nkind: Config\ncurrent-context: main\ncontexts:\n- name: main\n  context: {cluster: c, user: u, namespace: physics}\n"         \
    "- name: other\n  context: {cluster: d, user: u}\nclusters:\n- name: c\n  cluster:\n    server: https://host:6443/\n"                          \
    "    certificate-authority: ca/root.pem\n- name: d\n  cluster: {server: 'https://d'}\nusers:\n- name: u\n  user: " user "\n"

static sbi_status parse(grid_kubeconfig *c, const char *text, const char *context)
{
    return grid_kubeconfig_parse(c, ctx, text, strlen(text), context, folder.path, "config");
}

START_TEST(files_and_data)
{
    grid_kubeconfig c;
    OK(parse(&c, FILE_OF("{client-certificate-data: UEVN, client-key: /abs/key.pem, token: secret}"), NULL));
    ck_assert_str_eq(c.server, "https://host:6443");
    ck_assert_str_eq(c.namespace_, "physics");
    ck_assert_str_eq(c.ca_file, folder_path(&folder, "ca/root.pem").text);
    ck_assert_str_eq(c.key_file, "/abs/key.pem");
    ck_assert_uint_eq(c.cert_size, 3);
    ck_assert_mem_eq(c.cert, "PEM", 3);
    ck_assert_str_eq(c.token, "secret");
    grid_kubeconfig_clear(&c);
    OK(parse(&c, FILE_OF("{tokenFile: t, token: not-this-one}"), "other"));
    ck_assert_str_eq(c.server, "https://d");
    ck_assert_str_eq(c.namespace_, "default");
    ck_assert_str_eq(c.token_file, folder_path(&folder, "t").text);
    ck_assert_ptr_null(c.token);
    grid_kubeconfig_clear(&c);
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *text, *context;
        sbi_status status;
        const char *says;
    } cases[] = {{FILE_OF("{username: a, password: geheim}"), NULL, SBI_ERR_UNSUPPORTED, "username"},
                 {FILE_OF("{auth-provider: {}}"), NULL, SBI_ERR_UNSUPPORTED, "auth-provider"},
                 {FILE_OF("{client-key-data: '*geheim*'}"), NULL, SBI_ERR_FORMAT, "client-key-data"},
                 {FILE_OF("{exec: {args: []}}"), NULL, SBI_ERR_FORMAT, "command"},
                 {FILE_OF("{token: x}"), "third", SBI_ERR_FORMAT, "third"},
                 {"contexts: []\n", NULL, SBI_ERR_FORMAT, "current-context"},
                 {"- list\n", NULL, SBI_ERR_FORMAT, "config"},
                 {"current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nclusters: [{name: a, cluster: "
                  "{server: 'https://a', insecure-skip-tls-verify: true}}]\nusers: []\n",
                  NULL, SBI_ERR_UNSUPPORTED, "insecure-skip-tls-verify"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grid_kubeconfig c;
        sbi_status status = parse(&c, cases[i].text, cases[i].context);
        ck_assert_msg(status == cases[i].status, "%zu: %d: %s", i, (int)status, sbi_last_error());
        ck_assert_msg(strstr(sbi_last_error(), cases[i].says) != NULL, "%zu: %s", i, sbi_last_error());
        ck_assert_msg(strstr(sbi_last_error(), "geheim") == NULL, "%zu: %s", i, sbi_last_error());
        grid_kubeconfig_clear(&c);
    }
}
END_TEST

START_TEST(where_it_lies)
{
    grid_kubeconfig c;
    write_file("one", FILE_OF("{token: one}"), 0600);
    write_file("two", FILE_OF("{token: two}"), 0600);
    const test_path one = folder_path(&folder, "one"), two = folder_path(&folder, "two");
    char both[1100];
    snprintf(both, sizeof both, "%s:/nowhere", two.text);
    setenv("KUBECONFIG", both, 1);
    OK(grid_kubeconfig_find(&c, ctx, NULL, NULL));
    ck_assert_str_eq(c.token, "two");
    grid_kubeconfig_clear(&c);
    OK(grid_kubeconfig_find(&c, ctx, one.text, NULL));
    ck_assert_str_eq(c.token, "one");
    grid_kubeconfig_clear(&c);
    unsetenv("KUBECONFIG");
    setenv("HOME", folder.path, 1);
    ck_assert_int_eq(grid_kubeconfig_find(&c, ctx, NULL, NULL), SBI_ERR_NOT_FOUND);
    grid_kubeconfig_clear(&c);
    mkdir(folder_path(&folder, ".kube").text, 0700);
    write_file(".kube/config", FILE_OF("{token: home}"), 0600);
    OK(grid_kubeconfig_find(&c, ctx, NULL, NULL));
    ck_assert_str_eq(c.token, "home");
    grid_kubeconfig_clear(&c);
}
END_TEST

START_TEST(of_a_pod)
{
    grid_kubeconfig c;
    ck_assert_int_eq(grid_kubeconfig_of_pod(&c, ctx, folder.path), SBI_ERR_NOT_FOUND);
    grid_kubeconfig_clear(&c);
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    ck_assert_int_eq(grid_kubeconfig_of_pod(&c, ctx, folder.path), SBI_ERR_NOT_FOUND); /* no namespace */
    grid_kubeconfig_clear(&c);
    write_file("namespace", "physics", 0644);
    OK(grid_kubeconfig_of_pod(&c, ctx, folder.path));
    ck_assert_str_eq(c.server, "https://[fd00::1]:443");
    ck_assert_str_eq(c.namespace_, "physics");
    ck_assert_str_eq(c.token_file, folder_path(&folder, "token").text);
    ck_assert_str_eq(c.ca_file, folder_path(&folder, "ca.crt").text);
    ck_assert_ptr_null(c.token); /* it rotates */
    grid_kubeconfig_clear(&c);
}
END_TEST

/* ---- programs --------------------------------------------------------------------------------------------------- */

#define EXEC FILE_OF("{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [get, 'a b'], env: [{name: HOME, value: replaced}]}}")
#define ANSWER "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":"

static sbi_status ask(const char *script, int64_t *expires, grid_kubeconfig *c)
{
    char text[4000];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    write_file("plugin", text, 0755);
    OK(parse(c, EXEC, NULL));
    c->exec_ms = 10000;
    return grid_kubeconfig_credentials(c, expires);
}

START_TEST(a_program)
{
    grid_kubeconfig c;
    int64_t expires;
    setenv("HOME", "inherited", 1);
    setenv("KUBERNETES_EXEC_INFO", "inherited", 1);
    OK(ask("case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*) ;; *) exit 9;; esac\n"
           "echo '" ANSWER "{\"token\":\"'$1-$2-$HOME'\",\"expirationTimestamp\":\"2030-01-02T03:04:05Z\"}}'", &expires, &c));
    ck_assert_str_eq(c.token, "get-a b-replaced");
    ck_assert_int_eq(expires, INT64_C(1893553445000));
    /* Once more, in place of the first. */
    write_file("plugin", "#!/bin/sh\necho '" ANSWER "{\"clientCertificateData\":\"C\",\"clientKeyData\":\"KEY\"}}'\n", 0755);
    OK(grid_kubeconfig_credentials(&c, &expires));
    ck_assert_ptr_null(c.token);
    ck_assert_uint_eq(c.key_size, 3);
    ck_assert_int_eq(expires, 0);
    grid_kubeconfig_clear(&c);
}
END_TEST

START_TEST(programs_that_fail)
{
    static const struct {
        const char *script;
        sbi_status status;
        const char *says;
    } cases[] = {{"exit 3", SBI_ERR_PERMISSION, "ended with 3"},
                 {"kill -9 $$", SBI_ERR_PERMISSION, "ended with 137"},
                 {"echo geheim", SBI_ERR_FORMAT, "plugin"},
                 {"echo '" ANSWER "{}}'", SBI_ERR_FORMAT, "neither"},
                 {"echo '" ANSWER "{\"clientKeyData\":\"geheim\"}}'", SBI_ERR_FORMAT, "neither"},
                 {"head -c 2000000 /dev/zero", SBI_ERR_FORMAT, "1048576"}};
    grid_kubeconfig c;
    int64_t expires;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbi_status status = ask(cases[i].script, &expires, &c);
        ck_assert_msg(status == cases[i].status, "%s: %d: %s", cases[i].script, (int)status, sbi_last_error());
        ck_assert_msg(strstr(sbi_last_error(), cases[i].says) && !strstr(sbi_last_error(), "geheim"), "%s", sbi_last_error());
        ck_assert_ptr_null(c.token);
        grid_kubeconfig_clear(&c);
    }
    /* One that says nothing, is ended, and leaves no process. */
    write_file("plugin", "#!/bin/sh\nexec sleep 600\n", 0755);
    OK(parse(&c, EXEC, NULL));
    c.exec_ms = 200;
    ck_assert_int_eq(grid_kubeconfig_credentials(&c, &expires), SBI_ERR_TRANSIENT);
    ck_assert_msg(strstr(sbi_last_error(), "no answer in 0.2 s") != NULL, "%s", sbi_last_error());
    grid_kubeconfig_clear(&c);
    OK(parse(&c, FILE_OF("{exec: {command: ./not-there}}"), NULL));
    ck_assert_int_ne(grid_kubeconfig_credentials(&c, &expires), SBI_OK);
    grid_kubeconfig_clear(&c);
    OK(parse(&c, FILE_OF("{exec: {command: sh, apiVersion: client.authentication.k8s.io/v1alpha1}}"), NULL));
    ck_assert_int_eq(grid_kubeconfig_credentials(&c, &expires), SBI_ERR_UNSUPPORTED);
    grid_kubeconfig_clear(&c);
}
END_TEST

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static sbi_status body(sbi_context *own, void *unused)
{
    static const char text[] = FILE_OF("{client-certificate-data: UEVN, client-key-data: UEVN, exec: {command: sh, args: [-c, x], env: [{name: A, value: b}]}}");
    static const char answer[] = ANSWER "{\"token\":\"t\",\"clientCertificateData\":\"C\",\"clientKeyData\":\"KEY\"}}";
    grid_kubeconfig c;
    int64_t expires;
    (void)unused;
    sbi_status status = grid_kubeconfig_parse(&c, own, text, sizeof text - 1, NULL, "/folder", "config");
    if (status == SBI_OK) status = grid_kubeconfig_take_answer(&c, answer, sizeof answer - 1, "plugin", &expires);
    grid_kubeconfig_clear(&c);
    return status;
}

static sbi_status body_exec(sbi_context *own, void *path)
{
    grid_kubeconfig c;
    int64_t expires;
    sbi_status status = grid_kubeconfig_find(&c, own, path, NULL);
    if (status == SBI_OK) status = grid_kubeconfig_credentials(&c, &expires);
    grid_kubeconfig_clear(&c);
    return status;
}

START_TEST(memory)
{
    for (int later = 0; later < 2; later++) {
        const torture_report r = torture_allocations(body, NULL, 1, later);
        ck_assert_int_ge(r.requests, 12);
    }
    /* A whole environment is copied for the program: a small one here. */
    clearenv();
    setenv("PATH", "/usr/bin:/bin", 1);
    write_file("plugin", "#!/bin/sh\necho '" ANSWER "{\"token\":\"t\"}}'\n", 0755);
    write_file("config", EXEC, 0600);
    test_path config = folder_path(&folder, "config");
    torture_allocations(body_exec, config.text, 1, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kubeconfig");
    TCase *tc = tcase_create("kubeconfig");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, yaml);
    tcase_add_test(tc, files_and_data);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, where_it_lies);
    tcase_add_test(tc, of_a_pod);
    tcase_add_test(tc, a_program);
    tcase_add_test(tc, programs_that_fail);
    tcase_add_test(tc, memory);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
