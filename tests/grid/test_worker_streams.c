/* SPDX-License-Identifier: Apache-2.0 */
/* sbi-worker on a workspace in S3 that is larger than the disk it may use: the bits of a local run, and no file of a column's size is ever written.
 * With SBI_STREAM_EVENTS, a number of events: instead, times and bytes of such jobs against those whose inputs are on disk, as lines of JSON. */
#include <dirent.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/sha256.h"
#include "base/text.h"
#include "grid/servers.h"
#include "io/json.h"
#include "sbi/sbi.h"
#include "support/folder.h"
#include "support/passing_store.h"
#include "support/run_suite.h"

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s: %s", #call, sbi_last_error())
enum { VARIATIONS = 8 }; /* of each of two samples */

static sbi_context *ctx;
static test_folder folder;
static char config[300];
static int64_t events;
static uint64_t column_size; /* of a file of the smallest columns */

static void set_up(void)
{
    const char *text = getenv("SBI_STREAM_EVENTS");
    events = text ? atoll(text) : 60000;
    OK(sbi_context_create(&ctx, NULL));
    folder = folder_make();
    snprintf(config, sizeof config, "{\"credentials_file\": \"%s\"}", server("SBI_TEST_S3_CREDENTIALS"));
}

static void tear_down(void)
{
    folder_remove(&folder);
    sbi_context_destroy(ctx);
}

/* ---- a workspace and its checksums ----------------------------------------------------------------------------------- */

static double value(uint64_t stream, uint64_t i)
{
    uint64_t x = (stream + 1) * 0x9e3779b97f4a7c15u + i * 0xd1342543de82ef95u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    return 0.85 + 0.3 * (double)(x >> 11) * 0x1p-53;
}

/* Writes a column and adds it to the checksum of all: in the order of the workspace. */
static void add_column(sbi_sha256 *all, const char *name, uint64_t stream, int32_t dtype)
{
    void *data = malloc((size_t)events * sizeof(double));
    ck_assert_ptr_nonnull(data);
    for (int64_t i = 0; i < events; i++) {
        if (dtype == SBI_F64) ((double *)data)[i] = value(stream, (uint64_t)i);
        else ((float *)data)[i] = (float)value(stream, (uint64_t)i);
    }
    const sbi_array a = sbi_array_1d(data, dtype, events);
    const int64_t head[2] = {dtype, events};
    const test_path p = folder_path(&folder, name);
    struct stat s;
    OK(sbi_npy_write(ctx, p.text, &a));
    ck_assert_int_eq(stat(p.text, &s), 0);
    column_size = (uint64_t)s.st_size;
    sbi_sha256_update(all, head, sizeof head);
    sbi_sha256_update(all, data, (size_t)events * sbi_dtype_size(dtype));
    free(data);
}

