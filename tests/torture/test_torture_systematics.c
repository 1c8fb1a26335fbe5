/* SPDX-License-Identifier: Apache-2.0 */
/* Impacts, breakdowns, ensembles and Hessian campaigns with every allocation failing in turn. */
#include "base/error.h"
#include "sbi/systematics.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

enum { N = 8, M = 3 };

static const double ones[N] = {1, 1, 1, 1, 1, 1, 1, 1}, high[N] = {1.1, 1.05, 1, 0.9, 1.02, 1, 0.97, 1};
static const double low[N] = {0.9, 0.97, 1, 1.1, 0.98, 1.01, 1.02, 1}, ratio[N] = {0.3, 0.6, 0.9, 1.1, 1.2, 1.4, 1.6, 0.9};
static double members[N * M];

/* An unbinned channel and a binned one with a Poisson constraint. */
static sbi_status build(sbi_model **out, sbi_context *ctx)
{
    static const double observed[2] = {9, 12}, nominal[2] = {10, 11};
    static const char *const gammas[2] = {"g0", "g1"};
    sbi_array r = sbi_array_1d(ratio, SBI_F64, N), one = sbi_array_1d(ones, SBI_F64, N), h = sbi_array_1d(high, SBI_F64, N),
              l = sbi_array_1d(low, SBI_F64, N);
    sbi_parameter p;
    size_t channel, sample, bins;
    *out = NULL;
    sbi_model *m;
    SBI_TRY(sbi_model_create(&m, ctx));
    sbi_parameter_init(&p);
    p.constraint = SBI_CONSTRAINT_NONE;
    p.start = 1;
    sbi_status status = sbi_model_add_parameter(m, "mu", &p);
    if (status == SBI_OK) status = sbi_model_add_parameter(m, "JES", NULL);
    p.constraint = SBI_CONSTRAINT_POISSON;
    p.auxiliary = 1;
    p.lower = 0.01;
    p.sigma = 0.2;
    for (int i = 0; i < 2 && status == SBI_OK; i++) status = sbi_model_add_parameter(m, gammas[i], &p);
    if (status == SBI_OK) status = sbi_model_add_channel(m, "SR", N, NULL, &one, 0, &channel);
    if (status == SBI_OK) status = sbi_model_add_sample(m, channel, "S", 5, "mu", &r, &r, &sample);
    if (status == SBI_OK) status = sbi_model_add_eventsys(m, channel, sample, "JES", &h, &l, &h, &l, SBI_MORPH_RATIO);
    if (status == SBI_OK) status = sbi_model_add_sample(m, channel, "B", 4, NULL, &one, &one, &sample);
    if (status == SBI_OK) status = sbi_model_add_binned_channel(m, "CR", 2, observed, &channel);
    if (status == SBI_OK) status = sbi_model_add_binned_sample(m, channel, "S", nominal, &bins);
    if (status == SBI_OK) status = sbi_model_add_normfactor(m, channel, bins, "mu");
    if (status == SBI_OK) status = sbi_model_add_bin_factors(m, channel, bins, gammas);
    if (status == SBI_OK) status = sbi_model_seal(m);
    if (status == SBI_OK) *out = m;
    else sbi_model_destroy(m);
    return status;
}

static sbi_status ask(sbi_context *ctx, sbi_fit *fit, int what)
{
    static const char *const pattern[] = {"g*"};
    const sbi_parameter_group group = {(uint32_t)sizeof group, 0, "MC", 1, pattern};
    sbi_array a = sbi_array_2d(members, SBI_F64, N, M);
    sbi_member_columns columns = {.struct_size = (uint32_t)sizeof columns, .members = &a, .integration = &a};
    sbi_impacts_options o = SBI_IMPACTS_OPTIONS_INIT;
    sbi_hessian_options cuts = SBI_HESSIAN_OPTIONS_INIT;
    sbi_impacts *impacts = NULL;
    sbi_breakdown *breakdown = NULL;
    sbi_member_modes *modes = NULL;
    double V[16], column[N];
    sbi_status status;
    switch (what) {
    case 0:
        o.method = SBI_IMPACT_AUXILIARY;
        status = sbi_impacts_run(&impacts, fit, "mu", &o);
        sbi_impacts_destroy(impacts);
        return status;
    case 1:
        status = sbi_breakdown_run(&breakdown, fit, "mu", &group, 1);
        sbi_breakdown_destroy(breakdown);
        return status;
    case 2: return sbi_ensemble_covariance(fit, &columns, 1, NULL, V, NULL);
    case 3:
        status = sbi_member_modes_create(&modes, ctx, &a, 0, NULL, NULL);
        if (status == SBI_OK) status = sbi_member_modes_column(modes, 0, &a, 0, column);
        if (status == SBI_OK) status = sbi_member_spread(ctx, &a, 0, NULL, column);
        sbi_member_modes_destroy(modes);
        return status;
    default:
        cuts.rows_a_task = 3;
        cuts.events_a_task = 2048;
        return sbi_fit_hessian_campaign(fit, NULL, &cuts, V);
    }
}

static sbi_status fit_and_ask(sbi_context *ctx, void *what)
{
    sbi_model *model;
    sbi_fit *fit = NULL;
    SBI_TRY(build(&model, ctx));
    sbi_status status = sbi_fit_run(&fit, model, NULL);
    if (status == SBI_OK && sbi_fit_reason(fit) >= 10) status = sbi_fail(SBI_ERR_INTERNAL, "%s", sbi_fit_message(fit));
    if (status == SBI_OK) status = ask(ctx, fit, *(const int *)what);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    for (int i = 0; i < N * M; i++) members[i] = ratio[i / M] * (1 + 0.02 * ((i * 7) % 5 - 2));
    ck_assert_int_gt(torture_allocations(fit_and_ask, &_i, 1, _i % 2).requests, 60);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("systematics: torture");
    TCase *t = tcase_create("torture");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, 5);
    suite_add_tcase(s, t);
    return run_suite(s);
}
