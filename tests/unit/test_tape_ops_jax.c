/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation, scalar and event-wise, against JAX in f64 (tests/reference/jax_ops.py): value, gradient, Hessian, HVP and rows; for every
 * instruction set. */
#include <stdio.h>

#include "reference/jax_ops.h"
#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_operations.h"

enum { EVENTS = 37, N_VALUES = (int)(sizeof jax_operations / sizeof *jax_operations) };

static double column_a[EVENTS], column_b[EVENTS], weights[EVENTS];

static sbi_var record(sbi_tape *t, const struct jax_operation *j)
{
    const struct operation *o = NULL;
    for (int i = 0; i < N_OPERATIONS; i++)
        if (strcmp(operations[i].name, j->name) == 0) o = &operations[i];
    ck_assert_msg(o || strcmp(j->name, "dot") == 0, "no operation is named %s", j->name);
    sbi_var p = sbi_tape_param(t, "p"), q = sbi_tape_param(t, "q");
    if (!j->eventwise) return o->record(t, p, q);
    sbi_events events = sbi_tape_events(t, "events", EVENTS);
    const sbi_array a = sbi_array_1d(column_a, SBI_F64, EVENTS), b = sbi_array_1d(column_b, SBI_F64, EVENTS);
    const sbi_array w = sbi_array_1d(weights, SBI_F64, EVENTS);
    const sbi_var scalars[2] = {p, q}, columns[2] = {sbi_tape_column(t, events, &a, "a"), sbi_tape_column(t, events, &b, "b")};
    sbi_var x = o ? o->record(t, sbi_tape_mul(t, p, columns[0]), sbi_tape_add(t, columns[1], q))
                  : sbi_tape_exp(t, sbi_tape_dot(t, scalars, columns, 2));
    return sbi_tape_weighted_sum(t, sbi_tape_column(t, events, &w, "w"), x);
}

START_TEST(same_as_jax)
{
    const struct jax_operation *j = &jax_operations[_i % N_VALUES];
    const sbi_tape_kernels *kernels = sbi_tape_kernels_for((sbi_isa)(_i / N_VALUES));
    if (!kernels || (!j->eventwise && _i / N_VALUES)) return;
    sbi_context *ctx;
    sbi_tape *t;
    sbi_tape_work *work;
    for (int i = 0; i < EVENTS; i++) {
        column_a[i] = 1 + 0.004 * i;
        column_b[i] = 0.01 * i;
        weights[i] = 1 + 0.1 * i;
    }
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
    ck_assert_msg(sbi_tape_seal(t, record(t, j)) == SBI_OK, "%s: %s", j->name, sbi_last_error());
    ck_assert_int_eq(sbi_tape_work_create(&work, t), SBI_OK);
    sbi_tape_work_set_kernels(work, kernels);
    const double theta[2] = {j->values[0], 0.7}, *want = j->values + 1, V[4] = {1, 0, 0, 1};
    double value, g[2], H[4], HV[4], row[2], scale[2] = {0, 0};
    ck_assert_msg(sbi_tape_hessian(work, theta, &value, g, H) == SBI_OK, "%s: %s", j->name, sbi_last_error());
    ck_assert_int_eq(sbi_tape_hvp(work, theta, V, 2, HV), SBI_OK);
    for (int i = 0; i < 2; i++)
        scale[0] += fabs(want[1 + i]);
    for (int i = 0; i < 4; i++)
        scale[1] += fabs(want[3 + i]);
    ck_assert_double_eq_tol(value, want[0], 1e-13 * (fabs(want[0]) + 0.01 * scale[0]));
    for (int i = 0; i < 2; i++)
        ck_assert_msg(fabs(g[i] - want[1 + i]) <= 1e-12 * scale[0], "%s at %g: gradient %d is %.17g, JAX has %.17g", j->name, theta[0], i,
                      g[i], want[1 + i]);
    for (int i = 0; i < 4; i++) {
        ck_assert_msg(fabs(H[i] - want[3 + i]) <= 1e-12 * scale[1] + 1e-14 * scale[0], "%s at %g: H[%d] is %.17g, JAX has %.17g", j->name,
                      theta[0], i, H[i], want[3 + i]);
        ck_assert_double_eq_tol(HV[i], want[3 + i], 1e-12 * scale[1] + 1e-14 * scale[0]);
    }
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(sbi_tape_hessian_rows(work, theta, i, 1, row), SBI_OK);
        ck_assert_mem_eq(row, H + 2 * i, sizeof row);
    }
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(t);
    sbi_context_destroy(ctx);
}
END_TEST

/* None is forgotten when one is added. */
START_TEST(all_of_them)
{
    for (int i = 0; i < N_OPERATIONS; i++) {
        int found[2] = {0, 0};
        for (int k = 0; k < N_VALUES; k++)
            if (strcmp(jax_operations[k].name, operations[i].name) == 0) found[jax_operations[k].eventwise]++;
        ck_assert_msg(found[0] == 4 && found[1] == (operations[i].scalar_only ? 0 : 4), "%s: %d and %d points", operations[i].name,
                      found[0], found[1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_ops_jax");
    TCase *cases = tcase_create("ops");
    tcase_add_loop_test(cases, same_as_jax, 0, N_VALUES * SBI_ISA_COUNT);
    tcase_add_test(cases, all_of_them);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
