/* SPDX-License-Identifier: Apache-2.0 */
/** @file network.h
 * Trained networks and ensembles of them: load, save, look inside.
 *
 * A network is a multilayer perceptron whose output is the logit of "numerator", which is the log density ratio:
 *     h_0 = (x - shift) * scale;  h_{l+1} = activation(W_l h_l + b_l);  ln r(x) = W_L h_L + b_L.
 * The standardisation (shift, scale) is part of the network. Networks are immutable and may be shared between threads.
 *
 * Beyond this chain, a hidden layer may be normalised (arXiv 1607.06450), and layers may form residual blocks (arXiv 1512.03385):
 *     z = W_l h_l + b_l;   u_j = gain_j (z_j - mean z) / sqrt(var z + epsilon) + offset_j   (u = z without normalisation);
 *     h_{l+1} = activation(u),   plus h_m where layer l ends a block that begins with layer m,
 * mean and variance over the outputs of the layer (the variance divided by their number). A network may have several outputs, a row
 * of W_L and b_L each: logits of several hypotheses over one reference, or of the classes of a softmax.
 *
 * A network file is an .npz that numpy opens: `W0`, `b0`, ..., `gain0`, `offset0` of normalised layers, `shift`, `scale`, `history`, and
 * `meta.json`. Saving and loading keeps every bit. An ensemble is a folder of such files, `member-0000.npz` and so on, with `ensemble.json`.
 */
#ifndef SBI_NETWORK_H
#define SBI_NETWORK_H

#include "array.h"

SBI_BEGIN_DECLS

typedef struct sbi_network sbi_network;
typedef struct sbi_ensemble sbi_ensemble;

/** Activations. The numbers are part of the ABI. */
#define SBI_ACTIVATION_SILU 1       /**< z / (1 + exp(-z)) (default) */
#define SBI_ACTIVATION_RELU 2       /**< max(z, 0) */
#define SBI_ACTIVATION_LEAKY_RELU 3 /**< z for z > 0, else leaky_slope * z */
#define SBI_ACTIVATION_TANH 4
#define SBI_ACTIVATION_GELU 5     /**< z Phi(z) with the exact normal distribution function, not the tanh form */
#define SBI_ACTIVATION_SOFTPLUS 6 /**< ln(1 + exp(z)) */

/** What there is to know of a network. */
typedef struct sbi_network_info {
    uint32_t struct_size; /**< set by the caller */
    int32_t features;     /**< d, inputs */
    int32_t layers;       /**< weight matrices, the output's included: depth + 1 */
    int32_t width;        /**< of the widest hidden layer; 0 without hidden layers */
    int32_t activation;   /**< SBI_ACTIVATION_... */
    int32_t member;       /**< index in its ensemble */
    int32_t epochs;       /**< epochs trained; 0: not trained by this library */
    int32_t best_epoch;   /**< the epoch, from 1, whose weights these are */
    int64_t parameters;   /**< weights, biases, gains and offsets */
    uint64_t seed;        /**< of the training options */
    double loss;            /**< training loss of the best epoch */
    double validation_loss; /**< NaN without validation events */
    double seconds;         /**< wall time of the training; 0 for a network that was loaded */
    int32_t outputs;        /**< of the last layer, 1 or more */
    int32_t layer_norms;    /**< hidden layers that are normalised */
    int32_t residual_blocks;
    int32_t reserved_;
    double leaky_slope; /**< of LeakyReLU below 0, as the f32 that it is */
    double epsilon;     /**< of the normalisations, likewise */
    int32_t theta;      /**< q: the last q of the features are parameters theta; 0: not parameterised */
    int32_t classes;    /**< K that the outputs tell apart: of K outputs each has a logit; of K - 1 outputs the one of class k > 0 is ln p_k / p_0,
                             number k - 1; 0: a regression */
} sbi_network_info;

