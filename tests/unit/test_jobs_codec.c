/* SPDX-License-Identifier: Apache-2.0 */
/* Job specs: what is well formed is read, everything else is refused by name. */
#include "contract/temporary_folder.h"

#include "jobs/job.h"
#include "net/train.h"
#include "support/run_suite.h"

static sbi_context *ctx;

static void setup(void)
{
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *train_spec(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.seed = UINT64_MAX;
    return json_pack("{s:s, s:i, s:i, s:o, s:{s:s, s:s, s:[{s:s, s:s, s:s}, {s:s, s:s}]}}", "job", "train_member", "version", 1,
                     "member", 3, "options", sbi_train_options_to_json(&o), "data", "sha256", HASH, "negative_weights",
                     "allow_negative", "parts", "side", "numerator", "features", "s.npy", "weights", "w.npy", "side",
                     "denominator", "features", "/b.npy");
}

static json_t *trial_spec(void)
{
    json_t *json = train_spec();
    json_object_set_new(json, "job", json_string("train_trial"));
    json_object_set_new(json, "until", json_integer(7));
    return json;
}

static json_t *hessian_spec(void)
{
    return json_pack("{s:s, s:i, s:{s:s, s:s}, s:s, s:[f, f, i], s:i, s:i}", "job", "hessian_rows", "version", 1, "workspace",
                     "path", "w.json", "sha256", HASH, "columns_sha256", HASH, "theta", 0.1, -2.5e-300, 7, "first", 1, "count", 2);
}

static json_t *evaluate_spec(void)
{
    return json_pack("{s:s, s:i, s:[{s:s, s:s}], s:{s:s, s:s}, s:s, s:s, s:s, s:f}", "job", "evaluate_columns", "version", 1,
                     "members", "path", "m.npz", "sha256", HASH, "features", "path", "x.npy", "sha256", HASH, "combination",
                     "median", "output", "log_ratio", "dtype", "f16", "correction", 1.5);
}

static json_t *scan_spec(void)
{
    return json_pack("{s:s, s:i, s:s, s:[f], s:s, s:f}", "job", "scan_point", "version", 1, "fingerprint", HASH, "theta", 1.0,
                     "parameter", "mu", "value", 2.5);
}

static sbi_status parse(json_t *json, sbi_job **job)
{
    sbi_job_spec spec;
    ck_assert_int_eq(sbi_job_spec_make(&spec, ctx, json_incref(json)), SBI_OK);
    sbi_status status = sbi_job_parse(job, ctx, spec.text.data, spec.text.size);
    ck_assert(status == SBI_OK ? *job != NULL : *job == NULL);
    sbi_text_clear(&spec.text);
    return status;
}

START_TEST(reads_what_was_written)
{
    sbi_job *job;
    json_t *json = train_spec();
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(job->kind, SBI_JOB_TRAIN_MEMBER);
    ck_assert_int_eq(job->member, 3);
    ck_assert(job->options.seed == UINT64_MAX);
    ck_assert_int_eq(job->weight_policy, SBI_WEIGHTS_ALLOW_NEGATIVE);
    ck_assert_uint_eq(job->n_parts, 2);
    ck_assert_int_eq(job->parts[0].side, SBI_NUMERATOR);
    ck_assert_int_eq(job->parts[1].side, SBI_DENOMINATOR);
    ck_assert_str_eq(job->parts[0].weights, "w.npy");
    ck_assert_ptr_null(job->parts[1].weights);
    sbi_job_free(job);
    json_decref(json);
    json = hessian_spec();
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_uint_eq(job->first, 1);
    ck_assert_uint_eq(job->count, 2);
    ck_assert(job->theta[0] == 0.1 && job->theta[1] == -2.5e-300 && job->theta[2] == 7);
    sbi_job_free(job);
    json_decref(json);
    json = evaluate_spec();
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(job->combination, SBI_COMBINE_MEDIAN);
    ck_assert_int_eq(job->output, 1);
    ck_assert_int_eq(job->dtype, SBI_F16);
    sbi_job_free(job);
    json_decref(json);
    json = scan_spec();
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_str_eq(job->parameter, "mu");
    sbi_job_free(job);
    json_decref(json);
}
END_TEST

/* A part with all that events can have, more classes, names; a column of another ratio at a theta. */
static json_t *rich_train_spec(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.loss = SBI_LOSS_ALICES;
    return json_pack("{s:s, s:i, s:i, s:o, s:{s:s, s:s, s:[s, s], s:[s, s, s], s:[{s:s, s:s, s:s, s:s, s:s, s:s}, {s:s, s:s}]}}", "job",
                     "train_member", "version", 1, "member", 0, "options", sbi_train_options_to_json(&o), "data", "sha256", HASH,
                     "negative_weights", "refuse_negative", "parameters", "mu", "phi", "classes", "a", "b", "c", "parts", "side", "class2",
                     "features", "x.npy", "theta", "theta.npy", "joint_ratio", "r.npy", "score", "t.npy", "target", "y.npy", "side",
                     "denominator", "features", "b.npy");
}

START_TEST(theta_scores_and_classes)
{
    sbi_job *job;
    json_t *json = rich_train_spec();
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(job->options.loss, SBI_LOSS_ALICES);
    ck_assert_int_eq(job->parts[0].side, 2);
    ck_assert_str_eq(job->parts[0].theta, "theta.npy");
    ck_assert_str_eq(job->parts[0].joint_ratio, "r.npy");
    ck_assert_str_eq(job->parts[0].score, "t.npy");
    ck_assert_str_eq(job->parts[0].target, "y.npy");
    ck_assert_ptr_null(job->parts[1].theta);
    ck_assert_uint_eq(job->parameters.n, 2);
    ck_assert_str_eq(job->parameters.list[1], "phi");
    ck_assert_uint_eq(job->classes.n, 3);
    sbi_job_free(job);
    json_t *data = json_object_get(json, "data"), *part = json_array_get(json_object_get(data, "parts"), 0);
    json_object_set_new(part, "score", json_integer(1));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "score"));
    json_object_set_new(part, "score", json_string("t.npy"));
    json_object_set_new(part, "side", json_string("class64"));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "class64"));
    json_object_set_new(part, "side", json_string("class2"));
    json_object_set_new(data, "parameters", json_pack("[i]", 1));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "parameters[0]"));
    json_decref(json);

    json = evaluate_spec();
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(job->numerator, SBI_NUMERATOR);
    ck_assert_int_eq(job->denominator, SBI_DENOMINATOR);
    ck_assert_uint_eq(job->n_theta, 0);
    sbi_job_free(job);
    json_object_set_new(json, "theta", json_pack("[f, f]", 0.5, -1.0));
    json_object_set_new(json, "numerator", json_integer(3));
    json_object_set_new(json, "denominator", json_integer(2));
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(job->numerator, 3);
    ck_assert_int_eq(job->denominator, 2);
    ck_assert_uint_eq(job->n_theta, 2);
    ck_assert(job->theta[1] == -1.0);
    sbi_job_free(job);
    json_object_set_new(json, "numerator", json_integer(64));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "numerator is 64"));
    json_object_set_new(json, "numerator", json_integer(1));
    json_object_set_new(json, "theta", json_pack("[s]", "x"));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "theta"));
    json_decref(json);
}
END_TEST

