/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs through executors: ensembles and Hessians come out with the same bits wherever they were made; job folders. */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/random.h"
#include "base/sha256.h"
#include "contract/executor_toy.h"
#include "contract/temporary_folder.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "sbi/fit.h"
#include "sbi/ratio.h"
#include "support/failing_allocator.h"
#include "support/run_suite.h"

#define EVENTS 600
#define PROCESSES 40 /* parameters are mu and one a process: rows for several tasks */

static sbi_context *ctx;
static char folder[64];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static const char *in_folder(const char *name)
{
    static char paths[8][160];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_column(const char *name, uint64_t stream, double low, double high)
{
    double values[EVENTS];
    for (size_t i = 0; i < EVENTS; i++) values[i] = low + (high - low) * sbi_random_uniform(7, stream, i);
    sbi_array a = sbi_array_1d(values, SBI_F64, EVENTS);
    OK(sbi_npy_write(ctx, in_folder(name), &a));
}

static void write_features(const char *name, uint64_t stream, double shift)
{
    double values[2 * EVENTS];
    for (size_t i = 0; i < 2 * EVENTS; i++) values[i] = shift + sbi_random_normal(7, stream, i);
    sbi_array a = sbi_array_2d(values, SBI_F64, EVENTS, 2);
    OK(sbi_npy_write(ctx, in_folder(name), &a));
}

static void setup(void)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    ck_assert_int_eq(sbi_context_create(&ctx, &o), SBI_OK);
    make_temporary_folder(folder, sizeof folder);
    write_features("s.npy", 1, 0.5);
    write_features("b.npy", 2, 0.0);
    write_column("w.npy", 3, 0.5, 1.5);
}

static void teardown(void)
{
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

static sbi_dataset *load_dataset(void)
{
    sbi_dataset *data;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_npy(data, SBI_NUMERATOR, in_folder("s.npy"), in_folder("w.npy")));
    OK(sbi_dataset_add_npy(data, SBI_DENOMINATOR, in_folder("b.npy"), NULL));
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

/* An executor elsewhere: attachments do not reach its tasks, everything comes from files. */
static sbi_executor *elsewhere(void)
{
    toy_options o = {.seed = 9, .trouble = 0.01, .loss = 0.1, .run = sbi_job_run_local};
    sbi_executor *exec;
    OK(toy_open(&exec, ctx, &o));
    return exec;
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

/* ---- ensembles ------------------------------------------------------------------------------------------------- */

START_TEST(ensembles_are_the_same_everywhere)
{
    sbi_dataset *data = load_dataset();
    sbi_train_options o = small();
    sbi_ensemble *here, *local, *remote;
    sbi_executor *exec;
    OK(sbi_ensemble_train(&here, data, &o, NULL));
    sbi_network *first;
    OK(sbi_network_train(&first, data, &o));
    sbi_array v, w;
    OK(sbi_network_layer(first, 1, &v, NULL));
    OK(sbi_network_layer(sbi_ensemble_network(here, 0), 1, &w, NULL));
    ck_assert_mem_eq(v.data, w.data, 64 * sizeof(float));
    sbi_network_destroy(first);
    OK(sbi_executor_open(&exec, ctx, "local", "{\"threads\": 3}"));
    OK(sbi_ensemble_train(&local, data, &o, exec));
    sbi_executor_close(exec);
    assert_equal(here, local);
    exec = elsewhere();
    OK(sbi_ensemble_train(&remote, data, &o, exec));
    sbi_executor_close(exec);
    assert_equal(here, remote);
    sbi_ensemble_destroy(here);
    sbi_ensemble_destroy(local);
    sbi_ensemble_destroy(remote);
    sbi_dataset_destroy(data);
}
END_TEST

static sbi_status refuse(void *user, sbi_context *context, const sbi_task *task, sbi_sink *sink)
{
    (void)user, (void)context, (void)task, (void)sink;
    return SBI_ERR_INTERNAL;
}

START_TEST(finished_members_are_not_trained_again)
{
    sbi_dataset *data = load_dataset();
    sbi_train_options o = small();
    char where[160];
    snprintf(where, sizeof where, "%s", in_folder("campaign"));
    o.campaign = where;
    sbi_ensemble *once, *again;
    OK(sbi_ensemble_train(&once, data, &o, NULL));
    /* An executor that can do nothing is enough now, and moved to fewer members as well. */
    toy_options nothing = {.seed = 1, .run = refuse};
    sbi_executor *exec;
    OK(toy_open(&exec, ctx, &nothing));
    OK(sbi_ensemble_train(&again, data, &o, exec));
    assert_equal(once, again);
    sbi_ensemble_destroy(again);
    o.epochs = 4; /* another configuration is other work */
    ck_assert_int_eq(sbi_ensemble_train(&again, data, &o, exec), SBI_ERR_INTERNAL);
    ck_assert_ptr_null(again);
    sbi_executor_close(exec);
    sbi_ensemble_destroy(once);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(data_in_memory_stay_here)
{
    double x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    sbi_array a = sbi_array_2d(x, SBI_F64, 4, 2);
    sbi_dataset *data;
    sbi_ensemble *ens;
    sbi_train_options o = small();
    o.validation_fraction = 0;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &a, NULL));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &a, NULL));
    sbi_executor *exec = elsewhere();
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, exec), SBI_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "toy"));
    sbi_executor_close(exec);
    OK(sbi_ensemble_train(&ens, data, &o, NULL));
    sbi_ensemble_destroy(ens);
    o.width = -1;
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, NULL), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_ensemble_train(&ens, NULL, &o, NULL), SBI_ERR_ARGUMENT);
    sbi_dataset_destroy(data);
    OK(sbi_dataset_create(&data, ctx));
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, NULL, NULL), SBI_ERR_VALUE);
    sbi_dataset_destroy(data);
}
END_TEST

