/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a fit. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "fit/fit.h"

const char *sbi_fit_reason_text(int32_t reason)
{
    switch (reason) {
#define REASON_CASE(name, number, text)                                                                                \
    case number:                                                                                                       \
        return text;
        SBI_FIT_REASON_LIST(REASON_CASE)
#undef REASON_CASE
    default:
        return "unknown";
    }
}

static void append(sbi_fit *fit, const char *format, ...) SBI_PRINTF(2, 3);
static void append(sbi_fit *fit, const char *format, ...)
{
    size_t used = strlen(fit->message);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fit->message + used, sizeof fit->message - used, format, arguments);
    va_end(arguments);
}

void sbi_fit_write_message(sbi_fit *fit)
{
    const sbi_fit_point *p = fit->best;
    fit->message[0] = 0;
    append(fit, "%s", sbi_fit_reason_text(p->reason));
    for (size_t k = 0; k < p->n; k++) {
        if (p->state[k] < SBI_FIT_AT_LOWER) continue;
        append(fit, "; %s at its %s limit %g", fit->objective->names[k],
               p->state[k] == SBI_FIT_AT_LOWER ? "lower" : "upper", p->x[k]);
    }
    if (isnan(p->edm) && !isnan(p->smallest)) {
        size_t largest = 0;
        for (size_t k = 1; k < p->n; k++)
            if (fabs(p->least[k] / p->scale[k]) > fabs(p->least[largest] / p->scale[largest])) largest = k;
        append(fit, "; least curvature %.3g, mostly along %s", p->smallest, fit->objective->names[largest]);
    }
    if (p->reason == SBI_FIT_UNBOUNDED) append(fit, "; F = %.6g at %s = %.6g", p->f, fit->objective->names[0], p->x[0]);
    append(fit, "; EDM %.3g after %lld iterations", p->edm, (long long)p->iterations);
}

int32_t sbi_fit_reason(const sbi_fit *fit)
{
    return fit ? fit->best->reason : 0;
}

const char *sbi_fit_message(const sbi_fit *fit)
{
    return fit ? fit->message : "";
}

sbi_status sbi_fit_get_info(const sbi_fit *fit, sbi_fit_info *info)
{
    SBI_REQUIRE(fit && info, "sbi_fit_get_info: fit or info is NULL");
    if (info->struct_size < sizeof *info) {
        return sbi_fail(SBI_ERR_ABI, "sbi_fit_info: struct_size is %u, expected at least %zu", (unsigned)info->struct_size,
                        sizeof *info);
    }
    const sbi_fit_point *p = fit->best;
    const sbi_fit_objective *o = fit->objective;
    info->reason = p->reason;
    info->n_params = (int32_t)p->n;
    info->n_free = info->n_at_limit = 0;
    for (size_t k = 0; k < p->n; k++) {
        info->n_free += p->state[k] == SBI_FIT_FREE;
        info->n_at_limit += p->state[k] >= SBI_FIT_AT_LOWER;
    }
    info->has_covariance = fit->covariance_status == SBI_OK;
    info->nll = p->f;
    info->t = 2 * p->f;
    info->edm = p->edm;
    info->gradient_norm = p->gradient_norm;
    info->smallest_eigenvalue = p->smallest;
    info->condition = p->largest / p->smallest;
    info->seconds = o->seconds;
    info->iterations = p->iterations;
    info->value_evaluations = o->values;
    info->gradient_evaluations = o->gradients;
    info->hessian_evaluations = o->hessians;
    info->infinite_evaluations = o->infinite;
    return SBI_OK;
}

sbi_status sbi_fit_find(const sbi_fit *fit, const char *name, const char *where, size_t *index)
{
    SBI_REQUIRE(fit, "%s: fit is NULL", where);
    return sbi_fit_objective_find(fit->objective, name, index, where);
}

sbi_status sbi_fit_require_converged(const sbi_fit *fit, const char *where)
{
    if (fit->best->reason < 10) return SBI_OK;
    return sbi_fail(SBI_ERR_STATE, "%s: the fit has not converged: %s", where, fit->message);
}

size_t sbi_fit_n_params(const sbi_fit *fit)
{
    return fit ? fit->best->n : 0;
}

const char *sbi_fit_param_name(const sbi_fit *fit, size_t index)
{
    return fit && index < fit->best->n ? fit->objective->names[index] : NULL;
}

sbi_status sbi_fit_param_index(const sbi_fit *fit, const char *name, size_t *index)
{
    SBI_REQUIRE(index, "sbi_fit_param_index: index is NULL");
    return sbi_fit_find(fit, name, "sbi_fit_param_index", index);
}

sbi_status sbi_fit_nll(const sbi_fit *fit, double *nll)
{
    SBI_REQUIRE(fit && nll, "sbi_fit_nll: fit or nll is NULL");
    *nll = fit->best->f;
    return SBI_OK;
}

sbi_status sbi_fit_value(const sbi_fit *fit, const char *name, double *value)
{
    size_t k;
    SBI_REQUIRE(value, "sbi_fit_value: value is NULL");
    SBI_TRY(sbi_fit_find(fit, name, "sbi_fit_value", &k));
    *value = fit->best->x[k];
    return SBI_OK;
}

sbi_status sbi_fit_values(const sbi_fit *fit, double *values)
{
    SBI_REQUIRE(fit && values, "sbi_fit_values: fit or values is NULL");
    memcpy(values, fit->best->x, fit->best->n * sizeof *values);
    return SBI_OK;
}

sbi_status sbi_fit_param_states(const sbi_fit *fit, int32_t *state)
{
    SBI_REQUIRE(fit && state, "sbi_fit_param_states: fit or state is NULL");
    /* A parameter whose bounds coincide counts as fixed. */
    memcpy(state, fit->best->state, fit->best->n * sizeof *state);
    return SBI_OK;
}

sbi_status sbi_fit_bounds(const sbi_fit *fit, double *lower, double *upper)
{
    SBI_REQUIRE(fit && lower && upper, "sbi_fit_bounds: fit, lower or upper is NULL");
    memcpy(lower, fit->objective->lower, fit->best->n * sizeof *lower);
    memcpy(upper, fit->objective->upper, fit->best->n * sizeof *upper);
    return SBI_OK;
}

sbi_status sbi_fit_gradient(const sbi_fit *fit, double *gradient)
{
    SBI_REQUIRE(fit && gradient, "sbi_fit_gradient: fit or gradient is NULL");
    memcpy(gradient, fit->best->g, fit->best->n * sizeof *gradient);
    return SBI_OK;
}

const sbi_model *sbi_fit_model(const sbi_fit *fit)
{
    return fit ? fit->model : NULL;
}