/* A rung ends within the epochs, and what it begins from has a checksum. */
START_TEST(rungs_of_trials)
{
    json_t *json = trial_spec();
    sbi_job *job;
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_int_eq(job->until, 7);
    ck_assert_ptr_null(job->from.path);
    sbi_job_free(job);
    for (int until = 0; until <= 101; until += 101) {
        json_object_set_new(json, "until", json_integer(until));
        ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "until"));
    }
    json_object_set_new(json, "until", json_integer(100));
    json_object_set_new(json, "from", json_pack("{s:s, s:s}", "path", "r.npz", "sha256", HASH));
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert_str_eq(job->from.path, "r.npz");
    sbi_job_free(job);
    json_object_set_new(json, "from", json_pack("{s:s}", "path", "r.npz"));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "/from"));
    json_decref(json);
}
END_TEST

/* Every member is needed (but for those with a default), has its type, and no other is allowed. */
START_TEST(every_member_is_checked)
{
    json_t *(*const makers[])(void) = {train_spec, hessian_spec, evaluate_spec, scan_spec, trial_spec};
    for (size_t m = 0; m < 5; m++) {
        json_t *json = makers[m](), *value;
        const char *key;
        sbi_job *job;
        json_object_foreach(json, key, value)
        {
            json_t *changed = json_deep_copy(json);
            json_object_del(changed, key);
            ck_assert_msg(parse(changed, &job) != SBI_OK, "without %s", key);
            if (strcmp(key, "workspace") != 0) /* then it asks for the fingerprint */
                ck_assert_msg(strstr(sbi_last_error(), key) != NULL, "without %s: %s", key, sbi_last_error());
            json_object_set_new(changed, key, json_true());
            ck_assert_msg(parse(changed, &job) != SBI_OK, "%s: true", key);
            ck_assert_msg(strstr(sbi_last_error(), key) != NULL, "%s: true: %s", key, sbi_last_error());
            json_decref(changed);
        }
        json_object_set_new(json, "surprise", json_integer(1));
        ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(sbi_last_error(), "surprise"));
        json_decref(json);
    }
}
END_TEST

