/* SPDX-License-Identifier: Apache-2.0 */
/* Many toys: the same bits here, on threads, through executors in this process and elsewhere; resumed, collected, written and read;
 * failed ones kept; p-values, limits and the Neyman construction where the answer is known. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "base/distributions.h"
#include "fit/toys.h"
#include "jobs/job.h"
#include "sbi/neyman.h"
#include "support/run_suite.h"

static sbi_context *ctx;
static char folder[64];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())
#define FAILS(call, status, text)                                                                                      \
    do {                                                                                                               \
        ck_assert_int_eq((call), (status));                                                                            \
        ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "%s", sbi_last_error());                                 \
    } while (0)

static const char *in_folder(const char *name)
{
    static char paths[8][160];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static sbi_context *context_of(int32_t threads)
{
    sbi_context *out;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    ck_assert_int_eq(sbi_context_create(&out, &o), SBI_OK);
    return out;
}

static void setup(void)
{
    ctx = context_of(2);
    make_temporary_folder(folder, sizeof folder);
}

static void teardown(void)
{
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

/* ---- models ---- */

/* One bin with background b known to `relative`, signal s mu. */
static sbi_model *counting(sbi_context *c, double s, double b, double relative, double observed, double lower)
{
    sbi_model *m;
    size_t channel, sample;
    sbi_parameter mu, gamma;
    OK(sbi_model_create(&m, c));
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    mu.lower = lower;
    mu.upper = 20;
    OK(sbi_model_add_parameter(m, "mu", &mu));
    sbi_parameter_init(&gamma);
    gamma.start = gamma.auxiliary = 1;
    gamma.lower = 1e-3;
    gamma.sigma = relative > 0 ? relative : 1;
    gamma.fixed = relative == 0;
    OK(sbi_model_add_parameter(m, "gamma", &gamma));
    OK(sbi_model_set_poi(m, "mu"));
    OK(sbi_model_add_binned_channel(m, "SR", 1, &observed, &channel));
    OK(sbi_model_add_binned_sample(m, channel, "S", &s, &sample));
    OK(sbi_model_add_normfactor(m, channel, sample, "mu"));
    OK(sbi_model_add_binned_sample(m, channel, "B", &b, &sample));
    OK(sbi_model_add_normfactor(m, channel, sample, "gamma"));
    OK(sbi_model_seal(m));
    return m;
}

static sbi_model *workspace(sbi_context *c)
{
    sbi_model *m;
    OK(sbi_model_load(&m, c, "tests/data/model/normalised.json"));
    return m;
}

static sbi_toys_options options(int64_t count)
{
    static const double tested[2] = {0.8, 1.4};
    sbi_toys_options o = SBI_TOYS_OPTIONS_INIT;
    o.seed = 21;
    o.count = count;
    o.toys_a_task = 5;
    o.compute = SBI_TOYS_T | SBI_TOYS_PARAMETERS;
    o.n_tested = 2;
    o.tested = tested;
    return o;
}

static void assert_equal(const sbi_toys *a, const sbi_toys *b)
{
    ck_assert_uint_eq(a->n, b->n);
    ck_assert_uint_eq(a->n_columns, b->n_columns);
    for (size_t j = 0; j < a->n_columns; j++) ck_assert_str_eq(a->names[j], b->names[j]);
    ck_assert_mem_eq(a->numbers, b->numbers, a->n * sizeof *a->numbers);
    ck_assert_mem_eq(a->status, b->status, a->n * sizeof *a->status);
    for (size_t i = 0; i < a->n; i++) ck_assert_str_eq(sbi_toys_message(a, i), sbi_toys_message(b, i));
    for (size_t i = 0; i < a->n * a->n_columns; i++)
        ck_assert(a->values[i] == b->values[i] || (isnan(a->values[i]) && isnan(b->values[i])));
}

/* ---- the same everywhere ---- */

