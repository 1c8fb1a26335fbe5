/* SPDX-License-Identifier: Apache-2.0 */
/* Binned models against pyhf: every workspace of tests/data/pyhf at several points. */
#include "pyhf_reference.h"
#include "support/run_suite.h"

#define LEAST_WORKSPACES 44

static struct dirent **files;
static int n_files;

static int is_reference(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && strcmp(dot, ".npz") == 0;
}

static sbi_model *load(sbi_context *ctx, const pyhf_reference *r)
{
    const test_path folder = data_path("pyhf");
    char path[1024];
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    sbi_model *m;
    snprintf(path, sizeof path, "%s/%s", folder.text, pyhf_text(r, "workspace"));
    options.measurement = pyhf_text(r, "measurement");
    ck_assert_msg(sbi_model_load_with(&m, ctx, path, &options) == SBI_OK, "%s", sbi_last_error());
    return m;
}

START_TEST(equals_pyhf)
{
    const test_path folder = data_path("pyhf");
    char path[1024];
    sbi_context *ctx;
    ck_ok(sbi_context_create(&ctx, NULL));
    snprintf(path, sizeof path, "%s/%s", folder.text, files[_i]->d_name);
    pyhf_reference r = pyhf_reference_read(ctx, path);
    sbi_model *m = load(ctx, &r);
    const char *poi = pyhf_text(&r, "poi");
    if (poi[0] != '\0')
        ck_assert_str_eq(sbi_model_poi(m), poi);
    else
        ck_assert_ptr_null(sbi_model_poi(m));
    pyhf_compare(m, &r);
    sbi_model_destroy(m);
    pyhf_reference_release(&r);
    sbi_context_destroy(ctx);
}
END_TEST

/* Each workspace has a reference, and none was lost. */
START_TEST(all_are_here)
{
    int workspaces = 0, references = 0;
    const test_path folder = data_path("pyhf");
    DIR *d = opendir(folder.text);
    ck_assert_msg(d != NULL, "%s", folder.text);
    for (struct dirent *e; (e = readdir(d));) {
        char path[1024];
        const char *dot = strrchr(e->d_name, '.');
        if (is_reference(e)) references++;
        if (!dot || strcmp(dot, ".json") != 0) continue;
        workspaces++;
        snprintf(path, sizeof path, "%s/%.*s.npz", folder.text, (int)(dot - e->d_name), e->d_name);
        ck_assert_msg(access(path, R_OK) == 0, "%s is missing", path);
    }
    closedir(d);
    ck_assert_int_ge(workspaces, LEAST_WORKSPACES);
    ck_assert_int_eq(references, n_files);
}
END_TEST

int main(void)
{
    const test_path folder = data_path("pyhf");
    n_files = scandir(folder.text, &files, is_reference, alphasort);
    if (n_files < 0) n_files = 0;
    Suite *s = suite_create("model_pyhf");
    TCase *tc = tcase_create("pyhf");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, all_are_here);
    tcase_add_loop_test(tc, equals_pyhf, 0, n_files);
    suite_add_tcase(s, tc);
    int failed = run_suite(s);
    for (int i = 0; i < n_files; i++) free(files[i]);
    free(files);
    return failed;
}
