/* SPDX-License-Identifier: Apache-2.0 */
/** @file interval.h
 * Confidence sets in one parameter that may consist of several intervals, and contours of two, of the profile likelihood.
 *
 *     t(x) = [min over the others of F(x, others) - F_min] / error_level          delta T where error_level is 1/2
 *     set = { x : t(x) <= delta_t }        contour = boundary of { (x, y) : t(x, y) <= delta_t }
 *
 * delta_t comes from a confidence level by the chi-square distribution of one or two degrees of freedom (Wilks) or is given. Where the
 * likelihood has several minima, as interference gives, a set is several intervals and a contour several closed curves. F_min is the
 * deepest value met: that of the fit, or of a deeper minimum found on the way, which the results tell.
 *
 * Results are handles of their own: they need the fit no more once they are made. Making one needs the fit to itself.
 */
#ifndef SBI_INTERVAL_H
#define SBI_INTERVAL_H

#include <math.h>

#include "fit.h"

SBI_BEGIN_DECLS

/** What an end of an interval or a point of a contour is. */
#define SBI_END_CROSSING 1 /**< t crosses delta_t there */
#define SBI_END_LIMIT 2    /**< the parameter's limit, or the edge of where F exists, comes first */
#define SBI_END_OF_RANGE 3 /**< the range that was looked at ends inside the set */

/* ---- one parameter -------------------------------------------------------------------------------------------------- */

typedef struct sbi_confidence_set sbi_confidence_set;

typedef struct sbi_confidence_set_options {
    uint32_t struct_size; /**< sizeof(sbi_confidence_set_options) */
    int32_t n_grid;       /**< points of the profile over the range, at least 3; 41 by default */
    double cl;            /**< confidence level within (0, 1), NaN: delta_t is used; 0.6826894921 by default */
    double delta_t;       /**< > 0, where cl is NaN */
    double low, high;     /**< range; NaN: far enough around all minima that the fit knows, within the bounds */
} sbi_confidence_set_options;

#define SBI_CONFIDENCE_SET_OPTIONS_INIT                                                                                \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_confidence_set_options), 41, 0.68268949213708585, 1.0, (double)NAN, (double)NAN           \
    }

/** Fills in the defaults; the same values as SBI_CONFIDENCE_SET_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_confidence_set_options_init(sbi_confidence_set_options *options);

/** One interval of a set. */
typedef struct sbi_confidence_interval {
    uint32_t struct_size; /**< sizeof(sbi_confidence_interval), set by the caller */
    int32_t kind[2];      /**< SBI_END_... of the lower and the upper end */
    int32_t reserved_;
    double end[2];        /**< lower < upper */
    double t[2];          /**< t at the ends: delta_t to 2e-5 of it at a crossing, less at other ends */
    double deepest;       /**< where F was lowest among the points looked at inside */
    double deepest_t;     /**< t there */
} sbi_confidence_interval;

/** What is known of a set. */
typedef struct sbi_confidence_set_info {
    uint32_t struct_size; /**< sizeof(sbi_confidence_set_info), set by the caller */
    int32_t n_intervals;
    int32_t n_failed;     /**< points of the grid where the conditional fit did not converge: their neighbourhood is not known */
    int32_t deeper;       /**< 1: a minimum deeper than the fit's was found, and t counts from there */
    double delta_t;
    double nll_min;       /**< F_min */
    double low, high;     /**< range that was looked at */
    double spacing;       /**< widest step of the grid: an interval or a gap that is narrower may have been missed, unless the
                               slopes of the profile betray it */
} sbi_confidence_set_info;

/** Finds all crossings of the profile with a level over a range: on a grid, where neighbours differ or the slopes at
 *  both tell of a dip or a bump between them, then by Newton on the profile's derivative, which is F's own partial derivative.
 *  @param[out] out free with sbi_confidence_set_destroy(); NULL on failure. @param name neither fixed nor without range.
 *  @param options NULL for defaults.
 *  Errors: SBI_ERR_NOT_FOUND, SBI_ERR_ARGUMENT (options), SBI_ERR_STATE (fixed, or a fit that has not converged), SBI_ERR_ABI,
 *  SBI_ERR_NO_MEMORY, SBI_ERR_CANCELLED. Since: 0.1 */
SBI_API sbi_status sbi_confidence_set_find(sbi_confidence_set **out, sbi_fit *fit, const char *name,
                                           const sbi_confidence_set_options *options);
