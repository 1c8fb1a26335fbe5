/* SPDX-License-Identifier: Apache-2.0 */
/* Training speed beside the speed of bare matrix products of the same shapes in the same run.
 *
 * One JSON line a shape: events a second; billions of floating-point operations a second that the products of the training step
 * make (2 a weight forward, 2 for the gradient of the data but in the first layer, 2 for that of the weights); the same for
 * cblas_sgemm in one process, and in as many processes at once as there are threads, each with its part of the batch (`sgemm_all`;
 * processes, because a serial BLAS need not bear several threads); and the share of the latter that training reaches. The share means
 * something only where nothing else runs on the machine.
 *
 * Then one JSON line for each ensemble of small members: events a second summed over members and over the whole of sbi_ensemble_train(),
 * as it runs by itself (`events_per_second`) and with members one after the other (`one_by_one`, an executor with one place), the
 * better of two each, taken in turn.
 *
 *     bench_train [threads] [seconds] [ensembles]     defaults: all processors, about 2 seconds a shape; "ensembles": only those */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "sbi/executor.h"
#include "sbi/train.h"

typedef struct shape {
    int32_t depth, width, batch;
} shape;

static const shape shapes[] = {{4, 1000, 1024}, {4, 1000, 8192}, {3, 256, 1024}, {3, 256, 8192}, {4, 100, 1024},
                               {4, 100, 8192},  {4, 64, 1024},   {4, 64, 8192}};
#define FEATURES 20

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

/* ---- products alone ---- */

typedef struct products {
    shape s;
    double seconds, operations, took;
} products;

/* The three products of a hidden layer. */
static void run_products(products *p)
{
    const int n = p->s.width, rows = p->s.batch;
    float *x = aligned_alloc(64, sizeof(float) * (size_t)(rows * n + 64) / 64 * 64 + 64);
    float *y = aligned_alloc(64, sizeof(float) * (size_t)(rows * n + 64) / 64 * 64 + 64);
    float *w = aligned_alloc(64, sizeof(float) * (size_t)(n * n + 64) / 64 * 64 + 64);
    for (int i = 0; i < rows * n; i++) x[i] = y[i] = (float)(i % 13) * 0.1f;
    for (int i = 0; i < n * n; i++) w[i] = (float)(i % 7) * 0.1f;
    const double began = now();
    do {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, n, n, 1, x, n, w, n, 0, y, n);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, n, n, 1, y, n, w, n, 0, x, n);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, rows, 1, y, n, x, n, 0, w, n);
        p->operations += 6.0 * rows * n * n;
        for (int i = 0; i < n * n; i += 64) w[i] = 0.5f; /* the numbers must not run away */
        memset(x, 0, sizeof(float) * (size_t)n);
        if (!isfinite(w[1]) || fabsf(w[1]) > 1e10f)
            for (int i = 0; i < n * n; i++) w[i] = (float)(i % 7) * 0.1f;
        if (!isfinite(x[rows * n - 1]) || fabsf(x[rows * n - 1]) > 1e10f)
            for (int i = 0; i < rows * n; i++) x[i] = (float)(i % 13) * 0.1f;
    } while (now() - began < p->seconds);
    p->took = now() - began;
    free(x);
    free(y);
    free(w);
}

static double products_rate(const shape *s, int processes, double seconds)
{
    int ends[64];
    pid_t id[64];
    for (int i = 0; i < processes; i++) {
        int both[2];
        if (pipe(both)) exit(1);
        id[i] = fork();
        if (id[i] < 0) exit(1);
        if (id[i] == 0) {
            products p = {*s, seconds, 0, 0};
            p.s.batch = (s->batch + processes - 1) / processes;
            run_products(&p);
            const double rate = p.operations / p.took;
            _exit(write(both[1], &rate, sizeof rate) != (ssize_t)sizeof rate);
        }
        close(both[1]);
        ends[i] = both[0];
    }
    double rate = 0;
    for (int i = 0; i < processes; i++) {
        double own;
        int status;
        if (read(ends[i], &own, sizeof own) != (ssize_t)sizeof own || waitpid(id[i], &status, 0) != id[i]) exit(1);
        close(ends[i]);
        rate += own;
    }
    return rate;
}

/* ---- training ---- */

/* The caller frees *x after the dataset. */
static sbi_dataset *make_data(sbi_context *ctx, int64_t events, float **x)
{
    sbi_dataset *data;
    *x = malloc((size_t)(events * FEATURES) * sizeof **x);
    if (!*x || sbi_dataset_create(&data, ctx)) fail("dataset");
    for (int64_t k = 0; k < events * FEATURES; k++) (*x)[k] = (float)sbi_random_normal(1, 0, (uint64_t)k);
    const int64_t half = events / 2;
    const sbi_array a = sbi_array_2d(*x, SBI_F32, half, FEATURES);
    const sbi_array b = sbi_array_2d(*x + half * FEATURES, SBI_F32, events - half, FEATURES);
    if (sbi_dataset_add_array(data, SBI_NUMERATOR, &a, NULL) || sbi_dataset_add_array(data, SBI_DENOMINATOR, &b, NULL))
        fail("dataset");
    return data;
}

