/* SPDX-License-Identifier: Apache-2.0 */
/* The unbinned models of tests/reference/iminuit_models.json, which iminuit_models.py describes, built call by call. */
#ifndef TESTS_UNIT_REFERENCE_MODEL_H
#define TESTS_UNIT_REFERENCE_MODEL_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "io/json.h"
#include "sbi/model.h"

#define REFERENCE_COLUMNS 128

typedef struct reference_model {
    sbi_model *model;
    double *columns[REFERENCE_COLUMNS]; /* borrowed by the model, to be freed after it */
    size_t n_columns;
} reference_model;

static inline double reference_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static inline const char *reference_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static inline double reference_element(const json_t *array, size_t index)
{
    return json_number_value(json_array_get(array, index));
}

/* offset + width u, u the numbers of a stream. */
static inline sbi_array reference_column(reference_model *r, const json_t *spec, uint64_t stream, double offset, double width)
{
    const uint64_t seed = (uint64_t)json_integer_value(json_object_get(spec, "seed"));
    const int64_t n = json_integer_value(json_object_get(spec, "events"));
    double *x = malloc((size_t)n * sizeof *x);
    ck_assert(x != NULL && r->n_columns < REFERENCE_COLUMNS);
    for (int64_t i = 0; i < n; i++) x[i] = offset + width * sbi_random_uniform(seed, stream, (uint64_t)i);
    r->columns[r->n_columns++] = x;
    return sbi_array_1d(x, SBI_F64, n);
}

static inline void reference_parameter(sbi_model *m, const json_t *p)
{
    const char *constraint = reference_text(p, "constraint");
    sbi_parameter q;
    sbi_parameter_init(&q);
    q.start = reference_number(p, "start");
    q.lower = reference_number(p, "lower");
    q.upper = reference_number(p, "upper");
    q.auxiliary = reference_number(p, "auxiliary");
    q.sigma = reference_number(p, "sigma");
    q.constraint = !constraint                           ? SBI_CONSTRAINT_NONE
                   : strcmp(constraint, "gaussian") == 0 ? SBI_CONSTRAINT_GAUSSIAN
                   : strcmp(constraint, "poisson") == 0  ? SBI_CONSTRAINT_POISSON
                                                         : SBI_CONSTRAINT_LOGNORMAL;
    ck_assert_int_eq(sbi_model_add_parameter(m, reference_text(p, "name"), &q), SBI_OK);
}

static inline void reference_process(reference_model *r, const json_t *spec, size_t channel, size_t index)
{
    const json_t *p = json_array_get(json_object_get(spec, "processes"), index), *ratio = json_object_get(p, "ratio"),
                 *systematics = json_object_get(p, "systematics");
    const uint64_t stream = (uint64_t)json_integer_value(json_object_get(p, "stream"));
    const sbi_array ratios = reference_column(r, spec, 1000 + stream, reference_element(ratio, 0), reference_element(ratio, 1));
    size_t sample;
    ck_assert_msg(sbi_model_add_sample(r->model, channel, reference_text(p, "name"), reference_number(p, "yield"), reference_text(p, "factor"),
                                       &ratios, NULL, &sample) == SBI_OK,
                  "%s", sbi_last_error());
    for (size_t k = 0; k < json_array_size(systematics); k++) {
        const json_t *s = json_array_get(systematics, k);
        const char *name = json_string_value(json_array_get(s, 0));
        const double amplitude = reference_element(s, 1);
        sbi_array side[2];
        for (size_t down = 0; down < 2; down++)
            side[down] = reference_column(r, spec, 100000u + 2000u * index + 2u * k + down, 1 - amplitude, 2 * amplitude);
        ck_assert_int_eq(sbi_model_add_normsys(r->model, channel, sample, name, reference_element(s, 2), reference_element(s, 3)), SBI_OK);
        ck_assert_int_eq(sbi_model_add_eventsys(r->model, channel, sample, name, &side[0], &side[1], NULL, NULL, SBI_MORPH_RATIO), SBI_OK);
    }
}

static inline reference_model reference_model_build(sbi_context *ctx, const json_t *spec)
{
    reference_model r;
    size_t channel;
    memset(&r, 0, sizeof r);
    ck_assert_int_eq(sbi_model_create(&r.model, ctx), SBI_OK);
    for (size_t i = 0; i < json_array_size(json_object_get(spec, "parameters")); i++)
        reference_parameter(r.model, json_array_get(json_object_get(spec, "parameters"), i));
    const sbi_array weights = reference_column(&r, spec, 0, 0.5, 1.0);
    ck_assert_int_eq(sbi_model_add_channel(r.model, "SR", weights.shape[0], &weights, NULL, 0, &channel), SBI_OK);
    for (size_t i = 0; i < json_array_size(json_object_get(spec, "processes")); i++) reference_process(&r, spec, channel, i);
    ck_assert_msg(sbi_model_seal(r.model) == SBI_OK, "%s", sbi_last_error());
    return r;
}

static inline void reference_model_release(reference_model *r)
{
    sbi_model_destroy(r->model);
    for (size_t i = 0; i < r->n_columns; i++) free(r->columns[i]);
}

#endif
