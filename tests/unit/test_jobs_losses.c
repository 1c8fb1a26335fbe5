/* SPDX-License-Identifier: Apache-2.0 */
/* Members that need theta, joint ratios, scores, targets or more classes come out the same from files elsewhere as here; columns at a
 * theta, over any class, as a job. */
#include <unistd.h>

#include "base/random.h"
#include "base/sha256.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "sbi/ratio.h"
#include "support/run_suite.h"

#define EVENTS 300

static sbi_context *ctx;
static char folder[64];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static const char *in_folder(const char *name)
{
    static char paths[16][160];
    static int next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_table(const char *name, uint64_t stream, int64_t columns, int positive)
{
    double values[2 * EVENTS];
    for (int64_t i = 0; i < EVENTS * columns; i++) {
        values[i] = sbi_random_normal(7, stream, (uint64_t)i);
        if (positive) values[i] = 0.1 + values[i] * values[i];
    }
    const sbi_array a = sbi_array_2d(values, SBI_F64, EVENTS, columns);
    OK(sbi_npy_write(ctx, in_folder(name), &a));
}

static void setup(void)
{
    OK(sbi_context_create(&ctx, NULL));
    make_temporary_folder(folder, sizeof folder);
    write_table("x0.npy", 1, 2, 0);
    write_table("x1.npy", 2, 2, 0);
    write_table("x2.npy", 3, 2, 0);
    write_table("theta.npy", 4, 2, 0);
    write_table("ratio.npy", 5, 1, 1);
    write_table("score.npy", 6, 2, 0);
    write_table("target.npy", 7, 2, 0);
    write_table("weights.npy", 8, 1, 1);
}

static void teardown(void)
{
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

static sbi_dataset *load(int32_t classes, int rich)
{
    static const char *const names[3] = {"x0.npy", "x1.npy", "x2.npy"};
    static const char *const parameters[2] = {"mu", "phi"};
    sbi_dataset *data;
    OK(sbi_dataset_create(&data, ctx));
    for (int32_t c = 0; c < classes; c++) {
        sbi_event_files f = SBI_EVENT_FILES_INIT;
        f.features = in_folder(names[c]);
        f.weights = in_folder("weights.npy");
        if (c == 1 || rich) f.theta = in_folder("theta.npy"); /* else class 1 alone: the others draw theirs */
        if (rich) {
            f.joint_ratio = in_folder("ratio.npy");
            f.score = in_folder("score.npy");
            f.target = in_folder("target.npy");
        }
        OK(sbi_dataset_add_files(data, c, &f));
    }
    OK(sbi_dataset_set_parameter_names(data, parameters, 2));
    OK(sbi_dataset_set_class_name(data, classes - 1, "signal"));
    return data;
}

static void check_everywhere(int32_t loss, int32_t classes, int rich)
{
    sbi_dataset *data = load(classes, rich);
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 6;
    o.epochs = 2;
    o.members = 2;
    o.batch = 64;
    o.loss = loss;
    o.label_smoothing = 0.125;
    o.score_weight = 0.5;
    sbi_ensemble *here, *remote;
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    toy_options toy = {.seed = 9, .trouble = 0.01, .loss = 0.1, .run = sbi_job_run_local};
    sbi_executor *exec;
    OK(toy_open(&exec, ctx, &toy));
    OK(sbi_ensemble_train(&remote, data, &o, exec));
    sbi_executor_close(exec);
    for (size_t m = 0; m < 2; m++) {
        const char *a = in_folder("a.npz"), *b = in_folder("b.npz");
        char sha_a[65], sha_b[65];
        OK(sbi_network_save(sbi_ensemble_network(here, m), a));
        OK(sbi_network_save(sbi_ensemble_network(remote, m), b));
        OK(sbi_sha256_file(a, sha_a));
        OK(sbi_sha256_file(b, sha_b));
        ck_assert_str_eq(sha_a, sha_b);
        const sbi_network *net = sbi_ensemble_network(remote, m);
        ck_assert_str_eq(sbi_network_feature_name(net, 3), "phi");
        if (loss != SBI_LOSS_REGRESSION) ck_assert_str_eq(sbi_network_class_name(net, (size_t)classes - 1), "signal");
    }
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(remote);
    sbi_dataset_destroy(data);
}

START_TEST(members_are_the_same_everywhere)
{
    check_everywhere(SBI_LOSS_ALICES, 2, 1);
    check_everywhere(SBI_LOSS_RASCAL, 2, 1);
    check_everywhere(SBI_LOSS_REGRESSION, 2, 1);
    check_everywhere(SBI_LOSS_BCE, 2, 0);
    check_everywhere(SBI_LOSS_MULTICLASS, 3, 0);
    check_everywhere(SBI_LOSS_BCE, 3, 0);
}
END_TEST

START_TEST(what_lies_in_memory_stays_here)
{
    sbi_dataset *data = load(2, 1);
    double values[EVENTS * 2] = {0}, positive[EVENTS];
    for (int i = 0; i < EVENTS; i++) positive[i] = 1;
    sbi_npy *npy;
    OK(sbi_npy_map(&npy, ctx, in_folder("x0.npy")));
    sbi_array x;
    OK(sbi_npy_array(npy, &x));
    const sbi_array two = sbi_array_2d(values, SBI_F64, EVENTS, 2), one = sbi_array_1d(positive, SBI_F64, EVENTS);
    sbi_event_arrays a = SBI_EVENT_ARRAYS_INIT;
    a.features = &x;
    a.theta = a.score = a.target = &two;
    a.joint_ratio = &one;
    OK(sbi_dataset_add_arrays(data, 0, &a));
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    toy_options toy = {.seed = 9, .run = sbi_job_run_local};
    sbi_executor *exec;
    sbi_ensemble *ens;
    OK(toy_open(&exec, ctx, &toy));
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, exec), SBI_ERR_UNSUPPORTED);
    sbi_executor_close(exec);
    sbi_dataset_destroy(data);
    sbi_npy_unmap(npy);
}
END_TEST

