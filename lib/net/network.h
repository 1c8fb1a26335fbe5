/* SPDX-License-Identifier: Apache-2.0 */
/* What a network and an ensemble hold. */
#ifndef SBI_NET_NETWORK_H
#define SBI_NET_NETWORK_H

#include <stdatomic.h>

#include "device/device.h"
#include "net/transform.h"
#include "sbi/network.h"

#define SBI_MLP_MAX_LAYERS 64

/* The shape of a multilayer perceptron, and where its parameters stand in one flat array: all weight matrices, then all
 * biases, each on a multiple of 16 floats; the gaps are zero and stay zero. */
typedef struct sbi_mlp {
    int32_t layers; /* weight matrices */
    int32_t activation;
    int64_t size[SBI_MLP_MAX_LAYERS + 1]; /* of layer l's input; the last is 1 */
    int64_t w[SBI_MLP_MAX_LAYERS];        /* offsets */
    int64_t b[SBI_MLP_MAX_LAYERS];
    int64_t n_weights; /* length of the weights, gaps included */
    int64_t n;         /* length of everything */
    int64_t parameters;
    int64_t widest; /* of the inputs of all layers */
} sbi_mlp;

/* Sets offsets and lengths from layers, activation and size. SBI_ERR_ARGUMENT if something is out of range. */
sbi_status sbi_mlp_finish(sbi_mlp *mlp);

#define SBI_HISTORY_COLUMNS 5

struct sbi_network {
    sbi_context *ctx;
    atomic_int references;
    int32_t member;
    sbi_mlp mlp;
    float *params; /* [mlp.n] */
    double *shift, *scale;      /* of inputs */
    sbi_transforms *transforms; /* from features to inputs, before the standardisation; NULL: the inputs are the features */
    char **names;               /* of features */
    double *history; /* [epochs, SBI_HISTORY_COLUMNS] */
    int32_t epochs, best_epoch;
    uint64_t seed;
    double loss, validation_loss, seconds;
    char *training; /* JSON text of how it was trained, or NULL */
};

/* A network with parameters zero, shift 0, scale 1 and names x0, x1, .... */
sbi_status sbi_network_new(sbi_network **out, sbi_context *ctx, const sbi_mlp *mlp);
sbi_network *sbi_network_retain(sbi_network *net);
/* sbi_network_load() from the bytes of a network file; `name` is used in messages. */
sbi_status sbi_network_load_memory(sbi_network **out, sbi_context *ctx, const void *data, size_t size, const char *name);
/* Replaces the name of a feature. */
sbi_status sbi_network_set_name(sbi_network *net, int64_t index, const char *name);

/* inputs.c: number of features; at most that of inputs. */
int64_t sbi_network_features(const sbi_network *net);
/* Gives a new network a copy of finished transforms; NULL is fine. */
sbi_status sbi_network_set_transforms(sbi_network *net, const sbi_transforms *transforms);
/* Inputs `in` [rows, mlp.size[0]] of rows x [rows, features] that were checked; spare: memory for as many floats. */
void sbi_network_inputs(const sbi_network *net, const double *x, int64_t rows, float *in, void *spare);
/* SBI_ERR_VALUE naming NAME, row and column of a value that the transforms cannot take; first: number of the first row. */
sbi_status sbi_network_check_rows(const sbi_network *net, const double *x, int64_t first, int64_t rows, const char *name);

const char *sbi_activation_name(int32_t activation); /* NULL if unknown */
int32_t sbi_activation_find(const char *name);       /* 0 if unknown */

struct sbi_ensemble {
    sbi_context *ctx;
    sbi_network **networks;
    size_t n;
    int32_t combination;
    int32_t reserved;
};

/* ---- evaluation of a chunk of rows, in the calling thread or in parallel as the device does it ---- */

#define SBI_EVALUATE_ROWS 1024

/* Scratch memory for networks of up to `widest` inputs a layer; floats. */
size_t sbi_network_scratch_size(const sbi_mlp *mlp);
/* logit [rows] of standardised rows `in` [rows, mlp->size[0]]; in and out hold mlp->widest * rows and are both used up. All memory is the
 * device's. */
sbi_status sbi_mlp_logits(const sbi_mlp *mlp, const sbi_device *device, const float *params, int64_t rows, float *in, float *out,
                          float *logit);
/* ln r of `rows` <= SBI_EVALUATE_ROWS rows x [rows, d], f64, not standardised. */
sbi_status sbi_network_logits(const sbi_network *net, const sbi_device *device, const double *x, int64_t rows,
                              float *scratch, float *logit);

/* The same on a device that is not the host. `params` are the network's there, to be released by the caller, also after a failure. */
sbi_status sbi_network_send(const sbi_network *net, const sbi_device *device, float **params);
/* room: memory of the device, sbi_network_scratch_size() + SBI_EVALUATE_ROWS floats; x, scratch and logit are the host's. */
sbi_status sbi_network_logits_there(const sbi_network *net, const sbi_device *device, const float *params, float *room, const double *x,
                                    int64_t rows, float *scratch, float *logit);

#endif
