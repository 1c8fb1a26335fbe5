/* SPDX-License-Identifier: Apache-2.0 */
/** @file toy.h
 * Toy data sets of a sealed model, and running many of them: fits, test statistics, limits and goodness of fit of each, through any
 * executor.
 *
 * A toy at parameters theta is a random data set as theta would give it, and a function of (model, theta, seed, number) alone: the
 * same bits for any number of threads, in any order, in any process on the same kind of machine.
 *
 *     binned channel      N_b ~ Poisson(lambda_b(theta)), bin by bin
 *     unbinned channel    N_j ~ Poisson(w_j(theta)) for the rows j of its Asimov sample, w_j of sbi_model_asimov_weights()
 *     auxiliary data      a_k ~ Gaussian(theta_k, sigma_k), sigma_k^2 Poisson(theta_k / sigma_k^2), or exp Gaussian(ln theta_k, sigma_k)
 *
 * The number of events of an unbinned channel is Poisson with mean sum_j w_j. A row may be drawn more than once, and all toys share the
 * rows: what a finite sample means for them is told in docs/toys.md.
 */
#ifndef SBI_TOY_H
#define SBI_TOY_H

#include "model.h"

SBI_BEGIN_DECLS

typedef struct sbi_executor sbi_executor; /* executor.h */

/* ---- one toy -------------------------------------------------------------------------------------------------------- */

/** What becomes of the auxiliary observations. */
#define SBI_TOY_AUXILIARY_THROWN 0   /**< thrown around theta: unconditional ensembles (default) */
#define SBI_TOY_AUXILIARY_KEPT 1     /**< those of the model: conditional ensembles */
#define SBI_TOY_AUXILIARY_REQUIRED 2 /**< thrown, and SBI_ERR_STATE where the model has none */

typedef struct sbi_toy_options {
    uint32_t struct_size; /**< sizeof(sbi_toy_options) */
    int32_t auxiliary;    /**< SBI_TOY_AUXILIARY_... */
    uint64_t seed;        /**< 0 by default */
} sbi_toy_options;

#define SBI_TOY_OPTIONS_INIT                                                                                           \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_toy_options), SBI_TOY_AUXILIARY_THROWN, 0                                                 \
    }

/** Fills in the defaults; the same values as SBI_TOY_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_toy_options_init(sbi_toy_options *options);

/** What all toys at one theta have in common. Immutable: any number of threads may generate toys of it at once. */
typedef struct sbi_toy_generator sbi_toy_generator;

/** Prepares toys of a model at theta: expected counts, and cumulative weights of the Asimov samples, 8 bytes a row.
 *  @param[out] out NULL on failure; free with sbi_toy_generator_destroy(). @param model it may outlive the handle `model`, not the
 *  memory that was lent to that. @param theta [n_parameters], finite, copied. @param options NULL for defaults.
 *  Errors: SBI_ERR_STATE (not sealed; a channel without integration sample whose events are no reference sample; no auxiliary data
 *  where they are required), SBI_ERR_DOMAIN (a negative count or density with its bin or row; zero events expected; theta around which no
 *  auxiliary observation can be thrown), SBI_ERR_VALUE (theta not finite). Since: 0.1 */
SBI_API sbi_status sbi_toy_generator_create(sbi_toy_generator **out, const sbi_model *model, const double *theta,
                                            const sbi_toy_options *options);
/** NULL is fine; toys stay valid. Since: 0.1 */
SBI_API void sbi_toy_generator_destroy(sbi_toy_generator *generator);

/** Toy `number` as a sealed model, as sbi_model_asimov() makes one: parameters, start values, bounds, processes, variations and
 *  integration samples are those of the model. Columns are shared with it, or, where less than half of the sample's rows were drawn,
 *  the drawn rows are copied, so that evaluation costs what the toy's events cost.
 *  @param number >= 0. @param[out] out NULL on failure; free with sbi_model_destroy(). Since: 0.1 */
SBI_API sbi_status sbi_toy_generate(sbi_model **out, const sbi_toy_generator *generator, int64_t number);

/* ---- many toys ------------------------------------------------------------------------------------------------------ */

