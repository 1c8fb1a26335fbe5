/* SPDX-License-Identifier: Apache-2.0 */
/* Commits the results of many staged tasks in one process, for tests in which no pod does real work. Usage: commit_all STORE N, keys task-00000 and on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "exec/executor.h"
#include "jobs/attempt.h"

static sbi_status take_spec(void *user, const sbi_attempt *attempt, const void *spec, size_t size, int32_t *exit_code)
{
    (void)user, (void)attempt, (void)spec, (void)size, (void)exit_code;
    return SBI_OK;
}

static sbi_status run_spec(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    (void)user, (void)ctx;
    return sbi_sink_write(sink, task->key, strlen(task->key));
}

int main(int argc, char **argv)
{
    const sbi_attempt_work work = {take_spec, run_spec, NULL};
    sbi_context *ctx;
    sbi_store *store;
    if (argc != 3 || sbi_context_create(&ctx, NULL) != SBI_OK || sbi_store_open(&store, ctx, argv[1], NULL) != SBI_OK) return EXIT_FAILURE;
    int failed = 0;
    for (long i = 0; i < atol(argv[2]) && !failed; i++) {
        sbi_worker_options o = SBI_WORKER_OPTIONS_INIT;
        char key[32];
        int32_t code;
        snprintf(key, sizeof key, "task-%05ld", i);
        failed = sbi_attempt_run(ctx, store, key, &o, &work, &code) != SBI_OK;
        if (failed) fprintf(stderr, "commit_all: %s: %s\n", key, sbi_last_error());
    }
    sbi_store_close(store);
    sbi_context_destroy(ctx);
    return failed;
}
