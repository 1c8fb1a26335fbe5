/* SPDX-License-Identifier: Apache-2.0 */
/** @file calibration.h
 * Calibration of density ratios: a monotone or binned map of ln r, fitted to events that no network was trained on.
 *
 * A classifier's output s = r / (1 + r) is calibrated if a fraction s of the events with that output belongs to the numerator, each side weighing
 * one half. Calibration estimates this fraction p(ln r) and puts ln[p / (1 - p)] - ln E_denominator[p / (1 - p)] in the place of ln r.
 *
 * A calibration is immutable and may be shared between threads. It is saved as an .npz beside the ensemble.
 */
#ifndef SBI_CALIBRATION_H
#define SBI_CALIBRATION_H

#include "dataset.h"
#include "network.h"

SBI_BEGIN_DECLS

typedef struct sbi_calibration sbi_calibration;

/** Methods. The numbers are part of the ABI. */
#define SBI_CALIBRATION_ISOTONIC 1 /**< the best non-decreasing p in weighted squared error, by pooling adjacent violators (Ayer et al., Ann. Math. Stat. 26,
                                        641 (1955)); p is linear in ln r between the ends of the pooled blocks (default) */
#define SBI_CALIBRATION_HISTOGRAM 2 /**< N / (N + D) in bins of equal weight; ln r after is linear in ln r before between the bins' means */

typedef struct sbi_calibration_options {
    uint32_t struct_size;   /**< sizeof(sbi_calibration_options) */
    int32_t method;         /**< SBI_CALIBRATION_ISOTONIC */
    int32_t bins;           /**< of the histogram; default 50 */
    int32_t held_out;       /**< 1 (default): only events that training with the seed and fraction below kept apart; 0: all */
    int32_t allow_training; /**< 1: events that a network was trained on are taken; default 0: SBI_ERR_STATE */
    int32_t normalise;      /**< 1 (default): E_denominator[r] = 1 afterwards, on the same events */
    uint64_t seed;              /**< as in sbi_train_options; default 1 */
    double validation_fraction; /**< as in sbi_train_options; default 0.1 */
    const char *device;         /**< as in sbi_ratio_options */
} sbi_calibration_options;

#define SBI_CALIBRATION_OPTIONS_INIT                                                                                   \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_calibration_options), SBI_CALIBRATION_ISOTONIC, 50, 1, 0, 1, 1, 0.1, NULL                 \
    }

/** Fills in the defaults; the same values as SBI_CALIBRATION_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_calibration_options_init(sbi_calibration_options *options);

/** Fits a calibration of an ensemble.
 *  @param data if it has the checksum of what a member was trained on, only events that training kept apart are accepted (held_out 1, with that member's
 *  seed and fraction, or one side would be judged on what it was fitted to): otherwise SBI_ERR_STATE, unless options->allow_training. A dataset with
 *  another checksum is taken for independent; set held_out to 0 to use all of it.
 *  @param options NULL for defaults.
 *  Outside the events of the fit, and where a pooled block has events of one side only (p = 0 or 1), ln r is the next calibrated value moved by the
 *  difference before: never infinite. Errors: SBI_ERR_VALUE for a side without events or without positive weight, for negative weights (isotonic)
 *  and if nothing has events of both sides. Since: 0.1 */
SBI_API sbi_status sbi_calibration_fit(sbi_calibration **out, const sbi_ensemble *ens, sbi_dataset *data, const sbi_calibration_options *options);

/** The same for values of ln r that somebody else computed, which nothing is known of: held_out, seed and fraction select events all the same.
 *  @param log_numerator, log_denominator ln r, one-dimensional, finite, one value for every event of that side in the order of adding. Since: 0.1 */
SBI_API sbi_status sbi_calibration_fit_ratios(sbi_calibration **out, sbi_dataset *data, const sbi_array *log_numerator,
                                              const sbi_array *log_denominator, const sbi_calibration_options *options);

/** Frees; NULL is fine. Since: 0.1 */
SBI_API void sbi_calibration_destroy(sbi_calibration *calibration);
/** calibrated[i] for n values of ln r; both may be the same memory. Since: 0.1 */
SBI_API sbi_status sbi_calibration_apply(const sbi_calibration *calibration, const double *log_ratio, size_t n, double *calibrated);
/** The knots, f64 [k, 3], rising in the first: ln r before, p (isotonic) or the bin's ln(N / D) (histogram), ln r after. Owned by the calibration.
 *  Since: 0.1 */
SBI_API sbi_status sbi_calibration_knots(const sbi_calibration *calibration, sbi_array *knots);

/** What there is to know of a calibration. */
typedef struct sbi_calibration_info {
    uint32_t struct_size;  /**< set by the caller */
    int32_t method;        /**< SBI_CALIBRATION_... */
    int32_t members;       /**< of the ensemble that it was fitted for; 0: sbi_calibration_fit_ratios() */
    int32_t on_training;   /**< 1: events that a network was trained on were taken */
    int64_t numerator_events;
    int64_t denominator_events;
    double normalisation;  /**< E_denominator[p / (1 - p)], which calibrated ratios are divided by; 1 with normalise 0 */
} sbi_calibration_info;

/** Fills in info; set info->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_calibration_info_get(const sbi_calibration *calibration, sbi_calibration_info *info);

/** Saves atomically: an .npz of `knots` and `meta.json`; the place beside an ensemble is `calibration.npz` in its folder. Since: 0.1 */
SBI_API sbi_status sbi_calibration_save(const sbi_calibration *calibration, const char *path);
/** Loads and checks: SBI_ERR_FORMAT, SBI_ERR_VALUE, SBI_ERR_VERSION name the file and what is wrong in it. Since: 0.1 */
SBI_API sbi_status sbi_calibration_load(sbi_calibration **out, sbi_context *ctx, const char *path);

SBI_END_DECLS
#endif
