/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: all that a training needs to go on as if it had never stopped. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/npz.h"
#include "net/json_values.h"
#include "net/trainer.h"

#define FORMAT "sbi checkpoint"
#define VERSION 1

/* What must be the same for a checkpoint to be of use. */
static json_t *make_config(const sbi_trainer *t)
{
    json_t *config = sbi_train_options_to_json(t->options);
    if (config && (json_object_set_new(config, "member", json_integer(t->member)) ||
                   json_object_set_new(config, "dataset", json_string(t->checksum)))) {
        json_decref(config);
        config = NULL;
    }
    return config;
}

static json_t *make_state(const sbi_train_state *s)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "epoch", (int)s->epoch, "best_epoch",
                     (int)s->best_epoch, "bad_epochs", (int)s->bad_epochs, "flat_epochs", (int)s->flat_epochs, "batch",
                     (json_int_t)s->batch, "step", (json_int_t)s->step, "averaged", (json_int_t)s->averaged, "mu_product", sbi_json_from_double(s->mu_product),
                     "plateau_factor", sbi_json_from_double(s->plateau_factor), "plateau_best",
                     sbi_json_from_double(s->plateau_best), "best_loss", sbi_json_from_double(s->best_loss), "best_train_loss",
                     sbi_json_from_double(s->best_train_loss), "loss_sum", sbi_json_from_double(s->loss_sum), "norm_max",
                     sbi_json_from_double(s->norm_max));
}

/* The arrays of parameters, through host memory. */
#define MOST_ARRAYS 5
typedef struct array_of {
    const char *name;
    float *device;
} array_of;

static size_t list_arrays(const sbi_trainer *t, array_of list[MOST_ARRAYS])
{
    size_t n = 3;
    list[0] = (array_of){"params", t->params};
    list[1] = (array_of){"best", t->best};
    list[2] = (array_of){"m", t->m};
    if (t->v) list[n++] = (array_of){"v", t->v};
    if (t->average) list[n++] = (array_of){"average", t->average};
    return n;
}

