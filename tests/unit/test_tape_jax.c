/* SPDX-License-Identifier: Apache-2.0 */
/* NLL, gradient and Hessian against JAX in f64 (tests/reference/jax_tape.py), to 1e-10 relative, with |alpha| below, at and above
 * 1 and with negative coefficients; for every instruction set. */
#include "reference/jax_tape.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

START_TEST(same_as_jax)
{
    const int which = _i % JAX_CASES;
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i / JAX_CASES));
    if (!kernels) return;
    static const struct {
        int32_t storage, code;
        int sparse, normalise;
        double spread;
    } cases[JAX_CASES] = {
        {SBI_MORPH_LOG, SBI_INTERP_CODE4, 0, 0, 0.1},   {SBI_MORPH_RATIO, SBI_INTERP_CODE4, 1, 1, 0.2},
        {SBI_MORPH_LOG, SBI_INTERP_CODE1, 0, 1, 0.1},   {SBI_MORPH_RATIO, SBI_INTERP_CODE0, 1, 0, 0.2},
        {SBI_MORPH_LOG, SBI_INTERP_CODE2, 0, 1, 0.1},   {SBI_MORPH_RATIO, SBI_INTERP_CODE4P, 0, 0, 0.1},
    };
    mixture m = {.n = JAX_EVENTS, .nuisances = JAX_NUISANCES, .dtype = SBI_F64, .storage = cases[which].storage};
    m.code = cases[which].code;
    m.code0 = m.code == SBI_INTERP_CODE0;
    m.sparse = cases[which].sparse;
    m.normalise = cases[which].normalise;
    mix_fill(&m, cases[which].spread);
    sbi_context *ctx;
    sbi_tape *tape;
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    sbi_tape_work_set_kernels(work, kernels);
    for (int point = 0; point < JAX_POINTS; point++) {
        const double *theta = jax_values[which][point], *want = theta + m.params;
        double value, gradient[16], H[256], g_scale = 0.0, h_scale = 0.0;
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, gradient, H), SBI_OK);
        ck_assert_double_eq_tol(value, want[0], 1e-12 * fabs(want[0]));
        for (size_t j = 0; j < m.params; j++)
            g_scale = fmax(g_scale, fabs(want[1 + j]));
        for (size_t j = 0; j < m.params * m.params; j++)
            h_scale = fmax(h_scale, fabs(want[1 + m.params + j]));
        for (size_t j = 0; j < m.params; j++) /* relative, down to a cancellation of a hundred in the largest one */
            ck_assert_double_eq_tol(gradient[j], want[1 + j], 1e-10 * fmax(fabs(want[1 + j]), 0.01 * g_scale));
        for (size_t j = 0; j < m.params * m.params; j++)
            ck_assert_double_eq_tol(H[j], want[1 + m.params + j], 1e-10 * fmax(fabs(want[1 + m.params + j]), 0.01 * h_scale));
    }
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    mix_free(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_jax");
    TCase *cases = tcase_create("jax");
    tcase_add_loop_test(cases, same_as_jax, 0, JAX_CASES * SBI_ISA_COUNT);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
