/* SPDX-License-Identifier: Apache-2.0 */
/* Models and tapes as plain functions: the bits of the calls they stand for, from many threads at once, cancelled within a chunk. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "sbi/objective.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"
#include "tape/program.h"
#include "unit/tape_mixture.h"

#define WORKSPACE "tests/data/model/normalised.json"
enum { P = 4, M = 2, THREADS = 8, ROUNDS = 10 };
static const double theta[P] = {1.3, 0.2, -0.6, 0.9};
static const double V[M * P] = {1, 0, 2, -1, 0.5, 3, 0, 0.25};

typedef struct answers {
    double value, value_again, value_with_hessian, gradient[P], gradient_with_hessian[P], hessian[P * P], hv[M * P];
} answers;

static sbi_status ask(const sbi_objective *f, answers *a)
{
    sbi_status status = f->value(f->user, theta, &a->value);
    if (status == SBI_OK) status = f->gradient(f->user, theta, &a->value_again, a->gradient);
    if (status == SBI_OK) status = f->hessian(f->user, theta, &a->value_with_hessian, a->gradient_with_hessian, a->hessian);
    if (status == SBI_OK) status = f->hvp(f->user, theta, V, M, a->hv);
    return status;
}

static void ask_model(const sbi_model *m, answers *a)
{
    sbi_model_work *work;
    ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
    ck_assert_int_eq(sbi_model_nll(work, theta, &a->value, NULL), SBI_OK);
    ck_assert_int_eq(sbi_model_nll(work, theta, &a->value_again, a->gradient), SBI_OK);
    ck_assert_int_eq(sbi_model_hessian(work, theta, &a->value_with_hessian, a->gradient_with_hessian, a->hessian), SBI_OK);
    ck_assert_int_eq(sbi_model_hvp(work, theta, V, M, a->hv), SBI_OK);
    sbi_model_work_destroy(work);
}

START_TEST(functions_are_the_calls)
{
    sbi_context *ctx;
    sbi_model *m;
    const sbi_objective *f, *t;
    answers direct, got;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_model_load(&m, ctx, WORKSPACE), SBI_OK);
    ck_assert_uint_eq(sbi_model_n_parameters(m), P);
    ask_model(m, &direct);
    ck_assert(isfinite(direct.value));

    ck_assert_int_eq(sbi_objective_from_model(&f, m, NULL), SBI_OK);
    ck_assert_uint_eq(f->struct_size, sizeof *f);
    ck_assert_uint_eq(f->n_params, P);
    for (size_t k = 0; k < P; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        ck_assert_int_eq(sbi_model_parameter(m, k, &p), SBI_OK);
        ck_assert_str_eq(f->names[k], sbi_model_parameter_name(m, k));
        ck_assert(f->start[k] == p.start && f->lower[k] == p.lower && f->upper[k] == p.upper && f->fixed[k] == p.fixed);
        ck_assert(f->constraint_center[k] == p.auxiliary);
        ck_assert(f->constraint_sigma[k] == (p.constraint == SBI_CONSTRAINT_NONE ? 0 : p.sigma));
    }
    memset(&got, 0, sizeof got);
    ck_assert_int_eq(ask(f, &got), SBI_OK);
    ck_assert(memcmp(&got, &direct, sizeof got) == 0);

    double start[P] = {1, 0.5, 0, 0};
    ck_assert_int_eq(sbi_objective_from_tape(&t, sbi_model_tape(m), start, NULL), SBI_OK);
    start[0] = 7; /* it was copied */
    ck_assert(t->start[0] == 1 && t->start[1] == 0.5 && isinf(t->lower[0]) && isinf(t->upper[P - 1]) && t->fixed[1] == 0);
    ck_assert_str_eq(t->names[0], f->names[0]);
    memset(&got, 0, sizeof got);
    ck_assert_int_eq(ask(t, &got), SBI_OK);
    ck_assert(memcmp(&got, &direct, sizeof got) == 0);
    sbi_objective_destroy(t);
    ck_assert_int_eq(sbi_objective_from_tape(&t, sbi_model_tape(m), NULL, NULL), SBI_OK);
    ck_assert(t->start[0] == 0);

    /* A fit of the objective takes the steps of a fit of the model. */
    sbi_fit *fits[2];
    double value[2];
    ck_assert_int_eq(sbi_fit_run(&fits[0], m, NULL), SBI_OK);
    ck_assert_int_eq(sbi_fit_run_objective(&fits[1], ctx, f, NULL), SBI_OK);
    for (size_t k = 0; k < P; k++) {
        for (int i = 0; i < 2; i++) ck_assert_int_eq(sbi_fit_value(fits[i], f->names[k], &value[i]), SBI_OK);
        ck_assert(memcmp(&value[0], &value[1], sizeof *value) == 0);
    }
    sbi_fit_destroy(fits[0]);
    sbi_fit_destroy(fits[1]);
    sbi_objective_destroy(t);
    sbi_objective_destroy(f);
    sbi_objective_destroy(NULL);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

