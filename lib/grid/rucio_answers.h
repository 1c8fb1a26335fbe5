/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what Rucio's server answers, apart from sending, so that it can be fuzzed. Lists come as one JSON object a line. */
#ifndef SBI_GRID_RUCIO_ANSWERS_H
#define SBI_GRID_RUCIO_ANSWERS_H

#include "grid/listing.h"

/* What Rucio knows of a file's bytes. */
typedef struct grid_rucio_file {
    uint64_t size;
    uint32_t adler32;
    int has_adler32;
    char md5[33]; /* "": unknown */
} grid_rucio_file;

typedef struct grid_rucio_replica {
    char *pfn;
    int64_t priority; /* the server's order */
} grid_rucio_replica;

typedef struct grid_rucio_replicas {
    sbi_context *ctx;
    grid_rucio_replica *items; /* by priority, then by name */
    size_t count;
    grid_rucio_file file; /* as said with them */
    int found;            /* a line for the file came */
} grid_rucio_replicas;

/* POST /replicas/list for one file. An empty answer is fine: found stays 0. Physical names of other schemes than http, https, dav, davs are left out. */
sbi_status grid_rucio_read_replicas(grid_rucio_replicas *out, const char *text, size_t size, const char *scope, const char *file, const char *where);
void grid_rucio_replicas_clear(grid_rucio_replicas *replicas);

/* GET /dids/SCOPE/NAME/meta: the bytes that the name stands for. */
sbi_status grid_rucio_read_meta(grid_rucio_file *out, const char *text, size_t size, const char *where);
/* GET /dids/SCOPE/NAME/parents: whether the dataset is among them. */
sbi_status grid_rucio_read_parents(int *is_member, const char *text, size_t size, const char *scope, const char *dataset, const char *where);
/* GET /dids/SCOPE/DATASET/dids: the files of the scope that can be objects, `before` taken off. */
sbi_status grid_rucio_read_content(grid_listing *out, const char *text, size_t size, const char *scope, const char *before, const char *where);
/* GET /rses?expression=: the names, in ascending order, as a list. */
sbi_status grid_rucio_read_rses(grid_listing *out, const char *text, size_t size, const char *where);
/* GET /rses/RSE/lfns2pfns: where SCOPE:NAME is to be. Freed by sbi_free(). */
sbi_status grid_rucio_read_pfn(char **out, sbi_context *ctx, const char *text, size_t size, const char *scope, const char *file, const char *where);

/* The two members of an error body; "" for what is not there. Never fails: an error page of a proxy is no reason to. */
typedef struct grid_rucio_error {
    char kind[64];     /* ExceptionClass */
    char message[300]; /* ExceptionMessage, in one line */
} grid_rucio_error;
void grid_rucio_read_error(grid_rucio_error *out, const char *text, size_t size);
/* What an answer means. The class says more than the code: much that will stay wrong is 500, and so is a database that is locked for a moment. */
sbi_status grid_rucio_status(int code, const grid_rucio_error *error);

#endif
