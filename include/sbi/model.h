/* SPDX-License-Identifier: Apache-2.0 */
/** @file model.h
 * The statistical model: unbinned and binned channels that share parameters, with systematic variations and constraints.
 *
 * For events i with weights w_i, processes p with density ratios r_p(x_i) = p_p(x_i) / p_ref(x_i), parameters theta:
 *
 *     nu_p(theta) = f_p(theta) nu_p0 prod_k G_pk(alpha_k)                          expected yield
 *     s_pi(theta) = r_pi prod_k g_pk,i(alpha_k) / Z_p(alpha)                       density ratio, varied
 *     NLL(theta)  = sum_channels [ sum_p nu_p - sum_i w_i ln sum_p nu_p s_pi ] + sum_k (alpha_k - a_k)^2 / (2 sigma_k^2)
 *
 * G and g interpolate between variations at alpha = -1, 0, +1 (code 4). f_p is any expression of parameters and may be
 * negative, as interference makes it. Z_p = sum_j v_j r_pj prod_k g_pk,j / sum_j v_j r_pj over the channel's integration
 * sample, where it has one, and 1 otherwise. Sources: arXiv 2412.01548 (unbinned, interference); CERN-OPEN-2012-016 (HistFactory).
 *
 * A binned channel (HistFactory) has samples s with nominal counts n_sb in bins b and observations N_b:
 *
 *     nu_sb = (n_sb + sum_k delta_k,sb(alpha_k)) prod_m f_m(theta) prod_g gamma_g,sb       histosys; normfactor, normsys, lumi;
 *                                                                                          staterror, shapesys, shapefactor
 *     NLL_c = sum_b [lambda_b - N_b ln lambda_b + ln Gamma(N_b + 1)],  lambda_b = sum_s nu_sb
 *
 * with code 4p for delta and code 4 for normsys, as pyhf has them. The NLL of a model with a binned channel has the constants of its
 * Poisson terms and of all constraints, so that for a workspace without unbinned channels it is pyhf's -logpdf; other models and
 * unbinned channels are without.
 *
 * A model is loaded from a workspace file (docs/workspace.md) or built call by call, then sealed; a sealed model is immutable
 * and may be shared between threads, each with its own sbi_model_work.
 */
#ifndef SBI_MODEL_H
#define SBI_MODEL_H

#include "tape.h"

SBI_BEGIN_DECLS

typedef struct sbi_model sbi_model;
typedef struct sbi_model_work sbi_model_work;

/** Constraint terms. */
#define SBI_CONSTRAINT_NONE 0
#define SBI_CONSTRAINT_GAUSSIAN 1 /**< (value - auxiliary)^2 / (2 sigma^2) [+ ln(sigma sqrt(2 pi))] */
/** m - n ln m [+ ln Gamma(n + 1)], the Poisson probability of a count n = auxiliary / sigma^2 whose mean is m = value / sigma^2.
 *  pyhf's factor tau is 1 / sigma^2 and its auxiliary datum n. */
#define SBI_CONSTRAINT_POISSON 2
/** (ln(value / auxiliary))^2 / (2 sigma^2) [+ ln(auxiliary sigma sqrt(2 pi))]: sigma is the standard deviation of the logarithm. */
#define SBI_CONSTRAINT_LOGNORMAL 3

typedef struct sbi_parameter {
    uint32_t struct_size;
    int32_t constraint; /**< SBI_CONSTRAINT_NONE ... */
    int32_t fixed;      /**< non-zero: fits keep it at `start` */
    int32_t reserved_;  /**< must be zero */
    double start;
    double lower; /**< bounds; -INFINITY and INFINITY where there are none */
    double upper;
    double auxiliary; /**< the auxiliary observation that the constraint is centred on */
    double sigma;     /**< its standard deviation at value 1 (Gaussian: at any), positive */
} sbi_parameter;

/** Fills in a nuisance parameter: Gaussian constraint of mean 0 and width 1, start 0, bounds -5 to 5. Since: 0.1 */
SBI_API void sbi_parameter_init(sbi_parameter *parameter);

/* ---- loading --------------------------------------------------------------------------------------------------- */

/** Loads and seals the workspace at `path`; column files are relative to it. They are read, never mapped: into memory as far as
 *  sbi_workspace_options.column_memory goes, the others block by block whenever the model is evaluated. A file that can no longer be
 *  read then, or has changed, gives SBI_ERR_IO with its name. Errors name the file, the JSON pointer and the value. Since: 0.1 */
