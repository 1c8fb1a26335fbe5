/* SPDX-License-Identifier: Apache-2.0 */
/* Computing shards of a tape's evaluation, and finishing an evaluation with merged ones. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/sha256.h"
#include "tape/shard_bytes.h"
#include "tape/work.h"

void sbi_shard_request_init(sbi_shard_request *request)
{
    if (!request) return;
    const sbi_shard_request defaults = SBI_SHARD_REQUEST_INIT;
    *request = defaults;
}

size_t sbi_tape_n_passes(const sbi_tape *tape) { return tape && tape->program ? tape->program->n_passes : 0; }

sbi_status sbi_tape_pass_get(const sbi_tape *tape, size_t pass, sbi_tape_pass_info *info)
{
    SBI_REQUIRE(tape && info, "sbi_tape_pass_get: %s is NULL", tape ? "info" : "tape");
    if (info->struct_size != sizeof *info)
        return sbi_fail(SBI_ERR_ABI, "sbi_tape_pass_get: struct_size is %u, this library's is %zu", info->struct_size, sizeof *info);
    if (!tape->program) return sbi_fail(SBI_ERR_STATE, "sbi_tape_pass_get: the tape is not sealed");
    SBI_REQUIRE(pass < tape->program->n_passes, "sbi_tape_pass_get: pass %zu of %zu", pass, tape->program->n_passes);
    const sbi_pass *p = &tape->program->passes[pass];
    info->stage = p->stage;
    info->n_events = p->n_events;
    info->events = tape->event_sets[p->events].name;
    return SBI_OK;
}

/* ---- what must agree ------------------------------------------------------------------------------------------- */

static void hash_number(sbi_sha256 *h, uint64_t x)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++, x >>= 8)
        bytes[i] = (unsigned char)x;
    sbi_sha256_update(h, bytes, sizeof bytes);
}

static void hash_double(sbi_sha256 *h, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    hash_number(h, bits);
}

static void hash_text(sbi_sha256 *h, const char *text)
{
    const size_t length = strlen(text);
    hash_number(h, length);
    sbi_sha256_update(h, text, length);
}

static void hash_list(sbi_sha256 *h, const int32_t *list, size_t n)
{
    hash_number(h, n);
    for (size_t i = 0; i < n; i++)
        hash_number(h, (uint64_t)(int64_t)list[i]);
}

static void hash_morph(sbi_sha256 *h, const sbi_morph *m)
{
    hash_number(h, (uint64_t)(int64_t)m->code);
    hash_number(h, (uint64_t)m->storage);
    hash_list(h, m->alphas, m->n);
    if (m->columns) hash_list(h, m->columns, m->n);
    for (size_t k = 0; m->up && k < m->n; k++) {
        hash_number(h, (uint64_t)m->up[k].dtype);
        hash_number(h, (uint64_t)m->down[k].dtype);
    }
}

