/* SPDX-License-Identifier: Apache-2.0 */
/* Packed events in a file: the same bits with little memory, full disks, killed processes. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/scratch.h"
#include "net/dataset.h"
#include "net/network.h"
#include "sbi/train.h"
#include "support/folder.h"
#include "support/run_suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* their own memory is counted in the process's */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { EVENTS = 40000, D = 64 }; /* of each side: 20 MB as f32 */
#define PACKED ((size_t)2 * EVENTS * D * sizeof(float))

static test_folder folder;

static void set_up(void)
{
    folder = folder_make();
}

static void tear_down(void)
{
    folder_remove(&folder);
}

static void ok(sbi_status status)
{
    ck_assert_msg(status == SBI_OK, "%s: %s", sbi_status_name(status), sbi_last_error());
}

static void fails(sbi_status status, sbi_status expected, const char *text)
{
    ck_assert_msg(status == expected, "%s, expected %s: %s", sbi_status_name(status), sbi_status_name(expected), sbi_last_error());
    ck_assert_msg(strstr(sbi_last_error(), text), "message is \"%s\", expected \"%s\" in it", sbi_last_error(), text);
}

static size_t resident_anonymous(void)
{
    long long kilobytes = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f)) sscanf(line, "RssAnon: %lld", &kilobytes);
    fclose(f);
    return (size_t)kilobytes * 1024;
}

static size_t most_resident;

static void look(void *user, const char *stage, double done, double total, const char *detail)
{
    (void)user;
    (void)stage;
    (void)done;
    (void)total;
    (void)detail;
    const size_t now = resident_anonymous();
    most_resident = now > most_resident ? now : most_resident;
}

static sbi_context *context(void)
{
    sbi_context *ctx;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    o.progress = look;
    ok(sbi_context_create(&ctx, &o));
    return ctx;
}

/* Two files of features, so that the events themselves are not in memory of ours. */
static void write_events(void)
{
    sbi_context *ctx = context();
    float *x = malloc(EVENTS * D * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int side = 0; side < 2; side++) {
        for (uint64_t k = 0; k < EVENTS * D; k++) x[k] = (float)(sbi_random_uniform(1, (uint64_t)side, k) + (k % D == 0 ? 0.3 * side : 0));
        const sbi_array view = sbi_array_2d(x, SBI_F32, EVENTS, D);
        ok(sbi_npy_write(ctx, folder_path(&folder, side ? "s.npy" : "b.npy").text, &view));
    }
    free(x);
    sbi_context_destroy(ctx);
}

static sbi_dataset *dataset(sbi_context *ctx)
{
    sbi_dataset *data;
    ok(sbi_dataset_create(&data, ctx));
    ok(sbi_dataset_add_npy(data, SBI_DENOMINATOR, folder_path(&folder, "b.npy").text, NULL));
    ok(sbi_dataset_add_npy(data, SBI_NUMERATOR, folder_path(&folder, "s.npy").text, NULL));
    return data;
}

static sbi_train_options small(void)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 1;
    o.width = 8;
    o.epochs = 2;
    return o;
}

typedef struct run {
    size_t allocated, resident; /* at most, beyond what there was before */
    void *bytes;                /* of the network file */
    size_t size;
} run;

static run train(uint64_t memory, const char *campaign)
{
    run r;
    const test_path path = folder_path(&folder, "net.npz");
    sbi_context *ctx = context();
    sbi_dataset *data = dataset(ctx);
    sbi_train_options o = small();
    sbi_network *net;
    o.memory = memory;
    o.campaign = campaign;
    const size_t before = most_resident = resident_anonymous();
    ok(sbi_network_train(&net, data, &o));
    r.allocated = sbi_memory_peak(ctx);
    r.resident = most_resident - before;
    ok(sbi_network_save(net, path.text));
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    void *bytes;
    ok(sbi_file_read(ctx, path.text, 0, &bytes, &r.size));
    r.bytes = malloc(r.size);
    ck_assert_ptr_nonnull(r.bytes);
    memcpy(r.bytes, bytes, r.size);
    sbi_free(ctx, bytes);
    sbi_context_destroy(ctx);
    return r;
}

