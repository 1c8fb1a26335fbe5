/* SPDX-License-Identifier: Apache-2.0 */
/* Mixed precision against double: within what docs/precision.md promises, the same bits for any number of threads and for rows, and
 * the very bits of double precision where single precision is not used. */
#include "tape_mixture.h"

#include "support/run_suite.h"
#include "tape/work.h"

static const struct variant {
    int32_t dtype, storage, code;
    double spread;
    int normalise, in_single;
} variants[] = {
    {SBI_F64, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.05, 0, 1},  {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.12, 1, 1},
    {SBI_F16, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.12, 0, 1},  {SBI_F16, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.34, 1, 1},
    {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.9, 0, 0},   {SBI_F32, SBI_MORPH_RATIO, SBI_INTERP_CODE4, 0.1, 0, 0},
    {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE4P, 0.1, 0, 0},  {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE1, 0.1, 0, 0},
};
#define N_VARIANTS (sizeof variants / sizeof *variants)

#define NUISANCES 11
#define P (NUISANCES + 1)

typedef struct evaluation {
    double value, gradient[P], hessian[P * P], rows[P * P], products[2 * P];
} evaluation;

static void evaluate(const sbi_tape *tape, int32_t precision, const sbi_tape_kernels *kernels, const double *theta, evaluation *e)
{
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.precision = precision;
    sbi_tape_work *work;
    double alone, V[2 * P];
    ck_assert_msg(sbi_tape_work_create_with(&work, tape, &options) == SBI_OK, "%s", sbi_last_error());
    sbi_tape_work_set_kernels(work, kernels);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &e->value, e->gradient), SBI_OK);
    ck_assert_int_eq(sbi_tape_eval(work, theta, &alone, NULL), SBI_OK);
    ck_assert_double_eq(alone, e->value);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, NULL, NULL, e->hessian), SBI_OK);
    for (size_t j = 0; j < P; j++)
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, j, 1, e->rows + j * P), SBI_OK);
    ck_assert_mem_eq(e->rows, e->hessian, sizeof e->rows);
    for (size_t j = 0; j < 2 * P; j++)
        V[j] = (double)(j % 5) - 1.7;
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, e->products), SBI_OK);
    sbi_tape_work_destroy(work);
}

static double largest(const double *x, size_t n)
{
    double size = 0.0;
    for (size_t i = 0; i < n; i++)
        size = fabs(x[i]) > size ? fabs(x[i]) : size;
    return size;
}

static void compare(const double *got, const double *want, size_t n, double tolerance)
{
    const double scale = largest(want, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq_tol(got[i], want[i], tolerance * scale);
}

START_TEST(against_double)
{
    const struct variant *v = &variants[(size_t)_i / SBI_ISA_COUNT];
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    if (!kernels) return; /* this processor lacks them */
    mixture m = {.n = 6001, .nuisances = NUISANCES, .dtype = v->dtype, .storage = v->storage, .code = v->code};
    m.normalise = v->normalise;
    mix_fill(&m, v->spread);
    evaluation first = {0};
    for (int threads = 1; threads <= 3; threads++) {
        sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
        options.threads = threads;
        sbi_context *ctx;
        sbi_tape *tape;
        ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
        ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
        ck_assert_msg(mix_record(&m, tape) == SBI_OK, "%s", sbi_last_error());
        double theta[P];
        mix_point(&m, 0, theta);
        evaluation exact, mixed;
        evaluate(tape, SBI_PRECISION_DOUBLE, kernels, theta, &exact);
        evaluate(tape, SBI_PRECISION_MIXED, kernels, theta, &mixed);
        if (v->in_single) {
            ck_assert_double_eq_tol(mixed.value, exact.value, 3e-8 * fabs(exact.value));
            compare(mixed.gradient, exact.gradient, P, 1e-6);
            compare(mixed.hessian, exact.hessian, P * P, 1e-6);
            compare(mixed.products, exact.products, 2 * P, 1e-6);
            ck_assert(mixed.value != exact.value); /* or it was not used at all */
        } else {
            ck_assert_mem_eq(&mixed, &exact, sizeof exact);
        }
        if (threads == 1) first = mixed;
        ck_assert_mem_eq(&mixed, &first, sizeof first);
        sbi_tape_destroy(tape);
        sbi_context_destroy(ctx);
    }
    mix_free(&m);
}
END_TEST

START_TEST(options)
{
    sbi_context *ctx;
    sbi_tape *tape;
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_square(tape, sbi_tape_param(tape, "x"))), SBI_OK);
    sbi_tape_work_options o;
    sbi_tape_work_options_init(&o);
    ck_assert_int_eq(o.precision, SBI_PRECISION_DOUBLE);
    o.precision = 2;
    ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &o), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(work);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "precision is 2"));
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape: mixed precision");
    TCase *tests = tcase_create("mixed");
    tcase_add_loop_test(tests, against_double, 0, (int)(N_VARIANTS * SBI_ISA_COUNT));
    tcase_add_test(tests, options);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
