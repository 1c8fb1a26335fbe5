/* SPDX-License-Identifier: Apache-2.0 */
/* Whole models against JAX in f64 (tests/reference/jax_model.py), and the builder against the workspace. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "sbi/model.h"
#include "support/run_suite.h"

#define DATA "tests/data/model/"
#define P 4

static sbi_context *ctx;

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

static sbi_model *load(const char *path)
{
    sbi_model *m;
    ck_assert_msg(sbi_model_load(&m, ctx, path) == SBI_OK, "%s", sbi_last_error());
    return m;
}

/* Relative to the largest element, since gradients cancel. */
static void check_close(const double *found, const json_t *expected, size_t n, const char *what)
{
    double scale = 1, largest = 0;
    for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(json_number_value(json_array_get(expected, i))));
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(found[i] - json_number_value(json_array_get(expected, i))) / scale);
    ck_assert_msg(largest < 1e-10, "%s: relative difference %g", what, largest);
}

static void compare(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, DATA "%s.json", name);
    sbi_model *m = load(path);
    sbi_model_work *work;
    ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
    ck_assert_uint_eq(sbi_model_n_parameters(m), P);
    json_t *reference = json_load_file(DATA "reference.json", 0, NULL);
    ck_assert_ptr_nonnull(reference);
    const json_t *points = json_object_get(reference, name);
    ck_assert_uint_ge(json_array_size(points), 4);
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        double theta[P], value, gradient[P], hessian[P * P], products[P * P], unit[P * P] = {0};
        for (size_t k = 0; k < P; k++) {
            theta[k] = json_number_value(json_array_get(json_object_get(point, "theta"), k));
            unit[k * P + k] = 1;
        }
        ck_assert_msg(sbi_model_hessian(work, theta, &value, gradient, hessian) == SBI_OK, "%s", sbi_last_error());
        double expected = json_number_value(json_object_get(point, "value"));
        ck_assert_double_lt(fabs(value - expected), 1e-10 * fmax(1, fabs(expected)));
        check_close(gradient, json_object_get(point, "gradient"), P, "gradient");
        for (size_t k = 0; k < P; k++)
            check_close(hessian + k * P, json_array_get(json_object_get(point, "hessian"), k), P, "Hessian");
        ck_assert_int_eq(sbi_model_hvp(work, theta, unit, P, products), SBI_OK);
        for (size_t k = 0; k < P * P; k++)
            ck_assert_double_le(fabs(products[k] - hessian[k]), 1e-10 * fmax(1, fabs(hessian[k])));
        double value_alone, gradient_alone[P], rows[P];
        ck_assert_int_eq(sbi_model_nll(work, theta, &value_alone, gradient_alone), SBI_OK);
        ck_assert(value_alone == value && memcmp(gradient, gradient_alone, sizeof gradient) == 0);
        for (size_t k = 0; k < P; k++) {
            ck_assert_int_eq(sbi_model_hessian_rows(work, theta, k, 1, rows), SBI_OK);
            ck_assert(memcmp(rows, hessian + k * P, sizeof rows) == 0);
        }
    }
    json_decref(reference);
    sbi_model_work_destroy(work);
    sbi_model_destroy(m);
}

START_TEST(equals_jax)
{
    compare("plain");
}
END_TEST

START_TEST(equals_jax_with_normalisation)
{
    compare("normalised");
}
END_TEST

START_TEST(describes_itself)
{
    sbi_model *m = load(DATA "normalised.json");
    ck_assert_str_eq(sbi_model_poi(m), "mu");
    ck_assert_str_eq(sbi_model_parameter_name(m, 2), "JER");
    sbi_parameter p;
    sbi_parameter_init(&p);
    ck_assert_int_eq(sbi_model_parameter(m, 2, &p), SBI_OK);
    ck_assert(p.sigma == 0.8 && p.auxiliary == 0.1 && p.constraint == SBI_CONSTRAINT_GAUSSIAN);
    ck_assert_int_eq(sbi_model_parameter(m, 0, &p), SBI_OK);
    ck_assert(p.constraint == SBI_CONSTRAINT_NONE && p.upper == 9 && p.start == 1);
    ck_assert_int_eq(sbi_model_n_events(m, 0), 60);
    ck_assert_str_eq(sbi_model_sample_name(m, 0, 1), "SBI");
    double theta[P] = {4, 0, 0, 0}, yields[4];
    ck_assert_int_eq(sbi_model_yields(m, 0, theta, yields), SBI_OK);
    ck_assert_double_eq_tol(yields[0], 180.0 * 2, 1e-9);
    ck_assert_double_eq_tol(yields[2], -470.0, 1e-9);
    size_t index;
    ck_assert_int_eq(sbi_model_parameter_index(m, "absent", &index), SBI_ERR_NOT_FOUND);
    sbi_model_destroy(m);
}
END_TEST

