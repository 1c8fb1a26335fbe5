/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that follows the Jobs of one store: one list, then one watch for all of them, however many tasks there are. */
#ifndef SBI_GRID_KUBE_WATCH_H
#define SBI_GRID_KUBE_WATCH_H

#include "grid/kube_api.h"
#include "grid/kube_job.h"

typedef struct kube_watch kube_watch;

/* Starts it. The thread has a client, and a context that ends with it, of its own. */
sbi_status kube_watch_start(kube_watch **out, sbi_context *ctx, const grid_config *config, const kube_options *options);
/* Ends it, at most about a second later; NULL is fine. */
void kube_watch_stop(kube_watch *watch);

#define KUBE_NEWS_JOB 1  /* `object` is a Job as it now is */
#define KUBE_NEWS_GONE 2 /* this Job was deleted */
#define KUBE_NEWS_ALL 3  /* `object` is an array of the names of all Jobs there are: others are gone */

typedef struct kube_news {
    int32_t kind;
    int32_t reserved;
    json_t *object; /* the caller's */
} kube_news;

/* The oldest news, waiting up to timeout_ms; 0: none. */
int kube_watch_next(kube_watch *watch, kube_news *news, int32_t timeout_ms);
/* How the thread fares: SBI_OK, or why it cannot follow, with the message set, and since when (ms, monotonic clock). */
sbi_status kube_watch_status(kube_watch *watch, int64_t *since);

#endif
