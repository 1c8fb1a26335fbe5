/* SPDX-License-Identifier: Apache-2.0 */
/* What events have beside features and weights: reading it, theta for classes without their own, the checksum. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/sha256.h"
#include "net/dataset.h"

#define ROWS 256

static void fill_zero(double *out, int64_t n, int64_t columns, int64_t ld)
{
    for (int64_t i = 0; i < n; i++) memset(out + i * ld, 0, (size_t)columns * sizeof *out);
}

void sbi_dataset_read_extra(const sbi_dataset *data, int32_t side, int extra, int64_t first, int64_t n, double *out, int64_t ld)
{
    const int64_t columns = data->extra_columns[extra];
    if (!data->has[side][extra]) {
        const double *drawn = extra == SBI_EXTRA_THETA ? data->drawn[side] : NULL;
        if (!drawn) {
            fill_zero(out, n, columns, ld);
            return;
        }
        for (int64_t i = 0; i < n; i++) memcpy(out + i * ld, drawn + (first + i) * columns, (size_t)columns * sizeof *out);
        return;
    }
    for (size_t p = 0; p < data->n_parts; p++) {
        const sbi_dataset_part *part = &data->parts[p];
        if (part->side != side) continue;
        const int64_t begin = first > part->first ? first : part->first;
        const int64_t end = first + n < part->first + part->n ? first + n : part->first + part->n;
        if (begin < end) sbi_rows_read_f64(&part->extra[extra].view, begin - part->first, end - begin, out + (begin - first) * ld, ld);
    }
}

/* ---- theta for a reference sample ---- */

/* The class whose theta the others get: the numerator, or the first that has any. */
static int32_t source_of_theta(const sbi_dataset *data)
{
    if (data->has[SBI_NUMERATOR][SBI_EXTRA_THETA]) return SBI_NUMERATOR;
    for (int32_t c = 0; c < data->classes; c++)
        if (data->has[c][SBI_EXTRA_THETA]) return c;
    return -1;
}

/* Event i of n gets theta of the first event k of the source with C_k > C (pi(i) + 1/2) / n, where C_k = |w_1| + ... + |w_k|: as even as it
 * can be, in random order. The rows are visited by rising pi, so that one pass over the source serves. */
static sbi_status draw_class(sbi_dataset *data, int32_t side, int32_t source)
{
    const int64_t n = data->events[side], q = data->extra_columns[SBI_EXTRA_THETA], n_source = data->events[source];
    const uint64_t seed = sbi_random_derive(1, "theta of a reference sample", (uint64_t)side);
    const double total = data->weight_abs[source];
    double *theta = sbi_alloc_array(data->ctx, (size_t)(n * q), sizeof *theta);
    uint32_t *order = sbi_alloc_array(data->ctx, (size_t)n, sizeof *order); /* the event with pi = r at r */
    double *rows = sbi_alloc_array(data->ctx, (size_t)(q + 1), ROWS * sizeof *rows);
    sbi_status status = theta && order && rows ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        sbi_random_permutation(seed, 0, order, (uint32_t)n);
        double *w = rows + q * ROWS, sum = 0;
        int64_t r = 0, block = -1;
        for (int64_t k = 0; k < n_source && r < n; k++) {
            if (k / ROWS != block) {
                const int64_t left = n_source - k < ROWS ? n_source - k : ROWS;
                block = k / ROWS;
                sbi_dataset_read_extra(data, source, SBI_EXTRA_THETA, k, left, rows, q);
                sbi_dataset_read_weights(data, source, k, left, w);
            }
            sum += fabs(w[k % ROWS]);
            const int last = k == n_source - 1; /* rounding must not leave a row without */
            while (r < n && (last || sum > total * ((double)r + 0.5) / (double)n))
                memcpy(theta + (int64_t)order[r++] * q, rows + (k % ROWS) * q, (size_t)q * sizeof *theta);
        }
        data->drawn[side] = theta;
        theta = NULL;
    }
    sbi_free(data->ctx, theta);
    sbi_free(data->ctx, order);
    sbi_free(data->ctx, rows);
    return status;
}

sbi_status sbi_dataset_draw_theta(sbi_dataset *data)
{
    if (data->theta_drawn || data->extra_columns[SBI_EXTRA_THETA] == 0) return SBI_OK;
    const int32_t source = source_of_theta(data);
    for (int32_t c = 0; c < data->classes && source >= 0; c++)
        if (data->events[c] && !data->has[c][SBI_EXTRA_THETA] && !data->drawn[c]) SBI_TRY(draw_class(data, c, source));
    data->theta_drawn = 1;
    return SBI_OK;
}

sbi_status sbi_dataset_prepare(sbi_dataset *data)
{
    sbi_dataset_freeze(data);
    pthread_mutex_lock(&data->lock);
    sbi_status status = sbi_dataset_draw_theta(data);
    pthread_mutex_unlock(&data->lock);
    return status;
}

/* ---- the checksum ---- */

int sbi_dataset_is_plain(const sbi_dataset *data)
{
    for (int e = 0; e < SBI_EXTRAS; e++)
        if (data->extra_columns[e]) return 0;
    return data->classes == 2;
}

sbi_status sbi_dataset_digest_extras(sbi_dataset *data, unsigned char digest[32])
{
    int64_t most = 1;
    sbi_sha256 hash;
    sbi_sha256_init(&hash);
    for (int e = 0; e < SBI_EXTRAS; e++) most = data->extra_columns[e] > most ? data->extra_columns[e] : most;
    double *rows = sbi_alloc_array(data->ctx, (size_t)most, ROWS * sizeof *rows);
    if (!rows) return SBI_ERR_NO_MEMORY;
    const int64_t classes = data->classes;
    sbi_sha256_update(&hash, &classes, sizeof classes);
    sbi_sha256_update(&hash, data->extra_columns, sizeof data->extra_columns);
    for (int32_t c = 0; c < data->classes; c++) {
        sbi_sha256_update(&hash, &data->events[c], sizeof data->events[c]);
        sbi_sha256_update(&hash, data->has[c], sizeof data->has[c]);
        for (int e = 0; e < SBI_EXTRAS; e++) {
            const int64_t columns = data->extra_columns[e];
            if (!data->has[c][e]) continue; /* drawn theta follows from the rest */
            for (int64_t first = 0; first < data->events[c]; first += ROWS) {
                const int64_t n = data->events[c] - first < ROWS ? data->events[c] - first : ROWS;
                sbi_dataset_read_extra(data, c, e, first, n, rows, columns);
                sbi_sha256_update(&hash, rows, sizeof *rows * (size_t)(n * columns));
            }
        }
    }
    sbi_sha256_final(&hash, digest);
    sbi_free(data->ctx, rows);
    return SBI_OK;
}
