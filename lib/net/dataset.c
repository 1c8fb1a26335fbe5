/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "io/column.h"

#define WEIGHT_BLOCK 1024

sbi_status sbi_dataset_create(sbi_dataset **out, sbi_context *ctx)
{
    SBI_REQUIRE(out, "sbi_dataset_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_dataset_create: ctx is NULL");
    sbi_dataset *data = sbi_alloc_zero(ctx, 1, sizeof *data);
    if (!data) return SBI_ERR_NO_MEMORY;
    data->ctx = ctx;
    int error = pthread_mutex_init(&data->lock, NULL);
    if (error) {
        sbi_free(ctx, data);
        return sbi_fail_errno(error, "sbi_dataset_create: mutex");
    }
    *out = data;
    return SBI_OK;
}

static void free_names(sbi_dataset *data, char **names)
{
    for (int64_t j = 0; names && j < data->d; j++) sbi_free(data->ctx, names[j]);
    sbi_free(data->ctx, names);
}

static void free_part(sbi_context *ctx, sbi_dataset_part *part)
{
    sbi_npy_unmap(part->feature_map);
    sbi_npy_unmap(part->weight_map);
    sbi_free(ctx, part->feature_path);
    sbi_free(ctx, part->weight_path);
}

void sbi_dataset_destroy(sbi_dataset *data)
{
    if (!data) return;
    for (size_t i = 0; i < data->n_parts; i++) free_part(data->ctx, &data->parts[i]);
    for (int i = 0; i < SBI_DATASET_PACKS; i++) sbi_dataset_pack_free(data, &data->packs[i]);
    free_names(data, data->names);
    free_names(data, data->default_names);
    sbi_transforms_free(data->transforms);
    sbi_free(data->ctx, data->parts);
    pthread_mutex_destroy(&data->lock);
    sbi_free(data->ctx, data);
}

static sbi_status check_open(const sbi_dataset *data, const char *function)
{
    SBI_REQUIRE(data, "%s: data is NULL", function);
    if (atomic_load(&data->in_use)) return sbi_fail(SBI_ERR_STATE, "%s: the dataset is in use and cannot change", function);
    return SBI_OK;
}

sbi_status sbi_dataset_set_weight_policy(sbi_dataset *data, int32_t policy)
{
    SBI_TRY(check_open(data, "sbi_dataset_set_weight_policy"));
    SBI_REQUIRE(policy == SBI_WEIGHTS_REFUSE_NEGATIVE || policy == SBI_WEIGHTS_ALLOW_NEGATIVE,
                "sbi_dataset_set_weight_policy: policy is %d, expected 0 or 1", (int)policy);
    data->policy = policy;
    return SBI_OK;
}

sbi_status sbi_features_view(const sbi_array *in, sbi_array *out, const char *name)
{
    SBI_REQUIRE(in, "%s: the array is NULL", name);
    *out = *in;
    if (out->ndim == 1) {
        out->ndim = 2;
        out->shape[1] = 1;
        out->strides[1] = (int64_t)sbi_dtype_size(out->dtype);
    }
    SBI_TRY(sbi_column_check_shape(out, 2, name));
    if (out->shape[1] < 1) return sbi_fail(SBI_ERR_SHAPE, "%s: there are no features", name);
    return SBI_OK;
}

