/* SPDX-License-Identifier: Apache-2.0 */
/* Workers whose inputs do not fit the disk that they may use: the bits of a local run from columns and features that are read from the store, a line where
 * something else does not fit, and never more on disk than was allowed. */
#include "base/random.h"
#include "base/sha256.h"
#include "column_workspace.h"
#include "contract/temporary_folder.h"
#include "jobs/job.h"
#include "jobs/records.h"
#include "net/train.h"
#include "support/failing_allocator.h"
#include "support/passing_store.h"
#include "support/run_suite.h"

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())
#define SAYS(text) ck_assert_msg(strstr(sbi_last_error(), text) != NULL, "message: %s", sbi_last_error())
#define EVENTS (3 * 2048 + 77)
#define FEATURES 3

static sbi_context *ctx;
static char folder[64];
static passing_store passing;
static sbi_store *store;
static column_workspace w;
static uint64_t must; /* bytes of what has to be on disk for the spec made last, as the worker counts them */

static const char *in_folder(const char *name)
{
    static char paths[8][600];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* In memory where there is such a folder: hundreds of runs with a dozen fsyncs each. */
static void set_up(void)
{
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
    ctx = cw_context(2);
    make_temporary_folder(folder, sizeof folder);
    ck_assert_int_eq(mkdir(in_folder("store"), 0777), 0);
    passing = (passing_store){0};
    OK(passing_store_open(&store, ctx, in_folder("store"), NULL, &passing));
}

static void tear_down(void)
{
    sbi_store_close(store);
    remove_tree(folder);
    if (w.folder.path[0]) folder_remove(&w.folder);
    w.folder.path[0] = '\0';
    sbi_context_destroy(ctx);
}

static uint64_t size_of(const char *path)
{
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    return (uint64_t)s.st_size;
}

static uint64_t cost(const char *path)
{
    return (size_of(path) + 4095) / 4096 * 4096 + 8192;
}

/* ---- specs --------------------------------------------------------------------------------------------------------- */

static json_t *model_members(const char *path, int toys)
{
    sbi_model *model;
    char sha256[65], columns[65];
    double start[32];
    OK(sbi_model_load(&model, ctx, path));
    OK(sbi_job_columns_digest(model, columns));
    OK(sbi_model_start(model, start));
    json_t *theta = json_array();
    for (size_t i = 0; i < sbi_model_n_parameters(model); i++) json_array_append_new(theta, json_real(toys ? start[i] : cw_theta[i]));
    sbi_model_destroy(model);
    OK(sbi_sha256_file(path, sha256));
    must = cost(path);
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

enum { ROWS, SHARD, SCAN, TOYS, EVALUATE, EVALUATE_RANGE, KINDS };

/* Features as rows or, `fortran`, as columns. */
static void write_features(int32_t dtype, int fortran)
{
    static double f64[EVENTS * FEATURES];
    static float f32[EVENTS * FEATURES];
    for (size_t i = 0; i < EVENTS * FEATURES; i++) f32[i] = (float)(f64[i] = sbi_random_uniform(3, 4, i));
    if (!fortran) {
        const sbi_array a = sbi_array_2d(dtype == SBI_F64 ? (void *)f64 : (void *)f32, dtype, EVENTS, FEATURES);
        OK(sbi_npy_write(ctx, in_folder("features.npy"), &a));
        return;
    }
    char header[128];
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int n = snprintf(header + 10, 100, "{'descr': '<f%d', 'fortran_order': True, 'shape': (%d, %d), }", dtype == SBI_F64 ? 8 : 4, EVENTS, FEATURES);
    header[10 + n] = ' ';
    header[127] = '\n';
    FILE *f = fopen(in_folder("features.npy"), "w");
    ck_assert_ptr_nonnull(f);
    fwrite(header, sizeof header, 1, f);
    fwrite(dtype == SBI_F64 ? (void *)f64 : (void *)f32, dtype == SBI_F64 ? 8 : 4, EVENTS * FEATURES, f);
    ck_assert_int_eq(fclose(f), 0);
}

static json_t *evaluate_members(int range)
{
    static double x[2 * 200 * FEATURES];
    sbi_dataset *data;
    sbi_network *net;
    char member[65], features[65];
    sbi_train_options o;
    sbi_train_options given = SBI_TRAIN_OPTIONS_INIT;
    given.depth = 1;
    given.width = 8;
    given.epochs = 1;
    OK(sbi_train_options_read(&o, &given));
    for (size_t i = 0; i < 2 * 200 * FEATURES; i++) x[i] = sbi_random_uniform(3, 5, i);
    const sbi_array a = sbi_array_2d(x, SBI_F64, 200, FEATURES), b = sbi_array_2d(x + 200 * FEATURES, SBI_F64, 200, FEATURES);
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_array(data, SBI_NUMERATOR, &a, NULL));
    OK(sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL));
    OK(sbi_member_train(&net, ctx, data, &o, 0, NULL, NULL));
    OK(sbi_network_save(net, in_folder("member.npz")));
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    OK(sbi_sha256_file(in_folder("member.npz"), member));
    OK(sbi_sha256_file(in_folder("features.npy"), features));
    must = cost(in_folder("member.npz"));
    json_t *json = json_pack("{s:s, s:i, s:s, s:f, s:s, s:{s:s, s:s}, s:[{s:s, s:s}], s:s, s:b}", "job", "evaluate_columns", "version", 1, "combination",
                             "mean_ratio", "correction", 1.25, "dtype", "f64", "features", "path", in_folder("features.npy"), "sha256", features,
                             "members", "path", in_folder("member.npz"), "sha256", member, "output", "ratio", "spread", range);
    if (!range) return json;
    must += 2ull * 2 * 3000 * 8;
    return with(json, json_pack("{s:i, s:i}", "first", 1234, "count", 3000));
}

