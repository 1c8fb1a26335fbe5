/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating an ensemble, standardisation, layers, combination and exponential, beside the speed of bare matrix products (cblas_sgemm) of the same
 * shapes, and as tasks. JSON lines.
 *
 *     bench_evaluate [threads] [seconds] [events]     defaults: all processors, 3 seconds a measurement, 200,000 events of the campaign
 *
 * First, one line a shape: events a second of one member by sbi_ratio_evaluate(), billions of operations a second of its products (2 a weight), the
 * same of cblas_sgemm in as many processes as threads, and the share. Then a campaign: `events` through two members of 4 x 64 into two columns of a packed
 * store by sbi_columns_pack(), as tasks of 16,384 events, with the largest resident memory before and after, and the time that ten million would take. The
 * share means something only where nothing else runs on the machine. */
#include <cblas.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "sbi/columns.h"

#define FEATURES 20
#define BATCH 1024

typedef struct shape {
    int32_t depth, width;
} shape;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, sbi_last_error());
    exit(1);
}

/* ---- products alone: those of one batch, again and again ---- */

static double products_rate(const shape *s, double seconds)
{
    const int n = s->width;
    float *a = aligned_alloc(64, sizeof(float) * BATCH * (size_t)n), *b = aligned_alloc(64, sizeof(float) * BATCH * (size_t)n);
    float *w = aligned_alloc(64, sizeof(float) * (size_t)(n * n + 64) / 64 * 64 + 64);
    for (int i = 0; i < BATCH * n; i++) a[i] = (float)(i % 13) * 0.01f;
    for (int i = 0; i < n * n; i++) w[i] = (float)(i % 7 - 3) * 0.01f;
    double operations = 0;
    const double began = now();
    do {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, BATCH, n, FEATURES, 1, a, FEATURES, w, FEATURES, 0, b, n);
        for (int l = 1; l < s->depth; l++) cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, BATCH, n, n, 1, a, n, w, n, 0, b, n);
        operations += 2.0 * BATCH * ((double)FEATURES * n + (double)(s->depth - 1) * n * n);
    } while (now() - began < seconds);
    const double rate = operations / (now() - began);
    free(a);
    free(b);
    free(w);
    return rate;
}

static double products_of_all(const shape *s, int processes, double seconds)
{
    double rate = 0;
    int ends[64];
    pid_t id[64];
    for (int i = 0; i < processes; i++) {
        int both[2];
        if (pipe(both) || (id[i] = fork()) < 0) exit(1);
        if (id[i] == 0) {
            const double own = products_rate(s, seconds);
            _exit(write(both[1], &own, sizeof own) != (ssize_t)sizeof own);
        }
        close(both[1]);
        ends[i] = both[0];
    }
    for (int i = 0; i < processes; i++) {
        double own;
        int status;
        if (read(ends[i], &own, sizeof own) != (ssize_t)sizeof own || waitpid(id[i], &status, 0) != id[i]) exit(1);
        close(ends[i]);
        rate += own;
    }
    return rate;
}

/* ---- networks ---- */

static sbi_ensemble *make_ensemble(sbi_context *ctx, const shape *s, int members)
{
    sbi_network *nets[4];
    sbi_ensemble *ens;
    sbi_array w[8], b[8];
    for (int m = 0; m < members; m++) {
        float *memory[16];
        for (int l = 0; l <= s->depth; l++) {
            const int64_t in = l ? s->width : FEATURES, out = l == s->depth ? 1 : s->width;
            memory[2 * l] = malloc(sizeof(float) * (size_t)(in * out));
            memory[2 * l + 1] = calloc((size_t)out, sizeof(float));
            for (int64_t k = 0; k < in * out; k++)
                memory[2 * l][k] = (float)(sbi_random_normal(2, (uint64_t)(m * 16 + l), (uint64_t)k) / sqrt((double)in));
            w[l] = sbi_array_2d(memory[2 * l], SBI_F32, out, in);
            b[l] = sbi_array_1d(memory[2 * l + 1], SBI_F32, out);
        }
        if (sbi_network_create(&nets[m], ctx, (size_t)s->depth + 1, w, b, SBI_ACTIVATION_SILU, NULL, NULL)) fail("network");
        for (int l = 0; l < 2 * (s->depth + 1); l++) free(memory[l]);
    }
    if (sbi_ensemble_create(&ens, ctx, nets, (size_t)members)) fail("ensemble");
    for (int m = 0; m < members; m++) sbi_network_destroy(nets[m]);
    return ens;
}

