/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of a model: lent by the caller, held in memory, or streamed from files. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"
#include "tape/record.h"

/* Streamed files that a model keeps open: a part of what the process may open. More are opened anew for each read. */
#define MOST_DESCRIPTORS 4096
#define SHARE_OF_DESCRIPTORS 4

static size_t most_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return 0;
    const rlim_t most = limit.rlim_cur / SHARE_OF_DESCRIPTORS;
    return most < MOST_DESCRIPTORS ? (size_t)most : MOST_DESCRIPTORS;
}

/* ---- one column -------------------------------------------------------------------------------------------------- */

model_column sbi_model_lent_column(const sbi_array *a)
{
    model_column c = {0};
    if (!a) return c;
    c.given = 1;
    c.array = *a;
    c.n = a->ndim == 1 ? a->shape[0] : 0;
    return c;
}

/* Rows of one block. */
static sbi_status read_in_block(const model_column *c, int64_t first, int64_t n, double *out)
{
    const int64_t block = first / SBI_TAPE_BLOCK, row = first % SBI_TAPE_BLOCK, size = (int64_t)sbi_dtype_size(c->array.dtype);
    char bytes[SBI_TAPE_BLOCK * sizeof(double)];
    sbi_array view = sbi_array_1d(bytes, c->array.dtype, n);
    if (c->file) {
        const uint64_t at = c->offset + (uint64_t)block * c->block_stride + (uint64_t)(row * size);
        SBI_TRY(sbi_column_file_read(c->file, at, (size_t)(n * size), bytes));
    } else {
        view.data = (const char *)c->array.data + block * c->array.strides[0] + row * c->array.strides[1];
        view.strides[0] = c->array.strides[1];
    }
    sbi_column_read_f64(&view, 0, n, out);
    return SBI_OK;
}

