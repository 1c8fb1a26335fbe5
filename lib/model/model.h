/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is made of, for the files of this room. */
#ifndef SBI_MODEL_MODEL_H
#define SBI_MODEL_MODEL_H

#include <stdatomic.h>

#include "io/column.h"
#include "io/column_file.h"
#include "model/expression.h"
#include "sbi/model.h"

/* A column, in memory or read from a file block by block: model/column_files.c. */
typedef struct model_column {
    int64_t n;                   /* rows */
    int32_t given;               /* 0: there is no column */
    int32_t reserved_;
    sbi_array array;             /* 1-d, or [blocks, SBI_TAPE_BLOCK]; streamed: the element type, data NULL */
    const sbi_column_file *file; /* streamed: where from, owned by the model; otherwise NULL */
    uint64_t offset;             /* bytes of its first element in the file's data */
    uint64_t block_stride;       /* bytes from a block of SBI_TAPE_BLOCK events to the next */
} model_column;

/* A column file that the loader opened: held in memory, or read when it is needed. */
typedef struct model_file {
    sbi_column_file *file;
    char *memory; /* its data; NULL: streamed */
} model_file;

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
    model_column high, low;                         /* over the channel's events */
    model_column integration_high, integration_low; /* over its integration sample, where it has one */
} model_eventsys;

/* Additive variation of a binned sample. */
typedef struct model_histosys {
    size_t parameter;
    double *high, *low; /* [n_bins] each, one block */
} model_histosys;

/* A parameter for each bin of a binned sample: staterror, shapesys, shapefactor. */
typedef struct model_bin_factors {
    size_t *parameters; /* [n_bins] */
} model_bin_factors;

typedef struct model_sample {
    char *name;
    double yield;
    sbi_expression *factor; /* NULL for 1 */
    model_column ratio, integration_ratio;
    double integration_sum; /* sum_j v_j r_pj */
    size_t *normfactors;    /* parameter indexes */
    model_normsys *normsys;
    model_eventsys *eventsys;
    size_t n_normfactors, n_normsys, n_eventsys;
    double *nominal; /* binned: [n_bins] */
    model_histosys *histosys;
    model_bin_factors *bin_factors;
    size_t n_histosys, n_bin_factors;
} model_sample;

typedef struct model_channel {
    char *name;
    int64_t n_events, n_integration; /* n_integration -1: no integration sample */
    int32_t has_weights;
    uint32_t flags;
    double *own_weights; /* of Asimov data and toys; then `weights` is a view of it */
    double *own_columns; /* of toys: rows of the parent's columns */
    model_column weights, integration_weights;
    model_sample *samples;
    size_t n_samples;
    size_t n_bins;    /* 0: unbinned */
    double *observed; /* [n_bins], the channel's own */
} model_channel;

struct sbi_binned;

struct sbi_model {
    sbi_context *ctx;
    model_parameter *parameters;
    size_t n_parameters;
    uint32_t *names; /* hash table of parameter indexes + 1, 0: empty: model/names.c */
    size_t n_names;  /* its size, a power of two */
    model_channel *channels;
    size_t n_channels;
    size_t poi; /* SIZE_MAX: none */
    sbi_tape *tape;
    const struct sbi_binned *binned; /* the binned channels as the tape evaluates them, which owns it; NULL: there are none */
    model_file *files; /* columns that the loader opened */
    size_t n_files, n_descriptors;
    char *workspace; /* path of the file that it was loaded from with default options, or NULL */
    /* Asimov data and toys borrow names, expressions and files from the model that they were made of, and hold on to it. */
    sbi_model *parent;
    atomic_size_t references; /* the handle and the models made of it */
    int32_t quiet;            /* 1: what the seal warns of was said when the parent was sealed */
    int32_t reserved_;
};

/* ---- columns ---- */

typedef enum model_column_rule { COLUMN_ANY, COLUMN_POSITIVE, COLUMN_WEIGHT, COLUMN_SIGNED_WEIGHT, COLUMN_UNSEEN } model_column_rule;

