/* SPDX-License-Identifier: Apache-2.0 */
/* Models and tapes as objectives: functions with a workspace behind them. */
#include "sbi/objective.h"

#include <math.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "tape/record.h"

typedef struct functions {
    sbi_objective objective;
    sbi_context *ctx;
    sbi_model_work *model;
    sbi_tape_work *tape;
    const char **names; /* [n], the names themselves are the model's or tape's */
    double *numbers;    /* start, lower, upper, center, sigma: [5, n] */
    int32_t *fixed;     /* [n], and the kinds of the constraints behind it */
} functions;

static sbi_status model_value(void *user, const double *theta, double *value)
{
    return sbi_model_nll(((functions *)user)->model, theta, value, NULL);
}

static sbi_status model_gradient(void *user, const double *theta, double *value, double *gradient)
{
    return sbi_model_nll(((functions *)user)->model, theta, value, gradient);
}

static sbi_status model_hessian(void *user, const double *theta, double *value, double *gradient, double *hessian)
{
    return sbi_model_hessian(((functions *)user)->model, theta, value, gradient, hessian);
}

static sbi_status model_hvp(void *user, const double *theta, const double *V, size_t m, double *HV)
{
    return sbi_model_hvp(((functions *)user)->model, theta, V, m, HV);
}

static sbi_status tape_value(void *user, const double *theta, double *value)
{
    return sbi_tape_eval(((functions *)user)->tape, theta, value, NULL);
}

static sbi_status tape_gradient(void *user, const double *theta, double *value, double *gradient)
{
    return sbi_tape_eval(((functions *)user)->tape, theta, value, gradient);
}

static sbi_status tape_hessian(void *user, const double *theta, double *value, double *gradient, double *hessian)
{
    return sbi_tape_hessian(((functions *)user)->tape, theta, value, gradient, hessian);
}

static sbi_status tape_hvp(void *user, const double *theta, const double *V, size_t m, double *HV)
{
    return sbi_tape_hvp(((functions *)user)->tape, theta, V, m, HV);
}

static void destroy(functions *f)
{
    if (!f) return;
    sbi_model_work_destroy(f->model);
    sbi_tape_work_destroy(f->tape);
    sbi_free(f->ctx, f->names);
    sbi_free(f->ctx, f->numbers);
    sbi_free(f->ctx, f->fixed);
    sbi_free(f->ctx, f);
}

/* Parameters that start at zero, free and without bounds. */
static sbi_status create(functions **out, sbi_context *ctx, size_t n)
{
    *out = NULL;
    functions *f = sbi_alloc_zero(ctx, 1, sizeof *f);
    if (!f) return SBI_ERR_NO_MEMORY;
    f->ctx = ctx;
    f->names = sbi_alloc_zero(ctx, n, sizeof *f->names);
    f->numbers = sbi_alloc_zero(ctx, n, 5 * sizeof *f->numbers);
    f->fixed = sbi_alloc_zero(ctx, n, 2 * sizeof *f->fixed);
    if (!f->names || !f->numbers || !f->fixed) {
        destroy(f);
        return SBI_ERR_NO_MEMORY;
    }
    for (size_t k = 0; k < n; k++) {
        f->numbers[n + k] = -(double)INFINITY;
        f->numbers[2 * n + k] = (double)INFINITY;
    }
    sbi_objective_init(&f->objective);
    f->objective.n_params = n;
    f->objective.names = f->names;
    f->objective.start = f->numbers;
    f->objective.lower = f->numbers + n;
    f->objective.upper = f->numbers + 2 * n;
    f->objective.constraint_center = f->numbers + 3 * n;
    f->objective.constraint_sigma = f->numbers + 4 * n;
    f->objective.fixed = f->fixed;
    f->objective.constraint_kind = f->fixed + n;
    f->objective.user = f;
    *out = f;
    return SBI_OK;
}

static sbi_status read_parameters(functions *f, const sbi_model *model)
{
    const size_t n = f->objective.n_params;
    for (size_t k = 0; k < n; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        SBI_TRY(sbi_model_parameter(model, k, &p));
        f->names[k] = sbi_model_parameter_name(model, k);
        const double numbers[5] = {p.start, p.lower, p.upper, p.auxiliary, p.constraint == SBI_CONSTRAINT_NONE ? 0 : p.sigma};
        for (size_t i = 0; i < 5; i++)
            f->numbers[i * n + k] = numbers[i];
        f->fixed[k] = p.fixed;
        f->fixed[n + k] = p.constraint;
    }
    return SBI_OK;
}

sbi_status sbi_objective_from_model(const sbi_objective **out, const sbi_model *model, const sbi_tape_work_options *options)
{
    SBI_REQUIRE(out, "sbi_objective_from_model: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model, "sbi_objective_from_model: model is NULL");
    const size_t n = sbi_model_n_parameters(model);
    if (n == 0) return sbi_fail(SBI_ERR_STATE, "sbi_objective_from_model: the model has no parameters");
    functions *f;
    SBI_TRY(create(&f, sbi_model_context(model), n));
    f->objective.value = model_value;
    f->objective.gradient = model_gradient;
    f->objective.hessian = model_hessian;
    f->objective.hvp = model_hvp;
    sbi_status status = sbi_model_work_create_with(&f->model, model, options);
    if (status == SBI_OK) status = read_parameters(f, model);
    if (status != SBI_OK) {
        destroy(f);
        return status;
    }
    *out = &f->objective;
    return SBI_OK;
}

sbi_status sbi_objective_from_tape(const sbi_objective **out, const sbi_tape *tape, const double *start,
                                   const sbi_tape_work_options *options)
{
    SBI_REQUIRE(out, "sbi_objective_from_tape: out is NULL");
    *out = NULL;
    SBI_REQUIRE(tape, "sbi_objective_from_tape: tape is NULL");
    const size_t n = sbi_tape_n_params(tape);
    if (n == 0) return sbi_fail(SBI_ERR_STATE, "sbi_objective_from_tape: the tape has no parameters");
    for (size_t k = 0; start && k < n; k++)
        if (!isfinite(start[k]))
            return sbi_fail(SBI_ERR_VALUE, "sbi_objective_from_tape: start of parameter %s is %g", sbi_tape_param_name(tape, k),
                            start[k]);
    functions *f;
    SBI_TRY(create(&f, tape->ctx, n));
    f->objective.value = tape_value;
    f->objective.gradient = tape_gradient;
    f->objective.hessian = tape_hessian;
    f->objective.hvp = tape_hvp;
    for (size_t k = 0; k < n; k++) {
        f->names[k] = sbi_tape_param_name(tape, k);
        if (start) f->numbers[k] = start[k];
    }
    const sbi_status status = sbi_tape_work_create_with(&f->tape, tape, options);
    if (status != SBI_OK) {
        destroy(f);
        return status;
    }
    *out = &f->objective;
    return SBI_OK;
}

void sbi_objective_destroy(const sbi_objective *objective)
{
    if (objective) destroy(objective->user);
}
