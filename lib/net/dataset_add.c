/* SPDX-License-Identifier: Apache-2.0 */
/* Adding events: every array is looked at, and a part is taken whole or not at all. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"
#include "io/column.h"
#include "net/dataset.h"

#define BLOCK 1024

static const char *const extra_names[SBI_EXTRAS] = {"theta", "joint ratio", "score", "target"};

void sbi_event_files_init(sbi_event_files *files)
{
    if (!files) return;
    const sbi_event_files defaults = SBI_EVENT_FILES_INIT;
    *files = defaults;
}

void sbi_event_arrays_init(sbi_event_arrays *arrays)
{
    if (!arrays) return;
    const sbi_event_arrays defaults = SBI_EVENT_ARRAYS_INIT;
    *arrays = defaults;
}

void sbi_dataset_part_free(sbi_context *ctx, sbi_dataset_part *part)
{
    sbi_npy_unmap(part->feature_map);
    sbi_npy_unmap(part->weight_map);
    sbi_free(ctx, part->feature_path);
    sbi_free(ctx, part->weight_path);
    for (int e = 0; e < SBI_EXTRAS; e++) {
        sbi_npy_unmap(part->extra[e].map);
        sbi_free(ctx, part->extra[e].path);
    }
}

/* ---- views ---- */

/* [n] becomes [n, 1]. */
static sbi_status table_view(const sbi_array *in, sbi_array *out, const char *name)
{
    SBI_REQUIRE(in, "%s: the array is NULL", name);
    *out = *in;
    if (out->ndim == 1) {
        out->ndim = 2;
        out->shape[1] = 1;
        out->strides[1] = (int64_t)sbi_dtype_size(out->dtype);
    }
    return sbi_column_check_shape(out, 2, name);
}

sbi_status sbi_features_view(const sbi_array *in, sbi_array *out, const char *name)
{
    SBI_TRY(table_view(in, out, name));
    if (out->shape[1] < 1) return sbi_fail(SBI_ERR_SHAPE, "%s: there are no features", name);
    return SBI_OK;
}

/* [n] or [n, 1] becomes [n]. */
static sbi_status weights_view(const sbi_array *in, sbi_array *out, int64_t n, const char *name)
{
    *out = *in;
    if (out->ndim == 2 && out->shape[1] == 1) out->ndim = 1;
    SBI_TRY(sbi_column_check_shape(out, 1, name));
    if (out->shape[0] != n)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " weights for %" PRId64 " events", name, out->shape[0], n);
    return SBI_OK;
}

static sbi_status extra_view(const sbi_array *in, sbi_array *out, int64_t n, const char *name)
{
    SBI_TRY(table_view(in, out, name));
    if (out->shape[0] != n)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " rows for %" PRId64 " events", name, out->shape[0], n);
    if (out->shape[1] < 1) return sbi_fail(SBI_ERR_SHAPE, "%s: there are no columns", name);
    return SBI_OK;
}

/* ---- checking ---- */

/* A compensated running sum: it does not depend on how the terms come in parts. Source: Neumaier 1974. */
static void add_compensated(double *sum, double *rest, double x)
{
    const double t = *sum + x;
    *rest += fabs(*sum) >= fabs(x) ? (*sum - t) + x : (x - t) + *sum;
    *sum = t;
}

static sbi_status add_weights(const sbi_dataset *data, const sbi_dataset_part *part, const char *name, double *sum,
                              double *rest, double *absolute)
{
    double w[BLOCK];
    for (int64_t first = 0; first < part->n; first += BLOCK) {
        const int64_t n = part->n - first < BLOCK ? part->n - first : BLOCK;
        if (part->weights.ndim) sbi_column_read_f64(&part->weights, first, n, w);
        for (int64_t i = 0; i < n; i++) {
            if (!part->weights.ndim) w[i] = 1;
            if (w[i] < 0 && data->policy == SBI_WEIGHTS_REFUSE_NEGATIVE) {
                return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ": weight is %g, and negative weights were not allowed",
                                name, first + i, w[i]);
            }
            add_compensated(sum, rest, w[i]);
            *absolute += fabs(w[i]);
        }
    }
    return SBI_OK;
}

static sbi_status check_positive(const sbi_array *ratio, const char *name)
{
    double r[BLOCK];
    const int64_t n = ratio->shape[0];
    for (int64_t first = 0; first < n; first += BLOCK) {
        const int64_t rows = n - first < BLOCK ? n - first : BLOCK;
        sbi_rows_read_f64(ratio, first, rows, r, 1);
        for (int64_t i = 0; i < rows; i++)
            if (!(r[i] > 0))
                return sbi_fail(SBI_ERR_VALUE, "%s: row %" PRId64 ": joint ratio is %g, expected a positive number", name, first + i, r[i]);
    }
    return SBI_OK;
}

