/* SPDX-License-Identifier: Apache-2.0 */
/* The job of a folder: one attempt, from spec.json to result.json. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "exec/executor.h"
#include "exec/local.h"
#include "jobs/job.h"

#define HEARTBEAT_SECONDS 30
#define POLL_MS 200

typedef struct attempt {
    sbi_context *ctx;
    char uuid[40];
    char *job_folder, *store, *folder, *checkpoint, *heartbeat, *log;
    char key[SBI_TASK_KEY_MAX + 1];
    sbi_job *job;
    sbi_job_place place;
    sbi_task_report last;
    double beaten; /* when the last heartbeat was written; 0: never */
} attempt;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int32_t exit_code_of(sbi_status status)
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

static sbi_status write_json(sbi_context *ctx, const char *path, json_t *json, int create)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = json ? sbi_json_pretty(&text, json) : sbi_fail(SBI_ERR_NO_MEMORY, "%s: out of memory", path);
    json_decref(json);
    if (status == SBI_OK)
        status = create ? sbi_file_create(ctx, path, text.data, text.size) : sbi_file_write(ctx, path, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

/* A line of the attempt's log. Losing one is no reason to fail. */
static void write_log(const attempt *a, const char *what, const char *detail)
{
    FILE *f = fopen(a->log, "ae");
    if (!f) return;
    char when[32];
    time_t t = time(NULL);
    struct tm tm;
    if (gmtime_r(&t, &tm) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm)) fprintf(f, "%s %s: %s\n", when, what, detail);
    fclose(f);
}

static void beat(attempt *a, const char *state)
{
    char host[65] = "";
    gethostname(host, sizeof host - 1);
    a->beaten = now();
    json_t *json = json_pack("{s:s, s:f, s:s, s:i, s:s, s:f, s:f}", "state", state, "time", a->beaten, "host", host, "pid",
                             (int)getpid(), "detail", a->last.message, "progress", a->last.progress, "seconds",
                             a->last.seconds);
    if (write_json(a->ctx, a->heartbeat, json, 0) != SBI_OK) sbi_log(a->ctx, SBI_LOG_WARNING, "%s", sbi_last_error());
}

/* ---- the spec -------------------------------------------------------------------------------------------------- */

