/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a dataset that is in use: rows and the checksum. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "io/column.h"
#include "net/dataset.h"

#define ROWS 256     /* rows read at once */
#define BLOCK 16384  /* rows of one piece of parallel work */

void sbi_dataset_freeze(sbi_dataset *data)
{
    atomic_store(&data->in_use, 1);
}

static sbi_status check_class(const sbi_dataset *data, int32_t side)
{
    const char *name = sbi_dataset_class_name(data, side);
    if (data->events[side] == 0) return sbi_fail(SBI_ERR_VALUE, "dataset: the %s has no events", name);
    const double weight = sbi_dataset_weight(data, side);
    if (!(weight > 0) || !isfinite(weight))
        return sbi_fail(SBI_ERR_VALUE, "dataset: the weights of the %s sum to %g, expected a positive number", name, weight);
    return SBI_OK;
}

sbi_status sbi_dataset_check_sides(const sbi_dataset *data)
{
    SBI_TRY(check_class(data, SBI_DENOMINATOR));
    return check_class(data, SBI_NUMERATOR);
}

sbi_status sbi_dataset_check_classes(const sbi_dataset *data)
{
    for (int32_t c = 0; c < data->classes; c++) SBI_TRY(check_class(data, c));
    return SBI_OK;
}

sbi_status sbi_dataset_check_events(const sbi_dataset *data)
{
    if (sbi_dataset_all_events(data) == 0) return sbi_fail(SBI_ERR_VALUE, "dataset: there are no events");
    for (int32_t c = 0; c < data->classes; c++)
        if (data->events[c]) SBI_TRY(check_class(data, c));
    return SBI_OK;
}

/* A column of a two-dimensional view. */
static sbi_array column_of(const sbi_array *a, int64_t j)
{
    sbi_array c = *a;
    c.data = (const char *)a->data + j * a->strides[1];
    c.ndim = 1;
    return c;
}

void sbi_dataset_part_column(const sbi_dataset_part *part, int64_t feature, int64_t first, int64_t n, double *out)
{
    const sbi_array c = column_of(&part->features, feature);
    sbi_column_read_f64(&c, first, n, out);
}

/* Row-major f64; through columns, because that is what the readers of every type offer. */
void sbi_rows_read_f64(const sbi_array *a, int64_t first, int64_t n, double *out, int64_t ld)
{
    const int64_t d = a->shape[1];
    double column[ROWS];
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        for (int64_t j = 0; j < d; j++) {
            const sbi_array c = column_of(a, j);
            sbi_column_read_f64(&c, first + start, rows, column);
            for (int64_t i = 0; i < rows; i++) out[(start + i) * ld + j] = column[i];
        }
    }
}

sbi_status sbi_rows_check(const double *rows, int64_t first, int64_t n, int64_t d, const char *name)
{
    for (int64_t k = 0; k < n * d; k++) {
        if (!(fabs(rows[k]) <= DBL_MAX))
            return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": value is %g", name, first + k / d,
                            k % d, rows[k]);
    }
    return SBI_OK;
}

sbi_status sbi_rows_read_checked(const sbi_array *a, int64_t first, int64_t n, double *out, const char *name)
{
    sbi_rows_read_f64(a, first, n, out, a->shape[1]);
    return sbi_rows_check(out, first, n, a->shape[1], name);
}

/* Events [first, first + n) of a side, from all parts that have some; either output may be NULL. */
static void read_parts(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *features, int64_t ld, double *weights)
{
    for (size_t p = 0; p < data->n_parts; p++) {
        const sbi_dataset_part *part = &data->parts[p];
        if (part->side != side) continue;
        const int64_t begin = first > part->first ? first : part->first;
        const int64_t end = first + n < part->first + part->n ? first + n : part->first + part->n;
        if (begin >= end) continue;
        if (features) sbi_rows_read_f64(&part->features, begin - part->first, end - begin, features + (begin - first) * ld, ld);
        if (!weights) continue;
        if (part->weights.ndim) {
            sbi_column_read_f64(&part->weights, begin - part->first, end - begin, weights + (begin - first));
        } else {
            for (int64_t i = begin; i < end; i++) weights[i - first] = 1;
        }
    }
}

void sbi_dataset_read_features(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out)
{
    read_parts(data, side, first, n, out, data->d, NULL);
}

void sbi_dataset_read_inputs(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out)
{
    read_parts(data, side, first, n, out, data->inputs, NULL);
    if (data->inputs > data->d) sbi_dataset_read_extra(data, side, SBI_EXTRA_THETA, first, n, out + data->d, data->inputs);
}

void sbi_dataset_read_weights(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out)
{
    read_parts(data, side, first, n, NULL, 0, out);
}

