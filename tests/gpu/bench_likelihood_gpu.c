/* SPDX-License-Identifier: Apache-2.0 */
/* The likelihood on a device beside the processor, as JSON lines; medians of repetitions.
 *
 *     bench_likelihood_gpu [--device cuda] [--entries 1e6,1e7,1e8,4e8] [--nuisances 100] [--repeat 5] [--cpu-entries 1e7]
 *                          [--bandwidth 3350] [--precision double|mixed|both] [--memory BYTES]
 *
 * A mixture of four processes, each with every nuisance parameter, variations of 1 to 4 % as f16 logarithms; an entry is one event x process
 * x nuisance parameter, four bytes. Value, gradient, products with ten tangents, ten rows of the Hessian, the full Hessian. `share` is
 * bytes of columns per second over --bandwidth (GB/s): the part of the memory's speed that is reached, counting each column once. The first
 * evaluation, with the columns' way to the device, is timed apart. The processor runs on all threads, up to --cpu-entries; `difference`
 * is the largest one between device and processor of what was computed, relative to the largest number. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sbi/tape.h"

#define PROCESSES 4
#define ROWS 10
#define PRECISIONS 2

typedef struct options {
    const char *device, *entries;
    size_t nuisances;
    int repeat, precisions[PRECISIONS];
    double cpu_entries, bandwidth;
    int64_t memory;
} options;

typedef struct problem {
    size_t events, nuisances, params;
    uint16_t *columns; /* [PROCESSES, nuisances, 2, events] */
    double *ratios, *theta, *V;
    sbi_context *ctx;
    sbi_tape *tape;
} problem;

enum { VALUE, GRADIENT, PRODUCTS, TEN_ROWS, HESSIAN, KINDS };
static const char *const kinds[] = {"value", "gradient", "hvp10", "rows10", "hessian"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t draw(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 29);
}

static void fail(const char *what)
{
    fprintf(stderr, "bench_likelihood_gpu: %s: %s\n", what, sbi_last_error());
    exit(1);
}
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SBI_OK) fail(#call);                                                                             \
    } while (0)

static void *take(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (p) return p;
    fprintf(stderr, "bench_likelihood_gpu: out of memory\n");
    exit(1);
}

/* Halves with exponents of 2^-7 and 2^-6, either sign: 0.8 to 3 %. */
static void fill(problem *p)
{
    uint64_t s = 1;
    const size_t n = PROCESSES * p->nuisances * 2 * p->events;
    for (size_t i = 0; i < n; i += 4) {
        uint64_t z = draw(&s);
        for (size_t j = i; j < i + 4 && j < n; j++, z >>= 16)
            p->columns[j] = (uint16_t)((z & 0x8000u) | (8u + (z >> 10 & 1u)) << 10 | (z & 0x3ffu));
    }
    for (size_t i = 0; i < PROCESSES * p->events; i++)
        p->ratios[i] = 0.5 + 0x1p-64 * (double)draw(&s);
    p->theta[0] = 1.1;
    for (size_t k = 0; k < p->nuisances; k++)
        p->theta[1 + k] = 1.2 * (0x1p-64 * (double)draw(&s) - 0.5);
    for (size_t i = 0; i < ROWS * p->params; i++)
        p->V[i] = 0x1p-63 * (double)draw(&s) - 1.0;
}

