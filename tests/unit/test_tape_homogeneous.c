/* SPDX-License-Identifier: Apache-2.0 */
/* Which reductions take the shorter form of the Hessian, and that it has the value of the longer one: the Hessian-vector products,
 * which never take it. */
#include "tape_mixture.h"

#include "support/run_suite.h"
#include "tape/program.h"

enum { N = 300, K = 5, P = K + 1 };

typedef struct fixture {
    sbi_context *ctx;
    sbi_tape *tape;
    sbi_var y[3], alpha[K], mu, background;
    double column[N], up[3][K][N], down[3][K][N];
} fixture;

/* Three morphs; the last has `last` of the alphas only. */
static void record(fixture *f, size_t last)
{
    uint64_t s = 5;
    ck_assert_int_eq(sbi_context_create(&f->ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&f->tape, f->ctx), SBI_OK);
    f->mu = sbi_tape_param(f->tape, "mu");
    sbi_events events = sbi_tape_events(f->tape, "data", N);
    for (int i = 0; i < N; i++)
        f->column[i] = 0.5 + mix_uniform(&s);
    sbi_array view = sbi_array_1d(f->column, SBI_F64, N), up[K], down[K];
    f->background = sbi_tape_column(f->tape, events, &view, "background");
    for (int k = 0; k < K; k++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", k);
        f->alpha[k] = sbi_tape_param(f->tape, name);
    }
    for (int p = 0; p < 3; p++) {
        for (int k = 0; k < K; k++) {
            for (int i = 0; i < N; i++) {
                f->up[p][k][i] = 0.2 * mix_uniform(&s) - 0.1;
                f->down[p][k][i] = 0.2 * mix_uniform(&s) - 0.1;
            }
            up[k] = sbi_array_1d(f->up[p][k], SBI_F64, N);
            down[k] = sbi_array_1d(f->down[p][k], SBI_F64, N);
        }
        f->y[p] = sbi_tape_morph(f->tape, events, f->alpha, p == 2 ? last : K, up, down, SBI_INTERP_CODE4, SBI_MORPH_LOG);
    }
}

enum { MIXTURE, SIGNED, RATIO, LOG_SQUARE, PLUS_COLUMN, SQUARE_ROOT, NO_LOGARITHM, N_FORMS };
static const struct form {
    size_t last;
    int reference;
} forms[] = {{K, 2}, {3, 2}, {K, 2}, {K, 2}, {K, -1}, {K, -1}, {K, -1}};

static sbi_var expression(fixture *f, int form)
{
    sbi_tape *t = f->tape;
    sbi_var c0 = sbi_tape_mul(t, f->mu, f->y[0]), c1 = sbi_tape_mul(t, f->background, f->y[1]);
    sbi_var sum = sbi_tape_add(t, sbi_tape_add(t, c0, c1), f->y[2]);
    switch (form) {
    case MIXTURE: return sbi_tape_log(t, sum);
    case SIGNED: return sbi_tape_mul(t, f->mu, sbi_tape_log(t, sbi_tape_sub(t, sum, sbi_tape_mul(t, f->background, c0))));
    case RATIO: return sbi_tape_div(t, sbi_tape_mul(t, f->y[0], f->y[1]), sbi_tape_square(t, sum));
    case LOG_SQUARE:
        return sbi_tape_add(t, sbi_tape_log(t, sbi_tape_square(t, sum)), sbi_tape_exp(t, sbi_tape_div(t, f->y[0], f->y[1])));
    case PLUS_COLUMN: return sbi_tape_log(t, sbi_tape_add(t, sum, f->background));
    case SQUARE_ROOT: return sbi_tape_sqrt(t, sum);
    default: return sbi_tape_mul(t, sum, sbi_tape_log(t, sum));
    }
}

START_TEST(hessian)
{
    fixture f;
    record(&f, forms[_i].last);
    ck_assert_msg(sbi_tape_seal(f.tape, sbi_tape_sum(f.tape, expression(&f, _i))) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(f.tape->program->reductions[0]->reference, forms[_i].reference);
    sbi_tape_work *work;
    double theta[P] = {1.2, 0.4, -0.7, 1.3, 0.1, -1.6}, V[P * P] = {0}, products[P * P], H[P * P], rows[P * P], scale = 0.0;
    ck_assert_int_eq(sbi_tape_work_create(&work, f.tape), SBI_OK);
    for (size_t j = 0; j < P; j++)
        V[j * P + j] = 1.0;
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, P, products), SBI_OK);
    ck_assert_int_eq(sbi_tape_hessian(work, theta, NULL, NULL, H), SBI_OK);
    for (size_t j = 0; j < P; j++)
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, j, 1, rows + j * P), SBI_OK);
    ck_assert_mem_eq(rows, H, sizeof H);
    for (size_t i = 0; i < P * P; i++)
        scale = fabs(products[i]) > scale ? fabs(products[i]) : scale;
    for (size_t i = 0; i < P * P; i++)
        ck_assert_double_eq_tol(H[i], products[i], 1e-12 * scale);
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(f.tape);
    sbi_context_destroy(f.ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape: homogeneous reductions");
    TCase *tests = tcase_create("forms");
    tcase_add_loop_test(tests, hessian, 0, N_FORMS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
