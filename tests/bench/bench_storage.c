/* SPDX-License-Identifier: Apache-2.0 */
/* What storing event variations as f16 or f32 logarithms instead of f64, and evaluating in mixed precision, changes: differences of NLL between two
 * points, gradient, Hessian, best fit and errors, of the same model packed in each type. "f16-1" is the stored f16 with its last bit rounded away:
 * its distance from f16 over the root of six estimates the error of f16 without the f64 columns (docs/precision.md).
 * As JSON lines. Usage: bench_storage [EVENTS]; files go to TMPDIR. */
#include <ftw.h>
#include <unistd.h>

#include "sbi/sbi.h"
#include "scale_model.h"

enum { PARAMETERS = SCALE_NUISANCES + 1 };

typedef struct answers {
    double nll[3]; /* at the f64 best fit, and at two points about one and three standard deviations from it */
    double gradient[PARAMETERS], hessian[PARAMETERS * PARAMETERS]; /* at the first of the two points */
    double best[PARAMETERS], errors[PARAMETERS];
} answers;

/* One standard deviation of each parameter, up and down in turn, divided by the root of their number. */
static void point(const answers *exact, double distance, double *theta)
{
    for (size_t k = 0; k < PARAMETERS; k++)
        theta[k] = exact->best[k] + distance * exact->errors[k] * (k % 2 ? 1 : -1) / sqrt(PARAMETERS);
}

static sbi_status ask(sbi_context *ctx, const char *document, int32_t precision, const answers *exact, answers *a)
{
    sbi_fit_options fit_options = SBI_FIT_OPTIONS_INIT;
    sbi_tape_work_options work_options = SBI_TAPE_WORK_OPTIONS_INIT;
    if (precision == SBI_PRECISION_MIXED) fit_options.flags = SBI_FIT_MIXED;
    work_options.precision = precision;
    sbi_model *model;
    sbi_model_work *work = NULL;
    sbi_fit *fit = NULL;
    double theta[PARAMETERS];
    SBI_TRY(sbi_model_load(&model, ctx, document));
    sbi_status status = sbi_fit_run(&fit, model, &fit_options);
    if (status == SBI_OK) status = sbi_fit_values(fit, a->best);
    if (status == SBI_OK) status = sbi_fit_errors(fit, a->errors);
    if (status == SBI_OK) status = sbi_model_work_create_with(&work, model, &work_options);
    for (int i = 0; i < 3 && status == SBI_OK; i++) {
        point(exact, i == 2 ? 3 : i, theta);
        status = i == 1 ? sbi_model_hessian(work, theta, &a->nll[i], a->gradient, a->hessian)
                        : sbi_model_nll(work, theta, &a->nll[i], NULL);
    }
    sbi_model_work_destroy(work);
    sbi_fit_destroy(fit);
    sbi_model_destroy(model);
    return status;
}

static void report(const char *dtype, const char *against, int32_t precision, int64_t events, const answers *exact, const answers *a)
{
    double gradient = 0, hessian = 0, shift = 0, error = 0;
    for (size_t k = 0; k < PARAMETERS; k++) {
        gradient = fmax(gradient, fabs(a->gradient[k] - exact->gradient[k]) * exact->errors[k]);
        shift = fmax(shift, fabs(a->best[k] - exact->best[k]) / exact->errors[k]);
        error = fmax(error, fabs(a->errors[k] / exact->errors[k] - 1));
        for (size_t l = 0; l < PARAMETERS; l++)
            hessian = fmax(hessian, fabs(a->hessian[k * PARAMETERS + l] - exact->hessian[k * PARAMETERS + l]) * exact->errors[k] *
                                        exact->errors[l]);
    }
    printf("{\"bench\": \"storage\", \"dtype\": \"%s\", \"against\": \"%s\", \"precision\": \"%s\", \"events\": %lld, \"delta_nll_1\": %.6g, \"delta_nll_3\": %.6g, "
           "\"error_delta_nll_1\": %.3g, \"error_delta_nll_3\": %.3g, \"error_gradient\": %.3g, \"error_hessian\": %.3g, "
           "\"shift_mu\": %.3g, \"shift_largest\": %.3g, \"error_of_errors\": %.3g}\n",
           dtype, against, precision == SBI_PRECISION_MIXED ? "mixed" : "double", (long long)events, exact->nll[1] - exact->nll[0], exact->nll[2] - exact->nll[0],
           (a->nll[1] - a->nll[0]) - (exact->nll[1] - exact->nll[0]), (a->nll[2] - a->nll[0]) - (exact->nll[2] - exact->nll[0]), gradient,
           hessian, fabs(a->best[0] - exact->best[0]) / exact->errors[0], shift, error);
    fflush(stdout);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *w)
{
    (void)s;
    (void)kind;
    (void)w;
    return remove(path);
}