static float *make_events(int64_t n)
{
    float *x = malloc(sizeof(float) * (size_t)(n * FEATURES));
    for (int64_t k = 0; k < n * FEATURES; k++) x[k] = (float)sbi_random_normal(1, 0, (uint64_t)k);
    return x;
}

static void bench_shape(sbi_context *ctx, const shape *s, double seconds)
{
    const int threads = sbi_context_threads(ctx);
    const int64_t n = s->width > 500 ? 8 * BATCH : 64 * BATCH;
    sbi_ensemble *ens = make_ensemble(ctx, s, 1);
    float *x = make_events(n);
    double *r = malloc(sizeof(double) * (size_t)n), *spread = malloc(sizeof(double) * (size_t)n), done = 0;
    const sbi_array view = sbi_array_2d(x, SBI_F32, n, FEATURES);
    if (sbi_ratio_evaluate(ens, &view, r, spread, NULL)) fail("evaluate");
    const double began = now();
    do {
        if (sbi_ratio_evaluate(ens, &view, r, spread, NULL)) fail("evaluate");
        done += (double)n;
    } while (now() - began < seconds);
    const double events = done / (now() - began);
    const double per_event = 2.0 * ((double)FEATURES * s->width + (double)(s->depth - 1) * s->width * s->width);
    const double bare = products_of_all(s, threads, seconds);
    printf("{\"bench\": \"evaluate\", \"depth\": %d, \"width\": %d, \"threads\": %d, \"events_per_second\": %.0f, \"gflops\": %.1f, "
           "\"sgemm_gflops\": %.1f, \"share\": %.3f}\n",
           (int)s->depth, (int)s->width, threads, events, 1e-9 * events * per_event, 1e-9 * bare, events * per_event / bare);
    fflush(stdout);
    free(x);
    free(r);
    free(spread);
    sbi_ensemble_destroy(ens);
}

/* ---- a campaign ---- */

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *w)
{
    (void)s;
    (void)kind;
    (void)w;
    return remove(path);
}

static double resident(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return 1e-3 * (double)u.ru_maxrss;
}

static void bench_campaign(sbi_context *ctx, int64_t n)
{
    const shape s = {4, 64};
    const char *base = getenv("TMPDIR");
    char folder[256], in[300], out[300], campaign[300];
    snprintf(folder, sizeof folder, "%s/bench-evaluate-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) exit(1);
    snprintf(in, sizeof in, "%s/x.npy", folder);
    snprintf(out, sizeof out, "%s/store.npy", folder);
    snprintf(campaign, sizeof campaign, "%s/campaign", folder);
    float *x = make_events(n);
    const sbi_array view = sbi_array_2d(x, SBI_F32, n, FEATURES);
    if (sbi_npy_write(ctx, in, &view)) fail("features");
    free(x);
    sbi_column columns[2] = {SBI_COLUMN_INIT, SBI_COLUMN_INIT};
    sbi_columns_options o = SBI_COLUMNS_OPTIONS_INIT;
    columns[0].ensemble = columns[1].ensemble = make_ensemble(ctx, &s, 2);
    columns[1].correction = 1.5; /* another column, evaluated anew */
    o.dtype = SBI_F16;
    o.events_a_task = 16384;
    double took[2];
    const double before = resident();
    for (int tasks = 0; tasks < 2; tasks++) {
        o.campaign = tasks ? campaign : NULL;
        const double began = now();
        if (sbi_columns_pack(ctx, in, out, 1, 1, columns, &o, NULL)) fail("pack");
        took[tasks] = now() - began;
    }
    printf("{\"bench\": \"columns\", \"events\": %lld, \"columns\": 2, \"members\": 2, \"seconds_here\": %.3f, \"seconds_as_tasks\": %.3f, "
           "\"resident_mb_before\": %.0f, \"resident_mb_after\": %.0f, \"ten_million_events_seconds\": %.0f}\n",
           (long long)n, took[0], took[1], before, resident(), took[1] * 1e7 / (double)n);
    sbi_ensemble_destroy((sbi_ensemble *)(uintptr_t)columns[0].ensemble);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    static const shape shapes[] = {{4, 1000}, {4, 256}, {4, 64}};
    sbi_context_options o = SBI_CONTEXT_OPTIONS_INIT;
    sbi_context *ctx;
    if (argc > 1) o.threads = atoi(argv[1]);
    const double seconds = argc > 2 ? atof(argv[2]) : 3;
    if (sbi_context_create(&ctx, &o)) fail("context");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) bench_shape(ctx, &shapes[i], seconds);
    bench_campaign(ctx, argc > 3 ? atoll(argv[3]) : 200000);
    sbi_context_destroy(ctx);
    return 0;
}
