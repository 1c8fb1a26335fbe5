/* SPDX-License-Identifier: Apache-2.0 */
/* What stream.c (objects, verified) and stream_cache.c (blocks of them) share. */
#ifndef SBI_JOBS_STREAM_INTERNAL_H
#define SBI_JOBS_STREAM_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/sha256.h"
#include "io/json.h"
#include "jobs/stream.h"

#define STREAM_THREADS 4    /* requests in the background at a time */
#define STREAM_REQUESTS 64  /* that wait for them */
#define STREAM_HASH_SIZE 16 /* of a block: the first bytes of its sha256 */

typedef struct stream_file stream_file;

/* Room for a block. */
typedef struct stream_slot {
    stream_file *file; /* NULL: free */
    uint64_t block;
    unsigned char *data;
    struct stream_slot *newer, *older; /* of those that are whole; `older` also links the free ones */
    int32_t pins;                      /* threads that copy out of it */
    int32_t coming;                    /* 1: a thread is bringing it, or is going to */
} stream_slot;

typedef struct stream_request {
    stream_file *file;
    uint64_t first;
    size_t n;
} stream_request;

struct stream_file {
    sbi_streams *streams;
    char *object, *name; /* in the store; for messages */
    char sha256[SBI_SHA256_HEX_SIZE];
    unsigned char head[SBI_STREAM_HEAD];
    uint64_t size, blocks;
    unsigned char (*hashes)[STREAM_HASH_SIZE]; /* [blocks] */
    stream_slot **at;                          /* [blocks]; guarded by the lock of the streams */
    size_t running;                            /* requests of the background; the same lock */
    atomic_int verified, closing;
    pthread_mutex_t pass; /* held by who verifies */
};

struct sbi_streams {
    sbi_context *ctx;
    sbi_store *store;
    double outage_seconds;
    uint64_t memory, largest;
    json_t *objects; /* {name: [sha256, size]} */
    size_t block;    /* bytes; 0: nothing was opened yet */
    size_t capacity; /* slots */
    size_t ahead;    /* blocks after the one that is read that are asked for */
    atomic_ullong bytes, requests;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed, wake;
    stream_slot **slots;
    size_t n_slots;
    stream_slot *newest, *oldest, *free;
    stream_request queue[STREAM_REQUESTS];
    size_t queued, queue_first;
    size_t asked; /* slots that the background brings or is going to */
    pthread_t threads[STREAM_THREADS];
    size_t n_threads;
    int started, stop;
    sbi_status failure; /* of a read: every later one gives it too, so that nobody waits for the same outage again */
    char why[SBI_ERROR_MESSAGE_SIZE];
};

/* ---- stream.c ---- */

/* Brings whole blocks into their slots, each held against its hash. Without the lock; seconds: how long to try again. */
sbi_status sbi_stream_fetch(stream_file *f, uint64_t first, size_t n, double seconds);

/* ---- stream_cache.c; all but init and destroy take the lock themselves ---- */

void sbi_stream_cache_init(sbi_streams *s);
void sbi_stream_cache_destroy(sbi_streams *s);
/* Sizes, once all objects are known. */
void sbi_stream_cache_begin(sbi_streams *s);
/* Bytes of one file that was verified. */
sbi_status sbi_stream_cache_read(stream_file *f, uint64_t offset, size_t size, void *out);
void sbi_stream_cache_will_need(stream_file *f, uint64_t offset, size_t size);
/* A slot for a block that the caller fills; NULL where none is free. Then it is whole. */
stream_slot *sbi_stream_cache_take(stream_file *f, uint64_t block);
void sbi_stream_cache_keep(stream_file *f, stream_slot *slot);
/* Waits for what the background does for a file, and forgets its blocks. */
void sbi_stream_cache_forget(stream_file *f);
/* Notes a failure, which every later read gives; a cancelled call may come again. */
void sbi_stream_cache_fail(sbi_streams *s, sbi_status status);
sbi_status sbi_stream_cache_failed(sbi_streams *s);

static inline size_t stream_block_size(const stream_file *f, uint64_t block)
{
    const uint64_t left = f->size - block * f->streams->block;
    return left < f->streams->block ? (size_t)left : f->streams->block;
}

#endif
