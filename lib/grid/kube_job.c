/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/kube_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sha256.h"

#define WORK "/work"

const char *const kube_option_keys[] = {"store",  "store_config", "pod_store", "pod_store_config", "image",    "namespace",       "kubeconfig", "context",
                                        "queue",  "secret",       "pull_policy", "command",  "service_account", "environment", "pod_patch",
                                        "container_patch", "job_patch", "cpus", "gpus", "memory", "scratch", "parallelism", "batch", "grace_s",
                                        "deadline_s", "ttl_s", "heartbeat_s", NULL};

/* ---- options --------------------------------------------------------------------------------------------------- */

static sbi_status read_object(const grid_config *c, const char *key, json_type type, const json_t **out)
{
    *out = json_object_get(c->json, key);
    if (!*out) return SBI_OK;
    const sbi_json_place at = sbi_json_member(&c->at, key);
    return sbi_json_expect(*out, &at, type);
}

sbi_status kube_options_read(kube_options *o, const grid_config *c)
{
    const struct {
        const char *key;
        const char **value;
    } texts[] = {{"pod_store", &o->pod_store}, {"namespace", &o->namespace_}, {"kubeconfig", &o->kubeconfig}, {"context", &o->context},
                 {"queue", &o->queue},         {"secret", &o->secret},        {"pull_policy", &o->pull_policy},
                 {"service_account", &o->service_account}};
    const struct {
        const char *key;
        int64_t *value, other, most;
    } numbers[] = {{"gpus", &o->gpus, 0, 1024},
                   {"memory", &o->memory, (int64_t)2 << 30, INT64_MAX},
                   {"scratch", &o->scratch, 0, INT64_MAX},
                   {"parallelism", &o->parallelism, 0, 100000},
                   {"batch", &o->batch, 1000, 100000},
                   {"grace_s", &o->grace_s, 120, 86400},
                   {"deadline_s", &o->deadline_s, 0, INT32_MAX},
                   {"ttl_s", &o->ttl_s, 86400, INT32_MAX},
                   {"heartbeat_s", &o->heartbeat_s, 30, 3600}};
    double cpus;
    *o = (kube_options){0};
    SBI_TRY(sbi_json_get_string(c->json, &c->at, "store", &o->store));
    SBI_TRY(sbi_json_get_string(c->json, &c->at, "image", &o->image));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        SBI_TRY(sbi_json_get_string_or(c->json, &c->at, texts[i].key, NULL, texts[i].value));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        SBI_TRY(grid_config_integer(c, numbers[i].key, numbers[i].other, 0, numbers[i].most, numbers[i].value));
    SBI_TRY(sbi_json_get_number_or(c->json, &c->at, "cpus", 1, &cpus));
    if (!(cpus >= 0.001 && cpus <= 4096) || o->batch == 0 || o->heartbeat_s == 0)
        return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "cpus is %g, batch %lld, heartbeat_s %lld: expected 0.001 to 4096, 1 and more, 1 and more", cpus,
                             (long long)o->batch, (long long)o->heartbeat_s);
    o->cpus_milli = (int64_t)(1000 * cpus + 0.5);
    SBI_TRY(read_object(c, "store_config", JSON_OBJECT, &o->store_config));
    SBI_TRY(read_object(c, "pod_store_config", JSON_OBJECT, &o->pod_store_config));
    SBI_TRY(read_object(c, "environment", JSON_OBJECT, &o->environment));
    SBI_TRY(read_object(c, "command", JSON_ARRAY, &o->command));
    SBI_TRY(read_object(c, "pod_patch", JSON_OBJECT, &o->pod_patch));
    SBI_TRY(read_object(c, "container_patch", JSON_OBJECT, &o->container_patch));
    SBI_TRY(read_object(c, "job_patch", JSON_OBJECT, &o->job_patch));
    if (!o->pod_store) o->pod_store = o->store;
    /* Everybody who may read the Job reads it. */
    const char *host = strstr(o->pod_store, "://");
    if (host && memchr(host + 3, '@', strcspn(host + 3, "/?#")))
        return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "pod_store: a user or password in an URL: put them into a Secret, named by \"secret\"");
    const sbi_json_place at = sbi_json_member(&c->at, "environment");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o->environment, key, value)
    {
        const sbi_json_place inside = sbi_json_member(&at, key);
        SBI_TRY(sbi_json_expect(value, &inside, JSON_STRING));
    }
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_sha256_text(o->store, strlen(o->store), hex);
    snprintf(o->store_label, sizeof o->store_label, "%.16s", hex);
    return SBI_OK;
}