static void record(problem *p)
{
    sbi_tape *t = p->tape;
    const sbi_var mu = sbi_tape_param(t, "mu"), one = sbi_tape_constant(t, 1.0), root = sbi_tape_sqrt(t, mu);
    const sbi_var strength[PROCESSES] = {sbi_tape_sub(t, mu, root), root, sbi_tape_sub(t, one, root), one};
    const double yields[PROCESSES] = {30.0, 20.0, 60.0, 200.0};
    const sbi_events events = sbi_tape_events(t, "data", (int64_t)p->events);
    sbi_var *alphas = take(p->nuisances, sizeof *alphas), lambda = SBI_VAR_INVALID, total = SBI_VAR_INVALID;
    sbi_array *up = take(p->nuisances, sizeof *up), *down = take(p->nuisances, sizeof *down);
    char name[32];
    for (size_t k = 0; k < p->nuisances; k++) {
        snprintf(name, sizeof name, "alpha_%zu", k);
        alphas[k] = sbi_tape_param(t, name);
    }
    for (size_t q = 0; q < PROCESSES; q++) {
        for (size_t k = 0; k < p->nuisances; k++) {
            uint16_t *at = p->columns + (q * p->nuisances + k) * 2 * p->events;
            up[k] = sbi_array_1d(at, SBI_F16, (int64_t)p->events);
            down[k] = sbi_array_1d(at + p->events, SBI_F16, (int64_t)p->events);
        }
        const sbi_array ratio = sbi_array_1d(p->ratios + q * p->events, SBI_F64, (int64_t)p->events);
        const sbi_var nu = sbi_tape_mul(t, strength[q], sbi_tape_constant(t, yields[q]));
        const sbi_var g = sbi_tape_morph(t, events, alphas, p->nuisances, up, down, SBI_INTERP_CODE4, SBI_MORPH_LOG);
        const sbi_var term = sbi_tape_mul(t, nu, sbi_tape_mul(t, sbi_tape_column(t, events, &ratio, "ratio"), g));
        lambda = q ? sbi_tape_add(t, lambda, term) : term;
        total = q ? sbi_tape_add(t, total, nu) : nu;
    }
    sbi_var nll = sbi_tape_sub(t, total, sbi_tape_sum(t, sbi_tape_log(t, lambda)));
    for (size_t k = 0; k < p->nuisances; k++)
        nll = sbi_tape_add(t, nll, sbi_tape_mul(t, sbi_tape_constant(t, 0.5), sbi_tape_square(t, alphas[k])));
    free(alphas);
    free(up);
    free(down);
    OK(sbi_tape_seal(t, nll));
}

