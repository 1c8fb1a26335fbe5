/* SPDX-License-Identifier: Apache-2.0 */
/* The executor "kubernetes" against a real cluster: the contract, how pods end, other clients, cancelling, a server that goes away. The cluster comes from
 * tests/servers/kubernetes/with_cluster.sh, which sets SBI_CLUSTER and the rest. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/text.h"
#include "contract/executor_conformance.h"
#include "contract/temporary_folder.h"
#include "sbi/sbi.h"
#include "support/run_suite.h"
#include "support/staging_executor.h"

static char folder[64], build[500];
static const char *image = "libsbi.test/sbi-worker:1";

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

/* Pods see store and build folder at the paths that they have here. `worker` is under the build folder. */
static sbi_status open_kubernetes(sbi_executor **out, sbi_context *ctx, const char *store, const char *worker, const char *more)
{
    static const char *const format =
        "{\"store\":\"%s\",\"image\":\"%s\",\"pull_policy\":\"Never\",\"cpus\":0.05,\"memory\":134217728,\"grace_s\":5,"
        "\"heartbeat_s\":1,\"command\":[\"%s/%s\"],\"pod_patch\":{\"securityContext\":{\"runAsUser\":0},\"volumes\":[{\"name\":\"work\",\"emptyDir\":{}},"
        "{\"name\":\"store\",\"hostPath\":{\"path\":\"%s\"}},{\"name\":\"build\",\"hostPath\":{\"path\":\"%s\"}}]},\"container_patch\":{"
        "\"volumeMounts\":[{\"name\":\"work\",\"mountPath\":\"/work\"},{\"name\":\"store\",\"mountPath\":\"%s\"},{\"name\":\"build\",\"mountPath\":\"%s\"}]}%s}";
    char config[6000];
    snprintf(config, sizeof config, format, store, image, build, worker, store, build, store, build, more);
    return sbi_executor_open(out, ctx, "kubernetes", config);
}

static sbi_status open_store(sbi_executor **out, sbi_context *ctx, const char *store_path, const char *more)
{
    sbi_executor *inner;
    sbi_store *store;
    mkdir(store_path, 0777);
    SBI_TRY(open_kubernetes(&inner, ctx, store_path, "tests/workers/conformance_worker", more));
    SBI_TRY(sbi_store_open(&store, ctx, store_path, NULL));
    return staging_executor_wrap(out, ctx, inner, store);
}

/* A store for each: the suite uses its keys again. */
static sbi_status open_conforming(void *user, sbi_context *ctx, sbi_executor **out)
{
    static int n;
    char path[100];
    (void)user;
    snprintf(path, sizeof path, "%s/suite-%d-%d", folder, (int)getpid(), n++);
    return open_store(out, ctx, path, "");
}

/* ---- beyond the contract ---------------------------------------------------------------------------------------- */

static sbi_context *ctx;
static sbi_executor *exec;
static char store[100];

static void setup(void)
{
    snprintf(store, sizeof store, "%s/store-%d", folder, (int)getpid());
    OK(sbi_context_create(&ctx, NULL));
    OK(open_store(&exec, ctx, store, ""));
}

static void teardown(void)
{
    sbi_executor_close(exec);
    sbi_context_destroy(ctx);
}

static sbi_task task_of(const char *key, const char *spec, int attempt)
{
    sbi_task t = SBI_TASK_INIT;
    t.key = key;
    t.spec = spec;
    t.spec_size = strlen(spec);
    t.attempt = attempt;
    return t;
}

static sbi_task_report wait_for(const char *key, int32_t state)
{
    sbi_task_report r[8], last = {.state = 0};
    /* Long: after a server's restart controllers come back after a pause that doubles, up to a minute. */
    for (int i = 0; i < 2400; i++) {
        size_t n = 0;
        sbi_status status = sbi_executor_poll(exec, r, 8, &n, 100);
        ck_assert_msg(status == SBI_OK || status == SBI_ERR_TRANSIENT, "%s", sbi_last_error());
        for (size_t k = 0; k < n; k++)
            if (strcmp(r[k].key, key) == 0) last = r[k];
        if (last.state == state || last.state >= SBI_TASK_DONE) return last;
    }
    ck_abort_msg("task %s: still in state %d: %s", key, last.state, last.message);
}

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static void assert_result(const char *key, const char *expected)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    OK(sbi_executor_fetch(exec, key, &sink));
    ck_assert_uint_eq(text.size, strlen(expected));
    ck_assert_mem_eq(text.data, expected, text.size);
    sbi_text_clear(&text);
}

