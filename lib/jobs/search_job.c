/* SPDX-License-Identifier: Apache-2.0 */
/* "train_trial": a member of a trial from one rung to the next. Its result is an .npz with `trial.json` and, unless it diverged, `state.npz`, from which
 * the next rung goes on, or `network.npz` after the last epoch. It holds no times: a result depends on the job alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/npz.h"
#include "jobs/search.h"
#include "net/json_values.h"
#include "net/train.h"

#define FORMAT "sbi trial"
#define VERSION 1

/* Files of a run, in a folder of their own. */
typedef struct files {
    char *folder, *result, *before, *after;
} files;

static sbi_status open_files(sbi_context *ctx, files *f)
{
    memset(f, 0, sizeof *f);
    SBI_TRY(sbi_job_scratch(ctx, &f->folder, &f->result, "result.npz"));
    f->before = sbi_path_join(ctx, f->folder, "before.npz");
    f->after = sbi_path_join(ctx, f->folder, "after.npz");
    return f->before && f->after ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void remove_files(sbi_context *ctx, files *f)
{
    if (f->before) unlink(f->before);
    if (f->after) unlink(f->after);
    sbi_free(ctx, f->before);
    sbi_free(ctx, f->after);
    sbi_job_scratch_remove(ctx, f->folder, f->result);
}

/* The state out of the result of the rung before. */
static sbi_status unpack_state(sbi_context *ctx, const sbi_job *job, const sbi_job_place *place, const char *path)
{
    char *from = sbi_job_path(ctx, place, job->from.path);
    if (!from) return SBI_ERR_NO_MEMORY;
    sbi_npz *npz = NULL;
    void *bytes = NULL;
    size_t size = 0;
    sbi_status status = sbi_job_verify_file(from, job->from.sha256);
    if (status == SBI_OK) status = sbi_npz_open(&npz, ctx, from);
    if (status == SBI_OK) status = sbi_npz_read_bytes(npz, "state.npz", &bytes, &size);
    if (status == SBI_OK) status = sbi_file_write(ctx, path, bytes, size);
    sbi_free(ctx, bytes);
    sbi_npz_close(npz);
    sbi_free(ctx, from);
    return status;
}

/* ---- the result ---- */

static json_t *describe(const sbi_job *job, const sbi_member_report *r, const char *diverged)
{
    json_t *json = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:o, s:o, s:o}", "format", FORMAT, "version", VERSION, "member",
                             (int)job->member, "until", (int)job->until, "attempts", (int)r->attempts, "epochs", (int)r->epoch, "best_epoch",
                             (int)r->best_epoch, "parameters", (json_int_t)r->parameters, "loss", sbi_json_from_double(r->loss),
                             "validation_loss", sbi_json_from_double(r->validation_loss), "held_out_loss",
                             sbi_json_from_double(r->held_out_loss));
    if (!json || !diverged) return json;
    json_t *where = json_pack("{s:i, s:I, s:s}", "epoch", (int)r->epoch, "batch", (json_int_t)r->batch, "message", diverged);
    if (!where || json_object_set_new(json, "diverged", where)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static sbi_status add_file(sbi_npz_writer *w, const char *name, const char *path)
{
    sbi_mapping map;
    SBI_TRY(sbi_file_map(&map, path));
    sbi_status status = sbi_npz_writer_add_bytes(w, name, map.data, map.size);
    sbi_file_unmap(&map);
    return status;
}

static sbi_status write_members(sbi_context *ctx, sbi_npz_writer *w, json_t *json, const char *name, const char *path)
{
    sbi_text text;
    if (!json) return sbi_fail(SBI_ERR_NO_MEMORY, "job train_trial: out of memory");
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_json_canonical(&text, json);
    if (status == SBI_OK) status = sbi_npz_writer_add_bytes(w, "trial.json", text.data, text.size);
    if (status == SBI_OK && name) status = add_file(w, name, path);
    sbi_text_clear(&text);
    return status;
}

/* Takes `json`. @param name of the member that `path` becomes; NULL: none. */
static sbi_status send(sbi_context *ctx, const files *f, json_t *json, const char *name, sbi_sink *sink)
{
    sbi_npz_writer *w = NULL;
    sbi_status status = sbi_npz_writer_open(&w, ctx, f->result, 0);
    if (status == SBI_OK) {
        status = write_members(ctx, w, json, name, f->after);
        if (status == SBI_OK) status = sbi_npz_writer_commit(w);
        else sbi_npz_writer_abandon(w);
    }
    json_decref(json);
    return status == SBI_OK ? sbi_job_send_file(f->result, sink) : status;
}

/* ---- running ---- */

static sbi_status train(sbi_context *ctx, const sbi_job *job, sbi_dataset *data, const sbi_member_run *run, sbi_member_devices *devices, const files *f,
                        sbi_sink *sink)
{
    sbi_network *net = NULL;
    const int last = job->until == job->options.epochs;
    sbi_status status = sbi_member_train_on(&net, ctx, data, &job->options, job->member, run, devices);
    if (status == SBI_ERR_DIVERGED) {
        if (run->checkpoint) unlink(run->checkpoint);
        return send(ctx, f, describe(job, run->report, sbi_last_error()), NULL, sink);
    }
    if (status == SBI_OK && last) status = sbi_network_save(net, f->after);
    sbi_network_destroy(net);
    SBI_TRY(status);
    return send(ctx, f, describe(job, run->report, NULL), last ? "network.npz" : "state.npz", sink);
}

static sbi_status run(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment, sbi_dataset *data,
                      const sbi_job_place *place, const files *f, sbi_sink *sink)
{
    char *checkpoint;
    sbi_member_report report = {0};
    SBI_TRY(sbi_job_checkpoint_path(&checkpoint, ctx, job, place));
    const char *own = attachment ? attachment->epoch_log : NULL;
    const sbi_member_run run = {
        .checkpoint = checkpoint,
        .epoch_log = own ? own : place->checkpoint,
        .state_in = job->from.path ? f->before : NULL,
        .state_out = job->until < job->options.epochs ? f->after : NULL,
        .until = job->until,
        .report = &report,
    };
    sbi_status status = job->from.path ? unpack_state(ctx, job, place, f->before) : SBI_OK;
    if (status == SBI_OK) status = train(ctx, job, data, &run, attachment ? attachment->devices : NULL, f, sink);
    sbi_free(ctx, checkpoint);
    return status;
}

sbi_status sbi_job_train_trial(sbi_context *ctx, const sbi_job *job, const sbi_job_attachment *attachment, const sbi_job_place *place,
                               sbi_sink *sink)
{
    files f = {0};
    sbi_dataset *loaded, *data;
    sbi_status status = sbi_job_find_data(&data, &loaded, ctx, job, attachment, place);
    if (status == SBI_OK) {
        status = open_files(ctx, &f);
        if (status == SBI_OK) status = run(ctx, job, attachment, data, place, &f, sink);
        remove_files(ctx, &f);
    }
    sbi_dataset_destroy(loaded);
    return status;
}

/* ---- reading it ---- */

static sbi_status get_int(const json_t *json, const sbi_json_place *at, const char *key, int64_t low, int64_t high, int64_t *out)
{
    SBI_TRY(sbi_json_get_integer(json, at, key, out));
    if (*out < low || *out > high) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is %lld", key, (long long)*out);
    return SBI_OK;
}

static sbi_status read_divergence(const json_t *json, const sbi_json_place *at, sbi_search_member *m, char message[256])
{
    json_t *where;
    int64_t epoch;
    const char *text;
    if (!json_object_get(json, "diverged")) return SBI_OK;
    SBI_TRY(sbi_json_get_object(json, at, "diverged", &where));
    const sbi_json_place in = sbi_json_member(at, "diverged");
    SBI_TRY(get_int(where, &in, "epoch", 1, INT32_MAX, &epoch));
    SBI_TRY(get_int(where, &in, "batch", 1, INT64_MAX, &m->diverged_batch));
    SBI_TRY(sbi_json_get_string(where, &in, "message", &text));
    m->diverged_epoch = (int32_t)epoch;
    if (!message[0]) snprintf(message, 256, "%.255s", text);
    return SBI_OK;
}

static sbi_status read_report(const json_t *json, const char *name, sbi_search_member *m, char message[256])
{
    const sbi_json_place at = sbi_json_root(name);
    int64_t version, attempts, epochs, best_epoch;
    const char *format;
    SBI_TRY(sbi_json_get_string(json, &at, "format", &format));
    if (strcmp(format, FORMAT) != 0) return sbi_json_fail(SBI_ERR_FORMAT, &at, "format is \"%.40s\", expected \"%s\"", format, FORMAT);
    SBI_TRY(get_int(json, &at, "version", VERSION, VERSION, &version));
    SBI_TRY(get_int(json, &at, "attempts", 1, INT32_MAX, &attempts));
    SBI_TRY(get_int(json, &at, "epochs", 0, INT32_MAX, &epochs));
    SBI_TRY(get_int(json, &at, "best_epoch", 0, INT32_MAX, &best_epoch));
    SBI_TRY(get_int(json, &at, "parameters", 1, INT64_MAX, &m->parameters));
    SBI_TRY(sbi_json_get_double(json, &at, "loss", &m->loss));
    SBI_TRY(sbi_json_get_double(json, &at, "validation_loss", &m->validation_loss));
    SBI_TRY(sbi_json_get_double(json, &at, "held_out_loss", &m->held_out_loss));
    m->attempts = (int32_t)attempts;
    m->epochs = (int32_t)epochs;
    m->best_epoch = (int32_t)best_epoch;
    return read_divergence(json, &at, m, message);
}

sbi_status sbi_search_read_result(sbi_context *ctx, const void *data, size_t size, const char *name, sbi_search_member *m, char message[256])
{
    sbi_npz *npz;
    void *text = NULL;
    size_t length = 0;
    json_t *json = NULL;
    SBI_TRY(sbi_npz_open_memory(&npz, ctx, data, size, name));
    sbi_status status = sbi_npz_read_bytes(npz, "trial.json", &text, &length);
    if (status == SBI_OK) status = sbi_json_parse(&json, text, length, name);
    if (status == SBI_OK) status = read_report(json, name, m, message);
    json_decref(json);
    sbi_free(ctx, text);
    sbi_npz_close(npz);
    return status;
}
