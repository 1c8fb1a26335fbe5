/* SPDX-License-Identifier: Apache-2.0 */
/* Toys: their bits follow from their number; counts, events and auxiliary data have the distributions that are promised; a toy
 * evaluates as the same data entered by hand. Seeds are fixed: each test passes or fails the same way each time. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "model/model.h"
#include "sbi/toy.h"
#include "support/run_suite.h"

enum { N = 300, P = 3, BINS = 7 };

static sbi_context *ctx;

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())
#define FAILS(call, status, text)                                                                                      \
    do {                                                                                                               \
        ck_assert_int_eq((call), (status));                                                                            \
        ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "%s", sbi_last_error());                                 \
    } while (0)

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

/* ---- models ---- */

static void add_parameter(sbi_model *m, const char *name, int32_t constraint, double start, double auxiliary, double sigma)
{
    sbi_parameter p;
    sbi_parameter_init(&p);
    p.constraint = constraint;
    p.start = start;
    p.lower = constraint == SBI_CONSTRAINT_GAUSSIAN ? -5 : 0;
    p.upper = 10;
    p.auxiliary = auxiliary;
    p.sigma = sigma;
    OK(sbi_model_add_parameter(m, name, &p));
}

/* Bins whose expectations span both samplers; one parameter of each constraint. */
static const double nominal[BINS] = {0.3, 7, 29.9, 30.1, 500, 1e6, 0};

static sbi_model *binned(void)
{
    static const char *const names[3] = {"gauss", "poisson", "lognormal"};
    const double ones[BINS] = {1, 1, 1, 1, 1, 1, 1};
    sbi_model *m;
    size_t channel, sample;
    OK(sbi_model_create(&m, ctx));
    add_parameter(m, "mu", SBI_CONSTRAINT_NONE, 1, 0, 1);
    add_parameter(m, names[0], SBI_CONSTRAINT_GAUSSIAN, 0, 0, 0.5);
    add_parameter(m, names[1], SBI_CONSTRAINT_POISSON, 1, 1, 0.25);
    add_parameter(m, names[2], SBI_CONSTRAINT_LOGNORMAL, 1, 1, 0.2);
    OK(sbi_model_set_poi(m, "mu"));
    OK(sbi_model_add_binned_channel(m, "CR", BINS, ones, &channel));
    OK(sbi_model_add_binned_sample(m, channel, "S", nominal, &sample));
    OK(sbi_model_add_normfactor(m, channel, sample, "mu"));
    OK(sbi_model_seal(m));
    return m;
}

/* Columns over a sample of N rows with weights v, whose means are one. */
typedef struct columns {
    double v[N], signal[N], background[N], high[N], low[N];
} columns;

static void fill(columns *c)
{
    double total = 0, s = 0, b = 0;
    for (int j = 0; j < N; j++) {
        uint64_t i = (uint64_t)j;
        c->v[j] = 0.5 + sbi_random_uniform(1, 0, i);
        c->signal[j] = 0.2 + sbi_random_uniform(1, 1, i);
        c->background[j] = 0.6 + sbi_random_uniform(1, 2, i);
        c->high[j] = 0.9 + 0.2 * sbi_random_uniform(1, 3, i);
        c->low[j] = 0.9 + 0.2 * sbi_random_uniform(1, 4, i);
        total += c->v[j];
        s += c->v[j] * c->signal[j];
        b += c->v[j] * c->background[j];
    }
    for (int j = 0; j < N; j++) {
        c->signal[j] *= total / s;
        c->background[j] *= total / b;
    }
}

static sbi_array view(const double *x)
{
    return sbi_array_1d(x, SBI_F64, N);
}

