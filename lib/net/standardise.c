/* SPDX-License-Identifier: Apache-2.0 */
/* Shift and scale of inputs, after their transforms. */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/dataset_pass.h"
#include "sbi/train.h"

/* A spread of so few roundings of the mean is none: the inputs would be rounding errors scaled up. */
#define ROUNDINGS 16

typedef struct moments {
    int64_t inputs;
    const double *centre;
} moments;

/* Sums, the least of each input, and the least of its negative. */
static sbi_status add_means(void *user, const sbi_dataset_rows *r, double *sums)
{
    const moments *m = user;
    double *low = sums + m->inputs, *high = low + m->inputs;
    for (int64_t i = 0; i < r->n; i++) {
        for (int64_t j = 0; j < m->inputs; j++) {
            const double v = r->y[i * m->inputs + j];
            sums[j] += fabs(r->w[i]) * v;
            low[j] = v < low[j] ? v : low[j];
            high[j] = -v < high[j] ? -v : high[j];
        }
    }
    return SBI_OK;
}

static sbi_status add_squares(void *user, const sbi_dataset_rows *r, double *sums)
{
    const moments *m = user;
    for (int64_t i = 0; i < r->n; i++) {
        for (int64_t j = 0; j < m->inputs; j++) {
            const double c = r->y[i * m->inputs + j] - m->centre[j];
            sums[j] += fabs(r->w[i]) * c * c;
        }
    }
    return SBI_OK;
}

/* shift: the middle of the range, and width half of it. An input of one value has width 0, whatever rounding makes of its mean. */
static void take_range(const sbi_dataset_pass *pass, const moments *m, double *shift, double *width)
{
    for (int64_t j = 0; j < m->inputs; j++) {
        const double low = sbi_dataset_pass_least(pass, (size_t)(m->inputs + j));
        const double high = -sbi_dataset_pass_least(pass, (size_t)(2 * m->inputs + j));
        shift[j] = low == high ? low : 0.5 * low + 0.5 * high;
        width[j] = low == high ? 0 : 0.5 * high - 0.5 * low;
    }
}

static sbi_status take_deviation(sbi_dataset_pass *pass, moments *m, double *shift, double *width)
{
    for (int64_t j = 0; j < m->inputs; j++)
        if (width[j] > 0) shift[j] = sbi_dataset_pass_mean(pass, (size_t)j);
    m->centre = shift;
    pass->rows = add_squares;
    pass->n_least = 0;
    SBI_TRY(sbi_dataset_pass_run(pass));
    for (int64_t j = 0; j < m->inputs; j++)
        if (width[j] > 0) width[j] = sqrt(sbi_dataset_pass_mean(pass, (size_t)j));
    return SBI_OK;
}

/* Inputs of a feature with categories are 0 and 1 and stay so. */
static int is_one_hot(const sbi_transforms *t, int64_t feature)
{
    if (!t || t->first_step[feature] == t->first_step[feature + 1]) return 0;
    const int64_t kind = t->steps[t->first_step[feature]].kind;
    return kind == SBI_TRANSFORM_ONE_HOT || kind == SBI_TRANSFORM_ONE_HOT_OR_ZERO;
}

/* scale holds widths, and then scales. */
static sbi_status finish(const sbi_dataset *data, const sbi_transforms *t, double *shift, double *scale)
{
    for (int64_t j = 0; j < data->inputs; j++) {
        const int64_t first = t ? t->first_input[j] : j, end = t ? t->first_input[j + 1] : j + 1;
        for (int64_t k = first; k < end; k++) {
            if (!isfinite(shift[k]) || !isfinite(scale[k]))
                return sbi_fail(SBI_ERR_VALUE, "dataset: feature \"%s\": its mean is %g with the spread %g, too large for doubles",
                                sbi_dataset_input_name(data, j), shift[k], scale[k]);
            const int plain = is_one_hot(t, j), constant = !(scale[k] > ROUNDINGS * DBL_EPSILON * fabs(shift[k]));
            if (plain) shift[k] = 0;
            if (constant && !plain)
                sbi_log(data->ctx, SBI_LOG_WARNING, "dataset: feature \"%s\" has the same value in all events",
                        sbi_dataset_input_name(data, j));
            scale[k] = constant || plain ? 1 : 1 / scale[k];
        }
    }
    return SBI_OK;
}

static sbi_status find_scales(sbi_dataset *data, int32_t standardise, const sbi_transforms *t, double *shift, double *scale)
{
    moments m = {.inputs = t ? t->inputs : data->inputs};
    sbi_dataset_pass pass = {.data = data, .transforms = t, .user = &m};
    if (standardise == SBI_STANDARDISE_NONE) {
        for (int64_t j = 0; j < m.inputs; j++) shift[j] = 0, scale[j] = 1;
        return SBI_OK;
    }
    pass.n_sums = 3 * (size_t)m.inputs;
    pass.n_least = 2 * (size_t)m.inputs;
    pass.rows = add_means;
    sbi_status status = sbi_dataset_pass_run(&pass);
    if (status == SBI_OK) take_range(&pass, &m, shift, scale);
    if (status == SBI_OK && standardise != SBI_STANDARDISE_MIN_MAX) status = take_deviation(&pass, &m, shift, scale);
    sbi_dataset_pass_clear(&pass);
    return status == SBI_OK ? finish(data, t, shift, scale) : status;
}

sbi_status sbi_dataset_find_inputs(sbi_dataset *data, int32_t standardise, sbi_transforms **transforms, double **shift, double **scale)
{
    SBI_TRY(sbi_dataset_find_transforms(data, standardise, transforms));
    const size_t inputs = (size_t)(*transforms ? (*transforms)->inputs : data->inputs);
    *shift = sbi_alloc_array(data->ctx, inputs, sizeof **shift);
    *scale = sbi_alloc_array(data->ctx, inputs, sizeof **scale);
    sbi_status status = *shift && *scale ? find_scales(data, standardise, *transforms, *shift, *scale) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) return SBI_OK;
    sbi_transforms_free(*transforms);
    sbi_free(data->ctx, *shift);
    sbi_free(data->ctx, *scale);
    *transforms = NULL;
    *shift = *scale = NULL;
    return status;
}
