/* SPDX-License-Identifier: Apache-2.0 */
/** @file ratio.h
 * Density ratios from ensembles, as columns; and diagnostics of ratios, learnt here or elsewhere.
 */
#ifndef SBI_RATIO_H
#define SBI_RATIO_H

#include "calibration.h"
#include "dataset.h"
#include "network.h"

SBI_BEGIN_DECLS

/** What is written. */
#define SBI_RATIO_VALUE 0 /**< r */
#define SBI_RATIO_LOG 1   /**< ln r */

typedef struct sbi_ratio_options {
    uint32_t struct_size; /**< sizeof(sbi_ratio_options) */
    int32_t output;       /**< SBI_RATIO_VALUE (default) or SBI_RATIO_LOG, for ratio, spread and members alike */
    int32_t dtype;        /**< of files written: SBI_F64 (default), SBI_F32, or SBI_F16 with SBI_RATIO_LOG */
    int32_t reserved_;
    double correction;     /**< every member's ratio is divided by this; default 1; see sbi_ratio_normalisation() */
    const char *spread;    /**< sbi_ratio_write(): path of a .npy [n] for the spread of the members; NULL: none */
    const char *members;   /**< sbi_ratio_write(): path of a .npy [n, members] for every member; NULL: none */
    const char *device;    /**< where networks are evaluated: "cpu" (also NULL, the default), "cuda", ...: docs/devices.md */
    const double *theta;   /**< [n_theta] for parameterised networks: one theta for all rows; NULL: the features end in theta, row by row */
    uint64_t n_theta;      /**< q with theta, else 0 */
    int32_t numerator;     /**< class of the ratio's numerator; default SBI_NUMERATOR */
    int32_t denominator;   /**< class of its denominator; default SBI_DENOMINATOR */
    const sbi_calibration *calibration; /**< applied to ln r of the ensemble, and of each member for members and spread; correction must then
                                             be 1; NULL (default): none */
} sbi_ratio_options;

#define SBI_RATIO_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_ratio_options), SBI_RATIO_VALUE, SBI_F64, 0, 1.0, NULL, NULL, NULL, NULL, 0,              \
            SBI_NUMERATOR, SBI_DENOMINATOR, NULL                                                                       \
    }

/** Fills in the defaults; the same values as SBI_RATIO_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_ratio_options_init(sbi_ratio_options *options);

/** Evaluates an ensemble.
 *  @param features [n, d], any dtype and strides; [n, d + q] for parameterised networks without options->theta. @param[out] ratio [n]. @param[out] spread [n] or NULL: the standard deviation
 *  over members (M - 1 in the denominator; 0 for one member); divide by sqrt(M) for the error of the mean.
 *  @param options NULL for defaults; spread and members paths are not looked at.
 *  Memory is O(threads x chunk). Rows are cut in fixed chunks, so the bits depend on n and the position alone. Several threads
 *  may evaluate the same ensemble. Errors: SBI_ERR_SHAPE; SBI_ERR_VALUE naming row and column; SBI_ERR_ARGUMENT for classes that the
 *  networks do not have; SBI_ERR_CANCELLED. Since: 0.1 */
SBI_API sbi_status sbi_ratio_evaluate(const sbi_ensemble *ens, const sbi_array *features, double *ratio, double *spread,
                                      const sbi_ratio_options *options);

/** The same from a .npy of features into a .npy [n], which appears whole or not at all. Reports progress under the stage
 *  "ratio". Since: 0.1 */
SBI_API sbi_status sbi_ratio_write(const sbi_ensemble *ens, const char *features, const char *ratio,
                                   const sbi_ratio_options *options);

/** Ratios of the events that an ensemble with the option `folds` was trained on, each combined from the members that left its fold out: as if
 *  every event were new. For diagnostics, calibration and the columns of a measurement that uses the training events.
 *  @param data the events that were trained on, added in the same order: folds go by the number of an event. @param side SBI_NUMERATOR or SBI_DENOMINATOR.
 *  @param[out] ratio [events of the side]. @param[out] spread the same, or NULL: over the members that were used, 0 for one.
 *  @param options as for sbi_ratio_evaluate(). Errors: SBI_ERR_STATE (members without folds, with different ones, or a fold that no
 *  member left out) and those of sbi_ratio_evaluate(). Since: 0.1 */
