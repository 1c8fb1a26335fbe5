/* SPDX-License-Identifier: Apache-2.0 */
/* Making a dataset, its names and sizes. */
#include "net/dataset.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"

sbi_status sbi_dataset_create(sbi_dataset **out, sbi_context *ctx)
{
    SBI_REQUIRE(out, "sbi_dataset_create: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_dataset_create: ctx is NULL");
    sbi_dataset *data = sbi_alloc_zero(ctx, 1, sizeof *data);
    if (!data) return SBI_ERR_NO_MEMORY;
    data->ctx = ctx;
    data->classes = 2;
    int error = pthread_mutex_init(&data->lock, NULL);
    if (error) {
        sbi_free(ctx, data);
        return sbi_fail_errno(error, "sbi_dataset_create: mutex");
    }
    *out = data;
    return SBI_OK;
}

static void free_names(sbi_dataset *data, char **names, int64_t n)
{
    for (int64_t j = 0; names && j < n; j++) sbi_free(data->ctx, names[j]);
    sbi_free(data->ctx, names);
}

void sbi_dataset_destroy(sbi_dataset *data)
{
    if (!data) return;
    for (size_t i = 0; i < data->n_parts; i++) sbi_dataset_part_free(data->ctx, &data->parts[i]);
    for (int i = 0; i < SBI_DATASET_PACKS; i++) sbi_dataset_pack_free(data, &data->packs[i]);
    const int64_t q = data->extra_columns[SBI_EXTRA_THETA];
    free_names(data, data->names, data->d);
    free_names(data, data->default_names, data->d);
    free_names(data, data->parameter_names, q);
    free_names(data, data->default_parameter_names, q);
    for (int c = 0; c < SBI_CLASSES_MAX; c++) {
        sbi_free(data->ctx, data->class_names[c]);
        sbi_free(data->ctx, data->drawn[c]);
    }
    sbi_free(data->ctx, data->parts);
    pthread_mutex_destroy(&data->lock);
    sbi_free(data->ctx, data);
}

sbi_status sbi_dataset_check_open(const sbi_dataset *data, const char *function)
{
    SBI_REQUIRE(data, "%s: data is NULL", function);
    if (atomic_load(&data->in_use)) return sbi_fail(SBI_ERR_STATE, "%s: the dataset is in use and cannot change", function);
    return SBI_OK;
}

sbi_status sbi_dataset_set_weight_policy(sbi_dataset *data, int32_t policy)
{
    SBI_TRY(sbi_dataset_check_open(data, "sbi_dataset_set_weight_policy"));
    SBI_REQUIRE(policy == SBI_WEIGHTS_REFUSE_NEGATIVE || policy == SBI_WEIGHTS_ALLOW_NEGATIVE,
                "sbi_dataset_set_weight_policy: policy is %d, expected 0 or 1", (int)policy);
    data->policy = policy;
    return SBI_OK;
}

/* ---- names ---- */

sbi_status sbi_dataset_make_names(sbi_dataset *data, char ***out, const char *stem, int64_t n)
{
    char **names = sbi_alloc_zero(data->ctx, (size_t)n, sizeof *names);
    if (!names) return SBI_ERR_NO_MEMORY;
    for (int64_t j = 0; j < n; j++) {
        if (!(names[j] = sbi_strf(data->ctx, "%s%" PRId64, stem, j))) {
            free_names(data, names, n);
            return SBI_ERR_NO_MEMORY;
        }
    }
    *out = names;
    return SBI_OK;
}

static char **current_names(const sbi_dataset *data, int parameters)
{
    if (parameters) return data->parameter_names ? data->parameter_names : data->default_parameter_names;
    return data->names ? data->names : data->default_names;
}

static int is_among(const char *name, char **names, int64_t n)
{
    for (int64_t j = 0; names && j < n; j++)
        if (strcmp(name, names[j]) == 0) return 1;
    return 0;
}

/* Names of features, or of parameters; inputs are told apart by them, so all are distinct. */
static sbi_status set_names(sbi_dataset *data, int parameters, const char *const *names, size_t n, const char *function)
{
    SBI_TRY(sbi_dataset_check_open(data, function));
    SBI_REQUIRE(names, "%s: names is NULL", function);
    const int64_t q = data->extra_columns[SBI_EXTRA_THETA], expected = parameters ? q : data->d, others = parameters ? data->d : q;
    if ((int64_t)n != expected)
        return sbi_fail(SBI_ERR_SHAPE, "%s: %zu names for %" PRId64 " %s", function, n, expected,
                        parameters ? "parameters" : "features");
    for (size_t j = 0; j < n; j++) {
        SBI_REQUIRE(names[j] && names[j][0], "%s: name %zu is empty", function, j);
        for (size_t k = 0; k < j; k++) SBI_REQUIRE(strcmp(names[j], names[k]) != 0, "%s: \"%s\" is there twice", function, names[j]);
        SBI_REQUIRE(!is_among(names[j], current_names(data, !parameters), others), "%s: \"%s\" is also a %s", function, names[j],
                    parameters ? "feature" : "parameter");
    }
    char **copy = sbi_alloc_zero(data->ctx, n, sizeof *copy);
    if (!copy) return SBI_ERR_NO_MEMORY;
    for (size_t j = 0; j < n; j++) {
        if (!(copy[j] = sbi_strdup(data->ctx, names[j]))) {
            free_names(data, copy, expected);
            return SBI_ERR_NO_MEMORY;
        }
    }
    char ***own = parameters ? &data->parameter_names : &data->names;
    free_names(data, *own, expected);
    *own = copy;
    return SBI_OK;
}

