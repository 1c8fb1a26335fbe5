/* SPDX-License-Identifier: Apache-2.0 */
/** @file systematics.h
 * Where the uncertainty of a fitted parameter comes from: impacts, a breakdown that adds up, and the finite ensemble of networks.
 *
 * With F the negative log-likelihood, H its Hessian at the best fit over the free parameters, V = 2 error_level H^-1, and the
 * auxiliary observation a_k of nuisance parameter k in its constraint term c_k(theta_k; a_k):
 *
 *     d theta-hat / d a_k = -H^-1 d2F / d theta d a_k       by the implicit function theorem
 *
 * which moves with no column of the model: only c_k knows a_k, so that shifted auxiliary data cost a fit and no new model.
 *
 * Widths s_k before the fit, c_k''(a_k)^-1/2: Gaussian sigma_k; Poisson sigma_k sqrt(a_k); log-normal sigma_k of ln theta_k.
 *
 * Parameters are named by patterns, in which `*` stands for any characters and `?` for one; everything else, brackets too, for
 * itself. Threads: as in fit.h. Conventions and examples: docs/systematics.md. Sources: arXiv 2307.04007 (auxiliary data, additive
 * breakdown); arXiv 2505.19156, 2506.00113 (uncertainty of ensembles).
 */
#ifndef SBI_SYSTEMATICS_H
#define SBI_SYSTEMATICS_H

#include "array.h"
#include "fit.h"
#include "model.h"

SBI_BEGIN_DECLS

/* ---- impacts --------------------------------------------------------------------------------------------------------- */

/** What is moved, and how the parameter of interest follows. e_k is the error of parameter k from the covariance. */
#define SBI_IMPACT_POSTFIT_HESSIAN 1   /**< theta_k by -+ e_k; to first order, V_poi,k / V_kk times that */
#define SBI_IMPACT_PREFIT_HESSIAN 2    /**< theta_k by -+ s_k; the same */
#define SBI_IMPACT_POSTFIT 3           /**< theta_k held at its best value -+ e_k, everything else fitted again */
#define SBI_IMPACT_PREFIT 4            /**< theta_k held at its best value -+ s_k, the same; log-normal: times exp(-+ sigma_k) */
#define SBI_IMPACT_AUXILIARY_HESSIAN 5 /**< a_k by -+ its standard deviation, to first order (the default) */
#define SBI_IMPACT_AUXILIARY 6         /**< a_k by -+ its standard deviation, everything fitted again; log-normal: times exp(-+ sigma_k) */

/** Why there is no impact, beside SBI_FIT_... of a refit that did not converge. */
#define SBI_IMPACT_OUTSIDE_BOUNDS 100 /**< the parameter would be held outside its bounds */
#define SBI_IMPACT_NO_WIDTH 101       /**< it has no constraint, or one of no width (a Poisson count of zero) */
#define SBI_IMPACT_NO_DATUM 102       /**< an auxiliary observation cannot be that, as a negative count */
#define SBI_IMPACT_INFINITE 103       /**< F is infinite where the refit starts */

typedef struct sbi_impacts_options {
    uint32_t struct_size; /**< sizeof(sbi_impacts_options) */
    int32_t method;       /**< SBI_IMPACT_... */
    size_t n_patterns;    /**< 0: all constrained parameters that are free, without the parameter of interest */
    const char *const *patterns; /**< [n_patterns] of the parameters to move; those that are fixed, and the parameter of interest, are
                                      left out where a pattern with `*` or `?` matches them and refused where they are named */
} sbi_impacts_options;

#define SBI_IMPACTS_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_impacts_options), SBI_IMPACT_AUXILIARY_HESSIAN, 0, NULL                                   \
    }

