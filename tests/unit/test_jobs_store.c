/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs in a store that is no folder of this machine: staged, run from it, with the bits of a local run; damage, outages, rivals. */
#include <pthread.h>

#include "base/random.h"
#include "base/sha256.h"
#include "contract/temporary_folder.h"
#include "jobs/attempt.h"
#include "jobs/collect.h"
#include "jobs/job.h"
#include "jobs/staged.h"
#include "net/train.h"
#include "sbi/fit.h"
#include "support/distant_store.h"
#include "support/run_suite.h"

#define EVENTS 400
#define PROCESSES 3

static sbi_context *ctx;
static char folder[64];
static distant_store distant;
static sbi_store *store;

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static const char *in_folder(const char *name)
{
    static char paths[8][600];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_values(const char *name, uint64_t stream, double low, double high, int columns)
{
    static double values[2 * EVENTS];
    for (size_t i = 0; i < (size_t)columns * EVENTS; i++) values[i] = low + (high - low) * sbi_random_uniform(7, stream, i);
    sbi_array a = columns == 1 ? sbi_array_1d(values, SBI_F64, EVENTS) : sbi_array_2d(values, SBI_F64, EVENTS, columns);
    OK(sbi_npy_write(ctx, in_folder(name), &a));
}

static void setup(void)
{
    OK(sbi_context_create(&ctx, NULL));
    make_temporary_folder(folder, sizeof folder);
    ck_assert_int_eq(mkdir(in_folder("data"), 0777), 0);
    ck_assert_int_eq(mkdir(in_folder("store"), 0777), 0);
    write_values("s.npy", 1, 0.5, 1.5, 2);
    write_values("b.npy", 2, 0.0, 1.0, 2);
    write_values("w.npy", 3, 0.5, 1.5, 1);
    distant = (distant_store){0};
    OK(distant_store_open(&store, ctx, in_folder("store"), &distant));
}

static void teardown(void)
{
    sbi_store_close(store);
    remove_tree(folder);
    sbi_context_destroy(ctx);
}

/* ---- specs of all kinds ----------------------------------------------------------------------------------------- */

/* Columns beside the workspace, above it, and under an absolute path. */
static json_t *model_members(void)
{
    json_t *samples = json_array();
    char names[PROCESSES][600], sha256[65], columns[65];
    snprintf(names[0], sizeof names[0], "r0.npy");
    snprintf(names[1], sizeof names[1], "../r1.npy");
    snprintf(names[2], sizeof names[2], "%s", in_folder("r2.npy"));
    write_values("data/r0.npy", 10, 0.2, 3.0, 1);
    write_values("r1.npy", 11, 0.2, 3.0, 1);
    write_values("r2.npy", 12, 0.2, 3.0, 1);
    for (int p = 0; p < PROCESSES; p++) {
        char sample[16], alpha[16];
        snprintf(sample, sizeof sample, "p%d", p);
        snprintf(alpha, sizeof alpha, "alpha%d", p);
        json_array_append_new(samples, json_pack("{s:s, s:f, s:s, s:s, s:[{s:s, s:s, s:{s:f, s:f}}]}", "name", sample, "yield", 15.0, "factor",
                                                 p ? "1" : "mu", "ratio", names[p], "modifiers", "name", alpha, "type", "normsys", "data",
                                                 "hi", 1.1, "lo", 0.9));
    }
    json_t *workspace = json_pack("{s:[{s:s, s:o}], s:[{s:s, s:{s:s, s:[{s:s, s:[f], s:[[f, f]]}]}}]}", "channels", "name", "SR", "samples",
                                  samples, "measurements", "name", "m", "config", "poi", "mu", "parameters", "name", "mu", "inits", 1.0,
                                  "bounds", 0.1, 4.0);
    ck_assert_ptr_nonnull(workspace);
    ck_assert_int_eq(json_dump_file(workspace, in_folder("data/workspace.json"), 0), 0);
    json_decref(workspace);
    sbi_model *model;
    OK(sbi_model_load(&model, ctx, in_folder("data/workspace.json")));
    OK(sbi_job_columns_digest(model, columns));
    sbi_model_destroy(model);
    OK(sbi_sha256_file(in_folder("data/workspace.json"), sha256));
    return json_pack("{s:i, s:{s:s, s:s}, s:s, s:[f, f, f, f]}", "version", 1, "workspace", "path", in_folder("data/workspace.json"), "sha256",
                     sha256, "columns_sha256", columns, "theta", 1.0, 0.1, -0.2, 0.3);
}

/* Events to draw toys from are in a workspace of tests/data. */
static json_t *toy_members(void)
{
    static const char path[] = "tests/data/model/normalised.json";
    sbi_model *model;
    char sha256[65], columns[65];
    double start[32];
    OK(sbi_model_load(&model, ctx, path));
    OK(sbi_job_columns_digest(model, columns));
    OK(sbi_model_start(model, start));
    json_t *theta = json_array();
    for (size_t i = 0; i < sbi_model_n_parameters(model); i++) json_array_append_new(theta, json_real(start[i]));
    sbi_model_destroy(model);
    OK(sbi_sha256_file(path, sha256));
    return json_pack("{s:i, s:{s:s, s:s}, s:s, s:o}", "version", 1, "workspace", "path", path, "sha256", sha256, "columns_sha256", columns,
                     "theta", theta);
}

static json_t *with(json_t *common, json_t *more)
{
    ck_assert_ptr_nonnull(more);
    ck_assert_int_eq(json_object_update(common, more), 0);
    json_decref(more);
    return common;
}

static json_t *train_members(int member)
{
    sbi_dataset *data;
    char sha256[65];
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 8;
    o.epochs = 3;
    o.batch = 128;
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_npy(data, SBI_NUMERATOR, in_folder("s.npy"), in_folder("w.npy")));
    OK(sbi_dataset_add_npy(data, SBI_DENOMINATOR, in_folder("b.npy"), NULL));
    OK(sbi_dataset_checksum(data, sha256));
    sbi_dataset_destroy(data);
    json_t *json = json_pack("{s:s, s:i, s:i, s:o, s:{s:s, s:s, s:[{s:s, s:s, s:s}, {s:s, s:s}], s:[s, s]}}", "job", "train_member", "version", 1,
                             "member", member, "options", sbi_train_options_to_json(&o), "data", "sha256", sha256, "negative_weights",
                             "refuse_negative", "parts", "side", "numerator", "features", in_folder("s.npy"), "weights",
                             in_folder("w.npy"), "side", "denominator", "features", in_folder("b.npy"), "names", "pt", "mass");
    ck_assert_ptr_nonnull(json);
    return json;
}

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