static json_t *make_spec(int kind)
{
    switch (kind) {
    case ROWS: {
        json_t *json = with(model_members(w.path.text, 0), json_pack("{s:s, s:i, s:i}", "job", "hessian_rows", "first", 1, "count", 2));
        must += 2 * CW_PARAMETERS * 8;
        return json;
    }
    case SHARD:
        return with(model_members(w.path.text, 0), json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "job", "hessian_shard", "first", 0, "count", 4, "pass", 0,
                                                             "first_event", 2048, "events", 2048));
    case SCAN: return with(model_members(w.path.text, 0), json_pack("{s:s, s:s, s:f}", "job", "scan_point", "parameter", "mu", "value", 1.3));
    case TOYS:
        return with(model_members("tests/data/model/normalised.json", 1),
                    json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:[f], s:[], s:[], s:f, s:f}", "job", "toys", "seed", 5, "first", 0, "count", 2,
                              "compute", (int)SBI_TOYS_T, "auxiliary", 0, "parameter", "mu", "tested", 1.2, "starts", "fixed", "interval_confidence",
                              0.68, "limit_confidence", 0.95));
    default: return evaluate_members(kind == EVALUATE_RANGE);
    }
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static sbi_task task_of(const sbi_job_spec *spec)
{
    sbi_task task = SBI_TASK_INIT;
    task.key = spec->key;
    task.spec = spec->text.data;
    task.spec_size = spec->text.size;
    return task;
}

static sbi_text run_here(const sbi_job_spec *spec)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    const sbi_task task = task_of(spec);
    OK(sbi_job_run(ctx, &task, NULL, NULL, &sink));
    return text;
}

static sbi_worker_options options(uint64_t disk, uint64_t column_memory, uint64_t stream_memory)
{
    static char scratch[600];
    sbi_worker_options o = SBI_WORKER_OPTIONS_INIT;
    snprintf(scratch, sizeof scratch, "%s", in_folder("scratch"));
    o.scratch = scratch;
    o.disk = disk;
    o.column_memory = column_memory;
    o.stream_memory = stream_memory;
    return o;
}

static void forget(const char *key)
{
    char name[128];
    snprintf(name, sizeof name, "jobs/%s/result.json", key);
    OK(sbi_store_remove(store, name));
}

