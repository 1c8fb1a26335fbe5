/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a fit. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
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

/* The parameter that went furthest from its start, in units of a guess. */
static size_t furthest(const sbi_fit *fit)
{
    const sbi_fit_objective *o = fit->objective;
    size_t k = 0;
    double most = 0;
    for (size_t j = 0; j < o->n; j++) {
        double way = fabs(fit->best->x[j] - o->start[j]) / sbi_fit_guess_scale(o, j, o->start[j]);
        if (!(way > most)) continue;
        most = way;
        k = j;
    }
    return k;
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
    if (p->reason == SBI_FIT_UNBOUNDED) {
        size_t k = furthest(fit);
        append(fit, "; F = %.6g at %s = %.6g", p->f, fit->objective->names[k], p->x[k]);
    }
    sbi_fit_minimum_list *m = &fit->minima;
    if (fit->starts > 1) append(fit, "; %d starts led to %zu %s", (int)fit->starts, m->count, m->count == 1 ? "minimum" : "minima");
    if (fit->failed_starts && fit->starts > 1) append(fit, ", %d of them to none", (int)fit->failed_starts);
    if (m->count > 1) {
        /* The parameter that tells them apart best. */
        size_t k = 0;
        for (size_t j = 1; j < p->n; j++)
            if (fabs(m->list[1].x[j] - p->x[j]) / p->scale[j] > fabs(m->list[1].x[k] - p->x[k]) / p->scale[k]) k = j;
        append(fit, ": global at %s = %.6g (%d starts)", fit->objective->names[k], p->x[k], (int)m->list[0].starts);
        for (size_t i = 1; i < m->count && i < 4; i++) {
            append(fit, ", at %.6g F is %.4g higher (%d starts)", m->list[i].x[k], m->list[i].f - m->list[0].f,
                   (int)m->list[i].starts);
        }
    }
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
    uint32_t size = info->struct_size;
    size_t smallest = offsetof(sbi_fit_info, hvp_evaluations);
    if (size < smallest) {
        return sbi_fail(SBI_ERR_ABI, "sbi_fit_info: struct_size is %u, expected at least %zu", (unsigned)size, smallest);
    }
    const sbi_fit_point *p = fit->best;
    const sbi_fit_objective *o = fit->objective;
    sbi_fit_info all;
    memset(&all, 0, sizeof all);
    all.struct_size = size;
    all.reason = p->reason;
    all.n_params = (int32_t)p->n;
    for (size_t k = 0; k < p->n; k++) {
        all.n_free += p->state[k] == SBI_FIT_FREE;
        all.n_at_limit += p->state[k] >= SBI_FIT_AT_LOWER;
    }
    all.has_covariance = fit->covariance_status == SBI_OK;
    all.nll = p->f;
    all.t = 2 * p->f;
    all.edm = p->edm;
    all.gradient_norm = p->gradient_norm;
    all.smallest_eigenvalue = p->smallest;
    all.condition = p->largest / p->smallest;
    all.seconds = o->seconds;
    all.iterations = p->iterations;
    all.value_evaluations = o->values;
    all.gradient_evaluations = o->gradients;
    all.hessian_evaluations = o->hessians;
    all.infinite_evaluations = o->infinite;
    all.hvp_evaluations = o->products;
    all.method = fit->method == SBI_FIT_FULL_NEWTON ? SBI_FIT_NEWTON : fit->method;
    all.n_minima = (int32_t)fit->minima.count;
    all.n_starts = fit->starts;
    all.n_failed_starts = fit->failed_starts;
    memcpy(info, &all, size < sizeof all ? size : sizeof all);
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