SBI_API sbi_status sbi_ratio_evaluate_held_out(const sbi_ensemble *ens, sbi_dataset *data, int32_t side, double *ratio, double *spread,
                                               const sbi_ratio_options *options);

/** The same into a .npy [events of the side], and one of the spread where options->spread names it; options->members must be NULL. Since: 0.1 */
SBI_API sbi_status sbi_ratio_write_held_out(const sbi_ensemble *ens, sbi_dataset *data, int32_t side, const char *ratio,
                                            const sbi_ratio_options *options);

/** A weighted mean of ratios over denominator events, which is 1 for exact ratios. */
typedef struct sbi_normalisation {
    uint32_t struct_size; /**< set by the caller */
    int32_t reserved_;
    int64_t events;
    double mean;  /**< sum_i w_i r_i / sum_i w_i */
    double error; /**< its standard error: sqrt(sum_i w_i^2 (r_i - mean)^2) / |sum_i w_i| */
    double ess;   /**< effective number of denominator events after reweighting: (sum_i w_i r_i)^2 / sum_i (w_i r_i)^2 */
} sbi_normalisation;

/** E_denominator[r] over given ratios. @param ratio [n]. @param weights [n], NULL: 1. The mean may serve as
 *  sbi_ratio_options.correction if the events were not trained on. Set result->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_ratio_normalisation(sbi_context *ctx, const sbi_array *ratio, const sbi_array *weights,
                                           sbi_normalisation *result);

/* ---- diagnostics ----------------------------------------------------------------------------------------------- */

typedef struct sbi_diagnostics sbi_diagnostics;

typedef struct sbi_diagnostics_options {
    uint32_t struct_size; /**< sizeof(sbi_diagnostics_options) */
    int32_t calibration_bins; /**< default 20, with about the same weight each */
    int32_t closure_bins;     /**< default 20 for each feature, the same */
    int32_t roc_points;       /**< default 200 */
    int32_t held_out;         /**< 1: only events that training with the seed and fraction below kept apart; 2: all, each judged by the
                                   members of an ensemble with folds that did not see it; default 0: all */
    int32_t reserved_;
    uint64_t seed;              /**< as in sbi_train_options; default 1 */
    double validation_fraction; /**< as in sbi_train_options; default 0.1 */
    double correction;          /**< as in sbi_ratio_options; default 1 */
    int64_t training_events;    /**< with held_out: so many events of each side that training used are compared with the held-out ones, in the
                                     order of adding; default 100000; 0: none */
    int32_t member;             /**< -1 (default): the ensemble; otherwise this member alone, without calibration */
    int32_t reserved2_;
    const sbi_calibration *calibration; /**< as in sbi_ratio_options; default NULL */
} sbi_diagnostics_options;

#define SBI_DIAGNOSTICS_OPTIONS_INIT                                                                                   \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_diagnostics_options), 20, 20, 200, 0, 0, 1, 0.1, 1.0, 100000, -1, 0, NULL                \
    }

/** Fills in the defaults; the same values as SBI_DIAGNOSTICS_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_diagnostics_options_init(sbi_diagnostics_options *options);

/** The numbers. Sums are weighted, each side normalised to one; s = r / (1 + r). */
typedef struct sbi_diagnostics_summary {
    uint32_t struct_size; /**< set by the caller */
    int32_t features;
    int64_t numerator_events;   /**< used */
    int64_t denominator_events; /**< used */
    double loss;                /**< cross-entropy of s */
    double auc;                 /**< area under the ROC curve, ties counting half */
    double normalisation;       /**< E_denominator[r] */
    double normalisation_error;
    double inverse;             /**< E_numerator[1 / r], which is 1 as well */
    double inverse_error;
    double ess;          /**< effective number of reweighted denominator events */
    double ess_fraction; /**< of that without reweighting */
    double calibration_chi2; /**< sum over bins of the squared pulls below */
    int32_t calibration_dof;
    int32_t closure_dof;   /**< of each feature */
    double closure_chi2;   /**< the largest of the features' */
    double spread_mean;    /**< of ln r over denominator events, standard deviation over members; 0 without an ensemble */
    double spread_max;
    double calibration_p; /**< probability of a chi2 at least so large */
    double closure_p;     /**< the smallest of the features', times the number of features that are not constant, at most 1 */
    double wasserstein;   /**< the largest of the features': SBI_TABLE_CLOSURE_SUMMARY */
    int32_t closure_feature;     /**< index of the feature with closure_p; -1: all are constant */
    int32_t wasserstein_feature; /**< and of the one with wasserstein */
    double ks_numerator;  /**< largest difference of the distribution functions of ln r, held-out against trained-on events; NaN: not compared */
    double ks_numerator_p; /**< and its probability, approximately */
    double ks_denominator;
    double ks_denominator_p;
    double largest_share; /**< of sum |w r| over denominator events: that of the largest event */
    double top_share;     /**< and that of the largest thousandth of the events, at least one */
    double log_ratio_low; /**< smallest ln r of an event of either side */
    double log_ratio_high;
    int32_t constant_features; /**< features that have one value only: closure says nothing of them */
    int32_t reserved_;
} sbi_diagnostics_summary;