START_TEST(toys_are_the_same_everywhere)
{
    const double theta[4] = {1.2, 0.3, -0.4, 0.5};
    sbi_toys_options o = options(23);
    sbi_model *m = workspace(ctx);
    sbi_toys *here, *other;
    OK(sbi_toys_run(&here, m, theta, &o, NULL));
    ck_assert_uint_eq(sbi_toys_count(here), 23);
    ck_assert_uint_eq(sbi_toys_n_failed(here), 0);
    ck_assert_uint_eq(sbi_toys_n_columns(here), 3 + 2 + 4);
    ck_assert_str_eq(sbi_toys_column_name(here, 3), "t_0");
    ck_assert_str_eq(sbi_toys_column_name(here, 5), "fit:mu");
    for (size_t i = 0; i < 23; i++) ck_assert_int_eq(sbi_toys_number(here, i), (int64_t)i);
    /* One thread, or three. */
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        sbi_context *c = context_of(threads);
        sbi_model *again = workspace(c);
        OK(sbi_toys_run(&other, again, theta, &o, NULL));
        assert_equal(here, other);
        sbi_toys_destroy(other);
        sbi_model_destroy(again);
        sbi_context_destroy(c);
    }
    sbi_executor *exec;
    OK(sbi_executor_open(&exec, ctx, "local", "{\"threads\": 3}"));
    OK(sbi_toys_run(&other, m, theta, &o, exec));
    assert_equal(here, other);
    sbi_toys_destroy(other);
    sbi_executor_close(exec);
    /* Elsewhere: attachments do not get there, tasks are lost and fail. */
    toy_options away = {.seed = 9, .trouble = 0.01, .loss = 0.1, .run = sbi_job_run_local};
    OK(toy_open(&exec, ctx, &away));
    OK(sbi_toys_run(&other, m, theta, &o, exec));
    assert_equal(here, other);
    sbi_toys_destroy(other);
    sbi_model *memory = counting(ctx, 5, 10, 0.1, 12, 0);
    FAILS(sbi_toys_run(&other, memory, theta, &o, exec), SBI_ERR_UNSUPPORTED, "made in memory");
    ck_assert_ptr_null(other);
    sbi_model_destroy(memory);
    sbi_executor_close(exec);
    /* Toys by number: a later range is the end of the whole one. */
    o.first = 20;
    o.count = 3;
    OK(sbi_toys_run(&other, m, theta, &o, NULL));
    ck_assert_int_eq(sbi_toys_number(other, 0), 20);
    ck_assert_mem_eq(other->values, here->values + 20 * here->n_columns, 3 * here->n_columns * sizeof(double));
    sbi_toys_destroy(other);
    sbi_toys_destroy(here);
    sbi_model_destroy(m);
}
END_TEST

static int n_ran, stop_after;

static sbi_status run_some(void *user, sbi_context *c, const sbi_task *task, sbi_sink *sink)
{
    if (n_ran == stop_after) return sbi_job_run_local(NULL, c, &(sbi_task){.struct_size = sizeof *task, .spec = "{}", .spec_size = 2}, sink);
    n_ran++;
    return sbi_job_run_local(user, c, task, sink);
}

