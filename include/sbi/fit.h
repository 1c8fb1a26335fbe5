/* SPDX-License-Identifier: Apache-2.0 */
/** @file fit.h
 * Fits by exact derivatives: trust-region Newton within bounds, covariance, MINOS intervals, profiles, minima, impacts.
 *
 * A fit minimises an objective F(theta) that is a negative log-likelihood: one standard deviation is where F has risen by
 * 1/2 (option error_level), and T = 2 F. The objective is a model (model.h) or any likelihood of one's own
 * (sbi_objective). With H the Hessian and g the gradient of F at the minimum:
 *
 *     covariance V = (2 error_level) H^-1          EDM = g^T H^-1 g / 2
 *
 * both over the free parameters: neither fixed nor at a limit.
 *
 * "Not converged" is a result: sbi_fit_run() succeeds, and sbi_fit_reason() says why it stopped. Only what prevents a
 * result (bad arguments, memory, cancellation, a failing callback, a start where F is not finite) is an error.
 *
 * Threads: after sbi_fit_run() the functions that only ask (const sbi_fit *) may be called by many threads at once. Those
 * that evaluate (sbi_fit *: minos, profile, minima, test statistics) or set need the fit to themselves; they leave
 * the best fit as it is. Evaluation itself uses the context's threads. All results are deterministic: the same bits for the
 * same input and any number of threads, as long as the objective's are.
 *
 * Arrays over parameters, written [P], are in the order of the model's parameters and include the fixed ones.
 */
#ifndef SBI_FIT_H
#define SBI_FIT_H

#include "context.h"

SBI_BEGIN_DECLS

typedef struct sbi_fit sbi_fit;
typedef struct sbi_model sbi_model;       /* model.h */
typedef struct sbi_executor sbi_executor; /* executor.h */

/* ---- an objective of one's own -------------------------------------------------------------------------------------- */

/** A negative log-likelihood with its derivatives. Everything is borrowed: the arrays for the call that is given this
 *  struct, `user` until the fit is destroyed. Functions return SBI_OK or a status, which ends the fit with that status; they may
 *  set *value to +inf (or NaN) where F does not exist, upon which the minimiser backs off and ignores the derivatives.
 *  They are called by one thread at a time. */
typedef struct sbi_objective {
    uint32_t struct_size;      /**< sizeof(sbi_objective) */
    int32_t reserved_;         /**< zero */
    size_t n_params;           /**< P */
    const char *const *names;  /**< [P] distinct and not empty, or NULL: "p0", "p1", ... */
    const double *start;       /**< [P] finite, within bounds */
    const double *lower;       /**< [P] or NULL; -INFINITY: none */
    const double *upper;       /**< [P] or NULL; +INFINITY: none */
    const int32_t *fixed;      /**< [P] or NULL; non-zero: stays at its start */
    const double *constraint_center; /**< [P] or NULL; where a constraint term of F pulls to, the auxiliary observation: for pulls,
                                          and for systematics.h, which moves it */
    const double *constraint_sigma;  /**< [P] or NULL; its width, 0: unconstrained; for the same */
    /** *value = F(theta). NULL: gradient() is used. */
    sbi_status (*value)(void *user, const double *theta, double *value);
    /** *value = F, gradient[P]. Required. */
    sbi_status (*gradient)(void *user, const double *theta, double *value, double *gradient);
    /** *value = F, gradient[P], hessian[P, P], symmetric. NULL: hvp() is used if there (steps by products, and one Hessian
     *  of P products at the end), else the method is quasi-Newton and Hessians are differences of the gradient, 3 P of
     *  them a fit. */
    sbi_status (*hessian)(void *user, const double *theta, double *value, double *gradient, double *hessian);
    /** HV[m, P] = V[m, P] H. NULL: none, and no truncated Newton. */
    sbi_status (*hvp)(void *user, const double *theta, const double *V, size_t m, double *HV);
    void *user;
    /** [P] or NULL; kind of the constraint term of F, SBI_CONSTRAINT_... of model.h, where constraint_sigma is not 0. NULL: Gaussian. */
    const int32_t *constraint_kind;
} sbi_objective;

#define SBI_OBJECTIVE_INIT                                                                                             \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_objective), 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
            NULL                                                                                                       \
    }

/** Fills in the defaults; the same values as SBI_OBJECTIVE_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_objective_init(sbi_objective *objective);

/* ---- options -------------------------------------------------------------------------------------------------------- */