/* Shape and values (COLUMN_UNSEEN: shape alone) of a column in one pass on the context's threads. `name` begins each message; n -1: any length, otherwise
 * `of` names what has n rows. */
sbi_status sbi_model_check_column(sbi_context *ctx, const model_column *a, const char *name, int64_t n, const char *of,
                                  model_column_rule rule);
/* An array of the caller's as a column; all zero for NULL. Of a shape that sbi_model_check_column() then refuses n is 0. */
model_column sbi_model_lent_column(const sbi_array *a);
/* Rows [first, first + n), which must exist. Fails only where a file does. */
sbi_status sbi_model_column_read(const model_column *c, int64_t first, int64_t n, double *out);

/* Takes a file of columns, also on failure; its data go into memory where they fit into *memory_left, which they then take. The model owns it. */
sbi_status sbi_model_take_file(sbi_model *m, sbi_column_file *file, uint64_t *memory_left, model_file *out);
void sbi_model_close_files(sbi_model *m);
/* The whole file as one column; it must have one dimension. */
sbi_status sbi_model_file_column(const model_file *file, const char *name, model_column *out);

/* The files that a workspace names, of one whose files lie elsewhere, under other names. */
typedef struct sbi_model_files {
    sbi_status (*open)(void *user, sbi_context *ctx, const char *name, sbi_column_file **out);
    void *user;
} sbi_model_files;
/* As sbi_model_load_with(); files NULL: relative to the workspace. */
sbi_status sbi_model_load_files(sbi_model **out, sbi_context *ctx, const char *path, const sbi_workspace_options *options,
                                const sbi_model_files *files);

/* ---- parameters by name ---- */

/* Makes room for one more name; then the last parameter can be entered, which cannot fail. */
sbi_status sbi_model_reserve_name(sbi_model *m);
void sbi_model_enter_name(sbi_model *m);

/* ---- building with columns that were checked; the public functions check and call these ---- */

sbi_status sbi_model_build_channel(sbi_model *m, const char *name, int64_t n_events, const model_column *weights,
                                   const model_column *integration_weights, uint32_t flags, size_t *channel);
sbi_status sbi_model_build_sample(sbi_model *m, size_t channel, const char *name, double yield, const char *factor,
                                  const model_column *ratio, const model_column *integration_ratio, size_t *sample);
/* columns: hi, lo and the same over the integration sample, or NULL. */
sbi_status sbi_model_build_eventsys(sbi_model *m, size_t channel, size_t sample, const char *parameter,
                                    const model_column *const columns[4], int32_t storage);

/* parameters: indexes [n_bins], copied. */
sbi_status sbi_model_build_bin_factors(sbi_model *m, size_t channel, size_t sample, const size_t *parameters);

/* What begins each builder: the model is open; the channel, and its sample, exist. */
sbi_status sbi_model_check_open(const sbi_model *m, const char *function);
sbi_status sbi_model_get_sample(sbi_model *m, const char *function, size_t channel, size_t sample, model_channel **c, model_sample **s);
sbi_status sbi_model_get_parameter(const sbi_model *m, const char *name, size_t *out);

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
/* A column on a tape. */
sbi_var sbi_model_record_column(sbi_context *ctx, sbi_tape *tape, sbi_events events, const model_column *c, const char *name);
/* The product of variations, all of one `storage`, of eventsys[0..n): their columns over the events or the integration sample. The bits
 * do not depend on where the columns are. */
sbi_var sbi_model_record_morph(const sbi_model *m, const model_sample *s, sbi_tape *tape, sbi_events events,
                               const sbi_var *params, int integration, int32_t storage);
/* sum_j v_j r_j in a fixed order. */
sbi_status sbi_model_weighted_total(const model_column *v, const model_column *r, double *sum);
/* Warns of per-event variations that would make the likelihood unbounded. */
sbi_status sbi_model_check_normalisation(const sbi_model *m);
/* Refuses event weights that sum to less than zero, and warns of negative ones with the effective number of events. */
sbi_status sbi_model_check_weights(const sbi_model *m);

#endif
