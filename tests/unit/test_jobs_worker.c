/* SPDX-License-Identifier: Apache-2.0 */
/* A worker is told to stop (SIGTERM) or killed in the middle: the next attempt goes on, and ends with the same bytes. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/random.h"
#include "contract/temporary_folder.h"
#include "jobs/job.h"
#include "net/train.h"
#include "support/run_suite.h"

#define EVENTS 2000

static sbi_context *ctx;
static char folder[64];

#define OK(call) ck_assert_msg((call) == SBI_OK, "%s", sbi_last_error())

static void setup(void)
{
    static double x[2 * EVENTS];
    make_temporary_folder(folder, sizeof folder);
    OK(sbi_context_create(&ctx, NULL));
    for (uint64_t side = 0; side < 2; side++) {
        char path[128];
        for (size_t i = 0; i < 2 * EVENTS; i++) x[i] = sbi_random_normal(3, side, i) + 0.3 * (double)side;
        sbi_array a = sbi_array_2d(x, SBI_F64, EVENTS, 2);
        snprintf(path, sizeof path, "%s/%s.npy", folder, side ? "s" : "b");
        OK(sbi_npy_write(ctx, path, &a));
    }
}

static void teardown(void)
{
    sbi_context_destroy(ctx);
    remove_tree(folder);
}

/* STORE/jobs/KEY with a job of a few seconds. Paths in the spec are absolute. */
static void make_job(const char *store, char *job, size_t size)
{
    char numerator[128], denominator[128], sha256[65], path[400];
    sbi_dataset *data;
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 32;
    o.epochs = 600;
    o.batch = 64;
    snprintf(numerator, sizeof numerator, "%s/s.npy", folder);
    snprintf(denominator, sizeof denominator, "%s/b.npy", folder);
    OK(sbi_dataset_create(&data, ctx));
    OK(sbi_dataset_add_npy(data, SBI_NUMERATOR, numerator, NULL));
    OK(sbi_dataset_add_npy(data, SBI_DENOMINATOR, denominator, NULL));
    OK(sbi_dataset_checksum(data, sha256));
    sbi_dataset_destroy(data);
    json_t *json = json_pack("{s:s, s:i, s:i, s:o, s:{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}}", "job", "train_member", "version", 1,
                             "member", 0, "options", sbi_train_options_to_json(&o), "data", "sha256", sha256,
                             "negative_weights", "refuse_negative", "parts", "side", "numerator", "features", numerator, "side",
                             "denominator", "features", denominator);
    sbi_job_spec spec;
    OK(sbi_job_spec_make(&spec, ctx, json));
    snprintf(path, sizeof path, "%s/%s", folder, store);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/jobs", folder, store);
    mkdir(path, 0777);
    snprintf(job, size, "%s/%s/jobs/%s", folder, store, spec.key);
    ck_assert_int_eq(mkdir(job, 0777), 0);
    snprintf(path, sizeof path, "%s/spec.json", job);
    write_whole(path, spec.text.data, spec.text.size);
    sbi_text_clear(&spec.text);
}

static sbi_context *child_context;

static void on_term(int number)
{
    (void)number;
    sbi_context_cancel(child_context, 1);
}

/* What sbi-worker does; the exit code is its. */
static int worker(const char *job)
{
    int32_t code = -1;
    if (sbi_context_create(&child_context, NULL) != SBI_OK) return 1;
    signal(SIGTERM, on_term);
    (void)sbi_job_run_folder(child_context, job, &code);
    return code;
}

/* Starts a worker, sends the signal after the time unless that is 0; the exit code, or -1 if it was killed. */
static int run_worker(const char *job, int signal_number, long ms)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) _exit(worker(job));
    if (ms) {
        nanosleep(&(struct timespec){ms / 1000, (ms % 1000) * 1000000}, NULL);
        kill(pid, signal_number);
    }
    int how;
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static char *result_record(const char *job)
{
    char path[400];
    snprintf(path, sizeof path, "%s/result.json", job);
    json_t *json = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(json);
    char *sha256 = strdup(json_string_value(json_object_get(json, "sha256")));
    json_decref(json);
    return sha256;
}