static int count_attempts(const char *key)
{
    char path[300];
    int n = 0;
    snprintf(path, sizeof path, "%s/jobs/%s/attempts", store, key);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

START_TEST(ends_are_told_apart)
{
    static const struct {
        const char *key, *spec;
        int32_t state;
        const char *message;
    } cases[] = {{"segv", "die 11", SBI_TASK_LOST, "exit code 139"}, {"e69", "exit 69", SBI_TASK_TRANSIENT, "69"},
                 {"e75", "exit 75", SBI_TASK_PREEMPTED, "75"},       {"e0", "exit 0", SBI_TASK_LOST, "no result"},
                 {"e64", "exit 64", SBI_TASK_FAILED, "64"},          {"says", "fail the reason", SBI_TASK_FAILED, "the reason"},
                 {"good", "echo x", SBI_TASK_DONE, ""}};
    enum { N = sizeof cases / sizeof *cases };
    sbi_task t[N];
    for (int i = 0; i < N; i++) t[i] = task_of(cases[i].key, cases[i].spec, 1);
    OK(sbi_executor_submit(exec, t, N));
    for (int i = 0; i < N; i++) {
        OK(sbi_executor_submit(exec, &t[i], 1)); /* its report may have come while another one's was waited for */
        const sbi_task_report r = wait_for(cases[i].key, -1);
        ck_assert_msg(r.state == cases[i].state, "%s: state %d: %s", cases[i].spec, r.state, r.message);
        ck_assert_msg(strstr(r.message, cases[i].message) != NULL, "%s: %s", cases[i].spec, r.message);
    }
    /* The next attempt of one that failed in passing. */
    sbi_task once = task_of("again", "once 11", 1);
    OK(sbi_executor_submit(exec, &once, 1));
    ck_assert_int_eq(wait_for("again", -1).state, SBI_TASK_LOST);
    once.attempt = 2;
    OK(sbi_executor_submit(exec, &once, 1));
    ck_assert_int_eq(wait_for("again", -1).state, SBI_TASK_DONE);
    assert_result("again", "again");
}
END_TEST

/* 78: a configuration that fits no task. The Job ends, and its others with it. */
START_TEST(configuration_ends_all)
{
    sbi_task t[2] = {task_of("misfit", "exit 78", 1), task_of("other", "sleep 600000", 1)};
    OK(sbi_executor_submit(exec, t, 2));
    ck_assert_int_eq(wait_for("misfit", -1).state, SBI_TASK_REJECTED);
    OK(sbi_executor_submit(exec, t, 2));
    ck_assert_int_eq(wait_for("other", -1).state, SBI_TASK_REJECTED);
}
END_TEST

START_TEST(killed_client_finds_its_tasks_again)
{
    int ready[2];
    const sbi_task t = task_of("long", "sleep 6000", 1);
    sbi_executor_close(exec);
    exec = NULL;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        OK(open_store(&exec, ctx, store, ""));
        OK(sbi_executor_submit(exec, &t, 1));
        wait_for("long", SBI_TASK_RUNNING);
        (void)!write(ready[1], "x", 1);
        for (;;) pause();
    }
    char x;
    int how;
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &x, 1), 1);
    close(ready[0]);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    OK(open_store(&exec, ctx, store, ""));
    /* In other company than before: known by its key, not by its Job. */
    sbi_task both[2] = {task_of("company", "echo x", 1), t};
    OK(sbi_executor_submit(exec, both, 2));
    const sbi_task_report r = wait_for("long", -1);
    ck_assert_msg(r.state == SBI_TASK_DONE, "%d: %s", r.state, r.message);
    assert_result("long", "slept");
    ck_assert_int_eq(count_attempts("long"), 1);
}
END_TEST

/* One index of three: the Job goes, the two others go on in a new one. */
START_TEST(one_of_a_batch_is_cancelled)
{
    sbi_task t[3] = {task_of("stays", "sleep 5000", 1), task_of("goes", "sleep 600000", 1), task_of("stays-too", "sleep 5000", 1)};
    OK(sbi_executor_submit(exec, t, 3));
    wait_for("goes", SBI_TASK_RUNNING);
    const char *key = "goes";
    OK(sbi_executor_cancel(exec, &key, 1));
    ck_assert_int_eq(wait_for("goes", -1).state, SBI_TASK_CANCELLED);
    for (int i = 0; i < 3; i += 2) {
        OK(sbi_executor_submit(exec, &t[i], 1));
        ck_assert_int_eq(wait_for(t[i].key, -1).state, SBI_TASK_DONE);
        assert_result(t[i].key, "slept");
    }
}
END_TEST