/** Methods. */
#define SBI_FIT_NEWTON 0       /**< trust-region Newton with the exact Hessian at every iterate (default); truncated Newton
                                    above SBI_FIT_TRUNCATED_ABOVE parameters where there are products */
#define SBI_FIT_QUASI_NEWTON 1 /**< rank-one updates from gradients; the exact Hessian first and last */
#define SBI_FIT_TRUNCATED_NEWTON 2 /**< conjugate gradients on Hessian-vector products: memory for 90 vectors of [P], no
                                        matrix until sbi_fit_hessian() or sbi_fit_set_hessian(), and no covariance before */
#define SBI_FIT_FULL_NEWTON 3 /**< SBI_FIT_NEWTON with matrices whatever the number of parameters */
#define SBI_FIT_TRUNCATED_ABOVE 1000 /**< parameters, fixed ones included */

/** Flags. */
#define SBI_FIT_NO_HESSIAN 1u /**< no Hessian at the end either: no covariance until sbi_fit_set_hessian() */
#define SBI_FIT_NO_POLISH 2u  /**< stop as soon as the tolerance is met, without the closing Newton steps */
#define SBI_FIT_MIXED 4u      /**< evaluate the model in mixed precision (SBI_PRECISION_MIXED); sbi_fit_run() only */

typedef struct sbi_fit_options {
    uint32_t struct_size; /**< sizeof(sbi_fit_options) */
    int32_t method;       /**< SBI_FIT_NEWTON, ... */
    uint32_t flags;       /**< SBI_FIT_NO_HESSIAN | ... */
    int32_t n_starts;     /**< 1: from the start values. k > 1: also from k - 1 points around them (deterministic,
                               counter-based on `seed`); the deepest minimum wins, all are kept: sbi_fit_get_minimum() */
    double tolerance;     /**< Minuit's: converged when EDM < 0.002 tolerance error_level; 0.1 by default */
    double error_level;   /**< rise of F that is one standard deviation: 0.5 for a negative log-likelihood */
    int64_t max_evaluations; /**< of value, gradient, Hessian and products together, in one minimisation; 0: 200 + 100 P
                                  + 5 P^2, as Minuit; the first two tenfold where there are products */
    uint64_t seed;           /**< for n_starts > 1 */

    /** Start values that replace the model's. */
    size_t n_start;
    const char *const *start_names; /**< [n_start] */
    const double *start_values;     /**< [n_start] */

    /** Parameters to hold fixed. */
    size_t n_fixed;
    const char *const *fixed_names; /**< [n_fixed] */
    const double *fixed_values;     /**< [n_fixed], NaN: at the start value; NULL: all at their start values */

    /** Parameters to free that the model holds fixed. */
    size_t n_free;
    const char *const *free_names; /**< [n_free] */

    /** Bounds that replace the model's. */
    size_t n_bounds;
    const char *const *bound_names; /**< [n_bounds] */
    const double *bound_lower;      /**< [n_bounds], -INFINITY: none */
    const double *bound_upper;      /**< [n_bounds], +INFINITY: none */
} sbi_fit_options;

#define SBI_FIT_OPTIONS_INIT                                                                                           \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_fit_options), SBI_FIT_NEWTON, 0, 1, 0.1, 0.5, 0, 0, 0, NULL, NULL, 0, NULL, NULL, 0,      \
            NULL, 0, NULL, NULL, NULL                                                                                  \
    }

/** Fills in the defaults; the same values as SBI_FIT_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_fit_options_init(sbi_fit_options *options);

/* ---- running -------------------------------------------------------------------------------------------------------- */

/** Fits a model: minimises its NLL.
 *  @param[out] out the fit, NULL on failure; free with sbi_fit_destroy(), before the model.
 *  @param model borrowed until the fit is destroyed; it is not changed, and other fits may use it at the same time.
 *  @param options NULL for defaults; everything in it is copied.
 *  Errors: SBI_ERR_NOT_FOUND (a parameter name in the options), SBI_ERR_ARGUMENT (bounds, start outside bounds),
 *  SBI_ERR_ABI, SBI_ERR_VALUE (F is not finite at the start), SBI_ERR_CANCELLED (within one evaluation), SBI_ERR_NO_MEMORY, and
 *  what the evaluation reports. Source: More and Sorensen, SIAM J. Sci. Stat. Comput. 4 (1983) 553; bounds: Conn, Gould
 *  and Toint, Trust-Region Methods (2000), chapter 12. Since: 0.1 */
