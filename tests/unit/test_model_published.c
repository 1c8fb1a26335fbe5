/* SPDX-License-Identifier: Apache-2.0 */
/* Likelihoods that experiments published: every workspace in the folder that SBI_LIKELIHOODS names. Where tests/data/pyhf/published has
 * pyhf's values for that very file they are compared, the best fit too. */
#include "base/sha256.h"
#include "pyhf_reference.h"
#include "sbi/fit.h"
#include "support/run_suite.h"

static struct dirent **files;
static int n_files;
static sbi_context *ctx;

static int has_suffix(const char *name, const char *suffix)
{
    const size_t n = strlen(name), m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

static int is_workspace(const struct dirent *e)
{
    return has_suffix(e->d_name, ".json");
}

static int is_reference(const struct dirent *e)
{
    return has_suffix(e->d_name, ".npz");
}

static void setup(void)
{
    ck_ok(sbi_context_create(&ctx, NULL));
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

/* The reference of the file with this hash: whether there is one. */
static int find_reference(const char *hash, pyhf_reference *out)
{
    const test_path folder = data_path("pyhf/published");
    struct dirent **references;
    int n = scandir(folder.text, &references, is_reference, alphasort), found = 0;
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder.text, references[i]->d_name);
        free(references[i]);
        if (found) continue;
        *out = pyhf_reference_read(ctx, path);
        found = strcmp(pyhf_text(out, "sha256"), hash) == 0;
        if (!found) pyhf_reference_release(out);
    }
    if (n >= 0) free(references);
    return found;
}

/* The derivative along the gradient against a difference of the value. */
static void check_gradient(const sbi_model *m, const char *path)
{
    const size_t n = sbi_model_n_parameters(m);
    double *theta = malloc(n * sizeof *theta), *gradient = malloc(n * sizeof *gradient), *moved = malloc(n * sizeof *moved);
    ck_assert(theta && gradient && moved);
    sbi_model_work *work;
    double value, side[2], norm = 0;
    ck_ok(sbi_model_work_create(&work, m));
    ck_ok(sbi_model_start(m, theta));
    ck_ok(sbi_model_nll(work, theta, &value, gradient));
    ck_assert_msg(isfinite(value), "%s: the NLL at the start is %g", path, value);
    for (size_t i = 0; i < n; i++) norm += gradient[i] * gradient[i];
    norm = sqrt(norm);
    const double h = 1e-5;
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < n; i++) moved[i] = theta[i] + (s ? h : -h) * (norm > 0 ? gradient[i] / norm : 0);
        ck_ok(sbi_model_nll(work, moved, &side[s], NULL));
    }
    ck_assert_msg(fabs((side[1] - side[0]) / (2 * h) - norm) <= 1e-5 * fmax(1, norm), "%s: slope %.12g, gradient %.12g", path,
                  (side[1] - side[0]) / (2 * h), norm);
    sbi_model_work_destroy(work);
    free(theta);
    free(gradient);
    free(moved);
}

static void check_fit(const sbi_model *m, const pyhf_reference *r, const char *path)
{
    sbi_fit *fit;
    sbi_fit_info info = {.struct_size = sizeof info};
    const double stopped = json_number_value(json_object_get(r->meta, "best_fit"));
    const double bottom = json_number_value(json_object_get(r->meta, "minimum"));
    ck_ok(sbi_fit_run(&fit, m, NULL));
    ck_ok(sbi_fit_get_info(fit, &info));
    ck_assert_msg(info.reason < 10, "%s: %s", path, sbi_fit_message(fit));
    printf("%s: -2 ln L = %.14g at the best fit, %.14g where pyhf's MINUIT stops; %lld gradients, %lld Hessians, %.3f s\n", path,
           info.t, stopped, (long long)info.gradient_evaluations, (long long)info.hessian_evaluations, info.seconds);
    ck_assert_msg(fabs(info.t - bottom) <= 1e-9 * bottom, "%s: -2 ln L = %.14g, pyhf %.14g: %s", path, info.t, bottom,
                  sbi_fit_message(fit));
    /* MINUIT stops within an estimated distance of 2e-4. */
    ck_assert_msg(info.t <= stopped && info.t >= stopped - 2e-4, "%s: -2 ln L = %.14g, pyhf's MINUIT %.14g", path, info.t, stopped);
    sbi_fit_destroy(fit);
}

START_TEST(published)
{
    char path[1024], hash[SBI_SHA256_HEX_SIZE];
    pyhf_reference r;
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    sbi_model *m;
    snprintf(path, sizeof path, "%s/%s", getenv("SBI_LIKELIHOODS"), files[_i]->d_name);
    ck_ok(sbi_sha256_file(path, hash));
    const int known = find_reference(hash, &r);
    options.poi = ""; /* background-only workspaces name one that they do not have */
    ck_assert_msg(sbi_model_load_with(&m, ctx, path, &options) == SBI_OK, "%s", sbi_last_error());
    check_gradient(m, path);
    if (known) {
        pyhf_compare(m, &r);
        check_fit(m, &r, path);
        pyhf_reference_release(&r);
    } else {
        printf("SKIP: %s: pyhf's values are not known for this file (SHA-256 %s)\n", path, hash);
    }
    sbi_model_destroy(m);
}
END_TEST

START_TEST(references_are_whole)
{
    const test_path folder = data_path("pyhf/published");
    struct dirent **references;
    const int n = scandir(folder.text, &references, is_reference, alphasort);
    ck_assert_msg(n >= 2, "%s", folder.text);
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder.text, references[i]->d_name);
        pyhf_reference r = pyhf_reference_read(ctx, path);
        ck_assert_uint_eq(strlen(pyhf_text(&r, "sha256")), SBI_SHA256_HEX_SIZE - 1);
        ck_assert(json_is_real(json_object_get(r.meta, "best_fit")) && json_is_real(json_object_get(r.meta, "minimum")));
        pyhf_reference_release(&r);
        free(references[i]);
    }
    free(references);
}
END_TEST

int main(void)
{
    const char *folder = getenv("SBI_LIKELIHOODS");
    if (!folder || !folder[0])
        printf("SKIP: SBI_LIKELIHOODS is not set: no published likelihoods to load\n");
    else if ((n_files = scandir(folder, &files, is_workspace, alphasort)) <= 0)
        printf("SKIP: SBI_LIKELIHOODS: there is no workspace in %s\n", folder);
    fflush(stdout);
    Suite *s = suite_create("model_published");
    TCase *tc = tcase_create("published");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, references_are_whole);
    if (n_files > 0) tcase_add_loop_test(tc, published, 0, n_files);
    suite_add_tcase(s, tc);
    int failed = run_suite(s);
    for (int i = 0; i < n_files; i++) free(files[i]);
    free(files);
    return failed;
}
