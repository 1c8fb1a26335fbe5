/* SPDX-License-Identifier: Apache-2.0 */
/* Packed stores from columns: a few blocks at a time, converted on the context's threads, written in order. */
#include "model/pack.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/pool.h"
#include "io/npy.h"

#define BATCH_BYTES ((size_t)64 << 20)
#define F16_TOO_LARGE 65520.0 /* rounds to infinity */

void sbi_pack_options_init(sbi_pack_options *options)
{
    if (!options) return;
    const sbi_pack_options defaults = SBI_PACK_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_pack_options_get(sbi_pack_options *out, const sbi_pack_options *user)
{
    sbi_pack_options_init(out);
    SBI_TRY(sbi_options_read(out, sizeof *out, sizeof *out, user, "sbi_pack_options"));
    SBI_REQUIRE(out->reserved_ == 0, "sbi_pack_options: reserved_ is not zero");
    SBI_REQUIRE(out->dtype == SBI_F16 || out->dtype == SBI_F32 || out->dtype == SBI_F64,
                "sbi_pack_options: dtype %d, must be SBI_F16, SBI_F32 or SBI_F64", (int)out->dtype);
    SBI_REQUIRE(out->storage == SBI_PACK_STORAGE_DEFAULT || out->storage == SBI_MORPH_RATIO || out->storage == SBI_MORPH_LOG,
                "sbi_pack_options: storage is %d", (int)out->storage);
    return SBI_OK;
}

int32_t sbi_pack_storage(const sbi_pack_options *options, int all_ratios)
{
    if (options->storage != SBI_PACK_STORAGE_DEFAULT) return options->storage;
    return options->dtype == SBI_F16 || !all_ratios ? SBI_MORPH_LOG : SBI_MORPH_RATIO;
}

/* ---- one column of a block --------------------------------------------------------------------------------------- */

typedef struct converter {
    const model_pack *pack;
    const model_pack_pair *pair;
    size_t sample, parameter;
    int side;
    int64_t first; /* row of the first value */
} converter;

static sbi_status refuse(const converter *c, int64_t i, double x, const char *why)
{
    char name[200];
    const sbi_column_file *file = c->pair->sides[c->side].file;
    c->pack->name(c->pack, c->sample, c->parameter, c->side, name, sizeof name);
    return sbi_fail(SBI_ERR_VALUE, "%s%s%s: row %lld: value is %g%s", file ? sbi_column_file_path(file) : "", file ? ": " : "", name,
                    (long long)(c->first + i), x, why);
}

/* x, as it was stored, in the storage of the pack; in place. */
static sbi_status change_storage(const converter *c, double *x, int64_t n)
{
    const int from_log = c->pair->storage == SBI_MORPH_LOG, to_log = c->pack->storage == SBI_MORPH_LOG;
    for (int64_t i = 0; i < n; i++) {
        const double v = x[i];
        if (!isfinite(v)) return refuse(c, i, v, "");
        if (!from_log && !(v > 0)) return refuse(c, i, v, ", must be positive");
        if (from_log == to_log) continue;
        x[i] = to_log ? log(v) : exp(v);
        if (!to_log && !(x[i] > 0 && x[i] <= DBL_MAX)) return refuse(c, i, v, ", whose exponential is out of range");
    }
    return SBI_OK;
}

static sbi_status narrow(const converter *c, const double *x, int64_t n, char *out)
{
    const int ratios = c->pack->storage == SBI_MORPH_RATIO;
    switch (c->pack->dtype) {
    case SBI_F16:
        for (int64_t i = 0; i < n; i++) {
            if (!(fabs(x[i]) < F16_TOO_LARGE)) return refuse(c, i, x[i], ", out of the range of f16");
            const uint16_t h = sbi_half_from_double(x[i]);
            if (ratios && h == 0) return refuse(c, i, x[i], ", which f16 rounds to zero");
            memcpy(out + 2 * i, &h, sizeof h);
        }
        return SBI_OK;
    case SBI_F32:
        for (int64_t i = 0; i < n; i++) {
            const float f = (float)x[i];
            if (!isfinite(f)) return refuse(c, i, x[i], ", out of the range of f32");
            if (ratios && !(f > 0)) return refuse(c, i, x[i], ", which f32 rounds to zero");
            memcpy(out + 4 * i, &f, sizeof f);
        }
        return SBI_OK;
    default: memcpy(out, x, (size_t)n * sizeof *x); return SBI_OK;
    }
}

static sbi_status convert_column(const converter *c, char *out)
{
    double x[SBI_TAPE_BLOCK];
    const model_pack *pack = c->pack;
    const model_column *column = &c->pair->sides[c->side];
    int64_t n = pack->n_events - c->first < SBI_TAPE_BLOCK ? pack->n_events - c->first : SBI_TAPE_BLOCK;
    if (!column->given) n = 0;
    if (n) {
        SBI_TRY(sbi_model_column_read(column, c->first, n, x));
        SBI_TRY(change_storage(c, x, n));
    }
    for (int64_t i = n; i < SBI_TAPE_BLOCK; i++) x[i] = pack->storage == SBI_MORPH_LOG ? 0.0 : 1.0;
    return narrow(c, x, SBI_TAPE_BLOCK, out);
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

typedef struct batch {
    const model_pack *pack;
    int64_t first_block;
    size_t column_bytes;
    char *out; /* [blocks, samples, parameters, 2, column_bytes] */
} batch;

/* One sample of one block. */
static sbi_status convert_sample(void *arg, size_t i)
{
    const batch *b = arg;
    const model_pack *pack = b->pack;
    converter c = {.pack = pack, .sample = i % pack->n_samples};
    c.first = (b->first_block + (int64_t)(i / pack->n_samples)) * SBI_TAPE_BLOCK;
    char *out = b->out + i * pack->n_parameters * 2 * b->column_bytes;
    SBI_TRY(sbi_check_cancel(pack->ctx, "packing"));
    for (c.parameter = 0; c.parameter < pack->n_parameters; c.parameter++) {
        c.pair = &pack->pairs[c.sample * pack->n_parameters + c.parameter];
        for (c.side = 0; c.side < 2; c.side++, out += b->column_bytes) SBI_TRY(convert_column(&c, out));
    }
    return SBI_OK;
}

static sbi_status write_blocks(const model_pack *pack, sbi_npy_writer *writer, size_t block_bytes, size_t at_once)
{
    const int64_t blocks = (pack->n_events + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK;
    batch b = {.pack = pack, .column_bytes = SBI_TAPE_BLOCK * sbi_dtype_size(pack->dtype)};
    b.out = sbi_alloc_array(pack->ctx, at_once, block_bytes);
    if (!b.out) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (; b.first_block < blocks && status == SBI_OK; b.first_block += (int64_t)at_once) {
        const int64_t left = blocks - b.first_block;
        const size_t n = left < (int64_t)at_once ? (size_t)left : at_once;
        status = sbi_parallel_for(pack->ctx, n * pack->n_samples, convert_sample, &b);
        if (status == SBI_OK) status = sbi_npy_writer_append(writer, b.out, (int64_t)n);
    }
    sbi_free(pack->ctx, b.out);
    return status;
}

sbi_status sbi_pack_write(const model_pack *pack, const char *path)
{
    const int64_t row[4] = {(int64_t)pack->n_samples, (int64_t)pack->n_parameters, 2, SBI_TAPE_BLOCK};
    size_t block_bytes = 2 * SBI_TAPE_BLOCK * sbi_dtype_size(pack->dtype);
    if (__builtin_mul_overflow(block_bytes, pack->n_samples, &block_bytes) ||
        __builtin_mul_overflow(block_bytes, pack->n_parameters, &block_bytes))
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: %zu samples and %zu parameters overflow", path, pack->n_samples, pack->n_parameters);
    const size_t at_once = block_bytes < BATCH_BYTES ? BATCH_BYTES / block_bytes : 1;
    sbi_npy_writer *writer;
    SBI_TRY(sbi_npy_writer_open(&writer, pack->ctx, path, pack->dtype, 4, row));
    sbi_status status = write_blocks(pack, writer, block_bytes, at_once);
    if (status == SBI_OK) return sbi_npy_writer_commit(writer);
    sbi_npy_writer_abandon(writer);
    return status;
}

/* ---- from arrays ------------------------------------------------------------------------------------------------------ */

static void number_columns(const model_pack *pack, size_t sample, size_t parameter, int side, char *text, size_t size)
{
    (void)pack;
    snprintf(text, size, "sample %zu, parameter %zu, %s", sample, parameter, side ? "lo" : "hi");
}

static sbi_status lend_columns(const model_pack *pack, const sbi_array *columns, int32_t storage, model_pack_pair *pairs)
{
    for (size_t i = 0; i < pack->n_samples * pack->n_parameters; i++) {
        pairs[i].storage = storage;
        for (int side = 0; side < 2; side++) {
            const sbi_array *a = &columns[2 * i + (size_t)side];
            char name[100];
            number_columns(pack, i / pack->n_parameters, i % pack->n_parameters, side, name, sizeof name);
            if (!a->data != !columns[2 * i].data)
                return sbi_fail(SBI_ERR_ARGUMENT, "sbi_pack_columns: %s: hi and lo come together", name);
            if (!a->data) continue;
            pairs[i].sides[side] = sbi_model_lent_column(a);
            SBI_TRY(sbi_model_check_column(pack->ctx, &pairs[i].sides[side], name, pack->n_events, "the store", COLUMN_UNSEEN));
        }
    }
    return SBI_OK;
}

sbi_status sbi_pack_columns(sbi_context *ctx, const char *path, int64_t n_events, size_t n_samples, size_t n_parameters,
                            const sbi_array *columns, int32_t column_storage, const sbi_pack_options *options)
{
    SBI_REQUIRE(ctx && path && columns, "sbi_pack_columns: ctx, path or columns is NULL");
    SBI_REQUIRE(n_events >= 0 && n_samples && n_parameters, "sbi_pack_columns: %lld events, %zu samples, %zu parameters",
                (long long)n_events, n_samples, n_parameters);
    SBI_REQUIRE(column_storage == SBI_MORPH_RATIO || column_storage == SBI_MORPH_LOG, "sbi_pack_columns: column_storage is %d",
                (int)column_storage);
    sbi_pack_options known;
    SBI_TRY(sbi_pack_options_get(&known, options));
    size_t n;
    SBI_REQUIRE(!__builtin_mul_overflow(n_samples, n_parameters, &n), "sbi_pack_columns: the numbers overflow");
    model_pack_pair *pairs = sbi_alloc_zero(ctx, n, sizeof *pairs);
    if (!pairs) return SBI_ERR_NO_MEMORY;
    model_pack pack = {.ctx = ctx, .n_events = n_events, .n_samples = n_samples, .n_parameters = n_parameters, .pairs = pairs};
    pack.dtype = known.dtype;
    pack.storage = sbi_pack_storage(&known, column_storage == SBI_MORPH_RATIO);
    pack.name = number_columns;
    sbi_status status = lend_columns(&pack, columns, column_storage, pairs);
    if (status == SBI_OK) status = sbi_pack_write(&pack, path);
    sbi_free(ctx, pairs);
    return status;
}