SBI_API sbi_status sbi_fit_run(sbi_fit **out, const sbi_model *model, const sbi_fit_options *options);

/** The same for an objective of one's own. @param objective copied, but see there for `user`. Since: 0.1 */
SBI_API sbi_status sbi_fit_run_objective(sbi_fit **out, sbi_context *ctx, const sbi_objective *objective,
                                         const sbi_fit_options *options);

/** Destroys a fit; NULL is fine. Since: 0.1 */
SBI_API void sbi_fit_destroy(sbi_fit *fit);

/* ---- how it went ---------------------------------------------------------------------------------------------------- */

/** Why a minimisation stopped. X(name, number, text). The numbers are part of the ABI. */
#define SBI_FIT_REASON_LIST(X)                                                                                         \
    X(SBI_FIT_CONVERGED, 1, "converged: EDM below tolerance and positive curvature")                                   \
    X(SBI_FIT_AT_LIMIT, 2, "converged, with parameters at their limits")                                               \
    X(SBI_FIT_ALL_FIXED, 3, "no free parameter: evaluated only")                                                       \
    X(SBI_FIT_MAX_EVALUATIONS, 10, "stopped at the maximum number of evaluations")                                     \
    X(SBI_FIT_INDEFINITE_HESSIAN, 11, "stationary, but the Hessian is not positive definite there")                    \
    X(SBI_FIT_NO_PROGRESS, 12, "stopped: no step lowers the value, and the EDM is above tolerance")                    \
    X(SBI_FIT_UNBOUNDED, 13, "the value falls without limit")

#define SBI_FIT_REASON_ENUMERATOR(name, number, text) name = number,
enum { SBI_FIT_REASON_LIST(SBI_FIT_REASON_ENUMERATOR) SBI_FIT_REASON_LAST_ = 13 };
#undef SBI_FIT_REASON_ENUMERATOR

/** Why the fit stopped: SBI_FIT_CONVERGED, ...; 0 for NULL. Numbers below 10 are successes. Since: 0.1 */
SBI_API int32_t sbi_fit_reason(const sbi_fit *fit);
/** A reason as text; static storage. Since: 0.1 */
SBI_API const char *sbi_fit_reason_text(int32_t reason);
/** The reason with names and numbers, one line, for instance "mu: at its lower limit 0; EDM 2e-9 after 5 iterations".
 *  Owned by the fit; "" for NULL. Since: 0.1 */
SBI_API const char *sbi_fit_message(const sbi_fit *fit);

typedef struct sbi_fit_info {
    uint32_t struct_size;         /**< sizeof(sbi_fit_info), set by the caller */
    int32_t reason;               /**< SBI_FIT_... */
    int32_t n_params;             /**< P */
    int32_t n_free;               /**< neither fixed nor at a limit */
    int32_t n_at_limit;           /**< free parameters that ended at a limit */
    int32_t has_covariance;       /**< 1: sbi_fit_covariance() and errors exist */
    double nll;                   /**< F at the best fit */
    double t;                     /**< 2 F */
    double edm;                   /**< estimated distance to the minimum in F; NaN without a positive definite Hessian */
    double gradient_norm;         /**< largest |g_k| s_k over the free k, s the natural scale (one standard deviation) */
    double smallest_eigenvalue;   /**< of the Hessian of the free parameters in units of s; NaN without Hessian. Truncated Newton:
                                       the smallest Ritz value of at most 40 products, an upper bound */
    double condition;             /**< ratio of largest and smallest eigenvalue of the same */
    double seconds;               /**< wall time of all evaluations so far */
    int64_t iterations;           /**< of the minimisation that won */
    int64_t value_evaluations;    /**< these three: everything since the fit began, later calls included */
    int64_t gradient_evaluations; /**< value and gradient */
    int64_t hessian_evaluations;  /**< value, gradient and Hessian */
    int64_t infinite_evaluations; /**< of all these, how many gave +inf or NaN */
    int64_t hvp_evaluations;      /**< Hessian-vector products, one a vector; those that make up a Hessian are counted there */
    int32_t method;               /**< that was used: SBI_FIT_NEWTON (with matrices), ..._QUASI_NEWTON, ..._TRUNCATED_NEWTON */
    int32_t n_minima;             /**< distinct minima that the starts led to: sbi_fit_get_minimum() */
    int32_t n_starts;             /**< starts that were made */
    int32_t n_failed_starts;      /**< of these, how many led to no minimum */
} sbi_fit_info;