/** Fills in the defaults; the same values as SBI_IMPACTS_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_impacts_options_init(sbi_impacts_options *options);

/** The impact of one nuisance parameter. Index 0 is down, 1 up. */
typedef struct sbi_impact {
    uint32_t struct_size; /**< sizeof(sbi_impact), set by the caller */
    int32_t constraint;   /**< SBI_CONSTRAINT_... */
    int32_t reason[2];    /**< 0: there was no need of a fit; below 10: SBI_FIT_... of the refit, which succeeded; else why there is none */
    size_t parameter;     /**< its index */
    const char *name;     /**< owned by the impacts */
    double moved[2];      /**< what was moved, to where: theta_k or a_k */
    double impact[2];     /**< change of the parameter of interest; NaN where `reason` says why */
    double size;          /**< the larger |impact|; NaN if there is none */
    double pull;          /**< as sbi_fit_pulls() */
    double constrained;   /**< the error after the fit by that before, as sbi_fit_pulls() */
    const char *message[2]; /**< the reason in words; "" where there is an impact */
} sbi_impact;

typedef struct sbi_impacts sbi_impacts;

/** Impacts of nuisance parameters on one parameter.
 *  @param[out] out NULL on failure; free with sbi_impacts_destroy(); independent of the fit afterwards.
 *  @param fit converged and with a covariance; it stays as it is, but for its counters. @param poi name of a parameter that is free.
 *  @param options NULL for defaults.
 *  A refit that fails is no error: it is counted, its reason kept, and a warning logged. Errors: SBI_ERR_NOT_FOUND (a name, or a pattern
 *  that matches nothing), SBI_ERR_STATE (not converged; fixed), SBI_ERR_SINGULAR (no covariance), SBI_ERR_CANCELLED, and what
 *  evaluations report. Cost: a refit takes about as many gradients as a point of sbi_fit_profile(). Since: 0.1 */
SBI_API sbi_status sbi_impacts_run(sbi_impacts **out, sbi_fit *fit, const char *poi, const sbi_impacts_options *options);
/** Destroys; NULL is fine. Since: 0.1 */
SBI_API void sbi_impacts_destroy(sbi_impacts *impacts);
/** Number of parameters that were moved. Since: 0.1 */
SBI_API size_t sbi_impacts_count(const sbi_impacts *impacts);
/** Number of sides without an impact. Since: 0.1 */
SBI_API size_t sbi_impacts_failures(const sbi_impacts *impacts);
/** One of them, by size: rank 0 is the largest; those without an impact come last. Set impact->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_impacts_get(const sbi_impacts *impacts, size_t rank, sbi_impact *impact);
/** The same movement for all parameters: @param side 0 down, 1 up. @param[out] shift [P] new best values minus the old ones; NaN where
 *  there is no impact. With SBI_IMPACT_AUXILIARY..., sum_k shift shift^T is the systematic part of the covariance. Since: 0.1 */
SBI_API sbi_status sbi_impacts_shift(const sbi_impacts *impacts, size_t rank, int32_t side, double *shift);

/* ---- breakdown ------------------------------------------------------------------------------------------------------- */

/** Nuisance parameters that belong together. */
typedef struct sbi_parameter_group {
    uint32_t struct_size; /**< sizeof(sbi_parameter_group) */
    int32_t reserved_;    /**< zero */
    const char *name;     /**< not empty */
    size_t n_patterns;
    const char *const *patterns; /**< [n_patterns], as in sbi_impacts_options */
} sbi_parameter_group;

/** One line of a breakdown. */
typedef struct sbi_breakdown_entry {
    uint32_t struct_size; /**< sizeof(sbi_breakdown_entry), set by the caller */
    int32_t n_parameters; /**< in the group; statistical: free parameters without constraint; total: all free ones */
    const char *name;     /**< owned by the breakdown */
    double variance;      /**< the part that fluctuations of this group's auxiliary data have; these add up to the total */
    double uncertainty;   /**< its square root; NaN below zero */
    double without;       /**< error with the group's parameters held at their best values */
    double conventional;  /**< sqrt(total^2 - without^2); statistical: the error with all constrained parameters held */
} sbi_breakdown_entry;

typedef struct sbi_breakdown sbi_breakdown;

