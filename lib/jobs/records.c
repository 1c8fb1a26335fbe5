/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/records.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/json.h"

#define READS 3

/* ---- exit codes ------------------------------------------------------------------------------------------------- */

int32_t sbi_exit_code_of(sbi_status status)
{
    switch (status) {
    case SBI_OK: return SBI_EXIT_DONE;
    case SBI_ERR_CANCELLED:
    case SBI_ERR_PREEMPTED: return SBI_EXIT_PREEMPTED;
    case SBI_ERR_ARGUMENT:
    case SBI_ERR_UNSUPPORTED: return SBI_EXIT_SPEC;
    case SBI_ERR_CHECKSUM:
    case SBI_ERR_FORMAT:
    case SBI_ERR_SHAPE:
    case SBI_ERR_VALUE: return SBI_EXIT_INPUT;
    case SBI_ERR_IO:
    case SBI_ERR_NOT_FOUND:
    case SBI_ERR_NO_SPACE:
    case SBI_ERR_PERMISSION:
    case SBI_ERR_TRANSIENT: return SBI_EXIT_STORAGE;
    case SBI_ERR_VERSION:
    case SBI_ERR_ABI: return SBI_EXIT_CONFIGURATION;
    case SBI_ERR_NO_MEMORY: return SBI_EXIT_OUT_OF_MEMORY;
    default: return SBI_EXIT_INTERNAL;
    }
}

int32_t sbi_job_exit_state(int32_t exit_code, sbi_status *status)
{
    static const struct {
        int32_t code, state;
        sbi_status status;
    } table[] = {{SBI_EXIT_DONE, SBI_TASK_DONE, SBI_OK},
                 {SBI_EXIT_SPEC, SBI_TASK_FAILED, SBI_ERR_ARGUMENT},
                 {SBI_EXIT_INPUT, SBI_TASK_FAILED, SBI_ERR_CHECKSUM},
                 {SBI_EXIT_INTERNAL, SBI_TASK_FAILED, SBI_ERR_INTERNAL},
                 {SBI_EXIT_STORAGE, SBI_TASK_TRANSIENT, SBI_ERR_TRANSIENT},
                 {SBI_EXIT_PREEMPTED, SBI_TASK_PREEMPTED, SBI_ERR_PREEMPTED},
                 {143, SBI_TASK_PREEMPTED, SBI_ERR_PREEMPTED}, /* SIGTERM */
                 {SBI_EXIT_CONFIGURATION, SBI_TASK_REJECTED, SBI_ERR_STATE},
                 {SBI_EXIT_OUT_OF_MEMORY, SBI_TASK_OUT_OF_MEMORY, SBI_ERR_NO_MEMORY}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].code != exit_code) continue;
        if (status) *status = table[i].status;
        return table[i].state;
    }
    if (status) *status = SBI_ERR_TASK_LOST;
    return SBI_TASK_LOST;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

void sbi_content_name(char out[SBI_CONTENT_NAME_SIZE], const char *sha256)
{
    snprintf(out, SBI_CONTENT_NAME_SIZE, "cas/sha256/%.2s/%.2s/%.64s", sha256, sha256 + 2, sha256);
}

const char *sbi_content_hash(const char *name)
{
    static const char prefix[] = "cas/sha256/";
    const size_t n = sizeof prefix - 1;
    if (strncmp(name, prefix, n) != 0 || strlen(name) != n + 6 + 64) return NULL;
    const char *hash = name + n + 6;
    if (strspn(hash, "0123456789abcdef") != 64) return NULL;
    char expected[SBI_CONTENT_NAME_SIZE];
    sbi_content_name(expected, hash);
    return strcmp(expected, name) == 0 ? hash : NULL;
}

/* ---- objects ---------------------------------------------------------------------------------------------------- */

typedef struct bounded {
    sbi_text *text;
    const char *name;
    size_t limit;
} bounded;

static sbi_status take(void *user, const void *data, size_t size)
{
    bounded *b = user;
    if (size > b->limit - b->text->size) return sbi_fail(SBI_ERR_FORMAT, "%s: more than %zu bytes", b->name, b->limit);
    sbi_text_add(b->text, data, size);
    return b->text->status;
}

