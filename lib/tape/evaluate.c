/* SPDX-License-Identifier: Apache-2.0 */
/* The public evaluation calls. */
#include <math.h>
#include <time.h>

#include "tape/work.h"

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

sbi_status sbi_work_begin(sbi_tape_work *work, const double *theta, const char *function)
{
    SBI_REQUIRE(work, "%s: work is NULL", function);
    SBI_REQUIRE(theta || work->tape->n_params == 0, "%s: theta is NULL", function);
    work->info = (sbi_tape_info){.first_bad_event = -1};
    for (size_t p = 0; p < work->tape->n_params; p++)
        if (!isfinite(theta[p]))
            return sbi_fail(SBI_ERR_VALUE, "%s: parameter %s is %g", function, work->tape->param_names[p], theta[p]);
    return SBI_OK;
}

static void fill(double *out, size_t n, double value)
{
    for (size_t i = 0; out && i < n; i++)
        out[i] = value;
}

sbi_status sbi_tape_eval(sbi_tape_work *work, const double *theta, double *value, double *gradient)
{
    SBI_TRY(sbi_work_begin(work, theta, "sbi_tape_eval"));
    SBI_REQUIRE(value, "sbi_tape_eval: value is NULL");
    const double start = seconds_now();
    const sbi_request request = {.want = gradient ? SBI_WANT_GRADIENT : SBI_WANT_VALUE};
    int bad;
    SBI_TRY(sbi_work_forward(work, theta, &request, &bad));
    *value = bad ? (double)INFINITY : work->values[work->program->output];
    if (bad)
        fill(gradient, work->tape->n_params, (double)NAN);
    else if (gradient)
        sbi_work_reverse(work, gradient);
    work->info.seconds = seconds_now() - start;
    return SBI_OK;
}

sbi_status sbi_tape_hvp(sbi_tape_work *work, const double *theta, const double *V, size_t m, double *HV)
{
    SBI_TRY(sbi_work_begin(work, theta, "sbi_tape_hvp"));
    const size_t n = work->tape->n_params, nodes = work->tape->n_nodes;
    if (m == 0 || n == 0) return SBI_OK;
    SBI_REQUIRE(V && HV, "sbi_tape_hvp: %s is NULL", V ? "HV" : "V");
    const double start = seconds_now();
    if (m > work->tangents_m) {
        SBI_REQUIRE(m <= SIZE_MAX / 16 / nodes, "sbi_tape_hvp: m = %zu is too large", m);
        double *t = sbi_realloc_array(work->ctx, work->tangents, nodes * m, sizeof(double));
        if (!t) return SBI_ERR_NO_MEMORY;
        work->tangents = t;
        t = sbi_realloc_array(work->ctx, work->adjoint_tangents, nodes * m, sizeof(double));
        if (!t) return SBI_ERR_NO_MEMORY;
        work->adjoint_tangents = t;
        work->tangents_m = m;
    }
    const sbi_request request = {.want = SBI_WANT_HVP, .V = V, .m = m};
    int bad;
    SBI_TRY(sbi_work_forward(work, theta, &request, &bad));
    if (bad) {
        fill(HV, m * n, (double)NAN);
    } else {
        sbi_work_reverse(work, NULL);
        sbi_work_reverse_tangents(work, m, HV);
    }
    work->info.seconds = seconds_now() - start;
    return SBI_OK;
}

/* Those of the inputs that depend on one of these parameters. */
void sbi_work_choose_rows(sbi_tape_work *work, size_t first, size_t count)
{
    const sbi_program *program = work->program;
    for (size_t i = 0; i < program->n_reductions; i++) {
        const sbi_reduction *r = program->reductions[i];
        sbi_reduction_result *result = &work->results[i];
        result->n_rows = 0;
        for (size_t a = 0; a < r->n_inputs; a++) {
            const size_t *range = program->support_first + 2 * (size_t)r->inputs[a];
            result->row_of[a] = -1;
            for (size_t s = range[0]; s < range[1]; s++) {
                const size_t p = (size_t)program->support[s];
                if (p < first || p >= first + count) continue;
                result->row_of[a] = (int32_t)result->n_rows++;
                break;
            }
        }
    }
}

static sbi_status hessian(sbi_tape_work *work, const double *theta, size_t first, size_t count, double *value,
                          double *gradient, double *rows)
{
    const double start = seconds_now();
    const size_t n = work->tape->n_params;
    const sbi_request request = {.want = SBI_WANT_HESSIAN, .first = first, .count = count};
    int bad;
    sbi_work_choose_rows(work, first, count);
    SBI_TRY(sbi_work_forward(work, theta, &request, &bad));
    if (value) *value = bad ? (double)INFINITY : work->values[work->program->output];
    if (bad) {
        fill(gradient, n, (double)NAN);
        fill(rows, count * n, (double)NAN);
    } else {
        sbi_work_reverse(work, gradient);
        SBI_TRY(sbi_work_hessian_rows(work, first, count, rows));
    }
    work->info.seconds = seconds_now() - start;
    return SBI_OK;
}

sbi_status sbi_tape_hessian(sbi_tape_work *work, const double *theta, double *value, double *gradient, double *out)
{
    SBI_TRY(sbi_work_begin(work, theta, "sbi_tape_hessian"));
    SBI_REQUIRE(out || work->tape->n_params == 0, "sbi_tape_hessian: hessian is NULL");
    return hessian(work, theta, 0, work->tape->n_params, value, gradient, out);
}

sbi_status sbi_tape_hessian_rows(sbi_tape_work *work, const double *theta, size_t first, size_t count, double *rows)
{
    SBI_TRY(sbi_work_begin(work, theta, "sbi_tape_hessian_rows"));
    const size_t n = work->tape->n_params;
    SBI_REQUIRE(first <= n && count <= n - first, "sbi_tape_hessian_rows: rows [%zu, %zu + %zu) of %zu", first, first, count, n);
    if (count == 0) return SBI_OK;
    SBI_REQUIRE(rows, "sbi_tape_hessian_rows: rows is NULL");
    return hessian(work, theta, first, count, NULL, NULL, rows);
}
