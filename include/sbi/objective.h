/* SPDX-License-Identifier: Apache-2.0 */
/** @file objective.h
 * Value, gradient, Hessian and Hessian-vector products of a model or tape as plain functions, for minimisers and samplers of one's own.
 *
 *     const sbi_objective *f;
 *     sbi_objective_from_model(&f, model, NULL);
 *     f->gradient(f->user, theta, &value, gradient);
 *     sbi_objective_destroy(f);
 *
 * Models and tapes are immutable once sealed, so any number of objectives may be made of one, for any number of threads; an objective
 * itself is used by one thread at a time. Results have the same bits from each of them. A guide with programs: docs/fitters.md.
 */
#ifndef SBI_OBJECTIVE_H
#define SBI_OBJECTIVE_H

#include "fit.h"
#include "model.h"

SBI_BEGIN_DECLS

/** The likelihood of a sealed model with its start values, bounds, fixed flags and constraints.
 *  @param[out] out freed with sbi_objective_destroy(), before the model; all that it points to belongs to it or to the model. Every
 *         member is set. NULL after a failure.
 *  @param model borrowed until then. @param options precision of the arithmetic, and device; NULL: defaults.
 *  The functions behave as sbi_model_nll(), sbi_model_hessian() and sbi_model_hvp(): +inf with SBI_OK where the likelihood does not
 *  exist, SBI_ERR_CANCELLED within one chunk of events after the context is cancelled (on
 *  a device: one batch, see sbi_tape_work_options).
 *  Errors: SBI_ERR_STATE (not sealed, or no parameters), SBI_ERR_ABI, SBI_ERR_NO_MEMORY. Since: 0.1 */
SBI_API sbi_status sbi_objective_from_model(const sbi_objective **out, const sbi_model *model,
                                            const sbi_tape_work_options *options);

/** The same for any sealed tape, without bounds or constraints.
 *  @param start [P] finite, copied, or NULL: zeros. Errors: also SBI_ERR_VALUE for `start`. Since: 0.1 */
SBI_API sbi_status sbi_objective_from_tape(const sbi_objective **out, const sbi_tape *tape, const double *start,
                                           const sbi_tape_work_options *options);

/** Frees an objective that the library made; NULL is fine. One that the caller filled in must not be given. Since: 0.1 */
SBI_API void sbi_objective_destroy(const sbi_objective *objective);

SBI_END_DECLS
#endif
