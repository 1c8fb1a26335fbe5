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
} model_reader;

/* Adds the place in the document to a builder's message. */
sbi_status sbi_model_placed(sbi_status status, const sbi_json_place *at);
/* Chooses the measurement; then adds every parameter: the parameter of interest, those of the measurement, those of modifiers
 * as they come. */
sbi_status sbi_model_read_measurement(model_reader *r, const json_t *workspace, const sbi_json_place *root);
sbi_status sbi_model_read_parameters(model_reader *r, const json_t *channels, const sbi_json_place *root);

#endif