sbi_status sbi_object_read(sbi_store *store, const char *name, size_t limit, sbi_text *out)
{
    bounded b = {out, name, limit};
    sbi_sink sink = {(uint32_t)sizeof sink, 0, take, &b};
    sbi_status status;
    int tries = 0;
    /* What the store finds damaged may have been damaged on its way. */
    do {
        sbi_text_clear(out);
        status = sbi_store_get(store, name, 0, 0, &sink);
    } while (status == SBI_ERR_CHECKSUM && ++tries < READS);
    return status;
}

sbi_status sbi_commit_get(sbi_context *ctx, sbi_store *store, const char *key, sbi_commit *out)
{
    char name[SBI_TASK_KEY_MAX + 32];
    sbi_text text;
    sbi_text_init(&text, ctx);
    snprintf(name, sizeof name, "jobs/%.*s/result.json", SBI_TASK_KEY_MAX, key);
    sbi_status status = sbi_object_read(store, name, SBI_RECORD_LARGEST, &text);
    if (status == SBI_OK) status = sbi_commit_read(out, text.data ? text.data : "", text.size, name);
    sbi_text_clear(&text);
    return status;
}

/* ---- writing and reading ---------------------------------------------------------------------------------------- */

static sbi_status write_text(sbi_text *out, json_t *json, const char *what)
{
    sbi_status status = json ? sbi_json_pretty(out, json) : sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", what);
    json_decref(json);
    return status;
}

/* Messages hold what other libraries and file names said: not always UTF-8, which JSON has to be. */
static json_t *safe_string(const char *text)
{
    json_t *json = json_string(text);
    if (json) return json;
    char plain[512];
    size_t n = 0;
    for (; text[n] && n < sizeof plain - 1; n++) plain[n] = (unsigned char)text[n] < 128 ? text[n] : '?';
    plain[n] = '\0';
    return json_string(plain);
}

sbi_status sbi_heartbeat_write(sbi_text *out, const sbi_heartbeat *b)
{
    json_t *json = json_pack("{s:s, s:I, s:o, s:i, s:i, s:o, s:f, s:f, s:f, s:I}", "state", b->state, "time_ms", (json_int_t)b->time_ms, "host",
                             safe_string(b->host), "pid", (int)b->pid, "attempt", (int)b->attempt, "message", safe_string(b->message),
                             "progress", b->progress, "seconds", b->seconds, "cpu_seconds", b->cpu_seconds,
                             "peak_memory", (json_int_t)b->peak_memory);
    if (json && b->exit_code >= 0) {
        json_object_set_new(json, "exit_code", json_integer(b->exit_code));
        json_object_set_new(json, "status", json_integer(b->status));
    }
    return write_text(out, json, "heartbeat");
}

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static sbi_status get_range(const json_t *json, const sbi_json_place *at, const char *key, int64_t low, int64_t high, int64_t other,
                            int64_t *out)
{
    SBI_TRY(sbi_json_get_integer_or(json, at, key, other, out));
    if (*out < low || *out > high) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is %lld", key, (long long)*out);
    return SBI_OK;
}

static sbi_status get_positive(const json_t *json, const sbi_json_place *at, const char *key, double *out)
{
    SBI_TRY(sbi_json_get_number_or(json, at, key, 0, out));
    if (!(*out >= 0)) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is %g", key, *out);
    return SBI_OK;
}

