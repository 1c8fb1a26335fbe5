/* SPDX-License-Identifier: Apache-2.0 */
/** @file search.h
 * Searching hyper-parameters: many trainings with different options, judged by their loss on events that were held out.
 *
 * A trial is a set of training options. Each of its members is a task of a campaign, so a search runs on any executor, goes on where it was
 * killed, and gives the same leaderboard for the same seed whatever the executor and however many tasks run at once (but for the seconds).
 * A training that diverges is a result, not the end of the search.
 *
 * Trials are compared by score = mean + sigmas * spread of the held-out losses of their members: with the option `folds` the loss on the fold that
 * a member left out, otherwise the validation loss of its best epoch. Only trials that measure the same loss on the same events can be compared:
 * do not search over `loss`, `class_balance`, `label_smoothing`, `seed`, `folds` or `validation_fraction` without that in mind.
 */
#ifndef SBI_SEARCH_H
#define SBI_SEARCH_H

#include "train.h"

SBI_BEGIN_DECLS

typedef struct sbi_search sbi_search;

/** How trials are chosen. The numbers are part of the ABI. */
#define SBI_SEARCH_GRID 1   /**< all combinations, the last range varying fastest */
#define SBI_SEARCH_RANDOM 2 /**< independent draws from every range */

/** How long trials are trained; R = epochs of the base options. docs/search.md says what a rung means with a schedule. */
#define SBI_SEARCH_FULL 1      /**< every trial for R epochs */
#define SBI_SEARCH_HALVING 2   /**< successive halving (arXiv 1502.07943): rungs of floor(R / reduction^j) epochs, at least min_epochs; of n trials
                                    floor(n / reduction^k), at least one, go on after k rungs, from where they stopped */
#define SBI_SEARCH_HYPERBAND 3 /**< brackets of successive halving that begin at each of the rungs (arXiv 1603.06560, algorithm 1); RANDOM only */

/** What values an option takes. */
#define SBI_RANGE_VALUES 1      /**< those listed */
#define SBI_RANGE_LINEAR 2      /**< uniform in [low, high] */
#define SBI_RANGE_LOG 3         /**< uniform in the logarithm; low > 0 */
#define SBI_RANGE_INTEGER 4     /**< whole numbers from low to high */
#define SBI_RANGE_LOG_INTEGER 5 /**< the same, with density 1 / x; low >= 1 */

typedef struct sbi_search_range {
    const char *option;   /**< name of a member of sbi_train_options that changes a network: "learning_rate", "width", ... */
    int32_t kind;         /**< SBI_RANGE_... */
    int32_t points;       /**< of a grid, evenly spaced from low to high (in the logarithm for LOG); 0 for INTEGER: every whole number */
    double low, high;     /**< both included; not for VALUES */
    const double *values; /**< [n_values] for VALUES */
    uint64_t n_values;
} sbi_search_range;

typedef struct sbi_search_options {
    uint32_t struct_size; /**< sizeof(sbi_search_options) */
    int32_t method;       /**< SBI_SEARCH_GRID (default) or SBI_SEARCH_RANDOM */
    int32_t strategy;     /**< SBI_SEARCH_FULL (default), SBI_SEARCH_HALVING, SBI_SEARCH_HYPERBAND */
    int32_t min_epochs;   /**< of the first rung; default 1 */
    int64_t trials;       /**< for RANDOM; with HYPERBAND it follows from the rungs and must be 0; default 0 */
    uint64_t seed;        /**< for RANDOM; default 1 */
    double reduction;     /**< eta, at least 1.1; default 3 */
    double sigmas;        /**< in the score; default 0 */
    const sbi_search_range *ranges; /**< [n_ranges] */
    uint64_t n_ranges;
} sbi_search_options;

#define SBI_SEARCH_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_search_options), SBI_SEARCH_GRID, SBI_SEARCH_FULL, 1, 0, 1, 3.0, 0.0, NULL, 0             \
    }

/** Fills in the defaults; the same values as SBI_SEARCH_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_search_options_init(sbi_search_options *options);

/** Plans a search.
 *  @param[out] out NULL on failure. @param base what the trials have in common; NULL for defaults. `members` networks are trained for each trial,
 *  `campaign` keeps everything: results, checkpoints, `trials/0000/member-0000.jsonl`, `leaderboard.json`. @param options copied.
 *  A trial whose options do not fit together (each value is checked for itself here) is kept as SBI_TRIAL_INVALID and not trained.
 *  Errors: SBI_ERR_NOT_FOUND (an option that there is not), SBI_ERR_ARGUMENT naming range and value; more than a hundred thousand trials;
 *  `epochs` as a range unless the strategy is FULL; neither validation events nor folds. Since: 0.1 */