/* The events are `data` weights on the rows of the sample. */
static sbi_model *unbinned(const columns *c, const double *data, double yield, const double *auxiliary)
{
    sbi_model *m;
    size_t channel, sample;
    sbi_array w = view(data), v = view(c->v), s = view(c->signal), b = view(c->background), h = view(c->high), l = view(c->low);
    OK(sbi_model_create(&m, ctx));
    add_parameter(m, "mu", SBI_CONSTRAINT_NONE, 1, 0, 1);
    add_parameter(m, "JES", SBI_CONSTRAINT_GAUSSIAN, 0, auxiliary ? auxiliary[1] : 0, 1);
    add_parameter(m, "norm", SBI_CONSTRAINT_GAUSSIAN, 0, auxiliary ? auxiliary[2] : 0, 0.5);
    OK(sbi_model_set_poi(m, "mu"));
    OK(sbi_model_add_channel(m, "SR", N, &w, &v, 0, &channel));
    OK(sbi_model_add_sample(m, channel, "S", 0.2 * yield, "mu", &s, &s, &sample));
    OK(sbi_model_add_sample(m, channel, "B", 0.8 * yield, NULL, &b, &b, &sample));
    OK(sbi_model_add_eventsys(m, channel, sample, "JES", &h, &l, &h, &l, SBI_MORPH_RATIO));
    OK(sbi_model_add_normsys(m, channel, sample, "norm", 1.1, 0.92));
    OK(sbi_model_seal(m));
    return m;
}

static sbi_toy_generator *generator(const sbi_model *m, const double *theta, uint64_t seed, int32_t auxiliary)
{
    sbi_toy_options o = SBI_TOY_OPTIONS_INIT;
    sbi_toy_generator *g;
    o.seed = seed;
    o.auxiliary = auxiliary;
    OK(sbi_toy_generator_create(&g, m, theta, &o));
    return g;
}

/* ---- distributions ---- */

/* Mean and variance of n numbers against what they should be, four standard deviations each. */
static void check_moments(const char *what, double n, double sum, double square, double mean, double variance, double fourth)
{
    const double m = sum / n, v = square / n - m * m;
    ck_assert_msg(fabs(m - mean) <= 4 * sqrt(variance / n), "%s: mean %g, expected %g", what, m, mean);
    ck_assert_msg(fabs(v - variance) <= 4 * sqrt((fourth - variance * variance) / n), "%s: variance %g, expected %g", what, v, variance);
}

START_TEST(counts_and_auxiliary_data)
{
    enum { TOYS = 4000 };
    const double theta[4] = {1.1, 0.7, 1.3, 0.8};
    double sum[BINS + 3] = {0}, square[BINS + 3] = {0};
    sbi_model *m = binned();
    sbi_toy_generator *g = generator(m, theta, 5, SBI_TOY_AUXILIARY_THROWN);
    for (int i = 0; i < TOYS; i++) {
        sbi_model *toy;
        double x[BINS + 3];
        OK(sbi_toy_generate(&toy, g, i));
        OK(sbi_model_observed(toy, 0, x));
        for (int k = 0; k < 3; k++) x[BINS + k] = toy->parameters[1 + k].spec.auxiliary;
        x[BINS + 2] = log(x[BINS + 2]);
        for (int b = 0; b < BINS; b++) ck_assert(x[b] == floor(x[b]));
        for (int b = 0; b < BINS + 3; b++) {
            sum[b] += x[b];
            square[b] += x[b] * x[b];
        }
        sbi_model_destroy(toy);
    }
    for (int b = 0; b < BINS; b++) {
        char what[32];
        const double mean = theta[0] * nominal[b];
        snprintf(what, sizeof what, "bin %d", b);
        check_moments(what, TOYS, sum[b], square[b], mean, mean, mean + 3 * mean * mean);
    }
    check_moments("Gaussian", TOYS, sum[BINS], square[BINS], 0.7, 0.25, 3 * 0.0625);
    const double tau = 16, mean = 1.3 * tau; /* counts over tau */
    check_moments("Poisson", TOYS, sum[BINS + 1], square[BINS + 1], 1.3, mean / (tau * tau), (mean + 3 * mean * mean) / pow(tau, 4));
    check_moments("log-normal", TOYS, sum[BINS + 2], square[BINS + 2], log(0.8), 0.04, 3 * 0.0016);
    sbi_toy_generator_destroy(g);
    sbi_model_destroy(m);
}
END_TEST

