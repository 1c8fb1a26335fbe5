/* SPDX-License-Identifier: Apache-2.0 */
/* Reading S3's XML, apart from sending, so that it can be fuzzed. */
#ifndef SBI_GRID_S3_ANSWERS_H
#define SBI_GRID_S3_ANSWERS_H

#include "grid/listing.h"

/* A page of ListObjectsV2. */
typedef struct grid_s3_page {
    grid_listing listing;
    char *token; /* where the next page begins */
    int truncated;
} grid_s3_page;

/* `prefix` is cut from the keys, and keys without it are left out. On failure nothing is to be cleared. */
sbi_status grid_s3_read_page(grid_s3_page *page, sbi_context *ctx, const char *data, size_t size, const char *prefix, const char *name);
void grid_s3_page_clear(grid_s3_page *page);

/* Parts that an upload has already, ascending. */
typedef struct grid_s3_part {
    int32_t number;
    char etag[80]; /* with its quotes */
    uint64_t size;
} grid_s3_part;
typedef struct grid_s3_parts {
    sbi_context *ctx;
    grid_s3_part *items;
    size_t count, capacity;
    int32_t next; /* the marker of the next page; 0: this was the last */
    int32_t reserved;
} grid_s3_parts;
/* Adds a page of ListParts. */
sbi_status grid_s3_read_parts(grid_s3_parts *parts, const char *data, size_t size, const char *name);
void grid_s3_parts_clear(grid_s3_parts *parts);
/* The upload of exactly `key` that began last, from ListMultipartUploads; *id NULL: none. */
sbi_status grid_s3_read_uploads(char **id, sbi_context *ctx, const char *data, size_t size, const char *key, const char *name);
/* The text of one element: SBI_ERR_FORMAT if it is missing. Freed by sbi_free(). */
sbi_status grid_s3_read_one(char **out, sbi_context *ctx, const char *data, size_t size, const char *path, const char *name);

#endif
