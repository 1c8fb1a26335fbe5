/* SPDX-License-Identifier: Apache-2.0 */
/* A model of any number of events in a folder: 4 processes, 100 nuisance parameters in each, an integration sample, weights that
 * make mu = 1 and alpha = 0 about the best fit. Variations are normal numbers from a table, taken at another place for each block, process and
 * parameter, so that a store is written as fast as the disk takes it. */
#ifndef TESTS_BENCH_SCALE_MODEL_H
#define TESTS_BENCH_SCALE_MODEL_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/random.h"
#include "io/column.h"
#include "io/npy.h"
#include "sbi/model.h"

enum { SCALE_PROCESSES = 4, SCALE_NUISANCES = 100, SCALE_TABLE = 65536, SCALE_SPREADS = 4, SCALE_BATCH = 16 };

static const double scale_share[SCALE_PROCESSES] = {0.1, 0.35, 0.3, 0.25}; /* of the expected events; the first has the factor mu */

typedef struct scale_model {
    sbi_context *ctx;
    const char *folder;
    int64_t events, integration;
    int32_t dtype;  /* of the logarithms */
    int packed;     /* in one file, or in one for each */
    char *table[2]; /* hi and lo, [SCALE_SPREADS, SCALE_TABLE] */
} scale_model;

/* Where the values of a column begin in the table for a block; `over`: 0 events, 1 integration sample. */
static inline size_t scale_place(int over, int64_t block, size_t column)
{
    const uint64_t row = ((uint64_t)block << 20) + (column << 1) + (uint64_t)over;
    const size_t offset = (size_t)(sbi_random_uniform(3, 1, row) * (SCALE_TABLE - SBI_TAPE_BLOCK));
    return column % SCALE_NUISANCES % SCALE_SPREADS * SCALE_TABLE + offset;
}

static inline sbi_status scale_tables(scale_model *m)
{
    const size_t size = sbi_dtype_size(m->dtype), n = SCALE_SPREADS * SCALE_TABLE;
    for (int side = 0; side < 2; side++) {
        m->table[side] = malloc(n * size);
        if (!m->table[side]) return sbi_fail(SBI_ERR_NO_MEMORY, "no memory for a table");
        for (size_t i = 0; i < n; i++) {
            const double sigma = 0.01 * (double)(1 + i / SCALE_TABLE), z = fmax(-4, fmin(4, sbi_random_normal(5, 0, i)));
            const double x = side ? -0.9 * sigma * z + 0.1 * sigma * sigma * z * z : sigma * z;
            const float f = (float)x;
            const uint16_t h = sbi_half_from_double(x);
            memcpy(m->table[side] + i * size, m->dtype == SBI_F64 ? (const void *)&x : m->dtype == SBI_F32 ? (const void *)&f : &h, size);
        }
    }
    return SBI_OK;
}

/* ---- the variations --------------------------------------------------------------------------------------------------- */

typedef struct scale_batch {
    const scale_model *m;
    int over;
    int64_t first;
    char *out; /* [blocks, processes, nuisances, 2, SBI_TAPE_BLOCK] */
} scale_batch;

static inline sbi_status scale_fill(void *arg, size_t i)
{
    const scale_batch *b = arg;
    const size_t bytes = SBI_TAPE_BLOCK * sbi_dtype_size(b->m->dtype), columns = SCALE_PROCESSES * SCALE_NUISANCES;
    char *out = b->out + i * columns * 2 * bytes;
    for (size_t c = 0; c < columns; c++) {
        const size_t at = scale_place(b->over, b->first + (int64_t)i, c) * sbi_dtype_size(b->m->dtype);
        for (int side = 0; side < 2; side++, out += bytes) memcpy(out, b->m->table[side] + at, bytes);
    }
    return SBI_OK;
}

