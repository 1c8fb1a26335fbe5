/* SPDX-License-Identifier: Apache-2.0 */
/* What a store tells of a job: its state, its result, its log. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "exec/executor.h"
#include "jobs/job.h"
#include "jobs/records.h"

/* ---- the newest attempt ----------------------------------------------------------------------------------------- */

typedef struct newest {
    const char *suffix;
    char name[SBI_STORE_NAME_MAX];
} newest;

static sbi_status keep_last(void *user, const char *name, const sbi_store_info *info)
{
    newest *n = user;
    const size_t length = strlen(name), suffix = strlen(n->suffix);
    (void)info;
    if (length > suffix && length < sizeof n->name && strcmp(name + length - suffix, n->suffix) == 0) memcpy(n->name, name, length + 1);
    return SBI_OK;
}

/* The object of the newest attempt: names of attempts begin with the time, and lists are sorted. */
static sbi_status find_newest(sbi_store *store, const char *key, const char *suffix, newest *out)
{
    char prefix[SBI_TASK_KEY_MAX + 32];
    *out = (newest){.suffix = suffix};
    snprintf(prefix, sizeof prefix, "jobs/%s/attempts/", key);
    SBI_TRY(sbi_store_list(store, prefix, keep_last, out));
    return out->name[0] ? SBI_OK : sbi_fail(SBI_ERR_NOT_FOUND, "job %s: no attempt has begun", key);
}

static sbi_status read_newest(sbi_context *ctx, sbi_store *store, const char *key, sbi_heartbeat *beat)
{
    newest n;
    sbi_text text;
    SBI_TRY(find_newest(store, key, "/heartbeat.json", &n));
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_object_read(store, n.name, SBI_RECORD_LARGEST, &text);
    if (status == SBI_OK) status = sbi_heartbeat_read(beat, text.data ? text.data : "", text.size, n.name);
    sbi_text_clear(&text);
    return status;
}

/* ---- state ------------------------------------------------------------------------------------------------------ */

static sbi_status check_key(const char *function, const void *a, const void *b, const char *key)
{
    SBI_REQUIRE(a && b && key, "%s: an argument is NULL", function);
    SBI_REQUIRE(sbi_task_key_valid(key), "%s: the key \"%.80s\" is not 1 to 64 characters of [a-z0-9-]", function, key);
    return SBI_OK;
}

static void report_heartbeat(sbi_task_report *r, const sbi_heartbeat *b)
{
    r->attempt = b->attempt;
    r->progress = b->progress;
    r->seconds = b->seconds;
    r->cpu_seconds = b->cpu_seconds;
    r->peak_memory = b->peak_memory;
    snprintf(r->host, sizeof r->host, "%s", b->host);
    snprintf(r->message, sizeof r->message, "%s", b->message);
    r->state = SBI_TASK_RUNNING;
    if (b->exit_code < 0) return;
    r->state = sbi_job_exit_state(b->exit_code, &r->status);
    if (b->status != SBI_OK) r->status = b->status;
    if (r->state == SBI_TASK_PREEMPTED) r->status = SBI_ERR_PREEMPTED;
}

static void report_commit(sbi_task_report *r, const sbi_commit *c)
{
    r->state = SBI_TASK_DONE;
    r->attempt = c->attempt;
    r->progress = 1;
    r->seconds = c->seconds;
    r->cpu_seconds = c->cpu_seconds;
    r->peak_memory = c->peak_memory;
    snprintf(r->host, sizeof r->host, "%s", c->host);
}

/* SBI_ERR_NOT_FOUND unless the job is done: its record is there, and the object with as many bytes as it says. */
static sbi_status find_done(sbi_context *ctx, sbi_store *store, const char *key, sbi_commit *c)
{
    char name[SBI_CONTENT_NAME_SIZE];
    sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
    SBI_TRY(sbi_commit_get(ctx, store, key, c));
    sbi_content_name(name, c->sha256);
    SBI_TRY(sbi_store_stat(store, name, &info));
    return info.size == c->size ? SBI_OK : sbi_fail(SBI_ERR_NOT_FOUND, "job %s: its result is not whole", key);
}