/* All that was recorded but the columns' content: a column is its element type, so that streamed ones agree with those in memory. */
static void hash_tape(const sbi_tape *tape, unsigned char digest[SBI_SHARD_HASH_SIZE])
{
    sbi_sha256 h;
    sbi_sha256_init(&h);
    hash_text(&h, "libsbi " SBI_VERSION_STRING);
    hash_number(&h, tape->n_params);
    for (size_t p = 0; p < tape->n_params; p++)
        hash_text(&h, tape->param_names[p]);
    hash_number(&h, tape->n_event_sets);
    for (size_t i = 0; i < tape->n_event_sets; i++) {
        hash_text(&h, tape->event_sets[i].name);
        hash_number(&h, (uint64_t)tape->event_sets[i].n);
    }
    hash_number(&h, tape->n_columns);
    for (size_t i = 0; i < tape->n_columns; i++)
        hash_number(&h, (uint64_t)tape->columns[i].data.dtype);
    hash_number(&h, tape->n_morphs);
    for (size_t i = 0; i < tape->n_morphs; i++)
        hash_morph(&h, &tape->morphs[i]);
    hash_number(&h, tape->n_interpolations);
    for (size_t i = 0; i < tape->n_interpolations; i++) {
        hash_double(&h, tape->interpolations[i].up);
        hash_double(&h, tape->interpolations[i].down);
        hash_number(&h, (uint64_t)tape->interpolations[i].code);
    }
    hash_number(&h, tape->n_applications);
    for (size_t i = 0; i < tape->n_applications; i++) {
        hash_text(&h, tape->applications[i].function.name);
        hash_list(&h, tape->applications[i].inputs, tape->applications[i].n);
    }
    hash_number(&h, tape->n_maps);
    for (size_t i = 0; i < tape->n_maps; i++)
        hash_text(&h, tape->maps[i].name);
    hash_number(&h, tape->n_nodes);
    for (size_t v = 0; v < tape->n_nodes; v++) {
        const sbi_node *node = &tape->nodes[v];
        const int32_t fields[] = {node->op, node->a, node->b, node->events, node->payload};
        hash_list(&h, fields, sizeof fields / sizeof *fields);
        hash_double(&h, node->value);
    }
    hash_number(&h, (uint64_t)tape->program->output);
    for (size_t i = 0; i < tape->program->n_passes; i++)
        hash_number(&h, tape->program->passes[i].chunk);
    sbi_sha256_final(&h, digest);
}

static const unsigned char *tape_hash(sbi_tape_work *work)
{
    if (!work->hashed) hash_tape(work->tape, work->tape_hash);
    work->hashed = 1;
    return work->tape_hash;
}

static void kernels_name(const sbi_tape_work *work, char name[SBI_SHARD_KERNELS_SIZE])
{
#if defined(__x86_64__)
    static const char processor[] = "x86-64";
#elif defined(__aarch64__)
    static const char processor[] = "aarch64";
#else
    static const char processor[] = "other";
#endif
    sbi_isa isa = SBI_ISA_BASE;
    for (int i = SBI_ISA_BASE; i < SBI_ISA_COUNT; i++)
        if (sbi_tape_kernels_for((sbi_isa)i) == work->kernels) isa = (sbi_isa)i;
    memset(name, 0, SBI_SHARD_KERNELS_SIZE);
    if (work->accelerator)
        snprintf(name, SBI_SHARD_KERNELS_SIZE, "device %s", sbi_accelerator_name(work->accelerator));
    else
        snprintf(name, SBI_SHARD_KERNELS_SIZE, "%s %s", processor, sbi_isa_name(isa));
}

/* Whether the bytes are of what this workspace would compute at theta. */
static sbi_status check_head(sbi_tape_work *work, const double *theta, const sbi_shard_head *head, const char *what)
{
    char kernels[SBI_SHARD_KERNELS_SIZE];
    const sbi_tape *tape = work->tape;
    kernels_name(work, kernels);
    if (head->n_params != tape->n_params || memcmp(head->tape, tape_hash(work), SBI_SHARD_HASH_SIZE) != 0)
        return sbi_fail(SBI_ERR_VERSION, "%s: made from another tape, or by another release of libsbi", what);
    if (memcmp(head->kernels, kernels, sizeof kernels) != 0)
        return sbi_fail(SBI_ERR_VERSION, "%s: computed with instruction set %s, this workspace uses %s", what, head->kernels, kernels);
    if (head->precision != work->precision)
        return sbi_fail(SBI_ERR_VERSION, "%s: computed in %s precision, this workspace uses %s", what,
                        head->precision ? "mixed" : "double", work->precision ? "mixed" : "double");
    for (size_t p = 0; p < tape->n_params; p++) {
        const double x = sbi_shard_double(head->theta + 8 * p);
        if (memcmp(&x, &theta[p], sizeof x) != 0)
            return sbi_fail(SBI_ERR_ARGUMENT, "%s: made at %s = %.17g, not %.17g", what, tape->param_names[p], x, theta[p]);
    }
    return SBI_OK;
}

/* ---- totals from merged shards --------------------------------------------------------------------------------- */