/* The bytes of a run in this process. */
static sbi_text run_here(const sbi_job_spec *spec)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    sbi_task task = SBI_TASK_INIT;
    task.spec = spec->text.data;
    task.spec_size = spec->text.size;
    OK(sbi_job_run(ctx, &task, NULL, NULL, &sink));
    return text;
}

static json_t *evaluate_members(void)
{
    sbi_job_spec spec;
    char member[65], features[65];
    OK(sbi_job_spec_make(&spec, ctx, train_members(0)));
    sbi_text network = run_here(&spec);
    write_whole(in_folder("member.npz"), network.data, network.size);
    sbi_text_clear(&network);
    sbi_text_clear(&spec.text);
    OK(sbi_sha256_file(in_folder("member.npz"), member));
    OK(sbi_sha256_file(in_folder("b.npy"), features));
    return json_pack("{s:s, s:i, s:s, s:f, s:s, s:{s:s, s:s}, s:[{s:s, s:s}], s:s}", "job", "evaluate_columns", "version", 1, "combination",
                     "mean_ratio", "correction", 1.25, "dtype", "f64", "features", "path", in_folder("b.npy"), "sha256", features,
                     "members", "path", in_folder("member.npz"), "sha256", member, "output", "ratio");
}

static json_t *make_spec(int kind)
{
    switch (kind) {
    case 0: return train_members(1);
    case 1: return evaluate_members();
    case 2: return with(model_members(), json_pack("{s:s, s:i, s:i}", "job", "hessian_rows", "first", 1, "count", 2));
    case 3:
        return with(model_members(), json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "job", "hessian_shard", "first", 0, "count", 4, "pass", 0,
                                               "first_event", 0, "events", EVENTS));
    case 4: return with(model_members(), json_pack("{s:s, s:s, s:f}", "job", "scan_point", "parameter", "mu", "value", 1.3));
    default:
        return with(toy_members(), json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:[f], s:[], s:[], s:f, s:f}", "job", "toys", "seed", 5,
                                               "first", 0, "count", 2, "compute", (int)SBI_TOYS_T, "auxiliary", 0, "parameter", "mu", "tested",
                                               1.2, "starts", "fixed", "interval_confidence", 0.68, "limit_confidence", 0.95));
    }
}

