/* SPDX-License-Identifier: Apache-2.0 */
/* Column files of a workspace: how much of them is held in memory, and packed stores, which hold the variations of all processes of a
 * channel in one .npy of shape [block, process, parameter, 2, event in block]. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/processors.h"
#include "model/workspace.h"

#define MANY_SINGLE_FILES 32

uint64_t sbi_model_column_memory(uint64_t option)
{
    if (option != SBI_COLUMN_MEMORY_DEFAULT) return option;
    /* Several processes may do the same on one machine. */
    const uint64_t quarter = sbi_memory_allowed() / 4, half_of_free = sbi_memory_available() / 2;
    return quarter < half_of_free ? quarter : half_of_free;
}

sbi_status sbi_model_open_named(model_reader *r, const char *name, model_file *out)
{
    sbi_column_file *file = NULL;
    if (r->files) {
        SBI_TRY(r->files->open(r->files->user, r->ctx, name, &file));
    } else {
        char *path = sbi_path_join(r->ctx, r->folder, name);
        sbi_status status = path ? sbi_column_file_open(&file, r->ctx, path) : SBI_ERR_NO_MEMORY;
        sbi_free(r->ctx, path);
        SBI_TRY(status);
    }
    return sbi_model_take_file(r->model, file, &r->memory_left, out);
}

void sbi_model_log_files(const model_reader *r)
{
    size_t streamed = 0, single = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < r->model->n_files; i++) {
        const model_file *f = &r->model->files[i];
        if (f->memory) continue;
        streamed++;
        single += sbi_column_file_header(f->file)->ndim == 1;
        bytes += sbi_column_file_header(f->file)->data_size;
    }
    if (!streamed) return;
    sbi_log(r->ctx, SBI_LOG_INFO, "%zu column files of %.3g GB are read at each evaluation%s", streamed, (double)bytes * 1e-9,
            single > MANY_SINGLE_FILES ? "; packed, they are read several times as fast (sbi_workspace_pack)" : "");
}

/* A list of distinct names. */
static sbi_status read_names(const json_t *object, const sbi_json_place *at, const char *key, const json_t **out)
{
    json_t *list;
    SBI_TRY(sbi_json_get_array(object, at, key, &list));
    const sbi_json_place in = sbi_json_member(at, key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(sbi_json_expect(json_array_get(list, i), &item, JSON_STRING));
        for (size_t k = 0; k < i; k++) {
            if (strcmp(json_string_value(json_array_get(list, i)), json_string_value(json_array_get(list, k))) == 0)
                return sbi_json_fail(SBI_ERR_FORMAT, &item, "\"%s\" is named twice", json_string_value(json_array_get(list, i)));
        }
    }
    *out = list;
    return SBI_OK;
}

static int64_t find_name(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0) return (int64_t)i;
    return -1;
}