START_TEST(the_same_bits_with_little_memory)
{
    write_events();
    const run in_memory = train(0, NULL), in_file = train(1 << 20, NULL), beside = train(1 << 20, folder_path(&folder, "campaign").text);
    const run enough = train(PACKED, NULL);
    ck_assert_uint_gt(in_memory.allocated, PACKED);
    ck_assert_uint_gt(enough.allocated, PACKED); /* not over the limit: in memory */
    /* Beside the features an event has 41 bytes while training begins: labels, weights, numbers, order. */
    ck_assert_uint_lt(in_file.allocated, 2 * EVENTS * 41 + (2 << 20));
    ck_assert_uint_lt(beside.allocated, 2 * EVENTS * 41 + (2 << 20));
    if (!SANITIZED) {
        ck_assert_msg(in_memory.resident > PACKED, "%zu bytes resident", in_memory.resident);
        ck_assert_msg(in_file.resident < 2 * EVENTS * 41 + (4 << 20), "%zu bytes resident", in_file.resident);
    }
    const run *const others[] = {&in_file, &beside, &enough};
    for (int k = 0; k < 3; k++) {
        ck_assert_uint_eq(in_memory.size, others[k]->size);
        ck_assert_mem_eq(in_memory.bytes, others[k]->bytes, in_memory.size);
        free(others[k]->bytes);
    }
    free(in_memory.bytes);
    ck_assert_int_eq(folder_count(&folder), 4); /* b.npy, s.npy, net.npz, campaign */
}
END_TEST

START_TEST(ensembles_share_one_file)
{
    write_events();
    const test_path campaign = folder_path(&folder, "campaign");
    sbi_ensemble *ens[2];
    sbi_context *contexts[2];
    for (int k = 0; k < 2; k++) {
        sbi_context *ctx = contexts[k] = context();
        sbi_dataset *data = dataset(ctx);
        sbi_train_options o = small();
        o.members = 2;
        o.epochs = 1;
        o.memory = k ? 1000 : 0;
        o.campaign = k ? campaign.text : NULL;
        ok(sbi_ensemble_train(&ens[k], data, &o, NULL));
        if (k) ck_assert_uint_lt(sbi_memory_peak(ctx), PACKED / 2);
        if (k) ck_assert_uint_eq(data->packs[SBI_STANDARDISE_MEAN_STD].file.size, PACKED);
        sbi_dataset_destroy(data);
    }
    for (size_t m = 0; m < 2; m++) {
        const sbi_network *a = sbi_ensemble_network(ens[0], m), *b = sbi_ensemble_network(ens[1], m);
        ck_assert_mem_eq(a->params, b->params, sizeof(float) * (size_t)a->mlp.n);
    }
    for (int k = 0; k < 2; k++) {
        sbi_ensemble_destroy(ens[k]);
        sbi_context_destroy(contexts[k]);
    }
}
END_TEST

/* ---- full disks ---- */