static json_t *model_members(void)
{
    sbi_sha256 all;
    unsigned char digest[32];
    char columns[65], sha256[65];
    json_t *samples = json_array(), *parameters = json_array(), *theta = json_array();
    sbi_sha256_init(&all);
    add_column(&all, "w.npy", 1000, SBI_F64);
    json_array_append_new(theta, json_real(1.2));
    json_array_append_new(parameters, json_pack("{s:s, s:[f], s:[[f, f]]}", "name", "mu", "inits", 1.0, "bounds", 0.1, 4.0));
    for (int s = 0; s < 2; s++) {
        json_t *modifiers = json_array();
        char name[32];
        snprintf(name, sizeof name, "r%d.npy", s);
        add_column(&all, name, 2000 + (uint64_t)s, SBI_F64);
        for (int k = 0; k < VARIATIONS; k++) {
            char hi[32], lo[32], parameter[32];
            snprintf(hi, sizeof hi, "hi%d_%d.npy", s, k);
            snprintf(lo, sizeof lo, "lo%d_%d.npy", s, k);
            snprintf(parameter, sizeof parameter, "a%d", k);
            add_column(&all, hi, (uint64_t)(100 * s + 2 * k), SBI_F32);
            add_column(&all, lo, (uint64_t)(100 * s + 2 * k + 1), SBI_F32);
            json_array_append_new(modifiers, json_pack("{s:s, s:s, s:{s:s, s:s}}", "name", parameter, "type", "eventsys", "data", "hi", hi, "lo", lo));
            if (s) json_array_append_new(theta, json_real(0.1 * k - 0.3));
            if (s) json_array_append_new(parameters, json_pack("{s:s}", "name", parameter));
        }
        json_array_append_new(samples, json_pack("{s:s, s:f, s:s, s:s, s:o}", "name", s ? "B" : "S", "yield", s ? 700.0 : 300.0, "factor", s ? "1" : "mu",
                                                 "ratio", name, "modifiers", modifiers));
    }
    json_t *workspace = json_pack("{s:s, s:[{s:s, s:{s:s}, s:o}], s:[{s:s, s:{s:s, s:o}}]}", "version", "1.0.0", "channels", "name", "SR", "events",
                                  "weights", "w.npy", "samples", samples, "measurements", "name", "m", "config", "poi", "mu", "parameters", parameters);
    const test_path path = folder_path(&folder, "workspace.json");
    ck_assert_ptr_nonnull(workspace);
    ck_assert_int_eq(json_dump_file(workspace, path.text, 0), 0);
    json_decref(workspace);
    sbi_sha256_final(&all, digest);
    sbi_sha256_hex(digest, columns);
    OK(sbi_sha256_file(path.text, sha256));
    return json_pack("{s:i, s:{s:s, s:s}, s:s, s:o}", "version", 1, "workspace", "path", path.text, "sha256", sha256, "columns_sha256", columns,
                     "theta", theta);
}

typedef struct spec {
    sbi_text text;
    char key[SBI_TASK_KEY_MAX + 1];
} spec;

/* Takes both. */
static spec make_spec(json_t *common, json_t *more)
{
    spec s;
    ck_assert_ptr_nonnull(common);
    ck_assert_int_eq(json_object_update(common, more), 0);
    sbi_text_init(&s.text, ctx);
    OK(sbi_json_canonical(&s.text, common));
    OK(sbi_job_key(ctx, s.text.data, s.text.size, s.key));
    json_decref(common);
    json_decref(more);
    return s;
}

static json_t *rows(void)
{
    return json_pack("{s:s, s:i, s:i}", "job", "hessian_rows", "first", 0, "count", VARIATIONS + 1);
}

static json_t *shard(void)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i}", "job", "hessian_shard", "first", 0, "count", VARIATIONS + 1, "pass", 0, "first_event", 4096, "events",
                     8192);
}

static json_t *scan(void)
{
    return json_pack("{s:s, s:s, s:f}", "job", "scan_point", "parameter", "mu", "value", 1.1);
}

/* ---- running ----------------------------------------------------------------------------------------------------------- */

static sbi_status append(void *user, const void *data, size_t size)
{
    sbi_text_add(user, data, size);
    return ((sbi_text *)user)->status;
}

static sbi_text run_here(const spec *s)
{
    sbi_text text;
    sbi_text_init(&text, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &text};
    sbi_task task = SBI_TASK_INIT;
    task.key = s->key;
    task.spec = s->text.data;
    task.spec_size = s->text.size;
    OK(sbi_job_run(ctx, &task, NULL, NULL, &sink));
    return text;
}

static void stage(sbi_store *store, const spec *s)
{
    sbi_task task = SBI_TASK_INIT;
    task.key = s->key;
    task.spec = s->text.data;
    task.spec_size = s->text.size;
    OK(sbi_job_stage(ctx, store, &task));
}

