/* SPDX-License-Identifier: Apache-2.0 */
/* Running a fit, and the object that holds its result. */
#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/options.h"

void sbi_fit_options_init(sbi_fit_options *options)
{
    if (!options) return;
    sbi_fit_options defaults = SBI_FIT_OPTIONS_INIT;
    *options = defaults;
}

sbi_status sbi_fit_options_read(sbi_fit_options *o, const sbi_fit_options *given)
{
    sbi_fit_options_init(o);
    SBI_TRY(sbi_options_read(o, sizeof *o, sizeof *o, given, "sbi_fit_options"));
    SBI_REQUIRE(o->method >= SBI_FIT_NEWTON && o->method <= SBI_FIT_FULL_NEWTON, "sbi_fit_options: method is %d",
                (int)o->method);
    SBI_REQUIRE(!(o->flags & ~(SBI_FIT_NO_HESSIAN | SBI_FIT_NO_POLISH | SBI_FIT_MIXED)), "sbi_fit_options: flags are 0x%x",
                (unsigned)o->flags);
    SBI_REQUIRE(o->n_starts >= 1 && o->n_starts <= 100000, "sbi_fit_options: n_starts is %d", (int)o->n_starts);
    SBI_REQUIRE(o->tolerance > 0 && isfinite(o->tolerance), "sbi_fit_options: tolerance is %g", o->tolerance);
    SBI_REQUIRE(o->error_level > 0 && isfinite(o->error_level), "sbi_fit_options: error_level is %g", o->error_level);
    SBI_REQUIRE(o->max_evaluations >= 0, "sbi_fit_options: max_evaluations is %lld", (long long)o->max_evaluations);
    return SBI_OK;
}

sbi_minimiser_settings sbi_fit_settings(const sbi_fit *fit)
{
    sbi_minimiser_settings s = {0};
    s.method = fit->method == SBI_FIT_FULL_NEWTON ? SBI_FIT_NEWTON : fit->method;
    s.need_hessian = !(fit->flags & SBI_FIT_NO_HESSIAN);
    s.polish = fit->flags & (SBI_FIT_NO_POLISH | SBI_FIT_MIXED) ? 0 : 2; /* below what single precision resolves */
    s.level = fit->level;
    s.goal = 0.002 * fit->tolerance * fit->level;
    s.fine_goal = 1e-9 * fit->level;
    s.radius = 10;
    s.max_evaluations = fit->max_evaluations;
    return s;
}

static sbi_status create(sbi_fit **out, sbi_fit_objective *objective, const sbi_model *model,
                         const sbi_fit_options *options)
{
    sbi_context *ctx = objective->ctx;
    size_t n = objective->n;
    sbi_fit *fit = sbi_alloc_zero(ctx, 1, sizeof *fit);
    if (!fit) {
        sbi_fit_objective_destroy(objective);
        return SBI_ERR_NO_MEMORY;
    }
    fit->ctx = ctx;
    fit->model = model;
    fit->objective = objective;
    fit->method = options->method;
    fit->flags = options->flags;
    fit->tolerance = options->tolerance;
    fit->level = options->error_level;
    int64_t p = (int64_t)n;
    fit->max_evaluations = options->max_evaluations;
    /* A product is an evaluation too, and there are some tens of them a step. */
    if (!fit->max_evaluations) fit->max_evaluations = (200 + 100 * p) * (objective->f.hvp ? 10 : 1) + 5 * p * p;
    if (fit->method == SBI_FIT_NEWTON && n > SBI_FIT_TRUNCATED_ABOVE && objective->f.hvp)
        fit->method = SBI_FIT_TRUNCATED_NEWTON;
    fit->covariance_status = SBI_ERR_STATE;
    fit->fixed = sbi_alloc_zero(ctx, n, sizeof *fit->fixed);
    sbi_status status = fit->fixed ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK && sbi_fit_is_light(fit) && !objective->f.hvp)
        status = sbi_fail(SBI_ERR_ARGUMENT, "sbi_fit_options: method is SBI_FIT_TRUNCATED_NEWTON, but the objective has no hvp()");
    if (status == SBI_OK) status = sbi_minimiser_create_light(&fit->minimiser, objective);
    if (status == SBI_OK) status = sbi_fit_point_create_light(&fit->best, ctx, n);
    if (status == SBI_OK) status = sbi_fit_point_create_light(&fit->inner, ctx, n);
    if (status == SBI_OK) status = sbi_fit_point_create_light(&fit->other, ctx, n);
    if (status == SBI_OK && !sbi_fit_is_light(fit)) {
        status = sbi_fit_add_matrices(fit);
        if (status == SBI_OK) status = sbi_fit_point_add_matrix(fit->inner, ctx);
        if (status == SBI_OK) status = sbi_fit_point_add_matrix(fit->other, ctx);
    }
    if (status != SBI_OK) {
        sbi_fit_destroy(fit);
        return status;
    }
    *out = fit;
    return SBI_OK;
}