/* Runs the job in a context of so many threads, and compares. */
static void run_and_compare(const sbi_job_spec *spec, const sbi_text *here, int32_t threads, const sbi_worker_options *o)
{
    int32_t code = -1;
    sbi_context *own = cw_context(threads);
    sbi_text there;
    sbi_text_init(&there, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &there};
    const char *scratch = o->scratch;
    passing.watched = scratch;
    passing.watched_most = 0;
    const sbi_status status = sbi_job_run_store(own, store, spec->key, o, &code);
    ck_assert_msg(status == SBI_OK && code == SBI_EXIT_DONE, "%s, exit code %d: %s", sbi_status_name(status), code, sbi_last_error());
    passing.watched = NULL;
    const int breaks = atomic_exchange(&passing.break_every, 0); /* whoever fetches a result tries again; this test does not */
    OK(sbi_job_fetch(ctx, store, spec->key, &sink));
    atomic_store(&passing.break_every, breaks);
    ck_assert_uint_eq(there.size, here->size);
    ck_assert_mem_eq(there.data, here->data, here->size);
    if (o->disk) ck_assert_uint_le(passing.watched_most, o->disk);
    ck_assert_int_eq(rmdir(scratch), 0); /* nothing stays on the machine */
    sbi_text_clear(&there);
    sbi_context_destroy(own);
    forget(spec->key);
}

static void stage(sbi_job_spec *spec, json_t *json)
{
    OK(sbi_job_spec_make(spec, ctx, json));
    sbi_task task = task_of(spec);
    OK(sbi_job_stage(ctx, store, &task));
}

/* All on disk, some of it, and only what must be; columns held in memory or not; little memory for blocks. */
static void everywhere(int kind)
{
    sbi_job_spec spec;
    stage(&spec, make_spec(kind));
    sbi_text here = run_here(&spec);
    const uint64_t disks[] = {0, must, must + 200000}, memory[] = {0, 1, 100000};
    for (size_t i = 0; i < 3; i++) {
        for (int32_t threads = 1; threads <= 3; threads += 2) {
            sbi_worker_options o = options(disks[i], memory[(i + (size_t)threads / 2 + 1) % 3], threads == 1 ? 1 : 200000);
            passing.break_every = threads == 3 ? 499 : 0; /* each break costs 0.2 s */
            run_and_compare(&spec, &here, threads, &o);
            passing.break_every = 0;
        }
    }
    sbi_text_clear(&here);
    sbi_text_clear(&spec.text);
}

START_TEST(jobs_with_models)
{
    static const int32_t dtypes[] = {SBI_F16, SBI_F32, SBI_F64};
    w = cw_make(ctx, EVENTS, _i % 2 ? 4096 : 0, dtypes[_i / 2 % 3], SBI_MORPH_RATIO, 0);
    if (_i >= 6) {
        const test_path packed = folder_path(&w.folder, "packed.json");
        sbi_pack_options o = SBI_PACK_OPTIONS_INIT;
        o.dtype = dtypes[_i / 2 % 3];
        OK(sbi_workspace_pack(ctx, w.path.text, packed.text, &o));
        w.path = packed;
    }
    everywhere(_i % 3 == 0 ? ROWS : _i % 3 == 1 ? SHARD : SCAN);
    if (_i == 0 || _i == 11) everywhere(_i ? SHARD : SCAN);
}
END_TEST

START_TEST(jobs_of_toys)
{
    everywhere(TOYS);
}
END_TEST

START_TEST(jobs_that_evaluate)
{
    write_features(_i % 2 ? SBI_F64 : SBI_F32, _i / 2);
    everywhere(EVALUATE);
    everywhere(EVALUATE_RANGE);
}
END_TEST

/* The smallest first, as many as fit. */
START_TEST(as_much_as_fits_is_on_disk)
{
    sbi_job_spec spec;
    w = cw_make(ctx, EVENTS, 0, SBI_F16, SBI_MORPH_RATIO, 0);
    stage(&spec, make_spec(ROWS));
    sbi_text here = run_here(&spec);
    uint64_t small = cost(folder_path(&w.folder, "S_JES_hi.npy").text), before = UINT64_MAX;
    for (uint64_t n = 0; n <= 8; n += 2) { /* the variations in f16 are the smallest */
        const sbi_worker_options o = options(must + n * small, 1, 1 << 20);
        const unsigned long long bytes = atomic_load(&passing.bytes);
        run_and_compare(&spec, &here, 2, &o);
        ck_assert_uint_ge(passing.watched_most, n * size_of(folder_path(&w.folder, "S_JES_hi.npy").text));
        const uint64_t came = atomic_load(&passing.bytes) - bytes;
        ck_assert_uint_lt(came, before);
        before = came;
    }
    sbi_text_clear(&here);
    sbi_text_clear(&spec.text);
}
END_TEST