static inline sbi_status scale_write_packed(const scale_model *m, int over, const char *path)
{
    static const int64_t row[4] = {SCALE_PROCESSES, SCALE_NUISANCES, 2, SBI_TAPE_BLOCK};
    const int64_t n = over ? m->integration : m->events, blocks = (n + SBI_TAPE_BLOCK - 1) / SBI_TAPE_BLOCK;
    scale_batch b = {.m = m, .over = over};
    b.out = malloc((size_t)SCALE_BATCH * SCALE_PROCESSES * SCALE_NUISANCES * 2 * SBI_TAPE_BLOCK * sbi_dtype_size(m->dtype));
    if (!b.out) return sbi_fail(SBI_ERR_NO_MEMORY, "no memory for blocks");
    sbi_npy_writer *w;
    sbi_status status = sbi_npy_writer_open(&w, m->ctx, path, m->dtype, 4, row);
    if (status != SBI_OK) w = NULL;
    for (; b.first < blocks && status == SBI_OK; b.first += SCALE_BATCH) {
        const int64_t k = blocks - b.first < SCALE_BATCH ? blocks - b.first : SCALE_BATCH;
        status = sbi_parallel_for(m->ctx, (size_t)k, scale_fill, &b);
        if (status == SBI_OK) status = sbi_npy_writer_append(w, b.out, k);
    }
    free(b.out);
    if (status == SBI_OK) return sbi_npy_writer_commit(w);
    sbi_npy_writer_abandon(w);
    return status;
}

static inline sbi_status scale_write_single(const scale_model *m, int over, size_t column, int side, const char *path)
{
    const int64_t n = over ? m->integration : m->events;
    const size_t size = sbi_dtype_size(m->dtype);
    sbi_npy_writer *w;
    SBI_TRY(sbi_npy_writer_open(&w, m->ctx, path, m->dtype, 0, NULL));
    sbi_status status = SBI_OK;
    for (int64_t first = 0; first < n && status == SBI_OK; first += SBI_TAPE_BLOCK)
        status = sbi_npy_writer_append(w, m->table[side] + scale_place(over, first / SBI_TAPE_BLOCK, column) * size,
                                       n - first < SBI_TAPE_BLOCK ? n - first : SBI_TAPE_BLOCK);
    if (status == SBI_OK) return sbi_npy_writer_commit(w);
    sbi_npy_writer_abandon(w);
    return status;
}

/* ---- ratios and weights --------------------------------------------------------------------------------------------------- */

static inline double scale_ratio(int over, size_t process, int64_t i)
{
    const double z = sbi_random_uniform(9, process * 2 + (uint64_t)over, (uint64_t)i);
    return process == 0 ? 3 * z * z : process == 1 ? 1.3 - 0.6 * z : process == 2 ? 0.7 + 0.6 * z : 1.0;
}

/* process SCALE_PROCESSES: the weights. */
static inline sbi_status scale_write_column(const scale_model *m, int over, size_t process, const char *path)
{
    float x[SBI_TAPE_BLOCK];
    const int64_t n = over ? m->integration : m->events;
    sbi_npy_writer *w;
    SBI_TRY(sbi_npy_writer_open(&w, m->ctx, path, SBI_F32, 0, NULL));
    sbi_status status = SBI_OK;
    for (int64_t first = 0; first < n && status == SBI_OK; first += SBI_TAPE_BLOCK) {
        const int64_t k = n - first < SBI_TAPE_BLOCK ? n - first : SBI_TAPE_BLOCK;
        for (int64_t i = 0; i < k; i++) {
            double v = process < SCALE_PROCESSES ? scale_ratio(over, process, first + i) : over ? 1.0 : 0.0;
            for (size_t p = 0; process == SCALE_PROCESSES && !over && p < SCALE_PROCESSES; p++)
                v += scale_share[p] * scale_ratio(over, p, first + i);
            x[i] = (float)v;
        }
        status = sbi_npy_writer_append(w, x, k);
    }
    if (status == SBI_OK) return sbi_npy_writer_commit(w);
    sbi_npy_writer_abandon(w);
    return status;
}

/* ---- the document -------------------------------------------------------------------------------------------------------- */

#define SCALE_PATH(buffer, m, ...)                                                                                     \
    char buffer[512];                                                                                                  \
    do {                                                                                                               \
        const int used_ = snprintf(buffer, sizeof buffer, "%s/", (m)->folder);                                         \
        snprintf(buffer + used_, sizeof buffer - (size_t)used_, __VA_ARGS__);                                          \
    } while (0)

