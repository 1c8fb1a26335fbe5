/* SPDX-License-Identifier: Apache-2.0 */
/* Binned channels: built call by call, read from a workspace, beside unbinned ones; derivatives against differences; what is refused.
 * Against pyhf: test_model_pyhf.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sbi/model.h"
#include "support/run_suite.h"

#define DATA "tests/data/model/"
#define ck_ok(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())

static sbi_context *ctx;

static void setup(void) { ck_ok(sbi_context_create(&ctx, NULL)); }
static void teardown(void) { sbi_context_destroy(ctx); }

static void add(sbi_model *m, const char *name, int32_t constraint, double start, double auxiliary, double sigma)
{
    sbi_parameter p;
    sbi_parameter_init(&p);
    p.constraint = constraint;
    p.start = start;
    p.lower = constraint == SBI_CONSTRAINT_GAUSSIAN ? -5 : 0;
    p.upper = 10;
    p.auxiliary = auxiliary;
    p.sigma = sigma;
    ck_ok(sbi_model_add_parameter(m, name, &p));
}

/* Two bins: (mu s + f b) with one gamma a bin, f log-normal, gammas Poisson; and without `observed`, 12 and 7 events. */
static sbi_model *small_model(const double *observed)
{
    static const double signal[2] = {3, 1}, background[2] = {8, 6}, high[2] = {8.5, 6.2}, low[2] = {7.7, 5.9}, data[2] = {12, 7};
    static const char *const gammas[2] = {"g0", "g1"};
    sbi_model *m;
    size_t channel, s, b;
    ck_ok(sbi_model_create(&m, ctx));
    add(m, "mu", SBI_CONSTRAINT_NONE, 1, 0, 1);
    add(m, "f", SBI_CONSTRAINT_LOGNORMAL, 1, 1.1, 0.2);
    add(m, "g0", SBI_CONSTRAINT_POISSON, 1, 1, 0.1);
    add(m, "g1", SBI_CONSTRAINT_POISSON, 1, 0.9, 0.3);
    add(m, "shift", SBI_CONSTRAINT_GAUSSIAN, 0, 0.1, 1.2);
    ck_ok(sbi_model_add_binned_channel(m, "SR", 2, observed ? observed : data, &channel));
    ck_ok(sbi_model_add_binned_sample(m, channel, "S", signal, &s));
    ck_ok(sbi_model_add_binned_sample(m, channel, "B", background, &b));
    ck_ok(sbi_model_add_normfactor(m, channel, s, "mu"));
    ck_ok(sbi_model_add_normfactor(m, channel, b, "f"));
    ck_ok(sbi_model_add_histosys(m, channel, b, "shift", high, low));
    ck_ok(sbi_model_add_bin_factors(m, channel, b, gammas));
    ck_ok(sbi_model_seal(m));
    return m;
}

static double poisson(double n, double lambda) { return lambda - (n > 0 ? n * log(lambda) : 0) + lgamma(n + 1); }

START_TEST(value_of_a_channel)
{
    sbi_model *m = small_model(NULL);
    sbi_model_work *work;
    const double theta[5] = {0.7, 1.3, 0.95, 1.2, 1.5}; /* outside [-1, 1]: code 4p is linear there */
    double got, expected[2], samples[4], yields[2];
    ck_ok(sbi_model_work_create(&work, m));
    ck_ok(sbi_model_nll(work, theta, &got, NULL));
    const double b0 = (8 + 1.5 * 0.5) * 1.3 * 0.95, b1 = (6 + 1.5 * 0.2) * 1.3 * 1.2, l0 = 0.7 * 3 + b0, l1 = 0.7 + b1;
    double want = poisson(12, l0) + poisson(7, l1);
    want += poisson(1 / 0.01, 0.95 / 0.01) + poisson(0.9 / 0.09, 1.2 / 0.09);
    want += 0.5 * pow(log(1.3 / 1.1) / 0.2, 2) + log(1.1 * 0.2 * sqrt(2 * M_PI));
    want += 0.5 * pow(1.4 / 1.2, 2) + log(1.2 * sqrt(2 * M_PI));
    ck_assert_double_eq_tol(got, want, 1e-12 * fabs(want));
    ck_ok(sbi_model_expected(m, 0, theta, expected, samples));
    ck_assert_double_eq_tol(expected[0], l0, 1e-13);
    ck_assert_double_eq_tol(expected[1], l1, 1e-13);
    ck_assert_double_eq_tol(samples[2], b0, 1e-13);
    ck_ok(sbi_model_yields(m, 0, theta, yields));
    ck_assert_double_eq_tol(yields[1], b0 + b1, 1e-12);
    ck_assert_uint_eq(sbi_model_n_bins(m, 0), 2);
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
}
END_TEST