/* kubectl, as somebody else has it: one request, by curl. */
static void request(const char *method, const char *path, const char *body)
{
    char command[1600];
    snprintf(command, sizeof command,
             "t=$(cat \"$SBI_CLUSTER/admin.token\"); printf 'Authorization: Bearer %%s\\n' \"$t\" | curl -sf -o \"$SBI_CLUSTER/answer\" -X %s --cacert "
             "\"$SBI_CLUSTER/pki/apiserver.crt\" -H @- -H 'Content-Type: application/%sjson' %s%s%s 'https://'\"$SBI_CLUSTER_ADDRESS\"':6443%s'",
             method, strcmp(method, "PATCH") ? "" : "merge-patch+", body ? "-d '" : "", body ? body : "", body ? "'" : "", path);
    ck_assert_msg(system(command) == 0, "%s %s", method, path);
}

START_TEST(somebody_deletes_the_job)
{
    sbi_task t = task_of("victim", "sleep 600000", 1);
    OK(sbi_executor_submit(exec, &t, 1));
    wait_for("victim", SBI_TASK_RUNNING);
    request("DELETE", "/apis/batch/v1/namespaces/default/jobs?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dlibsbi&propagationPolicy=Background", NULL);
    const sbi_task_report r = wait_for("victim", -1);
    ck_assert_int_eq(r.state, SBI_TASK_LOST);
    ck_assert_msg(strstr(r.message, "deleted") != NULL, "%s", r.message);
    t.spec = "echo x"; /* the next attempt */
    t.spec_size = 6;
    t.attempt = 2;
    OK(sbi_executor_submit(exec, &t, 1));
    ck_assert_int_eq(wait_for("victim", -1).state, SBI_TASK_DONE);
}
END_TEST

/* Tasks that are held until the test lets them go, by a file that they wait for; pods see the store's folder. */
static sbi_task held(const char *key, char *spec, size_t size)
{
    snprintf(spec, size, "until %s/go-on", store);
    return task_of(key, spec, 1);
}

static void let_go(void)
{
    char path[120];
    snprintf(path, sizeof path, "%s/go-on", store);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
}

/* The server is killed and started again while a task runs. */
START_TEST(server_goes_away)
{
    char spec[160];
    sbi_task t = held("patient", spec, sizeof spec);
    OK(sbi_executor_submit(exec, &t, 1));
    wait_for("patient", SBI_TASK_RUNNING);
    ck_assert_int_eq(system("python3 tests/servers/kubernetes/cluster.py restart \"$SBI_CLUSTER\" kube-apiserver"), 0);
    let_go();
    ck_assert_int_eq(wait_for("patient", -1).state, SBI_TASK_DONE);
    ck_assert_int_eq(system("python3 tests/servers/kubernetes/cluster.py restart \"$SBI_CLUSTER\" etcd --pause 3"), 0);
    t = task_of("later", "echo x", 1);
    for (int i = 0; sbi_executor_submit(exec, &t, 1) != SBI_OK; i++) ck_assert_msg(i < 5, "%s", sbi_last_error());
    ck_assert_int_eq(wait_for("later", -1).state, SBI_TASK_DONE);
}
END_TEST

/* Killed for its memory: the campaign tries again with twice as much. */
START_TEST(out_of_memory)
{
    sbi_campaign *c;
    sbi_campaign_options o = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_campaign_report r = {.struct_size = sizeof r};
    o.backoff_seconds = 0.01;
    o.memory_cap = (uint64_t)1 << 30;
    sbi_task t = task_of("big", "need 300", 1);
    t.memory = (uint64_t)100 << 20;
    OK(sbi_campaign_open(&c, ctx, NULL, &o));
    OK(sbi_campaign_add(c, &t, NULL, 0, NULL));
    OK(sbi_campaign_run(c, exec));
    OK(sbi_campaign_report_get(c, 0, &r));
    ck_assert_msg(r.state == SBI_TASK_DONE, "%d: %s", r.state, r.message);
    ck_assert_int_eq(r.attempts, 3); /* 100, 200, 400 MiB */
    sbi_campaign_close(c);
}
END_TEST

