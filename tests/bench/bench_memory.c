/* SPDX-License-Identifier: Apache-2.0 */
/* Peak memory of a gradient and of a full Hessian against the number of events, as JSON lines. Columns have stride 0, so that
 * they take no memory themselves and all that is seen is the library's; or they are streamed as f16 from a source that makes them up.
 * Usage: bench_memory [NUISANCES] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sbi/sbi.h"

enum { PROCESSES = 4 };

static long long resident_anonymous(void)
{
    long long kilobytes = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "RssAnon: %lld", &kilobytes);
    if (f) fclose(f);
    return kilobytes * 1024;
}

static int64_t n_streamed;

/* Logarithms that are zero. */
static sbi_status read_zeros(void *self, int64_t first, int64_t count, void *out)
{
    (void)first;
    memset(out, 0, (size_t)(*(int64_t *)self * count) * 2);
    return SBI_OK;
}

static sbi_var record(sbi_tape *tape, int64_t n, size_t nuisances, int streamed, sbi_array *column)
{
    static const double ratio = 1.1;
    *column = sbi_array_1d(&ratio, SBI_F64, n);
    column->strides[0] = 0;
    sbi_events events = sbi_tape_events(tape, "events", n);
    sbi_var *alpha = malloc(nuisances * sizeof *alpha);
    sbi_array *columns = malloc(nuisances * sizeof *columns);
    sbi_var lambda = sbi_tape_constant(tape, 0);
    for (size_t k = 0; k < nuisances && alpha && columns; k++) {
        char name[32];
        snprintf(name, sizeof name, "alpha%zu", k);
        alpha[k] = sbi_tape_param(tape, name);
        columns[k] = *column;
    }
    for (int p = 0; p < PROCESSES; p++) {
        sbi_column_source source = SBI_COLUMN_SOURCE_INIT;
        n_streamed = 2 * (int64_t)nuisances;
        source.dtype = SBI_F16;
        source.n_columns = n_streamed;
        source.self = &n_streamed;
        source.read = read_zeros;
        sbi_var g = streamed ? sbi_tape_morph_source(tape, events, alpha, nuisances, &source, SBI_INTERP_CODE4, SBI_MORPH_LOG, "zeros")
                             : sbi_tape_morph(tape, events, alpha, nuisances, columns, columns, SBI_INTERP_CODE4, SBI_MORPH_RATIO);
        lambda = sbi_tape_add(tape, lambda, sbi_tape_mul(tape, sbi_tape_column(tape, events, column, "ratio"), g));
    }
    free(alpha);
    free(columns);
    return sbi_tape_neg(tape, sbi_tape_sum(tape, sbi_tape_log(tape, lambda)));
}

static sbi_status measure(int64_t n, size_t nuisances, int streamed)
{
    sbi_context *ctx = NULL;
    sbi_tape *tape = NULL;
    sbi_tape_work *work = NULL;
    sbi_array column;
    double *theta = calloc(nuisances, sizeof *theta), *gradient = calloc(nuisances, sizeof *gradient);
    double *hessian = calloc(nuisances * nuisances, sizeof *hessian), value;
    sbi_status status = theta && gradient && hessian ? sbi_context_create(&ctx, NULL) : SBI_ERR_NO_MEMORY;
    if (status == SBI_OK) status = sbi_tape_create(&tape, ctx);
    if (status == SBI_OK) status = sbi_tape_seal(tape, record(tape, n, nuisances, streamed, &column));
    if (status == SBI_OK) status = sbi_tape_work_create(&work, tape);
    if (status == SBI_OK) status = sbi_tape_eval(work, theta, &value, gradient);
    size_t gradient_peak = ctx ? sbi_memory_peak(ctx) : 0;
    if (status == SBI_OK) status = sbi_tape_hessian(work, theta, &value, gradient, hessian);
    if (status == SBI_OK)
        printf("{\"bench\": \"memory\", \"columns\": \"%s\", \"events\": %lld, \"processes\": %d, \"nuisances\": %zu, \"threads\": %d, "
               "\"gradient_peak\": %zu, \"hessian_peak\": %zu, \"resident_anonymous\": %lld}\n",
               streamed ? "streamed" : "memory", (long long)n, PROCESSES, nuisances, (int)sbi_context_threads(ctx), gradient_peak, sbi_memory_peak(ctx),
               resident_anonymous());
    else
        fprintf(stderr, "bench_memory: %s\n", sbi_last_error());
    sbi_tape_work_destroy(work);
    sbi_tape_destroy(tape);
    sbi_context_destroy(ctx);
    free(hessian);
    free(gradient);
    free(theta);
    return status;
}

int main(int argc, char **argv)
{
    size_t nuisances = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
    static const int64_t sizes[] = {10000, 100000, 1000000};
    for (size_t i = 0; i < 2 * (sizeof sizes / sizeof sizes[0]); i++) {
        if (measure(sizes[i / 2], nuisances, (int)(i % 2)) != SBI_OK) return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