SBI_API sbi_status sbi_model_load(sbi_model **out, sbi_context *ctx, const char *path);
/** The same for a workspace in memory; column files are relative to `folder`. Since: 0.1 */
SBI_API sbi_status sbi_model_load_text(sbi_model **out, sbi_context *ctx, const char *text, size_t size,
                                       const char *folder);

/** What to take from a workspace that holds more than one analysis. Strings are read during the call. */
typedef struct sbi_workspace_options {
    uint32_t struct_size;
    int32_t reserved_;       /**< must be zero */
    const char *measurement; /**< its name; NULL: the first of the list */
    const char *poi;         /**< the parameter of interest in place of the measurement's; "": none (background-only workspaces name one
                                  that they do not have); NULL: the measurement's */
    uint64_t column_memory;  /**< bytes of column files to hold in memory; files that no longer fit are streamed. SBI_COLUMN_MEMORY_DEFAULT:
                                  a quarter of what the process may use, at most half of what is free. Results have the same bits
                                  whatever it is. */
} sbi_workspace_options;

#define SBI_COLUMN_MEMORY_DEFAULT 18446744073709551615u

#define SBI_WORKSPACE_OPTIONS_INIT                                                                                     \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_workspace_options), 0, NULL, NULL, SBI_COLUMN_MEMORY_DEFAULT                              \
    }

/** Fills in the defaults; the same values as SBI_WORKSPACE_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_workspace_options_init(sbi_workspace_options *options);

/** As sbi_model_load() and sbi_model_load_text(), with choices; options NULL: defaults. A measurement that the workspace lacks is
 *  SBI_ERR_NOT_FOUND. Since: 0.1 */
SBI_API sbi_status sbi_model_load_with(sbi_model **out, sbi_context *ctx, const char *path,
                                       const sbi_workspace_options *options);
SBI_API sbi_status sbi_model_load_text_with(sbi_model **out, sbi_context *ctx, const char *text, size_t size,
                                            const char *folder, const sbi_workspace_options *options);

/* ---- packed stores --------------------------------------------------------------------------------------------- */

/** Stores logarithms where the elements are f16, and otherwise ratios if every column is one. */
#define SBI_PACK_STORAGE_DEFAULT (-1)

typedef struct sbi_pack_options {
    uint32_t struct_size;
    int32_t dtype;     /**< SBI_F16 (default), SBI_F32 or SBI_F64 */
    int32_t storage;   /**< SBI_MORPH_RATIO, SBI_MORPH_LOG or SBI_PACK_STORAGE_DEFAULT (default) */
    int32_t reserved_; /**< must be zero */
} sbi_pack_options;

#define SBI_PACK_OPTIONS_INIT                                                                                          \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_pack_options), SBI_F16, SBI_PACK_STORAGE_DEFAULT, 0                                       \
    }

/** Fills in the defaults; the same values as SBI_PACK_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_pack_options_init(sbi_pack_options *options);

/** Writes the workspace at `path` anew as `packed_path`, with the event variations of each channel in one file beside it
 *  (docs/workspace.md), which reads about as fast as memory and the disk allow. Everything else stays, and other columns are used where
 *  they are: named as before if both workspaces are in one folder, by absolute paths otherwise. f16 keeps 11 bits of each logarithm: a
 *  relative error of at most 4.9e-4 of ln(variation), or 3e-8 of the variation where |ln| < 6e-5. f32 and f64 in the storage that the
 *  columns have keep their bits, where that type holds them.
 *
 *  The data go through at most about 64 MB of memory. Nothing that exists is replaced (SBI_ERR_EXISTS), and where packing
 *  fails, by a full disk for instance (SBI_ERR_NO_SPACE), nothing is left behind. Values that are not finite, not positive as a ratio, or out
 *  of the range of the element type give SBI_ERR_VALUE with column and row. Runs on the context's threads. Since: 0.1 */
SBI_API sbi_status sbi_workspace_pack(sbi_context *ctx, const char *path, const char *packed_path,
                                      const sbi_pack_options *options);

/** Writes a packed store from arrays: a .npy of shape [blocks, n_samples, n_parameters, 2, SBI_TAPE_BLOCK].
 *  @param columns [n_samples, n_parameters, 2], hi and lo, each [n_events]; data NULL: no variation there.
 *  @param column_storage what they contain: SBI_MORPH_RATIO or SBI_MORPH_LOG.
 *  The file appears whole or not at all; an existing one is replaced. Errors as sbi_workspace_pack(). Since: 0.1 */