/* The same small model call by call and from text: equal bits. */
START_TEST(builder_equals_workspace)
{
    static const char text[] =
        "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 12.5, \"factor\": \"mu^2\","
        " \"ratio\": \"S.npy\", \"modifiers\": [{\"name\": \"JES\", \"type\": \"normsys\","
        " \"data\": {\"hi\": 1.02, \"lo\": 0.98}}]}]}],"
        " \"measurements\": [{\"name\": \"m\", \"config\": {\"poi\": \"mu\", \"parameters\": []}}]}";
    sbi_model *a, *b;
    ck_assert_msg(sbi_model_load_text(&a, ctx, text, strlen(text), DATA) == SBI_OK, "%s", sbi_last_error());
    sbi_npy *npy;
    sbi_array ratio;
    ck_assert_int_eq(sbi_npy_map(&npy, ctx, DATA "S.npy"), SBI_OK);
    ck_assert_int_eq(sbi_npy_array(npy, &ratio), SBI_OK);
    size_t channel, sample;
    sbi_parameter mu, jes;
    sbi_parameter_init(&jes);
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    mu.lower = 0;
    mu.upper = 10;
    ck_assert_int_eq(sbi_model_create(&b, ctx), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(b, "mu", &mu), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(b, "JES", &jes), SBI_OK);
    ck_assert_int_eq(sbi_model_add_channel(b, "SR", ratio.shape[0], NULL, NULL, 0, &channel), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(b, channel, "S", 12.5, "mu^2", &ratio, NULL, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_add_normsys(b, channel, sample, "JES", 1.02, 0.98), SBI_OK);
    ck_assert_int_eq(sbi_model_seal(b), SBI_OK);
    ck_assert_int_eq(sbi_model_seal(b), SBI_ERR_STATE);
    ck_assert_int_eq(sbi_model_add_parameter(b, "late", NULL), SBI_ERR_STATE);
    double theta[2] = {1.5, -0.4}, va, vb, ga[2], gb[2];
    sbi_model_work *wa, *wb;
    ck_assert_int_eq(sbi_model_work_create(&wa, a), SBI_OK);
    ck_assert_int_eq(sbi_model_work_create(&wb, b), SBI_OK);
    ck_assert_int_eq(sbi_model_nll(wa, theta, &va, ga), SBI_OK);
    ck_assert_int_eq(sbi_model_nll(wb, theta, &vb, gb), SBI_OK);
    ck_assert(va == vb && memcmp(ga, gb, sizeof ga) == 0);
    sbi_model_work_destroy(wa);
    sbi_model_work_destroy(wb);
    sbi_model_destroy(a);
    sbi_model_destroy(b);
    sbi_npy_unmap(npy);
}
END_TEST

/* ---- normalised.json call by call ---- */

typedef struct mapped {
    sbi_npy *files[64];
    size_t n;
} mapped;

static sbi_array column(mapped *f, const char *name, const char *suffix)
{
    char path[256];
    sbi_array a;
    ck_assert_uint_lt(f->n, 64);
    snprintf(path, sizeof path, DATA "%s%s.npy", name, suffix);
    ck_assert_int_eq(sbi_npy_map(&f->files[f->n], ctx, path), SBI_OK);
    ck_assert_int_eq(sbi_npy_array(f->files[f->n++], &a), SBI_OK);
    return a;
}

static void add_eventsys(sbi_model *m, mapped *f, size_t channel, size_t sample, const char *process, const char *nuisance)
{
    char name[64];
    sbi_array a[4];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s_%s_%s", process, nuisance, i % 2 ? "lo" : "hi");
        a[i] = column(f, name, i < 2 ? "" : "_integration");
    }
    ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, nuisance, &a[0], &a[1], &a[2], &a[3], SBI_MORPH_RATIO), SBI_OK);
}