/* What a request answered, read by Python: `expression` of the object `o`. */
static void answered(const char *expression, char *out, size_t size)
{
    char command[600];
    snprintf(command, sizeof command, "python3 -c \"import json, os; o = json.load(open(os.environ['SBI_CLUSTER'] + '/answer')); print(%s)\"", expression);
    FILE *f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    if (!fgets(out, (int)size, f)) out[0] = '\0';
    ck_assert_int_eq(pclose(f), 0);
    out[strcspn(out, "\n")] = '\0';
}

/* As a drained node does it: the pod is made anew, the attempt is the same one, and resumes. */
START_TEST(eviction_does_not_count)
{
    char name[200], path[400], body[400];
    sbi_task t = task_of("moved", "sleep 15000", 1);
    OK(sbi_executor_submit(exec, &t, 1));
    wait_for("moved", SBI_TASK_RUNNING);
    for (int i = 0; i < 600 && count_attempts("moved") == 0; i++) usleep(100000); /* the pod runs, the worker in it not yet */
    ck_assert_int_eq(count_attempts("moved"), 1);
    request("GET", "/api/v1/namespaces/default/pods?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dlibsbi&fieldSelector=status.phase%3DRunning", NULL);
    answered("max(o['items'], key=lambda p: p['metadata']['creationTimestamp'])['metadata']['name']", name, sizeof name);
    snprintf(path, sizeof path, "/api/v1/namespaces/default/pods/%s/eviction", name);
    snprintf(body, sizeof body, "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\"}}", name);
    request("POST", path, body);
    const sbi_task_report r = wait_for("moved", -1);
    ck_assert_msg(r.state == SBI_TASK_DONE, "%d: %s", r.state, r.message);
    ck_assert_int_eq(r.attempt, 1);
    ck_assert_int_eq(count_attempts("moved"), 2); /* two pods began */
    assert_result("moved", "slept");
}
END_TEST

/* The Job of the same tasks is there, for another image. The second client had listed what there was before. */
START_TEST(another_configuration_is_told)
{
    sbi_executor *other;
    OK(open_store(&other, ctx, store, ",\"deadline_s\":4321"));
    sbi_task first = task_of("before", "echo x", 1), t = task_of("contested", "sleep 600000", 1);
    OK(sbi_executor_submit(other, &first, 1));
    OK(sbi_executor_submit(exec, &t, 1));
    OK(sbi_executor_submit(other, &t, 1));
    sbi_executor *own = exec;
    exec = other;
    const sbi_task_report r = wait_for("contested", -1);
    ck_assert_int_eq(r.state, SBI_TASK_REJECTED);
    ck_assert_msg(strstr(r.message, "another configuration") != NULL, "%s", r.message);
    sbi_executor_close(other);
    exec = own;
    const char *key = "contested";
    OK(sbi_executor_cancel(exec, &key, 1));
    ck_assert_int_eq(wait_for("contested", -1).state, SBI_TASK_CANCELLED);
}
END_TEST

/* What never starts says why. */
static void says_why(const char *more, const char *why)
{
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, more));
    sbi_task t = task_of("nowhere", "echo x", 1);
    OK(sbi_executor_submit(exec, &t, 1));
    sbi_task_report r[4];
    int told = 0;
    for (int i = 0; i < 60 && !told; i++) {
        size_t n = 0;
        OK(sbi_executor_poll(exec, r, 4, &n, 1000));
        for (size_t k = 0; k < n; k++) told |= r[k].state == SBI_TASK_PENDING && strstr(r[k].message, why) != NULL;
    }
    ck_assert(told);
    const char *key = "nowhere";
    OK(sbi_executor_cancel(exec, &key, 1));
    ck_assert_int_eq(wait_for("nowhere", -1).state, SBI_TASK_CANCELLED);
}

START_TEST(no_node_fits)
{
    says_why(",\"job_patch\":{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"no\":\"where\"}}}}}", "Unschedulable");
}
END_TEST

/* Only a kubelet looks at images. */
START_TEST(image_that_is_not_there)
{
    image = "libsbi.test/no-such-image:1";
    says_why("", "ErrImageNeverPull");
    image = "libsbi.test/sbi-worker:1";
}
END_TEST

static void offer_gpus(const char *n)
{
    char body[200];
    snprintf(body, sizeof body, "{\"status\":{\"capacity\":{\"nvidia.com/gpu\":%s},\"allocatable\":{\"nvidia.com/gpu\":%s}}}", n, n);
    request("PATCH", "/api/v1/nodes/node1/status", body);
}

