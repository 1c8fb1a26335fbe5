/* SPDX-License-Identifier: Apache-2.0 */
/* A simulator of which everything is known: theta in the square [-1, 1]^2, a latent v ~ N(theta, 1), and what is seen, x ~ N(v, s^2).
 * Against the reference theta = 0, with |.| in two dimensions,
 *     ln r(x, v | theta) = theta v - |theta|^2 / 2,     t(x, v | theta) = v - theta,
 *     ln r(x | theta) = (theta x - |theta|^2 / 2) / (1 + s^2).
 * Every loss has to come to the last line; those that use joint ratios and scores with fewer events. SBI_CLOSURE_TABLE=1 prints. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "sbi/ratio.h"
#include "sbi/train.h"
#include "support/run_suite.h"

#define S2 0.25
#define MOST 24000
#define TESTS 4000

static sbi_context *ctx;
static double x[2][MOST][2], theta[2][MOST][2], ratio[2][MOST], score[2][MOST][2];
static double test_x[TESTS][2], test_theta[TESTS][2], test_truth[TESTS];

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static double log_ratio(const double *at, const double *th)
{
    return (th[0] * at[0] + th[1] * at[1] - 0.5 * (th[0] * th[0] + th[1] * th[1])) / (1 + S2);
}

/* Event i of side 0 (the reference) or 1. */
static void simulate(uint64_t seed, int side, int64_t i, double *at, double *th, double *r, double *t)
{
    double dot = 0, square = 0;
    for (int j = 0; j < 2; j++) {
        const uint64_t stream = (uint64_t)(side * 2 + j);
        th[j] = 2 * sbi_random_uniform(seed, stream, (uint64_t)i) - 1;
        const double v = (side ? th[j] : 0) + sbi_random_normal(seed, 10 + stream, (uint64_t)i);
        at[j] = v + sqrt(S2) * sbi_random_normal(seed, 20 + stream, (uint64_t)i);
        dot += th[j] * v;
        square += th[j] * th[j];
        t[j] = v - th[j];
    }
    *r = exp(dot - 0.5 * square);
}

static void set_up(void)
{
    double r, t[2];
    ok(sbi_context_create(&ctx, NULL));
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < MOST; i++) simulate(5, side, i, x[side][i], theta[side][i], &ratio[side][i], score[side][i]);
    for (int64_t i = 0; i < TESTS; i++) {
        simulate(6, i % 2 == 1, i, test_x[i], test_theta[i], &r, t);
        test_truth[i] = log_ratio(test_x[i], test_theta[i]);
    }
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
}

/* The first n events of both sides; the reference with theta of its own, or with what the dataset gives it. */
static sbi_dataset *make_data(int64_t n, int own_theta)
{
    sbi_dataset *data;
    ok(sbi_dataset_create(&data, ctx));
    for (int32_t side = 0; side < 2; side++) {
        const sbi_array xa = sbi_array_2d(x[side], SBI_F64, n, 2), ta = sbi_array_2d(theta[side], SBI_F64, n, 2);
        const sbi_array ra = sbi_array_1d(ratio[side], SBI_F64, n), sa = sbi_array_2d(score[side], SBI_F64, n, 2);
        sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
        a.features = &xa;
        if (side || own_theta) {
            a.theta = &ta;
            a.joint_ratio = &ra;
            a.score = &sa;
        }
        ok(sbi_dataset_add_arrays(data, side, &a));
    }
    return data;
}

/* Root mean square of ln r - truth over events of both sides. */
static double error_of(const sbi_network *net)
{
    static double in[TESTS][4], out[TESTS];
    for (int i = 0; i < TESTS; i++)
        for (int j = 0; j < 2; j++) {
            in[i][j] = test_x[i][j];
            in[i][2 + j] = test_theta[i][j];
        }
    const sbi_array a = sbi_array_2d(in, SBI_F64, TESTS, 4);
    ok(sbi_network_evaluate(net, &a, out));
    double sum = 0;
    for (int i = 0; i < TESTS; i++) sum += (out[i] - test_truth[i]) * (out[i] - test_truth[i]);
    return sqrt(sum / TESTS);
}

