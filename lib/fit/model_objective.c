/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of models. */
#include "base/error.h"
#include "fit/fit.h"
#include "sbi/objective.h"

/* `user` of an objective that the library made is what it is part of, and begins with it. */
static void release_objective(sbi_context *ctx, void *user)
{
    (void)ctx;
    sbi_objective_destroy(user);
}

sbi_status sbi_fit_run(sbi_fit **out, const sbi_model *model, const sbi_fit_options *options)
{
    SBI_REQUIRE(out, "sbi_fit_run: out is NULL");
    *out = NULL;
    SBI_REQUIRE(model, "sbi_fit_run: model is NULL");
    if (sbi_model_n_parameters(model) == 0) return sbi_fail(SBI_ERR_STATE, "sbi_fit_run: the model has no parameters");
    sbi_fit_options opt;
    SBI_TRY(sbi_fit_options_read(&opt, options));
    sbi_tape_work_options how = SBI_TAPE_WORK_OPTIONS_INIT;
    if (opt.flags & SBI_FIT_MIXED) how.precision = SBI_PRECISION_MIXED;
    how.device = opt.device;
    const sbi_objective *made;
    sbi_fit_objective *objective;
    SBI_TRY(sbi_objective_from_model(&made, model, &how));
    SBI_TRY(sbi_fit_objective_create(&objective, sbi_model_context(model), made, release_objective));
    return sbi_fit_run_owned(out, objective, model, &opt);
}
