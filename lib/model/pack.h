/* SPDX-License-Identifier: Apache-2.0 */
/* Writing packed stores. */
#ifndef SBI_MODEL_PACK_H
#define SBI_MODEL_PACK_H

#include "model/model.h"

/* One pair of columns of a packed store; without columns it is stored as no variation. */
typedef struct model_pack_pair {
    model_column sides[2]; /* hi, lo */
    int32_t storage;       /* what they contain */
    int32_t reserved_;
} model_pack_pair;

typedef struct model_pack {
    sbi_context *ctx;
    int64_t n_events;
    size_t n_samples, n_parameters;
    const model_pack_pair *pairs; /* [n_samples, n_parameters] */
    int32_t dtype, storage;       /* of the store */
    /* "S, hi of JES": what a message calls a column. */
    void (*name)(const struct model_pack *pack, size_t sample, size_t parameter, int side, char *text, size_t size);
    const void *names; /* for that */
} model_pack;

/* The options, checked, and the storage that they come to. */
sbi_status sbi_pack_options_get(sbi_pack_options *out, const sbi_pack_options *user);
int32_t sbi_pack_storage(const sbi_pack_options *options, int all_ratios);
/* Writes the store, atomically, through a few blocks of memory. */
sbi_status sbi_pack_write(const model_pack *pack, const char *path);

#endif