static sbi_status check_name(const attempt *a)
{
    const char *name = strrchr(a->job_folder, '/');
    name = name ? name + 1 : a->job_folder;
    if (strlen(name) != 64 || strspn(name, "0123456789abcdef") != 64 || strcmp(name, a->key) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s/spec.json: its key is %s, not the name of its folder", a->job_folder, a->key);
}

static sbi_status read_spec(attempt *a, int32_t *exit_code)
{
    void *spec;
    size_t size;
    char *path = sbi_path_join(a->ctx, a->job_folder, "spec.json");
    if (!path) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_file_read(a->ctx, path, SBI_JOB_SPEC_LARGEST, &spec, &size);
    if (status == SBI_OK) {
        status = sbi_job_parse(&a->job, a->ctx, spec, size);
        if (status == SBI_OK) status = sbi_job_key(a->ctx, spec, size, a->key);
        if (status == SBI_OK) status = check_name(a);
        if (status != SBI_OK && status != SBI_ERR_NO_MEMORY && status != SBI_ERR_VERSION) *exit_code = SBI_EXIT_SPEC;
        if (status != SBI_OK) status = sbi_fail_within(status, "%s", path);
        sbi_free(a->ctx, spec);
    } else if (status == SBI_ERR_NOT_FOUND) {
        *exit_code = SBI_EXIT_CONFIGURATION;
    }
    sbi_free(a->ctx, path);
    return status;
}

/* ---- folders and checkpoints ----------------------------------------------------------------------------------- */

static sbi_status make_uuid(char out[40])
{
    unsigned char r[16];
    FILE *f = fopen("/dev/urandom", "re");
    size_t got = f ? fread(r, 1, sizeof r, f) : 0;
    if (f) fclose(f);
    if (got != sizeof r) return sbi_fail(SBI_ERR_IO, "/dev/urandom cannot be read");
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    char *at = out;
    for (int i = 0; i < 16; i++)
        at += snprintf(at, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", r[i]);
    return SBI_OK;
}

static sbi_status find_folders(attempt *a, const char *folder)
{
    char *real = realpath(folder, NULL), *jobs = NULL;
    if (!real) return sbi_fail_errno(errno, "%s", folder);
    a->job_folder = sbi_strdup(a->ctx, real);
    free(real);
    jobs = a->job_folder ? sbi_path_folder(a->ctx, a->job_folder) : NULL;
    a->store = jobs ? sbi_path_folder(a->ctx, jobs) : NULL;
    sbi_free(a->ctx, jobs);
    return a->store ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status make_folders(attempt *a)
{
    SBI_TRY(make_uuid(a->uuid));
    a->folder = sbi_strf(a->ctx, "%s/attempts/%s", a->job_folder, a->uuid);
    if (!a->folder) return SBI_ERR_NO_MEMORY;
    a->checkpoint = sbi_path_join(a->ctx, a->folder, "checkpoint");
    a->heartbeat = sbi_path_join(a->ctx, a->folder, "heartbeat.json");
    a->log = sbi_path_join(a->ctx, a->folder, "log");
    if (!a->checkpoint || !a->heartbeat || !a->log) return SBI_ERR_NO_MEMORY;
    a->place.root = a->store;
    a->place.checkpoint = a->checkpoint;
    return sbi_path_make_folder(a->ctx, a->checkpoint);
}

/* Looks through one attempt's checkpoints; keeps the newest. */
static sbi_status newest_in(const attempt *a, const char *folder, char **newest, struct timespec *when)
{
    DIR *d = opendir(folder);
    sbi_status status = SBI_OK;
    if (!d) return SBI_OK;
    for (struct dirent *e = readdir(d); e && status == SBI_OK; e = readdir(d)) {
        struct stat s;
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 4, ".npz") != 0) continue; /* halves end in .tmp */
        char *path = sbi_path_join(a->ctx, folder, e->d_name);
        if (!path) status = SBI_ERR_NO_MEMORY;
        if (path && stat(path, &s) == 0 && S_ISREG(s.st_mode) &&
            (s.st_mtim.tv_sec > when->tv_sec || (s.st_mtim.tv_sec == when->tv_sec && s.st_mtim.tv_nsec > when->tv_nsec))) {
            sbi_free(a->ctx, *newest);
            *newest = path;
            *when = s.st_mtim;
        } else {
            sbi_free(a->ctx, path);
        }
    }
    closedir(d);
    return status;
}

static sbi_status find_checkpoint(const attempt *a, char **newest)
{
    struct timespec when = {0, 0};
    sbi_status status = SBI_OK;
    *newest = NULL;
    char *attempts = sbi_path_join(a->ctx, a->job_folder, "attempts");
    if (!attempts) return SBI_ERR_NO_MEMORY;
    DIR *d = opendir(attempts);
    for (struct dirent *e = d ? readdir(d) : NULL; e && status == SBI_OK; e = readdir(d)) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, a->uuid) == 0) continue;
        char *folder = sbi_strf(a->ctx, "%s/%s/checkpoint", attempts, e->d_name);
        status = folder ? newest_in(a, folder, newest, &when) : SBI_ERR_NO_MEMORY;
        sbi_free(a->ctx, folder);
    }
    if (d) closedir(d);
    sbi_free(a->ctx, attempts);
    if (status != SBI_OK) {
        sbi_free(a->ctx, *newest);
        *newest = NULL;
    }
    return status;
}

/* Makes the newest checkpoint of the attempts before ours. The old attempt may still live, and would replace its file, not
 * write into it: a copy is safe. */
