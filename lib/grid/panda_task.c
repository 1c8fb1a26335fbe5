/* SPDX-License-Identifier: Apache-2.0 */
#include "grid/panda_task.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"

#define OUTPUT "result.sbin" /* what the pilot looks for */

const char *const panda_option_keys[] = {"store", "store_config", "worker_store", "worker",  "nickname", "site",        "image",      "architecture", "processing_type",
                                         "environment", "task_patch", "cpus",     "memory",  "batch",    "heartbeat_s", "interval_s", "patience_s",   NULL};

/* ---- options --------------------------------------------------------------------------------------------------- */

static sbi_status read_object(const grid_config *c, const char *key, const json_t **out)
{
    *out = json_object_get(c->json, key);
    if (!*out) return SBI_OK;
    const sbi_json_place at = sbi_json_member(&c->at, key);
    return sbi_json_expect(*out, &at, JSON_OBJECT);
}

/* A part of a task's name. */
static int is_name(const char *text)
{
    const size_t n = strlen(text);
    return n && n <= 60 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static sbi_status check(const panda_options *o, const grid_config *c)
{
    const char *key;
    const json_t *value;
    if (!is_name(o->nickname)) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "nickname is \"%.60s\": expected [A-Za-z0-9_-]", o->nickname);
    if (!(o->cpus > 0 && o->cpus <= 4096)) return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "cpus is %g, expected more than 0, at most 4096", o->cpus);
    if (!(o->interval_s >= 0.05 && o->interval_s <= 86400))
        return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "interval_s is %g, expected 0.05 to 86400", o->interval_s);
    json_object_foreach((json_t *)(uintptr_t)o->environment, key, value)
    {
        const size_t n = strlen(key);
        if (!n || (key[0] >= '0' && key[0] <= '9') || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != n || !json_is_string(value))
            return sbi_json_fail(SBI_ERR_ARGUMENT, &c->at, "environment: \"%.60s\": expected names of variables, with texts", key);
    }
    return SBI_OK;
}