typedef struct totals {
    const sbi_tape_work *work;
    const sbi_shard_reader *reader; /* NULL: there are no bytes */
    uint64_t first_row, n_rows;     /* the block */
    const char *what;
    sbi_shard_writer *writer; /* of a shard that is computed */
    sbi_shard_section section;
    int64_t bad_events, first_bad;
    int left; /* the shard has been written */
} totals;

static sbi_status missing(const totals *t, size_t pass, uint64_t first_leaf, uint64_t last_leaf)
{
    const sbi_pass *p = &t->work->program->passes[pass];
    const int64_t last = last_leaf < p->n_leaves ? (int64_t)last_leaf * SBI_TAPE_LEAF : p->n_events;
    char rows[80] = "";
    if (t->n_rows)
        snprintf(rows, sizeof rows, ", rows [%llu, %llu)", (unsigned long long)t->first_row,
                 (unsigned long long)(t->first_row + t->n_rows));
    return sbi_fail(SBI_ERR_NOT_FOUND, "%s: events [%lld, %lld) of pass %zu (\"%s\")%s are missing", t->what,
                    (long long)first_leaf * SBI_TAPE_LEAF, (long long)last, pass, t->work->tape->event_sets[p->events].name, rows);
}

static sbi_status fill_node(sbi_partials *partials, const sbi_shard_node *node)
{
    sbi_partial *p;
    SBI_TRY(sbi_partials_take(partials, (size_t)node->index, (int32_t)node->level, &p));
    p->bad_events = node->bad_events;
    p->first_bad = node->first_bad;
    for (size_t i = 0; i < partials->size; i++)
        p->data[i] = sbi_shard_double(node->data + 8 * i);
    sbi_partials_add(partials, p);
    return SBI_OK;
}

static sbi_status fill(void *arg, size_t pass, sbi_partials *partials)
{
    const totals *t = arg;
    const sbi_pass *p = &t->work->program->passes[pass];
    if (p->n_leaves == 0) return SBI_OK;
    if (!t->reader) return missing(t, pass, 0, p->n_leaves);
    sbi_shard_reader reader = *t->reader;
    sbi_shard_section s;
    for (;;) {
        if (!sbi_shard_next(&reader, &s)) return missing(t, pass, 0, p->n_leaves);
        if (s.pass == pass && s.first_row == t->first_row && s.n_rows == t->n_rows) break;
    }
    if (s.stage != (uint64_t)p->stage || s.n_events != (uint64_t)p->n_events || s.n_data != partials->size)
        return sbi_fail(SBI_ERR_FORMAT, "%s: pass %zu has %llu numbers for %llu events in stage %llu, expected %zu, %lld, %d", t->what,
                        pass, (unsigned long long)s.n_data, (unsigned long long)s.n_events, (unsigned long long)s.stage,
                        partials->size, (long long)p->n_events, p->stage);
    uint64_t end = 0;
    for (uint64_t i = 0; i < s.n_nodes; i++) {
        const sbi_shard_node node = sbi_shard_node_at(&s, i);
        if (node.index << node.level != end) return missing(t, pass, end, node.index << node.level);
        SBI_TRY(fill_node(partials, &node));
        end = (node.index + 1) << node.level;
    }
    return end == p->n_leaves ? SBI_OK : missing(t, pass, end, p->n_leaves);
}

/* ---- computing ------------------------------------------------------------------------------------------------- */

/* Writes the roots from left to right. */
static sbi_status leave(void *arg, const sbi_partials *partials)
{
    totals *t = arg;
    t->section.n_data = partials->size;
    t->left = 1;
    sbi_shard_writer_section(t->writer, &t->section);
    for (size_t end = 0;;) {
        const sbi_partial *next = NULL; /* there are at most two for each level */
        for (const sbi_partial *p = partials->waiting; p; p = p->next)
            if (p->index << p->level >= end && (!next || p->index << p->level < next->index << next->level)) next = p;
        if (!next) break;
        const sbi_shard_node node = {(uint64_t)next->level, next->index, next->bad_events, next->first_bad, NULL};
        sbi_shard_writer_node(t->writer, &node, next->data);
        if (next->bad_events && t->bad_events == 0) t->first_bad = next->first_bad;
        t->bad_events += next->bad_events;
        end = (next->index + 1) << next->level;
    }
    return t->writer->text.status;
}