/* A node that says it has two: nothing in the pods uses them. */
START_TEST(gpus_are_shared_out)
{
    enum { N = 5 };
    char keys[N][8], spec[160];
    sbi_task t[N];
    sbi_task_report r[N];
    int32_t state[N] = {0};
    int running = 0, told = 0, done = 0;
    const sbi_task plain = task_of("no-gpu", "echo x", 1);
    offer_gpus("\"2\"");
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, ",\"gpus\":1"));
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "gpu-%d", i);
        t[i] = held(keys[i], spec, sizeof spec);
    }
    OK(sbi_executor_submit(exec, t, N));
    for (int turn = 0; turn < 900 && done < N; turn++) {
        size_t n = 0;
        OK(sbi_executor_poll(exec, r, N, &n, 100));
        for (size_t k = 0; k < n; k++) {
            const int i = r[k].key[4] - '0';
            ck_assert_msg(r[k].state <= SBI_TASK_DONE, "%s: state %d: %s", r[k].key, r[k].state, r[k].message);
            if (r[k].state == SBI_TASK_PENDING && strstr(r[k].message, "nvidia.com/gpu")) told |= 1 << i;
            running += state[i] != SBI_TASK_RUNNING && r[k].state == SBI_TASK_RUNNING;
            done += state[i] != SBI_TASK_DONE && r[k].state == SBI_TASK_DONE;
            state[i] = r[k].state;
        }
        if (done) continue;
        ck_assert_int_le(running, 2);
        if (running == 2 && __builtin_popcount((unsigned)told) == N - 2) let_go();
    }
    ck_assert_msg(done == N, "%d done, %d ran at first, told of those that wait: %x", done, running, (unsigned)told);
    for (int i = 0; i < N; i++) assert_result(keys[i], "went on");
    offer_gpus("null");
    /* Without, a node without GPUs does. */
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, ""));
    OK(sbi_executor_submit(exec, &plain, 1));
    ck_assert_int_eq(wait_for("no-gpu", -1).state, SBI_TASK_DONE);
}
END_TEST

#define QUEUED "?labelSelector=kueue.x-k8s.io%2Fqueue-name%3Dteam"

/* As Kueue does it. */
static void suspend(const char *job, int yes)
{
    char path[300];
    snprintf(path, sizeof path, "/apis/batch/v1/namespaces/default/jobs/%s", job);
    request("PATCH", path, yes ? "{\"spec\":{\"suspend\":true}}" : "{\"spec\":{\"suspend\":false}}");
}

static int count_pods(const char *job)
{
    char path[300], n[20];
    snprintf(path, sizeof path, "/api/v1/namespaces/default/pods?labelSelector=batch.kubernetes.io%%2Fjob-name%%3D%s", job);
    request("GET", path, NULL);
    answered("len(o['items'])", n, sizeof n);
    return atoi(n);
}

/* Nothing of it ends while it is suspended. */
static void poll_a_while(int turns)
{
    sbi_task_report r[4];
    for (int i = 0; i < turns; i++) {
        size_t n = 0;
        OK(sbi_executor_poll(exec, r, 4, &n, 100));
        for (size_t k = 0; k < n; k++) ck_assert_msg(r[k].state < SBI_TASK_DONE, "%s: state %d: %s", r[k].key, r[k].state, r[k].message);
    }
}

static void wait_until_told(const char *key, const char *what)
{
    sbi_task_report r[4];
    for (int i = 0; i < 600; i++) {
        size_t n = 0;
        OK(sbi_executor_poll(exec, r, 4, &n, 100));
        for (size_t k = 0; k < n; k++)
            if (strcmp(r[k].key, key) == 0 && r[k].state == SBI_TASK_PENDING && strstr(r[k].message, what)) return;
    }
    ck_abort_msg("%s: nothing said \"%s\"", key, what);
}