static sbi_model *build_normalised(mapped *f)
{
    static const char *const names[P] = {"mu", "JES", "JER", "PDF"}, *const processes[4] = {"S", "SBI", "B", "NI"};
    static const char *const factors[4] = {"mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", NULL};
    static const double yields[4] = {180, 420, 470, 700};
    static const char *const varied[4][3] = {{"JES", "JER"}, {"JES", "PDF"}, {"JER"}, {"JES", "PDF"}};
    sbi_model *m;
    size_t channel, sample;
    ck_assert_int_eq(sbi_model_create(&m, ctx), SBI_OK);
    for (int k = 0; k < P; k++) {
        sbi_parameter p;
        sbi_parameter_init(&p);
        if (k == 0) {
            p.constraint = SBI_CONSTRAINT_NONE;
            p.start = 1;
            p.lower = 0;
            p.upper = 9;
        }
        if (k == 2) {
            p.sigma = 0.8;
            p.auxiliary = 0.1;
        }
        ck_assert_int_eq(sbi_model_add_parameter(m, names[k], &p), SBI_OK);
    }
    sbi_array w = column(f, "weights", ""), v = column(f, "weights", "_integration");
    ck_assert_int_eq(sbi_model_add_channel(m, "SR", w.shape[0], &w, &v, 0, &channel), SBI_OK);
    for (int s = 0; s < 4; s++) {
        sbi_array r = column(f, processes[s], ""), ri = column(f, processes[s], "_integration");
        ck_assert_int_eq(sbi_model_add_sample(m, channel, processes[s], yields[s], factors[s], &r, &ri, &sample), SBI_OK);
        if (s == 0) ck_assert_int_eq(sbi_model_add_normsys(m, channel, sample, "JES", 1.03, 0.96), SBI_OK);
        if (s == 1) ck_assert_int_eq(sbi_model_add_normsys(m, channel, sample, "JES", 1.02, 0.97), SBI_OK);
        if (s == 3) ck_assert_int_eq(sbi_model_add_normsys(m, channel, sample, "PDF", 0.95, 1.07), SBI_OK);
        for (int k = 0; k < 3 && varied[s][k]; k++) add_eventsys(m, f, channel, sample, processes[s], varied[s][k]);
    }
    ck_assert_msg(sbi_model_seal(m) == SBI_OK, "%s", sbi_last_error());
    return m;
}

START_TEST(builder_equals_normalised_workspace)
{
    mapped f = {{NULL}, 0};
    sbi_model *models[2] = {build_normalised(&f), load(DATA "normalised.json")};
    double theta[P] = {2.5, -1.4, 2.2, 0.7}, value[2], gradient[2][P], hessian[2][P * P];
    for (int i = 0; i < 2; i++) {
        sbi_model_work *work;
        ck_assert_int_eq(sbi_model_work_create(&work, models[i]), SBI_OK);
        ck_assert_int_eq(sbi_model_hessian(work, theta, &value[i], gradient[i], hessian[i]), SBI_OK);
        sbi_model_work_destroy(work);
        sbi_model_destroy(models[i]);
    }
    ck_assert(memcmp(&value[0], &value[1], sizeof value[0]) == 0);
    ck_assert(memcmp(gradient[0], gradient[1], sizeof gradient[0]) == 0);
    ck_assert(memcmp(hessian[0], hessian[1], sizeof hessian[0]) == 0);
    for (size_t i = 0; i < f.n; i++) sbi_npy_unmap(f.files[i]);
}
END_TEST

/* The gradient against differences of the value, the Hessian against differences of the gradient; Richardson's extrapolation
 * makes the error of fourth order. */