static void refused(json_t *json, sbi_status expected, const char *name)
{
    sbi_job *job;
    ck_assert_int_eq(parse(json, &job), expected);
    ck_assert_msg(strstr(sbi_last_error(), name) != NULL, "%s", sbi_last_error());
    json_decref(json);
}

START_TEST(ranges_are_checked)
{
    json_t *json = hessian_spec();
    json_object_set_new(json, "first", json_integer(3));
    refused(json, SBI_ERR_FORMAT, "first");
    json = hessian_spec();
    json_object_set_new(json, "count", json_integer(3));
    refused(json, SBI_ERR_FORMAT, "count");
    json = hessian_spec();
    json_object_set_new(json, "count", json_integer(0));
    refused(json, SBI_ERR_FORMAT, "count");
    json = hessian_spec();
    json_object_set_new(json, "theta", json_array());
    refused(json, SBI_ERR_FORMAT, "theta");
    json = hessian_spec();
    json_object_set_new(json, "version", json_integer(2));
    refused(json, SBI_ERR_VERSION, "version");
    json = hessian_spec();
    json_object_set_new(json, "job", json_string("make_coffee"));
    refused(json, SBI_ERR_VERSION, "make_coffee");
    json = hessian_spec();
    json_object_set_new(json_object_get(json, "workspace"), "sha256", json_string("abc"));
    refused(json, SBI_ERR_FORMAT, "/workspace");
    json = train_spec();
    json_object_set_new(json, "member", json_integer(-1));
    refused(json, SBI_ERR_FORMAT, "member");
    json = train_spec();
    json_object_set_new(json_object_get(json, "options"), "depth", json_integer(-1));
    refused(json, SBI_ERR_FORMAT, "depth");
    json = train_spec();
    json_object_set_new(json_array_get(json_object_get(json_object_get(json, "data"), "parts"), 1), "side", json_string("up"));
    refused(json, SBI_ERR_FORMAT, "/data/parts/1");
    json = evaluate_spec();
    json_object_set_new(json, "correction", json_real(-1));
    refused(json, SBI_ERR_FORMAT, "correction");
    sbi_job *job;
    const char *broken[] = {"", "{", "[]", "null", "{\"job\":\"hessian_rows\"} x", "{\"version\":1,\"version\":1}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        ck_assert_int_ne(sbi_job_parse(&job, ctx, broken[i], strlen(broken[i])), SBI_OK);
        ck_assert_ptr_null(job);
    }
}
END_TEST

