/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/sha256.h"
#include "exec/executor.h"

#define POLL_MS 200
#define LOG_LARGEST ((size_t)1 << 20)
#define FIRST_WAIT 0.2 /* seconds between calls to a store that is out of reach; doubled up to LONGEST_WAIT */
#define LONGEST_WAIT 30.0

double sbi_attempt_now(void)
{
    return 1e-3 * (double)sbi_now_ms();
}

void sbi_worker_options_init(sbi_worker_options *options)
{
    if (!options) return;
    const sbi_worker_options defaults = SBI_WORKER_OPTIONS_INIT;
    *options = defaults;
}

int sbi_outage_again(sbi_context *ctx, sbi_outage *outage, double seconds, sbi_status status)
{
    if (status != SBI_ERR_TRANSIENT) return 0;
    const double now = sbi_attempt_now();
    if (outage->since == 0) {
        outage->since = now;
        outage->wait = FIRST_WAIT;
    }
    if (now - outage->since + outage->wait > seconds) return 0;
    sbi_log(ctx, SBI_LOG_WARNING, "%s; again in %.1f s", sbi_last_error(), outage->wait);
    for (double end = now + outage->wait; sbi_attempt_now() < end;) {
        if (sbi_cancelled(ctx)) return 0;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    outage->wait = 2 * outage->wait < LONGEST_WAIT ? 2 * outage->wait : LONGEST_WAIT;
    return 1;
}

/* Names that sort by time: UUID version 7 (RFC 9562). */
static sbi_status make_uuid(char out[SBI_UUID_SIZE])
{
    unsigned char r[16];
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, r, sizeof r);
    if (fd >= 0) close(fd);
    if (got != (ssize_t)sizeof r) return sbi_fail(SBI_ERR_IO, "/dev/urandom cannot be read");
    const uint64_t ms = (uint64_t)sbi_date_ms();
    for (int i = 0; i < 6; i++) r[i] = (unsigned char)(ms >> (40 - 8 * i));
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x70);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    char *at = out;
    for (int i = 0; i < 16; i++) at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", r[i]);
    return SBI_OK;
}

/* ---- log and heartbeat ------------------------------------------------------------------------------------------ */

void sbi_attempt_log(sbi_attempt *a, const char *what, const char *detail)
{
    char when[32];
    const time_t t = time(NULL);
    struct tm tm;
    if (a->log.size > LOG_LARGEST || !gmtime_r(&t, &tm) || !strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm)) return;
    sbi_text_addf(&a->log, "%s %s: %s\n", when, what, detail);
}

/* Processor time of this process so far, which has nothing else to do. */
static double processor_seconds(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u)) return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static uint64_t peak_memory(const sbi_attempt *a)
{
    struct rusage usage;
    const uint64_t resident = getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
    return resident > a->last.peak_memory ? resident : a->last.peak_memory;
}

static sbi_status put_object(sbi_attempt *a, const char *name, const void *data, size_t size)
{
    char object[SBI_STORE_NAME_MAX];
    snprintf(object, sizeof object, "%s%s", a->prefix, name);
    return sbi_store_put_bytes(a->store, object, data, size, 0);
}

