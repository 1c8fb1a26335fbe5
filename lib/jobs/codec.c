/* SPDX-License-Identifier: Apache-2.0 */
/* Specs: reading with every member checked, and their keys. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "base/base64.h"
#include "jobs/job.h"
#include "net/dataset.h"
#include "net/json_values.h"
#include "net/train.h"
#include "sbi/ratio.h"

#define DOCUMENT "job spec"

static sbi_status get_hash(const json_t *object, const sbi_json_place *at, const char *key, const char **out)
{
    SBI_TRY(sbi_json_get_string(object, at, key, out));
    if (strlen(*out) != 64 || strspn(*out, "0123456789abcdef") != 64)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is \"%.70s\", expected 64 hex digits", key, *out);
    return SBI_OK;
}

/* Text that may be a path: not empty, no NUL (jansson refuses those). */
static sbi_status get_path(const json_t *object, const sbi_json_place *at, const char *key, const char **out)
{
    SBI_TRY(sbi_json_get_string(object, at, key, out));
    if (!**out) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is empty", key);
    return SBI_OK;
}

static sbi_status get_range(const json_t *object, const sbi_json_place *at, const char *key, int64_t low, int64_t high,
                            int64_t *out)
{
    SBI_TRY(sbi_json_get_integer(object, at, key, out));
    if (*out < low || *out > high)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is %lld, expected %lld to %lld", key, (long long)*out, (long long)low,
                             (long long)high);
    return SBI_OK;
}

/* Index of a string in a list. */
static sbi_status get_choice(const json_t *object, const sbi_json_place *at, const char *key, const char *const *choices,
                             int32_t *out)
{
    const char *text;
    SBI_TRY(sbi_json_get_string(object, at, key, &text));
    for (*out = 0; choices[*out]; ++*out) {
        if (strcmp(choices[*out], text) == 0) return SBI_OK;
    }
    return sbi_json_fail(SBI_ERR_FORMAT, at, "%s is \"%.40s\"", key, text);
}

static sbi_status get_file(const json_t *object, const sbi_json_place *at, sbi_job_file *out)
{
    static const char *const known[] = {"path", "sha256", NULL};
    SBI_TRY(sbi_json_expect(object, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(object, at, known));
    SBI_TRY(get_path(object, at, "path", &out->path));
    return get_hash(object, at, "sha256", &out->sha256);
}

static sbi_status get_file_member(const json_t *object, const sbi_json_place *at, const char *key, sbi_job_file *out)
{
    json_t *file;
    sbi_json_place in = sbi_json_member(at, key);
    SBI_TRY(sbi_json_get(object, at, key, &file));
    return get_file(file, &in, out);
}

/* ---- train_member ---------------------------------------------------------------------------------------------- */

static const char *const policies[] = {"refuse_negative", "allow_negative", NULL}; /* SBI_WEIGHTS_... */

/* "denominator", "numerator", "class2", ...: the names that classes have without names of their own. */
static sbi_status get_side(const json_t *part, const sbi_json_place *at, int32_t *out)
{
    const char *sides[SBI_CLASSES_MAX + 1];
    for (int32_t c = 0; c < SBI_CLASSES_MAX; c++) sides[c] = sbi_class_name(c);
    sides[SBI_CLASSES_MAX] = NULL;
    return get_choice(part, at, "side", sides, out);
}

static sbi_status get_path_or_none(const json_t *object, const sbi_json_place *at, const char *key, const char **out)
{
    return json_object_get(object, key) ? get_path(object, at, key, out) : SBI_OK;
}

static sbi_status read_part(const json_t *part, const sbi_json_place *at, sbi_job_part *out)
{
    static const char *const known[] = {"features", "joint_ratio", "score", "side", "target", "theta", "weights", NULL};
    SBI_TRY(sbi_json_expect(part, at, JSON_OBJECT));
    SBI_TRY(sbi_json_only_keys(part, at, known));
    SBI_TRY(get_side(part, at, &out->side));
    SBI_TRY(get_path(part, at, "features", &out->features));
    SBI_TRY(get_path_or_none(part, at, "weights", &out->weights));
    SBI_TRY(get_path_or_none(part, at, "theta", &out->theta));
    SBI_TRY(get_path_or_none(part, at, "joint_ratio", &out->joint_ratio));
    SBI_TRY(get_path_or_none(part, at, "score", &out->score));
    return get_path_or_none(part, at, "target", &out->target);
}

static sbi_status read_parts(sbi_job *job, const json_t *data, const sbi_json_place *at)
{
    json_t *parts;
    if (!json_object_get(data, "parts")) return SBI_OK;
    SBI_TRY(sbi_json_get_array(data, at, "parts", &parts));
    sbi_json_place list = sbi_json_member(at, "parts");
    size_t n = json_array_size(parts);
    if (n == 0) return sbi_json_fail(SBI_ERR_FORMAT, &list, "is empty");
    job->parts = sbi_alloc_zero(job->ctx, n, sizeof *job->parts);
    if (!job->parts) return SBI_ERR_NO_MEMORY;
    job->n_parts = n;
    for (size_t i = 0; i < n; i++) {
        sbi_json_place in = sbi_json_item(&list, i);
        SBI_TRY(read_part(json_array_get(parts, i), &in, &job->parts[i]));
    }
    return SBI_OK;
}

static sbi_status read_names(sbi_job *job, const json_t *data, const sbi_json_place *at, const char *key, sbi_job_names *out)
{
    json_t *names;
    if (!json_object_get(data, key)) return SBI_OK;
    SBI_TRY(sbi_json_get_array(data, at, key, &names));
    size_t n = json_array_size(names);
    out->list = sbi_alloc_zero(job->ctx, n, sizeof *out->list);
    if (!out->list) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        out->list[i] = json_string_value(json_array_get(names, i));
        if (!out->list[i]) return sbi_json_fail(SBI_ERR_FORMAT, at, "%s[%zu] is not a string", key, i);
    }
    out->n = n;
    return SBI_OK;
}

