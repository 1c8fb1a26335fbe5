/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of other data sets of the same parameters: what a fit held, freed and bounded, the next one does, too. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/statistic.h"

sbi_status sbi_fit_run_like(sbi_fit **out, const sbi_fit *fit, const sbi_model *model, const double *start)
{
    const sbi_fit_objective *of = fit->objective;
    const size_t n = of->n;
    sbi_fit_options o = SBI_FIT_OPTIONS_INIT;
    *out = NULL;
    const char **fixed = sbi_alloc_array(fit->ctx, 2 * n, sizeof *fixed), **freed = fixed ? fixed + n : NULL;
    if (!fixed) return SBI_ERR_NO_MEMORY;
    for (size_t k = 0; k < n; k++) {
        if (of->fixed[k]) fixed[o.n_fixed++] = of->names[k];
        else freed[o.n_free++] = of->names[k];
    }
    o.method = fit->method;
    o.flags = fit->flags;
    o.tolerance = fit->tolerance;
    o.error_level = fit->level;
    o.max_evaluations = fit->max_evaluations;
    o.n_start = o.n_bounds = n;
    o.start_names = o.bound_names = (const char *const *)of->names;
    o.start_values = start;
    o.bound_lower = of->lower;
    o.bound_upper = of->upper;
    o.fixed_names = fixed;
    o.free_names = freed;
    sbi_status status = sbi_fit_run(out, model, &o);
    sbi_free(fit->ctx, fixed);
    return status;
}