SBI_API sbi_status sbi_search_create(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const sbi_search_options *options);
/** The same from JSON text, described in docs/search.md. SBI_ERR_FORMAT, SBI_ERR_ARGUMENT and SBI_ERR_NOT_FOUND name the member. Since: 0.1 */
SBI_API sbi_status sbi_search_parse(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const char *text, size_t size);
/** The same from a file. Since: 0.1 */
SBI_API sbi_status sbi_search_load(sbi_search **out, sbi_context *ctx, const sbi_train_options *base, const char *path);
/** Destroys a search and releases its campaign; NULL is fine. Since: 0.1 */
SBI_API void sbi_search_destroy(sbi_search *search);

/** Runs what is not done; again after a failure or cancellation. The campaign folder stays locked until the search is destroyed.
 *  @param data becomes immutable. @param exec NULL: here, small networks side by side, as sbi_ensemble_train().
 *  Errors: SBI_ERR_CANCELLED; those of sbi_campaign_run(), but a trial that cannot be trained is SBI_TRIAL_FAILED in the leaderboard; if no trial can, the
 *  error is the first one's. If all diverge: SBI_ERR_DIVERGED. Since: 0.1 */
SBI_API sbi_status sbi_search_run(sbi_search *search, sbi_dataset *data, sbi_executor *exec);

/** States of a trial. The numbers are part of the ABI. */
#define SBI_TRIAL_PLANNED 0  /**< more is to be trained */
#define SBI_TRIAL_DONE 1     /**< trained to the end */
#define SBI_TRIAL_STOPPED 2  /**< others were better at its last rung */
#define SBI_TRIAL_DIVERGED 3 /**< a member did, after all its retries */
#define SBI_TRIAL_FAILED 4   /**< a member could not be trained */
#define SBI_TRIAL_INVALID 5  /**< its options do not fit together */

/** A trial as it stands. */
typedef struct sbi_search_trial {
    uint32_t struct_size; /**< set by the caller */
    int32_t state;        /**< SBI_TRIAL_... */
    int32_t rank;         /**< from 0, the best */
    int32_t bracket;      /**< from 0; HYPERBAND only */
    int32_t rungs;        /**< done */
    int32_t epochs;       /**< of its last rung: what each member has trained for, unless `patience` stopped it before */
    int32_t attempts;     /**< the most that a member needed: 1 without retries */
    int32_t diverged_member;  /**< -1: none; else the first that did, */
    int32_t diverged_epoch;   /**< in this epoch, from 1, */
    int32_t reserved_;
    int64_t diverged_batch;   /**< and this batch of it, from 1 */
    int64_t parameters;       /**< of a member's network */
    double loss;    /**< mean held-out loss of the members that did not diverge; NaN before the first rung */
    double spread;  /**< their standard deviation (M - 1 in the denominator; 0 for one) */
    double score;   /**< loss + sigmas * spread */
    double seconds; /**< of training, over members and rungs */
    char message[256]; /**< why it is diverged, failed or invalid */
} sbi_search_trial;

/** Number of trials; 0 for NULL. Since: 0.1 */
SBI_API size_t sbi_search_trials(const sbi_search *search);
/** Fills in a trial, counted in the order of planning; set trial->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_search_trial_get(const sbi_search *search, size_t index, sbi_search_trial *trial);
/** The trial that has a rank. SBI_ERR_NOT_FOUND beyond the last. Since: 0.1 */
SBI_API sbi_status sbi_search_ranked(const sbi_search *search, size_t rank, size_t *index);
/** Options of a trial, without the campaign folder of the search, ready for sbi_ensemble_train(). Set options->struct_size first. Its
 *  `device` is owned by the search. Since: 0.1 */
SBI_API sbi_status sbi_search_trial_options(const sbi_search *search, size_t index, sbi_train_options *options);
/** Those of the best trial. SBI_ERR_STATE if none was trained to the end. Since: 0.1 */
SBI_API sbi_status sbi_search_best_options(const sbi_search *search, sbi_train_options *options);
/** The networks of a trial that is DONE, as an ensemble: what sbi_ensemble_train() gives with its options, without training again. Since: 0.1 */
SBI_API sbi_status sbi_search_ensemble(sbi_ensemble **out, const sbi_search *search, size_t index);
/** Writes the leaderboard as JSON, atomically. Since: 0.1 */
SBI_API sbi_status sbi_search_write(const sbi_search *search, const char *path);

SBI_END_DECLS
#endif