/* Checked here, and read again when the number of features is known. */
static sbi_status read_transforms(sbi_job *job, const json_t *data, const sbi_json_place *at)
{
    const json_t *list = json_object_get(data, "transforms");
    const sbi_json_place in = sbi_json_member(at, "transforms");
    sbi_transforms *t;
    if (!list) return SBI_OK;
    SBI_TRY(sbi_transforms_from_json(&t, job->ctx, INT32_MAX, list, &in));
    sbi_transforms_free(t);
    job->transforms = list;
    return SBI_OK;
}

/* Where networks are trained or evaluated; not part of a spec for the cpu. */
static sbi_status read_device(sbi_job *job, const sbi_json_place *at)
{
    return json_object_get(job->json, "device") ? get_path(job->json, at, "device", &job->device) : SBI_OK;
}

static sbi_status read_training(sbi_job *job, const sbi_json_place *at)
{
    static const char *const of_data[] = {"classes",    "names", "negative_weights", "parameters", "parts", "sha256",
                                          "transforms", NULL};
    json_t *data, *options;
    int64_t member;
    SBI_TRY(get_range(job->json, at, "member", 0, INT32_MAX, &member));
    job->member = (int32_t)member;
    SBI_TRY(sbi_json_get_object(job->json, at, "options", &options));
    sbi_json_place in = sbi_json_member(at, "options");
    SBI_TRY(sbi_train_options_from_json(&job->options, options, &in));
    SBI_TRY(read_device(job, at));
    job->options.device = job->device;
    if (json_object_get(job->json, "memory")) SBI_TRY(sbi_json_get_u64(job->json, at, "memory", &job->options.memory));
    double *often = &job->options.checkpoint_seconds;
    SBI_TRY(sbi_json_get_number_or(job->json, at, "checkpoint_seconds", *often, often));
    if (!(*often >= 0)) return sbi_json_fail(SBI_ERR_FORMAT, at, "checkpoint_seconds is %g, expected 0 or more", *often);
    SBI_TRY(sbi_json_get_object(job->json, at, "data", &data));
    in = sbi_json_member(at, "data");
    SBI_TRY(sbi_json_only_keys(data, &in, of_data));
    SBI_TRY(get_hash(data, &in, "sha256", &job->data_sha256));
    SBI_TRY(get_choice(data, &in, "negative_weights", policies, &job->weight_policy));
    SBI_TRY(read_names(job, data, &in, "names", &job->names));
    SBI_TRY(read_names(job, data, &in, "parameters", &job->parameters));
    SBI_TRY(read_names(job, data, &in, "classes", &job->classes));
    if (job->classes.n > SBI_CLASSES_MAX)
        return sbi_json_fail(SBI_ERR_FORMAT, &in, "classes has %zu entries, at most %d are allowed", job->classes.n, SBI_CLASSES_MAX);
    SBI_TRY(read_transforms(job, data, &in));
    return read_parts(job, data, &in);
}