/* ---- what does not fit --------------------------------------------------------------------------------------------- */

static void refused(const sbi_job_spec *spec, uint64_t disk, const char *says)
{
    int32_t code = -1;
    char number[32];
    const int gets = atomic_load(&passing.gets);
    const sbi_worker_options o = options(disk, 0, 0);
    ck_assert_int_eq(sbi_job_run_store(ctx, store, spec->key, &o, &code), SBI_ERR_NO_SPACE);
    ck_assert_int_eq(code, SBI_EXIT_STORAGE);
    SAYS(says);
    snprintf(number, sizeof number, "%llu", (unsigned long long)disk);
    SAYS(number);
    ck_assert_ptr_null(strchr(sbi_last_error(), '\n'));
    ck_assert_int_eq(atomic_load(&passing.gets), gets); /* before anything came */
}

START_TEST(a_training_needs_its_data_on_disk)
{
    sbi_job_spec spec;
    sbi_dataset *data;
    char sha256[65], needed[128];
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 4;
    o.epochs = 1;
    write_features(SBI_F32, 0);
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_npy(data, SBI_NUMERATOR, in_folder("features.npy"), NULL));
    write_features(SBI_F64, 0);
    ck_assert_int_eq(rename(in_folder("features.npy"), in_folder("others.npy")), 0);
    write_features(SBI_F32, 0);
    OK(sbi_dataset_add_npy(data, SBI_DENOMINATOR, in_folder("others.npy"), NULL));
    OK(sbi_dataset_checksum(data, sha256));
    sbi_dataset_destroy(data);
    json_t *json = json_pack("{s:s, s:i, s:i, s:o, s:{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}}", "job", "train_member", "version", 1, "member", 0,
                             "options", sbi_train_options_to_json(&o), "data", "sha256", sha256, "negative_weights", "refuse_negative", "parts",
                             "side", "numerator", "features", in_folder("features.npy"), "side", "denominator", "features", in_folder("others.npy"));
    ck_assert_ptr_nonnull(json);
    stage(&spec, json);
    const uint64_t need = cost(in_folder("features.npy")) + cost(in_folder("others.npy"));
    snprintf(needed, sizeof needed, "a training, which reads all its events in every epoch, needs %llu bytes", (unsigned long long)need);
    refused(&spec, need - 1, needed);
    sbi_text here = run_here(&spec);
    const sbi_worker_options enough = options(need, 0, 0);
    run_and_compare(&spec, &here, 2, &enough);
    sbi_text_clear(&here);
    sbi_text_clear(&spec.text);
}
END_TEST

START_TEST(what_is_no_column_must_fit)
{
    sbi_job_spec spec;
    w = cw_make(ctx, EVENTS, 0, SBI_F32, SBI_MORPH_RATIO, 0);
    stage(&spec, make_spec(SHARD));
    refused(&spec, must - 1, "networks, workspace and calibration need");
    sbi_text_clear(&spec.text);
    write_features(SBI_F32, 0);
    stage(&spec, make_spec(EVALUATE));
    refused(&spec, must - 1, "networks, workspace and calibration need");
    sbi_text_clear(&spec.text);
}
END_TEST

/* ---- damage, cancellation ------------------------------------------------------------------------------------------- */

static void run_damaged(const sbi_job_spec *spec, sbi_status expected, int32_t expected_code)
{
    int32_t code = -1;
    const sbi_worker_options o = options(must, 1, 1);
    const sbi_status status = sbi_job_run_store(ctx, store, spec->key, &o, &code);
    ck_assert_msg(status == expected && code == expected_code, "%s, exit code %d: %s", sbi_status_name(status), code, sbi_last_error());
}