/* [n] or [n, 1] becomes [n]. */
static sbi_status weights_view(const sbi_array *in, sbi_array *out, int64_t n, const char *name)
{
    *out = *in;
    if (out->ndim == 2 && out->shape[1] == 1) out->ndim = 1;
    SBI_TRY(sbi_column_check_shape(out, 1, name));
    if (out->shape[0] != n) {
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " weights for %" PRId64 " events", name, out->shape[0], n);
    }
    return SBI_OK;
}

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
    double w[WEIGHT_BLOCK];
    for (int64_t first = 0; first < part->n; first += WEIGHT_BLOCK) {
        const int64_t n = part->n - first < WEIGHT_BLOCK ? part->n - first : WEIGHT_BLOCK;
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

static sbi_status make_default_names(sbi_dataset *data, int64_t d)
{
    char **names = sbi_alloc_zero(data->ctx, (size_t)d, sizeof *names);
    if (!names) return SBI_ERR_NO_MEMORY;
    for (int64_t j = 0; j < d; j++) {
        if (!(names[j] = sbi_strf(data->ctx, "x%" PRId64, j))) {
            for (int64_t k = 0; k < j; k++) sbi_free(data->ctx, names[k]);
            sbi_free(data->ctx, names);
            return SBI_ERR_NO_MEMORY;
        }
    }
    data->default_names = names;
    data->d = d;
    return SBI_OK;
}

/* Checks a part whose views are set and takes it; on failure the caller keeps it. */
static sbi_status add_part(sbi_dataset *data, sbi_dataset_part *part, const char *name, const char *weight_name)
{
    const int32_t side = part->side;
    part->n = part->features.shape[0];
    part->first = data->events[side];
    if (data->d && part->features.shape[1] != data->d) {
        return sbi_fail(SBI_ERR_SHAPE, "%s: %" PRId64 " features, but the parts before have %" PRId64, name,
                        part->features.shape[1], data->d);
    }
    if (data->events[0] + data->events[1] + part->n > (int64_t)UINT32_MAX) {
        return sbi_fail(SBI_ERR_UNSUPPORTED, "%s: more than %" PRId64 " events", name, (int64_t)UINT32_MAX);
    }
    SBI_TRY(sbi_column_check_finite(data->ctx, &part->features, name));
    if (part->weights.ndim) SBI_TRY(sbi_column_check_finite(data->ctx, &part->weights, weight_name));
    double sum = data->weight[side], rest = data->weight_rest[side], absolute = data->weight_abs[side];
    SBI_TRY(add_weights(data, part, weight_name, &sum, &rest, &absolute));

    sbi_dataset_part *parts = sbi_realloc_array(data->ctx, data->parts, data->n_parts + 1, sizeof *parts);
    if (!parts) return SBI_ERR_NO_MEMORY;
    data->parts = parts;
    if (!data->d) SBI_TRY(make_default_names(data, part->features.shape[1]));
    parts[data->n_parts++] = *part;
    data->events[side] += part->n;
    data->weight[side] = sum;
    data->weight_rest[side] = rest;
    data->weight_abs[side] = absolute;
    return SBI_OK;
}

static sbi_status check_side(int32_t side, const char *function)
{
    SBI_REQUIRE(side == SBI_NUMERATOR || side == SBI_DENOMINATOR,
                "%s: side is %d, expected SBI_NUMERATOR or SBI_DENOMINATOR", function, (int)side);
    return SBI_OK;
}

static sbi_status map_part(sbi_dataset *data, sbi_dataset_part *part, const char *features, const char *weights)
{
    sbi_array view;
    SBI_TRY(sbi_npy_map(&part->feature_map, data->ctx, features));
    SBI_TRY(sbi_npy_array(part->feature_map, &view));
    SBI_TRY(sbi_features_view(&view, &part->features, features));
    if (!(part->feature_path = sbi_strdup(data->ctx, features))) return SBI_ERR_NO_MEMORY;
    if (weights) {
        SBI_TRY(sbi_npy_map(&part->weight_map, data->ctx, weights));
        SBI_TRY(sbi_npy_array(part->weight_map, &view));
        SBI_TRY(weights_view(&view, &part->weights, part->features.shape[0], weights));
        if (!(part->weight_path = sbi_strdup(data->ctx, weights))) return SBI_ERR_NO_MEMORY;
    }
    return add_part(data, part, features, weights ? weights : features);
}

sbi_status sbi_dataset_add_npy(sbi_dataset *data, int32_t side, const char *features, const char *weights)
{
    SBI_TRY(check_open(data, "sbi_dataset_add_npy"));
    SBI_TRY(check_side(side, "sbi_dataset_add_npy"));
    SBI_REQUIRE(features, "sbi_dataset_add_npy: features is NULL");
    sbi_dataset_part part = {.side = side};
    sbi_status status = map_part(data, &part, features, weights);
    if (status != SBI_OK) free_part(data->ctx, &part);
    return status;
}

sbi_status sbi_dataset_add_array(sbi_dataset *data, int32_t side, const sbi_array *features, const sbi_array *weights)
{
    SBI_TRY(check_open(data, "sbi_dataset_add_array"));
    SBI_TRY(check_side(side, "sbi_dataset_add_array"));
    sbi_dataset_part part = {.side = side};
    const char *name = side == SBI_NUMERATOR ? "numerator features" : "denominator features";
    const char *weight_name = side == SBI_NUMERATOR ? "numerator weights" : "denominator weights";
    SBI_TRY(sbi_features_view(features, &part.features, name));
    if (weights) SBI_TRY(weights_view(weights, &part.weights, part.features.shape[0], weight_name));
    return add_part(data, &part, name, weight_name);
}

sbi_status sbi_dataset_set_feature_names(sbi_dataset *data, const char *const *names, size_t n)
{
    SBI_TRY(check_open(data, "sbi_dataset_set_feature_names"));
    SBI_REQUIRE(names, "sbi_dataset_set_feature_names: names is NULL");
    if ((int64_t)n != data->d) {
        return sbi_fail(SBI_ERR_SHAPE, "sbi_dataset_set_feature_names: %zu names for %" PRId64 " features", n, data->d);
    }
    for (size_t j = 0; j < n; j++) {
        SBI_REQUIRE(names[j] && names[j][0], "sbi_dataset_set_feature_names: name %zu is empty", j);
        for (size_t k = 0; k < j; k++)
            SBI_REQUIRE(strcmp(names[j], names[k]) != 0, "sbi_dataset_set_feature_names: \"%s\" is there twice", names[j]);
    }
    char **copy = sbi_alloc_zero(data->ctx, n, sizeof *copy);
    if (!copy) return SBI_ERR_NO_MEMORY;
    for (size_t j = 0; j < n; j++) {
        if (!(copy[j] = sbi_strdup(data->ctx, names[j]))) {
            free_names(data, copy);
            return SBI_ERR_NO_MEMORY;
        }
    }
    free_names(data, data->names);
    data->names = copy;
    return SBI_OK;
}

const char *sbi_dataset_feature_name(const sbi_dataset *data, size_t index)
{
    if (!data || (int64_t)index >= data->d) return NULL;
    return data->names ? data->names[index] : data->default_names[index];
}

size_t sbi_dataset_features(const sbi_dataset *data)
{
    return data ? (size_t)data->d : 0;
}

int64_t sbi_dataset_events(const sbi_dataset *data, int32_t side)
{
    return data && (side == 0 || side == 1) ? data->events[side] : 0;
}

double sbi_dataset_weight(const sbi_dataset *data, int32_t side)
{
    return data && (side == 0 || side == 1) ? data->weight[side] + data->weight_rest[side] : 0;
}

int sbi_dataset_is_held_out(int32_t side, int64_t index, uint64_t seed, double fraction)
{
    if (fraction <= 0) return 0;
    const uint64_t own = sbi_random_derive(seed, "validation split", (uint64_t)side);
    return sbi_random_uniform(own, 0, (uint64_t)index) < fraction;
}

sbi_status sbi_dataset_split(const sbi_dataset *data, int32_t side, uint64_t seed, double validation_fraction,
                             uint8_t *held_out)
{
    SBI_REQUIRE(data && held_out, "sbi_dataset_split: data or held_out is NULL");
    SBI_TRY(check_side(side, "sbi_dataset_split"));
    SBI_REQUIRE(validation_fraction >= 0 && validation_fraction < 1,
                "sbi_dataset_split: validation_fraction is %g, expected at least 0 and below 1", validation_fraction);
    for (int64_t i = 0; i < data->events[side]; i++)
        held_out[i] = (uint8_t)sbi_dataset_is_held_out(side, i, seed, validation_fraction);
    return SBI_OK;
}