/** Fills in what happened; set info->struct_size first. A shorter struct of an older caller is filled as far as it goes.
 *  Since: 0.1 */
SBI_API sbi_status sbi_fit_get_info(const sbi_fit *fit, sbi_fit_info *info);

/* ---- minima that the starts found ----------------------------------------------------------------------------------- */

/** One minimum. */
typedef struct sbi_fit_minimum {
    uint32_t struct_size; /**< sizeof(sbi_fit_minimum), set by the caller */
    int32_t reason;       /**< SBI_FIT_CONVERGED or SBI_FIT_AT_LIMIT */
    int32_t is_global;    /**< 1: the deepest one found, which is the fit's result */
    int32_t n_starts;     /**< how many starts led here */
    double nll;           /**< F there */
    double above;         /**< F there minus F at the deepest, >= 0 */
} sbi_fit_minimum;

/** How many distinct minima the starts (option n_starts) led to, 0 if none converged. Two results are one minimum if the
 *  rise (x - y).H.(x - y) / 2 between them is below a hundredth of error_level. Since: 0.1 */
SBI_API size_t sbi_fit_n_minima(const sbi_fit *fit);

/** A minimum; index 0 is the deepest found, then in order of F.
 *  @param[out] minimum set minimum->struct_size first. @param[out] values [P] or NULL, the parameters there.
 *  Errors: SBI_ERR_ARGUMENT (index), SBI_ERR_ABI. Since: 0.1 */
SBI_API sbi_status sbi_fit_get_minimum(const sbi_fit *fit, size_t index, sbi_fit_minimum *minimum, double *values);

/* ---- results -------------------------------------------------------------------------------------------------------- */

/** P. Since: 0.1 */
SBI_API size_t sbi_fit_n_params(const sbi_fit *fit);
/** Name of parameter `index`; NULL out of range. Owned by the fit. Since: 0.1 */
SBI_API const char *sbi_fit_param_name(const sbi_fit *fit, size_t index);
/** Index of a parameter, or SBI_ERR_NOT_FOUND. Since: 0.1 */
SBI_API sbi_status sbi_fit_param_index(const sbi_fit *fit, const char *name, size_t *index);

/** F at the best fit (T is twice that). Since: 0.1 */
SBI_API sbi_status sbi_fit_nll(const sbi_fit *fit, double *nll);
/** Best-fit value of one parameter. Since: 0.1 */
SBI_API sbi_status sbi_fit_value(const sbi_fit *fit, const char *name, double *value);
/** Standard deviation from the covariance: 0 for a fixed parameter and for one at a limit. SBI_ERR_SINGULAR where the
 *  Hessian is not positive definite, SBI_ERR_STATE where there is none. Since: 0.1 */
SBI_API sbi_status sbi_fit_error(const sbi_fit *fit, const char *name, double *error);
/** All best-fit values. @param[out] values [P]. Since: 0.1 */
SBI_API sbi_status sbi_fit_values(const sbi_fit *fit, double *values);
/** All standard deviations. @param[out] errors [P]. Errors as sbi_fit_error(). Since: 0.1 */
SBI_API sbi_status sbi_fit_errors(const sbi_fit *fit, double *errors);
/** Where parameters ended. @param[out] state [P]: 0 free, 1 fixed, 2 at its lower limit, 3 at its upper limit. Since: 0.1 */
SBI_API sbi_status sbi_fit_param_states(const sbi_fit *fit, int32_t *state);
/** Bounds that were used. @param[out] lower, upper [P]. Since: 0.1 */
SBI_API sbi_status sbi_fit_bounds(const sbi_fit *fit, double *lower, double *upper);

/** Covariance V = 2 error_level H^-1. @param[out] covariance [P, P], zero in the rows and columns of parameters that are
 *  fixed or at a limit. Errors as sbi_fit_error(). Since: 0.1 */
SBI_API sbi_status sbi_fit_covariance(const sbi_fit *fit, double *covariance);
/** Correlations. @param[out] correlation [P, P], as the covariance, with ones on the whole diagonal. Since: 0.1 */
SBI_API sbi_status sbi_fit_correlation(const sbi_fit *fit, double *correlation);
/** Global correlations sqrt(1 - 1 / (V_kk (V^-1)_kk)). @param[out] rho [P], 0 where fixed or at a limit. Since: 0.1 */
SBI_API sbi_status sbi_fit_global_correlations(const sbi_fit *fit, double *rho);

