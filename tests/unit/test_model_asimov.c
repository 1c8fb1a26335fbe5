/* SPDX-License-Identifier: Apache-2.0 */
/* Asimov data: at the true point the gradient vanishes, the weights are those of a model built by hand, and what the model
 * was made of may go first. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "sbi/model.h"
#include "support/run_suite.h"

enum { N = 400, EVENTS = 50, P = 3 };

static char warning[512];
static sbi_context *ctx;

static void keep_warning(void *user, int32_t level, const char *message)
{
    (void)user;
    if (level == SBI_LOG_WARNING) snprintf(warning, sizeof warning, "%s", message);
}

static void setup(void)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.log = keep_warning;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    warning[0] = '\0';
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

/* Columns of two processes over an integration sample: weights v that do not sum to one, ratios whose mean is exactly one. */
typedef struct columns {
    double v[N], signal[N], background[N], high[N], low[N], log_high[N], log_low[N], ones[EVENTS];
} columns;

static void fill(columns *c, double scale)
{
    double total = 0, s = 0, b = 0;
    for (int j = 0; j < N; j++) {
        uint64_t i = (uint64_t)j;
        c->v[j] = scale * (0.5 + sbi_random_uniform(1, 0, i));
        c->signal[j] = 0.2 + sbi_random_uniform(1, 1, i);
        c->background[j] = 0.6 + sbi_random_uniform(1, 2, i);
        c->high[j] = 0.9 + 0.2 * sbi_random_uniform(1, 3, i);
        c->low[j] = 0.9 + 0.2 * sbi_random_uniform(1, 4, i);
        c->log_high[j] = log(c->high[j]);
        c->log_low[j] = log(c->low[j]);
        total += c->v[j];
        s += c->v[j] * c->signal[j];
        b += c->v[j] * c->background[j];
    }
    for (int j = 0; j < N; j++) {
        c->signal[j] *= total / s;
        c->background[j] *= total / b;
    }
    for (int j = 0; j < EVENTS; j++) c->ones[j] = 1;
}

static sbi_array view(const double *x, int64_t n)
{
    return sbi_array_1d(x, SBI_F64, n);
}

static void add_parameters(sbi_model *m, const double *auxiliary)
{
    static const char *const names[P] = {"mu", "JES", "norm"};
    for (int k = 0; k < P; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        if (k == 0) {
            p.constraint = SBI_CONSTRAINT_NONE;
            p.start = 1;
            p.lower = 0.01;
        }
        if (k && auxiliary) p.auxiliary = auxiliary[k];
        if (k == 2) p.sigma = 0.5;
        ck_assert_int_eq(sbi_model_add_parameter(m, names[k], &p), SBI_OK);
    }
    ck_assert_int_eq(sbi_model_set_poi(m, "mu"), SBI_OK);
}

/* data NULL: EVENTS events of unit ratio; else N events, the integration sample with these weights. */
static sbi_model *make(const columns *c, const double *data, const double *auxiliary)
{
    sbi_model *m;
    size_t channel, sample;
    int64_t n = data ? N : EVENTS;
    sbi_array w = view(data ? data : c->ones, n), v = view(c->v, N), s = view(c->signal, N), b = view(c->background, N);
    sbi_array one = view(c->ones, EVENTS), h = view(c->high, N), l = view(c->low, N);
    sbi_array lh = view(c->log_high, N), ll = view(c->log_low, N);
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    add_parameters(m, auxiliary);
    ck_assert_int_eq(sbi_model_add_channel(m, "SR", n, &w, &v, 0, &channel), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "S", 30, "mu + sqrt(mu)", data ? &s : &one, &s, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, "JES", data ? &lh : &one, data ? &ll : &one, &lh, &ll, SBI_MORPH_LOG),
                     SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "B", 200, NULL, data ? &b : &one, &b, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, "JES", data ? &h : &one, data ? &l : &one, &h, &l, SBI_MORPH_RATIO),
                     SBI_OK);
    ck_assert_int_eq(sbi_model_add_normsys(m, channel, sample, "norm", 1.1, 0.92), SBI_OK);
    ck_assert_msg(sbi_model_seal(m) == SBI_OK, "%s", sbi_last_error());
    return m;
}

