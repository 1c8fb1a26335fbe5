/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is made of, for the files of this room. */
#ifndef SBI_MODEL_MODEL_H
#define SBI_MODEL_MODEL_H

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
    char *workspace; /* path of the file it was loaded from, or NULL */
};

/* Grows an array by one zeroed element of `size` bytes; returns the element, NULL on failure. */
void *sbi_model_grow(sbi_context *ctx, void **array, size_t *count, size_t size);
/* Index of a parameter whose name has this length, or -1; an sbi_expression_lookup over a model. */
int64_t sbi_model_find_parameter(void *model, const char *name, size_t length);

/* Records nu_p(theta) of a sample. params[i] is the tape's node of parameter i. */
sbi_var sbi_model_record_yield(const sbi_model *m, const model_sample *s, sbi_tape *tape, const sbi_var *params);
/* All parameters of the model on a tape, in order: [n_parameters], freed by the caller. */
sbi_var *sbi_model_record_parameters(const sbi_model *m, sbi_tape *tape);
/* Records a channel's term of the NLL; sets each sample's integration_sum. */
sbi_status sbi_model_record_channel(sbi_model *m, model_channel *c, sbi_tape *tape, const sbi_var *params, sbi_var *out);
/* Warns of per-event variations that would make the likelihood unbounded. */
sbi_status sbi_model_check_normalisation(const sbi_model *m);

#endif