/* theta in a file that changed since: the checksum of the dataset says so. */
START_TEST(changed_theta_is_refused)
{
    sbi_dataset *data = load(2, 1);
    char before[65], after[65];
    OK(sbi_dataset_checksum(data, before));
    sbi_dataset_destroy(data);
    static const char *const names[4] = {"theta.npy", "ratio.npy", "score.npy", "target.npy"};
    for (int k = 0; k < 4; k++) {
        write_table(names[k], 100 + (uint64_t)k, k == 1 ? 1 : 2, k == 1);
        data = load(2, 1);
        OK(sbi_dataset_checksum(data, after));
        ck_assert_str_ne(before, after);
        memcpy(before, after, sizeof before);
        sbi_dataset_destroy(data);
    }
}
END_TEST

START_TEST(columns_over_any_class_at_any_theta)
{
    sbi_dataset *data = load(3, 0);
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 6;
    o.epochs = 1;
    o.loss = SBI_LOSS_MULTICLASS;
    sbi_ensemble *ens;
    OK(sbi_ensemble_train(&ens, data, &o, NULL));
    sbi_dataset_destroy(data);
    const char *member = in_folder("member.npz"), *expected = in_folder("expected.npy"), *features = in_folder("x0.npy");
    char sha_member[65], sha_features[65], text[1400];
    OK(sbi_network_save(sbi_ensemble_network(ens, 0), member));
    OK(sbi_sha256_file(member, sha_member));
    OK(sbi_sha256_file(features, sha_features));
    const double theta[2] = {0.5, -1.25};
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    r.theta = theta;
    r.n_theta = 2;
    r.numerator = 2;
    r.denominator = 1;
    OK(sbi_ratio_write(ens, features, expected, &r));
    sbi_ensemble_destroy(ens);
    snprintf(text, sizeof text,
             "{\"combination\":\"mean_ratio\",\"correction\":1.0,\"denominator\":1,\"dtype\":\"f64\",\"features\":{\"path\":\"%s\",\"sha256\":"
             "\"%s\"},\"job\":\"evaluate_columns\",\"members\":[{\"path\":\"%s\",\"sha256\":\"%s\"}],\"numerator\":2,\"output\":\"ratio\","
             "\"theta\":[0.5,-1.25],\"version\":1}",
             features, sha_features, member, sha_member);
    sbi_task task = SBI_TASK_INIT;
    task.spec = text;
    task.spec_size = strlen(text);
    task.key = "column";
    sbi_campaign *c;
    sbi_executor *exec;
    OK(sbi_campaign_open(&c, ctx, NULL, NULL));
    OK(sbi_campaign_add(c, &task, NULL, 0, NULL));
    OK(sbi_executor_open(&exec, ctx, "local", NULL));
    OK(sbi_campaign_run(c, exec));
    sbi_text bytes;
    sbi_text_init(&bytes, ctx);
    OK(sbi_jobs_result(c, "column", &bytes));
    char sha_expected[65], sha_got[65];
    OK(sbi_sha256_file(expected, sha_expected));
    sbi_sha256_text(bytes.data, bytes.size, sha_got);
    ck_assert_str_eq(sha_got, sha_expected);
    sbi_text_clear(&bytes);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: losses");
    TCase *c = tcase_create("losses");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, members_are_the_same_everywhere);
    tcase_add_test(c, what_lies_in_memory_stays_here);
    tcase_add_test(c, changed_theta_is_refused);
    tcase_add_test(c, columns_over_any_class_at_any_theta);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