START_TEST(changed_data_are_refused)
{
    sbi_dataset *data = load_dataset();
    sbi_train_options o = small();
    char sha256[65];
    OK(sbi_dataset_checksum(data, sha256)); /* of the files as they are; then they change under the job */
    sbi_executor *exec = elsewhere();
    sbi_ensemble *ens;
    write_column("w2.npy", 4, 0.5, 1.5);
    ck_assert_int_eq(rename(in_folder("w2.npy"), in_folder("w.npy")), 0);
    ck_assert_int_eq(sbi_ensemble_train(&ens, data, &o, exec), SBI_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), sha256));
    sbi_executor_close(exec);
    sbi_dataset_destroy(data);
}
END_TEST

/* ---- Hessians -------------------------------------------------------------------------------------------------- */

static sbi_model *make_model(void)
{
    json_t *samples = json_array(), *parameters = json_array();
    char name[32], alpha[32];
    json_array_append_new(parameters, json_pack("{s:s, s:[f], s:[[f, f]]}", "name", "mu", "inits", 1.0, "bounds", 0.1, 4.0));
    for (int p = 0; p < PROCESSES; p++) {
        snprintf(name, sizeof name, "r%d.npy", p);
        snprintf(alpha, sizeof alpha, "alpha%d", p);
        write_column(name, 100 + (uint64_t)p, 0.2, 3.0);
        json_t *modifiers = json_pack("[{s:s, s:s, s:{s:f, s:f}}]", "name", alpha, "type", "normsys", "data", "hi", 1.1, "lo", 0.9);
        snprintf(alpha, sizeof alpha, "p%d", p);
        json_array_append_new(samples, json_pack("{s:s, s:f, s:s, s:s, s:o}", "name", alpha, "yield", 15.0, "factor",
                                                 p ? "1" : "mu", "ratio", name, "modifiers", modifiers));
    }
    json_t *json = json_pack("{s:[{s:s, s:o}], s:[{s:s, s:{s:s, s:o}}]}", "channels", "name", "SR", "samples", samples,
                             "measurements", "name", "m", "config", "poi", "mu", "parameters", parameters);
    ck_assert_ptr_nonnull(json);
    ck_assert_int_eq(json_dump_file(json, in_folder("workspace.json"), 0), 0);
    json_decref(json);
    sbi_model *model;
    OK(sbi_model_load(&model, ctx, in_folder("workspace.json")));
    return model;
}

