/* SPDX-License-Identifier: Apache-2.0 */
/* Training that is watched, diverges, is killed, or has no room on the disk; and folds. */
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/json.h"
#include "net/folds.h"
#include "net/network.h"
#include "net/train.h"
#include "sbi/ratio.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *part)
{
    ck_assert_msg(status == expected, "%s instead of %s: %s", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), part), "\"%s\" is not in: %s", part, sbi_last_error());
}

static sbi_train_options small(int32_t epochs)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 8;
    o.epochs = epochs;
    o.batch = 100;
    o.validation_fraction = 0.25;
    return o;
}

/* ---- what the context tells and is asked ---- */

typedef struct company {
    atomic_long polls; /* until the cancel callback says stop; negative: never */
    atomic_int warnings;
    int lift_at;       /* after so many warnings files may grow again */
    rlim_t limit;      /* of files in a training; 0: none */
    char detail[256];
} company;

static int32_t cancel_at_zero(void *user)
{
    company *c = user;
    return atomic_load(&c->polls) >= 0 && atomic_fetch_sub(&c->polls, 1) <= 0;
}

/* Check keeps its own notes in a file: while it must not grow, nothing is asserted. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit)) abort();
    limit.rlim_cur = bytes;
    if (setrlimit(RLIMIT_FSIZE, &limit)) abort();
}

static void take_log(void *user, int32_t level, const char *message)
{
    company *c = user;
    if (level != SBI_LOG_WARNING || !strstr(message, "without a checkpoint")) return;
    if (atomic_fetch_add(&c->warnings, 1) + 1 == c->lift_at) limit_files(RLIM_INFINITY);
}

static void take_progress(void *user, const char *stage, double done, double total, const char *detail)
{
    company *c = user;
    (void)stage;
    if (done < total) snprintf(c->detail, sizeof c->detail, "%.255s", detail);
}

static sbi_context *context_with(company *c, int32_t threads)
{
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = threads;
    o.cancel = cancel_at_zero;
    o.cancel_user = c;
    o.log = take_log;
    o.log_user = c;
    o.progress = take_progress;
    o.progress_user = c;
    sbi_context *ctx;
    ok(sbi_context_create(&ctx, &o));
    return ctx;
}

static company never(void)
{
    company c = {.lift_at = 0};
    atomic_init(&c.polls, -1);
    atomic_init(&c.warnings, 0);
    return c;
}

/* One training; the network is left in memory of its own, as bytes of its file. */
static sbi_status train_with(company *c, const gaussians *g, const sbi_train_options *o, int32_t member, const sbi_member_run *run, const char *file)
{
    sbi_context *ctx = context_with(c, 2);
    sbi_dataset *data;
    sbi_train_options known;
    sbi_network *net = NULL;
    ok(gaussians_dataset(g, ctx, &data));
    ok(sbi_train_options_read(&known, o));
    if (c->limit) limit_files(c->limit);
    sbi_status status = sbi_member_train_run(&net, ctx, data, &known, member, run);
    limit_files(RLIM_INFINITY);
    if (status == SBI_OK && file) ok(sbi_network_save(net, file));
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    return status;
}

static void same_files(const char *a, const char *b)
{
    char *bytes[2];
    long size[2];
    const char *path[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(path[i], "rb");
        ck_assert_ptr_nonnull(f);
        fseek(f, 0, SEEK_END);
        size[i] = ftell(f);
        rewind(f);
        bytes[i] = malloc((size_t)size[i] + 1);
        ck_assert_uint_eq(fread(bytes[i], 1, (size_t)size[i], f), (size_t)size[i]);
        fclose(f);
    }
    ck_assert_int_eq(size[0], size[1]);
    ck_assert(memcmp(bytes[0], bytes[1], (size_t)size[0]) == 0);
    free(bytes[0]);
    free(bytes[1]);
}

/* ---- epoch logs ---- */

