/* SPDX-License-Identifier: Apache-2.0 */
/** @file limit.h
 * What is published of a fit beside its interval: p-values, significances, upper limits with expected bands, goodness of fit, by
 * asymptotic formulae and by toys.
 *
 * Conventions are those of arXiv:1007.1727 and pyhf. Asimov data without signal are made at the nuisance parameters that the data prefer
 * at mu = 0 (sbi_fit_run_asimov()).
 */
#ifndef SBI_LIMIT_H
#define SBI_LIMIT_H

#include "fit.h"
#include "toy.h"

SBI_BEGIN_DECLS

/* ---- other points and data ------------------------------------------------------------------------------------------ */

/** The conditional best fit: all parameters where F is least with one of them held.
 *  @param value within the parameter's bounds. @param[out] theta [P], or NULL. @param[out] nll F there, or NULL.
 *  Errors: SBI_ERR_NOT_FOUND, SBI_ERR_ARGUMENT, SBI_ERR_STATE (the fit has not converged), SBI_ERR_DIVERGED. Since: 0.1 */
SBI_API sbi_status sbi_fit_profiled(sbi_fit *fit, const char *name, double value, double *theta, double *nll);

/** Asimov data of a fit's model at sbi_fit_profiled(), and their fit, with the bounds and fixed parameters of `fit`.
 *  @param[out] out, data the fit and its model; destroy the fit first. Errors: as sbi_fit_profiled() and sbi_model_asimov();
 *  SBI_ERR_UNSUPPORTED for a fit of an objective. Since: 0.1 */
SBI_API sbi_status sbi_fit_run_asimov(sbi_fit **out, sbi_model **data, sbi_fit *fit, const char *name, double value);

/* ---- p-values ------------------------------------------------------------------------------------------------------- */

/** The p-value of a test statistic under the value that it tests, by the asymptotic formulae. With Q = 1 - Phi:
 *  t_mu: 2 Q(sqrt t), two-sided; q_mu, q_0: Q(sqrt q); t~_mu: the same as t_mu up to t = A and Q(sqrt t) + Q((t + A) / 2 sqrt A)
 *  beyond; q~_mu: Q(sqrt q) up to q = A and Q((q + A) / 2 sqrt A) beyond, where A = mu^2 / sigma^2 is the statistic's value on Asimov data
 *  without signal.
 *  @param kind SBI_STATISTIC_... @param asimov A, for the two with a tilde alone. Source: arXiv:1007.1727, eq. 35, 43, 49, 57, 65. Since: 0.1 */
SBI_API sbi_status sbi_asymptotic_p_value(int32_t kind, double statistic, double asimov, double *p);

/** The z with 1 - Phi(z) = p, the significance of a one-sided p-value; +inf for 0, -inf for 1, NaN outside. Since: 0.1 */
SBI_API double sbi_significance(double p);

typedef struct sbi_discovery {
    uint32_t struct_size; /**< sizeof(sbi_discovery), set by the caller */
    int32_t reserved_;
    double q0;
    double p0;           /**< 1 - Phi(sqrt q0) */
    double significance; /**< sqrt q0 */
} sbi_discovery;

/** The test of no signal, q_0. Of a fit to Asimov data with signal this is the expected (median) significance. Since: 0.1 */
SBI_API sbi_status sbi_fit_discovery(sbi_fit *fit, const char *name, sbi_discovery *discovery);

/* ---- limits --------------------------------------------------------------------------------------------------------- */

/** What falls to 1 - confidence at the limit. */
#define SBI_LIMIT_CLS 0  /**< CLs = CLsb / CLb */
#define SBI_LIMIT_CLSB 1 /**< CLsb: the plain p-value */

typedef struct sbi_limit_options {
    uint32_t struct_size;  /**< sizeof(sbi_limit_options) */
    int32_t statistic;     /**< SBI_STATISTIC_QTILDE (default) or SBI_STATISTIC_Q */
    int32_t criterion;     /**< SBI_LIMIT_CLS (default) or SBI_LIMIT_CLSB */
    int32_t observed_only; /**< 1: no expected limits */
    double confidence;     /**< 0.95 */
    double tolerance;      /**< of each limit, in standard deviations of the parameter; 1e-4 */
} sbi_limit_options;

#define SBI_LIMIT_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_limit_options), SBI_STATISTIC_QTILDE, SBI_LIMIT_CLS, 0, 0.95, 1e-4                        \
    }

/** Fills in the defaults; the same values as SBI_LIMIT_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_limit_options_init(sbi_limit_options *options);

typedef struct sbi_limit {
    uint32_t struct_size; /**< sizeof(sbi_limit), set by the caller */
    int32_t reserved_;
    double observed;
    double expected[5];       /**< without signal: at -2, -1, 0, 1, 2 standard deviations; NaN where there is none */
    double observed_error;    /**< from the number of toys; 0 by asymptotics */
    double expected_error[5];
} sbi_limit;