sbi_status sbi_model_column_read(const model_column *c, int64_t first, int64_t n, double *out)
{
    if (!c->file && c->array.ndim == 1) {
        sbi_column_read_f64(&c->array, first, n, out);
        return SBI_OK;
    }
    while (n > 0) {
        int64_t here = SBI_TAPE_BLOCK - first % SBI_TAPE_BLOCK;
        if (here > n) here = n;
        SBI_TRY(read_in_block(c, first, here, out));
        first += here;
        out += here;
        n -= here;
    }
    return SBI_OK;
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static sbi_status hold(sbi_model *m, model_file *f, uint64_t *memory_left)
{
    const size_t size = sbi_column_file_header(f->file)->data_size;
    if (size > *memory_left) {
        if (m->n_descriptors >= most_descriptors())
            sbi_column_file_release(f->file);
        else
            m->n_descriptors++;
        return sbi_column_file_check(f->file);
    }
    f->memory = sbi_alloc(m->ctx, size);
    if (!f->memory) return sbi_fail_within(SBI_ERR_NO_MEMORY, "%s", sbi_column_file_path(f->file));
    sbi_prefer_large_pages(f->memory, size);
    SBI_TRY(sbi_column_file_read_all(f->file, f->memory));
    *memory_left -= size;
    sbi_column_file_release(f->file);
    return SBI_OK;
}

sbi_status sbi_model_take_file(sbi_model *m, sbi_column_file *file, uint64_t *memory_left, model_file *out)
{
    model_file *f = sbi_model_grow(m->ctx, (void **)&m->files, &m->n_files, sizeof *f);
    if (!f) {
        sbi_column_file_close(file);
        return SBI_ERR_NO_MEMORY;
    }
    f->file = file;
    SBI_TRY(hold(m, f, memory_left));
    *out = *f;
    return SBI_OK;
}

void sbi_model_close_files(sbi_model *m)
{
    for (size_t i = 0; i < m->n_files; i++) {
        sbi_column_file_close(m->files[i].file);
        sbi_free(m->ctx, m->files[i].memory);
    }
    sbi_free(m->ctx, m->files);
}

sbi_status sbi_model_file_column(const model_file *f, const char *name, model_column *out)
{
    const sbi_npy_header *h = sbi_column_file_header(f->file);
    *out = (model_column){.given = 1};
    if (h->ndim != 1) return sbi_fail(SBI_ERR_SHAPE, "%s: 1 dimensions expected, %d found", name, (int)h->ndim);
    out->n = h->shape[0];
    out->array = sbi_array_1d(f->memory, h->dtype, h->shape[0]);
    if (f->memory) return SBI_OK;
    out->file = f->file;
    out->block_stride = SBI_TAPE_BLOCK * sbi_dtype_size(h->dtype);
    return SBI_OK;
}

/* ---- as sources of a tape ------------------------------------------------------------------------------------------ */

/* Asking for what comes next costs time where it is in the kernel's cache, or a stream's, which is where reads are faster than this many
 * bytes in a second. But so are they where asking did its work: a slow read is followed by this many requests. */
#define CACHED_RATE 4e9
#define REQUESTS_AFTER_SLOW 256

typedef struct stream {
    sbi_context *ctx;
    int32_t dtype;
    atomic_int requests; /* left to make */
    size_t n;
    const model_column **columns; /* [n]; owned by the model, which outlives its tape */
    const char *name;             /* of the sample, for messages */
    const sbi_model *model;
    size_t *parameters;           /* [n / 2] of a morph */
} stream;

static size_t element_size(const stream *s)
{
    return sbi_dtype_size(s->dtype);
}

/* Columns from c on whose blocks lie one after the other in a file, as a packed store has them. */
static size_t run_length(const stream *s, size_t c)
{
    const model_column *first = s->columns[c];
    const uint64_t block = SBI_TAPE_BLOCK * element_size(s);
    if (!first->file || first->array.dtype != s->dtype) return 1;
    size_t n = 1;
    for (; c + n < s->n; n++) {
        const model_column *next = s->columns[c + n];
        if (next->file != first->file || next->block_stride != first->block_stride || next->offset != first->offset + n * block)
            break;
    }
    return n;
}

static sbi_status read_column(const stream *s, const model_column *c, int64_t first, int64_t count, char *out)
{
    const size_t size = element_size(s);
    if (c->array.dtype != s->dtype) return sbi_model_column_read(c, first, count, (double *)(void *)out);
    if (c->file)
        return sbi_column_file_read(c->file, c->offset + (uint64_t)(first / SBI_TAPE_BLOCK) * c->block_stride,
                                    (size_t)count * size, out);
    const char *from = c->array.data;
    int64_t stride = c->array.strides[0];
    if (c->array.ndim == 2) {
        from += first / SBI_TAPE_BLOCK * stride;
        stride = c->array.strides[1];
    } else {
        from += first * stride;
    }
    if (stride == (int64_t)size)
        memcpy(out, from, (size_t)count * size);
    else
        for (int64_t i = 0; i < count; i++) memcpy(out + (size_t)i * size, from + i * stride, size);
    return SBI_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sbi_status read_run(stream *s, const model_column *column, int64_t first, size_t bytes, char *out)
{
    const double start = seconds();
    SBI_TRY(sbi_column_file_read(column->file, column->offset + (uint64_t)(first / SBI_TAPE_BLOCK) * column->block_stride, bytes,
                                 out));
    if ((double)bytes < CACHED_RATE * (seconds() - start)) atomic_store(&s->requests, REQUESTS_AFTER_SLOW);
    return SBI_OK;
}

static sbi_status stream_read(void *self, int64_t first, int64_t count, void *out)
{
    stream *s = self;
    const size_t size = element_size(s);
    char *to = out;
    for (size_t c = 0, run; c < s->n; c += run) {
        run = count == SBI_TAPE_BLOCK ? run_length(s, c) : 1;
        const size_t bytes = run * (size_t)count * size;
        const model_column *column = s->columns[c];
        if (run > 1)
            SBI_TRY(read_run(s, column, first, bytes, to));
        else
            SBI_TRY(read_column(s, column, first, count, to));
        to += bytes;
    }
    return SBI_OK;
}

/* Single columns are read in order, which the kernel sees by itself. */
static void stream_will_need(void *self, int64_t first, int64_t count)
{
    stream *s = self;
    if (atomic_load(&s->requests) <= 0) return;
    atomic_fetch_sub(&s->requests, 1);
    for (size_t c = 0, run; c < s->n && count == SBI_TAPE_BLOCK; c += run) {
        run = run_length(s, c);
        const model_column *column = s->columns[c];
        if (run > 1)
            sbi_column_file_will_need(column->file, column->offset + (uint64_t)(first / SBI_TAPE_BLOCK) * column->block_stride,
                                      run * SBI_TAPE_BLOCK * element_size(s));
    }
}

static void stream_name(void *self, int64_t column, char *text, size_t size)
{
    const stream *s = self;
    const model_column *c = s->columns[column];
    const char *path = c->file ? sbi_column_file_path(c->file) : "column in memory";
    if (s->n == 1)
        snprintf(text, size, "%s: %s", path, s->name);
    else
        snprintf(text, size, "%s: %s, %s of %s", path, s->name, column % 2 ? "lo" : "hi",
                 s->model->parameters[s->parameters[column / 2]].name);
}

static void stream_destroy(void *self)
{
    stream *s = self;
    sbi_free(s->ctx, s->columns);
    sbi_free(s->ctx, s->parameters);
    sbi_free(s->ctx, s);
}

/* A stream of n columns that the caller fills in. */
static stream *stream_create(sbi_context *ctx, size_t n, const char *name)
{
    stream *s = sbi_alloc_zero(ctx, 1, sizeof *s);
    if (!s) return NULL;
    s->ctx = ctx;
    s->n = n;
    s->name = name;
    s->columns = sbi_alloc_zero(ctx, n, sizeof(const model_column *));
    s->parameters = sbi_alloc_zero(ctx, n / 2, sizeof *s->parameters);
    if (s->columns && s->parameters) return s;
    stream_destroy(s);
    return NULL;
}

static sbi_column_source source_of(stream *s)
{
    s->dtype = s->columns[0]->array.dtype;
    for (size_t i = 1; i < s->n; i++)
        if (s->columns[i]->array.dtype != s->dtype) s->dtype = SBI_F64; /* any other is exact in it, or read as it anyway */
    sbi_column_source source = SBI_COLUMN_SOURCE_INIT;
    source.dtype = s->dtype;
    source.n_columns = (int64_t)s->n;
    source.self = s;
    source.read = stream_read;
    source.will_need = stream_will_need;
    source.name = stream_name;
    source.destroy = stream_destroy;
    return source;
}

/* ---- recording ------------------------------------------------------------------------------------------------------ */

sbi_var sbi_model_record_column(sbi_context *ctx, sbi_tape *tape, sbi_events events, const model_column *c, const char *name)
{
    if (!c->file) return sbi_tape_column(tape, events, &c->array, name);
    stream *s = stream_create(ctx, 1, name);
    if (!s) return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    s->columns[0] = c;
    const sbi_column_source source = source_of(s);
    return sbi_tape_column_source(tape, events, &source, name);
}

/* up_0, down_0, up_1, ... of the variations that are stored in one way. */
static void list_variations(const sbi_model *m, const model_sample *s, int integration, int32_t storage, stream *out)
{
    size_t n = 0;
    for (size_t k = 0; k < s->n_eventsys; k++) {
        const model_eventsys *e = &s->eventsys[k];
        if (e->storage != storage) continue;
        out->parameters[n / 2] = e->parameter;
        out->columns[n++] = integration ? &e->integration_high : &e->high;
        out->columns[n++] = integration ? &e->integration_low : &e->low;
    }
    out->model = m;
}

static sbi_var record_in_memory(const stream *s, sbi_tape *tape, sbi_events events, const sbi_var *alphas, int32_t storage)
{
    const size_t n = s->n / 2;
    sbi_array *arrays = sbi_alloc_array(s->ctx, s->n, sizeof *arrays);
    if (!arrays) return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    for (size_t k = 0; k < n; k++) {
        arrays[k] = s->columns[2 * k]->array;
        arrays[n + k] = s->columns[2 * k + 1]->array;
    }
    sbi_var v = sbi_tape_morph(tape, events, alphas, n, arrays, arrays + n, SBI_INTERP_CODE4, storage);
    sbi_free(s->ctx, arrays);
    return v;
}

sbi_var sbi_model_record_morph(const sbi_model *m, const model_sample *sample, sbi_tape *tape, sbi_events events,
                               const sbi_var *params, int integration, int32_t storage)
{
    size_t n = 0;
    for (size_t k = 0; k < sample->n_eventsys; k++) n += sample->eventsys[k].storage == storage;
    sbi_var *alphas = sbi_alloc_array(m->ctx, n, sizeof *alphas), v = SBI_VAR_INVALID;
    stream *s = alphas ? stream_create(m->ctx, 2 * n, sample->name) : NULL;
    if (!s) {
        sbi_free(m->ctx, alphas);
        return sbi_tape_failed(tape, SBI_ERR_NO_MEMORY);
    }
    list_variations(m, sample, integration, storage, s);
    int streamed = 0;
    for (size_t c = 0; c < s->n; c++) streamed |= s->columns[c]->file != NULL;
    for (size_t k = 0; k < n; k++) alphas[k] = params[s->parameters[k]];
    if (streamed) {
        const sbi_column_source source = source_of(s);
        v = sbi_tape_morph_source(tape, events, alphas, n, &source, SBI_INTERP_CODE4, storage, sample->name);
    } else {
        v = record_in_memory(s, tape, events, alphas, storage);
        stream_destroy(s);
    }
    sbi_free(m->ctx, alphas);
    return v;
}
