/* SPDX-License-Identifier: Apache-2.0 */
/* Merging shards: sections of the same pass and rows come together, their nodes are put in order and added along the tree. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tape/shard_bytes.h"

/* A section and a node, with the part that they are from. */
typedef struct part_section {
    sbi_shard_section section;
    size_t part;
} part_section;

typedef struct part_node {
    sbi_shard_node node;
    size_t part;
} part_node;

typedef struct merging {
    sbi_context *ctx;
    sbi_shard_head head;     /* of part 0 */
    part_section *sections;  /* of all parts, sorted */
    size_t n_sections;
    part_node *nodes;        /* of the sections that come together */
} merging;

static int compare_sections(const void *x, const void *y)
{
    const part_section *a = x, *b = y;
    if (a->section.pass != b->section.pass) return a->section.pass < b->section.pass ? -1 : 1;
    if (a->section.first_row != b->section.first_row) return a->section.first_row < b->section.first_row ? -1 : 1;
    if (a->section.n_rows != b->section.n_rows) return a->section.n_rows < b->section.n_rows ? -1 : 1;
    return (a->part > b->part) - (a->part < b->part);
}

static int compare_nodes(const void *x, const void *y)
{
    const part_node *a = x, *b = y;
    const uint64_t i = a->node.index << a->node.level, j = b->node.index << b->node.level;
    if (i != j) return i < j ? -1 : 1;
    return (a->part > b->part) - (a->part < b->part);
}

/* Whether part `i` belongs to the evaluation of part 0. */
static sbi_status compare_heads(const sbi_shard_head *a, const sbi_shard_head *b, size_t i)
{
    if (memcmp(a->tape, b->tape, sizeof a->tape) != 0 || a->n_params != b->n_params)
        return sbi_fail(SBI_ERR_VERSION, "sbi_shard_merge: part %zu is of another tape or release than part 0", i);
    if (memcmp(a->kernels, b->kernels, sizeof a->kernels) != 0)
        return sbi_fail(SBI_ERR_VERSION, "sbi_shard_merge: part %zu was computed with instruction set %s, part 0 with %s", i,
                        b->kernels, a->kernels);
    if (a->precision != b->precision)
        return sbi_fail(SBI_ERR_VERSION, "sbi_shard_merge: part %zu was computed in %s precision, part 0 in %s", i,
                        b->precision ? "mixed" : "double", a->precision ? "mixed" : "double");
    if (a->want != b->want)
        return sbi_fail(SBI_ERR_ARGUMENT, "sbi_shard_merge: part %zu holds what is numbered %d (SBI_SHARD_*), part 0 %d", i, b->want,
                        a->want);
    for (uint64_t p = 0; p < a->n_params; p++)
        if (memcmp(a->theta + 8 * p, b->theta + 8 * p, 8) != 0)
            return sbi_fail(SBI_ERR_ARGUMENT, "sbi_shard_merge: part %zu has %.17g for parameter %" PRIu64 ", part 0 has %.17g", i,
                            sbi_shard_double(b->theta + 8 * p), p, sbi_shard_double(a->theta + 8 * p));
    return SBI_OK;
}

static sbi_status open_parts(merging *m, const void *const *parts, const size_t *sizes, size_t n)
{
    size_t capacity = 0;
    for (size_t i = 0; i < n; i++) {
        char what[64];
        snprintf(what, sizeof what, "sbi_shard_merge: part %zu", i);
        sbi_shard_reader reader;
        SBI_TRY(sbi_shard_open(&reader, parts[i], sizes[i], what));
        if (i == 0) m->head = reader.head;
        SBI_TRY(compare_heads(&m->head, &reader.head, i));
        sbi_shard_section section;
        while (sbi_shard_next(&reader, &section)) {
            if (m->n_sections == capacity) {
                capacity = capacity ? 2 * capacity : 16;
                part_section *grown = sbi_realloc_array(m->ctx, m->sections, capacity, sizeof *grown);
                if (!grown) return SBI_ERR_NO_MEMORY;
                m->sections = grown;
            }
            m->sections[m->n_sections++] = (part_section){section, i};
        }
    }
    if (m->n_sections) qsort(m->sections, m->n_sections, sizeof *m->sections, compare_sections);
    return SBI_OK;
}

