/* SPDX-License-Identifier: Apache-2.0 */
/* Fits of likelihoods that experiments published, those in the folder that SBI_LIKELIHOODS names, against pyhf's with MINUIT
 * (tests/reference/pyhf_published.py); and, on small ones, that directions which the likelihood does not know are named. */
#include <dirent.h>

#include "base/sha256.h"
#include "fit_problems.h"
#include "io/json.h"
#include "sbi/model.h"
#include "support/data.h"
#include "support/run_suite.h"

#define STORED "tests/reference/pyhf_published.json"

static json_t *stored;
static struct dirent **files;
static int n_files;

static int is_workspace(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && strcmp(dot, ".json") == 0;
}

static double number(const json_t *record, const char *key)
{
    return json_number_value(json_object_get(record, key));
}

static const json_t *find(const char *hash)
{
    for (size_t i = 0; i < json_array_size(stored); i++) {
        const json_t *r = json_array_get(stored, i);
        if (strcmp(json_string_value(json_object_get(r, "sha256")), hash) == 0) return r;
    }
    return NULL;
}

static sbi_model *load(sbi_context *ctx, const char *path)
{
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    sbi_model *m;
    options.poi = ""; /* background-only workspaces name one that they do not have */
    ck_ok(sbi_model_load_with(&m, ctx, path, &options));
    return m;
}

START_TEST(equals_pyhf)
{
    char path[1024], hash[SBI_SHA256_HEX_SIZE];
    snprintf(path, sizeof path, "%s/%s", getenv("SBI_LIKELIHOODS"), files[_i]->d_name);
    ck_ok(sbi_sha256_file(path, hash));
    const json_t *record = find(hash);
    if (!record) {
        printf("SKIP: %s: pyhf's fit is not known for this file (SHA-256 %s)\n", path, hash);
        return;
    }
    sbi_context *ctx;
    sbi_fit *fit;
    ck_ok(sbi_context_create(&ctx, NULL));
    sbi_model *m = load(ctx, path);
    ck_ok(sbi_fit_run(&fit, m, NULL));
    const sbi_fit_info info = fit_info(fit);
    const json_t *names = json_object_get(record, "parameters");
    double worst_value = 0, worst_error = 0;
    size_t n_free = 0;
    ck_assert_msg(info.reason < 10, "%s: %s", path, sbi_fit_message(fit));
    ck_assert_msg(info.t <= number(record, "tight_t") + 1e-6 && info.t <= number(record, "minuit_t") + 1e-6, "%s: -2 ln L = %.12g, pyhf %.12g",
                  path, info.t, number(record, "tight_t"));
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const double value = json_number_value(json_array_get(json_object_get(record, "values"), i)),
                     error = json_number_value(json_array_get(json_object_get(record, "errors"), i));
        double x, e;
        if (!(error > 0)) continue;
        ck_ok(sbi_fit_value(fit, name, &x));
        ck_ok(sbi_fit_error(fit, name, &e));
        worst_value = fmax(worst_value, fabs(x - value) / error);
        worst_error = fmax(worst_error, fabs(e - error) / error);
        ck_assert_msg(fabs(x - value) <= 1e-3 * error, "%s: %s = %.9g, pyhf %.9g +- %.3g", path, name, x, value, error);
        ck_assert_msg(fabs(e - error) <= 1e-3 * error, "%s: error of %s %.9g, pyhf %.9g", path, name, e, error);
        n_free++;
    }
    ck_assert_int_eq(info.n_free, (int)n_free);
    printf("%s: %zu free parameters; -2 ln L %.3g below pyhf's; the largest difference of a value %.2g standard deviations, of an error %.2g\n",
           path, n_free, number(record, "minuit_t") - info.t, worst_value, worst_error);
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- directions that the likelihood does not know ---- */

#define WORKSPACE(modifiers)                                                                                           \
    "{\"version\": \"1.0.0\", \"channels\": [{\"name\": \"SR\", \"samples\": ["                                        \
    "{\"name\": \"S\", \"data\": [5, 9], \"modifiers\": [{\"name\": \"mu\", \"type\": \"normfactor\", \"data\": null}" modifiers "]}," \
    "{\"name\": \"B\", \"data\": [50, 52], \"modifiers\": [{\"name\": \"JES\", \"type\": \"normsys\", \"data\": {\"hi\": 1.1, \"lo\": 0.9}}]}," \
    "{\"name\": \"N\", \"data\": [0, 0], \"modifiers\": [{\"name\": \"idle\", \"type\": \"normfactor\", \"data\": null}]}]}],"        \
    "\"observations\": [{\"name\": \"SR\", \"data\": [57, 64]}],"                                                   \
    "\"measurements\": [{\"name\": \"m\", \"config\": {\"poi\": \"mu\", \"parameters\": [%s]}}]}"

