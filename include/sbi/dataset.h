/* SPDX-License-Identifier: Apache-2.0 */
/** @file dataset.h
 * Weighted events of two hypotheses, numerator and denominator, or of more classes, from which density ratios are learnt.
 *
 * Beside features x and weight an event may have
 *     theta    [q]  the parameters it was simulated at, which become inputs of the network after the features;
 *     r(x, z)       the joint ratio p(x, z | numerator) / p(x, z | denominator), from the simulator's latent variables z, positive;
 *     t(x, z)  [q]  the joint score, the gradient of ln r(x, z) with respect to theta;
 *     target   [t]  what a regression is to give.
 * (arXiv 1805.00020 explains what simulators can tell of r and t.)
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

/** Sides of the ratio r(x) = p_numerator(x) / p_denominator(x); also the label that a classifier learns. With more than two classes a side is
 *  a class, 0 to K - 1. */
#define SBI_DENOMINATOR 0
#define SBI_NUMERATOR 1
#define SBI_CLASSES_MAX 64

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
 *  @param side SBI_NUMERATOR, SBI_DENOMINATOR, or another class up to SBI_CLASSES_MAX - 1.
 *  @param features path of a .npy of shape [n, d] (or [n] for d = 1), f16, f32, f64 or integers, C or Fortran order; d is that
 *         of the first part.
 *  @param weights path of a .npy of shape [n] or [n, 1]; NULL: every weight is 1.
 *  Errors: those of sbi_npy_map(); SBI_ERR_SHAPE; SBI_ERR_VALUE naming file, row and column; SBI_ERR_STATE once the dataset
 *  is in use. After a failure the dataset is as before. Since: 0.1 */
SBI_API sbi_status sbi_dataset_add_npy(sbi_dataset *data, int32_t side, const char *features, const char *weights);

/** The same for arrays in memory, borrowed until the dataset is destroyed. @param weights NULL: every weight is 1. Since: 0.1 */
SBI_API sbi_status sbi_dataset_add_array(sbi_dataset *data, int32_t side, const sbi_array *features,
                                         const sbi_array *weights);

/** What there is of some events: paths of .npy files; NULL where there is none. */
typedef struct sbi_event_files {
    uint32_t struct_size; /**< sizeof(sbi_event_files) */
    int32_t reserved_;
    const char *features;    /**< [n, d] */
    const char *weights;     /**< [n]; NULL: every weight is 1 */
    const char *theta;       /**< [n, q], or [n] for q = 1 */
    const char *joint_ratio; /**< [n], positive */
    const char *score;       /**< [n, q], or [n] for q = 1; only with theta */
    const char *target;      /**< [n, t], or [n] for t = 1 */
} sbi_event_files;

#define SBI_EVENT_FILES_INIT                                                                                           \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_event_files), 0, NULL, NULL, NULL, NULL, NULL, NULL                                       \
    }

/** The same, as views of the caller's memory. */
typedef struct sbi_event_arrays {
    uint32_t struct_size; /**< sizeof(sbi_event_arrays) */
    int32_t reserved_;
    const sbi_array *features;
    const sbi_array *weights;
    const sbi_array *theta;
    const sbi_array *joint_ratio;
    const sbi_array *score;
    const sbi_array *target;
} sbi_event_arrays;

#define SBI_EVENT_ARRAYS_INIT                                                                                          \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_event_arrays), 0, NULL, NULL, NULL, NULL, NULL, NULL                                      \
    }

/** Fills in the empty values; the same as SBI_EVENT_FILES_INIT. Since: 0.1 */
SBI_API void sbi_event_files_init(sbi_event_files *files);
/** Fills in the empty values; the same as SBI_EVENT_ARRAYS_INIT. Since: 0.1 */
SBI_API void sbi_event_arrays_init(sbi_event_arrays *arrays);