/* What a campaign's folder has is usable before the end, and is not done again. */
START_TEST(resumed_and_collected)
{
    const double theta[4] = {1.2, 0.3, -0.4, 0.5};
    sbi_toys_options o = options(20);
    sbi_model *m = workspace(ctx);
    sbi_toys *whole, *part, *again;
    OK(sbi_toys_run(&whole, m, theta, &o, NULL));
    char where[160];
    snprintf(where, sizeof where, "%s", in_folder("campaign"));
    o.campaign = where;
    toy_options away = {.seed = 9, .run = run_some};
    sbi_executor *exec;
    OK(toy_open(&exec, ctx, &away));
    n_ran = 0;
    stop_after = 2;
    ck_assert_int_lt(sbi_toys_run(&part, m, theta, &o, exec), 0);
    ck_assert_ptr_null(part);
    o.collect = 1;
    OK(sbi_toys_run(&part, m, theta, &o, NULL));
    const size_t lost = sbi_toys_n_failed(part);
    ck_assert(lost > 0 && lost < 20 && lost % 5 == 0);
    for (size_t i = 0; i < 20; i++) {
        if (sbi_toys_status(part, i) == SBI_ERR_TASK_LOST) {
            ck_assert_str_eq(sbi_toys_message(part, i), "its task is not done");
            ck_assert(isnan(part->values[i * part->n_columns]));
        } else {
            ck_assert_mem_eq(part->values + i * part->n_columns, whole->values + i * whole->n_columns, whole->n_columns * sizeof(double));
        }
    }
    double p, error;
    OK(sbi_toys_p_value(part, "t_0", 0, &p, &error));
    ck_assert(p == 1 && error > 0);
    o.collect = 0;
    n_ran = 0;
    stop_after = 100;
    OK(sbi_toys_run(&again, m, theta, &o, exec));
    assert_equal(whole, again);
    ck_assert_int_eq(n_ran, (int)lost / 5);
    sbi_toys_destroy(again);
    /* And an executor that can do nothing is enough for what is done. */
    stop_after = n_ran;
    OK(sbi_toys_run(&again, m, theta, &o, exec));
    assert_equal(whole, again);
    sbi_toys_destroy(again);
    sbi_toys_destroy(part);
    sbi_executor_close(exec);
    o.campaign = NULL;
    o.collect = 1;
    FAILS(sbi_toys_run(&again, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "collect without a campaign");
    sbi_toys_destroy(whole);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(written_and_read)
{
    const double theta[2] = {1, 1};
    sbi_toys_options o = options(6);
    sbi_model *m = counting(ctx, 5, 10, 0.1, 12, 0);
    sbi_toys *t, *back, *both;
    OK(sbi_toys_run(&t, m, theta, &o, NULL));
    t->values[2] = NAN;
    OK(sbi_toys_fail_row(t, 3, SBI_FIT_NO_PROGRESS, "a \"reason\""));
    OK(sbi_toys_write_json(t, in_folder("toys.json")));
    OK(sbi_toys_write_npy(t, in_folder("toys.npy")));
    OK(sbi_toys_read_json(&back, ctx, in_folder("toys.json")));
    assert_equal(t, back);
    OK(sbi_toys_concatenate(&both, t, back));
    ck_assert_uint_eq(sbi_toys_count(both), 12);
    ck_assert_uint_eq(sbi_toys_n_failed(both), 2);
    ck_assert_str_eq(sbi_toys_message(both, 9), "a \"reason\"");
    sbi_toys_destroy(both);
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"[]", "array"},
        {"{\"columns\":[],\"failed\":[],\"numbers\":[],\"rows\":[],\"version\":2}", "version is 2"},
        {"{\"columns\":[\"a\"],\"failed\":[],\"numbers\":[1],\"rows\":[],\"version\":1}", "1 numbers for 0 rows"},
        {"{\"columns\":[\"a\"],\"failed\":[],\"numbers\":[1],\"rows\":[[1.0,2.0]],\"version\":1}", "row 0 has not 1 values"},
        {"{\"columns\":[\"a\"],\"failed\":[],\"numbers\":[-1],\"rows\":[[1.0]],\"version\":1}", "item 0 is no number of a toy"},
        {"{\"columns\":[\"a\"],\"failed\":[],\"numbers\":[1],\"rows\":[[\"x\"]],\"version\":1}", "/rows/0/0"},
        {"{\"columns\":[7],\"failed\":[],\"numbers\":[1],\"rows\":[[1.0]],\"version\":1}", "columns[0] is no name"},
        {"{\"columns\":[\"a\"],\"failed\":[{\"message\":\"\",\"row\":1,\"status\":-1}],\"numbers\":[1],\"rows\":[[1.0]],\"version\":1}",
         "row is 1 of 1"},
        {"{\"columns\":[\"a\"],\"failed\":[{\"message\":\"\",\"row\":0,\"status\":0}],\"numbers\":[1],\"rows\":[[1.0]],\"version\":1}",
         "status is 0"},
        {"{\"columns\":[],\"extra\":1,\"failed\":[],\"numbers\":[],\"rows\":[],\"version\":1}", "extra"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FILE *f = fopen(in_folder("bad.json"), "w");
        ck_assert_ptr_nonnull(f);
        fputs(bad[i].text, f);
        fclose(f);
        sbi_toys *none;
        ck_assert_int_lt(sbi_toys_read_json(&none, ctx, in_folder("bad.json")), 0);
        ck_assert_msg(strstr(sbi_last_error(), bad[i].message) != NULL, "%zu: %s", i, sbi_last_error());
        ck_assert_ptr_null(none);
    }
    sbi_toys_destroy(back);
    sbi_toys_destroy(t);
    sbi_model_destroy(m);
}
END_TEST

/* ---- statistics where the answer is known ---- */

/* With b known and n large, t_mu of toys at mu is chi2 of one degree, q_mu half of it; every column is what its functions give. */
START_TEST(statistics_of_a_counting_experiment)
{
    const double theta[2] = {1, 1}, tested[1] = {1};
    sbi_model *m = counting(ctx, 400, 900, 0.02, 1300, -1);
    sbi_toys_options o = SBI_TOYS_OPTIONS_INIT;
    o.count = 2000;
    o.compute = SBI_TOYS_T | SBI_TOYS_TTILDE | SBI_TOYS_Q0 | SBI_TOYS_Q | SBI_TOYS_QTILDE | SBI_TOYS_INTERVAL | SBI_TOYS_SATURATED;
    o.n_tested = 1;
    o.tested = tested;
    sbi_toys *t;
    OK(sbi_toys_run(&t, m, theta, &o, NULL));
    ck_assert_uint_eq(sbi_toys_n_failed(t), 0);
    double p, error;
    const double at[3] = {0.3, 1, 3.84};
    for (int i = 0; i < 3; i++) {
        const double tail = 2 * sbi_normal_tail(sqrt(at[i]));
        OK(sbi_toys_p_value(t, "t_0", at[i], &p, &error));
        ck_assert_double_eq_tol(error, sqrt(p * (1 - p) / 2000), 1e-4);
        ck_assert_msg(fabs(p - tail) < 4 * error, "P(t >= %g) = %g +- %g, asymptotic %g", at[i], p, error, tail);
        OK(sbi_toys_p_value(t, "q_0", at[i], &p, &error));
        ck_assert_msg(fabs(p - tail / 2) < 4 * error, "P(q >= %g) = %g +- %g, asymptotic %g", at[i], p, error, tail / 2);
    }
    double value[2000], q[2000], all[2000], lower[2000], upper[2000], half, spread[2];
    OK(sbi_toys_column(t, "value", value));
    OK(sbi_toys_column(t, "q_0", q));
    OK(sbi_toys_column(t, "t_0", all));
    OK(sbi_toys_column(t, "lower", lower));
    OK(sbi_toys_column(t, "upper", upper));
    for (int i = 0; i < 2000; i++) {
        ck_assert(q[i] == (value[i] > 1 ? 0 : all[i]));
        if (fabs(all[i] - 1) > 1e-3) ck_assert_int_eq(lower[i] < 1 && upper[i] > 1, all[i] < 1);
    }
    OK(sbi_toys_quantile(t, "value", 0.5, &half, spread));
    ck_assert_double_eq_tol(half, 1, 4 * spread[1]);
    ck_assert(spread[0] < 0 && spread[1] > 0);
    FAILS(sbi_toys_quantile(t, "value", 2, &half, NULL), SBI_ERR_ARGUMENT, "p is 2");
    FAILS(sbi_toys_p_value(t, "z", 1, &p, NULL), SBI_ERR_NOT_FOUND, "\"z\"");
    FAILS(sbi_toys_p_value(t, "value", NAN, &p, NULL), SBI_ERR_ARGUMENT, "NaN");
    sbi_toys_destroy(t);
    sbi_model_destroy(m);
}
END_TEST

/* The limit of each toy is that of its own fit and its own Asimov data. */
START_TEST(limit_of_each_toy)
{
    const double theta[2] = {1, 1};
    sbi_model *m = counting(ctx, 5, 40, 0.1, 45, 0), *toy, *data;
    sbi_toys_options o = SBI_TOYS_OPTIONS_INIT;
    sbi_toy_generator *g;
    sbi_fit *fit, *asimov;
    sbi_toys *t;
    double limits[4], expected;
    o.count = 4;
    o.compute = SBI_TOYS_LIMIT | SBI_TOYS_Q0;
    OK(sbi_toys_run(&t, m, theta, &o, NULL));
    ck_assert_uint_eq(sbi_toys_n_failed(t), 0);
    OK(sbi_toys_column(t, "limit", limits));
    OK(sbi_toy_generator_create(&g, m, theta, NULL));
    for (int i = 0; i < 4; i++) {
        OK(sbi_toy_generate(&toy, g, i));
        OK(sbi_fit_run(&fit, toy, NULL));
        OK(sbi_fit_run_asimov(&asimov, &data, fit, "mu", 0));
        OK(sbi_fit_upper_limit(fit, asimov, "mu", 0.95, &expected));
        ck_assert_double_eq_tol(limits[i], expected, 1e-3 * expected);
        sbi_fit_destroy(asimov);
        sbi_model_destroy(data);
        sbi_fit_destroy(fit);
        sbi_model_destroy(toy);
    }
    sbi_toy_generator_destroy(g);
    sbi_toys_destroy(t);
    sbi_model_destroy(m);
}
END_TEST

/* One bin, b known: P(n <= 9 | s + b) and P(n <= 9 | b) are sums of Poisson terms, and CLs = 0.05 at their quotient. */
static double cumulative(int n, double mean)
{
    double term = exp(-mean), sum = term;
    for (int k = 1; k <= n; k++) sum += term *= mean / k;
    return sum;
}

START_TEST(limits_of_a_counting_experiment)
{
    enum { VALUES = 8 };
    const double s = 2, b = 8;
    double values[VALUES], cls[VALUES][6], errors[VALUES][6], low = 0, high = 20;
    sbi_model *m = counting(ctx, s, b, 0, 9, 0);
    sbi_fit *fit;
    sbi_toys_options toys = SBI_TOYS_OPTIONS_INIT;
    sbi_toy_limit_options o = SBI_TOY_LIMIT_OPTIONS_INIT;
    sbi_limit limit = {.struct_size = (uint32_t)sizeof limit};
    toys.count = 2000;
    o.background_count = 4000;
    o.toys = &toys;
    for (int i = 0; i < VALUES; i++) values[i] = 1.5 + i;
    OK(sbi_fit_run(&fit, m, NULL));
    OK(sbi_fit_limits_by_toys(fit, "mu", values, VALUES, &o, NULL, &limit, cls[0], errors[0]));
    for (int i = 0; i < VALUES; i++) {
        const double exact = cumulative(9, b + s * values[i]) / cumulative(9, b);
        ck_assert_msg(fabs(cls[i][0] - exact) < 4 * errors[i][0], "CLs(%g) = %g +- %g, exact %g", values[i], cls[i][0], errors[i][0], exact);
    }
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        if (cumulative(9, b + s * middle) / cumulative(9, b) > 0.05) low = middle;
        else high = middle;
    }
    printf("limit by toys %.3f +- %.3f, exact %.3f\n", limit.observed, limit.observed_error, low);
    ck_assert_double_eq_tol(limit.observed, low, 4 * limit.observed_error + 0.02);
    ck_assert_double_gt(limit.observed_error, 0);
    for (int i = 1; i < 5; i++) ck_assert(isnan(limit.expected[i]) || isnan(limit.expected[i - 1]) || limit.expected[i] >= limit.expected[i - 1]);
    ck_assert(fabs(limit.expected[2] - limit.observed) < 1.5);
    FAILS(sbi_fit_limits_by_toys(fit, "mu", values, 2, &o, NULL, &limit, NULL, NULL), SBI_ERR_DOMAIN, "does not cross 0.05 between 1.5 and 2.5");
    FAILS(sbi_fit_limits_by_toys(fit, "mu", values, 1, &o, NULL, &limit, NULL, NULL), SBI_ERR_ARGUMENT, "at least 2");
    values[0] = -1;
    FAILS(sbi_fit_limits_by_toys(fit, "mu", values, 2, &o, NULL, &limit, NULL, NULL), SBI_ERR_ARGUMENT, "mu = -1 is outside of the bounds");
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
}
END_TEST

