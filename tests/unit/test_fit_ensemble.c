/* SPDX-License-Identifier: Apache-2.0 */
/* The finite ensemble: what is refused, and models with other ratios. Values are checked in tests/physics/test_ensemble_coverage.c. */
#include "fit_problems.h"
#include "sbi/systematics.h"
#include "support/run_suite.h"

enum { N = 60, M = 4 };

static double shape[N], ones[N], half[N], members[N * M], bad[N * M];

static void fill(void)
{
    for (int i = 0; i < N; i++) {
        const double x = (i + 0.5) / N;
        ones[i] = 1;
        half[i] = 0.5;
        shape[i] = 2 * x;
        for (int m = 0; m < M; m++) members[i * M + m] = shape[i] * (1 + 0.05 * sin(3 * x * m + m));
    }
}

static sbi_array column(const double *data)
{
    return sbi_array_1d(data, SBI_F64, N);
}

static sbi_model *make_model(sbi_context *ctx, const double *ratio, const double *integration)
{
    sbi_model *m;
    sbi_parameter mu;
    size_t channel, s, b;
    fill();
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    sbi_array r = column(ratio), one = column(ones), v = column(integration ? integration : ones);
    ck_ok(sbi_model_create(&m, ctx));
    ck_ok(sbi_model_add_parameter(m, "mu", &mu));
    ck_ok(sbi_model_add_parameter(m, "alpha", NULL));
    ck_ok(sbi_model_add_channel(m, "SR", N, NULL, integration ? &one : NULL, 0, &channel));
    ck_ok(sbi_model_add_sample(m, channel, "S", 30, "mu", &r, integration ? &v : NULL, &s));
    ck_ok(sbi_model_add_normsys(m, channel, s, "alpha", 1.1, 0.9));
    ck_ok(sbi_model_add_sample(m, channel, "B", 30, NULL, &one, integration ? &one : NULL, &b));
    ck_ok(sbi_model_seal(m));
    return m;
}

static double nll(const sbi_model *m)
{
    const double theta[2] = {1.3, 0.2};
    double value, gradient[2];
    sbi_model_work *work;
    ck_ok(sbi_model_work_create(&work, m));
    ck_ok(sbi_model_nll(work, theta, &value, gradient));
    sbi_model_work_destroy(work);
    return value;
}