START_TEST(equals_finite_differences)
{
    static const char *const files[2] = {DATA "plain.json", DATA "normalised.json"};
    const double h[2] = {2e-3, 1e-3};
    for (int i = 0; i < 2; i++) {
        sbi_model *m = load(files[i]);
        sbi_model_work *work;
        ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
        double theta[P] = {1.7, -0.5, 1.3, 0.4}, value, gradient[P], hessian[P * P], v[2], g[2][P];
        ck_assert_int_eq(sbi_model_hessian(work, theta, &value, gradient, hessian), SBI_OK);
        for (int k = 0; k < P; k++) {
            double slope[2], slopes[2][P];
            for (int s = 0; s < 2; s++) {
                for (int side = 0; side < 2; side++) {
                    double moved[P];
                    memcpy(moved, theta, sizeof moved);
                    moved[k] += side ? h[s] : -h[s];
                    ck_assert_int_eq(sbi_model_nll(work, moved, &v[side], g[side]), SBI_OK);
                }
                slope[s] = (v[1] - v[0]) / (2 * h[s]);
                for (int j = 0; j < P; j++) slopes[s][j] = (g[1][j] - g[0][j]) / (2 * h[s]);
            }
            ck_assert_double_eq_tol((4 * slope[1] - slope[0]) / 3, gradient[k], 1e-8 * 100);
            for (int j = 0; j < P; j++)
                ck_assert_double_eq_tol((4 * slopes[1][j] - slopes[0][j]) / 3, hessian[k * P + j], 1e-8 * 100);
        }
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
}
END_TEST

/* Two measurements, a constraint on a parameter that only a factor uses. */
START_TEST(chooses_the_measurement)
{
    static const char text[] =
        "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 2, \"factor\": \"mu*kappa\","
        " \"ratio\": \"S.npy\"}]}], \"measurements\": ["
        "{\"name\": \"one\", \"config\": {\"poi\": \"mu\", \"parameters\": [{\"name\": \"kappa\", \"inits\": [0.9]}]}},"
        "{\"name\": \"two\", \"config\": {\"poi\": \"mu\", \"parameters\": [{\"name\": \"kappa\", \"inits\": [1.1],"
        " \"auxdata\": [1.05], \"sigmas\": [0.02]}]}}]}";
    for (int i = 0; i < 2; i++) {
        sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
        if (i) options.measurement = "two";
        if (i) options.poi = "kappa";
        sbi_model *m;
        if (i) { /* the second measurement's poi gives way, so mu has to come from somewhere else */
            ck_assert_int_eq(sbi_model_load_text_with(&m, ctx, text, sizeof text - 1, DATA, &options), SBI_ERR_FORMAT);
            ck_assert_ptr_nonnull(strstr(sbi_last_error(), "unknown parameter \"mu\""));
            options.poi = NULL;
        }
        ck_assert_msg(sbi_model_load_text_with(&m, ctx, text, sizeof text - 1, DATA, &options) == SBI_OK, "%s", sbi_last_error());
        ck_assert_str_eq(sbi_model_poi(m), "mu");
        ck_assert_str_eq(sbi_model_channel_name(m, 0), "SR");
        ck_assert_ptr_null(sbi_model_channel_name(m, 1));
        double start[2];
        ck_assert_int_eq(sbi_model_start(m, start), SBI_OK);
        ck_assert(start[0] == 1 && start[1] == (i ? 1.1 : 0.9));
        sbi_parameter p;
        sbi_parameter_init(&p);
        ck_assert_int_eq(sbi_model_parameter(m, 1, &p), SBI_OK);
        ck_assert_int_eq(p.constraint, i ? SBI_CONSTRAINT_GAUSSIAN : SBI_CONSTRAINT_NONE);
        if (i) ck_assert(p.auxiliary == 1.05 && p.sigma == 0.02);
        /* The constraint is in the likelihood. */
        sbi_model_work *work;
        double hessian[4], sum = 60; /* events of weight one: -sum ln(mu kappa) gives 60 / kappa^2 */
        ck_assert_int_eq(sbi_model_work_create(&work, m), SBI_OK);
        ck_assert_int_eq(sbi_model_hessian(work, start, NULL, NULL, hessian), SBI_OK);
        double expected = sum / (start[1] * start[1]) + (i ? 1 / (0.02 * 0.02) : 0);
        ck_assert_double_eq_tol(hessian[3], expected, 1e-9 * expected);
        sbi_model_work_destroy(work);
        sbi_model_destroy(m);
    }
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    options.measurement = "three";
    sbi_model *m;
    ck_assert_int_eq(sbi_model_load_text_with(&m, ctx, text, sizeof text - 1, DATA, &options), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "/measurements: there is no measurement \"three\""));
    options.measurement = NULL;
    options.poi = "";
    static const char other[] = "{\"channels\": [{\"name\": \"SR\", \"samples\": [{\"name\": \"S\", \"yield\": 2, \"ratio\": \"S.npy\","
                                " \"modifiers\": [{\"name\": \"a\", \"type\": \"normfactor\", \"data\": null}]}]}],"
                                " \"measurements\": [{\"name\": \"one\", \"config\": {\"poi\": \"mu_SIG\", \"parameters\": []}}]}";
    ck_assert_msg(sbi_model_load_text_with(&m, ctx, other, sizeof other - 1, DATA, &options) == SBI_OK, "%s", sbi_last_error());
    ck_assert_ptr_null(sbi_model_poi(m));
    ck_assert_uint_eq(sbi_model_n_parameters(m), 1);
    sbi_model_destroy(m);
}
END_TEST

static void keep_warning(void *user, int32_t level, const char *message)
{
    if (level == SBI_LOG_WARNING) snprintf(user, 512, "%s", message);
}