static sbi_status adopt_checkpoint(attempt *a, char **ours)
{
    char *newest;
    void *data = NULL;
    size_t size = 0;
    *ours = NULL;
    SBI_TRY(find_checkpoint(a, &newest));
    if (!newest) return SBI_OK;
    sbi_status status = sbi_file_read(a->ctx, newest, 0, &data, &size);
    if (status == SBI_OK) {
        *ours = sbi_path_join(a->ctx, a->checkpoint, strrchr(newest, '/') + 1);
        status = *ours ? sbi_file_write(a->ctx, *ours, data, size) : SBI_ERR_NO_MEMORY;
        write_log(a, "resumes from", newest);
    } else if (status == SBI_ERR_NOT_FOUND) {
        status = SBI_OK; /* removed meanwhile: its attempt came to its end */
    }
    sbi_free(a->ctx, data);
    sbi_free(a->ctx, newest);
    return status;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static sbi_status run_decoded(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    const attempt *a = user;
    (void)task;
    return sbi_job_run_decoded(ctx, a->job, NULL, &a->place, sink);
}

/* Waits for the end, with heartbeats. */
static sbi_status watch(attempt *a, sbi_executor *exec)
{
    for (;;) {
        sbi_task_report report;
        size_t n = 0;
        SBI_TRY(sbi_executor_poll(exec, &report, 1, &n, POLL_MS));
        if (n) a->last = report;
        if (n && sbi_task_state_final(report.state)) {
            if (report.state == SBI_TASK_DONE) return SBI_OK;
            return sbi_fail(report.status, "%s", report.message);
        }
        if (now() - a->beaten < HEARTBEAT_SECONDS) continue;
        beat(a, "running");
        write_log(a, "progress", a->last.message);
    }
}

static sbi_status run_once(attempt *a, sbi_executor *exec, int32_t number)
{
    sbi_task task = SBI_TASK_INIT;
    task.key = a->key;
    task.attempt = number;
    SBI_TRY(sbi_executor_submit(exec, &task, 1));
    return watch(a, exec);
}

/* A checkpoint that cannot be used costs the time it would have saved, no more. */
static sbi_status run_resumed(attempt *a, sbi_executor *exec)
{
    char *checkpoint;
    SBI_TRY(adopt_checkpoint(a, &checkpoint));
    beat(a, "running");
    sbi_status status = run_once(a, exec, 1);
    int spoilt = status == SBI_ERR_VERSION || status == SBI_ERR_FORMAT || status == SBI_ERR_CHECKSUM || status == SBI_ERR_SHAPE;
    if (checkpoint && spoilt) {
        write_log(a, "begins anew, since", sbi_last_error());
        unlink(checkpoint);
        status = run_once(a, exec, 2);
    }
    sbi_free(a->ctx, checkpoint);
    return status;
}

/* ---- the result ------------------------------------------------------------------------------------------------ */

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

/* Into a temporary name, then to the name that its content gives it. */
static sbi_status store_result(const attempt *a, sbi_executor *exec, char hex[65], uint64_t *size)
{
    outgoing out = {NULL, {{0}, 0, {0}, 0}};
    sbi_sink sink = {(uint32_t)sizeof sink, 0, take_bytes, &out};
    unsigned char digest[32];
    char *path = sbi_path_join(a->ctx, a->folder, "result"), *folder = NULL, *final = NULL;
    sbi_status status = path ? sbi_file_writer_open(&out.file, a->ctx, path) : SBI_ERR_NO_MEMORY;
    sbi_sha256_init(&out.hash);
    if (status == SBI_OK) {
        status = sbi_executor_fetch(exec, a->key, &sink);
        *size = sbi_file_writer_size(out.file);
        if (status == SBI_OK)
            status = sbi_file_writer_commit(out.file);
        else
            sbi_file_writer_abandon(out.file);
    }
    sbi_sha256_final(&out.hash, digest);
    sbi_sha256_hex(digest, hex);
    if (status == SBI_OK) {
        folder = sbi_strf(a->ctx, "%s/cas/sha256/%.2s/%.2s", a->store, hex, hex + 2);
        final = folder ? sbi_path_join(a->ctx, folder, hex) : NULL;
        status = final ? sbi_path_make_folder(a->ctx, folder) : SBI_ERR_NO_MEMORY;
        if (status == SBI_OK && rename(path, final)) status = sbi_fail_errno(errno, "%s", final);
    }
    sbi_free(a->ctx, final);
    sbi_free(a->ctx, folder);
    sbi_free(a->ctx, path);
    return status;
}

/* The first attempt wins. A later one must have come to the same. */
static sbi_status compare_results(const attempt *a, const char *path, const char *hex)
{
    json_t *json;
    const char *theirs;
    sbi_json_place at = sbi_json_root(path);
    SBI_TRY(sbi_json_load(&json, a->ctx, path));
    sbi_status status = sbi_json_get_string(json, &at, "sha256", &theirs);
    if (status == SBI_OK && strcmp(theirs, hex) != 0)
        status = sbi_fail(SBI_ERR_EXISTS, "%s: another attempt has the result %s, this one %s: the job is not reproducible", path,
                          theirs, hex);
    json_decref(json);
    return status;
}

static sbi_status commit(const attempt *a, const char *path, const char *hex, uint64_t size)
{
    char name[128];
    snprintf(name, sizeof name, "cas/sha256/%.2s/%.2s/%s", hex, hex + 2, hex);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:I, s:s}", "attempt", a->uuid, "key", a->key, "path", name,
                             "sha256", hex, "size", (json_int_t)size, "seconds", a->last.seconds, "peak_memory",
                             (json_int_t)a->last.peak_memory, "version", SBI_VERSION_STRING);
    sbi_status status = write_json(a->ctx, path, json, 1);
    return status == SBI_ERR_EXISTS ? compare_results(a, path, hex) : status;
}