static sbi_status write_meta(const sbi_trainer *t, sbi_npz_writer *w)
{
    json_t *meta = json_pack("{s:s, s:i, s:o, s:o}", "format", FORMAT, "version", VERSION, "config", make_config(t), "state",
                             make_state(&t->state));
    if (!meta) return sbi_fail(SBI_ERR_NO_MEMORY, "checkpoint: out of memory for meta.json");
    sbi_text text;
    sbi_text_init(&text, t->ctx);
    sbi_status status = sbi_attempts_to_json(t, meta);
    if (status == SBI_OK) status = sbi_json_pretty(&text, meta);
    json_decref(meta);
    if (status == SBI_OK) status = sbi_npz_writer_add_bytes(w, "meta.json", text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

static sbi_status write_arrays(const sbi_trainer *t, sbi_npz_writer *w, float *host)
{
    const sbi_device *dev = &t->device;
    array_of list[MOST_ARRAYS];
    const size_t n = list_arrays(t, list);
    for (size_t i = 0; i < n; i++) {
        SBI_TRY(dev->ops->download(dev->self, host, list[i].device, sizeof *host * (size_t)t->mlp.n));
        const sbi_array view = sbi_array_1d(host, SBI_F32, t->mlp.n);
        SBI_TRY(sbi_npz_writer_add(w, list[i].name, &view));
    }
    const sbi_array history = sbi_array_2d(t->history, SBI_F64, t->state.epoch, SBI_HISTORY_COLUMNS);
    return sbi_npz_writer_add(w, "history", &history);
}

sbi_status sbi_checkpoint_save(sbi_trainer *t, const char *path)
{
    float *host = sbi_alloc_array(t->ctx, (size_t)t->mlp.n, sizeof *host);
    if (!host) return SBI_ERR_NO_MEMORY;
    sbi_npz_writer *w = NULL;
    sbi_status status = sbi_npz_writer_open(&w, t->ctx, path, 0);
    if (status == SBI_OK) {
        status = write_arrays(t, w, host);
        if (status == SBI_OK) status = write_meta(t, w);
        if (status == SBI_OK) {
            status = sbi_npz_writer_commit(w);
        } else {
            sbi_npz_writer_abandon(w);
        }
    }
    sbi_free(t->ctx, host);
    return status;
}

sbi_status sbi_checkpoint_try(sbi_trainer *t, const char *path)
{
    sbi_status status = sbi_checkpoint_save(t, path);
    if (status != SBI_ERR_NO_SPACE && status != SBI_ERR_IO) return status;
    sbi_log(t->ctx, SBI_LOG_WARNING, "training member %d goes on without a checkpoint: %s", (int)t->member, sbi_last_error());
    return SBI_OK;
}

/* ---- loading ---- */

/* One value for a message. */
static void describe(const json_t *value, char *out, size_t size)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
    snprintf(out, size, "%.60s", text ? text : "nothing");
    free(text);
}

/* A real number that is whole may have become an integer in the file. */
static int same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static sbi_status same_config(const sbi_trainer *t, const json_t *theirs)
{
    json_t *ours = make_config(t);
    if (!ours) return sbi_fail(SBI_ERR_NO_MEMORY, "checkpoint: out of memory");
    sbi_status status = SBI_OK;
    const char *key;
    json_t *value;
    json_object_foreach(ours, key, value)
    {
        const json_t *other = json_object_get(theirs, key);
        if (other && same_value(value, other)) continue;
        char was[64], is[64];
        describe(other, was, sizeof was);
        describe(value, is, sizeof is);
        status = sbi_fail(SBI_ERR_VERSION, "made for another configuration: %s is %s there, and %s here", key, was, is);
        break;
    }
    json_decref(ours);
    return status;
}

static sbi_status read_state(sbi_trainer *t, const json_t *json, const sbi_json_place *at)
{
    sbi_train_state s = {0};
    int64_t n[4];
    SBI_TRY(sbi_json_get_integer(json, at, "epoch", &n[0]));
    SBI_TRY(sbi_json_get_integer(json, at, "best_epoch", &n[1]));
    SBI_TRY(sbi_json_get_integer(json, at, "bad_epochs", &n[2]));
    SBI_TRY(sbi_json_get_integer(json, at, "flat_epochs", &n[3]));
    SBI_TRY(sbi_json_get_integer(json, at, "batch", &s.batch));
    SBI_TRY(sbi_json_get_integer(json, at, "step", &s.step));
    SBI_TRY(sbi_json_get_integer(json, at, "averaged", &s.averaged));
    SBI_TRY(sbi_json_get_double(json, at, "mu_product", &s.mu_product));
    SBI_TRY(sbi_json_get_double(json, at, "plateau_factor", &s.plateau_factor));
    SBI_TRY(sbi_json_get_double(json, at, "plateau_best", &s.plateau_best));
    SBI_TRY(sbi_json_get_double(json, at, "best_loss", &s.best_loss));
    SBI_TRY(sbi_json_get_double(json, at, "best_train_loss", &s.best_train_loss));
    SBI_TRY(sbi_json_get_double(json, at, "loss_sum", &s.loss_sum));
    SBI_TRY(sbi_json_get_double(json, at, "norm_max", &s.norm_max));
    if (n[0] < 0 || n[0] > t->options->epochs || n[1] < 0 || n[1] > n[0] || n[2] < 0 || n[2] > n[0] || n[3] < 0 ||
        n[3] > n[0] || s.batch < 0 || s.batch > t->n_batches || s.step < 0 || s.averaged < 0 ||
        s.averaged > (t->average ? s.step : 0))
        return sbi_json_fail(SBI_ERR_FORMAT, at, "epoch %" PRId64 ", batch %" PRId64 " or step %" PRId64 " is out of range",
                             n[0], s.batch, s.step);
    s.epoch = (int32_t)n[0];
    s.best_epoch = (int32_t)n[1];
    s.bad_epochs = (int32_t)n[2];
    s.flat_epochs = (int32_t)n[3];
    t->state = s;
    return SBI_OK;
}

static sbi_status read_meta(sbi_trainer *t, const json_t *meta)
{
    const sbi_json_place at = sbi_json_root("meta.json");
    const char *format;
    int64_t version;
    json_t *config, *state;
    SBI_TRY(sbi_json_get_string(meta, &at, "format", &format));
    if (strcmp(format, FORMAT) != 0)
        return sbi_json_fail(SBI_ERR_FORMAT, &at, "format is \"%s\", expected \"%s\"", format, FORMAT);
    SBI_TRY(sbi_json_get_integer(meta, &at, "version", &version));
    if (version != VERSION)
        return sbi_json_fail(SBI_ERR_VERSION, &at, "version is %" PRId64 ", this library reads %d", version, VERSION);
    SBI_TRY(sbi_json_get_object(meta, &at, "config", &config));
    SBI_TRY(same_config(t, config));
    SBI_TRY(sbi_json_get_object(meta, &at, "state", &state));
    SBI_TRY(sbi_attempts_from_json(t, meta, &at));
    const sbi_json_place at_state = sbi_json_member(&at, "state");
    return read_state(t, state, &at_state);
}

static sbi_status read_arrays(sbi_trainer *t, const sbi_npz *npz, float *host)
{
    const sbi_device *dev = &t->device;
    array_of list[MOST_ARRAYS];
    const size_t n = list_arrays(t, list);
    for (size_t i = 0; i < n; i++) {
        SBI_TRY(sbi_npz_read_into(npz, list[i].name, SBI_F32, 1, &t->mlp.n, host));
        for (int64_t k = 0; k < t->mlp.n; k++)
            if (!isfinite(host[k])) return sbi_fail(SBI_ERR_VALUE, "%s: entry %" PRId64 " is %g", list[i].name, k, (double)host[k]);
        SBI_TRY(dev->ops->upload(dev->self, list[i].device, host, sizeof *host * (size_t)t->mlp.n));
    }
    const int64_t shape[2] = {t->state.epoch, SBI_HISTORY_COLUMNS};
    return sbi_npz_read_into(npz, "history", SBI_F64, 2, shape, t->history);
}

static sbi_status load_open(sbi_trainer *t, const sbi_npz *npz)
{
    void *memory = NULL;
    size_t size;
    json_t *meta = NULL;
    SBI_TRY(sbi_npz_read_bytes(npz, "meta.json", &memory, &size));
    sbi_status status = sbi_json_parse(&meta, memory, size, "meta.json");
    sbi_free(t->ctx, memory);
    if (status == SBI_OK) status = read_meta(t, meta);
    json_decref(meta);
    SBI_TRY(status);
    float *host = sbi_alloc_array(t->ctx, (size_t)t->mlp.n, sizeof *host);
    if (!host) return SBI_ERR_NO_MEMORY;
    status = read_arrays(t, npz, host);
    sbi_free(t->ctx, host);
    return status;
}

sbi_status sbi_checkpoint_load(sbi_trainer *t, const char *path)
{
    if (!sbi_path_exists(path)) return SBI_ERR_NOT_FOUND;
    sbi_npz *npz;
    SBI_TRY(sbi_npz_open(&npz, t->ctx, path));
    sbi_status status = load_open(t, npz);
    sbi_npz_close(npz);
    if (status != SBI_OK && !strstr(sbi_last_error(), path)) return sbi_fail_within(status, "%s", path);
    return status;
}
