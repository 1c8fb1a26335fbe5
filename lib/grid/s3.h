/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the S3 store share, and pre-signed URLs. */
#ifndef SBI_GRID_S3_H
#define SBI_GRID_S3_H

#include "grid/credentials.h"
#include "grid/grid.h"
#include "grid/http.h"

#define GRID_S3_PART_LEAST ((int64_t)5 << 20) /* S3's own bound; the last part may be smaller */
#define GRID_S3_PARTS_MAX 10000

typedef struct grid_s3 {
    sbi_context *ctx;
    sbi_http *http;
    grid_credentials credentials;
    char *base;   /* "https://endpoint/bucket/prefix/", objects' URLs begin with it */
    char *bucket; /* "https://endpoint/bucket": its URL */
    char *prefix; /* "" or "prefix/": keys begin with it */
    char *region;
    uint64_t part_size;
    int32_t parallel;
} grid_s3;

/* The same as a struct, for signing URLs. */
sbi_status grid_s3_create(grid_s3 **out, sbi_context *ctx, const char *url, const char *config);
void grid_s3_free(grid_s3 *s);

/* Sends a request about an object (name) or, with name NULL, the bucket; `query` without "?", parameters sorted and encoded, may be NULL. The
 * payload's hash is computed for bodies in memory; one from a source comes with its sha256 in hex. */
sbi_status grid_s3_send(grid_s3 *s, const char *name, const char *query, sbi_http_request *request, const char *sha256, sbi_http_answer *answer);
/* A status of an answer; the message has name and S3's code, as "NoSuchKey". */
sbi_status grid_s3_status(grid_s3 *s, const sbi_http_answer *answer, const char *name);

sbi_status grid_s3_list(void *self, const char *prefix, sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user);
/* `size` bytes in parts. */
sbi_status grid_s3_put_parts(grid_s3 *s, const char *name, sbi_source *source, uint64_t size, uint32_t flags);

/* A URL by which anybody may do `method` ("GET", "PUT", "HEAD") with an object for `seconds` (1 to 604800): a secret as long as it is valid. `when`:
 * seconds since 1970. Freed by sbi_secret_free(). Signature version 4 in the query (AWS, "Authenticating Requests: Using Query Parameters"). */
sbi_status grid_s3_presign(char **out, grid_s3 *s, const char *method, const char *name, int64_t seconds, int64_t when);

#endif