/* The whole distribution of counts, by chi2 of 20 to 60 classes. */
START_TEST(counts_follow_poisson)
{
    enum { TOYS = 200000, MOST = 200 };
    static const double means[4] = {0.8, 29, 31, 90};
    for (int i = 0; i < 4; i++) {
        double found[MOST] = {0}, chi2 = 0, classes = 0, rest_expected = TOYS, rest_found = TOYS;
        for (uint64_t t = 0; t < TOYS; t++) {
            int64_t k = sbi_random_poisson(17, (uint64_t)i, t, means[i]);
            ck_assert(k >= 0 && k < MOST);
            found[k] += 1;
        }
        for (int k = 0; k < MOST; k++) {
            int sign;
            const double expected = TOYS * exp(-means[i] + k * log(means[i]) - lgamma_r(k + 1.0, &sign));
            if (expected < 10) continue;
            chi2 += (found[k] - expected) * (found[k] - expected) / expected;
            classes++;
            rest_expected -= expected;
            rest_found -= found[k];
        }
        ck_assert_double_le(fabs(rest_found - rest_expected), 5 * sqrt(fmax(rest_expected, 1)));
        ck_assert_msg(fabs(chi2 - classes) < 4 * sqrt(2 * classes), "mean %g: chi2 %g of %g classes", means[i], chi2, classes);
    }
}
END_TEST

/* Counts of every row, from few and from many events a toy. */
START_TEST(events_follow_the_asimov_weights)
{
    static columns c;
    fill(&c);
    const double theta[P] = {1.5, 0.6, -0.4};
    const double yields[2] = {40, 900};
    for (int i = 0; i < 2; i++) {
        enum { TOYS = 3000 };
        sbi_model *m = unbinned(&c, c.v, yields[i], NULL);
        sbi_toy_generator *g = generator(m, theta, 3, SBI_TOY_AUXILIARY_KEPT);
        double weights[N], found[N] = {0}, sum = 0, square = 0, expected = 0, chi2 = 0;
        OK(sbi_model_asimov_weights(m, 0, theta, weights));
        for (int t = 0; t < TOYS; t++) {
            sbi_model *toy;
            double total, effective;
            OK(sbi_toy_generate(&toy, g, t));
            OK(sbi_model_effective_events(toy, 0, &total, &effective));
            sum += total;
            square += total * total;
            const model_channel *channel = &toy->channels[0];
            ck_assert_int_eq(channel->n_events < N, i == 0); /* gathered where few rows were drawn */
            int row = 0;
            for (int64_t e = 0; e < channel->n_events; e++) {
                double signal;
                OK(sbi_model_column_read(&channel->samples[0].ratio, e, 1, &signal));
                while (row < N && c.signal[row] != signal) row++;
                ck_assert_int_lt(row, N);
                found[row] += channel->own_weights[e];
            }
            ck_assert(toy->parameters[1].spec.auxiliary == 0);
            sbi_model_destroy(toy);
        }
        for (int j = 0; j < N; j++) {
            chi2 += (found[j] - TOYS * weights[j]) * (found[j] - TOYS * weights[j]) / (TOYS * weights[j]);
            expected += weights[j];
        }
        ck_assert_msg(fabs(chi2 - N) < 4 * sqrt(2.0 * N), "chi2 %g of %d rows", chi2, N);
        check_moments("number of events", TOYS, sum, square, expected, expected, expected + 3 * expected * expected);
        sbi_toy_generator_destroy(g);
        sbi_model_destroy(m);
    }
}
END_TEST

/* ---- identity ---- */

static void evaluate(const sbi_model *m, const double *theta, double *value, double *gradient)
{
    sbi_model_work *work;
    OK(sbi_model_work_create(&work, m));
    OK(sbi_model_nll(work, theta, value, gradient));
    sbi_model_work_destroy(work);
}