/** Gradient of F at the best fit. @param[out] gradient [P]. Since: 0.1 */
SBI_API sbi_status sbi_fit_gradient(const sbi_fit *fit, double *gradient);
/** The Hessian of F at the best fit that the covariance comes from. @param[out] hessian [P, P]; SBI_ERR_STATE if there is
 *  none. Since: 0.1 */
SBI_API sbi_status sbi_fit_get_hessian(const sbi_fit *fit, double *hessian);
/** Takes a Hessian computed elsewhere (for instance in rows by an executor): covariance, EDM and reason follow from it.
 *  @param hessian [P, P]; it must be finite (SBI_ERR_VALUE) and symmetric to 1e-9 relative (SBI_ERR_SHAPE). A Hessian that is
 *  not positive definite is taken, and reported as SBI_FIT_INDEFINITE_HESSIAN. Since: 0.1 */
SBI_API sbi_status sbi_fit_set_hessian(sbi_fit *fit, const double *hessian);
/** The direction of least curvature over the free parameters, for finding out why a Hessian is indefinite or flat.
 *  @param[out] eigenvalue in units of s. @param[out] direction [P], step of unit length in units of s (multiplied back by s);
 *  NULL is fine. SBI_ERR_STATE without Hessian. Since: 0.1 */
SBI_API sbi_status sbi_fit_least_curvature(const sbi_fit *fit, double *eigenvalue, double *direction);

/** Computes the exact Hessian at the best fit, rows as tasks of an executor, and gives it to the fit as
 *  sbi_fit_set_hessian() does.
 *  @param executor NULL: here, at once. Otherwise the fit must be one of a model. The result is the same to the bit on the
 *  same kind of processor. @param[out] hessian [P, P] or NULL. Since: 0.1 */
SBI_API sbi_status sbi_fit_hessian(sbi_fit *fit, sbi_executor *executor, double *hessian);

/** One row of the covariance by conjugate gradients, for fits without matrices: V e_k = 2 error_level x with H x = e_k over the
 *  free parameters. Where the fit has a covariance the row is taken from there.
 *  @param name neither fixed nor at a limit. @param[out] row [P]: row[k] is the variance, row[j] / row[k] what parameter j does when
 *  k moves by one. To 1e-6 of the error of k. Errors: SBI_ERR_NOT_FOUND, SBI_ERR_STATE (fixed, at a limit, no products, not
 *  converged), SBI_ERR_SINGULAR (a direction without positive curvature), SBI_ERR_DIVERGED. Since: 0.1 */
SBI_API sbi_status sbi_fit_covariance_row(sbi_fit *fit, const char *name, double *row);

/** Writes all that is known of a fit as JSON: reason, parameters with values, errors, bounds, states and pulls, covariance,
 *  correlations, global correlations, EDM, evaluations, seconds, the smallest eigenvalue and its direction by names, and the minima
 *  that the starts found. Numbers that do not exist are null. What each member means: docs/fit.md.
 *  @param path written whole or not at all. Errors: SBI_ERR_IO and its kin, SBI_ERR_NO_MEMORY. Since: 0.1 */
SBI_API sbi_status sbi_fit_write_json(const sbi_fit *fit, const char *path);

typedef struct sbi_hessian_options {
    uint32_t struct_size;  /**< sizeof(sbi_hessian_options) */
    int32_t rows_a_task;   /**< rows of a block; 0: 16, whose pass over the events costs hardly more than that of one */
    int64_t events_a_task; /**< events of a range, rounded up to whole blocks of SBI_TAPE_BLOCK; 0: no cuts in events */
    const char *campaign;  /**< folder of the campaign, made if missing; NULL: nothing is kept */
} sbi_hessian_options;

#define SBI_HESSIAN_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_hessian_options), 0, 0, NULL                                                              \
    }

