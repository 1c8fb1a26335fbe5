/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loss.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "device/device.h"

#define ROWS 1024

static const char *loss_name(int32_t loss)
{
    static const char *const names[] = {"", "BCE", "MULTICLASS", "REGRESSION", "ROLR", "ALICE", "RASCAL", "ALICES", "CASCAL"};
    return names[loss];
}

/* Every class with events has it. */
static sbi_status need(const sbi_dataset *data, int extra, const char *what, int32_t loss)
{
    for (int32_t c = 0; c < data->classes; c++)
        if (data->events[c] && !data->has[c][extra])
            return sbi_fail(SBI_ERR_VALUE, "training: the loss %s needs %s, which the events of class \"%s\" do not have", loss_name(loss), what,
                            sbi_dataset_class_name(data, c));
    return SBI_OK;
}

/* What belongs to one theta is of no use with another, drawn for the event. */
static sbi_status need_own_theta(const sbi_dataset *data, int32_t side, const char *what, int32_t loss)
{
    if (data->inputs > data->d && !data->has[side][SBI_EXTRA_THETA])
        return sbi_fail(SBI_ERR_VALUE, "training: the loss %s uses the %s of class \"%s\", whose events have no theta of their own",
                        loss_name(loss), what, sbi_dataset_class_name(data, side));
    return SBI_OK;
}

static sbi_status need_ratio(const sbi_dataset *data, int32_t loss)
{
    SBI_TRY(need(data, SBI_EXTRA_RATIO, "joint ratios", loss));
    SBI_TRY(need_own_theta(data, SBI_DENOMINATOR, "joint ratios", loss));
    return need_own_theta(data, SBI_NUMERATOR, "joint ratios", loss);
}

static sbi_status need_score(const sbi_dataset *data, int32_t loss)
{
    if (!data->has[SBI_NUMERATOR][SBI_EXTRA_SCORE])
        return sbi_fail(SBI_ERR_VALUE, "training: the loss %s needs scores, which the events of class \"%s\" do not have", loss_name(loss),
                        sbi_dataset_class_name(data, SBI_NUMERATOR));
    return SBI_OK;
}

sbi_status sbi_loss_choose(sbi_loss *out, const sbi_dataset *data, const sbi_train_options *o)
{
    const int32_t l = o->loss;
    *out = (sbi_loss){.kind = SBI_DEVICE_LOSS_BCE, .classes = data->classes, .outputs = 1, .columns = 1};
    out->score = l == SBI_LOSS_RASCAL || l == SBI_LOSS_ALICES || l == SBI_LOSS_CASCAL;
    if (l == SBI_LOSS_REGRESSION) {
        SBI_TRY(sbi_dataset_check_events(data));
        SBI_TRY(need(data, SBI_EXTRA_TARGET, "targets", l));
        out->kind = SBI_DEVICE_LOSS_SQUARE;
        out->classes = 0;
        out->outputs = out->columns = data->extra_columns[SBI_EXTRA_TARGET];
        return SBI_OK;
    }
    SBI_TRY(sbi_dataset_check_classes(data));
    if (l == SBI_LOSS_MULTICLASS) {
        out->kind = SBI_DEVICE_LOSS_SOFTMAX;
        out->outputs = data->classes;
        return SBI_OK;
    }
    if (l == SBI_LOSS_BCE) {
        if (data->classes > 2) {
            out->kind = SBI_DEVICE_LOSS_HEADS;
            out->outputs = data->classes - 1;
        }
        return SBI_OK;
    }
    if (data->classes != 2)
        return sbi_fail(SBI_ERR_UNSUPPORTED, "training: the loss %s is for two classes, the dataset has %d", loss_name(l), (int)data->classes);
    if (l != SBI_LOSS_CASCAL) SBI_TRY(need_ratio(data, l));
    if (l == SBI_LOSS_ROLR || l == SBI_LOSS_RASCAL) out->kind = SBI_DEVICE_LOSS_RATIO_SQUARE;
    return out->score ? need_score(data, l) : SBI_OK;
}

/* ---- labels ---- */

static sbi_status too_large(const sbi_dataset *data, int32_t side, int64_t row, const char *what, double value)
{
    return sbi_fail(SBI_ERR_VALUE, "training: class \"%s\", event %" PRId64 ": %s is %g, out of the range of f32",
                    sbi_dataset_class_name(data, side), row, what, value);
}

