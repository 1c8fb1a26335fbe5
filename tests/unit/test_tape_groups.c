/* SPDX-License-Identifier: Apache-2.0 */
/* Factors of a wide operation go through the kernels in groups, ordered by the range of their columns: any number of factors, ranges that
 * change from leaf to leaf, element types side by side, columns that are not contiguous, and the end of the events, against long double. */
#include <math.h>

#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"

enum { EVENTS = 2 * 2048 + 333, MOST = 19 };

/* The largest |ln| of a column: just inside and outside of each range, and far beyond. */
static const double sizes[] = {0.031, 0.032, 0.12, 0.13, 0.22, 0.24, 0.34, 0.35, 2.5, 0.004};
enum { SIZES = sizeof sizes / sizeof *sizes };

typedef struct column {
    int32_t dtype;
    int32_t step; /* elements from an event to the next */
    double logarithm[EVENTS];
    union {
        uint16_t half[EVENTS];
        float single[EVENTS];
        double plain[2 * EVENTS];
    } data;
} column;

static column columns[MOST][2];
static double weight[EVENTS];

/* Types: all f64, all f32, all f16, by turns, by turns within a factor, some with a stride. */
static int32_t type_of(int layout, int k, int side)
{
    static const int32_t types[] = {SBI_F64, SBI_F32, SBI_F16};
    return types[layout < 3 ? layout : layout == 3 ? k % 3 : (k + side) % 3];
}

static sbi_array fill(column *c, int layout, int k, int side, int storage, uint64_t *s)
{
    c->dtype = type_of(layout, k, side);
    c->step = layout == 5 && k % 2 && c->dtype == SBI_F64 ? 2 : 1;
    for (int i = 0; i < EVENTS; i++) {
        const double size = sizes[(k + 3 * side + 7 * (i / 2048)) % SIZES];
        double x = size * (i % 2048 == 5 ? 1.0 : 2.0 * mix_uniform(s) - 1.0);
        const double stored = storage == SBI_MORPH_LOG ? x : exp(x);
        double read;
        if (c->dtype == SBI_F64)
            read = c->data.plain[i * c->step] = stored;
        else if (c->dtype == SBI_F32)
            read = (double)(c->data.single[i] = (float)stored);
        else
            read = mix_from_half(c->data.half[i] = mix_to_half(stored));
        c->logarithm[i] = storage == SBI_MORPH_LOG ? read : log(read);
    }
    const int64_t size = (int64_t)sbi_dtype_size(c->dtype);
    sbi_array a = sbi_array_1d(&c->data, c->dtype, EVENTS);
    a.strides[0] = c->step * size;
    return a;
}

/* Code 4 and its derivatives by alpha, in long double. */
static void code4(long double x, long double z, long double a, long double f[3])
{
    const long double u = expl(x), d = expl(z);
    if (a > 1 || a < -1) {
        const long double slope = a > 0 ? x : -z;
        f[0] = expl(a * slope);
        f[1] = f[0] * slope;
        f[2] = f[1] * slope;
        return;
    }
    const long double S0 = (u + d) / 2, A0 = (u - d) / 2, S1 = (u * x - d * z) / 2, A1 = (u * x + d * z) / 2,
                      S2 = (u * x * x + d * z * z) / 2, A2 = (u * x * x - d * z * z) / 2;
    const long double c[7] = {1,
                              (15 * A0 - 7 * S1 + A2) / 8,
                              (-24 + 24 * S0 - 9 * A1 + S2) / 8,
                              (-5 * A0 + 5 * S1 - A2) / 4,
                              (12 - 12 * S0 + 7 * A1 - S2) / 4,
                              (3 * A0 - 3 * S1 + A2) / 8,
                              (-8 + 8 * S0 - 5 * A1 + S2) / 8};
    f[0] = f[1] = f[2] = 0;
    for (int n = 6; n >= 0; n--) {
        f[2] = f[2] * a + 2 * f[1];
        f[1] = f[1] * a + f[0];
        f[0] = f[0] * a + c[n];
    }
}

/* F = sum_i w_i (ln y_i + y_i): value, gradient and Hessian, and the sizes of what was summed. */
static void reference(int n, const double *alpha, long double *value, long double *g, long double *H)
{
    *value = 0;
    for (int k = 0; k < n * n; k++)
        H[k] = 0;
    for (int k = 0; k < n; k++)
        g[k] = 0;
    for (int i = 0; i < EVENTS; i++) {
        long double y = 1, phi[MOST], chi[MOST], f[3];
        for (int k = 0; k < n; k++) {
            code4(columns[k][0].logarithm[i], columns[k][1].logarithm[i], alpha[k], f);
            y *= f[0];
            phi[k] = f[1] / f[0];
            chi[k] = f[2] / f[0] - phi[k] * phi[k];
        }
        *value += weight[i] * (logl(y) + y);
        for (int k = 0; k < n; k++) {
            g[k] += weight[i] * phi[k] * (1 + y);
            for (int l = 0; l < n; l++)
                H[k * n + l] += weight[i] * (y * phi[k] * phi[l] + (k == l ? (1 + y) * chi[k] : 0));
        }
    }
}