/* Gradient and Hessian against central differences, HVP and rows against the Hessian. */
static void check_derivatives(const sbi_model *m, const double *theta)
{
    enum { MOST = 32 };
    const size_t n = sbi_model_n_parameters(m);
    double value, gradient[MOST], hessian[MOST * MOST], row[MOST], x[MOST], product[MOST], v[MOST];
    sbi_model_work *work;
    ck_assert_uint_le(n, MOST);
    ck_ok(sbi_model_work_create(&work, m));
    ck_ok(sbi_model_hessian(work, theta, &value, gradient, hessian));
    ck_assert(isfinite(value));
    double scale = 1, curvature = 1;
    for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(gradient[i]));
    for (size_t i = 0; i < n * n; i++) curvature = fmax(curvature, fabs(hessian[i]));
    for (size_t i = 0; i < n; i++) {
        const double h = 1e-5;
        double up, down, g_up[MOST], g_down[MOST];
        memcpy(x, theta, n * sizeof *x);
        x[i] = theta[i] + h;
        ck_ok(sbi_model_nll(work, x, &up, g_up));
        x[i] = theta[i] - h;
        ck_ok(sbi_model_nll(work, x, &down, g_down));
        ck_assert_double_eq_tol(gradient[i], (up - down) / (2 * h), 2e-6 * scale);
        for (size_t j = 0; j < n; j++) {
            ck_assert_double_eq_tol(hessian[i * n + j], (g_up[j] - g_down[j]) / (2 * h), 2e-6 * curvature);
            ck_assert_double_eq(hessian[i * n + j], hessian[j * n + i]);
        }
        ck_ok(sbi_model_hessian_rows(work, theta, i, 1, row));
        ck_assert_mem_eq(row, hessian + i * n, n * sizeof *row);
        v[i] = 0.3 * (double)(i % 4) - 0.5;
    }
    ck_ok(sbi_model_hvp(work, theta, v, 1, product));
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += hessian[i * n + j] * v[j];
        ck_assert_double_eq_tol(product[i], sum, 1e-11 * curvature);
    }
    sbi_model_work_destroy(work);
}

START_TEST(derivatives)
{
    static const double points[][5] = {{0.7, 1.3, 0.95, 1.2, 1.5}, {0, 1, 1, 1, 0}, {2, 0.8, 1.4, 0.6, -0.7}, {1, 1.1, 1, 1, -2}};
    sbi_model *m = small_model(NULL);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) check_derivatives(m, points[i]);
    sbi_model_destroy(m);
    /* Every modifier, at its start and elsewhere. */
    double theta[32];
    ck_ok(sbi_model_load(&m, ctx, DATA "binned.json"));
    ck_ok(sbi_model_start(m, theta));
    check_derivatives(m, theta);
    for (size_t i = 0; i < sbi_model_n_parameters(m); i++) theta[i] += 0.07 * (double)(i % 5) - 0.11;
    check_derivatives(m, theta);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(parameters_of_a_workspace)
{
    static const struct expected {
        const char *name;
        int32_t constraint, fixed;
        double start, auxiliary, sigma, lower, upper;
    } all[] = {
        {"mu", SBI_CONSTRAINT_NONE, 0, 0.8, 0, 1, 0, 5},
        {"lumi", SBI_CONSTRAINT_GAUSSIAN, 0, 1, 1, 0.017, 0.915, 1.085},
        {"free[2]", SBI_CONSTRAINT_NONE, 0, 1.1, 0, 1, 0.1, 4},
        {"JES", SBI_CONSTRAINT_GAUSSIAN, 0, 0, 0, 1, -5, 5},
        {"stat_SR[0]", SBI_CONSTRAINT_GAUSSIAN, 0, 1, 1, 0, 1e-10, 10},
        {"shape[0]", SBI_CONSTRAINT_POISSON, 0, 1, 1, 0.1, 1e-10, 10},
        {"shape[1]", SBI_CONSTRAINT_POISSON, 1, 1, 1, 1, 1e-10, 10}, /* no uncertainty: held */
    };
    sbi_model *m;
    size_t index;
    ck_ok(sbi_model_load(&m, ctx, DATA "binned.json"));
    ck_assert_str_eq(sbi_model_poi(m), "mu");
    ck_assert_uint_eq(sbi_model_n_parameters(m), 11);
    ck_assert_int_eq(sbi_model_parameter_index(m, "nowhere", &index), SBI_ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        ck_ok(sbi_model_parameter_index(m, all[i].name, &index));
        ck_ok(sbi_model_parameter(m, index, &p));
        const double sigma = all[i].sigma != 0 ? all[i].sigma : sqrt(0.4 * 0.4 + 2.0 * 2.0) / 55;
        ck_assert_int_eq(p.constraint, all[i].constraint);
        ck_assert_int_eq(p.fixed, all[i].fixed);
        ck_assert_double_eq(p.start, all[i].start);
        ck_assert_double_eq(p.lower, all[i].lower);
        ck_assert_double_eq(p.upper, all[i].upper);
        if (p.constraint == SBI_CONSTRAINT_NONE) continue;
        ck_assert_double_eq_tol(p.auxiliary, all[i].auxiliary, 1e-15);
        ck_assert_double_eq_tol(p.sigma, sigma, 1e-15);
    }
    sbi_model_destroy(m);
}
END_TEST

