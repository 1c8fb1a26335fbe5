/* SPDX-License-Identifier: Apache-2.0 */
/** @file tape.h
 * A reverse-mode tape for scalar functions of parameters that sum over many events.
 *
 * Record an expression once, seal it, evaluate it as often as needed: value, gradient, Hessian-vector products, Hessian
 * rows, the full Hessian. Evaluation streams over the events in chunks, so memory does not grow with their number.
 *
 * A node (sbi_var) is either a scalar (a parameter, a constant, a function of scalars, a reduction) or event-wise (one
 * value for each event of one event set). Operations between an event-wise node and a scalar broadcast the scalar.
 * Event-wise nodes of different event sets cannot be combined. A reduction turns an event-wise node into a scalar,
 * which may feed event-wise nodes again: evaluation then runs in stages.
 *
 * Errors while recording are sticky: the failing call returns SBI_VAR_INVALID, calls with an invalid operand do too, and
 * sbi_tape_seal() returns the first failure with its message. So an expression can be written without a check a line.
 *
 * Results have the same bits for any number of threads and any sharding.
 * Source: Griewank and Walther, Evaluating Derivatives (SIAM 2008), chapters 3, 5 and 10 (forward over reverse).
 */
#ifndef SBI_TAPE_H
#define SBI_TAPE_H

#include "array.h"

SBI_BEGIN_DECLS

typedef struct sbi_tape sbi_tape;
typedef struct sbi_tape_work sbi_tape_work;

/** A node of a tape; meaningful only together with its tape. */
typedef int32_t sbi_var;
/** A set of events of a tape. */
typedef int32_t sbi_events;

#define SBI_VAR_INVALID (-1)

/** Interpolation codes of HistFactory between variations `down`, nominal, `up` at alpha = -1, 0, +1. */
#define SBI_INTERP_CODE0 0   /**< additive, piecewise linear */
#define SBI_INTERP_CODE1 1   /**< multiplicative, piecewise exponential */
#define SBI_INTERP_CODE2 2   /**< additive, quadratic inside, linear outside; the continuous variant */
#define SBI_INTERP_CODE4 4   /**< multiplicative, polynomial of degree 6 inside, exponential outside (default) */
#define SBI_INTERP_CODE4P 40 /**< additive, polynomial of degree 6 inside, linear outside ("4p") */

/** What morph columns contain. */
#define SBI_MORPH_RATIO 0 /**< up / nominal and down / nominal, positive */
#define SBI_MORPH_LOG 1   /**< their natural logarithms */

/* ---- recording ------------------------------------------------------------------------------------------------- */

/** An empty tape. Since: 0.1 */
SBI_API sbi_status sbi_tape_create(sbi_tape **out, sbi_context *ctx);
/** Destroys a tape, after its workspaces; NULL is fine. Since: 0.1 */
SBI_API void sbi_tape_destroy(sbi_tape *tape);

/** The parameter `name`; the same node when asked again. Parameters are numbered in the order of their first mention.
 *  Since: 0.1 */
SBI_API sbi_var sbi_tape_param(sbi_tape *tape, const char *name);
/** A finite constant. Since: 0.1 */
SBI_API sbi_var sbi_tape_constant(sbi_tape *tape, double value);
/** A set of n >= 0 events; `name` is used in messages. Since: 0.1 */
SBI_API sbi_events sbi_tape_events(sbi_tape *tape, const char *name, int64_t n);
/** Events of a block: what evaluation reads at once, and the last dimension of a packed store. */
#define SBI_TAPE_BLOCK 2048

/** A column over an event set: one-dimensional, f16, f32, f64 or an integer type, any stride, or [blocks, SBI_TAPE_BLOCK] as a
 *  packed store has them, where what follows the last event is not looked at. The memory is borrowed until the tape is destroyed;
 *  if it is a mapped file, that the file keeps its length is the caller's business (SIGBUS otherwise). NaN and infinity are
 *  found here: SBI_ERR_VALUE with `name` and the row. Since: 0.1 */
SBI_API sbi_var sbi_tape_column(sbi_tape *tape, sbi_events events, const sbi_array *column, const char *name);

