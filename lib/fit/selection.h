/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters chosen by name or pattern. */
#ifndef SBI_FIT_SELECTION_H
#define SBI_FIT_SELECTION_H

#include "fit/fit.h"

/* `*`: any characters, `?`: one; everything else for itself. */
int sbi_pattern_matches(const char *pattern, const char *name);

/* The checks that come before impacts and breakdowns: a converged fit with a covariance, and a parameter that is free in it. */
sbi_status sbi_fit_find_interest(const sbi_fit *fit, const char *poi, const char *where, size_t *index);

/* Sets chosen[k] = mark for the parameters that a pattern matches and that are not fixed, but not for parameter `poi`. A pattern that matches
 * nothing, or names a fixed parameter or `poi`, is an error. `chosen` [P] may hold marks of others: SBI_ERR_EXISTS where one would be replaced
 * by a different one. */
sbi_status sbi_fit_choose(const sbi_fit *fit, const char *pattern, size_t poi, const char *where, size_t mark, size_t *chosen);
#define SBI_NOT_CHOSEN SIZE_MAX

#endif