/* The Asimov data at a point have their minimum there. */
START_TEST(asimov_data)
{
    sbi_model *m, *copy;
    sbi_model_work *work;
    double theta[32], value, gradient[32], observed[3], expected[3];
    ck_ok(sbi_model_load(&m, ctx, DATA "binned.json"));
    ck_ok(sbi_model_start(m, theta));
    for (size_t i = 0; i < sbi_model_n_parameters(m); i++) theta[i] += 0.03 * (double)(i % 3);
    ck_ok(sbi_model_asimov(&copy, m, theta));
    ck_ok(sbi_model_expected(m, 1, theta, expected, NULL));
    sbi_model_destroy(m);
    ck_ok(sbi_model_observed(copy, 1, observed));
    ck_assert_mem_eq(observed, expected, sizeof expected);
    ck_ok(sbi_model_work_create(&work, copy));
    ck_ok(sbi_model_nll(work, theta, &value, gradient));
    for (size_t i = 0; i < sbi_model_n_parameters(copy); i++) ck_assert_double_eq_tol(gradient[i], 0, 1e-9);
    check_derivatives(copy, theta);
    sbi_model_work_destroy(work);
    sbi_model_destroy(copy);
}
END_TEST

/* A bin that observes what cannot be expected: the value is infinite and the minimiser backs off. */
START_TEST(outside)
{
    sbi_model *m = small_model(NULL);
    sbi_model_work *work;
    const double nothing[5] = {0, 0, 1, 1, 0}, below[5] = {1, 1, -0.1, 1, 0};
    double value, gradient[5];
    ck_ok(sbi_model_work_create(&work, m));
    ck_ok(sbi_model_nll(work, nothing, &value, gradient));
    ck_assert(isinf(value) && value > 0 && isnan(gradient[0]));
    ck_ok(sbi_model_nll(work, below, &value, NULL));
    ck_assert(isinf(value));
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
    /* Nothing observed: nothing expected is allowed, with its derivative. */
    const double empty[2] = {0, 0};
    m = small_model(empty);
    const double none[5] = {0.5, 1, 1, 1, -0.3};
    check_derivatives(m, none);
    sbi_model_destroy(m);
}
END_TEST

/* An unbinned and a binned channel share mu and JES: their NLL add up, and so do the derivatives. */
static const char mixed_head[] = "{\"channels\": [", mixed_binned[] =
    "{\"name\": \"CR\", \"samples\": [{\"name\": \"B\", \"data\": [4, 6], \"modifiers\": ["
    "{\"name\": \"mu\", \"type\": \"normfactor\", \"data\": null},"
    "{\"name\": \"JES\", \"type\": \"normsys\", \"data\": {\"hi\": 1.2, \"lo\": 0.9}}]}]}",
    mixed_unbinned[] =
    "{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 3, \"factor\": \"mu\", \"ratio\": \"S.npy\", \"modifiers\": ["
    "{\"name\": \"JES\", \"type\": \"normsys\", \"data\": {\"hi\": 1.1, \"lo\": 0.95}}]},"
    "{\"name\": \"NI\", \"yield\": 5, \"ratio\": \"NI.npy\"}]}",
    mixed_tail[] = "], \"observations\": [{\"name\": \"CR\", \"data\": [5, 5]}], \"measurements\": [{\"config\": {\"poi\": \"mu\"}}]}";

