/* SPDX-License-Identifier: Apache-2.0 */
/* What is minimised: the functions of an sbi_objective with owned copies of its arrays, and counters. */
#ifndef SBI_FIT_OBJECTIVE_H
#define SBI_FIT_OBJECTIVE_H

#include "fit/constraint.h"
#include "sbi/fit.h"

/* A Hessian from hvp() is asked for in this many rows at once. */
#define SBI_FIT_UNIT_ROWS 64

typedef struct sbi_fit_objective {
    sbi_context *ctx;
    size_t n;
    sbi_objective f; /* only the functions and `user` are used */
    void (*release)(sbi_context *ctx, void *user);
    char **names;
    double *start, *lower, *upper; /* [n], -+INFINITY: none */
    double *center, *sigma;        /* [n], sigma 0: unconstrained */
    int32_t *kind;                 /* [n] of the constraint */
    size_t moved;                  /* this parameter's auxiliary observation is at `moved_to` in place of center; SIZE_MAX: none */
    double moved_to;
    int32_t *fixed;                /* [n] */
    double *scratch;               /* [n], a gradient that nobody asked for */
    double *unit;                  /* [SBI_FIT_UNIT_ROWS, n] unit vectors, once a Hessian has come from hvp() */
    int64_t values, gradients, hessians, infinite;
    int64_t products; /* Hessian times a vector, those that make up a Hessian left out */
    double seconds;
} sbi_fit_objective;

/* `release` (may be NULL) frees f.user when the objective is destroyed; also if this call fails. */
sbi_status sbi_fit_objective_create(sbi_fit_objective **out, sbi_context *ctx, const sbi_objective *objective,
                                    void (*release)(sbi_context *ctx, void *user));
void sbi_fit_objective_destroy(sbi_fit_objective *o);

/* Start values, bounds and fixed flags from options; then everything is checked. */
sbi_status sbi_fit_objective_configure(sbi_fit_objective *o, const sbi_fit_options *options);

sbi_status sbi_fit_objective_find(const sbi_fit_objective *o, const char *name, size_t *index, const char *where);

/* True if hessian() or hvp() is there. */
int sbi_fit_objective_has_hessian(const sbi_fit_objective *o);
/* True if there is only hvp(): the Hessian costs as much as n products. */
int sbi_fit_objective_products_only(const sbi_fit_objective *o);

/* The constraint of parameter k as it was given; kind NONE if there is none. */
sbi_constraint sbi_fit_objective_constraint(const sbi_fit_objective *o, size_t k);

/* F, and with g its gradient, and with H its Hessian. +inf stands for every point where F or a derivative that was asked
 * for is not finite. Checks for cancellation. SBI_ERR_DOMAIN is passed on: the caller moves off the bound. */
sbi_status sbi_fit_objective_eval(sbi_fit_objective *o, const double *x, double *f, double *g, double *H);

/* HV [m, n] = V [m, n] H at x, where F is known to exist; for objectives with hvp(). NaN in HV is passed on. */
sbi_status sbi_fit_objective_products(sbi_fit_objective *o, const double *x, const double *V, size_t m, double *HV);

/* Evaluations of all kinds, Hessian-vector products included: what max_evaluations limits. */
int64_t sbi_fit_objective_evaluations(const sbi_fit_objective *o);

#endif
