/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration files: knots.npy and meta.json in an .npz. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/json.h"
#include "io/npz.h"
#include "ratio/calibration.h"

#define FORMAT "libsbi calibration"
#define VERSION 1
#define LARGEST 1e6 /* of a logarithm: beyond, interpolation might overflow */

static const char *const methods[] = {"isotonic", "histogram"}; /* SBI_CALIBRATION_... - 1 */

static json_t *meta_json(const sbi_calibration *c)
{
    const sbi_calibration_info *i = &c->info;
    return json_pack("{s:s, s:i, s:s, s:i, s:b, s:I, s:I, s:f}", "format", FORMAT, "version", VERSION, "method", methods[i->method - 1],
                     "members", (int)i->members, "on_training", (int)i->on_training, "numerator_events", (json_int_t)i->numerator_events,
                     "denominator_events", (json_int_t)i->denominator_events, "normalisation", i->normalisation);
}

static sbi_status add_meta(sbi_npz_writer *w, const sbi_calibration *c)
{
    json_t *meta = meta_json(c);
    if (!meta) return sbi_fail(SBI_ERR_NO_MEMORY, "calibration: out of memory");
    sbi_text text;
    sbi_text_init(&text, c->ctx);
    sbi_status status = sbi_json_pretty(&text, meta);
    if (status == SBI_OK) status = sbi_npz_writer_add_bytes(w, "meta.json", text.data, text.size);
    sbi_text_clear(&text);
    json_decref(meta);
    return status;
}

sbi_status sbi_calibration_save(const sbi_calibration *c, const char *path)
{
    SBI_REQUIRE(c && path, "sbi_calibration_save: calibration or path is NULL");
    sbi_npz_writer *w;
    const sbi_array knots = sbi_array_2d(c->knots, SBI_F64, (int64_t)c->n, 3);
    SBI_TRY(sbi_npz_writer_open(&w, c->ctx, path, 0));
    sbi_status status = sbi_npz_writer_add(w, "knots", &knots);
    if (status == SBI_OK) status = add_meta(w, c);
    if (status == SBI_OK) return sbi_npz_writer_commit(w);
    sbi_npz_writer_abandon(w);
    return status;
}

/* ---- loading ---- */

static sbi_status read_fields(sbi_calibration *c, const json_t *meta, const sbi_json_place *at)
{
    static const char *const known[] = {"denominator_events", "format", "members", "method", "normalisation", "numerator_events",
                                        "on_training", "version", NULL};
    sbi_calibration_info *i = &c->info;
    const char *format, *method;
    int64_t version, members;
    int on_training;
    SBI_TRY(sbi_json_expect(meta, at, JSON_OBJECT));
    SBI_TRY(sbi_json_get_string(meta, at, "format", &format));
    if (strcmp(format, FORMAT) != 0) return sbi_json_fail(SBI_ERR_FORMAT, at, "format is \"%.40s\", expected \"" FORMAT "\"", format);
    SBI_TRY(sbi_json_get_integer(meta, at, "version", &version));
    if (version != VERSION)
        return sbi_json_fail(SBI_ERR_VERSION, at, "version is %lld, this library reads %d", (long long)version, VERSION);
    SBI_TRY(sbi_json_only_keys(meta, at, known));
    SBI_TRY(sbi_json_get_string(meta, at, "method", &method));
    for (int32_t k = 0; k < 2; k++)
        if (strcmp(method, methods[k]) == 0) i->method = k + 1;
    if (!i->method) return sbi_json_fail(SBI_ERR_FORMAT, at, "method is \"%.40s\"", method);
    SBI_TRY(sbi_json_get_integer(meta, at, "members", &members));
    SBI_TRY(sbi_json_get_bool_or(meta, at, "on_training", 0, &on_training));
    SBI_TRY(sbi_json_get_integer(meta, at, "numerator_events", &i->numerator_events));
    SBI_TRY(sbi_json_get_integer(meta, at, "denominator_events", &i->denominator_events));
    SBI_TRY(sbi_json_get_number(meta, at, "normalisation", &i->normalisation));
    if (members < 0 || members > INT32_MAX) return sbi_json_fail(SBI_ERR_FORMAT, at, "members is %lld", (long long)members);
    if (!(i->normalisation > 0)) return sbi_json_fail(SBI_ERR_FORMAT, at, "normalisation is %g, expected > 0", i->normalisation);
    i->members = (int32_t)members;
    i->on_training = on_training;
    c->log_normalisation = log(i->normalisation);
    return SBI_OK;
}

