/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator for tests that fails the k-th request, checks the size given back at release, and knows what is still
 * alive; and the torture loop over every k. */
#ifndef TESTS_SUPPORT_FAILING_ALLOCATOR_H
#define TESTS_SUPPORT_FAILING_ALLOCATOR_H

#include <check.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sbi/context.h"

typedef struct failing_allocator {
    atomic_long requests;    /* so far */
    long fail_at;            /* this request fails, counted from 1; 0: none */
    int fail_from_there_on;  /* and so does every later one */
    atomic_long live_blocks; /* not released yet */
    atomic_long live_bytes;
    atomic_long faults; /* releases with another size than was asked for, or of a block that is not ours */
} failing_allocator;

typedef struct failing_allocator_block {
    size_t size;
    size_t offset; /* from the start of what malloc gave */
    uint64_t mark;
} failing_allocator_block;

#define FAILING_ALLOCATOR_MARK 0x5b1a110c5b1a110cu
#define FAILING_ALLOCATOR_DIRTY ((size_t)256 << 10) /* of the bytes of a block: buffers of megabytes are allocated hundreds of times */

static inline void *failing_allocate(void *user, size_t size, size_t alignment)
{
    failing_allocator *f = (failing_allocator *)user;
    long request = atomic_fetch_add(&f->requests, 1) + 1;
    if (f->fail_at && (request == f->fail_at || (f->fail_from_there_on && request > f->fail_at))) return NULL;
    size_t offset = alignment;
    while (offset < sizeof(failing_allocator_block)) offset += alignment;
    unsigned char *memory = NULL;
    void *whole = NULL;
    if (posix_memalign(&whole, alignment < sizeof(void *) ? sizeof(void *) : alignment, offset + size)) return NULL;
    memory = (unsigned char *)whole + offset;
    failing_allocator_block block = {size, offset, FAILING_ALLOCATOR_MARK};
    memcpy(memory - sizeof block, &block, sizeof block);
    memset(memory, 0xa5, size < FAILING_ALLOCATOR_DIRTY ? size : FAILING_ALLOCATOR_DIRTY); /* whoever relies on zeroed memory shows it */
    atomic_fetch_add(&f->live_blocks, 1);
    atomic_fetch_add(&f->live_bytes, (long)size);
    return memory;
}

static inline void failing_release(void *user, void *memory, size_t size)
{
    failing_allocator *f = (failing_allocator *)user;
    failing_allocator_block block;
    memcpy(&block, (unsigned char *)memory - sizeof block, sizeof block);
    if (block.mark != FAILING_ALLOCATOR_MARK || block.size != size) {
        atomic_fetch_add(&f->faults, 1);
        return;
    }
    atomic_fetch_sub(&f->live_blocks, 1);
    atomic_fetch_sub(&f->live_bytes, (long)size);
    free((unsigned char *)memory - block.offset);
}

/* A context whose memory comes from `f`. NULL if its own allocation was the one to fail. */
static inline sbi_context *failing_context(failing_allocator *f, int32_t threads)
{
    sbi_context_options options = SBI_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.allocate = failing_allocate;
    options.release = failing_release;
    options.allocator_user = f;
    sbi_context *ctx = NULL;
    sbi_status status = sbi_context_create(&ctx, &options);
    ck_assert_int_eq(status, ctx ? SBI_OK : SBI_ERR_NO_MEMORY);
    return ctx;
}

typedef struct torture_report {
    long requests;  /* of a run in which none failed */
    long tolerated; /* failures that the body survived (for instance a thread pool that then runs with one thread) */
} torture_report;

/* Runs body(ctx, arg) in a fresh context with the k-th request failing, for every k, until a run needs fewer than k.
 * Each run must succeed or return SBI_ERR_NO_MEMORY with a message, and must leave nothing alive once the context is
 * destroyed. With `all_later` every request after the k-th fails as well: clean-up must not need memory. */
static inline torture_report torture_allocations(sbi_status (*body)(sbi_context *ctx, void *arg), void *arg,
                                                 int32_t threads, int all_later)
{
    torture_report report = {0, 0};
    for (long k = 1;; k++) {
        ck_assert_msg(k < 100000, "torture: no end after %ld requests", k);
        failing_allocator f;
        memset(&f, 0, sizeof f);
        f.fail_at = k;
        f.fail_from_there_on = all_later;
        sbi_context *ctx = failing_context(&f, threads);
        sbi_status status = SBI_ERR_NO_MEMORY;
        if (ctx) {
            status = body(ctx, arg);
            if (status != SBI_OK) ck_assert_msg(sbi_last_error()[0] != '\0', "request %ld failed without a message", k);
            sbi_context_destroy(ctx);
        }
        int reached = atomic_load(&f.requests) >= k;
        ck_assert_msg(atomic_load(&f.faults) == 0, "request %ld failed: a block was released with a wrong size", k);
        ck_assert_msg(atomic_load(&f.live_blocks) == 0, "request %ld failed: %ld blocks (%ld bytes) leaked", k,
                      atomic_load(&f.live_blocks), atomic_load(&f.live_bytes));
        if (!reached) {
            ck_assert_msg(status == SBI_OK, "nothing failed, but the status is %s: %s", sbi_status_name(status),
                          sbi_last_error());
            report.requests = atomic_load(&f.requests);
            return report;
        }
        ck_assert_msg(status == SBI_OK || status == SBI_ERR_NO_MEMORY, "request %ld failed: %s: %s", k,
                      sbi_status_name(status), sbi_last_error());
        if (status == SBI_OK) report.tolerated++;
    }
}

#endif