/** What is computed of each toy beyond its fit; the columns that appear are in brackets, i numbers the tested values. The fit gives
 *  [nll] F at the minimum, [value] and [error] of the parameter (error NaN where there is no covariance). */
#define SBI_TOYS_PARAMETERS 1u /**< best-fit values of all parameters [fit:NAME] */
#define SBI_TOYS_T 2u          /**< t_mu [t_i] */
#define SBI_TOYS_TTILDE 4u     /**< t~_mu [ttilde_i] */
#define SBI_TOYS_Q0 8u         /**< q_0 [q0] */
#define SBI_TOYS_Q 16u         /**< q_mu [q_i] */
#define SBI_TOYS_QTILDE 32u    /**< q~_mu [qtilde_i] */
#define SBI_TOYS_INTERVAL 64u  /**< ends of the MINOS interval [lower] and [upper], its limit where that comes first */
#define SBI_TOYS_LIMIT 128u    /**< upper limit by CLs, q~_mu and asymptotics [limit] */
#define SBI_TOYS_SATURATED 256u /**< goodness of fit -2 ln lambda against the saturated model [saturated] */

typedef struct sbi_toys_options {
    uint32_t struct_size; /**< sizeof(sbi_toys_options) */
    uint32_t compute;     /**< SBI_TOYS_... | ...; 0: the fit alone */
    uint64_t seed;        /**< 0 */
    int64_t first;        /**< number of the first toy; 0 */
    int64_t count;        /**< 1000 */
    int32_t auxiliary;    /**< SBI_TOY_AUXILIARY_... */
    int32_t toys_a_task;  /**< for executors; 0: a 64th of `count`, at least 10 */
    int32_t collect;      /**< 1: run nothing, take what the campaign's folder has: rows of other toys are failed ones with
                               SBI_ERR_TASK_LOST */
    int32_t reserved_;
    const char *parameter; /**< tested; NULL: the model's parameter of interest */
    size_t n_tested;
    const double *tested; /**< [n_tested] values of it, within its bounds; needed for T, TTILDE, Q, QTILDE */
    size_t n_starts;
    const double *starts; /**< [n_starts] values of it from which each toy's fit starts too, beside theta: the deepest minimum wins */
    size_t n_fixed;
    const char *const *fixed_names; /**< [n_fixed] parameters that fits hold at theta */
    double interval_confidence;     /**< of INTERVAL; 0.682689492137 */
    double limit_confidence;        /**< of LIMIT; 0.95 */
    const char *campaign;           /**< folder that makes the run resumable (campaign.h), or NULL */
} sbi_toys_options;

#define SBI_TOYS_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_toys_options), 0, 0, 0, 1000, SBI_TOY_AUXILIARY_THROWN, 0, 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL,        \
            0.682689492137086, 0.95, NULL                                                                              \
    }

/** Fills in the defaults; the same values as SBI_TOYS_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_toys_options_init(sbi_toys_options *options);

/** Results of toys: a row a toy, a column a quantity. Immutable. */
typedef struct sbi_toys sbi_toys;

/** Generates toys of a model at theta and fits each.
 *  @param[out] out NULL on failure; free with sbi_toys_destroy(). @param theta [n_parameters] that data are generated at; for the
 *  profiled values of a fit see sbi_fit_profiled().
 *  @param executor NULL: here, toys in parallel on the context's threads. Otherwise ranges of numbers are tasks ("toys" of
 *  docs/jobs.md); an executor outside of this process needs a model that was loaded from a workspace file. The rows have the same bits
 *  wherever they were computed, on the same kind of machine.
 *  A toy whose fit does not converge, or of which something cannot be computed, is a failed row, not an error of the call.
 *  Errors: as sbi_toy_generator_create(); SBI_ERR_NOT_FOUND (parameter names), SBI_ERR_ARGUMENT (tested or start values outside
 *  bounds, bad options), SBI_ERR_CANCELLED, SBI_ERR_TASK_FAILED and what an executor reports. Since: 0.1 */
SBI_API sbi_status sbi_toys_run(sbi_toys **out, const sbi_model *model, const double *theta, const sbi_toys_options *options,
                                sbi_executor *executor);
