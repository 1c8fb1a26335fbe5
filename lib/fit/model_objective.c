/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of models: a sealed model as an objective. The room's only file that knows models. */
#include "sbi/model.h"

#include "base/error.h"
#include "base/memory.h"
#include "fit/fit.h"

static sbi_status model_value(void *user, const double *theta, double *value)
{
    return sbi_model_nll(user, theta, value, NULL);
}

static sbi_status model_gradient(void *user, const double *theta, double *value, double *gradient)
{
    return sbi_model_nll(user, theta, value, gradient);
}

static sbi_status model_hessian(void *user, const double *theta, double *value, double *gradient, double *hessian)
{
    return sbi_model_hessian(user, theta, value, gradient, hessian);
}

static sbi_status model_hvp(void *user, const double *theta, const double *V, size_t m, double *HV)
{
    return sbi_model_hvp(user, theta, V, m, HV);
}

static void release_work(sbi_context *ctx, void *user)
{
    (void)ctx;
    sbi_model_work_destroy(user);
}

typedef struct columns {
    const char **names;
    double *start, *lower, *upper, *center, *sigma;
    int32_t *fixed;
} columns;

static sbi_status read_parameters(const sbi_model *model, size_t n, columns *c)
{
    for (size_t k = 0; k < n; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        SBI_TRY(sbi_model_parameter(model, k, &p));
        c->names[k] = sbi_model_parameter_name(model, k);
        c->start[k] = p.start;
        c->lower[k] = p.lower;
        c->upper[k] = p.upper;
        c->fixed[k] = p.fixed;
        c->center[k] = p.auxiliary;
        c->sigma[k] = p.constraint == SBI_CONSTRAINT_NONE ? 0 : p.sigma;
    }
    return SBI_OK;
}

static sbi_status objective_from_model(sbi_fit_objective **out, const sbi_model *model, int mixed)
{
    *out = NULL;
    sbi_context *ctx = sbi_model_context(model);
    size_t n = sbi_model_n_parameters(model);
    if (n == 0) return sbi_fail(SBI_ERR_STATE, "sbi_fit_run: the model has no parameters");
    sbi_model_work *work;
    sbi_tape_work_options precision = SBI_TAPE_WORK_OPTIONS_INIT;
    if (mixed) precision.precision = SBI_PRECISION_MIXED;
    SBI_TRY(sbi_model_work_create_with(&work, model, &precision));
    columns c = {0};
    c.names = sbi_alloc_zero(ctx, n, sizeof *c.names);
    c.start = sbi_alloc_zero(ctx, n, 5 * sizeof *c.start);
    c.fixed = sbi_alloc_zero(ctx, n, sizeof *c.fixed);
    sbi_status status = c.names && c.start && c.fixed ? SBI_OK : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) {
        c.lower = c.start + n;
        c.upper = c.start + 2 * n;
        c.center = c.start + 3 * n;
        c.sigma = c.start + 4 * n;
        status = read_parameters(model, n, &c);
    }
    sbi_objective objective = SBI_OBJECTIVE_INIT;
    objective.n_params = n;
    objective.names = c.names;
    objective.start = c.start;
    objective.lower = c.lower;
    objective.upper = c.upper;
    objective.fixed = c.fixed;
    objective.constraint_center = c.center;
    objective.constraint_sigma = c.sigma;
    objective.value = model_value;
    objective.gradient = model_gradient;
    objective.hessian = model_hessian;
    objective.hvp = model_hvp;
    objective.user = work;
    if (status == SBI_OK) status = sbi_fit_objective_create(out, ctx, &objective, release_work);
    else sbi_model_work_destroy(work);
    sbi_free(ctx, c.names);
    sbi_free(ctx, c.start);
    sbi_free(ctx, c.fixed);
    return status;
}

sbi_status sbi_fit_run(sbi_fit **out, const sbi_model *model, const sbi_fit_options *options)
{
    SBI_REQUIRE(out, "sbi_fit_run: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model, "sbi_fit_run: model is NULL");
    sbi_fit_options opt;
    sbi_fit_objective *objective;
    SBI_TRY(sbi_fit_options_read(&opt, options));
    SBI_TRY(objective_from_model(&objective, model, (opt.flags & SBI_FIT_MIXED) != 0));
    return sbi_fit_run_owned(out, objective, model, &opt);
}
