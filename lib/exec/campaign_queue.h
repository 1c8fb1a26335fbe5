/* SPDX-License-Identifier: Apache-2.0 */
/* What the tasks of a run wait for that are not with the executor: their turn, their time, other tasks. No call but init can fail, and none looks at
 * all tasks but init and fill. */
#ifndef SBI_EXEC_CAMPAIGN_QUEUE_H
#define SBI_EXEC_CAMPAIGN_QUEUE_H

#include "exec/campaign_internal.h"
#include "exec/deadlines.h"

/* First come, first served; with room for every task. */
typedef struct sbi_ring {
    size_t *items;
    size_t capacity, first, n;
} sbi_ring;

typedef struct sbi_campaign_queue {
    sbi_campaign *c;
    sbi_ring again;    /* SUBMITTED: the executor may not know them yet */
    sbi_ring ready;    /* WAITING, and nothing is in their way */
    sbi_ring fetching; /* FETCH */
    sbi_deadlines delayed; /* WAITING or FETCH: not before their time */
    size_t delayed_fetches;
    size_t *missing;              /* of each task: how many that it needs are not done */
    size_t *dependents, *from;    /* those that need task i: dependents[from[i]] to dependents[from[i + 1] - 1] */
} sbi_campaign_queue;

sbi_status sbi_campaign_queue_init(sbi_campaign_queue *q, sbi_campaign *c);
void sbi_campaign_queue_free(sbi_campaign_queue *q);
/* Takes in every task that is SUBMITTED, and, if they are wanted, those that WAIT. */
void sbi_campaign_queue_fill(sbi_campaign_queue *q, int waiting);
/* Takes in a task that is SUBMITTED, in FETCH, or WAITING with all that it needs done; not before t->due. */
void sbi_campaign_queue_add(sbi_campaign_queue *q, size_t index, double now);
/* What waited for this task may go on. */
void sbi_campaign_queue_done(sbi_campaign_queue *q, size_t index);
/* Those whose time has come wait for their turn only. Seconds to the next time, or `most` if that is less. */
double sbi_campaign_queue_advance(sbi_campaign_queue *q, double now, double most);
/* Takes the next one to be submitted, or to be fetched; SIZE_MAX: none. only_again: nothing new. */
size_t sbi_campaign_queue_take(sbi_campaign_queue *q, int only_again);
size_t sbi_campaign_queue_take_fetch(sbi_campaign_queue *q);
/* Whether something is, or will be, to be submitted; to be fetched. */
int sbi_campaign_queue_runnable(const sbi_campaign_queue *q, int only_again);
int sbi_campaign_queue_fetches(const sbi_campaign_queue *q);

#endif
