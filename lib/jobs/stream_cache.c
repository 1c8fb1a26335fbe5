/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of streamed objects: a bounded number of slots, of which the one longest unused is given up first. Threads that want one block wait for one
 * transfer. Who reads a block has those that follow asked for in the background. */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/processors.h"
#include "jobs/stream_internal.h"

#define BLOCK_SMALLEST ((size_t)16 << 10) /* 2048 events in double precision: what is read at once of a column */
#define BLOCK_LARGEST ((size_t)1 << 20)
#define BLOCKS_A_FILE 8 /* that should have room: all files of a model are read side by side */
#define REQUEST_LARGEST ((size_t)8 << 20)

void sbi_stream_cache_init(sbi_streams *s)
{
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_cond_init(&s->wake, NULL);
}

void sbi_stream_cache_destroy(sbi_streams *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = 1;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->n_threads; i++) pthread_join(s->threads[i], NULL);
    for (size_t i = 0; i < s->n_slots; i++) {
        sbi_free(s->ctx, s->slots[i]->data);
        sbi_free(s->ctx, s->slots[i]);
    }
    sbi_free(s->ctx, s->slots);
    pthread_cond_destroy(&s->changed);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
}

void sbi_stream_cache_begin(sbi_streams *s)
{
    const uint64_t files = json_object_size(s->objects) ? json_object_size(s->objects) : 1;
    uint64_t memory = s->memory;
    if (!memory) {
        const uint64_t eighth = sbi_memory_allowed() / 8, quarter_of_free = sbi_memory_available() / 4;
        memory = eighth < quarter_of_free ? eighth : quarter_of_free;
    }
    size_t block = BLOCK_SMALLEST;
    while (block < BLOCK_LARGEST && block < s->largest && 2 * block * BLOCKS_A_FILE <= memory / files) block *= 2;
    s->capacity = memory / block > 2 ? (size_t)(memory / block) : 2;
    s->ahead = s->capacity >= 8 * files ? 4 : s->capacity >= 4 * files ? 2 : s->capacity >= 2 * files ? 1 : 0;
    s->block = block;
}

void sbi_stream_cache_fail(sbi_streams *s, sbi_status status)
{
    if (status == SBI_ERR_CANCELLED) return;
    pthread_mutex_lock(&s->lock);
    if (s->failure == SBI_OK) {
        snprintf(s->why, sizeof s->why, "%s", sbi_last_error());
        s->failure = status;
    }
    pthread_mutex_unlock(&s->lock);
}

static sbi_status failed(const sbi_streams *s)
{
    if (s->failure != SBI_OK) sbi_error_set_message(s->why);
    return s->failure;
}