/* The worker, which cannot write a file as large as a column. */
static int run_worker(const char *key, const char *scratch, const char *disk)
{
    char program[600];
    snprintf(program, sizeof program, "%s/bin/sbi-worker", server("SBI_BUILD"));
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        const struct rlimit limit = {column_size - 1, column_size - 1};
        setrlimit(RLIMIT_FSIZE, &limit);
        execl(program, program, "--store", server("SBI_TEST_S3"), "--store-config", config, "--scratch", scratch, "--disk", disk, "--column-memory", "1",
              "--stream-memory", "2000000", "--threads", "2", key, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

START_TEST(a_worker_with_little_disk)
{
    sbi_store *store;
    const test_path scratch = folder_path(&folder, "scratch");
    OK(sbi_store_open(&store, ctx, server("SBI_TEST_S3"), config));
    json_t *(*const kinds[])(void) = {rows, shard, scan};
    spec s = make_spec(model_members(), kinds[_i]());
    stage(store, &s);
    sbi_text here = run_here(&s), there;
    ck_assert_int_eq(run_worker(s.key, scratch.text, "100"), SBI_EXIT_STORAGE); /* not even the workspace */
    ck_assert_int_eq(run_worker(s.key, scratch.text, "60000"), SBI_EXIT_DONE);
    sbi_text_init(&there, ctx);
    sbi_sink sink = {sizeof sink, 0, append, &there};
    OK(sbi_job_fetch(ctx, store, s.key, &sink));
    ck_assert_uint_eq(there.size, here.size);
    ck_assert_mem_eq(there.data, here.data, here.size);
    ck_assert_int_eq(rmdir(scratch.text), 0);
    sbi_text_clear(&here);
    sbi_text_clear(&there);
    sbi_text_clear(&s.text);
    sbi_store_close(store);
}
END_TEST

/* ---- how long it takes --------------------------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

START_TEST(measure)
{
    static const struct {
        const char *name;
        uint64_t disk, column_memory, stream_memory;
    } ways[] = {{"disk, columns not held", 0, 1, 0}, {"streamed, columns not held", 200000, 1, 3}, {"disk, columns held", 0, 0, 0},
                {"streamed, columns held", 200000, 0, 0}};
    passing_store passing = {0};
    sbi_store *store;
    OK(passing_store_open(&store, ctx, server("SBI_TEST_S3"), config, &passing));
    const test_path scratch = folder_path(&folder, "scratch");
    const double all = (double)events * (3 * 8 + 2 * 2 * VARIATIONS * 4);
    json_t *(*const kinds[])(void) = {shard, rows, scan};
    for (int kind = 0; kind < 3; kind++) {
        spec s = make_spec(model_members(), kinds[kind]());
        stage(store, &s);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            char record[128];
            int32_t code;
            sbi_worker_options o = SBI_WORKER_OPTIONS_INIT;
            o.scratch = scratch.text;
            o.disk = ways[i].disk;
            o.column_memory = ways[i].column_memory;
            o.stream_memory = ways[i].stream_memory ? (uint64_t)all / ways[i].stream_memory : 0; /* a part of the columns */
            const double start = seconds();
            const unsigned long long bytes = atomic_load(&passing.bytes);
            const int gets = atomic_load(&passing.gets);
            OK(sbi_job_run_store(ctx, store, s.key, &o, &code));
            printf("{\"job\": \"%s\", \"inputs\": \"%s\", \"seconds\": %.2f, \"columns_mb\": %.1f, \"transferred_of_columns\": %.2f, \"requests\": %d}\n",
                   kind == 0 ? "hessian_shard" : kind == 1 ? "hessian_rows" : "scan_point", ways[i].name, seconds() - start, all * 1e-6,
                   (double)(atomic_load(&passing.bytes) - bytes) / all, atomic_load(&passing.gets) - gets);
            fflush(stdout);
            snprintf(record, sizeof record, "jobs/%s/result.json", s.key);
            OK(sbi_store_remove(store, record));
        }
        sbi_text_clear(&s.text);
    }
    sbi_store_close(store);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grid: workers that stream");
    TCase *t = tcase_create("streams");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 300);
    if (getenv("SBI_STREAM_EVENTS")) tcase_add_test(t, measure);
    else tcase_add_loop_test(t, a_worker_with_little_disk, 0, 3);
    suite_add_tcase(s, t);
    return run_suite(s);
}
