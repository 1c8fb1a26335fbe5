/* SPDX-License-Identifier: Apache-2.0 */
/** @file train.h
 * Training density-ratio networks and ensembles.
 *
 * A member minimises the weighted binary cross-entropy on logits z,
 *     L = sum_i w_i [ln(1 + exp(z_i)) - y_i z_i] / sum_i w_i,       y = 1 numerator, 0 denominator,
 * with the weights of each side scaled to the same sum, so that z(x) = ln p_numerator(x) / p_denominator(x) at the minimum
 * (the likelihood-ratio trick: arXiv 1506.02169). Arithmetic is f32, sums of the loss f64.
 *
 * The same options, dataset, member and kind of processor or device give the same network, bit for bit, for any number of threads, and
 * whether or not training was interrupted and resumed.
 */
#ifndef SBI_TRAIN_H
#define SBI_TRAIN_H

#include "dataset.h"
#include "executor.h"
#include "network.h"

SBI_BEGIN_DECLS

/** Optimisers. The numbers are part of the ABI. */
#define SBI_OPTIMISER_NADAM 1 /**< Dozat 2016, with momentum decay 0.004, as PyTorch (default) */
#define SBI_OPTIMISER_ADAM 2  /**< arXiv 1412.6980; weight_decay is added to the gradient */
#define SBI_OPTIMISER_ADAMW 3 /**< arXiv 1711.05101; decoupled weight_decay */
#define SBI_OPTIMISER_SGD 4   /**< with momentum beta1 */

/** Learning-rate schedules; e counts epochs from 0 as a real number that grows with each batch, E = epochs. */
#define SBI_SCHEDULE_CONSTANT 1
#define SBI_SCHEDULE_STEP 2      /**< rate * schedule_factor ^ floor(e / schedule_epochs) */
#define SBI_SCHEDULE_COSINE 3    /**< falls from rate to rate * final_rate as half a cosine (default) */
#define SBI_SCHEDULE_GEOMETRIC 4 /**< rate * final_rate ^ (e / E) */
#define SBI_SCHEDULE_PLATEAU 5   /**< times schedule_factor after schedule_epochs epochs without a better loss */

/** Standardisation of the inputs. */
#define SBI_STANDARDISE_NONE 0
#define SBI_STANDARDISE_MEAN_STD 1 /**< weighted mean 0 and standard deviation 1, each side counting half (default) */
#define SBI_STANDARDISE_MIN_MAX 2  /**< to [-1, 1] */

typedef struct sbi_train_options {
    uint32_t struct_size; /**< sizeof(sbi_train_options) */
    int32_t depth;        /**< hidden layers, 0 or more; default 4 */
    int32_t width;        /**< of each; default 128 */
    int32_t activation;   /**< SBI_ACTIVATION_SILU */
    int32_t epochs;       /**< most passes over the training events; default 100 */
    int32_t members;      /**< of an ensemble; default 1 */
    int32_t optimiser;    /**< SBI_OPTIMISER_NADAM */
    int32_t schedule;     /**< SBI_SCHEDULE_COSINE */
    int32_t schedule_epochs; /**< for STEP and PLATEAU; default 10 */
    int32_t patience;        /**< stop after so many epochs without a better validation loss; 0 (default): never */
    int32_t standardise;     /**< SBI_STANDARDISE_MEAN_STD */
    int32_t bootstrap;       /**< 1: each member multiplies the weight of every event by its own Poisson(1) number; default 0 */
    int64_t batch;           /**< events in a batch; default 1024 */
    uint64_t seed;           /**< default 1; member m uses a seed derived from this and m */
    double learning_rate;    /**< default 1e-3 */
    double warmup_epochs;    /**< the rate grows linearly from 0 over so many epochs; default 0 */
    double schedule_factor;  /**< default 0.1 */
    double final_rate;       /**< default 0.01, a fraction of learning_rate */
    double beta1;            /**< default 0.9; momentum for SGD */
    double beta2;            /**< default 0.999 */
    double epsilon;          /**< default 1e-8 */
    double weight_decay;     /**< default 0; not applied to biases */
    double clip_norm;        /**< largest norm of the gradient of a batch; 0 (default): not clipped */
    double validation_fraction; /**< of the events, kept apart by sbi_dataset_split(); default 0.1; 0: none, and then the last
                                     epoch counts as the best */
    double min_improvement;     /**< of the loss, to count as better for `patience` and PLATEAU; default 0 */
    double checkpoint_seconds;  /**< between checkpoints; default 30; a cancelled run writes one too */
    const char *campaign;       /**< folder for checkpoints and the journal; NULL (default): nothing is kept, no resuming */
    const char *device;         /**< "cpu" (also NULL, the default), "cuda", "cuda:1", "cuda:0?precision=tf32": docs/devices.md. Not
                                     part of what a checkpoint was made for: training may go on with another device */
} sbi_train_options;

#define SBI_TRAIN_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_train_options), 4, 128, SBI_ACTIVATION_SILU, 100, 1, SBI_OPTIMISER_NADAM,                 \
            SBI_SCHEDULE_COSINE, 10, 0, SBI_STANDARDISE_MEAN_STD, 0, 1024, 1, 1e-3, 0.0, 0.1, 0.01, 0.9, 0.999, 1e-8,  \
            0.0, 0.0, 0.1, 0.0, 30.0, NULL, NULL                                                                       \
    }

/** Fills in the defaults; the same values as SBI_TRAIN_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_train_options_init(sbi_train_options *options);

/** Trains one network (member 0 of an ensemble with these options) here, with the context's threads.
 *  @param[out] out NULL on failure. @param data becomes immutable. @param options NULL for defaults; `members` is not looked at.
 *  With a campaign folder, `member-0000.checkpoint.npz` in it is resumed from if there is one, and removed at the end; one that
 *  was made by other options or from other data gives SBI_ERR_VERSION, naming it.
 *  Errors of a device: SBI_ERR_NOT_FOUND (its library, driver or the device itself is missing), SBI_ERR_ABI (its library is of another
 *  release), SBI_ERR_NO_MEMORY, SBI_ERR_TRANSIENT (the device was lost: train again, and it goes on from the checkpoint).
 *  Reports progress under the stage "train". Errors: SBI_ERR_ARGUMENT (an option, by name), SBI_ERR_VALUE (one side has no
 *  events or no positive total weight), SBI_ERR_DIVERGED (naming epoch and batch), SBI_ERR_CANCELLED. Since: 0.1 */
SBI_API sbi_status sbi_network_train(sbi_network **out, sbi_dataset *data, const sbi_train_options *options);

/** Trains options->members networks, each one a task of a campaign run by `exec`, and makes an ensemble of them.
 *  @param[out] out NULL on failure. @param exec NULL: here, with the context's threads: small networks (up to 300,000 parameters, on
 *  the cpu) side by side, each in one thread, where there are as many as threads; others, and those of a context with a
 *  parallel_for of its own, one after the other.
 *  With a campaign folder, members that are done are not trained again, and one that diverges or fails does not stop the others: they
 *  are trained to their end and kept, and the call fails as the first one did. The networks are those that sbi_network_train() would
 *  give, whatever the executor and however many run at once. Errors: those of sbi_network_train() and sbi_campaign_run(). Since: 0.1 */
SBI_API sbi_status sbi_ensemble_train(sbi_ensemble **out, sbi_dataset *data, const sbi_train_options *options,
                                      sbi_executor *exec);

SBI_END_DECLS
#endif
