/* SPDX-License-Identifier: Apache-2.0 */
/** @file train.h
 * Training density-ratio networks and ensembles.
 *
 * A member minimises, by default, the weighted binary cross-entropy on logits z,
 *     L = sum_i w_i [ln(1 + exp(z_i)) - y_i z_i] / sum_i w_i,       y = 1 numerator, 0 denominator,
 * with the weights of each side scaled to the same sum, so that z(x) = ln p_numerator(x) / p_denominator(x) at the minimum
 * (the likelihood-ratio trick: arXiv 1506.02169). Arithmetic is f32, sums of the loss f64. Other objectives: SBI_LOSS_....
 *
 * With theta in the dataset the network is parameterised: its inputs are the features, then theta.
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
#define SBI_SCHEDULE_EXPONENTIAL 6 /**< rate * schedule_factor ^ e */
#define SBI_SCHEDULE_PLATEAU 5   /**< times schedule_factor after schedule_epochs epochs without a better loss */

/** Standardisation of the inputs. */
#define SBI_STANDARDISE_NONE 0
#define SBI_STANDARDISE_MEAN_STD 1 /**< weighted mean 0 and standard deviation 1, each side counting half (default) */
#define SBI_STANDARDISE_MIN_MAX 2  /**< to [-1, 1] */
#define SBI_STANDARDISE_YEO_JOHNSON 3 /**< Yeo-Johnson's power transform (Biometrika 87, 954), its exponents by maximum likelihood, then mean 0 and
                                           standard deviation 1 */

/** What is minimised: L = sum_i w_i l_i / sum_i w_i, with s_i = 1 / (1 + exp(-z_i)) and r_i, t_i the joint ratio and score of the event. Where
 *  there is a score, l_i has score_weight |t_i - grad_theta z(x_i, theta_i)|^2 added for the events of the numerator. docs/training.md has more.
 *
 *  BCE of K > 2 classes trains K - 1 heads on one trunk, several hypotheses against one reference: output k - 1 is ln p_k / p_0, class 0 the
 *  reference. Each head sees the events of its class and those of class 0. MULTICLASS has K outputs, of which differences count:
 *  z_a - z_b = ln p_a / p_b. Both give the ratio of any two classes (sbi_ratio_options: numerator, denominator). */
#define SBI_LOSS_BCE 1        /**< l = ln(1 + exp(z)) - y z (default); with theta in the dataset this is CARL, arXiv 1506.02169 */
#define SBI_LOSS_MULTICLASS 2 /**< l = ln sum_k exp(z_k) - sum_k y_k z_k, softmax cross-entropy over all classes: one logit a class */
#define SBI_LOSS_REGRESSION 3 /**< l = |z - target|^2; one class of events is enough */
#define SBI_LOSS_ROLR 4       /**< l = (exp(z) - r)^2 in the denominator, (exp(-z) - 1 / r)^2 in the numerator: arXiv 1805.00020 */
#define SBI_LOSS_ALICE 5      /**< BCE with y = r / (1 + r) for events of both sides: arXiv 1808.00973 */
#define SBI_LOSS_RASCAL 6     /**< ROLR and the score: arXiv 1805.00020 */
#define SBI_LOSS_ALICES 7     /**< ALICE and the score: arXiv 1808.00973 */
#define SBI_LOSS_CASCAL 8     /**< CARL and the score: arXiv 1805.00020 */

/** How the weights of the training's steps are averaged. Validation and the result use the averaged ones. */
#define SBI_AVERAGING_NONE 0
#define SBI_AVERAGING_EMA 1 /**< average = decay average + (1 - decay) weights after each step, its start corrected for */
#define SBI_AVERAGING_SWA 2 /**< equal mean over the ends of epochs (arXiv 1803.05407) */