/** Columns that do not lie in memory but are read block by block, from a file or from anything that can produce them. */
typedef struct sbi_column_source {
    uint32_t struct_size;
    int32_t dtype;     /**< element type of all its columns: SBI_F16 ... */
    int64_t n_columns;
    void *self;        /**< given to each function */
    /** Fills out [n_columns][count], contiguous, with events [first, first + count); `first` is a multiple of SBI_TAPE_BLOCK and count
     *  at most that. Called by several threads at once. The same events must give the same values each time. A status other than
     *  SBI_OK ends the evaluation, which returns it. */
    sbi_status (*read)(void *self, int64_t first, int64_t count, void *out);
    /** Hint that these events are likely to be read next; returns at once. NULL: none. */
    void (*will_need)(void *self, int64_t first, int64_t count);
    /** Writes the name of a column for messages, terminated, into text [size]. NULL: the tape's words. */
    void (*name)(void *self, int64_t column, char *text, size_t size);
    /** Called once, when the tape is done with the source. NULL: nothing to do. */
    void (*destroy)(void *self);
} sbi_column_source;

#define SBI_COLUMN_SOURCE_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_column_source), 0, 0, NULL, NULL, NULL, NULL, NULL                                        \
    }

/** Fills in an empty source; the same as SBI_COLUMN_SOURCE_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_column_source_init(sbi_column_source *source);

/** A column that is read block by block; n_columns must be 1. It is read once here, so that NaN and infinity are found as in
 *  sbi_tape_column(), and once for each evaluation. An evaluation holds one block of it for each thread.
 *  @param source copied; the tape owns `self` from this call on, and destroys it also where the call fails.
 *  Results have the same bits as with the column in memory. Since: 0.1 */
SBI_API sbi_var sbi_tape_column_source(sbi_tape *tape, sbi_events events, const sbi_column_source *source, const char *name);

/* Elementary operations. Derivatives that do not exist at a point (sqrt at 0, log at 0) give SBI_ERR_DOMAIN on
 * evaluation, naming the node. All since 0.1. */