void sbi_dataset_read_column(const sbi_dataset *data, int32_t side, int64_t feature, double *out)
{
    for (size_t p = 0; p < data->n_parts; p++) {
        const sbi_dataset_part *part = &data->parts[p];
        if (part->side != side) continue;
        const sbi_array c = column_of(&part->features, feature);
        sbi_column_read_f64(&c, 0, part->n, out + part->first);
    }
}

/* ---- the checksum ---- */

typedef struct digests {
    sbi_dataset *data;
    unsigned char (*of)[32];
} digests;

static int64_t blocks_of(const sbi_dataset *data, int32_t side)
{
    return (data->events[side] + BLOCK - 1) / BLOCK;
}

static sbi_status digest_block(void *arg, size_t index)
{
    const digests *b = arg;
    sbi_dataset *data = b->data;
    const int64_t d = data->d;
    int32_t side = 0;
    int64_t block = (int64_t)index;
    while (block >= blocks_of(data, side)) block -= blocks_of(data, side++);
    const int64_t first = block * BLOCK;
    const int64_t last = first + BLOCK < data->events[side] ? first + BLOCK : data->events[side];
    SBI_TRY(sbi_check_cancel(data->ctx, "reading the dataset"));
    double *x = sbi_alloc_array(data->ctx, (size_t)(ROWS * (d + 1)), sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    double *w = x + ROWS * d;
    sbi_sha256 hash;
    sbi_sha256_init(&hash);
    for (int64_t start = first; start < last; start += ROWS) {
        const int64_t rows = last - start < ROWS ? last - start : ROWS;
        read_parts(data, side, start, rows, x, d, w);
        sbi_sha256_update(&hash, x, sizeof *x * (size_t)(rows * d));
        sbi_sha256_update(&hash, w, sizeof *w * (size_t)rows);
    }
    sbi_sha256_final(&hash, b->of[index]);
    sbi_free(data->ctx, x);
    return SBI_OK;
}

/* Adds the transforms, if there are any: they change what is learnt. */
static sbi_status digest_transforms(const sbi_dataset *data, sbi_sha256 *hash)
{
    if (!data->transforms) return SBI_OK;
    json_t *json = sbi_transforms_to_json(data->transforms);
    if (!json) return sbi_fail(SBI_ERR_NO_MEMORY, "dataset: out of memory");
    sbi_text text;
    sbi_text_init(&text, data->ctx);
    sbi_status status = sbi_json_canonical(&text, json);
    json_decref(json);
    if (status == SBI_OK) sbi_sha256_update(hash, text.data, text.size);
    sbi_text_clear(&text);
    return status;
}

/* The digest of a header and of the digests of all blocks. */
static sbi_status make_checksum(sbi_dataset *data, char hex[SBI_SHA256_HEX_SIZE])
{
    digests b = {.data = data};
    size_t n_blocks = 0;
    for (int32_t c = 0; c < data->classes; c++) n_blocks += (size_t)blocks_of(data, c);
    b.of = sbi_alloc_array(data->ctx, n_blocks, sizeof *b.of);
    if (!b.of) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_parallel_for(data->ctx, n_blocks, digest_block, &b);
    unsigned char digest[32], extras[32];
    const int plain = sbi_dataset_is_plain(data);
    if (status == SBI_OK && !plain) status = sbi_dataset_digest_extras(data, extras);
    if (status == SBI_OK) {
        const int64_t header[4] = {plain ? 1 : 2, data->d, data->events[0], data->events[1]};
        sbi_sha256 hash;
        sbi_sha256_init(&hash);
        sbi_sha256_update(&hash, header, sizeof header);
        sbi_sha256_update(&hash, b.of, n_blocks * sizeof *b.of);
        if (!plain) sbi_sha256_update(&hash, extras, sizeof extras);
        status = digest_transforms(data, &hash);
        sbi_sha256_final(&hash, digest);
        sbi_sha256_hex(digest, hex);
    }
    sbi_free(data->ctx, b.of);
    return status;
}

sbi_status sbi_dataset_checksum(sbi_dataset *data, char hex[65])
{
    SBI_REQUIRE(data && hex, "sbi_dataset_checksum: data or hex is NULL");
    sbi_dataset_freeze(data);
    pthread_mutex_lock(&data->lock);
    char made[SBI_SHA256_HEX_SIZE];
    sbi_status status = data->checksum[0] ? SBI_OK : make_checksum(data, made);
    if (status == SBI_OK && !data->checksum[0]) memcpy(data->checksum, made, sizeof made);
    memcpy(hex, data->checksum, SBI_SHA256_HEX_SIZE);
    pthread_mutex_unlock(&data->lock);
    return status;
}
