/* SPDX-License-Identifier: Apache-2.0 */
/* Trust-region minimisation of an objective within bounds, with exact or updated Hessians. */
#ifndef SBI_FIT_MINIMISER_H
#define SBI_FIT_MINIMISER_H

#include "fit/bounds.h"
#include "fit/objective.h"

/* A point and what is known of F there. All arrays over all parameters. */
typedef struct sbi_fit_point {
    size_t n;
    double *x, *g; /* [n] */
    double *H;     /* [n, n]; NULL in a light point */
    double *scale; /* [n] one conditional standard deviation, or a guess */
    double *least; /* [n] direction of least curvature, unit length in units of scale */
    int32_t *state;
    double f;
    double edm;           /* NaN where the Hessian is not positive definite */
    double gradient_norm; /* largest |g_k| scale_k over the free */
    double smallest, largest; /* eigenvalues over the free, in units of scale; NaN without Hessian */
    int32_t curvature;    /* what H is: */
#define SBI_CURVATURE_NONE 0
#define SBI_CURVATURE_GUESS 1 /* updated from gradients, or another point's */
#define SBI_CURVATURE_EXACT 2 /* the Hessian here (differences of the gradient where F has no Hessian) */
    int32_t reason;
    int64_t iterations;
} sbi_fit_point;

sbi_status sbi_fit_point_create(sbi_fit_point **out, sbi_context *ctx, size_t n);
/* Without a matrix: for truncated Newton. */
sbi_status sbi_fit_point_create_light(sbi_fit_point **out, sbi_context *ctx, size_t n);
sbi_status sbi_fit_point_add_matrix(sbi_fit_point *p, sbi_context *ctx);
void sbi_fit_point_destroy(sbi_fit_point *p, sbi_context *ctx);
void sbi_fit_point_copy(sbi_fit_point *to, const sbi_fit_point *from);

typedef struct sbi_minimiser_settings {
    int32_t method;       /* SBI_FIT_NEWTON: with Hessians, SBI_FIT_QUASI_NEWTON, SBI_FIT_TRUNCATED_NEWTON */
    int32_t need_hessian; /* exact curvature at the end */
    int32_t polish;       /* at most this many steps beyond the goal */
    int32_t reserved_;
    double level;     /* error_level */
    double goal;      /* EDM to reach */
    double fine_goal; /* EDM at which polishing ends */
    double radius;    /* first trust radius, in units of scale */
    int64_t max_evaluations;
} sbi_minimiser_settings;

/* Scratch memory for problems of one size. */
typedef struct sbi_minimiser {
    sbi_context *ctx;
    sbi_fit_objective *objective;
    sbi_fit_point *trial;
    sbi_spectrum spectrum;
    double *lower, *upper; /* working bounds */
    double *step, *real;   /* [n], [8 n] */
    size_t *list;
    int32_t *fixed, *set;
    double *products; /* scratch of truncated Newton, made when it is first used */
} sbi_minimiser;

/* Without matrices (truncated Newton only), and with them. */
sbi_status sbi_minimiser_create_light(sbi_minimiser **out, sbi_fit_objective *objective);
sbi_status sbi_minimiser_add_matrices(sbi_minimiser *w);
sbi_status sbi_minimiser_create(sbi_minimiser **out, sbi_fit_objective *objective);
void sbi_minimiser_destroy(sbi_minimiser *w);

/* Minimises from point->x over the parameters that `fixed` [n] leaves, within the objective's bounds. With the
 * quasi-Newton method, point->H is the first guess if point->curvature is not NONE. Where F is not finite at the start:
 * point->f = +inf, reason NO_PROGRESS, SBI_OK. */
sbi_status sbi_minimise(sbi_minimiser *w, const sbi_minimiser_settings *settings, const int32_t *fixed,
                        sbi_fit_point *point);

/* Fills scale, state, edm, smallest, largest, least, gradient_norm of a point from its x, g, H; s holds the decomposition over
 * the free parameters afterwards. */
sbi_status sbi_fit_assess(sbi_minimiser *w, double level, sbi_fit_point *point);

/* truncated_newton.c: minimises from an evaluated point by Hessian-vector products alone; point->H is not touched. */
sbi_status sbi_minimise_by_products(sbi_minimiser *w, const sbi_minimiser_settings *settings, sbi_fit_point *point);

/* edge.c: sbi_fit_objective_eval() where F may have no derivative on a bound: x and the working bound move inwards then. */
sbi_status sbi_fit_evaluate(sbi_minimiser *w, double *x, double *f, double *g, double *H);
int sbi_fit_on_falling_edge(const sbi_minimiser *w, const sbi_fit_point *p);
/* Moves the point off such an edge to where F is lower, and evaluates it there (H may be NULL); p->f = +inf if there is no such place.
 * Uses w->real [n]. */
sbi_status sbi_fit_step_inside(sbi_minimiser *w, sbi_fit_point *p, double *H);

/* The change of F from p to t over the step. Where F's own difference drowns in rounding, the mean slope tells it. */
double sbi_fit_actual_change(const sbi_fit_point *p, const sbi_fit_point *t, const double *step, int has_gradient);
/* F fell without end, or a parameter went away. */
int sbi_fit_ran_away(const sbi_minimiser *w, double start_value, const sbi_fit_point *p);
/* A Newton step that leaves the estimated distance where it was (`before`, NaN: unknown) says that F is no parabola here, as beside
 * the edge of a square root, where the curvature is so large that the estimate is small anywhere. Unless both are rounding.
 * *crept counts. */
int sbi_fit_creeps(const sbi_minimiser_settings *set, const sbi_fit_point *p, double before, int *crept);
/* What a stationary point is called. */
int32_t sbi_fit_settled(const sbi_fit_point *p);

/* quasi_newton.c: the symmetric rank-one update of H so that H s = y, left out where it would be ill-defined. scale [n]
 * sets the units in which that is judged; r is scratch [n]. */
void sbi_fit_rank_one_update(size_t n, double *H, const double *s, const double *y, const double *scale, double *r);

/* quasi_newton.c: a Hessian from differences of the gradient at point, over the parameters that are not fixed; `central` for
 * both sides. Sets point->H, and point->curvature: GUESS for one side; for both EXACT, or NONE if F does not exist around
 * the point in some direction. */
sbi_status sbi_fit_difference_hessian(sbi_minimiser *w, double level, int central, sbi_fit_point *point);

/* A length for parameter k that does not need a Hessian. */
double sbi_fit_guess_scale(const sbi_fit_objective *o, size_t k, double x);

#endif