/* Columns that fit the parts before, and values that can be used. */
static sbi_status check_extra(const sbi_dataset *data, const sbi_dataset_part *part, int e, const char *name)
{
    const sbi_array *a = &part->extra[e].view;
    const sbi_array *theta = &part->extra[SBI_EXTRA_THETA].view;
    const int begun = data->events[part->side] > 0, has = a->ndim > 0;
    if (begun && has != data->has[part->side][e])
        return sbi_fail(SBI_ERR_SHAPE, "%s: %s, but the parts before of class \"%s\" have %s", name,
                        has ? extra_names[e] : "no such array", sbi_dataset_class_name(data, part->side), has ? "none" : extra_names[e]);
    if (!has) return SBI_OK;
    const int64_t columns = a->shape[1], before = data->extra_columns[e];
    if (e == SBI_EXTRA_RATIO && columns != 1) return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " columns, expected 1", name, columns);
    if (e == SBI_EXTRA_SCORE && !theta->ndim) return sbi_fail(SBI_ERR_SHAPE, "%s: a score without theta", name);
    if (e == SBI_EXTRA_SCORE && columns != theta->shape[1])
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " columns, but theta has %" PRId64, name, columns, theta->shape[1]);
    if (before && columns != before)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " columns of %s, but the parts before have %" PRId64, name, columns, extra_names[e], before);
    SBI_TRY(sbi_column_check_finite(data->ctx, a, name));
    return e == SBI_EXTRA_RATIO ? check_positive(a, name) : SBI_OK;
}

typedef struct names {
    const char *features, *weights, *extra[SBI_EXTRAS];
} names;

/* Names of features and parameters at the first part that has them. */
static sbi_status begin(sbi_dataset *data, const sbi_dataset_part *part)
{
    const sbi_array *theta = &part->extra[SBI_EXTRA_THETA].view;
    if (!data->default_names) {
        SBI_TRY(sbi_dataset_make_names(data, &data->default_names, "x", part->features.shape[1]));
        data->d = data->inputs = part->features.shape[1];
    }
    if (theta->ndim && !data->default_parameter_names) {
        SBI_TRY(sbi_dataset_make_names(data, &data->default_parameter_names, "theta", theta->shape[1]));
        data->extra_columns[SBI_EXTRA_THETA] = theta->shape[1];
        data->inputs = data->d + theta->shape[1];
    }
    return SBI_OK;
}

/* Checks a part whose views are set and takes it; on failure the caller keeps it. */
static sbi_status add_part(sbi_dataset *data, sbi_dataset_part *part, const names *name)
{
    const int32_t side = part->side;
    part->n = part->features.shape[0];
    part->first = data->events[side];
    if (data->d && part->features.shape[1] != data->d) {
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " features, but the parts before have %" PRId64, name->features,
                        part->features.shape[1], data->d);
    }
    if (sbi_dataset_all_events(data) + part->n > (int64_t)UINT32_MAX) {
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: more than %" PRId64 " events", name->features, (int64_t)UINT32_MAX);
    }
    SBI_TRY(sbi_column_check_finite(data->ctx, &part->features, name->features));
    if (part->weights.ndim) SBI_TRY(sbi_column_check_finite(data->ctx, &part->weights, name->weights));
    for (int e = 0; e < SBI_EXTRAS; e++) SBI_TRY(check_extra(data, part, e, name->extra[e]));
    double sum = data->weight[side], rest = data->weight_rest[side], absolute = data->weight_abs[side];
    SBI_TRY(add_weights(data, part, name->weights, &sum, &rest, &absolute));

    sbi_dataset_part *parts = sbi_realloc_array(data->ctx, data->parts, data->n_parts + 1, sizeof *parts);
    if (!parts) return SBI_ERR_NO_MEMORY;
    data->parts = parts;
    SBI_TRY(begin(data, part));
    parts[data->n_parts++] = *part;
    for (int e = 0; e < SBI_EXTRAS; e++) {
        if (part->n) data->has[side][e] = part->extra[e].view.ndim > 0;
        if (part->extra[e].view.ndim) data->extra_columns[e] = part->extra[e].view.shape[1];
    }
    data->events[side] += part->n;
    data->weight[side] = sum;
    data->weight_rest[side] = rest;
    data->weight_abs[side] = absolute;
    if (side >= data->classes) data->classes = side + 1;
    return SBI_OK;
}

/* ---- files ---- */

