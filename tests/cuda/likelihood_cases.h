/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of the likelihood on a device "cuda" against the processor: values, gradients, products with tangents, Hessians. Before it is
 * included: CASES_FRESH() begins a test, CASES_CLEAN() looks for what was left behind, CASES_ORDER(which) changes the order of threads
 * where that can be chosen. */
#ifndef TESTS_CUDA_LIKELIHOOD_CASES_H
#define TESTS_CUDA_LIKELIHOOD_CASES_H

#include <check.h>
#include <string.h>

#include "unit/tape_mixture.h"

/* An evaluation of every kind at one point. */
typedef struct results {
    size_t n, m;
    double value;
    double *gradient, *hessian, *products, *rows; /* [n], [n, n], [m, n], [count, n] */
    size_t first, count;
    int64_t bad, first_bad;
} results;

static results results_of(const sbi_tape *tape, int32_t precision, const char *device, int64_t memory, const double *theta)
{
    results r = {.n = sbi_tape_n_params(tape), .m = 10};
    const size_t n = r.n;
    r.first = n / 3;
    r.count = n - r.first < 3 ? n - r.first : 3;
    r.gradient = calloc(n + 1, sizeof(double));
    r.hessian = calloc(n * n + 1, sizeof(double));
    r.products = calloc(r.m * n + 1, sizeof(double));
    r.rows = calloc(r.count * n + 1, sizeof(double));
    double *V = calloc(r.m * n + 1, sizeof(double));
    uint64_t s = 5;
    for (size_t i = 0; i < r.m * n; i++)
        V[i] = 2.0 * mix_uniform(&s) - 1.0;
    sbi_tape_work *work;
    sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
    options.precision = precision;
    options.device = device;
    options.device_memory = memory;
    ck_assert_msg(sbi_tape_work_create_with(&work, tape, &options) == SBI_OK, "%s", sbi_last_error());
    double value;
    ck_assert_int_eq(sbi_tape_eval(work, theta, &r.value, NULL), SBI_OK);
    sbi_tape_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sbi_tape_last_info(work, &info), SBI_OK);
    r.bad = info.bad_events;
    r.first_bad = info.first_bad_event;
    ck_assert_int_eq(sbi_tape_eval(work, theta, &value, r.gradient), SBI_OK);
    ck_assert(memcmp(&value, &r.value, sizeof value) == 0);
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, r.m, r.products), SBI_OK);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, &value, NULL, r.hessian), SBI_OK);
    ck_assert(memcmp(&value, &r.value, sizeof value) == 0);
    ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, r.first, r.count, r.rows), SBI_OK);
    sbi_tape_work_destroy(work);
    free(V);
    return r;
}

static void results_free(results *r)
{
    free(r->gradient);
    free(r->hessian);
    free(r->products);
    free(r->rows);
}

