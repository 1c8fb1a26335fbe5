/* SPDX-License-Identifier: Apache-2.0 */
/* Signed weights and negative ratios: what is refused, what is allowed, and what then happens, as docs/model.md says. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sbi/model.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

enum { N = 5 };
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

static const double r_signal[N] = {1.5, 0.5, 2.0, -0.5, 1.0}, r_background[N] = {0.5, 1.0, 1.5, 1.25, 0.75};

/* lambda = mu 3 S + 10 B; with v the same columns are its integration sample. */
static sbi_status build(sbi_model **m, sbi_context *c, const double *w, const double *v, uint32_t flags)
{
    sbi_array weights = sbi_array_1d(w, SBI_F64, N), integration = sbi_array_1d(v, SBI_F64, N);
    sbi_array s = sbi_array_1d(r_signal, SBI_F64, N), b = sbi_array_1d(r_background, SBI_F64, N);
    size_t channel, sample;
    sbi_parameter mu;
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    mu.lower = -50;
    mu.upper = 50;
    sbi_status status = sbi_model_create(m, c);
    if (status != SBI_OK) return status;
    status = sbi_model_add_parameter(*m, "mu", &mu);
    if (status == SBI_OK) status = sbi_model_add_channel(*m, "SR", N, &weights, v ? &integration : NULL, flags, &channel);
    if (status == SBI_OK) status = sbi_model_add_sample(*m, channel, "S", 3, "mu", &s, v ? &s : NULL, &sample);
    if (status == SBI_OK) status = sbi_model_add_sample(*m, channel, "B", 10, NULL, &b, v ? &b : NULL, &sample);
    if (status == SBI_OK) status = sbi_model_seal(*m);
    if (status != SBI_OK) {
        sbi_model_destroy(*m);
        *m = NULL;
    }
    return status;
}

/* sum nu - sum w ln lambda with its first two derivatives. */
static void plain(const double *w, double mu, double *value, double *slope, double *curvature)
{
    *value = 3 * mu + 10;
    *slope = 3;
    *curvature = 0;
    for (int i = 0; i < N; i++) {
        const double lambda = 3 * mu * r_signal[i] + 10 * r_background[i], d = 3 * r_signal[i] / lambda;
        *value -= w[i] * log(lambda);
        *slope -= w[i] * d;
        *curvature += w[i] * d * d;
    }
}

START_TEST(signed_weights_enter_with_their_sign)
{
    const double w[N] = {2, -0.5, 1, 1.5, -0.25};
    sbi_model *m;
    sbi_model_work *work;
    double value, slope, curvature, v, g, h, sum, effective;
    ck_assert_int_eq(build(&m, ctx, w, NULL, 0), SBI_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "channel SR: weights: row 1: weight is -0.5, and negative weights are not allowed"));
    ck_assert_int_eq(build(&m, ctx, w, NULL, SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS), SBI_ERR_VALUE);
    ck_assert_int_eq(build(&m, ctx, w, NULL, SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS), SBI_OK);
    ck_assert_ptr_nonnull(strstr(warning, "channel SR: 2 of 5 weights are negative; the effective number of events is"));
    ck_assert_int_eq(sbi_model_effective_events(m, 0, &sum, &effective), SBI_OK);
    ck_assert(sum == 3.75);
    ck_assert_double_eq_tol(effective, 3.75 * 3.75 / (4 + 0.25 + 1 + 2.25 + 0.0625), 1e-12);
    ck_assert_int_eq(sbi_model_effective_events(m, 1, &sum, &effective), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
    for (double mu = 0.25; mu < 4; mu += 0.5) {
        plain(w, mu, &value, &slope, &curvature);
        ck_assert_int_eq(sbi_model_hessian(work, &mu, &v, &g, &h), SBI_OK);
        ck_assert_double_eq_tol(v, value, 1e-12 * fabs(value));
        ck_assert_double_eq_tol(g, slope, 1e-12);
        ck_assert_double_eq_tol(h, curvature, 1e-12);
    }
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
}
END_TEST