sbi_status sbi_stream_cache_failed(sbi_streams *s)
{
    pthread_mutex_lock(&s->lock);
    const sbi_status status = failed(s);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- slots, with the lock held ----------------------------------------------------------------------------------- */

static void unlink_slot(sbi_streams *s, stream_slot *slot)
{
    if (slot->newer) slot->newer->older = slot->older;
    else s->newest = slot->older;
    if (slot->older) slot->older->newer = slot->newer;
    else s->oldest = slot->newer;
    slot->newer = slot->older = NULL;
}

static void link_newest(sbi_streams *s, stream_slot *slot)
{
    slot->newer = NULL;
    slot->older = s->newest;
    if (s->newest) s->newest->newer = slot;
    else s->oldest = slot;
    s->newest = slot;
}

static void give_up(sbi_streams *s, stream_slot *slot)
{
    if (!slot->coming) unlink_slot(s, slot);
    slot->file->at[slot->block] = NULL;
    slot->file = NULL;
    slot->coming = 0;
    slot->older = s->free;
    s->free = slot;
}

/* One more, while there is memory for it: others may need that more. */
static void add_slot(sbi_streams *s)
{
    stream_slot **slots = sbi_alloc_next(s->ctx, s->slots, s->n_slots, sizeof *slots);
    if (slots) s->slots = slots;
    stream_slot *slot = slots ? sbi_alloc_zero(s->ctx, 1, sizeof *slot) : NULL;
    if (slot) slot->data = sbi_alloc(s->ctx, s->block);
    if (!slot || !slot->data) {
        sbi_free(s->ctx, slot);
        s->capacity = s->n_slots;
        return;
    }
    s->slots[s->n_slots++] = slot;
    slot->older = s->free;
    s->free = slot;
}

/* A slot for a block that is not there, marked as coming; NULL: all are in use. */
static stream_slot *take(stream_file *f, uint64_t block)
{
    sbi_streams *s = f->streams;
    if (!s->free && s->n_slots < s->capacity) add_slot(s);
    if (!s->free) {
        stream_slot *slot = s->oldest;
        while (slot && slot->pins) slot = slot->newer;
        if (!slot) return NULL;
        give_up(s, slot);
    }
    stream_slot *slot = s->free;
    s->free = slot->older;
    *slot = (stream_slot){.file = f, .block = block, .data = slot->data, .coming = 1};
    f->at[block] = slot;
    return slot;
}

static void make_whole(sbi_streams *s, stream_slot *slot)
{
    slot->coming = 0;
    link_newest(s, slot);
}

stream_slot *sbi_stream_cache_take(stream_file *f, uint64_t block)
{
    pthread_mutex_lock(&f->streams->lock);
    stream_slot *slot = take(f, block);
    pthread_mutex_unlock(&f->streams->lock);
    return slot;
}

void sbi_stream_cache_keep(stream_file *f, stream_slot *slot)
{
    pthread_mutex_lock(&f->streams->lock);
    make_whole(f->streams, slot);
    pthread_cond_broadcast(&f->streams->changed);
    pthread_mutex_unlock(&f->streams->lock);
}

/* Slots for blocks from `first` up to `end` as far as none of them is there, for one request. */
static size_t claim(stream_file *f, uint64_t first, uint64_t end, size_t most)
{
    size_t n = 0;
    if (most > REQUEST_LARGEST / f->streams->block) most = REQUEST_LARGEST / f->streams->block;
    while (n < most && first + n < end && !f->at[first + n] && take(f, first + n)) n++;
    return n;
}

static void settle(stream_file *f, uint64_t first, size_t n, sbi_status status)
{
    for (size_t i = 0; i < n; i++) {
        stream_slot *slot = f->at[first + i];
        if (status == SBI_OK) make_whole(f->streams, slot);
        else give_up(f->streams, slot);
    }
    pthread_cond_broadcast(&f->streams->changed);
}

/* ---- the background ---------------------------------------------------------------------------------------------- */

static void *background(void *arg)
{
    sbi_streams *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->stop && !s->queued) pthread_cond_wait(&s->wake, &s->lock);
        if (s->stop) break;
        const stream_request r = s->queue[s->queue_first];
        s->queue_first = (s->queue_first + 1) % STREAM_REQUESTS;
        s->queued--;
        pthread_mutex_unlock(&s->lock);
        /* Not patiently: who needs the block tries again, and says what is wrong. */
        const sbi_status status = sbi_stream_fetch(r.file, r.first, r.n, 0);
        pthread_mutex_lock(&s->lock);
        settle(r.file, r.first, r.n, status);
        s->asked -= r.n;
        r.file->running--;
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void start(sbi_streams *s)
{
    s->started = 1;
    while (s->n_threads < STREAM_THREADS && pthread_create(&s->threads[s->n_threads], NULL, background, s) == 0) s->n_threads++;
}

/* With the lock held. Leaves half of the slots to those who wait for a block. */
static void ask(stream_file *f, uint64_t first, uint64_t end)
{
    sbi_streams *s = f->streams;
    if (end > f->blocks) end = f->blocks;
    while (first < end && s->queued < STREAM_REQUESTS && s->asked < s->capacity / 2) {
        if (f->at[first]) {
            first++;
            continue;
        }
        if (!s->started) start(s);
        if (!s->n_threads) return;
        const size_t n = claim(f, first, end, s->capacity / 2 - s->asked);
        if (!n) return;
        s->queue[(s->queue_first + s->queued++) % STREAM_REQUESTS] = (stream_request){f, first, n};
        s->asked += n;
        f->running++;
        first += n;
        pthread_cond_signal(&s->wake);
    }
}

void sbi_stream_cache_will_need(stream_file *f, uint64_t offset, size_t size)
{
    sbi_streams *s = f->streams;
    if (!size || !atomic_load(&f->verified)) return;
    pthread_mutex_lock(&s->lock);
    if (s->failure == SBI_OK) ask(f, offset / s->block, (offset + size - 1) / s->block + 1);
    pthread_mutex_unlock(&s->lock);
}

void sbi_stream_cache_forget(stream_file *f)
{
    sbi_streams *s = f->streams;
    pthread_mutex_lock(&s->lock);
    atomic_store(&f->closing, 1); /* cuts short what runs */
    while (f->running) pthread_cond_wait(&s->changed, &s->lock);
    for (uint64_t b = 0; f->at && b < f->blocks; b++)
        if (f->at[b]) give_up(s, f->at[b]);
    atomic_store(&f->closing, 0);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The slot of a block, pinned. `end`: what this read needs up to. With the lock held. */
static sbi_status pin(stream_file *f, uint64_t block, uint64_t end, stream_slot **out)
{
    sbi_streams *s = f->streams;
    for (;;) {
        SBI_TRY(failed(s));
        stream_slot *slot = f->at[block];
        if (slot && !slot->coming) {
            slot->pins++;
            unlink_slot(s, slot);
            link_newest(s, slot);
            *out = slot;
            return SBI_OK;
        }
        const size_t n = slot ? 0 : claim(f, block, end, s->capacity / 4 ? s->capacity / 4 : 1);
        if (!n) {
            if (!s->n_slots) return sbi_fail(SBI_ERR_NO_MEMORY, "%s: no memory for a block", f->name);
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        const sbi_status status = sbi_stream_fetch(f, block, n, s->outage_seconds);
        if (status != SBI_OK) sbi_stream_cache_fail(s, status);
        pthread_mutex_lock(&s->lock);
        settle(f, block, n, status);
        SBI_TRY(status);
    }
}

sbi_status sbi_stream_cache_read(stream_file *f, uint64_t offset, size_t size, void *out)
{
    sbi_streams *s = f->streams;
    unsigned char *to = out;
    const uint64_t end = size ? (offset + size - 1) / s->block + 1 : 0;
    sbi_status status = SBI_OK;
    pthread_mutex_lock(&s->lock);
    while (size && status == SBI_OK) {
        const uint64_t block = offset / s->block;
        const size_t within = (size_t)(offset % s->block), left = s->block - within, n = left < size ? left : size;
        stream_slot *slot = NULL;
        status = pin(f, block, end, &slot);
        if (status != SBI_OK) break;
        ask(f, block + 1, block + 1 + s->ahead);
        pthread_mutex_unlock(&s->lock);
        memcpy(to, slot->data + within, n);
        to += n;
        offset += n;
        size -= n;
        pthread_mutex_lock(&s->lock);
        /* The last one out lets others have the slot. */
        if (--slot->pins == 0) pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}
