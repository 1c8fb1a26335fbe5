/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/deadlines.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

sbi_status sbi_deadlines_init(sbi_deadlines *d, sbi_context *ctx, size_t most)
{
    memset(d, 0, sizeof *d);
    d->ctx = ctx;
    d->when = sbi_alloc_array(ctx, most, sizeof *d->when);
    d->place = sbi_alloc_array(ctx, most, sizeof *d->place);
    d->heap = sbi_alloc_array(ctx, most, sizeof *d->heap);
    if (!d->when || !d->place || !d->heap) {
        sbi_deadlines_free(d);
        return SBI_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < most; i++) d->place[i] = SIZE_MAX;
    return SBI_OK;
}

void sbi_deadlines_free(sbi_deadlines *d)
{
    if (!d->ctx) return;
    sbi_free(d->ctx, d->when);
    sbi_free(d->ctx, d->place);
    sbi_free(d->ctx, d->heap);
    memset(d, 0, sizeof *d);
}

static void put(sbi_deadlines *d, size_t place, size_t index)
{
    d->heap[place] = index;
    d->place[index] = place;
}

/* Of things of the same time the one with the lower number is first. */
static int before(const sbi_deadlines *d, size_t a, size_t b)
{
    return d->when[a] < d->when[b] || (d->when[a] == d->when[b] && a < b);
}

/* The thing at a place goes where it belongs. */
static void settle(sbi_deadlines *d, size_t at)
{
    const size_t index = d->heap[at];
    for (; at > 0 && before(d, index, d->heap[(at - 1) / 2]); at = (at - 1) / 2) put(d, at, d->heap[(at - 1) / 2]);
    for (size_t child; (child = 2 * at + 1) < d->n; at = child) {
        if (child + 1 < d->n && before(d, d->heap[child + 1], d->heap[child])) child++;
        if (!before(d, d->heap[child], index)) break;
        put(d, at, d->heap[child]);
    }
    put(d, at, index);
}

void sbi_deadlines_set(sbi_deadlines *d, size_t index, double when)
{
    d->when[index] = when;
    if (d->place[index] == SIZE_MAX) put(d, d->n++, index);
    settle(d, d->place[index]);
}

void sbi_deadlines_remove(sbi_deadlines *d, size_t index)
{
    if (!d->n) return;
    const size_t at = d->place[index];
    if (at == SIZE_MAX) return;
    d->place[index] = SIZE_MAX;
    if (at == --d->n) return;
    put(d, at, d->heap[d->n]);
    settle(d, at);
}

size_t sbi_deadlines_take(sbi_deadlines *d, double now)
{
    if (!d->n || d->when[d->heap[0]] > now) return SIZE_MAX;
    const size_t index = d->heap[0];
    sbi_deadlines_remove(d, index);
    return index;
}

double sbi_deadlines_wait(const sbi_deadlines *d, double now, double most)
{
    if (!d->n) return most;
    const double wait = d->when[d->heap[0]] - now;
    return wait < 0 ? 0 : wait < most ? wait : most;
}