static inline sbi_status scale_document(const scale_model *m, const char *path)
{
    static const char *const over_name[2] = {"", "_integration"};
    FILE *f = fopen(path, "w");
    if (!f) return sbi_fail(SBI_ERR_IO, "%s: cannot be written", path);
    fprintf(f, "{\"channels\": [{\"name\": \"SR\", \"events\": {\"weights\": \"w.npy\"}, \"integration\": {\"weights\": \"v.npy\"},\n");
    if (m->packed) {
        fprintf(f, " \"eventsys\": {\"storage\": \"log\"");
        for (int over = 0; over < 2; over++)
            fprintf(f, ", \"file%s\": \"store%s.npy\", \"events%s\": %lld", over_name[over], over_name[over], over_name[over],
                    (long long)(over ? m->integration : m->events));
        fprintf(f, ", \"samples\": [");
        for (int p = 0; p < SCALE_PROCESSES; p++) fprintf(f, "%s\"P%d\"", p ? ", " : "", p);
        fprintf(f, "], \"parameters\": [");
        for (int k = 0; k < SCALE_NUISANCES; k++) fprintf(f, "%s\"alpha%d\"", k ? ", " : "", k);
        fprintf(f, "]},\n");
    }
    fprintf(f, " \"samples\": [\n");
    for (int p = 0; p < SCALE_PROCESSES; p++) {
        fprintf(f, "  {\"name\": \"P%d\", \"yield\": %.17g, \"factor\": \"%s\", \"ratio\": \"r%d.npy\", \"ratio_integration\": \"r%d_integration.npy\", "
                   "\"modifiers\": [\n",
                p, scale_share[p] * (double)m->events, p ? "1" : "mu", p, p);
        for (int k = 0; k < SCALE_NUISANCES; k++) {
            fprintf(f, "   {\"name\": \"alpha%d\", \"type\": \"eventsys\", \"data\": ", k);
            if (m->packed)
                fprintf(f, "null");
            else
                fprintf(f, "{\"storage\": \"log\", \"hi\": \"p%d_%d_hi.npy\", \"lo\": \"p%d_%d_lo.npy\", \"hi_integration\": "
                           "\"p%d_%d_hi_integration.npy\", \"lo_integration\": \"p%d_%d_lo_integration.npy\"}",
                        p, k, p, k, p, k, p, k);
            fprintf(f, "}%s\n", k + 1 < SCALE_NUISANCES ? "," : "");
        }
        fprintf(f, "  ]}%s\n", p + 1 < SCALE_PROCESSES ? "," : "");
    }
    fprintf(f, " ]}],\n \"measurements\": [{\"name\": \"m\", \"config\": {\"poi\": \"mu\", \"parameters\": [{\"name\": \"mu\", \"inits\": [1], "
               "\"bounds\": [[0, 10]]}]}}], \"version\": \"1.0.0\"}\n");
    return fclose(f) ? sbi_fail(SBI_ERR_IO, "%s: cannot be written", path) : SBI_OK;
}

/* Everything into m->folder; the document is written last. */
static inline sbi_status scale_write(scale_model *m, const char *document)
{
    static const char *const over_name[2] = {"", "_integration"};
    sbi_status status = scale_tables(m);
    for (int over = 0; over < 2 && status == SBI_OK; over++) {
        for (size_t p = 0; p <= SCALE_PROCESSES && status == SBI_OK; p++) {
            SCALE_PATH(ratio, m, "r%zu%s.npy", p, over_name[over]);
            SCALE_PATH(weights, m, "%s.npy", over ? "v" : "w");
            status = scale_write_column(m, over, p, p < SCALE_PROCESSES ? ratio : weights);
        }
        SCALE_PATH(store, m, "store%s.npy", over_name[over]);
        if (status == SBI_OK && m->packed) status = scale_write_packed(m, over, store);
        for (size_t c = 0; c < 2 * SCALE_PROCESSES * SCALE_NUISANCES && !m->packed && status == SBI_OK; c++) {
            SCALE_PATH(single, m, "p%zu_%zu_%s%s.npy", c / 2 / SCALE_NUISANCES, c / 2 % SCALE_NUISANCES, c % 2 ? "lo" : "hi",
                       over_name[over]);
            status = scale_write_single(m, over, c / 2, (int)(c % 2), single);
        }
    }
    for (int side = 0; side < 2; side++) free(m->table[side]);
    return status == SBI_OK ? scale_document(m, document) : status;
}

#endif