sbi_status sbi_job_look(sbi_context *ctx, sbi_store *store, const char *key, sbi_task_report *report, int64_t *heard)
{
    sbi_commit commit;
    sbi_heartbeat beat;
    if (heard) *heard = 0;
    SBI_REQUIRE(ctx && report, "sbi_job_look: an argument is NULL");
    SBI_TRY(check_key("sbi_job_look", ctx, store, key));
    if (report->struct_size < sizeof *report)
        return sbi_fail(SBI_ERR_ABI, "sbi_task_report: struct_size is %u, expected %zu", (unsigned)report->struct_size, sizeof *report);
    memset(report, 0, sizeof *report);
    report->struct_size = (uint32_t)sizeof *report;
    report->state = SBI_TASK_PENDING;
    snprintf(report->key, sizeof report->key, "%s", key);
    sbi_status status = find_done(ctx, store, key, &commit);
    if (status == SBI_OK) {
        report_commit(report, &commit);
        return SBI_OK;
    }
    if (status != SBI_ERR_NOT_FOUND) return status;
    status = read_newest(ctx, store, key, &beat);
    if (status == SBI_ERR_NOT_FOUND) return SBI_OK;
    SBI_TRY(status);
    report_heartbeat(report, &beat);
    if (report->state == SBI_TASK_DONE) report->state = SBI_TASK_LOST; /* its result is gone since */
    if (report->state == SBI_TASK_LOST) report->status = SBI_ERR_TASK_LOST;
    if (heard) *heard = beat.time_ms;
    return SBI_OK;
}

/* ---- result ----------------------------------------------------------------------------------------------------- */

typedef struct checking {
    sbi_sha256 hash;
    uint64_t size;
} checking;

static sbi_status take(void *user, const void *data, size_t size)
{
    checking *c = user;
    sbi_sha256_update(&c->hash, data, size);
    c->size += size;
    return SBI_OK;
}

static sbi_status check_object(sbi_store *store, const char *name, const sbi_commit *commit)
{
    checking c = {.size = 0};
    unsigned char digest[32];
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_sink sink = {(uint32_t)sizeof sink, 0, take, &c};
    sbi_sha256_init(&c.hash);
    SBI_TRY(sbi_store_get(store, name, 0, 0, &sink));
    sbi_sha256_final(&c.hash, digest);
    sbi_sha256_hex(digest, hex);
    if (c.size == commit->size && strcmp(hex, commit->sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: has sha256 %s, not that of its name", name, hex);
}

/* Small results are kept while they are checked; the others are read twice. */
#define KEPT_LARGEST ((uint64_t)16 << 20)

static sbi_status send_kept(sbi_context *ctx, sbi_store *store, const char *name, const sbi_commit *commit, sbi_sink *sink)
{
    sbi_text text;
    char hex[SBI_SHA256_HEX_SIZE];
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_object_read(store, name, (size_t)KEPT_LARGEST, &text);
    if (status == SBI_ERR_FORMAT) status = sbi_fail(SBI_ERR_CHECKSUM, "%s: is longer than its record says", name);
    if (status == SBI_OK) {
        sbi_sha256_text(text.data ? text.data : "", text.size, hex);
        if (text.size != commit->size || strcmp(hex, commit->sha256) != 0)
            status = sbi_fail(SBI_ERR_CHECKSUM, "%s: has sha256 %s, not that of its name", name, hex);
    }
    if (status == SBI_OK) status = sbi_sink_write(sink, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

sbi_status sbi_job_fetch(sbi_context *ctx, sbi_store *store, const char *key, sbi_sink *sink)
{
    char name[SBI_CONTENT_NAME_SIZE];
    sbi_commit commit;
    SBI_REQUIRE(ctx && sink && sink->write, "sbi_job_fetch: an argument is NULL");
    SBI_TRY(check_key("sbi_job_fetch", ctx, store, key));
    SBI_TRY(sbi_commit_get(ctx, store, key, &commit));
    sbi_content_name(name, commit.sha256);
    const int small = commit.size <= KEPT_LARGEST;
    sbi_status status = SBI_ERR_CHECKSUM;
    /* Once more, since it may have been damaged on its way only. */
    for (int i = 0; i < 2 && status == SBI_ERR_CHECKSUM; i++)
        status = small ? send_kept(ctx, store, name, &commit, sink) : check_object(store, name, &commit);
    if (status == SBI_OK && !small) status = sbi_store_get(store, name, 0, 0, sink);
    if (status == SBI_ERR_CHECKSUM) {
        char message[SBI_ERROR_MESSAGE_SIZE];
        snprintf(message, sizeof message, "%s", sbi_last_error());
        (void)sbi_store_remove(store, name);
        sbi_error_set_message(message);
    }
    return status;
}

sbi_status sbi_job_log(sbi_context *ctx, sbi_store *store, const char *key, sbi_sink *sink)
{
    newest n;
    SBI_REQUIRE(ctx && sink && sink->write, "sbi_job_log: an argument is NULL");
    SBI_TRY(check_key("sbi_job_log", ctx, store, key));
    SBI_TRY(find_newest(store, key, "/log", &n));
    return sbi_store_get(store, n.name, 0, 0, sink);
}