START_TEST(damaged_columns_end_the_job)
{
    sbi_job_spec spec;
    char name[SBI_CONTENT_NAME_SIZE], hex[65], path[700];
    size_t size;
    w = cw_make(ctx, EVENTS, 0, SBI_F64, SBI_MORPH_RATIO, 0);
    write_features(SBI_F64, 0);
    for (int kind = 0; kind < 2; kind++) {
        stage(&spec, make_spec(kind ? EVALUATE : ROWS));
        OK(sbi_sha256_file(kind ? in_folder("features.npy") : folder_path(&w.folder, "B_PDF_lo.npy").text, hex));
        sbi_content_name(name, hex);
        snprintf(path, sizeof path, "%s/%s", in_folder("store"), name);
        char *bytes = read_whole(path, &size);
        static const size_t places[] = {0, 70, 5000, 40000};
        for (size_t i = 0; i < 4; i++) {
            bytes[places[i]] ^= 4;
            write_whole(path, bytes, size);
            run_damaged(&spec, SBI_ERR_CHECKSUM, SBI_EXIT_INPUT);
            SAYS("cas/sha256");
            bytes[places[i]] ^= 4;
        }
        write_whole(path, bytes, size - 1);
        run_damaged(&spec, SBI_ERR_CHECKSUM, SBI_EXIT_INPUT);
        unlink(path);
        run_damaged(&spec, SBI_ERR_NOT_FOUND, SBI_EXIT_STORAGE);
        write_whole(path, bytes, size);
        free(bytes);
        run_damaged(&spec, SBI_OK, SBI_EXIT_DONE);
        sbi_text_clear(&spec.text);
    }
}
END_TEST

START_TEST(cancelled_while_it_streams)
{
    sbi_job_spec spec;
    w = cw_make(ctx, EVENTS, 0, SBI_F64, SBI_MORPH_RATIO, 0);
    stage(&spec, make_spec(ROWS));
    for (int at = 1; at < 120; at += 9) {
        passing.cancelled = ctx;
        passing.cancel_at = atomic_load(&passing.gets) + at;
        run_damaged(&spec, SBI_ERR_CANCELLED, SBI_EXIT_PREEMPTED);
        passing.cancel_at = 0;
        sbi_context_cancel(ctx, 0);
    }
    run_damaged(&spec, SBI_OK, SBI_EXIT_DONE);
    sbi_text_clear(&spec.text);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

static sbi_status run_from(sbi_context *c, void *arg)
{
    const sbi_job_spec *spec = arg;
    static passing_store own;
    sbi_store *from;
    int32_t code = -1;
    const sbi_worker_options o = options(must, 1, 1);
    char attempts[700];
    snprintf(attempts, sizeof attempts, "%s/jobs/%s/attempts", in_folder("store"), spec->key);
    remove_tree(attempts); /* a worker lists them all */
    own = (passing_store){0};
    SBI_TRY(passing_store_open(&from, c, in_folder("store"), NULL, &own));
    const sbi_status status = sbi_job_run_store(c, from, spec->key, &o, &code);
    if (status == SBI_ERR_NO_MEMORY) ck_assert_int_eq(code, SBI_EXIT_OUT_OF_MEMORY);
    sbi_store_close(from);
    if (status == SBI_OK) forget(spec->key);
    return status;
}

START_TEST(every_allocation_fails)
{
    sbi_job_spec spec;
    w = cw_make(ctx, 2048 + 5, 0, SBI_F32, SBI_MORPH_RATIO, 0);
    write_features(SBI_F32, 0);
    stage(&spec, make_spec(_i ? EVALUATE : ROWS));
    ck_assert_int_gt(torture_allocations(run_from, &spec, 1, 1).requests, 100);
    sbi_text_clear(&spec.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jobs: disk");
    TCase *t = tcase_create("disk"), *torture = tcase_create("torture");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, jobs_with_models, 0, 12);
    tcase_add_test(t, jobs_of_toys);
    tcase_add_loop_test(t, jobs_that_evaluate, 0, 4);
    tcase_add_test(t, as_much_as_fits_is_on_disk);
    tcase_add_test(t, a_training_needs_its_data_on_disk);
    tcase_add_test(t, what_is_no_column_must_fit);
    tcase_add_test(t, damaged_columns_end_the_job);
    tcase_add_test(t, cancelled_while_it_streams);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(torture, set_up, tear_down);
    tcase_set_timeout(torture, 300);
    tcase_add_loop_test(torture, every_allocation_fails, 0, 2);
    suite_add_tcase(s, torture);
    return run_suite(s);
}