/** What a network has beyond a chain of layers. */
typedef struct sbi_network_form {
    uint32_t struct_size;    /**< sizeof(sbi_network_form) */
    int32_t activation;      /**< SBI_ACTIVATION_SILU */
    double leaky_slope;      /**< more than 0, at most 1; default 0.01 */
    double epsilon;          /**< of the normalisations, more than 0, at most 1; default 1e-5 */
    const sbi_array *gain;   /**< [layers] of shape [out], those without data: not normalised, as the last has to be; NULL (default): none */
    const sbi_array *offset; /**< the same, of the same layers */
    const int32_t *residual; /**< [layers] layers of the residual block that ends with this layer, 0: none; blocks do not overlap, the last
                                  layer is in none, and a block has as many outputs as inputs; NULL (default): none */
    const int32_t *linear;   /**< [layers] 1: a hidden layer without activation; NULL (default): none */
    int32_t theta;           /**< as in sbi_network_info; default 0 */
    int32_t classes;         /**< as many as outputs, or one more; 0: the outputs are those of a regression; -1 (default): one more for one output,
                                  else as many */
} sbi_network_form;

#define SBI_NETWORK_FORM_INIT                                                                                          \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_network_form), SBI_ACTIVATION_SILU, 0.01, 1e-5, NULL, NULL, NULL, NULL, 0, -1             \
    }

/** Fills in the defaults; the same values as SBI_NETWORK_FORM_INIT. Since: 0.1 */
SBI_API void sbi_network_form_init(sbi_network_form *form);

/** Makes a network from arrays.
 *  @param layers L + 1 >= 1 weight matrices. @param weights [layers] of shape [out, in]; the last one's out is the number of outputs.
 *  @param biases [layers] of shape [out]. @param activation SBI_ACTIVATION_....
 *  @param shift, scale of shape [d], or NULL for none; scale finite and not zero.
 *  All are copied (to f32; shift and scale to f64). Errors: SBI_ERR_SHAPE, SBI_ERR_VALUE for NaN and infinity. Since: 0.1 */
SBI_API sbi_status sbi_network_create(sbi_network **out, sbi_context *ctx, size_t layers, const sbi_array *weights,
                                      const sbi_array *biases, int32_t activation, const sbi_array *shift,
                                      const sbi_array *scale);
/** The same with normalised layers and residual blocks. @param form NULL for a plain chain of SiLU layers; what it points to is copied.
 *  Errors: those of sbi_network_create(), and SBI_ERR_ARGUMENT for blocks that overlap. Since: 0.1 */
SBI_API sbi_status sbi_network_create_with(sbi_network **out, sbi_context *ctx, size_t layers, const sbi_array *weights,
                                           const sbi_array *biases, const sbi_network_form *form, const sbi_array *shift,
                                           const sbi_array *scale);
/** Gives up a network (an ensemble that holds it keeps it alive); NULL is fine. Since: 0.1 */
SBI_API void sbi_network_destroy(sbi_network *net);

/** Saves atomically. The bytes depend on the network alone. Since: 0.1 */
SBI_API sbi_status sbi_network_save(const sbi_network *net, const char *path);
/** Loads and checks: SBI_ERR_FORMAT, SBI_ERR_SHAPE, SBI_ERR_VALUE, SBI_ERR_CHECKSUM, SBI_ERR_VERSION name the file and what is
 *  wrong in it. Since: 0.1 */
SBI_API sbi_status sbi_network_load(sbi_network **out, sbi_context *ctx, const char *path);

/** Fills in info; set info->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_network_info_get(const sbi_network *net, sbi_network_info *info);
/** Views of layer `index`: weight [out, in] and bias [out], f32; either may be NULL. Owned by the network. Since: 0.1 */
SBI_API sbi_status sbi_network_layer(const sbi_network *net, size_t index, sbi_array *weight, sbi_array *bias);
/** Views of gain and offset [out] of layer `index`, f32, without data if it is not normalised; either may be NULL. Owned by the network.
 *  Since: 0.1 */
SBI_API sbi_status sbi_network_norm(const sbi_network *net, size_t index, sbi_array *gain, sbi_array *offset);
/** The number of layers of the residual block that layer `index` ends; 0 if it ends none or does not exist. Since: 0.1 */
SBI_API int32_t sbi_network_residual(const sbi_network *net, size_t index);
/** The activation of layer `index`, SBI_ACTIVATION_...; 0 if it has none or does not exist. Since: 0.1 */
SBI_API int32_t sbi_network_activation(const sbi_network *net, size_t index);
/** Views of shift and scale, [d], f64; either may be NULL. Owned by the network. Since: 0.1 */
SBI_API sbi_status sbi_network_standardisation(const sbi_network *net, sbi_array *shift, sbi_array *scale);
/** Name of a feature; NULL out of range. Owned by the network. Since: 0.1 */
SBI_API const char *sbi_network_feature_name(const sbi_network *net, size_t index);
/** The history of training, f64 [epochs, 5], a row an epoch: epoch (from 1), training loss, validation loss (NaN if there is
 *  none), learning rate, largest norm of a batch's gradient before clipping. Zero rows if not trained here. Owned by the
 *  network. Since: 0.1 */