/* Log and heartbeat, in this order. Losing one is no reason to fail: the next one comes. */
static void beat(sbi_attempt *a, const char *state, int32_t exit_code, sbi_status why, const char *message)
{
    sbi_heartbeat b = {.pid = (int32_t)getpid(), .attempt = a->options.attempt, .exit_code = exit_code, .status = why};
    sbi_text text;
    sbi_text_init(&text, a->ctx);
    a->beaten = sbi_attempt_now();
    snprintf(b.state, sizeof b.state, "%s", state);
    snprintf(b.host, sizeof b.host, "%s", a->host);
    snprintf(b.message, sizeof b.message, "%.*s", (int)sizeof b.message - 1, message);
    b.time_ms = sbi_date_ms();
    b.progress = a->last.progress;
    b.seconds = a->last.seconds;
    b.cpu_seconds = processor_seconds() - a->cpu_begin;
    b.peak_memory = peak_memory(a);
    sbi_status status = a->log.status;
    if (status == SBI_OK) status = put_object(a, "log", a->log.data ? a->log.data : "", a->log.size);
    if (status == SBI_OK) status = sbi_heartbeat_write(&text, &b);
    if (status == SBI_OK) status = put_object(a, "heartbeat.json", text.data, text.size);
    if (status != SBI_OK) sbi_log(a->ctx, SBI_LOG_WARNING, "heartbeat: %s", sbi_last_error());
    sbi_text_clear(&text);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static sbi_status run_work(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    const sbi_attempt *a = user;
    return a->work->run(a->work->user, ctx, task, sink);
}

/* Waits for the end, with heartbeats and what checkpoints there are. */
static sbi_status watch(sbi_attempt *a, sbi_executor *exec)
{
    const double begin = sbi_attempt_now();
    for (;;) {
        sbi_task_report report;
        size_t n = 0;
        SBI_TRY(sbi_executor_poll(exec, &report, 1, &n, POLL_MS));
        if (n) a->last = report;
        if (n && sbi_task_state_final(report.state)) {
            if (report.state == SBI_TASK_DONE) return SBI_OK;
            return sbi_fail(report.status, "%s", report.message);
        }
        if (sbi_attempt_now() - a->beaten < a->options.heartbeat_seconds) continue;
        a->last.seconds = sbi_attempt_now() - begin;
        sbi_attempt_log(a, "progress", a->last.message);
        beat(a, "running", -1, SBI_OK, a->last.message);
        if (sbi_checkpoints_put(a) != SBI_OK) sbi_log(a->ctx, SBI_LOG_WARNING, "checkpoint: %s", sbi_last_error());
    }
}

static sbi_status run_once(sbi_attempt *a, sbi_executor *exec, int32_t number)
{
    sbi_task task = SBI_TASK_INIT;
    task.key = a->key;
    task.attempt = number;
    SBI_TRY(sbi_executor_submit(exec, &task, 1));
    return watch(a, exec);
}

/* A checkpoint that cannot be used costs the time it would have saved, no more. */
static sbi_status run_resumed(sbi_attempt *a, sbi_executor *exec)
{
    char *checkpoint;
    SBI_TRY(sbi_checkpoints_adopt(a, &checkpoint));
    sbi_status status = run_once(a, exec, 1);
    const int spoilt = status == SBI_ERR_VERSION || status == SBI_ERR_FORMAT || status == SBI_ERR_CHECKSUM || status == SBI_ERR_SHAPE;
    if (checkpoint && spoilt) {
        sbi_attempt_log(a, "begins anew, since", sbi_last_error());
        unlink(checkpoint);
        status = run_once(a, exec, 2);
    }
    sbi_free(a->ctx, checkpoint);
    return status;
}

/* What there is of the work, for the next attempt; the reason why this one ends is what counts. */
static void save_checkpoints(sbi_attempt *a)
{
    if (sbi_checkpoints_put(a) != SBI_OK) sbi_attempt_log(a, "checkpoint", sbi_last_error());
}

/* ---- the result ------------------------------------------------------------------------------------------------- */

typedef struct outgoing {
    sbi_file_writer *file;
    sbi_sha256 hash;
} outgoing;

static sbi_status take_bytes(void *user, const void *data, size_t size)
{
    outgoing *out = user;
    sbi_sha256_update(&out->hash, data, size);
    return sbi_file_writer_write(out->file, data, size);
}

static sbi_status write_result(const sbi_attempt *a, sbi_executor *exec, const char *path, sbi_commit *commit)
{
    outgoing out;
    unsigned char digest[32];
    sbi_sink sink = {(uint32_t)sizeof sink, 0, take_bytes, &out};
    SBI_TRY(sbi_file_writer_open(&out.file, a->ctx, path));
    sbi_sha256_init(&out.hash);
    sbi_status status = sbi_executor_fetch(exec, a->key, &sink);
    commit->size = sbi_file_writer_size(out.file);
    if (status == SBI_OK)
        status = sbi_file_writer_commit(out.file);
    else
        sbi_file_writer_abandon(out.file);
    sbi_sha256_final(&out.hash, digest);
    sbi_sha256_hex(digest, commit->sha256);
    return status;
}

/* Under the name that its content gives it: who finds that name taken finds the same bytes. One of another size was cut off by somebody else's
 * doing, and is made good. */
static sbi_status put_result(sbi_attempt *a, const char *path, const sbi_commit *commit)
{
    char name[SBI_CONTENT_NAME_SIZE];
    sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
    sbi_outage outage = {0, 0};
    sbi_status status;
    sbi_content_name(name, commit->sha256);
    do {
        status = sbi_store_stat(a->store, name, &info);
        if (status == SBI_OK && info.size == commit->size) return SBI_OK;
        if (status == SBI_OK || status == SBI_ERR_NOT_FOUND) status = sbi_store_put_file(a->store, name, path, 0);
    } while (sbi_outage_again(a->ctx, &outage, a->options.outage_seconds, status));
    return status;
}

/* The first attempt wins. A later one must have come to the same. */
static sbi_status compare_results(const sbi_attempt *a, const sbi_commit *ours)
{
    sbi_commit theirs;
    SBI_TRY(sbi_commit_get(a->ctx, a->store, a->key, &theirs));
    if (strcmp(theirs.sha256, ours->sha256) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_EXISTS, "jobs/%s/result.json: another attempt has the result %s, this one %s: the job is not reproducible",
                    a->key, theirs.sha256, ours->sha256);
}

static sbi_status put_commit(sbi_attempt *a, const sbi_commit *commit)
{
    char name[SBI_TASK_KEY_MAX + 32];
    sbi_text text;
    sbi_outage outage = {0, 0};
    sbi_text_init(&text, a->ctx);
    snprintf(name, sizeof name, "jobs/%s/result.json", a->key);
    sbi_status status = sbi_commit_write(&text, commit);
    if (status == SBI_OK) {
        /* A call whose answer was lost on the way finds its own record the second time: that compares equal. */
        do {
            status = sbi_store_put_bytes(a->store, name, text.data, text.size, SBI_STORE_CREATE);
            if (status == SBI_ERR_EXISTS) status = compare_results(a, commit);
        } while (sbi_outage_again(a->ctx, &outage, a->options.outage_seconds, status));
    }
    sbi_text_clear(&text);
    return status;
}

static sbi_status commit(sbi_attempt *a, sbi_executor *exec)
{
    sbi_commit c = {.attempt = a->options.attempt, .seconds = a->last.seconds, .peak_memory = peak_memory(a)};
    c.cpu_seconds = processor_seconds() - a->cpu_begin;
    snprintf(c.key, sizeof c.key, "%s", a->key);
    memcpy(c.uuid, a->uuid, sizeof c.uuid);
    snprintf(c.host, sizeof c.host, "%s", a->host);
    char *path = sbi_path_join(a->ctx, a->scratch, "result");
    sbi_status status = path ? write_result(a, exec, path, &c) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = put_result(a, path, &c);
    if (status == SBI_OK) status = put_commit(a, &c);
    if (status == SBI_OK) sbi_attempt_log(a, "result", c.sha256);
    sbi_free(a->ctx, path);
    return status;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static sbi_status make_scratch(sbi_attempt *a)
{
    const char *base = a->options.scratch;
    if (!base) base = getenv("TMPDIR");
    if (!base || !*base) base = "/tmp";
    SBI_TRY(make_uuid(a->uuid));
    snprintf(a->prefix, sizeof a->prefix, "jobs/%s/attempts/%s/", a->key, a->uuid);
    a->scratch = sbi_strf(a->ctx, "%s/sbi-worker-%s", base, a->uuid);
    a->checkpoint = a->scratch ? sbi_path_join(a->ctx, a->scratch, "checkpoint") : NULL;
    return a->checkpoint ? sbi_path_make_folder(a->ctx, a->checkpoint) : SBI_ERR_NO_MEMORY;
}

static sbi_status work(sbi_attempt *a)
{
    sbi_executor *exec;
    sbi_attempt_log(a, "job", a->key);
    sbi_attempt_log(a, "host", a->host);
    beat(a, "running", -1, SBI_OK, "begins");
    SBI_TRY(sbi_local_open(&exec, a->ctx, 1, run_work, a));
    sbi_status status = run_resumed(a, exec);
    if (status == SBI_OK) status = commit(a, exec);
    sbi_executor_close(exec);
    if (status == SBI_OK) sbi_checkpoints_remove(a);
    return status;
}

static int32_t exit_code_for(const sbi_attempt *a, sbi_status status)
{
    if (status == SBI_OK) return SBI_EXIT_DONE;
    if (a->exit_code >= 0) return a->exit_code;
    return status == SBI_ERR_EXISTS ? SBI_EXIT_INTERNAL : sbi_exit_code_of(status);
}

/* Saves what there is and tells the store how it ended. Stores refuse to work for a context that is cancelled, so that is suspended. */
static void tell_end(sbi_attempt *a, sbi_status status)
{
    char message[SBI_ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s", status == SBI_OK ? "" : sbi_last_error());
    const int cancelled = status == SBI_ERR_CANCELLED;
    if (cancelled) sbi_context_cancel(a->ctx, 0);
    if (status != SBI_OK) {
        sbi_attempt_log(a, sbi_status_name(status), message);
        save_checkpoints(a);
    }
    beat(a, status == SBI_OK ? "done" : cancelled ? "preempted" : "failed", exit_code_for(a, status), status, message);
    if (cancelled) sbi_context_cancel(a->ctx, 1);
    sbi_error_set_message(message);
}

static sbi_status read_spec(sbi_attempt *a)
{
    char name[SBI_TASK_KEY_MAX + 32];
    sbi_text spec;
    sbi_outage outage = {0, 0};
    sbi_status status;
    sbi_text_init(&spec, a->ctx);
    snprintf(name, sizeof name, "jobs/%s/spec.json", a->key);
    do status = sbi_object_read(a->store, name, SBI_ATTEMPT_SPEC_LARGEST, &spec);
    while (sbi_outage_again(a->ctx, &outage, a->options.outage_seconds, status));
    if (status == SBI_ERR_NOT_FOUND) a->exit_code = SBI_EXIT_CONFIGURATION;
    if (status == SBI_OK) {
        status = a->work->read(a->work->user, a, spec.data ? spec.data : "", spec.size, &a->exit_code);
        if (status != SBI_OK) status = sbi_fail_within(status, "%s", name);
    }
    sbi_text_clear(&spec);
    return status;
}

/* Whether there is a record and what it names. */
static sbi_status is_done(const sbi_attempt *a, int *done)
{
    sbi_commit c;
    char name[SBI_CONTENT_NAME_SIZE];
    sbi_store_info info = {.struct_size = (uint32_t)sizeof info};
    sbi_outage outage = {0, 0};
    sbi_status status;
    *done = 0;
    do {
        status = sbi_commit_get(a->ctx, a->store, a->key, &c);
        if (status == SBI_OK) {
            sbi_content_name(name, c.sha256);
            status = sbi_store_stat(a->store, name, &info);
            *done = status == SBI_OK && info.size == c.size;
        }
    } while (sbi_outage_again(a->ctx, &outage, a->options.outage_seconds, status));
    return status == SBI_ERR_NOT_FOUND ? SBI_OK : status;
}

static void find_host(sbi_attempt *a)
{
    if (gethostname(a->host, sizeof a->host - 1)) a->host[0] = '\0';
    a->host[sizeof a->host - 1] = '\0';
}

static sbi_status run(sbi_attempt *a)
{
    int done = 0;
    SBI_TRY(read_spec(a));
    SBI_TRY(is_done(a, &done));
    if (done) return SBI_OK;
    SBI_TRY(make_scratch(a));
    sbi_status status = work(a);
    tell_end(a, status);
    sbi_folder_remove(a->ctx, a->scratch);
    return status;
}

sbi_status sbi_attempt_run(sbi_context *ctx, sbi_store *store, const char *key, const sbi_worker_options *options,
                           const sbi_attempt_work *work_, int32_t *exit_code)
{
    sbi_attempt a = {.ctx = ctx, .store = store, .key = key, .work = work_, .exit_code = -1};
    *exit_code = SBI_EXIT_CONFIGURATION;
    sbi_worker_options_init(&a.options);
    SBI_TRY(sbi_options_read(&a.options, sizeof a.options, sizeof a.options, options, "sbi_worker_options"));
    SBI_REQUIRE(strlen(key) <= SBI_TASK_KEY_MAX, "job: the key \"%.80s\" is too long", key);
    SBI_REQUIRE(a.options.heartbeat_seconds >= 1 && a.options.heartbeat_seconds <= 3600,
                "sbi_worker_options: heartbeat_seconds is %g, expected 1 to 3600", a.options.heartbeat_seconds);
    SBI_REQUIRE(a.options.outage_seconds >= 0, "sbi_worker_options: outage_seconds is %g", a.options.outage_seconds);
    sbi_text_init(&a.log, ctx);
    find_host(&a);
    a.cpu_begin = processor_seconds();
    sbi_status status = run(&a);
    *exit_code = exit_code_for(&a, status);
    sbi_text_clear(&a.log);
    sbi_free(ctx, a.checkpoint);
    sbi_free(ctx, a.scratch);
    return status;
}
