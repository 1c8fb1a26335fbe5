/* SPDX-License-Identifier: Apache-2.0 */
/* A workspace with its column files in a temporary folder, and all that a model says of it. */
#ifndef SBI_TESTS_COLUMN_WORKSPACE_H
#define SBI_TESTS_COLUMN_WORKSPACE_H

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "io/column.h"
#include "sbi/model.h"
#include "support/folder.h"

/* S has JES and JER, B has JER and PDF. */
#define CW_PARAMETERS 4 /* mu, JES, JER, PDF */
enum { CW_LARGEST = 16384 };

typedef struct column_workspace {
    test_folder folder;
    test_path path;
    int64_t events, integration; /* integration 0: none */
    int32_t dtype, storage;      /* of the variations */
    int mixed;                   /* their element types differ */
} column_workspace;

/* A value of the column `stream` at event i: close to one. */
static inline double cw_value(int32_t stream, int64_t i)
{
    return 0.85 + 0.3 * sbi_random_uniform(11, (uint64_t)stream, (uint64_t)i);
}

static inline void cw_write(const column_workspace *w, sbi_context *ctx, const char *name, int32_t stream, int64_t n, int32_t dtype,
                            int32_t storage)
{
    static union {
        double f64[CW_LARGEST];
        float f32[CW_LARGEST];
        uint16_t f16[CW_LARGEST];
    } x;
    ck_assert_int_le(n, CW_LARGEST);
    for (int64_t i = 0; i < n; i++) {
        double v = cw_value(stream, i);
        if (storage == SBI_MORPH_LOG) v = log(v);
        if (dtype == SBI_F64) x.f64[i] = v;
        if (dtype == SBI_F32) x.f32[i] = (float)v;
        if (dtype == SBI_F16) x.f16[i] = sbi_half_from_double(v);
    }
    const sbi_array a = sbi_array_1d(&x, dtype, n);
    const test_path p = folder_path(&w->folder, name);
    ck_assert_msg(sbi_npy_write(ctx, p.text, &a) == SBI_OK, "%s", sbi_last_error());
}

