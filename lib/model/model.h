/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is made of, for the files of this room. */
#ifndef SBI_MODEL_MODEL_H
#define SBI_MODEL_MODEL_H

#include <stdatomic.h>

#include "io/column.h"
#include "model/expression.h"
#include "sbi/model.h"

typedef struct model_parameter {
    char *name;
    sbi_parameter spec;
} model_parameter;

typedef struct model_normsys {
    size_t parameter;
    double high, low;
} model_normsys;

typedef struct model_eventsys {
    size_t parameter;
    int32_t storage;
    sbi_array high, low;                         /* over the channel's events */
    sbi_array integration_high, integration_low; /* over its integration sample, where it has one */
} model_eventsys;

typedef struct model_sample {
    char *name;
    double yield;
    sbi_expression *factor; /* NULL for 1 */
    sbi_array ratio, integration_ratio;
    double integration_sum; /* sum_j v_j r_pj */
    size_t *normfactors;    /* parameter indexes */
    model_normsys *normsys;
    model_eventsys *eventsys;
    size_t n_normfactors, n_normsys, n_eventsys;
} model_sample;

typedef struct model_channel {
    char *name;
    int64_t n_events, n_integration; /* n_integration -1: no integration sample */
    int32_t has_weights;
    uint32_t flags;
    double *own_weights; /* of Asimov data; then `weights` is a view of it */
    sbi_array weights, integration_weights;
    model_sample *samples;
    size_t n_samples;
} model_channel;

struct sbi_model {
    sbi_context *ctx;
    model_parameter *parameters;
    size_t n_parameters;
    model_channel *channels;
    size_t n_channels;
    size_t poi; /* SIZE_MAX: none */
    sbi_tape *tape;
    sbi_npy **files; /* columns that the loader mapped */
    size_t n_files;
    char *workspace; /* path of the file that it was loaded from with default options, or NULL */
    /* Asimov data borrow names, expressions and files from the model that they were made of, and hold on to it. */
    sbi_model *parent;
    atomic_size_t references; /* the handle and the models made of it */
};

/* ---- columns ---- */

typedef enum model_column_rule { COLUMN_ANY, COLUMN_POSITIVE, COLUMN_WEIGHT, COLUMN_SIGNED_WEIGHT } model_column_rule;

/* Shape and values of a column in one pass on the context's threads. `name` begins each message; n -1: any length, otherwise
 * `of` names what has n rows. */
sbi_status sbi_model_check_column(sbi_context *ctx, const sbi_array *a, const char *name, int64_t n, const char *of,
                                  model_column_rule rule);
static inline double sbi_model_element(const sbi_array *a, int64_t i)
{
    return sbi_element_f64((const unsigned char *)a->data + i * a->strides[0], a->dtype);
}

/* ---- building with columns that were checked; the public functions check and call these ---- */

sbi_status sbi_model_build_channel(sbi_model *m, const char *name, int64_t n_events, const sbi_array *weights,
                                   const sbi_array *integration_weights, uint32_t flags, size_t *channel);
sbi_status sbi_model_build_sample(sbi_model *m, size_t channel, const char *name, double yield, const char *factor,
                                  const sbi_array *ratio, const sbi_array *integration_ratio, size_t *sample);
/* columns: hi, lo and the same over the integration sample, or NULL. */
sbi_status sbi_model_build_eventsys(sbi_model *m, size_t channel, size_t sample, const char *parameter,
                                    const sbi_array *const columns[4], int32_t storage);

/* ---- recording ---- */

/* Grows an array by one zeroed element of `size` bytes; returns the element, NULL on failure. */
void *sbi_model_grow(sbi_context *ctx, void **array, size_t *count, size_t size);
/* Index of a parameter whose name has this length, or -1; an sbi_expression_lookup over a model. */
int64_t sbi_model_find_parameter(void *model, const char *name, size_t length);

/* Records nu_p(theta) of a sample. params[i] is the tape's node of parameter i. */
sbi_var sbi_model_record_yield(const model_sample *s, sbi_tape *tape, const sbi_var *params);
/* All parameters of the model on a tape, in order: [n_parameters], freed by the caller. */
sbi_var *sbi_model_record_parameters(const sbi_model *m, sbi_tape *tape);
/* Records a channel's term of the NLL; sets each sample's integration_sum. */
sbi_status sbi_model_record_channel(sbi_model *m, model_channel *c, sbi_tape *tape, const sbi_var *params, sbi_var *out);
/* sum_j v_j r_j in a fixed order. */
double sbi_model_weighted_total(const sbi_array *v, const sbi_array *r);
/* Warns of per-event variations that would make the likelihood unbounded. */
sbi_status sbi_model_check_normalisation(const sbi_model *m);

#endif
