/* SPDX-License-Identifier: Apache-2.0 */
/* Systematic variations from simulated events to a fit, where all densities are known: normal distributions that nuisance parameters shift.
 *
 *     signal      x0 ~ N(0.8 + 0.3 a, 1), x1 ~ N(0.25 b, 1), yield 1500 mu (1 + 0.05 a)
 *     background  x0 ~ N(0, 1), x1 ~ N(0, 1), yield 1500
 *
 * The data are made at a = 1, b = -0.5. The workspace with exact eventsys columns and the one with learnt columns are fitted to the same data: their
 * best values must agree within what the finite training sample does to them (bootstrapped members) and a tenth of the statistical error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/random.h"
#include "net/network.h"
#include "sbi/fit.h"
#include "sbi/model.h"
#include "sbi/variation.h"
#include "support/folder.h"
#include "support/run_suite.h"

enum { D = 2, SIMULATED = 24000, EVENTS = 3000, INTEGRATION = 20000, MEMBERS = 3, ALPHAS = 2 };

static const double shift[ALPHAS][2] = {{0.3, 0}, {0, 0.25}}; /* of the signal's means, for each parameter */
static const char *const names[ALPHAS] = {"a", "b"};

static sbi_context *ctx;
static test_folder folder;

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void set_up(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    ok(sbi_context_create(&ctx, &o));
    folder = folder_make();
}

static void tear_down(void)
{
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}

/* ---- events ---- */

static void signal_event(float *x, const double *alpha, uint64_t seed, int64_t index)
{
    for (int j = 0; j < D; j++)
        x[j] = (float)(sbi_random_normal(seed, (uint64_t)j, (uint64_t)index) + (j == 0 ? 0.8 : 0) + shift[0][j] * alpha[0] + shift[1][j] * alpha[1]);
}

/* n signal events at alpha. */
static void signal_events(float *x, int64_t n, const double *alpha, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++) signal_event(x + i * D, alpha, seed, i);
}

static void background_events(float *x, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n * D; i++) x[i] = (float)sbi_random_normal(seed, 9, (uint64_t)i);
}

static void write_rows(const char *name, const float *x, int64_t n, int64_t d)
{
    const test_path path = folder_path(&folder, name);
    const sbi_array a = d == 1 ? sbi_array_1d(x, SBI_F32, n) : sbi_array_2d(x, SBI_F32, n, d);
    ok(sbi_npy_write(ctx, path.text, &a));
}

/* ln of p_signal(x | alpha) / p_background(x). */
static double log_signal(const float *x, const double *alpha)
{
    double l = 0;
    for (int j = 0; j < D; j++) {
        const double mean = (j == 0 ? 0.8 : 0) + shift[0][j] * alpha[0] + shift[1][j] * alpha[1];
        l += mean * (double)x[j] - 0.5 * mean * mean;
    }
    return l;
}

static void write_ratio(const char *name, const float *x, int64_t n)
{
    static const double nominal[ALPHAS] = {0, 0};
    float *r = malloc((size_t)n * sizeof *r);
    for (int64_t i = 0; i < n; i++) r[i] = (float)exp(log_signal(x + i * D, nominal));
    write_rows(name, r, n, 1);
    free(r);
}

/* ---- workspaces ---- */

static const char base_text[] =
    "{\"channels\": [{\"name\": \"SR\", \"integration\": {\"weights\": \"v.npy\"}, \"samples\": ["
    "{\"name\": \"S\", \"yield\": 1500, \"factor\": \"mu\", \"ratio\": \"S.npy\", \"ratio_integration\": \"S_int.npy\"%s},"
    "{\"name\": \"B\", \"yield\": 1500, \"ratio\": \"B.npy\", \"ratio_integration\": \"v.npy\"}]}],"
    "\"measurements\": [{\"name\": \"m\", \"config\": {\"poi\": \"mu\", \"parameters\": ["
    "{\"name\": \"mu\", \"inits\": [1], \"bounds\": [[0, 5]]}]}}], \"version\": \"1.0.0\"}";

static const char exact_modifiers[] =
    ", \"modifiers\": [{\"name\": \"a\", \"type\": \"normsys\", \"data\": {\"hi\": 1.05, \"lo\": 0.95}},"
    "{\"name\": \"a\", \"type\": \"eventsys\", \"data\": {\"hi\": \"a_hi.npy\", \"lo\": \"a_lo.npy\", \"hi_integration\": \"a_hi_int.npy\","
    "\"lo_integration\": \"a_lo_int.npy\", \"storage\": \"ratio\"}},"
    "{\"name\": \"b\", \"type\": \"eventsys\", \"data\": {\"hi\": \"b_hi.npy\", \"lo\": \"b_lo.npy\", \"hi_integration\": \"b_hi_int.npy\","
    "\"lo_integration\": \"b_lo_int.npy\", \"storage\": \"ratio\"}}]";