static int log_mentions(const char *job, const char *text)
{
    char path[700];
    int found = 0;
    snprintf(path, sizeof path, "%s/attempts", job);
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/attempts/%.40s/log", job, e->d_name);
        char *log = read_whole(path, NULL);
        found |= strstr(log, text) != NULL;
        free(log);
    }
    closedir(d);
    return found;
}

START_TEST(stopped_worker_is_resumed)
{
    char whole[300], stopped[300];
    make_job("whole", whole, sizeof whole);
    make_job("stopped", stopped, sizeof stopped);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    ck_assert_int_eq(run_worker(whole, 0, 0), SBI_EXIT_DONE);
    clock_gettime(CLOCK_MONOTONIC, &end);
    /* Signals come after a third of the time that a whole run takes here, later and later. */
    long third = (1000 * (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1000000) / 3 + 1;
    int preempted = 0, code = -1;
    for (long i = 0; i < 30 && code != SBI_EXIT_DONE; i++) {
        code = run_worker(stopped, i == 2 ? SIGKILL : SIGTERM, third + third * i / 8);
        preempted += code == SBI_EXIT_PREEMPTED;
    }
    ck_assert_int_eq(code, SBI_EXIT_DONE);
    ck_assert_int_ge(preempted, 1);
    ck_assert(log_mentions(stopped, "resumes from"));
    char *a = result_record(whole), *b = result_record(stopped);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}
END_TEST

/* Turns a byte of every checkpoint that a job has in its store; how many there were. */
static int damage_checkpoints(const char *job)
{
    char path[900];
    int n = 0;
    snprintf(path, sizeof path, "%s/attempts", job);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/attempts/%.40s/checkpoint", job, e->d_name);
        DIR *inner = e->d_name[0] == '.' ? NULL : opendir(path);
        for (struct dirent *f; inner && (f = readdir(inner));) {
            if (f->d_name[0] == '.') continue;
            size_t size;
            snprintf(path, sizeof path, "%s/attempts/%.40s/checkpoint/%.255s", job, e->d_name, f->d_name);
            char *bytes = read_whole(path, &size);
            bytes[size / 2] ^= 1;
            write_whole(path, bytes, size);
            free(bytes);
            n++;
        }
        if (inner) closedir(inner);
    }
    if (d) closedir(d);
    return n;
}

START_TEST(damaged_checkpoint_is_not_used)
{
    char whole[300], damaged[300];
    make_job("whole", whole, sizeof whole);
    make_job("damaged", damaged, sizeof damaged);
    ck_assert_int_eq(run_worker(whole, 0, 0), SBI_EXIT_DONE);
    int code = -1;
    for (long ms = 150; ms < 2000 && damage_checkpoints(damaged) == 0 && code != SBI_EXIT_DONE; ms += 150) code = run_worker(damaged, SIGTERM, ms);
    ck_assert_int_eq(code, SBI_EXIT_PREEMPTED);
    ck_assert_int_eq(run_worker(damaged, 0, 0), SBI_EXIT_DONE);
    ck_assert(log_mentions(damaged, "checkpoint is not whole"));
    ck_assert_int_eq(damage_checkpoints(damaged), 0); /* none stays once the job is done */
    char *a = result_record(whole), *b = result_record(damaged);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}
END_TEST

START_TEST(killed_worker_is_repeated)
{
    char job[300];
    make_job("killed", job, sizeof job);
    ck_assert_int_eq(run_worker(job, SIGKILL, 60), -1);
    ck_assert_int_eq(run_worker(job, 0, 0), SBI_EXIT_DONE);
    free(result_record(job));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs: worker");
    TCase *tc = tcase_create("worker");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, stopped_worker_is_resumed);
    tcase_add_test(tc, damaged_checkpoint_is_not_used);
    tcase_add_test(tc, killed_worker_is_repeated);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
