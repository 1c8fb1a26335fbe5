/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing the bytes of shards, little-endian on every machine. */
#include "tape/shard_bytes.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sha256.h"
#include "tape/kernels/kernels.h"

#define MAGIC "SBISHARD"
#define VERSION 1
#define HEAD_SIZE 88 /* theta follows */
#define SECTIONS_AT 80
#define SECTION_SIZE 56
#define NODES_AT 48 /* in a section */
#define NODE_SIZE 32
#define HASH_SIZE 32

static uint64_t get(const unsigned char *at, int size)
{
    uint64_t x = 0;
    for (int i = size; i-- > 0;)
        x = x << 8 | at[i];
    return x;
}

static void put(unsigned char *at, uint64_t x, int size)
{
    for (int i = 0; i < size; i++, x >>= 8)
        at[i] = (unsigned char)x;
}

static void add(sbi_text *text, uint64_t x, int size)
{
    unsigned char bytes[8];
    put(bytes, x, size);
    sbi_text_add(text, bytes, (size_t)size);
}

double sbi_shard_double(const unsigned char *at)
{
    const uint64_t bits = get(at, 8);
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* NaN in one form: which of two operands' it is must not show. */
static uint64_t bits_of(double x)
{
    uint64_t bits;
    if (isnan(x)) return UINT64_C(0x7ff8000000000000);
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static sbi_shard_section read_section(const unsigned char *at)
{
    return (sbi_shard_section){get(at, 8),      get(at + 8, 8),  get(at + 16, 8), get(at + 24, 8),
                               get(at + 32, 8), get(at + 40, 8), get(at + 48, 8), at + SECTION_SIZE};
}

int sbi_shard_next(sbi_shard_reader *reader, sbi_shard_section *s)
{
    if (reader->left == 0) return 0;
    reader->left--;
    *s = read_section(reader->at);
    reader->at = s->nodes + s->n_nodes * (NODE_SIZE + 8 * s->n_data);
    return 1;
}

sbi_shard_node sbi_shard_node_at(const sbi_shard_section *section, uint64_t i)
{
    const unsigned char *at = section->nodes + i * (NODE_SIZE + 8 * section->n_data);
    return (sbi_shard_node){get(at, 8), get(at + 8, 8), (int64_t)get(at + 16, 8), (int64_t)get(at + 24, 8), at + NODE_SIZE};
}

static sbi_status check_head(const sbi_shard_head *head, uint64_t room, const char *what)
{
    if (head->want < SBI_SHARD_VALUE || head->want > SBI_SHARD_HESSIAN)
        return sbi_fail(SBI_ERR_FORMAT, "%s: what it holds is %d, must be SBI_SHARD_VALUE, GRADIENT or HESSIAN", what, head->want);
    if (head->precision != SBI_PRECISION_DOUBLE && head->precision != SBI_PRECISION_MIXED)
        return sbi_fail(SBI_ERR_FORMAT, "%s: the precision is %d", what, head->precision);
    size_t length = 0;
    while (length < SBI_SHARD_KERNELS_SIZE && head->kernels[length] >= ' ' && head->kernels[length] < 0x7f)
        length++;
    for (size_t i = length; i < SBI_SHARD_KERNELS_SIZE; i++)
        if (length == 0 || length == SBI_SHARD_KERNELS_SIZE || head->kernels[i])
            return sbi_fail(SBI_ERR_FORMAT, "%s: the name of the instruction set is not text", what);
    if (head->kernels[SBI_SHARD_KERNELS_SIZE - 1])
        return sbi_fail(SBI_ERR_FORMAT, "%s: the name of the instruction set does not end", what);
    if (head->n_params > room / 8)
        return sbi_fail(SBI_ERR_FORMAT, "%s: %llu parameters do not fit in", what, (unsigned long long)head->n_params);
    for (uint64_t p = 0; p < head->n_params; p++)
        if (!isfinite(sbi_shard_double(head->theta + 8 * p)))
            return sbi_fail(SBI_ERR_FORMAT, "%s: parameter %llu is not finite", what, (unsigned long long)p);
    return SBI_OK;
}

static sbi_status check_section(const sbi_shard_head *head, const sbi_shard_section *s, uint64_t room, const char *what)
{
    const unsigned long long pass = s->pass;
    if (s->stage == 0 || s->stage > INT32_MAX || s->pass > INT32_MAX)
        return sbi_fail(SBI_ERR_FORMAT, "%s: pass %llu of stage %llu", what, pass, (unsigned long long)s->stage);
    if (s->n_events == 0 || s->n_events > INT64_MAX / 2)
        return sbi_fail(SBI_ERR_FORMAT, "%s: pass %llu has %llu events", what, pass, (unsigned long long)s->n_events);
    const int rows = head->want == SBI_SHARD_HESSIAN;
    if (rows ? s->n_rows == 0 || s->first_row >= head->n_params || s->n_rows > head->n_params - s->first_row
             : s->first_row != 0 || s->n_rows != 0)
        return sbi_fail(SBI_ERR_FORMAT, "%s: pass %llu has rows [%llu, %llu + %llu) of %llu", what, pass,
                        (unsigned long long)s->first_row, (unsigned long long)s->first_row, (unsigned long long)s->n_rows,
                        rows ? (unsigned long long)head->n_params : 0ull);
    if (s->n_data == 0 || s->n_data > room / 8 || s->n_nodes == 0 || s->n_nodes > room / (NODE_SIZE + 8 * s->n_data))
        return sbi_fail(SBI_ERR_FORMAT, "%s: %llu sums of %llu numbers of pass %llu do not fit in", what,
                        (unsigned long long)s->n_nodes, (unsigned long long)s->n_data, pass);
    return SBI_OK;
}

static sbi_status check_nodes(const sbi_shard_section *s, const char *what)
{
    const uint64_t leaves = (s->n_events + SBI_TAPE_LEAF - 1) / SBI_TAPE_LEAF;
    uint64_t end = 0;
    sbi_shard_node before = {0};
    for (uint64_t i = 0; i < s->n_nodes; i++) {
        const sbi_shard_node n = sbi_shard_node_at(s, i);
        if (n.level > 62 || n.index >= leaves >> n.level || n.index << n.level < end)
            return sbi_fail(SBI_ERR_FORMAT, "%s: pass %llu: sum %llu of level %llu is outside or out of order", what,
                            (unsigned long long)s->pass, (unsigned long long)n.index, (unsigned long long)n.level);
        if (i > 0 && before.level == n.level && before.index == (n.index ^ 1))
            return sbi_fail(SBI_ERR_FORMAT, "%s: pass %llu: sums %llu and %llu of level %llu are not merged", what,
                            (unsigned long long)s->pass, (unsigned long long)before.index, (unsigned long long)n.index,
                            (unsigned long long)n.level);
        const int64_t first = (int64_t)((n.index << n.level) * SBI_TAPE_LEAF);
        end = (n.index + 1) << n.level;
        const int64_t last = end < leaves ? (int64_t)(end * SBI_TAPE_LEAF) : (int64_t)s->n_events;
        if (n.bad_events < 0 || (n.bad_events ? n.first_bad < first || n.first_bad >= last : n.first_bad != -1))
            return sbi_fail(SBI_ERR_FORMAT, "%s: pass %llu: %lld bad events, the first %lld, in events [%lld, %lld)", what,
                            (unsigned long long)s->pass, (long long)n.bad_events, (long long)n.first_bad, (long long)first,
                            (long long)last);
        before = n;
    }
    return SBI_OK;
}

static sbi_status check_checksum(const unsigned char *bytes, size_t size, const char *what)
{
    unsigned char digest[HASH_SIZE];
    sbi_sha256 h;
    sbi_sha256_init(&h);
    sbi_sha256_update(&h, bytes, size - HASH_SIZE);
    sbi_sha256_final(&h, digest);
    if (memcmp(digest, bytes + size - HASH_SIZE, HASH_SIZE) == 0) return SBI_OK;
    return sbi_fail(SBI_ERR_CHECKSUM, "%s: damaged or cut short: the checksum of %zu bytes is wrong", what, size);
}

sbi_status sbi_shard_open(sbi_shard_reader *reader, const void *bytes, size_t size, const char *what)
{
    const unsigned char *at = bytes;
    if (!at) return sbi_fail(SBI_ERR_ARGUMENT, "%s is NULL", what);
    if (size < HEAD_SIZE + HASH_SIZE || memcmp(at, MAGIC, 8) != 0)
        return sbi_fail(SBI_ERR_FORMAT, "%s: not a shard (%zu bytes)", what, size);
    if (get(at + 8, 4) != VERSION)
        return sbi_fail(SBI_ERR_VERSION, "%s: format version %u, this library reads %d", what, (unsigned)get(at + 8, 4), VERSION);
    SBI_TRY(check_checksum(at, size, what));
    sbi_shard_head *head = &reader->head;
    head->want = (int32_t)get(at + 12, 4);
    memcpy(head->tape, at + 16, sizeof head->tape);
    memcpy(head->kernels, at + 48, sizeof head->kernels);
    head->precision = (int32_t)get(at + 64, 4);
    if (get(at + 68, 4)) return sbi_fail(SBI_ERR_FORMAT, "%s: reserved bytes are not zero", what);
    head->n_params = get(at + 72, 8);
    head->n_sections = get(at + SECTIONS_AT, 8);
    head->theta = at + HEAD_SIZE;
    const unsigned char *end = at + size - HASH_SIZE;
    SBI_TRY(check_head(head, (uint64_t)(end - head->theta), what));
    reader->at = head->theta + 8 * head->n_params;
    if (head->n_sections > (uint64_t)(end - reader->at) / SECTION_SIZE)
        return sbi_fail(SBI_ERR_FORMAT, "%s: %llu sections do not fit in", what, (unsigned long long)head->n_sections);
    reader->left = head->n_sections;
    sbi_shard_reader ahead = *reader;
    sbi_shard_section s, before = {0};
    for (uint64_t i = 0; i < head->n_sections; i++) {
        if (end - ahead.at < SECTION_SIZE) return sbi_fail(SBI_ERR_FORMAT, "%s: ends within a section", what);
        s = read_section(ahead.at);
        SBI_TRY(check_section(head, &s, (uint64_t)(end - ahead.at) - SECTION_SIZE, what));
        SBI_TRY(check_nodes(&s, what));
        const int overlaps = s.first_row < before.first_row + before.n_rows || s.n_rows == 0;
        if (i > 0 && (s.pass < before.pass || (s.pass == before.pass && overlaps)))
            return sbi_fail(SBI_ERR_FORMAT, "%s: sections are out of order at pass %llu, row %llu", what,
                            (unsigned long long)s.pass, (unsigned long long)s.first_row);
        before = s;
        sbi_shard_next(&ahead, &s);
    }
    if (ahead.at != end) return sbi_fail(SBI_ERR_FORMAT, "%s: %zu bytes too many", what, (size_t)(end - ahead.at));
    return SBI_OK;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

void sbi_shard_writer_init(sbi_shard_writer *w, sbi_context *ctx, const sbi_shard_head *head)
{
    memset(w, 0, sizeof *w);
    sbi_text *text = &w->text;
    sbi_text_init(text, ctx);
    sbi_text_add(text, MAGIC, 8);
    add(text, VERSION, 4);
    add(text, (uint64_t)head->want, 4);
    sbi_text_add(text, head->tape, sizeof head->tape);
    sbi_text_add(text, head->kernels, sizeof head->kernels);
    add(text, (uint64_t)head->precision, 4);
    add(text, 0, 4);
    add(text, head->n_params, 8);
    add(text, 0, 8);
    sbi_text_add(text, head->theta, 8 * (size_t)head->n_params);
    w->section_at = text->size;
}

static unsigned char *written(sbi_shard_writer *w, size_t at) { return (unsigned char *)w->text.data + at; }

static void end_section(sbi_shard_writer *w)
{
    if (w->text.status != SBI_OK) return;
    if (w->n_nodes == 0) {
        w->text.size = w->section_at; /* nothing was added to it */
        return;
    }
    put(written(w, w->section_at + NODES_AT), w->n_nodes, 8);
    w->n_sections++;
    w->section_at = w->text.size;
    w->n_nodes = 0;
}

void sbi_shard_writer_section(sbi_shard_writer *w, const sbi_shard_section *s)
{
    end_section(w);
    w->n_data = (size_t)s->n_data;
    const uint64_t fields[] = {s->pass, s->stage, s->n_events, s->first_row, s->n_rows, s->n_data, 0};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        add(&w->text, fields[i], 8);
}

/* left += right for two nodes that have been written; left becomes their parent. */
static void merge_siblings(unsigned char *left, const unsigned char *right, size_t n_data)
{
    int64_t bad = (int64_t)get(left + 16, 8);
    if (bad == 0) put(left + 24, get(right + 24, 8), 8);
    if (__builtin_add_overflow(bad, (int64_t)get(right + 16, 8), &bad)) bad = INT64_MAX;
    put(left, get(left, 8) + 1, 8);
    put(left + 8, get(left + 8, 8) >> 1, 8);
    put(left + 16, (uint64_t)bad, 8);
    for (size_t i = NODE_SIZE; i < NODE_SIZE + 8 * n_data; i += 8)
        put(left + i, bad ? 0 : bits_of(sbi_shard_double(left + i) + sbi_shard_double(right + i)), 8);
}

void sbi_shard_writer_node(sbi_shard_writer *w, const sbi_shard_node *node, const double *values)
{
    const size_t size = NODE_SIZE + 8 * w->n_data;
    const uint64_t fields[] = {node->level, node->index, (uint64_t)node->bad_events, (uint64_t)node->first_bad};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        add(&w->text, fields[i], 8);
    for (size_t i = 0; i < w->n_data; i++)
        add(&w->text, node->bad_events ? 0 : bits_of(values ? values[i] : sbi_shard_double(node->data + 8 * i)), 8);
    w->n_nodes++;
    while (w->text.status == SBI_OK && w->n_nodes > 1) {
        unsigned char *right = written(w, w->text.size - size), *left = right - size;
        if (get(left, 8) != get(right, 8) || get(left + 8, 8) != (get(right + 8, 8) ^ 1)) break;
        merge_siblings(left, right, w->n_data);
        w->text.size -= size;
        w->n_nodes--;
    }
}

sbi_status sbi_shard_writer_finish(sbi_shard_writer *w, void **bytes, size_t *size)
{
    end_section(w);
    unsigned char digest[HASH_SIZE];
    if (w->text.status == SBI_OK) {
        put(written(w, SECTIONS_AT), w->n_sections, 8);
        sbi_sha256 h;
        sbi_sha256_init(&h);
        sbi_sha256_update(&h, w->text.data, w->text.size);
        sbi_sha256_final(&h, digest);
        sbi_text_add(&w->text, digest, sizeof digest);
    }
    const sbi_status status = w->text.status;
    if (status != SBI_OK) {
        sbi_text_clear(&w->text);
        return status;
    }
    *bytes = w->text.data;
    *size = w->text.size;
    return SBI_OK;
}

void sbi_shard_writer_clear(sbi_shard_writer *w) { sbi_text_clear(&w->text); }