static sbi_status read_train(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"checkpoint_seconds", "data", "device", "job", "member", "memory", "options", "version", NULL};
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    return read_training(job, at);
}

static sbi_status read_trial(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"checkpoint_seconds", "data", "device", "from", "job", "member", "memory", "options", "until", "version", NULL};
    int64_t until;
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    SBI_TRY(read_training(job, at));
    SBI_TRY(get_range(job->json, at, "until", 1, job->options.epochs, &until));
    job->until = (int32_t)until;
    return json_object_get(job->json, "from") ? get_file_member(job->json, at, "from", &job->from) : SBI_OK;
}

/* ---- evaluate_columns ------------------------------------------------------------------------------------------ */

static sbi_status read_numbers(sbi_job *job, const sbi_json_place *at, const char *key, double **out, size_t *n)
{
    json_t *list;
    SBI_TRY(sbi_json_get_array(job->json, at, key, &list));
    const sbi_json_place in = sbi_json_member(at, key);
    *n = json_array_size(list);
    *out = sbi_alloc_array(job->ctx, *n, sizeof **out);
    if (!*out) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < *n; i++) {
        const sbi_json_place item = sbi_json_item(&in, i);
        SBI_TRY(sbi_json_number(json_array_get(list, i), &item, &(*out)[i]));
    }
    return SBI_OK;
}

static sbi_status get_class(const sbi_job *job, const sbi_json_place *at, const char *key, int32_t without, int32_t *out)
{
    int64_t index = without;
    if (json_object_get(job->json, key)) SBI_TRY(get_range(job->json, at, key, 0, SBI_CLASSES_MAX - 1, &index));
    *out = (int32_t)index;
    return SBI_OK;
}

/* Ranges of rows, a spread, a calibration: all of them may be missing. */
static sbi_status read_evaluate_more(sbi_job *job, const sbi_json_place *at)
{
    int spread;
    SBI_TRY(sbi_json_get_bool_or(job->json, at, "spread", 0, &spread));
    job->spread = spread;
    if (json_object_get(job->json, "calibration")) SBI_TRY(get_file_member(job->json, at, "calibration", &job->calibration));
    if (job->calibration.path && job->correction != 1)
        return sbi_json_fail(SBI_ERR_FORMAT, at, "calibration and correction %g exclude each other", job->correction);
    if (!json_object_get(job->json, "first") && !json_object_get(job->json, "count")) return SBI_OK;
    SBI_TRY(get_range(job->json, at, "first", 0, INT64_MAX, &job->first_row));
    return get_range(job->json, at, "count", 1, INT64_MAX - job->first_row, &job->rows);
}

static sbi_status read_evaluate(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"calibration", "combination", "correction", "count",  "denominator", "device", "dtype", "features",
                                        "first",       "job",         "members",    "numerator", "output",   "spread", "theta", "version", NULL};
    static const char *const combinations[] = {"mean_ratio", "mean_log", "median", NULL}; /* SBI_COMBINE_... */
    static const char *const outputs[] = {"ratio", "log_ratio", NULL};                    /* SBI_RATIO_... */
    static const char *const dtypes[] = {"f16", "f32", "f64", NULL};
    json_t *members;
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    SBI_TRY(read_device(job, at));
    SBI_TRY(get_choice(job->json, at, "combination", combinations, &job->combination));
    SBI_TRY(get_choice(job->json, at, "output", outputs, &job->output));
    SBI_TRY(get_choice(job->json, at, "dtype", dtypes, &job->dtype));
    job->dtype += SBI_F16;
    SBI_TRY(sbi_json_get_number(job->json, at, "correction", &job->correction));
    if (!(job->correction > 0)) return sbi_json_fail(SBI_ERR_FORMAT, at, "correction is %g, expected > 0", job->correction);
    SBI_TRY(get_class(job, at, "numerator", SBI_NUMERATOR, &job->numerator));
    SBI_TRY(get_class(job, at, "denominator", SBI_DENOMINATOR, &job->denominator));
    if (json_object_get(job->json, "theta")) SBI_TRY(read_numbers(job, at, "theta", &job->theta, &job->n_theta));
    SBI_TRY(get_file_member(job->json, at, "features", &job->features));
    SBI_TRY(read_evaluate_more(job, at));
    SBI_TRY(sbi_json_get_array(job->json, at, "members", &members));
    sbi_json_place list = sbi_json_member(at, "members");
    size_t n = json_array_size(members);
    if (n == 0) return sbi_json_fail(SBI_ERR_FORMAT, &list, "is empty");
    job->members = sbi_alloc_zero(job->ctx, n, sizeof *job->members);
    if (!job->members) return SBI_ERR_NO_MEMORY;
    job->n_members = n;
    for (size_t i = 0; i < n; i++) {
        sbi_json_place in = sbi_json_item(&list, i);
        SBI_TRY(get_file(json_array_get(members, i), &in, &job->members[i]));
    }
    return SBI_OK;
}

