/* SPDX-License-Identifier: Apache-2.0 */
/* Vector functions against long double, and every instruction set against the others. */
#include <float.h>

#include "tape/work.h"
#include "support/run_suite.h"
#include "tape_mixture.h"

static const int32_t ops[] = {SBI_NARROW_EXP,  SBI_NARROW_EXPM1,    SBI_NARROW_LOG,     SBI_NARROW_LOG1P,
                              SBI_NARROW_TANH, SBI_NARROW_LOGISTIC, SBI_NARROW_SOFTPLUS};

static long double exact(int32_t op, long double x)
{
    switch (op) {
    case SBI_NARROW_EXP: return expl(x);
    case SBI_NARROW_EXPM1: return expm1l(x);
    case SBI_NARROW_LOG: return logl(x);
    case SBI_NARROW_LOG1P: return log1pl(x);
    case SBI_NARROW_TANH: return tanhl(x);
    case SBI_NARROW_LOGISTIC: return 1 / (1 + expl(-x));
    default: return log1pl(expl(-fabsl(x))) + (x > 0 ? x : 0);
    }
}

/* Distance in units of the last place of the true value; subnormal results count in the smallest subnormal. */
static double ulps(double got, long double want)
{
    if (fabsl(want) > (long double)DBL_MAX) return isinf(got) && (got > 0) == (want > 0) ? 0.0 : 1e9;
    int e;
    frexp((double)want, &e);
    const long double unit = ldexpl(1.0L, e - 53 < -1074 ? -1074 : e - 53);
    return (double)(fabsl((long double)got - want) / unit);
}

START_TEST(accuracy)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    const int32_t op = ops[_i / SBI_ISA_COUNT];
    if (!kernels) return;
    const int positive = op == SBI_NARROW_LOG;
    /* exp and log are promised to 1.5; what is built of them to a few. */
    const double bound = op == SBI_NARROW_EXP || op == SBI_NARROW_LOG ? 1.5 : 4.0;
    enum { N = 64 };
    double x[N] __attribute__((aligned(64))), y[N] __attribute__((aligned(64)));
    double worst = 0.0, at = 0.0;
    uint64_t s = 3;
    for (int round = 0; round < 12000; round++) {
        for (int i = 0; i < N; i++) {
            const double u = 2.0 * mix_uniform(&s) - 1.0;
            switch (round % 6) {
            case 0: x[i] = 0.126 * u; break;
            case 1: x[i] = 0.7 * u; break;
            case 2: x[i] = 20.0 * u; break;
            case 3: x[i] = 750.0 * u; break;
            case 4: x[i] = ldexp(u, (int)(-1060.0 * mix_uniform(&s))); break;
            default: x[i] = positive ? 1.0 + 1e-3 * u : ldexp(u, (int)(-40.0 * mix_uniform(&s))); break;
            }
            if (positive) x[i] = round % 6 == 3 ? ldexp(1.0 + fabs(u), (int)(2000 * mix_uniform(&s)) - 1000) : fabs(x[i]);
            if (op == SBI_NARROW_LOG1P && x[i] <= -1.0) x[i] = -0.999 * fabs(u);
        }
        kernels->function(op, 0, x, y, NULL, NULL, N);
        for (int i = 0; i < N; i++) {
            const double error = ulps(y[i], exact(op, x[i]));
            if (error > worst) {
                worst = error;
                at = x[i];
            }
        }
    }
    ck_assert_msg(worst <= bound, "operation %d: %g ulp at %a", op, worst, at);
}
END_TEST