/** Arithmetic of the matrix products. Weights, sums and the optimiser stay f32. */
#define SBI_PRECISION_F32 0
#define SBI_PRECISION_BF16 1 /**< factors rounded to bf16, where the processor and the BLAS have it: SBI_ERR_UNSUPPORTED elsewhere */

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
    double weight_decay;     /**< default 0; of weight matrices: not applied to biases, gains and offsets */
    double clip_norm;        /**< largest norm of the gradient of a batch; 0 (default): not clipped */
    double validation_fraction; /**< of the events, kept apart by sbi_dataset_split(); default 0.1; 0: none, and then the last
                                     epoch counts as the best */
    double min_improvement;     /**< of the loss, to count as better for `patience` and PLATEAU; default 0 */
    double checkpoint_seconds;  /**< between checkpoints; default 30; a cancelled run writes one too */
    const char *campaign;       /**< folder for checkpoints and the journal; NULL (default): nothing is kept, no resuming */
    const char *device;         /**< "cpu" (also NULL, the default), "cuda", "cuda:1", "cuda:0?precision=tf32"; for ensembles also "cuda:*" and
                                     "cuda:0,2", over which members are spread: docs/devices.md. Not part of what a checkpoint was made
                                     for: training may go on with another device */
    int32_t residual;      /**< k > 0: hidden layers in a residual block, h + F(h); the first layer brings to `width`, so depth is 1 + a positive
                                multiple of k; 0 (default): none */
    int32_t layer_norm;    /**< 1: layer normalisation (arXiv 1607.06450) before each activation; default 0 */
    int32_t loss;          /**< SBI_LOSS_BCE */
    int32_t class_balance; /**< 1 (default): the weights of each side or class are scaled to the same sum; 0: taken as they are */
    int32_t averaging;     /**< SBI_AVERAGING_NONE */
    int32_t precision;     /**< SBI_PRECISION_F32 */
    int32_t retries;       /**< a member that diverges begins anew at most so often, each time with the rate times retry_factor; default 0 */
    int32_t folds;         /**< k: member m trains without fold m mod k, on which it is then judged; 0 (default): no folds */
    double dropout;          /**< probability, at most 0.99, that an output of a hidden layer is zeroed in training, before a residual sum; the others are
                                  divided by 1 - dropout; default 0 */
    double leaky_slope;      /**< of LeakyReLU below 0, from 1e-6 to 1; default 0.01 */
    double label_smoothing;  /**< s in [0, 1): labels y of BCE, MULTICLASS, ALICE(S) and CASCAL become (1 - s) y + s / classes; default 0 */
    double score_weight;     /**< of the score's squared error in RASCAL, ALICES, CASCAL; default 1 */
    double averaging_decay;  /**< of EMA; default 0.999 */
    double averaging_start;  /**< epochs before averaging begins; default 0 */
    double retry_factor;     /**< default 0.3 */
    double initial_gain;     /**< variance of the first weights of a hidden layer times its number of inputs; default 1/3, which leaves learnt ratios closer
                                  to the exact ones than larger values (docs/ratio_quality.md) */
    uint64_t memory;         /**< most bytes for the events as training reads them; beyond, they lie in a file under `campaign` or TMPDIR and are mapped;
                                  0 (default): no limit. Not part of what a checkpoint was made for */
    const char *epoch_log;   /**< folder in which `member-0000.jsonl` gets a line of JSON an epoch; NULL (default): `campaign`, if there is one */
} sbi_train_options;

#define SBI_TRAIN_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_train_options), 4, 128, SBI_ACTIVATION_SILU, 100, 1, SBI_OPTIMISER_NADAM,                 \
            SBI_SCHEDULE_COSINE, 10, 0, SBI_STANDARDISE_MEAN_STD, 0, 1024, 1, 1e-3, 0.0, 0.1, 0.01, 0.9, 0.999, 1e-8,  \
            0.0, 0.0, 0.1, 0.0, 30.0, NULL, NULL, 0, 0, SBI_LOSS_BCE, 1, SBI_AVERAGING_NONE, SBI_PRECISION_F32, 0, 0,  \
            0.0, 0.01, 0.0, 1.0, 0.999, 0.0, 0.3, 1.0 / 3, 0, NULL \
    }

/** Fills in the defaults; the same values as SBI_TRAIN_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_train_options_init(sbi_train_options *options);

/** Trains one network (member 0 of an ensemble with these options) here, with the context's threads.
 *  @param[out] out NULL on failure. @param data becomes immutable. @param options NULL for defaults; `members` is not looked at.
 *  With a campaign folder, `member-0000.checkpoint.npz` in it is resumed from if there is one, and removed at the end; one that
 *  was made by other options or from other data gives SBI_ERR_VERSION, naming it.
 *  Errors of a device: SBI_ERR_NOT_FOUND (its library, driver or the device itself is missing), SBI_ERR_ABI (its library is of another
 *  release), SBI_ERR_NO_MEMORY, SBI_ERR_TRANSIENT (the device was lost: train again, and it goes on from the checkpoint).
 *  Reports progress under the stage "train". Errors: SBI_ERR_ARGUMENT (an option, by name), SBI_ERR_VALUE (a class has no
 *  events or no positive total weight; the loss needs what the dataset does not have), SBI_ERR_UNSUPPORTED (losses with a score on another
 *  device than the cpu), SBI_ERR_DIVERGED (naming epoch and batch, after all retries), SBI_ERR_CANCELLED. Since: 0.1 */
SBI_API sbi_status sbi_network_train(sbi_network **out, sbi_dataset *data, const sbi_train_options *options);

/** Trains options->members networks, each one a task of a campaign run by `exec`, and makes an ensemble of them.
 *  @param[out] out NULL on failure. @param exec NULL: here, with the context's threads: small networks (up to 300,000 parameters)
 *  side by side, each in one thread, where there are as many as threads, or on a GPU, at most 8 on each; others, and those of a context
 *  with a parallel_for of its own, one after the other. Of several devices that the options name, one that is lost hands its members on.
 *  With a campaign folder, members that are done are not trained again, and one that diverges or fails does not stop the others: they
 *  are trained to their end and kept, and the call fails as the first one did. The networks are those that sbi_network_train() would
 *  give, whatever the executor and however many run at once. Errors: those of sbi_network_train() and sbi_campaign_run(). Since: 0.1 */
SBI_API sbi_status sbi_ensemble_train(sbi_ensemble **out, sbi_dataset *data, const sbi_train_options *options,
                                      sbi_executor *exec);

SBI_END_DECLS
#endif