static sbi_status check_header(const model_packed *p, int side, const char *name)
{
    const sbi_npy_header *h = sbi_column_file_header(p->files[side].file);
    const int64_t want[5] = {(p->n[side] + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK, (int64_t)json_array_size(p->samples),
                             (int64_t)json_array_size(p->parameters), 2, SBI_TAPE_BLOCK};
    static const char *const axis[5] = {"blocks", "samples", "parameters", "sides", "events in a block"};
    if (h->ndim != 5) return sbi_fail(SBI_ERR_SHAPE, "%s: 5 dimensions expected, %d found", name, (int)h->ndim);
    if (h->fortran_order) return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: a packed store in Fortran order", name);
    if (h->dtype != SBI_F16 && h->dtype != SBI_F32 && h->dtype != SBI_F64)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: a packed store is f16, f32 or f64", name);
    for (int i = 0; i < 5; i++) {
        if (h->shape[i] != want[i])
            return sbi_fail(SBI_ERR_SHAPE, "%s: %lld %s expected, %lld found", name, (long long)want[i], axis[i],
                            (long long)h->shape[i]);
    }
    return SBI_OK;
}

static sbi_status open_side(model_reader *r, const json_t *object, const sbi_json_place *at, int side, model_packed *p)
{
    static const char *const file_keys[2] = {"file", "file_integration"}, *const size_keys[2] = {"events", "events_integration"};
    const char *name;
    int64_t n = 0;
    const int wanted = p->n[side] >= 0, given = json_object_get(object, file_keys[side]) || json_object_get(object, size_keys[side]);
    if (side == 1 && wanted != given)
        return sbi_json_fail(SBI_ERR_FORMAT, at, wanted ? "\"%s\" is missing, but the channel has an integration sample"
                                                        : "\"%s\" is given, but the channel has no integration sample",
                             file_keys[side]);
    if (!wanted) return SBI_OK;
    SBI_TRY(sbi_json_get_string(object, at, file_keys[side], &name));
    SBI_TRY(sbi_json_get_integer(object, at, size_keys[side], &n));
    const sbi_json_place in = sbi_json_member(at, size_keys[side]), file_place = sbi_json_member(at, file_keys[side]);
    if (n != p->n[side])
        return sbi_json_fail(SBI_ERR_SHAPE, &in, "%lld, but the channel has %lld", (long long)n, (long long)p->n[side]);
    sbi_status status = sbi_model_open_named(r, name, &p->files[side]);
    if (status == SBI_OK) status = check_header(p, side, name);
    return sbi_model_placed(status, &file_place);
}

sbi_status sbi_model_read_packed(model_reader *r, const json_t *object, const sbi_json_place *at, int64_t n_events,
                                 int64_t n_integration, model_packed *out)
{
    static const char *const known[] = {"file",       "file_integration", "events", "events_integration", "samples",
                                        "parameters", "storage",          NULL};
    const char *storage;
    *out = (model_packed){.given = 1, .n = {n_events, n_integration}};
    SBI_TRY(sbi_json_expect(object, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(object, at, known));
    SBI_TRY(sbi_json_get_string(object, at, "storage", &storage));
    const int is_log = strcmp(storage, "log") == 0;
    if (!is_log && strcmp(storage, "ratio") != 0)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "storage \"%s\" is neither \"ratio\" nor \"log\"", storage);
    out->storage = is_log ? SBI_MORPH_LOG : SBI_MORPH_RATIO;
    SBI_TRY(read_names(object, at, "samples", &out->samples));
    SBI_TRY(read_names(object, at, "parameters", &out->parameters));
    SBI_TRY(open_side(r, object, at, 0, out));
    return open_side(r, object, at, 1, out);
}

static model_column packed_column(const model_packed *p, int side, uint64_t index)
{
    const model_file *f = &p->files[side];
    const sbi_npy_header *h = sbi_column_file_header(f->file);
    const uint64_t size = sbi_dtype_size(h->dtype), block = SBI_TAPE_BLOCK * size;
    model_column c = {.n = p->n[side], .given = 1};
    c.offset = index * block;
    c.block_stride = (uint64_t)(h->shape[1] * h->shape[2] * h->shape[3]) * block;
    c.array = sbi_array_2d(f->memory ? f->memory + c.offset : NULL, h->dtype, h->shape[0], SBI_TAPE_BLOCK);
    c.array.strides[0] = (int64_t)c.block_stride;
    if (!f->memory) c.file = f->file;
    return c;
}

sbi_status sbi_model_packed_columns(const model_reader *r, const model_packed *p, size_t channel, size_t sample,
                                    const char *parameter, const sbi_json_place *at, model_column out[4], int32_t *storage)
{
    const char *name = r->model->channels[channel].samples[sample].name;
    for (int i = 0; i < 4; i++) out[i] = (model_column){0};
    if (!p->given)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "missing or null, but the channel has no packed store (\"eventsys\")");
    const int64_t process = find_name(p->samples, name), k = find_name(p->parameters, parameter);
    if (process < 0 || k < 0)
        return sbi_json_fail(SBI_ERR_NOT_FOUND, at, "the packed store of the channel has no %s \"%s\"",
                             process < 0 ? "sample" : "parameter", process < 0 ? name : parameter);
    for (int i = 0; i < 4; i++) {
        if (p->n[i / 2] < 0) continue;
        const uint64_t row = (uint64_t)process * json_array_size(p->parameters) + (uint64_t)k;
        out[i] = packed_column(p, i / 2, 2 * row + (uint64_t)(i % 2));
        char text[256];
        snprintf(text, sizeof text, "%s: %s, %s of %s", sbi_column_file_path(p->files[i / 2].file), name, i % 2 ? "lo" : "hi",
                 parameter);
        const model_column_rule rule = out[i].file ? COLUMN_UNSEEN : p->storage == SBI_MORPH_LOG ? COLUMN_ANY : COLUMN_POSITIVE;
        SBI_TRY(sbi_model_placed(sbi_model_check_column(r->ctx, &out[i], text, p->n[i / 2], "the channel", rule), at));
    }
    *storage = p->storage;
    return SBI_OK;
}
