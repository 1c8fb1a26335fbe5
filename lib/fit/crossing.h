/* SPDX-License-Identifier: Apache-2.0 */
/* Conditional fits along a line, and where their F crosses a level: for confidence sets and contours. */
#ifndef SBI_FIT_CROSSING_H
#define SBI_FIT_CROSSING_H

#include "fit/fit.h"
#include "sbi/interval.h"

#define SBI_CROSSING_TOLERANCE 2e-5 /* of the rise */

/* A profile over one or two parameters, the held ones. fit->inner holds the result of the last probe. */
typedef struct sbi_profile_line {
    sbi_fit *fit;
    size_t held[2], n_held;
    double level; /* F_min + rise */
    double rise;
} sbi_profile_line;

/* A point of it. */
typedef struct sbi_profile_node {
    double at[2];    /* the held parameters */
    double height;   /* F - level; +inf where F does not exist, NaN where the conditional fit failed */
    double slope[2]; /* along the held parameters; NaN where it does not exist */
} sbi_profile_node;

/* The conditional fit at `at`, the others from `start` [n] (NULL: where they are). */
sbi_status sbi_profile_probe(sbi_profile_line *line, const double *at, const double *start, sbi_profile_node *out);

/* Between `inside` (height <= 0) and `outside`, which differ in held parameter `axis`: where the height is 0 to the tolerance, or the
 * edge of where F exists (*kind SBI_END_LIMIT). `start` as above, belonging to `inside`. */
sbi_status sbi_profile_crossing(sbi_profile_line *line, size_t axis, const sbi_profile_node *inside,
                                const sbi_profile_node *outside, const double *start, sbi_profile_node *out, int32_t *kind);

/* delta_t of options: from cl by the chi-square distribution of `dof` = 1 or 2, else as given; checked. */
sbi_status sbi_delta_t(double cl, double delta_t, int dof, const char *where, double *out);

/* A range for parameter k that holds what rises by less than `rise` around each known minimum, as far as it can be told before
 * looking; given ends are kept. Checked against the bounds. */
sbi_status sbi_profile_range(sbi_fit *fit, size_t k, double rise, const char *where, double *from, double *to);

/* Parameters of the points inside a set that are minima along its profile. */
typedef struct sbi_confidence_seeds {
    double *params; /* [count, n] */
    size_t count;
} sbi_confidence_seeds;

/* confidence_set.c: the set over a range. nll_min: a deeper F than the fit's if one is known, else NaN. others: NULL, or points whose
 * branches of the profile are followed beside those of the fit's minima. seeds: NULL, or zeros on entry; seeds->params is freed by
 * the caller. */
sbi_status sbi_confidence_set_seek(sbi_confidence_set **out, sbi_fit *fit, size_t k, double delta_t, double from, double to,
                                   size_t n_grid, double nll_min, const sbi_confidence_seeds *others, sbi_confidence_seeds *seeds);

#endif