/* Feldman and Cousins: is mu accepted for these counts? By their ordering, summed exactly. */
static int accepted(double mu, double b, int observed, double level)
{
    double sum = 0;
    int done[200] = {0};
    for (;;) {
        int best = -1;
        double ratio = -1;
        for (int n = 0; n < 150; n++) {
            const double muhat = fmax(0, n - b), r = n * log((mu + b) / (muhat + b)) - (mu - muhat);
            if (!done[n] && (best < 0 || r > ratio)) {
                best = n;
                ratio = r;
            }
        }
        int sign;
        done[best] = 1;
        sum += exp(best * log(mu + b) - (mu + b) - lgamma_r(best + 1.0, &sign));
        if (best == observed) return 1;
        if (sum >= level) return 0;
    }
}

START_TEST(feldman_and_cousins)
{
    enum { VALUES = 12 };
    const double b = 3, levels[1] = {0.9};
    double values[VALUES], critical[VALUES], t[VALUES], p[VALUES], error[VALUES], ends[4];
    size_t found;
    sbi_model *m = counting(ctx, 1, b, 0, 6, 0);
    sbi_fit *fit;
    sbi_neyman *y;
    sbi_toys_options toys = SBI_TOYS_OPTIONS_INIT;
    sbi_neyman_options o = SBI_NEYMAN_OPTIONS_INIT;
    toys.count = 3000;
    o.toys = &toys;
    o.n_levels = 1;
    o.levels = levels;
    for (int i = 0; i < VALUES; i++) values[i] = 0.25 + 0.8 * i;
    OK(sbi_fit_run(&fit, m, NULL));
    OK(sbi_neyman_run(&y, fit, "mu", values, VALUES, &o, NULL));
    OK(sbi_neyman_critical(y, 0, critical, NULL));
    OK(sbi_neyman_observed(y, t));
    OK(sbi_neyman_p_values(y, p, error));
    int checked = 0;
    for (int i = 0; i < VALUES; i++) {
        if (fabs(p[i] - 0.1) < 4 * error[i]) continue; /* too near to tell by so many toys */
        ck_assert_msg((p[i] > 0.1) == accepted(values[i], b, 6, 0.9), "mu = %g: p = %g +- %g", values[i], p[i], error[i]);
        checked++;
    }
    ck_assert_int_ge(checked, VALUES - 3);
    OK(sbi_neyman_set(y, 0, NULL, 2, &found, ends));
    ck_assert_uint_eq(found, 1);
    printf("Feldman-Cousins, n = 6, b = 3, 90%%: [%.2f, %.2f]\n", ends[0], ends[1]);
    ck_assert(ends[0] <= 0.9 && fabs(ends[1] - 8.47) < 0.8); /* their table IV: [0.15, 8.47] */
    /* Sets of several intervals, by statistics made up. */
    const double two[VALUES] = {0, 9, 9, 9, 0, 0, 9, 9, 9, 9, 9, 9}, none[VALUES] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    OK(sbi_neyman_set(y, 0, two, 2, &found, ends));
    ck_assert_uint_eq(found, 2);
    ck_assert(ends[0] == values[0] && ends[1] > values[0] && ends[1] < values[1]);
    ck_assert(ends[2] > values[3] && ends[2] < values[4] && ends[3] > values[5] && ends[3] < values[6]);
    OK(sbi_neyman_set(y, 0, none, 0, &found, NULL));
    ck_assert_uint_eq(found, 0);
    FAILS(sbi_neyman_set(y, 1, NULL, 2, &found, ends), SBI_ERR_ARGUMENT, "no level 1");
    sbi_neyman_destroy(y);
    values[1] = values[0];
    FAILS(sbi_neyman_run(&y, fit, "mu", values, VALUES, &o, NULL), SBI_ERR_ARGUMENT, "not ascending at 1");
    ck_assert_ptr_null(y);
    FAILS(sbi_neyman_run(&y, fit, "nu", values, VALUES, &o, NULL), SBI_ERR_NOT_FOUND, "nu");
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
}
END_TEST