START_TEST(models_with_other_ratios)
{
    sbi_context *ctx = fit_context();
    fill();
    for (int integration = 0; integration < 2; integration++) {
        sbi_model *m = make_model(ctx, shape, integration ? shape : NULL), *direct = make_model(ctx, half, integration ? half : NULL);
        sbi_array r = column(half);
        sbi_ratio_replacement replacement = {.struct_size = (uint32_t)sizeof replacement, .ratio = &r};
        if (integration) replacement.integration_ratio = &r;
        sbi_model *other, *same, *asimov;
        ck_ok(sbi_model_replace_ratios(&other, m, &replacement, 1));
        ck_ok(sbi_model_replace_ratios(&same, m, NULL, 0));
        ck_assert_double_eq(nll(other), nll(direct));
        ck_assert_double_eq(nll(same), nll(m));
        ck_assert_double_ne(nll(other), nll(m));
        if (integration) {
            const double theta[2] = {1, 0};
            ck_ok(sbi_model_asimov(&asimov, other, theta));
            sbi_model_destroy(other);
            sbi_model_destroy(m); /* the others keep what they need */
            ck_assert(isfinite(nll(asimov)) && isfinite(nll(same)));
            sbi_model_destroy(asimov);
        } else {
            replacement.integration_ratio = &r;
            ck_fails(sbi_model_replace_ratios(&asimov, m, &replacement, 1), SBI_ERR_ARGUMENT, "no such sample");
            ck_assert_ptr_null(asimov);
            replacement.integration_ratio = NULL;
            replacement.sample = 2;
            ck_fails(sbi_model_replace_ratios(&asimov, m, &replacement, 1), SBI_ERR_ARGUMENT, "no sample 2");
            replacement.channel = 3;
            ck_fails(sbi_model_replace_ratios(&asimov, m, &replacement, 1), SBI_ERR_ARGUMENT, "no channel 3");
            replacement.channel = replacement.sample = 0;
            r.shape[0] = N - 1;
            ck_fails(sbi_model_replace_ratios(&asimov, m, &replacement, 1), SBI_ERR_SHAPE, "59");
            replacement.struct_size = 4;
            ck_fails(sbi_model_replace_ratios(&asimov, m, &replacement, 1), SBI_ERR_ABI, "struct_size is 4");
            sbi_model_destroy(other);
            sbi_model_destroy(m);
        }
        sbi_model_destroy(same);
        sbi_model_destroy(direct);
    }
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(bad_members)
{
    sbi_context *ctx = fit_context();
    sbi_model *model = make_model(ctx, shape, NULL);
    sbi_fit *fit;
    ck_ok(sbi_fit_run(&fit, model, NULL));
    ck_assert_int_lt(sbi_fit_reason(fit), 10);
    sbi_array a = sbi_array_2d(members, SBI_F64, N, M), b = sbi_array_2d(bad, SBI_F64, N, M);
    sbi_member_columns c[2] = {{.struct_size = (uint32_t)sizeof c[0], .members = &a}, {.struct_size = (uint32_t)sizeof c[0], .members = &a}};
    sbi_ensemble_options o = SBI_ENSEMBLE_OPTIONS_INIT, same;
    double V[4], shifts[2 * M];
    memset(&same, 0xff, sizeof same);
    sbi_ensemble_options_init(&same);
    ck_assert_mem_eq(&o, &same, sizeof o);
    ck_ok(sbi_ensemble_covariance(fit, c, 1, NULL, V, shifts));
    ck_assert(V[0] > 0 && V[3] >= 0 && V[1] == V[2]);
    ck_fails(sbi_ensemble_covariance(NULL, c, 1, NULL, V, NULL), SBI_ERR_ARGUMENT, "NULL");
    ck_fails(sbi_ensemble_covariance(fit, c, 2, NULL, V, NULL), SBI_ERR_ARGUMENT, "columns 0 and 1 are of the same");
    c[1].sample = 1;
    ck_ok(sbi_ensemble_covariance(fit, c, 2, NULL, V, NULL)); /* one ensemble for two samples */
    c[0].channel = 1;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_ARGUMENT, "no channel 1");
    c[0].channel = 0;
    o.combination = 2;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, &o, V, NULL), SBI_ERR_ARGUMENT, "combination is 2");
    sbi_ensemble_options_init(&o);
    o.dependence = 5;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, &o, V, NULL), SBI_ERR_ARGUMENT, "dependence is 5");
    memcpy(bad, members, sizeof bad);
    bad[17 * M + 2] = NAN;
    c[0].members = &b;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_VALUE, "SR: S: members: row 17, member 2: the ratio is nan");
    bad[17 * M + 2] = -1; /* a ratio may be negative, its logarithm not */
    ck_ok(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL));
    sbi_ensemble_options_init(&o);
    o.combination = SBI_MEMBERS_MEAN_LOG;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, &o, V, NULL), SBI_ERR_VALUE, "row 17, member 2: the ratio is -1");
    for (int m = 1; m < M; m++) bad[17 * M + m] = -500;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_DOMAIN, "without member 0");
    b.shape[1] = 1;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_SHAPE, "1 members, expected at least 2");
    b.shape[1] = M - 1;
    c[1].members = &a;
    memcpy(bad, members, sizeof bad);
    ck_fails(sbi_ensemble_covariance(fit, c, 2, NULL, V, NULL), SBI_ERR_SHAPE, "4 members, expected 3");
    b.shape[0] = N - 1;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_SHAPE, "59 rows, expected 60");
    sbi_array w = column(shape);
    c[0].members = &a;
    c[0].integration = &a;
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_ARGUMENT, "no such sample");
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);

    sbi_member_modes *modes;
    b = a;
    double u[N];
    ck_fails(sbi_member_modes_create(&modes, ctx, NULL, 0, NULL, NULL), SBI_ERR_ARGUMENT, "NULL");
    ck_assert_ptr_null(modes);
    sbi_ensemble_options_init(&o);
    o.fraction = 0;
    ck_fails(sbi_member_modes_create(&modes, ctx, &a, 0, NULL, &o), SBI_ERR_ARGUMENT, "fraction is 0");
    w.shape[0] = N - 1;
    ck_fails(sbi_member_modes_create(&modes, ctx, &a, 0, &w, NULL), SBI_ERR_SHAPE, "weights: 59 rows");
    w = column(half);
    half[3] = -0.5;
    ck_fails(sbi_member_modes_create(&modes, ctx, &a, 0, &w, NULL), SBI_ERR_VALUE, "weights: row 3: -0.5");
    half[3] = 0.5;
    ck_ok(sbi_member_modes_create(&modes, ctx, &a, 0, &w, NULL));
    ck_assert_uint_ge(sbi_member_modes_count(modes), 2);
    ck_assert_uint_le(sbi_member_modes_count(modes), M - 1);
    ck_fails(sbi_member_modes_column(modes, M, &a, 0, u), SBI_ERR_ARGUMENT, "mode is 4");
    b.shape[1] = 2;
    ck_fails(sbi_member_modes_column(modes, 0, &b, 0, u), SBI_ERR_SHAPE, "2 members, expected 4");
    ck_assert_double_eq(sbi_member_modes_fraction(modes, M), 0);
    sbi_member_modes_destroy(modes);
    for (int i = 0; i < N * M; i++) bad[i] = shape[i / M]; /* members that agree have nothing to say */
    b = sbi_array_2d(bad, SBI_F64, N, M);
    ck_ok(sbi_member_modes_create(&modes, ctx, &b, 0, NULL, NULL));
    ck_assert_uint_eq(sbi_member_modes_count(modes), 0);
    sbi_member_modes_destroy(modes);
    ck_ok(sbi_member_spread(ctx, &b, 0, NULL, u));
    ck_assert_double_eq(u[5], 0);
    ck_fails(sbi_member_spread(ctx, &b, 0, NULL, NULL), SBI_ERR_ARGUMENT, "NULL");
    sbi_member_modes_destroy(NULL);

    /* A fit of an objective has no ratios. */
    parabola p;
    parabola_two(&p, 1, 1, 0);
    const double start[2] = {0.1, 0.1};
    sbi_objective objective = fit_objective(2, start, parabola_gradient, parabola_hessian, &p);
    ck_ok(sbi_fit_run_objective(&fit, ctx, &objective, NULL));
    ck_fails(sbi_ensemble_covariance(fit, c, 1, NULL, V, NULL), SBI_ERR_UNSUPPORTED, "no ratios");
    sbi_fit_destroy(fit);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit_ensemble");
    TCase *tc = tcase_create("ensemble");
    tcase_add_test(tc, models_with_other_ratios);
    tcase_add_test(tc, bad_members);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