/** Upper limits by the asymptotic formulae: where the criterion is 1 - confidence, observed and expected without signal:
 *
 *      a(mu) = sqrt(q_A(mu)),   CLsb_n = 1 - Phi(a - n),   CLb_n = Phi(n),   n = -2, -1, 0, 1, 2
 *
 *  @param fit to the data. @param asimov fit of the Asimov data without signal, sbi_fit_run_asimov(..., 0); it may be `fit` itself.
 *  @param options NULL for defaults. @param[out] limit set limit->struct_size first.
 *  Errors: SBI_ERR_DOMAIN where the criterion does not fall that low within the parameter's bounds, or is below it everywhere (CLsb); an
 *  expected limit for which that is so is NaN. SBI_ERR_STATE (a fixed parameter, a fit that did not converge or was a local minimum).
 *  Source: arXiv:1007.1727, section 5 and eq. 88, 89. Since: 0.1 */
SBI_API sbi_status sbi_fit_limits(sbi_fit *fit, sbi_fit *asimov, const char *name, const sbi_limit_options *options,
                                  sbi_limit *limit);

typedef struct sbi_toy_limit_options {
    uint32_t struct_size;  /**< sizeof(sbi_toy_limit_options) */
    int32_t statistic;     /**< SBI_STATISTIC_QTILDE (default) or SBI_STATISTIC_Q */
    int32_t criterion;     /**< SBI_LIMIT_CLS (default) or SBI_LIMIT_CLSB */
    int32_t reserved_;
    double confidence;        /**< 0.95 */
    int64_t background_count; /**< toys without signal; 0: as many as with signal at one value */
    const sbi_toys_options *toys; /**< count a value, seed, starts, auxiliary data, campaign; its `compute`, `tested`, `first` and
                                       `parameter` are not looked at. NULL: defaults */
} sbi_toy_limit_options;

#define SBI_TOY_LIMIT_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_toy_limit_options), SBI_STATISTIC_QTILDE, SBI_LIMIT_CLS, 0, 0.95, 0, NULL                 \
    }

/** Fills in the defaults; the same values as SBI_TOY_LIMIT_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_toy_limit_options_init(sbi_toy_limit_options *options);

/** Upper limits by toys: at each value of the parameter toys with that signal, and one set without, both at the nuisance parameters that
 *  the data prefer there. The criterion is interpolated in its logarithm between values; expected limits come from the quantiles of the
 *  toys without signal.
 *  @param values [n] ascending, n >= 2, within the bounds, around the limits. @param executor NULL: here.
 *  @param[out] limit with errors from the binomial errors of the criterion over its slope.
 *  @param[out] cls [n, 6] the criterion at each value, observed and at the five expected quantiles, or NULL. @param[out] cls_error [n, 6]
 *  or NULL.
 *  Errors: SBI_ERR_DOMAIN where the observed criterion does not cross 1 - confidence between the values (`cls` is filled in all the same); an
 *  expected limit for which that is so is NaN. Else as sbi_toys_run(). Since: 0.1 */
SBI_API sbi_status sbi_fit_limits_by_toys(sbi_fit *fit, const char *name, const double *values, size_t n,
                                          const sbi_toy_limit_options *options, sbi_executor *executor, sbi_limit *limit,
                                          double *cls, double *cls_error);

/* ---- goodness of fit ------------------------------------------------------------------------------------------------ */

typedef struct sbi_goodness {
    uint32_t struct_size; /**< sizeof(sbi_goodness), set by the caller */
    int32_t dof;          /**< bins minus free parameters without constraint */
    double statistic;     /**< -2 ln lambda */
    double p_value;       /**< of a chi2 with dof degrees of freedom; NaN where dof < 1 */
} sbi_goodness;

/** Goodness of fit of a model whose channels are all binned: the likelihood ratio to the saturated model,
 *
 *      -2 ln lambda = 2 sum_b [lambda_b - N_b + N_b ln(N_b / lambda_b)] + 2 sum_k [c_k(theta_k) - min c_k]
 *
 *  at the best fit, c_k the constraints, whose auxiliary observations are data, too.
 *  Errors: SBI_ERR_UNSUPPORTED naming the first unbinned channel (use toys: the distribution of [nll] of sbi_toys_run()) or for a fit of
 *  an objective; SBI_ERR_STATE for a fit that did not converge. Source: S. Baker and R. Cousins, Nucl. Instrum. Meth. 221 (1984) 437. Since: 0.1 */
SBI_API sbi_status sbi_fit_goodness(const sbi_fit *fit, sbi_goodness *goodness);

SBI_END_DECLS
#endif