START_TEST(mixed)
{
    char text[3][2048];
    double value[3], gradient[3][2], start[2];
    snprintf(text[0], sizeof text[0], "%s%s,%s%s", mixed_head, mixed_binned, mixed_unbinned, mixed_tail);
    snprintf(text[1], sizeof text[1], "%s%s%s", mixed_head, mixed_binned, mixed_tail);
    snprintf(text[2], sizeof text[2], "%s%s], \"measurements\": [{\"config\": {\"poi\": \"mu\"}}]}", mixed_head, mixed_unbinned);
    const double theta[2] = {1.3, 0.6};
    for (int i = 0; i < 3; i++) {
        sbi_model *m;
        sbi_model_work *work;
        ck_ok(sbi_model_load_text(&m, ctx, text[i], strlen(text[i]), DATA));
        ck_assert_uint_eq(sbi_model_n_parameters(m), 2);
        ck_ok(sbi_model_start(m, start));
        ck_ok(sbi_model_work_create(&work, m));
        ck_ok(sbi_model_nll(work, theta, &value[i], gradient[i]));
        if (i == 0) check_derivatives(m, theta);
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
    /* JES's constraint is in both parts; the unbinned model has none of the constants. */
    ck_assert_double_eq_tol(value[0], value[1] + value[2] - 0.5 * 0.6 * 0.6, 1e-12 * fabs(value[0]));
    ck_assert_double_eq_tol(gradient[0][0], gradient[1][0] + gradient[2][0], 1e-11);
    ck_assert_double_eq_tol(gradient[0][1], gradient[1][1] + gradient[2][1] - 0.6, 1e-11);
}
END_TEST

static void refuse(const char *text, sbi_status expected, const char *place)
{
    sbi_model *m = (sbi_model *)&ctx;
    const sbi_status status = sbi_model_load_text(&m, ctx, text, strlen(text), DATA);
    ck_assert_msg(status == expected, "%s\ngave %s: %s", text, sbi_status_name(status), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), place), "\"%s\" does not contain \"%s\"", sbi_last_error(), place);
    ck_assert_ptr_null(strchr(sbi_last_error(), '\n'));
    ck_assert_ptr_null(m);
}

static const struct bad {
    const char *sample, *rest, *place;
    sbi_status status;
} bad[] = {
    {"\"data\": [1, \"2\"]", "", "/channels/0/samples/0/data/1: expected a number", SBI_ERR_FORMAT},
    {"\"data\": []", "", "/channels/0/samples/0/data: there are no bins", SBI_ERR_FORMAT},
    {"\"data\": 3", "", "/channels/0/samples/0/data: expected an array", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"yield\": 3", "", "/channels/0/samples/0: unknown key \"yield\"", SBI_ERR_FORMAT},
    {"\"data\": [1, 2]}, {\"name\": \"T\", \"data\": [1]", "", "/channels/0/samples/1/data: 1 bins, but the channel's first", SBI_ERR_SHAPE},
    {"\"data\": [1, 2]}, {\"name\": \"T\", \"ratio\": \"S.npy\"", "", "/channels/0/samples/1: some samples", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": 3", "", "/channels/0/samples/0/modifiers: expected an array", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"histosys\"}]", "", "/modifiers/0/data: expected", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"histosys\", \"data\": {\"hi_data\": [1, 2], \"lo_data\": [1]}}]", "",
     "/modifiers/0/data/lo_data: 1 numbers, but the sample has 2 bins", SBI_ERR_SHAPE},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"staterror\", \"data\": [1]}]", "",
     "/modifiers/0/data: 1 numbers", SBI_ERR_SHAPE},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"shapesys\", \"data\": null}]", "", "/modifiers/0/data", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"shapefactor\", \"data\": [1, 2]}]", "", "/modifiers/0/data",
     SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"eventsys\", \"data\": null}]", "",
     "\"eventsys\" needs an unbinned channel", SBI_ERR_UNSUPPORTED},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"normfactor\", \"data\": null}, {\"name\": \"h\", \"type\": "
     "\"normsys\", \"data\": {\"hi\": 1.1, \"lo\": 0.9}}]", "", "/modifiers/1: \"h\" is used as normfactor and as normsys", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"lumi\", \"type\": \"lumi\", \"data\": null}]", "",
     "/modifiers/0: \"lumi\" is a lumi modifier: its measurement", SBI_ERR_FORMAT},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"shapefactor\", \"data\": null}]",
     ", \"measurements\": [{\"config\": {\"poi\": \"\", \"parameters\": [{\"name\": \"h\", \"inits\": [1]}]}}]",
     "/measurements/0/config/parameters/0/inits: 1 entries for 2 parameters", SBI_ERR_SHAPE},
    {"\"data\": [1, 2], \"modifiers\": [{\"name\": \"h\", \"type\": \"shapesys\", \"data\": [1, 1]}]",
     ", \"measurements\": [{\"config\": {\"poi\": \"\", \"parameters\": [{\"name\": \"h\", \"sigmas\": [1, 1]}]}}]",
     "/measurements/0/config/parameters/0: a shapesys", SBI_ERR_FORMAT},
    {"\"data\": [1, 2]", ", \"measurements\": [{\"config\": {\"poi\": \"mu\", \"parameters\": []}}]",
     "/measurements/0/config: no modifier has the parameter of interest \"mu\"", SBI_ERR_NOT_FOUND},
    {"\"data\": [1, 2]", ", \"observations\": []", "/channels/0: channel SR has no entry", SBI_ERR_FORMAT},
    {"\"data\": [1, 2]", ", \"observations\": [{\"name\": \"SR\", \"data\": [1]}]", "/observations/0/data: 1 bins", SBI_ERR_SHAPE},
    {"\"data\": [1, 2]", ", \"observations\": [{\"name\": \"SR\", \"data\": [1, -1]}]", "/channels/0: channel SR: bin 1: -1", SBI_ERR_VALUE},
    {"\"data\": [1, 2]", ", \"observations\": [{\"name\": \"SR\", \"data\": [1, 1]}, {\"name\": \"SR\", \"data\": [1, 1]}]",
     "/observations/1: channel SR is observed twice", SBI_ERR_EXISTS},
};