/* ---- hessian_rows, hessian_shard, scan_point ---------------------------------------------------------------------------------- */

static sbi_status read_model(sbi_job *job, const sbi_json_place *at)
{
    json_t *theta;
    if (json_object_get(job->json, "workspace")) {
        SBI_TRY(get_file_member(job->json, at, "workspace", &job->workspace));
        SBI_TRY(get_hash(job->json, at, "columns_sha256", &job->columns_sha256));
    } else {
        const char *fingerprint; /* only tells jobs on different models apart */
        SBI_TRY(get_hash(job->json, at, "fingerprint", &fingerprint));
    }
    SBI_TRY(sbi_json_get_array(job->json, at, "theta", &theta));
    sbi_json_place list = sbi_json_member(at, "theta");
    size_t n = json_array_size(theta);
    if (n == 0) return sbi_json_fail(SBI_ERR_FORMAT, &list, "is empty");
    job->theta = sbi_alloc_array(job->ctx, n, sizeof *job->theta);
    if (!job->theta) return SBI_ERR_NO_MEMORY;
    job->n_theta = n;
    for (size_t i = 0; i < n; i++) {
        sbi_json_place in = sbi_json_item(&list, i);
        SBI_TRY(sbi_json_number(json_array_get(theta, i), &in, &job->theta[i]));
    }
    return SBI_OK;
}

static sbi_status read_rows(sbi_job *job, const sbi_json_place *at)
{
    int64_t first, count;
    SBI_TRY(get_range(job->json, at, "first", 0, (int64_t)job->n_theta - 1, &first));
    SBI_TRY(get_range(job->json, at, "count", 1, (int64_t)job->n_theta - first, &count));
    job->first = (size_t)first;
    job->count = (size_t)count;
    return SBI_OK;
}

static sbi_status read_hessian(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"columns_sha256", "count",   "fingerprint", "first", "job",
                                        "theta",          "version", "workspace",   NULL};
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    SBI_TRY(read_model(job, at));
    return read_rows(job, at);
}

static sbi_status read_shard(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"columns_sha256", "count", "earlier", "events", "fingerprint", "first", "first_event", "job",
                                        "pass",           "theta", "version", "workspace", NULL};
    const char *earlier;
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    SBI_TRY(read_model(job, at));
    SBI_TRY(read_rows(job, at));
    SBI_TRY(get_range(job->json, at, "pass", 0, INT32_MAX, &job->pass));
    SBI_TRY(get_range(job->json, at, "first_event", 0, INT64_MAX, &job->first_event));
    SBI_TRY(get_range(job->json, at, "events", 1, INT64_MAX - job->first_event, &job->events));
    SBI_TRY(sbi_json_get_string_or(job->json, at, "earlier", "", &earlier));
    if (!*earlier) return SBI_OK;
    sbi_status status = sbi_base64_decode(job->ctx, earlier, &job->earlier, &job->earlier_size);
    return status == SBI_ERR_FORMAT ? sbi_json_fail(status, at, "earlier is not base64") : status;
}