static sbi_train_options options_of(const shape *s, int32_t epochs)
{
    sbi_train_options o = SBI_TRAIN_OPTIONS_INIT;
    o.depth = s->depth;
    o.width = s->width;
    o.batch = s->batch;
    o.epochs = epochs;
    o.learning_rate = 1e-4;
    o.validation_fraction = 0;
    return o;
}

static double training_rate(sbi_context *ctx, const shape *s, int64_t events, int32_t epochs)
{
    float *x;
    sbi_dataset *data = make_data(ctx, events, &x);
    const sbi_train_options o = options_of(s, epochs);
    sbi_network *net;
    sbi_network_info info = {.struct_size = sizeof info};
    if (sbi_network_train(&net, data, &o) || sbi_network_info_get(net, &info)) fail("train");
    sbi_network_destroy(net);
    sbi_dataset_destroy(data);
    free(x);
    return (double)events * epochs / info.seconds;
}

/* ---- ensembles ---- */

static double ensemble_rate(sbi_context *ctx, const shape *s, int32_t members, int64_t events, int32_t epochs, int one_by_one)
{
    float *x;
    sbi_dataset *data = make_data(ctx, events, &x);
    sbi_train_options o = options_of(s, epochs);
    sbi_executor *exec = NULL;
    sbi_ensemble *ensemble;
    o.members = members;
    if (one_by_one && sbi_executor_open(&exec, ctx, "local", "{\"threads\": 1}")) fail("executor");
    const double began = now();
    if (sbi_ensemble_train(&ensemble, data, &o, exec)) fail("train");
    const double took = now() - began;
    sbi_ensemble_destroy(ensemble);
    sbi_executor_close(exec);
    sbi_dataset_destroy(data);
    free(x);
    return (double)members * (double)events * epochs / took;
}

static void bench_ensembles(sbi_context *ctx, int threads, double seconds)
{
    static const shape small[] = {{4, 100, 1024}, {4, 64, 1024}, {4, 64, 8192}};
    static const int32_t members[] = {1, 10, 50};
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        const int64_t events = 51200 / small[i].batch * small[i].batch;
        const double one = training_rate(ctx, &small[i], events, 4);
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
            const int32_t epochs = (int32_t)(0.25 * seconds * one / (double)(events * members[k])) + 1;
            double rate[2] = {0, 0};
            for (int turn = 0; turn < 4; turn++)
                rate[turn % 2] = fmax(rate[turn % 2], ensemble_rate(ctx, &small[i], members[k], events, epochs, turn % 2));
            printf("{\"bench\": \"train_ensemble\", \"depth\": %d, \"width\": %d, \"batch\": %d, \"members\": %d, \"threads\": %d, "
                   "\"events_per_second\": %.0f, \"one_by_one\": %.0f, \"ratio\": %.3f}\n",
                   (int)small[i].depth, (int)small[i].width, (int)small[i].batch, (int)members[k], threads, rate[0], rate[1],
                   rate[0] / rate[1]);
            fflush(stdout);
        }
    }
}

int main(int argc, char **argv)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = argc > 1 ? atoi(argv[1]) : 0;
    const double seconds = argc > 2 ? atof(argv[2]) : 2;
    sbi_context *ctx;
    if (sbi_context_create(&ctx, &options)) fail("context");
    const int threads = sbi_context_threads(ctx) < 64 ? sbi_context_threads(ctx) : 64;
    const int only = argc > 3 && strcmp(argv[3], "ensembles") == 0;
    for (size_t i = 0; i < (only ? 0 : sizeof shapes / sizeof shapes[0]); i++) {
        const shape *s = &shapes[i];
        const double hidden = (double)s->width * s->width * (s->depth - 1);
        const double operations = 4.0 * FEATURES * s->width + 6.0 * hidden + 6.0 * s->width; /* an event */
        /* Products before and after, since the machine's clock is not ours. */
        double all = products_rate(s, threads, 0.15 * seconds);
        const double one = products_rate(s, 1, 0.15 * seconds);
        const int64_t events = (int64_t)(0.2 * seconds * all * 0.6 / operations / s->batch + 1) * s->batch;
        const int64_t few = events < 400000 ? events : 400000 / s->batch * s->batch;
        const int32_t epochs = (int32_t)(events * 2 / few);
        double rate = training_rate(ctx, s, few, epochs);
        all = fmax(all, products_rate(s, threads, 0.15 * seconds));
        const double again = training_rate(ctx, s, few, epochs);
        if (again > rate) rate = again;
        printf("{\"bench\": \"train\", \"depth\": %d, \"width\": %d, \"batch\": %d, \"threads\": %d, \"events_per_second\": %.0f, "
               "\"gflops\": %.1f, \"sgemm_one_gflops\": %.1f, \"sgemm_all_gflops\": %.1f, \"share\": %.3f}\n",
               (int)s->depth, (int)s->width, (int)s->batch, threads, rate, rate * operations * 1e-9, one * 1e-9, all * 1e-9,
               rate * operations / all);
        fflush(stdout);
    }
    bench_ensembles(ctx, threads, seconds);
    sbi_context_destroy(ctx);
    return 0;
}