static void write_text(const char *name, const char *modifiers)
{
    char text[4096];
    const test_path path = folder_path(&folder, name);
    const int n = snprintf(text, sizeof text, base_text, modifiers);
    ok(sbi_file_write(ctx, path.text, text, (size_t)n));
}

static void write_exact_columns(const float *x, int64_t n, const char *end)
{
    static const double nominal[ALPHAS] = {0, 0};
    float *g = malloc((size_t)n * sizeof *g);
    for (int k = 0; k < ALPHAS; k++) {
        for (int side = 0; side < 2; side++) {
            double alpha[ALPHAS] = {0, 0};
            char name[64];
            alpha[k] = side ? -1 : 1;
            for (int64_t i = 0; i < n; i++) g[i] = (float)exp(log_signal(x + i * D, alpha) - log_signal(x + i * D, nominal));
            snprintf(name, sizeof name, "%s_%s%s.npy", names[k], side ? "lo" : "hi", end);
            write_rows(name, g, n, 1);
        }
    }
    free(g);
}

/* Data at a = 1, b = -0.5, mu = 1; an integration sample of the background; both workspaces. */
static void write_measurement(void)
{
    static const double truth[ALPHAS] = {1, -0.5};
    const int64_t n_signal = 1575;
    float *x = malloc(EVENTS * 2 * D * sizeof *x), *v = malloc(INTEGRATION * D * sizeof *v), *one = malloc(INTEGRATION * sizeof *one);
    const int64_t n = n_signal + 1500;
    for (int i = 0; i < INTEGRATION; i++) one[i] = 1;
    signal_events(x, n_signal, truth, 71);
    background_events(x + n_signal * D, 1500, 72);
    background_events(v, INTEGRATION, 73);
    write_rows("x.npy", x, n, D);
    write_rows("x_int.npy", v, INTEGRATION, D);
    write_rows("v.npy", one, INTEGRATION, 1);
    write_rows("B.npy", one, n, 1);
    write_ratio("S.npy", x, n);
    write_ratio("S_int.npy", v, INTEGRATION);
    write_exact_columns(x, n, "");
    write_exact_columns(v, INTEGRATION, "_int");
    write_text("base.json", "");
    write_text("exact.json", exact_modifiers);
    free(x);
    free(v);
    free(one);
}

typedef struct best {
    double value[3], error[3]; /* mu, a, b */
} best;

static best fit_workspace(const char *name)
{
    static const char *const parameters[3] = {"mu", "a", "b"};
    const test_path path = folder_path(&folder, name);
    sbi_model *model;
    sbi_fit *fit;
    best out;
    ok(sbi_model_load(&model, ctx, path.text));
    ok(sbi_fit_run(&fit, model, NULL));
    ck_assert_msg(sbi_fit_reason(fit) < 10, "%s: %s", name, sbi_fit_message(fit));
    for (int k = 0; k < 3; k++) {
        ok(sbi_fit_value(fit, parameters[k], &out.value[k]));
        ok(sbi_fit_error(fit, parameters[k], &out.error[k]));
    }
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    return out;
}

static best fit_variations(const sbi_variations *set, const char *campaign)
{
    const test_path in = folder_path(&folder, "base.json"), out = folder_path(&folder, "learnt.json"), x = folder_path(&folder, "x.npy"),
                    v = folder_path(&folder, "x_int.npy");
    sbi_columns_options columns = SBI_COLUMNS_OPTIONS_INIT;
    sbi_variations_output o = SBI_VARIATIONS_OUTPUT_INIT;
    columns.dtype = SBI_F32;
    columns.campaign = campaign;
    o.columns = &columns;
    o.workspace = in.text;
    o.output = out.text;
    o.channel = "SR";
    o.features = x.text;
    o.integration = v.text;
    ok(sbi_variations_write(set, &o, NULL));
    return fit_workspace("learnt.json");
}

/* ---- training samples ---- */