static void evaluate(const sbi_model *m, const double *theta, double *value, double *gradient, double *hessian)
{
    sbi_model_work *work;
    ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
    ck_assert_msg(sbi_model_hessian(work, theta, value, gradient, hessian) == SBI_OK, "%s", sbi_last_error());
    sbi_model_work_destroy(work);
}

static const double points[][P] = {{1, 0, 0}, {1.7, 0.6, -0.4}, {0.4, -2.1, 1.3}};

START_TEST(gradient_vanishes_at_truth)
{
    static columns c;
    for (int scale = 0; scale < 2; scale++) {
        fill(&c, scale ? 1 : 0.003); /* only the proportions of v matter */
        sbi_model *m = make(&c, NULL, NULL);
        ck_assert_int_eq(sbi_model_n_asimov_events(m, 0), N);
        for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
            sbi_model *asimov;
            ck_assert_msg(sbi_model_asimov(&asimov, m, points[i]) == SBI_OK, "%s", sbi_last_error());
            double value, gradient[P], hessian[P * P], weights[N], yields[2], sum = 0;
            evaluate(asimov, points[i], &value, gradient, hessian);
            for (int k = 0; k < P; k++) ck_assert_double_lt(fabs(gradient[k]), 1e-10 * 250);
            ck_assert_double_gt(hessian[0], 0);
            ck_assert_int_eq(sbi_model_asimov_weights(m, 0, points[i], weights), SBI_OK);
            ck_assert_int_eq(sbi_model_yields(m, 0, points[i], yields), SBI_OK);
            for (int j = 0; j < N; j++) sum += weights[j];
            ck_assert_double_eq_tol(sum, yields[0] + yields[1], 1e-10 * sum);
            sbi_model_destroy(asimov);
        }
        ck_assert_str_eq(warning, "");
        sbi_model_destroy(m);
    }
}
END_TEST