/* Reads a log: epochs of each attempt from 1 upwards, none twice, none left out. Returns the lines; *diverged counts those of divergences. */
static int check_log(const char *path, int32_t attempts, int32_t epochs, int *diverged)
{
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    char line[2048];
    int lines = 0, attempt = 1, epoch = 0;
    *diverged = 0;
    while (fgets(line, sizeof line, f)) {
        json_t *json = json_loads(line, 0, NULL);
        ck_assert_msg(json != NULL, "%s", line);
        ck_assert_int_eq(json_integer_value(json_object_get(json, "attempt")), attempt);
        if (json_object_get(json, "diverged")) {
            ck_assert_int_eq(json_integer_value(json_object_get(json, "epoch")), epoch + 1);
            ck_assert_int_ge(json_integer_value(json_object_get(json, "batch")), 1);
            ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(json, "message")), "is"));
            attempt++;
            epoch = 0;
            ++*diverged;
        } else {
            ck_assert_int_eq(json_integer_value(json_object_get(json, "epoch")), ++epoch);
            ck_assert(json_is_real(json_object_get(json, "loss")) && json_is_real(json_object_get(json, "validation_loss")));
            ck_assert(json_is_real(json_object_get(json, "rate")) && json_is_real(json_object_get(json, "gradient_norm")));
        }
        json_decref(json);
        lines++;
    }
    fclose(f);
    ck_assert_int_eq(attempt, attempts);
    ck_assert_int_eq(epoch, epochs);
    return lines;
}

START_TEST(a_line_an_epoch)
{
    const test_folder folder = folder_make(), logs = folder_make();
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_train_options o = small(5);
    company c = never();
    sbi_context *ctx = context_with(&c, 1);
    sbi_dataset *data;
    sbi_network *net;
    ok(gaussians_dataset(&g, ctx, &data));
    o.epoch_log = logs.path;
    o.campaign = folder.path;
    ok(sbi_network_train(&net, data, &o));
    int diverged;
    ck_assert_int_eq(check_log(folder_path(&logs, "member-0000.jsonl").text, 1, 5, &diverged), 5);
    ck_assert_int_eq(folder_count(&folder), 0); /* the log is where it was asked for */
    ck_assert_ptr_nonnull(strstr(c.detail, "events/s"));
    ck_assert_ptr_nonnull(strstr(c.detail, "s left"));
    /* The last line is the last row of the history. */
    FILE *f = fopen(folder_path(&logs, "member-0000.jsonl").text, "r");
    char line[2048];
    for (int i = 0; i < 5; i++) ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    json_t *json = json_loads(line, 0, NULL);
    const double *row = net->history + 4 * SBI_HISTORY_COLUMNS;
    ck_assert(json_real_value(json_object_get(json, "loss")) == row[1]);
    ck_assert(json_real_value(json_object_get(json, "validation_loss")) == row[2]);
    ck_assert(json_real_value(json_object_get(json, "rate")) == row[3]);
    ck_assert(json_real_value(json_object_get(json, "remaining_seconds")) == 0);
    ck_assert(json_real_value(json_object_get(json, "events_per_second")) > 0);
    ck_assert(json_real_value(json_object_get(json, "time")) > 1.6e9);
    json_decref(json);
    fclose(f);
    sbi_network_destroy(net);

    /* Each member of an ensemble has its own, in the campaign by default; a folder that cannot be made is said. */
    sbi_ensemble *ens;
    o.epoch_log = NULL;
    o.members = 3;
    ok(sbi_ensemble_train(&ens, data, &o, NULL));
    check_log(folder_path(&folder, "member-0002.jsonl").text, 1, 5, &diverged);
    sbi_ensemble_destroy(ens);
    o.epoch_log = "/dev/null/x";
    o.campaign = NULL;
    ck_assert_int_ne(sbi_network_train(&net, data, &o), SBI_OK);
    ck_assert_ptr_nonnull(strstr(sbi_last_error(), "/dev/null/x"));
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    folder_remove(&folder);
    folder_remove(&logs);
}
END_TEST