int sbi_fit_is_light(const sbi_fit *fit)
{
    return fit->method == SBI_FIT_TRUNCATED_NEWTON;
}

sbi_status sbi_fit_add_matrices(sbi_fit *fit)
{
    size_t n = fit->objective->n;
    SBI_TRY(sbi_minimiser_add_matrices(fit->minimiser));
    SBI_TRY(sbi_fit_point_add_matrix(fit->best, fit->ctx));
    if (!fit->covariance) fit->covariance = sbi_alloc_zero(fit->ctx, n, n * sizeof *fit->covariance);
    return fit->covariance ? SBI_OK : SBI_ERR_NO_MEMORY;
}

void sbi_fit_destroy(sbi_fit *fit)
{
    if (!fit) return;
    sbi_fit_forget_minima(fit);
    sbi_minimiser_destroy(fit->minimiser);
    sbi_fit_point_destroy(fit->best, fit->ctx);
    sbi_fit_point_destroy(fit->inner, fit->ctx);
    sbi_fit_point_destroy(fit->other, fit->ctx);
    sbi_fit_objective_destroy(fit->objective);
    sbi_free(fit->ctx, fit->covariance);
    sbi_free(fit->ctx, fit->fixed);
    sbi_free(fit->ctx, fit);
}

static sbi_status run(sbi_fit *fit, const sbi_fit_options *options)
{
    const sbi_fit_objective *o = fit->objective;
    SBI_TRY(sbi_fit_run_starts(fit, options));
    if (!(fit->best->f < INFINITY)) {
        return sbi_fail(SBI_ERR_VALUE, "sbi_fit: the objective is not finite at the start values (%s = %g, ...)",
                        o->names[0], o->start[0]);
    }
    SBI_TRY(sbi_fit_update_covariance(fit));
    sbi_fit_write_message(fit);
    return SBI_OK;
}

sbi_status sbi_fit_run_owned(sbi_fit **out, sbi_fit_objective *objective, const sbi_model *model,
                             const sbi_fit_options *options)
{
    sbi_status status = sbi_fit_objective_configure(objective, options);
    if (status != SBI_OK) {
        sbi_fit_objective_destroy(objective);
        return status;
    }
    sbi_fit *fit;
    SBI_TRY(create(&fit, objective, model, options));
    status = run(fit, options);
    if (status != SBI_OK) {
        sbi_fit_destroy(fit);
        return status;
    }
    *out = fit;
    return SBI_OK;
}

sbi_status sbi_fit_run_objective(sbi_fit **out, sbi_context *ctx, const sbi_objective *objective,
                                 const sbi_fit_options *options)
{
    SBI_REQUIRE(out, "sbi_fit_run_objective: out is NULL");
    *out = NULL;
    SBI_REQUIRE(ctx, "sbi_fit_run_objective: ctx is NULL");
    SBI_REQUIRE(objective, "sbi_fit_run_objective: objective is NULL");
    sbi_fit_options opt;
    sbi_objective given;
    sbi_objective_init(&given);
    SBI_TRY(sbi_options_read(&given, sizeof given, sizeof given, objective, "sbi_objective"));
    SBI_TRY(sbi_fit_options_read(&opt, options));
    sbi_fit_objective *owned;
    SBI_TRY(sbi_fit_objective_create(&owned, ctx, &given, NULL));
    return sbi_fit_run_owned(out, owned, NULL, &opt);
}

/* The working bounds and flags of the minimiser may be those of a conditional fit: set them back first. */
sbi_status sbi_fit_reassess(sbi_fit *fit)
{
    sbi_fit_objective *o = fit->objective;
    sbi_minimiser *w = fit->minimiser;
    memcpy(w->lower, o->lower, o->n * sizeof *w->lower);
    memcpy(w->upper, o->upper, o->n * sizeof *w->upper);
    memcpy(w->fixed, o->fixed, o->n * sizeof *w->fixed);
    for (size_t k = 0; k < o->n; k++) { /* a bound that was moved inwards is still a limit */
        if (fit->best->state[k] == SBI_FIT_AT_LOWER) w->lower[k] = fit->best->x[k];
        if (fit->best->state[k] == SBI_FIT_AT_UPPER) w->upper[k] = fit->best->x[k];
    }
    return sbi_fit_assess(w, fit->level, fit->best);
}