static inline void cw_text(const test_path *path, const char *text)
{
    FILE *f = fopen(path->text, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* `integration` names the second member of each pair where there is an integration sample. */
static inline column_workspace cw_make(sbi_context *ctx, int64_t events, int64_t integration, int32_t dtype, int32_t storage,
                                       int mixed)
{
    column_workspace w = {.events = events, .integration = integration, .dtype = dtype, .storage = storage, .mixed = mixed};
    w.folder = folder_make();
    w.path = folder_path(&w.folder, "w.json");
    static const char *const samples[2] = {"S", "B"}, *const parameters[2][2] = {{"JES", "JER"}, {"JER", "PDF"}};
    static const char *const sides[2] = {"hi", "lo"};
    char text[8192], name[64];
    int used = 0;
#define CW_ADD(...) used += snprintf(text + used, sizeof text - (size_t)used, __VA_ARGS__)
    CW_ADD("{\"version\": \"1.0.0\", \"channels\": [{\"name\": \"SR\", \"events\": {\"weights\": \"w.npy\"},\n");
    if (integration) CW_ADD(" \"integration\": {\"weights\": \"v.npy\"},\n");
    CW_ADD(" \"samples\": [\n");
    for (int over = 0; over < (integration ? 2 : 1); over++)
        cw_write(&w, ctx, over ? "v.npy" : "w.npy", 100 + over, over ? integration : events, SBI_F64, SBI_MORPH_RATIO);
    for (int s = 0; s < 2; s++) {
        CW_ADD("  {\"name\": \"%s\", \"yield\": %d, \"factor\": \"%s\", \"ratio\": \"%s.npy\",\n", samples[s], s ? 700 : 300,
               s ? "1" : "mu", samples[s]);
        if (integration) CW_ADD("   \"ratio_integration\": \"%s_int.npy\",\n", samples[s]);
        CW_ADD("   \"modifiers\": [\n");
        for (int over = 0; over < (integration ? 2 : 1); over++) {
            snprintf(name, sizeof name, "%s%s.npy", samples[s], over ? "_int" : "");
            cw_write(&w, ctx, name, 10 * s + over, over ? integration : events, SBI_F32, SBI_MORPH_RATIO);
        }
        for (int k = 0; k < 2; k++) {
            CW_ADD("    {\"name\": \"%s\", \"type\": \"eventsys\", \"data\": {\"storage\": \"%s\"", parameters[s][k],
                   storage == SBI_MORPH_LOG ? "log" : "ratio");
            for (int side = 0; side < 2; side++) {
                for (int over = 0; over < (integration ? 2 : 1); over++) {
                    snprintf(name, sizeof name, "%s_%s_%s%s.npy", samples[s], parameters[s][k], sides[side], over ? "_int" : "");
                    const int32_t own = mixed ? SBI_F16 + (s + k + side) % 3 : dtype;
                    cw_write(&w, ctx, name, 20 + 8 * s + 4 * k + 2 * side + over, over ? integration : events, own, storage);
                    CW_ADD(", \"%s%s\": \"%s\"", sides[side], over ? "_integration" : "", name);
                }
            }
            CW_ADD("}}%s\n", k ? "" : ",");
        }
        CW_ADD("   ]}%s\n", s ? "" : ",");
    }
    CW_ADD(" ]}],\n \"measurements\": [{\"name\": \"m\", \"config\": {\"poi\": \"mu\", \"parameters\": ["
           "{\"name\": \"mu\", \"inits\": [1], \"bounds\": [[0, 9]]}, {\"name\": \"JES\"}, {\"name\": \"JER\"}, {\"name\": \"PDF\"}]}}]}\n");
#undef CW_ADD
    ck_assert_int_lt(used, (int)sizeof text);
    cw_text(&w.path, text);
    return w;
}

static inline sbi_context *cw_context(int32_t threads)
{
    sbi_context *ctx;
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.log_level = SBI_LOG_ERROR;
    ck_assert_int_eq(sbi_context_create(&ctx, &options), SBI_OK);
    return ctx;
}

/* With `memory` bytes for columns. */
static inline sbi_status cw_load(sbi_model **out, sbi_context *ctx, const char *path, uint64_t memory)
{
    sbi_workspace_options options = SBI_WORKSPACE_OPTIONS_INIT;
    options.column_memory = memory;
    return sbi_model_load_with(out, ctx, path, &options);
}

typedef struct cw_answers {
    double value, gradient[CW_PARAMETERS], hessian[CW_PARAMETERS * CW_PARAMETERS], hv[2 * CW_PARAMETERS], rows[CW_PARAMETERS];
    double asimov_value, asimov_gradient[CW_PARAMETERS], mixed_value, mixed_gradient[CW_PARAMETERS];
} cw_answers;

static const double cw_theta[CW_PARAMETERS] = {1.3, 0.4, -1.6, 1.2};

/* Everything that reads columns. */
static inline sbi_status cw_ask(const sbi_model *m, cw_answers *a)
{
    static const double V[2 * CW_PARAMETERS] = {1, -0.5, 0.25, 2, 0, 1, 1, -1};
    sbi_model_work *work = NULL, *other = NULL;
    sbi_model *asimov = NULL;
    memset(a, 0, sizeof *a);
    sbi_status status = sbi_model_work_create(&work, m);
    if (status == SBI_OK) status = sbi_model_hessian(work, cw_theta, &a->value, a->gradient, a->hessian);
    if (status == SBI_OK) status = sbi_model_hvp(work, cw_theta, V, 2, a->hv);
    if (status == SBI_OK) status = sbi_model_hessian_rows(work, cw_theta, 1, 1, a->rows);
    sbi_model_work_destroy(work);
    work = NULL;
    sbi_tape_work_options mixed = SBI_TAPE_WORK_OPTIONS_INIT;
    mixed.precision = SBI_PRECISION_MIXED;
    if (status == SBI_OK) status = sbi_model_work_create_with(&work, m, &mixed);
    if (status == SBI_OK) status = sbi_model_nll(work, cw_theta, &a->mixed_value, a->mixed_gradient);
    if (status == SBI_OK && sbi_model_n_asimov_events(m, 0) >= 0) {
        status = sbi_model_asimov(&asimov, m, cw_theta);
        if (status == SBI_OK) status = sbi_model_work_create(&other, asimov);
        if (status == SBI_OK) status = sbi_model_nll(other, cw_theta, &a->asimov_value, a->asimov_gradient);
    }
    sbi_model_work_destroy(other);
    sbi_model_destroy(asimov);
    sbi_model_work_destroy(work);
    return status;
}

static inline void cw_load_and_ask(const char *path, int32_t threads, uint64_t memory, cw_answers *answers)
{
    sbi_context *own = cw_context(threads);
    sbi_model *m;
    ck_assert_msg(cw_load(&m, own, path, memory) == SBI_OK, "%s", sbi_last_error());
    ck_assert_msg(cw_ask(m, answers) == SBI_OK, "%s", sbi_last_error());
    sbi_model_destroy(m);
    sbi_context_destroy(own);
}

#endif
