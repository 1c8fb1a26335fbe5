/* SPDX-License-Identifier: Apache-2.0 */
/** @file neyman.h
 * The Neyman construction for one parameter, ordered by likelihood ratio (Feldman and Cousins), with toys.
 *
 * At each value mu of a grid, toys are thrown at (mu, the nuisance parameters that the data prefer there) and
 *
 *     t_mu = 2 [F(mu, profiled) - F(best fit)]
 *
 * is computed of each. The critical value c(mu) is its quantile at the confidence level, and the confidence set is {mu: t_mu(data) <= c(mu)}: one interval,
 * several, or none within the grid. Sources: G. Feldman and R. Cousins, Phys. Rev. D 57 (1998) 3873; profiled nuisance parameters:
 * arXiv:0901.0512 section 5.
 */
#ifndef SBI_NEYMAN_H
#define SBI_NEYMAN_H

#include "limit.h"

SBI_BEGIN_DECLS

typedef struct sbi_neyman_options {
    uint32_t struct_size; /**< sizeof(sbi_neyman_options) */
    int32_t statistic;    /**< SBI_STATISTIC_T (default) or SBI_STATISTIC_TTILDE, for a parameter that is not below 0 */
    size_t n_levels;      /**< 0: two, 0.682689... and 0.95 */
    const double *levels; /**< [n_levels] confidence levels */
    const sbi_toys_options *toys; /**< count a value, seed, starts, fixed parameters, auxiliary data, campaign; its `compute`, `tested`,
                                       `first` and `parameter` are not looked at. NULL: defaults */
} sbi_neyman_options;

#define SBI_NEYMAN_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_neyman_options), SBI_STATISTIC_T, 0, NULL, NULL                                           \
    }

/** Fills in the defaults; the same values as SBI_NEYMAN_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_neyman_options_init(sbi_neyman_options *options);

/** A construction with its toys. Immutable. */
typedef struct sbi_neyman sbi_neyman;

/** Throws the toys of all grid points, as one campaign, and finds the critical values.
 *  @param[out] out NULL on failure; free with sbi_neyman_destroy(). @param fit to the data, at its global minimum; not kept.
 *  @param values [n] ascending, n >= 2, within the parameter's bounds. @param options NULL for defaults. @param executor NULL: here.
 *  Errors: as sbi_fit_profiled() and sbi_toys_run(); SBI_ERR_STATE where all toys of a value failed. Since: 0.1 */
SBI_API sbi_status sbi_neyman_run(sbi_neyman **out, sbi_fit *fit, const char *name, const double *values, size_t n,
                                  const sbi_neyman_options *options, sbi_executor *executor);
/** NULL is fine. Since: 0.1 */
SBI_API void sbi_neyman_destroy(sbi_neyman *neyman);

/** Number of grid points; 0 for NULL. Since: 0.1 */
SBI_API size_t sbi_neyman_n_values(const sbi_neyman *neyman);
/** Number of confidence levels. Since: 0.1 */
SBI_API size_t sbi_neyman_n_levels(const sbi_neyman *neyman);
/** The grid. @param[out] values [n]. Since: 0.1 */
SBI_API sbi_status sbi_neyman_values(const sbi_neyman *neyman, double *values);
/** The statistic of the data. @param[out] statistic [n]. Since: 0.1 */
SBI_API sbi_status sbi_neyman_observed(const sbi_neyman *neyman, double *statistic);
/** Critical values. @param level its index. @param[out] critical [n]. @param[out] error [n, 2] distances to the order statistics at one
 *  binomial standard deviation, down and up, or NULL. Since: 0.1 */
SBI_API sbi_status sbi_neyman_critical(const sbi_neyman *neyman, size_t level, double *critical, double *error);
/** Part of the toys whose statistic is at least that of the data. @param[out] p [n]. @param[out] error [n] binomial, or NULL. Since: 0.1 */
SBI_API sbi_status sbi_neyman_p_values(const sbi_neyman *neyman, double *p, double *error);
/** The toys at one grid point: columns nll, value, error, t_0 or ttilde_0. Owned by `neyman`; NULL out of range. Since: 0.1 */
SBI_API const sbi_toys *sbi_neyman_toys(const sbi_neyman *neyman, size_t value);

/** The confidence set: where the statistic is not above its critical value, both interpolated linearly between grid points.
 *  @param level index of the level. @param statistic [n] that of any data set at the grid points; NULL: of the data.
 *  @param[out] n_found number of intervals, which may exceed `capacity`; 0: the set is empty within the grid.
 *  @param[out] ends [capacity, 2]; an end of the grid that belongs to the set is an end of an interval. NULL if capacity is 0. Since: 0.1 */
SBI_API sbi_status sbi_neyman_set(const sbi_neyman *neyman, size_t level, const double *statistic, size_t capacity,
                                  size_t *n_found, double *ends);

SBI_END_DECLS
#endif
