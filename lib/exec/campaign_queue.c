/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/campaign_queue.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* ---- rings ----------------------------------------------------------------------------------------------------- */

static sbi_status ring_init(sbi_ring *r, sbi_context *ctx, size_t capacity)
{
    *r = (sbi_ring){sbi_alloc_array(ctx, capacity, sizeof *r->items), capacity, 0, 0};
    return r->items ? SBI_OK : SBI_ERR_NO_MEMORY;
}

static void push(sbi_ring *r, size_t index)
{
    const size_t at = r->first + r->n++;
    r->items[at < r->capacity ? at : at - r->capacity] = index;
}

static size_t pop(sbi_ring *r)
{
    if (!r->n) return SIZE_MAX;
    const size_t index = r->items[r->first++];
    if (r->first == r->capacity) r->first = 0;
    r->n--;
    return index;
}

/* ---- setting up ------------------------------------------------------------------------------------------------ */

/* Who needs whom, the other way round. */
static sbi_status find_dependents(sbi_campaign_queue *q)
{
    sbi_campaign *c = q->c;
    const size_t n = c->n_tasks;
    size_t edges = 0;
    for (size_t i = 0; i < n; i++) edges += c->tasks[i]->n_after;
    q->missing = sbi_alloc_zero(c->ctx, n + 1, sizeof *q->missing);
    q->from = sbi_alloc_zero(c->ctx, n + 2, sizeof *q->from);
    q->dependents = sbi_alloc_array(c->ctx, edges + 1, sizeof *q->dependents);
    if (!q->missing || !q->from || !q->dependents) return SBI_ERR_NO_MEMORY;
    /* One place further on, so that after filling in each begins where it should. */
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < c->tasks[i]->n_after; k++) q->from[c->tasks[i]->after[k] + 2]++;
    }
    for (size_t i = 0; i < n; i++) q->from[i + 1] += q->from[i];
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < c->tasks[i]->n_after; k++) q->dependents[q->from[c->tasks[i]->after[k] + 1]++] = i;
    }
    return SBI_OK;
}

sbi_status sbi_campaign_queue_init(sbi_campaign_queue *q, sbi_campaign *c)
{
    const size_t n = c->n_tasks ? c->n_tasks : 1;
    memset(q, 0, sizeof *q);
    q->c = c;
    SBI_TRY(ring_init(&q->again, c->ctx, n));
    SBI_TRY(ring_init(&q->ready, c->ctx, n));
    SBI_TRY(ring_init(&q->fetching, c->ctx, n));
    SBI_TRY(sbi_deadlines_init(&q->delayed, c->ctx, n));
    return find_dependents(q);
}

void sbi_campaign_queue_free(sbi_campaign_queue *q)
{
    if (!q->c) return;
    sbi_context *ctx = q->c->ctx;
    sbi_free(ctx, q->again.items);
    sbi_free(ctx, q->ready.items);
    sbi_free(ctx, q->fetching.items);
    sbi_deadlines_free(&q->delayed);
    sbi_free(ctx, q->missing);
    sbi_free(ctx, q->dependents);
    sbi_free(ctx, q->from);
}

/* ---- in and out ------------------------------------------------------------------------------------------------ */

static size_t count_missing(const sbi_campaign *c, const sbi_campaign_task *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_after; i++) n += c->tasks[t->after[i]]->phase != SBI_PHASE_DONE;
    return n;
}

void sbi_campaign_queue_fill(sbi_campaign_queue *q, int waiting)
{
    const sbi_campaign *c = q->c;
    for (size_t i = 0; i < c->n_tasks; i++) {
        const sbi_campaign_task *t = c->tasks[i];
        q->missing[i] = count_missing(c, t);
        if (t->phase == SBI_PHASE_SUBMITTED || (waiting && t->phase == SBI_PHASE_WAITING && !q->missing[i])) sbi_campaign_queue_add(q, i, t->due);
    }
}

void sbi_campaign_queue_add(sbi_campaign_queue *q, size_t index, double now)
{
    const sbi_campaign_task *t = q->c->tasks[index];
    if (t->phase == SBI_PHASE_SUBMITTED) {
        push(&q->again, index);
    } else if (t->due > now) {
        sbi_deadlines_set(&q->delayed, index, t->due);
        q->delayed_fetches += t->phase == SBI_PHASE_FETCH;
    } else {
        push(t->phase == SBI_PHASE_FETCH ? &q->fetching : &q->ready, index);
    }
}

void sbi_campaign_queue_done(sbi_campaign_queue *q, size_t index)
{
    for (size_t k = q->from[index]; k < q->from[index + 1]; k++) {
        const size_t i = q->dependents[k];
        if (--q->missing[i] == 0 && q->c->tasks[i]->phase == SBI_PHASE_WAITING) push(&q->ready, i);
    }
}

double sbi_campaign_queue_advance(sbi_campaign_queue *q, double now, double most)
{
    for (size_t index; (index = sbi_deadlines_take(&q->delayed, now)) != SIZE_MAX;) {
        const int fetch = q->c->tasks[index]->phase == SBI_PHASE_FETCH;
        q->delayed_fetches -= (size_t)fetch;
        push(fetch ? &q->fetching : &q->ready, index);
    }
    return sbi_deadlines_wait(&q->delayed, now, most);
}

size_t sbi_campaign_queue_take(sbi_campaign_queue *q, int only_again)
{
    if (q->again.n || only_again) return pop(&q->again);
    for (size_t index; (index = pop(&q->ready)) != SIZE_MAX;) {
        /* What it needs may have been found damaged since: then it waits for another run. */
        if (!count_missing(q->c, q->c->tasks[index])) return index;
    }
    return SIZE_MAX;
}

size_t sbi_campaign_queue_take_fetch(sbi_campaign_queue *q)
{
    return pop(&q->fetching);
}

int sbi_campaign_queue_runnable(const sbi_campaign_queue *q, int only_again)
{
    return q->again.n || (!only_again && (q->ready.n || q->delayed.n > q->delayed_fetches));
}

int sbi_campaign_queue_fetches(const sbi_campaign_queue *q)
{
    return q->fetching.n || q->delayed_fetches;
}