static void evaluate(sbi_tape_work *work, const problem *p, int kind, double *out)
{
    double value;
    switch (kind) {
    case VALUE: OK(sbi_tape_eval(work, p->theta, out, NULL)); break;
    case GRADIENT: OK(sbi_tape_eval(work, p->theta, &value, out)); break;
    case PRODUCTS: OK(sbi_tape_hvp(work, p->theta, p->V, ROWS, out)); break;
    case TEN_ROWS: OK(sbi_tape_hessian_rows(work, p->theta, 1, p->params - 1 < ROWS ? p->params - 1 : ROWS, out)); break;
    default: OK(sbi_tape_hessian(work, p->theta, &value, NULL, out)); break;
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(sbi_tape_work *work, const problem *p, int kind, int repeat, double *out)
{
    double *seconds = take((size_t)repeat, sizeof *seconds);
    evaluate(work, p, kind, out);
    for (int i = 0; i < repeat; i++) {
        const double start = now();
        evaluate(work, p, kind, out);
        seconds[i] = now() - start;
    }
    qsort(seconds, (size_t)repeat, sizeof *seconds, by_size);
    const double m = seconds[repeat / 2];
    free(seconds);
    return m;
}

static sbi_tape_work *work_on(const problem *p, const options *o, const char *device, int32_t precision)
{
    sbi_tape_work_options w = SBI_TAPE_WORK_OPTIONS_INIT;
    sbi_tape_work *work;
    w.device = device;
    w.device_memory = o->memory;
    w.precision = precision;
    if (sbi_tape_work_create_with(&work, p->tape, &w) == SBI_OK) return work;
    printf("{\"bench\": \"gpu_likelihood\", \"skipped\": \"%s\"}\n", sbi_last_error());
    exit(0);
}

static void measure(const problem *p, const options *o, int32_t precision)
{
    const double entries = (double)p->events * (double)p->nuisances * PROCESSES;
    const size_t most = p->params * p->params;
    double *got = take(most, sizeof *got), *expected = take(most, sizeof *expected);
    const char *name = precision == SBI_PRECISION_MIXED ? "mixed" : "double";
    sbi_tape_work *device = work_on(p, o, o->device, precision), *host = work_on(p, o, NULL, precision);
    double start = now();
    evaluate(device, p, VALUE, got);
    printf("{\"bench\": \"gpu_likelihood\", \"what\": \"first\", \"entries\": %.3g, \"precision\": \"%s\", \"seconds\": %.4g}\n", entries, name,
           now() - start);
    for (int kind = 0; kind < KINDS; kind++) {
        const size_t numbers = kind == VALUE ? 1 : kind == GRADIENT ? p->params : kind == HESSIAN ? most : ROWS * p->params;
        memset(got, 0, most * sizeof *got);
        const double seconds = median(device, p, kind, o->repeat, got);
        printf("{\"bench\": \"gpu_likelihood\", \"what\": \"%s\", \"entries\": %.3g, \"events\": %zu, \"precision\": \"%s\", "
               "\"device\": \"%s\", \"seconds\": %.4g, \"ps_per_entry\": %.4g, \"GB_per_s\": %.4g",
               kinds[kind], entries, p->events, name, o->device, seconds, 1e12 * seconds / entries, 4e-9 * entries / seconds);
        if (o->bandwidth > 0) printf(", \"share\": %.3g", 4e-9 * entries / seconds / o->bandwidth);
        if (entries <= 1.01 * o->cpu_entries) {
            memset(expected, 0, most * sizeof *expected);
            const double processor = median(host, p, kind, 1, expected);
            double largest = 0.0, difference = 0.0;
            for (size_t i = 0; i < (numbers < most ? numbers : most); i++) {
                largest = fmax(largest, fabs(expected[i]));
                difference = fmax(difference, fabs(got[i] - expected[i]));
            }
            printf(", \"cpu_threads\": %d, \"cpu_seconds\": %.4g, \"times\": %.4g, \"difference\": %.2g", (int)sbi_context_threads(p->ctx),
                   processor, processor / seconds, difference / largest);
        }
        printf("}\n");
        fflush(stdout);
    }
    sbi_tape_work_destroy(device);
    sbi_tape_work_destroy(host);
    free(got);
    free(expected);
}

static void run(double entries, const options *o)
{
    problem p = {.nuisances = o->nuisances, .params = o->nuisances + 1};
    p.events = (size_t)(entries / (double)(PROCESSES * p.nuisances) + 0.5);
    if (p.events == 0) p.events = 1;
    p.columns = take(PROCESSES * p.nuisances * 2 * p.events, sizeof *p.columns);
    p.ratios = take(PROCESSES * p.events, sizeof *p.ratios);
    p.theta = take(p.params, sizeof *p.theta);
    p.V = take(ROWS * p.params, sizeof *p.V);
    fill(&p);
    OK(sbi_context_create(&p.ctx, NULL));
    OK(sbi_tape_create(&p.tape, p.ctx));
    record(&p);
    for (int i = 0; i < PRECISIONS; i++)
        if (o->precisions[i]) measure(&p, o, i);
    sbi_tape_destroy(p.tape);
    sbi_context_destroy(p.ctx);
    free(p.columns);
    free(p.ratios);
    free(p.theta);
    free(p.V);
}

int main(int argc, char **argv)
{
    options o = {.device = "cuda", .entries = "1e6,1e7,1e8,4e8", .nuisances = 100, .repeat = 5, .precisions = {1, 1}, .cpu_entries = 1e7};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--device") == 0) o.device = value;
        else if (strcmp(name, "--entries") == 0) o.entries = value;
        else if (strcmp(name, "--nuisances") == 0) o.nuisances = (size_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--repeat") == 0) o.repeat = atoi(value);
        else if (strcmp(name, "--cpu-entries") == 0) o.cpu_entries = atof(value);
        else if (strcmp(name, "--bandwidth") == 0) o.bandwidth = atof(value);
        else if (strcmp(name, "--memory") == 0) o.memory = atoll(value);
        else if (strcmp(name, "--precision") == 0) {
            o.precisions[SBI_PRECISION_DOUBLE] = strcmp(value, "mixed") != 0;
            o.precisions[SBI_PRECISION_MIXED] = strcmp(value, "double") != 0;
        } else {
            fprintf(stderr, "bench_likelihood_gpu: unknown option %s\n", name);
            return 1;
        }
    }
    if (o.repeat < 1 || o.nuisances < 1) return 1;
    for (const char *at = o.entries; *at;) {
        char *end;
        const double entries = strtod(at, &end);
        if (end == at || !(entries >= 1)) {
            fprintf(stderr, "bench_likelihood_gpu: --entries %s\n", o.entries);
            return 1;
        }
        run(entries, &o);
        at = *end == ',' ? end + 1 : end;
    }
    return 0;
}
