/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios of the events that an ensemble was trained on, each from the members that did not see it (k-fold cross-validation). */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/npy.h"
#include "net/dataset.h"
#include "net/folds.h"
#include "ratio/held_out.h"

#define CHUNK (16 * SBI_EVALUATE_ROWS)

typedef struct evaluation {
    const sbi_dataset *data;
    int32_t side;
    int32_t folds;
    uint64_t seed;
    sbi_ensemble **parts; /* [folds], of the members that left each out */
    double *x;            /* [CHUNK, d] */
    int64_t *event;       /* [CHUNK] */
    char *out;            /* ratio and spread of a chunk: [2, CHUNK, 8] */
} evaluation;

/* ---- who left out what ---- */

static sbi_status read_folds(const sbi_ensemble *ens, evaluation *e)
{
    for (size_t m = 0; m < ens->n; m++) {
        sbi_network_fold fold;
        SBI_TRY(sbi_network_folds(ens->networks[m], &fold));
        if (!fold.folds)
            return sbi_fail(SBI_ERR_STATE, "held-out ratios: member %zu was trained without folds", m);
        if (m == 0) {
            e->folds = fold.folds;
            e->seed = fold.seed;
        }
        if (fold.folds != e->folds || fold.seed != e->seed)
            return sbi_fail(SBI_ERR_STATE, "held-out ratios: member %zu was trained with %d folds and another seed or number than member 0",
                            m, (int)fold.folds);
    }
    return SBI_OK;
}

static sbi_status make_part(const sbi_ensemble *ens, evaluation *e, int32_t fold, sbi_network **list)
{
    size_t n = 0;
    for (size_t m = 0; m < ens->n; m++) {
        sbi_network_fold own;
        SBI_TRY(sbi_network_folds(ens->networks[m], &own));
        if (own.fold == fold) list[n++] = ens->networks[m];
    }
    if (!n)
        return sbi_fail(SBI_ERR_STATE, "held-out ratios: no member left out fold %d of %d: train at least %d members", (int)fold,
                        (int)e->folds, (int)e->folds);
    SBI_TRY(sbi_ensemble_create(&e->parts[fold], ens->ctx, list, n));
    e->parts[fold]->combination = ens->combination;
    return SBI_OK;
}

static sbi_status make_parts(const sbi_ensemble *ens, evaluation *e)
{
    sbi_context *ctx = ens->ctx;
    SBI_TRY(read_folds(ens, e));
    sbi_network **list = sbi_alloc_array(ctx, ens->n, sizeof *list);
    e->parts = sbi_alloc_zero(ctx, (size_t)e->folds, sizeof *e->parts);
    sbi_status status = list && e->parts ? SBI_OK : SBI_ERR_NO_MEMORY;
    for (int32_t f = 0; f < e->folds && status == SBI_OK; f++) status = make_part(ens, e, f, list);
    sbi_free(ctx, list);
    return status;
}

/* ---- evaluating ---- */

static void scatter(const evaluation *e, int64_t n, int64_t first, size_t size, const char *from, char *to)
{
    for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)(e->event[i] - first) * size, from + (size_t)i * size, size);
}

/* Those of `rows` events from `first` that are in one fold. */
static sbi_status run_fold(evaluation *e, int32_t fold, int64_t first, int64_t rows, const sbi_ratio_options *o, char *ratio, char *spread)
{
    /* A parameterised ensemble is asked at each event's own theta unless one was given for all. */
    const int own = e->parts[fold]->networks[0]->theta && !o->theta;
    const int64_t d = own ? e->data->inputs : e->data->d;
    const size_t size = sbi_dtype_size(o->dtype), at = (size_t)first * size;
    int64_t n = 0;
    for (int64_t i = first; i < first + rows; i++) {
        if (sbi_dataset_fold_of(e->side, i, e->seed, e->folds) != fold) continue;
        if (own)
            sbi_dataset_read_inputs(e->data, e->side, i, 1, e->x + n * d);
        else
            sbi_dataset_read_features(e->data, e->side, i, 1, e->x + n * d);
        e->event[n++] = i;
    }
    if (!n) return SBI_OK;
    sbi_ratio_job job = sbi_ratio_job_of(e->parts[fold], o);
    job.features = sbi_array_2d(e->x, SBI_F64, n, d);
    job.name = "features";
    job.ratio = e->out;
    job.spread = spread ? e->out + CHUNK * sizeof(double) : NULL;
    SBI_TRY(sbi_ratio_run(&job));
    scatter(e, n, first, size, e->out, ratio + at);
    if (spread) scatter(e, n, first, size, e->out + CHUNK * sizeof(double), spread + at);
    return SBI_OK;
}