/** Breaks the uncertainty of a parameter down: one line a group, then "other" (constrained parameters in no group; left out if there are
 *  none), "statistical" and "total".
 *
 *      variance of a group  = 2 error_level sum_k (d poi-hat / d a_k)^2 var(a_k)      = sum_k V_poi,k^2 w_k
 *      statistical          = row poi of H^-1 [H - sum_k w_k e_k e_k^T] H^-1          what the data's fluctuations do
 *
 *  with w_k the curvature of constraint k: 1 / sigma^2 (Gaussian), a / (sigma theta)^2 (Poisson), 1 / (sigma theta)^2 (log-normal). They add up
 *  exactly, whatever the correlations, which the conventional numbers do not. A parameter without constraint has no auxiliary data: what it adds
 *  to the uncertainty is statistical.
 *  @param[out] out NULL on failure; free with sbi_breakdown_destroy(); independent of the fit afterwards.
 *  @param groups [n_groups]; n_groups 0: all in "other". A parameter may be in one group only; patterns do not match `poi`, whose own
 *         constraint, if it has one, counts as "other".
 *  Errors: as sbi_impacts_run(), and SBI_ERR_EXISTS (a parameter in two groups, two groups of one name). No refits: with the parameters
 *  at their best values, holding them leaves the best fit where it is. Source: arXiv 2307.04007. Since: 0.1 */
SBI_API sbi_status sbi_breakdown_run(sbi_breakdown **out, const sbi_fit *fit, const char *poi, const sbi_parameter_group *groups,
                                     size_t n_groups);
/** Destroys; NULL is fine. Since: 0.1 */
SBI_API void sbi_breakdown_destroy(sbi_breakdown *breakdown);
/** Number of lines. Since: 0.1 */
SBI_API size_t sbi_breakdown_count(const sbi_breakdown *breakdown);
/** A line; set entry->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_breakdown_get(const sbi_breakdown *breakdown, size_t index, sbi_breakdown_entry *entry);

/* ---- the finite ensemble ---------------------------------------------------------------------------------------------- */

/** How members of an ensemble depend on each other, so what the spread says about the error of their mean. */
#define SBI_MEMBERS_INDEPENDENT 0 /**< trained on samples of their own: the mean has 1 / M of a member's variance (default) */
#define SBI_MEMBERS_BOOTSTRAP 1   /**< bootstraps of one sample: the mean has a member's variance, for the sample is shared */

/** How members make the ratio; the numbers are those of network.h. */
#define SBI_MEMBERS_MEAN_RATIO 0 /**< sum_m r_m / M (default) */
#define SBI_MEMBERS_MEAN_LOG 1   /**< exp(sum_m ln r_m / M) */

/** Ratios of all members of one ensemble for one sample of a model. Arrays are borrowed for the call. */
typedef struct sbi_member_columns {
    uint32_t struct_size;         /**< sizeof(sbi_member_columns) */
    int32_t logarithms;           /**< non-zero: the arrays hold ln r_m */
    size_t channel;               /**< of the model */
    size_t sample;                /**< of the channel */
    const sbi_array *members;     /**< [n_events, M], as sbi_ratio_write() leaves it */
    const sbi_array *integration; /**< [n_integration, M], where the channel has an integration sample; else NULL */
} sbi_member_columns;

typedef struct sbi_ensemble_options {
    uint32_t struct_size; /**< sizeof(sbi_ensemble_options) */
    int32_t dependence;   /**< SBI_MEMBERS_INDEPENDENT or SBI_MEMBERS_BOOTSTRAP */
    int32_t combination;  /**< SBI_MEMBERS_MEAN_RATIO or SBI_MEMBERS_MEAN_LOG */
    int32_t max_modes;    /**< sbi_member_modes_create(): at most so many; 0: as many as `fraction` asks for */
    double fraction;      /**< the same: of the variance that the modes have together, 0 < fraction <= 1; default 1: M - 1 of them */
} sbi_ensemble_options;

#define SBI_ENSEMBLE_OPTIONS_INIT                                                                                      \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_ensemble_options), SBI_MEMBERS_INDEPENDENT, SBI_MEMBERS_MEAN_RATIO, 0, 1.0                \
    }

