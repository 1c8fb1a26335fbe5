/* SPDX-License-Identifier: Apache-2.0 */
/* Registered functions, dot products and additive morphs with 1 to 8 threads: the same bits; and one sealed tape evaluated by several
 * threads of the host at once, each with its own workspace. */
#include <math.h>
#include <pthread.h>

#include "support/run_suite.h"
#include "tape/work.h"
#include "tape_mixture.h"
#include "tape_operations.h"

enum { EVENTS = 30000, PARAMS = 6, HOSTS = 3 };

static double columns[PARAMS][EVENTS], up[PARAMS][EVENTS], down[PARAMS][EVENTS];

static void fill(void)
{
    uint64_t s = 11;
    for (int k = 0; k < PARAMS; k++)
        for (int i = 0; i < EVENTS; i++) {
            columns[k][i] = mix_uniform(&s) - 0.3;
            up[k][i] = 0.8 + 0.4 * mix_uniform(&s);
            down[k][i] = 0.8 + 0.4 * mix_uniform(&s);
        }
}

static sbi_var record(sbi_tape *t)
{
    sbi_events events = sbi_tape_events(t, "data", EVENTS);
    sbi_var p[PARAMS], c[PARAMS];
    sbi_array ups[PARAMS], downs[PARAMS];
    for (int k = 0; k < PARAMS; k++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", k);
        p[k] = sbi_tape_param(t, name);
        ups[k] = sbi_array_1d(up[k], SBI_F64, EVENTS);
        downs[k] = sbi_array_1d(down[k], SBI_F64, EVENTS);
        const sbi_array view = sbi_array_1d(columns[k], SBI_F64, EVENTS);
        c[k] = sbi_tape_column(t, events, &view, name);
    }
    sbi_var one = sbi_tape_constant(t, 1.0);
    sbi_var y = sbi_tape_morph(t, events, p, PARAMS, ups, downs, SBI_INTERP_CODE4P, SBI_MORPH_RATIO);
    sbi_var x = sbi_tape_add(t, y, sbi_tape_square(t, sbi_tape_dot(t, p, c, PARAMS)));
    sbi_var sum = sbi_tape_sum(t, sbi_tape_log(t, sbi_tape_add(t, one, map_cube(t, x, one))));
    return sbi_tape_add(t, apply_two(t, sbi_tape_div(t, sum, sbi_tape_constant(t, 1e4)), p[1]), sum);
}

typedef struct results {
    const sbi_tape *tape;
    sbi_status status;
    double value, g[PARAMS], H[PARAMS * PARAMS], HV[2 * PARAMS], row[PARAMS];
} results;

static void *evaluate(void *arg)
{
    results *r = arg;
    const double theta[2 * PARAMS] = {0.3, -0.4, 1.2, 0.1, -1.5, 0.8, 1, 0, 0, 0, 0, 1};
    sbi_tape_work *work;
    r->status = sbi_tape_work_create(&work, r->tape);
    if (r->status == SBI_OK) r->status = sbi_tape_hessian(work, theta, &r->value, r->g, r->H);
    if (r->status == SBI_OK) r->status = sbi_tape_hvp(work, theta, theta, 2, r->HV);
    if (r->status == SBI_OK) r->status = sbi_tape_hessian_rows(work, theta, 3, 1, r->row);
    sbi_tape_work_destroy(work);
    return NULL;
}

static void compare(const results *a, const results *b)
{
    ck_assert_int_eq(a->status, SBI_OK);
    ck_assert_mem_eq(&a->value, &b->value, sizeof a->value);
    ck_assert_mem_eq(a->g, b->g, sizeof a->g);
    ck_assert_mem_eq(a->H, b->H, sizeof a->H);
    ck_assert_mem_eq(a->HV, b->HV, sizeof a->HV);
    ck_assert_mem_eq(a->row, b->row, sizeof a->row);
    ck_assert_mem_eq(a->row, a->H + 3 * PARAMS, sizeof a->row);
}

START_TEST(same_bits)
{
    static const int32_t threads[] = {1, 2, 3, 8};
    static results r[4];
    fill();
    for (int i = 0; i < 4; i++) {
        sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
        options.threads = threads[i];
        sbi_context *ctx;
        sbi_tape *t;
        ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
        ck_assert_int_eq(sbi_tape_create(&t, ctx), SBI_OK);
        ck_assert_msg(sbi_tape_seal(t, record(t)) == SBI_OK, "%s", sbi_last_error());
        r[i].tape = t;
        evaluate(&r[i]);
        ck_assert_msg(r[i].status == SBI_OK, "%s", sbi_last_error());
        compare(&r[i], &r[0]);
        if (threads[i] == 3) {
            static results host[HOSTS];
            pthread_t id[HOSTS];
            for (int h = 0; h < HOSTS; h++) {
                host[h].tape = t;
                ck_assert_int_eq(pthread_create(&id[h], NULL, evaluate, &host[h]), 0);
            }
            for (int h = 0; h < HOSTS; h++) {
                pthread_join(id[h], NULL);
                compare(&host[h], &r[0]);
            }
        }
        sbi_tape_destroy(t);
        sbi_context_destroy(ctx);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape_threads");
    TCase *cases = tcase_create("threads");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, same_bits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
