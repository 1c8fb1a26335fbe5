/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed model is shared between threads, and gives the same bits for any number of the context's own. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/random.h"
#include "sbi/model.h"
#include "support/run_suite.h"

#define WORKSPACE "tests/data/model/normalised.json"
enum { P = 4, THREADS = 3, ROUNDS = 20 };
static const double theta[P] = {1.3, 0.2, -0.6, 0.9};

typedef struct answers {
    double value, gradient[P], yields[4], weights[80], asimov;
} answers;

typedef struct asker {
    const sbi_model *model;
    answers got;
    sbi_status status;
} asker;

static sbi_status ask(const sbi_model *m, answers *a)
{
    sbi_model_work *work, *other = NULL;
    sbi_model *asimov = NULL;
    sbi_status status = sbi_model_work_create(&work, m);
    if (status == SBI_OK) status = sbi_model_nll(work, theta, &a->value, a->gradient);
    if (status == SBI_OK) status = sbi_model_yields(m, 0, theta, a->yields);
    if (status == SBI_OK) status = sbi_model_asimov_weights(m, 0, theta, a->weights);
    if (status == SBI_OK) status = sbi_model_asimov(&asimov, m, theta);
    if (status == SBI_OK) status = sbi_model_work_create(&other, asimov);
    if (status == SBI_OK) status = sbi_model_nll(other, theta, &a->asimov, NULL);
    sbi_model_work_destroy(other);
    sbi_model_destroy(asimov);
    sbi_model_work_destroy(work);
    return status;
}

static void *run(void *arg)
{
    asker *a = arg;
    for (int i = 0; i < ROUNDS && a->status == SBI_OK; i++) a->status = ask(a->model, &a->got);
    return NULL;
}

START_TEST(shared_by_threads)
{
    sbi_context *ctx;
    sbi_model *m;
    answers alone;
    memset(&alone, 0, sizeof alone);
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_model_load(&m, ctx, WORKSPACE), SBI_OK);
    ck_assert_int_eq(sbi_model_n_asimov_events(m, 0), 80);
    ck_assert_int_eq(ask(m, &alone), SBI_OK);
    pthread_t threads[THREADS];
    asker askers[THREADS];
    memset(askers, 0, sizeof askers);
    for (int i = 0; i < THREADS; i++) {
        askers[i].model = m;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &askers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(askers[i].status, SBI_OK);
        ck_assert(memcmp(&askers[i].got, &alone, sizeof alone) == 0);
    }
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

enum { N = 150001 }; /* some chunks and blocks, none of them whole at the end */
static double ratio[2][N], high[N], low[N], weights[N];

/* Interference, a per-event variation with its normalisation, yields: all that has sums over events. */
static void evaluate(int32_t n_threads, double *value, double gradient[2], double hessian[4], double *asimov)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = n_threads;
    sbi_context *ctx;
    sbi_model *m;
    size_t channel, sample;
    sbi_parameter mu;
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    sbi_array w = sbi_array_1d(weights, SBI_F64, N), h = sbi_array_1d(high, SBI_F64, N), l = sbi_array_1d(low, SBI_F64, N);
    sbi_array r[2] = {sbi_array_1d(ratio[0], SBI_F64, N), sbi_array_1d(ratio[1], SBI_F64, N)};
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(m, "mu", &mu), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(m, "JES", NULL), SBI_OK);
    ck_assert_int_eq(sbi_model_add_channel(m, "SR", N, &w, &w, 0, &channel), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "S", 3e4, "mu - 0.3*sqrt(mu)", &r[0], &r[0], &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, "JES", &h, &l, &h, &l, SBI_MORPH_RATIO), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "B", 1e5, NULL, &r[1], &r[1], &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_seal(m), SBI_OK);
    sbi_model_work *work;
    const double point[2] = {1.4, 0.7};
    ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
    ck_assert_int_eq(sbi_model_hessian(work, point, value, gradient, hessian), SBI_OK);
    ck_assert_int_eq(sbi_model_asimov_weights(m, channel, point, asimov), SBI_OK);
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}

START_TEST(same_bits_for_any_number_of_threads)
{
    static double asimov[2][N];
    double value[2], gradient[2][2], hessian[2][4];
    for (uint64_t i = 0; i < N; i++) {
        ratio[0][i] = 0.1 + sbi_random_uniform(5, 0, i);
        ratio[1][i] = 0.5 + sbi_random_uniform(5, 1, i);
        high[i] = 0.95 + 0.1 * sbi_random_uniform(5, 2, i);
        low[i] = 0.95 + 0.1 * sbi_random_uniform(5, 3, i);
        weights[i] = sbi_random_uniform(5, 4, i);
    }
    evaluate(1, &value[0], gradient[0], hessian[0], asimov[0]);
    ck_assert(isfinite(value[0]) && hessian[0][0] > 0);
    for (int32_t n = 2; n <= 3; n++) {
        evaluate(n, &value[1], gradient[1], hessian[1], asimov[1]);
        ck_assert(memcmp(&value[0], &value[1], sizeof value[0]) == 0);
        ck_assert(memcmp(gradient[0], gradient[1], sizeof gradient[0]) == 0);
        ck_assert(memcmp(hessian[0], hessian[1], sizeof hessian[0]) == 0);
        ck_assert(memcmp(asimov[0], asimov[1], sizeof asimov[0]) == 0);
    }
    /* The first bad row is the same one, too. */
    weights[70000] = weights[140000] = -1;
    sbi_array w = sbi_array_1d(weights, SBI_F64, N);
    for (int32_t n = 1; n <= 3; n++) {
        sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
        options.threads = n;
        sbi_context *ctx;
        sbi_model *m;
        size_t channel;
        ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
        ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
        ck_assert_int_eq(sbi_model_add_channel(m, "SR", N, &w, NULL, 0, &channel), SBI_ERR_VALUE);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "channel SR: weights: row 70000: weight is -1"));
        sbi_model_destroy(m);
        sbi_context_destroy(ctx);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: threads");
    TCase *t = tcase_create("threads");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, shared_by_threads);
    tcase_add_test(t, same_bits_for_any_number_of_threads);
    suite_add_tcase(s, t);
    return run_suite(s);
}