/* ---- the object ------------------------------------------------------------------------------------------------ */

void kube_job_name(const kube_options *o, const kube_batch *b, char name[KUBE_NAME_SIZE])
{
    char head[128], hex[SBI_SHA256_HEX_SIZE];
    unsigned char digest[32];
    sbi_sha256 h;
    sbi_sha256_init(&h);
    const int n = snprintf(head, sizeof head, "%s %d %lld %llu\n", o->store_label, (int)b->attempt, (long long)b->cpus_milli,
                           (unsigned long long)b->memory);
    sbi_sha256_update(&h, head, (size_t)n);
    for (size_t i = 0; i < b->n; i++) sbi_sha256_update(&h, b->keys[i], strlen(b->keys[i]) + 1);
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    snprintf(name, KUBE_NAME_SIZE, "sbi-%.24s", hex);
}

/* A merge patch (RFC 7386). 0 when memory is out. */
static int merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        json_t *there = json_object_get(target, key);
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value)) {
            if (!json_is_object(there)) {
                if (json_object_set_new(target, key, json_object())) return 0;
                there = json_object_get(target, key);
            }
            if (!merge(there, value)) return 0;
        } else if (json_object_set_new(target, key, json_deep_copy(value))) {
            return 0;
        }
    }
    return 1;
}

/* Takes `value`. 0 when memory is out: a Job must not lose a limit in silence. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *if_whole(json_t *value, int whole)
{
    if (whole) return value;
    json_decref(value);
    return NULL;
}

static json_t *bytes_text(uint64_t bytes)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    return json_string(text);
}

static json_t *resources(const kube_options *o, const kube_batch *b)
{
    char cpus[32];
    snprintf(cpus, sizeof cpus, "%lldm", (long long)b->cpus_milli);
    /* Memory: the limit is what is asked for, so that a worker is not killed for what others on its node need. */
    json_t *limits = json_object(), *requests = json_pack("{s:s}", "cpu", cpus);
    int whole = limits && requests;
    if (whole && b->memory) whole = put(limits, "memory", bytes_text(b->memory)) && put(requests, "memory", bytes_text(b->memory));
    if (whole && o->gpus) whole = put(limits, "nvidia.com/gpu", json_integer(o->gpus));
    return json_pack("{s:o, s:o}", "limits", if_whole(limits, whole), "requests", if_whole(requests, whole));
}

static json_t *environment(const kube_options *o)
{
    json_t *list = json_pack("[{s:s, s:s}, {s:s, s:{s:{s:s}}}]", "name", "TMPDIR", "value", WORK, "name", "JOB_COMPLETION_INDEX", "valueFrom",
                             "fieldRef", "fieldPath", "metadata.annotations['batch.kubernetes.io/job-completion-index']");
    const char *key;
    json_t *value;
    int whole = list != NULL;
    json_object_foreach((json_t *)(uintptr_t)o->environment, key, value)
        whole = whole && json_array_append_new(list, json_pack("{s:s, s:s}", "name", key, "value", json_string_value(value))) == 0;
    return if_whole(list, whole);
}

/* Takes `value`, whatever becomes of it. */
static int add_argument(json_t *args, const char *option, json_t *value)
{
    const int first = json_array_append_new(args, json_string(option)) == 0, second = json_array_append_new(args, value) == 0;
    return first && second;
}