static sbi_task task_of(const sbi_job_spec *spec)
{
    sbi_task task = SBI_TASK_INIT;
    task.key = spec->key;
    task.spec = spec->text.data;
    task.spec_size = spec->text.size;
    return task;
}

static sbi_worker_options options(void)
{
    sbi_worker_options o = SBI_WORKER_OPTIONS_INIT;
    static char scratch[400];
    snprintf(scratch, sizeof scratch, "%s", in_folder("scratch"));
    o.scratch = scratch;
    o.attempt = 3;
    return o;
}

static void run_to(const char *key, sbi_status expected, int32_t expected_code)
{
    int32_t code = -1;
    const sbi_worker_options o = options();
    const sbi_status status = sbi_job_run_store(ctx, store, key, &o, &code);
    ck_assert_msg(status == expected && code == expected_code, "%s, exit code %d: %s", sbi_status_name(status), code, sbi_last_error());
}

static sbi_text fetch(const char *key)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    OK(sbi_job_fetch(ctx, store, key, &sink));
    return text;
}

/* ---- everywhere the same ---------------------------------------------------------------------------------------- */

START_TEST(workers_come_to_the_bits_of_a_local_run)
{
    sbi_job_spec spec;
    char key[65], path[400];
    OK(sbi_job_spec_make(&spec, ctx, make_spec(_i)));
    sbi_task task = task_of(&spec);
    sbi_task_report r = {.struct_size = sizeof r};
    OK(sbi_job_stage(ctx, store, &task));
    OK(sbi_job_look(ctx, store, spec.key, &r, NULL));
    ck_assert_int_eq(r.state, SBI_TASK_PENDING);
    snprintf(path, sizeof path, "store/jobs/%s/spec.json", spec.key);
    size_t size;
    char *staged = read_whole(in_folder(path), &size);
    OK(sbi_job_key(ctx, staged, size, key));
    ck_assert_str_eq(key, spec.key);                            /* places do not make another job */
    ck_assert_ptr_null(strstr(staged, folder));                 /* and nothing of this machine is in it */
    free(staged);
    sbi_text here = run_here(&spec);
    /* What was staged is all that a worker needs. */
    const char *const inputs[] = {"s.npy", "b.npy", "w.npy", "r1.npy", "r2.npy", "member.npz", "data/r0.npy", "data/workspace.json"};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) unlink(in_folder(inputs[i]));
    OK(sbi_job_stage(ctx, store, &task)); /* again: everything is there */
    run_to(spec.key, SBI_OK, SBI_EXIT_DONE);
    sbi_text there = fetch(spec.key);
    ck_assert_uint_eq(there.size, here.size);
    ck_assert_mem_eq(there.data, here.data, here.size);
    OK(sbi_job_look(ctx, store, spec.key, &r, NULL));
    ck_assert_int_eq(r.state, SBI_TASK_DONE);
    ck_assert_int_eq(r.attempt, 3);
    ck_assert_uint_gt(r.peak_memory, 0);
    ck_assert_str_ne(r.host, "");
    ck_assert_int_eq(rmdir(in_folder("scratch")), 0); /* nothing stays on the machine */
    sbi_text_clear(&here);
    sbi_text_clear(&there);
    sbi_text_clear(&spec.text);
}
END_TEST

