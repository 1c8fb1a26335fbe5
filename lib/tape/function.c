/* SPDX-License-Identifier: Apache-2.0 */
/* Registered functions of several scalars: recording and evaluation.
 *
 * An applied function is to the scalar graph what a reduction is: a link with many operands, of which gradient and Hessian by the
 * operands are known. Everything behind that is shared with reductions (sbi_link).
 */
#include "tape/function.h"

#include <math.h>
#include <string.h>

#include "base/options.h"

void sbi_tape_function_init(sbi_tape_function *function)
{
    if (!function) return;
    const sbi_tape_function defaults = SBI_TAPE_FUNCTION_INIT;
    *function = defaults;
}

void sbi_tape_applications_clear(sbi_tape *tape)
{
    for (size_t i = 0; i < tape->n_applications; i++) {
        sbi_application *f = &tape->applications[i];
        if (f->function.destroy) f->function.destroy(f->function.user);
        sbi_free(tape->ctx, (char *)(uintptr_t)f->function.name);
        sbi_free(tape->ctx, f->inputs);
    }
    sbi_free(tape->ctx, tape->applications);
}

/* ---- recording ------------------------------------------------------------------------------------------------- */

static sbi_status check_inputs(const sbi_tape *tape, const sbi_tape_function *f, const sbi_var *x, size_t n)
{
    SBI_REQUIRE(f->name && *f->name, "sbi_tape_apply: the function's name is %s", f->name ? "empty" : "NULL");
    SBI_REQUIRE(f->evaluate, "sbi_tape_apply: evaluate of %s is NULL", f->name);
    SBI_REQUIRE(x && n > 0, "sbi_tape_apply: %s of %s", x ? "no operand" : "x is NULL", f->name);
    for (size_t k = 0; k < n; k++) {
        SBI_REQUIRE(x[k] >= 0 && (size_t)x[k] < tape->n_nodes, "sbi_tape_apply: x[%zu] = %d of %s is not a node of this tape", k,
                    x[k], f->name);
        if (tape->nodes[x[k]].events >= 0)
            return sbi_fail(SBI_ERR_SHAPE, "sbi_tape_apply: x[%zu] of %s is event-wise, must be a scalar", k, f->name);
    }
    return SBI_OK;
}

/* On failure the caller still owns function->user. */
static sbi_status record_application(sbi_tape *tape, const sbi_tape_function *function, const sbi_var *x, size_t n,
                                     sbi_node *node)
{
    SBI_TRY(check_inputs(tape, function, x, n));
    SBI_TRY(sbi_tape_reserve(tape, (void **)&tape->applications, &tape->cap_applications, tape->n_applications,
                             sizeof *tape->applications));
    sbi_application f = {.function = *function, .n = n};
    char *name = sbi_strdup(tape->ctx, function->name);
    f.inputs = sbi_alloc_array(tape->ctx, n, sizeof *f.inputs);
    if (!name || !f.inputs) {
        sbi_free(tape->ctx, name);
        sbi_free(tape->ctx, f.inputs);
        return SBI_ERR_NO_MEMORY;
    }
    f.function.name = name;
    *node = (sbi_node){.op = SBI_NODE_APPLY, .a = -1, .b = -1, .events = -1};
    for (size_t k = 0; k < n; k++) {
        const sbi_node *operand = &tape->nodes[x[k]];
        f.inputs[k] = x[k];
        if (operand->stage > node->stage) node->stage = operand->stage;
        node->active |= operand->active;
    }
    node->payload = (int32_t)tape->n_applications;
    tape->applications[tape->n_applications++] = f;
    return SBI_OK;
}

sbi_var sbi_tape_apply(sbi_tape *tape, const sbi_tape_function *function, const sbi_var *x, size_t n)
{
    sbi_tape_function f = SBI_TAPE_FUNCTION_INIT;
    sbi_status status = function ? sbi_options_read(&f, sizeof f, sizeof f, function, "sbi_tape_function")
                                 : sbi_fail(SBI_ERR_ARGUMENT, "sbi_tape_apply: function is NULL");
    if (status != SBI_OK) return tape && !tape->program ? sbi_tape_failed(tape, status) : SBI_VAR_INVALID;
    sbi_node node;
    if (sbi_tape_recording(tape, "sbi_tape_apply")) {
        status = record_application(tape, &f, x, n, &node);
        if (status == SBI_OK) return sbi_tape_append(tape, &node); /* the tape owns `user`, even if this fails */
        sbi_tape_failed(tape, status);
    }
    if (f.destroy) f.destroy(f.user);
    return SBI_VAR_INVALID;
}

/* ---- evaluation ------------------------------------------------------------------------------------------------ */

sbi_status sbi_work_applications_create(sbi_tape_work *work)
{
    const sbi_tape *tape = work->tape;
    work->applications = sbi_alloc_zero(work->ctx, tape->n_applications, sizeof *work->applications);
    if (!work->applications) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < tape->n_applications; i++) {
        sbi_application_result *r = &work->applications[i];
        r->x = sbi_alloc_zero(work->ctx, tape->applications[i].n, sizeof(double));
        r->gradient = sbi_alloc_zero(work->ctx, tape->applications[i].n, sizeof(double));
        if (!r->x || !r->gradient) return SBI_ERR_NO_MEMORY;
    }
    return SBI_OK;
}

void sbi_work_applications_destroy(sbi_tape_work *work)
{
    for (size_t i = 0; work->applications && i < work->tape->n_applications; i++) {
        sbi_free(work->ctx, work->applications[i].x);
        sbi_free(work->ctx, work->applications[i].gradient);
        sbi_free(work->ctx, work->applications[i].hessian);
        sbi_free(work->ctx, work->applications[i].hvp);
    }
    sbi_free(work->ctx, work->applications);
}