static int add_store_config(json_t *args, const json_t *config)
{
    char *text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
    json_t *value = text ? json_string(text) : NULL;
    json_free_t release;
    json_get_alloc_funcs(NULL, &release);
    if (text) release(text);
    return add_argument(args, "--store-config", value);
}

static json_t *container(const kube_options *o, const kube_batch *b, const char *name)
{
    char attempt[16], heartbeat[16];
    snprintf(attempt, sizeof attempt, "%d", (int)b->attempt);
    snprintf(heartbeat, sizeof heartbeat, "%lld", (long long)o->heartbeat_s);
    json_t *c = json_pack("{s:s, s:s, s:[s,s,s,s,s,s,s,s], s:o, s:o, s:s, s:[{s:s, s:s}]}", "name", "worker", "image", o->image, "args", "--store",
                          o->pod_store, "--array", name, "--attempt", attempt, "--heartbeat", heartbeat, "env", environment(o), "resources",
                          resources(o, b), "terminationMessagePolicy", "FallbackToLogsOnError", "volumeMounts", "name", "work", "mountPath", WORK);
    int whole = c != NULL;
    if (whole && o->scratch) whole = add_argument(json_object_get(c, "args"), "--disk", bytes_text((uint64_t)o->scratch));
    if (whole && o->pod_store_config) whole = add_store_config(json_object_get(c, "args"), o->pod_store_config);
    if (whole && o->command) whole = put(c, "command", json_deep_copy(o->command));
    if (whole && o->pull_policy) whole = put(c, "imagePullPolicy", json_string(o->pull_policy));
    if (whole && o->secret) whole = put(c, "envFrom", json_pack("[{s:{s:s}}]", "secretRef", "name", o->secret));
    return if_whole(c, whole);
}

/* Which ends are nobody's fault (the pod is made anew), which are the task's, and which would be every task's. The retry policy is the campaign's, so
 * the cluster tries no index twice. */
static json_t *failure_policy(void)
{
    return json_pack("{s:[{s:s, s:[{s:s, s:s}]}, {s:s, s:{s:s, s:s, s:[i]}}, {s:s, s:{s:s, s:s, s:[i,i]}}]}", "rules", "action", "Ignore",
                     "onPodConditions", "type", "DisruptionTarget", "status", "True", "action", "FailJob", "onExitCodes", "containerName", "worker",
                     "operator", "In", "values", 78, "action", "FailIndex", "onExitCodes", "containerName", "worker", "operator", "In", "values", 64,
                     65);
}

static json_t *pod(const kube_options *o, const kube_batch *b, const char *name)
{
    json_t *work = json_pack("{s:s, s:{}}", "name", "work", "emptyDir");
    int whole = work && (!o->scratch || put(json_object_get(work, "emptyDir"), "sizeLimit", bytes_text((uint64_t)o->scratch)));
    json_t *spec = json_pack("{s:s, s:b, s:I, s:[o], s:[o]}", "restartPolicy", "Never", "automountServiceAccountToken", 0,
                             "terminationGracePeriodSeconds", (json_int_t)o->grace_s, "containers", container(o, b, name), "volumes", work);
    whole = whole && spec;
    if (whole && o->service_account) whole = put(spec, "serviceAccountName", json_string(o->service_account));
    if (whole && o->gpus)
        whole = put(spec, "tolerations", json_pack("[{s:s, s:s, s:s}]", "key", "nvidia.com/gpu", "operator", "Exists", "effect", "NoSchedule"));
    if (whole && o->pod_patch) whole = merge(spec, o->pod_patch);
    if (whole && o->container_patch) whole = merge(json_array_get(json_object_get(spec, "containers"), 0), o->container_patch);
    return if_whole(spec, whole);
}