static double train(int32_t loss, int64_t n, int own_theta)
{
    sbi_dataset *data = make_data(n, own_theta);
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    sbi_network *net;
    o.depth = 2;
    o.width = 24;
    o.activation = SBI_ACTIVATION_TANH;
    o.batch = 128;
    o.epochs = (int32_t)(240000 / n); /* as many steps for any number of events */
    o.learning_rate = 3e-3;
    o.loss = loss;
    ok(sbi_network_train(&net, data, &o));
    const double error = error_of(net);
    if (getenv("SBI_CLOSURE_TABLE")) {
        static const char *const names[] = {"", "BCE (CARL)", "", "", "ROLR", "ALICE", "RASCAL", "ALICES", "CASCAL"};
        printf("%-10s %6d events a side%s: rms error of ln r %.4f\n", names[loss], (int)n, own_theta ? "" : ", theta of the reference drawn",
               error), fflush(stdout);
    }
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    return error;
}

/* What a constant would miss. */
static double spread_of_truth(void)
{
    double mean = 0, sum = 0;
    for (int i = 0; i < TESTS; i++) mean += test_truth[i] / TESTS;
    for (int i = 0; i < TESTS; i++) sum += (test_truth[i] - mean) * (test_truth[i] - mean);
    return sqrt(sum / TESTS);
}

START_TEST(every_loss_finds_the_exact_ratio)
{
    const double spread = spread_of_truth();
    const int64_t few = MOST / 12;
    const double carl = train(SBI_LOSS_BCE, MOST, 1), drawn = train(SBI_LOSS_BCE, MOST, 0);
    ck_assert_double_lt(carl, 0.35 * spread);
    ck_assert_double_lt(drawn, 0.35 * spread);
    ck_assert_double_lt(train(SBI_LOSS_ROLR, MOST / 3, 1), 0.3 * spread);
    ck_assert_double_lt(train(SBI_LOSS_ALICE, MOST / 3, 1), 0.3 * spread);
    /* A twelfth of the events is enough with joint ratios and scores, where labels alone are far off. */
    const double carl_few = train(SBI_LOSS_BCE, few, 1);
    const double rolr_few = train(SBI_LOSS_ROLR, few, 1);
    ck_assert_double_lt(train(SBI_LOSS_ALICE, few, 1), 0.6 * carl_few);
    const double rascal_few = train(SBI_LOSS_RASCAL, few, 1), alices_few = train(SBI_LOSS_ALICES, few, 1);
    ck_assert_double_lt(train(SBI_LOSS_CASCAL, few, 1), 0.7 * carl_few);
    ck_assert_double_lt(rascal_few, rolr_few);
    ck_assert_double_lt(rascal_few, 0.6 * carl_few);
    ck_assert_double_lt(alices_few, 0.6 * carl_few);
    ck_assert_double_lt(rascal_few, 1.15 * carl);
    ck_assert_double_lt(alices_few, carl);
    if (getenv("SBI_CLOSURE_TABLE")) printf("the truth spreads by %.4f\n", spread);
}
END_TEST