static sbi_dataset *pair_dataset(const float *varied, double weight, const float *nominal, float *weights)
{
    sbi_dataset *data;
    for (int i = 0; i < SIMULATED; i++) weights[i] = (float)weight;
    const sbi_array a = sbi_array_2d(varied, SBI_F32, SIMULATED, D), b = sbi_array_2d(nominal, SBI_F32, SIMULATED, D),
                    w = sbi_array_1d(weights, SBI_F32, SIMULATED);
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_add_array(data, SBI_NUMERATOR, &a, &w));
    ok(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    return data;
}

static sbi_train_options training(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 12;
    o.epochs = 8;
    o.batch = 500;
    o.members = MEMBERS;
    o.bootstrap = 1;
    o.learning_rate = 5e-3;
    return o;
}

/* The fits of single members tell what the training sample does to the best values; the mean must lie within. */
static void judge(const char *what, const best *exact, const best *learnt, const best *members)
{
    static const double truth[3] = {1, 1, -0.5};
    for (int k = 0; k < 3; k++) {
        double mean = 0, square = 0;
        for (int m = 0; m < MEMBERS; m++) mean += members[m].value[k] / MEMBERS;
        for (int m = 0; m < MEMBERS; m++) square += pow(members[m].value[k] - mean, 2) / (MEMBERS - 1);
        const double spread = sqrt(square), miss = learnt->value[k] - exact->value[k];
        if (getenv("SBI_PRINT"))
            printf("%s %d: exact %.4f +- %.4f, learnt %.4f +- %.4f, spread %.4f\n", what, k, exact->value[k], exact->error[k], learnt->value[k],
                   learnt->error[k], spread);
        /* Three members know their spread to a factor of two or so: the allowance is a fifth of the statistical error. */
        ck_assert_msg(fabs(miss) < 3 * spread + 0.2 * exact->error[k], "%s: parameter %d: %.4f, exact %.4f +- %.4f, spread %.4f", what, k,
                      learnt->value[k], exact->value[k], exact->error[k], spread);
        ck_assert_double_eq_tol(learnt->error[k], exact->error[k], 0.25 * exact->error[k]);
        ck_assert_double_le(fabs(exact->value[k] - truth[k]), 3.5 * exact->error[k]);
    }
}

static sbi_variations *member_of(const sbi_variations *set, int member)
{
    sbi_variations *one;
    ok(sbi_variations_create(&one, ctx));
    for (size_t i = 0; i < sbi_variations_count(set); i++) {
        sbi_ensemble *single[2];
        const char *process, *nuisance;
        double factor[2];
        for (int side = 0; side < 2; side++) {
            const sbi_ensemble *ens;
            ok(sbi_variations_get(set, i, side, &ens, &process, &nuisance, &factor[side]));
            ok(sbi_ensemble_create(&single[side], ctx, &ens->networks[member], 1));
        }
        ok(sbi_variations_add(one, process, nuisance, single[0], single[1], factor[0], factor[1]));
        sbi_ensemble_destroy(single[0]);
        sbi_ensemble_destroy(single[1]);
    }
    return one;
}

