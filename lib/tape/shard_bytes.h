/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of shards: docs/sharding.md. What is read has been checked by sbi_shard_open(), so that reading on cannot fail. */
#ifndef SBI_TAPE_SHARD_BYTES_H
#define SBI_TAPE_SHARD_BYTES_H

#include "base/text.h"
#include "sbi/shard.h"
#include "tape/partial.h"

#define SBI_SHARD_HASH_SIZE 32
#define SBI_SHARD_KERNELS_SIZE 16

/* What all shards of one evaluation have in common. */
typedef struct sbi_shard_head {
    int32_t want, precision;
    unsigned char tape[SBI_SHARD_HASH_SIZE];
    char kernels[SBI_SHARD_KERNELS_SIZE]; /* padded with NUL */
    uint64_t n_params, n_sections;
    const unsigned char *theta; /* [n_params] of 8 bytes */
} sbi_shard_head;

/* The roots of one pass and one block of rows. */
typedef struct sbi_shard_section {
    uint64_t pass, stage, n_events, first_row, n_rows, n_data, n_nodes;
    const unsigned char *nodes;
} sbi_shard_section;

/* The sum over leaves [index << level, (index + 1) << level). */
typedef struct sbi_shard_node {
    uint64_t level, index;
    int64_t bad_events, first_bad;
    const unsigned char *data; /* [n_data] of 8 bytes */
} sbi_shard_node;

typedef struct sbi_shard_reader {
    sbi_shard_head head;
    const unsigned char *at;
    uint64_t left; /* sections */
} sbi_shard_reader;

double sbi_shard_double(const unsigned char *at);

/* Checks all of the bytes; messages begin with `what`. */
sbi_status sbi_shard_open(sbi_shard_reader *reader, const void *bytes, size_t size, const char *what);
/* The next section; 0 at the end. */
int sbi_shard_next(sbi_shard_reader *reader, sbi_shard_section *section);
sbi_shard_node sbi_shard_node_at(const sbi_shard_section *section, uint64_t i);

/* Growing bytes. Sections come in order of (pass, first_row), the nodes of one from left to right; siblings are merged as they meet,
 * which makes the result depend on the leaves alone. A section that gets no node vanishes. Failures to get memory are kept. */
typedef struct sbi_shard_writer {
    sbi_text text;
    uint64_t n_sections;
    size_t section_at; /* the section being written: where it begins, numbers of a sum, nodes so far */
    size_t n_data;
    uint64_t n_nodes;
} sbi_shard_writer;

void sbi_shard_writer_init(sbi_shard_writer *writer, sbi_context *ctx, const sbi_shard_head *head);
/* n_nodes and nodes of the section are not looked at. */
void sbi_shard_writer_section(sbi_shard_writer *writer, const sbi_shard_section *section);
/* The sums are `values`, or where that is NULL node->data. */
void sbi_shard_writer_node(sbi_shard_writer *writer, const sbi_shard_node *node, const double *values);
/* Hands the bytes over, or frees them and returns the failure that was kept. */
sbi_status sbi_shard_writer_finish(sbi_shard_writer *writer, void **bytes, size_t *size);
void sbi_shard_writer_clear(sbi_shard_writer *writer);

#endif