static void check(const double *got, const long double *want, int n, double tolerance, const char *what, int factors)
{
    long double largest = 0;
    for (int i = 0; i < n; i++)
        largest = fmaxl(largest, fabsl(want[i]));
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabsl((long double)got[i] - want[i]) <= (long double)tolerance * largest, "%d factors: %s[%d] is %.17g, not %.17Lg",
                      factors, what, i, got[i], want[i]);
}

START_TEST(any_group)
{
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i % SBI_ISA_COUNT));
    const int layout = _i / SBI_ISA_COUNT % 6, mixed = _i / SBI_ISA_COUNT / 6 % 2, storage = _i / SBI_ISA_COUNT / 12 ? SBI_MORPH_RATIO : SBI_MORPH_LOG;
    if (!kernels) return;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    uint64_t s = (uint64_t)_i + 1;
    static const int counts[] = {1, 2, 3, 4, 5, 7, 8, 11, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        const int n = counts[c];
        sbi_tape *tape;
        sbi_tape_work *work;
        sbi_var p[MOST];
        sbi_array up[MOST], down[MOST];
        double alpha[MOST], value, plain, g[MOST], H[MOST * MOST], row[MOST];
        long double want, wanted_g[MOST], wanted_H[MOST * MOST];
        ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
        const sbi_events events = sbi_tape_events(tape, "data", EVENTS);
        for (int i = 0; i < EVENTS; i++)
            weight[i] = 0.5 + mix_uniform(&s);
        for (int k = 0; k < n; k++) {
            char name[16];
            snprintf(name, sizeof name, "p%d", k);
            p[k] = sbi_tape_param(tape, name);
            up[k] = fill(&columns[k][0], layout, k, 0, storage, &s);
            down[k] = fill(&columns[k][1], layout, k, 1, storage, &s);
            alpha[k] = k % 7 == 6 ? 1.0 + mix_uniform(&s) : k % 7 == 5 ? -1.5 * mix_uniform(&s) : 2.0 * mix_uniform(&s) - 1.0;
        }
        const sbi_array w = sbi_array_1d(weight, SBI_F64, EVENTS);
        const sbi_var y = sbi_tape_morph(tape, events, p, (size_t)n, up, down, SBI_INTERP_CODE4, storage);
        const sbi_var f = sbi_tape_weighted_sum(tape, sbi_tape_column(tape, events, &w, "w"), sbi_tape_add(tape, sbi_tape_log(tape, y), y));
        ck_assert_msg(sbi_tape_seal(tape, f) == SBI_OK, "%s", sbi_last_error());
        sbi_tape_work_options options = SBI_TAPE_WORK_OPTIONS_INIT;
        options.precision = mixed ? SBI_PRECISION_MIXED : SBI_PRECISION_DOUBLE;
        ck_assert_int_eq(sbi_tape_work_create_with(&work, tape, &options), SBI_OK);
        sbi_tape_work_set_kernels(work, kernels);
        ck_assert_msg(sbi_tape_hessian(work, alpha, &value, g, H) == SBI_OK, "%s", sbi_last_error());
        ck_assert_int_eq(sbi_tape_eval(work, alpha, &plain, NULL), SBI_OK);
        ck_assert_msg(memcmp(&plain, &value, sizeof value) == 0, "the value alone is %.17g, with derivatives %.17g", plain, value);
        ck_assert_int_eq(sbi_tape_hessian_rows(work, alpha, (size_t)n / 2, 1, row), SBI_OK);
        ck_assert_mem_eq(row, H + n / 2 * n, (size_t)n * sizeof *row);
        reference(n, alpha, &want, wanted_g, wanted_H);
        check(&value, &want, 1, mixed ? 3e-8 : 1e-14, "value", n);
        check(g, wanted_g, n, mixed ? 1e-6 : 1e-12, "gradient", n);
        check(H, wanted_H, n * n, mixed ? 1e-6 : 1e-12, "Hessian", n);
        sbi_tape_work_destroy(work);
        sbi_tape_destroy(tape);
    }
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape: groups of factors");
    TCase *cases = tcase_create("groups");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, any_group, 0, SBI_ISA_COUNT * 6 * 2 * 2);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
