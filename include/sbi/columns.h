/* SPDX-License-Identifier: Apache-2.0 */
/** @file columns.h
 * Columns of density ratios for many events: evaluated as tasks over ranges of events, through any executor, and put together on disk.
 *
 * A task is one column and one range of events. With a campaign folder the results of finished tasks are kept there, so a program that was stopped
 * goes on where it was. The columns are written in place into mapped files, range by range: memory is that of one range and of the networks, whatever the
 * number of events. The bits do not depend on the ranges, the executor or the threads.
 */
#ifndef SBI_COLUMNS_H
#define SBI_COLUMNS_H

#include "executor.h"
#include "ratio.h"

SBI_BEGIN_DECLS

/** One column: an ensemble, and what follows from it. */
typedef struct sbi_column {
    uint32_t struct_size; /**< sizeof(sbi_column) */
    int32_t reserved_;
    const sbi_ensemble *ensemble;
    const sbi_calibration *calibration; /**< as in sbi_ratio_options; NULL: none */
    double correction;                  /**< as in sbi_ratio_options; 1: none */
    const double *theta; /**< [n_theta] for parameterised networks: one theta for all events; NULL: the features end in theta, or there is none */
    uint64_t n_theta;    /**< with theta, else 0 */
    int32_t numerator;   /**< class of the ratio's numerator; default SBI_NUMERATOR */
    int32_t denominator; /**< class of its denominator; default SBI_DENOMINATOR */
    const char *path;     /**< sbi_columns_evaluate(): the .npy [n] to write */
    const char *spread;   /**< sbi_columns_evaluate(): a .npy [n] for the spread of the members; NULL: none */
} sbi_column;

#define SBI_COLUMN_INIT                                                                                                \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_column), 0, NULL, NULL, 1.0, NULL, 0, SBI_NUMERATOR, SBI_DENOMINATOR, NULL, NULL          \
    }

/** Fills in the defaults; the same values as SBI_COLUMN_INIT. Since: 0.1 */
SBI_API void sbi_column_init(sbi_column *column);

typedef struct sbi_columns_options {
    uint32_t struct_size;  /**< sizeof(sbi_columns_options) */
    int32_t output;        /**< SBI_RATIO_VALUE (default) or SBI_RATIO_LOG; a packed store always holds logarithms */
    int32_t dtype;         /**< SBI_F64 (default), SBI_F32, or SBI_F16 for logarithms */
    int32_t reserved_;
    int64_t events_a_task; /**< rounded up to a multiple of 2048; default 131072 */
    const char *campaign;  /**< folder of the campaign: journal, results, and the networks that tasks read; NULL (default): nothing is kept */
    const char *device;    /**< as in sbi_ratio_options */
} sbi_columns_options;

#define SBI_COLUMNS_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_columns_options), SBI_RATIO_VALUE, SBI_F64, 0, 131072, NULL, NULL                         \
    }

/** Fills in the defaults; the same values as SBI_COLUMNS_OPTIONS_INIT. Since: 0.1 */
SBI_API void sbi_columns_options_init(sbi_columns_options *options);

/** Evaluates columns over the events of one file.
 *  @param features path of a .npy [events, d]. @param columns [n]. @param options NULL for defaults.
 *  @param exec NULL: here, with the context's threads. With another one options->campaign must be given (SBI_ERR_ARGUMENT): the networks
 *  are saved there for tasks that run elsewhere.
 *  The files appear, whole, once everything is done; existing ones are replaced. Errors: those of sbi_ratio_write() and sbi_campaign_run();
 *  SBI_ERR_STATE for a folder with unfinished tasks of other columns. Since: 0.1 */
SBI_API sbi_status sbi_columns_evaluate(sbi_context *ctx, const char *features, const sbi_column *columns, size_t n,
                                        const sbi_columns_options *options, sbi_executor *exec);

/** The same into a packed store of variations, a .npy [blocks, n_samples, n_parameters, 2, 2048] of ln r (docs/workspace.md, "Packed stores").
 *  @param columns [n_samples, n_parameters, 2], hi and lo; ensemble NULL: no variation there. Their paths are not looked at.
 *  @param options its output is not looked at; a dtype of SBI_F16 keeps 11 bits of each logarithm. Since: 0.1 */
SBI_API sbi_status sbi_columns_pack(sbi_context *ctx, const char *features, const char *path, size_t n_samples, size_t n_parameters,
                                    const sbi_column *columns, const sbi_columns_options *options, sbi_executor *exec);

SBI_END_DECLS
#endif