START_TEST(a_network_for_each_side)
{
    static const double nominal[ALPHAS] = {0, 0};
    float *x[5], *w[5];
    for (int i = 0; i < 5; i++) {
        x[i] = malloc(SIMULATED * D * sizeof(float));
        w[i] = malloc(SIMULATED * sizeof(float));
    }
    write_measurement();
    signal_events(x[4], SIMULATED, nominal, 80);
    sbi_variation v[ALPHAS];
    for (int k = 0; k < ALPHAS; k++) {
        sbi_variation_init(&v[k]);
        v[k].process = "S";
        v[k].nuisance = names[k];
        for (int side = 0; side < 2; side++) {
            double alpha[ALPHAS] = {0, 0};
            alpha[k] = side ? -1 : 1;
            signal_events(x[2 * k + side], SIMULATED, alpha, 81 + (uint64_t)(2 * k + side));
            /* The yields change by 5 per cent with a: that is a normsys, and not a part of the ratio. */
            const double weight = 1 + (k == 0 ? 0.05 * alpha[0] : 0);
            sbi_dataset *data = pair_dataset(x[2 * k + side], weight, x[4], w[2 * k + side]);
            if (side) v[k].down = data;
            else v[k].up = data;
        }
    }
    const sbi_train_options o = training();
    sbi_variations *set;
    ok(sbi_variations_train(&set, ctx, v, ALPHAS, &o, NULL));
    double hi, lo;
    ok(sbi_variations_get(set, 0, SBI_VARIATION_HI, NULL, NULL, NULL, &hi));
    ok(sbi_variations_get(set, 0, SBI_VARIATION_LO, NULL, NULL, NULL, &lo));
    ck_assert_double_eq_tol(hi, 1.05, 1e-6);
    ck_assert_double_eq_tol(lo, 0.95, 1e-6);
    const test_path campaign = folder_path(&folder, "columns");
    const best exact = fit_workspace("exact.json"), learnt = fit_variations(set, campaign.text);
    best members[MEMBERS];
    for (int m = 0; m < MEMBERS; m++) {
        sbi_variations *one = member_of(set, m);
        members[m] = fit_variations(one, NULL);
        sbi_variations_destroy(one);
    }
    judge("pairs", &exact, &learnt, members);
    /* The same networks as one by one. */
    sbi_ensemble *alone;
    const sbi_ensemble *together;
    ok(sbi_ensemble_train(&alone, v[1].down, &o, NULL));
    ok(sbi_variations_get(set, 1, SBI_VARIATION_LO, &together, NULL, NULL, NULL));
    for (int m = 0; m < MEMBERS; m++)
        ck_assert_mem_eq(alone->networks[m]->params, together->networks[m]->params, sizeof(float) * (size_t)alone->networks[m]->mlp.n);
    sbi_ensemble_destroy(alone);
    sbi_variations_destroy(set);
    for (int k = 0; k < ALPHAS; k++) {
        sbi_dataset_destroy(v[k].up);
        sbi_dataset_destroy(v[k].down);
    }
    for (int i = 0; i < 5; i++) {
        free(x[i]);
        free(w[i]);
    }
}
END_TEST

/* One network of x and theta = (a, b): numerator at theta uniform in [-1.5, 1.5]^2, denominator nominal events, whose theta the dataset draws. */
START_TEST(one_network_for_all_parameters)
{
    enum { N = 3 * SIMULATED };
    static const double nominal[ALPHAS] = {0, 0}, hi[ALPHAS] = {1.05, 1}, lo[ALPHAS] = {0.95, 1};
    float *x[2], *theta = malloc(N * ALPHAS * sizeof *theta);
    sbi_dataset *data;
    write_measurement();
    ok(sbi_dataset_create(&data, ctx));
    for (int side = 0; side < 2; side++) {
        x[side] = malloc(N * D * sizeof(float));
        for (int i = 0; i < N; i++) {
            double alpha[ALPHAS];
            for (int k = 0; k < ALPHAS && side == SBI_NUMERATOR; k++) {
                alpha[k] = 3 * sbi_random_uniform(90, (uint64_t)k, (uint64_t)i) - 1.5;
                theta[i * ALPHAS + k] = (float)alpha[k];
            }
            signal_event(x[side] + i * D, side == SBI_NUMERATOR ? alpha : nominal, 91 + (uint64_t)side, i);
        }
        const sbi_array features = sbi_array_2d(x[side], SBI_F32, N, D), parameters = sbi_array_2d(theta, SBI_F32, N, ALPHAS);
        sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
        a.features = &features;
        if (side == SBI_NUMERATOR) a.theta = &parameters;
        ok(sbi_dataset_add_arrays(data, side, &a));
    }
    sbi_train_options o = training();
    o.depth = 2;
    o.width = 16;
    o.epochs = 10;
    sbi_ensemble *ens;
    sbi_variations *set;
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    ok(sbi_variations_create(&set, ctx));
    ok(sbi_variations_add_parameterised(set, "S", names, ALPHAS, ens, hi, lo));
    ck_assert_uint_eq(sbi_variations_count(set), ALPHAS);
    const best exact = fit_workspace("exact.json"), learnt = fit_variations(set, NULL);
    sbi_variations_destroy(set);
    best members[MEMBERS];
    for (int m = 0; m < MEMBERS; m++) {
        sbi_ensemble *one;
        ok(sbi_ensemble_create(&one, ctx, &ens->networks[m], 1));
        ok(sbi_variations_create(&set, ctx));
        ok(sbi_variations_add_parameterised(set, "S", names, ALPHAS, one, hi, lo));
        members[m] = fit_variations(set, NULL);
        sbi_variations_destroy(set);
        sbi_ensemble_destroy(one);
    }
    judge("parameterised", &exact, &learnt, members);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    free(x[0]);
    free(x[1]);
    free(theta);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("variations");
    TCase *c = tcase_create("variations");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 240);
    tcase_add_test(c, a_network_for_each_side);
    tcase_add_test(c, one_network_for_all_parameters);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