START_TEST(data_in_memory_are_staged)
{
    sbi_job_spec spec;
    sbi_npy *maps[3];
    sbi_array a[3];
    static const char *const names[] = {"s.npy", "b.npy", "w.npy"};
    json_t *json = train_members(1);
    OK(sbi_job_spec_make(&spec, ctx, json_deep_copy(json)));
    sbi_text here = run_here(&spec);
    sbi_text_clear(&spec.text);
    json_object_del(json_object_get(json, "data"), "parts");
    OK(sbi_job_spec_make(&spec, ctx, json));
    sbi_task task = task_of(&spec);
    ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_UNSUPPORTED);
    sbi_dataset *data;
    OK(sbi_dataset_create(&data, ctx));
    for (int i = 0; i < 3; i++) {
        OK(sbi_npy_map(&maps[i], ctx, in_folder(names[i])));
        OK(sbi_npy_array(maps[i], &a[i]));
    }
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &a[0], &a[2]));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &a[1], NULL));
    const sbi_job_attachment attachment = {.data = data};
    task.attachment = &attachment;
    OK(sbi_job_stage(ctx, store, &task));
    run_to(spec.key, SBI_OK, SBI_EXIT_DONE);
    sbi_text there = fetch(spec.key);
    ck_assert_uint_eq(there.size, here.size);
    ck_assert_mem_eq(there.data, here.data, here.size);
    sbi_dataset_destroy(data);
    for (int i = 0; i < 3; i++) sbi_npy_unmap(maps[i]);
    sbi_text_clear(&here);
    sbi_text_clear(&there);
    sbi_text_clear(&spec.text);
}
END_TEST

/* ---- staging refuses -------------------------------------------------------------------------------------------- */

START_TEST(changed_inputs_are_not_staged)
{
    sbi_job_spec spec;
    for (int kind = 0; kind < 3; kind++) {
        OK(sbi_job_spec_make(&spec, ctx, make_spec(kind)));
        sbi_task task = task_of(&spec);
        static const char *const changed[] = {"w.npy", "member.npz", "r1.npy"}; /* nothing that is in the store already */
        char *kept = NULL;
        size_t size;
        kept = read_whole(in_folder(changed[kind]), &size);
        write_values(changed[kind], 77, 0.5, 1.5, 1);
        ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_CHECKSUM);
        unlink(in_folder(changed[kind]));
        ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_NOT_FOUND);
        write_whole(in_folder(changed[kind]), kept, size);
        OK(sbi_job_stage(ctx, store, &task)); /* nothing wrong was left behind */
        free(kept);
        sbi_text_clear(&spec.text);
    }
    /* A model that was made in memory. */
    json_t *json = json_pack("{s:s, s:i, s:s, s:[f], s:i, s:i}", "job", "hessian_rows", "version", 1, "fingerprint",
                             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "theta", 1.0, "first", 0, "count", 1);
    OK(sbi_job_spec_make(&spec, ctx, json));
    sbi_task task = task_of(&spec);
    ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_UNSUPPORTED);
    sbi_text_clear(&spec.text);
    task.spec = "{}";
    task.spec_size = 2;
    ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_FORMAT);
    task.key = "NOT A KEY";
    ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_ARGUMENT);
}
END_TEST

START_TEST(arrays_are_lists_of_keys)
{
    const char *keys[] = {"first", "second-key", "x"}, *others[] = {"first", "x"};
    char key[65];
    OK(sbi_job_stage_array(ctx, store, "stage-1", keys, 3));
    OK(sbi_job_stage_array(ctx, store, "stage-1", keys, 3));
    ck_assert_int_eq(sbi_job_stage_array(ctx, store, "stage-1", others, 2), SBI_ERR_EXISTS);
    ck_assert_int_eq(sbi_job_stage_array(ctx, store, "../stage", keys, 3), SBI_ERR_ARGUMENT);
    for (uint64_t i = 0; i < 3; i++) {
        OK(sbi_job_array_key(ctx, store, "stage-1", i, key));
        ck_assert_str_eq(key, keys[i]);
    }
    ck_assert_int_eq(sbi_job_array_key(ctx, store, "stage-1", 3, key), SBI_ERR_ARGUMENT);
    ck_assert_int_eq(sbi_job_array_key(ctx, store, "stage-2", 0, key), SBI_ERR_NOT_FOUND);
}
END_TEST

/* ---- faults ----------------------------------------------------------------------------------------------------- */

static void stage_rows(sbi_job_spec *spec)
{
    OK(sbi_job_spec_make(spec, ctx, make_spec(2)));
    sbi_task task = task_of(spec);
    OK(sbi_job_stage(ctx, store, &task));
}