SBI_API sbi_status sbi_pack_columns(sbi_context *ctx, const char *path, int64_t n_events, size_t n_samples,
                                    size_t n_parameters, const sbi_array *columns, int32_t column_storage,
                                    const sbi_pack_options *options);

/* ---- building -------------------------------------------------------------------------------------------------- */

/** An empty model. Since: 0.1 */
SBI_API sbi_status sbi_model_create(sbi_model **out, sbi_context *ctx);
/** Destroys a model, after its workspaces; NULL is fine. Models that sbi_model_asimov() made of it stay valid: its memory goes
 *  when the last of them does. Since: 0.1 */
SBI_API void sbi_model_destroy(sbi_model *model);

/** Adds a parameter; parameters are numbered in the order of these calls. Every name used later must have been added. The
 *  name is an identifier that factor expressions can use (letters, digits, `_`, `.`, not starting with a digit), or any
 *  other text for parameters that no expression mentions. Since: 0.1 */
SBI_API sbi_status sbi_model_add_parameter(sbi_model *model, const char *name, const sbi_parameter *parameter);
/** Names the parameter of interest. Since: 0.1 */
SBI_API sbi_status sbi_model_set_poi(sbi_model *model, const char *name);

/** Weights below zero are refused unless the flag of their sample is given; what then happens: docs/model.md, "Signed weights". */
#define SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS 1             /**< weights of the events */
#define SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS 2 /**< weights of the integration sample */
/** The events are not data but a weighted sample of p_ref: sbi_model_asimov() may weight them where there is no integration
 *  sample. */
#define SBI_CHANNEL_REFERENCE 4

/** Adds an unbinned channel of n_events events.
 *  @param weights [n_events], borrowed until the model is destroyed, or NULL for ones.
 *  @param integration_weights [n_integration] weights v_j of the integration sample, or NULL: no normalisation Z_p. Only their
 *         proportions matter.
 *  @param flags SBI_CHANNEL_... or 0. @param[out] channel its number.
 *  Errors: SBI_ERR_VALUE with the row (NaN, infinity, a negative weight), SBI_ERR_SHAPE, SBI_ERR_EXISTS. Since: 0.1 */
SBI_API sbi_status sbi_model_add_channel(sbi_model *model, const char *name, int64_t n_events, const sbi_array *weights,
                                         const sbi_array *integration_weights, uint32_t flags, size_t *channel);
/** Adds a process to a channel.
 *  @param yield nu_p0, the expected number of events at f_p = 1. @param factor the expression f_p, NULL for 1.
 *  @param ratio [n_events] r_p, may be negative; borrowed until the model is destroyed.
 *  @param integration_ratio [n_integration], required exactly where the channel has an integration sample.
 *  @param[out] sample its number in the channel. Since: 0.1 */
SBI_API sbi_status sbi_model_add_sample(sbi_model *model, size_t channel, const char *name, double yield,
                                        const char *factor, const sbi_array *ratio, const sbi_array *integration_ratio,
                                        size_t *sample);
/** Multiplies the yield of a sample, binned or not, by a parameter ("normfactor" and "lumi" of HistFactory). Since: 0.1 */
SBI_API sbi_status sbi_model_add_normfactor(sbi_model *model, size_t channel, size_t sample, const char *parameter);
/** Adds the yield variation G_pk of a sample, binned or not: `high` and `low` times the nominal yield at alpha = +1 and -1, both
 *  positive. Since: 0.1 */
SBI_API sbi_status sbi_model_add_normsys(sbi_model *model, size_t channel, size_t sample, const char *parameter,
                                         double high, double low);
/** Adds the per-event variation g_pk: columns at alpha = +1 and -1 as ratios to nominal or their logarithms (`storage`:
 *  SBI_MORPH_RATIO or SBI_MORPH_LOG); borrowed until the model is destroyed. The integration columns are required exactly where the
 *  channel has an integration sample. Since: 0.1 */
SBI_API sbi_status sbi_model_add_eventsys(sbi_model *model, size_t channel, size_t sample, const char *parameter,
                                          const sbi_array *high, const sbi_array *low,
                                          const sbi_array *integration_high, const sbi_array *integration_low,
                                          int32_t storage);

/** Adds a binned channel.
 *  @param observed [n_bins] counts, not below zero, of any real value; copied. @param[out] channel its number, counted with the
 *         unbinned ones. Errors: SBI_ERR_VALUE with the bin, SBI_ERR_EXISTS. Since: 0.1 */