START_TEST(rows_are_the_same_everywhere)
{
    enum { P = PROCESSES + 1 };
    sbi_model *model = make_model();
    ck_assert_uint_eq(sbi_model_n_parameters(model), P);
    sbi_fit *fit;
    OK(sbi_fit_run(&fit, model, NULL));
    static double here[P * P], local[P * P], remote[P * P], kept[P * P];
    OK(sbi_fit_hessian(fit, NULL, here));
    sbi_executor *exec;
    for (int threads = 1; threads <= 3; threads++) {
        char config[32];
        snprintf(config, sizeof config, "{\"threads\": %d}", threads);
        OK(sbi_executor_open(&exec, ctx, "local", config));
        OK(sbi_fit_hessian(fit, exec, local));
        sbi_executor_close(exec);
        ck_assert_mem_eq(here, local, sizeof here);
    }
    exec = elsewhere();
    OK(sbi_fit_hessian(fit, exec, remote));
    ck_assert_mem_eq(here, remote, sizeof here);
    OK(sbi_fit_get_hessian(fit, kept));
    ck_assert_mem_eq(here, kept, sizeof here);
    ck_assert_int_eq(sbi_fit_hessian(NULL, exec, remote), SBI_ERR_ARGUMENT);
    sbi_executor_close(exec);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
}
END_TEST

START_TEST(changed_columns_are_refused)
{
    sbi_model *model = make_model();
    sbi_fit *fit;
    OK(sbi_fit_run(&fit, model, NULL));
    write_column("other.npy", 99, 0.2, 3.0);
    ck_assert_int_eq(rename(in_folder("other.npy"), in_folder("r3.npy")), 0);
    sbi_executor *exec = elsewhere();
    ck_assert_int_eq(sbi_fit_hessian(fit, exec, NULL), SBI_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "workspace.json"));
    sbi_executor_close(exec);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
}
END_TEST

/* ---- job folders ----------------------------------------------------------------------------------------------- */

/* The spec of member 1 of the ensemble, from a campaign's own journal. */
static void make_job(char *job_folder, size_t size)
{
    sbi_dataset *data = load_dataset();
    sbi_train_options o = small();
    char where[160];
    snprintf(where, sizeof where, "%s", in_folder("reference"));
    o.campaign = where;
    sbi_ensemble *ens;
    OK(sbi_ensemble_train(&ens, data, &o, NULL));
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    sbi_campaign *c;
    sbi_campaign_options options = SBI_CAMPAIGN_OPTIONS_INIT;
    sbi_campaign_report r = {.struct_size = sizeof r};
    const void *spec;
    size_t spec_size;
    options.read_only = 1;
    OK(sbi_campaign_open(&c, ctx, where, &options));
    OK(sbi_campaign_spec(c, 1, &spec, &spec_size));
    OK(sbi_campaign_report_get(c, 1, &r));
    snprintf(job_folder, size, "%s/jobs", folder);
    mkdir(job_folder, 0777);
    snprintf(job_folder, size, "%s/jobs/%.64s", folder, r.key);
    ck_assert_int_eq(mkdir(job_folder, 0777), 0);
    char path[300];
    snprintf(path, sizeof path, "%s/spec.json", job_folder);
    write_whole(path, spec, spec_size);
    sbi_campaign_close(c);
}

static void assert_committed(const char *job_folder)
{
    char path[512];
    snprintf(path, sizeof path, "%s/result.json", job_folder);
    json_t *json = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(json);
    const char *sha256 = json_string_value(json_object_get(json, "sha256"));
    const char *key = json_string_value(json_object_get(json, "key"));
    snprintf(path, sizeof path, "%s/%s", folder, json_string_value(json_object_get(json, "path")));
    size_t size, expected_size;
    char *bytes = read_whole(path, &size), hex[65];
    sbi_sha256_text(bytes, size, hex);
    ck_assert_str_eq(hex, sha256);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "size")), (json_int_t)size);
    snprintf(path, sizeof path, "%s/reference/results/%s", folder, key);
    char *expected = read_whole(path, &expected_size);
    ck_assert_uint_eq(size, expected_size);
    ck_assert_mem_eq(bytes, expected, size); /* the same network as the one trained in this process */
    free(expected);
    free(bytes);
    json_decref(json);
}

typedef struct late_record {
    const char *path, *text, *job;
} late_record;

