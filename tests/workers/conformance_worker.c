/* SPDX-License-Identifier: Apache-2.0 */
/* sbi-worker with other work: the tasks of tests/contract/executor_conformance.h, and ways to die. For tests of executors whose tasks run in
 * processes of their own. Specs "die SIGNAL", "exit CODE" end the process in the middle of the work; "once SIGNAL" does so at the first attempt alone;
 * "need MEGABYTES" fills that much memory and holds it for a while; "until FILE" waits until that file is there; the others are those of conformance_run(). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "contract/executor_conformance.h"
#include "exec/executor.h"
#include "jobs/attempt.h"
#include "programs/worker/worker.h"

typedef struct work {
    char spec[256];
    size_t size;
    int32_t attempt;
} work;

static sbi_status take_spec(void *user, const sbi_attempt *attempt, const void *spec, size_t size, int32_t *exit_code)
{
    work *w = user;
    if (size >= sizeof w->spec) {
        *exit_code = SBI_EXIT_SPEC;
        return SBI_ERR_FORMAT;
    }
    memcpy(w->spec, spec, size);
    w->spec[size] = '\0';
    w->size = size;
    w->attempt = attempt->options.attempt;
    return SBI_OK;
}

static sbi_status fill_memory(sbi_sink *sink, size_t size)
{
    char *memory = malloc(size);
    if (!memory) return SBI_ERR_NO_MEMORY;
    for (size_t i = 0; i < size; i += 4096) ((volatile char *)memory)[i] = 1;
    sleep(1); /* for who looks from outside how much it is */
    free(memory);
    return sbi_sink_write(sink, "filled", 6);
}

static sbi_status wait_until(sbi_context *ctx, const char *path, sbi_sink *sink)
{
    while (access(path, F_OK)) {
        SBI_TRY(sbi_check_cancel(ctx, "until"));
        usleep(20000);
    }
    return sbi_sink_write(sink, "went on", 7);
}

/* The first process of a container gets no signal whose action is the default: it ends with the code that is told of one that did. */
static void die(int signal_number)
{
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    _exit(128 + signal_number);
}

static sbi_status run_spec(void *user, sbi_context *ctx, const sbi_task *task, sbi_sink *sink)
{
    const work *w = user;
    sbi_task own = *task;
    own.spec = w->spec;
    own.spec_size = w->size;
    if (strncmp(w->spec, "die ", 4) == 0) die(atoi(w->spec + 4));
    if (strncmp(w->spec, "exit ", 5) == 0) _exit(atoi(w->spec + 5));
    if (strncmp(w->spec, "need ", 5) == 0) return fill_memory(sink, (size_t)atol(w->spec + 5) << 20);
    if (strncmp(w->spec, "until ", 6) == 0) return wait_until(ctx, w->spec + 6, sink);
    if (strncmp(w->spec, "once ", 5) == 0) {
        if (w->attempt <= 1) die(atoi(w->spec + 5));
        return sbi_sink_write(sink, "again", 5);
    }
    return conformance_run(NULL, ctx, &own, sink);
}

static sbi_status run(sbi_context *ctx, sbi_store *store, const char *key, const sbi_worker_options *options, int32_t *exit_code)
{
    work w = {.size = 0};
    const sbi_attempt_work injected = {take_spec, run_spec, &w};
    return sbi_attempt_run(ctx, store, key, options, &injected, exit_code);
}

int main(int argc, char **argv)
{
    return worker_main(argc, argv, run);
}
