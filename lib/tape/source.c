/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that are read leaf by leaf: recording them, and reading a leaf of a pass. */
#include "tape/source.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/pool.h"

/* Leaves ahead, in leaves of one worker, that a source is told of: one is being read from the disk while another waits. */
#define READ_AHEAD 2

void sbi_source_destroy(sbi_source *source)
{
    if (source->ops.destroy) source->ops.destroy(source->ops.self);
    source->ops.destroy = NULL;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* A callback of the library's own says what happened, one of a host may not: then its status has to do. A success leaves this
 * thread's message as it was. */
static sbi_status read_events(const sbi_source *source, int64_t first, int64_t count, void *out)
{
    char before[SBI_ERROR_MESSAGE_SIZE];
    snprintf(before, sizeof before, "%s", sbi_last_error());
    sbi_error_set_message("");
    sbi_status status = source->ops.read(source->ops.self, first, count, out);
    if (status == SBI_OK) {
        sbi_error_set_message(before);
        return SBI_OK;
    }
    if (status > 0 || status < SBI_STATUS_LAST_)
        return sbi_fail(SBI_ERR_CALLBACK, "%s: reading events %lld to %lld returned %d, which is not a status", source->name,
                        (long long)first, (long long)(first + count - 1), status);
    if (*sbi_last_error()) return status;
    return sbi_fail(status, "%s: reading events %lld to %lld: %s", source->name, (long long)first,
                    (long long)(first + count - 1), sbi_status_text(status));
}

static void ask_for(const sbi_source *source, int64_t n_events, size_t leaf, size_t n_leaves)
{
    if (!source->ops.will_need || leaf >= n_leaves) return;
    const int64_t first = (int64_t)leaf * SBI_TAPE_LEAF;
    const int64_t count = n_events - first < SBI_TAPE_LEAF ? n_events - first : SBI_TAPE_LEAF;
    source->ops.will_need(source->ops.self, first, count);
}

sbi_status sbi_stream_read(const sbi_tape *tape, const sbi_pass *pass, sbi_stream_space *space, size_t leaf, size_t step)
{
    const int64_t first = (int64_t)leaf * SBI_TAPE_LEAF;
    const int64_t count = pass->n_events - first < SBI_TAPE_LEAF ? pass->n_events - first : SBI_TAPE_LEAF;
    for (size_t i = 0; i < pass->n_sources; i++) {
        const sbi_source *source = &tape->sources[pass->sources[i]];
        for (size_t ahead = space->started ? READ_AHEAD : 1; ahead <= READ_AHEAD; ahead++)
            ask_for(source, pass->n_events, leaf + ahead * step, pass->n_leaves);
    }
    space->started = 1;
    for (size_t i = 0; i < pass->n_sources; i++)
        SBI_TRY(read_events(&tape->sources[pass->sources[i]], first, count, space->buffer + pass->source_offset[i]));
    /* The columns of a shorter leaf lie closer together. */
    for (size_t i = 0; i < pass->n_sources; i++) {
        const sbi_source *source = &tape->sources[pass->sources[i]];
        const char *at = space->buffer + pass->source_offset[i];
        const size_t column = (size_t)count * sbi_dtype_size(source->ops.dtype);
        if (source->morph < 0) {
            space->columns[source->column].data = at;
            continue;
        }
        for (size_t p = 0; p < pass->n_morphs; p++) {
            if (pass->morphs[p] != source->morph) continue;
            for (size_t k = 0; k < tape->morphs[source->morph].n; k++) {
                space->up[pass->first_factor[p] + k].data = at + 2 * k * column;
                space->down[pass->first_factor[p] + k].data = at + (2 * k + 1) * column;
            }
        }
    }
    return SBI_OK;
}

void sbi_stream_prepare(const sbi_tape *tape, const sbi_pass *pass, sbi_stream_space *space)
{
    space->started = 0;
    for (size_t i = 0; i < pass->n_sources; i++) {
        const sbi_source *source = &tape->sources[pass->sources[i]];
        if (source->morph < 0) {
            space->columns[source->column] = tape->columns[source->column].data;
            continue;
        }
        const sbi_morph *m = &tape->morphs[source->morph];
        for (size_t p = 0; p < pass->n_morphs; p++) {
            if (pass->morphs[p] != source->morph) continue;
            memcpy(space->up + pass->first_factor[p], m->up, m->n * sizeof *m->up);
            memcpy(space->down + pass->first_factor[p], m->down, m->n * sizeof *m->down);
        }
    }
}

/* ---- sealing --------------------------------------------------------------------------------------------------- */

static void add_source(sbi_pass *pass, const sbi_tape *tape, int32_t source)
{
    if (source < 0) return;
    for (size_t i = 0; i < pass->n_sources; i++)
        if (pass->sources[i] == source) return;
    pass->source_offset[pass->n_sources] = pass->stream_bytes;
    pass->sources[pass->n_sources++] = source;
    const size_t bytes = tape->sources[source].leaf_bytes;
    pass->stream_bytes += (bytes + SBI_ALIGNMENT - 1) / SBI_ALIGNMENT * SBI_ALIGNMENT;
}

sbi_status sbi_pass_find_sources(const sbi_tape *tape, sbi_pass *pass)
{
    if (!tape->n_sources) return SBI_OK;
    pass->sources = sbi_alloc_array(tape->ctx, tape->n_sources, sizeof *pass->sources);
    pass->source_offset = sbi_alloc_array(tape->ctx, tape->n_sources, sizeof *pass->source_offset);
    if (!pass->sources || !pass->source_offset) return SBI_ERR_NO_MEMORY;
    for (size_t p = 0; p < pass->n_morphs; p++) {
        const sbi_morph *m = &tape->morphs[pass->morphs[p]];
        add_source(pass, tape, m->source);
        for (size_t k = 0; m->columns && k < m->n; k++)
            add_source(pass, tape, tape->columns[m->columns[k]].source);
    }
    for (size_t j = 0; j < pass->n_reductions; j++) {
        const sbi_reduction *r = &pass->reductions[j];
        if (r->weights >= 0) add_source(pass, tape, tape->columns[r->weights].source);
        for (size_t c = 0; c < r->n_columns; c++)
            add_source(pass, tape, tape->columns[r->columns[c]].source);
    }
    return SBI_OK;
}

/* ---- recording ------------------------------------------------------------------------------------------------- */

#define VALIDATE_LEAVES 16 /* leaves of one task, which shares a buffer */

typedef struct source_check {
    const sbi_tape *tape;
    const sbi_source *source;
    const sbi_tape_column_data *up, *down; /* of a morph */
    const sbi_tape_column_data *single;
    uint8_t *ranges; /* [columns, leaves] or NULL */
    int positive;
    int64_t n;
    size_t leaves;
} source_check;

/* "SR.npy: S: JES hi", or what the tape knows. */
static void column_name(const source_check *c, size_t column, char *text, size_t size)
{
    const sbi_source *source = c->source;
    text[0] = '\0';
    if (source->ops.name) source->ops.name(source->ops.self, (int64_t)column, text, size);
    text[size - 1] = '\0';
    if (text[0]) return;
    if (c->single) {
        snprintf(text, size, "%s", source->name);
        return;
    }
    char params[100];
    sbi_node_params(c->tape, c->tape->morphs[source->morph].alphas[column / 2], params, sizeof params);
    snprintf(text, size, "%s: %s[%zu] (%s)", source->name, column % 2 ? "down" : "up", column / 2, params);
}

static sbi_status check_leaf(const source_check *c, size_t leaf, char *buffer)
{
    const sbi_source *source = c->source;
    const int64_t first = (int64_t)leaf * SBI_TAPE_LEAF;
    const int64_t count = c->n - first < SBI_TAPE_LEAF ? c->n - first : SBI_TAPE_LEAF;
    ask_for(source, c->n, leaf + 1, c->leaves);
    SBI_TRY(read_events(source, first, count, buffer));
    for (size_t k = 0; k < (size_t)source->ops.n_columns; k++) {
        sbi_tape_column_data column = c->single ? *c->single : k % 2 ? c->down[k / 2] : c->up[k / 2];
        column.data = buffer + k * (size_t)count * sbi_dtype_size(column.dtype);
        sbi_status status = sbi_column_validate_leaf(&column, c->positive, c->ranges ? c->ranges + k * c->leaves : NULL, first,
                                                     first + count);
        if (status == SBI_OK) continue;
        char name[256];
        column_name(c, k, name, sizeof name);
        return sbi_fail_within(status, "%s", name);
    }
    return SBI_OK;
}

static sbi_status check_task(void *arg, size_t task)
{
    const source_check *c = arg;
    char *buffer = sbi_alloc(c->tape->ctx, c->source->leaf_bytes);
    if (!buffer) return SBI_ERR_NO_MEMORY;
    sbi_status status = SBI_OK;
    for (size_t leaf = task * VALIDATE_LEAVES; leaf < (task + 1) * VALIDATE_LEAVES && leaf < c->leaves && status == SBI_OK; leaf++) {
        status = sbi_check_cancel(c->tape->ctx, c->source->name);
        if (status == SBI_OK) status = check_leaf(c, leaf, buffer);
    }
    sbi_free(c->tape->ctx, buffer);
    return status;
}

static sbi_status check_all(source_check *c)
{
    c->n = c->tape->event_sets[c->source->events].n;
    c->leaves = (size_t)((c->n + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF);
    return sbi_parallel_for(c->tape->ctx, (c->leaves + VALIDATE_LEAVES - 1) / VALIDATE_LEAVES, check_task, c);
}

/* The form in which the columns of a source are found in a worker's buffer. */
static sbi_tape_column_data streamed(int32_t dtype)
{
    sbi_tape_column_data column = {.dtype = dtype, .contiguous = 1};
    column.stride = (int64_t)sbi_dtype_size(dtype);
    return column;
}

void sbi_column_source_init(sbi_column_source *source)
{
    if (!source) return;
    const sbi_column_source empty = SBI_COLUMN_SOURCE_INIT;
    *source = empty;
}

/* Reads a caller's struct; from here on the tape owns what is in it. */
static sbi_status take_source(sbi_column_source *out, const sbi_column_source *user, const char *function)
{
    memset(out, 0, sizeof *out);
    SBI_REQUIRE(user, "%s: source is NULL", function);
    SBI_TRY(sbi_options_read(out, sizeof *out, sizeof *out, user, "sbi_column_source"));
    return SBI_OK;
}

static sbi_status check_source(const sbi_tape *tape, sbi_events events, const sbi_column_source *s, uint64_t n_columns,
                               const char *function)
{
    if (events < 0 || (size_t)events >= tape->n_event_sets)
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: %d is not an event set of this tape", function, events);
    SBI_REQUIRE(s->read, "%s: the source has no read function", function);
    if (!sbi_dtype_size(s->dtype)) return sbi_fail(SBI_ERR_SHAPE, "%s: unknown element type %d", function, s->dtype);
    if (s->n_columns != (int64_t)n_columns)
        return sbi_fail(SBI_ERR_SHAPE, "%s: the source has %lld columns, must have %llu", function, (long long)s->n_columns,
                        (unsigned long long)n_columns);
    return SBI_OK;
}

/* Adds the source to the tape, which destroys it from then on; before, the caller does. */
static sbi_status keep_source(sbi_tape *tape, sbi_events events, const sbi_column_source *s, const char *name, int32_t *out)
{
    const sbi_event_set *set = &tape->event_sets[events];
    const int64_t longest = set->n < SBI_TAPE_LEAF ? set->n : SBI_TAPE_LEAF;
    size_t bytes;
    if (__builtin_mul_overflow((size_t)s->n_columns, (size_t)longest * sbi_dtype_size(s->dtype), &bytes))
        return sbi_fail(SBI_ERR_ARGUMENT, "%s: %lld columns overflow", name, (long long)s->n_columns);
    SBI_TRY(sbi_tape_reserve(tape, (void **)&tape->sources, &tape->cap_sources, tape->n_sources, sizeof *tape->sources));
    char *copy = sbi_strdup(tape->ctx, name);
    if (!copy) return SBI_ERR_NO_MEMORY;
    tape->sources[tape->n_sources] =
        (sbi_source){.ops = *s, .name = copy, .leaf_bytes = bytes, .events = events, .column = -1, .morph = -1};
    *out = (int32_t)tape->n_sources++;
    return SBI_OK;
}

static sbi_var fail_source(sbi_tape *tape, const sbi_column_source *s, int kept, sbi_status status)
{
    char message[SBI_ERROR_MESSAGE_SIZE]; /* the host's function may fail within */
    snprintf(message, sizeof message, "%s", sbi_last_error());
    if (!kept && s->destroy) s->destroy(s->self);
    sbi_error_set_message(message);
    return tape && status != SBI_OK ? sbi_tape_failed(tape, status) : SBI_VAR_INVALID;
}

sbi_var sbi_tape_column_source(sbi_tape *tape, sbi_events events, const sbi_column_source *source, const char *name)
{
    static const char function[] = "sbi_tape_column_source";
    sbi_column_source s;
    sbi_status status = take_source(&s, source, function);
    if (!sbi_tape_recording(tape, function)) return fail_source(tape, &s, 0, SBI_OK);
    if (status == SBI_OK && !name) status = sbi_fail(SBI_ERR_ARGUMENT, "%s: name is NULL", function);
    if (status == SBI_OK) status = check_source(tape, events, &s, 1, function);
    if (status == SBI_OK)
        status = sbi_tape_reserve(tape, (void **)&tape->columns, &tape->cap_columns, tape->n_columns, sizeof *tape->columns);
    char *copy = status == SBI_OK ? sbi_strdup(tape->ctx, name) : NULL;
    if (status == SBI_OK && !copy) status = SBI_ERR_NO_MEMORY;
    int32_t index = -1;
    if (status == SBI_OK) status = keep_source(tape, events, &s, name, &index);
    if (status != SBI_OK) {
        sbi_var v = fail_source(tape, &s, 0, status);
        sbi_free(tape->ctx, copy);
        return v;
    }
    tape->sources[index].column = (int32_t)tape->n_columns;
    tape->columns[tape->n_columns] = (sbi_column){.data = streamed(s.dtype), .name = copy, .source = index};
    const sbi_tape_column_data *data = &tape->columns[tape->n_columns++].data;
    source_check check = {.tape = tape, .source = &tape->sources[index], .single = data};
    status = check_all(&check);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    sbi_node node = {.op = SBI_NODE_COLUMN, .a = -1, .b = -1, .events = events};
    node.payload = (int32_t)tape->n_columns - 1;
    return sbi_tape_append(tape, &node);
}

static sbi_status fill_morph(sbi_tape *tape, sbi_morph *m, const sbi_var *alphas, int32_t index)
{
    sbi_source *source = &tape->sources[index];
    const int logs = m->storage == SBI_MORPH_LOG;
    const size_t leaves = (size_t)((tape->event_sets[source->events].n + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF);
    m->alphas = sbi_alloc_array(tape->ctx, m->n, sizeof *m->alphas);
    m->up = sbi_alloc_array(tape->ctx, 2 * m->n, sizeof *m->up);
    if (!m->alphas || !m->up) return SBI_ERR_NO_MEMORY;
    m->down = m->up + m->n;
    if (logs) {
        m->ranges = sbi_alloc_zero(tape->ctx, 2 * m->n, leaves ? leaves : 1);
        if (!m->ranges) return SBI_ERR_NO_MEMORY;
    }
    for (size_t k = 0; k < m->n; k++) {
        m->alphas[k] = alphas[k];
        m->up[k] = m->down[k] = streamed(source->ops.dtype);
        if (logs) m->up[k].range = m->ranges + 2 * k * leaves;
        if (logs) m->down[k].range = m->ranges + (2 * k + 1) * leaves;
    }
    source->morph = (int32_t)(m - tape->morphs);
    source_check check = {.tape = tape, .source = source, .up = m->up, .down = m->down, .ranges = m->ranges, .positive = !logs};
    return check_all(&check);
}

sbi_var sbi_tape_morph_source(sbi_tape *tape, sbi_events events, const sbi_var *alphas, size_t n_alpha,
                              const sbi_column_source *source, int32_t code, int32_t storage, const char *name)
{
    static const char function[] = "sbi_tape_morph_source";
    sbi_column_source s;
    sbi_status status = take_source(&s, source, function);
    if (!sbi_tape_recording(tape, function)) return fail_source(tape, &s, 0, SBI_OK);
    if (status == SBI_OK && !name) status = sbi_fail(SBI_ERR_ARGUMENT, "%s: name is NULL", function);
    if (status == SBI_OK && n_alpha > INT64_MAX / 2) status = sbi_fail(SBI_ERR_ARGUMENT, "%s: n_alpha overflows", function);
    if (status == SBI_OK) status = sbi_morph_check(tape, function, alphas, n_alpha, code, storage);
    if (status == SBI_OK) status = check_source(tape, events, &s, 2 * n_alpha, function);
    if (status == SBI_OK)
        status = sbi_tape_reserve(tape, (void **)&tape->morphs, &tape->cap_morphs, tape->n_morphs, sizeof *tape->morphs);
    int32_t index = -1;
    if (status == SBI_OK) status = keep_source(tape, events, &s, name, &index);
    if (status != SBI_OK) return fail_source(tape, &s, 0, status);
    sbi_morph *m = &tape->morphs[tape->n_morphs++]; /* counted at once, so that destroy finds what it owns */
    *m = (sbi_morph){.n = n_alpha, .code = code, .storage = storage, .source = index};
    status = fill_morph(tape, m, alphas, index);
    if (status != SBI_OK) return sbi_tape_failed(tape, status);
    return sbi_morph_append(tape, events, m);
}
