/* SPDX-License-Identifier: Apache-2.0 */
/* A client is killed (SIGKILL) at random moments, again and again, until it comes to its end: nothing is lost, what was
 * finished is not repeated, and the folder ends with the same bytes as without kills. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/random.h"
#include "base/text.h"
#include "contract/temporary_folder.h"
#include "exec/executor.h"
#include "exec/local.h"
#include "sbi/campaign.h"

#define TASKS 24
#define SPEC_SIZE 32

static char folder[64];

/* Each start and end of a task's work is a line of a file that outlives the client: "+key" and "-key". */
static void note(const char *path, char sign, const char *key)
{
    char line[80];
    int n = snprintf(line, sizeof line, "%c%s\n", sign, key);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd < 0 || write(fd, line, (size_t)n) != n) abort();
    close(fd);
}

static sbi_status work(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    (void)ctx;
    char text[SPEC_SIZE + 1] = {0};
    memcpy(text, task->spec, task->spec_size < SPEC_SIZE ? task->spec_size : SPEC_SIZE);
    note(user, '+', task->key);
    nanosleep(&(struct timespec){0, 8000000}, NULL);
    for (int i = 0; i < 50; i++) {
        sbi_status status = sbi_sink_write(sink, text, strlen(text));
        if (status != SBI_OK) return status;
    }
    note(user, '-', task->key);
    return SBI_OK;
}

/* The whole client; nothing of Check in here, it runs in a child. 0 when the campaign came to its end. */
static int client(const char *where, const char *notes)
{
    sbi_context *ctx;
    sbi_executor *exec;
    sbi_campaign *c;
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    o.threads = 2;
    if (sbi_context_create(&ctx, &o) != SBI_OK) return 1;
    char path[128];
    snprintf(path, sizeof path, "%s", notes);
    if (sbi_local_open(&exec, ctx, 2, work, path) != SBI_OK) return 2;
    if (sbi_campaign_open(&c, ctx, where, NULL) != SBI_OK) {
        fprintf(stderr, "%s\n", sbi_last_error());
        return 3;
    }
    for (int i = 0; i < TASKS; i++) {
        char key[32], spec[SPEC_SIZE], before[32];
        const char *after = before;
        snprintf(key, sizeof key, "task-%d", i);
        snprintf(before, sizeof before, "task-%d", i - 1);
        snprintf(spec, sizeof spec, "spec %d", i);
        sbi_task t = SBI_TASK_INIT;
        t.key = key;
        t.spec = spec;
        t.spec_size = strlen(spec);
        if (sbi_campaign_add(c, &t, i % 3 == 2 ? &after : NULL, i % 3 == 2, NULL) != SBI_OK) return 4;
    }
    if (sbi_campaign_run(c, exec) != SBI_OK) return 5;
    sbi_campaign_close(c);
    sbi_executor_close(exec);
    sbi_context_destroy(ctx);
    return 0;
}

static int count_lines(const char *notes, const char *line)
{
    size_t size, length = strlen(line);
    if (access(notes, F_OK)) return 0;
    char *text = read_whole(notes, &size);
    int n = 0;
    for (char *at = text; (at = strstr(at, line)); at += length) n += at[length] == '\n';
    free(text);
    return n;
}

/* Runs the client, killed after `us` microseconds; true if it had ended by itself. */
static int run_and_kill(const char *where, const char *notes, long us)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) _exit(client(where, notes));
    int how;
    for (long waited = 0; waited < us; waited += 200) {
        if (waitpid(pid, &how, WNOHANG) == pid) {
            ck_assert_msg(WIFEXITED(how) && WEXITSTATUS(how) == 0, "client ended with %d", how);
            return 1;
        }
        nanosleep(&(struct timespec){0, 200000}, NULL);
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

/* Results that the folder has now are finished work. */
static void finished_now(const char *where, const char *notes, int *runs)
{
    for (int i = 0; i < TASKS; i++) {
        char path[160], line[40];
        snprintf(path, sizeof path, "%s/results/task-%d", where, i);
        snprintf(line, sizeof line, "+task-%d", i);
        runs[i] = access(path, F_OK) == 0 ? count_lines(notes, line) : -1;
    }
}

static void assert_results(const char *where)
{
    for (int i = 0; i < TASKS; i++) {
        char path[160], spec[SPEC_SIZE];
        size_t size, at = 0, length;
        snprintf(path, sizeof path, "%s/results/task-%d", where, i);
        snprintf(spec, sizeof spec, "spec %d", i);
        length = strlen(spec);
        char *text = read_whole(path, &size);
        ck_assert_uint_eq(size, 50 * length);
        for (; at < size; at += length) ck_assert_mem_eq(text + at, spec, length);
        free(text);
    }
}

START_TEST(killed_clients_lose_and_repeat_nothing)
{
    make_temporary_folder(folder, sizeof folder);
    char where[96], notes[96];
    int kills = 0, before[TASKS], after[TASKS];
    for (uint64_t campaign = 0; campaign < 10; campaign++) {
        snprintf(where, sizeof where, "%s/c%d", folder, (int)campaign);
        snprintf(notes, sizeof notes, "%s/notes%d", folder, (int)campaign);
        for (uint64_t i = 0;; i++) {
            ck_assert_msg(i < 200, "no progress after 200 kills");
            finished_now(where, notes, before);
            int ended = run_and_kill(where, notes, (long)(50000 * sbi_random_uniform(11, campaign, i)));
            finished_now(where, notes, after);
            for (int k = 0; k < TASKS; k++) {
                if (before[k] >= 0) ck_assert_msg(after[k] == before[k], "task-%d was repeated or lost", k);
            }
            if (ended) break;
            kills++;
        }
        assert_results(where);
    }
    ck_assert_msg(kills >= 15, "only %d kills: nothing was tested", kills);
    remove_tree(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec: killed clients");
    TCase *tc = tcase_create("crash");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, killed_clients_lose_and_repeat_nothing);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