sbi_status sbi_held_out_ratios(const sbi_ensemble *ens, const sbi_dataset *data, int32_t side, const sbi_ratio_options *o, void *ratio,
                               void *spread)
{
    sbi_context *ctx = ens->ctx;
    const int64_t events = data->events[side];
    evaluation e = {.data = data, .side = side};
    sbi_status status = make_parts(ens, &e);
    e.x = status == SBI_OK ? sbi_alloc_array(ctx, (size_t)data->inputs, CHUNK * sizeof *e.x) : NULL;
    e.event = status == SBI_OK ? sbi_alloc_array(ctx, CHUNK, sizeof *e.event) : NULL;
    e.out = status == SBI_OK ? sbi_alloc_array(ctx, 2 * CHUNK, sizeof(double)) : NULL;
    if (status == SBI_OK && !(e.x && e.event && e.out)) status = SBI_ERR_NO_MEMORY;
    for (int64_t first = 0; first < events && status == SBI_OK; first += CHUNK) {
        const int64_t rows = events - first < CHUNK ? events - first : CHUNK;
        for (int32_t f = 0; f < e.folds && status == SBI_OK; f++) status = run_fold(&e, f, first, rows, o, ratio, spread);
        sbi_progress(ctx, "ratio", (double)(first + rows), (double)events, "%d folds", (int)e.folds);
    }
    for (int32_t f = 0; e.parts && f < e.folds; f++) sbi_ensemble_destroy(e.parts[f]);
    sbi_free(ctx, e.parts);
    sbi_free(ctx, e.x);
    sbi_free(ctx, e.event);
    sbi_free(ctx, e.out);
    return status;
}

/* ---- the public functions ---- */

static sbi_status check(const char *name, const sbi_ensemble *ens, sbi_dataset *data, int32_t side)
{
    SBI_REQUIRE(ens && data, "%s: ens or data is NULL", name);
    SBI_REQUIRE(side == SBI_NUMERATOR || side == SBI_DENOMINATOR, "%s: side is %d, expected SBI_NUMERATOR or SBI_DENOMINATOR", name,
                (int)side);
    sbi_dataset_freeze(data);
    return SBI_OK;
}

sbi_status sbi_ratio_evaluate_held_out(const sbi_ensemble *ens, sbi_dataset *data, int32_t side, double *ratio, double *spread,
                                       const sbi_ratio_options *options)
{
    sbi_ratio_options known;
    SBI_TRY(check("sbi_ratio_evaluate_held_out", ens, data, side));
    SBI_REQUIRE(ratio, "sbi_ratio_evaluate_held_out: ratio is NULL");
    SBI_TRY(sbi_ratio_options_read(&known, options));
    known.dtype = SBI_F64;
    return sbi_held_out_ratios(ens, data, side, &known, ratio, spread);
}

sbi_status sbi_ratio_write_held_out(const sbi_ensemble *ens, sbi_dataset *data, int32_t side, const char *ratio,
                                    const sbi_ratio_options *options)
{
    sbi_ratio_options known;
    SBI_TRY(check("sbi_ratio_write_held_out", ens, data, side));
    SBI_REQUIRE(ratio, "sbi_ratio_write_held_out: ratio is NULL");
    SBI_TRY(sbi_ratio_options_read(&known, options));
    SBI_REQUIRE(!known.members, "sbi_ratio_write_held_out: every event has members of its own, so there is no file of members");
    const int64_t n = data->events[side];
    sbi_npy_output *column = NULL, *spread = NULL;
    sbi_status status = sbi_npy_output_open(&column, ens->ctx, ratio, known.dtype, 1, &n);
    if (status == SBI_OK && known.spread) status = sbi_npy_output_open(&spread, ens->ctx, known.spread, known.dtype, 1, &n);
    if (status == SBI_OK)
        status = sbi_held_out_ratios(ens, data, side, &known, sbi_npy_output_data(column), spread ? sbi_npy_output_data(spread) : NULL);
    if (status == SBI_OK && spread) {
        status = sbi_npy_output_commit(spread);
        spread = NULL;
    }
    if (status == SBI_OK) {
        status = sbi_npy_output_commit(column);
        column = NULL;
    }
    sbi_npy_output_abandon(column);
    sbi_npy_output_abandon(spread);
    return status;
}