sbi_status panda_options_read(panda_options *o, const grid_config *c)
{
    const struct {
        const char *key, *other, **value;
    } texts[] = {{"worker_store", NULL, &o->worker_store}, {"worker", "sbi-worker", &o->worker},
                 {"site", NULL, &o->site},                 {"image", NULL, &o->image},
                 {"architecture", "", &o->architecture},   {"processing_type", "panda-client-libsbi", &o->processing_type}};
    *o = (panda_options){0};
    SBI_TRY(sbi_json_get_string(c->json, &c->at, "store", &o->store));
    SBI_TRY(sbi_json_get_string(c->json, &c->at, "nickname", &o->nickname));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        SBI_TRY(sbi_json_get_string_or(c->json, &c->at, texts[i].key, texts[i].other, texts[i].value));
    SBI_TRY(grid_config_integer(c, "memory", (int64_t)2 << 30, 0, INT64_MAX, &o->memory));
    SBI_TRY(grid_config_integer(c, "batch", 1000, 1, 100000, &o->batch));
    SBI_TRY(grid_config_integer(c, "heartbeat_s", 60, 1, 3600, &o->heartbeat_s));
    SBI_TRY(grid_config_integer(c, "patience_s", 3600, 1, INT32_MAX, &o->patience_s));
    SBI_TRY(sbi_json_get_number_or(c->json, &c->at, "cpus", 1, &o->cpus));
    SBI_TRY(sbi_json_get_number_or(c->json, &c->at, "interval_s", 30, &o->interval_s));
    SBI_TRY(read_object(c, "store_config", &o->store_config));
    SBI_TRY(read_object(c, "environment", &o->environment));
    SBI_TRY(read_object(c, "task_patch", &o->task_patch));
    if (!o->worker_store) o->worker_store = o->store;
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_sha256_text(o->store, strlen(o->store), hex);
    snprintf(o->store_label, sizeof o->store_label, "%.16s", hex);
    return check(o, c);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

void panda_batch_name(const panda_options *o, const panda_batch_spec *b, char name[PANDA_NAME_SIZE])
{
    char head[160], hex[SBI_SHA256_HEX_SIZE];
    unsigned char digest[32];
    sbi_sha256 h;
    sbi_sha256_init(&h);
    const int n = snprintf(head, sizeof head, "%s %s %d %d %llu\n", o->store_label, o->nickname, (int)b->attempt, (int)b->cores, (unsigned long long)b->memory);
    sbi_sha256_update(&h, head, (size_t)n);
    for (size_t i = 0; i < b->n; i++) sbi_sha256_update(&h, b->keys[i], strlen(b->keys[i]) + 1);
    sbi_sha256_final(&h, digest);
    sbi_sha256_hex(digest, hex);
    snprintf(name, PANDA_NAME_SIZE, PANDA_ARRAY_PREFIX "%d-%.24s", (int)b->attempt, hex);
}

char *panda_task_name(sbi_context *ctx, const panda_options *o, const char *name)
{
    return sbi_strf(ctx, "user.%s.%s/", o->nickname, name);
}

/* ---- what a job runs ------------------------------------------------------------------------------------------- */

static void add_quoted(sbi_text *t, const char *text)
{
    sbi_text_add(t, "'", 1);
    for (; *text; text++) {
        if (*text == '\'') sbi_text_addf(t, "'\\''");
        else sbi_text_add(t, text, 1);
    }
    sbi_text_add(t, "'", 1);
}

/* SEQNUMBER starts at 1, indexes at 0. The pilot fails a job without its output file, so there is one, whatever happens; the result goes into the store. */
sbi_status panda_script(sbi_text *out, const panda_options *o)
{
    const char *key;
    const json_t *value;
    /* runGen preloads a library that traces which files are opened. */
    sbi_text_addf(out, "#!/bin/sh\n: > " OUTPUT "\nunset LD_PRELOAD\n");
    json_object_foreach((json_t *)(uintptr_t)o->environment, key, value)
    {
        sbi_text_addf(out, "export %s=", key);
        add_quoted(out, json_string_value(value));
        sbi_text_addf(out, "\n");
    }
    sbi_text_addf(out, "[ \"${TMPDIR:-}\" ] || export TMPDIR=\"$PWD\"\n");
    add_quoted(out, o->worker);
    sbi_text_addf(out, " --store ");
    add_quoted(out, o->worker_store);
    sbi_text_addf(out, " --array \"$1\" --attempt \"$2\" --index \"$(($3 - 1))\" --heartbeat %lld &\n", (long long)o->heartbeat_s);
    sbi_text_addf(out, "worker=$!\n"
                       "trap 'kill -TERM \"$worker\" 2>/dev/null' TERM INT XCPU USR1\n"
                       "code=0\n"
                       "while :; do\n"
                       "    wait \"$worker\"\n"
                       "    code=$?\n"
                       "    kill -0 \"$worker\" 2>/dev/null || break\n"
                       "done\n"
                       "echo \"array $1 attempt $2 index $(($3 - 1)) exit $code\" > " OUTPUT "\n"
                       "exit \"$code\"\n");
    return out->status;
}

/* ---- parameters ------------------------------------------------------------------------------------------------ */

static json_t *constant(const char *value, int padding)
{
    return padding ? json_pack("{s:s, s:s}", "type", "constant", "value", value) : json_pack("{s:s, s:s, s:b}", "type", "constant", "value", value, "padding", 0);
}

/* A list of n formatted texts would be shorter, were they all constants. */
static json_t *job_parameters(sbi_context *ctx, const panda_options *o, const panda_batch_spec *b, const char *name, const char *sandbox)
{
    json_t *list = json_array();
    char *file = sbi_strf(ctx, "user.%s.$JEDITASKID._${SN/P}." OUTPUT, o->nickname), *set = sbi_strf(ctx, "user.%s.%s_" OUTPUT "/", o->nickname, name);
    char *archive = sbi_strf(ctx, "-a %s", sandbox), *map = file ? sbi_strf(ctx, "-o \"{'" OUTPUT "': '%s'}\"", file) : NULL;
    char *command = sbi_strf(ctx, "./" PANDA_SCRIPT "%%20%s%%20%d%%20", name, (int)b->attempt);
    int whole = list && file && set && archive && map && command;
    json_t *hidden = constant("__delimiter__", 1);
    whole = whole && hidden && json_object_set_new(hidden, "hidden", json_true()) == 0;
    whole = whole && json_array_append_new(list, constant("-j \"\" --sourceURL ${SURL}", 1)) == 0 && json_array_append_new(list, constant("-r .", 1)) == 0 &&
            json_array_append(list, hidden) == 0 && json_array_append_new(list, constant(archive, 1)) == 0 &&
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "type", "template", "param_type", "output", "value", file, "dataset", set,
                                                  "container", set, "hidden", 1)) == 0 &&
            json_array_append_new(list, constant(map, 1)) == 0 && json_array_append_new(list, constant("-p \"", 0)) == 0 &&
            json_array_append_new(list, constant(command, 0)) == 0 &&
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:i, s:b}", "type", "template", "param_type", "pseudo_input", "value", "${SEQNUMBER}",
                                                  "dataset", "seq_number", "offset", 0, "padding", 0)) == 0 &&
            json_array_append_new(list, constant("\"", 1)) == 0;
    json_decref(hidden);
    sbi_free(ctx, file);
    sbi_free(ctx, set);
    sbi_free(ctx, archive);
    sbi_free(ctx, map);
    sbi_free(ctx, command);
    if (whole) return list;
    json_decref(list);
    return NULL;
}