typedef struct asker {
    const sbi_model *model;
    answers got;
    sbi_status status;
    int differs;
} asker;

static void *run(void *arg)
{
    asker *a = arg;
    const sbi_objective *f;
    a->status = sbi_objective_from_model(&f, a->model, NULL);
    for (int i = 0; i < ROUNDS && a->status == SBI_OK; i++) {
        answers again;
        memset(&again, 0, sizeof again);
        a->status = ask(f, &again);
        if (i) a->differs |= memcmp(&again, &a->got, sizeof again) != 0;
        a->got = again;
    }
    sbi_objective_destroy(f);
    return NULL;
}

START_TEST(eight_threads_share_one_model)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    sbi_context *ctx;
    sbi_model *m;
    answers alone;
    pthread_t threads[THREADS];
    static asker askers[THREADS];
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    ck_assert_int_eq(sbi_model_load(&m, ctx, WORKSPACE), SBI_OK);
    ask_model(m, &alone);
    for (int i = 0; i < THREADS; i++) {
        askers[i].model = m;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &askers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(askers[i].status, SBI_OK);
        ck_assert_int_eq(askers[i].differs, 0);
        ck_assert(memcmp(&askers[i].got, &alone, sizeof alone) == 0);
    }
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

typedef struct poll {
    atomic_long polls, stop_at; /* stop_at 0: never */
} poll;

static int32_t cancel(void *user)
{
    poll *p = user;
    const long n = atomic_fetch_add(&p->polls, 1) + 1;
    const long at = atomic_load(&p->stop_at);
    return at && n >= at;
}

/* Two leaves of 4 processes and 100 nuisance parameters, on one thread. */
START_TEST(cancelled_within_a_chunk)
{
    poll p = {0, 0};
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    options.cancel = cancel;
    options.cancel_user = &p;
    sbi_context *ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    mixture m = {.n = 4096, .nuisances = 100, .dtype = SBI_F64, .storage = SBI_MORPH_LOG};
    mix_fill(&m, 0.05);
    sbi_tape *tape;
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    ck_assert_int_eq(mix_record(&m, tape), SBI_OK);
    const sbi_objective *f;
    ck_assert_int_eq(sbi_objective_from_tape(&f, tape, NULL, NULL), SBI_OK);
    double *x = calloc(m.params, sizeof *x), *g = calloc(m.params, sizeof *g), *H = calloc(m.params * m.params, sizeof *H), value;
    double *first = calloc(m.params * m.params, sizeof *first);
    x[0] = 1.2;
    atomic_store(&p.polls, 0);
    ck_assert_int_eq(f->hessian(f->user, x, &value, g, first), SBI_OK);
    const long chunks = 8 * (long)((SBI_TAPE_PART + tape->program->passes[0].chunk - 1) / tape->program->passes[0].chunk);
    ck_assert_int_ge(chunks, 8); /* some 500 events at the most */
    ck_assert_int_ge(atomic_load(&p.polls), chunks);
    for (long at = 1; at <= chunks; at += 3) {
        atomic_store(&p.polls, 0);
        atomic_store(&p.stop_at, at);
        ck_assert_int_eq(f->hessian(f->user, x, &value, g, H), SBI_ERR_CANCELLED);
        ck_assert_int_eq(atomic_load(&p.polls), at); /* nothing was computed after it said so */
    }
    atomic_store(&p.stop_at, 0);
    ck_assert_int_eq(f->hessian(f->user, x, &value, g, H), SBI_OK); /* and the workspace is as good as new */
    ck_assert(isfinite(value));
    ck_assert_mem_eq(H, first, m.params * m.params * sizeof *H);
    free(first);
    sbi_objective_destroy(f);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    free(x);
    free(g);
    free(H);
    mix_free(&m);
}
END_TEST