static sbi_status compare_neighbours(const part_section *a, const part_section *b)
{
    const sbi_shard_section *s = &a->section, *t = &b->section;
    if (s->pass != t->pass) return SBI_OK;
    if (s->stage != t->stage || s->n_events != t->n_events)
        return sbi_fail(SBI_ERR_FORMAT, "sbi_shard_merge: parts %zu and %zu disagree about the events of pass %" PRIu64, a->part,
                        b->part, s->pass);
    const int same = s->first_row == t->first_row && s->n_rows == t->n_rows;
    if (same && s->n_data != t->n_data)
        return sbi_fail(SBI_ERR_FORMAT, "sbi_shard_merge: parts %zu and %zu disagree about the sums of pass %" PRIu64, a->part,
                        b->part, s->pass);
    if (!same && t->first_row < s->first_row + s->n_rows)
        return sbi_fail(SBI_ERR_ARGUMENT,
                        "sbi_shard_merge: rows [%" PRIu64 ", %" PRIu64 ") of part %zu and [%" PRIu64 ", %" PRIu64
                        ") of part %zu overlap",
                        s->first_row, s->first_row + s->n_rows, a->part, t->first_row, t->first_row + t->n_rows, b->part);
    return SBI_OK;
}

/* Sections [first, last) have one pass and rows. */
static sbi_status merge_group(merging *m, size_t first, size_t last, sbi_shard_writer *out)
{
    size_t n = 0, at = 0;
    for (size_t i = first; i < last; i++)
        n += (size_t)m->sections[i].section.n_nodes;
    part_node *nodes = sbi_realloc_array(m->ctx, m->nodes, n, sizeof *nodes);
    if (!nodes) return SBI_ERR_NO_MEMORY;
    m->nodes = nodes;
    for (size_t i = first; i < last; i++)
        for (uint64_t k = 0; k < m->sections[i].section.n_nodes; k++)
            nodes[at++] = (part_node){sbi_shard_node_at(&m->sections[i].section, k), m->sections[i].part};
    qsort(nodes, n, sizeof *nodes, compare_nodes);
    sbi_shard_writer_section(out, &m->sections[first].section);
    for (size_t i = 0; i < n; i++) {
        const sbi_shard_node *node = &nodes[i].node, *before = i ? &nodes[i - 1].node : NULL;
        if (before && node->index << node->level < (before->index + 1) << before->level) {
            const int64_t event = (int64_t)(node->index << node->level) * SBI_TAPE_BLOCK;
            return sbi_fail(SBI_ERR_ARGUMENT, "sbi_shard_merge: parts %zu and %zu both hold event %" PRId64 " of pass %" PRIu64,
                            nodes[i - 1].part, nodes[i].part, event, m->sections[first].section.pass);
        }
        sbi_shard_writer_node(out, node, NULL);
    }
    return out->text.status;
}

static sbi_status merge(merging *m, const void *const *parts, const size_t *sizes, size_t n, void **bytes, size_t *size)
{
    SBI_TRY(open_parts(m, parts, sizes, n));
    for (size_t i = 1; i < m->n_sections; i++)
        SBI_TRY(compare_neighbours(&m->sections[i - 1], &m->sections[i]));
    sbi_shard_writer out;
    sbi_shard_writer_init(&out, m->ctx, &m->head);
    sbi_status status = SBI_OK;
    for (size_t i = 0, end; status == SBI_OK && i < m->n_sections; i = end) {
        const sbi_shard_section *s = &m->sections[i].section;
        for (end = i + 1; end < m->n_sections; end++)
            if (m->sections[end].section.pass != s->pass || m->sections[end].section.first_row != s->first_row) break;
        status = merge_group(m, i, end, &out);
    }
    if (status == SBI_OK) return sbi_shard_writer_finish(&out, bytes, size);
    sbi_shard_writer_clear(&out);
    return status;
}

sbi_status sbi_shard_merge(sbi_context *ctx, const void *const *parts, const size_t *sizes, size_t n, void **bytes, size_t *size)
{
    SBI_REQUIRE(bytes && size, "sbi_shard_merge: %s is NULL", bytes ? "size" : "bytes");
    *bytes = NULL;
    *size = 0;
    SBI_REQUIRE(ctx, "sbi_shard_merge: ctx is NULL");
    SBI_REQUIRE(parts && sizes && n > 0, "sbi_shard_merge: %s", n ? "parts or sizes is NULL" : "no part");
    merging m = {.ctx = ctx};
    const sbi_status status = merge(&m, parts, sizes, n, bytes, size);
    sbi_free(ctx, m.sections);
    sbi_free(ctx, m.nodes);
    return status;
}

void sbi_shard_free(sbi_context *ctx, void *bytes)
{
    if (ctx) sbi_free(ctx, bytes);
}
