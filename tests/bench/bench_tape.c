/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds per entry (event x process x nuisance parameter) of the tape, as JSON lines; medians of repetitions.
 *
 *     bench_tape [--events N] [--processes P] [--nuisances K] [--repeat R] [--threads T] [--alpha SIZE] [--spread SIZE]
 *
 * The sweep is a read-only pass over the same columns on one thread a share: what memory alone would take.
 */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sbi/tape.h"

typedef struct options {
    long events, processes, nuisances, repeat, threads;
    double alpha, spread;
} options;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double uniform(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static uint16_t to_half(float f)
{
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    int32_t e = (int32_t)(b >> 23 & 0xff) - 127;
    if (e < -14) return 0;
    return (uint16_t)((b >> 16 & 0x8000u) | (uint32_t)(e + 15) << 10 | (b >> 13 & 0x3ff));
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check(sbi_status status)
{
    if (status == SBI_OK) return;
    fprintf(stderr, "bench_tape: %s: %s\n", sbi_status_name(status), sbi_last_error());
    exit(1);
}

typedef struct sweep {
    const uint64_t *data;
    size_t words;
    uint64_t sum;
} sweep;

static void *sweep_share(void *arg)
{
    sweep *s = arg;
    uint64_t sum[8] = {0};
    for (size_t i = 0; i + 8 <= s->words; i += 8)
        for (int l = 0; l < 8; l++)
            sum[l] ^= s->data[i + (size_t)l];
    for (int l = 0; l < 8; l++)
        s->sum ^= sum[l];
    return NULL;
}

static double sweep_seconds(const void *data, size_t bytes, int threads)
{
    enum { MOST = 64 };
    pthread_t id[MOST];
    sweep share[MOST];
    if (threads > MOST) threads = MOST;
    const size_t words = bytes / 8 / (size_t)threads;
    const double start = now();
    for (int t = 0; t < threads; t++) {
        share[t] = (sweep){(const uint64_t *)data + (size_t)t * words, words, 0};
        pthread_create(&id[t], NULL, sweep_share, &share[t]);
    }
    uint64_t sum = 0;
    for (int t = 0; t < threads; t++) {
        pthread_join(id[t], NULL);
        sum ^= share[t].sum;
    }
    const double seconds = now() - start;
    volatile uint64_t sink = sum;
    (void)sink;
    return seconds;
}

typedef struct bench {
    sbi_tape_work *work;
    const double *theta;
    double *gradient, *hessian, *vectors, *products;
    size_t m, params;
    const void *data;
    size_t bytes;
    int threads;
} bench;

enum { VALUE, GRADIENT, HVP, ROW, HESSIAN, SWEEP };

static double once(bench *b, int what)
{
    double value;
    const double start = now();
    switch (what) {
    case VALUE: check(sbi_tape_eval(b->work, b->theta, &value, NULL)); break;
    case GRADIENT: check(sbi_tape_eval(b->work, b->theta, &value, b->gradient)); break;
    case HVP: check(sbi_tape_hvp(b->work, b->theta, b->vectors, b->m, b->products)); break;
    case ROW: check(sbi_tape_hessian_rows(b->work, b->theta, b->params / 2, 1, b->products)); break;
    case HESSIAN: check(sbi_tape_hessian(b->work, b->theta, NULL, NULL, b->hessian)); break;
    default: return sweep_seconds(b->data, b->bytes, b->threads);
    }
    return now() - start;
}

static double median(bench *b, int what, long repeat)
{
    double seconds[101];
    if (repeat > 101) repeat = 101;
    once(b, what);
    for (long r = 0; r < repeat; r++)
        seconds[r] = once(b, what);
    qsort(seconds, (size_t)repeat, sizeof *seconds, by_value);
    return seconds[repeat / 2];
}

static sbi_var record(sbi_tape *t, const options *o, int32_t dtype, int32_t storage, const char *columns, size_t size,
                      const double *ratio, const double *weight)
{
    const size_t n = (size_t)o->events, K = (size_t)o->nuisances;
    sbi_events events = sbi_tape_events(t, "bench", o->events);
    sbi_var mu = sbi_tape_param(t, "mu"), lambda = -1, total = -1;
    sbi_var *alpha = malloc(K * sizeof *alpha);
    sbi_array *up = malloc(K * sizeof *up), *down = malloc(K * sizeof *down);
    for (size_t k = 0; k < K; k++) {
        char name[32];
        snprintf(name, sizeof name, "alpha_%zu", k);
        alpha[k] = sbi_tape_param(t, name);
    }
    sbi_array view = sbi_array_1d(weight, SBI_F64, o->events);
    sbi_var w = sbi_tape_column(t, events, &view, "weights");
    for (size_t p = 0; p < (size_t)o->processes; p++) {
        for (size_t k = 0; k < K; k++) {
            const char *at = columns + ((p * K + k) * 2) * n * size;
            up[k] = sbi_array_1d(at, dtype, o->events);
            down[k] = sbi_array_1d(at + n * size, dtype, o->events);
        }
        view = sbi_array_1d(ratio + p * n, SBI_F64, o->events);
        sbi_var nu = sbi_tape_constant(t, 10.0 + (double)p);
        if (p == 0) nu = sbi_tape_mul(t, nu, mu);
        if (p == 1) nu = sbi_tape_mul(t, nu, sbi_tape_sqrt(t, mu));
        for (size_t k = 0; k < K; k++)
            nu = sbi_tape_mul(t, nu, sbi_tape_interp(t, alpha[k], 1.02, 0.97, SBI_INTERP_CODE4));
        sbi_var g = sbi_tape_morph(t, events, alpha, K, up, down, SBI_INTERP_CODE4, storage);
        sbi_var term = sbi_tape_mul(t, nu, sbi_tape_mul(t, sbi_tape_column(t, events, &view, "ratio"), g));
        lambda = p ? sbi_tape_add(t, lambda, term) : term;
        total = p ? sbi_tape_add(t, total, nu) : nu;
    }
    free(alpha);
    free(up);
    free(down);
    return sbi_tape_sub(t, total, sbi_tape_weighted_sum(t, w, sbi_tape_log(t, lambda)));
}

static void run(const options *o, const char *name, int32_t dtype, int32_t storage)
{
    const size_t size = sbi_dtype_size(dtype), n = (size_t)o->events;
    const size_t cells = n * (size_t)o->processes * (size_t)o->nuisances;
    char *columns = malloc(2 * cells * size);
    double *ratio = malloc(n * (size_t)o->processes * 8), *weight = malloc(n * 8);
    if (!columns || !ratio || !weight) {
        fprintf(stderr, "bench_tape: out of memory\n");
        exit(1);
    }
    uint64_t s = 1;
    for (size_t i = 0; i < 2 * cells; i++) {
        const double l = o->spread * (2.0 * uniform(&s) - 1.0), v = storage == SBI_MORPH_LOG ? l : exp(l);
        if (dtype == SBI_F64) memcpy(columns + i * 8, &v, 8);
        const float f = (float)v;
        if (dtype == SBI_F32) memcpy(columns + i * 4, &f, 4);
        const uint16_t h = to_half(f);
        if (dtype == SBI_F16) memcpy(columns + i * 2, &h, 2);
    }
    for (size_t i = 0; i < n * (size_t)o->processes; i++)
        ratio[i] = 0.5 + uniform(&s);
    for (size_t i = 0; i < n; i++)
        weight[i] = 1.0;

    sbi_context_options co = SBI_CONTEXT_OPTIONS_INIT;
    co.threads = (int32_t)o->threads;
    sbi_context *ctx;
    sbi_tape *tape;
    bench b = {.data = columns, .bytes = 2 * cells * size};
    check(sbi_context_create(&ctx, &co));
    check(sbi_tape_create(&tape, ctx));
    check(sbi_tape_seal(tape, record(tape, o, dtype, storage, columns, size, ratio, weight)));
    check(sbi_tape_work_create(&b.work, tape));
    const size_t P = b.params = sbi_tape_n_params(tape);
    b.threads = sbi_context_threads(ctx);
    double *theta = malloc(P * 8);
    b.gradient = malloc(P * 8);
    b.hessian = malloc(P * P * 8);
    b.vectors = malloc(P * P * 8);
    b.products = malloc(P * P * 8);
    for (size_t j = 0; j < P; j++)
        theta[j] = j ? o->alpha * (2.0 * uniform(&s) - 1.0) : 1.1;
    for (size_t i = 0; i < P * P; i++)
        b.vectors[i] = uniform(&s) - 0.5;
    b.theta = theta;
    const double scale = 1e9 / (double)cells;
    printf("{\"bench\": \"tape\", \"storage\": \"%s\", \"events\": %ld, \"processes\": %ld, \"nuisances\": %ld, \"threads\": %d",
           name, o->events, o->processes, o->nuisances, b.threads);
    const double gradient = median(&b, GRADIENT, o->repeat);
    printf(", \"ns_value\": %.3f, \"ns_gradient\": %.3f", scale * median(&b, VALUE, o->repeat), scale * gradient);
    b.m = 1;
    printf(", \"ns_hvp_1\": %.3f", scale * median(&b, HVP, o->repeat));
    b.m = P < 10 ? P : 10;
    printf(", \"ns_hvp_10\": %.3f", scale * median(&b, HVP, o->repeat));
    b.m = P;
    printf(", \"ns_hvp_all\": %.3f", scale * median(&b, HVP, o->repeat < 3 ? o->repeat : 3));
    printf(", \"ns_row\": %.3f", scale * median(&b, ROW, o->repeat));
    const double hessian = median(&b, HESSIAN, o->repeat);
    printf(", \"ns_hessian\": %.3f, \"hessian_over_gradient\": %.2f", scale * hessian, hessian / gradient);
    printf(", \"ns_sweep\": %.3f}\n", scale * median(&b, SWEEP, o->repeat));
    fflush(stdout);
    sbi_tape_work_destroy(b.work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    free(theta);
    free(b.gradient);
    free(b.hessian);
    free(b.vectors);
    free(b.products);
    free(columns);
    free(ratio);
    free(weight);
}

int main(int argc, char **argv)
{
    options o = {.events = 50000, .processes = 4, .nuisances = 100, .repeat = 5, .alpha = 0.8, .spread = 0.1};
    for (int i = 1; i + 1 < argc; i += 2) {
        const double v = atof(argv[i + 1]);
        if (!strcmp(argv[i], "--events")) o.events = (long)v;
        else if (!strcmp(argv[i], "--processes")) o.processes = (long)v;
        else if (!strcmp(argv[i], "--nuisances")) o.nuisances = (long)v;
        else if (!strcmp(argv[i], "--repeat")) o.repeat = (long)v;
        else if (!strcmp(argv[i], "--threads")) o.threads = (long)v;
        else if (!strcmp(argv[i], "--alpha")) o.alpha = v;
        else if (!strcmp(argv[i], "--spread")) o.spread = v;
        else {
            fprintf(stderr, "bench_tape: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    if (o.events < 1 || o.processes < 1 || o.nuisances < 1 || o.repeat < 1) {
        fprintf(stderr, "bench_tape: sizes must be positive\n");
        return 2;
    }
    run(&o, "f64-ratio", SBI_F64, SBI_MORPH_RATIO);
    run(&o, "f32-log", SBI_F32, SBI_MORPH_LOG);
    run(&o, "f16-log", SBI_F16, SBI_MORPH_LOG);
    return 0;
}