static char *object_of(const char *file)
{
    static char path[400];
    char hex[65], name[100];
    OK(sbi_sha256_file(in_folder(file), hex));
    sbi_content_name(name, hex);
    snprintf(path, sizeof path, "%s/store/%s", folder, name);
    return path;
}

START_TEST(damaged_inputs_are_found)
{
    sbi_job_spec spec;
    sbi_task_report r = {.struct_size = sizeof r};
    size_t size;
    stage_rows(&spec);
    char *path = object_of("r1.npy"), *bytes = read_whole(path, &size);
    bytes[size - 3] ^= 1;
    write_whole(path, bytes, size);
    run_to(spec.key, SBI_ERR_CHECKSUM, SBI_EXIT_INPUT);
    OK(sbi_job_look(ctx, store, spec.key, &r, NULL));
    ck_assert_int_eq(r.state, SBI_TASK_FAILED);
    ck_assert_int_eq(r.status, SBI_ERR_CHECKSUM);
    ck_assert_ptr_nonnull(strstr(r.message, "cas/sha256"));
    write_whole(path, bytes, size - 9); /* cut off */
    run_to(spec.key, SBI_ERR_CHECKSUM, SBI_EXIT_INPUT);
    unlink(path);
    run_to(spec.key, SBI_ERR_NOT_FOUND, SBI_EXIT_STORAGE);
    OK(sbi_job_look(ctx, store, spec.key, &r, NULL));
    ck_assert_int_eq(r.state, SBI_TASK_TRANSIENT);
    bytes[size - 3] ^= 1;
    write_whole(path, bytes, size);
    run_to(spec.key, SBI_OK, SBI_EXIT_DONE);
    free(bytes);
    /* A spec that is not what the name says, that is none, and that is not there. */
    char spec_path[400];
    snprintf(spec_path, sizeof spec_path, "%s/store/jobs/%s/spec.json", folder, spec.key);
    write_whole(spec_path, "{", 1);
    run_to(spec.key, SBI_ERR_FORMAT, SBI_EXIT_SPEC);
    unlink(spec_path);
    run_to(spec.key, SBI_ERR_NOT_FOUND, SBI_EXIT_CONFIGURATION);
    sbi_text_clear(&spec.text);
}
END_TEST

START_TEST(outages_are_sat_out)
{
    sbi_job_spec spec;
    int32_t code;
    stage_rows(&spec);
    distant.fail_every = 5; /* calls that say: again */
    run_to(spec.key, SBI_OK, SBI_EXIT_DONE);
    ck_assert_int_ge(distant.failed, 3);
    distant.fail_every = 1;
    sbi_worker_options o = options();
    o.outage_seconds = 0.3;
    ck_assert_int_eq(sbi_job_run_store(ctx, store, spec.key, &o, &code), SBI_ERR_TRANSIENT);
    ck_assert_int_eq(code, SBI_EXIT_STORAGE);
    o.heartbeat_seconds = 0;
    ck_assert_int_eq(sbi_job_run_store(ctx, store, spec.key, &o, &code), SBI_ERR_ARGUMENT);
    distant.fail_every = 0;
    sbi_text_clear(&spec.text);
}
END_TEST

/* A full disk: of the store while it is staged, while results come, while heartbeats come. */
START_TEST(full_stores)
{
    sbi_job_spec spec;
    sbi_task_report r = {.struct_size = sizeof r};
    OK(sbi_job_spec_make(&spec, ctx, make_spec(2)));
    sbi_task task = task_of(&spec);
    static const char *const places[] = {"cas/", "inputs/", "jobs/"};
    for (int i = 0; i < 3; i++) {
        distant.full = places[i];
        ck_assert_int_eq(sbi_job_stage(ctx, store, &task), SBI_ERR_NO_SPACE);
    }
    distant.full = NULL;
    OK(sbi_job_stage(ctx, store, &task));
    distant.full = "cas/";
    run_to(spec.key, SBI_ERR_NO_SPACE, SBI_EXIT_STORAGE);
    OK(sbi_job_look(ctx, store, spec.key, &r, NULL));
    ck_assert_int_eq(r.state, SBI_TASK_TRANSIENT);
    ck_assert_int_eq(r.status, SBI_ERR_NO_SPACE);
    char attempts[200];
    snprintf(attempts, sizeof attempts, "jobs/%s/attempts/", spec.key);
    distant.full = attempts; /* a heartbeat is no reason to fail */
    run_to(spec.key, SBI_OK, SBI_EXIT_DONE);
    distant.full = NULL;
    sbi_text_clear(&spec.text);
}
END_TEST

