/* SPDX-License-Identifier: Apache-2.0 */
/* What a context holds. Only base/ looks inside. */
#ifndef SBI_BASE_CONTEXT_H
#define SBI_BASE_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "sbi/context.h"

struct sbi_pool;
struct sbi_attachment;

#define SBI_PROGRESS_SLOTS 16

/* When an activity last reported, for the rate limit of sbi_progress(). */
struct sbi_progress_slot {
    char stage[32];
    int64_t last_ns;
};

struct sbi_context {
    sbi_context_options options;
    int32_t threads;
    atomic_int cancel;
    atomic_size_t memory_now;
    atomic_size_t memory_peak;
    atomic_uint temporary_names;   /* tells the temporary files of one context apart */
    pthread_mutex_t callback_lock; /* log and progress callbacks come one at a time */
    struct sbi_progress_slot progress[SBI_PROGRESS_SLOTS];
    struct sbi_pool *pool; /* NULL until first use, or for ever with the host's parallel_for */
    pthread_mutex_t pool_lock;
    struct sbi_attachment *attachments; /* guarded by pool_lock too: both are touched rarely */
};

#endif
