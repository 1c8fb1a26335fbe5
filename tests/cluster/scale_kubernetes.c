/* SPDX-License-Identifier: Apache-2.0 */
/* Many tasks (argument, 10000) against a real API server, controllers and scheduler; pods succeed without being run, and results are put into the store by
 * commit_all. Prints times, memory and, from the server's audit log, the requests of this client alone, which has the documented permissions and no others.
 * Fails if a task is lost or if there are more requests than a few a Job. Run by `make check-kubernetes-scale`. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/error.h"
#include "contract/temporary_folder.h"
#include "sbi/sbi.h"
#include "support/staging_executor.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double memory(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return 1e-3 * (double)u.ru_maxrss;
}

static int run(const char *format, ...)
{
    char command[1000];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    return system(command) == 0;
}

static sbi_status count_bytes(void *user, const void *data, size_t size)
{
    (void)data;
    *(size_t *)user += size;
    return SBI_OK;
}

static sbi_status submit(sbi_executor *exec, size_t n)
{
    sbi_task *tasks = calloc(n, sizeof *tasks);
    char (*keys)[32] = calloc(n, sizeof *keys);
    for (size_t i = 0; i < n && tasks && keys; i++) {
        tasks[i] = (sbi_task)SBI_TASK_INIT;
        snprintf(keys[i], sizeof keys[i], "task-%05zu", i);
        tasks[i].key = keys[i];
        tasks[i].spec = "x";
        tasks[i].spec_size = 1;
        tasks[i].attempt = 1;
    }
    sbi_status status = tasks && keys ? sbi_executor_submit(exec, tasks, n) : SBI_ERR_NO_MEMORY;
    free(tasks);
    free(keys);
    return status;
}

static sbi_status collect(sbi_executor *exec, size_t n, size_t *done)
{
    sbi_task_report r[256];
    double told = now();
    while (*done < n) {
        size_t got = 0;
        sbi_status status = sbi_executor_poll(exec, r, 256, &got, 1000);
        if (status != SBI_OK && status != SBI_ERR_TRANSIENT) return status;
        for (size_t i = 0; i < got; i++) {
            if (r[i].state < SBI_TASK_DONE) continue;
            if (r[i].state != SBI_TASK_DONE) return sbi_fail(SBI_ERR_TASK_LOST, "task %s: state %d: %s", r[i].key, (int)r[i].state, r[i].message);
            size_t size = 0;
            const char *key = r[i].key;
            sbi_sink sink = {sizeof sink, 0, count_bytes, &size};
            SBI_TRY(sbi_executor_fetch(exec, key, &sink));
            if (size != 10) return sbi_fail(SBI_ERR_FORMAT, "task %s: a result of %zu bytes", key, size);
            SBI_TRY(sbi_executor_release(exec, &key, 1));
            (*done)++;
        }
        if (now() - told > 20) {
            told = now();
            printf("  %zu of %zu done, %.0f MB\n", *done, n, memory());
            fflush(stdout);
        }
    }
    return SBI_OK;
}

static sbi_status measure(sbi_context *ctx, const char *folder, size_t n)
{
    sbi_executor *inner, *exec;
    sbi_store *store;
    char config[1500];
    size_t done = 0;
    snprintf(config, sizeof config,
             "{\"store\":\"%s\",\"image\":\"i\",\"kubeconfig\":\"%s/user.kubeconfig\",\"cpus\":0.001,\"memory\":1048576,\"job_patch\":{\"spec\":{\"suspend\":true}}}",
             folder, getenv("SBI_CLUSTER"));
    const double start = now(), before = memory();
    SBI_TRY(sbi_executor_open(&inner, ctx, "kubernetes", config));
    SBI_TRY(sbi_store_open(&store, ctx, folder, NULL));
    SBI_TRY(staging_executor_wrap(&exec, ctx, inner, store));
    SBI_TRY(submit(exec, n));
    const double submitted = now();
    printf("  submitted in %.1f s\n", submitted - start);
    fflush(stdout);
    if (!run("\"$SBI_BUILD\"/tests/workers/commit_all %s %zu", folder, n)) return sbi_fail(SBI_ERR_STATE, "commit_all failed");
    const double committed = now();
    if (!run("python3 tests/servers/kubernetes/cluster.py resume \"$SBI_CLUSTER\"")) return sbi_fail(SBI_ERR_STATE, "resume failed");
    sbi_status status = collect(exec, n, &done);
    const double end = now();
    printf("  %zu tasks: submitted in %.1f s, done %.1f s after their start; memory %.0f MB, of which %.0f MB before\n", done, submitted - start, end - committed,
           memory(), before);
    sbi_executor_close(exec);
    return status;
}

int main(int argc, char **argv)
{
    sbi_context *ctx;
    char folder[64];
    const size_t n = argc > 1 ? (size_t)atol(argv[1]) : 10000;
    if (!getenv("SBI_CLUSTER") || !getenv("SBI_BUILD")) {
        fprintf(stderr, "scale_kubernetes: there is no cluster: make check-kubernetes-scale\n");
        return EXIT_FAILURE;
    }
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/sbi-scale-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    int failed = sbi_context_create(&ctx, NULL) != SBI_OK;
    if (!failed) {
        failed = measure(ctx, folder, n) != SBI_OK;
        if (failed) fprintf(stderr, "scale_kubernetes: %s\n", sbi_last_error());
        sbi_context_destroy(ctx);
    }
    failed |= !run("python3 tests/servers/kubernetes/cluster.py audit \"$SBI_CLUSTER\" --tasks %zu", n);
    remove_tree(folder);
    return failed;
}