static int count_attempts(const char *job)
{
    char path[300];
    int n = 0;
    snprintf(path, sizeof path, "%s/attempts", job);
    DIR *d = opendir(path);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

static void *write_when_begun(void *arg)
{
    const late_record *r = arg;
    while (count_attempts(r->job) < 2) {}
    FILE *f = fopen(r->path, "wb");
    if (f) {
        fputs(r->text, f);
        fclose(f);
    }
    return NULL;
}

START_TEST(folder_is_run_and_committed)
{
    char job[200], path[300];
    int32_t code;
    make_job(job, sizeof job);
    OK(sbi_job_run_folder(ctx, job, &code));
    ck_assert_int_eq(code, SBI_EXIT_DONE);
    assert_committed(job);
    OK(sbi_job_run_folder(ctx, job, &code)); /* done is done */
    ck_assert_int_eq(code, SBI_EXIT_DONE);
    /* Another attempt, begun before this result was there and come to another one, is an alarm: here the record is made to
     * appear while the second attempt runs. */
    snprintf(path, sizeof path, "%s/result.json", job);
    char *text = read_whole(path, NULL), *digit = strstr(text, "\"sha256\": \"");
    ck_assert_ptr_nonnull(digit);
    digit[12] = digit[12] == '0' ? '1' : '0';
    unlink(path);
    pthread_t thread;
    late_record record = {path, text, job};
    ck_assert_int_eq(pthread_create(&thread, NULL, write_when_begun, &record), 0);
    ck_assert_int_eq(sbi_job_run_folder(ctx, job, &code), SBI_ERR_EXISTS);
    ck_assert_int_eq(code, SBI_EXIT_INTERNAL);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "not reproducible"));
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    char *kept = read_whole(path, NULL);
    ck_assert_str_eq(kept, text);
    free(kept);
    free(text);
}
END_TEST

START_TEST(folder_tells_what_is_wrong)
{
    char job[200], path[300], target[300];
    int32_t code;
    make_job(job, sizeof job);
    ck_assert_int_ne(sbi_job_run_folder(ctx, in_folder("no-such-job"), &code), SBI_OK);
    ck_assert_int_eq(code, SBI_EXIT_CONFIGURATION);
    ck_assert_int_eq(sbi_job_run_folder(ctx, folder, &code), SBI_ERR_NOT_FOUND); /* no spec.json */
    ck_assert_int_eq(code, SBI_EXIT_CONFIGURATION);
    /* A spec that is not the folder's. */
    snprintf(path, sizeof path, "%s/spec.json", job);
    char *spec = read_whole(path, NULL), *changed = strstr(spec, "\"member\":1");
    ck_assert_ptr_nonnull(changed);
    changed[9] = '2';
    write_whole(path, spec, strlen(spec));
    ck_assert_int_eq(sbi_job_run_folder(ctx, job, &code), SBI_ERR_CHECKSUM);
    ck_assert_int_eq(code, SBI_EXIT_SPEC);
    write_whole(path, "{\"job\":", 7);
    ck_assert_int_eq(sbi_job_run_folder(ctx, job, &code), SBI_ERR_FORMAT);
    ck_assert_int_eq(code, SBI_EXIT_SPEC);
    changed[9] = '1';
    write_whole(path, spec, strlen(spec));
    /* Inputs that are not what they were, or not there. */
    write_column("w3.npy", 44, 0.5, 1.5);
    snprintf(target, sizeof target, "%s", in_folder("saved.npy"));
    ck_assert_int_eq(rename(in_folder("w.npy"), target), 0);
    ck_assert_int_eq(sbi_job_run_folder(ctx, job, &code), SBI_ERR_NOT_FOUND);
    ck_assert_int_eq(code, SBI_EXIT_STORAGE);
    ck_assert_int_eq(rename(in_folder("w3.npy"), in_folder("w.npy")), 0);
    ck_assert_int_eq(sbi_job_run_folder(ctx, job, &code), SBI_ERR_CHECKSUM);
    ck_assert_int_eq(code, SBI_EXIT_INPUT);
    ck_assert_int_eq(rename(target, in_folder("w.npy")), 0);
    snprintf(path, sizeof path, "%s/result.json", job);
    ck_assert_int_ne(access(path, F_OK), 0);
    OK(sbi_job_run_folder(ctx, job, &code));
    assert_committed(job);
    free(spec);
}
END_TEST

