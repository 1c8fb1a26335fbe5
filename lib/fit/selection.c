/* SPDX-License-Identifier: Apache-2.0 */
#include "fit/selection.h"

#include <string.h>

#include "base/error.h"

/* On a mismatch the last star takes one character more; earlier stars need not be tried again. */
int sbi_pattern_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *resume = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return 0;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

sbi_status sbi_fit_find_interest(const sbi_fit *fit, const char *poi, const char *where, size_t *index)
{
    SBI_TRY(sbi_fit_find(fit, poi, where, index));
    SBI_TRY(sbi_fit_require_converged(fit, where));
    SBI_TRY(sbi_fit_require_covariance(fit, where));
    if (fit->best->state[*index] == SBI_FIT_FREE) return SBI_OK;
    return sbi_fail(SBI_ERR_STATE, "%s: %s is %s: it has no uncertainty", where, poi,
                    fit->best->state[*index] == SBI_FIT_FIXED ? "fixed" : "at its limit");
}

/* A parameter that the pattern names and that cannot be moved; through a wildcard it is left out. */
static sbi_status refuse(const sbi_fit *fit, size_t k, size_t poi, int wildcard, const char *where)
{
    if (wildcard) return SBI_OK;
    if (k == poi) return sbi_fail(SBI_ERR_ARGUMENT, "%s: %s is the parameter of interest", where, fit->objective->names[k]);
    return sbi_fail(SBI_ERR_STATE, "%s: %s is fixed", where, fit->objective->names[k]);
}

sbi_status sbi_fit_choose(const sbi_fit *fit, const char *pattern, size_t poi, const char *where, size_t mark, size_t *chosen)
{
    SBI_REQUIRE(pattern && *pattern, "%s: a pattern is NULL or empty", where);
    const sbi_fit_objective *o = fit->objective;
    const int wildcard = strpbrk(pattern, "*?") != NULL;
    size_t matches = 0;
    for (size_t k = 0; k < o->n; k++) {
        if (!sbi_pattern_matches(pattern, o->names[k])) continue;
        if (k == poi || fit->best->state[k] == SBI_FIT_FIXED) {
            SBI_TRY(refuse(fit, k, poi, wildcard, where));
            continue;
        }
        matches++;
        if (chosen[k] != SBI_NOT_CHOSEN && chosen[k] != mark)
            return sbi_fail(SBI_ERR_EXISTS, "%s: '%s' matches %s, which another group has", where, pattern, o->names[k]);
        chosen[k] = mark;
    }
    if (matches) return SBI_OK;
    return sbi_fail(SBI_ERR_NOT_FOUND, "%s: '%s' matches no free parameter beside the parameter of interest", where, pattern);
}