START_TEST(arguments)
{
    sbi_context *ctx;
    sbi_model *m;
    sbi_tape *tape;
    const sbi_objective *f = (const sbi_objective *)(const void *)&ctx;
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_objective_from_model(NULL, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_objective_from_model(&f, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(f);
    ck_assert_int_eq(sbi_objective_from_tape(&f, NULL, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    ck_assert_int_eq(sbi_objective_from_model(&f, m, NULL), SBI_ERR_STATE);
    ck_assert_int_eq(sbi_model_add_parameter(m, "mu", NULL), SBI_OK);
    ck_assert_int_eq(sbi_objective_from_model(&f, m, NULL), SBI_ERR_STATE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "not sealed"));
    sbi_model_destroy(m);
    ck_assert_int_eq(sbi_tape_create(&tape, ctx), SBI_OK);
    const sbi_var x = sbi_tape_param(tape, "x");
    ck_assert_int_eq(sbi_objective_from_tape(&f, tape, NULL, NULL), SBI_ERR_STATE);
    ck_assert_int_eq(sbi_tape_seal(tape, sbi_tape_square(tape, x)), SBI_OK);
    const double nan = NAN;
    ck_assert_int_eq(sbi_objective_from_tape(&f, tape, &nan, NULL), SBI_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "start of parameter x is nan"));
    sbi_tape_work_options wrong = SBI_TAPE_WORK_OPTIONS_INIT;
    wrong.precision = 7;
    ck_assert_int_eq(sbi_objective_from_tape(&f, tape, NULL, &wrong), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(f);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
}
END_TEST

static sbi_status torture_body(sbi_context *ctx, void *arg)
{
    (void)arg;
    sbi_model *m = NULL;
    const sbi_objective *f = NULL, *t = NULL;
    answers got;
    sbi_status status = sbi_model_load(&m, ctx, WORKSPACE);
    if (status == SBI_OK) status = sbi_objective_from_model(&f, m, NULL);
    if (status == SBI_OK) status = sbi_objective_from_tape(&t, sbi_model_tape(m), NULL, NULL);
    if (status == SBI_OK) status = ask(f, &got);
    if (status == SBI_OK) status = ask(t, &got);
    sbi_objective_destroy(t);
    sbi_objective_destroy(f);
    sbi_model_destroy(m);
    return status;
}

START_TEST(every_allocation_fails_in_turn)
{
    torture_report r = torture_allocations(torture_body, NULL, 1, _i);
    ck_assert_int_gt(r.requests, 50);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fit: models and tapes as plain functions");
    TCase *t = tcase_create("objectives");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, functions_are_the_calls);
    tcase_add_test(t, eight_threads_share_one_model);
    tcase_add_test(t, cancelled_within_a_chunk);
    tcase_add_test(t, arguments);
    tcase_add_loop_test(t, every_allocation_fails_in_turn, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