static sbi_status read_meta(sbi_calibration *c, const sbi_npz *npz, const char *path)
{
    void *bytes;
    size_t size;
    json_t *meta;
    SBI_TRY(sbi_npz_read_bytes(npz, "meta.json", &bytes, &size));
    sbi_status status = sbi_json_parse(&meta, bytes, size, path);
    sbi_free(c->ctx, bytes);
    SBI_TRY(status);
    const sbi_json_place at = sbi_json_root(path);
    status = read_fields(c, meta, &at);
    json_decref(meta);
    return status;
}

static sbi_status check_knots(const sbi_calibration *c, const char *path)
{
    const int isotonic = c->info.method == SBI_CALIBRATION_ISOTONIC;
    for (size_t i = 0; i < c->n; i++) {
        const sbi_knot *k = &c->knots[i];
        int good = fabs(k->before) < LARGEST && fabs(k->level) < LARGEST && fabs(k->after) < LARGEST; /* false with NaN */
        if (i) good = good && k->before > k[-1].before;
        if (isotonic) good = good && k->level > 0 && k->level < 1 && (!i || k->level >= k[-1].level);
        if (!good) return sbi_fail(SBI_ERR_VALUE, "%s: knots: row %zu is %g, %g, %g", path, i, k->before, k->level, k->after);
    }
    return SBI_OK;
}

static sbi_status read_knots(sbi_calibration *c, const sbi_npz *npz, const char *path)
{
    sbi_array view;
    void *memory;
    SBI_TRY(sbi_npz_read(npz, "knots", &view, &memory));
    const int shape = view.dtype == SBI_F64 && view.ndim == 2 && view.shape[0] >= 1 && view.shape[1] == 3;
    const int order = shape && view.strides[1] == (int64_t)sizeof(double) &&
                      (view.shape[0] == 1 || view.strides[0] == 3 * (int64_t)sizeof(double));
    if (order) {
        c->n = (size_t)view.shape[0];
        c->knots = sbi_alloc_array(c->ctx, c->n, sizeof *c->knots);
        if (c->knots) memcpy(c->knots, view.data, c->n * sizeof *c->knots);
    }
    sbi_free(c->ctx, memory);
    if (!order) return sbi_fail(SBI_ERR_FORMAT, "%s: knots: expected f64 [k, 3] in C order", path);
    return c->knots ? check_knots(c, path) : SBI_ERR_NO_MEMORY;
}

static sbi_status load(sbi_calibration **out, sbi_context *ctx, const sbi_npz *npz, const char *name)
{
    sbi_calibration *c = sbi_alloc_zero(ctx, 1, sizeof *c);
    if (!c) return SBI_ERR_NO_MEMORY;
    c->ctx = ctx;
    sbi_status status = read_meta(c, npz, name);
    if (status == SBI_OK) status = read_knots(c, npz, name);
    if (status != SBI_OK) {
        sbi_calibration_destroy(c);
        return status;
    }
    *out = c;
    return SBI_OK;
}

sbi_status sbi_calibration_load_memory(sbi_calibration **out, sbi_context *ctx, const void *data, size_t size, const char *name)
{
    sbi_npz *npz;
    *out = NULL;
    SBI_TRY(sbi_npz_open_memory(&npz, ctx, data, size, name));
    sbi_status status = load(out, ctx, npz, name);
    sbi_npz_close(npz);
    return status;
}

sbi_status sbi_calibration_load(sbi_calibration **out, sbi_context *ctx, const char *path)
{
    SBI_REQUIRE(out, "sbi_calibration_load: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && path, "sbi_calibration_load: ctx or path is NULL");
    sbi_npz *npz;
    SBI_TRY(sbi_npz_open(&npz, ctx, path));
    sbi_status status = load(out, ctx, npz, path);
    sbi_npz_close(npz);
    return status;
}
