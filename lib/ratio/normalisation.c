/* SPDX-License-Identifier: Apache-2.0 */
/* E_denominator[r], which is 1 for exact ratios, and the effective number of events. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "io/column.h"
#include "ratio/ratio.h"

#define BLOCK 1024

typedef struct sums {
    double w, wr, wr2, ww, wwr; /* of w, w r, (w r)^2, w^2, w^2 r */
} sums;

static void add_block(sums *s, const double *r, const double *w, int64_t n)
{
    sums b = {0};
    for (int64_t i = 0; i < n; i++) {
        const double wr = w[i] * r[i];
        b.w += w[i];
        b.wr += wr;
        b.wr2 += wr * wr;
        b.ww += w[i] * w[i];
        b.wwr += w[i] * wr;
    }
    s->w += b.w;
    s->wr += b.wr;
    s->wr2 += b.wr2;
    s->ww += b.ww;
    s->wwr += b.wwr;
}

sbi_status sbi_ratio_normalisation(sbi_context *ctx, const sbi_array *ratio, const sbi_array *weights,
                                   sbi_normalisation *result)
{
    SBI_REQUIRE(ctx && ratio && result, "sbi_ratio_normalisation: ctx, ratio or result is NULL");
    if (result->struct_size < sizeof(uint32_t) || result->struct_size > 4096)
        return sbi_fail(SBI_ERR_ABI, "sbi_ratio_normalisation: struct_size is %u", (unsigned)result->struct_size);
    SBI_TRY(sbi_column_check_shape(ratio, 1, "ratio"));
    SBI_TRY(sbi_column_check_finite(ctx, ratio, "ratio"));
    const int64_t n = ratio->shape[0];
    if (weights) {
        SBI_TRY(sbi_column_check_shape(weights, 1, "weights"));
        if (weights->shape[0] != n)
            return sbi_fail(SBI_ERR_SHAPE, "weights: %" PRId64 " weights for %" PRId64 " ratios", weights->shape[0], n);
        SBI_TRY(sbi_column_check_finite(ctx, weights, "weights"));
    }
    sums s = {0};
    double r[BLOCK], w[BLOCK];
    for (int64_t first = 0; first < n; first += BLOCK) {
        const int64_t rows = n - first < BLOCK ? n - first : BLOCK;
        sbi_column_read_f64(ratio, first, rows, r);
        if (weights) sbi_column_read_f64(weights, first, rows, w);
        for (int64_t i = 0; !weights && i < rows; i++) w[i] = 1;
        add_block(&s, r, w, rows);
    }
    if (!(s.w > 0)) return sbi_fail(SBI_ERR_VALUE, "weights: their sum is %g, expected a positive number", s.w);
    sbi_normalisation full = {.struct_size = result->struct_size, .events = n};
    full.mean = s.wr / s.w;
    /* sum w^2 (r - mean)^2 */
    const double square = s.wr2 - 2 * full.mean * s.wwr + full.mean * full.mean * s.ww;
    full.error = square > 0 ? sqrt(square) / s.w : 0;
    full.ess = s.wr2 > 0 ? s.wr * s.wr / s.wr2 : 0;
    const size_t size = result->struct_size;
    if (size > sizeof full) memset((char *)result + sizeof full, 0, size - sizeof full);
    memcpy(result, &full, size < sizeof full ? size : sizeof full);
    return SBI_OK;
}