/* N Var(ln g) > 1 without an integration sample is warned of, by name. */
START_TEST(warns_of_unbounded_likelihood)
{
    char warning[512] = "";
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.log = keep_warning;
    options.log_user = warning;
    sbi_context *own;
    ck_assert_int_eq(sbi_context_create(&own, &options), SBI_OK);
    enum { N = 1000 };
    static double ratio[N], high[N], low[N];
    size_t channel, sample;
    for (int spread = 0; spread < 2; spread++) {
        for (int i = 0; i < N; i++) {
            ratio[i] = 1;
            high[i] = exp((i % 2 ? 1 : -1) * (spread ? 0.1 : 0.01));
            low[i] = 1 / high[i];
        }
        sbi_array r = sbi_array_1d(ratio, SBI_F64, N), h = sbi_array_1d(high, SBI_F64, N), l = sbi_array_1d(low, SBI_F64, N);
        sbi_model *m;
        ck_assert_int_eq(sbi_model_create(&m, own), SBI_OK);
        ck_assert_int_eq(sbi_model_add_parameter(m, "JES", NULL), SBI_OK);
        ck_assert_int_eq(sbi_model_add_channel(m, "SR", N, NULL, NULL, 0, &channel), SBI_OK);
        ck_assert_int_eq(sbi_model_add_sample(m, channel, "B", N, NULL, &r, NULL, &sample), SBI_OK);
        ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, "JES", &h, &l, NULL, NULL, SBI_MORPH_RATIO), SBI_OK);
        ck_assert_int_eq(sbi_model_seal(m), SBI_OK);
        ck_assert_msg((warning[0] != '\0') == spread, "spread %d: \"%s\"", spread, warning);
        sbi_model_destroy(m);
    }
    ck_assert_ptr_nonnull(strstr(warning, "sample B, parameter JES"));
    sbi_context_destroy(own);
}
END_TEST

/* At the start value of mu the interference factor vanishes; elsewhere it does not, and the variation is looked at all the same. */
START_TEST(warns_where_the_factor_vanishes)
{
    char warning[512] = "";
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.log = keep_warning;
    options.log_user = warning;
    sbi_context *own;
    ck_assert_int_eq(sbi_context_create(&own, &options), SBI_OK);
    enum { N = 1000 };
    static double ratio[N], high[N], low[N];
    for (int i = 0; i < N; i++) {
        ratio[i] = 1;
        high[i] = exp((i % 2 ? 1 : -1) * 0.1);
        low[i] = 1 / high[i];
    }
    sbi_array r = sbi_array_1d(ratio, SBI_F64, N), h = sbi_array_1d(high, SBI_F64, N), l = sbi_array_1d(low, SBI_F64, N);
    sbi_model *m;
    size_t channel, sample;
    sbi_parameter mu, unused;
    sbi_parameter_init(&mu);
    mu.constraint = SBI_CONSTRAINT_NONE;
    mu.start = 1;
    unused = mu;
    ck_assert_int_eq(sbi_model_create(&m, own), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(m, "mu", &mu), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(m, "JES", NULL), SBI_OK);
    ck_assert_int_eq(sbi_model_add_channel(m, "SR", N, NULL, NULL, 0, &channel), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "B", N, NULL, &r, NULL, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "S", N, "mu - sqrt(mu)", &r, NULL, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_add_eventsys(m, channel, sample, "JES", &h, &l, NULL, NULL, SBI_MORPH_RATIO), SBI_OK);
    ck_assert_int_eq(sbi_model_seal(m), SBI_OK);
    ck_assert_msg(strstr(warning, "sample S, parameter JES"), "\"%s\"", warning);
    sbi_model_destroy(m);

    warning[0] = '\0';
    ck_assert_int_eq(sbi_model_create(&m, own), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(m, "mu", &mu), SBI_OK);
    ck_assert_int_eq(sbi_model_add_parameter(m, "nothing", &unused), SBI_OK);
    ck_assert_int_eq(sbi_model_add_channel(m, "SR", N, NULL, NULL, 0, &channel), SBI_OK);
    ck_assert_int_eq(sbi_model_add_sample(m, channel, "B", N, "mu", &r, NULL, &sample), SBI_OK);
    ck_assert_int_eq(sbi_model_seal(m), SBI_OK);
    ck_assert_str_eq(warning, "parameter nothing is free, but the likelihood does not depend on it");
    sbi_model_destroy(m);
    sbi_context_destroy(own);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model: reference");
    TCase *t = tcase_create("reference");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, equals_jax);
    tcase_add_test(t, equals_jax_with_normalisation);
    tcase_add_test(t, describes_itself);
    tcase_add_test(t, builder_equals_workspace);
    tcase_add_test(t, builder_equals_normalised_workspace);
    tcase_add_test(t, equals_finite_differences);
    tcase_add_test(t, chooses_the_measurement);
    tcase_add_test(t, warns_of_unbounded_likelihood);
    tcase_add_test(t, warns_where_the_factor_vanishes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