SBI_API sbi_status sbi_network_history(const sbi_network *net, sbi_array *history);

/** ln r(x) for n events, by a network with one output. @param features [n, d], any dtype and strides. @param[out] logit [n].
 *  Uses the context's threads. Errors: SBI_ERR_SHAPE (also for several outputs), SBI_ERR_VALUE naming row and column, SBI_ERR_CANCELLED. Since: 0.1 */
SBI_API sbi_status sbi_network_evaluate(const sbi_network *net, const sbi_array *features, double *logit);

/** All outputs for n events. @param features [n, d], any dtype and strides. @param[out] outputs [n, outputs]. As
 *  sbi_network_evaluate(), whose results these are for a network with one output. Since: 0.1 */
SBI_API sbi_status sbi_network_evaluate_all(const sbi_network *net, const sbi_array *features, double *outputs);

/** All outputs at one theta. @param features [n, d], without theta. @param theta [n_theta], n_theta = q of sbi_network_info.
 *  @param[out] outputs [n, outputs]. Otherwise as sbi_network_evaluate_all(). Since: 0.1 */
SBI_API sbi_status sbi_network_evaluate_at(const sbi_network *net, const sbi_array *features, const double *theta, size_t n_theta,
                                           double *outputs);
/** Name of a class; NULL out of range. Owned by the network. Since: 0.1 */
SBI_API const char *sbi_network_class_name(const sbi_network *net, size_t index);

/* ---- ensembles ------------------------------------------------------------------------------------------------- */

/** How members make one ratio. */
#define SBI_COMBINE_MEAN_RATIO 0 /**< sum_m r_m / M (default): keeps E_denominator[r] = 1 if every member has it */
#define SBI_COMBINE_MEAN_LOG 1   /**< exp(sum_m ln r_m / M) */
#define SBI_COMBINE_MEDIAN 2     /**< of the r_m; the mean of ln r of the middle two for even M */

/** An ensemble of n >= 1 networks with the same numbers of features, theta, outputs and classes; it shares them: destroying yours is fine. Since: 0.1 */
SBI_API sbi_status sbi_ensemble_create(sbi_ensemble **out, sbi_context *ctx, sbi_network *const *networks, size_t n);
/** Gives up an ensemble; NULL is fine. Since: 0.1 */
SBI_API void sbi_ensemble_destroy(sbi_ensemble *ens);
/** Saves every member and, last, `ensemble.json`, into a folder (made if missing). Since: 0.1 */
SBI_API sbi_status sbi_ensemble_save(const sbi_ensemble *ens, const char *folder);
/** Loads a folder that sbi_ensemble_save() made, or one network file as an ensemble of one. Since: 0.1 */
SBI_API sbi_status sbi_ensemble_load(sbi_ensemble **out, sbi_context *ctx, const char *path);
/** Loads n network files. Since: 0.1 */
SBI_API sbi_status sbi_ensemble_load_files(sbi_ensemble **out, sbi_context *ctx, const char *const *paths, size_t n);

/** Number of members. Since: 0.1 */
SBI_API size_t sbi_ensemble_members(const sbi_ensemble *ens);
/** A member, owned by the ensemble; NULL out of range. Since: 0.1 */
SBI_API const sbi_network *sbi_ensemble_network(const sbi_ensemble *ens, size_t index);
/** Sets how members are combined: SBI_COMBINE_.... Saved with the ensemble. Not while other threads use it. Since: 0.1 */
SBI_API sbi_status sbi_ensemble_set_combination(sbi_ensemble *ens, int32_t combination);
/** How members are combined. Since: 0.1 */
SBI_API int32_t sbi_ensemble_combination(const sbi_ensemble *ens);

SBI_END_DECLS
#endif