/* Gathered or not, a toy is the model with these weights and auxiliary data; the model and the generator may go first. */
START_TEST(equals_data_entered_by_hand)
{
    static columns c;
    fill(&c);
    const double truth[P] = {1.5, 0.6, -0.4}, theta[P] = {0.7, -1.2, 0.9};
    const double yields[3] = {1e-4, 40, 900};
    for (int i = 0; i < 3; i++) {
        sbi_model *m = unbinned(&c, c.v, yields[i], NULL), *toy;
        sbi_toy_generator *g = generator(m, truth, 11, SBI_TOY_AUXILIARY_THROWN);
        OK(sbi_toy_generate(&toy, g, 7));
        sbi_toy_generator_destroy(g);
        sbi_model_destroy(m);
        double weights[N] = {0}, auxiliary[P], value[2], gradient[2][P];
        const model_channel *channel = &toy->channels[0];
        for (int64_t e = 0, row = 0; e < channel->n_events; e++) {
            double signal;
            OK(sbi_model_column_read(&channel->samples[0].ratio, e, 1, &signal));
            while (c.signal[row] != signal) row++;
            weights[row] = channel->own_weights[e];
        }
        if (i == 0) ck_assert_int_eq(channel->n_events, 0); /* no event at all is a data set, too */
        for (int k = 0; k < P; k++) auxiliary[k] = toy->parameters[k].spec.auxiliary;
        ck_assert(auxiliary[1] != 0 && auxiliary[2] != 0);
        sbi_model *hand = unbinned(&c, weights, yields[i], auxiliary);
        evaluate(toy, theta, &value[0], gradient[0]);
        evaluate(hand, theta, &value[1], gradient[1]);
        ck_assert_double_eq_tol(value[0], value[1], 1e-11 * fabs(value[1]));
        for (int k = 0; k < P; k++) ck_assert_double_eq_tol(gradient[0][k], gradient[1][k], 1e-11 * fabs(value[1]));
        sbi_model_destroy(hand);
        sbi_model_destroy(toy);
    }
}
END_TEST

START_TEST(bits_follow_from_the_number)
{
    static columns c;
    fill(&c);
    const double truth[P] = {1.5, 0.6, -0.4};
    sbi_model *m = unbinned(&c, c.v, 100, NULL), *toy;
    double value[4], gradient[P];
    for (int i = 0; i < 4; i++) { /* twice the same, another number, another seed */
        sbi_toy_generator *g = generator(m, truth, i == 3 ? 12 : 11, SBI_TOY_AUXILIARY_THROWN);
        if (i == 1) {
            OK(sbi_toy_generate(&toy, g, 1000)); /* what was made before makes no difference */
            sbi_model_destroy(toy);
        }
        OK(sbi_toy_generate(&toy, g, i == 2 ? 8 : 7));
        evaluate(toy, truth, &value[i], gradient);
        sbi_model_destroy(toy);
        sbi_toy_generator_destroy(g);
    }
    ck_assert(value[0] == value[1]);
    ck_assert(value[0] != value[2] && value[0] != value[3]);
    sbi_model_destroy(m);
}
END_TEST

/* ---- bad input ---- */

START_TEST(bad_input)
{
    static columns c;
    fill(&c);
    double theta[P] = {1, 0, 0};
    sbi_model *m = unbinned(&c, c.v, 100, NULL), *toy;
    sbi_toy_generator *g;
    sbi_toy_options o = SBI_TOY_OPTIONS_INIT;
    FAILS(sbi_toy_generator_create(NULL, m, theta, NULL), SBI_ERR_ARGUMENT, "out is NULL");
    FAILS(sbi_toy_generator_create(&g, NULL, theta, NULL), SBI_ERR_ARGUMENT, "model or theta is NULL");
    o.auxiliary = 3;
    FAILS(sbi_toy_generator_create(&g, m, theta, &o), SBI_ERR_ARGUMENT, "auxiliary is 3");
    o.struct_size = 4;
    FAILS(sbi_toy_generator_create(&g, m, theta, &o), SBI_ERR_ABI, "struct_size is 4");
    theta[1] = NAN;
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_VALUE, "parameter JES is nan");
    ck_assert_ptr_null(g);
    theta[1] = 0;
    OK(sbi_toy_generator_create(&g, m, theta, NULL));
    FAILS(sbi_toy_generate(&toy, g, -1), SBI_ERR_ARGUMENT, "number is -1");
    FAILS(sbi_toy_generate(&toy, NULL, 0), SBI_ERR_ARGUMENT, "generator is NULL");
    FAILS(sbi_toy_generate(NULL, g, 0), SBI_ERR_ARGUMENT, "out is NULL");
    sbi_toy_generator_destroy(g);
    sbi_model_destroy(m);
    /* A density that is negative somewhere. */
    c.background[7] = -5;
    m = unbinned(&c, c.v, 100, NULL);
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "channel SR: row 7 ");
    sbi_model_destroy(m);
    OK(sbi_model_create(&m, ctx));
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_STATE, "not sealed");
    sbi_model_destroy(m);
    sbi_toy_generator_destroy(NULL);
    sbi_toy_options_init(NULL);
}
END_TEST

