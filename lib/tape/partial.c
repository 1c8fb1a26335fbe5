/* SPDX-License-Identifier: Apache-2.0 */
#include "tape/partial.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"

sbi_status sbi_partials_init(sbi_partials *partials, sbi_context *ctx, size_t size)
{
    memset(partials, 0, sizeof *partials);
    partials->ctx = ctx;
    partials->size = size;
    if (pthread_mutex_init(&partials->lock, NULL) != 0) return sbi_fail(SBI_ERR_NO_MEMORY, "no memory for a mutex");
    return SBI_OK;
}

static void free_list(sbi_context *ctx, sbi_partial *p)
{
    while (p) {
        sbi_partial *next = p->next;
        sbi_free(ctx, p);
        p = next;
    }
}

void sbi_partials_clear(sbi_partials *partials)
{
    free_list(partials->ctx, partials->waiting);
    free_list(partials->ctx, partials->free);
    partials->waiting = partials->free = NULL;
    pthread_mutex_destroy(&partials->lock);
}

sbi_status sbi_partials_take(sbi_partials *partials, size_t index, int32_t level, sbi_partial **out)
{
    pthread_mutex_lock(&partials->lock);
    sbi_partial *p = partials->free;
    if (p) partials->free = p->next;
    pthread_mutex_unlock(&partials->lock);
    if (!p) p = sbi_alloc(partials->ctx, sizeof *p + partials->size * sizeof(double));
    if (!p) return SBI_ERR_NO_MEMORY;
    memset(p, 0, sizeof *p + partials->size * sizeof(double));
    p->index = index;
    p->level = level;
    p->first_bad = -1;
    *out = p;
    return SBI_OK;
}

/* left += right, in place of their parent. */
static void merge(const sbi_partials *partials, sbi_partial *left, const sbi_partial *right)
{
    for (size_t i = 0; i < partials->size; i++)
        left->data[i] += right->data[i];
    left->bad_events += right->bad_events;
    if (left->first_bad < 0) left->first_bad = right->first_bad;
}

/* A part, or two, that end the events before their sibling in the leaf would begin. */
static int stands_alone(const sbi_partials *partials, const sbi_partial *node)
{
    return node->level < 0 && node->index % 2 == 0 && (node->index + 1) << (node->level - SBI_PART_LEVEL) >= partials->n_parts;
}

void sbi_partials_add(sbi_partials *partials, sbi_partial *node)
{
    for (;;) {
        if (stands_alone(partials, node)) {
            node->index >>= 1;
            node->level++;
            continue;
        }
        pthread_mutex_lock(&partials->lock);
        sbi_partial **link = &partials->waiting;
        while (*link && !((*link)->level == node->level && (*link)->index == (node->index ^ 1)))
            link = &(*link)->next;
        sbi_partial *sibling = *link;
        if (!sibling) {
            node->next = partials->waiting;
            partials->waiting = node;
            pthread_mutex_unlock(&partials->lock);
            return;
        }
        *link = sibling->next;
        pthread_mutex_unlock(&partials->lock);
        sbi_partial *left = node->index & 1 ? sibling : node, *right = node->index & 1 ? node : sibling;
        merge(partials, left, right);
        pthread_mutex_lock(&partials->lock);
        right->next = partials->free;
        partials->free = right;
        pthread_mutex_unlock(&partials->lock);
        left->index >>= 1;
        left->level++;
        node = left;
    }
}

sbi_partial *sbi_partials_total(sbi_partials *partials)
{
    sbi_partial *total = NULL;
    while (partials->waiting) { /* the rightmost first, so each is added to the sum of all at its right */
        sbi_partial **last = &partials->waiting;
        for (sbi_partial **link = &partials->waiting; *link; link = &(*link)->next)
            if ((*link)->index << (*link)->level > (*last)->index << (*last)->level) last = link;
        sbi_partial *node = *last;
        *last = node->next;
        if (total) {
            merge(partials, node, total);
            total->next = partials->free;
            partials->free = total;
        }
        total = node;
    }
    if (total) {
        total->next = NULL;
        partials->waiting = total;
    }
    return total;
}

typedef struct run {
    sbi_partials *partials;
    size_t first, end, grain; /* parts */
    sbi_part_fn part;
    void *arg;
    atomic_size_t next;
    atomic_int stop;
} run;

static sbi_status run_part(run *r, size_t worker, size_t part)
{
    sbi_partial *p = NULL;
    SBI_TRY(sbi_check_cancel(r->partials->ctx, "evaluating a tape"));
    SBI_TRY(sbi_partials_take(r->partials, part, SBI_PART_LEVEL, &p));
    sbi_status status = r->part(r->arg, worker, part, p);
    sbi_partials_add(r->partials, p); /* after a failure too: it is owned there */
    return status;
}

static sbi_status run_worker(void *arg, size_t worker)
{
    run *r = arg;
    sbi_status status = SBI_OK;
    while (status == SBI_OK && !atomic_load(&r->stop)) {
        const size_t part = r->first + r->grain * atomic_fetch_add(&r->next, 1);
        if (part >= r->end) break;
        for (size_t i = part; i < part + r->grain && i < r->end && status == SBI_OK; i++)
            status = run_part(r, worker, i);
    }
    if (status != SBI_OK) atomic_store(&r->stop, 1);
    return status;
}

sbi_status sbi_partials_run(sbi_partials *partials, size_t workers, size_t first, size_t count, size_t n_parts, size_t grain,
                            sbi_part_fn part, void *arg)
{
    run r = {.partials = partials, .first = first * SBI_LEAF_PARTS, .grain = grain, .part = part, .arg = arg};
    partials->n_parts = n_parts;
    r.end = (first + count) * SBI_LEAF_PARTS < n_parts ? (first + count) * SBI_LEAF_PARTS : n_parts;
    if (r.end <= r.first) return sbi_check_cancel(partials->ctx, "evaluating a tape");
    const size_t tasks = (r.end - r.first + grain - 1) / grain;
    size_t n = sbi_parallel_workers(partials->ctx);
    if (n > workers) n = workers;
    if (n > tasks) n = tasks;
    return sbi_parallel_for(partials->ctx, n, run_worker, &r);
}