/** Fills in the defaults; the same values as SBI_HESSIAN_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_hessian_options_init(sbi_hessian_options *options);

/** The same as a campaign (campaign.h): blocks of rows x ranges of events are tasks, whose results are kept in the folder as they come, and
 *  merged as they come where there are ranges. A client that was killed calls it again with the same fit and options and gets what is missing only;
 *  a folder with unfinished tasks of another fit or other cuts is refused (SBI_ERR_STATE).
 *  Whatever the cuts, the executor and the interruptions, the bits are those of sbi_fit_hessian() with executor NULL, on the same kind of
 *  processor; ranges of events from machines of different kinds are refused (SBI_ERR_VERSION, see shard.h), rows without ranges are not.
 *  @param executor NULL: a local one. @param options NULL for defaults. The fit must be one of a model. Errors: as
 *  sbi_campaign_run(), with what a task failed of. Since: 0.1 */
SBI_API sbi_status sbi_fit_hessian_campaign(sbi_fit *fit, sbi_executor *executor, const sbi_hessian_options *options,
                                            double *hessian);

/** The model of the fit; NULL for one of an objective. Since: 0.1 */
SBI_API const sbi_model *sbi_fit_model(const sbi_fit *fit);

/* ---- intervals ------------------------------------------------------------------------------------------------------ */

/** What became of one side of an interval. */
#define SBI_FIT_SIDE_FOUND 1       /**< the crossing was found */
#define SBI_FIT_SIDE_LIMIT 2       /**< the parameter's limit, or the edge of where F exists, comes first: error leads there */
#define SBI_FIT_SIDE_NEW_MINIMUM 3 /**< on the way a deeper minimum was found; see new_value and new_nll */
#define SBI_FIT_SIDE_NO_CROSSING 4 /**< F does not rise that far, or an inner fit failed: error is NaN */

/** A profile-likelihood interval (MINOS). Index 0 is the lower side, 1 the upper. */
typedef struct sbi_fit_interval {
    uint32_t struct_size; /**< sizeof(sbi_fit_interval), set by the caller */
    int32_t side[2];      /**< SBI_FIT_SIDE_... */
    int32_t reserved_;
    double value;          /**< best-fit value */
    double error[2];       /**< crossing minus value: negative, positive */
    double rise[2];        /**< F - F_min reached at the crossing, to tell how good it is */
    double new_value[2];   /**< parameter at a deeper minimum, NaN if none was met */
    double new_nll[2];     /**< F there */
    int64_t evaluations[2]; /**< gradients and Hessians spent */
} sbi_fit_interval;

/** MINOS errors: where the profile min over the others of F(theta_k = x, ...) has risen by error_level.
 *  @param[out] error [2]: down (negative) and up (positive), to 1e-4 standard deviations; NaN where there is no crossing, the
 *  distance to the limit where that comes first: sbi_fit_interval_at() tells which.
 *  Errors: SBI_ERR_NOT_FOUND, SBI_ERR_STATE (a fixed parameter, or a fit that has not converged). Since: 0.1 */
SBI_API sbi_status sbi_fit_minos(sbi_fit *fit, const char *name, double *error);

/** The same for any rise of F, with all that is known. @param rise F - F_min at the ends, > 0; NaN: error_level. 1.92 is 95%
 *  for one parameter. @param[out] interval set interval->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_fit_interval_at(sbi_fit *fit, const char *name, double rise, sbi_fit_interval *interval);

/* ---- profiles and minima -------------------------------------------------------------------------------------------- */

/** Profile scan: out_nll[i] = min over the other parameters of F(theta_name = values[i], ...).
 *  The values are visited in order upwards and downwards, each fit starting from its neighbour's result; where the two
 *  branches differ (two minima) the deeper one is kept.
 *  @param values [n], in any order, within the bounds. @param[out] nll [n]: NaN where the inner fit did not converge.
 *  @param[out] params [n, P] or NULL. Also for a fixed parameter. Since: 0.1 */
SBI_API sbi_status sbi_fit_profile(sbi_fit *fit, const char *name, const double *values, size_t n, double *nll,
                                   double *params);

/** Scan without refitting: all other parameters stay at the best fit. @param[out] nll [n], +inf where F does not exist.
 *  Since: 0.1 */
SBI_API sbi_status sbi_fit_scan(sbi_fit *fit, const char *name, const double *values, size_t n, double *nll);

/** All local minima along a parameter: profile on n_grid points of [from, to], then a full fit from each dip.
 *  @param n_grid at least 3; dips narrower than the grid are missed.
 *  @param capacity room in the arrays. @param[out] n_found number of distinct minima, which may exceed capacity.
 *  @param[out] positions [capacity], the parameter, ascending. @param[out] nll [capacity], F there.
 *  @param[out] params [capacity, P] or NULL. A minimum at the parameter's limit counts; an end of the range does not.
 *  Since: 0.1 */