/* One channel, mu alone; negative integration weights, no sample at all, nothing expected, no auxiliary data. */
static sbi_model *plain(const columns *c, const double *v, uint32_t flags, double yield)
{
    sbi_model *m;
    size_t channel, sample;
    sbi_array w = view(c->signal), weights = v ? view(v) : w, s = view(c->signal);
    OK(sbi_model_create(&m, ctx));
    add_parameter(m, "mu", SBI_CONSTRAINT_NONE, 1, 0, 1);
    OK(sbi_model_add_channel(m, "SR", N, &w, v ? &weights : NULL, flags, &channel));
    OK(sbi_model_add_sample(m, channel, "S", yield, "mu", &s, v ? &s : NULL, &sample));
    OK(sbi_model_seal(m));
    return m;
}

START_TEST(models_without_toys)
{
    static columns c;
    fill(&c);
    double theta[4] = {1, 0, 1, 1};
    sbi_toy_generator *g;
    sbi_toy_options required = SBI_TOY_OPTIONS_INIT;
    required.auxiliary = SBI_TOY_AUXILIARY_REQUIRED;
    sbi_model *m = plain(&c, NULL, 0, 100);
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_STATE, "channel SR has no integration sample");
    sbi_model_destroy(m);
    m = plain(&c, NULL, SBI_CHANNEL_REFERENCE, 100);
    OK(sbi_toy_generator_create(&g, m, theta, NULL));
    sbi_toy_generator_destroy(g);
    FAILS(sbi_toy_generator_create(&g, m, theta, &required), SBI_ERR_STATE, "no auxiliary data to throw: none of its 1 parameters");
    theta[0] = 0;
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "expected");
    theta[0] = 1;
    sbi_model_destroy(m);
    c.v[5] = -0.25;
    m = plain(&c, c.v, SBI_CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS, 100);
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "row 5 of the sample for toys");
    sbi_model_destroy(m);
    m = binned();
    theta[0] = 0;
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "zero events are expected");
    theta[0] = -1;
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "channel CR: bin 0: -0.3 events expected");
    theta[0] = 1;
    theta[2] = -0.5;
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "parameter poisson is -0.5");
    theta[2] = 1;
    theta[3] = 0;
    FAILS(sbi_toy_generator_create(&g, m, theta, NULL), SBI_ERR_DOMAIN, "parameter lognormal is 0");
    theta[3] = 1;
    OK(sbi_toy_generator_create(&g, m, theta, &required));
    sbi_toy_generator_destroy(g);
    sbi_model_destroy(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: toys");
    TCase *t = tcase_create("toys");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, counts_and_auxiliary_data);
    tcase_add_test(t, counts_follow_poisson);
    tcase_add_test(t, events_follow_the_asimov_weights);
    tcase_add_test(t, equals_data_entered_by_hand);
    tcase_add_test(t, bits_follow_from_the_number);
    tcase_add_test(t, bad_input);
    tcase_add_test(t, models_without_toys);
    suite_add_tcase(s, t);
    return run_suite(s);
}