/* r of an event of the denominator, -1 / r of one of the numerator: what exp(z) and exp(-z) are to be. */
static sbi_status ratio_targets(const sbi_dataset *data, int32_t side, int64_t first, int64_t n, const double *r, float *y)
{
    for (int64_t i = 0; i < n; i++) {
        const double target = side == SBI_NUMERATOR ? 1 / r[i] : r[i];
        if (!(target <= FLT_MAX)) return too_large(data, side, first + i, side == SBI_NUMERATOR ? "1 / joint ratio" : "the joint ratio", target);
        y[i] = (float)(side == SBI_NUMERATOR ? -target : target);
        if (side == SBI_NUMERATOR && y[i] == 0) y[i] = -FLT_MIN; /* the sign tells the side */
    }
    return SBI_OK;
}

static sbi_status label_rows(const sbi_loss *loss, const sbi_dataset *data, const sbi_train_options *o, double odds, int32_t side,
                             int64_t first, int64_t n, double *own, float *y)
{
    const double s = o->label_smoothing;
    const int alice = o->loss == SBI_LOSS_ALICE || o->loss == SBI_LOSS_ALICES;
    if (loss->kind == SBI_DEVICE_LOSS_SQUARE) {
        sbi_dataset_read_extra(data, side, SBI_EXTRA_TARGET, first, n, own, loss->columns);
        for (int64_t k = 0; k < n * loss->columns; k++) {
            if (!(fabs(own[k]) <= FLT_MAX)) return too_large(data, side, first + k / loss->columns, "the target", own[k]);
            y[k] = (float)own[k];
        }
        return SBI_OK;
    }
    if (loss->kind == SBI_DEVICE_LOSS_SOFTMAX || loss->kind == SBI_DEVICE_LOSS_HEADS) {
        for (int64_t i = 0; i < n; i++) y[i] = (float)side;
        return SBI_OK;
    }
    if (alice || loss->kind == SBI_DEVICE_LOSS_RATIO_SQUARE) sbi_dataset_read_extra(data, side, SBI_EXTRA_RATIO, first, n, own, 1);
    if (loss->kind == SBI_DEVICE_LOSS_RATIO_SQUARE) return ratio_targets(data, side, first, n, own, y);
    for (int64_t i = 0; i < n; i++) {
        const double label = alice ? 1 / (1 + 1 / (odds * own[i])) : side == SBI_NUMERATOR;
        y[i] = (float)((1 - s) * label + 0.5 * s);
    }
    return SBI_OK;
}

sbi_status sbi_loss_labels(const sbi_loss *loss, const sbi_dataset *data, const sbi_train_options *o, double odds, float *y)
{
    double *own = sbi_alloc_array(data->ctx, (size_t)loss->columns, ROWS * sizeof *own);
    if (!own) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (int32_t c = 0; c < data->classes; c++) {
        for (int64_t first = 0; first < data->events[c] && status == SBI_OK; first += ROWS) {
            const int64_t n = data->events[c] - first < ROWS ? data->events[c] - first : ROWS;
            status = label_rows(loss, data, o, odds, c, first, n, own, y);
            y += n * loss->columns;
        }
    }
    sbi_free(data->ctx, own);
    return status;
}

sbi_status sbi_loss_scores(const sbi_dataset *data, float *out)
{
    const int64_t q = data->extra_columns[SBI_EXTRA_SCORE];
    double *own = sbi_alloc_array(data->ctx, (size_t)q, ROWS * sizeof *own);
    if (!own) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (int32_t c = 0; c < data->classes; c++) {
        for (int64_t first = 0; first < data->events[c]; first += ROWS) {
            const int64_t n = data->events[c] - first < ROWS ? data->events[c] - first : ROWS;
            sbi_dataset_read_extra(data, c, SBI_EXTRA_SCORE, first, n, own, q);
            for (int64_t i = 0; i < n; i++, out += q + 1) {
                for (int64_t j = 0; j < q; j++) {
                    const double t = c == SBI_NUMERATOR ? own[i * q + j] : 0;
                    if (!(fabs(t) <= FLT_MAX) && status == SBI_OK) status = too_large(data, c, first + i, "the score", t);
                    out[j] = (float)t;
                }
                out[q] = c == SBI_NUMERATOR;
            }
        }
    }
    sbi_free(data->ctx, own);
    return status;
}