static sbi_status map_extra(sbi_dataset *data, sbi_dataset_part *part, int e, const char *path)
{
    sbi_dataset_extra *x = &part->extra[e];
    sbi_array view;
    if (!path) return SBI_OK;
    SBI_TRY(sbi_npy_map(&x->map, data->ctx, path));
    SBI_TRY(sbi_npy_array(x->map, &view));
    SBI_TRY(extra_view(&view, &x->view, part->features.shape[0], path));
    x->path = sbi_strdup(data->ctx, path);
    return x->path ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static sbi_status map_part(sbi_dataset *data, sbi_dataset_part *part, const sbi_event_files *files)
{
    sbi_array view;
    SBI_TRY(sbi_npy_map(&part->feature_map, data->ctx, files->features));
    SBI_TRY(sbi_npy_array(part->feature_map, &view));
    SBI_TRY(sbi_features_view(&view, &part->features, files->features));
    if (!(part->feature_path = sbi_strdup(data->ctx, files->features))) return SBI_ERR_NO_MEMORY;
    if (files->weights) {
        SBI_TRY(sbi_npy_map(&part->weight_map, data->ctx, files->weights));
        SBI_TRY(sbi_npy_array(part->weight_map, &view));
        SBI_TRY(weights_view(&view, &part->weights, part->features.shape[0], files->weights));
        if (!(part->weight_path = sbi_strdup(data->ctx, files->weights))) return SBI_ERR_NO_MEMORY;
    }
    const char *paths[SBI_EXTRAS] = {files->theta, files->joint_ratio, files->score, files->target};
    names name = {files->features, files->weights ? files->weights : files->features, {NULL}};
    for (int e = 0; e < SBI_EXTRAS; e++) {
        SBI_TRY(map_extra(data, part, e, paths[e]));
        name.extra[e] = paths[e] ? paths[e] : files->features;
    }
    return add_part(data, part, &name);
}

sbi_status sbi_dataset_add_files(sbi_dataset *data, int32_t side, const sbi_event_files *files)
{
    SBI_TRY(sbi_dataset_check_open(data, "sbi_dataset_add_files"));
    SBI_TRY(sbi_dataset_check_side(side, "sbi_dataset_add_files"));
    sbi_event_files known = SBI_EVENT_FILES_INIT;
    SBI_TRY(sbi_options_read(&known, sizeof known, sizeof known, files, "sbi_event_files"));
    SBI_REQUIRE(known.features, "sbi_dataset_add_files: features is NULL");
    SBI_REQUIRE(known.reserved_ == 0, "sbi_event_files.reserved_ is %d, expected 0", (int)known.reserved_);
    sbi_dataset_part part = {.side = side};
    sbi_status status = map_part(data, &part, &known);
    if (status != SBI_OK) sbi_dataset_part_free(data->ctx, &part);
    return status;
}

sbi_status sbi_dataset_add_npy(sbi_dataset *data, int32_t side, const char *features, const char *weights)
{
    SBI_TRY(sbi_dataset_check_open(data, "sbi_dataset_add_npy"));
    SBI_TRY(sbi_dataset_check_side(side, "sbi_dataset_add_npy"));
    SBI_REQUIRE(features, "sbi_dataset_add_npy: features is NULL");
    sbi_event_files files = SBI_EVENT_FILES_INIT;
    files.features = features;
    files.weights = weights;
    return sbi_dataset_add_files(data, side, &files);
}

/* ---- memory ---- */

sbi_status sbi_dataset_add_arrays(sbi_dataset *data, int32_t side, const sbi_event_arrays *arrays)
{
    SBI_TRY(sbi_dataset_check_open(data, "sbi_dataset_add_arrays"));
    SBI_TRY(sbi_dataset_check_side(side, "sbi_dataset_add_arrays"));
    sbi_event_arrays known = SBI_EVENT_ARRAYS_INIT;
    SBI_TRY(sbi_options_read(&known, sizeof known, sizeof known, arrays, "sbi_event_arrays"));
    SBI_REQUIRE(known.features, "sbi_dataset_add_arrays: features is NULL");
    SBI_REQUIRE(known.reserved_ == 0, "sbi_event_arrays.reserved_ is %d, expected 0", (int)known.reserved_);
    const sbi_array *given[SBI_EXTRAS] = {known.theta, known.joint_ratio, known.score, known.target};
    char text[SBI_EXTRAS + 2][64];
    const char *class_name = sbi_dataset_class_name(data, side);
    snprintf(text[SBI_EXTRAS], sizeof text[0], "%.40s features", class_name);
    snprintf(text[SBI_EXTRAS + 1], sizeof text[0], "%.40s weights", class_name);
    names name = {text[SBI_EXTRAS], text[SBI_EXTRAS + 1], {NULL}};
    sbi_dataset_part part = {.side = side};
    SBI_TRY(sbi_features_view(known.features, &part.features, name.features));
    if (known.weights) SBI_TRY(weights_view(known.weights, &part.weights, part.features.shape[0], name.weights));
    for (int e = 0; e < SBI_EXTRAS; e++) {
        snprintf(text[e], sizeof text[e], "%.40s %s", class_name, extra_names[e]);
        name.extra[e] = text[e];
        if (given[e]) SBI_TRY(extra_view(given[e], &part.extra[e].view, part.features.shape[0], text[e]));
    }
    return add_part(data, &part, &name);
}

sbi_status sbi_dataset_add_array(sbi_dataset *data, int32_t side, const sbi_array *features, const sbi_array *weights)
{
    SBI_TRY(sbi_dataset_check_open(data, "sbi_dataset_add_array"));
    SBI_TRY(sbi_dataset_check_side(side, "sbi_dataset_add_array"));
    SBI_REQUIRE(features, "sbi_dataset_add_array: features is NULL");
    sbi_event_arrays arrays = SBI_EVENT_ARRAYS_INIT;
    arrays.features = features;
    arrays.weights = weights;
    return sbi_dataset_add_arrays(data, side, &arrays);
}