/* Cancelled before it begins: the exit code says "resume me", and the next attempt does the work. */
START_TEST(folder_is_preempted_and_resumed)
{
    char job[200];
    int32_t code;
    make_job(job, sizeof job);
    sbi_context_cancel(ctx, 1);
    ck_assert_int_eq(sbi_job_run_folder(ctx, job, &code), SBI_ERR_CANCELLED);
    ck_assert_int_eq(code, SBI_EXIT_PREEMPTED);
    sbi_context_cancel(ctx, 0);
    OK(sbi_job_run_folder(ctx, job, &code));
    assert_committed(job);
}
END_TEST

/* ---- columns --------------------------------------------------------------------------------------------------- */

START_TEST(columns_are_those_of_this_process)
{
    char job[200], member[300], text[1200], expected[160], sha_member[65], sha_features[65];
    make_job(job, sizeof job);
    snprintf(member, sizeof member, "%s/reference/results/%s", folder, strrchr(job, '/') + 1);
    OK(sbi_sha256_file(member, sha_member));
    OK(sbi_sha256_file(in_folder("b.npy"), sha_features));
    snprintf(text, sizeof text,
             "{\"combination\":\"mean_ratio\",\"correction\":1.25,\"dtype\":\"f64\",\"features\":{\"path\":\"b.npy\",\"sha256\":\"%s\"},"
             "\"job\":\"evaluate_columns\",\"members\":[{\"path\":\"%s\",\"sha256\":\"%s\"}],\"output\":\"ratio\",\"version\":1}",
             sha_features, member + strlen(folder) + 1, sha_member);
    sbi_task task = SBI_TASK_INIT;
    task.spec = text;
    task.spec_size = strlen(text);
    sbi_ensemble *ens;
    const char *files = member;
    OK(sbi_ensemble_load_files(&ens, ctx, &files, 1));
    sbi_ratio_options o = SBI_RATIO_OPTIONS_INIT;
    o.correction = 1.25;
    snprintf(expected, sizeof expected, "%s", in_folder("expected.npy"));
    OK(sbi_ratio_write(ens, in_folder("b.npy"), expected, &o));
    sbi_ensemble_destroy(ens);
    sbi_text bytes;
    sbi_text_init(&bytes, ctx);
    sbi_campaign *c;
    sbi_executor *exec;
    OK(sbi_campaign_open(&c, ctx, NULL, NULL));
    task.key = "column";
    OK(sbi_campaign_add(c, &task, NULL, 0, NULL));
    OK(sbi_executor_open(&exec, ctx, "local", NULL));
    char before[256];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder), 0); /* the spec's paths are relative */
    OK(sbi_campaign_run(c, exec));
    ck_assert_int_eq(chdir(before), 0);
    OK(sbi_jobs_result(c, "column", &bytes));
    size_t size;
    char *reference = read_whole(expected, &size);
    ck_assert_uint_eq(bytes.size, size);
    ck_assert_mem_eq(bytes.data, reference, size);
    free(reference);
    sbi_text_clear(&bytes);
    sbi_campaign_close(c);
    sbi_executor_close(exec);
}
END_TEST

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

START_TEST(points_are_those_of_this_process)
{
    sbi_model *model = make_model();
    size_t n = sbi_model_n_parameters(model);
    const char *mu = "mu";
    double value = 1.3, nll;
    char columns[65], workspace[65];
    OK(sbi_job_columns_digest(model, columns));
    OK(sbi_sha256_file(in_folder("workspace.json"), workspace));
    json_t *theta = json_array();
    for (size_t i = 0; i < n; i++) {
        sbi_parameter p = {.struct_size = sizeof p};
        OK(sbi_model_parameter(model, i, &p));
        json_array_append_new(theta, json_real(p.start));
    }
    json_t *json = json_pack("{s:s, s:i, s:{s:s, s:s}, s:s, s:o, s:s, s:f}", "job", "scan_point", "version", 1, "workspace", "path",
                             "workspace.json", "sha256", workspace, "columns_sha256", columns, "theta", theta, "parameter", mu,
                             "value", value);
    sbi_job_spec spec;
    OK(sbi_job_spec_make(&spec, ctx, json));
    sbi_task task = SBI_TASK_INIT;
    task.spec = spec.text.data;
    task.spec_size = spec.text.size;
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    OK(sbi_job_run(ctx, &task, folder, NULL, &sink));
    json_t *got = json_loadb(text.data, text.size, 0, NULL);
    ck_assert_ptr_nonnull(got);
    sbi_fit_options o = SBI_FIT_OPTIONS_INIT;
    o.n_fixed = 1;
    o.fixed_names = &mu;
    o.fixed_values = &value;
    sbi_fit *fit;
    OK(sbi_fit_run(&fit, model, &o));
    OK(sbi_fit_nll(fit, &nll));
    ck_assert(json_real_value(json_object_get(got, "nll")) == nll); /* to the bit, through decimal text */
    ck_assert_int_eq(json_integer_value(json_object_get(got, "reason")), sbi_fit_reason(fit));
    ck_assert_uint_eq(json_array_size(json_object_get(got, "values")), n);
    ck_assert(json_number_value(json_array_get(json_object_get(got, "values"), 0)) == value);
    ck_assert_int_eq(sbi_job_run(ctx, &task, "/nonexistent", NULL, &sink), SBI_ERR_NOT_FOUND);
    json_decref(got);
    sbi_fit_destroy(fit);
    sbi_text_clear(&text);
    sbi_text_clear(&spec.text);
    sbi_model_destroy(model);
}
END_TEST

