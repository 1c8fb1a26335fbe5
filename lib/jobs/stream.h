/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a store that are read as files without a copy on this machine: by ranges, verified, through a cache of blocks whose size is bounded. */
#ifndef SBI_JOBS_STREAM_H
#define SBI_JOBS_STREAM_H

#include "io/random_file.h"
#include "sbi/store.h"

/* All the objects that a job streams; they share the cache. */
typedef struct sbi_streams sbi_streams;

/* @param memory bytes of blocks; 0: an eighth of what the process may use, and at most a quarter of what is free. The store must outlive it.
 * @param outage_seconds how long calls to a store that is out of reach are repeated. */
sbi_status sbi_streams_create(sbi_streams **out, sbi_context *ctx, sbi_store *store, uint64_t memory, double outage_seconds);
/* Every file must have been closed. NULL is fine. */
void sbi_streams_destroy(sbi_streams *s);

/* Names an object, of which size and content are known. All of them before the first is opened. */
sbi_status sbi_streams_add(sbi_streams *s, const char *name, const char *sha256, uint64_t size);
/* Whether an object was named. s NULL: no. */
int sbi_streams_have(const sbi_streams *s, const char *name);
/* Its check, its load, and any read but of the first SBI_STREAM_HEAD bytes begin with one pass over the whole object, which computes its sha256:
 * SBI_ERR_CHECKSUM, after a second pass, unless it is the one that was named. A pass that is no load notes the hash of each block, and every block
 * that is fetched later is held against it. What is read of the head before is compared by the pass. */
#define SBI_STREAM_HEAD 4096
sbi_status sbi_streams_open_file(sbi_streams *s, const char *name, sbi_random_file *out);

/* What came from the store so far. */
typedef struct sbi_streams_use {
    uint64_t bytes, requests;
} sbi_streams_use;
sbi_streams_use sbi_streams_used(const sbi_streams *s);

#endif