/* lambda of row 3 is 12.5 - 1.5 mu: the sign of its weight makes no difference to where the likelihood exists, weight 0 does. */
START_TEST(where_lambda_is_not_positive)
{
    const double weight[3] = {1, -1, 0};
    for (int k = 0; k < 3; k++) {
        double w[N] = {2, 1, 1, weight[k], 1}, mu = 10, v, g;
        sbi_model *m;
        sbi_model_work *work;
        sbi_tape_info info = {.struct_size = sizeof info};
        ck_assert_int_eq(build(&m, ctx, w, NULL, SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS), SBI_OK);
        ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
        ck_assert_int_eq(sbi_model_nll(work, &mu, &v, &g), SBI_OK);
        ck_assert_int_eq(sbi_model_last_info(work, &info), SBI_OK);
        if (weight[k] != 0) {
            ck_assert(isinf(v) && v > 0 && isnan(g));
            ck_assert_int_eq(info.bad_events, 1);
            ck_assert_int_eq(info.first_bad_event, 3);
        } else {
            double value = 3 * mu + 10;
            for (int i = 0; i < N; i++)
                if (w[i] > 0) value -= w[i] * log(3 * mu * r_signal[i] + 10 * r_background[i]);
            ck_assert_double_eq_tol(v, value, 1e-12 * fabs(value));
            ck_assert(isfinite(g));
            ck_assert_int_eq(info.bad_events, 0);
        }
        /* On the way there the terms of opposite signs part: -w ln lambda to +inf and to -inf. */
        double near[2] = {8.3, 8.3333}, at[2];
        for (int i = 0; i < 2; i++) ck_assert_int_eq(sbi_model_nll(work, &near[i], &at[i], NULL), SBI_OK);
        ck_assert(isfinite(at[0]) && isfinite(at[1]));
        if (weight[k] > 0) ck_assert(at[1] > at[0] + 5);
        if (weight[k] < 0) ck_assert(at[1] < at[0] - 5);
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
}
END_TEST

START_TEST(weights_that_make_no_likelihood)
{
    const double below[N] = {1, -2, 0.5, 0, 0}, zero[N] = {1, -1, 0, 0, 0}, none[N] = {0, 0, 0, 0, 0};
    sbi_model *m;
    double sum = 1, effective = 1;
    ck_assert_int_eq(build(&m, ctx, below, NULL, SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS), SBI_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "channel SR: the weights of its events sum to -0.5: the likelihood has no minimum"));
    ck_assert_int_eq(build(&m, ctx, zero, NULL, SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS), SBI_OK);
    sbi_model_destroy(m);
    ck_assert_int_eq(build(&m, ctx, none, NULL, 0), SBI_OK);
    ck_assert_int_eq(sbi_model_effective_events(m, 0, &sum, &effective), SBI_OK);
    ck_assert(sum == 0 && effective == 0);
    sbi_model_destroy(m);
}
END_TEST

/* Integration weights have a flag of their own; Asimov data made of them are signed, and held to the same rule. */
START_TEST(integration_weights_and_asimov_data)
{
    const double w[N] = {1, 1, 1, 1, 1}, v[N] = {1, -0.5, 1, 1, 1}, cancelling[N] = {2, -5, 1, 1, 1}, vanishing[N] = {1, -4, 1, 1, 1}, point = 1;
    const uint32_t allow = SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS;
    sbi_model *m, *asimov;
    double weights[N], sum, effective, expected = 0;
    ck_assert_int_eq(build(&m, ctx, w, v, SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS), SBI_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "channel SR: integration weights: row 1: weight is -0.5"));
    ck_assert_int_eq(build(&m, ctx, w, v, allow), SBI_OK);
    ck_assert_str_eq(warning, ""); /* the events themselves have none */
    ck_assert_int_eq(sbi_model_asimov_weights(m, 0, &point, weights), SBI_OK);
    for (int i = 0; i < N; i++) {
        const double lambda = 3 * r_signal[i] + 10 * r_background[i];
        ck_assert_double_eq_tol(weights[i], v[i] * lambda / 3.5, 1e-12 * lambda);
        expected += v[i] * lambda / 3.5;
    }
    ck_assert(weights[1] < 0);
    ck_assert_int_eq(sbi_model_asimov(&asimov, m, &point), SBI_OK);
    ck_assert_ptr_nonnull(strstr(warning, "1 of 5 weights are negative"));
    ck_assert_int_eq(sbi_model_effective_events(asimov, 0, &sum, &effective), SBI_OK);
    ck_assert_double_eq_tol(sum, expected, 1e-12 * expected);
    sbi_model_destroy(asimov);
    sbi_model_destroy(m);
    ck_assert_int_eq(build(&m, ctx, w, vanishing, allow), SBI_ERR_VALUE); /* sum v r of the background */
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "sample B"));
    ck_assert_int_eq(build(&m, ctx, w, cancelling, allow), SBI_OK);
    ck_assert_int_eq(sbi_model_asimov(&asimov, m, &point), SBI_ERR_DOMAIN);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "the weights of the sample for Asimov data sum to 0"));
    sbi_model_destroy(m);
}
END_TEST

static sbi_status torture_body(sbi_context *c, void *arg)
{
    static const double w[N] = {2, -0.5, 1, 1.5, -0.25};
    sbi_model *m;
    (void)arg;
    const sbi_status status = build(&m, c, w, NULL, SBI_CHANNEL_ALLOW_NEGATIVE_WEIGHTS);
    sbi_model_destroy(m);
    return status;
}

START_TEST(every_allocation_fails_in_turn)
{
    torture_report r = torture_allocations(torture_body, NULL, 1, _i);
    ck_assert_int_gt(r.requests, 20);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: signed weights");
    TCase *t = tcase_create("weights");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, signed_weights_enter_with_their_sign);
    tcase_add_test(t, where_lambda_is_not_positive);
    tcase_add_test(t, weights_that_make_no_likelihood);
    tcase_add_test(t, integration_weights_and_asimov_data);
    tcase_add_loop_test(t, every_allocation_fails_in_turn, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