SBI_API sbi_status sbi_model_add_binned_channel(sbi_model *model, const char *name, size_t n_bins, const double *observed,
                                                size_t *channel);
/** Adds a sample to a binned channel.
 *  @param nominal [n_bins] expected counts, which may be negative; copied. @param[out] sample its number in the channel. Since: 0.1 */
SBI_API sbi_status sbi_model_add_binned_sample(sbi_model *model, size_t channel, const char *name, const double *nominal,
                                               size_t *sample);
/** Adds the additive variation of a binned sample ("histosys"): its counts at alpha = +1 and -1, by interpolation code 4p.
 *  @param high, low [n_bins], copied. Since: 0.1 */
SBI_API sbi_status sbi_model_add_histosys(sbi_model *model, size_t channel, size_t sample, const char *parameter,
                                          const double *high, const double *low);
/** Multiplies each bin of a binned sample by a parameter of its own ("staterror", "shapesys", "shapefactor"; they differ in the
 *  constraints of these parameters). Samples and channels may share them.
 *  @param parameters [n_bins] names. Since: 0.1 */
SBI_API sbi_status sbi_model_add_bin_factors(sbi_model *model, size_t channel, size_t sample, const char *const *parameters);

/** Records the likelihood on a tape and seals it. Where a per-event variation has no integration sample and moves the normalisation
 *  so much that the likelihood is unbounded (N Var(ln g) > 1), a warning names process and parameter. Since: 0.1 */
SBI_API sbi_status sbi_model_seal(sbi_model *model);

/* ---- questions ------------------------------------------------------------------------------------------------- */

SBI_API size_t sbi_model_n_parameters(const sbi_model *model);
/** NULL out of range. Owned by the model. Since: 0.1 */
SBI_API const char *sbi_model_parameter_name(const sbi_model *model, size_t index);
SBI_API sbi_status sbi_model_parameter_index(const sbi_model *model, const char *name, size_t *index);
/** Set parameter->struct_size first (sbi_parameter_init does). Since: 0.1 */
SBI_API sbi_status sbi_model_parameter(const sbi_model *model, size_t index, sbi_parameter *parameter);
/** Name of the parameter of interest, or NULL. Since: 0.1 */
SBI_API const char *sbi_model_poi(const sbi_model *model);
/** The start values of all parameters: theta [n_parameters]. Since: 0.1 */
SBI_API sbi_status sbi_model_start(const sbi_model *model, double *theta);
SBI_API size_t sbi_model_n_channels(const sbi_model *model);
/** NULL out of range. Since: 0.1 */
SBI_API const char *sbi_model_channel_name(const sbi_model *model, size_t channel);
SBI_API int64_t sbi_model_n_events(const sbi_model *model, size_t channel);
/** The sum of a channel's event weights, and the number of events of weight one that would be known as well:
 *  (sum w)^2 / sum w^2, 0 where all weights are zero. Of a binned channel: the sum of its observations, twice.
 *  Errors: SBI_ERR_ARGUMENT, SBI_ERR_IO where the weights are streamed and cannot be read. Since: 0.1 */
SBI_API sbi_status sbi_model_effective_events(const sbi_model *model, size_t channel, double *sum, double *effective);
/** Number of bins; 0 for an unbinned channel. Since: 0.1 */
SBI_API size_t sbi_model_n_bins(const sbi_model *model, size_t channel);
/** The counts of a binned channel: observed [n_bins]. Since: 0.1 */
SBI_API sbi_status sbi_model_observed(const sbi_model *model, size_t channel, double *observed);
/** Number of events that Asimov data of this channel have: of its integration sample, or its own with SBI_CHANNEL_REFERENCE; -1
 *  where it has neither. Since: 0.1 */
SBI_API int64_t sbi_model_n_asimov_events(const sbi_model *model, size_t channel);
SBI_API size_t sbi_model_n_samples(const sbi_model *model, size_t channel);
/** NULL out of range. Since: 0.1 */
SBI_API const char *sbi_model_sample_name(const sbi_model *model, size_t channel, size_t sample);
/** The context that the model was made from. Since: 0.1 */
SBI_API sbi_context *sbi_model_context(const sbi_model *model);
/** The sealed tape; its parameters are the model's, in the model's order. Borrowed. NULL before sbi_model_seal(). Since: 0.1 */
SBI_API const sbi_tape *sbi_model_tape(const sbi_model *model);

/* ---- evaluation: as sbi_tape_eval() and its neighbours, theta in the model's parameter order ------------------- */

