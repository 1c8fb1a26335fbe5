/* SPDX-License-Identifier: Apache-2.0 */
/** @file variation.h
 * Systematic variations learnt from simulated events: networks of p_varied / p_nominal for each process and nuisance parameter, and the `eventsys`
 * columns of a workspace made from them.
 *
 * For a process p and a nuisance parameter alpha_k there are samples at alpha_k = +1 (up), -1 (down) and 0 (nominal). Two ensembles learn
 *     g_hi(x) = p_p(x | alpha_k = +1) / p_p(x | 0),      g_lo(x) = p_p(x | alpha_k = -1) / p_p(x | 0),
 * both normalised densities; how the yield changes is the normsys beside. The model interpolates between them (docs/interpolation.md). Or one
 * parameterised ensemble learns p_p(x | alpha) / p_p(x | 0) for all nuisance parameters at once, alpha being its theta (arXiv 1601.07913).
 */
#ifndef SBI_VARIATION_H
#define SBI_VARIATION_H

#include "columns.h"
#include "train.h"

SBI_BEGIN_DECLS

typedef struct sbi_variations sbi_variations;

#define SBI_VARIATION_HI 0 /**< alpha = +1 */
#define SBI_VARIATION_LO 1 /**< alpha = -1 */

/** What one pair of ensembles is trained from. */
typedef struct sbi_variation {
    uint32_t struct_size; /**< sizeof(sbi_variation) */
    int32_t reserved_;
    const char *process;  /**< name of the sample in the workspace */
    const char *nuisance; /**< name of the parameter */
    sbi_dataset *up;      /**< numerator: events at alpha = +1; denominator: nominal ones */
    sbi_dataset *down;    /**< the same at alpha = -1 */
    double hi;            /**< factor of the yield at alpha = +1; 0 (default): the numerator's sum of weights over the denominator's */
    double lo;            /**< and at alpha = -1 */
} sbi_variation;

#define SBI_VARIATION_INIT                                                                                             \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_variation), 0, NULL, NULL, NULL, NULL, 0.0, 0.0                                           \
    }

/** Fills in the defaults; the same values as SBI_VARIATION_INIT. Since: 0.1 */
SBI_API void sbi_variation_init(sbi_variation *variation);

/** An empty set of variations. Since: 0.1 */
SBI_API sbi_status sbi_variations_create(sbi_variations **out, sbi_context *ctx);
/** Destroys a set; NULL is fine. Since: 0.1 */
SBI_API void sbi_variations_destroy(sbi_variations *set);

/** Trains two ensembles of options->members networks for each variation, all of them tasks of one campaign: 2 n members tasks, which any executor runs
 *  in any order and a campaign folder keeps. The networks are those that sbi_ensemble_train() would give.
 *  @param variations [n], each pair of process and nuisance once. @param options NULL for defaults. @param exec NULL: here.
 *  Errors: those of sbi_ensemble_train(). Since: 0.1 */
SBI_API sbi_status sbi_variations_train(sbi_variations **out, sbi_context *ctx, const sbi_variation *variations, size_t n,
                                        const sbi_train_options *options, sbi_executor *exec);

/** Adds a pair of ensembles that are there already; the set shares their networks. @param hi, lo factors of the yield, positive.
 *  SBI_ERR_EXISTS: the pair of names is there. Since: 0.1 */
SBI_API sbi_status sbi_variations_add(sbi_variations *set, const char *process, const char *nuisance, const sbi_ensemble *up,
                                      const sbi_ensemble *down, double hi, double lo);
/** Adds n nuisance parameters of a process from one parameterised ensemble, whose theta is alpha in this order: hi and lo of parameter k are its
 *  ratios at alpha_k = +1 and -1 with the others 0.
 *  @param hi, lo [n] factors of the yield. Since: 0.1 */
SBI_API sbi_status sbi_variations_add_parameterised(sbi_variations *set, const char *process, const char *const *nuisances, size_t n,
                                                    const sbi_ensemble *ensemble, const double *hi, const double *lo);

/** Number of pairs. Since: 0.1 */
SBI_API size_t sbi_variations_count(const sbi_variations *set);
/** The ensemble of pair `index`, in the order of adding, and its names and factor; each pointer may be NULL. @param side SBI_VARIATION_HI or _LO.
 *  Everything is owned by the set. Since: 0.1 */
SBI_API sbi_status sbi_variations_get(const sbi_variations *set, size_t index, int32_t side, const sbi_ensemble **ensemble, const char **process,
                                      const char **nuisance, double *factor);

/** Where the columns go. */
typedef struct sbi_variations_output {
    uint32_t struct_size;    /**< sizeof(sbi_variations_output) */
    int32_t normsys;         /**< 1 (default): a normsys beside each eventsys whose factors are not both 1 */
    const char *workspace;   /**< path of the workspace to extend */
    const char *channel;     /**< name of its unbinned channel */
    const char *features;    /**< .npy [events, d] of the channel's events */
    const char *integration; /**< .npy of its integration sample; NULL if it has none */
    const char *output;      /**< path of the workspace to write, in the same folder; the stores stand beside it */
    const sbi_columns_options *columns; /**< NULL: defaults, but f32 */
} sbi_variations_output;

#define SBI_VARIATIONS_OUTPUT_INIT                                                                                     \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_variations_output), 1, NULL, NULL, NULL, NULL, NULL, NULL                                 \
    }

/** Fills in the defaults; the same values as SBI_VARIATIONS_OUTPUT_INIT. Since: 0.1 */
SBI_API void sbi_variations_output_init(sbi_variations_output *output);

/** Evaluates all pairs on the channel's events into a packed store of ln g, and writes the workspace anew with an `eventsys` modifier (and a normsys)
 *  for each pair; sbi_model_load() reads it. With a campaign folder in output->columns, tasks of the events are kept in its folder `events`, those of the
 *  integration sample in `integration`.
 *  Errors: SBI_ERR_NOT_FOUND (no such channel or sample), SBI_ERR_EXISTS (the sample has a modifier of that name and kind, or the channel a packed
 *  store), those of sbi_columns_pack(). The workspace appears last. Since: 0.1 */
SBI_API sbi_status sbi_variations_write(const sbi_variations *set, const sbi_variations_output *output, sbi_executor *exec);

SBI_END_DECLS
#endif