/** Tables, f64 [rows, columns]. */
#define SBI_TABLE_CALIBRATION 1 /**< s low, s high, mean s, observed fraction of numerator, its error, pull, weight */
#define SBI_TABLE_ROC 2         /**< threshold of ln r, numerator fraction above it, denominator fraction above it */
#define SBI_TABLE_CLOSURE 3     /**< of a feature: low, high, numerator, error, denominator times r, error, denominator, pull */
/** A row a feature: chi2, degrees of freedom, chi2 before reweighting, probability of the chi2, Wasserstein distance between numerator and reweighted
 *  denominator (integral of |F - G| over the feature), the same before reweighting, and the unit of both: the numerator's standard deviation (where
 *  that is 0: the root mean square of both sides' deviation from the numerator's value; 0: the feature is constant, and the distances are 0). */
#define SBI_TABLE_CLOSURE_SUMMARY 4
#define SBI_TABLE_TAILS 5  /**< probability, quantile of ln r of the numerator, of the denominator */
#define SBI_TABLE_SHARES 6 /**< number of denominator events with the largest |w r|, their fraction of the events, their share of sum |w r| */
/** s in 40 equal bins: low, high, then numerator trained on, its error, held out, its error, and the same four of the denominator; each
 *  distribution sums to 1. No rows without a comparison. */
#define SBI_TABLE_SCORES 7
#define SBI_TABLE_SPREAD 8 /**< denominator events in bins of ln r: low, high, mean spread of ln r, largest; no rows without an ensemble */

/** Diagnoses an ensemble on a dataset, which must not be what it was trained on, or options->held_out be 1.
 *  @param options NULL for defaults. Since: 0.1 */
SBI_API sbi_status sbi_diagnostics_run(sbi_diagnostics **out, const sbi_ensemble *ens, sbi_dataset *data,
                                       const sbi_diagnostics_options *options);

/** Diagnoses ratios that somebody else computed. @param log_numerator, log_denominator ln r, one-dimensional, one value for every
 *  event of that side in the order of adding, finite, with a finite r. `member` and `calibration` of the options are not looked at.
 *  Errors: SBI_ERR_VALUE naming the row, SBI_ERR_SHAPE. Since: 0.1 */
SBI_API sbi_status sbi_diagnostics_compute(sbi_diagnostics **out, sbi_dataset *data, const sbi_array *log_numerator,
                                           const sbi_array *log_denominator, const sbi_diagnostics_options *options);

/** Frees; NULL is fine. Since: 0.1 */
SBI_API void sbi_diagnostics_destroy(sbi_diagnostics *diagnostics);
/** The numbers; set summary->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_diagnostics_summary_get(const sbi_diagnostics *diagnostics, sbi_diagnostics_summary *summary);
/** A view of a table, owned by the diagnostics. @param feature for SBI_TABLE_CLOSURE; else 0. Since: 0.1 */
SBI_API sbi_status sbi_diagnostics_table(const sbi_diagnostics *diagnostics, int32_t table, size_t feature, sbi_array *view);
/** Everything as one JSON file, for plots. Since: 0.1 */
SBI_API sbi_status sbi_diagnostics_write(const sbi_diagnostics *diagnostics, const char *path);

/* ---- verdicts ---------------------------------------------------------------------------------------------------- */

typedef struct sbi_verdict sbi_verdict;

