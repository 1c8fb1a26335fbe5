/* SPDX-License-Identifier: Apache-2.0 */
/* A training that is killed (SIGKILL) at any moment and begun again ends with the bytes of one that was left alone. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "sbi/train.h"
#include "support/folder.h"
#include "support/gaussians.h"
#include "support/run_suite.h"

#define KILLS 100

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sbi_train_options options_of(int32_t averaging)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = 2;
    o.width = 16;
    o.epochs = 12;
    o.batch = 100;
    o.averaging = averaging;
    o.averaging_decay = 0.97;
    o.averaging_start = 1.5;
    o.checkpoint_seconds = 0; /* after each batch */
    return o;
}

/* In a child: trains in `campaign` (NULL: without checkpoints) and saves to `path`. */
static int train_and_save(const gaussians *g, sbi_train_options o, const char *campaign, const char *path)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    sbi_context *ctx;
    sbi_dataset *data;
    sbi_network *net;
    o.campaign = campaign;
    return sbi_context_create(&ctx, &options) || gaussians_dataset(g, ctx, &data) || sbi_network_train(&net, data, &o) ||
           sbi_network_save(net, path);
}

/* Starts a child, kills it after `seconds` (negative: never); 1 if it ended by itself. */
static int run_child(const gaussians *g, const sbi_train_options *o, const char *campaign, const char *path, double seconds)
{
    int status;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) _exit(train_and_save(g, *o, campaign, path));
    if (seconds >= 0) {
        const struct timespec pause = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
        nanosleep(&pause, NULL);
        ck_assert_int_eq(kill(child, SIGKILL), 0); /* fine too for one that has ended but was not waited for */
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        ck_assert_int_eq(WTERMSIG(status), SIGKILL);
        return 0;
    }
    ck_assert_msg(WEXITSTATUS(status) == 0, "training failed after a kill");
    return 1;
}

static void same_bytes(const char *a, const char *b)
{
    sbi_context *ctx;
    void *bytes[2];
    size_t size[2];
    ck_assert_int_eq(sbi_context_create(&ctx, NULL), SBI_OK);
    ck_assert_int_eq(sbi_file_read(ctx, a, 0, &bytes[0], &size[0]), SBI_OK);
    ck_assert_int_eq(sbi_file_read(ctx, b, 0, &bytes[1], &size[1]), SBI_OK);
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], size[0]);
    sbi_free(ctx, bytes[0]);
    sbi_free(ctx, bytes[1]);
    sbi_context_destroy(ctx);
}

/* Moments are drawn over what is left of a run, so that they fall on reading data, batches, validation, checkpoints, the end. A run that
 * got through is checked and begun anew until there were enough kills. */
START_TEST(killed_at_any_moment)
{
    const test_folder folder = folder_make();
    const test_path campaign = folder_path(&folder, "campaign"), whole = folder_path(&folder, "whole.npz");
    const test_path resumed = folder_path(&folder, "resumed.npz");
    gaussians g = gaussians_make(400, 3, 0.5, 21);
    const sbi_train_options o = options_of(_i);
    ck_assert_int_eq(run_child(&g, &o, NULL, whole.text, -1), 1);
    const double began = now();
    ck_assert_int_eq(run_child(&g, &o, campaign.text, resumed.text, -1), 1);
    const double length = now() - began;
    same_bytes(whole.text, resumed.text);
    int kills = 0, ends = 0, resumes = 0;
    for (uint64_t k = 0; kills < KILLS / 2; k++) {
        ck_assert_uint_lt(k, 10 * KILLS);
        if (sbi_path_exists(resumed.text)) {
            same_bytes(whole.text, resumed.text);
            ck_assert_int_eq(unlink(resumed.text), 0);
            ends++;
        }
        const test_path checkpoint = folder_path(&folder, "campaign/member-0000.checkpoint.npz");
        resumes += sbi_path_exists(checkpoint.text);
        kills += !run_child(&g, &o, campaign.text, resumed.text, 0.6 * length * sbi_random_uniform(22, (uint64_t)_i, k));
    }
    run_child(&g, &o, campaign.text, resumed.text, -1);
    same_bytes(whole.text, resumed.text);
    ck_assert_int_ge(resumes, kills / 4); /* or the kills came too early to show anything */
    ck_assert_int_ge(ends, 1);
    gaussians_free(&g);
    folder_remove(&folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net: killed trainings");
    TCase *c = tcase_create("killed");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, killed_at_any_moment, SBI_AVERAGING_NONE, SBI_AVERAGING_EMA + 1);
    suite_add_tcase(suite, c);
    return run_suite(suite);
}
