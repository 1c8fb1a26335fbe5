/* SPDX-License-Identifier: Apache-2.0 */
/* The spread of an ensemble's members as variations for nuisance parameters: principal modes, or one for all. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "fit/ensemble.h"
#include "fit/trust_region.h"

#define ROWS 512

/* A part of the variance that is rounding: the mean over members was taken away, so at least one mode has none. */
#define NOTHING 1e-13

struct sbi_member_modes {
    sbi_context *ctx;
    size_t M, n;
    double scale;     /* of deviations: one standard deviation of the combined ratio */
    double *rotation; /* [n, M] */
    double *fraction; /* [n] */
};

/* Deviations of a block of rows: d [ROWS, M]. */
typedef struct block {
    sbi_context *ctx;
    size_t M;
    double scale;
    const sbi_array *members;
    int32_t logarithms, reserved_;
    double *d, *column; /* [ROWS, M], [ROWS] */
} block;

static double scale_of(size_t M, const sbi_ensemble_options *o)
{
    const double m = (double)M;
    return 1 / sqrt(o->dependence == SBI_MEMBERS_BOOTSTRAP ? m - 1 : m * (m - 1));
}

static sbi_status open_block(block *b, sbi_context *ctx, const sbi_array *members, int32_t logarithms, size_t M, double scale)
{
    *b = (block){.ctx = ctx, .M = M, .scale = scale, .members = members, .logarithms = logarithms != 0};
    b->d = sbi_alloc_array(ctx, M, ROWS * sizeof *b->d);
    b->column = sbi_alloc_array(ctx, ROWS, sizeof *b->column);
    return b->d && b->column ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void close_block(block *b)
{
    sbi_free(b->ctx, b->d);
    sbi_free(b->ctx, b->column);
}

static sbi_status read_block(block *b, int64_t first, int64_t n)
{
    SBI_TRY(sbi_check_cancel(b->ctx, "modes of an ensemble"));
    for (size_t m = 0; m < b->M; m++) {
        SBI_TRY(sbi_members_read(b->members, b->logarithms, 1, "members", m, first, n, b->column));
        for (int64_t i = 0; i < n; i++) b->d[(size_t)i * b->M + m] = b->column[i];
    }
    for (int64_t i = 0; i < n; i++) {
        double *d = b->d + (size_t)i * b->M, mean = 0;
        for (size_t m = 0; m < b->M; m++) mean += d[m] / (double)b->M;
        for (size_t m = 0; m < b->M; m++) d[m] = b->scale * (d[m] - mean);
    }
    return SBI_OK;
}

/* ---- modes ------------------------------------------------------------------------------------------------------- */

/* A weight as a member of an ensemble of one, which is how it is read and checked. */
static sbi_status read_weights(const sbi_array *weights, int64_t first, int64_t n, double *w)
{
    for (int64_t i = 0; i < n; i++) w[i] = 1;
    if (!weights) return SBI_OK;
    SBI_TRY(sbi_members_read(weights, 0, 0, "weights", 0, first, n, w));
    for (int64_t i = 0; i < n; i++)
        if (w[i] < 0) return sbi_fail(SBI_ERR_VALUE, "weights: row %lld: %g is below zero", (long long)(first + i), w[i]);
    return SBI_OK;
}

/* G_mm' = sum_i w_i d_im d_im' */
static sbi_status add_products(block *b, const sbi_array *weights, double *G)
{
    const int64_t rows = b->members->shape[0];
    memset(G, 0, b->M * b->M * sizeof *G);
    for (int64_t first = 0; first < rows; first += ROWS) {
        const int64_t n = rows - first < ROWS ? rows - first : ROWS;
        SBI_TRY(read_block(b, first, n));
        SBI_TRY(read_weights(weights, first, n, b->column));
        for (int64_t i = 0; i < n; i++) {
            const double *d = b->d + (size_t)i * b->M;
            for (size_t k = 0; k < b->M; k++) {
                const double wd = b->column[i] * d[k];
                for (size_t l = 0; l <= k; l++) G[k * b->M + l] += wd * d[l];
            }
        }
    }
    for (size_t k = 0; k < b->M; k++)
        for (size_t l = 0; l < k; l++) G[l * b->M + k] = G[k * b->M + l];
    return SBI_OK;
}

/* From the largest eigenvalue on, until `fraction` of the variance is there. */
static sbi_status keep_modes(sbi_member_modes *modes, const sbi_spectrum *s, const sbi_ensemble_options *o)
{
    const size_t M = modes->M;
    double total = 0, kept = 0;
    for (size_t k = 0; k < M; k++) total += fmax(s->eigenvalue[k], 0);
    const size_t most = o->max_modes && (size_t)o->max_modes < M - 1 ? (size_t)o->max_modes : M - 1;
    modes->rotation = sbi_alloc_array(modes->ctx, most, M * sizeof *modes->rotation);
    modes->fraction = sbi_alloc_array(modes->ctx, most, sizeof *modes->fraction);
    if (!modes->rotation || !modes->fraction) return SBI_ERR_NO_MEMORY;
    for (size_t k = 0; k < most && kept < o->fraction * total; k++) {
        const size_t from = M - 1 - k;
        if (!(s->eigenvalue[from] > NOTHING * total)) break;
        memcpy(modes->rotation + k * M, s->matrix + from * M, M * sizeof *modes->rotation);
        modes->fraction[k] = s->eigenvalue[from] / total;
        kept += s->eigenvalue[from];
        modes->n++;
    }
    return SBI_OK;
}

static sbi_status find_modes(sbi_member_modes *modes, const sbi_array *members, int32_t logarithms, const sbi_array *weights,
                             const sbi_ensemble_options *o)
{
    block b;
    sbi_spectrum s;
    sbi_status status = open_block(&b, modes->ctx, members, logarithms, modes->M, modes->scale);
    const sbi_status spectrum = sbi_spectrum_create(&s, modes->ctx, modes->M, SBI_FIT_FLAT);
    if (status == SBI_OK) status = spectrum;
    if (status == SBI_OK) status = add_products(&b, weights, s.matrix);
    if (status == SBI_OK) status = sbi_spectrum_compute(&s, modes->M);
    if (status == SBI_OK) status = keep_modes(modes, &s, o);
    close_block(&b);
    sbi_spectrum_destroy(&s, modes->ctx);
    return status;
}

/* [n] as [n, 1]. */
static sbi_status view_weights(const sbi_array *weights, int64_t n, sbi_array *out)
{
    if (!weights) return SBI_OK;
    SBI_REQUIRE(weights->ndim == 1 && weights->data, "weights: %d dimensions, expected 1", (int)weights->ndim);
    *out = *weights;
    out->ndim = 2;
    out->shape[1] = 1;
    out->strides[1] = 0;
    return sbi_members_check(out, "weights", n, 1);
}

sbi_status sbi_member_modes_create(sbi_member_modes **out, sbi_context *ctx, const sbi_array *members, int32_t logarithms,
                                   const sbi_array *weights, const sbi_ensemble_options *options)
{
    SBI_REQUIRE(out, "sbi_member_modes_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx && members, "sbi_member_modes_create: ctx or members is NULL");
    sbi_ensemble_options o;
    sbi_array w;
    SBI_TRY(sbi_ensemble_options_read(&o, options));
    SBI_TRY(sbi_members_check(members, "members", -1, 0));
    if (members->shape[1] > 10000) return sbi_fail(SBI_ERR_SHAPE, "members: %lld are too many", (long long)members->shape[1]);
    SBI_TRY(view_weights(weights, members->shape[0], &w));
    sbi_member_modes *modes = sbi_alloc_zero(ctx, 1, sizeof *modes);
    if (!modes) return SBI_ERR_NO_MEMORY;
    modes->ctx = ctx;
    modes->M = (size_t)members->shape[1];
    modes->scale = scale_of(modes->M, &o);
    sbi_status status = find_modes(modes, members, logarithms, weights ? &w : NULL, &o);
    if (status != SBI_OK) {
        sbi_member_modes_destroy(modes);
        return status;
    }
    *out = modes;
    return SBI_OK;
}

void sbi_member_modes_destroy(sbi_member_modes *modes)
{
    if (!modes) return;
    sbi_free(modes->ctx, modes->rotation);
    sbi_free(modes->ctx, modes->fraction);
    sbi_free(modes->ctx, modes);
}

size_t sbi_member_modes_count(const sbi_member_modes *modes)
{
    return modes ? modes->n : 0;
}

double sbi_member_modes_fraction(const sbi_member_modes *modes, size_t mode)
{
    return modes && mode < modes->n ? modes->fraction[mode] : 0;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* column_i = d_i.u, or |d_i| where u is NULL. */
static sbi_status write_column(block *b, const double *u, double *column)
{
    const int64_t rows = b->members->shape[0];
    for (int64_t first = 0; first < rows; first += ROWS) {
        const int64_t n = rows - first < ROWS ? rows - first : ROWS;
        SBI_TRY(read_block(b, first, n));
        for (int64_t i = 0; i < n; i++) {
            const double *d = b->d + (size_t)i * b->M;
            double sum = 0;
            for (size_t m = 0; m < b->M; m++) sum += d[m] * (u ? u[m] : d[m]);
            column[first + i] = u ? sum : sqrt(sum);
        }
    }
    return SBI_OK;
}

sbi_status sbi_member_modes_column(const sbi_member_modes *modes, size_t mode, const sbi_array *members, int32_t logarithms,
                                   double *column)
{
    SBI_REQUIRE(modes && members && column, "sbi_member_modes_column: an argument is NULL");
    SBI_REQUIRE(mode < modes->n, "sbi_member_modes_column: mode is %zu, there are %zu", mode, modes->n);
    SBI_TRY(sbi_members_check(members, "members", -1, modes->M));
    block b;
    sbi_status status = open_block(&b, modes->ctx, members, logarithms, modes->M, modes->scale);
    if (status == SBI_OK) status = write_column(&b, modes->rotation + mode * modes->M, column);
    close_block(&b);
    return status;
}

sbi_status sbi_member_spread(sbi_context *ctx, const sbi_array *members, int32_t logarithms, const sbi_ensemble_options *options,
                             double *column)
{
    SBI_REQUIRE(ctx && members && column, "sbi_member_spread: an argument is NULL");
    sbi_ensemble_options o;
    SBI_TRY(sbi_ensemble_options_read(&o, options));
    SBI_TRY(sbi_members_check(members, "members", -1, 0));
    const size_t M = (size_t)members->shape[1];
    block b;
    sbi_status status = open_block(&b, ctx, members, logarithms, M, scale_of(M, &o));
    if (status == SBI_OK) status = write_column(&b, NULL, column);
    close_block(&b);
    return status;
}
