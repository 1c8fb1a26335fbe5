/* SPDX-License-Identifier: Apache-2.0 */
/* The tape on unbinned mixtures: against the plain likelihood in long double, HVP against differenced gradients, Hessian against
 * HVP, rows against the Hessian to the bit, for every storage, for one and two stages. */
#include "tape_mixture.h"

#include "support/run_suite.h"

static sbi_context *context(int threads)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    return ctx;
}

static const struct variant {
    int32_t dtype, storage, code;
    double spread;
    int sparse, normalise, zero;
} variants[] = {
    {SBI_F64, SBI_MORPH_RATIO, SBI_INTERP_CODE4, 0.05, 0, 0, 0}, {SBI_F64, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.05, 0, 0, 7},
    {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.25, 1, 0, 0},   {SBI_F16, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.1, 0, 1, 0},
    {SBI_F64, SBI_MORPH_RATIO, SBI_INTERP_CODE1, 0.1, 1, 1, 5},  {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE4, 0.45, 1, 0, 0},
    {SBI_F32, SBI_MORPH_RATIO, SBI_INTERP_CODE4, 0.1, 0, 0, 0},  {SBI_F16, SBI_MORPH_RATIO, SBI_INTERP_CODE4, 0.1, 1, 0, 0},
    {SBI_F64, SBI_MORPH_RATIO, SBI_INTERP_CODE0, 0.1, 1, 0, 0},  {SBI_F32, SBI_MORPH_LOG, SBI_INTERP_CODE0, 0.2, 0, 1, 9},
    {SBI_F64, SBI_MORPH_LOG, SBI_INTERP_CODE2, 0.1, 1, 1, 0},    {SBI_F16, SBI_MORPH_RATIO, SBI_INTERP_CODE2, 0.1, 0, 0, 6},
    {SBI_F64, SBI_MORPH_LOG, SBI_INTERP_CODE4P, 0.2, 1, 0, 0},   {SBI_F32, SBI_MORPH_RATIO, SBI_INTERP_CODE4P, 0.1, 0, 1, 0},
};
#define N_VARIANTS (sizeof variants / sizeof *variants)

static mixture make(size_t which, int64_t n, size_t nuisances)
{
    const struct variant *v = &variants[which];
    mixture m = {.n = n, .nuisances = nuisances, .dtype = v->dtype, .storage = v->storage, .code = v->code};
    m.code0 = v->code == SBI_INTERP_CODE0;
    m.sparse = v->sparse;
    m.normalise = v->normalise;
    m.zero_weights = v->zero;
    mix_fill(&m, v->spread);
    return m;
}

START_TEST(derivatives)
{
    mixture m = make((size_t)_i, 523, 7);
    sbi_context *ctx = context(2);
    sbi_tape *tape;
    sbi_tape_work *work;
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_msg(mix_record(&m, tape) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
    const size_t P = m.params;
    for (int point = 0; point < 3; point++) {
        double theta[16], value, gradient[16], alone, H[256], rows[256], value2, gradient2[16];
        mix_point(&m, point, theta);
        ck_assert_msg(sbi_tape_eval(work, theta, &value, gradient) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_eval(work, theta, &alone, NULL), SBI_OK);
        ck_assert_double_eq(value, alone);
        long double x[16];
        for (size_t i = 0; i < P; i++)
            x[i] = theta[i];
        ck_assert_double_eq_tol(value, (double)mix_nll(&m, x), 1e-12 * fabs(value));
        double scale = 1.0;
        for (size_t j = 0; j < P; j++) {
            const double slope = (double)mix_slope(&m, theta, j);
            scale = fabs(slope) > scale ? fabs(slope) : scale;
            ck_assert_double_eq_tol(gradient[j], slope, 1e-9 * scale + 1e-8);
        }
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value2, gradient2, H), SBI_OK);
        ck_assert_double_eq(value, value2);
        ck_assert_mem_eq(gradient, gradient2, P * sizeof *gradient);
        double largest = 0.0;
        for (size_t i = 0; i < P * P; i++)
            largest = fabs(H[i]) > largest ? fabs(H[i]) : largest;
        for (size_t j = 0; j < P; j++) { /* differenced gradients: fourth order */
            double moved[16], g[4][16];
            const double h = 1e-3, step[4] = {-2, -1, 1, 2};
            for (int s = 0; s < 4; s++) {
                memcpy(moved, theta, sizeof moved);
                moved[j] += step[s] * h;
                ck_assert_int_eq(sbi_tape_eval(work, moved, &alone, g[s]), SBI_OK);
            }
            for (size_t k = 0; k < P; k++) {
                const double second = (g[0][k] - 8 * g[1][k] + 8 * g[2][k] - g[3][k]) / (12 * h);
                ck_assert_double_eq_tol(H[j * P + k], second, 2e-9 * largest);
                ck_assert(memcmp(&H[j * P + k], &H[k * P + j], sizeof *H) == 0);
            }
        }
        for (size_t m_vectors = 1; m_vectors <= 11; m_vectors += 10) { /* HVP, in one and in several blocks */
            double V[11 * 16], HV[11 * 16];
            uint64_t s = 7;
            for (size_t i = 0; i < m_vectors * P; i++)
                V[i] = mix_uniform(&s) - 0.5;
            ck_assert_int_eq(sbi_tape_hvp(work, theta, V, m_vectors, HV), SBI_OK);
            for (size_t i = 0; i < m_vectors; i++)
                for (size_t j = 0; j < P; j++) {
                    double sum = 0.0;
                    for (size_t k = 0; k < P; k++)
                        sum += H[j * P + k] * V[i * P + k];
                    ck_assert_double_eq_tol(HV[i * P + j], sum, 1e-12 * largest);
                }
        }
        for (size_t first = 0; first < P; first++) /* rows: one at a time, and every range to the end */
            for (size_t count = 1; first + count <= P; count += first == 0 ? 1 : P - first) {
                ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, first, count, rows), SBI_OK);
                ck_assert_mem_eq(rows, H + first * P, count * P * sizeof *H);
            }
    }
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    mix_free(&m);
}
END_TEST

START_TEST(same_bits_for_any_threads)
{
    mixture m = make((size_t)_i, 13001, 6);
    double theta[16], value[3], gradient[3][16], H[3][256], HV[3][16];
    mix_point(&m, 1, theta);
    for (int t = 0; t < 3; t++) {
        sbi_context *ctx = context(t + 1);
        sbi_tape *tape;
        sbi_tape_work *work;
        ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
        ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
        ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value[t], gradient[t], H[t]), SBI_OK);
        ck_assert_int_eq(sbi_tape_hvp(work, theta, gradient[0], 1, HV[t]), SBI_OK);
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(tape);
        sbi_context_destroy(ctx);
        ck_assert_mem_eq(&value[t], &value[0], sizeof value[0]);
        ck_assert_mem_eq(gradient[t], gradient[0], m.params * sizeof(double));
        ck_assert_mem_eq(H[t], H[0], m.params * m.params * sizeof(double));
        ck_assert_mem_eq(HV[t], HV[0], m.params * sizeof(double));
    }
    mix_free(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_mixture");
    TCase *cases = tcase_create("mixture");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, derivatives, 0, N_VARIANTS);
    tcase_add_loop_test(cases, same_bits_for_any_threads, 0, N_VARIANTS);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