/* Killed at any instant, the log has no epoch twice and none is missing at the end. */
START_TEST(killed_trainings_leave_consistent_logs)
{
    const test_folder folder = folder_make();
    gaussians g = gaussians_make(2000, 2, 1, 3);
    sbi_train_options o = small(40);
    o.campaign = folder.path;
    o.checkpoint_seconds = 0.003;
    int kills = 0, ended = 0;
    for (int run = 0; run < 60 && !ended; run++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            company c = never();
            sbi_context *ctx = context_with(&c, 1);
            sbi_dataset *data;
            sbi_network *net;
            ok(gaussians_dataset(&g, ctx, &data));
            _exit(sbi_network_train(&net, data, &o) == SBI_OK ? 0 : 1);
        }
        usleep(run < 20 ? 8000 + 700 * (unsigned)run : 2000000);
        kill(child, SIGKILL);
        int how;
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        kills += WIFSIGNALED(how);
        ended = WIFEXITED(how);
        if (ended) ck_assert_int_eq(WEXITSTATUS(how), 0);
    }
    ck_assert_int_ge(kills, 1);
    ck_assert(ended);
    int diverged;
    ck_assert_int_eq(check_log(folder_path(&folder, "member-0000.jsonl").text, 1, 40, &diverged), 40);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* What a file that was there holds does not matter: lines of the future, half lines and rubbish go, missing ones are written. */
START_TEST(logs_are_cut_and_completed)
{
    const test_folder folder = folder_make();
    const test_path log = folder_path(&folder, "member-0000.jsonl"), checkpoint = folder_path(&folder, "c.npz");
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_train_options o = small(8);
    sbi_member_run run = {.checkpoint = checkpoint.text, .epoch_log = folder.path};
    static const char *const before[] = {
        "", "rubbish\n", "{\"attempt\": 1, \"epoch\": 1, \"loss\": 0.5, \"validation_loss\": 0.5, \"rate\": 0.5, \"gradient_norm\": 0.5}\nrubbish\n",
        "{\"attempt\": 1, \"epoch\": 7}\n", "{\"attempt\": 2, \"epoch\": 1}\n", "{\"attempt\": 1, \"ep", NULL,
    };
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        company c = never();
        atomic_store(&c.polls, 60); /* some epochs */
        unlink(log.text);
        fails(train_with(&c, &g, &o, 0, &run, NULL), SBI_ERR_CANCELLED, "cancelled");
        if (before[i]) {
            FILE *f = fopen(log.text, "w");
            fputs(before[i], f);
            fclose(f);
        } else {
            unlink(log.text);
        }
        c = never();
        ok(train_with(&c, &g, &o, 0, &run, NULL));
        int diverged;
        ck_assert_int_eq(check_log(log.text, 1, 8, &diverged), 8);
    }
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* ---- divergence ---- */

static sbi_train_options diverging(int32_t epochs)
{
    sbi_train_options o = small(epochs);
    o.optimiser = SBI_OPTIMISER_SGD;
    o.learning_rate = 1e6;
    o.retries = 2;
    o.retry_factor = 1e-8;
    return o;
}

