/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over events in one fixed order.
 *
 * Leaves (SBI_TAPE_LEAF events each) are nodes of level 0 of a binary tree over the leaf index: node (level, index) covers leaves
 * [index << level, (index + 1) << level) and is its left child plus its right child. Below them the tree goes on to the parts of a leaf
 * (SBI_TAPE_PART events), at level SBI_PART_LEVEL: small samples keep many threads busy, too. The last leaf may lack parts, and is the sum
 * of those that it has. Threads take parts in any order; finished
 * nodes are merged with their sibling as soon as both exist, so O(threads + log leaves) partial sums are alive. A range of leaves
 * leaves behind the roots of its complete subtrees; roots of several ranges may be brought together in any grouping, and the
 * total has the same bits.
 */
#ifndef SBI_TAPE_PARTIAL_H
#define SBI_TAPE_PARTIAL_H

#include <pthread.h>

#include "base/error.h"
#include "sbi/context.h"

#define SBI_PART_LEVEL (-2)
#define SBI_LEAF_PARTS 4

typedef struct sbi_partial {
    struct sbi_partial *next;
    size_t index;
    int32_t level;
    int32_t reserved_;
    int64_t bad_events;
    int64_t first_bad; /* event, or -1 */
    double data[];
} sbi_partial;

/* Partial sums of `size` doubles: those waiting for their sibling (in the end: the roots), and free ones. */
typedef struct sbi_partials {
    sbi_context *ctx;
    size_t size;
    size_t n_parts; /* of all events; set by sbi_partials_run() */
    sbi_partial *waiting;
    sbi_partial *free;
    pthread_mutex_t lock;
} sbi_partials;

sbi_status sbi_partials_init(sbi_partials *partials, sbi_context *ctx, size_t size);
void sbi_partials_clear(sbi_partials *partials);
/* A zeroed partial sum. */
sbi_status sbi_partials_take(sbi_partials *partials, size_t index, int32_t level, sbi_partial **out);
/* Hands in a finished node, merging it upwards as far as siblings wait. */
void sbi_partials_add(sbi_partials *partials, sbi_partial *node);
/* Merges the waiting roots into one, in the fixed order; NULL if there are none. Still owned by `partials`. */
sbi_partial *sbi_partials_total(sbi_partials *partials);

/* Computes part `part` into a zeroed partial. `worker` is below the number of workers given to sbi_partials_run(). */
typedef sbi_status (*sbi_part_fn)(void *arg, size_t worker, size_t part, sbi_partial *out);
/* Runs the parts of leaves [first, first + count) on up to `workers` threads; n_parts: how many there are of all events. A worker takes
 * `grain` parts at once, which divides SBI_LEAF_PARTS. Polls for cancellation before each part; sbi_pass_part() does so between chunks. */
sbi_status sbi_partials_run(sbi_partials *partials, size_t workers, size_t first, size_t count, size_t n_parts, size_t grain,
                            sbi_part_fn part, void *arg);

#endif