static sbi_status read_scan(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"columns_sha256", "fingerprint", "job",       "parameter", "theta",
                                        "value",          "version",     "workspace", NULL};
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    SBI_TRY(read_model(job, at));
    SBI_TRY(sbi_json_get_string(job->json, at, "parameter", &job->parameter));
    return sbi_json_get_number(job->json, at, "value", &job->value);
}

/* ---- toys ------------------------------------------------------------------------------------------------------ */

static sbi_status read_fixed(sbi_job *job, const sbi_json_place *at)
{
    json_t *list;
    SBI_TRY(sbi_json_get_array(job->json, at, "fixed", &list));
    const size_t n = json_array_size(list);
    job->fixed_names = sbi_alloc_zero(job->ctx, n, sizeof *job->fixed_names);
    if (!job->fixed_names) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        job->fixed_names[i] = json_string_value(json_array_get(list, i));
        if (!job->fixed_names[i]) return sbi_json_fail(SBI_ERR_FORMAT, at, "fixed[%zu] is not a string", i);
    }
    job->toys.n_fixed = n;
    job->toys.fixed_names = job->fixed_names;
    return SBI_OK;
}

static sbi_status read_toys(sbi_job *job, const sbi_json_place *at)
{
    static const char *const known[] = {"auxiliary", "columns_sha256",   "compute",   "count",  "fingerprint", "first",
                                        "fixed",     "interval_confidence", "job",    "limit_confidence", "parameter", "seed",
                                        "starts",    "tested",           "theta",     "version", "workspace",  NULL};
    sbi_toys_options *o = &job->toys;
    int64_t auxiliary, compute, seed;
    sbi_toys_options_init(o);
    SBI_TRY(sbi_json_only_keys(job->json, at, known));
    SBI_TRY(read_model(job, at));
    SBI_TRY(sbi_json_get_integer(job->json, at, "seed", &seed));
    SBI_TRY(get_range(job->json, at, "first", 0, INT64_MAX, &o->first));
    SBI_TRY(get_range(job->json, at, "count", 1, INT32_MAX, &o->count));
    SBI_TRY(get_range(job->json, at, "compute", 0, UINT32_MAX, &compute));
    SBI_TRY(get_range(job->json, at, "auxiliary", 0, INT32_MAX, &auxiliary));
    o->seed = (uint64_t)seed;
    o->compute = (uint32_t)compute;
    o->auxiliary = (int32_t)auxiliary;
    SBI_TRY(sbi_json_get_string(job->json, at, "parameter", &o->parameter));
    SBI_TRY(sbi_json_get_number(job->json, at, "interval_confidence", &o->interval_confidence));
    SBI_TRY(sbi_json_get_number(job->json, at, "limit_confidence", &o->limit_confidence));
    SBI_TRY(read_numbers(job, at, "tested", &job->tested, &o->n_tested));
    SBI_TRY(read_numbers(job, at, "starts", &job->starts, &o->n_starts));
    o->tested = job->tested;
    o->starts = job->starts;
    return read_fixed(job, at);
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

static sbi_status read_job(sbi_job *job)
{
    static const struct {
        const char *name;
        int32_t kind;
        sbi_status (*read)(sbi_job *job, const sbi_json_place *at);
    } kinds[] = {{"train_member", SBI_JOB_TRAIN_MEMBER, read_train},
                 {"train_trial", SBI_JOB_TRAIN_TRIAL, read_trial},
                 {"evaluate_columns", SBI_JOB_EVALUATE_COLUMNS, read_evaluate},
                 {"hessian_rows", SBI_JOB_HESSIAN_ROWS, read_hessian},
                 {"hessian_shard", SBI_JOB_HESSIAN_SHARD, read_shard},
                 {"scan_point", SBI_JOB_SCAN_POINT, read_scan},
                 {"toys", SBI_JOB_TOYS, read_toys}};
    sbi_json_place at = sbi_json_root(DOCUMENT);
    const char *name;
    int64_t version;
    SBI_TRY(sbi_json_expect(job->json, &at, JSON_OBJECT));
    SBI_TRY(sbi_json_get_integer(job->json, &at, "version", &version));
    if (version != SBI_JOB_VERSION)
        return sbi_json_fail(SBI_ERR_VERSION, &at, "version is %lld, this library reads %d", (long long)version,
                             SBI_JOB_VERSION);
    SBI_TRY(sbi_json_get_string(job->json, &at, "job", &name));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) != 0) continue;
        job->kind = kinds[i].kind;
        return kinds[i].read(job, &at);
    }
    return sbi_json_fail(SBI_ERR_VERSION, &at, "job \"%.40s\" is unknown", name);
}

