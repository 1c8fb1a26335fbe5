/* SPDX-License-Identifier: Apache-2.0 */
/* The fit object, shared by the files of this room. */
#ifndef SBI_FIT_FIT_H
#define SBI_FIT_FIT_H

#include "fit/minimiser.h"

/* Distinct minima, the deepest first. */
typedef struct sbi_fit_minimum_list {
    size_t count, capacity;
    struct sbi_fit_kept_minimum {
        double *x; /* [n] */
        double f;
        int32_t reason, starts;
    } *list;
} sbi_fit_minimum_list;

struct sbi_fit {
    sbi_context *ctx;
    const sbi_model *model; /* NULL for an objective */
    sbi_fit_objective *objective;
    sbi_minimiser *minimiser;
    sbi_fit_point *best;
    sbi_fit_point *inner;      /* scratch of conditional fits */
    sbi_fit_point *other;      /* a second one */
    int32_t *fixed;            /* [n], scratch of conditional fits */
    double *covariance;        /* [n, n], meaningful if covariance_status is SBI_OK; NULL without matrices */
    sbi_status covariance_status;
    int32_t method;   /* as asked for, SBI_FIT_TRUNCATED_NEWTON where that was chosen */
    uint32_t flags;
    double tolerance, level;
    int64_t max_evaluations;
    sbi_fit_minimum_list minima; /* that the starts led to */
    int32_t starts, failed_starts;
    char message[512];
};

/* Defaults for what `given` leaves out, then checks. */
sbi_status sbi_fit_options_read(sbi_fit_options *options, const sbi_fit_options *given);

/* Configures the objective and fits it. Takes the objective, also on failure. */
sbi_status sbi_fit_run_owned(sbi_fit **out, sbi_fit_objective *objective, const sbi_model *model,
                             const sbi_fit_options *options);

/* What the options asked for. */
sbi_minimiser_settings sbi_fit_settings(const sbi_fit *fit);
/* Conditional fits: gradients only, from the best fit's curvature, and ten thousand times tighter than a plain fit, since
 * differences of F are wanted. */
sbi_minimiser_settings sbi_fit_inner_settings(const sbi_fit *fit);

/* starts.c: the fit from the start values and from others around them; fit->best is the deepest minimum. */
sbi_status sbi_fit_run_starts(sbi_fit *fit, const sbi_fit_options *options);
void sbi_fit_forget_minima(sbi_fit *fit);

/* Whether the fit works by products alone; then the points have no matrices. */
int sbi_fit_is_light(const sbi_fit *fit);
/* Gives such a fit what a Hessian needs. */
sbi_status sbi_fit_add_matrices(sbi_fit *fit);

/* Assesses the best point again, after its Hessian changed. */
sbi_status sbi_fit_reassess(sbi_fit *fit);
/* Recomputes covariance and covariance_status from the best point. */
sbi_status sbi_fit_update_covariance(sbi_fit *fit);
/* Writes the message that belongs to the reason. */
void sbi_fit_write_message(sbi_fit *fit);

/* Index of the parameter that a call names; NULL handles are found here too. */
sbi_status sbi_fit_find(const sbi_fit *fit, const char *name, const char *where, size_t *index);

/* SBI_ERR_STATE unless the fit converged. */
sbi_status sbi_fit_require_converged(const sbi_fit *fit, const char *where);

/* SBI_ERR_SINGULAR or SBI_ERR_STATE unless there is one. */
sbi_status sbi_fit_require_covariance(const sbi_fit *fit, const char *where);

/* Moves the other parameters to where the covariance expects them when parameter k is at `value`: x [n] from the best fit,
 * kept within the bounds. */
void sbi_fit_predict(const sbi_fit *fit, size_t k, double value, double *x);

/* Fits with parameter k held at point->x[k], the others starting from point->x and point->H (if its curvature is not NONE).
 * Falls back to exact Hessians where gradients alone do not get there. point->reason below 10 is success. */
sbi_status sbi_fit_conditional(sbi_fit *fit, size_t k, sbi_fit_point *point);

/* The same with several parameters held. */
sbi_status sbi_fit_conditional_on(sbi_fit *fit, const size_t *held, size_t n_held, sbi_fit_point *point);

/* Fits the parameters that `fixed` leaves, from point->x and point->H, to an EDM of `goal`; else as sbi_fit_conditional(). For
 * small changes of the objective. */
sbi_status sbi_fit_again(sbi_fit *fit, double goal, const int32_t *fixed, sbi_fit_point *point);

/* Fits everything from point->x with short first steps, so that the nearest minimum is found. */
sbi_status sbi_fit_local(sbi_fit *fit, sbi_fit_point *point);

#endif