START_TEST(retries_at_a_lower_rate)
{
    const test_folder folder = folder_make();
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_train_options o = diverging(6), calm = o;
    calm.learning_rate = 1e6 * 1e-8;
    company c = never();
    sbi_context *ctx = context_with(&c, 1);
    sbi_dataset *data;
    sbi_network *net, *other;
    ok(gaussians_dataset(&g, ctx, &data));
    o.epoch_log = folder.path;
    ok(sbi_network_train(&net, data, &o));
    ok(sbi_network_train(&other, data, &calm));
    ck_assert(memcmp(net->params, other->params, sizeof *net->params * (size_t)net->mlp.n) == 0);
    ck_assert_int_eq(net->epochs, 6);
    ck_assert(net->history[3] < 0.0101); /* the rate of the attempt that counts */
    json_t *training = json_loads(net->training, 0, NULL);
    const json_t *list = json_object_get(training, "diverged");
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_int_ge(json_integer_value(json_object_get(json_array_get(list, 0), "batch")), 1);
    ck_assert(json_number_value(json_object_get(training, "learning_rate")) == 1e6);
    json_decref(training);
    ck_assert_ptr_null(strstr(other->training, "diverged"));
    int diverged;
    check_log(folder_path(&folder, "member-0000.jsonl").text, 2, 6, &diverged);
    ck_assert_int_eq(diverged, 1);
    sbi_network_destroy(net);
    sbi_network_destroy(other);

    /* As often as it may, and then it says where. */
    o.retry_factor = 1;
    o.retries = 3;
    fails(sbi_network_train(&net, data, &o), SBI_ERR_DIVERGED, "epoch 1, batch ");
    check_log(folder_path(&folder, "member-0000.jsonl").text, 5, 0, &diverged);
    ck_assert_int_eq(diverged, 4);
    o.retries = 101;
    fails(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT, "retries");
    o.retries = 0;
    o.retry_factor = 0;
    fails(sbi_network_train(&net, data, &o), SBI_ERR_ARGUMENT, "retry_factor");
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* Stopped again and again, before and after it diverged: the same file, byte for byte. */
START_TEST(checkpoints_remember_the_attempt)
{
    const test_folder folder = folder_make();
    const test_path a = folder_path(&folder, "a.npz"), b = folder_path(&folder, "b.npz"), checkpoint = folder_path(&folder, "c.npz");
    gaussians g = gaussians_make(400, 2, 1, 3);
    sbi_train_options o = diverging(6);
    sbi_member_run plain = {.checkpoint = NULL}, kept = {.checkpoint = checkpoint.text, .epoch_log = folder.path};
    sbi_member_report report = {0};
    company c = never();
    plain.report = kept.report = &report;
    ok(train_with(&c, &g, &o, 1, &plain, a.text));
    ck_assert_int_eq(report.attempts, 2);
    int interruptions = 0;
    for (;; interruptions++) {
        ck_assert_int_lt(interruptions, 1000);
        c = never();
        atomic_store(&c.polls, 45);
        const sbi_status status = train_with(&c, &g, &o, 1, &kept, b.text);
        if (status == SBI_OK) break;
        ck_assert_int_eq(status, SBI_ERR_CANCELLED);
    }
    ck_assert_int_ge(interruptions, 2);
    ck_assert_int_eq(report.attempts, 2);
    same_files(a.text, b.text);
    int diverged;
    check_log(folder_path(&folder, "member-0001.jsonl").text, 2, 6, &diverged);
    ck_assert_int_eq(diverged, 1);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* ---- a disk without room ---- */

START_TEST(training_outlives_a_full_disk)
{
    signal(SIGXFSZ, SIG_IGN);
    const test_folder folder = folder_make();
    const test_path a = folder_path(&folder, "a.npz"), b = folder_path(&folder, "b.npz"), checkpoint = folder_path(&folder, "c.npz");
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_train_options o = small(8);
    company c = never();
    sbi_member_run plain = {.checkpoint = NULL}, kept = {.checkpoint = checkpoint.text, .epoch_log = folder.path};
    ok(train_with(&c, &g, &o, 0, &plain, a.text));
    /* No room from the first checkpoint on, and room again after ten that could not be written. */
    o.checkpoint_seconds = 0;
    c.lift_at = 10;
    c.limit = 40;
    ok(train_with(&c, &g, &o, 0, &kept, b.text));
    ck_assert_int_eq(atomic_load(&c.warnings), 10);
    same_files(a.text, b.text);
    ck_assert_int_eq(folder_count(&folder), 3); /* a, b, the log: no checkpoint and no half of one */
    int diverged;
    ck_assert_int_eq(check_log(folder_path(&folder, "member-0000.jsonl").text, 1, 8, &diverged), 8);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

START_TEST(a_checkpoint_that_does_not_fit_leaves_the_one_before)
{
    signal(SIGXFSZ, SIG_IGN);
    const test_folder folder = folder_make();
    const test_path a = folder_path(&folder, "a.npz"), b = folder_path(&folder, "b.npz"), checkpoint = folder_path(&folder, "c.npz"),
                    copy = folder_path(&folder, "copy.npz");
    gaussians g = gaussians_make(300, 2, 1, 3);
    sbi_train_options o = small(8);
    company c = never();
    sbi_member_run plain = {.checkpoint = NULL}, kept = {.checkpoint = checkpoint.text};
    ok(train_with(&c, &g, &o, 0, &plain, a.text));
    atomic_store(&c.polls, 40);
    ck_assert_int_eq(train_with(&c, &g, &o, 0, &kept, NULL), SBI_ERR_CANCELLED);
    ck_assert_int_eq(link(checkpoint.text, copy.text), 0);
    c = never();
    atomic_store(&c.polls, 40);
    c.limit = 100;
    fails(train_with(&c, &g, &o, 0, &kept, NULL), SBI_ERR_NO_SPACE, checkpoint.text);
    same_files(checkpoint.text, copy.text);
    ck_assert_int_eq(folder_count(&folder), 3);
    c = never();
    ok(train_with(&c, &g, &o, 0, &kept, b.text));
    same_files(a.text, b.text);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

/* ---- folds ---- */

START_TEST(folds_of_events)
{
    company c = never();
    sbi_context *ctx = context_with(&c, 1);
    gaussians g = gaussians_make(5000, 1, 1, 3), shorter = gaussians_make(1000, 1, 1, 4);
    sbi_dataset *data, *part;
    ok(gaussians_dataset(&g, ctx, &data));
    ok(gaussians_dataset(&shorter, ctx, &part));
    int32_t *fold = malloc(5000 * sizeof *fold), *other = malloc(5000 * sizeof *other);
    int count[5] = {0}, same_side = 0, same_seed = 0;
    ok(sbi_dataset_fold(data, SBI_NUMERATOR, 1, 5, fold));
    ok(sbi_dataset_fold(part, SBI_NUMERATOR, 1, 5, other));
    ck_assert(memcmp(fold, other, 1000 * sizeof *fold) == 0); /* by the number of the event, not by the data */
    for (int i = 0; i < 5000; i++) count[fold[i]]++;
    for (int f = 0; f < 5; f++) ck_assert_double_eq_tol(count[f], 1000, 5 * sqrt(5000 * 0.2 * 0.8));
    ok(sbi_dataset_fold(data, SBI_DENOMINATOR, 1, 5, other));
    for (int i = 0; i < 5000; i++) same_side += fold[i] == other[i];
    ok(sbi_dataset_fold(data, SBI_NUMERATOR, 2, 5, other));
    for (int i = 0; i < 5000; i++) same_seed += fold[i] == other[i];
    ck_assert_double_eq_tol(same_side, 1000, 150);
    ck_assert_double_eq_tol(same_seed, 1000, 150);
    fails(sbi_dataset_fold(data, SBI_NUMERATOR, 1, 1, fold), SBI_ERR_ARGUMENT, "folds");
    fails(sbi_dataset_fold(data, 2, 1, 2, fold), SBI_ERR_ARGUMENT, "side");
    free(fold);
    free(other);
    sbi_dataset_destroy(data);
    sbi_dataset_destroy(part);
    gaussians_free(&g);
    gaussians_free(&shorter);
    sbi_context_destroy(ctx);
}
END_TEST

/* The cross-entropy of a column over a fold of both sides, each counting half. */
static double loss_of(const int32_t *const fold[2], const double *const log_ratio[2], int64_t n, int32_t which)
{
    double loss = 0;
    for (int side = 0; side < 2; side++) {
        double sum = 0, count = 0;
        for (int64_t i = 0; i < n; i++) {
            if (fold[side][i] != which) continue;
            const double z = side == SBI_NUMERATOR ? -log_ratio[side][i] : log_ratio[side][i];
            sum += log1p(exp(-fabs(z))) + fmax(z, 0);
            count++;
        }
        loss += 0.5 * sum / count;
    }
    return loss;
}

/* A member does not depend on the features of the fold that it left out, and each event is judged by members that did not see it. */
START_TEST(members_do_not_see_their_fold)
{
    enum { N = 900, K = 3 };
    company c = never();
    sbi_context *ctx = context_with(&c, 2);
    gaussians g = gaussians_make(N, 2, 1, 3), changed = gaussians_make(N, 2, 1, 3);
    sbi_dataset *data, *with;
    sbi_train_options o = small(4);
    int32_t *fold[2];
    double *held[2], *own = malloc(N * sizeof *own);
    o.folds = K;
    o.members = 2 * K - 1;
    o.standardise = SBI_STANDARDISE_NONE; /* its sums are over all events */
    ok(gaussians_dataset(&g, ctx, &data));
    for (int side = 0; side < 2; side++) {
        fold[side] = malloc(N * sizeof *fold[side]);
        held[side] = malloc(N * sizeof *held[side]);
        ok(sbi_dataset_fold(data, side, o.seed, K, fold[side]));
        for (int i = 0; i < N; i++)
            if (fold[side][i] == 1) changed.x[side][2 * i] += 5;
    }
    ok(gaussians_dataset(&changed, ctx, &with));
    sbi_ensemble *a, *b;
    ok(sbi_ensemble_train(&a, data, &o, NULL));
    ok(sbi_ensemble_train(&b, with, &o, NULL));
    for (size_t m = 0; m < a->n; m++) {
        const sbi_network *x = a->networks[m], *y = b->networks[m];
        const int same = memcmp(x->params, y->params, sizeof *x->params * (size_t)x->mlp.n) == 0;
        ck_assert_int_eq(same, m % K == 1);
        sbi_network_fold f;
        ok(sbi_network_folds(x, &f));
        ck_assert_int_eq(f.folds, K);
        ck_assert_int_eq(f.fold, (int)m % K);
    }
    /* Columns: fold 2 was left out by member 2 alone, folds 0 and 1 by two each. */
    sbi_ratio_options r = SBI_RATIO_OPTIONS_INIT;
    r.output = SBI_RATIO_LOG;
    const double *log_ratio[2];
    for (int side = 0; side < 2; side++) {
        double *spread = malloc(N * sizeof *spread);
        ok(sbi_ratio_evaluate_held_out(a, data, side, held[side], spread, &r));
        const sbi_array x = sbi_array_2d(g.x[side], SBI_F32, N, 2);
        ok(sbi_network_evaluate(a->networks[2], &x, own));
        int checked = 0;
        for (int i = 0; i < N; i++) {
            if (fold[side][i] == 2) ck_assert_double_eq_tol(held[side][i], own[i], 1e-12);
            ck_assert(fold[side][i] == 2 ? spread[i] == 0 : spread[i] > 0);
            checked += fold[side][i] == 2;
        }
        ck_assert_int_gt(checked, N / 5);
        log_ratio[side] = held[side];
        free(spread);
    }
    /* The loss that the network tells is that of its column. */
    const char *told = strstr(a->networks[2]->training, "\"held_out_loss\":");
    ck_assert_ptr_nonnull(told);
    ck_assert_double_eq_tol(strtod(told + 16, NULL), loss_of((const int32_t *const *)fold, log_ratio, N, 2), 1e-6);

    /* Diagnostics use them, and files have the same numbers. */
    sbi_diagnostics_options d = SBI_DIAGNOSTICS_OPTIONS_INIT;
    sbi_diagnostics *diagnostics, *given;
    sbi_diagnostics_summary s = {.struct_size = (uint32_t)sizeof s}, s2 = s;
    d.held_out = 2;
    ok(sbi_diagnostics_run(&diagnostics, a, data, &d));
    ok(sbi_diagnostics_summary_get(diagnostics, &s));
    const sbi_array num = sbi_array_1d(held[SBI_NUMERATOR], SBI_F64, N), den = sbi_array_1d(held[SBI_DENOMINATOR], SBI_F64, N);
    d.held_out = 0;
    ok(sbi_diagnostics_compute(&given, data, &num, &den, &d));
    ok(sbi_diagnostics_summary_get(given, &s2));
    ck_assert_int_eq((int)s.numerator_events, N);
    ck_assert(s.loss == s2.loss && s.auc == s2.auc && s.calibration_chi2 == s2.calibration_chi2 && s.normalisation == s2.normalisation);
    sbi_diagnostics_destroy(diagnostics);
    sbi_diagnostics_destroy(given);
    const test_folder folder = folder_make();
    ok(sbi_ratio_write_held_out(a, data, SBI_NUMERATOR, folder_path(&folder, "r.npy").text, &r));
    sbi_npy *npy;
    sbi_array view;
    ok(sbi_npy_map(&npy, ctx, folder_path(&folder, "r.npy").text));
    ok(sbi_npy_array(npy, &view));
    ck_assert(memcmp(view.data, held[SBI_NUMERATOR], N * sizeof(double)) == 0);
    sbi_npy_unmap(npy);

    /* The report of the members. */
    json_t *report;
    ok(sbi_ensemble_write_report(a, folder_path(&folder, "report.json").text));
    ok(sbi_json_load(&report, ctx, folder_path(&folder, "report.json").text));
    ck_assert_uint_eq(json_array_size(json_object_get(report, "members")), a->n);
    const json_t *row = json_array_get(json_object_get(report, "members"), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "fold")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "attempts")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "epochs")), 4);
    ck_assert(json_real_value(json_object_get(row, "validation_loss")) == a->networks[4]->validation_loss);
    ck_assert(json_real_value(json_object_get(row, "held_out_loss")) > 0);
    json_decref(report);

    /* Saved and loaded, it still knows; without all folds, or without any, it says so. */
    sbi_ensemble *loaded, *few;
    ok(sbi_ensemble_save(a, folder_path(&folder, "ens").text));
    ok(sbi_ensemble_load(&loaded, ctx, folder_path(&folder, "ens").text));
    ok(sbi_ratio_evaluate_held_out(loaded, data, SBI_NUMERATOR, own, NULL, &r));
    ck_assert(memcmp(own, held[SBI_NUMERATOR], N * sizeof *own) == 0);
    ok(sbi_ensemble_create(&few, ctx, a->networks, 2));
    fails(sbi_ratio_evaluate_held_out(few, data, SBI_NUMERATOR, own, NULL, &r), SBI_ERR_STATE, "fold 2");
    sbi_ensemble_destroy(few);
    o.folds = 0;
    ok(sbi_ensemble_train(&few, data, &o, NULL));
    fails(sbi_ratio_evaluate_held_out(few, data, SBI_NUMERATOR, own, NULL, &r), SBI_ERR_STATE, "without folds");
    o.folds = 1;
    sbi_ensemble *none;
    fails(sbi_ensemble_train(&none, data, &o, NULL), SBI_ERR_ARGUMENT, "folds");
    sbi_ensemble_destroy(few);
    sbi_ensemble_destroy(loaded);
    sbi_ensemble_destroy(a);
    sbi_ensemble_destroy(b);
    for (int side = 0; side < 2; side++) {
        free(fold[side]);
        free(held[side]);
    }
    free(own);
    sbi_dataset_destroy(data);
    sbi_dataset_destroy(with);
    gaussians_free(&g);
    gaussians_free(&changed);
    sbi_context_destroy(ctx);
    folder_remove(&folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net: operation");
    TCase *t = tcase_create("operation");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_line_an_epoch);
    tcase_add_test(t, killed_trainings_leave_consistent_logs);
    tcase_add_test(t, logs_are_cut_and_completed);
    tcase_add_test(t, retries_at_a_lower_rate);
    tcase_add_test(t, checkpoints_remember_the_attempt);
    tcase_add_test(t, training_outlives_a_full_disk);
    tcase_add_test(t, a_checkpoint_that_does_not_fit_leaves_the_one_before);
    tcase_add_test(t, folds_of_events);
    tcase_add_test(t, members_do_not_see_their_fold);
    suite_add_tcase(s, t);
    return run_suite(s);
}
