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

sbi_status sbi_dataset_check_sides(const sbi_dataset *data)
{
    for (int32_t side = 0; side < 2; side++) {
        const char *name = side == SBI_NUMERATOR ? "numerator" : "denominator";
        if (data->events[side] == 0) return sbi_fail(SBI_ERR_VALUE, "dataset: the %s has no events", name);
        const double weight = sbi_dataset_weight(data, side);
        if (!(weight > 0) || !isfinite(weight))
            return sbi_fail(SBI_ERR_VALUE, "dataset: the weights of the %s sum to %g, expected a positive number", name,
                            weight);
    }
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
static void read_rows(const sbi_array *a, int64_t first, int64_t n, double *out)
{
    const int64_t d = a->shape[1];
    double column[ROWS];
    for (int64_t start = 0; start < n; start += ROWS) {
        const int64_t rows = n - start < ROWS ? n - start : ROWS;
        for (int64_t j = 0; j < d; j++) {
            const sbi_array c = column_of(a, j);
            sbi_column_read_f64(&c, first + start, rows, column);
            for (int64_t i = 0; i < rows; i++) out[(start + i) * d + j] = column[i];
        }
    }
}

sbi_status sbi_rows_read_checked(const sbi_array *a, int64_t first, int64_t n, double *out, const char *name)
{
    read_rows(a, first, n, out);
    const int64_t d = a->shape[1];
    for (int64_t k = 0; k < n * d; k++) {
        if (!(fabs(out[k]) <= DBL_MAX))
            return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": value is %g", name, first + k / d,
                            k % d, out[k]);
    }
    return SBI_OK;
}

/* Events [first, first + n) of a side, from all parts that have some; either output may be NULL. */
static void read_parts(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *features, double *weights)
{
    for (size_t p = 0; p < data->n_parts; p++) {
        const sbi_dataset_part *part = &data->parts[p];
        if (part->side != side) continue;
        const int64_t begin = first > part->first ? first : part->first;
        const int64_t end = first + n < part->first + part->n ? first + n : part->first + part->n;
        if (begin >= end) continue;
        if (features) read_rows(&part->features, begin - part->first, end - begin, features + (begin - first) * data->d);
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
    read_parts(data, side, first, n, out, NULL);
}

void sbi_dataset_read_weights(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, double *out)
{
    read_parts(data, side, first, n, NULL, out);
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
    int64_t count[2]; /* blocks of each side */
    unsigned char (*of)[32];
} digests;

static sbi_status digest_block(void *arg, size_t index)
{
    const digests *b = arg;
    sbi_dataset *data = b->data;
    const int64_t d = data->d;
    const int32_t side = (int64_t)index >= b->count[0];
    const int64_t first = ((int64_t)index - (side ? b->count[0] : 0)) * BLOCK;
    const int64_t last = first + BLOCK < data->events[side] ? first + BLOCK : data->events[side];
    SBI_TRY(sbi_check_cancel(data->ctx, "reading the dataset"));
    double *x = sbi_alloc_array(data->ctx, (size_t)(ROWS * (d + 1)), sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    double *w = x + ROWS * d;
    sbi_sha256 hash;
    sbi_sha256_init(&hash);
    for (int64_t start = first; start < last; start += ROWS) {
        const int64_t rows = last - start < ROWS ? last - start : ROWS;
        read_parts(data, side, start, rows, x, w);
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
    for (int side = 0; side < 2; side++) b.count[side] = (data->events[side] + BLOCK - 1) / BLOCK;
    const size_t n_blocks = (size_t)(b.count[0] + b.count[1]);
    b.of = sbi_alloc_array(data->ctx, n_blocks, sizeof *b.of);
    if (!b.of) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_parallel_for(data->ctx, n_blocks, digest_block, &b);
    if (status == SBI_OK) {
        unsigned char digest[32];
        const int64_t header[4] = {1, data->d, data->events[0], data->events[1]};
        sbi_sha256 hash;
        sbi_sha256_init(&hash);
        sbi_sha256_update(&hash, header, sizeof header);
        sbi_sha256_update(&hash, b.of, n_blocks * sizeof *b.of);
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
