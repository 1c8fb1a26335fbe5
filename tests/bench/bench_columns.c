/* SPDX-License-Identifier: Apache-2.0 */
/* Where columns are against the time of an evaluation: in memory, or streamed from files that the page cache holds; in a packed store or in
 * single files. As JSON lines, with the ratio to the same files in memory. Usage: bench_columns [EVENTS]; files go to TMPDIR. */
#include <ftw.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "sbi/sbi.h"
#include "scale_model.h"

enum { PARAMETERS = SCALE_NUISANCES + 1, ROUNDS = 7 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Both in turn, so that what else the machine does meets both. */
static sbi_status measure(sbi_model_work *works[2], int what, double median[2])
{
    static double theta[PARAMETERS], gradient[PARAMETERS], hessian[PARAMETERS * PARAMETERS];
    double value, times[2][ROUNDS];
    for (size_t k = 0; k < PARAMETERS; k++) theta[k] = k ? 0.1 * (double)(k % 7) - 0.3 : 1.1;
    for (int round = -1; round < ROUNDS; round++) {
        for (int i = 0; i < 2; i++) {
            const double start = seconds();
            SBI_TRY(what < 2 ? sbi_model_nll(works[i], theta, &value, what ? gradient : NULL)
                             : sbi_model_hessian(works[i], theta, &value, gradient, hessian));
            if (round >= 0) times[i][round] = seconds() - start;
        }
    }
    for (int i = 0; i < 2; i++) {
        qsort(times[i], ROUNDS, sizeof times[i][0], ascending);
        median[i] = times[i][ROUNDS / 2];
    }
    return SBI_OK;
}

static sbi_status compare(sbi_context *ctx, const char *document, const scale_model *m)
{
    static const char *const whats[] = {"value", "gradient", "hessian"};
    const double entries = (double)(m->events + m->integration) * SCALE_PROCESSES * SCALE_NUISANCES;
    sbi_model *models[2] = {NULL, NULL};
    sbi_model_work *works[2] = {NULL, NULL};
    sbi_status status = SBI_OK;
    for (int i = 0; i < 2 && status == SBI_OK; i++) {
        sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
        options.column_memory = i ? 0 : UINT64_MAX - 1;
        status = sbi_model_load_with(&models[i], ctx, document, &options);
        if (status == SBI_OK) status = sbi_model_work_create(&works[i], models[i]);
    }
    for (int what = 0; what < 3 && status == SBI_OK; what++) {
        double median[2];
        status = measure(works, what, median);
        if (status != SBI_OK) break;
        printf("{\"bench\": \"columns\", \"what\": \"%s\", \"files\": \"%s\", \"dtype\": \"f%zu\", \"events\": %lld, \"threads\": %d, "
               "\"memory_ns_per_entry\": %.3f, \"streamed_ns_per_entry\": %.3f, \"ratio\": %.3f}\n",
               whats[what], m->packed ? "packed" : "single", 8 * sbi_dtype_size(m->dtype), (long long)m->events,
               (int)sbi_context_threads(ctx), median[0] / entries * 1e9, median[1] / entries * 1e9, median[1] / median[0]);
        fflush(stdout);
    }
    for (int i = 0; i < 2; i++) {
        sbi_model_work_destroy(works[i]);
        sbi_model_destroy(models[i]);
    }
    return status;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *w)
{
    (void)s;
    (void)kind;
    (void)w;
    return remove(path);
}

static sbi_status run(sbi_context *ctx, int64_t events, int32_t dtype, int packed)
{
    char folder[256];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/sbi-bench-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(folder)) return sbi_fail(SBI_ERR_IO, "%s: cannot be made", folder);
    scale_model m = {.ctx = ctx, .folder = folder, .events = events, .integration = 2048, .dtype = dtype, .packed = packed};
    SCALE_PATH(document, &m, "model.json");
    sbi_status status = scale_write(&m, document);
    if (status == SBI_OK) status = compare(ctx, document, &m);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return status;
}

int main(int argc, char **argv)
{
    const int64_t events = argc > 1 ? (int64_t)strtod(argv[1], NULL) : 65536;
    sbi_context *ctx;
    sbi_status status = sbi_context_create(&ctx, NULL);
    if (status == SBI_OK) status = run(ctx, events, SBI_F16, 1);
    if (status == SBI_OK) status = run(ctx, events, SBI_F16, 0);
    if (status == SBI_OK) status = run(ctx, events, SBI_F64, 1);
    if (status == SBI_OK) status = run(ctx, events, SBI_F64, 0);
    if (status != SBI_OK) fprintf(stderr, "bench_columns: %s\n", sbi_last_error());
    sbi_context_destroy(ctx);
    return status == SBI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