sbi_status sbi_job_parse(sbi_job **out, sbi_context *ctx, const void *spec, size_t size)
{
    *out = NULL;
    if (size > SBI_JOB_SPEC_LARGEST) return sbi_fail(SBI_ERR_FORMAT, DOCUMENT ": %zu bytes are too many", size);
    sbi_job *job = sbi_alloc_zero(ctx, 1, sizeof *job);
    if (!job) return SBI_ERR_NO_MEMORY;
    job->ctx = ctx;
    sbi_status status = sbi_json_parse(&job->json, spec, size, DOCUMENT);
    if (status == SBI_OK) status = read_job(job);
    if (status != SBI_OK) {
        sbi_job_free(job);
        return status;
    }
    *out = job;
    return SBI_OK;
}

void sbi_job_free(sbi_job *job)
{
    if (!job) return;
    json_decref(job->json);
    sbi_free(job->ctx, job->parts);
    sbi_free(job->ctx, job->names.list);
    sbi_free(job->ctx, job->parameters.list);
    sbi_free(job->ctx, job->classes.list);
    sbi_free(job->ctx, job->members);
    sbi_free(job->ctx, job->theta);
    sbi_free(job->ctx, job->earlier);
    sbi_free(job->ctx, job->tested);
    sbi_free(job->ctx, job->starts);
    sbi_free(job->ctx, job->fixed_names);
    sbi_free(job->ctx, job);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

/* "cuda:1?precision=bf16" without its number, or list: devices of a kind give the same bits. 0: out of memory. */
static int remove_number(json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "device"));
    const size_t kind = name ? strcspn(name, ":?") : 0;
    if (!name || name[kind] != ':') return 1;
    json_t *shorter = json_sprintf("%.*s%s", (int)kind, name, name + kind + strcspn(name + kind, "?"));
    return json_object_set_new(object, "device", shorter) == 0;
}

/* Removes where inputs lie, how much memory there is for them and how often there is a checkpoint; what they contain is said by checksums. */
static void remove_places(json_t *value)
{
    size_t i;
    const char *key;
    json_t *item;
    if (json_is_object(value)) {
        json_object_del(value, "path");
        json_object_del(value, "parts");
        json_object_del(value, "memory");
        json_object_del(value, "checkpoint_seconds");
        json_object_foreach(value, key, item) remove_places(item);
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item) remove_places(item);
    }
}

static sbi_status key_of_json(sbi_context *ctx, const json_t *json, char key[SBI_TASK_KEY_MAX + 1])
{
    json_t *copy = json_deep_copy(json);
    if (!copy || !remove_number(copy)) {
        json_decref(copy);
        return sbi_fail(SBI_ERR_NO_MEMORY, DOCUMENT ": out of memory");
    }
    remove_places(copy);
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_status status = sbi_json_canonical(&text, copy);
    if (status == SBI_OK) sbi_sha256_text(text.data, text.size, key);
    sbi_text_clear(&text);
    json_decref(copy);
    return status;
}

sbi_status sbi_job_key(sbi_context *ctx, const void *spec, size_t size, char key[SBI_TASK_KEY_MAX + 1])
{
    SBI_REQUIRE(ctx && key && (spec || !size), "sbi_job_key: an argument is NULL");
    sbi_job *job;
    SBI_TRY(sbi_job_parse(&job, ctx, spec, size));
    sbi_status status = key_of_json(ctx, job->json, key);
    sbi_job_free(job);
    return status;
}

sbi_status sbi_job_spec_make(sbi_job_spec *out, sbi_context *ctx, json_t *json)
{
    sbi_text_init(&out->text, ctx);
    if (!json) return sbi_fail(SBI_ERR_NO_MEMORY, DOCUMENT ": out of memory");
    sbi_status status = sbi_json_canonical(&out->text, json);
    if (status == SBI_OK) status = key_of_json(ctx, json, out->key);
    json_decref(json);
    if (status != SBI_OK) sbi_text_clear(&out->text);
    return status;
}