static int same(double a, double b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

static void assert_same(const results *a, const results *b)
{
    ck_assert(same(a->value, b->value));
    for (size_t i = 0; i < a->n; i++)
        ck_assert(same(a->gradient[i], b->gradient[i]));
    for (size_t i = 0; i < a->n * a->n; i++)
        ck_assert(same(a->hessian[i], b->hessian[i]));
    for (size_t i = 0; i < a->m * a->n; i++)
        ck_assert(same(a->products[i], b->products[i]));
    for (size_t i = 0; i < a->count * a->n; i++)
        ck_assert(same(a->rows[i], b->rows[i]));
}

/* Differences relative to the largest number of their kind. */
static void assert_close(const char *what, const double *a, const double *b, size_t n, double tolerance)
{
    double largest = 1.0;
    for (size_t i = 0; i < n; i++)
        if (fabs(b[i]) > largest) largest = fabs(b[i]);
    for (size_t i = 0; i < n; i++) {
        if (same(a[i], b[i])) continue;
        ck_assert_msg(fabs(a[i] - b[i]) <= tolerance * largest, "%s[%zu]: %.17g on the device, %.17g on the processor", what, i, a[i],
                      b[i]);
    }
}

static void assert_agree(const sbi_tape *tape, int32_t precision, const double *theta, double tolerance)
{
    results cpu = results_of(tape, precision, NULL, 0, theta);
    results resident = results_of(tape, precision, "cuda", 0, theta);
    assert_close("value", &resident.value, &cpu.value, 1, tolerance);
    assert_close("gradient", resident.gradient, cpu.gradient, cpu.n, tolerance);
    assert_close("hvp", resident.products, cpu.products, cpu.m * cpu.n, tolerance);
    assert_close("hessian", resident.hessian, cpu.hessian, cpu.n * cpu.n, tolerance);
    ck_assert_int_eq(resident.bad, cpu.bad);
    ck_assert_int_eq(resident.first_bad, cpu.first_bad);
    for (size_t i = 0; i < cpu.count * cpu.n; i++)
        ck_assert(same(resident.rows[i], resident.hessian[cpu.first * cpu.n + i]));
    results_free(&cpu);
    results_free(&resident);
    CASES_CLEAN();
}

/* The same bits each time, whatever order threads and streams run in, and whether columns stay on the device or not. */
static void assert_same_bits(const sbi_tape *tape, const double *theta)
{
    results resident = results_of(tape, SBI_PRECISION_DOUBLE, "cuda", 0, theta);
    CASES_ORDER(1);
    results again = results_of(tape, SBI_PRECISION_DOUBLE, "cuda:0", 0, theta);
    CASES_ORDER(2);
    results streamed = results_of(tape, SBI_PRECISION_DOUBLE, "cuda", 1, theta);
    assert_same(&resident, &again);
    assert_same(&resident, &streamed);
    results_free(&resident);
    results_free(&again);
    results_free(&streamed);
    CASES_CLEAN();
}

static void check_mixture(mixture m, double spread, int32_t precision, double tolerance)
{
    sbi_context *ctx;
    sbi_tape *tape;
    double theta[64];
    mix_fill(&m, spread);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    for (int which = 0; which < 2; which++) {
        mix_point(&m, which, theta);
        assert_agree(tape, precision, theta, tolerance);
    }
    if (m.n > 2048) assert_same_bits(tape, theta);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    mix_free(&m);
}

/* ---- mixtures -------------------------------------------------------------------------------------------------- */

static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};

START_TEST(test_storage)
{
    CASES_FRESH();
    mixture m = {.n = 150, .nuisances = 5, .dtype = dtypes[_i % 3], .storage = _i / 3 ? SBI_MORPH_RATIO : SBI_MORPH_LOG};
    m.zero_weights = 7;
    check_mixture(m, 0.1, SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

START_TEST(test_ranges)
{
    const double spreads[] = {0.05, 0.3, 0.9};
    CASES_FRESH();
    mixture m = {.n = 100, .nuisances = 5, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .sparse = 1};
    check_mixture(m, spreads[_i], SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

START_TEST(test_codes)
{
    const int32_t codes[] = {SBI_INTERP_CODE0, SBI_INTERP_CODE1, SBI_INTERP_CODE2, SBI_INTERP_CODE4, SBI_INTERP_CODE4P};
    CASES_FRESH();
    mixture m = {.n = 100, .nuisances = 5, .dtype = SBI_F64, .storage = _i % 2 ? SBI_MORPH_RATIO : SBI_MORPH_LOG};
    m.code = codes[_i];
    m.code0 = _i == 0;
    check_mixture(m, 0.1, SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

START_TEST(test_normalised)
{
    CASES_FRESH();
    mixture m = {.n = 250, .nuisances = 5, .dtype = SBI_F32, .storage = SBI_MORPH_LOG, .normalise = 1, .sparse = _i};
    check_mixture(m, 0.1, SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

/* Several leaves, the last one short. */
START_TEST(test_leaves)
{
    CASES_FRESH();
    mixture m = {.n = 2 * 2048 + 77, .nuisances = 2, .dtype = SBI_F16, .storage = SBI_MORPH_LOG};
    check_mixture(m, 0.1, SBI_PRECISION_DOUBLE, 1e-12);
}
END_TEST

START_TEST(test_mixed)
{
    const double spreads[] = {0.05, 0.3, 0.9};
    CASES_FRESH();
    mixture m = {.n = 150, .nuisances = 5, .dtype = dtypes[_i], .storage = SBI_MORPH_LOG, .normalise = _i == 1};
    check_mixture(m, spreads[_i], SBI_PRECISION_MIXED, 2e-6);
}
END_TEST

static TCase *likelihood_cases(void)
{
    TCase *c = tcase_create("mixtures");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, test_storage, 0, 6);
    tcase_add_loop_test(c, test_ranges, 0, 3);
    tcase_add_loop_test(c, test_codes, 0, 5);
    tcase_add_loop_test(c, test_normalised, 0, 2);
    tcase_add_test(c, test_leaves);
    tcase_add_loop_test(c, test_mixed, 0, 3);
    return c;
}

#endif