static sbi_status run_attempt(attempt *a, const char *result)
{
    sbi_executor *exec;
    char hex[65];
    uint64_t size = 0;
    SBI_TRY(make_folders(a));
    SBI_TRY(sbi_local_open(&exec, a->ctx, 1, run_decoded, a));
    write_log(a, "job", a->key);
    sbi_status status = run_resumed(a, exec);
    if (status == SBI_OK) status = store_result(a, exec, hex, &size);
    sbi_executor_close(exec);
    if (status == SBI_OK) status = commit(a, result, hex, size);
    char message[SBI_ERROR_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s", status == SBI_OK ? hex : sbi_last_error());
    write_log(a, status == SBI_OK ? "done" : sbi_status_name(status), message);
    beat(a, status == SBI_OK ? "done" : status == SBI_ERR_CANCELLED ? "preempted" : "failed");
    sbi_error_set_message(message);
    return status;
}

static void finish(attempt *a)
{
    char *texts[] = {a->job_folder, a->store, a->folder, a->checkpoint, a->heartbeat, a->log};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sbi_free(a->ctx, texts[i]);
    sbi_job_free(a->job);
}

sbi_status sbi_job_run_folder(sbi_context *ctx, const char *folder, int32_t *exit_code)
{
    SBI_REQUIRE(exit_code, "sbi_job_run_folder: exit_code is NULL");
    *exit_code = SBI_EXIT_CONFIGURATION;
    SBI_REQUIRE(ctx && folder, "sbi_job_run_folder: ctx or folder is NULL");
    attempt a = {.ctx = ctx};
    sbi_status status = find_folders(&a, folder);
    if (status != SBI_OK) {
        if (status == SBI_ERR_NO_MEMORY) *exit_code = SBI_EXIT_OUT_OF_MEMORY;
        finish(&a);
        return status;
    }
    *exit_code = -1;
    char *result = sbi_path_join(ctx, a.job_folder, "result.json");
    status = result ? read_spec(&a, exit_code) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && !sbi_path_exists(result)) status = run_attempt(&a, result);
    if (status == SBI_ERR_EXISTS) *exit_code = SBI_EXIT_INTERNAL;
    if (*exit_code < 0) *exit_code = exit_code_of(status);
    sbi_free(ctx, result);
    finish(&a);
    return status;
}