#define SBI_VERDICT_UNKNOWN (-1) /**< not computed, or its thresholds are NaN: does not count */
#define SBI_VERDICT_PASS 0
#define SBI_VERDICT_WARN 1
#define SBI_VERDICT_FAIL 2

/** Thresholds: beyond the first a check warns, beyond the second it fails; NaN: never. */
typedef struct sbi_verdict_options {
    uint32_t struct_size; /**< sizeof(sbi_verdict_options) */
    int32_t reserved_;
    double normalisation_warn, normalisation_fail; /**< |E_denominator[r] - 1| in its errors: 3, 5 */
    double inverse_warn, inverse_fail;             /**< |E_numerator[1 / r] - 1| in its errors: 3, 5 */
    double calibration_warn, calibration_fail;     /**< calibration_p below: 0.01, 1e-4 */
    double closure_warn, closure_fail;             /**< closure_p below: 0.01, 1e-4 */
    double wasserstein_warn, wasserstein_fail;     /**< above: 0.05, 0.2 */
    double overtraining_warn, overtraining_fail;   /**< the smaller of the two ks_..._p below: 0.01, 1e-4 */
    double ess_warn, ess_fail;                     /**< ess_fraction below: 0.1, 0.01 */
    double share_warn, share_fail;                 /**< largest_share above: 0.01, 0.1 */
    double spread_warn, spread_fail;               /**< spread_mean above: 0.3, 1 */
    double range_warn, range_fail;                 /**< largest |ln r| above: 15, 30 */
    double events_warn, events_fail;               /**< events of the smaller side below: 1000, 100 */
} sbi_verdict_options;

#define SBI_VERDICT_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_verdict_options), 0, 3.0, 5.0, 3.0, 5.0, 0.01, 1e-4, 0.01, 1e-4, 0.05, 0.2, 0.01, 1e-4,   \
            0.1, 0.01, 0.01, 0.1, 0.3, 1.0, 15.0, 30.0, 1000.0, 100.0                                                  \
    }

/** Fills in the defaults; the same values as SBI_VERDICT_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_verdict_options_init(sbi_verdict_options *options);

/** One check of one subject. */
typedef struct sbi_verdict_check {
    uint32_t struct_size; /**< set by the caller */
    int32_t subject;      /**< -1: the ensemble, or the diagnostics; otherwise a member */
    int32_t result;       /**< SBI_VERDICT_... */
    int32_t reserved_;
    double value;
    double warn, fail; /**< the thresholds */
    char name[32];     /**< "normalisation", "inverse", "calibration", "closure", "wasserstein", "overtraining", "ess", "share", "spread",
                            "range", "events" */
    char line[224];    /**< the same in words: "closure: warn: the probability for jet_pt is 0.003, below 0.01" */
} sbi_verdict_check;

/** Judges diagnostics. @param options NULL for defaults. Since: 0.1 */
SBI_API sbi_status sbi_verdict_make(sbi_verdict **out, const sbi_diagnostics *diagnostics, const sbi_verdict_options *options);
/** Diagnoses and judges the ensemble and every member of it: members + 1 evaluations of the dataset.
 *  @param diagnostics its `member` is not looked at; NULL for defaults. @param options NULL for defaults. Since: 0.1 */
SBI_API sbi_status sbi_verdict_ensemble(sbi_verdict **out, const sbi_ensemble *ens, sbi_dataset *data,
                                        const sbi_diagnostics_options *diagnostics, const sbi_verdict_options *options);
/** Frees; NULL is fine. Since: 0.1 */
SBI_API void sbi_verdict_destroy(sbi_verdict *verdict);
/** The worst result of a subject (-1: the ensemble, otherwise a member). Since: 0.1 */
SBI_API int32_t sbi_verdict_result(const sbi_verdict *verdict, int32_t subject);
/** Number of checks of all subjects. Since: 0.1 */
SBI_API size_t sbi_verdict_count(const sbi_verdict *verdict);
/** Fills in check `index`; set check->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_verdict_check_get(const sbi_verdict *verdict, size_t index, sbi_verdict_check *check);
/** Writes {"result": ..., "subjects": [{"subject": "ensemble", "result": ..., "checks": [...]}]}. Since: 0.1 */
SBI_API sbi_status sbi_verdict_write(const sbi_verdict *verdict, const char *path);

SBI_END_DECLS
#endif