START_TEST(keys_do_not_depend_on_places)
{
    sbi_job_spec a, b, c;
    json_t *json = hessian_spec();
    ck_assert_int_eq(sbi_job_spec_make(&a, ctx, json_incref(json)), SBI_OK);
    json_object_set_new(json_object_get(json, "workspace"), "path", json_string("/elsewhere/w.json"));
    ck_assert_int_eq(sbi_job_spec_make(&b, ctx, json_incref(json)), SBI_OK);
    json_object_set_new(json, "first", json_integer(0));
    ck_assert_int_eq(sbi_job_spec_make(&c, ctx, json), SBI_OK);
    ck_assert_str_eq(a.key, b.key);
    ck_assert_str_ne(a.key, c.key);
    ck_assert_str_ne(a.text.data, b.text.data);
    char key[SBI_TASK_KEY_MAX + 1];
    ck_assert_int_eq(sbi_job_key(ctx, b.text.data, b.text.size, key), SBI_OK);
    ck_assert_str_eq(key, a.key);
    ck_assert_ptr_null(strpbrk(a.text.data, " \n\t"));
    sbi_text_clear(&a.text);
    sbi_text_clear(&b.text);
    sbi_text_clear(&c.text);
}
END_TEST

/* How a training is done is read, and is no part of its key where the result does not depend on it. */
START_TEST(keys_do_not_depend_on_how)
{
    static const char *const devices[] = {"cuda", "cuda:1", "cuda:*", "cuda:0,2", "cuda:1?precision=bf16", "cuda?precision=bf16", "opencl:1"};
    static const int kinds[] = {0, 0, 0, 0, 1, 1, 2};
    char keys[7][SBI_TASK_KEY_MAX + 1], plain[SBI_TASK_KEY_MAX + 1], often[SBI_TASK_KEY_MAX + 1];
    json_t *json = train_spec();
    sbi_job *job;
    sbi_job_spec spec;
    ck_assert_int_eq(sbi_job_spec_make(&spec, ctx, json_incref(json)), SBI_OK);
    memcpy(plain, spec.key, sizeof plain);
    sbi_text_clear(&spec.text);
    json_object_set_new(json, "checkpoint_seconds", json_real(2.5));
    json_object_set_new(json, "memory", json_string("12345"));
    ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
    ck_assert(job->options.checkpoint_seconds == 2.5 && job->options.memory == 12345);
    sbi_job_free(job);
    ck_assert_int_eq(sbi_job_spec_make(&spec, ctx, json_incref(json)), SBI_OK);
    memcpy(often, spec.key, sizeof often);
    sbi_text_clear(&spec.text);
    ck_assert_str_eq(plain, often);
    for (int i = 0; i < 7; i++) {
        json_object_set_new(json, "device", json_string(devices[i]));
        ck_assert_msg(parse(json, &job) == SBI_OK, "%s", sbi_last_error());
        ck_assert_str_eq(job->options.device, devices[i]);
        sbi_job_free(job);
        ck_assert_int_eq(sbi_job_spec_make(&spec, ctx, json_incref(json)), SBI_OK);
        memcpy(keys[i], spec.key, sizeof keys[i]);
        sbi_text_clear(&spec.text);
        ck_assert_str_ne(keys[i], plain);
        for (int k = 0; k < i; k++) ck_assert_msg((strcmp(keys[i], keys[k]) == 0) == (kinds[i] == kinds[k]), "%s and %s", devices[i], devices[k]);
    }
    json_object_set_new(json, "checkpoint_seconds", json_real(-1));
    ck_assert_int_eq(parse(json, &job), SBI_ERR_FORMAT);
    json_decref(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: codec");
    TCase *tc = tcase_create("codec");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, reads_what_was_written);
    tcase_add_test(tc, theta_scores_and_classes);
    tcase_add_test(tc, every_member_is_checked);
    tcase_add_test(tc, rungs_of_trials);
    tcase_add_test(tc, ranges_are_checked);
    tcase_add_test(tc, keys_do_not_depend_on_places);
    tcase_add_test(tc, keys_do_not_depend_on_how);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
