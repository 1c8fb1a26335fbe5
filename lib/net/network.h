/* SPDX-License-Identifier: Apache-2.0 */
/* What a network and an ensemble hold. */
#ifndef SBI_NET_NETWORK_H
#define SBI_NET_NETWORK_H

#include <stdatomic.h>

#include "device/device.h"
#include "io/json.h"
#include "sbi/network.h"

#define SBI_MLP_MAX_LAYERS 64

/* What a network is made of, and where its parameters stand in one flat array: all weight matrices, then all biases, then gains and
 * offsets of normalisations, each on a multiple of 16 floats; the gaps are zero and stay zero. Layer l maps h_l, of size[l], to
 *     z = W h_l + b;  u = gain N(z) + offset where norm[l], else z;  h_{l+1} = f(u) + h_{l+1-residual[l]} where residual[l], else f(u)
 * with f the activation, or the identity in the last layer and where linear[l]. Residual blocks do not overlap, and neither norm nor
 * residual is in the last layer. Set what stands above the line to make one (zeros are the plain chain), then call sbi_mlp_finish(). */
typedef struct sbi_mlp {
    int32_t layers; /* weight matrices */
    int32_t activation;
    int64_t size[SBI_MLP_MAX_LAYERS + 1]; /* of layer l's input; the last is the number of outputs */
    int32_t norm[SBI_MLP_MAX_LAYERS];     /* 1: layer normalisation */
    int32_t residual[SBI_MLP_MAX_LAYERS]; /* layers of the residual block that this one ends; 0: none */
    int32_t linear[SBI_MLP_MAX_LAYERS];   /* 1: a hidden layer without activation */
    float slope;                          /* of LeakyReLU; 0 becomes 0.01 */
    float epsilon;                        /* of normalisations; 0 becomes 1e-5 */
    /* ---- */
    int64_t w[SBI_MLP_MAX_LAYERS]; /* offsets */
    int64_t b[SBI_MLP_MAX_LAYERS];
    int64_t gain[SBI_MLP_MAX_LAYERS]; /* where norm[l] */
    int64_t offset[SBI_MLP_MAX_LAYERS];
    int64_t n_weights; /* length of the weights, gaps included: what weight decay acts on */
    int64_t n;         /* length of everything */
    int64_t parameters;
    int64_t widest; /* of the inputs of all layers */
    int32_t norms, blocks; /* how many there are */
} sbi_mlp;

/* Sets offsets and lengths. SBI_ERR_ARGUMENT or SBI_ERR_SHAPE if something does not fit. */
sbi_status sbi_mlp_finish(sbi_mlp *mlp);
/* f of layer l: SBI_ACTIVATION_..., or SBI_DEVICE_IDENTITY. */
int32_t sbi_mlp_activation(const sbi_mlp *mlp, int32_t l);
/* 1 if a residual block begins with layer l: h_l is added again further on. */
int sbi_mlp_block_begins(const sbi_mlp *mlp, int32_t l);
int64_t sbi_mlp_outputs(const sbi_mlp *mlp);
/* Fills in what a forward pass of layer l takes from the network: shape, parameters (`params` is memory of the device), activation,
 * normalisation. The rest of the struct is zeroed. */
void sbi_mlp_forward(const sbi_mlp *mlp, int32_t l, const float *params, sbi_device_forward *op);

#define SBI_HISTORY_COLUMNS 5

struct sbi_network {
    sbi_context *ctx;
    atomic_int references;
    int32_t member;
    sbi_mlp mlp;
    float *params; /* [mlp.n] */
    double *shift, *scale;
    char **names;
    double *history; /* [epochs, SBI_HISTORY_COLUMNS] */
    int32_t epochs, best_epoch;
    uint64_t seed;
    double loss, validation_loss, seconds;
    char *training; /* JSON text of how it was trained, or NULL */
    int32_t theta;   /* the last inputs that are parameters */
    int32_t classes; /* as in sbi_network_info */
    char **class_names; /* [classes] */
};

/* A network with parameters zero, shift 0, scale 1 and names x0, x1, .... */
sbi_status sbi_network_new(sbi_network **out, sbi_context *ctx, const sbi_mlp *mlp);
sbi_network *sbi_network_retain(sbi_network *net);
/* sbi_network_load() from the bytes of a network file; `name` is used in messages. */
sbi_status sbi_network_load_memory(sbi_network **out, sbi_context *ctx, const void *data, size_t size, const char *name);
/* Replaces the name of a feature. */
sbi_status sbi_network_set_name(sbi_network *net, int64_t index, const char *name);

/* meaning.c: what inputs and outputs stand for. */
/* @param names [classes], or NULL: denominator, numerator, class2, .... SBI_ERR_SHAPE if they do not fit the network. */
sbi_status sbi_network_set_meaning(sbi_network *net, int32_t theta, int32_t classes, const char *const *names);
void sbi_network_free_classes(sbi_network *net);
/* 1 for what a network without more is: one output, numerator over denominator, no theta. */
int sbi_network_is_ratio(const sbi_network *net);
/* The output of a class; -1 for the reference, which is 0. */
int32_t sbi_network_class_output(const sbi_network *net, int32_t index);
/* Writes `theta` and `classes` into meta.json, and reads them. */
int sbi_network_meaning_to_json(const sbi_network *net, json_t *meta);
sbi_status sbi_network_meaning_from_json(sbi_network *net, const json_t *meta, const sbi_json_place *at);
/* SBI_ERR_SHAPE or SBI_ERR_VALUE unless the network has so many parameters and all are finite. */
sbi_status sbi_network_check_theta(const sbi_network *net, const double *theta, size_t n, const char *name);
/* Rows x [rows, d - q], which stand at the beginning of x, become [rows, d] that end in theta. */
void sbi_rows_append_theta(double *x, int64_t rows, int64_t d, const double *theta, int64_t q);

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

/* Scratch memory of an evaluation; floats. */
size_t sbi_network_scratch_size(const sbi_mlp *mlp);
/* logit [rows, outputs] of standardised rows, which stand at the beginning of `scratch`: sbi_network_scratch_size() floats, used up.
 * All memory is the device's. */
sbi_status sbi_mlp_logits(const sbi_mlp *mlp, const sbi_device *device, const float *params, int64_t rows, float *scratch, float *logit);
/* The outputs [rows, outputs] of `rows` <= SBI_EVALUATE_ROWS rows x [rows, d], f64, not standardised. */
sbi_status sbi_network_logits(const sbi_network *net, const sbi_device *device, const double *x, int64_t rows,
                              float *scratch, float *logit);

/* The same on a device that is not the host. `params` are the network's there, to be released by the caller, also after a failure. */
sbi_status sbi_network_send(const sbi_network *net, const sbi_device *device, float **params);
/* room: memory of the device, sbi_network_scratch_size() + outputs * SBI_EVALUATE_ROWS floats; x, scratch and logit are the host's. */
sbi_status sbi_network_logits_there(const sbi_network *net, const sbi_device *device, const float *params, float *room, const double *x,
                                    int64_t rows, float *scratch, float *logit);

#endif