/** Fills in the defaults; the same values as SBI_ENSEMBLE_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_ensemble_options_init(sbi_ensemble_options *options);

/** The covariance of the best fit that the finite ensemble makes, by the jackknife and without refits: with g_(m) the gradient at
 *  the best fit of the likelihood whose ratio leaves member m out,
 *
 *      d theta-hat_(m) = -H^-1 (g_(m) - g)       V_ens = (M - 1) / M sum_m d_(m) d_(m)^T,   d_(m) = d theta-hat_(m) - their mean
 *
 *  for independent members, and M times that for bootstraps. To be added to sbi_fit_covariance(); ensembles of their own data add.
 *  @param fit of a model, converged, with a covariance; the model's ratio should be the combination of these members.
 *  @param columns [n_columns] all samples and channels whose ratios this one ensemble made; the same M >= 2 in all of them.
 *  @param[out] covariance [P, P], zero for parameters that are fixed or at a limit.
 *  @param[out] shifts [M, P] or NULL: d theta-hat_(m), how the best fit moves to first order if member m is left out.
 *  Errors: SBI_ERR_UNSUPPORTED (a fit of an objective), SBI_ERR_SHAPE, SBI_ERR_VALUE with row and member, SBI_ERR_DOMAIN (the
 *  likelihood does not exist without some member, which is named), and as sbi_impacts_run(). Cost: M seals and gradients, and the
 *  memory of one column for each of `columns`. Source: arXiv 2506.00113. Since: 0.1 */
SBI_API sbi_status sbi_ensemble_covariance(const sbi_fit *fit, const sbi_member_columns *columns, size_t n_columns,
                                           const sbi_ensemble_options *options, double *covariance, double *shifts);

/** Principal modes of an ensemble's uncertainty: independent directions in the space of ln r over events. */
typedef struct sbi_member_modes sbi_member_modes;

/** With d_im = (ln r_im - mean) / sqrt(M (M - 1)), or / sqrt(M - 1) for bootstraps, the covariance of ln r between events i, j is
 *  sum_m d_im d_jm. The modes rotate the members, u_i = d_i U, by the eigenvectors of sum_i w_i d_im d_im': modes are ordered by the variance
 *  that they have over the events, and all M - 1 of them give the covariance exactly.
 *  @param[out] out NULL on failure; free with sbi_member_modes_destroy(). @param members [n, M], M >= 2; @param logarithms non-zero: of ln r_m.
 *  @param weights [n], not negative, or NULL: ones. Events that matter most to the fit, data or Asimov data, are a good choice.
 *  @param options NULL for defaults. Errors: SBI_ERR_SHAPE; SBI_ERR_VALUE naming row and member (NaN, a ratio that is not positive).
 *  Since: 0.1 */
SBI_API sbi_status sbi_member_modes_create(sbi_member_modes **out, sbi_context *ctx, const sbi_array *members, int32_t logarithms,
                                           const sbi_array *weights, const sbi_ensemble_options *options);
/** Destroys; NULL is fine. Since: 0.1 */
SBI_API void sbi_member_modes_destroy(sbi_member_modes *modes);
/** Number of modes, at most M - 1. Since: 0.1 */
SBI_API size_t sbi_member_modes_count(const sbi_member_modes *modes);
/** Share of the whole variance that a mode has; 0 out of range. Since: 0.1 */
SBI_API double sbi_member_modes_fraction(const sbi_member_modes *modes, size_t mode);
/** A mode over any events that the same ensemble was evaluated for: the variation of ln r at +1 standard deviation, ready for
 *  sbi_model_add_eventsys() as (column, -column) with SBI_MORPH_LOG under a nuisance parameter of its own, mean 0 and width 1.
 *  @param members [n, M] @param[out] column [n]. Errors: as sbi_member_modes_create(). Since: 0.1 */
SBI_API sbi_status sbi_member_modes_column(const sbi_member_modes *modes, size_t mode, const sbi_array *members, int32_t logarithms,
                                           double *column);
/** The other way, one parameter for an ensemble: +1 standard deviation of ln r event by event, sqrt(sum_m d_im^2). As a variation of
 *  all events at once it takes the members' deviations for fully correlated, with one sign, which they are not: too large or too small an
 *  uncertainty follows, as the modes may tell. @param[out] column [n]. Since: 0.1 */
SBI_API sbi_status sbi_member_spread(sbi_context *ctx, const sbi_array *members, int32_t logarithms, const sbi_ensemble_options *options,
                                     double *column);

SBI_END_DECLS
#endif
