/* SPDX-License-Identifier: Apache-2.0 */
/* Ensembles, Hessians, toys and columns through worker processes: the bits of this process; a campaign that goes on with another executor. */
#include <math.h>

#include "base/random.h"
#include "base/sha256.h"
#include "contract/temporary_folder.h"
#include "fit/toys.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "sbi/fit.h"
#include "sbi/ratio.h"
#include "support/run_suite.h"

#define EVENTS 500

static sbi_context *ctx;
static char folder[64], config[1200];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static const char *in_folder(const char *name)
{
    static char paths[8][200];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_features(const char *name, uint64_t stream, double shift)
{
    static double values[2 * EVENTS];
    for (size_t i = 0; i < 2 * EVENTS; i++) values[i] = shift + sbi_random_normal(7, stream, i);
    sbi_array a = sbi_array_2d(values, SBI_F64, EVENTS, 2);
    OK(sbi_npy_write(ctx, in_folder(name), &a));
}

static void setup(void)
{
    const char *build = getenv("SBI_BUILD");
    char worker[600], *real;
    snprintf(worker, sizeof worker, "%s/bin/sbi-worker", build ? build : "build");
    real = realpath(worker, NULL);
    ck_assert_msg(real != NULL, "%s is not there: make programs", worker);
    OK(sbi_context_create(&ctx, NULL));
    make_temporary_folder(folder, sizeof folder);
    snprintf(config, sizeof config, "{\"processes\":2,\"threads\":1,\"worker\":\"%s\",\"store\":\"%s/store\",\"survives\":false}", real, folder);
    free(real);
    ck_assert_int_eq(mkdir(in_folder("data"), 0777), 0);
    write_features("data/s.npy", 1, 0.5);
    write_features("data/b.npy", 2, 0.0);
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
    remove_tree(folder);
}

static sbi_executor *open_processes(void)
{
    sbi_executor *exec;
    OK(sbi_executor_open(&exec, ctx, "processes", config));
    return exec;
}

static sbi_dataset *load_dataset(const char *where)
{
    sbi_dataset *data;
    char s[200], b[200];
    snprintf(s, sizeof s, "%s/s.npy", in_folder(where));
    snprintf(b, sizeof b, "%s/b.npy", in_folder(where));
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_npy(data, SBI_NUMERATOR, s, NULL));
    OK(sbi_dataset_add_npy(data, SBI_DENOMINATOR, b, NULL));
    return data;
}

static sbi_train_options small(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 8;
    o.epochs = 3;
    o.members = 3;
    o.batch = 128;
    return o;
}

static void assert_equal(const sbi_ensemble *a, const sbi_ensemble *b)
{
    ck_assert_uint_eq(sbi_ensemble_members(a), sbi_ensemble_members(b));
    for (size_t m = 0; m < sbi_ensemble_members(a); m++) {
        for (size_t l = 0; l < 3; l++) {
            sbi_array v, w;
            OK(sbi_network_layer(sbi_ensemble_network(a, m), l, &v, NULL));
            OK(sbi_network_layer(sbi_ensemble_network(b, m), l, &w, NULL));
            ck_assert_mem_eq(v.data, w.data, (size_t)(v.shape[0] * v.shape[1]) * sizeof(float));
        }
    }
}

START_TEST(ensembles)
{
    sbi_dataset *data = load_dataset("data"), *memory;
    sbi_train_options o = small();
    sbi_ensemble *here, *there, *lent;
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    sbi_executor *exec = open_processes();
    OK(sbi_ensemble_train(&there, data, &o, exec));
    assert_equal(here, there);
    /* Data in memory go the same way. */
    static double x[4 * EVENTS];
    for (uint64_t side = 0; side < 2; side++)
        for (size_t i = 0; i < 2 * EVENTS; i++) x[2 * EVENTS * side + i] = (side ? 0.0 : 0.5) + sbi_random_normal(7, 1 + side, i);
    sbi_array s = sbi_array_2d(x, SBI_F64, EVENTS, 2), b = sbi_array_2d(x + 2 * EVENTS, SBI_F64, EVENTS, 2);
    o.seed++; /* other tasks, so that these have to stage */
    OK(sbi_dataset_create(&memory, ctx));
    OK(sbi_dataset_add_array(memory, SBI_NUMERATOR, &s, NULL));
    OK(sbi_dataset_add_array(memory, SBI_DENOMINATOR, &b, NULL));
    sbi_ensemble_destroy(here);
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    remove_tree(in_folder("store/inputs"));
    OK(sbi_ensemble_train(&lent, memory, &o, exec));
    assert_equal(here, lent);
    sbi_executor_close(exec);
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(there);
    sbi_ensemble_destroy(lent);
    sbi_dataset_destroy(memory);
    sbi_dataset_destroy(data);
}
END_TEST

