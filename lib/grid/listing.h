/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that a server told of, to be given out in order. */
#ifndef SBI_GRID_LISTING_H
#define SBI_GRID_LISTING_H

#include "sbi/store.h"

typedef struct grid_listed {
    char *name;
    sbi_store_info info;
} grid_listed;

typedef struct grid_listing {
    sbi_context *ctx;
    grid_listed *items;
    size_t count, capacity;
} grid_listing;

sbi_status grid_listing_add(grid_listing *l, const char *name, const sbi_store_info *info);
/* Sorts by name (bytes) and calls each() for those that start with prefix and can be names of objects; a name twice counts once. */
sbi_status grid_listing_visit(grid_listing *l, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info),
                              void *user);
void grid_listing_clear(grid_listing *l);

/* A server refused a range (416): SBI_OK where it is the empty one at the end, SBI_ERR_ARGUMENT where it ends beyond the object. */
sbi_status grid_refused_range(const sbi_store_info *info, uint64_t offset, uint64_t length, const char *base, const char *name);
/* Whether the store contract allows a name (see sbi/store.h). */
int grid_name_valid(const char *name);
/* "2026-01-02T03:04:05.678Z" (RFC 3339, UTC) and what curl_getdate() reads, in ms since 1970; 0 where it is neither. */
int64_t grid_date_ms(const char *text);
/* Decimal digits up to the end; 0 if it is no such number. */
int grid_read_size(const char *text, uint64_t *out);
/* 32 hexadecimal digits that nobody else has. */
sbi_status grid_unique(char out[33]);

#endif
