/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a workspace: workspace.c the document and its channels, measurement.c the measurement and the parameters. */
#ifndef SBI_MODEL_WORKSPACE_H
#define SBI_MODEL_WORKSPACE_H

#include "io/json.h"
#include "model/model.h"

typedef struct model_reader {
    sbi_model *model;
    sbi_context *ctx;
    const char *folder;
    sbi_workspace_options options;
    json_t *config; /* of the chosen measurement; borrowed, may be NULL */
    sbi_json_place config_place;
    uint64_t memory_left; /* for columns */
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
sbi_status sbi_model_read_parameters(model_reader *r, const json_t *channels, const sbi_json_place *root);

#endif