/* Begun on threads, gone on with by processes, then again on threads with the data in another place. */
START_TEST(a_campaign_changes_executors)
{
    sbi_dataset *data = load_dataset("data");
    sbi_train_options o = small();
    sbi_ensemble *two, *three, *reference;
    char where[200];
    OK(sbi_ensemble_train(&reference, data, &o, NULL));
    snprintf(where, sizeof where, "%s", in_folder("campaign"));
    o.campaign = where;
    o.members = 2;
    sbi_executor *exec;
    OK(sbi_executor_open(&exec, ctx, "local", NULL));
    OK(sbi_ensemble_train(&two, data, &o, exec));
    sbi_executor_close(exec);
    o.members = 3;
    ck_assert_int_eq(rename(in_folder("data"), in_folder("moved")), 0);
    sbi_dataset_destroy(data);
    data = load_dataset("moved");
    exec = open_processes();
    OK(sbi_ensemble_train(&three, data, &o, exec));
    sbi_executor_close(exec);
    assert_equal(reference, three);
    sbi_campaign *c;
    sbi_campaign_options options = SBI_CAMPAIGN_OPTIONS_INIT;
    options.read_only = 1;
    OK(sbi_campaign_open(&c, ctx, where, &options));
    ck_assert_uint_eq(sbi_campaign_count(c), 3); /* one a member, wherever they were trained */
    sbi_campaign_close(c);
    sbi_ensemble_destroy(reference);
    sbi_ensemble_destroy(two);
    sbi_ensemble_destroy(three);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(hessians)
{
    enum { MOST = 16 };
    sbi_model *model;
    sbi_fit *fit;
    double here[MOST * MOST], there[MOST * MOST];
    OK(sbi_model_load(&model, ctx, "tests/data/model/normalised.json"));
    const size_t n = sbi_model_n_parameters(model) * sbi_model_n_parameters(model);
    ck_assert_uint_le(n, MOST * MOST);
    OK(sbi_fit_run(&fit, model, NULL));
    OK(sbi_fit_hessian(fit, NULL, here));
    sbi_executor *exec = open_processes();
    OK(sbi_fit_hessian(fit, exec, there));
    ck_assert_mem_eq(here, there, n * sizeof *here);
    sbi_hessian_options o = SBI_HESSIAN_OPTIONS_INIT;
    char where[200];
    snprintf(where, sizeof where, "%s", in_folder("hessian"));
    o.rows_a_task = 2;
    o.campaign = where;
    OK(sbi_fit_hessian_campaign(fit, exec, &o, there)); /* rows */
    ck_assert_mem_eq(here, there, n * sizeof *here);
    memset(there, 0, sizeof there);
    OK(sbi_fit_hessian_campaign(fit, NULL, &o, there)); /* the same campaign, with nothing left to do */
    ck_assert_mem_eq(here, there, n * sizeof *here);
    sbi_campaign *c;
    sbi_campaign_options options = SBI_CAMPAIGN_OPTIONS_INIT;
    options.read_only = 1;
    OK(sbi_campaign_open(&c, ctx, where, &options));
    ck_assert_uint_eq(sbi_campaign_count(c), (sbi_model_n_parameters(model) + 1) / 2);
    sbi_campaign_close(c);
    o.campaign = NULL;
    o.events_a_task = 2048;
    memset(there, 0, sizeof there);
    OK(sbi_fit_hessian_campaign(fit, exec, &o, there)); /* and shards */
    ck_assert_mem_eq(here, there, n * sizeof *here);
    sbi_executor_close(exec);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
}
END_TEST

START_TEST(toys)
{
    const double theta[4] = {1.2, 0.3, -0.4, 0.5};
    sbi_model *model;
    sbi_toys *here, *there;
    sbi_toys_options o = SBI_TOYS_OPTIONS_INIT;
    o.seed = 21;
    o.count = 6;
    o.toys_a_task = 3;
    o.compute = SBI_TOYS_PARAMETERS;
    OK(sbi_model_load(&model, ctx, "tests/data/model/normalised.json"));
    OK(sbi_toys_run(&here, model, theta, &o, NULL));
    sbi_executor *exec = open_processes();
    OK(sbi_toys_run(&there, model, theta, &o, exec));
    ck_assert_uint_eq(here->n, there->n);
    ck_assert_uint_eq(here->n_columns, there->n_columns);
    for (size_t i = 0; i < here->n * here->n_columns; i++)
        ck_assert(here->values[i] == there->values[i] || (isnan(here->values[i]) && isnan(there->values[i])));
    sbi_executor_close(exec);
    sbi_toys_destroy(here);
    sbi_toys_destroy(there);
    sbi_model_destroy(model);
}
END_TEST

/* A result of one task as the input of the next one: the network stays where its task put it. */
START_TEST(columns_of_a_trained_member)
{
    sbi_dataset *data = load_dataset("data");
    sbi_train_options o = small();
    sbi_ensemble *ens;
    sbi_text bytes;
    sbi_campaign *c;
    char features[65], member[65], key[65], text[1400];
    o.members = 1;
    sbi_executor *exec = open_processes();
    OK(sbi_ensemble_train(&ens, data, &o, exec));
    OK(sbi_network_save(sbi_ensemble_network(ens, 0), in_folder("member.npz")));
    OK(sbi_sha256_file(in_folder("member.npz"), member));
    OK(sbi_sha256_file(in_folder("data/b.npy"), features));
    snprintf(text, sizeof text,
             "{\"combination\":\"mean_ratio\",\"correction\":1,\"dtype\":\"f64\",\"features\":{\"path\":\"%s\",\"sha256\":\"%s\"},"
             "\"job\":\"evaluate_columns\",\"members\":[{\"path\":\"cas/sha256/%.2s/%.2s/%s\",\"sha256\":\"%s\"}],\"output\":\"ratio\","
             "\"version\":1}",
             in_folder("data/b.npy"), features, member, member + 2, member, member);
    sbi_task task = SBI_TASK_INIT;
    task.spec = text;
    task.spec_size = strlen(text);
    OK(sbi_job_key(ctx, text, strlen(text), key));
    task.key = key;
    OK(sbi_campaign_open(&c, ctx, NULL, NULL));
    OK(sbi_campaign_add(c, &task, NULL, 0, NULL));
    OK(sbi_campaign_run(c, exec));
    sbi_text_init(&bytes, ctx);
    OK(sbi_jobs_result(c, key, &bytes));
    sbi_ratio_options ratio = SBI_RATIO_OPTIONS_INIT;
    OK(sbi_ratio_write(ens, in_folder("data/b.npy"), in_folder("expected.npy"), &ratio));
    size_t size;
    char *expected = read_whole(in_folder("expected.npy"), &size);
    ck_assert_uint_eq(bytes.size, size);
    ck_assert_mem_eq(bytes.data, expected, size);
    free(expected);
    sbi_text_clear(&bytes);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(failures_are_those_of_this_process)
{
    sbi_dataset *data = load_dataset("data");
    sbi_train_options o = small();
    sbi_ensemble *ens;
    char sha256[65];
    OK(sbi_dataset_checksum(data, sha256));
    write_features("data/s.npy", 9, 0.5);
    sbi_executor *exec = open_processes();
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, exec), SBI_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), sha256));
    sbi_executor_close(exec);
    sbi_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: processes");
    TCase *tc = tcase_create("processes");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, ensembles);
    tcase_add_test(tc, a_campaign_changes_executors);
    tcase_add_test(tc, hessians);
    tcase_add_test(tc, toys);
    tcase_add_test(tc, columns_of_a_trained_member);
    tcase_add_test(tc, failures_are_those_of_this_process);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