/* Fits `format` with `parameters` put in, and gives the direction of least curvature by name. */
static sbi_fit *fit_text(sbi_context *ctx, sbi_model **m, const char *format, const char *parameters, double *eigenvalue, double *direction)
{
    char text[2048];
    sbi_fit *fit;
    const int size = snprintf(text, sizeof text, format, parameters);
    ck_assert(size > 0 && (size_t)size < sizeof text);
    ck_ok(sbi_model_load_text(m, ctx, text, (size_t)size, "."));
    ck_ok(sbi_fit_run(&fit, *m, NULL));
    ck_ok(sbi_fit_least_curvature(fit, eigenvalue, direction));
    return fit;
}

static double along(const sbi_fit *fit, const double *direction, const char *name)
{
    size_t k;
    ck_ok(sbi_fit_param_index(fit, name, &k));
    return direction[k];
}

/* A parameter without constraint and without effect: its curvature is zero, and it is named. */
START_TEST(names_an_idle_parameter)
{
    sbi_context *ctx = fit_context();
    sbi_model *m;
    double eigenvalue, direction[3];
    sbi_fit *fit = fit_text(ctx, &m, WORKSPACE(""), "", &eigenvalue, direction);
    ck_assert_int_eq(sbi_fit_reason(fit), SBI_FIT_INDEFINITE_HESSIAN);
    ck_assert(eigenvalue == 0);
    ck_assert(along(fit, direction, "idle") != 0 && along(fit, direction, "mu") == 0 && along(fit, direction, "JES") == 0);
    ck_assert_msg(strstr(sbi_fit_message(fit), "mostly along idle"), "%s", sbi_fit_message(fit));
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

/* Two factors of one sample: only their product is known. Where the fit stops the curvature along it is as small as the gradient, of either
 * sign, and the direction is that of both, in opposite senses. */
START_TEST(names_a_flat_direction)
{
    sbi_context *ctx = fit_context();
    sbi_model *m;
    double eigenvalue, direction[4];
    sbi_fit *fit = fit_text(ctx, &m, WORKSPACE(", {\"name\": \"k\", \"type\": \"normfactor\", \"data\": null}"),
                            "{\"name\": \"idle\", \"fixed\": true}", &eigenvalue, direction);
    double mu, k;
    ck_assert_msg(sbi_fit_reason(fit) < 10 || sbi_fit_reason(fit) == SBI_FIT_INDEFINITE_HESSIAN, "%s", sbi_fit_message(fit));
    ck_assert_msg(fabs(eigenvalue) < 1e-6, "%g", eigenvalue);
    ck_ok(sbi_fit_value(fit, "mu", &mu));
    ck_ok(sbi_fit_value(fit, "k", &k));
    /* mu k stays as it is along d(mu) / mu = -dk / k. */
    ck_assert_double_eq_tol(along(fit, direction, "mu") / mu, -along(fit, direction, "k") / k, 1e-6 * fabs(along(fit, direction, "mu") / mu));
    sbi_fit_destroy(fit);
    sbi_model_destroy(m);
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    json_error_t error;
    const char *folder = getenv("SBI_LIKELIHOODS");
    stored = json_load_file(STORED, 0, &error);
    if (!stored) {
        fprintf(stderr, "%s: %s\n", STORED, error.text);
        return 1;
    }
    if (!folder || !folder[0])
        printf("SKIP: SBI_LIKELIHOODS is not set: no published likelihoods to fit\n");
    else if ((n_files = scandir(folder, &files, is_workspace, alphasort)) <= 0)
        printf("SKIP: SBI_LIKELIHOODS: there is no workspace in %s\n", folder);
    fflush(stdout);
    Suite *suite = suite_create("fit_published");
    TCase *tc = tcase_create("published");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, names_an_idle_parameter);
    tcase_add_test(tc, names_a_flat_direction);
    if (n_files > 0) tcase_add_loop_test(tc, equals_pyhf, 0, n_files);
    suite_add_tcase(suite, tc);
    int failed = run_suite(suite);
    for (int i = 0; i < n_files; i++) free(files[i]);
    free(files);
    json_decref(stored);
    return failed;
}