START_TEST(refused)
{
    const struct bad *b = &bad[_i];
    char text[2048];
    snprintf(text, sizeof text, "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", %s}]}]%s%s}", b->sample,
             strstr(b->rest, "observations") ? "" : ", \"observations\": [{\"name\": \"SR\", \"data\": [1, 1]}]", b->rest);
    refuse(text, b->status, b->place);
}
END_TEST

START_TEST(built_badly)
{
    static const double two[2] = {1, 2}, bad_number[2] = {1, NAN}, below[2] = {1, -1};
    static const char *const unknown[2] = {"mu", "g"};
    sbi_model *m;
    size_t channel, sample;
    ck_ok(sbi_model_create(&m, ctx));
    add(m, "mu", SBI_CONSTRAINT_NONE, 1, 0, 1);
    ck_assert_int_eq(sbi_model_add_binned_channel(m, "SR", 0, two, &channel), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_add_binned_channel(m, "SR", 2, below, &channel), SBI_ERR_VALUE);
    ck_ok(sbi_model_add_binned_channel(m, "SR", 2, two, &channel));
    ck_assert_int_eq(sbi_model_add_binned_channel(m, "SR", 2, two, &channel), SBI_ERR_EXISTS);
    ck_assert_int_eq(sbi_model_add_binned_sample(m, channel, "S", bad_number, &sample), SBI_ERR_VALUE);
    ck_ok(sbi_model_add_binned_sample(m, channel, "S", two, &sample));
    ck_assert_int_eq(sbi_model_add_histosys(m, channel, sample, "mu", two, bad_number), SBI_ERR_VALUE);
    ck_assert_int_eq(sbi_model_add_histosys(m, channel, sample, "other", two, two), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_model_add_bin_factors(m, channel, sample, unknown), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, "mu", NULL, NULL, NULL, NULL, SBI_MORPH_LOG), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_model_expected(m, channel, two, NULL, NULL), SBI_ERR_STATE);
    sbi_model_destroy(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model: binned channels");
    TCase *tests = tcase_create("binned");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, value_of_a_channel);
    tcase_add_test(tests, derivatives);
    tcase_add_test(tests, parameters_of_a_workspace);
    tcase_add_test(tests, asimov_data);
    tcase_add_test(tests, outside);
    tcase_add_test(tests, mixed);
    tcase_add_test(tests, built_badly);
    tcase_add_loop_test(tests, refused, 0, (int)(sizeof bad / sizeof bad[0]));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
