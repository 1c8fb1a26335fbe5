/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a dataset that is in use: rows, the checksum, and the standardised copy that training runs on. */
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
#include "sbi/train.h"

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

sbi_status sbi_rows_read_checked(const sbi_array *a, int64_t first, int64_t n, double *out, const char *name)
{
    const int64_t d = a->shape[1];
    sbi_rows_read_f64(a, first, n, out, d);
    for (int64_t k = 0; k < n * d; k++) {
        if (!(fabs(out[k]) <= DBL_MAX))
            return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ", column %" PRId64 ": value is %g", name, first + k / d,
                            k % d, out[k]);
    }
    return SBI_OK;
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

/* ---- work over blocks of all classes ---- */

typedef struct blocks {
    sbi_dataset *data;
    int64_t count; /* of blocks */
    int64_t first[SBI_CLASSES_MAX + 1]; /* the first block of each class */
    int64_t event[SBI_CLASSES_MAX];     /* the number of its first event */
    double *sums;     /* [blocks, 2 inputs] of whatever the pass adds up */
    const double *centre;
    const double *scale;
    float *x;
    unsigned char (*digests)[32];
    int32_t pass;
    int32_t reserved;
} blocks;

enum { PASS_MEAN, PASS_VARIANCE, PASS_RANGE, PASS_PACK, PASS_DIGEST };

static void block_sums(const blocks *b, const double *x, const double *w, int64_t rows, double *sum)
{
    const int64_t d = b->data->inputs;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < d; j++) {
            const double v = x[i * d + j];
            if (b->pass == PASS_MEAN) {
                sum[j] += fabs(w[i]) * v;
            } else if (b->pass == PASS_VARIANCE) {
                const double c = v - b->centre[j];
                sum[j] += fabs(w[i]) * c * c;
            } else {
                sum[j] = v < sum[j] ? v : sum[j];
                sum[d + j] = v > sum[d + j] ? v : sum[d + j];
            }
        }
    }
}

static sbi_status run_block(void *arg, size_t index)
{
    blocks *b = arg;
    sbi_dataset *data = b->data;
    const int64_t d = b->pass == PASS_DIGEST ? data->d : data->inputs;
    int32_t side = 0;
    while ((int64_t)index >= b->first[side + 1]) side++;
    const int64_t first = ((int64_t)index - b->first[side]) * BLOCK;
    const int64_t last = first + BLOCK < data->events[side] ? first + BLOCK : data->events[side];
    SBI_TRY(sbi_check_cancel(data->ctx, "reading the dataset"));
    double *x = sbi_alloc_array(data->ctx, (size_t)(ROWS * (d + 1)), sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    double *w = x + ROWS * d;
    double *sum = b->sums ? b->sums + (int64_t)index * 2 * d : NULL;
    for (int64_t j = 0; sum && j < 2 * d; j++) sum[j] = b->pass != PASS_RANGE ? 0 : j < d ? DBL_MAX : -DBL_MAX;
    sbi_sha256 hash;
    sbi_sha256_init(&hash);
    for (int64_t start = first; start < last; start += ROWS) {
        const int64_t rows = last - start < ROWS ? last - start : ROWS;
        read_parts(data, side, start, rows, x, d, w);
        if (d > data->d) sbi_dataset_read_extra(data, side, SBI_EXTRA_THETA, start, rows, x + data->d, d);
        if (b->pass == PASS_DIGEST) {
            sbi_sha256_update(&hash, x, sizeof *x * (size_t)(rows * d));
            sbi_sha256_update(&hash, w, sizeof *w * (size_t)rows);
        } else if (b->pass == PASS_PACK) {
            float *to = b->x + (start + b->event[side]) * d;
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < d; j++)
                    to[i * d + j] = (float)((x[i * d + j] - b->centre[j]) * b->scale[j]);
        } else {
            block_sums(b, x, w, rows, sum);
        }
    }
    if (b->pass == PASS_DIGEST) sbi_sha256_final(&hash, b->digests[index]);
    sbi_free(data->ctx, x);
    return SBI_OK;
}

static blocks blocks_of(sbi_dataset *data)
{
    blocks b = {.data = data};
    int64_t event = 0;
    for (int32_t c = 0; c < data->classes; c++) {
        b.first[c] = b.count;
        b.event[c] = event;
        b.count += (data->events[c] + BLOCK - 1) / BLOCK;
        event += data->events[c];
    }
    b.first[data->classes] = b.count;
    return b;
}

/* Each class's mean of what the blocks added up, averaged over the classes that have events. */
static void average_classes(const blocks *b, double *out)
{
    const sbi_dataset *data = b->data;
    const int64_t d = data->inputs;
    int32_t classes = 0;
    for (int32_t c = 0; c < data->classes; c++) classes += data->events[c] > 0;
    for (int64_t j = 0; j < d; j++) {
        double mean = 0;
        for (int32_t c = 0; c < data->classes; c++) {
            double sum = 0;
            for (int64_t i = b->first[c]; i < b->first[c + 1]; i++) sum += b->sums[i * 2 * d + j];
            if (data->events[c]) mean += 1.0 / classes * sum / data->weight_abs[c];
        }
        out[j] = mean;
    }
}

static void set_scale(const sbi_dataset *data, double *scale, int64_t j, double width)
{
    if (width > 0) {
        scale[j] = 1 / width;
    } else {
        scale[j] = 1;
        sbi_log(data->ctx, SBI_LOG_WARNING, "dataset: \"%s\" has the same value in all events",
                sbi_dataset_input_name(data, j));
    }
}