START_TEST(special_values)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    double y[16] __attribute__((aligned(64)));
    double x[16] __attribute__((aligned(64))) = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, 709.78, 709.79, -745.1, -746.0, -708.5, 1e300};
    kernels->function(SBI_NARROW_EXP, 0, x, y, NULL, NULL, 16);
    ck_assert_double_eq(y[0], 1.0);
    ck_assert_double_eq(y[1], 1.0);
    ck_assert(isinf(y[2]) && y[2] > 0);
    ck_assert_double_eq(y[3], 0.0);
    ck_assert(isnan(y[4]));
    ck_assert(isfinite(y[6]));
    ck_assert(isinf(y[7]) && isinf(y[11]));
    ck_assert_double_eq(y[8], 0x1p-1074);
    ck_assert_double_eq(y[9], 0.0);
    ck_assert(y[10] > 0.0 && y[10] < DBL_MIN);
    const double z[16] __attribute__((aligned(64))) = {0.0, -1.0, INFINITY, NAN, 1.0, 0x1p-1074, DBL_MAX, -INFINITY};
    kernels->function(SBI_NARROW_LOG, 0, z, y, NULL, NULL, 16);
    ck_assert(isinf(y[0]) && y[0] < 0);
    ck_assert(isnan(y[1]) && isnan(y[3]) && isnan(y[7]));
    ck_assert(isinf(y[2]) && y[2] > 0);
    ck_assert_double_eq(y[4], 0.0);
    ck_assert_double_eq_tol(y[5], -744.4400719213812, 1e-12);
    ck_assert_double_eq_tol(y[6], 709.782712893384, 1e-12);
}
END_TEST

START_TEST(half_precision_is_exact)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)_i);
    if (!kernels) return;
    enum { N = 65536 };
    uint16_t *h = malloc(N * sizeof *h);
    double *out = aligned_alloc(64, N * sizeof *out);
    size_t n = 0;
    for (uint32_t i = 0; i < N; i++)
        if ((i & 0x7c00u) != 0x7c00u) h[n++] = (uint16_t)i;
    const sbi_tape_column_data column = {
        .data = (const char *)h, .stride = 2, .leaf_stride = 2 * SBI_TAPE_LEAF, .dtype = SBI_F16, .contiguous = 1};
    kernels->load(out, &column, 0, n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_double_eq(out[i], mix_from_half(h[i]));
    free(h);
    free(out);
}
END_TEST

/* All instruction sets, on the whole machinery. */
START_TEST(instruction_sets_agree)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    mixture m = {.n = 4500, .nuisances = 9, .dtype = dtypes[_i % 3], .storage = _i / 3 % 2, .sparse = _i & 1, .normalise = 1};
    mix_fill(&m, 0.2);
    sbi_context *ctx;
    sbi_tape *tape;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    double theta[16], value[3], gradient[3][16], H[3][256], HV[3][16], largest[2] = {0, 0};
    mix_point(&m, 1, theta);
    for (int isa = 0; isa < SBI_ISA_COUNT; isa++) {
        const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)isa);
        if (!kernels) continue;
        sbi_tape_work *work;
        ck_assert_int_eq(sbi_tape_work_create(&work, tape), SBI_OK);
        sbi_tape_work_set_kernels(work, kernels);
        ck_assert_int_eq(sbi_tape_hessian(work, theta, &value[isa], gradient[isa], H[isa]), SBI_OK);
        ck_assert_int_eq(sbi_tape_hvp(work, theta, theta, 1, HV[isa]), SBI_OK);
        double row[16];
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, 4, 1, row), SBI_OK);
        ck_assert_mem_eq(row, H[isa] + 4 * m.params, m.params * sizeof *row);
        sbi_tape_work_destroy(work);
        ck_assert_double_eq_tol(value[isa], value[0], 1e-12 * fabs(value[0]));
        for (size_t i = 0; i < m.params; i++)
            largest[0] = fmax(largest[0], fabs(gradient[0][i]));
        for (size_t i = 0; i < m.params * m.params; i++)
            largest[1] = fmax(largest[1], fabs(H[0][i]));
        for (size_t i = 0; i < m.params; i++) {
            ck_assert_double_eq_tol(gradient[isa][i], gradient[0][i], 1e-12 * largest[0]);
            ck_assert_double_eq_tol(HV[isa][i], HV[0][i], 1e-11 * largest[1]);
        }
        for (size_t i = 0; i < m.params * m.params; i++)
            ck_assert_double_eq_tol(H[isa][i], H[0][i], 1e-12 * largest[1]);
    }
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    mix_free(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_kernels");
    TCase *cases = tcase_create("kernels");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, accuracy, 0, SBI_ISA_COUNT * (int)(sizeof ops / sizeof *ops));
    tcase_add_loop_test(cases, special_values, 0, SBI_ISA_COUNT);
    tcase_add_loop_test(cases, half_precision_is_exact, 0, SBI_ISA_COUNT);
    tcase_add_loop_test(cases, instruction_sets_agree, 0, 6);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