SBI_API sbi_status sbi_fit_minima(sbi_fit *fit, const char *name, double from, double to, size_t n_grid, size_t capacity,
                                  size_t *n_found, double *positions, double *nll, double *params);

/* ---- nuisance parameters -------------------------------------------------------------------------------------------- */

/** Impacts on a parameter of interest, from the covariance without refits:
 *  postfit_k = V_poi,k / sqrt(V_kk); prefit_k = V_poi,k / V_kk * s_k, with s_k the width before the fit: sigma of a Gaussian
 *  constraint, sigma sqrt(auxiliary) of a Poisson one, sigma theta of a log-normal one. systematics.h has the other ways.
 *  @param[out] postfit, prefit [P], either may be NULL; 0 for fixed and at-limit parameters; NaN for the parameter of interest
 *  itself, and prefit NaN where there is no constraint. Errors as sbi_fit_error(). Since: 0.1 */
SBI_API sbi_status sbi_fit_impacts(const sbi_fit *fit, const char *poi, double *postfit, double *prefit);

/** Pulls (value - auxiliary) / s and constraints error / s, with s as above; of a log-normal constraint both are of ln theta. Of an auxiliary
 *  count of zero, which has no width, they are NaN.
 *  @param[out] pull, constraint [P], either may be NULL; NaN where there is no constraint. Since: 0.1 */
SBI_API sbi_status sbi_fit_pulls(const sbi_fit *fit, double *pull, double *constraint);

/* ---- test statistics ------------------------------------------------------------------------------------------------ */

/** Which of the statistics of arXiv:1007.1727. muhat is the best fit. */
#define SBI_STATISTIC_T 1      /**< t_mu, eq. 8 */
#define SBI_STATISTIC_TTILDE 2 /**< t~_mu, eq. 11: muhat < 0 is replaced by 0 */
#define SBI_STATISTIC_Q0 3     /**< q_0, eq. 12: 0 where muhat < 0; mu must be 0 */
#define SBI_STATISTIC_Q 4      /**< q_mu, eq. 14: 0 where muhat > mu */
#define SBI_STATISTIC_QTILDE 5 /**< q~_mu, eq. 16 */

/** A test statistic from this fit and one conditional fit (two where muhat < 0 is replaced).
 *  @param mu tested value, within the bounds. @param[out] statistic >= 0; slightly negative differences, down to the
 *  tolerance, are 0. A conditional fit that is deeper than this fit gives SBI_ERR_STATE, naming both: this fit was a local
 *  minimum. Since: 0.1 */
SBI_API sbi_status sbi_fit_test_statistic(sbi_fit *fit, const char *name, double mu, int32_t kind, double *statistic);

/** p-values of q_mu or q~_mu by the asymptotic formulae: CLsb = P(q >= observed | mu), CLb the same without signal,
 *  CLs = CLsb / CLb. With r = sqrt(q), a = sqrt(q_A): CLsb = 1 - Phi(r), CLb = 1 - Phi(r - a); for q~_mu with q > q_A:
 *  CLsb = 1 - Phi((q + q_A) / 2a), CLb = 1 - Phi((q - q_A) / 2a).
 *  @param kind SBI_STATISTIC_Q or SBI_STATISTIC_QTILDE. @param q observed, >= 0. @param q_asimov its value for the Asimov data
 *  without signal, > 0. @param[out] cl [3]: CLsb, CLb, CLs. Source: arXiv:1007.1727, eq. 59, 66, 89. Since: 0.1 */
SBI_API sbi_status sbi_asymptotic_cls(int32_t kind, double q, double q_asimov, double *cl);

/** The upper limit on a parameter at which CLs = 1 - confidence, by q~_mu and the asymptotic formulae.
 *  @param fit to the data. @param asimov fit of the same parameter to the Asimov data without signal; it may be `fit` itself, for
 *  the expected limit. @param confidence 0.95, say. @param[out] limit to 1e-4 standard deviations.
 *  Errors: SBI_ERR_DOMAIN where CLs does not fall that low within the parameter's bounds. Since: 0.1 */
SBI_API sbi_status sbi_fit_upper_limit(sbi_fit *fit, sbi_fit *asimov, const char *name, double confidence, double *limit);

SBI_END_DECLS
#endif
