/* SPDX-License-Identifier: Apache-2.0 */
/* A store on another one, for tests of what reads it by ranges: transfers that break off in the middle, bytes that come damaged, and what was served. */
#ifndef TESTS_SUPPORT_PASSING_STORE_H
#define TESTS_SUPPORT_PASSING_STORE_H

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "sbi/store.h"

typedef struct passing_store {
    sbi_store *inner;
    atomic_int gets;        /* of objects whose name begins with cas/ */
    atomic_ullong bytes;    /* of these */
    atomic_int break_every;        /* every n-th of these gives half of its bytes (of every one: none), then SBI_ERR_TRANSIENT; 0: none */
    atomic_int damage_from, damage_to; /* gets [from, to), counted from 1, have the bit flipped; to 0: none */
    atomic_ullong damage_at;     /* byte of the object */
    atomic_int short_from;         /* gets from this one on give a byte too few, and say that all is well; 0: none */
    atomic_int cancel_at;          /* this get cancels `cancelled`; 0: none */
    sbi_context *cancelled;
    const char *watched;    /* a folder whose size is looked at, whenever a whole object is fetched and now and then */
    uint64_t watched_most;
} passing_store;

static pthread_mutex_t passing_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t passing_size;

typedef struct passing_sink {
    passing_store *store;
    sbi_sink *to;
    uint64_t at, end; /* of the object; end: what is let through */
    int damaged, breaks;
} passing_sink;

static inline sbi_status passing_write(void *user, const void *data, size_t size)
{
    passing_sink *s = user;
    unsigned char copy[4096];
    const unsigned char *from = data;
    while (size && s->at < s->end) {
        size_t n = size < sizeof copy ? size : sizeof copy;
        if (n > s->end - s->at) n = (size_t)(s->end - s->at);
        memcpy(copy, from, n);
        if (s->damaged && s->store->damage_at >= s->at && s->store->damage_at < s->at + n) copy[s->store->damage_at - s->at] ^= 8;
        atomic_fetch_add(&s->store->bytes, n);
        SBI_TRY(s->to->write(s->to->user, copy, n));
        from += n;
        size -= n;
        s->at += n;
    }
    return size && s->breaks ? sbi_fail(SBI_ERR_TRANSIENT, "passing store: the line broke") : SBI_OK;
}

static inline int passing_add(const char *path, const struct stat *s, int kind, struct FTW *w)
{
    (void)path, (void)w;
    if (kind == FTW_F) passing_size += (uint64_t)s->st_size;
    return 0;
}

static inline void passing_watch(passing_store *p)
{
    pthread_mutex_lock(&passing_lock);
    passing_size = 0;
    nftw(p->watched, passing_add, 8, FTW_PHYS);
    if (passing_size > p->watched_most) p->watched_most = passing_size;
    pthread_mutex_unlock(&passing_lock);
}

static inline sbi_status passing_get(void *self, const char *name, uint64_t offset, uint64_t length, sbi_sink *sink)
{
    passing_store *p = self;
    if (p->watched && (!length || offset % (1 << 20) == 0)) passing_watch(p);
    if (strncmp(name, "cas/", 4) != 0) return sbi_store_get(p->inner, name, offset, length, sink);
    const int get = atomic_fetch_add(&p->gets, 1) + 1;
    sbi_store_info info = {.struct_size = sizeof info};
    SBI_TRY(sbi_store_stat(p->inner, name, &info));
    const uint64_t end = length ? offset + length : info.size;
    passing_sink between = {p, sink, offset, end, p->damage_to && get >= p->damage_from && get < p->damage_to, 0};
    if (p->break_every && get % p->break_every == 0) {
        between.breaks = 1;
        between.end = offset + (p->break_every == 1 ? 0 : (end - offset) / 2);
    }
    if (p->short_from && get >= p->short_from) between.end = end - 1;
    sbi_sink through = {sizeof through, 0, passing_write, &between};
    if (get == p->cancel_at) sbi_context_cancel(p->cancelled, 1);
    if (p->cancel_at && get >= p->cancel_at && p->cancelled) return sbi_fail(SBI_ERR_CANCELLED, "passing store: cancelled");
    return sbi_store_get(p->inner, name, offset, length, &through);
}

static inline sbi_status passing_stat(void *self, const char *name, sbi_store_info *info)
{
    return sbi_store_stat(((passing_store *)self)->inner, name, info);
}

static inline sbi_status passing_put(void *self, const char *name, sbi_source *source, uint64_t size, uint32_t flags)
{
    return sbi_store_put(((passing_store *)self)->inner, name, source, size, flags);
}

static inline sbi_status passing_list(void *self, const char *prefix,
                                      sbi_status (*each)(void *user, const char *name, const sbi_store_info *info), void *user)
{
    return sbi_store_list(((passing_store *)self)->inner, prefix, each, user);
}

static inline sbi_status passing_remove(void *self, const char *name)
{
    return sbi_store_remove(((passing_store *)self)->inner, name);
}

static inline void passing_close(void *self)
{
    sbi_store_close(((passing_store *)self)->inner);
}

/* Around the store of a URL; `p` must outlive the store. */
static inline sbi_status passing_store_open(sbi_store **out, sbi_context *ctx, const char *url, const char *config, passing_store *p)
{
    static const sbi_store_ops ops = {sizeof ops,  SBI_STORE_ABI, passing_get,    passing_stat,
                                      passing_put, passing_list,  passing_remove, passing_close};
    *out = NULL;
    SBI_TRY(sbi_store_open(&p->inner, ctx, url, config));
    sbi_status status = sbi_store_create(out, ctx, &ops, p, "passing://test");
    if (status != SBI_OK) sbi_store_close(p->inner);
    return status;
}

#endif