static sbi_status read_heartbeat(const json_t *json, const sbi_json_place *at, sbi_heartbeat *b)
{
    const char *state, *host, *message;
    int64_t pid, attempt, code, status, peak;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    SBI_TRY(sbi_json_get_string(json, at, "state", &state));
    SBI_TRY(sbi_json_get_string_or(json, at, "host", "", &host));
    SBI_TRY(sbi_json_get_string_or(json, at, "message", "", &message));
    SBI_TRY(get_range(json, at, "time_ms", 0, INT64_MAX, 0, &b->time_ms));
    SBI_TRY(get_range(json, at, "pid", 0, INT32_MAX, 0, &pid));
    SBI_TRY(get_range(json, at, "attempt", 0, INT32_MAX, 0, &attempt));
    SBI_TRY(get_range(json, at, "exit_code", -1, 255, -1, &code));
    SBI_TRY(get_range(json, at, "status", INT32_MIN, 0, 0, &status));
    SBI_TRY(get_range(json, at, "peak_memory", 0, INT64_MAX, 0, &peak));
    SBI_TRY(get_positive(json, at, "progress", &b->progress));
    SBI_TRY(get_positive(json, at, "seconds", &b->seconds));
    SBI_TRY(get_positive(json, at, "cpu_seconds", &b->cpu_seconds));
    if (code < 0 && strcmp(state, "running") != 0) return sbi_json_fail(SBI_ERR_FORMAT, at, "state \"%.40s\" without exit_code", state);
    copy(b->state, sizeof b->state, state);
    copy(b->host, sizeof b->host, host);
    copy(b->message, sizeof b->message, message);
    b->pid = (int32_t)pid;
    b->attempt = (int32_t)attempt;
    b->exit_code = (int32_t)code;
    b->status = (sbi_status)status;
    b->peak_memory = (uint64_t)peak;
    if (b->progress > 1) b->progress = 1;
    return SBI_OK;
}

sbi_status sbi_heartbeat_read(sbi_heartbeat *out, const char *text, size_t size, const char *name)
{
    json_t *json;
    memset(out, 0, sizeof *out);
    SBI_TRY(sbi_json_parse(&json, text, size, name));
    const sbi_json_place at = sbi_json_root(name);
    sbi_status status = read_heartbeat(json, &at, out);
    json_decref(json);
    return status;
}

sbi_status sbi_commit_write(sbi_text *out, const sbi_commit *c)
{
    char name[SBI_CONTENT_NAME_SIZE];
    sbi_content_name(name, c->sha256);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:I, s:i, s:o, s:s}", "uuid", c->uuid, "key", c->key, "path", name, "sha256",
                             c->sha256, "size", (json_int_t)c->size, "seconds", c->seconds, "cpu_seconds", c->cpu_seconds, "peak_memory", (json_int_t)c->peak_memory,
                             "attempt", (int)c->attempt, "host", safe_string(c->host), "version", SBI_VERSION_STRING);
    return write_text(out, json, "commit record");
}

static sbi_status read_commit(const json_t *json, const sbi_json_place *at, sbi_commit *c)
{
    const char *key, *sha256, *uuid, *host;
    int64_t size, peak, attempt;
    SBI_TRY(sbi_json_expect(json, at, JSON_OBJECT));
    SBI_TRY(sbi_json_get_string(json, at, "key", &key));
    SBI_TRY(sbi_json_get_string(json, at, "sha256", &sha256));
    SBI_TRY(sbi_json_get_string_or(json, at, "uuid", "", &uuid));
    SBI_TRY(sbi_json_get_string_or(json, at, "host", "", &host));
    SBI_TRY(get_range(json, at, "size", 0, INT64_MAX, -1, &size));
    SBI_TRY(get_range(json, at, "peak_memory", 0, INT64_MAX, 0, &peak));
    SBI_TRY(get_range(json, at, "attempt", 0, INT32_MAX, 0, &attempt));
    SBI_TRY(get_positive(json, at, "seconds", &c->seconds));
    SBI_TRY(get_positive(json, at, "cpu_seconds", &c->cpu_seconds));
    if (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "sha256 is \"%.70s\", expected 64 hex digits", sha256);
    copy(c->key, sizeof c->key, key);
    copy(c->sha256, sizeof c->sha256, sha256);
    copy(c->uuid, sizeof c->uuid, uuid);
    copy(c->host, sizeof c->host, host);
    c->size = (uint64_t)size;
    c->peak_memory = (uint64_t)peak;
    c->attempt = (int32_t)attempt;
    return SBI_OK;
}

sbi_status sbi_commit_read(sbi_commit *out, const char *text, size_t size, const char *name)
{
    json_t *json;
    memset(out, 0, sizeof *out);
    SBI_TRY(sbi_json_parse(&json, text, size, name));
    const sbi_json_place at = sbi_json_root(name);
    sbi_status status = read_commit(json, &at, out);
    json_decref(json);
    return status;
}