typedef struct rival {
    const char *key;
    sbi_store *store;
    sbi_worker_options o;
    sbi_status status;
    int32_t code;
} rival;

static void *run_rival(void *arg)
{
    rival *r = arg;
    sbi_context *own;
    r->status = sbi_context_create(&own, NULL);
    if (r->status == SBI_OK) r->status = sbi_job_run_store(own, r->store, r->key, &r->o, &r->code);
    sbi_context_destroy(own);
    return NULL;
}

/* Two workers at once: one commit, and both are content. */
START_TEST(rivals_agree)
{
    sbi_job_spec spec;
    pthread_t threads[2];
    stage_rows(&spec);
    rival r[2] = {{spec.key, store, options(), SBI_OK, -1}, {spec.key, store, options(), SBI_OK, -1}};
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, run_rival, &r[i]), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(r[i].status, SBI_OK);
        ck_assert_int_eq(r[i].code, SBI_EXIT_DONE);
    }
    ck_assert_int_eq(atomic_load(&distant.committed), 1);
    sbi_text_clear(&spec.text);
}
END_TEST

/* Somebody committed another result: not hidden, and not replaced. */
START_TEST(another_result_is_an_alarm)
{
    sbi_job_spec spec;
    sbi_commit wrong = {.size = 8, .uuid = "somebody"};
    sbi_text text;
    char name[200];
    stage_rows(&spec);
    snprintf(wrong.key, sizeof wrong.key, "%s", spec.key);
    memset(wrong.sha256, 'a', 64);
    sbi_text_init(&text, ctx);
    OK(sbi_commit_write(&text, &wrong));
    snprintf(name, sizeof name, "jobs/%s/result.json", spec.key);
    OK(sbi_store_put_bytes(store, name, text.data, text.size, SBI_STORE_CREATE));
    sbi_text_clear(&text);
    run_to(spec.key, SBI_ERR_EXISTS, SBI_EXIT_INTERNAL);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "not reproducible"));
    sbi_commit now;
    OK(sbi_commit_get(ctx, store, spec.key, &now));
    ck_assert_str_eq(now.sha256, wrong.sha256);
    sbi_text_clear(&spec.text);
}
END_TEST

START_TEST(a_stopped_worker_says_so)
{
    sbi_job_spec spec;
    sbi_task_report r = {.struct_size = sizeof r};
    stage_rows(&spec);
    distant.cancel_at = "heartbeat.json"; /* as SIGTERM does, just after the attempt began */
    distant.cancelled = ctx;
    run_to(spec.key, SBI_ERR_CANCELLED, SBI_EXIT_PREEMPTED);
    sbi_context_cancel(ctx, 0);
    OK(sbi_job_look(ctx, store, spec.key, &r, NULL));
    ck_assert_int_eq(r.state, SBI_TASK_PREEMPTED);
    run_to(spec.key, SBI_OK, SBI_EXIT_DONE);
    sbi_text log;
    sbi_text_init(&log, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &log};
    OK(sbi_job_log(ctx, store, spec.key, &sink));
    ck_assert_ptr_nonnull(strstr(log.data, spec.key));
    sbi_text_clear(&log);
    sbi_text_clear(&spec.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: store");
    TCase *tc = tcase_create("store");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, workers_come_to_the_bits_of_a_local_run, 0, 6);
    tcase_add_test(tc, data_in_memory_are_staged);
    tcase_add_test(tc, changed_inputs_are_not_staged);
    tcase_add_test(tc, arrays_are_lists_of_keys);
    tcase_add_test(tc, damaged_inputs_are_found);
    tcase_add_test(tc, outages_are_sat_out);
    tcase_add_test(tc, full_stores);
    tcase_add_test(tc, rivals_agree);
    tcase_add_test(tc, another_result_is_an_alarm);
    tcase_add_test(tc, a_stopped_worker_says_so);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