sbi_status sbi_dataset_set_feature_names(sbi_dataset *data, const char *const *names, size_t n)
{
    return set_names(data, 0, names, n, "sbi_dataset_set_feature_names");
}

sbi_status sbi_dataset_set_parameter_names(sbi_dataset *data, const char *const *names, size_t n)
{
    return set_names(data, 1, names, n, "sbi_dataset_set_parameter_names");
}

const char *sbi_dataset_feature_name(const sbi_dataset *data, size_t index)
{
    return data && (int64_t)index < data->d ? current_names(data, 0)[index] : NULL;
}

const char *sbi_dataset_parameter_name(const sbi_dataset *data, size_t index)
{
    return data && (int64_t)index < data->extra_columns[SBI_EXTRA_THETA] ? current_names(data, 1)[index] : NULL;
}

const char *sbi_dataset_input_name(const sbi_dataset *data, int64_t index)
{
    return index < data->d ? sbi_dataset_feature_name(data, (size_t)index) : sbi_dataset_parameter_name(data, (size_t)(index - data->d));
}

/* The default ones, "class2" to "class63" without allocating. */
const char *sbi_class_name(int32_t side)
{
    static const char names[SBI_CLASSES_MAX - 2][8] = {
        "class2",  "class3",  "class4",  "class5",  "class6",  "class7",  "class8",  "class9",  "class10", "class11", "class12",
        "class13", "class14", "class15", "class16", "class17", "class18", "class19", "class20", "class21", "class22", "class23",
        "class24", "class25", "class26", "class27", "class28", "class29", "class30", "class31", "class32", "class33", "class34",
        "class35", "class36", "class37", "class38", "class39", "class40", "class41", "class42", "class43", "class44", "class45",
        "class46", "class47", "class48", "class49", "class50", "class51", "class52", "class53", "class54", "class55", "class56",
        "class57", "class58", "class59", "class60", "class61", "class62", "class63"};
    return side == SBI_DENOMINATOR ? "denominator" : side == SBI_NUMERATOR ? "numerator" : names[side - 2];
}

const char *sbi_dataset_class_name(const sbi_dataset *data, int32_t side)
{
    if (!data || side < 0 || side >= SBI_CLASSES_MAX) return NULL;
    return data->class_names[side] ? data->class_names[side] : sbi_class_name(side);
}

sbi_status sbi_dataset_set_class_name(sbi_dataset *data, int32_t side, const char *name)
{
    SBI_TRY(sbi_dataset_check_open(data, "sbi_dataset_set_class_name"));
    SBI_TRY(sbi_dataset_check_side(side, "sbi_dataset_set_class_name"));
    SBI_REQUIRE(name && name[0], "sbi_dataset_set_class_name: name is NULL or empty");
    for (int32_t c = 0; c < SBI_CLASSES_MAX; c++)
        SBI_REQUIRE(c == side || strcmp(name, sbi_dataset_class_name(data, c)) != 0,
                    "sbi_dataset_set_class_name: \"%s\" is also class %d", name, (int)c);
    char *copy = sbi_strdup(data->ctx, name);
    if (!copy) return SBI_ERR_NO_MEMORY;
    sbi_free(data->ctx, data->class_names[side]);
    data->class_names[side] = copy;
    return SBI_OK;
}

/* ---- sizes ---- */

sbi_status sbi_dataset_check_side(int32_t side, const char *function)
{
    SBI_REQUIRE(side >= 0 && side < SBI_CLASSES_MAX, "%s: side is %d, expected SBI_NUMERATOR, SBI_DENOMINATOR or a class up to %d", function,
                (int)side, SBI_CLASSES_MAX - 1);
    return SBI_OK;
}

size_t sbi_dataset_features(const sbi_dataset *data)
{
    return data ? (size_t)data->d : 0;
}

size_t sbi_dataset_parameters(const sbi_dataset *data)
{
    return data ? (size_t)data->extra_columns[SBI_EXTRA_THETA] : 0;
}

size_t sbi_dataset_targets(const sbi_dataset *data)
{
    return data ? (size_t)data->extra_columns[SBI_EXTRA_TARGET] : 0;
}

size_t sbi_dataset_classes(const sbi_dataset *data)
{
    return data ? (size_t)data->classes : 0;
}

int64_t sbi_dataset_all_events(const sbi_dataset *data)
{
    int64_t n = 0;
    for (int32_t c = 0; c < data->classes; c++) n += data->events[c];
    return n;
}

int64_t sbi_dataset_events(const sbi_dataset *data, int32_t side)
{
    return data && side >= 0 && side < SBI_CLASSES_MAX ? data->events[side] : 0;
}

double sbi_dataset_weight(const sbi_dataset *data, int32_t side)
{
    return data && side >= 0 && side < SBI_CLASSES_MAX ? data->weight[side] + data->weight_rest[side] : 0;
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
    SBI_TRY(sbi_dataset_check_side(side, "sbi_dataset_split"));
    SBI_REQUIRE(validation_fraction >= 0 && validation_fraction < 1,
                "sbi_dataset_split: validation_fraction is %g, expected at least 0 and below 1", validation_fraction);
    for (int64_t i = 0; i < data->events[side]; i++)
        held_out[i] = (uint8_t)sbi_dataset_is_held_out(side, i, seed, validation_fraction);
    return SBI_OK;
}