/** NULL is fine. Since: 0.1 */
SBI_API void sbi_confidence_set_destroy(sbi_confidence_set *set);
/** Number of intervals; 0 for NULL. Since: 0.1 */
SBI_API size_t sbi_confidence_set_n_intervals(const sbi_confidence_set *set);
/** Interval `index`, ascending. @param[out] interval set interval->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_confidence_set_interval(const sbi_confidence_set *set, size_t index, sbi_confidence_interval *interval);
/** Set info->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_confidence_set_get_info(const sbi_confidence_set *set, sbi_confidence_set_info *info);
/** The set in one line, with what a reader must know of it: ends that are no crossings, what the grid may have missed, conditional
 *  fits that failed, a deeper minimum. Owned by the set; "" for NULL. Since: 0.1 */
SBI_API const char *sbi_confidence_set_message(const sbi_confidence_set *set);

/* ---- two parameters ------------------------------------------------------------------------------------------------- */

typedef struct sbi_contour sbi_contour;

/** Flags. */
#define SBI_CONTOUR_SCAN 1u /**< evaluate the whole lattice, for curves around no minimum that is known; n_grid^2 conditional fits */

typedef struct sbi_contour_options {
    uint32_t struct_size; /**< sizeof(sbi_contour_options) */
    int32_t n_grid;       /**< cells across each part of the contour, at least 4: about three times as many points; 16 by default */
    uint32_t flags;       /**< SBI_CONTOUR_SCAN */
    int32_t reserved_;    /**< zero */
    double cl;            /**< confidence level for two degrees of freedom, NaN: delta_t is used; 0.6826894921 by default */
    double delta_t;       /**< > 0, where cl is NaN: 1 is the ellipse of the errors, 2.30 is 68 % */
    double low[2], high[2]; /**< ranges of the two; NaN: far enough, within the bounds */
} sbi_contour_options;

#define SBI_CONTOUR_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        (uint32_t)sizeof(sbi_contour_options), 16, 0, 0, 0.68268949213708585, 1.0, {(double)NAN, (double)NAN},         \
        {                                                                                                              \
            (double)NAN, (double)NAN                                                                                   \
        }                                                                                                              \
    }

/** Fills in the defaults; the same values as SBI_CONTOUR_OPTIONS_INIT. For bindings. Since: 0.1 */
SBI_API void sbi_contour_options_init(sbi_contour_options *options);

/** What is known of a contour. */
typedef struct sbi_contour_info {
    uint32_t struct_size; /**< sizeof(sbi_contour_info), set by the caller */
    int32_t n_curves;
    int32_t n_failed;     /**< conditional fits that did not converge */
    int32_t deeper;       /**< 1: a minimum deeper than the fit's was found, and t counts from there */
    double delta_t;
    double nll_min;       /**< F_min */
    int64_t evaluations;  /**< of value, gradient, Hessian and products */
} sbi_contour_info;

/** The contour of two parameters at one level, as closed curves.
 *  The box that holds it is exactly that of the confidence sets of each parameter at the same delta_t. Curves are followed from cell to
 *  cell of a lattice in that box, around every minimum that is known: of the fit, of its starts, and of both profiles. Where a
 *  bound cuts the region the curve goes along it.
 *  @param[out] out free with sbi_contour_destroy(); NULL on failure. @param x, y two different parameters, not fixed.
 *  @param options NULL for defaults. Errors as sbi_confidence_set_find(). Since: 0.1 */
SBI_API sbi_status sbi_contour_find(sbi_contour **out, sbi_fit *fit, const char *x, const char *y,
                                    const sbi_contour_options *options);
/** NULL is fine. Since: 0.1 */
SBI_API void sbi_contour_destroy(sbi_contour *contour);
/** Number of closed curves; 0 for NULL. Since: 0.1 */
SBI_API size_t sbi_contour_n_curves(const sbi_contour *contour);
/** Number of points of a curve; 0 out of range. Since: 0.1 */
SBI_API size_t sbi_contour_n_points(const sbi_contour *contour, size_t curve);
/** The points of a curve in order, the region on their left: counter-clockwise around it, clockwise around a hole. The last one
 *  connects to the first, which is not repeated.
 *  @param[out] x, y [n_points]. @param[out] kind [n_points] or NULL: SBI_END_CROSSING where t = delta_t to 2e-5 of it. Since: 0.1 */
SBI_API sbi_status sbi_contour_points(const sbi_contour *contour, size_t curve, double *x, double *y, int32_t *kind);
/** Set info->struct_size first. Since: 0.1 */
SBI_API sbi_status sbi_contour_get_info(const sbi_contour *contour, sbi_contour_info *info);

SBI_END_DECLS
#endif
