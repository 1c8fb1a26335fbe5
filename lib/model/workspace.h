/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a workspace: workspace.c the document and its unbinned channels, binned_workspace.c the binned ones, measurement.c the
 * measurement and what it says of parameters, parameter_sets.c the parameters that modifiers bring. */
#ifndef SBI_MODEL_WORKSPACE_H
#define SBI_MODEL_WORKSPACE_H

#include "io/json.h"
#include "model/model.h"

/* Kinds of modifiers by what parameters they have. From SET_STATERROR on, one for each bin: "name[0]" and so on. */
enum { SET_FREE, SET_ALPHA, SET_LUMI, SET_STATERROR, SET_SHAPESYS, SET_SHAPEFACTOR };

/* The parameters of one name. */
typedef struct model_set {
    const char *name; /* of the document */
    sbi_json_place at; /* its first modifier */
    int32_t kind, added;
    size_t n;
    size_t first;   /* index in the model, once added */
    double *sigma;  /* staterror, shapesys: [n] standard deviation at 1, 0: none; behind it [n] for collecting */
    size_t *offset; /* staterror: [channels of the document] where a channel's bins begin, SIZE_MAX */
} model_set;

typedef struct model_reader {
    sbi_model *model;
    sbi_context *ctx;
    const char *folder;
    const sbi_model_files *files; /* who opens files; NULL: relative to the folder */
    sbi_workspace_options options;
    json_t *config; /* of the chosen measurement; borrowed, may be NULL */
    sbi_json_place config_place;
    uint64_t memory_left; /* for columns */
    size_t n_channels;    /* of the document */
    size_t *channel_bins; /* [n_channels], 0: unbinned */
    model_set *sets;
    size_t n_sets;
    json_t *set_index; /* by name */
} model_reader;

/* A channel's packed store: the variations of all its processes in one file. */
typedef struct model_packed {
    int32_t given, storage;
    const json_t *samples, *parameters; /* lists of names */
    model_file files[2];                /* over the events, and over the integration sample */
    int64_t n[2];                       /* -1: no integration sample */
} model_packed;

/* Opens a file whose name is relative to the workspace. */
sbi_status sbi_model_open_named(model_reader *r, const char *name, model_file *out);
/* Tells the log what is streamed. */
void sbi_model_log_files(const model_reader *r);
/* Bytes for columns: what the option says, or the default. */
uint64_t sbi_model_column_memory(uint64_t option);
/* Reads a channel's "eventsys" member and opens its files. n_integration -1: there is no integration sample. */
sbi_status sbi_model_read_packed(model_reader *r, const json_t *object, const sbi_json_place *at, int64_t n_events,
                                 int64_t n_integration, model_packed *out);
/* hi, lo and the same over the integration sample of one sample and parameter. */
sbi_status sbi_model_packed_columns(const model_reader *r, const model_packed *packed, size_t channel, size_t sample,
                                    const char *parameter, const sbi_json_place *at, model_column out[4], int32_t *storage);

/* Adds the place in the document to a builder's message. */
sbi_status sbi_model_placed(sbi_status status, const sbi_json_place *at);
/* Chooses the measurement; then adds every parameter: the parameter of interest, those of the measurement, those of modifiers
 * as they come. */
sbi_status sbi_model_read_measurement(model_reader *r, const json_t *workspace, const sbi_json_place *root);
sbi_status sbi_model_read_parameters(model_reader *r, const sbi_json_place *root);

/* ---- parameter_sets.c ---- */

/* Fills in the sets of all modifiers, and checks these as far as that needs. */
sbi_status sbi_model_collect_sets(model_reader *r, const json_t *channels, const sbi_json_place *root);
void sbi_model_release_sets(model_reader *r);
model_set *sbi_model_find_set(const model_reader *r, const char *name);
/* Element j as no measurement has changed it; s NULL: a parameter that no modifier has, free. */
void sbi_model_set_default(const model_set *s, size_t j, sbi_parameter *p);
int sbi_model_set_is_list(const model_set *s);
/* A list of n numbers. */
sbi_status sbi_model_read_bins(const json_t *list, const sbi_json_place *at, size_t n, double *out);

/* ---- binned_workspace.c, and what it shares with workspace.c ---- */

/* channel_bins of one channel; all its samples are of one kind. */
sbi_status sbi_model_count_bins(model_reader *r, const json_t *channel, const sbi_json_place *at, size_t index);
sbi_status sbi_model_check_observations(model_reader *r, const json_t *workspace, const json_t *channels, const sbi_json_place *root);
sbi_status sbi_model_read_binned_channel(model_reader *r, const json_t *workspace, const json_t *channel, const sbi_json_place *at,
                                         size_t index);
sbi_status sbi_model_read_normsys(const model_reader *r, size_t channel, const json_t *data, const sbi_json_place *at, size_t sample,
                                  const char *name);

#endif