/** Adds events of a class with all that there is of them.
 *  @param side the class: SBI_DENOMINATOR, SBI_NUMERATOR, or up to SBI_CLASSES_MAX - 1.
 *  All parts of a class have theta, or none; the same holds for joint ratio, score and target. Classes without theta (a reference
 *  sample) in a dataset that has some elsewhere get theta drawn from the theta of the numerator, or of the first class that has any: with the
 *  events of that class in order of adding, C_k = |w_1| + ... + |w_k|, event i of n gets theta of the first k with
 *  C_k > C (pi(i) + 1/2) / n, where pi is a random permutation that depends on class and n alone. So both classes have the same distribution of theta,
 *  as CARL needs (arXiv 1506.02169), the same at each use. It takes 8 n q bytes.
 *  Errors: as sbi_dataset_add_npy(), all arrays named; SBI_ERR_VALUE for a joint ratio that is not positive; SBI_ERR_SHAPE for numbers of
 *  rows or columns that do not fit, for parts of one class of which only some have theta, joint ratio, score or target.
 *  Since: 0.1 */
SBI_API sbi_status sbi_dataset_add_files(sbi_dataset *data, int32_t side, const sbi_event_files *files);
/** The same for arrays in memory, borrowed until the dataset is destroyed. Since: 0.1 */
SBI_API sbi_status sbi_dataset_add_arrays(sbi_dataset *data, int32_t side, const sbi_event_arrays *arrays);

/** Names the features, for messages, network files and plots. @param names n = d strings, copied, distinct and not empty.
 *  Without this they are "x0", "x1", .... A trained network refuses nothing by name: order is what counts. Since: 0.1 */
SBI_API sbi_status sbi_dataset_set_feature_names(sbi_dataset *data, const char *const *names, size_t n);
/** Name of a feature; NULL out of range. Owned by the dataset, valid until the names change. Since: 0.1 */
SBI_API const char *sbi_dataset_feature_name(const sbi_dataset *data, size_t index);

/** Names the parameters theta; as sbi_dataset_set_feature_names(), and none may be a feature's. Without this: "theta0", .... Since: 0.1 */
SBI_API sbi_status sbi_dataset_set_parameter_names(sbi_dataset *data, const char *const *names, size_t n);
/** Name of a parameter; NULL out of range. Owned by the dataset, valid until the names change. Since: 0.1 */
SBI_API const char *sbi_dataset_parameter_name(const sbi_dataset *data, size_t index);
/** Names a class, for messages and network files; without this "denominator", "numerator", "class2", .... @param name copied, not empty,
 *  not that of another class. Since: 0.1 */
SBI_API sbi_status sbi_dataset_set_class_name(sbi_dataset *data, int32_t side, const char *name);
/** Name of a class; NULL out of range. Owned by the dataset, valid until the name changes. Since: 0.1 */
SBI_API const char *sbi_dataset_class_name(const sbi_dataset *data, int32_t side);

/** Number of features d; 0 before the first part. Since: 0.1 */
SBI_API size_t sbi_dataset_features(const sbi_dataset *data);
/** Number of parameters q; 0 without theta. Since: 0.1 */
SBI_API size_t sbi_dataset_parameters(const sbi_dataset *data);
/** Number of targets t; 0 without. Since: 0.1 */
SBI_API size_t sbi_dataset_targets(const sbi_dataset *data);
/** Number of classes K, the highest side with events plus one, and at least 2. Since: 0.1 */
SBI_API size_t sbi_dataset_classes(const sbi_dataset *data);
/** Number of events of a side. Since: 0.1 */
SBI_API int64_t sbi_dataset_events(const sbi_dataset *data, int32_t side);
/** Sum of the weights of a side, summed in a fixed order. Since: 0.1 */
SBI_API double sbi_dataset_weight(const sbi_dataset *data, int32_t side);

/** SHA-256 of the content (sides, shapes, features as f64, weights, and all else that events have; not paths, names or the division in parts) as 64 hex digits
 *  and NUL. Computed once and kept. Since: 0.1 */
SBI_API sbi_status sbi_dataset_checksum(sbi_dataset *data, char hex[65]);

/** Which events of a side training with this seed and validation fraction keeps apart: the same for every member of an
 *  ensemble, so that diagnostics and calibration can use events that no member was fitted to.
 *  @param[out] held_out one byte an event of that side in the order of adding: 1 held out, 0 trained on. Since: 0.1 */
SBI_API sbi_status sbi_dataset_split(const sbi_dataset *data, int32_t side, uint64_t seed, double validation_fraction,
                                     uint8_t *held_out);

SBI_END_DECLS
#endif