/* ---- failures ---- */

/* What cannot be computed fails the toy, not the run, and the reason is kept. */
START_TEST(failed_toys_are_kept)
{
    const double theta[4] = {1.2, 0.3, -0.4, 0.5};
    sbi_toys_options o = options(4);
    sbi_model *m = workspace(ctx);
    sbi_toys *t;
    o.compute |= SBI_TOYS_SATURATED; /* which an unbinned channel has not */
    OK(sbi_toys_run(&t, m, theta, &o, NULL));
    ck_assert_uint_eq(sbi_toys_n_failed(t), 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(sbi_toys_status(t, i), SBI_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(sbi_toys_message(t, i), "channel SR is unbinned"));
        ck_assert(isfinite(t->values[i * t->n_columns])); /* what was known before is kept */
    }
    double p;
    FAILS(sbi_toys_p_value(t, "t_0", 1, &p, NULL), SBI_ERR_STATE, "none of 4 has a value of t_0");
    sbi_toys_destroy(t);
    sbi_model_destroy(m);
}
END_TEST

START_TEST(bad_options)
{
    const double theta[2] = {1, 1}, outside[1] = {-3}, nan_theta[2] = {NAN, 1};
    const char *const names[1] = {"mu"}, *const unknown[1] = {"nu"};
    sbi_model *m = counting(ctx, 5, 10, 0.1, 12, 0.5);
    sbi_toys *t;
    sbi_toys_options o = options(3), base = o;
    o.tested = outside;
    o.n_tested = 1;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "tested mu = -3 is outside of its bounds [0.5, 20]");
    ck_assert_ptr_null(t);
    o = base;
    o.n_starts = 1;
    o.starts = outside;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "start mu = -3 is outside");
    o = base;
    o.parameter = "nu";
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_NOT_FOUND, "\"nu\"");
    o = base;
    o.n_fixed = 1;
    o.fixed_names = names;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "mu is to be fixed");
    o.fixed_names = unknown;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_NOT_FOUND, "\"nu\"");
    o = base;
    o.count = 0;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "count is 0");
    o = base;
    o.compute = 1u << 20;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "compute is 0x100000");
    o = base;
    o.n_tested = 0;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "no tested value");
    o = base;
    o.compute = SBI_TOYS_Q0;
    FAILS(sbi_toys_run(&t, m, theta, &o, NULL), SBI_ERR_ARGUMENT, "mu = 0, outside of its bounds");
    FAILS(sbi_toys_run(&t, m, nan_theta, &base, NULL), SBI_ERR_VALUE, "parameter mu is nan");
    FAILS(sbi_toys_run(&t, NULL, theta, &base, NULL), SBI_ERR_ARGUMENT, "model or theta is NULL");
    FAILS(sbi_toys_run(NULL, m, theta, &base, NULL), SBI_ERR_ARGUMENT, "out is NULL");
    sbi_model_destroy(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobs: toys");
    TCase *t = tcase_create("toys");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, toys_are_the_same_everywhere);
    tcase_add_test(t, resumed_and_collected);
    tcase_add_test(t, written_and_read);
    tcase_add_test(t, statistics_of_a_counting_experiment);
    tcase_add_test(t, limit_of_each_toy);
    tcase_add_test(t, limits_of_a_counting_experiment);
    tcase_add_test(t, feldman_and_cousins);
    tcase_add_test(t, failed_toys_are_kept);
    tcase_add_test(t, bad_options);
    suite_add_tcase(s, t);
    return run_suite(s);
}
