/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a side that diagnostics and calibrations work on, with their ln r. */
#include <inttypes.h>
#include <math.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/column.h"
#include "ratio/diagnostics.h"
#include "ratio/held_out.h"

static const char *side_name(int32_t side)
{
    return side == SBI_NUMERATOR ? "numerator" : "denominator";
}

void sbi_sample_free(sbi_context *ctx, sbi_sample *s)
{
    sbi_free(ctx, s->event);
    sbi_free(ctx, s->log_ratio);
    sbi_free(ctx, s->weight);
    sbi_free(ctx, s->spread);
}

static int chosen(const sbi_sample_choice *c, int32_t side, int64_t event)
{
    if (c->which == SBI_SAMPLE_ALL) return 1;
    return sbi_dataset_is_held_out(side, event, c->seed, c->fraction) == (c->which == SBI_SAMPLE_HELD_OUT);
}

static void select_events(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_choice *c)
{
    const int64_t n = data->events[side];
    sbi_dataset_read_weights(data, side, 0, n, s->weight);
    for (int64_t i = 0; i < n && (!c->most || s->n < c->most); i++) {
        if (!chosen(c, side, i)) continue;
        s->weight[s->n] = s->weight[i];
        s->event[s->n++] = i;
    }
}

sbi_status sbi_sample_choose(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_choice *choice, const char *name,
                             int optional)
{
    const size_t n = (size_t)data->events[side];
    s->event = sbi_alloc_array(data->ctx, n, sizeof *s->event);
    s->log_ratio = sbi_alloc_array(data->ctx, n, sizeof *s->log_ratio);
    s->weight = sbi_alloc_array(data->ctx, n, sizeof *s->weight);
    if (!s->event || !s->log_ratio || !s->weight) return SBI_ERR_NO_MEMORY;
    select_events(s, data, side, choice);
    double sum = 0;
    for (int64_t i = 0; i < s->n; i++) sum += s->weight[i];
    if (optional && !(sum > 0)) s->n = 0;
    if (s->n == 0 && optional) return SBI_OK;
    if (s->n == 0) return sbi_fail(SBI_ERR_VALUE, "%s: no event of the %s is held out", name, side_name(side));
    if (!(sum > 0)) return sbi_fail(SBI_ERR_VALUE, "%s: the weights of the %s sum to %g", name, side_name(side), sum);
    for (int64_t i = 0; i < s->n; i++) s->weight[i] /= sum;
    return SBI_OK;
}

static void take_ratios(sbi_sample *s, const sbi_array *log_ratio, double correction)
{
    const double shift = log(correction);
    for (int64_t i = 0; i < s->n; i++) {
        sbi_column_read_f64(log_ratio, s->event[i], 1, &s->log_ratio[i]);
        s->log_ratio[i] -= shift;
    }
}

/* All events, each from the members that did not see it. */
static sbi_status evaluate_folds(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_source *source)
{
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.output = SBI_RATIO_LOG;
    o.correction = source->correction;
    o.calibration = source->calibration;
    o.device = source->device;
    return sbi_held_out_ratios(source->ens, data, side, &o, s->log_ratio, s->spread);
}

/* Chunks of selected events through the ensemble. */
static sbi_status evaluate_ratios(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_source *source)
{
    enum { CHUNK = 16 * SBI_EVALUATE_ROWS };
    const int64_t d = source->ens->networks[0]->theta ? data->inputs : data->d; /* a parameterised ensemble is judged at each event's own theta */
    sbi_ensemble one = *source->ens;
    if (source->member >= 0) {
        one.networks += source->member;
        one.n = 1;
    }
    double *x = sbi_alloc_array(data->ctx, (size_t)d, CHUNK * sizeof *x);
    if (!x) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (int64_t first = 0; first < s->n && status == SBI_OK; first += CHUNK) {
        const int64_t rows = s->n - first < CHUNK ? s->n - first : CHUNK;
        for (int64_t i = 0, run; i < rows; i += run) { /* neighbours are read together */
            for (run = 1; i + run < rows && s->event[first + i + run] == s->event[first + i] + run;) run++;
            if (d == data->d) sbi_dataset_read_features(data, side, s->event[first + i], run, x + i * d);
            else sbi_dataset_read_inputs(data, side, s->event[first + i], run, x + i * d);
        }
        const sbi_ratio_job job = {
            .ens = &one,
            .features = sbi_array_2d(x, SBI_F64, rows, d),
            .name = "features",
            .log = 1,
            .dtype = SBI_F64,
            .correction = source->correction,
            .calibration = source->calibration,
            .device = source->device,
            .numerator = SBI_NUMERATOR,
            .denominator = SBI_DENOMINATOR,
            .ratio = s->log_ratio + first,
            .spread = s->spread ? s->spread + first : NULL,
        };
        status = sbi_ratio_run(&job);
    }
    sbi_free(data->ctx, x);
    return status;
}

sbi_status sbi_sample_fill(sbi_sample *s, const sbi_dataset *data, int32_t side, const sbi_sample_source *source, const char *name)
{
    if (source->ens) {
        if (source->spread && !(s->spread = sbi_alloc_array(data->ctx, (size_t)s->n, sizeof *s->spread))) return SBI_ERR_NO_MEMORY;
        SBI_TRY(source->folds ? evaluate_folds(s, data, side, source) : evaluate_ratios(s, data, side, source));
    } else {
        take_ratios(s, source->given[side], source->correction);
    }
    for (int64_t i = 0; i < s->n; i++) {
        if (!isfinite(exp(fabs(s->log_ratio[i]))))
            return sbi_fail(SBI_ERR_VALUE, "%s: %s, row %" PRId64 ": ln r is %g, r or 1 / r is not a finite number", name, side_name(side),
                            s->event[i], s->log_ratio[i]);
    }
    return SBI_OK;
}

sbi_status sbi_sample_check_given(const sbi_dataset *data, const sbi_array *const given[2])
{
    for (int32_t side = 0; side < 2; side++) {
        const char *name = side == SBI_NUMERATOR ? "log_numerator" : "log_denominator";
        SBI_TRY(sbi_column_check_shape(given[side], 1, name));
        if (given[side]->shape[0] != data->events[side])
            return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " ratios for %" PRId64 " events", name, given[side]->shape[0],
                            data->events[side]);
        SBI_TRY(sbi_column_check_finite(data->ctx, given[side], name));
    }
    return SBI_OK;
}