/* The range of events as leaves: those whose first event lies in it. */
static void choose_leaves(const sbi_shard_request *r, sbi_sharding *sharding)
{
    const int64_t end = r->first_event + r->n_events;
    sharding->first = (size_t)((r->first_event + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF);
    sharding->count = (size_t)((end + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF) - sharding->first;
}

/* Checks the request and replaces -1. */
static sbi_status read_request(const sbi_tape_work *work, const sbi_shard_request *request, sbi_shard_request *r)
{
    const sbi_program *program = work->program;
    const int64_t n = (int64_t)work->tape->n_params;
    SBI_TRY(sbi_options_read(r, sizeof *r, sizeof *r, request, "sbi_shard_request"));
    SBI_REQUIRE(r->want >= SBI_SHARD_VALUE && r->want <= SBI_SHARD_HESSIAN, "sbi_shard_request: want is %d", r->want);
    SBI_REQUIRE(r->pass_index >= 0 && (size_t)r->pass_index < program->n_passes, "sbi_shard_request: pass %lld of %zu",
                (long long)r->pass_index, program->n_passes);
    const int64_t events = program->passes[r->pass_index].n_events;
    SBI_REQUIRE(r->first_event >= 0 && r->first_event <= events, "sbi_shard_request: first_event is %lld, pass %lld has %lld",
                (long long)r->first_event, (long long)r->pass_index, (long long)events);
    if (r->n_events == -1) r->n_events = events - r->first_event;
    SBI_REQUIRE(r->n_events >= 0 && r->n_events <= events - r->first_event,
                "sbi_shard_request: n_events is %lld, %lld follow event %lld", (long long)r->n_events,
                (long long)(events - r->first_event), (long long)r->first_event);
    if (r->want != SBI_SHARD_HESSIAN) {
        r->first_row = r->n_rows = 0;
        return SBI_OK;
    }
    SBI_REQUIRE(r->first_row >= 0 && r->first_row < n, "sbi_shard_request: first_row is %lld of %lld", (long long)r->first_row,
                (long long)n);
    if (r->n_rows == -1) r->n_rows = n - r->first_row;
    SBI_REQUIRE(r->n_rows > 0 && r->n_rows <= n - r->first_row, "sbi_shard_request: n_rows is %lld, %lld follow row %lld",
                (long long)r->n_rows, (long long)(n - r->first_row), (long long)r->first_row);
    return SBI_OK;
}

static int want_of(int32_t want)
{
    return want == SBI_SHARD_HESSIAN ? SBI_WANT_HESSIAN : want == SBI_SHARD_GRADIENT ? SBI_WANT_GRADIENT : SBI_WANT_VALUE;
}

static sbi_status not_reached(const sbi_tape_work *work, int64_t pass)
{
    if (work->info.bad_events)
        return sbi_fail(SBI_ERR_DOMAIN,
                        "sbi_shard_compute: pass %lld is not needed: an earlier one has %lld events outside the domain of a logarithm, "
                        "the first is %lld",
                        (long long)pass, (long long)work->info.bad_events, (long long)work->info.first_bad_event);
    return sbi_fail(SBI_ERR_DOMAIN, "sbi_shard_compute: pass %lld is not needed: a scalar is +inf here", (long long)pass);
}

static sbi_status compute(sbi_tape_work *work, const double *theta, const sbi_shard_request *r, const sbi_shard_reader *earlier,
                          sbi_shard_writer *writer)
{
    const sbi_pass *pass = &work->program->passes[r->pass_index];
    totals t = {.work = work, .reader = earlier, .first_row = (uint64_t)r->first_row, .n_rows = (uint64_t)r->n_rows,
                .what = "sbi_shard_compute: earlier", .writer = writer, .first_bad = -1};
    t.section = (sbi_shard_section){.pass = (uint64_t)r->pass_index, .stage = (uint64_t)pass->stage, .n_events = (uint64_t)pass->n_events,
                                    .first_row = t.first_row, .n_rows = t.n_rows};
    sbi_sharding sharding = {.pass = (size_t)r->pass_index, .stage = pass->stage, .arg = &t, .fill = fill, .leave = leave};
    choose_leaves(r, &sharding);
    const sbi_request wanted = {.want = want_of(r->want), .first = (size_t)r->first_row, .count = (size_t)r->n_rows,
                                .sharding = &sharding};
    if (r->want == SBI_SHARD_HESSIAN) sbi_work_choose_rows(work, wanted.first, wanted.count);
    int bad;
    SBI_TRY(sbi_work_forward(work, theta, &wanted, &bad));
    if (!t.left) return not_reached(work, r->pass_index);
    work->info.bad_events = t.bad_events;
    work->info.first_bad_event = t.first_bad;
    return SBI_OK;
}

static void put_head(sbi_tape_work *work, const double *theta, int32_t want, unsigned char *bytes, sbi_shard_head *head)
{
    *head = (sbi_shard_head){.want = want, .precision = work->precision, .n_params = work->tape->n_params, .theta = bytes};
    memcpy(head->tape, tape_hash(work), sizeof head->tape);
    kernels_name(work, head->kernels);
    for (size_t p = 0; p < work->tape->n_params; p++) {
        uint64_t bits;
        memcpy(&bits, &theta[p], sizeof bits);
        for (size_t i = 0; i < 8; i++, bits >>= 8)
            bytes[8 * p + i] = (unsigned char)bits;
    }
}

sbi_status sbi_shard_compute(sbi_tape_work *work, const double *theta, const sbi_shard_request *request, const void *earlier,
                             size_t earlier_size, void **bytes, size_t *size)
{
    SBI_REQUIRE(bytes && size, "sbi_shard_compute: %s is NULL", bytes ? "size" : "bytes");
    *bytes = NULL;
    *size = 0;
    SBI_TRY(sbi_work_begin(work, theta, "sbi_shard_compute"));
    sbi_shard_request r = SBI_SHARD_REQUEST_INIT;
    SBI_TRY(read_request(work, request, &r));
    SBI_REQUIRE(earlier || earlier_size == 0, "sbi_shard_compute: earlier is NULL, its size is %zu", earlier_size);
    sbi_shard_reader reader;
    if (earlier) {
        SBI_TRY(sbi_shard_open(&reader, earlier, earlier_size, "sbi_shard_compute: earlier"));
        SBI_TRY(check_head(work, theta, &reader.head, "sbi_shard_compute: earlier"));
        SBI_REQUIRE(reader.head.want == r.want, "sbi_shard_compute: want is %d, that of earlier is %d", r.want, reader.head.want);
    }
    sbi_shard_head head;
    unsigned char *theta_bytes = sbi_alloc_array(work->ctx, work->tape->n_params, 8);
    if (!theta_bytes) return SBI_ERR_NO_MEMORY;
    put_head(work, theta, r.want, theta_bytes, &head);
    sbi_shard_writer writer;
    sbi_shard_writer_init(&writer, work->ctx, &head);
    sbi_free(work->ctx, theta_bytes);
    const sbi_status status = compute(work, theta, &r, earlier ? &reader : NULL, &writer);
    if (status == SBI_OK) return sbi_shard_writer_finish(&writer, bytes, size);
    sbi_shard_writer_clear(&writer);
    return status;
}

/* ---- finishing ------------------------------------------------------------------------------------------------- */

/* The block of rows that begins at `row`; without any bytes it ends at `end`. */
static sbi_status find_block(const sbi_shard_reader *given, uint64_t row, uint64_t end, uint64_t *count)
{
    sbi_shard_section s;
    *count = end - row;
    if (!given || given->head.n_sections == 0) return SBI_OK;
    for (sbi_shard_reader reader = *given; sbi_shard_next(&reader, &s);) {
        if (row < s.first_row || row - s.first_row >= s.n_rows) continue;
        if (s.first_row == row && s.n_rows <= end - row) {
            *count = s.n_rows;
            return SBI_OK;
        }
        return sbi_fail(SBI_ERR_NOT_FOUND,
                        "sbi_shard_finish: rows [%llu, %llu) are one block in the shards, and rows [%llu, %llu) hold a part of it",
                        (unsigned long long)s.first_row, (unsigned long long)(s.first_row + s.n_rows), (unsigned long long)row,
                        (unsigned long long)end);
    }
    return sbi_fail(SBI_ERR_NOT_FOUND, "sbi_shard_finish: row %llu of the Hessian is missing", (unsigned long long)row);
}

static void fill_nan(double *out, size_t n)
{
    for (size_t i = 0; out && i < n; i++)
        out[i] = (double)NAN;
}

/* One block of rows; or, with `rows` NULL, value and gradient by means of one. */
static sbi_status finish(sbi_tape_work *work, const double *theta, int32_t want, totals *t, double *value, double *gradient,
                         double *rows)
{
    const sbi_sharding sharding = {.arg = t, .fill = fill};
    const sbi_request wanted = {.want = want_of(want), .first = (size_t)t->first_row, .count = (size_t)t->n_rows, .sharding = &sharding};
    int bad;
    work->info = (sbi_tape_info){.first_bad_event = -1};
    if (want == SBI_SHARD_HESSIAN) sbi_work_choose_rows(work, wanted.first, wanted.count);
    SBI_TRY(sbi_work_forward(work, theta, &wanted, &bad));
    *value = bad ? (double)INFINITY : work->values[work->program->output];
    if (bad) {
        fill_nan(gradient, work->tape->n_params);
        fill_nan(rows, rows ? wanted.count * work->tape->n_params : 0);
        return SBI_OK;
    }
    if (gradient || rows) sbi_work_reverse(work, gradient);
    return rows ? sbi_work_hessian_rows(work, wanted.first, wanted.count, rows) : SBI_OK;
}

sbi_status sbi_shard_finish(sbi_tape_work *work, const double *theta, const void *bytes, size_t size, double *value, double *gradient,
                            size_t first_row, size_t n_rows, double *rows)
{
    SBI_TRY(sbi_work_begin(work, theta, "sbi_shard_finish"));
    SBI_REQUIRE(value, "sbi_shard_finish: value is NULL");
    SBI_REQUIRE(bytes || size == 0, "sbi_shard_finish: bytes is NULL, its size is %zu", size);
    const size_t n = work->tape->n_params;
    SBI_REQUIRE(!rows || (first_row <= n && n_rows <= n - first_row), "sbi_shard_finish: rows [%zu, %zu + %zu) of %zu", first_row,
                first_row, n_rows, n);
    const int32_t asked = rows ? SBI_SHARD_HESSIAN : gradient ? SBI_SHARD_GRADIENT : SBI_SHARD_VALUE;
    int32_t want = asked;
    sbi_shard_reader reader;
    if (bytes) {
        SBI_TRY(sbi_shard_open(&reader, bytes, size, "sbi_shard_finish: the shard"));
        SBI_TRY(check_head(work, theta, &reader.head, "sbi_shard_finish: the shard"));
        want = reader.head.want;
        SBI_REQUIRE(want >= asked, "sbi_shard_finish: the shard holds no %s", rows ? "rows" : "gradient");
    }
    totals t = {.work = work, .reader = bytes ? &reader : NULL, .what = "sbi_shard_finish"};
    if (!rows || n_rows == 0) {
        sbi_shard_section s = {0};
        if (bytes) {
            sbi_shard_reader ahead = reader;
            sbi_shard_next(&ahead, &s);
        }
        t.first_row = s.first_row;
        t.n_rows = s.n_rows;
        return finish(work, theta, want, &t, value, gradient, NULL);
    }
    for (size_t row = first_row; row < first_row + n_rows; row += (size_t)t.n_rows) {
        t.first_row = row;
        SBI_TRY(find_block(t.reader, row, first_row + n_rows, &t.n_rows));
        SBI_TRY(finish(work, theta, want, &t, value, gradient, rows + (row - first_row) * n));
    }
    return SBI_OK;
}