SBI_API sbi_status sbi_model_work_create(sbi_model_work **out, const sbi_model *model);
/** With choices: the precision of the arithmetic, and a device; options NULL: defaults. Since: 0.1 */
SBI_API sbi_status sbi_model_work_create_with(sbi_model_work **out, const sbi_model *model,
                                              const sbi_tape_work_options *options);
SBI_API void sbi_model_work_destroy(sbi_model_work *work);
SBI_API sbi_status sbi_model_nll(sbi_model_work *work, const double *theta, double *value, double *gradient);
SBI_API sbi_status sbi_model_hvp(sbi_model_work *work, const double *theta, const double *V, size_t m, double *HV);
SBI_API sbi_status sbi_model_hessian(sbi_model_work *work, const double *theta, double *value, double *gradient,
                                     double *hessian);
SBI_API sbi_status sbi_model_hessian_rows(sbi_model_work *work, const double *theta, size_t first, size_t count,
                                          double *rows);
/** Counters of the last evaluation; set info->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_model_last_info(const sbi_model_work *work, sbi_tape_info *info);

/** Expected yields at theta of one channel: [n_samples], nu_p or, of a binned channel, sum_b nu_sb. Since: 0.1 */
SBI_API sbi_status sbi_model_yields(const sbi_model *model, size_t channel, const double *theta, double *yields);

/** Expected counts at theta of a sealed model's binned channel.
 *  @param[out] expected [n_bins] lambda_b, or NULL. @param[out] samples [n_samples, n_bins] nu_sb, or NULL. Since: 0.1 */
SBI_API sbi_status sbi_model_expected(const sbi_model *model, size_t channel, const double *theta, double *expected,
                                      double *samples);

/** The Asimov data of one unbinned channel at theta: weights of its integration sample (with SBI_CHANNEL_REFERENCE and no integration sample:
 *  of its own events),
 *
 *      w_j = v_j sum_p nu_p s_pj / sum_j v_j
 *
 *  so that sums over them are expectations, and their sum is the expected total yield as far as the mean of each r_p over the sample is
 *  one; a difference of more than a tenth of its square root is warned of, since it moves the best fit away from theta.
 *  @param[out] weights [sbi_model_n_asimov_events()]. Errors: SBI_ERR_STATE where the channel has no such sample, SBI_ERR_DOMAIN
 *  with the row where the expected density is not positive. Source: arXiv 1007.1727, section 3.2. Since: 0.1 */
SBI_API sbi_status sbi_model_asimov_weights(const sbi_model *model, size_t channel, const double *theta, double *weights);

/** The Asimov data set at theta as a sealed model: every unbinned channel's events are those of its Asimov sample with the weights of
 *  sbi_model_asimov_weights(), every binned channel observes what sbi_model_expected() gives, and the auxiliary observation of each constrained parameter is its value in theta. Parameters, start
 *  values, bounds, processes, variations and integration samples are those of `model`, whose columns it uses; it may outlive
 *  the handle `model`, not the memory that was lent to that. Its best fit is theta, within that warning.
 *  @param theta [n_parameters], finite. Errors: as sbi_model_asimov_weights(). Since: 0.1 */
SBI_API sbi_status sbi_model_asimov(sbi_model **out, const sbi_model *model, const double *theta);

/** Another ratio for a sample of an unbinned channel. */
typedef struct sbi_ratio_replacement {
    uint32_t struct_size; /**< sizeof(sbi_ratio_replacement) */
    int32_t reserved_;    /**< must be zero */
    size_t channel;
    size_t sample;                      /**< of the channel */
    const sbi_array *ratio;             /**< [n_events] */
    const sbi_array *integration_ratio; /**< [n_integration], exactly where the channel has an integration sample */
} sbi_ratio_replacement;

/** The same model with other ratios for some samples, sealed: one member of an ensemble in place of their mean, or all but one. All
 *  else is that of `model`, whose columns it uses; it may outlive the handle `model`, not the memory that was lent to that. The warnings that
 *  sealing `model` gave are not repeated.
 *  @param replacements [n]; the arrays' data are borrowed until `*out` is destroyed. Errors: as sbi_model_add_sample(), SBI_ERR_STATE
 *  where the model is not sealed. Since: 0.1 */
SBI_API sbi_status sbi_model_replace_ratios(sbi_model **out, const sbi_model *model, const sbi_ratio_replacement *replacements,
                                            size_t n);

SBI_END_DECLS
#endif