static json_t *labels(const kube_options *o, const kube_batch *b)
{
    char attempt[16];
    snprintf(attempt, sizeof attempt, "%d", (int)b->attempt);
    return json_pack("{s:s, s:s, s:s}", "app.kubernetes.io/managed-by", "libsbi", KUBE_LABEL_STORE, o->store_label, KUBE_LABEL_ATTEMPT, attempt);
}

static json_t *job_spec(const kube_options *o, const kube_batch *b, const char *name)
{
    const json_int_t n = (json_int_t)b->n, parallel = o->parallelism && o->parallelism < n ? o->parallelism : n;
    json_t *spec = json_pack("{s:s, s:I, s:I, s:i, s:s, s:o, s:{s:{s:o}, s:o}}", "completionMode", "Indexed", "completions", n, "parallelism", parallel,
                             "backoffLimitPerIndex", 0, "podReplacementPolicy", "Failed", "podFailurePolicy", failure_policy(), "template", "metadata",
                             "labels", labels(o, b), "spec", pod(o, b, name));
    int whole = spec != NULL;
    if (whole && o->deadline_s) whole = put(spec, "activeDeadlineSeconds", json_integer(o->deadline_s));
    if (whole && o->ttl_s) whole = put(spec, "ttlSecondsAfterFinished", json_integer(o->ttl_s));
    if (whole && o->queue) whole = put(spec, "suspend", json_true()); /* Kueue starts it when there is room */
    return if_whole(spec, whole);
}

sbi_status kube_job_make(json_t **out, sbi_context *ctx, const kube_options *o, const kube_batch *b, const char *name)
{
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_text text;
    json_t *job = json_pack("{s:s, s:s, s:{s:s, s:o}, s:o}", "apiVersion", "batch/v1", "kind", "Job", "metadata", "name", name, "labels",
                            labels(o, b), "spec", job_spec(o, b, name));
    *out = NULL;
    int whole = job != NULL;
    if (whole && o->queue)
        whole = put(json_object_get(json_object_get(job, "metadata"), "labels"), "kueue.x-k8s.io/queue-name", json_string(o->queue));
    if (whole && o->job_patch) whole = merge(job, o->job_patch);
    sbi_text_init(&text, ctx);
    sbi_status status = whole ? sbi_json_canonical(&text, job) : sbi_fail(SBI_ERR_NO_MEMORY, "kubernetes: Job %s: out of memory", name);
    if (status == SBI_OK) {
        sbi_sha256_text(text.data, text.size, hex);
        json_t *annotations = json_object_get(json_object_get(job, "metadata"), "annotations");
        if (!annotations) {
            json_object_set_new(json_object_get(job, "metadata"), "annotations", json_object());
            annotations = json_object_get(json_object_get(job, "metadata"), "annotations");
        }
        if (json_object_set_new(annotations, KUBE_ANNOTATION_HASH, json_string(hex))) status = SBI_ERR_NO_MEMORY;
    }
    sbi_text_clear(&text);
    if (status != SBI_OK) {
        json_decref(job);
        return status;
    }
    *out = job;
    return SBI_OK;
}

/* ---- lists of indexes ------------------------------------------------------------------------------------------ */

static int read_number(const char **at, size_t *out)
{
    char *end;
    if (**at < '0' || **at > '9') return 0;
    *out = (size_t)strtoull(*at, &end, 10);
    *at = end;
    return 1;
}

sbi_status kube_indexes_read(const char *text, size_t most, void (*each)(void *user, size_t index), void *user)
{
    const char *at = text;
    while (*at) {
        size_t first, last;
        int good = read_number(&at, &first);
        last = first;
        if (good && *at == '-') {
            at++;
            good = read_number(&at, &last);
        }
        if (!good || last < first || (*at && *at != ',')) return sbi_fail(SBI_ERR_FORMAT, "kubernetes: list of indexes \"%.60s\"", text);
        for (size_t i = first; i <= last && i < most; i++) each(user, i);
        if (*at == ',') at++;
    }
    return SBI_OK;
}