/* Three normal distributions: every pair's ratio, from a softmax and from heads over one reference; and a column at one theta. */
START_TEST(every_pair_of_classes)
{
    enum { N = 8000 };
    static const double mean[3][2] = {{0, 0}, {1, 0}, {-0.5, 0.8}};
    static double events[3][N][2], out[N];
    sbi_dataset *data;
    ok(sbi_dataset_create(&data, ctx));
    for (int32_t c = 0; c < 3; c++) {
        for (int64_t i = 0; i < N; i++)
            for (int j = 0; j < 2; j++) events[c][i][j] = mean[c][j] + sbi_random_normal(7, (uint64_t)(c * 2 + j), (uint64_t)i);
        const sbi_array a = sbi_array_2d(events[c], SBI_F64, N, 2);
        ok(sbi_dataset_add_array(data, c, &a, NULL));
    }
    ok(sbi_dataset_set_class_name(data, 2, "signal"));
    for (int heads = 0; heads < 2; heads++) {
        sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
        o.depth = 2;
        o.width = 16;
        o.batch = 256;
        o.epochs = 12;
        o.learning_rate = 3e-3;
        o.loss = heads ? SBI_LOSS_BCE : SBI_LOSS_MULTICLASS;
        sbi_ensemble *ens;
        ok(sbi_ensemble_train(&ens, data, &o, NULL));
        ck_assert_str_eq(sbi_network_class_name(sbi_ensemble_network(ens, 0), 2), "signal");
        for (int32_t a = 0; a < 3; a++) {
            for (int32_t b = 0; b < 3; b++) {
                if (a == b) continue;
                sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
                r.output = SBI_RATIO_LOG;
                r.numerator = a;
                r.denominator = b;
                const sbi_array view = sbi_array_2d(events[b], SBI_F64, N, 2);
                ok(sbi_ratio_evaluate(ens, &view, out, NULL, &r));
                double sum = 0;
                for (int64_t i = 0; i < N; i++) {
                    double truth = 0;
                    for (int j = 0; j < 2; j++)
                        truth += (mean[a][j] - mean[b][j]) * events[b][i][j] - 0.5 * (mean[a][j] * mean[a][j] - mean[b][j] * mean[b][j]);
                    sum += (out[i] - truth) * (out[i] - truth);
                }
                if (getenv("SBI_CLOSURE_TABLE"))
                    printf("%s: class %d over class %d: rms error of ln r %.4f\n", heads ? "heads" : "softmax", (int)a, (int)b, sqrt(sum / N));
                ck_assert_double_lt(sqrt(sum / N), 0.15);
            }
        }
        sbi_ensemble_destroy(ens);
    }
    sbi_dataset_destroy(data);
}
END_TEST

/* One column for a theta, the same as rows that end in it. */
START_TEST(columns_at_a_theta)
{
    sbi_dataset *data = make_data(MOST / 12, 1);
    static const char *const names[2] = {"mu", "phi"};
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    sbi_ensemble *ens;
    ok(sbi_dataset_set_parameter_names(data, names, 2));
    o.depth = 1;
    o.width = 8;
    o.epochs = 2;
    o.members = 2;
    o.loss = SBI_LOSS_ALICES;
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    const sbi_network *net = sbi_ensemble_network(ens, 0);
    sbi_network_info info = {.struct_size = sizeof info};
    ok(sbi_network_info_get(net, &info));
    ck_assert_int_eq(info.theta, 2);
    ck_assert_int_eq(info.classes, 2);
    ck_assert_str_eq(sbi_network_feature_name(net, 3), "phi");
    static double rows[500][4], a[500], b[500];
    const double at[2] = {0.25, -0.5};
    for (int i = 0; i < 500; i++) {
        rows[i][0] = test_x[i][0];
        rows[i][1] = test_x[i][1];
        rows[i][2] = at[0];
        rows[i][3] = at[1];
    }
    const sbi_array wide = sbi_array_2d(rows, SBI_F64, 500, 4), narrow = sbi_array_2d(test_x, SBI_F64, 500, 2);
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    ok(sbi_ratio_evaluate(ens, &wide, a, NULL, &r));
    r.theta = at;
    r.n_theta = 2;
    ok(sbi_ratio_evaluate(ens, &narrow, b, NULL, &r));
    ck_assert_mem_eq(a, b, sizeof a);
    ok(sbi_network_evaluate(net, &wide, a));
    ok(sbi_network_evaluate_at(net, &narrow, at, 2, b));
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_int_eq(sbi_network_evaluate_at(net, &narrow, at, 1, b), SBI_ERR_SHAPE);
    ck_assert_int_eq(sbi_ratio_evaluate(ens, &wide, b, NULL, &r), SBI_ERR_SHAPE);
    r.n_theta = 1;
    ck_assert_int_eq(sbi_ratio_evaluate(ens, &narrow, b, NULL, &r), SBI_ERR_SHAPE);
    r.n_theta = 2;
    r.numerator = 2;
    ck_assert_int_eq(sbi_ratio_evaluate(ens, &narrow, b, NULL, &r), SBI_ERR_ARGUMENT);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("physics: losses");
    TCase *c = tcase_create("closure");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 300);
    tcase_add_test(c, every_loss_finds_the_exact_ratio);
    tcase_add_test(c, every_pair_of_classes);
    tcase_add_test(c, columns_at_a_theta);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