START_TEST(a_full_disk_is_said_and_nothing_stays)
{
    write_events();
    const test_path campaign = folder_path(&folder, "campaign");
    sbi_context *ctx = context();
    sbi_dataset *data = dataset(ctx);
    sbi_train_options o = small();
    sbi_network *net = NULL;
    o.memory = 1 << 20;
    o.campaign = campaign.text;
    o.epochs = 1;
    struct rlimit limit, little;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    little = limit;
    little.rlim_cur = PACKED / 2;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    fails(sbi_network_train(&net, data, &o), SBI_ERR_NO_SPACE, "campaign: a temporary file of 20480000 bytes");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_ptr_null(net);
    test_folder where;
    snprintf(where.path, sizeof where.path, "%.250s", campaign.text);
    ck_assert_int_eq(folder_count(&where), 0);
    ok(sbi_network_train(&net, data, &o)); /* the dataset is as good as before */
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(writes_that_fail_are_said)
{
    sbi_context *ctx = context();
    sbi_scratch s;
    static const char bytes[4096];
    fails(sbi_scratch_open(&s, ctx, "/no/such/folder", 10), SBI_ERR_NOT_FOUND, "/no/such/folder");
    sbi_scratch_close(&s);
    ok(sbi_scratch_open(&s, ctx, folder.path, 8192));
    struct rlimit limit, little;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    little = limit;
    little.rlim_cur = 4096;
    ok(sbi_scratch_write(&s, 0, bytes, sizeof bytes));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    fails(sbi_scratch_write(&s, 4096, bytes, sizeof bytes), SBI_ERR_NO_SPACE, "a temporary file of 8192 bytes");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ok(sbi_scratch_write(&s, 4096, bytes, sizeof bytes));
    ok(sbi_scratch_map(&s));
    ck_assert_mem_eq((const char *)s.data + 4096, bytes, sizeof bytes);
    sbi_scratch_will_need(&s, 5000, 100);
    sbi_scratch_will_need(&s, 8000, 1000);
    sbi_scratch_close(&s);
    ck_assert_int_eq(folder_count(&folder), 0);
    sbi_context_destroy(ctx);
}
END_TEST

/* ---- what others leave ---- */

static void touch(const char *name)
{
    FILE *f = fopen(folder_path(&folder, name).text, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
}

START_TEST(what_dead_processes_left_is_swept)
{
    sbi_context *ctx = context();
    sbi_scratch s;
    touch("sbi-scratch-1-1.tmp");
    touch("sbi-scratch-1-2.tmp");
    touch("sbi-scratch-1-3");
    touch("mine.tmp");
    const int held = open(folder_path(&folder, "sbi-scratch-1-2.tmp").text, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(held, 0);
    ck_assert_int_eq(flock(held, LOCK_EX), 0); /* as if it were just being opened */
    ok(sbi_scratch_open(&s, ctx, folder.path, 1000));
    ck_assert_int_eq(folder_count(&folder), 3);
    ck_assert_int_eq(sbi_path_exists(folder_path(&folder, "sbi-scratch-1-1.tmp").text), 0);
    close(held);
    sbi_scratch_close(&s);
    ok(sbi_scratch_open(&s, ctx, folder.path, 1000));
    ck_assert_int_eq(folder_count(&folder), 2);
    sbi_scratch_close(&s);
    sbi_context_destroy(ctx);
}
END_TEST

START_TEST(killed_processes_leave_nothing)
{
    write_events();
    for (int k = 0; k < 6; k++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            sbi_context *ctx;
            if (sbi_context_create(&ctx, NULL) != SBI_OK) _exit(1);
            for (;;) {
                sbi_dataset *data = dataset(ctx);
                const sbi_dataset_pack *pack;
                if (sbi_dataset_pack_get_within(data, SBI_STANDARDISE_NONE, 1, folder.path, &pack) != SBI_OK) _exit(1);
                sbi_dataset_destroy(data);
            }
        }
        const struct timespec pause = {.tv_nsec = 20000000 + 17000000 * k};
        nanosleep(&pause, NULL);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFSIGNALED(status), "the child ended with %d", status);
    }
    sbi_context *ctx = context();
    sbi_scratch s;
    ok(sbi_scratch_open(&s, ctx, folder.path, 10));
    sbi_scratch_close(&s);
    ck_assert_int_eq(folder_count(&folder), 2); /* the features */
    sbi_context_destroy(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: packed events in files");
    TCase *c = tcase_create("packed");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, the_same_bits_with_little_memory);
    tcase_add_test(c, ensembles_share_one_file);
    tcase_add_test(c, a_full_disk_is_said_and_nothing_stays);
    tcase_add_test(c, writes_that_fail_are_said);
    tcase_add_test(c, what_dead_processes_left_is_swept);
    tcase_add_test(c, killed_processes_leave_nothing);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