SBI_API sbi_var sbi_tape_add(sbi_tape *tape, sbi_var a, sbi_var b);
SBI_API sbi_var sbi_tape_sub(sbi_tape *tape, sbi_var a, sbi_var b);
SBI_API sbi_var sbi_tape_mul(sbi_tape *tape, sbi_var a, sbi_var b);
SBI_API sbi_var sbi_tape_div(sbi_tape *tape, sbi_var a, sbi_var b);
SBI_API sbi_var sbi_tape_pow(sbi_tape *tape, sbi_var a, sbi_var b); /**< a > 0, or b a constant integer */
SBI_API sbi_var sbi_tape_neg(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_square(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_exp(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_expm1(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_log(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_log1p(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_sqrt(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_tanh(sbi_tape *tape, sbi_var a);
SBI_API sbi_var sbi_tape_logistic(sbi_tape *tape, sbi_var a); /**< 1 / (1 + exp(-a)) */
SBI_API sbi_var sbi_tape_softplus(sbi_tape *tape, sbi_var a); /**< ln(1 + exp(a)) */
SBI_API sbi_var sbi_tape_lgamma(sbi_tape *tape, sbi_var a);   /**< ln Gamma(a), a > 0 */
SBI_API sbi_var sbi_tape_digamma(sbi_tape *tape, sbi_var a);  /**< its derivative, a > 0 */
SBI_API sbi_var sbi_tape_trigamma(sbi_tape *tape, sbi_var a); /**< its second derivative, a > 0 */

/* Terms of a negative log-likelihood, scalar or event-wise as their operands are. With `normalised` 0 without what does not depend on
 * the first operand (of Gaussian and log-normal terms: on the first two); 1: with it, so that exp(-term) is a probability (density) of
 * the observation. All since 0.1. */

/** The Poisson probability of n at mean lambda: lambda - n ln lambda [+ ln Gamma(n + 1)].
 *  @param n >= 0, any real number (SBI_ERR_DOMAIN otherwise); must not depend on a parameter (SBI_ERR_ARGUMENT). n = 0 gives lambda
 *  exactly, for lambda = 0 too, with derivatives 1 and 0. Elsewhere lambda <= 0 is outside the domain: the value of the tape is +inf and
 *  derivatives NaN, of events as for a logarithm. */
SBI_API sbi_var sbi_tape_poisson(sbi_tape *tape, sbi_var lambda, sbi_var n, int32_t normalised);
/** The normal density of x around `mean`: ((x - mean) / sigma)^2 / 2 [+ ln(sigma sqrt(2 pi))]. */
SBI_API sbi_var sbi_tape_gaussian(sbi_tape *tape, sbi_var x, sbi_var mean, sbi_var sigma, int32_t normalised);
/** The log-normal density of x > 0 around `median` > 0: (ln(x / median) / ln kappa)^2 / 2 [+ ln(x ln(kappa) sqrt(2 pi))]; kappa > 1. */
SBI_API sbi_var sbi_tape_lognormal(sbi_tape *tape, sbi_var x, sbi_var median, sbi_var kappa, int32_t normalised);

/* ---- functions of the caller's own ------------------------------------------------------------------------------ */

/** A function of n scalars with exact first and second derivatives, for sbi_tape_apply().
 *  @param x [n]. @param[out] value f(x). @param[out] gradient [n], or NULL if not wanted. @param[out] hessian [n, n], row-major;
 *  the upper triangle (a <= b) counts; or NULL if not wanted. With `hessian` always comes `gradient`.
 *  A value of +inf says that x is outside the function's domain: the whole tape is then +inf with derivatives NaN and status
 *  SBI_OK, so that a minimiser backs off; derivatives are not looked at. NaN, -inf and derivatives that are not finite give
 *  SBI_ERR_DOMAIN with the node, and the input by its parameters. Any status but SBI_OK ends the evaluation with it.
 *  Threads: called from any thread that evaluates the tape, from several at once; it must not block and must return the same
 *  bits for the same x. */
typedef sbi_status (*sbi_tape_function_fn)(const double *x, size_t n, double *value, double *gradient, double *hessian,
                                           void *user);
/** An event-wise function with its first and second derivative, for sbi_tape_map().
 *  @param x [n] finite arguments, of some events in ascending order. @param[out] f [n]. @param[out] f1 [n] f'(x), or NULL if not
 *  wanted. @param[out] f2 [n] f''(x), or NULL if not wanted. None of them overlap.
 *  f = +inf says that x is outside the domain: the event counts as bad like one whose logarithm does not exist. NaN, -inf and
 *  derivatives that are not finite give SBI_ERR_DOMAIN with node and event. Each element may depend on its own x alone.
 *  Events of weight zero are left out. Threads: called from all threads of the context at once; it must not block. */
typedef sbi_status (*sbi_tape_map_fn)(const double *x, size_t n, double *f, double *f1, double *f2, void *user);
/** Releases what `user` of a registered function points to. */
typedef void (*sbi_tape_release_fn)(void *user);

/** A function of scalars that the caller registers. */
typedef struct sbi_tape_function {
    uint32_t struct_size;
    int32_t reserved_;
    const char *name; /**< for messages and printing; copied */
    sbi_tape_function_fn evaluate;
    sbi_tape_release_fn destroy; /**< may be NULL */
    void *user;
} sbi_tape_function;

#define SBI_TAPE_FUNCTION_INIT                                                                                         \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_tape_function), 0, NULL, NULL, NULL, NULL                                                 \
    }

/** Fills in the defaults; the same values as SBI_TAPE_FUNCTION_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_tape_function_init(sbi_tape_function *function);

/** A function of one number, event by event, that the caller registers. */
typedef struct sbi_tape_map_function {
    uint32_t struct_size;
    int32_t reserved_;
    const char *name; /**< for messages and printing; copied */
    sbi_tape_map_fn evaluate;
    sbi_tape_release_fn destroy; /**< may be NULL */
    void *user;
} sbi_tape_map_function;

#define SBI_TAPE_MAP_FUNCTION_INIT                                                                                     \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_tape_map_function), 0, NULL, NULL, NULL, NULL                                             \
    }

/** Fills in the defaults; the same values as SBI_TAPE_MAP_FUNCTION_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_tape_map_function_init(sbi_tape_map_function *function);

/** f(x_1, ..., x_n), one scalar node with any number of operands: for instance a binned channel as a function of its yields.
 *  @param function copied. Its `user` belongs to the tape from this call on, whether recording succeeds or not: destroy(user) is
 *         called once, when the tape is destroyed or, after a failure, at the latest then. Who applies one `user` twice gives
 *         destroy to one call only.
 *  @param x n >= 1 scalar nodes; a node may appear more than once, and then counts once for each place.
 *  Cost beside the callback: O(n) for a gradient, O(n^2) for second derivatives of inputs that are parameters; no memory is
 *  asked for after the first evaluation of a kind. Since: 0.1 */
SBI_API sbi_var sbi_tape_apply(sbi_tape *tape, const sbi_tape_function *function, const sbi_var *x, size_t n);

/** f(x), event by event where x is event-wise, once where x is a scalar. `function` as for sbi_tape_apply(). Since: 0.1 */
SBI_API sbi_var sbi_tape_map(sbi_tape *tape, const sbi_tape_map_function *function, sbi_var x);

/* ---- interpolation, wide operations, reductions ------------------------------------------------------------------ */

/** Scalar interpolation of one systematic variation, for yields: f(alpha) with f(0) = 1, f(1) = up, f(-1) = down.
 *  up, down > 0 for the multiplicative codes. Equations: docs/interpolation.md; HistFactory,
 *  CERN-OPEN-2012-016, and pyhf's code 4. Since: 0.1 */
SBI_API sbi_var sbi_tape_interp(sbi_tape *tape, sbi_var alpha, double up, double down, int32_t code);

/** The product over k of per-event variations, one wide event-wise node: prod_k f(alpha_k; up_k,i, down_k,i).
 *  @param alphas n_alpha scalar nodes, each a distinct one.
 *  @param up, down n_alpha columns each over `events`; borrowed until the tape is destroyed. Positive and finite where
 *         `storage` is SBI_MORPH_RATIO, finite where it is SBI_MORPH_LOG; the first bad entry is named.
 *  @param code any of SBI_INTERP_CODE*. With the additive ones (0, 2, 4P) a factor may be negative. Where one is zero the value is
 *         right and derivatives are SBI_ERR_DOMAIN, which names event and parameter; second derivatives are refused where
 *         |f'/f| > 2^26, too. Events of weight zero are exempt. See docs/interpolation.md.
 *  Since: 0.1 */
SBI_API sbi_var sbi_tape_morph(sbi_tape *tape, sbi_events events, const sbi_var *alphas, size_t n_alpha,
                               const sbi_array *up, const sbi_array *down, int32_t code, int32_t storage);

/** The same product with 2 n_alpha columns that are read block by block, in the order up_0, down_0, up_1, ...: for a model larger than
 *  memory. `source` as in sbi_tape_column_source(); `name` begins messages. An evaluation holds one block of all columns for each thread:
 *  2 n_alpha SBI_TAPE_BLOCK elements. Since: 0.1 */
SBI_API sbi_var sbi_tape_morph_source(sbi_tape *tape, sbi_events events, const sbi_var *alphas, size_t n_alpha,
                                      const sbi_column_source *source, int32_t code, int32_t storage, const char *name);

/** A dot product of scalars with columns, one wide event-wise node: sum_k x_k c_k,i. As many terms as one likes cost one pass over
 *  the columns, and their part of a Hessian one matrix product.
 *  @param x n >= 1 scalar nodes, each a distinct one. @param columns n column nodes over one event set; a column may appear more
 *  than once. Since: 0.1 */
SBI_API sbi_var sbi_tape_dot(sbi_tape *tape, const sbi_var *x, const sbi_var *columns, size_t n);

/** Reductions over the events of x, scalars: sum_i x_i, and sum_i w_i x_i with a column w. An event with w_i = 0 does not
 *  contribute, whatever x_i is. Since: 0.1 */
SBI_API sbi_var sbi_tape_sum(sbi_tape *tape, sbi_var x);
SBI_API sbi_var sbi_tape_weighted_sum(sbi_tape *tape, sbi_var weights, sbi_var x);

/** The status and message of the first recording failure; SBI_OK if none. Since: 0.1 */
SBI_API sbi_status sbi_tape_status(const sbi_tape *tape);

/** Checks and compiles the tape for the scalar `output`. Afterwards nothing can be recorded; the tape is immutable and may be
 *  evaluated by many threads, each with its own workspace. Since: 0.1 */
SBI_API sbi_status sbi_tape_seal(sbi_tape *tape, sbi_var output);

/* ---- questions ------------------------------------------------------------------------------------------------- */

/** Number of parameters P. Since: 0.1 */
SBI_API size_t sbi_tape_n_params(const sbi_tape *tape);
/** Name of parameter `index`; NULL out of range. Owned by the tape. Since: 0.1 */
SBI_API const char *sbi_tape_param_name(const sbi_tape *tape, size_t index);
/** Index of a parameter, or SBI_ERR_NOT_FOUND. Since: 0.1 */
SBI_API sbi_status sbi_tape_param_index(const sbi_tape *tape, const char *name, size_t *index);

/* ---- evaluation ------------------------------------------------------------------------------------------------ */

/** A workspace: scratch memory for evaluation, O(threads x chunk). One thread at a time may use it; evaluation itself uses
 *  the context's threads. Since: 0.1 */
SBI_API sbi_status sbi_tape_work_create(sbi_tape_work **out, const sbi_tape *tape);

/** Arithmetic of an evaluation, whatever the columns are stored as.
 *
 *  Mixed: the factors of products of variations (sbi_tape_morph() of code 4) that are stored as logarithms, where |alpha| <= 1 and
 *  the logarithms of the leaf are within 0.347, are computed in single precision as power series in the logarithms: g - 1, g'/g and
 *  g''/g - (g'/g)^2 have relative errors of some 1e-7. Products over factors, sums over events and all else are in double precision, so
 *  that a product of a hundred factors of 10 % has a relative error of about 1e-8. Measured: docs/precision.md. */
#define SBI_PRECISION_DOUBLE 0
#define SBI_PRECISION_MIXED 1

typedef struct sbi_tape_work_options {
    uint32_t struct_size;
    int32_t precision; /**< SBI_PRECISION_DOUBLE or SBI_PRECISION_MIXED */
    const char *device;    /**< who evaluates the events: NULL or "cpu", or a plugin's device, "cuda" or "cuda:1"; only read while the
                                workspace is made. On a device cancelling acts between batches of up to a million events.
                                docs/devices.md */
    int64_t device_memory; /**< bytes of the device's memory that columns may take; what does not fit is copied there block by block in
                                each evaluation, with the same bits. 0: what is free */
} sbi_tape_work_options;

#define SBI_TAPE_WORK_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_tape_work_options), SBI_PRECISION_DOUBLE, NULL, 0                                         \
    }

/** Fills in the defaults; the same values as SBI_TAPE_WORK_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_tape_work_options_init(sbi_tape_work_options *options);
/** As sbi_tape_work_create(), with choices; options NULL: defaults. Errors: also SBI_ERR_NOT_FOUND (no such device, plugin or driver),
 *  SBI_ERR_ABI (a plugin of another release). Since: 0.1 */
SBI_API sbi_status sbi_tape_work_create_with(sbi_tape_work **out, const sbi_tape *tape, const sbi_tape_work_options *options);
SBI_API void sbi_tape_work_destroy(sbi_tape_work *work);

/** What the last evaluation of a workspace met. */
typedef struct sbi_tape_info {
    uint32_t struct_size;
    int32_t reserved_;
    int64_t bad_events;       /**< events with non-zero weight outside the domain of a logarithm or of a registered function */
    int64_t first_bad_event;  /**< index of the first such event in its event set, or -1 */
    double seconds;           /**< wall time */
} sbi_tape_info;

/** Value and, unless gradient is NULL, gradient in one pass.
 *  @param theta [P]. @param[out] value scalar. @param[out] gradient [P] or NULL.
 *  Where some event's logarithm has an argument <= 0 the value is +inf if that logarithm enters with negative sign as in a
 *  negative log-likelihood, the gradient is NaN, and the status is SBI_OK: the minimiser backs off. sbi_tape_last_info()
 *  counts such events. The same holds where a registered function's value is +inf. Errors: SBI_ERR_STATE (not sealed), SBI_ERR_DOMAIN, SBI_ERR_CANCELLED. Since: 0.1 */
SBI_API sbi_status sbi_tape_eval(sbi_tape_work *work, const double *theta, double *value, double *gradient);

/** H V for m vectors at once, without forming H: V and HV are [m, P], row-major, one vector a row. Since: 0.1 */
SBI_API sbi_status sbi_tape_hvp(sbi_tape_work *work, const double *theta, const double *V, size_t m, double *HV);

/** The exact Hessian [P, P]; value and gradient come along unless NULL. Symmetric to the bit. Since: 0.1 */
SBI_API sbi_status sbi_tape_hessian(sbi_tape_work *work, const double *theta, double *value, double *gradient,
                                    double *hessian);

/** Rows [first, first + count) of the Hessian, [count, P]: the same bits as in sbi_tape_hessian(). Since: 0.1 */
SBI_API sbi_status sbi_tape_hessian_rows(sbi_tape_work *work, const double *theta, size_t first, size_t count,
                                         double *rows);

/** Fills in the counters of the last evaluation; set info->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_tape_last_info(const sbi_tape_work *work, sbi_tape_info *info);

/** The tape as text, one node a line, for people who debug models; freed with sbi_tape_print_free(). Since: 0.1 */
SBI_API sbi_status sbi_tape_print(const sbi_tape *tape, char **text);
/** The tape as a graph in the language of Graphviz: `dot -Tsvg` draws it. Frames hold the scalars of a stage or what one pass does event
 *  by event; wide nodes say how many columns they have; the output of a sealed tape has a double outline. Names are escaped. Freed
 *  with sbi_tape_print_free(). Since: 0.1 */
SBI_API sbi_status sbi_tape_print_graph(const sbi_tape *tape, char **text);
/** Frees text returned by the library; NULL is fine. Since: 0.1 */
SBI_API void sbi_tape_print_free(const sbi_tape *tape, char *text);

SBI_END_DECLS
#endif
