/* SPDX-License-Identifier: Apache-2.0 */
#include "net/epoch_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define LARGEST ((size_t)1 << 30)
#define SYNC_SECONDS 1.0 /* short epochs do not wait for the disk each time */

struct sbi_epoch_log {
    sbi_context *ctx;
    char *path;
    int file;
    int32_t last;   /* epoch of the current attempt that is written */
    int32_t warned; /* once is enough */
    int32_t dirty;
    off_t size;
    double synced;
};

static double clock_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what is there already ---- */

/* 1 if the line is of the past of a trainer that stands where this one does. */
static int is_past(const sbi_trainer *t, const json_t *line, int32_t *last)
{
    const json_t *attempt = json_object_get(line, "attempt"), *epoch = json_object_get(line, "epoch");
    if (!json_is_integer(attempt) || !json_is_integer(epoch)) return 0;
    const json_int_t a = json_integer_value(attempt), e = json_integer_value(epoch);
    if (a >= 1 && a <= t->attempt) return 1;
    if (a != t->attempt + 1 || e < 1 || e > t->state.epoch || json_object_get(line, "diverged")) return 0;
    *last = (int32_t)e;
    return 1;
}

/* The length of what is kept: whole lines of the past. */
static off_t keep_lines(const sbi_trainer *t, const char *text, size_t size, int32_t *last)
{
    size_t begin = 0;
    *last = 0;
    while (begin < size) {
        const char *end = memchr(text + begin, '\n', size - begin);
        if (!end) break;
        json_t *line = json_loadb(text + begin, (size_t)(end - text) - begin, 0, NULL);
        const int past = is_past(t, line, last);
        json_decref(line);
        if (!past) break;
        begin = (size_t)(end - text) + 1;
    }
    return (off_t)begin;
}

static sbi_status cut(sbi_epoch_log *log, const sbi_trainer *t)
{
    void *text = NULL;
    size_t size = 0;
    if (sbi_path_exists(log->path)) SBI_TRY(sbi_file_read(log->ctx, log->path, LARGEST, &text, &size));
    log->size = text ? keep_lines(t, text, size, &log->last) : 0;
    sbi_free(log->ctx, text);
    log->file = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (log->file < 0 || ((size_t)log->size < size && ftruncate(log->file, log->size)))
        return sbi_fail_errno(errno, "%s", log->path);
    return SBI_OK;
}

/* ---- appending ---- */

static void warn(sbi_epoch_log *log, int problem)
{
    char reason[128]; /* the GNU variant, which may return a static text instead */
    if (!log->warned)
        sbi_log(log->ctx, SBI_LOG_WARNING, "%s: lines are missing for now: %s", log->path, strerror_r(problem, reason, sizeof reason));
    log->warned = 1;
}

/* A line whole or not at all; 1 if it is there. Takes `json`; without memory for it the line comes with the next one. */
static int append(sbi_epoch_log *log, json_t *json)
{
    sbi_text text;
    sbi_text_init(&text, log->ctx);
    int complete = json && sbi_json_canonical(&text, json) == SBI_OK;
    json_decref(json);
    if (complete) sbi_text_add(&text, "\n", 1);
    complete = complete && text.status == SBI_OK;
    errno = ENOMEM;
    if (complete) {
        const ssize_t n = write(log->file, text.data, text.size);
        if (n >= 0 && (size_t)n < text.size) errno = ENOSPC;
        complete = n >= 0 && (size_t)n == text.size;
    }
    if (complete) {
        log->size += (off_t)text.size;
        log->dirty = 1;
        log->warned = 0;
    } else {
        warn(log, errno);
        if (ftruncate(log->file, log->size)) warn(log, errno);
    }
    sbi_text_clear(&text);
    return complete;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *describe(const sbi_trainer *t, int32_t epoch, const sbi_epoch_times *times)
{
    const double *row = t->history + (int64_t)(epoch - 1) * SBI_HISTORY_COLUMNS;
    json_t *line = json_pack("{s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "member", (int)t->member, "attempt", (int)t->attempt + 1, "epoch",
                             (int)epoch, "loss", number(row[1]), "validation_loss", number(row[2]), "rate", number(row[3]),
                             "gradient_norm", number(row[4]));
    if (!line || !times) return line;
    json_t *more = json_pack("{s:o, s:o, s:o, s:o}", "seconds", number(times->seconds), "events_per_second",
                             number(times->seconds > 0 ? times->events / times->seconds : NAN), "remaining_seconds",
                             number(times->remaining), "time", number(clock_seconds(CLOCK_REALTIME)));
    if (more) json_object_update(line, more);
    json_decref(more);
    return line;
}

static void catch_up(sbi_epoch_log *log, const sbi_trainer *t, int32_t until)
{
    while (log->last < until && append(log, describe(t, log->last + 1, NULL))) log->last++;
}

/* ---- the interface ---- */

sbi_status sbi_epoch_log_open(sbi_epoch_log **out, const sbi_trainer *t, const char *folder)
{
    *out = NULL;
    if (!folder) return SBI_OK;
    char name[40];
    snprintf(name, sizeof name, "member-%04d.jsonl", (int)t->member);
    SBI_TRY(sbi_path_make_folder(t->ctx, folder));
    sbi_epoch_log *log = sbi_alloc_zero(t->ctx, 1, sizeof *log);
    if (!log) return SBI_ERR_NO_MEMORY;
    log->ctx = t->ctx;
    log->file = -1;
    log->path = sbi_path_join(t->ctx, folder, name);
    sbi_status status = log->path ? cut(log, t) : SBI_ERR_NO_MEMORY;
    if (status != SBI_OK) {
        sbi_epoch_log_close(log);
        return status;
    }
    catch_up(log, t, t->state.epoch);
    *out = log;
    return SBI_OK;
}

void sbi_epoch_log_add(sbi_epoch_log *log, const sbi_trainer *t, const sbi_epoch_times *times)
{
    if (!log) return;
    catch_up(log, t, t->state.epoch - 1);
    if (log->last == t->state.epoch - 1 && append(log, describe(t, t->state.epoch, times))) log->last++;
    if (clock_seconds(CLOCK_MONOTONIC) - log->synced > SYNC_SECONDS) sbi_epoch_log_sync(log);
}

void sbi_epoch_log_diverged(sbi_epoch_log *log, const sbi_trainer *t, const char *message)
{
    if (!log) return;
    const sbi_divergence *d = &t->diverged[t->attempt];
    catch_up(log, t, t->state.epoch);
    append(log, json_pack("{s:i, s:i, s:i, s:I, s:b, s:s, s:o}", "member", (int)t->member, "attempt", (int)t->attempt + 1, "epoch",
                          (int)d->epoch, "batch", (json_int_t)d->batch, "diverged", 1, "message", message, "time",
                          number(clock_seconds(CLOCK_REALTIME))));
    log->last = 0;
    sbi_epoch_log_sync(log);
}

void sbi_epoch_log_sync(sbi_epoch_log *log)
{
    if (!log || !log->dirty) return;
    if (fdatasync(log->file)) warn(log, errno);
    log->dirty = 0;
    log->synced = clock_seconds(CLOCK_MONOTONIC);
}

void sbi_epoch_log_close(sbi_epoch_log *log)
{
    if (!log) return;
    sbi_epoch_log_sync(log);
    if (log->file >= 0) close(log->file);
    sbi_free(log->ctx, log->path);
    sbi_free(log->ctx, log);
}