static sbi_status find_standardisation(blocks *b, int32_t kind, double *shift, double *scale)
{
    sbi_dataset *data = b->data;
    const int64_t d = data->inputs, n_blocks = b->count;
    for (int64_t j = 0; j < d; j++) shift[j] = 0, scale[j] = 1;
    if (kind == SBI_STANDARDISE_NONE) return SBI_OK;
    if (kind == SBI_STANDARDISE_MEAN_STD) {
        b->pass = PASS_MEAN;
        SBI_TRY(sbi_parallel_for(data->ctx, (size_t)n_blocks, run_block, b));
        average_classes(b, shift);
        b->pass = PASS_VARIANCE;
        b->centre = shift;
        SBI_TRY(sbi_parallel_for(data->ctx, (size_t)n_blocks, run_block, b));
        average_classes(b, scale);
        for (int64_t j = 0; j < d; j++) set_scale(data, scale, j, sqrt(scale[j]));
        return SBI_OK;
    }
    b->pass = PASS_RANGE;
    SBI_TRY(sbi_parallel_for(data->ctx, (size_t)n_blocks, run_block, b));
    for (int64_t j = 0; j < d; j++) {
        double low = DBL_MAX, high = -DBL_MAX;
        for (int64_t i = 0; i < n_blocks; i++) {
            low = fmin(low, b->sums[i * 2 * d + j]);
            high = fmax(high, b->sums[i * 2 * d + d + j]);
        }
        shift[j] = 0.5 * low + 0.5 * high;
        set_scale(data, scale, j, 0.5 * high - 0.5 * low);
    }
    return SBI_OK;
}

static sbi_status make_pack(sbi_dataset *data, int32_t kind, sbi_dataset_pack *pack)
{
    blocks b = blocks_of(data);
    const int64_t d = data->inputs, n_blocks = b.count;
    sbi_status status = SBI_ERR_NO_MEMORY;
    sbi_dataset_pack made = {0};
    made.shift = sbi_alloc_array(data->ctx, (size_t)d, sizeof *made.shift);
    made.scale = sbi_alloc_array(data->ctx, (size_t)d, sizeof *made.scale);
    made.x = sbi_alloc_array(data->ctx, (size_t)(sbi_dataset_all_events(data) * d), sizeof *made.x);
    b.sums = sbi_alloc_array(data->ctx, (size_t)(n_blocks * 2 * d), sizeof *b.sums);
    if (!made.shift || !made.scale || !made.x || !b.sums) goto done;
    SBI_GOTO(find_standardisation(&b, kind, made.shift, made.scale), done);
    b.pass = PASS_PACK;
    b.centre = made.shift;
    b.scale = made.scale;
    b.x = made.x;
    SBI_GOTO(sbi_parallel_for(data->ctx, (size_t)n_blocks, run_block, &b), done);
    *pack = made;
done:
    sbi_free(data->ctx, b.sums);
    if (status != SBI_OK) sbi_dataset_pack_free(data, &made);
    return status;
}

void sbi_dataset_pack_free(sbi_dataset *data, sbi_dataset_pack *pack)
{
    sbi_free(data->ctx, pack->x);
    sbi_free(data->ctx, pack->shift);
    sbi_free(data->ctx, pack->scale);
}

sbi_status sbi_dataset_pack_get(sbi_dataset *data, int32_t standardise, const sbi_dataset_pack **pack)
{
    sbi_dataset_freeze(data);
    SBI_TRY(sbi_dataset_check_events(data));
    pthread_mutex_lock(&data->lock);
    sbi_dataset_pack *own = &data->packs[standardise];
    sbi_status status = sbi_dataset_draw_theta(data);
    if (status == SBI_OK && !own->x) status = make_pack(data, standardise, own);
    pthread_mutex_unlock(&data->lock);
    *pack = own;
    return status;
}

/* The digest of a header and of the digests of all blocks. */
static sbi_status make_checksum(sbi_dataset *data, char hex[SBI_SHA256_HEX_SIZE])
{
    blocks b = blocks_of(data);
    const size_t n_blocks = (size_t)b.count;
    b.pass = PASS_DIGEST;
    b.digests = sbi_alloc_array(data->ctx, n_blocks, sizeof *b.digests);
    if (!b.digests) return SBI_ERR_NO_MEMORY;
    sbi_status status = sbi_parallel_for(data->ctx, n_blocks, run_block, &b);
    unsigned char digest[32], extras[32];
    const int plain = sbi_dataset_is_plain(data);
    if (status == SBI_OK && !plain) status = sbi_dataset_digest_extras(data, extras);
    if (status == SBI_OK) {
        const int64_t header[4] = {plain ? 1 : 2, data->d, data->events[0], data->events[1]};
        sbi_sha256 hash;
        sbi_sha256_init(&hash);
        sbi_sha256_update(&hash, header, sizeof header);
        sbi_sha256_update(&hash, b.digests, n_blocks * sizeof *b.digests);
        if (!plain) sbi_sha256_update(&hash, extras, sizeof extras);
        sbi_sha256_final(&hash, digest);
        sbi_sha256_hex(digest, hex);
    }
    sbi_free(data->ctx, b.digests);
    return status;
}

sbi_status sbi_dataset_checksum(sbi_dataset *data, char hex[65])
{
    SBI_REQUIRE(data && hex, "sbi_dataset_checksum: data or hex is NULL");
    sbi_dataset_freeze(data);
    pthread_mutex_lock(&data->lock);
    sbi_status status = data->checksum[0] ? SBI_OK : make_checksum(data, data->checksum);
    memcpy(hex, data->checksum, SBI_SHA256_HEX_SIZE);
    pthread_mutex_unlock(&data->lock);
    return status;
}
