/* SPDX-License-Identifier: Apache-2.0 */
/** @file dataset.h
 * Weighted events of two hypotheses, numerator and denominator, from which a density ratio is learnt.
 *
 * Events are added in parts, from .npy files (memory-mapped, nothing is copied) or from the caller's memory. Every value is
 * looked at when it is added: NaN and infinity are found with file, row and column. A dataset becomes immutable the first time
 * that it is used for training, evaluation or a checksum, and may then be shared by threads; adding to it gives SBI_ERR_STATE.
 */
#ifndef SBI_DATASET_H
#define SBI_DATASET_H

#include "array.h"

SBI_BEGIN_DECLS

typedef struct sbi_dataset sbi_dataset;

/** Sides of the ratio r(x) = p_numerator(x) / p_denominator(x); also the label that a classifier learns. */
#define SBI_DENOMINATOR 0
#define SBI_NUMERATOR 1

/** What to do with negative event weights. */
#define SBI_WEIGHTS_REFUSE_NEGATIVE 0 /**< SBI_ERR_VALUE naming file and row (default) */
#define SBI_WEIGHTS_ALLOW_NEGATIVE 1  /**< taken as they are; each side's sum must still be positive */

/** An empty dataset. Since: 0.1 */
SBI_API sbi_status sbi_dataset_create(sbi_dataset **out, sbi_context *ctx);
/** Destroys a dataset and unmaps its files; NULL is fine. Since: 0.1 */
SBI_API void sbi_dataset_destroy(sbi_dataset *data);

/** Sets what to do with negative weights in parts added from now on: SBI_WEIGHTS_.... Since: 0.1 */
SBI_API sbi_status sbi_dataset_set_weight_policy(sbi_dataset *data, int32_t policy);

/** Adds events from files, mapped until the dataset is destroyed.
 *  @param side SBI_NUMERATOR or SBI_DENOMINATOR.
 *  @param features path of a .npy of shape [n, d] (or [n] for d = 1), f16, f32, f64 or integers, C or Fortran order; d is that
 *         of the first part.
 *  @param weights path of a .npy of shape [n] or [n, 1]; NULL: every weight is 1.
 *  Errors: those of sbi_npy_map(); SBI_ERR_SHAPE; SBI_ERR_VALUE naming file, row and column; SBI_ERR_STATE once the dataset
 *  is in use. After a failure the dataset is as before. Since: 0.1 */
SBI_API sbi_status sbi_dataset_add_npy(sbi_dataset *data, int32_t side, const char *features, const char *weights);

/** The same for arrays in memory, borrowed until the dataset is destroyed. @param weights NULL: every weight is 1. Since: 0.1 */
SBI_API sbi_status sbi_dataset_add_array(sbi_dataset *data, int32_t side, const sbi_array *features,
                                         const sbi_array *weights);

/** Names the features, for messages, network files and plots. @param names n = d strings, copied, distinct and not empty.
 *  Without this they are "x0", "x1", .... A trained network refuses nothing by name: order is what counts. Since: 0.1 */
SBI_API sbi_status sbi_dataset_set_feature_names(sbi_dataset *data, const char *const *names, size_t n);
/** Name of a feature; NULL out of range. Owned by the dataset, valid until the names change. Since: 0.1 */
SBI_API const char *sbi_dataset_feature_name(const sbi_dataset *data, size_t index);

/** Number of features d; 0 before the first part. Since: 0.1 */
SBI_API size_t sbi_dataset_features(const sbi_dataset *data);
/** Number of events of a side. Since: 0.1 */
SBI_API int64_t sbi_dataset_events(const sbi_dataset *data, int32_t side);
/** Sum of the weights of a side, summed in a fixed order. Since: 0.1 */
SBI_API double sbi_dataset_weight(const sbi_dataset *data, int32_t side);

/** SHA-256 of the content (sides, shapes, features as f64, weights; not paths, names or the division in parts) as 64 hex digits
 *  and NUL. Computed once and kept. Since: 0.1 */
SBI_API sbi_status sbi_dataset_checksum(sbi_dataset *data, char hex[65]);

/** Which events of a side training with this seed and validation fraction keeps apart: the same for every member of an
 *  ensemble, so that diagnostics and calibration can use events that no member was fitted to.
 *  @param[out] held_out one byte an event of that side in the order of adding: 1 held out, 0 trained on. Since: 0.1 */
SBI_API sbi_status sbi_dataset_split(const sbi_dataset *data, int32_t side, uint64_t seed, double validation_fraction,
                                     uint8_t *held_out);

/** In which of k folds training with this seed puts each event of a side: by seed, side and the event's number alone, each fold with probability
 *  1 / k. With the option `folds`, member m of an ensemble is trained without the events of fold m mod k.
 *  @param folds k, 2 to 1000. @param[out] fold one number an event of that side in the order of adding: 0 to k - 1. Since: 0.1 */
SBI_API sbi_status sbi_dataset_fold(const sbi_dataset *data, int32_t side, uint64_t seed, int32_t folds, int32_t *fold);

SBI_END_DECLS
#endif