START_TEST(executors_are_opened_by_name)
{
    sbi_executor *exec;
    ck_assert_int_eq(sbi_executor_open(&exec, ctx, "nowhere", NULL), SBI_ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "\"local\""));
    ck_assert_int_eq(sbi_executor_open(&exec, ctx, "local", "{\"thread\": 1}"), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "thread"));
    ck_assert_int_eq(sbi_executor_open(&exec, ctx, "local", "{\"threads\": -1}"), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_executor_open(&exec, ctx, "local", "no json"), SBI_ERR_FORMAT);
    ck_assert_int_eq(sbi_executor_open(&exec, ctx, NULL, NULL), SBI_ERR_ARGUMENT);
    ck_assert_ptr_null(exec);
}
END_TEST

/* Every allocation fails in turn, in training through a campaign in memory and in Hessian rows. */
static sbi_status train_under_torture(sbi_context *context, void *arg)
{
    static const double x[40] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    sbi_array a = sbi_array_2d(x, SBI_F64, 20, 2);
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 2;
    o.epochs = 1;
    o.validation_fraction = 0;
    sbi_dataset *data = NULL;
    sbi_ensemble *ens = NULL;
    (void)arg;
    sbi_status status = sbi_dataset_create(&data, context);
    if (status == SBI_OK) status = sbi_dataset_add_array(data, SBI_NUMERATOR, &a, NULL);
    if (status == SBI_OK) status = sbi_dataset_add_array(data, SBI_DENOMINATOR, &a, NULL);
    if (status == SBI_OK) status = sbi_ensemble_train(&ens, data, &o, NULL);
    if ((status == SBI_OK) != (ens != NULL)) status = SBI_ERR_INTERNAL;
    sbi_ensemble_destroy(ens);
    sbi_dataset_destroy(data);
    return status;
}

static sbi_status decode_under_torture(sbi_context *context, void *arg)
{
    sbi_job *job = NULL;
    char key[SBI_TASK_KEY_MAX + 1];
    sbi_status status = sbi_job_parse(&job, context, arg, strlen(arg));
    if (status == SBI_OK) status = sbi_job_key(context, arg, strlen(arg), key);
    sbi_job_free(job);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    static char spec[] = "{\"count\":1,\"fingerprint\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
                         "\"first\":0,\"job\":\"hessian_rows\",\"theta\":[1,2],\"version\":1}";
    torture_allocations(decode_under_torture, spec, 1, 0);
    torture_allocations(train_under_torture, NULL, 1, 0);
    torture_allocations(train_under_torture, NULL, 1, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: run");
    TCase *tc = tcase_create("run");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, ensembles_are_the_same_everywhere);
    tcase_add_test(tc, finished_members_are_not_trained_again);
    tcase_add_test(tc, data_in_memory_stay_here);
    tcase_add_test(tc, changed_data_are_refused);
    tcase_add_test(tc, rows_are_the_same_everywhere);
    tcase_add_test(tc, changed_columns_are_refused);
    tcase_add_test(tc, folder_is_run_and_committed);
    tcase_add_test(tc, folder_tells_what_is_wrong);
    tcase_add_test(tc, folder_is_preempted_and_resumed);
    tcase_add_test(tc, columns_are_those_of_this_process);
    tcase_add_test(tc, points_are_those_of_this_process);
    tcase_add_test(tc, executors_are_opened_by_name);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