/* The same data set call by call: equal bits. */
START_TEST(equals_a_model_built_by_hand)
{
    static columns c;
    fill(&c, 1);
    sbi_model *m = make(&c, NULL, NULL), *asimov;
    const double *truth = points[1], theta[P] = {0.8, 0.3, -1.2};
    double weights[N], value[2], gradient[2][P], hessian[2][P * P];
    ck_assert_int_eq(sbi_model_asimov(&asimov, m, truth), SBI_OK);
    ck_assert_int_eq(sbi_model_asimov_weights(m, 0, truth, weights), SBI_OK);
    sbi_model *hand = make(&c, weights, truth);
    evaluate(asimov, theta, &value[0], gradient[0], hessian[0]);
    evaluate(hand, theta, &value[1], gradient[1], hessian[1]);
    ck_assert(memcmp(&value[0], &value[1], sizeof value[0]) == 0);
    ck_assert(memcmp(gradient[0], gradient[1], sizeof gradient[0]) == 0);
    ck_assert(memcmp(hessian[0], hessian[1], sizeof hessian[0]) == 0);
    /* What it says of itself. */
    sbi_parameter p;
    sbi_parameter_init(&p);
    ck_assert_int_eq(sbi_model_parameter(asimov, 1, &p), SBI_OK);
    ck_assert(p.auxiliary == truth[1] && p.start == 0 && p.constraint == SBI_CONSTRAINT_GAUSSIAN);
    ck_assert_str_eq(sbi_model_poi(asimov), "mu");
    ck_assert_str_eq(sbi_model_channel_name(asimov, 0), "SR");
    ck_assert_int_eq(sbi_model_n_events(asimov, 0), N);
    sbi_model_destroy(hand);
    sbi_model_destroy(asimov);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(outlives_what_it_was_made_of)
{
    sbi_model *m, *first, *second;
    double theta[4] = {1.2, 0.3, -0.4, 0.5}, before, after, gradient[4], hessian[16];
    ck_assert_int_eq(sbi_model_load(&m, ctx, "tests/data/model/normalised.json"), SBI_OK);
    ck_assert_msg(sbi_model_asimov(&first, m, theta) == SBI_OK, "%s", sbi_last_error());
    evaluate(first, theta, &before, gradient, hessian);
    ck_assert_int_eq(sbi_model_asimov(&second, first, theta), SBI_OK);
    sbi_model_destroy(m);
    sbi_model_destroy(first);
    evaluate(second, theta, &after, gradient, hessian); /* the files are still mapped, the names still there */
    ck_assert(before == after);
    ck_assert_str_eq(sbi_model_parameter_name(second, 3), "PDF");
    sbi_model_destroy(second);
    /* Its ratios are random numbers, not of mean one: that is said. */
    ck_assert_ptr_nonnull(strstr(warning, "channel SR: the Asimov data sum to"));
}
END_TEST

/* A channel without an integration sample whose events are said to be a reference sample. */
START_TEST(reference_channels)
{
    static columns c;
    fill(&c, 1);
    sbi_array v = view(c.v, N), s = view(c.signal, N);
    for (int reference = 0; reference < 2; reference++) {
        sbi_model *m, *asimov = (sbi_model *)&c;
        size_t channel, sample;
        ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
        add_parameters(m, NULL);
        ck_assert_int_eq(sbi_model_add_channel(m, "SR", N, &v, NULL, reference ? SBI_CHANNEL_REFERENCE : 0, &channel), SBI_OK);
        ck_assert_int_eq(sbi_model_add_sample(m, channel, "S", 30, "mu", &s, NULL, &sample), SBI_OK);
        ck_assert_int_eq(sbi_model_add_normsys(m, channel, sample, "norm", 1.1, 0.92), SBI_OK);
        ck_assert_int_eq(sbi_model_seal(m), SBI_OK);
        ck_assert_int_eq(sbi_model_n_asimov_events(m, 0), reference ? N : -1);
        sbi_status status = sbi_model_asimov(&asimov, m, points[1]);
        if (!reference) {
            ck_assert_int_eq(status, SBI_ERR_STATE);
            ck_assert_ptr_nonnull(strstr(sbi_last_error(), "channel SR has no integration sample"));
            ck_assert_ptr_null(asimov);
        } else {
            double value, gradient[P], hessian[P * P];
            ck_assert_int_eq(status, SBI_OK);
            evaluate(asimov, points[1], &value, gradient, hessian);
            for (int k = 0; k < P; k++) ck_assert_double_lt(fabs(gradient[k]), 1e-10 * 100);
            sbi_model_destroy(asimov);
        }
        sbi_model_destroy(m);
    }
}
END_TEST

START_TEST(bad_input)
{
    static columns c;
    fill(&c, 1);
    sbi_model *m = make(&c, NULL, NULL), *asimov;
    double theta[P] = {1, NAN, 0}, weights[N];
    ck_assert_int_eq(sbi_model_asimov(NULL, m, theta), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_asimov(&asimov, NULL, theta), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_asimov(&asimov, m, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_asimov(&asimov, m, theta), SBI_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "parameter JES is nan"));
    ck_assert_ptr_null(asimov);
    ck_assert_int_eq(sbi_model_asimov_weights(m, 1, points[0], weights), SBI_ERR_ARGUMENT);
    sbi_model_destroy(m);
    /* A density that is negative somewhere has no data. */
    c.background[7] = -5;
    m = make(&c, NULL, NULL);
    ck_assert_int_eq(sbi_model_asimov_weights(m, 0, points[0], weights), SBI_ERR_DOMAIN);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "channel SR: row 7 of the sample for Asimov data: the expected density is -"));
    sbi_model_destroy(m);
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    ck_assert_int_eq(sbi_model_asimov(&asimov, m, points[0]), SBI_ERR_STATE);
    sbi_model_destroy(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: Asimov data");
    TCase *t = tcase_create("Asimov data");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, gradient_vanishes_at_truth);
    tcase_add_test(t, equals_a_model_built_by_hand);
    tcase_add_test(t, outlives_what_it_was_made_of);
    tcase_add_test(t, reference_channels);
    tcase_add_test(t, bad_input);
    suite_add_tcase(s, t);
    return run_suite(s);
}