/** NULL is fine. Since: 0.1 */
SBI_API void sbi_toys_destroy(sbi_toys *toys);

/** Number of rows; 0 for NULL. Since: 0.1 */
SBI_API size_t sbi_toys_count(const sbi_toys *toys);
/** Number of rows whose status is not SBI_OK. Since: 0.1 */
SBI_API size_t sbi_toys_n_failed(const sbi_toys *toys);
/** Number of columns. Since: 0.1 */
SBI_API size_t sbi_toys_n_columns(const sbi_toys *toys);
/** NULL out of range. Owned by `toys`. Since: 0.1 */
SBI_API const char *sbi_toys_column_name(const sbi_toys *toys, size_t column);
/** All values: row-major [count, n_columns], NaN where a failed toy has none. Owned by `toys`. Since: 0.1 */
SBI_API const double *sbi_toys_values(const sbi_toys *toys);
/** One column by name. @param[out] values [count]. SBI_ERR_NOT_FOUND. Since: 0.1 */
SBI_API sbi_status sbi_toys_column(const sbi_toys *toys, const char *name, double *values);
/** Number of a row's toy, -1 out of range. Since: 0.1 */
SBI_API int64_t sbi_toys_number(const sbi_toys *toys, size_t row);
/** 0, a negative sbi_status, or a positive SBI_FIT_... reason of a fit that did not converge. Since: 0.1 */
SBI_API int32_t sbi_toys_status(const sbi_toys *toys, size_t row);
/** Why a row failed; "" where it did not. Owned by `toys`. Since: 0.1 */
SBI_API const char *sbi_toys_message(const sbi_toys *toys, size_t row);

/** Rows of `a`, then those of `b`, which must have the same columns (SBI_ERR_SHAPE). Since: 0.1 */
SBI_API sbi_status sbi_toys_concatenate(sbi_toys **out, const sbi_toys *a, const sbi_toys *b);
/** Writes sbi_toys_values() as a .npy, f64 [count, n_columns]. Since: 0.1 */
SBI_API sbi_status sbi_toys_write_npy(const sbi_toys *toys, const char *path);
/** Writes everything as JSON: {"columns", "failed" [{"message", "row", "status"}], "numbers", "rows", "version"}, NaN as null. Since: 0.1 */
SBI_API sbi_status sbi_toys_write_json(const sbi_toys *toys, const char *path);
/** Reads what sbi_toys_write_json() wrote, to the same bits. Errors: SBI_ERR_FORMAT with the place in the file. Since: 0.1 */
SBI_API sbi_status sbi_toys_read_json(sbi_toys **out, sbi_context *ctx, const char *path);

/* ---- what toys tell ------------------------------------------------------------------------------------------------- */

/** The part of the toys whose value is at least `observed`, over rows that did not fail. Values within 1e-6 of each other count as
 *  equal, since fits end about there.
 *  @param[out] p k / n. @param[out] error binomial, sqrt(r (1 - r) / n) with r = (k + 1/2) / (n + 1), which is never zero; or NULL.
 *  Errors: SBI_ERR_NOT_FOUND; SBI_ERR_STATE where every toy failed. Since: 0.1 */
SBI_API sbi_status sbi_toys_p_value(const sbi_toys *toys, const char *column, double observed, double *p, double *error);

/** The value below which a part `p` of the toys lies, interpolated between order statistics as numpy does.
 *  @param[out] error [2] distance down (negative) and up to the order statistics n p -+ sqrt(n p (1 - p)); or NULL. Since: 0.1 */
SBI_API sbi_status sbi_toys_quantile(const sbi_toys *toys, const char *column, double p, double *value, double *error);

/** CLsb, CLb and CLs = CLsb / CLb of an observed statistic from toys with signal and without, which both test the same value.
 *  @param column, background_column names in `signal` and `background`. @param[out] cl [3]. @param[out] error [3] binomial, or NULL.
 *  Since: 0.1 */
SBI_API sbi_status sbi_toys_cls(const sbi_toys *signal, const char *column, const sbi_toys *background,
                                const char *background_column, double observed, double *cl, double *error);

SBI_END_DECLS
#endif