/* Rounds the last bit of every half in a packed store away, ties to even. */
static sbi_status coarsen(const char *path)
{
    enum { HEADER = 10 };
    unsigned char head[HEADER];
    uint16_t block[4096];
    FILE *f = fopen(path, "r+b");
    if (!f || fread(head, 1, HEADER, f) != HEADER) return SBI_ERR_IO;
    long at = HEADER + head[8] + 256 * head[9];
    for (size_t n; fseek(f, at, SEEK_SET) == 0 && (n = fread(block, 2, 4096, f)) > 0; at += (long)(2 * n)) {
        for (size_t i = 0; i < n; i++) block[i] = (uint16_t)((block[i] + (block[i] >> 1 & 1u)) & ~1u);
        if (fseek(f, at, SEEK_SET) != 0 || fwrite(block, 2, n, f) != n) break;
    }
    const int bad = ferror(f);
    return fclose(f) == 0 && !bad ? SBI_OK : SBI_ERR_IO;
}

static sbi_status both_precisions(sbi_context *ctx, const char *document, const char *name, const char *against, int64_t events,
                                  const answers *exact, answers *out)
{
    for (int32_t precision = SBI_PRECISION_DOUBLE; precision <= SBI_PRECISION_MIXED; precision++) {
        static answers a;
        SBI_TRY(ask(ctx, document, precision, exact, &a));
        report(name, against, precision, events, exact, &a);
        if (precision == SBI_PRECISION_DOUBLE) *out = a;
    }
    return SBI_OK;
}

static sbi_status run(sbi_context *ctx, const char *folder, int64_t events)
{
    static const struct {
        int32_t dtype;
        const char *name;
    } types[] = {{SBI_F64, "f64"}, {SBI_F32, "f32"}, {SBI_F16, "f16"}};
    static answers exact, half, other;
    scale_model m = {.ctx = ctx, .folder = folder, .events = events, .integration = events / 2, .dtype = SBI_F64};
    SCALE_PATH(document, &m, "model.json");
    SBI_TRY(scale_write(&m, document));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        sbi_pack_options options = SBI_PACK_OPTIONS_INIT;
        options.dtype = types[i].dtype;
        options.storage = SBI_MORPH_LOG;
        SCALE_PATH(packed, &m, "%s.json", types[i].name);
        SBI_TRY(sbi_workspace_pack(ctx, document, packed, &options));
        if (i == 0) SBI_TRY(ask(ctx, packed, SBI_PRECISION_DOUBLE, &exact, &exact));
        SBI_TRY(both_precisions(ctx, packed, types[i].name, "f64", events, &exact, &half));
    }
    SCALE_PATH(coarse, &m, "f16.json");
    SCALE_PATH(columns, &m, "f16.channel0.npy");
    SCALE_PATH(integration, &m, "f16.channel0_integration.npy");
    SBI_TRY(coarsen(columns));
    SBI_TRY(coarsen(integration));
    SBI_TRY(ask(ctx, coarse, SBI_PRECISION_DOUBLE, &exact, &other));
    report("f16-1", "f16", SBI_PRECISION_DOUBLE, events, &half, &other);
    return SBI_OK;
}

int main(int argc, char **argv)
{
    const int64_t events = argc > 1 ? (int64_t)strtod(argv[1], NULL) : 30000;
    char folder[256];
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/sbi-bench-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    sbi_context *ctx;
    sbi_status status = sbi_context_create(&ctx, NULL);
    if (status == SBI_OK) status = run(ctx, folder, events);
    if (status != SBI_OK) fprintf(stderr, "bench_storage: %s\n", sbi_last_error());
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    sbi_context_destroy(ctx);
    return status == SBI_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
