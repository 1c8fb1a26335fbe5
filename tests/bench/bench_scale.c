/* SPDX-License-Identifier: Apache-2.0 */
/* The scale run: a packed f16 store of N events x 4 processes x 100 nuisance parameters, larger than memory if N is, loaded with nothing
 * held in memory; value, gradient, full Hessian and a complete fit, as JSON lines.
 * Usage: bench_scale FOLDER [EVENTS [THREADS]]; 10,000,000 events take 16.5 GB. A store of that size that is in the folder already is used. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "sbi/sbi.h"
#include "scale_model.h"

enum { PARAMETERS = SCALE_NUISANCES + 1 };

/* ---- what the process uses -------------------------------------------------------------------------------------------- */

static long long number_in(const char *path, const char *format)
{
    long long n = 0;
    char line[256];
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) sscanf(line, format, &n);
    if (f) fclose(f);
    return n;
}

static long long anonymous_now(void) { return number_in("/proc/self/status", "RssAnon: %lld") * 1024; }

/* The kernel keeps no peak of it, so a thread looks every few milliseconds. */
static atomic_llong anonymous_peak;
static atomic_int watching;

static void *watch(void *arg)
{
    (void)arg;
    while (atomic_load(&watching)) {
        const long long now = anonymous_now();
        if (now > atomic_load(&anonymous_peak)) atomic_store(&anonymous_peak, now);
        usleep(5000);
    }
    return NULL;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct meter {
    double start;
    long long disk, calls;
} meter;

static meter begin(void)
{
    atomic_store(&anonymous_peak, anonymous_now());
    return (meter){seconds(), number_in("/proc/self/io", "read_bytes: %lld"), number_in("/proc/self/io", "rchar: %lld")};
}

static void report(const meter *m, const char *what, int64_t events, const char *more)
{
    const double s = seconds() - m->start;
    const long long disk = number_in("/proc/self/io", "read_bytes: %lld") - m->disk;
    const long long read = number_in("/proc/self/io", "rchar: %lld") - m->calls;
    const long long now = anonymous_now(), peak = atomic_load(&anonymous_peak);
    printf("{\"bench\": \"scale\", \"what\": \"%s\", \"events\": %lld, \"processes\": %d, \"nuisances\": %d, \"seconds\": %.3f, "
           "\"read_bytes\": %lld, \"disk_bytes\": %lld, \"read_gb_per_s\": %.3f, \"disk_gb_per_s\": %.3f, \"anonymous_peak\": %lld%s}\n",
           what, (long long)events, SCALE_PROCESSES, SCALE_NUISANCES, s, read, disk, (double)read / s * 1e-9, (double)disk / s * 1e-9,
           now > peak ? now : peak, more);
    fflush(stdout);
}

/* ---- the run -------------------------------------------------------------------------------------------------------------- */

static sbi_status fit_from_afar(const sbi_model *model, int64_t events)
{
    double start[PARAMETERS];
    const char *names[PARAMETERS];
    sbi_fit_options options = SBI_FIT_OPTIONS_INIT;
    for (size_t k = 0; k < PARAMETERS; k++) {
        names[k] = sbi_model_parameter_name(model, k);
        start[k] = k ? 0.5 * (k % 2 ? 1 : -1) : 2.0;
    }
    options.n_start = PARAMETERS;
    options.start_names = names;
    options.start_values = start;
    sbi_fit *fit;
    meter m = begin();
    SBI_TRY(sbi_fit_run(&fit, model, &options));
    sbi_fit_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    double mu = 0, error = 0;
    sbi_status status = sbi_fit_get_info(fit, &info);
    if (status == SBI_OK) status = sbi_fit_value(fit, "mu", &mu);
    if (status == SBI_OK) status = sbi_fit_error(fit, "mu", &error);
    char more[512];
    snprintf(more, sizeof more, ", \"reason\": \"%s\", \"edm\": %.3g, \"mu\": %.8g, \"mu_error\": %.4g, \"values\": %lld, "
             "\"gradients\": %lld, \"hessians\": %lld", sbi_fit_reason_text(sbi_fit_reason(fit)), info.edm, mu, error,
             (long long)info.value_evaluations, (long long)info.gradient_evaluations, (long long)info.hessian_evaluations);
    report(&m, "fit", events, more);
    sbi_fit_destroy(fit);
    return status;
}

static sbi_status evaluate(const sbi_model *model, int64_t events)
{
    static double theta[PARAMETERS], gradient[PARAMETERS], hessian[PARAMETERS * PARAMETERS];
    double value;
    sbi_model_work *work;
    for (size_t k = 0; k < PARAMETERS; k++) theta[k] = k ? 0.1 * (double)(k % 7) - 0.3 : 1.1;
    SBI_TRY(sbi_model_work_create(&work, model));
    sbi_status status = SBI_OK;
    char more[100];
    static const char *const what[] = {"value", "gradient", "hessian"};
    for (int i = 0; i < 3 && status == SBI_OK; i++) {
        meter m = begin();
        status = i < 2 ? sbi_model_nll(work, theta, &value, i ? gradient : NULL)
                       : sbi_model_hessian(work, theta, &value, gradient, hessian);
        snprintf(more, sizeof more, ", \"value\": %.17g", value);
        if (status == SBI_OK) report(&m, what[i], events, more);
    }
    sbi_model_work_destroy(work);
    return status;
}

/* A document of this size whose store is whole. */
static int is_there(const scale_model *m, const char *document)
{
    SCALE_PATH(store, m, "store.npy");
    SCALE_PATH(integration, m, "store_integration.npy");
    struct stat s, t, d;
    const int64_t row = (int64_t)SCALE_PROCESSES * SCALE_NUISANCES * 2 * SBI_TAPE_BLOCK * 2;
    return stat(document, &d) == 0 && stat(store, &s) == 0 && stat(integration, &t) == 0 &&
           s.st_size == SBI_NPY_HEADER_SIZE + (m->events + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK * row &&
           t.st_size == SBI_NPY_HEADER_SIZE + (m->integration + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK * row;
}

static sbi_status run(sbi_context *ctx, const char *folder, int64_t events)
{
    scale_model m = {.ctx = ctx, .folder = folder, .events = events, .dtype = SBI_F16, .packed = 1};
    m.integration = events / 32 > 20000 ? events / 32 : 20000;
    SCALE_PATH(document, &m, "scale_%lld.json", (long long)events);
    meter at = begin();
    if (!is_there(&m, document)) {
        SBI_TRY(scale_write(&m, document));
        report(&at, "write", events, "");
    }
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    options.column_memory = 0;
    sbi_model *model;
    at = begin();
    SBI_TRY(sbi_model_load_with(&model, ctx, document, &options));
    report(&at, "load", events, "");
    sbi_status status = evaluate(model, events);
    if (status == SBI_OK) status = fit_from_afar(model, events);
    sbi_model_destroy(model);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_scale FOLDER [EVENTS [THREADS]]\n");
        return EXIT_FAILURE;
    }
    const int64_t events = argc > 2 ? (int64_t)strtod(argv[2], NULL) : 10000000;
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = argc > 3 ? atoi(argv[3]) : 0;
    sbi_context *ctx = NULL;
    pthread_t watcher;
    atomic_store(&watching, 1);
    if (pthread_create(&watcher, NULL, watch, NULL)) return EXIT_FAILURE;
    sbi_status status = events > 0 ? sbi_context_create(&ctx, &options) : sbi_fail(SBI_ERR_ARGUMENT, "there are no events");
    if (status == SBI_OK) {
        printf("{\"bench\": \"scale\", \"what\": \"machine\", \"threads\": %d, \"memory\": %llu}\n", (int)sbi_context_threads(ctx),
               (unsigned long long)sysconf(_SC_PHYS_PAGES) * (unsigned long long)sysconf(_SC_PAGESIZE));
        status = run(ctx, argv[1], events);
    }
    if (status != SBI_OK) fprintf(stderr, "bench_scale: %s\n", sbi_last_error());
    atomic_store(&watching, 0);
    pthread_join(watcher, NULL);
    sbi_context_destroy(ctx);
    return status == SBI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