void sbi_callback_begin(char *message)
{
    memcpy(message, sbi_last_error(), SBI_ERROR_MESSAGE_SIZE);
    sbi_error_set_message("");
}

void sbi_callback_end(const char *message) { sbi_error_set_message(message); }

sbi_status sbi_callback_failed(sbi_status status, const char *where)
{
    const sbi_status known = strcmp(sbi_status_name(status), "SBI_ERR_UNKNOWN") == 0 ? SBI_ERR_CALLBACK : status;
    if (*sbi_last_error()) return sbi_fail_within(known, "%s", where);
    return sbi_fail(known, "%s: the function returned %d (%s)", where, status, sbi_status_text(status));
}

static sbi_status not_finite(const sbi_tape *tape, const sbi_scalar_op *op, const char *what, double value, size_t a, size_t b)
{
    const sbi_application *f = &tape->applications[op->payload];
    char where[300], params[2][100];
    sbi_node_describe(tape, op->node, where, sizeof where);
    sbi_node_params(tape, f->inputs[a], params[0], sizeof params[0]);
    sbi_node_params(tape, f->inputs[b], params[1], sizeof params[1]);
    if (a == b) return sbi_fail(SBI_ERR_DOMAIN, "%s: %s by x[%zu] (%s) is %g", where, what, a, params[0], value);
    return sbi_fail(SBI_ERR_DOMAIN, "%s: %s by x[%zu] (%s) and x[%zu] (%s) is %g", where, what, a, params[0], b, params[1], value);
}

/* Derivatives by operands that no parameter reaches are of no interest and may be anything; they become zero. */
static sbi_status check_gradient(const sbi_tape *tape, const sbi_scalar_op *op, double *gradient)
{
    const sbi_application *f = &tape->applications[op->payload];
    for (size_t a = 0; a < f->n; a++) {
        if (!tape->nodes[f->inputs[a]].active)
            gradient[a] = 0.0;
        else if (!isfinite(gradient[a]))
            return not_finite(tape, op, "the derivative", gradient[a], a, a);
    }
    return SBI_OK;
}

static sbi_status check_hessian(const sbi_tape *tape, const sbi_scalar_op *op, double *hessian)
{
    const sbi_application *f = &tape->applications[op->payload];
    for (size_t a = 0; a < f->n; a++) {
        const int active = tape->nodes[f->inputs[a]].active;
        for (size_t b = a; b < f->n; b++) {
            double *h = &hessian[a * f->n + b];
            if (!active || !tape->nodes[f->inputs[b]].active)
                *h = 0.0;
            else if (!isfinite(*h))
                return not_finite(tape, op, "the second derivative", *h, a, b);
            hessian[b * f->n + a] = *h;
        }
    }
    return SBI_OK;
}

/* H V for the tangents of the operands. */
static sbi_status apply_hvp(sbi_tape_work *work, const sbi_application *f, sbi_application_result *r, size_t m)
{
    if (m > r->hvp_m) {
        double *grown = sbi_realloc_array(work->ctx, r->hvp, m * f->n, sizeof *grown);
        if (!grown) return SBI_ERR_NO_MEMORY;
        r->hvp = grown;
        r->hvp_m = m;
    }
    for (size_t j = 0; j < m; j++)
        for (size_t a = 0; a < f->n; a++) {
            double sum = 0.0;
            for (size_t b = 0; b < f->n; b++)
                sum += r->hessian[a * f->n + b] * work->tangents[(size_t)f->inputs[b] * m + j];
            r->hvp[j * f->n + a] = sum;
        }
    return SBI_OK;
}

sbi_status sbi_work_apply(sbi_tape_work *work, const sbi_scalar_op *op, const sbi_request *request)
{
    const sbi_tape *tape = work->tape;
    const sbi_application *f = &tape->applications[op->payload];
    sbi_application_result *r = &work->applications[op->payload];
    const int second = request->want > SBI_WANT_GRADIENT && op->active;
    const int first = request->want > SBI_WANT_VALUE && op->active;
    if (second && !r->hessian) {
        SBI_REQUIRE(f->n <= SIZE_MAX / f->n, "sbi_tape_apply: %s has too many operands", f->function.name);
        r->hessian = sbi_alloc_array(work->ctx, f->n * f->n, sizeof *r->hessian);
        if (!r->hessian) return SBI_ERR_NO_MEMORY;
    }
    for (size_t k = 0; k < f->n; k++)
        r->x[k] = work->values[f->inputs[k]];
    double value = (double)NAN;
    char message[SBI_ERROR_MESSAGE_SIZE];
    sbi_callback_begin(message);
    const sbi_status status = f->function.evaluate(r->x, f->n, &value, first ? r->gradient : NULL, second ? r->hessian : NULL,
                                                   f->function.user);
    if (status == SBI_OK) sbi_callback_end(message);
    if (status != SBI_OK || isnan(value) || (isinf(value) && value < 0.0)) {
        char where[300];
        sbi_node_describe(tape, op->node, where, sizeof where);
        if (status != SBI_OK) return sbi_callback_failed(status, where);
        return sbi_fail(SBI_ERR_DOMAIN, "%s: the value is %g", where, value);
    }
    work->values[op->node] = value;
    work->outside = isinf(value) != 0;
    if (work->outside) return SBI_OK;
    if (first) SBI_TRY(check_gradient(tape, op, r->gradient));
    if (second) SBI_TRY(check_hessian(tape, op, r->hessian));
    if (second && request->want == SBI_WANT_HVP) SBI_TRY(apply_hvp(work, f, r, request->m));
    return SBI_OK;
}