/* Suspended when it is made, started, suspended again while it runs, started again: one attempt, which resumes. */
START_TEST(suspended_by_its_queue)
{
    char job[200], yes[20], spec[160], path[300];
    sbi_task t = held("queued", spec, sizeof spec);
    sbi_executor_close(exec);
    OK(open_store(&exec, ctx, store, ",\"queue\":\"team\""));
    OK(sbi_executor_submit(exec, &t, 1));
    request("GET", "/apis/batch/v1/namespaces/default/jobs" QUEUED, NULL);
    answered("o['items'][0]['metadata']['name']", job, sizeof job);
    answered("o['items'][0]['spec']['suspend']", yes, sizeof yes);
    ck_assert_str_eq(yes, "True");
    wait_until_told("queued", "suspended");
    poll_a_while(20);
    ck_assert_int_eq(count_pods(job), 0);
    suspend(job, 0);
    wait_for("queued", SBI_TASK_RUNNING);
    for (int i = 0; i < 600 && count_attempts("queued") == 0; i++) usleep(100000);
    ck_assert_int_eq(count_attempts("queued"), 1);
    suspend(job, 1);
    wait_until_told("queued", "suspended");
    for (int i = 0; i < 300 && count_pods(job); i++) poll_a_while(1); /* SIGTERM, the checkpoint, exit code 75 */
    ck_assert_int_eq(count_pods(job), 0);
    poll_a_while(20);
    ck_assert_int_eq(count_attempts("queued"), 1);
    snprintf(path, sizeof path, "grep -q '\"exit_code\": 75' %s/jobs/queued/attempts/*/heartbeat.json", store);
    ck_assert_int_eq(system(path), 0);
    let_go();
    suspend(job, 0);
    const sbi_task_report r = wait_for("queued", -1);
    ck_assert_msg(r.state == SBI_TASK_DONE, "%d: %s", r.state, r.message);
    ck_assert_int_eq(r.attempt, 1);
    ck_assert_int_eq(count_attempts("queued"), 2); /* two pods began */
    assert_result("queued", "went on");
}
END_TEST

/* The real worker of the image, through a campaign: an ensemble with data in memory. */
START_TEST(an_ensemble)
{
    static double x[2000];
    for (int i = 0; i < 2000; i++) x[i] = (double)((i * 7919) % 1000) / 1000 + (i < 1000 ? 0.2 : 0);
    sbi_array s = sbi_array_2d(x, SBI_F64, 500, 2), b = sbi_array_2d(x + 1000, SBI_F64, 500, 2);
    sbi_dataset *data;
    sbi_ensemble *here, *there;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 4;
    o.epochs = 2;
    o.members = 3;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &s, NULL));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    sbi_executor_close(exec);
    OK(open_kubernetes(&exec, ctx, store, "bin/sbi-worker", ",\"job_patch\":{\"metadata\":{\"annotations\":{\"note\":\"kept\"}}}"));
    OK(sbi_ensemble_train(&there, data, &o, exec));
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    for (size_t m = 0; m < 3; m++) {
        sbi_array v, w;
        OK(sbi_network_layer(sbi_ensemble_network(here, m), 0, &v, NULL));
        OK(sbi_network_layer(sbi_ensemble_network(there, m), 0, &w, NULL));
        ck_assert_mem_eq(v.data, w.data, (size_t)(v.shape[0] * v.shape[1]) * sizeof(float));
    }
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(there);
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    const char *said = getenv("SBI_BUILD"), *base = getenv("TMPDIR");
    if (!getenv("SBI_CLUSTER")) {
        fprintf(stderr, "test_kubernetes: there is no cluster: run it by tests/servers/kubernetes/with_cluster.sh\n");
        return EXIT_FAILURE;
    }
    snprintf(folder, sizeof folder, "%s/sbi-kube-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    chmod(folder, 0755);
    char *real = realpath(said ? said : "build", NULL);
    snprintf(build, sizeof build, "%s", real ? real : "");
    free(real);
    const executor_factory factory = {"executor kubernetes", open_conforming, NULL, NULL, 150};
    SRunner *runner = srunner_create(executor_conformance_suite(&factory));
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    Suite *suite = suite_create("executor kubernetes: faults");
    TCase *tc = tcase_create("faults");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, ends_are_told_apart);
    tcase_add_test(tc, configuration_ends_all);
    tcase_add_test(tc, killed_client_finds_its_tasks_again);
    tcase_add_test(tc, one_of_a_batch_is_cancelled);
    tcase_add_test(tc, somebody_deletes_the_job);
    tcase_add_test(tc, server_goes_away);
    tcase_add_test(tc, out_of_memory);
    tcase_add_test(tc, eviction_does_not_count);
    tcase_add_test(tc, another_configuration_is_told);
    tcase_add_test(tc, no_node_fits);
    const char *node = getenv("SBI_CLUSTER_NODE");
    if (node && strcmp(node, "kubelet") == 0) tcase_add_test(tc, image_that_is_not_there);
    tcase_add_test(tc, gpus_are_shared_out);
    tcase_add_test(tc, suspended_by_its_queue);
    tcase_add_test(tc, an_ensemble);
    suite_add_tcase(suite, tc);
    failed |= run_suite(suite);
    remove_tree(folder);
    return failed != 0;
}