/* Only the worker runs in the container; the transformation before and after it runs outside, since it needs Python. What it has prepared is a script. */
static json_t *steps(const char *image)
{
    return json_pack("{s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:s}}", "preprocess", "command", "${TRF}", "args", "--preprocess ${TRF_ARGS}", "postprocess", "command",
                     "${TRF}", "args", "--postprocess ${TRF_ARGS}", "containerOptions", "containerExec", "/bin/sh __run_main_exec.sh", "containerImage", image);
}

static json_t *log_of(sbi_context *ctx, const panda_options *o, const char *name)
{
    char *set = sbi_strf(ctx, "user.%s.%s.log/", o->nickname, name), *file = sbi_strf(ctx, "user.%s.%s.log.$JEDITASKID.${SN}.log.tgz", o->nickname, name);
    json_t *log = set && file ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "dataset", set, "container", set, "type", "template", "param_type", "log", "value", file)
                              : NULL;
    sbi_free(ctx, set);
    sbi_free(ctx, file);
    return log;
}

static int add_resources(json_t *p, const panda_options *o, const panda_batch_spec *b)
{
    const uint64_t mib = (b->memory + (1 << 20) - 1) >> 20, cores = (uint64_t)b->cores, per_core = (mib + cores - 1) / cores;
    if (json_object_set_new(p, "coreCount", json_integer(b->cores))) return 0;
    if (b->memory && (json_object_set_new(p, "ramCount", json_integer((json_int_t)per_core)) || json_object_set_new(p, "ramCountUnit", json_string("MBPerCore"))))
        return 0;
    if (o->site && json_object_set_new(p, "site", json_string(o->site))) return 0;
    return json_object_set_new(p, "architecture", json_string(o->architecture)) == 0;
}

sbi_status panda_task_parameters(json_t **out, sbi_context *ctx, const panda_options *o, const panda_batch_spec *b, const char *name, const char *sandbox,
                                 const char *source_url, const char *vo)
{
    char *full = panda_task_name(ctx, o, name), *image = o->image ? sbi_strf(ctx, "%s%s", strstr(o->image, "://") ? "" : "docker://", o->image) : NULL;
    json_t *jobs = job_parameters(ctx, o, b, name, sandbox), *log = log_of(ctx, o, name);
    /* One try by the server: what is run again, with how much memory, is the campaign's decision. Without skipScout ten jobs would go ahead of all others. The
     * pilot kills a payload that writes nothing into its folder for two hours; the worker writes into the store. */
    json_t *p = full && jobs && log
                    ? json_pack("{s:s, s:b, s:s, s:s, s:s, s:n, s:I, s:i, s:b, s:i, s:i, s:b, s:b, s:b, s:s, s:O, s:O}", "taskName", full, "uniqueTaskName", 1,
                                "prodSourceLabel", "user", "processingType", o->processing_type, "transUses", "", "transHome", "nEvents", (json_int_t)b->n,
                                "nEventsPerJob", 1, "noInput", 1, "maxAttempt", 1, "nMaxFilesPerJob", 200, "respectSplitRule", 1, "skipScout", 1, "noLoopingCheck",
                                1, "sourceURL", source_url, "jobParameters", jobs, "log", log)
                    : NULL;
    int whole = p && add_resources(p, o, b);
    if (whole && vo) whole = json_object_set_new(p, "vo", json_string(vo)) == 0;
    if (whole && o->image) whole = image && !json_object_set_new(p, "container_name", json_string(image)) && !json_object_set_new(p, "multiStepExec", steps(image));
    if (whole && o->task_patch) whole = json_object_update(p, (json_t *)(uintptr_t)o->task_patch) == 0;
    json_decref(jobs);
    json_decref(log);
    sbi_free(ctx, full);
    sbi_free(ctx, image);
    if (!whole) {
        json_decref(p);
        return sbi_fail(SBI_ERR_NO_MEMORY, "PanDA: task %s: out of memory", name);
    }
    *out = p;
    return SBI_OK;
}
